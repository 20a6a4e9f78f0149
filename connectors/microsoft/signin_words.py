"""Refusals of Microsoft's sign-in service, in sentences that say who can do what about them.

What happens next follows the OAuth word (`error`) where a number is not known here: Microsoft warns that numbers change.
Sources: https://learn.microsoft.com/entra/identity-platform/reference-error-codes,
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-codes-for-token-endpoint-errors
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import AuthError, ConnectorError, DisabledError, LimitedError, RetryLaterError

LOOP_PAUSE_S = 900.0  # Microsoft lets nobody in for minutes who asked the same too often
DECLINED = 65004
ADMIN_CONSENT = (90094, 90095)
_LONGEST = 300
_NUMBER = re.compile(r"\bAADSTS(\d{4,8})\b")
_TAIL = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_AGAIN = "Press Connect and sign in again."


@dataclass(frozen=True, slots=True)
class Words:
    """What a number means for the hub, and for the person who reads it."""

    kind: type[ConnectorError]
    text: str


def _person(text: str) -> Words:
    """Only a person at the sign-in page can mend it."""
    return Words(AuthError, f"{text} {_AGAIN}")


def _administrator(text: str) -> Words:
    """An administrator can mend it, here or in Entra; what was granted stays good meanwhile."""
    return Words(DisabledError, text)


def _passing(text: str) -> Words:
    return Words(RetryLaterError, text)


_SECRET = "Entra admin center, App registrations, the app, Certificates & secrets"  # noqa: S105 - a place, no secret
_TENANT = "Enter the directory (tenant) id of your organisation as the tenant"
_POLICY = "Entra admin center, Conditional Access"
WORDS: Mapping[int, Words] = {
    # --- the person
    16000: _person("This person has no account in the organisation of the app."),
    50020: _person("This person has no account in the organisation of the app; sign in with another one."),
    50034: _person("This account is not in the directory of the organisation."),
    50053: _person(
        "The account is locked, or was used from an address with a bad name; wait, or ask the administrator."
    ),
    50055: _person("The password has expired and must be changed."),
    50057: _person("The account is disabled; an administrator of Entra can enable it."),
    50132: _person("The password was changed or has expired."),
    50133: _person("The password was changed or has expired."),
    50144: _person("The password has expired and must be changed."),
    50173: _person("The access was taken back: by an administrator or the person, or since the password was changed."),
    54005: _person("The answer of the sign-in page was used already."),
    65001: _person("Nobody consented to a permission that the hub wants, or the consent was taken back."),
    65004: _person("The access was declined."),
    70000: _person("Microsoft does not accept what it granted before."),
    70008: _person("What Microsoft granted has expired."),
    70043: _person("A policy of the organisation lets nobody stay signed in for longer."),
    700082: _person("The access was not used for so long that Microsoft ended it."),
    700084: _person(
        "The redirect address is registered as a single-page application, whose access ends after a day; "
        "in Entra move it to the platform Web."
    ),
    # --- policies: multi-factor authentication and conditional access
    50072: _person("Microsoft wants a second factor, which this person must set up first."),
    50074: _person("Microsoft wants a second factor."),
    50076: _person("Microsoft wants a second factor (multi-factor authentication)."),
    50078: _person("The second factor was given too long ago."),
    50079: _person("Microsoft wants a second factor, which this person must set up first."),
    50097: _person("A policy of the organisation asks for a registered device."),
    50129: _person("A policy of the organisation asks for a registered device."),
    50131: _person(f"A policy of the organisation refused the sign-in ({_POLICY})."),
    50158: _person("Another sign-in that the organisation asks for is missing."),
    53000: _person("A policy of the organisation asks for a managed device; use one to sign in."),
    53001: _person("A policy of the organisation asks for a device of its domain; use one to sign in."),
    53002: _person(
        f"A policy of the organisation allows only approved apps; its administrator can except ours ({_POLICY})."
    ),
    53003: _person(
        f"A conditional access policy blocked it; its administrator can except the hub's address ({_POLICY})."
    ),
    53004: _person("The second factor must be set up first."),
    53011: _person("The person is blocked because of a risk; an administrator of Entra can clear it."),
    530003: _person("A conditional access policy asks for a managed device; use one to sign in."),
    530032: _person("A security policy of the organisation blocked it; ask its administrator."),
    530035: _person("The security defaults of the organisation blocked it; ask its administrator."),
    700020: _person("Microsoft wants to ask the person something."),
    # --- the app and the settings
    50001: _administrator(
        "Microsoft does not know this address of Graph: compare the addresses of Graph and of sign-in."
    ),
    500011: _administrator("Graph is not known to this organisation: compare the addresses of Graph and of sign-in."),
    50105: _administrator(
        "The app takes only people who are assigned to it: Entra admin center, Enterprise applications, the app, "
        "Users and groups, add this person."
    ),
    50194: _administrator(f"The app is of one organisation alone. {_TENANT}, or make the app multitenant."),
    65005: _administrator("The app asks for permissions that its registration does not list; add them in Entra."),
    650052: _administrator("The organisation has no subscription to a service that the app wants."),
    650056: _administrator("The app's permissions are not set up, or no administrator consented to them."),
    650057: _administrator("The app's registration does not list the permissions of Microsoft Graph."),
    70001: _administrator("The app is switched off, or not known to this organisation."),
    70011: _administrator("Microsoft does not know a permission that the hub asks for; is the address of Graph right?"),
    700016: _administrator(f"Microsoft does not know the application id in this organisation: correct it. {_TENANT}."),
    700025: _administrator(
        "The app is registered as a public client: its redirect address must be of the platform Web."
    ),
    700027: _administrator(f"The certificate is not that of the app: upload it ({_SECRET})."),
    700030: _administrator(f"The certificate is not accepted: upload another ({_SECRET})."),
    7000112: _administrator(
        "The app is switched off: Entra admin center, Enterprise applications, the app, Properties."
    ),
    7000215: _administrator(f"The client secret is wrong: enter its value, not its id ({_SECRET})."),
    7000218: _administrator("There is neither a secret nor a certificate in the settings."),
    7000222: _administrator(f"The client secret has expired: make a new one ({_SECRET}) and enter it in the settings."),
    90002: _administrator(f"Microsoft knows no such tenant. {_TENANT}, and the sign-in address of its cloud."),
    90038: _administrator("The organisation is in a national cloud: enter the addresses of that one."),
    90094: _administrator(
        "Only an administrator can consent to this app: let one press Connect, or grant it in Entra."
    ),
    90095: _administrator(
        "Only an administrator can consent to this app; the request was sent. Press Connect after it."
    ),
    900384: _administrator(f"The signature with the certificate is not accepted: is it that of the app ({_SECRET})?"),
    9001023: _administrator(f"This needs an organisation. {_TENANT}."),
    # --- Microsoft
    50033: _passing("Microsoft's sign-in service cannot just now."),
    50087: _passing("Microsoft's sign-in service cannot just now."),
    50196: Words(LimitedError, "Microsoft was asked the same too often and pauses."),
    90006: _passing("Microsoft's sign-in service cannot just now."),
    90012: _passing("Microsoft's sign-in service took too long."),
    90024: _passing("Microsoft's sign-in service cannot just now."),
    90033: _passing("Microsoft's directory cannot be reached just now."),
    90055: Words(LimitedError, "Microsoft has too many requests of this organisation."),
    90090: _passing("Microsoft's sign-in service cannot just now."),
    90091: _passing("Microsoft's directory cannot be reached just now."),
}
# What the OAuth words mean where the number is unknown.
_PERSON = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied"})
_SETTINGS = frozenset({
    "invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "invalid_resource", "invalid_target",
    "invalid_tenant", "invalid_instance", "unsupported_grant_type", "unsupported_response_type",
})  # fmt: skip


def numbers(told: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the numbers of a refusal, such as 50076: of the token service, or as the browser brings them."""
    listed = told.get("error_codes")
    found = [one for one in listed if isinstance(one, int)] if isinstance(listed, list) else []
    return tuple(found) or tuple(int(one) for one in _NUMBER.findall(str(told.get("error_description", ""))))


def refused(told: Mapping[str, Any], *, app_only: bool = False) -> ConnectorError:
    """Say what the caller does next, and what a person can do.

    Args:
        told: of the token service: `error`, `error_description`, `error_codes`.
        app_only: nobody can sign in again, so that an administrator is needed for everything.
    """
    error = str(told.get("error", ""))[:100]
    for number in numbers(told):
        if (words := WORDS.get(number)) is not None:
            return _made(words, f"{words.text} (AADSTS{number})", app_only=app_only)
    said = _TAIL.sub("", str(told.get("error_description", "")))[:_LONGEST].strip() or error or "no reason"
    if error in _PERSON:
        return _made(_person(""), f"Microsoft refused: {said} {_AGAIN}", app_only=app_only)
    if error in _SETTINGS:
        return DisabledError(f"Microsoft refused: {said} Compare the settings with the app's registration.")
    return RetryLaterError(f"Microsoft gave no access token just now: {said}")


def _made(words: Words, text: str, *, app_only: bool) -> ConnectorError:
    if words.kind is LimitedError:
        return LimitedError(text, retry_after=LOOP_PAUSE_S)
    if words.kind is AuthError and app_only:
        return DisabledError(text.replace(_AGAIN, "Its administrator can mend it in Entra."))
    return words.kind(text)
