"""Streams: read as `hub/connector/stream.py` promises, by the hub's own reader, against every connector's simulator."""

import json
import logging
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from hub.connector.contract import Checkable, Level
from hub.connector.simulator import Container, Harm, StreamFault, StreamSimulator
from hub.connector.stream import Cursor, Findable, Gone, Page, Phase, Remote, Stream, Upsert
from hub.context import Hub
from hub.intake.models import Health, RawState, Reading, StreamState
from hub.intake.trouble import Trouble
from hub.store.base import now
from tests.conftest import DATABASES
from tests.contract.connectors import NAMES, account, connector, faults, ill, secret_fields, simulated, until
from tests.contract.streams import (
    CUSTOMER,
    LIVES,
    PAGE,
    READERS,
    STREAMS,
    Deaths,
    Desk,
    common,
    forged,
    kinds,
    reached,
    reading,
)
from tests.contract.test_descriptor import missing

pytestmark = pytest.mark.timeout(300)
every_stream = pytest.mark.parametrize(("database_url", "name", "kind"), LIVES, indirect=["database_url"])
MANY = 2 * PAGE + 3
HALF_ANSWERS = (
    StreamFault.RESET, StreamFault.HTML, StreamFault.TRUNCATED, StreamFault.SERVER_ERROR, StreamFault.UNAVAILABLE,
    StreamFault.HANG,
)  # fmt: skip
A_FEW = 6  # requests that a remote which leads nowhere may cost


def every_fault(*harms: Harm) -> pytest.MarkDecorator:
    """Each stream with each fault of these harms; where only the database is another one, with one fault of each harm."""
    cases = [
        (*life, fault)
        for life in LIVES
        for harm in harms
        for _, fault in ill([life[1]], harm)[: None if life[0] == DATABASES[0] else 1]
    ]
    return pytest.mark.parametrize(("database_url", "name", "kind", "fault"), cases, indirect=["database_url"])


def healed(desk: Desk) -> None:
    """Clear all faults; the stream goes on by itself, and in the end nothing is missing."""
    desk.simulator.faults.clear()
    desk.thaw()
    until(lambda: desk.read() is not None and not desk.state.trouble, lambda: desk.state.last_error)
    assert desk.wrong() == []
    assert desk.state.failures == 0
    assert desk.state.last_error == ""


# --- what is offered ----------------------------------------------------------------------------------------------------


def test_somebody_is_read() -> None:
    """A suite without a stream tests nothing."""
    assert READERS
    assert STREAMS


@pytest.mark.parametrize("name", READERS)
def test_a_simulator_has_what_this_suite_needs(name: str) -> None:
    assert common(faults(name)) == set()
    with simulated(name) as simulator:
        assert missing(simulator, StreamSimulator) == []
        for kind in kinds(name):
            container = simulator.container(kind)
            assert missing(container, Container) == []
            assert set(container.settings) <= set(connector(name).settings.model_fields) - secret_fields(name)
            assert container.texts() == {}


@pytest.mark.parametrize("name", [name for name in NAMES if name in READERS])
def test_opening_an_account_and_naming_a_stream_asks_nobody(hub: Hub, name: str) -> None:
    with simulated(name) as simulator:
        make, before = connector(name).remote, simulator.asked
        assert make is not None
        hubs = Desk(hub, name, simulator, simulator.container(kinds(name)[0]))
        before = simulator.asked
        remote, stream = hubs.open()

        assert simulator.asked == before
        assert missing(remote, Remote) == []
        assert missing(stream, Stream) == []
        assert account(name, simulator)


@every_stream
def test_a_stream_says_what_it_is_and_stays_the_same(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        remote, stream = desk.open()
        streams = remote.streams()

        assert len({one.key for one in streams}) == len(streams) >= 2
        for one in streams:
            again = remote.stream(one.key)
            facts = [(it.key, it.title, it.records, it.mailbox, it.asked, it.every) for it in (one, again)]
            assert facts[0] == facts[1]
            assert one.title.strip() == one.title != ""
            assert one.every.total_seconds() >= 10
        assert stream.records.partition(":")[0] == kind
        assert hub.flow.kind(name, stream.records), "its records have no mapping"


@every_stream
def test_a_cursor_is_all_that_is_needed_to_go_on(hub: Hub, name: str, kind: str) -> None:
    """The stream itself remembers nothing: each page is asked for by another object."""
    with reading(hub, name, kind) as desk:
        desk.grow(MANY)
        shown: dict[str, str] = {}
        pages: list[Page] = []
        cursor = desk.open()[1].begin()
        while not pages or pages[-1].more:
            cursor = Cursor.of_json(json.loads(json.dumps(cursor.as_json())))
            pages.append(desk.open()[1].pull(cursor))
            cursor = pages[-1].next
            shown |= {one.remote_id: json.dumps(one.payload) for one in pages[-1].changes if isinstance(one, Upsert)}
            assert len(pages) < MANY + A_FEW

        assert len([page for page in pages if page.changes]) >= MANY / PAGE
        assert shown.keys() == desk.container.texts().keys()
        assert cursor.phase is Phase.INCREMENTAL
        assert cursor.token


# --- reading ------------------------------------------------------------------------------------------------------------


@every_stream
def test_a_first_pass_reads_everything(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        ids = desk.grow(MANY)
        assert desk.read()["new"] == MANY
        assert sorted(desk.raws()) == sorted(ids)
        assert {raw.state for raw in desk.raws().values()} == {RawState.APPLIED}
        assert desk.wrong() == []
        assert desk.cursor.phase is Phase.INCREMENTAL
        assert (desk.state.trouble, desk.state.last_error) == ("", "")
        for other in desk.states:
            desk.read(stream=other)
        assert desk.row.health == Health.HEALTHY


@every_stream
def test_then_only_what_changed_is_read(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        first, second, *_ = desk.grow(MANY)
        desk.read()
        desk.grow(1)
        desk.container.change(first)
        desk.container.remove(second)
        before = desk.versions()
        counts = desk.read()
        assert desk.wrong() == []
        assert counts.pop("new") == 1
        if desk.container.only_grows:
            assert counts.keys() <= {"unchanged"}, "nothing changes, and little is read again"
            assert sum(counts.values()) < PAGE
        else:
            assert sum(counts.values()) == 2
        untouched = before.keys() - {first, second}
        assert {one: desk.versions()[one] for one in untouched} == {one: before[one] for one in untouched}
        assert desk.state.epoch == 1


@every_stream
def test_nothing_new_is_one_request(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(MANY)
        desk.read()
        before = desk.versions()
        assert desk.asking() == 1
        assert desk.versions() == before


@every_stream
def test_an_empty_place_is_read_and_then_grows(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        assert desk.read() == {}
        assert desk.state.trouble == ""
        desk.grow(1)
        desk.read()
        assert desk.wrong() == []
        assert len(desk.raws()) == 1


@every_stream
def test_what_changes_while_everything_is_listed_is_not_lost(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        first, *_, last = desk.grow(MANY)
        desk.read(slice_s=0)
        assert desk.cursor.phase is Phase.FULL
        desk.container.change(first)
        desk.container.remove(last)
        desk.grow(2)
        desk.read()
        desk.read()
        assert desk.wrong() == []


@every_stream
def test_a_second_whole_pass_changes_nothing(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(MANY)
        desk.read()
        versions, timeline = desk.versions(), desk.timeline()
        assert desk.read_anew() == {"unchanged": MANY}
        assert desk.versions() == versions
        assert desk.timeline() == timeline
        assert desk.state.epoch == 2


# --- a cursor that is lost ----------------------------------------------------------------------------------------------


@every_stream
def test_a_lost_cursor_begins_anew_wipes_nothing_and_finds_what_is_gone(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        first, second, *_ = desk.grow(MANY)
        desk.read()
        rows, timeline = {one: raw.id for one, raw in desk.raws().items()}, desk.timeline()
        desk.container.change(first)
        desk.container.remove(second)
        desk.grow(1)
        desk.lose_the_cursor()

        steps = 0
        while desk.state.epoch == 1 or desk.cursor.phase is not Phase.INCREMENTAL:
            counts = desk.read(slice_s=0)
            assert {one: raw.id for one, raw in desk.raws().items() if one in rows} == rows, "nothing is wiped"
            if desk.cursor.phase is Phase.FULL:
                assert not counts.get("gone"), "who has not seen everything cannot say what is gone"
            steps += 1
            assert steps < MANY + A_FEW

        assert desk.wrong() == []
        assert desk.state.epoch == 2
        assert (desk.raws()[second].gone_at is None) is desk.container.only_grows
        untouched = [title for one, title in desk.container.titles().items() if one in rows and one != first]
        still = [row for row in timeline.items() if any(title in row[1] for title in untouched)]
        assert len(still) == len(untouched)
        assert set(still) <= set(desk.timeline().items()), "what did not change stays the same row"


@every_stream
def test_a_remote_that_forgets_all_the_time_is_asked_a_few_times_and_seen(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(2)
        desk.read()
        for _ in range(3):
            desk.order(StreamFault.EXPIRE_CURSOR)
            assert desk.asking() <= 2 * A_FEW
        healed(desk)


# --- faults -------------------------------------------------------------------------------------------------------------


@every_fault(Harm.NOISE)
def test_noise_is_borne(hub: Hub, name: str, kind: str, fault: str) -> None:
    with reading(hub, name, kind, fault) as desk:
        first, *_ = desk.grow(MANY)
        desk.read()
        assert (desk.state.trouble, desk.wrong()) == ("", [])
        desk.order(f"{fault}=2")
        desk.container.change(first)
        desk.grow(PAGE + 1)
        desk.read()
        assert (desk.state.trouble, desk.wrong()) == ("", [])


@every_stream
def test_a_page_that_comes_twice_or_in_another_order_changes_nothing(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(MANY)
        desk.read()
        before = desk.versions()
        for fault in (StreamFault.REPLAY_PAGE, StreamFault.REORDER_PAGE, StreamFault.EMPTY_PAGE):
            desk.order(f"{fault}=3")
            counts = desk.read_anew()
            assert not desk.simulator.faults.take(fault), f"{fault} never happened"
            assert set(counts) == {"unchanged"}, fault
            assert desk.versions() == before, fault


@every_stream
def test_pages_without_end_are_left_and_seen(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(2)
        desk.read()
        desk.grow(2)
        desk.order(f"{StreamFault.ENDLESS_PAGE}=always")
        assert desk.asking() <= A_FEW
        assert desk.state.trouble == Trouble.AWAY
        assert "circle" in desk.state.last_error
        assert (desk.due_in() or 0) > 0
        desk.read_anew()
        assert desk.state.trouble == Trouble.AWAY
        healed(desk)


@every_fault(Harm.AWAY, Harm.CUT)
def test_a_remote_that_is_away_is_tried_again_and_nothing_is_lost(hub: Hub, name: str, kind: str, fault: str) -> None:
    with reading(hub, name, kind, fault) as desk:
        first, second, *_ = desk.grow(MANY)
        desk.read()
        assert_waits(desk, fault)
        healed(desk)
        desk.container.change(first)
        desk.container.remove(second)
        desk.grow(1)
        cursor = desk.cursor
        desk.order(fault)
        desk.read()
        if desk.state.trouble:
            assert_waits(desk, fault)
            assert replace(desk.cursor, page="") == cursor, "behind what was kept, and no further"
        healed(desk)


def assert_waits(desk: Desk, fault: str) -> None:
    """Nobody has to do anything, and it is said what is wrong."""
    if not desk.simulator.faults.take(fault):  # it happened
        assert desk.state.trouble in {Trouble.AWAY, Trouble.LIMITED, ""}
    if desk.state.trouble:
        assert desk.state.last_error.strip()
        assert desk.due_in() is not None
        assert desk.row.health != Health.NEEDS_YOU


@every_stream
def test_no_answer_or_half_of_one_is_a_failure_that_is_counted(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        for fault in HALF_ANSWERS:
            desk.grow(2)
            before = desk.versions()
            desk.order(f"{fault}=always")
            for count in (1, 2):
                desk.read_anew()
                assert (desk.state.trouble, desk.state.failures) == (Trouble.AWAY, count), fault
                assert desk.state.failing_since is not None
            assert desk.versions() == before
            healed(desk)
            assert desk.state.failing_since is None


@every_stream
def test_when_the_remote_wants_silence_nobody_asks_before_its_time(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(2)
        desk.read()
        desk.read(stream=desk.beside)
        desk.order(StreamFault.RATE_LIMITED)
        began, before = time.monotonic(), desk.simulator.asked
        desk.read()
        assert desk.simulator.asked == before + 1
        assert desk.state.trouble == Trouble.LIMITED
        assert desk.state.failures == 0
        assert 0.5 < (desk.due_in() or 0) < 1.1

        desk.read(stream=desk.beside)
        assert desk.states[desk.beside].trouble == (Trouble.LIMITED if desk.container.shares_limits else "")
        asked = desk.simulator.asked
        assert (asked == before + 1) is desk.container.shares_limits

        def asked_again() -> bool:
            desk.read()
            return desk.simulator.asked > asked

        until(asked_again)
        assert time.monotonic() - began >= 1.0
        assert desk.row.health != Health.NEEDS_YOU
        healed(desk)


# --- access -------------------------------------------------------------------------------------------------------------


@every_stream
def test_a_token_that_is_refused_is_refreshed_once(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(2)
        desk.read()
        desk.order(StreamFault.TOKEN_EXPIRED)
        assert desk.asking() == 3  # refused, refreshed, asked again
        assert desk.state.trouble == ""
        assert desk.asking() == 1, "the new token is kept"

        desk.order(f"{StreamFault.TOKEN_EXPIRED}=always")
        assert desk.asking() <= 3
        assert desk.state.trouble == Trouble.AUTH


@every_stream
def test_who_is_shut_out_needs_a_person_and_keeps_its_place(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        first, *_ = desk.grow(2)
        desk.read()
        cursor = desk.state.cursor
        desk.container.change(first)
        desk.order(f"{StreamFault.REVOKED}=always")
        desk.order(StreamFault.TOKEN_EXPIRED)
        desk.read()
        assert desk.state.trouble == Trouble.AUTH
        assert desk.due_in() is None, "asking again would change nothing"
        assert desk.state.cursor == cursor
        assert desk.row.health == Health.NEEDS_YOU
        assert "onnect" in desk.row.health_text
        assert desk.asking() == 0, "what is dead is not tried again"
        assert len(desk.raws()) == 2

        desk.simulator.faults.clear()
        desk.reconnect()
        assert desk.due_in() is not None
        desk.read()
        assert desk.wrong() == []
        assert desk.state.epoch == 1


@every_fault(Harm.REFUSED)
def test_whatever_shuts_us_out_for_good_needs_a_person(hub: Hub, name: str, kind: str, fault: str) -> None:
    with reading(hub, name, kind, f"{fault}=always") as desk:
        desk.grow(1)
        desk.read()
        assert desk.state.trouble == Trouble.AUTH
        assert desk.row.health == Health.NEEDS_YOU
        assert desk.raws() == {}


@every_stream
@pytest.mark.parametrize(
    ("fault", "trouble", "health"),
    [
        (StreamFault.SCOPE_MISSING, Trouble.SCOPE, Health.WARNINGS),
        (StreamFault.API_DISABLED, Trouble.DISABLED, Health.NEEDS_YOU),
    ],
)
def test_a_right_that_is_missing_stops_its_own_stream_alone(
    hub: Hub, name: str, kind: str, fault: StreamFault, trouble: Trouble, health: Health
) -> None:
    with reading(hub, name, kind, fault) as desk:
        desk.grow(2)
        desk.read()
        desk.read_others()
        assert desk.state.trouble == trouble
        assert desk.state.last_error.strip()
        assert desk.due_in() is not None, "somebody may have mended it"
        assert desk.states[desk.beside].trouble == ""
        assert desk.row.health == health
        assert desk.state.last_error in desk.row.health_text
        healed(desk)
        assert desk.row.health == Health.HEALTHY


@every_stream
def test_an_open_account_checks_itself_with_the_access_that_is_kept(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.read()
        if not isinstance(desk.open()[0], Checkable):
            return
        for _, fault in ill([name], Harm.REFUSED, Harm.LIMITED, Harm.AWAY):
            desk.simulator.faults.clear()
            desk.thaw()
            desk.reconnect()
            remote, _ = desk.open()
            assert isinstance(remote, Checkable)
            assert {one.level for one in remote.check()} == {Level.GREEN}, f"before {fault}"
            desk.order(f"{fault}=always")
            desk.order(f"{StreamFault.TOKEN_EXPIRED}=2")
            bad = [one for one in remote.check() if one.level is not Level.GREEN]
            assert bad, fault
            assert all(one.action.strip() for one in bad), fault
            assert not [secret for secret in desk.secrets() if secret in f"{bad!r}"], fault


# --- notifications ------------------------------------------------------------------------------------------------------


@every_stream
def test_a_notification_makes_a_stream_due_and_again_or_forged_it_changes_nothing(
    hub: Hub, name: str, kind: str
) -> None:
    with reached(hub) as house, reading(house.hub, name, kind) as desk:
        first, *_ = desk.grow(2)
        desk.read()
        assert desk.listen() is desk.container.tells
        if not desk.container.tells:
            return
        desk.calm()
        desk.something_happens(first)
        until(desk.hears, desk.due_in)
        desk.read()
        assert desk.wrong() == []

        versions, asked = desk.versions(), desk.simulator.asked
        repeated = range(len(house.posts))
        assert {house.post(at) // 100 for at in repeated for _ in range(3)} <= {2}
        assert desk.simulator.asked == asked, "a notification is a hint: whoever takes it asks nobody"
        assert set(desk.read()) <= {"unchanged"}
        assert desk.versions() == versions

        refused = {401, 403, 404}
        in_body: dict[int, set[int]] = {}
        for at in repeated:
            for header in house.posts[at].headers:
                assert house.post(at, **{header: "forged"}) < 500, header
            in_body[at] = {house.post(at, body=body) for body in forged(house.posts[at].body)}
            assert max(in_body[at], default=0) < 500
        desk.calm()
        for at in repeated:
            signs = [one for one in house.posts[at].headers if one.startswith("x-") or one == "authorization"]
            *_, body = (house.posts[at].body, *forged(house.posts[at].body))
            answer = house.post(at, body=body, **dict.fromkeys(signs, "forged"))
            if signs or house.posts[at].body:  # else it only asked whether we are there
                assert answer in refused or in_body[at] & refused
        assert (desk.due_in() or 0) > 0, "who proves nothing is believed nothing"


# --- records ------------------------------------------------------------------------------------------------------------


@every_stream
def test_a_record_that_cannot_be_taken_is_set_aside_and_the_others_go_on(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        desk.grow(PAGE)
        odd = desk.container.spoil(CUSTOMER)
        desk.grow(PAGE)
        assert desk.read()["set aside"] == 1
        assert desk.state.trouble == ""
        raw = desk.raws()[odd]
        assert raw.state == RawState.SET_ASIDE
        assert raw.error.strip()
        assert len([one for one in desk.raws().values() if one.state == RawState.APPLIED]) == 2 * PAGE
        desk.read_others()
        assert desk.row.health == Health.WARNINGS

        desk.container.mend(odd)
        desk.read()
        assert desk.raws()[odd].state == RawState.APPLIED
        assert desk.wrong() == []
        assert desk.row.health == Health.HEALTHY


@every_stream
def test_single_records_can_be_asked_for_where_a_stream_says_so(hub: Hub, name: str, kind: str) -> None:
    with reading(hub, name, kind) as desk:
        kept, dropped, *_ = desk.grow(PAGE)
        _, stream = desk.open()
        if not isinstance(stream, Findable):
            return
        desk.container.remove(dropped)
        desk.lose_the_cursor()
        found = {one.remote_id: one for one in stream.find([kept, dropped])}
        assert isinstance(found[kept], Upsert)
        assert isinstance(found[dropped], Upsert if desk.container.only_grows else Gone)
        since = now() - timedelta(days=365)
        assert stream.present(since) == desk.container.texts().keys()
        desk.read()
        listed, alone = desk.raws()[kept], found[kept]
        assert isinstance(alone, Upsert)
        assert (listed.payload, listed.etag) == (alone.payload, alone.version)


# --- dying --------------------------------------------------------------------------------------------------------------


@every_stream
def test_a_process_that_dies_between_any_two_statements_loses_and_doubles_nothing(
    hub: Hub, name: str, kind: str
) -> None:
    """What is new, changed and gone comes through one death after the other, until there is no place left to die at.

    First only changes are read; when nobody can die of that any more, everything is read anew, since the cursor is lost.
    """
    with reading(hub, name, kind) as desk:
        living = desk.grow(PAGE + 2)
        desk.read()
        deaths = Deaths(hub.db.engine)
        for is_lost in (False, True):
            begun, before = len(deaths.at), -1
            while len(deaths.at) > before:
                before = len(deaths.at)
                changed, removed, *_ = living
                desk.container.change(changed)
                desk.container.remove(removed)
                living = [*living[2:], changed, *desk.grow(1)]
                if is_lost:
                    desk.lose_the_cursor()
                while deaths.befalls(desk.read):
                    continue
                assert desk.wrong() == [], f"after {len(deaths.at)} deaths"
            assert before > begun + 10, "the deaths never came"


# --- secrets ------------------------------------------------------------------------------------------------------------


@every_stream
def test_no_secret_is_written_anywhere(
    hub: Hub, name: str, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with reading(hub, name, kind) as desk:
        desk.grow(1)
        desk.read()
        assert len(desk.secrets()) >= 2
        secrets = set(desk.secrets())
        for _, fault in ill([name], Harm.AWAY, Harm.CUT, Harm.LIMITED, Harm.REFUSED):
            desk.order(fault)
            desk.read()
            desk.simulator.faults.clear()
            desk.reconnect()
            desk.read_anew()
            secrets |= set(desk.secrets())
        with hub.db.read() as session:
            told = [f"{one.last_error} {one.cursor}" for one in session.scalars(select(StreamState))]
            told += [f"{one.error} {one.counts}" for one in session.scalars(select(Reading))]
        told += [desk.row.health_text, caplog.text, *capfd.readouterr()]
        assert len(told) > 10
        assert not [one for one in secrets if one in " ".join(told)]
