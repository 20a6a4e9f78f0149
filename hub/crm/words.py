"""What a copy in a CRM is called, and its text, in the hub's language: for people who read it there, not here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from gettext import NullTranslations
from typing import Any

from hub.records.call import Outcome
from hub.timeline.models import Kind

LONGEST_TEXT = 20_000
LONGEST_TITLE = 200


def hidden(kind: str, catalog: NullTranslations) -> str:
    """Return what is said of something whose words not everybody here sees."""
    return {
        Kind.EMAIL: catalog.gettext("E-mail"),
        Kind.MEETING: catalog.gettext("Meeting"),
        Kind.MESSAGE: catalog.gettext("Message"),
        Kind.NOTE: catalog.gettext("Note"),
    }.get(Kind(kind), catalog.gettext("Conversation"))


def call(direction: str, outcome: str, talk_s: float, catalog: NullTranslations) -> str:
    """Return what a call was: which way it went, what came of it, how long they talked."""
    if direction == "outbound":
        way = catalog.gettext("Outgoing call")
    elif direction == "inbound":
        way = catalog.gettext("Incoming call")
    else:
        way = catalog.gettext("Call")
    match outcome:
        case Outcome.ANSWERED:
            return f"{way}, {int(talk_s) // 60}:{int(talk_s) % 60:02}"
        case Outcome.MISSED | Outcome.ABANDONED if direction == "inbound":
            return catalog.gettext("Missed call")
        case Outcome.VOICEMAIL:
            return f"{way}, {catalog.gettext('voicemail')}"
        case Outcome.BUSY:
            return f"{way}, {catalog.gettext('busy')}"
        case Outcome.LOST:
            return way
        case _:
            return f"{way}, {catalog.gettext('not answered')}"


def mail(subject: str, catalog: NullTranslations) -> str:
    """Return the subject of a mail, or that it has none."""
    return line(subject) or catalog.gettext("E-mail without a subject")


def meeting(title: str, *, is_cancelled: bool, catalog: NullTranslations) -> str:
    """Return what a meeting is called."""
    title = line(title) or catalog.gettext("Meeting")
    return catalog.gettext("Cancelled: %(title)s") % {"title": title} if is_cancelled else title


def money(summary: str, detail: Mapping[str, Any]) -> str:
    """Return which document or payment it is, and how much."""
    amount = detail.get("gross") or detail.get("amount")
    return line(f"{summary} · {amount} {detail.get('currency') or ''}" if amount else summary)


def meeting_text(detail: Mapping[str, Any]) -> str:
    """Return where a meeting is and what was said of it."""
    return text([str(detail.get("location") or ""), str(detail.get("description") or "")])


def answers(told: Sequence[tuple[str, str]]) -> str:
    """Return what a lead answered."""
    return text([f"{question}: {answer}" for question, answer in told if answer], between="\n")


def text(parts: Sequence[str], *, between: str = "\n\n") -> str:
    """Return parts of a text that say something, together."""
    said = (one.replace("\x00", "").replace("\r\n", "\n").strip() for one in parts)
    return between.join(one for one in said if one)[:LONGEST_TEXT]


def line(words: str) -> str:
    """Return words as one line."""
    return " ".join(words.replace("\x00", "").split())[:LONGEST_TITLE]


def moment(at: datetime | None) -> str | None:
    """Return a moment as writers take it."""
    return at.isoformat() if at else None
