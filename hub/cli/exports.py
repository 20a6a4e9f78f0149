"""Everything out again, for another system or for whoever asks what we know of them."""

from pathlib import Path

import click

from hub import app as hub_app
from hub.cli.output import opened, progress
from hub.cli.privacy import found
from hub.exports.contacts import Form
from hub.exports.write import Wanted, export_contacts
from hub.exports.write import export as write

FORMS = click.Choice([str(form) for form in Form])


@click.command()
@click.argument("place", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--party", help="Only what is known of one customer: an id, or a name, number or address.")
@click.option(
    "--contacts", type=FORMS, help="Only people and companies, into the file DIR, as this address book reads them."
)
@click.option("--bom", is_flag=True, help="Begin CSV files with a mark by which spreadsheets know UTF-8.")
@click.option("--no-files", is_flag=True, help="Leave out recordings, attachments and pictures.")
def export(place: Path, party: str | None, contacts: str | None, *, bom: bool, no_files: bool) -> None:
    """Write everything, or everything about one customer, to the new folder DIR as CSV and JSON lines."""
    if contacts and party:
        raise click.UsageError("Choose one of --party and --contacts.")
    with opened() as hub:
        if contacts:
            count = export_contacts(hub.db, None, place, Form(contacts))
            click.echo(f"Wrote {count} people and companies to {place}.")
            return
        one = None
        if party:
            with hub.db.read() as session:
                one = found(session, party).id
        with progress("Exporting") as step:
            wanted = Wanted(party=one, mark=bom, files=not no_files)
            manifest = write(hub_app.export_source(hub), None, place, wanted, step)
    rows = sum(file.get("rows", 0) for file in manifest["files"] if file["file"].endswith(".jsonl"))
    click.echo(f"Wrote {rows} rows and {len(manifest['files'])} files to {place}.")
    for one_missing in manifest["missing"]:
        click.echo(f"Not there: {one_missing['file']}: {one_missing['why']}", err=True)


COMMANDS = (export,)
