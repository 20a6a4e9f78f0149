"""Which encoding a text is in, and its lines, a block at a time: flat memory whatever the file is.

Order of the guess: byte order mark, UTF-16 by where its NUL bytes are, strict UTF-8, then chardet among those that are offered.
"""

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

import chardet

BLOCK = 1 << 18  # bytes read at once
LONGEST_LINE = 1 << 20  # characters; 1,000 columns of 1,000 characters
SAMPLE = 1 << 16
_MOST_PLAIN = 1 << 28  # bytes that are looked through for one that is not ASCII
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What is offered, most used first; those of the five languages of the interface and their neighbours.
_UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
_BY_LANGUAGE = {
    "he": ("cp1255", "iso8859-8", "cp862"),
    "ar": ("cp1256", "iso8859-6"),
    "ru": ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"),
    "uk": ("cp1251", "koi8-u"),
    "pl": ("cp1250", "iso8859-2", "cp852"),
    "en": ("cp1252",),
}
_OTHERS = (
    "iso8859-15", "cp437", "cp850", "mac-roman", "cp1253", "iso8859-7", "cp1254", "iso8859-9", "cp1257", "cp1258", "cp874",
    "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr",
)  # fmt: skip
# A page of Windows has all that the standard has and more, and reads it the same.
_WIDER = {"iso8859-8": "cp1255", "iso8859-1": "cp1252", "ascii": "utf-8", "us-ascii": "utf-8"}
_OWN, _NEAR = 1.5, 1.1  # how much likelier an encoding of the customer's own languages is, and one of the interface's
_FOLD = re.compile(rb"\r?\n[ \t]")
_OWN_CHARSET = re.compile(rb"^[^\n:]*;CHARSET=[^\n]*$", re.IGNORECASE | re.MULTILINE)
_ESCAPES = "hub.imports.bytes"
_ESCAPED = re.compile(r"[\udc00-\udcff]")


def _kept(error: UnicodeError) -> tuple[str | bytes, int]:
    """Keep bytes that are not of the encoding as lone surrogates, so that nothing is lost and a row can say so; and back."""
    if isinstance(error, UnicodeDecodeError):
        return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end
    if isinstance(error, UnicodeEncodeError):
        part = error.object[error.start : error.end]
        if _ESCAPED.sub("", part) == "":
            return bytes(ord(one) - 0xDC00 for one in part), error.end
    raise error


codecs.register_error(_ESCAPES, _kept)


@cache
def encodings() -> tuple[str, ...]:
    """Return the encodings to choose from, Python's names, the likely ones first."""
    return tuple(dict.fromkeys([*_UNICODE, *(one for many in _BY_LANGUAGE.values() for one in many), *_OTHERS]))


def is_known(encoding: str) -> bool:
    return encoding in encodings()


def shown(text: str) -> str:
    r"""Write bytes that are not of the encoding as \xNN."""
    return _ESCAPED.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def is_whole(text: str) -> bool:
    """Say whether every byte of it was of the encoding."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def decoded(data: bytes, encoding: str) -> str:
    """Decode what may end inside a character; bytes that are not of the encoding are kept, see `shown`."""
    return codecs.getincrementaldecoder(encoding)(_ESCAPES).decode(data)


def encoded(text: str, encoding: str) -> bytes:
    """Return the bytes that a text was decoded from. Raises UnicodeEncodeError where they cannot be known."""
    return text.encode(encoding, _ESCAPES)


def guessed(path: Path, languages: Sequence[str] = ()) -> str:
    """Guess the encoding of a text. A person can correct it."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
        for mark, name in _MARKS:
            if sample.startswith(mark):
                return name
        if name := _without_mark(sample):
            return name
        if sample.isascii():
            sample = _first_foreign(file) or sample
        elif sample[:200].lstrip().upper().startswith(b"BEGIN:V"):
            # A fold may go through the middle of a character, and a line may be in a charset of its own.
            sample = _OWN_CHARSET.sub(b"", _FOLD.sub(b"", sample))
    return "utf-8" if _is_mostly_utf8(sample) else _by_letters(sample, languages)


def _is_mostly_utf8(sample: bytes) -> bool:
    """Say whether it is UTF-8, or was before lines in something else were put in: by chance a line hardly ever is."""
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
    except UnicodeDecodeError:
        foreign = [line for line in sample.splitlines() if not line.isascii()]
        return sum(is_whole(decoded(line, "utf-8")) for line in foreign) * 2 > len(foreign)
    return True


def _without_mark(sample: bytes) -> str:
    """Recognise UTF-16 by its delimiters, digits and line ends: one byte of each is NUL, always on the same side."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    name = "utf-16-le" if odd > 5 * even else "utf-16-be" if even > 5 * odd else ""
    if not name:
        return ""
    text = decoded(sample, name)
    plain = sum(1 for one in text if one < "\x7f")
    return name if "\0" not in text and plain > len(text) * 0.15 else ""


def _first_foreign(file: IO[bytes]) -> bytes:
    """Return text from the first line on that is not plain ASCII: titles and ids often come long before names."""
    read = SAMPLE
    while read < _MOST_PLAIN and (block := file.read(1 << 22)):
        read += len(block)
        if not block.isascii():
            lines = [line for line in block.split(b"\n") if not line.isascii()]
            # The last line may end inside a character.
            return b"\n".join(lines[:-1] or lines)[:SAMPLE].rsplit(b"\n", 1)[0]
    return b""


def _by_letters(sample: bytes, languages: Sequence[str]) -> str:
    own = {one for language in languages for one in _BY_LANGUAGE.get(language.split("-")[0].split("_")[0].lower(), ())}
    near = {one for many in _BY_LANGUAGE.values() for one in many}
    found = chardet.detect_all(
        sample, compat_names=False, include_encodings=[*encodings(), "iso8859-1"], no_match_encoding="cp1252"
    )
    scored = [
        (one["confidence"] * (_OWN if name in own else _NEAR if name in near else 1), -at, name)
        for at, one in enumerate(found)
        if (name := _WIDER.get(one["encoding"] or "", one["encoding"] or "")) in encodings()
    ]
    return max(scored, default=(0, 0, "cp1252"))[2]


@dataclass(slots=True)
class Lines:
    """The lines of a text file, whatever ends them: LF, CR LF or CR alone.

    Attributes:
        read, size: bytes, for a bar of progress.
    """

    path: Path
    encoding: str
    size: int = field(init=False)
    read: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.size = self.path.stat().st_size

    def progress(self) -> float:
        return min(self.read / self.size, 1.0) if self.size else 1.0

    def blocks(self) -> Iterator[tuple[list[str], str]]:
        """Give lines without their ends, many at a time, and the text that they are made of.

        A line longer than LONGEST_LINE is cut one character behind that length. Bytes that are not of the encoding are kept,
        see `shown`.
        """
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(self.encoding)(_ESCAPES), translate=True)
        rest, cutting, first, self.read = "", False, True, 0
        with self.path.open("rb", buffering=0) as file:
            while True:
                data = file.read(BLOCK)
                self.read += len(data)
                text = decoder.decode(data, final=not data)
                if first and text:
                    text, first = text.removeprefix("\ufeff"), False
                if cutting:  # nothing of it until the line ends
                    _, end, text = text.partition("\n")
                    cutting = not end
                text = rest + text
                lines = text.split("\n")
                rest = lines.pop()
                if len(rest) > LONGEST_LINE:
                    lines.append(rest[: LONGEST_LINE + 1])
                    rest, cutting = "", True
                if not data:
                    # Systems of the time of DOS end a file with Ctrl-Z, and a crash fills it up with NULs.
                    lines += [last] if (last := rest.rstrip("\x1a\0 ")) else []
                if lines:
                    yield lines, text
                if not data:
                    return
