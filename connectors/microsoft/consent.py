"""Consent in the browser: a person signs in at Microsoft and allows the hub what the settings want.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow,
https://learn.microsoft.com/entra/identity-platform/scopes-oidc,
https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from connectors.microsoft import auth
from connectors.microsoft.settings import CALENDAR, CONTACTS, IDENTITY, MAIL, SEND, SHARED, MicrosoftSettings
from connectors.microsoft.signin_words import ADMIN_CONSENT, DECLINED, numbers, refused
from hub.connector.consent import ConsentError, Granted, Question, Refusal, code_of
from hub.connector.stream import Grant
from hub.errors import AuthError, DisabledError

# What each setting wants. Write access to one's own calendars is not yet that to calendars of others.
_WANTS = {"mail": (MAIL, SEND), "calendar": (CALENDAR, SHARED), "contacts": (CONTACTS,)}


class MicrosoftConsent:
    """Microsoft's page of consent (`hub.connector.consent.Consent`)."""

    def page(self, settings: MicrosoftSettings) -> str:
        """Return the page's address; an app that asks for itself needs nobody's consent."""
        return "" if settings.app_only else f"{auth.authority(settings)}/oauth2/v2.0/authorize"

    def ask(self, settings: MicrosoftSettings, question: Question) -> str:
        """Return the page's address with our question.

        A person who is known is not asked which account it is; else Microsoft would take the one of its last sign-in.
        The page of consent comes by itself where a permission is new: to ask for it each time (`prompt=consent`) would
        keep those out for whom an administrator consented.
        """
        if not settings.client_id or not settings.credential:
            raise ConsentError(Refusal.NOT_READY, "Enter the application id and a secret or a certificate first.")
        address = settings.address.strip()
        asked = {
            "client_id": settings.client_id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": question.redirect,
            "scope": " ".join(_scopes(settings)),
            "state": question.state,
            "nonce": _hash(_nonce(question)),
            "code_challenge": question.challenge,
            "code_challenge_method": "S256",
            **({"login_hint": address} if address else {"prompt": "select_account"}),
        }
        return f"{self.page(settings)}?{urlencode(asked)}"

    def finish(self, settings: MicrosoftSettings, question: Question, answer: Mapping[str, str]) -> Granted:
        """Change the code that came back for tokens."""
        if answer.get("error", ""):
            raise _said_no(answer)
        told = _exchanged(settings, question, code_of(answer, "Microsoft"))
        address = _address(settings, told)
        grant = auth.granted(told, Grant(""))
        if not grant.refresh_token:
            raise ConsentError(
                Refusal.NOTHING_LASTING, "Microsoft gave access for an hour and no more: let it grant offline_access."
            )
        return Granted(grant, address, self.missing(settings, grant))

    def missing(self, settings: MicrosoftSettings, grant: Grant) -> tuple[str, ...]:
        """Return the settings that want more than was granted; where nobody said what was granted, nothing is missing."""
        if not grant.scopes:
            return ()
        allowed = {scope.lower() for scope in grant.scopes}
        wanted = frozenset(settings.permissions)
        fields = type(settings).model_fields
        return tuple(
            str(fields[name].title)
            for name, scopes in _WANTS.items()
            if any(scope in wanted and scope.lower() not in allowed for scope in scopes)
        )


def _scopes(settings: MicrosoftSettings) -> tuple[str, ...]:
    return (*IDENTITY, *settings.permissions)


def _exchanged(settings: MicrosoftSettings, question: Question, code: str) -> Mapping[str, Any]:
    """Ask the token service, once.

    Raises:
        ConsentError: it refuses.
        RetryLaterError: it cannot be asked.
    """
    flow = {
        "state": question.state,
        "redirect_uri": question.redirect,
        "scope": list(_scopes(settings)),
        "code_verifier": question.verifier,
        "nonce": _nonce(question),
    }
    # The hub compared the state already; msal wants to see it once more.
    answer = {"code": code, "state": question.state}
    try:
        return auth.asked(settings, lambda app: app.acquire_token_by_auth_code_flow(flow, answer))
    except (AuthError, DisabledError) as error:
        raise ConsentError(Refusal.REFUSED, str(error)) from error


def _said_no(answer: Mapping[str, str]) -> ConsentError:
    """Return what the page's refusal means for the person."""
    found = numbers(answer)
    is_no = answer.get("error") == "access_denied" and (not found or DECLINED in found)
    if is_no or DECLINED in found or answer.get("error_subcode") == "cancel":
        return ConsentError(Refusal.DENIED, "The access was not allowed on Microsoft's page.")
    text = str(refused(answer))
    if any(number in found for number in ADMIN_CONSENT):
        text = f"{text} Entra admin center, Enterprise applications, the app, Permissions, Grant admin consent."
    return ConsentError(Refusal.REFUSED, text)


def _address(settings: MicrosoftSettings, told: Mapping[str, Any]) -> str:
    """Return whose account it is, from the id token.

    It came over TLS from the token service itself, so its signature proves nothing more. The name that somebody signs in
    with is of a domain that its organisation proved to own; `email` anybody may write into his own directory.
    Sources: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation (6.),
    https://learn.microsoft.com/entra/identity-platform/claims-validation
    """
    claims = told.get("id_token_claims")
    address = claims.get("preferred_username") if isinstance(claims, dict) else None
    if not isinstance(claims, dict) or claims.get("aud") != settings.client_id or not _is_address(address):
        raise ConsentError(Refusal.NO_ADDRESS, "Microsoft did not say whose account it is. Press Connect again.")
    return str(address).strip().lower()


def _is_address(name: Any) -> bool:
    return isinstance(name, str) and "@" in name.strip("@ ") and not name[:1].isspace() and len(name) <= 320


def _nonce(question: Question) -> str:
    """Return what ties the id token to our question; the verifier itself is never shown."""
    return _hash(f"nonce {question.verifier}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
