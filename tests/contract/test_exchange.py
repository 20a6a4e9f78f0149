"""Telephone exchanges: heard, told and asked as `hub/connector/exchange.py` promises, against their own simulators."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.connector.exchange import DialOrder, Exchange, Greeting, HistoryPage
from hub.connector.simulator import Harm
from hub.cti.call_state import CallState
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError, ScopeError
from hub.records.call import Call, Direction, Outcome
from hub.records.telephony import ChannelsListed, Endpoint, RecordingStarted
from tests.contract.connectors import (
    CALLER,
    EXCHANGES,
    EXTENSIONS,
    LISTENERS,
    PATIENCE_S,
    PROMPT_S,
    TIMEOUT_S,
    account,
    exchange,
    hearing,
    ill,
    in_full,
    recorded,
    secrets,
    simulated,
    told,
    until,
)

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ORDER = DialOrder("contract-1", "101", "+972545551234", dialled="0545551234", timeout_s=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@cache
def silent(name: str) -> Exchange:
    """An exchange that nobody listens to, of a simulator that is gone."""
    with simulated(name) as simulator:
        return exchange(name, simulator)


def shape(call: Call) -> dict[str, Any]:
    """What a call is, without when and how often it was looked at."""
    return {
        "direction": call.direction,
        "caller": call.caller,
        "outcome": call.outcome,
        "answered": [leg.extension for leg in call.legs if leg.answered_at and leg.extension],
        "rang": sorted(leg.extension for leg in call.legs if leg.ringing_at and leg.extension),
        "recordings": [one.path for one in call.recordings],
    }


def heard_whole(call: Call, answered: str) -> None:
    """Assert that this is the call that simulators play."""
    assert (call.direction, call.outcome) == (Direction.INBOUND, Outcome.ANSWERED)
    assert call.caller == CALLER
    assert shape(call)["rang"] == sorted(EXTENSIONS)
    assert shape(call)["answered"] == [answered]
    assert not call.end_estimated
    assert len(call.recordings) == 1


# --- hearing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_whole_call_is_heard(name: str) -> None:
    with simulated(name) as simulator, hearing(name, simulator) as line:
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[1])
        (call,) = line.whole_calls(1)

    heard_whole(call, EXTENSIONS[1])


@pytest.mark.parametrize(("name", "fault"), ill(EXCHANGES, Harm.NOISE))
def test_a_whole_call_is_heard_in_spite_of_noise(name: str, fault: str) -> None:
    with simulated(name, f"{fault}=always") as simulator, hearing(name, simulator) as line:
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
        (call,) = line.whole_calls(1)

        assert line.hangs_up() < PROMPT_S
    # When it rang may be lost where messages come in another order; whose call it was and how it ended may not.
    assert (call.direction, call.outcome, call.caller) == (Direction.INBOUND, Outcome.ANSWERED, CALLER)
    assert shape(call)["answered"] == [EXTENSIONS[0]]


@pytest.mark.parametrize(("name", "fault"), ill(EXCHANGES, Harm.CUT))
def test_after_a_cut_the_next_call_is_heard_and_the_cut_one_does_not_stay_open(name: str, fault: str) -> None:
    with simulated(name, fault) as simulator, hearing(name, simulator) as line:
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
        if name in LISTENERS:
            until(lambda: line.ear.downs and line.ear.is_up, lambda: line.ear.steps)
            assert isinstance(line.ear.downs[0][0], RetryLaterError)
        simulator.whole_call("0549999999", EXTENSIONS, EXTENSIONS[1])

        def second() -> Call | None:
            return next((call for call in line.calls() if call.caller == "0549999999" and call.settled), None)

        assert shape(until(second, line.calls))["answered"] == [EXTENSIONS[1]]
        silent_s = line.exchange.silent_s or 0.0
        ends = told(line.exchange, line.ear.messages, later_s=silent_s + 60)
        assert not [call for call in ends if call.open]
        # What nobody saw the end of is not called a success.
        assert all(call.outcome is Outcome.LOST for call in ends if call.end_estimated)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("again", ["each message at once", "everything once more", "everything by a new translator"])
def test_what_is_told_twice_happened_once(name: str, again: str) -> None:
    made, messages = silent(name), list(recorded(name))
    once = told(made, messages)
    end = messages[-1][0]
    if again == "each message at once":
        twice = [one for message in messages for one in (message, message)]
    elif again == "everything once more":
        twice = [*messages, *((end + 1 + at - messages[0][0], message) for at, message in messages)]
    else:
        twice = [*messages, *((end, message) for _, message in messages)]
        translators = iter([made.translator(), made.translator()])
        state, known = CallState(made.guess, silent_s=made.silent_s), dict[str, Call]()
        for part in (twice[: len(messages)], twice[len(messages) :]):
            translator = next(translators)
            for at, message in part:
                for event in translator.translate(at, message):
                    state.feed(event)
                    known.update({call.key: call for call in state.changed()})
        assert sorted(known) == sorted(call.key for call in once)
        return

    assert len(once) == 2
    assert sorted((call.key, str(shape(call))) for call in told(made, twice)) == sorted(
        (call.key, str(shape(call))) for call in once
    )


@pytest.mark.parametrize("name", EXCHANGES)
class TestTranslator:
    def test_the_same_messages_are_the_same_events(self, name: str) -> None:
        made = silent(name)
        one, two = made.translator(), silent(name).translator()

        first = [one.translate(at, message) for at, message in recorded(name)]
        assert first == [two.translate(at, message) for at, message in recorded(name)]
        assert sum(len(events) for events in first) > 10

    @QUICK
    @given(message=st.binary(max_size=400), at=st.floats(0, 4e9))
    def test_any_bytes_say_something_or_nothing(self, name: str, message: bytes, at: float) -> None:
        made = silent(name)
        state = CallState(made.guess, silent_s=made.silent_s)
        for event in made.translator().translate(at, message):
            state.feed(event)
        state.changed()

    @QUICK
    @given(data=st.data())
    def test_a_damaged_message_breaks_nothing(self, name: str, data: st.DataObject) -> None:
        made, messages = silent(name), list(recorded(name))
        translator, state = made.translator(), CallState(made.guess, silent_s=made.silent_s)
        for _ in range(data.draw(st.integers(1, 5))):
            index = data.draw(st.integers(0, len(messages) - 1))
            at, message = messages[index]
            place = data.draw(st.integers(0, len(message)))
            messages[index] = (at, message[:place] + data.draw(st.binary(max_size=6)) + message[place + 1 :])
        for at, message in messages:
            for event in translator.translate(at, message):
                state.feed(event)
        state.changed()

    @QUICK
    @given(data=st.data())
    def test_messages_in_any_order_break_nothing(self, name: str, data: st.DataObject) -> None:
        made = silent(name)
        messages = data.draw(st.permutations(recorded(name)))
        kept = messages[: data.draw(st.integers(0, len(messages)))]
        silent_s = made.silent_s or 0.0
        keys = {call.key for call in told(made, kept, later_s=silent_s + 60)}

        assert len(keys) <= len(told(made, recorded(name))) * 4

    @QUICK
    @given(channel=st.text(max_size=60))
    def test_any_name_of_a_channel_can_be_guessed(self, name: str, channel: str) -> None:
        assert isinstance(silent(name).guess(channel), Endpoint)


# --- the connection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXCHANGES)
def test_listening_ends_when_told(name: str) -> None:
    with simulated(name) as simulator, hearing(name, simulator) as line:
        assert line.hangs_up() < PROMPT_S
        assert line.ear.downs == []


@pytest.mark.parametrize("name", EXCHANGES)
def test_attending_where_nothing_is_configured_ends_by_itself(name: str) -> None:
    with simulated(name) as simulator:
        made = exchange(name, simulator)
        if made.attends:
            return  # then it ends when told: the next test
        thread = threading.Thread(target=made.attend, args=(lambda _: Greeting(), threading.Event()), daemon=True)
        thread.start()
        thread.join(PROMPT_S)

        assert not thread.is_alive()


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("fault", ["", "gone"])
def test_attending_ends_when_told_or_at_once(name: str, fault: str) -> None:
    with simulated(name) as simulator:
        made = exchange(name, simulator)
        if fault:
            simulator.stop()
        stop = threading.Event()
        thread = threading.Thread(target=made.attend, args=(lambda _: Greeting(), stop), daemon=True)
        thread.start()
        stop.set()
        thread.join(PROMPT_S)

        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("name", "fault"), [*ill(LISTENERS, Harm.REFUSED, Harm.AWAY), *((name, "gone") for name in LISTENERS)]
)
def test_a_listener_says_what_is_wrong_and_ends_when_told(name: str, fault: str) -> None:
    refused = (name, fault) in ill(LISTENERS, Harm.REFUSED)
    with simulated(name, *([] if fault == "gone" else [f"{fault}=always"])) as simulator:
        made = account(name, simulator)
        if fault == "gone":
            simulator.stop()
        with hearing(name, simulator, connected=False) as line:
            until(lambda: line.ear.downs, lambda: line.ear.steps)
            error, retry_in = line.ear.downs[0]

            assert line.hangs_up() < PROMPT_S
        assert isinstance(error, AuthError if refused else RetryLaterError)
        assert len(str(error)) > 20
        # A wrong password does not mend itself, and trying it fast gets us locked out.
        assert retry_in >= (5 if refused else 0.1)
        assert not [secret for secret in secrets(made) if secret in in_full(error)]


@pytest.mark.parametrize("name", LISTENERS)
def test_delays_grow_while_nobody_answers(name: str) -> None:
    with simulated(name) as simulator:
        simulator.stop()
        with hearing(name, simulator, connected=False) as line:
            until(lambda: len(line.ear.downs) >= 3, lambda: line.ear.downs)

    delays = [retry_in for _, retry_in in line.ear.downs]
    assert delays[2] > delays[0]


@pytest.mark.parametrize("name", LISTENERS)
def test_after_a_broken_connection_it_comes_back_and_hears(name: str) -> None:
    with simulated(name) as simulator, hearing(name, simulator) as line:
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
        line.whole_calls(1)
        simulator.cut()
        until(lambda: len(line.ear.ups) == 2, lambda: line.ear.steps)
        simulator.cut()
        until(lambda: len(line.ear.ups) == 3, lambda: line.ear.steps)
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[1])

        assert len({call.key for call in line.whole_calls(2)}) == 2


@pytest.mark.parametrize("name", LISTENERS)
def test_after_messages_without_room_it_hands_on_nothing_until_all_is_asked_again(name: str) -> None:
    with simulated(name) as simulator, hearing(name, simulator) as line:
        translator, seen = line.exchange.translator(), 0

        def lists() -> int:
            """How often the whole state was told so far."""
            nonlocal seen
            messages = [(at, raw) for at, raw in list(line.ear.messages) if raw]
            new, seen = messages[seen:], len(messages)
            return sum(isinstance(event, ChannelsListed) for at, raw in new for event in translator.translate(at, raw))

        can_be_asked = line.exchange.silent_s is None
        until(lambda: not can_be_asked or lists(), lambda: line.ear.steps)
        line.ear.full = True
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
        until(lambda: "missed" in line.ear.steps, lambda: line.ear.steps)
        until(lambda: not can_be_asked or lists(), lambda: line.ear.steps)

        steps = line.ear.steps
        assert steps[steps.index("full") + 1] == "missed"


# --- orders -----------------------------------------------------------------------------------------------------------


def attempt(what: Callable[[], object]) -> ConnectorError | None:
    """Do something that may fail as a connector may, and that in a few seconds."""
    began = time.monotonic()
    try:
        what()
    except ConnectorError as error:
        return error
    finally:
        assert time.monotonic() - began < PROMPT_S + 4 * TIMEOUT_S
    return None


BAD_NUMBERS = [
    "",
    "1",
    "0541234567\r\nAction: Logoff",
    "0541234567\n",
    "05412345\x0067",
    "abc",
    "054-123",
    "054 1234567",
    "+",
    "++97254",
    "0541234567,,1",
    "${SHELL(id)}",
    "٠٥٤١٢٣٤٥٦٧",
    "1" * 21,
    "sip:101@example.com",
]
BAD_EXTENSIONS = ["", "101\r\nAction: Logoff", "101\n", "101\0", "1" * 300]
BAD_CHANNELS = ["", "x\r\nAction: Logoff", "/^PJSIP/", "PJSIP/101-1\0", " ", "no-such-form"]


@contextmanager
def asked_nothing(name: str) -> Iterator[Exchange]:
    """An exchange of which, in the end, nobody has asked anything."""
    with simulated(name) as simulator:
        yield exchange(name, simulator)
        assert not simulator.asked


def refused(act: Callable[..., object], *given: object, **named: object) -> None:
    with pytest.raises(RejectedError):
        act(*given, **named)


@pytest.mark.parametrize("name", EXCHANGES)
class TestOrders:
    def test_a_good_order_is_taken(self, name: str) -> None:
        with simulated(name) as simulator:
            assert attempt(lambda: exchange(name, simulator, timeout_s=PATIENCE_S).dial(ORDER)) is None
            assert simulator.asked

    def test_a_bad_number_is_refused_and_nothing_is_sent(self, name: str) -> None:
        with asked_nothing(name) as made:
            for number in BAD_NUMBERS:
                for order in (replace(ORDER, number=number), replace(ORDER, dialled=number or "x")):
                    refused(made.dial, order)

    def test_a_bad_extension_is_refused_and_nothing_is_sent(self, name: str) -> None:
        orders = [replace(ORDER, extension=extension) for extension in BAD_EXTENSIONS]
        orders += [replace(ORDER, click_id="a\r\nb"), replace(ORDER, caller_id='"x"\r\nAction: Logoff')]
        with asked_nothing(name) as made:
            for order in orders:
                refused(made.dial, order)

    def test_hostile_names_and_targets_are_refused_and_nothing_is_sent(self, name: str) -> None:
        with asked_nothing(name) as made:
            for channel in BAD_CHANNELS:
                refused(made.hang_up, channel)
                refused(made.transfer, channel, "101")
                refused(made.pause_recording, channel, paused=True)
            for number in BAD_NUMBERS:
                refused(made.transfer, "PJSIP/101-00000001", number)

    def test_an_order_about_a_call_that_is_over_is_gone_or_refused(self, name: str) -> None:
        with simulated(name) as simulator:
            made = exchange(name, simulator, timeout_s=PATIENCE_S)
            for act in (
                lambda: made.hang_up("PJSIP/101-0000ffff"),
                lambda: made.transfer("PJSIP/101-0000ffff", "102"),
                lambda: made.pause_recording("PJSIP/101-0000ffff", paused=True),
            ):
                assert isinstance(attempt(act), GoneError | RejectedError)

    def test_a_closed_port_may_be_tried_later(self, name: str) -> None:
        assert isinstance(attempt(lambda: silent(name).dial(ORDER)), RetryLaterError)


@pytest.mark.parametrize(("name", "fault"), ill(EXCHANGES, Harm.REFUSED, Harm.AWAY, Harm.DENIED, Harm.LIMITED))
def test_an_order_that_fails_says_what_to_do(name: str, fault: str) -> None:
    expected: dict[Harm, tuple[type[ConnectorError], ...]] = {
        Harm.REFUSED: (AuthError,),
        Harm.AWAY: (RetryLaterError, RejectedError),  # rejected where it may have been taken
        Harm.DENIED: (RejectedError,),
        Harm.LIMITED: (RejectedError, ScopeError),
    }
    harm = next(harm for harm in expected if (name, fault) in ill([name], harm))
    with simulated(name, f"{fault}=always") as simulator:
        made = account(name, simulator)
        error = attempt(lambda: exchange(name, simulator).dial(ORDER))

        assert isinstance(error, expected[harm])
        assert len(str(error)) > 20
        assert not [secret for secret in secrets(made) if secret in in_full(error)]


@pytest.mark.parametrize("name", EXCHANGES)
def test_no_secret_reaches_a_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with simulated(name) as simulator, hearing(name, simulator) as line:
        made = account(name, simulator)
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
        line.whole_calls(1)
        line.exchange.dial(ORDER)
        simulator.cut()
        shown = f"{caplog.text} {line.ear.ups} {line.ear.downs} {line.exchange!r} {line.ear.messages}"

        assert not [secret for secret in secrets(made) if secret in shown]


# --- recordings -------------------------------------------------------------------------------------------------------

UPWARDS = ["", "..", "../../../../etc/passwd", "a/../../etc/passwd", "x\0.wav", "x\r\ny.wav"]
# Taken for a path below the place of recordings, or refused; never for what it says.
ELSEWHERE = [
    "/etc/passwd",
    "/proc/self/environ",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data",
    "//evil.example/etc/passwd",
]


@pytest.mark.parametrize("name", EXCHANGES)
class TestRecordings:
    def test_what_a_call_names_can_be_read_whole_and_from_the_middle(self, name: str) -> None:
        with simulated(name) as simulator, hearing(name, simulator) as line:
            simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
            (path,) = shape(line.whole_calls(1)[0])["recordings"]
            facts = line.exchange.recording_facts(path)
            with line.exchange.open_recording(path) as whole, line.exchange.open_recording(path, start=10) as rest:
                sound = whole.read()
                assert sound[10:] == rest.read()

            assert (facts.size, facts.content_type) == (len(sound), "audio/wav")
            assert sound.startswith(b"RIFF")

    def test_one_that_is_not_there_is_gone(self, name: str) -> None:
        with simulated(name) as simulator:
            made = exchange(name, simulator, timeout_s=PATIENCE_S)
            for look in (made.recording_facts, made.open_recording):
                with pytest.raises(GoneError):
                    look("2026/11/nothing.xyz")

    def test_outside_its_place_nothing_is_read(self, name: str) -> None:
        events = silent(name).translator()
        heard = [e for at, raw in recorded(name) for e in events.translate(at, raw) if isinstance(e, RecordingStarted)]
        folder = heard[0].path.rpartition("/")[0]
        above = (
            [f"{folder}/../../../../../../etc/passwd", f"{folder}/../../../../../../../outside.wav"] if folder else []
        )
        with asked_nothing(name) as made:
            for path in [*UPWARDS, *above]:
                refused(made.recording_facts, path)
                refused(made.open_recording, path)
        with simulated(name) as simulator:
            made = exchange(name, simulator)
            for path in ELSEWHERE:
                for look in (made.recording_facts, made.open_recording):
                    with pytest.raises((RejectedError, GoneError)):
                        look(path)


# --- its own records --------------------------------------------------------------------------------------------------


class Books:
    """The hub's side: calls by their key, and the position, kept together page by page."""

    def __init__(self, made: Exchange) -> None:
        self.made = made
        self.calls: dict[str, Call] = {}
        self.position: dict[str, Any] | None = None
        self.pages: list[HistoryPage] = []

    def read(self, *, pages_before_death: int | None = None) -> "Books":
        self.pages = []
        for number, page in enumerate(self.made.history(self.position, LONG_AGO, self.made.guess)):
            if number == pages_before_death:
                break
            self.pages.append(page)
            self.calls.update({call.key: call for call in page.calls})
            self.position = json.loads(json.dumps(page.position))
        return self


@pytest.mark.parametrize("name", EXCHANGES)
class TestHistory:
    def test_reading_on_after_any_page_gives_the_same_calls(self, name: str) -> None:
        with simulated(name) as simulator:
            more = simulator.remember()
            made = exchange(name, simulator, **more, timeout_s=PATIENCE_S)
            whole = Books(made).read()
            if not more:
                assert whole.pages == []
                return

            assert len(whole.pages) > 1, "one page says nothing of reading on"
            assert [page.more for page in whole.pages] == [True] * (len(whole.pages) - 1) + [False]
            assert len(whole.calls) == sum(len(page.calls) for page in whole.pages) > 100
            for dies_after in range(len(whole.pages)):
                again = Books(exchange(name, simulator, **more)).read(pages_before_death=dies_after).read()
                assert again.calls == whole.calls

    def test_what_was_read_is_not_read_again(self, name: str) -> None:
        with simulated(name) as simulator:
            made = exchange(name, simulator, **simulator.remember())
            books = Books(made).read()

            assert [call for page in books.read().pages for call in page.calls] == []

    def test_a_call_of_the_past_is_settled_and_within_the_time_asked_for(self, name: str) -> None:
        now = datetime.now(UTC)
        with simulated(name) as simulator:
            made = exchange(name, simulator, **simulator.remember())
            since = now - timedelta(days=1)
            calls = [call for page in made.history(None, since, made.guess) for call in page.calls]

        for call in calls:
            assert not call.open
            assert since <= call.started_at <= now
            assert call.ended_at is not None
            assert call.ended_at >= call.started_at
