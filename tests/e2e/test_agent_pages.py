"""The agent's pages as a browser without scripts and as htmx ask for them, on both databases."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select
from werkzeug.test import TestResponse

from hub import app as hub_app
from hub.connector.exchange import DialOrder, FileFacts
from hub.context import Hub
from hub.cti import missed
from hub.cti.models import CallRow, Pop, Recording, RecordingState
from hub.errors import GoneError, RejectedError, RetryLaterError
from hub.identity.models import Identifier, NumberRule, Party
from hub.security import sessions
from hub.security.models import Audit, User
from hub.store.base import now
from hub.timeline.models import Interaction, Note, Participant, Task, TaskKind
from tests.e2e import story as stories
from tests.e2e.story import DANA, IVAN, NOBODY, Story

SOUND = bytes(range(256)) * 40


class Exchange:
    """Stands in for the telephone system."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.fault: Exception | None = None
        self.sound = SOUND

    def _do(self, *what: Any) -> None:
        if self.fault is not None:
            raise self.fault
        self.done.append(what)

    def dial(self, order: DialOrder) -> None:
        self._do("dial", order.extension, order.number)

    def hang_up(self, channel: str) -> None:
        self._do("hang up", channel)

    def transfer(self, channel: str, extension: str) -> None:
        self._do("transfer", channel, extension)

    def pause_recording(self, channel: str, *, paused: bool) -> None:
        self._do("pause", paused)

    def recording_facts(self, path: str) -> FileFacts:
        self._do("facts", path)
        return FileFacts(len(self.sound), None, "audio/wav")

    def open_recording(self, path: str, *, start: int = 0) -> BinaryIO:
        return io.BytesIO(self.sound[start:])


class Agent:
    """One signed-in browser."""

    def __init__(self, app: Flask, hub: Hub, story: Story, name: str) -> None:
        self.client: FlaskClient = app.test_client()
        with hub.db.write() as session:
            user = session.get_one(User, story.users[name].id)
            token = sessions.start(session, user, "127.0.0.1", "test", hub.settings)
        with self.client.session_transaction() as cookie:
            cookie["sid"], cookie["csrf_token"] = token, "0" * 40
        self.csrf = URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token").dumps("0" * 40)

    def get(self, path: str, *, htmx: bool = False, headers: dict[str, str] | None = None) -> TestResponse:
        return self.client.get(path, headers={**({"HX-Request": "true"} if htmx else {}), **(headers or {})})

    def post(self, path: str, data: dict[str, str] | None = None, *, htmx: bool = False) -> TestResponse:
        headers = {"X-CSRF-Token": self.csrf, **({"HX-Request": "true"} if htmx else {})}
        return self.client.post(path, data=data or {}, headers=headers)


@pytest.fixture
def story(hub: Hub) -> Story:
    return stories.tell(hub.db)


@pytest.fixture
def exchange(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    stand_in = Exchange()
    monkeypatch.setattr(hub.telephone, "exchange", lambda _: stand_in)
    return stand_in


@pytest.fixture
def sign_in(hub: Hub, story: Story) -> Callable[[str], Agent]:
    app = hub_app.create_app(hub)
    return lambda name: Agent(app, hub, story, name)


@pytest.fixture
def noa(sign_in: Callable[[str], Agent]) -> Agent:
    return sign_in("noa")


def customer(story: Story, name: str = "dana") -> str:
    return f"/customers/{story.parties[name].public_id}"


def call(story: Story, name: str, what: str = "card") -> str:
    return f"/calls/{story.calls[name]}/{what}"


# --- everybody must be signed in ----------------------------------------------------------------------------------


def test_nobody_sees_anything_without_signing_in(hub: Hub, story: Story) -> None:
    client = hub_app.create_app(hub).test_client()
    paths = ["/", "/tasks", "/calls", "/calls/recent", "/search?q=dana", "/customers", "/customers/new", customer(story),
             call(story, "ringing"), f"/recordings/{story.recordings['talked']}"]  # fmt: skip
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith("/login"), path


def test_a_form_without_the_token_of_the_page_changes_nothing(hub: Hub, story: Story, noa: Agent) -> None:
    answer = noa.client.post(f"{customer(story)}/notes", data={"note": "forged"})
    assert answer.status_code == 400
    with hub.db.read() as session:
        assert session.scalars(select(Note.id).where(Note.text == "forged")).all() == []


def test_every_form_of_the_pages_carries_the_token(story: Story, noa: Agent) -> None:
    for path in ["/", "/tasks", customer(story), f"{customer(story)}/edit", "/customers/new", call(story, "ringing")]:
        for form in re.findall(r'<form[^>]*method="post".*?</form>', noa.get(path).text, re.DOTALL):
            assert 'name="csrf_token"' in form, (path, form[:200])


# --- my day -------------------------------------------------------------------------------------------------------


def test_my_day_shows_who_waits_what_is_due_and_the_last_calls(story: Story, noa: Agent) -> None:
    page = noa.get("/").text
    assert "Иван Петров" in page
    assert "3 calls" in page
    assert "Offer no. 44" in page
    assert "Overdue" in page
    assert "1 task for later" in page
    assert "Hidden Person" not in page, "who hides the number hides the name"
    assert "Number withheld" in page


def test_an_empty_day_says_so(sign_in: Callable[[str], Agent]) -> None:
    page = sign_in("manager").get("/").text
    assert "Nobody waits for a call back." in page
    assert "Nothing is due today." in page
    assert "No calls yet." in page


@pytest.mark.parametrize("htmx", [False, True])
def test_a_missed_call_is_ticked_off_and_taken_back(hub: Hub, story: Story, noa: Agent, htmx: bool) -> None:
    with hub.db.read() as session:
        task = session.scalars(select(Task).where(Task.number == NOBODY).order_by(Task.due_at.desc())).first()
        assert task is not None
    answer = noa.post(f"/tasks/{task.public_id}/done", htmx=htmx)
    assert answer.status_code == (200 if htmx else 303)
    assert "050-111-2233" not in noa.get("/tasks", htmx=True).text
    if htmx:
        assert f"/tasks/{task.public_id}/undo" in answer.text
    noa.post(f"/tasks/{task.public_id}/undo", htmx=htmx)
    assert "3 calls" in noa.get("/tasks", htmx=True).text


def test_a_missed_call_with_a_withheld_number_is_labelled_so_and_can_only_be_ticked_off(
    hub: Hub, story: Story, noa: Agent
) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        row = stories.call(session, story.account_id, number="+972540000001", rung=[user], at=now(), withheld=True,
                           outcome="missed")  # fmt: skip
        missed.settle(session, [row], {row.id: [user.id]})
        task = session.scalars(select(Task).where(Task.call_id == row.id)).one()
    page = noa.get("/tasks", htmx=True).text
    [line] = [one for one in page.split("<li data-row>") if f"/tasks/{task.public_id}/done" in one]
    assert "Number withheld" in line
    assert "Call back" not in line
    assert "054-000-0001" not in page
    assert f"/tasks/{task.public_id}/done" not in noa.post(f"/tasks/{task.public_id}/done", htmx=True).text


def test_a_promise_without_number_customer_and_words_has_a_name(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        mine = Task(kind=TaskKind.CALL_BACK, owner_id=story.users["noa"].id, due_at=now() - timedelta(minutes=1))
        session.add(mine)
    [line] = [
        one for one in noa.get("/tasks", htmx=True).text.split("<li data-row>") if f"{mine.public_id}/done" in one
    ]
    assert "Number withheld" in line.partition("</h3>")[0]


def test_a_colleagues_promise_cannot_be_ticked_off(hub: Hub, story: Story, sign_in: Callable[[str], Agent]) -> None:
    with hub.db.read() as session:
        task = session.scalars(select(Task).where(Task.kind == TaskKind.CALL_BACK)).one()
    assert sign_in("amir").post(f"/tasks/{task.public_id}/done").status_code == 403


def test_the_short_list_beside_every_page_has_three_calls(story: Story, noa: Agent) -> None:
    assert noa.get("/calls/recent?in=dock", htmx=True).text.count("<li") == 3


# --- calls --------------------------------------------------------------------------------------------------------


def test_an_agent_lists_own_calls_and_a_manager_all(story: Story, sign_in: Callable[[str], Agent]) -> None:
    assert sign_in("noa").get("/calls").text.count("<tr data-row") == 7
    assert sign_in("amir").get("/calls").text.count("<tr data-row") == 6
    assert sign_in("manager").get("/calls").text.count("<tr data-row") == 8
    assert sign_in("manager").get("/calls?who=me").text.count("<tr data-row") == 0
    assert sign_in("amir").get("/calls?who=").text.count("<tr data-row") == 6


@pytest.mark.parametrize(
    ("query", "count"),
    [("outcome=missed", 4), ("direction=outbound", 0), ("number=050-111-2233", 3), (f"number={IVAN.replace('+', '%2B')}", 1),
     ("outcome=nonsense", 7), ("since=2999-01-01", 0), ("since=soon", 7), ("number=x", 0)],
)  # fmt: skip
def test_calls_are_filtered(story: Story, noa: Agent, query: str, count: int) -> None:
    page = noa.get(f"/calls?{query}", htmx=True).text
    assert page.count("<tr data-row") == count
    assert ("No call matches" in page) is (count == 0)


def test_older_calls_are_behind_a_button(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        for i in range(40):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=i)
            stories.call(session, story.account_id, number=IVAN, user=user, rung=[user, user], at=at, talk_s=5)
    first = noa.get("/calls").text
    assert first.count("<tr data-row") == 30
    address = re.search(r'href="(/calls\?before=[^"]+)"', first)
    assert address is not None
    rest = noa.get(address[1].replace("&amp;", "&"), htmx=True).text
    assert rest.count("<tr data-row") == 17
    assert "before=" not in rest


def test_a_damaged_address_of_older_calls_is_refused(noa: Agent) -> None:
    assert noa.get("/calls?before=x").status_code == 422


def test_the_card_of_a_known_customer(story: Story, noa: Agent) -> None:
    card = noa.get(call(story, "ringing"), htmx=True).text
    assert "<html" not in card
    assert "Lewandowski &amp; Syn" in card
    assert re.findall(r'<li class="chip (\w+)">', card) == ["bad", "warn", "info"]
    assert card.index("Promised call-back, overdue") < card.index("VAT exempt till March") < card.index("1 open task")
    last = re.search(r'<ul class="last">(.*?)</ul>', card, re.DOTALL)
    assert last is not None
    assert last[1].count("<li") == 3
    assert "Resolved" in card
    assert "102" in card, "a colleague's phone to hand on to"
    assert "New customer" not in card


def test_the_card_is_a_page_without_scripts(story: Story, noa: Agent) -> None:
    page = noa.get(call(story, "talked")).text
    assert "<html" in page
    assert "<audio" in page
    assert f"/recordings/{story.recordings['talked']}" in page


def test_a_call_is_not_shown_to_who_had_no_part_in_it(story: Story, sign_in: Callable[[str], Agent]) -> None:
    amir = sign_in("amir")
    assert amir.get(call(story, "ringing"), htmx=True).status_code == 404
    assert amir.post(call(story, "ringing", "note"), {"note": "x"}).status_code == 404
    assert amir.get(f"/calls/{uuid4()}/card").status_code == 404
    assert sign_in("manager").get(call(story, "ringing")).status_code == 200


def test_the_card_of_an_unknown_number_offers_three_ways(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        row = stories.call(
            session, story.account_id, number=NOBODY, rung=[user], at=now(), open=True, caller_name="<b>Eve</b>"
        )
    card = noa.get(f"/calls/{row.public_id}/card", htmx=True).text
    for words in ("New customer", "Add to existing…", "Ignore this number", "3 missed calls not returned"):
        assert words in card
    assert card.count('class="missed"') == 3, "its last calls"
    assert "<b>Eve" not in card
    assert "&lt;b&gt;Eve" in card


def test_the_card_of_a_hidden_number_shows_nothing_and_offers_nothing(story: Story, noa: Agent) -> None:
    card = noa.get(call(story, "withheld"), htmx=True).text
    assert "hides the number" in card
    assert "New customer" not in card
    assert "Hidden Person" not in card


def test_the_card_of_a_number_with_several_owners_asks(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        ids = [story.parties[name].id for name in ("dana", "ivan")]
        row = stories.call(
            session, story.account_id, number="+97236123456", rung=[user], at=now(), open=True, candidates=ids
        )
    path = f"/calls/{row.public_id}"
    card = noa.get(f"{path}/card", htmx=True).text
    assert card.count('type="radio"') == 2
    assert noa.post(f"{path}/assign", htmx=True).status_code == 422
    chosen = noa.post(f"{path}/assign", {"party": str(story.parties["ivan"].public_id)}, htmx=True)
    assert chosen.status_code == 200
    assert "Иван Петров" in chosen.text
    with hub.db.read() as session:
        found = session.scalars(select(CallRow.party_id).where(CallRow.id == row.id)).one()
        assert found == story.parties["ivan"].id
        assert session.scalars(select(Identifier.id).where(Identifier.value == "+97236123456")).all() == []


def test_naming_an_unknown_number_takes_its_earlier_calls_along(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        row = stories.call(session, story.account_id, number=NOBODY, rung=[user], at=now(), open=True)
    path = f"/calls/{row.public_id}/assign"
    refused = noa.post(path, {"new_name": " "}, htmx=True)
    assert refused.status_code == 422
    assert "Write a name" in refused.text
    made = noa.post(path, {"new_name": "Noga Regev", "company": "Regev Ltd"}, htmx=True)
    assert made.status_code == 200
    assert "Noga Regev" in made.text
    with hub.db.read() as session:
        party = session.scalars(select(Party).where(Party.name == "Noga Regev")).one()
        assert len(session.scalars(select(Participant.id).where(Participant.party_id == party.id)).all()) == 3
        tasks = session.scalars(select(Task.party_id).where(Task.number == NOBODY)).all()
        assert set(tasks) == {party.id}
    assert noa.get(f"/customers/{party.public_id}").text.count("Missed call") >= 3


def test_an_unknown_number_is_given_to_a_known_customer(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        row = stories.call(session, story.account_id, number=NOBODY, rung=[user], at=now(), open=True)
    offered = noa.get(f"/customers/choose?call={row.public_id}&q=jan", htmx=True).text
    assert str(story.parties["new"].public_id) in offered
    assert noa.get(f"/customers/choose?call={row.public_id}&q=jan").status_code == 200
    assert noa.get("/customers/choose?call=x&q=jan").status_code == 404
    answer = noa.post(f"/calls/{row.public_id}/assign", {"party": str(story.parties["new"].public_id)})
    assert answer.status_code == 303
    assert "050-111-2233" in noa.get(customer(story, "new")).text


def test_a_number_is_ignored(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        row = stories.call(session, story.account_id, number=NOBODY, rung=[user], at=now(), open=True)
    assert noa.post(f"/calls/{row.public_id}/ignore", htmx=True).status_code == 200
    with hub.db.read() as session:
        assert session.get_one(NumberRule, NOBODY).rule == "ignore"
    assert "050-111-2233" not in noa.get("/tasks", htmx=True).text


@pytest.mark.parametrize("htmx", [False, True])
def test_a_note_an_outcome_and_a_call_back_are_kept(hub: Hub, story: Story, noa: Agent, htmx: bool) -> None:
    form = {"note": "Wants a discount", "outcome": "Interested", "call_back": "hour"}
    before = now()
    answer = noa.post(call(story, "missed", "note"), form, htmx=htmx)
    assert answer.status_code == (200 if htmx else 303)
    assert ("data-saved" in answer.text) is htmx
    with hub.db.read() as session:
        row = session.scalars(select(CallRow).where(CallRow.public_id == story.calls["missed"])).one()
        assert row.disposition == "Interested"
        assert session.scalars(select(Note.text).where(Note.call_id == row.id)).all() == ["Wants a discount"]
        task = session.scalars(select(Task).where(Task.kind == TaskKind.CALL_BACK, Task.number == IVAN)).one()
        assert timedelta(minutes=59) < task.due_at - before < timedelta(minutes=61)
        assert task.owner_id == story.users["noa"].id
    assert "Wants a discount" in noa.get(customer(story, "ivan")).text


@pytest.mark.alike
@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Write a note or choose an outcome."),
        ({"note": "typed text", "outcome": "Not on the list"}, "Choose an outcome of the list."),
        ({"note": "typed text", "call_back": "other", "call_back_at": ""}, "in the future"),
        ({"note": "typed text", "call_back": "other", "call_back_at": "2001-01-01T10:00"}, "in the future"),
        ({"note": "typed text", "call_back": "other", "call_back_at": "9999-12-31T23:59"}, "in the future"),
        ({"note": "typed text", "call_back": "other", "call_back_at": "tomorrow"}, "in the future"),
    ],
)
def test_a_wrong_note_is_refused_in_words_and_keeps_what_was_typed(
    story: Story, noa: Agent, form: dict[str, str], words: str
) -> None:
    for htmx in (True, False):
        answer = noa.post(call(story, "missed", "note"), form, htmx=htmx)
        assert answer.status_code == 422
        assert words in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert form.get("note", "") in answer.text


def test_a_draft_is_kept_and_comes_back_in_the_card(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        row = session.scalars(select(CallRow).where(CallRow.public_id == story.calls["ringing"])).one()
        session.add(Pop(call_id=row.id, user_id=story.users["noa"].id, card={}))
    answer = noa.post(call(story, "ringing", "draft"), {"note": "half a <word", "outcome": "Interested", "other": "x"})
    assert (answer.status_code, answer.data) == (204, b"")
    card = noa.get(call(story, "ringing"), htmx=True).text
    assert "half a &lt;word" in card
    assert '<option value="Interested" selected>' in card
    assert noa.post(call(story, "ringing", "dismiss"), htmx=True).status_code == 204
    with hub.db.read() as session:
        assert session.scalars(select(Pop.dismissed_at)).one() is not None


def test_a_draft_for_a_call_that_was_never_shown_is_refused(story: Story, noa: Agent) -> None:
    assert noa.post(call(story, "called", "draft"), {"note": "x"}).status_code == 404


def test_a_live_call_is_handed_on_and_ended(hub: Hub, story: Story, noa: Agent, exchange: Exchange) -> None:
    with hub.db.write() as session:
        user = session.get_one(User, story.users["noa"].id)
        row = stories.call(
            session, story.account_id, number=IVAN, user=user, rung=[user], at=now(), talk_s=9, open=True
        )
        for leg in session.scalars(select(stories.LegRow).where(stories.LegRow.call_id == row.id)):
            leg.ended_at = None
        session.add(Recording(call_id=row.id, path="x.wav", started_at=now()))
    path = f"/calls/{row.public_id}"
    assert "Pause recording" in noa.get(f"{path}/card", htmx=True).text
    paused = noa.post(f"{path}/recording", {"paused": "yes"}, htmx=True)
    assert "Go on recording" in paused.text
    assert noa.post(f"{path}/transfer", {"extension": "102"}, htmx=True).status_code == 200
    assert noa.post(f"{path}/transfer", {"extension": "102", "number": "054-234-5678"}, htmx=True).status_code == 200
    assert noa.post(f"{path}/hangup").status_code == 303
    assert [one for one in exchange.done if one[0] != "pause"] == [
        ("transfer", "PJSIP/100-00000000", "102"), ("transfer", "PJSIP/100-00000000", "0542345678"), ("hang up", "PJSIP/100-00000000"),
    ]  # fmt: skip
    wrong = noa.post(f"{path}/transfer", {"number": "1\r\nAction: Command"}, htmx=True)
    assert wrong.status_code == 422
    exchange.fault = GoneError("gone")
    late = noa.post(f"{path}/hangup", htmx=True)
    assert (late.status_code, "ended already" in late.text) == (422, True)


def test_what_has_ended_cannot_be_ended(story: Story, noa: Agent, exchange: Exchange) -> None:
    answer = noa.post(call(story, "talked", "hangup"), htmx=True)
    assert answer.status_code == 422
    assert "ended already" in answer.text
    assert exchange.done == []


# --- dialling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_a_click_rings_the_own_phone_first(story: Story, noa: Agent, exchange: Exchange, htmx: bool) -> None:
    form = {"number": "054-234-5678", "party": str(story.parties["dana"].public_id)}
    answer = noa.post("/dial", form, htmx=htmx)
    assert answer.status_code == 200
    assert "Pick up your phone" in answer.text
    assert ("<html" in answer.text) is not htmx
    assert exchange.done == [("dial", "101", DANA)]


@pytest.mark.alike
@pytest.mark.parametrize("number", ["", "dana", "12\r\nAction: Originate", "1" * 30, "+"])
def test_what_is_no_number_is_refused_and_nothing_is_sent(
    story: Story, noa: Agent, exchange: Exchange, number: str
) -> None:
    answer = noa.post("/dial", {"number": number}, htmx=True)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert exchange.done == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [(RejectedError("no such extension"), "refused"), (RetryLaterError("down"), "cannot be reached")],
)
def test_what_the_exchange_says_is_said_in_words(
    story: Story, noa: Agent, exchange: Exchange, fault: Exception, words: str
) -> None:
    exchange.fault = fault
    answer = noa.post("/dial", {"number": DANA, "party": "x"}, htmx=True)
    assert answer.status_code == 422
    assert words in answer.text


def test_who_has_no_phone_is_told_so(story: Story, sign_in: Callable[[str], Agent], exchange: Exchange) -> None:
    answer = sign_in("manager").post("/dial", {"number": DANA}, htmx=True)
    assert answer.status_code == 422
    assert "You have no phone" in answer.text


# --- customers ----------------------------------------------------------------------------------------------------


def test_a_customer_is_made_and_shown(hub: Hub, story: Story, noa: Agent) -> None:
    form = {
        "kind": "person",
        "name": "Tomasz Zając",
        "company": "Zając Sp. z o.o.",
        "phone": "+48 22 123 45 67",
        "email": "t@zajac.pl",
    }
    made = noa.post("/customers", form)
    assert made.status_code == 303
    page = noa.get(made.headers["Location"]).text
    for words in (
        "Tomasz Zając",
        "Zając Sp. z o.o.",
        "+48 22 123 45 67",
        "t@zajac.pl",
        "Nothing happened with this customer yet",
    ):
        assert words in page
    assert "Tomasz Zając" in noa.get("/customers").text


def test_a_wrong_customer_keeps_what_was_typed(noa: Agent) -> None:
    answer = noa.post("/customers", {"name": "<Tomasz>", "phone": "hello", "email": "t@zajac.pl"})
    assert answer.status_code == 422
    assert "This is no telephone number." in answer.text
    assert 'value="&lt;Tomasz&gt;"' in answer.text
    assert 'value="t@zajac.pl"' in answer.text
    assert noa.get("/customers/new?number=%2B48221234567&name=Eva").text.count('value="+48221234567"') == 1


def test_the_page_of_a_customer_has_everything_in_one_place(story: Story, noa: Agent) -> None:
    page = noa.get(customer(story)).text
    for words in ("דנה לוי", "054-234-5678", "dana@example.com", "Lewandowski &amp; Syn", "Noa Bar", "VAT exempt till March",
                  "Offer no. 44", "Re: Offer no. 44", "6:12", "Office exchange", "Demo (Google Meet)"):  # fmt: skip
        assert words in page, words
    assert "content only for its owner" in page
    assert "Private matter" not in page
    assert "Nobody else may know" not in page
    assert page.count("<h1") == 1


def test_a_hostile_name_is_inert_on_every_page(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        party = session.get_one(Party, story.parties["dana"].id)
        party.name = "<script>alert(1)</script>\u202egpj.exe\"' onerror="
    for path in ("/", customer(story), "/calls", call(story, "ringing"), "/customers", f"{customer(story)}/edit"):
        page = noa.get(path).text
        assert "<script>alert" not in page, path
        assert "\u202e" not in page, path


def test_filters_live_in_the_address_and_are_remembered(story: Story, sign_in: Callable[[str], Agent]) -> None:
    noa = sign_in("noa")
    path = customer(story)

    def rows(page: str) -> int:
        return page.count("<li data-row")

    assert rows(noa.get(path).text) == 6
    assert rows(noa.get(f"{path}?filters=on&kind=call&kind=meeting", htmx=True).text) == 3
    again = noa.get(path).text
    assert rows(again) == 3
    assert 'value="call" checked' in again
    assert rows(noa.get(f"{path}?filters=on", htmx=True).text) == 6
    assert rows(noa.get(path).text) == 6
    assert rows(noa.get(f"{path}?kind=note").text) == 1
    assert rows(noa.get(path).text) == 6, "an address that somebody sent changes nothing for later"
    assert rows(noa.get(f"{path}?filters=on&find=offer", htmx=True).text) == 1
    assert rows(noa.get(f"{path}?filters=on&by={story.users['amir'].id}", htmx=True).text) == 3
    assert "Nothing matches" in noa.get(f"{path}?filters=on&kind=lead", htmx=True).text
    assert rows(noa.get(f"{path}?filters=on&kind=nonsense&by=x").text) == 6
    assert rows(sign_in("amir").get(path).text) == 7, "his own mail, and nobody else's filters"


def test_older_rows_are_behind_a_button_without_a_second_heading(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        ivan = session.get_one(Party, story.parties["ivan"].id)
        for i in range(45):
            at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=i)
            stories.mail(session, ivan, at=at, summary=f"Mail number {i}", source_url="https://mail.example.com/1")
    first = noa.get(customer(story, "ivan")).text
    assert first.count("<li data-row") == 30
    address = re.search(r'hx-get="(/customers/[^"]+before=[^"]+)"', first)
    assert address is not None
    rest = noa.get(address[1].replace("&amp;", "&"), htmx=True).text
    assert rest.count("<li data-row") == 16
    assert "before=" not in rest
    assert 'class="month"' not in rest, "the month goes on"
    assert "Write a note" not in rest
    assert noa.get(customer(story, "ivan") + "?before=x").status_code == 422


def test_only_web_addresses_of_a_source_become_links(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        ivan = session.get_one(Party, story.parties["ivan"].id)
        stories.mail(
            session, ivan, at=now(), summary="Bad", source_url="javascript:alert(1)", account_id=story.account_id
        )
    assert "javascript:" not in noa.get(customer(story, "ivan")).text


def test_the_body_of_a_row_is_for_who_may_read_it(hub: Hub, story: Story, sign_in: Callable[[str], Agent]) -> None:
    with hub.db.read() as session:
        rows = {row.summary: row.id for row in session.scalars(select(Interaction))}
    for name, summary, status, word in [
        ("noa", "Re: Offer no. 44 — הצעת מחיר", 200, "Sunday"),
        ("noa", "Private matter", 200, "Only its owner"),
        ("amir", "Private matter", 200, "secret words"),
        ("noa", "Nobody else may know", 404, "There is no such"),
    ]:
        for htmx in (True, False):
            answer = sign_in(name).get(f"{customer(story)}/items/{rows[summary]}", htmx=htmx)
            assert answer.status_code == status, (name, summary)
            assert word in answer.text, (name, summary)
    other = f"{customer(story, 'ivan')}/items/{rows['Private matter']}"
    assert sign_in("amir").get(other).status_code == 404, "a row of another customer"


@pytest.mark.parametrize("htmx", [False, True])
def test_details_are_edited(story: Story, noa: Agent, htmx: bool) -> None:
    path = f"{customer(story, 'ivan')}/edit"
    assert 'value="Иван Петров"' in noa.get(path, htmx=htmx).text
    form = {"name": "Иван Сидоров", "company": "Фирма Ромашка", "owner": str(story.users["amir"].id)}
    answer = noa.post(path, form, htmx=htmx)
    assert answer.status_code == (200 if htmx else 303)
    page = noa.get(customer(story, "ivan")).text
    assert "Иван Сидоров" in page
    assert "Фирма Ромашка" in page
    assert "Amir Katz" in page
    wrong = noa.post(path, {"name": "", "company": "Typed"}, htmx=htmx)
    assert wrong.status_code == 422
    assert "Typed" in wrong.text


def test_numbers_and_addresses_come_and_go(hub: Hub, story: Story, noa: Agent) -> None:
    path = f"{customer(story, 'new')}/identifiers"
    assert "054-999-8877" in noa.post(path, {"value": "0549998877"}, htmx=True).text
    assert "jan@nowy.pl" in noa.post(path, {"value": "Jan@Nowy.PL"}, htmx=True).text
    wrong = noa.post(path, {"value": "hello"}, htmx=True)
    assert (wrong.status_code, 'value="hello"' in wrong.text) == (422, True)
    with hub.db.read() as session:
        number = session.scalars(select(Identifier.id).where(Identifier.value == "jan@nowy.pl")).one()
    assert "jan@nowy.pl" not in noa.post(f"{path}/{number}/remove", htmx=True).text
    assert noa.post(f"{path}/{number}/remove", htmx=True).status_code == 404


def test_a_note_is_written_pinned_changed_and_deleted(hub: Hub, story: Story, sign_in: Callable[[str], Agent]) -> None:
    noa, path = sign_in("noa"), f"{customer(story, 'ivan')}/notes"
    empty = noa.post(path, {"note": " "}, htmx=True)
    assert (empty.status_code, "Write the note first." in empty.text) == (422, True)
    assert "Prefers Russian" in noa.post(path, {"note": "Prefers Russian", "pinned": "yes"}, htmx=True).text
    with hub.db.read() as session:
        note = session.scalars(select(Note).where(Note.text == "Prefers Russian")).one()
    one = f"{path}/{note.public_id}"
    assert noa.post(f"{one}/edit", {"note": "Prefers Polish"}).status_code == 303
    assert "Prefers Polish" in noa.get(customer(story, "ivan")).text
    assert noa.post(f"{one}/unpin", htmx=True).status_code == 200
    amir = sign_in("amir")
    assert amir.post(f"{one}/remove", htmx=True).status_code in {403, 422}
    other = f"{customer(story)}/notes/{note.public_id}/pin"
    assert noa.post(other, htmx=True).status_code in {404, 422}, "a note of another customer"
    assert "Prefers Polish" not in noa.post(f"{one}/remove", htmx=True).text


def test_a_call_back_is_promised(hub: Hub, story: Story, noa: Agent) -> None:
    path = f"{customer(story, 'ivan')}/call-back"
    answer = noa.post(path, {"call_back": "tomorrow", "title": "Contract"}, htmx=True)
    assert answer.status_code == 200
    with hub.db.read() as session:
        task = session.scalars(select(Task).where(Task.title == "Contract")).one()
        assert (task.number, task.kind, task.owner_id) == (IVAN, TaskKind.CALL_BACK, story.users["noa"].id)
    wrong = noa.post(path, {"call_back": "other", "call_back_at": "2001-01-01T00:00", "title": "typed"}, htmx=True)
    assert (wrong.status_code, 'value="typed"' in wrong.text) == (422, True)


def test_the_address_of_a_merged_customer_leads_to_who_they_are_now(hub: Hub, story: Story, noa: Agent) -> None:
    with hub.db.write() as session:
        old = session.get_one(Party, story.parties["ivan"].id)
        old.status, old.merged_into = "merged", story.parties["dana"].id
    answer = noa.get(customer(story, "ivan"))
    assert answer.status_code == 302, "browsers keep a 301 for ever, and a merge can be taken back"
    page = noa.get(answer.headers["Location"]).text
    assert "1 merged record" in page
    assert page.count("<li data-row") == 7, "the rows of both"
    assert noa.get(f"/customers/{uuid4()}").status_code == 404


# --- search -------------------------------------------------------------------------------------------------------


def test_search_shows_customers_and_what_is_known_of_a_number(story: Story, noa: Agent) -> None:
    page = noa.get("/search?q=lewandowski").text
    assert "דנה לוי" in page
    assert "<html" not in noa.get("/search?q=x", htmx=True).text
    unknown = noa.get("/search?q=050-111-2233").text
    assert "No customer matches." in unknown
    assert unknown.count('class="missed"') == 3
    assert "/customers/new?number=" in unknown
    assert "Type a name" in noa.get("/search").text
    assert "&lt;script&gt;" in noa.get("/search?q=<script>").text


# --- recordings ---------------------------------------------------------------------------------------------------


def listened(hub: Hub) -> int:
    with hub.db.read() as session:
        return len(session.scalars(select(Audit.id).where(Audit.action == "recording.heard")).all())


def test_a_recording_comes_in_ranges(hub: Hub, story: Story, noa: Agent, exchange: Exchange) -> None:
    path = f"/recordings/{story.recordings['talked']}"
    whole = noa.get(path)
    assert (whole.status_code, whole.data, whole.content_type) == (200, SOUND, "audio/wav")
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Disposition"] == "inline"
    size = len(SOUND)
    for asked, start, stop in [("bytes=0-", 0, size), ("bytes=100-199", 100, 200), ("bytes=-50", size - 50, size),
                               ("bytes=10000-99999", 10000, size)]:  # fmt: skip
        part = noa.get(path, headers={"Range": asked})
        assert part.status_code == 206, asked
        assert part.data == SOUND[start:stop], asked
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}", asked
        assert part.content_length == stop - start
    outside = noa.get(path, headers={"Range": f"bytes={size}-"})
    assert (outside.status_code, outside.headers["Content-Range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=0-1,5-6", "items=0-5", "bytes=x"):
        assert noa.get(path, headers={"Range": ignored}).status_code == 200, ignored
    changed = noa.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert changed.status_code == 200
    same = noa.get(path, headers={"Range": "bytes=0-9", "If-Range": whole.headers["ETag"]})
    assert same.status_code == 206


def test_each_listening_is_one_line_of_the_audit(
    hub: Hub, story: Story, sign_in: Callable[[str], Agent], exchange: Exchange
) -> None:
    path = f"/recordings/{story.recordings['talked']}"
    noa = sign_in("noa")
    for start in (0, 2000, 4000, 100):
        noa.get(path, headers={"Range": f"bytes={start}-"})
    assert listened(hub) == 1
    with hub.db.write() as session:
        line = session.scalars(select(Audit).where(Audit.action == "recording.heard")).one()
        assert (line.actor, line.subject_id) == ("noa@example.com", str(story.recordings["talked"]))
        line.at -= timedelta(minutes=1)
    noa.get(path, headers={"Range": "bytes=0-"})
    assert listened(hub) == 2, "played again"
    sign_in("manager").get(path, headers={"Range": "bytes=500-"})
    assert listened(hub) == 3, "leaving the beginning out hides nothing"


def test_who_did_not_take_part_hears_nothing(
    hub: Hub, story: Story, sign_in: Callable[[str], Agent], exchange: Exchange
) -> None:
    with hub.db.write() as session:
        row = session.scalars(select(CallRow).where(CallRow.public_id == story.calls["called"])).one()
        sound = Recording(call_id=row.id, path="y.wav", state=RecordingState.READY, started_at=row.started_at, size=9)
        session.add(sound)
    path = f"/recordings/{sound.public_id}"
    assert sign_in("noa").get(path).status_code == 403
    assert listened(hub) == 0
    assert sign_in("amir").get(path).status_code == 200
    assert sign_in("noa").get(f"/recordings/{uuid4()}").status_code == 404


@pytest.mark.alike
@pytest.mark.parametrize("state", [s for s in RecordingState if s is not RecordingState.READY])
def test_why_there_is_nothing_to_hear_is_said_in_words(
    hub: Hub, story: Story, noa: Agent, exchange: Exchange, state: RecordingState
) -> None:
    with hub.db.write() as session:
        row = session.scalars(select(Recording).where(Recording.public_id == story.recordings["talked"])).one()
        row.state = state
    answer = noa.get(f"/recordings/{story.recordings['talked']}")
    assert answer.status_code == 404
    assert "recording" in answer.text
    assert "<audio" not in noa.get(customer(story)).text
    assert listened(hub) == 0


def test_a_file_that_is_gone_is_said_in_words(hub: Hub, story: Story, noa: Agent, exchange: Exchange) -> None:
    exchange.fault = GoneError("gone")
    answer = noa.get(f"/recordings/{story.recordings['talked']}")
    assert (answer.status_code, "never found" in answer.text) == (404, True)
    exchange.fault = RetryLaterError("down")
    assert noa.get(f"/recordings/{story.recordings['talked']}").status_code == 503


def test_a_strange_type_is_never_run_as_a_page(hub: Hub, story: Story, noa: Agent, exchange: Exchange) -> None:
    with hub.db.write() as session:
        session.scalars(select(Recording)).one().content_type = "text/html"
    answer = noa.get(f"/recordings/{story.recordings['talked']}")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
