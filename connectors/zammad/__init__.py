"""Zammad: tickets of a help desk, read only; described by manifest.toml, with who asked looked up and webhooks as hints."""

from connectors.zammad.remote import MANIFEST, check, remote
from hub.connector.contract import Connector
from hub.connector.manifest.connect import UNPROVEN
from hub.connector.manifest.settings import model_of

CONNECTOR = Connector(
    name=MANIFEST.name,
    title=MANIFEST.title,
    docs=MANIFEST.docs,
    settings=model_of(MANIFEST),
    check=check,
    remote=remote,
    largest_hook=8 << 20,  # a webhook has the whole ticket, and its article
    help=f"{MANIFEST.help} {UNPROVEN}",
)
