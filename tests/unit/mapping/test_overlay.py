from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping import overlay
from hub.mapping.load import BadMappingError, Mapping, read_document
from hub.mapping.overlay import Written, effective
from tests.unit.mapping.documents import NAMES, REGISTRY, documents, rules

SOME = settings(max_examples=40)
FIELDS = {"remote_id": "id", "name": "name", "email": "mail"}


def shipped(**fields: Any) -> Mapping:
    given = {"stream": "contacts", "record": "party", "fields": {**FIELDS, **fields}}
    return read_document(given, name="acme/contacts.toml", registry=REGISTRY)


def whole(**fields: Any) -> Written:
    return Written(3, {"stream": "contacts", "record": "party", "fields": {**FIELDS, **fields}})


def own(**fields: Any) -> Written:
    return Written(2, {"fields": fields})


def test_without_a_version_the_shipped_mapping_counts() -> None:
    one = shipped()
    assert effective(one) is one


def test_a_version_counts_instead_of_the_shipped_one_and_an_overlay_on_top() -> None:
    found = effective(shipped(), whole(phone="tel"), own(name={"from": "full"}, email=None, fax="fax"))
    assert {name: rule.from_ for name, rule in found.fields.items()} == {
        "remote_id": "id", "name": "full", "phone": "tel", "fax": "fax",
    }  # fmt: skip
    assert found.record == "party"


def test_the_same_content_has_the_same_hash_wherever_it_comes_from() -> None:
    assert effective(shipped(), whole(phone="tel")).sha256 == shipped(phone={"from": "tel"}).sha256
    assert effective(shipped(), None, own(phone="tel")).sha256 == shipped(phone="tel").sha256


def test_a_database_that_keeps_no_order_changes_no_mapping() -> None:
    mixed = {"fields": {"zip": {"from": "z"}, "email": {"from": "m"}, "remote_id": {"from": "id"}, "alias": {"from": "a"}},
             "record": "party", "stream": "contacts"}  # fmt: skip
    assert list(overlay.in_order(mixed, shipped().as_json())) == ["stream", "record", "fields"]
    assert list(overlay.in_order(mixed, shipped().as_json())["fields"]) == ["remote_id", "email", "alias", "zip"]


@pytest.mark.parametrize(
    ("version", "over", "problem"),
    [
        (whole(name={"from": "n", "transform": "gone"}), None, "acme/contacts.toml version 3: field name: transform: there is no"),
        (None, own(name={"from": "n", "transform": "gone"}), "acme/contacts.toml, of this account version 2: field name"),
        (whole(phone={"from": "p", "depends_on": "phone", "values": {"a": {}}}), None, "phone: depends_on: depends on itself"),
        (None, own(), "fields: Dictionary should have at least 1 item"),
        (None, own(name=7), "field name: Input should be a valid dictionary"),
        (None, own(**{"no name!": "x"}), "String should match pattern"),
        (None, Written(2, {"fields": {"name": "n"}, "record": "call"}), "record: there is no such setting: record"),
        (Written(3, {"stream": "contacts", "record": "call", "fields": FIELDS}), None, "record: it stays 'party'"),
        (Written(3, {"stream": "contacts", "record": "party", "fields": []}), None, "fields: Input should be"),
        (Written(3, {"fields": FIELDS}), None, "stream: Field required"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(version: Written | None, over: Written | None, problem: str) -> None:
    with pytest.raises(BadMappingError) as caught:
        effective(shipped(), version, over)
    assert problem in str(caught.value)


def test_lists_that_depend_on_each_other_in_a_circle_are_named() -> None:
    lists = {"a": {"x": "y"}}
    circle = own(
        name={"from": "n", "depends_on": "email", "values": lists},
        email={"from": "m", "depends_on": "zip", "values": lists},
        zip={"from": "z", "depends_on": "name", "values": lists},
    )
    with pytest.raises(BadMappingError, match="depends on itself"):
        effective(shipped(), None, circle)


@SOME
@given(documents(), documents())
def test_what_is_between_two_documents_makes_one_of_the_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    made = overlay.over(one, overlay.between(one, other))
    assert overlay.same(made["fields"], other["fields"])


@SOME
@given(documents(), st.dictionaries(NAMES, st.one_of(st.none(), rules()), min_size=1))
def test_an_overlay_taken_twice_is_as_good_as_once(document: dict[str, Any], fields: dict[str, Any]) -> None:
    once = overlay.over(document, {"fields": fields})
    assert overlay.over(once, {"fields": fields}) == once
    assert all(name not in once["fields"] for name, rule in fields.items() if rule is None)


def test_a_truth_value_is_no_number() -> None:
    assert not overlay.same({"default": 1}, {"default": True})
    assert overlay.same({"a": 1, "b": 2}, {"b": 2, "a": 1})
