"""The Flask app: every page, the API and the hooks around one hub."""

from datetime import timedelta

from flask import Blueprint, Flask, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.wrappers import Request, Response
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from hub.context import Hub
from hub.web import assets, auth, embedded, errors, headers, health, hooks, i18n, jinja, metrics, requests_log
from hub.web.api import v1
from hub.web.console import (
    account_page,
    address_books,
    audit_page,
    booking,
    calls,
    campaigns,
    claims_page,
    companies,
    completeness,
    connections,
    consent_page,
    crm_page,
    customers,
    dial,
    differences,
    document_page,
    documents,
    drift,
    duplicates,
    embed,
    embed_origins,
    exchange_pages,
    fields_page,
    imports,
    lead_forms,
    lead_questions,
    lead_rules,
    leads,
    ledger_page,
    mail_blocks,
    mails,
    mapping_files,
    mapping_page,
    mapping_publish,
    mapping_versions,
    merges,
    messages,
    my_day,
    note_files,
    notices_page,
    outbox_page,
    people,
    photos,
    privacy,
    record_fields,
    recordings,
    replays,
    rule_firings,
    rules,
    search_page,
    settings_page,
    sign_in,
    stream_page,
    upload_page,
    webhooks,
    write_mail,
)
from hub.web.folding import Spoken
from hub.web.frame import EXTENSION

LARGEST = 2**20  # bytes of one request; a view that takes files says so itself (`request.max_content_length`)


class Cookies(SecureCookieSessionInterface):
    """Flask's signed cookie; also marked Secure where a proxy in front speaks TLS and nobody told us."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return super().get_cookie_secure(app) or request.is_secure

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return self.session_class() if embedded.has_no_cookie(request) else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not embedded.has_no_cookie(request):
            super().save_session(app, session, response)


class Guard(CSRFProtect):  # type: ignore[misc]  # Flask-WTF ships no types
    """The check of forms; not of what proves itself by a header that no other site can make a browser send."""

    def protect(self, *, apply_exemptions: bool = False) -> None:
        if not embedded.asks():
            super().protect(apply_exemptions=apply_exemptions)


class App(Flask):
    """Flask with templates that are compiled once for each language."""

    jinja_environment = Spoken


def make_flask(hub: Hub) -> Flask:
    """Build the app of one hub."""
    app = App(__name__, static_folder=None)
    app.extensions[EXTENSION] = hub
    app.session_interface = Cookies()
    app.config.update(
        SECRET_KEY=auth.session_key(hub),
        SESSION_COOKIE_NAME=auth.cookie_name(hub),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=hub.settings.public_url.startswith("https://"),
        SESSION_REFRESH_EACH_REQUEST=False,  # see auth.sign_in
        PERMANENT_SESSION_LIFETIME=timedelta(hours=hub.settings.security.session_h),
        MAX_CONTENT_LENGTH=LARGEST,
        MAX_FORM_MEMORY_SIZE=LARGEST,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
    _install(app, hub)
    return app


def _install(app: Flask, hub: Hub) -> None:
    """Add the parts; those that look at requests first come first."""
    requests_log.install(app)
    headers.install(app, hub.settings)
    csrf = Guard(app)
    errors.install(app)
    auth.install(app)
    i18n.install(app)
    jinja.install(app)
    for blueprint in _pages():
        app.register_blueprint(blueprint)
    for takes_files in (
        write_mail.attach, upload_page.take, imports.bring, customers.add_note, customers.edit_note,
    ):  # fmt: skip
        csrf.exempt(takes_files)  # looks at its token itself, once it has said how large it may be
    for blueprint in _programs():
        csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    assets.install(app, hub.settings.home / "assets")
    if count := hub.settings.server.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # one attribute of the app is where middleware belongs
            app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_port=count
        )


def _pages() -> tuple[Blueprint, ...]:
    """Return what people look at; behind a cookie, so forms need their CSRF token."""
    return (
        account_page.blueprint,
        address_books.blueprint,
        audit_page.blueprint,
        booking.blueprint,
        calls.blueprint,
        campaigns.blueprint,
        claims_page.blueprint,
        companies.blueprint,
        completeness.blueprint,
        connections.blueprint,
        consent_page.blueprint,
        crm_page.blueprint,
        customers.blueprint,
        merges.blueprint,
        dial.blueprint,
        differences.blueprint,
        document_page.blueprint,
        documents.blueprint,
        drift.blueprint,
        duplicates.blueprint,
        embed.blueprint,
        embed_origins.blueprint,
        exchange_pages.blueprint,
        fields_page.blueprint,
        imports.blueprint,
        lead_forms.blueprint,
        lead_questions.blueprint,
        lead_rules.blueprint,
        leads.blueprint,
        ledger_page.blueprint,
        mail_blocks.blueprint,
        mails.blueprint,
        mapping_files.blueprint,
        mapping_page.blueprint,
        mapping_publish.blueprint,
        mapping_versions.blueprint,
        messages.blueprint,
        my_day.blueprint,
        note_files.blueprint,
        notices_page.blueprint,
        outbox_page.blueprint,
        people.blueprint,
        photos.blueprint,
        privacy.blueprint,
        record_fields.blueprint,
        recordings.blueprint,
        replays.blueprint,
        rule_firings.blueprint,
        rules.blueprint,
        search_page.blueprint,
        settings_page.blueprint,
        sign_in.blueprint,
        stream_page.blueprint,
        upload_page.blueprint,
        webhooks.blueprint,
        write_mail.blueprint,
    )


def _programs() -> tuple[Blueprint, ...]:
    """Return what programs call; no cookie counts there, so there is nothing to forge."""
    return (v1.blueprint, hooks.blueprint, health.blueprint, metrics.blueprint)
