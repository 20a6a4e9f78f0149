"""The header of a mail, as strangers write it: fields, words, addresses, dates, ids. Nothing here raises."""

import codecs
import hashlib
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import islice

from hub.records.address import split_address
from hub.records.mail import Address

# A header by its names in small letters; each with every value it was given, in order.
Fields = dict[str, list[str]]

LONGEST_HEADER_BLOCK = 2_000_000
LONGEST_SUBJECT = 1000
LONGEST_NAME = 250
LONGEST_ID = 250  # what a database can index everywhere
MOST_RECIPIENTS = 10_000
MOST_REFERENCES = 60
SHORT = 300  # letters of a header that is remembered

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")  # RFC 2047 section 2
_ID = re.compile(r"<([^<>]{1,2000})>")
# Codecs of Python that are no charset of a mail, or are dear: idna, punycode, unicode_escape, rot13, ...
_CHARSET = re.compile(
    r"utf-(8|16|32)(-[bl]e|-sig)?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|gb\w+|big5\w*|shift_jis\w*|euc_\w+|iso2022_\w+"
    r"|johab|hz|tis-620|mac-[a-z]+|utf-7|kz1048|ptcp154|hp-roman8"
)
# What senders write and what they mean: the wider set that every client uses instead.
_MEANT = {"iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
_MULTIBYTE = (
    "gb",
    "big5",
    "cp932",
    "cp949",
    "cp950",
    "euc",
    "iso2022",
    "shift",
    "utf-16",
    "utf-32",
    "utf-7",
    "hz",
    "johab",
)
# Marks that turn the direction of everything after them; names with them pretend (`exe.fdp`). Kept: LRM, RLM, ALM.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def split_header(block: bytes) -> tuple[Fields, bool]:
    """Return the fields of a header block, unfolded, and whether all of it could be read."""
    fields: Fields = {}
    lines: list[str] = []
    whole = True
    for raw in re.split(rb"\r*\n|\r", block):
        line = _octets(raw)
        if lines and line[:1] in {" ", "\t"}:
            lines.append(line)
            continue
        whole = _take(fields, lines) and whole
        lines = [line] if line else []
    whole = _take(fields, lines) and whole
    return fields, whole


def _take(fields: Fields, lines: list[str]) -> bool:
    if not lines:
        return True
    name, colon, value = "".join(lines).partition(":")
    name = name.rstrip(" \t")
    # RFC 5322 section 2.2: any printable ASCII but blank and colon.
    if not colon or not name or not name.isascii() or not name.isprintable() or " " in name or len(name) > 200:
        # The line an mbox file puts before each mail is no field, and no fault either.
        return lines[0].startswith("From ") and not fields
    fields.setdefault(name.lower(), []).append(value.strip())
    return True


def _octets(raw: bytes) -> str:
    """Read bytes of a header: they should be ASCII, newer senders write UTF-8, older ones anything."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def all_of(fields: Fields, name: str) -> list[str]:
    return fields.get(name, [])


def first_of(fields: Fields, name: str) -> str:
    return fields[name][0] if name in fields else ""


def clean(text: str) -> str:
    """Take out what no database or page bears: NUL and other control characters, halves of characters."""
    return _CONTROL.sub("", _SURROGATE.sub("\ufffd", text))


def clean_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """Make one line of a text: no control characters, none that turn the direction, no runs of blanks."""
    text = text[: longest * 8]
    text = " ".join((text if text.isprintable() else _TURNING.sub("", clean(text))).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def decode_words(value: str) -> str:
    """Read the encoded words of a header value; what is broken stays as written."""
    if "=?" not in value:
        return value
    pieces: list[str | tuple[str, bytes]] = []
    at, after_word = 0, False
    for found in _WORD.finditer(value):
        between = value[at : found.start()]
        if between.strip() or not after_word:
            pieces.append(between)  # blanks between two words only fold the line
        octets = _word_octets(found[2], found[3])
        charset = found[1].partition("*")[0].lower()  # RFC 2231 section 5: a language may follow
        if octets is None:
            pieces.append(found[0])
        elif pieces and isinstance(last := pieces[-1], tuple) and last[0] == charset:
            pieces[-1] = (charset, last[1] + octets)  # many senders cut in the middle of a character
        else:
            pieces.append((charset, octets))
        at, after_word = found.end(), octets is not None
    pieces.append(value[at:])
    return "".join(p if isinstance(p, str) else decode_text(p[1], p[0])[0] for p in pieces)


def _word_octets(encoding: str, text: str) -> bytes | None:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return a2b_qp(raw, header=True)
    try:
        return a2b_base64(raw + b"=" * (-len(raw) % 4))
    except Base64Error:
        return None


def decode_text(octets: bytes, declared: str) -> tuple[str, bool]:
    """Read text in the charset that was declared, or in the one it really is; also whether the declaration was true."""
    charset = known_charset(declared)
    try:
        return _strictly(octets, charset), bool(charset) or octets.isascii()
    except (UnicodeError, ValueError):
        return octets.decode(charset or "cp1252", "replace"), False


def _strictly(octets: bytes, charset: str) -> str:
    if charset.startswith(_MULTIBYTE):
        return octets.decode(charset)
    try:
        # No text of a one-byte charset is valid UTF-8 by chance, so this unmasks most lies.
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        if charset in {"", "utf-8", "ascii"}:
            raise
        return octets.decode(charset)


def known_charset(declared: str) -> str:
    """Return Python's name of a declared charset; empty where it is none that mails are written in."""
    name = re.sub(r"(?i)^(iso-8859-8)-[ie]$", r"\1", declared.strip().strip("'\""))
    if not re.fullmatch(r"[A-Za-z0-9_.:+-]{1,40}", name):
        return ""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return _MEANT.get(found, found) if _CHARSET.fullmatch(found) else ""


def read_addresses(values: Iterable[str], most: int = MOST_RECIPIENTS) -> tuple[tuple[Address, ...], bool]:
    """Return who is named in address headers, and whether that is all of them."""
    every = (address for value in values for address in _named(value))
    found = tuple(islice(every, most + 1))
    return found[:most], len(found) <= most


def _named(value: str) -> Iterable[Address]:
    """Read one header; the same few people write most of a mailbox, so that short ones are remembered."""
    return _remembered(value) if len(value) <= SHORT else _addresses(value)


def _addresses(value: str) -> Iterator[Address]:
    return (address for piece in _pieces(value) for address in _address(piece))


@lru_cache(maxsize=5_000)
def _remembered(value: str) -> tuple[Address, ...]:
    return tuple(_addresses(value))


def _pieces(value: str) -> Iterator[str]:
    """Split a list of addresses at its commas, not at those in quotes, comments or angle brackets."""
    start, quoted, depth, angle, skip = 0, False, 0, False, False
    for at, char in enumerate(value):
        if skip:
            skip = False
        elif char == "\\":
            skip = quoted or depth > 0
        elif char == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif char in "()":
            depth = depth + 1 if char == "(" else max(depth - 1, 0)
        elif char in "<>":
            angle = char == "<"
        elif char in ",;" and not angle and not depth:
            yield value[start:at]
            start = at + 1
    yield value[start:]


def _address(piece: str) -> Iterator[Address]:
    piece = piece[:4000]
    group, colon, rest = piece.partition(":")
    if colon and "@" not in group and '"' not in group:
        piece = rest  # `undisclosed-recipients:;` and `Team: a@b.example`
    name, bracket, mailbox = piece.rpartition("<")
    spec = mailbox.partition(">")[0] if bracket else piece
    if not bracket and (comment := re.search(r"\(([^()]*)\)", piece)):
        name, spec = comment[1], piece.replace(comment[0], "")  # RFC 822's old form: dana@levi.example (Dana)
    split = split_address(spec)
    shown = clean_line(decode_words(_unquoted(name)), LONGEST_NAME)
    if split:
        yield Address(shown, "@".join(split))
    elif text := shown or clean_line(decode_words(_unquoted(piece)), LONGEST_NAME):
        yield Address(text, "")


def _unquoted(name: str) -> str:
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return re.sub(r"\\(.)", r"\1", name)


def read_date(value: str) -> datetime | None:
    """Return the moment a Date header names, in UTC; None where it names none."""
    try:
        at = parsedate_to_datetime(value[:100])
        # Without a zone, or with `-0000`: RFC 5322 section 3.3 says UTC is meant.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def is_absurd(at: datetime) -> bool:
    """Tell whether no mail can be from then. No clock is asked, so every copy gets the same answer."""
    return not 1990 <= at.year <= 2100


def read_ids(values: Iterable[str]) -> tuple[str, ...]:
    """Return the message ids in References or In-Reply-To, each once, in their order; the middle of a long list goes."""
    found = list(dict.fromkeys(one for value in values for one in _ids(value[:200_000])))
    if len(found) > MOST_REFERENCES:
        found = found[:1] + found[1 - MOST_REFERENCES :]
    return tuple(found)


def _ids(value: str) -> Iterator[str]:
    bracketed = _ID.findall(value)
    # Without brackets only a value that is nothing but an id counts; `Your mail of 3 March` names nothing.
    bare = value.strip() if not bracketed and re.fullmatch(r"\s*[^\s<>@]+@[^\s<>@]+\s*", value) else ""
    yield from filter(None, map(normal_id, [*bracketed, bare]))


def normal_id(value: str) -> str:
    """Return a message id in one spelling: no brackets, no blanks, never long.

    Its letters stay as they are, since an answer must name it exactly as it was.
    """
    text = clean("".join(value.split())).strip("<>")
    if len(text) > LONGEST_ID:
        # Both ends of a thread shorten alike, so the references still meet.
        text = f"{text[:100]}~{hashlib.sha256(text.encode()).hexdigest()}"
    return text
