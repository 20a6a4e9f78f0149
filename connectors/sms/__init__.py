"""Text messages (SMS, MMS): any gateway that posts and takes JSON or forms, and Twilio."""

from connectors.sms.check import check
from connectors.sms.remote import SmsRemote
from connectors.sms.settings import SmsSettings
from connectors.sms.webhook import receive
from hub.connector.contract import Connector
from hub.connector.fields import LARGEST

CONNECTOR = Connector(
    name="sms",
    title="SMS",
    docs="https://www.twilio.com/docs/messaging",
    settings=SmsSettings,
    check=check,
    receive=receive,
    remote=SmsRemote,
    largest_hook=LARGEST,
    help="Text messages by Twilio, or by any gateway that posts what comes in and takes what goes out. Save, then enter the "
    "address shown here at the gateway, for messages that come in and for states of those that go out.",
)
