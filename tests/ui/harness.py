"""A real hub in this process, a real browser, and a stand-in for the telephone exchange.

The server runs in a thread, so that a test can play the exchange: it writes what the listener would write and tells
the bus what the listener would tell. CHROMIUM names another browser than the system's.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub.cti import screen_pop
from hub.cti.models import CallRow, Pop
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake.models import Account
from hub.security import users
from hub.security.models import User
from hub.settings import load
from hub.store.base import now
from tests.fakes.servers import free_port

HERE = Path(__file__).parent
AXE = HERE / "vendor/axe-core-4.14.1/axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "a sentence is good"
SHOTS = os.environ.get("SHOTS", "")  # a folder for pictures of the pages, to be looked at
LOOKS = (("en", "light"), ("he", "dark"))  # both directions, both schemes; colours do not depend on the language
SOON_S = 45.0
STAYS_S = 0.3  # how long a state is watched before it is believed
WIDE = (1280, 860)
NUMBER = "+972542345678"
SHOWN = "+972 54-234-5678"


def until(
    condition: Callable[[], object], what: str | Callable[[], str] = "it did not happen", seconds: float = SOON_S
) -> None:
    """Look again until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(0.02)


def stays(condition: Callable[[], object], what: str = "it did not last", seconds: float = STAYS_S) -> None:
    """Look for a while that it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), what
        time.sleep(0.02)


class Site:
    """A running hub, and what an exchange would do to it."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.settings = load({"HUB_HOME": str(home), "HUB_LOG__LEVEL": "error", "HUB_SERVER__PORT": str(self.port)})
        self.hub = hub_app.create_hub(self.settings)
        self.users: dict[str, int] = {}
        self.states: dict[str, Any] = {}  # what a signed-in browser keeps, by user
        self._numbers = count(1)
        with self.hub.db.write() as session:
            session.add(Account(name="Exchange", connector="asterisk", state="paused"))
            given = parties.Given("phone", NUMBER)
            company = parties.create(session, None, PartyKind.COMPANY, "Lewandowski & Syn Sp. z o.o.", region="IL")
            self.party = parties.create(
                session, None, PartyKind.PERSON, "דנה לוי", [given], region="IL", company=company
            ).public_id
        self.add_user("noa", "Noa Bar", "admin")
        self.add_user("amir", "Amir Katz", "agent")
        self.start()

    # ------------------------------------------------------------------ the process
    def start(self) -> None:
        config = uvicorn.Config(
            hub_app.create_asgi(self.hub),  # type: ignore[arg-type]
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, "the server did not start")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(SOON_S)
        assert not self._thread.is_alive(), "the server did not stop"

    def start_again(self) -> None:
        """Start as after a crash: what was only in memory is gone, what is in the database is there."""
        hub_app.close_hub(self.hub)
        self.hub = hub_app.create_hub(self.settings)
        with self.hub.db.read() as session:
            for user_id, cards in screen_pop.live_cards(session).items():
                self.hub.bus.replace(user_id, cards)
        self.start()

    def close(self) -> None:
        self.stop()
        hub_app.close_hub(self.hub)

    # ------------------------------------------------------------------ people
    def add_user(self, name: str, shown: str, role: str, language: str = "en") -> None:
        with self.hub.db.write() as session:
            user = users.add(session, f"{name}@example.com", shown, role, PASSWORD)
            user.language = language
            self.users[name] = user.id

    def streams(self) -> dict[str, int]:
        listeners = self.hub.bus.listeners()
        return {name: listeners[user_id] for name, user_id in self.users.items() if user_id in listeners}

    # ------------------------------------------------------------------ calls
    def ring(self, *names: str, number: str = NUMBER, **card: Any) -> str:
        """A call comes in for these users; returns its id."""
        names = names or ("noa",)
        with self.hub.db.write() as session:
            account = session.scalars(select(Account)).first()
            assert account is not None
            known = number == NUMBER
            party = parties.get(session, self.party) if known else None
            row = CallRow(
                account_id=account.id, key=f"test-{next(self._numbers)}-{time.time_ns()}", direction="inbound",
                caller=number, number=number, started_at=now(), ringing_at=now(), source="live",
                party_id=party.id if party else None, match_basis="number" if party else "", withheld=not number,
            )  # fmt: skip
            session.add(row)
            session.flush()
            data = {
                "call": str(row.public_id), "direction": "inbound", "state": "ringing", "match": "sure" if known else "none",
                "number": SHOWN if known else number, "name": "דנה לוי" if known else "",
                "company": "Lewandowski & Syn Sp. z o.o." if known else "", "t0": time.time() * 1000, **card,
            }  # fmt: skip
            for name in names:
                session.add(Pop(call_id=row.id, user_id=self.users[name], card=data))
        for name in names:
            self.hub.bus.publish(self.users[name], "call.ringing", data)
        return str(data["call"])

    def show(self, call: str, name: str, **card: Any) -> None:
        """The call rings at one more user."""
        with self.hub.db.write() as session:
            row = session.scalars(select(CallRow).where(CallRow.public_id == UUID(call))).one()
            first = session.scalars(select(Pop).where(Pop.call_id == row.id)).first()
            assert first is not None
            data = {**first.card, "state": "ringing", **card}
            session.add(Pop(call_id=row.id, user_id=self.users[name], card=data))
        self.hub.bus.publish(self.users[name], "call.ringing", data)

    def answer(self, call: str, name: str = "noa") -> None:
        self._change(call, name, state="answered")
        self.hub.bus.publish(self.users[name], "call.answered", {"call": call, "state": "answered"})

    def end(self, call: str, name: str = "noa", reason: str = "ended", by: str = "") -> None:
        """The card of one user comes to its end."""
        self._change(call, name, gone=reason)
        data = {"call": call, "state": "ended", "reason": reason, "by": by}
        self.hub.bus.publish(self.users[name], "call.ended", data)

    def hang_up(self, call: str, *names: str) -> None:
        with self.hub.db.write() as session:
            row = session.scalars(select(CallRow).where(CallRow.public_id == UUID(call))).one()
            row.open, row.ended_at = False, now()
        for name in names or ("noa",):
            self.end(call, name)

    def pop(self, call: str, name: str = "noa") -> Pop:
        with self.hub.db.read() as session:
            row = self._pop(session, call, name)
            session.expunge(row)
            return row

    def forget_calls(self) -> None:
        """Nobody has a card any more."""
        with self.hub.db.write() as session:
            for row in session.scalars(select(CallRow)):
                row.open = False
            session.execute(delete(Pop))  # a page that was closed may still be sending what was half written
        for user_id in self.users.values():
            self.hub.bus.replace(user_id, [])

    def _change(self, call: str, name: str, *, state: str = "", gone: str = "") -> None:
        with self.hub.db.write() as session:
            if gone:
                self.retract(session, call, name, gone)
            else:
                row = self._pop(session, call, name)
                row.card = {**row.card, "state": state}

    def retract(self, session: Session, call: str, name: str, reason: str) -> None:
        """What the exchange says while nobody can be told."""
        row = self._pop(session, call, name)
        row.retracted_at, row.reason = now(), reason

    def _pop(self, session: Session, call: str, name: str) -> Pop:
        query = select(Pop).join(CallRow).where(CallRow.public_id == UUID(call), Pop.user_id == self.users[name])
        return session.scalars(query).one()

    def language(self, name: str, language: str) -> None:
        with self.hub.db.write() as session:
            session.get_one(User, self.users[name]).language = language


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium, else Playwright's own; skip where there is neither."""
    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        return playwright.chromium.launch(executable_path=named, args=ARGUMENTS)
    except Error as error:
        if named or "Executable doesn't exist" not in error.message:
            raise
        pytest.skip("no Chromium here: install it, or run `playwright install chromium`")


class Profile:
    """One browser profile of one person, with its tabs. Errors on any page fail the test."""

    def __init__(
        self, browser: Browser, site: Site, name: str = "noa", size: tuple[int, int] = WIDE, **options: Any
    ) -> None:
        viewport = {"width": size[0], "height": size[1]}
        self.site = site
        self.name = name
        self.errors: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport=viewport,  # type: ignore[arg-type]
            locale="en-US",
            storage_state=site.states.get(name),
            **options,
        )
        self.context.set_default_timeout(SOON_S * 1000)
        self.tabs: list[Page] = []

    def watch(self, page: Page) -> Page:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._heard(message.text))
        return page

    def _heard(self, text: str) -> None:
        if "Security Policy" in text or "htmx:" in text:
            self.errors.append(text)

    def sign_in(self, page: Page) -> None:
        page.goto(self.site.url + "/login")
        page.fill("#email", f"{self.name}@example.com")
        page.fill("#password", PASSWORD)
        page.click(".gate .primary")
        page.wait_for_selector("#link")
        self.site.states[self.name] = self.context.storage_state()

    def open(self, path: str = "/", *, connected: bool = True) -> Page:
        """Open a page in a new tab, signed in, and wait for its stream."""
        page = self.watch(self.context.new_page())
        if self.name not in self.site.states:
            self.sign_in(page)
        page.goto(self.site.url + path)
        if connected:
            online(page)
        self.tabs.append(page)
        return page

    def close(self) -> None:
        self.context.close()
        assert self.errors == [], self.errors


def shot(tab: Page, name: str) -> None:
    """Take a picture where somebody wants to look at pages."""
    if SHOTS:
        tab.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True, caret="initial")


def online(page: Page, seconds: float = 20) -> None:
    """Wait until the page is connected to the stream."""
    page.wait_for_selector("#link[data-up=true]", timeout=seconds * 1000)


def cards(tabs: Sequence[Page]) -> list[int]:
    return [tab.locator("#pop article.call").count() for tab in tabs]


def shows(tabs: Sequence[Page], expected: list[int]) -> None:
    """Wait until each tab shows so many cards, and see that it stays so."""
    until(lambda: cards(tabs) == expected, lambda: f"never {expected}, but {cards(tabs)}")
    stays(lambda: cards(tabs) == expected, f"not {expected} for long")


def use(tab: Page) -> None:
    """Click into a tab, where nothing is."""
    tab.bring_to_front()
    tab.mouse.click(5, (tab.viewport_size or {"height": 600})["height"] - 5)


# What fades in is half transparent for a moment; what turns for ever is not waited for.
STILL = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished.catch(() => null)))
  .then(() => null)"""


# Only what it finds is handed over: all that is well takes seconds to be told.
AXE_FINDS = """() => axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
}).then((found) => found.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`))"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds against WCAG 2.0 to 2.2, levels A and AA, once everything stands still.

    At the top of the page: a row that is half under the bar there is no small target, its reader scrolls.
    """
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    page.evaluate(STILL)
    page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(AXE_FINDS)
    return found
