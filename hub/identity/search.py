"""Find a customer by any part of a name, company, number or e-mail; the database's own full text does the work.

One text per party: folded words, and of each number every ending of four digits or more, so that a search for the
beginning of a word finds any part of a number. SQLite: FTS5. PostgreSQL: tsvector with the `simple` words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, aliased

from hub.identity.models import Identifier, Party, PartyStatus
from hub.identity.names import fold
from hub.identity.words import LONGEST_QUERY, unglued, words

SHORTEST_ENDING = 4
MOST_WORDS = 8
MOST_AT_ONCE = 500  # parties written in one step
# Rows looked at for one question; whoever gets more than these writes another letter.
MOST_EXACT = 50
MOST_BEGINNING = 200
_GLUE = re.compile(r"(?<=\d)[-./()]+(?=\d)")
_NUMBER = re.compile(r"[\d\s+\-./()]+")


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
    company = aliased(Party)
    rows = session.execute(
        select(Party.id, Party.name, company.name.label("company"))
        .outerjoin(company, company.id == Party.company_id)
        .where(Party.id.in_(party_ids), Party.status == PartyStatus.ACTIVE)
    ).all()
    held: dict[int, list[tuple[str, str]]] = {row.id: [] for row in rows}
    for one in session.execute(
        select(Identifier.party_id, Identifier.kind, Identifier.value)
        .where(Identifier.party_id.in_(list(held)), Identifier.valid_to.is_(None))
        .order_by(Identifier.id)
    ):
        held[one.party_id].append((one.kind, one.value))
    gone = party_ids if _is_sqlite(session) else [one for one in party_ids if one not in held]
    if gone:
        _remove(session, gone)
    if rows:
        documents = {row.id: body(row.name, row.company or "", held[row.id]) for row in rows}
        _write(session, documents)


def body(name: str, company: str, identifiers: Iterable[tuple[str, str]]) -> str:
    """Return the words that a party is found by. Pure, so that a bulk import can call it for a hundred thousand."""
    found = [*_names(name), *_names(company)]
    for kind, value in identifiers:
        if kind == "phone":
            main, _, extension = value.partition(";ext=")
            found += _endings("".join(c for c in main if c.isdigit()))
            found += words(extension)
        elif kind == "tax_id":
            found += [*words(fold(value)), *_endings("".join(c for c in value if c.isdigit()))]
        else:
            found += words(fold(value))
    return " ".join(dict.fromkeys(found))


def search(session: Session, query: str, limit: int = 20) -> list[Hit]:
    """Return who matches all words of a question: whole words first, then words that begin so.

    Numbers match by any part of four digits or more, however they are written.
    """
    asked = terms(query)
    if not asked:
        return []
    found = dict.fromkeys(_match(session, asked, exact=True, limit=MOST_EXACT))
    if len(found) < limit:
        found |= dict.fromkeys(_match(session, asked, exact=False, limit=MOST_BEGINNING))
    return shown(session, list(found)[: max(limit * 2, limit)])[:limit]


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
    return [*words(folded), *unglued(folded)]


def _endings(digits: str) -> list[str]:
    return [digits[i:] for i in range(max(1, len(digits) - SHORTEST_ENDING + 1))] if digits else []


def _match(session: Session, asked: Sequence[tuple[str, ...]], *, exact: bool, limit: int) -> list[int]:
    if _is_sqlite(session):
        star = "" if exact else "*"
        # The words hold letters and digits only, so the quotes cannot be broken out of.
        question = " AND ".join("(" + " OR ".join(f'"{w}"{star}' for w in group) + ")" for group in asked)
        sql = "SELECT rowid FROM party_text WHERE party_text MATCH :question ORDER BY rowid DESC LIMIT :most"
    else:
        star = "" if exact else ":*"
        question = " & ".join("(" + " | ".join(f"'{w}'{star}" for w in group) + ")" for group in asked)
        sql = (
            "SELECT party_id FROM party_text WHERE document @@ to_tsquery('simple', :question) "
            "ORDER BY party_id DESC LIMIT :most"
        )
    return list(session.scalars(text(sql), {"question": question, "most": limit}))


def shown(session: Session, party_ids: Sequence[int]) -> list[Hit]:
    """Return parties as a list shows them, in the order given."""
    if not party_ids:
        return []
    company = aliased(Party)
    found = session.execute(
        select(Party.id, Party.public_id, Party.kind, Party.name, company.name.label("company"))
        .outerjoin(company, company.id == Party.company_id)
        .where(Party.id.in_(party_ids), Party.status == PartyStatus.ACTIVE)
    )
    parties = {row.id: row for row in found}
    held: dict[tuple[int, str], list[str]] = {}
    for identifier in session.execute(
        select(Identifier.party_id, Identifier.kind, Identifier.value)
        .where(Identifier.party_id.in_(party_ids), Identifier.valid_to.is_(None))
        .order_by(Identifier.id)
    ):
        held.setdefault((identifier.party_id, identifier.kind), []).append(identifier.value)
    return [
        Hit(
            party_id=party,
            id=row.public_id,
            kind=row.kind,
            name=row.name,
            company=row.company or "",
            phones=tuple(held.get((party, "phone"), ())),
            emails=tuple(held.get((party, "email"), ())),
        )
        for party in party_ids
        if (row := parties.get(party)) is not None
    ]


def _write(session: Session, documents: Mapping[int, str]) -> None:
    """Write texts; on SQLite, those of before are removed already."""
    if _is_sqlite(session):
        sql = "INSERT INTO party_text (rowid, body) VALUES (:party, :words)"
    else:
        sql = (
            "INSERT INTO party_text (party_id, body) VALUES (:party, :words) "
            "ON CONFLICT (party_id) DO UPDATE SET body = excluded.body"
        )
    session.execute(text(sql), [{"party": party, "words": document} for party, document in documents.items()])


def _remove(session: Session, party_ids: Iterable[int]) -> None:
    key = "rowid" if _is_sqlite(session) else "party_id"
    session.execute(
        text(f"DELETE FROM party_text WHERE {key} = :party"),  # noqa: S608 - one of our two words
        [{"party": party} for party in party_ids],
    )


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
