"""Mail in a real browser: files are fetched and saved, a page is shown as it was sent and nothing of it runs or loads."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import FrameLocator, Page
from sqlalchemy import select

from connectors.google import simulator as google_simulator
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulated.mime import Attachment
from hub.connector.simulator import Faults
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts
from hub.mail.models import MailBlock, MailMessage
from hub.security import users
from hub.security.models import User
from tests.fakes.servers import free_port
from tests.ui.harness import LOOKS, PASSWORD, Profile, Site, stays, until, violations

NOA, CUSTOMER = "noa@acme.example", "dana@customer.example"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000" + "1f15c4890000000d49444154789c6360f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)  # fmt: skip
FILE = b"%PDF-1.7 " + b"offer " * 20_000
TEXT = ("שלום נועה,", "", "מצורפת הצעת המחיר (Model X-200).", "Regards, Dana")
HEBREW = (
    "<html dir=rtl><body><p>שלום נועה,</p><p>מצורפת <b>הצעת המחיר</b> לעשר יחידות (Model X-200).</p>"
    "<table border=1><tr><th>פריט</th><th>מחיר</th></tr><tr><td>X-200</td><td>4,310.50 ₪</td></tr></table>"
    '<p><img src="cid:logo@x" width=40 height=40 alt="לוגו"></p><p>בברכה, דנה</p></body></html>'
)


@dataclass
class Spy:
    """Somebody elsewhere who wants to know who reads a mail: counts who comes."""

    port: int = field(default_factory=free_port)
    visits: int = 0

    def listen(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            with visitor:
                self.visits += b"GET" in visitor.recv(4096)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {len(PIXEL)}\r\nConnection: close\r\n\r\n"
                visitor.sendall(head.encode() + PIXEL)

    def close(self) -> None:
        self._server.close()


@pytest.fixture(scope="module")
def spy() -> Iterator[Spy]:
    spy = Spy()
    spy.listen()
    yield spy
    spy.close()


@pytest.fixture(scope="module")
def google(spy: Spy) -> Iterator[GoogleSimulator]:
    simulator = google_simulator.create(0, Faults())
    simulator.start()
    logo = Attachment("logo.png", PIXEL, content_id="<logo@x>")
    page = (
        '<p>Hello <b>Noa</b>, our order:</p><img src="cid:logo@x" width="40" height="40" alt="logo"><script>parent.ran = 1</script>'
        f'<img src="http://127.0.0.1:{spy.port}/open.png" alt="spy"><p><a href="https://customer.example/">Our site</a></p>'
    )
    quoted = "Yes, ten please.\n\nOn Mon, 2 Nov 2026 at 10:00, Noa Levi <noa@acme.example> wrote:\n> How many?\n"
    simulator.deliver(
        NOA, from_=f"Dana Levi <{CUSTOMER}>", subject="Order", body=quoted, html=page,
        attachments=[logo, Attachment("offer 44.pdf", FILE), Attachment("מחירון.xlsx", b"x" * 3000), Attachment("run.exe", b"MZ")],
    )  # fmt: skip
    simulator.deliver(
        NOA, from_=CUSTOMER, subject="הצעת מחיר", body="\n".join(TEXT),
        html=HEBREW, attachments=[logo],
    )  # fmt: skip
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def working(site: Site, google: GoogleSimulator) -> Iterator[Site]:
    """The hub with its workers and with both mails."""
    hub = site.hub
    with hub.db.write() as session:
        user = users.add(session, NOA, "Noa Levi", "agent", PASSWORD)
        site.users["noa@acme"] = user.id
        values = {**google.settings(), "mail": True, "calendar": False, "contacts": False}
        accounts.create(session, hub.connectors["google"], hub.vault, "Mail", values)
        given = [parties.Given(parties.EMAIL, CUSTOMER)]
        site.party = parties.create(session, None, PartyKind.PERSON, "Dana Levi", given, region="IL").public_id
    running = hub_app.start(hub, listen=False)
    until(lambda: count(site) == 2, "the mails did not come in")
    yield site
    running.close()


def count(site: Site) -> int:
    with site.hub.db.read() as session:
        return len(session.scalars(select(MailMessage.id)).all())


@pytest.fixture
def noa(profile: Callable[..., Profile], working: Site) -> Profile:
    """The one whose mailbox it is."""
    made = profile("noa")
    made.name = "noa@acme"
    return made


def sign_in(noa: Profile) -> Page:
    tab = noa.watch(noa.context.new_page())
    tab.goto(noa.site.url + "/login")
    tab.fill("#email", NOA)
    tab.fill("#password", PASSWORD)
    tab.click(".gate .primary")
    tab.wait_for_selector("#link")
    return tab


def opened(noa: Profile, subject: str) -> Page:
    """The customer's page with one mail unfolded."""
    tab = sign_in(noa)
    tab.goto(f"{noa.site.url}/customers/{noa.site.party}")
    row = tab.locator("#timeline li.k-email", has_text=subject)
    row.locator("summary").first.click()
    tab.wait_for_selector("article.mail")
    return tab


def frame(tab: Page) -> FrameLocator:
    return tab.frame_locator("iframe.sent")


def shown_as_sent(tab: Page) -> FrameLocator:
    tab.locator("summary", has_text="Show as sent").click()
    tab.wait_for_selector("iframe.sent")
    return frame(tab)


def test_a_file_is_fetched_by_one_click_and_saved_by_another(noa: Profile) -> None:
    tab = opened(noa, "Order")
    row = tab.locator("li.file", has_text="offer 44.pdf")
    row.locator("button").click()
    save = row.locator("a.button")
    save.wait_for()
    with tab.expect_download() as waiting:
        save.click()
    assert waiting.value.suggested_filename == "offer 44.pdf"
    assert waiting.value.path().read_bytes() == FILE
    refused = tab.locator("li.file", has_text="run.exe")
    refused.locator("button").click()
    refused.locator(".err").wait_for()
    assert "not fetched" in refused.inner_text()


def test_a_mail_as_sent_shows_its_logo_runs_nothing_and_tells_the_sender_nothing_unless_told_to(
    noa: Profile, spy: Spy
) -> None:
    tab = opened(noa, "Order")
    inside = shown_as_sent(tab)
    inside.locator("text=our order").wait_for()
    logo = inside.locator("img[alt=logo]")
    until(lambda: logo.evaluate("one => one.naturalWidth") == 1, "the logo was not shown")
    stays(lambda: spy.visits == 0, "the sender was told")
    assert tab.evaluate("window.ran") is None
    assert inside.locator("img[alt=spy]").get_attribute("src") is None
    tab.locator("a.button", has_text="Load pictures").click()
    until(lambda: spy.visits == 1, "the picture was not loaded")
    before = spy.visits
    tab.reload()  # the choice was for that view
    tab.locator("#timeline li.k-email", has_text="Order").locator("summary").first.click()
    shown_as_sent(tab).locator("text=our order").wait_for()
    stays(lambda: spy.visits == before, "the choice was kept")


def test_a_link_in_a_mail_opens_in_a_tab_of_its_own(noa: Profile) -> None:
    tab = opened(noa, "Order")
    link = shown_as_sent(tab).locator("a", has_text="Our site")
    noa.context.route(
        "https://customer.example/**", lambda route: route.fulfill(body="theirs", content_type="text/html")
    )
    with noa.context.expect_page() as waiting:
        link.click()
    page = waiting.value
    page.wait_for_load_state()
    assert page.url == "https://customer.example/"
    assert page.evaluate("window.opener") is None
    assert page.evaluate("document.referrer") == ""


def test_a_mail_of_right_to_left_is_read_from_the_right_in_both_views(noa: Profile) -> None:
    tab = opened(noa, "הצעת מחיר")
    text = tab.locator("article.mail p.text").first
    assert text.evaluate("one => getComputedStyle(one).unicodeBidi") == "plaintext"
    inside = shown_as_sent(tab)
    inside.locator("table").wait_for()
    assert inside.locator("body > div").get_attribute("dir") == "rtl"
    first, second = (inside.locator("th").nth(at).bounding_box() for at in range(2))
    assert first is not None
    assert second is not None
    assert first["x"] > second["x"]


def test_who_sees_a_conversation_is_chosen_in_its_row(noa: Profile) -> None:
    tab = opened(noa, "Order")
    form = tab.locator("form.sharing")
    form.locator("select").select_option("owner")
    form.locator("button").click()
    tab.wait_for_selector("form.sharing [role=status]")
    assert tab.locator("form.sharing select").input_value() == "owner"
    other = noa.context.browser
    assert other is not None
    colleague = Profile(other, noa.site, "amir")
    page = colleague.open(f"/customers/{noa.site.party}", connected=False)
    assert page.locator("#timeline li.k-email").count() == 1
    tab.locator("form.sharing select").select_option("")
    tab.locator("form.sharing button").click()
    page.reload()
    until(lambda: page.reload() is not None and page.locator("#timeline li.k-email").count() == 2)
    colleague.close()


def test_a_blocked_sender_is_shown_while_stored_mail_is_taken_back(noa: Profile) -> None:
    tab = sign_in(noa)
    tab.goto(noa.site.url + "/settings")
    tab.click("a:has-text('Mail that is never kept')")
    tab.fill("#block", "lawyer.example")
    tab.click("button:has-text('Never keep its mail')")
    tab.wait_for_selector("text=No stored mail had to be taken back.")
    tab.click("button:has-text('Remove')")
    tab.wait_for_selector("text=You block nobody.")
    with noa.site.hub.db.read() as session:
        assert session.scalars(select(MailBlock)).all() == []


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_its_pages_break_no_rule_of_accessibility_and_fit_a_telephone(
    profile: Callable[..., Profile], working: Site, language: str, scheme: str
) -> None:
    site = working
    made = profile("noa", color_scheme=scheme)
    made.name = "noa@acme"
    tab = sign_in(made)
    _speaks(site, language)
    broken = {}
    for path in (f"/customers/{site.party}", "/settings/mail"):
        tab.set_viewport_size({"width": 1280, "height": 860})
        tab.goto(site.url + path)
        for row in tab.locator("#timeline li.k-email").all():
            row.locator("summary").first.click()
            row.locator("article.mail").first.wait_for()
            row.locator("article.mail details[hx-get] summary").first.click()
            row.locator("iframe.sent").wait_for()
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        if found := violations(tab):
            broken[path] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, path
    _speaks(site, "en")
    assert broken == {}


def _speaks(site: Site, language: str) -> None:
    with site.hub.db.write() as session:
        session.scalars(select(User).where(User.email == NOA)).one().language = language
