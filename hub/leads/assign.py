"""Who looks after a new lead: whoever looks after the customer, else who is next by the first rule that fits, else all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.identity.models import Party
from hub.leads.models import LeadRule
from hub.security.models import User

WANTS = ("account", "campaign", "form", "platform", "language", "region")  # what a rule may ask for


@dataclass(frozen=True, slots=True)
class Assigned:
    """Who got a lead, and by which rule."""

    owner_id: int | None = None
    rule_id: int | None = None


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
    for rule in session.scalars(select(LeadRule).order_by(LeadRule.place, LeadRule.id).with_for_update()):
        if fits(rule.wants, facts) and (people := [one for one in rule.users if one in active]):
            owner_id = people[rule.turn % len(people)]
            rule.turn += 1
            return Assigned(owner_id, rule.id)
    return Assigned()


def fits(wants: Mapping[str, Any], facts: Mapping[str, str]) -> bool:
    """Say whether a rule is for a lead: each thing that it asks for is one of those it names. Pure."""
    return all(facts.get(name, "") in _many(given) for name, given in wants.items() if given)


def _many(given: Any) -> Sequence[str]:
    return [str(one) for one in given] if isinstance(given, list) else [str(given)]
