"""Any accounting system that a manifest of your own describes."""

from connectors.manifest.account import check, remote
from connectors.manifest.settings import OwnSettings
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="manifest",
    title="Accounting by manifest",
    docs="https://toml.io/en/v1.0.0",
    settings=OwnSettings,
    check=check,
    remote=remote,
    help="An accounting system that the hub has no connector for: a manifest (TOML) says how it is asked. Try it first with "
    "`hub manifest check FILE`. Such a connection is as proven as its manifest: compare the first figures with the system itself.",
)
