"""An account dies: its owner and the administrators get one mail each, in their language, and one when it is well."""

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select, update

from hub import app as hub_app
from hub.cli import cli
from hub.context import Hub
from hub.intake import accounts, health
from hub.intake.models import Account, Health, StreamState
from hub.intake.trouble import Trouble
from hub.notice import follow
from hub.notice.models import Incident, Notice, NoticeKind, NoticeState
from hub.notice.rule_letters import PAUSE
from hub.rules.models import RuleLetter
from hub.security import users
from hub.security.models import Role, User
from hub.store.base import now
from hub.work.models import Slot
from tests.e2e.calls import until
from tests.e2e.certificates import self_signed
from tests.e2e.processes import HubProcess
from tests.e2e.rules_desk import Rules
from tests.fakes.smtp import CONTENT, CUT, HOLD, SmtpServer, Taken

PASSWORD = "swordfish"
URL = "https://hub.example.com"


@pytest.fixture
def post(tmp_path: Path) -> Iterator[SmtpServer]:
    with SmtpServer(self_signed(tmp_path / "mail.pem"), user="hub", password=PASSWORD) as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path, database_url: str, post: SmtpServer) -> dict[str, str]:
    return {
        "HUB_HOME": str(tmp_path),
        "HUB_DATABASE__URL": database_url,
        "HUB_LOG__LEVEL": "error",
        "HUB_SERVER__PUBLIC_URL": URL,
        "HUB_SMTP__HOST": "127.0.0.1",
        "HUB_SMTP__PORT": str(post.port),
        "HUB_SMTP__USER": "hub",
        "HUB_SMTP__PASSWORD": PASSWORD,
        "HUB_SMTP__FROM": "hub@example.com",
        "HUB_SMTP__CA_FILE": str(tmp_path / "mail.pem"),
        "HUB_SMTP__TELL_AFTER_MIN": "0",
        "HUB_WORK__LEASE_S": "3",
        "HUB_WORK__HEARTBEAT_S": "0.5",
        "HUB_WORK__THREADS": "1",
    }


class Watched:
    """A hub in which connections get into trouble and people are told."""

    hub: Hub
    account: int

    def connect(self, name: str, owner: str) -> int:
        with self.hub.db.write() as session:
            row = Account(name=name, connector="google", owner_id=users.get(session, owner).id, health=Health.HEALTHY)
            session.add(row)
            session.flush()
            state = StreamState(
                account_id=row.id,
                stream="mail",
                records="mail",
                wanted=True,
                every_s=300,
                last_ok_at=now(),
                last_run_at=now(),
            )
            session.add(state)
            return row.id

    def trouble(self, trouble: str, account: int = 0) -> None:
        """What the reader writes down; `` is a good look."""
        with self.hub.db.write() as session:
            session.execute(
                update(StreamState)
                .where(StreamState.account_id == (account or self.account))
                .values(
                    trouble=trouble, last_error="token secret-of-google expired" if trouble else "", last_ok_at=now()
                )
            )
            health.refresh(session, account or self.account)

    def look(self, *, patience: timedelta = timedelta(), can_tell: bool = True) -> None:
        with self.hub.db.write() as session:
            follow.follow(session, patience=patience, can_tell=can_tell)

    def work(self) -> None:
        """Let a worker do all that is due now."""
        workers = hub_app._workers(self.hub)
        while workers.run_once():
            pass

    def hurry(self) -> None:
        """Let what waits for its next try, and what a dead worker holds, be due now."""
        with self.hub.db.write() as session:
            past = now() - timedelta(seconds=1)
            session.execute(update(Notice).where(Notice.state == NoticeState.WAITING).values(due_at=past))
            session.execute(update(Notice).where(Notice.lease_until.is_not(None)).values(lease_until=past))

    def rows(self) -> list[tuple[str, str, str]]:
        with self.hub.db.read() as session:
            query = select(User.email, Notice.kind, Notice.state).join(User, User.id == Notice.user_id)
            return [(r.email, r.kind, r.state) for r in session.execute(query.order_by(Notice.id))]


class Office(Watched):
    """A company whose administrator reads Hebrew, with one mailbox of somebody who reads Polish."""

    def __init__(self, hub: Hub, post: SmtpServer) -> None:
        self.hub, self.post = hub, post
        with hub.db.write() as session:
            for email, role, language in (
                ("noa@example.com", Role.ADMIN, "he"),
                ("ruth@example.com", Role.ADMIN, ""),
                ("lena@example.com", Role.AGENT, "pl"),
                ("adam@example.com", Role.MANAGER, ""),
            ):
                users.add(
                    session, email, email.partition("@")[0].title(), role, "a sentence is good"
                ).language = language
            gone = users.add(session, "gone@example.com", "Gone", Role.ADMIN)
            gone.disabled_at = now()
        self.account = self.connect("Mail of Lena", "lena@example.com")

    def to(self, email: str) -> list[EmailMessage]:
        return [taken.mail for taken in self.post.taken if taken.to == email]

    def got(self) -> list[str]:
        return sorted(taken.to for taken in self.post.taken)


@pytest.fixture
def office(hub: Hub, post: SmtpServer) -> Office:
    return Office(hub, post)


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


CONCERNED = ["lena@example.com", "noa@example.com", "ruth@example.com"]


def test_who_is_concerned_gets_one_mail_in_their_language_with_the_page_and_what_to_do(
    office: Office, app: Flask
) -> None:
    office.trouble(Trouble.AUTH)
    office.work()

    assert office.got() == CONCERNED
    [noa], [ruth], [lena] = (office.to(f"{name}@example.com") for name in ("noa", "ruth", "lena"))
    assert [mail["Subject"] for mail in (noa, ruth, lena)] == [
        "Mail of Lena דורש טיפול", "Mail of Lena needs you", "Mail of Lena wymaga Ciebie",
    ]  # fmt: skip
    assert "Open the page and connect again." in text(ruth)
    assert "Administrator też dostał wiadomość" in text(lena)
    assert 'dir="rtl" lang="he"' in text(noa, "html")
    with office.hub.db.read() as session:
        public_id = session.get_one(Account, office.account).public_id
    assert text(ruth).splitlines()[-1] == f"{URL}/connections/{public_id}"
    assert app.url_map.bind("hub.example.com").match(f"/connections/{public_id}")[0] == "account_page.show"
    assert not [taken for taken in office.post.taken if b"secret-of-google" in taken.raw or not taken.encrypted]


def test_however_often_and_by_however_many_it_is_looked_at_nobody_gets_a_second_mail(office: Office) -> None:
    office.trouble(Trouble.AUTH)

    def look() -> None:
        workers = hub_app._workers(office.hub)
        for _ in range(8):
            office.look()
            workers.run_once()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    office.hurry()
    office.work()

    assert office.got() == CONCERNED
    with office.hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Incident)) == 1


def test_when_it_works_again_those_who_were_told_are_told_once(office: Office) -> None:
    office.trouble(Trouble.AUTH)
    office.work()
    with office.hub.db.write() as session:
        late = users.add(session, "late@example.com", "Late", Role.ADMIN)
        users.disable(session, users.get(session, "ruth@example.com"))
        assert late.id
    office.post.taken.clear()
    office.trouble("")
    for _ in range(5):
        office.look()
        office.work()

    assert office.got() == ["lena@example.com", "noa@example.com"]
    assert [mail["Subject"] for mail in office.to("lena@example.com")] == ["Mail of Lena znów działa"]


def test_the_next_time_is_told_anew(office: Office) -> None:
    for _ in range(2):
        office.trouble(Trouble.AUTH)
        office.look()
        office.work()
        office.trouble("")
        office.look()
        office.work()
    subjects = [mail["Subject"] for mail in office.to("ruth@example.com")]
    assert subjects == ["Mail of Lena needs you", "Mail of Lena works again"] * 2


def test_what_was_over_before_a_mail_went_is_told_to_nobody(office: Office) -> None:
    for _ in range(2):
        office.trouble(Trouble.AUTH)
        office.look()
        office.trouble("")
        office.look()
    office.work()
    with office.hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Incident)) == 2
    # It was over before anything went out: nobody is told of a trouble that is none, nor of its end.
    assert (office.got(), {state for _, _, state in office.rows()}) == ([], {NoticeState.DROPPED})


def test_what_passes_by_itself_is_told_to_nobody(office: Office) -> None:
    patience = timedelta(minutes=10)
    office.trouble(Trouble.DEFECT)
    office.look(patience=patience)
    office.trouble("")
    office.look(patience=patience)
    office.trouble(Trouble.DEFECT)
    office.look(patience=patience)
    assert office.rows() == []
    with office.hub.db.write() as session:  # ten minutes go by
        session.execute(update(Incident).values(began_at=now() - patience))
    office.look(patience=patience)
    assert len(office.rows()) == 3
    office.trouble("")
    office.look(patience=patience)
    office.trouble(Trouble.DEFECT)  # it only seemed to be well
    office.look(patience=patience)
    assert len(office.rows()) == 3


def test_a_pause_is_no_news_and_a_removed_account_is_nobodys_business(office: Office) -> None:
    office.trouble(Trouble.AUTH)
    office.look()
    office.work()
    with office.hub.db.write() as session:
        accounts.pause(session.get_one(Account, office.account))
    office.look()
    with office.hub.db.write() as session:
        accounts.remove(session, session.get_one(Account, office.account))
    office.look()
    office.work()
    assert office.got() == CONCERNED
    with office.hub.db.read() as session:
        assert session.scalars(select(Incident.ended_at)).one() is not None


def test_a_server_that_is_away_is_tried_again_later_and_not_by_everybody(office: Office) -> None:
    office.post.answers["connect"] = CUT
    office.trouble(Trouble.AUTH)
    office.work()
    office.work()
    with office.hub.db.read() as session:
        found = session.scalars(select(Notice).order_by(Notice.id)).all()
    assert [row.failures for row in found] == [1, 0, 0]
    assert all(now() + timedelta(seconds=20) < row.due_at <= now() + timedelta(seconds=60) for row in found)

    office.post.answers["connect"] = "421 not now"
    for _ in range(4):
        office.hurry()
        office.work()
    with office.hub.db.read() as session:
        first = session.scalars(select(Notice).order_by(Notice.id)).first()
    assert first is not None
    assert (first.failures, "421 not now" in first.last_error) == (5, True)
    assert first.due_at > now() + timedelta(minutes=7)

    del office.post.answers["connect"]
    office.hurry()
    office.work()
    assert office.got() == CONCERNED
    assert len({taken.message_id for taken in office.post.taken}) == 3


def test_one_address_that_does_not_exist_keeps_nobody_else_waiting(office: Office) -> None:
    office.post.to["noa@example.com"] = "550 no such user"
    office.trouble(Trouble.AUTH)
    office.work()
    office.trouble("")
    office.look()
    office.work()

    assert office.got() == ["lena@example.com"] * 2 + ["ruth@example.com"] * 2
    assert ("noa@example.com", NoticeKind.NEEDS_YOU, NoticeState.REFUSED) in office.rows()
    assert ("noa@example.com", NoticeKind.WELL_AGAIN) not in [row[:2] for row in office.rows()]


def test_an_answer_that_is_lost_makes_at_most_three_mails_that_are_one_to_the_receiver(office: Office) -> None:
    with office.hub.db.write() as session:
        users.disable(session, users.get(session, "ruth@example.com"))
        users.disable(session, users.get(session, "lena@example.com"))
    office.post.answers[CONTENT] = CUT
    office.trouble(Trouble.AUTH)
    for _ in range(8):
        office.work()
        office.hurry()
    assert office.got() == ["noa@example.com"] * 3
    assert len({taken.message_id for taken in office.post.taken}) == 1
    assert office.rows() == [("noa@example.com", NoticeKind.NEEDS_YOU, NoticeState.SENT)]


def test_a_trouble_that_ended_while_nobody_knew_whether_it_was_told_is_told_to_be_over(office: Office) -> None:
    office.post.answers[CONTENT] = CUT
    office.trouble(Trouble.AUTH)
    office.work()
    del office.post.answers[CONTENT]
    office.trouble("")
    office.look()
    for _ in range(3):
        office.hurry()
        office.work()
    subjects = [mail["Subject"] for mail in office.to("ruth@example.com")]
    assert subjects == ["Mail of Lena needs you", "Mail of Lena works again"]


def test_a_hub_killed_before_it_could_write_down_that_a_mail_went_sends_it_once_more_under_the_same_id(
    office: Office, environment: dict[str, str], tmp_path: Path
) -> None:
    office.trouble(Trouble.AUTH)
    office.look()
    office.post.answers[CONTENT] = HOLD
    with HubProcess(tmp_path, environment, "work") as process:
        until(lambda: office.post.taken, 60, why=lambda: process.text)  # it has the mail, and says nothing yet
        process.kill()
    office.post.answers.clear()
    office.post.go_on.set()
    with HubProcess(tmp_path, environment, "work") as process:
        until(lambda: {state for _, _, state in office.rows()} == {NoticeState.SENT}, 60, why=lambda: process.text)
        assert process.end(signal.SIGTERM) == 0

    by_person: dict[str, list[Taken]] = {}
    for taken in office.post.taken:
        by_person.setdefault(taken.to, []).append(taken)
    assert sorted(len(some) for some in by_person.values()) == [1, 1, 2]
    assert all(len({taken.message_id for taken in some}) == 1 for some in by_person.values())


def test_a_hostile_name_stays_a_name(office: Office) -> None:
    name = 'Sales\r\nBcc: eve@example.com\r\n\r\n<script>x</script><img src="https://eve.example/x"> %(hub)s \u202egpj'
    office.trouble(Trouble.AUTH, office.connect(name, "noa@example.com"))
    office.work()

    assert {taken.to for taken in office.post.taken} == {"noa@example.com", "ruth@example.com"}
    [mail] = office.to("ruth@example.com")
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).startswith("Sales Bcc: eve@example.com <script>x</script><img")
    page = text(mail, "html")
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert not re.search(r"<(script|img)", page)
    assert "\u202e" not in page + text(mail) + str(mail["Subject"])


def test_without_a_mail_server_nothing_piles_up_and_what_lasts_is_told_when_there_is_one(office: Office) -> None:
    office.trouble(Trouble.AUTH)
    for _ in range(3):
        office.look(can_tell=False)
    assert office.rows() == []
    office.look()
    assert len(office.rows()) == 3


def test_what_could_not_be_sent_for_two_days_is_given_up_and_forgotten_later(office: Office) -> None:
    office.trouble(Trouble.AUTH)
    office.look()
    with office.hub.db.write() as session:
        session.execute(update(Notice).values(made_at=now() - timedelta(days=2, minutes=1)))
    office.look(can_tell=False)
    assert {state for _, _, state in office.rows()} == {NoticeState.GIVEN_UP}
    with office.hub.db.write() as session:
        session.execute(update(Incident).values(ended_at=now() - timedelta(days=91)))
        follow.forget(session)
    assert office.rows() == []


@pytest.fixture
def place(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


Doctor = Callable[[], dict[str, Any]]


@pytest.fixture
def doctor(place: None) -> Doctor:
    """What `hub doctor` says of mail."""

    def say() -> dict[str, Any]:
        rows = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).output)
        [found] = [row for row in rows if row["topic"] == "mail"]
        return dict(found)

    return say


def test_the_doctor_says_that_nobody_can_be_told(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor()["level"] == "green"
    monkeypatch.setenv("HUB_SMTP__HOST", "")
    found = doctor()
    assert (found["level"], found["text"]) == ("amber", "Nobody can be told by mail when a connection needs a person.")
    assert "[smtp]" in found["action"]


def test_the_doctor_says_that_mails_do_not_go(office: Office, doctor: Doctor) -> None:
    office.post.answers["MAIL"] = "451 quota"
    office.trouble(Trouble.AUTH)
    office.work()
    found = doctor()
    assert found["level"] == "amber"
    assert "1 mails to people wait" in found["text"]
    assert "451 quota" in found["text"]


def test_the_check_sends_a_mail_and_prints_each_answer(place: None, post: SmtpServer) -> None:
    answer = CliRunner().invoke(cli, ["mail", "check", "--to", "noa@example.com"])
    assert answer.exit_code == 0, answer.output
    assert [line.split()[0] for line in answer.output.splitlines()] == [
        "step", "connect", "encryption", "sign-in", "sender", "recipient", "content", "Sent",
    ]  # fmt: skip
    assert [taken.to for taken in post.taken] == ["noa@example.com"]
    assert PASSWORD not in answer.output


@pytest.mark.parametrize(
    ("step", "said", "words"),
    [("RCPT", "550 no such user", "550 no such user"), ("AUTH", "535 no", "refuses smtp.user and smtp.password")],
)
def test_the_check_says_what_did_not_work(place: None, post: SmtpServer, step: str, said: str, words: str) -> None:
    post.answers[step] = said
    answer = CliRunner().invoke(cli, ["mail", "check", "--to", "noa@example.com", "--json"])
    assert answer.exit_code == 1
    assert words in answer.output
    assert PASSWORD not in answer.output


def test_a_turn_of_the_schedule_follows_by_itself(office: Office) -> None:
    office.trouble(Trouble.AUTH)
    office.work()
    with office.hub.db.read() as session:
        # One, or two where the work went on into the next minute; the mail is one all the same.
        assert session.scalar(select(func.count()).where(Slot.schedule == "notices")) in {1, 2}
    assert office.got() == CONCERNED


# --- rules mail the same way -----------------------------------------------------------------------------------------


def test_a_rule_mails_a_colleague_once_in_their_language_also_where_the_answer_is_lost(
    office: Office, post: SmtpServer
) -> None:
    rules = Rules(office.hub)
    with office.hub.db.read() as session:
        lena = users.person(users.get(session, "lena@example.com"))
    rules.customer("Dana Levi", owner=lena)
    rule = rules.rule("call_missed", {"do": "mail", "to": ["owner"], "text": "{customer} <called>"})
    rules.call(rules.customer("דנה לוי", owner=lena))
    rules.look()
    letters = hub_app.rule_letters(office.hub)
    post.answers[CONTENT] = CUT  # it is taken, and nobody says so
    letters.turn()
    del post.answers[CONTENT]
    with office.hub.db.write() as session:
        session.execute(update(RuleLetter).values(tried_at=now() - PAUSE))
    for _ in range(2):
        letters.turn()
    first, again = post.taken
    assert first.message_id == again.message_id
    assert (first.to, first.encrypted) == ("lena@example.com", True)
    assert again.mail["Subject"] == f"{rule.name}: דנה לוי"
    assert again.mail["Auto-Submitted"] == "auto-generated"
    assert "דנה לוי <called>" in text(again.mail)
    assert "z powodu reguły When call_missed" in text(again.mail)
    assert "&lt;called&gt;" in text(again.mail, "html")
    assert f"{URL}/customers/" in text(again.mail)
