"""What is read of a connection, as its connector offers it: forms of a page, switched on and off, with live counts.

The remote is asked one shelf at a time, each by a request of its own, so that a page of many shelves fills in while one
looks at it. Nobody waits longer than `PATIENCE_S`: what takes longer says so, and what is known here stands there anyway.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLongError
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.stream import Choice, Chooses, Lane, Shelf
from hub.errors import ConnectorError, GoneError, NotFoundError
from hub.intake import accounts, read
from hub.intake.models import Account, StreamState
from hub.leads import taken
from hub.leads.taken import Left, Ours
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.console import account_page, connections, lead_words
from hub.web.frame import current_hub
from hub.web.typed import typed

blueprint = Blueprint("lead_forms", __name__, url_prefix="/connections/<uuid:account_id>/choices")
PATIENCE_S = 10.0  # below that of the page (htmx-config in base.html)
AT_ONCE = 8  # questions to remotes that are open at the same time; more are told to come again
SOON = timedelta(days=14)
_log = log.get(__name__)
_open = threading.BoundedSemaphore(AT_ONCE)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One container of a shelf."""

    choice: Choice
    ours: Ours
    left: Left


class AwayError(Exception):
    """The remote did not answer, and why, in words."""


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show the page; what the remote says comes after it."""
    with current_hub().db.read() as session:
        row = _account(session, account_id)
    if auth.is_htmx() or "ask" in request.args:
        return _shelves(row)
    return render_template("admin/choices.html", **account_page.frame(row, "choices"), asks=True, shelves=(), away="")


@blueprint.get("/<shelf>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def shelf(account_id: UUID, shelf: str) -> ResponseReturnValue:
    """Show one shelf with what the remote says of it now."""
    with current_hub().db.read() as session:
        row = _account(session, account_id)
    return _shelf(row, shelf)


@blueprint.post("/<shelf>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def choose(account_id: UUID, shelf: str) -> ResponseReturnValue:
    """Switch a container on or off; what was read of it stays."""
    hub, form = current_hub(), request.form
    key, wanted = typed(form, "key"), form.get("wanted") == "yes"
    with hub.db.write() as session:
        row = session.scalars(
            select(Account).where(Account.id == _account(session, account_id).id).with_for_update()
        ).one()
        connector = connections.connector_of(row.connector)
        try:
            changed = _remote(row).choose(key, wanted=wanted)
        except GoneError:
            raise NotFoundError("There is no such stream.") from None
        accounts.update(row, connector, hub.vault, {**row.settings, **changed})
        state = session.scalar(select(StreamState).where(StreamState.account_id == row.id, StreamState.stream == key))
        if state is not None and not wanted:
            state.wanted, state.due_at = False, None  # at once; the listing says the same a little later
        read.begin(session, row.id)
        connections.record(session, row, "account.choice_on" if wanted else "account.choice_off", stream=key)
    hub.trigger.notify("streams")
    if not auth.is_htmx():
        return redirect(url_for(".show", account_id=account_id, ask=1), 303)
    return _shelf(row, shelf)


def _shelves(row: Account) -> ResponseReturnValue:
    found, away = list[Shelf](), ""
    try:
        found = list(asked(_remote(row).shelves))
    except AwayError as error:
        away = str(error)
    if auth.is_htmx():
        return render_template("admin/_choices.html", account=row, asks=False, shelves=found, away=away)
    return render_template(
        "admin/choices.html", **account_page.frame(row, "choices"), asks=False, shelves=found, away=away
    )


def _shelf(row: Account, key: str) -> ResponseReturnValue:
    key = key.replace("\0", "")
    remote, found, away = _remote(row), list[Choice](), ""
    try:
        found = list(asked(lambda: remote.choices(key)))
    except AwayError as error:
        away = str(error)
    kept, moment = remote.kept_for(), now()
    with current_hub().db.read() as session:
        found = found or _known(session, row, key)
        ours = taken.of_forms(session, row.id, moment - kept if kept else None)
    lines = [_line(one, ours, kept, moment) for one in found]
    leaves, missing = taken.soonest([one.left for one in lines if one.choice.is_wanted])
    facts = {
        "account": row, "key": key, "lines": lines, "away": away, "kept_days": kept.days if kept else 0,
        "leaves_at": leaves, "missing": missing, "days": max(0, (leaves - moment).days) if leaves else 0,
        "is_soon": leaves is not None and leaves - moment < SOON, "words": lead_words,
    }  # fmt: skip
    if auth.is_htmx():
        return render_template("admin/_shelf.html", **facts)
    return render_template("admin/shelf.html", **account_page.frame(row, "choices"), **facts)


def asked(ask: Callable[[], Sequence[T]]) -> Sequence[T]:
    """Ask a remote in a thread of its own, and wait for it no longer than the patience of whoever looks.

    A question that took too long goes on to its connector's own time-out, and nobody listens.

    Raises:
        AwayError: it did not answer.
    """
    if not _open.acquire(blocking=False):
        raise AwayError(_("Too many questions are open just now. Try again in a moment."))
    told: Future[Sequence[T]] = Future()
    threading.Thread(target=_ask, args=(ask, told), name="choices", daemon=True).start()
    try:
        return told.result(PATIENCE_S)
    except TookTooLongError:
        raise AwayError(_("The other system did not answer in time.")) from None
    except ConnectorError as error:
        raise AwayError(str(error)) from None
    except Exception as error:
        _log.exception("what there is to choose from could not be asked")
        raise AwayError(_("A mistake of ours stopped it; the log of the hub has more.")) from error


def _ask(ask: Callable[[], Sequence[T]], told: "Future[Sequence[T]]") -> None:
    try:
        told.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
        told.set_exception(error)
    finally:
        _open.release()


def _line(choice: Choice, ours: dict[str, Ours], kept: timedelta | None, at: datetime) -> Line:
    mine = ours.get(choice.key.rpartition(":")[2], Ours())
    return Line(choice, mine, taken.left(choice, mine, kept, at))


def _known(session: Session, row: Account, shelf: str) -> list[Choice]:
    """Return the containers of a shelf as the hub saw them last, for when the remote does not answer."""
    query = select(StreamState).where(StreamState.account_id == row.id, StreamState.mailbox == shelf)
    states = session.scalars(query.where(StreamState.records != "").order_by(StreamState.title))
    return [Choice(state.stream, state.title, state.wanted) for state in states]


def _remote(row: Account) -> Chooses:
    remote = current_hub().remotes.open(row, Lane.INTERACTIVE)
    assert isinstance(remote, Chooses)  # `_account` made sure
    return remote


def _account(session: Session, account_id: UUID) -> Account:
    """Return a connection of which a person chooses what is read.

    Raises:
        NotFoundError: there is none, or nothing is to be chosen.
    """
    row = account_page.account_of(session, account_id)
    if not account_page.chooses(row):
        raise NotFoundError("Of this connection everything is read.")
    return row
