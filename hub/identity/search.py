"""Find a customer by any part of a name, company, number or e-mail; the database's own full text does the work.

One text per party: folded words, and of each number every ending of four digits or more, so that a search for the
beginning of a word finds any part of a number. SQLite: FTS5. PostgreSQL: tsvector with the `simple` words.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from hub.identity.models import Identifier, Party, PartyStatus
from hub.identity.names import fold
from hub.identity.words import LONGEST_QUERY, endings, unglued, words
from hub.store.full_text import LONGEST_WORD, Text, TextTable

TEXTS = TextTable("party_text", "party_id", has_marks=False)
VERSION = 2  # of what a party is found by: another one makes the texts of all parties anew
MOST_WORDS = 8
MOST_AT_ONCE = 500  # parties written in one step
MOST_FORMER = 20  # parties merged into one whose names it is found by as well
# Rows looked at for one question; whoever gets more than these writes another letter.
MOST_EXACT = 50
MOST_BEGINNING = 200
# Beginnings of a number with its country that are words of their own: half of all numbers begin alike, and as the beginning
# of a word they would be looked for among all of them.
SHORTEST_DIALLING, LONGEST_DIALLING = 3, 7
WHOLE_NUMBER = 9  # digits that are looked up as a number before they are as a part of one
_GLUE = re.compile(r"(?<=\d)[-./()]+(?=\d)")
_NUMBER = re.compile(r"[\d\s+\-./()]+")
# Built once: every record that changes a party asks these, and building costs more than asking.
_IDS: Any = bindparam("ids", expanding=True)
_COMPANY = aliased(Party)
_NAMED = (
    select(Party.id, Party.public_id, Party.kind, Party.name, _COMPANY.name.label("company"))
    .outerjoin(_COMPANY, _COMPANY.id == Party.company_id)
    .where(Party.id.in_(_IDS), Party.status == PartyStatus.ACTIVE)
)
_HELD = (
    select(Identifier.party_id, Identifier.kind, Identifier.value)
    .where(Identifier.party_id.in_(_IDS), Identifier.valid_to.is_(None))
    .order_by(Identifier.id)
)
_FORMER = (
    select(Party.id, Party.merged_into, Party.name)
    .where(Party.merged_into.in_(_IDS), Party.status == PartyStatus.MERGED)
    .order_by(Party.id)
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A party that a search found, with what a list shows of it."""

    party_id: int
    id: UUID
    kind: str
    name: str
    company: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    tax_ids: tuple[str, ...] = ()
    former: tuple[str, ...] = ()  # names of parties that were merged into it


def refresh(session: Session, party_id: int) -> None:
    """Write a party's text anew; of a party that is merged or erased, remove it."""
    refresh_all(session, [party_id])


def refresh_all(session: Session, party_ids: Iterable[int]) -> None:
    """Write the texts of several parties anew, in as few statements as there are steps."""
    session.flush()
    wanted = sorted(set(party_ids))
    for begin in range(0, len(wanted), MOST_AT_ONCE):
        _refresh(session, wanted[begin : begin + MOST_AT_ONCE])


def _refresh(session: Session, party_ids: Sequence[int]) -> None:
    rows = session.execute(_NAMED, {"ids": party_ids}).all()
    held: dict[int, list[tuple[str, str]]] = {row.id: [] for row in rows}
    for one in session.execute(_HELD, {"ids": list(held)}):
        held[one.party_id].append((one.kind, one.value))
    if gone := [one for one in party_ids if one not in held]:
        TEXTS.remove(session, gone)
    former = former_names(session, list(held))
    TEXTS.write(
        session,
        {row.id: Text(body(row.name, row.company or "", held[row.id], former.get(row.id, ()))) for row in rows},
    )


@dataclass(frozen=True, slots=True)
class New:
    """A party that nothing was written of yet. `identifiers`: kind and normal form of each, in the order they are kept."""

    party_id: int
    name: str
    company_id: int | None
    identifiers: Sequence[tuple[str, str]]


def begin(session: Session, parties: Sequence[New]) -> None:
    """Write the texts of new parties, of which everything is at hand but the names of their companies."""
    wanted = {one.company_id for one in parties} - {None}
    query = select(Party.id, Party.name).where(Party.id.in_(wanted))
    named = {row.id: row.name for row in session.execute(query)} if wanted else {}
    texts = {one.party_id: Text(body(one.name, named.get(one.company_id, ""), one.identifiers)) for one in parties}
    TEXTS.write(session, texts, new=True)


def former_names(session: Session, party_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the names of parties that were merged into others, also by way of a third."""
    found: dict[int, tuple[str, ...]] = {}
    into, seen = {one: one for one in party_ids}, set(party_ids)
    while into:
        rows = session.execute(_FORMER, {"ids": list(into)}).all()
        now_in = {row.id: into[row.merged_into] for row in rows}
        for row in rows:
            known = found.get(now_in[row.id], ())
            if row.name and row.name not in known and len(known) < MOST_FORMER:
                found[now_in[row.id]] = (*known, row.name)
        into = {one: last for one, last in now_in.items() if one not in seen}
        seen |= into.keys()
    return found


def body(name: str, company: str, identifiers: Iterable[tuple[str, str]], former: Iterable[str] = ()) -> str:
    """Return the words that a party is found by. Pure, so that a bulk import can call it for a hundred thousand."""
    found = [*_names(name), *_names(company)]
    for one in former:
        found += _names(one)
    for kind, value in identifiers:
        if kind == "phone":
            main, _, extension = value.partition(";ext=")
            digits = "".join(c for c in main if c.isdigit())
            found += endings(digits)
            if value.startswith("+"):
                found += [digits[:i] for i in range(SHORTEST_DIALLING, min(LONGEST_DIALLING, len(digits) - 1) + 1)]
            found += words(extension)
        elif kind == "tax_id":
            found += [*words(fold(value)), *endings("".join(c for c in value if c.isdigit()))]
        else:
            found += words(fold(value))
    return " ".join(dict.fromkeys([one[:LONGEST_WORD] for one in found]))


def search(session: Session, query: str, limit: int = 20) -> list[Hit]:
    """Return who matches all words of a question: whose number or address it is, then whole words, then beginnings.

    Numbers match by any part of four digits or more, however they are written.
    """
    asked = [tuple((word,) for word in group) for group in terms(query)]
    if not asked:
        return []
    found = dict.fromkeys(_holders(session, query))
    holds_it = bool(found)
    found |= dict.fromkeys(TEXTS.match(session, asked, exact=True, limit=MOST_EXACT))
    if len(found) < limit and not holds_it:  # else nobody looks for whose number or address only begins so
        most = min(max(limit * 2, MOST_EXACT), MOST_BEGINNING)
        found |= dict.fromkeys(TEXTS.match(session, asked, exact=False, limit=most))
    return shown(session, list(found)[: limit * 2])[:limit]


def _holders(session: Session, query: str) -> list[int]:
    """Return who holds what was asked for, where the whole question is a number, an address or a tax id."""
    asked = fold(query[:LONGEST_QUERY]).strip()
    value, digits = Identifier.value, "".join(c for c in asked if c.isdigit())
    if "@" in asked:
        held = and_(Identifier.kind == "email", value == asked)
    elif _NUMBER.fullmatch(asked):
        held = and_(Identifier.kind == "tax_id", Identifier.tail == digits)
        if len(digits) >= WHOLE_NUMBER:
            held = or_(held, and_(Identifier.kind == "phone", Identifier.tail == digits[-WHOLE_NUMBER:]))
    elif digits:
        held = and_(Identifier.kind == "tax_id", value == "".join(words(asked)).upper())
    else:
        return []
    query_ = select(Identifier.party_id).where(held, Identifier.valid_to.is_(None)).order_by(Identifier.party_id.desc())
    return list(session.scalars(query_.limit(MOST_EXACT)))


def terms(query: str) -> list[tuple[str, ...]]:
    """Return what a question asks for: every group must match, by any of its spellings."""
    query = fold(query[:LONGEST_QUERY])
    if _NUMBER.fullmatch(query):
        query = "".join(c for c in query if c.isdigit())
    asked = list(dict.fromkeys(words(fold(_GLUE.sub("", query)))))[:MOST_WORDS]
    return [_spellings(word) for word in asked]


def _spellings(word: str) -> tuple[str, ...]:
    """A number may be typed with the zero of its country, or 00 and the country; stored are neither."""
    bare = word.lstrip("0") if word.isdigit() else ""
    return (word, bare) if bare and bare != word else (word,)


def _names(value: str) -> list[str]:
    """Return the words of a name, and without what Hebrew and Arabic write at their front."""
    folded = fold(value)
    return words(folded) if folded.isascii() else [*words(folded), *unglued(folded)]


def shown(session: Session, party_ids: Sequence[int]) -> list[Hit]:
    """Return parties as a list shows them, in the order given."""
    if not party_ids:
        return []
    parties = {row.id: row for row in session.execute(_NAMED, {"ids": party_ids})}
    held: dict[tuple[int, str], list[str]] = {}
    for identifier in session.execute(_HELD, {"ids": party_ids}):
        held.setdefault((identifier.party_id, identifier.kind), []).append(identifier.value)
    former = former_names(session, party_ids)
    return [
        Hit(
            party_id=party,
            id=row.public_id,
            kind=row.kind,
            name=row.name,
            company=row.company or "",
            phones=tuple(held.get((party, "phone"), ())),
            emails=tuple(held.get((party, "email"), ())),
            tax_ids=tuple(held.get((party, "tax_id"), ())),
            former=former.get(party, ()),
        )
        for party in party_ids
        if (row := parties.get(party)) is not None
    ]
