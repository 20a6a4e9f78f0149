"""Who the token speaks for."""

from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from hub.security.policy import Right, may
from hub.web.api import access
from hub.web.api.operation import Operation, serve
from hub.web.frame import current_person


class Me(BaseModel):
    """The person or program that asks."""

    id: UUID | None = Field(description="The user; null for a token of its own")
    name: str
    email: str
    role: str
    rights: list[str] = Field(description="What the role allows; each operation names the one it needs")
    scopes: list[str] = Field(description="What the token is limited to; empty: it may what its role may")
    language: str
    time_zone: str


@serve(
    Operation("GET", "/me", "Who this token speaks for, and what it may", Right.USE, answer=Me, for_every_token=True)
)
def me(_: Session) -> Me:
    """Say who asks."""
    person = current_person()
    return Me(
        id=person.public_id,
        name=person.name,
        email=person.email,
        role=person.role,
        rights=sorted(right.value for right in Right if may(person.role, right)),
        scopes=sorted(access.scopes()),
        language=person.language,
        time_zone=person.time_zone,
    )
