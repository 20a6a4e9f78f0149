"""Is everything switched on? The token, the numbers, and that Meta posts to us: without that nothing comes, and nothing fails.

Sources: https://developers.facebook.com/docs/graph-api/reference/debug_token,
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-account/phone-number-management-api,
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-account/subscribed-apps-api
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.whatsapp.client import Client
from connectors.whatsapp.messages import inner, text
from connectors.whatsapp.settings import PERMISSIONS, WhatsAppSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, GoneError, RetryLaterError, ShapeError

SOON = timedelta(days=14)
MOST = 100  # numbers of one account that are looked at
_FIELDS = "id,display_phone_number,verified_name,quality_rating,status"
_TOKEN = "Make a new token for the system user with both WhatsApp permissions, and enter it in the settings (README)."  # noqa: S105 - advice
_LATER = "Try again in a minute; check the server's way to the internet and its clock."
_FAULTS = (ConnectorError, ShapeError)


def check(account: Account[WhatsAppSettings]) -> list[Finding]:
    """Look at the settings, and ask Meta."""
    return whole(account.settings, Client(account.settings, Alone()), is_new=not account.id)


def whole(settings: WhatsAppSettings, client: Client, *, is_new: bool = False) -> list[Finding]:
    """Check everything; where the token is refused nothing else can be asked.

    Args:
        is_new: the account is not there yet, nor its address, so Meta cannot know it.
    """
    found = list(_credentials(settings))
    if any(one.level is Level.RED for one in found):
        return found
    try:
        found += _token(settings, client)
        if any(one.level is Level.RED for one in found):
            return found
        found += _numbers(settings, client)
        found += _subscription(settings, client, is_new=is_new)
    except RetryLaterError as error:
        found.append(Finding("reach", Level.RED, str(error), _LATER))
    except AuthError as error:
        found.append(Finding("access", Level.RED, str(error), _TOKEN))
    except GoneError as error:
        action = "Correct the id of the WhatsApp Business account, and give the system user that account."
        found.append(Finding("access", Level.RED, str(error), action))
    except _FAULTS as error:
        action = "Give the system user the account and both WhatsApp permissions; see WhatsApp Manager (README)."
        found.append(Finding("access", Level.RED, str(error), action))
    return found


def _credentials(settings: WhatsAppSettings) -> Iterator[Finding]:
    needed = {
        "the app's id": settings.app_id,
        "the app secret": settings.app_secret.get_secret_value(),
        "the system user token": settings.token.get_secret_value(),
        "the id of the WhatsApp Business account": settings.business_id,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        text_of = f"Not entered yet: {', '.join(missing)}."
        yield Finding("credentials", Level.RED, text_of, "Copy them from Meta into the settings (README).")
    elif not settings.verify_token.get_secret_value():
        said = "There is no verify token, so Meta cannot make sure that the address is ours."
        yield Finding("credentials", Level.AMBER, said, "Enter any long word of your own, and the same at Meta.")
    elif settings.old_app_secret.get_secret_value():
        said = "Webhooks signed with the app secret of before are still believed."
        yield Finding("credentials", Level.AMBER, said, "Empty it, once the secret was changed at Meta.")
    else:
        yield Finding("credentials", Level.GREEN, "The app and its account are set.")


def _token(settings: WhatsAppSettings, client: Client) -> Iterator[Finding]:
    """Let Meta say what it thinks of the token."""
    given = quote(settings.token.get_secret_value().strip(), safe="")
    facts = inner(client.hidden(f"debug_token?input_token={given}").get("data"))
    if facts.get("is_valid") is not True:
        words = text(inner(facts.get("error")).get("message"))
        yield Finding("token", Level.RED, f"Token: it counts no more. {words}".strip(), _TOKEN)
        return
    yield _lasting(facts)
    scopes = facts.get("scopes")
    granted = {text(one) for one in scopes} if isinstance(scopes, list) else set()
    if missing := [one for one in PERMISSIONS if one not in granted]:
        yield Finding("permissions", Level.RED, f"Not granted: {', '.join(missing)}.", _TOKEN)
    else:
        yield Finding("permissions", Level.GREEN, "All permissions were granted.")


def _lasting(facts: Mapping[str, Any]) -> Finding:
    ends = [one for name in ("expires_at", "data_access_expires_at") if (one := _moment(facts.get(name)))]
    if not ends:
        return Finding("token", Level.GREEN, "Token: valid, without an end.")
    said = f"Token: valid until {min(ends):%Y-%m-%d}."
    if min(ends) - datetime.now(UTC) > SOON:
        return Finding("token", Level.GREEN, said)
    return Finding("token", Level.AMBER, said, _TOKEN)


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int) and value > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _numbers(settings: WhatsAppSettings, client: Client) -> Iterator[Finding]:
    """Look at the numbers: which there are, whether they can send, and what customers think of them."""
    told = client.get(f"/{settings.business_id}/phone_numbers", {"fields": _FIELDS, "limit": str(MOST)}).get("data")
    if not isinstance(told, list):
        raise RetryLaterError("Meta's answer is no listing.")
    numbers = {text(inner(one).get("id")): inner(one) for one in told}
    wanted = [one for one in numbers if settings.wants("", one)]
    missing = [one for one in settings.numbers.split() if one not in numbers]
    if missing:
        said = f"The account has no number with the id {', '.join(missing)}."
        yield Finding("missing", Level.RED, said, "Correct the ids of the numbers, or those of the account.")
    if not wanted:
        yield Finding("numbers", Level.RED, "The account has no number.", "Add one in WhatsApp Manager, Phone numbers.")
        return
    said = "; ".join(_of_number(numbers[one]) for one in wanted)
    off = [one for one in wanted if text(numbers[one].get("status")).upper() not in ("", "CONNECTED")]
    bad = [one for one in wanted if text(numbers[one].get("quality_rating")).upper() in ("RED", "YELLOW")]
    if off:
        action = "Register the number with the Cloud API: WhatsApp Manager, Phone numbers."
        yield Finding("numbers", Level.AMBER, f"Not every number is connected. {said}.", action)
    elif bad:
        action = "Customers blocked or reported the number: see its insights in WhatsApp Manager, and write less."
        yield Finding("numbers", Level.AMBER, f"Quality is low. {said}.", action)
    else:
        yield Finding("numbers", Level.GREEN, f"Numbers: {said}.")


def _of_number(one: Mapping[str, Any]) -> str:
    facts = [text(one.get("verified_name")), f"quality {text(one.get('quality_rating')) or 'not known'}"]
    status = text(one.get("status"))
    facts += [status.lower()] if status and status.upper() != "CONNECTED" else []
    return f"{text(one.get('display_phone_number'))[:40]} ({', '.join(fact[:80] for fact in facts if fact)})"


def _subscription(settings: WhatsAppSettings, client: Client, *, is_new: bool) -> Iterator[Finding]:
    """Look whether what happens in the account is told to our app."""
    told = client.get(f"/{settings.business_id}/subscribed_apps").get("data")
    apps = [inner(inner(one).get("whatsapp_business_api_data")) for one in told] if isinstance(told, list) else []
    if settings.app_id in {text(one.get("id")) for one in apps}:
        yield Finding("webhook", Level.GREEN, "Meta tells the app what happens in the account.")
        return
    action = (
        "App at developers.facebook.com, WhatsApp, Configuration: enter the address and the verify token, subscribe to "
        "`messages`, and subscribe the app to the account (README)."
    )
    said = "Meta tells the app nothing: it is not subscribed to the WhatsApp Business account, so no message comes."
    yield Finding("webhook", Level.AMBER if is_new else Level.RED, said, action)
