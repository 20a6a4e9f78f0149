"""What becomes of everything that points to a party when two become one, and whose it is when they are two again.

Tables of the layers above are named, not imported. A test holds these lists against the whole database: a new foreign key
to a party fails it until somebody says here what becomes of it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, TableClause, and_, column, false, func, or_, select, table, update
from sqlalchemy.orm import Session

from hub.identity.callers import PHONE
from hub.identity.models import Claim, Identifier, Link, Merge, Party
from hub.identity.parties import KINDS
from hub.store.base import UtcDateTime

PAGE = 2_000  # rows moved in one statement

# Moved with the merge itself, by rules of their own (`merge`, `undo`).
AT_ONCE = frozenset({"link.party_id", "identifier.party_id", "claim.party_id", "party.merged_into"})
# Stay as they are: where something was before any merge, what was decided of two parties, the journal, and what is read
# through all that were merged.
STAYS = frozenset({
    "link.origin_party_id", "participant.origin_party_id", "merge.winner_id", "merge.loser_id", "not_same.a_id",
    "not_same.b_id", "review.a_id", "review.b_id", "legal_hold.party_id", "erasure.party_id", "import_row.party_id",
    "second_look.party_id", "crm_copy.party_id", "rule_firing.party_id",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """What only one of two parties is known by, so that a row says whose it is."""

    party_id: int
    name: str
    values: dict[str, list[str]] = field(default_factory=dict)  # identifiers in normal form by kind
    pointers: list[str] = field(default_factory=list)  # account and remote id of each source record
    remotes: dict[int, list[str]] = field(default_factory=dict)  # remote ids by account
    links: list[int] = field(default_factory=list)
    raws: list[int] = field(default_factory=list)  # raw records of its links

    @property
    def phones(self) -> list[str]:
        return self.values.get(PHONE, [])

    @property
    def ids(self) -> list[str]:
        """Remotes' own ids of people."""
        return [value for kind, values in self.values.items() if kind not in KINDS for value in values]


Whose = Callable[[TableClause, Side], ColumnElement[bool]]


def _of_people(_: TableClause, __: Side) -> ColumnElement[bool]:
    """Written by people since: it stays where they wrote it."""
    return false()


def _of_interaction(of: TableClause, side: Side) -> ColumnElement[bool]:
    known = [
        and_(of.c.identifier_kind == kind, of.c.value.in_(values)) for kind, values in side.values.items() if values
    ]
    pointing = and_(of.c.identifier_kind.not_in(KINDS), of.c.value.in_(side.pointers))
    made = select(_INTERACTION.c.id).where(_INTERACTION.c.raw_record_id.in_(side.raws))
    return or_(*known, pointing, of.c.interaction_id.in_(made))


def _of_number(of: TableClause, side: Side) -> ColumnElement[bool]:
    return of.c.number.in_(side.phones)


def _of_call(of: TableClause, side: Side) -> ColumnElement[bool]:
    """What the hub itself wrote down of a call; what a person wrote has none."""
    return and_(of.c.call_id.is_not(None), of.c.number.in_(side.phones))


def _of_what_happened(of: TableClause, side: Side) -> ColumnElement[bool]:
    theirs = select(_PARTICIPANT.c.interaction_id).where(_PARTICIPANT.c.party_id == side.party_id)
    return and_(of.c.interaction_id.is_not(None), of.c.interaction_id.in_(theirs))


def _of_contact(of: TableClause, side: Side) -> ColumnElement[bool]:
    several = [and_(of.c.account_id == number, of.c.party_remote_id.in_(ids)) for number, ids in side.remotes.items()]
    return or_(false(), *several)


def _of_peer(of: TableClause, side: Side) -> ColumnElement[bool]:
    return or_(of.c.peer_phone.in_(side.phones), of.c.peer_id.in_(side.ids))


def _of_value(of: TableClause, side: Side) -> ColumnElement[bool]:
    return of.c.value.in_([*side.phones, *side.ids])


def _of_link(of: TableClause, side: Side) -> ColumnElement[bool]:
    return of.c.link_id.in_(side.links)


def _of_employer(of: TableClause, side: Side) -> ColumnElement[bool]:
    """Whose source says the name that only this company had."""
    said = select(Claim.party_id).where(Claim.field == "company", Claim.value["value"].as_string() == side.name)
    return of.c.id.in_(said)


@dataclass(frozen=True, slots=True)
class Move:
    """A column that points to a party and follows it.

    Attributes:
        of: the table, with the columns that are looked at.
        whose: which of the rows that were made since are the loser's; all others stay with the winner.
        origin: the column that says where a row was before any merge.
        born: the column that says when a row was made.
        is_numbered: rows are numbered as they come, so that those made since have greater numbers.
    """

    of: TableClause
    whose: Whose
    column: str = "party_id"
    origin: str = ""
    born: str = ""
    is_numbered: bool = True

    @property
    def name(self) -> str:
        return f"{self.of.name}.{self.column}"

    @property
    def points(self) -> Any:
        return self.of.c[self.column]


def _rows(name: str, *columns: str, born: str = "", points: str = "party_id") -> TableClause:
    dated = [column(born, UtcDateTime())] if born else []
    return table(name, column("id"), column(points), *(column(one) for one in columns), *dated)


_INTERACTION = _rows("interaction", "raw_record_id")
_PARTICIPANT = _rows("participant", "origin_party_id", "interaction_id", "identifier_kind", "value")
# In this order: where people work is shown as a list at once, and what a note is about is looked up in the participants.
MOVES = (
    Move(_rows("party", points="company_id"), _of_employer, column="company_id"),
    Move(_PARTICIPANT, _of_interaction, origin="origin_party_id"),
    Move(_rows("call", "number"), _of_number),
    Move(_rows("click", "number", born="at"), _of_number, born="at", is_numbered=False),
    Move(_rows("task", "number", "call_id", born="created_at"), _of_call, born="created_at"),
    Move(_rows("note", "interaction_id", born="created_at"), _of_what_happened, born="created_at"),
    Move(_rows("document", "account_id", "party_remote_id", born="first_seen_at"), _of_contact, born="first_seen_at"),
    Move(_rows("payment", "account_id", "party_remote_id"), _of_contact),
    Move(_rows("conversation", "peer_phone", "peer_id"), _of_peer),
    Move(_rows("conversation_peer", "value"), _of_value),
    Move(_rows("meeting_booking", born="asked_at"), _of_people, born="asked_at"),
    Move(_rows("mail_draft", born="created_at"), _of_people, born="created_at"),
    Move(_rows("conflict", "link_id", born="at"), _of_link, born="at"),
)
BY_NAME = {move.name: move for move in MOVES}
# What people wrote on the page of both since, with the id that outsiders know.
BY_PEOPLE = tuple(
    table(name, column("id"), column("public_id", Party.__table__.c.public_id.type), column("party_id"))
    for name in ("note", "task", "meeting_booking", "mail_draft")
)


def marks(session: Session) -> dict[str, int]:
    """Return the last row of each table now: what has a greater number was made since."""
    numbered = [move.of for move in MOVES if move.is_numbered]
    return {of.name: session.scalar(select(func.max(of.c.id))) or 0 for of in numbered}


def take(session: Session, move: Move, loser_id: int, winner_id: int, limit: int) -> dict[int | None, list[int]]:
    """Move up to `limit` rows of the loser's to the winner; returns their ids by their origin."""
    of, origin = move.of, move.of.c[move.origin] if move.origin else None
    wanted = [of.c.id] if origin is None else [of.c.id, origin]
    rows = session.execute(select(*wanted).where(move.points == loser_id).limit(min(limit, PAGE))).all()
    found: dict[int | None, list[int]] = defaultdict(list)
    for row in rows:
        found[row[1] if origin is not None else None].append(row[0])
    if rows:
        _point(session, move, [row[0] for row in rows], loser_id, winner_id)
    return found


def give_back(session: Session, move: Move, row: Merge, ids: Sequence[int], origin: int | None) -> None:
    """Move rows of the journal back to the loser, those that are still the winner's."""
    where = []
    if move.origin and origin is not None:
        where.append(move.of.c[move.origin] == origin)
    if move.born and session.get_bind().dialect.name == "sqlite":
        where.append(move.of.c[move.born] <= row.at)  # SQLite gives the number of a row that is no more to a new one
    _point(session, move, ids, row.winner_id, row.loser_id, *where)


def follow(session: Session, move: Move, row: Merge, side: Side, limit: int) -> list[int]:
    """Move up to `limit` rows that were made since and are the loser's; returns their ids."""
    of = move.of
    where = [move.points == row.winner_id, move.whose(of, side)]
    if row.marks:  # else there was no merge: a party is taken apart, with all that ever happened
        where.append(of.c.id > row.marks[of.name] if move.is_numbered else of.c[move.born] > row.at)
    ids = list(session.scalars(select(of.c.id).where(*where).limit(min(limit, PAGE))))
    if ids:
        _point(session, move, ids, row.winner_id, row.loser_id)
    return ids


def _point(
    session: Session, move: Move, ids: Sequence[int], former: int, party_id: int, *where: ColumnElement[bool]
) -> None:
    session.execute(
        update(move.of).where(move.of.c.id.in_(ids), move.points == former, *where).values({move.column: party_id})
    )


def side(session: Session, party: Party, other_id: int) -> Side:
    """Return what a party is known by and another one is not."""
    mine: dict[str, set[str]] = defaultdict(set)
    for kind, value in session.execute(
        select(Identifier.kind, Identifier.value).where(Identifier.party_id == party.id)
    ):
        mine[kind].add(value)
    for kind, value in session.execute(
        select(Identifier.kind, Identifier.value).where(Identifier.party_id == other_id)
    ):
        mine[kind].discard(value)
    links = session.execute(
        select(Link.id, Link.account_id, Link.remote_id, Link.raw_record_id).where(Link.party_id == party.id)
    ).all()
    remotes: dict[int, list[str]] = defaultdict(list)
    for link in links:
        remotes[link.account_id].append(link.remote_id)
    return Side(
        party_id=party.id,
        name=party.name,
        values={kind: sorted(values) for kind, values in mine.items()},
        pointers=[f"{link.account_id}:{link.remote_id}" for link in links],
        remotes=dict(remotes),
        links=[link.id for link in links],
        raws=[link.raw_record_id for link in links if link.raw_record_id is not None],
    )
