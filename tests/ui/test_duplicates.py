"""Duplicates in a real browser: answered by keys alone, in both directions and schemes, and on a telephone."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from hub.identity import parties, reviews
from hub.identity.models import Review
from hub.identity.partition_pairs import Reason, Why
from hub.identity.reviews import Proposal
from tests.ui.harness import LOOKS, Profile, Site, shot, stays, until, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")
NAMES = (
    ("Dana Levi", "דנה לוי"),
    ("Amir Katz", "A. Katz"),
    ("Lewandowski Jan", "Jan Lewandowski"),
    ("Tal Bar", "T. Bar"),
)


@pytest.fixture(scope="module")
def pairs(site: Site) -> list[UUID]:
    """Questions, the first one first; with much and with little known of both."""
    made = []
    with site.hub.db.write() as session:
        company = parties.create(session, None, "company", "A company with a name that goes on and on Ltd", region="IL")
        for number, names in enumerate(NAMES):
            one, other = (parties.create(session, None, "person", name, region="IL", company=company) for name in names)
            phone = parties.Given("phone", f"+97254234111{number}")
            for party in (one, other):
                parties.add_identifier(session, None, party, phone, region="IL")
            mail = parties.Given("email", f"a-long-mailbox-of-somebody-{number}@mail.example.com")
            parties.add_identifier(session, None, other, mail, region="IL")
            parties.edit(session, None, one, job_title="Owner")
            parties.edit(session, None, other, job_title="Clerk")
            why = (Reason(Why.SAME_MOBILE), Reason(Why.NAMES_NEAR, ("0.8", *names)), Reason(Why.SEVERAL_OWNERS, ("2",)))
            reviews.propose(session, [Proposal(one.id, other.id, 0.8 - number / 100, why)])
            made.append(session.scalars(select(Review.public_id).order_by(Review.id.desc())).first())
    return [one for one in made if one is not None]


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_the_pages_break_no_rule_of_accessibility_and_fit_a_telephone(
    profile: Make, site: Site, pairs: list[UUID], language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    wrong: dict[str, Any] = {}
    with site.hub.db.read() as session:
        row = session.scalars(select(Review).where(Review.public_id == pairs[0])).one()
        party = parties.now_is(session, row.a_id)
        assert party is not None
    of = "names_near+same_mobile+several_owners"
    for name, path in {
        "pair": "/duplicates", "alike": f"/duplicates/alike?of={of.replace('+', '%2B')}", "hint": f"/customers/{party.public_id}",
    }.items():  # fmt: skip
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, name
        assert tab.locator("h1").count() == 1, name
        assert tab.locator(f"main a[href*='/duplicates?pair={pairs[0]}'], main form[action$='{pairs[0]}']").count(), (
            name
        )
        shot(tab, f"duplicates-{name}-{language}")
        if found := violations(tab):
            wrong[name] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        shot(tab, f"duplicates-{name}-{language}-small")
        if (width := tab.evaluate("document.documentElement.scrollWidth")) > 360:
            wrong[f"{name}, wide"] = width
    assert wrong == {}


def test_pairs_are_answered_and_taken_back_by_keys_alone(profile: Make, site: Site, pairs: list[UUID]) -> None:
    tab = profile("noa").open("/duplicates", connected=False)

    def shown(number: int) -> bool:
        return tab.locator(f"main form[action$='{pairs[number]}']").count() == 1

    def state(number: int) -> str:
        with site.hub.db.read() as session:
            return reviews.get(session, pairs[number]).state

    def press(key: str, number: int) -> None:
        tab.keyboard.press(key)
        until(lambda: shown(number), lambda: f"{key} did not lead to pair {number}, but to {tab.url}")

    assert shown(0)
    tab.focus("#q")
    tab.keyboard.press("s")
    stays(lambda: shown(0), "a letter that is typed is no answer")
    assert tab.input_value("#q") == "s"
    tab.evaluate("document.activeElement.blur()")
    tab.evaluate("document.body.dataset.shortcuts = 'off'")
    tab.keyboard.press("d")
    stays(lambda: shown(0), "somebody turned single letters off")
    tab.reload()
    for key, following, number, expected in (("d", 1, 0, "not_same"), ("l", 2, 1, "later")):
        press(key, following)
        assert state(number) == expected
    tab.locator("[name=winner]").nth(1).click()
    press("s", 3)  # also while a choice has the focus
    assert state(2) == "same"
    with site.hub.db.read() as session:
        row = reviews.get(session, pairs[2])
        assert parties.now_is(session, row.a_id) is not None
        assert [one.name for one in (parties.now_is(session, row.a_id),) if one] == ["Jan Lewandowski"]
    press("u", 2)
    assert (state(2), state(1), state(0)) == ("open", "later", "not_same")
    press("u", 1)
    press("u", 0)
    assert {state(number) for number in range(3)} == {"open"}
    assert tab.locator("[data-key=KeyU]").count() == 0, "all was taken back"
