"""FastAGI: the caller's name and owner, and a call that goes on whatever happens to us."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asterisk import agi
from connectors.asterisk.settings import AsteriskSettings
from hub.connector.exchange import Greeting, Inquiry

CALL = {
    "agi_network_script": "lookup",
    "agi_request": "agi://127.0.0.1/lookup",
    "agi_callerid": "0612345678",
    "agi_calleridname": "Somebody",
    "agi_callingpres": "0",
    "agi_dnid": "5550500",
    "agi_uniqueid": "1.2",
    "agi_arg_1": "1.1",
}
ACME = Greeting("ACME Łódź", "102")


def settings(**values: object) -> AsteriskSettings:
    given = {"host": "x", "username": "x", "secret": "x", "agi_names": True, "agi_owner": True, "timeout_s": 1}
    return AsteriskSettings.model_validate(given | values)


def exchange_side(sock: socket.socket, env: dict[str, str], answer: bytes = b"200 result=1\n") -> list[str]:
    """Play Asterisk: send the environment, answer each command, return the commands."""
    sock.sendall("".join(f"{key}: {value}\n" for key, value in env.items()).encode("utf-8", "surrogateescape") + b"\n")
    commands = []
    with sock.makefile("rb") as lines:
        for line in lines:
            commands.append(line.decode().rstrip("\n"))
            sock.sendall(answer)
    return commands


def ask(
    answer: Callable[[Inquiry], Greeting],
    env: dict[str, str],
    said: bytes = b"200 result=1\n",
    switches: dict[str, object] | None = None,
) -> list[str]:
    ours, theirs = socket.socketpair()
    receptionist = agi.Receptionist(settings(**(switches or {})), answer)

    def serve() -> None:
        with ours:
            receptionist.attend(ours, "127.0.0.1")

    thread = threading.Thread(target=serve)
    thread.start()
    with theirs:
        theirs.settimeout(5)
        commands = exchange_side(theirs, env, said)
    thread.join(5)
    assert not thread.is_alive()
    return commands


def test_the_phone_gets_the_name_and_the_dialplan_the_owner() -> None:
    asked: list[Inquiry] = []

    def answer(question: Inquiry) -> Greeting:
        asked.append(question)
        return ACME

    assert ask(answer, CALL) == ['SET VARIABLE "CALLERID(name)" "ACME Łódź"', 'SET VARIABLE "HUB_OWNER" "102"']
    assert asked == [Inquiry("0612345678", "Somebody", "5550500", withheld=False, keyed="", call_ref="1.1")]


@pytest.mark.parametrize(
    ("switches", "commands"),
    [
        ({"agi_names": False}, ['SET VARIABLE "HUB_OWNER" "102"']),
        ({"agi_owner": False}, ['SET VARIABLE "CALLERID(name)" "ACME Łódź"']),
        ({"agi_names": False, "agi_owner": False}, []),
    ],
)
def test_each_of_both_is_a_switch(switches: dict[str, object], commands: list[str]) -> None:
    assert ask(lambda _: ACME, CALL, switches=switches) == commands


def test_a_hostile_name_cannot_run_a_command() -> None:
    name = 'Bob"\nSET VARIABLE X "y\\\x00\x1b' + "z" * 500
    (command,) = ask(lambda _: Greeting(name), CALL)
    assert command.startswith('SET VARIABLE "CALLERID(name)" "Bob  SET VARIABLE X  y')
    assert len(command) < 130


@pytest.mark.parametrize("owner", ["", "0123", "1234567", "12a", "102&SIP/evil", "1", "١٠٢"])
def test_an_owner_that_is_no_extension_is_not_set(owner: str) -> None:
    assert ask(lambda _: Greeting("", owner), CALL) == []


def test_a_withheld_caller_stays_unnamed_unless_the_admin_says_so() -> None:
    withheld = CALL | {"agi_callingpres": "32"}
    assert ask(lambda _: Greeting("ACME"), withheld) == []
    assert ask(lambda _: Greeting("ACME"), withheld, switches={"reveal_withheld": True}) == [
        'SET VARIABLE "CALLERID(name-pres)" "allowed"',
        'SET VARIABLE "CALLERID(num-pres)" "allowed"',
        'SET VARIABLE "CALLERID(name)" "ACME"',
    ]


@pytest.mark.parametrize(
    ("env", "number", "withheld", "did", "keyed", "ref"),
    [
        ({}, "", True, "", "", ""),
        ({"agi_callerid": "unknown", "agi_dnid": "unknown", "agi_extension": "55"}, "", True, "55", "", ""),
        ({"agi_callerid": "Anonymous"}, "", True, "", "", ""),
        ({"agi_callerid": "1", "agi_callingpres": "35"}, "1", True, "", "", ""),
        ({"agi_callerid": "1", "agi_callingpres": "67"}, "1", False, "", "", ""),
        ({"agi_callerid": "1", "agi_callingpres": "x"}, "1", False, "", "", ""),
        ({"agi_callerid": "1", "agi_arg_2": "12 34;5#", "agi_uniqueid": "7.8"}, "1", False, "", "12345#", "7.8"),
    ],
)
def test_missing_and_odd_values_are_understood(
    env: dict[str, str], number: str, withheld: bool, did: str, keyed: str, ref: str
) -> None:
    asked = agi.inquiry(env)
    assert (asked.number, asked.withheld, asked.did, asked.keyed, asked.call_ref) == (number, withheld, did, keyed, ref)


@given(st.dictionaries(st.sampled_from(sorted(CALL)), st.text(max_size=50)))
def test_any_environment_makes_a_question(env: dict[str, str]) -> None:
    asked = agi.inquiry(env)
    assert len(asked.number) <= 40
    assert len(asked.name) <= 80


def test_a_slow_hub_does_not_hold_the_call() -> None:
    release = threading.Event()

    def answer(_: Inquiry) -> Greeting:
        release.wait(10)
        return ACME

    began = time.monotonic()
    assert ask(answer, CALL) == []
    assert time.monotonic() - began < 2
    release.set()


def test_a_crashing_hub_does_not_hold_the_call() -> None:
    def answer(_: Inquiry) -> Greeting:
        raise RuntimeError("ill")

    assert ask(answer, CALL) == []


def test_look_ups_that_hang_are_not_joined_by_more_than_a_few() -> None:
    release = threading.Event()
    running: list[int] = []

    def answer(_: Inquiry) -> Greeting:
        running.append(1)
        release.wait(10)
        return ACME

    receptionist = agi.Receptionist(settings(), answer)
    question = agi.inquiry(CALL)
    callers = [threading.Thread(target=receptionist._look_up, args=(question,)) for _ in range(30)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(5)
    assert len(running) == agi.LOOKUPS
    release.set()


@pytest.mark.parametrize(
    "said", [b"HANGUP\n", b"200 result=-1\n", b"510 Invalid\n", b"\xff\xfe\n", b"520-Usage\n520 End\n"]
)
def test_a_caller_who_hangs_up_or_an_odd_answer_ends_it_quietly(said: bytes) -> None:
    assert len(ask(lambda _: ACME, CALL, said)) == 1


def test_an_exchange_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "SILENCE_S", 0.05)
    ours, theirs = socket.socketpair()
    with theirs, ours:
        agi.Receptionist(settings(), lambda _: ACME).attend(ours, "127.0.0.1")


@pytest.mark.parametrize("data", [b"x" * 10_000, b"a: b\n" * 200])
def test_an_exchange_that_says_too_much_is_left(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs, ours:
        theirs.sendall(data)
        began = time.monotonic()
        agi.Receptionist(settings(), lambda _: ACME).attend(ours, "127.0.0.1")
        assert time.monotonic() - began < agi.SILENCE_S


def test_a_stranger_is_not_asked_what_he_wants() -> None:
    asked: list[Inquiry] = []

    def answer(question: Inquiry) -> Greeting:
        asked.append(question)
        return ACME

    receptionist = agi.Receptionist(settings(agi_allow="192.0.2.0/24"), answer)
    for peer in ("198.51.100.7", "127.0.0.1"):
        ours, theirs = socket.socketpair()
        with theirs, ours:
            theirs.sendall(b"agi_callerid: 1\n\n")
            receptionist.attend(ours, peer)
    assert asked == []


@contextmanager
def serving(receptionist: agi.Receptionist) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=receptionist.serve, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(what: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    clock = threading.Event()
    while not what():
        assert time.monotonic() < deadline
        clock.wait(0.01)


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_the_listener_answers_over_tcp_and_ends_on_stop() -> None:
    port = free_port()
    with serving(agi.Receptionist(settings(agi_port=port), lambda _: ACME)):
        until(lambda: is_open(port))
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            assert len(exchange_side(sock, CALL)) == 2
    assert not is_open(port)


def test_the_watchdog_closes_a_listener_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "PROBE_EVERY_S", 0.02)
    monkeypatch.setattr(agi, "PROBE_WITHIN_S", 0.05)
    port = free_port()
    receptionist = agi.Receptionist(settings(agi_port=port), lambda _: ACME)
    stuck = threading.Event()
    monkeypatch.setattr(receptionist, "attend", lambda *_: stuck.wait(20))
    with serving(receptionist):
        until(lambda: is_open(port))
        until(lambda: not is_open(port))
        stuck.set()


def test_nothing_listens_where_no_port_is_set() -> None:
    agi.attend(settings(agi_port=0), lambda _: ACME, threading.Event())
