"""Somebody is erased: nothing that grep could find is left, no sync brings them back, and nobody else is touched."""

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from hub import app as hub_app
from hub.cli import cli
from hub.context import Hub
from hub.cti.models import CallRow, Recording, RecordingState
from hub.errors import RetryLaterError, UserError
from hub.identity.models import Identifier, Party, PartyStatus
from hub.imports.models import ImportRow
from hub.intake import receive
from hub.intake.models import RawRecord, RawState
from hub.leads.models import Consent, LeadRow, Touchpoint
from hub.mail.models import MailMessage
from hub.meetings.models import MeetingCopy
from hub.privacy import erase, holds, retention
from hub.privacy.models import Erasure, ErasureStatus, RetentionRule
from hub.privacy.shelves import shelves
from hub.security import suppression
from hub.security.models import Audit
from hub.store.base import now
from hub.timeline.models import Interaction, Note, NoteFile
from hub.work.lease import claim, new_owner
from tests.fakes import somebody
from tests.fakes.api import office as make_office
from tests.fakes.shelf import Crash, crash_at
from tests.fakes.somebody import EMAIL, OTHER, OTHER_EMAIL, PHONE, World


@pytest.fixture
def world(hub: Hub) -> World:
    return somebody.make(make_office(hub, somebody.Removing()))


def ask(world: World) -> None:
    hub = world.hub
    with hub.db.write() as session:
        erase.ask(session, hub.vault, None, session.get_one(Party, world.her), shelves(hub.settings))


def work(world: World) -> Erasure:
    """Let a worker go on with it, once."""
    with world.hub.db.write() as session:
        session.execute(update(Erasure).values(due_at=now(), lease_until=None))
        leases = claim(session, Erasure, erase.due(), owner=new_owner(), lease_s=60)
    for lease in leases:
        erase.run(hub_app.eraser(world.hub), lease)
    with world.hub.db.read() as session:
        return session.scalars(select(Erasure)).one()


def test_nothing_is_left_and_nobody_comes_back(world: World, tmp_path: Path) -> None:
    db = world.hub.db
    before = Counter(name for name, _ in somebody.rows(db))
    assert {line.rpartition(": ")[2] for line in somebody.traces_in_rows(db)} == {*somebody.NEEDLES}, (
        "the test looks for nothing"
    )
    with db.read() as session:
        told = erase.preview(session, session.get_one(Party, world.her))
    assert (told.parties, told.shared, told.documents, told.held_by) == (2, 2, 0, ())
    assert told.counts["email"] == told.counts["call"] == told.counts["recordings"] == 1
    assert told.others == (("phone", somebody.DESK),)
    assert {record for _, _, record in told.remote} == {"c1", "c2"}

    ask(world)
    row = work(world)

    assert (row.status, row.known, row.error) == (ErasureStatus.DONE, "", "")
    assert [(one["account"], one["record"]) for one in erase.left(world.hub.vault, row)] == [
        ("Address book", "c1"), ("Address book", "c2"),
    ]  # fmt: skip
    assert somebody.traces_in_rows(db) == []
    if db.is_sqlite:
        assert somebody.traces_in_files(tmp_path) == []
    assert world.office.exchange.files == {}
    with db.write() as session:
        world.sync(session)
        receive.keep_odd(session, world.books, "leads", somebody.ODD, "odd")
    assert somebody.traces_in_rows(db) == []
    with db.read() as session:
        active = select(Party.name).where(Party.status == PartyStatus.ACTIVE, Party.kind == "person")
        assert session.scalars(active).all() == [OTHER]
        assert session.scalars(select(RawRecord.state).where(RawRecord.error == "erased").distinct()).all() == [
            RawState.FILTERED
        ]
        # What is counted is counted still, and of nobody.
        assert session.execute(
            select(CallRow.outcome, CallRow.number, CallRow.party_id).where(CallRow.key == "call-1")
        ).all() == [("answered", "", None)]
        assert session.execute(
            select(LeadRow.name, Touchpoint.campaign_id).join(Touchpoint, Touchpoint.lead_id == LeadRow.id)
        ).all() == [("", "k1")]
        assert session.scalars(select(Consent.text)).all() == ["I agree.", "I agree."]
        marks = suppression.marks(session, [("phone", PHONE)])
        assert (
            "erased:" + marks["phone", PHONE] in session.scalars(select(Consent.whose)).all()
        )  # who shows the number finds it
        assert session.scalars(select(Recording.state)).all() == [RecordingState.PURGED]
        assert {"number.ignored", "party.changed", "party.merged", "party.erased"} <= set(
            session.scalars(select(Audit.action))
        )
        # The others have what they had.
        assert session.scalars(select(Note.text)).all() == ["Wants prices"]
        assert session.scalars(select(NoteFile.name)).all() == ["prices.txt"]
        assert len(list(shelves(world.hub.settings).notes.names())) == 1, (
            "the bytes that both had are the other's still"
        )
        assert session.scalars(select(MailMessage.subject)).all() == ["About m2"]
        assert session.scalars(select(MeetingCopy.uid)).all() == ["u2"]
        assert [row.cells for row in session.scalars(select(ImportRow).order_by(ImportRow.number))] == [
            {},
            {},
            {"who": OTHER},
        ]
        held = session.scalars(select(Identifier.value).where(Identifier.party_id == world.other))
        assert sorted(held) == [somebody.DESK, OTHER_EMAIL]
    left = Counter(name for name, _ in somebody.rows(db))
    assert left["call"] == before["call"]
    assert left["lead"] == before["lead"]
    shelf = shelves(world.hub.settings)
    assert (
        len([*shelf.mail.names(), *shelf.media.names(), *shelf.photos.names(), *shelf.imports.names()]) == 1
    )  # the file that the other has too


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the same rows on both


@ON_SQLITE
def test_a_worker_may_die_at_any_line(world: World) -> None:
    ask(world)
    engine, deaths = world.hub.db.engine, 0
    for statement in range(3, 400, 37):
        try:
            with crash_at(engine, statement):
                row = work(world)
        except Crash:
            deaths += 1
        else:
            if row.status == ErasureStatus.DONE:
                break
    row = work(world) if row_status(world) != ErasureStatus.DONE else row
    assert deaths > 3
    assert row.status == ErasureStatus.DONE
    assert somebody.traces_in_rows(world.hub.db) == []
    with world.hub.db.read() as session:
        assert (
            session.scalar(select(func.count()).select_from(Interaction)) == 2
        )  # the mail and the meeting with the other


def row_status(world: World) -> str:
    with world.hub.db.read() as session:
        return session.scalars(select(Erasure.status)).one()


@ON_SQLITE
def test_who_is_held_is_not_erased_and_an_exchange_that_is_away_is_waited_for(world: World) -> None:
    db = world.hub.db
    with db.write() as session:
        holds.place(session, None, session.get_one(Party, world.her), "A court wants it")
    with pytest.raises(UserError, match="A court wants it"):
        ask(world)
    with db.write() as session:
        assert holds.lift(session, None, session.get_one(Party, world.her)) == 1
    world.office.exchange.fails = RetryLaterError("away")
    ask(world)
    ask(world)  # again: it is the same one
    row = work(world)
    assert row.status == ErasureStatus.WAITING
    assert "away" in row.error
    assert row.due_at is not None
    world.office.exchange.fails = None
    assert work(world).status == ErasureStatus.DONE
    assert world.office.exchange.files == {}


@ON_SQLITE
def test_the_command_says_what_it_will_do_and_does_it(environment: dict[str, str], world: World) -> None:
    run = CliRunner(env=environment)
    told = run.invoke(cli, ["erase", EMAIL, "--preview"], catch_exceptions=False)
    for words in (
        "with 1 that were merged",
        "cannot be taken apart",
        "erase them there too",
        "2 conversations with other",
    ):
        assert words in told.output
    refused = run.invoke(cli, ["erase", EMAIL], input="n\n")
    assert refused.exit_code == 1
    with world.hub.db.write() as session:  # no connector of the settings reaches the fake exchange
        session.execute(update(Recording).values(path="erased:0", state=RecordingState.PURGED))
    done = run.invoke(cli, ["erase", EMAIL, "--yes"], catch_exceptions=False)
    assert "Erased: " in done.output
    assert "Erase there yourself:" in done.output
    assert somebody.traces_in_rows(world.hub.db) == []
    assert run.invoke(cli, ["erase", EMAIL, "--yes"]).exit_code == 1  # nobody finds them


@ON_SQLITE
def test_retention_takes_away_what_is_too_old_and_nothing_that_is_held(hub: Hub, world: World) -> None:
    keeper = hub_app.keeper(world.hub)
    with hub.db.write() as session:
        assert retention.rules(session) == []  # off until somebody says so
        session.execute(update(LeadRow).values(closed_at=now()))
        holds.place(session, None, session.get_one(Party, world.her), "A court wants it")
        for kind in retention.Kind:
            retention.set_rule(session, None, kind, 0)

    def follow() -> dict[str, int]:
        with hub.db.write() as session:
            session.execute(update(RetentionRule).values(due_at=now()))
            leases = claim(session, RetentionRule, retention.due(), owner=new_owner(), lease_s=60, limit=9)
        for lease in leases:
            retention.follow(keeper, lease)
        with hub.db.read() as session:
            return {rule.kind: rule.gone for rule in retention.rules(session)}

    # Of her nothing goes; the stranger's call and the record that nobody understood do.
    assert follow() == {
        "mails": 0,
        "messages": 0,
        "calls": 1,
        "recordings": 0,
        "leads": 0,
        "records": 1,
        "accounting": 0,
    }
    with hub.db.write() as session:
        holds.lift(session, None, session.get_one(Party, world.her))
        told = {str(kind): retention.count(session, kind, 0) for kind in retention.Kind}
    assert told == {"mails": 2, "messages": 1, "calls": 1, "recordings": 1, "leads": 1, "records": 0, "accounting": 0}
    gone = follow()
    assert gone == {"mails": 2, "messages": 1, "calls": 2, "recordings": 1, "leads": 1, "records": 1, "accounting": 0}
    assert follow() == gone
    with hub.db.read() as session:
        assert session.scalars(select(MailMessage.text)).all() == ["", ""]
        assert session.scalars(select(CallRow.number).distinct()).all() == [""]
        assert session.get_one(Party, world.her).status == PartyStatus.ACTIVE
    assert world.office.exchange.files == {}
    assert [*keeper.shelves.mail.names(), *keeper.shelves.media.names()] == []
