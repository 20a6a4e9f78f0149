"""Consent in the browser: a person signs in at Xero, chooses an organisation, and lets the hub read it.

Source: https://developer.xero.com/documentation/guides/oauth2/auth-flow,
https://developer.xero.com/documentation/guides/oauth2/pkce-flow
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from connectors.xero import auth
from connectors.xero.client import connections, only
from connectors.xero.settings import OFFLINE, XeroSettings
from hub.connector.consent import ConsentError, Granted, Question, Refusal, code_of
from hub.connector.oauth import granted
from hub.connector.stream import Grant
from hub.errors import AuthError, DisabledError, RejectedError, ScopeError

_WHAT = {
    "accounting.transactions.read": "invoices and payments",
    "accounting.invoices.read": "invoices",
    "accounting.payments.read": "payments",
    "accounting.contacts.read": "contacts",
    "accounting.settings.read": "the organisation's settings",
}


class XeroConsent:
    """Xero's page of consent (`hub.connector.consent.Consent`)."""

    def page(self, settings: XeroSettings) -> str:
        return settings.authorize_url

    def ask(self, settings: XeroSettings, question: Question) -> str:
        """Return the page's address with our question."""
        if not settings.client_id:
            raise ConsentError(Refusal.NOT_READY, "Enter the client id of the app first.")
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": question.redirect,
            "scope": " ".join((OFFLINE, *settings.permissions)),
            "state": question.state,
            "code_challenge": question.challenge,
            "code_challenge_method": "S256",
        }
        return f"{settings.authorize_url}?{urlencode(asked)}"

    def finish(self, settings: XeroSettings, question: Question, answer: Mapping[str, str]) -> Granted:
        """Change the code that came back for tokens, and see which organisation they open."""
        form = {
            "grant_type": "authorization_code",
            "code": code_of(answer, "Xero"),
            "redirect_uri": question.redirect,
            "code_verifier": question.verifier,
        }
        try:
            grant = granted(auth.service(settings).ask(form), Grant(""))
            named = connections(settings, grant.access_token)
            tenant = settings.wanted_tenant or only(named)
        except (AuthError, DisabledError, ScopeError, RejectedError) as error:
            raise ConsentError(Refusal.REFUSED, str(error)) from error
        if not grant.refresh_token:
            text = "Xero gave access for half an hour and no more: it granted no offline_access."
            raise ConsentError(Refusal.NOTHING_LASTING, text)
        if tenant not in named:
            listed = ", ".join(name[:60] or one for one, name in named.items()) or "none"
            text = f"The organisation of this account was not chosen at Xero; the app may read: {listed}."
            raise ConsentError(Refusal.REFUSED, text)
        return Granted(grant, tenant, self.missing(settings, grant))

    def missing(self, settings: XeroSettings, grant: Grant) -> tuple[str, ...]:
        """Return what was not granted; where nobody said what was, nothing is missing."""
        if not grant.scopes:
            return ()
        return tuple(_WHAT.get(one, one) for one in settings.permissions if one not in grant.scopes)
