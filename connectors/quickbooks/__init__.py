"""QuickBooks Online: customers, suppliers, documents and payments of one company, read only."""

from connectors.quickbooks.check import check
from connectors.quickbooks.consent import QuickBooksConsent
from connectors.quickbooks.push import LARGEST
from connectors.quickbooks.remote import QuickBooksRemote
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="quickbooks",
    title="QuickBooks Online",
    docs="https://developer.intuit.com/app/developer/qbo/docs/get-started",
    settings=QuickBooksSettings,
    check=check,
    remote=QuickBooksRemote,
    consent=QuickBooksConsent(),
    largest_hook=LARGEST,
    help="What customers owe and suppliers are owed, from one company's books: an app of your own at Intuit. Nothing is written there.",
)
