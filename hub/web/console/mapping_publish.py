"""Publish a draft: what it changes, from when on, and how far the run over history is."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub import replays
from hub.errors import NotFoundError, UserError
from hub.intake.models import Account
from hub.mapping import versions
from hub.mapping.versions import DraftChangedError, UnfitError
from hub.replays import Progress
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.clock import clock
from hub.web.console import mapping_diff, mapping_place, mapping_trial, mapping_words, reasons
from hub.web.console.mapping_place import Place
from hub.web.console.mapping_trial import TRIALS, WORDS
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("mapping_publish", __name__, url_prefix="/mappings/<connector>/<stream>")


@blueprint.get("/publish")
@auth.needs(Right.MANAGE_CONNECTIONS)
def ask(connector: str, stream: str) -> ResponseReturnValue:
    """Show what the draft changes, and ask from when on it counts."""
    return _ask(connector, stream)


@blueprint.post("/publish")
@auth.needs(Right.MANAGE_CONNECTIONS)
def publish(connector: str, stream: str) -> ResponseReturnValue:
    """Make the draft live that the person saw; the run over history is asked for in the same transaction."""
    try:
        with current_hub().db.write() as session:
            place = mapping_place.find(session, connector, stream)
            again, since = mapping_place.wanted_again()
            _publish(
                session, place, typed(request.form, "seen", 100), typed(request.form, "note", versions.LONGEST_NOTE)
            )
            if again:
                mapping_place.ask_again(session, place, since)
    except NotFoundError:
        raise
    except UserError as error:
        return _ask(connector, stream, error), 409 if isinstance(error, DraftChangedError) else 422
    if again:
        current_hub().trigger.notify("replays")
    return redirect(place.link(".runs" if again else "mapping_versions.show", published=1), 303)


def _publish(session: Session, place: Place, seen: str, note: str) -> None:
    draft = versions.draft(session, place.scope)
    if draft is not None and draft.sha256 == seen:
        versions.save_draft(
            session, current_person(), place.scope, draft.document, base=draft.base, note=note, expected_sha=seen
        )
    versions.publish(session, current_person(), place.scope, seen, shipped=place.shipped)


def _ask(connector: str, stream: str, error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        present = mapping_place.present(session, place)
        draft = versions.draft(session, place.scope)
        live = versions.live(session, place.scope)
        before = present.under if live is None else mapping_place.whole(place, live.document, present.under)
        lines = mapping_diff.lines(before, present.document) if draft is not None else []
        labels = mapping_place.labels(session, place)
        said, field = (_said(error, labels), error.field) if error else ("", "")
        trial = None
        if draft is not None:
            try:
                trial = mapping_trial.tried(session, place, draft.document, TRIALS[-1])
            except UnfitError as wrong:
                said = said or mapping_trial.unfit(wrong, labels)
        reached = list(place.reached(session))
    return render_template(
        "admin/mapping_publish.html",
        place=place,
        now=present,
        draft=draft,
        live=live,
        lines=lines,
        trial=trial,
        reached=reached,
        error=said,
        field=field,
        today=now().astimezone(clock().zone).date().isoformat(),
        form=request.form,
        field_called=partial(reasons.called, labels=labels),
        **WORDS,
    )


def _said(error: UserError, labels: Mapping[str, str]) -> str:
    return mapping_trial.unfit(error, labels) if isinstance(error, UnfitError) else mapping_words.sentence(error)


# --- run again ----------------------------------------------------------------------------------------------------


@blueprint.get("/runs")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def runs(connector: str, stream: str) -> ResponseReturnValue:
    """Show how far runs over history are; the page asks every few seconds while one is under way."""
    return _runs_page(connector, stream)


def _runs_page(connector: str, stream: str, error: str = "") -> str:
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        present = mapping_place.present(session, place)
        found = _runs(session, place)
    template = "admin/_mapping_runs.html" if auth.is_htmx() else "admin/mapping_runs.html"
    return render_template(
        template,
        place=place,
        now=present,
        runs=found,
        is_busy=any(not one.is_over for _, one in found),
        published="published" in request.args,
        error=error,
        today=now().astimezone(clock().zone).date().isoformat(),
    )


def _runs(session: Session, place: Place) -> list[tuple[Account, Progress]]:
    """Return the runs that are about this stream, of the accounts that the address speaks of."""
    return [
        (account, one)
        for account in place.reached(session)
        for one in replays.progress(session, account.id)
        if one.stream.partition(":")[0] in ("", place.stream)
    ]


@blueprint.post("/runs")
@auth.needs(Right.MANAGE_CONNECTIONS)
def run_again(connector: str, stream: str) -> ResponseReturnValue:
    """Ask for a run under what counts now."""
    try:
        with current_hub().db.write() as session:
            place = mapping_place.find(session, connector, stream)
            again, since = mapping_place.wanted_again()
            if again:
                mapping_place.ask_again(session, place, since)
    except NotFoundError:
        raise
    except UserError as error:
        return _runs_page(connector, stream, mapping_words.sentence(error)), 422
    current_hub().trigger.notify("replays")
    return redirect(place.link(".runs"), 303)


@blueprint.post("/runs/<uuid:run>/cancel")
@auth.needs(Right.MANAGE_CONNECTIONS)
def cancel(connector: str, stream: str, run: UUID) -> ResponseReturnValue:
    """Take a run back; what it did stays."""
    with current_hub().db.write() as session:
        place = mapping_place.find(session, connector, stream)
        row = _one(session, place, run)
        replays.cancel(session, current_person(), row)
    return redirect(place.link(".runs"), 303)


def _one(session: Session, place: Place, run: UUID) -> Any:
    for account in place.reached(session):
        try:
            return replays.one(session, account.id, run)
        except NotFoundError:
            continue
    raise NotFoundError("There is no such run.")
