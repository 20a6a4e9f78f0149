"""`hub sync` and `hub audit` of an account that is read in pages, as somebody at a terminal or a script uses them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from connectors.google.simulator import GoogleSimulator
from hub.cli import cli
from hub.context import Hub
from hub.errors import NotFoundError
from hub.intake.models import StreamState
from hub.settings import Settings
from tests.e2e.test_commands import Terminal
from tests.e2e.test_google_calendar import NOA, event
from tests.e2e.test_google_mail import STREAM, MailOffice, ask

CALENDAR = f"calendar:{NOA}:primary"


@pytest.fixture(autouse=True)
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the database of this test."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> MailOffice:
    return MailOffice(hub, google, calendar=True)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def read(*words: str) -> dict[str, dict[str, Any]]:
    """Return the summary of `hub sync`, by stream."""
    answer = run("sync", "Google", "--json", *words)
    assert answer.exit_code == 0, answer.output
    return {line["stream"]: line for line in json.loads(answer.stdout)}


def counted(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if value and name != "stream"}


def test_a_summary_says_of_each_stream_what_became_of_its_records(office: MailOffice, google: GoogleSimulator) -> None:
    calendar = google.user(NOA).calendar()
    made = calendar.insert(**event(google, "Offer"))
    odd = calendar.insert(**event(google, "Never"))
    calendar.put({**odd, "start": {}, "end": {}})
    ask(google)
    ask(google, "And another")
    found = read()
    assert counted(found[STREAM]) == {"new": 2}
    assert counted(found[CALENDAR]) == {"new": 2, "set aside": 1}
    calendar.patch(made["id"], summary="A better offer")
    google.deliver(NOA, from_="shop@elsewhere.example", subject="Sale", body="Buy")
    ask(google, "A third one")
    found = read()
    assert counted(found[STREAM]) == {"new": 1, "filtered": "1 no match"}
    assert counted(found[CALENDAR])["changed"] == 1
    found = read("--full", "--stream", STREAM)
    assert {name: counted(line) for name, line in found.items()} == {STREAM: {"unchanged": 3}}


def test_a_table_is_for_people_and_a_bar_for_terminals(
    office: MailOffice, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(google)
    answer = run("sync", "Google")
    assert answer.stderr == ""
    head, *lines = answer.stdout.splitlines()
    assert head.split()[:5] == ["stream", "new", "changed", "unchanged", "gone"]
    assert any(line.split()[:2] == [STREAM, "1"] for line in lines)
    ask(google, "Another one")
    screen = Terminal()
    google.faults.add("rate_limited")  # once, for a second
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", screen)
        cli(["sync", "Google", "--stream", STREAM], standalone_mode=False)
    shown = screen.getvalue()
    assert STREAM in shown
    assert "/s" in shown, "how fast it goes"
    assert "Google" in shown, "what it waits for"
    assert len(office.threads()) == 2


def test_what_cannot_be_read_is_said_with_its_reason_and_the_rest_is_read(
    office: MailOffice, google: GoogleSimulator
) -> None:
    ask(google)
    read()
    google.faults.add("scope_missing")
    answer = run("sync", "Google", "--stream", STREAM)
    assert answer.exit_code == 1
    assert "permission" in answer.output
    google.faults.clear()
    ask(google, "Another one")
    assert counted(read("--stream", STREAM)[STREAM]) == {"new": 1}


def test_who_misspells_a_name_is_told_which_there_are(office: MailOffice) -> None:
    with pytest.raises(NotFoundError, match="hub account list"):
        raise run("sync", "Gogle").exception or AssertionError
    with pytest.raises(NotFoundError, match=STREAM):
        raise run("sync", "Google", "--stream", "mail").exception or AssertionError


def test_an_audit_names_and_fetches_what_is_missing_and_then_all_is_well(
    office: MailOffice, google: GoogleSimulator
) -> None:
    read()
    google.clock.advance(minutes=1)
    ask(google)
    [letter] = google.user(NOA).mail.letters.values()
    with office.hub.db.write() as session:  # as if a fault of ours had moved the cursor without the record
        state = session.scalars(select(StreamState).where(StreamState.stream == STREAM)).one()
        assert state.cursor is not None
        state.cursor = {**state.cursor, "token": str(google.user(NOA).mail.history_id)}
    answer = run("audit", "Google", "--stream", STREAM, "--json")
    assert answer.exit_code == 1
    [line] = json.loads(answer.stdout)
    assert (line["compared"], line["missing"], line["fetched"], line["ids"]) == (1, 1, 1, letter.id)
    answer = run("audit", "Google", "--stream", STREAM, "--json")
    assert answer.exit_code == 0
    [line] = json.loads(answer.stdout)
    assert (line["compared"], line["missing"]) == (1, 0)
