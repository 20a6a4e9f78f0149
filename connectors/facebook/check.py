"""Is everything switched on? Four things must be, at Meta each in another place, and each is silent when it is not.

The webhook of the app, the app on each page, the access to leads, and the token: each is looked at and told by its name,
with Meta's own words for what is wrong and what to do, where it has such.
Sources: https://developers.facebook.com/docs/graph-api/reference/debug_token,
https://developers.facebook.com/docs/graph-api/reference/page (has_lead_access, leadgen_tos_accepted)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.facebook import auth, forms
from connectors.facebook.client import Client, entries, place
from connectors.facebook.leads import refused
from connectors.facebook.push import FIELD, fields_of, install, installed, subscription
from connectors.facebook.settings import LEADS, PAGES, FacebookSettings
from hub.connector.checking import Alone, reached
from hub.connector.contract import Account, Finding, Level
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)

MOST = 20  # pages that are asked where somebody waits for the answer
LATER = "Try again in a minute."
SOON = timedelta(days=14)
_PREPARE = "Make an app at developers.facebook.com and copy its id and secret here (README)."
_CONNECT = "Press Connect, or enter a system user token."
_WEBHOOK = "The hub switches it on by itself within minutes, once Meta can reach it and a verify token is set (README)."
_TERMS = "An administrator of the page accepts them: https://www.facebook.com/ads/leadgen/tos"
_FAULTS = (ConnectorError, ShapeError)


@dataclass(frozen=True, slots=True)
class _Switch:
    """One thing that must be on for each page; `off` says what is wrong, or nothing."""

    topic: str
    fine: str
    off: Callable[[Client], str]
    action: str
    is_grave: bool = False  # red where it cannot be mended


def check(account: Account[FacebookSettings]) -> list[Finding]:
    """Look at the settings, reach Meta, and ask it where the settings alone are enough to be let in."""
    settings = account.settings
    tools = Alone()
    is_connected = bool(settings.token.get_secret_value())
    return whole(settings, lambda mailbox: Client(settings, tools, mailbox), is_connected=is_connected)


def whole(settings: FacebookSettings, client: Callable[[str], Client], *, is_connected: bool = True) -> list[Finding]:
    """Check everything; without a grant, what can be known without it."""
    there = reached("Meta", f"{settings.base}/oauth/access_token", ca=settings.ca, timeout_s=settings.timeout_s)
    found = [*_credentials(settings), there.finding]
    if any(one.level is Level.RED for one in found):
        return found
    app = client(auth.APP)
    found += _webhook(app)
    if is_connected and not any(one.topic == "app" and one.level is Level.RED for one in found):
        found += _asked(settings, client, _first_pages, _SWITCHES)
    return [*_halves(found), _version(settings, [app, client(auth.PERSON)])]


def watched(settings: FacebookSettings, client: Callable[[str], Client]) -> list[Finding]:
    """Look at the same without anybody waiting: all pages, by few questions, and mend what is off and was on.

    What cannot be asked now has `LATER` to be done.
    """
    found = list(_credentials(settings))
    if any(one.level is Level.RED for one in found):
        return found
    app = client(auth.APP)
    found += _webhook(app)
    asked: list[Client] = [app, client(auth.PERSON)]

    def noted(mailbox: str) -> Client:
        asked.append(client(mailbox))
        return asked[-1]

    is_told = any(one.topic == "webhook" and one.level is Level.GREEN for one in found)
    if any(one.topic == "app" and one.level is Level.GREEN for one in found):
        found += _asked(settings, noted, _all_pages, _MENDED if is_told else _LOOKED_AT)
    return [*_halves(found), _version(settings, asked)]


def _halves(found: Sequence[Finding]) -> Iterator[Finding]:
    """Leave it green where nothing was ever switched on for webhooks, as in a hub that Meta cannot reach: it polls.

    Half of it is a fault: somebody switched off the other half.
    """
    half = [one for one in found if one.topic in ("webhook", "subscription")]
    is_all_off = all(one.level is not Level.GREEN and one.action == _WEBHOOK for one in half)
    for one in found:
        yield replace(one, level=Level.GREEN) if one in half and is_all_off else one


def _credentials(settings: FacebookSettings) -> Iterator[Finding]:
    if not settings.app_id or not settings.app_secret.get_secret_value():
        yield Finding("credentials", Level.RED, "There is no app: its id or its secret is missing.", _PREPARE)
        return
    if not settings.verify_token.get_secret_value():
        text = "There is no verify token, so Meta cannot tell us of new leads; they are polled."
        yield Finding("credentials", Level.AMBER, text, "Enter any long word of your own as the verify token.")
        return
    if settings.old_app_secret.get_secret_value():
        text = "Webhooks signed with the app secret of before are still believed."
        yield Finding("credentials", Level.AMBER, text, "Empty it, once the secret was changed at Meta.")
        return
    yield Finding("credentials", Level.GREEN, "The app is set.")


def _webhook(app: Client) -> Iterator[Finding]:
    """Look whether the app posts new leads, and where to; that also proves its id and secret."""
    try:
        told = subscription(app)
    except _FAULTS as error:
        action = LATER if isinstance(error, RetryLaterError) else "Correct the app's id and secret."
        yield Finding("app", Level.RED, str(error), action)
        return
    yield Finding("app", Level.GREEN, "Meta knows the app and its secret.")
    if told is None or FIELD not in fields_of(told):
        text = "Webhook of the app: off. It does not post new leads; they are polled."
        yield Finding("webhook", Level.AMBER, text, _WEBHOOK)
    elif told.get("active") is False:
        text = "Webhook of the app: off. Meta switched it off, mostly because it could not be reached for days."
        yield Finding("webhook", Level.AMBER, text, _WEBHOOK)
    else:
        yield Finding("webhook", Level.GREEN, f"Webhook of the app: on, to {str(told.get('callback_url'))[:300]}.")


_Pages = Callable[[FacebookSettings, Client], tuple[Sequence[forms.Page], bool]]


def _first_pages(settings: FacebookSettings, person: Client) -> tuple[Sequence[forms.Page], bool]:
    pages, are_more = forms.some_pages(settings, person)
    return pages[:MOST], are_more


def _all_pages(settings: FacebookSettings, person: Client) -> tuple[Sequence[forms.Page], bool]:
    return forms.pages(settings, person), False


def _asked(
    settings: FacebookSettings, client: Callable[[str], Client], pages_of: _Pages, switches: Sequence[_Switch]
) -> list[Finding]:
    person = client(auth.PERSON)
    try:
        found = list(_token(client(auth.APP), person, settings.permissions))
        pages, are_more = pages_of(settings, person)
    except AuthError as error:
        return [Finding("token", Level.RED, f"Token: {error}", _CONNECT)]
    except _FAULTS as error:
        return [Finding("token", Level.RED, f"Token: {error}", _action(error))]
    if not pages and are_more:
        text = "Meta showed no page of those that it has."
        return [*found, Finding("pages", Level.AMBER, text, LATER)]
    if not pages:
        action = "Let an administrator of the page give it to whoever connected, and press Connect again."
        return [*found, Finding("pages", Level.RED, "There is no page that we may manage.", action)]
    return [*found, *_pages({page.id: page for page in pages}, client, switches)]


def _token(app: Client, person: Client, permissions: Sequence[str]) -> Iterator[Finding]:
    """Let Meta say what it thinks of the token."""
    token = person.token
    try:
        told = app.hidden("debug_token", {"input_token": token}).get("data")
    except RetryLaterError:
        raise
    except _FAULTS as error:
        yield Finding("token", Level.AMBER, f"Token: Meta does not say how long it lives. {error}")
        return
    facts: Mapping[str, Any] = told if isinstance(told, dict) else {}
    if facts.get("is_valid") is not True:
        said = facts.get("error")
        words = said.get("message") if isinstance(said, dict) else ""
        yield Finding("token", Level.RED, f"Token: it counts no more. {words or ''}".strip(), _CONNECT)
        return
    yield _lasting(facts)
    yield _permissions(facts.get("scopes"), permissions)


def _lasting(facts: Mapping[str, Any]) -> Finding:
    """Say when the token ends, or the person's leave to read data, whichever is first."""
    ends = {
        "access": _moment(facts.get("expires_at")),
        "leave to read data": _moment(facts.get("data_access_expires_at")),
    }
    known = {name: at for name, at in ends.items() if at is not None}
    if not known:
        return Finding("token", Level.GREEN, "Token: valid, without an end.")
    name, at = min(known.items(), key=lambda one: one[1])
    text = f"Token: valid; the {name} ends on {at:%Y-%m-%d}."
    if at - datetime.now(UTC) > SOON:
        return Finding("token", Level.GREEN, text)
    return Finding(
        "token", Level.AMBER, text, "Press Connect again before, or use a system user token, which has no end."
    )


def _permissions(scopes: Any, wanted: Sequence[str]) -> Finding:
    granted = {str(one) for one in scopes} if isinstance(scopes, list) else set()
    missing = [one for one in wanted if one not in granted]
    if not missing:
        return Finding("permissions", Level.GREEN, "All permissions were granted.")
    level = Level.RED if {LEADS, PAGES} & set(missing) else Level.AMBER
    action = "Press Connect again and allow everything; the app needs App Review for them (README)."
    return Finding("permissions", level, f"Not granted: {', '.join(missing)}.", action)


# --- pages --------------------------------------------------------------------------------------------------------


def _leads_access(client: Client) -> str:
    """Ask Meta what it thinks of it, and then for a lead: what it thinks of may not be what it does."""
    told = client.get(f"/{place(client.mailbox)}", {"fields": "id,has_lead_access"}).get("has_lead_access")
    if isinstance(told, dict) and told.get("can_access_lead") is False:
        return refused(told)
    listed = entries(client.get(f"/{place(client.mailbox)}/leadgen_forms", {"fields": "id", "limit": "1"}))
    for form in listed:
        client.get(f"/{place(str(form.get('id')))}/leads", {"fields": "id", "limit": "1"})
    return ""


def _told_access(client: Client) -> str:
    """Ask Meta what it thinks of it; for a lead it is asked by whoever reads them."""
    told = client.get(f"/{place(client.mailbox)}", {"fields": "id,has_lead_access"}).get("has_lead_access")
    return refused(told) if isinstance(told, dict) and told.get("can_access_lead") is False else ""


def _terms(client: Client) -> str:
    told = client.get(f"/{place(client.mailbox)}", {"fields": "id,leadgen_tos_accepted"})
    return "the terms of lead ads were not accepted." if told.get("leadgen_tos_accepted") is False else ""


def _installed(client: Client) -> str:
    return "" if FIELD in installed(client) else "the app is not installed on the page for new leads; they are polled."


def _put_back(client: Client) -> str:
    """Install the app where it was taken away; what is in the way is raised."""
    if not install(client):
        return ""
    if FIELD not in installed(client):
        raise RejectedError(
            "the app is not installed on the page for new leads, and Meta does not let it be installed."
        )
    return "the app was not installed on the page for new leads any more; the hub installed it again."


_ACCESS = _Switch(
    "leads_access", "Access to leads: on.", _leads_access,
    "Business settings, Integrations, Leads access: assign the hub's app (CRM) and whoever connected to the page.",
)  # fmt: skip
_ACCEPTED = _Switch("terms", "Terms of lead ads: accepted.", _terms, _TERMS)
_INSTALLED = _Switch("subscription", "App on the pages: installed for new leads.", _installed, _WEBHOOK)
_SWITCHES = (_ACCESS, _ACCEPTED, _INSTALLED)
_LOOKED_AT = (replace(_ACCESS, off=_told_access), _ACCEPTED, _INSTALLED)
_MENDED = (*_LOOKED_AT[:-1], replace(_INSTALLED, off=_put_back, action="", is_grave=True))


def _pages(
    pages: Mapping[str, forms.Page], client: Callable[[str], Client], switches: Sequence[_Switch]
) -> list[Finding]:
    """Look at each switch of each page; one page that is off stops only itself."""
    found: list[Finding] = []
    closed: set[str] = set()  # nothing of them is read
    for switch in switches:
        problems: list[tuple[str, str, str, bool]] = []
        for page in pages.values():
            if page.id in closed and switch.topic != "leads_access":
                continue
            text, action, is_fault = _off(switch, client(page.id))
            if text:
                problems.append((page.id, f"{page.name or page.id}: {text}", action, is_fault and switch.is_grave))
                closed |= {page.id} if switch.topic == "leads_access" else set()
        level = Level.RED if len(closed) == len(pages) else Level.AMBER
        found += [
            Finding(switch.topic, Level.RED if is_grave and action != LATER else level, text, action)
            for _, text, action, is_grave in problems
        ]
        if len(closed | {page for page, *_ in problems}) < len(pages):
            found.append(Finding(switch.topic, Level.GREEN, f"{'Other pages: ' if problems else ''}{switch.fine}"))
    return [Finding("pages", Level.GREEN, f"{len(pages)} pages were looked at."), *found]


def _off(switch: _Switch, client: Client) -> tuple[str, str, bool]:
    """Return what is wrong, what is to be done, and whether Meta refused an answer."""
    try:
        return switch.off(client), switch.action, False
    except _FAULTS as error:
        return str(error), _action(error), True


def _action(error: ConnectorError | ShapeError) -> str:
    match error:
        case AuthError():
            return _CONNECT
        case ScopeError() | GoneError():
            return "An administrator of the page gives whoever connected the tasks Ads and Leads; the permission must be granted."
        case DisabledError() | RejectedError():
            return "Correct the settings, or what Meta's words say."
        case _:
            return LATER


def _version(settings: FacebookSettings, clients: Sequence[Client]) -> Finding:
    warning = next((one.warning for one in clients if one.warning), "")
    if warning:
        text = f"Meta will end version {settings.version} of its API: {warning}"
        return Finding(
            "version", Level.AMBER, text, "Set a newer version in the settings, after a look at Meta's changelog."
        )
    return Finding("version", Level.GREEN, f"Version {settings.version} of Meta's API is asked for.")


def _moment(value: Any) -> datetime | None:
    """Read seconds since 1970; 0 and nothing mean: without an end."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 4_102_444_800:
        return None
    return datetime.fromtimestamp(value, UTC)
