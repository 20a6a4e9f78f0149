"""A browser without a screen: keeps cookies, sends each form's CSRF token, signs in and out."""

import html
import re

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from hub.app import create_app
from hub.context import Hub
from hub.security import sessions, users
from hub.security.models import User

PASSWORD = "a sentence is good"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def someone(hub: Hub, role: str, email: str = "", password: str | None = PASSWORD) -> User:
    """Add a user."""
    with hub.db.write() as session:
        return users.add(session, email or f"{role}@example.com", role.title(), role, password)


def signed_in(hub: Hub, email: str, app: Flask | None = None) -> "Browser":
    """Return the browser of somebody who signed in before, in whatever way."""
    browser = Browser(app or create_app(hub))
    with hub.db.write() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
        token = sessions.start(session, user, "127.0.0.1", "test", hub.settings)
    with browser.client.session_transaction() as cookie:
        cookie["sid"] = token
    return browser


class Browser:
    """One browser of one person."""

    def __init__(self, app: Flask, **environment: str) -> None:
        self.client = app.test_client()
        self.environment = environment
        self._cookie_name = str(app.config["SESSION_COOKIE_NAME"])
        self._at_hand = ("", "")  # a cookie, and the token of a page that it showed

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named, environ_overrides=self.environment)

    def token(self, page: str = "/login") -> str:
        """Return the CSRF token of a page's form."""
        found = _TOKEN.search(self.get(page).text)
        assert found is not None, f"no form on {page}"
        return html.unescape(found[1])

    def post(self, path: str, *, on: str = "", htmx: bool = False, **fields: str | list[str]) -> TestResponse:
        """Send a form of the page `on` (default: one that stays open while the cookie is the same)."""
        token = self.token(on) if on else self._kept_token()
        headers = {"HX-Request": "true", "X-CSRF-Token": token} if htmx else {}
        named = {"csrf_token": token, **fields}
        return self.client.post(path, data=named, headers=headers, environ_overrides=self.environment)

    def _kept_token(self) -> str:
        cookie = self.client.get_cookie(self._cookie_name)
        if cookie is None or cookie.value != self._at_hand[0]:
            found = self.token(
                "/settings" if self.is_signed_in() else "/login"
            )  # whoever is signed in has a form there
            cookie = self.client.get_cookie(self._cookie_name)
            self._at_hand = (cookie.value if cookie else "", found)
        return self._at_hand[1]

    def is_signed_in(self) -> bool:
        return self.get("/settings").status_code == 200

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        return self.post("/login", on="/login", email=email, password=password, **fields)
