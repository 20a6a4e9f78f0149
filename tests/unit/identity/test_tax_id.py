# ruff: noqa: RUF001 - letters and digits of several scripts are the subject
"""Tax ids as people write them: made up, with check digits that fit."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS

from hub.identity.tax_id import LONGEST, of_key, read, typed


@pytest.mark.parametrize(
    ("raw", "country", "home", "key", "scope"),
    [
        # Poland
        ("526-104-08-28", "PL", "", "PL5261040828", "PL"),
        ("PL 526-104-08-28", "", "", "PL5261040828", "PL"),
        ("pl5261040828", "PL", "IL", "PL5261040828", "PL"),
        ("NIP: 526 104 08 28", "PL", "", "PL5261040828", "PL"),
        ("NIP5261040828", "PL", "", "PL5261040828", "PL"),
        ("5261040828", "", "PL", "PL5261040828", "PL"),
        ("44051401359", "PL", "", "PL44051401359", "PL/pesel"),
        # Israel
        ("51-617915-7", "IL", "", "IL516179157", "IL"),
        ("516179157", "", "IL", "IL516179157", "IL"),
        ("IL 516179157", "", "", "IL516179157", "IL"),
        ("ח.פ. 516179157", "IL", "", "IL516179157", "IL"),
        ("\u202b516179157\u202c", "IL", "", "IL516179157", "IL"),
        ("٥١٦١٧٩١٥٧", "IL", "", "IL516179157", "IL"),
        ("５１６１７９１５７", "IL", "", "IL516179157", "IL"),
        ("000000018", "IL", "", "IL000000018", "IL"),
        ("12344", "IL", "", "IL000012344", "IL"),  # spreadsheets lose the zeros in front
        # The European Union and around it
        ("DE 136 695 976", "", "", "DE136695976", "DE"),
        ("USt-IdNr. DE136695976", "DE", "", "DE136695976", "DE"),
        ("VAT ID 136695976", "DE", "", "DE136695976", "DE"),
        ("EL094259216", "", "", "GR094259216", "GR"),
        ("GR 094259216", "", "", "GR094259216", "GR"),
        ("094259216", "EL", "", "GR094259216", "GR"),
        ("NL8200.98.395.B.01", "NL", "", "NL820098395B01", "NL"),
        ("ATU13585627", "", "", "ATU13585627", "AT"),
        ("U13585627", "AT", "", "ATU13585627", "AT"),
        ("RO18547290", "", "", "RO18547290", "RO"),
        ("428759497", "BE", "", "BE0428759497", "BE"),
        ("BE 0428.759.497", "", "", "BE0428759497", "BE"),
        ("FR 40 303 265 045", "", "", "FR40303265045", "FR"),
        ("SE123456789701", "", "", "SE123456789701", "SE"),
        ("XI 980 7806 84", "", "", "GB980780684", "GB"),
        ("980780684", "UK", "", "GB980780684", "GB"),
        ("CHE-107.787.577 MWST", "", "", "CH107787577", "CH"),
        ("CHE-107.787.577 TVA", "CH", "", "CH107787577", "CH"),
        ("CHE107787577", "", "", "CH107787577", "CH"),
        ("NO 995 525 828 MVA", "", "", "NO995525828", "NO"),
        ("995525828", "NO", "", "NO995525828", "NO"),
        # Others
        ("ИНН 7707083893", "RU", "", "RU7707083893", "RU"),
        ("GODE 561231 GR8", "MX", "", "MXGODE561231GR8", "MX"),
        ("91-1144442", "US", "", "US911144442", "US"),
        ("27 AAPFU 0939 F1ZV", "IN", "", "IN27AAPFU0939F1ZV", "IN"),
        # No rule is known: as its country is said beside it
        ("41234567", "UA", "", "UA41234567", "UA/8"),
        ("UA 41234567", "UA", "", "UA41234567", "UA/8"),
        ("412345670123", "UA", "", "UA412345670123", "UA/12"),
    ],
)
def test_a_tax_id_in_its_one_spelling(raw: str, country: str, home: str, key: str, scope: str) -> None:
    found = read(raw, country, home)
    assert found is not None
    assert (found.key, found.scope, found.is_valid, found.raw) == (key, scope, True, raw)
    assert (of_key(key).key, of_key(key).scope, of_key(key).is_valid) == (key, scope, True)


@pytest.mark.parametrize(
    ("raw", "country", "home", "key"),
    [
        ("DE37/302/30168", "", "", "DE3730230168"),  # a number of a local tax office
        ("37/302/30168", "DE", "", "DE3730230168"),
        ("526-104-08-29", "PL", "", "PL5261040829"),
        ("PL5261040829", "", "IL", "PL5261040829"),
        ("510000004", "IL", "", "IL510000004"),
        ("5261040828", "", "", "5261040828"),
        ("5261040828", "", "IL", "5261040828"),
        ("12344", "", "IL", "12344"),  # zeros are not added on a guess
        ("5261040828", "DE", "", "DE5261040828"),
        ("UA41234567", "", "", "UA41234567"),  # letters alone prove no country that has no rule
        ("556036-0793", "SE", "", "SE5560360793"),  # of the register, not of the tax office
    ],
)
def test_what_no_rule_vouches_for_is_kept_as_it_is_written(raw: str, country: str, home: str, key: str) -> None:
    found = read(raw, country, home)
    assert found is not None
    assert (found.key, found.is_valid) == (key, False)


@pytest.mark.parametrize(
    "raw",
    [
        "", " ", "Godkänd för F-skatt", "Godkänd för F-skatt 2024", "n/a", "unknown", "-1", "/", "PL", "DE 12", "000000000",
        "PL 000-000-00-00", "99999999", "123456789", "PL1234567890", "9876543210", "XAXX010101000", "XEXX 010101 000",
        "1" * 23, "5" * 1_000_000, "PL5261040828" * 9, "\x00", "نعم", "Kowalski1234567", "۰۰۰۰۰۰۰۰۰",
    ],
)  # fmt: skip
@pytest.mark.parametrize("country", ["", "PL", "IL", "SE", "MX", "UA"])
def test_what_is_no_tax_id(raw: str, country: str) -> None:
    assert read(raw, country) is None
    assert read(raw, country, "PL") is None


@pytest.mark.parametrize(
    ("raw", "key", "valid"),
    [
        ("51-617915-7", "IL516179157", True),
        ("51-234567-8", "512345678", False),
        ("UA 41234567", "UA41234567", True),
        ("PL5261040829", "PL5261040829", False),
    ],
)
def test_a_person_says_the_country_by_its_letters(raw: str, key: str, *, valid: bool) -> None:
    found = typed(raw, "IL")
    assert found is not None
    assert (found.key, found.is_valid) == (key, valid)


def test_a_key_from_before_keys_had_countries_is_no_countrys() -> None:
    assert (of_key("512345678").country, of_key("512345678").is_valid) == ("", False)
    assert of_key("PL").value == "PL"


COUNTRIES = st.sampled_from(sorted(SUPPORTED_REGIONS)) | st.sampled_from(["", "EL", "XI", "UK", "xx", "PL", "IL"])
WRITTEN = st.text() | st.text("0123456789ABCDEPLU -./", max_size=16) | st.from_regex(r"[A-Z]{0,3}[0-9]{5,12}[A-Z]{0,2}")


@given(WRITTEN, COUNTRIES, COUNTRIES)
@example("AAAAA00000", "AC", "AC")
@example("ACAC12345", "AC", "")
def test_any_text_is_read_once_and_for_all(raw: str, country: str, home: str) -> None:
    found = read(raw, country, home)
    if found is None:
        return
    assert found.value.isascii()
    assert found.value.isalnum()
    assert any(map(str.isdigit, found.value))
    assert 0 < len(found.value) <= LONGEST
    if found.is_valid:
        again = of_key(found.key)
        assert (again.country, again.value, again.is_valid, again.scope) == (
            found.country, found.value, True, found.scope,
        )  # fmt: skip


@given(st.sampled_from(["5261040828", "516179157", "136695976", "820098395B01"]), st.data())
def test_signs_between_the_digits_mean_nothing(value: str, data: Any) -> None:
    country = {10: "PL", 9: "IL" if value[0] == "5" else "DE", 12: "NL"}[len(value)]
    signs = data.draw(
        st.lists(st.sampled_from(["", " ", ".", "-", "/", "\u00a0", "\u200f", "–"]), min_size=12, max_size=12)
    )
    written = "".join(sign + c for sign, c in zip(signs, value, strict=False))
    found = read(written, country)
    assert found is not None
    assert (found.key, found.is_valid) == (f"{country}{value}", True)
