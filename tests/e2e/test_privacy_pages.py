"""What administrators do for the privacy of customers, on pages without JavaScript."""

import html
import re

import pytest
from sqlalchemy import select, update

from hub import app as hub_app
from hub.context import Hub
from hub.cti.models import Recording, RecordingState
from hub.identity.models import Party, PartyStatus
from hub.privacy import retention
from hub.privacy.models import Erasure, LegalHold
from hub.security.models import Audit, Role
from tests.e2e.test_erase import work
from tests.fakes import somebody
from tests.fakes.api import office as make_office
from tests.fakes.browser import Browser, signed_in, someone
from tests.fakes.somebody import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(hub: Hub) -> World:
    return somebody.make(make_office(hub, somebody.Removing()))


@pytest.fixture
def admin(world: World) -> Browser:
    someone(world.hub, Role.ADMIN)
    return signed_in(world.hub, "admin@example.com", hub_app.create_app(world.hub))


def shown(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_customer_is_held_reported_and_erased(world: World, admin: Browser) -> None:
    with world.hub.db.read() as session:
        her = session.get_one(Party, world.her).public_id
    path = f"/customers/{her}/privacy"
    assert f'href="{path}"' in admin.get(f"/customers/{her}").text
    said = shown(admin, path)
    for words in (
        "1 customer was merged into this one",
        "2 conversations with other customers",
        "Address book",
        "cannot be undone",
    ):
        assert words in said

    report = admin.get(f"{path}/report")
    assert report.headers["Content-Disposition"].startswith("attachment")
    assert somebody.EMAIL in report.text

    assert "Say in at most" in admin.post(f"{path}/hold", on=path, reason=" ").text
    assert admin.post(f"{path}/hold", on=path, reason="A <b>court</b> wants it").status_code == 303
    said = shown(admin, path)
    assert "A <b>court</b> wants it" in said
    assert "Nothing can be erased while the legal hold lasts." in said
    assert "court" in shown(admin, "/admin/privacy")
    refused = admin.post(f"{path}/erase", on=path, sure="on")
    assert (refused.status_code, "under legal hold" in refused.text) == (422, True)
    assert admin.post(f"{path}/lift", on=path).status_code == 303

    assert admin.post(f"{path}/erase", on=path).status_code == 422  # the box was not ticked
    assert admin.post(f"{path}/erase", on=path, sure="on").status_code == 303
    assert "Is being erased." in shown(admin, "/admin/privacy")
    assert admin.get(f"/customers/{her}").status_code == 404
    with world.hub.db.write() as session:
        session.execute(update(Recording).values(path="erased:0", state=RecordingState.PURGED))
    assert work(world).ended_at is not None
    said = shown(admin, "/admin/privacy")
    assert "2 records elsewhere to be erased there" in said
    assert "c1" in said
    with world.hub.db.read() as session:
        assert session.get_one(Party, world.her).status == PartyStatus.ERASED
        assert session.scalars(select(LegalHold.ended_at)).one() is not None
        done = set(session.scalars(select(Audit.action).where(Audit.actor == "admin@example.com")))
    assert {"party.held", "party.hold_lifted", "party.reported", "party.erased"} <= done


def test_a_rule_says_first_how_much_goes(world: World, admin: Browser) -> None:
    path = "/admin/privacy"
    assert "How long things are kept" in shown(admin, path)
    for kind, days in (("mails", "-1"), ("mails", "x"), ("nothing", "3")):
        assert admin.post(path, on=path, kind=kind, days=days).status_code == 422
    asked = admin.post(path, on=path, kind="mails", days="0")
    assert "2 are older and go for good." in html.unescape(asked.text)
    with world.hub.db.read() as session:
        assert retention.rules(session) == []
    assert admin.post(path, on=path, kind="mails", days="0", gone="2").status_code == 303
    assert admin.post(path, on=path, kind="calls", days="3650").status_code == 303  # nothing is so old
    with world.hub.db.read() as session:
        assert [(rule.kind, rule.days) for rule in retention.rules(session)] == [("calls", 3650), ("mails", 0)]
    assert admin.post(f"{path}/mails/drop", on=path).status_code == 303
    assert admin.post(f"{path}/mails/drop", on=path).status_code == 404
    assert admin.post(f"{path}/nothing/drop", on=path).status_code == 404


def test_only_administrators_may(world: World) -> None:
    with world.hub.db.read() as session:
        her = session.get_one(Party, world.her).public_id
    manager = signed_in(world.hub, "maya@example.com", hub_app.create_app(world.hub))
    assert "/privacy" not in manager.get(f"/customers/{her}").text
    for path in (f"/customers/{her}/privacy", f"/customers/{her}/privacy/report", "/admin/privacy"):
        assert manager.get(path).status_code == 403
    assert manager.post(f"/customers/{her}/privacy/erase", on="/", sure="on").status_code == 403
    with world.hub.db.read() as session:
        assert session.scalars(select(Erasure)).all() == []
