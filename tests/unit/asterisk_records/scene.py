"""The exchange of these tests: trunk and phones by their names, and records as it wrote them."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.asterisk.records import RecordSource, history
from hub.connector.exchange import HistoryPage
from hub.records.call import Call
from hub.records.telephony import Endpoint, EndpointClass

FIXTURES = Path(__file__).parents[2] / "fixtures/asterisk_records"
TRUTH: dict[str, dict[str, Any]] = json.loads((FIXTURES / "truth.json").read_text())
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 23, tzinfo=UTC).timestamp()


def classify(channel: str) -> Endpoint:
    if channel.startswith("Local/"):
        return Endpoint(EndpointClass.LOCAL)
    endpoint = channel.partition("/")[2].rpartition("-")[0]
    return Endpoint(EndpointClass.TRUNK) if endpoint == "trunk" else Endpoint(EndpointClass.EXTENSION, endpoint)


def pages(
    source: RecordSource | None, position: dict[str, Any] | None = None, *, since: datetime = SINCE, now: float = LATER
) -> Iterator[HistoryPage]:
    return history(source, position, since, classify, now=lambda: now)


def calls(source: RecordSource | None, position: dict[str, Any] | None = None, **options: Any) -> list[Call]:
    return [call for page in pages(source, position, **options) for call in page.calls]


def last(source: RecordSource | None, position: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Read to the end and give the position, as it comes back from the database."""
    *_, page = pages(source, position, **options)
    saved: dict[str, Any] = json.loads(json.dumps(page.position))
    return saved


def source(cdr: Path | str = "", cel: Path | str = "", **options: Any) -> RecordSource:
    made = RecordSource.parse(str(cdr), str(cel), **options)
    assert made is not None
    return made


def rows(name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO((FIXTURES / name).read_text())))


def line(fields: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    return out.getvalue()


def talk(call: Call) -> dict[str, float]:
    """Seconds that each extension spoke with the customer."""
    spoken: dict[str, float] = {}
    for one in call.segments:
        if not one.consult and one.ended_at is not None:
            seconds = (one.ended_at - one.started_at).total_seconds()
            spoken[one.extension] = spoken.get(one.extension, 0.0) + seconds
    return spoken
