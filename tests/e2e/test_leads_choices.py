"""What is read of a Facebook account: its forms with live counts, switched on and off, and how long Meta has the rest."""

import html
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from connectors.facebook import simulator as facebook_simulator
from connectors.facebook.simulator import FacebookSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.connector.stream import Named
from hub.context import Hub
from hub.intake import accounts, named
from hub.intake.models import Account, StreamState
from hub.leads.models import LeadRow
from hub.store.base import now
from hub.web.console import lead_forms
from hub.work.lease import claim, new_owner
from tests.e2e.address_books import Writing
from tests.fakes.browser import Browser


class Desk(Writing):
    """A hub that reads one page's leads."""

    def __init__(self, hub: Hub, facebook: FacebookSimulator) -> None:
        self.hub, self.facebook = hub, facebook
        with hub.db.write() as session:
            values = facebook.settings()
            row = accounts.create(session, hub.connectors["facebook"], hub.vault, "Garden", values, region="IL")
            self.account, self.path = row.id, f"/connections/{row.public_id}/choices"
        self.page = facebook.garden.id
        self.shelf = f"{self.path}/{self.page}"

    def submit(self, name: str, *, days: int = 0) -> None:
        answers = {"full_name": name, "email": f"{name.split(maxsplit=1)[0].lower()}@people.example"}
        self.facebook.submit(self.facebook.english, answers, at=datetime.now(UTC) - timedelta(days=days, minutes=5))

    def switch(self, admin: Browser, wanted: str) -> str:
        key = f"lead:{self.page}:{self.facebook.english.id}"
        answer = admin.post(self.shelf, htmx=True, key=key, wanted=wanted)
        assert answer.status_code == 200
        return words(answer.text)

    def names(self) -> set[str]:
        return {one.name for one in self.rows(LeadRow)}


@pytest.fixture
def facebook() -> Iterator[FacebookSimulator]:
    simulator = facebook_simulator.create(0, Faults())
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


@pytest.fixture
def desk(hub: Hub, facebook: FacebookSimulator) -> Desk:
    return Desk(hub, facebook)


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2] or page)).split())


def asked(admin: Browser, path: str) -> str:
    answer = admin.get(path, HX_Request="true")
    assert answer.status_code == 200
    return words(answer.text)


def test_the_page_is_there_before_the_remote_was_asked(admin: Browser, desk: Desk) -> None:
    before = desk.facebook.asked
    page = admin.get(desk.path)
    assert "The other system is being asked" in page.text
    assert desk.facebook.asked == before
    assert "Green Garden" in asked(admin, desk.path)
    assert "Green Garden" in admin.get(f"{desk.path}?ask=1").text, "also without a script"


def test_what_meta_has_and_what_is_here_stand_side_by_side(admin: Browser, desk: Desk) -> None:
    for number, name in enumerate(("Dana Levi", "Rut Cohen")):
        desk.submit(name, days=10 * number)
    before = asked(admin, desk.shelf)
    assert "2 leads that the other system still has were not fetched yet." in before
    assert "Garden offer Active 2" in before
    desk.read()
    after = asked(admin, desk.shelf)
    assert "Every lead that the other system still has is here. The oldest one is gone there in 79 days." in after
    assert "not fetched" not in after


def test_a_form_that_is_off_brings_nothing_and_goes_on_where_it_stopped(admin: Browser, desk: Desk) -> None:
    desk.submit("Dana Levi", days=1)
    desk.read()
    said = desk.switch(admin, "no")
    assert "Off \N{EN DASH} Garden offer" in said
    with desk.hub.db.read() as session:
        state = session.scalars(select(StreamState).where(StreamState.stream.endswith(desk.facebook.english.id))).one()
        assert (state.wanted, state.due_at) == (False, None)
    desk.submit("Rut Cohen")
    desk.read()
    assert desk.names() == {"Dana Levi"}
    assert "On \N{EN DASH} Garden offer" in desk.switch(admin, "yes")
    desk.read()
    assert desk.names() == {"Dana Levi", "Rut Cohen"}


def test_a_lead_of_a_form_that_is_off_is_not_taken_when_a_webhook_names_it(admin: Browser, desk: Desk) -> None:
    desk.switch(admin, "no")
    answers = {"full_name": "Rut Cohen", "email": "rut@people.example"}
    lead = desk.facebook.submit(desk.facebook.english, answers, at=datetime.now(UTC) - timedelta(minutes=5))
    with desk.hub.db.read() as session:
        remote = desk.hub.remotes.open(session.get_one(Account, desk.account))
    assert hasattr(remote, "find_named")
    [told] = remote.find_named("lead", desk.page, [lead.id])
    assert (told.remote_id, told.reason) == (lead.id, "switched_off")
    with desk.hub.db.write() as session:
        named.keep(session, desk.account, [Named("lead", desk.page, lead.id)])
    with desk.hub.db.write() as session:
        [lease] = claim(session, StreamState, named.due(), owner=new_owner(), lease_s=60)
    hub_app.finder(desk.hub).find(lease)
    assert desk.names() == set()
    desk.switch(admin, "yes")
    desk.read()
    assert desk.names() == {"Rut Cohen"}, "what was left out is not left out for ever"


def test_what_was_known_stands_there_while_the_remote_is_away(admin: Browser, desk: Desk) -> None:
    desk.submit("Dana Levi")
    desk.read()
    desk.facebook.stop()
    page = asked(admin, desk.shelf)
    assert "The other system could not be asked; this is what the hub saw last." in page
    assert "Green Garden: Garden offer" in page
    assert "Try again" in page
    assert "could not be asked what there is" in asked(admin, desk.path)


def test_nobody_waits_longer_than_the_patience_of_the_page(
    admin: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_forms, "PATIENCE_S", 0.2)
    release = threading.Event()
    remote = type(desk.hub.remotes.open(_row(desk)))
    monkeypatch.setattr(remote, "shelves", lambda _: release.wait(20) and [])
    began = now()
    try:
        page = asked(admin, desk.path)
    finally:
        release.set()
    assert "did not answer in time" in page
    assert now() - began < timedelta(seconds=10)


def test_too_many_open_questions_are_refused_at_once(
    admin: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_forms, "_open", threading.BoundedSemaphore(1))
    with lead_forms._open:
        assert "Too many questions are open just now" in asked(admin, desk.path)
    assert "Green Garden" in asked(admin, desk.path)


@pytest.mark.alike
@pytest.mark.parametrize("key", ["", "lead", "lead:1:page", "mail:1:2", "lead:1:2:3"])
def test_what_is_no_form_is_refused(admin: Browser, desk: Desk, key: str) -> None:
    assert admin.post(desk.shelf, key=key, wanted="no").status_code == 404
    assert _row(desk).settings.get("forms_off", "") == ""


def test_a_connection_of_which_everything_is_read_has_no_such_page(admin: Browser, hub: Hub) -> None:
    with hub.db.write() as session:
        row = accounts.create(session, hub.connectors["webforms"], hub.vault, "Our page", {}, region="IL")
    path = f"/connections/{row.public_id}"
    assert f"{path}/choices" not in admin.get(path).text
    assert admin.get(f"{path}/choices").status_code == 404


def _row(desk: Desk) -> Account:
    with desk.hub.db.read() as session:
        row = session.get_one(Account, desk.account)
        session.expunge(row)
        return row
