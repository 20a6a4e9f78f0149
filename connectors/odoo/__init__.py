"""Odoo: customers, quotes, orders, invoices, credit notes, payments and what they settled; read and never written."""

from connectors.odoo import hooks
from connectors.odoo.check import check
from connectors.odoo.remote import OdooRemote
from connectors.odoo.settings import OdooSettings
from connectors.odoo.transforms import TRANSFORMS
from hub.connector.contract import Connector, HookRules

CONNECTOR = Connector(
    name="odoo",
    title="Odoo",
    docs="https://www.odoo.com/documentation/19.0/developer/reference/external_api.html",
    settings=OdooSettings,
    check=check,
    remote=OdooRemote,
    transforms=TRANSFORMS,
    hook_rules=HookRules(
        secret="hook_secret",  # noqa: S106 - the name of the setting
        key="API key of an administrator of Odoo (of a user with Settings rights)",
        make=hooks.make,
        remove=hooks.remove,
    ),
    help="Make a user in Odoo with the group Accounting / Read-only and all companies, and an API key of that user.",
)
