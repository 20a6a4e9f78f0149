from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fields.numbers import NumberError, read


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234\u202f567,5", "1234567.5"),
        ("1'234.5", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1.234", "1.234"),
        ("12,5", "12.5"),
        ("0,500", "0.500"),
        ("1234,567", "1234.567"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("+7", "7"),
        ("\u22125", "-5"),
        ("\u0661\u0662\u066b\u0665", "12.5"),
        ("1e5", "100000"),
        (12, "12"),
        (12.0, "12"),
        (0.1 + 0.2, "0.3"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+5"), "100000"),
        ("999999999999999999", "999999999999999999"),
    ],
)
def test_a_number_is_read_as_people_of_several_countries_write_it(raw: Any, kept: str) -> None:
    assert format(read(raw), "f") == kept


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("1,234", "unclear"),
        ("12,345", "unclear"),
        ("", "no_number"),
        ("abc", "no_number"),
        ("12 34", "no_number"),
        ("1,23,456", "no_number"),
        ("1.2.3", "no_number"),
        ("1,2.3,4", "no_number"),
        ("--1", "no_number"),
        ("0x10", "no_number"),
        ("NaN", "no_number"),
        ("Infinity", "no_number"),
        ("1_000", "no_number"),
        ("9" * 61, "no_number"),
        (True, "no_number"),
        (None, "no_number"),
        ([1], "no_number"),
        ({"a": 1}, "no_number"),
        (float("nan"), "no_number"),
        (float("inf"), "no_number"),
        (Decimal("sNaN"), "no_number"),
        (1e22, "too_large"),
        pytest.param(10**5000, "too_large", id="huge"),
        ("1e99", "too_large"),
        (Decimal("1E+999999"), "too_large"),
        ("1" + "0" * 18, "too_large"),
        ("1.12345678901", "too_fine"),
        (Decimal("1E-999999"), "too_fine"),
    ],
)
def test_what_is_no_number_or_unclear_is_refused_and_says_why(raw: Any, word: str) -> None:
    with pytest.raises(NumberError) as refused:
        read(raw)
    assert refused.value.word == word


def test_thousands_are_clear_where_there_are_no_three_decimals() -> None:
    assert read("1,234", thousands=True) == 1234
    with pytest.raises(NumberError, match="unclear"):
        read("1.234", thousands=True)


@given(st.decimals(min_value=Decimal(-(10**15)), max_value=Decimal(10**15), places=4))
def test_a_number_that_is_written_plainly_is_read_as_it_is(number: Decimal) -> None:
    assert read(format(number, "f")) == number
    assert read(number) == number


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=99))
def test_grouping_changes_nothing(whole: int, cents: int) -> None:
    english = f"{whole:,}.{cents:02}"
    polish = english.replace(",", " ").replace(".", ",")
    german = english.replace(",", "'").replace(".", ",").replace("'", ".")
    assert read(english) == read(polish) == read(german) == Decimal(whole) + Decimal(cents) / 100


@given(st.text(max_size=80) | st.text(alphabet="0123456789,. '-+eE\u0660\u066b", max_size=30))
def test_whatever_is_written_is_a_number_within_limits_or_refused(text: str) -> None:
    try:
        number = read(text)
    except NumberError:
        return
    assert abs(number) < 10**18
    assert read(format(number, "f")) == number
