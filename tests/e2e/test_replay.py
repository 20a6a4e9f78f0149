"""A mapping run again over history: asked for, worked at, taken back; whatever dies meanwhile, it ends like a clean run."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub import flow, replays
from hub.cli import cli
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.intake import accounts, receive
from hub.intake.models import Account, RawRecord, RawState
from hub.mapping import versions
from hub.mapping.models import Replay, ReplayStatus
from hub.mapping.versions import Scope
from hub.replays import Progress, Replayer
from hub.security.models import Audit, Role
from hub.security.users import person
from hub.store.base import now
from hub.timeline.models import Interaction
from hub.work.lease import Lease, claim, new_owner
from hub.work.worker import Job
from tests.e2e import kill_replay
from tests.e2e.content import Content, copied, must_equal
from tests.e2e.mortals import Mortals
from tests.fakes.browser import Browser, someone
from tests.fakes.leads import Forms
from tests.fakes.servers import Postgres
from tests.unit.accounting.waiting import until_somebody_waits

LEADS = 6
LONG_S = 60.0


class Desk:
    """A hub with leads, and somebody who runs their mapping again."""

    def __init__(self, hub: Hub, leads: int = LEADS) -> None:
        self.hub, self.forms = hub, Forms(hub)
        self.account = self.forms.account
        self.person = person(someone(hub, Role.ADMIN, "noa@example.com"))
        for number in range(leads):
            self.forms.answer(f"Dana Levi {number}", f"+97254234{number:04d}")

    def publish(self, **fields: Any) -> None:
        """Another mapping counts from now on."""
        shipped = self.hub.flow.mapping("webforms", "lead")
        scope = Scope("webforms", "lead")
        document = shipped.as_json()
        document["fields"] = {**document["fields"], **fields}
        with self.hub.db.write() as session:
            seen, base = versions.seen(session, scope), versions.under(session, scope, shipped=shipped)
            sha256 = versions.save_draft(
                session, self.person, scope, document, base=base, note="", expected_sha=seen
            ).sha256
            versions.publish(session, self.person, scope, sha256, shipped=shipped)

    def ask(self, stream: str = "", since: datetime | None = None) -> int:
        with self.hub.db.write() as session:
            return replays.ask(session, self.person, self.account, stream, since).id

    def row(self, number: int) -> Replay:
        with self.hub.db.read() as session:
            return session.get_one(Replay, number)

    def counts(self, number: int) -> tuple[str, int, int]:
        row = self.row(number)
        return row.status, row.counts.get("applied", 0), row.counts.get("set_aside", 0)

    def claimed(self, number: int) -> Lease:
        with self.hub.db.write() as session:
            [lease] = claim(session, Replay, Replay.id == number, owner=new_owner(), lease_s=LONG_S)
        return lease

    def work(self, number: int, watch: Callable[[Progress], None] = lambda _: None) -> tuple[str, int, int]:
        """A worker does what it can."""
        Replayer(self.hub.db, self.hub.flow, lease_s=LONG_S, watch=watch).run(self.claimed(number))
        return self.counts(number)

    def cancel(self, number: int) -> bool:
        with self.hub.db.write() as session:
            return replays.cancel(session, self.person, session.get_one(Replay, number))

    def is_due(self) -> bool:
        with self.hub.db.read() as session:
            return session.scalar(select(Replay.id).where(replays.due())) is not None

    def platforms(self) -> list[str]:
        """What the timeline says of each lead, in their order."""
        with self.hub.db.read() as session:
            return [row.detail["platform"] for row in session.scalars(select(Interaction).order_by(Interaction.id))]

    def raws(self) -> list[RawRecord]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(RawRecord).order_by(RawRecord.id)))

    def set(self, **values: Any) -> None:
        with self.hub.db.write() as session:
            session.execute(update(Account).where(Account.id == self.account).values(**values))

    def actions(self) -> list[tuple[str, str]]:
        with self.hub.db.read() as session:
            query = select(Audit.action, Audit.actor).where(Audit.action.startswith("replay.")).order_by(Audit.id)
            return [(action, actor) for action, actor in session.execute(query)]


@pytest.fixture
def desk(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(replays, "PAGE", 2)
    return Desk(hub)


only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer


def test_a_worker_runs_the_present_mapping_over_everything(desk: Desk) -> None:
    desk.publish(platform={"default": "site"})
    number, told = desk.ask(), list[Progress]()
    assert desk.is_due()
    assert desk.work(number, told.append) == (ReplayStatus.DONE, LEADS, 0)
    assert desk.platforms() == ["site"] * LEADS
    assert [one.done for one in told] == [2, 4, 6, 6]
    assert {one.total for one in told} == {LEADS}
    assert told[1].rate > 0
    assert told[1].eta is not None
    assert not desk.is_due()
    assert desk.actions() == [("replay.asked", desk.person.actor)]


def test_the_workers_of_a_hub_know_the_work(desk: Desk) -> None:
    jobs: dict[str, Job] = {job.name: job for job in hub_app._workers(desk.hub)._jobs}
    number = desk.ask()
    jobs["replays"].run(desk.claimed(number))
    assert desk.counts(number) == (ReplayStatus.DONE, LEADS, 0)


def test_what_cannot_be_taken_is_set_aside_and_counted(desk: Desk) -> None:
    desk.publish(platform={"from": "no_such_place", "required": True})
    assert desk.work(desk.ask()) == (ReplayStatus.DONE, 0, LEADS)
    assert {raw.state for raw in desk.raws()} == {RawState.SET_ASIDE}


def test_only_what_was_received_since_a_moment_is_taken(desk: Desk) -> None:
    moment = now() - timedelta(hours=1)
    with desk.hub.db.write() as session:
        session.execute(update(RawRecord).where(RawRecord.id <= desk.raws()[3].id).values(received_at=moment))
    desk.publish(platform={"default": "site"})
    assert desk.work(desk.ask(since=moment + timedelta(seconds=1))) == (ReplayStatus.DONE, 2, 0)
    assert desk.platforms() == ["web"] * 4 + ["site"] * 2


def test_only_one_stream_is_taken_with_its_containers(desk: Desk) -> None:
    first, second, third, *_ = desk.raws()
    with desk.hub.db.write() as session:
        for raw, stream in ((first, "lead:one"), (second, "lead:two"), (third, "leads")):
            session.execute(update(RawRecord).where(RawRecord.id == raw.id).values(stream=stream))
    with desk.hub.db.read() as session:
        assert receive.streams(session, desk.account) == ["lead", "lead:one", "lead:two", "leads"]
        account = session.get_one(Account, desk.account)
        for stream, count in (("lead", LEADS - 1), ("lead:one", 1), ("leads", 1), ("", LEADS - 1)):
            assert len(replays.stored(session, flow.again(desk.hub.flow, account, stream), after=0)) == count, stream


def test_what_covers_the_same_is_not_asked_for_twice(desk: Desk) -> None:
    everything = desk.ask()
    earlier, later = now() - timedelta(days=2), now() - timedelta(days=1)
    assert desk.ask("lead") == desk.ask("lead:one", later) == everything
    assert desk.cancel(everything)
    one = desk.ask("lead", earlier)
    assert desk.ask("lead", later) == one
    assert desk.ask("lead") != one
    assert desk.ask("calls", later) != one
    before = desk.row(one).last
    desk.forms.answer("Amir Cohen", "+972542399999")
    assert desk.ask("lead", earlier) == one
    assert desk.row(one).last > before, "what came meanwhile came under what counted then"


def test_asked_for_again_it_begins_anew(desk: Desk) -> None:
    number = desk.ask()

    def again(told: Progress) -> None:
        if told.done == 4 and len(desk.actions()) == 1:
            assert desk.ask() == number

    assert desk.work(number, again) == (ReplayStatus.DONE, LEADS, 0)
    assert [raw.attempts for raw in desk.raws()] == [3, 3, 3, 3, 2, 2]


def test_another_mapping_in_the_middle_lets_it_begin_anew(desk: Desk) -> None:
    desk.publish(platform={"default": "site"})
    number = desk.ask()

    def another(told: Progress) -> None:
        if told.done == 4 and desk.platforms()[0] == "site":
            desk.publish(platform={"default": "shop"})

    assert desk.work(number, another) == (ReplayStatus.DONE, LEADS, 0)
    assert desk.platforms() == ["shop"] * LEADS


def test_what_was_being_taken_in_while_a_mapping_was_published_is_taken_too(desk: Desk) -> None:
    desk.publish(platform={"default": "site"})
    number = desk.ask()
    last = desk.raws()[2].id  # the others were committed later than the question, and mapped before
    with desk.hub.db.write() as session:
        session.execute(update(Replay).values(last=last))
        session.execute(update(RawRecord).where(RawRecord.id == last + 1).values(state=RawState.SET_ASIDE))
    assert desk.work(number) == (ReplayStatus.DONE, LEADS, 0)
    assert desk.platforms() == ["site"] * LEADS


@only_postgresql
def test_a_page_that_is_still_being_mapped_by_what_was_live_before_is_waited_for(hub: Hub) -> None:
    desk = Desk(hub, 0)
    answers = [{"key": "full_name", "label": "Full name", "values": ["Dana Levi"]}]
    answers.append({"key": "phone", "label": "Phone", "values": ["052-234-5678"]})
    payload = {"id": "1", "created_at": now().isoformat(), "platform": "web", "answers": answers}
    with ThreadPoolExecutor(1) as pool:
        with hub.db.write() as page:
            receive.keep(page, desk.account, Delivered("lead", "1", payload))
            flow.waiting(hub.flow, page)
            desk.publish(platform={"default": "site"})
            told = pool.submit(desk.work, desk.ask())
            until_somebody_waits(hub.db, told)
        assert told.result(LONG_S) == (ReplayStatus.DONE, 1, 0)
    assert desk.platforms() == ["site"]


def test_what_came_later_under_the_same_mapping_is_left_alone(desk: Desk) -> None:
    number = desk.ask()
    desk.forms.answer("Amir Cohen", "+972542399999")
    assert desk.work(number) == (ReplayStatus.DONE, LEADS, 0)
    assert desk.raws()[-1].attempts == 1


def test_it_stops_when_it_is_taken_back(desk: Desk) -> None:
    number = desk.ask()

    def take_back(told: Progress) -> None:
        if told.done == 2:
            assert desk.cancel(number)

    status, applied, _ = desk.work(number, take_back)
    assert (status, applied) == (ReplayStatus.CANCELLED, 2)
    assert not desk.is_due()
    assert not desk.cancel(number), "it is over"
    assert [raw.attempts for raw in desk.raws()] == [2, 2, 1, 1, 1, 1]
    assert [action for action, _ in desk.actions()] == ["replay.asked", "replay.cancelled"]


def test_whoever_lost_the_lease_writes_nothing_more(desk: Desk) -> None:
    number = desk.ask()

    def lose(told: Progress) -> None:
        if told.done == 2:
            with desk.hub.db.write() as session:
                session.execute(update(Replay).values(lease_until=now() - timedelta(seconds=1)))
            desk.claimed(number)

    status, applied, _ = desk.work(number, lose)
    assert (status, applied) == (ReplayStatus.WAITING, 2)
    assert desk.row(number).lease_until is not None, "the other one's"


def test_a_connection_that_is_paused_lets_it_wait_and_one_that_is_removed_ends_it(desk: Desk) -> None:
    number = desk.ask()
    with desk.hub.db.write() as session:
        accounts.pause(session.get_one(Account, desk.account))
    assert desk.work(number) == (ReplayStatus.WAITING, 0, 0)
    row = desk.row(number)
    assert (row.error, row.owner, row.lease_until) == ("The connection is paused.", "", None)
    assert not desk.is_due(), "it is tried again in a moment"
    desk.set(state="active")
    assert desk.work(number) == (ReplayStatus.DONE, LEADS, 0)
    assert desk.row(number).error == ""
    number = desk.ask()
    desk.set(state="removed")
    assert desk.work(number) == (ReplayStatus.CANCELLED, 0, 0)


@only_sqlite
def test_a_fault_of_ours_stops_it_visibly_and_keeps_what_was_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    number, taken = desk.ask(), flow.take_again

    def broken(*given: Any) -> Any:
        if desk.row(number).after:
            raise ZeroDivisionError
        return taken(*given)

    with monkeypatch.context() as patch:
        patch.setattr(flow, "take_again", broken)
        assert desk.work(number) == (ReplayStatus.WAITING, 2, 0)
    assert "ZeroDivisionError" in desk.row(number).error
    assert desk.work(number) == (ReplayStatus.DONE, LEADS, 0)


@only_sqlite
def test_a_database_that_is_away_lets_it_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    number = desk.ask()
    with monkeypatch.context() as patch:
        patch.setattr(flow, "take_again", away)
        with pytest.raises(OperationalError):
            desk.work(number)
    assert desk.row(number).error == "The database could not be used (OperationalError)."
    assert desk.row(number).lease_until is None


@only_sqlite
def test_a_slice_of_time_is_given_back_and_others_go_first(desk: Desk) -> None:
    number = desk.ask()
    Replayer(desk.hub.db, desk.hub.flow, lease_s=LONG_S, slice_s=-1).run(desk.claimed(number))
    assert (desk.counts(number)[0], desk.row(number).lease_until) == (ReplayStatus.WAITING, None)
    assert desk.is_due()


def test_of_one_connection_one_run_goes_on_at_a_time(desk: Desk) -> None:
    first = desk.ask("lead")
    second = desk.ask("calls")
    desk.claimed(first)
    assert second != first
    assert not desk.is_due()


@only_postgresql
def test_two_workers_that_come_at_once_do_not_both_work_for_one_connection(desk: Desk) -> None:
    first, _second = desk.ask("lead"), desk.ask("calls")
    [job] = [one for one in hub_app._workers(desk.hub)._jobs if one.name == "replays"]

    def claimed(session: Session) -> list[int]:
        order, is_counted = job.first() if job.first else (), job.first is not None
        leases = claim(
            session, job.table, job.due(), owner=new_owner(), lease_s=LONG_S, order_by=order, counted=is_counted
        )
        return [lease.id for lease in leases]

    def other() -> list[int]:
        with desk.hub.db.write() as session:
            return claimed(session)

    with ThreadPoolExecutor(1) as pool:
        with desk.hub.db.write() as session:
            assert claimed(session) == [first]
            told = pool.submit(other)
            until_somebody_waits(desk.hub.db, told)
        assert told.result(LONG_S) == []


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Mortals]:
    program = Mortals(tmp_path, kill_replay)
    yield program
    program.close()


@pytest.mark.timeout(300)
def test_killed_at_every_place_it_ends_like_a_clean_run(
    hub: Hub, program: Mortals, tmp_path: Path, database_url: str, postgres_server: Postgres
) -> None:
    desk = Desk(hub, 9)
    desk.publish(
        platform={"default": "site"}, page_url={"expr": "'https://www.example.com/' & form_id"},
        form_name={"expr": "answers[0].values[0] = 'Dana Levi 7' ? answers : 'Other ' & form_name"},
    )  # fmt: skip
    number = desk.ask()
    hub_app.close_hub(hub)
    began, before = now(), Content(database_url)
    clean = copied(database_url, tmp_path, postgres_server)
    places = program.die_everywhere(tmp_path, database_url, clean)
    assert desk.counts(number) == (ReplayStatus.DONE, 8, 1)
    assert len(places) > 30, places
    for what in ("before COMMIT < hub/replays.py:Replayer._page", "after COMMIT < hub/replays.py:Replayer._page"):
        assert any(one.startswith(what) for one in places), (what, places)

    must_equal(database_url, clean, before, began)
    changed = {name for name, rows in Content(clean, before).tables.items() if rows != before.tables[name]}
    assert {"raw_record", "interaction", "replay"} <= changed


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run commands where the desk's hub is."""
    monkeypatch.setenv("HUB_HOME", str(desk.hub.settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", desk.hub.settings.database_url)
    return lambda *words: CliRunner().invoke(cli, ["replay", *words])


@only_sqlite
def test_the_command_works_at_it_itself(desk: Desk, shell: Callable[..., Result]) -> None:
    desk.publish(platform={"default": "site"})
    answer = shell("Our page", "--json")
    assert (answer.exit_code, json.loads(answer.output)) == (0, {"applied": LEADS, "set_aside": 0})
    assert desk.platforms() == ["site"] * LEADS
    assert desk.actions() == [("replay.asked", "command")]
    answer = shell("Our page", "--stream", "lead", "--since", (now() + timedelta(days=2)).date().isoformat())
    assert answer.output == "0 applied, 0 set aside\n"
    answer = shell("Our page", "--stream", "invoices")
    assert "it sent: lead" in str(answer.exception)


@only_sqlite
def test_interrupted_it_is_gone_on_with_or_taken_back(
    desk: Desk, shell: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = flow.take_again

    def interrupted(flow_: Any, session: Any, account: Any, ids: Any) -> Any:
        if any(raw.id in ids for raw in desk.raws()[2:4]):
            taken(flow_, session, account, ids)
            raise KeyboardInterrupt
        return taken(flow_, session, account, ids)

    with monkeypatch.context() as patch:
        patch.setattr(flow, "take_again", interrupted)
        answer = shell("Our page")
    assert answer.exit_code == 130
    assert "--cancel" in answer.stderr
    [row] = [desk.row(1)]
    assert (desk.counts(row.id), row.lease_until) == ((ReplayStatus.WAITING, 2, 0), None)
    assert desk.is_due(), "a worker would go on"
    assert shell("Our page").output == f"{LEADS} applied, 0 set aside\n"
    assert [raw.attempts for raw in desk.raws()] == [2] * LEADS, "nothing is taken twice"

    desk.ask()
    assert shell("Our page", "--cancel").output == "1 taken back\n"
    assert shell("Our page", "--cancel", "--json").output == '{"cancelled": 0}\n'
    assert not desk.is_due()


@only_sqlite
def test_it_waits_for_the_worker_that_is_at_it(
    desk: Desk, shell: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = desk.ask()
    lease = desk.claimed(number)
    naps = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        Replayer(desk.hub.db, desk.hub.flow, lease_s=LONG_S).run(lease)

    monkeypatch.setattr("hub.cli.here.time.sleep", nap)
    assert shell("Our page").output == f"{LEADS} applied, 0 set aside\n"
    assert len(naps) == 1


@only_sqlite
def test_what_it_waits_for_is_said(desk: Desk, shell: Callable[..., Result]) -> None:
    desk.set(state="paused")
    answer = shell("Our page")
    assert answer.exit_code == 1
    assert "The connection is paused." in answer.stderr
    shell("Our page", "--cancel")
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    assert json.loads(shell("Our page", "--json", "--since", moment.date().isoformat()).output)["status"] == "waiting"
    assert desk.row(2).since == moment - timedelta(hours=2), "midnight where the account is"


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_of_a_connection_shows_how_far_it_is_and_takes_it_back(desk: Desk, admin: Browser) -> None:
    home = desk.forms.path
    assert 'id="replays"' not in admin.get(home).text or "<progress" not in admin.get(home).text
    number = desk.ask()
    Replayer(desk.hub.db, desk.hub.flow, lease_s=LONG_S, slice_s=-1).run(desk.claimed(number))
    Replayer(desk.hub.db, desk.hub.flow, lease_s=LONG_S, slice_s=-1).run(desk.claimed(number))
    page = admin.get(home).text
    assert f'value="2" max="{LEADS}"' in page
    assert f'hx-get="{home}/replays"' in page
    assert "<progress" in admin.get(f"{home}/replays", HX_Request="true").text
    assert admin.get(f"{home}/replays").status_code == 303

    other = Forms(desk.hub, "Another page").path
    name = desk.row(number).public_id
    assert admin.post(f"{other}/replays/{name}/cancel").status_code == 404
    assert admin.post(f"{home}/replays/{name}/cancel").status_code == 303
    assert desk.counts(number)[0] == ReplayStatus.CANCELLED
    answer = admin.post(f"{home}/replays/{name}/cancel", htmx=True)
    assert (answer.status_code, "<progress" in answer.text, "every 2s" in answer.text) == (200, False, False)


@only_sqlite
def test_nobody_else_takes_it_back(desk: Desk) -> None:
    someone(desk.hub, Role.MANAGER)
    browser = Browser(hub_app.create_app(desk.hub))
    browser.sign_in("manager@example.com")
    row = desk.row(desk.ask())
    assert browser.post(f"{desk.forms.path}/replays/{row.public_id}/cancel").status_code == 403
    assert browser.get(f"{desk.forms.path}/replays").status_code == 403
