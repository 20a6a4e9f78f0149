"""HubSpot: people, companies and tasks are read; people, calls, mails, meetings, notes, leads and tasks are written."""

from connectors.hubspot.check import check
from connectors.hubspot.remote import HubSpotRemote
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="hubspot",
    title="HubSpot",
    docs="https://developers.hubspot.com/docs/api-reference/overview",
    settings=HubSpotSettings,
    check=check,
    remote=HubSpotRemote,
    transforms=TRANSFORMS,
    help="Make a private app in HubSpot with the scopes of the README, and copy its access token and the Hub ID here.",
)
