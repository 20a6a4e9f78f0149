"""The wired parts of one running hub: what a view, a worker or a command receives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limits.strategies import FixedWindowRateLimiter

from hub.connector.contract import Connector
from hub.cti.telephone import Telephone
from hub.flow import Flow
from hub.live.bus import Bus
from hub.remotes import Remotes
from hub.security.vault import Vault
from hub.settings import Settings
from hub.store.session import Database
from hub.work.trigger import Carrier


@dataclass(frozen=True, slots=True)
class Hub:
    """Everything, wired by hub.app.create_hub."""

    settings: Settings
    db: Database
    vault: Vault
    bus: Bus
    connectors: Mapping[str, Connector[Any]]
    telephone: Telephone
    limiter: FixedWindowRateLimiter
    flow: Flow
    remotes: Remotes
    trigger: Carrier  # `notify`: something is due now, whichever process works on it
