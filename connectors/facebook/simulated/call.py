"""One call of Graph, as its handler sees it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.facebook.simulated.errors import Json, denied, invalid, no_lead_access, not_there, too_much
from connectors.facebook.simulated.things import Form, Page, Person
from connectors.facebook.simulated.tokens import Token
from connectors.facebook.simulated.world import World

_DEFAULT_LIMIT = 25
_MOST = 500


@dataclass(frozen=True)
class Call:
    """Who asks for what."""

    world: World
    verb: str
    url: str  # without its parameters: where links of paging begin
    token: Token
    node: Any  # the thing that the path names
    params: Mapping[str, Any]  # of the query and of the body

    def text(self, name: str, default: str = "") -> str:
        """A parameter as text."""
        found = self.params.get(name, default)
        return found if isinstance(found, str) else json.dumps(found)

    def wanted(self, name: str) -> str:
        """A parameter without which nothing can be done. Raises ApiError."""
        if self.params.get(name) in (None, ""):
            raise invalid(f"The parameter {name} is required.")
        return self.text(name)

    def value(self, name: str) -> Any:
        """A parameter that is JSON; None: it was not sent. Raises ApiError."""
        found = self.params.get(name)
        if not isinstance(found, str):
            return found
        try:
            return json.loads(found)
        except ValueError:
            raise invalid(f"param {name} must be valid JSON.") from None

    @property
    def limit(self) -> int:
        """The page size asked for. Raises ApiError: so much is never given."""
        text = self.text("limit", str(_DEFAULT_LIMIT))
        if not text.isdecimal() or int(text) < 1:
            raise invalid("param limit must be a positive number.")
        if int(text) > _MOST:
            raise too_much()
        return min(int(text), self.world.page_size or _MOST)

    # -- who may ------------------------------------------------------------------------------------------------------

    @property
    def person(self) -> Person | None:
        """Who stands behind the token; None: the app."""
        return self.world.people.get(self.token.person_id)

    def needs(self, scope: str) -> None:
        """Raises ApiError: this permission was not granted."""
        if scope not in self.token.scopes:
            raise denied(scope)

    def may_manage(self, page: Page) -> None:
        """Raises ApiError: the page is none of his."""
        person = self.person
        if person is None or not person.tasks.get(page.id) or self.token.page_id not in ("", page.id):
            raise not_there(page.id, self.verb)

    def may_advertise(self, account_id: str) -> bool:
        """Whether he sees what an ad account's ads are called."""
        person = self.person
        return person is not None and account_id in person.ad_accounts and "ads_management" in self.token.scopes

    def may_read_leads(self, page: Page) -> None:
        """Raises ApiError: a permission is missing, or Leads Access Manager has somebody's name struck out."""
        self.may_manage(page)
        self.needs("leads_retrieval")
        if page.is_customized and (not page.app_has_access or self.token.person_id in page.people_without):
            raise no_lead_access(page.refusal)

    def page_of(self, form: Form) -> Page:
        """The page of a form that he may see. Raises ApiError."""
        page = self.world.pages[form.page_id]
        self.may_manage(page)
        return page


@dataclass(frozen=True)
class Reply:
    """What a handler answers."""

    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """One method of the API: a verb, what kind of thing its path names, and which edge of it."""

    verb: str
    kind: str
    edge: str
    handler: Handler
    writes: bool = False
    anonymous: bool = False  # asks for no access token: the parameters themselves show who it is
    unlocked: bool = False  # the handler takes the lock by itself, because it waits for somebody

    @property
    def name(self) -> str:
        return f"{self.verb} {self.kind}/{self.edge}" if self.kind else f"{self.verb} {self.edge}"


def done() -> Reply:
    """What Graph says where there is nothing to say."""
    told: Json = {"success": True}
    return Reply(told)
