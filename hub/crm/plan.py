"""What is written where: rows of the outbox, planned in the transaction that hands events on, and for what was before.

A row names a thing and says nothing of it (`wish`). One that nobody has begun with stands for all that happens with its
thing until somebody does.
"""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from hub.connector import crm
from hub.crm import targets, things
from hub.crm.models import CrmCopy, CrmTarget
from hub.crm.targets import TASK
from hub.crm.things import Thing
from hub.events import types
from hub.events.models import Event
from hub.events.tell import leave
from hub.identity import parties
from hub.identity.models import Link, Party
from hub.intake.models import Account, AccountState
from hub.outbound import outbox
from hub.outbound.models import Outbox, OutboxState
from hub.outbound.plan import Planned
from hub.store.base import new_public_id
from hub.timeline.models import Interaction, Task, TaskCopy, TaskKind

KIND = "crm"  # of what waits in the outbox
SOME = 500  # of one page
LOOKED_BACK = 200  # of the history of somebody who is known now, the newest
_POINTING = frozenset({"emails", "phones", "email", "phone"})  # as sources say it, and as people do
_HAPPENED = frozenset({*types.NEW.values(), *types.CHANGED.values(), types.HIDDEN})
_TASKS = frozenset({types.TASK_CREATED, types.TASK_DONE, types.TASK_REOPENED})


def take(session: Session, events: Sequence[Event]) -> None:
    """Plan what events ask for (`events.tell.Taker`)."""
    for target in targets.active(session) if events else ():
        wanted = [one for one in events if one.created_at >= target.created_at]
        happened = [UUID(one.data["id"]) for one in wanted if one.type in _HAPPENED]
        rows = (
            session.scalars(select(Interaction.id).where(Interaction.public_id.in_(happened))).all() if happened else ()
        )
        found = dict.fromkeys(
            things.of_interactions(session, rows, target.kinds, target.since, but_of=target.account_id) if rows else ()
        )
        for event in wanted:
            found |= dict.fromkeys(_more(session, target, event))
        _plan(session, target, found)


def _more(session: Session, target: CrmTarget, event: Event) -> Iterable[Thing]:
    """Return what else an event asks for: a task, or what happened before anybody knew with whom."""
    if event.type in _TASKS and TASK in target.kinds and event.data["kind"] != TaskKind.MISSED_CALL:
        return [Thing(TASK, UUID(event.data["id"]))]
    if event.type in {types.PARTY_CREATED, types.PARTY_MERGED} or _POINTING & set(event.data.get("changed") or ()):
        return _history(session, target, UUID(event.data["id"]))
    return ()


def _history(session: Session, target: CrmTarget, public_id: UUID) -> Sequence[Thing]:
    """Return what happened with somebody before anybody knew that it was with them."""
    party = session.scalar(select(Party).where(Party.public_id == public_id))
    if party is None:
        return ()
    rows = session.scalars(things.with_party(parties.with_merged(session, party), target.since, LOOKED_BACK)).all()
    return _not_there(session, target, rows)


def _not_there(session: Session, target: CrmTarget, rows: Collection[int]) -> Sequence[Thing]:
    found = things.of_interactions(session, rows, target.kinds, target.since, but_of=target.account_id)
    query = select(CrmCopy.thing).where(CrmCopy.account_id == target.account_id, CrmCopy.thing.in_([*map(str, found)]))
    known = set(session.scalars(query.where(CrmCopy.remote_id != ""))) if found else set()
    return [one for one in found if str(one) not in known]


def _plan(session: Session, target: CrmTarget, some: Iterable[Thing]) -> None:
    """Plan things; those for which a row waits that nobody has begun with are planned already."""
    names = [str(one) for one in some]
    for begin in range(0, len(names), SOME):
        page = names[begin : begin + SOME]
        query = select(Outbox.object_key).where(
            Outbox.account_id == target.account_id, Outbox.kind == KIND, Outbox.object_key.in_(page),
            Outbox.state == OutboxState.WAITING, Outbox.attempt == 0,
        )  # fmt: skip
        waiting = set(session.scalars(query))
        outbox.store(session, [
            Planned(target.account_id, KIND, name, {"thing": name}, f"{key_of(target.account_id, name)}:{new_public_id()}")
            for name in page if name not in waiting
        ])  # fmt: skip


def key_of(account_id: int, thing: object) -> str:
    """Return the key by which a thing is made in an account: the same however often that is tried."""
    return f"{KIND}:{account_id}:{thing}"


# --- what was before ------------------------------------------------------------------------------------------------


def waits(session: Session) -> bool:
    """Say whether history is to be planned: a cheap look."""
    return session.scalar(select(CrmTarget.id).where(_has_more()).limit(1)) is not None


def page(session: Session) -> None:
    """Plan a page of what happened before a CRM was chosen, and of what was told to nobody since; the oldest first."""
    query = select(CrmTarget).where(_has_more()).order_by(CrmTarget.id).limit(1).with_for_update()
    target = session.scalars(query).first()
    if target is None:
        return
    which = select(Interaction.id).where(Interaction.id > target.planned_to, Interaction.id <= target.plan_to)
    rows = session.scalars(which.order_by(Interaction.id).limit(SOME)).all()
    _plan(session, target, _not_there(session, target, rows))
    target.planned_to = rows[-1] if len(rows) == SOME else target.plan_to
    if target.planned_to == target.plan_to and TASK in target.kinds:
        _plan(session, target, [Thing(TASK, one) for one in session.scalars(_open_tasks(target))])


def look_again(session: Session) -> None:
    """Let what came since the last look be looked at: the first reading of a source tells nobody of what it brings."""
    last = session.scalar(select(func.max(Interaction.id))) or 0
    session.execute(update(CrmTarget).where(CrmTarget.plan_to < last).values(plan_to=last))


def _has_more() -> ColumnElement[bool]:
    return CrmTarget.planned_to < CrmTarget.plan_to


def _open_tasks(target: CrmTarget) -> Select[UUID]:
    """Return a query for what is to be done and not there yet."""
    copied = (TaskCopy.task_id == Task.id, TaskCopy.account_id == target.account_id)
    return select(Task.public_id).where(
        Task.done_at.is_(None), Task.kind != TaskKind.MISSED_CALL, Task.party_id.is_not(None),
        Task.created_at >= target.since, ~exists().where(*copied),
    ).order_by(Task.id).limit(SOME)  # fmt: skip


def again(session: Session) -> None:
    """Plan what waited for customers who are there now, and forget what was chosen of connections that are removed."""
    removed = select(CrmTarget).join(Account, Account.id == CrmTarget.account_id)
    for target in session.scalars(removed.where(Account.state == AccountState.REMOVED)).all():
        leave(session, targets.LISTENER, target.id)
        session.execute(delete(CrmTarget).where(CrmTarget.id == target.id))
    for target in targets.active(session):
        _plan(session, target, [Thing.of(one) for one in session.scalars(_waiting(target).limit(SOME))])


def _waiting(target: CrmTarget) -> Select[str]:
    now_is, loser = aliased(Party), aliased(Party)
    query = select(CrmCopy.thing).where(
        CrmCopy.account_id == target.account_id,
        CrmCopy.remote_id == "",
        CrmCopy.gone_at.is_(None),
        CrmCopy.records != crm.CONTACTS,
    )
    there = select(Link.id).where(
        Link.account_id == target.account_id, Link.stream.in_((crm.CONTACTS, crm.COMPANIES)), Link.gone_at.is_(None),
        or_(Link.party_id == CrmCopy.party_id, Link.party_id.in_(
            select(now_is.id).join(loser, loser.merged_into == now_is.id).where(loser.id == CrmCopy.party_id)
        )),
    )  # fmt: skip
    return query.where(there.exists())
