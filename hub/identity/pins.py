"""Whose word counts of each field of a customer, and a person's choice of one of them.

A pin is a person's own word (a claim of no source) that says what a source said at that moment: nobody need type it again,
and no source changes it from then on. Without the pin what counts is what the sources say (`identity.claims`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import claims, link
from hub.identity import parties as store
from hub.identity.claims import Said
from hub.identity.models import Claim, Link, Party, PartyKind
from hub.identity.tax_id import KIND as TAX_ID
from hub.intake.models import Account
from hub.security.models import User
from hub.security.policy import Person

# Of these nobody chooses one: lists have what all say, numbers are taken off one by one, a kind is what all agree on.
_NEVER = claims.LISTS | {"kind", TAX_ID, claims.PHOTO}
# Plain columns, built once: every page of a customer asks this.
_claim, _link, _account, _user = Claim.__table__.c, Link.__table__.c, Account.__table__.c, User.__table__.c
_SAID = (
    select(
        _claim.id, _claim.field, _claim.value, _claim.link_id, _claim.observed_at,
        _account.public_id.label("account"), _account.name.label("source"), _user.public_id.label("by"),
        _user.name.label("by_name"),
    )
    .outerjoin(Link.__table__, _link.id == _claim.link_id)
    .outerjoin(Account.__table__, _account.id == _link.account_id)
    .outerjoin(User.__table__, _user.id == _claim.locked_by)
    .where(_claim.party_id == bindparam("party"))
    .order_by(_claim.field, _claim.id)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """What one source record, or somebody here, says of a field.

    Attributes:
        link_id: the record; None: it was said here.
        account: public id and name of the source.
        by: public id and name of the user who said it here; None: a program, or somebody who is no more.
        counts: it is what the field has now, or a part of it.
    """

    id: int
    field: str
    value: Any
    link_id: int | None
    account: tuple[Any, str] | None
    by: tuple[Any, str] | None
    at: datetime
    counts: bool

    @property
    def is_here(self) -> bool:
        return self.link_id is None


def words(session: Session, party: Party) -> dict[str, tuple[Word, ...]]:
    """Return what is said of a party by field, each with the word that counts first."""
    rows = session.execute(_SAID, {"party": party.id})
    return {field: tuple(_ranked(list(several), field)) for field, several in groupby(rows, lambda row: str(row.field))}


def counting(said: Mapping[str, Sequence[Word]]) -> dict[str, Word]:
    """Return by field the word that counts; lists are of several."""
    return {field: several[0] for field, several in said.items() if field not in claims.LISTS}


def may_pin(field: str) -> bool:
    """Say whether one of several words can be chosen for a field."""
    return field not in _NEVER


def may_unpin(said: Sequence[Word]) -> bool:
    """Say whether a field is fixed here while sources say something of it."""
    return {word.is_here for word in said} == {True, False}


def pin(session: Session, person: Person | None, party: Party, word: Word, *, begun: Mapping[str, Any]) -> None:
    """Let a word count from now on, whatever sources say later.

    Args:
        word: as `words` returned it in this transaction, in which the party was locked before.
        begun: what administrators' fields of a new company begin with.

    Raises:
        UserError: of this field nobody chooses.
    """
    if not may_pin(word.field) or (word.field == "company" and party.kind != PartyKind.PERSON):
        raise UserError("Nobody chooses a source for this.", error_id="no_pin", field=word.field)
    if word.field == "company":
        company = store.company_named(session, person, str(word.value), begun)
        party.company_id = company.id if company is not None else None
    store.keep_word(session, person, party, word.field, word.value)
    session.flush()
    link.settle(session, {party.id: {word.field} - {"company"}})
    account = str(word.account[0]) if word.account is not None else ""
    store.touched(session, person, party, "party.pinned", fields=[word.field], account=account)


def unpin(session: Session, person: Person | None, party: Party, field: str) -> None:
    """Take back what was said here of a field: the sources decide again. The party was locked before.

    Raises:
        NotFoundError: nothing was said here.
        UserError: no source says anything of it, so nothing would be left.
    """
    said = words(session, party).get(field, ())
    if not any(word.is_here for word in said):
        raise NotFoundError("This is not fixed any more.")
    if not may_unpin(said):
        raise UserError("No source says anything of this. Change it instead.", error_id="no_source", field=field)
    session.execute(delete(Claim).where(Claim.party_id == party.id, Claim.field == field, Claim.link_id.is_(None)))
    link.settle(session, {party.id: {field}})
    store.touched(session, person, party, "party.unpinned", fields=[field])


def _ranked(rows: Sequence[Any], field: str) -> Iterator[Word]:
    said = {row.id: Said(field, row.value, row.link_id, row.observed_at, row.id) for row in rows}
    by_id = {row.id: row for row in rows}
    for place, one in enumerate(claims.ranked(said.values(), field)):
        row = by_id[one.id]
        yield Word(
            id=row.id,
            field=field,
            value=row.value.get("value"),
            link_id=row.link_id,
            account=(row.account, row.source) if row.account is not None else None,
            by=(row.by, row.by_name) if row.by is not None else None,
            at=row.observed_at,
            counts=place == 0 or field in claims.LISTS,
        )
