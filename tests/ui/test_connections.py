"""Connections in a real browser: found, connected, mended and removed by keyboard alone, in English and in Hebrew."""

import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select

from hub.intake import accounts
from hub.intake.models import Account, AccountState, Health, RawRecord, RawState, StreamState
from hub.outbound.models import Delivery, Outbox, OutboxState
from hub.store.base import now
from tests.ui.harness import LOOKS, Profile, Site, until, violations

NEXT_PAGE, NODES = 15_000, 1500  # as in test_budgets
HOUR = timedelta(hours=1)
PAGES = (
    "/connections", "/connections/new", "/connections/new?q=nothing", "/connections/new/priority", "{texts}",
    "{texts}/failures", "{texts}/failures/{cause}", "{texts}/failures/sent/{sent}", "{texts}/mapping", "{texts}/settings",
    "{texts}/remove", "{forms}/failures", "{forms}/log",
)  # fmt: skip


class Desk:
    """Connections in every state, with what fails of them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.paths: dict[str, str] = {}
        with site.hub.db.write() as session:
            made = {
                "texts": ("sms", {"send_url": "https://sms.example.com/send", "password": "p"}),
                "books": ("priority", {"base_url": "https://erp.example.com", "token": "t"}),
                "forms": ("webforms", {}),
            }
            self.ids = {}
            for name, (connector, values) in made.items():
                row = accounts.create(session, site.hub.connectors[connector], site.hub.vault, name.title(), values)
                self.ids[name], self.paths[name] = row.id, f"/connections/{row.public_id}"
            books = session.get_one(Account, self.ids["books"])
            books.health, books.health_text = Health.NEEDS_YOU, "Invoices: Priority refuses the token (401)."
            forms = session.get_one(Account, self.ids["forms"])
            forms.health, forms.health_text = Health.LATE, "Nothing came since yesterday."
            for stream in session.scalars(select(StreamState)):
                stream.last_ok_at = stream.last_run_at = now()
                stream.due_at = now() + HOUR
            refused = Outbox(
                account_id=self.ids["texts"], kind="message", object_key="o", payload={"to": "+972542345678"},
                idempotency_key="k", user_id=None, state=OutboxState.REFUSED, last_error="The gateway answers 400",
            )  # fmt: skip
            session.add(refused)
            session.flush()
            session.add(Delivery(outbox_id=refused.id, ok=False, answer="400"))
            self.paths["sent"] = str(refused.id)
        self.aside()

    def aside(self) -> None:
        """Let the same two causes be there as in the beginning."""
        with self.site.hub.db.write() as session:
            session.execute(delete(RawRecord).where(RawRecord.account_id == self.ids["texts"]))
            for number in range(5):
                why = "no phone number in 'x'" if number < 3 else "no time"
                session.add(
                    RawRecord(
                        account_id=self.ids["texts"], stream="message", remote_id=f"r{number}", hash="h",
                        payload={"text": "שלום"}, state=RawState.SET_ASIDE, error=f"record r{number}: field from: {why}",
                        received_at=now() - number * HOUR,
                    )
                )  # fmt: skip

    def states(self) -> list[str]:
        with self.site.hub.db.read() as session:
            mine = RawRecord.account_id == self.ids["texts"]
            return list(session.scalars(select(RawRecord.state).where(mine).order_by(RawRecord.id)))


@pytest.fixture(scope="module")
def desk(site: Site) -> Desk:
    return Desk(site)


@pytest.fixture
def noa(profile: Callable[..., Profile], site: Site, desk: Desk) -> Iterator[Profile]:
    desk.aside()
    site.language("noa", "en")
    yield profile("noa")
    site.language("noa", "en")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('[data-row]')?.innerText ?? document.activeElement.id"))


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_every_page_is_accessible_and_light(
    profile: Callable[..., Profile], site: Site, desk: Desk, language: str, scheme: str
) -> None:
    desk.aside()
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/connections", connected=False)
    tab.goto(f"{site.url}{desk.paths['texts']}/failures")
    link = tab.locator("a[href*='/failures/']").last.get_attribute("href") or ""
    broken, heavy = {}, {}
    for page in PAGES:
        answer = tab.goto(site.url + page.format(**desk.paths, cause=link.rpartition("/")[2]))
        assert answer is not None
        assert answer.status == 200, page
        assert tab.locator("h1").count() == 1, page
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        sizes = (len(gzip.compress(answer.body(), 9)), tab.evaluate("document.querySelectorAll('*').length"))
        if sizes[0] > NEXT_PAGE or sizes[1] > NODES:
            heavy[page] = sizes
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            broken[page] = ["it is wider than the window"]
        if found := violations(tab):
            broken[page] = found
    site.language("noa", "en")
    assert broken == {}
    assert heavy == {}


def test_the_overview_is_filtered_and_red_has_one_button(noa: Profile, site: Site, desk: Desk) -> None:
    tab = noa.open("/connections")
    assert tab.locator("#cards article").count() == 4
    tab.click(".tabs a:has-text('Needs you')")
    assert tab.locator("#cards h2").all_inner_texts() == ["Books"]
    card = tab.locator("#cards article")
    assert card.locator(".chip.bad").inner_text().strip() == "Needs you"
    assert "Invoices: Priority refuses the token (401)." in card.inner_text()
    assert card.locator("button, .button").all_inner_texts() == ["Mend the settings\nBooks"]
    card.locator(".button").click()
    expect(tab.locator("h1")).to_have_text("Books")
    assert tab.locator(".tabs [aria-current]").inner_text() == "Settings"
    tab.goto(site.url + "/connections?show=paused")
    assert tab.locator("#cards h2").all_inner_texts() == ["Exchange"]  # the one of the harness
    assert tab.locator("#cards button").all_inner_texts() == ["Go on\nExchange"]


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_cause_is_tried_again_by_keyboard_alone(noa: Profile, site: Site, desk: Desk, language: str) -> None:
    site.language("noa", language)
    tab = noa.open(f"{desk.paths['texts']}/failures")
    assert tab.locator("tr[data-row]").count() == 3
    for _ in range(2):
        tab.keyboard.press("j")
    assert "no phone number" in focused(tab)
    tab.keyboard.press("k")
    assert "gateway" in focused(tab)
    tab.keyboard.press("j")
    tab.keyboard.press("r")
    tab.wait_for_selector("main > .notice.ok")
    assert sorted(desk.states()) == [RawState.KEPT] * 3 + [RawState.SET_ASIDE] * 2
    assert tab.locator("tr[data-row]").count() == 2
    for _ in range(2):
        tab.keyboard.press("j")
    tab.keyboard.press("Enter")  # opens the things of the cause
    tab.wait_for_url("**/failures/*")
    assert tab.locator("tr[data-row]").count() == 2
    tab.keyboard.press("j")
    tab.keyboard.press("r")
    tab.wait_for_url("**did=retry*")
    assert sorted(desk.states()) == [RawState.KEPT] * 4 + [RawState.SET_ASIDE]


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_system_is_found_and_connected_by_keyboard_alone(noa: Profile, site: Site, desk: Desk, language: str) -> None:
    site.language("noa", language)
    tab = noa.open("/connections/new")
    every = tab.locator("#catalogue article").count()
    tab.focus("#q-connect")
    tab.keyboard.type("erpn")
    until(lambda: tab.locator("#catalogue article").count() == 1 < every)
    assert tab.evaluate("document.activeElement.id") == "q-connect", "typing goes on"
    while not tab.evaluate("document.activeElement.href?.endsWith('/connections/new/erpnext')"):
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#s-base_url")
    tab.evaluate("for (const one of document.querySelectorAll('[required]')) one.required = false")  # an old browser
    tab.focus("#name")
    tab.keyboard.press("Control+A")
    tab.keyboard.type(f"ERP {language}")
    tab.focus("#s-api_secret")
    tab.keyboard.type("a secret")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#e-s-base_url")
    assert tab.evaluate("document.activeElement.id") == "s-base_url", "the first at fault"
    assert tab.locator("[aria-invalid=true]").count() == 2
    assert tab.input_value("#name") == f"ERP {language}"
    tab.keyboard.type("http://127.0.0.1:9")
    tab.check("#s-allow_private")
    tab.fill("#s-api_key", "key")
    tab.focus("#name")
    tab.keyboard.press("Enter")  # tests; nobody answers there
    tab.wait_for_selector(".findings .chip.bad")
    assert tab.input_value("#s-base_url") == "http://127.0.0.1:9"
    tab.locator("button[value=force]").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("main > .notice.ok")
    with site.hub.db.read() as session:
        row = accounts.by_name(session, f"ERP {language}")
        assert site.hub.vault.open(row.secrets) == {"api_secret": "a secret", "api_key": "key"}
    with site.hub.db.write() as session:
        accounts.remove(session, accounts.by_name(session, f"ERP {language}"))


def test_removing_is_asked_with_cancel_as_the_default(noa: Profile, site: Site, desk: Desk) -> None:
    with site.hub.db.write() as session:
        row = accounts.create(session, site.hub.connectors["webforms"], site.hub.vault, "To be removed", {})
        public_id: UUID = row.public_id
    tab = noa.open(f"/connections/{public_id}/settings")
    button = tab.locator("[data-dialog=remove]")
    button.focus()
    tab.keyboard.press("Enter")
    dialog = tab.locator("dialog#remove")
    expect(dialog).to_be_visible()
    assert tab.evaluate("location.pathname").endswith("/settings"), "the link opens the dialog here"
    assert "To be removed" in dialog.inner_text()
    assert "In the other system nothing is deleted." in dialog.inner_text()
    assert violations(tab) == []
    tab.keyboard.press("Enter")  # the default: nothing happens
    expect(dialog).to_be_hidden()
    tab.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    button.click()
    dialog.locator("button.danger").click()
    tab.wait_for_selector("#cards")
    assert "To be removed" not in tab.locator("#cards").inner_text()
    with site.hub.db.read() as session:
        assert (
            session.scalars(select(Account).where(Account.public_id == public_id)).one().state == AccountState.REMOVED
        )


def test_without_scripts_removing_is_a_page(profile: Callable[..., Profile], site: Site, desk: Desk) -> None:
    profile("noa").open("/connections", connected=False)  # signs in
    tab = profile("noa", java_script_enabled=False).open(f"{desk.paths['forms']}/settings", connected=False)
    tab.click("[data-dialog=remove]")
    assert tab.url.endswith("/remove")
    assert "Forms" in tab.locator("main").inner_text()
    tab.click("main .actions a:has-text('Cancel')")
    assert tab.url.endswith("/settings")
