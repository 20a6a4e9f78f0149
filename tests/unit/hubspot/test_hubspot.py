"""The whole connector against the simulated account, over its socket."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot import CONNECTOR
from connectors.hubspot.remote import HubSpotRemote
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.simulator import FAULTS, HubSpotSimulator
from hub.connector.checking import Alone
from hub.connector.contract import Account, Level
from hub.connector.stream import Change, Cursor, Gone, Limit, Phase, Stream, Upsert
from hub.errors import (
    AuthError,
    ConflictError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)
from hub.identity.said import said
from hub.identity.transforms import TRANSFORMS
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry

MAPPINGS = Path(__file__).parents[3] / "mappings/hubspot"
REGISTRY = Registry(TRANSFORMS, CONNECTOR.transforms or {})
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Tools(Alone):
    """Tools that remember what was spent."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: list[str] = []
        self.silences: list[float] = []

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        self.spent += [one.name for one in limits for _ in range(units)]

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        assert limits
        self.silences.append(retry_after)


@pytest.fixture(scope="module")
def served() -> Iterator[HubSpotSimulator]:
    simulator = HubSpotSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def crm(served: HubSpotSimulator) -> HubSpotSimulator:
    served.faults.clear()
    with served.world.lock:
        for kind in served.world.things:
            served.world.things[kind].clear()
        served.world.lag_s = 0.0
    return served


def opened(simulator: HubSpotSimulator, tools: Tools | None = None, **changes: Any) -> HubSpotRemote:
    settings = HubSpotSettings.model_validate({**simulator.settings(), "timeout_s": 10, **changes})
    return HubSpotRemote(Account(1, "CRM", settings, "IL", "Asia/Jerusalem"), tools or Tools())


def passed(stream: Stream, cursor: Cursor) -> tuple[list[Change], Cursor]:
    found: list[Change] = []
    for _ in range(50):
        page = stream.pull(cursor)
        found += page.changes
        cursor = page.next
        if not page.more:
            return found, cursor
    raise AssertionError("the pass does not end")


def ids(changes: Sequence[Change]) -> list[str]:
    return [one.remote_id for one in changes if isinstance(one, Upsert)]


def call(party: str, **changes: Any) -> dict[str, Any]:
    return {
        "party": party, "company": None, "kind": "call", "direction": "inbound", "title": "Call", "body": "Said hello",
        "started_at": NOW.isoformat(), "ended_at": (NOW + timedelta(seconds=95)).isoformat(), "outcome": "answered",
        "number": "+972541234567", "url": "https://hub.example.com/calls/1", "owner_email": "Noa@example.com", **changes,
    }  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_pass_shows_everything_and_what_changed_late_comes_later(crm: HubSpotSimulator) -> None:
    world = crm.world
    made = [str(world.make("contacts", {"firstname": f"N{number}"}).id) for number in range(230)]
    stream = opened(crm).stream("contacts")
    crm.faults.add("reorder_page=2")
    found, cursor = passed(stream, stream.begin())
    assert sorted(ids(found), key=int) == made
    assert cursor.phase is Phase.INCREMENTAL
    assert Cursor.of_json(cursor.as_json()) == cursor

    world.lag_s = 60  # made now, and found by a search only in a minute
    late = str(world.make("contacts", {"firstname": "Late"}).id)
    found, cursor = passed(stream, cursor)
    assert late not in ids(found)
    crm.clock.advance(seconds=61)
    found, cursor = passed(stream, cursor)
    assert late in ids(found)
    crm.clock.advance(seconds=-61)


def test_a_pass_over_changes_loses_nothing_that_changes_meanwhile(crm: HubSpotSimulator) -> None:
    world = crm.world
    made = [world.make("companies", {"name": f"N{number}"}).id for number in range(450)]
    stream = opened(crm).stream("companies")
    cursor = Cursor(
        Phase.INCREMENTAL, token=datetime.now(UTC).isoformat(), rest={"archived_at": datetime.now(UTC).isoformat()}
    )
    crm.faults.add("reorder_page=always")
    first = stream.pull(cursor)
    assert first.more
    for number in made[:150]:  # pages that are counted would now be moved
        world.change("companies", number, {"name": "other"})
    rest, cursor = passed(stream, first.next)
    assert [*ids(first.changes), *ids(rest)] == [str(one) for one in made]
    again, _ = passed(stream, cursor)
    assert {str(one) for one in made[:150]} <= set(ids(again))
    assert stream.present(datetime.now(UTC) - timedelta(hours=1)) == {str(one) for one in made}  # type: ignore[attr-defined]  # Findable


def test_what_is_deleted_is_told_and_found_missing(crm: HubSpotSimulator) -> None:
    world = crm.world
    kept, gone = (world.make("contacts", {"firstname": name}).id for name in ("A", "B"))
    stream = opened(crm).stream("contacts")
    world.archive("contacts", gone)
    before = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    found, cursor = passed(stream, Cursor(Phase.INCREMENTAL, token=before, rest={"archived_at": before}))
    assert Gone(str(gone)) in found
    assert ids(found) == [str(kept)]
    assert [type(one) for one in stream.find([str(kept), str(gone), "x"])] == [Upsert, Gone, Gone]  # type: ignore[attr-defined]  # Findable
    asked = crm.asked
    passed(stream, cursor)
    assert crm.asked == asked + 1  # the list of deleted records has its own, slower time


def test_tasks_say_whose_they_are(crm: HubSpotSimulator) -> None:
    person = str(crm.world.make("contacts", {"firstname": "A"}).id)
    remote = opened(crm)
    values = {
        "party": person,
        "title": "Call back",
        "body": "",
        "due_at": NOW.isoformat(),
        "owner_email": "",
        "done": False,
    }
    made = remote.writer("tasks").create(values, key="task-1")
    stream = remote.stream("tasks")
    found, _ = passed(stream, stream.begin())
    (one,) = found
    assert isinstance(one, Upsert)
    assert one.remote_id == made.remote_id
    assert (one.payload["contacts"], one.payload["companies"]) == ([person], [])
    remote.writer("tasks").update(made.remote_id, {"done": True}, version="", key="task-2")
    task = crm.world.of("tasks", int(made.remote_id))
    assert (task.properties["hs_task_status"], task.properties["hs_task_subject"]) == ("COMPLETED", "Call back")


def test_a_circle_is_no_pass(crm: HubSpotSimulator) -> None:
    for number in range(250):
        crm.world.make("contacts", {"firstname": str(number)})
    stream = opened(crm).stream("contacts")
    page = stream.pull(stream.begin())
    crm.faults.add("endless_page")
    with pytest.raises(RetryLaterError):
        stream.pull(page.next)


def test_what_is_read_becomes_a_party_or_a_task(crm: HubSpotSimulator) -> None:
    person = crm.world.make(
        "contacts",
        {
            "firstname": "Ruth", "lastname": "Levi", "email": "r@example.com", "hs_additional_emails": "r2@example.com",
            "mobilephone": "+972541112233", "city": "Haifa", "company": "Garden", "hs_merged_object_ids": "11;12",
        },
    )  # fmt: skip
    crm.world.make("companies", {"domain": "garden.example", "phone": "03-1234567"})
    remote = opened(crm)
    remote.writer("tasks").create(
        {"party": str(person.id), "title": "", "due_at": NOW.isoformat(), "done": True}, key="t"
    )
    made = {}
    for name in ("contacts", "companies", "tasks"):
        stream = remote.stream(name)
        (change,), _ = passed(stream, stream.begin())
        assert isinstance(change, Upsert)
        mapping = read_file(MAPPINGS / f"{name}.toml", registry=REGISTRY)
        made[name] = apply(mapping, change.payload, Context(region="IL", time_zone="Asia/Jerusalem"))
    party = said(made["contacts"])
    assert (party.name, party.is_company, party.company, party.previous) == ("Ruth Levi", False, "Garden", ("11", "12"))
    assert [one.value for one in party.emails] == ["r@example.com", "r2@example.com"]
    assert [(one.value, one.label) for one in party.phones] == [("+972541112233", "mobile")]
    assert [one.value for one in party.addresses] == ["Haifa"]
    firm = said(made["companies"])
    assert (firm.name, firm.is_company, firm.urls[0].value) == ("garden.example", True, "https://garden.example")
    task = made["tasks"]
    assert (task["title"], task["due_at"], task["people"]) == ("-", NOW, [str(person.id)])
    assert task["done_at"] is not None


# --- writing ----------------------------------------------------------------------------------------------------------


def test_every_kind_is_written_once_although_answers_are_lost(crm: HubSpotSimulator) -> None:
    person = str(crm.world.make("contacts", {"firstname": "A"}).id)
    firm = str(crm.world.make("companies", {"name": "F"}).id)
    remote, deals = opened(crm), opened(crm, leads_as="deal")
    lead = {"party": person, "company": firm, "title": "Garden", "name": "A", "email": "a@example.com", "phone": "",
            "source": "web", "campaign": "", "body": "Please call", "url": "https://hub.example.com/l/1", "owner_email": ""}  # fmt: skip
    kinds = ("call", "email", "meeting", "message", "note", "document", "payment")
    tries: list[tuple[HubSpotRemote, str, str, dict[str, Any]]] = [
        *((remote, "interactions", "", call(person, kind=kind, company=firm)) for kind in kinds),
        (remote, "leads", "leads", lead),
        (deals, "leads", "deals", lead),
        (
            remote,
            "tasks",
            "tasks",
            {"party": person, "title": "T", "body": "", "due_at": NOW.isoformat(), "done": False},
        ),
        (remote, "contacts", "contacts", {"name": "New One", "emails": [{"value": "new@example.com", "label": ""}]}),
    ]
    for number, (whose, records, _, values) in enumerate(tries):
        writer, key = whose.writer(records), f"k{number}:a/b"
        assert writer.find(key, values) is None
        other = {**values, "emails": []} if records == "contacts" else values  # an address is somebody's
        writer.create(other, key=f"other-{number}")  # the property is there now
        crm.faults.add("commit_then_timeout")
        with pytest.raises(RetryLaterError):
            writer.create(values, key=key)
        before = sum(len(things) for things in crm.world.things.values())
        found = writer.find(key, values)
        assert found is not None
        assert writer.create(values, key=key).remote_id == found.remote_id == writer.find(key, values).remote_id  # type: ignore[union-attr]  # it was found just now
        assert sum(len(things) for things in crm.world.things.values()) == before
    written = crm.world.things
    assert [len(written[one]) for one in ("calls", "emails", "meetings", "communications", "notes")] == [2, 2, 2, 2, 6]
    assert all(
        one.associations == {"contacts": [int(person)], "companies": [int(firm)]}
        for kind in ("calls", "notes", "leads", "deals")
        for one in written[kind].values()
    )
    one = next(iter(written["calls"].values())).properties
    assert (one["hs_call_direction"], one["hs_call_status"], one["hs_call_duration"]) == (
        "INBOUND",
        "COMPLETED",
        "95000",
    )
    assert (one["hs_call_from_number"], one["hubspot_owner_id"]) == ("+972541234567", "71")
    deal = next(iter(written["deals"].values())).properties
    assert "E-mail: a@example.com" in deal["description"]


def test_hostile_texts_are_shown_as_they_are(crm: HubSpotSimulator) -> None:
    person = str(crm.world.make("contacts", {"firstname": "A"}).id)
    writer = opened(crm).writer("interactions")
    evil = "<script>alert(1)</script>\u202e\u05e9\u05dc\u05d5\u05dd & \x00\x1b[31m\ud800 \U0001f33f\r\nnext"
    made = writer.create(call(person, kind="note", title=evil, body=evil + "<" * 100_000), key="evil")
    body = crm.world.of("notes", int(made.remote_id.partition("/")[2])).properties["hs_note_body"]
    assert "<script" not in body
    assert "&lt;script&gt;" in body
    assert "\u202e" not in body
    assert "\u05e9\u05dc" in body
    assert not set(body) & {"\x00", "\x1b", "\r"}
    assert "<br>next" in body
    assert body.endswith('href="https://hub.example.com/calls/1">https://hub.example.com/calls/1</a>')
    assert "[…]" in body
    made = writer.create(call(person, kind="email", body="x" * 100_000, url='javascript:alert("1")'), key="evil mail")
    assert len(crm.world.of("emails", int(made.remote_id.partition("/")[2])).properties["hs_email_text"]) <= 65_536
    made = writer.create(call(person, url='javascript:alert("1")'), key="evil link")
    assert "javascript" not in crm.world.of("calls", int(made.remote_id.partition("/")[2])).properties["hs_call_body"]
    for bad in ("../contacts/1", "1/2", "calls/1/../2", "owners/1", "calls/x"):
        with pytest.raises(RejectedError):
            writer.update(bad, call(person), version="", key="k")
    with pytest.raises(RejectedError):
        writer.create(call("1 OR 1"), key="k")
    with pytest.raises(RejectedError):
        writer.create(call(person, started_at="yesterday"), key="k")


def test_changes_and_deletions(crm: HubSpotSimulator) -> None:
    person = str(crm.world.make("contacts", {"firstname": "A"}).id)
    remote = opened(crm)
    writer = remote.writer("interactions")
    made = writer.create(call(person), key="one")
    changed = writer.update(made.remote_id, call(person, body="Other", outcome="missed"), version="", key="two")
    properties = crm.world.of("calls", int(made.remote_id.partition("/")[2])).properties
    assert ("Other" in properties["hs_call_body"], properties["hs_call_status"]) == (True, "NO_ANSWER")
    assert changed.remote_id == made.remote_id
    with pytest.raises(RejectedError):
        writer.update(made.remote_id, call(person, kind="note"), version="", key="three")
    for _ in range(2):
        writer.delete(made.remote_id, version="", key="four")
    with pytest.raises(GoneError):
        writer.update(made.remote_id, call(person), version="", key="five")

    people = remote.writer("contacts")
    one = people.create(
        {
            "name": "Ruth Levi", "emails": [{"value": "r@example.com", "label": ""}, {"value": "r2@example.com", "label": ""}],
            "phones": [{"value": "+972541112233", "label": "mobile"}], "company": "Garden", "job_title": "Owner",
        },
        key="ruth",
    )  # fmt: skip
    crm.clock.advance(seconds=2)
    people.update(one.remote_id, {"job_title": "Boss"}, version=one.version, key="boss")
    with pytest.raises(ConflictError):
        people.update(one.remote_id, {"job_title": "Chief"}, version=one.version, key="chief")
    properties = crm.world.of("contacts", int(one.remote_id)).properties
    assert {name: properties[name] for name in ("firstname", "lastname", "mobilephone", "jobtitle", "hs_additional_emails")} == {
        "firstname": "Ruth", "lastname": "Levi", "mobilephone": "+972541112233", "jobtitle": "Boss",
        "hs_additional_emails": "r2@example.com",
    }  # fmt: skip
    with pytest.raises(ConflictError):  # another key, and the address is somebody's
        people.create({"name": "R", "emails": [{"value": "r@example.com", "label": ""}]}, key="other")
    with pytest.raises(RejectedError):
        people.delete(one.remote_id, version="", key="k")
    with pytest.raises(RejectedError):
        remote.writer("leads").create({"party": None, "title": "T"}, key="k")


def test_people_who_are_there_are_found_by_one_request(crm: HubSpotSimulator) -> None:
    world = crm.world
    by_mail = world.make("contacts", {"email": "Noa@Example.com"}).id
    by_second = world.make(
        "contacts", {"email": "x@example.com", "hs_additional_emails": "y@example.com;second@example.com"}
    ).id
    by_number = world.make("contacts", {"phone": "054-123 4567"}).id
    by_mobile = world.make("contacts", {"mobilephone": "+48 601 234 567"}).id
    world.make("contacts", {"email": "else@example.com", "phone": "03-9999999"})
    remote, asked = opened(crm), crm.asked
    found = remote.people(["noa@example.com", "second@example.com"], ["+972541234567", "+48601234567"])
    assert found == [str(one) for one in (by_mail, by_second, by_number, by_mobile)]
    assert crm.asked == asked + 1
    assert remote.people([], ["12"]) == ()
    assert crm.asked == asked + 1
    for records, kind in (("contacts", "0-1"), ("companies", "0-2")):
        page = remote.record_url(records).format(external_id="7")
        assert page == f"https://app.hubspot.com/contacts/62515/record/{kind}/7"


# --- faults -------------------------------------------------------------------------------------------------------------


def test_refusals_say_what_to_do_next(crm: HubSpotSimulator) -> None:
    tools = Tools()
    stream = opened(crm, tools, timeout_s=0.5).stream("contacts")
    for fault, error in (
        ("token_expired", AuthError), ("scope_missing", ScopeError), ("rate_limited", LimitedError),
        ("daily_limit", LimitedError), ("server_error", RetryLaterError), ("unavailable", RetryLaterError),
        ("hang", RetryLaterError), ("reset", RetryLaterError), ("truncated_json", RetryLaterError),
        ("html_instead_of_json", RetryLaterError),
    ):  # fmt: skip
        assert fault in FAULTS
        crm.faults.add(fault)
        with pytest.raises(error):
            stream.begin()
    assert tools.silences == [1.0, 3600.0]
    stream.begin()


def test_the_check_says_what_is_missing(crm: HubSpotSimulator) -> None:
    settings = HubSpotSettings.model_validate(crm.settings())
    found = CONNECTOR.check(Account(1, "CRM", settings, "IL", "Asia/Jerusalem"))
    assert {one.level for one in found} == {Level.GREEN}
    assert {"login", "clock", "scopes", "limits", "contacts", "companies", "tasks", "keys"} == {
        one.topic for one in found
    }
    other = settings.model_copy(update={"portal": "1"})
    assert CONNECTOR.check(Account(1, "CRM", other, "IL", "Asia/Jerusalem"))[0].level is Level.RED
    crm.faults.add("token_expired")
    (refused,) = opened(crm).check()
    assert (refused.topic, refused.level) == ("login", Level.RED)
    with crm.world.lock:  # somebody made the property by hand, and its values may repeat
        crm.world.custom["calls"].add("loose")
    loose = [one for one in opened(crm, key_property="loose").check() if one.topic == "keys"]
    assert [one.level for one in loose] == [Level.RED]


def test_a_token_goes_only_where_it_is_safe() -> None:
    for changes in ({"base_url": "http://api.example.com"}, {"access_token": "a\nb"}, {"portal": "x"}):
        with pytest.raises(ValueError, match=r"base_url|access_token|portal"):
            HubSpotSettings.model_validate({"access_token": "t", "portal": "1", **changes})
