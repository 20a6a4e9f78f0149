"""A message as Graph tells it is read as the same mail is from any other provider."""

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft import letters, sifting
from connectors.microsoft.folders import Where
from connectors.microsoft.transforms import TRANSFORMS
from hub.connector.mail import from_parts, read_mime, same_mail_key
from hub.errors import ShapeError
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from hub.records.mail import Defect, Place

MAPPING = Path(__file__).parents[3] / "mappings/microsoft/mail.toml"
TRAVELLED = (
    b"From: =?utf-8?q?Dana_L=C3=A9vi?= <dana@customer.example>\r\nTo: Noa <noa@acme.example>\r\nCc: jan@customer.example\r\n"
    b"Subject: Offer?\r\nDate: Mon, 02 Nov 2026 10:00:00 +0100\r\nMessage-ID: <q1@customer.example>\r\n"
    b"In-Reply-To: <q0@acme.example>\r\nReferences: <p@acme.example> <q0@acme.example>\r\nList-Id: <news.customer.example>\r\n"
    b"Sensitivity: Private\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>How much?</p>"
)


def person(address: str, name: str = "") -> dict[str, Any]:
    return {"emailAddress": {"name": name or address, "address": address}}


def message(**more: Any) -> dict[str, Any]:
    """What Graph answers for the mail above."""
    names = ("Subject", "Date", "Message-ID", "In-Reply-To", "References", "List-Id", "Sensitivity")
    lines = dict(line.split(": ", 1) for line in TRAVELLED.partition(b"\r\n\r\n")[0].decode().split("\r\n"))
    return {
        "id": "AAkA1", "conversationId": "AAQ1", "subject": "Offer?", "internetMessageId": "<q1@customer.example>",
        "receivedDateTime": "2026-11-02T09:00:07Z", "sentDateTime": "2026-11-02T09:00:00Z",
        "from": person("dana@customer.example", "Dana Lévi"), "sender": person("dana@customer.example", "Dana Lévi"),
        "toRecipients": [person("noa@acme.example", "Noa")], "ccRecipients": [person("jan@customer.example")],
        "bccRecipients": [], "replyTo": [], "categories": ["Blue"], "bodyPreview": "How much?", "isDraft": False,
        "internetMessageHeaders": [{"name": name, "value": lines[name]} for name in names],
        "body": {"contentType": "html", "content": "<p>How much?</p>"}, "attachments": [], **more,
    }  # fmt: skip


def written_here(**more: Any) -> dict[str, Any]:
    """The same, had it been written in this mailbox: without the header it travels with."""
    properties = [
        {"id": "Integer 0x36", "value": "2"}, {"id": "String 0x1039", "value": "<p@acme.example> <q0@acme.example>"},
        {"id": "String 0x1042", "value": "<q0@acme.example>"},
    ]  # fmt: skip
    return {**message(internetMessageHeaders=None), "singleValueExtendedProperties": properties, **more}


def mail(given: dict[str, Any]) -> Any:
    return letters.read(given, ["Inbox"], "inbox")


@pytest.mark.parametrize("told", [message(), written_here()], ids=["travelled", "written here"])
def test_it_is_read_as_its_bytes_are(told: dict[str, Any]) -> None:
    found, bytes_ = mail(told), read_mime(TRAVELLED)
    for name in (
        "message_id",
        "in_reply_to",
        "references",
        "subject",
        "sent_at",
        "from_",
        "to",
        "cc",
        "private",
        "html",
    ):
        assert getattr(found, name) == getattr(bytes_, name), name
    assert same_mail_key(found) == same_mail_key(bytes_)
    assert found.bulk == (bytes_.bulk if told["internetMessageHeaders"] else frozenset())
    assert found.defects == frozenset()
    assert (found.thread_id, found.labels, found.places) == ("AAQ1", ("Inbox",), frozenset({Place.INBOX}))


def test_what_the_mapping_makes_is_the_mail_that_was_sifted() -> None:
    mapping = read_file(MAPPING, registry=Registry(TRANSFORMS))
    kept = sifting.payload(message(), Where(("Inbox", "Offers")))
    values = apply(mapping, kept, Context())
    assert values["labels"] == ["Inbox", "Offers", "Blue"]
    again = from_parts(values["header"], values["parts"])
    assert (again.message_id, again.from_, again.html) == (
        mail(message()).message_id,
        mail(message()).from_,
        "<p>How much?</p>",
    )
    assert values["received_at"].isoformat() == "2026-11-02T09:00:07+00:00"
    assert (values["remote_id"], values["thread_id"], values["places"]) == ("AAkA1", "AAQ1", frozenset())


def test_hidden_copies_are_people_of_a_mail_too() -> None:
    found = mail(written_here(bccRecipients=[person("boss@acme.example")]))
    assert [one.address for one in found.bcc] == ["boss@acme.example"]


def test_the_header_that_travelled_wins_and_says_nothing_twice() -> None:
    names = [name.lower() for name, _ in letters.header(message())]
    assert len(names) == len(set(names))
    assert "sender" not in names  # the same as From


@pytest.mark.parametrize("spelling", ["Integer 0x0036", "integer 0x36", "Integer 0X36"])
@pytest.mark.parametrize(
    ("value", "private"), [("0", False), ("1", True), ("2", True), ("3", True), ("", False), ("x", False)]
)
def test_sensitivity_is_a_private_mark(spelling: str, value: str, private: bool) -> None:
    told = written_here(singleValueExtendedProperties=[{"id": spelling, "value": value}])
    assert mail(told).private is private


@given(name=st.text(max_size=60), other=st.text(max_size=60))
def test_no_name_can_pretend_to_be_another_address(name: str, other: str) -> None:
    told = written_here(toRecipients=[person("a@x.example", name), person("b@y.example", other)])
    assert [one.address for one in mail(told).to] == ["a@x.example", "b@y.example"]


@given(
    name=st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\u00a0"), min_size=1, max_size=40)
)
def test_names_come_through(name: str) -> None:
    if "=?" in name or len(" ".join(name.split())) == 0:
        return
    [found] = mail(written_here(toRecipients=[person("a@x.example", name)])).to
    assert found.name == " ".join(name.split())


def test_a_mail_without_sender_is_a_mail() -> None:
    told = written_here(internetMessageHeaders=None)
    del told["from"], told["sender"]
    found = mail(told)
    assert found.from_ == ()
    assert Defect.NO_SENDER in found.defects
    assert mail({**told, "from": {"emailAddress": {}}, "sender": None}).from_ == ()


@pytest.mark.parametrize(
    ("marks", "method"),
    [
        ({"@odata.type": "#microsoft.graph.eventMessageRequest"}, "REQUEST"),
        ({"@odata.type": "#microsoft.graph.eventMessageResponse"}, "REPLY"),
        ({"singleValueExtendedProperties": [{"id": "String 0x001A", "value": "IPM.Schedule.Meeting.Canceled"}]}, "CANCEL"),
        ({"singleValueExtendedProperties": [{"id": "String 0x1a", "value": "IPM.Schedule.Meeting.Resp.Pos"}]}, "REPLY"),
        ({"@odata.type": "#microsoft.graph.message"}, ""),
        ({"singleValueExtendedProperties": [{"id": "String 0x1a", "value": "IPM.Note"}]}, ""),
    ],
)  # fmt: skip
def test_what_a_calendar_wrote_is_known_as_such(marks: dict[str, Any], method: str) -> None:
    found = mail({**written_here(singleValueExtendedProperties=[]), **marks})
    assert found.calendar_method == method
    assert found.is_calendar_notice is bool(method)
    assert found.attachments == ()


def test_files_are_named_and_a_picture_of_the_text_is_no_file() -> None:
    files = [
        {"@odata.type": "#microsoft.graph.fileAttachment", "id": "f1", "name": "../offer\u202efdp.exe", "size": 190,
         "contentType": "application/pdf", "isInline": False, "contentId": None, "contentBytes": "QUJD"},
        {"@odata.type": "#microsoft.graph.fileAttachment", "id": "f2", "name": "logo.png", "contentType": "image/png",
         "isInline": True, "contentId": "<logo@x>", "size": 7},
        {"@odata.type": "#microsoft.graph.itemAttachment", "id": "i1", "name": "FW: Plan", "contentType": None, "size": 9},
        {"@odata.type": "#microsoft.graph.referenceAttachment", "id": "r1", "name": "Sheet", "contentType": None},
    ]  # fmt: skip
    told = message(attachments=files, body={"contentType": "html", "content": '<img src="cid:logo@x">'})
    found = {one.number: one for one in mail(told).attachments}
    assert (found["f1"].name, found["f1"].media_type, found["f1"].inline) == ("offerfdp.exe", "application/pdf", False)
    assert found["f2"].inline
    assert (found["i1"].name, found["i1"].media_type) == ("FW: Plan.eml", "message/rfc822")
    assert found["r1"].media_type == "application/octet-stream"
    assert base64.b64encode(b"ABC").decode() not in str(sifting.payload(told, Where(())))


@pytest.mark.parametrize(
    "told", [{}, {"id": "x"}, {"id": "x", "body": None}, {"id": "x", "receivedDateTime": "soon", "body": {}}]
)
def test_what_is_no_mail_is_said_to_be_none(told: dict[str, Any]) -> None:
    with pytest.raises((ShapeError, ValueError, TypeError)):
        mail(told)
