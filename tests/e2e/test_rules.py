"""Rules: they fire once on each occasion, say why, and stop where they would go on for ever."""

import itertools
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from hub import app as hub_app
from hub.context import Hub
from hub.errors import UserError
from hub.events import tell
from hub.events.models import Event, Listener
from hub.events.types import RULE_FIRED
from hub.fields import edit
from hub.fields.edit import OptionDraft
from hub.fields.models import FieldRow, Of
from hub.identity import parties
from hub.identity.merging.merge import merge
from hub.identity.models import Party
from hub.leads import stages
from hub.leads.models import LeadRow, LeadStage
from hub.rules import acts, desk, engine, trial
from hub.rules.models import Brake, Fired, RuleEvent, RuleFiring
from hub.rules.reading import DraftError
from hub.security.models import Role
from hub.store.base import now
from hub.timeline import tasks
from hub.timeline.models import Task, TaskMember
from hub.webhooks import endpoints
from hub.webhooks.models import WebhookDelivery
from tests.e2e.calls import until
from tests.e2e.rules_desk import TASK, Rules
from tests.fakes.leads import Forms

DAY = timedelta(days=1)
SMALL, LARGE = "small", "large"


@pytest.fixture
def rules(hub: Hub) -> Rules:
    return Rules(hub)


@pytest.fixture
def size(rules: Rules) -> str:
    """A list that an administrator defined for people."""
    boss = rules.colleague("Boss", Role.ADMIN)
    with rules.hub.db.write() as session:
        options = [OptionDraft({"en": "Small"}, SMALL), OptionDraft({"en": "Large"}, LARGE)]
        edit.create(session, boss, Of.PERSON, edit.Draft("choice", {"en": "Size"}, "size", options=options))
    return "size"


def give(rules: Rules, party: int, **values: Any) -> None:
    with rules.hub.db.write() as session:
        parties.say(session, None, session.get_one(Party, party), values)


# --- after events ---------------------------------------------------------------------------------------------------


def test_a_missed_call_becomes_a_task_of_whoever_looks_after_the_customer(rules: Rules) -> None:
    noa = rules.colleague()
    dana = rules.customer(owner=noa)
    rules.rule("call_missed")
    rules.call(dana)
    rules.call(dana, outcome="answered")
    rules.call(dana, direction="outbound")
    rules.look()
    [task] = rules.tasks()
    assert (task.title, task.owner_id, task.party_id, task.kind) == ("Call Dana Levi back", noa.id, dana, "call_back")
    assert timedelta(hours=3) < task.due_at - now() < timedelta(hours=5)
    [firing] = rules.fired()
    assert firing.state == Fired.DONE
    assert firing.done == [{"do": "task", "id": str(task.public_id), "to": ["Noa"]}]


def test_what_happened_before_a_rule_was_turned_on_does_not_count(rules: Rules) -> None:
    rules.colleague()
    with rules.hub.db.write() as session:
        tell.listen(session, "test", 1, [])
    rules.call()
    rule = rules.rule("call_missed")
    rules.look()
    assert rules.fired() == []
    rules.call()
    rules.look()
    assert len(rules.fired(rule)) == 1


def test_each_conversation_fires_for_each_mail_of_the_customer_and_not_for_what_else_changes(rules: Rules) -> None:
    noa = rules.colleague()
    dana = rules.customer(owner=noa)
    sender = {"from": [{"name": "Dana", "address": "dana@customer.example"}]}
    condition = {"field": "mail.subject", "operator": "contains", "values": ["OFFER"]}
    rules.rule("mail_came", {"do": "notice", "to": ["owner"], "text": "{customer}: {title}"}, conditions=[condition])
    row = rules.happens("email", dana, summary="Your offer", detail={"messages": 1, **sender})
    rules.happens("email", dana, row=row.id, summary="Your offer!", detail={"messages": 1, **sender})
    rules.look()
    rules.happens(
        "email", dana, row=row.id, summary="Your offer", detail={"messages": 2, **sender}, direction="outbound"
    )
    rules.happens("email", dana, row=row.id, summary="Your offer", detail={"messages": 3, **sender})
    rules.look()
    assert [one.text for one in rules.notices()] == ["Dana Levi: Your offer!", "Dana Levi: Your offer"]
    assert rules.fired()[0].reason == [condition | {"found": "Your offer!"}]


@pytest.mark.parametrize(("visibility", "count"), [("all", 1), ("metadata", 0), ("owner", 0)])
def test_what_not_everybody_sees_of_a_mail_no_condition_asks(rules: Rules, visibility: str, count: int) -> None:
    rules.colleague()
    dana = rules.customer()
    rules.rule("mail_came", conditions=[{"field": "mail.subject", "operator": "contains", "values": ["secret"]}])
    rules.happens("email", dana, summary="A secret", detail={"messages": 1}, visibility=visibility)
    rules.look()
    assert len(rules.fired()) == count


def test_a_lead_goes_to_a_colleague_and_its_stages_are_occasions(rules: Rules) -> None:
    noa, boss = rules.colleague(), rules.colleague("Ben", Role.MANAGER)
    rules.rule("lead_came", {"do": "assign", "to": [str(noa.public_id)]}, conditions=[
        {"field": "lead.form", "operator": "is", "values": ["Roof offer", "garden  OFFER"]}
    ])  # fmt: skip
    asks = [{"field": "lead.stage", "operator": "is", "values": ["lost"]}]
    lost = rules.rule(
        "lead_stage",
        {"do": "mail", "to": [str(boss.public_id)], "text": "{customer} is lost ({title})"},
        conditions=asks,
    )
    shown = Forms(rules.hub).answer()
    rules.look()
    with rules.hub.db.write() as session:
        row = session.scalars(select(LeadRow).where(LeadRow.public_id == shown.id)).one()
        assert row.owner_id == noa.id
        stages.set_by(session, boss, row, "qualified")
    rules.look()
    assert rules.letters() == []
    with rules.hub.db.write() as session:
        stages.set_by(session, boss, session.get_one(LeadRow, row.id), "lost")
    rules.look()
    [letter] = rules.letters()
    assert (letter.user_id, letter.text) == (boss.id, "Dana Levi is lost (Garden offer)")
    assert [one.state for one in rules.fired(lost)] == [Fired.DONE]


def test_where_nobody_looks_after_it_everybody_sees_the_task(rules: Rules) -> None:
    noa, _, gone = rules.colleague(), rules.colleague("Ben"), rules.colleague("Tom")
    rules.leave(gone)
    rules.rule("call_missed")
    rules.call()
    rules.look()
    [task] = rules.tasks()
    assert (task.owner_id, task.title, task.number) == (None, "Call 050-123-4567 back", "+972501234567")
    with rules.hub.db.read() as session:
        assert noa.id in set(session.scalars(select(TaskMember.user_id).where(TaskMember.task_id == task.id)))
        assert gone.id not in set(session.scalars(select(TaskMember.user_id)))
        assert [due.title for due in tasks.open_for(session, noa.id)] == [task.title]


def test_what_one_action_cannot_do_the_others_do_and_it_is_said(rules: Rules) -> None:
    noa, tom = rules.colleague(), rules.colleague("Tom")
    rules.rule(
        "call_missed",
        {"do": "notice", "to": [str(tom.public_id)], "text": "Missed"},
        {"do": "assign", "to": [str(noa.public_id)]},
        {"do": "webhook", "endpoint": ""},
        TASK,
    )
    rules.leave(tom)
    rules.call()
    rules.look()
    [firing] = rules.fired()
    assert firing.state == Fired.FAILED
    assert [one.get("error") for one in firing.done] == ["nobody", "no_customer", "no_endpoint", None]
    assert len(rules.tasks()) == 1


def test_a_fault_of_one_rule_stops_neither_the_others_nor_what_comes_after(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules.colleague()
    broken = dict(acts._ACTS) | {acts.Do.NOTICE: lambda _: 1 / 0}
    monkeypatch.setattr(acts, "_ACTS", broken)
    first = rules.rule("call_missed", {"do": "notice", "to": ["everybody"], "text": "Missed"})
    second = rules.rule("call_missed")
    rules.call()
    rules.look()
    assert [one.done for one in rules.fired(first)] == [[{"do": "notice", "error": "mistake"}]]
    assert [one.state for one in rules.fired(second)] == [Fired.DONE]


def test_a_webhook_is_told_which_rule_fired_and_a_rule_may_name_the_one_that_is(rules: Rules) -> None:
    boss = rules.colleague("Ada", Role.ADMIN)
    with rules.hub.db.write() as session:
        settings = rules.hub.settings.webhooks
        add = partial(endpoints.add, session, rules.hub.vault, settings, boss, url="https://there.example/")
        wanted = {"every": [], "calls": ["call.ended"], "fired": ["rule.fired"]}
        rows = [add(name=name, types=types)[0] for name, types in wanted.items()]
        names, calls = {one.id: one.name for one in rows}, rows[1]
    rules.rule("call_missed", {"do": "webhook", "endpoint": ""})
    rules.rule("call_missed", {"do": "webhook", "endpoint": str(calls.public_id)})
    entry = rules.call(rules.customer())
    rules.look()
    with rules.hub.db.read() as session:
        query = select(WebhookDelivery.endpoint_id, Event.data).join(Event, Event.id == WebhookDelivery.event_id)
        rows = session.execute(query.where(Event.type == RULE_FIRED)).all()
    assert sorted(names[number] for number, _ in rows) == ["calls", "every", "fired"]
    assert {data["interaction"] for _, data in rows} == {str(entry.public_id)}


# --- conditions ----------------------------------------------------------------------------------------------------


def test_conditions_ask_fields_that_an_administrator_defined(rules: Rules, size: str) -> None:
    rules.colleague()
    small, large = rules.customer("Dana"), rules.customer("Tom")
    give(rules, small, size=SMALL)
    give(rules, large, size=LARGE)
    rules.rule("call_missed", conditions=[{"field": f"customer.fields.{size}", "operator": "is", "values": [LARGE]}])
    for one in (small, large):
        rules.call(one)
    rules.look()
    assert [one.party_id for one in rules.fired()] == [large]


def test_a_rule_that_asks_a_field_which_is_archived_does_not_fire(rules: Rules, size: str) -> None:
    rules.colleague()
    boss = rules.colleague("Ada", Role.ADMIN)
    asked = [{"field": f"customer.fields.{size}", "operator": "empty", "values": []}]
    rule = rules.rule("call_missed", conditions=asked)
    with rules.hub.db.write() as session:
        [row] = session.scalars(select(FieldRow))
        edit.archive(session, boss, row.public_id)
    rules.call(rules.customer())
    rules.look()
    assert rules.fired() == []
    with rules.hub.db.write() as session:
        desk.switch(session, boss, rule.public_id, on=False)
    with pytest.raises(DraftError, match="Choose a field"), rules.hub.db.write() as session:
        desk.switch(session, boss, rule.public_id, on=True)


# --- brakes ---------------------------------------------------------------------------------------------------------


def test_a_rule_that_sets_itself_off_is_held(rules: Rules, size: str) -> None:
    dana = rules.customer()
    give(rules, dana, size=SMALL)
    rule = rules.rule("customer_changed", {"do": "field", "field": size, "value": LARGE})
    give(rules, dana, size=SMALL)
    rules.look()
    assert [(one.state, one.brake) for one in rules.fired(rule)] == [(Fired.DONE, ""), (Fired.HELD, Brake.OWN_EFFECT)]


def test_rules_that_set_each_other_off_are_held(rules: Rules, size: str) -> None:
    dana = rules.customer()
    give(rules, dana, size=SMALL)
    fill = {
        one: {"do": "field", "field": size, "value": one} for one in (SMALL, LARGE)
    }  # each changes what the other one asks
    asked = {one: [{"field": "customer.fields.size", "operator": "is", "values": [one]}] for one in (SMALL, LARGE)}
    rules.rule("customer_changed", fill[LARGE], conditions=asked[SMALL])
    rules.rule("customer_changed", fill[SMALL], conditions=asked[LARGE])
    give(rules, dana, size=SMALL)
    rules.look()
    assert [(one.state, one.brake) for one in rules.fired()] == [
        (Fired.DONE, ""), (Fired.DONE, ""), (Fired.HELD, Brake.OWN_EFFECT)
    ]  # fmt: skip


def test_more_than_three_rules_in_a_row_are_held(rules: Rules) -> None:
    boss = rules.colleague("Ada", Role.ADMIN)
    words = [f"w{number}" for number in range(6)]
    with rules.hub.db.write() as session:
        options = [OptionDraft({"en": one}, one) for one in words]
        edit.create(session, boss, Of.PERSON, edit.Draft("choice", {"en": "Step"}, "step", options=options))
    dana = rules.customer()
    for here, there in itertools.pairwise(words):
        rules.rule("customer_changed", {"do": "field", "field": "step", "value": there}, conditions=[
            {"field": "customer.fields.step", "operator": "is", "values": [here]}
        ])  # fmt: skip
    give(rules, dana, step="w0")
    rules.look()
    assert [(one.state, one.brake) for one in rules.fired()] == [*[(Fired.DONE, "")] * 3, (Fired.HELD, Brake.CHAIN)]


def test_a_rule_fires_so_often_within_an_hour_and_so_often_with_one_customer(rules: Rules) -> None:
    rules.colleague()
    dana = rules.customer()
    rule = rules.rule("call_missed", {"do": "notice", "to": ["everybody"], "text": "Missed"}, per_hour=12)
    for _ in range(11):
        rules.call(dana)
    for _ in range(3):
        rules.call()
    rules.look()
    brakes = [one.brake for one in rules.fired(rule)]
    assert brakes == [*[""] * 10, Brake.CUSTOMER, "", "", Brake.HOUR]
    with rules.hub.db.write() as session:
        session.execute(update(RuleFiring).values(at=now() - timedelta(hours=2)))
    rules.call(dana)
    rules.look()
    assert rules.fired(rule)[-1].state == Fired.DONE


# --- by the clock ---------------------------------------------------------------------------------------------------


def test_an_overdue_invoice_fires_on_the_day_and_once(rules: Rules) -> None:
    noa = rules.colleague()
    dana = rules.customer(owner=noa)
    today = now().date()
    rule = rules.rule(
        "invoice_overdue", TASK | {"text": "Invoice {title} of {customer}"}, after=3, since=now() - 2 * DAY
    )
    rules.document(dana, open_due_date=today - 3 * DAY)
    rules.document(dana, open_due_date=today - 2 * DAY)  # not yet
    rules.document(dana, open_due_date=today - 30 * DAY)  # long before the rule was turned on
    rules.document(dana, open_due_date=today - 3 * DAY, is_open=False)
    rules.document(dana, open_due_date=today - 3 * DAY, side="purchase", kind="bill")
    rules.document(dana, open_due_date=today - 3 * DAY, gone_at=now())
    rules.clock()
    rules.tick(rule)
    rules.tick(rule)
    [task] = rules.tasks()
    assert task.title == "Invoice F-17 of Dana Levi"
    assert len(rules.fired(rule)) == 1


def test_what_becomes_known_late_counts_and_what_is_too_much_for_an_hour_waits(rules: Rules) -> None:
    rules.colleague()
    today = now().date()
    rule = rules.rule("invoice_overdue", after=1, per_hour=2, since=now() - 5 * DAY)
    for _ in range(5):
        rules.document(None, open_due_date=today - 3 * DAY)
    seen = []
    for _ in range(3):
        rules.tick(rule)
        seen.append(len(rules.fired(rule)))
        with rules.hub.db.write() as session:
            session.execute(update(RuleFiring).values(at=now() - timedelta(hours=2)))
    assert seen == [2, 4, 5]
    assert {one.state for one in rules.fired(rule)} == {Fired.DONE}


def test_no_contact_counts_from_the_last_time_and_begins_anew_with_the_next(rules: Rules, size: str) -> None:
    noa = rules.colleague()
    quiet, busy, other = rules.customer("Quiet", owner=noa), rules.customer("Busy"), rules.customer("Other")
    for one in (quiet, busy):
        give(rules, one, size=LARGE)
    past = now() - 30 * DAY - timedelta(hours=1)
    for one in (quiet, busy, other):
        rules.happens("call", one, started_at=past, ended_at=past, detail={"outcome": "answered"})
    rules.happens("email", busy, started_at=past + DAY, ended_at=None, detail={"messages": 1})
    asked = [{"field": "customer.fields.size", "operator": "is", "values": [LARGE]}]
    rule = rules.rule("no_contact", after=30, conditions=asked, since=now() - DAY)
    rules.clock()
    rules.tick(rule)
    assert [one.party_id for one in rules.fired(rule)] == [quiet]
    assert [one.title for one in rules.tasks()] == ["Call Quiet back"]


def test_a_call_back_that_was_promised_and_is_late(rules: Rules) -> None:
    noa = rules.colleague()
    dana = rules.customer()
    promised = {"kind": "call_back", "party_id": dana, "owner_id": noa.id, "title": "Prices"}
    with rules.hub.db.write() as session:
        late = tasks.add(session, noa, due_at=now() - timedelta(minutes=90), number="+972501111111", **promised)
        tasks.add(session, noa, due_at=now() - timedelta(minutes=30), number="+972502222222", **promised)
        done = tasks.add(session, noa, due_at=now() - timedelta(minutes=90), number="+972503333333", **promised)
        tasks.done(session, noa, done)
    tell_her = {"do": "notice", "to": ["owner"], "text": "{customer} waits: {title} {number}"}
    rule = rules.rule("call_back_late", tell_her, after=1, since=now() - DAY)
    rules.clock()
    assert [one.text for one in rules.notices()] == ["Dana Levi waits: Prices 050-111-1111"]
    with rules.hub.db.write() as session:  # promised again, and late again
        session.execute(update(Task).where(Task.id == late.id).values(due_at=now() - timedelta(minutes=70)))
    rules.tick(rule)
    assert len(rules.fired(rule)) == 2


def test_a_lead_that_stands_still(rules: Rules) -> None:
    rules.colleague()
    forms = Forms(rules.hub)
    still, moved, closed = (forms.answer(name, f"052-234-567{number}") for number, name in enumerate("abc"))
    past = now() - 2 * DAY - timedelta(minutes=1)
    with rules.hub.db.write() as session:
        session.execute(update(LeadRow).values(created_at=past))
        session.execute(update(LeadStage).values(at=past))
        rows = {row.public_id: row for row in session.scalars(select(LeadRow))}
        session.execute(
            update(LeadStage).where(LeadStage.lead_id == rows[moved.id].id).values(at=now() - timedelta(hours=1))
        )
        session.add(LeadStage(lead_id=rows[moved.id].id, stage="contacted", at=now() - timedelta(hours=1)))
        rows[closed.id].closed_at = now()
    asked = [{"field": "lead.stage", "operator": "is_not", "values": ["customer"]}]
    rule = rules.rule("lead_unchanged", after=2, conditions=asked, since=now() - DAY)
    rules.clock()
    rules.tick(rule)
    [firing] = rules.fired(rule)
    assert firing.occasion.startswith(f"lead:{still.id}:")


# --- what administrators do -----------------------------------------------------------------------------------------


def test_a_rule_listens_while_it_is_on_and_waits_for_nothing_by_the_clock(rules: Rules) -> None:
    def heard() -> list[list[str]]:
        with rules.hub.db.read() as session:
            return [row.types for row in session.scalars(select(Listener).where(Listener.kind == desk.LISTENER))]

    rules.colleague()
    rule = rules.rule("call_missed")
    rules.rule("no_contact", after=3)
    assert heard() == [["call.ended"]]
    with rules.hub.db.write() as session:
        given = desk.as_given(rule) | {"asks": "lead_came"}
        desk.change(session, None, rule.public_id, given, rule.changed_at)
    assert heard() == [["lead.created"]]
    with rules.hub.db.write() as session:
        desk.remove(session, None, rule.public_id)
    assert heard() == []
    with rules.hub.db.write() as session:
        assert not desk.bring_back(session, None, rule.public_id).is_on


def test_who_looked_at_an_older_rule_overwrites_nothing(rules: Rules) -> None:
    rules.colleague()
    rule = rules.rule("call_missed")
    with rules.hub.db.write() as session:
        desk.change(session, None, rule.public_id, desk.as_given(rule) | {"name": "Mine"}, rule.changed_at)
    with pytest.raises(UserError) as raised, rules.hub.db.write() as session:
        desk.change(session, None, rule.public_id, desk.as_given(rule) | {"name": "Yours"}, rule.changed_at)
    assert raised.value.error_id == "rule_changed"


@pytest.mark.parametrize("asks", ["call_missed", "no_contact"])
def test_a_rule_that_is_off_does_nothing(rules: Rules, asks: str) -> None:
    rules.colleague()
    dana = rules.customer()
    past = now() - 3 * DAY - timedelta(minutes=1)
    rules.happens("call", dana, started_at=past, ended_at=past)
    rule = rules.rule(asks, after=3, since=now() - DAY)
    with rules.hub.db.write() as session:
        desk.switch(session, None, rule.public_id, on=False)
    rules.call(dana)
    rules.look()
    rules.clock()
    assert rules.fired() == []


def test_merged_customers_are_one_for_what_rules_did(rules: Rules) -> None:
    rules.colleague()
    first, second = rules.customer("Dana"), rules.customer("Dana L.")
    rules.rule("call_missed")
    rules.call(second)
    rules.look()
    with rules.hub.db.write() as session:
        merge(session, None, session.get_one(Party, first), session.get_one(Party, second))
    with rules.hub.db.read() as session:
        [line] = desk.firings(session)
        assert line.party is not None
        assert line.party.id == first


# --- trials ---------------------------------------------------------------------------------------------------------


def test_a_trial_counts_what_would_have_fired_and_does_nothing(rules: Rules) -> None:
    rules.colleague()
    dana = rules.customer()
    for days in (1, 2, 8):
        rules.call(dana, started_at=now() - days * DAY, ended_at=now() - days * DAY)
    rules.call(dana, outcome="answered")
    given = {"name": "Try", "asks": "call_missed", "actions": [TASK], "conditions": [
        {"field": "customer.known", "operator": "is", "values": ["yes"]}
    ]}  # fmt: skip
    with rules.hub.db.read() as session:
        found = trial.tried(session, given, zone="UTC")
        assert (found.fired, found.looked, found.is_cut) == (2, 2, False)
        assert found.examples[0].happened_at > found.examples[1].happened_at
        assert found.examples[0].party is not None
        clocked = trial.tried(session, given | {"asks": "no_contact", "after": 1}, zone="UTC")
        assert clocked.fired == 0  # they were called today
    assert rules.fired() == []
    assert rules.tasks() == []
    with pytest.raises(DraftError), rules.hub.db.read() as session:
        trial.tried(session, given | {"asks": "tomorrow"}, zone="UTC")


@pytest.mark.parametrize(
    "asks",
    ["lead_came", "lead_stage", "call_missed", "call_ended", "mail_came", "message_came", "document_came", "ticket_opened",
     "customer_new", "customer_changed", "invoice_overdue", "lead_unchanged", "ticket_waits", "no_contact", "call_back_late"],
)  # fmt: skip
def test_every_when_can_be_tried_and_looked_at_where_there_is_nothing(rules: Rules, asks: str) -> None:
    rules.colleague()
    rule = rules.rule(asks, after=5, since=now() - DAY)
    rules.look()
    rules.clock()
    with rules.hub.db.read() as session:
        assert trial.tried(session, desk.as_given(rule), zone="Asia/Jerusalem").fired == 0
    assert rules.fired() == []


def test_workers_look_at_rules_by_themselves(rules: Rules) -> None:
    rules.colleague()
    rules.rule("call_missed")
    running = hub_app.start(rules.hub, listen=False)
    try:
        rules.call()
        until(rules.tasks)
    finally:
        running.close()


def test_nothing_waits_where_no_rule_asks(rules: Rules) -> None:
    rules.colleague()
    rules.rule("lead_came")
    with rules.hub.db.write() as session:
        tell.listen(session, "test", 1, [])
    rules.call()
    with rules.hub.db.write() as session:
        hub_app.hand_on_events(session)
        assert session.scalars(select(RuleEvent)).all() == []
        assert not engine.waits(session)
