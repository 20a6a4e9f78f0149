"""What is new in an answer: its text without what it quotes. Only a view; the mail itself is always kept whole.

When in doubt nothing is taken away: a quote too many is a nuisance, a sentence too few is a lie. So answers written
between the lines of a quote stay whole, and so does what somebody forwards.

mail-parser-reply brings attribution lines of a dozen languages; they are used one line at a time. Its reading of whole
texts is not: it takes `From: Tel Aviv / To: Warsaw`, and in Polish any line that begins with `Data:`, for a quote and
all below for old, misses Hebrew, Arabic, Russian and Polish Gmail, and needs time by the square of a line's length.
"""

import re
from collections.abc import Iterator, Sequence

from mailparser_reply.constants import MAIL_LANGUAGES  # type: ignore[import-untyped]  # ships none

from hub.mail import reply_words as words

LONGEST_SEARCHED = 3000  # lines; an answer's quote begins well before
LONGEST_ATTRIBUTION = 300
MOST_ATTRIBUTIONS = 150  # lines looked at closely; the library's patterns are slow on purpose-made ones
LONGEST_BLOCK = 12

_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,190}")
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}")
_COLONS = (":", "\uff1a")
_RULE = re.compile(r"[\s_=*\u2014\u2013-]*")


def _starts(alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)[*_ ]{{0,4}}(?:{alternatives})[*_ ]{{0,4}}\s?[:\uff1a][*_ ]{{0,4}}(.*)")


_FROM, _SENT, _TO, _CC = (_starts(w) for w in (words.FROM, words.SENT, words.TO, words.CC))
_SUBJECT, _OTHER = _starts(words.SUBJECT), _starts(words.OTHER)
_ORIGINAL = re.compile(rf"(?i)[-_=*\s]{{2,80}}(?:{words.ORIGINAL})\s?[:\uff1a]?[-_=*\s]{{2,80}}")
_FORWARDED = re.compile(rf"(?i)[-_=*\s]{{0,80}}(?:{words.FORWARDED})\s?[:\uff1a]?[-_=*\s]{{0,80}}")
_WORDED = tuple(
    re.compile(rf"(?i)(?:{begin}).*(?<!\w)(?:{verb})(?!\w).{{0,150}}") for begin, verb in words.ATTRIBUTIONS.values()
)
_LIBRARY = tuple(
    re.compile(str(patterns["wrote_header"]), re.IGNORECASE | re.MULTILINE)
    for patterns in MAIL_LANGUAGES.values()
    if "wrote_header" in patterns
)


def without_quote(text: str) -> str:
    """Return the part of a mail's text that its writer wrote now."""
    lines = text.replace("\r\n", "\n").split("\n")
    plain = [_plain(line) for line in lines[:LONGEST_SEARCHED]]
    start, after = _quote(plain)
    if start is None:
        return _without_tail(lines)
    rest = plain[after:]
    if not any(plain[:start]):
        return _below(lines, plain, after) or text.strip()
    if _is_between(rest):
        return text.strip()
    return "\n".join(lines[:start]).strip()


def _plain(line: str) -> str:
    return _UNSEEN.sub("", line).replace("\u00a0", " ").replace("\u202f", " ").strip()


def _quote(plain: Sequence[str]) -> tuple[int | None, int]:
    """Return the line where the first quote is introduced, and the first line that is quoted; None: nowhere."""
    left = MOST_ATTRIBUTIONS
    for at, line in enumerate(plain):
        if _FORWARDED.fullmatch(line):
            break
        if _ORIGINAL.fullmatch(line):
            return _above(plain, at), at + 1
        if length := _block(plain, at):
            return _above(plain, at), at + length
        if line.endswith(_COLONS) and left:
            left -= 1
            begin = _attribution(plain, at)
            if begin is not None:
                return begin, at + 1
    return None, len(plain)


def _above(plain: Sequence[str], at: int) -> int:
    """Take the ruled line before a block with it."""
    while at and _RULE.fullmatch(plain[at - 1]):
        at -= 1
    return at


def _block(plain: Sequence[str], at: int) -> int:
    """Return the length of a block of From, Sent, To, Subject that begins here; 0 where there is none."""
    first = _FROM.fullmatch(plain[at])
    if not first:
        return 0
    seen = {"from"}
    end = at + 1
    for offset, line in enumerate(plain[at + 1 : at + LONGEST_BLOCK], start=1):
        kind = _kind(line)
        if kind:
            seen.add(kind)
            end = at + offset + 1
        elif not line and "subject" in seen:
            break  # a blank line ends it; before the subject some programs put one after each line
    # A traveller writes From and To as well, but no Subject.
    return end - at if {"from", "subject"} <= seen and seen & {"sent", "to"} else 0


def _kind(line: str) -> str:
    kinds = (("sent", _SENT), ("to", _TO), ("subject", _SUBJECT), ("cc", _CC), ("other", _OTHER))
    return next((kind for kind, pattern in kinds if pattern.fullmatch(line)), "")


def _attribution(plain: Sequence[str], end: int) -> int | None:
    """Return the line where an attribution that ends here begins: programs break it over up to three lines."""
    for begin in range(end, max(end - 3, -1), -1):
        if not plain[begin]:
            return None
        joined = " ".join(plain[begin : end + 1]).lstrip("> ")
        if len(joined) > LONGEST_ATTRIBUTION:
            return None
        if _introduces(joined):
            return begin
    return None


def _introduces(line: str) -> bool:
    if not re.search(r"\d", line):
        return False
    if _ADDRESS.search(line) and _TIME.search(line):
        return True
    bare = line.rstrip(":\uff1a ")
    return any(p.fullmatch(bare) for p in _WORDED) or any(p.fullmatch(line) for p in _LIBRARY)


def _is_between(rest: Sequence[str]) -> bool:
    """Tell whether somebody wrote between or below the lines of a marked quote."""
    marked = [at for at, line in enumerate(rest) if line.startswith(">")]
    return bool(marked) and any(line and not line.startswith(">") for line in rest[marked[0] :])


def _below(lines: Sequence[str], plain: Sequence[str], after: int) -> str:
    """Return what stands under a quote that comes first, where the quote is one marked piece; else nothing."""
    end = next((at for at in range(after, len(plain)) if plain[at] and not plain[at].startswith(">")), len(plain))
    quoted = any(line.startswith(">") for line in plain[after:end])
    later = any(line.startswith(">") for line in plain[end:])
    return "\n".join(lines[end:]).strip() if quoted and not later else ""


def _without_tail(lines: Sequence[str]) -> str:
    """Take away a marked quote at the end that nothing introduces."""
    end = len(lines)
    for at in _backwards(lines):
        if _plain(lines[at]) and not _plain(lines[at]).startswith(">"):
            break
        end = at
    return "\n".join(lines[:end]).strip() or "\n".join(lines).strip()


def _backwards(lines: Sequence[str]) -> Iterator[int]:
    return iter(range(len(lines) - 1, -1, -1))
