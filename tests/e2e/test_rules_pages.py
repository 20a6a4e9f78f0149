"""Administrators write rules on pages; managers read what rules did."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from hub.context import Hub
from hub.fields import edit
from hub.fields.edit import OptionDraft
from hub.fields.models import Of
from hub.rules import desk
from hub.rules.models import Brake, Fired, Rule, RuleFiring, RuleLetter
from hub.security.models import Role, User
from hub.store.base import now
from tests.e2e.rules_desk import TASK, Rules
from tests.fakes.browser import Browser, signed_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULE = {
    "name": "Missed", "asks": "call_missed", "was": "call_missed", "per_hour": "100",
    "c-0-field": "customer.known", "c-0-operator": "is", "c-0-value": "yes",
    "a-0-do": "task", "a-0-text": "Call {customer}", "a-0-kind": "call_back", "a-0-to": "owner", "a-0-hours": "4",
}  # fmt: skip


@pytest.fixture
def rules(hub: Hub) -> Rules:
    made = Rules(hub)
    made.colleague("Adam", Role.ADMIN)
    made.colleague("Mia", Role.MANAGER)
    made.colleague("Noa")
    return made


@pytest.fixture
def admin(rules: Rules) -> Browser:
    return signed_in(rules.hub, "adam@example.com")


def words(page: TestResponse) -> str:
    """Return a page without what parts one's words from another's."""
    return re.sub(r"</?bdi[^>]*>", "", page.text)


def kept(rules: Rules) -> list[Rule]:
    with rules.hub.db.read() as session:
        return list(session.scalars(select(Rule).order_by(Rule.id)))


def test_only_who_may_sees_them(rules: Rules, admin: Browser) -> None:
    manager, agent = signed_in(rules.hub, "mia@example.com"), signed_in(rules.hub, "noa@example.com")
    assert [one.get("/admin/rules").status_code for one in (admin, manager, agent)] == [200, 403, 403]
    assert [one.get("/insights/rules").status_code for one in (admin, manager, agent)] == [200, 200, 403]
    for way in ("new", f"{uuid4()}", f"{uuid4()}/on", "ready/missed_call"):
        assert manager.post(f"/admin/rules/{way}", **RULE).status_code == 403
    assert admin.get(f"/admin/rules/{uuid4()}").status_code == 404
    assert admin.post(f"/admin/rules/{uuid4()}/on").status_code == 404
    assert admin.post(f"/admin/rules/{uuid4()}", do="save", **RULE).status_code == 404
    assert admin.get("/insights/rules?rule=nonsense").status_code == 404
    assert "Look at the rules" not in manager.get("/insights/rules").text


def test_a_rule_is_written_tried_turned_on_changed_and_removed(rules: Rules, admin: Browser) -> None:
    dana = rules.customer("Dana <b>Levi</b>")
    rules.call(dana)
    rules.call(None)
    assert "There are no rules of yours yet" in admin.get("/admin/rules").text
    assert 'value="lead_came" selected' in admin.get("/admin/rules/new").text
    tried = admin.post("/admin/rules/new", do="test", **RULE | {"name": ""})
    assert tried.status_code == 200
    assert "Would have fired 1 time in the last 7 days" in tried.text
    assert "It happened 2 times" in tried.text
    assert "Dana &lt;b&gt;Levi&lt;/b&gt;" in tried.text
    assert "Customer: Known customer is yes" in words(tried)
    assert not kept(rules)
    saved = admin.post("/admin/rules/new", do="save", **RULE)
    assert saved.status_code == 303
    (row,) = kept(rules)
    assert saved.headers["Location"] == f"/admin/rules/{row.public_id}?saved=1"
    assert "It is off: test it, then turn it on." in admin.get(saved.headers["Location"]).text
    assert (row.is_on, row.actions) == (False, [TASK | {"text": "Call {customer}"}])
    listed = words(admin.get("/admin/rules"))
    assert "A call is missed" in listed
    assert "Make a task: Call {customer} · Call back · Whoever looks after it" in listed
    assert admin.post(f"/admin/rules/{row.public_id}/on").status_code == 303
    assert "Fired 0 times in the last 7 days" in admin.get("/admin/rules").text
    seen = {"seen": kept(rules)[0].changed_at.isoformat()}
    changed = admin.post(f"/admin/rules/{row.public_id}", do="save", **RULE | seen | {"name": "Missed calls"})
    assert changed.status_code == 303
    assert (kept(rules)[0].name, kept(rules)[0].is_on) == ("Missed calls", True)
    assert "It is on." in admin.get(changed.headers["Location"]).text
    late = admin.post(f"/admin/rules/{row.public_id}", do="save", **RULE | seen | {"name": "Mine"})
    assert late.status_code == 409
    assert "Somebody saved this rule meanwhile" in late.text
    assert 'value="Mine"' in late.text
    assert kept(rules)[0].name == "Missed calls"
    assert admin.post(f"/admin/rules/{row.public_id}", do="save", **RULE | {"seen": "x"}).status_code == 409
    newer = {"newer": kept(rules)[0].changed_at.isoformat()}
    assert f'name="newer" value="{newer["newer"]}"' in late.text
    over = RULE | seen | newer | {"name": "Mine"}
    assert admin.post(f"/admin/rules/{row.public_id}", do="over", **over).status_code == 303
    assert admin.post(f"/admin/rules/{row.public_id}", do="over", **over).status_code == 409, "it changed once more"
    assert kept(rules)[0].name == "Mine"
    assert "Remove the rule?" in admin.get(f"/admin/rules/{row.public_id}/remove").text
    removed = admin.post(f"/admin/rules/{row.public_id}/remove")
    assert "Bring it back" in admin.get(removed.headers["Location"]).text
    assert admin.post(f"/admin/rules/{row.public_id}/on").status_code == 422
    assert "This rule is removed." in admin.get(f"/admin/rules/{row.public_id}").text
    assert admin.post(f"/admin/rules/{row.public_id}/back").status_code == 303
    assert "Mine" in admin.get("/admin/rules").text
    assert "Bring it back" not in admin.get(removed.headers["Location"]).text


def test_the_rows_of_the_form_come_and_go(rules: Rules, admin: Browser) -> None:
    def press(do: str, **more: str) -> str:
        page = admin.post("/admin/rules/new", do=do, **RULE | more)
        assert page.status_code == 200
        return page.text

    more = press("condition")
    assert 'name="c-1-field" id="c-1-field" autofocus' in more
    assert 'name="a-1-do" id="a-1-do" autofocus' in press("action")
    none = press("drop-c:0")
    assert 'name="c-0-field"' not in none
    assert "Nothing is asked: each time counts." in none
    assert 'name="a-0-do"' not in press("drop-a:0")
    both = {"c-1-field": "call.talk_s", "c-1-operator": "at_least", "c-1-value": "9"}
    kept_one = press("drop-c:0", **both)
    assert 'value="9"' in kept_one
    assert 'name="c-1-field"' not in kept_one
    # Another `when` counts otherwise, and what cannot be asked there is said to be gone.
    other = press("again:asks", asks="no_contact")
    assert 'type="number" min="1" max="3650" value="60"' in other
    gone = press("again:asks", asks="no_contact", **{"c-0-field": "call.queue", "c-0-operator": "is", "c-0-value": "x"})
    assert "Call: Queue (gone)" in gone
    # A field of another kind is asked otherwise.
    boxes = press("again:c-0-field", **{"c-0-field": "call.outcome", "c-0-operator": "is", "c-0-value": "missed"})
    assert 'type="checkbox" name="c-0-value" value="missed" checked' in boxes
    number = press("again:c-0-field", **{"c-0-field": "call.talk_s", "c-0-operator": "contains", "c-0-value": "yes"})
    assert 'value="at_least" selected' in number
    assert "drop-c:7" not in press("drop-c:7")
    for do in ("", "again:" + "<" * 50, "drop-c:-1", "drop-a:99999999", "nonsense"):
        press(do)
    for what in ("task", "mail", "notice", "assign", "field", "webhook"):
        assert f'value="{what}" selected' in press("again:a-0-do", **{"a-0-do": what})
    assert "No endpoint wants rule.fired now." in press("again:a-0-do", **{"a-0-do": "webhook"})
    for what, is_said in (("mail", True), ("notice", False)):
        assert ("No mail goes out of the hub now" in press("again:a-0-do", **{"a-0-do": what})) is is_said


REFUSED = (
    ({"name": " "}, "Write a name.", "name"),
    ({"name": "x" * 300}, "A name has at most 200 characters.", "name"),
    ({"asks": "no_contact", "was": "no_contact", "after": "0"}, "Write a whole number from 1 to 3650.", "after"),
    ({"asks": "no_contact", "was": "no_contact", "after": "soon"}, "Write a whole number from 1 to 3650.", "after"),
    ({"per_hour": "-1"}, "Write a whole number from 1 to 10000.", "per_hour"),
    ({"c-0-field": "call.nonsense"}, "If one is chosen, it cannot be asked for here.", "c-0-field"),
    ({"c-0-operator": "at_least"}, "Choose what is asked of the field.", "c-0-operator"),
    ({"c-0-value": "perhaps"}, "Choose or write what goes here.", "c-0-value"),
    ({"c-0-value": ""}, "Choose or write what goes here.", "c-0-value"),
    ({"c-0-field": "call.talk_s", "c-0-operator": "is", "c-0-value": "1\ntwo"}, "This is no number.", "c-0-value"),
    ({"c-0-field": "call.talk_s", "c-0-operator": "at_least", "c-0-value": "1\n2"}, "Write one value", "c-0-value"),
    ({"a-0-do": "nonsense"}, "Choose what is done.", "a-0-do"),
    ({"a-0-text": ""}, "Write what it says.", "a-0-text"),
    ({"a-0-text": "Call {nobody}"}, "There is nothing called {nobody}.", "a-0-text"),
    ({"a-0-text": "x" * 501}, "Write at most 500 characters.", "a-0-text"),
    ({"a-0-to": str(uuid4())}, "This colleague works here no more.", "a-0-to"),
    ({"a-0-to": "\0nobody"}, "Choose or write what goes here.", "a-0-to"),
    ({"a-0-hours": "-1"}, "Write a whole number from 0 to 2160.", "a-0-hours"),
    ({"a-0-kind": "wedding"}, "Choose one of the list.", "a-0-kind"),
    ({"a-0-do": "mail", "a-0-to": ""}, "Choose a colleague.", "a-0-to"),
    ({"a-0-do": "assign", "a-0-to": "everybody"}, "Choose or write what goes here.", "a-0-to"),
    ({"a-0-do": "field", "a-0-field": "x"}, "Choose a field.", "a-0-field"),
    ({"a-0-do": "webhook", "a-0-endpoint": str(uuid4())}, "This webhook endpoint is there no more.", "a-0-endpoint"),
    ({f"c-{at}-field": "customer.known" for at in range(40)}, "There are at most 20 of these.", "conditions"),
    ({f"a-{at}-do": "webhook" for at in range(20)}, "There are at most 10 of these.", "actions"),
)  # fmt: skip


@pytest.mark.parametrize(("more", "says", "field"), REFUSED, ids=[f"{one[2]}-{at}" for at, one in enumerate(REFUSED)])
def test_what_cannot_be_is_refused_in_words(
    rules: Rules, admin: Browser, more: dict[str, str], says: str, field: str
) -> None:
    for do in ("save", "test"):
        if (do, field) == ("test", "name") and more["name"] == " ":
            continue  # what is tried needs no name
        if do == "test" and "no more" in says:
            continue  # whom it would tell changes nothing about how often it would have fired
        page = admin.post("/admin/rules/new", do=do, **RULE | more)
        assert page.status_code == 422, do
        assert says in page.text
        assert f'id="e-{field}"' in page.text
    assert not kept(rules)


def test_rows_in_which_nothing_is_are_left_out(rules: Rules, admin: Browser) -> None:
    page = admin.post("/admin/rules/new", do="save", **RULE | {"c-5-field": "", "c-5-operator": ""})
    assert page.status_code == 303
    assert len(kept(rules)[0].conditions) == 1


def test_ready_made_ones_are_turned_on_or_changed_first(rules: Rules, admin: Browser) -> None:
    page = admin.get("/admin/rules").text
    assert page.count('action="/admin/rules/ready/') == 5
    for key in ("lead_unanswered", "missed_call", "invoice_overdue", "no_contact", "call_back_late"):
        assert admin.get(f"/admin/rules/new?from={key}").status_code == 200
        for _ in range(2):  # a second press changes nothing
            assert admin.post(f"/admin/rules/ready/{key}").status_code == 303
    assert [(row.key, row.is_on) for row in kept(rules)] == [
        ("lead_unanswered", True), ("missed_call", True), ("invoice_overdue", True), ("no_contact", True),
        ("call_back_late", True),
    ]  # fmt: skip
    assert "Ready-made rules" not in admin.get("/admin/rules").text
    assert admin.post("/admin/rules/ready/nonsense").status_code == 404
    assert admin.get("/admin/rules/new?from=nonsense").status_code == 404
    row = kept(rules)[1]
    admin.post(f"/admin/rules/{row.public_id}/remove")
    assert "/admin/rules/ready/missed_call" in admin.get("/admin/rules").text
    form = admin.get("/admin/rules/new?from=missed_call").text
    assert '<input type="hidden" name="key" value="missed_call">' in form
    assert admin.post("/admin/rules/new", do="save", key="missed_call", **RULE).status_code == 303
    assert (kept(rules)[-1].key, kept(rules)[-1].is_on) == ("missed_call", False)
    assert admin.post("/admin/rules/new", do="save", key="forged", **RULE).status_code == 303
    assert kept(rules)[-1].key == ""


def test_whom_it_names_and_who_is_gone_stays_in_sight(rules: Rules, admin: Browser) -> None:
    noa = rules.people["Noa"]
    with rules.hub.db.write() as session:
        noa_id = str(session.get_one(User, noa.id).public_id)
        options = [OptionDraft({"en": "High"}, "high"), OptionDraft({"en": "Low"}, "low")]
        draft = edit.Draft("choice", {"en": "Importance"}, "importance", options=options)
        field_id = edit.create(session, rules.people["Adam"], Of.PERSON, draft).public_id
    named = RULE | {
        "a-0-to": noa_id,
        "c-1-field": "customer.fields.importance",
        "c-1-operator": "is",
        "c-1-value": "high",
    }
    assert admin.post("/admin/rules/new", do="save", **named).status_code == 303
    (row,) = kept(rules)
    with rules.hub.db.write() as session:
        session.get_one(User, noa.id).disabled_at = now()
        edit.archive(session, rules.people["Adam"], field_id)
    page = admin.get(f"/admin/rules/{row.public_id}").text
    assert "Noa (gone)" in page
    assert "importance (gone)" in page
    refused = admin.post(f"/admin/rules/{row.public_id}/on")
    assert refused.status_code == 422
    assert f'href="/admin/rules/{row.public_id}">Look at the rule' in refused.text


def test_a_firing_leads_to_what_it_was_about(rules: Rules, admin: Browser) -> None:
    rules.rule("call_missed", TASK)
    rules.call(rules.customer("Dana Levi"))
    rules.look()
    (link,) = re.findall(r'href="(/customers/[^"]+/items/[^"]+)">What it was about', admin.get("/insights/rules").text)
    shown = admin.get(link)
    assert (shown.status_code, "Dana Levi" in shown.text) == (200, True)


def test_what_rules_did_is_listed_with_its_reason(rules: Rules, admin: Browser) -> None:
    dana = rules.customer("Dana Levi")
    row = rules.rule("call_missed", TASK, conditions=[("call.line", "is", ["035551234", "035551235"])])
    reason = [{"field": "call.line", "operator": "is", "values": ["035551234", "035551235"], "found": "035551234"}]
    done = [{"do": "task", "to": ["Noa", "Mia"], "id": str(uuid4())}, {"do": "mail", "error": "nobody"}]
    with rules.hub.db.write() as session:
        for at in range(60):
            state = (Fired.DONE, Fired.FAILED, Fired.HELD)[at % 3]
            session.add(RuleFiring(
                rule_id=row.id, occasion=f"call:{at}", at=now() - timedelta(minutes=at), happened_at=now(), party_id=dana,
                state=state, brake=Brake.HOUR if state == Fired.HELD else "", reason=reason,
                done=done[: 2 if state == Fired.FAILED else 1] if state != Fired.HELD else [],
            ))  # fmt: skip
    manager = signed_in(rules.hub, "mia@example.com")
    page = words(manager.get("/insights/rules"))
    assert page.count("<li data-row>") == 50
    assert "Call: Our number is 035551234, 035551235 (035551234)" in page
    assert "A task was made for: Noa, Mia" in page
    assert "Send a mail to colleagues: None of these colleagues works here any more." in page
    assert "It fired as often as it may within an hour" in page
    link = f'href="/admin/rules/{row.public_id}"'
    assert (link in page, link in admin.get("/insights/rules").text) == (False, True)
    older = page.split("before=")[1].split('"')[0].replace("&amp;", "&")
    assert manager.get(f"/insights/rules?before={older}").text.count("<li data-row>") == 10
    held = manager.get(f"/insights/rules?rule={row.public_id}&state=held").text
    assert held.count("<li data-row>") == 20
    assert "A task was made" not in held
    for before in ("x", "2026-11-24~1", "~", "2026-11-24T00:00:00+00:00~" + "9" * 30):
        assert manager.get(f"/insights/rules?before={before}").status_code == 200
    listed = admin.get("/admin/rules").text
    assert "Fired 60 times in the last 7 days" in listed
    assert "20 not done" in listed
    assert "20 held back" in listed


def test_mails_that_did_not_go_are_said_to(rules: Rules, admin: Browser) -> None:
    dana = rules.customer("Dana", owner=rules.people["Noa"])
    rules.rule("call_missed", {"do": "mail", "to": ["owner"], "text": "{customer}"})
    for _ in range(3):
        rules.call(dana)
    rules.look()
    waiting, sent, refused = rules.letters()
    with rules.hub.db.write() as session:
        session.get_one(RuleLetter, sent.id).sent_at = now()
        row = session.get_one(RuleLetter, refused.id)
        row.given_up_at, row.last_error = now(), "550 <no> such mailbox"
    assert waiting.sent_at is None
    page = words(admin.get("/insights/rules"))
    assert page.count("A mail goes to: Noa") == 3
    assert page.count("A mail waits to be sent to: Noa") == 1
    assert page.count("A mail was given up: Noa · 550 &lt;no&gt; such mailbox") == 1


def test_there_are_not_endlessly_many(rules: Rules, admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_RULES", 1)
    assert admin.post("/admin/rules/new", do="save", **RULE).status_code == 303
    assert "which is as many as there may be" in admin.post("/admin/rules/new", do="save", **RULE).text
    assert admin.post("/admin/rules/ready/missed_call").status_code == 422
