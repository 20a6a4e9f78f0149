"""What came in the last day, and whether a silence is longer than is the habit of an account that only takes what is posted."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from hub.connector.contract import Connector
from hub.context import Hub
from hub.intake import health, pulse
from hub.intake.models import Account, AccountState, Health, RawRecord, RawState, StreamState
from hub.web.console.pulses import HIGH, Day

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def forms(hub: Hub, moments: Iterable[datetime], **values: object) -> int:
    """A form of a web page, from which something came at these moments."""
    with hub.db.write() as session:
        row = Account(**{"name": "Form", "connector": "webforms", **values})
        session.add(row)
        session.flush()
        session.add_all(
            RawRecord(
                account_id=row.id, stream="lead", remote_id=f"{at.isoformat()} {number}", hash="h", payload={},
                state=RawState.APPLIED, received_at=at,
            )
            for number, at in enumerate(moments)
        )  # fmt: skip
        return row.id


def office(weeks: int, *, until: datetime = NOON) -> list[datetime]:
    """Something every 10 minutes of each day from 8 to 18, but on Saturdays and Sundays."""
    hours = [until - weeks * 7 * DAY + step * 10 * MINUTE for step in range(weeks * 7 * 144 + 1)]
    return [at for at in hours if 8 <= at.hour < 18 and at.weekday() < 5 and at <= until]


def habit(hub: Hub, account_id: int, moment: datetime) -> pulse.Habit | None:
    with hub.db.read() as session:
        return pulse.habit(session, account_id, moment)


@pytest.mark.parametrize(
    ("later", "is_silent"),
    [
        (14 * MINUTE, False),  # a pause that is usual
        (40 * MINUTE, True),  # in the middle of a working day
        (5 * HOUR, True),  # until the evening
    ],
)
def test_a_silence_in_working_hours_is_late(hub: Hub, later: timedelta, is_silent: bool) -> None:
    account_id = forms(hub, office(3))
    found = habit(hub, account_id, NOON + later)
    assert found is not None
    assert (found.last_at, found.usual, found.is_silent) == (NOON, 10 * MINUTE, is_silent)


@pytest.mark.parametrize("later", [3 * HOUR, 13 * HOUR, 2 * DAY])
def test_nobody_is_late_at_night_or_at_the_weekend(hub: Hub, later: timedelta) -> None:
    evening = datetime(2026, 11, 20, 17, 50, tzinfo=UTC)  # a Friday
    found = habit(hub, forms(hub, office(3, until=evening)), evening + later)
    assert found is not None
    assert not found.is_silent


def test_before_a_week_is_over_only_what_never_was_is_late(hub: Hub) -> None:
    account_id = forms(hub, [NOON - step * HOUR for step in range(12)])
    soon, late = (habit(hub, account_id, NOON + later * HOUR) for later in (1.5, 3.5))
    assert soon is not None
    assert late is not None
    assert (soon.is_silent, late.is_silent) == (False, True)


def test_nothing_is_usual_after_a_few(hub: Hub) -> None:
    account_id = forms(hub, [NOON - step * DAY for step in range(3)])
    assert habit(hub, account_id, NOON + 90 * DAY) == pulse.Habit(NOON)
    assert habit(hub, forms(hub, [], name="New"), NOON) is None


def test_hours_are_counted_for_what_is_read_and_for_what_is_posted(hub: Hub) -> None:
    moments = [NOON - 30 * MINUTE, NOON - 90 * MINUTE, NOON - 90 * MINUTE, NOON - 23.5 * HOUR, NOON - 25 * HOUR]
    posted, read = forms(hub, moments), forms(hub, moments, name="Read", connector="google")
    silent = forms(hub, [NOON - 9 * DAY], name="Old")
    with hub.db.write() as session:
        session.add(StreamState(account_id=read, stream="lead:x", records="lead"))
    with hub.db.read() as session:
        found = pulse.pulses(session, [posted, read, silent], NOON, posted=[posted, silent])
    assert found[posted] == found[read]
    assert found[posted].hours == (1, *[0] * 21, 2, 1)
    assert (found[posted].total, found[posted].last_at) == (4, NOON - 30 * MINUTE)
    assert (found[silent].total, found[silent].last_at) == (0, NOON - 9 * DAY)


def test_a_chart_stays_in_its_frame_and_shows_the_least() -> None:
    day = Day((0, 1, 1000, *[0] * 21), NOON, NOON, are_calls=False)
    columns = [int(part.split("v-")[1].split("h")[0]) for part in day.path.split("z") if part]
    assert columns[:3] == [1, 2, HIGH]
    assert max(columns) <= HIGH
    assert day.table == [(NOON - 22 * HOUR, 1000), (NOON - 23 * HOUR, 1)]
    assert Day((0,) * 24, None, NOON, are_calls=False).path.count("v-1h") == 24


def refreshed(hub: Hub, account_id: int) -> tuple[str, str]:
    with hub.db.write() as session:
        health.refresh_all(session, health.posted(hub.connectors))
    with hub.db.read() as session:
        row = session.get_one(Account, account_id)
        return row.health, row.health_text


def now_and_then(count: int, silent: timedelta = MINUTE) -> list[datetime]:
    moment = datetime.now(UTC) - silent
    return [moment - step * MINUTE for step in range(count)]


def test_what_came_says_how_an_account_is_that_nobody_asks(hub: Hub) -> None:
    assert refreshed(hub, forms(hub, [], name="New")) == (Health.NEVER_RUN, "")
    well = forms(hub, now_and_then(20))
    assert refreshed(hub, well) == (Health.HEALTHY, "")
    late = forms(hub, now_and_then(20, HOUR), name="Late")
    how, text = refreshed(hub, late)
    assert (how, text.partition(" since")[0]) == (Health.LATE, "Nothing came")
    with hub.db.write() as session:
        session.add(RawRecord(account_id=late, stream="lead", remote_id="new", hash="h", payload={}, state="set_aside"))
    assert refreshed(hub, late) == (Health.WARNINGS, "1 records are set aside; see Failures.")
    with hub.db.write() as session:
        assert session.get_one(Account, well).last_event_at is not None


@pytest.mark.parametrize(
    "values",
    [
        {"health": Health.NEEDS_YOU, "health_text": "The password is refused."},
        {"health": Health.LATE, "health_text": "The connection ended."},
        {"state": AccountState.PAUSED, "health": Health.PAUSED},
    ],
)
def test_what_somebody_else_says_of_an_account_stays(hub: Hub, values: dict[str, str]) -> None:
    account_id = forms(hub, now_and_then(20), **values)
    assert refreshed(hub, account_id) == (values["health"], values.get("health_text", ""))


def test_only_those_are_judged_by_what_came_that_nobody_asks(hub: Hub) -> None:
    asked: set[str] = {name for name, one in hub.connectors.items() if isinstance(one, Connector) and one.remote}
    assert health.posted(hub.connectors) >= {"webforms", "phonehook"}
    assert not health.posted(hub.connectors) & asked
