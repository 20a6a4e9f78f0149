# ruff: noqa: RUF001 - words of several scripts and look-alike signs are the subject
"""Telephone numbers: what a cell, a caller id or a chat id says, as E.164 or as a reason why there is none.

`read` is the whole normaliser; everything else here is a short way to one of its answers. It never raises and
never guesses a country: without a region only numbers with a country code are numbers.

The parsing of one clean number is the library's (https://github.com/daviddrysdale/python-phonenumbers). What is
here is around it: the library takes the letters of a name for keypad digits, does not know Hebrew or Polish words
for "extension", SIP addresses or chat ids, and reads a second number in the same cell as an extension.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import TypeAlias
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from hub.errors import UserError

# Longer texts are no telephone cell; refusing them first bounds every step below.
LONGEST_CELL = 256
LONGEST_DIALLED = 64
MOST_NUMBERS_IN_A_CELL = 8
# The shortest piece of a cell that is taken for a number of its own.
SHORTEST_NUMBER = 7

# Extensions of a telephone system where nobody configured their length.
USUAL_EXTENSION_LENGTHS = range(2, 7)
# Emergency numbers of GSM networks; no telephone system gives them to a desk.
WORLD_EMERGENCY = frozenset({"112", "911"})

# What carriers and telephone systems write instead of a number (RFC 3323, Asterisk, and the field's languages).
WITHHELD_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    anonymous anonim restricted private unavailable unknown blocked withheld hidden
    חסוי חסום נסתר nieznany zastrzeżony prywatny ukryty
    неизвестно неизвестный неизвестен скрыт скрытый مجهول محجوب مخفي
    """,
    )
)
WITHHELD_PHRASES = frozenset({"no caller id", "no number", "not available", "مجهول الهوية"})
# The same words spelled on a keypad, as some carriers send them: ANONYMOUS, RESTRICTED, UNKNOWN, UNAVAILABLE,
# PRIVATE, BLOCKED. Two of them could be somebody's number; giving every withheld call to that person is worse
# than not knowing this one caller.
WITHHELD_KEYPAD = frozenset({"266696687", "7378742833", "8656696", "86282452253", "7748283", "2562533"})


class PhoneKind(StrEnum):
    """What stands behind a number, as far as its numbering plan tells."""

    MOBILE = "mobile"
    FIXED = "fixed"
    FIXED_OR_MOBILE = "fixed_or_mobile"  # North America: the plan does not tell
    TOLL_FREE = "toll_free"
    SHARED_COST = "shared_cost"
    PREMIUM = "premium"
    VOIP = "voip"
    PERSONAL = "personal"
    PAGER = "pager"
    COMPANY = "company"  # a company-wide access number (UAN)
    VOICEMAIL = "voicemail"
    OTHER = "other"


_KINDS = {
    PhoneNumberType.MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneKind.FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: PhoneKind.FIXED_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
    PhoneNumberType.SHARED_COST: PhoneKind.SHARED_COST,
    PhoneNumberType.PREMIUM_RATE: PhoneKind.PREMIUM,
    PhoneNumberType.VOIP: PhoneKind.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: PhoneKind.PERSONAL,
    PhoneNumberType.PAGER: PhoneKind.PAGER,
    PhoneNumberType.UAN: PhoneKind.COMPANY,
    PhoneNumberType.VOICEMAIL: PhoneKind.VOICEMAIL,
}


class PhoneQuality(StrEnum):
    """How far a number can be trusted to exist."""

    VALID = "valid"  # assigned in the numbering plan
    POSSIBLE = "possible"  # right length, unassigned range: found by exact match, never a reason to merge


class PhoneVerdict(StrEnum):
    """What a raw text turned out to be. Only the first two come with numbers."""

    VALID = "valid"
    POSSIBLE = "possible"
    WITHHELD = "withheld"  # the caller does not want to be known
    SHORT = "short"  # emergency, service and star codes
    EXTENSION = "extension"  # one of our own desks
    OWN = "own"  # one of our own outside numbers
    NO_REGION = "no_region"  # national, and nobody said of which country: keep the text
    INVALID = "invalid"  # looks like a number and is none
    JUNK = "junk"  # placeholder, text, nothing


@dataclass(frozen=True, slots=True)
class PhoneContext:
    """Where a number was written or heard; decides how its national form is read.

    Args:
        region: ISO 3166 country of the trunk, account or contact, such as `IL`.
        dial_prefixes: digits dialled for an outside line on this trunk, such as `9`.
        extension_lengths: how many digits the desks of this telephone system have; empty: nobody said,
            then 2 to 6 digits are a desk unless they are a number of the region.
        own_numbers: our own outside numbers as E.164; they identify no customer.
    """

    region: str | None = None
    dial_prefixes: tuple[str, ...] = ()
    extension_lengths: tuple[int, ...] = ()
    own_numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Phone:
    """One telephone number.

    `number` is `+` and digits also where the number is only possible; `e164` is empty then.
    """

    number: str
    extension: str
    kind: PhoneKind
    quality: PhoneQuality
    raw: str

    @property
    def e164(self) -> str:
        return self.number if self.quality is PhoneQuality.VALID else ""

    @property
    def key(self) -> str:
        """What identifies: the number, and for anything but a mobile also the extension behind it."""
        if self.extension and self.kind is not PhoneKind.MOBILE:
            return f"{self.number};ext={self.extension}"
        return self.number


@dataclass(frozen=True, slots=True)
class PhoneReading:
    """The answer of `read`: a verdict on the whole text, and the numbers in it, valid ones first."""

    verdict: PhoneVerdict
    phones: tuple[Phone, ...] = ()


ANYWHERE = PhoneContext()

_Answer: TypeAlias = tuple[PhoneVerdict, Phone | None]


# --- The four questions -----------------------------------------------------------------------------------------


def read(raw: str, context: PhoneContext = ANYWHERE) -> PhoneReading:
    """Say what a raw text is and which telephone numbers it holds."""
    if len(raw) > LONGEST_CELL:
        return PhoneReading(PhoneVerdict.JUNK)
    return _read(raw, context)


def normalise(raw: str, context: PhoneContext = ANYWHERE) -> tuple[Phone, ...]:
    """Return the numbers in a raw text, valid ones first; none where there is none."""
    return read(raw, context).phones


def is_withheld(raw: str) -> bool:
    """Tell whether a caller id says that the caller does not want to be known. Nothing at all says nothing."""
    return read(raw).verdict is PhoneVerdict.WITHHELD


def line(raw: str, region: str | None = None) -> str:
    """Return the first valid number of a line as E.164, with `;ext=` where there is one; else an empty line."""
    for phone in normalise(raw, PhoneContext(region=region)):
        if phone.e164:
            return f"{phone.e164};ext={phone.extension}" if phone.extension else phone.e164
    return ""


def dialable(raw: str, context: PhoneContext = ANYWHERE) -> str:
    """Return what may be sent to a telephone exchange for a number a person clicked or typed.

    Valid numbers come back as E.164, anything else (extensions, star codes) as its bare characters, so that the
    answer always matches `+`, digits, `*` and `#` only. An extension behind the number is left out.

    Raises:
        UserError: letters, control characters, several numbers, too short or too long (`bad_number`).
    """
    text = _dialled_characters(raw)
    reading = read(text, replace(context, own_numbers=frozenset()))
    if len(reading.phones) > 1:
        raise _bad_number("it holds several numbers; choose one")
    if reading.verdict is PhoneVerdict.VALID:
        text = reading.phones[0].number
    bare = re.sub(r"[^0-9*#+]", "", text)
    if not re.fullmatch(r"\+?[0-9*#]{2,20}", bare):
        raise _bad_number("a number has 2 to 20 digits, with + only in front")
    return bare


def _dialled_characters(raw: str) -> str:
    if len(raw) > LONGEST_DIALLED:
        raise _bad_number(f"it is longer than {LONGEST_DIALLED} characters")
    if any(unicodedata.category(c) == "Cc" for c in raw):
        raise _bad_number("it holds a line break or another control character")
    text = re.sub(r"(?i)^\s*tel:|;\s*ext=\d{0,7}\s*$", "", _characters(raw))
    if any(c.isalpha() for c in text):
        raise _bad_number("it holds letters")
    if odd := re.search(r"[^0-9+*#().\-/~\s]", text):
        raise _bad_number(f"it holds the character {odd.group()!r}")
    return text


def _bad_number(why: str) -> UserError:
    return UserError(f"This number cannot be dialled: {why}.", error_id="bad_number", field="number")


def as_dialled(e164: str, region: str) -> str:
    """Return the digits a person inside `region` would dial for a number: national form, or with the exit code.

    For exchanges whose outgoing routes do not know E.164. Where a country has several exit codes, one for each
    carrier, the answer keeps its plus.
    """
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return re.sub(r"[^0-9+]", "", phonenumbers.format_out_of_country_calling_number(number, region))


@lru_cache(maxsize=20_000)
def display(e164: str, region: str | None = None) -> str:
    """Return a number as people read it: national form inside `region`, else international. Odd input comes back.

    The text is left-to-right; a page in Hebrew or Arabic isolates it.
    """
    main, _, extension = e164.partition(";ext=")
    try:
        number = phonenumbers.parse(main)
    except phonenumbers.NumberParseException:
        return e164
    home = region is not None and phonenumbers.country_code_for_region(region) == number.country_code
    shown = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL)
    return f"{shown} ext. {extension}" if extension else shown


# --- From a raw text to pieces ----------------------------------------------------------------------------------


# Digits and what stands between them, as most cells have them: one number, and nothing to fold, to split or to cut off. A
# point may be a spreadsheet's, another plus another number's.
_PLAIN = re.compile(r" *(\+?\(*[0-9](?:[0-9 ()\-]*[0-9)])?) *")


@lru_cache(maxsize=20_000)
def _read(raw: str, context: PhoneContext) -> PhoneReading:
    if (plain := _PLAIN.fullmatch(raw)) and plain[1].lstrip("+") not in WITHHELD_KEYPAD:
        return _reading([_number(plain[1], "", context, raw)])
    text = _address_user(_characters(raw))
    if _says_withheld(text):
        return PhoneReading(PhoneVerdict.WITHHELD)
    whole_cell = _spreadsheet(text)
    if whole_cell is None:
        return PhoneReading(PhoneVerdict.INVALID)
    answers = [_piece(piece, context, raw) for piece in _pieces(whole_cell)]
    if not any(phone for _, phone in answers):
        whole = _piece(_SEPARATOR.sub(" ", whole_cell), context, raw)
        answers = [whole] if whole[1] else answers or [whole]
    return _reading(answers)


def _reading(answers: list[_Answer]) -> PhoneReading:
    by_key = {phone.key: phone for _, phone in answers if phone}
    phones = tuple(sorted(by_key.values(), key=lambda phone: not phone.e164))  # stable: order of the text
    if phones:
        return PhoneReading(PhoneVerdict(phones[0].quality.value), phones)
    return PhoneReading(answers[0][0])


_QUOTES = "\"'`´‘’“”„«»"


def _characters(raw: str) -> str:
    """Fold a text to plain characters: ASCII digits and dashes, no format or control characters, no wrapper."""
    if not (raw.isascii() and raw.isprintable()):
        raw = "".join(_plain(c) for c in unicodedata.normalize("NFKC", raw))
    text = raw.strip()
    text = text.removeprefix("=")  # a spreadsheet's way to keep leading zeros: ="050…"
    if "<" not in text:  # "Dana" <sip:…> needs its quotes
        text = text.strip(_QUOTES + " ")
    return f"+{text[:-1].strip()}" if text.endswith("+") and not text.startswith("+") else text


def _plain(c: str) -> str:
    if c == "\n":
        return c
    match unicodedata.category(c):
        case "Nd":
            return str(unicodedata.decimal(c))
        case "Pd":
            return "-"
        case "Cf" | "So" | "Mn" | "Cs" | "Co" | "Cn":
            return ""
        case "Cc" | "Zs" | "Zl" | "Zp":
            return "\n" if c in "\r\u2028\u2029" else " " if c.isspace() else ""
    return "-" if c == "\u2212" else c


_URI = re.compile(r"(?i)(?<![a-z])(sips?|tel):(?=\S)(.*)")
# Chat ids carry the international number without its plus.
_CHAT_HOSTS = frozenset({"c.us", "s.whatsapp.net"})


def _address_user(text: str) -> str:
    """Return the user part of a SIP or tel address or a chat id; other texts as they are."""
    if in_angles := re.search(r"<([^<>]*)>", text):  # "Dana" <sip:…>, "Dana" <0502345678>: a name before the address
        text = in_angles[1].strip()
    if uri := _URI.search(text):
        rest = _characters(unquote(uri[2]))
        if uri[1].casefold() == "tel":
            return _tel(rest)
        text = rest if "@" in rest else f"{rest}@"
    if "@" not in text:
        return text
    user, _, host = text.strip().partition("@")
    user = user.split(":")[0]
    if host.casefold() in _CHAT_HOSTS:
        return f"+{user.lstrip('+')}" if user.isdigit() else "-"
    if _says_withheld(user):
        return user
    # A user name with letters is a person or a device, not a vanity number.
    return "-" if re.search(r"[^\W\d_]", user.partition(";")[0]) else _tel(user)


def _tel(rest: str) -> str:
    """Keep of a tel URI what belongs to the number. Source: RFC 3966 section 3."""
    number, *parameters = rest.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "ext":
            number += f" ext {value}"
        elif name == "phone-context" and value.startswith("+") and not number.startswith("+"):
            number = value + re.sub(r"^0", "", number)
    return number


def _says_withheld(text: str) -> bool:
    if text.lstrip("+") in WITHHELD_KEYPAD:
        return True
    if any(c.isdigit() for c in text):
        return False
    words = re.findall(r"[^\W\d_]+", text.casefold())
    return not WITHHELD_WORDS.isdisjoint(words) or " ".join(words) in WITHHELD_PHRASES


_SCIENTIFIC = re.compile(r"(\d)[.,](\d{1,20})[eE]\+?(\d{1,2})")


def _spreadsheet(text: str) -> str | None:
    """Undo what a spreadsheet does to long numbers; None where it lost digits."""
    if whole := re.fullmatch(r"(\d{6,20})[.,]0+", text):
        return whole[1]
    scientific = _SCIENTIFIC.fullmatch(text)
    if not scientific:
        return text
    head, tail, power = scientific.groups()
    # 9.72501E+11 shows 6 of 12 digits: the rest is gone, and zeros in their place are another number.
    if len(tail.rstrip("0") or "0") < int(power) and len(tail) < int(power):
        return None
    try:
        value = Decimal(f"{head}.{tail}E{power}")
    except InvalidOperation:
        return None
    return str(int(value)) if value == value.to_integral_value() else None


_BRACKETED_WORDS = re.compile(r"[(\[{][^()\[\]{}]{0,200}?[^\W\d_][^()\[\]{}]{0,200}(?:[)\]}]|$)")
_SEPARATOR = re.compile(r"[;,/|&\n]+|(?<=\d)\s+(?=\+)|\s(?:or|and|lub|albo|או|или|أو)\s")


def _pieces(text: str) -> list[str]:
    """Split a cell into texts with one number each."""
    text = _BRACKETED_WORDS.sub(" ", re.sub(r"(?i);\s*ext\s*=", " ext ", text))
    parts = _SEPARATOR.split(text)
    marks = _SEPARATOR.findall(text)
    long = [i for i, part in enumerate(parts) if _digits(part) >= SHORTEST_NUMBER]
    if len(long) > 1:
        return [parts[i] for i in long[:MOST_NUMBERS_IN_A_CELL]]
    if not long or len(parts) == 1:
        return [_SEPARATOR.sub(" ", text)]
    [at] = long
    piece = parts[at]
    if at > 0 and marks[at - 1] == "/":  # 030/1234567: the area code
        return [f"{parts[at - 1]} {piece}"]
    if at + 1 < len(parts) and set(marks[at]) == {","} and re.fullmatch(r"\s*\d{1,6}\s*", parts[at + 1]):
        return [f"{piece} ext {parts[at + 1].strip()}"]  # a pause, then the extension
    return [piece]  # 9,050…: the outside line; 03-6123456/7: the line next to it


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


# --- From a piece to a number -----------------------------------------------------------------------------------

# Possessive, so that a long text of letters costs one pass.
_LABEL = re.compile(r"^(?:[^\W\d_]++[\s.'\"/:=-]*+)++(?=[+(\d*#])")
_HIDE_ID = re.compile(r"^(?:[*#]31[#*]|\*67)\s*(?=[+\d])")
_EXTENSION_WORD = re.compile(
    r"""(?ix) (?<=[\d)\s]) \s*
    (?: \b(?:extension|extn?|ext|int|internal|wew|wewn|wewnętrzny|ramal|anexo|durchwahl) \b[.:]?
      | x\.? | доб(?:авочный)?\b\.? | внутр?\b\.? | שלוחה | של['׳] | تحويلة | داخلي | \# )
    \s* [:.=-]? \s* (\d{1,7}) [\s.]* $"""
)
_TRAILING_WORDS = re.compile(r"[\s\-,.]+[^\W\d_].*$")
_VANITY = re.compile(r"\+?[\d\s().-]{3,}(?:[A-Za-z][\s.-]?){3,}\d{0,4}")


def _piece(text: str, context: PhoneContext, raw: str) -> _Answer:
    """Read a text that should hold one number."""
    text = _HIDE_ID.sub("", _LABEL.sub("", text.strip()))
    text, extension = _cut_extension(text)
    cut = _TRAILING_WORDS.sub("", text)
    if _digits(cut) >= SHORTEST_NUMBER:
        text = cut
    if any(c.isalpha() for c in text):
        spelled = _VANITY.fullmatch(text) and _digits(text) <= SHORTEST_NUMBER
        return _vanity(text, context, raw) if spelled else (PhoneVerdict.JUNK, None)
    return _number(text, extension, context, raw)


def _number(text: str, extension: str, context: PhoneContext, raw: str) -> _Answer:
    """Read a number without any words around it."""
    number = _bare(text)
    if number is None:
        return PhoneVerdict.JUNK, None
    spellings = _spellings(number, context)
    if "(0)" in text and number[0] == "+":
        spellings = chain(spellings, [number.replace("0", "", 1)])
    verdict = _no_subscriber(number, context)
    return (verdict, None) if verdict else _subscriber(number, spellings, extension, context, raw)


def _cut_extension(text: str) -> tuple[str, str]:
    found = _EXTENSION_WORD.search(text)
    if found and _digits(text[: found.start()]) >= SHORTEST_NUMBER - 2:
        return text[: found.start()], found[1]
    return text, ""


def _bare(text: str) -> str | None:
    """Return `+` and digits, or a star code as it is; None where other signs make it no number."""
    compact = re.sub(r"[^\d+*#]", "", text)
    if re.fullmatch(r"[*#]+\d{1,6}#?", compact):
        return compact
    compact = re.sub(r"^\++(?:00)?", "+", compact.rstrip("*#"))
    return compact if re.fullmatch(r"\+?\d{2,20}", compact) else None


def _no_subscriber(number: str, context: PhoneContext) -> PhoneVerdict | None:
    """Name the reason why a number is nobody's line outside, if there is one."""
    if number[0] in "*#" or number in WORLD_EMERGENCY:
        return PhoneVerdict.SHORT
    if set(number.lstrip("+")) == {"0"}:
        return PhoneVerdict.JUNK
    if number in WITHHELD_KEYPAD:
        return PhoneVerdict.WITHHELD
    return None if number[0] == "+" else _national_dead_end(number, context)


def _national_dead_end(number: str, context: PhoneContext) -> PhoneVerdict | None:
    if len(number) in context.extension_lengths:
        return PhoneVerdict.EXTENSION
    if context.region is None:
        return PhoneVerdict.EXTENSION if len(number) in USUAL_EXTENSION_LENGTHS else PhoneVerdict.NO_REGION
    return None


def _subscriber(number: str, spellings: Iterable[str], extension: str, context: PhoneContext, raw: str) -> _Answer:
    first: phonenumbers.PhoneNumber | None = None
    for parsed in (_parse(spelling, context.region) for spelling in spellings):
        if parsed is not None and (kind := phonenumbers.number_type(parsed)) != PhoneNumberType.UNKNOWN:
            return _found(parsed, kind, extension, context, raw)
        first = first or parsed
    if number[0] != "+" and len(number) in USUAL_EXTENSION_LENGTHS:
        return _short_or_extension(number, context.region), None
    if first is None or _all_same(first):
        return PhoneVerdict.JUNK, None
    if _plausible(first):
        return _found(first, PhoneNumberType.UNKNOWN, extension, context, raw)
    return PhoneVerdict.INVALID, None


def _spellings(number: str, context: PhoneContext) -> Iterator[str]:
    """Yield the ways to read a number, the plain one first; the first valid one counts."""
    yield number
    if number.startswith("+"):
        yield from _spellings_with_plus(number)
        return
    if number.startswith("00"):  # the exit code of most of the world, on a trunk whose country has another
        yield f"+{number[2:]}"
    for prefix in context.dial_prefixes:
        if prefix and number.startswith(prefix):
            yield re.sub("^00", "+", number[len(prefix) :])
    if 10 <= len(number) <= 15 and number[0] != "0":  # country code and number, plus left out
        yield f"+{number}"
    if number[0] == "0":  # Poland's trunk 0, gone since 2010, and its like
        yield number[1:]


def _spellings_with_plus(number: str) -> Iterator[str]:
    if number.startswith("+0"):  # an exchange put a plus before the national form
        yield number[1:]
    if number.startswith("+521"):  # Mexico's mobile 1, gone since 2019
        yield f"+52{number[4:]}"
    parsed = _parse(number, None)
    if parsed is not None and parsed.italian_leading_zero:  # +48 022…: not every country has a trunk zero
        yield f"+{parsed.country_code}{parsed.national_number}"


def _parse(number: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


def _vanity(text: str, context: PhoneContext, raw: str) -> _Answer:
    """Read 1-800-FLOWERS; nothing but a valid number, since any word can be spelled on a keypad."""
    parsed = _parse(text, context.region)
    kind = phonenumbers.number_type(parsed) if parsed is not None else PhoneNumberType.UNKNOWN
    if parsed is None or kind == PhoneNumberType.UNKNOWN:
        return PhoneVerdict.JUNK, None
    return _found(parsed, kind, "", context, raw)


def _found(parsed: phonenumbers.PhoneNumber, kind: int, extension: str, context: PhoneContext, raw: str) -> _Answer:
    """Say what was found; a number is valid that is of a kind that the library knows."""
    quality = PhoneQuality.VALID if kind != PhoneNumberType.UNKNOWN else PhoneQuality.POSSIBLE
    extension = extension or parsed.extension or ""
    parsed.extension = None
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if number in context.own_numbers:
        return PhoneVerdict.OWN, None
    return PhoneVerdict(quality.value), Phone(number, extension, _KINDS.get(kind, PhoneKind.OTHER), quality, raw)


def _short_or_extension(number: str, region: str | None) -> PhoneVerdict:
    parsed = _parse(number, region)
    if region and parsed and shortnumberinfo.is_valid_short_number_for_region(parsed, region):
        return PhoneVerdict.SHORT
    return PhoneVerdict.EXTENSION


def _all_same(parsed: phonenumbers.PhoneNumber) -> bool:
    return len(set(phonenumbers.national_significant_number(parsed))) <= 1


def _plausible(parsed: phonenumbers.PhoneNumber) -> bool:
    """Tell a number that could be assigned one day from one with a digit too many.

    The library calls every length possible that any service of the country has; so in plans with several lengths
    an example number must share length and first digit.
    """
    if not phonenumbers.is_possible_number(parsed):
        return False
    national = phonenumbers.national_significant_number(parsed)
    return (len(national), national[0]) in _example_shapes(parsed.country_code)


@lru_cache(maxsize=300)
def _example_shapes(country_code: int) -> frozenset[tuple[int, str]]:
    """Return length and first digit of the numbers that a country's numbering plan gives as examples."""
    shapes: set[tuple[int, str]] = set()
    for region in phonenumbers.region_codes_for_country_code(country_code):
        for kind in _KINDS:
            if example := phonenumbers.example_number_for_type(region, kind):
                national = phonenumbers.national_significant_number(example)
                shapes.add((len(national), national[0]))
    if len({length for length, _ in shapes}) == 1:  # one length for all: any first digit may come
        return frozenset((length, digit) for length, _ in shapes for digit in "0123456789")
    return frozenset(shapes)
