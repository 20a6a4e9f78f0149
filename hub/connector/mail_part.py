"""The parts of a mail: where each begins and ends, and what it holds.

Parts are found by their place in the bytes received and nothing is copied until it is wanted, so a mail of 30 MB costs
little more than itself. Depth and number are limited: the sender decides neither our stack nor our time. The standard
library's own reader of messages copies such a mail several times, needs seconds for 5,000 recipients, and is about ten times
slower on ordinary mail; it is asked only for the parameters of a header that are written in an unusual way.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.policy import compat32

from hub.connector.mail_header import (
    LONGEST_HEADER_BLOCK,
    Fields,
    clean_line,
    decode_words,
    first_of,
    known_charset,
    normal_id,
    split_header,
)
from hub.records.mail import Defect

DEEPEST = 30
MOST_PARTS = 1000
LONGEST_PART_HEADER = 64_000
LONGEST_FIELD = 4000  # the standard library needs time by the square of it
LONGEST_TEXT = 1_000_000  # characters of text or HTML that are kept
LONGEST_TEXT_BYTES = 6_000_000  # of the message that are decoded for it
LONGEST_FILE_NAME = 200

# Some gateways end lines with a bare carriage return and some with two.
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\n\r\n|\r\r\n\r\r\n|\r\r(?!\n)")
_NO_FIELD = re.compile(rb"(?:(?<=[\r\n])|\A)(?![!-9;-~]{1,200}[ \t]*:|[ \t]|From )[^\r\n]")
# Nearly every header with parameters; the standard library is slow and asked about the others only.
_PARAM = r";[ \t]*([A-Za-z0-9-]{1,40})=(?:\"([^\"\\]*)\"|([^\s;\"\\*()<>@,]+))[ \t]*"
_SIMPLE = re.compile(rf"[^;\"]*(?:{_PARAM})+;?[ \t]*")
_PARAMS = re.compile(_PARAM)
_AFTER_MARK = re.compile(rb"(--)?[ \t]{0,100}(?:\r*\n|\r|\Z)")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")  # RFC 6838 section 4.2


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of a mail's tree: one text, or one file."""

    number: str  # as IMAP counts, or the provider's id
    media_type: str
    content: bytes | None  # decoded; None: not loaded, since nothing reads it yet
    size: int
    charset: str = ""
    name: str = ""
    content_id: str = ""
    disposition: str = ""  # inline, attachment, or not said
    alternative: bool = False  # another part says the same in another form
    related: bool = False  # belongs to the text beside it
    flowed: bool = False
    delsp: bool = False
    method: str = ""  # of a calendar part


@dataclass(frozen=True, slots=True)
class PartHeader:
    """What a part's header says of it, in small letters but for the parameters' values."""

    media_type: str = "text/plain"  # RFC 2045 section 5.2
    params: Mapping[str, str] = field(default_factory=dict)
    disposition: str = ""
    disposition_params: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """A leaf by its place in the received bytes."""

    raw: bytes
    start: int
    end: int
    number: str
    header: PartHeader
    under: tuple[str, ...]  # types of the multiparts around it, outermost first

    def decoded(self, most: int | None = None) -> bytes:
        """Return the content without its transfer encoding; at most what `most` received bytes hold."""
        end = self.end if most is None else min(self.end, self.start + most)
        return decode_transfer(self.raw[self.start : end], self.header.encoding)

    def size(self) -> int:
        """Return how many bytes the content has, counted and not decoded."""
        length = self.end - self.start
        if self.header.encoding != "base64":
            return length
        blanks = sum(self.raw.count(blank, self.start, self.end) for blank in (b"\n", b"\r"))
        return (length - blanks - self.raw.count(b"=", max(self.start, self.end - 10), self.end)) * 3 // 4


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding; what cannot be undone stays as it is."""
    if encoding == "quoted-printable":
        return a2b_qp(octets)
    if encoding != "base64":
        return octets
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", octets.partition(b"=")[0])
    try:
        return a2b_base64(letters[: len(letters) - (len(letters) % 4 == 1)] + b"==")
    except Base64Error:
        return octets


def header_end(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where a header block ends and where the body begins."""
    if raw[start : start + 1] in {b"\r", b"\n"}:
        return start, start + (2 if raw[start : start + 2] == b"\r\n" else 1)
    blank = _BLANK_LINE.search(raw, start, end)
    broken = _NO_FIELD.search(raw, start, blank.start() if blank else end)
    if broken and (blank is None or broken.start() == start):
        return broken.start(), broken.start()  # the blank line was forgotten: here the text begins
    return (blank.start(), blank.end()) if blank else (end, end)


def leaves(raw: bytes) -> tuple[list[Slice], Fields, set[Defect]]:
    """Return the leaves of a message in their order, its own header, and what was wrong with its structure."""
    head, body = header_end(raw, 0, min(len(raw), 4 * LONGEST_HEADER_BLOCK))
    fields, sound = split_header(raw[: min(head, LONGEST_HEADER_BLOCK)])
    walk = _Walk(raw)
    walk.defects |= set() if sound else {Defect.BROKEN_HEADER}
    walk.defects |= {Defect.HEADER_CUT} if head > LONGEST_HEADER_BLOCK else set()
    found = list(walk.content(part_header(fields), body, len(raw), "", ()))
    return found, fields, walk.defects


class _Walk:
    """One pass over the tree of one message."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.defects: set[Defect] = set()
        self.seen = 0

    def entity(self, start: int, end: int, number: str, under: tuple[str, ...]) -> Iterator[Slice]:
        # A part's own header is short; looking further costs time with every level.
        head, body = header_end(self.raw, start, min(end, start + 4 * LONGEST_PART_HEADER))
        header = part_header(split_header(self.raw[start : min(head, start + LONGEST_PART_HEADER)])[0])
        yield from self.content(header, body, end, number, under)

    def content(self, header: PartHeader, body: int, end: int, number: str, under: tuple[str, ...]) -> Iterator[Slice]:
        inner = self._inner(header, body, end, len(under))
        if inner is None:
            self.seen += 1
            yield Slice(self.raw, body, end, number or "1", header, under)
            return
        for index, (first, last) in enumerate(inner, start=1):
            if self.seen >= MOST_PARTS:
                self.defects.add(Defect.TOO_MANY_PARTS)
                return
            place = f"{number}.{index}" if number else str(index)
            yield from self.entity(first, last, place, (*under, header.media_type))

    def _inner(self, header: PartHeader, body: int, end: int, depth: int) -> list[tuple[int, int]] | None:
        if not header.media_type.startswith("multipart/"):
            return None
        if depth >= DEEPEST:
            self.defects.add(Defect.TOO_DEEP)
            return None
        return self._split(header.params.get("boundary", "").rstrip(), body, end)

    def _split(self, boundary: str, body: int, end: int) -> list[tuple[int, int]] | None:
        """Return the stretches between the boundary's lines; None where there are none: then it is all one text."""
        found: list[tuple[int, int]] = []
        open_at: int | None = None
        for start, after, closing in self._lines(b"--" + boundary.encode("utf-8", "replace"), body, end):
            if open_at is not None:
                found.append((open_at, max(open_at, self._before_line(start))))
            open_at = None if closing else after
            if closing or len(found) > MOST_PARTS:
                break
        if open_at is not None or not found:
            self.defects.add(Defect.BROKEN_PARTS)
        if open_at is not None:
            found.append((open_at, end))
        return found or None

    def _lines(self, mark: bytes, body: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the lines that are this boundary: where each starts and ends, and whether it is the closing one."""
        at = self.raw.find(mark, body, end) if mark != b"--" else -1
        while at >= 0:
            rest = _AFTER_MARK.match(self.raw, at + len(mark), end)
            if rest and (at == body or self.raw[at - 1 : at] in {b"\n", b"\r"}):
                yield at, rest.end(), rest[1] is not None
            at = self.raw.find(mark, at + len(mark), end)

    def _before_line(self, at: int) -> int:
        # The line end before a boundary belongs to the boundary: RFC 2046 section 5.1.1.
        if self.raw[at - 2 : at] == b"\r\n":
            return at - 2
        return at - 1 if self.raw[at - 1 : at] in {b"\n", b"\r"} else at


def part_header(fields: Fields) -> PartHeader:
    """Read what a header says of the content below it; of a field said twice the first counts."""
    said = {name: values[0][:LONGEST_FIELD] for name, values in fields.items() if name.startswith("content-")}
    media_type, params = _valued(said.get("content-type", ""))
    disposition, disposition_params = _valued(said.get("content-disposition", ""))
    if not _TYPE.fullmatch(media_type):
        media_type = "application/octet-stream" if media_type else "text/plain"
    encoding = said.get("content-transfer-encoding", "").strip().lower()
    return PartHeader(media_type, params, disposition, disposition_params, encoding, said.get("content-id", ""))


def _valued(value: str) -> tuple[str, dict[str, str]]:
    """Return a header's value in small letters and its parameters, their continuations joined (RFC 2231)."""
    word, semicolon, _ = value.partition(";")
    if not semicolon:
        return word.strip().lower(), {}
    if _SIMPLE.fullmatch(value):
        return word.strip().lower(), {n.lower(): quoted or bare for n, quoted, bare in reversed(_PARAMS.findall(value))}
    message = Message(policy=compat32)
    message["content-type"] = value
    try:
        pairs = message.get_params([])
    except (ValueError, LookupError, TypeError, AttributeError):
        pairs = []  # broken continuations break the standard library's reader
    params: dict[str, str] = {}
    for name, text in pairs[1:]:
        params.setdefault(name.lower(), text if isinstance(text, str) else _extended(text))
    return word.strip().lower(), params


def _extended(value: tuple[str | None, str | None, str]) -> str:
    charset, _, text = value
    try:
        return text.encode("latin-1").decode(known_charset(charset or "") or "utf-8", "replace")
    except (UnicodeError, ValueError):
        return text


def file_name(header: PartHeader) -> str:
    """Return the name of a file without its path, in one line, its end kept since that tells the kind."""
    return safe_name(decode_words(header.disposition_params.get("filename") or header.params.get("name", "")))


def safe_name(written: str) -> str:
    """Return a file name that is safe to show and to offer: no path, no control or turning characters."""
    name = re.split(r"[/\\]", clean_line(written, 1000))[-1].strip().lstrip(".")
    stem, dot, ending = name.rpartition(".")
    if len(name) > LONGEST_FILE_NAME and dot and len(ending) <= 10:
        return f"{stem[: LONGEST_FILE_NAME - 12]}….{ending}"
    return name[:LONGEST_FILE_NAME]


def to_part(leaf: Slice) -> Part:
    """Return a leaf with its content, where that is text to be shown; files are left where they are."""
    header, params = leaf.header, leaf.header.params
    media_type = header.media_type
    if media_type.startswith("multipart/"):  # promised parts and has none, or is too deep to look into
        media_type = "text/plain" if len(leaf.under) < DEEPEST else "application/octet-stream"
    name = file_name(header) or nested_name(leaf, media_type)
    readable = media_type in {"text/plain", "text/html", "text/calendar"}
    readable = readable and (not is_file(header.disposition, name) or media_type == "text/calendar")
    return Part(
        number=leaf.number,
        media_type=media_type,
        content=leaf.decoded(LONGEST_TEXT_BYTES) if readable else None,
        size=leaf.size(),
        charset=params.get("charset", ""),
        name=name,
        content_id=normal_id(header.content_id),
        disposition=header.disposition,
        alternative="multipart/alternative" in leaf.under,
        related="multipart/related" in leaf.under,
        flowed=params.get("format", "").lower() == "flowed",
        delsp=params.get("delsp", "").lower() == "yes",
        method=clean_line(params.get("method", ""), 30).upper(),
    )


def is_file(disposition: str, name: str) -> bool:
    """Tell whether a part is a file somebody attached and not the text itself."""
    return disposition == "attachment" or bool(name)


def nested_name(leaf: Slice, media_type: str) -> str:
    """Name an attached message after its subject, since it carries no file name."""
    if media_type != "message/rfc822":
        return ""
    inner = leaf.decoded(LONGEST_PART_HEADER)
    head, _ = header_end(inner, 0, len(inner))
    subject = clean_line(decode_words(first_of(split_header(inner[:head])[0], "subject")), 100)
    return safe_name(re.sub(r"[/\\:]", " ", subject) + ".eml") if subject else "message.eml"


def part_content(raw: bytes, number: str) -> bytes | None:
    """Return the decoded content of one part of a stored message; None where there is no such part."""
    found, _, _ = leaves(raw)
    return next((leaf.decoded() for leaf in found if leaf.number == number), None)
