"""How the hub reads numbers, addresses and names: lines in, lines out."""

import sys

import click

from hub.identity.email import email_line
from hub.identity.names import name_line
from hub.identity.phone import line as phone_line


@click.command()
@click.argument("kind", type=click.Choice(["phone", "email", "name"]))
@click.option("--region", default="", help="Country of numbers without one, such as IL.")
def normalise(kind: str, region: str) -> None:
    """Read lines from standard input; print the normal form of each, or an empty line."""
    source = (raw.decode("utf-8", "replace").rstrip("\r\n") for raw in sys.stdin.buffer)
    for text in source:
        if kind == "phone":
            click.echo(phone_line(text, region or None))
        else:
            click.echo(email_line(text) if kind == "email" else name_line(text))


COMMANDS = (normalise,)
