"""Who is told of an account that needs a person, and when: pure decisions, stored and sent by the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hub.intake.models import AccountState, Health
from hub.intake.trouble import Trouble
from hub.notice.models import NoticeKind, NoticeState
from hub.security.policy import Right, may

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)  # short, so that a mail server that is back is seen soon
# A try whose answer was lost may have brought the mail. It is repeated, but not without end where that makes copies.
MOST_UNANSWERED = 3


class Why(StrEnum):
    """What kind of trouble it is, by the one thing that a person does about it."""

    AUTH = "auth"  # connect it again
    DISABLED = "disabled"  # switch something on at the remote
    DEFECT = "defect"  # the hub's own fault: give its log to whoever looks after it
    OTHER = "other"  # its page says what


class Sight(StrEnum):
    """What one look at an account says."""

    SICK = "sick"  # needs a person
    WELL = "well"
    UNKNOWN = "unknown"  # paused, or its remote is away: neither better nor worse than it was
    GONE = "gone"  # nobody wants it any more


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that has not ended."""

    began_at: datetime
    told_at: datetime | None
    well_since: datetime | None


class Step(StrEnum):
    """What happens to an incident next."""

    NONE = ""
    BEGIN = "begin"
    TELL = "tell"
    SEEMS_WELL = "seems_well"
    STILL_SICK = "still_sick"
    END = "end"  # quietly
    END_AND_TELL = "end_and_tell"


class Fate(StrEnum):
    """What happens to a notice that is due."""

    SEND = "send"
    WAIT = "wait"
    DROP = "drop"
    LEAVE = "leave"  # it may well have arrived, and nobody needs it any more: as sent


@dataclass(frozen=True, slots=True)
class Someone:
    """A person who may be concerned."""

    id: int
    email: str
    role: str
    is_active: bool


def sight(state: str, health: str) -> Sight:
    """Return what an account's state and health say."""
    if state == AccountState.REMOVED:
        return Sight.GONE
    if state == AccountState.PAUSED:
        return Sight.UNKNOWN
    if health == Health.NEEDS_YOU:
        return Sight.SICK
    return Sight.WELL if health in {Health.HEALTHY, Health.WORKING, Health.WARNINGS} else Sight.UNKNOWN


def why(troubles: Collection[str]) -> Why:
    """Return the kind of trouble, of those of an account's streams; an exchange has none."""
    for trouble, kind in ((Trouble.AUTH, Why.AUTH), (Trouble.DISABLED, Why.DISABLED), (Trouble.DEFECT, Why.DEFECT)):
        if trouble in troubles:
            return kind
    return Why.OTHER


def follow(
    incident: Open | None, seen: Sight, kind: Why, *, moment: datetime, patience: timedelta, can_tell: bool
) -> Step:
    """Decide one step; the caller takes it and asks again, until there is none.

    Args:
        patience: how long a trouble lasts before anybody is told, and being well before it counts.
        can_tell: there is a way to send mail.
    """
    if incident is None:
        return Step.BEGIN if seen is Sight.SICK else Step.NONE
    match seen:
        case Sight.GONE:
            return Step.END
        case Sight.SICK | Sight.UNKNOWN if incident.well_since is not None:
            return Step.STILL_SICK
        case Sight.SICK if incident.told_at is None and can_tell:
            is_ripe = kind is Why.AUTH or moment - incident.began_at >= patience
            return Step.TELL if is_ripe else Step.NONE
        case Sight.WELL if incident.told_at is None:
            return Step.END
        case Sight.WELL if incident.well_since is None:
            return Step.SEEMS_WELL
        case Sight.WELL if incident.well_since is not None and moment - incident.well_since >= patience:
            return Step.END_AND_TELL
    return Step.NONE


def concerned(people: Sequence[Someone], owner_id: int | None, address: str) -> tuple[int, ...]:
    """Return whom an account concerns: its owner, or the person whose mailbox it is, and who manages connections.

    Args:
        address: of the mailbox, as the account's settings name it; empty where it is of nobody's.
    """
    return tuple(
        dict.fromkeys(
            one.id
            for one in people
            if one.is_active
            and (one.id == owner_id or (address and one.email == address) or may(one.role, Right.MANAGE_CONNECTIONS))
        )
    )


def fate(
    kind: str, *, is_wanted: bool, has_ended: bool, unanswered: int, first: NoticeState | None, remembers: bool = False
) -> Fate:
    """Decide about a notice that is due.

    Args:
        kind: a NoticeKind.
        is_wanted: its account and its person are still there.
        has_ended: the account works again.
        unanswered: earlier tries of which nobody knows whether they brought it.
        first: of a WELL_AGAIN what became of the person's NEEDS_YOU.
        remembers: another try makes no second copy of an earlier one.
    """
    if unanswered >= MOST_UNANSWERED and not remembers:
        return Fate.LEAVE
    if kind == NoticeKind.WELL_AGAIN:
        if first is NoticeState.WAITING:
            return Fate.WAIT
        return Fate.SEND if is_wanted and first is NoticeState.SENT else Fate.DROP
    if has_ended or not is_wanted:
        return Fate.LEAVE if unanswered else Fate.DROP
    return Fate.SEND
