"""The pages and the API of messages: who waits, a conversation with its box, its files, and what a stranger wrote into it."""

import html
import re
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from hub.context import Hub
from hub.identity.models import Party
from hub.messages import write
from hub.messages.models import Conversation, MessageMedia, MessageRow
from hub.security import tokens
from hub.security.models import Audit, Role
from hub.store.base import now
from tests.e2e.postbox import DANA, Office, payload
from tests.fakes.api import ApiClient
from tests.fakes.browser import Browser, signed_in, someone

HOSTILE = "<script>alert(1)</script>\u202egnp.exe\u2066 " + "x" * 10_000 + " javascript:alert(2)"
_OWN_ID = re.compile(r'name="id" value="([^"]+)"')
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def office(hub: Hub) -> Office:
    return Office(hub)


@pytest.fixture
def noa(app: Flask, hub: Hub) -> Browser:
    someone(hub, Role.AGENT, "noa@acme.example")
    return signed_in(hub, "noa@acme.example", app)


def page_of(office: Office, number: int = 0) -> str:
    with office.hub.db.read() as session:
        rows = session.scalars(select(Conversation).order_by(Conversation.id)).all()
    return f"/messages/{rows[number].public_id}"


def own_id(browser: Browser, page: str) -> str:
    found = _OWN_ID.search(browser.get(page).text)
    assert found is not None
    return html.unescape(found[1])


def test_my_day_shows_who_waits_until_it_is_answered_or_done(office: Office, noa: Browser) -> None:
    assert "Messages waiting" not in noa.get("/").text
    office.hear(
        payload("in1", peer_name="Dana Levi", text="Do you have time tomorrow?", at=now() - timedelta(minutes=2))
    )
    day = noa.get("/").text
    assert "Messages waiting" in day
    assert "Do you have time tomorrow?" in day
    assert "Dana Levi" in noa.get("/messages/waiting", HX_Request="true").text
    page = page_of(office)
    done = noa.post(f"{page}/done", on="/", htmx=True)
    assert (done.status_code, "Dana Levi" in done.text) == (200, False)
    office.hear(payload("in2", text="Hello?", at=now() + timedelta(seconds=1)))
    assert "Hello?" in noa.get("/").text
    answer = noa.post(page, on=page, id=own_id(noa, page), text="Yes, at ten")
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    office.hear(payload("old", at=now() - timedelta(days=1)))
    assert "Messages waiting" not in noa.get("/").text


def test_a_conversation_is_shown_with_its_box_and_how_each_message_stands(office: Office, noa: Browser) -> None:
    office.hear(payload("in1", peer_name="Dana Levi", text="Hello", at=now() - timedelta(minutes=2)))
    page = page_of(office)
    first = noa.get(page)
    assert "You may write until" in first.text
    mark = own_id(noa, page)
    for _ in range(2):
        sent = noa.post(page, on=page, htmx=True, id=mark, text="Good <b>morning</b>")
        assert (sent.status_code, sent.text.count("Good &lt;b&gt;morning&lt;/b&gt;")) == (200, 1)
        assert "is being sent" in sent.text
    other = noa.post(page, on=page, htmx=True, id=mark, text="Something else")
    assert (other.status_code, "another window" in other.text, "Something else" in other.text) == (422, True, True)
    office.deliver()
    assert [one["text"] for one in office.post.sent] == ["Good <b>morning</b>"]
    office.tell("wamid.1", "read")
    assert "read" in noa.get(f"{page}/thread", HX_Request="true").text
    assert own_id(noa, page) != mark
    empty = noa.post(page, on=page, id=own_id(noa, page), text=" \n ")
    assert (empty.status_code, "Write the message first." in empty.text) == (422, True)
    with office.hub.db.read() as session:
        actions = session.scalars(select(Audit.action).where(Audit.action == "message.send")).all()
    assert len(actions) == 2, "also the second press, which sent nothing"


def test_the_box_closes_with_the_window_and_a_refused_text_comes_back(office: Office, noa: Browser) -> None:
    office.hear(payload("in1", peer_name="Dana Levi", at=now() - timedelta(minutes=2)))
    page = page_of(office)
    noa.post(page, on=page, id=own_id(noa, page), text="My long answer")
    office.age(hours=25)
    office.deliver()
    shown = noa.get(page).text
    assert "not sent" in shown
    assert "disabled" in noa.get(f"{page}/box", HX_Request="true").text
    assert re.search(r"<textarea[^>]*>My long answer</textarea>", shown), "given back"
    late = noa.post(page, on=page, id=own_id(noa, page), text="My long answer")
    assert (late.status_code, "within 24 hours" in late.text) == (422, True)


def test_what_a_stranger_wrote_does_nothing(office: Office, noa: Browser) -> None:
    office.hear(
        payload("in1", peer_name="<img src=x>\u202e", text=HOSTILE, content="file", at=now() - timedelta(minutes=2),
                media=[{"id": "f", "name": "../..\\<b>\u202egnp.exe", "media_type": "text/html"}],
                referral={"ad_id": "1", "url": "javascript:alert(3)", "headline": "<i>"})
    )  # fmt: skip
    office.post.files = {"f": b"<script>alert(1)</script>"}
    office.fetch()
    with office.hub.db.read() as session:
        party = session.scalars(select(Party)).one()
        row = session.scalars(select(MessageRow)).one()
    for address in ("/", "/messages", page_of(office), f"/customers/{party.public_id}"):
        shown = noa.get(address)
        assert shown.status_code == 200
        for bad in ("<script>alert", "<img src=x>", "\u202e", 'href="javascript'):
            assert bad not in shown.text, (address, bad)
    file = noa.get(f"/messages/files/{row.public_id}/0")
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert file.headers["Content-Disposition"].startswith("attachment;")
    assert "/" not in file.headers["Content-Disposition"].partition("filename=")[2].partition(";")[0]
    assert "sandbox" in file.headers["Content-Security-Policy"]


def test_a_picture_is_shown_and_a_file_that_is_away_is_asked_for_again(office: Office, noa: Browser) -> None:
    office.post.files = {"p": PNG}
    office.hear(
        payload("in1", content="image", text="", media=[{"id": "p"}, {"id": "q"}], at=now() - timedelta(minutes=2))
    )
    with office.hub.db.read() as session:
        row = session.scalars(select(MessageRow)).one()
    assert noa.get(f"/messages/files/{row.public_id}/0").status_code == 404, "not yet"
    office.fetch()
    picture = noa.get(f"/messages/files/{row.public_id}/0")
    assert (picture.status_code, picture.mimetype, picture.data) == (200, "image/png", PNG)
    assert "Content-Disposition" not in picture.headers
    assert "attachment" in noa.get(f"/messages/files/{row.public_id}/0?save=1").headers["Content-Disposition"]
    with office.hub.db.write() as session:
        session.scalars(select(MessageMedia).where(MessageMedia.place == 1)).one().state = "away"
    assert "could not be fetched" in noa.get(page_of(office)).text
    assert noa.post(f"/messages/files/{row.public_id}/1/again", next=page_of(office)).status_code == 303
    with office.hub.db.read() as session:
        assert session.scalars(select(MessageMedia.state).where(MessageMedia.place == 1)).one() == "pending"
    assert noa.get(f"/messages/files/{row.public_id}/7").status_code == 404


def test_an_unknown_number_is_given_to_a_customer(office: Office, noa: Browser) -> None:
    office.hear(payload("in1", at=now() - timedelta(minutes=2)))
    page = page_of(office)
    shown = noa.get(page).text
    assert "Who is this?" in shown
    assert f"phone={DANA.replace('+', '%2B')}" in shown
    noa.post("/customers", on="/customers/new", name="Ivan Petrov", kind="person")
    with office.hub.db.read() as session:
        ivan = session.scalars(select(Party)).one()
    assert "Ivan Petrov" in noa.get(f"{page}?q=Petrov").text
    given = noa.post(f"{page}/party", on=page, party=str(ivan.public_id))
    assert given.status_code == 303
    customer = noa.get(f"/customers/{ivan.public_id}").text
    assert "text of in1" in customer
    assert page in customer
    assert "Who is this?" not in noa.get(page).text
    assert noa.post(f"{page}/party", on=page, party="nobody").status_code == 404


def test_a_timeline_folds_the_messages_of_one_day(office: Office, noa: Browser) -> None:
    morning = now().replace(hour=9, minute=0)
    for number in range(5):
        at = morning - timedelta(days=1 if number < 3 else 2) + timedelta(minutes=number)
        office.hear(payload(f"in{number}", peer_name="Dana Levi", at=at))
    with office.hub.db.read() as session:
        party = session.scalars(select(Party)).one()
    shown = noa.get(f"/customers/{party.public_id}").text
    assert "WhatsApp · 3 messages" in shown
    assert "WhatsApp · 2 messages" in shown
    assert shown.index("text of in0") < shown.index("text of in2"), "as they were written"
    assert "No messages yet" not in noa.get("/messages").text
    assert "Nobody waits" not in noa.get("/messages?state=waiting").text


def test_an_empty_hub_says_where_messages_come_from(office: Office, noa: Browser) -> None:
    assert "No messages yet" in noa.get("/messages").text
    for address in ("/messages/018f0000-0000-7000-8000-000000000000", "/messages/x"):
        assert noa.get(address).status_code == 404


# --- the API --------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(app: Flask, office: Office) -> ApiClient:
    return ApiClient(app.test_client(), token_of(office))


def token_of(office: Office) -> str:
    user = someone(office.hub, Role.AGENT, "program@acme.example")
    with office.hub.db.write() as session:
        return tokens.add(session, "program", Role.AGENT, user)


def test_a_program_reads_messages_in_pages_and_answers_once(office: Office, program: ApiClient) -> None:
    for number in range(5):
        office.hear(payload(f"in{number}", peer_name="Dana Levi", at=now() - timedelta(minutes=10 - number)))
    office.hear(payload("other", peer_phone="+972521112222", at=now() - timedelta(hours=2), channel="sms"))
    with office.hub.db.read() as session:
        party = session.scalars(select(Party)).one()
    pages = program.pages("/messages", 2)
    assert [one["text"] for page in pages for one in page] == [
        *(f"text of in{n}" for n in (4, 3, 2, 1, 0)),
        "text of other",
    ]
    of_party = program.get(f"/messages?party={party.public_id}&direction=inbound").get_json()["items"]
    assert {one["party"]["name"] for one in of_party} == {"Dana Levi"}
    conversation = of_party[0]["conversation"]
    assert len(program.get(f"/messages?conversation={conversation}").get_json()["items"]) == 5
    since = (now() - timedelta(minutes=30)).isoformat().replace("+", "%2B")
    assert len(program.get(f"/messages?since={since}").get_json()["items"]) == 5
    for _ in range(2):
        sent = program.post("/messages", {"party": str(party.public_id), "text": "Hello"}, key="k1")
        assert (sent.status_code, sent.get_json()["state"]) == (201, "sending")
    office.deliver()
    assert [one["text"] for one in office.post.sent] == ["Hello"]
    [mine] = program.get("/messages?direction=outbound").get_json()["items"]
    assert (mine["state"], mine["conversation"]) == ("accepted", conversation)


def test_what_a_program_may_not_send_is_refused_by_field(office: Office, program: ApiClient) -> None:
    nobody = "018f0000-0000-7000-8000-000000000000"
    office.hear(payload("in1", at=now() - timedelta(hours=30)))
    conversation = page_of(office).rpartition("/")[2]
    for body, field in (
        ({"text": "x"}, ""), ({"text": "x", "party": nobody, "conversation": nobody}, ""), ({"conversation": conversation}, "text"),
        ({"text": "x", "party": nobody}, "party"), ({"text": "x", "conversation": nobody}, "conversation"),
        ({"text": "x", "conversation": conversation}, "text"), ({"text": "x" * 4097, "conversation": conversation}, "text"),
    ):  # fmt: skip
        answer = program.post("/messages", body)
        assert (answer.status_code, answer.get_json()["field"]) == (422, field), body
    assert program.get(f"/messages?conversation={nobody}").status_code == 404
    with office.hub.db.read() as session:
        assert write.get(session, UUID(conversation)).last_outbound_at is None
