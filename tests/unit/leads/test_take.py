"""Leads on their way: kept once, whole, with a customer where one can be recognised, and with somebody who looks after them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from hub.connector.contract import Delivered
from hub.identity import link
from hub.identity.models import Party
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.leads.models import AdName, Bucket, Consent, LeadAnswer, LeadRow, LeadRule, LeadStage, Touchpoint
from hub.leads.take import Given, take
from hub.security import users
from hub.security.models import Role, User
from hub.store.base import now
from hub.store.session import Database
from hub.timeline.models import Interaction, Kind, Participant

Values = dict[str, Any]


def lead(remote_id: str = "1", *, phone: str = "052-345-6789", name: str = "Dana Levi", **more: Any) -> Values:
    answers = [
        {"key": "full_name", "type": "FULL_NAME", "label": "Full name", "values": [name]},
        {"key": "phone", "type": "PHONE", "label": "Phone", "values": [phone]},
        {"key": "צבע", "type": "CUSTOM", "label": "צבע?", "values": ["k1"], "shown": ["כחול"], "options": ["k1"]},
    ]
    return {
        "remote_id": remote_id, "created_at": now() - timedelta(minutes=1), "platform": "fb", "form_id": "f1",
        "form_name": "Offer", "campaign_id": "c1", "campaign_name": "Spring", "ad_id": "a1", "answers": answers, **more,
    }  # fmt: skip


class Inbox:
    def __init__(self, database: Database) -> None:
        self.db = database
        with database.write() as session:
            row = Account(name="Forms", connector="forms")
            session.add(row)
            session.flush()
            self.account = row.id

    def take(self, *given: Values) -> list[RawState]:
        with self.db.write() as session:
            account = session.get_one(Account, self.account)
            kept = [Delivered("lead", one["remote_id"], {"any": one["remote_id"]}) for one in given]
            raws = receive.rows(session, receive.keep_page(session, account.id, "lead", kept))
            pairs = [Given(raw, one) for raw, one in zip(raws, given, strict=True)]
            return take(session, account, pairs, region="IL")

    def all(self, table: Any, *where: Any) -> Sequence[Any]:
        with self.db.read() as session:
            return session.scalars(select(table).where(*where).order_by(table.id)).all()

    def user(self, name: str) -> int:
        with self.db.write() as session:
            return users.add(session, f"{name}@acme.example", name, Role.AGENT).id

    def rule(self, wants: Values, *people: int) -> int:
        with self.db.write() as session:
            row = LeadRule(name="rule", wants=wants, users=list(people))
            session.add(row)
            session.flush()
            return row.id


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


def test_a_lead_is_a_customer_with_a_row_on_his_timeline(inbox: Inbox) -> None:
    assert inbox.take(lead()) == [RawState.APPLIED]
    [party] = inbox.all(Party)
    [row] = inbox.all(LeadRow)
    [interaction] = inbox.all(Interaction)
    [participant] = inbox.all(Participant)
    assert (party.name, row.name, row.phone, row.needs_mapping) == ("Dana Levi", "Dana Levi", "+972523456789", False)
    assert (interaction.kind, interaction.direction) == (Kind.LEAD, "inbound")
    assert interaction.detail["campaign"] == "Spring"
    assert (participant.party_id, participant.role) == (party.id, "lead")
    assert row.interaction_id == interaction.id
    [touch] = inbox.all(Touchpoint)
    assert (touch.lead_id, touch.campaign_id, touch.bucket) == (row.id, "c1", Bucket.PAID)
    assert [one.stage for one in inbox.all(LeadStage)] == ["received"]


def test_every_answer_is_kept_as_it_was_sent_and_shown(inbox: Inbox) -> None:
    inbox.take(lead())
    name, phone, color = inbox.all(LeadAnswer)
    assert (name.field, name.by, phone.field) == ("name", "type", "phone")
    assert (color.key, color.label, color.sent, color.shown, color.options) == ("צבע", "צבע?", ["k1"], ["כחול"], ["k1"])
    assert (color.field, color.by) == ("", "")


def test_the_same_again_changes_nothing(inbox: Inbox) -> None:
    inbox.take(lead())
    with inbox.db.write() as session:
        session.execute(update(RawRecord).values(state=RawState.KEPT))
    before = {
        table: len(inbox.all(table)) for table in (LeadRow, LeadAnswer, Interaction, Participant, Touchpoint, LeadStage)
    }
    inbox.take(lead())
    assert {table: len(inbox.all(table)) for table in before} == before


def test_only_what_is_another_value_is_written_again(inbox: Inbox) -> None:
    """Of a history of many leads most say what they said before, or say one thing otherwise."""
    at = now() - timedelta(minutes=1)
    inbox.take(lead(created_at=at))
    otherwise: list[tuple[Values, set[str]]] = [
        ({}, set()),
        ({"platform": "site"}, {"interaction", "touchpoint"}),  # nobody looks for it, so no text is made anew
        ({"form_name": "Spring offer"}, {"interaction", "touchpoint", "interaction_text"}),
        ({"language": "he"}, {"lead"}),
        ({"campaign_name": "Summer"}, {"interaction", "interaction_text", "ad_name"}),
    ]
    said: Values = {"created_at": at}
    for change, tables in otherwise:
        said |= change
        with _written(inbox) as written:
            inbox.take(lead(**said))
        assert written - {"raw_record"} == tables, change
    [row], [touch], [entry] = inbox.all(LeadRow), inbox.all(Touchpoint), inbox.all(Interaction)
    assert (row.language, touch.platform, touch.form_name, touch.campaign_id) == ("he", "site", "Spring offer", "c1")
    assert [entry.detail[one] for one in ("platform", "form", "campaign")] == ["site", "Spring offer", "Summer"]
    assert (row.interaction_id, touch.interaction_id) == (entry.id, entry.id)


@contextmanager
def _written(inbox: Inbox) -> Iterator[set[str]]:
    """Tell which tables are written to."""
    tables: set[str] = set()

    def look(*given: Any) -> None:
        if found := re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)", given[2]):
            tables.add(found[1])

    event.listen(inbox.db.engine, "before_cursor_execute", look)
    try:
        yield tables
    finally:
        event.remove(inbox.db.engine, "before_cursor_execute", look)


def test_two_enquiries_of_one_person_are_two_leads_of_one_customer(inbox: Inbox) -> None:
    inbox.take(lead("1"), lead("2", form_id="f2"))
    assert len(inbox.all(LeadRow)) == 2
    assert len(inbox.all(Party)) == 1
    assert {one.party_id for one in inbox.all(Participant)} == {inbox.all(Party)[0].id}


def test_two_people_with_one_telephone_are_two_customers(inbox: Inbox) -> None:
    mail = {"key": "email", "type": "EMAIL", "values": ["dana@levi.example"]}
    other = {"key": "email", "type": "EMAIL", "values": ["boris@petrov.example"]}
    first, second = lead("1"), lead("2", name="Boris Petrov")
    first["answers"].append(mail)
    second["answers"].append(other)
    inbox.take(first, second)
    assert len(inbox.all(Party)) == 2


def test_a_lead_in_which_nobody_can_be_recognised_is_kept_without_a_customer(inbox: Inbox) -> None:
    assert inbox.take(lead(answers=[{"key": "q1", "values": ["blue"]}])) == [RawState.APPLIED]
    [row] = inbox.all(LeadRow)
    assert (row.needs_mapping, row.interaction_id) == (True, None)
    assert inbox.all(Party) == []


def test_a_renamed_question_still_finds_the_person_and_asks_to_be_mapped(inbox: Inbox) -> None:
    inbox.take(lead(answers=[{"key": "field_93", "values": ["dana@levi.example"]}]))
    [row] = inbox.all(LeadRow)
    assert (row.email, row.needs_mapping) == ("dana@levi.example", True)
    assert len(inbox.all(Party)) == 1


def test_a_test_lead_is_nobody_and_in_no_count(inbox: Inbox) -> None:
    dummy = "<test lead: dummy data for full_name>"
    noa = inbox.user("noa")
    inbox.rule({}, noa)
    inbox.take(lead(name=dummy, is_test=True))
    [row] = inbox.all(LeadRow)
    assert (row.is_test, row.name, row.owner_id) == (True, dummy, None)
    assert inbox.all(Party) == []
    assert [one.bucket for one in inbox.all(Touchpoint)] == [Bucket.TEST]


def test_a_lead_of_somebody_who_works_here_makes_no_customer(inbox: Inbox) -> None:
    inbox.user("noa")
    inbox.take(lead(answers=[{"key": "email", "values": ["noa@acme.example"]}]))
    assert inbox.all(Party) == []
    assert len(inbox.all(LeadRow)) == 1


def test_somebody_who_was_erased_does_not_come_back(inbox: Inbox) -> None:
    inbox.take(lead())
    with inbox.db.write() as session:
        link.erase(session, [session.scalars(select(Party.id)).one()])
    assert inbox.take(lead(form_name="Offer 2")) == [RawState.FILTERED]


@pytest.mark.parametrize(("sent", "kept"), [(True, True), (False, False), (None, None)])
def test_what_was_agreed_to_is_written_once_and_never_changed(
    inbox: Inbox, sent: bool | None, kept: bool | None
) -> None:
    asked = {
        "key": "marketing",
        "checked": sent,
        "text": "I agree",
        "url": "https://acme.example/privacy",
        "version": "v1",
    }
    inbox.take(lead(consents=[asked]))
    inbox.take(lead(consents=[{**asked, "checked": not sent, "text": "other"}]))
    [row] = inbox.all(Consent)
    assert (row.checked, row.text, row.version) == (kept, "I agree", "v1")
    with pytest.raises(AssertionError, match="not to be changed"), inbox.db.write() as session:
        session.get_one(Consent, row.id).text = "forged"


@pytest.mark.parametrize(
    ("more", "bucket"),
    [
        ({}, Bucket.PAID),
        ({"campaign_id": "", "is_organic": True}, Bucket.PAID),  # it has an ad
        ({"campaign_id": "", "ad_id": "", "is_organic": True}, Bucket.ORGANIC),
        ({"campaign_id": "", "ad_id": "", "is_organic": None}, Bucket.UNATTRIBUTED),
        ({"campaign_id": "", "ad_id": "", "platform": "web"}, Bucket.WEB),
        ({"campaign_id": "", "ad_id": "", "platform": "web", "click_ids": {"gclid": "x"}}, Bucket.PAID),
        ({"is_test": True}, Bucket.TEST),
    ],
)
def test_how_a_lead_was_won(inbox: Inbox, more: Values, bucket: Bucket) -> None:
    inbox.take(lead(**more))
    assert [one.bucket for one in inbox.all(Touchpoint)] == [bucket]


def test_a_campaign_that_was_told_stays_when_it_is_told_no_more(inbox: Inbox) -> None:
    inbox.take(lead())
    with inbox.db.write() as session:
        session.execute(update(RawRecord).values(state=RawState.KEPT))
    inbox.take(lead(campaign_id="", ad_id="", is_organic=None))
    [touch] = inbox.all(Touchpoint)
    assert (touch.campaign_id, touch.ad_id, touch.bucket) == ("c1", "a1", Bucket.PAID)


def test_a_campaign_that_is_renamed_is_one_campaign_with_an_earlier_name(inbox: Inbox) -> None:
    inbox.take(lead("1"))
    inbox.take(lead("2", campaign_name="Summer"))
    inbox.take(lead("3", campaign_name="Spring", created_at=now() - timedelta(days=9)))  # read late
    [row] = inbox.all(AdName, AdName.level == "campaign")
    assert row.name == "Summer"
    assert [one["name"] for one in row.earlier] == ["Spring"]


def test_people_take_turns_and_who_left_is_passed_over(inbox: Inbox) -> None:
    noa, amir, rut = inbox.user("noa"), inbox.user("amir"), inbox.user("rut")
    rule = inbox.rule({"campaign": ["c1"]}, noa, rut, amir)
    with inbox.db.write() as session:
        session.get_one(User, rut).disabled_at = now()
    for number in range(4):
        inbox.take(lead(str(number), phone=f"05234567{number}0", name=f"Person {number} Cohen"))
    rows = inbox.all(LeadRow)
    assert [row.owner_id for row in rows] == [noa, amir, noa, amir]
    assert {row.rule_id for row in rows} == {rule}


def test_the_first_rule_that_fits_counts_and_without_one_a_lead_is_everybodys(inbox: Inbox) -> None:
    noa, amir = inbox.user("noa"), inbox.user("amir")
    inbox.rule({"language": ["he"], "region": ["IL"]}, noa)
    inbox.rule({"form": ["f9"]}, amir)
    inbox.take(lead("1", language="he"))
    inbox.take(lead("2", language="he", phone="+48601234567", name="Jan Nowak"))
    inbox.take(lead("3", form_id="f9", phone="+48601234568", name="Ewa Kowalska"))
    assert [row.owner_id for row in inbox.all(LeadRow)] == [noa, None, amir]


def test_who_looks_after_a_customer_gets_his_leads(inbox: Inbox) -> None:
    noa, amir = inbox.user("noa"), inbox.user("amir")
    inbox.take(lead("1"))
    with inbox.db.write() as session:
        session.scalars(select(Party)).one().owner_id = amir
    inbox.rule({}, noa)
    inbox.take(lead("2"))
    assert [row.owner_id for row in inbox.all(LeadRow)] == [None, amir]


def test_leads_of_last_month_are_history_that_nobody_is_called_to(inbox: Inbox) -> None:
    inbox.rule({}, inbox.user("noa"))
    inbox.take(lead(created_at=now() - timedelta(days=30)))
    assert [row.owner_id for row in inbox.all(LeadRow)] == [None]


def test_a_lead_that_is_none_says_what_is_wrong(inbox: Inbox) -> None:
    with pytest.raises(Exception, match="created_at"):
        inbox.take(lead(created_at="yesterday"))
    with inbox.db.read() as session:
        assert session.scalar(select(func.count()).select_from(LeadRow)) == 0
