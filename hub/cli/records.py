"""Reading now, and running a mapping again over what was kept."""

import json
import sys
from typing import Any

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import flow
from hub.app import read_history
from hub.cli.output import as_json, opened
from hub.context import Hub
from hub.cti import backfill
from hub.errors import ConnectorError, NotFoundError, RetryLaterError
from hub.intake import accounts
from hub.intake.models import RawRecord, StreamState
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner


@click.command()
@click.argument("name")
@click.option("--stream", default="", help="Only this stream.")
@click.option("--full", is_flag=True, help="From the beginning, instead of from where it stopped.")
@as_json
def sync(name: str, stream: str, *, full: bool, json_: bool) -> None:
    """Read what is new from an account, here and now."""
    with opened(quiet=True) as hub:
        with hub.db.write() as session:
            row = accounts.by_name(session, name)
            if not hub.telephone.is_exchange(row) or (stream and stream != backfill.HISTORY):
                raise NotFoundError(f"{name} has no stream {stream or 'to read'}; its streams: {backfill.HISTORY}")
            backfill.due(session, row.id, now())
            session.flush()
            lease = _claim(hub, session, row.id)
        counts = _read(hub, lease, full=full, quiet=json_)
    if json_:
        click.echo(json.dumps({"stream": backfill.HISTORY, **counts}))
    else:
        click.echo(", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing to read")


def _claim(hub: Hub, session: Session, account_id: int) -> Lease:
    which = (StreamState.account_id == account_id) & (StreamState.stream == backfill.HISTORY)
    leases = claim(session, StreamState, which, owner=new_owner(), lease_s=hub.settings.work.lease_s * 20)
    if not leases:
        raise RetryLaterError("This stream is being read by a worker right now; try again in a moment.")
    return leases[0]


def _read(hub: Hub, lease: Lease, *, full: bool, quiet: bool) -> dict[str, int]:
    with click.progressbar(length=0, label="calls", show_eta=False, show_pos=True, file=sys.stderr) as bar:

        def progress(_: str, amount: int) -> None:
            bar.length = (bar.length or 0) + amount
            bar.update(amount)

        counts = read_history(hub, lease, full=full, progress=(lambda _, __: None) if quiet else progress)
    with hub.db.read() as session:
        error = session.get_one(StreamState, lease.id).last_error
    if error:
        raise ConnectorError(error)
    return counts


@click.command()
@click.argument("name")
@click.option("--stream", default=None, help="Only this stream.")
@as_json
def replay(name: str, stream: str | None, *, json_: bool) -> None:
    """Run the present mapping again over everything an account ever sent."""
    totals: dict[str, Any] = {"applied": 0, "set_aside": 0}
    with opened() as hub:
        with hub.db.read() as session:
            row = accounts.by_name(session, name)
            query = select(func.count()).select_from(RawRecord).where(RawRecord.account_id == row.id)
            count = session.scalar(query) or 0
        last = 0
        with click.progressbar(length=count, label="records", file=sys.stderr) as bar:
            while True:
                with hub.db.write() as session:
                    account = accounts.by_name(session, name)
                    last, applied, aside = flow.replay(hub.flow, session, account, stream, after=last)
                if not last:
                    break
                totals["applied"] += applied
                totals["set_aside"] += aside
                bar.update(applied + aside)
    click.echo(json.dumps(totals) if json_ else f"{totals['applied']} applied, {totals['set_aside']} set aside")
    if totals["set_aside"]:
        sys.exit(1)


COMMANDS = (sync, replay)
