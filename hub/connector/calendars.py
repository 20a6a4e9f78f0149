"""Calendars of a mailbox, as every remote that has them names its streams and lets them be written to."""

from typing import Protocol

from hub.errors import RejectedError

RECORDS = "calendar"
USUAL = "primary"  # the mailbox's own


class Settings(Protocol):
    """What the settings of an account say of calendars."""

    @property
    def calendar(self) -> bool: ...

    @property
    def wanted_mailboxes(self) -> tuple[str, ...]: ...

    @property
    def calendars_written(self) -> tuple[str, ...]: ...


def key_of(mailbox: str, calendar: str) -> str:
    """Return the key of a calendar's stream, which is also the name of its records."""
    return f"{RECORDS}:{mailbox}:{calendar}"


def title_of(mailbox: str, calendar: str) -> str:
    """Return what the administrator reads."""
    whose = "" if calendar == USUAL else f" {calendar}"
    return f"Calendar{whose} of {mailbox}" if mailbox else f"Calendar{whose}"


def written_to(settings: Settings, mailbox: str, records: str) -> str:
    """Return to which calendar of a mailbox records are written.

    Raises:
        RejectedError: the settings do not let the hub write there.
    """
    calendar = records.partition(":")[2].partition(":")[2]
    known = settings.calendar and mailbox in settings.wanted_mailboxes
    if not known or calendar not in settings.calendars_written:
        raise RejectedError(f"The settings of this connection let nobody write to the calendar {calendar}.")
    return calendar
