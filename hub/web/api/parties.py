"""People and companies: found, read, made and changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.fields import change, incoming
from hub.fields.models import Of
from hub.identity import parties as store
from hub.identity import search
from hub.identity.email import email_line
from hub.identity.models import Identifier, Party, PartyKind, PartyStatus
from hub.identity.parties import KEEP, Given
from hub.identity.phone import PhoneContext, read
from hub.identity.words import LONGEST_QUERY
from hub.security.policy import Right
from hub.web.api import fields, paging, shapes
from hub.web.api.fields import MOST_NAMES, OF_VALUES, TO_CHANGE, Values
from hub.web.api.operation import Body, Operation, Way, serve
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub, current_person

LONGEST_VALUE = 300
MOST_IDENTIFIERS = 50
LOOKED_AT = 250  # parties that words find, before filters


class IdentifierShape(BaseModel):
    """What points to a party."""

    kind: str = Field(description="phone, email or tax_id")
    value: str = Field(description="Normal form: E.164 (maybe with ;ext=), lower-case e-mail, bare tax number")
    raw: str = Field(description="As it was typed or sent")
    label: str
    shared: bool = Field(description="Several hold it, so it points to nobody by itself")


class PartyShape(BaseModel):
    """A person or a company."""

    id: UUID
    kind: str
    name: str
    company: shapes.Match | None = Field(description="Where the person works")
    owner: shapes.Ref | None = Field(description="The user who looks after it")
    identifiers: list[IdentifierShape]
    fields: Values = Field(description=f"{OF_VALUES}; beside them what sources say under other names")
    version: int = Field(description="Grows with each change; send it with a PATCH to overwrite nobody's work")
    created_at: datetime
    changed_at: datetime


class PartyPage(paging.Page[PartyShape]):
    """A page of parties."""


class PartyQuery(paging.FieldPaging):
    """Which parties: by one of these, or all."""

    phone: str | None = Field(None, min_length=1, max_length=100, description="In any spelling; who holds this number")
    email: str | None = Field(None, min_length=1, max_length=LONGEST_VALUE)
    tax_id: str | None = Field(None, min_length=1, max_length=100)
    q: str | None = Field(
        None, min_length=1, max_length=LONGEST_QUERY, description="Any part of names, numbers and addresses"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.phone, self.email, self.tax_id, self.q)) > 1:
            raise ValueError("search by one of phone, email, tax_id and q")
        return self


class NewIdentifier(Body):
    """A phone, e-mail or tax number in any spelling."""

    kind: Literal["phone", "email", "tax_id"]
    value: str = Field(min_length=1, max_length=LONGEST_VALUE)


class NewParty(Body):
    """A customer to be made."""

    kind: PartyKind = PartyKind.PERSON
    name: str = Field(min_length=1, max_length=store.LONGEST_NAME)
    identifiers: list[NewIdentifier] = Field(default=[], max_length=MOST_IDENTIFIERS)
    company: UUID | None = Field(None, description="The company's id")
    owner: UUID | None = Field(None, description="A user's id")
    fields: Values = Field(default={}, max_length=MOST_NAMES, description="Of fields that administrators defined")


class PartyChange(Body):
    """What is to be changed; what is left out stays."""

    name: str | None = Field(None, min_length=1, max_length=store.LONGEST_NAME)
    company: UUID | None = Field(None, description="The company's id; null: works nowhere")
    owner: UUID | None = Field(None, description="A user's id; null: nobody")
    add_identifiers: list[NewIdentifier] = Field(default=[], max_length=MOST_IDENTIFIERS)
    remove_identifiers: list[NewIdentifier] = Field(default=[], max_length=MOST_IDENTIFIERS)
    fields: Values = Field(default={}, max_length=MOST_NAMES, description=TO_CHANGE)
    version: int | None = Field(None, description="As last read; if the party changed since, nothing is done (409)")

    @field_validator("name", mode="before")
    @classmethod
    def _named(cls, name: object) -> object:
        if name is None:
            raise ValueError("cannot be null; leave it out to keep it")
        return name


@serve(Operation("GET", "/parties", "Find people and companies", Right.USE, PartyPage, query=PartyQuery))
def parties(session: Session, query: PartyQuery) -> PartyPage:
    """Find parties by an identifier or by words, or list them all in the order in which they were made."""
    more = fields.where(session, Party.fields, Of.PERSON, Of.COMPANY, kind=Party.kind)
    if query.q is not None:
        hits = [hit.party_id for hit in search.search(session, query.q, LOOKED_AT if more else query.limit)]
        return PartyPage(items=_in_order(session, _left(session, hits, more)[: query.limit]), next=None)
    for kind in store.KINDS:
        raw = getattr(query, kind)
        if raw is not None:
            found = [row.id for row in store.by_identifier(session, kind, raw, region=_region())]
            ids, following = paging.part(_left(session, found, more), query, lambda number: [number])
            return PartyPage(items=_in_order(session, ids), next=following)
    wanted = select(Party).where(Party.status == PartyStatus.ACTIVE, *more)
    rows = session.scalars(shapes.by_key(wanted, Party.id, query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row.id])
    return PartyPage(items=shaped(session, page), next=following)


@serve(Operation("GET", "/parties/<uuid:party_id>", "One person or company", Right.USE, PartyShape))
def party(session: Session, party_id: UUID) -> PartyShape:
    """Return a party; of one that was merged, what it is now."""
    return shaped(session, [store.get(session, party_id)])[0]


@serve(
    Operation(
        "POST",
        "/parties",
        "Make a person or company",
        Right.EDIT_PARTIES,
        PartyShape,
        body=NewParty,
        status=201,
        way=Way.WRITE,
    )
)
def add_party(session: Session, body: NewParty) -> PartyShape:
    """Make a party with what points to it."""
    try:
        made = store.create(
            session,
            current_person(),
            body.kind,
            body.name,
            [Given(one.kind, one.value) for one in body.identifiers],
            region=_region(),
            company=_company(session, body.company),
            owner_id=_owner(session, body.owner),
            begun=_begun(session, body.kind),
        )
    except UserError as error:
        raise _placed(error, "identifiers") from None
    change.party(session, current_person(), fields.known(session), made, body.fields, region=_region())
    return shaped(session, [made])[0]


@serve(
    Operation(
        "PATCH",
        "/parties/<uuid:party_id>",
        "Change a person or company",
        Right.EDIT_PARTIES,
        PartyShape,
        body=PartyChange,
        way=Way.WRITE,
        errors=(409,),
        description="What a person or program says here counts more than what any source says.",
    )
)
def change_party(session: Session, party_id: UUID, body: PartyChange) -> PartyShape:
    """Change what is named in the body."""
    row = store.get(session, party_id)
    session.refresh(row, with_for_update=True)
    if body.version is not None and body.version != row.version:
        text = f"version: is {row.version} by now; read the party again"
        raise FaultError(409, text, "conflict", "version")
    person, named = current_person(), body.model_fields_set
    store.edit(
        session,
        person,
        row,
        name=KEEP if body.name is None else body.name,
        company=_company(session, body.company) if "company" in named else KEEP,
        owner_id=_owner(session, body.owner) if "owner" in named else KEEP,
    )
    change.party(session, person, fields.known(session), row, body.fields, region=_region())
    for one in body.remove_identifiers:
        _remove(session, row, one)
    for one in body.add_identifiers:
        try:
            store.add_identifier(session, person, row, Given(one.kind, one.value), region=_region())
        except UserError as error:
            raise _placed(error, "add_identifiers") from None
    return shaped(session, [row])[0]


def shaped(session: Session, rows: Sequence[Party]) -> list[PartyShape]:
    """Return parties as the API shows them."""
    companies = shapes.parties(session, (row.company_id for row in rows))
    owners = shapes.users(session, (row.owner_id for row in rows))
    held = _identifiers(session, [row.id for row in rows])
    seen = fields.Seen(session)
    return [
        PartyShape(
            id=row.public_id,
            kind=row.kind,
            name=row.name,
            company=companies.get(row.company_id or 0),
            owner=owners.get(row.owner_id or 0),
            identifiers=held.get(row.id, []),
            fields=seen.of_party(row.kind, row.fields),
            version=row.version,
            created_at=row.created_at,
            changed_at=row.changed_at,
        )
        for row in rows
    ]


def _left(session: Session, ids: Sequence[int], more: Sequence[ColumnElement[bool]]) -> list[int]:
    """Return those of some parties that fulfil what is asked beside."""
    if not more:
        return list(ids)
    left = set(session.scalars(select(Party.id).where(Party.id.in_(ids), *more)))
    return [number for number in ids if number in left]


def _begun(session: Session, kind: str) -> Mapping[str, Any]:
    known = incoming.load(session)
    return known.defaults(Of(kind)) if known is not None else {}


def _in_order(session: Session, ids: Sequence[int]) -> list[PartyShape]:
    rows = {row.id: row for row in session.scalars(select(Party).where(Party.id.in_(ids)))}
    return shaped(session, [rows[number] for number in ids if number in rows])


def _identifiers(session: Session, ids: Sequence[int]) -> Mapping[int, list[IdentifierShape]]:
    held: dict[int, list[IdentifierShape]] = {}
    wanted = select(Identifier).where(Identifier.party_id.in_(ids), Identifier.valid_to.is_(None))
    for row in session.scalars(wanted.order_by(Identifier.id)):
        shape = IdentifierShape(kind=row.kind, value=row.value, raw=row.raw, label=row.label, shared=row.shared)
        held.setdefault(row.party_id, []).append(shape)
    return held


def _remove(session: Session, row: Party, one: NewIdentifier) -> None:
    """Take an identifier off, however it is written; one that is not there is no fault."""
    spellings = {one.value, _normal(one)}
    for held in store.identifiers(session, row):
        if held.kind == one.kind and spellings & {held.value, held.raw}:
            store.remove_identifier(session, current_person(), row, held.id)


def _normal(one: NewIdentifier) -> str:
    match one.kind:
        case "phone":
            phones = read(one.value, PhoneContext(region=_region())).phones
            return phones[0].key if phones else one.value
        case "email":
            return email_line(one.value)
        case "tax_id":
            return "".join(c for c in one.value.upper() if c.isalnum())


def _company(session: Session, public_id: UUID | None) -> Party | None:
    with shapes.within("company"):
        return store.get(session, public_id) if public_id else None


def _owner(session: Session, public_id: UUID | None) -> int | None:
    with shapes.within("owner"):
        return shapes.user_id(session, public_id) if public_id else None


def _placed(error: UserError, field: str) -> UserError:
    """Name the field of the body, where the fault is one of its identifiers."""
    if error.field not in store.KINDS:
        return error
    return UserError(f"{field}: {error.field}: {error}", error_id=error.error_id, field=field)


def _region() -> str:
    return current_hub().settings.hub.region
