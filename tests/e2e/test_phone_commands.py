"""`hub extension` and `hub endpoint`: what they refuse is what the console refuses, in the same words; on both databases."""

from collections.abc import Sequence

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from hub.cli import cli
from hub.cti import phone_plan
from hub.cti.models import EndpointRule, Extension
from hub.errors import HubError, UserError
from hub.intake.models import Account
from hub.security import users
from hub.security.models import Audit, Role
from hub.settings import Settings
from hub.store.session import Database

WRONG = [
    (["extension", "add", "pbx", "1 01"], phone_plan.set_extension, ("1 01",), {}),
    (["extension", "add", "pbx", "1x"], phone_plan.set_extension, ("1x",), {}),
    (["extension", "add", "pbx", "anna"], phone_plan.set_extension, ("anna",), {}),
    (["extension", "add", "pbx", "+48601234567"], phone_plan.set_extension, ("+48601234567",), {}),
    (["extension", "add", "pbx", "1" * 21], phone_plan.set_extension, ("1" * 21,), {}),
    (["extension", "add", "pbx", "101/Local"], phone_plan.set_extension, ("101/Local",), {}),
    (["extension", "add", "pbx", "101", "--device", "PJSIP/a b"], phone_plan.set_extension, ("101", None, "PJSIP/a b"), {}),
    (["endpoint", "set", "pbx", "PJSIP/a b", "trunk"], phone_plan.set_endpoint, ("PJSIP/a b", "trunk"), {}),
    (["endpoint", "set", "pbx", "PJSIP/a*", "local"], phone_plan.set_endpoint, ("PJSIP/a*", "local"), {}),
    (["endpoint", "set", "pbx", "PJSIP/a*", "trunk", "--region", "XX"], phone_plan.set_endpoint, ("PJSIP/a*", "trunk"),
     {"region": "XX"}),
    (["endpoint", "set", "pbx", "PJSIP/a*", "trunk", "--dial-prefix", "9x"], phone_plan.set_endpoint,
     ("PJSIP/a*", "trunk"), {"dial_prefix": "9x"}),
]  # fmt: skip


@pytest.fixture
def account(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> int:
    """An exchange called pbx, and an environment in which commands find the database."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)
    with database.write() as session:
        row = Account(name="pbx", connector="asterisk")
        session.add(row)
        users.add(session, "noa@example.com", "Noa", Role.AGENT)
        session.flush()
        return row.id


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


@pytest.mark.alike
@pytest.mark.parametrize(("words", "rule", "given", "named"), WRONG)
def test_a_command_refuses_what_the_console_refuses_in_the_same_words(
    database: Database,
    account: int,
    words: Sequence[str],
    rule: object,
    given: tuple[object, ...],
    named: dict[str, str],
) -> None:
    with database.write() as session, pytest.raises(UserError) as told:
        rule(session, account, *given, **named)  # type: ignore[operator]
    answer = run(*words)
    assert isinstance(answer.exception, HubError)
    assert str(answer.exception) == str(told.value)
    with database.read() as session:
        assert session.scalars(select(Extension.id)).all() == session.scalars(select(EndpointRule.id)).all() == []
        assert session.scalars(select(Audit.id)).all() == []


def test_a_name_in_place_of_a_number_is_refused_with_the_way_to_give_it(account: int) -> None:
    answer = run("extension", "add", "pbx", "anna", "--user", "noa@example.com")
    assert "digits, * and #" in str(answer.exception)
    assert "number 101, device PJSIP/anna*" in str(answer.exception)
    assert run("extension", "add", "pbx", "101", "--device", "PJSIP/anna*", "--user", "noa@example.com").exit_code == 0
    assert run("extension", "add", "pbx", "*21#").exit_code == 0


def test_an_exchange_that_posts_its_calls_may_name_people_by_a_login(database: Database, account: int) -> None:
    done = run("account", "add", "phonehook", "hooks", "--no-check")
    assert done.exit_code == 0, done.output
    assert run("extension", "add", "hooks", "anna.n", "--user", "noa@example.com").exit_code == 0
    assert isinstance(run("extension", "add", "hooks", "anna n").exception, UserError)


def test_a_connection_that_is_no_exchange_has_no_phones(database: Database, account: int) -> None:
    with database.write() as session:
        session.get_one(Account, account).connector = "another"
    for words in (["extension", "add", "pbx", "101"], ["endpoint", "set", "pbx", "PJSIP/a*", "trunk"]):
        assert isinstance(run(*words).exception, HubError)


def test_phones_and_trunks_are_set_and_changed(database: Database, account: int) -> None:
    assert (
        run("extension", "add", "pbx", " 101 ", "--user", "noa@example.com", "--device", "PJSIP/anna*").exit_code == 0
    )
    assert run("extension", "add", "pbx", "101").exit_code == 0
    trunk = ["endpoint", "set", "pbx", "PJSIP/line*", "trunk", "--region", "pl", "--dial-prefix", "9"]
    assert run(*trunk).exit_code == 0
    with database.read() as session:
        [phone] = session.scalars(select(Extension))
        assert (phone.number, phone.user_id, phone.device) == ("101", None, "PJSIP/anna*"), (
            "a device stays until changed"
        )
        [rule] = session.scalars(select(EndpointRule))
        assert (rule.kind, rule.region, rule.dial_prefix, rule.match_withheld) == ("trunk", "PL", "9", False)
    assert run("endpoint", "set", "pbx", "PJSIP/line*", "ignore", "--region", "PL").exit_code == 0
    with database.read() as session:
        assert session.scalars(select(EndpointRule.region)).all() == [""], "only a trunk has a country"
    assert '"number": "101"' in run("extension", "list", "pbx", "--json").output
