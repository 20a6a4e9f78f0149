"""Mails written in the hub and sent through a simulated Gmail: once, in their conversation, and once on the timeline."""

from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from connectors.google.mail_writer import MailWriter
from connectors.google.simulator import GoogleSimulator
from hub.context import Hub
from hub.errors import ForbiddenError, RejectedError, UserError
from hub.identity.models import Party
from hub.mail import write
from hub.mail.models import DraftState, MailDraft, MailMessage
from hub.mail.write import Content, Wanted
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import User
from tests.e2e import sending
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA
from tests.e2e.test_google_mail import STREAM, MailOffice, ask


class Writing(MailOffice):
    """An office in which Noa writes."""

    def user(self, email: str = NOA) -> User:
        with self.hub.db.read() as session:
            return session.scalars(select(User).where(User.email == email)).one()

    def begin(self, *, answer: bool = True, email: str = NOA, everyone: bool = False) -> MailDraft:
        with self.hub.db.write() as session:
            user = self.user(email)
            [mailbox] = write.mailboxes(session, user.id)
            message = session.scalars(select(MailMessage).order_by(MailMessage.at.desc())).first() if answer else None
            party = session.get(Party, self.dana)
            wanted = Wanted(mailbox, message, everyone, party, to=CUSTOMER)
            draft = write.start(session, user.id, uuid4(), wanted)
            write.save(draft, write.first(session, user, wanted))
            return draft

    def type(self, draft: MailDraft, text: str, **fields: object) -> None:
        with self.hub.db.write() as session:
            row = session.get_one(MailDraft, draft.id)
            names = ("to", "cc", "bcc", "subject", "signature", "quotes")
            values = {name: getattr(row, name) for name in names} | {"text": text} | fields
            write.save(row, Content(**values))  # type: ignore[arg-type]  # as the test says

    def send(self, draft: MailDraft, undo: timedelta = timedelta(0)) -> None:
        with self.hub.db.write() as session:
            row = session.get_one(MailDraft, draft.id)
            write.send(session, session.get_one(User, row.user_id), row, undo=undo)

    def answer_once(self) -> MailDraft:
        """Let Noa answer a customer's question; the worker has not looked yet."""
        ask(self.google)
        self.read()
        draft = self.begin()
        self.type(draft, "Once.")
        self.send(draft)
        return draft

    def deliver(self) -> int:
        """Do what the worker does until nothing is due."""
        return sending.deliver(self.hub)

    def again(self) -> None:
        """Let time pass until what failed is due."""
        sending.let_time_pass(self.hub)

    def outbox(self) -> Outbox:
        with self.hub.db.read() as session:
            return session.scalars(select(Outbox).order_by(Outbox.id.desc())).first()  # type: ignore[return-value]

    def draft(self, draft: MailDraft) -> MailDraft:
        with self.hub.db.read() as session:
            return session.get_one(MailDraft, draft.id)


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> Writing:
    return Writing(hub, google)


def sent(google: GoogleSimulator, address: str = NOA) -> list[Message]:
    """What stands among the sent mails at the provider."""
    letters = google.user(address).mail.letters.values()
    return [message_from_bytes(one.raw, policy=default) for one in letters if "SENT" in one.labels]


def test_an_answer_goes_into_its_conversation_and_stands_on_the_timeline_once(
    office: Writing, google: GoogleSimulator
) -> None:
    ask(google, message_id="<asked@customer.example>")
    office.read()
    [asked] = office.messages()
    draft = office.begin()
    assert (draft.to, draft.subject) == (f"Dana <{CUSTOMER}>", "Re: Offer?")
    office.type(draft, "Four hundred.", signature="Noa\nAcme")
    office.send(draft)
    office.send(draft)
    assert office.deliver() == 1
    [letter] = sent(google)
    assert letter["In-Reply-To"] == letter["References"] == f"<{asked.message_id}>"
    assert (letter["From"], letter["To"]) == (f"Noa <{NOA}>", f"Dana <{CUSTOMER}>")
    text = letter.get_body(("plain",)).get_content()  # type: ignore[attr-defined]  # of the policy above
    assert "Four hundred." in text
    assert "> How much?" in text
    assert "-- \r\nNoa\r\nAcme" in text or "-- \nNoa\nAcme" in text
    assert len({one.thread_id for one in google.user(NOA).mail.letters.values()}) == 1
    [thread] = office.threads()
    assert [message.outbound for message in office.messages()] == [False, True]
    for _ in range(2):  # the sync sees it too
        office.read()
        assert [row.id for row in office.threads()] == [thread.id]
        assert len(office.messages()) == 2
    assert office.draft(draft).state == DraftState.SENT


def test_a_quote_is_introduced_in_the_writers_language_and_time(office: Writing, google: GoogleSimulator) -> None:
    ask(google)
    office.read()
    with office.hub.db.write() as session:
        session.execute(update(User).where(User.email == NOA).values(language="he", time_zone="Asia/Jerusalem"))
    draft = office.begin()
    office.type(draft, "ארבע מאות")
    office.send(draft)
    office.deliver()
    [letter] = sent(google)
    text = letter.get_body(("plain",)).get_content()  # type: ignore[attr-defined]  # of the policy above
    [asked, _] = office.messages()
    assert f"{asked.at.astimezone(ZoneInfo('Asia/Jerusalem')):%H:%M}" in text
    assert "כתב/ה:" in text


def test_a_new_mail_from_the_customers_page_opens_a_conversation(office: Writing, google: GoogleSimulator) -> None:
    office.read()
    draft = office.begin(answer=False)
    office.type(draft, "Here it is.", subject="Our offer", cc=f"Adam <{ADAM}>")
    with office.hub.db.write() as session:
        row = session.get_one(MailDraft, draft.id)
        write.attach(session, row, "offer.pdf", "application/pdf", b"%PDF-1.4 offer")
        write.attach(session, row, "large.bin", "application/octet-stream", bytes(3_000_000))
    office.send(draft)
    office.deliver()
    [letter] = sent(google)
    files = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}  # type: ignore[attr-defined]
    assert files["offer.pdf"] == b"%PDF-1.4 offer"
    assert len(files["large.bin"]) == 3_000_000
    assert [row.summary for row in office.threads()] == ["Our offer"]
    office.read()
    assert len(office.messages()) == 1


def test_a_mail_whose_answer_was_lost_is_not_sent_twice(office: Writing, google: GoogleSimulator) -> None:
    office.answer_once()
    google.faults.add("commit_then_timeout")
    office.deliver()
    assert len(sent(google)) == 1
    assert (office.outbox().state, office.outbox().trouble) == (OutboxState.WAITING, "away")
    google.faults.clear()
    office.again()
    office.deliver()
    assert len(sent(google)) == 1
    assert office.outbox().state == OutboxState.SENT
    office.read()
    assert [message.outbound for message in office.messages()] == [False, True]


def test_a_lost_answer_is_found_behind_all_that_was_sent_since(
    office: Writing, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.google.mail.LISTED", 2)
    office.answer_once()
    google.faults.add("commit_then_timeout")
    office.deliver()
    google.faults.clear()
    for number in range(5):
        google.user(NOA).mail.send(to="others@elsewhere.example", subject=f"Number {number}")
    office.again()
    office.deliver()
    assert [letter["Subject"] for letter in sent(google)].count("Re: Offer?") == 1
    assert office.outbox().state == OutboxState.SENT


@pytest.mark.parametrize("dies", ["composed", "sent", "kept"])
def test_a_worker_that_dies_anywhere_leaves_one_mail(
    office: Writing, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    class Killed(BaseException):
        """As a kill does, it runs no handler of ours."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    draft = office.answer_once()
    place = {
        "composed": "connectors.google.mail_writer.MailWriter._send",
        "sent": "connectors.google.mail.MailStream.find",
        "kept": "hub.flow.process",
    }[dies]
    with monkeypatch.context() as patch:
        patch.setattr(place, die)
        with pytest.raises(Killed):
            office.deliver()
    office.again()
    office.deliver()
    assert len(sent(google)) == 1
    office.read()
    assert len(office.messages()) == 2
    assert office.draft(draft).state == DraftState.SENT


def test_a_sending_can_be_taken_back_until_it_is_due(office: Writing, google: GoogleSimulator) -> None:
    ask(google)
    office.read()
    draft = office.begin()
    office.type(draft, "Wrong.")
    office.send(draft, undo=timedelta(seconds=30))
    assert office.deliver() == 0
    with pytest.raises(UserError, match="on its way"):
        office.type(draft, "Changed.")
    with office.hub.db.write() as session:
        write.undo(session, session.get_one(MailDraft, draft.id))
    office.type(draft, "Right.")
    office.send(draft)
    office.deliver()
    [letter] = sent(google)
    assert "Right." in letter.get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    with office.hub.db.write() as session, pytest.raises(UserError, match="on its way"):
        write.undo(session, session.get_one(MailDraft, draft.id))


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"to": ""}, "to"), ({"to": "dana"}, "to"), ({"cc": "a@b.example, x"}, "cc"), ({"subject": "x" * 501}, "subject"),
        ({"to": "Dana\r\nBcc: all@acme.example <dana@customer.example>"}, "to"), ({"subject": "a\r\nBcc: x@y.example"}, "subject"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_said_at_once_and_stays_a_draft(
    office: Writing, google: GoogleSimulator, fields: dict[str, str], field: str
) -> None:
    ask(google)
    office.read()
    draft = office.begin()
    office.type(draft, "Hello", **fields)
    with pytest.raises(UserError) as caught:
        office.send(draft)
    assert caught.value.field == field
    assert office.draft(draft).state == DraftState.DRAFT
    assert office.deliver() == 0


def test_nobody_writes_from_somebody_elses_mailbox(office: Writing, google: GoogleSimulator) -> None:
    ask(google)
    office.read()
    with office.hub.db.read() as session:
        assert write.mailboxes(session, office.user(ADAM).id) == []
    draft = office.begin()
    with office.hub.db.write() as session:
        session.get_one(MailDraft, draft.id).user_id = office.user(ADAM).id
    with pytest.raises(ForbiddenError):
        office.send(draft)


def test_a_refused_mail_goes_back_to_its_writer_with_the_reason(
    office: Writing, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RejectedError("Invalid To header")

    ask(google)
    office.read()
    draft = office.begin()
    office.type(draft, "Hello")
    office.send(draft)
    with monkeypatch.context() as patch:
        patch.setattr(MailWriter, "_send", refuse)
        office.deliver()
    row = office.draft(draft)
    assert row.state == DraftState.REFUSED
    assert row.error == "Invalid To header"
    office.type(draft, "Hello again")
    office.send(draft)
    office.deliver()
    assert len(sent(google)) == 1


def test_an_answer_to_everyone_leaves_out_ourselves(office: Writing, google: GoogleSimulator) -> None:
    google.deliver(NOA, from_=f"Dana <{CUSTOMER}>", to=f"{NOA}, Jan <jan@customer.example>", cc=ADAM, subject="All")
    office.read()
    draft = office.begin(everyone=True)
    assert (draft.to, draft.cc) == (f"Dana <{CUSTOMER}>", "Jan <jan@customer.example>")
    assert STREAM in office.read()
