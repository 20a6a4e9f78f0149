"""Consent in the browser: somebody who may administer a company lets the hub read it; the page says which company.

Sources: https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0,
https://developer.api.intuit.com/.well-known/openid_configuration (its servers know no code_challenge)
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from connectors.quickbooks import auth
from connectors.quickbooks.settings import SCOPE, QuickBooksSettings
from hub.connector.consent import ConsentError, Granted, Question, Refusal, code_of
from hub.connector.oauth import granted
from hub.connector.stream import Grant
from hub.errors import AuthError, DisabledError

_LONGEST_REALM = 30


class QuickBooksConsent:
    """Intuit's page of consent (`hub.connector.consent.Consent`)."""

    def page(self, settings: QuickBooksSettings) -> str:
        """Return the page's address."""
        return settings.authorize_url

    def ask(self, settings: QuickBooksSettings, question: Question) -> str:
        """Return the page's address with our question."""
        if not settings.client_id or not settings.client_secret.get_secret_value():
            raise ConsentError(Refusal.NOT_READY, "Enter the client id and the client secret in the settings first.")
        asked = {
            "client_id": settings.client_id, "response_type": "code", "scope": SCOPE, "redirect_uri": question.redirect,
            "state": question.state,
        }  # fmt: skip
        return f"{settings.authorize_url}?{urlencode(asked)}"

    def finish(self, settings: QuickBooksSettings, question: Question, answer: Mapping[str, str]) -> Granted:
        """Change the code that came back for tokens. Whose books they open, `realmId` says beside the code."""
        code, realm = code_of(answer, "Intuit"), answer.get("realmId", "").strip()
        if not realm.isascii() or not realm.isdecimal() or len(realm) > _LONGEST_REALM:
            raise ConsentError(
                Refusal.NO_ADDRESS, "Intuit's page did not say which company it is. Press Connect again."
            )
        if settings.company and realm != settings.company:
            text = f"The company {realm} was chosen, and this connection reads {settings.company}."
            raise ConsentError(Refusal.REFUSED, text)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": question.redirect}
        try:
            grant = granted(auth.service(settings).ask(form), Grant(""))
        except (AuthError, DisabledError) as error:
            raise ConsentError(Refusal.REFUSED, str(error)) from error
        if not grant.refresh_token:
            raise ConsentError(Refusal.NOTHING_LASTING, "Intuit gave access for an hour and no more: no refresh token.")
        return Granted(grant, realm)

    def missing(self, settings: QuickBooksSettings, grant: Grant) -> tuple[str, ...]:
        """Return nothing: there is one scope, for all."""
        del settings, grant
        return ()
