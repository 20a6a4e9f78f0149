"""Pages of ours in another product's pages: the example of docs/embedding.md, served by another origin, in a real browser."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Frame, Page
from sqlalchemy import func, select

from hub.cti.models import Pop
from hub.identity import parties
from hub.identity.models import Link
from hub.intake.models import Account
from hub.security import embedding, sessions, tokens
from hub.security.models import User
from hub.security.policy import Person
from hub.timeline.models import Note
from hub.web import assets
from tests.ui.harness import LOOKS, NUMBER, Profile, Site, shot, stays, until, violations
from tests.ui.test_budgets import SCRIPTS

Make = Callable[..., Profile]
DOCUMENT = Path(__file__).parents[2] / "docs/embedding.md"
NOA = "noa@example.com"


class Crm:
    """Another product: its page, and its server that asks for tickets."""

    def __init__(self, site: Site, page: str) -> None:
        product = self
        self.asked: list[str] = []
        self.origin = ""  # that it names when it asks for tickets

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say("text/html; charset=utf-8", page.encode())

            def do_POST(self) -> None:
                wanted = parse_qs(urlsplit(self.path).query)["page"][0]
                product.asked.append(wanted)
                self._say("application/json", json.dumps({"url": product.ticket(wanted)}).encode())

            def _say(self, kind: str, content: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._site = site
        with site.hub.db.write() as session:
            self._token = tokens.add(session, "crm server", "admin")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def ticket(self, page: str) -> str:
        body = json.dumps({"user": NOA, "origin": self.origin, "page": page}).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        with urlopen(Request(f"{self._site.url}/api/v1/embed-tickets", body, headers)) as answer:
            return str(json.load(answer)["url"]).replace(self._site.settings.public_url, self._site.url)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def crm(site: Site) -> Iterator[Crm]:
    example = DOCUMENT.read_text("utf-8").partition("```html\n")[2].partition("```")[0]
    made = Crm(site, example.replace("https://hub.example", site.url))
    made.origin = f"http://127.0.0.1:{made.port}"
    with site.hub.db.write() as session:
        embedding.allow(session, Person(0, None, "", "test", "admin"), made.origin)
        account = session.scalars(select(Account)).one()
        account.record_url = "https://crm.example/contacts/{external_id}"
        party = parties.get(session, site.party)
        session.add(
            Link(party_id=party.id, origin_party_id=party.id, account_id=account.id, stream="contacts", remote_id="c/7")
        )
    yield made
    made.close()


class Visit:
    """The other product's page, open in a browser that never signed in to the hub."""

    def __init__(self, noa: Profile, crm: Crm) -> None:
        self.page: Page = noa.watch(noa.context.new_page())
        self.page.goto(crm.origin)
        self.until("pop ready")
        self.until("card ready")

    def heard(self) -> list[str]:
        return self.page.locator("#heard li").all_inner_texts()

    def until(self, begin: str, count: int = 1) -> dict[str, Any]:
        """Wait until the product heard this, and return what was said with it."""
        until(lambda: len(self._of(begin)) >= count, lambda: f"{begin}: never heard, but {self.heard()}")
        data: dict[str, Any] = json.loads(self._of(begin)[count - 1].removeprefix(begin))
        return data

    def _of(self, begin: str) -> list[str]:
        return [line for line in self.heard() if line.startswith(begin)]

    def frame(self, name: str) -> Frame:
        inner = self.page.locator(f"#{name}").element_handle()
        assert inner is not None
        found = inner.content_frame()
        assert found is not None
        return found

    def say(self, message: str, frame: str = "card") -> None:
        self.page.evaluate(f"(message) => pages.{frame}.contentWindow.postMessage({message}, HUB)")


@pytest.fixture
def visit(profile: Make, crm: Crm, site: Site, english: None) -> Callable[..., Visit]:
    def make(**options: Any) -> Visit:
        site.states.pop("noa", None)
        return Visit(profile("noa", **options), crm)

    return make


def drafted(site: Site, call: str) -> bool:
    return bool(site.pop(call).draft)


def test_a_call_rings_in_another_product_in_both_directions_and_by_keyboard(
    visit: Callable[..., Visit], site: Site
) -> None:
    for language, scheme in LOOKS:
        site.language("noa", language)
        crm = visit(color_scheme=scheme)
        pop, card = crm.frame("pop"), crm.frame("card")
        assert pop.locator("html").get_attribute("lang") == language
        pop.wait_for_selector("#link[data-up=true]")
        call = site.ring()
        rung = crm.until("pop call.ringing")
        assert (rung["call"], rung["match"], rung["name"]) == (call, "sure", "דנה לוי")
        pop.wait_for_selector("#pop form.note")
        assert "דנה לוי" in pop.inner_text("#pop [data-name]")
        assert pop.locator("#pop a[href='https://crm.example/contacts/c%2F7']").get_attribute("target") == "_blank"
        # the product showed the customer in the other frame, by the number that it was told
        card.wait_for_selector("[data-customer]")
        assert card.locator("a.tel").first.get_attribute("href") == f"tel:{NUMBER}"
        assert (
            card.locator("dd a[href^='https://crm.example']").get_attribute("href")
            == "https://crm.example/contacts/c%2F7"
        )
        for frame in (pop, card):
            assert violations(cast("Page", frame)) == []
            assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shot(crm.page, f"embed-{language}")
        site.answer(call)
        crm.until("pop call.answered")
        pop.fill("#pop textarea", f"written in a frame, {language}")
        until(partial(drafted, site, call))
        pop.press("#pop textarea", "Control+Enter")
        pop.wait_for_selector("#pop [data-saved]")
        with site.hub.db.read() as session:
            assert session.scalar(select(Note.id).where(Note.text == f"written in a frame, {language}"))
        # what is a page of the hub is shown in the frame itself, and the product is told
        link = pop.locator("#pop .card-body a[href^='/customers/']").first
        link.focus()
        link.press("Enter")
        opened = crm.until("pop customer.open")
        assert opened["id"] == str(site.party)
        assert [(one["id"], one["url"]) for one in opened["records"]] == [("c/7", "https://crm.example/contacts/c%2F7")]
        assert pop.evaluate("document.activeElement.tagName") == "H2"
        site.hang_up(call)
        crm.until("pop call.ended")
        pop.wait_for_selector("#pop article", state="detached")
        crm.page.close()


def test_numbers_dial_and_a_hostile_parent_does_nothing(visit: Callable[..., Visit], site: Site) -> None:
    crm = visit()
    card = crm.frame("card")
    dialled: list[str] = []
    crm.page.on("request", lambda one: dialled.append(str(one.post_data)) if one.url.endswith("/dial") else None)
    for message in (
        "null", "5", "'dial'", "[]", "{}", "{type: 5}", "{type: {}}", "{type: '__proto__'}", "{type: 'toString'}", "{type: 'dial'}",
        "{type: 'dial', number: 5}", "{type: 'dial', number: ['1']}", "{type: 'dial', number: {toString: 1}}", "{type: 'dial', number: '<b>'}",
        "{type: 'dial', number: '1'.repeat(5e6)}", "{type: 'x'.repeat(5e6)}", "{type: 'customer.show', id: '../settings'}",
        "{type: 'customer.show', id: 'a'.repeat(5e6)}", "{type: 'customer.show', number: '../../'}", "new Array(1e5).fill({type: 'dial'})",
    ):  # fmt: skip
        crm.say(message)
    # of the right origin, but of another window than the parent
    crm.page.evaluate(
        """() => { const other = document.createElement("iframe"); document.body.append(other);
             const script = other.contentDocument.createElement("script");
             script.textContent = `parent.frames[1].postMessage({type: "dial", number: "050"}, "*")`;
             other.contentDocument.body.append(script); }"""
    )
    crm.page.fill("#number", NUMBER)
    crm.page.click("#show")
    card.wait_for_selector("[data-customer]")
    stays(lambda: card.evaluate("true") and not dialled, "somebody else dialled")
    with crm.page.expect_request("**/dial") as asked:
        crm.page.click("#dial")
    assert "number=%2B972542345678" in str(asked.value.post_data)
    card.wait_for_selector("#toast .err")  # Noa has no telephone here, and is told so
    with crm.page.expect_request("**/dial") as asked:
        card.locator("a.tel").first.press("Enter")
    assert f"party={site.party}" in str(asked.value.post_data)
    crm.page.fill("#number", "+48221234567")
    crm.page.click("#show")
    until(lambda: "+48 22 123 45 67" in card.inner_text("#customer"))


def test_a_session_that_ends_is_told_and_begun_anew(visit: Callable[..., Visit], site: Site, crm: Crm) -> None:
    product = visit()
    product.frame("pop").wait_for_selector("#link[data-up=true]")
    with site.hub.db.write() as session:
        sessions.end_all(session, site.users["noa"])
    site.hub.bus.drop_user(site.users["noa"])
    assert product.until("pop session.ended") == {"reason": "session"}
    product.until("pop ready", 2)
    product.frame("pop").wait_for_selector("#link[data-up=true]")
    # a frame that is loaded again has no ticket any more
    product.frame("card").evaluate("location.reload()")
    assert product.until("card session.ended") == {"reason": "ticket"}
    product.until("card ready", 2)
    site.ring(number="+48221234567")
    product.frame("pop").wait_for_selector("#pop article")
    with site.hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Pop)) == 1
        ended = [one for one in sessions.of_user(session, site.users["noa"], site.settings) if one.origin]
        assert {one.origin for one in ended} == {crm.origin}
        assert session.get_one(User, site.users["noa"]).disabled_at is None


def test_another_origin_is_kept_out_by_the_browser(profile: Make, site: Site, crm: Crm) -> None:
    noa = profile("noa")
    page = noa.context.new_page()
    page.goto(f"http://localhost:{crm.port}")  # the same product by another name is another origin

    def shown(name: str) -> str:
        inner = page.locator(f"#{name}").element_handle()
        frame = inner.content_frame() if inner else None
        return frame.url if frame else ""

    def refused(name: str) -> bool:
        return shown(name).startswith("chrome-error:")

    for name in ("pop", "card"):  # the product asked for good tickets, of the origin that is allowed
        until(partial(refused, name), "it was shown")
    page.evaluate("(url) => { pages.pop.src = url }", "about:blank")
    until(lambda: shown("pop") == "about:blank")
    page.evaluate("(url) => { pages.pop.src = url }", site.url + "/login")  # of other pages nobody makes a frame
    until(lambda: shown("pop").startswith("chrome-error:"), "it was shown")
    assert page.locator("#heard li").count() == 0


def test_numbers_of_other_pages_are_given_to_the_hub_by_a_button(profile: Make, site: Site) -> None:
    page = profile("noa").open("/settings")
    page.evaluate("() => { navigator.registerProtocolHandler = (...said) => { window.said = said } }")
    page.locator("[data-ask-tel]").press("Enter")
    scheme, template = page.evaluate("window.said")
    assert (scheme, template) == ("tel", f"{site.url}/dial?number=%s")
    page.goto(template.replace("%s", "tel%3A%2B972542345678"))
    assert page.input_value("#number") == NUMBER
    assert violations(page) == []
    page.locator("form .primary").press("Enter")
    page.wait_for_selector("main .err")  # she has no telephone here, and is told so
    page.goto(site.url + "/admin/embedding")
    assert violations(page) == []


def test_what_a_frame_loads_is_light() -> None:
    """The worker's file counts apart, as on our own pages."""
    static = Path(assets.__file__).parent / "static"
    files = ("embed.js", "app.js", "vendor/htmx-4.0.1/htmx.min.js")
    assert sum(len(gzip.compress((static / name).read_bytes(), 9)) for name in files) <= SCRIPTS
