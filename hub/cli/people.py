"""Users and tokens."""

import click
from sqlalchemy import select

from hub.cli.output import as_json, asked, opened, show
from hub.security import audit, links, tokens, users
from hub.security.models import ApiToken, Role
from hub.web.api import v1

ASK = "-"
SCOPES = click.Choice(v1.scopes())
ROLES = click.Choice([role.value for role in Role])


@click.group()
def user() -> None:
    """People who work here."""


@user.command("add")
@click.argument("email")
@click.option("--role", type=ROLES, default=Role.AGENT.value, show_default=True)
@click.option("--name", default="")
@click.option("--password", default=None, help="`-` asks for it; without, a link to set it is printed.")
def add_user(email: str, role: str, name: str, password: str | None) -> None:
    """Add a person and print the link with which they set their password."""
    if password == ASK:
        password = asked("Password")
    with opened() as hub, hub.db.write() as session:
        row = users.add(session, email, name, role, password)
        audit.record(session, None, "user.added", "user", row.public_id, role=role)
        if password is None:
            click.echo(links.password_link(session, row, hub.settings))
        else:
            click.echo(f"Added {row.email}.")


@user.command("password")
@click.argument("email")
@click.option("--set", "typed", is_flag=True, help="Ask for a password here instead of printing a link.")
def set_password(email: str, *, typed: bool) -> None:
    """Print a link with which a person sets a new password."""
    chosen = asked("Password") if typed else ""
    with opened() as hub, hub.db.write() as session:
        row = users.get(session, email)
        audit.record(session, None, "user.password_reset", "user", row.public_id)
        if typed:
            users.set_password(session, row, chosen)
            click.echo("Password set.")
        else:
            click.echo(links.password_link(session, row, hub.settings))


@user.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Shut a person out at once."""
    with opened() as hub:
        with hub.db.write() as session:
            row = users.get(session, email)
            users.disable(session, row)
            audit.record(session, None, "user.disabled", "user", row.public_id)
        hub.bus.drop_user(row.id)
        click.echo(f"Disabled {row.email}.")


@user.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled person in again."""
    with opened() as hub, hub.db.write() as session:
        row = users.get(session, email)
        users.enable(session, row)
        audit.record(session, None, "user.enabled", "user", row.public_id)
        click.echo(f"Enabled {row.email}.")


@user.command("list")
@as_json
def list_users(*, json_: bool) -> None:
    """List all people."""
    with opened() as hub, hub.db.read() as session:
        rows = [
            {"email": u.email, "name": u.name, "role": u.role, "disabled": u.disabled_at, "seen": u.seen_at}
            for u in users.people(session)
        ]
    show(rows, json_=json_, empty="Nobody yet. Add the first one: hub user add EMAIL --role admin")


@click.group()
def token() -> None:
    """Programs that may call the API."""


@token.command("add")
@click.argument("name")
@click.option("--role", type=ROLES, required=True)
@click.option("--user", "email", default="", help="The program acts as this person.")
@click.option(
    "--scope",
    "scopes",
    type=SCOPES,
    multiple=True,
    metavar="SUBJECT:WAY",
    help=f"Limits it; may be given several times. Without: all that the role may. One of {', '.join(v1.scopes())}.",
)
@click.option("--rate", default="", help="How often it may ask, such as 100/minute. Without: security.api_limit.")
def add_token(name: str, role: str, email: str, scopes: tuple[str, ...], rate: str) -> None:
    """Make a token and print it, for the only time."""
    with opened() as hub, hub.db.write() as session:
        owner = users.get(session, email) if email else None
        secret = tokens.add(session, name, role, owner, scopes=scopes, rate=rate)
        audit.record(session, None, "token.added", "token", name, role=role, scopes=sorted(set(scopes)), rate=rate)
    click.echo(secret)


@token.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """End a token at once."""
    with opened() as hub, hub.db.write() as session:
        tokens.revoke(session, name)
        audit.record(session, None, "token.revoked", "token", name)
    click.echo(f"Revoked {name}.")


@token.command("list")
@as_json
def list_tokens(*, json_: bool) -> None:
    """List all tokens; never their secrets."""
    with opened() as hub, hub.db.read() as session:
        rows = [
            {
                "name": t.name, "role": t.role, "scopes": t.scopes, "rate": t.rate, "created": t.created_at,
                "used": t.used_at, "revoked": t.revoked_at,
            }
            for t in session.scalars(select(ApiToken).order_by(ApiToken.name))
        ]  # fmt: skip
    show(rows, json_=json_, empty="No tokens. Make one: hub token add NAME --role agent")


COMMANDS = (user, token)
