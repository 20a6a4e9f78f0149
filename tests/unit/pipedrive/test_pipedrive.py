"""The whole connector against the simulated account, over its socket."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.pipedrive import CONNECTOR
from connectors.pipedrive.remote import PipedriveRemote
from connectors.pipedrive.settings import PipedriveSettings
from connectors.pipedrive.simulator import FAULTS, PipedriveSimulator
from hub.connector.checking import Alone
from hub.connector.contract import Account, Level
from hub.connector.stream import Change, Cursor, Filtered, Gone, Limit, Phase, Stream, Upsert
from hub.errors import (
    AuthError,
    ConflictError,
    CursorExpired,
    DisabledError,
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

MAPPINGS = Path(__file__).parents[3] / "mappings/pipedrive"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
KINDS = ("call", "email", "meeting", "message", "note", "document", "payment")


class Tools(Alone):
    """Tools that remember what was spent."""

    def __init__(self) -> None:
        super().__init__()
        self.spent = 0
        self.silences: list[float] = []

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        self.spent += units

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        assert limits
        self.silences.append(retry_after)


@pytest.fixture(scope="module")
def served() -> Iterator[PipedriveSimulator]:
    simulator = PipedriveSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def crm(served: PipedriveSimulator) -> PipedriveSimulator:
    served.faults.clear()
    with served.world.lock:
        for records in served.world.records.values():
            records.clear()
    return served


def opened(simulator: PipedriveSimulator, tools: Tools | None = None, **changes: Any) -> PipedriveRemote:
    settings = PipedriveSettings.model_validate({**simulator.settings(), "timeout_s": 10, **changes})
    return PipedriveRemote(Account(1, "CRM", settings, "IL", "Asia/Jerusalem"), tools or Tools())


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


def person(simulator: PipedriveSimulator, **changes: Any) -> str:
    return str(simulator.world.make("persons", {"name": "A", **changes})["id"])


def call(party: str, **changes: Any) -> dict[str, Any]:
    return {
        "party": party, "company": None, "kind": "call", "direction": "inbound", "title": "Call", "body": "Said hello",
        "started_at": NOW.isoformat(), "ended_at": (NOW + timedelta(seconds=95)).isoformat(), "outcome": "answered",
        "number": "+972541234567", "url": "https://hub.example.com/calls/1", "owner_email": "Noa@example.com", **changes,
    }  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def test_passes_lose_nothing_that_changes_meanwhile(crm: PipedriveSimulator) -> None:
    made = [person(crm, name=f"N{number}") for number in range(1100)]
    stream = opened(crm).stream("contacts")
    crm.faults.add("reorder_page=2")
    found, cursor = passed(stream, stream.begin())
    assert sorted(ids(found), key=int) == made
    assert cursor.phase is Phase.INCREMENTAL
    assert Cursor.of_json(cursor.as_json()) == cursor
    first = stream.pull(cursor)
    assert first.more
    for number in made[:300]:
        crm.world.change("persons", number, {"name": "other"})
    rest, cursor = passed(stream, first.next)
    assert [*ids(first.changes), *ids(rest)] == made
    late = person(crm)
    crm.world.records["persons"][late]["update_time"] = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    found, _ = passed(stream, cursor)  # dated before the pass before it, and committed after it
    assert late in ids(found)
    crm.faults.add("endless_page")
    with pytest.raises(RetryLaterError):
        stream.pull(first.next)
    with pytest.raises(CursorExpired):
        stream.pull(Cursor(page="x"))


def test_deletions_types_and_mappings(crm: PipedriveSimulator) -> None:
    world = crm.world
    kept = person(
        crm, name="Ruth Levi", emails=[{"value": "r2@example.com"}, {"value": "r@example.com", "primary": True, "label": "home"}],
        phones=[{"value": "+972541112233", "label": "mobile"}],
    )  # fmt: skip
    gone = person(crm)
    world.remove("persons", gone)
    firm = str(world.make("organizations", {"name": "Garden", "address": {"value": "Haifa 1"}})["id"])
    remote = opened(crm)
    assert [type(one) for one in remote.stream("contacts").find([kept, gone, "x"])] == [Upsert, Gone, Gone]  # type: ignore[attr-defined]  # Findable
    assert remote.stream("contacts").present(datetime.now(UTC) - timedelta(hours=1)) == {kept}  # type: ignore[attr-defined]  # Findable
    values = {
        "party": kept,
        "company": firm,
        "title": "Call back",
        "body": "x",
        "due_at": NOW.isoformat(),
        "done": False,
    }
    writer = remote.writer("tasks")
    task = writer.create(values, key="t1")
    ours = remote.writer("interactions").create(call(kept), key="c1")
    found, _ = passed(remote.stream("tasks"), remote.stream("tasks").begin())
    assert Filtered(ours.remote_id.partition("/")[2], "type") in found
    assert ids(found) == [task.remote_id]
    writer.update(task.remote_id, {"done": True, "body": "y"}, version="", key="t2")
    assert writer.find("t1", values) is not None  # the key of its making stays
    registry = Registry(TRANSFORMS, CONNECTOR.transforms or {})
    made = {}
    for name in ("contacts", "companies", "tasks"):
        changes, _ = passed(remote.stream(name), remote.stream(name).begin())
        (change,) = [one for one in changes if isinstance(one, Upsert)]
        mapping = read_file(MAPPINGS / f"{name}.toml", registry=registry)
        made[name] = apply(mapping, change.payload, Context(region="IL", time_zone="Asia/Jerusalem"))
    party, company = said(made["contacts"]), said(made["companies"])
    assert (party.name, [one.value for one in party.emails]) == ("Ruth Levi", ["r@example.com", "r2@example.com"])
    assert [(one.value, one.label) for one in party.phones] == [("+972541112233", "mobile")]
    assert (company.name, company.is_company, company.addresses[0].value) == ("Garden", True, "Haifa 1")
    assert (made["tasks"]["title"], made["tasks"]["due_at"]) == ("Call back", NOW)
    assert (made["tasks"]["people"], made["tasks"]["companies"]) == ([kept], [firm])
    assert made["tasks"]["done_at"] is not None


# --- writing ----------------------------------------------------------------------------------------------------------


def test_every_kind_is_written_once_although_answers_are_lost(crm: PipedriveSimulator) -> None:
    party = person(crm)
    firm = str(crm.world.make("organizations", {"name": "F"})["id"])
    remote, deals = opened(crm), opened(crm, leads_as="deal")
    lead = {"party": party, "company": firm, "title": "Garden", "name": "A", "email": "a@example.com", "phone": "",
            "source": "web", "campaign": "", "body": "Please call", "url": "https://hub.example.com/l/1", "owner_email": ""}  # fmt: skip
    tries: list[tuple[PipedriveRemote, str, dict[str, Any]]] = [
        *((remote, "interactions", call(party, kind=kind, company=firm)) for kind in KINDS),
        (remote, "leads", lead),
        (deals, "leads", lead),
        (remote, "tasks", {"party": party, "title": "T", "body": "", "due_at": NOW.isoformat(), "done": False}),
        (remote, "contacts", {"name": "New", "emails": [{"value": "n@example.com", "label": ""}], "phones": []}),
    ]
    for number, (whose, records, values) in enumerate(tries):
        writer, key = whose.writer(records), f"k{number}:a/b"
        assert writer.find(key, values) is None
        writer.create(values, key=f"other-{number}")  # the custom fields are there now
        crm.faults.add("commit_then_timeout")
        with pytest.raises(RetryLaterError):
            writer.create(values, key=key)
        assert writer.find(key, values) is not None
    counts = {kind: len(records) for kind, records in crm.world.records.items()}
    assert counts == {"persons": 3, "organizations": 1, "activities": 8, "notes": 8, "leads": 2, "deals": 2}
    one = next(iter(crm.world.records["activities"].values()))
    assert (one["type"], one["due_date"], one["due_time"], one["duration"]) == ("call", "2026-11-23", "09:30", "00:02")
    assert (one["owner_id"], one["person_id"], str(one["org_id"]), one["done"]) == (71, int(party), firm, True)
    texts = [value for lead in crm.world.records["leads"].values() for value in lead.values()]
    assert any("email: a@example.com" in str(one) for one in texts)


def test_hostile_texts_and_ids(crm: PipedriveSimulator) -> None:
    party = person(crm)
    writer = opened(crm).writer("interactions")
    evil = (
        "<script>alert(1)</script>\u202e\u05e9\u05dc\u05d5\u05dd & \x00\x1b[31m\ud800 \U0001f33f\r\nnext [hub:stolen]"
    )
    for kind, name in (("note", "notes"), ("call", "activities")):
        values = call(party, kind=kind, title=evil, body=evil + "<" * 100_000)
        made = writer.create(values, key=f"evil-{kind}")
        text = str(next(iter(crm.world.records[name].values()))["content" if kind == "note" else "note"])
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "\u202e" not in text
        assert "\u05e9\u05dc" in text
        assert not set(text) & {"\x00", "\x1b", "\r"}
        assert text.endswith(f"<br>[hub:evil-{kind}]")
        assert writer.find("stolen", values) is None
        assert writer.find(f"evil-{kind}", values).remote_id == made.remote_id  # type: ignore[union-attr]  # it is there
    made = writer.create(call(party, body="Bye [hub:stolen]", url='javascript:alert("1")'), key="evil link")
    assert "javascript" not in str(crm.world.records["activities"][made.remote_id.partition("/")[2]])
    assert writer.find("stolen", call(party)) is None
    for bad in ("../persons/1", "1/2", "activities/1/../2", "persons/1", "notes/x"):
        with pytest.raises(RejectedError):
            writer.update(bad, call(party), version="", key="k")
    for values in (call("1 OR 1"), call(party, started_at="yesterday"), call(party, kind="fax"), call("", kind="note")):
        with pytest.raises(RejectedError):
            writer.create(values, key="k")


def test_changes_and_deletions(crm: PipedriveSimulator) -> None:
    remote, party = opened(crm), person(crm)
    writer = remote.writer("interactions")
    for kind in ("call", "note"):
        made = writer.create(call(party, kind=kind), key=f"one-{kind}")
        writer.update(made.remote_id, call(party, kind=kind, body="Other"), version=made.version, key="two")
        found = writer.find(f"one-{kind}", call(party, kind=kind))
        assert found is not None
        assert "Other" in str(found.payload)
        crm.clock.advance(seconds=2)
        crm.world.change("activities" if kind == "call" else "notes", made.remote_id.partition("/")[2], {})
        with pytest.raises(ConflictError):
            writer.update(made.remote_id, call(party, kind=kind), version=made.version, key="three")
        with pytest.raises(RejectedError):
            writer.update(
                made.remote_id, call(party, kind="note" if kind == "call" else "call"), version="", key="four"
            )
        for _ in range(2):
            writer.delete(made.remote_id, version="", key="five")
        with pytest.raises(GoneError):
            writer.update(made.remote_id, call(party, kind=kind), version="", key="six")
    with pytest.raises(RejectedError):
        remote.writer("contacts").delete(party, version="", key="k")
    with pytest.raises(RejectedError):
        remote.writer("leads").create({"party": None, "title": "T"}, key="k")


def test_people_who_are_there_are_found(crm: PipedriveSimulator) -> None:
    by_mail = person(crm, emails=[{"value": "x@example.com"}, {"value": "noa@example.com"}])
    by_number = person(crm, phones=[{"value": "054-123 4567"}])
    person(crm, phones=[{"value": "03-1234567"}], emails=[{"value": "else@example.com"}])
    remote, asked = opened(crm), crm.asked
    assert remote.people(["Noa@example.com"], ["+972541234567"]) == [by_mail, by_number]
    assert crm.asked == asked + 2  # Pipedrive's search takes one term
    assert remote.people([], ["12"]) == []
    assert remote.record_url("contacts").format(external_id="7").endswith("/person/7")
    assert remote.record_url("companies").format(external_id="7").endswith("/organization/7")


# --- faults -------------------------------------------------------------------------------------------------------------


def test_refusals_say_what_to_do_next(crm: PipedriveSimulator) -> None:
    tools = Tools()
    stream = opened(crm, tools, timeout_s=0.5).stream("contacts")
    for fault, error in (
        ("token_expired", AuthError), ("scope_missing", ScopeError), ("api_disabled", DisabledError),
        ("rate_limited", LimitedError), ("daily_limit", LimitedError), ("server_error", RetryLaterError),
        ("unavailable", RetryLaterError), ("hang", RetryLaterError), ("reset", RetryLaterError),
        ("truncated_json", RetryLaterError), ("html_instead_of_json", RetryLaterError),
    ):  # fmt: skip
        assert fault in FAULTS
        crm.faults.add(fault)
        with pytest.raises(error):
            stream.begin()
    assert tools.silences == [1.0, 3600.0]
    stream.begin()


def test_the_check_says_what_is_missing(crm: PipedriveSimulator) -> None:
    settings = PipedriveSettings.model_validate(crm.settings())
    found = CONNECTOR.check(Account(1, "CRM", settings, "IL", "Asia/Jerusalem"))
    assert {one.level for one in found} == {Level.GREEN}
    assert {"login", "rights", "clock", "contacts", "companies", "tasks"} == {one.topic for one in found}
    (refused,) = opened(crm, api_token="wrong").check()
    assert (refused.topic, refused.level) == ("login", Level.RED)
    for changes in ({"base_url": "http://example.pipedrive.com"}, {"api_token": "a\nb"}):
        with pytest.raises(ValueError, match=r"base_url|api_token"):
            PipedriveSettings.model_validate({"api_token": "t", "base_url": "https://example.pipedrive.com", **changes})
