"""Tickets for pages of ours in frames of another product."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.identity.phone import PhoneContext, normalise
from hub.security import embedding, users
from hub.security.models import User
from hub.security.policy import Right
from hub.web.api import shapes
from hub.web.api.operation import Body, Operation, Way, serve
from hub.web.frame import current_hub, current_person


class NewEmbedTicket(Body):
    """For whom, where and what."""

    user: str = Field(min_length=1, max_length=320, description="A user's id or e-mail: whom the page speaks for")
    origin: str = Field(
        min_length=1, max_length=embedding.LONGEST, description="Of the page that shows ours: https://crm.example"
    )
    page: embedding.Page = Field(embedding.Page.CARD, description="card: one customer; pop: waits for calls")
    party: UUID | None = Field(None, description="The customer to show first")
    number: str = Field("", max_length=100, description="or whose number it is")

    @model_validator(mode="after")
    def _about_one(self) -> Self:
        if self.party and self.number:
            raise ValueError("party or number, not both")
        return self


class EmbedTicket(BaseModel):
    """Good for one load of one page."""

    ticket: str
    url: str = Field(description="The address of the frame; it has the ticket in it")
    expires_at: datetime


@serve(
    Operation(
        "POST",
        "/embed-tickets",
        "Let a page in another product speak for a user",
        Right.USE,
        EmbedTicket,
        body=NewEmbedTicket,
        status=201,
        way=Way.WRITE,
        errors=(404,),
        tells_secret=True,
        description="For the token's own user, or for anybody with the right manage_users. See docs/embedding.md.",
    )
)
def add_embed_ticket(session: Session, body: NewEmbedTicket) -> EmbedTicket:
    """Make a ticket."""
    with shapes.within("user"):
        user = _user(session, body.user)
    if body.party:
        with shapes.within("party"):
            shapes.party_ids(session, body.party)
    phones = normalise(body.number, PhoneContext(region=current_hub().settings.hub.region))
    subject = embedding.Subject(str(body.party or ""), phones[0].key if phones else body.number)
    ticket, until = embedding.issue(session, current_person(), user, body.origin, body.page, subject)
    url = f"{current_hub().settings.public_url}/embed/{body.page}?ticket={ticket}"
    return EmbedTicket(ticket=ticket, url=url, expires_at=until)


def _user(session: Session, named: str) -> User:
    try:
        public_id = UUID(named)
    except ValueError:
        return users.get(session, named)
    user = session.scalar(select(User).where(User.public_id == public_id))
    if user is None:
        raise NotFoundError(f"There is no user {public_id}")
    return user
