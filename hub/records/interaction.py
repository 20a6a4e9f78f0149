"""What happened with somebody, as every source says it after mapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody named in a record by a phone, an e-mail or another identifier; not yet resolved to a party."""

    role: str  # caller, callee, sender, recipient, customer
    kind: str  # phone, email, tax_id
    value: str  # as the source wrote it
    name: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """Anything on the timeline: call, e-mail, meeting, document, payment, lead, message."""

    kind: str
    direction: str
    started_at: datetime
    ended_at: datetime | None
    summary: str
    mentions: tuple[Mention, ...]
    visibility: str = "all"
    source_url: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
