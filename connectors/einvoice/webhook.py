"""Takes a file that a program posts: the file itself is the body."""

from connectors.einvoice.records import record_of
from connectors.einvoice.settings import EinvoiceSettings
from hub.connector.contract import Account, Received
from hub.connector.einvoice.dispatch import LARGEST
from hub.connector.hook import Hook
from hub.connector.proof import plain_hmac
from hub.errors import HookError, ShapeError

TOLERANCE_S = 300


def receive(account: Account[EinvoiceSettings], hook: Hook) -> Received:
    """Check and read one file.

    Raises:
        HookError: it is not from whom it says.
        ShapeError: it is no invoice; who posted it is told why.
    """
    secret = account.settings.signing_secret.get_secret_value()
    if secret and not plain_hmac(secret, hook, TOLERANCE_S):
        raise HookError("The signature is missing, wrong or too old; sign the raw body with the account's secret.")
    if len(hook.body) > LARGEST:
        raise ShapeError(f"the file is larger than {LARGEST // 2**20} MB")
    record = record_of(hook.body)
    return Received(records=(record,), answer={"number": record.payload["number"], "format": record.payload["format"]})
