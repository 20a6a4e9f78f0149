"""One call of Graph, as its handler sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.microsoft.simulated import shapes
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, conflict

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User, World

_DIGITS = 9  # of a number in a query


@dataclass(frozen=True)
class Call:
    """Who asks for what. `/me/...` is already `/users/{user}/...` here."""

    world: "World"
    verb: str
    url: str  # whole, as it was asked for: where links of paging begin
    principal: str  # address of the person behind the access token; empty where an app asks for itself
    permissions: frozenset[str]  # such as Mail.Read
    path: Mapping[str, str]  # the places of the route, decoded
    query: Mapping[str, str]  # names as they were sent, such as $select
    headers: Mapping[str, str]  # names in lower case
    body: Json = field(default_factory=dict)
    raw: bytes = b""  # the body as it came, JSON or not
    app: str = ""  # application id of the client

    @property
    def user(self) -> "User":
        """The user whom the path names, by address or id. Raises ApiError (404)."""
        user = self.world.named(self.path["user"])
        if user is None:
            raise ApiError(404, "ErrorInvalidUser", f"The requested user '{self.path['user']}' is invalid.")
        return user

    @property
    def prefers(self) -> Mapping[str, str]:
        """What `Prefer` says: names in lower case, values without quotes."""
        pairs = (one.strip().partition("=") for one in self.headers.get("prefer", "").split(","))
        return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs if name}

    @property
    def immutable(self) -> bool:
        """Whether ids are asked for that stay when an item moves."""
        return self.prefers.get("idtype", "").lower() == "immutableid"

    def limit(self, default: int, highest: int) -> int:
        """The page size asked for, by $top or `Prefer: odata.maxpagesize`. Raises ApiError (400)."""
        text = self.query.get("$top") or self.prefers.get("odata.maxpagesize") or str(default)
        return min(_number("$top", text, least=1), highest, self.world.page_size or highest)

    def skipped(self) -> int:
        """How many items of a listing come before the page asked for. Raises ApiError (400)."""
        return _number("$skip", self.query.get("$skip", "0"), least=0)

    def given(self, kind: shapes.Type) -> Json:
        """What the body says, if it is of a type. Raises ApiError (400)."""
        found: Json = shapes.read(kind, self.body)
        return found

    def only_if(self, etag: str) -> None:
        """Refuse where `If-Match` names another state. Raises ApiError (412)."""
        wanted = self.headers.get("if-match", "")
        if wanted and wanted not in ("*", etag):
            raise conflict()


@dataclass(frozen=True)
class Reply:
    """What a handler answers: JSON, or bytes, or nothing."""

    value: Json | None = None
    status: int = 200
    content: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """One method of the API: `GET /users/{user}/messages/{id}`; one of the permissions is enough, in either form.

    In a path `{name}` is one place; a literal part such as `microsoft.graph.delta()` or `delta` is written as it is asked for.
    """

    verb: str
    path: str
    handler: Handler
    permissions: frozenset[str] = frozenset()
    writes: bool = False
    anonymous: bool = False  # no access token is wanted: the address itself shows who may
    unlocked: bool = False  # the handler takes the lock by itself, because it waits for somebody


def _number(option: str, text: str, *, least: int) -> int:
    if not text.isdecimal() or len(text) > _DIGITS or int(text) < least:
        raise bad_request(f"Invalid value '{text}' for {option} query option found.", "ErrorInvalidUrlQuery")
    return int(text)
