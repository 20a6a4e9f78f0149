"""Meetings and the numbers of Insights through the API; lists that are cut by time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from hub.context import Hub
from hub.fields.models import Of
from hub.identity import parties
from hub.identity.parties import Given
from hub.insights import targets
from hub.security import users
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant, Visibility
from tests.fakes.api import Office, add_call, office
from tests.fakes.exchange import FakeExchange

NOBODY = "018f0000-0000-7000-8000-000000000000"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DETAIL = {
    "cancelled": False, "all_day": False, "day": "", "zone": "Asia/Jerusalem", "location": "Room 2", "organiser": "noa@example.com",
    "join_url": "https://meet.example.com/x", "description": "Prices",
    "attendees": [{"address": "dana@example.com", "name": "Dana", "response": "accepted"}], "repeats": {"every": "week"},
}  # fmt: skip


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def meetings(desk: Office, count: int, *, hidden_from: int = 10**9) -> str:
    """Make meetings an hour apart with a new customer; those from `hidden_from` on are for their owner's eyes only."""
    party = str(desk.as_agent.post("/parties", {"name": "Dana"}).get_json()["id"])
    with desk.hub.db.write() as session:
        row = parties.get(session, UUID(party))
        for number in range(count):
            at = START + timedelta(hours=number)
            is_hidden = number >= hidden_from
            one = Interaction(
                kind=Kind.MEETING, started_at=at, ended_at=at + timedelta(minutes=30), summary=f"number {number}",
                owner_id=desk.colleague.id, account_id=desk.account.id, detail={**DETAIL, "users": [desk.colleague.id]},
                visibility=Visibility.OWNER if is_hidden else Visibility.ALL,
            )  # fmt: skip
            session.add(one)
            session.flush()
            session.add(
                Participant(
                    interaction_id=one.id, party_id=row.id, origin_party_id=row.id, started_at=at, kind=Kind.MEETING, role="attendee"
                )
            )  # fmt: skip
    return party


def titles(desk: Office, path: str, limit: int = 2) -> list[str]:
    return [one["title"].removeprefix("number ") for page in desk.as_agent.pages(path, limit) for one in page]


def test_meetings_come_newest_first_and_are_found_by_time_customer_and_colleague(desk: Office) -> None:
    party = meetings(desk, 5)
    assert titles(desk, "/meetings") == list("43210")
    assert titles(desk, "/meetings?since=2026-11-20T10:00:00Z&until=2026-11-20T12:00:00Z") == ["2", "1"]
    assert titles(desk, f"/meetings?party={party}&user={desk.colleague.public_id}") == list("43210")
    assert titles(desk, f"/meetings?user={desk.agent.public_id}") == []
    [first] = desk.as_agent.get("/meetings?limit=1").get_json()["items"]
    whole = desk.as_agent.get(f"/meetings/{first['id']}")
    assert whole.get_json() == first
    assert (first["zone"], first["location"], first["repeats"], first["hidden"]) == (
        "Asia/Jerusalem",
        "Room 2",
        True,
        False,
    )
    assert [(one["id"], one["role"]) for one in first["parties"]] == [(party, "attendee")]
    assert (first["user"]["name"], first["account"]["name"], first["attendees"][0]["response"]) == (
        "Omer",
        "Office",
        "accepted",
    )
    for path in (f"/meetings/{NOBODY}", f"/meetings?party={NOBODY}", f"/meetings?user={NOBODY}"):
        assert desk.as_agent.get(path).status_code == 404


def test_what_is_private_of_a_meeting_stays_so(desk: Office) -> None:
    meetings(desk, 3, hidden_from=2)
    with desk.hub.db.write() as session:
        hidden, shy, open_one = session.query(Interaction).order_by(Interaction.id.desc())
        shy.visibility = Visibility.METADATA
        ids = [str(one.public_id) for one in (hidden, shy, open_one)]
    listed = desk.as_agent.get("/meetings").get_json()["items"]
    assert [(one["id"], one["title"], one["hidden"]) for one in listed] == [
        (ids[1], "", True),
        (ids[2], "number 0", False),
    ]
    assert not any(word in str(listed[0]) for word in ("Room 2", "Prices", "dana@example.com", "meet.example.com"))
    assert desk.as_agent.get(f"/meetings/{ids[0]}").status_code == 404
    for client in (desk.as_manager, desk.as_admin, desk.as_program):
        assert len(client.get("/meetings").get_json()["items"]) == 2, "no role sees what is its owner's alone"


def test_pages_go_on_where_many_meetings_are_for_nobody_here(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.web.api.meetings.LOOKS", (2,))
    meetings(desk, 9, hidden_from=1)
    pages = desk.as_agent.pages("/meetings", 1)
    assert [len(page) for page in pages] == [0, 0, 1]


def test_completeness_is_counted_as_on_its_page_and_between_days(desk: Office) -> None:
    whole = "/insights/completeness?of=person"
    with desk.hub.db.write() as session:
        made = []
        for name, email in (("Dana", "dana@example.com"), ("Amir", "")):
            given = [Given("email", email)] if email else []
            made.append(parties.create(session, None, "person", name, given, region="IL"))
        made[1].created_at = START - timedelta(days=400)
        admin = Person(desk.admin.id, desk.admin.public_id, desk.admin.email, "Adam", "admin")
        targets.keep(session, admin, Of.PERSON, "email", targets.Target(90, 40))
    answer = desk.as_manager.get(whole).get_json()
    fields = {one["name"]: one for one in answer["fields"]}
    assert (answer["total"], fields["name"]["filled"], fields["email"]["filled"], fields["email"]["percent"]) == (
        2,
        2,
        1,
        50,
    )
    assert fields["email"]["target"] == {"green": 90, "amber": 40, "rating": "amber"}
    today = f"{now().astimezone(ZoneInfo(desk.hub.settings.hub.time_zone)):%Y-%m-%d}"
    for query, total in (
        (f"from={today}", 1),
        ("to=2025-12-31", 1),
        ("from=2026-01-01&to=2026-01-31", 0),
        (f"to={today}", 2),
    ):
        assert desk.as_manager.get(f"{whole}&{query}").get_json()["total"] == total, query
    parted = desk.as_manager.get(f"{whole}&by=month").get_json()
    assert sum(part["total"] for part in parted["parts"]) == 2
    assert all(len(one["parts"]) == len(parted["parts"]) for one in parted["fields"])
    for of in Of:
        for by in ("source", "owner", "month"):
            path = f"/insights/completeness?of={of}&by={by}&from=2026-01-01&to=2026-12-31"
            assert desk.as_manager.get(path).status_code == 200, path
    for query in (
        "",
        "of=nothing",
        "of=person&by=size",
        "of=person&from=2026-02-01&to=2026-01-01",
        "of=person&from=0001-01-01",
    ):
        assert desk.as_manager.get(f"/insights/completeness?{query}").status_code == 400, query
    assert desk.as_agent.get(whole).status_code == 403
    assert desk.as_manager.get("/insights/nothing").status_code == 404


def test_every_list_by_time_is_cut_by_since_and_until(desk: Office) -> None:
    with desk.hub.db.write() as session:
        for hour in range(3):
            add_call(session, desk.account, f"c{hour}", START + timedelta(hours=hour), [desk.agent])
    for hour in range(3):
        due = f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
        assert desk.as_agent.post("/tasks", {"title": due, "due_at": due}).status_code == 201
    span = "since=2026-11-20T10:00:00Z&until=2026-11-20T11:00:00Z"
    assert len(desk.as_agent.get(f"/calls?{span}").get_json()["items"]) == 1
    assert [one["title"] for one in desk.as_agent.get(f"/tasks?{span}").get_json()["items"]] == ["2026-11-20T10:00:00Z"]
    times = {
        path for path, operations in desk.as_admin.document["paths"].items()
        for one in operations.get("get", {}).get("parameters", ()) if one["name"] == "since"
    }  # fmt: skip
    cut = {
        path for path, operations in desk.as_admin.document["paths"].items()
        for one in operations.get("get", {}).get("parameters", ()) if one["name"] == "until"
    }  # fmt: skip
    assert times == cut >= {"/calls", "/leads", "/messages", "/meetings", "/tasks", "/documents", "/payments"}


def test_users_are_found_by_their_address(desk: Office) -> None:
    assert [[one["name"] for one in page] for page in desk.as_agent.pages("/users", 3)] == [
        ["Noa", "Omer", "Maya"],
        ["Adam"],
    ]
    [noa] = desk.as_agent.get("/users?email=NOA@example.com").get_json()["items"]
    assert noa == {"id": str(desk.agent.public_id), "name": "Noa", "email": "noa@example.com"}
    with desk.hub.db.write() as session:
        users.disable(session, session.get_one(User, desk.agent.id))
    assert desk.as_manager.get("/users?email=noa@example.com").get_json()["items"] == []


def test_every_list_is_a_page(desk: Office) -> None:
    """One style: `items` and `next`, whatever is listed."""
    schemas = desk.as_admin.document["components"]["schemas"]
    for name, schema in schemas.items():
        if "items" in schema.get("properties", {}) and name != "Claims":
            assert "next" in schema["properties"], name
