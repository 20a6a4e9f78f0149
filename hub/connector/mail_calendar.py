"""Mails that a calendar program wrote: the meeting itself comes from the calendar, unless a person added words."""

import re
from collections.abc import Sequence

from hub.records.address import match_key
from hub.records.address import split_address as split
from hub.records.mail import Address

# RFC 5546 section 1.4.
METHODS = frozenset({"PUBLISH", "REQUEST", "REPLY", "ADD", "CANCEL", "REFRESH", "COUNTER", "DECLINECOUNTER"})
# Google names its program in Sender; the From line names the person whose calendar it is.
_PROGRAMS = frozenset({"calendar-notification@google.com", "calendar-server.bounces.google.com"})
_NO_WORDS = re.compile(r"[\W\d_]+")


def calendar_method(declared: str, content: str) -> str:
    """Return what a calendar part asks for; empty where it asks for nothing."""
    written = re.search(r"(?im)^METHOD[^:\n]{0,100}:[ \t]*([A-Z]{1,20})[ \t]*$", content[:20_000])
    method = (declared or (written[1] if written else "")).upper()
    return method if method in METHODS else ""


def is_notice(content: str, sender: Sequence[Address], text: str, *, answers: bool) -> bool:
    """Tell whether no person added a word to an invitation, answer or cancellation.

    A program repeats in the mail what the meeting's own text says (Outlook its description, word for word).
    """
    if any(match_key(a.address) in _PROGRAMS or _domain(a) in _PROGRAMS for a in sender):
        return True
    return not (answers and text.strip()) and not _adds_words(content, text)


def _domain(address: Address) -> str:
    found = split(address.address)
    return found[1] if found else ""


def _adds_words(content: str, text: str) -> bool:
    own = re.sub(r"\r?\n[ \t]", "", content)  # RFC 5545 section 3.1: long lines are folded
    said = set(_words(re.sub(r"\\[nN]", " ", own).replace("\\", "")))
    return any(len([w for w in _words(line) if w not in said]) > 1 for line in text.split("\n"))


def _words(line: str) -> list[str]:
    return [word for word in _NO_WORDS.sub(" ", line.casefold()).split() if len(word) > 1]
