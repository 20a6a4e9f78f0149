"""Pages of whom is asked for, what the app hears of them, and their forms.

Sources: https://developers.facebook.com/docs/graph-api/reference/user/accounts,
https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps and
https://developers.facebook.com/docs/graph-api/reference/page/leadgen_forms
"""

import json

from connectors.facebook.simulated.call import Call, Reply, Route, done
from connectors.facebook.simulated.errors import invalid
from connectors.facebook.simulated.paging import page as cut
from connectors.facebook.simulated.things import Page
from connectors.facebook.simulated.tokens import APP_NAME
from connectors.facebook.simulated.views import view

_UNASKED = "access_token,category,name,id,tasks"
_EVENTS = frozenset({"leadgen", "leadgen_update", "leadgen_fat", "feed", "messages", "name"})


def accounts(call: Call) -> Reply:
    """The pages on which somebody has a task."""
    call.needs("pages_show_list")
    person = call.person
    mine = [call.world.pages[one] for one in (person.tasks if person else {}) if one in call.world.pages]
    mine = [one for one in mine if person and person.tasks[one.id]]
    fields = call.text("fields", _UNASKED)
    return Reply(cut(call, mine, lambda one: (one.id,), lambda one: view(call, "page", one, fields)))


def ad_accounts(call: Call) -> Reply:
    call.needs("ads_read")
    person = call.person
    mine = [call.world.accounts[one] for one in sorted(person.ad_accounts if person else ())]
    fields = call.text("fields")
    return Reply(cut(call, mine, lambda one: (one.id,), lambda one: view(call, "account", one, fields)))


def permissions(call: Call) -> Reply:
    """What was granted of what could be."""
    return Reply({"data": [{"permission": one, "status": "granted"} for one in sorted(call.token.scopes)]})


def forms(call: Call) -> Reply:
    """Forms of a page, whatever became of them."""
    page: Page = call.node
    call.may_manage(page)
    call.needs("pages_manage_ads")
    mine = [one for one in call.world.forms.values() if one.page_id == page.id]
    fields = call.text("fields")
    told = cut(
        call, mine, lambda one: (f"{10**16 - int(one.created_at)}", one.id), lambda one: view(call, "form", one, fields)
    )
    return Reply(told)


def subscribed(call: Call) -> Reply:
    """What our app hears of a page; without fields there is no app in the list."""
    page: Page = call.node
    call.may_manage(page)
    call.needs("pages_manage_metadata")
    told = {
        "category": "Business", "link": call.world.base_url, "name": APP_NAME, "id": call.world.tokens.app_id,
        "subscribed_fields": page.subscribed,
    }  # fmt: skip
    return Reply({"data": [told] if page.subscribed else []})


def subscribe(call: Call) -> Reply:
    page: Page = call.node
    call.may_manage(page)
    call.needs("pages_manage_metadata")
    fields = names(call.wanted("subscribed_fields"))
    if unknown := set(fields) - _EVENTS:
        raise invalid(f"Param subscribed_fields[0] must be one of {{{', '.join(sorted(_EVENTS))}}} - got {unknown}.")
    page.subscribed = fields
    return done()


def unsubscribe(call: Call) -> Reply:
    page: Page = call.node
    call.may_manage(page)
    call.needs("pages_manage_metadata")
    page.subscribed = []
    return done()


def names(text: str) -> list[str]:
    """A list as Graph takes it: with commas, or as JSON. Raises ApiError."""
    try:
        found = json.loads(text) if text.startswith("[") else text.split(",")
    except ValueError:
        raise invalid("A list must be valid JSON.") from None
    return [str(one).strip() for one in found if str(one).strip()]


ROUTES: tuple[Route, ...] = (
    Route("GET", "person", "accounts", accounts),
    Route("GET", "person", "adaccounts", ad_accounts),
    Route("GET", "person", "permissions", permissions),
    Route("GET", "page", "leadgen_forms", forms),
    Route("GET", "page", "subscribed_apps", subscribed),
    Route("POST", "page", "subscribed_apps", subscribe, writes=True),
    Route("DELETE", "page", "subscribed_apps", unsubscribe, writes=True),
)
