"""Completeness in a real browser: in both directions and schemes, by keyboard, and on a telephone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hub.fields.models import FieldRow, FillTarget, Of, OptionRow
from hub.identity import parties
from hub.identity.models import Link, PartyKind
from hub.intake.models import Account
from hub.leads.models import LeadRow
from hub.store.base import now
from tests.ui.harness import LOOKS, Profile, Site, shot, until, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")
NODES = 1500
PAGE = "/insights/completeness"
NAMES = ("דנה לוי", "Amir Katz", "Jan Lewandowski", "Tal Bar", "Maya Stone", "נועה כהן", "Ola Nowak", "Ron Gal")


@pytest.fixture(scope="module")
def records(site: Site) -> Site:
    """Some people with more and less known of them, two connections, fields of an administrator, targets."""
    with site.hub.db.write() as session:
        book, crm = (Account(name=name, connector="none", state="paused") for name in ("Address book", "כרטיסי לקוחות"))
        session.add_all([book, crm])
        level = FieldRow(of=Of.PERSON, name="level", type="choice", labels={"en": "Level", "he": "רמה"})
        badge = FieldRow(of=Of.PERSON, name="badge", type="text", mask="pattern", pattern="[A-Z]{2}-[0-9]+",
                         labels={"en": "Badge", "he": "תג"})  # fmt: skip
        session.add_all([level, badge])
        session.flush()
        session.add(OptionRow(field_id=level.id, value="gold", labels={"en": "Gold", "he": "זהב"}))
        for number in range(40):
            given = [parties.Given("email", f"p{number}@example.com")] if number % 4 else []
            if number % 3:
                given.append(parties.Given("phone", f"+9725423{number:05}"))
            name = f"{NAMES[number % 8]} {number}"
            one = parties.create(session, None, PartyKind.PERSON, name, given, region="IL")
            one.created_at = now() - timedelta(days=20 * number)
            one.fields = {"level": "gold" if number % 2 else "tin", "badge": f"AB-{number}" if number % 5 else "ab"}
            one.owner_id = site.users["noa"] if number % 2 else None
            for account in [book, crm][: number % 3]:
                session.add(
                    Link(
                        party_id=one.id,
                        origin_party_id=one.id,
                        account_id=account.id,
                        stream="c",
                        remote_id=str(number),
                    )
                )
        for name, green, amber in (("email", 70, 50), ("phone", 90, 60), ("company", 50, 20)):
            session.add(FillTarget(of=Of.PERSON, field=name, green=green, amber=amber))
        session.add(LeadRow(account_id=book.id, remote_id="1", created_at=now(), name="Dana", phone="+97212"))
    return site


PATHS = {
    "all": PAGE, "source": f"{PAGE}?by=source", "month": f"{PAGE}?by=month", "leads": f"{PAGE}?of=lead&by=owner",
    "empty": f"{PAGE}?of=document", "list": f"{PAGE}/list?of=person&field=badge&state=invalid",
}  # fmt: skip


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_and_each_fits_a_telephone(
    profile: Make, records: Site, language: str, scheme: str
) -> None:
    records.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    broken: dict[str, Any] = {}
    wide: dict[str, Any] = {}
    for name, path in PATHS.items():
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(records.url + path)
        assert answer is not None
        assert answer.status == 200, name
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        assert tab.locator("h1").count() == 1, name
        shot(tab, f"completeness-{name}-{language}")
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        assert tab.evaluate("document.querySelectorAll('*').length") <= NODES, name
        if found := violations(tab):
            broken[name] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        shot(tab, f"completeness-{name}-{language}-small")
        if (width := tab.evaluate("document.documentElement.scrollWidth")) > 360:
            wide[name] = width
    assert broken == {}
    assert wide == {}


def test_a_target_is_set_with_the_keyboard_and_a_wrong_one_is_said_where_it_is(profile: Make, records: Site) -> None:
    tab = profile("noa").open(PAGE, connected=False)
    tab.evaluate("window.here = 1")
    row = tab.locator("#field-owner")
    row.locator("summary").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.type("40")
    tab.keyboard.press("Tab")
    tab.keyboard.type("60")
    tab.keyboard.press("Enter")
    until(lambda: row.locator("[role=alert]").count() == 1, "nobody said that it is wrong")
    assert "cannot be the larger" in row.inner_text()
    assert row.locator("[name=amber]").input_value() == "60"
    assert not violations(tab)
    row.locator("[name=amber]").fill("30")
    tab.keyboard.press("Enter")
    until(lambda: row.locator(".chip.ok").count() == 1, "the target was not kept")
    assert "On target" in row.inner_text()
    assert tab.evaluate("window.here") == 1


def test_records_are_compared_and_a_number_leads_to_them(profile: Make, records: Site) -> None:
    tab = profile("noa").open("/", connected=False)
    tab.click("nav a[href='/insights']")
    tab.wait_for_selector("#completeness table")
    tab.evaluate("window.here = 1")
    tab.select_option("#f-by", "source")
    until(lambda: tab.locator("#completeness table").count() == 2, "no parts came")
    assert "by=source" in tab.evaluate("location.href")
    tab.select_option("#f-of", "lead")
    until(lambda: "Campaign" in tab.locator("#completeness").inner_text(), "no leads came")
    assert tab.evaluate("window.here") == 1
    tab.goto(records.url + PAGE)
    told = tab.locator("#field-badge td").nth(2).inner_text()
    tab.locator("#field-badge td").nth(2).locator("a").click()
    tab.wait_for_selector("h1:has-text('Badge')")
    assert tab.locator("tr[data-row]").count() == int(told)
    tab.locator("tr[data-row] a").first.click()
    tab.wait_for_selector("h1")
    assert "/customers/" in tab.url
