"""Pipedrive: people, organisations and tasks are read; people, activities, notes, leads and tasks are written."""

from connectors.pipedrive.check import check
from connectors.pipedrive.remote import PipedriveRemote
from connectors.pipedrive.settings import PipedriveSettings
from connectors.pipedrive.transforms import TRANSFORMS
from hub.connector.contract import Connector

CONNECTOR = Connector(
    name="pipedrive",
    title="Pipedrive",
    docs="https://developers.pipedrive.com/docs/api/v1",
    settings=PipedriveSettings,
    check=check,
    remote=PipedriveRemote,
    transforms=TRANSFORMS,
    help="Copy the API token of a user who may see all people: Settings, Personal preferences, API.",
)
