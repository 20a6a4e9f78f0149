"""What entries of the timeline are found by: notes, subjects, titles, messages, answers of leads.

Written in the transaction that writes the entry. Whoever changes what is read here of a row that is there calls `refresh`;
a row that is deleted takes its text along by itself. A document is found by its own text (accounting/index.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from hub.identity.models import Party, PartyStatus
from hub.identity.words import endings, words
from hub.security import businesses
from hub.security.policy import Person, Seen, finder, finders, sees, sees_business
from hub.store.full_text import LONGEST_WORD, Text, TextTable
from hub.timeline.models import Interaction, Kind, Note, NoteFile, Participant
from hub.timeline.text import VERSION as WORDS_VERSION
from hub.timeline.text import asked, indexed

TEXTS = TextTable("interaction_text", "interaction_id")
VERSION = 100 + WORDS_VERSION  # of what an entry is found by: another one makes all texts anew
MOST_AT_ONCE = 500
LONGEST = 20_000  # characters of one entry that it is found by
MOST_ENDINGS = 15  # digits of a number in a text: any part of its end finds it
# Rows looked at for one question, the newest; whoever gets more than these writes another word.
LOOK = 60
MOST_NAMED = 5  # parties of one entry
FOUND = (Kind.NOTE, Kind.EMAIL, Kind.MEETING, Kind.MESSAGE, Kind.CALL, Kind.LEAD, Kind.PAYMENT, Kind.TICKET)
# What is read of an entry's detail, which also holds keys and states that nobody looks for.
_READ: Mapping[str, tuple[str, ...]] = {
    Kind.EMAIL: ("snippet",),
    Kind.MEETING: ("location", "description"),
    Kind.MESSAGE: ("text",),
    Kind.PAYMENT: ("number",),
    Kind.LEAD: ("form", "campaign"),
    Kind.TICKET: ("number",),
}
# Other summaries are our own words in English, or the beginning of a text.
_SUMMARISED = frozenset({Kind.EMAIL, Kind.MEETING, Kind.TICKET})
_ROW, _NOTE, _FILE = Interaction.__table__.c, Note.__table__.c, NoteFile.__table__.c
_ENTRIES: Select[Any] = select(
    _ROW.id, _ROW.public_id, _ROW.kind, _ROW.direction, _ROW.started_at, _ROW.summary, _ROW.detail, _ROW.visibility,
    _ROW.owner_id, _ROW.business_id,
)  # fmt: skip


class Shown(NamedTuple):
    """What of an entry says what it is found by and who may find it, besides the notes on it."""

    kind: str
    summary: str
    detail: Mapping[str, Any]
    visibility: str
    owner_id: int | None
    business_id: int | None

    @classmethod
    def of(cls, row: Row[Any]) -> "Shown":
        """Return it of a row that has these columns."""
        return cls(row.kind, row.summary, row.detail, row.visibility, row.owner_id, row.business_id)

    def found_by(self) -> tuple[object, ...]:
        """Return what its text and its marks are made of: as long as this is the same, they are. Pure."""
        users = self.detail.get("users")
        return self.kind, self.visibility, self.owner_id, self.business_id, users, _said(self, ())


@dataclass(frozen=True, slots=True)
class Of:
    """A party that takes part in an entry."""

    id: UUID
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was found."""

    number: int
    id: UUID
    kind: str
    direction: str
    started_at: datetime
    title: str  # subject, title, form and campaign, number; empty where it has none
    texts: tuple[str, ...]  # everything that it is found by
    detail: Mapping[str, Any]
    parties: tuple[Of, ...]


def refresh(session: Session, ids: Iterable[int]) -> None:
    """Write the texts of entries anew."""
    session.flush()
    wanted = sorted(set(ids))
    for begin in range(0, len(wanted), MOST_AT_ONCE):
        some = wanted[begin : begin + MOST_AT_ONCE]
        # Of two who change an entry at once, one its subject and one its note, the later must see what the former wrote.
        query = _ENTRIES.where(_ROW.id.in_(some)).order_by(_ROW.id).with_for_update(key_share=True)
        rows = {row.id: Shown.of(row) for row in session.execute(query)}
        _write(session, rows, _notes(session, list(rows)), new=False)


def begin(session: Session, rows: Mapping[int, Shown]) -> None:
    """Write the texts of entries that were not there before, and of which nobody could note anything yet."""
    _write(session, rows, {}, new=True)


def _write(session: Session, rows: Mapping[int, Shown], notes: Mapping[int, Sequence[str]], *, new: bool) -> None:
    texts = {}
    for number, row in rows.items():
        if row.kind in FOUND and (found_by := body(_said(row, notes.get(number, ())))):
            texts[number] = Text(found_by, marks(row))
    if not new and (silent := [number for number in rows if number not in texts]):
        TEXTS.remove(session, silent)
    TEXTS.write(session, texts, new=new)


def marks(row: Shown) -> list[str]:
    """Say of what kind an entry is, and who may find it."""
    who = finders(visibility=row.visibility, owner_id=row.owner_id, among=row.detail.get("users") or ())
    return [f"k{row.kind}", f"b{row.business_id or 0}", *sorted(who)]


def body(said: Iterable[str]) -> str:
    """Return the words that a text is found by. Pure."""
    found = words(indexed("\n".join(said)[:LONGEST]))
    found += [one for word in found if word.isdigit() for one in endings(word[-MOST_ENDINGS:])[1:]]
    return " ".join(dict.fromkeys(one[:LONGEST_WORD] for one in found))


def _said(row: Shown | Row[Any], notes: Iterable[str]) -> tuple[str, ...]:
    """Return what an entry says, the most telling first."""
    told = [row.summary] if row.kind in _SUMMARISED else []
    told += [one for name in _READ.get(row.kind, ()) if isinstance(one := row.detail.get(name), str)]
    return tuple(one for one in (*told, *_answers(row.detail), *notes) if one)


def _answers(detail: Mapping[str, Any]) -> Iterator[str]:
    for one in detail.get("answers") or ():
        if isinstance(one, Mapping):
            yield ": ".join(str(one[name]) for name in ("question", "answer") if one.get(name))


def _notes(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    if ids:
        query = select(_NOTE.interaction_id, _NOTE.text).where(_NOTE.interaction_id.in_(ids))
        for number, said in session.execute(query.order_by(_NOTE.created_at, _NOTE.id)):
            found[number].append(said)
    if found:
        names = select(_NOTE.interaction_id, _FILE.name).join_from(NoteFile, Note, _FILE.note_id == _NOTE.id)
        for number, name in session.execute(names.where(_NOTE.interaction_id.in_(list(found))).order_by(_FILE.id)):
            found[number].append(name)
    return found


def find(
    session: Session, person: Person, query: str, *, kinds: Collection[str], limit: int
) -> tuple[list[Entry], bool]:
    """Return the entries of some kinds that say what is asked, the newest first, and whether there are more.

    What the person may not read is neither found nor counted.
    """
    allowed = businesses.allowed(session, person)
    wanted = [[f"k{kind}" for kind in sorted(kinds)], sorted(finder(person))]
    if allowed is not None:
        wanted.append([f"b{one}" for one in sorted({0, *allowed})])
    question = asked(query)
    found = dict.fromkeys(TEXTS.match(session, question, exact=True, limit=LOOK, marks=wanted))
    if len(found) <= limit:
        found |= dict.fromkeys(TEXTS.match(session, question, exact=False, limit=LOOK, marks=wanted))
    if not found:
        return [], False
    rows = [
        row
        for row in session.execute(_ENTRIES.where(_ROW.id.in_(list(found)[:LOOK])))
        if row.kind in kinds and sees_business(allowed, row.business_id) and _seen(person, row) is Seen.FULL
    ]
    rows.sort(key=lambda row: (row.started_at, row.id), reverse=True)
    return _entries(session, rows[:limit]), len(rows) > limit


def _seen(person: Person, row: Row[Any]) -> Seen:
    return sees(person, visibility=row.visibility, owner_id=row.owner_id, among=row.detail.get("users") or ())


def _entries(session: Session, rows: Sequence[Row[Any]]) -> list[Entry]:
    ids = [row.id for row in rows]
    notes, parties = _notes(session, ids), _parties(session, ids)
    entries = []
    for row in rows:
        texts = _said(row, notes.get(row.id, ()))
        title = row.summary if row.kind in _SUMMARISED else _title(row.kind, row.detail)
        some = tuple(parties[row.id].values())[:MOST_NAMED]
        entries.append(
            Entry(
                row.id, row.public_id, row.kind, row.direction, row.started_at, title, texts, row.detail, some
            )
        )  # fmt: skip
    return entries


def _title(kind: str, detail: Mapping[str, Any]) -> str:
    names = _READ[kind] if kind in {Kind.LEAD, Kind.PAYMENT} else ()
    return " · ".join(one for name in names if isinstance(one := detail.get(name), str) and one)


def _parties(session: Session, ids: Sequence[int]) -> dict[int, dict[UUID, Of]]:
    """Return who takes part in entries, as who they are now."""
    found: dict[int, dict[UUID, Of]] = defaultdict(dict)
    if not ids:
        return found
    query = select(Participant.interaction_id, Participant.party_id).where(
        Participant.interaction_id.in_(ids), Participant.party_id.is_not(None)
    )
    parts = session.execute(query.order_by(Participant.id)).all()
    known: dict[int, Row[Any]] = {}
    missing = {row.party_id for row in parts}
    while missing:
        columns = select(Party.id, Party.public_id, Party.kind, Party.name, Party.status, Party.merged_into)
        rows = session.execute(columns.where(Party.id.in_(missing))).all()
        known |= {row.id: row for row in rows}
        missing = {row.merged_into for row in rows if row.merged_into is not None} - known.keys()
    for part in parts:
        one, steps = known.get(part.party_id), 0
        while one is not None and one.merged_into is not None and steps < len(known):
            one, steps = known.get(one.merged_into), steps + 1
        if one is not None and one.status == PartyStatus.ACTIVE:
            found[part.interaction_id][one.public_id] = Of(one.public_id, one.kind, one.name)
    return found
