"""One call of an API method, as its handler sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.google.simulated.errors import ApiError, Json, not_found
from connectors.google.simulated.spec import Method

if TYPE_CHECKING:
    from connectors.google.simulated.world import User, World


@dataclass(frozen=True)
class Call:
    """Who asks for what."""

    world: "World"
    method: Method
    principal: str  # the address behind the access token
    scopes: frozenset[str]
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    media: bytes | None = None  # an uploaded mail

    @property
    def user(self) -> "User":
        """The user behind the token. Raises ApiError (403) where a robot asks for itself."""
        found = self.world.users.get(self.principal)
        if found is None:
            raise ApiError(403, "forbidden", "The caller does not have permission")
        return found

    def limit(self, name: str, default: int, highest: int) -> int:
        """The page size asked for."""
        wanted = int(self.query.get(name) or default)
        return max(1, min(wanted, highest, self.world.page_size or highest))

    def wanted(self, name: str) -> str:
        """A value of the body without which nothing can be done. Raises ApiError (400)."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise ApiError(400, "required", f"Missing required field: {name}")
        return value


Handler = Callable[[Call], Json | None]


def own(call: Call, user_id: str) -> "User":
    """The user whom a Gmail path names: only oneself. Raises ApiError."""
    if user_id not in ("me", call.principal):
        if user_id not in call.world.users:
            raise not_found()
        raise ApiError(403, "forbidden", f"Delegation denied for {call.principal}")
    return call.user
