"""Say which of several copies of a meeting counts: one meeting, however many mailboxes see it.

Every mailbox of ours that is asked to a meeting has a copy, of its own provider and with its own remote id. What they
share is the uid of the series and the original start. Microsoft gives each occurrence a uid of its own: its connector takes
that of the master.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.meetings.occurrences import key
from hub.meetings.series import STRICTNESS, visibility
from hub.records.meeting import Attendee, Meeting, Response


@dataclass(frozen=True, slots=True)
class Copy:
    """A meeting as one mailbox has it.

    Attributes:
        address: of the mailbox, in its normal form.
        usual: visibility that this account gives to what is not private.
    """

    account_id: int
    user_id: int | None
    address: str
    meeting: Meeting
    usual: str = "all"


@dataclass(frozen=True, slots=True)
class One:
    """One meeting made of its copies.

    Attributes:
        authority: the copy whose time, title and text count.
        user_ids: our people who are in it: with a copy, or named in it.
        attendees: everybody, with the answer that is known best.
        visibility: the strictest of all copies.
        private_in: accounts whose owner made it private.
    """

    key: str
    authority: Copy
    cancelled: bool
    user_ids: tuple[int, ...]
    attendees: tuple[Attendee, ...]
    visibility: str
    private_in: tuple[int, ...]


def merge_key(meeting: Meeting) -> str:
    """Name what is the same in every mailbox: the series or single meeting, or one time of a series.

    A day is a day everywhere; an instant is compared in UTC.
    """
    return key(meeting.uid, meeting.original_start)


def united(
    copies: Sequence[Copy], users: Mapping[str, int], *, normal: Callable[[str], str] = str.lower
) -> One:  # fmt: skip
    """Make one meeting of its copies, in whatever order they are given.

    Private in one copy and not in another is private: who marked it would not expect to read it over a colleague's
    shoulder. Our people in it see it whole all the same.

    Args:
        copies: at least one, all with one merge key.
        users: our people by address in the normal form.
        normal: gives the normal form of an address.
    """
    ordered = sorted(copies, key=lambda copy: copy.account_id)
    authority = authoritative(ordered, normal)
    private = [c.account_id for c in ordered if visibility(c.meeting.privacy) != "all"]
    attendees = _attendees(authority, ordered, normal)
    named = [normal(person.address) for person in attendees] + [normal(authority.meeting.organiser)]
    own = {copy.user_id for copy in ordered if copy.user_id is not None}
    return One(
        key=merge_key(authority.meeting),
        authority=authority,
        cancelled=authority.meeting.is_cancelled,
        user_ids=tuple(sorted(own | {users[address] for address in named if address in users})),
        attendees=attendees,
        visibility=max((visibility(c.meeting.privacy, c.usual) for c in ordered), key=STRICTNESS.index),
        private_in=tuple(private),
    )


def authoritative(copies: Sequence[Copy], normal: Callable[[str], str] = str.lower) -> Copy:
    """Return the copy that counts: the organiser's own, else the newest.

    Who is asked and deletes the meeting cancels nothing but the own copy; therefore a living copy goes before a cancelled
    one, unless the cancelled one is of a later version: then the organiser, whose mailbox is not ours, called it off.
    """
    own = [one for one in copies if one.meeting.organiser and normal(one.meeting.organiser) == normal(one.address)]
    # An organiser has two where the meeting was laid into another calendar: it is no more where it was.
    return max(own or copies, key=_newest_living)


def _newest_living(copy: Copy) -> tuple[int, bool, datetime, bool, int]:
    meeting = copy.meeting
    updated = meeting.updated_at or datetime.min.replace(tzinfo=UTC)
    # The account's id last: whatever the order of the copies, the same one is taken.
    return meeting.sequence, not meeting.is_cancelled, updated, meeting.start is not None, -copy.account_id


def _attendees(authority: Copy, copies: Sequence[Copy], normal: Callable[[str], str]) -> tuple[Attendee, ...]:
    """Return everybody named in any copy. What somebody answered is known best by the own mailbox, then the organiser."""
    found: dict[str, Attendee] = {}
    for copy in (authority, *copies):
        for person in copy.meeting.attendees:
            address = normal(person.address)
            answered = person.response is not Response.WAITING
            if address not in found or (answered and address == normal(copy.address)):
                found[address] = person
    return tuple(found.values())
