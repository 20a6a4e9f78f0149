"""EspoCRM: contacts, accounts and tasks read; calls, meetings, notes, leads, contacts and tasks written."""

from connectors.espocrm.check import check
from connectors.espocrm.remote import EspoRemote
from connectors.espocrm.settings import EspoSettings
from connectors.espocrm.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="espocrm",
    title="EspoCRM",
    docs="https://docs.espocrm.com/development/api/",
    settings=EspoSettings,
    check=check,
    remote=EspoRemote,
    transforms=TRANSFORMS,
    help="Customers and tasks from EspoCRM, and what happened with them back into it: an API user with a role of its own.",
)
