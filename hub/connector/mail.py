"""From what a provider sends to a `Mail`: a whole message, its parts, or only its header.

Whatever is wrong with a message is a `Defect` of the result, never a reason to lose it.
"""

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from hub.connector.mail_calendar import calendar_method, is_notice
from hub.connector.mail_header import (
    Fields,
    all_of,
    clean,
    clean_line,
    decode_text,
    decode_words,
    first_of,
    is_absurd,
    normal_id,
    read_addresses,
    read_date,
    read_ids,
)
from hub.connector.mail_key import same_mail_key, synthesised_id
from hub.connector.mail_part import LONGEST_TEXT, Part, is_file, leaves, part_content, to_part
from hub.errors import ShapeError
from hub.records.mail import MARKER_HEADER, Address, Attachment, Defect, Envelope, Mail

__all__ = ["Part", "from_parts", "headers_only", "part_content", "read_mime", "same_mail_key", "synthesised_id"]

LONGEST_MAIL = 160_000_000  # no provider takes larger ones: Exchange Online allows 150 MB
LONGEST_SNIPPET = 200

Header = Mapping[str, str] | Sequence[tuple[str, str]]

# Where a second one is a fault: RFC 5322 section 3.6 allows one each.
_SINGLE = ("message-id", "date", "from", "subject")
# RFC 2156 section 5.3.4, as Outlook still writes it.
_SENSITIVE = frozenset({"personal", "private", "company-confidential", "confidential"})


def read_mime(raw: bytes, told: Envelope | None = None) -> Mail:
    """Read a whole message as it travelled.

    Raises:
        ShapeError: there is nothing in it.
    """
    if not raw or raw.isspace():
        raise ShapeError("The message is empty. Ask the provider for it again.")
    whole = raw if len(raw) <= LONGEST_MAIL else raw[:LONGEST_MAIL]
    defects = {Defect.MAIL_CUT} if len(raw) > LONGEST_MAIL else set()
    found, fields, broken = leaves(whole)
    told = told or Envelope()
    return _mail(fields, [to_part(leaf) for leaf in found], told, told.size or len(raw), defects | broken)


def from_parts(header: Header, parts: Sequence[Part], told: Envelope | None = None) -> Mail:
    """Make a mail of what an API hands out in pieces: header fields, and parts already decoded.

    Raises:
        ShapeError: there is nothing in it.
    """
    fields = _fields(header)
    if not fields and not parts:
        raise ShapeError("The message has neither header nor content. Ask the provider for it again.")
    told = told or Envelope()
    return _mail(fields, parts, told, told.size or sum(p.size for p in parts), set())


def headers_only(header: Header, told: Envelope | None = None) -> Mail:
    """Make a mail of a header alone: enough to sift it and to know its thread, without its text.

    Raises:
        ShapeError: there is no header.
    """
    return from_parts(header, (), told)


def _fields(header: Header) -> Fields:
    pairs = header.items() if isinstance(header, Mapping) else header
    fields: Fields = {}
    for name, value in pairs:
        line = value if value.isprintable() else " ".join(re.split(r"[\r\n]+", value))
        fields.setdefault(name.strip().lower(), []).append(line.strip())
    return fields


@dataclass(frozen=True, slots=True)
class _Content:
    text: str
    html: str
    calendar: str


def _mail(fields: Fields, parts: Sequence[Part], told: Envelope, size: int, defects: set[Defect]) -> Mail:
    people = {name: _people(fields, name, defects) for name in ("sender", "to", "cc", "bcc", "reply-to")}
    people["from"] = _from(fields, defects)
    subject = clean_line(decode_words(first_of(fields, "subject")))
    date = read_date(first_of(fields, "date"))
    sent_at = _believable(date, first_of(fields, "date"), defects)
    defects |= {Defect.DOUBLED_HEADER for name in _SINGLE if len(all_of(fields, name)) > 1}
    content = _content(parts, defects)
    in_reply_to = read_ids(all_of(fields, "in-reply-to"))
    method = next((calendar_method(p.method, content.calendar) for p in parts if p.media_type == "text/calendar"), "")
    bulk, auto_submitted = _bulk(fields)
    return Mail(
        message_id=_message_id(fields, people, sent_at, subject, content, told, defects),
        in_reply_to=in_reply_to,
        references=read_ids(all_of(fields, "references")),
        subject=subject,
        sent_at=sent_at,
        received_at=told.received_at,
        from_=people["from"],
        sender=people["sender"],
        to=people["to"],
        cc=people["cc"],
        bcc=people["bcc"],
        reply_to=people["reply-to"],
        text=content.text,
        html=content.html,
        snippet=clean_line(told.snippet or content.text, LONGEST_SNIPPET),
        attachments=_attachments(parts, content.html, defects),
        labels=tuple(clean_line(label, 200) for label in (*told.labels, *_keywords(fields))),
        places=told.places,
        thread_id=told.thread_id,
        size=size,
        bulk=bulk,
        list_id=_list_id(first_of(fields, "list-id")),
        auto_submitted=auto_submitted,
        private=first_of(fields, "sensitivity").strip().lower() in _SENSITIVE,
        calendar_method=method,
        is_calendar_notice=bool(method)
        and is_notice(content.calendar, people["sender"], _plain(content), answers=bool(in_reply_to)),
        marker=clean_line(first_of(fields, MARKER_HEADER.lower()), 200),
        defects=frozenset(defects),
    )


def _people(fields: Fields, name: str, defects: set[Defect]) -> tuple[Address, ...]:
    found, all_read = read_addresses(all_of(fields, name))
    if not all_read:
        defects.add(Defect.RECIPIENTS_CUT)
    return found


def _from(fields: Fields, defects: set[Defect]) -> tuple[Address, ...]:
    """Return who wrote it: the first From line, or whom a group's software replaced in it.

    Google Groups writes `Dana via Info <info@group>` where the sender's domain forbids others to send for it, so the
    copy that came through the group would show another author than the one that came directly.
    """
    written, _ = read_addresses(all_of(fields, "from")[:1], 50)
    replaced, _ = read_addresses(all_of(fields, "x-original-from")[:1], 50)
    if first_of(fields, "list-id") and any(a.address for a in replaced):
        return replaced
    if not any(a.address for a in written):
        defects.add(Defect.NO_SENDER)
    return written


def _believable(date: datetime | None, written: str, defects: set[Defect]) -> datetime | None:
    if date and not is_absurd(date):
        return date
    defects.add(Defect.ABSURD_DATE if written else Defect.NO_DATE)
    return None


def _message_id(
    fields: Fields,
    people: Mapping[str, tuple[Address, ...]],
    sent_at: datetime | None,
    subject: str,
    content: _Content,
    told: Envelope,
    defects: set[Defect],
) -> str:
    if written := next(iter(read_ids(all_of(fields, "message-id"))), normal_id(first_of(fields, "message-id"))):
        return written
    defects.add(Defect.NO_MESSAGE_ID)
    text = hashlib.sha256((content.text or content.html).encode("utf-8", "replace")).hexdigest()
    return synthesised_id(
        from_=people["from"],
        to=(*people["to"], *people["cc"]),
        sent_at=sent_at,
        subject=subject,
        otherwise=told.remote_id or str(told.received_at or text),
    )


def _bulk(fields: Fields) -> tuple[frozenset[str], str]:
    """Return the headers that say a mail went to many, and what it says of its being automatic."""
    automatic = first_of(fields, "auto-submitted").partition(";")[0].strip().lower()
    automatic = "" if automatic == "no" else clean_line(automatic, 40)  # RFC 3834 section 5
    found = {name for name in ("list-id", "list-unsubscribe") if first_of(fields, name)}
    if first_of(fields, "precedence").strip().lower() in {"bulk", "list", "junk"}:
        found.add("precedence")
    return frozenset(found | ({"auto-submitted"} if automatic else set())), automatic


def _list_id(value: str) -> str:
    bracketed = re.search(r"<([^<>]*)>", value[:4000])
    return clean_line(bracketed[1] if bracketed else value, 250).lower()


def _keywords(fields: Fields) -> list[str]:
    # Outlook's categories travel as Keywords: RFC 5322 section 3.6.5.
    return [word.strip() for value in all_of(fields, "keywords") for word in decode_words(value).split(",")][:50]


def _content(parts: Sequence[Part], defects: set[Defect]) -> _Content:
    texts, pages, calendar = [], [], ""
    says_other = False  # an HTML part and a text part that are no two forms of the same
    has_page = any(p.media_type == "text/html" and _is_text(p) for p in parts)
    for part in parts:
        if part.content is None:
            continue
        said = _said(part, defects)
        if part.media_type == "text/calendar":
            calendar = calendar or said
        elif not _is_text(part):
            continue
        elif part.media_type == "text/html":
            pages.append(said)
        elif part.media_type == "text/plain":
            texts.append(said)
            if has_page and not part.alternative:
                pages.append(f'<div style="white-space: pre-wrap">{html.escape(said)}</div>')
                says_other = says_other or bool(said.strip())
    text = "" if says_other else "\n\n".join(t for t in texts if t.strip())
    return _Content(_cut(text, defects), _cut("\n".join(pages), defects), calendar)


def _is_text(part: Part) -> bool:
    return not is_file(part.disposition, part.name)


def _said(part: Part, defects: set[Defect]) -> str:
    text, true = decode_text(part.content or b"", part.charset or _page_charset(part))
    if not true:
        defects.add(Defect.WRONG_CHARSET)
    text = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    return unflow(text, delsp=part.delsp) if part.flowed else text


def _page_charset(part: Part) -> str:
    """Return what a page says of itself, where the mail says nothing."""
    if part.media_type != "text/html":
        return ""
    found = re.search(rb"(?i)<meta[^>]{0,200}?charset=[\"']?([a-z0-9_-]{1,40})", (part.content or b"")[:4000])
    return found[1].decode() if found else ""


def unflow(text: str, *, delsp: bool) -> str:
    """Join the lines that a sender's program broke: RFC 3676, format=flowed."""
    lines: list[str] = []
    flowing: int | None = None  # depth of the quote whose paragraph goes on
    for written in text.split("\n"):
        body = written.lstrip(">")
        depth = len(written) - len(body)
        body = body.removeprefix(" ")  # what would look like a quote is stuffed
        goes_on = body.endswith(" ") and body != "-- "
        shown = body[:-1] if goes_on and delsp else body
        if flowing == depth and body != "-- ":
            lines.append(shown)
        else:
            lines += ["\n", ">" * depth + (" " if depth else ""), shown]
        flowing = depth if goes_on else None
    return "".join(lines[1:])


def _cut(text: str, defects: set[Defect]) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    defects.add(Defect.TEXT_CUT)
    return text[:LONGEST_TEXT]


def _plain(content: _Content) -> str:
    """Return roughly what a reader sees, to find out whether a person wrote anything."""
    if content.text or not content.html:
        return content.text[:20_000]
    page = re.sub(r"(?is)<(style|script|title)\b.*?</\1\s*>", " ", content.html[:20_000])
    return html.unescape(re.sub(r"<[^<>]*>", "\n", page))


def _attachments(parts: Sequence[Part], page: str, defects: set[Defect]) -> tuple[Attachment, ...]:
    files = [p for p in parts if not _shown(p)]
    if any(p.media_type in {"application/ms-tnef", "application/vnd.ms-tnef"} for p in files):
        defects.add(Defect.WINMAIL)
    used = {unquote(cid).lower() for cid in re.findall(r"(?i)\bcid:([^\"'\s<>)]{1,500})", page)}
    return tuple(
        Attachment(p.number, p.name, p.media_type, p.size, p.content_id, inline=_is_inline(p, used)) for p in files
    )


def _shown(part: Part) -> bool:
    """Tell whether a part is what the reader sees, another form of it, or a calendar's data, and no file."""
    if not _is_text(part):
        return False
    return part.media_type in {"text/plain", "text/html", "text/calendar"} or (
        part.alternative and part.media_type.startswith("text/")
    )


def _is_inline(part: Part, used: set[str]) -> bool:
    if part.content_id and part.content_id.lower() in used:
        return True
    # Outlook calls real attachments inline, and Apple Mail pictures within the text; only an image is part of a text.
    return part.media_type.startswith("image/") and part.disposition == "inline" and part.related
