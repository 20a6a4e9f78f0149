"""The front door of Graph: versions, batches, limits, and what goes wrong on command."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.facebook import simulated
from connectors.facebook.simulated.usage import PER_LEAD
from connectors.facebook.simulator import FAULTS, STREAMS, FacebookSimulator
from hub.connector import simulated as common
from hub.connector.simulator import Harm, StreamFault
from tests.unit.facebook_simulator.conftest import Graph, refused

Graphs = Callable[..., Graph]


def test_every_fault_is_listed_and_happens_somewhere() -> None:
    folders = [Path(str(one.__file__)).parent for one in (simulated, common)]
    code = "".join(file.read_text("utf-8") for folder in folders for file in folder.glob("*.py"))
    taken = set(re.findall(r'(?:take|waits)\("(\w+)"\)', code))

    assert set(FAULTS) <= taken
    assert {str(one) for one in StreamFault} <= set(FAULTS)
    assert STREAMS == ("lead",)


# -- versions --------------------------------------------------------------------------------------------------------


def test_a_version_that_ended_is_refused_or_warned_of(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()
    for version, error in (("v24.0", (400, 2635, 0)), ("v99.0", (400, 2500, 0))):
        page.version = version
        assert refused(page.ask("GET", "/me")) == error
    facebook.world.warns_of_version = True
    page.version = "v24.0"
    old = page.ask("GET", "/me")
    page.version = "v25.0"
    living = page.ask("GET", "/me")

    assert old.ok
    assert "v26.0" in old.headers["X-Ad-Api-Version-Warning"]
    assert "X-Ad-Api-Version-Warning" not in living.headers
    assert living.headers["facebook-api-version"] == "v25.0"


def test_the_end_of_a_version_comes_on_command(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()
    facebook.faults.add("version_warning")
    warned = page.ask("GET", "/me")
    facebook.faults.add("version_ended")

    assert "X-Ad-Api-Version-Warning" in warned.headers
    assert refused(page.ask("GET", "/me")) == (400, 2635, 0)
    facebook.world.oldest_version = facebook.world.current_version = 27
    assert refused(page.ask("GET", "/me")) == (400, 2635, 0)


# -- batches ---------------------------------------------------------------------------------------------------------


def batch(page: Graph, *calls: dict[str, Any], **more: str) -> Any:
    return page.post("/", batch=json.dumps(calls), **more)


def test_each_call_of_a_batch_has_a_fate_of_its_own(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "דנה"})
    page, where = graph(), f"{facebook.garden.id}/subscribed_apps"
    before = facebook.asked
    facebook.faults.add("batch_unanswered")

    found = batch(
        page,
        {"method": "GET", "relative_url": "me"},
        {"method": "GET", "relative_url": f"{lead.id}?fields=field_data"},
        {"method": "GET", "relative_url": "v26.0/99"},
        {"method": "POST", "relative_url": where, "body": "subscribed_fields=leadgen"},
        {"relative_url": "v24.0/me"},
    )

    assert facebook.asked == before + 1
    assert [one and one["code"] for one in found] == [None, 200, 400, 200, 400]
    assert json.loads(found[1]["body"])["field_data"][0]["values"] == ["דנה"]
    assert json.loads(found[2]["body"])["error"]["error_subcode"] == 33
    assert any(one["name"] == "X-Business-Use-Case-Usage" for one in found[1]["headers"])
    assert facebook.garden.subscribed == ["leadgen"]
    assert facebook.spent(facebook.garden.id)["GET lead/"] == 1


def test_a_batch_without_headers_or_of_nonsense(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()

    [found] = batch(page, {"method": "GET", "relative_url": "me"}, include_headers="false")

    assert set(found) == {"code", "body"}
    for told in ("x", "{}", "[1]"):
        assert refused(page.ask("POST", "/", {"batch": told})) == (400, 100, 0)
    many = json.dumps([{"relative_url": "me"}] * 51)
    assert refused(page.ask("POST", "/", {"batch": many})) == (400, 1, 0)
    assert refused(graph("").ask("POST", "/", {"batch": "[]"})) == (400, 104, 0)


# -- limits ----------------------------------------------------------------------------------------------------------


def usage(answer: requests.Response, page_id: str) -> dict[str, Any]:
    [found] = json.loads(answer.headers["X-Business-Use-Case-Usage"])[page_id]
    assert found["type"] == "leadgen"
    return dict(found)


def test_every_answer_about_a_page_tells_how_much_was_asked(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, where = graph(), f"/{facebook.english.id}/leads"
    for _ in range(PER_LEAD // 100 - 1):
        facebook.world.usage.count(facebook.garden.id, "x")

    assert usage(page.ask("GET", where), facebook.garden.id)["call_count"] == 1
    facebook.garden.quota_leads = 100
    answer = page.ask("GET", where)
    assert usage(answer, facebook.garden.id)["call_count"] == 0
    assert usage(answer, facebook.garden.id)["estimated_time_to_regain_access"] == 0
    assert "X-Business-Use-Case-Usage" not in page.ask("GET", "/99").headers
    facebook.world.usage.pretended = 81
    assert usage(page.ask("GET", where), facebook.garden.id)["call_count"] == 81


def test_who_asks_too_much_is_refused_until_a_day_has_passed(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, where = graph(), f"/{facebook.english.id}/leads"
    facebook.world.usage.enforced = True
    for _ in range(PER_LEAD):
        facebook.world.usage.count(facebook.garden.id, "x")
    answer = page.ask("GET", where)

    assert refused(answer) == (400, 80005, 0)
    assert usage(answer, facebook.garden.id)["estimated_time_to_regain_access"] > 1400
    facebook.submit(facebook.english, {})
    facebook.submit(facebook.english, {})
    facebook.clock.advance(hours=25)
    assert page.ask("GET", where).ok


def test_silence_that_is_wanted_lasts_longer_for_who_calls_all_the_same(
    facebook: FacebookSimulator, graph: Graphs
) -> None:
    page, where = graph(), f"/{facebook.english.id}/leads"
    facebook.clock.freeze()
    facebook.throttle(facebook.garden, 19)
    answer = page.ask("GET", where)

    assert refused(answer) == (400, 80005, 0)
    assert usage(answer, facebook.garden.id)["estimated_time_to_regain_access"] == 20
    assert facebook.world.usage.overrun == 1
    facebook.clock.advance(minutes=19, seconds=30)
    assert not page.ask("GET", where).ok
    facebook.clock.advance(minutes=2)
    assert page.ask("GET", where).ok
    assert facebook.spent(facebook.garden.id) == {"GET form/leads": 3}
    facebook.world.usage.forget()
    assert facebook.spent(facebook.garden.id) == {}


# -- what goes wrong on command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("server_error", (500, 1, 0)), ("unavailable", (503, 2, 0)), ("transient", (400, 2, 0)),
        ("rate_limited", (429, 4, 0)), ("leadgen_throttled", (400, 80005, 0)), ("user_throttled", (400, 17, 2446079)),
        ("token_expired", (400, 190, 463)), ("revoked", (400, 190, 460)), ("role_lost", (400, 190, 492)),
        ("scope_missing", (400, 200, 0)), ("api_disabled", (400, 368, 0)), ("lead_access_revoked", (400, 103, 0)),
        ("lead_access_revoked_200", (400, 200, 0)),
    ],
)  # fmt: skip
def test_an_error_happens_as_often_as_ordered(
    facebook: FacebookSimulator, graph: Graphs, fault: str, error: tuple[int, int, int]
) -> None:
    page, where = graph(), f"/{facebook.english.id}/leads"
    facebook.faults.add(fault)
    answer = page.ask("GET", where)

    assert refused(answer) == error
    assert (answer.headers.get("Retry-After") == "1") is (fault == "rate_limited")
    assert ("Lead Access Manager" in answer.text) is fault.startswith("lead_access_revoked")
    assert (answer.json()["error"].get("is_transient") is True) is (
        fault in ("unavailable", "transient", "user_throttled")
    )
    if "throttled" in fault:
        assert usage(answer, facebook.garden.id)["estimated_time_to_regain_access"] == 1
    if fault == "token_expired":
        page = graph()  # this one is dead for good
    assert page.ask("GET", where).ok


def test_who_lacks_a_right_is_not_let_in_for_asking_less(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, where = graph(), f"/{facebook.english.id}/leads"
    facebook.faults.add("scope_missing")

    assert refused(page.ask("GET", where, fields="id,ad_id")) == (400, 200, 0)
    assert refused(page.ask("GET", where, fields="id")) == (400, 200, 0)
    assert page.ask("GET", where, fields="id").ok


def test_a_token_can_be_asked_for_while_others_are_refused(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, person = graph(), graph(facebook.settings()["token"])
    facebook.faults.add("token_expired=always")

    assert refused(page.ask("GET", "/me")) == (400, 190, 463)
    assert person.get(f"/{facebook.garden.id}", fields="access_token")["access_token"] != page.token
    assert person.ask("GET", "/me/accounts").ok
    facebook.faults.add("revoked=always")
    assert refused(person.ask("GET", "/me/accounts")) == (400, 190, 460)


def test_an_error_is_ordered_for_calls_of_one_kind(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, where = graph(), f"/{facebook.english.id}/leads"
    facebook.fail("GET form/leads", 368, "(#368) blocked", subcode=7, times=2)
    facebook.fail("GET lead/", 613, regain_min=3)

    assert page.ask("GET", f"/{facebook.english.id}").ok
    assert refused(page.ask("GET", where)) == (400, 368, 7)
    assert refused(page.ask("GET", where)) == (400, 368, 7)
    assert page.ask("GET", where).ok
    lead = facebook.submit(facebook.english, {})
    answer = page.ask("GET", f"/{lead.id}")
    assert refused(answer) == (400, 613, 0)
    assert usage(answer, facebook.garden.id)["estimated_time_to_regain_access"] == 3


@pytest.mark.parametrize("fault", ["html_instead_of_json", "truncated_json"])
def test_an_answer_is_no_json(facebook: FacebookSimulator, graph: Graphs, fault: str) -> None:
    facebook.faults.add(fault)

    with pytest.raises(requests.JSONDecodeError):
        graph().ask("GET", "/me").json()


def test_an_answer_never_comes_or_breaks_or_is_slow(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()
    facebook.faults.add("reset")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        page.ask("GET", "/me")
    facebook.faults.add("commit_then_timeout")
    with pytest.raises(requests.ConnectionError):
        page.ask("POST", f"/{facebook.garden.id}/subscribed_apps", {"subscribed_fields": "leadgen"})
    assert facebook.garden.subscribed == ["leadgen"]
    facebook.faults.add("slow")
    began = time.monotonic()
    assert page.ask("GET", "/me").ok
    assert time.monotonic() - began > 0.2
    facebook.world.answer_s = 0.3
    began = time.monotonic()
    assert page.ask("GET", "/me").ok
    assert time.monotonic() - began > 0.3


# -- odd calls -------------------------------------------------------------------------------------------------------


def test_a_call_that_leads_nowhere_is_refused(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()

    assert refused(page.ask("GET", "/")) == (400, 2500, 0)
    assert refused(page.ask("GET", "/me/nonsense")) == (400, 2500, 0)
    assert refused(page.ask("DELETE", f"/{facebook.english.id}")) == (400, 100, 33)
    for fields in ("id}", "page{id", "{id}"):
        assert refused(page.ask("GET", f"/{facebook.english.id}", fields=fields)) == (400, 100, 0)
    assert refused(page.ask("GET", f"/{facebook.english.id}/leads", limit="x")) == (400, 100, 0)


def test_answers_are_written_in_ascii(facebook: FacebookSimulator, graph: Graphs) -> None:
    raw = graph().ask("GET", f"/{facebook.hebrew.id}", fields="name,privacy_policy_url").content

    assert raw.isascii()
    assert b"https:\\/\\/garden.example\\/privacy" in raw


def test_harms_are_what_they_are_called() -> None:
    assert all(isinstance(one.harm, Harm) and one.text.strip() for one in FAULTS.values())


def test_what_happened_before_a_stop_is_still_there() -> None:
    simulator = FacebookSimulator()
    lead = simulator.submit(simulator.english, {"full_name": "Dana"})
    simulator.start()
    token = simulator.settings()["token"]
    simulator.stop()
    simulator.stop()
    simulator.start()

    assert simulator.settings()["token"] == token
    assert lead.id in simulator.world.leads
    simulator.cut()
    simulator.stop()
