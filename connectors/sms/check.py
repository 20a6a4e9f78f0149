"""Is everything switched on? How calls prove themselves, whether the gateway lets us in, and which numbers it has for us.

Sources: https://www.twilio.com/docs/iam/api/account, https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from collections.abc import Iterator
from typing import Any

from connectors.sms.client import Client
from connectors.sms.settings import Preset, Proof, SmsSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, RetryLaterError

MOST = 50  # numbers that are looked at
_LATER = "Try again in a minute; check the server's way to the internet and its clock."
_ACCESS = "Enter user and password (for Twilio account SID and auth token) of the gateway again."


def check(account: Account[SmsSettings]) -> list[Finding]:
    """Look at the settings, and ask the gateway."""
    return whole(account.settings, Client(account.settings, Alone(), account.id))


def whole(settings: SmsSettings, client: Client) -> list[Finding]:
    """Check everything."""
    found = [_hook(settings)]
    try:
        found += _twilio(settings, client) if settings.preset is Preset.TWILIO else _any(settings, client)
    except RetryLaterError as error:
        found.append(Finding("gateway", Level.RED, str(error), _LATER))
    except AuthError as error:
        found.append(Finding("gateway", Level.RED, str(error), _ACCESS))
    except ConnectorError as error:
        found.append(Finding("gateway", Level.RED, str(error), "Ask the gateway what the account may do."))
    return found


def _hook(settings: SmsSettings) -> Finding:
    how = settings.proved_by
    text = f"Ready to take messages; calls prove themselves by {how.value}."
    if settings.old_signing_secret.get_secret_value():
        return Finding(
            "hook", Level.AMBER, f"{text} The secret of before counts as well.", "Empty it when it was changed."
        )
    action = "Let the gateway post messages and states to the account's address."
    if how is Proof.TOKEN:
        action += " Where the gateway can sign, enter its secret."
    return Finding("hook", Level.GREEN, text, action)


def _any(settings: SmsSettings, client: Client) -> Iterator[Finding]:
    if not settings.base:
        yield Finding("gateway", Level.GREEN, "Messages only come in; no address to send by is entered.")
        return
    if not settings.check_url:
        text = "Nobody knows whether the gateway lets us in: there is no address to check by."
        yield Finding(
            "gateway", Level.AMBER, text, "Enter one, such as that of the balance, or send yourself a message."
        )
        return
    client.get(settings.check_url)
    yield Finding("gateway", Level.GREEN, "The gateway lets us in.")


def _twilio(settings: SmsSettings, client: Client) -> Iterator[Finding]:
    if not settings.account_sid:
        yield Finding(
            "gateway", Level.RED, "There is no account SID.", "Copy it from Twilio's console, which begins with AC."
        )
        return
    base = f"{settings.base}/2010-04-01/Accounts/{settings.account_sid}"
    status = client.get(f"{base}.json").get("status")
    if status != "active":
        text = f"Twilio says that the account is {str(status)[:40]}."
        yield Finding("gateway", Level.RED, text, "See Twilio's console: an account without money is suspended.")
        return
    yield Finding("gateway", Level.GREEN, "Twilio lets us in, and the account is active.")
    listed = client.get(f"{base}/IncomingPhoneNumbers.json?PageSize={MOST}").get("incoming_phone_numbers")
    numbers = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    yield _numbers(settings, numbers)
    if not settings.hook_url.get_secret_value():
        text = "Twilio is not told where to post what becomes of messages."
        yield Finding(
            "states", Level.AMBER, text, "Enter the address of the hook in the settings, as it was entered at Twilio."
        )


def _numbers(settings: SmsSettings, numbers: list[dict[str, Any]]) -> Finding:
    able = [one for one in numbers if (one.get("capabilities") or {}).get("sms")]
    names = ", ".join(str(one.get("phone_number"))[:20] for one in able)
    if not able and not settings.sender:
        action = "Buy one in Twilio's console, or enter a messaging service as the sender."
        return Finding("numbers", Level.AMBER, "The account has no number that can send messages.", action)
    deaf = [one for one in able if not one.get("sms_url") and not one.get("sms_application_sid")]
    if deaf and len(deaf) == len(able):
        action = "Enter the account's address at the number: Messaging, A message comes in, Webhook, POST."
        return Finding("numbers", Level.AMBER, f"No number tells anybody what comes in: {names}.", action)
    return Finding("numbers", Level.GREEN, f"Numbers: {names or settings.sender}.")
