"""Filters by fields in an address. Pure; what they find is in `tests/e2e/test_field_values.py`."""

from hub.fields import filters
from hub.fields.models import Of, Type
from tests.unit.fields.made import field


def test_of_too_many_filters_those_that_do_not_count_are_named() -> None:
    names = [f"x{number}" for number in range(filters.MOST + 2)]
    shown = {Of.PERSON: {name: field(Type.TEXT, name) for name in names}}
    asked = filters.asked([(f"f.{name}", "a") for name in names] + [("f.x0", "b"), ("f.none", "a")], shown)
    assert list(asked.wanted) == names[: filters.MOST]
    assert asked.wanted["x0"].values == ("a", "b")
    assert list(asked.ignored) == [*names[filters.MOST :], "none"]
