"""Whose is what: a party with all that were merged into it, and the words by which it is found in logs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat
from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from hub.identity.callers import PHONE
from hub.identity.models import Claim, Identifier, Party
from hub.identity.parties import EMAIL
from hub.records.address import match_key

Point = tuple[str, str]  # kind and normal form of an identifier
SHORTEST_WORD = 6  # shorter ones are found in what speaks of somebody else


def closure(session: Session, party_id: int) -> list[int]:
    """Return the party that one is now, and all that were merged into it, the present one first."""
    party = session.get_one(Party, party_id)
    while party.merged_into is not None:
        party = session.get_one(Party, party.merged_into)
    found, fresh = [party.id], [party.id]
    while fresh:
        merged = session.scalars(select(Party.id).where(Party.merged_into.in_(fresh)).order_by(Party.id))
        fresh = [one for one in merged if one not in found]
        found += fresh
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of somebody who is erased, for as long as it takes."""

    parties: tuple[int, ...]
    public_ids: tuple[str, ...]
    points: tuple[Point, ...]  # identifiers that nobody else has
    words: tuple[str, ...]  # by which logs are looked through; small letters

    def values(self, kind: str) -> list[str]:
        """Return the identifiers of one kind."""
        return [value for of, value in self.points if of == kind]

    def as_json(self) -> dict[str, Any]:
        return {"parties": self.parties, "public_ids": self.public_ids, "points": self.points, "words": self.words}


def known_of(found: dict[str, Any]) -> Known:
    """Return what `as_json` wrote."""
    points = tuple((str(kind), str(value)) for kind, value in found["points"])
    return Known(tuple(found["parties"]), tuple(found["public_ids"]), points, tuple(found["words"]))


def look(session: Session, parties: Sequence[int]) -> Known:
    """Write down what is known of a party and of those that were merged into it."""
    rows = session.scalars(select(Party).where(Party.id.in_(parties)).order_by(Party.id)).all()
    held = session.scalars(select(Identifier).where(Identifier.party_id.in_(parties)).order_by(Identifier.id)).all()
    own = [row for row in held if not row.shared and (row.kind, row.value) not in _of_others(session, parties, held)]
    said = select(Claim.value).where(Claim.party_id.in_(parties), Claim.field == "name")
    names = {row.name for row in rows} | {str(value.get("value", "")) for value in session.scalars(said)}
    return Known(
        tuple(parties),
        tuple(str(row.public_id) for row in rows),
        tuple(dict.fromkeys((row.kind, row.value) for row in own)),
        tuple(sorted(_words(own) | {name.casefold() for name in names if _is_telling(name)})),
    )


def _is_telling(name: str) -> bool:
    """Say whether a name is of this person alone, as far as that can be: one word is of many."""
    return len(name.split()) > 1 and len(name) >= SHORTEST_WORD


def _of_others(session: Session, parties: Sequence[int], held: Iterable[Identifier]) -> set[Point]:
    values = sorted({row.value for row in held})
    query = select(Identifier.kind, Identifier.value).where(
        Identifier.value.in_(values), Identifier.party_id.not_in(parties)
    )
    return {(row.kind, row.value) for row in session.execute(query)}


def _words(held: Iterable[Identifier]) -> set[str]:
    """Return how identifiers are written wherever programs or people wrote them."""
    found: set[str] = set()
    for row in held:
        found |= {row.value, row.raw}
        if row.kind == PHONE:
            found |= written(row.value)
        elif row.kind == EMAIL:
            found.add(match_key(row.value) or "")
        else:
            found.add(row.tail)
    return {word.casefold() for word in found if len(word) >= SHORTEST_WORD}


def written(number: str) -> set[str]:
    """Return the usual ways to write a number in E.164; its last digits are in most of them."""
    main = number.partition(";")[0]
    digits = "".join(c for c in main if c.isdigit())
    found = {main, digits, digits[-9:]}
    try:
        parsed = phonenumbers.parse(main)
    except phonenumbers.NumberParseException:
        return found
    formats = (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966)
    found |= {phonenumbers.format_number(parsed, one) for one in formats}
    return found | {one.replace("-", " ") for one in found} | {one.replace(" ", "-") for one in found}


# --- what of the timeline is somebody's alone ---------------------------------------------------------------------


def points_at(kind: InstrumentedAttribute[str], value: InstrumentedAttribute[str], points: Collection[Point]) -> Any:
    """Say of which rows a kind and a value are one of these."""
    by_kind = {of: [value for kind, value in points if kind == of] for of in {kind for kind, _ in points}}
    return or_(false(), *(and_(kind == of, value.in_(values)) for of, values in by_kind.items()))


def with_others(parties: Collection[int], own: Any, other: Any) -> ColumnElement[bool]:
    """Say of which interactions somebody else has a part too.

    Args:
        own: the column with the interaction; other: the class of participants.
    """
    more = aliased(other)
    return (
        select(more.id)
        .where(more.interaction_id == own, more.party_id.is_not(None), more.party_id.not_in(parties))
        .exists()
    )
