"""Try a rule on what happened: how often it would have fired lately. Nothing is done and nothing is kept.

Conditions are asked of what is known now, not of what was known then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.fields import definitions
from hub.identity.models import Party
from hub.rules import grammar, occasions, reading
from hub.rules.engine import why
from hub.rules.facts import Facts
from hub.rules.grammar import MOMENTS
from hub.store.base import now
from hub.timeline.models import Interaction

SHOWN = 10
MOST = 2_000  # looked at; a page waits for it


@dataclass(frozen=True, slots=True)
class Example:
    """An occasion on which it would have fired."""

    happened_at: datetime
    party: Party | None
    interaction: UUID | None
    reason: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial found.

    Attributes:
        fired: how often it would have fired; looked: how many occasions there were.
        is_cut: there were more than were looked at.
        examples: the newest.
    """

    fired: int
    looked: int
    days: int
    is_cut: bool
    examples: Sequence[Example]


def tried(session: Session, given: Mapping[str, Any], *, zone: str, days: int = 7) -> Tried:
    """Try a rule as somebody writes it.

    Raises:
        DraftError: it cannot be kept like this.
    """
    fields = definitions.load(session)
    draft = reading.read(given, fields)
    until = now()
    since = until - timedelta(days=days)
    if MOMENTS[draft.when].events:
        found = occasions.during(session, draft.when, since, until)
    else:
        found = occasions.crossed(session, draft.when, draft.after, since, until, zone)[::-1]
    may_ask = grammar.known(draft.when, fields)
    fired = 0
    examples: list[Example] = []
    for one in found[:MOST]:
        known = Facts(session, one, zone)
        reason = why(known, draft.conditions, may_ask)
        if reason is None:
            continue
        fired += 1
        if len(examples) < SHOWN:
            entry = select(Interaction.public_id).where(Interaction.id == one.interaction_id)
            examples.append(Example(one.at, known.party, session.scalar(entry), reason))
    return Tried(fired, len(found[:MOST]), days, len(found) > MOST, examples)
