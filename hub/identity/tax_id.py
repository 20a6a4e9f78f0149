"""Tax ids: one spelling of each, the country that gave it, and whether its own rule says that it can be one.

A country's VAT number stands for the company; where a country gives several kinds of numbers, those of one kind can be
compared and others say nothing of each other. A number that fails its country's rule, or whose country nobody says, is kept
and found as it is written, and identifies nobody.

Source of the countries' rules: python-stdnum, each module names its own.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol

from phonenumbers import SUPPORTED_REGIONS
from stdnum import get_cc_module
from stdnum.exceptions import ValidationError

KIND = "tax_id"  # of such an identifier
LONGEST_RAW = 100
SHORTEST, LONGEST = 5, 20
_COUNTRIES = frozenset(SUPPORTED_REGIONS)
_OTHER_LETTERS = {"EL": "GR", "UK": "GB", "XI": "GB"}  # Greece; Northern Ireland has the numbers of Great Britain
# Where a country's own number is not what stdnum calls its VAT number, or people have one of another kind (that is named):
# a Swiss and a Norwegian number is the same with and without the word for VAT behind it.
_RULES = {
    "BR": (("cnpj", ""), ("cpf", "cpf")),
    "CH": (("uid", ""),),
    "IL": (("hp", ""), ("idnr", "")),
    "IT": (("iva", ""), ("codicefiscale", "codicefiscale")),
    "NO": (("orgnr", ""),),
    "PL": (("nip", ""), ("pesel", "pesel")),
    "US": (("tin", ""),),
}
_WORD_BEHIND = {"CH": re.compile("(?:MWST|TVA|IVA|VAT)$"), "NO": re.compile("MVA$")}
_WORDS_IN_FRONT = frozenset({"ID", "NO", "CF"})  # "VAT ID", "Tax No", "C.F.": countries, too
_GLUED_WORD = re.compile(r"^(?:NIP|VAT|TIN|INN|EIN|ABN|TVA|BTW|CIF|NIF|UID|PIVA)(?=\d)")
# Mexico: anybody, and any foreigner. Source: SAT, RFC generico.
_NOBODY = frozenset({"XAXX010101000", "XEXX010101000"})
_COUNTED = ("01234567890123456789", "98765432109876543210")


class _Rule(Protocol):
    """A module of stdnum."""

    def validate(self, number: str) -> str: ...


@dataclass(frozen=True, slots=True)
class TaxId:
    """A tax id: `country` ISO 3166 (empty: nobody says it) and `value` without the country's letters.

    `is_valid`: its country has a rule and it fits, or it has none and the country is said beside the number.
    """

    raw: str
    country: str
    value: str
    is_valid: bool
    family: str = ""  # the kind of number among those of its country

    @property
    def key(self) -> str:
        """What it is stored, matched and found by: the country's letters and the number."""
        return f"{self.country}{self.value}"

    @property
    def scope(self) -> str:
        """Within this an owner has one number only."""
        return f"{self.country}/{self.family}" if self.family else self.country


def read(raw: str, country: str = "", home: str = "") -> TaxId | None:
    """Read a tax id as somebody wrote it; None for what is none: words, placeholders, a lonely country code.

    Letters of a country in front of it count where its rule fits, else the country that is said beside it.

    Args:
        raw: with any spaces, dots, dashes, slashes and words around it.
        country: ISO 3166, as the source says it beside the number; may be empty.
        home: where numbers without a country are from; it counts only where its rule fits.
    """
    return _read(raw, _iso(country), _iso(home)) if len(raw) <= LONGEST_RAW else None


def typed(raw: str, home: str) -> TaxId | None:
    """Read a tax id as a person typed it: there, the letters in front are the country that is said."""
    found = read(raw, home=home)
    return read(raw, found.country, home) if found and found.country and not found.is_valid else found


def of_key(key: str) -> TaxId:
    """Return the tax id of a stored key. One from before keys had countries is no country's."""
    country = key[:2] if key[:2] in _COUNTRIES else ""
    # With its country's letters in front a number may have too many letters; without them it may lose its own.
    read_again = (read(one, country) for one in (key, key[2:]) if country)
    found = next((one for one in read_again if one is not None and one.key == key), None)
    return found or TaxId(key, "", key, is_valid=False)


@lru_cache(maxsize=20_000)
def _read(raw: str, country: str, home: str) -> TaxId | None:
    forms = _forms(raw)
    if any(_is_placeholder(form) for form in forms):
        return None
    for form in forms:
        prefix, rest = _split(form)
        said = [(prefix, rest), (country, form), (country, rest if prefix in {country, *_WORDS_IN_FRONT} else "")]
        for where, value in said:
            if found := _by_rule(raw, where, value):
                return found
    for form in forms:
        if (found := _by_rule(raw, home, form)) and len(found.value) == len(form):  # no zeros are added on a guess
            return found
    return _kept(raw, forms[0], country) if forms else None


def _forms(raw: str) -> list[str]:
    """Return the letters and digits of what is written: without the words around it, and all of it."""
    text = unicodedata.normalize("NFKC", raw).upper()
    text = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in text if unicodedata.category(c) != "Cf")
    words = re.findall(r"[0-9A-Z]+", text)
    with_digits = [place for place, word in enumerate(words) if any(map(str.isdigit, word))]
    if not with_digits:
        return []
    first, last = with_digits[0], with_digits[-1]
    letters = words[first - 1] if first else ""
    front = letters if _country_of(letters) or letters in {"ATU", "CHE"} else ""
    behind = [word for word in words[last + 1 :] if len(word) < 3]  # its last letters
    trimmed = _GLUED_WORD.sub("", "".join((front, *words[first : last + 1], *behind)))
    return [
        form
        for form in dict.fromkeys((trimmed, "".join(words)))
        if SHORTEST <= len(form) <= LONGEST + 2 and not re.search("[A-Z]{7}", form)
    ]


def _is_placeholder(form: str) -> bool:
    value = _split(form)[1]
    return len(set(value)) == 1 or form in _NOBODY or any(value in counted for counted in _COUNTED)


def _split(form: str) -> tuple[str, str]:
    """Return the country whose letters are in front, and what follows."""
    country = _country_of(form[:2])
    return (country, form[2:]) if country else ("", form)


def _country_of(letters: str) -> str:
    country = _OTHER_LETTERS.get(letters, letters)
    return country if country in _COUNTRIES else ""


def _iso(country: str) -> str:
    return _country_of(country.strip().upper()) if country else ""


def _by_rule(raw: str, country: str, value: str) -> TaxId | None:
    """Return the number if the country has a rule and it fits."""
    if not SHORTEST <= len(value) <= LONGEST:
        return None
    if country in _WORD_BEHIND:
        value = _WORD_BEHIND[country].sub("", value)
    if country == "CH":
        value = f"CHE{value.removeprefix('CH').removeprefix('E')}"
    for rule, family in _rules(country):
        try:
            exact = str(rule.validate(value))
        except ValidationError:
            continue
        exact = exact.removeprefix("CHE") if country == "CH" else exact.removeprefix(country)
        return None if _is_placeholder(exact) else TaxId(raw, country, exact, is_valid=True, family=family)
    return None


@cache
def _rules(country: str) -> tuple[tuple[_Rule, str], ...]:
    named = _RULES.get(country, (("vat", ""),)) if country else ()
    found = ((get_cc_module(country.lower(), name), family) for name, family in named)
    return tuple((rule, family) for rule, family in found if rule is not None)


def _kept(raw: str, form: str, country: str) -> TaxId | None:
    """Return a number that no rule vouches for."""
    prefix, rest = _split(form)
    where = country or prefix
    value = rest if prefix == where else form
    if not SHORTEST <= len(value) <= LONGEST or _is_placeholder(value):
        return None
    is_plausible = bool(country) and not _rules(country) and 2 * sum(map(str.isdigit, value)) >= len(value)
    return TaxId(raw, where, value, is_valid=is_plausible, family=str(len(value)) if is_plausible else "")
