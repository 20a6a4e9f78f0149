"""Leads in a real browser: told at once in one of two tabs, called with one click, and the pages around them."""

import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from connectors.asterisk.simulator import AsteriskSimulator
from hub import app as hub_app
from hub.cti.models import EndpointRule, Extension
from hub.intake import accounts
from hub.leads.models import LeadRow, LeadRule, Stage
from hub.leads.queries import Shown
from hub.store.base import now
from tests.fakes.leads import Forms
from tests.ui.harness import LOOKS, Profile, Site, shot, stays, until, use, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")
NEXT_PAGE = 15_000  # bytes, as in test_budgets
HEBREW = [
    {"key": "full_name", "label": "שם מלא", "values": ["דנה לוי"]},
    {"key": "phone", "label": "מספר טלפון", "values": ["052-234-5678"]},
    {"key": "gender", "type": "gender", "label": "מין", "values": ["f"]},
    {"key": "q4", "label": "מתי נוח לדבר?", "values": ["בבוקר, 09:00-12:00"]},
]


@pytest.fixture(scope="module")
def forms(site: Site) -> Forms:
    return Forms(site.hub)


@pytest.fixture(scope="module")
def leads(site: Site, forms: Forms) -> list[Shown]:
    """What came in: of an hour ago, so that nobody is told of them any more once one is told."""
    forms.name_campaign("c1", "מבצע אביב 2026")
    forms.name_campaign("c2", "Spring offer")
    old = timedelta(days=2)
    made = [
        forms.answer(answers=HEBREW, form_id="f2", form_name="גינה חדשה", campaign_id="c1", language="he", ago=old,
                     consents=[{"key": "m", "checked": True, "text": "אני מסכימה לקבל דיוור"}], utm={"source": "news"}),
        forms.answer("Jan Nowak", "+48 601 234 567", campaign_id="c2", language="pl", ago=old),
        forms.answer(answers=[{"key": "q1", "values": ["blue"]}], ago=old),
        forms.answer("Test Person", "052-234-5600", is_test=True, ago=old),
    ]  # fmt: skip
    with site.hub.db.write() as session:
        for row in session.scalars(select(LeadRow)):
            row.told_at = now()  # long ago, so that My day lists them
        users = [site.users["noa"], site.users["amir"]]
        session.add(LeadRule(place=0, name="אביב", wants={"campaign": ["c1"], "language": ["he"]}, users=users))
        session.add(LeadRule(place=1, name="Polish", wants={"region": ["PL"]}, users=users[:1]))
    return made


@pytest.fixture
def working(site: Site, forms: Forms) -> Iterator[Site]:
    """The hub with its workers."""
    assert forms.token
    running = hub_app.start(site.hub, listen=False)
    yield site
    running.close()


def post(site: Site, forms: Forms, **fields: str) -> None:
    """Somebody sends a form over HTTP."""
    request = Request(f"{site.url}/hooks/{forms.token}", urlencode(fields).encode(), method="POST")
    with urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def notices(tabs: list[Page]) -> list[int]:
    return [tab.locator("#news article").count() for tab in tabs]


def tab_to(page: Page, selector: str, most: int = 80) -> None:
    """Press Tab until something has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"Tab never came to {selector}")


# --- told at once ---------------------------------------------------------------------------------------------------


def test_a_new_lead_is_told_once_in_the_tab_that_is_used_and_listed_in_both(
    profile: Make, working: Site, forms: Forms
) -> None:
    amir = profile("amir")
    tabs = [amir.open("/"), amir.open("/settings")]
    first, second = tabs
    use(first)
    post(working, forms, name="Dana Levi", phone="052-234-5670", form_name="Garden offer")
    until(lambda: notices(tabs) == [1, 0], lambda: f"notices: {notices(tabs)}")
    notice = first.locator("#news article")
    assert "New lead" in notice.inner_text()
    assert notice.locator("[data-name]").inner_text() == "Dana Levi"
    assert notice.locator("[data-number]").get_attribute("href") == "tel:+972522345670"
    until(lambda: first.locator("#new-leads [data-row]").count() == 1, "My day does not list it")
    clock = first.locator("#new-leads [data-since]")
    shown = clock.inner_text()
    until(lambda: clock.inner_text() != shown, "the clock stands still")
    stays(lambda: notices(tabs) == [1, 0])
    use(second)
    post(working, forms, name="Rut Cohen", phone="052-234-5671")
    until(lambda: notices(tabs) == [1, 1], lambda: f"notices: {notices(tabs)}")
    second.click("#news [data-forget]")
    until(lambda: notices(tabs) == [1, 0])
    first.bring_to_front()
    first.click("#new-leads button:has-text('I take it')")
    until(lambda: "Amir Katz" in first.locator("#new-leads").inner_text(), "it was not taken")
    first.click("#new-leads a:has-text('Rut Cohen')")
    first.wait_for_selector("h1:has-text('Rut Cohen')")


def test_one_click_calls_a_new_lead(profile: Make, working: Site, forms: Forms) -> None:
    site, exchange = working, AsteriskSimulator()
    exchange.start()
    with site.hub.db.write() as session:
        for row in session.scalars(select(LeadRow)):
            row.closed_at = now()
        values = exchange.settings()
        row_ = accounts.create(
            session, site.hub.connectors["asterisk"], site.hub.vault, "Simulated", values, region="IL"
        )
        session.add(EndpointRule(account_id=row_.id, pattern="PJSIP/trunk*", kind="trunk"))
        session.add(Extension(account_id=row_.id, number="101", user_id=site.users["amir"]))
    listening = hub_app.start(site.hub, work=False)
    try:
        until(lambda: _hears(site, row_.id), "the hub does not hear the exchange")
        tab = profile("amir").open("/")
        post(site, forms, name="Dana Levi", phone="052-234-5672")
        tab.click("#new-leads button:has-text('Call')")
        until(lambda: orders(exchange), "no order came to the exchange")
        assert "0522345672" in str(orders(exchange)[0])
    finally:
        listening.close()
        exchange.stop()


def orders(exchange: AsteriskSimulator) -> list[dict[str, str]]:
    return [one for one in exchange.received if one.get("action") == "Originate"]


def _hears(site: Site, account_id: int) -> bool:
    listener = site.hub.telephone.listeners.get(account_id)
    return listener is not None and listener.counters.values.get("listed", 0) > 0


# --- the pages ------------------------------------------------------------------------------------------------------


def paths(site: Site, forms: Forms, leads: list[Shown]) -> dict[str, str]:
    with site.hub.db.read() as session:
        rule = session.scalars(select(LeadRule.public_id).order_by(LeadRule.place)).first()
    return {
        "inbox": "/leads?state=all", "inbox-empty": "/leads?state=closed&campaign=x", "lead": f"/leads/{leads[0].id}",
        "lead-of-nobody": f"/leads/{leads[2].id}", "rules": "/admin/lead-rules", "rule-new": "/admin/lead-rules/new",
        "rule": f"/admin/lead-rules/{rule}", "rule-remove": f"/admin/lead-rules/{rule}/remove",
        "my-day": "/", "questions": f"{forms.path}/questions", "customer": f"/customers/{leads[0].party}",
    }  # fmt: skip


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_and_each_fits_a_telephone(
    profile: Make, site: Site, forms: Forms, leads: list[Shown], language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    broken, wide = {}, {}
    for name, path in paths(site, forms, leads).items():
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, name
        assert len(gzip.compress(answer.body(), 9)) <= NEXT_PAGE, name
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        assert tab.locator("h1").count() == 1, name
        shot(tab, f"{name}-{language}")
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        until(lambda: not tab.evaluate("document.querySelectorAll('main [aria-busy]').length"))
        if found := violations(tab):
            broken[name] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        shot(tab, f"{name}-{language}-small")
        width = tab.evaluate("document.documentElement.scrollWidth")
        squeezed = tab.evaluate(
            "[...document.querySelectorAll('.tl > li > div')].filter(e => e.clientWidth < 150).length"
        )
        if width > 360 or squeezed:
            wide[name] = (width, squeezed)
    assert broken == {}
    assert wide == {}


def test_a_page_with_a_mistake_is_found(profile: Make, leads: list[Shown]) -> None:
    assert leads
    tab = profile("noa").open("/admin/lead-rules/new", connected=False)
    tab.evaluate("document.querySelector('#name').removeAttribute('id')")
    assert len(violations(tab)) >= 1


def test_the_inbox_is_filtered_without_loading_the_page_again(profile: Make, site: Site, leads: list[Shown]) -> None:
    tab = profile("noa").open("/leads?state=all", connected=False)
    tab.evaluate("window.here = 1")
    assert "Jan Nowak" in tab.locator("#leads").inner_text()
    assert tab.locator("#leads", has_text="Test Person").count() == 0
    tab.check("input[name=tests]")
    until(lambda: "Test Person" in tab.locator("#leads").inner_text(), "the test lead is not shown")
    assert "Jan Nowak" not in tab.locator("#leads").inner_text()
    assert tab.evaluate("window.here") == 1
    assert "tests=1" in tab.evaluate("location.href")
    tab.locator("#leads a", has_text="Test Person").click()
    tab.wait_for_selector("h1:has-text('Test Person')")
    assert site.hub is not None
    assert leads


def test_a_lead_is_moved_on_and_closed_and_opened_again(profile: Make, site: Site, leads: list[Shown]) -> None:
    tab = profile("amir").open(f"/leads/{leads[1].id}", connected=False)
    tab.select_option("#stage", Stage.LOST)
    tab.fill("#reason", "Too far away")
    tab.click("button:has-text('Save')")
    tab.wait_for_selector("h2:has-text('Lost')")
    assert "Too far away" in tab.locator("main").inner_text()
    tab.click("button:has-text('Open again')")
    tab.wait_for_selector("#stage")
    with site.hub.db.read() as session:
        row = session.get_one(LeadRow, leads[1].number)
        assert (row.stage, row.closed_at) == (Stage.RECEIVED, None)


def test_a_rule_is_written_and_moved_by_keyboard_alone_and_its_preview_follows(
    profile: Make, site: Site, leads: list[Shown]
) -> None:
    assert leads
    tab = profile("noa").open("/admin/lead-rules", connected=False)
    tab_to(tab, "a.button.primary[href='/admin/lead-rules/new']")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#rule")
    tab_to(tab, "#name")
    tab.keyboard.type("Everything in Hebrew")
    tab_to(tab, "input[name=users]")
    tab.keyboard.press("Space")
    until(lambda: "would have got" in tab.locator("#preview").inner_text(), "no preview")
    before = tab.locator("#preview").inner_text()
    tab_to(tab, "input[name=language][value=he]")
    tab.keyboard.press("Space")
    until(lambda: tab.locator("#preview").inner_text() != before, "the preview does not follow")
    assert "1 more fits, but a rule above takes it." in tab.locator("#preview").inner_text()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#rules")
    assert "Everything in Hebrew" in tab.locator("#rules > li").last.inner_text()
    last = tab.locator("#rules > li").last.locator("button:has-text('Up')")
    last.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**#rule-*")
    assert "Everything in Hebrew" in tab.locator("#rules > li").nth(1).inner_text()
    with site.hub.db.read() as session:
        assert session.scalars(select(LeadRule.name).order_by(LeadRule.place)).all()[1] == "Everything in Hebrew"


def test_what_a_question_is_for_is_said_and_its_leads_are_read_again(
    profile: Make, working: Site, forms: Forms, leads: list[Shown]
) -> None:
    tab = profile("noa").open(f"{forms.path}/questions", connected=False)
    row = tab.locator("tr", has=tab.locator("th", has_text="מתי נוח לדבר?"))
    row.locator("select").select_option("job_title")
    row.locator("button:has-text('Save')").click()
    tab.wait_for_url("**again=1")
    until(lambda: "being read again" not in tab.locator("#again").inner_text(), "it was never read again")
    tab.reload()
    assert "you said so" in row.inner_text()
    assert working.hub is not None
    assert leads
