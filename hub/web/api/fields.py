"""Fields that administrators defined: what they are, and how other subjects hand out, change and filter their values."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import request
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from hub.fields import definitions, filters, seen
from hub.fields.definitions import Fields
from hub.fields.models import Of, Type
from hub.security.policy import Right
from hub.web.api import paging
from hub.web.api.operation import Operation, serve
from hub.web.api.paging import FIELD
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub, current_person

MOST_NAMES = 200
OF_VALUES = (
    "Values of fields that administrators defined, as GET /fields says them: text, number as decimal text, money as "
    "{amount, currency}, date, choice as its value, choices as a list of them, true or false. Without those that the "
    "token's role does not see"
)
TO_CHANGE = "What is to be set, by field; null takes a value away; what is not named stays"
Values = dict[str, Any]


class OptionShape(BaseModel):
    """One entry of a list."""

    value: str = Field(description="As it is kept and sent; never changes")
    labels: dict[str, str] = Field(description="By language")
    parents: list[str] = Field(description="Values of the parent field that it goes with; empty: with all")
    archived: bool = Field(description="Kept where it is chosen, and chosen no more")


class FieldShape(BaseModel):
    """A field that an administrator defined."""

    id: UUID
    of: str = Field(description=", ".join(Of))
    name: str = Field(description="As records, filters and mappings call it; never changes")
    type: str = Field(description=", ".join(Type))
    labels: dict[str, str] = Field(description="By language")
    mask: str = Field(description="What values must look like: a word, or `pattern`; empty: anything")
    pattern: str = Field(description="Regular expression (RE2) of the whole value, where the mask is `pattern`")
    required: bool = Field(description="It can be changed, and not be emptied")
    default: Any = Field(description="What new records have; null: nothing")
    parent: str = Field(description="The field that its options depend on; empty: none")
    options: list[OptionShape]


class FieldPage(paging.Page[FieldShape]):
    """A page of fields, in their order."""


class FieldQuery(paging.Paging):
    """Which fields."""

    of: Of | None = Field(None, description="Of one kind of record")


@serve(Operation("GET", "/fields", "Fields that administrators defined", Right.USE, FieldPage, query=FieldQuery))
def fields(session: Session, query: FieldQuery) -> FieldPage:
    """List the fields that the token's role sees; archived ones are not among them."""
    known, role = definitions.load(session), current_person().role
    every = list(Of)
    ofs = [query.of] if query.of is not None else every
    shown = [one for of in ofs for one in seen.fields(known, of, role).values()]
    page, following = paging.part(shown, query, lambda one: [every.index(one.of), one.position, one.id])
    return FieldPage(items=[_shape(one) for one in page], next=following)


def _shape(one: definitions.Field) -> FieldShape:
    options = [
        OptionShape(
            value=option.value, labels=dict(option.labels), parents=sorted(option.parents), archived=option.is_archived
        )
        for option in one.options
    ]
    return FieldShape(
        id=one.public_id, of=one.of, name=one.name, type=one.type, labels=dict(one.labels), mask=one.mask,
        pattern=one.pattern, required=one.required, default=one.default, parent=one.parent, options=options,
    )  # fmt: skip


# --- of other subjects ----------------------------------------------------------------------------------------------


class Seen:
    """How the token's role sees values, read once for a list."""

    def __init__(self, session: Session) -> None:
        self._known: Fields = definitions.load(session)
        self._role = current_person().role

    def values(self, of: Of, kept: Mapping[str, Any]) -> Values:
        """Return what is handed out of a lead, call or document."""
        return seen.values(self._known, of, self._role, kept)

    def of_party(self, kind: str, kept: Mapping[str, Any]) -> Values:
        """Return what is handed out of a party."""
        return seen.of_party(self._known, Of(kind), self._role, kept)

    def extras(self, of: Of, kept: Mapping[str, Any]) -> Values:
        """Return what is handed out of what came under names that had no field then."""
        return seen.without(self._known, [of], kept)


def where(session: Session, column: Any, *ofs: Of, kind: Any = None) -> tuple[ColumnElement[bool], ...]:
    """Return what the filters `field.<name>=` of the present request ask of a list.

    Args:
        kind: column that says which of several kinds a row is.

    Raises:
        FaultError: there is no such field for this role, or it cannot be looked for like this (400).
    """
    if not any(name.startswith(FIELD) for name in request.args):
        return ()
    known, role = definitions.load(session), current_person().role
    shown = {of: seen.fields(known, of, role) for of in ofs}
    asked = filters.asked(request.args.items(multi=True), shown, prefix=FIELD)
    for name in asked.ignored:
        raise FaultError(400, f"{FIELD}{name} is not known here; see /api/v1/fields", "bad_query", f"{FIELD}{name}")
    for name, problem in asked.problems.items():
        raise FaultError(400, f"{FIELD}{name}: {problem.text}", "bad_query", f"{FIELD}{name}")
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return filters.where(column, asked, shown, is_sqlite=is_sqlite, kind=kind)


def known(session: Session) -> Fields:
    """Return all fields, for a change."""
    return definitions.load(session)


def region() -> str:
    """Return the country in which numbers and days of a request are read."""
    return current_hub().settings.hub.region
