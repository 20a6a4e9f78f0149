from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from hub.mapping.targets import Target, targets
from hub.records.meeting import WallTime


class Word(StrEnum):
    IN = "in"
    OUT = "out"


class Inner(BaseModel):
    x: int


class Model(BaseModel):
    remote_id: Annotated[str, Field(min_length=1)]
    at: AwareDatetime | None = None
    day: date | None = None
    either: date | WallTime | None = None
    amount: Annotated[Decimal, Field(ge=0)] | None = None
    count: int = 0
    yes: bool | None = None
    many: Annotated[list[Inner], BeforeValidator(lambda value: value)] = []
    inner: Inner | None = None
    named: dict[str, str] = {}
    word: Word
    some: frozenset[Word] | None = None
    left: object = None
    whatever: Any = None


def test_a_model_names_the_fields_of_the_hub() -> None:
    assert targets(Model) == (
        Target("remote_id", "text", required=True),
        Target("at", "datetime"),
        Target("day", "date"),
        Target("either", "any"),
        Target("amount", "decimal"),
        Target("count", "integer"),
        Target("yes", "boolean"),
        Target("many", "list"),
        Target("inner", "object"),
        Target("named", "object"),
        Target("word", "text", required=True, options=("in", "out")),
        Target("some", "list"),
        Target("whatever", "any"),
    )
