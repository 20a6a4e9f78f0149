"""Which mails are one conversation, across mailboxes and providers.

A mail carries the ids of those it answers; every id, its own and those, is a key of its thread. Mails that share a key
share a thread, so the order in which they arrive does not matter: one that comes late and knows two threads joins them.
A provider's own thread counts within its mailbox only. A subject alone never joins anything: `Invoice` is no conversation.

To be used inside the transaction that keeps the mail: look up the threads of `keys_of` (locked), `choose`, then give
every key to the chosen thread under a unique constraint; whoever loses that race reads again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.records.mail import Mail


@dataclass(frozen=True, slots=True, order=True)
class ThreadRef:
    """A thread that is kept. `opened` is what tells the older: its id where ids grow, or a number of its time."""

    opened: int
    id: int


@dataclass(frozen=True, slots=True)
class New:
    """No thread knows this mail: it opens one."""


@dataclass(frozen=True, slots=True)
class Join:
    """The mail belongs to this thread."""

    thread: ThreadRef


@dataclass(frozen=True, slots=True)
class Merge:
    """The mail shows that several threads are one: the others go into the oldest, with their keys and mails.

    Of their visibility the strictest holds afterwards, since a stranger's References can bring any threads together.
    """

    into: ThreadRef
    others: tuple[ThreadRef, ...]


def keys_of(mail: Mail, mailbox: str) -> frozenset[str]:
    """Return the keys of the thread a mail belongs to.

    Args:
        mail: as a connector read it.
        mailbox: unique to one mailbox of one account, such as the account's id.
    """
    ids = {f"id:{one}" for one in (mail.message_id, *mail.in_reply_to, *mail.references) if one}
    return frozenset(ids | ({f"box:{mailbox}:{mail.thread_id}"} if mail.thread_id else set()))


def choose(found: Sequence[ThreadRef]) -> New | Join | Merge:
    """Decide what becomes of a mail whose keys lead to these threads, in any order, doubles allowed."""
    match sorted(set(found)):
        case []:
            return New()
        case [only]:
            return Join(only)
        case [oldest, *others]:
            return Merge(oldest, tuple(others))
        case _:  # pragma: no cover - the three cases above are all there are
            raise AssertionError
