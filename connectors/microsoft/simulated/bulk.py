"""A mailbox with years in it."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.microsoft.simulated.mailbox import Mailbox
from hub.connector.simulated.bulk import Plan


def fill(
    mailbox: Mailbox,
    count: int,
    *,
    matching: Sequence[str] = (),
    matching_count: int = 0,
    seed: int = 1,
    days: int = 365,
    folders: Sequence[str] = ("inbox",),
) -> list[str]:
    """Put `count` old messages into a mailbox, as `Plan` has it; tokens of before are forgotten.

    Args:
        folders: where the received ones are, by chance; the others are among the sent ones.

    Returns:
        The immutable ids of the matching messages, oldest first.
    """
    user = mailbox.user
    with mailbox.lock:
        plan = Plan(f"{user.name} <{user.address}>", count, user.world.clock.ms(), matching, matching_count, seed, days)
        dice = random.Random(seed)  # noqa: S311 - demo data, the same in every run
        found: list[str] = []
        for one in plan.messages():
            at = datetime.fromtimestamp(one.recipe.at_ms / 1000, UTC)
            folder = "sentitems" if one.sent else dice.choice(folders)
            message = mailbox.made(one.envelope, one.recipe.raw, folder, at)
            message.is_read, message.travelled = True, not one.sent
            mailbox.keep(message)
            if one.matches:
                found.append(message.key)
        mailbox.expire()
        return found
