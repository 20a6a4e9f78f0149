"""People who work here: whom tasks, customers and meetings can be given to."""

from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.security.models import User
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Operation, serve


class UserShape(BaseModel):
    """Somebody who can sign in."""

    id: UUID
    name: str
    email: str


class UserPage(paging.Page[UserShape]):
    """A page of users."""


class UserQuery(paging.Paging):
    """Which users."""

    email: str | None = Field(None, min_length=1, max_length=300, description="The whole address")


@serve(Operation("GET", "/users", "People who work here", Right.USE, UserPage, query=UserQuery))
def users(session: Session, query: UserQuery) -> UserPage:
    """List users in the order in which they were added; those who were shut out are not among them."""
    wanted = select(User).where(User.disabled_at.is_(None))
    if query.email is not None:
        wanted = wanted.where(User.email == query.email.strip().lower())
    rows = session.scalars(shapes.by_key(wanted, User.id, query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row.id])
    return UserPage(items=[UserShape(id=row.public_id, name=row.name, email=row.email) for row in page], next=following)
