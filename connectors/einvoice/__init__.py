"""Electronic invoices in files: a watched folder, uploads, attachments, and programs that post them."""

from connectors.einvoice.check import check
from connectors.einvoice.remote import EinvoiceRemote
from connectors.einvoice.settings import EinvoiceSettings
from connectors.einvoice.transforms import TRANSFORMS
from connectors.einvoice.webhook import receive
from hub.connector.contract import Connector
from hub.connector.einvoice.dispatch import LARGEST

CONNECTOR = Connector(
    name="einvoice",
    title="E-invoice files",
    docs="https://docs.peppol.eu/poacc/billing/3.0/",
    settings=EinvoiceSettings,
    check=check,
    receive=receive,
    remote=EinvoiceRemote,
    transforms=TRANSFORMS,
    largest_hook=LARGEST,
    help="UBL, CII (Factur-X, ZUGFeRD, XRechnung, also inside a PDF) and KSeF's FA: from a folder of this server, by upload, "
    "from attachments of mails, or posted by a program.",
)
