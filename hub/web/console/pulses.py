"""The last day of a connection on its card and page: how much came in each hour, as a small chart and as a table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.cti.models import CallRow
from hub.intake import pulse
from hub.intake.models import Account
from hub.intake.pulse import HOUR, HOURS, Pulse
from hub.web.frame import current_hub

HIGH, STEP = 20, 4  # of the chart, in its own units; a column is one narrower than a step
WIDE = HOURS * STEP - 1


@dataclass(frozen=True, slots=True)
class Day:
    """What came from a connection in the last 24 hours."""

    hours: tuple[int, ...]
    last_at: datetime | None
    ends_at: datetime
    are_calls: bool

    @property
    def total(self) -> int:
        return sum(self.hours)

    @property
    def path(self) -> str:
        """The columns as one path of SVG, `WIDE` by `HIGH`; an hour without anything is a line of the ground."""
        most = max(self.hours)
        columns = []
        for at, count in enumerate(self.hours):
            high = 1 + -(-(HIGH - 1) * count // most) if count else 1
            columns.append(f"M{at * STEP} {HIGH}v-{high}h{STEP - 1}v{high}z")
        return "".join(columns)

    @property
    def table(self) -> list[tuple[datetime, int]]:
        """When each hour with something began, the newest first."""
        begins = [(self.ends_at - (HOURS - at) * HOUR, count) for at, count in enumerate(self.hours)]
        return [one for one in reversed(begins) if one[1]]


def days(session: Session, accounts: Sequence[Account], moment: datetime) -> Mapping[int, Day]:
    """Return the last day of each account: its calls, where it is an exchange, else its records."""
    connectors = current_hub().connectors
    known = [(row, connectors.get(row.connector)) for row in accounts]
    exchanges = {row.id for row, one in known if one is not None and one.exchange is not None}
    posted = {row.id for row, one in known if one is not None and one.receive is not None} - exchanges
    others = {row.id for row, _ in known} - exchanges
    found = {**pulse.pulses(session, others, moment, posted=posted), **_calls(session, exchanges, moment)}
    heard = {row.id: row.last_event_at for row in accounts}
    return {
        one: Day(seen.hours, seen.last_at or (heard[one] if one in exchanges else None), moment, one in exchanges)
        for one in (*others, *exchanges)
        for seen in [found.get(one, Pulse())]
    }


def _calls(session: Session, accounts: Collection[int], moment: datetime) -> Mapping[int, Pulse]:
    at = pulse.hour_of(CallRow.started_at, moment)
    query = select(CallRow.account_id, at, func.count(), func.max(CallRow.started_at))
    query = query.where(CallRow.started_at > moment - HOURS * HOUR, CallRow.account_id.in_(list(accounts)))
    counts: dict[int, list[int]] = {}
    last: dict[int, datetime] = {}
    for account_id, hour, count, newest_at in session.execute(query.group_by(CallRow.account_id, at)):
        counts.setdefault(account_id, [0] * HOURS)[hour] = count
        last[account_id] = max(newest_at, last.get(account_id, newest_at))
    return {one: Pulse(tuple(hours), last[one]) for one, hours in counts.items()}
