"""Decide what other systems must be told about something new on the timeline. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An account that wants to be told: which kinds of interaction it writes to its remote."""

    account_id: int
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing to send, at most once: `idempotency_key` is the same however often it is planned."""

    account_id: int
    kind: str
    object_key: str
    payload: dict[str, Any]
    idempotency_key: str
    mailbox: str = ""  # that writes it; empty: the account itself
    user_id: int | None = None  # who wanted it
    not_before: datetime | None = None  # so long it can be undone


def plan(
    kind: str, interaction: str, version: int, payload: dict[str, Any], *, source: int | None,
    subscribers: Sequence[Subscriber],
) -> list[Planned]:  # fmt: skip
    """Say which accounts are told of an interaction; never the one it came from.

    Args:
        interaction: its public id; what is sent about it goes out in order.
        version: of the record it was made of; a change is a new thing to send.
        source: account it came from.
    """
    return [
        Planned(s.account_id, f"{kind}.changed" if version > 1 else f"{kind}.added", interaction, payload,
                f"{interaction}:{version}:{s.account_id}")
        for s in subscribers
        if kind in s.kinds and s.account_id != source
    ]  # fmt: skip
