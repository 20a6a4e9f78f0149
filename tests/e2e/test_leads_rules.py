"""Who gets new leads: the rules as an administrator writes them, and what they do."""

import html
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from hub.context import Hub
from hub.leads.models import LeadRule
from hub.security.models import Audit, Role, User
from hub.store.base import now
from tests.fakes.browser import Browser, someone
from tests.fakes.leads import Forms

RULES = "/admin/lead-rules"


@pytest.fixture
def forms(hub: Hub) -> Forms:
    return Forms(hub)


@pytest.fixture
def noa(hub: Hub) -> User:
    return someone(hub, Role.AGENT, "noa@example.com")


@pytest.fixture
def amir(hub: Hub) -> User:
    return someone(hub, Role.AGENT, "amir@example.com")


def rules(hub: Hub) -> list[LeadRule]:
    with hub.db.read() as session:
        found = list(session.scalars(select(LeadRule).order_by(LeadRule.place)))
        session.expunge_all()
        return found


def add(admin: Browser, name: str, *users: User, **wants: list[str]) -> None:
    fields: dict[str, str | list[str]] = {"name": name, "users": [str(one.public_id) for one in users], **wants}
    assert admin.post(RULES, on=f"{RULES}/new", **fields).status_code == 303


def text(page: str) -> str:
    """The words of a page, each run of blanks as one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_without_rules_the_page_says_what_happens_and_what_to_do(admin: Browser, forms: Forms) -> None:
    forms.answer()
    page = text(admin.get(RULES).text)
    assert "There are no rules yet: everybody is told" in page
    assert "1 lead of the last 30 days" in page


def test_a_rule_gives_leads_to_its_people_in_turn(
    admin: Browser, hub: Hub, forms: Forms, noa: User, amir: User
) -> None:
    forms.name_campaign("c1", "Spring offer")
    forms.answer("Rut Cohen", "052-234-5600", campaign_id="c1")
    form = admin.get(f"{RULES}/new").text
    assert "Spring offer" in form
    assert ">c1<" not in form, "campaigns are shown by name"
    add(admin, "Spring", noa, amir, campaign=["c1"])
    owners = [forms.row(forms.answer(f"Person {n}", f"052-234-570{n}", campaign_id="c1")).owner_id for n in range(3)]
    other = forms.row(forms.answer("Other Person", "052-234-5711", campaign_id="c2"))
    assert owners == [noa.id, amir.id, noa.id]
    assert other.owner_id is None
    page = text(admin.get(RULES).text)
    assert "Campaign: Spring offer" in page
    assert "4 leads of the last 30 days" in page
    with hub.db.read() as session:
        assert session.scalar(select(Audit.action).where(Audit.subject == "lead_rule")) == "lead_rule.added"


def test_the_first_rule_that_fits_counts_and_they_can_be_moved(
    admin: Browser, hub: Hub, forms: Forms, noa: User, amir: User
) -> None:
    add(admin, "Everything", noa)
    add(admin, "Garden", amir, form=["f1"])
    assert forms.row(forms.answer("A Levi", "052-234-5601")).owner_id == noa.id
    garden = rules(hub)[1].public_id
    assert "0 leads" in text(admin.get(RULES).text)
    assert admin.post(f"{RULES}/{garden}/up", on=RULES).status_code == 303
    assert [one.name for one in rules(hub)] == ["Garden", "Everything"]
    assert forms.row(forms.answer("B Levi", "052-234-5602")).owner_id == amir.id
    admin.post(f"{RULES}/{garden}/up", on=RULES)
    assert [one.name for one in rules(hub)] == ["Garden", "Everything"], "the first one stays the first"
    admin.post(f"{RULES}/{garden}/down", on=RULES)
    assert [one.name for one in rules(hub)] == ["Everything", "Garden"]


def test_a_rule_is_changed_and_keeps_whose_turn_it_is(
    admin: Browser, hub: Hub, forms: Forms, noa: User, amir: User
) -> None:
    add(admin, "All", noa)
    forms.answer()
    [rule] = rules(hub)
    both = [str(amir.public_id), str(noa.public_id)]
    where = f"{RULES}/{rule.public_id}"
    assert admin.post(where, on=where, name="Everybody", users=both, language=["he"]).status_code == 303
    [changed] = rules(hub)
    assert (changed.name, changed.wants, changed.turn) == ("Everybody", {"language": ["he"]}, 1)
    assert changed.users == [noa.id, amir.id], "who was there keeps the place"


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fields", "said"),
    [({"name": " "}, "Write a name."), ({"name": "X", "users": []}, "Choose at least one person.")],
)
def test_a_rule_that_cannot_work_is_refused_and_what_was_typed_stays(
    admin: Browser, hub: Hub, forms: Forms, noa: User, fields: dict[str, str], said: str
) -> None:
    forms.answer(language="he")
    given = {"users": [str(noa.public_id)], "language": ["he"], **fields}
    answer = admin.post(RULES, on=f"{RULES}/new", **given)
    assert answer.status_code == 422
    assert said in answer.text
    assert re.search(r'name="language" value="he" checked', answer.text)
    assert rules(hub) == []


def test_removing_asks_first_and_leaves_leads_where_they_are(admin: Browser, hub: Hub, forms: Forms, noa: User) -> None:
    add(admin, "All", noa)
    lead = forms.answer()
    where = f"{RULES}/{rules(hub)[0].public_id}/remove"
    assert "Remove the rule?" in admin.get(where).text
    assert len(rules(hub)) == 1
    assert admin.post(where, on=where).status_code == 303
    assert rules(hub) == []
    assert forms.row(lead).owner_id == noa.id
    assert admin.post(where, on=RULES + "/new").status_code == 404


def test_a_rule_of_people_who_left_is_passed_over_and_says_so(
    admin: Browser, hub: Hub, forms: Forms, noa: User, amir: User
) -> None:
    add(admin, "Noa's", noa)
    add(admin, "Rest", amir)
    with hub.db.write() as session:
        session.get_one(User, noa.id).disabled_at = now()
    assert forms.row(forms.answer()).owner_id == amir.id
    page = text(admin.get(RULES).text)
    assert "nobody of it works here: passed over" in page
    assert page.count("1 lead of the last 30 days") == 1


def test_the_preview_counts_what_the_rule_would_have_got(admin: Browser, hub: Hub, forms: Forms, noa: User) -> None:
    for number, phone in enumerate(("052-234-5601", "+48 601 234 567", "052-234-5603")):
        forms.answer(f"Person {number}", phone)
    forms.answer("Of Old", "052-234-5604", ago=timedelta(days=40))
    forms.answer("Test", "052-234-5605", is_test=True)
    said = text(admin.post(f"{RULES}/preview", on=f"{RULES}/new", htmx=True, region=["IL"]).text)
    assert said == "Of the 3 leads of the last 30 days this rule would have got 2."
    add(admin, "Garden", noa, form=["f1"])
    said = text(admin.post(f"{RULES}/preview", on=f"{RULES}/new", htmx=True, region=["IL"]).text)
    assert (
        said == "Of the 3 leads of the last 30 days this rule would have got 0. 2 more fit, but rules above take them."
    )
    own = str(rules(hub)[0].public_id)
    said = text(admin.post(f"{RULES}/preview", on=f"{RULES}/new", htmx=True, region=["PL"], rule=own).text)
    assert "would have got 1." in said


def test_agents_do_not_see_the_rules(app: Flask, noa: User) -> None:
    browser = Browser(app)
    browser.sign_in(noa.email)
    assert browser.get(RULES).status_code == 403
    assert browser.post(RULES, name="x").status_code == 403


def test_hostile_values_are_kept_as_text(admin: Browser, hub: Hub, forms: Forms, noa: User) -> None:
    forms.name_campaign("c<1>", "<script>alert(1)</script>\u202e")
    add(admin, "<b>\u202eX</b>" + "y" * 500, noa, campaign=["c<1>", "x" * 5000])
    [rule] = rules(hub)
    assert len(rule.name) == 200
    for path in (RULES, f"{RULES}/{rule.public_id}"):
        page = admin.get(path).text
        assert "<script>alert" not in page
        assert "<b>" not in page.partition("<main")[2].replace("<b></b>", "").replace('<b class="num">', "")


def test_characters_that_no_database_holds_are_no_mistake_of_ours(
    admin: Browser, hub: Hub, forms: Forms, noa: User
) -> None:
    forms.answer()
    users = [str(noa.public_id)]
    answer = admin.post(RULES, on=f"{RULES}/new", name="a\0b", users=users, language=["h\0e"])
    assert answer.status_code in {303, 400, 422}
    where = f"{forms.path}/questions"
    assert admin.post(where, on=where, form="f\0", key="k\0", field="name").status_code in {303, 400, 422}
    assert admin.get(RULES).status_code == 200
    assert admin.get("/leads?form=%00&campaign=%00&before=%00").status_code == 200
    lead = f"/leads/{forms.answer().id}"
    assert admin.post(f"{lead}/stage", on=lead, stage="lost", reason="too\0 far").status_code == 303
