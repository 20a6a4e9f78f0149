"""Which answer is the name, the number, the address; whatever the form's builder called it, in any script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.leads.answers import By, Field, Found, folded, party_of, understood
from hub.records.lead import Answer


def answer(key: str, *values: str, label: str = "", kind: str = "") -> Answer:
    return Answer(key, label, kind, values)


@pytest.mark.parametrize(
    ("given", "field", "by"),
    [
        (answer("question1", "Dana Levi", kind="FULL_NAME"), Field.NAME, By.TYPE),
        (answer("q", "Dana", kind="FIRST_NAME"), Field.GIVEN, By.TYPE),
        (answer("q", "d@x.example", kind="WORK_EMAIL"), Field.EMAIL, By.TYPE),
        (answer("q", "123456782", kind="ID_CL_RUT"), Field.PRIVATE, By.TYPE),
        (answer("q", "1990-01-01", kind="DOB"), Field.PRIVATE, By.TYPE),
        (answer("phone_number", "x"), Field.PHONE, By.WORD),
        (answer("your-email", "x"), Field.EMAIL, By.WORD),
        (answer("Your Name:", "x"), Field.NAME, By.WORD),
        (answer("q7", "x", label="E-Mail address *"), Field.EMAIL, By.WORD),
        (answer("שם_מלא", "דנה לוי"), Field.NAME, By.WORD),
        (answer('דוא"ל', "x"), Field.EMAIL, By.WORD),
        (answer("דוא״ל", "x"), Field.EMAIL, By.WORD),
        (answer("מספר טלפון", "x"), Field.PHONE, By.WORD),
        (answer("رقم الجوال", "x"), Field.PHONE, By.WORD),
        (answer("Imię i nazwisko", "x"), Field.NAME, By.WORD),
        (answer("ТЕЛЕФОН", "x"), Field.PHONE, By.WORD),
        (answer("field_1", "dana@levi.example"), Field.EMAIL, By.VALUE),
        (answer("field_2", "+972 52-345-6789"), Field.PHONE, By.VALUE),
        (answer("budget", "5000"), None, None),
        (answer("favorite_color?", "green"), None, None),
        (answer("email", kind="CUSTOM"), Field.EMAIL, By.WORD),
    ],
)
def test_a_question_is_known_by_type_word_or_value(given: Answer, field: Field | None, by: By | None) -> None:
    assert understood([given], {}) == [Found(field, by)]


def test_a_type_counts_before_an_administrator_and_he_before_words() -> None:
    answers = [answer("email", "x", kind="EMAIL"), answer("phone", "x"), answer("who", "x"), answer("when", "x")]
    told = {"email": "phone", "phone": "none", "who": "name", "when": "nonsense"}
    fields = [one.field for one in understood(answers, told)]
    assert fields == [Field.EMAIL, None, Field.NAME, None]


def test_a_value_is_only_looked_at_where_nothing_else_says() -> None:
    answers = [answer("email", "dana@levi.example"), answer("friend", "ben@nowak.example"), answer("ref", "0523456789")]
    assert [one.field for one in understood(answers, {})] == [Field.EMAIL, None, Field.PHONE]


def test_an_answer_that_an_administrator_keeps_out_is_not_found_by_its_value() -> None:
    assert understood([answer("order", "0523456789")], {"order": "none"}) == [Found(None, By.ADMIN)]


def test_what_a_lead_says_of_a_person() -> None:
    answers = [
        answer("q1", "Dana", kind="FIRST_NAME"), answer("q2", "Levi", kind="LAST_NAME"), answer("q3", "p:+972523456789", kind="PHONE"),
        answer("q4", "a@x.example", "b@x.example", kind="EMAIL"), answer("q5", "Haifa", kind="CITY"),
        answer("q6", "Herzl 1", kind="STREET_ADDRESS"), answer("q7", "male", kind="GENDER"), answer("q8", " ", kind="COMPANY_NAME"),
    ]  # fmt: skip
    said = party_of(answers, understood(answers, {}), "7")
    assert said["remote_id"] == "7"
    assert (said["given"], said["family"], said["company"]) == ("Dana", "Levi", "")
    assert said["phones"] == ["+972523456789"]
    assert said["emails"] == ["a@x.example", "b@x.example"]
    assert said["addresses"] == ["Herzl 1, Haifa"]
    assert "male" not in str(said)


@given(
    st.lists(st.builds(Answer, st.text(), st.text(), st.text(), st.lists(st.text()).map(tuple))),
    st.dictionaries(st.text(), st.text()),
)
def test_whatever_a_form_holds_each_answer_is_judged(answers: list[Answer], told: dict[str, str]) -> None:
    found = understood(answers, told)
    assert len(found) == len(answers)
    party_of(answers, found, "1")


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)
