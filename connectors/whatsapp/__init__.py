"""WhatsApp: messages with customers by Meta's Cloud API and its webhooks."""

from connectors.whatsapp.check import check
from connectors.whatsapp.remote import WhatsAppRemote
from connectors.whatsapp.settings import WhatsAppSettings
from connectors.whatsapp.webhook import LARGEST, receive
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="whatsapp",
    title="WhatsApp",
    docs="https://developers.facebook.com/documentation/business-messaging/whatsapp/overview",
    settings=WhatsAppSettings,
    check=check,
    receive=receive,
    remote=WhatsAppRemote,
    largest_hook=LARGEST,
    asks_by_get=True,
    help="Messages of WhatsApp by the Cloud API: an app of your own at Meta, a WhatsApp Business account and the numbers in "
    "it. Save, then enter the address shown here at Meta as the callback of the app.",
)
