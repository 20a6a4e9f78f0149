"""Legal entities and contacts.

Sources: https://github.com/odoo/odoo/blob/19.0/odoo/addons/base/models/res_company.py,
https://github.com/odoo/odoo/blob/19.0/odoo/addons/base/models/res_partner.py,
https://github.com/odoo/odoo/blob/19.0/addons/account/models/partner.py
"""

from collections.abc import Sequence

from connectors.odoo.client import Client, Domain, Row, id_of
from connectors.odoo.joined import is_unwanted, wanted_companies
from connectors.odoo.listing import Kind
from connectors.odoo.settings import OdooSettings


def _companies(settings: OdooSettings) -> Domain:
    unwanted = settings.unwanted_companies
    return [["id", "not in", list(unwanted)]] if unwanted else []


def _refused_company(settings: OdooSettings, row: Row) -> str:
    return "company" if row["id"] in settings.unwanted_companies else ""


def _with_zone(client: Client, rows: Sequence[Row]) -> None:
    """Put in the time zone of a company's own contact, where somebody set it: companies have none."""
    partners = client.of_ids("res.partner", {id_of(row.get("partner_id")) for row in rows} - {0}, ("tz",))
    for row in rows:
        row["tz"] = partners.get(id_of(row.get("partner_id")), {}).get("tz")


def _refused_contact(settings: OdooSettings, row: Row) -> str:
    """Leave out other companies' contacts, and mere addresses: those have no name of their own."""
    if is_unwanted(settings, row):
        return "company"
    return "" if row.get("name") else "address"


def _with_groups(client: Client, rows: Sequence[Row]) -> None:
    """Put in the names of a contact's tags, and the name of the company that a person works for."""
    ids = {one for row in rows for one in row.get("category_id") or ()}
    names = client.remembered("res.partner.category", ids, ("name",)) if ids else {}
    for row in rows:
        tags = [str(names[one].get("name")) for one in row.get("category_id") or () if one in names]
        row["groups"] = sorted(tags)


COMPANIES = Kind(
    records="companies",
    title="Companies",
    model="res.company",
    version=1,
    fields=(
        "name", "vat", "company_registry", "country_id", "country_code", "currency_id", "partner_id", "parent_id", "write_date",
    ),
    domain=_companies,
    refused=_refused_company,
    joined=_with_zone,
)  # fmt: skip
CONTACTS = Kind(
    records="contacts",
    title="Contacts",
    model="res.partner",
    version=1,
    fields=(
        "name", "is_company", "type", "parent_id", "commercial_partner_id", "commercial_company_name", "email", "phone", "mobile",
        "street", "street2", "city", "zip", "state_id", "country_id", "country_code", "vat", "website", "function", "comment",
        "category_id", "lang", "ref", "active", "company_id", "customer_rank", "supplier_rank", "write_date",
        # As a debtor. To block somebody went with Odoo 19; a limit counts where its company wants any.
        "property_payment_term_id", "credit_limit", "show_credit_limit", "currency_id", "invoice_warn", "invoice_warn_msg",
        "sale_warn", "sale_warn_msg",
    ),
    domain=wanted_companies,
    refused=_refused_contact,
    joined=_with_groups,
)  # fmt: skip
