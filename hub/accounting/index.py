"""What documents are found by: any part of their numbers, however the parts are divided, and whose they are by name.

Written in the transaction that writes the document; one that is forgotten takes its text along by itself.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from hub.accounting import queries
from hub.accounting.models import DocumentRow
from hub.accounting.panel import Eyes
from hub.accounting.queries import Document, Wanted
from hub.identity.names import fold
from hub.identity.words import LONGEST_QUERY, endings, unglued, words
from hub.security.policy import Right, may
from hub.store.full_text import LONGEST_WORD, Question, Text, TextTable

TEXTS = TextTable("document_text", "document_id")
VERSION = 1  # of what a document is found by: another one makes all texts anew
MOST_AT_ONCE = 500
SHORTEST_PART = 3  # letters and digits of a number that find it
LONGEST_NUMBER = 40  # letters and digits of a number that any part of it is looked for among
MOST_WORDS = 8
LOOK = 60  # documents looked at for one question, the newest
_D = DocumentRow.__table__.c
_READ: Select[Any] = select(
    _D.id, _D.business_id, _D.number, _D.allocation_no, _D.ksef_no, _D.party_name, _D.party_tax_id
)  # fmt: skip


def refresh(session: Session, ids: Iterable[int]) -> None:
    """Write the texts of documents anew."""
    session.flush()
    wanted = sorted(set(ids))
    for begin in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[begin : begin + MOST_AT_ONCE]
        rows = session.execute(_READ.where(_D.id.in_(some))).all()
        TEXTS.write(session, {row.id: Text(_body(row), (f"b{row.business_id}",)) for row in rows})


def _body(row: Row[Any]) -> str:
    return body(row.number, row.party_name, row.party_tax_id, row.allocation_no, row.ksef_no)


def body(number: str, name: str, tax_id: str = "", *others: str) -> str:
    """Return the words that a document is found by. Pure.

    Args:
        others: numbers that authorities gave it.
    """
    folded = fold(name)
    found = [*parts(number), *words(folded), *unglued(folded)]
    for one in (tax_id, *others):
        found += [*words(fold(one)), *endings("".join(c for c in one if c.isdecimal()))]
    for one in others:
        found.append("".join(words(fold(one))))
    return " ".join(dict.fromkeys(one[:LONGEST_WORD] for one in found if one))


def parts(number: str) -> list[str]:
    """Return the words of a number, and its endings without what divides them: FV 123/2026 is also fv1232026 and 1232026."""
    pieces = words(fold(number))
    whole = "".join(pieces)[-LONGEST_NUMBER:]
    return [*pieces, *(whole[i:] for i in range(max(1, len(whole) - SHORTEST_PART + 1)))]


def asked(query: str) -> list[Question]:
    """Return what is asked for, each where the one before finds nothing: all of it in one piece, then each word of it."""
    pieces = words(fold(query[:LONGEST_QUERY]))[:MOST_WORDS]
    whole: list[Question] = [[[["".join(pieces)]]]] if pieces else []
    return [*whole, [[[one]] for one in pieces]] if len(pieces) > 1 else whole


def find(session: Session, eye: Eyes, query: str, *, limit: int) -> tuple[list[Document], bool]:
    """Return documents that have what is asked for, and whether there are more: whole numbers first, then the newest.

    Of legal entities whose money the person may not see, nothing is found or counted.
    """
    if not may(eye.person.role, Right.SEE_MONEY):
        return [], False
    marks = [sorted(f"b{one}" for one in eye.names)]
    found: dict[int, None] = {}
    for question in asked(query):
        found = dict.fromkeys(TEXTS.match(session, question, exact=True, limit=LOOK, marks=marks))
        if len(found) <= limit:
            found |= dict.fromkeys(TEXTS.match(session, question, exact=False, limit=LOOK, marks=marks))
        if found:
            break
    else:
        return [], False
    whole = "".join(words(fold(query[:LONGEST_QUERY])))
    lines = queries.documents(session, eye, Wanted(more=(_D.id.in_(list(found)[:LOOK]),)), limit=LOOK)
    lines.sort(key=lambda one: "".join(words(fold(one.number))) != whole)
    return lines[:limit], len(lines) > limit
