"""The way of a record: taken once however often it comes, and set aside with its reason where it cannot be taken."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import flow as flows
from hub.context import Hub
from hub.cti import wrap_up
from hub.cti.models import CallRow, LegRow
from hub.flow import MAPPINGS, Flow, open_flow
from hub.intake.models import Account, RawRecord, RawState
from hub.records.call import Direction, Outcome
from hub.security.models import Role
from hub.security.policy import Person
from hub.timeline.models import Interaction, Participant, Task
from tests.fakes.replay import replay
from tests.unit.flow.made import BEGAN, account, call, count, raw, take


@pytest.fixture
def owner(hub: Hub) -> Account:
    return account(hub)


def mapped(hub: Hub, folder: Path, old: str, new: str) -> Flow:
    """The hub's flow with the shipped mapping of calls changed in one place."""
    text = (MAPPINGS / "hub/calls.toml").read_text("utf-8")
    assert old in text
    file = folder / "mappings/hub/calls.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace(old, new), "utf-8")
    return open_flow(hub.settings, folder / "mappings")


def pretentious(hub: Hub, folder: Path) -> Flow:
    """A mapping that wants more than these calls have."""
    return mapped(hub, folder, 'queue       = "queue"', 'queue = { from = "no_such_field", required = true }')


def entries(hub: Hub) -> Sequence[Interaction]:
    with hub.db.read() as session:
        return session.scalars(select(Interaction).order_by(Interaction.id)).all()


def test_a_finished_call_is_one_row_on_the_timeline(hub: Hub, owner: Account) -> None:
    assert take(hub, owner, call()) == ["new"]

    (entry,) = entries(hub)
    assert (entry.kind, entry.direction, entry.started_at) == ("call", "inbound", BEGAN)
    assert (entry.detail["outcome"], entry.detail["talk_s"]) == ("answered", 60.0)
    assert raw(hub).state == RawState.APPLIED
    assert raw(hub).payload["caller"] == "0541234567"


def test_the_same_call_again_changes_nothing(hub: Hub, owner: Account) -> None:
    take(hub, owner, call())
    before, version = entries(hub)[0].public_id, raw(hub).version

    assert take(hub, owner, call(), call()) == ["known", "known"]
    assert [entry.public_id for entry in entries(hub)] == [before]
    assert raw(hub).version == version
    assert (count(hub, RawRecord), count(hub, CallRow), count(hub, LegRow), count(hub, Participant)) == (1, 1, 1, 1)


class TestSetAside:
    def test_a_call_that_cannot_be_mapped_waits_with_its_reason(self, hub: Hub, owner: Account, tmp_path: Path) -> None:
        take(hub, owner, call(), flow=pretentious(hub, tmp_path))

        kept = raw(hub)
        assert kept.state == RawState.SET_ASIDE
        assert all(word in kept.error for word in ("calls.toml", "queue", "1.1"))
        assert kept.payload["caller"] == "0541234567"
        assert entries(hub) == []
        assert count(hub, CallRow) == 1  # the call itself is there for the history of the exchange

    def test_it_does_not_stop_the_others(self, hub: Hub, owner: Account, tmp_path: Path) -> None:
        flow = mapped(hub, tmp_path, 'queue       = "queue"', 'queue = { from = "queue", required = true }')
        take(hub, owner, call("1.1", queue="support"), call("1.2"), call("1.3", queue="sales"), flow=flow)

        assert [raw(hub, key).state for key in ("1.1", "1.2", "1.3")] == ["applied", "set_aside", "applied"]
        assert [entry.detail["queue"] for entry in entries(hub)] == ["support", "sales"]

    def test_a_replay_with_a_mended_mapping_takes_it(self, hub: Hub, owner: Account, tmp_path: Path) -> None:
        take(hub, owner, call(), flow=pretentious(hub, tmp_path))

        assert replay(hub, owner.id, hub.flow) == (1, 0)
        assert (raw(hub).state, raw(hub).error) == (RawState.APPLIED, "")
        assert len(entries(hub)) == 1

    def test_a_retry_is_taken_by_the_next_look(self, hub: Hub, owner: Account, tmp_path: Path) -> None:
        take(hub, owner, call(), flow=pretentious(hub, tmp_path))
        with hub.db.write() as session:
            flows.retry(session, session.scalars(select(RawRecord)).one())
        with hub.db.write() as session:
            assert flows.has_waiting(hub.flow, session)
            assert flows.waiting(hub.flow, session) == 1

        assert raw(hub).state == RawState.APPLIED
        assert raw(hub).attempts == 2
        with hub.db.read() as session:
            assert not flows.has_waiting(hub.flow, session)

    def test_a_retry_of_what_was_applied_does_nothing(self, hub: Hub, owner: Account) -> None:
        take(hub, owner, call())
        with hub.db.write() as session:
            flows.retry(session, session.scalars(select(RawRecord)).one())

        assert raw(hub).state == RawState.APPLIED

    def test_a_call_that_fails_again_says_the_new_reason(self, hub: Hub, owner: Account, tmp_path: Path) -> None:
        take(hub, owner, call(), flow=pretentious(hub, tmp_path))
        other = mapped(hub, tmp_path / "b", 'did         = "did"', 'did = { from = "nothing_here", required = true }')

        assert replay(hub, owner.id, other) == (0, 1)
        assert "did" in raw(hub).error
        assert "queue" not in raw(hub).error

    def test_a_call_whose_row_is_gone_is_set_aside(self, hub: Hub, owner: Account) -> None:
        take(hub, owner, call())
        with hub.db.write() as session:
            session.delete(session.scalars(select(CallRow)).one())

        assert replay(hub, owner.id, hub.flow) == (0, 1)
        assert "no longer there" in raw(hub).error

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('{ from = "started_at", type = "datetime", required = true }', '"started_at"'),
            ('{ from = "ended_at", type = "datetime" }', '"key"'),
            ('{ from = "talk_s", type = "decimal" }', '"key_that_is_text"'),
            ('{ from = "talk_s", type = "decimal" }', '"direction"'),
            ('direction   = { from = "direction", required = true }', 'direction = { from = "legs" }'),
            ('extensions  = "extensions"', 'extensions = "talk_s"'),
            ('queue       = "queue"', 'length = { from = "talk_s", type = "decimal" }'),
            ('queue       = "queue"', 'picked_up = { from = "answered_at", type = "datetime" }'),
        ],
    )
    def test_a_mapping_of_a_wrong_type_sets_aside_or_is_borne(
        self, hub: Hub, owner: Account, tmp_path: Path, old: str, new: str
    ) -> None:
        """Whatever an administrator writes into a mapping, it must not keep the others from being taken."""
        take(hub, owner, call(), flow=mapped(hub, tmp_path, old, new))

        assert raw(hub).state in {RawState.APPLIED, RawState.SET_ASIDE}
        assert raw(hub).state == RawState.APPLIED or raw(hub).error


class TestReplay:
    def test_it_gives_the_same_one_row(self, hub: Hub, owner: Account) -> None:
        take(hub, owner, call("1.1"), call("1.2", started_at=BEGAN + timedelta(hours=1)))
        before = [(entry.id, entry.public_id, entry.started_at, entry.detail) for entry in entries(hub)]

        assert replay(hub, owner.id, hub.flow) == (2, 0)
        assert replay(hub, owner.id, hub.flow) == (2, 0)
        assert [(entry.id, entry.public_id, entry.started_at, entry.detail) for entry in entries(hub)] == before
        assert count(hub, Participant) == 2

    def test_another_mapping_changes_the_row_and_the_first_one_changes_it_back(
        self, hub: Hub, owner: Account, tmp_path: Path
    ) -> None:
        take(hub, owner, call())
        more = mapped(hub, tmp_path, 'queue       = "queue"', 'queue = "queue"\nbranch = "did"')

        replay(hub, owner.id, more)
        assert entries(hub)[0].detail["branch"] == "5550100"
        replay(hub, owner.id, hub.flow)
        assert "branch" not in entries(hub)[0].detail
        assert len(entries(hub)) == 1

    def test_it_opens_no_second_task_for_a_missed_call(self, hub: Hub, owner: Account) -> None:
        take(hub, owner, call(outcome=Outcome.MISSED, answered_at=None, talk_s=0.0))
        assert count(hub, Task) == 1
        with hub.db.write() as session:
            session.scalars(select(Task)).one().done_at = BEGAN

        replay(hub, owner.id, hub.flow)
        assert count(hub, Task) == 1
        with hub.db.read() as session:
            assert session.scalars(select(Task)).one().done_at == BEGAN

    def test_pages_of_a_replay_leave_nothing_out(
        self, hub: Hub, owner: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(flows, "PAGE", 2)
        take(hub, owner, *(call(f"1.{n}") for n in range(5)))

        assert replay(hub, owner.id, hub.flow) == (5, 0)


def test_a_crash_after_any_call_of_a_page_leaves_nothing_half_done(hub: Hub, owner: Account) -> None:
    def crash(session: Session, account: Account, finished: Any) -> None:
        raise RuntimeError("the process died here")

    before = hub.flow
    take(hub, owner, call("1.1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.app.settled_of", lambda _: crash)
        with pytest.raises(RuntimeError):
            take(hub, owner, call("1.2"), flow=before)

    assert (count(hub, CallRow), count(hub, RawRecord), len(entries(hub))) == (1, 1, 1)
    assert take(hub, owner, call("1.2")) == ["new"]
    assert (count(hub, CallRow), count(hub, RawRecord), len(entries(hub))) == (2, 2, 2)


def choosing(hub: Hub, **values: bool) -> Flow:
    """The hub's flow with other settings of calls."""
    calls = hub.settings.calls.model_copy(update=values)
    return replace(hub.flow, settings=hub.settings.model_copy(update={"calls": calls}))


def test_internal_calls_are_left_out_only_where_a_setting_says_so(hub: Hub, owner: Account) -> None:
    internal = {"direction": Direction.INTERNAL, "caller": "102", "did": "", "callee": "101"}
    take(hub, owner, call("1.1", **internal), call("1.2"), flow=choosing(hub, keep_internal=False))
    assert raw(hub, "1.1").state == RawState.FILTERED
    assert (count(hub, CallRow), len(entries(hub))) == (2, 1), "the call itself is kept"
    take(hub, owner, call("1.3", **internal))
    assert len(entries(hub)) == 2


def test_a_call_that_is_left_out_as_undocumented_comes_with_the_first_word_about_it(hub: Hub, owner: Account) -> None:
    flow = choosing(hub, leave_out_undocumented=True)
    take(hub, owner, call("1.1"), call("1.2", outcome=Outcome.MISSED, answered_at=None, talk_s=0.0), flow=flow)
    assert (raw(hub).state, entries(hub)) == (RawState.FILTERED, [])
    assert count(hub, Task) == 1, "a missed call is work all the same"
    with hub.db.write() as session:
        row = session.scalars(select(CallRow).where(CallRow.key == "1.1")).one()
        wrap_up.save(session, hub.bus, Person(0, None, "", "a program", Role.ADMIN), row, disposition="Resolved")
    with hub.db.write() as session:
        assert flows.waiting(flow, session) == 1
    assert (raw(hub).state, len(entries(hub))) == (RawState.APPLIED, 1)
