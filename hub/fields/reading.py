"""How the values of each type are read. Pure; `value` is what the others call."""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from hub.fields import masks, numbers
from hub.fields.definitions import Field, Option
from hub.fields.models import Type
from hub.fields.numbers import NumberError
from hub.identity import phone as phones
from hub.identity.email import email_line
from hub.identity.phone import PhoneContext
from hub.mapping.transforms import FALSE_WORDS, TRUE_WORDS
from hub.records import money
from hub.records.address import ascii_domain

LONGEST_TEXT = 5_000
LONGEST_WORD = 500  # of everything but a text and a link
LONGEST_LINK = 2_000
MOST_CHOSEN = 200
_MOST_BITS = 4_000  # of a whole number that is written out: about 1,200 digits; Python refuses more than 4,300
BETWEEN = "; "  # several choices in one text
FIRST_YEAR, LAST_YEAR = 1000, 2999
NOTHING: Mapping[str, Any] = MappingProxyType({})

# Yes and no by the language of the page; all of them are understood, in any.
WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"en": ("yes", "no"), "he": ("כן", "לא"), "ar": ("نعم", "لا"), "pl": ("tak", "nie"), "ru": ("да", "нет")}
)
_YES = TRUE_WORDS | {yes for yes, _ in WORDS.values()}
_NO = FALSE_WORDS | {no for _, no in WORDS.values()}
_SYMBOLS = MappingProxyType(
    {"₪": "ILS", 'ש"ח': "ILS", "ש״ח": "ILS", "€": "EUR", "zł": "PLN", "£": "GBP", "₽": "RUB", "₴": "UAH", "$": "USD"}
)
_AMOUNT = re.compile(
    r"(?P<before>[^\d\s.,+-]{1,4}(?<!'))?\s*(?P<amount>[+-]?\s*[\d.,][\d.,' ]*)\s*(?P<behind>[^\d\s.,+-]{1,4})?"
)
_ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].{1,40})?")
_DAY = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})")
_MONTH_FIRST = frozenset({"US"})  # with slashes; elsewhere the day comes first
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_NO_SCHEME = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#].*)?")


class Wrong(Exception):  # noqa: N818 - `value` makes an error of it
    def __init__(self, word: str, text: str, **detail: str) -> None:
        super().__init__(text)
        self.word, self.text, self.detail = word, text, detail


# --- one type after the other -------------------------------------------------------------------------------------


class Given:
    """What came, with what is known beside it."""

    __slots__ = ("before", "chosen", "currency", "raw", "region")

    def __init__(self, raw: Any, region: str, currency: str, chosen: Mapping[str, Any], before: Any) -> None:
        self.raw, self.region, self.currency, self.chosen, self.before = raw, region, currency, chosen, before

    def line(self, most: int = LONGEST_WORD) -> str:
        """Return it as one line."""
        return " ".join(self.lines(most).split())

    def lines(self, most: int) -> str:
        """Return it as text without control and direction characters."""
        text = _as_text(self.raw, most)
        if len(text) > most:
            raise Wrong("too_long", f"it is longer than {most} characters", most=str(most))
        return text if text.isprintable() and text == text.strip() else _clean(text)


def _as_text(raw: Any, most: int) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int) and raw.bit_length() > _MOST_BITS:
        raise Wrong("too_long", f"it is longer than {most} characters", most=str(most))
    if isinstance(raw, int | Decimal):
        return str(raw)
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < 2**53 else repr(raw)
    if isinstance(raw, dt.date):  # also its child, datetime
        return raw.isoformat()
    raise Wrong("wrong_type", f"{_kind(raw)} does not go into it", kind=_kind(raw))


def _clean(text: str) -> str:
    flat = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = (c if c in "\n\t" else " " if unicodedata.category(c) == "Cc" else c for c in flat)
    return "".join(c for c in kept if unicodedata.category(c) not in {"Cf", "Cs"}).strip()


def _text(field: Field, given: Given) -> Any:
    if field.mask:
        return _masked(field, given.line(LONGEST_TEXT), given.region)
    return given.lines(LONGEST_TEXT)


def _masked(field: Field, text: str, region: str = "") -> str:
    try:
        return masks.fit(field.mask, field.pattern, text, region=region) if text else ""
    except masks.MaskError as error:
        example = masks.EXAMPLES.get(field.mask, field.pattern)
        raise Wrong(f"mask_{field.mask}", str(error), example=example) from None
    except masks.PatternError as error:  # it was checked when it was written; a newer engine may think otherwise
        raise Wrong("bad_pattern", f"its pattern cannot be used: {error}") from None


def _number(field: Field, given: Given) -> Any:
    try:
        value = numbers.read(given.raw)
    except NumberError as error:
        raise _no_number(error) from None
    return _masked(field, format(value, "f"))


def _no_number(error: NumberError) -> Wrong:
    said = {
        "unclear": "this may be thousands or decimals: write 1234 or 1.234",
        "too_large": "the number is too large",
        "too_fine": "the number has too many decimals",
    }
    return Wrong(error.word, said.get(error.word, "this is no number"))


def _money(_field: Field, given: Given) -> Any:
    amount, code = _amount_and_currency(given)
    code = _SYMBOLS.get(code, code).upper()
    if not code:
        raise Wrong("no_currency", "say in which currency, such as 12.50 EUR")
    try:
        places = money.exponent(code)
    except ValueError:
        raise Wrong("bad_currency", f"{code[:10]} is no currency", currency=code[:10]) from None
    try:
        # Decimal zeros that the currency does not have are no decimals: 5.000 ILS is 5.
        exact = money.quantize(numbers.read(amount, thousands=places != 3 and isinstance(amount, str)), code)
    except NumberError as error:
        raise _no_number(error) from None
    except ValueError as error:
        word = "too_large" if "larger" in str(error) else "too_fine"
        raise Wrong(word, str(error)) from None
    return {"amount": format(exact, "f"), "currency": code}


def _amount_and_currency(given: Given) -> tuple[Any, str]:
    raw = given.raw
    if isinstance(raw, Mapping):
        code = raw.get("currency") or given.currency
        if not isinstance(code, str) or set(map(str, raw)) - {"amount", "currency"} or raw.get("amount") is None:
            raise Wrong("no_money", "an amount has `amount` and `currency`")
        amount = raw["amount"]
        # What programs write is exact: a point parts the decimals, nothing else stands in it.
        return Decimal(amount) if isinstance(amount, str) and re.fullmatch(
            r"-?\d{1,20}(\.\d{1,10})?", amount
        ) else amount, code.strip()
    if isinstance(raw, list | tuple | dt.date):
        raise Wrong("wrong_type", f"{_kind(raw)} does not go into it", kind=_kind(raw))
    if not isinstance(raw, str):
        return raw, given.currency
    found = _AMOUNT.fullmatch(numbers.plain(given.line(100)))
    if found is None or (found["before"] and found["behind"]):
        raise Wrong("no_money", "this is no amount, such as 12.50 EUR")
    code = found["before"] or found["behind"] or given.currency
    return found["amount"].replace("- ", "-").replace("+ ", "+"), code


def _date(_field: Field, given: Given) -> Any:
    raw = given.raw
    if isinstance(raw, dt.date):  # of a time, the day as it is written
        day = dt.date(raw.year, raw.month, raw.day)
    else:
        if not isinstance(raw, str):
            raise Wrong("no_date", "this is no day, such as 2026-11-23")
        day = _day(numbers.plain(given.line()), given.region)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Wrong("no_date", f"the year is not between {FIRST_YEAR} and {LAST_YEAR}")
    return day.isoformat()


def _day(written: str, region: str) -> dt.date:
    try:
        if iso := _ISO_DAY.fullmatch(written):
            if len(written) > 10:
                dt.datetime.fromisoformat(written)  # a time must be one, too
            return dt.date(int(iso[1]), int(iso[2]), int(iso[3]))
        if found := _DAY.fullmatch(written):
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            day, month = (second, first) if found[2] == "/" and region.upper() in _MONTH_FIRST else (first, second)
            return dt.date(year, month, day)
    except ValueError:
        pass  # there is no such day, as of what is no day at all
    raise Wrong("no_date", "this is no day, such as 2026-11-23")


def _choice(field: Field, given: Given) -> Any:
    return _chosen(field, given, given.line()).value


def _choices(field: Field, given: Given) -> Any:
    wanted = _listed(field, given)
    if len(wanted) > MOST_CHOSEN:
        raise Wrong("too_many", f"these are more than {MOST_CHOSEN}", most=str(MOST_CHOSEN))
    found = {_chosen(field, given, one).value for one in wanted}
    return [one.value for one in field.options if one.value in found]


def _listed(field: Field, given: Given) -> list[str]:
    if isinstance(given.raw, list | tuple):
        if len(given.raw) > 2 * MOST_CHOSEN:  # with what is nothing among them
            raise Wrong("too_many", f"these are more than {MOST_CHOSEN}", most=str(MOST_CHOSEN))
        many = [Given(one, "", "", NOTHING, None) for one in given.raw if not is_nothing(one)]
        return [text for one in many if (text := one.line())]
    line = given.line(LONGEST_TEXT)
    if any(_same(line, one) for one in field.options):
        return [line]
    return [part for one in line.split(BETWEEN.strip()) if (part := one.strip())]


def _chosen(field: Field, given: Given, word: str) -> Option:
    """Return the option of a value or of a label in any language; of several, that which can be chosen here."""
    kept = _kept(given.before)
    found = [one for one in field.options if one.value == word] or [one for one in field.options if _same(word, one)]
    if not found:
        raise Wrong("no_option", f"{word[:60]!r} is not in the list", option=word[:60])
    usable = [one for one in found if not one.is_archived] or [one for one in found if one.value in kept]
    if not usable:
        raise Wrong("archived_option", f"{word[:60]!r} can be chosen no more", option=word[:60])
    parent = given.chosen.get(field.parent) if field.parent else None
    going = [one for one in usable if not field.parent or one.is_for(str(parent or ""))]
    if not going:
        said = f"{word[:60]!r} does not go with {str(parent)[:60]!r} of {field.parent}"
        nothing = f"{word[:60]!r} goes with some of {field.parent} only, which is empty"
        raise Wrong(
            "other_parent" if parent else "no_parent",
            said if parent else nothing,
            option=word[:60],
            parent=field.parent,
        )
    if len(going) > 1:
        raise Wrong("unclear_option", f"several entries are called {word[:60]!r}", option=word[:60])
    return going[0]


def _same(word: str, option: Option) -> bool:
    wanted = folded(word)
    return any(folded(one) == wanted for one in (option.value, *option.labels.values()))


@lru_cache(maxsize=20_000)  # the words of long lists are compared with every record
def folded(word: str) -> str:
    """Return what words share that differ only in case, width and white space."""
    return " ".join(unicodedata.normalize("NFKC", word).casefold().split())


def _kept(before: Any) -> Sequence[str]:
    return [str(one) for one in before] if isinstance(before, list) else [] if before is None else [str(before)]


def _boolean(_field: Field, given: Given) -> Any:
    if isinstance(given.raw, bool):
        return given.raw
    if isinstance(given.raw, int | float | Decimal | str):
        word = folded(given.line())
        if word in _YES | _NO:
            return word in _YES
    raise Wrong("no_boolean", "this is neither yes nor no")


def _phone(field: Field, given: Given) -> Any:
    line = given.line(phones.LONGEST_CELL)
    reading = phones.read(line, PhoneContext(region=given.region or None))
    valid = [one for one in reading.phones if one.e164]
    if len(valid) > 1:
        raise Wrong("several_phones", "these are several telephone numbers")
    if not valid:
        if reading.verdict is phones.PhoneVerdict.NO_REGION:
            raise Wrong("no_region", "write the number with its country code, such as +48 22 123 45 67")
        raise Wrong("no_phone", "this is no telephone number")
    [one] = valid
    return _masked(field, f"{one.e164};ext={one.extension}" if one.extension else one.e164)


def _email(field: Field, given: Given) -> Any:
    found = email_line(given.line())
    if not found:
        raise Wrong("no_email", "this is no e-mail address")
    return _masked(field, found)


def _link(field: Field, given: Given) -> Any:
    line = given.lines(LONGEST_LINK)
    wrong = Wrong("no_link", "this is no address of a page, such as https://example.com")
    if re.search(r"[\s\\<>\"'`{}|^]", line):
        raise wrong
    if _NO_SCHEME.fullmatch(line):
        line = f"https://{line}"
    try:
        parts = urlsplit(line)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise wrong
    place = _place(host)
    if not place:
        raise wrong
    netloc = place if port is None else f"{place}:{port}"
    return _masked(field, parts._replace(netloc=netloc).geturl())


def _place(host: str) -> str:
    """Return a host as the name system knows it, or an address of the network; empty for what is neither."""
    try:
        address = ip_address(host)
    except ValueError:
        name = ascii_domain(host)
        return name if _HOST.fullmatch(name) else ""
    return f"[{address}]" if address.version == 6 else str(address)


READERS: Mapping[str, Callable[[Field, Given], Any]] = MappingProxyType(
    {
        Type.TEXT: _text,
        Type.NUMBER: _number,
        Type.MONEY: _money,
        Type.DATE: _date,
        Type.CHOICE: _choice,
        Type.CHOICES: _choices,
        Type.BOOLEAN: _boolean,
        Type.PHONE: _phone,
        Type.EMAIL: _email,
        Type.LINK: _link,
    }
)


# --- small change ---------------------------------------------------------------------------------------------------


def is_nothing(raw: Any) -> bool:
    if raw is None:
        return True
    if isinstance(raw, str):
        return not raw or raw.isspace() or (len(raw) <= LONGEST_TEXT and not raw.isprintable() and not _clean(raw))
    if isinstance(raw, list | tuple):
        return len(raw) <= 2 * MOST_CHOSEN and all(
            one is None or (isinstance(one, str) and is_nothing(one)) for one in raw
        )
    return isinstance(raw, Mapping) and (
        not raw or (set(raw) <= {"amount", "currency"} and is_nothing(raw.get("amount")))
    )


def _kind(raw: Any) -> str:
    if isinstance(raw, Mapping):
        return "an object"
    return "a list" if isinstance(raw, list | tuple) else type(raw).__name__
