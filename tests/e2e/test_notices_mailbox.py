"""People are told through a connected mailbox of a simulated Google: once, whatever breaks, and on no timeline."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update

from connectors.google import mail_writer
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.cli import cli
from hub.context import Hub
from hub.intake import accounts
from hub.intake.models import Account, RawRecord
from hub.intake.trouble import Trouble
from hub.mail.models import MailDraft, MailMessage
from hub.notice import mailbox, tell
from hub.notice.models import Incident, Notice, NoticeKind, NoticeState
from hub.outbound.models import Outbox
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.timeline.models import Interaction
from hub.work.lease import claim, new_owner
from tests.e2e.calls import until
from tests.e2e.certificates import self_signed
from tests.e2e.processes import HubProcess
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA
from tests.e2e.test_google_mail import STREAM, MailOffice, ask
from tests.e2e.test_notices import Watched
from tests.fakes.smtp import SmtpServer

RUTH = "ruth@acme.example"


@pytest.fixture
def environment(tmp_path: Path, database_url: str) -> dict[str, str]:
    return {
        "HUB_HOME": str(tmp_path),
        "HUB_DATABASE__URL": database_url,
        "HUB_LOG__LEVEL": "error",
        "HUB_SERVER__PUBLIC_URL": "https://hub.example.com",
        "HUB_SMTP__TELL_AFTER_MIN": "0",
        "HUB_NOTICES__THROUGH": f"{NOA},{ADAM}",
        "HUB_WORK__LEASE_S": "3",
        "HUB_WORK__HEARTBEAT_S": "0.5",
        "HUB_WORK__THREADS": "1",
    }


class Company(MailOffice, Watched):
    """Noa's mailbox is connected, and a telephone system of hers; Ruth is the administrator."""

    def __init__(self, hub: Hub, google: GoogleSimulator) -> None:
        super().__init__(hub, google)
        with hub.db.write() as session:
            users.add(session, RUTH, "Ruth", Role.ADMIN)
        self.telephones = self.connect("Telephones", NOA)
        self.read()

    def tell(self) -> None:
        """Do what the worker of notices does until nothing is due."""
        teller = hub_app.teller(self.hub)
        assert teller is not None
        while True:
            with self.hub.db.write() as session:
                leases = claim(session, Notice, teller.due(), owner=new_owner(), lease_s=60, order_by=teller.first())
            if not leases:
                return
            teller.tell(leases[0])

    def connect_adam(self) -> None:
        """Another mailbox, of a connection of its own."""
        own = {"service_account": self.google.service_account_json(), "mailboxes": ADAM, "refresh_token": ""}
        values = {**self.google.settings(), "calendar": False, "contacts": False, **own}
        with self.hub.db.write() as session:
            row = accounts.create(session, self.hub.connectors["google"], self.hub.vault, "Second", values)
            number = row.id
        own_account, self.account = self.account, number
        self.read()
        self.account = own_account

    def lose_access(self) -> None:
        """Noa takes the permission back, and the next look finds out."""
        self.google.oauth.grants.clear()
        self.google.oauth.tokens.clear()
        self.read_one(STREAM)
        assert self.state(STREAM).trouble == Trouble.AUTH

    def connect_again(self) -> None:
        with self.hub.db.write() as session:
            row = session.get_one(Account, self.account)
            values = {**row.settings, "refresh_token": self.google.oauth.grant(NOA)}
            accounts.update(row, self.hub.connectors["google"], self.hub.vault, values)
        self.read()
        assert self.state(STREAM).trouble == Trouble.NONE, self.state(STREAM).last_error

    def got(self) -> list[tuple[str, str]]:
        """Who got mails from which mailbox."""
        return sorted((to, post.by) for post in self.google.sent for to in post.recipients)

    def subjects(self, to: str) -> list[str]:
        mails = [mail_of(post.raw) for post in self.google.sent if to in post.recipients]
        return [str(mail["Subject"]) for mail in mails]

    def errors(self) -> str:
        with self.hub.db.read() as session:
            return " ".join(session.scalars(select(Notice.last_error)))


def mail_of(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.fixture
def company(hub: Hub, google: GoogleSimulator) -> Company:
    return Company(hub, google)


BY_NOA = [(NOA, NOA), (RUTH, NOA)]


def test_people_are_told_once_and_once_when_it_is_well_again(company: Company, google: GoogleSimulator) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    for _ in range(3):
        company.look()
        company.work()
    assert company.got() == BY_NOA
    mail = mail_of(google.sent[0].raw)
    assert mail["From"] == f"Hub <{NOA}>"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "OOF, AutoReply")
    assert "https://hub.example.com/connections/" in str(mail.get_body(("plain",)))

    company.trouble("", company.telephones)
    for _ in range(3):
        company.look()
        company.work()
    assert company.subjects(RUTH) == ["Telephones needs you", "Telephones works again"]
    assert company.subjects(NOA) == ["Telephones needs you", "Telephones works again"]


def test_what_the_hub_writes_itself_is_on_no_timeline_in_no_outbox_and_kept_nowhere(
    company: Company, google: GoogleSimulator
) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    company.tell()
    ask(google, "Offer?")  # what is a customer's comes in beside it
    for _ in range(2):
        company.read()
    assert [row.summary for row in company.threads()] == ["Offer?"]
    assert company.filtered() == ["internal", "internal"]
    with company.hub.db.read() as session:
        rows = {table: session.scalar(select(func.count()).select_from(table)) for table in (
            Interaction, MailMessage, RawRecord, MailDraft, Outbox
        )}  # fmt: skip
        assert list(rows.values()) == [1, 1, 1, 0, 0]
        assert "needs you" not in str([row.payload for row in session.scalars(select(RawRecord))])


def test_a_mail_whose_answer_was_lost_is_looked_for_and_not_sent_twice(
    company: Company, google: GoogleSimulator
) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    google.faults.add("commit_then_timeout=always")
    company.tell()
    assert company.got() == BY_NOA
    assert company.errors().count("may have sent") == 2
    assert {state for _, _, state in company.rows()} == {NoticeState.WAITING}
    company.hurry()
    company.tell()
    assert company.got() == BY_NOA
    assert {state for _, _, state in company.rows()} == {NoticeState.SENT}


def test_google_that_is_away_is_asked_until_it_is_back(company: Company, google: GoogleSimulator) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    google.faults.add("unavailable=always")
    for _ in range(6):
        company.tell()
        company.hurry()
    assert company.got() == []
    assert {state for _, _, state in company.rows()} == {NoticeState.WAITING}
    google.faults.clear()
    company.tell()
    assert company.got() == BY_NOA


class KilledError(BaseException):
    """As a kill does, it runs no handler of ours."""


LINES = {module.__file__ for module in (tell, mailbox, mail_writer)}


def is_killed_at(line: int, run: Callable[[], None]) -> bool:
    """Run, and die before the given line of those that send notices; False: it was over before."""
    reached = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal reached
        if frame.f_code.co_filename not in LINES:
            return None
        reached += event == "line"
        if reached == line and event == "line":
            raise KilledError
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KilledError:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_hub_that_dies_between_any_two_statements_leaves_one_mail(company: Company, google: GoogleSimulator) -> None:
    with company.hub.db.write() as session:  # one person, and no limit that so many sendings would meet
        row = session.get_one(Account, company.telephones)
        row.owner_id = None
        row = session.get_one(Account, company.account)
        row.settings = {**row.settings, "mail_units_per_minute": 10_000_000}
    line, was_killed = 0, True
    while was_killed:
        line += 1
        company.trouble(Trouble.AUTH, company.telephones)
        company.look()
        was_killed = is_killed_at(line, company.tell)
        company.hurry()
        company.tell()
        assert company.got() == [(RUTH, NOA)], f"killed before line {line}"
        assert {state for _, _, state in company.rows()} == {NoticeState.SENT}
        google.sent.clear()
        for letter in list(google.user(NOA).mail.letters):
            google.user(NOA).mail.delete_forever(letter)
        with company.hub.db.write() as session:
            session.execute(update(Incident).values(ended_at=now()))
    assert line > 60  # it died that often


def test_a_process_that_is_killed_when_google_has_the_mail_does_not_send_it_again(
    company: Company, google: GoogleSimulator, environment: dict[str, str], tmp_path: Path
) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    google.faults.add("commit_then_timeout=always")
    with HubProcess(tmp_path, environment, "work") as process:
        until(lambda: google.sent, 60, why=lambda: process.text)
        process.kill()
    google.faults.clear()
    company.hurry()
    with HubProcess(tmp_path, environment, "work") as process:
        until(lambda: {state for _, _, state in company.rows()} == {NoticeState.SENT}, 60, why=lambda: process.text)
        assert process.end(signal.SIGTERM) == 0
    assert company.got() == BY_NOA


def test_a_mailbox_that_lost_its_own_access_tells_nobody_until_it_is_connected_again(company: Company) -> None:
    company.lose_access()
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    company.tell()
    assert company.got() == []
    assert len(company.rows()) == 4
    assert "Press Connect again" in company.errors()

    company.connect_again()
    company.look()
    company.hurry()
    company.tell()
    assert company.got() == BY_NOA
    assert {state for email, kind, state in company.rows() if kind == NoticeKind.WELL_AGAIN} <= {NoticeState.DROPPED}


def test_the_second_mailbox_tells_that_the_first_one_lost_its_access(company: Company) -> None:
    company.connect_adam()
    company.lose_access()
    company.look()
    company.tell()
    assert company.got() == [(NOA, ADAM), (RUTH, ADAM)]
    assert company.subjects(RUTH) == ["Google needs you"]

    company.connect_again()
    company.look()
    company.look()
    company.tell()
    assert company.subjects(RUTH) == ["Google needs you", "Google works again"]
    assert company.got()[-1] == (RUTH, NOA)  # the first goes first again


def test_a_missing_permission_is_said_and_the_mails_wait(company: Company, google: GoogleSimulator) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    google.faults.add("scope_missing=always")
    company.tell()
    assert company.got() == []
    assert "grant this permission" in company.errors()
    google.faults.clear()
    company.hurry()
    company.tell()
    assert company.got() == BY_NOA


def test_too_much_asked_of_google_is_only_a_pause(company: Company, google: GoogleSimulator) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    google.faults.add("rate_limited")
    company.tell()
    with company.hub.db.read() as session:
        soonest = session.scalars(select(func.min(Notice.due_at))).one()
    assert now() < soonest < now() + timedelta(minutes=2)

    def is_told() -> bool:
        company.hurry()
        company.tell()
        return company.got() == BY_NOA

    until(is_told, 20)


# --- what the administrator reads ---------------------------------------------------------------------------------


@pytest.fixture
def place(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[SmtpServer]:
    with SmtpServer(self_signed(tmp_path / "mail.pem")) as server:
        yield server


def doctor() -> list[tuple[str, str, str]]:
    """What `hub doctor` says of mail."""
    rows = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).output)
    return [(row["level"], row["text"], row["action"]) for row in rows if row["topic"] == "mail"]


def checked(to: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["mail", "check", "--to", to, *more])


def test_a_mail_server_goes_before_mailboxes(
    company: Company, post: SmtpServer, place: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (("HOST", "127.0.0.1"), ("PORT", str(post.port)), ("FROM", "hub@acme.example"),
                        ("CA_FILE", str(tmp_path / "mail.pem"))):  # fmt: skip
        monkeypatch.setenv(f"HUB_SMTP__{name}", value)
    answer = checked(RUTH)
    assert answer.exit_code == 0, answer.output
    assert [taken.to for taken in post.taken] == [RUTH]
    assert post.taken[0].mail["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert company.got() == []
    assert doctor() == [("green", f"goes through 127.0.0.1:{post.port}; notices.through is not used", "")]


def test_the_check_sends_through_the_mailbox_and_leaves_no_trace_even_of_a_customers_address(
    company: Company, place: None
) -> None:
    answer = checked(CUSTOMER)
    assert answer.exit_code == 0, answer.output
    assert f"{NOA}  sent" in answer.output
    assert company.got() == [(CUSTOMER, NOA)]
    company.read()
    assert (company.threads(), company.filtered()) == ([], ["bulk"])


def test_the_check_says_what_came_of_each_mailbox(company: Company, place: None) -> None:
    company.lose_access()
    answer = checked(RUTH, "--json")
    assert answer.exit_code == 1
    assert "Press Connect again" in answer.output
    assert f"No connection has the mailbox {ADAM}" in answer.output
    company.connect_adam()
    answer = checked(RUTH, "--json")
    assert (answer.exit_code, company.got()) == (0, [(RUTH, ADAM)])
    assert [row["step"] for row in json.loads(answer.stdout)] == [NOA, ADAM]


def test_with_neither_a_mail_server_nor_a_mailbox_the_check_names_both_settings(
    company: Company, place: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_NOTICES__THROUGH", "")
    answer = checked(RUTH)
    assert answer.exit_code != 0
    assert "smtp.host and notices.through" in str(answer.exception)
    [(level, text, action)] = doctor()
    assert (level, text) == ("amber", "Nobody can be told by mail when a connection needs a person.")
    assert "[notices]" in action


def test_the_doctor_says_which_mailbox_is_used_and_what_keeps_the_others(company: Company, place: None) -> None:
    other = ("amber", f"No connection has the mailbox {ADAM} and reads its mail.")
    nobody = ("amber", "No mailbox can tell people when a connection needs a person; it waits.")
    assert [line[:2] for line in doctor()] == [other, ("green", f"goes through {NOA} of Google")]

    with company.hub.db.write() as session:
        accounts.pause(session.get_one(Account, company.account))
    paused, absent, none = doctor()
    assert paused == ("amber", f"The connection Google of {NOA} is paused.", "Run: hub account resume Google")
    assert (absent[:2], none[:2]) == (other, nobody)

    with company.hub.db.write() as session:
        row = session.get_one(Account, company.account)
        accounts.resume(session, row, company.hub.connectors["google"])
    company.connect_adam()
    assert doctor() == [("green", f"goes through {NOA} of Google", "")]


def test_the_doctor_says_that_a_permission_is_missing(company: Company, google: GoogleSimulator, place: None) -> None:
    company.connect_adam()
    google.faults.add("scope_missing=always")
    company.read_one(STREAM)
    google.faults.clear()
    (level, text, action), working = doctor()
    assert (level, action) == ("amber", "Run: hub account check Google")
    assert text.startswith(f"{NOA} cannot send: ")
    assert "grant this permission" in text
    assert working == ("green", f"goes through {ADAM} of Second", "")


def test_the_doctor_says_that_mails_wait(company: Company, google: GoogleSimulator, place: None) -> None:
    company.trouble(Trouble.AUTH, company.telephones)
    company.look()
    google.faults.add("scope_missing")
    company.tell()
    found = [text for level, text, _ in doctor() if level == "amber"]
    assert any("1 mails to people wait to be sent" in text and "permission" in text for text in found)
    assert not [line for line in doctor() if line[0] == "green"]
