import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from hub.identity.transforms import TRANSFORMS
from hub.mapping.transforms import STANDARD, Context, Registry

REGISTRY = Registry(TRANSFORMS)
ISRAEL = Context(region="IL", time_zone="Asia/Jerusalem")


def run(name: str, value: Any, **arguments: Any) -> Any:
    return REGISTRY.bind(name, arguments)(value, ISRAEL)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("name", "arguments", "value", "made"),
    [
        ("text", {}, 5, "5"),
        ("text", {}, 5.0, "5"),
        ("text", {}, True, "true"),
        ("text", {}, dt.date(2026, 11, 22), "2026-11-22"),
        ("trim", {}, "  a \t b\n", "a b"),
        ("lower", {}, "ŁÓDŹ", "łódź"),
        ("upper", {}, "abc", "ABC"),
        ("digits", {}, "51-234 567/8", "512345678"),
        ("replace", {"old": "-", "new": " "}, "a-b", "a b"),
        ("prefix", {"text": "+"}, 972, "+972"),
        ("suffix", {"text": " s"}, 5, "5 s"),
        ("truncate", {"length": 3}, "abcdef", "abc"),
        ("pad", {"width": 4}, 7, "0007"),
        ("integer", {}, "12", 12),
        ("integer", {}, 12.0, 12),
        ("decimal", {}, "1 234.50", Decimal("1234.50")),
        ("decimal", {}, 0.1, Decimal("0.1")),
        ("decimal", {"comma": True}, "1.234,50", Decimal("1234.50")),
        ("minor_units", {}, 1999, Decimal("19.99")),
        ("minor_units", {"places": 3}, "1999", Decimal("1.999")),
        ("boolean", {}, "Yes", True),
        ("boolean", {}, 0, False),
        ("unix_seconds", {}, 1795300000, utc(2026, 11, 21, 22, 26, 40)),
        ("unix_seconds", {}, "1795300000.25", utc(2026, 11, 21, 22, 26, 40, 250000)),
        ("unix_millis", {}, 1795300000250, utc(2026, 11, 21, 22, 26, 40, 250000)),
        ("iso_datetime", {}, "2026-11-22T10:00:00Z", utc(2026, 11, 22, 10)),
        ("iso_datetime", {}, "2026-11-22 10:00", utc(2026, 11, 22, 8)),
        ("iso_datetime", {}, "2026-07-01T10:00:00", utc(2026, 7, 1, 7)),  # summer time
        ("datetime_as", {"format": "%d/%m/%Y %H:%M"}, "22/11/2026 10:00", utc(2026, 11, 22, 8)),
        ("date", {}, "2026-11-22", dt.date(2026, 11, 22)),
        ("date", {}, "2026-11-22T23:00:00Z", dt.date(2026, 11, 23)),
        ("date_as", {"format": "%d.%m.%Y"}, "22.11.2026", dt.date(2026, 11, 22)),
        ("first", {}, [None, "", "a", "b"], "a"),
        ("first", {}, [], None),
        ("first", {}, "a", "a"),
        ("join", {"separator": ", "}, ["a", "", None, 5], "a, 5"),
        ("split", {"separator": ";"}, "a; b ;;c", ["a", "b", "c"]),
        ("split", {"separator": " ", "part": -1}, "Dana Levi", "Levi"),
        ("split", {"separator": " ", "part": 5}, "Dana Levi", None),
        ("lookup", {"values": {"1": "one"}, "otherwise": "many"}, 1, "one"),
        ("lookup", {"values": {"1": "one"}, "otherwise": "many"}, 2, "many"),
        ("default", {"to": "x"}, None, "x"),
        ("default", {"to": "x"}, "y", "y"),
        ("phone", {}, "050-234-5678", "+972502345678"),
        ("phone", {"region": "PL"}, "601 234 567", "+48601234567"),
        ("phone", {}, "03-612-3456 שלוחה 12", "+97236123456;ext=12"),
        ("phone", {}, "050-123-4567", "+972501234567"),  # possible: not lost
        ("phone", {}, "612-3456", "612-3456"),  # not to be read: as written
        ("phone", {}, "n/a", None),
        ("phone", {}, "anonymous", None),
        ("phones", {}, "0502345678; 0527654321", ["+972502345678", "+972527654321"]),
        ("phones", {}, "-", []),
        ("email", {}, "Dana <DANA@Levi.Example>", "dana@levi.example"),
        ("email", {}, "none", None),
        ("name", {}, "  Dana\u202e  Levi ", "Dana Levi"),
        ("name", {}, "unknown", None),
    ],
)
def test_a_transform_makes_of_a_value(name: str, arguments: dict[str, Any], value: Any, made: Any) -> None:
    answer = run(name, value, **arguments)
    assert answer == made
    assert type(answer) is type(made)


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("text", {}, {"a": 1}),
        ("trim", {}, []),
        ("integer", {}, "1.5"),
        ("integer", {}, True),
        ("integer", {}, "1e99"),
        ("decimal", {}, "NaN"),
        ("decimal", {}, "1,234"),
        ("decimal", {}, "9" * 100),
        ("decimal", {}, float("inf")),
        ("boolean", {}, "maybe"),
        ("unix_seconds", {}, 1795300000000),  # milliseconds
        ("unix_seconds", {}, "soon"),
        ("unix_millis", {}, "9" * 30),
        ("iso_datetime", {}, "22/11/2026"),
        ("iso_datetime", {}, "0001-01-01T00:00:00"),
        ("date", {}, "2026-02-30"),
        ("date_as", {"format": "%d.%m.%Y"}, "2026"),
        ("pad", {"width": 1_000_000}, "a"),
        ("split", {"separator": ""}, "a"),
    ],
)
def test_what_a_transform_cannot_do_it_says(name: str, arguments: dict[str, Any], value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        run(name, value, **arguments)


@pytest.mark.parametrize("name", sorted(set(STANDARD) - {"default"}))
def test_a_missing_value_stays_missing(name: str) -> None:
    needed = {"old": "a", "text": "a", "length": 1, "width": 1, "format": "%Y", "values": {}}
    transform = next(transform for transform in REGISTRY if transform.name == name)
    arguments = {key: value for key, value in needed.items() if key in transform.arguments}
    assert transform.bind(arguments)(None, ISRAEL) is None


def test_every_transform_says_what_it_does_or_its_name_does() -> None:
    assert {transform.name for transform in REGISTRY if not transform.about} == {"lower", "upper"}


def test_arguments_are_checked_by_type_not_converted() -> None:
    for wrong in ({"length": "3"}, {"length": 3.5}, {"length": True}, {}, {"length": 1, "more": 1}):
        with pytest.raises(ValueError, match="transform truncate"):
            REGISTRY.bind("truncate", wrong)


def test_a_later_table_wins() -> None:
    assert Registry({"trim": lambda value: "mine"}).bind("trim", {})("a", ISRAEL) == "mine"
