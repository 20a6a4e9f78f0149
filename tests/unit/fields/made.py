"""Fields for tests that need no database."""

from typing import Any
from uuid import UUID

from hub.fields.definitions import Field, Option
from hub.fields.models import Of, Type


def field(type_: Type, name: str = "x", **more: Any) -> Field:
    return Field(1, UUID(int=1), Of.PERSON, name, type_, more.pop("labels", {}), **more)


def option(value: str, *parents: str, is_archived: bool = False, **labels: str) -> Option:
    return Option(value, labels, frozenset(parents), is_archived)


def colours(type_: Type = Type.CHOICE) -> Field:
    return field(
        type_,
        options=(
            option("red", en="Red", he="אדום", ru="Красный"),
            option("blue", en="Blue", pl="Niebieski"),
            option("old", en="Old one", is_archived=True),
            option("a; b", en="Both"),
        ),
    )


COUNTRY = field(Type.CHOICE, "country", options=(option("il", en="Israel"), option("pl", en="Poland")))
CITY = field(
    Type.CHOICE,
    "city",
    parent="country",
    options=(
        option("haifa", "il", en="Haifa"),
        option("lodz", "pl", en="Łódź"),
        option("centre_il", "il", en="Centre"),
        option("centre_pl", "pl", en="Centre"),
        option("other", en="Other"),
    ),
)
