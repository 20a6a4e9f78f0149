"""A mailbox with years in it."""

from collections.abc import Sequence

from connectors.google.simulated.mailbox import Letter, Mailbox
from hub.connector.simulated.bulk import Plan

_LABELS_IN = frozenset({"INBOX", "CATEGORY_PERSONAL"})
_LABELS_OUT = frozenset({"SENT"})


def fill(
    mailbox: Mailbox,
    count: int,
    *,
    matching: Sequence[str] = (),
    matching_count: int = 0,
    seed: int = 1,
    days: int = 365,
) -> list[str]:
    """Put `count` old messages into a mailbox, as `Plan` has it, without a line in its history.

    Returns:
        The ids of the matching messages, oldest first.
    """
    with mailbox.lock:
        owner = f"{mailbox.name} <{mailbox.address}>"
        plan = Plan(owner, count, mailbox.clock.ms(), matching, matching_count, seed, days)
        threads: dict[str, str] = {}
        found: list[str] = []
        for one in plan.messages():
            recipe = one.recipe
            letter = Letter(
                id=mailbox.new_id(),
                thread_id="",
                labels=_LABELS_OUT if one.sent else _LABELS_IN,
                at_ms=recipe.at_ms,
                size=len(recipe.raw()),
                envelope=one.envelope,
                source=recipe,
            )
            letter.thread_id = threads.get(recipe.answers, letter.id)
            mailbox.keep(letter)
            if one.matches:
                threads[recipe.message_id] = letter.thread_id
                found.append(letter.id)
        mailbox.expire_history()
        return found
