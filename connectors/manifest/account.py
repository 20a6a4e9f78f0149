"""An account of a manifest of one's own: opened, and checked."""

from connectors.manifest.settings import OwnSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding
from hub.connector.manifest.remote import ManifestRemote
from hub.connector.manifest.settings import Access
from hub.connector.stream import Tools


def remote(account: Account[OwnSettings], tools: Tools) -> ManifestRemote:
    """Open an account."""
    settings = account.settings
    access = Access.of(settings.document, "manifest", account.id, settings)
    return ManifestRemote(access, tools, account.time_zone)


def check(account: Account[OwnSettings]) -> list[Finding]:
    """Look at everything."""
    return list(remote(account, Alone()).check())
