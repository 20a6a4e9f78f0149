"""Which records of a file are one customer, as the hub decides it by itself: of the file alone, whatever is here already."""

from collections.abc import Iterator
from datetime import date

from hub import flow as flows
from hub.errors import RecordError, UserError
from hub.flow import IMPORTS, Flow
from hub.identity import rules, tax_id
from hub.identity.email import read_email
from hub.identity.partition import partition
from hub.identity.partition_pairs import Record, RecordKind
from hub.identity.phone import PhoneContext, read
from hub.identity.said import said
from hub.imports.batches import file_of
from hub.imports.columns import Options
from hub.imports.models import ImportBatch, What
from hub.imports.reading import Look, open_table
from hub.imports.rows import CALL, Shaped, Shaper
from hub.intake.models import Account
from hub.mapping.apply import apply
from hub.mapping.load import Mapping
from hub.mapping.transforms import Context
from hub.records.party import Party
from hub.settings import Settings
from hub.store.session import Database


def of(db: Database, flow: Flow, settings: Settings, batch: ImportBatch) -> Iterator[tuple[str, str]]:
    """Yield the id of every record and the id of its cluster, in the order of the file.

    Raises:
        UserError: it is no file of people or companies, or cannot be read.
    """
    what = What(batch.what)
    if what not in {What.PEOPLE, What.COMPANIES}:
        raise UserError("Only people and companies make clusters.", error_id="no_clusters")
    with db.read() as session:
        account = session.get_one(Account, batch.account_id)
    mapping, context = flow.mapping(IMPORTS, what), flows.context_of(flow, account)
    shaper = Shaper(what, batch.columns, Options.of_json(batch.options), at=batch.asked_at)
    names: list[str] = []
    records: list[Record] = []
    with open_table(file_of(settings, batch), Look.of_json(batch.look)) as table:
        for row in table.rows():
            shaped = shaper.shape(row)
            names.append(shaped.remote_id or next((one for _, one in shaper.names(row)), str(row.number)))
            if (record := _record(shaped, mapping, context, key=str(len(names) - 1))) is not None:
                records.append(record)
    cluster = {key: group[0] for group in partition(records).groups for key in group}
    for number, name in enumerate(names):
        yield name, names[int(cluster.get(str(number), str(number)))]


def _record(shaped: Shaped, mapping: Mapping, context: Context, *, key: str) -> Record | None:
    """Return what a row says of who it is about; None: it cannot be read, and is a cluster of its own."""
    if shaped.reason:
        return None
    try:
        party = said(apply(mapping, shaped.payload, context))
    except RecordError:
        return None
    kind = RecordKind.COMPANY if party.is_company else RecordKind.PERSON
    if shaped.payload.get("kind") == CALL:
        kind = RecordKind.CALL
    born = date.fromisoformat(party.birthday) if len(party.birthday) == len("2000-01-01") else None
    return Record(key, kind, party.name, party.company, tuple(_identifiers(party, shaped, context)), born)


def _identifiers(party: Party, shaped: Shaped, context: Context) -> Iterator[rules.Identifier]:
    if origin_id := shaped.payload.get("origin_id"):
        yield rules.Identifier(rules.IdentifierKind.REMOTE_ID, origin_id, shaped.payload.get("origin", ""))
    for phone in party.phones:
        for one in read(phone.value, PhoneContext(region=context.region or None)).phones:
            if (found := rules.phone_identifier(one)) is not None:
                yield found
    for address in party.emails:
        if (email := read_email(address.value)) is not None:
            yield from rules.email_identifiers(email)
    number = tax_id.read(party.tax_id, party.tax_country, context.region or "") if party.tax_id else None
    if number is not None:
        kind = rules.PartyKind.COMPANY if party.is_company else rules.PartyKind.PERSON
        if (tax := rules.tax_identifier(number, kind)) is not None:
            yield tax
