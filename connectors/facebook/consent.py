"""Consent in the browser: a person signs in at Facebook, chooses pages, and allows the hub what reading leads needs.

Sources: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow,
https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived,
https://developers.facebook.com/docs/facebook-login/facebook-login-for-business
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests

from connectors.facebook import auth
from connectors.facebook.errors import error_of, refusal_of, told_of
from connectors.facebook.settings import FacebookSettings
from hub.connector.consent import ConsentError, Granted, Question, Refusal
from hub.connector.http import Session, blocks
from hub.connector.stream import Grant
from hub.errors import ConnectorError, LimitedError, RetryLaterError

LARGEST = 1 << 20
LASTING_S = 86_400.0  # what ends before was not made to last; pages' tokens would end with it
LONGEST_S = 366 * 86_400.0


class FacebookConsent:
    """Facebook's page of consent (`hub.connector.consent.Consent`)."""

    def page(self, settings: FacebookSettings) -> str:
        """Return the page's address; a system user's token needs nobody's consent."""
        if settings.token.get_secret_value():
            return ""
        return f"{settings.dialog_url.rstrip('/')}/{settings.version}/dialog/oauth"

    def ask(self, settings: FacebookSettings, question: Question) -> str:
        """Return the page's address with our question; what was declined once is asked for again."""
        if not settings.app_id or not settings.app_secret.get_secret_value():
            raise ConsentError(Refusal.NOT_READY, "Enter the app's id and secret first.")
        wanted = {"config_id": settings.config_id} if settings.config_id else {"scope": ",".join(settings.permissions)}
        asked = {
            "client_id": settings.app_id,
            "redirect_uri": question.redirect,
            "state": question.state,
            "response_type": "code",
            "auth_type": "rerequest",
            **wanted,
        }
        return f"{self.page(settings)}?{urlencode(asked)}"

    def finish(self, settings: FacebookSettings, question: Question, answer: Mapping[str, str]) -> Granted:
        """Change the code that came back for a token that lasts."""
        if answer.get("error") or answer.get("error_code"):
            raise _said_no(answer)
        code = answer.get("code", "")
        if not code:
            raise ConsentError(Refusal.REFUSED, "Facebook's page answered without a code.")
        with Session(settings.ca) as session:
            door = _Door(settings, session)
            short = door.token({"code": code, "redirect_uri": question.redirect})
            grant = door.token({"grant_type": "fb_exchange_token", "fb_exchange_token": short.access_token})
            if grant.expires_at is not None and grant.expires_at - datetime.now(UTC) < timedelta(seconds=LASTING_S):
                raise ConsentError(Refusal.NOTHING_LASTING, "Facebook gave access for an hour and no more. Try again.")
            person = door.get("/me", {"fields": "id,name"}, grant.access_token).get("id")
            if not isinstance(person, str) or not person.isdecimal():
                raise ConsentError(Refusal.NO_ADDRESS, "Facebook did not say who allowed it. Press Connect again.")
            grant = replace(grant, scopes=door.permissions(grant.access_token))
        return Granted(grant, person, self.missing(settings, grant))

    def missing(self, settings: FacebookSettings, grant: Grant) -> tuple[str, ...]:
        """Return the permissions that were not granted, by Meta's own names, as its page shows them."""
        return tuple(one for one in settings.permissions if one not in grant.scopes) if grant.scopes else ()


class _Door:
    """Meta's token service, before there is a token that is kept."""

    def __init__(self, settings: FacebookSettings, session: Session) -> None:
        self._settings = settings
        self._session = session

    def token(self, asked: Mapping[str, str]) -> Grant:
        """Ask for a token; secret and code travel in the body. Raises ConsentError, RetryLaterError."""
        own = {"client_id": self._settings.app_id, "client_secret": self._settings.app_secret.get_secret_value()}
        told = self._told("POST", "/oauth/access_token", data={**own, **asked})
        token, seconds = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not token:
            raise ConsentError(Refusal.REFUSED, "Facebook answered without a token.")
        lives_s = float(seconds) if isinstance(seconds, int | float) and 0 < seconds < LONGEST_S else None
        ends_at = None if lives_s is None else datetime.now(UTC) + timedelta(seconds=lives_s)
        return Grant(token, token, ends_at)

    def get(self, path: str, params: Mapping[str, str], token: str) -> Mapping[str, Any]:
        """Read something with a token."""
        proven = {**params, "appsecret_proof": auth.proof(self._settings, token)}
        return self._told("GET", path, params=proven, headers={"Authorization": f"Bearer {token}"})

    def permissions(self, token: str) -> tuple[str, ...]:
        """Return what was granted."""
        listed = self.get("/me/permissions", {}, token).get("data")
        granted = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return tuple(sorted(str(one.get("permission")) for one in granted if one.get("status") == "granted"))

    def _told(self, verb: str, path: str, **sent: Any) -> Mapping[str, Any]:
        try:
            answer = self._session.request(
                verb, f"{self._settings.base}{path}", timeout=self._settings.timeout_s, stream=True,
                allow_redirects=False, **sent,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Meta's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Meta cannot be reached: {type(error).__name__}.") from None
        told = told_of(b"".join(blocks(answer, LARGEST, "Meta's answer")))
        if refusal_of(told) is None and answer.status_code < requests.codes.multiple_choices and isinstance(told, dict):
            return told
        raise _refused(error_of(answer.status_code, answer.headers, told))


def _refused(error: ConnectorError) -> ConnectorError:
    """Return what the person reads; what is only later stays so."""
    if isinstance(error, RetryLaterError | LimitedError):
        return error
    return ConsentError(Refusal.REFUSED, str(error))


def _said_no(answer: Mapping[str, str]) -> ConsentError:
    """Return what the page's refusal means for the person."""
    if answer.get("error") == "access_denied":
        return ConsentError(Refusal.DENIED, "The access was not allowed on Facebook's page.")
    words = answer.get("error_description") or answer.get("error_message") or answer.get("error_reason") or "no reason"
    return ConsentError(Refusal.REFUSED, f"Facebook: {words[:300]}")
