"""What is looked at all the time: the switches with Meta's own words, and a test lead a day that must arrive."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.facebook import samples, watch
from connectors.facebook.leads import RECORDS, LeadStream
from connectors.facebook.remote import FacebookRemote
from connectors.facebook.samples import SAMPLES
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator
from connectors.facebook.transforms import is_test
from hub.connector.contract import Account, Finding, Level, Look, Watched
from hub.connector.simulator import Faults
from hub.connector.stream import Counts, Cursor, Upsert
from hub.errors import LimitedError, RetryLaterError
from tests.unit.facebook.desk import Hub

REAL = {"full_name": "Dana Levi", "email": "dana@customer.example", "phone_number": "+972502345678"}


@pytest.fixture
def simulator() -> Iterator[FacebookSimulator]:
    made = FacebookSimulator(faults=Faults(()))
    made.start()
    SAMPLES.forget()
    try:
        yield made
    finally:
        made.stop()


class Guard:
    """Somebody who looks at one account as the hub does."""

    def __init__(self, simulator: FacebookSimulator, **changes: Any) -> None:
        self.simulator, self.changes = simulator, changes
        self.memory: dict[str, Any] = {}
        self.there: dict[str, datetime] = {}  # what the hub has, since when
        simulator.tell("https://hub.example/hooks/facebook/1")
        simulator.garden.subscribed = ["leadgen"]
        simulator.hold()

    def remote(self) -> FacebookRemote:
        made = FacebookSettings.model_validate({**self.simulator.settings(), "timeout_s": "60", **self.changes})
        return FacebookRemote(Account(1, "Test", made, "IL", "Asia/Jerusalem"), Hub())

    def look(self, *, after: timedelta | None = timedelta(minutes=10)) -> Look:
        """Look once more, so long after the last look; None: at once."""
        if after is not None:
            self.pass_by(after)
        found = self.remote().look(
            self.memory, lambda records, name: self.there.get(name) if records == RECORDS else None
        )
        self.memory = dict(found.memory)
        return found

    def pass_by(self, span: timedelta) -> None:
        """Let all of what is remembered be older."""
        self.memory = {name: _older(value, span) for name, value in self.memory.items()}

    def arrive(self, seconds: float) -> None:
        """Let the test lead be taken in so long after it was sent."""
        canary = self.memory["canary"]
        self.there[canary["lead"]] = datetime.fromisoformat(canary["sent_at"]) + timedelta(seconds=seconds)

    def tests(self) -> list[str]:
        world = self.simulator.world
        return [one.id for one in world.leads.values() if one.is_test and world.is_there(one)]


def _older(value: Any, span: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _older(one, span) for name, one in value.items()}
    try:
        return (datetime.fromisoformat(value) - span).isoformat()
    except (TypeError, ValueError):
        return value


def of(look: Look, topic: str) -> list[Finding]:
    return [one for one in look.findings if one.topic == topic]


def test_the_remote_is_one_that_is_looked_at() -> None:
    assert issubclass(FacebookRemote, Watched)


def test_where_all_is_well_all_is_green(simulator: FacebookSimulator) -> None:
    found = Guard(simulator).look()
    assert {one.level for one in found.findings} == {Level.GREEN}
    assert {one.topic for one in found.findings} >= {"webhook", "subscription", "leads_access", "token", "version"}
    assert found.again == watch.EVERY


def test_a_page_that_lost_the_app_gets_it_back_once_and_that_is_told(simulator: FacebookSimulator) -> None:
    guard = Guard(simulator)
    simulator.unsubscribe(simulator.garden)
    [told] = of(guard.look(), "subscription")
    assert (told.level, "installed it again" in told.text) == (Level.AMBER, True)
    assert simulator.garden.subscribed == ["leadgen"]
    assert simulator.spent(simulator.garden.id)["POST page/subscribed_apps"] == 1
    assert [one.level for one in of(guard.look(), "subscription")] == [Level.GREEN]


def test_a_page_that_does_not_let_the_app_in_is_red_within_ten_minutes(simulator: FacebookSimulator) -> None:
    guard = Guard(simulator)
    simulator.unsubscribe(simulator.garden)
    simulator.fail("POST page/subscribed_apps", 200, "(#200) The page has disabled apps")
    [told] = of(guard.look(), "subscription")
    assert (told.level, "The page has disabled apps" in told.text) == (Level.RED, True)


def test_access_to_leads_that_was_taken_away_is_told_in_metas_own_words(simulator: FacebookSimulator) -> None:
    guard = Guard(simulator)
    simulator.revoke_lead_access(simulator.garden)
    [told] = of(guard.look(), "leads_access")
    assert told.level is Level.RED
    assert "The CRM does not have leads access for this Page." in told.text
    assert "assign the CRM to the Page" in told.text


def test_a_version_that_will_end_is_amber(simulator: FacebookSimulator) -> None:
    simulator.faults.add("version_warning=always")
    assert [one.level for one in of(Guard(simulator).look(), "version")] == [Level.AMBER]


def test_a_dead_token_is_red(simulator: FacebookSimulator) -> None:
    guard = Guard(simulator)
    guard.look()
    simulator.kill_token(simulator.system_user)
    assert [one.level for one in of(guard.look(), "token")] == [Level.RED]


def test_an_outage_says_nothing_about_the_switches(simulator: FacebookSimulator) -> None:
    guard = Guard(simulator)
    simulator.revoke_lead_access(simulator.garden)
    before = guard.look()
    simulator.faults.add("server_error=always")
    during = guard.look()
    assert of(during, "leads_access") == of(before, "leads_access")
    assert [one.level for one in of(during, "app")] == [Level.GREEN]
    simulator.faults.clear()
    simulator.restore_lead_access(simulator.garden)
    assert [one.level for one in of(guard.look(), "leads_access")] == [Level.GREEN]


# --- the daily test lead ------------------------------------------------------------------------------------------


@pytest.fixture
def guard(simulator: FacebookSimulator) -> Guard:
    return Guard(simulator, canary_form=simulator.english.id)


def test_without_a_form_there_is_no_test_lead(simulator: FacebookSimulator) -> None:
    guard = Guard(simulator)
    found = guard.look()
    assert (guard.tests(), of(found, "canary")) == ([], [])


def test_a_test_lead_that_arrives_is_green_and_deleted_and_comes_once_a_day(guard: Guard) -> None:
    sent = guard.look()
    assert (len(guard.tests()), sent.again, of(sent, "canary")) == (1, watch.SOON, [])
    assert of(guard.look(after=watch.SOON), "canary") == []
    guard.arrive(3)
    [told] = of(guard.look(after=None), "canary")
    assert (told.level, "after 3 seconds" in told.text, guard.tests()) == (Level.GREEN, True, [])
    assert guard.look(after=timedelta(hours=23)).again == watch.EVERY
    assert guard.tests() == []
    guard.look(after=timedelta(hours=1))
    assert len(guard.tests()) == 1


def test_a_test_lead_that_does_not_arrive_is_red_until_one_does(guard: Guard) -> None:
    guard.look()
    [told] = of(guard.look(after=timedelta(seconds=61)), "canary")
    assert (told.level, told.action != "") == (Level.RED, True)
    late = guard.tests()
    assert of(guard.look(after=timedelta(minutes=30)), "canary") == [told]
    guard.look(after=timedelta(minutes=31))
    assert len(guard.tests()) == 1
    assert guard.tests() != late, "the one before was deleted"
    guard.arrive(59)
    assert [one.level for one in of(guard.look(after=None), "canary")] == [Level.GREEN]


def test_one_that_came_too_late_is_red_although_it_is_there(guard: Guard) -> None:
    guard.look()
    guard.arrive(61)
    assert [one.level for one in of(guard.look(after=None), "canary")] == [Level.RED]


def test_what_a_process_that_died_left_is_deleted_first(guard: Guard) -> None:
    before = dict(guard.memory)
    guard.look()
    [left] = guard.tests()
    guard.memory = before  # it died before anything was kept
    guard.look()
    assert len(guard.tests()) == 1
    assert guard.tests() != [left]


def test_a_test_lead_that_is_there_and_not_listed_is_no_obstacle(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    guard.simulator.test_lead(guard.simulator.english)
    listed = guard.simulator.world.is_there
    hidden = [1]  # how often it is not shown

    def is_there(lead: Any) -> bool:
        if lead.is_test and hidden[0]:
            hidden[0] -= 1
            return False
        return listed(lead)

    monkeypatch.setattr(guard.simulator.world, "is_there", is_there)
    assert guard.look().again == watch.SOON
    assert len(guard.tests()) == 1


def test_a_form_of_nobody_is_told_and_stops_nothing_else(simulator: FacebookSimulator) -> None:
    found = Guard(simulator, canary_form="999").look()
    assert [one.level for one in of(found, "canary")] == [Level.AMBER]
    assert of(found, "subscription")


def test_an_outage_only_delays_the_test_lead(guard: Guard) -> None:
    guard.simulator.fail("POST form/test_leads", 2, is_transient=True)
    assert of(guard.look(), "canary") == []
    guard.look(after=watch.SOON)
    assert len(guard.tests()) == 1


# --- which leads nobody sent ---------------------------------------------------------------------------------------


def stream(guard: Guard) -> LeadStream:
    form = guard.simulator.english
    found = guard.remote().stream(f"lead:{form.page_id}:{form.id}")
    assert isinstance(found, LeadStream)
    return found


def read(guard: Guard) -> dict[str, bool]:
    page = stream(guard).pull(Cursor())
    return {one.remote_id: is_test(one.payload) for one in page.changes if isinstance(one, Upsert)}


def test_a_test_lead_with_the_words_of_a_person_is_known_by_metas_list(guard: Guard) -> None:
    sample = guard.simulator.test_lead(guard.simulator.english, REAL)
    real = guard.simulator.submit(guard.simulator.english, REAL)
    assert read(guard) == {sample.id: True, real.id: False}
    asked = guard.simulator.spent(guard.simulator.garden.id)["GET form/test_leads"]
    assert read(guard) == {sample.id: True, real.id: False}
    assert guard.simulator.spent(guard.simulator.garden.id)["GET form/test_leads"] == asked, "asked once"


def test_a_named_lead_is_not_kept_back_where_that_cannot_be_asked(guard: Guard) -> None:
    real = guard.simulator.submit(guard.simulator.english, REAL)
    guard.simulator.fail("GET form/test_leads", 80005, regain_min=5, times=2)
    [found] = guard.remote().find_named(RECORDS, guard.simulator.garden.id, [real.id])
    assert isinstance(found, Upsert)
    assert not is_test(found.payload)
    with pytest.raises(LimitedError):
        read(guard)
    assert read(guard) == {real.id: False}


def test_where_nobody_tells_which_leads_are_tests_leads_come_all_the_same(guard: Guard) -> None:
    real = guard.simulator.submit(guard.simulator.english, REAL)
    guard.simulator.fail("GET form/test_leads", 200)
    assert read(guard) == {real.id: False}


def test_only_so_many_leads_are_remembered(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST", 2)
    for _ in range(5):
        guard.simulator.submit(guard.simulator.english, REAL)
    assert len(read(guard)) == 5
    assert len(SAMPLES._known) == 2


# --- Meta's own count ----------------------------------------------------------------------------------------------


def test_metas_count_is_of_what_it_still_has(guard: Guard) -> None:
    for days in (0, 1, 95):
        at = datetime.now(UTC) - timedelta(days=days)
        guard.simulator.submit(guard.simulator.english, REAL, at=at)
    counted = stream(guard)
    assert isinstance(counted, Counts)
    tally = counted.tally()
    assert tally is not None
    assert (tally.least, tally.most, len(tally.listed)) == (2, 2, 2)
    guard.simulator.test_lead(guard.simulator.english)
    tally = counted.tally()
    assert tally is not None
    assert tally.least <= len(tally.listed) <= tally.most, "whether a test counts Meta does not say"
    guard.simulator.drift(guard.simulator.english, 2)
    tally = counted.tally()
    assert tally is not None
    assert len(tally.listed) < tally.least
    guard.simulator.fail("GET form/leads", 2, is_transient=True)
    with pytest.raises(RetryLaterError):
        counted.tally()
