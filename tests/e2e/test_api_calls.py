"""Calls, the telephone and recordings through the API."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from hub.context import Hub
from hub.cti.models import Click, Recording, RecordingState, SegmentRow, TransferRow
from hub.errors import AuthError, GoneError, RejectedError, RetryLaterError
from hub.security.models import Audit, Idempotency, User
from tests.fakes.api import Office, add_call, office
from tests.fakes.exchange import FakeExchange

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NUMBER = "+972542345678"


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def calls_of_a_day(desk: Office, amount: int = 7) -> list[str]:
    """Every second call rang at the agent; two begin in the same moment."""
    with desk.hub.db.write() as session:
        rows = [
            add_call(
                session,
                desk.account,
                f"k{n}",
                START + timedelta(minutes=n // 2),
                [desk.agent if n % 2 else desk.colleague],
                outcome="answered" if n % 3 else "missed",
                number=NUMBER if n < 2 else "+97231234567",
                ended_at=START + timedelta(minutes=9),
            )
            for n in range(amount)
        ]
        return [str(row.public_id) for row in rows]


def talking(desk: Office, user: User, key: str = "now") -> str:
    """A call that is going on at a user's phone, recorded."""
    with desk.hub.db.write() as session:
        call = add_call(session, desk.account, key, START, [user], open=True, outcome="", state={})
        session.add(Recording(call_id=call.id, path="/rec/now.wav", started_at=START))
        return str(call.public_id)


def recorded(desk: Office, user: User, sound: bytes, state: str = RecordingState.READY) -> str:
    desk.exchange.files["/rec/one.wav"] = sound
    with desk.hub.db.write() as session:
        call = add_call(session, desk.account, "recorded", START, [user], outcome="answered")
        row = Recording(
            call_id=call.id, path="/rec/one.wav", started_at=START, state=state, sha256="ab12", size=len(sound)
        )
        session.add(row)
        session.flush()
        return str(row.public_id)


def test_pages_of_calls_have_each_call_once_newest_first(desk: Office) -> None:
    ids = calls_of_a_day(desk)
    for limit in (1, 2, 3, 7, 50):
        pages = desk.as_manager.pages("/calls", limit)
        assert [call["id"] for page in pages for call in page] == list(reversed(ids)), limit
        assert all(len(page) <= limit for page in pages)


def test_a_page_goes_on_where_it_was_though_calls_came_in_between(desk: Office) -> None:
    ids = calls_of_a_day(desk)
    first = desk.as_manager.get("/calls?limit=3").get_json()
    with desk.hub.db.write() as session:
        add_call(session, desk.account, "newer", START + timedelta(hours=1))
    rest = desk.as_manager.get(f"/calls?limit=50&after={first['next']}").get_json()
    assert [call["id"] for call in first["items"] + rest["items"]] == list(reversed(ids))


def test_an_agent_sees_the_calls_that_rang_at_them_and_no_others(desk: Office) -> None:
    ids = calls_of_a_day(desk)
    mine = {ids[n] for n in range(7) if n % 2}
    assert {call["id"] for call in desk.as_agent.get("/calls").get_json()["items"]} == mine
    for call in ids:
        expected = 200 if call in mine else 404
        assert desk.as_agent.get(f"/calls/{call}").status_code == expected
        assert desk.as_manager.get(f"/calls/{call}").status_code == 200


def test_calls_are_found_by_what_is_asked_for(desk: Office) -> None:
    ids = calls_of_a_day(desk)

    def found(query: str) -> list[str]:
        return [call["id"] for call in desk.as_manager.get(f"/calls?{query}").get_json()["items"]]

    assert found("outcome=missed") == [ids[6], ids[3], ids[0]]
    assert len(found("outcome=missed,answered")) == len(found("outcome=missed&outcome=answered")) == 7
    assert found("number=054-234-5678") == found("number=%2B972542345678") == [ids[1], ids[0]]
    assert found("since=2026-11-20T09:03:00Z") == [ids[6]]
    assert found("since=2026-11-20T11:01:00%2B02:00&until=2026-11-20T09:02:00Z") == [ids[3], ids[2]]
    assert found("direction=outbound") == []
    assert found("open=true") == []
    assert len(found("open=false")) == 7


def test_a_call_has_everything_that_is_promised(desk: Office) -> None:
    with desk.hub.db.write() as session:
        call = add_call(
            session, desk.account, "whole", START, [desk.agent, desk.colleague], outcome="answered", number=NUMBER,
            caller="0542345678", did="037777777", queue="sales", ringing_at=START, answered_at=START + timedelta(seconds=4),
            ended_at=START + timedelta(seconds=64), talk_s=60.0,
        )  # fmt: skip
        session.add(
            TransferRow(call_id=call.id, at=START, kind="blind", source="101", target="102", result="completed")
        )
        session.add(SegmentRow(call_id=call.id, leg="whole-0", extension="101", started_at=START, ended_at=START))
        session.add(Recording(call_id=call.id, path="/secret/path.wav", started_at=START))
        call_id = str(call.public_id)
    answer = desk.as_agent.get(f"/calls/{call_id}")
    shape = answer.get_json()
    assert (shape["pbx"], shape["direction"], shape["outcome"], shape["source"]) == (
        "Office",
        "inbound",
        "answered",
        "live",
    )
    assert (shape["caller"], shape["did"], shape["queue"], shape["talk_s"]) == (
        "0542345678",
        "037777777",
        "sales",
        60.0,
    )
    assert shape["started_at"] == "2026-11-20T09:00:00Z"
    assert [(leg["extension"], leg["user"]) for leg in shape["legs"]] == [
        ("101", "noa@example.com"),
        ("102", "omer@example.com"),
    ]
    assert [(t["from"], t["to"], t["kind"]) for t in shape["transfers"]] == [("101", "102", "blind")]
    assert len(shape["recordings"]) == 1
    assert "/secret/path" not in answer.get_data(as_text=True), "a path never leaves the hub"


def test_a_withheld_number_is_neither_shown_nor_found(desk: Office) -> None:
    with desk.hub.db.write() as session:
        add_call(session, desk.account, "hidden", START, caller=NUMBER, number=NUMBER, withheld=True)
    text = desk.as_manager.get("/calls").get_data(as_text=True)
    assert "2345678" not in text
    assert desk.as_manager.get(f"/calls?number={NUMBER.replace('+', '%2B')}").get_json()["items"] == []


# --- the telephone ------------------------------------------------------------------------------------------------


def test_click_to_dial_rings_ones_own_phone_and_dials_the_number(desk: Office) -> None:
    answer = desk.as_agent.post("/calls", {"extension": "101", "number": "054-234-5678"})
    assert answer.status_code == 201
    [order] = desk.exchange.orders
    assert (order.extension, order.number) == ("101", NUMBER)
    assert answer.get_json()["click_id"] == order.click_id


def test_the_order_is_committed_before_the_exchange_hears_of_it(desk: Office) -> None:
    seen: list[str] = []

    def look() -> None:
        with desk.hub.db.read() as session:
            seen.extend(session.scalars(select(Click.number)))

    desk.exchange.before_dial = look
    assert desk.as_agent.post("/calls", {"number": NUMBER}).status_code == 201
    assert seen == [NUMBER]


def test_the_database_is_free_while_the_exchange_is_asked(desk: Office) -> None:
    def write() -> None:
        with desk.hub.db.write() as session:
            session.get_one(User, desk.agent.id).language = "he"

    desk.exchange.before_dial = write
    assert desk.as_agent.post("/calls", {"number": NUMBER}).status_code == 201


def test_what_cannot_be_dialled_is_refused_and_nothing_is_sent(desk: Office) -> None:
    wrong: list[tuple[dict[str, str], str, str]] = [
        ({"number": "abc"}, "bad_number", "number"),
        ({"number": "054\r\nAction: Command"}, "bad_number", "number"),
        ({"number": NUMBER, "extension": "102"}, "no_extension", "extension"),
        ({"number": NUMBER, "extension": "999"}, "no_extension", "extension"),
        ({"number": ""}, "invalid", "number"),
        ({"extension": "101"}, "invalid", "number"),
        ({"number": NUMBER, "party": "018f0000-0000-7000-8000-000000000000"}, "unknown_party", "party"),
    ]
    for body, error_id, field in wrong:
        answer = desk.as_agent.post("/calls", body, key="k")
        said = answer.get_json()
        assert (answer.status_code, said["error_id"], said["field"]) == (422, error_id, field), body
    assert desk.exchange.orders == []
    again = desk.as_agent.post("/calls", {"number": NUMBER}, key="k")
    assert again.status_code == 201, "a refused request does not use up its key"


def test_a_program_must_say_which_phone(desk: Office) -> None:
    assert desk.as_program.post("/calls", {"number": NUMBER}).get_json()["error_id"] == "no_extension"
    assert desk.as_program.post("/calls", {"number": NUMBER, "extension": "102"}).status_code == 201


def test_the_same_key_rings_nobody_twice(desk: Office) -> None:
    first = desk.as_agent.post("/calls", {"number": NUMBER}, key="once")
    second = desk.as_agent.post("/calls", {"number": NUMBER}, key="once")
    assert first.get_json() == second.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(desk.exchange.orders) == 1


def test_a_hub_that_died_after_the_order_does_not_give_it_again(desk: Office) -> None:
    first = desk.as_agent.post("/calls", {"number": NUMBER}, key="once").get_json()
    with desk.hub.db.write() as session:  # as if it had died before the answer was kept
        key = session.scalars(select(Idempotency)).one()
        key.status, key.body, key.at = None, first["click_id"].removeprefix("hub-"), START
    second = desk.as_agent.post("/calls", {"number": NUMBER}, key="once")
    assert second.status_code == 201
    assert second.get_json()["click_id"] == first["click_id"]
    assert len(desk.exchange.orders) == 1


def test_an_exchange_that_is_away_is_a_503_and_its_key_is_used_up(desk: Office) -> None:
    desk.exchange.fails = RetryLaterError("the exchange cannot be reached")
    first = desk.as_agent.post("/calls", {"number": NUMBER}, key="once")
    assert (first.status_code, first.get_json()["error_id"]) == (503, "exchange_down")
    desk.exchange.fails = None
    again = desk.as_agent.post("/calls", {"number": NUMBER}, key="once")
    assert (again.status_code, again.mimetype) == (503, "application/problem+json")
    assert desk.exchange.orders == [], "it may have rung the first time: a new key is a new wish"
    assert desk.as_agent.post("/calls", {"number": NUMBER}, key="again").status_code == 201


def test_an_exchange_that_refuses_says_why(desk: Office) -> None:
    desk.exchange.fails = RejectedError("Extension does not exist")
    answer = desk.as_agent.post("/calls", {"number": NUMBER})
    assert (answer.status_code, answer.get_json()["error_id"]) == (409, "refused")
    assert "Extension does not exist" in answer.get_json()["detail"]


def test_a_call_of_ones_own_is_ended_handed_on_and_its_recording_paused(desk: Office) -> None:
    call = talking(desk, desk.agent)
    assert desk.as_agent.post(f"/calls/{call}/recording", {"paused": True}).status_code == 204
    assert desk.as_agent.post(f"/calls/{call}/recording", {"paused": False}).status_code == 204
    assert [paused for _, paused in desk.exchange.pauses] == [True, False]
    assert desk.as_agent.post(f"/calls/{call}/transfer", {"extension": "102"}).status_code == 204
    assert desk.exchange.transfers == [("PJSIP/101-now", "102")]
    assert desk.as_agent.post(f"/calls/{call}/hangup").status_code == 204
    assert desk.exchange.ended == ["PJSIP/101-now"]
    with desk.hub.db.read() as session:
        done = set(session.scalars(select(Audit.action)))
    assert {"recording.paused", "recording.resumed", "call.transferred", "call.hung_up"} <= done


def test_the_database_is_free_while_a_call_is_ended_handed_on_or_its_recording_paused(desk: Office) -> None:
    call = talking(desk, desk.agent)
    wrote: list[str] = []

    def write() -> None:
        with desk.hub.db.write() as session:
            session.get_one(User, desk.agent.id).language = "he"
        wrote.append("in time")

    desk.exchange.before_act = write
    for what, body in (("recording", {"paused": True}), ("transfer", {"extension": "102"}), ("hangup", None)):
        assert desk.as_agent.post(f"/calls/{call}/{what}", body).status_code == 204
    assert len(wrote) == 3
    with desk.hub.db.read() as session:
        assert session.scalars(select(Recording.paused_at)).one() is not None


def test_what_the_exchange_refuses_is_in_the_audit_and_changes_no_row(desk: Office) -> None:
    call = talking(desk, desk.agent)
    asked = (
        ("recording", {"paused": True}, "recording.pause_refused"),
        ("recording", {"paused": False}, "recording.resume_refused"),
        ("transfer", {"extension": "102"}, "call.transfer_refused"),
        ("hangup", None, "call.hang_up_refused"),
    )
    for fails, why in (
        (RejectedError("no right"), "refused"),
        (RetryLaterError("away"), "exchange_down"),
        (AuthError("secret"), "exchange_down"),
        (GoneError("over"), "ended"),
    ):
        desk.exchange.fails = fails
        for what, body, action in asked:
            answer = desk.as_agent.post(f"/calls/{call}/{what}", body)
            assert answer.get_json()["error_id"] == why
            with desk.hub.db.read() as session:
                line = session.scalars(select(Audit).order_by(Audit.id.desc())).first()
                assert line is not None
                assert (line.action, line.detail["why"], line.user_id) == (action, why, desk.agent.id)
    with desk.hub.db.read() as session:
        assert session.scalars(select(Recording.paused_at)).all() == [None]


def test_a_colleagues_call_cannot_be_touched(desk: Office) -> None:
    call = talking(desk, desk.colleague)
    for what, body in (("hangup", None), ("transfer", {"extension": "101"}), ("recording", {"paused": True})):
        assert desk.as_agent.post(f"/calls/{call}/{what}", body).status_code == 404
        assert desk.as_manager.post(f"/calls/{call}/{what}", body).status_code == 409
    assert (desk.exchange.ended, desk.exchange.transfers, desk.exchange.pauses) == ([], [], [])


def test_a_call_that_has_ended_is_a_conflict(desk: Office) -> None:
    with desk.hub.db.write() as session:
        ended = str(add_call(session, desk.account, "old", START, [desk.agent]).public_id)
    assert desk.as_agent.post(f"/calls/{ended}/hangup").get_json()["error_id"] == "ended"
    call = talking(desk, desk.agent)
    desk.exchange.fails = GoneError("no such channel")
    assert desk.as_agent.post(f"/calls/{call}/hangup").status_code == 409


# --- recordings ---------------------------------------------------------------------------------------------------

SOUND = bytes(range(256)) * 400


def test_a_recording_is_read_whole_and_in_parts(desk: Office) -> None:
    recording = recorded(desk, desk.agent, SOUND)
    whole = desk.as_agent.get(f"/recordings/{recording}")
    assert (whole.status_code, whole.data, whole.mimetype) == (200, SOUND, "audio/wav")
    assert whole.headers["Accept-Ranges"] == "bytes"
    size = len(SOUND)
    for asked, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=102000-", 102000, size),
        ("bytes=-5", size - 5, size),
        ("bytes=100-999999", 100, size),
    ):
        part = desk.as_agent.ask("GET", f"/recordings/{recording}", headers={"Range": asked})
        assert (part.status_code, part.data) == (206, SOUND[start:stop]), asked
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    assert desk.exchange.opened_at[-2:] == [size - 5, 100], "the file is opened where the part begins"


def test_a_part_outside_the_recording_is_a_416(desk: Office) -> None:
    recording = recorded(desk, desk.agent, SOUND)
    answer = desk.as_agent.ask("GET", f"/recordings/{recording}", headers={"Range": "bytes=200000-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"


def test_odd_ranges_are_answered_with_the_whole(desk: Office) -> None:
    recording = recorded(desk, desk.agent, SOUND)
    for headers in (
        {"Range": "lines=1-2"},
        {"Range": "bytes=5-1"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "bytes=0-1", "If-Range": '"another"'},
    ):
        answer = desk.as_agent.ask("GET", f"/recordings/{recording}", headers=headers)
        assert (answer.status_code, len(answer.data)) == (200, len(SOUND)), headers
    same = desk.as_agent.ask("GET", f"/recordings/{recording}", headers={"Range": "bytes=0-1", "If-Range": '"ab12"'})
    assert same.status_code == 206


def test_who_was_not_in_the_call_hears_nothing(desk: Office) -> None:
    recording = recorded(desk, desk.colleague, SOUND)
    assert desk.as_agent.get(f"/recordings/{recording}").status_code == 403
    assert desk.as_manager.get(f"/recordings/{recording}").status_code == 200
    assert desk.as_agent.get("/recordings/018f0000-0000-7000-8000-000000000000").status_code == 404


def test_each_listening_is_written_down_before_the_first_byte(desk: Office) -> None:
    recording = recorded(desk, desk.agent, SOUND)
    desk.as_agent.get(f"/recordings/{recording}")
    with desk.hub.db.read() as session:
        line = session.scalars(select(Audit).where(Audit.action == "recording.heard")).one()
        assert (line.user_id, line.subject_id) == (desk.agent.id, recording)


def test_a_recording_that_is_not_there_says_so(desk: Office) -> None:
    recording = recorded(desk, desk.agent, SOUND)
    desk.exchange.files.clear()
    assert desk.as_agent.get(f"/recordings/{recording}").status_code == 404
    desk.exchange.fails = RetryLaterError("away")
    assert desk.as_agent.get(f"/recordings/{recording}").status_code == 503


def test_asking_for_the_head_opens_no_file(desk: Office) -> None:
    recording = recorded(desk, desk.agent, SOUND)
    answer = desk.app.test_client().head(
        f"/api/v1/recordings/{recording}", headers={"Authorization": f"Bearer {desk.as_agent.token}"}
    )
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(SOUND)))
    assert desk.exchange.opened_at == []
