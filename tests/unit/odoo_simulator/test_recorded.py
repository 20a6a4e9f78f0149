"""The simulator answers what a real Odoo 19.0 answered to the same calls: the same shapes, and the same refusals."""

import json
import xmlrpc.client
from typing import Any

import pytest

from connectors.odoo.simulator import OdooSimulator
from tests.unit.odoo_simulator.conftest import Odoo, recorded

# A number series, an account or a name of the other installation: told the same way, and no shape.
TEXTS = {"debug"}


LEDGER = {
    "account.move",
    "account.move.line",
    "account.payment",
    "account.partial.reconcile",
    "account.payment.term.line",
}


def shape(value: Any) -> Any:
    """What kind of value it is: names of fields, pairs, lists and kinds of texts; not what stands in it."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items() if name not in TEXTS}
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], str):
            return "[id, name]"
        if len(value) == 2 and all(isinstance(one, str) for one in value):
            return "[text, text]"
        return [shape(value[0])] if value else []
    if isinstance(value, str):
        return kind_of_text(value)
    return type(value).__name__


def kind_of_text(text: str) -> str:
    digits = "".join("9" if one.isdigit() else one for one in text)
    return digits if digits in ("9999-99-99", "9999-99-99 99:99:99") else "text"


def person(simulator: OdooSimulator, who: str) -> Odoo:
    keys = {
        "reader": simulator.settings()["api_key"],
        "admin": simulator.new_key("admin"),
        "nobody": "deadbeef",
        "": "",
    }
    return Odoo(simulator, keys[who])


def title(one: Any) -> str:
    return str(one["title"])


@pytest.mark.parametrize("case", recorded("reads.json"), ids=title)
def test_it_tells_the_same(story: OdooSimulator, case: dict[str, Any]) -> None:
    answer = person(story, case["who"]).ask(case["model"], case["method"], **case["parameters"])

    assert answer.status_code == case["status"], answer.text
    assert shape(answer.json()) == shape(case["answer"])


@pytest.mark.parametrize("case", [one for one in recorded("reads.json") if one["model"] in LEDGER], ids=title)
def test_its_sums_and_states_are_the_same(story: OdooSimulator, case: dict[str, Any]) -> None:
    told = person(story, case["who"])(case["model"], case["method"], **case["parameters"])
    if case["method"] == "search_read":
        assert [figures(one) for one in told] == [figures(one) for one in case["answer"]]


def figures(record: dict[str, Any]) -> dict[str, Any]:
    """Amounts, switches and words of states."""
    words = {"state", "payment_state", "status_in_payment", "move_type", "display_type", "account_type", "payment_type"}
    return {
        name: value
        for name, value in record.items()
        if isinstance(value, float | bool) or name in words or name == "max_date"
    }


@pytest.mark.parametrize("case", [one for one in recorded("reads.json") if one["method"] == "fields_get"], ids=title)
def test_words_of_states_are_the_same(story: OdooSimulator, case: dict[str, Any]) -> None:
    answer = person(story, case["who"])(case["model"], "fields_get", **case["parameters"])

    assert answer == case["answer"]


@pytest.mark.parametrize("case", recorded("errors.json"), ids=title)
def test_it_refuses_the_same(story: OdooSimulator, case: dict[str, Any]) -> None:
    answer = person(story, case["who"]).ask(case["model"], case["method"], **case["parameters"])
    told, expected = answer.json(), case["answer"]

    assert (answer.status_code, told["name"], told["message"]) == (
        case["status"],
        expected["name"],
        expected["message"],
    )
    assert told.keys() == expected.keys()
    assert told["arguments"] == expected["arguments"]


@pytest.mark.parametrize("case", recorded("rpc.json"), ids=title)
def test_the_older_protocols_answer_the_same(story: OdooSimulator, odoo: Odoo, case: dict[str, Any]) -> None:
    args = json.loads(json.dumps(case["args"]).replace("KEY", odoo.key))
    told = odoo.rpc(case["service"], case["method"], *args)
    try:
        value = {"value": odoo.xml(case["service"], case["method"], *args)}
    except xmlrpc.client.Fault as fault:
        text = "Traceback" if fault.faultCode == 1 else fault.faultString
        value = {"fault": fault.faultCode, "text": text}

    assert shape(told) == shape(case["jsonrpc"])
    if "error" in told:
        facts = [(one["name"], one["message"]) for one in (told["error"]["data"], case["jsonrpc"]["error"]["data"])]
        assert facts[0] == facts[1]
    assert shape(value) == shape(case["xmlrpc"])
    if "fault" in value:
        expected = case["xmlrpc"]
        assert value["fault"] == expected["fault"]
        assert value["fault"] == 1 or value["text"] == expected["text"]


@pytest.mark.parametrize("case", recorded("http.json"), ids=title)
def test_the_front_door_is_the_same(odoo: Odoo, case: dict[str, Any]) -> None:
    headers = {name: text.replace("KEY", odoo.key) for name, text in case["headers"].items()}
    answer = odoo.send(case["verb"], case["path"], case["body"], **headers)

    assert (answer.status_code, answer.headers.get("WWW-Authenticate", "")) == (case["status"], case["authenticate"])
    assert answer.headers["Content-Type"].partition(";")[0] == case["type"].partition(";")[0]
    if case["type"].startswith("application/json"):
        told = answer.json()
        assert shape(told) == shape(case["answer"])
        if isinstance(told, dict) and "message" in told:
            assert (told["name"], told["message"]) == (case["answer"]["name"], case["answer"]["message"])
