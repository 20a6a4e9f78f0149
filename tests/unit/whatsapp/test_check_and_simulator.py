"""The self-check, the settings, and that the simulator misbehaves as it says."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.whatsapp.check import check
from connectors.whatsapp.simulator import WhatsAppSimulator, performance
from connectors.whatsapp.webhook import receive
from hub.connector.contract import Level
from hub.connector.hook import Hook
from hub.errors import GoneError, HookError
from tests.unit.whatsapp.desk import account, at, remote


@pytest.fixture
def simulator() -> Iterator[WhatsAppSimulator]:
    made = WhatsAppSimulator()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def posted(simulator: WhatsAppSimulator) -> Iterator[list[Hook]]:
    """What the simulator posts; whoever is there answers as `answers` says, and then 200."""
    with listening(lambda _: 200) as (url, hooks):
        simulator.hub_url = url
        yield hooks


class listening:  # noqa: N801 - read as a sentence
    def __init__(self, answer: Callable[[int], int]) -> None:
        hooks: list[Hook] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.append(
                    Hook(body, {name.lower(): value for name, value in self.headers.items()}, "application/json")
                )
                self.send_response(answer(len(hooks)))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server, self.hooks = ThreadingHTTPServer(("127.0.0.1", 0), Handler), hooks
        self.thread = Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> tuple[str, list[Hook]]:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}/hook", self.hooks

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


def records(simulator: WhatsAppSimulator, hooks: list[Hook]) -> list[str]:
    made = at(simulator)
    return [one.remote_id for hook in hooks for one in receive(made, hook).records]


# --- check ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "level"),
    [({"token": ""}, Level.RED), ({"app_secret": ""}, Level.RED), ({"app_id": ""}, Level.RED), ({"business_id": ""}, Level.RED),
     ({"verify_token": ""}, Level.AMBER), ({"old_app_secret": "x"}, Level.AMBER), ({}, Level.GREEN)],
)  # fmt: skip
def test_what_is_not_entered_is_said(simulator: WhatsAppSimulator, changes: dict[str, str], level: Level) -> None:
    assert check(at(simulator, **changes))[0].level is level


@pytest.mark.parametrize("token", ["סוד", "two\nlines", '","x":"'])
def test_a_token_of_any_letters_is_only_refused(simulator: WhatsAppSimulator, token: str) -> None:
    assert check(at(simulator, token=token))[-1].level is Level.RED


def test_each_number_is_named_with_its_quality(simulator: WhatsAppSimulator) -> None:
    (numbers,) = [one for one in check(at(simulator)) if one.topic == "numbers"]
    assert numbers.level is Level.GREEN
    assert "97235551234 (Green Garden, quality GREEN)" in numbers.text


@pytest.mark.parametrize(
    ("changes", "topic"), [({"numbers": "999"}, "missing"), ({"business_id": "7"}, "access"), ({"token": "EAAother"}, "token")]
)  # fmt: skip
def test_what_does_not_fit_is_red(simulator: WhatsAppSimulator, changes: dict[str, str], topic: str) -> None:
    assert [
        one for one in check(at(simulator, **changes)) if one.topic == topic and one.level is Level.RED and one.action
    ]


def test_before_an_account_is_there_meta_cannot_know_its_address(simulator: WhatsAppSimulator) -> None:
    simulator.faults.add("not_subscribed=always")
    made = at(simulator)
    levels = [[one.level for one in check(replace(made, id=number)) if one.topic == "webhook"] for number in (0, 1)]
    assert levels == [[Level.AMBER], [Level.RED]]


def test_an_open_account_checks_the_same(simulator: WhatsAppSimulator) -> None:
    assert remote(simulator).check() == check(at(simulator))


def test_there_is_nothing_to_read(simulator: WhatsAppSimulator) -> None:
    opened = remote(simulator)
    assert (opened.streams(), opened.push()) == ((), None)
    with pytest.raises(GoneError):
        opened.stream("message")


@pytest.mark.parametrize(
    "wrong", [{"numbers": "+972501234567"}, {"base_url": "http://graph.facebook.com"}, {"version": "26"}, {"media_hosts": "https://x/"}]
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


# --- simulator ------------------------------------------------------------------------------------------------------


def test_a_thousand_messages_come_in_one_body(simulator: WhatsAppSimulator, posted: list[Hook]) -> None:
    simulator.postman.held = True
    person = simulator.add_person()
    ids = [simulator.write(person, "שלום") for _ in range(1000)]
    simulator.postman.deliver(size=1000, backwards=True)
    simulator.flush()
    assert len(posted) == 1
    assert sorted(records(simulator, posted)) == sorted(ids)


def test_what_is_not_taken_comes_again_at_once_and_later_for_seven_days(simulator: WhatsAppSimulator) -> None:
    with listening(lambda number: 503 if number < 3 else 200) as (url, hooks):
        simulator.hub_url = url
        simulator.write(simulator.add_person(), "hello")
        simulator.flush()
        simulator.flush()
        simulator.clock.advance(minutes=2)
        simulator.flush()
        assert len(hooks) == 3
        assert len({hook.body for hook in hooks}) == 1


def test_on_day_six_everything_comes_again_and_says_the_same(simulator: WhatsAppSimulator, posted: list[Hook]) -> None:
    ids = simulator.submit(2)
    simulator.redeliver(days=6)
    assert records(simulator, posted) == ids * 2


def test_a_body_is_signed_as_meta_writes_it(simulator: WhatsAppSimulator, posted: list[Hook]) -> None:
    simulator.write(simulator.add_person(), "שלום / Ż")
    simulator.flush()
    assert rb"\u05e9\u05dc\u05d5\u05dd \/ \u017b" in posted[0].body
    assert records(simulator, posted)


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        ("duplicated_notification", 3),
        ("dropped_notification", 1),
        ("delayed_notification", 1),
        ("reordered_notification", 2),
    ],
)
def test_notifications_are_lost_doubled_and_late_on_command(
    simulator: WhatsAppSimulator, posted: list[Hook], fault: str, count: int
) -> None:
    simulator.faults.add(fault)
    ids = simulator.submit(2)
    heard = records(simulator, posted)
    assert len(heard) == count
    assert heard[-1] == ids[0] if fault == "reordered_notification" else heard[-1] == ids[1]


@pytest.mark.parametrize("fault", ["forged_notification", "unsigned_notification"])
def test_a_stranger_is_not_believed_and_does_not_come_again(
    simulator: WhatsAppSimulator, posted: list[Hook], fault: str
) -> None:
    simulator.faults.add(fault)
    simulator.submit(1)
    (hook,) = posted
    with pytest.raises(HookError):
        receive(at(simulator), hook)


def test_customers_come_from_ads_and_hide_their_numbers_on_command(
    simulator: WhatsAppSimulator, posted: list[Hook]
) -> None:
    for fault in ("user_name", "from_ad", "unknown_type"):
        simulator.faults.add(fault)
        simulator.submit(1)
    payloads = [one.payload for hook in posted for one in receive(at(simulator), hook).records]
    assert "peer_phone" not in payloads[0]
    assert payloads[1]["referral"]["ad_id"] == "120226305854810726"
    assert payloads[2]["content"] == "other"


def test_a_foreign_number_is_kept_aside(simulator: WhatsAppSimulator, posted: list[Hook]) -> None:
    simulator.faults.add("foreign_number")
    simulator.submit(1)
    received = receive(at(simulator, numbers=simulator.garden.id), posted[0])
    assert (received.records, len(received.odd)) == ((), 1)


def test_after_a_day_a_message_is_taken_and_fails(simulator: WhatsAppSimulator, posted: list[Hook]) -> None:
    person = simulator.add_person()
    simulator.write(person, "hello")
    simulator.clock.advance(days=1, minutes=1)
    values = {"to_phone": f"+{person.wa_id}", "text": "too late"}
    remote(simulator).writer("message", simulator.garden.id).create(values, key="k")
    simulator.flush()
    failed = receive(at(simulator), posted[-1]).records[0].payload
    assert (failed["state"], failed["code"], failed["key"]) == ("failed", "131047", "k")


def test_its_options_are_understood() -> None:
    assert performance({"to": "", "kinds": "text"}) is None
    assert performance({"to": "http://127.0.0.1:1", "kinds": "text,image"}) is not None
    with pytest.raises(ValueError, match="no type"):
        performance({"to": "", "kinds": "smell"})


def test_what_it_posts_has_the_shape_of_the_reference(simulator: WhatsAppSimulator, posted: list[Hook]) -> None:
    simulator.submit(1)
    told = json.loads(posted[0].body)
    value = told["entry"][0]["changes"][0]["value"]
    assert told["object"] == "whatsapp_business_account"
    assert set(value) == {"messaging_product", "metadata", "contacts", "messages"}
    assert set(value["messages"][0]) == {"from", "from_user_id", "id", "timestamp", "type", "text"}
    assert isinstance(value["messages"][0]["timestamp"], str)
