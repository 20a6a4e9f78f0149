"""A mail of ours as the bytes that travel: a new one, or an answer that lands in the same thread everywhere.

The same delivery composes to the same Message-ID however often it is tried, so a try that was cut off after the provider
took it is found again and not sent twice; the marker header tells the sync that the copy it sees is our own.
"""

import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.utils import format_datetime

from hub.errors import UserError
from hub.mail.body import sanitise, to_text
from hub.records.address import ascii_domain, split_address
from hub.records.mail import MARKER_HEADER, Address, Mail

# Gmail and Exchange take 25 MB as it travels, where base64 makes three bytes four. Sources:
# https://support.google.com/mail/answer/6584 https://learn.microsoft.com/exchange/mail-flow/message-size-limits
LARGEST = 25_000_000
MOST_RECIPIENTS = 500
LONGEST_SUBJECT = 500
LONGEST_NAME = 200
# RFC 5322 limits the line only; programs that look at fewer ids look at the first and the last ones.
MOST_REFERENCES = 20

_POLICY = policy.SMTP.clone(cte_type="7bit", max_line_length=76)
# What others know a mail by. Not an id we made up for a mail without one, nor one we shortened to keep it.
_ID = re.compile(r"(?!.*\.invalid\Z)(?!.{100}~[0-9a-f]{64}\Z)[!-;=?-~]{1,900}")
_CID = re.compile(r"[A-Za-z0-9._@-]{1,200}")
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
_TYPE = re.compile(r"(?!message/|multipart/)[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
# `Re:` in the languages of mail programs, also counted (`Re[2]:`) and repeated.
_ANSWERS = re.compile(
    r"(?i)^(?:\s*(?:re|aw|sv|vs|rv|ref|odp|antw|ynt|res|rif|yan|отв|ответ|відп|השב|תשובה|רד|رد|回复|回覆|答复)"
    r"(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:\uff1a])+\s*"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file to send along. With a `content_id` it is a picture that the HTML shows by `cid:`."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    text: str = ""
    html: str = ""  # where it is empty the text is shown


@dataclass(frozen=True, slots=True)
class Parent:
    """What an answer takes from the mail that it answers, by the names of `Mail`."""

    message_id: str
    references: tuple[str, ...] = ()
    in_reply_to: tuple[str, ...] = ()
    from_: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person wrote and to whom."""

    sender: Address
    to: tuple[Address, ...]
    subject: str
    text: str
    html: str = ""  # where it is empty the text is shown
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    signature: Signature = Signature()
    files: tuple[File, ...] = ()
    answers: Mail | Parent | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """The bytes to hand to a provider, with `Bcc` in them; `message_id` as `Mail.message_id` will show it."""

    raw: bytes
    message_id: str


def compose(letter: Letter, *, key: str, domain: str, at: datetime) -> Composed:
    """Make the message of a letter.

    Args:
        letter: what is to be sent.
        key: idempotency key of the delivery; the Message-ID follows from it.
        domain: ours, the right half of the Message-ID.
        at: the moment it is sent, with its zone.

    Raises:
        UserError: something in it cannot be sent; `field` names it.
    """
    message_id = own_id(key, domain)
    message = EmailMessage(_POLICY)
    _people(message, letter)
    message["Subject"] = _line(letter.subject, "subject", LONGEST_SUBJECT)
    message["Date"] = format_datetime(at.astimezone(UTC))
    _content(message, letter)
    raw = _thread(letter.answers, message_id, key) + message.as_bytes()
    if len(raw) > LARGEST:
        raise _too_big()
    return Composed(raw, message_id)


def own_id(key: str, domain: str) -> str:
    """Return the message id of a delivery: the same each time, and nothing to be guessed from it.

    Raises:
        UserError: key or domain are not fit for a header.
    """
    if not _KEY.fullmatch(key):
        raise UserError("The key of a delivery is 1 to 128 letters, digits, dots, colons or hyphens.", field="key")
    ours = ascii_domain(domain)
    if not ours or not re.fullmatch(r"[a-z0-9.-]{3,190}", ours):
        raise UserError(f"{domain[:60]!r} is no domain name.", field="domain")
    return f"{hashlib.sha256(key.encode()).hexdigest()[:40]}@{ours}"


def answer_subject(subject: str) -> str:
    """Return the subject of an answer: `Re:` in front, once, whatever the language of the mail program."""
    bare = _ANSWERS.sub("", subject).strip()
    return f"Re: {bare}"[:LONGEST_SUBJECT].rstrip() if bare else "Re:"


def answer_to(
    mail: Mail | Parent, *, own: frozenset[str], everyone: bool
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """Return To and Cc of an answer.

    Args:
        mail: what is answered; one of our own is answered to whom it went.
        own: our addresses, in normal form; they get no copy.
        everyone: also to all others who got it.
    """
    authors = mail.reply_to or mail.from_
    ours = any(a.address in own for a in mail.from_)
    to = _others(mail.to if ours else authors, own, frozenset()) or _once(authors)
    if not everyone:
        return to, ()
    more = mail.cc if ours else (*mail.to, *mail.cc)
    return to, _others(more, own, frozenset(a.address for a in to))


def references_of(mail: Mail | Parent) -> tuple[str, ...]:
    """Return the References of an answer: those of the parent and its id (RFC 5322 section 3.6.4), not too many."""
    before = mail.references or (mail.in_reply_to if len(mail.in_reply_to) == 1 else ())
    every = tuple(dict.fromkeys(one for one in (*before, mail.message_id) if _ID.fullmatch(one)))
    return every if len(every) <= MOST_REFERENCES else (every[0], *every[1 - MOST_REFERENCES :])


def _others(people: Sequence[Address], own: frozenset[str], named: frozenset[str]) -> tuple[Address, ...]:
    return _once([a for a in people if a.address not in own and a.address not in named])


def _once(people: Sequence[Address]) -> tuple[Address, ...]:
    return tuple({a.address: a for a in people if a.address}.values())


def _thread(answers: Mail | Parent | None, message_id: str, key: str) -> bytes:
    """Return the header lines about the thread.

    Written by hand, one id on a line: the standard library encodes an id that is longer than a line, and no program
    recognises it afterwards.
    """
    lines = [f"Message-ID: <{message_id}>", f"{MARKER_HEADER}: {key}"]
    if answers is not None and _ID.fullmatch(answers.message_id):
        lines.append(f"In-Reply-To: <{answers.message_id}>")
    if answers is not None and (references := references_of(answers)):
        lines.append("References: " + "\r\n ".join(f"<{one}>" for one in references))
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _people(message: EmailMessage, letter: Letter) -> None:
    message["From"] = _address(letter.sender, "from")
    named = (("to", letter.to), ("cc", letter.cc), ("bcc", letter.bcc))
    if sum(len(people) for _, people in named) > MOST_RECIPIENTS:
        raise UserError(f"A mail goes to at most {MOST_RECIPIENTS} people. Send it in parts.", field="to")
    if not any(people for _, people in named):
        raise UserError("Say who should get the mail.", field="to", error_id="no_recipient")
    for field, people in named:
        if people:
            message[field.capitalize()] = tuple(_address(a, field) for a in _once(_checked(people, field)))


def _checked(people: Sequence[Address], field: str) -> Sequence[Address]:
    for person in people:
        _address(person, field)
    return people


def _address(person: Address, field: str) -> HeaderAddress:
    name = _line(person.name, field, LONGEST_NAME)
    found = None if _BREAKS.search(person.address) else split_address(person.address)
    if found is None or not found[0].isascii():
        raise UserError(f"{person.address[:80]!r} is no e-mail address.", field=field, error_id="bad_address")
    return HeaderAddress(name, username=found[0], domain=found[1])


def _line(text: str, field: str, longest: int) -> str:
    """Return a text that is one line; a line break would let its writer add header lines of his own."""
    if _BREAKS.search(text):
        raise UserError("A line break or control character is not allowed here.", field=field, error_id="bad_line")
    if len(text) > longest:
        raise UserError(f"At most {longest} characters.", field=field, error_id="too_long")
    # Half a character of a pair cannot be sent.
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _content(message: EmailMessage, letter: Letter) -> None:
    if sum(len(f.content) for f in letter.files) * 4 // 3 > LARGEST:
        raise _too_big()
    text, page = _text(letter), _page(letter)
    message.set_content(text, subtype="plain", charset="utf-8")
    message.add_alternative(page, subtype="html", charset="utf-8")
    body = message.get_body(("html",))
    for file in letter.files:
        name = _line(file.name, "files", LONGEST_NAME) or "file"
        kind, _, form = (file.media_type if _TYPE.fullmatch(file.media_type) else "application/octet-stream").partition(
            "/"
        )
        if file.content_id and isinstance(body, EmailMessage):
            if not _CID.fullmatch(file.content_id):
                raise UserError("The id of a picture is letters, digits, dots and hyphens.", field="files")
            body.add_related(file.content, kind, form, cid=f"<{file.content_id}>", filename=name, disposition="inline")
        else:
            message.add_attachment(file.content, kind, form, filename=name)


def _text(letter: Letter) -> str:
    signature = letter.signature.text or to_text(letter.signature.html)
    text = _sendable(letter.text if letter.text.strip() or not letter.html else to_text(letter.html)).rstrip()
    return f"{text}\n\n-- \n{_sendable(signature).strip()}\n" if signature.strip() else f"{text}\n"


def _page(letter: Letter) -> str:
    pictures = {f.content_id: f"cid:{f.content_id}" for f in letter.files if f.content_id}
    signature = letter.signature
    pieces = [_form(letter.html, letter.text, pictures)]
    if signature.html or signature.text:
        pieces.append(_form(signature.html, f"-- \n{signature.text}", pictures))
    return "<!DOCTYPE html>\n<html><body>\n" + "\n<br>\n".join(pieces) + "\n</body></html>\n"


def _form(page: str, text: str, pictures: dict[str, str]) -> str:
    if page.strip():
        return sanitise(_sendable(page), cid=pictures, remote_images=True).html
    lines = html.escape(_sendable(text).strip()).split("\n")
    return f'<div dir="auto">{"<br>".join(lines)}</div>'


def _sendable(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _too_big() -> UserError:
    return UserError(
        f"The mail would be larger than {LARGEST // 1_000_000} MB as it travels. Send fewer or smaller files.",
        field="files",
        error_id="too_big",
    )
