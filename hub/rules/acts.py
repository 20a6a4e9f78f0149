"""What a rule does on an occasion, in the transaction in which it fires: rows, and nothing that leaves the hub here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import log
from hub.errors import UserError
from hub.events import tell, types
from hub.events.models import Event
from hub.fields import change, definitions
from hub.fields.change import FieldsError
from hub.fields.models import Type
from hub.identity import parties
from hub.leads.change import take as take_lead
from hub.rules import facts as facts_of
from hub.rules import grammar
from hub.rules.facts import Facts
from hub.rules.grammar import EVERYBODY, OWNER, YES, Action, Do
from hub.rules.models import Rule, RuleFiring, RuleLetter, RuleNotice
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline import tasks
from hub.timeline.models import TaskKind, TaskMember
from hub.webhooks import plan as webhook_plan
from hub.webhooks.models import WebhookEndpoint

_log = log.get(__name__)


class CannotError(Exception):
    """Something cannot be done; `word` says why, as the list of firings shows it."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(frozen=True, slots=True)
class Act:
    """What is done, for whom and why."""

    session: Session
    rule: Rule
    firing: RuleFiring
    facts: Facts
    action: Action
    region: str

    @property
    def person(self) -> Person:
        """Who did it, as the audit says."""
        return Person(0, None, "", f"rule {self.rule.name}", Role.ADMIN)

    @property
    def text(self) -> str:
        return grammar.filled(self.action.text, facts_of.words(self.facts, self.region))[: tasks.LONGEST_TITLE]


def perform(act: Act) -> dict[str, Any]:
    """Do one thing and return what was done, as `RuleFiring.done` keeps it. What cannot be done undoes nothing else."""
    said = {"do": str(act.action.do)}
    try:
        with act.session.begin_nested(), _caused_by(act.session, act.firing):
            return said | _ACTS[act.action.do](act)
    except CannotError as error:
        return said | {"error": error.word}
    except FieldsError:
        return said | {"error": "no_field"}
    except UserError as error:
        return said | {"error": error.error_id}
    except DBAPIError:
        raise  # the database is away, or somebody was in the way: all of it is tried again
    except Exception:  # noqa: BLE001 - one rule's fault must stop neither the others nor what comes after
        _log.exception("a rule failed", rule=str(act.rule.public_id), do=str(act.action.do))
        return said | {"error": "mistake"}


@contextmanager
def _caused_by(session: Session, firing: RuleFiring) -> Iterator[None]:
    """Let what happens here be known as the effect of a rule."""
    session.info[tell.CAUSE] = firing.id
    try:
        yield
    finally:
        session.info.pop(tell.CAUSE, None)


def _task(act: Act) -> dict[str, Any]:
    owners = _people(act)
    mine = owners[0] if len(owners) == 1 else None
    row = tasks.add(
        act.session, None, kind=act.action.kind, title=act.text, due_at=now() + timedelta(hours=act.action.hours),
        party_id=_party_id(act), number=_number(act), owner_id=mine,
    )  # fmt: skip
    if mine is None:  # several see it; who does it first ticks it off
        act.session.add_all(TaskMember(task_id=row.id, user_id=one) for one in owners)
    return {"id": str(row.public_id), "to": _names(act, owners)}


def _number(act: Act) -> str:
    return facts_of.number(act.facts) if act.action.kind == TaskKind.CALL_BACK else ""


def _mail(act: Act) -> dict[str, Any]:
    people = _people(act)
    act.session.add_all(RuleLetter(firing_id=act.firing.id, user_id=one, text=act.text) for one in people)
    return {"to": _names(act, people)}


def _notice(act: Act) -> dict[str, Any]:
    people = _people(act)
    act.session.add_all(RuleNotice(firing_id=act.firing.id, user_id=one, text=act.text) for one in people)
    return {"to": _names(act, people)}


def _assign(act: Act) -> dict[str, Any]:
    user_id, *_ = _people(act)
    lead, party = act.facts.lead, act.facts.party
    if lead is not None:
        take_lead(lead, user_id)
    elif party is not None:
        parties.edit(act.session, act.person, party, owner_id=user_id)
    else:
        raise CannotError("no_customer")
    return {"to": _names(act, [user_id])}


def _field(act: Act) -> dict[str, Any]:
    party, name, value = act.facts.party, act.action.field, act.action.value
    if party is None:
        raise CannotError("no_customer")
    known = definitions.load(act.session)
    one = known.get(change.of_party(party), name)
    if one is None:
        raise CannotError("no_field")
    given: Any = value
    if one.type is Type.BOOLEAN:
        given = value == YES
    elif one.type is Type.CHOICES:
        given = [*dict.fromkeys([*(party.fields.get(name) or []), value])]
    change.party(act.session, act.person, known, party, {name: given}, region=act.region)
    return {"field": name, "value": value}


def _webhook(act: Act) -> dict[str, Any]:
    session, wanted = act.session, act.action.endpoint
    query = select(WebhookEndpoint).where(WebhookEndpoint.disabled_at.is_(None))
    there = session.scalars(query).all()
    chosen = [one for one in there if str(one.public_id) == wanted] if wanted else [
        one for one in there if webhook_plan.wants(one.types, types.RULE_FIRED)
    ]  # fmt: skip
    if not chosen:
        raise CannotError("no_endpoint")
    party, entry = act.facts.party, act.facts.entry
    data: dict[str, Any] = {
        "id": str(act.firing.public_id),
        "rule": {"id": str(act.rule.public_id), "name": act.rule.name},
        "happened_at": act.firing.happened_at.isoformat(),
        "interaction": str(entry.public_id) if entry is not None else None,
        "parties": [str(party.public_id)] if party is not None else [],
        "endpoint": wanted or None,
    }
    # An endpoint that the rule names is told whatever else it listens to, so this is no `tell.tell`.
    subject = str(party.public_id if party is not None else act.firing.public_id)
    session.add(Event(type=types.RULE_FIRED, subject=subject, at=now(), data=data, cause=act.firing.id))
    tell.look(session)
    return {}


_ACTS: Mapping[Do, Callable[[Act], dict[str, Any]]] = MappingProxyType(
    {
        Do.TASK: _task, Do.MAIL: _mail, Do.NOTICE: _notice, Do.ASSIGN: _assign, Do.FIELD: _field, Do.WEBHOOK: _webhook,
    }
)  # fmt: skip


def _people(act: Act) -> Sequence[int]:
    """Return who is meant; where nobody looks after it, everybody is.

    Raises:
        CannotError: none of them works here any more.
    """
    found: list[int] = []
    for one in act.action.to:
        if one == OWNER:
            found += facts_of.owners(act.facts) or _everybody(act.session)
        elif one == EVERYBODY:
            found += _everybody(act.session)
        else:
            user_id = act.session.scalar(select(User.id).where(User.public_id == UUID(one)))
            found += [user_id] if user_id is not None else []
    there = facts_of.active(act.session, found)
    if not there:
        raise CannotError("nobody")
    return there


def _everybody(session: Session) -> list[int]:
    return list(session.scalars(select(User.id).where(User.disabled_at.is_(None)).order_by(User.id)))


def _names(act: Act, ids: Sequence[int]) -> list[str]:
    named = {row.id: row.name for row in act.session.execute(select(User.id, User.name).where(User.id.in_(ids)))}
    return [named[one] for one in ids]


def _party_id(act: Act) -> int | None:
    return act.facts.party.id if act.facts.party is not None else None
