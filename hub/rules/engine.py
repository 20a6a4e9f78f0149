"""Rules are looked at: after events, and by the clock. Each occasion once, all of it in one transaction.

Whoever dies on the way did nothing: the event waits, or the clock finds it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from hub import log
from hub.events.models import Event
from hub.fields import definitions
from hub.fields.definitions import Fields
from hub.rules import acts, facts, grammar, occasions
from hub.rules.acts import Act
from hub.rules.facts import Facts
from hub.rules.grammar import MOMENTS, Unit, When
from hub.rules.models import Brake, Fired, Rule, RuleEvent, RuleFiring
from hub.rules.occasions import Occasion
from hub.store.base import now
from hub.store.turn import in_turn

SOME = 50  # events in one transaction
WAITING = "rules wait"  # in what a session carries: there is something for `page`
HOUR = timedelta(hours=1)
MOST_PER_CUSTOMER = 10  # within an hour, of one rule
MOST_IN_A_ROW = 3  # rules that set each other off
LATE = timedelta(days=7)  # what comes to be known so late still counts
EVERY = timedelta(minutes=15)  # that rules of days are looked at
_log = log.get(__name__)


# --- after events ---------------------------------------------------------------------------------------------------


def take(session: Session, events: Sequence[Event]) -> None:
    """Keep events that rules ask for (`events.tell.Taker`); they are looked at in a transaction of their own."""
    asked = set(session.scalars(select(Rule.asks).where(Rule.is_on)).all()) if events else set()
    wanted = frozenset[str]().union(*(MOMENTS[When(one)].events for one in asked))
    rows = [RuleEvent(event_id=one.id) for one in events if one.type in wanted]
    session.add_all(rows)
    if rows:
        session.info[WAITING] = True


def waits(session: Session) -> bool:
    """Say whether an event waits: a cheap look."""
    return session.scalar(select(RuleEvent.id).limit(1)) is not None


def page(session: Session, *, zone: str, region: str) -> None:
    """Look at the events that wait, the oldest first."""
    in_turn(session, "rules")
    query = select(RuleEvent.id, Event).join(Event, Event.id == RuleEvent.event_id)
    rows = session.execute(query.order_by(RuleEvent.id).limit(SOME)).all()
    rules = session.scalars(select(Rule).where(Rule.is_on).order_by(Rule.id)).all() if rows else ()
    turn = _Turn(session, definitions.load(session), zone, region)
    for _, event in rows:
        # All of them look before one does anything: what a rule does is an event of its own, with that rule as its cause.
        for one in [one for rule in rules if (one := turn.after(rule, event)) is not None]:
            turn.fire(one)
    session.execute(delete(RuleEvent).where(RuleEvent.id.in_([number for number, _ in rows])))


# --- by the clock ---------------------------------------------------------------------------------------------------


def clock(session: Session, *, zone: str, region: str) -> None:
    """Look for what has waited long enough.

    A rule that fired as often as it may within an hour goes on in the next: what waits does not run away.
    """
    in_turn(session, "rules")
    moment = now()
    asks = {Unit.HOURS: _asking(Unit.HOURS), Unit.DAYS: _asking(Unit.DAYS)}
    is_due = or_(
        Rule.asks.in_(asks[Unit.HOURS]),
        Rule.asks.in_(asks[Unit.DAYS]) & or_(Rule.looked_at.is_(None), Rule.looked_at <= moment - EVERY),
    )
    rules = session.scalars(select(Rule).where(Rule.is_on, is_due).order_by(Rule.id)).all()
    turn = _Turn(session, definitions.load(session), zone, region) if rules else None
    for rule in rules:
        assert turn is not None and rule.on_since is not None, "a rule that is on says since when"  # noqa: PT018
        since = max(rule.on_since, (rule.looked_at or rule.on_since) - LATE)
        found = occasions.crossed(session, When(rule.asks), rule.after, since, moment, zone)
        if turn.look_at_all(rule, found):
            rule.looked_at = moment


def _asking(unit: Unit) -> list[str]:
    return [str(when) for when, one in MOMENTS.items() if one.unit is unit]


# --- one occasion ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fit:
    """A rule whose conditions hold on an occasion."""

    rule: Rule
    known: Facts
    reason: list[dict[str, object]]
    actions: Sequence[grammar.Action]
    event: Event | None  # None: the clock found it


class _Turn:
    """Looks at rules in one transaction."""

    def __init__(self, session: Session, fields: Fields, zone: str, region: str) -> None:
        self._session, self._fields, self._zone, self._region = session, fields, zone, region

    def after(self, rule: Rule, event: Event) -> "_Fit | None":
        """Return what a rule has to do after an event, if anything."""
        when = When(rule.asks)
        if event.type not in MOMENTS[when].events or rule.on_since is None or event.created_at < rule.on_since:
            return None
        occasion = occasions.of_event(self._session, when, event)
        if occasion is None or not self.new(rule, [occasion]):
            return None
        return self._fit(rule, occasion, event)

    def new(self, rule: Rule, found: Sequence[Occasion]) -> list[Occasion]:
        """Return those on which the rule did not fire yet."""
        known: set[str] = set()
        keys = [one.key for one in found]
        for begin in range(0, len(keys), 500):
            query = select(RuleFiring.occasion).where(
                RuleFiring.rule_id == rule.id, RuleFiring.occasion.in_(keys[begin : begin + 500])
            )
            known |= set(self._session.scalars(query))
        return [one for one in found if one.key not in known]

    def look_at_all(self, rule: Rule, found: Sequence[Occasion]) -> bool:
        """Look whether a rule fires on what the clock found; False: it has fired often enough for this hour."""
        for one in self.new(rule, found):
            if not self._has_room(rule):
                return False
            if (fit := self._fit(rule, one)) is not None:
                self.fire(fit)
        return True

    def _fit(self, rule: Rule, occasion: Occasion, event: Event | None = None) -> "_Fit | None":
        known = Facts(self._session, occasion, self._zone)
        conditions, actions = grammar.as_kept(rule.conditions, rule.actions)
        reason = why(known, conditions, grammar.known(When(rule.asks), self._fields))
        return None if reason is None else _Fit(rule, known, reason, actions, event)

    def fire(self, fit: "_Fit") -> None:
        """Do what a rule says, unless a brake holds it; either is written down."""
        rule, occasion, event = fit.rule, fit.known.occasion, fit.event
        firing = RuleFiring(
            rule_id=rule.id, occasion=occasion.key, happened_at=occasion.at, party_id=occasion.party_id,
            interaction_id=occasion.interaction_id, state=Fired.HELD, reason=fit.reason,
            cause_id=event.cause if event is not None else None,
        )  # fmt: skip
        firing.brake = self._brake(rule, firing) if event is not None else ""
        self._session.add(firing)
        self._session.flush()
        if firing.brake:
            _log.warning("a rule was held", rule=str(rule.public_id), brake=firing.brake, occasion=occasion.key)
            return
        firing.done = [
            acts.perform(Act(self._session, rule, firing, fit.known, one, self._region)) for one in fit.actions
        ]
        firing.state = Fired.FAILED if any("error" in one for one in firing.done) else Fired.DONE

    def _brake(self, rule: Rule, firing: RuleFiring) -> str:
        chain = self._chain(firing.cause_id)
        if rule.id in chain:
            return Brake.OWN_EFFECT
        if len(chain) >= MOST_IN_A_ROW:
            return Brake.CHAIN
        if firing.party_id is not None and self._count(rule, firing.party_id) >= MOST_PER_CUSTOMER:
            return Brake.CUSTOMER
        return "" if self._has_room(rule) else Brake.HOUR

    def _has_room(self, rule: Rule) -> bool:
        """Say whether a rule may fire once more within the hour."""
        return self._count(rule) < rule.per_hour

    def _chain(self, cause: int | None) -> list[int]:
        """Return the rules that led to this, the last first."""
        found: list[int] = []
        while cause is not None and len(found) <= MOST_IN_A_ROW:
            row = self._session.get(RuleFiring, cause)
            if row is None:
                break
            found.append(row.rule_id)
            cause = row.cause_id
        return found

    def _count(self, rule: Rule, party_id: int | None = None) -> int:
        query = select(func.count()).where(
            RuleFiring.rule_id == rule.id, RuleFiring.at > now() - HOUR, RuleFiring.state != Fired.HELD
        )
        if party_id is not None:
            query = query.where(RuleFiring.party_id == party_id)
        return self._session.scalar(query) or 0


def why(
    known: Facts, conditions: Sequence[grammar.Condition], may_ask: dict[str, grammar.Known]
) -> list[dict[str, object]] | None:
    """Return what was asked and what was found; None: a condition does not hold, or its field is there no more."""
    found: list[dict[str, object]] = []
    for one in conditions:
        field = may_ask.get(one.field)
        if field is None:
            return None
        value = known.value(one.field)
        if not grammar.holds(one, field.kind, value):
            return None
        found.append(one.as_json() | {"found": facts.as_json(value)})
    return found
