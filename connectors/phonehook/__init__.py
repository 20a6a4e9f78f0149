"""Any telephone system that can post its calls to an address: Zammad's generic CTI contract."""

from connectors.phonehook.exchange import PhoneHookExchange, check
from connectors.phonehook.settings import PhoneHookSettings
from connectors.phonehook.webhook import receive
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="phonehook",
    title="Other telephone system",
    docs="https://docs.zammad.org/en/latest/api/generic-cti/",
    settings=PhoneHookSettings,
    check=check,
    receive=receive,
    exchange=PhoneHookExchange,
    help="Any telephone system that can post newCall, answer and hangup, as for Zammad's generic CTI. "
    "Save, then enter the address shown here in the telephone system.",
)
