"""The pages of privacy in a real browser: in both directions, dark and light, small and wide."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from hub.identity import parties
from hub.identity.models import PartyKind
from hub.identity.parties import Given
from hub.privacy import retention
from hub.security import users
from hub.security.models import User
from tests.ui.harness import LOOKS, Profile, Site, shot, violations

Make = Callable[..., Profile]


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_of_privacy_breaks_a_rule(profile: Make, site: Site, language: str, scheme: str) -> None:
    site.language("noa", language)
    with site.hub.db.write() as session:
        noa = users.person(session.scalars(select(User).where(User.email == "noa@example.com")).one())
        her = parties.create(
            session, noa, PartyKind.PERSON, "Dorothea", [Given("email", f"d@{language}.example")], region="IL"
        )
        retention.set_rule(session, noa, retention.Kind.CALLS, 3650)
    tab = profile("noa", color_scheme=scheme).open(f"/customers/{her.public_id}/privacy", connected=False)
    tab.fill("#reason", "A court wants it")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("form[action$='/lift']")
    for path in (f"/customers/{her.public_id}/privacy", "/admin/privacy"):
        tab.goto(f"{site.url}{path}")
        assert violations(tab) == []
        tab.set_viewport_size({"width": 360, "height": 740})
        shot(tab, f"privacy-{path.split('/')[1]}-{language}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.set_viewport_size({"width": 1280, "height": 860})
    tab.goto(f"{site.url}/customers/{her.public_id}/privacy")
    tab.click("form[action$='/lift'] button")
    tab.check("input[name=sure]")
    tab.click("form[action$='/erase'] button")
    tab.wait_for_url("**/admin/privacy#h-erased")
