"""Who asks, and what he may: users, their API keys, and rights that are taken away."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.odoo.simulated.errors import OdooError, access_error, no_right
from connectors.odoo.simulated.schema import Model

ADMIN, READER = "admin", "hub-readonly"
OPERATIONS = ("read", "write", "create", "unlink")
_WORDS_ALONE = {"account.move": {"action_post": "You don't have the access rights to post an invoice."}}


@dataclass
class Person:
    """Somebody who may sign in."""

    uid: int
    login: str
    name: str
    is_admin: bool
    keys: dict[str, datetime | None] = field(default_factory=dict)  # with when they end
    companies: list[int] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)  # models that he may not read any more
    given: set[str] = field(default_factory=set)  # models that he may write, though he only reads
    lang: str = "en_US"
    tz: str = "Europe/Brussels"

    def may(self, model: Model, operation: str) -> bool:
        if model.name in self.taken:
            return False
        return self.is_admin or model.name in self.given or (operation == "read" and model.readable)

    def needs(self, model: Model, operation: str, method: str = "") -> None:
        """Raises OdooError: he may not do that."""
        if self.may(model, operation):
            return
        if method and (words := _WORDS_ALONE.get(model.name, {}).get(method)):
            raise access_error(words)
        raise self.refusal(model, operation)

    @staticmethod
    def refusal(model: Model, operation: str) -> OdooError:
        return no_right(operation, model.title, model.name, model.groups)


class People:
    """Everybody who has an account."""

    def __init__(self) -> None:
        self.everybody: list[Person] = []

    def add(self, uid: int, login: str, name: str, companies: Sequence[int], *, is_admin: bool = False) -> Person:
        made = Person(uid, login, name, is_admin, companies=list(companies))
        self.everybody.append(made)
        return made

    def by_login(self, login: str) -> Person:
        return next(one for one in self.everybody if one.login == login)

    def new_key(self, login: str, ends_at: datetime | None = None) -> str:
        """Make an API key: 40 hexadecimal digits, as Odoo makes them."""
        made = secrets.token_hex(20)
        self.by_login(login).keys[made] = ends_at
        return made

    def kill_keys(self, login: str) -> None:
        """Delete all API keys of somebody."""
        self.by_login(login).keys.clear()

    def with_key(self, key: str, now: datetime) -> Person | None:
        found = next((one for one in self.everybody if key in one.keys), None)
        ends_at = found.keys[key] if found is not None else None
        return None if ends_at is not None and ends_at <= now else found

    def signed_in(self, login: str, key: str, now: datetime) -> Person | None:
        found = self.with_key(key, now)
        return found if found is not None and found.login == login else None
