"""Administrators' fields in a real browser: filled in where they stand, lists that follow each other, filters of a list."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from hub.fields import edit
from hub.fields.edit import Draft, OptionDraft
from hub.fields.models import Of, Type
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.security.models import Role
from hub.security.policy import Person
from tests.ui.harness import LOOKS, Profile, Site, until, violations

Make = Callable[..., Profile]
ADMIN = Person(0, None, "", "tests", Role.ADMIN)
NAMES = ("Dana Levi", "Rut Cohen")


@pytest.fixture(scope="module")
def customer(site: Site) -> str:
    """A person with fields of every type, and somebody else."""
    region = [OptionDraft({"en": "North", "he": "צפון"}, "north"), OptionDraft({"en": "South", "he": "דרום"}, "south")]
    city = [OptionDraft({"en": "Haifa"}, "haifa", ("north",)), OptionDraft({"en": "Eilat"}, "eilat", ("south",))]
    drafts = [
        Draft(Type.CHOICE, {"en": "Region", "he": "אזור"}, "region", options=region),
        Draft(Type.CHOICE, {"en": "Town"}, "town", options=city, parent="region"),
        Draft(Type.CHOICES, {"en": "Colours"}, "colours", options=[OptionDraft({"en": "Red"}, "red"), OptionDraft({"en": "Blue"}, "blue")]),
        Draft(Type.TEXT, {"en": "Identity number"}, "identity", mask="il_identity", required=True, roles=(Role.AGENT,)),
        *(Draft(kind, {"en": f"A {kind}"}, f"a_{kind}") for kind in Type if kind not in {Type.CHOICE, Type.CHOICES}),
    ]  # fmt: skip
    with site.hub.db.write() as session:
        for draft in drafts:
            edit.create(session, ADMIN, Of.PERSON, draft, region="IL")
        made = [parties.create(session, None, PartyKind.PERSON, name, region="IL") for name in NAMES]
        return f"/customers/{made[0].public_id}"


def test_a_list_follows_the_other_one_and_the_page_shows_what_was_saved(
    profile: Make, site: Site, customer: str
) -> None:
    page = profile("noa").open(customer)
    page.click("#details .actions a")
    page.wait_for_selector("#field-region")
    page.select_option("#field-region", "south")
    until(lambda: page.locator("#field-town option[value=eilat]").count() == 1, "the towns did not follow")
    assert page.locator("#field-town option[value=haifa]").count() == 0
    assert page.locator("#field-region").input_value() == "south"
    page.select_option("#field-town", "eilat")
    page.check("#field-colours input[value=blue]")
    page.fill("#field-a_money", "12,50")
    page.fill("#field-identity", "123")
    page.click("#details button.primary")
    page.wait_for_selector("#e-field-identity")
    assert page.locator("#field-identity").input_value() == "123"
    assert page.locator("#field-a_money").input_value() == "12,50"
    until(lambda: page.evaluate("document.activeElement.id") == "field-identity", "the fault has not the focus")
    page.fill("#field-identity", "39337423")
    page.click("#details button.primary")
    page.wait_for_selector("#details dl.facts")
    until(lambda: "Eilat" in page.locator("#details").inner_text(), "what was saved is not shown")
    with site.hub.db.write() as session:
        row = session.scalars(select(Party).where(Party.name == NAMES[0])).one()
        assert row.fields == {
            "region": "south", "town": "eilat", "colours": ["blue"], "identity": "039337423",
            "a_money": {"amount": "12.50", "currency": "ILS"},
        }  # fmt: skip
        parties.say(session, None, row, dict.fromkeys(row.fields))


def test_a_filter_is_in_the_address_and_narrows_the_list(profile: Make, site: Site, customer: str) -> None:
    with site.hub.db.write() as session:
        row = session.scalars(select(Party).where(Party.name == NAMES[1])).one()
        parties.say(session, None, row, {"region": "north"})
    page = profile("noa").open("/customers")
    assert page.locator("#customers [data-row]").count() >= 2
    page.click("summary:has-text('More filters')")
    page.check("input[name='f.region'][value=north]")
    until(lambda: page.locator("#customers [data-row]").count() == 1, "the list is not narrowed")
    assert NAMES[1] in page.locator("#customers").inner_text()
    assert "f.region=north" in page.evaluate("location.href")
    page.goto(page.evaluate("location.href"))
    assert page.locator("#customers [data-row]").count() == 1
    assert page.is_checked("input[name='f.region'][value=north]")


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_forms_and_filters_are_fit_for_everybody(
    profile: Make, site: Site, customer: str, language: str, scheme: str
) -> None:
    site.language("noa", language)
    try:
        noa = profile("noa", color_scheme=scheme)
        for path in (customer, f"{customer}/edit", "/customers?f.region=north&f.none=1"):
            page = noa.open(path, connected=False)
            assert violations(page) == [], path
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, path
    finally:
        site.language("noa", "en")


def test_a_search_keeps_its_filters_while_somebody_types(profile: Make, site: Site, customer: str) -> None:
    with site.hub.db.write() as session:
        row = session.scalars(select(Party).where(Party.name == NAMES[1])).one()
        parties.say(session, None, row, {"region": "north"})
    page = profile("noa").open("/search?q=Nobody&f.region=north")
    page.fill("#q-page", "")
    page.locator("#q-page").press_sequentially("rut")
    until(lambda: NAMES[1] in page.locator("#results").inner_text(), "nobody is found")
    address = page.evaluate("location.href")
    assert (address.count("q=rut"), address.count("q="), "f.region=north" in address) == (1, 1, True)
    page.goto(site.url + "/search?q=rut&f.region=south")
    assert NAMES[1] not in page.locator("#results").inner_text()
