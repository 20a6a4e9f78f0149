"""Any telephone system by webhook, over HTTP: form or JSON, twice, in any order, with and without an end; both databases."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.serving import make_server

from connectors.phonehook.simulator import HookPbx
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.cti.listener import HEARD
from hub.cti.models import CallRow, Extension
from hub.errors import UserError
from hub.intake import accounts
from hub.intake.models import Account, RawRecord, RawState
from hub.security import users
from hub.security.models import Role
from hub.settings import Settings
from hub.timeline.models import Interaction
from tests.e2e import calls
from tests.e2e.calls import Office, until

SECRET = "a-secret-of-this-test"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return calls.settings(tmp_path, database_url)


@dataclass
class Desk(Office):
    """An office whose telephone system posts its calls."""

    token: str = ""
    client: FlaskClient | None = None

    def post(self, event: str, call: str, *, form: bool = False, **fields: Any) -> Any:
        """Deliver one message; unsigned, as most systems do it."""
        assert self.client is not None
        parties = {"from": "0612345678", "to": "5550100", "direction": "in"}
        given = {key.rstrip("_"): value for key, value in fields.items()}
        body = {"event": event, "callId": call, **parties, **given}
        if form:
            data = {("user[]" if isinstance(value, list) else key): value for key, value in body.items()}
            return self.client.post(f"/api/cti/v1/{self.token}", data=data)
        return self.client.post(f"/api/cti/v1/{self.token}", data=json.dumps(body), content_type="application/json")

    def raws(self, *states: str) -> int:
        with self.hub.db.read() as session:
            query = select(func.count()).select_from(RawRecord).where(RawRecord.stream == HEARD)
            return session.scalar(query.where(RawRecord.state.in_(states))) or 0

    def ready(self) -> None:
        self.running = hub_app.start(self.hub)
        until(lambda: self.account.id in self.hub.telephone.listeners)


def furnish(hub: Hub, **values: Any) -> Desk:
    bus = calls.ToldBus()
    hub = replace(hub, bus=bus)
    with hub.db.write() as session:
        row = accounts.create(session, hub.connectors["phonehook"], hub.vault, "Desk", values, region="IL")
        token = accounts.rotate_hook_token(row)
        people = {}
        for extension, name in calls.PEOPLE.items():
            people[extension] = users.add(session, f"{name.lower()}@example.com", name, Role.AGENT)
            session.add(Extension(account_id=row.id, number=extension, user_id=people[extension].id))
    client = hub_app.create_app(hub).test_client()
    return Desk(hub, None, row, people, bus, token=token, client=client)  # type: ignore[arg-type]  # no exchange to dial


@pytest.fixture
def desk(hub: Hub) -> Iterator[Desk]:
    made = furnish(hub)
    made.ready()
    yield made
    made.stop()


@pytest.mark.parametrize("form", [False, True])
def test_a_call_told_by_webhook_pops_and_goes_to_the_timeline(desk: Desk, form: bool) -> None:
    customer = desk.customer("Dana Levi", "0542345678")
    caller = {"from_": "0542345678"}
    answer = desk.post("newCall", "c1", form=form, user=["101", "Omer", "ruth@example.com"], **caller)
    assert (answer.status_code, answer.get_json()) == (200, {})
    for extension in ("101", "102", "103"):
        assert desk.rings(extension, "c1")["name"] == "Dana Levi"
    assert desk.post("answer", "c1", form=form, user="Omer", **caller).status_code == 200
    until(lambda: desk.rings("102", "c1")["state"] == "answered")
    assert desk.gone("101", "c1", "elsewhere")["by"] == "Omer"
    desk.post("hangup", "c1", form=form, cause="normalClearing", **caller)
    view = desk.finished("c1")
    assert (view["direction"], view["outcome"], view["caller"]) == ("inbound", "answered", "0542345678")
    assert (view["user"], view["party"]) == ("omer@example.com", str(customer.public_id))
    assert desk.entry("c1")
    until(lambda: desk.raws(RawState.KEPT) == 0)
    assert desk.raws(RawState.APPLIED) == 3


def test_a_call_that_nobody_took_is_missed_and_waits(desk: Desk) -> None:
    desk.post("newCall", "c1", user=["101", "102"])
    desk.post("hangup", "c1", cause="cancel")
    view = desk.finished("c1")
    assert (view["outcome"], view["reason"]) == ("missed", "caller_gave_up")
    assert desk.missed("101") == desk.missed("102") != []
    assert desk.missed("103") == []


@pytest.mark.parametrize(("cause", "outcome"), [("busy", "busy"), ("congestion", "failed"), ("notFound", "failed"),
                                                ("noAnswer", "missed")])  # fmt: skip
def test_the_cause_says_how_it_ended(desk: Desk, cause: str, outcome: str) -> None:
    desk.post("newCall", "c1", user="101")
    desk.post("hangup", "c1", cause=cause)
    assert desk.finished("c1")["outcome"] == outcome


def test_messages_delivered_twice_are_one_call(desk: Desk) -> None:
    for _ in range(2):
        desk.post("newCall", "c1", user="101")
    for _ in range(2):
        desk.post("answer", "c1", user="101")
    for _ in range(3):
        assert desk.post("hangup", "c1", cause="normalClearing").status_code == 200
    assert desk.finished("c1")["outcome"] == "answered"
    desk.post("hangup", "c1", cause="busy", seq="99")  # and once more, in other words
    until(lambda: desk.raws(RawState.KEPT) == 0)
    assert desk.finished("c1")["outcome"] == "answered"
    assert (len(desk.views()), desk.count(Interaction)) == (1, 1)
    assert desk.events("101", "c1") == ["ringing", "answered", "ended"]


def test_an_answer_that_overtakes_its_newcall_is_the_same_call(desk: Desk) -> None:
    desk.post("answer", "c1", user="102")
    desk.post("newCall", "c1", user=["101", "102"])
    desk.post("hangup", "c1", cause="normalClearing")
    view = desk.finished("c1")
    assert (view["outcome"], view["user"]) == ("answered", "omer@example.com")
    assert len(desk.views()) == 1


def test_a_hangup_alone_makes_a_finished_call_of_what_it_has(desk: Desk) -> None:
    desk.post("hangup", "c1", cause="cancel")
    view = desk.finished("c1")
    assert (view["direction"], view["caller"], view["did"], view["open"]) == ("inbound", "0612345678", "5550100", False)


def test_a_call_without_hangup_is_closed_as_lost(hub: Hub) -> None:
    desk = furnish(hub, close_after_s=60)
    desk.ready()
    try:
        desk.post("newCall", "c1", user="101")
        desk.post("answer", "c1", user="101")
        until(lambda: desk.rings("101", "c1")["state"] == "answered")
        desk.written("c1", answered=["101"])
        listener = desk.hub.telephone.listeners[desk.account.id]
        for conversation in listener._state._open.values():
            conversation.seen_at -= 61  # a minute passes
        view = desk.finished("c1")
        assert (view["outcome"], view["reason"], view["end_estimated"]) == ("lost", "no_hangup", True)
        assert desk.card("101", "c1") is None or desk.card("101", "c1")["state"] == "ended"  # type: ignore[index]
    finally:
        desk.stop()


def test_an_outgoing_call_and_an_internal_number_are_understood(desk: Desk) -> None:
    desk.customer("Ivan Petrov", "0541111111")
    desk.post("newCall", "c1", direction="out", from_="101", to="0541111111", user="101")
    desk.post("answer", "c1", direction="out", from_="101", to="0541111111", answeringNumber="0541111111")
    desk.post("hangup", "c1", direction="out", from_="101", to="0541111111", cause="normalClearing")
    view = desk.finished("c1")
    assert (view["direction"], view["outcome"], view["user"]) == ("outbound", "answered", "noa@example.com")
    assert view["party"]


def test_a_second_answer_is_a_transfer(desk: Desk) -> None:
    desk.post("newCall", "c1", user="101")
    desk.post("answer", "c1", user="101")
    desk.post("answer", "c1", user="103")
    until(lambda: (card := desk.card("103", "c1")) is not None and card["state"] == "answered")
    desk.gone("101", "c1", "transferred")
    desk.post("hangup", "c1", cause="normalClearing")
    view = desk.finished("c1")
    assert (view["outcome"], view["user"], len(view["transfers"])) == ("answered", "ruth@example.com", 1)


def test_a_withheld_caller_stays_withheld(desk: Desk) -> None:
    desk.post("newCall", "c1", from_="anonymous", user="101")
    card = desk.rings("101", "c1")
    assert (card["number"], card["withheld"]) == ("", True)
    desk.post("hangup", "c1", from_="anonymous", cause="cancel")
    assert desk.finished("c1")["withheld"]
    task = desk.task("c1")
    assert task is not None
    assert (task.number, task.party_id) == ("", None), "who missed the call knows of it, and nobody can call back"


def test_what_is_hostile_is_refused_or_kept_as_text(desk: Desk) -> None:
    client = desk.client
    assert client is not None
    url = f"/api/cti/v1/{desk.token}"
    lone = b'{"event":"newCall","from":"\\ud83d<script>","to":"1","direction":"in","callId":"lone","user":"101"}'
    assert client.post(url, data=lone, content_type="application/json").status_code in {200, 422}
    refused = [
        client.post(url, data=b"{", content_type="application/json"),
        client.post(url, data=b"[" * 5000, content_type="application/json"),
        client.post(url, data=json.dumps({"event": "newCall"}), content_type="application/json"),
        client.post(url, data=json.dumps({"event": "rm -rf", "callId": "x"}), content_type="application/json"),
        desk.post("newCall", "x" * 251, user="101"),
        client.post(f"{url}?callId=1", data=b"{}", content_type="application/json"),
        client.post("/api/cti/v1/not-the-token", data=b"{}", content_type="application/json"),
    ]
    assert [answer.status_code for answer in refused] == [422, 422, 422, 422, 422, 422, 404]
    desk.post("newCall", "c1", name="<script>alert(1)</script>\u202e", from_="0" * 500, user="101", queue="\0q")
    assert desk.rings("101", "c1")["name"] == "<script>alert(1)</script>\u202e"
    desk.post("hangup", "c1", cause="cancel")
    assert desk.finished("c1")["outcome"] == "missed"
    listener = desk.hub.telephone.listeners[desk.account.id]
    assert listener.counters.values.get("faults", 0) == 0


def test_a_recording_told_after_the_call_is_attached_to_it(desk: Desk) -> None:
    desk.post("newCall", "c1", user="101")
    desk.post("answer", "c1", user="101")
    desk.post("recording", "c1", url="c1.wav")
    desk.post("hangup", "c1", cause="normalClearing")
    view = desk.finished("c1")
    assert len(view["recordings"]) == 1


def test_calls_at_once_from_several_senders_do_not_mix(desk: Desk) -> None:
    app = hub_app.create_app(desk.hub)
    senders = [replace(desk, client=app.test_client()) for _ in range(8)]

    def caller(index: int) -> None:
        mine = senders[index]
        for event, more in (
            ("newCall", {"user": "101"}),
            ("answer", {"user": "101"}),
            ("hangup", {"cause": "normalClearing"}),
        ):
            assert mine.post(event, f"c{index}", from_=f"05420000{index:02}", **more).status_code == 200

    threads = [threading.Thread(target=caller, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    views = [desk.finished(f"c{index}") for index in range(8)]
    assert [view["caller"] for view in views] == [f"05420000{index:02}" for index in range(8)]
    assert {view["outcome"] for view in views} == {"answered"}


# --- the process dies between the thank-you and the work -----------------------------------------------------------------------


def test_what_was_thanked_for_is_taken_up_by_the_next_process(hub: Hub) -> None:
    desk = furnish(hub)
    assert desk.post("newCall", "c1", user=["101", "102"]).status_code == 200
    assert desk.post("answer", "c1", user="102").status_code == 200
    assert (desk.raws(RawState.KEPT), desk.count(CallRow)) == (2, 0)  # nobody listens
    desk.ready()
    try:
        until(lambda: (card := desk.card("102", "c1")) is not None and card["state"] == "answered")
        desk.post("hangup", "c1", cause="normalClearing")
        assert desk.finished("c1")["user"] == "omer@example.com"
    finally:
        desk.stop()


@contextmanager
def restarted(desk: Desk, made: Settings) -> Iterator[Desk]:
    with calls.wired(made) as hub:
        bus = calls.ToldBus()
        fresh = replace(hub, bus=bus)
        client = hub_app.create_app(fresh).test_client()
        again = replace(desk, hub=fresh, bus=bus, running=None, client=client)
        try:
            again.ready()
            yield again
        finally:
            again.stop()


def test_a_hub_that_is_restarted_in_a_call_goes_on_with_it(desk: Desk, settings: Settings) -> None:
    desk.post("newCall", "ringing", user=["101", "102"])
    desk.post("newCall", "talking", from_="0541234567", user=["103", "201"])
    desk.post("answer", "talking", from_="0541234567", user="103")
    desk.post("newCall", "over", from_="0541234568", user=["202"])
    desk.post("answer", "over", from_="0541234568", user="202")
    desk.post("hangup", "over", from_="0541234568", cause="normalClearing")
    desk.written("ringing", ringing=["101", "102"])
    desk.written("talking", answered=["103"])
    over = desk.finished("over")
    desk.stop()
    with restarted(desk, settings) as again:
        again.post("answer", "ringing", user="102")
        until(lambda: again.rings("102", "ringing")["state"] == "answered")
        assert again.gone("101", "ringing", "elsewhere")["by"] == "Omer"
        again.post("hangup", "ringing", cause="normalClearing")
        again.post("hangup", "talking", from_="0541234567", cause="normalClearing")
        again.post("hangup", "over", from_="0541234568", cause="busy", seq="2")  # told again in other words
        for key in ("ringing", "talking"):
            view = again.finished(key)
            assert (view["outcome"], view["open"], view["end_estimated"]) == ("answered", False, False)
            assert all(leg["ended_at"] for leg in view["legs"])
        until(lambda: again.raws(RawState.KEPT) == 0)
        assert again.finished("over") == over
        assert len(again.views()) == 3
        assert "ringing" not in again.events("102", "ringing")


# --- over a real socket, signed ------------------------------------------------------------------------------------------------


@pytest.fixture
def served(hub: Hub) -> Iterator[tuple[Desk, HookPbx]]:
    pbx = HookPbx(0, Faults(), secret=SECRET)
    pbx.start()
    desk = furnish(hub, **pbx.settings())
    server = make_server("127.0.0.1", 0, hub_app.create_app(desk.hub), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    pbx.hub_url = f"http://127.0.0.1:{server.server_port}/api/cti/v1/{desk.token}"
    desk.ready()
    try:
        yield desk, pbx
    finally:
        desk.stop()
        server.shutdown()
        thread.join(5)
        server.server_close()
        pbx.stop()


@pytest.mark.alike
@pytest.mark.parametrize("fault", ["", "twice", "swapped", "form", "multipart", "latin1"])
def test_a_signed_call_over_http_is_taken_however_it_is_written(served: tuple[Desk, HookPbx], fault: str) -> None:
    desk, pbx = served
    if fault:
        pbx.faults.add(f"{fault}={'always' if fault in {'twice', 'form', 'multipart'} else 1}")
    key = pbx.ring_in("0542345678", "5550100", ["101", "102"], answer="102")
    view = desk.finished(key)
    assert (view["outcome"], view["user"]) == ("answered", "omer@example.com")
    assert {status for status, _ in pbx.answers} == {200}
    assert len(desk.views()) == 1


def test_an_unsigned_or_too_long_message_is_refused_and_nothing_is_kept(served: tuple[Desk, HookPbx]) -> None:
    desk, pbx = served
    pbx.faults.add("bad_signature=always")
    pbx.ring_in("0542345678", "5550100", ["101"])
    assert {status for status, _ in pbx.answers} == {401}
    assert desk.raws("kept", "applied") == 0
    pbx.faults.clear()
    pbx.faults.add("huge")
    pbx.send({"event": "newCall", "from": "1", "to": "2", "direction": "in", "callId": "h"})
    assert pbx.answers[-1][0] in {413, 422}
    assert desk.raws("kept", "applied") == 0


def test_click_to_dial_goes_to_the_telephone_system_and_a_recording_comes_from_it(served: tuple[Desk, HookPbx]) -> None:
    desk, pbx = served
    with desk.hub.db.write() as session:
        click = desk.hub.telephone.dial(session, desk.person("101"), "0542345678")
    assert [(o["extension"], o["number"], o["id"]) for o in pbx.orders] == [("101", "+972542345678", click.id)]
    out = {"from": "101", "to": "0542345678", "direction": "out", "callId": "c1", "user": "101"}
    pbx.send({"event": "newCall", **out, "clickId": click.id})
    pbx.send({"event": "answer", **out})
    pbx.send({"event": "recording", **out, "url": "talk.wav"})
    pbx.send({"event": "hangup", **out, "cause": "normalClearing"})
    assert desk.finished("c1")["click_id"] == click.id
    assert desk.recording("c1", "ready").size
    pbx.faults.add("refuse")
    with pytest.raises(UserError, match="refused") as told, desk.hub.db.write() as session:
        desk.hub.telephone.dial(session, desk.person("101"), "0542345678")
    assert told.value.error_id == "refused"
    with desk.hub.db.read() as session:
        row = session.get_one(CallRow, desk.row("c1").id)  # type: ignore[union-attr]  # it is there
    with pytest.raises(UserError):
        desk.hub.telephone.hang_up(desk.person("101"), row)


def test_a_paused_account_asks_the_sender_to_come_again(desk: Desk) -> None:
    with desk.hub.db.write() as session:
        accounts.pause(session.get_one(Account, desk.account.id))
    answer = desk.post("newCall", "c1", user="101")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    with desk.hub.db.write() as session:
        accounts.resume(session, session.get_one(Account, desk.account.id), None)
    assert desk.post("newCall", "c1", user="101").status_code == 200
    desk.post("hangup", "c1", cause="cancel")
    desk.finished("c1")
