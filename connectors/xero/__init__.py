"""Xero: invoices, bills, credit notes, payments, quotes and purchase orders of one organisation, read and never written."""

from connectors.xero.check import check
from connectors.xero.consent import XeroConsent
from connectors.xero.remote import XeroRemote
from connectors.xero.settings import XeroSettings
from connectors.xero.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="xero",
    title="Xero",
    docs="https://developer.xero.com/documentation/api/accounting/overview",
    settings=XeroSettings,
    check=check,
    remote=XeroRemote,
    transforms=TRANSFORMS,
    consent=XeroConsent(),
    bare_answers=True,
    help="What customers owe, from Xero: an app of your own at developer.xero.com, connected to one organisation; read only.",
)
