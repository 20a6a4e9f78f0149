"""The commands of people, programs, connections and records, as somebody at a terminal or a script uses them; on both databases."""

import io
import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from hub.cli import cli, main
from hub.cli.simulate import create
from hub.connector.simulator import Faults, Simulator
from hub.errors import NotFoundError
from hub.intake.models import Account, RawRecord, RawState
from hub.security import users
from hub.security.models import ApiToken, Audit, User
from hub.settings import Settings
from hub.store.session import Database

PASSWORD = "long enough to be good"


@pytest.fixture(autouse=True)
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the database of this test."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    simulator = create("asterisk", 0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, words, input=typed)


def done(*words: str, typed: str = "") -> str:
    answer = run(*words, typed=typed)
    assert answer.exit_code == 0, answer.output
    return answer.output


def connect(exchange: Simulator, name: str, secret: str = "") -> Result:
    given = [f"--set={key}={value}" for key, value in exchange.settings().items() if key != "secret"]
    typed = f"{secret or exchange.settings()['secret']}\n"
    return run("account", "add", "asterisk", name, *given, "--secret", "secret=-", typed=typed)


def test_a_script_sets_a_password_by_one_line(database: Database) -> None:
    done("user", "add", "noa@example.com", "--role", "admin", "--password", "-", typed=f"{PASSWORD}\n")
    done("user", "add", "amir@example.com")
    done("user", "password", "amir@example.com", "--set", typed=f"{PASSWORD}\n")
    with database.read() as session:
        for email in ("noa@example.com", "amir@example.com"):
            assert users.check_password(session, email, PASSWORD) is not None, email


def test_who_gives_no_password_gets_a_link_for_it() -> None:
    assert "/password/" in done("user", "add", "noa@example.com")
    assert "/password/" in done("user", "password", "noa@example.com")


def test_people_are_listed_shut_out_and_let_in(database: Database) -> None:
    done("user", "add", "noa@example.com", "--role", "admin", "--name", "Noa")
    done("user", "add", "amir@example.com")
    done("user", "disable", "amir@example.com")
    listed = {row["email"]: row for row in json.loads(done("user", "list", "--json"))}
    assert listed["amir@example.com"]["disabled"]
    assert (listed["noa@example.com"]["name"], listed["noa@example.com"]["role"]) == ("Noa", "admin")
    done("user", "enable", "amir@example.com")
    with database.read() as session:
        assert session.scalar(select(User.id).where(User.disabled_at.is_not(None))) is None
        actions = session.scalars(select(Audit.action).order_by(Audit.id)).all()
    assert actions == ["user.added", "user.added", "user.disabled", "user.enabled"]


def test_a_token_is_shown_once_and_ends_at_once(database: Database) -> None:
    secret = done("token", "add", "erp", "--role", "agent").strip()
    assert secret not in done("token", "list", "--json")
    with database.read() as session:
        assert secret not in str(session.execute(select(ApiToken.token_hash)).all())
    done("token", "revoke", "erp")
    assert json.loads(done("token", "list", "--json"))[0]["revoked"]


def test_a_connection_is_added_checked_paused_and_removed(database: Database, exchange: Simulator) -> None:
    added = connect(exchange, "pbx")
    assert added.exit_code == 0, added.output
    assert not [row for row in json.loads(done("account", "check", "pbx", "--json")) if row["level"] == "red"]
    done("account", "pause", "pbx")
    assert json.loads(done("account", "list", "--json"))[0]["state"] == "paused"
    done("account", "resume", "pbx")
    done("account", "remove", "pbx", "--yes")
    assert json.loads(done("account", "list", "--json")) == []
    with database.read() as session:
        assert exchange.settings()["secret"] not in str(session.execute(select(Account.secrets)).all())


def test_the_check_of_an_exchange_says_what_the_hub_itself_heard(exchange: Simulator) -> None:
    connect(exchange, "pbx")
    done("user", "add", "noa@example.com", "--name", "Noa")
    found = {row["topic"]: row for row in json.loads(done("account", "check", "pbx", "--json"))}
    assert found["login"]["level"] == "green", "what the connector finds is there as well"
    assert found["events"]["text"] == "No event of a call was heard yet."
    assert found["users"]["text"] == "Without a phone, so without cards: Noa."
    done("extension", "add", "pbx", "101", "--user", "noa@example.com")
    assert "Every agent has a phone." in done("account", "check", "pbx")


def test_a_connection_with_a_wrong_secret_is_told_what_to_mend(exchange: Simulator) -> None:
    added = connect(exchange, "pbx", "wrong")
    assert "refuses user" in added.output
    assert run("account", "check", "pbx").exit_code == 1


def test_reading_again_brings_nothing_twice(exchange: Simulator) -> None:
    connect(exchange, "pbx")
    for words in (["sync", "pbx", "--json"], ["sync", "pbx", "--full", "--json"]):
        assert json.loads(done(*words).splitlines()[-1])["new"] == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_how_far_a_long_command_is_shows_on_a_terminal_only(
    exchange: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(exchange, "pbx")
    for words in (["sync", "pbx"], ["replay", "pbx"]):
        assert run(*words).stderr == "", words
    for words, shown in ((["sync", "pbx"], "calls"), (["replay", "pbx"], "records"), (["replay", "pbx", "--json"], "")):
        screen = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", screen)
            cli(words, standalone_mode=False)
        assert (shown in screen.getvalue()) if shown else not screen.getvalue(), words


def test_a_replay_says_what_could_not_be_taken(database: Database, exchange: Simulator) -> None:
    connect(exchange, "pbx")
    with database.write() as session:
        account = session.scalars(select(Account)).one()
        session.add(RawRecord(account_id=account.id, stream="calls", remote_id="1", payload={}, hash="1"))
    answer = run("replay", "pbx", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.output.splitlines()[-1]) == {"applied": 0, "set_aside": 1}
    with database.read() as session:
        assert session.scalars(select(RawRecord.state)).all() == [RawState.SET_ASIDE]


def test_the_doctor_says_what_is_missing() -> None:
    assert run("doctor").exit_code == 1
    done("user", "add", "noa@example.com", "--role", "admin")
    levels = {row["level"] for row in json.loads(done("doctor", "--json"))}
    assert levels <= {"green", "amber"}


def test_a_database_that_is_away_is_one_line_of_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", "postgresql://hub:secret@127.0.0.1:1/hub")
    [row] = json.loads(run("doctor", "--json").output)
    assert (row["level"], row["topic"]) == ("red", "database")
    for words in (["user", "list"], ["db", "upgrade"], ["db", "backup", "copy"], ["sync", "pbx"]):
        monkeypatch.setattr("sys.argv", ["hub", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("hub: The database cannot be used"), words
        assert "secret" not in line


def test_what_is_not_there_is_named() -> None:
    for words in (
        ["user", "disable", "nobody@example.com"],
        ["token", "revoke", "nothing"],
        ["account", "check", "nothing"],
        ["account", "add", "nothing", "pbx"],
        ["extension", "add", "nothing", "101"],
        ["sync", "nothing"],
        ["replay", "nothing"],
        ["simulate", "nothing"],
    ):
        assert isinstance(run(*words).exception, NotFoundError), words


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("phone", "050-234-5678\n03-6123456 ext. 12\n\nnot a number\n", "+972502345678\n+97236123456;ext=12\n\n\n"),
        ("email", "Dana@Example.COM\nnobody\n", "dana@example.com\n\n"),
        ("name", "  Dr. Dana   LEVI\n", "dana levi\n"),
    ],
)
def test_lines_in_are_lines_out(kind: str, given: str, expected: str) -> None:
    region = ["--region", "IL"] if kind == "phone" else []
    assert done("normalise", kind, *region, typed=given) == expected
