"""What a document is found by."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.accounting.index import SHORTEST_PART, asked, body, parts
from hub.identity.names import fold
from hub.identity.words import words


def finds(query: str, document: str) -> bool:
    known = document.split()
    return any(
        all(
            any(all(any(one.startswith(word) for one in known) for word in alternative) for alternative in group)
            for group in question
        )
        for question in asked(query)
    )


DOCUMENT = body(
    "FV 00123/2026/KR", "Łódzka Hurtownia Sp. z o.o.", "PL7010002395", "123456789", "7010002395-20260101-ABC"
)


def test_a_document_is_found_by_parts_of_its_numbers() -> None:
    yes = (
        "FV 00123/2026/KR", "fv00123", "123/2026", "0123/2026", "2026/KR", "23/2026/kr", "kr", "fv 2026", "lodzka 123", "123-2026",
        "7010002395", "PL 701-000-23-95", "PL7010002395", "02395", "123456789", "7010002395-20260101-ABC", "20260101", "hurtownia",
    )  # fmt: skip
    no = ("FV 124/2026", "124", "2025", "00123/2027", "", " / ", "warszawska", "999")
    assert [one for one in yes if not finds(one, DOCUMENT)] == [one for one in no if finds(one, DOCUMENT)] == []


@settings(max_examples=150)
@given(st.text(alphabet="ABfv0123/- .№", min_size=1, max_size=30), st.data())
def test_any_part_of_a_number_finds_it(number: str, data: st.DataObject) -> None:
    whole = "".join(words(fold(number)))
    if len(whole) < SHORTEST_PART:
        return
    begin = data.draw(st.integers(0, len(whole) - SHORTEST_PART))
    end = data.draw(st.integers(begin + SHORTEST_PART, len(whole)))
    assert any(one.startswith(whole[begin:end]) for one in parts(number))
    assert finds(number, body(number, ""))
