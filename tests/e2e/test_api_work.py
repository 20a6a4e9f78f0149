"""Notes, tasks, connections and raw records through the API, and requests that are repeated."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy import text as sql

from hub.connector.contract import Delivered
from hub.context import Hub
from hub.identity.models import Party
from hub.intake import receive
from hub.intake.models import RawRecord, RawState, StreamState
from hub.security.models import Idempotency, User
from hub.store.base import now
from hub.timeline import tasks as task_rows
from hub.timeline.models import Interaction, Note, Task, TaskKind, TaskMember
from hub.web.api import idempotency
from tests.e2e.test_field_races import begin, wait_until_one_waits, where_several_write
from tests.fakes.api import ApiClient, Office, add_call, office
from tests.fakes.exchange import SECRET, FakeExchange

NOBODY = "018f0000-0000-7000-8000-000000000000"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TOMORROW = "2026-11-23T10:00:00+02:00"


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


# --- notes --------------------------------------------------------------------------------------------------------


def test_a_note_about_a_call_replaces_ones_own_former_one(desk: Office) -> None:
    with desk.hub.db.write() as session:
        call = str(add_call(session, desk.account, "one", START, [desk.agent]).public_id)
    for text in ("first", "second"):
        note = desk.as_agent.post("/notes", {"call": call, "text": text})
        assert (note.status_code, note.get_json()["call"]) == (201, call)
    with desk.hub.db.read() as session:
        assert session.scalars(select(Note.text)).all() == ["second"]


@where_several_write
def test_a_question_is_closed_while_somebody_puts_a_file_with_it(desk: Office) -> None:
    party = desk.as_agent.post("/parties", {"name": "Dana"}).get_json()["id"]
    asked = desk.as_agent.post("/notes", {"party": party, "text": "Where is it?", "kind": "question"}).get_json()["id"]
    with desk.hub.db.write() as session:
        # As whoever puts a file with a note goes: the note, then its row on the timeline.
        note = session.scalars(select(Note).where(Note.public_id == UUID(asked)).with_for_update()).one()
        thread, came = begin(lambda: desk.as_manager.post(f"/notes/{asked}/close").status_code)
        wait_until_one_waits(desk)
        session.execute(sql("SET LOCAL lock_timeout = '5s'"))
        session.execute(update(Interaction).where(Interaction.id == note.interaction_id).values(summary="A file"))
    thread.join()
    assert came == [200], "it waited, and neither had to be asked again"


def test_wrong_notes_are_refused_by_field(desk: Office) -> None:
    with desk.hub.db.write() as session:
        strange = str(add_call(session, desk.account, "strange", START, [desk.colleague]).public_id)
    party = desk.as_agent.post("/parties", {"name": "Dana"}).get_json()["id"]
    for body, field in (
        ({"party": party}, "text"),
        ({"party": party, "text": " \n "}, "text"),
        ({"party": party, "text": "x" * 20_001}, "text"),
        ({"text": "x"}, ""),
        ({"text": "x", "party": party, "call": strange}, ""),
        ({"text": "x", "party": NOBODY}, "party"),
        ({"text": "x", "call": NOBODY}, "call"),
        ({"text": "x", "call": strange}, "call"),
        ({"text": 5, "party": party}, "text"),
    ):
        answer = desk.as_agent.post("/notes", body)
        assert (answer.status_code, answer.get_json()["field"]) == (422, field), body


# --- tasks --------------------------------------------------------------------------------------------------------


def test_a_task_is_written_down_listed_and_ticked_off(desk: Office) -> None:
    party = desk.as_agent.post("/parties", {"name": "Dana"}).get_json()["id"]
    task = desk.as_agent.post(
        "/tasks", {"title": "Offer", "kind": "call_back", "due_at": TOMORROW, "party": party, "number": "054-2345678"}
    )
    assert task.status_code == 201
    shape = task.get_json()
    assert (shape["due_at"], shape["number"], shape["owner"]["name"]) == (
        "2026-11-23T08:00:00Z",
        "+972542345678",
        "Noa",
    )
    assert [one["id"] for one in desk.as_agent.get("/tasks").get_json()["items"]] == [shape["id"]]
    assert [one["id"] for one in desk.as_agent.get(f"/tasks?party={party}").get_json()["items"]] == [shape["id"]]
    done = desk.as_agent.post(f"/tasks/{shape['id']}/done").get_json()
    assert (done["closed"], done["task"]["done_by"]["name"], done["task"]["done_reason"]) == (1, "Noa", "person")
    assert desk.as_agent.post(f"/tasks/{shape['id']}/done").get_json()["closed"] == 0
    assert desk.as_agent.get("/tasks").get_json()["items"] == []
    assert len(desk.as_agent.get("/tasks?state=done").get_json()["items"]) == 1
    assert len(desk.as_agent.get("/tasks?state=all&kind=call_back").get_json()["items"]) == 1


def test_tasks_come_page_by_page_the_most_urgent_first(desk: Office) -> None:
    for n in (3, 1, 2, 1, 5):
        desk.as_agent.post("/tasks", {"title": f"{n}", "due_at": f"2026-11-2{n}T10:00:00Z"})
    for limit in (1, 2, 5):
        assert [one["title"] for page in desk.as_agent.pages("/tasks", limit) for one in page] == list("11235")


def test_an_agent_sees_no_tasks_of_colleagues(desk: Office) -> None:
    with desk.hub.db.write() as session:
        colleague = session.get_one(User, desk.colleague.id)
        task = task_rows.add(session, None, title="private", due_at=now(), owner_id=colleague.id)
        call = add_call(session, desk.account, "m", START, [desk.agent])
        missed = Task(kind=TaskKind.MISSED_CALL, call_id=call.id, number="+972542345678", due_at=START)
        session.add(missed)
        session.flush()
        session.add(TaskMember(task_id=missed.id, user_id=desk.agent.id))
        theirs, ours = str(task.public_id), str(missed.public_id)
    assert [one["id"] for one in desk.as_agent.get("/tasks").get_json()["items"]] == [ours]
    assert {one["id"] for one in desk.as_manager.get("/tasks").get_json()["items"]} == {ours, theirs}
    assert desk.as_agent.post(f"/tasks/{theirs}/done").status_code == 404
    shown = desk.as_agent.post(f"/tasks/{ours}/done").get_json()["task"]
    assert (shown["kind"], shown["call"]) == (TaskKind.MISSED_CALL, str(call.public_id))
    only_theirs = desk.as_manager.get(f"/tasks?owner={desk.colleague.public_id}").get_json()["items"]
    assert [one["id"] for one in only_theirs] == [theirs]


def test_wrong_tasks_are_refused_by_field(desk: Office) -> None:
    for body, field in (
        ({"title": "x"}, "due_at"),
        ({"title": "x", "due_at": "tomorrow"}, "due_at"),
        ({"title": "x", "due_at": "2026-11-23T10:00:00"}, "due_at"),
        ({"title": "x", "due_at": "9999-12-31T23:59:59-05:00"}, "due_at"),
        ({"due_at": TOMORROW}, ""),
        ({"title": "x", "due_at": TOMORROW, "kind": "missed_call"}, "kind"),
        ({"title": "x", "due_at": TOMORROW, "owner": NOBODY}, "owner"),
        ({"title": "x", "due_at": TOMORROW, "party": NOBODY}, "party"),
        ({"title": "x" * 501, "due_at": TOMORROW}, "title"),
    ):
        answer = desk.as_agent.post("/tasks", body)
        assert (answer.status_code, answer.get_json()["field"]) == (422, field), body
    assert desk.as_agent.post(f"/tasks/{NOBODY}/done").status_code == 404


# --- connections and raw records ----------------------------------------------------------------------------------


def test_connections_are_shown_without_their_secrets(desk: Office) -> None:
    with desk.hub.db.write() as session:
        session.add(StreamState(account_id=desk.account.id, stream="calls", last_error="late", counts={"read": 3}))
    answer = desk.as_admin.get("/accounts")
    [account] = answer.get_json()["items"]
    assert (account["name"], account["connector"], account["health"]) == ("Office", "fakepbx", "never_run")
    assert SECRET not in answer.get_data(as_text=True)
    [stream] = desk.as_admin.get(f"/accounts/{account['id']}/streams").get_json()["items"]
    assert (stream["stream"], stream["last_error"], stream["counts"]) == ("calls", "late", {"read": 3})
    assert desk.as_admin.get(f"/accounts/{NOBODY}/streams").status_code == 404


def raw_record(desk: Office, remote_id: str, state: RawState, error: str = "") -> str:
    with desk.hub.db.write() as session:
        row, _ = receive.keep(session, desk.account.id, Delivered("things", remote_id, {"id": remote_id, "x": "שלום"}))
        row.state, row.error, row.attempts = state, error, 3
        return str(row.public_id)


def test_what_was_set_aside_is_listed_with_its_reason_and_tried_again(desk: Office) -> None:
    wait = raw_record(desk, "1", RawState.SET_ASIDE, "field phone: not a number")
    raw_record(desk, "2", RawState.APPLIED)
    [record] = desk.as_admin.get(f"/raw-records?state=set_aside&account={desk.account.public_id}").get_json()["items"]
    assert (record["id"], record["error"]) == (wait, "field phone: not a number")
    assert record["payload"] == {"id": "1", "x": "שלום"}
    assert record["account"]["name"] == "Office"
    again = desk.as_admin.post(f"/raw-records/{wait}/retry")
    assert (again.status_code, again.get_json()["state"], again.get_json()["attempts"]) == (202, "kept", 0)
    assert desk.as_admin.post(f"/raw-records/{wait}/retry").status_code == 202
    assert len(desk.as_admin.get("/raw-records").get_json()["items"]) == 2
    assert len(desk.as_admin.pages("/raw-records?stream=things", 1)) == 2


def test_what_was_applied_cannot_be_tried_again(desk: Office) -> None:
    applied = raw_record(desk, "1", RawState.APPLIED)
    assert desk.as_admin.post(f"/raw-records/{applied}/retry").status_code == 409
    assert desk.as_admin.post(f"/raw-records/{NOBODY}/retry").status_code == 404
    assert desk.as_agent.post(f"/raw-records/{applied}/retry").status_code == 403
    assert desk.as_admin.get(f"/raw-records?account={NOBODY}").status_code == 404


# --- the same request again ---------------------------------------------------------------------------------------


def parties(desk: Office) -> int:
    with desk.hub.db.read() as session:
        return session.scalar(select(func.count()).select_from(Party)) or 0


def test_a_repeated_request_has_its_effect_once_and_the_same_answer(desk: Office) -> None:
    first = desk.as_agent.post("/parties", {"name": "Dana"}, key="k-1")
    again = desk.as_agent.ask(
        "POST",
        "/parties",
        headers={"Idempotency-Key": "k-1"},
        data=b' { "name" : "Dana" }',  # other blanks, the same request
        content_type="application/json",
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert parties(desk) == 1


def test_a_key_of_another_request_is_refused(desk: Office) -> None:
    desk.as_agent.post("/parties", {"name": "Dana"}, key="k")
    for path, body in (("/parties", {"name": "Omri"}), ("/tasks", {"title": "Dana", "due_at": TOMORROW})):
        answer = desk.as_agent.post(path, body, key="k")
        assert (answer.status_code, answer.get_json()["error_id"]) == (422, "idempotency_key_reused")
    assert desk.as_manager.post("/parties", {"name": "Omri"}, key="k").status_code == 201, "keys belong to one token"


def test_a_request_that_failed_does_not_use_up_its_key(desk: Office) -> None:
    assert desk.as_agent.post("/parties", {"name": "X", "company": NOBODY}, key="k").status_code == 422
    with desk.hub.db.read() as session:
        assert session.scalars(select(Idempotency)).all() == []
    assert desk.as_agent.post("/parties", {"name": "X"}, key="k").status_code == 201


def test_odd_keys_are_refused(desk: Office) -> None:
    for key in ("", "x" * 256, "tab\tin it"):
        answer = desk.as_agent.post("/parties", {"name": "X"}, key=key)
        assert (answer.status_code, answer.get_json()["error_id"]) == (400, "bad_idempotency_key"), key
    assert parties(desk) == 0


def test_a_request_that_still_runs_elsewhere_is_a_conflict(desk: Office) -> None:
    with desk.hub.db.write() as session:
        token = session.scalars(select(Idempotency.token_id)).first()
        assert token is None
    desk.as_agent.post("/calls", {"number": "+972542345678"}, key="k")
    with desk.hub.db.write() as session:
        row = session.scalars(select(Idempotency)).one()
        row.status, row.at = None, now()
    answer = desk.as_agent.post("/calls", {"number": "+972542345678"}, key="k")
    assert (answer.status_code, answer.get_json()["error_id"]) == (409, "still_running")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(desk.exchange.orders) == 1


def test_the_same_request_at_the_same_time_has_one_effect(desk: Office) -> None:
    answers: list[tuple[int, bytes]] = []
    ready = threading.Barrier(6)

    def send() -> None:
        client = ApiClient(desk.app.test_client(), desk.as_agent.token)
        ready.wait(20)
        answer = client.post("/parties", {"name": "Dana"}, key="race")
        answers.append((answer.status_code, answer.data))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 6
    assert parties(desk) == 1
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1


def test_a_crash_before_the_commit_leaves_neither_effect_nor_key(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(idempotency, "finish", crash)
    assert desk.as_agent.post("/parties", {"name": "Dana"}, key="k").status_code == 500
    assert parties(desk) == 0
    monkeypatch.undo()
    assert desk.as_agent.post("/parties", {"name": "Dana"}, key="k").status_code == 201
    assert parties(desk) == 1


def test_old_keys_are_forgotten(desk: Office) -> None:
    desk.as_agent.post("/parties", {"name": "Dana"}, key="old")
    desk.as_agent.post("/parties", {"name": "Dana"}, key="new")
    with desk.hub.db.write() as session:
        session.scalars(select(Idempotency).where(Idempotency.key == "old")).one().at = now() - timedelta(days=3)
    with desk.hub.db.write() as session:
        assert idempotency.forget(session) == 1
    with desk.hub.db.read() as session:
        assert session.scalars(select(Idempotency.key)).all() == ["new"]
        assert session.scalars(select(RawRecord)).all() == []
