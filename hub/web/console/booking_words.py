"""What the pages of meetings say: how far a booking is, and why something cannot be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext
from flask_babel import gettext as _

from hub.errors import UserError
from hub.intake.trouble import Trouble
from hub.meetings.book import Stand
from hub.meetings.deliver import CALLED_OFF, CHANGED_MEANWHILE
from hub.meetings.models import BookingState
from hub.meetings.wishes import Verb
from hub.outbound.deliver import REMOVED
from hub.web.console import wording

# By the stable word of the error; what is not here stands in wording.py or web/errors.py.
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "no_title": lazy_gettext("Say what the meeting is about."),
        "no_time": lazy_gettext("Choose one of the times, or write one."),
        "slot_taken": lazy_gettext("This time was taken meanwhile. Choose another one."),
        "no_guest": lazy_gettext("There is nobody to invite: no e-mail address is known."),
        "bad_form": lazy_gettext("This form is damaged. Open the page again."),
        "no_calendar": lazy_gettext(
            "No calendar of this person can be written to. An administrator can connect one under Connections."
        ),
        "past": lazy_gettext("Nobody is told of what is over."),
        "too_long": lazy_gettext("The text is too long."),
        "bad_time": lazy_gettext("The end must be after the start."),
        "too_late": lazy_gettext("It is being written already. Call the meeting off instead."),
        "not_written": lazy_gettext("This meeting is in no calendar yet. Try it again or discard it first."),
        "older_than_connection": lazy_gettext("This was made before the calendar was connected."),
        "read_only": lazy_gettext("The hub may only read this calendar."),
        "cancelled": lazy_gettext("The meeting was called off."),
        "not_organiser": lazy_gettext("Only the organiser can change this meeting; ask whoever invited."),
        "series_day": lazy_gettext(
            "Of a whole series only the hour can be changed here. Move this time alone, or make a new series."
        ),
        "not_in_series": lazy_gettext("The series does not take place then."),
    }
)
# What a booking was refused for, where the sentence is the hub's own.
_REASONS: Mapping[str, LazyString] = MappingProxyType(
    {
        CHANGED_MEANWHILE: lazy_gettext("Somebody changed this meeting meanwhile. Look at it and try again."),
        CALLED_OFF: lazy_gettext("The meeting was called off meanwhile."),
        REMOVED: lazy_gettext("The connection was removed."),
    }
)
_WAITING: Mapping[Verb, LazyString] = MappingProxyType(
    {
        Verb.CREATE: lazy_gettext("The meeting is being written."),
        Verb.CHANGE: lazy_gettext("The change is being written."),
        Verb.CANCEL: lazy_gettext("The meeting is being called off."),
    }
)
_WRITTEN: Mapping[Verb, LazyString] = MappingProxyType(
    {
        Verb.CREATE: lazy_gettext("The meeting stands in the calendar."),
        Verb.CHANGE: lazy_gettext("The meeting was changed in the calendar."),
        Verb.CANCEL: lazy_gettext("The meeting was called off in the calendar."),
    }
)
_REFUSED: Mapping[Verb, LazyString] = MappingProxyType(
    {
        Verb.CREATE: lazy_gettext("The meeting was not written."),
        Verb.CHANGE: lazy_gettext("The change was not written."),
        Verb.CANCEL: lazy_gettext("The meeting was not called off."),
    }
)
_TROUBLES: Mapping[str, LazyString] = MappingProxyType(
    {
        Trouble.AUTH: lazy_gettext("The connection needs a person first. See Connections. Then it goes on by itself."),
        Trouble.SCOPE: lazy_gettext("The connection needs a permission first. See Connections."),
        Trouble.DISABLED: lazy_gettext("The calendar's administrator must switch something on. See Connections."),
        Trouble.AWAY: lazy_gettext("The calendar cannot be reached just now. It is tried again."),
        Trouble.LIMITED: lazy_gettext("The calendar wants us to wait a little. It is tried again."),
    }
)


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says of a booking: the matter in short, whose calendar, and what is in the way."""

    state: str
    whose: str
    more: str


def of_booking(stand: Stand, host: str) -> Words:
    """Say how far a booking is."""
    booking, verb = stand.booking, stand.wish.verb
    match booking.state:
        case BookingState.WAITING:
            return Words(str(_WAITING[verb]), host, str(_TROUBLES.get(stand.trouble, "")))
        case BookingState.WRITTEN:
            return Words(str(_WRITTEN[verb]), host, "")
        case BookingState.REFUSED:
            return Words(str(_REFUSED[verb]), host, reason(booking.why))
        case BookingState.UNDONE:
            return Words(_("It was taken back. Nobody was told."), host, "")
        case _:
            return Words(_("It was given up. The calendar stays as it is."), host, "")


def beside(verb: str, state: str) -> str:
    """Say beside a meeting of the timeline what of it is not written yet."""
    said = (_REFUSED if state == BookingState.REFUSED else _WAITING).get(Verb(verb))
    return str(said or "")


def reason(why: str) -> str:
    """Return why something was refused, in the reader's language where the words are ours."""
    known = _REASONS.get(why)
    return why if known is None else str(known)


def sentence(error: UserError) -> str:
    """Return what is wrong, in the reader's language as far as we have words for it."""
    known = _FAULTS.get(error.error_id)
    return wording.sentence(error) if known is None else str(known)
