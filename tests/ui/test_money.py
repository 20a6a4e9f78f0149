"""Money in a real browser: the panel of a customer, alerts on the card, documents and payments, in both directions."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.ledger import CEDAR, CONTACTS, INVOICES, Ledger, day, one
from tests.ui.harness import LOOKS, Profile, Site, shot, until, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")
NEXT_PAGE = 15_000  # bytes, as in test_budgets
NODES = 1500
DANA = "+972542345678"  # whom the site knows; she works at a company


@pytest.fixture(scope="module")
def ledger(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    made = Ledger(site.hub, tmp_path_factory.mktemp("books") / "mappings")
    for name in ("connectors", "flow", "remotes"):  # the server runs already, and looks at its hub with each request
        object.__setattr__(site.hub, name, getattr(made.hub, name))
    made.tell()
    made.say(
        CONTACTS,
        {"remote_id": "8", "kind": "company", "name": "לוי ושות' בע\"מ", "emails": "office@levi.example"},
        {"remote_id": "9", "kind": "", "name": "דנה לוי", "phones": DANA, "company": "לוי ושות' בע\"מ"},
    )
    made.say(
        INVOICES,
        one("80", party="9", party_name="דנה לוי", number="חש/2026/17", issue_date=day(70), due_date=day(40), gross="4310.50",
            balance="4310.50", warnings=["sum"]),
        *(one(str(n), party="8", number=f"INV/2026/{n}", gross="117.00", balance="117.00") for n in range(100, 160)),
    )  # fmt: skip
    return made


def paths(ledger: Ledger) -> dict[str, str]:
    return {
        "documents": "/documents?status=overdue&sums=1", "customer": f"/customers/{ledger.customer()}",
        "document": f"/documents/{ledger.document('4')}", "document-of-a-person": f"/documents/{ledger.document('80')}",
        "payments": "/payments", "payment": f"/payments/{ledger.payment('4')}",
    }  # fmt: skip


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_and_each_fits_a_telephone(
    profile: Make, site: Site, ledger: Ledger, language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    broken: dict[str, Any] = {}
    wide: dict[str, Any] = {}
    for name, path in paths(ledger).items():
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
        assert tab.evaluate("document.querySelectorAll('*').length") <= NODES, name
        if found := violations(tab):
            broken[name] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        shot(tab, f"{name}-{language}-small")
        if (width := tab.evaluate("document.documentElement.scrollWidth")) > 360:
            wide[name] = width
    assert broken == {}
    assert wide == {}


def test_a_page_with_a_mistake_is_found(profile: Make, ledger: Ledger) -> None:
    assert ledger.account_id
    tab = profile("noa").open("/documents", connected=False)
    tab.evaluate("document.querySelector('#f-currency').removeAttribute('id')")
    assert len(violations(tab)) >= 1


def test_the_card_of_a_call_says_what_is_overdue_and_how_old_that_is(profile: Make, site: Site, ledger: Ledger) -> None:
    assert ledger.account_id
    for language, said in (("en", "Overdue"), ("he", "")):
        site.language("noa", language)
        tab = profile("noa").open("/")
        call = site.ring("noa")
        tab.wait_for_selector(f"#pop article.call [data-body] .alerts, #pop #call-{call} .alerts")
        words = tab.locator("#pop .alerts").first.inner_text()
        assert "4,310.50" in words
        assert said in words
        assert not violations(tab)
        shot(tab, f"card-{language}")
        site.forget_calls()


def test_documents_are_filtered_summed_and_read_on_without_loading_the_page_again(
    profile: Make, site: Site, ledger: Ledger
) -> None:
    assert ledger.account_id
    tab = profile("noa").open("/documents", connected=False)
    tab.evaluate("window.here = 1")
    until(lambda: tab.locator("#documents caption").count() == 1, "the sums never came")
    assert tab.locator("#documents tr[data-row]").count() == 50
    tab.click("#documents .pager a")
    until(lambda: tab.locator("#documents tr[data-row]").count() > 50, "no older ones came")
    tab.select_option("#f-status", "overdue")
    until(lambda: 0 < tab.locator("#documents tr[data-row]").count() < 10, "the filter did nothing")
    assert "INV/2026/0004" in tab.locator("#documents").inner_text()
    assert tab.evaluate("window.here") == 1
    assert "status=overdue" in tab.evaluate("location.href")


def test_lines_are_read_when_they_are_opened_and_the_pdf_is_saved(profile: Make, site: Site, ledger: Ledger) -> None:
    tab = profile("noa").open(f"/documents/{ledger.document('4')}", connected=False)
    before = len(ledger.remote.asked)
    tab.wait_for_selector("summary:has-text('Read the lines')")
    assert len(ledger.remote.asked) == before, "nobody opened them yet"
    tab.click("summary:has-text('Read the lines')")
    until(lambda: "Router, 8 ports" in tab.locator("section table").last.inner_text(), "no lines came")
    with tab.expect_download() as saved:
        tab.click("a:has-text('PDF')")
    assert saved.value.suggested_filename == "INV-2026-0004.pdf"
    assert ledger.remote.asked[before:] == ["invoices", "4"] * 2
    assert CEDAR in tab.locator("main").inner_text()
    assert site.hub is not None
