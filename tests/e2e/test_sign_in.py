"""Signing in and out, password links, the first administrator, languages: as a browser does it."""

import asyncio
import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select, update

from hub import app as hub_app
from hub.cli import cli
from hub.context import Hub
from hub.security import links, users
from hub.security.models import Audit, Role, User, UserSession
from hub.settings import Settings
from hub.store.base import now
from hub.web.auth import cookie_name, in_force, safe_next, session_of
from tests.fakes.browser import PASSWORD, Browser, someone


@pytest.fixture
def app(hub: Hub) -> Flask:
    return hub_app.create_app(hub)


@pytest.fixture
def browser(app: Flask, hub: Hub) -> Browser:
    someone(hub, Role.ADMIN)
    return Browser(app)


def wanted(location: str) -> str:
    """Return where an address of the sign-in page leads afterwards."""
    parts = urlsplit(location)
    assert parts.path == "/login"
    return parse_qs(parts.query)["next"][0]


def actions(hub: Hub) -> list[tuple[str, str]]:
    with hub.db.read() as session:
        return [(row[0], row[1]) for row in session.execute(select(Audit.actor, Audit.action).order_by(Audit.id))]


def test_the_right_password_leads_to_where_one_wanted_to_go(browser: Browser, hub: Hub) -> None:
    first = browser.get("/people?x=1")
    assert first.status_code == 303
    assert wanted(first.location) == "/people?x=1"
    answer = browser.sign_in("admin@example.com", next="/people?x=1")
    assert (answer.status_code, answer.location) == (303, "/people?x=1")
    assert browser.get("/people").status_code == 200
    assert actions(hub)[-1] == ("admin@example.com", "sign_in")


def test_a_wrong_password_says_no_more_than_that(browser: Browser, hub: Hub) -> None:
    wrong = browser.sign_in("admin@example.com", "wrong password")
    unknown = browser.sign_in("nobody@example.com", "wrong password")
    assert wrong.status_code == unknown.status_code == 422
    assert "E-mail or password is wrong." in wrong.text
    assert 'value="admin@example.com"' in wrong.text  # what was typed is kept
    assert "wrong password" not in wrong.text
    assert re.sub(r"admin@|nobody@", "", _main(wrong.text)) == re.sub(r"admin@|nobody@", "", _main(unknown.text))
    assert not browser.is_signed_in()
    assert actions(hub)[-2:] == [("admin@example.com", "sign_in.failed"), ("nobody@example.com", "sign_in.failed")]


def test_a_password_typed_into_the_email_field_is_not_written_down(browser: Browser, hub: Hub) -> None:
    browser.sign_in("my secret password", "x")
    assert actions(hub)[-1] == ("unknown", "sign_in.failed")


def test_guessing_meets_a_page_that_says_how_long_to_wait(browser: Browser) -> None:
    for _ in range(10):
        assert browser.sign_in("admin@example.com", "wrong password").status_code == 422
    refused = browser.sign_in("admin@example.com")
    assert refused.status_code == 429
    assert "Too many tries" in refused.text
    assert 0 < int(refused.headers["Retry-After"]) <= 300


def test_a_form_without_its_token_changes_nothing_and_says_so(browser: Browser) -> None:
    answer = browser.client.post("/login", data={"email": "admin@example.com", "password": PASSWORD})
    assert answer.status_code == 400
    assert "This page is too old" in answer.text
    assert not browser.is_signed_in()


def test_a_token_of_another_browser_is_refused(browser: Browser, app: Flask) -> None:
    stolen = Browser(app).token()
    fields = {"email": "admin@example.com", "password": PASSWORD, "csrf_token": stolen}
    browser.get("/login")
    assert browser.client.post("/login", data=fields).status_code == 400


@pytest.mark.alike
@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("/customers/7?kind=call", "/customers/7?kind=call"),
        ("", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
        ("/logout", "/"),
        ("/" + "x" * 5000, "/"),
    ],
)
def test_sign_in_leads_nowhere_else(browser: Browser, asked: str, target: str) -> None:
    assert safe_next(asked) == target
    assert browser.sign_in("admin@example.com", next=asked).location == target


def test_the_cookie_is_written_at_sign_in_and_sign_out_only(browser: Browser, hub: Hub) -> None:
    cookie = browser.sign_in("admin@example.com").headers["Set-Cookie"]
    assert cookie.startswith(cookie_name(hub) + "=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    for path in ("/settings", "/people", "/connections", "/nothing"):
        assert "Set-Cookie" not in browser.get(path).headers
    assert "Set-Cookie" not in browser.post("/settings", name="Boss").headers
    assert "Set-Cookie" in browser.post("/logout").headers


def test_sign_out_ends_the_session_itself_not_only_the_cookie(browser: Browser, hub: Hub) -> None:
    browser.sign_in("admin@example.com")
    kept = browser.client.get_cookie(cookie_name(hub))
    assert kept is not None
    assert browser.post("/logout").location == "/login"
    browser.client.set_cookie(cookie_name(hub), kept.value)
    assert not browser.is_signed_in()
    assert actions(hub)[-1] == ("admin@example.com", "sign_out")


def test_a_new_sign_in_gets_a_new_session(browser: Browser, hub: Hub) -> None:
    browser.sign_in("admin@example.com")
    first = browser.client.get_cookie(cookie_name(hub))
    browser.post("/logout")
    browser.sign_in("admin@example.com")
    second = browser.client.get_cookie(cookie_name(hub))
    assert first is not None
    assert second is not None
    assert first.value != second.value


def test_a_user_disabled_in_the_middle_is_out_with_the_next_click(browser: Browser, hub: Hub) -> None:
    someone(hub, Role.AGENT)
    browser.sign_in("agent@example.com")
    assert browser.is_signed_in()
    with hub.db.write() as session:
        users.disable(session, users.get(session, "agent@example.com"))
    answer = browser.get("/settings")
    assert (answer.status_code, wanted(answer.location)) == (303, "/settings")


def test_an_expired_session_asks_to_sign_in_and_comes_back(browser: Browser, hub: Hub) -> None:
    browser.sign_in("admin@example.com")
    with hub.db.write() as session:
        session.execute(update(UserSession).values(expires_at=now() - timedelta(seconds=1)))
    assert wanted(browser.get("/connections?show=needs").location) == "/connections?show=needs"


def test_an_expired_session_inside_a_page_moves_the_whole_page(browser: Browser) -> None:
    answer = browser.get("/connections/grid", HX_Request="true", HX_Current_URL="http://localhost/connections")
    assert answer.status_code == 401
    assert wanted(answer.headers["HX-Redirect"]) == "/connections"


def test_a_sound_file_gets_no_sign_in_page(browser: Browser) -> None:
    assert browser.get("/settings", Sec_Fetch_Dest="audio").status_code == 401


def test_a_page_that_asks_by_itself_keeps_no_session_alive(browser: Browser, hub: Hub) -> None:
    browser.sign_in("admin@example.com")
    past = now() - timedelta(minutes=30)

    def seen() -> bool:
        with hub.db.read() as session:
            return session.scalars(select(UserSession.seen_at)).one() > past

    with hub.db.write() as session:
        session.execute(update(UserSession).values(seen_at=past))
    assert browser.get("/connections/grid").status_code == 200
    assert not seen()
    assert browser.get("/connections").status_code == 200
    assert seen()


def test_a_stream_knows_the_person_by_the_cookie_header(browser: Browser, hub: Hub) -> None:
    browser.sign_in("admin@example.com")
    cookie = browser.client.get_cookie(cookie_name(hub))
    assert cookie is not None
    header = f"other=1; {cookie_name(hub)}={cookie.value}"
    found = session_of(hub, header)
    assert found is not None
    assert found.person.email == "admin@example.com"
    assert in_force(hub, [found.id, 999]) == {found.id}
    for forged in ("", "other=1", header[:-2], f"{cookie_name(hub)}=", f"{cookie_name(hub)}=e30.x.y", "\xff=\xff"):
        assert session_of(hub, forged) is None
    browser.post("/logout")
    assert session_of(hub, header) is None
    assert in_force(hub, [found.id]) == set()


@pytest.mark.parametrize(
    "words", [["user", "disable", "agent@example.com"], ["user", "password", "agent@example.com", "--set"]]
)
def test_what_a_command_ends_ends_in_a_running_hub_within_seconds(
    browser: Browser, hub: Hub, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """The command is another process: with the memory bus it cannot tell the hub that runs."""
    someone(hub, Role.AGENT)
    browser.sign_in("agent@example.com")
    cookie = browser.client.get_cookie(cookie_name(hub))
    assert cookie is not None
    monkeypatch.setenv("HUB_HOME", str(hub.settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", hub.settings.database_url)
    headers = [(b"cookie", f"{cookie_name(hub)}={cookie.value}".encode())]
    sent: list[dict[str, Any]] = []

    async def stays() -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def scenario() -> float:
        stream = hub_app.create_asgi(hub, web=False)
        scope = {"type": "http", "method": "GET", "path": "/events", "headers": headers}
        open_ = asyncio.create_task(stream(scope, stays, send))  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            while len(sent) < 2:  # noqa: ASYNC110 - what is waited for happens inside the code under test
                await asyncio.sleep(0.01)
        typed = "another good sentence\n" * 2
        done = await asyncio.to_thread(CliRunner().invoke, cli, words, typed)
        assert (done.exit_code, done.exception) == (0, None)
        ended_at = time.monotonic()
        async with asyncio.timeout(30):
            await open_
        return time.monotonic() - ended_at

    assert asyncio.run(scenario()) < 6.0
    assert sent[0]["status"] == 200


def test_a_garbage_cookie_is_no_cookie(browser: Browser) -> None:
    garbage = {"HTTP_COOKIE": "\xff\xfe=\xff; b=1"}
    assert browser.client.get("/login", environ_overrides=garbage).status_code == 200


def test_the_first_administrator_comes_by_the_printed_code(app: Flask, hub: Hub) -> None:
    browser = Browser(app)
    assert browser.get("/login").location == "/setup"
    code = links.first_admin_code(hub.db, hub.vault)
    assert code is not None
    new = {"name": "Boss", "email": "boss@example.com", "password": PASSWORD}
    wrong = browser.post("/setup", on="/setup", code="AAAA-BBBB-CCCC-DDDD", **new)
    assert wrong.status_code == 422
    assert "not the code" in wrong.text
    assert 'value="boss@example.com"' in wrong.text
    assert PASSWORD not in wrong.text
    weak = browser.post("/setup", on="/setup", code=code, **{**new, "password": "short"})
    assert (weak.status_code, "at least 10 characters" in weak.text) == (422, True)
    done = browser.post("/setup", on="/setup", code=code, **new)
    assert (done.status_code, done.location) == (303, "/")
    assert browser.is_signed_in()
    assert browser.get("/setup").status_code == 404
    assert ("boss@example.com", "user.first_admin") in actions(hub)


def test_guessing_the_first_code_is_slowed_down(app: Flask) -> None:
    browser = Browser(app)
    new = {"name": "X", "email": "x@example.com", "password": PASSWORD}
    answers = [browser.post("/setup", on="/setup", code=f"AAAA-{n:04}", **new).status_code for n in range(11)]
    assert answers[0] == 422
    assert answers[-1] == 429


def test_a_password_link_signs_in_once(browser: Browser, hub: Hub, settings: Settings) -> None:
    agent = someone(hub, Role.AGENT, password=None)
    with hub.db.write() as session:
        address = links.password_link(session, session.get_one(User, agent.id), settings)
    path = address.removeprefix(settings.public_url)
    assert "agent@example.com" in browser.get(path).text
    assert browser.post(path, on=path, password="short").status_code == 422
    done = browser.post(path, on=path, password="another good sentence")
    assert (done.status_code, done.location) == (303, "/")
    assert browser.is_signed_in()
    used = browser.get(path)
    assert used.status_code == 404
    assert "used already or is too old" in used.text
    assert ("agent@example.com", "user.password_set") in actions(hub)


def test_guessed_links_are_slowed_down(browser: Browser) -> None:
    answers = [browser.get(f"/password/guess{n}").status_code for n in range(11)]
    assert answers[0] == 404
    assert answers[-1] == 429


@pytest.mark.alike
@pytest.mark.parametrize(
    ("asked", "code", "direction", "title"),
    [
        ("he-IL,he;q=0.9,en;q=0.5", "he", "rtl", "כניסה"),
        ("ar", "ar", "rtl", "تسجيل الدخول"),
        ("pl-PL", "pl", "ltr", "Zaloguj się"),
        ("ru", "ru", "ltr", "Вход"),
        ("iw", "he", "rtl", "כניסה"),
        ("fr, xx", "en", "ltr", "Sign in"),
        ("", "en", "ltr", "Sign in"),
    ],
)
def test_the_sign_in_page_speaks_the_browsers_language(
    browser: Browser, asked: str, code: str, direction: str, title: str
) -> None:
    text = browser.get("/login", Accept_Language=asked).text
    assert f'<html lang="{code}" dir="{direction}">' in text
    assert f"<h1>{title}</h1>" in text


def test_a_chosen_language_stays_with_the_browser_and_then_with_the_person(browser: Browser, hub: Hub) -> None:
    assert browser.post("/language", lang="he", next="/login").status_code == 303
    assert 'lang="he" dir="rtl"' in browser.get("/login", Accept_Language="pl").text
    browser.sign_in("admin@example.com")
    assert 'lang="he"' in browser.get("/settings").text
    assert browser.post("/language", lang="pl", next="/settings").location == "/settings"
    assert 'lang="pl" dir="ltr"' in browser.get("/settings").text
    with hub.db.read() as session:
        assert users.get(session, "admin@example.com").language == "pl"
    assert browser.post("/language", lang="xx").status_code == 422


def _main(text: str) -> str:
    """Return the part of a page that is not its frame, without tokens."""
    main = text[text.index("<main") : text.index("</main")]
    return re.sub(r'value="[A-Za-z0-9_.-]{40,}"', "", main)
