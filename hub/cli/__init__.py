"""The command line. `hub --help` lists the commands; exit status 0 only on success."""

import sys

import click

from hub.cli import (
    accounts,
    database,
    exports,
    imports,
    mail,
    manifest,
    mappings,
    numbers,
    people,
    privacy,
    records,
    serve,
    simulate,
    sync,
)
from hub.cli.output import away
from hub.errors import HubError
from hub.store.session import DATABASE_AWAY


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="hub", message="%(version)s")
def cli() -> None:
    """The Hub: telephones, mail and accounting on one timeline per customer."""


for group in (
    serve,
    database,
    people,
    privacy,
    exports,
    accounts,
    sync,
    imports,
    mail,
    records,
    mappings,
    numbers,
    manifest,
    simulate,
):
    for command in group.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Run; an error of ours is one line that names the next step."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HubError as error:
        click.echo(f"hub: {error}", err=True)
        sys.exit(1)
    except DATABASE_AWAY as error:
        click.echo(f"hub: {away(error)}", err=True)
        sys.exit(1)
