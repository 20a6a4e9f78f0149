"""What the README tells a newcomer to type does what it says."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from connectors.asterisk.exchange import guess
from connectors.asterisk.simulator import AsteriskSimulator
from hub.cli import cli
from hub.cti.directory import load
from hub.intake.models import Account
from hub.security.models import User
from hub.settings import Settings
from hub.store.session import Database

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def pbx(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsteriskSimulator]:
    """An exchange as the README describes it; commands find the database of this test."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)
    simulator = AsteriskSimulator()
    simulator.secret = "choose-a-long-one"
    simulator.start()
    yield simulator
    simulator.stop()


def typed() -> Iterator[list[str]]:
    """The commands of the part about one's own Asterisk, but for the one that runs until Ctrl-C."""
    part = README.read_text("utf-8").split("## Connect your own Asterisk")[1].split("\n## ")[0]
    for line in part.replace("\\\n", " ").splitlines():
        words = shlex.split(line.strip(), comments=True) if line.strip().startswith(".venv/bin/hub ") else []
        if words and words[1] != "up":
            yield words[1:]


def test_the_commands_for_ones_own_asterisk_make_phones_of_its_endpoints(
    pbx: AsteriskSimulator, database: Database
) -> None:
    for words in typed():
        here = [word.replace("host=10.0.0.5", "host=127.0.0.1") for word in words]
        more = ["--set", f"port={pbx.port}"] if words[:2] == ["account", "add"] else []
        answer = CliRunner().invoke(cli, [*here, *more], input=f"{pbx.secret}\n")
        assert answer.exit_code == 0, (words, answer.output, answer.exception)
    with database.read() as session:
        known = load(session, session.scalars(select(Account.id)).one(), "PL", guess)
        emails = {user.id: user.email for user in session.scalars(select(User))}
    people = {name: emails.get(known.users.get(known.classify(name).extension, 0)) for name in (
        "PJSIP/101-0000001a", "PJSIP/omer-desk-0000001b", "PJSIP/my-carrier-0000001c",
    )}  # fmt: skip
    assert list(people.values()) == ["anna@example.com", "omer@example.com", None]
    assert known.classify("PJSIP/my-carrier-0000001c").kind == "trunk"
    assert known.classify("PJSIP/omer-desk-0000001b").extension == "102"
