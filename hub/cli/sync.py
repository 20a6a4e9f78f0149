"""Reading an account here and now, with what it brings counted before one's eyes."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounting import check
from hub.accounting.models import CheckState
from hub.app import read_history, reader, run_audit
from hub.cli.here import work_at
from hub.cli.output import as_json, opened, progress, show
from hub.connector.stream import Lane
from hub.context import Hub
from hub.cti import backfill
from hub.errors import ConnectorError, NotFoundError, RetryLaterError
from hub.intake import accounts, read
from hub.intake.models import LISTING, Account, StreamState
from hub.store.base import now
from hub.work.lease import Lease

PATIENCE_S = 120.0  # a wait that is longer is left to the workers


@click.command()
@click.argument("name")
@click.option("--stream", default="", help="Only this stream.")
@click.option("--full", is_flag=True, help="From the beginning, instead of from where it stopped.")
@as_json
def sync(name: str, stream: str, *, full: bool, json_: bool) -> None:
    """Read what is new from an account, here and now."""
    with opened(quiet=True) as hub:
        with hub.db.read() as session:
            row = accounts.by_name(session, name)
        if hub.remotes.reads(row):
            _streams(hub, row, stream, full=full, json_=json_)
        else:
            _history(hub, row, stream, full=full, json_=json_)


# --- accounts that are read in pages ------------------------------------------------------------------------------


class Bar:
    """Shows records, rate and what is waited for; on a terminal alone."""

    def __init__(self, *, quiet: bool) -> None:
        self._shows = not quiet and sys.stderr.isatty()
        self._bar: Any = None
        self._began = now()
        self.counts: Counter[str] = Counter()
        self.why = ""

    @contextmanager
    def of(self, stream: str) -> Iterator[None]:
        """Begin a line for one stream."""
        self.counts, self.why, self._began = Counter(), "", now()
        if not self._shows:
            yield
            return
        with click.progressbar(
            length=0, label=stream, show_pos=True, file=sys.stderr, item_show_func=self._rate
        ) as bar:
            self._bar = bar
            yield

    def _rate(self, _: Any) -> str:
        seconds = max((now() - self._began).total_seconds(), 0.001)
        return self.why or f"{self.counts.total() / seconds:.0f}/s"

    def page(self, stream: str, counts: Counter[str], expected: int | None) -> None:
        del stream
        new = counts.total() - self.counts.total()
        self.counts, self.why = counts.copy(), ""
        if self._bar is not None:
            self._bar.length = max(expected or 0, counts.total())
            self._bar.update(new)

    def wait(self, stream: str, seconds: float, why: str) -> None:
        del stream, seconds
        self.why = why
        if self._bar is not None:
            self._bar.render_progress()  # `update` shows nothing where nothing was done


def _streams(hub: Hub, row: Account, only: str, *, full: bool, json_: bool) -> None:
    bar = Bar(quiet=json_)
    reading = reader(hub, bar)
    with hub.db.write() as session:
        if _find(session, row.id, LISTING) is None:
            read.begin(session, row.id)
    _, error = _read_now(hub, reading, bar, row.id, LISTING)
    with hub.db.read() as session:
        names = [state.stream for state in read.wanted(session, row.id)]
    chosen = [name for name in names if only in ("", name)]
    if not chosen and not error:
        raise NotFoundError(f"{row.name} has no stream {only or 'to read'}; its streams: {', '.join(names) or 'none'}")
    rows = [_line(hub, reading, bar, row.id, name, full=full) for name in chosen]
    if json_:
        click.echo(json.dumps(rows))
    else:
        show(rows, json_=False)
    if error or any(one["error"] for one in rows):
        raise ConnectorError(error or "Not everything was read; the last column says why.")


def _line(hub: Hub, reading: read.Reader, bar: Bar, account_id: int, stream: str, *, full: bool) -> dict[str, Any]:
    if full:
        with hub.db.write() as session:
            read.forget_cursor(session, account_id, stream)
    counts, error = _read_now(hub, reading, bar, account_id, stream)
    return {"stream": stream, **_summary(counts), "error": error}


def _read_now(hub: Hub, reading: read.Reader, bar: Bar, account_id: int, stream: str) -> tuple[Counter[str], str]:
    """Read one stream to its end, as long as no wait is longer than one has patience for."""
    total: Counter[str] = Counter()
    with bar.of(stream):
        while True:
            total += reading.read(_claimed(hub, account_id, stream))
            with hub.db.read() as session:
                state = _find(session, account_id, stream)
            if state is None or state.due_at is None or state.trouble not in {"", "limited"}:
                return total, state.last_error if state else ""
            pause_s = (state.due_at - now()).total_seconds()
            if pause_s > (PATIENCE_S if state.trouble else 0):
                return total, state.last_error
            time.sleep(max(0.0, pause_s))  # as long as the remote asked for


def _claimed(hub: Hub, account_id: int, stream: str) -> Lease:
    """Take the stream; where a worker of a running hub is at it, once it is done.

    Raises:
        RetryLaterError: the worker is at it for long.
    """
    deadline = time.monotonic() + PATIENCE_S
    which = (StreamState.account_id == account_id) & (StreamState.stream == stream)
    taken: list[Lease] = []

    def over() -> Lease | None:
        if not taken and time.monotonic() > deadline:
            raise RetryLaterError(f"{stream} is being read by a worker right now; try again in a moment.")
        return taken[0] if taken else None

    return work_at(hub, StreamState, which, taken.append, over, lease_s=hub.settings.work.lease_s * 20)


@click.command()
@click.argument("name")
@click.option("--stream", default="", help="Only this stream.")
@as_json
def audit(name: str, stream: str, *, json_: bool) -> None:
    """Compare an account with its remote, and fetch what is missing; exit status 1 if anything was, or differs."""
    with opened(quiet=True) as hub:
        with hub.db.read() as session:
            row = accounts.by_name(session, name)
            names = [state.stream for state in read.wanted(session, row.id) if stream in ("", state.stream)]
        if not names:
            raise NotFoundError(f"{name} has no stream {stream or 'that could be compared'}.")
        found = [run_audit(hub, _claimed(hub, row.id, one), lane=Lane.INTERACTIVE) for one in names]
        with hub.db.read() as session:
            kinds = {state.stream: state.records for state in read.wanted(session, row.id)}
            checks = {one.records: one.state for one in check.latest(session, row.id)}
    sums = {stream: checks[records] for stream, records in kinds.items() if records in checks}
    rows = [
        {
            "stream": one.stream,
            "compared": "-" if one.compared is None else one.compared,
            "missing": len(one.missing),
            "fetched": one.fetched,
            "vanished": one.vanished,
            "sums": sums.get(one.stream, "-"),
            "ids": ", ".join(one.missing[:10]),
            "error": one.error,
        }
        for one in found
    ]
    show(rows, json_=json_)
    if any(one.missing or one.error for one in found) or any(one != CheckState.AGREES for one in sums.values()):
        sys.exit(1)


def _find(session: Session, account_id: int, stream: str) -> StreamState | None:
    return session.scalar(select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == stream))


def _summary(counts: Counter[str]) -> dict[str, Any]:
    filtered = {name.partition(": ")[2]: count for name, count in counts.items() if name.startswith("filtered: ")}
    return {
        "new": counts["new"],
        "changed": counts["changed"],
        "unchanged": counts["unchanged"],
        "gone": counts["gone"],
        "filtered": ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(filtered.items())) or 0,
        "set aside": counts["set aside"],
    }


# --- exchanges: their own records of calls ------------------------------------------------------------------------


def _history(hub: Hub, row: Account, stream: str, *, full: bool, json_: bool) -> None:
    if not hub.telephone.is_exchange(row) or (stream and stream != backfill.HISTORY):
        raise NotFoundError(f"{row.name} has no stream {stream or 'to read'}; its streams: {backfill.HISTORY}")
    with hub.db.write() as session:
        backfill.due(session, row.id, now())
    counts = _read(hub, _claimed(hub, row.id, backfill.HISTORY), full=full, quiet=json_)
    if json_:
        click.echo(json.dumps({"stream": backfill.HISTORY, **counts}))
    else:
        click.echo(", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing to read")


def _read(hub: Hub, lease: Lease, *, full: bool, quiet: bool) -> dict[str, int]:
    with progress("calls", quiet=quiet) as step:
        counts = read_history(hub, lease, full=full, progress=lambda _, amount: step(amount, amount))
    with hub.db.read() as session:
        error = session.get_one(StreamState, lease.id).last_error
    if error:
        raise ConnectorError(error)
    return counts


COMMANDS = (sync, audit)
