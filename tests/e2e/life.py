"""What the stories of a simulated life share: weather, what the hub's workers do, and how everything must be in the end."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity.models import Identifier, Party, PartyStatus
from hub.intake import channels, read
from hub.intake.models import Account, Health, RawRecord, StreamState
from hub.mail.models import MailMessage
from hub.meetings.models import MeetingRow
from hub.outbound.models import Outbox, OutboxState
from hub.timeline.models import Interaction, Kind
from hub.work.lease import Lease, claim, new_owner
from hub.work.models import Bucket
from tests.e2e import sending


class Weather(Faults):
    """Faults that come by themselves.

    Args:
        chances: how likely each is to come when it could.
    """

    def __init__(self, seed: int, chances: Mapping[str, float]) -> None:
        super().__init__()
        self._dice = random.Random(seed)
        self._chances = chances
        self._away: set[str] = set()
        self.is_bad = False
        self.came: Counter[str] = Counter()

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Let one fault stay away for a while."""
        self._away.add(name)
        yield
        self._away.discard(name)

    def take(self, name: str) -> bool:
        if name in self._away:
            return False
        if self.is_bad and name in self._chances and self._dice.random() < self._chances[name]:
            self.came[name] += 1
            return True
        return super().take(name)


@dataclass
class Workers:
    """What the workers of a hub do for one account, on demand."""

    hub: Hub
    account: int

    def streams(self) -> list[str]:
        with self.hub.db.read() as session:
            return [state.stream for state in read.wanted(session, self.account)]

    def work(self) -> None:
        """Read everything once and send what is due, whatever fails."""
        self.read()
        sending.let_time_pass(self.hub)
        sending.deliver(self.hub)

    def read(self) -> None:
        """Read every stream once, whether it is due or not."""
        self.read_one(read.LISTING)
        for stream in self.streams():
            self.read_one(stream)

    def read_one(self, stream: str) -> None:
        hub_app.reader(self.hub).read(self._claimed(stream))

    def look_at_channels(self) -> None:
        """Open, renew and close what is told of, if anything is to be done."""
        with self.hub.db.write() as session:
            channels.plan(session, channels.reached_at(self.hub.settings))
        which = (StreamState.account_id == self.account) & (StreamState.stream == channels.PUSH)
        with self.hub.db.write() as session:
            leases = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        for lease in leases:  # none before anything is read
            hub_app.push_channels(self.hub).keep(lease)

    def silence_is_over(self) -> None:
        """Let so much time pass that nobody waits for a remote that wanted silence."""
        with self.hub.db.write() as session:
            session.execute(delete(Bucket))

    def is_quiet(self) -> bool:
        """Work once more, and say whether nothing is left to do."""
        self.work()
        with self.hub.db.read() as session:
            standing = (
                select(func.count()).select_from(StreamState).where(StreamState.trouble != "", StreamState.wanted)
            )
            waiting = select(func.count()).select_from(Outbox).where(Outbox.state == OutboxState.WAITING)
            return not session.scalar(standing) and not session.scalar(waiting)

    def kept(self, records: str) -> list[RawRecord]:
        """Return what the hub has of a kind and takes for present."""
        with self.hub.db.read() as session:
            query = select(RawRecord).where(RawRecord.stream == records, RawRecord.gone_at.is_(None))
            return list(session.scalars(query))

    def assert_green(self) -> None:
        """Audit every stream: the hub has missed nothing, and the account is as it should be."""
        for stream in self.streams():
            found = hub_app.run_audit(self.hub, self._claimed(stream))
            assert (found.missing, found.error) == ((), ""), stream
        with self.hub.db.read() as session:
            assert session.get_one(Account, self.account).health == Health.HEALTHY

    def assert_nothing_twice(self) -> None:
        """No mail, no meeting and nobody is there two times."""
        with self.hub.db.read() as session:
            names = session.scalars(select(MailMessage.message_id)).all()
            assert len(names) == len(set(names))
            meetings = session.scalars(select(Interaction.id).where(Interaction.kind == Kind.MEETING)).all()
            assert sorted(meetings) == sorted(session.scalars(select(MeetingRow.interaction_id)))
            people = session.execute(
                select(Party.name, Identifier.value)
                .join(Identifier, Identifier.party_id == Party.id)
                .where(Party.status == PartyStatus.ACTIVE, Party.merged_into.is_(None), Identifier.valid_to.is_(None))
            ).all()
            assert len(people) == len(set(people))

    def _claimed(self, stream: str) -> Lease:
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return lease
