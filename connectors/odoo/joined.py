"""What several kinds of records lack to be complete: whom they name, and whose they are. One question for a whole page."""

from collections.abc import Iterable, Mapping, Sequence

from connectors.odoo.client import Client, Row, id_of
from connectors.odoo.settings import OdooSettings

PARTNER = (
    "name", "display_name", "vat", "country_code", "email", "phone", "lang", "is_company", "commercial_partner_id",
)  # fmt: skip
COMPANY = ("name", "vat", "country_code", "currency_id")


def parties(client: Client, rows: Sequence[Row]) -> None:
    """Put into records who owes (`party`, the commercial partner) and the person or address they name (`contact`)."""
    # Documents keep who owed when they were posted, whatever became of the contact; orders do not.
    ids = _named(rows, "partner_id") | _named(rows, "commercial_partner_id")
    known = client.of_ids("res.partner", ids, PARTNER)
    owing = {partner: id_of(one.get("commercial_partner_id")) or partner for partner, one in known.items()}
    everybody = known | client.of_ids("res.partner", set(owing.values()) - known.keys(), PARTNER)
    for row in rows:
        partner = id_of(row.get("partner_id"))
        debtor = id_of(row.get("commercial_partner_id")) or owing.get(partner, partner)
        row["party"] = everybody.get(debtor)
        row["contact"] = everybody.get(partner) if partner != debtor else None


def companies(client: Client, rows: Sequence[Row]) -> None:
    """Put into records which legal entity they are of (`company`)."""
    found = client.remembered("res.company", _named(rows, "company_id"), COMPANY)
    for row in rows:
        row["company"] = found.get(id_of(row.get("company_id")))


def is_unwanted(settings: OdooSettings, row: Mapping[str, object]) -> bool:
    """Say whether a record is of a company that is left out."""
    return id_of(row.get("company_id")) in settings.unwanted_companies


def wanted_companies(settings: OdooSettings) -> list[list[object]]:
    """Return the part of a domain that leaves companies out."""
    unwanted = settings.unwanted_companies
    return [["company_id", "not in", list(unwanted)]] if unwanted else []


def _named(rows: Iterable[Row], field: str) -> set[int]:
    return {one for row in rows if (one := id_of(row.get(field)))}
