"""The simulated exchange tells what a real Asterisk 22 told when the same calls were recorded."""

import json
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.asterisk.ami import Framer
from connectors.asterisk.message import Message, wanted
from connectors.asterisk.simulated_pbx import MONITOR, escaped
from connectors.asterisk.simulator import AsteriskSimulator, create, fresh, message
from hub.connector.simulator import Faults

TRACES = Path(__file__).parents[2] / "fixtures" / "asterisk"
# Differ by what the test does not model: when records are written, how numbers of new channels are filled in.
LEFT_OUT = {"Cdr", "NewCallerid", "FullyBooted", "CoreShowChannelsComplete"}

Story = list[tuple[str, str, str, str]]


def story(messages: list[bytes]) -> Story:
    """What the calls need of a stream: event, device, other device, state or cause."""
    told: Story = []
    for raw in messages:
        read = Message.parse(raw)
        if not wanted(raw) or read.get("Event") in LEFT_OUT:
            continue
        one = read.get("Channel") or read.get("TransfererChannel")
        state = read.get("ChannelStateDesc") if read.get("Event") == "Newstate" else ""
        told.append(
            (
                read.get("Event"),
                one.rsplit("-", 1)[0],
                read.get("DestChannel").rsplit("-", 1)[0],
                state or read.get("DialStatus") or read.get("Cause") or read.get("Variable"),
            )
        )
    return told


@pytest.fixture
def simulator() -> Iterator[AsteriskSimulator]:
    simulator = create(0, Faults())
    yield simulator
    simulator.stop()


def told_by(simulator: AsteriskSimulator, play: Callable[[AsteriskSimulator], None]) -> Story:
    sent: list[bytes] = []
    simulator.pbx._emit = lambda _, headers: sent.append(message(headers)[:-4])
    play(simulator)
    return story(sent)


def ring_group(simulator: AsteriskSimulator) -> None:
    call = simulator.ring(caller="0612345678", extensions=["101", "102", "103"])
    call.answer("102")
    call.hangup("agent")


def missed(simulator: AsteriskSimulator) -> None:
    simulator.ring(caller="0612345678", extensions=["101", "102", "103"]).give_up()


def abandoned(simulator: AsteriskSimulator) -> None:
    simulator.ring(caller="0612345678", extensions=["101", "102", "103"]).hangup()


def busy(simulator: AsteriskSimulator) -> None:
    simulator.ring(caller="0612345678", extensions=["101"], busy=["101"], record=False).give_up()


def declined(simulator: AsteriskSimulator) -> None:
    call = simulator.ring(caller="0612345678", extensions=["101"], record=False)
    call.decline("101")
    call.give_up()


def queue(simulator: AsteriskSimulator) -> None:
    call = simulator.ring(caller="0612345678", extensions=["201", "202", "203"], queue="support")
    call.answer("202")
    call.hangup("agent")


def queue_abandoned(simulator: AsteriskSimulator) -> None:
    simulator.ring(caller="0612345678", extensions=["201", "202", "203"], queue="support").hangup()


def blind(simulator: AsteriskSimulator) -> None:
    call = simulator.ring(caller="0612345678", extensions=["101"], record=False)
    call.answer()
    call.transfer("103")
    call.answer()
    call.hangup("agent")


def outgoing(simulator: AsteriskSimulator) -> None:
    call = simulator.pbx.outgoing(extension="101", number="0201234567")
    call.answer()
    call.hangup("agent")


def click(simulator: AsteriskSimulator) -> None:
    call = simulator.pbx.outgoing(extension="101", number="0201234567", uid="x-ch", click_id="x")
    call.answer("101")
    call.answer("0201234567")
    call.hangup("agent")


def click_unanswered(simulator: AsteriskSimulator) -> None:
    simulator.pbx.outgoing(extension="101", number="0201234567", uid="x-ch", click_id="x").hangup()


@pytest.mark.parametrize(
    ("trace", "play"),
    [
        ("01_ringgroup_answer", ring_group),
        ("02_ringgroup_missed", missed),
        ("03_ringgroup_abandon", abandoned),
        ("06_direct_busy", busy),
        ("07_direct_declined", declined),
        ("09_queue_answer", queue),
        ("10_queue_abandon", queue_abandoned),
        ("15_blind_dtmf", blind),
        ("24_outgoing_answer", outgoing),
        ("29_click2dial_answer", click),
        ("30_click2dial_agent_noanswer", click_unanswered),
    ],
)
def test_a_call_tells_the_same_events_as_the_recorded_one(
    simulator: AsteriskSimulator, trace: str, play: Callable[[AsteriskSimulator], None]
) -> None:
    recorded = story(Framer().feed((TRACES / f"{trace}.ami").read_bytes()))
    told = told_by(simulator, play)
    # Phones that ring at the same time come in any order; so only the events themselves are compared.
    assert sorted(told) == sorted(recorded)
    assert [event for event, *_ in told if event.startswith("Bridge")] == [
        event for event, *_ in recorded if event.startswith("Bridge")
    ]


def test_a_consultation_moves_the_customer_to_the_colleague(simulator: AsteriskSimulator) -> None:
    def play(exchange: AsteriskSimulator) -> None:
        call = exchange.ring(caller="0612345678", extensions=["101"], record=False)
        call.answer()
        call.consult("102")
        call.answer("102")
        call.complete()
        assert call.talking is not None
        assert call.talking.device == "PJSIP/102"
        call.hangup()

    told = told_by(simulator, play)
    assert [event for event, *_ in told].count("AttendedTransfer") == 1
    assert simulator.pbx.channels == {}


def test_a_consultation_without_a_transfer_gives_the_customer_back(simulator: AsteriskSimulator) -> None:
    call = simulator.ring(caller="0612345678", extensions=["101"])
    call.answer()
    call.consult("102")
    call.hangup()
    assert call.ended
    assert simulator.pbx.channels == {}


def test_a_recording_is_a_sound_as_long_as_the_talk_and_empty_without_one(simulator: AsteriskSimulator) -> None:
    for answered in (True, False):
        call = simulator.ring(caller="+44 (0)20", extensions=["101"])
        if answered:
            call.answer()
            assert call.answered is not None
            call.origin.variables["SIM_TALKED_FROM"] = str(call.answered - 2)
        call.hangup()
        path = simulator.recordings / call.recording.removeprefix(f"{MONITOR}/")
        with wave.open(str(path), "rb") as sound:
            seconds = sound.getnframes() / sound.getframerate()
        assert 2 <= seconds < 3 if answered else path.stat().st_size == 44


def test_a_crash_forgets_everything_and_is_another_boot(simulator: AsteriskSimulator) -> None:
    simulator.ring(caller="0612345678", extensions=["101"])
    before = simulator.pbx.started
    simulator.pbx.crash()
    assert simulator.pbx.channels == {}
    assert int(simulator.pbx.started) > int(before)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("O'Neil", r"O\'Neil"),
        ('a"b', r"a\"b"),
        ("a\\b", r"a\\b"),
        ("a\r\nb", r"a\r\nb"),
        ("Łódź", "Łódź"),
        ("\x01", ""),
    ],
)
def test_names_are_escaped_as_the_manager_does(name: str, told: str) -> None:
    assert escaped(name) == told


def test_fresh_ids_keep_the_length_and_tell_calls_apart() -> None:
    for name in ("01_ringgroup_answer", "29_click2dial_answer"):
        stream = (TRACES / f"{name}.ami").read_bytes()
        one, two = fresh(stream), fresh(stream)
        assert len(one) == len(two) == len(stream)
        ids = [
            {Message.parse(raw).get("Linkedid") for raw in Framer().feed(data)} - {""} for data in (stream, one, two)
        ]
        assert all(ids)
        assert ids[0].isdisjoint(ids[1])
        assert ids[1].isdisjoint(ids[2])
        assert len(ids[0]) == len(ids[1])


def test_the_timing_of_every_recording_fits_its_stream() -> None:
    for path in TRACES.glob("*.json"):
        timing = json.loads(path.read_text()).get("timing", [])
        size = path.with_suffix(".ami").stat().st_size
        assert all(0 <= offset <= size for _, offset in timing), path.name
