"""Contacts that are kept in step with address books, both ways: what is compared, what each side changed, who is told.

Of every such contact both sides are kept as they were when they last agreed (`SharedRecord`): the remote's fields and
the hub's. What a side changed since is the difference to that, and only this goes over to the other: what differed before
anybody asked for it stays as it was, here and there.

What the hub wrote into a contact is not what the contact says: an echo adds nothing to what its source claims, else a number
that another source takes back would stay because our own copy still says it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, bindparam, cast, delete, func, literal, select
from sqlalchemy.orm import Session, aliased

from hub.errors import BrakeError
from hub.identity.callers import PHONE
from hub.identity.email import KIND as EMAIL
from hub.identity.email import read_email
from hub.identity.models import Identifier, Link, Party, PartyKind, PartyStatus, SharedRecord
from hub.identity.names import spoken_name
from hub.identity.phone import PhoneContext, read
from hub.intake.models import Account, AccountState, RawRecord, StreamState
from hub.intake.vanishing import AGREED_FOR
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.transforms import TRUE_WORDS
from hub.outbound import outbox
from hub.outbound.brakes import mass_delete
from hub.outbound.canonical import Key, canonical, canonical_hash, canonical_set, entry_key, is_echo
from hub.outbound.merge import Policy
from hub.outbound.models import Outbox, OutboxState
from hub.outbound.plan import Planned
from hub.records.party import Party as Record
from hub.store.base import new_public_id, now

KIND = "contact"  # of what waits in the outbox
SETTING = "contacts_back"  # of an account: whether its contacts are written to
LISTS = ("emails", "phones", "addresses")
FIELDS = ("name", "company", "job_title", *LISTS)
POINTING = {"emails": EMAIL, "phones": PHONE}
EARLIER = 10  # pushes whose late answers are known again
SOME = 500

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Book:
    """One address book: where a change came from."""

    account_id: int
    stream: str


# --- what is compared -----------------------------------------------------------------------------------------------


def keys(region: str) -> dict[str, Key]:
    """Return by what an entry of each list is known, whoever wrote it: E.164, an address in one spelling, folded text."""
    context = PhoneContext(region=region or None)

    def phone(entry: Any) -> str:
        return "|".join(sorted(one.key for one in read(str(entry), context).phones))

    def email(entry: Any) -> str:
        found = read_email(str(entry))
        return found.address if found else ""

    def address(entry: Any) -> str:
        return " ".join(str(entry).split()).casefold()

    return {"emails": email, "phones": phone, "addresses": address}


def of_record(record: Record) -> dict[str, Any]:
    """Return what a contact says; of a company, its name stands where a person's employer does."""
    company = record.name if record.is_company else record.company
    return _said(
        name="" if record.is_company else record.name,
        company=company,
        job_title=record.job_title,
        emails=[one.value for one in record.emails],
        phones=[one.value for one in record.phones],
        addresses=[one.value for one in record.addresses],
    )


def of_parties(session: Session, parties: Iterable[Party]) -> dict[int, dict[str, Any]]:
    """Return what the hub says of parties, in the same form."""
    some = {party.id: party for party in parties}
    employers = {party.company_id for party in some.values()} - {None}
    query = select(Party.id, Party.name).where(Party.id.in_(employers), Party.status == PartyStatus.ACTIVE)
    names = dict(session.execute(query).all()) if employers else {}
    held: dict[int, list[Identifier]] = {number: [] for number in some}
    identifiers = select(Identifier).where(Identifier.valid_to.is_(None), Identifier.blocked.is_(False))
    ids = list(some)
    for begin in range(0, len(ids), SOME):
        wanted = identifiers.where(Identifier.party_id.in_(ids[begin : begin + SOME])).order_by(Identifier.id)
        for row in session.scalars(wanted):
            held[row.party_id].append(row)
    return {number: _of_party(party, names, held[number]) for number, party in some.items()}


def _of_party(party: Party, names: Mapping[int, str], held: Sequence[Identifier]) -> dict[str, Any]:
    name, is_company = spoken_name(party.name), party.kind == PartyKind.COMPANY
    addresses = party.fields.get("addresses")
    return _said(
        name="" if is_company else name,
        company=name if is_company else names.get(party.company_id or 0, ""),
        job_title=party.fields.get("job_title"),
        emails=[row.value for row in held if row.kind == EMAIL],
        phones=[row.value for row in held if row.kind == PHONE],
        addresses=[one.get("value") for one in addresses if isinstance(one, dict)]
        if isinstance(addresses, list)
        else [],
    )


def _said(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if canonical(value) is not None}


def difference(before: Fields, after: Fields, known: Mapping[str, Key]) -> set[str]:
    """Return the fields that say something else now."""
    return {name for name in FIELDS if _form(name, before, known) != _form(name, after, known)}


def _form(name: str, fields: Fields, known: Mapping[str, Key]) -> Any:
    if name not in LISTS:
        return canonical(fields.get(name))
    return canonical_set(fields.get(name) or (), known.get(name, _itself))


def _itself(entry: Any) -> str:
    return str(entry)


def towards(base: Fields, before: Fields, after: Fields, known: Mapping[str, Key]) -> dict[str, Any]:
    """Put what the hub changed from `before` to `after` upon what the remote had: what the hub would have there.

    Entries of the hub's own lists are in one spelling already; the remote's are known by their keys.
    """
    found: dict[str, Any] = dict(base)
    for name in difference(before, after, {}):
        if name not in LISTS:
            found[name] = after.get(name)
            continue
        key = known[name]
        had = {entry_key(one, key) for one in before.get(name) or ()}
        have = {entry_key(one, key): one for one in after.get(name) or ()}
        there = [one for one in base.get(name) or () if entry_key(one, key) not in had - have.keys()]
        present = {entry_key(one, key) for one in there}
        found[name] = there + [one for one_key, one in have.items() if one_key not in present and one_key not in had]
    return {name: value for name, value in found.items() if canonical(value) is not None}


def policies(mapping: RecordMapping, region: str) -> dict[str, Policy]:
    """Return the fields that a mapping lets go both ways, with what it says of them."""
    known = keys(region)
    return {
        name: Policy(conflict=rule.conflict, write=rule.write, key=known.get(name))
        for name in FIELDS
        if (rule := mapping.fields.get(name)) is not None and rule.direction == "both"
    }


# --- what came in -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """What a record that came in says anew.

    Attributes:
        theirs: what it says.
        kept: fields of which it says nothing new.
        fields: that somebody changed there since both sides agreed; they go to the party.
        waits: that the hub changed too; who wins is decided when the hub's change goes out.
    """

    theirs: dict[str, Any]
    kept: frozenset[str]
    fields: frozenset[str] = frozenset()
    waits: frozenset[str] = frozenset()


def hear(
    shared: SharedRecord, record: Record, ours: Fields, *, fields: Collection[str], region: str, writing: bool = False
) -> Heard:
    """Say what of a record is news. What we wrote ourselves is none, nor is anything older than what we wrote.

    Args:
        ours: what the hub says of the party now.
        fields: that go both ways.
        writing: the record is the remote's answer to a write; so it is no echo, and nothing that is older.
    """
    known, theirs = keys(region), of_record(record)
    if not writing and _is_ours(shared, theirs, known, record.updated_at):
        return Heard(theirs, frozenset(fields))
    changed = difference(shared.base, theirs, known) & set(fields)
    waits = changed & difference(shared.ours, ours, {})
    news = frozenset(changed - waits)
    return Heard(theirs, frozenset(fields) - news, news, frozenset(waits))


def _is_ours(shared: SharedRecord, theirs: Fields, known: Mapping[str, Key], changed_at: datetime | None) -> bool:
    pushed_at = shared.pushed_at
    if changed_at is not None and pushed_at is not None and changed_at < pushed_at:
        return True  # our write was made over it: all that it says is in there
    return is_echo(
        fingerprint(theirs, known), last_pushed=shared.pushed_hash, earlier=shared.earlier, changed_at=changed_at,
        pushed_at=pushed_at,
    )  # fmt: skip


def fingerprint(theirs: Fields, known: Mapping[str, Key]) -> str:
    """Return by what a state of a contact is known again."""
    return canonical_hash({name: theirs.get(name) for name in FIELDS}, keys=known)


def agree(shared: SharedRecord, heard: Heard, ours: Fields) -> None:
    """Write down that both sides say the same of the fields that were heard."""
    if not heard.fields:
        return
    shared.base = _with(shared.base, heard.theirs, heard.fields)
    shared.ours = _with(shared.ours, ours, heard.fields)
    shared.answered = shared.pushed_at is not None


def _with(before: Fields, after: Fields, names: Iterable[str]) -> dict[str, Any]:
    found = dict(before)
    for name in names:
        found.pop(name, None)
        if name in after:
            found[name] = after[name]
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """A contact before records of another address book are taken, and what of it still goes out."""

    shared: SharedRecord
    party: Party
    waits: frozenset[str]


def standing(session: Session, party_ids: Collection[int]) -> list[Standing]:
    """Return how the contacts of parties stand."""
    query = (
        select(SharedRecord, Party).join(Link, Link.id == SharedRecord.link_id).join(Party, Party.id == Link.party_id)
    )
    rows = session.execute(query.where(Link.party_id.in_(party_ids)).with_for_update(of=SharedRecord)).all()
    ours = of_parties(session, {party for _, party in rows})
    return [Standing(shared, party, frozenset(difference(shared.ours, ours[party.id], {}))) for shared, party in rows]


def absorb(session: Session, before: Sequence[Standing]) -> None:
    """Let contacts be as they are although their parties changed since; what already went out goes on to."""
    ours = of_parties(session, {one.party for one in before})
    for one in before:
        one.shared.ours = _with(one.shared.ours, ours[one.party.id], set(FIELDS) - one.waits)
    session.flush()


# --- which contacts -----------------------------------------------------------------------------------------------


def writes(account: Account) -> bool:
    """Say whether what changes here is also changed in an account's contacts."""
    wanted = account.settings.get(SETTING)
    return account.state != AccountState.REMOVED and (wanted is True or str(wanted).strip().lower() in TRUE_WORDS)


def begin(session: Session, link: Link, record: Record, ours: Fields) -> SharedRecord | None:
    """Keep a contact in step from now on; nothing that differs already goes anywhere. None: nobody wrote it down."""
    if record.collected:
        return None
    row = SharedRecord(link_id=link.id, base=of_record(record), ours=dict(ours))
    session.add(row)
    return row


def part(session: Session, party_ids: Collection[int]) -> None:
    """Let the contacts of parties go their own way: these were archived, merged or erased. There they stay as they are."""
    links = select(Link.id).where(Link.party_id.in_(party_ids))
    session.execute(
        delete(SharedRecord).where(SharedRecord.link_id.in_(links)).execution_options(synchronize_session=False)
    )


def strangers(
    session: Session, account: Account, stream: str, *, after: int, limit: int = SOME
) -> Sequence[tuple[Link, RawRecord, Party]]:
    """Return contacts of an address book that are not kept in step yet, with their records and parties.

    Args:
        after: id of the last link of the page before.
    """
    query = (
        select(Link, RawRecord, Party)
        .join(RawRecord, RawRecord.id == Link.raw_record_id)
        .join(Party, Party.id == Link.party_id)
        .outerjoin(SharedRecord, SharedRecord.link_id == Link.id)
        .where(Link.account_id == account.id, Link.gone_at.is_(None), Party.status == PartyStatus.ACTIVE)
        .where(Link.stream == stream, Link.id > after, SharedRecord.id.is_(None))
        .order_by(Link.id)
        .limit(limit)
    )
    return [(link, raw, party) for link, raw, party in session.execute(query)]


def forget(session: Session, account: Account) -> None:
    """Forget where both sides stood: the account does not write any more. If it does again, that is another beginning."""
    mine = SharedRecord.link_id.in_(select(Link.id).where(Link.account_id == account.id))
    if session.scalar(select(SharedRecord.id).where(mine).limit(1)) is not None:  # mostly there is nothing to write
        session.execute(delete(SharedRecord).where(mine).execution_options(synchronize_session=False))


def is_first_pass(session: Session, account: Account, stream: str) -> bool:
    """Say whether a stream, by its own key, has not been read to its end yet: what it brings is older than the connection."""
    query = select(StreamState.last_full_at).where(StreamState.account_id == account.id, StreamState.stream == stream)
    state = session.execute(query).first()
    return state is not None and state.last_full_at is None


# --- who is told --------------------------------------------------------------------------------------------------


def tell(session: Session, party_ids: Iterable[int], origin: Collection[Book] = ()) -> None:
    """Plan what address books must be told of parties that changed, in the transaction that changed them.

    Args:
        origin: where the change came from; whoever said it is not told.
    """
    ids = sorted(set(party_ids))
    for begin_at in range(0, len(ids), SOME):
        _tell(session, ids[begin_at : begin_at + SOME], origin)


def _tell(session: Session, party_ids: Sequence[int], origin: Collection[Book]) -> None:
    rows = [
        row
        for row in session.execute(_TOLD, {"parties": party_ids}).all()
        if Book(row.Link.account_id, row.Link.stream) not in origin and writes(row.Account)
    ]
    if not rows:
        return
    parties = session.scalars(select(Party).where(Party.id.in_({row.Link.party_id for row in rows}))).all()
    now_said = of_parties(session, [party for party in parties if party.status == PartyStatus.ACTIVE])
    plan(
        session,
        [
            row.Link
            for row in rows
            if row.Link.party_id in now_said and (row.is_busy or difference(row.ours, now_said[row.Link.party_id], {}))
        ],
    )


def object_key_of(link_id: Any) -> Any:
    """Return the name under which things about one contact go out in order."""
    return f"{KIND}:{link_id}" if isinstance(link_id, int) else literal(f"{KIND}:").concat(cast(link_id, Text))


def _told() -> Select[Any]:
    """Return what asks which contacts of some parties are kept in step, and whether something waits to be written there.

    In one look, because what is being written may move where both sides stood.
    """
    waiting = aliased(Outbox)
    is_busy = (
        select(waiting.id)
        .where(waiting.account_id == Link.account_id, waiting.state == OutboxState.WAITING)
        .where(waiting.object_key == object_key_of(Link.id))
        .exists()
    )
    return (
        select(Link, SharedRecord.ours, Account, is_busy.label("is_busy"))
        .join(SharedRecord, SharedRecord.link_id == Link.id)
        .join(Account, Account.id == Link.account_id)
        .where(Link.party_id.in_(bindparam("parties", expanding=True)))
        .where(Link.gone_at.is_(None), SharedRecord.frozen_at.is_(None))
        .order_by(Link.id)
    )


_TOLD = _told()  # built once: every record that changes a party asks it, and building costs more than asking


def plan(session: Session, links: Sequence[Link]) -> None:
    """Let contacts be looked at; what is written is decided when it is."""
    if not links:
        return
    streams = {(link.account_id, link.stream) for link in links}
    states = select(StreamState.account_id, StreamState.records, StreamState.mailbox).where(
        StreamState.account_id.in_({account_id for account_id, _ in streams}),
        StreamState.records.in_({stream for _, stream in streams}),
    )
    mailboxes = {(row.account_id, row.records): row.mailbox for row in session.execute(states)}
    outbox.store(
        session,
        [
            Planned(
                link.account_id,
                KIND,
                object_key_of(link.id),
                {"link": link.id},
                f"{KIND}:{new_public_id()}",
                mailbox=mailboxes.get((link.account_id, link.stream), ""),
            )
            for link in links
        ],
    )


def plan_new(
    session: Session, party_id: int, account_id: int, stream: str, key: str, *, mailbox: str, user_id: int | None
) -> None:
    """Let a contact be made of a party, once for each key."""
    payload = {"party": party_id, "stream": stream}
    outbox.store(session, [Planned(account_id, KIND, key, payload, key, mailbox=mailbox, user_id=user_id)])


# --- brakes -------------------------------------------------------------------------------------------------------


def brake(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Stop where so many contacts are gone at once that it may be a fault.

    Raises:
        BrakeError: a person must agree first (`intake.vanishing.let_go`).
    """
    for stream in {raw.stream for raw in raws}:
        agreed = select(StreamState.id).where(
            StreamState.account_id == account.id, StreamState.records == stream, StreamState.may_lose_until > now()
        )
        if session.scalar(agreed.limit(1)) is not None:
            continue
        here = select(func.count()).select_from(Link).where(Link.account_id == account.id, Link.stream == stream)
        present = session.scalar(here.where(Link.gone_at.is_(None))) or 0
        before = session.scalar(here.where(Link.gone_at > now() - AGREED_FOR)) or 0
        gone = before + sum(raw.stream == stream for raw in raws)
        if mass_delete(gone, present + before):
            raise BrakeError(f"{gone} of {present + before} contacts were deleted there within an hour.")
