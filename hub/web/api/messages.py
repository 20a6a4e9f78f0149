"""Messages (WhatsApp, SMS): what was written in conversations, and writing to a customer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.identity import parties
from hub.messages import queries, write
from hub.messages.models import Conversation, MessageRow
from hub.security import audit
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.frame import current_person

LONGEST = 4096


class MessageFile(BaseModel):
    """A file of a message; it is fetched on the pages of the hub."""

    name: str = Field(description="As its sender called it")
    media_type: str = Field(description="As the remote says; it may be wrong")
    size: int | None = Field(description="Bytes; null: not known (yet)")
    state: str = Field(description="pending, kept, gone, refused or away")


class MessageShape(BaseModel):
    """One message."""

    id: UUID
    conversation: UUID
    channel: str = Field(description="whatsapp or sms")
    account: shapes.Ref | None = Field(description="The connection it came or goes by")
    line: str = Field(description="Our number")
    direction: str = Field(description="inbound or outbound")
    content: str = Field(
        description="text, image, audio, video, file, sticker, place, contacts, reaction, choice or other"
    )
    text: str
    at: datetime
    party: shapes.Match | None = Field(description="The customer; null: nobody knows whose number it is")
    number: str = Field(description="The other end's: E.164, or as the remote writes it; may be empty")
    name: str = Field(description="As the person calls himself")
    state: str = Field(
        description="Of one that we sent: sending, accepted, sent, delivered, read, failed, refused or unsure (the answer "
        "was lost: it may have been sent); else empty"
    )
    state_at: datetime | None
    reason: str = Field(description="Why it was not sent, or did not arrive")
    user: shapes.Ref | None = Field(description="Who wrote it here")
    files: list[MessageFile]


class MessagePage(paging.Page[MessageShape]):
    """A page of messages."""


class MessageQuery(paging.Paging):
    """Which messages."""

    since: Moment | None = Field(None, description="Written then or later")
    until: Moment | None = Field(None, description="Written before then")
    party: UUID | None = None
    conversation: UUID | None = None
    direction: Literal["inbound", "outbound"] | None = None


class NewMessage(Body):
    """A message to be sent: into a conversation, or to a customer (then in the one that was used last)."""

    conversation: UUID | None = None
    party: UUID | None = None
    text: str = Field(min_length=1, max_length=LONGEST)

    @model_validator(mode="after")
    def _to_somebody(self) -> Self:
        if (self.conversation is None) == (self.party is None):
            raise ValueError("name either a conversation or a party")
        return self


@serve(
    Operation(
        "GET",
        "/messages",
        "Messages of all conversations, newest first",
        Right.USE,
        MessagePage,
        query=MessageQuery,
        errors=(404,),
    )
)
def messages(session: Session, query: MessageQuery) -> MessagePage:
    """List messages."""
    wanted = shapes.by_time(_wanted(session, query), MessageRow.at, MessageRow.id, query, newest_first=True)
    page, following = paging.cut(
        session.scalars(wanted).all(), query.limit, lambda row: [paging.micros(row.at), row.id]
    )
    return MessagePage(items=shaped(session, page), next=following)


@serve(
    Operation(
        "POST",
        "/messages",
        "Send a message",
        Right.USE,
        MessageShape,
        body=NewMessage,
        status=201,
        way=Way.WRITE,
        errors=(404,),
        description="It is handed to the remote a little later; `state` says how far it is. Free text by WhatsApp is "
        "possible only within 24 hours after the customer's last message. Without an Idempotency-Key each request is a "
        "message of its own.",
    )
)
def send_message(session: Session, body: NewMessage) -> MessageShape:
    """Send a message."""
    person = current_person()
    if body.conversation is not None:
        with shapes.within("conversation"):
            found = write.get(session, body.conversation)
    else:
        assert body.party is not None, "one of them is named"
        with shapes.within("party"):
            found = write.conversation_with(session, parties.get(session, body.party))
    row = write.send(session, write.get(session, found.public_id, lock=True), user_id=person.id or None, text=body.text)
    audit.record(session, person, "message.send", "message", row.public_id)
    return shaped(session, [row])[0]


def shaped(session: Session, rows: Sequence[MessageRow]) -> list[MessageShape]:
    """Return messages as the API shows them."""
    query = select(Conversation).where(Conversation.id.in_({row.conversation_id for row in rows}))
    conversations = {one.id: one for one in session.scalars(query)}
    people = shapes.parties(session, (one.party_id for one in conversations.values()))
    users = shapes.users(session, (row.user_id for row in rows))
    accounts = shapes.accounts(session, (row.account_id for row in rows))
    files = queries.files_of(session, [row.id for row in rows])
    return [
        MessageShape(
            id=row.public_id,
            conversation=one.public_id,
            channel=one.channel,
            account=accounts.get(row.account_id),
            line=one.line_number or one.line,
            direction=row.direction,
            content=row.content,
            text=row.text,
            at=row.at,
            party=people.get(one.party_id or 0),
            number=row.peer_phone,
            name=row.peer_name,
            state=row.state,
            state_at=row.state_at,
            reason=row.reason,
            user=users.get(row.user_id or 0),
            files=[
                MessageFile(name=file.name, media_type=file.said_type, size=file.size, state=file.state)
                for file in files.get(row.id, ())
            ],
        )
        for row in rows
        for one in [conversations[row.conversation_id]]
    ]


def _wanted(session: Session, query: MessageQuery) -> Select[Any]:
    wanted = select(MessageRow)
    if query.since is not None:
        wanted = wanted.where(MessageRow.at >= query.since)
    if query.until is not None:
        wanted = wanted.where(MessageRow.at < query.until)
    if query.direction is not None:
        wanted = wanted.where(MessageRow.direction == query.direction)
    if query.conversation is not None:
        wanted = wanted.where(MessageRow.conversation_id == write.get(session, query.conversation).id)
    if query.party is not None:
        of_party = select(Conversation.id).where(Conversation.party_id.in_(shapes.party_ids(session, query.party)))
        wanted = wanted.where(MessageRow.conversation_id.in_(of_party))
    return wanted
