"""The mapping editor: one form that posts, with or without a script; what it would do to the sample, and to stored records.

What is typed is kept nowhere before somebody saves it: each button hands the whole form over and gets it back.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub import trials
from hub.errors import UserError
from hub.intake.models import RawRecord
from hub.mapping import versions
from hub.mapping.models import MappingVersion
from hub.mapping.versions import DraftChangedError, UnfitError
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import mapping_buttons, mapping_editor, mapping_form, mapping_place, mapping_words
from hub.web.console.mapping_editor import Looked
from hub.web.console.mapping_form import Row
from hub.web.console.mapping_place import Place, Present
from hub.web.console.mapping_trial import TRIALS, WORDS, Trial, tried, unfit
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("mapping_page", __name__, url_prefix="/mappings/<connector>/<stream>")


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says besides the rows."""

    saved: bool = False
    same: bool = False  # there was nothing to save
    conflict: MappingVersion | None = None
    is_conflict: bool = False
    by: str = ""  # who saved meanwhile
    error: str = ""
    trial: Trial | None = None
    focus: str = ""  # id of what gets the focus
    is_sample_gone: bool = False


# --- views --------------------------------------------------------------------------------------------------------


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(connector: str, stream: str) -> ResponseReturnValue:
    """Show the draft, else what counts, as rows, with the newest record as the sample. Looking at one is audited."""
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        raw = mapping_place.sample(session, place, request.args.get("sample", ""))
        html = _fresh(session, place, raw, Said(saved="saved" in request.args, same="same" in request.args))
    _audit(raw)
    return html


@blueprint.post("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(connector: str, stream: str) -> ResponseReturnValue:
    """Do what a button of the form says, and give the form back."""
    _must_be_whole()
    verb, _, rest = request.form.get("do", "").partition(":")
    if verb in ("save", "over", "publish"):
        return _save(connector, stream, verb)
    said = _tested(connector, stream, rest) if verb == "test" else Said()
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        now = mapping_place.present(session, place)
        raw = mapping_place.sample(session, place, request.form.get("sample", ""))
        rows = _posted(place)
        if verb in ("another", "failing", "choose"):
            raw, said = _other(session, place, raw, verb)
        elif verb != "test":
            known = mapping_editor.targets(session, place.shipped.record)
            rows, focus = mapping_buttons.edited(mapping_buttons.Edit(session, place, rows, known, raw, rest), verb)
            said = Said(focus=focus)
        html = _page(session, place, now, rows, raw, said, seen=typed(request.form, "seen", 100))
    _audit_other(raw)
    return html


@blueprint.post("/preview")
@auth.needs(Right.MANAGE_CONNECTIONS)
def look(connector: str, stream: str) -> ResponseReturnValue:
    """Return what becomes of the sample, row by row, as the form stands."""
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        if not auth.is_htmx():
            return redirect(place.link(".show"), 303)
        known = mapping_editor.targets(session, place.shipped.record)
        raw = mapping_place.sample(session, place, request.form.get("sample", ""))
        rows = _posted(place)
        seen = mapping_editor.looked(place, _document(place, rows), known, raw)
        naming = mapping_place.naming(session, place)
    _audit_other(raw)
    results = [seen.results.get(row.target) for row in rows]
    return render_template("admin/_mapping_seen.html", results=results, seen=seen, raw=raw, field_called=naming)


@blueprint.post("/discard")
@auth.needs(Right.MANAGE_CONNECTIONS)
def discard(connector: str, stream: str) -> ResponseReturnValue:
    """Throw the draft away that the person saw."""
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
    # Where somebody else saved meanwhile they are shown what there is now.
    with suppress(DraftChangedError), current_hub().db.write() as session:
        versions.discard_draft(session, current_person(), place.scope, typed(request.form, "seen", 100))
    return redirect(place.link(".show"), 303)


# --- what is posted -----------------------------------------------------------------------------------------------


def _must_be_whole() -> None:
    """Refuse a form that would come back, or be kept, without a part of what was posted.

    Raises:
        UserError: it is such a one.
    """
    if mapping_form.is_cut(request.form):
        error = UserError("This mapping is too large for a form.", error_id="bad_mapping")
        raise UserError(mapping_words.sentence(error), error_id=error.error_id)


def _posted(place: Place) -> list[Row]:
    return mapping_form.read(request.form, place.shipped.registry)


def _rows(place: Place, now: Present) -> list[Row]:
    needed = [one.name for one in trials.targets(place.shipped.record) if one.required]
    return mapping_form.rows_of(now.document, needed)


def _document(place: Place, rows: Sequence[Row]) -> dict[str, Any]:
    return mapping_form.document_of(rows, place.shipped.as_json(), place.shipped.registry)


def _save(connector: str, stream: str, verb: str) -> ResponseReturnValue:
    """Keep the rows as the draft, unless somebody else saved meanwhile; then go on to publishing it, if that was asked."""
    hub = current_hub()
    try:
        with hub.db.write() as session:
            place = mapping_place.find(session, connector, stream)
            now = mapping_place.present(session, place)
            rows, _focus = mapping_buttons.added(_posted(place), "")
            is_same = _keep(session, place, now, rows, "newer" if verb == "over" else "seen")
    except UserError as error:
        return _again(connector, stream, error)
    if verb == "publish":
        return _to(place.link("mapping_publish.ask"))
    said, sample = Said(saved=not is_same, same=is_same), typed(request.form, "sample", 100)
    if not auth.is_htmx():
        return redirect(place.link(".show", sample=sample, **({"same": 1} if is_same else {"saved": 1})), 303)
    with hub.db.read() as session:
        place = mapping_place.find(session, connector, stream)
        return _fresh(session, place, mapping_place.sample(session, place, sample), said)


def _keep(session: Session, place: Place, now: Present, rows: Sequence[Row], seen: str) -> bool:
    """Save rows as the draft; True: it would say what counts already, and there is none.

    Raises:
        DraftChangedError: somebody else saved since.
    """
    wanted = mapping_form.document_of(rows, now.document, place.shipped.registry)
    kept, base = mapping_place.kept_as(place, wanted, now)
    expected = typed(request.form, seen, 100)
    if now.seen == expected and not now.is_draft and wanted == now.document:
        return True
    versions.save_draft(
        session, current_person(), place.scope, kept, base=base, expected_sha=expected,
        note=now.row.note if now.row is not None and now.is_draft else "",
    )  # fmt: skip
    return False


def _again(connector: str, stream: str, error: UserError) -> ResponseReturnValue:
    """Give the form back with what was typed, and say why it was not saved."""
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        now = mapping_place.present(session, place)
        raw = mapping_place.sample(session, place, request.form.get("sample", ""))
        said = Said(error=mapping_words.sentence(error))
        if isinstance(error, DraftChangedError):
            by = now.row.made_by if now.row is not None else None
            name = session.get(User, by) if by is not None else None
            said = Said(conflict=now.row, is_conflict=True, by=name.name if name else "")
        html = _page(session, place, now, _posted(place), raw, said, seen=typed(request.form, "seen", 100))
    return html, 409 if said.is_conflict else 422


def _to(address: str) -> ResponseReturnValue:
    if auth.is_htmx():
        return Response(status=200, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _audit(raw: RawRecord | None) -> None:
    """Write down that a stored record was looked at."""
    if raw is not None:
        with current_hub().db.write() as session:
            record, person = ("raw_record.seen", "raw_record", raw.public_id), current_person()
            audit.record(session, person, *record, address=auth.address(), by="mapping")


def _audit_other(raw: RawRecord | None) -> None:
    """The same where it is another one than the form showed before."""
    if raw is not None and request.form.get("looked", "") != str(raw.public_id):
        _audit(raw)


# --- another sample, stored records -------------------------------------------------------------------------------


def _other(session: Session, place: Place, raw: RawRecord | None, verb: str) -> tuple[RawRecord | None, Said]:
    """Return another stored record: the one that was chosen, the next older one, or the newest that is set aside."""
    listed = mapping_place.samples(session, place)
    if verb == "choose" or not listed:
        return raw, Said(focus="sample")
    if verb == "failing":
        wanted = next((one for one in listed if one.is_failing), None)
        found = mapping_place.sample(session, place, str(wanted.id)) if wanted else raw
        return found, Said(focus="failing")
    ids = [one.id for one in listed]
    at = ids.index(raw.public_id) if raw is not None and raw.public_id in ids else -1
    return mapping_place.sample(session, place, str(ids[(at + 1) % len(ids)])), Said(focus="another")


def _tested(connector: str, stream: str, wanted: str) -> Said:
    """Try the rows as they stand."""
    limit = next((one for one in TRIALS if str(one) == wanted), TRIALS[0])
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        now = mapping_place.present(session, place)
        kept, _base = mapping_place.kept_as(place, _document(place, _posted(place)), now)
        try:
            return Said(trial=tried(session, place, kept, limit), focus="tried")
        except UnfitError as error:
            return Said(error=unfit(error, mapping_place.labels(session, place)), focus="tried")


# --- the page -----------------------------------------------------------------------------------------------------


def _fresh(session: Session, place: Place, raw: RawRecord | None, said: Said) -> str:
    """Return the page as it is kept."""
    now = mapping_place.present(session, place)
    return _page(session, place, now, _rows(place, now), raw, said)


def _page(
    session: Session,
    place: Place,
    now: Present,
    rows: Sequence[Row],
    raw: RawRecord | None,
    said: Said,
    seen: str | None = None,
) -> str:
    known = mapping_editor.targets(session, place.shipped.record)
    looked: Looked = mapping_editor.looked(place, _document(place, rows), known, raw)
    find = typed(request.values, "find", 100)
    values = {
        "place": place,
        "now": now,
        "seen_sha": now.seen if seen is None else seen,
        "rows": mapping_editor.shown_rows(
            place, rows, known, looked, now.under, mapping_editor.unlisted(session, place, rows)
        ),
        "known": known,
        "seen": looked,
        "raw": raw,
        "samples": mapping_place.samples(session, place),
        "open": mapping_editor.opened(session, place, rows, known, raw, find),
        "transforms": [(name, mapping_words.transform(name)) for name in mapping_editor.transforms(place)],
        "behind": mapping_place.behind(session, place),
        "live": versions.live(session, place.scope),
        "overlay": _overlay(session, place),
        "trials": TRIALS,
        "field_called": mapping_place.naming(session, place),
        **WORDS,
        "said": said,
    }
    template = "admin/_mapping_editor.html" if auth.is_htmx() else "admin/mapping.html"
    return render_template(template, **values)


def _overlay(session: Session, place: Place) -> MappingVersion | None:
    """Return what this account has another way, where one writes for all accounts."""
    if place.account is None or place.scope.is_overlay:
        return None
    return versions.live(session, replace(place.scope, account_id=place.account.id))
