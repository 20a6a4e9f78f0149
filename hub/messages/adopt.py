"""A number gets an owner: the conversations by it are with him, whoever named it and wherever (see cti/adopt.py)."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, exists, func, select, update

from hub.identity import new_owners
from hub.identity.callers import PHONE
from hub.identity.models import Identifier
from hub.messages.models import Conversation, ConversationPeer, PeerKind


def watch() -> None:
    """Begin to adopt; called once by the wiring."""
    new_owners.listen(_adopt)


def _adopt(connection: Connection, named: Mapping[str, Sequence[str]]) -> None:
    """Give conversations that are nobody's to the owners of numbers."""
    values = named.get(PHONE, ())
    peer = ConversationPeer.__table__.c
    waiting = select(peer.value).where(peer.kind == PeerKind.PHONE, peer.party_id.is_(None))
    for begin in range(0, len(values), 500):
        seen = set(connection.scalars(waiting.where(peer.value.in_(values[begin : begin + 500]))))
        if not seen:
            continue
        owners = (
            select(Identifier.value, func.min(Identifier.party_id).label("party_id"))
            .where(Identifier.kind == PHONE, Identifier.value.in_(sorted(seen)), Identifier.valid_to.is_(None))
            .group_by(Identifier.value)
            .having(func.count(Identifier.party_id.distinct()) == 1)  # two owners are a choice for a person
        )
        for row in connection.execute(owners).all():
            conversation = Conversation.__table__
            by_it = exists().where(
                peer.conversation_id == conversation.c.id, peer.kind == PeerKind.PHONE, peer.value == row.value
            )
            nobodys = (conversation.c.party_id.is_(None), by_it)
            connection.execute(update(Conversation).where(*nobodys).values(party_id=row.party_id))
