"""Odoo: customers, quotes, orders, invoices, credit notes, payments and what they settled; read and never written."""

from connectors.odoo.check import check
from connectors.odoo.remote import OdooRemote
from connectors.odoo.settings import OdooSettings
from connectors.odoo.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="odoo",
    title="Odoo",
    docs="https://www.odoo.com/documentation/19.0/developer/reference/external_api.html",
    settings=OdooSettings,
    check=check,
    remote=OdooRemote,
    transforms=TRANSFORMS,
    help="Make a user in Odoo with the group Accounting / Read-only and all companies, and an API key of that user.",
)
