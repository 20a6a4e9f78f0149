"""A mailbox of the simulated Microsoft 365, our client at it, and a hub that knows one customer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.microsoft import mail
from connectors.microsoft.client import Client
from connectors.microsoft.mail import MailStream
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.simulated.mailbox import Mailbox, Message
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.sift import Known, Own, Privacy, Verdict, sift
from hub.connector.stream import Change, Cursor, Filtered, Gone, Grant, Lane, Left, Limit, Stream, Upsert
from hub.records.mail import Mail

NOA = "noa@acme.example"
CUSTOMER = "dana@customer.example"


@dataclass
class Hub:
    """What a hub gives to a connector (`hub.connector.stream.Tools`)."""

    known: set[str] = field(default_factory=lambda: {CUSTOMER})
    came: list[tuple[str, datetime]] = field(default_factory=list)  # customers, and since when they are known
    units: int = 0
    grant: Grant | None = None
    lane: Lane = Lane.INCREMENTAL

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        assert limits
        self.units += units

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None: ...

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        del mailbox
        if self.grant is None or self.grant.access_token in ("", refused):
            before = self.grant or first
            assert before is not None
            self.grant = refresh(before)
        return self.grant.access_token

    def sift(self, mailbox: str, mails: Sequence[Mail]) -> Sequence[Verdict]:
        own = Own(frozenset({mailbox}), frozenset({"acme.example"}))
        rules = Privacy(private_labels=frozenset({"private"}))
        return [sift(one, own, Known(frozenset(self.known)), rules) for one in mails]

    def customers(self, since: datetime | None, until: datetime, *, after: str, limit: int) -> Sequence[str]:
        found = {one for one, at in self.came if at <= until and (since is None or at > since) and one > after}
        return sorted(found)[:limit]


class Room:
    """One mailbox and who reads it."""

    def __init__(self, simulator: MicrosoftSimulator) -> None:
        self.simulator, self.hub = simulator, Hub()
        self.client = Client(MicrosoftSettings.model_validate({**simulator.settings(), "timeout_s": 5}), self.hub, NOA)
        self.box: Mailbox = simulator.user(NOA).mail

    def ask(self, subject: str = "Offer?", **more: Any) -> Message:
        """A customer writes to Noa."""
        return self.box.receive(**{"from_": f"Dana <{CUSTOMER}>", "subject": subject, "body": "How much?", **more})

    def folder(self, name: str = "inbox") -> MailStream:
        """The stream of a folder, by its id or well-known name."""
        found = mail.stream(self.client, self.box.folder(name).id)
        assert isinstance(found, MailStream)
        return found


def read(stream: Stream, cursor: Cursor | None = None) -> tuple[list[Change], Cursor]:
    """Pull until the end of a round; what it said, and where to go on."""
    cursor = cursor or stream.begin()
    changes: list[Change] = []
    for _ in range(200):
        page = stream.pull(cursor)
        changes += page.changes
        cursor = page.next
        if not page.more:
            return changes, cursor
    raise AssertionError("no end of pages")


def told(changes: Sequence[Change]) -> list[str]:
    """What changes say, in words: a subject that is kept, a reason why not, left or gone."""
    return sorted(map(_said, changes))


def _said(change: Change) -> str:
    match change:
        case Upsert():
            return f"kept {change.payload['message'].get('subject', '')}".strip()
        case Filtered():
            return f"filtered {change.reason}"
        case Left():
            return "left"
        case Gone():
            return "gone"
