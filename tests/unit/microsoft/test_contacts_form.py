"""A contact of Outlook changed so that it says what the hub wants, and nothing else of it: a table."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft.contacts_form import MOST_EMAILS, PHONES, changed, emails, is_company, made, phones, written
from connectors.microsoft.transforms import TRANSFORMS
from hub.errors import RejectedError
from hub.flow import MAPPINGS
from hub.identity import in_step
from hub.identity.said import said
from hub.identity.transforms import TRANSFORMS as OF_IDENTITY
from hub.mapping.apply import apply
from hub.mapping.load import read_toml
from hub.mapping.transforms import Context, Registry
from hub.records.party import Party

NOTHING = dict.fromkeys(("street", "city", "state", "postalCode", "countryOrRegion"))
A, B, C = ({"name": one, "address": f"{one}@x.example"} for one in "abc")
DIRECTORY = {"name": "Eve", "address": "/o=ExchangeLabs/cn=Recipients/cn=eve"}
DANA = {"displayName": "Dana Levi", "givenName": "Dana", "surname": "Levi"}
HAIFA = {"street": "1 Main St", "city": "Haifa", "postalCode": "31000", "state": None, "countryOrRegion": "Israel"}


def lines(*values: str, label: str = "") -> list[dict[str, str]]:
    return [{"value": one, "label": label} for one in values]


def mails(*values: str) -> list[dict[str, str]]:
    return lines(*(f"{one}@x.example" for one in values))


NEW_D = {"address": "d@x.example", "name": "d@x.example"}


@pytest.mark.parametrize(
    ("contact", "values", "body"),
    [
        ({}, {}, {}),
        ({"companyName": "Levi", "jobTitle": "Boss"}, {"company": "Cohen"}, {"companyName": "Cohen"}),
        ({"companyName": "Levi", "jobTitle": "Boss"}, {"company": "Levi", "job_title": None}, {"jobTitle": None}),
        ({"companyName": None}, {"company": None}, {}),
        # Who is filed under a company's name stays so.
        ({"companyName": "Levi", "displayName": "Levi"}, {"company": "Cohen"},
         {"companyName": "Cohen", "displayName": "Cohen"}),
        # Lists go out whole, in their order, with what the hub does not read.
        ({"emailAddresses": [A, B]}, {"emails": mails("a", "d")}, {"emailAddresses": [A, NEW_D]}),
        ({"emailAddresses": [A, B]}, {"emails": mails("b", "a")}, {}),
        ({"emailAddresses": [B, DIRECTORY, A]}, {"emails": mails("a")}, {"emailAddresses": [DIRECTORY, A]}),
        ({"emailAddresses": [A]}, {"emails": mails("A")}, {}),
        ({"emailAddresses": [A]}, {"emails": []}, {"emailAddresses": []}),
        ({"emailAddresses": [A, A, A]}, {"emails": mails("a")}, {}),
        ({"emailAddresses": [A, A, A]}, {"emails": mails("a", "d")}, {"emailAddresses": [A, NEW_D]}),
        ({"emailAddresses": [A]}, {"emails": mails("a", "d", "d")}, {"emailAddresses": [A, NEW_D]}),
        ({"mobilePhone": "1"}, {"phones": lines("1", "2")}, {"businessPhones": ["2"]}),
        ({"mobilePhone": "1"}, {"phones": lines("2", label="mobile")}, {"mobilePhone": "2"}),
        ({"mobilePhone": "1"}, {"phones": lines("1", "2", label="mobile")}, {"businessPhones": ["2"]}),
        ({"businessPhones": ["1", "2"]}, {"phones": lines("2", "3", "4")},
         {"businessPhones": ["2", "3"], "homePhones": ["4"]}),
        ({"homePhones": ["1"]}, {"phones": lines("2", label="home")}, {"homePhones": ["2"]}),
        ({"mobilePhone": "1", "homePhones": ["2"]}, {"phones": []}, {"mobilePhone": None, "homePhones": []}),
        ({"homeAddress": HAIFA}, {"addresses": lines("1 Main St, 31000 Haifa, Israel", "2 Side St")},
         {"businessAddress": {**NOTHING, "street": "2 Side St"}}),
        ({"homeAddress": HAIFA, "otherAddress": {}}, {"addresses": lines("2 Side St", label="home")},
         {"homeAddress": {**NOTHING, "street": "2 Side St"}}),
        ({"homeAddress": HAIFA}, {"addresses": []}, {"homeAddress": NOTHING}),
    ],
)  # fmt: skip
def test_only_what_changes_is_written(contact: dict[str, Any], values: dict[str, Any], body: dict[str, Any]) -> None:
    assert changed(contact, values) == body


@pytest.mark.parametrize(
    ("contact", "name", "body"),
    [
        ({}, "Dana Levi", DANA),
        ({}, "Dana", {"displayName": "Dana", "givenName": "Dana"}),
        (DANA, "Dana Levi", {}),
        (DANA, "Dana Levi Cohen", {"displayName": "Dana Levi Cohen", "surname": "Levi Cohen"}),
        (DANA, "Dana van der Berg", {"displayName": "Dana van der Berg", "surname": "van der Berg"}),
        (DANA, "Anna Maria Levi", {"displayName": "Anna Maria Levi", "givenName": "Anna Maria"}),
        (DANA, "Eve Ann Cohen", {"displayName": "Eve Ann Cohen", "givenName": "Eve Ann", "surname": "Cohen"}),
        ({**DANA, "middleName": "R."}, "Dana R. Cohen", {"displayName": "Dana R. Cohen", "surname": "Cohen"}),
        ({**DANA, "middleName": "R."}, "Dana Cohen",
         {"displayName": "Dana Cohen", "surname": "Cohen", "middleName": None}),
        ({**DANA, "displayName": "Levi, Dana"}, "Cohen, Dana", {"displayName": "Cohen, Dana", "surname": "Cohen"}),
        ({}, "Dana Levi, PhD", {"displayName": "Dana Levi, PhD", "givenName": "Dana Levi,", "surname": "PhD"}),
        (DANA, None, {"displayName": None, "givenName": None, "surname": None}),
    ],
)  # fmt: skip
def test_a_name_is_written_with_its_parts(contact: dict[str, Any], name: str | None, body: dict[str, Any]) -> None:
    assert changed(contact, {"name": name}) == body


@pytest.mark.parametrize(
    ("contact", "values", "word"),
    [
        ({"emailAddresses": [A, B, C]}, {"emails": mails("a", "b", "c", "d")}, "three e-mail addresses"),
        ({"emailAddresses": [A, B, DIRECTORY]}, {"emails": mails("a", "b", "d")}, "three e-mail addresses"),
        ({"mobilePhone": "1"}, {"phones": lines(*"123456")}, "one mobile number"),
        ({"homeAddress": HAIFA}, {"addresses": lines("1", "2", "3", "4")}, "three postal addresses"),
        ({"emailAddresses": [A, B, C]}, {"name": "Dana", "emails": mails("a", "b", "c", "d")}, "Take one off"),
    ],
)
def test_what_has_no_place_is_said_and_nothing_is_written(
    contact: dict[str, Any], values: dict[str, Any], word: str
) -> None:
    with pytest.raises(RejectedError, match=word):
        changed(contact, values)


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ({"name": "Dana Levi", "company": "Levi", "job_title": None}, {**DANA, "companyName": "Levi"}),
        ({"company": "Levi Ltd"}, {"companyName": "Levi Ltd", "displayName": "Levi Ltd"}),
        ({"emails": mails("d")}, {"emailAddresses": [NEW_D]}),
        ({"phones": lines(*"123456")},
         {"businessPhones": ["1", "2"], "homePhones": ["3", "4"], "mobilePhone": "5"}),
    ],
)  # fmt: skip
def test_a_new_one_says_as_much_as_there_are_places_for(values: dict[str, Any], body: dict[str, Any]) -> None:
    assert made(values) == body


WORDS = st.text("ab1 ", min_size=1, max_size=3).filter(str.strip)


@given(
    mobile=st.none() | WORDS, business=st.lists(WORDS, max_size=2), home=st.lists(WORDS, max_size=2),
    wanted=st.lists(WORDS, max_size=6), label=st.sampled_from(["", "mobile", "home"]),
)  # fmt: skip
def test_whatever_is_there_the_numbers_are_then_what_was_wanted(
    mobile: str | None, business: list[str], home: list[str], wanted: list[str], label: str
) -> None:
    contact = {"mobilePhone": mobile, "businessPhones": business, "homePhones": home}
    try:
        after = {**contact, **changed(contact, {"phones": lines(*wanted, label=label)})}
    except RejectedError:
        assert len({" ".join(one.split()) for one in wanted}) > 1
        return
    assert all(len(after[name]) <= most for name, most in PHONES.items() if isinstance(after[name], list))
    read = phones({"mobile": after["mobilePhone"], "business": after["businessPhones"], "home": after["homePhones"]})
    assert {" ".join(one["value"].split()) for one in read} == {" ".join(one.split()) for one in wanted}


@given(st.lists(st.sampled_from([A, B, C, DIRECTORY]), max_size=3), st.lists(st.sampled_from("abcde"), max_size=4))
def test_whatever_is_there_the_addresses_are_then_what_was_wanted(
    present: list[dict[str, str]], wanted: list[str]
) -> None:
    foreign = [one for one in present if one is DIRECTORY]
    try:
        after = {"emailAddresses": present, **changed({"emailAddresses": present}, {"emails": mails(*wanted)})}
    except RejectedError:
        assert len(set(wanted)) + len(foreign) > MOST_EMAILS
        return
    assert len(after["emailAddresses"]) <= MOST_EMAILS
    assert {one["value"] for one in emails(after["emailAddresses"])} == {f"{one}@x.example" for one in wanted}
    assert [one for one in after["emailAddresses"] if one is DIRECTORY] == foreign


# --- what a contact says ------------------------------------------------------------------------------------------

EMPTY: dict[str, Any] = {
    "@odata.etag": 'W/"1"', "id": "AAk-1", "changeKey": "1", "lastModifiedDateTime": "2026-01-02T10:00:00Z",
    "categories": [], "birthday": None, "displayName": "", "givenName": None, "surname": None, "companyName": None,
    "jobTitle": None, "mobilePhone": None, "businessPhones": [], "homePhones": [], "emailAddresses": [],
    "homeAddress": {}, "businessAddress": {}, "otherAddress": {}, "personalNotes": None, "businessHomePage": None,
}  # fmt: skip
MAPPING = read_toml(
    (Path(MAPPINGS) / "microsoft/contacts.toml").read_text("utf-8"),
    name="microsoft/contacts.toml",
    registry=Registry(OF_IDENTITY, TRANSFORMS),
)


def read(**fields: Any) -> Party:
    return said(apply(MAPPING, {**EMPTY, **fields}, Context("IL", "Asia/Jerusalem")))


def test_a_contact_says_who_it_is_and_where_to_reach_it() -> None:
    party = read(
        **DANA, companyName="Levi", jobTitle="Buyer", mobilePhone="050", businessPhones=["1", "2"], homePhones=["3"],
        emailAddresses=[A, DIRECTORY, {"name": "nobody"}], homeAddress=HAIFA, categories=["Customers"],
        personalNotes="Knows Noa", businessHomePage="https://x.example",
    )  # fmt: skip
    assert (party.name, party.given, party.family, party.is_company) == ("Dana Levi", "Dana", "Levi", False)
    assert (party.company, party.job_title, party.notes) == ("Levi", "Buyer", "Knows Noa")
    assert [(one.value, one.label) for one in party.phones] == [
        ("050", "mobile"), ("1", "work"), ("2", "work"), ("3", "home"),
    ]  # fmt: skip
    assert [one.value for one in party.emails] == ["a@x.example"]
    assert [(one.value, one.label) for one in party.addresses] == [("1 Main St, 31000 Haifa, Israel", "home")]
    assert (party.groups, [one.value for one in party.urls]) == (("Customers",), ["https://x.example"])
    assert party.updated_at is not None
    assert party.updated_at.isoformat() == "2026-01-02T10:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "name", "company", "kind"),
    [
        ({}, "", "", False),
        ({"companyName": "Levi"}, "Levi", "", True),
        ({"companyName": "Levi", "displayName": "Levi"}, "Levi", "", True),
        ({"companyName": "Levi", "displayName": "Levi", "surname": "Levi"}, "Levi", "Levi", False),
        ({"companyName": "Levi", "displayName": "Dana"}, "Dana", "Levi", False),
        ({"givenName": "Dana"}, "Dana", "", False),
    ],
)
def test_who_has_nobodys_name_is_a_company(fields: dict[str, Any], name: str, company: str, *, kind: bool) -> None:
    party = read(**fields)
    assert (party.name, party.company, party.is_company) == (name, company, kind)
    assert is_company(fields) is kind


@pytest.mark.parametrize(
    ("birthday", "read_as"),
    [("1974-07-22T00:00:00Z", "1974-07-22"), ("1604-05-17T11:59:00Z", "--05-17"), (None, ""), ("", ""), ("soon", "")],
)
def test_a_birthday_may_have_no_year(birthday: str | None, read_as: str) -> None:
    assert read(birthday=birthday).birthday == read_as


def test_what_the_hub_may_write_goes_both_ways() -> None:
    assert in_step.policies(MAPPING, "IL").keys() == set(in_step.FIELDS)


@pytest.mark.parametrize("place", [None, "Haifa", [], {}, NOTHING, {"street": 7}])
def test_what_is_no_address_is_none(place: Any) -> None:
    assert written(place) == ""


def test_what_is_no_list_sets_the_record_aside() -> None:
    with pytest.raises(TypeError):
        emails({"address": "a@x.example"})
