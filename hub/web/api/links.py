"""A customer's records in the connected systems."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.identity.models import Link
from hub.intake import record_link
from hub.intake.models import Account, AccountState
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Operation, serve

_BOTH: Select[Any] = select(Link).add_columns(Account)


class LinkShape(BaseModel):
    """A record that speaks of a customer now."""

    account: shapes.Ref
    connector: str = Field(description="What the account is a connection to")
    stream: str = Field(description="The kind of record there")
    remote_id: str = Field(description="As the other system calls it")
    record_url: str = Field(description="Where a person looks at it there; empty: nobody said how it is reached")
    seen_at: datetime = Field(description="When the other system showed it last")


class LinkPage(paging.Page[LinkShape]):
    """A page of records."""


@serve(
    Operation(
        "GET", "/parties/<uuid:party_id>/links", "A customer's records in connected systems", Right.USE, LinkPage,
        query=paging.Paging,
    )
)  # fmt: skip
def links(session: Session, party_id: UUID, query: paging.Paging) -> LinkPage:
    """List the records that speak of a party, and of those that were merged into it."""
    wanted = (
        _BOTH.join(Account, Account.id == Link.account_id)
        .where(Link.party_id.in_(shapes.party_ids(session, party_id)), Link.gone_at.is_(None))
        .where(Account.state != AccountState.REMOVED)
    )
    rows = session.execute(shapes.by_key(wanted, Link.id, query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row[0].id])
    return LinkPage(items=[_shaped(link, account) for link, account in page], next=following)


def _shaped(link: Link, account: Account) -> LinkShape:
    template = record_link.template_of(account.record_url, account.facts, link.stream)
    return LinkShape(
        account=shapes.Ref(id=account.public_id, name=account.name), connector=account.connector, stream=link.stream,
        remote_id=link.remote_id, record_url=record_link.fill(template, link.remote_id), seen_at=link.seen_at,
    )  # fmt: skip
