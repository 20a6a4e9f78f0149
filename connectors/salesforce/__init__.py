"""Salesforce: contacts, accounts and tasks read; tasks, events, leads and contacts written, by REST."""

from connectors.salesforce.check import check
from connectors.salesforce.remote import SalesforceRemote
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="salesforce",
    title="Salesforce",
    docs="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/",
    settings=SalesforceSettings,
    check=check,
    remote=SalesforceRemote,
    transforms=TRANSFORMS,
    help="Customers and tasks from Salesforce, and what happened with them back into it: an external client app with the "
    "client credentials flow, and a text field for our mark.",
)
