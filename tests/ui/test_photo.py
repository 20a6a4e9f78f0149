"""The picture of a customer in a browser: it is drawn, round, under the policy of our pages, and nothing is asked elsewhere."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from hub.connector.simulated.picture import square
from hub.identity import parties, photos
from hub.identity.models import ContactPhoto, Link, PhotoState
from hub.intake.models import Account
from hub.store.base import now
from tests.ui.harness import Profile, Site, until, violations

ELSEWHERE = "https://lh3.googleusercontent.com/contacts/face=s100"
_SIDE = "one => one.getBoundingClientRect().width / parseFloat(getComputedStyle(document.documentElement).fontSize)"
_DRAWN = "one => one.complete && one.naturalWidth === 192 && one.width === one.height"


@pytest.fixture
def pictured(site: Site) -> None:
    """The customer has a picture, as a worker leaves it."""
    shelf = photos.shelf(site.settings)
    draft = shelf.receive([square("dana", 192)])
    with site.hub.db.write() as session:
        party, account = parties.get(session, site.party), session.scalars(select(Account)).first()
        assert account is not None
        link = Link(
            party_id=party.id, origin_party_id=party.id, account_id=account.id, stream="contacts", remote_id="people/1"
        )
        session.add(link)
        session.flush()
        shelf.place(draft)
        party.fields = {**party.fields, "photo_url": ELSEWHERE}
        row = ContactPhoto(link_id=link.id, account_id=account.id, url=ELSEWHERE, state=PhotoState.READY)
        row.sha256, row.media_type, row.fetched_at = draft.sha256, "image/png", now()
        session.add(row)


@pytest.mark.usefixtures("pictured")
def test_a_customers_picture_is_drawn_on_the_page_and_in_lists(profile: Callable[..., Profile], site: Site) -> None:
    noa = profile("noa")
    asked: list[str] = []
    tab: Page = noa.open(f"/customers/{site.party}")
    tab.on("request", lambda request: asked.append(request.url))
    for path, side in ((f"/customers/{site.party}", 4), ("/customers", 1.5), ("/search?q=דנה", 1.5)):
        for width in (1280, 360):
            tab.set_viewport_size({"width": width, "height": 740})
            tab.goto(site.url + path)
            picture = tab.locator("main img.photo")
            until(lambda shown=picture: shown.evaluate(_DRAWN), f"no picture on {path}")  # type: ignore[misc]  # mypy cannot infer a lambda that binds a loop's variable
            assert picture.evaluate(_SIDE) == side
            assert picture.evaluate("one => getComputedStyle(one).borderRadius") == "50%"
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
            assert not [one for one in violations(tab) if "img" in one], path
    assert [one for one in asked if not one.startswith(site.url)] == []
