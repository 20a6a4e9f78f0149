"""Ids as Exchange makes them: long, in an alphabet in which upper and lower case are different letters.

Source: https://learn.microsoft.com/graph/outlook-immutable-id
"""

import base64
import hashlib


def regular(*facts: object) -> str:
    """The id of an item in one place; it gets another one where it is moved to."""
    return f"AAMk{_letters('regular', *facts)}AAA="


def immutable(*facts: object) -> str:
    """The id of an item that stays while it is in the mailbox."""
    return f"AAkALgAAAAAA{_letters('immutable', *facts)}"


def folder(*facts: object) -> str:
    """The id of a container: it stays."""
    return f"AAMk{_letters('folder', *facts)}AAEOAAA="


def change_key(*facts: object) -> str:
    """The name of one state of an item."""
    return f"EQAAABYAAAB{_letters('state', *facts)[:20]}"


def twin(known: str) -> str:
    """An id that differs from another one in the case of one letter."""
    at = next(number for number in range(12, len(known)) if known[number].isalpha())
    return known[:at] + known[at].swapcase() + known[at + 1 :]


def _letters(*facts: object) -> str:
    digest = hashlib.sha256("\n".join(str(one) for one in facts).encode()).digest()
    return base64.urlsafe_b64encode(digest[:30]).decode()
