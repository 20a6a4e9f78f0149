"""The self-check: whether KSeF lets us in, shows our invoices, and allows as much as we take."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.ksef.client import Client
from connectors.ksef.settings import KsefSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, DisabledError, LimitedError, ScopeError, ShapeError

_MEND = (
    (AuthError, "Make a new token in KSeF's application, with the right InvoiceRead, and enter it."),
    (ScopeError, "Make a token with the right InvoiceRead."),
    (DisabledError, "Ask KSeF's support why; the words above are its own."),
    (LimitedError, "Wait; the hub goes on by itself."),
)
_ALLOWED = (
    ("invoiceMetadata", "metadata_per_hour"),
    ("invoiceExport", "exports_per_hour"),
    ("invoiceDownload", "invoices_per_hour"),
)


def check(account: Account[KsefSettings]) -> list[Finding]:
    """Sign in with the token, and ask for invoices of the last hour."""
    return list(asked(Client(account.settings, Alone())))


def asked(client: Client) -> Sequence[Finding]:
    """Ask with the access that there is; never raises ConnectorError."""
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    wanted = {
        "subjectType": client.settings.wanted_roles[0],
        "dateRange": {"dateType": "PermanentStorage", "from": since},
    }
    try:
        client.metadata(wanted)
    except (ConnectorError, ShapeError) as error:
        mend = next(
            (text for kind, text in _MEND if isinstance(error, kind)),
            "Try again later; check the server's way to the internet.",
        )
        return [Finding("invoices", Level.RED, str(error), mend)]
    found = [Finding("invoices", Level.GREEN, f"KSeF shows the invoices of {client.settings.nip}.")]
    return [*found, _limits(client)]


def _limits(client: Client) -> Finding:
    try:
        told = client.allowed()
    except (ConnectorError, ShapeError) as error:
        text = f"How much we may ask, KSeF does not say: {error}"
        return Finding("limits", Level.AMBER, text, "Press the self-check again later.")
    low = [name for name, ours in _ALLOWED if _per_hour(told, name) < getattr(client.settings, ours)]
    if low:
        text = f"KSeF allows less than the settings take: {', '.join(f'{name} {_per_hour(told, name)} an hour' for name in low)}."
        return Finding("limits", Level.AMBER, text, "Enter these numbers in the settings.")
    return Finding("limits", Level.GREEN, "KSeF allows as much as the settings take.")


def _per_hour(told: Any, name: str) -> int:
    """Return a limit of an hour; one that KSeF does not tell is not below ours."""
    group = told.get(name) if isinstance(told, dict) else None
    most = group.get("perHour") if isinstance(group, dict) else None
    return most if isinstance(most, int) else 10**9
