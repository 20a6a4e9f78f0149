"""Merging in a real browser: found, compared, merged, taken back and apart; in both directions and on a telephone."""

from collections.abc import Callable

import pytest

from hub.identity import parties
from hub.identity.models import Claim, Link, Party, PartyKind
from hub.intake.models import Account
from tests.ui.harness import LOOKS, Profile, Site, shot, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture(scope="module")
def customers(site: Site) -> tuple[str, str]:
    """Two customers who are one; two sources speak of the first."""
    with site.hub.db.write() as session:
        several = [Account(name=name, connector="none", state="paused") for name in ("Address book", "כרטיסי לקוחות")]
        session.add_all(several)
        session.flush()
        made = [
            parties.create(session, None, PartyKind.PERSON, name, [parties.Given("email", mail)], region="IL")
            for name, mail in (("רונית בר", "ronit@bar.example"), ("Ronit Bar", "d@home.example"))
        ]
        parties.edit(session, None, made[0], job_title="קניינית")
        for account in several:
            one = Link(
                party_id=made[0].id, origin_party_id=made[0].id, account_id=account.id, stream="c", remote_id="7"
            )
            session.add(one)
            session.flush()
            said = {
                "name": "Ronit Bar-On",
                "job_title": "Head of buying" if account.name == "Address book" else "קניינית",
            }
            session.add_all(
                Claim(party_id=made[0].id, link_id=one.id, field=field, value={"value": value})
                for field, value in {**said, "addresses": [{"value": "הרצל 1, תל אביב", "label": "home"}]}.items()
            )
        return str(made[0].public_id), str(made[1].public_id)


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_and_each_fits_a_telephone(
    profile: Make, site: Site, customers: tuple[str, str], language: str, scheme: str
) -> None:
    site.language("noa", language)
    first, other = customers
    noa = profile("noa", color_scheme=scheme)
    for name, path in (
        ("merge", f"{first}/merge?q=Ronit"),
        ("merge-preview", f"{first}/merge/{other}"),
        ("sources", f"{first}/sources"),
        ("customer-sources", first),
    ):
        page = noa.open(f"/customers/{path}")
        assert violations(page) == []
        shot(page, f"{name}-{language}-{scheme}")
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.close()


def test_two_are_compared_merged_and_taken_back_and_a_record_is_taken_out(
    profile: Make, site: Site, customers: tuple[str, str]
) -> None:
    first, other = customers
    page = profile("noa").open(f"/customers/{other}")
    page.get_by_role("link", name="Merge with…").click()
    page.get_by_role("searchbox", name="Name, company or number").last.fill("רונית")
    page.get_by_role("button", name="Search").last.click()
    page.locator("#h-found + ul").get_by_role("link", name="רונית בר").click()
    assert "said here" in page.locator("table").inner_text()
    page.get_by_label("Ronit Bar").check()
    page.get_by_role("button", name="Show it so").click()
    assert page.locator("tbody tr").first.locator("td").nth(2).inner_text() == "Ronit Bar"
    page.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_text("became a part of").wait_for()
    assert page.url.endswith(f"{other}/merge")
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("undone").first.wait_for()
    page.goto(f"{site.url}/customers/{first}/merge")
    page.get_by_label("כרטיסי לקוחות").check()
    page.get_by_role("button", name="Take out: this is somebody else").click()
    page.wait_for_url(lambda url: "/merge" not in url and first not in url)
    with site.hub.db.read() as session:
        assert session.query(Party).where(Party.status == "merged").count() == 0


def test_a_word_is_pinned_and_left_to_the_sources_again(profile: Make, site: Site, customers: tuple[str, str]) -> None:
    page = profile("noa").open(f"/customers/{customers[0]}")
    page.get_by_role("link", name="What each source says").click()
    page.get_by_role("button", name="Pin Job title: Address book").press("Enter")
    page.get_by_text("said here by").wait_for()
    counts = page.locator("tr", has_text="counts")
    assert "Head of buying" in counts.filter(has_text="Job title").inner_text()
    page.get_by_role("button", name="Let the sources decide Job title").press("Enter")
    page.get_by_text("said here by").wait_for(state="detached")
