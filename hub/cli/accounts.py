"""Connections to other systems, and who has which phone in an exchange."""

import sys
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.orm import Session

from hub import flow
from hub.cli.output import as_json, opened, show
from hub.connector.contract import Connector, Finding, Level
from hub.context import Hub
from hub.cti import phone_plan, self_test
from hub.errors import HubError, NotFoundError, UserError
from hub.intake import accounts
from hub.intake.hook_rules import HookRuler
from hub.intake.models import Account
from hub.security import audit, users
from hub.store.base import now


@click.group()
def account() -> None:
    """Connections to other systems."""


def pairs(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read key=value; a value of `-` is asked for (or read from standard input), so that it is in no history."""
    values: dict[str, Any] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"{text!r}: write KEY=VALUE")
        if value == "-":
            value = click.prompt(key, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        values[key.strip()] = value
    return values


@account.command("add")
@click.argument("connector")
@click.argument("name")
@click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A setting; may be repeated.")
@click.option("--secret", multiple=True, metavar="KEY=-", help="A secret; `-` asks for it.")
@click.option("--region", default="", help="Country of numbers without one, such as PL.")
@click.option("--time-zone", default="")
@click.option("--check/--no-check", default=True, help="Test the connection too.")
def add(
    connector: str,
    name: str,
    set_: tuple[str, ...],
    secret: tuple[str, ...],
    region: str,
    time_zone: str,
    *,
    check: bool,
) -> None:
    """Connect a system. `hub account add asterisk pbx --set host=10.0.0.5 --set username=hub --secret secret=-`."""
    values = {**pairs(set_), **pairs(secret)}
    with opened() as hub:
        known = _connector(hub, connector)
        if "region" not in known.settings.model_fields:
            region = str(values.pop("region", region))
        region = region or str(values.get("region", ""))
        with hub.db.write() as session:
            row = accounts.create(session, known, hub.vault, name, values, region=region, time_zone=time_zone)
            audit.record(session, None, "account.added", "account", row.public_id, connector=connector)
            token = accounts.rotate_hook_token(row) if known.receive is not None else ""
        if token:
            click.echo(f"Webhook address: {hub.settings.public_url}{accounts.hook_path(known, token)}")
        if check and not _checked(hub, row):
            click.echo("Added, but the check found something to do; see above.", err=True)
        else:
            click.echo(f"Added {row.name}.")


@account.command("list")
@as_json
def list_accounts(*, json_: bool) -> None:
    """List all connections and how they are."""
    with opened() as hub, hub.db.read() as session:
        rows = [
            {
                "name": a.name,
                "connector": a.connector,
                "state": a.state,
                "health": a.health,
                "last event": a.last_event_at,
                "text": a.health_text,
            }
            for a in accounts.listed(session)
        ]
    show(rows, json_=json_, empty="No accounts. Connect one: hub account add CONNECTOR NAME")


@account.command("check")
@click.argument("name")
@as_json
def check(name: str, *, json_: bool) -> None:
    """Test a connection; exit status 1 if something must be done."""
    with opened() as hub:
        with hub.db.read() as session:
            row = accounts.by_name(session, name)
        findings = [*_findings(hub, row), *_token(hub, row), *_heard(hub, row)]
    show([{"level": f.level, "topic": f.topic, "text": f.text, "action": f.action} for f in findings], json_=json_)
    if any(f.level is Level.RED for f in findings):
        sys.exit(1)


def _checked(hub: Hub, row: Account) -> bool:
    findings = _findings(hub, row)
    for finding in findings:
        if finding.level is not Level.GREEN:
            click.echo(f"{finding.level}: {finding.text} {finding.action}".rstrip(), err=True)
    return all(f.level is not Level.RED for f in findings)


def _findings(hub: Hub, row: Account) -> list[Finding]:
    connector = _connector(hub, row.connector)
    with hub.db.read() as session:
        position = self_test.position(session, row.id)
    try:
        return self_test.check(connector, accounts.open_account(row, connector, hub.vault, hub.settings), position)
    except HubError as error:
        return [Finding("settings", Level.RED, str(error), "Change the account's settings.")]


def _token(hub: Hub, row: Account) -> list[Finding]:
    """Say whether the token is missing; nothing where the settings cannot be used, which another finding says."""
    try:
        opened = accounts.open_account(row, _connector(hub, row.connector), hub.vault, hub.settings)
    except accounts.BROKEN:
        return []
    return accounts.token_findings(row, opened.settings)


def _heard(hub: Hub, row: Account) -> list[Finding]:
    """What the hub itself saw of an exchange; nothing of another connection, or where its settings cannot be used."""
    try:
        with hub.db.read() as session:
            return self_test.heard(session, hub.telephone, row, hub.settings.hub.region, now())
    except HubError:
        return []  # the check says what is wrong with the settings


def _connector(hub: Hub, name: str) -> Connector[Any]:
    found = hub.connectors.get(name)
    if found is None:
        raise NotFoundError(f"There is no connector {name}; there are: {', '.join(sorted(hub.connectors))}")
    return found


def _change(name: str, action: str, change: Callable[[Hub, Session, Account], None]) -> None:
    with opened() as hub, hub.db.write() as session:
        row = accounts.by_name(session, name)
        change(hub, session, row)
        audit.record(session, None, f"account.{action}", "account", row.public_id)
    click.echo(f"{name}: {action} done.")


@account.command("hooks")
@click.argument("name")
@click.option("--remove", "removes", is_flag=True, help="Take back what was set up.")
def hooks(name: str, *, removes: bool) -> None:
    """Set up in the other system that it tells the hub of changes at once; asks for a key that may do so, used once."""
    key = pairs(("key=-",))["key"]
    with opened() as hub:
        with hub.db.read() as session:
            row = accounts.by_name(session, name)
        ruler = HookRuler(hub.db, hub.vault, hub.settings, hub.connectors)
        done = ruler.remove(row.id, key) if removes else ruler.make(row.id, key)
        with hub.db.write() as session:
            action = f"account.hook_rules_{'remove' if removes else 'make'}"
            audit.record(session, None, action, "account", row.public_id, made=done.made, removed=done.removed)
    left_out = f"; not possible for {', '.join(done.missing)}" if done.missing else ""
    click.echo(f"{name}: {done.made} rules made, {done.removed} removed{left_out}.")


@account.command("pause")
@click.argument("name")
def pause(name: str) -> None:
    """Stop reading and writing for a while."""
    _change(name, "pause", lambda _hub, _session, row: accounts.pause(row))


@account.command("resume")
@click.argument("name")
def resume(name: str) -> None:
    """Go on where it stopped."""
    _change(name, "resume", lambda hub, session, row: accounts.resume(session, row, hub.connectors.get(row.connector)))


@account.command("remove")
@click.argument("name")
@click.confirmation_option(prompt="Its secrets are forgotten; what it brought stays on the timelines. Remove it?")
def remove(name: str) -> None:
    """Forget a connection and its secrets."""
    _change(name, "remove", lambda _hub, session, row: flow.remove(session, row))


@click.group()
def extension() -> None:
    """Phones inside an exchange."""


@extension.command("add")
@click.argument("pbx")
@click.argument("number")
@click.option("--user", "email", default="", help="Who uses it.")
@click.option("--device", default="", help="Pattern of its channel names, such as PJSIP/anna*.")
def add_extension(pbx: str, number: str, email: str, device: str) -> None:
    """Say who uses a phone; the same number again changes its user.

    NUMBER is what people dial: digits, * and #. A device that is not called after it is told by --device:
    `hub extension add pbx 101 --device 'PJSIP/anna*' --user anna@example.com`.
    """
    with opened() as hub, hub.db.write() as session:
        row = _exchange(hub, session, pbx)
        owner = users.get(session, email) if email else None
        known = {phone.number: phone.device for phone, _ in phone_plan.extensions(session, row.id)}
        device = device or known.get(number.strip(), "")
        phone = phone_plan.set_extension(session, row.id, number, owner.id if owner else None, device)
        audit.record(session, None, "extension.set", "account", row.public_id, number=phone.number, user=email)
    click.echo(f"{pbx}: extension {phone.number}{f' is used by {email}' if email else ''}.")


@extension.command("list")
@click.argument("pbx")
@as_json
def list_extensions(pbx: str, *, json_: bool) -> None:
    """List the phones of an exchange."""
    with opened() as hub, hub.db.read() as session:
        row = _exchange(hub, session, pbx)
        rows = [
            {"number": phone.number, "user": user.email if user else "", "device": phone.device}
            for phone, user in phone_plan.extensions(session, row.id)
        ]
    show(rows, json_=json_, empty=f"No extensions. Add one: hub extension add {pbx} NUMBER --user EMAIL")


@click.group()
def endpoint() -> None:
    """What stands behind an exchange's channel names."""


@endpoint.command("set")
@click.argument("pbx")
@click.argument("pattern")
@click.argument("kind", metavar="|".join(phone_plan.KINDS))
@click.option("--region", default="", help="Trunk: country of numbers without one.")
@click.option("--dial-prefix", default="", help="Trunk: digits before an outside number.")
@click.option("--match-withheld", is_flag=True, help="Trunk: use a number that its caller withheld.")
def set_endpoint(pbx: str, pattern: str, kind: str, region: str, dial_prefix: str, *, match_withheld: bool) -> None:
    """Say what a channel name is: `hub endpoint set pbx 'PJSIP/carrier*' trunk`."""
    with opened() as hub, hub.db.write() as session:
        row = _exchange(hub, session, pbx)
        rule = phone_plan.set_endpoint(
            session, row.id, pattern, kind, region=region, dial_prefix=dial_prefix, match_withheld=match_withheld
        )
        audit.record(session, None, "endpoint.set", "account", row.public_id, pattern=rule.pattern, kind=kind)
    click.echo(f"{pbx}: {rule.pattern} is {kind}.")


def _exchange(hub: Hub, session: Session, name: str) -> Account:
    row = accounts.by_name(session, name)
    if _connector(hub, row.connector).exchange is None:
        raise NotFoundError("This connection is no telephone exchange.")
    return row


COMMANDS = (account, extension, endpoint)
