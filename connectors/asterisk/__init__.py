"""Asterisk and FreePBX: live calls, click-to-dial, caller names on desk phones, recordings, call records."""

from connectors.asterisk.check import check
from connectors.asterisk.exchange import AsteriskExchange
from connectors.asterisk.message import event_filters
from connectors.asterisk.settings import AsteriskSettings
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="asterisk",
    title="Asterisk / FreePBX",
    docs="https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/",
    settings=AsteriskSettings,
    check=check,
    exchange=AsteriskExchange,
    help=(
        "Add to manager.conf (FreePBX: manager_custom.conf), with a secret of your own, then run `manager reload`:\n"
        "[hub]\n"
        "secret = ...\n"
        "deny = 0.0.0.0/0.0.0.0\n"
        "permit = <address of this hub>/255.255.255.255\n"
        "read = call,agent,cdr,dialplan,user\n"
        "write = originate,call,reporting\n"
        "\n"
        "Optional, so that Asterisk 22 and later sends only what is needed, below these lines:\n"
        + "\n".join(event_filters())
        + "\n"
    ),
)
