"""What questions are for: seen, corrected, and read again; and a lead's row on its customer's timeline."""

import html
import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from hub.context import Hub
from hub.intake.models import RawRecord, RawState
from hub.leads import queries
from hub.leads.models import QuestionField
from hub.security.models import Role, User
from tests.fakes.browser import Browser, signed_in, someone
from tests.fakes.leads import Forms


@pytest.fixture
def forms(hub: Hub) -> Forms:
    return Forms(hub)


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2] or page)).split())


def answers(**given: str) -> list[dict[str, object]]:
    return [{"key": key, "values": [value]} for key, value in given.items()]


def test_before_the_first_lead_the_page_says_how_to_get_one(admin: Browser, forms: Forms) -> None:
    page = admin.get(f"{forms.path}/questions").text
    assert "No lead came yet" in page
    assert 'aria-current="page">Questions' in page


def test_every_question_stands_there_with_its_newest_real_answer_and_why(admin: Browser, forms: Forms) -> None:
    forms.answer(
        answers=[
            {"key": "q1", "label": "Your name", "values": ["Old Answer"]},
            *answers(q2="dana@levi.example", colour="red"),
        ]
    )
    forms.answer(
        answers=[
            {"key": "q1", "label": "Your name", "values": ["Rut Cohen"]},
            *answers(q2="rut@cohen.example", colour="blue"),
        ]
    )
    forms.answer(answers=answers(q1="<test lead: dummy data for q1>", colour="test"), is_test=True)
    typed = [
        {"key": "born", "type": "date_of_birth", "values": ["1990-01-02"]},
        {"key": "mail", "type": "email", "values": ["x@y.example"]},
    ]
    forms.answer(form_id="f2", form_name="שאלון", answers=typed)
    page = words(admin.get(f"{forms.path}/questions").text)
    assert "Your name q1 Rut Cohen Full name by the question's words" in page
    assert "q2 rut@cohen.example E-mail guessed from the answer" in page
    assert "colour blue Only an answer" in page
    assert "Old Answer" not in page
    assert "dummy" not in page
    assert "שאלון" in page
    assert "1990" not in page, "private answers are masked"
    assert "mail x@y.example E-mail the form says so Its type is settled in the form." in page
    assert "Read 2 leads again" in page


def test_a_word_of_the_administrator_reads_the_leads_again(admin: Browser, hub: Hub, forms: Forms) -> None:
    lead = forms.answer(answers=answers(who="Dana Levi", ref="052-234-5678", order="052-234-9999"))
    other = forms.answer(form_id="f2", answers=answers(who="Rut Cohen", email="rut@cohen.example"))
    assert (lead.name, lead.phone) == ("", "+972522345678")
    where = f"{forms.path}/questions"
    said = admin.post(where, on=where, form="f1", key="who", field="name")
    assert said.headers["Location"].endswith("again=1")
    assert "1 lead is being read again" in words(admin.get(where).text)
    forms.work()
    assert "being read" not in words(admin.get(where).text)
    assert forms.row(lead).name == "Dana Levi"
    assert forms.row(other).name == "", "another form"
    admin.post(where, on=where, form="f1", key="who", field="none", scope="all")
    forms.work()
    assert [forms.row(one).name for one in (lead, other)] == ["", ""], "said of all forms"
    admin.post(where, on=where, form="f2", key="who", field="name")
    forms.work()
    assert [forms.row(one).name for one in (lead, other)] == ["", "Rut Cohen"], "a form's own word counts first"
    admin.post(where, on=where, form="f2", key="who", field="auto")
    admin.post(where, on=where, form="f2", key="who", field="auto")
    with hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(QuestionField)) == 0


def test_reading_again_shows_how_far_it_is(admin: Browser, hub: Hub, forms: Forms) -> None:
    for number in range(3):
        forms.answer(f"Person {number} Levi", f"052-234-560{number}")
    where = f"{forms.path}/questions"
    assert admin.post(f"{where}/again", on=where, form="f1").headers["Location"].endswith("again=3")
    part = admin.get(f"{where}/progress", HX_Request="true").text
    assert "3 leads are being read again" in words(part)
    assert "hx-get" in part
    forms.work()
    part = admin.get(f"{where}/progress", HX_Request="true").text
    assert "All leads were read again" in part
    assert "hx-get" not in part, "it asks no more"
    with hub.db.read() as session:
        assert set(session.scalars(select(RawRecord.state))) == {RawState.APPLIED}


@pytest.mark.alike
@pytest.mark.parametrize(("key", "field"), [("who", "nonsense"), ("", "name"), ("who", "")])
def test_what_is_no_field_or_question_is_refused(admin: Browser, forms: Forms, key: str, field: str) -> None:
    forms.answer()
    where = f"{forms.path}/questions"
    assert admin.post(where, on=where, form="f1", key=key, field=field).status_code == 422


def test_a_connection_without_leads_has_no_questions(admin: Browser, hub: Hub, app: Flask, forms: Forms) -> None:
    assert admin.get("/connections/018f0000-0000-7000-8000-000000000000/questions").status_code == 404
    agent = someone(hub, Role.AGENT)
    browser = Browser(app)
    browser.sign_in(agent.email)
    assert browser.get(f"{forms.path}/questions").status_code == 403


def test_the_oddest_questions_are_shown_as_text(admin: Browser, forms: Forms) -> None:
    odd = "<img src=x onerror=alert(1)>\u202e" + "\U0010fffd" * 400
    forms.answer(form_name=odd, answers=[{"key": odd, "label": odd, "values": [odd, ""]}, {"key": "", "values": ["x"]}])
    page = admin.get(f"{forms.path}/questions").text
    assert "<img" not in page
    shown = re.sub(r'value="[^"]*"', "", page)  # what a form sends back is the question's name, letter by letter
    assert "alert(1)" in shown
    assert "\u202e" not in shown


def test_a_leads_row_on_the_timeline_speaks_the_readers_language(hub: Hub, forms: Forms) -> None:
    agent = someone(hub, Role.AGENT)
    lead = forms.answer(campaign_id="c1")
    browser = signed_in(hub, agent.email)
    page = browser.get(f"/customers/{lead.party}").text
    assert f'<a href="/leads/{lead.id}"><bdi>Lead · Garden offer</bdi></a>' in page
    assert "How large is your garden?" in words(page)
    assert "80 m²" in page
    with hub.db.write() as session:
        session.get_one(User, agent.id).language = "he"
    row = re.search(rf'<a href="/leads/{lead.id}"><bdi>([^<]*)</bdi></a>', browser.get(f"/customers/{lead.party}").text)
    assert row is not None
    number = re.search(r"/items/(\d+)", page)
    assert number is not None
    with hub.db.write() as session:
        session.get_one(User, agent.id).language = "en"
    opened = words(browser.get(f"/customers/{lead.party}/items/{number[1]}", HX_Request="true").text)
    assert "Stage New lead" in opened
    assert "How large is your garden? 80 m²" in opened
    assert "Open the lead" in opened


def test_private_answers_are_not_on_the_timeline(hub: Hub, forms: Forms) -> None:
    someone(hub, Role.AGENT)
    lead = forms.answer(
        answers=[
            {"key": "phone", "values": ["052-234-5678"]},
            {"key": "q", "type": "gender", "values": ["secret-word"]},
        ]
    )
    browser = signed_in(hub, "agent@example.com")
    page = browser.get(f"/customers/{lead.party}").text
    number = re.search(r"/items/(\d+)", page)
    assert number is not None
    opened = browser.get(f"/customers/{lead.party}/items/{number[1]}", HX_Request="true").text
    assert "secret-word" not in page + opened


def test_older_leads_of_a_campaign_are_leads_of_that_campaign(
    hub: Hub, forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 1)
    someone(hub, Role.AGENT)
    for number, campaign in enumerate(("c1", "c1", "c2", "c1")):
        forms.answer(f"Person {number} Levi", f"052-234-560{number}", campaign_id=campaign, form_name=f"Form {number}")
    browser = signed_in(hub, "agent@example.com")
    seen, path = [], "/leads?campaign=c1"
    while path:
        page = browser.get(path).text
        assert 'name="campaign" value="c1"' in page, "another filter keeps the campaign"
        seen += re.findall(r"Form (\d)", page)
        older = re.search(r'<p class="pager"><a class="button" href="([^"]+)"', page)
        path = html.unescape(older[1]) if older else ""
    assert seen == ["3", "1", "0"]
