"""Erasing people, keeping them for a court, and how long things are kept."""

from uuid import UUID

import click
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub.cli.output import as_json, opened, show
from hub.context import Hub
from hub.errors import NotFoundError, UserError
from hub.identity import parties, search
from hub.identity.models import Party
from hub.privacy import erase as erasing
from hub.privacy import holds, retention
from hub.privacy.models import Erasure
from hub.privacy.shelves import shelves
from hub.work.lease import claim, new_owner

LEASE_S = 3600.0
MOST_TOLD = 5


def found(session: Session, named: str) -> Party:
    """Return the customer of an id, or of a name, number or address that only one has.

    Raises:
        NotFoundError: there is none.
        UserError: there are several.
    """
    try:
        return parties.get(session, UUID(named))
    except ValueError:
        pass
    hits = search.search(session, named, MOST_TOLD + 1)
    if not hits:
        raise NotFoundError(f"There is no customer {named!r}.")
    if len(hits) > 1:
        told = ", ".join(f"{hit.name} ({hit.id})" for hit in hits[:MOST_TOLD])
        raise UserError(f"Several fit {named!r}: {told}. Name one by its id.", error_id="several_parties")
    return session.get_one(Party, hits[0].party_id)


@click.command()
@click.argument("party")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--preview", "only_preview", is_flag=True, help="Say what it would do, and do nothing.")
def erase(party: str, *, yes: bool, only_preview: bool) -> None:
    """Erase PARTY (an id, or a name, number or address) everywhere, so that no sync brings them back."""
    with opened() as hub:
        with hub.db.read() as session:
            person = found(session, party)
            told = erasing.preview(session, person)
        _tell(person, told)
        if only_preview:
            return
        if not yes:
            click.confirm("Erase? This cannot be undone", abort=True)
        with hub.db.write() as session:
            row = erasing.ask(session, hub.vault, None, session.get_one(Party, person.id), shelves(hub.settings))
        _run(hub, row)


def _tell(party: Party, told: erasing.Preview) -> None:
    click.echo(f"{party.name} ({party.public_id})")
    merged = f", with {told.parties - 1} that were merged into it" if told.parties > 1 else ""
    click.echo(f"Goes for good{merged}: {_counted(told.counts) or 'the name alone'}.")
    if told.parties > 1:
        click.echo("What was merged cannot be taken apart any more.")
    if told.shared:
        click.echo(f"{told.shared} conversations with other customers stay; only this one's part in them goes.")
    for kind, value in told.others:
        click.echo(f"{kind} {value} stays with the other customers that have it.")
    if told.documents:
        click.echo(
            f"{told.documents} documents and payments stay, as the ledger has them (hub retention set accounting)."
        )
    if told.remote:
        systems = sorted({account for account, _, _ in told.remote})
        click.echo(f"Their own records stay in {', '.join(systems)}: erase them there too.")
    for reason in told.held_by:
        click.echo(f"Must be kept: {reason}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _run(hub: Hub, row: Erasure) -> None:
    with hub.db.write() as session:
        leases = claim(session, Erasure, erasing.due() & (Erasure.id == row.id), owner=new_owner(), lease_s=LEASE_S)
    for lease in leases:
        erasing.run(hub_app.eraser(hub), lease)
    with hub.db.read() as session:
        after = session.get_one(Erasure, row.id)
        left = erasing.left(hub.vault, after)
    if after.ended_at is None:
        click.echo(f"It goes on by itself: {after.error or 'a worker of the hub is at it'}")
    else:
        click.echo(f"Erased: {_counted(after.counts)}.")
    if left:
        click.echo("Erase there yourself:")
        show([{"system": one["account"], "kind": one["stream"], "record": one["record"]} for one in left], json_=False)


@click.group()
def hold() -> None:
    """Legal hold: customers that nobody may erase."""


@hold.command("place")
@click.argument("party")
@click.option("--reason", required=True)
def place_hold(party: str, reason: str) -> None:
    """Keep PARTY as it is, whatever is asked and however old it gets."""
    with opened() as hub, hub.db.write() as session:
        person = found(session, party)
        holds.place(session, None, person, reason)
        click.echo(f"{person.name} is kept.")


@hold.command("lift")
@click.argument("party")
def lift_hold(party: str) -> None:
    """End the holds of PARTY."""
    with opened() as hub, hub.db.write() as session:
        person = found(session, party)
        click.echo(f"{holds.lift(session, None, person)} ended for {person.name}.")


@hold.command("list")
@as_json
def list_holds(*, json_: bool) -> None:
    """List who must be kept, and why."""
    with opened() as hub, hub.db.read() as session:
        rows = [
            {"party": party.public_id, "name": party.name, "since": one.since, "reason": one.reason}
            for one in holds.all_open(session)
            if (party := session.get_one(Party, one.party_id))
        ]
    show(rows, json_=json_, empty="Nobody.")


KIND = click.Choice([str(kind) for kind in retention.Kind])


@click.group(name="retention")
def rules() -> None:
    """How long things are kept; what no rule says is kept for ever."""


@rules.command("list")
@as_json
def list_rules(*, json_: bool) -> None:
    """List the rules, and how much each would take away now."""
    with opened() as hub, hub.db.read() as session:
        rows = [
            {
                "kind": one.kind,
                "days": one.days,
                "too old": retention.count(session, retention.Kind(one.kind), one.days),
                "gone so far": one.gone,
                "last run": one.ran_at,
                "trouble": one.error,
            }
            for one in retention.rules(session)
        ]
    show(rows, json_=json_, empty="No rule: everything is kept.")


@rules.command("preview")
@click.argument("kind", type=KIND)
@click.argument("days", type=click.IntRange(min=0))
def preview_rule(kind: str, days: int) -> None:
    """Say how much is older than DAYS."""
    with opened() as hub, hub.db.read() as session:
        click.echo(f"{retention.count(session, retention.Kind(kind), days)} {kind} are older than {days} days.")


@rules.command("set")
@click.argument("kind", type=KIND)
@click.argument("days", type=click.IntRange(min=0))
@click.option("--yes", is_flag=True, help="Do not ask.")
def set_rule(kind: str, days: int, *, yes: bool) -> None:
    """Keep KIND for DAYS, from the next minutes on."""
    with opened() as hub:
        with hub.db.read() as session:
            count = retention.count(session, retention.Kind(kind), days)
        if count and not yes:
            click.confirm(f"{count} are older and go for good. Go on?", abort=True)
        with hub.db.write() as session:
            retention.set_rule(session, None, retention.Kind(kind), days)
        click.echo(f"{kind}: {days} days.")


@rules.command("drop")
@click.argument("kind", type=KIND)
def drop_rule(kind: str) -> None:
    """Keep KIND for ever again; what went is gone."""
    with opened() as hub, hub.db.write() as session:
        retention.drop_rule(session, None, retention.Kind(kind))
        click.echo(f"{kind}: kept for ever.")


COMMANDS = (erase, hold, rules)
