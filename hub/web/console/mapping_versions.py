"""Versions of a mapping: who published what and when, two beside each other, an older one again, and merging."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.mapping import merge, versions
from hub.mapping.load import sha256_of
from hub.mapping.merge import Conflict, Merged
from hub.mapping.models import MappingVersion
from hub.mapping.versions import DraftChangedError, UnfitError
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.clock import clock
from hub.web.console import mapping_diff, mapping_place, mapping_trial, mapping_words
from hub.web.console.mapping_place import Place
from hub.web.console.mapping_trial import WORDS
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("mapping_versions", __name__, url_prefix="/mappings/<connector>/<stream>")
DRAFT, SHIPPED = "draft", "shipped"
MOST = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One version of the list. `key`: what addresses call it: a number, `draft` or `shipped`."""

    key: str
    row: MappingVersion | None
    made_by: str = ""
    published_by: str = ""


@blueprint.get("/versions")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(connector: str, stream: str) -> ResponseReturnValue:
    """List the versions, the newest first, and the shipped mapping below."""
    return _list(connector, stream)


def _list(connector: str, stream: str, error: str = "") -> str:
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        rows = versions.all_of(session, place.scope)[:MOST]
        names = _names(session, rows)
        lines = [
            Line(key_of(row), row, names.get(row.made_by or 0, ""), names.get(row.published_by or 0, ""))
            for row in rows
        ]
        return render_template(
            "admin/mapping_versions.html",
            place=place,
            now=mapping_place.present(session, place),
            lines=[*lines, Line(SHIPPED, None)],
            live=versions.live(session, place.scope),
            behind=mapping_place.behind(session, place),
            published="published" in request.args,
            error=error,
        )


def _names(session: Session, rows: Any) -> dict[int, str]:
    ids = {one for row in rows for one in (row.made_by, row.published_by) if one is not None}
    return dict(session.execute(select(User.id, User.name).where(User.id.in_(ids))).all()) if ids else {}


def key_of(row: MappingVersion) -> str:
    """Return what addresses call a version."""
    return DRAFT if row.number == versions.DRAFT_NUMBER else str(row.number)


def document(session: Session, place: Place, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a version says as it is kept, and as a whole mapping.

    Raises:
        NotFoundError: there is none of this key.
    """
    under = versions.under(session, place.scope, shipped=place.shipped)
    if key == SHIPPED:
        return ({"fields": {}} if place.scope.is_overlay else under), under
    row = versions.draft(session, place.scope) if key == DRAFT else None
    if key != DRAFT:
        row = versions.numbered(session, place.scope, int(key) if key.isdecimal() and len(key) < 10 else 0)
    if row is None:
        raise NotFoundError("There is no draft.")
    return dict(row.document), mapping_place.whole(place, dict(row.document), under)


@blueprint.get("/versions/compare")
@auth.needs(Right.MANAGE_CONNECTIONS)
def compare(connector: str, stream: str) -> ResponseReturnValue:
    """Show two versions beside each other."""
    keys = (request.args.get("a", SHIPPED), request.args.get("b", DRAFT))
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        (_, before), (_, after) = (document(session, place, key) for key in keys)
        return render_template(
            "admin/mapping_compare.html",
            place=place,
            now=mapping_place.present(session, place),
            keys=keys,
            lines=mapping_diff.lines(before, after),
            field_called=mapping_place.naming(session, place),
        )


# --- an older one again -------------------------------------------------------------------------------------------


@blueprint.get("/versions/<key>/restore")
@auth.needs(Right.MANAGE_CONNECTIONS)
def ask_restore(connector: str, stream: str, key: str) -> ResponseReturnValue:
    """Ask whether an older version is to count again, and from when on."""
    return _ask_restore(connector, stream, key)


@blueprint.post("/versions/<key>/restore")
@auth.needs(Right.MANAGE_CONNECTIONS)
def restore(connector: str, stream: str, key: str) -> ResponseReturnValue:
    """Let an older version, or the shipped mapping, count again."""
    person = current_person()
    try:
        with current_hub().db.write() as session:
            place = mapping_place.find(session, connector, stream)
            again, since = mapping_place.wanted_again()
            document(session, place, key)
            if key == SHIPPED:
                versions.use_shipped(session, person, place.scope, shipped=place.shipped)
            else:
                number = int(key) if key.isdecimal() else 0
                versions.restore(session, person, place.scope, number, shipped=place.shipped)
            if again:
                mapping_place.ask_again(session, place, since)
    except NotFoundError:
        raise
    except UserError as error:
        return _ask_restore(connector, stream, key, error), 422
    if again:
        current_hub().trigger.notify("replays")
    return redirect(place.link("mapping_publish.runs" if again else ".show", published=1), 303)


def _ask_restore(connector: str, stream: str, key: str, error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        _, wanted = document(session, place, key)
        live = versions.live(session, place.scope)
        _, present = document(session, place, SHIPPED if live is None else key_of(live))
        said = (
            ""
            if error is None
            else mapping_trial.unfit(error, mapping_place.labels(session, place))
            if isinstance(error, UnfitError)
            else mapping_words.sentence(error)
        )
        return render_template(
            "admin/mapping_restore.html",
            place=place,
            now=mapping_place.present(session, place),
            key=key,
            lines=mapping_diff.lines(present, wanted),
            field_called=mapping_place.naming(session, place),
            reached=list(place.reached(session)),
            error=said,
            field=error.field if error else "",
            form=request.form,
            today=now().astimezone(clock().zone).date().isoformat(),
        )


# --- when what it was written over changed ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A conflict to be decided, as texts."""

    at: int
    conflict: Conflict
    ours: str
    theirs: str
    base: str


@blueprint.get("/merge")
@auth.needs(Right.MANAGE_CONNECTIONS)
def ask_merge(connector: str, stream: str) -> ResponseReturnValue:
    """Show what changed under a version, and ask who is right where both changed the same."""
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        behind = mapping_place.behind(session, place)
        if behind is None:
            return redirect(place.link("mapping_page.show"), 303)
        merged = _merged(place, behind)
        return _merge_page(session, place, behind, merged)


@blueprint.post("/merge")
@auth.needs(Right.MANAGE_CONNECTIONS)
def take_merge(connector: str, stream: str) -> ResponseReturnValue:
    """Make a draft of what both say; what was decided is decided, else ours stays."""
    try:
        with current_hub().db.write() as session:
            place = mapping_place.find(session, connector, stream)
            back = place.link(".ask_merge")  # a transaction that fails forgets its account
            behind = mapping_place.behind(session, place)
            seen = typed(request.form, "seen", 100)
            under = typed(request.form, "under", 100)  # the choices belong to the conflicts that the person saw
            if behind is None or versions.seen(session, place.scope) != seen or sha256_of(behind.theirs) != under:
                raise DraftChangedError(versions.newest(session, place.scope))
            merged = _merged(place, behind)
            for at, conflict in enumerate(merged.conflicts):
                if request.form.get(f"conflict-{at}") == "theirs":
                    merged = merge.take_theirs(merged, conflict, is_overlay=place.scope.is_overlay)
            versions.save_draft(
                session, current_person(), place.scope, merged.document, base=behind.theirs,
                note=behind.version.note, expected_sha=seen,
            )  # fmt: skip
    except DraftChangedError:
        return redirect(back, 303)  # they see what there is now
    return redirect(place.link("mapping_page.show", saved=1), 303)


def _merged(place: Place, behind: versions.Behind) -> Merged:
    make = merge.merge_overlay if place.scope.is_overlay else merge.merge
    return make(behind.version.base, behind.theirs, behind.version.document)


def _merge_page(session: Session, place: Place, behind: versions.Behind, merged: Merged) -> str:
    under = versions.under(session, place.scope, shipped=place.shipped)
    before = mapping_place.whole(place, dict(behind.version.document), behind.version.base)
    after = mapping_place.whole(place, merged.document, under)
    said = mapping_diff.said
    return render_template(
        "admin/mapping_merge.html",
        place=place,
        now=mapping_place.present(session, place),
        choices=[
            Choice(at, one, said(one.ours), said(one.theirs), said(one.base)) for at, one in enumerate(merged.conflicts)
        ],
        lines=mapping_diff.lines(before, after),
        under=sha256_of(behind.theirs),
        field_called=mapping_place.naming(session, place),
        **WORDS,
    )
