"""What docs/api.md shows a programmer does what it says: each of its examples is run, in its order, against a hub."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from hub.cli import cli
from hub.context import Hub
from hub.settings import Settings
from tests.fakes.api import PREFIX, Office, add_call, office
from tests.fakes.exchange import FakeExchange

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENVIRONMENT = "export HUB="


@pytest.fixture
def desk(hub: Hub) -> Office:
    made = office(hub, FakeExchange())
    with made.hub.db.write() as session:
        for number in range(5):
            add_call(session, made.account, f"call-{number}", datetime(2026, 11, 20, number, tzinfo=UTC), [made.agent])
    return made


@pytest.fixture
def address(desk: Office) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # programs do not see the difference
def test_every_example_of_the_page_runs(
    desk: Office, address: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)
    monkeypatch.setenv("HUB", address)
    names: dict[str, Any] = {}
    blocks = _BLOCK.findall(PAGE.read_text("utf-8"))
    for (language, text), (following, expected) in pairwise([*blocks, ("", "")]):
        match language:
            case "console":
                monkeypatch.setenv("TOKEN", commands(text)[0])
            case "sh" if not text.startswith(ENVIRONMENT):  # which this test has set
                told = answers(text)
                if following == "json":
                    assert told == [json.loads(expected)]
                else:
                    assert not any("error_id" in one for one in told), told
            case "python":
                exec(compile(text, str(PAGE), "exec"), names)
    languages = [language for language, _ in blocks]
    assert {one: languages.count(one) for one in set(languages)} == {"console": 1, "sh": 5, "python": 5, "json": 1}
    names["api"].close()
    assert len(names["missed"]) == 5
    assert desk.exchange.orders[0].number.endswith("527654321")
    titles = [one["title"] for one in desk.as_admin.get("/tasks").get_json()["items"]]
    assert sorted(titles) == ["Call back", "Send the offer"], "the repeated request had its effect once"


def commands(text: str) -> list[str]:
    """Run `hub` commands; return what they print."""
    printed = []
    for line in text.splitlines():
        program, *words = line.split()
        assert program == "hub"
        answer = CliRunner().invoke(cli, words)
        assert answer.exit_code == 0, (line, answer.output)
        printed.append(answer.output.strip())
    return printed


def answers(text: str) -> list[Any]:
    """Run commands of a shell; return what each answered."""
    found = []
    for command in text.replace("\\\n", " ").splitlines():
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, env=os.environ, timeout=30, check=True)
        found.append(json.loads(done.stdout))
    return found
