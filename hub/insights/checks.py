"""Whether a kept value is valid by the rules of its field as they are now: masks, lists and types may have changed. Pure.

A telephone number of a field is looked at by its form alone: that there is such a number was found when it was kept, and
the numbering plan of every country is twenty times slower than all other rules.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from hub.fields import masks, value
from hub.fields.definitions import Field
from hub.fields.models import Type
from hub.fields.value import FieldValueError
from hub.identity import phone

Judge = Callable[[str, str], bool]  # the value and that of the field it depends on, each as `Measure.raw` has it
# Source: ITU-T E.164, 6.2.1, at most 15 digits; behind it an extension, as RFC 3966 writes it.
_E164 = re.compile(r"\+[1-9]\d{6,14}(;ext=\d{1,20})?")
_A_LEAP_YEAR = "2000"  # of birthdays that say none
# As the hub itself writes values, in JSON: what looks so is valid, of anything else its field is asked. Most values do.
_USUAL: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        Type.NUMBER: re.compile(r'"-?\d{1,15}(\.\d{1,6})?"'),
        Type.DATE: re.compile(r'"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"'),
        Type.EMAIL: re.compile(
            r'"[a-z0-9]{1,20}([._][a-z0-9]{1,20}){0,2}@[a-z0-9]{1,30}(-[a-z0-9]{1,30})?\.[a-z]{2,3}"'
        ),
        Type.LINK: re.compile(r'"https?://([a-z0-9]{1,30}\.){1,3}[a-z]{2,6}(/[A-Za-z0-9._/-]{0,100})?"'),
    }
)
_LISTS = frozenset({Type.CHOICE, Type.CHOICES})
# Whatever stands there as text, or as yes or no, is valid: the database itself sees that.
PLAIN = frozenset({Type.TEXT, Type.BOOLEAN})


def is_plain(field: Field) -> bool:
    """Say whether there is nothing to check but the type."""
    return field.type in PLAIN and not field.mask


def of_field(field: Field) -> Judge:
    """Return what judges values of a field; each comes as JSON."""
    usual = None if field.mask else _USUAL.get(field.type)

    def is_valid(raw: str, parent: str) -> bool:
        if usual is not None and usual.fullmatch(raw):
            return True
        try:
            kept = json.loads(raw)
            chosen = {field.parent: json.loads(parent)} if field.parent and parent else {}
        except ValueError:
            return False
        return _is_phone(field, kept) if field.type == Type.PHONE else _fits(field, kept, chosen)

    return is_valid


def _is_phone(field: Field, kept: Any) -> bool:
    if not isinstance(kept, str) or not _E164.fullmatch(kept):
        return False
    try:
        return bool(masks.fit(field.mask, field.pattern, kept))
    except (masks.MaskError, masks.PatternError):
        return False


def _fits(field: Field, kept: Any, chosen: dict[str, Any]) -> bool:
    """Read a value again. An archived entry of a list counts no more, and neither does a label instead of a value."""
    try:
        found = value.read(field, kept, chosen=chosen)
    except FieldValueError:
        return False
    if field.type not in _LISTS:
        return found is not None
    return bool(found == kept or (isinstance(kept, list) and sorted(map(str, kept)) == sorted(found)))


def is_birthday(raw: str, _parent: str) -> bool:
    """Say whether there is such a day; `raw` is JSON, the year may be missing ("--05-17")."""
    try:
        said = json.loads(raw)
        date.fromisoformat(_A_LEAP_YEAR + said[1:] if said.startswith("--") else said)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


@cache
def _anywhere() -> phone.PhoneContext:
    return phone.PhoneContext()


def is_phone(raw: str, _parent: str) -> bool:
    """Say whether a number, as `Phone.key` writes it, is one that somebody can have: others are only possible."""
    return any(one.e164 for one in phone.normalise(raw, _anywhere()))
