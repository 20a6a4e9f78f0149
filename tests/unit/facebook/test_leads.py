"""Leads of a form: read in passes that overlap, found by id, and nothing lost or called gone, whatever Meta does."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from connectors.facebook import leads
from connectors.facebook.forms import TEXTS, Form, interval, intervals
from connectors.facebook.leads import LeadStream, LostPage, Pass, moment
from connectors.facebook.remote import FacebookRemote
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.contract import Account
from hub.connector.simulator import Faults
from hub.connector.stream import Cursor, FindsNamed, NotYet, Page, Phase, Upsert
from hub.errors import (
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)
from tests.unit.facebook.desk import Hub

ANSWERS = {"full_name": "Dana Levi", "email": "dana@customer.example"}
HOUR, DAY = 3600, 86_400


@pytest.fixture(scope="module")
def running() -> Iterator[FacebookSimulator]:
    simulator = FacebookSimulator(faults=Faults(()))
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


class Desk:
    """One page with one form, somebody who reads it as the hub does, and what was kept."""

    def __init__(self, simulator: FacebookSimulator) -> None:
        self.simulator = simulator
        self.page = simulator.add_page("Green Garden")
        self.form = simulator.add_form(self.page, "Offer")
        self.hub = Hub()
        self.kept: dict[str, dict[str, Any]] = {}
        self.cursor: Cursor | None = None

    def remote(self, **changes: Any) -> FacebookRemote:
        values = {**self.simulator.settings(), "timeout_s": "60", "pages": self.page.id, **changes}
        made = FacebookSettings.model_validate(values)
        return FacebookRemote(Account(1, "Test", made, "IL", "Asia/Jerusalem"), self.hub)

    @property
    def stream(self) -> LeadStream:
        found = self.remote().stream(f"lead:{self.page.id}:{self.form.id}")
        assert isinstance(found, LeadStream)
        return found

    def submit(self, *, ago: timedelta = timedelta(), **more: Any) -> str:
        at = self.simulator.clock.now().replace(microsecond=0) - ago
        return self.simulator.submit(self.form, ANSWERS, at=at, **more).id

    def read(self) -> list[Page]:
        """Read to the end, one page after the other, each from what was kept of the one before."""
        pages: list[Page] = []
        stream = self.stream
        self.cursor = self.cursor or stream.begin()
        while not pages or pages[-1].more:
            page = stream.pull(Cursor.of_json(self.cursor.as_json()))
            for one in page.changes:
                assert isinstance(one, Upsert)
                self.kept[one.remote_id] = one.payload
            self.cursor = page.next
            pages.append(page)
        return pages

    def asked(self, what: str = "GET form/leads") -> int:
        return self.simulator.spent(self.page.id)[what]

    def there(self) -> set[str]:
        """What Meta has of this form."""
        return {one.id for one in self.simulator.world.all_of_form(self.form.id) if self.simulator.world.is_there(one)}


@pytest.fixture
def desk(running: FacebookSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(leads, "_now", lambda: int(running.clock.time()))
    TEXTS.forget()
    yield Desk(running)
    running.faults.clear()
    running.world.scripts.clear()
    running.world.page_size, running.world.is_shuffled = 0, False
    running.world.usage.forget()


def moments(cursor: Cursor | None) -> Mapping[str, Any]:
    assert cursor is not None
    return cursor.rest


# --- passes -------------------------------------------------------------------------------------------------------------


def test_a_first_pass_reads_ninety_days_and_calls_nothing_gone(desk: Desk) -> None:
    kept = [desk.submit(ago=timedelta(days=days)) for days in (0, 30, 89)]
    desk.submit(ago=timedelta(days=91))
    pages = desk.read()
    assert desk.kept.keys() == set(kept)
    assert not any(page.complete for page in pages if not page.more)
    assert desk.cursor is not None
    assert (desk.cursor.phase, desk.cursor.token) == (Phase.INCREMENTAL, str(moment_of(desk, kept[0])))


def moment_of(desk: Desk, lead: str) -> int:
    return int(desk.simulator.world.leads[lead].created_at)


def test_the_place_is_that_of_the_newest_lead_and_not_of_our_clock(desk: Desk) -> None:
    lead = desk.submit(ago=timedelta(days=20))
    desk.read()
    assert desk.cursor is not None
    assert desk.cursor.token == str(moment_of(desk, lead))


def test_a_form_without_leads_has_a_place_too(desk: Desk) -> None:
    desk.read()
    assert desk.cursor is not None
    assert desk.cursor.token == "0"
    lead = desk.submit(ago=timedelta(hours=5))
    desk.read()
    assert lead in desk.kept


def test_a_lead_that_shows_late_is_found(desk: Desk) -> None:
    desk.submit()
    desk.read()
    late = desk.submit(ago=timedelta(minutes=90))
    desk.read()
    assert late in desk.kept


def test_after_twenty_hours_two_days_are_read_again_and_after_a_week_everything(desk: Desk) -> None:
    desk.submit()
    desk.read()
    two_days, older = desk.submit(ago=timedelta(hours=40)), desk.submit(ago=timedelta(days=60))
    desk.read()
    assert not {two_days, older} & desk.kept.keys()
    desk.simulator.clock.advance(hours=21)
    desk.read()
    assert two_days in desk.kept
    assert older not in desk.kept
    desk.simulator.clock.advance(days=7)
    desk.read()
    assert older in desk.kept


def test_after_five_days_away_everything_is_there(desk: Desk) -> None:
    desk.submit()
    desk.read()
    for _ in range(5):
        desk.simulator.clock.advance(days=1)
        desk.submit()
    desk.simulator.fail("GET form/leads", 2, times=2)
    with pytest.raises(RetryLaterError):
        desk.read()
    desk.simulator.world.scripts.clear()
    desk.read()
    assert desk.kept.keys() == desk.there()


def test_leads_in_any_order_and_in_small_pages_are_all_there(desk: Desk) -> None:
    desk.simulator.world.is_shuffled = True
    desk.simulator.page(25)
    for number in range(250):
        desk.submit(ago=timedelta(minutes=number))
    assert len(desk.read()) == 10
    assert len(desk.kept) == 250
    assert desk.cursor is not None
    assert int(desk.cursor.token) == max(moment_of(desk, one) for one in desk.kept)


def test_a_pass_that_breaks_off_keeps_its_pages_and_moves_nothing(desk: Desk) -> None:
    desk.submit(ago=timedelta(days=1))
    desk.read()
    assert desk.cursor is not None
    token = desk.cursor.token
    new = [desk.submit(ago=timedelta(minutes=n)) for n in range(5)]
    desk.simulator.page(1)
    stream = desk.stream
    cursor = desk.cursor
    for _ in range(2):
        page = stream.pull(cursor)
        desk.kept |= {one.remote_id: one.payload for one in page.changes if isinstance(one, Upsert)}
        cursor = page.next
        assert cursor.token == token
    desk.simulator.fail("GET form/leads", 2, times=2)
    with pytest.raises(RetryLaterError):
        stream.pull(cursor)
    desk.simulator.world.scripts.clear()
    assert len(set(new) & desk.kept.keys()) == 2
    desk.cursor = cursor
    desk.read()
    assert set(new) <= desk.kept.keys()


def test_a_lead_of_the_future_lets_none_be_passed_over(desk: Desk) -> None:
    desk.submit(ago=-timedelta(days=3))
    desk.read()
    lead = desk.submit()
    desk.read()
    assert lead in desk.kept


@pytest.mark.parametrize(
    "fault", ["expire_cursor", "replay_page", "reorder_page", "empty_page", "same_twice", "foreign_next"]
)
def test_whatever_a_listing_does_all_are_there(desk: Desk, fault: str) -> None:
    desk.simulator.page(2)
    for number in range(7):
        desk.submit(ago=timedelta(minutes=number))
    desk.simulator.faults.add(fault)
    desk.read()
    assert desk.kept.keys() == desk.there()


def test_a_place_within_a_pass_that_meta_forgot_begins_the_pass_anew(desk: Desk) -> None:
    desk.submit()
    stream = desk.stream
    rest = Pass.of(Cursor(), leads._now()).as_rest()
    page = stream.pull(Cursor(Phase.INCREMENTAL, "1", page="nonsense", rest=rest))
    assert len(page.changes) == 1


def test_a_listing_that_is_forgotten_all_the_time_is_left_for_an_hour(desk: Desk) -> None:
    desk.simulator.page(2)
    for number in range(5):
        desk.submit(ago=timedelta(minutes=number))
    desk.simulator.faults.add("expire_cursor=always")
    with pytest.raises(RetryLaterError):
        desk.read()
    assert desk.asked() < 20
    desk.simulator.faults.clear()
    desk.simulator.clock.advance(hours=2)
    desk.read()
    assert desk.kept.keys() == desk.there()
    assert not moments(desk.cursor)["plain"]


def test_what_is_wrong_with_the_question_itself_is_seen(desk: Desk) -> None:
    desk.simulator.fail("GET form/leads", 100, times=2)
    with pytest.raises(DisabledError):
        desk.read()


# --- how much is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forms", "count", "seconds"),
    [(1, 1, 72), (1, 0, 72), (20, 1, 1440), (20, 100, 60), (20, 0, 1440), (1, 10_000, 60)],
)
def test_how_often_a_form_is_looked_at_follows_from_its_page_s_leads(forms: int, count: int, seconds: int) -> None:
    assert interval(forms, count) == timedelta(seconds=seconds)


def test_twenty_forms_with_one_lead_cost_a_quarter_of_what_is_allowed() -> None:
    found = [Form(str(n), "", "ACTIVE", int(n == 0), 0) for n in range(20)]
    polls = sum(DAY / every.total_seconds() for every in intervals(found).values())
    assert polls <= 1200


def test_forms_that_nobody_sees_any_more_cost_little() -> None:
    found = [Form("1", "", "ACTIVE", 1, 0), *(Form(str(n), "", "ARCHIVED", 5, 4) for n in range(2, 102))]
    every = intervals(found)
    assert every["1"] == timedelta(seconds=60)
    assert every["2"] == timedelta(hours=6)


@pytest.mark.parametrize(
    ("form", "is_read"),
    [
        (Form("1", "", "ACTIVE", 0, 0), True),
        (Form("1", "", "DRAFT", 5, 0), False),
        (Form("1", "", "ARCHIVED", 5, 4), True),
        (Form("1", "", "DELETED", 5, 4), True),
        (Form("1", "", "ARCHIVED", 5, 5), False),
        (Form("1", "", "ARCHIVED", 0, 0), False),
        (Form("1", "", "ARCHIVED", None, 0), True),
        (Form("1", "", "SOMETHING_NEW", 5, 0), True),
    ],
)
def test_a_form_is_read_as_long_as_meta_has_leads_of_it(form: Form, *, is_read: bool) -> None:
    assert form.is_read is is_read


def test_from_half_of_the_limit_every_second_look_is_left_out(desk: Desk) -> None:
    desk.page.quota_leads = 1
    desk.simulator.world.usage.forget()
    for _ in range(2500):
        desk.simulator.world.usage.count(desk.page.id, "somebody else")
    counts = []
    for _ in range(6):
        desk.read()
        counts.append(desk.asked())
    assert counts == [1, 1, 2, 2, 3, 3]


def test_a_silent_page_is_left_alone(desk: Desk) -> None:
    desk.simulator.throttle(desk.page, 19)
    with pytest.raises(LimitedError) as told:
        desk.read()
    assert told.value.retry_after is not None
    assert 19 * 60 <= told.value.retry_after <= 20 * 60, "the question itself costs a minute"
    assert desk.simulator.spent(desk.page.id).total() == 1
    assert any(desk.page.id in names[-1] for names, _ in desk.hub.silences)


def test_the_text_of_a_form_is_asked_for_once(desk: Desk) -> None:
    for _ in range(3):
        desk.submit()
        desk.read()
    assert desk.asked("GET form/") == 1


# --- what a lead carries ------------------------------------------------------------------------------------------------


def test_a_lead_comes_with_its_form_its_page_and_its_campaign(desk: Desk) -> None:
    ad = desk.simulator.advertise(desk.form, "Spring")
    lead = desk.submit(ad=ad)
    desk.read()
    payload = desk.kept[lead]
    assert payload.keys() == {"lead", "form", "page"}
    assert payload["lead"]["campaign_name"] == "Spring"
    assert payload["page"] == {"id": desk.page.id, "name": "Green Garden"}
    assert payload["form"]["name"] == "Offer"
    assert payload["form"]["questions"][0]["type"] == "FULL_NAME"
    assert not {"leads_count", "status", "page"} & payload["form"].keys()


def test_what_a_webhook_named_is_the_same_as_what_a_listing_shows(desk: Desk) -> None:
    lead = desk.submit(ad=desk.simulator.advertise(desk.form, "Spring"))
    desk.read()
    [found] = desk.remote().find_named("lead", desk.page.id, [lead])
    assert isinstance(found, Upsert)
    assert found.payload == desk.kept[lead]


@pytest.mark.parametrize("how", ["listed", "named", "found"])
def test_where_the_ad_is_refused_the_person_is_not(desk: Desk, how: str) -> None:
    lead = desk.submit(ad=desk.simulator.advertise(desk.form, "Spring"))
    desk.simulator.faults.add("ad_fields_refused")
    if how == "listed":
        desk.read()
        payload = desk.kept[lead]
    else:
        remote = desk.remote()
        [found] = remote.find_named("lead", desk.page.id, [lead]) if how == "named" else desk.stream.find([lead])
        assert isinstance(found, Upsert)
        payload = found.payload
    assert payload["lead"]["field_data"]
    assert "campaign_id" not in payload["lead"]


def test_the_ad_is_told_later_when_it_may_be_seen_again(desk: Desk) -> None:
    lead = desk.submit(ad=desk.simulator.advertise(desk.form, "Spring"))
    desk.simulator.faults.add("ad_fields_refused")
    desk.read()
    assert moments(desk.cursor)["plain"]
    desk.simulator.clock.advance(hours=21)
    desk.read()
    assert desk.kept[lead]["lead"]["campaign_name"] == "Spring"


def test_a_form_that_is_not_shown_keeps_no_lead_back(desk: Desk) -> None:
    lead = desk.submit()
    stream = desk.stream
    answer, _ = stream._page(Pass.of(Cursor(), leads._now()), "")
    desk.simulator.fail("GET form/", 200, times=2)
    [found] = leads.upserts(stream.client, answer["data"], desk.form.id, surely=True)
    assert found.remote_id == lead
    assert found.payload["form"] == {"id": desk.form.id}


def test_a_lead_without_an_id_is_kept_under_a_name_of_ours(desk: Desk) -> None:
    [one], [same] = (
        leads.upserts(desk.stream.client, [{"field_data": []}], desk.form.id, surely=True) for _ in range(2)
    )
    assert one.remote_id == same.remote_id
    assert one.remote_id.startswith("odd ")


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2015-02-28T08:49:14+0000", 1425113354),
        ("2015-02-28T08:49:14Z", 1425113354),
        (1425113354, 1425113354),
        (0, 0),
        (None, 0),
        ("", 0),
        ("soon", 0),
        ([], 0),
        (float("inf"), 0),
    ],
)
def test_a_moment_is_read_as_meta_writes_it(told: Any, seconds: int) -> None:
    assert moment(told) == seconds


# --- by id --------------------------------------------------------------------------------------------------------------


def test_a_lead_that_is_not_shown_yet_is_asked_for_again(desk: Desk) -> None:
    late, there = desk.submit(late_s=60), desk.submit()
    found = desk.remote().find_named("lead", desk.page.id, [late, there])
    assert {type(one): one.remote_id for one in found} == {Upsert: there, NotYet: late}
    assert [type(one) for one in desk.remote().find_named("lead", desk.page.id, [late])] == [NotYet]
    desk.simulator.clock.advance(minutes=2)
    assert [type(one) for one in desk.remote().find_named("lead", desk.page.id, [late])] == [Upsert]


@pytest.mark.parametrize("code", [103, 200])
def test_where_access_was_taken_away_nothing_is_not_yet(desk: Desk, code: int) -> None:
    """Not shown is one answer for two things, so something is asked for that is certainly there."""
    lead = desk.submit(late_s=60)
    desk.simulator.revoke_lead_access(desk.page, code)
    with pytest.raises(ScopeError):
        desk.remote().find_named("lead", desk.page.id, [lead])
    with pytest.raises(ScopeError):
        desk.remote().find_named("lead", desk.page.id, [desk.submit()])
    with pytest.raises(ScopeError):
        desk.read()
    desk.simulator.restore_lead_access(desk.page)
    assert len(desk.remote().find_named("lead", desk.page.id, [desk.submit()])) == 1


def test_a_lost_role_is_no_dead_token(desk: Desk) -> None:
    lead = desk.submit()
    desk.remote().find_named("lead", desk.page.id, [lead])
    desk.simulator.lose_role(desk.simulator.system_user, desk.page)
    with pytest.raises(ScopeError):
        desk.remote().find_named("lead", desk.page.id, [lead])


def test_a_page_that_the_settings_do_not_name_costs_no_question(desk: Desk) -> None:
    before = desk.simulator.asked
    with pytest.raises(ScopeError):
        desk.remote().find_named("lead", "999", ["1"])
    with pytest.raises(RejectedError):
        desk.remote().find_named("mail", desk.page.id, ["1"])
    assert desk.simulator.asked == before


def test_an_id_that_is_none_is_never_asked_for(desk: Desk) -> None:
    [found] = desk.remote().find_named("lead", desk.page.id, ["1,2"])
    assert isinstance(found, NotYet)


def test_what_meta_forgot_is_left_out_and_never_gone(desk: Desk) -> None:
    lead = desk.submit(ago=timedelta(days=89, hours=23))
    assert len(desk.stream.find([lead])) == 1
    desk.simulator.clock.advance(hours=2)
    assert desk.stream.find([lead]) == []


def test_what_there_is_is_told_for_the_audit(desk: Desk) -> None:
    new, _ = desk.submit(), desk.submit(ago=timedelta(days=20))
    since = desk.simulator.clock.now() - timedelta(days=14)
    assert desk.stream.present(since) == {new}


# --- pages and forms ----------------------------------------------------------------------------------------------------


def test_each_form_is_a_stream_that_its_key_opens_again(desk: Desk) -> None:
    desk.simulator.add_form(desk.page, "Draft").status = "DRAFT"
    archived = desk.simulator.add_form(desk.page, "Old")
    archived.status = "ARCHIVED"
    desk.simulator.submit(archived, ANSWERS)
    remote = desk.remote()
    streams = {one.key: one for one in remote.streams()}
    assert {one.title for one in streams.values()} == {"Green Garden: Offer", "Green Garden: Old (archived)"}
    assert all(one.mailbox == desk.page.id and one.records == "lead" for one in streams.values())
    assert isinstance(remote, FindsNamed)


def test_a_lead_of_an_archived_form_is_read(desk: Desk) -> None:
    desk.form.status = "ARCHIVED"
    lead = desk.submit()
    assert [one.key for one in desk.remote().streams()] == [desk.stream.key]
    desk.read()
    assert lead in desk.kept


def test_a_page_that_may_not_be_listed_stops_no_other_and_says_why(desk: Desk) -> None:
    other = desk.simulator.add_page("Beside")
    desk.simulator.add_form(other, "Beside")
    desk.simulator.lose_role(desk.simulator.system_user, desk.page)
    both = f"{desk.page.id}\n{other.id}"
    streams = {one.mailbox: one for one in desk.remote(pages=both).streams()}
    assert isinstance(streams[other.id], LeadStream)
    lost = streams[desk.page.id]
    assert isinstance(lost, LostPage)
    again = desk.remote(pages=both).stream(lost.key)
    with pytest.raises(ConnectorError):
        again.pull(again.begin())
    desk.simulator.give_role(desk.simulator.system_user, desk.page)
    page = again.pull(again.begin())
    assert not page.more
    assert page.next.token


def test_a_remote_that_is_away_drops_no_page(desk: Desk) -> None:
    desk.simulator.fail("leadgen_forms", 2, times=1)
    with pytest.raises(RetryLaterError):
        desk.remote().streams()


@pytest.mark.parametrize("key", ["mail:1:2", "lead", "lead:x:2", "lead:1", "lead:999:2", "lead:1:x"])
def test_what_nobody_wants_is_no_stream(desk: Desk, key: str) -> None:
    with pytest.raises(GoneError):
        desk.remote().stream(key)


def test_nothing_is_written_to_leads(desk: Desk) -> None:
    with pytest.raises(RejectedError):
        desk.remote().writer("lead", desk.page.id)


# --- whatever happens ---------------------------------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(st.just("lead"), st.integers(0, 110)),  # so many minutes ago
    st.tuples(st.just("late"), st.integers(0, 30 * 60)),  # shown after so many seconds
    st.tuples(st.just("away"), st.integers(1, 3)),
    st.tuples(
        st.just("fault"), st.sampled_from(["expire_cursor", "replay_page", "reorder_page", "empty_page", "same_twice"])
    ),
    st.tuples(st.just("time"), st.integers(1, 90)),  # minutes
    st.tuples(st.just("read"), st.just(0)),
)


@rules(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(STEP, min_size=4, max_size=14))
def test_whatever_happens_each_lead_is_there_in_the_end(desk: Desk, plan: list[tuple[str, Any]]) -> None:
    made = Desk(desk.simulator)
    made.simulator.page(2)
    for what, much in [*plan, ("time", 31), ("read", 0)]:
        match what:
            case "lead":
                made.submit(ago=timedelta(minutes=much))
            case "late":
                made.submit(late_s=much)
            case "away":
                made.simulator.fail("GET form/leads", 2, times=much)
            case "fault":
                made.simulator.faults.add(much)
            case "time":
                made.simulator.clock.advance(minutes=much)
            case _:
                _read_with_patience(made)
    made.simulator.world.scripts.clear()
    made.simulator.faults.clear()
    made.simulator.clock.advance(hours=21)  # and once more for what showed later than the overlap
    made.read()
    assert made.kept.keys() == made.there()
    assert made.cursor is not None
    assert int(made.cursor.token) <= datetime.now(UTC).timestamp() + 365 * DAY


def _read_with_patience(desk: Desk) -> None:
    try:
        desk.read()
    except RetryLaterError:
        return  # the next look goes on from what was kept
