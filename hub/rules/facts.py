"""What is known on an occasion: values of fields for conditions, words for texts, and who looks after it.

Only what everybody here may see: the subject of a mail that some do not see is not among it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow
from hub.cti.models import CallRow
from hub.identity import parties
from hub.identity.callers import PHONE
from hub.identity.models import Identifier, Party
from hub.identity.phone import display
from hub.leads.models import LeadRow
from hub.rules.grammar import FIELDS, NO, YES, About
from hub.rules.occasions import Occasion
from hub.security.models import User
from hub.store.base import Base
from hub.tickets.models import TicketRow
from hub.timeline.models import Interaction, Task, TaskMember, Visibility

Row = TypeVar("Row", bound=Base)


@dataclass(slots=True)
class Facts:
    """What is known on an occasion; each thing is looked up when it is asked for, and once."""

    session: Session
    occasion: Occasion
    zone: str
    _known: dict[About, Mapping[str, Any]] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """Return what a field says (`grammar.Known.name`); None: nothing is known."""
        about, _, rest = name.partition(".")
        group = About(about)
        if group not in self._known:
            self._known[group] = _GROUPS[group](self)
        known = self._known[group]
        if rest.startswith(f"{FIELDS}."):
            return (known.get(FIELDS) or {}).get(rest.removeprefix(f"{FIELDS}."))
        return known.get(rest)

    @property
    def party(self) -> Party | None:
        """The customer as they are now."""
        number = self.occasion.party_id
        return parties.now_is(self.session, number) if number is not None else None

    @property
    def entry(self) -> Interaction | None:
        return self._row(Interaction, self.occasion.interaction_id)

    @property
    def lead(self) -> LeadRow | None:
        return self._row(LeadRow, self.occasion.lead_id)

    @property
    def task(self) -> Task | None:
        return self._row(Task, self.occasion.task_id)

    @property
    def document(self) -> DocumentRow | None:
        return self._row(DocumentRow, self.occasion.document_id)

    @property
    def ticket(self) -> TicketRow | None:
        return self._row(TicketRow, self.occasion.ticket_id)

    def _row(self, table: type[Row], number: int | None) -> Row | None:
        return self.session.get(table, number) if number is not None else None


def as_json(found: Any) -> Any:
    """Return what a field said as it is kept with the reason."""
    if isinstance(found, bool):
        return YES if found else NO
    if isinstance(found, list | tuple):
        return [str(one) for one in found][:50]
    return None if found is None else str(found)[:200]


# --- fields ---------------------------------------------------------------------------------------------------------


def _customer(facts: Facts) -> Mapping[str, Any]:
    party = facts.party
    if party is None:
        return {"known": False, "owned": False}
    company = parties.now_is(facts.session, party.company_id) if party.company_id is not None else None
    return {
        "known": True, "kind": party.kind, "name": party.name, "company": company.name if company else None,
        "job_title": party.fields.get("job_title"), "owned": party.owner_id is not None, FIELDS: party.fields,
    }  # fmt: skip


def _call(facts: Facts) -> Mapping[str, Any]:
    entry = facts.entry
    if entry is None:
        return {}
    said = entry.detail
    row = facts.session.scalar(select(CallRow).where(CallRow.interaction_id == entry.id))
    return {
        "direction": entry.direction, "outcome": said.get("outcome"), "number": said.get("number"), "line": said.get("did"),
        "queue": said.get("queue"), "talk_s": said.get("talk_s"), FIELDS: row.fields if row is not None else {},
    }  # fmt: skip


def _mail(facts: Facts) -> Mapping[str, Any]:
    entry = facts.entry
    if entry is None or entry.visibility != Visibility.ALL:
        return {}
    return {"from": _senders(entry, "address"), "subject": entry.summary}


def _senders(entry: Interaction, what: str) -> str:
    return " ".join(str(one.get(what, "")) for one in entry.detail.get("from", []) if isinstance(one, Mapping))


def _message(facts: Facts) -> Mapping[str, Any]:
    entry = facts.entry
    if entry is None or entry.visibility != Visibility.ALL:
        return {}
    return {"channel": entry.detail.get("channel"), "text": entry.detail.get("text")}


def _lead(facts: Facts) -> Mapping[str, Any]:
    row, entry = facts.lead, facts.entry
    if row is None:
        return {}
    said = entry.detail if entry is not None else {}
    return {
        **{name: said.get(name) for name in ("form", "campaign", "platform", "bucket")}, "stage": row.stage,
        "language": row.language, "owned": row.owner_id is not None, FIELDS: row.fields,
    }  # fmt: skip


def _document(facts: Facts) -> Mapping[str, Any]:
    row = facts.document
    if row is None:
        return {}
    return {
        "kind": row.kind, "side": row.side, "amount": row.gross, "open": row.balance, "currency": row.currency,
        FIELDS: row.fields,
    }  # fmt: skip


def _ticket(facts: Facts) -> Mapping[str, Any]:
    row = facts.ticket
    if row is None:
        return {}
    return {"state": row.state, "priority": row.priority, "title": row.title, "group": row.desk_group}


def _task(facts: Facts) -> Mapping[str, Any]:
    return {"title": facts.task.title} if facts.task is not None else {}


def _time(facts: Facts) -> Mapping[str, Any]:
    at = facts.occasion.at.astimezone(ZoneInfo(facts.zone))
    return {"weekday": str(at.isoweekday()), "hour": at.hour}


_GROUPS: Mapping[About, Callable[[Facts], Mapping[str, Any]]] = MappingProxyType(
    {
        About.CUSTOMER: _customer, About.CALL: _call, About.MAIL: _mail, About.MESSAGE: _message, About.LEAD: _lead,
        About.DOCUMENT: _document, About.TICKET: _ticket, About.TASK: _task, About.TIME: _time,
    }
)  # fmt: skip


# --- words ----------------------------------------------------------------------------------------------------------


def words(facts: Facts, region: str) -> dict[str, str]:
    """Return what texts may name in braces (`grammar.PLACES`); who nobody knows is called by the number.

    Args:
        region: whose numbers are shown in national form.
    """
    called = display(number(facts), region)
    return {"customer": _name(facts) or called, "number": called, "title": _title(facts)}


def number(facts: Facts) -> str:
    """Return the number to call back; empty: there is none."""
    entry, lead, task = facts.entry, facts.lead, facts.task
    if task is not None and task.number:
        return task.number
    if lead is not None and lead.phone:
        return lead.phone
    if entry is not None and entry.detail.get("number"):
        return str(entry.detail["number"])
    if facts.party is None:
        return ""
    mine = (Identifier.party_id == facts.party.id, Identifier.kind == PHONE, Identifier.valid_to.is_(None))
    query = select(Identifier.value).where(*mine, Identifier.possible.is_(False)).order_by(Identifier.id).limit(1)
    return facts.session.scalar(query) or ""


def _name(facts: Facts) -> str:
    if facts.party is not None:
        return facts.party.name
    lead, ticket, document = facts.lead, facts.ticket, facts.document
    if lead is not None:
        return lead.name or lead.email
    if document is not None:
        return document.party_name
    if ticket is not None:
        return ticket.party_name or ticket.party_email
    entry = facts.entry
    return _senders(entry, "name") or _senders(entry, "address") if entry is not None else ""


def _title(facts: Facts) -> str:
    if facts.task is not None:
        return facts.task.title
    if facts.document is not None:
        return facts.document.number
    if facts.ticket is not None:
        return facts.ticket.title or facts.ticket.number
    if facts.lead is not None:
        return str(facts.value("lead.form") or facts.value("lead.campaign") or "")
    return str(facts.value("mail.subject") or "") if facts.occasion.key.startswith("email:") else ""


# --- who looks after it ---------------------------------------------------------------------------------------------


def owners(facts: Facts) -> Sequence[int]:
    """Return who looks after what it is about, else after the customer, else whose phones rang; nobody: empty."""
    lead, task, party = facts.lead, facts.task, facts.party
    company = parties.now_is(facts.session, party.company_id) if party is not None and party.company_id else None
    members = select(TaskMember.user_id).where(TaskMember.task_id == facts.occasion.task_id)
    rung = facts.entry.detail.get("users", []) if facts.entry is not None and facts.entry.kind == "call" else []
    ways: Iterable[Iterable[int | None]] = (
        [lead.owner_id] if lead is not None else [],
        [task.owner_id] if task is not None else [],
        facts.session.scalars(members).all() if task is not None else [],
        [party.owner_id] if party is not None else [],
        [company.owner_id] if company is not None else [],
        rung,
    )
    for some in ways:
        if found := active(facts.session, [one for one in some if one is not None]):
            return found
    return []


def active(session: Session, ids: Sequence[int]) -> Sequence[int]:
    """Return those of some users who work here, in their order."""
    query = select(User.id).where(User.id.in_(ids), User.disabled_at.is_(None))
    there = set(session.scalars(query)) if ids else set()
    return [one for one in dict.fromkeys(ids) if one in there]
