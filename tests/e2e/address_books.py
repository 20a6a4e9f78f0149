"""A hub that keeps contacts in step with a simulated remote, and what tests of every such remote do with it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from hub import app as hub_app
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import Claim, Identifier, Link, Party, PartyKind, PartyStatus
from hub.identity.parties import Given
from hub.intake import read
from hub.intake.models import Account, StreamState
from hub.intake.read import Reader
from hub.outbound.models import Outbox, OutboxState
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner
from hub.work.models import Bucket
from tests.fakes.replay import replay


class Killed(BaseException):
    """As a kill does, it runs no handler of ours."""


def die(*_: object, **__: object) -> None:
    raise Killed


class Reading:
    """A hub with accounts, read on demand."""

    hub: Hub
    account: int  # the first

    def read(self) -> None:
        """Read every stream of every account once, as workers do."""
        reader = hub_app.reader(self.hub)
        with self.hub.db.read() as session:
            numbers = session.scalars(select(Account.id).order_by(Account.id)).all()
        for account in numbers:
            self.read_one(account, read.LISTING, reader)
            with self.hub.db.read() as session:
                streams = [state.stream for state in read.wanted(session, account)]
            for stream in streams:
                self.read_one(account, stream, reader)

    def read_one(self, account: int, stream: str, reader: Reader | None = None) -> dict[str, int]:
        which = (StreamState.account_id == account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return dict((reader or hub_app.reader(self.hub)).read(lease))

    def forget_cursors(self) -> None:
        with self.hub.db.write() as session:
            for state in read.wanted(session, self.account):
                read.forget_cursor(session, self.account, state.stream)

    def replay(self) -> None:
        replay(self.hub, self.account)

    def set(self, **settings: Any) -> None:
        """Change settings of the first account."""
        with self.hub.db.write() as session:
            row = session.get_one(Account, self.account)
            row.settings = {**row.settings, **settings}

    def parties(self, kind: str = PartyKind.PERSON) -> list[Party]:
        with self.hub.db.read() as session:
            query = select(Party).where(Party.kind == kind, Party.status == PartyStatus.ACTIVE)
            return list(session.scalars(query.order_by(Party.id)))

    def party(self) -> Party:
        [party] = self.parties()
        return party

    def values(self, party: Party) -> list[str]:
        """The numbers and addresses that a party has now."""
        with self.hub.db.read() as session:
            return [row.value for row in parties.identifiers(session, party)]

    def rows(self, table: Any) -> Sequence[Any]:
        with self.hub.db.read() as session:
            return session.scalars(select(table).order_by(table.id)).all()

    def everything(self) -> dict[str, Sequence[Any]]:
        """All rows that a record may touch, to see that a repeat changes none."""
        return {
            table.__tablename__: [
                {column.key: getattr(row, column.key) for column in table.__table__.columns} for row in self.rows(table)
            ]
            for table in (Party, Link, Identifier, Claim)
        }


class Writing(Reading):
    """The same, with contacts that are written back."""

    def leases(self) -> list[Lease]:
        with self.hub.db.write() as session:
            return claim(session, Outbox, hub_app.deliverer(self.hub).due(), owner=new_owner(), lease_s=60)

    def send(self) -> int:
        """Send what waits, as workers do; returns how many things."""
        for count in range(100):
            leases = self.leases()
            if not leases:
                return count
            hub_app.deliverer(self.hub).deliver(leases[0])
        raise AssertionError("there is always more to send")

    def hurry(self) -> None:
        with self.hub.db.write() as session:
            session.execute(
                update(Outbox)
                .where(Outbox.state == OutboxState.WAITING)
                .values(due_at=now(), lease_until=now() - timedelta(seconds=1))
            )

    def thaw(self) -> None:
        """Let the time pass that a remote wants silence for."""
        with self.hub.db.write() as session:
            session.execute(update(Bucket).values(frozen_until=None))

    def edit(self, number: int = 0, **change: Any) -> None:
        """Change a customer, else the only one, as a person does."""
        with self.hub.db.write() as session:
            party = session.get_one(Party, number or self.party().id)
            if "company" in change:
                change["company"] = parties.company_named(session, None, change["company"])
            parties.edit(session, None, party, **change)

    def say(self, value: str, number: int = 0) -> None:
        """Give a customer a number or an address."""
        with self.hub.db.write() as session:
            party = session.get_one(Party, number or self.party().id)
            given = Given("email" if "@" in value else "phone", value)
            parties.add_identifier(session, None, party, given, region="IL")

    def take_off(self, value: str, number: int = 0) -> None:
        """Take a number or an address off a customer."""
        with self.hub.db.write() as session:
            party = session.get_one(Party, number or self.party().id)
            [row] = [one for one in parties.identifiers(session, party) if one.value == value]
            parties.remove_identifier(session, None, party, row.id)
