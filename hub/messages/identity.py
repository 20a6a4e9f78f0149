"""Whose is a conversation: what it is known by, which conversations are one, and which customer it is with.

A number or an id that the network vouches for counts more than the name that somebody gave himself. So a number that one
customer holds is that customer's, whatever the name; a number that several hold is a choice for a person; and of a number
that nobody knows, a customer is made only where a name came along. What such a name says is one source record for each
conversation (`PEERS`), kept up to date, and the weakest word of all that is said of the customer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, select, tuple_, update
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.errors import RecordError, UserError
from hub.fields import incoming
from hub.identity import link, parties, rules, search
from hub.identity.callers import PHONE, who
from hub.identity.models import Claim, Identifier, Link, Party, PartyStatus
from hub.identity.names import clean_name
from hub.identity.phone import PhoneContext, read
from hub.identity.points import ours
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.messages.models import Conversation, ConversationPeer, MessageRow, PeerKind
from hub.records.message import Message, Peer
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.turn import in_turn
from hub.timeline.models import Participant

PEERS = "message_peer"  # stream of the source records that are made of what people call themselves
_IDS = "_id"  # ends the kind of identifier that a channel's own ids of people are


class Known(NamedTuple):
    """One thing by which the other end is known."""

    kind: PeerKind
    value: str


def id_kind(channel: str) -> str:
    """Return the kind of identifier that a channel's own ids of people are, such as `whatsapp_id`."""
    return channel + _IDS


def known_by(peer: Peer, region: str) -> list[Known]:
    """Return by what the other end of a message is known.

    Raises:
        RecordError: by nothing.
    """
    found = [phone_of(peer.phone, region)] if peer.phone else []
    if peer.remote_id:
        found.append(Known(PeerKind.REMOTE_ID, peer.remote_id))
    if not any(one.value for one in found):
        raise RecordError("what the mapping makes of it is no message: nobody is at its other end")
    return found


def phone_of(written: str, region: str) -> Known:
    """Return a number in its normal form; a word, or a number that no numbering plan knows, is only a sender."""
    phones = read(written, PhoneContext(region=region or None)).phones
    if phones and phones[0].e164:
        return Known(PeerKind.PHONE, phones[0].number)
    return Known(PeerKind.SENDER, " ".join(written.casefold().split()))


def part_of(channel: str, known: Sequence[Known]) -> tuple[str, str]:
    """Return kind and value by which a row of the timeline finds its customer, today or when somebody names them."""
    for one in known:
        if one.kind is not PeerKind.SENDER:
            return (PHONE if one.kind is PeerKind.PHONE else id_kind(channel)), one.value
    return "", ""


# --- which conversation -------------------------------------------------------------------------------------------


def conversation_of(
    session: Session, account: Account, message: Message, known: Sequence[Known], present: int | None
) -> Conversation:
    """Return the conversation of a message; where it shows that several are one, they become one.

    Args:
        present: the conversation that the message is in already.
    """
    place = (account.id, str(message.channel), message.line)
    where = tuple_(ConversationPeer.account_id, ConversationPeer.channel, ConversationPeer.line) == place
    query = select(ConversationPeer).where(
        where, tuple_(ConversationPeer.kind, ConversationPeer.value).in_([(str(k), v) for k, v in known])
    )
    rows = session.scalars(query).all()
    numbers = sorted({row.conversation_id for row in rows} | ({present} if present is not None else set()))
    kept = session.get_one(Conversation, numbers[0]) if numbers else _begin(session, place)
    for number in numbers[1:]:
        _join(session, account, kept, session.get_one(Conversation, number))
    there = {(row.kind, row.value) for row in rows}
    for one in known:
        if one not in there:
            session.add(ConversationPeer(conversation_id=kept.id, kind=one.kind, value=one.value, **_named(place)))
    session.flush()
    return kept


def _begin(session: Session, place: tuple[int, str, str]) -> Conversation:
    row = Conversation(**_named(place))
    session.add(row)
    session.flush()
    return row


def _named(place: tuple[int, str, str]) -> dict[str, Any]:
    return dict(zip(("account_id", "channel", "line"), place, strict=True))


def _join(session: Session, account: Account, kept: Conversation, other: Conversation) -> None:
    """Make two conversations one; the customer that is more than a name given by himself stays."""
    for table in (MessageRow, ConversationPeer):
        session.execute(update(table).where(table.conversation_id == other.id).values(conversation_id=kept.id))
    kept.owner_id = kept.owner_id or other.owner_id
    kept.done_at = _later(kept.done_at, other.done_at)
    kept.told_to = _later(kept.told_to, other.told_to)
    both = sorted({one for one in (kept.party_id, other.party_id) if one is not None})
    if both:
        kept.party_id = _stronger(session, both)
        for number in both:
            if number != kept.party_id:
                fold(session, number, kept.party_id)
    _take_over(session, account, kept, other)
    session.delete(other)
    session.flush()


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _stronger(session: Session, both: Sequence[int]) -> int:
    """Return which of two customers a conversation is with: not one that only messages spoke of, then who has a number."""
    with_phone = set(
        session.scalars(select(Identifier.party_id).where(Identifier.party_id.in_(both), Identifier.kind == PHONE))
    )
    return min(both, key=lambda one: (is_only_ours(session, one), one not in with_phone, one))


def _take_over(session: Session, account: Account, kept: Conversation, other: Conversation) -> None:
    """Let the source record of the conversation that ends go on as the other one's, unless that has one."""
    here = (Link.account_id == account.id, Link.stream == PEERS)
    ids = str(kept.public_id), str(other.public_id)
    found = {row.remote_id: row for row in session.scalars(select(Link).where(*here, Link.remote_id.in_(ids)))}
    ends = found.get(ids[1])
    if ends is None:
        return
    raw = session.get(RawRecord, ends.raw_record_id) if ends.raw_record_id is not None else None
    if ids[0] in found:
        session.delete(ends)  # what it said goes with it; the other one is taken anew and says it again
        if raw is not None:
            session.delete(raw)
        return
    ends.remote_id = ids[0]
    if raw is not None:
        raw.remote_id = ids[0]


# --- which customer -----------------------------------------------------------------------------------------------


def identify(session: Session, account: Account, conversation: Conversation, region: str) -> None:
    """Say whose a conversation is, as far as that is sure, and let what was said so far follow; safe to repeat.

    The caller has the turn of parties (`store.turn`).
    """
    known = _peers(session, conversation)
    found = _found(session, conversation, known, region)
    present = _current(session, conversation.party_id)
    if found is not None and present is not None and found != present and is_only_ours(session, present):
        fold(session, present, found)
        present = found
    conversation.party_id = present or found
    if conversation.party_id is None or _is_said_here(session, account, conversation):
        _say(session, account, conversation, known, region)
    if conversation.party_id is not None:
        _point(session, conversation, region)
        _follow(session, conversation)
    session.flush()


def _peer_rows(session: Session, conversation: Conversation) -> Sequence[ConversationPeer]:
    return session.scalars(
        select(ConversationPeer)
        .where(ConversationPeer.conversation_id == conversation.id)
        .order_by(ConversationPeer.kind, ConversationPeer.value)
        .execution_options(populate_existing=True)
    ).all()


def _peers(session: Session, conversation: Conversation) -> list[Known]:
    return [Known(PeerKind(row.kind), row.value) for row in _peer_rows(session, conversation)]


def _found(session: Session, conversation: Conversation, known: Sequence[Known], region: str) -> int | None:
    """Return the one customer that a number points to, else an id; several are nobody in particular."""
    context = PhoneContext(region=region or None, own_numbers=ours(session).numbers)
    for one in known:
        if one.kind is PeerKind.PHONE and (sure := who(session, one.value, context, at=now()).sure):
            return sure
    kind = id_kind(conversation.channel)
    holders = parties.holders_of(session, kind, [one.value for one in known if one.kind is PeerKind.REMOTE_ID])
    return _current(session, min(holders.values())) if len(set(holders.values())) == 1 else None


def _current(session: Session, party_id: int | None) -> int | None:
    """Return the party that one is now, after all merges; None: it was erased."""
    party = session.get(Party, party_id) if party_id is not None else None
    while party is not None and party.merged_into is not None:
        party = session.get(Party, party.merged_into)
    return party.id if party is not None and party.status == PartyStatus.ACTIVE else None


def _is_said_here(session: Session, account: Account, conversation: Conversation) -> bool:
    here = (Link.account_id == account.id, Link.stream == PEERS, Link.remote_id == str(conversation.public_id))
    return session.scalar(select(Link.id).where(*here)) is not None


def _say(session: Session, account: Account, conversation: Conversation, known: Sequence[Known], region: str) -> None:
    """Bring up to date what the person says of himself, as one source record; of nobody yet, it makes a customer."""
    name = clean_name(conversation.peer_name)
    phones = [one.value for one in known if one.kind is PeerKind.PHONE]
    is_somebody = any(one.kind is not PeerKind.SENDER for one in known)  # a word as a sender is anybody's
    if not (name and is_somebody) or not _may_be_new(session, conversation, phones, region):
        return
    payload = {"name": name, "phones": phones, "ids": [one.value for one in known if one.kind is PeerKind.REMOTE_ID]}
    remote_id = str(conversation.public_id)
    [kept] = receive.keep_page(session, account.id, PEERS, [Delivered(PEERS, remote_id, payload)])
    if not kept.waits:
        return
    [raw] = receive.rows(session, [kept])
    said = {"remote_id": remote_id, "kind": "person", "name": name, "phones": phones, "collected": True}
    more = incoming.of_parties(incoming.load(session))  # what fields of a new person begin with
    [state] = link.take(session, account, [link.Given(raw, said)], region=region, apart=False, more=more)
    receive.settle(session, [raw], state, "")
    made = session.scalar(
        select(Link.party_id).where(Link.account_id == account.id, Link.stream == PEERS, Link.remote_id == remote_id)
    )
    conversation.party_id = _current(session, made)


def _may_be_new(session: Session, conversation: Conversation, phones: Sequence[str], region: str) -> bool:
    """Say whether nobody holds any of the numbers; of one that several hold, or that is ours, no customer is made."""
    if conversation.party_id is not None:
        return True
    context = PhoneContext(region=region or None, own_numbers=ours(session).numbers)
    nobody = {who(session, one, context, at=now()).nobody for one in phones}
    return nobody <= {rules.NobodyReason.UNKNOWN_NUMBER}


def _point(session: Session, conversation: Conversation, region: str) -> None:
    """Give the customer the numbers and ids of the conversation that nobody holds yet.

    Each once: a number that a person takes off the customer afterwards stays off.
    """
    party = session.get_one(Party, conversation.party_id)
    for row in _peer_rows(session, conversation):
        if row.party_id == party.id:
            continue
        row.party_id = party.id
        kind = PHONE if row.kind == PeerKind.PHONE else id_kind(conversation.channel)
        if row.kind == PeerKind.SENDER or _is_held(session, kind, row.value):
            continue
        if kind == PHONE:
            _add_phone(session, party, row.value, region)
        else:
            session.add(Identifier(party_id=party.id, kind=kind, value=row.value, raw=row.value))
    session.flush()


def _is_held(session: Session, kind: str, value: str) -> bool:
    query = select(Identifier.id).join(Party, Party.id == Identifier.party_id)
    query = query.where(Identifier.kind == kind, Identifier.value == value, Identifier.valid_to.is_(None))
    return session.scalar(query.where(Party.status == PartyStatus.ACTIVE).limit(1)) is not None


def _add_phone(session: Session, party: Party, number: str, region: str) -> None:
    try:
        parties.add_identifier(session, None, party, parties.Given(PHONE, number), region=region)
    except UserError:
        return  # a number of our own: two lines of ours write to each other


def _follow(session: Session, conversation: Conversation) -> None:
    """Give what nobody was known for to the customer; what a person gave to somebody else stays there."""
    rows = select(MessageRow.interaction_id).where(MessageRow.conversation_id == conversation.id)
    session.execute(
        update(Participant)
        .where(Participant.interaction_id.in_(rows), Participant.party_id.is_(None))
        .values(party_id=conversation.party_id, origin_party_id=conversation.party_id)
        .execution_options(synchronize_session=False)
    )


def is_only_ours(session: Session, party_id: int) -> bool:
    """Say whether nothing speaks of a customer but what he called himself in messages."""
    spoken = [
        exists().where(Link.party_id == party_id, Link.stream != PEERS),
        exists().where(Claim.party_id == party_id, Claim.link_id.is_(None)),
    ]
    return not any(session.scalar(select(one)) for one in spoken)


def fold(session: Session, party_id: int, into: int) -> None:
    """Make a customer that only messages spoke of a part of another one: they came together in one message.

    Nothing is taken away: notes, tasks and calls of the one are found with the other (`parties.with_merged`).
    """
    if not is_only_ours(session, party_id):
        return
    party = session.get_one(Party, party_id)
    held = {(one.kind, one.value) for one in session.scalars(select(Identifier).where(Identifier.party_id == into))}
    for one in session.scalars(select(Identifier).where(Identifier.party_id == party_id)).all():
        if (one.kind, one.value) in held:
            session.delete(one)
        else:
            one.party_id = into
    for link_row in session.scalars(select(Link).where(Link.party_id == party_id)).all():
        _forget(session, link_row)
    session.execute(delete(Claim).where(Claim.party_id == party_id))
    for table in (Participant, Conversation, ConversationPeer):
        session.execute(update(table).where(table.party_id == party_id).values(party_id=into))
    party.status, party.merged_into, party.version = PartyStatus.MERGED, into, party.version + 1
    search.refresh_all(session, [party_id, into])


def _forget(session: Session, row: Link) -> None:
    """Take a source record back that said only what somebody called himself."""
    raw = session.get(RawRecord, row.raw_record_id) if row.raw_record_id is not None else None
    session.delete(row)
    if raw is not None:
        session.delete(raw)


# --- by a person --------------------------------------------------------------------------------------------------


def give(session: Session, public_id: UUID, party: Party, *, region: str) -> None:
    """Say that a conversation is with a customer: a person's word, so what was somebody else's goes along.

    Raises:
        NotFoundError: there is no such conversation.
    """
    in_turn(session, Party.__tablename__)  # as `take`, and before any row is locked
    conversation = by_public_id(session, Conversation, public_id, "There is no such conversation.", lock=True)
    before, conversation.party_id = conversation.party_id, party.id
    if before is not None and before != party.id:
        rows = select(MessageRow.interaction_id).where(MessageRow.conversation_id == conversation.id)
        session.execute(
            update(Participant)
            .where(Participant.interaction_id.in_(rows), Participant.party_id == before)
            .values(party_id=party.id, origin_party_id=party.id)
            .execution_options(synchronize_session=False)
        )
        if is_only_ours(session, before):
            fold(session, before, party.id)
    _point(session, conversation, region)
    _follow(session, conversation)
