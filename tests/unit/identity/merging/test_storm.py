"""Merges, undos, syncs, edits and splits in any order: nothing is lost or doubled, and undoing everything undoes it."""

import sys
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import link, parties, pins
from hub.identity.merging import history
from hub.identity.merging.merge import merge
from hub.identity.merging.split import split
from hub.identity.merging.undo import on_top, undo
from hub.identity.models import Identifier, Link, Merge, MergeState, NotSame, Party, PartyStatus
from hub.identity.parties import Given
from hub.identity.resolving import second_look
from hub.intake.models import RawRecord
from hub.store.base import now
from hub.store.session import Database
from hub.timeline.models import Interaction, Note, Participant
from tests.fakes.merging import Desk, differing, dump, whole

PEOPLE = 4
NAMES = ("Dana Levi", "Moshe Levi", "Katarzyna Nowak", "Ivan Petrov", "Sara Cohen")
PHONES = ("050-234-5678", "054-765-4321", "03-612-3456", "052-888-7766")
MAILS = ("dana@levi.example", "m@levi.example", "k@nowak.example", "office@levi.example")
# What a merge may write to here.
CHANGED = frozenset({
    "party", "link", "identifier", "claim", "participant", "interaction", "note", "contact_photo", "shared_record", "conflict",
    "outbox", "raw_record",
})  # fmt: skip
whom = st.integers(0, 9)
phones = st.lists(st.sampled_from(PHONES), max_size=2)
emails = st.lists(st.sampled_from(MAILS), max_size=2)


class Storm(RuleBasedStateMachine):
    """Customers of a database; each run is one transaction that ends in nothing."""

    database: ClassVar[Database]
    ended = 0

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(self.database.engine, expire_on_commit=False)
        self.desk = Desk(self.session)
        self.happened: set[int] = set()
        self.taken: set[tuple[int, str]] = set()
        self.first: set[int] = set()
        self.written = 0

    @initialize()
    def begin(self) -> None:
        for number in range(PEOPLE):
            self.sync(number % 4, number, [PHONES[number]], [MAILS[number]])
            self.talk(number, PHONES[number])
        self.first = set(self.session.scalars(select(Link.id)))

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # else it failed already, and that is what is told
                self.all_back()
                type(self).ended += 1
        finally:
            self.session.rollback()
            self.session.close()

    def people(self) -> list[Party]:
        query = select(Party).where(Party.status == PartyStatus.ACTIVE, Party.kind == "person").order_by(Party.id)
        return list(self.session.scalars(query))

    def someone(self, number: int) -> Party:
        people = self.people()
        return people[number % len(people)]

    # --- what happens ---------------------------------------------------------------------------------------

    @rule(one=whom, other=whom, chosen=st.booleans())
    def merge(self, one: int, other: int, chosen: bool) -> None:
        first, second = self.someone(one), self.someone(other)
        if first is second:
            return
        before = dump(self.session, CHANGED)
        row = merge(self.session, None, first, second, winner=second if chosen else None)
        whole(self.session)
        known = set(self.session.scalars(select(NotSame.id)))
        undo(self.session, None, row)
        assert differing(dump(self.session, CHANGED), before) == {}, "an undo right after the merge restores every row"
        for made in self.session.scalars(select(NotSame).where(NotSame.id.not_in(known))):
            self.session.delete(made)
        merge(self.session, None, first, second, winner=second if chosen else None)

    @rule(number=whom)
    def undo(self, number: int) -> None:
        rows = self.live()
        if not rows:
            return
        row = rows[number % len(rows)]
        if on_top(self.session, row):
            assert row is not rows[0], "nothing is on top of the last one"
            with pytest.raises(UserError, match="on top"):
                undo(self.session, None, row)
        else:
            undo(self.session, None, row)

    @rule(account=st.integers(0, 3), remote=st.integers(0, 4), phones=phones, emails=emails)
    def sync(self, account: int, remote: int, phones: list[str], emails: list[str]) -> None:
        record: dict[str, Any] = {"phones": phones, "emails": emails}
        self.desk.take(account, f"r{remote}", NAMES[remote], company=f"Firm {remote % 2}", **record)
        self.taken.add((account, f"r{remote}"))

    @rule(number=whom)
    def withdraw(self, number: int) -> None:
        if len(self.taken) <= PEOPLE:
            return
        account, remote_id = sorted(self.taken)[number % len(self.taken)]
        raw = self.session.scalars(
            select(RawRecord).where(
                RawRecord.account_id == self.desk.accounts[account].id, RawRecord.remote_id == remote_id
            )
        ).one()
        self.first.discard(self.desk.link(account, remote_id).id)
        link.withdraw(self.session, self.desk.accounts[account], [raw])
        self.taken.discard((account, remote_id))

    @rule(
        number=whom,
        name=st.sampled_from(NAMES),
        title=st.sampled_from(["", "Buyer"]),
        colour=st.sampled_from([None, 1]),
    )
    def edit(self, number: int, name: str, title: str, colour: int | None) -> None:
        party = self.someone(number)
        parties.edit(self.session, None, party, name=name, job_title=title)
        parties.say(self.session, None, party, {"colour": colour})

    @rule(number=whom, which=whom, off=st.booleans())
    def pin(self, number: int, which: int, off: bool) -> None:
        party = self.someone(number)
        said = [one for several in pins.words(self.session, party).values() for one in several]
        said = [one for one in said if pins.may_pin(one.field) and not one.is_here]
        if said:
            word = said[which % len(said)]
            pins.pin(self.session, None, party, word, begun={})
            assert pins.words(self.session, party)[word.field][0].value == word.value
            if off:
                pins.unpin(self.session, None, party, word.field)
                assert not any(one.is_here for one in pins.words(self.session, party)[word.field])

    @rule(number=whom, phone=st.sampled_from(PHONES), off=st.booleans())
    def number(self, number: int, phone: str, off: bool) -> None:
        party = self.someone(number)
        row = parties.add_identifier(self.session, None, party, Given("phone", phone), region="IL")
        if off:
            parties.remove_identifier(self.session, None, party, row.id)

    @rule(number=whom, phone=st.sampled_from(PHONES))
    def talk(self, number: int, phone: str) -> None:
        self.happened.add(self.desk.talk(self.someone(number), "+972" + phone.replace("-", "")[1:]))

    @rule(number=whom)
    def write(self, number: int) -> None:
        self.desk.write(self.someone(number), "Hello")
        self.written += 1

    @rule(number=whom, which=whom)
    def split(self, number: int, which: int) -> None:
        party = self.someone(number)
        links = self.session.scalars(select(Link.id).where(Link.party_id == party.id).order_by(Link.id)).all()
        if len(links) > 1:
            split(self.session, None, party, [links[which % len(links)]])

    @rule()
    def look(self) -> None:
        """Workers look again at whoever is recognised by something else than before."""
        second_look.page(self.session)
        self.session.expire_all()

    @rule()
    def late(self) -> None:
        """What was on its way when a merge happened is looked for."""
        self.session.execute(update(Merge).where(Merge.state == MergeState.DONE).values(due_at=now()))
        for row in self.live():
            history.advance(self.session, row, 1000)

    # --- what always holds ----------------------------------------------------------------------------------

    def live(self) -> list[Merge]:
        query = select(Merge).where(Merge.state == MergeState.DONE).order_by(Merge.id.desc())
        return list(self.session.scalars(query))

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        whole(self.session)
        assert set(self.session.scalars(select(Interaction.id))) == self.happened
        parts = self.session.scalars(select(Participant.interaction_id)).all()
        assert sorted(parts) == sorted(self.happened)
        assert self.session.scalar(select(func.count()).select_from(Note)) == self.written
        links = {
            (self.desk.accounts.index(account), remote_id)
            for account in self.desk.accounts
            for remote_id in self.session.scalars(select(Link.remote_id).where(Link.account_id == account.id))
        }
        assert links == self.taken

    def all_back(self) -> None:
        """Undone from the last to the first, every record and everything that happened is with a party of its own again."""
        for row in self.live():
            undo(self.session, None, row)
        self.nothing_is_lost_or_doubled()
        assert not self.session.scalars(select(Party.id).where(Party.status == PartyStatus.MERGED)).all()
        parted = self.session.scalars(select(Merge.id).where(Merge.rule == "split")).all()
        losers = set(self.session.scalars(select(Merge.loser_id)))
        for one in self.session.scalars(select(Link)):
            # What came while two were one goes with the one whose numbers it has; what was there before, where it was.
            came_since = one.party_id in losers and one.id not in self.first
            assert one.party_id == one.origin_party_id or came_since or parted
        held = self.session.execute(select(Identifier.party_id, Identifier.kind, Identifier.value)).all()
        assert len(held) == len(set(held))


def storm(database: Database) -> type[Storm]:
    """Return the machine over a database."""
    return type("StormHere", (Storm,), {"database": database})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_storm_loses_and_doubles_nothing(database: Database) -> None:
    machine = storm(database)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=16, derandomize=True, phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )  # fmt: skip
    assert machine.ended >= 25, "each run was taken back to its beginning"
