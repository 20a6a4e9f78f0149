"""Consent in the browser: a person allows the hub what the settings want, or a part of it.

Source: https://developers.google.com/identity/protocols/oauth2/web-server,
https://developers.google.com/identity/protocols/oauth2/resources/granular-permissions,
https://developers.google.com/identity/openid-connect/openid-connect#obtainuserinfo
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from google.auth import jwt
from google_auth_oauthlib.flow import Flow  # type: ignore[import-untyped]  # the package ships no types

from connectors.google import auth
from connectors.google.settings import CALENDAR, CONTACTS, IDENTITY, MAIL, OTHER_CONTACTS, GoogleSettings
from hub.connector.consent import ConsentError, Granted, Question, Refusal, code_of
from hub.connector.stream import Grant
from hub.errors import RetryLaterError

PERMISSIONS = "https://myaccount.google.com/permissions"
LONGEST = 100_000  # characters of the token service's answer
_WIDER = "https://mail.google.com/"  # all of Gmail: includes what MAIL allows
# These two write whole requests and answers, tokens among them, as soon as somebody asks for debugging.
for _talkative in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)


class GoogleConsent:
    """Google's page of consent (`hub.connector.consent.Consent`)."""

    def page(self, settings: GoogleSettings) -> str:
        """Return the page's address; a service account needs nobody's consent."""
        return "" if settings.key else auth.auth_uri(settings)

    def ask(self, settings: GoogleSettings, question: Question) -> str:
        """Return the page's address with our question.

        `offline` and `consent` together make Google give a refresh token each time. Scopes granted before are left
        out: they would come back although this consent did not name them.
        """
        if not settings.client_id or not settings.client_secret.get_secret_value():
            raise ConsentError(Refusal.NOT_READY, "Enter the client id and the client secret in the settings first.")
        named = {"login_hint": settings.address.strip()} if settings.address.strip() else {}
        address, _ = _flow(settings, question).authorization_url(
            access_type="offline", prompt="consent", include_granted_scopes="false", state=question.state, **named
        )
        return str(address)

    def finish(self, settings: GoogleSettings, question: Question, answer: Mapping[str, str]) -> Granted:
        """Change the code that came back for tokens."""
        told = _exchanged(settings, question, code_of(answer, "Google"))
        address = _address(settings, told)
        refresh_token = told.get("refresh_token")
        if not isinstance(refresh_token, str) or not refresh_token:
            raise ConsentError(
                Refusal.NOTHING_LASTING,
                f"Google gave no refresh token. Remove the hub under {PERMISSIONS} and press Connect again.",
            )
        expires_at = datetime.fromtimestamp(float(told["expires_at"]), UTC) if told.get("expires_at") else None
        grant = Grant(refresh_token, str(told["access_token"]), expires_at, tuple(sorted(_scopes(told, answer))))
        return Granted(grant, address, self.missing(settings, grant))

    def missing(self, settings: GoogleSettings, grant: Grant) -> tuple[str, ...]:
        """Return the settings that want more than was granted; where nobody said what was granted, nothing is missing."""
        if not grant.scopes:
            return ()
        fields = type(settings).model_fields
        return tuple(
            str(fields[name].title)
            for name, scope in _WANTS.items()
            if scope in settings.scopes and scope not in grant.scopes and not (scope == MAIL and _WIDER in grant.scopes)
        )


_WANTS = {"mail": MAIL, "calendar": CALENDAR, "contacts": CONTACTS, "other_contacts": OTHER_CONTACTS}


def _flow(settings: GoogleSettings, question: Question) -> Flow:
    client = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "auth_uri": auth.auth_uri(settings),
        "token_uri": auth.token_uri(settings),
    }
    return Flow.from_client_config(
        {"web": client},
        scopes=list(settings.scopes),
        redirect_uri=question.redirect,
        state=question.state,
        code_verifier=question.verifier,
        autogenerate_code_verifier=False,
    )


def _exchanged(settings: GoogleSettings, question: Question, code: str) -> Mapping[str, Any]:
    """Ask the token service, once.

    Raises:
        ConsentError: it refuses, or answers what is no answer.
        RetryLaterError: it cannot be asked.
    """
    if not auth.token_uri(settings).startswith("https://"):
        raise ConsentError(Refusal.NOT_READY, "The address of OAuth in the settings must begin with https://.")
    flow = _flow(settings, question)
    session = flow.oauth2session
    session.scope = None  # a person may allow less than was asked for, and the library would call that an error
    session.max_redirects = 0  # the client secret goes to the address of the settings and nowhere else
    session.register_compliance_hook("access_token_response", _readable)
    try:
        # A path wins over a certificate file of the environment, see hub.connector.http.Session.
        told = flow.fetch_token(code=code, timeout=settings.timeout_s, verify=settings.ca or True)
    except requests.exceptions.SSLError as error:
        raise RetryLaterError("The certificate of Google's token service is not trusted.") from error
    except (requests.RequestException, OSError) as error:
        raise RetryLaterError(f"Google's token service cannot be reached: {type(error).__name__}.") from error
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise ConsentError(Refusal.REFUSED, "Google's token service answered what cannot be read.") from error
    finally:
        session.close()
    return dict(told)


def _readable(answer: requests.Response) -> requests.Response:
    """Let only tokens through to the library, which looks neither at the status nor at the length."""
    if answer.status_code >= requests.codes.internal_server_error:
        raise requests.RequestException(f"status {answer.status_code}")
    told = json.loads(answer.content) if len(answer.content) <= LONGEST else None
    if not isinstance(told, dict):
        raise TypeError("no JSON object")
    if error := str(told.get("error", "")):
        said = f"{error}: {told.get('error_description', '')}".strip(": ")
        raise ConsentError(Refusal.REFUSED, f"Google refused: {said[:200]}.")
    if not isinstance(told.get("access_token"), str):
        raise ConsentError(Refusal.REFUSED, "Google's token service answered without a token.")
    return answer


def _address(settings: GoogleSettings, told: Mapping[str, Any]) -> str:
    """Return whose account it is, from the id token.

    It came over TLS from the token service itself, so its signature proves nothing more.
    Source: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation (6.)
    """
    unknown = ConsentError(
        Refusal.NO_ADDRESS, "Google did not say whose account it is. Press Connect again and leave that box ticked."
    )
    try:
        claims = jwt.decode(told.get("id_token") or "", verify=False)  # type: ignore[no-untyped-call]  # see above
    except (ValueError, TypeError) as error:
        raise unknown from error
    address = claims.get("email")
    if claims.get("aud") != settings.client_id or not isinstance(address, str) or "@" not in address:
        raise unknown
    if claims.get("email_verified") is False:
        raise unknown
    return address.strip().lower()


def _scopes(told: Mapping[str, Any], answer: Mapping[str, str]) -> set[str]:
    """Return what was granted: the token service's word, else the page's; both give a list with spaces."""
    said = told.get("scope") or answer.get("scope", "").split()
    names = said.split() if isinstance(said, str) else [str(one) for one in said]
    # Google answers to short names with long ones, and may do so the other way round.
    return {IDENTITY[1] if name == "email" else name for name in names}
