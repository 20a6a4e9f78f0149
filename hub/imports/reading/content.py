"""Content lines of vCard and iCalendar: folded lines put together, names, parameters and values taken apart.

Sources: RFC 6350, 3.2 and 3.3 (https://www.rfc-editor.org/rfc/rfc6350), RFC 5545, 3.1 (https://www.rfc-editor.org/rfc/rfc5545),
vCard 2.1 (https://web.archive.org/web/20120501162958/http://www.imc.org/pdi/vcard-21.doc).

Own code, because a photo of 10 MB must be passed over and not be held, and one bad line must cost its own card only: vobject and
icalendar read a whole file or nothing.
"""

import codecs
import quopri
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.imports.reading.encoding import Lines, decoded, encoded, encodings, is_whole, shown

LONGEST_VALUE = 131_072  # characters that are kept of a line; a photo is longer
_LINE = re.compile(r'(?:([\w-]+)\.)?([\w-]+)((?:;[^:;"]*+(?:"[^"]*"[^:;"]*+)*+)*+):(.*)', re.DOTALL)
_LOOSE = re.compile(r"(?:([\w-]+)\.)?([\w-]+)(;[^:]*)?:(.*)", re.DOTALL)  # a quote in a parameter that is not closed
_PARAMETER = re.compile(r';([^=;"]*)(?:=((?:[^;"]|"[^"]*")*))?')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED_OLD = re.compile(r"\\([;,:\\])")
_TEXTS = frozenset(codecs.lookup(name).name for name in (*encodings(), "ascii", "latin-1"))


@dataclass(frozen=True, slots=True)
class Content:
    """One line: `group.NAME;PARAMETER=value:value`. Names and names of parameters are in capitals.

    Attributes:
        number: of the first of the lines that it was folded into.
        size: characters of the value, also of those that are not kept.
    """

    number: int
    group: str
    name: str
    parameters: dict[str, tuple[str, ...]]
    value: str
    size: int

    def first(self, parameter: str) -> str:
        return next(iter(self.parameters.get(parameter, ())), "")

    def types(self) -> list[str]:
        return [one.lower() for many in self.parameters.get("TYPE", ()) for one in many.split(",")]

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.value)


def contents(lines: Lines) -> Iterator[Content]:
    """Give the content lines of a file; a line that is none has no name."""
    for number, text, left_out in _unfolded(lines):
        if text.strip():
            yield _parsed(number, _mended(text, lines.encoding), left_out)


def _unfolded(lines: Lines) -> Iterator[tuple[int, str, int]]:
    """Give each line with its number and how many characters of it are not kept."""
    parts: list[str] = []
    start = left_out = kept = 0
    is_old = quoted = is_soft = is_base64 = False
    for number, line in enumerate((one for block, _ in lines.blocks() for one in block), 1):
        more = line
        if parts and is_soft:
            parts[-1] = parts[-1].removesuffix("=")
        elif parts and line[:1] in {" ", "\t"}:
            more = line.strip() if is_base64 else line if is_old else line[1:]
        elif not (parts and is_base64 and line and ":" not in line):
            if parts:
                yield start, "".join(parts), left_out
            parts, start, left_out, kept = [], number, 0, 0
            upper = line[:200].upper()
            named = upper.partition(":")[0]
            is_base64 = "BASE64" in named or "ENCODING=B" in named
            quoted = "QUOTED-PRINTABLE" in named
            if upper.startswith("VERSION:"):
                is_old = upper.strip().endswith(":2.1")
            elif upper.startswith("BEGIN:"):
                is_old = False
        fits = more[: LONGEST_VALUE - kept]
        if fits or not parts:
            parts.append(fits)
        kept += len(fits)
        left_out += len(more) - len(fits)
        is_soft = quoted and more.endswith("=")
    if parts:
        yield start, "".join(parts), left_out


def _mended(text: str, encoding: str) -> str:
    """Put characters together that a fold went through the middle of."""
    if is_whole(text) or encoding.startswith(("utf-16", "utf-32")):
        return text
    return decoded(encoded(text, encoding.removesuffix("-sig")), encoding.removesuffix("-sig"))


def _parsed(number: int, text: str, left_out: int) -> Content:
    found = _LINE.fullmatch(text) or _LOOSE.fullmatch(text)
    if not found:
        return Content(number, "", "", {}, text, len(text) + left_out)
    group, name, given, value = found.groups()
    parameters: dict[str, tuple[str, ...]] = {}
    for key, said in _PARAMETER.findall(given or ""):
        upper, words = key.strip().upper(), said.strip().strip('"')
        if not said:  # vCard 2.1: TEL;CELL;PREF
            upper, words = ("ENCODING", upper) if upper in {"QUOTED-PRINTABLE", "BASE64", "8BIT"} else ("TYPE", upper)
        parameters[upper] = (*parameters.get(upper, ()), words)
    return Content(number, (group or "").upper(), name.upper(), parameters, value, len(value) + left_out)


def text_of(content: Content, encoding: str, *, is_old: bool = False) -> str:
    """Return a value as the file means it, escapes still in it: quoted-printable undone, in its own charset if it says one."""
    value, own = content.value, content.first("CHARSET")
    is_quoted = content.first("ENCODING").upper() == "QUOTED-PRINTABLE"
    if not is_quoted and not (own and is_old):
        return value
    try:
        data = encoded(value, encoding.removesuffix("-sig"))
    except UnicodeEncodeError:
        return value
    if is_quoted:
        data = quopri.decodestring(data)
    return _in_charset(data, own, encoding).replace("\r\n", "\n").replace("\r", "\n")


def _in_charset(data: bytes, charset: str, encoding: str) -> str:
    try:
        named = codecs.lookup(charset).name if charset else "utf-8"
    except LookupError:
        named = "utf-8"
    for one in (named if named in _TEXTS else "utf-8", encoding):
        try:
            return data.decode(one)
        except UnicodeDecodeError:
            continue
    return decoded(data, "utf-8")


def unescaped(text: str, *, is_old: bool = False) -> str:
    if is_old:
        return _ESCAPED_OLD.sub(r"\1", text)
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def split(text: str, mark: str, *, is_old: bool = False) -> list[str]:
    """Split at a mark that is not escaped, and take the escapes out."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == mark:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [unescaped(part, is_old=is_old).strip() for part in [*parts, text[start:]]]


def clean(values: dict[str, str]) -> tuple[dict[str, str], str]:
    """Take out what no text may have, and say which trouble that is."""
    trouble = ""
    for name, value in values.items():
        if "\0" in value:
            values[name], trouble = value.replace("\0", ""), "nul"
        if not is_whole(value):
            values[name], trouble = shown(values[name]), "bad_bytes"
    return values, trouble


def joined(parts: Sequence[str], mark: str = ", ") -> str:
    return mark.join(part for part in parts if part)
