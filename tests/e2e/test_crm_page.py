"""An administrator chooses what is written into a CRM, and sees what became of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.espocrm.simulator import EspoSimulator
from hub.context import Hub
from hub.crm import targets
from hub.intake.models import Account
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.timeline.models import Kind
from tests.e2e.crm_desk import Crm, espo
from tests.fakes.browser import signed_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def site() -> Iterator[EspoSimulator]:
    with espo() as one:
        yield one


def test_what_is_written_is_chosen_shown_and_stopped(hub: Hub, site: EspoSimulator) -> None:
    desk = Crm.open(hub, site)
    with hub.db.write() as session:
        users.add(session, "adam@example.com", "Adam", Role.ADMIN)
        place = f"/connections/{session.get_one(Account, desk.account).public_id}"
    browser = signed_in(hub, "adam@example.com")
    assert f'href="{place}/crm"' in browser.get(place).text
    page = browser.get(f"{place}/crm")
    assert "Write from now on" in page.text
    today = now().date()
    wrong = browser.post(f"{place}/crm", since=today.isoformat(), with_text="on")
    assert wrong.status_code == 422
    assert "Choose at least one kind." in wrong.text
    assert 'name="with_text" checked' in wrong.text
    for bad in ("", "yesterday", (today + timedelta(days=3)).isoformat(), "0001-01-01' --", "9" * 5000):
        assert browser.post(f"{place}/crm", kinds=["meeting"], since=bad).status_code == 422, bad
    done = browser.post(f"{place}/crm", kinds=["meeting", "hostile"], since=today.isoformat())
    assert done.status_code == 303
    with hub.db.read() as session:
        target = targets.of_account(session, desk.account)
        assert target is not None
        assert (target.kinds, target.with_text, target.makes_people) == (["meeting"], False, False)
    site.store.add("Contact", firstName="Dana", lastName="Levi", emailAddress="dana@customer.example")
    desk.know()
    desk.happens(desk.known("dana@customer.example"), Kind.MEETING)
    desk.happens(desk.person("<b>Omer</b>"), Kind.MEETING)
    desk.settle()
    text = browser.get(f"{place}/crm").text
    assert 'Meetings <b class="num">1</b>' in text
    assert "1 waits for a customer who is not there:" in text
    assert "&lt;b&gt;Omer&lt;/b&gt;" in text
    assert "Stop writing?" in browser.get(f"{place}/crm/stop").text
    assert browser.post(f"{place}/crm/stop").status_code == 303
    assert "Write from now on" in browser.get(f"{place}/crm").text


def test_a_connection_that_is_no_crm_has_no_such_page(hub: Hub, site: EspoSimulator) -> None:
    desk = Crm.open(hub, site)
    with hub.db.write() as session:
        users.add(session, "adam@example.com", "Adam", Role.ADMIN)
        users.add(session, "noa@example.com", "Noa", Role.AGENT)
        row = session.get_one(Account, desk.account)
        row.connector, place = "asterisk", f"/connections/{row.public_id}/crm"
    assert signed_in(hub, "adam@example.com").get(place).status_code == 404
    assert signed_in(hub, "noa@example.com").get(place).status_code == 403
