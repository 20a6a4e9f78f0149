"""Differences: contacts that both sides changed, those that stand still, and those that could not be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, lazy_gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import conflicts, in_step
from hub.identity.models import Conflict, Link, Party
from hub.intake import vanishing
from hub.intake.models import Account
from hub.outbound import outbox
from hub.outbound.models import Outbox, OutboxState
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, connections
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("differences", __name__)
FIELDS: Mapping[str, LazyString] = MappingProxyType(
    {
        "name": lazy_gettext("Name"),
        "company": lazy_gettext("Company"),
        "job_title": lazy_gettext("Job title"),
        "emails": lazy_gettext("E-mail"),
        "phones": lazy_gettext("Phone"),
        "addresses": lazy_gettext("Address"),
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One difference."""

    id: UUID
    party: Party
    account: str
    field: str
    ours: str
    theirs: str
    before: str
    winner: str  # hub, remote; empty: nobody chose yet
    at: datetime


@dataclass(frozen=True, slots=True)
class Still:
    """A contact that stands still, or that could not be written."""

    number: int
    party: Party
    account: str
    why: str = ""


@blueprint.get("/differences")
@auth.needs(Right.EDIT_PARTIES)
def show() -> ResponseReturnValue:
    """Show what waits for a decision."""
    return _page()


@blueprint.post("/differences/<uuid:public_id>")
@auth.needs(Right.EDIT_PARTIES)
def settle(public_id: UUID) -> ResponseReturnValue:
    """Let one side's word count, or leave it as it was chosen."""
    choice = request.form.get("choice", "")
    try:
        with current_hub().db.write() as session:
            row = conflicts.get(session, public_id)
            if choice == "accept":
                conflicts.accept(session, current_person(), row)
            else:
                conflicts.settle(session, current_person(), row, choice)
    except NotFoundError:
        raise
    except UserError as error:
        return _page(error), 422
    current_hub().trigger.notify("outbox")
    return _back()


@blueprint.post("/differences/frozen/<int:number>")
@auth.needs(Right.EDIT_PARTIES)
def go_on(number: int) -> ResponseReturnValue:
    """Let a contact that went round too often be kept in step again."""
    with current_hub().db.write() as session:
        conflicts.go_on(session, current_person(), number)
    current_hub().trigger.notify("outbox")
    return _back()


@blueprint.post("/differences/refused/<int:number>")
@auth.needs(Right.EDIT_PARTIES)
def retry(number: int) -> ResponseReturnValue:
    """Try once more to write a contact, or leave it."""
    with current_hub().db.write() as session:
        row = session.get(Outbox, number)
        if row is None or row.kind != in_step.KIND:
            raise NotFoundError("There is no such thing.")
        (outbox.drop if request.form.get("do") == "drop" else outbox.retry)(session, number)
    current_hub().trigger.notify("outbox")
    return _back()


@blueprint.post("/connections/<uuid:account_id>/let-go")
@auth.needs(Right.MANAGE_CONNECTIONS)
def let_go(account_id: UUID) -> ResponseReturnValue:
    """Agree that many contacts are gone at once."""
    stream = request.form.get("stream", "")
    with current_hub().db.write() as session:
        row = account_page.account_of(session, account_id)
        if not vanishing.let_go(session, row, stream):
            raise NotFoundError("Nothing waits for this any more.")
        connections.record(session, row, "account.deletions_agreed", stream=stream)
    current_hub().trigger.notify("streams")
    return redirect(url_for("account_page.show", account_id=account_id), 303)


def _back() -> ResponseReturnValue:
    return redirect(url_for(".show", account=request.args.get("account") or None), 303)


def _page(error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        account = _chosen(session)
        number = account.id if account else None
        rows = conflicts.waiting(session, number)
        parties = _by_id(session, Party, {row.party_id for row in rows})
        names = _names(session)
        return render_template(
            "admin/differences.html",
            account=account,
            lines=[_line(row, parties[row.party_id], names) for row in rows],
            frozen=[
                Still(shared.id, party, names.get(link.account_id, ""))
                for shared, link, party in conflicts.frozen(session, number)
            ],
            refused=_refused(session, names, number),
            fields=FIELDS,
            error=sentence(error) if error else "",
        )


def _chosen(session: Session) -> Account | None:
    wanted = request.args.get("account", "")
    try:
        return account_page.account_of(session, UUID(wanted)) if wanted else None
    except ValueError:
        raise NotFoundError("There is no such connection.") from None


def _line(row: Conflict, party: Party, names: Mapping[int, str]) -> Line:
    return Line(
        id=row.public_id,
        party=party,
        account=names.get(row.account_id, ""),
        field=row.field,
        ours=_text(row.ours),
        theirs=_text(row.theirs),
        before=_text(row.base),
        winner=row.winner,
        at=row.at,
    )


def _text(kept: Mapping[str, Any]) -> str:
    value = kept.get("value")
    return "" if value is None else str(value)


def _refused(session: Session, names: Mapping[int, str], account_id: int | None) -> list[Still]:
    """Return what a remote refused to take, with its reason."""
    query = select(Outbox).where(Outbox.kind == in_step.KIND, Outbox.state == OutboxState.REFUSED)
    if account_id is not None:
        query = query.where(Outbox.account_id == account_id)
    rows = session.scalars(query.order_by(Outbox.id.desc()).limit(conflicts.MOST)).all()
    links = _by_id(session, Link, {row.payload["link"] for row in rows if "link" in row.payload})
    of = {row.id: _party_of(row, links) for row in rows}
    parties = _by_id(session, Party, set(of.values()) - {0})
    return [
        Still(row.id, parties[of[row.id]], names.get(row.account_id, ""), row.last_error)
        for row in rows
        if of[row.id] in parties
    ]


def _party_of(row: Outbox, links: Mapping[int, Link]) -> int:
    if "party" in row.payload:
        return int(row.payload["party"])
    link = links.get(row.payload["link"])
    return link.party_id if link else 0


def _names(session: Session) -> dict[int, str]:
    return dict(session.execute(select(Account.id, Account.name)).all())


def _by_id(session: Session, table: Any, numbers: set[int]) -> dict[int, Any]:
    some: Sequence[Any] = session.scalars(select(table).where(table.id.in_(numbers))).all() if numbers else ()
    return {row.id: row for row in some}
