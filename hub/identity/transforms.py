"""Transforms of mapping files that belong to identity: telephone numbers, addresses, names."""

from collections.abc import Mapping
from typing import Any

from hub.identity.email import read_email
from hub.identity.names import clean_name
from hub.identity.phone import PhoneContext, PhoneVerdict, read
from hub.mapping.transforms import Context, Function, text


def phone(value: Any, *, region: str | None = None, context: Context) -> str | None:
    """Read a telephone number as E.164 with the account's region; what is none stays as written.

    Source of the rule: a number that our tables do not know yet must not be lost.
    """
    found = phones(value, region=region, context=context)
    return found[0] if found else None


def phones(value: Any, *, region: str | None = None, context: Context) -> list[str]:
    """Read all telephone numbers in a cell."""
    written = text(value).strip()
    reading = read(written, PhoneContext(region=region or context.region))
    if reading.phones:
        return [f"{p.number};ext={p.extension}" if p.extension else p.number for p in reading.phones]
    nothing = {PhoneVerdict.JUNK, PhoneVerdict.WITHHELD}
    return [written] if written and reading.verdict not in nothing else []


def email(value: Any) -> str | None:
    """Read an e-mail address in its normal form; nothing where there is none."""
    found = read_email(text(value))
    return found.address if found else None


def name(value: Any) -> str | None:
    """Clean a name of control and direction characters; nothing for a placeholder."""
    return clean_name(text(value)) or None


TRANSFORMS: Mapping[str, Function] = {function.__name__: function for function in (phone, phones, email, name)}
