"""A contact of Google changed so that it says what the hub wants, and nothing else of it: a table."""

from typing import Any

import pytest

from connectors.google import contacts_form
from connectors.google.contacts_form import changed

WORK, HOME = {"value": "1", "type": "work", "metadata": {"primary": True}}, {"value": "2", "type": "home"}
OLD = {"name": "Old", "current": False}
NOW = {"name": "Levi", "title": "Buyer", "current": True, "department": "North"}


def lines(*values: str, label: str = "") -> list[dict[str, str]]:
    return [{"value": one, "label": label} for one in values]


@pytest.mark.parametrize(
    ("person", "values", "body"),
    [
        ({}, {"name": "Dana Levi"}, {"names": [{"unstructuredName": "Dana Levi"}]}),
        (
            {"names": [{"givenName": "D", "displayName": "D", "phoneticGivenName": "di", "metadata": {"primary": True}}]},
            {"name": "Dana"},
            {"names": [{"phoneticGivenName": "di", "metadata": {"primary": True}, "unstructuredName": "Dana"}]},
        ),
        ({"names": [{"givenName": "D"}]}, {"name": None}, {"names": []}),
        ({"phoneNumbers": [WORK, HOME]}, {"phones": lines("2", "3", label="mobile")},
         {"phoneNumbers": [HOME, {"value": "3", "type": "mobile"}]}),
        ({"phoneNumbers": [WORK]}, {"phones": lines("1", "1")}, {"phoneNumbers": [WORK, {"value": "1"}]}),
        ({"emailAddresses": [WORK]}, {"emails": []}, {"emailAddresses": []}),
        ({"addresses": [{"formattedValue": "1 Main St", "city": "Haifa"}]}, {"addresses": lines("1 Main St")},
         {"addresses": [{"formattedValue": "1 Main St", "city": "Haifa"}]}),
        ({"organizations": [OLD, NOW]}, {"company": "Cohen"}, {"organizations": [OLD, {**NOW, "name": "Cohen"}]}),
        ({"organizations": [OLD, NOW]}, {"company": None, "job_title": None},
         {"organizations": [OLD, {"current": True, "department": "North"}]}),
        ({"organizations": [{"name": "Levi"}]}, {"company": None}, {"organizations": []}),
        ({}, {"job_title": "Boss"}, {"organizations": [{"title": "Boss"}]}),
        ({"organizations": "nonsense"}, {"company": "Levi"}, {"organizations": [{"name": "Levi"}]}),
        ({"names": [{"givenName": "D"}], "phoneNumbers": [WORK]}, {}, {}),
    ],
)  # fmt: skip
def test_only_what_is_given_is_changed(person: dict[str, Any], values: dict[str, Any], body: dict[str, Any]) -> None:
    assert changed(person, values) == body


@pytest.mark.parametrize(
    ("organizations", "employer", "title"),
    [
        ([OLD, NOW], "Levi", "Buyer"), ([OLD], "Old", None), ([], None, None), ([{"title": "Boss"}], None, "Boss"),
        ([OLD, {"current": True, "title": "Boss"}], "Old", None), (["nonsense", NOW], "Levi", "Buyer"),
    ],
)  # fmt: skip
def test_the_present_employer_counts(organizations: list[Any], employer: str | None, title: str | None) -> None:
    assert contacts_form.employer(organizations) == employer
    assert contacts_form.job_title(organizations) == title


def test_what_is_no_list_sets_the_record_aside() -> None:
    with pytest.raises(TypeError):
        contacts_form.phones({"value": "1"})
