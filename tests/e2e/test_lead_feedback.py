"""Stages of leads told to the Conversions API: in their order, once, and only of who ticked the box; on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.facebook import simulator as facebook_simulator
from connectors.facebook.simulated.things import Lead
from connectors.facebook.simulator import FacebookSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.intake import accounts
from hub.intake.models import Account
from hub.leads import consents, feedback, stages
from hub.leads.models import Consent, Feedback, LeadRow, LeadStage, Stage
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.base import now
from tests.e2e.address_books import Killed, Writing, die

MANAGER = Person(0, None, "", "Manager", Role.MANAGER)
PHONE = "+972502345678"
BOTH = ("terms", "marketing")


class Desk(Writing):
    """A hub that reads one page's leads and tells a dataset of them."""

    def __init__(self, hub: Hub, facebook: FacebookSimulator, **more: Any) -> None:
        self.hub, self.facebook = hub, facebook
        values = {**facebook.settings(), "dataset_id": facebook.dataset, **more}
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors["facebook"], hub.vault, "Garden", values, region="IL")
            self.account = row.id

    def lead(self, checked: tuple[str, ...] = BOTH, **more: Any) -> Lead:
        """Somebody answers a form, and the hub reads it."""
        mail = f"dana{len(self.rows(LeadRow))}@people.example"
        answers = {"full_name": "Dana Levi", "email": mail, "phone_number": PHONE}
        at = datetime.now(UTC) - timedelta(minutes=5)
        lead = self.facebook.submit(self.facebook.english, answers, checked=checked, **{"at": at, **more})
        self.read()
        return lead

    def comes_to(self, lead: Lead, stage: Stage) -> None:
        """Somebody says how far a lead came."""
        with self.hub.db.write() as session:
            row = session.scalars(select(LeadRow).where(LeadRow.remote_id == lead.id)).one()
            stages.set_by(session, MANAGER, row, stage)

    def tell(self) -> list[str]:
        """Plan and send what is to be told; returns what counted since the beginning."""
        self.plan()
        self.send()
        return self.told()

    def plan(self) -> None:
        with self.hub.db.write() as session:
            hub_app.plan_feedback(self.hub, session)

    def told(self) -> list[str]:
        return [one.event["event_name"] for one in self.facebook.conversions if one.fate == "counted"]

    def feedback(self) -> list[str]:
        return [one.feedback for one in self.rows(LeadStage)]


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


def test_a_lead_that_came_is_told_once(desk: Desk) -> None:
    lead = desk.lead()
    assert desk.tell() == ["received"]
    assert desk.tell() == ["received"]
    [told] = desk.facebook.conversions
    assert told.event["user_data"] == {"lead_id": int(lead.id)}
    assert desk.feedback() == [Feedback.TOLD]


def test_stages_that_were_passed_over_are_told_first(desk: Desk) -> None:
    lead = desk.lead()
    desk.tell()
    desk.comes_to(lead, Stage.CUSTOMER)
    assert desk.tell() == [str(one) for one in feedback.WAY]
    moments = [one.event["event_time"] for one in desk.facebook.conversions]
    assert moments == sorted(moments)


def test_what_happened_after_all_is_not_told_behind_a_later_stage(desk: Desk) -> None:
    lead = desk.lead()
    desk.comes_to(lead, Stage.QUALIFIED)
    desk.tell()
    with desk.hub.db.write() as session:
        row = session.scalars(select(LeadRow)).one()
        session.add(LeadStage(lead_id=row.id, stage=Stage.CONTACTED, at=now()))
    assert desk.tell() == ["received", "contacted", "reached", "qualified"]
    assert set(desk.feedback()) == {Feedback.TOLD}


def test_what_is_beside_the_way_is_told_too(desk: Desk) -> None:
    lead = desk.lead()
    desk.comes_to(lead, Stage.LOST)
    assert desk.tell() == ["received", "lost"]


def test_what_is_older_than_a_week_is_late(desk: Desk) -> None:
    desk.lead(at=datetime.now(UTC) - timedelta(days=8))
    assert desk.tell() == []
    assert desk.feedback() == [Feedback.LATE]


@pytest.mark.parametrize("checked", [(), ("terms",)])
def test_who_did_not_tick_every_box_is_not_told_of(desk: Desk, checked: tuple[str, ...]) -> None:
    desk.lead(checked)
    assert desk.tell() == []
    assert desk.feedback() == [Feedback.NO_CONSENT]


def test_one_box_may_be_named(hub: Hub, facebook: FacebookSimulator) -> None:
    desk = Desk(hub, facebook, consent_box="terms")
    desk.lead(("terms",))
    assert desk.tell() == ["received"]


def test_who_said_stop_before_it_went_out_is_not_told_of(desk: Desk) -> None:
    desk.lead()
    desk.plan()
    with desk.hub.db.write() as session:
        word = Consent(account_id=desk.account, remote_id="SM1", whose=PHONE, key=consents.WRITING, given_at=now())
        word.checked = False
        session.add(word)
    desk.send()
    assert desk.told() == []
    assert desk.feedback() == [Feedback.NO_CONSENT]


def test_test_leads_and_accounts_without_a_dataset_tell_nothing(hub: Hub, facebook: FacebookSimulator) -> None:
    desk = Desk(hub, facebook, dataset_id="")
    desk.lead()
    facebook.test_lead(facebook.english, checked={"terms": True, "marketing": True})
    desk.read()
    assert len(desk.rows(LeadStage)) == 2
    assert desk.tell() == []
    with hub.db.write() as session:  # once there is a dataset, what is not late is told
        row = session.get_one(Account, desk.account)
        row.settings = {**row.settings, "dataset_id": facebook.dataset}
    assert desk.tell() == ["received"]


def test_a_lost_answer_and_a_killed_worker_count_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.lead()
    desk.plan()
    desk.facebook.faults.add("commit_then_timeout")
    desk.send()
    desk.facebook.faults.clear()
    desk.hurry()
    with monkeypatch.context() as patch:
        patch.setattr(feedback.StageKind, "sent", die)
        with pytest.raises(Killed):
            desk.send()
    desk.hurry()
    desk.send()
    assert [one.fate for one in desk.facebook.conversions] == ["counted", "repeated", "repeated"]
    assert desk.feedback() == [Feedback.TOLD]


def test_one_that_is_refused_holds_no_other_back(desk: Desk) -> None:
    desk.lead()
    desk.lead()
    desk.plan()
    desk.facebook.fail("POST dataset/events", 100, "Invalid parameter")
    desk.send()
    assert desk.told() == ["received"]
    assert sorted(desk.feedback()) == [Feedback.REFUSED, Feedback.TOLD]
    [refused] = [one for one in desk.rows(Outbox) if one.state == OutboxState.REFUSED]
    assert "Invalid parameter" in refused.last_error
