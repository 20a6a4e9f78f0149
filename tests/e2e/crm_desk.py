"""What tests of a CRM that is written to share: a hub with an account at a simulated one, what happens, and who sends it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from sqlalchemy import select, update

from connectors.espocrm.simulator import EspoSimulator
from hub import app as hub_app
from hub.connector import crm
from hub.context import Hub
from hub.crm import plan, targets
from hub.crm.models import CrmCopy
from hub.crm.targets import Choice
from hub.events import tell
from hub.flow import Taker
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.identity.parties import Given
from hub.intake import accounts, read
from hub.intake.models import LISTING, Account, StreamState
from hub.intake.read import Reader
from hub.outbound.models import Outbox, OutboxState
from hub.records.interaction import Interaction as Record
from hub.store.base import now
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket

DAY = timedelta(days=1)


@contextmanager
def espo() -> Iterator[EspoSimulator]:
    """Run a simulated CRM."""
    site = EspoSimulator()
    site.start()
    try:
        yield site
    finally:
        site.stop()


@dataclass
class Crm:
    """A hub with one account at a CRM."""

    hub: Hub
    site: EspoSimulator
    account: int
    connector: ClassVar[str] = "espocrm"

    @classmethod
    def open(cls, hub: Hub, site: Any, name: str = "CRM", **changes: str) -> Self:
        settings = {**site.settings(), "timeout_s": "2", **changes}
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors[cls.connector], hub.vault, name, settings, time_zone="UTC")
            account = row.id
        made = cls(hub, site, account)
        made.read(LISTING)
        return made

    def choose(self, kinds: Sequence[str] = targets.CHOICES, *, days: int = 1, **more: bool) -> None:
        with self.hub.db.write() as session:
            account = session.get_one(Account, self.account)
            targets.choose(session, None, account, Choice(kinds, now() - days * DAY, **more))

    # --- what happens ------------------------------------------------------------------------------------------------

    def person(self, name: str, email: str = "", phone: str = "") -> int:
        given = [Given(kind, value) for kind, value in (("email", email), ("phone", phone)) if value]
        with self.hub.db.write() as session:
            return parties.create(session, None, PartyKind.PERSON, name, given, region="IL").id

    def known(self, email: str) -> int:
        """Return the customer with an address."""
        with self.hub.db.read() as session:
            return parties.holders_of(session, "email", {email})[email]

    def happens(self, party: int | None, kind: str = Kind.MEETING, **facts: Any) -> Interaction:
        """Something happens with a customer now."""
        told = {"started_at": now(), "ended_at": now(), "summary": "Visit", "direction": "", "mentions": (), **facts}
        raw = told.pop("row", None)
        with self.hub.db.write() as session:
            part = Part(party, "customer", told.pop("known_by", ""), told.pop("value", ""))
            [placed] = add(
                session, [Entry(Record(kind, **told), [part], interaction_id=raw)], account_id=told.get("account")
            )
            return session.get_one(Interaction, placed.id)

    # --- what the workers do ----------------------------------------------------------------------------------------

    def read(self, stream: str) -> StreamState:
        """Look at a stream."""
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(which).values(lease_until=now() - DAY))
            session.execute(update(Bucket).values(frozen_until=None))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow), slice_s=60).read(lease)
        with self.hub.db.read() as session:
            return session.get_one(StreamState, lease.id)

    def know(self) -> None:
        """Read who is in the CRM."""
        self.read(crm.CONTACTS)
        self.read(crm.COMPANIES)

    def plan(self) -> None:
        """Hand events on, and plan what was before."""
        with self.hub.db.write() as session:
            while tell.waits(session):
                hub_app.hand_on_events(session)
            while plan.waits(session):
                plan.page(session)
            plan.again(session)

    def send(self, *, most: int = 1000) -> int:
        """Send what waits, as if much time passed between two tries; returns how many tries there were."""
        deliverer, tries = hub_app.deliverer(self.hub), 0
        while tries < most:
            with self.hub.db.write() as session:
                waiting = Outbox.state == OutboxState.WAITING
                session.execute(update(Outbox).where(waiting).values(due_at=now(), lease_until=None))
                leases = claim(session, Outbox, deliverer.due(), owner=new_owner(), lease_s=60)
                session.execute(update(Bucket).values(frozen_until=None))
            if not leases:
                break
            deliverer.deliver(leases[0])
            tries += 1
        return tries

    def settle(self) -> int:
        """Plan and send all."""
        self.plan()
        return self.send()

    # --- what is there ----------------------------------------------------------------------------------------------

    def rows(self, *entities: str) -> list[dict[str, Any]]:
        """Return what the hub wrote into the CRM."""
        return [row for entity in entities for row in self.site.store.all(entity)]

    def copies(self) -> dict[str, CrmCopy]:
        with self.hub.db.read() as session:
            query = select(CrmCopy).where(CrmCopy.account_id == self.account)
            return {row.thing: row for row in session.scalars(query)}

    def refused(self) -> list[str]:
        with self.hub.db.read() as session:
            query = select(Outbox.last_error).where(
                Outbox.account_id == self.account, Outbox.state == OutboxState.REFUSED
            )
            return list(session.scalars(query))

    def hint(self) -> None:
        with self.hub.db.write() as session:
            read.hint(session, self.account, [crm.TASKS])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
