"""What people fill in: what becomes another value, what must be filled, and what a role sees. Pure."""

from dataclasses import replace
from typing import Any

import pytest

from hub.errors import UserError
from hub.fields import change, seen
from hub.fields.change import FieldsError
from hub.fields.definitions import made
from hub.fields.models import Of, Type
from hub.security.models import Role
from tests.unit.fields.made import CITY, COUNTRY, field

FIELDS = {
    "country": COUNTRY,
    "city": replace(CITY, required=True),
    "size": field(Type.NUMBER, "size"),
    "name": field(Type.TEXT, "name", required=True),
}


def read(before: dict[str, Any], **given: Any) -> dict[str, Any]:
    return change.read(FIELDS, before, given, region="IL")


@pytest.mark.parametrize(
    ("before", "given", "other"),
    [
        ({}, {"size": "7"}, {"size": "7"}),
        ({"size": "7"}, {"size": "7.0", "name": "a"}, {"size": "7.0", "name": "a"}),
        ({"size": "7"}, {"size": "7"}, {}),
        ({"size": "7"}, {"size": ""}, {"size": None}),
        ({}, {"size": None}, {}),
        ({"country": "il", "city": "haifa"}, {"country": "pl", "city": "lodz"}, {"country": "pl", "city": "lodz"}),
        ({"country": "il", "city": "other"}, {"country": "pl"}, {"country": "pl"}),
    ],
)
def test_only_what_is_another_value_comes_out(before: dict[str, Any], given: dict[str, Any], other: Any) -> None:
    assert read(before, **given) == other


@pytest.mark.parametrize(
    ("before", "given", "wrong"),
    [
        ({}, {"size": "x", "name": ""}, ["size", "name"]),
        ({"name": "a"}, {"name": None}, ["name"]),
        ({"country": "il", "city": "haifa"}, {"country": "pl"}, ["city"]),
        ({"country": "il", "city": "haifa"}, {"city": ""}, ["city"]),
    ],
)
def test_everything_that_is_wrong_is_named_at_once(before: dict[str, Any], given: dict[str, Any], wrong: Any) -> None:
    with pytest.raises(FieldsError) as caught:
        read(before, **given)
    assert list(caught.value.problems) == wrong
    assert caught.value.field == f"fields.{wrong[0]}"


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        read({}, colour="red")
    assert (caught.value.error_id, caught.value.field) == ("unknown_field", "fields.colour")


def test_a_list_with_nothing_to_offer_needs_not_be_filled() -> None:
    bound = replace(CITY, required=True, options=CITY.options[:2])
    assert not change.is_needed(bound, {})
    assert change.is_needed(bound, {"country": "pl"})


class TestSeen:
    LIMITED = replace(COUNTRY, roles=frozenset({Role.MANAGER}))
    OLD = replace(field(Type.TEXT, "old"), is_archived=True)
    OF_COMPANY = replace(field(Type.TEXT, "secret"), of=Of.COMPANY, roles=frozenset({Role.MANAGER}))
    KNOWN = made([LIMITED, CITY, OLD, OF_COMPANY])
    KEPT = {"country": "il", "city": "haifa", "old": "x", "secret": "y", "notes": "z", "empty": None}  # noqa: RUF012 - nothing changes it

    @pytest.mark.parametrize(
        ("role", "names"),
        [(Role.AGENT, ["city"]), (Role.MANAGER, ["country", "city"]), (Role.ADMIN, ["country", "city"])],
    )
    def test_a_role_sees_its_fields(self, role: Role, names: list[str]) -> None:
        assert list(seen.fields(self.KNOWN, Of.PERSON, role)) == names
        assert list(seen.values(self.KNOWN, Of.PERSON, role, self.KEPT)) == names

    def test_a_list_below_a_hidden_one_stands_alone(self) -> None:
        assert seen.fields(self.KNOWN, Of.PERSON, Role.AGENT)["city"].parent == ""
        assert seen.fields(self.KNOWN, Of.PERSON, Role.MANAGER)["city"].parent == "country"

    def test_of_a_party_what_no_field_is_for_is_seen_by_all_and_the_other_kinds_fields_by_nobody(self) -> None:
        told = seen.of_party(self.KNOWN, Of.PERSON, Role.AGENT, self.KEPT)
        assert told == {"city": "haifa", "notes": "z", "empty": None}
        told = seen.of_party(self.KNOWN, Of.COMPANY, Role.MANAGER, self.KEPT)
        assert told == {"secret": "y", "notes": "z", "empty": None}


def test_entries_do_not_tell_what_a_hidden_field_holds_that_they_go_with() -> None:
    known = made([replace(COUNTRY, roles=frozenset({Role.MANAGER})), CITY])
    lists = {role: seen.fields(known, Of.PERSON, role)["city"] for role in Role}
    told = {role: any(option.parents for option in one.options) for role, one in lists.items()}
    assert told == {Role.AGENT: False, Role.MANAGER: True, Role.ADMIN: True}
    assert [one.value for one in lists[Role.AGENT].offered()] == [one.value for one in CITY.options]
