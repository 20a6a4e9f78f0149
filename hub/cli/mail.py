"""The hub's own mail: whether it goes out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from hub.cli.output import as_json, opened, read_settings, show
from hub.errors import ConfigError, HubError
from hub.notice.carrier import Carrier, Message, Said
from hub.notice.mailbox import open_mailboxes
from hub.notice.send import open_smtp
from hub.notice.words import plain
from hub.records.mail import Address
from hub.settings import Settings
from hub.store.base import new_public_id


@click.group()
def mail() -> None:
    """Mail that the hub itself sends."""


@mail.command("check")
@click.option("--to", required=True, metavar="ADDRESS", help="Who gets the test mail.")
@as_json
def check(to: str, *, json_: bool) -> None:
    """Send a test mail and print what came of each step; exit status 1 if it did not go.

    It goes as all mail of the hub's own: through the mail server of [smtp], or the mailboxes of [notices].
    """
    settings = read_settings()
    said: list[dict[str, str]] = []
    problem = ""
    with _carrier(settings, lambda step, answer: said.append({"step": step, "answer": answer})) as carrier:
        try:
            carrier.carry(_test_mail(settings, to))
        except HubError as error:
            problem = str(error)
    show(said, json_=json_)
    if problem:
        click.echo(f"hub: {problem}", err=True)
        sys.exit(1)
    if not json_:
        click.echo(f"Sent to {to}.")


@contextmanager
def _carrier(settings: Settings, said: Said) -> Iterator[Carrier]:
    """Open the way that is set; a mail server is asked without the database."""
    smtp = open_smtp(settings, said)
    if smtp is not None:
        yield smtp
        return
    if not settings.notices.through:
        raise ConfigError(
            "smtp.host and notices.through: both are empty, so nobody is told of anything; see config/default.toml"
        )
    with opened() as hub:
        mailboxes = open_mailboxes(settings, hub.db, hub.remotes.open, said)
        assert mailboxes is not None, "some are named"
        yield mailboxes


def _test_mail(settings: Settings, to: str) -> Message:
    hub = plain(settings.hub.name)
    text = (
        f"This is a test mail of {hub}, {settings.public_url}. People are told this way when a connection needs them."
    )
    return Message(
        key=str(new_public_id()),
        to=Address("", to),
        subject=f"Test mail of {hub}",
        text=f"{text}\n",
        html="",
        at=datetime.now(UTC),
    )


COMMANDS = (mail,)
