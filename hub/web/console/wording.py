"""What the agent's pages call things: kinds, outcomes, reasons, faults. Whole sentences, so that they can be translated."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import LazyString, format_decimal, lazy_gettext
from flask_babel import gettext as _

from hub.cti.history import CallFact
from hub.errors import UserError
from hub.mail.body import to_text
from hub.mail.models import FileState
from hub.records.call import Direction, Outcome
from hub.store.shelf import MIB
from hub.timeline.models import Kind, TaskKind
from hub.timeline.queries import Item
from hub.web import errors
from hub.web.console import money_words
from hub.web.jinja import CONTROLS, TURNING

LONGEST_MAIL = 50_000  # characters of one mail on a page
# The filters of a timeline, in their order.
KINDS: Mapping[str, LazyString] = MappingProxyType(
    {
        Kind.CALL: lazy_gettext("Calls"),
        Kind.EMAIL: lazy_gettext("E-mails"),
        Kind.MEETING: lazy_gettext("Meetings"),
        Kind.MESSAGE: lazy_gettext("Messages"),
        "money": lazy_gettext("Money"),
        Kind.LEAD: lazy_gettext("Leads"),
        Kind.NOTE: lazy_gettext("Notes"),
        Kind.TICKET: lazy_gettext("Tickets"),
    }
)
# What a filter stands for, where it is not one kind.
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType({"money": (Kind.DOCUMENT, Kind.PAYMENT)})
OUTCOMES: Mapping[str, LazyString] = MappingProxyType(
    {
        Outcome.ANSWERED: lazy_gettext("Answered"),
        Outcome.MISSED: lazy_gettext("Not answered"),
        Outcome.ABANDONED: lazy_gettext("Hung up in the menu"),
        Outcome.BUSY: lazy_gettext("Busy"),
        Outcome.VOICEMAIL: lazy_gettext("Voicemail"),
        Outcome.FAILED: lazy_gettext("Not connected"),
        Outcome.LOST: lazy_gettext("Cut off by a fault"),
    }
)
DIRECTIONS: Mapping[str, LazyString] = MappingProxyType(
    {
        Direction.INBOUND: lazy_gettext("Incoming"),
        Direction.OUTBOUND: lazy_gettext("Outgoing"),
        Direction.INTERNAL: lazy_gettext("Internal"),
    }
)
TASKS: Mapping[str, LazyString] = MappingProxyType(
    {
        TaskKind.MISSED_CALL: lazy_gettext("Missed call"),
        TaskKind.CALL_BACK: lazy_gettext("Call back"),
        TaskKind.FOLLOW_UP: lazy_gettext("Follow-up"),
    }
)
_TITLES: Mapping[tuple[str, str], LazyString] = MappingProxyType(
    {
        (Direction.INBOUND, Outcome.ANSWERED): lazy_gettext("Incoming call"),
        (Direction.INBOUND, Outcome.MISSED): lazy_gettext("Missed call"),
        (Direction.INBOUND, Outcome.ABANDONED): lazy_gettext("Caller hung up in the menu"),
        (Direction.INBOUND, Outcome.BUSY): lazy_gettext("Caller heard the busy tone"),
        (Direction.INBOUND, Outcome.VOICEMAIL): lazy_gettext("Voicemail"),
        (Direction.INBOUND, Outcome.FAILED): lazy_gettext("Incoming call, not connected"),
        (Direction.INBOUND, Outcome.LOST): lazy_gettext("Incoming call, cut off by a fault"),
        (Direction.OUTBOUND, Outcome.ANSWERED): lazy_gettext("Outgoing call"),
        (Direction.OUTBOUND, Outcome.MISSED): lazy_gettext("Outgoing call, not answered"),
        (Direction.OUTBOUND, Outcome.BUSY): lazy_gettext("Outgoing call, line busy"),
        (Direction.OUTBOUND, Outcome.VOICEMAIL): lazy_gettext("Outgoing call, voicemail"),
        (Direction.OUTBOUND, Outcome.FAILED): lazy_gettext("Outgoing call, not connected"),
        (Direction.OUTBOUND, Outcome.LOST): lazy_gettext("Outgoing call, cut off by a fault"),
        (Direction.INTERNAL, Outcome.ANSWERED): lazy_gettext("Internal call"),
        (Direction.INTERNAL, Outcome.MISSED): lazy_gettext("Internal call, not answered"),
        (Direction.INTERNAL, Outcome.BUSY): lazy_gettext("Internal call, line busy"),
    }
)
_KIND_TITLES: Mapping[str, LazyString] = MappingProxyType(
    {
        Kind.CALL: lazy_gettext("Call"),
        Kind.EMAIL: lazy_gettext("E-mail"),
        Kind.MEETING: lazy_gettext("Meeting"),
        Kind.DOCUMENT: lazy_gettext("Document"),
        Kind.PAYMENT: lazy_gettext("Payment"),
        Kind.LEAD: lazy_gettext("Lead"),
        Kind.MESSAGE: lazy_gettext("Message"),
        Kind.NOTE: lazy_gettext("Note"),
        Kind.TASK: lazy_gettext("Task"),
        Kind.TICKET: lazy_gettext("Ticket"),
    }
)
# The outcomes that a new hub begins with (hub/cti/wrap_up.py); an administrator's own are shown as written.
_SHIPPED: Mapping[str, LazyString] = MappingProxyType(
    {
        "Resolved": lazy_gettext("Resolved"),
        "Call back": lazy_gettext("Call back"),
        "Interested": lazy_gettext("Interested"),
        "Not interested": lazy_gettext("Not interested"),
        "Wrong number": lazy_gettext("Wrong number"),
    }
)
_OPEN: Mapping[str, LazyString] = MappingProxyType(
    {
        Direction.INBOUND: lazy_gettext("Incoming call, going on"),
        Direction.OUTBOUND: lazy_gettext("Outgoing call, going on"),
    }
)
_REASONS: Mapping[str, LazyString] = MappingProxyType(
    {
        "caller_gave_up": lazy_gettext("the caller gave up"),
        "queue_abandon": lazy_gettext("the caller gave up in the queue"),
        "timeout": lazy_gettext("nobody picked up in time"),
        "declined": lazy_gettext("declined"),
        "unreachable": lazy_gettext("the phone could not be reached"),
        "unallocated": lazy_gettext("there is no such number"),
        "congestion": lazy_gettext("all lines were busy"),
        "agent_noanswer": lazy_gettext("the own phone was not picked up"),
        "agent_busy": lazy_gettext("the own phone was busy"),
        "agent_declined": lazy_gettext("the own phone declined"),
        "agent_failed": lazy_gettext("the own phone could not be reached"),
    }
)
# Sentences for people, by the stable word of the error; what is not here stands in web/errors.py.
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "bad_block": lazy_gettext("This is neither an address nor a domain."),
        "own_block": lazy_gettext("This is one of our own addresses: all mail would be left out."),
        "too_many_blocks": lazy_gettext("These are too many. Block a domain instead of its addresses."),
        "empty_note": lazy_gettext("Write the note first."),
        "long_note": lazy_gettext("The note is too long."),
        "large_note_file": lazy_gettext("A file is larger than a note takes. Nothing was saved."),
        "large_form": lazy_gettext(
            "Together the files are too large for one note. Nothing was saved; send fewer at once."
        ),
        "many_files": lazy_gettext("These are more files than a note takes."),
        "infected_file": lazy_gettext("The virus scanner found something in a file. Nothing was saved."),
        "unchecked_file": lazy_gettext(
            "The virus scanner could not look at a file. Nothing was saved; try again later."
        ),
        "last_file": lazy_gettext("Nothing would be left of the note without this file. Delete the note instead."),
        "party_name": lazy_gettext("Write a name of at most 400 characters."),
        "bad_phone": lazy_gettext("This is no telephone number."),
        "several_phones": lazy_gettext("Write one number, not several."),
        "no_region": lazy_gettext("Write the number with its country code, such as +48 22 123 45 67."),
        "own_number": lazy_gettext("This is one of our own numbers."),
        "bad_tax_id": lazy_gettext("This is no tax number."),
        "bad_company": lazy_gettext("This is not a company."),
        "same_party": lazy_gettext("This is one and the same customer already."),
        "different_kinds": lazy_gettext("A person and a company are never one; say that the person works there."),
        "too_many_records": lazy_gettext("Together they have more than 50 source records: too many for one customer."),
        "still_moving": lazy_gettext("The history of this customer is still being moved; try again in a few seconds."),
        "nothing_left": lazy_gettext("Nothing would be left of this customer; leave at least one record."),
        "no_pin": lazy_gettext("Nobody chooses a source for this."),
        "no_source": lazy_gettext("No source says anything of this. Change it instead."),
        "merged_on_top": lazy_gettext(
            "Something was merged on top of this since. Undo that first: it is above in the list."
        ),
        "erased": lazy_gettext("One of them was erased; this cannot be undone any more."),
        "bad_owner": lazy_gettext("There is no such colleague."),
        "bad_time": lazy_gettext("Choose a date and a time in the future."),
        "no_choice": lazy_gettext("Choose one."),
        "empty": lazy_gettext("Write a note or choose an outcome."),
        "too_long": lazy_gettext("The note is too long."),
        "bad_disposition": lazy_gettext("Choose an outcome of the list."),
        "ended": lazy_gettext("This call has ended already."),
        "not_talking": lazy_gettext("You are not in this call."),
        "not_recorded": lazy_gettext("This call is not recorded."),
        "refused": lazy_gettext("The telephone system refused it."),
    }
)


def sentence(error: UserError) -> str:
    """Return what is wrong, in the person's language as far as we have words for it."""
    known = _FAULTS.get(error.error_id)
    return errors.sentence(error) if known is None else str(known)


def call_title(call: CallFact) -> str:
    """Return what a call is called in a list."""
    if call.open:
        return str(_OPEN.get(call.direction, _("Internal call, going on")))
    title = _TITLES.get((call.direction, call.outcome))
    return str(title) if title is not None else _("Call")


def item_title(item: Item) -> str:
    """Return what a row of a timeline is called; of one whose content this person may not see, its kind."""
    if item.kind == Kind.LEAD and not item.hidden:
        return " · ".join(str(one) for one in (_("Lead"), item.detail.get("form"), item.detail.get("campaign")) if one)
    if item.kind == Kind.DOCUMENT and item.detail.get("type"):
        return money_words.title(str(item.detail["type"]), str(item.detail.get("number", "")))
    if item.kind == Kind.PAYMENT and item.detail.get("side"):
        number, is_refund = str(item.detail.get("number", "")), item.detail.get("refund") is True
        return money_words.payment_title(str(item.detail["side"]), number, is_refund=is_refund)
    if item.summary:
        return item.summary
    known = _KIND_TITLES.get(item.kind)
    return item.kind if known is None else str(known)


def outcome_name(disposition: str) -> str:
    """Return an outcome of the company's list; those that we ship are translated."""
    known = _SHIPPED.get(disposition)
    return disposition if known is None else str(known)


def reason(call: CallFact) -> str:
    """Return why nobody spoke, where the telephone system said it; empty where it did not."""
    known = _REASONS.get(call.reason)
    return "" if known is None else str(known)


# Who sees what a conversation says.
VISIBILITIES: Mapping[str, LazyString] = MappingProxyType(
    {
        "all": lazy_gettext("Everybody here"),
        "metadata": lazy_gettext("Others see only that and when"),
        "owner": lazy_gettext("Nobody but whose mailbox it is in"),
    }
)
# What became of a file that somebody asked for, where it is not there.
FILES: Mapping[str, LazyString] = MappingProxyType(
    {
        FileState.GONE: lazy_gettext("The file is no longer in any mailbox that we read."),
        FileState.NEEDS_YOU: lazy_gettext("The mailbox that has the file needs a person first. See Connections."),
        FileState.AWAY: lazy_gettext("The mail provider could not be reached. Try again later."),
        FileState.TOO_LARGE: lazy_gettext("The file is too large to be fetched. Open it in the mailbox."),
        FileState.REFUSED: lazy_gettext("Files of this kind are not fetched. Open it in the mailbox."),
        FileState.INFECTED: lazy_gettext("The virus scanner found something in this file. It is not handed out."),
        FileState.UNCHECKED: lazy_gettext("The virus scanner could not look at this file. Try again later."),
    }
)


def size(count: int) -> str:
    """Return bytes as people read them."""
    if count < 1024:
        return str(_("%(number)s bytes", number=format_decimal(count)))
    if count < MIB:
        return str(_("%(number)s KB", number=format_decimal(round(count / 1024))))
    return str(_("%(number)s MB", number=format_decimal(round(count / MIB, 1))))


_RESPONSES: Mapping[str, LazyString] = MappingProxyType(
    {
        "accepted": lazy_gettext("comes"),
        "declined": lazy_gettext("does not come"),
        "tentative": lazy_gettext("perhaps"),
        "waiting": lazy_gettext("no answer yet"),
    }
)
_EVERY: Mapping[str, LazyString] = MappingProxyType(
    {
        "daily": lazy_gettext("every day"),
        "weekly": lazy_gettext("every week"),
        "monthly": lazy_gettext("every month"),
        "yearly": lazy_gettext("every year"),
    }
)


def response(said: str) -> str:
    """Return whether somebody comes to a meeting."""
    return str(_RESPONSES.get(said, said))


def repeats(told: Mapping[str, Any]) -> str:
    """Return how a series comes round, as far as a few words say it."""
    if told.get("interval", 1) == 1 and told.get("frequency") in _EVERY:
        return str(_EVERY[told["frequency"]])
    return str(_("as a series"))


def said(text: str) -> str:
    """Return what a mail says, as long as any that people write, without characters that act on their surroundings."""
    shown = CONTROLS.sub("", TURNING.sub("", text))
    return shown if len(shown) <= LONGEST_MAIL else shown[:LONGEST_MAIL] + "…"


def plain(text: str) -> str:
    """Return the words of a description; calendars write them as HTML or as text."""
    return to_text(text) if "<" in text else text


def wanted_kinds(chosen: list[str]) -> tuple[str, ...]:
    """Return the kinds that the chosen filters stand for, unknown ones left out."""
    return tuple(kind for name in chosen if name in KINDS for kind in PARTS.get(name, (name,)))
