"""Cells of tables that spreadsheets open: no text that one of them would run as a formula."""

import re
from datetime import date, datetime
from decimal import Decimal

MARK = "\ufeff"  # by which spreadsheets know UTF-8
# What begins a formula; the wide ones count as the same in some. Source: OWASP, CSV Injection.
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def harmless(value: object) -> str:
    """Return the text of a cell; what would be read as a formula and is no plain number gets an apostrophe before it."""
    text = _text(value)
    bare = text.lstrip(" \u00a0")
    return f"'{text}" if bare.startswith(_RISKY) and not _NUMBER.fullmatch(text) else text


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat(timespec="seconds")
        case date():
            return value.isoformat()
    return str(value).replace("\0", "")
