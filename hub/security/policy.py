"""Who may do and see what: the one place. Pure; tested as a table."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from hub.security.models import Role


class Right(StrEnum):
    """Something a person may do."""

    USE = "use"  # sign in, see My day, customers, timelines
    DIAL = "dial"
    CONTROL_OWN_CALL = "control_own_call"  # hang up, transfer, pause the recording of a call one is in
    HEAR_OWN_RECORDINGS = "hear_own_recordings"  # of calls one took part in
    HEAR_RECORDINGS = "hear_recordings"
    EDIT_PARTIES = "edit_parties"
    BOOK_MEETINGS = "book_meetings"  # in one's own calendar and in those of colleagues
    SEE_ALL_CALLS = "see_all_calls"  # also calls of colleagues with parties one does not serve
    SEE_INSIGHTS = "see_insights"
    MANAGE_CONNECTIONS = "manage_connections"
    MANAGE_USERS = "manage_users"
    SEE_AUDIT = "see_audit"
    SEE_RAW = "see_raw"
    SEE_MONEY = "see_money"  # what customers owe and how they pay; of which legal entities, see businesses.py
    SHARE_ANY_MAIL = "share_any_mail"  # choose who sees a conversation, whoever's mailbox it is in
    MANAGE_PRIVACY = "manage_privacy"  # erase customers, keep them for a court, say how long things are kept


_AGENT = frozenset(
    {
        Right.USE, Right.DIAL, Right.CONTROL_OWN_CALL, Right.HEAR_OWN_RECORDINGS, Right.EDIT_PARTIES,
        Right.BOOK_MEETINGS, Right.SEE_MONEY,
    }
)  # fmt: skip
_MANAGER = _AGENT | {Right.HEAR_RECORDINGS, Right.SEE_ALL_CALLS, Right.SEE_INSIGHTS}
RIGHTS: Mapping[str, frozenset[Right]] = {
    Role.AGENT: _AGENT,
    Role.MANAGER: frozenset(_MANAGER),
    Role.ADMIN: frozenset(Right),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a user, or a program with a token (`id` 0)."""

    id: int
    public_id: UUID | None
    email: str
    name: str
    role: str
    language: str = ""
    time_zone: str = ""

    @property
    def actor(self) -> str:
        """What the audit calls them."""
        return self.email or f"token {self.name}"


def may(role: str, right: Right) -> bool:
    """Say whether a role has a right; an unknown role has none."""
    return right in RIGHTS.get(role, frozenset())


def took_part(*, answered: bool, dialled: bool) -> bool:
    """Say whether somebody's phone took part in a call: a phone that only rang did not."""
    return answered or dialled


def may_hear(person: Person, *, took_part: bool) -> bool:
    """Say whether a person may listen to a call's recording; `took_part` of any of the person's phones."""
    return may(person.role, Right.HEAR_RECORDINGS) or (took_part and may(person.role, Right.HEAR_OWN_RECORDINGS))


class Seen(StrEnum):
    """How much of an interaction a person sees."""

    FULL = "full"
    METADATA = "metadata"  # that it happened, with whom and when; no body, no subject
    NOTHING = "nothing"


def sees(person: Person, *, visibility: str, owner_id: int | None, among: Collection[int] = ()) -> Seen:
    """Decide how much of one interaction a person sees.

    Args:
        visibility: `all`, `metadata` or `owner` of the interaction.
        owner_id: the user whose mailbox or calendar it came from; None: nobody's own.
        among: users who are in it themselves: a mail that several got, a meeting of several.
    """
    if visibility == "all" or (owner_id is not None and owner_id == person.id) or person.id in among:
        return Seen.FULL
    return Seen.METADATA if visibility == "metadata" else Seen.NOTHING


EVERYBODY = "all"


def finders(*, visibility: str, owner_id: int | None, among: Collection[int] = ()) -> frozenset[str]:
    """Name who sees an interaction in full, for an index: whoever goes by one of these names, and nobody else.

    Args: as of `sees`, whose other side this is.
    """
    if visibility == "all":
        return frozenset({EVERYBODY})
    return frozenset(f"u{one}" for one in (owner_id, *among) if one is not None)


def finder(person: Person) -> frozenset[str]:
    """Return the names that a person goes by among `finders`."""
    return frozenset({EVERYBODY, f"u{person.id}"})


def sees_business(allowed: Collection[int] | None, business_id: int | None) -> bool:
    """Say whether somebody sees what belongs to a legal entity; what belongs to none, everybody sees.

    Args:
        allowed: the legal entities whose money they see; None: all.
    """
    return allowed is None or business_id is None or business_id in allowed


def sees_field(role: str, roles: Collection[str]) -> bool:
    """Say whether a role sees a field that an administrator defined; administrators see all of them.

    Args:
        roles: those who see it; none: everybody.
    """
    return not roles or role in roles or role == Role.ADMIN


def may_share_mail(person: Person, owners: Collection[int]) -> bool:
    """Say whether a person may choose who sees a conversation; `owners` are those who have it in their mailboxes."""
    return person.id in owners or may(person.role, Right.SHARE_ANY_MAIL)


def may_change_meeting(person: Person, seen: Seen) -> bool:
    """Say whether a person may move a meeting or call it off, in whosever calendar: who sees what it says may."""
    return seen is Seen.FULL and may(person.role, Right.BOOK_MEETINGS)


def may_attach(person: Person, author_id: int | None) -> bool:
    """Say whether a person may put files with a note: their own, or one of a program or of the past, that is nobody's."""
    return may(person.role, Right.EDIT_PARTIES) and (author_id is None or author_id == person.id)


def may_embed_for(person: Person, user_id: int) -> bool:
    """Say whether somebody may let a page in another product speak for a user: for themselves, or who manages users."""
    return (person.id != 0 and person.id == user_id) or may(person.role, Right.MANAGE_USERS)
