"""What administrators do to rules: write, turn on and off, remove and bring back. Each is in the audit.

A rule that is on listens to the events that it is about, in the same transaction.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.events.tell import leave, listen
from hub.fields import definitions
from hub.identity import parties
from hub.identity.models import Party
from hub.rules import reading
from hub.rules.grammar import EVERYBODY, MOMENTS, OWNER, Action, Do, When
from hub.rules.models import Rule, RuleFiring, RuleLetter
from hub.rules.reading import Draft
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.turn import in_turn
from hub.webhooks.models import WebhookEndpoint

LISTENER = "rule"
MOST_RULES = 100
KEPT_FOR = timedelta(days=400)  # what a rule did


@dataclass(frozen=True, slots=True)
class Line:
    """A firing as a list shows it."""

    firing: RuleFiring
    rule: Rule
    party: Party | None


def listed(session: Session) -> Sequence[Rule]:
    """Return the rules, those that are on first."""
    query = select(Rule).where(Rule.removed_at.is_(None)).order_by(Rule.is_on.desc(), Rule.id)
    return session.scalars(query).all()


def get(session: Session, public_id: UUID, *, lock: bool = False) -> Rule:
    """Return a rule, also one that is removed.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Rule, public_id, "There is no such rule.", lock=lock)


def add(session: Session, person: Person | None, given: Mapping[str, Any], *, key: str = "") -> Rule:
    """Write a new rule; it is off.

    Args:
        given: as `reading.read` takes it.
        key: of a rule that is shipped, from which this one is made.

    Raises:
        UserError: it cannot be kept like this.
    """
    if len(listed(session)) >= MOST_RULES:
        raise UserError(f"There are {MOST_RULES} rules already.", error_id="rule_too_many_rules", field="name")
    draft = _read(session, given)
    row = Rule(key=key, created_by=person.id if person and person.id else None)
    _write(row, draft)
    session.add(row)
    session.flush()
    audit.record(session, person, "rule.added", "rule", row.public_id, name=row.name)
    return row


def ready_made(session: Session, person: Person | None, given: Mapping[str, Any], key: str) -> Rule:
    """Return the rule that was made of one that is shipped; it is made now where there is none."""
    in_turn(session, f"rule {key}")
    made = next((one for one in listed(session) if one.key == key), None)
    return made or add(session, person, given, key=key)


def change(
    session: Session, person: Person | None, public_id: UUID, given: Mapping[str, Any], seen: datetime | None
) -> Rule:
    """Write a rule anew; where it asks something else now, what happened before does not count.

    Args:
        seen: when it had last changed, as the administrator saw it; None: whatever it is now.

    Raises:
        NotFoundError: there is none.
        UserError: it cannot be kept like this; or it has changed since (`rule_changed`).
    """
    row = get(session, public_id, lock=True)
    _must_be_there(row)
    if seen is not None and row.changed_at != seen:
        raise UserError(
            "Somebody else has changed this rule meanwhile. Look at it again.", error_id="rule_changed", field="name"
        )
    draft = _read(session, given)
    asks = (row.asks, row.after, row.conditions)
    _write(row, draft)
    if asks != (row.asks, row.after, row.conditions) and row.is_on:
        row.on_since, row.looked_at = now(), None
    _listen(session, row)
    audit.record(session, person, "rule.changed", "rule", row.public_id, name=row.name)
    return row


def switch(session: Session, person: Person | None, public_id: UUID, *, on: bool) -> Rule:
    """Turn a rule on or off; the same again changes nothing. Only what happens from then on counts.

    Raises:
        UserError: it names what is there no more (`DraftError`), or it is removed.
    """
    row = get(session, public_id, lock=True)
    _must_be_there(row)
    if row.is_on == on:
        return row
    if on:
        _read(session, as_given(row))
    row.is_on, row.on_since, row.looked_at = on, now() if on else None, None
    row.changed_at = now()
    _listen(session, row)
    audit.record(session, person, "rule.on" if on else "rule.off", "rule", row.public_id, name=row.name)
    return row


def remove(session: Session, person: Person | None, public_id: UUID) -> Rule:
    """Remove a rule; it can be brought back, and what it did stays listed."""
    row = get(session, public_id, lock=True)
    if row.removed_at is None:
        row.removed_at, row.is_on, row.on_since, row.changed_at = now(), False, None, now()
        _listen(session, row)
        audit.record(session, person, "rule.removed", "rule", row.public_id, name=row.name)
    return row


def bring_back(session: Session, person: Person | None, public_id: UUID) -> Rule:
    """Bring a rule back that was removed; it is off."""
    row = get(session, public_id, lock=True)
    if row.removed_at is not None:
        row.removed_at, row.changed_at = None, now()
        audit.record(session, person, "rule.back", "rule", row.public_id, name=row.name)
    return row


def as_given(row: Rule) -> dict[str, Any]:
    """Return what a rule says as `reading.read` takes it."""
    return {
        "name": row.name, "asks": row.asks, "after": row.after, "conditions": list(row.conditions),
        "actions": list(row.actions), "per_hour": row.per_hour,
    }  # fmt: skip


# --- what they did --------------------------------------------------------------------------------------------------


def firings(
    session: Session,
    *,
    rule: Rule | None = None,
    state: str = "",
    before: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> list[Line]:
    """Return what rules did, the newest first.

    Args:
        state: of `models.Fired`; empty: all.
        before: `at` and `id` of the last one of the page before.
    """
    query = select(RuleFiring, Rule).join(Rule, Rule.id == RuleFiring.rule_id)
    if rule is not None:
        query = query.where(RuleFiring.rule_id == rule.id)
    if state:
        query = query.where(RuleFiring.state == state)
    if before is not None:
        query = query.where(tuple_(RuleFiring.at, RuleFiring.id) < tuple_(*before))
    rows = session.execute(query.order_by(RuleFiring.at.desc(), RuleFiring.id.desc()).limit(limit)).all()
    return [
        Line(firing, of, parties.now_is(session, firing.party_id) if firing.party_id else None) for firing, of in rows
    ]


def letters(session: Session, firing_ids: Sequence[int]) -> dict[int, list[tuple[RuleLetter, str]]]:
    """Return the mails of some firings, each with its receiver's name."""
    query = select(RuleLetter, User.name).join(User, User.id == RuleLetter.user_id)
    found: dict[int, list[tuple[RuleLetter, str]]] = {}
    for letter, name in session.execute(query.where(RuleLetter.firing_id.in_(firing_ids)).order_by(RuleLetter.id)):
        found.setdefault(letter.firing_id, []).append((letter, name))
    return found


def counts(session: Session, since: datetime) -> dict[int, Counter[str]]:
    """Return how often each rule fired since then, by what became of it (`models.Fired`)."""
    query = select(RuleFiring.rule_id, RuleFiring.state, func.count()).where(RuleFiring.at >= since)
    found: dict[int, Counter[str]] = {}
    for rule_id, state, count in session.execute(query.group_by(RuleFiring.rule_id, RuleFiring.state)):
        found.setdefault(rule_id, Counter())[state] = count
    return found


def forget(session: Session) -> None:
    """Drop what rules did long ago."""
    session.execute(delete(RuleFiring).where(RuleFiring.at < now() - KEPT_FOR))


# --- inside ---------------------------------------------------------------------------------------------------------


def _must_be_there(row: Rule) -> None:
    if row.removed_at is not None:
        raise UserError("This rule is removed. Bring it back first.", error_id="rule_gone", field="name")


def _read(session: Session, given: Mapping[str, Any]) -> Draft:
    """Read a rule, and look whether those whom it names are there."""
    draft = reading.read(given, definitions.load(session))
    for at, action in enumerate(draft.actions):
        _must_exist(session, action, f"a-{at}")
    return draft


def _must_exist(session: Session, action: Action, where: str) -> None:
    people = [UUID(one) for one in action.to if one not in {OWNER, EVERYBODY}]
    there = session.scalars(select(User.id).where(User.public_id.in_(people), User.disabled_at.is_(None))).all()
    if len(there) != len(people):
        raise reading.DraftError("This colleague works here no more.", "rule_nobody", f"{where}-to")
    if action.do is Do.WEBHOOK and action.endpoint:
        query = select(WebhookEndpoint.id).where(WebhookEndpoint.public_id == UUID(action.endpoint))
        if session.scalar(query) is None:
            raise reading.DraftError("This webhook endpoint is there no more.", "rule_no_endpoint", f"{where}-endpoint")


def _write(row: Rule, draft: Draft) -> None:
    row.name, row.asks, row.after, row.per_hour = draft.name, str(draft.when), draft.after, draft.per_hour
    row.conditions = [one.as_json() for one in draft.conditions]
    row.actions = [one.as_json() for one in draft.actions]
    row.changed_at = now()


def _listen(session: Session, row: Rule) -> None:
    """Hear of what the rule is about while it is on; one that waits for a time hears of nothing."""
    events = MOMENTS[When(row.asks)].events
    if row.is_on and events:
        listen(session, LISTENER, row.id, sorted(events))
    else:
        leave(session, LISTENER, row.id)
