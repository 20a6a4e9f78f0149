"""What tests of the Xero connector share: an account, tokens in memory, and what was asked of the hub."""

from collections.abc import Callable, Sequence
from typing import Any

from connectors.xero.client import Client
from connectors.xero.settings import XeroSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account
from hub.connector.stream import Grant, Lane, Limit

API = "https://api.xero.com/api.xro/2.0"
CONNECTIONS = "https://api.xero.com/connections"
TOKENS = "https://identity.xero.com/connect/token"
TENANT = "b1169938-ba0a-48a9-80ad-e2b83a003c4d"
INVOICE, CONTACT, CREDIT = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
NOW = "Sun, 22 Nov 2026 10:00:00 GMT"
HEADERS = {"Date": NOW, "X-DayLimit-Remaining": "4000"}


def settings(**changes: Any) -> XeroSettings:
    told = {"client_id": "APP", "client_secret": "app-secret", "refresh_token": "refresh-1", "tenant": TENANT}
    return XeroSettings.model_validate({**told, **changes})


def account(**changes: Any) -> Account[XeroSettings]:
    return Account(1, "Books", settings(**changes), "NZ", "Pacific/Auckland")


class Hub(Alone):
    """The tools of one account, with the first access token at hand."""

    def __init__(self, lane: Lane = Lane.INCREMENTAL) -> None:
        super().__init__()
        self.lane = lane
        self.spent: list[list[str]] = []
        self.silences: list[tuple[list[str], float]] = []
        self.refused: list[str] = []
        self.token = "access-1"

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        assert units == 1
        self.spent.append([one.name for one in limits])

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        self.silences.append(([one.name for one in limits], retry_after))

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        if refused == self.token:
            self.refused.append(refused)
            assert first is not None
            self.token = refresh(first).access_token
        return self.token


def client(hub: Hub | None = None, account: int = 1, **changes: Any) -> Client:
    return Client(settings(**changes), hub or Hub(), account)
