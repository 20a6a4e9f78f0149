"""Fakturownia: described by manifest.toml, read by the hub's runner of manifests."""

from pathlib import Path

from hub.connector.manifest.connect import connector

CONNECTOR = connector(Path(__file__).with_name("manifest.toml"))
