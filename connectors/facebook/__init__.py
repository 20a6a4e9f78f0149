"""Facebook: leads of lead ads on Facebook and Instagram, by Meta's Graph API and its webhooks."""

from connectors.facebook.check import check
from connectors.facebook.consent import FacebookConsent
from connectors.facebook.push import LARGEST
from connectors.facebook.remote import FacebookRemote
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="facebook",
    title="Facebook lead ads",
    docs="https://developers.facebook.com/docs/marketing-api/guides/lead-ads",
    settings=FacebookSettings,
    check=check,
    remote=FacebookRemote,
    transforms=TRANSFORMS,
    consent=FacebookConsent(),
    largest_hook=LARGEST,
    asks_by_get=True,
    help="Leads of lead ads on Facebook and Instagram: an app of your own at Meta, and the pages that it may read.",
)
