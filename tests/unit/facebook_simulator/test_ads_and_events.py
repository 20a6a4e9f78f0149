"""What ads cost, and conversions that are reported."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.facebook.simulated.ledger import COUNTED, REPEATED, TOO_EARLY, UNKNOWN_LEAD
from connectors.facebook.simulator import FacebookSimulator
from tests.unit.facebook_simulator.conftest import Graph, refused

Graphs = Callable[..., Graph]
FIELDS = "campaign_id,campaign_name,spend,account_currency"


def test_each_campaign_and_day_has_a_row(facebook: FacebookSimulator, graph: Graphs) -> None:
    today = facebook.clock.now().date()
    spring, summer = facebook.add_campaign("Spring"), facebook.add_campaign("קיץ")
    for days in range(3):
        facebook.set_spend(spring, today - timedelta(days=days), "12.5")
    facebook.set_spend(summer, today - timedelta(days=1), 7)
    facebook.set_spend(summer, today - timedelta(days=1), 8)
    facebook.rename_campaign(summer, "Summer")
    person, where = graph(facebook.settings()["token"]), f"/{facebook.account.id}/insights"
    span = json.dumps({"since": str(today - timedelta(days=1)), "until": str(today)})

    daily = person.all(where, level="campaign", fields=FIELDS, time_increment="1", time_range=span, limit="1")
    whole = person.get(where, level="campaign", fields="campaign_id,spend", time_range=span)["data"]
    account = person.get(where, fields="spend,account_currency", date_preset="yesterday")["data"]

    assert [(one["campaign_name"], one["spend"], one["date_start"]) for one in daily] == [
        ("Spring", "12.50", str(today - timedelta(days=1))),
        ("Summer", "8.00", str(today - timedelta(days=1))),
        ("Spring", "12.50", str(today)),
    ]
    assert all(one["account_currency"] == "ILS" and one["date_start"] == one["date_stop"] for one in daily)
    assert {one["campaign_id"]: one["spend"] for one in whole} == {spring.id: "25.00", summer.id: "8.00"}
    assert [one["spend"] for one in account] == ["20.50"]


@pytest.mark.parametrize(
    "query",
    [{"fields": "nonsense"}, {"level": "x"}, {"time_range": "x"}, {"time_range": '{"since":"2026-01-02"}'},
     {"time_range": '{"since":"2026-01-02","until":"2026-01-01"}'}, {"date_preset": "x"}],
)  # fmt: skip
def test_insights_that_make_no_sense_are_refused(
    facebook: FacebookSimulator, graph: Graphs, query: dict[str, str]
) -> None:
    person = graph(facebook.settings()["token"])

    assert refused(person.ask("GET", f"/{facebook.account.id}/insights", **query)) == (400, 100, 0)


def test_who_has_no_part_in_an_account_sees_nothing_of_it(facebook: FacebookSimulator, graph: Graphs) -> None:
    person = graph(facebook.settings()["token"])
    campaign = facebook.campaign_of(facebook.advertise(facebook.english, "Spring"))
    assert [one["id"] for one in person.get("/me/adaccounts")["data"]] == [facebook.account.id]
    assert person.get(f"/{facebook.account.id}/campaigns", fields="name")["data"][0]["name"] == "Spring"
    assert len(person.get(f"/{facebook.account.id}/ads", fields="name,campaign_id")["data"]) == 1
    assert person.get(f"/{facebook.account.id}", fields="currency,timezone_name")["currency"] == "ILS"
    facebook.lose_ad_account(facebook.system_user, facebook.account)

    for path in (f"/{facebook.account.id}/insights", f"/{facebook.account.id}", f"/{campaign.id}"):
        assert refused(person.ask("GET", path)) == (400, 200, 0)
    facebook.give_ad_account(facebook.system_user, facebook.account)
    assert person.get(f"/{campaign.id}", fields="name")["name"] == "Spring"


# -- conversions -----------------------------------------------------------------------------------------------------


def event(facebook: FacebookSimulator, lead_id: str, **changes: Any) -> dict[str, Any]:
    """A stage of a lead, as a CRM reports it."""
    return {
        "event_name": "Qualified", "event_time": int(facebook.clock.time()) + 2, "action_source": "system_generated",
        "user_data": {"lead_id": int(lead_id)}, "custom_data": {"event_source": "crm", "lead_event_source": "Hub"},
        **changes,
    }  # fmt: skip


def report(facebook: FacebookSimulator, graph: Graphs, *events: Any, **more: str) -> Any:
    person = graph(facebook.settings()["token"])
    return person.ask("POST", f"/{facebook.dataset}/events", {"data": json.dumps(events), **more})


def test_a_conversion_is_taken_and_counts(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    told = event(facebook, lead.id, event_id="1", user_data={"lead_id": int(lead.id), "em": [hashed("dana@x.example")]})

    found = report(facebook, graph, told, test_event_code="TEST1").json()

    assert (found["events_received"], found["messages"]) == (1, [])
    assert found["fbtrace_id"]
    [kept] = facebook.conversions
    assert (kept.event, kept.test_code, kept.fate) == (told, "TEST1", COUNTED)


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_some_conversions_are_thrown_away_without_a_word(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    early = event(facebook, lead.id, event_time=int(lead.created_at))
    once = event(facebook, lead.id, event_id="1")

    answer = report(facebook, graph, early, once, once, event(facebook, "104857600000001"))

    assert answer.json()["events_received"] == 4
    assert [one.fate for one in facebook.conversions] == [TOO_EARLY, COUNTED, REPEATED, UNKNOWN_LEAD]
    facebook.clock.advance(hours=49)
    report(facebook, graph, {**once, "event_time": int(facebook.clock.time())})
    assert len(facebook.world.ledger.counted) == 2


@pytest.mark.parametrize(
    ("change", "subcode"),
    [
        ({"event_time": -8 * 86_400}, 2804003), ({"event_time": 3600}, 2804003), ({"event_time": "1"}, 0),
        ({"event_name": ""}, 0), ({"action_source": "x"}, 0), ({"user_data": {}}, 2804050),
        ({"user_data": {"lead_id": 12345678901234}}, 0), ({"user_data": {"lead_id": "x"}}, 0),
        ({"user_data": {"lead_id": 123456789012345678}}, 0), ({"user_data": {"em": ["dana@x.example"]}}, 0),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_conversion_is_an_error_of_all(
    facebook: FacebookSimulator, graph: Graphs, change: dict[str, Any], subcode: int
) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    if isinstance(change.get("event_time"), int):
        change = {"event_time": int(facebook.clock.time()) + change["event_time"]}

    answer = report(facebook, graph, event(facebook, lead.id), event(facebook, lead.id, **change))

    assert refused(answer) == (400, 100, subcode)
    assert "data[1]" in answer.json()["error"]["error_user_msg"]
    assert facebook.conversions == []


def test_conversions_without_a_list_or_a_right_are_refused(facebook: FacebookSimulator, graph: Graphs) -> None:
    assert refused(report(facebook, graph)) == (400, 100, 0)
    assert refused(report(facebook, graph, 1)) == (400, 100, 0)
    assert refused(report(facebook, graph, *[1] * 1001)) == (400, 100, 0)
    facebook.withdraw(facebook.system_user, "ads_management")
    assert refused(report(facebook, graph, {})) == (400, 200, 0)
