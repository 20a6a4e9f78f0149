"""What is written into a CRM: chosen here, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, lazy_gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.connector import crm
from hub.crm import plan, targets
from hub.crm.models import CrmCopy, CrmTarget
from hub.crm.targets import Choice
from hub.crm.things import PERSON
from hub.errors import NotFoundError, UserError
from hub.identity.models import Party, PartyStatus
from hub.intake.models import Account
from hub.outbound.models import Outbox, OutboxState
from hub.security.policy import Right
from hub.store.base import now
from hub.timeline.models import TaskCopy
from hub.web import auth
from hub.web.clock import zone
from hub.web.console import account_page
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("crm_page", __name__, url_prefix="/connections/<uuid:account_id>/crm")
WAITING_SHOWN = 20  # customers who are not there
KINDS: Mapping[str, LazyString] = MappingProxyType(
    {
        "call": lazy_gettext("Calls"),
        "email": lazy_gettext("Mails"),
        "meeting": lazy_gettext("Meetings"),
        "message": lazy_gettext("Messages"),
        "note": lazy_gettext("Notes"),
        "document": lazy_gettext("Documents"),
        "payment": lazy_gettext("Payments"),
        "lead": lazy_gettext("Leads"),
        "task": lazy_gettext("Tasks"),
        PERSON: lazy_gettext("Customers who were made there"),
    }
)
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "nothing_chosen": lazy_gettext("Choose at least one kind."),
        "in_the_future": lazy_gettext("Choose a day that is not in the future."),
    }
)


@blueprint.route("", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show what is written into a CRM and what became of it, and choose it."""
    if request.method == "GET":
        return _page(account_id)
    try:
        with current_hub().db.write() as session:
            targets.choose(session, current_person(), _account(session, account_id), _typed())
    except NotFoundError:
        raise
    except UserError as error:
        return _page(account_id, error), 422
    current_hub().trigger.notify("outbox")
    return redirect(url_for(".show", account_id=account_id), 303)


@blueprint.route("/stop", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_CONNECTIONS)
def stop(account_id: UUID) -> ResponseReturnValue:
    """Ask whether nothing more is to be written, and write nothing more."""
    if request.method == "GET":
        with current_hub().db.read() as session:
            row = account_page.account_of(session, account_id)
            return render_template("admin/crm_stop.html", account=row)
    with current_hub().db.write() as session:
        targets.stop(session, current_person(), account_page.account_of(session, account_id))
    return redirect(url_for(".show", account_id=account_id), 303)


def _account(session: Session, account_id: UUID) -> Account:
    """Return a connection that is written to. Raises NotFoundError: it is no CRM, or not switched on for that."""
    row = account_page.account_of(session, account_id)
    if not current_hub().remotes.writes(row, crm.INTERACTIONS):
        raise NotFoundError("Nothing of what happened is written into this connection.")
    return row


def _typed() -> Choice:
    """Return what was typed. Raises UserError: it is no day."""
    try:
        day = date.fromisoformat(request.form.get("since", ""))
        since = datetime.combine(day, time(), zone())
    except (ValueError, OverflowError):
        raise UserError("Choose a day.", error_id="no_day", field="since") from None
    return Choice(
        request.form.getlist("kinds"),
        since,
        with_text="with_text" in request.form,
        makes_people="makes_people" in request.form,
    )


def _page(account_id: UUID, error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        row = _account(session, account_id)
        target = targets.of_account(session, row.id)
        today = now().astimezone(zone()).date()
        return render_template(
            "admin/crm.html",
            **account_page.frame(row, "crm"),
            target=target,
            values=_values(target, today, typed=error is not None),
            choices=targets.CHOICES,
            kinds=KINDS,
            today=today,
            error=_FAULTS.get(error.error_id, lazy_gettext("Choose a day.")) if error else "",
            field=error.field if error else "",
            **(_became(session, row.id) if target else {}),
        )


def _values(target: CrmTarget | None, today: date, *, typed: bool) -> dict[str, Any]:
    """Return what the form shows: what was typed, else what was chosen, else what is usual."""
    if typed:
        form = request.form
        return {
            "kinds": form.getlist("kinds"), "with_text": "with_text" in form, "makes_people": "makes_people" in form,
            "since": form.get("since", ""),
        }  # fmt: skip
    if target is None:
        return {"kinds": targets.USUAL, "with_text": False, "makes_people": False, "since": today.isoformat()}
    since = target.since.astimezone(zone()).date().isoformat()
    return {
        "kinds": target.kinds, "with_text": target.with_text, "makes_people": target.makes_people, "since": since,
    }  # fmt: skip


def _became(session: Session, account_id: int) -> dict[str, Any]:
    there = (CrmCopy.account_id == account_id, CrmCopy.remote_id != "", CrmCopy.gone_at.is_(None))
    kind = func.substr(CrmCopy.thing, 1, 8)  # the longest names are told apart by so many letters
    counts: Counter[str] = Counter()
    for prefix, count in session.execute(select(kind, func.count()).where(*there).group_by(kind)):
        counts[prefix.partition(":")[0]] += count
    tasks = select(func.count()).select_from(TaskCopy)
    counts["task"] = (
        session.scalar(tasks.where(TaskCopy.account_id == account_id, TaskCopy.remote_id.is_not(None))) or 0
    )
    absent = (
        CrmCopy.account_id == account_id, CrmCopy.remote_id == "", CrmCopy.gone_at.is_(None),
        CrmCopy.records != crm.CONTACTS,
    )  # fmt: skip
    who = (
        select(Party.public_id, Party.name, func.count())
        .join(CrmCopy, CrmCopy.party_id == Party.id)
        .where(*absent, Party.status == PartyStatus.ACTIVE)
        .group_by(Party.id, Party.public_id, Party.name)
        .order_by(func.max(CrmCopy.id).desc())
        .limit(WAITING_SHOWN)
    )
    states = select(Outbox.state, func.count()).where(Outbox.account_id == account_id, Outbox.kind == plan.KIND)
    sent = dict(session.execute(states.group_by(Outbox.state)).all())
    return {
        "written": {name: counts[name] for name in KINDS if counts[name]},
        "last_at": session.scalar(select(func.max(CrmCopy.written_at)).where(*there)),
        "waiting": sent.get(OutboxState.WAITING, 0),
        "refused": sent.get(OutboxState.REFUSED, 0),
        "absent": session.scalar(select(func.count()).select_from(CrmCopy).where(*absent)) or 0,
        "who": session.execute(who).all(),
    }
