"""Who asked: a listing of tickets names its customer by number and login alone, so the person is looked up.

Source: https://docs.zammad.org/en/latest/api/user.html
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hub.connector.manifest.client import Client, Question
from hub.connector.stream import Change, Upsert
from hub.errors import GoneError, RejectedError, ScopeError

PERSON = "person"  # under this name a ticket has who asked
SYSTEM = 1  # the number of Zammad's own user "-", whom tickets without a customer have
_KEPT = ("id", "firstname", "lastname", "email", "phone", "mobile")


class People:
    """Users of a help desk, each asked for once as long as an account is open."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[int, dict[str, Any] | None] = {}

    def put_in(self, changes: Sequence[Change]) -> list[Change]:
        """Return changes with who asked.

        Raises:
            ConnectorError: not now; a person that Zammad does not show is left out, with the login that the ticket has.
        """
        return [self._whole(one) if isinstance(one, Upsert) else one for one in changes]

    def _whole(self, one: Upsert) -> Upsert:
        number = one.payload.get("customer_id")
        person = self._person(number) if type(number) is int and number > SYSTEM else None
        return replace(one, payload={**one.payload, PERSON: person})

    def _person(self, number: int) -> dict[str, Any] | None:
        if number not in self._known:
            try:
                told = self._client.ask(Question(f"/api/v1/users/{number}")).told
            except (GoneError, ScopeError, RejectedError):
                told = None
            is_it = isinstance(told, dict) and told.get("id") == number
            self._known[number] = {name: told[name] for name in _KEPT if told.get(name)} if is_it else None
        return self._known[number]
