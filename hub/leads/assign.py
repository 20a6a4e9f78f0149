"""Who looks after a new lead: whoever looks after the customer, else who is next by the first rule that fits, else all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import phonenumbers
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity.models import Party
from hub.leads.models import LeadRule
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.public import by_public_id

WANTS = ("account", "campaign", "form", "platform", "language", "region")  # what a rule may ask for
LONGEST_NAME = 200
MOST_VALUES = 200  # of one condition


@dataclass(frozen=True, slots=True)
class Assigned:
    """Who got a lead, and by which rule."""

    owner_id: int | None = None
    rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as an administrator writes it."""

    name: str
    wants: Mapping[str, Sequence[str]]  # by `WANTS`; a condition without values asks for nothing
    users: Sequence[UUID]  # they take turns


def assign(session: Session, facts: Mapping[str, str], party_id: int | None) -> Assigned:
    """Say who gets a lead; the turn that a rule gives is taken, so call it once for each lead.

    Args:
        facts: what rules look at, by `WANTS`: ids of account, campaign and form, platform, language, region of the number.
    """
    active = set(session.scalars(select(User.id).where(User.disabled_at.is_(None))))
    if party_id is not None:
        owner_id = session.scalar(select(Party.owner_id).where(Party.id == party_id))
        if owner_id in active:
            return Assigned(owner_id)
    for rule in session.scalars(_in_order().with_for_update()):
        if fits(rule.wants, facts) and (people := [one for one in rule.users if one in active]):
            owner_id = people[rule.turn % len(people)]
            rule.turn += 1
            return Assigned(owner_id, rule.id)
    return Assigned()


def fits(wants: Mapping[str, Any], facts: Mapping[str, str]) -> bool:
    """Say whether a rule is for a lead: each thing that it asks for is one of those it names. Pure."""
    return all(facts.get(name, "") in _many(given) for name, given in wants.items() if given)


def divided(wants: Sequence[Mapping[str, Any]], leads: Iterable[Mapping[str, str]]) -> list[int]:
    """Return how many leads each rule would have got, the first that fits counting; at the end, those of no rule. Pure."""
    counts = [0] * (len(wants) + 1)
    for facts in leads:
        counts[next((place for place, one in enumerate(wants) if fits(one, facts)), len(wants))] += 1
    return counts


def region_of(phone: str) -> str:
    """Return the country of a number in E.164, as ISO 3166; empty where it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""


# --- the rules ------------------------------------------------------------------------------------------------------


def rules(session: Session) -> Sequence[LeadRule]:
    """Return the rules, the first that is looked at first."""
    return session.scalars(_in_order()).all()


def rule(session: Session, public_id: UUID) -> LeadRule:
    """Return one rule.

    Raises:
        NotFoundError: there is none, or not any more.
    """
    return by_public_id(session, LeadRule, public_id, "There is no such rule.")


def add_rule(session: Session, person: Person, draft: Draft) -> LeadRule:
    """Add a rule behind the others.

    Raises:
        UserError: it has no name, or gives leads to nobody.
    """
    last = session.scalar(select(func.max(LeadRule.place)))
    row = LeadRule(place=0 if last is None else last + 1, **_values(session, draft, ()))
    session.add(row)
    session.flush()
    audit.record(session, person, "lead_rule.added", "lead_rule", row.public_id, name=row.name)
    return row


def change_rule(session: Session, person: Person, public_id: UUID, draft: Draft) -> None:
    """Write a rule anew; its place and whose turn it is stay.

    Raises:
        NotFoundError: there is none, or not any more.
        UserError: as of `add_rule`.
    """
    row = rule(session, public_id)
    for name, value in _values(session, draft, row.users).items():
        setattr(row, name, value)
    audit.record(session, person, "lead_rule.changed", "lead_rule", row.public_id, name=row.name)


def move_rule(session: Session, person: Person, public_id: UUID, *, up: bool) -> None:
    """Let a rule be looked at before the one above it, or after the one below it; at either end nothing happens.

    Raises:
        NotFoundError: there is none, or not any more.
    """
    rows = list(session.scalars(_in_order().with_for_update()))
    at = next((place for place, row in enumerate(rows) if row.public_id == public_id), None)
    if at is None:
        raise NotFoundError("There is no such rule.")
    to = at - 1 if up else at + 1
    if not 0 <= to < len(rows):
        return
    rows[at], rows[to] = rows[to], rows[at]
    for place, row in enumerate(rows):
        row.place = place
    audit.record(session, person, "lead_rule.moved", "lead_rule", public_id, name=rows[to].name, place=to + 1)


def remove_rule(session: Session, person: Person, public_id: UUID) -> None:
    """Drop a rule; leads that it gave out stay with whoever has them.

    Raises:
        NotFoundError: there is none, or not any more.
    """
    row = rule(session, public_id)
    audit.record(session, person, "lead_rule.removed", "lead_rule", row.public_id, name=row.name, wants=dict(row.wants))
    session.delete(row)


def _values(session: Session, draft: Draft, before: Sequence[int]) -> dict[str, Any]:
    """Return what a row keeps of a draft; people who were in it keep their order, new ones come behind."""
    name = " ".join(draft.name.split())[:LONGEST_NAME]
    if not name:
        raise UserError("Write a name.", error_id="rule_name", field="name")
    known = (
        select(User.id).where(User.public_id.in_(draft.users), User.disabled_at.is_(None)).order_by(User.name, User.id)
    )
    chosen = list(session.scalars(known))
    if not chosen:
        raise UserError("Choose at least one person.", error_id="rule_people", field="users")
    wants = {one: list(dict.fromkeys(draft.wants.get(one, ())))[:MOST_VALUES] for one in WANTS}
    users = [one for one in before if one in chosen] + [one for one in chosen if one not in before]
    return {"name": name, "wants": {one: values for one, values in wants.items() if values}, "users": users}


def _in_order() -> Any:
    return select(LeadRule).order_by(LeadRule.place, LeadRule.id)


def _many(given: Any) -> Sequence[str]:
    return [str(one) for one in given] if isinstance(given, list) else [str(given)]
