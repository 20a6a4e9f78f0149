"""Files that a person hands over: e-invoices into the account that takes them, one transaction a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import select

from hub import flow as flows
from hub.accounting.models import DocumentRow
from hub.connector.contract import Delivered
from hub.connector.ledger import TakesFiles
from hub.errors import NotFoundError, ShapeError
from hub.intake import receive
from hub.intake.models import Account, RawState
from hub.intake.receive import Fate, Kept
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, connections, money_words, reasons
from hub.web.frame import current_hub

blueprint = Blueprint("upload_page", __name__, url_prefix="/connections/<uuid:account_id>/files")
LARGEST = 64 * 2**20  # bytes of all files of one upload
MOST = 200  # files of one upload


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    name: str
    is_taken: bool
    is_new: bool = False  # False: it was here already, unchanged
    why: Markup = reasons.NONE  # why it was not taken
    document: UUID | None = None
    title: str = ""
    raw: UUID | None = None  # where it waits, set aside


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show the form."""
    return _page(account_id)


@blueprint.post("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def take(account_id: UUID) -> ResponseReturnValue:
    """Take files. They are larger than other forms, so the token of this one is looked at only after that is said."""
    request.max_content_length = LARGEST
    current_app.extensions["csrf"].protect()
    given = [(file.filename, file.read()) for file in request.files.getlist("files") if file.filename][:MOST]
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
    remote = _remote(row)
    outcomes = [_taken(row.id, remote, name, data) for name, data in given]
    with current_hub().db.write() as session:
        taken = sum(one.is_taken for one in outcomes)
        connections.record(session, row, "account.files_taken", files=len(outcomes), taken=taken)
    return _page(account_id, outcomes, is_sent=True)


def _page(account_id: UUID, outcomes: Sequence[Outcome] = (), *, is_sent: bool = False) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        _remote(row)
        html = render_template(
            "admin/upload.html", **account_page.frame(row, "files"), outcomes=outcomes, is_sent=is_sent
        )
    return html, 422 if is_sent and not any(one.is_taken for one in outcomes) else 200


def _remote(row: Account) -> TakesFiles:
    remote: object = current_hub().remotes.open(row)
    if not isinstance(remote, TakesFiles):
        raise NotFoundError("This connection takes no files.")
    return remote


def _taken(account_id: int, remote: TakesFiles, name: str, data: bytes) -> Outcome:
    """Take one file the way of every record; a second time it changes nothing."""
    try:
        records = remote.records_of(name, data)
    except ShapeError as error:
        return Outcome(name, is_taken=False, why=reasons.told(str(error)))
    return _kept(account_id, name, records)


def _kept(account_id: int, name: str, records: Sequence[Delivered]) -> Outcome:
    hub = current_hub()
    with hub.db.write() as session:
        account = session.get_one(Account, account_id)
        kept: list[Kept] = []
        for one in records:
            kept += receive.keep_page(session, account_id, one.stream, [one])
        raws = receive.rows(session, kept)
        waiting = [raw for raw, one in zip(raws, kept, strict=True) if one.waits]
        flows.process(hub.flow, session, account, waiting)
        aside = next((raw for raw in raws if raw.state == RawState.SET_ASIDE), None)
        if aside is not None:
            return Outcome(name, is_taken=False, why=reasons.told(aside.error), raw=aside.public_id)
        document: Any = session.scalar(
            select(DocumentRow).where(DocumentRow.raw_record_id.in_([raw.id for raw in raws])).limit(1)
        )
        is_new = any(one.fate is not Fate.UNCHANGED for one in kept)
        if document is None:
            return Outcome(name, is_taken=True, is_new=is_new)
        title = money_words.title(document.kind, document.number)
        return Outcome(name, is_taken=True, is_new=is_new, document=document.public_id, title=title)
