"""Masks: what a whole text must look like, by a word for what has its own rule, or by an administrator's pattern.

The rules of numbers are python-stdnum's; each of its modules names its source. Patterns are RE2's, whose time grows with
the text and never explodes (https://github.com/google/re2/wiki/Syntax): there is no looking around and no
back-reference, and a pattern that would need much memory is refused when it is written.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import re2
from stdnum import iban
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.il import hp, idnr
from stdnum.pl import nip, pesel, regon

from hub.fields.models import Type
from hub.identity.email import email_line
from hub.identity.phone import line as phone_line

LONGEST_PATTERN = 500
LONGEST = 1_000  # characters that a mask looks at
_MEMORY = 1 << 18  # bytes of a compiled pattern: some ten thousand steps, a letter of the text takes microseconds


class Mask(StrEnum):
    """The words for masks."""

    PHONE = "phone"
    EMAIL = "email"
    IBAN = "iban"
    IL_COMPANY = "il_company"
    IL_IDENTITY = "il_identity"
    PL_NIP = "pl_nip"
    PL_REGON = "pl_regon"
    PL_PESEL = "pl_pesel"
    EU_VAT = "eu_vat"
    PATTERN = "pattern"


# The types that can have a mask: of a text any, of others what is written can be narrowed by a pattern.
_NARROWED = (Type.NUMBER, Type.PHONE, Type.EMAIL, Type.LINK)
OF_TYPE: Mapping[str, tuple[Mask, ...]] = MappingProxyType(
    {Type.TEXT: tuple(Mask), **dict.fromkeys(_NARROWED, (Mask.PATTERN,))}
)
# What fits, to be shown beside the field. The numbers follow their rules and are nobody's.
EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        Mask.PHONE: "+972 50 234 5678",
        Mask.EMAIL: "dana@example.com",
        Mask.IBAN: "GB82 WEST 1234 5698 7654 32",
        Mask.IL_COMPANY: "516179157",
        Mask.IL_IDENTITY: "3933742-3",
        Mask.PL_NIP: "856-734-62-15",
        Mask.PL_REGON: "192598184",
        Mask.PL_PESEL: "44051401359",
        Mask.EU_VAT: "BE 0403.019.261",
    }
)
_SIGNS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)  # an escaped sign, a class, a bracket
_RULES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        Mask.IBAN: iban.validate,
        Mask.IL_COMPANY: hp.validate,
        Mask.IL_IDENTITY: idnr.validate,
        Mask.PL_NIP: nip.validate,
        Mask.PL_REGON: regon.validate,
        Mask.PL_PESEL: pesel.validate,
        Mask.EU_VAT: eu_vat.validate,
    }
)


class PatternError(ValueError):
    """A pattern that cannot be used. `what` is the mistake, `at` its place, counted from 1; 0: it is all of it."""

    def __init__(self, text: str, at: int = 0) -> None:
        super().__init__(f"{text} (character {at})" if at else text)
        self.what, self.at = text, at


class MaskError(ValueError):
    """A text that its mask does not let through."""


def fit(mask: str, pattern: str, text: str, *, region: str = "") -> str:
    """Return a text in the form that its mask gives it; without a mask, or with a pattern, as it is.

    Args:
        region: ISO 3166 country of telephone numbers that are written without one.

    Raises:
        MaskError: it does not fit.
    """
    if not mask:
        return text
    if len(text) > LONGEST:
        raise MaskError(f"it is longer than {LONGEST} characters")
    if mask == Mask.PATTERN:
        if not matches(pattern, text):
            raise MaskError("it does not fit the pattern")
        return text
    found = _ruled(mask, text, region)
    if not found:
        raise MaskError(f"it is no valid {mask}")
    return found


def matches(pattern: str, text: str) -> bool:
    """Say whether the whole text fits a pattern.

    Raises:
        PatternError: there is something wrong with the pattern.
    """
    return compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=500)
def compiled(pattern: str) -> Any:
    """Return a pattern ready to be used.

    Raises:
        PatternError: it cannot be read, is too long or would need too much memory; says where.
    """
    if not pattern:
        raise PatternError("the pattern is empty")
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"the pattern is longer than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise _explained(pattern, error) from None
    except UnicodeEncodeError as error:
        raise PatternError("this is no character", error.start + 1) from None


def _explained(pattern: str, error: Exception) -> PatternError:
    """Say where the mistake is: RE2 names the piece that it cannot read, of brackets all of the pattern."""
    said = error.args[0]
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    what, _, piece = text.partition(": ")
    if piece == pattern and what in {"missing )", "unexpected )"}:
        return PatternError(what, _odd_bracket(pattern))
    if what.startswith("trailing"):
        return PatternError(what, len(pattern))
    return PatternError(f"{what}: {piece}" if piece else what, pattern.find(piece) + 1 if piece else 0)


def _odd_bracket(pattern: str) -> int:
    """Return the place, from 1, of the first bracket without its other one; 0 where there is none."""
    opened: list[int] = []
    for found in _SIGNS.finditer(pattern):
        if found[0] == "(":
            opened.append(found.start() + 1)
        elif found[0] == ")" and opened:
            opened.pop()
        elif found[0] == ")":
            return found.start() + 1
    return opened[-1] if opened else 0


def _ruled(mask: str, text: str, region: str) -> str:
    if mask == Mask.PHONE:
        return phone_line(text, region or None)
    if mask == Mask.EMAIL:
        return email_line(text)
    try:
        return str(_RULES[mask](_plain(text)))
    except (KeyError, ValidationError):
        return ""


def _plain(text: str) -> str:
    """Return letters and digits of any script's width as plain ones, dashes as dashes."""
    folded = (
        str(unicodedata.digit(c)) if c.isdigit() else "-" if unicodedata.category(c) == "Pd" else c
        for c in unicodedata.normalize("NFKC", text)
        if unicodedata.category(c) != "Cf"
    )
    return "".join(folded).strip()
