"""The yardstick itself: it knows what is right, and says what is not."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.facebook_simulator.spec_fields import problems, wrong_exchange

LEAD: dict[str, Any] = {
    "id": "104857600104729", "created_time": "2026-11-22T08:49:14+0000", "form_id": "1", "ad_id": "2", "is_organic": False,
    "platform": "fb", "field_data": [{"name": "email", "values": ["dana@customer.example"]}, {"name": "note"}],
    "custom_disclaimer_responses": [{"checkbox_key": "terms", "is_checked": "1"}, {"checkbox_key": "x", "is_checked": ""}],
}  # fmt: skip
FORM: dict[str, Any] = {
    "id": "1", "name": "גינה", "status": "ACTIVE", "locale": "HE_IL", "leads_count": 3,
    "questions": [{"id": "5", "key": "k", "label": "l", "type": "CUSTOM", "options": [{"key": "a", "value": "b"}]}],
    "legal_content": {"id": "6", "privacy_policy": {"url": "https://x.example"}}, "tracking_parameters": {"a": "b"},
}  # fmt: skip


def test_what_is_right_has_no_problems() -> None:
    assert problems("Lead", LEAD) == []
    assert problems("LeadgenForm", FORM) == []
    assert problems("Page", {"id": "1", "has_lead_access": {"can_access_lead": True}}) == []


@pytest.mark.parametrize(
    ("node", "change", "wrong"),
    [
        ("Lead", {"is_organic": "0"}, "$.is_organic: '0' is no bool"),
        ("Lead", {"leadgen_id": "1"}, "$.leadgen_id: not a field of Lead"),
        ("Lead", {"id": 104857600104729}, "$.id: 104857600104729 is no string"),
        ("Lead", {"created_time": "2026-11-22T08:49:14+00:00"}, "$.created_time: '2026-11-22T08:49:14+00:00' is no datetime"),
        ("Lead", {"created_time": 1795392155}, "$.created_time: 1795392155 is no datetime"),
        ("Lead", {"field_data": {"email": "x"}}, "$.field_data: no list"),
        ("Lead", {"field_data": [{"name": "email", "values": "x"}]}, "$.field_data[0].values: no list"),
        ("Lead", {"field_data": [{"name": "email", "values": [1]}]}, "$.field_data[0].values[0]: 1 is no string"),
        (
            "Lead",
            {"custom_disclaimer_responses": [{"checkbox_key": "a", "is_checked": True}]},
            "$.custom_disclaimer_responses[0].is_checked: True is no string",
        ),
        ("LeadgenForm", {"leads_count": "3"}, "$.leads_count: '3' is no unsigned int"),
        ("LeadgenForm", {"leads_count": -1}, "$.leads_count: -1 is no unsigned int"),
        ("LeadgenForm", {"leads_count": True}, "$.leads_count: True is no unsigned int"),
        ("LeadgenForm", {"legal_content": {"checkboxes": []}}, "$.legal_content.checkboxes: not a field of LeadGenLegalContent"),
        ("LeadgenForm", {"questions": [{"name": "x"}]}, "$.questions[0].name: not a field of LeadGenQuestion"),
        ("LeadgenForm", {"tracking_parameters": {"a": 1}}, "$.tracking_parameters: no map of texts"),
    ],
)  # fmt: skip
def test_what_is_not_is_named(node: str, change: dict[str, Any], wrong: str) -> None:
    value = copy.deepcopy(LEAD if node == "Lead" else FORM) | change

    assert problems(node, value) == [wrong]


@pytest.mark.parametrize(
    ("status", "answer", "wrong"),
    [
        (200, {"data": [{"id": 1}]}, "$[0].id: 1 is no string"),
        (200, {"data": [], "total": 0}, "$.total: not part of a listing"),
        (200, {"data": [], "paging": {"cursors": {"after": "x"}}}, "paging.cursors: not whole"),
        (200, {"data": [], "paging": {"cursors": {"after": "x", "before": "y"}, "more": "z"}}, "paging.more: unknown"),
        (400, {"message": "x"}, "an error without `error`"),
        (400, {"error": {"message": "x", "type": "y", "code": 1}}, "error.fbtrace_id: missing"),
        (400, {"error": {"message": "x", "type": "y", "code": "1", "fbtrace_id": "z"}}, "error.code: '1'"),
    ],
)
def test_an_answer_is_looked_at_by_what_was_asked(status: int, answer: Any, wrong: str) -> None:
    exchange = SimpleNamespace(route="GET form/leads", params={}, status=status, answer=answer)

    assert wrong_exchange(exchange) == [f"GET form/leads: {wrong}"]
