"""Whether a mail may be kept: exclusions first, then whether it concerns a known contact.

The order of exclusions is a promise to the people whose mail this is: whatever comes first is also the reason they see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hub.records.address import FREE_DOMAINS, match_key
from hub.records.mail import Mail, Place


class Reason(StrEnum):
    """Why a mail was kept or left alone; the words are stored and counted, so they never change."""

    MATCHED = "matched"
    USER_BLOCK = "user_block"
    NEVER_LOG = "never_log"
    PRIVATE = "private"
    INTERNAL = "internal"
    BULK = "bulk"
    SPAM = "spam"
    TRASH = "trash"
    DRAFT = "draft"
    CALENDAR_NOTICE = "calendar_notice"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Own:
    """Who we are. `addresses` are match keys (`hub.records.address.match_key`); `domains` are ASCII, small letters."""

    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    def has(self, key: str) -> bool:
        # One private mailbox at a free provider does not make everybody there a colleague.
        return key in self.addresses or under(key, self.domains, never=FREE_DOMAINS)


@dataclass(frozen=True, slots=True)
class Known:
    """Whom we know. `addresses` are match keys, or a question that answers for one; `domains` companies claimed."""

    addresses: frozenset[str] | Callable[[str], bool] = frozenset()
    domains: frozenset[str] = frozenset()

    def has(self, key: str) -> bool:
        """Tell whether an address belongs to a contact or to a claimed company; a free provider's domain never does."""
        named = key in self.addresses if isinstance(self.addresses, frozenset) else self.addresses(key)
        return named or under(key, self.domains, never=FREE_DOMAINS)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What must not be kept. Blocks are match keys of addresses, or domains, which cover their subdomains."""

    user_blocks: frozenset[str] = frozenset()
    never_log: frozenset[str] = frozenset()
    private_labels: frozenset[str] = frozenset()  # labels, folders, categories; letter case does not matter


@dataclass(frozen=True, slots=True)
class Verdict:
    keep: bool
    reason: Reason
    matched: tuple[str, ...] = ()  # match keys, in the order of the headers; only of a mail that is kept


def under(key: str, domains: frozenset[str], *, never: frozenset[str] = frozenset()) -> bool:
    """Tell whether an address is in one of some domains or in a subdomain of one; those in `never` do not count."""
    labels = key.rpartition("@")[2].split(".")
    parents = (".".join(labels[at:]) for at in range(len(labels) - 1))
    return any(parent in domains and parent not in never for parent in parents)


def participants(mail: Mail) -> tuple[str, ...]:
    """Return the match key of everybody in From, To, Cc, Reply-To and Bcc, each once."""
    keys = (match_key(a.address) for a in mail.people if a.address)
    return tuple(dict.fromkeys(key for key in keys if key))


def outsiders(mail: Mail, own: Own) -> tuple[str, ...]:
    """Return the participants who are not we: what a mail can match by, to be looked up in one question."""
    return tuple(key for key in participants(mail) if not own.has(key))


def sift(mail: Mail, own: Own, known: Known, rules: Privacy) -> Verdict:
    """Decide whether a mail may be kept, and whom it concerns.

    A header alone is enough for all but the calendar notices, so whoever lists headers first sifts again with the
    whole mail.
    """
    people = participants(mail)
    outside = tuple(key for key in people if not own.has(key))
    for reason, holds in (
        (Reason.USER_BLOCK, _blocked(people, rules.user_blocks)),
        (Reason.NEVER_LOG, _blocked(people, rules.never_log)),
        (Reason.PRIVATE, mail.private or _labelled(mail, rules.private_labels)),
        (Reason.INTERNAL, bool(people) and not outside),
        (Reason.BULK, _is_bulk(mail, own)),
        (Reason.SPAM, Place.SPAM in mail.places),
        (Reason.TRASH, Place.TRASH in mail.places),
        (Reason.DRAFT, Place.DRAFT in mail.places),
        (Reason.CALENDAR_NOTICE, mail.is_calendar_notice),
    ):
        if holds:
            return Verdict(keep=False, reason=reason)
    matched = tuple(key for key in outside if known.has(key))
    return Verdict(bool(matched), Reason.MATCHED if matched else Reason.NO_MATCH, matched)


def _blocked(people: tuple[str, ...], blocks: frozenset[str]) -> bool:
    return any(key in blocks or under(key, blocks) for key in people)


def _labelled(mail: Mail, private: frozenset[str]) -> bool:
    return not {label.casefold() for label in mail.labels}.isdisjoint(label.casefold() for label in private)


def _is_bulk(mail: Mail, own: Own) -> bool:
    """Tell whether it went to many. A group mailbox of ours is a list too, but what customers write to it is no bulk."""
    if mail.list_id and under(mail.list_id, own.domains):
        return bool(mail.auto_submitted)
    return bool(mail.bulk)
