"""`hub simulate`: a remote to try a connector against, as a process of its own."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import cli
from tests.e2e.calls import until
from tests.e2e.processes import HubProcess

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "tests/fixtures/asterisk"
TRACE = "29_click2dial_answer"
CALL_ID = re.compile(rb"[0-9]{10}\.[0-9]+|hub-[a-z0-9]{5}-")
PATIENCE_S = 30.0


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    for ending in (".ami", ".json"):
        (tmp_path / f"call{ending}").write_bytes((TRACES / f"{TRACE}{ending}").read_bytes())
    return tmp_path / "call.ami"


@pytest.fixture
def process(tmp_path: Path, trace: Path) -> Iterator[HubProcess]:
    made = HubProcess(tmp_path, {}, "simulate", "asterisk", "--trace", str(trace), "--speed", "20", "--times", "2")
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def listen(text: str) -> socket.socket:
    """Log in with the settings that the command printed."""
    printed = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    line = socket.create_connection((printed["host"], int(printed["port"])), PATIENCE_S)
    login = ("Action: Login", f"Username: {printed['username']}", f"Secret: {printed['secret']}", "", "")
    line.sendall("\r\n".join(login).encode())
    return line


def same(stream: bytes) -> bytes:
    """A stream without what differs each time that it is played."""
    return CALL_ID.sub(b"*", stream)


def test_a_recorded_trace_is_played_to_whoever_listens(process: HubProcess, trace: Path) -> None:
    until(lambda: "listening on" in process.text, PATIENCE_S, why=lambda: process.text)
    assert "played" not in process.text, "nobody listens yet"
    recorded, heard = trace.read_bytes(), b""
    with listen(process.text) as line:
        while len(heard.partition(b"accepted\r\n\r\n")[2]) < 2 * len(recorded):
            data = line.recv(65536)
            assert data, "it ended early"
            heard += data
    played = heard.partition(b"accepted\r\n\r\n")[2]
    first, second = played[: len(recorded)], played[len(recorded) :]
    assert same(first) == same(second) == same(recorded)
    assert len({CALL_ID.search(one).group() for one in (first, second, recorded)}) == 3  # type: ignore[union-attr]
    until(lambda: "played 2 of 2" in process.text, PATIENCE_S)
    assert process.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--trace", "nowhere.ami"], "cannot be read"),
        (["--trace", "noise.ami"], "is no stream of AMI events"),
        (["--trace", "odd.ami"], "is of another stream"),
        (["--trace", "broken.ami"], "cannot be read"),
        (["--speed", "-1"], "--speed: must be a number"),
        (["--speed", "fast"], "--speed: must be a number"),
        (["--times", "1.5"], "--times: must be a whole number"),
        (["--faults", "nothing"], "there is no fault nothing"),
        (["--colour", "red"], "No such option"),
    ],
)
def test_what_cannot_be_played_is_said_and_nothing_is_started(tmp_path: Path, given: list[str], said: str) -> None:
    (tmp_path / "noise.ami").write_bytes(b"what?")
    for name, timing in (("odd", {"timing": [[0, 0], [1, 999]]}), ("broken", {"timing": ["x"]})):
        (tmp_path / f"{name}.ami").write_bytes(b"Event: Hangup\r\n\r\n")
        (tmp_path / f"{name}.json").write_text(json.dumps(timing))
    words = [str(tmp_path / word) if word.endswith(".ami") else word for word in given]
    answer = CliRunner().invoke(cli, ["simulate", "asterisk", *words])
    assert (answer.exit_code, said in answer.output) == (2, True), answer.output


def test_every_simulator_is_listed_and_takes_only_options_of_its_own() -> None:
    listed = CliRunner().invoke(cli, ["simulate", "--help"]).output
    simulators = [file.parent.name for file in ROOT.glob("connectors/*/simulator.py")]
    assert simulators
    assert [name for name in simulators if f"  {name} " not in listed] == []
    assert "--trace" in CliRunner().invoke(cli, ["simulate", "asterisk", "--help"]).output
    assert "No such option" in CliRunner().invoke(cli, ["simulate", "phonehook", "--trace", "x"]).output
