# ruff: noqa: RUF001 - words of several scripts are the subject
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fields.definitions import Field
from hub.fields.models import Type
from hub.fields.reading import WORDS
from hub.fields.value import FieldValueError, in_order, read, read_all, text
from tests.unit.fields.made import CITY, COUNTRY, colours, field, option

LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("type_", "raw", "kept"),
    [
        (Type.TEXT, "  two words ", "two words"),
        (Type.TEXT, "a\r\nb\tc", "a\nb\tc"),
        (Type.TEXT, "a\0b\x07", "a b"),
        (Type.TEXT, "\u202eabc\u2066\ufeff", "abc"),
        (Type.TEXT, "\ud800x", "x"),
        (Type.TEXT, 12, "12"),
        (Type.TEXT, 1.5, "1.5"),
        (Type.TEXT, 3.0, "3"),
        (Type.TEXT, Decimal("1.50"), "1.50"),
        (Type.TEXT, True, "true"),
        (Type.TEXT, dt.date(2026, 11, 23), "2026-11-23"),
        (Type.NUMBER, "1 234,50", "1234.50"),
        (Type.NUMBER, 0.1 + 0.2, "0.3"),
        (Type.NUMBER, 0, "0"),
        (Type.MONEY, "1,234.50 ILS", {"amount": "1234.50", "currency": "ILS"}),
        (Type.MONEY, "₪1,234", {"amount": "1234.00", "currency": "ILS"}),
        (Type.MONEY, "12,5 zł", {"amount": "12.50", "currency": "PLN"}),
        (Type.MONEY, "-5 eur", {"amount": "-5.00", "currency": "EUR"}),
        (Type.MONEY, "12.345 JOD", {"amount": "12.345", "currency": "JOD"}),
        (Type.MONEY, 'ש"ח 5.5', {"amount": "5.50", "currency": "ILS"}),
        (Type.MONEY, {"amount": "7.000", "currency": "usd"}, {"amount": "7.00", "currency": "USD"}),
        (Type.MONEY, {"amount": 7, "currency": None}, {"amount": "7.00", "currency": "GBP"}),
        (Type.MONEY, 7, {"amount": "7.00", "currency": "GBP"}),
        (Type.MONEY, "0", {"amount": "0.00", "currency": "GBP"}),
        (Type.DATE, "2026-11-23", "2026-11-23"),
        (Type.DATE, "23.11.2026", "2026-11-23"),
        (Type.DATE, "3/4/2026", "2026-04-03"),
        (Type.DATE, "2026-11-23T23:30:00Z", "2026-11-23"),
        (Type.DATE, dt.datetime(2026, 11, 23, 23, 30, tzinfo=dt.UTC), "2026-11-23"),
        (Type.DATE, dt.date(1873, 1, 2), "1873-01-02"),
        (Type.BOOLEAN, False, False),
        (Type.BOOLEAN, "כן", True),
        (Type.BOOLEAN, " НЕТ ", False),
        (Type.BOOLEAN, "tak", True),
        (Type.BOOLEAN, "لا", False),
        (Type.BOOLEAN, 1, True),
        (Type.BOOLEAN, "off", False),
        (Type.PHONE, "050-234-5678", "+972502345678"),
        (Type.PHONE, "+48 22 123 45 67 ext. 12", "+48221234567;ext=12"),
        (Type.EMAIL, "Dana Levi <Dana@Example.com>", "dana@example.com"),
        (Type.LINK, "HTTPS://Example.com/A?b=c#d", "https://example.com/A?b=c#d"),
        (Type.LINK, "www.example.com", "https://www.example.com"),
        (Type.LINK, "example.com:8080/x", "https://example.com:8080/x"),
        (Type.LINK, "https://пример.рф/", "https://xn--e1afmkfd.xn--p1ai/"),
        (Type.LINK, "http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_values_of_each_type_are_kept_in_one_form(type_: Type, raw: Any, kept: Any) -> None:
    found = read(field(type_), raw, region="IL", currency="GBP")
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize("type_", list(Type))
@pytest.mark.parametrize("raw", [None, "", "  ", "\u200f\n\0", [], {}, [None, ""], {"amount": "", "currency": "ILS"}])
def test_nothing_is_nothing_for_every_type(type_: Type, raw: Any) -> None:
    assert read(colours(type_), raw) is None


@pytest.mark.parametrize(
    ("type_", "raw", "word"),
    [
        (Type.TEXT, "x" * 5_001, "too_long"),
        (Type.TEXT, " " * 5_001 + "x", "too_long"),
        pytest.param(Type.TEXT, 10**5000, "too_long", id="huge"),
        (Type.TEXT, ["a"], "wrong_type"),
        (Type.TEXT, {"a": 1}, "wrong_type"),
        (Type.TEXT, object(), "wrong_type"),
        (Type.NUMBER, "1,234", "unclear"),
        (Type.NUMBER, True, "no_number"),
        (Type.NUMBER, "12 EUR", "no_number"),
        (Type.NUMBER, "1" * 19, "too_large"),
        (Type.MONEY, "5 XXX", "bad_currency"),
        (Type.MONEY, "5 ILS EUR", "no_money"),
        (Type.MONEY, "five ILS", "no_money"),
        (Type.MONEY, "1.234 ILS", "unclear"),
        (Type.MONEY, {"amount": "12.345", "currency": "ILS"}, "too_fine"),
        (Type.MONEY, {"amount": "9" * 20, "currency": "ILS"}, "too_large"),
        (Type.MONEY, {"amount": "5", "currency": 5}, "no_money"),
        (Type.MONEY, {"sum": 5}, "no_money"),
        (Type.MONEY, {"amount": True, "currency": "ILS"}, "no_number"),
        (Type.MONEY, [5], "wrong_type"),
        (Type.DATE, "2026-02-30", "no_date"),
        (Type.DATE, "11/23/2026", "no_date"),
        (Type.DATE, "2026-11-23Tx", "no_date"),
        (Type.DATE, "0000-00-00", "no_date"),
        (Type.DATE, "0999-01-01", "no_date"),
        (Type.DATE, 20261123, "no_date"),
        (Type.BOOLEAN, "maybe", "no_boolean"),
        (Type.BOOLEAN, 2, "no_boolean"),
        (Type.BOOLEAN, [True], "no_boolean"),
        (Type.PHONE, "12", "no_phone"),
        (Type.PHONE, "050-234-5678", "no_region"),
        (Type.PHONE, "+972502345678, +972522345678", "several_phones"),
        (Type.PHONE, "1" * 300, "too_long"),
        (Type.EMAIL, "dana@", "no_email"),
        (Type.EMAIL, "a@example.com, b@example.com", "no_email"),
        (Type.LINK, "javascript:alert(1)", "no_link"),
        (Type.LINK, "data:text/html,x", "no_link"),
        (Type.LINK, "//example.com", "no_link"),
        (Type.LINK, "ftp://example.com", "no_link"),
        (Type.LINK, "https://me:secret@example.com", "no_link"),
        (Type.LINK, "https://exa mple.com", "no_link"),
        (Type.LINK, "https:\\\\example.com", "no_link"),
        (Type.LINK, "https://example.com:99999", "no_link"),
        (Type.LINK, "https://[::1", "no_link"),
        (Type.LINK, "https://localhost", "no_link"),
        (Type.LINK, "https://example.com/" + "x" * 2_000, "too_long"),
        (Type.CHOICE, "green", "no_option"),
        (Type.CHOICE, "old", "archived_option"),
        (Type.CHOICE, ["red"], "wrong_type"),
        (Type.CHOICES, ["red", "green"], "no_option"),
        (Type.CHOICES, [["red"]], "wrong_type"),
        (Type.CHOICES, LOOP, "wrong_type"),
        (Type.CHOICES, ["red"] * 300, "too_many"),
        (Type.CHOICES, {"a": 1}, "wrong_type"),
    ],
)
def test_what_does_not_fit_is_refused_and_says_why(type_: Type, raw: Any, word: str) -> None:
    with pytest.raises(FieldValueError) as refused:
        read(colours(type_), raw)
    assert refused.value.word == word
    assert refused.value.field == "x"
    assert str(refused.value).startswith("x: ")
    assert len(str(refused.value)) < 200


def test_a_day_with_slashes_follows_the_country() -> None:
    assert read(field(Type.DATE), "11/23/2026", region="US") == "2026-11-23"


def test_masks_and_patterns_narrow_a_type() -> None:
    plate = field(Type.TEXT, mask="pattern", pattern=r"[A-Z]{2}\d{4}")
    assert read(plate, " AB1234 ") == "AB1234"
    with pytest.raises(FieldValueError) as refused:
        read(plate, "ab1234")
    assert refused.value.word == "mask_pattern"
    page = field(Type.LINK, mask="pattern", pattern=r"https://example\.com/.*")
    assert read(page, "example.com/a") == "https://example.com/a"
    with pytest.raises(FieldValueError):
        read(page, "https://example.org/a")
    nip = field(Type.TEXT, mask="pl_nip")
    assert read(nip, "856-734-62-15") == "8567346215"
    with pytest.raises(FieldValueError, match="pl_nip"):
        read(nip, "856-734-62-16")


def test_a_pattern_that_stopped_working_refuses_values_and_nothing_else() -> None:
    with pytest.raises(FieldValueError) as refused:
        read(field(Type.TEXT, mask="pattern", pattern="("), "x")
    assert refused.value.word == "bad_pattern"


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["red", "Red", " RED ", "אדום", "красный", "\uff32ed"])
def test_an_entry_is_known_by_its_value_and_by_its_label_in_any_language(raw: str) -> None:
    assert read(colours(), raw) == "red"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("Niebieski; red", ["red", "blue"]),
        (["blue", "Red", "red"], ["red", "blue"]),
        ("a; b", ["a; b"]),
        (["Both", "", None], ["a; b"]),
        (" ; ", None),
    ],
)
def test_several_entries_come_in_the_order_of_the_list(raw: Any, kept: Any) -> None:
    assert read(colours(Type.CHOICES), raw) == kept


def test_an_archived_entry_stays_where_it_is_chosen() -> None:
    assert read(colours(), "old", before="old") == "old"
    assert read(colours(Type.CHOICES), "Old one; red", before=["old"]) == ["red", "old"]
    assert text(colours(), "old") == "Old one"


@pytest.mark.parametrize(
    ("raw", "country", "kept"),
    [("Haifa", "il", "haifa"), ("Centre", "il", "centre_il"), ("Centre", "pl", "centre_pl"), ("other", "", "other")],
)
def test_a_list_depends_on_what_is_chosen_in_another(raw: str, country: str, kept: str) -> None:
    assert read(CITY, raw, chosen={"country": country}) == kept


@pytest.mark.parametrize(("country", "word"), [("pl", "other_parent"), ("", "no_parent"), (None, "no_parent")])
def test_what_does_not_go_with_the_other_list_is_refused(country: str | None, word: str) -> None:
    with pytest.raises(FieldValueError) as refused:
        read(CITY, "haifa", chosen={"country": country})
    assert refused.value.word == word


def test_entries_offered_are_those_of_the_parent_and_those_of_all() -> None:
    assert [one.value for one in CITY.offered("il")] == ["haifa", "centre_il", "other"]
    assert [one.value for one in CITY.offered()] == ["other"]
    assert [one.value for one in colours().offered("anything")] == ["red", "blue", "a; b"]


# --- several at once --------------------------------------------------------------------------------------------------

BOTH = {"city": CITY, "country": COUNTRY}


def test_parents_are_read_before_what_depends_on_them_in_whatever_order_they_come() -> None:
    assert [one.name for one in in_order(BOTH)] == ["country", "city"]
    assert read_all(BOTH, {"city": "Łódź", "country": "Poland"}) == ({"country": "pl", "city": "lodz"}, {})


def test_what_depends_on_a_wrong_value_is_wrong_too() -> None:
    made, problems = read_all(BOTH, {"city": "haifa", "country": "Atlantis"})
    assert made == {}
    assert {name: one.word for name, one in problems.items()} == {"country": "no_option", "city": "parent_wrong"}


def test_a_new_parent_asks_whether_what_stays_still_goes_with_it() -> None:
    before = {"country": "il", "city": "haifa"}
    made, problems = read_all(BOTH, {"country": "pl"}, before=before)
    assert made == {"country": "pl"}
    assert problems["city"].word == "other_parent"
    assert read_all(BOTH, {"country": "il"}, before=before) == ({"country": "il"}, {})
    assert read_all(BOTH, {"country": "pl", "city": ""}, before=before) == ({"country": "pl", "city": None}, {})


def test_a_child_alone_is_read_beside_the_parent_that_is_kept() -> None:
    assert read_all(BOTH, {"city": "Centre"}, before={"country": "pl"}) == ({"city": "centre_pl"}, {})


def test_defaults_and_required_count_for_new_records_only() -> None:
    fields = {
        "level": field(Type.TEXT, "level", default="new"),
        "plan": field(Type.TEXT, "plan", required=True),
        "both": field(Type.TEXT, "both", required=True, default="yes"),
    }
    assert read_all(fields, {}) == ({}, {})
    made, problems = read_all(fields, {}, is_new=True)
    assert made == {"level": "new", "both": "yes"}
    assert problems["plan"].word == "required"
    assert read_all(fields, {"level": "", "plan": "x"}, is_new=True)[0] == {"level": None, "plan": "x", "both": "yes"}
    assert read_all(fields, {"plan": " "}, is_new=True)[1]["plan"].word == "required"


def test_unknown_names_are_left_and_a_circle_ends() -> None:
    a, b = field(Type.CHOICE, "a", parent="b", options=(option("x"),)), field(Type.CHOICE, "b", parent="a")
    assert {one.name for one in in_order({"a": a, "b": b})} == {"a", "b"}
    assert read_all({"a": a, "b": b}, {"a": "x", "z": 1}) == ({"a": "x"}, {})


# --- properties -------------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.dates() | st.decimals(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [colours(type_) for type_ in Type]


@given(st.sampled_from(FIELDS), ANYTHING | st.dictionaries(st.sampled_from(["amount", "currency"]), ANYTHING))
def test_whatever_comes_is_kept_or_refused_and_what_is_kept_is_stable(one: Field, raw: Any) -> None:
    try:
        kept = read(one, raw, region="PL", currency="PLN")
    except FieldValueError:
        return
    assert read(one, kept, region="PL", currency="PLN") == kept
    for language in WORDS:
        assert read(one, text(one, kept, language)) == kept, language


@given(st.sampled_from(FIELDS), ANYTHING)
def test_a_page_shows_whatever_stands_in_the_database(one: Field, value: Any) -> None:
    assert isinstance(text(one, value, "he"), str)


def test_texts_of_pages_and_files() -> None:
    assert text(field(Type.MONEY), {"amount": "1234.50", "currency": "ILS"}) == "1234.50 ILS"
    assert text(field(Type.BOOLEAN), value=True, language="he") == "כן"
    assert text(colours(Type.CHOICES), ["red", "gone"], "he") == "אדום; gone"
    assert text(colours(), "blue", "ar") == "Blue"
    assert text(field(Type.TEXT), None) == ""
