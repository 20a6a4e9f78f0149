"""What conditions ask, field by field: the table of what holds, and what texts name in braces."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fields.definitions import Fields
from hub.rules import grammar
from hub.rules.grammar import MOMENTS, NO_VALUES, OPERATORS, Condition, Kind, Operator, Unit, When

IS, IS_NOT, HAS, HAS_NOT = Operator.IS, Operator.IS_NOT, Operator.CONTAINS, Operator.CONTAINS_NOT
LEAST, MOST, FILLED, EMPTY = Operator.AT_LEAST, Operator.AT_MOST, Operator.FILLED, Operator.EMPTY
TABLE: tuple[tuple[Kind, Operator, list[str], Any, bool], ...] = (
    (Kind.TEXT, IS, ["Dana Levi"], " dana  LEVI ", True),
    (Kind.TEXT, IS, ["Tom", "דנה"], "דנה", True),
    (Kind.TEXT, IS, ["Dana"], "Dana Levi", False),
    (Kind.TEXT, IS, ["Straße"], "STRASSE", True),
    (Kind.TEXT, IS_NOT, ["Dana"], "Tom", True),
    (Kind.TEXT, IS_NOT, ["Dana", "Tom"], "Tom", False),
    (Kind.TEXT, IS_NOT, ["Dana"], None, True),
    (Kind.TEXT, HAS, ["levi"], "Dana Levi", True),
    (Kind.TEXT, HAS, ["levi"], "", False),
    (Kind.TEXT, HAS, [".*"], "anything", False),
    (Kind.TEXT, HAS_NOT, ["levi"], "Dana Levi", False),
    (Kind.TEXT, HAS_NOT, ["levi"], None, True),
    (Kind.TEXT, FILLED, [], "x", True),
    (Kind.TEXT, FILLED, [], "", False),
    (Kind.TEXT, EMPTY, [], None, True),
    (Kind.TEXT, EMPTY, [], "0", False),
    (Kind.NUMBER, LEAST, ["10"], 10, True),
    (Kind.NUMBER, LEAST, ["10"], 9.99, False),
    (Kind.NUMBER, MOST, ["1,5"], Decimal("1.5"), True),
    (Kind.NUMBER, MOST, ["0"], -3, True),
    (Kind.NUMBER, MOST, ["0"], None, False),
    (Kind.NUMBER, IS, ["7", "8"], 8.0, True),
    (Kind.NUMBER, IS, ["0"], 0, True),
    (Kind.NUMBER, IS, ["1"], True, False),
    (Kind.NUMBER, IS, ["0.1"], 0.1, True),
    (Kind.NUMBER, IS_NOT, ["7"], "seven", True),
    (Kind.NUMBER, FILLED, [], 0, True),
    (Kind.NUMBER, EMPTY, [], 0, False),
    (Kind.CHOICE, IS, ["missed", "busy"], "busy", True),
    (Kind.CHOICE, IS, ["Busy"], "busy", False),
    (Kind.CHOICE, IS_NOT, ["busy"], None, True),
    (Kind.CHOICE, FILLED, [], "busy", True),
    (Kind.CHOICES, IS, ["vip", "old"], ["new", "vip"], True),
    (Kind.CHOICES, IS, ["vip"], [], False),
    (Kind.CHOICES, IS_NOT, ["vip"], ["new"], True),
    (Kind.CHOICES, EMPTY, [], [], True),
    (Kind.YES_NO, IS, ["yes"], True, True),
    (Kind.YES_NO, IS, ["no"], False, True),
    (Kind.YES_NO, IS, ["no"], None, False),
    (Kind.DAY, LEAST, ["2026-11-24"], "2026-11-24", True),
    (Kind.DAY, LEAST, ["2026-11-24"], "2026-11-23", False),
    (Kind.DAY, MOST, ["2026-11-24"], "2027-01-01", False),
    (Kind.DAY, MOST, ["2026-11-24"], "soon", False),
    (Kind.DAY, EMPTY, [], None, True),
)


@pytest.mark.parametrize(("kind", "operator", "values", "found", "holds"), TABLE)
def test_a_condition_holds_or_does_not(
    kind: Kind, operator: Operator, values: list[str], found: Any, holds: bool
) -> None:
    assert grammar.holds(Condition("any", operator, tuple(values)), kind, found) is holds


def test_the_table_asks_everything_that_can_be_asked() -> None:
    asked = {(kind, operator) for kind, operator, *_ in TABLE}
    lacking = {(kind, one) for kind, some in OPERATORS.items() for one in some} - asked
    assert lacking == {(Kind.CHOICE, EMPTY), (Kind.CHOICES, FILLED), (Kind.DAY, FILLED)}, (
        "what is the same for each kind"
    )


@given(st.data())
def test_what_is_found_breaks_nothing(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(Kind))
    operator = data.draw(st.sampled_from(OPERATORS[kind]))
    values = () if operator in NO_VALUES else tuple(data.draw(st.lists(st.text(), min_size=1, max_size=3)))
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text())
    found = data.draw(st.lists(st.text()) if kind is Kind.CHOICES else plain)
    condition = Condition("any", operator, values)
    assert grammar.holds(condition, kind, found) in {True, False}
    opposite = {IS: IS_NOT, HAS: HAS_NOT, FILLED: EMPTY}.get(operator)
    if opposite is not None:
        assert grammar.holds(condition, kind, found) != grammar.holds(Condition("any", opposite, values), kind, found)


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        ("12", Decimal(12)), (" -1,5 ", Decimal("-1.5")), ("+3.25", Decimal("3.25")), (0.1, Decimal("0.1")),
        (True, None), ("", None), ("1.2.3", None), ("1e9", None), ("NaN", None), ("Infinity", None), ("\uff11\uff12", None),
        ("٣", None), ("9" * 16, None), ("1 000", None), (None, None),
    ],
)  # fmt: skip
def test_a_number_is_read_or_is_none(given_: Any, read: Decimal | None) -> None:
    assert grammar.number(given_) == read


def test_texts_name_things_in_braces() -> None:
    words = {"customer": "Dana {number}", "number": ""}
    assert grammar.filled("Call {customer} at {number}!", words) == "Call Dana {number} at !"
    assert grammar.filled("{unknown} {customer", words) == "{customer"
    assert grammar.filled("{}  x\n y", words) == "x y"
    assert grammar.filled("{{customer}}", {"customer": "Dana"}) == "{Dana}"


def test_every_when_says_what_it_is_about() -> None:
    assert set(MOMENTS) == set(When)
    for when, moment in MOMENTS.items():
        assert bool(moment.events) != bool(moment.unit), f"{when}: an event or the clock, not both"
        assert (moment.default > 0) == (moment.unit is not Unit.NONE)
        names = grammar.known(when, Fields({}))
        assert {"customer.known", "time.hour"} <= set(names)
        assert {one.about for one in names.values()} == {grammar.About.CUSTOMER, grammar.About.TIME, *moment.about}
