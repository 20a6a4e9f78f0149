"""The mapping editor in a real browser: by keyboard, in both directions, with what becomes of the sample beside each row."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from hub import app as hub_app
from hub.fields import edit
from hub.fields.models import Of, Type
from hub.intake.models import Account
from hub.leads.models import LeadRow
from hub.mapping import versions
from hub.mapping.versions import Scope
from hub.security.policy import Person
from tests.fakes.leads import Forms
from tests.ui.harness import LOOKS, Profile, Site, until, violations
from tests.ui.test_leads import shot, tab_to

Make = Callable[..., Profile]
BUDGET = '=answers[key="budget"].values[0]'
MOVING = '=answers[key="moving_in"].values[0]'
LEAD = Scope("webforms", "lead")
OTHER = Person(0, None, "other@example.com", "Other", "admin")
LABELS = {"en": "Budget en", "he": "שדה budget_he"}  # as `define` writes them
NAMES = {"en": "Our page", "he": "הטופס שלנו"}


@pytest.fixture(scope="module")
def working(site: Site) -> Iterator[Site]:
    """The hub with its workers: a run over history is theirs."""
    running = hub_app.start(site.hub, listen=False)
    yield site
    running.close()


def filled(site: Site, name: str) -> tuple[str, int]:
    """A connection with four leads, of which one has no number where others have."""
    forms = Forms(site.hub, name)
    for number, budget in enumerate(("5000", "7500", "a lot", "9000")):
        given = {"full_name": "Dana Levi", "phone": f"052-234-567{number}", "budget": budget, "moving_in": "2026-12-01"}
        answers = [{"key": key, "label": key.replace("_", " "), "values": [value]} for key, value in given.items()]
        forms.answer(answers=answers)
    return str(forms.public_id), forms.account


def rows(tab: Page) -> list[str]:
    return [str(one.get_attribute("value")) for one in tab.locator("#map input[name=row]").all()]


def result(tab: Page, target: str) -> str:
    return " ".join(tab.locator(f"#o-{rows(tab).index(target)}").inner_text().split())


def state(tab: Page, target: str) -> str:
    return str(tab.locator(f"#o-{rows(tab).index(target)}").get_attribute("data-state"))


def focused(tab: Page) -> str:
    return str(tab.evaluate("document.activeElement.id"))


def type_into(tab: Page, selector: str, text: str) -> None:
    """Go to an input by keyboard and write into it instead of what is there."""
    tab_to(tab, selector, most=250)
    tab.keyboard.press("Control+a")
    tab.keyboard.type(text)


def skip(tab: Page, link: str, to: str) -> None:
    """Take the way past the rows: it is seen as soon as it has the focus, and it takes the focus along."""
    tab_to(tab, f"{link} .skip", most=20)
    seen = tab.evaluate(
        """() => {
            const one = document.activeElement.getBoundingClientRect();
            const place = document.activeElement.closest(".map-row, .map-bar").getBoundingClientRect();
            return one.top >= place.top && one.bottom <= place.bottom ? Math.min(one.width, one.height) : 0;
        }"""
    )
    assert seen >= 24, "nobody sees it where they are"
    tab.keyboard.press("Enter")
    until(lambda: focused(tab) == to, "the focus stayed behind")


def add_by_keyboard(tab: Page, target: str, source: str) -> None:
    """Add a row: Enter in an input presses the first button of the form, which adds what is typed."""
    tab_to(tab, "#map [name=sample]", most=40)
    skip(tab, ".map-bar", "map-add")
    tab_to(tab, "#add-target", most=1)
    tab.keyboard.type(target)
    type_into(tab, "#add-source", source)
    tab.keyboard.press("Enter")
    until(lambda: target in rows(tab), f"{target} was not added")
    until(lambda: focused(tab).startswith("expr-"), "the new row has not the focus")


def define(site: Site, name: str, type_: Type) -> None:
    """Make a field of leads."""
    labels = {"en": name.replace("_", " ").capitalize(), "he": f"שדה {name}"}
    with site.hub.db.write() as session:
        edit.create(session, OTHER, Of.LEAD, edit.Draft(type_, labels, name), region="IL")


def leads(site: Site, account: int, *names: str) -> list[dict[str, Any]]:
    """What leads have in these fields."""
    with site.hub.db.read() as session:
        found = session.scalars(select(LeadRow).where(LeadRow.account_id == account).order_by(LeadRow.id)).all()
        return [{name: one.fields[name] for name in names or one.fields if name in one.fields} for one in found]


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_a_form_gets_two_fields_without_a_mouse_and_history_is_run_again(
    profile: Make, working: Site, language: str, scheme: str
) -> None:
    site, budget, moving = working, f"budget_{language}", f"moving_{language}"
    public_id, account = filled(site, NAMES[language])
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/settings", connected=False)
    define(site, budget, Type.NUMBER)
    define(site, moving, Type.DATE)
    tab.goto(f"{site.url}/mappings/webforms/lead?account={public_id}&own=1")
    add_by_keyboard(tab, budget, BUDGET)
    add_by_keyboard(tab, moving, MOVING)
    assert (result(tab, budget), result(tab, moving)) == ("9000", "2026-12-01")
    found = mend(tab, budget, LABELS[language], f"mapping-{language}")
    found += publish(tab, f"mapping-{language}")
    wanted = [{budget: one, moving: "2026-12-01"} for one in ("5000", "7500", "", "9000")]
    del wanted[2][budget]
    until(lambda: leads(site, account, budget, moving) == wanted, lambda: f"never: {leads(site, account)}")
    until(lambda: tab.locator("#runs progress").count() == 0, "the page does not say that it is over")
    tab.goto(f"{site.url}/leads/{first_lead(site, account)}")
    shown = tab.locator("main").inner_text()
    site.language("noa", "en")
    assert "5000" in shown
    assert found == []


def mend(tab: Page, budget: str, label: str, name: str) -> list[str]:
    """Find the record that does not fit, write another expression, save it and test it on what is stored."""
    tab_to(tab, "#another", most=250)  # the long way round
    tab.keyboard.press("Enter")
    until(lambda: state(tab, budget) == "bad", "the failing record was not shown")
    assert focused(tab) == "another", "the focus is lost"
    assert budget in tab.locator("#said").inner_text()
    assert label in tab.locator("#said").inner_text()
    found = violations(tab)
    shot(tab, f"{name}-failing")

    at = rows(tab).index(budget)
    type_into(tab, f"#expr-{at}", '$match(answers[key="budget"].values[0], /^[0-9]+$/)[0].match')
    until(lambda: state(tab, budget) == "empty", "the preview does not follow")
    assert focused(tab) == f"expr-{at}", "whoever types is not disturbed"
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector("#editor > .notice.ok")
    assert focused(tab) == f"expr-{at}", "saving leaves the focus where it is"

    skip(tab, f"#row-{at}", "map-do")
    tab_to(tab, "button[value='test:50']", most=1)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#tried")
    until(lambda: focused(tab) == "tried", "the result has not the focus")
    assert [one.inner_text() for one in tab.locator("#tried .stat").all()] == ["0", "4", "0", "0"]
    shot(tab, f"{name}-tried")
    tab.set_viewport_size({"width": 360, "height": 740})
    width = tab.evaluate("document.documentElement.scrollWidth")
    shot(tab, f"{name}-small")
    tab.set_viewport_size({"width": 1280, "height": 860})
    assert width <= 360
    return found


def publish(tab: Page, name: str) -> list[str]:
    """Publish with a note, and run it again over everything."""
    tab.press("button[value='publish']", "Enter")
    tab.wait_for_url("**/publish?*")
    found = violations(tab)
    tab.fill("#note", "Two answers of the form")
    tab.check("[name=again][value=all]")
    tab.press("#publish", "Enter")
    tab.wait_for_url("**/runs?*")
    found += violations(tab)
    shot(tab, f"{name}-runs")
    return found


def first_lead(site: Site, account: int) -> UUID:
    with site.hub.db.read() as session:
        query = select(LeadRow.public_id).where(LeadRow.account_id == account).order_by(LeadRow.id)
        found = session.scalars(query).first()
        assert found is not None
        return found


@pytest.fixture
def page_of(profile: Make, site: Site, request: pytest.FixtureRequest) -> Page:
    """The editor of a connection of this test alone."""
    public_id, _ = filled(site, request.node.name)
    return profile("noa").open(f"/mappings/webforms/lead?account={public_id}&own=1", connected=False)


def test_a_broken_expression_is_told_at_its_row_while_one_types(page_of: Page) -> None:
    tab = page_of
    at = rows(tab).index("language")
    tab.select_option(f"#how-{at}", "expr")
    tab.focus(f"#expr-{at}")
    tab.keyboard.type("$uppercase(platform")
    until(lambda: "19" in result(tab, "language"), "the mistake is not said, with its place")
    assert state(tab, "language") == "bad"
    assert state(tab, "platform") == "ok", "the other rows go on"
    tab.keyboard.type(")")
    until(lambda: state(tab, "language") == "ok", "the correction is not seen")
    assert result(tab, "language").endswith("WEB")
    assert focused(tab) == f"expr-{at}"


def test_steps_move_by_buttons_and_the_focus_goes_with_them(page_of: Page) -> None:
    tab = page_of
    at = rows(tab).index("platform")
    for step in ("upper", "trim"):
        tab.select_option(f"#new-{at}", step)
        tab_to(tab, f"#add-step-{at}", most=250)
        tab.keyboard.press("Enter")
        tab.wait_for_selector(f"input[name='platform:step'][value={step}]", state="attached")
    until(lambda: focused(tab) == f"s-{at}-1")
    tab.focus(f"#up-{at}-1")
    tab.keyboard.press("Enter")
    until(lambda: tab.locator("input[name='platform:step']").first.get_attribute("value") == "trim")
    until(lambda: focused(tab) == f"down-{at}-0", "the focus did not go along")
    sizes = tab.evaluate(
        "[...document.querySelectorAll('#map button:not(.sr)')].map((one) => one.getBoundingClientRect()).filter((one) => one.width).map((one) => Math.min(one.width, one.height))"
    )
    assert min(sizes) >= 24
    assert tab.evaluate("document.querySelector('#from-0').dir") == "ltr"


def test_somebody_elses_draft_is_told_and_both_are_there(page_of: Page, site: Site) -> None:
    tab = page_of
    account = UUID(tab.url.partition("account=")[2].partition("&")[0])
    with site.hub.db.write() as session:
        scope = Scope("webforms", "lead", _id(session, account))
        shipped = site.hub.flow.mapping("webforms", "lead")
        document = {"fields": {"ad_name": {"from": "theirs"}}}
        base = versions.under(session, scope, shipped=shipped)
        versions.save_draft(session, OTHER, scope, document, base=base, expected_sha="")
    at = rows(tab).index("language")
    tab.fill(f"#from-{at}", "mine")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector("#editor > .notice.bad")
    assert tab.input_value(f"#from-{at}") == "mine"
    assert violations(tab) == []
    with site.hub.db.read() as session:
        row = versions.draft(session, scope)
        assert row is not None
        assert row.document == document


def _id(session: Any, public_id: UUID) -> int:
    return int(session.scalars(select(Account.id).where(Account.public_id == public_id)).one())


def test_the_page_is_not_too_heavy(page_of: Page) -> None:
    size = page_of.evaluate("document.documentElement.outerHTML.length")
    assert size < 200_000
    assert page_of.evaluate("document.querySelectorAll('*').length") < 4000
