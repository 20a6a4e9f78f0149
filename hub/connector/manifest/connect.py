"""A connector out of a manifest that ships with the hub."""

from pathlib import Path

from hub.connector.checking import Alone
from hub.connector.contract import Account, Connector, Finding
from hub.connector.manifest.load import read_file
from hub.connector.manifest.remote import ManifestRemote
from hub.connector.manifest.settings import Access, ManifestSettings, model_of
from hub.connector.stream import Tools

UNPROVEN = "Built from documentation, not yet proven live: compare the first figures with the system itself."


def connector(file: Path) -> Connector[ManifestSettings]:
    """Return the connector of a manifest.

    Raises:
        BadManifestError: it cannot be used; says file, line and column.
    """
    manifest = read_file(file)

    def remote(account: Account[ManifestSettings], tools: Tools) -> ManifestRemote:
        access = Access.of(manifest, manifest.name, account.id, account.settings)
        return ManifestRemote(access, tools, account.time_zone)

    def check(account: Account[ManifestSettings]) -> list[Finding]:
        return list(remote(account, Alone()).check())

    return Connector(
        name=manifest.name,
        title=manifest.title,
        docs=manifest.docs,
        settings=model_of(manifest),
        check=check,
        remote=remote,
        help=manifest.help if manifest.proven else f"{manifest.help} {UNPROVEN}",
    )
