"""Copies of one message share a key, other messages never do."""

import pytest

from hub.connector.mail import headers_only, read_mime, same_mail_key
from hub.connector.mail_key import bare_subject
from hub.records.mail import Envelope, Place

BASE = {
    "From": "Dana <dana@levi.example>",
    "To": "jan@us.example",
    "Subject": "Offer",
    "Date": "Mon, 3 Mar 2025 10:00:00 +0200",
    "Message-ID": "<one@levi.example>",
}


def key(**other: str) -> str:
    return same_mail_key(headers_only({**BASE, **{name.replace("_", "-"): value for name, value in other.items()}}))


def test_the_copy_sent_and_the_copy_received_are_one() -> None:
    sent = headers_only({**BASE, "Bcc": "x@y.example"}, Envelope(places=frozenset({Place.SENT}), size=900))
    body = "\r\n".join(f"{k}: {v}" for k, v in {"Received": "from mx", "X-Spam": "no", **BASE}.items())
    received = read_mime(body.encode() + b"\r\n\r\nHi\r\n-- footer of the gateway")
    assert same_mail_key(sent) == same_mail_key(received)


@pytest.mark.parametrize(
    "other",
    [
        {"Subject": "[EXTERNAL] Offer"},
        {"To": "other@us.example"},
        {"Date": "Mon, 3 Mar 2025 08:00:00 GMT"},
        {"From": "DANA@LEVI.example (Dana L.)"},
        {"Message_ID": " <one@levi.example>"},
        {
            "From": "Dana via Info <info@us.example>",
            "X_Original_From": "dana@levi.example",
            "List_Id": "<info.us.example>",
        },
    ],
)
def test_what_changes_on_the_way_changes_no_key(other: dict[str, str]) -> None:
    assert key(**other) == key()


@pytest.mark.parametrize(
    "other",
    [
        {"Message_ID": "<two@levi.example>"},
        {"Date": "Mon, 3 Mar 2025 10:00:01 +0200"},  # programs repeat their ids for years
        {"From": "eve@levi.example"},
    ],
)
def test_another_message_has_another_key(other: dict[str, str]) -> None:
    assert key(**other) != key()


def test_a_repeated_id_without_date_does_not_hide_a_message() -> None:
    assert key(Date="") == key(Date="", Subject="[EXTERNAL] offer")
    assert key(Date="") != key(Date="", Subject="Invoice")


@pytest.mark.parametrize(
    ("subject", "bare"),
    [("Re: [EXT] FW: Offer", "offer"), ("Offer: new", "offer: new"), ("הצעה", "הצעה"), ("", ""), ("***SPAM*** x", "x")],
)
def test_the_bare_subject(subject: str, bare: str) -> None:
    assert bare_subject(subject) == bare
