"""Running a mapping again over what was kept."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from hub import replays
from hub.cli.here import REST, interruptible, work_at
from hub.cli.output import as_json, opened, progress
from hub.context import Hub
from hub.errors import NotFoundError
from hub.intake import accounts, receive
from hub.intake.models import Account
from hub.mapping.models import Replay, ReplayStatus
from hub.replays import Progress, Replayer

_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"]


@click.command()
@click.argument("name")
@click.option("--stream", default="", help="Only this stream.")
@click.option("--since", type=click.DateTime(_DATES), default=None, help="Only what was received from then on.")
@click.option("--cancel", is_flag=True, help="Take back what was asked for and is not over; what it did stays.")
@as_json
def replay(name: str, stream: str, since: datetime | None, *, cancel: bool, json_: bool) -> None:
    """Run the present mapping again over everything an account ever sent.

    Ctrl-C stops it; a worker of a running hub goes on, or the same command. Exit status 1: records were set aside.
    """
    with opened() as hub:
        if cancel:
            _cancel(hub, name, stream, json_=json_)
            return
        with hub.db.write() as session:
            row = accounts.by_name(session, name)
            _is_there(session, row, stream)
            asked = _asked(session, row, stream, _moment(hub, row, since))
        stopped = f"Stopped. A worker goes on with it, or the same command; hub replay {name} --cancel takes it back."
        with interruptible(stopped), progress("records", quiet=json_) as step:
            over = _worked(hub, asked.id, Steps(step))
        _tell(over, json_=json_)


class Steps:
    """Draws how far a run is, from what is told of it now and then."""

    def __init__(self, step: Callable[[int, int], None]) -> None:
        self._step = step
        self._done = self._total = 0

    def __call__(self, told: Progress) -> None:
        self._step(told.done - self._done, told.total - self._total)
        self._done, self._total = told.done, told.total


def _is_there(session: Session, row: Account, stream: str) -> None:
    """Make sure that a stream is one of the account.

    Raises:
        NotFoundError: it never sent anything of it.
    """
    there = receive.streams(session, row.id)
    if stream and not any(stream in (one, one.partition(":")[0]) for one in there):
        raise NotFoundError(
            f"{row.name} has sent nothing of a stream {stream}; it sent: {', '.join(there) or 'nothing'}"
        )


def _asked(session: Session, row: Account, stream: str, since: datetime | None) -> Replay:
    """Return the run that was interrupted, else a new one."""
    before = replays.unfinished(session, row.id, stream, since)
    return before[0] if before else replays.ask(session, None, row.id, stream, since)


def _moment(hub: Hub, row: Account, given: datetime | None) -> datetime | None:
    """Return what was typed as a moment; without a zone it is one of the account's."""
    if given is None or given.tzinfo is not None:
        return given.astimezone(UTC) if given else None
    return given.replace(tzinfo=ZoneInfo(row.time_zone or hub.settings.hub.time_zone)).astimezone(UTC)


def _worked(hub: Hub, number: int, watch: Callable[[Progress], None]) -> Replay:
    """Work at a run here and now, or wait for whoever does, until it is over or has to wait for something else."""

    def over() -> Replay | None:
        with hub.db.read() as session:
            row = session.get_one(Replay, number)
            watch(replays.progress_of(session, row))
        return row if row.status != ReplayStatus.WAITING or (row.error and not row.owner) else None

    lease_s = hub.settings.work.lease_s
    worker = Replayer(hub.db, hub.flow, lease_s=lease_s, rest=REST if hub.db.is_sqlite else 0.0, watch=watch)
    which = (Replay.id == number) & (Replay.status == ReplayStatus.WAITING)
    return work_at(hub, Replay, which, worker.run, over)


def _tell(row: Replay, *, json_: bool) -> None:
    counts = {name: int(row.counts.get(name, 0)) for name in ("applied", "set_aside")}
    if json_:
        more = {} if row.status == ReplayStatus.DONE else {"status": row.status, "error": row.error}
        click.echo(json.dumps({**counts, **more}))
    else:
        click.echo(f"{counts['applied']} applied, {counts['set_aside']} set aside")
        if row.status == ReplayStatus.CANCELLED:
            click.echo(f"It was taken back. {row.error}".rstrip(), err=True)
        elif row.error:
            click.echo(f"It waits: {row.error} A worker goes on with it, or the same command.", err=True)
    if counts["set_aside"] or row.status != ReplayStatus.DONE:
        sys.exit(1)


def _cancel(hub: Hub, name: str, stream: str, *, json_: bool) -> None:
    with hub.db.write() as session:
        row = accounts.by_name(session, name)
        waiting = [one for one in replays.unfinished(session, row.id) if stream in ("", one.stream)]
        count = sum(replays.cancel(session, None, one) for one in waiting)
    click.echo(json.dumps({"cancelled": count}) if json_ else f"{count} taken back")


COMMANDS = (replay,)
