"""Running a mapping again over what was kept."""

import json
import sys
from typing import Any

import click
from sqlalchemy import func, select

from hub import flow
from hub.cli.output import as_json, opened, progress
from hub.intake import accounts
from hub.intake.models import RawRecord


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
        with progress("records", count, quiet=json_) as step:
            while True:
                with hub.db.write() as session:
                    account = accounts.by_name(session, name)
                    last, applied, aside = flow.replay(hub.flow, session, account, stream, after=last)
                if not last:
                    break
                totals["applied"] += applied
                totals["set_aside"] += aside
                step(applied + aside, 0)
    click.echo(json.dumps(totals) if json_ else f"{totals['applied']} applied, {totals['set_aside']} set aside")
    if totals["set_aside"]:
        sys.exit(1)


COMMANDS = (replay,)
