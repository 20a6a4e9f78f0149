"""Google Workspace and private Google accounts."""

from connectors.google.check import check
from connectors.google.consent import GoogleConsent
from connectors.google.remote import GoogleRemote
from connectors.google.settings import GoogleSettings
from connectors.google.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="google",
    title="Google Workspace",
    docs="https://developers.google.com/workspace",
    settings=GoogleSettings,
    check=check,
    remote=GoogleRemote,
    transforms=TRANSFORMS,
    consent=GoogleConsent(),
    help="Calendars of one person, by their consent, or of a whole Workspace, by a service account.",
)
