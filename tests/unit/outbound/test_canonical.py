"""What comes back from a remote is known again."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.outbound.canonical import canonical_hash, is_echo, same

AT = datetime(2025, 3, 1, tzinfo=UTC)
VALUES = st.recursive(
    st.one_of(st.none(), st.text(max_size=5), st.integers(), st.booleans(), st.decimals(allow_nan=False), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@pytest.mark.parametrize(("one", "other"), [
    ({"a": "x"}, {"a": " x\r\n", "b": None}),
    ({"a": "e\N{COMBINING ACUTE ACCENT}"}, {"a": "\N{LATIN SMALL LETTER E WITH ACUTE}"}),
    ({"a": 1}, {"a": Decimal("1.00")}),
    ({"a": 100}, {"a": 1e2}),
    ({"a": []}, {}),
    ({"a": {"b": "", "c": 1}}, {"a": {"c": 1}}),
    ({"a": AT}, {"a": AT.astimezone(timezone(timedelta(hours=2)))}),
    ({"set": ["+1", "2"]}, {"set": ["2", "1", "1"]}),
])  # fmt: skip
def test_what_means_the_same_has_the_same_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    keys = {"set": lambda entry: str(entry).lstrip("+")}
    assert canonical_hash(one, keys=keys) == canonical_hash(other, keys=keys)


@pytest.mark.parametrize(("one", "other"), [
    ({"a": "1"}, {"a": 1}), ({"a": 0}, {"a": False}), ({"a": 0}, {}), ({"a": "x"}, {"b": "x"}), ({"a": "x"}, {"a": "X"}),
    ({"a": [1, 2]}, {"a": [2, 1]}), ({"a": date(2025, 3, 1)}, {"a": AT}), ({"a": 10**40}, {"a": 10**40 + 1}),
])  # fmt: skip
def test_what_means_something_else_has_another_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical_hash(one) != canonical_hash(other)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_the_order_of_fields_does_not_count(fields: dict[str, Any]) -> None:
    assert canonical_hash(fields) == canonical_hash(dict(reversed(fields.items())))
    assert same(fields, dict(reversed(fields.items())))


@pytest.mark.parametrize(("seen", "changed_at", "echo"), [
    ("new", None, True),  # whatever the time says
    ("new", AT + timedelta(days=1), True),
    ("old", AT - timedelta(seconds=1), True),  # a late answer to the push before
    ("old", AT + timedelta(seconds=1), False),  # somebody set the old value again
    ("old", None, False),
    ("other", AT, False),
    ("", AT, False),
])  # fmt: skip
def test_our_own_write_is_known_when_it_comes_back(seen: str, changed_at: datetime | None, echo: bool) -> None:
    assert is_echo(seen, last_pushed="new", earlier=["old"], changed_at=changed_at, pushed_at=AT) is echo


def test_nothing_is_an_echo_before_anything_was_pushed() -> None:
    assert not is_echo("", last_pushed="")
