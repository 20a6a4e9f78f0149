"""Recorded streams, bad connections, and everything that can break in the middle of a call; on both databases."""

import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from connectors.asterisk import ami, exchange
from connectors.asterisk.records import history
from connectors.asterisk.simulated_pbx import SimCall
from connectors.asterisk.simulator import AsteriskSimulator, fresh
from hub import app as hub_app
from hub.context import Hub
from hub.cti import backfill, screen_pop
from hub.cti.models import CallRow, Pop
from hub.intake import accounts
from hub.intake.models import Account, RawRecord, StreamState
from hub.settings import Settings
from hub.timeline.models import Interaction, Task
from tests.e2e import calls
from tests.e2e.calls import Office, until
from tests.e2e.certificates import self_signed
from tests.fakes.servers import Postgres

TRACES = Path(__file__).parents[1] / "fixtures" / "asterisk"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return calls.settings(tmp_path, database_url)


@pytest.fixture
def office(hub: Hub) -> Iterator[Office]:
    with calls.office(hub, timeout_s=1) as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back after a loss within a blink: the growth of the delays is a matter of the connector's own tests."""
    monkeypatch.setattr(ami, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(ami, "LAST_DELAY_S", 0.2)
    monkeypatch.setattr(ami, "FIRST_REFUSED_S", 0.1)
    monkeypatch.setattr(ami, "LAST_REFUSED_S", 0.2)


# --- recorded streams of a real exchange ----------------------------------------------------------------------------------


def traces() -> list[str]:
    """All but one, which tells when its exchange was started: not when ours was."""
    names = sorted(path.name.removesuffix(".json") for path in TRACES.glob("*.json"))
    return [name for name in names if name != "72_channels_listed"]


def truth_of(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((TRACES / f"{name}.json").read_text())["calls"]
    return found


def differences(view: dict[str, Any], truth: dict[str, Any]) -> Iterator[str]:
    """Everything in which a call is not what really happened, but for lengths of time: it was played at once."""
    agent = next((leg["extension"] for leg in view["legs"] if leg["origin"] and leg["extension"]), "")
    rang = {leg["extension"] for leg in view["legs"] if leg["extension"] and leg["ringing_at"] and not leg["origin"]}
    took = [leg["extension"] for leg in sorted_legs(view) if leg["result"] == "answered" and not leg["origin"]]
    ours = {
        "direction": view["direction"],
        "caller": view["caller"],
        "did": view["did"],
        "queue": view["queue"] or "",
        "customer_id": view["customer_number"],
        "agent": agent,
        "number": view["callee"],
        "callee": view["callee"],
        "rang": sorted(rang),
        "outcome": view["outcome"],
        "reason": view["reason"],
        "hangup_by": view["hangup_by"],
    }
    for name, mine in ours.items():
        wanted = sorted(truth[name]) if name == "rang" and name in truth else truth.get(name)
        if name == "caller" and truth.get("presentation") == "prohibited":
            wanted = ""
        if name in truth and (wanted or "") != (mine or ""):
            yield f"{name} is {mine!r}, not {wanted!r}"
    answered_by = truth.get("answered_by") or []
    if view["direction"] != "outbound" and not set(answered_by) <= set(took):
        yield f"answered_by is {took}, not {answered_by}"
    if "transfer" in truth:
        known = [t["kind"] for t in truth["transfer"]]
        mine = [
            {"kind": t["kind"], "from": t["from"], "to": t["to"], "result": t["result"] or ""}
            for t in view["transfers"]
            if t["kind"] in {"blind", "attended", *known}
        ]
        if mine != truth["transfer"]:
            yield f"transfer is {mine}, not {truth['transfer']}"
    if "recording" in truth and not view["recordings"]:
        yield "there is no recording"
    if view["open"] or view["end_estimated"] is not (view["outcome"] == "lost"):
        yield f"open={view['open']} estimated={view['end_estimated']}"


def sorted_legs(view: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(view["legs"], key=lambda leg: leg["answered_at"] or leg["offered_at"])


def play(office: Office, name: str) -> int:
    """Play a recorded stream at once; returns how many messages that was."""
    stream = (TRACES / f"{name}.ami").read_bytes()
    office.pbx.replay(fresh(stream), speed=0, fresh_ids=False)
    return stream.count(b"\r\n\r\n")


def all_over(office: Office) -> bool:
    views = office.views()
    return bool(views) and not any(view["open"] for view in views) and len(office_raws(office)) >= len(views)


def office_raws(office: Office) -> list[RawRecord]:
    with office.hub.db.read() as session:
        return list(session.scalars(select(RawRecord).where(RawRecord.stream == "calls")))


def test_every_recorded_stream_gives_its_truth_in_the_database_each_call_once(office: Office) -> None:
    """One stream after the other, then some of them again and again: ten thousand messages and more."""
    known: set[str] = set()
    messages = 0
    for name in traces():
        if name == "40_restart_midcall_part2":
            office.pbx.kill()
            office.pbx.boot()
            office.hears(again=True)
        messages += play(office, name)
        if name == "40_restart_midcall_part1":  # it goes on after the exchange's death
            await_calls(office, len(known) + 1, over=False)
            continue
        truth = truth_of(name)
        await_calls(office, len(known) + len(truth), why=name)
        found = [view for view in office.views() if view["key"] not in known]
        known |= {view["key"] for view in found}
        if name == "40_restart_midcall_part2":
            assert [view["outcome"] for view in found][:1] == ["lost"]
            continue
        assert len(found) == len(truth), (name, found)
        for view, wanted in zip(sorted(found, key=lambda v: str(v["started_at"])), truth, strict=True):
            assert list(differences(view, wanted)) == [], name
    wanted_calls = len(known)
    while messages < 10_000:
        for name in (
            "01_ringgroup_answer",
            "09_queue_answer",
            "14_blind_refer",
            "52_refer_replaces",
            "04_ringgroup_local_n",
        ):
            messages += play(office, name)
            wanted_calls += len(truth_of(name))
    await_calls(office, wanted_calls)
    until(lambda: len(office_raws(office)) == wanted_calls)
    views = office.views()
    assert len({view["key"] for view in views}) == len(views) == wanted_calls
    assert office.count(Interaction) == wanted_calls
    listener = office.hub.telephone.listeners[office.account.id]
    assert listener.counters.values["received"] >= 10_000
    until(lambda: listener.open_calls == 0)
    assert listener.counters.values.get("faults", 0) == 0


def await_calls(office: Office, count: int, *, over: bool = True, why: str = "") -> None:
    """Wait until there are so many calls, and they are over."""

    def there() -> bool:
        views = office.views()
        return len(views) >= count and not (over and any(view["open"] for view in views))

    until(there, why=lambda: (why, count, len(office.views()), [v for v in office.views() if v["open"]]))


def test_a_stream_played_twice_in_a_row_under_the_same_ids_is_one_call(office: Office) -> None:
    stream = fresh((TRACES / "01_ringgroup_answer.ami").read_bytes())
    office.pbx.replay(stream, speed=0, fresh_ids=False)
    until(lambda: all_over(office))
    office.pbx.replay(stream, speed=0, fresh_ids=False)
    play(office, "02_ringgroup_missed")
    until(lambda: len(office.views()) == 2 and all_over(office))
    assert [view["outcome"] for view in office.views()] == ["answered", "missed"]


# --- bad connections --------------------------------------------------------------------------------------------------------


@contextmanager
def running(made: Office) -> Iterator[Office]:
    """Start a hub whose exchange cannot be heard yet."""
    made.running = hub_app.start(made.hub)
    try:
        yield made
    finally:
        made.stop()


def change(office: Office, **values: Any) -> None:
    """What the administrator does when told what is wrong."""
    with office.hub.db.write() as session:
        row = session.get_one(Account, office.account.id)
        accounts.update(row, office.hub.connectors["asterisk"], office.hub.vault, {**row.settings, **values})


def hears_calls(office: Office) -> None:
    office.hears()
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    office.rings("101", call.linked)
    call.hangup("caller")
    assert office.finished(call.linked)["outcome"] == "missed"
    assert office.is_healthy().health_text == ""


def test_a_wrong_password_is_said_with_its_cure_and_mended_without_a_restart(hub: Hub) -> None:
    with calls.exchange() as pbx, running(calls.furnish(hub, pbx, secret="wrong", timeout_s=1)) as office:
        row = office.is_ill("refuses user", "manager.conf", "reload", health="needs_you")
        assert row.next_try_at is not None
        assert "wrong" not in row.health_text
        change(office, secret=pbx.secret)
        hears_calls(office)


def test_refused_rights_are_said_with_their_cure_and_calls_are_heard_all_the_same(hub: Hub) -> None:
    with calls.exchange() as pbx:
        pbx.write.clear()
        with running(calls.furnish(hub, pbx, timeout_s=1)) as office:
            office.is_ill("refuses", "write = originate,call,reporting", "manager.conf", health="warnings")
            call = pbx.ring(caller=office.number(), extensions=["101"])
            office.rings("101", call.linked)
            call.answer("101")
            call.hangup()
            assert office.finished(call.linked)["outcome"] == "answered"
            pbx.write.update({"originate", "call", "reporting"})
            pbx.cut()
            hears_calls(office)


def test_a_certificate_of_a_stranger_is_said_with_its_cure(hub: Hub, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "pbx.pem")
    encrypted = calls.exchange(certificate=str(certificate))
    with encrypted as pbx, running(calls.furnish(hub, pbx, tls=True, timeout_s=1)) as office:
        office.is_ill("certificate", "`ca`")
        change(office, ca=certificate.read_text())
        hears_calls(office)


def test_plain_talk_to_a_tls_port_and_tls_to_a_plain_port_are_said(hub: Hub, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "pbx.pem")
    encrypted = calls.exchange(certificate=str(certificate))
    with encrypted as pbx, running(calls.furnish(hub, pbx, "Plain to TLS", timeout_s=1)) as office:
        office.is_ill("TLS as set here")
    with calls.exchange() as pbx, running(calls.furnish(hub, pbx, "TLS to plain", tls=True, timeout_s=1)) as office:
        office.is_ill("TLS", "TLS port")
        change(office, tls=False)
        hears_calls(office)


def test_a_closed_port_is_said_and_the_exchange_is_heard_as_soon_as_it_opens(hub: Hub) -> None:
    with calls.exchange() as pbx:
        pbx.disconnect()
        with running(calls.furnish(hub, pbx, timeout_s=1)) as office:
            row = office.is_ill("cannot be reached", "does Asterisk run", health="late")
            assert row.next_try_at is not None
            pbx.boot()
            hears_calls(office)


FAULTY = {
    "silent": "says nothing",
    "half_tls": "says nothing",
    "garbage": "",
    "endless": "without the end of a message",
    "truncated": "closed the connection",
    "drop": "closed the connection",
    "stop_reading": "does not answer",
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_broken_stream_is_left_and_heard_again(hub: Hub, fault: str) -> None:
    with calls.exchange() as pbx:
        pbx.faults.add(fault)
        with running(calls.furnish(hub, pbx, timeout_s=0.5, keepalive_s=0.3)) as office:
            if fault in {"truncated", "drop"}:
                office.hears()
                pbx.ring(caller=office.number(), extensions=["101"]).hangup("caller")
            if FAULTY[fault]:
                said = set()

                def mentioned() -> bool:
                    said.add(office.health().health_text)
                    listener = office.hub.telephone.listeners.get(office.account.id)
                    return listener is not None and listener.counters.values.get("reconnects", 0) >= 1

                until(mentioned, why=said)
            hears_calls(office)
            until(lambda: not [view for view in office.views() if view["open"]])
            listener = office.hub.telephone.listeners[office.account.id]
            assert listener.counters.values.get("faults", 0) == 0


def test_one_exchange_that_cannot_be_heard_costs_the_other_nothing(hub: Hub) -> None:
    with calls.exchange() as good, calls.exchange() as bad:
        ill = calls.furnish(hub, bad, "Ill", secret="wrong")
        office = calls.furnish(hub, good, "Well")
        office.start()
        try:
            ill.is_ill("refuses user")
            hears_calls(office)
        finally:
            office.stop()


def test_who_speaks_another_protocol_is_no_manager(hub: Hub) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with calls.exchange() as pbx:
            port = str(server.getsockname()[1])
            with running(calls.furnish(hub, pbx, port=port, timeout_s=1)) as office:
                office.is_ill("is not an Asterisk manager", "SSH-2.0")
                change(office, port=str(pbx.port))
                hears_calls(office)
        server.shutdown(socket.SHUT_RDWR)


# --- the connection breaks in a call ---------------------------------------------------------------------------------------

PHASES = ("ringing", "answered", "transferred", "settling")


def bring_to(office: Office, phase: str) -> SimCall:
    """Let a call of 101 and 102 come as far as `phase`."""
    call = office.pbx.ring(caller=office.number(), extensions=["101", "102"])
    key = call.linked
    office.rings("101", key)
    office.written(key, ringing=["101", "102"])
    if phase == "ringing":
        return call
    call.answer("101")
    office.written(key, answered=["101"])
    if phase == "answered":
        return call
    if phase == "transferred":
        call.transfer("103")
        office.rings("103", key)
        office.written(key, ringing=["103"])
        return call
    call.hangup("caller")
    until(lambda: (view := office.view(key)) is not None and not view["open"])
    return call


def finish(office: Office, call: SimCall, phase: str) -> dict[str, Any]:
    """Let it go on to its end, as if nothing had been."""
    if phase == "ringing":
        call.answer("102")
        office.written(call.linked, answered=["102"])
    if phase == "transferred":
        call.answer("103")
        office.written(call.linked, answered=["103"])
    if phase != "settling":
        call.hangup("caller")
    return office.finished(call.linked)


@pytest.mark.parametrize("phase", PHASES)
def test_a_connection_that_breaks_in_a_call_costs_nothing(office: Office, phase: str) -> None:
    call = bring_to(office, phase)
    told = {extension: office.events(extension, call.linked) for extension in ("101", "102", "103")}
    office.pbx.cut()
    office.hears(again=True)
    view = finish(office, call, phase)
    assert (view["outcome"], view["end_estimated"]) == ("answered", False)
    assert len(office.views()) == 1
    assert view["id"] == office.public_id(call.linked)
    for extension, before in told.items():
        assert office.events(extension, call.linked).count("ringing") <= max(1, before.count("ringing"))
    assert office.entry(call.linked)


def test_a_call_that_ended_while_the_line_was_down_is_closed_and_says_that_its_end_is_a_guess(office: Office) -> None:
    call = bring_to(office, "answered")
    office.pbx.disconnect()
    call.hangup("caller")
    office.pbx.boot()
    view = office.finished(call.linked)
    assert (view["outcome"], view["end_estimated"], view["source"]) == ("answered", True, "live")
    assert office.card("102", call.linked) is None


def test_a_call_that_began_while_the_line_was_down_pops_only_where_it_rings_now(office: Office) -> None:
    office.pbx.disconnect()
    talking = office.pbx.ring(caller=office.number(), extensions=["101"])
    talking.answer("101")
    ringing = office.pbx.ring(caller=office.number(), extensions=["102"])
    over = office.pbx.ring(caller=office.number(), extensions=["103"])
    over.hangup("caller")
    office.pbx.boot()
    office.rings("102", ringing.linked)
    office.written(talking.linked)
    ringing.answer("102")
    office.written(ringing.linked, answered=["102"])
    for call in (talking, ringing):
        call.hangup("caller")
        assert office.finished(call.linked)["outcome"] == "answered"
    assert office.events("101", talking.linked) == []
    assert office.row(over.linked) is None  # only the exchange's own records know of it


@pytest.mark.parametrize("phase", ["ringing", "answered", "transferred"])
def test_an_exchange_that_is_killed_in_a_call_loses_it_and_nothing_else(office: Office, phase: str) -> None:
    call = bring_to(office, phase)
    office.pbx.kill()
    office.is_ill("")
    office.pbx.boot()
    view = office.finished(call.linked)
    assert (view["outcome"], view["end_estimated"], view["reason"]) == ("lost", True, "pbx_died")
    assert view["ended_at"] >= view["started_at"]
    for extension in ("101", "102", "103"):
        card = office.card(extension, call.linked)
        assert card is None or card["state"] == "ended"
    hears_calls(office)
    assert len(office.views()) == 2
    assert office.entry(call.linked)


def test_a_restart_in_order_ends_calls_by_their_hangups(office: Office) -> None:
    call = bring_to(office, "answered")
    call.hangup("agent")
    until(lambda: (view := office.view(call.linked)) is not None and not view["open"])
    office.pbx.kill()
    office.pbx.boot()
    view = office.finished(call.linked)
    assert (view["outcome"], view["end_estimated"]) == ("answered", False)


# --- the hub itself stops in a call -----------------------------------------------------------------------------------------


@contextmanager
def restarted(office: Office, made: Settings) -> Iterator[Office]:
    """The same office in a new hub, as after a restart of the process."""
    with calls.wired(made) as hub:
        bus = calls.ToldBus()
        again = replace(office, hub=replace(hub, bus=bus), bus=bus, running=None)
        try:
            again.start()
            yield again
        finally:
            again.stop()


@pytest.mark.parametrize("phase", PHASES)
def test_a_hub_that_is_restarted_in_a_call_goes_on_with_it(office: Office, settings: Settings, phase: str) -> None:
    call = bring_to(office, phase)
    office.stop()
    with restarted(office, settings) as again:
        view = finish(again, call, phase)
        assert (view["outcome"], view["end_estimated"]) == ("answered", False)
        assert len(again.views()) == 1
        assert again.events("101", call.linked).count("ringing") == 0
        assert again.events("102", call.linked).count("ringing") == 0


def test_a_card_that_was_dismissed_stays_away_after_a_restart(office: Office, settings: Settings) -> None:
    call = bring_to(office, "ringing")
    with office.hub.db.write() as session:
        row = office.row(call.linked)
        assert row is not None
        screen_pop.dismiss(session, office.bus, row, office.user("101"))
    office.stop()
    with restarted(office, settings) as again:
        assert again.card("101", call.linked) is None
        assert again.rings("102", call.linked)
        call.answer("101")
        again.written(call.linked, answered=["101"])
        assert again.card("101", call.linked) is None
        call.hangup("caller")
        assert again.finished(call.linked)["outcome"] == "answered"
        assert again.events("101", call.linked) == ["ended"]


def test_a_call_whose_memory_cannot_be_read_is_found_again_in_the_exchange(office: Office, settings: Settings) -> None:
    """As after going back to an older version of the hub."""
    living, over = bring_to(office, "answered"), bring_to(office, "ringing")
    office.stop()
    over.hangup("caller")
    with office.hub.db.write() as session:
        for row in session.scalars(select(CallRow)):
            row.state = {"format": "of another time"}
    with restarted(office, settings) as again:
        again.written(living.linked, answered=["101"])
        living.hangup("caller")
        until(lambda: again.finished(living.linked)["outcome"] == "answered")
        view = again.finished(living.linked)
        assert view["id"] == office.public_id(living.linked)
        gone = again.view(over.linked)
        assert gone is not None
        assert (gone["open"], gone["outcome"], gone["end_estimated"]) == (False, "lost", True)
        assert len(again.views()) == 2


# --- the exchange's own records ---------------------------------------------------------------------------------------------

COLUMNS = 18


def cdr(
    uniqueid: str, src: str, dst: str, channel: str, start: datetime, *, dstchannel: str = "", answered: int | None = None,
    ended: int = 9, context: str = "from-trunk",
) -> str:  # fmt: skip
    """One row of Master.csv, as cdr_csv writes it with `loguniqueid` and `usegmtime`."""

    def at(seconds: int | None) -> str:
        return "" if seconds is None else (start + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")

    bill = 0 if answered is None else ended - answered
    fields = [
        "", src, dst, context, f'""Somebody"" <{src}>', channel, dstchannel, "Dial", "PJSIP/101,12,tT", at(0), at(answered),
        at(ended), ended, bill, "NO ANSWER" if answered is None else "ANSWERED", "DOCUMENTATION", uniqueid, "",
    ]  # fmt: skip
    assert len(fields) == COLUMNS
    return ",".join(str(one) if isinstance(one, int) else f'"{one}"' for one in fields) + "\n"


@pytest.fixture
def master(tmp_path: Path) -> Path:
    file = tmp_path / "cdr" / "Master.csv"
    file.parent.mkdir()
    file.touch()
    return file


@pytest.fixture
def recorded(hub: Hub, master: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office whose exchange writes call records where the hub can read them, and where calls are soon over."""
    monkeypatch.setattr(exchange, "history", partial(history, now=lambda: time.time() + 120))
    with calls.office(hub, timeout_s=1, cdr_source=f"{master}?zone=UTC") as made:
        yield made


def read_again(office: Office) -> dict[str, int]:
    """Let the workers read the records now, and wait until they have."""
    began = datetime.now(UTC)
    with office.hub.db.write() as session:
        backfill.due(session, office.account.id, began)

    def was_read() -> StreamState | None:
        with office.hub.db.read() as session:
            row = session.scalar(select(StreamState).where(StreamState.stream == backfill.HISTORY))
        if row is None or row.last_run_at is None or row.last_run_at < began or row.due_at == began:
            return None
        return row

    return dict(until(was_read).counts)


def test_a_gap_is_filled_from_the_exchanges_records_without_a_pop_and_never_twice(
    recorded: Office, master: Path
) -> None:
    office, number = recorded, recorded.number()
    customer = office.customer("In The Gap", number)
    office.pbx.disconnect()
    began = datetime.now(UTC) - timedelta(seconds=30)
    epoch = int(began.timestamp())
    missed = f"{epoch}.7001"
    taken = f"{epoch}.7004"
    with master.open("a") as file:
        for phone in ("101", "102"):
            file.write(
                cdr(missed, number, "5550100", "PJSIP/trunk-0000aaaa", began, dstchannel=f"PJSIP/{phone}-0000aaab")
            )
        file.write(
            cdr(taken, number, "5550101", "PJSIP/trunk-0000aaac", began, dstchannel="PJSIP/103-0000aaad", answered=2)
        )
    office.pbx.boot()
    view = office.finished(missed)
    assert (view["source"], view["outcome"], view["direction"], view["caller"]) == (
        "backfill",
        "missed",
        "inbound",
        number,
    )
    answered = office.finished(taken)
    assert (answered["source"], answered["outcome"], answered["user"]) == ("backfill", "answered", "ruth@example.com")
    assert answered["talk_s"] == 7
    assert view["party"] == answered["party"] == str(customer.public_id)
    assert office.bus.told == []
    assert office.count(Pop) == 0
    assert office.entry(missed)
    read_again(office)
    office.pbx.cut()
    read_again(office)
    assert len(office.views()) == 2
    assert office.count(Interaction) == 2


def test_a_call_that_was_heard_is_not_doubled_by_its_record(recorded: Office, master: Path) -> None:
    office = recorded
    call = bring_to(office, "answered")
    call.hangup("caller")
    live = office.finished(call.linked)
    with master.open("a") as file:
        for phone, answered in (("101", 1), ("102", None)):
            channel = next(leg["extension"] for leg in live["legs"] if leg["extension"] == phone)
            file.write(
                cdr(call.linked, live["caller"], "5550100", call.origin.name, live["started_at"],
                    dstchannel=f"PJSIP/{channel}-0000bbbb", answered=answered)
            )  # fmt: skip
    counts = read_again(office)
    assert (counts["new"], counts["known"]) == (0, 1)
    assert [{**view, "recordings": []} for view in office.views()] == [{**live, "recordings": []}]


def test_an_end_that_was_guessed_is_replaced_by_the_record_whenever_that_is_read(
    recorded: Office, master: Path
) -> None:
    """Also where the record was passed by while the hub still took the call for a live one."""
    office = recorded
    call = bring_to(office, "answered")
    started = office.written(call.linked)["started_at"]
    office.pbx.disconnect()
    call.hangup("caller")
    with master.open("a") as file:
        file.write(cdr(call.linked, call.origin.number, "5550100", call.origin.name, started,
                       dstchannel="PJSIP/101-0000bbbb", answered=1, ended=5))  # fmt: skip
    read_again(office)  # where the worker that noticed the gap has not been faster
    office.pbx.boot()
    office.finished(call.linked)
    until(lambda: not office.finished(call.linked)["end_estimated"])
    view = office.finished(call.linked)
    assert (view["outcome"], view["talk_s"], view["source"]) == ("answered", 4, "live")
    assert abs((view["ended_at"] - started).total_seconds() - 5) < 1.01
    assert len(office.views()) == 1
    entry, _ = office.entry(call.linked)
    assert entry.detail["talk_s"] == 4


def test_a_call_that_rang_when_the_line_broke_and_was_answered_then_is_answered_in_the_end(
    recorded: Office, master: Path
) -> None:
    office = recorded
    call = bring_to(office, "ringing")
    started = office.written(call.linked)["started_at"]
    number = office.written(call.linked)["number"]
    office.pbx.disconnect()
    call.answer("102")
    call.hangup("agent")
    office.pbx.boot()
    office.finished(call.linked)
    with master.open("a") as file:
        for phone, answered in (("101", None), ("102", 2)):
            file.write(cdr(call.linked, call.origin.number, "5550100", call.origin.name, started,
                           dstchannel=f"PJSIP/{phone}-0000bbbb", answered=answered))  # fmt: skip
    read_again(office)
    view = office.finished(call.linked)
    assert (view["outcome"], view["end_estimated"], view["talk_s"]) == ("answered", False, 7)
    assert view["user"] == "omer@example.com"
    assert number not in office.missed("101") + office.missed("102")


def test_records_that_cannot_be_read_are_said_and_read_when_they_can(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "Master.csv"
    folder.mkdir()
    with calls.office(hub, timeout_s=1, cdr_source=str(folder)) as office:

        def error() -> str:
            with office.hub.db.read() as session:
                row = session.scalar(select(StreamState).where(StreamState.stream == "history"))
            return row.last_error if row is not None else ""

        assert "Master.csv" in until(error)
        folder.rmdir()
        folder.touch()
        read_again(office)
        assert error() == ""


# --- the database stops ------------------------------------------------------------------------------------------------------


def is_there(office: Office) -> bool:
    try:
        return office.count() >= 0
    except OperationalError:
        return False


def test_a_database_that_is_away_during_calls_costs_nothing_but_time(tmp_path: Path) -> None:
    server = Postgres()
    try:
        url = server.database()
        made = calls.settings(tmp_path, url, HUB_WORK__LISTENER_HEARTBEAT_S="0.2")
        hub = hub_app.create_hub(made)
        try:
            with calls.office(hub) as office:
                talking, ringing = bring_to(office, "answered"), bring_to(office, "ringing")
                server.stop(signal.SIGQUIT)
                number = office.number()
                new = office.pbx.ring(caller=number, extensions=["103"])
                assert office.rings("103", new.linked)["number"]  # the card needs no database
                new.answer("103")
                until(lambda: office.rings("103", new.linked)["state"] == "answered")
                talking.hangup("caller")
                ringing.answer("102")
                until(lambda: office.rings("102", ringing.linked)["state"] == "answered")
                ringing.hangup("agent")
                server.start()
                until(lambda: is_there(office))
                new.hangup("caller")
                for call in (talking, ringing, new):
                    view = office.finished(call.linked)
                    assert (view["outcome"], view["end_estimated"]) == ("answered", False)
                assert len(office.views()) == 3
                assert office.count(Interaction) == 3
                assert office.count(Task) == 0
                assert [one["state"] for one in office.bus.cards(office.user("103"))] in ([], ["ended"])
                hears_calls(office)
        finally:
            hub_app.close_hub(hub)
    finally:
        server.close()


def test_a_locked_sqlite_file_delays_rows_and_not_the_card(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    with calls.wired(calls.settings(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}")) as hub, calls.office(hub) as office:
        with office.hub.db.write() as session:
            session.connection()  # somebody else writes, and takes his time
            call = office.pbx.ring(caller=office.number(), extensions=["101"])
            assert office.rings("101", call.linked)
            call.answer("101")
            until(lambda: office.rings("101", call.linked)["state"] == "answered")
            assert office.row(call.linked) is None
            call.hangup("caller")
        assert office.finished(call.linked)["outcome"] == "answered"
        assert list(office.pops(call.linked)) == ["101"]


def test_a_queue_that_overflows_is_counted_and_the_truth_asked_for_anew(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    made = calls.settings(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", HUB_CALLS__QUEUE="100")
    with calls.wired(made) as hub, calls.office(hub) as office:
        listener = office.hub.telephone.listeners[office.account.id]
        held: AsteriskSimulator = office.pbx
        with listener._waiting_lock:
            listener._waiting = listener._limit  # as if the ear were behind
        call = held.ring(caller=office.number(), extensions=["101"])
        until(lambda: listener.counters.values.get("dropped", 0) > 0)
        with listener._waiting_lock:
            listener._waiting = 0
        office.rings("101", call.linked)
        call.hangup("caller")
        assert office.finished(call.linked)["outcome"] == "missed"
