"""Microsoft 365: mail, calendars and contacts of Exchange Online, by Microsoft Graph."""

from connectors.microsoft.check import check
from connectors.microsoft.consent import MicrosoftConsent
from connectors.microsoft.remote import MicrosoftRemote
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="microsoft",
    title="Microsoft 365",
    docs="https://learn.microsoft.com/graph",
    settings=MicrosoftSettings,
    check=check,
    remote=MicrosoftRemote,
    transforms=TRANSFORMS,
    consent=MicrosoftConsent(),
    help="Mail, calendars and contacts of one person, by their consent, or of many mailboxes, by an app of your own.",
)
