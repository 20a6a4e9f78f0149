# ruff: noqa: RUF001 - letters of several scripts are the subject
"""Where a text has what was asked for."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.search.highlight import LONGEST, fragment, has, terms, whole


def marked(text: str, query: str) -> str:
    return "".join(f"[{one.text}]" if one.hit else one.text for one in whole(text, terms(query)))


MARKED = (
    ("Łukasz Żółkiewski", "lukasz zolk", "[Łukasz] [Żółkiewski]"),
    ("שיחה עם הלקוח לוי בע״מ", "לקוח בעמ", "שיחה עם [הלקוח] לוי [בע״מ]"),
    ("שָׁלוֹם וּבְרָכָה", "שלום", "[שָׁלוֹם] וּבְרָכָה"),
    ("بخصوص الفاتورة", "فاتوره", "بخصوص [الفاتورة]"),
    ("Фёдор просил счёт", "федор счет", "[Фёдор] просил [счёт]"),
    ("Dana O'Brien", "obrien", "Dana [O'Brien]"),
    ("call back 050-234 5678 now", "2345678", "call back [050-234 5678] now"),
    ("call back 050-234 5678 now", "234", "call back [050-234 5678] now"),
    ("+972542345678", "054-234-5678", "[+972542345678]"),
    ("FV 123/2026", "fv 123/2026", "[FV] [123/2026]"),
    ("FV 123/2026", "123/2026", "FV [123/2026]"),
    ("FV123/2026", "fv123", "[FV123]/2026"),
    ("dana.levi@example.com", "levi", "dana.[levi]@example.com"),
    ("Danube and Dan", "dan", "[Danube] and [Dan]"),
    ("nothing here", "dana", "nothing here"),
    ("٠٥٠٢٣٤٥٦٧٨", "0502345678", "[٠٥٠٢٣٤٥٦٧٨]"),
    ("5 of 12", "5", "[5] of 12"),
    ("", "dana", ""),
    ("dana", "", "dana"),
)


def test_what_was_asked_for_is_marked_as_it_is_written() -> None:
    assert [(text, query, marked(text, query)) for text, query, _ in MARKED] == list(MARKED)


def test_a_long_text_is_shown_around_the_first_word_that_matched() -> None:
    text = "word " * 100 + "zebra " + "word " * 100
    pieces = fragment(text, terms("zebra"))
    shown = "".join(one.text for one in pieces)
    assert [one.text for one in pieces if one.hit] == ["zebra"]
    assert shown.startswith("… word")
    assert shown.endswith("word …")
    assert len(shown) <= LONGEST + 4
    assert fragment("short zebra", terms("zebra"))[0].text == "short "
    assert fragment(text, terms("lion")) == ()


@settings(max_examples=150)
@given(
    st.text(alphabet="abŁלקוחהالفё05 -'\"\u0301\u202e\n./@", max_size=60),
    st.text(alphabet="abl לקוח05فا-", max_size=12),
)
def test_pieces_put_together_are_the_text(text: str, query: str) -> None:
    pieces = whole(text, terms(query))
    assert "".join(one.text for one in pieces).split() == text.split()
    assert has(text, terms(query)) == any(one.hit for one in pieces)


def test_a_hostile_text_is_looked_through_in_one_pass() -> None:
    for text in ("1 " * 50_000, "1-" * 50_000, "a'" * 50_000, "1" * 100_000, "ו" * 100_000, "+" * 100_000):
        began = time.monotonic()
        fragment(text, terms("zebra 99999"))
        assert time.monotonic() - began < 3.0, text[:4]  # a pattern that reads again from each letter takes minutes
