import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fields.masks import EXAMPLES, LONGEST, OF_TYPE, Mask, MaskError, PatternError, compiled, fit, matches
from hub.fields.models import Type

LONG_ENOUGH = 2.0  # seconds; a backtracking engine would take longer than the universe has


@pytest.mark.parametrize(
    ("mask", "text", "kept"),
    [
        ("phone", "+972 50-234-5678", "+972502345678"),
        ("phone", "050-234-5678", "+972502345678"),
        ("email", "Dana@Example.com", "dana@example.com"),
        ("iban", "gb82 west 1234 5698 7654 32", "GB82WEST12345698765432"),
        ("il_company", "516-179-157", "516179157"),
        ("il_identity", "39337423", "039337423"),
        ("pl_nip", "PL 856-734-62-15", "8567346215"),
        ("pl_regon", "192 598 184", "192598184"),
        ("pl_pesel", "44051401359", "44051401359"),
        ("pl_pesel", "\u0664\u0664\u0660\u0665\u0661\u0664\u0660\u0661\u0663\u0665\u0669", "44051401359"),
        ("eu_vat", "be 0403.019.261", "BE0403019261"),
        ("pattern", "AB1234", "AB1234"),
        ("", "as it is", "as it is"),
    ],
)
def test_a_mask_lets_through_what_fits_and_gives_it_one_form(mask: str, text: str, kept: str) -> None:
    assert fit(mask, r"[A-Z]{2}\d{4}", text, region="IL") == kept


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        ("phone", "12"),
        ("phone", "none"),
        ("email", "dana@"),
        ("iban", "GB82 WEST 1234 5698 7654 33"),
        ("il_company", "516179150"),
        ("il_identity", "39337422"),
        ("pl_nip", "8567346216"),
        ("pl_regon", "192598183"),
        ("pl_pesel", "44051401358"),
        ("eu_vat", "0403019261"),
        ("eu_vat", "IL516179157"),
        ("pattern", "AB12345"),
        ("pattern", "xAB1234"),
        ("pattern", "AB1234\n"),
        ("nonsense", "x"),
        ("iban", "1" * (LONGEST + 1)),
    ],
)
def test_what_does_not_fit_is_refused(mask: str, text: str) -> None:
    with pytest.raises(MaskError):
        fit(mask, r"[A-Z]{2}\d{4}", text, region="IL")


@pytest.mark.parametrize("mask", [mask for mask in Mask if mask is not Mask.PATTERN])
def test_the_example_of_a_mask_fits_it(mask: Mask) -> None:
    kept = fit(mask, "", EXAMPLES[mask])
    assert fit(mask, "", kept) == kept


@given(st.sampled_from([mask for mask in Mask if mask is not Mask.PATTERN]), st.text(max_size=60))
def test_any_text_fits_or_is_refused_and_what_fits_fits_again(mask: Mask, text: str) -> None:
    try:
        kept = fit(mask, "", text)
    except MaskError:
        return
    assert fit(mask, "", kept) == kept


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"(a|aa)*b",
        r"(.*a){20}b",
        r"([a-z]+)*\d",
        r"(a?){400}a{400}b",
        r"((a{0,30}){0,30})b",
        r"(?:.?){1000}(?:.?)c",
        r"[ab]*a[ab]{100}c",
        r"(\w*\s*)*$x",
    ],
)
def test_a_hostile_pattern_is_refused_or_ends_in_time(pattern: str) -> None:
    began = time.perf_counter()
    with suppress(PatternError):
        assert not matches(pattern, "a" * (LONGEST - 1) + "!")
    assert time.perf_counter() - began < LONG_ENOUGH


@pytest.mark.parametrize(
    ("pattern", "at"),
    [
        ("(abc", 1),
        ("ab(c)(", 6),
        ("a)", 2),
        (r"a(b)\(c)", 8),
        ("[(](a", 4),
        ("[z-a]", 2),
        ("*a", 1),
        ("ab**", 3),
        ("[abc", 1),
        (r"x\1", 2),
        ("x(?=y)", 2),
        ("(?<=y)x", 1),
        ("a\\", 2),
        (r"\pX", 1),
        ("a{1001}", 2),
        ("א(", 2),
        ("a\ud800", 2),
        ("", 0),
        ("a" * 501, 0),
        (r"(\pL{1,100}){1,10}", 0),
    ],
)
def test_a_pattern_that_cannot_be_read_says_where_its_mistake_is(pattern: str, at: int) -> None:
    with pytest.raises(PatternError) as refused:
        compiled(pattern)
    assert refused.value.at == at
    assert not at or f"(character {at})" in str(refused.value)


@given(st.text(max_size=40) | st.text(alphabet=r"ab()[]{}*+?|\^$.,-019:<>P=!", max_size=40), st.text(max_size=30))
def test_any_pattern_is_taken_or_refused(pattern: str, text: str) -> None:
    at = 0
    try:
        matches(pattern, text.encode(errors="ignore").decode())
    except PatternError as error:
        at = error.at
    assert 0 <= at <= len(pattern)


def test_only_texts_have_masks_of_numbers() -> None:
    assert set(OF_TYPE[Type.TEXT]) == set(Mask)
    assert OF_TYPE[Type.LINK] == (Mask.PATTERN,)
    assert Type.CHOICE not in OF_TYPE
