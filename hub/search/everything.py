"""Ask everything at once: each kind of thing finds by its own text, and says here why it was found."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from hub.accounting import index as documents
from hub.accounting.panel import Eyes
from hub.accounting.queries import Document
from hub.identity import search as parties
from hub.identity.search import Hit
from hub.identity.words import LONGEST_QUERY
from hub.search import highlight
from hub.search.highlight import Piece
from hub.security.policy import Right, may
from hub.timeline import index as entries
from hub.timeline.index import Entry
from hub.timeline.models import Kind


class Group(StrEnum):
    """What is looked for; the order is that of the page."""

    PARTIES = "parties"
    DOCUMENTS = "documents"
    LEADS = "leads"
    TIMELINE = "timeline"


KINDS = tuple(kind for kind in entries.FOUND if kind != Kind.LEAD)  # of the timeline
MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was found: what of it has what was asked for."""

    of: str  # name, company, phone, email, tax_id, former, number, text
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class FoundParty:
    """A customer that was found."""

    hit: Hit
    reasons: tuple[Reason, ...]

    @property
    def phones(self) -> list[tuple[str, bool]]:
        """Its numbers, those first that have what was asked for."""
        return self._those_first("phone", self.hit.phones)

    @property
    def emails(self) -> list[tuple[str, bool]]:
        """Its addresses, those first that have what was asked for."""
        return self._those_first("email", self.hit.emails)

    def _those_first(self, of: str, values: Sequence[str]) -> list[tuple[str, bool]]:
        asked = {"".join(piece.text for piece in one.pieces) for one in self.reasons if one.of == of}
        return sorted(((one, one in asked) for one in values), key=lambda one: not one[1])


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document that was found."""

    line: Document
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An entry of a timeline, or a lead, that was found."""

    entry: Entry
    title: tuple[Piece, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found of each group, and of which there is more."""

    parties: Sequence[FoundParty] = ()
    documents: Sequence[FoundDocument] = ()
    leads: Sequence[FoundEntry] = ()
    timeline: Sequence[FoundEntry] = ()
    more: frozenset[Group] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.parties or self.documents or self.leads or self.timeline)


def search(
    session: Session, eye: Eyes, query: str, *, groups: Collection[Group], limit: int, kinds: Sequence[str] = KINDS
) -> Answer:
    """Find everything that has what is asked for; of each group so many at most.

    What the person may not see is neither found nor counted.

    Args:
        eye: who asks, and whose money they see.
        kinds: of entries of the timeline.
    """
    query = query[:LONGEST_QUERY]
    asked = highlight.terms(query)
    answer: dict[str, Sequence[Any]] = {}
    more: set[Group] = set()
    if Group.PARTIES in groups:
        of_parties_ = of_parties(parties.search(session, query, limit + 1), query, limit)
        answer[Group.PARTIES] = of_parties_.parties
        more |= of_parties_.more
    if Group.DOCUMENTS in groups:
        lines, is_cut = documents.find(session, eye, query, limit=limit)
        answer[Group.DOCUMENTS] = [FoundDocument(line, tuple(_of_document(line, asked))) for line in lines]
        more |= {Group.DOCUMENTS} if is_cut else set()
    for group, wanted in ((Group.LEADS, (Kind.LEAD,)), (Group.TIMELINE, _seen(eye, kinds))):
        if group in groups and wanted:
            found, is_cut = entries.find(session, eye.person, query, kinds=wanted, limit=limit)
            answer[group] = [_entry(one, asked) for one in found]
            more |= {group} if is_cut else set()
    return Answer(**answer, more=frozenset(more))


def of_parties(hits: Sequence[Hit], query: str, limit: int) -> Answer:
    """Say of customers why they were found. Pure."""
    asked = highlight.terms(query)
    found = [FoundParty(hit, tuple(_of_party(hit, asked))) for hit in hits[:limit]]
    return Answer(parties=found, more=frozenset({Group.PARTIES} if len(hits) > limit else ()))


def _seen(eye: Eyes, kinds: Iterable[str]) -> tuple[str, ...]:
    sees_money = may(eye.person.role, Right.SEE_MONEY)
    return tuple(kind for kind in kinds if kind != Kind.PAYMENT or sees_money)


def _of_party(hit: Hit, asked: Collection[str]) -> Iterator[Reason]:
    """Yield what of a customer was found: the name first, then what it does not show."""
    told = (
        ("name", (hit.name,)), ("company", (hit.company,)), ("phone", hit.phones), ("email", hit.emails),
        ("tax_id", hit.tax_ids), ("former", hit.former),
    )  # fmt: skip
    for of, values in told:
        hits = [one for one in values if highlight.has(one, asked)]
        for one in hits[:MOST_REASONS]:
            yield Reason(of, highlight.whole(one, asked))


def _of_document(line: Document, asked: Collection[str]) -> Iterator[Reason]:
    for of, value in (("number", line.number), ("name", line.party_name)):
        if highlight.has(value, asked):
            yield Reason(of, highlight.whole(value, asked))


def _entry(entry: Entry, asked: Collection[str]) -> FoundEntry:
    """Give an entry the name that it has, else the piece of its text that was found; and the other pieces."""
    others = (highlight.fragment(one, asked) for one in entry.texts if one not in entry.title.split(" · "))
    pieces = [one for one in others if one][: MOST_REASONS + 1]
    if entry.title:
        title = highlight.whole(entry.title[: highlight.LONGEST], asked)
    else:
        title = pieces.pop(0) if pieces else highlight.whole("".join(entry.texts[:1])[: highlight.LONGEST], asked)
    return FoundEntry(entry, title, tuple(Reason("text", one) for one in pieces[:MOST_REASONS]))
