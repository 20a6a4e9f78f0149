"""Numbers for managers, as the pages of Insights have them: counted when they are asked for, so none is older than its answer."""

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from hub.fields.models import Of
from hub.insights import completeness, kinds
from hub.insights.completeness import Count, Line
from hub.insights.splits import By
from hub.insights.targets import Rating
from hub.security.policy import Right
from hub.store.base import now
from hub.web.api import access
from hub.web.api.operation import Operation, serve
from hub.web.api.paging import Query
from hub.web.frame import current_hub, current_person


def _in_range(day: date) -> date:
    if not 1900 <= day.year <= 2200:  # outside, its edges overflow
        raise ValueError("must lie between the years 1900 and 2200")
    return day


Day = Annotated[date, AfterValidator(_in_range)]


class CountShape(BaseModel):
    """How a field of some records stands."""

    total: int = Field(description="Records of which it is expected")
    filled: int = Field(description="With a valid value")
    invalid: int = Field(description="With something that is no valid value")
    empty: int
    percent: int = Field(description="Filled of a hundred; not rounded up, so that 100 means all")


class TargetShape(BaseModel):
    """How full it should be, in percent."""

    green: int
    amber: int
    rating: Rating | None = Field(description="How it stands against that; null: there are no records")


class FieldCount(CountShape):
    """One field of all records, and of each part of them."""

    name: str = Field(description="As GET /fields and mappings call it")
    defined: bool = Field(description="true: by an administrator; false: the hub's own")
    target: TargetShape | None
    parts: list[CountShape] = Field(description="In the order of the parts of the whole")


class PartShape(BaseModel):
    """A part of the records."""

    key: str = Field(description="An id, a month such as 2026-11, or here, nobody, later, earlier, undated")
    name: str = Field(description="Of the connection or the user; empty: the key says it")
    total: int


class Completeness(BaseModel):
    """How many records of a kind have a valid value, field by field."""

    of: Of
    by: By | None
    as_of: datetime
    total: int = Field(description="Records that are counted")
    parts: list[PartShape]
    fields: list[FieldCount]


class CompletenessQuery(Query):
    """Of what, told apart by what, and when."""

    of: Of
    by: By | None = Field(None, description="Of sources one record may have several, so that parts do not add up")
    since: Day | None = Field(None, alias="from", description="Only records that there are since this day or later")
    until: Day | None = Field(None, alias="to", description="This day or before; days are those of the hub's time zone")

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("to must not be before from")
        return self


@serve(
    Operation(
        "GET",
        "/insights/completeness",
        "How full records are, field by field",
        Right.SEE_INSIGHTS,
        Completeness,
        query=CompletenessQuery,
        description="Without those that are test leads, void documents, or calls among ourselves.",
    )
)
def completeness_of(session: Session, query: CompletenessQuery) -> Completeness:
    """Count the records of a kind."""
    if query.of is Of.DOCUMENT:
        access.require(Right.SEE_MONEY)
    completeness.one_moment(session)
    at, zone = now(), current_hub().settings.hub.time_zone
    eye = kinds.eyes(session, current_person(), zone=zone, at=at)
    found = completeness.report(session, eye, query.of, query.by, since=query.since, until=query.until)
    return Completeness(
        of=found.of,
        by=found.by,
        as_of=at,
        total=found.total,
        parts=[
            PartShape(key=key.word, name=key.name, total=size)
            for key, size in zip(found.keys, found.sizes, strict=True)
        ],
        fields=[_field(line) for line in found.lines],
    )


def _field(line: Line) -> FieldCount:
    target = None
    if line.target is not None:
        rating = line.target.rate(line.count.filled, line.count.total)
        target = TargetShape(green=line.target.green, amber=line.target.amber, rating=rating)
    return FieldCount(
        **_count(line.count).model_dump(),
        name=line.measure.name,
        defined=line.measure.field is not None,
        target=target,
        parts=[_count(one) for one in line.parts],
    )


def _count(one: Count) -> CountShape:
    return CountShape(total=one.total, filled=one.filled, invalid=one.invalid, empty=one.empty, percent=one.percent)
