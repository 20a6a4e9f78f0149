"""Leads through the API: lists by what is asked for, one whole, and who looks after it."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from hub.context import Hub
from hub.store.base import now
from tests.fakes.api import Office, office
from tests.fakes.exchange import FakeExchange
from tests.fakes.leads import Forms

NOBODY = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def forms(hub: Hub) -> Forms:
    return Forms(hub)


@pytest.fixture
def desk(hub: Hub, forms: Forms) -> Office:
    assert forms.account  # made before: the office's hub knows its telephone alone
    return office(hub, FakeExchange())


def test_leads_come_newest_first_in_pages(desk: Office, forms: Forms) -> None:
    made = [forms.answer(f"Person {n} Levi", f"052-234-560{n}", ago=timedelta(minutes=9 - n)) for n in range(5)]
    forms.answer("Test Person", "052-234-5600", is_test=True)
    pages = desk.as_agent.pages("/leads", 2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one["id"] for page in pages for one in page] == [str(one.id) for one in reversed(made)]
    assert [one["name"] for one in desk.as_agent.get("/leads?test=true").get_json()["items"]] == ["Test Person"]


def test_leads_are_found_by_what_they_are(desk: Office, forms: Forms) -> None:
    forms.name_campaign("c1", "Spring offer")
    paid = str(forms.answer("Dana Levi", "052-234-5601", campaign_id="c1").id)
    web = str(forms.answer("Rut Cohen", "052-234-5602", ago=timedelta(days=2)).id)
    client = desk.as_agent
    assert client.patch(f"/leads/{web}", {"stage": "lost", "reason": "too far"}).status_code == 200
    me = client.get("/me").get_json()["id"]
    assert client.patch(f"/leads/{paid}", {"owner": me}).get_json()["owner"]["id"] == me
    for query, found in (
        ("campaign=c1", [paid]), ("bucket=web", [web]), ("bucket=organic", []), ("stage=lost", [web]), ("open=true", [paid]),
        ("open=false", [web]), (f"owner={me}", [paid]), ("campaign=c1&bucket=web", []),
        (f"since={quote((now() - timedelta(days=1)).isoformat())}", [paid]),
    ):  # fmt: skip
        assert [one["id"] for one in client.get(f"/leads?{query}").get_json()["items"]] == found, query
    assert client.get("/leads?campaign=c1").get_json()["items"][0]["campaign"] == {"id": "c1", "name": "Spring offer"}
    for wrong, status in (("stage=x", 400), ("colour=red", 400), (f"owner={NOBODY}", 404), ("since=yesterday", 400)):
        assert client.get(f"/leads?{wrong}").status_code == status, wrong


def test_one_lead_is_told_whole_without_what_is_private(desk: Office, forms: Forms) -> None:
    given = [
        {"key": "full_name", "values": ["Dana Levi"]}, {"key": "phone", "values": ["052-234-5601"]},
        {"key": "born", "type": "date_of_birth", "values": ["1990-01-02"]}, {"key": "size", "label": "Size?", "values": ["k"], "shown": ["Large"]},
    ]  # fmt: skip
    consent = {"key": "marketing", "checked": True, "text": "I agree"}
    lead = forms.answer(answers=given, consents=[consent], utm={"source": "news"}, page_url="https://www.example.com/a")
    told = desk.as_agent.get(f"/leads/{lead.id}").get_json()
    assert [(one["key"], one["field"], one["private"], one["values"]) for one in told["answers"]] == [
        ("full_name", "name", False, ["Dana Levi"]), ("phone", "phone", False, ["052-234-5601"]), ("born", "private", True, []),
        ("size", "", False, ["Large"]),
    ]  # fmt: skip
    assert (told["name"], told["phone"], told["stage"], told["form"]["name"]) == (
        "Dana Levi", "+972522345601", "received", "Garden offer",
    )  # fmt: skip
    assert told["party"]["name"] == "Dana Levi"
    assert told["origin"]["utm"] == {"source": "news"}
    assert [(one["key"], one["checked"]) for one in told["consents"]] == [("marketing", True)]
    assert [(one["stage"], one["by"]) for one in told["stages"]] == [("received", None)]
    assert "1990" not in str(told)
    assert desk.as_agent.get(f"/leads/{NOBODY}").status_code == 404


def test_owner_and_stage_are_changed_each_by_itself_and_once(desk: Office, forms: Forms) -> None:
    where, client = f"/leads/{forms.answer().id}", desk.as_agent
    me = client.get("/me").get_json()["id"]
    assert client.patch(where, {"owner": me}).get_json()["stage"] == "received"
    told = [client.patch(where, {"stage": "qualified", "reason": "wants an offer"}).get_json() for _ in range(2)][-1]
    assert told["owner"]["id"] == me
    steps = [(one["stage"], one["reason"]) for one in told["stages"]]
    assert steps == [("received", ""), ("qualified", "wants an offer")]
    assert told["stages"][1]["by"]["id"] == me
    assert client.patch(where, {"stage": "customer"}).get_json()["closed_at"] is not None
    assert client.patch(where, {"owner": None}).get_json()["owner"] is None
    assert client.patch(where, {}).status_code == 200
    for body, status in (
        ({"stage": "received"}, 422), ({"stage": "x"}, 422), ({"owner": NOBODY}, 422), ({"name": "x"}, 422), ({"owner": 5}, 422),
        ({"stage": "lost", "reason": "x" * 501}, 422),
    ):  # fmt: skip
        assert client.patch(where, body).status_code == status, body
