"""What tests of the Facebook connector share: an account, tokens in memory, and what was asked of the hub."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import responses

from connectors.facebook import auth
from connectors.facebook.client import Client
from connectors.facebook.settings import FacebookSettings
from hub.connector.checking import Alone
from hub.connector.stream import Grant, Limit

GRAPH = "https://graph.facebook.com/v26.0"
APP, SECRET, WORD = "1000", "test_app_secret", "our own word"
PAGE, FORM, LEAD = "153125381133", "555", "444455556666"
PERSON_TOKEN, PAGE_TOKEN = "EAAperson0123456789012345", "EAApage0123456789012345"

SETTINGS: dict[str, Any] = {
    "app_id": APP,
    "app_secret": SECRET,
    "verify_token": WORD,
    "token": PERSON_TOKEN,
}


def settings(**changes: Any) -> FacebookSettings:
    return FacebookSettings.model_validate({**SETTINGS, **changes})


class Hub(Alone):
    """The tools of one account; tokens as the hub keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: list[tuple[Sequence[Limit], int]] = []
        self.silences: list[tuple[list[str], float]] = []
        self.refreshed: list[str] = []

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        self.spent.append((limits, units))

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        self.silences.append(([one.name for one in limits], retry_after))

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        def noted(grant: Grant) -> Grant:
            self.refreshed.append(mailbox)
            return refresh(grant)

        return super().access_token(noted, refused=refused, mailbox=mailbox, first=first)


def client(hub: Hub | None = None, mailbox: str = auth.PERSON, **changes: Any) -> Client:
    return Client(settings(**changes), hub or Hub(), mailbox)


def gives_page_token(graph: responses.RequestsMock, page: str = PAGE, token: str = PAGE_TOKEN) -> None:
    """Let Meta give a page's own token to whoever may have it."""
    match = [responses.matchers.query_param_matcher({"fields": "access_token"}, strict_match=False)]
    graph.get(f"{GRAPH}/{page}", json={"access_token": token, "id": page}, match=match)


def refusal(code: int, subcode: int = 0, message: str = "Something is wrong", **more: Any) -> dict[str, Any]:
    """A refusal as Graph writes it."""
    told: dict[str, Any] = {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "Trace123",
        **more,
    }
    return {"error": {**told, **({"error_subcode": subcode} if subcode else {})}}


def usage(percent: int = 0, minutes: int = 0) -> Mapping[str, str]:
    """The header in which Meta tells how much of its limit is used."""
    entry = {
        "type": "leadgen", "call_count": percent, "total_time": 1, "total_cputime": 1,
        "estimated_time_to_regain_access": minutes,
    }  # fmt: skip
    return {"X-Business-Use-Case-Usage": json.dumps({PAGE: [entry]})}
