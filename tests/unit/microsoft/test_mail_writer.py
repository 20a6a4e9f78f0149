"""Sending through Outlook: once, whatever is lost on the way; with large files; and nothing is left behind."""

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any

import pytest
import requests

from connectors.microsoft import mail_writer, upload
from connectors.microsoft.mail_writer import MailWriter
from connectors.microsoft.simulated.mailbox import Message
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulator import Faults
from hub.errors import ConnectorError, GoneError, RejectedError, RetryLaterError
from tests.unit.microsoft.mailroom import CUSTOMER, NOA, Room

KEY = "mail:0190:1"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def room() -> Iterator[Room]:
    simulator: MicrosoftSimulator = create(0, Faults())
    simulator.start()
    yield Room(simulator)
    simulator.stop()


def raw(*files: tuple[str, bytes], to: str = CUSTOMER, references: str = "") -> bytes:
    """A mail as the hub composes it."""
    letter = EmailMessage(SMTP)
    letter["From"], letter["To"], letter["Bcc"], letter["Subject"] = (
        f"Noa <{NOA}>",
        to,
        "boss@acme.example",
        "Our offer",
    )
    letter.set_content("Four hundred.")
    for name, content in files:
        letter.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    head = b"Message-ID: <0123456789abcdef@acme.example>\r\n"
    return (
        head
        + (f"In-Reply-To: {references}\r\nReferences: {references}\r\n".encode() if references else b"")
        + letter.as_bytes()
    )


def values(content: bytes = b"", *, again: bool = False, since: datetime = LONG_AGO) -> dict[str, Any]:
    return {"raw": content or raw(), "thread_id": "AAQ1", "again": again, "since": since}


def writer(room: Room) -> MailWriter:
    return mail_writer.writer(room.client, f"mail:{NOA}")


def inside(room: Room, folder: str) -> list[Message]:
    return room.box.inside(room.box.folder(folder))


def lose_answer(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let what is written arrive, and one of the answers not."""
    real, written = requests.Session.request, []

    def request(self: requests.Session, method: str, url: str, **named: Any) -> requests.Response:
        answer = real(self, method, url, **named)
        if method != "GET" and "/v1.0/" in url:
            written.append(url)
            if len(written) == number:
                raise requests.ConnectionError
        return answer

    monkeypatch.setattr(requests.Session, "request", request)


def test_a_mail_is_sent_and_known_by_its_id(room: Room) -> None:
    written = writer(room).create(values(), key=KEY)
    [sent] = inside(room, "sentitems")
    assert written.remote_id == sent.key
    assert inside(room, "drafts") == []
    letter = message_from_bytes(sent.raw, policy=default)
    assert (letter["To"], letter["Subject"], letter["Bcc"]) == (CUSTOMER, "Our offer", "boss@acme.example")
    assert "Four hundred." in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # there is one


def test_an_answer_stays_in_its_conversation(room: Room) -> None:
    asked = room.ask(message_id="<asked@customer.example>")
    writer(room).create(values(raw(references="<asked@customer.example>")), key=KEY)
    [sent] = inside(room, "sentitems")
    assert sent.conversation_id == asked.conversation_id
    assert message_from_bytes(sent.raw)["References"] == "<asked@customer.example>"


def test_the_first_try_asks_for_nothing_that_was_before(room: Room) -> None:
    room.simulator.quota.forget()
    writer(room).create(values(), key=KEY)
    assert room.simulator.spent(NOA).requests == 3


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("rewrites", [False, True])
@pytest.mark.parametrize("new_id", [False, True])
def test_whatever_answer_is_lost_one_mail_is_sent(
    room: Room, monkeypatch: pytest.MonkeyPatch, lost: int, *, rewrites: bool, new_id: bool
) -> None:
    room.box.rewrites_message_id = rewrites
    if new_id:
        room.simulator.faults.add("sent_new_id")
    with monkeypatch.context() as patch:
        lose_answer(patch, lost)
        with pytest.raises(RetryLaterError):
            writer(room).create(values(), key=KEY)
    written = writer(room).create(values(again=True), key=KEY)
    [sent] = inside(room, "sentitems")
    if lost == 3 or not new_id:  # else it is this try that sends it, and nobody says by which id it is kept
        assert written.remote_id == sent.key
    assert inside(room, "drafts") == []
    assert len(room.simulator.sent) == 1
    assert writer(room).create(values(again=True), key=KEY).remote_id == sent.key
    assert len(room.simulator.sent) == 1


def test_another_sending_of_the_same_person_is_another_mail(room: Room) -> None:
    writer(room).create(values(), key=KEY)
    other = raw().replace(b"0123456789abcdef", b"fedcba9876543210")
    writer(room).create(values(other, again=True), key="mail:0190:10")
    assert len(inside(room, "sentitems")) == 2


def test_what_may_be_on_its_way_is_waited_for(room: Room) -> None:
    room.box.send_delay_s = 30.0
    writer(room).create(values(), key=KEY)
    assert inside(room, "sentitems") == []
    with pytest.raises(RetryLaterError, match="still"):
        writer(room).create(values(again=True, since=datetime.now(UTC)), key=KEY)
    room.simulator.clock.advance(seconds=31)
    writer(room).create(values(again=True, since=datetime.now(UTC)), key=KEY)
    assert len(inside(room, "sentitems")) == len(room.simulator.sent) == 1


def test_a_mail_that_was_never_taken_goes_when_it_cannot_be_on_its_way_any_more(room: Room) -> None:
    since = datetime.now(UTC) - mail_writer.ON_ITS_WAY - timedelta(seconds=1)
    writer(room).create(values(again=True, since=since), key=KEY)
    assert len(inside(room, "sentitems")) == 1


@pytest.fixture
def small(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let mails count as large that are not, so that less is to be sent."""
    room.box.least_uploaded = 0
    monkeypatch.setattr(mail_writer, "LARGEST_RAW", 20_000)
    monkeypatch.setattr(mail_writer, "LARGEST_FILE", 20_000)
    monkeypatch.setattr(upload, "PIECE", 15_000)


def test_a_mail_of_the_largest_size_goes(room: Room) -> None:
    large = bytes(range(256)) * 70_000
    writer(room).create(values(raw(("large.bin", large))), key=KEY)
    [sent] = inside(room, "sentitems")
    [file] = message_from_bytes(sent.raw, policy=default).iter_attachments()
    assert file.get_content() == large


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [10_000, 20_000, 50_000])
def test_large_files_go_one_by_one_and_the_words_stay_as_they_are(room: Room, size: int) -> None:
    large = bytes(range(250)) * (size // 250)
    content = raw(("small.pdf", b"%PDF small"), ("large.pdf", large), references="<asked@customer.example>")
    writer(room).create(values(content), key=KEY)
    [sent] = inside(room, "sentitems")
    letter = message_from_bytes(sent.raw, policy=default)
    files = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}
    assert files == {"small.pdf": b"%PDF small", "large.pdf": large}
    assert letter["Subject"] == "Our offer"
    assert (letter["References"], letter["Message-ID"]) == (
        "<asked@customer.example>",
        "<0123456789abcdef@acme.example>",
    )


def test_what_goes_without_its_files_is_left_as_it_was(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    long_id = f"<{'x' * 200}@customer.example>"
    content = raw(("large.pdf", b"x" * 3_000_000), references=long_id)
    posted: list[bytes] = []

    def post_raw(_path: str, sent: bytes, _type: str) -> dict[str, Any]:
        posted.append(base64.b64decode(sent))
        raise RejectedError("enough was seen")

    monkeypatch.setattr(room.client, "post_raw", post_raw)
    with pytest.raises(RejectedError):
        writer(room).create(values(content), key=KEY)
    [sent] = posted
    before, _, after = content.partition(b"Content-Type: application/pdf")
    assert after
    assert sent.startswith(before.rpartition(b"--")[0])
    assert f"References: {long_id}\r\n".encode() in sent
    assert sent.count(b"\n") == sent.count(b"\r\n")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("lost", range(1, 8))
def test_a_large_mail_that_was_cut_off_anywhere_is_sent_whole_and_once(
    room: Room, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    content = raw(("a.pdf", b"A" * 15_000), ("b.pdf", b"B" * 32_000))
    with monkeypatch.context() as patch:
        lose_answer(patch, lost)
        with pytest.raises(RetryLaterError):
            writer(room).create(values(content), key=KEY)
    writer(room).create(values(content, again=True), key=KEY)
    [sent] = inside(room, "sentitems")
    letter = message_from_bytes(sent.raw, policy=default)
    found = [(part.get_filename(), len(part.get_content())) for part in letter.iter_attachments()]
    assert found == [("a.pdf", 15_000), ("b.pdf", 32_000)]
    assert inside(room, "drafts") == []
    assert len(room.simulator.sent) == 1


def test_a_mail_that_is_refused_leaves_no_draft_that_somebody_could_send(room: Room) -> None:
    nobody = re.sub(rb"(To|Bcc): [^\r]*\r\n", b"", raw())
    with pytest.raises(RejectedError):
        writer(room).create(values(nobody), key=KEY)
    assert inside(room, "drafts") == []
    assert room.simulator.sent == []


def test_a_draft_that_somebody_threw_away_meanwhile_is_looked_at_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = room.client.send

    def gone(verb: str, path: str, *more: Any, **named: Any) -> Any:
        if path.endswith("/send"):
            raise GoneError("no such item")
        return send(verb, path, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(room.client, "send", gone)
        with pytest.raises(RetryLaterError):
            writer(room).create(values(), key=KEY)
    writer(room).create(values(again=True), key=KEY)
    assert len(inside(room, "sentitems")) == 1


def test_nothing_else_is_written(room: Room) -> None:
    for write in (
        lambda: writer(room).update("m", {}, version="", key=KEY), lambda: writer(room).delete("m", version="", key=KEY)
    ):  # fmt: skip
        with pytest.raises(ConnectorError):
            write()


def test_a_large_file_goes_only_where_it_is_safe(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    send = room.client.send

    def elsewhere(verb: str, path: str, *more: Any, **named: Any) -> Any:
        return (
            {"uploadUrl": "http://elsewhere.example/x"}
            if path.endswith("Session")
            else send(verb, path, *more, **named)
        )

    monkeypatch.setattr(room.client, "send", elsewhere)
    with pytest.raises(Exception, match="no address"):
        writer(room).create(values(raw(("large.pdf", b"x" * 4_000_000))), key=KEY)
