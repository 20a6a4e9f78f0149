"""Link records of sources to parties: whose each one is, what it says, and what counts of everything that is said.

A record that has a link stays with its party, whatever it says now. One without a link joins a party where an exact
identifier says so and the names agree (`rules`), else it makes a new one; two that may be the same are left to a person.
A record that is gone at its source keeps its link with `gone_at`, and what it said stays: nobody forgets a customer because
somebody tidied an address book. A record that turned out not to be for the hub takes along what only it said.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, cast

from sqlalchemy import Table, delete, exists, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from hub.errors import RecordError
from hub.identity import claims, in_step, new_owners, photos, search, told
from hub.identity.claims import Said
from hub.identity.in_step import Book
from hub.identity.models import Claim, Identifier, Link, Party, PartyKind, PartyStatus, SharedRecord
from hub.identity.parties import TAX_ID, companies_named, judge_shared
from hub.identity.points import Key, Ours, Point, is_colleague, ours, points
from hub.identity.resolving import asked
from hub.identity.said import said
from hub.identity.whose import Known, scope_of
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.outbound.canonical import entry_key
from hub.outbound.models import Outbox
from hub.records.party import Party as Record
from hub.security import suppression
from hub.store import bulk
from hub.store.base import now
from hub.store.turn import in_turn

COLLEAGUE, EMPTY, ERASED = "colleague", "empty", "erased"
_STANDING = select(Party.id, Party.merged_into, Party.status)
_SAID = cast("Table", Claim.__table__).c
_CLAIMS = select(_SAID.id, _SAID.party_id, _SAID.field, _SAID.value, _SAID.link_id, _SAID.observed_at)


@dataclass(frozen=True, slots=True)
class Given:
    """A record: as it was kept, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)  # that administrators defined; None: it has nothing there
    record: Record | None = None  # what `said` makes of the values, for whoever knows it already
    points: tuple[Point, ...] | None = None  # of that record, by the same region


class More(Protocol):
    """What a layer above knows of the fields that administrators defined."""

    def defaults(self, *, is_company: bool) -> Mapping[str, Any]:
        """Return what fields of a new person or company begin with; nobody said it, so whoever says something counts."""

    def archived(self, *, is_company: bool) -> Collection[str]:
        """Return the fields of which everything stays as it is, whatever a source says no more."""


@dataclass(slots=True)
class _Card:
    """A record on its way to its party."""

    raw: RawRecord
    record: Record
    points: tuple[Point, ...]
    region: str
    says: dict[str, dict[str, Any]] | None = None  # its claims, once they are made
    said: list[Said] | None = None  # what it said until now, where that was read already
    link: "Link | _NewLink | None" = None
    number: int = 0  # of its party; below zero: it is new
    before: set[Key] = field(default_factory=set)  # the identifiers that it spoke of until now
    shared: SharedRecord | None = None  # it is kept in step with its party
    heard: in_step.Heard | None = None  # what of it is news then; all else it only says because we wrote it there
    made_by: str = ""  # our own write that made it
    erased: bool = False  # it speaks of somebody who was erased


_LINKS = select(Link).where(receive.of_source(Link))
_WHOSE = select(Link.remote_id, Link.party_id).where(receive.of_source(Link))

# An address book brings thousands, and of most of them nothing is asked again on their page: of these only rows are written.


@dataclass(slots=True)
class _NewParty:
    """A party that came with the page. `is_other`: it is other than its row by now."""

    id: int
    kind: str
    name: str
    company_id: int | None
    fields: dict[str, Any]
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class _NewLink:
    id: int
    party_id: int


@dataclass(slots=True)
class _NewIdentifier:
    """An identifier that came with the page; its row is written when the page is through with it."""

    party_id: int
    link_id: int
    kind: str
    value: str
    raw: str
    label: str
    tail: str
    possible: bool
    shared: bool
    valid_to: datetime | None = None


@dataclass(slots=True)
class _Work:
    """A party, and what the page says of it."""

    party: Party | _NewParty
    cards: list[_Card]
    said: list[Said] = field(default_factory=list)
    held: dict[Key, Identifier | _NewIdentifier] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)  # fields of which something else is said now
    is_new: bool = False


def take(  # noqa: PLR0913 - how a source is to be read
    session: Session,
    account: Account,
    given: Sequence[Given],
    *,
    region: str,
    both_ways: Collection[str] = (),
    writing: bool = False,
    first: bool = False,
    apart: bool = True,
    more: More | None = None,
) -> list[RawState]:
    """Link records to parties, keep what they say and bring the parties up to date; safe to repeat.

    Of a record that is not for the hub, `raw.error` says why: a colleague, a card with nothing on it, somebody erased.

    Args:
        region: ISO 3166 country in which national numbers are read; may be empty.
        both_ways: fields that the account also writes to (`in_step`); none: it is only read.
        writing: these are answers to writes of ours.
        first: the account has not been read to its end yet: nobody is told of what is older than its connection.
        apart: two records of this source are two people, as in an address book; else one may have left several.
        more: of fields that administrators defined; None: there are none.

    Raises:
        RecordError: one of them is no person or company.
    """
    in_turn(session, Party.__tablename__)  # two pages that meet the same new customer would make two of him
    own = ours(session)
    cards = [_card(one, region, own) for one in given]
    _find_links(session, account, cards)
    _find_made(session, account, cards)
    if apart:  # who leaves a lead or writes to us anew is a new customer
        _find_erased(session, cards)
    linked = sorted({card.link.party_id for card in cards if card.link is not None})
    parties = {row.id: row for row in session.execute(_STANDING.where(Party.id.in_(linked)))} if linked else {}
    states = [_state(session, card, own, parties) for card in cards]
    receive.forget(session, [card.raw for card in cards if card.erased], ERASED)
    taken = [card for card, state in zip(cards, states, strict=True) if state is None]
    if taken:
        _take(session, account, taken, _Step(region, frozenset(both_ways), writing, first, apart, more))
    return [state or RawState.APPLIED for state in states]


def whose(session: Session, account_id: int, stream: str, remote_ids: Collection[str]) -> dict[str, int]:
    """Return the parties that records of a source are linked to, by remote ids."""
    asked_for = {"account": account_id, "stream": stream, "remote_ids": sorted(remote_ids)}
    return {row.remote_id: row.party_id for row in session.execute(_WHOSE, asked_for)} if remote_ids else {}


def lose(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Write down that a source has records no more; parties keep what they said."""
    for stream, remote_ids in _by_stream(raws).items():
        session.execute(
            update(Link)
            .where(
                Link.account_id == account.id,
                Link.stream == stream,
                Link.remote_id.in_(remote_ids),
                Link.gone_at.is_(None),
            )
            .values(gone_at=now())
        )


def withdraw(session: Session, account: Account, raws: Sequence[RawRecord]) -> list[int]:
    """Unlink records that are not for the hub after all, and forget what only they said.

    Returns:
        Parties of which nobody says anything any more, for `erase`; the caller knows whether they have a history.
    """
    in_turn(session, Party.__tablename__)
    links = [
        link
        for stream, remote_ids in _by_stream(raws).items()
        for link in _links(session, account.id, stream, remote_ids).values()
    ]
    if not links:
        return []
    works = _works(session, {link.party_id: [] for link in links}, {})
    employers = {work.party.company_id for work in works.values()} - {None}
    for link in links:
        work = works[link.party_id]
        work.changed |= {one.field for one in work.said if one.link_id == link.id}
        work.said = [one for one in work.said if one.link_id != link.id]
    touched: set[Key] = set()
    for work in works.values():
        spoken = claims.speakers(work.said)
        for key, row in work.held.items():
            if row.link_id is not None and key not in spoken:
                session.delete(row)
                touched.add(key)
            elif row.link_id is not None:
                row.link_id = spoken[key]  # without a link it would be a person's word
    session.flush()
    for link in links:
        session.delete(link)
    session.flush()
    _count(works.values())
    _settle(session, works.values())
    changed = _finish(session, works.values(), touched)
    asked.ask(session, asked.holders(session, touched))
    in_step.tell(session, changed, {Book(account.id, raw.stream) for raw in raws})
    return _bare(session, {*works, *employers})


def settle(session: Session, changed: Mapping[int, Collection[str]]) -> None:
    """Make fields of parties anew from everything that is said of them: claims came or went with a merge."""
    works = _works(session, {number: [] for number in changed}, {})
    for number, work in works.items():
        work.changed |= set(changed[number])
    _settle(session, works.values())


def erase(session: Session, party_ids: Collection[int]) -> None:
    """Forget parties of which nothing is left; what pointed to them finds nobody."""
    numbers = sorted(party_ids)
    if not numbers:
        return
    session.execute(
        update(Party)
        .where(Party.id.in_(numbers))
        .values(status=PartyStatus.ERASED, name="", company_id=None, fields={}, version=Party.version + 1)
    )
    search.refresh_all(session, numbers)
    in_step.part(session, numbers)


# --- whose --------------------------------------------------------------------------------------------------------


def _card(given: Given, region: str, own: Ours) -> _Card:
    try:
        record = given.record or said(given.values)
    except RecordError as error:
        raise RecordError(f"record {given.raw.remote_id}: {error}") from error
    if given.fields:
        fields = {name: value for name, value in given.fields.items() if value is not None}
        record = replace(record, more={**record.more, **fields})
    made_by = given.values.get("made_by")
    found = given.points if given.points is not None else points(record, region, own)
    return _Card(given.raw, record, found, region, made_by=made_by if isinstance(made_by, str) else "")


def _by_stream(raws: Iterable[RawRecord]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for raw in raws:
        found[raw.stream].append(raw.remote_id)
    return found


def _links(session: Session, account_id: int, stream: str, remote_ids: Iterable[str]) -> dict[str, Link]:
    asked = {"account": account_id, "stream": stream, "remote_ids": sorted(set(remote_ids))}
    return {link.remote_id: link for link in session.scalars(_LINKS, asked)}


def _find_links(session: Session, account: Account, cards: Sequence[_Card]) -> None:
    """Find each record's link; a record that got another id at its source takes over the link of the old one.

    Where several records became one there, the oldest link goes on; the others end with their records.
    """
    by_stream: dict[str, list[_Card]] = defaultdict(list)
    for card in cards:
        by_stream[card.raw.stream].append(card)
    for stream, some in by_stream.items():
        wanted = {one for card in some for one in (card.raw.remote_id, *card.record.previous)}
        known = _links(session, account.id, stream, wanted)
        for card in some:
            card.link = known.get(card.raw.remote_id)
        taken = {card.link.id for card in some if card.link is not None}
        for card in some:
            former = [known[one] for one in card.record.previous if one in known and known[one].id not in taken]
            if card.link is None and former:
                card.link = min(former, key=lambda link: link.id)
                taken.add(card.link.id)


def _find_made(session: Session, account: Account, cards: Sequence[_Card]) -> None:
    """Find the party of a record that we made ourselves and that the reader sees before the answer came."""
    made = {card.made_by: card for card in cards if card.made_by and card.link is None}
    if not made:
        return
    query = select(Outbox.idempotency_key, Outbox.payload).where(
        Outbox.account_id == account.id, Outbox.kind == in_step.KIND, Outbox.idempotency_key.in_(sorted(made))
    )
    for row in session.execute(query):
        party = session.get(Party, row.payload.get("party", 0))
        if party is not None and row.payload.get("stream") == made[row.idempotency_key].raw.stream:
            made[row.idempotency_key].number = _current(session, party)


def _find_erased(session: Session, cards: Sequence[_Card]) -> None:
    """Find the records that nobody has yet and that speak of somebody who was erased."""
    new = [card for card in cards if card.link is None and not card.number]
    gone = set(suppression.suppressed(session, {point.key for card in new for point in card.points}))
    if gone:  # who has one of them now came anew, by themselves or because somebody here wrote them down
        held = select(Identifier.kind, Identifier.value).join(Party, Party.id == Identifier.party_id)
        values = sorted({value for _, value in gone})
        held = held.where(
            Identifier.value.in_(values), Identifier.valid_to.is_(None), Party.status == PartyStatus.ACTIVE
        )
        gone -= {(row.kind, row.value) for row in session.execute(held)}
    for card in new:
        card.erased = any(point.key in gone for point in card.points)


def _state(session: Session, card: _Card, own: Ours, parties: Mapping[int, Any]) -> RawState | None:
    """Return what a record ends as where it goes no further; None: it goes to its party."""
    if card.link is not None:
        card.number = _current(session, parties[card.link.party_id])
        why = "" if card.number else ERASED
    elif card.number:
        why = ""
    elif card.raw.gone_at is not None:  # gone before it was ever linked, and here only because somebody replays
        return RawState.APPLIED
    elif card.erased:
        why = ERASED
    elif is_colleague(card.record, own):
        why = COLLEAGUE
    else:
        why = "" if card.record.name or card.points else EMPTY
    if card.raw.error != why:  # else each object would be looked at for changes that are none
        card.raw.error = why
    return RawState.FILTERED if why else None


def _current(session: Session, party: Any) -> int:
    """Return the party that one (its row, or the object) is now, after all merges; 0: it was erased."""
    while party.merged_into is not None:
        party = session.get_one(Party, party.merged_into)
    return int(party.id) if party.status == PartyStatus.ACTIVE else 0


def _decide(session: Session, account: Account, cards: Sequence[_Card], *, apart: bool) -> None:
    """Give every record the number of its party."""
    linked = [card for card in cards if card.number]
    unlinked = [card for card in cards if not card.number]
    wanted = {point.key for card in unlinked for point in card.points}
    known = Known(session, wanted, {card.number for card in linked} if unlinked else ())
    known.expect_companies({card.record.name for card in unlinked if card.record.is_company})
    # Those that have a party first: what they bring today may be what a new one is known by.
    for number, card in enumerate((*linked, *unlinked)):
        scope = scope_of(account.id, card.raw.stream, card.raw.remote_id, apart=apart)
        card.number = card.number or known.whose(card.record, card.points, scope) or -number - 1
        known.add(card.number, card.record, card.points, scope)


# --- what is said -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """How records are kept in step with their parties."""

    region: str
    fields: frozenset[str]
    writing: bool
    first: bool
    apart: bool
    more: More | None


def _take(session: Session, account: Account, cards: Sequence[_Card], step: _Step) -> None:
    _decide(session, account, cards, apart=step.apart)
    cards = _news(session, cards, step)
    if not cards:
        return
    by_party: dict[int, list[_Card]] = defaultdict(list)
    for card in cards:
        by_party[card.number].append(card)
    works = _works(session, by_party, _arrive(session, by_party, step.more))
    _link(session, account, works.values(), step)
    if step.fields:
        _compare(session, works.values(), step)
    before = in_step.standing(session, [number for number in works if number > 0]) if step.first else []
    for work in works.values():
        _hear(work, step.more)
    _store_claims(session, works.values())
    photos.plan(session, account.id, _pictures(works.values()))
    touched = _point(session, works.values())
    _count(works.values())
    _settle(session, works.values(), step.more)
    changed = _finish(session, works.values(), touched)
    _look_again(session, works.values(), touched)
    if step.fields:
        _agree(session, works.values())
    in_step.absorb(session, before)
    in_step.tell(session, changed, {Book(account.id, card.raw.stream) for card in cards})


def _news(session: Session, cards: Sequence[_Card], step: _Step) -> Sequence[_Card]:
    """Return the records that say something else than before; of the others there is nothing to do but to note the visit.

    A record with a picture is looked at anyway, and so is one that is kept in step or says how its fields count.
    """
    if step.fields or step.first:
        return cards
    known = {card.link.id: card for card in cards if card.link is not None and card.link.party_id == card.number}
    if not known:
        return cards
    said: dict[int, list[Said]] = {number: [] for number in known}
    for row in session.execute(_CLAIMS.where(_SAID.link_id.in_(known))):
        said[row.link_id].append(Said(row.field, row.value, row.link_id, row.observed_at, row.id))
    still = set()
    for number, card in known.items():
        card.says, card.said = claims.claims(card.record, card.points), said[number]
        before = {one.field: one.value for one in card.said}
        if claims.PHOTO not in before and not card.record.rule and before == card.says:
            still.add(number)
            _visit(card)
    return [card for card in cards if card.link is None or card.link.id not in still]


# --- in step --------------------------------------------------------------------------------------------------------


def _compare(session: Session, works: Iterable[_Work], step: _Step) -> None:
    """Say of records that are kept in step what of them is news, and leave out what only we say."""
    cards = {card.link.id: (work, card) for work in works for card in work.cards if card.link is not None}
    query = select(SharedRecord).where(SharedRecord.link_id.in_(cards)).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    if not rows:
        return
    ours = in_step.of_parties(session, {one for row in rows if isinstance(one := cards[row.link_id][0].party, Party)})
    known = in_step.keys(step.region)
    for row in rows:
        work, card = cards[row.link_id]
        said_here = ours[work.party.id]
        card.shared = row
        card.heard = in_step.hear(
            row, card.record, said_here, fields=step.fields, region=step.region, writing=step.writing
        )
        own = {one.field: one.value.get("value") for one in work.said if one.link_id == row.link_id}
        for name in card.heard.fields.intersection(in_step.LISTS):
            _leave_out(card, name, row.base.get(name) or (), own.get(name) or (), known[name])


def _leave_out(card: _Card, name: str, base: Sequence[Any], own: Sequence[Any], key: Callable[[Any], str]) -> None:
    """Take entries off a record that nobody there wrote: they were there when both sides agreed, by our own hand."""
    mine = {entry_key(one["value"], key) for one in own}
    ours = {entry_key(one, key) for one in base} - mine
    kept = tuple(one for one in getattr(card.record, name) if entry_key(one.value, key) not in ours)
    change: dict[str, Any] = {name: kept}
    card.record = replace(card.record, **change)
    if kind := in_step.POINTING.get(name):
        written = {one.value for one in kept}
        card.points = tuple(point for point in card.points if point.kind != kind or point.raw in written)


def _words(record: Record, name: str) -> tuple[str, ...]:
    """Return the claims that stand for a field that is kept in step; a company's name is where a person's employer is."""
    if name == "company":
        return ("company", "name", "kind") if record.is_company else ("company",)
    if name == "name":
        return ("given", "family") if record.is_company else ("name", "given", "family", "kind")
    return (name,)


def _agree(session: Session, works: Iterable[_Work]) -> None:
    """Write down where both sides stand now, also of those that are kept in step from now on."""
    some = [(work, card) for work in works for card in work.cards if card.link is not None]
    if not some:
        return
    links = {card.link.id: card.link for _, card in some if isinstance(card.link, Link)}
    parties = select(Party).where(Party.id.in_({work.party.id for work, _ in some}))
    ours = in_step.of_parties(session, set(session.scalars(parties)))
    waiting = []
    for work, card in some:
        assert isinstance(card.link, Link), "it was made before, as an object"
        if card.shared is None:
            in_step.begin(session, card.link, card.record, ours[work.party.id])
        elif card.heard is not None:
            in_step.agree(card.shared, card.heard, ours[work.party.id])
            if card.heard.waits and card.shared.frozen_at is None:
                waiting.append(links[card.link.id])
    session.flush()
    in_step.plan(session, waiting)


def _arrive(session: Session, by_party: Mapping[int, list[_Card]], more: More | None) -> dict[int, _NewParty]:
    """Make the parties that nobody knew."""
    first = {number: some[0] for number, some in by_party.items() if number < 0}
    if not first:
        return {}
    # Whoever only one record of the page speaks of: where they work is known now, and needs no second statement each.
    employers = {number: card.record.company for number, card in first.items() if len(by_party[number]) == 1}
    companies = companies_named(session, set(employers.values()) - {""})
    ids = bulk.reserve(session, Party, len(first))
    fresh = {
        number: _fresh(row_id, card, more, companies.get(employers.get(number, "")))
        for row_id, (number, card) in zip(ids, first.items(), strict=True)
    }
    moment, made = now(), fresh.values()
    columns = {
        "id": ids, "kind": [one.kind for one in made], "name": [one.name for one in made],
        "company_id": [one.company_id for one in made], "fields": [one.fields for one in made],
    }  # fmt: skip
    bulk.insert(session, Party, columns, created_at=moment, changed_at=moment)
    return fresh


def _fresh(row_id: int, card: _Card, more: More | None, company_id: int | None) -> _NewParty:
    """Make a party of its first record; where others speak of it on the same page, it is settled again."""
    card.says = claims.claims(card.record, card.points)
    begun = more.defaults(is_company=card.record.is_company) if more is not None else {}
    kind = PartyKind.COMPANY if card.record.is_company else PartyKind.PERSON
    name, fields = claims.display_alone(card.says), claims.fields_alone(begun, card.says)
    return _NewParty(row_id, kind, name, company_id, fields)


def _works(session: Session, by_party: Mapping[int, list[_Card]], fresh: Mapping[int, _NewParty]) -> dict[int, _Work]:
    """Return the parties with what is said of them and what they hold; locked, so that nobody edits them meanwhile."""
    works = {number: _Work(party, by_party[number], is_new=True) for number, party in fresh.items()}
    numbers = sorted(number for number in by_party if number > 0)
    if not numbers:
        return works
    # NO KEY UPDATE: a call that comes in may point to the party while the page is taken.
    query = select(Party).where(Party.id.in_(numbers)).order_by(Party.id).with_for_update(key_share=True)
    for party in session.scalars(query.execution_options(populate_existing=True)):
        works[party.id] = _Work(party, by_party[party.id])
    session.flush()  # claims are read as rows
    read = {one.link.id for some in by_party.values() for one in some if one.link is not None and one.said is not None}
    for number in numbers:
        works[number].said += [one for card in by_party[number] for one in card.said or ()]
    others = or_(_SAID.link_id.is_(None), _SAID.link_id.not_in(read)) if read else true()
    for row in session.execute(_CLAIMS.where(_SAID.party_id.in_(numbers), others)):
        works[row.party_id].said.append(Said(row.field, row.value, row.link_id, row.observed_at, row.id))
    for held in session.scalars(select(Identifier).where(Identifier.party_id.in_(numbers)).order_by(Identifier.id)):
        works[held.party_id].held[held.kind, held.value] = held
    return works


def _link(session: Session, account: Account, works: Iterable[_Work], step: _Step) -> None:
    new: list[tuple[int, _Card]] = []
    for work in works:
        for card in work.cards:
            if card.link is None:
                new.append((work.party.id, card))
            else:
                _visit(card)
    session.flush()
    ids, parties, cards = bulk.reserve(session, Link, len(new)), [one for one, _ in new], [card for _, card in new]
    columns = {
        "id": ids, "party_id": parties, "origin_party_id": parties, "stream": [card.raw.stream for card in cards],
        "remote_id": [card.raw.remote_id for card in cards], "raw_record_id": [card.raw.id for card in cards],
        "seen_at": [card.raw.received_at for card in cards], "gone_at": [card.raw.gone_at for card in cards],
    }  # fmt: skip
    bulk.insert(session, Link, columns, account_id=account.id, apart=step.apart)
    objects = {one.id: one for one in session.scalars(select(Link).where(Link.id.in_(ids)))} if step.fields else {}
    for row_id, party_id, card in zip(ids, parties, cards, strict=True):
        card.link = objects.get(row_id) or _NewLink(row_id, party_id)


def _visit(card: _Card) -> None:
    assert isinstance(card.link, Link), "asked only of such"
    link, raw = card.link, card.raw
    now_is = (raw.remote_id, raw.id, raw.received_at, raw.gone_at)
    if (link.remote_id, link.raw_record_id, link.seen_at, link.gone_at) != now_is:
        link.remote_id, link.raw_record_id, link.seen_at, link.gone_at = now_is


def _hear(work: _Work, more: More | None) -> None:
    """Compare what the records say now with what they said before."""
    for card in work.cards:
        assert card.link is not None, "it was made before"
        if work.is_new and not work.said:
            _hear_first(work, card, card.link.id)
            continue
        mine = {one.field: one for one in work.said if one.link_id == card.link.id}
        card.before = claims.keys(mine.values())
        wanted = claims.claims(card.record, card.points)
        again = _hear_shared(work, card, wanted, mine) if card.heard is not None else frozenset[str]()
        if card.record.rule and not work.is_new:
            _leave_to_others(card, wanted, mine)
        for name, value in wanted.items():
            at = _said_at(card, name)
            old = mine.pop(name, None)
            if old is None:
                work.said.append(Said(name, value, card.link.id, at))
            elif old.value != value or name in again:
                old.value, old.observed_at = value, at
            else:
                continue
            work.changed.add(name)
        archived = more.archived(is_company=card.record.is_company) if more is not None else ()
        for name, old in mine.items():
            if name not in archived:
                old.value = {}  # said no more
                work.changed.add(name)


def _hear_first(work: _Work, card: _Card, link_id: int) -> None:
    """Take down what the first record of a new party says."""
    says = claims.claims(card.record, card.points) if card.says is None else card.says
    if card.record.updated_at is None:  # then all of it was said when it came
        came = card.raw.received_at
        work.said = [Said(name, value, link_id, came) for name, value in says.items()]
    else:
        work.said = [Said(name, value, link_id, _said_at(card, name)) for name, value in says.items()]
    work.changed.update(says)


def _leave_to_others(card: _Card, wanted: dict[str, dict[str, Any]], mine: Mapping[str, Said]) -> None:
    """Leave out what a record is not to say of somebody who was there before it."""
    for name in [name for name, rule in card.record.rule.items() if rule == claims.KEEP and name not in mine]:
        wanted.pop(name, None)
        kind = claims.POINTING.get(name)
        card.points = tuple(point for point in card.points if point.kind != kind)


def _said_at(card: _Card, name: str) -> datetime:
    """Return when a record said something: when it was changed at its source, as far as that is told."""
    came = card.raw.received_at
    told = card.record.updated_at
    return came if told is None or card.record.rule.get(name) == claims.OVERWRITE else min(told, came)


def _hear_shared(work: _Work, card: _Card, wanted: dict[str, dict[str, Any]], mine: dict[str, Said]) -> frozenset[str]:
    """Leave what the record said before where nobody changed it there; return the claims that are said anew.

    What somebody changed in a contact that is kept in step also counts more than what was said here before.
    """
    assert card.heard is not None, "asked only of such"
    fields = card.heard.fields
    left = {word for name in card.heard.kept for word in _words(card.record, name)}
    words = {word for name in fields for word in _words(card.record, name)} - left
    for word in left:
        wanted.pop(word, None)
        mine.pop(word, None)
    for name, kind in in_step.POINTING.items():
        if name in left:
            card.points = tuple(point for point in card.points if point.kind != kind)
    for one in work.said:
        if one.link_id is None and one.field in words and (one.field in wanted or one.field != "name"):
            one.value = {}  # said no more
            work.changed.add(one.field)
    return frozenset(words)


def _store_claims(session: Session, works: Iterable[_Work]) -> None:
    new: list[tuple[int, Said]] = []
    other: list[tuple[int, Said]] = []
    gone: list[int] = []
    for work in works:
        for one in work.said:
            if one.id is None:
                new.append((work.party.id, one))
            elif not one.value:
                gone.append(one.id)
            elif one.field in work.changed and one.link_id is not None:
                other.append((one.id, one))
        if not work.is_new:
            work.said = [one for one in work.said if one.value]
    columns: dict[str, Sequence[Any]] = {
        "party_id": [number for number, _ in new], "field": [one.field for _, one in new],
        "value": [one.value for _, one in new], "link_id": [one.link_id for _, one in new],
        "observed_at": [one.observed_at for _, one in new],
    }  # fmt: skip
    bulk.insert(session, Claim, columns)
    values, moments = [one.value for _, one in other], [one.observed_at for _, one in other]
    bulk.update(session, Claim, [row_id for row_id, _ in other], {"value": values, "observed_at": moments})
    if gone:
        session.execute(delete(Claim).where(Claim.id.in_(gone)))


def _pictures(works: Iterable[_Work]) -> dict[int, str]:
    """Return the addresses of pictures by link, of records that name one; empty: it named one until now."""
    found: dict[int, str] = {}
    for work in works:
        if work.is_new and claims.PHOTO not in work.changed:
            continue  # nearly all that an import brings
        named = {one.link_id: str(one.value["value"]) for one in work.said if one.field == claims.PHOTO}
        for card in work.cards:
            assert card.link is not None, "it was made before"
            if card.link.id in named or claims.PHOTO in work.changed:
                found[card.link.id] = named.get(card.link.id, "")
    return found


def _point(session: Session, works: Iterable[_Work]) -> set[Key]:
    """Give parties the identifiers that records brought, and end those that nobody speaks of any more.

    Only what a record says otherwise than before counts: a number that a person took off stays off, until somebody puts it
    on the contact again that it was taken off.
    """
    touched: set[Key] = set()
    back: list[Identifier] = []
    made: list[_NewIdentifier] = []
    for work in works:
        still = claims.keys(work.said)
        for card in work.cards:
            assert card.link is not None, "it was made before"
            put_on, taken_off = _put_on_and_taken_off(card)
            for point in card.points:
                row = work.held.get(point.key) if point.kind != TAX_ID else _held_tax_id(work, point)
                if point.key in card.before - put_on or (row is not None and row.valid_to is None):
                    continue
                if isinstance(row, Identifier):  # inserted anew, so that calls of the time between find it
                    back.append(row)
                work.held[point.key] = one = _identifier(work.party.id, card.link.id, point)
                made.append(one)
            for key in (card.before | taken_off) - still:
                row = work.held.get(key)
                if row is not None and row.valid_to is None and (row.link_id is not None or key in taken_off):
                    row.valid_to = now()
                    touched.add(key)
    for row in back:
        session.delete(row)
    session.flush()
    names = ("party_id", "link_id", "kind", "value", "raw", "label", "tail", "possible", "shared")
    new_owners.add(session, {name: [getattr(one, name) for one in made] for name in names})
    return touched | {(one.kind, one.value) for one in made}


def _held_tax_id(work: _Work, point: Point) -> Identifier | _NewIdentifier | None:
    """Return the tax id of a point; one that somebody typed without its country is this one, and gets it."""
    row = work.held.get(point.key)
    if point.possible:
        return row
    typed = work.held.get((TAX_ID, point.tail))
    if row is None and typed is not None and typed.link_id is None:
        row = work.held.pop((TAX_ID, point.tail))
    if row is not None:
        row.value, row.tail, row.possible = point.value, point.tail, False
        work.held[point.key] = row
    return row


def _put_on_and_taken_off(card: _Card) -> tuple[set[Key], set[Key]]:
    """Return the identifiers that somebody put on a contact that is kept in step, and took off it, whoever said them before."""
    on: set[Key] = set()
    off: set[Key] = set()
    if card.shared is None or card.heard is None:
        return on, off
    known = in_step.keys(card.region)
    for name, kind in in_step.POINTING.items():
        if name in card.heard.fields:
            had = {(kind, known[name](one)) for one in card.shared.base.get(name) or ()}
            have = {(kind, known[name](one)) for one in card.heard.theirs.get(name) or ()}
            on |= have - had
            off |= had - have
    return on, off


def _identifier(party_id: int, link_id: int, point: Point) -> _NewIdentifier:
    return _NewIdentifier(
        party_id=party_id,
        link_id=link_id,
        kind=point.kind,
        value=point.value,
        raw=point.raw,
        label=point.label,
        tail=point.tail,
        possible=point.possible,
        shared=point.rule is None and point.kind != TAX_ID,  # toll-free and the like: many call from it
    )


# --- what counts --------------------------------------------------------------------------------------------------


def _settle(session: Session, works: Iterable[_Work], more: More | None = None) -> None:
    """Make the fields of parties anew where something else is said of them."""
    changed = [work for work in works if work.changed]
    for work in changed:
        if work.is_new and len(work.cards) == 1:
            continue  # it was made of all that is said
        party = work.party
        if work.changed & {"name", *claims.POINTING}:
            _set(party, "name", claims.display(work.said) or party.name)
        _set(party, "fields", claims.fields(party.fields, work.said, work.changed))
        if "kind" in work.changed:
            _settle_kind(session, work)
    session.flush()
    _write_again(session, changed)
    _settle_companies(session, [work for work in changed if "company" in work.changed], more)
    _write_again(session, changed)


def _count(works: Iterable[_Work]) -> None:
    """Count what changes, for whoever edits it at this moment; before `_settle` writes it. Where a picture lies, nobody edits."""
    for work in works:
        if isinstance(work.party, Party) and work.changed - {claims.PHOTO}:
            work.party.version += 1


def _write_again(session: Session, works: Iterable[_Work]) -> None:
    """Write rows of new parties that are other by now."""
    other = [work.party for work in works if isinstance(work.party, _NewParty) and work.party.is_other]
    columns = {name: [getattr(one, name) for one in other] for name in ("kind", "name", "company_id", "fields")}
    bulk.update(session, Party, [one.id for one in other], columns, changed_at=now())
    for one in other:
        one.is_other = False


def _settle_kind(session: Session, work: _Work) -> None:
    """Follow where all sources agree that a party is a company, or a person, and nobody said otherwise here."""
    kinds = {one.value["value"] for one in work.said if one.field == "kind"}
    if len(kinds) != 1 or kinds == {work.party.kind} or claims.is_said_here(work.said, "name"):
        return
    if session.scalar(select(Party.id).where(Party.company_id == work.party.id).limit(1)) is None:
        _set(work.party, "kind", kinds.pop())


def _settle_companies(session: Session, works: Sequence[_Work], more: More | None) -> None:
    """Say where people work: at the company of exactly this name, which is made where there is none."""
    open_ones = [work for work in works if not claims.is_said_here(work.said, "company")]
    wanted = {work.party.id: str(claims.golden(work.said, "company") or "") for work in open_ones}
    begun = more.defaults(is_company=True) if more is not None else {}
    known = _companies(session, set(wanted.values()) - {""}, begun)
    for work in open_ones:
        name = wanted[work.party.id]
        is_person = work.party.kind == PartyKind.PERSON
        _set(work.party, "company_id", known[name] if name and is_person else None)


def _companies(session: Session, names: Collection[str], begun: Mapping[str, Any]) -> dict[str, int]:
    """Return the companies of these names, the oldest where several have one; `begun` are the fields of a new one.

    One that is made has no claim of its own: its name is what people's claims say, and a source that knows more of it
    takes it over (`whose.Known.expect_companies`).
    """
    if not names:
        return {}
    found = companies_named(session, names)
    new = sorted(set(names) - found.keys())
    ids, moment = bulk.reserve(session, Party, len(new)), now()
    columns = {"id": ids, "name": new}
    bulk.insert(
        session, Party, columns, kind=PartyKind.COMPANY, fields=dict(begun), created_at=moment, changed_at=moment
    )
    made = dict(zip(new, ids, strict=True))
    search.begin(session, [search.New(row_id, name, None, ()) for name, row_id in made.items()])
    return found | made


def _set(party: Party | _NewParty, name: str, value: Any) -> None:
    """Set a column only where it changes, so that what is the same again writes nothing."""
    if getattr(party, name) != value:
        setattr(party, name, value)
        if isinstance(party, _NewParty):
            party.is_other = True


def _finish(session: Session, works: Iterable[_Work], touched: Iterable[Key]) -> set[int]:
    """Say which values are shared now and write what a search finds; returns who is concerned."""
    changed = [work for work in works if work.changed or work.is_new]
    session.flush()
    judge_shared(session, touched)
    numbers = {work.party.id for work in changed if not work.is_new}  # of a new one no other address book knows
    found_otherwise = {work.party.id for work in changed if work.changed & claims.FOUND_BY}
    companies = [work.party.id for work in changed if work.party.kind == PartyKind.COMPANY and not work.is_new]
    if companies:
        staff = set(session.scalars(select(Party.id).where(Party.company_id.in_(companies))))
        numbers |= staff
        found_otherwise |= staff
    new = [
        search.New(one.id, one.name, one.company_id, tuple(work.held))
        for work in changed
        if isinstance(one := work.party, _NewParty)
    ]
    search.begin(session, new)
    search.refresh_all(session, found_otherwise - {one.party_id for one in new})
    told.linked(session, [one.party_id for one in new], {work.party.id: work.changed for work in changed})
    return numbers


def _look_again(session: Session, works: Iterable[_Work], touched: Collection[Key]) -> None:
    """Ask for another look at whoever is recognised by something else now and has something in common with others."""
    changed = {work.party.id: work for work in works if work.is_new or work.changed & asked.WATCHED}
    several = {number for number, work in changed.items() if len({one.link_id for one in work.said}) > 1}
    held = {key for work in changed.values() for key, row in work.held.items() if row.valid_to is None}
    given_up = asked.holders(session, set(touched) - held)
    asked.ask(session, several | given_up | asked.with_neighbours(session, changed.keys() - several))


def _bare(session: Session, party_ids: Collection[int | None]) -> list[int]:
    """Return those of some parties of which nobody says anything: no record, no person, no number, nobody's employer."""
    if not party_ids:
        return []
    staff = aliased(Party)
    query = select(Party.id).where(
        Party.id.in_(party_ids),
        Party.status == PartyStatus.ACTIVE,
        Party.owner_id.is_(None),
        ~or_(
            exists().where(Link.party_id == Party.id),
            exists().where(Claim.party_id == Party.id),
            exists().where(Identifier.party_id == Party.id),
            exists().where(staff.company_id == Party.id),
        ),
    )
    return list(session.scalars(query.order_by(Party.id)))
