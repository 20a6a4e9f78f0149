"""Mails: written as bytes, and what stands in them."""

import html
import mimetypes
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parsedate_to_datetime
from typing import cast

_TAG = re.compile(r"(?is)<(style|script|head)\b.*?</\1>|<[^>]*>")
_FOLD = re.compile(r"\r?\n[ \t]*")
Part = Message


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a header of a mail."""

    field: str  # from, to, cc or bcc
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a mailbox remembers of a mail, to find and thread it."""

    people: tuple[Participant, ...]
    subject: str
    message_id: str
    refers_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to send along; one with a content id is shown in the text."""

    filename: str
    content: bytes
    mime_type: str = ""
    content_id: str = ""


def parse(raw: bytes) -> Part:
    return message_from_bytes(raw)


def compose(  # noqa: PLR0913 - a mail is described by what differs from a plain one
    *,
    from_: str,
    to: str | Sequence[str] = (),
    cc: str | Sequence[str] = (),
    bcc: str | Sequence[str] = (),
    subject: str = "",
    body: str = "",
    html: str = "",
    attachments: Iterable[Attachment] = (),
    headers: Mapping[str, str] | None = None,
    at: datetime | None = None,
    message_id: str = "",
) -> bytes:
    """Write a mail."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = from_
    for name, people in (("To", to), ("Cc", cc), ("Bcc", bcc)):
        if people:
            mail[name] = people if isinstance(people, str) else ", ".join(people)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at or datetime.now(UTC))
    if message_id:
        mail["Message-ID"] = message_id
    for name, value in (headers or {}).items():
        mail[name] = value
    mail.set_content(body)
    if html:
        mail.add_alternative(html, subtype="html")
    for one in attachments:
        kind = one.mime_type or mimetypes.guess_type(one.filename)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        inline = "inline" if one.content_id else "attachment"
        cid = one.content_id or None
        mail.add_attachment(one.content, maintype=main, subtype=sub, filename=one.filename, disposition=inline, cid=cid)
    return mail.as_bytes()


def with_header(raw: bytes, name: str, value: str) -> bytes:
    """Replace one header of a mail (or add it, or with an empty value remove it), its other bytes kept."""
    head, gap, rest = _split(raw)
    wanted, lines, skipping = name.lower().encode() + b":", [], False
    for line in head.splitlines(keepends=True):
        if line[:1] not in b" \t":
            skipping = line.lower().startswith(wanted)
        if not skipping:
            lines.append(line)
    if value:
        lines.insert(0, f"{name}: {value}\r\n".encode())
    return b"".join(lines) + gap + rest


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    for gap in (b"\r\n\r\n", b"\n\n"):
        if gap in raw:
            head, _, rest = raw.partition(gap)
            return head + gap[: len(gap) // 2], gap[len(gap) // 2 :], rest
    return raw, b"", b""


def text_of(value: str) -> str:
    """A header's value as people read it; odd bytes and odd words are shown as well as may be."""
    plain = _FOLD.sub(" ", value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" not in plain:
        return plain
    try:
        pieces = decode_header(plain)
    except (HeaderParseError, ValueError):
        return plain
    return "".join(piece if isinstance(piece, str) else _decode(piece, charset or "utf-8") for piece, charset in pieces)


def _decode(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def header(part: Part, name: str) -> str:
    """The first header of this name, or nothing."""
    return next((value for other, value in headers(part) if other.lower() == name.lower()), "")


def headers(part: Part) -> Iterator[tuple[str, str]]:
    for name, value in part.raw_items():
        yield name, text_of(str(value))


def participants(part: Part, *names: str) -> Iterator[Participant]:
    """Everybody in these headers, addresses in lower case."""
    for field in names:
        lines = [value for name, value in headers(part) if name.lower() == field]
        for name, address in getaddresses(lines):
            if address:
                yield Participant(field, address.lower(), name)


def envelope(raw: bytes) -> Envelope:
    """Read what a mailbox remembers of a mail."""
    head, _, _ = _split(raw)
    mail = parse(head + b"\r\n")
    refers = f"{header(mail, 'References')} {header(mail, 'In-Reply-To')}".split()
    return Envelope(
        tuple(participants(mail, "from", "to", "cc", "bcc")),
        header(mail, "Subject"),
        header(mail, "Message-ID").strip(),
        tuple(dict.fromkeys(refers)),
    )


def date_ms(raw: bytes) -> int | None:
    """The Date header in milliseconds, where there is one that can be read."""
    head, _, _ = _split(raw)
    try:
        return int(parsedate_to_datetime(header(parse(head), "Date")).timestamp() * 1000)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def content(part: Part) -> bytes:
    """The decoded bytes of a part that has no parts."""
    if part.get_content_type() == "message/rfc822":
        return b"".join(one.as_bytes() for one in children(part))
    try:
        found = part.get_payload(decode=True)
    except (ValueError, LookupError, UnicodeError):
        return b""
    return found if isinstance(found, bytes) else b""


def children(part: Part) -> list[Part]:
    inner = part.get_payload()
    return cast(list[Part], inner) if isinstance(inner, list) else []


def filename(part: Part) -> str:
    try:
        return text_of(part.get_filename() or "")
    except (ValueError, LookupError, UnicodeError):
        return ""


def walk(part: Part, part_id: str = "") -> Iterator[tuple[str, Part]]:
    """Every part with its number, as IMAP counts them."""
    yield part_id, part
    for number, child in enumerate(children(part)):
        yield from walk(child, f"{part_id}.{number}".strip("."))


def plain_text(part: Part) -> str:
    """The words of a mail: its plain text, or what is left of its HTML."""
    texts = {"text/plain": "", "text/html": ""}
    for _, one in walk(part):
        kind = one.get_content_type()
        if kind in texts and not texts[kind] and not filename(one):
            texts[kind] = text(one)
    return texts["text/plain"] or untagged(texts["text/html"])


def text(part: Part) -> str:
    """The text of a part that is one."""
    return _decode(content(part), part.get_content_charset() or "utf-8")


def untagged(hypertext: str) -> str:
    """What is left of HTML to read."""
    return html.unescape(_TAG.sub(" ", hypertext))


def has_attachment(part: Part) -> bool:
    return any(filename(one) for _, one in walk(part))


def filenames(part: Part) -> Iterator[str]:
    return (name for _, one in walk(part) if (name := filename(one)))
