"""Mails written in the hub and sent through a simulated Outlook: once, in their conversation, and once on the timeline."""

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import uuid4

import pytest
from sqlalchemy import select

from connectors.microsoft import mail_writer
from connectors.microsoft.simulated.errors import bad_request
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity.models import Party
from hub.mail import write
from hub.mail.models import DraftState, MailDraft, MailMessage
from hub.mail.write import Content, Wanted
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import User
from tests.e2e import sending
from tests.e2e.test_microsoft_mail import ADAM, CUSTOMER, NOA, Office, microsoft

__all__ = ["microsoft"]


class Writing(Office):
    """An office in which Noa writes."""

    def begin(self, text: str, *, answer: bool = True, **fields: str) -> MailDraft:
        """Write a draft: an answer to the last mail, or a new one to the customer."""
        with self.hub.db.write() as session:
            user = session.scalars(select(User).where(User.email == NOA)).one()
            [mailbox] = write.mailboxes(session, user.id)
            message = session.scalars(select(MailMessage).order_by(MailMessage.at.desc())).first() if answer else None
            wanted = Wanted(mailbox, message, False, session.get(Party, self.dana), to=CUSTOMER)
            draft = write.start(session, user.id, uuid4(), wanted)
            first = write.first(session, user, wanted)
            names = ("to", "cc", "bcc", "subject", "signature", "quotes")
            values = {name: getattr(first, name) for name in names} | {"text": text} | fields
            write.save(draft, Content(**values))
            return draft

    def send(self, draft: MailDraft) -> None:
        with self.hub.db.write() as session:
            row = session.get_one(MailDraft, draft.id)
            write.send(session, session.get_one(User, row.user_id), row, undo=timedelta(0))

    def answer_once(self) -> MailDraft:
        """Let Noa answer a customer's question; the worker has not looked yet."""
        self.ask()
        self.read()
        draft = self.begin("Once.")
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
            return session.scalars(select(Outbox).order_by(Outbox.id.desc())).one()

    def draft(self, draft: MailDraft) -> MailDraft:
        with self.hub.db.read() as session:
            return session.get_one(MailDraft, draft.id)

    def is_there(self, remote_id: str) -> bool:
        """Say whether the hub takes a mail for present at the provider."""
        return remote_id in {raw.remote_id for raw in self.raws() if raw.gone_at is None}

    def sent(self) -> list[EmailMessage]:
        """What stands among the sent mails at the provider."""
        letters = self.box.inside(self.box.folder("sentitems"))
        return [message_from_bytes(one.raw, policy=default) for one in letters]


@pytest.fixture
def office(hub: Hub, microsoft: MicrosoftSimulator, monkeypatch: pytest.MonkeyPatch) -> Writing:
    monkeypatch.setattr(mail_writer, "ON_ITS_WAY", timedelta(0))  # the simulated Outlook sends at once
    return Writing(hub, microsoft)


def test_an_answer_goes_into_its_conversation_and_stands_on_the_timeline_once(office: Writing) -> None:
    asked = office.ask(message_id="<asked@customer.example>")
    office.read()
    draft = office.begin("Four hundred.", signature="Noa\nAcme")
    assert (draft.to, draft.subject) == (f"Dana <{CUSTOMER}>", "Re: Offer?")
    office.send(draft)
    office.send(draft)
    assert office.deliver() == 1
    [letter] = office.sent()
    assert letter["In-Reply-To"] == letter["References"] == "<asked@customer.example>"
    assert (letter["From"], letter["To"]) == (f"Noa <{NOA}>", f"Dana <{CUSTOMER}>")
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # there is one
    assert "Four hundred." in text
    assert "> How much?" in text
    assert {one.conversation_id for one in office.box.messages.values()} == {asked.conversation_id}
    [thread] = office.threads()
    for _ in range(2):  # the sync sees it too
        assert [message.outbound for message in office.messages()] == [False, True]
        assert thread.id == office.threads()[0].id
        office.read()
    assert office.draft(draft).state == DraftState.SENT


def test_a_new_mail_opens_a_conversation_and_large_files_go_along(office: Writing) -> None:
    office.read()
    draft = office.begin("Here it is.", answer=False, subject="Our offer", cc=f"Adam <{ADAM}>")
    with office.hub.db.write() as session:
        row = session.get_one(MailDraft, draft.id)
        write.attach(session, row, "offer.pdf", "application/pdf", b"%PDF-1.4 offer")
        write.attach(session, row, "large.bin", "application/octet-stream", bytes(4_000_000))
    office.send(draft)
    office.deliver()
    [letter] = office.sent()
    files = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}
    assert files == {"offer.pdf": b"%PDF-1.4 offer", "large.bin": bytes(4_000_000)}
    assert office.subjects() == ["Our offer"]
    office.read()
    assert len(office.messages()) == 1
    assert len(office.microsoft.sent) == 1


def test_a_mail_whose_answer_was_lost_is_not_sent_twice(office: Writing, microsoft: MicrosoftSimulator) -> None:
    office.answer_once()
    microsoft.faults.add("commit_then_timeout")
    office.deliver()
    assert (office.outbox().state, office.outbox().trouble) == (OutboxState.WAITING, "away")
    assert office.sent() == []
    microsoft.faults.clear()
    for _ in range(2):
        office.again()
        office.deliver()
        assert len(office.sent()) == len(microsoft.sent) == 1
    assert office.outbox().state == OutboxState.SENT
    assert office.box.inside(office.box.folder("drafts")) == []
    office.read()
    assert [message.outbound for message in office.messages()] == [False, True]


@pytest.mark.parametrize("dies", ["composed", "drafted", "sent", "kept"])
def test_a_worker_that_dies_anywhere_leaves_one_mail(
    office: Writing, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    class Killed(BaseException):
        """As a kill does, it runs no handler of ours."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    draft = office.answer_once()
    place = {
        "composed": "connectors.microsoft.mail_writer.MailWriter._draft",
        "drafted": "connectors.microsoft.mail_writer.MailWriter._send",
        "sent": "connectors.microsoft.mail.MailStream.find",
        "kept": "hub.flow.process",
    }[dies]
    with monkeypatch.context() as patch:
        patch.setattr(place, die)
        with pytest.raises(Killed):
            office.deliver()
    office.again()
    office.deliver()
    assert len(office.sent()) == len(office.microsoft.sent) == 1
    assert office.box.inside(office.box.folder("drafts")) == []
    office.read()
    assert len(office.messages()) == 2
    assert office.draft(draft).state == DraftState.SENT


@pytest.mark.parametrize("slow", [False, True])
def test_a_sent_mail_that_is_kept_by_another_id_or_late_comes_once(office: Writing, *, slow: bool) -> None:
    office.answer_once()
    if slow:
        office.box.send_delay_s = 30.0
    else:
        office.microsoft.faults.add("sent_new_id")
    office.deliver()
    assert office.outbox().state == OutboxState.SENT
    office.microsoft.clock.advance(seconds=31)
    office.read()
    assert [message.outbound for message in office.messages()] == [False, True]
    assert len(office.threads()) == 1


def test_a_sent_mail_that_goes_before_the_sync_saw_it_is_missed_by_a_pass_from_the_beginning(office: Writing) -> None:
    """Nobody is told that it left: Graph forgot our place in the sent mails meanwhile."""
    office.answer_once()
    office.deliver()
    [sent] = office.box.inside(office.box.folder("sentitems"))
    assert office.is_there(sent.key)
    office.box.delete_forever(sent.key)
    office.box.folder("sentitems").by_key.expire()
    office.read()
    assert not office.is_there(sent.key)


def test_a_mail_that_is_refused_goes_back_to_its_writer(office: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ask()
    office.read()
    draft = office.begin("Hello")
    office.send(draft)
    with monkeypatch.context() as patch:
        patch.setattr("connectors.microsoft.simulated.mailbox.Mailbox.send_draft", _refused)
        office.deliver()
    row = office.draft(draft)
    assert row.state == DraftState.REFUSED
    assert "recipient" in row.error
    assert office.box.inside(office.box.folder("drafts")) == []
    with office.hub.db.write() as session:
        write.save(session.get_one(MailDraft, draft.id), Content(to=CUSTOMER, subject="Re: Offer?", text="Again"))
    office.send(draft)
    office.deliver()
    assert len(office.sent()) == 1


def _refused(*_: object, **__: object) -> None:
    raise bad_request("At least one recipient isn't valid.", "ErrorInvalidRecipients")


def test_a_brief_absence_of_graph_is_waited_for(office: Writing) -> None:
    office.answer_once()
    faults: Faults = office.microsoft.faults
    faults.add("unavailable=always")
    office.deliver()
    assert office.outbox().state == OutboxState.WAITING
    faults.clear()
    office.again()
    office.deliver()
    assert len(office.sent()) == 1
