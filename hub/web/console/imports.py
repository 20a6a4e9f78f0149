"""Bringing the data of another system: file, columns, check, run. Each step is an address, and what it holds is kept."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from hub.errors import NotFoundError, UserError
from hub.flow import IMPORTS
from hub.identity.models import Party
from hub.imports import batches, refused
from hub.imports.batches import Brought
from hub.imports.columns import Options
from hub.imports.models import BatchState, ImportBatch, What
from hub.imports.reading import Look, encodings, sheets
from hub.intake.models import Account
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.store.shelf import MIB, TooLargeError
from hub.web import auth, uploads
from hub.web.console import imports_form, imports_undo, imports_words
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("imports", __name__, url_prefix="/connections/imports")
LARGEST = 4096 * MIB  # bytes of one upload
PAGE = 50  # imports of a list
MOST_NAMED = 20  # customers that stay after an undo
Change = Callable[[Session, ImportBatch], None]


# --- all of them --------------------------------------------------------------------------------------------------


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show() -> ResponseReturnValue:
    """List the imports, those of one source where one is asked for."""
    before, source = request.args.get("before", type=int), request.args.get("source", "")
    query = select(ImportBatch, Account.public_id).join(Account, Account.id == ImportBatch.account_id)
    if source:
        query = query.where(Account.public_id == _uuid(source))
    if before is not None:
        query = query.where(ImportBatch.id < before)
    with current_hub().db.read() as session:
        found = session.execute(query.order_by(ImportBatch.id.desc()).limit(PAGE + 1)).all()
        shown = [(batches.progress(session, row), account) for row, account in found[:PAGE]]
    older = found[PAGE - 1][0].id if len(found) > PAGE else None
    return render_template("admin/imports.html", lines=shown, older=older, source=source, words=imports_words)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is no such connection.") from None


# --- 1 file -------------------------------------------------------------------------------------------------------


@blueprint.get("/new")
@auth.needs(Right.MANAGE_CONNECTIONS)
def new() -> ResponseReturnValue:
    """Ask for a file."""
    return _new(request.args)


@blueprint.post("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def bring() -> ResponseReturnValue:
    """Take a file. It is larger than other forms, so the token of this one is looked at only after that is said."""
    hub, here = current_hub(), request
    try:
        uploads.take(here, batches.shelf(hub.settings).folder, largest=LARGEST)
        given = here.files.get("file")
        if given is None or not given.filename:
            raise UserError("Choose a file first.", error_id="no_file", field="file")
        brought = Brought(given.filename.replace("\0", ""), _what(), typed(here.form, "source"), _region())
        batch = batches.bring(hub.db, hub.settings, current_person(), uploads.blocks(given.stream), brought)
    except (RequestEntityTooLarge, TooLargeError):
        return _new({}, UserError("The file is too large.", error_id="large_file", field="file")), 413
    except UserError as error:
        return _new(here.form, error), 422
    return redirect(url_for(".file", public_id=batch.public_id), 303)


def _what() -> What:
    try:
        return What(request.form.get("what", ""))
    except ValueError:
        raise UserError("Choose what the rows are.", error_id="bad_kind", field="what") from None


def _region() -> str:
    region = typed(request.form, "region", 10).strip().upper()
    if region and not (len(region) == 2 and region.isascii() and region.isalpha()):
        raise UserError("A country is two letters.", error_id="bad_region", field="region")
    return region


def _new(values: Mapping[str, str], error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        query = select(Account.name, Account.region).where(Account.connector == IMPORTS)
        known = session.execute(query.order_by(Account.name)).all()
    return render_template(
        "admin/import_new.html", values=values, known=known, usual=batches.USUAL_SOURCE, words=imports_words,
        home_region=current_hub().settings.hub.region, largest=LARGEST // (1024 * MIB), **_said(error),
    )  # fmt: skip


@blueprint.get("/<uuid:public_id>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def go_on(public_id: UUID) -> ResponseReturnValue:
    """Go to the step that an import is at."""
    with current_hub().db.read() as session:
        state = batches.one(session, public_id).state
    steps = {BatchState.LOOKED: ".file", BatchState.CHECKING: ".check", BatchState.CHECKED: ".check"}
    return redirect(url_for(steps.get(BatchState(state), ".run"), public_id=public_id), 303)


@blueprint.get("/<uuid:public_id>/file")
@auth.needs(Right.MANAGE_CONNECTIONS)
def file(public_id: UUID) -> ResponseReturnValue:
    """Show how a file is read."""
    return _file(public_id)


@blueprint.post("/<uuid:public_id>/file")
@auth.needs(Right.MANAGE_CONNECTIONS)
def read_file(public_id: UUID) -> ResponseReturnValue:
    """Read a file another way."""
    hub, form, look = current_hub(), request.form, None
    try:
        with hub.db.write() as session:
            batch = batches.one(session, public_id)
            before = Look.of_json(batch.look)
            look, what = imports_form.typed_look(form, before), _what()
            if look != before or what != batch.what:
                region = session.get_one(Account, batch.account_id).region or hub.settings.hub.region
                imports_form.read_again(session, hub.settings, batch, look, what=what, region=region)
                facts: dict[str, Any] = {"file": batch.file_name, "look": batch.look, "what": what}
                audit.record(session, current_person(), "import.read", "import", public_id, **facts)
    except UserError as error:
        return _file(public_id, look, error), 422
    return redirect(url_for(".columns" if form.get("do") == "next" else ".file", public_id=public_id), 303)


def _file(public_id: UUID, look: Look | None = None, error: UserError | None = None) -> str:
    """Show the first rows as they are read now; beside a fault, the form as it was typed."""
    settings = current_hub().settings
    with current_hub().db.read() as session:
        batch = batches.one(session, public_id)
        facts = _frame(session, batch, "file")
    shown, look = None, look or Look.of_json(batch.look)
    names: tuple[str, ...] = ()
    try:
        names = sheets(batches.file_of(settings, batch), look)
        shown = batches.preview(settings, batch)
    except UserError as fault:
        error = error or fault
    known = encodings() if look.encoding in encodings() else (look.encoding, *encodings())
    return render_template(
        "admin/import_file.html", **facts, look=look, shown=shown, sheets=names, encodings=known,
        has_encoding=look.format in imports_form.TEXTS, has_header=look.format in imports_form.TABLES,
        delimiters=imports_form.delimiters(look), what=request.form.get("what", batch.what), **_said(error),
    )  # fmt: skip


# --- 2 columns ----------------------------------------------------------------------------------------------------


@blueprint.get("/<uuid:public_id>/columns")
@auth.needs(Right.MANAGE_CONNECTIONS)
def columns(public_id: UUID) -> ResponseReturnValue:
    """Show what each column is."""
    return _columns(public_id)


@blueprint.post("/<uuid:public_id>/columns")
@auth.needs(Right.MANAGE_CONNECTIONS)
def choose(public_id: UUID) -> ResponseReturnValue:
    """Say what each column is."""
    hub, chosen = current_hub(), None
    try:
        with hub.db.write() as session:
            batch = batches.one(session, public_id)
            there = batches.preview(hub.settings, batch, 0).columns
            offered = imports_form.choices(session, What(batch.what), str(get_locale()))
            chosen = imports_form.typed_columns(request.form, there, offered, Options.of_json(batch.options))
            if chosen != (dict(batch.columns), Options.of_json(batch.options)) or not batch.found:
                batches.choose(
                    session, hub.settings, current_person(), batch, columns=chosen[0], options=chosen[1]
                )  # fmt: skip
    except UserError as error:
        return _columns(public_id, chosen, error), 422
    return redirect(url_for(".check", public_id=public_id), 303)


def _columns(
    public_id: UUID, chosen: tuple[Mapping[str, str], Options] | None = None, error: UserError | None = None
) -> str:
    hub, lines, seen = current_hub(), [], ""
    with hub.db.read() as session:
        batch = batches.one(session, public_id)
        facts = _frame(session, batch, "columns")
        offered = imports_form.choices(session, What(batch.what), str(get_locale()))
        users = session.execute(select(User.public_id, User.name).where(User.disabled_at.is_(None)).order_by(User.name))
        colleagues = [(str(one.public_id), one.name) for one in users]
    targets, options = chosen or (batch.columns, Options.of_json(batch.options))
    try:
        shown = batches.preview(hub.settings, batch, batches.SAMPLE)
        lines, seen = imports_form.lines(shown, offered, targets, options), imports_form.mark(shown.columns)
    except UserError as fault:
        error = error or fault
    has_rules = any(one.has_rule for one in offered)
    return render_template(
        "admin/import_columns.html", **facts, lines=lines, seen=seen, offered=offered, options=options,
        old_users=imports_form.old_users(batch, options), colleagues=colleagues, has_rules=has_rules, is_history=batch.what == What.INTERACTIONS, **_said(error),
    )  # fmt: skip


# --- 3 check, 4 run -----------------------------------------------------------------------------------------------


@blueprint.get("/<uuid:public_id>/check")
@auth.needs(Right.MANAGE_CONNECTIONS)
def check(public_id: UUID) -> ResponseReturnValue:
    """Show what would come of it."""
    return _step(public_id, "check")


@blueprint.get("/<uuid:public_id>/run")
@auth.needs(Right.MANAGE_CONNECTIONS)
def run(public_id: UUID) -> ResponseReturnValue:
    """Show how far it is, and what came of it."""
    return _step(public_id, "run")


@blueprint.get("/<uuid:public_id>/<any(check, run):step>/now")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def progress(public_id: UUID, step: str) -> ResponseReturnValue:
    """Say how far it is; the page asks until nothing goes on."""
    if not auth.is_htmx():
        return redirect(url_for(f".{step}", public_id=public_id), 303)
    return _step(public_id, step, part=True)


@blueprint.post("/<uuid:public_id>/<any(check, start, pause, resume, cancel, undo):what>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(public_id: UUID, what: str) -> ResponseReturnValue:
    """Check, begin, stop, go on, or take back."""
    hub, step = current_hub(), "run"
    try:
        with hub.db.write() as session:
            batch = batches.one(session, public_id)
            if what == "check" or batch.state == BatchState.CHECKING:
                step = "check"
            _CHANGES[what](session, batch)
    except UserError as error:
        return _step(public_id, step, error), 422
    hub.trigger.notify("imports")
    return redirect(url_for(f".{step}", public_id=public_id), 303)


def _check(session: Session, batch: ImportBatch) -> None:
    batches.check(session, current_hub().settings, current_person(), batch)


def _start(session: Session, batch: ImportBatch) -> None:
    batches.start(session, current_hub().settings, current_hub().flow, current_person(), batch)


_CHANGES: Mapping[str, Change] = {
    "check": _check,
    "start": _start,
    "pause": lambda session, batch: batches.pause(session, current_person(), batch),
    "resume": lambda session, batch: batches.resume(session, current_person(), batch),
    "cancel": lambda session, batch: batches.cancel(session, current_person(), batch),
    "undo": lambda session, batch: batches.undo(session, current_person(), batch),
}


def _step(public_id: UUID, step: str, error: UserError | None = None, *, part: bool = False) -> str:
    with current_hub().db.read() as session:
        batch = batches.one(session, public_id)
        facts = _frame(session, batch, step)
        before = batches.same_before(session, batch) if batch.state in batches.OPEN else None
        rows = batches.refused(session, batch, limit=batches.FIRST)
        stay = batch.counts.get("kept", {}).get("stays", {}).get("first", [])
        parties = select(Party.public_id, Party.name).where(Party.id.in_(stay[:MOST_NAMED])).order_by(Party.name)
        left = session.execute(parties).all() if stay else []
        is_asked = not part and step == "run" and "undo" in request.args and _may_undo(batch)
        will_stay = imports_undo.stays(session, batch) if is_asked else None
    template = f"admin/_import_{step}.html" if part else f"admin/import_{step}.html"
    return render_template(
        template, **facts, before=before, refused=rows, left=left, may_undo=_may_undo(batch), is_asked=is_asked,
        will_stay=will_stay, **_said(error),
    )  # fmt: skip


def _may_undo(batch: ImportBatch) -> bool:
    in_time = batch.undo_until is None or batch.undo_until > now()
    return batch.state in {*batches.ENDED, BatchState.PAUSED} and in_time


@blueprint.get("/<uuid:public_id>/refused.csv")
@auth.needs(Right.MANAGE_CONNECTIONS)
def save_refused(public_id: UUID) -> ResponseReturnValue:
    """Hand the refused rows out, each with its reason, to be mended and brought again."""
    hub = current_hub()
    with hub.db.write() as session:
        batch = batches.one(session, public_id)
        audit.record(session, current_person(), "import.refused_saved", "import", public_id, file=batch.file_name)

    def parts() -> Iterator[str]:
        with hub.db.read() as session:
            yield from refused.write(session, hub.settings, batches.one(session, public_id))

    answer = Response(parts(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="refused.csv"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


# --- what all steps show ------------------------------------------------------------------------------------------


def _frame(session: Session, batch: ImportBatch, step: str) -> dict[str, Any]:
    """Return what the head of each step needs."""
    return {
        "batch": batch,
        "now": batches.progress(session, batch),
        "step": step,
        "is_open": batch.state in batches.OPEN,
        "words": imports_words,
    }


def _said(error: UserError | None) -> dict[str, Any]:
    """Return what a form says is wrong, and where."""
    if error is None:
        return {"error": "", "detail": "", "field": ""}
    text, detail = imports_words.fault(error)
    return {"error": text, "detail": detail, "field": error.field}
