"""Numbers and amounts as people of several countries write them, exact. Pure."""

import math
import re
import unicodedata
from decimal import Decimal
from typing import Any

LONGEST = 60  # characters of a number as it is written
MOST_BEFORE, MOST_BEHIND = 18, 10  # digits before and behind the point
_LARGEST_EXACT = 2**53  # above this a float stands for several whole numbers
_WRITTEN = re.compile(r"([+-]?)(\d[\d ',.]*|[.,]\d+)(?:[eE]([+-]?\d{1,2}))?")
_GROUPED = re.compile(r"\d{1,3}(?:([ ',.])\d{3})(?:\1\d{3})*")


class NumberError(ValueError):
    """It is no number that is kept; `word` says why: no_number, unclear, too_large, too_fine."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def read(raw: Any, *, thousands: bool = False) -> Decimal:
    """Return the number that somebody wrote or a program sent, exact.

    The last of points and commas parts the decimals; spaces, apostrophes and what comes several times part the
    thousands. "1,234" alone can be either: it is refused.

    Args:
        raw: text, or a number; of a float, the 15 digits that it is sure of.
        thousands: there are no three decimals: then "1,234" is clear, and "1.234" is refused.

    Raises:
        NumberError: it is none, it is unclear which, or it is too large or too fine to be kept.
    """
    return _kept(_decimal(raw, thousands=thousands))


def _decimal(raw: Any, *, thousands: bool) -> Decimal:
    if isinstance(raw, str):
        return _written(raw, thousands=thousands)
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise NumberError("no_number")
    if isinstance(raw, int):
        if raw.bit_length() > 64:
            raise NumberError("too_large")
        return Decimal(raw)
    if isinstance(raw, Decimal):
        return raw
    if not math.isfinite(raw):
        raise NumberError("no_number")
    if abs(raw) > _LARGEST_EXACT:
        raise NumberError("too_large")
    return Decimal(format(raw, ".15g"))


def plain(text: str) -> str:
    """Return a text with the digits and signs of any script as plain ones: 0 to 9, comma, point, minus, space."""
    return "".join(_plain(c) for c in unicodedata.normalize("NFKC", text)).strip()


def _plain(c: str) -> str:
    if c.isdecimal():
        return str(unicodedata.decimal(c))
    match unicodedata.category(c):
        case "Cf":
            return ""
        case "Zs":
            return " "
        case "Pd":
            return "-"
    return {"\u2212": "-", "\u066b": ".", "\u066c": "'", "\u060c": ",", "\u2019": "'"}.get(c, c)


def _written(text: str, *, thousands: bool) -> Decimal:
    if len(text) > LONGEST:
        raise NumberError("no_number")
    found = _WRITTEN.fullmatch(plain(text))
    if found is None:
        raise NumberError("no_number")
    sign, digits, power = found.groups()
    whole, decimals = _parted(digits, thousands=thousands)
    return Decimal(f"{sign}{whole or 0}.{decimals or 0}" if decimals else f"{sign}{whole}").scaleb(int(power or 0))


def _parted(digits: str, *, thousands: bool) -> tuple[str, str]:
    """Return the digits before and behind the decimal sign."""
    signs = [c for c in digits if c in ",."]
    if len(set(signs)) == 2:
        whole, decimals = digits[: digits.rindex(signs[-1])], digits[digits.rindex(signs[-1]) + 1 :]
        return _together(whole), _only_digits(decimals)
    if len(signs) == 1:
        whole, _, decimals = digits.partition(signs[0])
        is_group = len(decimals) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"
        if is_group and thousands and signs[0] == ",":
            return _together(digits), ""
        if is_group and (thousands or signs[0] == ","):
            raise NumberError("unclear")
        return _together(whole), _only_digits(decimals)
    return _together(digits), ""


def _together(whole: str) -> str:
    if not whole or whole.isdecimal():
        return whole
    if not _GROUPED.fullmatch(whole):
        raise NumberError("no_number")
    return re.sub(r"\D", "", whole)


def _only_digits(decimals: str) -> str:
    if decimals and not decimals.isdecimal():
        raise NumberError("no_number")
    return decimals


def _kept(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise NumberError("no_number")
    if number and number.adjusted() >= MOST_BEFORE:
        raise NumberError("too_large")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    if not number:
        return Decimal(0)
    if -exponent > MOST_BEHIND:
        short = round(number, MOST_BEHIND)
        if short != number:
            raise NumberError("too_fine")
        return short.normalize()
    # Whole, however it was written; the zeros behind a point stay, because somebody wrote them.
    return number.quantize(Decimal(1)) if exponent > 0 else number
