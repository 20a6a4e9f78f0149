"""The front door of Graph: who may ask what, in which words, how much of it, and what goes wrong on command."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from connectors.microsoft import simulated
from connectors.microsoft.simulated.gateway import ROUTES, Router, segments
from connectors.microsoft.simulator import FAULTS, STREAMS, MicrosoftSimulator
from hub.connector import simulated as common
from hub.connector.simulator import StreamFault
from tests.unit.microsoft_simulator.conftest import ADAM, NOA, Graph, open_wire

Graphs = Callable[..., Graph]


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_person_reads_himself_and_who_else_there_is(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()

    me, him = noa.get("/me"), noa.get(f"/users/{ADAM}")
    everybody = noa.get("/users", params={"$select": "mail,accountEnabled"})

    assert (me["mail"], me["id"]) == (NOA, microsoft.user(NOA).id)
    assert him == noa.get(f"/users/{microsoft.user(ADAM).id}")
    assert "jobTitle" not in him
    assert sorted(one["mail"] for one in everybody["value"]) == sorted(one.address for one in microsoft.users)
    assert refused(noa.ask("GET", "/users/nobody@acme.example")) == (404, "Request_ResourceNotFound")
    assert noa.get("/organization")["value"][0]["id"] == microsoft.oauth.tenant_id


def test_people_come_in_pages(graph: Graphs) -> None:
    found, _ = graph().all("/users", params={"$top": "1"})

    assert len(found) == 3


def test_without_a_living_token_nothing_is_told(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    microsoft.clock.advance(hours=2)
    late = noa.ask("GET", "/me")
    nobody = requests.get(f"{noa.url}/v1.0/me", verify=microsoft.settings()["ca"], timeout=10)

    assert refused(late) == (401, "InvalidAuthenticationToken")
    assert refused(nobody) == (401, "InvalidAuthenticationToken")
    assert late.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_permission_opens_its_part_alone(graph: Graphs) -> None:
    reader = graph(NOA, "Mail.Read")

    assert reader.ask("GET", "/me/mailFolders").ok
    assert refused(reader.ask("POST", "/me/mailFolders", json={"displayName": "x"})) == (403, "ErrorAccessDenied")
    assert refused(reader.ask("GET", "/me/contacts")) == (403, "ErrorAccessDenied")
    assert refused(reader.ask("GET", "/me/events")) == (403, "ErrorAccessDenied")
    assert refused(reader.ask("GET", f"/users/{ADAM}")) == (403, "ErrorAccessDenied")


def test_the_mailbox_of_another_is_shut_but_for_a_calendar_that_he_shares(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    noa, plain = graph(), graph(NOA, "Calendars.Read")
    before = noa.ask("GET", f"/users/{ADAM}/calendar/events")
    microsoft.user(ADAM).calendars.share(NOA)

    assert refused(before) == (403, "ErrorAccessDenied")
    assert refused(noa.ask("GET", f"/users/{ADAM}/messages")) == (403, "ErrorAccessDenied")
    assert refused(noa.ask("GET", f"/users/{ADAM}/contacts")) == (403, "ErrorAccessDenied")
    assert noa.ask("GET", f"/users/{ADAM}/calendar/events").ok
    assert refused(plain.ask("GET", f"/users/{ADAM}/calendar/events")) == (403, "ErrorAccessDenied")


def test_an_app_for_itself_opens_every_mailbox_or_those_it_is_limited_to(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    app = graph("")

    assert app.ask("GET", f"/users/{NOA}/messages").ok
    assert app.ask("GET", f"/users/{ADAM}/contacts").ok
    assert refused(app.ask("GET", "/me/messages")) == (400, "BadRequest")
    microsoft.oauth.app_mailboxes = {NOA}
    assert app.ask("GET", f"/users/{NOA}/messages").ok
    assert refused(app.ask("GET", f"/users/{ADAM}/messages")) == (403, "ErrorAccessDenied")


def test_who_has_no_licence_is_somebody_without_a_mailbox(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    microsoft.add_user("dana@acme.example", "Dana Oz", licensed=False)
    dana = graph("dana@acme.example")

    assert dana.get("/me")["displayName"] == "Dana Oz"
    for path in ("/me/messages", "/me/events", "/me/contacts", "/me/mailFolders/inbox"):
        assert refused(dana.ask("GET", path)) == (404, "MailboxNotEnabledForRESTAPI")


def test_unknown_paths_verbs_versions_and_bodies_are_refused(graph: Graphs) -> None:
    noa = graph()

    assert refused(noa.ask("GET", "/me/nonsense")) == (400, "BadRequest")
    assert refused(noa.ask("DELETE", "/me/contacts")) == (405, "Request_BadRequest")
    assert refused(noa.ask("GET", f"{noa.url}/v1.0/")) == (400, "BadRequest")
    json_header = {"Content-Type": "application/json"}
    assert refused(noa.ask("POST", "/me/contacts", data=b"{not json", headers=json_header)) == (400, "BadRequest")
    assert refused(noa.ask("POST", "/me/contacts", data=b"[]", headers=json_header)) == (400, "BadRequest")


@pytest.mark.parametrize("path", ["/me/MAILFOLDERS/inbox/Messages", "/me/mailFolders('inbox')/messages"])
def test_a_path_is_read_in_every_way_of_writing(graph: Graphs, path: str) -> None:
    assert graph().get(path)["value"] == []


@pytest.mark.parametrize("name", ["delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"])
def test_a_function_has_several_names(graph: Graphs, name: str) -> None:
    assert "@odata.deltaLink" in graph().get(f"/me/contacts/{name}")


def test_segments_take_keys_out_of_their_brackets() -> None:
    assert segments("/users/{user}/mailFolders('it''s')/messages/delta()") == (
        "users", "{user}", "mailFolders", "it's", "messages", "delta",
    )  # fmt: skip


def test_a_literal_part_of_a_path_wins_over_a_place() -> None:
    route, places = Router(ROUTES).find("GET", ("users", NOA, "contacts", "delta"))

    assert route.path == "/users/{user}/contacts/delta"
    assert places == {"user": NOA}


def test_requests_have_the_name_that_the_client_gives_them(graph: Graphs) -> None:
    named = graph().ask("GET", "/me/nothing", headers={"client-request-id": "mine-1"})
    plain = graph().ask("GET", "/me")

    assert named.headers["client-request-id"] == "mine-1"
    assert named.json()["error"]["innerError"]["client-request-id"] == "mine-1"
    assert named.headers["request-id"] not in ("", "mine-1")
    assert plain.headers["client-request-id"] == plain.headers["request-id"]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("token_expired", 401, "InvalidAuthenticationToken"),
        ("scope_missing", 403, "ErrorAccessDenied"),
        ("api_disabled", 404, "MailboxNotEnabledForRESTAPI"),
        ("rate_limited", 429, "TooManyRequests"),
        ("mailbox_concurrency", 429, "ApplicationThrottled"),
        ("server_error", 500, "ErrorInternalServerError"),
        ("unavailable", 503, "ErrorServerBusy"),
    ],
)
def test_a_fault_happens_once_in_graphs_words(
    microsoft: MicrosoftSimulator, graph: Graphs, fault: str, status: int, code: str
) -> None:
    microsoft.faults.add(fault)

    answer = graph().ask("GET", "/me/messages")

    assert refused(answer) == (status, code)
    assert (answer.headers.get("Retry-After") == "1") is (status == 429)
    assert graph().ask("GET", "/me/messages").ok


def test_every_fault_that_streams_share_is_here() -> None:
    assert set(StreamFault) <= set(FAULTS)
    assert set(STREAMS) == {"mail", "calendar", "contacts"}


def test_every_fault_that_a_part_commits_is_listed() -> None:
    parts = [path for one in (simulated, common) for path in Path(one.__path__[0]).glob("*.py")]
    parts = [path for path in parts if path.name != "ledger_site.py"]  # ledgers have faults of their own
    taken = {name for path in parts for name in re.findall(r'\btake\("(\w+)"\)', path.read_text("utf-8"))}

    assert len(taken) > 20
    assert taken <= set(FAULTS)


@pytest.mark.parametrize("fault", ["expire_cursor", "expire_cursor_location"])
@pytest.mark.parametrize("first", [
    "/me/contacts/delta", "/me/mailFolders/inbox/messages/delta?$select=subject", "/me/mailFolders/delta",
    "/me/calendarView/delta?startDateTime=2026-11-01T00:00:00Z&endDateTime=2026-12-01T00:00:00Z",
])  # fmt: skip
def test_a_token_is_forgotten_on_command_and_perhaps_it_is_said_where_to_begin_anew(
    microsoft: MicrosoftSimulator, graph: Graphs, fault: str, first: str
) -> None:
    noa, user = graph(), microsoft.user(NOA)
    user.contacts.add("Dana")
    user.mail.receive(from_="dana@client.example", subject="x")
    user.calendars.insert(subject="Visit", start=datetime(2026, 11, 23, 9, tzinfo=UTC))
    before, link = noa.all(first)
    microsoft.faults.add(fault)

    gone = noa.ask("GET", link)

    assert refused(gone) == (410, "syncStateNotFound")
    assert gone.json()["error"]["innerError"]["code"] == "resyncRequired"
    assert ("Location" in gone.headers) is (fault == "expire_cursor_location")
    assert noa.all(gone.headers.get("Location", first))[0] == before
    assert noa.all(link)[0] == []  # it was a fault; what `expire` forgets stays forgotten


def test_a_message_is_gone_on_command_just_before_it_is_read(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa, message = graph(), microsoft.user(NOA).mail.receive(from_="dana@client.example", subject="x")
    microsoft.faults.add("item_gone")

    assert refused(noa.ask("GET", f"/me/messages/{message.id}")) == (404, "ErrorItemNotFound")
    assert noa.get("/me/messages")["value"] == []


def test_an_answer_is_slow_or_never_comes(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    usual = noa.get("/me")
    microsoft.faults.add("slow")
    assert noa.get("/me") == usual
    assert not microsoft.faults.waits("slow")
    microsoft.faults.add("hang")
    with pytest.raises(requests.ReadTimeout):
        noa.wire.get(f"{noa.url}/v1.0/me", headers={"Authorization": f"Bearer {noa.token}"}, timeout=0.2)
    assert noa.get("/me") == usual


def test_faults_of_the_connection_happen_to_graph_and_not_to_sign_in(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    noa = graph()
    microsoft.faults.add("html_instead_of_json")
    keys = requests.get(f"{noa.url}/common/discovery/v2.0/keys", verify=microsoft.settings()["ca"], timeout=10)

    assert keys.json()["keys"]
    assert "sign in" in noa.ask("GET", "/me").text.lower()
    microsoft.faults.add("truncated_json")
    assert len(noa.ask("GET", "/me").content) < len(noa.ask("GET", "/me").content)
    microsoft.faults.add("reset")
    with pytest.raises(requests.RequestException):
        noa.ask("GET", "/me")


def test_what_was_written_stays_though_the_answer_got_lost(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    microsoft.faults.add("commit_then_timeout")
    assert noa.get("/me/contacts")["value"] == []

    with pytest.raises(requests.RequestException):
        noa.ask("POST", "/me/contacts", json={"givenName": "Lea"})

    assert [one["givenName"] for one in noa.get("/me/contacts")["value"]] == ["Lea"]


def test_requests_of_a_mailbox_are_counted_and_limited_where_that_is_switched_on(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    noa, adam = graph(), graph(ADAM)
    microsoft.throttle.most = 3
    for _ in range(4):
        noa.get("/me/contacts")
    free = microsoft.spent(NOA).requests
    microsoft.throttle.enforced = True

    over = noa.ask("GET", "/me/contacts")
    noa.ask("GET", "/me/contacts")  # what is refused counts as well, so the silence is longer then
    again = noa.ask("GET", "/me/contacts")

    assert free == 4
    assert microsoft.spent(NOA).by_route["GET /users/{user}/contacts"] == 7
    assert refused(over) == (429, "ApplicationThrottled")
    assert 0 < int(over.headers["Retry-After"]) <= 601
    assert adam.ask("GET", "/me/contacts").ok
    assert microsoft.spent().requests == 8
    microsoft.clock.advance(seconds=int(again.headers["Retry-After"]))
    assert noa.ask("GET", "/me/contacts").ok
    microsoft.throttle.forget()
    assert microsoft.spent().requests == 0


def test_more_than_four_at_a_time_are_too_many_for_one_mailbox(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    microsoft.throttle.enforced = True
    microsoft.throttle.free.clear()
    token, ca = graph().token, microsoft.settings()["ca"]

    def ask(_: int) -> requests.Response:
        with open_wire(ca) as wire:
            return Graph(microsoft.settings()["graph_url"], wire, token).ask("GET", "/me")

    with ThreadPoolExecutor(6) as pool:
        asked = pool.map(ask, range(6))
        deadline = time.monotonic() + 15
        while microsoft.spent(NOA).requests < 6 and time.monotonic() < deadline:
            time.sleep(0.005)
        microsoft.throttle.free.set()
        found = list(asked)

    assert sorted(one.status_code for one in found) == [200] * 4 + [429] * 2
    assert {refused(one) for one in found if not one.ok} == {(429, "ApplicationThrottled")}
    assert microsoft.throttle.peak > 4


def test_it_goes_on_after_a_stop_with_everything_that_was_there(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    noa.post("/me/contacts", {"givenName": "Lea"})
    port = microsoft.port

    microsoft.stop()
    microsoft.start()

    again = graph()
    assert microsoft.port == port
    assert [one["givenName"] for one in again.get("/me/contacts")["value"]] == ["Lea"]
    microsoft.cut()
    assert microsoft.asked >= 1
