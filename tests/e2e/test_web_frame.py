"""What holds for every page: who may, which headers, how errors look, behind which proxy and name."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from hub import app as hub_app
from hub.context import Hub
from hub.security.models import Role
from hub.security.policy import may
from hub.settings import Settings
from hub.settings import load as load_settings
from hub.web.auth import cookie_name
from hub.web.headers import CSP
from tests.fakes.browser import PASSWORD, Browser, someone

PUBLIC = {
    "sign_in.login",
    "sign_in.check",
    "sign_in.logout",
    "sign_in.setup",
    "sign_in.password",
    "sign_in.language",
    "embed.show",
}
PROGRAMS = {"api", "hooks", "health", "metrics"}
NOBODY = "00000000-0000-7000-8000-000000000000"
WANTED_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@pytest.fixture
def app(hub: Hub) -> Flask:
    return hub_app.create_app(hub)


def pages(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Return every route that people use, with its method."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] not in PROGRAMS:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method


def path_of(rule: Rule) -> str:
    """Return an address of the route; nothing is behind its ids."""
    path = re.sub(r"<uuid:\w+>", NOBODY, rule.rule)
    path = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", path)
    return re.sub(r"<(\w+:)?\w+>", "1", path)


def view_right(app: Flask, rule: Rule) -> Any:
    return getattr(app.view_functions[rule.endpoint], "right", None)


def test_every_page_but_those_of_signing_in_needs_a_right(app: Flask) -> None:
    open_to_all = {rule.endpoint for rule, _ in pages(app) if view_right(app, rule) is None}
    assert open_to_all == PUBLIC


def test_nobody_gets_in_without_signing_in(app: Flask, hub: Hub) -> None:
    someone(hub, Role.ADMIN)
    browser = Browser(app)
    token = browser.token()
    for rule, method in pages(app):
        if rule.endpoint in PUBLIC:
            continue
        answer = browser.client.open(path_of(rule), method=method, data={"csrf_token": token})
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login"), (rule.rule, method)


@pytest.mark.alike
@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_what_the_policy_says_and_nothing_else(app: Flask, hub: Hub, role: str) -> None:
    someone(hub, Role.ADMIN, "boss@example.com")
    someone(hub, role, "me@example.com")
    browser = Browser(app)
    browser.sign_in("me@example.com")
    token = browser.token("/settings")
    for rule, method in pages(app):
        right = view_right(app, rule)
        if right is None:
            continue
        answer = browser.client.open(path_of(rule), method=method, data={"csrf_token": token})
        assert answer.status_code < 500, (rule.rule, method)
        if not may(role, right):
            assert answer.status_code == 403, (rule.rule, method)
            assert "You may not do this" in answer.text or method != "GET"
        else:
            assert answer.status_code not in {401, 403}, (rule.rule, method)


def test_a_post_without_a_token_changes_nothing_on_any_page(app: Flask, hub: Hub) -> None:
    someone(hub, Role.ADMIN)
    browser = Browser(app)
    browser.sign_in("admin@example.com")
    for rule, method in pages(app):
        if method != "GET":
            assert browser.client.open(path_of(rule), method=method).status_code == 400, rule.rule


def test_every_answer_carries_the_headers(app: Flask, hub: Hub) -> None:
    someone(hub, Role.ADMIN)
    browser = Browser(app)
    browser.sign_in("admin@example.com")
    assert CSP == WANTED_CSP
    paths = {path_of(rule) for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())}
    for path in sorted(paths | {"/nothing", "/api/v1/nothing", "/static/nothing.css"}):
        answer = browser.get(path)
        said = answer.headers
        assert said["Content-Security-Policy"] == WANTED_CSP, path
        assert said["X-Content-Type-Options"] == "nosniff", path
        assert said["Referrer-Policy"] == "same-origin", path
        assert re.fullmatch("[0-9a-f]{8}", said["X-Request-Id"]), path
        if answer.mimetype == "text/html":
            assert said["Cache-Control"] == "no-store", path
            assert "HX-Request" in said["Vary"], path
            assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|<style", answer.text), path
        assert "Strict-Transport-Security" not in said


def test_an_error_names_what_to_do_and_a_code(app: Flask, hub: Hub) -> None:
    someone(hub, Role.AGENT)
    browser = Browser(app)
    browser.sign_in("agent@example.com")
    missing = browser.get("/nothing")
    assert missing.status_code == 404
    assert "There is nothing here" in missing.text
    assert missing.headers["X-Request-Id"] in missing.text
    part = browser.get("/people", HX_Request="true")
    assert part.status_code == 403
    assert "<html" not in part.text
    assert "An administrator can give you another role." in part.text


def test_a_mistake_of_ours_shows_a_code_and_nothing_of_its_inside(app: Flask, hub: Hub) -> None:
    def broken() -> str:
        raise RuntimeError("the secret is amp111")

    app.add_url_rule("/broken", view_func=broken)
    answer = Browser(app).get("/broken")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert "amp111" not in answer.text


def test_programs_get_their_errors_as_programs_read_them(app: Flask) -> None:
    answer = Browser(app).get("/api/v2/unknown")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_what_is_too_large_is_refused(app: Flask, hub: Hub) -> None:
    someone(hub, Role.ADMIN)
    assert Browser(app).client.post("/login", data={"email": "x" * 2_000_000}).status_code == 413


def another(hub: Hub, **server: Any) -> Flask:
    """Return the app as other settings make it."""
    changed = hub.settings.model_copy(update={"server": hub.settings.server.model_copy(update=server)})
    return hub_app.create_app(_with(hub, changed))


def _with(hub: Hub, settings: Settings) -> Hub:
    values: Mapping[str, Any] = {name: getattr(hub, name) for name in Hub.__dataclass_fields__}
    return Hub(**{**values, "settings": settings})


def test_under_tls_the_cookie_is_secure_and_browsers_stay_with_tls(hub: Hub) -> None:
    someone(hub, Role.ADMIN)
    app = another(hub, public_url="https://hub.example.com")
    browser = Browser(app, HTTP_HOST="hub.example.com")
    answer = browser.get("/login")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_foreign_host_name_gets_no_page_but_programs_on_the_inside_do(hub: Hub) -> None:
    app = another(hub, public_url="https://hub.example.com")
    wrong = Browser(app, HTTP_HOST="evil.example")
    assert wrong.get("/login").status_code == 421
    assert wrong.get("/healthz").status_code == 200
    for name in ("hub.example.com", "hub.example.com:443", "HUB.example.com"):
        assert Browser(app, HTTP_HOST=name).get("/login").status_code in {200, 303}


def test_addresses_come_from_as_many_proxies_as_are_trusted(hub: Hub) -> None:
    someone(hub, Role.ADMIN)

    def seen(app: Flask) -> str:
        browser = Browser(app)
        fields = {"email": "admin@example.com", "password": PASSWORD, "csrf_token": browser.token()}
        forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        assert browser.client.post("/login", data=fields, headers=forwarded).status_code == 303
        page = browser.get("/settings").text
        return re.findall(r"198\.51\.100\.7|203\.0\.113\.9|127\.0\.0\.1", page[page.index("<tbody") :])[0]

    assert seen(another(hub, trusted_proxies=0)) == "127.0.0.1"
    assert seen(another(hub, trusted_proxies=1)) == "198.51.100.7"


def test_two_hubs_on_one_host_have_their_own_cookies(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = hub_app.create_hub(load_settings({"HUB_HOME": str(tmp_path_factory.mktemp("other"))}))
    assert cookie_name(other) != cookie_name(hub)
    hub_app.close_hub(other)


@pytest.mark.alike
@pytest.mark.parametrize("code", ["he", "ar"])
def test_right_to_left_pages_say_so_on_every_kind_of_page(app: Flask, hub: Hub, code: str) -> None:
    someone(hub, Role.ADMIN)
    browser = Browser(app)
    browser.sign_in("admin@example.com")
    browser.post("/language", lang=code)
    for path in ("/settings", "/people", "/connections", "/connections/new/asterisk", "/admin/audit", "/nothing"):
        assert f'<html lang="{code}" dir="rtl">' in browser.get(path).text, path
