"""When a rule is looked at: what an event is about, what happened in a time, and what has waited long enough.

An occasion has a name that is the same however often it is found, so that a rule fires on it once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from hub.accounting.models import DocumentRow
from hub.cti.missed import CALL_BACK_FOR
from hub.events.models import Event
from hub.identity import parties
from hub.identity.models import Party, PartyStatus
from hub.leads.models import LeadRow, LeadStage
from hub.records.call import Direction
from hub.records.document import DEBTS, Side
from hub.rules.grammar import MOMENTS, Unit, When
from hub.tickets.models import TicketRow
from hub.timeline.models import Interaction, Kind, Participant, Task, TaskKind, Visibility

CONTACT = (Kind.CALL, Kind.EMAIL, Kind.MEETING, Kind.MESSAGE)  # what counts as having been in touch
MOST = 5_000  # of one look


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that a rule may fire on.

    Attributes:
        key: names it, once and for all.
        at: when it came to it.
        party_id: the customer, as far as anybody knows.
    """

    key: str
    at: datetime
    party_id: int | None = None
    interaction_id: int | None = None
    lead_id: int | None = None
    document_id: int | None = None
    ticket_id: int | None = None
    task_id: int | None = None


# --- what an event is about -----------------------------------------------------------------------------------------


def of_event(session: Session, when: When, event: Event) -> Occasion | None:
    """Return the occasion of an event; None: it is none for such a rule, or there is nothing of it any more."""
    if event.type not in MOMENTS[when].events:
        return None
    public_id = UUID(event.data["id"])
    if when is When.LEAD_STAGE:
        same = (LeadRow.public_id == public_id, LeadStage.stage == event.data["stage"], LeadStage.at == event.at)
        return _first(session, _stages().where(*same), _stage)
    if when in {When.CUSTOMER_NEW, When.CUSTOMER_CHANGED}:
        row = session.scalar(select(Party).where(Party.public_id == public_id))
        party = parties.now_is(session, row.id) if row is not None else None
        if row is None or party is None or party.status == PartyStatus.ERASED:
            return None
        once = f":{event.public_id}" if when is When.CUSTOMER_CHANGED else ""
        return Occasion(f"customer:{public_id}{once}", event.at, party.id)
    found = _first(session, _happened(when).where(Interaction.public_id == public_id), _of_kind(when))
    return found and replace(found, at=event.at)


def during(session: Session, when: When, since: datetime, until: datetime) -> Sequence[Occasion]:
    """Return what happened in a time, the newest first, `MOST` at most.

    Of customers who changed it is only known when they did last.
    """
    if when is When.LEAD_STAGE:
        query = _stages().where(LeadStage.at > since, LeadStage.at <= until).order_by(LeadStage.at.desc())
        return [_stage(row) for row in session.execute(query.limit(MOST))]
    if when in {When.CUSTOMER_NEW, When.CUSTOMER_CHANGED}:
        is_new = when is When.CUSTOMER_NEW
        at = Party.created_at if is_new else Party.changed_at
        which = [at > since, at <= until, Party.status == PartyStatus.ACTIVE]
        if not is_new:
            which.append(Party.changed_at > Party.created_at)
        rows = session.scalars(select(Party).where(*which).order_by(at.desc()).limit(MOST))
        return [
            Occasion(f"customer:{row.public_id}", row.created_at if is_new else row.changed_at, row.id) for row in rows
        ]
    came = (Interaction.started_at > since, Interaction.started_at <= until)
    query = _happened(when).where(*came).order_by(Interaction.started_at.desc()).limit(MOST)
    return [_of_kind(when)(row) for row in session.execute(query)]


_KINDS: Mapping[When, Kind] = MappingProxyType(
    {
        When.LEAD_CAME: Kind.LEAD, When.CALL_MISSED: Kind.CALL, When.CALL_ENDED: Kind.CALL, When.MAIL_CAME: Kind.EMAIL,
        When.MESSAGE_CAME: Kind.MESSAGE, When.DOCUMENT_CAME: Kind.DOCUMENT, When.TICKET_OPENED: Kind.TICKET,
    }
)  # fmt: skip
_ROWS: Mapping[When, tuple[Any, str]] = MappingProxyType(
    {
        When.LEAD_CAME: (LeadRow, "lead_id"),
        When.DOCUMENT_CAME: (DocumentRow, "document_id"),
        When.TICKET_OPENED: (TicketRow, "ticket_id"),
    }
)


def _happened(when: When) -> Select[Any]:
    """Return a query for what happened of the kind that a rule is about: the entry, its customer, its own row."""
    row, _ = _ROWS.get(when, (None, ""))
    query = select(Interaction, _customer(), row.id if row is not None else Interaction.id)
    if row is not None:
        query = query.join(row, row.interaction_id == Interaction.id)
    query = query.where(Interaction.kind == _KINDS[when], Interaction.visibility != Visibility.OWNER)
    if when in {When.MAIL_CAME, When.MESSAGE_CAME, When.CALL_MISSED}:
        query = query.where(Interaction.direction == Direction.INBOUND)
    if when is When.CALL_MISSED:
        query = query.where(Interaction.detail["outcome"].as_string().in_(sorted(CALL_BACK_FOR)))
    if when is When.LEAD_CAME:
        query = query.where(LeadRow.is_test.is_(False))
    return query


def _customer() -> ColumnElement[int | None]:
    """Return the customer of an entry: of several the first."""
    mine = (Participant.interaction_id == Interaction.id, Participant.party_id.is_not(None))
    first = select(Participant.party_id).where(*mine).order_by(Participant.id).limit(1)
    return first.correlate(Interaction).scalar_subquery()


def _of_kind(when: When) -> Callable[[Any], Occasion]:
    def made(row: Any) -> Occasion:
        entry, party_id, own_id = row
        key = f"{entry.kind}:{entry.public_id}"
        if when is When.MAIL_CAME:  # each mail that is added to a conversation is one more
            key += f":{entry.detail.get('messages', 1)}"
        own = {_ROWS[when][1]: own_id} if when in _ROWS else {}
        return Occasion(key, entry.started_at, party_id, entry.id, **own)

    return made


def _stages() -> Select[Any]:
    wanted: Sequence[Any] = (LeadStage, LeadRow, Interaction.id, _customer())
    query = select(*wanted).join(LeadRow, LeadRow.id == LeadStage.lead_id)
    return query.outerjoin(Interaction, Interaction.id == LeadRow.interaction_id).where(LeadRow.is_test.is_(False))


def _stage(row: Any) -> Occasion:
    stage, lead, entry, party_id = row
    return Occasion(
        f"lead:{lead.public_id}:{stage.stage}:{stage.occurrence}", stage.at, party_id, entry, lead_id=lead.id
    )


def _first(session: Session, query: Select[Any], made: Callable[[Any], Occasion]) -> Occasion | None:
    row = session.execute(query.limit(1)).first()
    return made(row) if row is not None else None


# --- what has waited long enough ------------------------------------------------------------------------------------


def crossed(
    session: Session, when: When, after: int, since: datetime, until: datetime, zone: str
) -> Sequence[Occasion]:
    """Return what came to have waited so long in a time, the oldest first, `MOST` at most.

    Args:
        after: hours or days, as the `when` counts.
        since: not any more; until: still.
        zone: in which days begin.
    """
    pause = timedelta(hours=after) if MOMENTS[when].unit is Unit.HOURS else timedelta(days=after)
    found = _CLOCKS[when](session, since - pause, until - pause, pause, zone)
    return [one for one in found if since < one.at <= until]


def _overdue(session: Session, since: datetime, until: datetime, pause: timedelta, zone: str) -> Sequence[Occasion]:
    """Of a document that is due on a day the first day of delay begins with the next one."""
    here = ZoneInfo(zone)
    row = DocumentRow
    query = (
        select(row)
        .where(row.is_open, row.side == Side.SALE, row.kind.in_(sorted(DEBTS)), row.gone_at.is_(None))
        .where(row.twin_of_id.is_(None), row.open_due_date >= since.astimezone(here).date() - timedelta(days=1))
        .where(row.open_due_date <= until.astimezone(here).date())
        .order_by(row.open_due_date, row.id)
        .limit(MOST)
    )
    return [
        Occasion(
            f"document:{one.public_id}:{one.open_due_date}", _begin(one.open_due_date, here) + pause, one.party_id,
            one.interaction_id, document_id=one.id,
        )
        for one in session.scalars(query)
    ]  # fmt: skip


def _begin(day: Any, here: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=here)


def _unchanged(session: Session, since: datetime, until: datetime, pause: timedelta, zone: str) -> Sequence[Occasion]:
    del zone
    latest = select(func.max(LeadStage.at)).where(LeadStage.lead_id == LeadRow.id).correlate(LeadRow).scalar_subquery()
    began = func.coalesce(latest, LeadRow.created_at)
    query = (
        select(LeadRow, latest, Interaction.id, _customer())
        .outerjoin(Interaction, Interaction.id == LeadRow.interaction_id)
        .where(LeadRow.closed_at.is_(None), LeadRow.is_test.is_(False), LeadRow.created_at <= until)
        .where(began > since, began <= until)
        .order_by(LeadRow.id)
        .limit(MOST)
    )
    found = []
    for lead, at, entry, party_id in session.execute(query):
        anchor = at or lead.created_at
        found.append(
            Occasion(f"lead:{lead.public_id}:{anchor.isoformat()}", anchor + pause, party_id, entry, lead_id=lead.id)
        )
    return sorted(found, key=lambda one: one.at)


def _waiting(session: Session, since: datetime, until: datetime, pause: timedelta, zone: str) -> Sequence[Occasion]:
    del zone
    row = TicketRow
    query = (
        select(row, _customer())
        .join(Interaction, Interaction.id == row.interaction_id)
        .where(row.closed_at.is_(None), row.gone_at.is_(None), row.opened_at > since, row.opened_at <= until)
        .order_by(row.opened_at, row.id)
        .limit(MOST)
    )
    return [
        Occasion(
            f"ticket:{one.public_id}:{one.opened_at.isoformat()}", one.opened_at + pause, party_id, one.interaction_id,
            ticket_id=one.id,
        )
        for one, party_id in session.execute(query)
    ]  # fmt: skip


def _silent(session: Session, since: datetime, until: datetime, pause: timedelta, zone: str) -> Sequence[Occasion]:
    """Return customers whose last contact was then; a meeting that is planned is contact too."""
    del zone
    later = aliased(Participant)
    more = (
        select(later.id)
        .where(later.party_id == Participant.party_id, later.kind.in_(CONTACT))
        .where(later.started_at > Participant.started_at)
    )
    last = func.max(Participant.started_at)
    query = (
        select(Party, last)
        .join(Participant, Participant.party_id == Party.id)
        .join(Interaction, Interaction.id == Participant.interaction_id)
        .where(Interaction.started_at > since, Interaction.started_at <= until, Participant.kind.in_(CONTACT))
        .where(Party.status == PartyStatus.ACTIVE, ~more.exists())
        .group_by(Party.id)
        .order_by(last, Party.id)
        .limit(MOST)
    )
    return [
        Occasion(f"customer:{party.public_id}:{at.isoformat()}", at + pause, party.id)
        for party, at in session.execute(query)
    ]


def _promised(session: Session, since: datetime, until: datetime, pause: timedelta, zone: str) -> Sequence[Occasion]:
    del zone
    query = (
        select(Task)
        .where(Task.kind == TaskKind.CALL_BACK, Task.done_at.is_(None), Task.due_at > since, Task.due_at <= until)
        .order_by(Task.due_at, Task.id)
        .limit(MOST)
    )
    return [
        Occasion(f"task:{one.public_id}:{one.due_at.isoformat()}", one.due_at + pause, one.party_id, task_id=one.id)
        for one in session.scalars(query)
    ]


_CLOCKS: Mapping[When, Callable[[Session, datetime, datetime, timedelta, str], Sequence[Occasion]]] = MappingProxyType(
    {
        When.INVOICE_OVERDUE: _overdue,
        When.LEAD_UNCHANGED: _unchanged,
        When.TICKET_WAITS: _waiting,
        When.NO_CONTACT: _silent,
        When.CALL_BACK_LATE: _promised,
    }
)
