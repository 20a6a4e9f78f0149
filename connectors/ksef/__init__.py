"""KSeF 2.0, the Polish system through which all structured invoices go: read, never written."""

from connectors.ksef.check import check
from connectors.ksef.remote import KsefRemote
from connectors.ksef.settings import KsefSettings
from connectors.ksef.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="ksef",
    title="KSeF",
    docs="https://github.com/CIRFMF/ksef-api",
    settings=KsefSettings,
    check=check,
    remote=KsefRemote,
    transforms=TRANSFORMS,
    help="Invoices that your company sent and got through KSeF: its NIP, and a token of KSeF with the right InvoiceRead.",
)
