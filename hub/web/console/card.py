"""The body of a call's card: who it is, what to know before speaking, the last contacts, what can be done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from hub.accounting.alerts import Word
from hub.cti import history, wrap_up
from hub.cti.models import CallRow, Extension, Pop, Recording, RecordingState
from hub.identity import parties
from hub.identity.models import Party, PartyStatus
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline import queries, tasks
from hub.timeline.models import TaskKind
from hub.web.console import elsewhere, money_words, open_questions, wording
from hub.web.console import money as moneys
from hub.web.console.money import Money

MOST_ALERTS = 3
LAST = 3
_LONGEST_ALERT, _LONGEST_MONEY = 120, 300
# Where what there is to know of money stands among the rest, how it looks, and how bad it is.
_OF_MONEY: Mapping[Word, tuple[float, str, str]] = {
    Word.UNSURE: (-4, "triangle-alert", "warn"),
    Word.READING: (-4, "hourglass", "warn"),
    Word.BLOCKED: (-3, "lock", "bad"),
    Word.OVERDUE: (-2, "receipt", "bad"),
    Word.FIRST: (-2, "receipt", "bad"),
    Word.OVER_LIMIT: (2, "banknote", "warn"),
}
_FURTHER = 1.5  # rank of the second overdue amount and all after it: a promised call is told of before


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to know before speaking: an icon, words, and how bad it is (`bad`, `warn`, `info`)."""

    icon: str
    text: str
    weight: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """One of the last contacts: an item of a timeline, or a call of a number that is nobody's."""

    kind: str
    direction: str
    outcome: str
    title: str
    at: datetime


def of(session: Session, person: Person, public_id: UUID) -> dict[str, Any]:
    """Return what the card of a call shows to a person.

    Raises:
        NotFoundError: there is no such call for this person.
    """
    call = history.one(session, person, public_id)
    party = session.get(Party, call.party_id) if call.party_id is not None else None
    ids = parties.with_merged(session, party) if party else ()
    numbers = [row.value for row in parties.identifiers(session, party) if row.kind == "phone"] if party else []
    money = moneys.of_party(session, person, party) if party else None
    return {
        "call": call,
        "party": party,
        "company": session.get(Party, party.company_id) if party and party.company_id else None,
        "owner": session.get(User, party.owner_id) if party and party.owner_id else None,
        "candidates": _candidates(session, call.candidates) if not party else [],
        "alerts": alerts(
            open_tasks(session, ids, numbers or [call.number]), queries.pinned(session, ids) if ids else [], money
        ),
        "contacts": _contacts(session, person, ids, call),
        "waiting": open_questions.of_party(session, ids, open_questions.ON_CARD),
        "elsewhere": elsewhere.records(session, ids, with_address=True) if ids else [],
        "dispositions": wrap_up.dispositions(session),
        "form": _draft(session, person, call),
        "colleagues": _colleagues(session, person, call.row_id),
        "recorded": _recorded(session, call.row_id),
    }


def alerts(
    due_tasks: Sequence[tasks.Due], pinned: Sequence[queries.NoteText], money: Money | None = None
) -> list[Alert]:
    """Return what to know of a party, or of a number that is nobody's: worst first, three at most. Pure."""
    at = now()
    found: list[tuple[float, Alert]] = [*_of_money(money)] if money else []
    found += [(2, Alert("pin", note.text[:_LONGEST_ALERT], "warn")) for note in pinned]
    for due in due_tasks:
        if due.kind == TaskKind.CALL_BACK:
            late = due.is_due(at)
            text = _("Promised call-back, overdue") if late else _("Promised call-back")
            found.append((0 if late else 3, Alert("calendar-clock", text, "bad" if late else "warn", due.due_at)))
    missed = sum(due.count for due in due_tasks if due.kind == TaskKind.MISSED_CALL)
    if missed:
        text = ngettext("%(num)d missed call not returned", "%(num)d missed calls not returned", missed)
        found.append((1, Alert("phone-missed", text, "bad")))
    other = sum(due.kind not in {TaskKind.CALL_BACK, TaskKind.MISSED_CALL} for due in due_tasks)
    if other:
        found.append((4, Alert("list-todo", ngettext("%(num)d open task", "%(num)d open tasks", other), "info")))
    found.sort(key=lambda one: one[0])
    return [alert for _rank, alert in found[:MOST_ALERTS]]


def _of_money(money: Money) -> Iterator[tuple[float, Alert]]:
    """Give what there is to know of money its place; of what is overdue only the worst goes before everything else."""
    is_first = True
    for one in money.alerts:
        rank, icon, weight = _OF_MONEY[one.word]
        if one.word in {Word.OVERDUE, Word.FIRST}:
            rank, is_first = rank if is_first else _FURTHER, False
        text = money_words.alert(one, with_business=money.has_several)[:_LONGEST_MONEY]
        yield rank, Alert(icon, text, weight)


def open_tasks(session: Session, party_ids: Sequence[int], numbers: Sequence[str]) -> list[tasks.Due]:
    """Return what is open with a party, or with numbers that are nobody's."""
    if party_ids:
        return tasks.of_party(session, party_ids, numbers)
    return [due for number in numbers for due in tasks.of_number(session, number)]


def _contacts(session: Session, person: Person, party_ids: Sequence[int], call: history.CallFact) -> list[Contact]:
    """Return the last three contacts, the call in progress not among them; of an unknown number, its calls."""
    if party_ids:
        return contacts(session, person, party_ids, without=call.interaction_id)
    if not call.number:
        return []
    which = history.Filter(number=call.number, until=call.started_at)
    calls, _next = history.listed(session, person, None, which=which, limit=LAST)
    return [Contact("call", one.direction, one.outcome, wording.call_title(one), one.started_at) for one in calls]


def contacts(
    session: Session, person: Person, party_ids: Sequence[int], *, without: int | None = None
) -> list[Contact]:
    """Return the last three contacts with a party, calls named by what became of them."""
    items = queries.last_contacts(session, party_ids, person=person, limit=LAST + 1)
    items = tuple(item for item in items if item.number != without)[:LAST]
    calls = history.of_items(session, person, items)
    found = []
    for item in items:
        call = calls.get(item.number)
        title = wording.call_title(call) if call else wording.item_title(item)
        found.append(Contact(item.kind, item.direction, call.outcome if call else "", title, item.started_at))
    return found


def _candidates(session: Session, ids: Sequence[int]) -> list[tuple[Party, str]]:
    """Return the parties that may be calling, with the company of each."""
    if not ids:
        return []
    company = aliased(Party)
    rows = session.execute(
        select(Party, company.name)
        .outerjoin(company, company.id == Party.company_id)
        .where(Party.id.in_(ids), Party.status == PartyStatus.ACTIVE)
        .order_by(Party.name, Party.id)
    )
    return [(row[0], row[1] or "") for row in rows]


def _draft(session: Session, person: Person, call: history.CallFact) -> dict[str, str]:
    """Return what the person has half written, else the outcome that was chosen before."""
    draft = session.scalars(select(Pop.draft).where(Pop.call_id == call.row_id, Pop.user_id == person.id)).first()
    return {"outcome": call.disposition, **{str(name): str(value) for name, value in (draft or {}).items()}}


def _colleagues(session: Session, person: Person, call_id: int) -> list[tuple[str, str]]:
    """Return the phones of the call's exchange that it can be handed on to, with who has them."""
    rows = session.execute(
        select(Extension.number, User.name)
        .join(CallRow, CallRow.account_id == Extension.account_id)
        .outerjoin(User, User.id == Extension.user_id)
        .where(CallRow.id == call_id, or_(Extension.user_id.is_(None), Extension.user_id != person.id))
        .where(or_(User.id.is_(None), User.disabled_at.is_(None)))
        .order_by(User.name, Extension.number)
    )
    return [(row.number, row.name or "") for row in rows]


def _recorded(session: Session, call_id: int) -> str:
    """Say whether the call in progress is recorded now: `on`, `paused`, or empty."""
    paused = session.scalars(
        select(Recording.paused_at).where(Recording.call_id == call_id, Recording.state == RecordingState.PENDING)
    ).all()
    if not paused:
        return ""
    return "paused" if all(at is not None for at in paused) else "on"
