"""What is said of one party becomes what is said of two: every source record takes along what it brought.

A number that records of both sides speak of is held by both; what people said stays, unless the journal knows of whom.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.identity import claims
from hub.identity.claims import Said
from hub.identity.models import Claim, Identifier, Link, Party
from hub.identity.points import Key


@dataclass(slots=True)
class Parting:
    """Two parties whose source records are told apart.

    Attributes:
        leaving: links that go from `keep` to `leave`.
        brought: what records of each side speak of that they did not speak of before; so the side gets it.
    """

    keep: Party
    leave: Party
    leaving: Collection[int]
    brought: dict[int, set[Key]] = field(default_factory=lambda: defaultdict(set))

    @property
    def others(self) -> tuple[tuple[Party, Party], ...]:
        """Each of the two, with the other one."""
        return (self.keep, self.leave), (self.leave, self.keep)


def said_by(session: Session, party_ids: Collection[int]) -> dict[int, list[Claim]]:
    """Return the claims of source records of parties by link."""
    found: dict[int, list[Claim]] = defaultdict(list)
    query = select(Claim).where(Claim.party_id.in_(party_ids), Claim.link_id.is_not(None)).order_by(Claim.id)
    for one in session.scalars(query):
        assert one.link_id is not None, "asked so"
        found[one.link_id].append(one)
    return found


def keys_of(several: Iterable[Claim]) -> set[Key]:
    """Return the identifiers that claims speak of."""
    return claims.keys(as_said(several))


def as_said(several: Iterable[Claim]) -> list[Said]:
    return [Said(one.field, one.value, one.link_id, one.observed_at, one.id) for one in several]


def move_links(session: Session, parting: Parting) -> None:
    """Move links and what they say."""
    session.flush()
    for table, which in ((Link, Link.id), (Claim, Claim.link_id)):
        session.execute(
            update(table)
            .where(which.in_(parting.leaving), table.party_id == parting.keep.id)
            .values(party_id=parting.leave.id)
        )


def share_identifiers(session: Session, parting: Parting) -> set[Key]:
    """Give each side the numbers and addresses that its records speak of; returns those that changed hands.

    Links must have moved, and what the journal knows of must be back where it was.
    """
    session.flush()
    theirs = set(session.scalars(select(Link.id).where(Link.party_id == parting.leave.id)))
    speakers = _speakers(session, parting, theirs)
    held = {party.id: _held(session, party) for party, _ in parting.others}
    touched: set[Key] = set()
    for party, other in parting.others:
        mine, foreign = held[party.id], held[other.id]
        for key, row in list(mine.items()):
            if row.link_id is None or (row.link_id in theirs) == (party is parting.leave):
                continue  # a person's word, or its own record's
            touched.add(key)
            if key in speakers[party.id]:
                if key not in foreign and key in speakers[other.id]:
                    foreign[key] = _copy(row, other, speakers[other.id][key])
                    session.add(foreign[key])
                row.link_id = speakers[party.id][key]
                continue
            del mine[key]
            if key in foreign:
                session.delete(row)
            else:
                foreign[key], row.party_id = row, other.id
        session.flush()
    for party, other in parting.others:
        wanted = parting.brought[party.id] & speakers[party.id].keys() & held[other.id].keys()
        for key in wanted - held[party.id].keys():
            session.add(_copy(held[other.id][key], party, speakers[party.id][key]))
            touched.add(key)
    session.flush()
    return touched


def _speakers(session: Session, parting: Parting, theirs: Collection[int]) -> dict[int, dict[Key, int]]:
    """Return for each side by number or address a link of its own that speaks of it."""
    sides: dict[int, list[Said]] = {party.id: [] for party, _ in parting.others}
    for link_id, several in said_by(session, list(sides)).items():
        sides[parting.leave.id if link_id in theirs else parting.keep.id] += as_said(several)
    return {number: claims.speakers(several) for number, several in sides.items()}


def _held(session: Session, party: Party) -> dict[Key, Identifier]:
    rows = session.scalars(select(Identifier).where(Identifier.party_id == party.id).order_by(Identifier.id))
    return {(row.kind, row.value): row for row in rows}


def _copy(row: Identifier, party: Party, link_id: int) -> Identifier:
    return Identifier(
        party_id=party.id, link_id=link_id, kind=row.kind, value=row.value, raw=row.raw, label=row.label, tail=row.tail,
        possible=row.possible, shared=row.shared, blocked=row.blocked, verified=row.verified, valid_from=row.valid_from,
        valid_to=row.valid_to,
    )  # fmt: skip
