"""The hub's own mail: whether it goes out."""

import sys
from datetime import UTC, datetime

import click

from hub.cli.output import as_json, read_settings, show
from hub.errors import ConfigError, HubError
from hub.notice.carrier import Message
from hub.notice.send import open_smtp
from hub.notice.words import plain
from hub.records.mail import Address
from hub.store.base import new_public_id


@click.group()
def mail() -> None:
    """Mail that the hub itself sends."""


@mail.command("check")
@click.option("--to", required=True, metavar="ADDRESS", help="Who gets the test mail.")
@as_json
def check(to: str, *, json_: bool) -> None:
    """Send a test mail and print what the mail server says to each step; exit status 1 if it did not go."""
    settings = read_settings()
    said: list[dict[str, str]] = []
    smtp = open_smtp(settings, lambda step, answer: said.append({"step": step, "answer": answer}))
    if smtp is None:
        raise ConfigError("smtp.host: is empty, so nobody is told of anything; see [smtp] in config/default.toml")
    hub = plain(settings.hub.name)
    text = (
        f"This is a test mail of {hub}, {settings.public_url}. People are told this way when a connection needs them."
    )
    message = Message(
        key=str(new_public_id()),
        to=Address("", to),
        subject=f"Test mail of {hub}",
        text=f"{text}\n",
        html="",
        at=datetime.now(UTC),
    )
    problem = ""
    try:
        smtp.carry(message)
    except HubError as error:
        problem = str(error)
    show(said, json_=json_)
    if problem:
        click.echo(f"hub: {problem}", err=True)
        sys.exit(1)
    if not json_:
        click.echo(f"Sent to {to}.")


COMMANDS = (mail,)
