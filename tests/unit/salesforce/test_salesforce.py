"""Salesforce against its simulator over the socket: what is read, what is written once, and what goes wrong."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.client import Client
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.simulator import SalesforceSimulator
from connectors.salesforce.transforms import TRANSFORMS
from hub.connector.contract import Account, Level
from hub.connector.stream import Cursor, Filtered, Findable, Gone, Phase
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
    ShapeError,
)
from hub.identity.said import said
from hub.identity.transforms import TRANSFORMS as OF_IDENTITY
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from tests.unit.salesforce.desk import Hub, passed, remote, shown, simulated, write

FOLDER = Path(__file__).parents[3] / "mappings" / "salesforce"
FIXTURE = Path(__file__).parents[2] / "fixtures" / "salesforce" / "query.json"
CALL = {
    "kind": "call", "direction": "inbound", "title": "Call from Dana", "body": "Asked for an offer.", "outcome": "answered",
    "started_at": "2026-11-23T23:30:00+00:00", "ended_at": "2026-11-23T23:35:30+00:00", "number": "+972541234567",
    "url": "https://hub.example/i/7", "owner_email": "Noa@example.com", "party": None, "company": None,
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>\u202egnp.exe \u05e9\u05dc\u05d5\u05dd\u200f \x00 % _ ' OR Id != '' \\' \""


@pytest.fixture(scope="module")
def simulator() -> Iterator[SalesforceSimulator]:
    with simulated() as one:
        one.org.add("User", Username="noa@example.com.acme", Email="noa@example.com", IsActive=True)
        one.org.add("User", Username="old@example.com", Email="old@example.com", IsActive=False)
        yield one


@pytest.fixture(autouse=True)
def _calm(simulator: SalesforceSimulator) -> Iterator[None]:
    yield
    simulator.faults.clear()
    simulator.page(2_000)
    simulator.org.hidden.clear()
    simulator.org.lacking.clear()
    simulator.used = 0
    simulator.clock.set(datetime.now(UTC))
    for entity in simulator.org.kinds.keys() - {"User", "Organization"}:
        simulator.org.kinds[entity].clear()


def values(records: str, payload: dict[str, Any]) -> dict[str, Any]:
    mapping = read_file(FOLDER / f"{records}.toml", registry=Registry(OF_IDENTITY, TRANSFORMS))
    return apply(mapping, payload, Context("IL", "Asia/Jerusalem"))


# --- reading --------------------------------------------------------------------------------------------------------------


def test_pages_changes_late_commits_and_deletions(simulator: SalesforceSimulator) -> None:
    org, one = simulator.org, remote(simulator)
    simulator.page(4)
    ids = [org.add("Contact", LastName=f"Person {number}")["Id"] for number in range(11)]
    simulator.faults.add("reorder_page=3")
    pages, cursor = passed(one, "contacts")
    assert shown(pages).keys() == set(ids)
    assert len(pages) == 3
    assert pages[0].expected == 11
    assert not pages[-1].complete, "what was not shown is asked for by its id"
    assert cursor.phase is Phase.INCREMENTAL

    late = org.add("Contact", LastName="Late", at=simulator.clock.now() - timedelta(minutes=8))["Id"]
    pages, cursor = passed(one, "contacts", cursor)
    assert late in shown(pages)
    simulator.clock.advance(hours=2)
    pages, cursor = passed(one, "contacts", cursor)
    before = simulator.asked
    pages, cursor = passed(one, "contacts", cursor)
    assert (shown(pages), simulator.asked - before) == ({}, 1)
    org.change("Contact", ids[3], LastName="Renamed")
    org.remove("Contact", ids[4])
    pages, cursor = passed(one, "contacts", cursor)
    assert [found["Name"] for found in shown(pages).values()] == ["Renamed"]
    assert [it.remote_id for page in pages for it in page.changes if isinstance(it, Gone)] == [ids[4]]

    stream = one.stream("contacts")
    assert isinstance(stream, Findable)
    org.hidden.add(ids[1])
    del org.kinds["Contact"][ids[0]]  # the recycle bin was emptied
    found = stream.find([ids[0], ids[1], ids[2], ids[4], "no id!"])
    assert [type(it) for it in found] == [Gone, Filtered, type(found[2]), Gone, Gone]
    assert stream.present(datetime.now(UTC) - timedelta(days=1)) == {late, *ids} - {ids[0], ids[1], ids[4]}
    with pytest.raises(GoneError):
        one.stream("invoices")


def test_where_salesforce_forgets_the_rest_nothing_is_lost(simulator: SalesforceSimulator) -> None:
    one = remote(simulator)
    simulator.page(2)
    ids = {simulator.org.add("Task", Subject=f"Task {number}")["Id"] for number in range(5)}
    stream = one.stream("tasks")
    first = stream.pull(stream.begin())
    simulator.faults.add("expire_cursor")
    with pytest.raises(CursorExpired):
        stream.pull(first.next)
    _, cursor = passed(one, "tasks")
    page = stream.pull(cursor)
    assert page.more
    simulator.faults.add("expire_cursor")
    pages, _ = passed(one, "tasks", page.next)
    assert shown(pages).keys() == ids, "of changes, the look begins again"
    again = stream.pull(stream.begin())
    simulator.faults.add("endless_page=always")
    with pytest.raises(RetryLaterError, match="circle"):
        stream.pull(again.next)
    with pytest.raises(ShapeError):
        stream.pull(Cursor(page="https://elsewhere.example/services/data/v62.0/query/01g-2"))


def test_what_the_mappings_make_of_it(simulator: SalesforceSimulator) -> None:
    org, one = simulator.org, remote(simulator)
    firm = org.add("Account", Name="Acme", Website="https://acme.example", BillingCity="Haifa", Phone="04-8123456")[
        "Id"
    ]
    dana = org.add(
        "Contact", FirstName="Dana", LastName="Levi", AccountId=firm, Title="Buyer", Email="dana@acme.example",
        MobilePhone="+972 54-123-4567",
    )["Id"]  # fmt: skip
    task = org.add("Task", Subject="Call back", ActivityDate="2026-11-24", WhoId=dana, Status="Not Started")["Id"]
    done = org.add("Task", Status="Completed", WhatId=firm)["Id"]
    org.add("Task", Subject="Call", TaskSubtype="Call", Status="Completed")
    one.writer("interactions").create({**CALL, "kind": "note", "party": dana}, key="a")

    person = said(values("contacts", dict(shown(passed(one, "contacts")[0])[dana])))
    assert (person.name, person.company, person.job_title, person.is_company) == ("Dana Levi", "Acme", "Buyer", False)
    assert [it.value for it in person.emails] == ["dana@acme.example"]
    assert [(it.value, it.label) for it in person.phones] == [("+972 54-123-4567", "mobile")]
    assert person.updated_at is not None
    company = said(values("companies", dict(shown(passed(one, "companies")[0])[firm])))
    assert (company.is_company, company.name, company.addresses[0].value) == (True, "Acme", "Haifa")
    tasks = shown(passed(one, "tasks")[0])
    assert tasks.keys() == {task, done}, "what happened is nothing to be done"
    first, second = values("tasks", dict(tasks[task])), values("tasks", dict(tasks[done]))
    assert (first["title"], first["people"], first.get("done_at")) == ("Call back", [dana], None)
    assert first["due_at"] == datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert second["done_at"] is not None
    assert second["companies"] == [firm]
    assert not second["people"]
    assert one.record_url("contacts").endswith("/{external_id}")


def test_a_contact_as_the_documentation_shows_one() -> None:
    person = said(values("contacts", json.loads(FIXTURE.read_text("utf-8"))["records"][0]))
    assert (person.name, person.company, person.job_title) == ("Dana Levi", "Acme", "Buyer")
    assert [it.value for it in person.emails] == ["dana@acme.example"]
    assert [(it.value, it.label) for it in person.phones] == [("+972541234567", "mobile")]
    assert person.updated_at == datetime(2026, 11, 23, 8, tzinfo=UTC)


# --- writing --------------------------------------------------------------------------------------------------------------


def test_every_writer_writes_once_though_answers_are_lost(simulator: SalesforceSimulator) -> None:
    org = simulator.org
    firm = org.add("Account", Name="Acme")["Id"]
    dana = org.add("Contact", LastName="Levi")["Id"]
    who = {"party": dana, "company": firm}
    started = {"started_at": "2026-11-23T10:00:00+00:00", "ended_at": None, "title": "T", "body": "B"}
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("interactions", "Task", {**CALL, **who}),
        ("interactions", "Event", {**started, **who, "kind": "meeting"}),
        *(("interactions", "Task", {**started, **who, "kind": kind}) for kind in ("email", "message", "payment")),
        ("leads", "Lead", {**who, "title": "Offer", "name": "Dana Levi", "email": "d@example.com", "phone": "+972541234567",
                           "source": "Form", "campaign": "Autumn", "body": "Please call", "url": "", "owner_email": ""}),
        ("tasks", "Task", {"party": dana, "title": "Call back", "body": "", "due_at": "2026-11-24T08:00:00+00:00",
                           "owner_email": "noa@example.com", "done": False}),
        ("contacts", "Contact", {"name": "Avi Cohen", "emails": [{"value": "avi@example.com", "label": "work"}],
                                 "phones": [{"value": "+972501112233", "label": "mobile"}], "company": "Acme"}),
    ]  # fmt: skip
    for number, (records, entity, told) in enumerate(cases):
        one = remote(simulator)
        before = {it["Id"] for it in org.all(entity)}
        simulator.faults.add("commit_then_timeout")
        written = write(one, records, told, f"key {number}")
        assert not simulator.faults.waits("commit_then_timeout")
        [made] = [it for it in org.all(entity) if it["Id"] not in before]
        assert written.remote_id.endswith(made["Id"])
        # A process that died remembers nothing of its tries.
        other = remote(simulator).writer(records)
        found = other.find(f"key {number}", told)
        assert found is not None
        assert found.remote_id == written.remote_id
        assert other.find(f"key {number}9", told) is None
        # Even who does not look: the unique field refuses it, or the same one is written again.
        assert other.create(told, key=f"key {number}").remote_id == written.remote_id
        # The same change twice, the first with a lost answer, is one change, and makes nothing.
        version = str(org.kinds[entity][made["Id"]]["SystemModstamp"])
        changed = {**told, "title": "Other", "name": "Avi Levi"}
        simulator.faults.add("commit_then_timeout")
        with pytest.raises(RetryLaterError) as lost:
            other.update(written.remote_id, changed, version=version, key="u")
        assert (lost.value.retry_after or 0) >= 30, "what is on its way must have arrived before anybody looks"
        simulator.clock.advance(seconds=5)
        assert other.update(written.remote_id, changed, version=version, key="u").remote_id == written.remote_id
        assert {it["Id"] for it in org.all(entity)} == {*before, made["Id"]}


def test_a_call_is_what_salesforce_calls_one(simulator: SalesforceSimulator) -> None:
    org, one = simulator.org, remote(simulator)
    dana, firm = org.add("Contact", LastName="Levi")["Id"], org.add("Account", Name="Acme")["Id"]
    [noa] = [it["Id"] for it in org.all("User") if it["Email"] == "noa@example.com"]
    writer = one.writer("interactions")
    before = simulator.asked
    writer.create({**CALL, "party": dana, "company": firm}, key="a")
    writer.create({**CALL, "outcome": "missed", "ended_at": None, "direction": "outbound"}, key="b")
    assert simulator.asked - before == 4, "the token and the owners are asked for once"
    call, missed = org.all("Task")
    assert (call["TaskSubtype"], call["CallType"], call["CallDurationInSeconds"]) == ("Call", "Inbound", 330)
    assert (call["WhoId"], call["WhatId"], call["OwnerId"], call["Status"]) == (dana, firm, noa, "Completed")
    assert call["ActivityDate"] == "2026-11-24", "in the account's time zone"
    assert "Asked for an offer." in call["Description"]
    assert call["Description"].endswith("https://hub.example/i/7")
    assert (missed["CallDisposition"], missed["CallType"], missed["CallDurationInSeconds"]) == ("missed", "Outbound", 0)
    with pytest.raises(RejectedError):
        writer.create({**CALL, "started_at": "2026-11-23T10:00:00"}, key="e")
    deal = remote(simulator, lead_as="Opportunity").writer("leads")
    made = deal.create({"party": dana, "company": firm, "title": "Offer", "name": "Dana", "email": "x"}, key="f")
    [found] = org.all("Opportunity")
    assert made.remote_id == f"Opportunity/{found['Id']}"
    assert (found["AccountId"], found["ContactId"], found["StageName"]) == (firm, dana, "Prospecting")
    for _ in range(2):
        writer.delete(f"Task/{call['Id']}", version="", key="g")
        deal.delete(made.remote_id, version="", key="g")
    assert [it["Id"] for it in org.all("Task")] == [missed["Id"]]
    assert org.all("Opportunity") == []
    for wrong in ("User/005000000000000", "Task/../User", "Task", "nothing"):
        with pytest.raises(GoneError):
            writer.update(wrong, CALL, version="", key="h")
    with pytest.raises(RejectedError):
        one.writer("invoices")


def test_what_people_changed_is_not_overwritten(simulator: SalesforceSimulator) -> None:
    org, one = simulator.org, remote(simulator)
    row = org.add(
        "Contact", FirstName="Dana", LastName="Levi", Description="Likes tea", Email="dana@acme.example",
        HomePhone="+972 54 123 4567", at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    writer = one.writer("contacts")
    told = {
        "phones": [{"value": "+972541234567", "label": "mobile"}, {"value": "+972501112233", "label": "mobile"}],
        "emails": [{"value": "second@acme.example"}, {"value": "DANA@acme.example"}],
    }
    writer.update(row["Id"], told, version=row["SystemModstamp"], key="a")
    now = org.kinds["Contact"][row["Id"]]
    assert (now["HomePhone"], now["MobilePhone"]) == ("+972 54 123 4567", "+972501112233")
    assert (now["Email"], now["FirstName"], now["Description"]) == ("dana@acme.example", "Dana", "Likes tea")
    assert writer.update(row["Id"], told, version=row["SystemModstamp"], key="a").version == now["SystemModstamp"]
    with pytest.raises(ConflictError):
        writer.update(row["Id"], {"name": "Other Name"}, version=row["SystemModstamp"], key="b")
    with pytest.raises(RejectedError):
        writer.delete(row["Id"], version="", key="c")
    lead = one.writer("leads").create({"name": "Avi", "title": "Offer"}, key="l")
    [row] = org.all("Lead")
    org.change("Lead", row["Id"], Company="Avi Ltd", OwnerId="005000000000001")
    one.writer("leads").update(
        lead.remote_id, {"name": "Avi", "title": "New", "owner_email": "noa@example.com"}, version="", key="m"
    )
    [row] = org.all("Lead")
    assert (row["Company"], row["OwnerId"]) == ("Avi Ltd", "005000000000001")
    tasks = one.writer("tasks")
    begun = org.add("Task", Subject="Begun", Status="In Progress")
    tasks.update(begun["Id"], {"title": "Renamed", "done": False}, version=begun["SystemModstamp"], key="d")
    assert org.kinds["Task"][begun["Id"]]["Status"] == "In Progress"
    tasks.update(begun["Id"], {"done": True}, version="", key="e")
    assert org.kinds["Task"][begun["Id"]]["IsClosed"] is True
    org.remove("Task", begun["Id"])
    with pytest.raises(GoneError):
        tasks.update(begun["Id"], {"done": True}, version="", key="f")


def test_who_is_there_is_asked_once(simulator: SalesforceSimulator) -> None:
    org, one = simulator.org, remote(simulator)
    by_mail = org.add("Contact", LastName="A", Email="Dana@Example.com")["Id"]
    by_phone = org.add("Contact", LastName="B", MobilePhone="(054) 123-4567")["Id"]
    org.add("Contact", LastName="C", Email="other@example.com", Phone="+15551234567")
    org.add("Contact", LastName="D", Phone="5 4 1 2 3 4 5 6 7 99")
    org.add("Contact", LastName="E", Phone="+48 541 234 567")
    assert one.people([], []) == ()
    before = simulator.asked
    assert set(one.people(["DANA@example.com"], ["+972541234567"])) == {by_mail, by_phone}
    assert simulator.asked - before == 2, "the token, and one question"
    assert one.people([HOSTILE], [HOSTILE]) == []
    assert simulator.asked - before == 3


def test_hostile_texts_arrive_as_text(simulator: SalesforceSimulator) -> None:
    org, one = simulator.org, remote(simulator)
    dana = org.add("Contact", LastName="Levi")["Id"]
    body = HOSTILE + "\u05d0" * 50_000  # 100 kB
    for kind in ("call", "meeting", "note"):
        write(one, "interactions", {**CALL, "kind": kind, "party": dana, "title": HOSTILE * 9, "body": body}, kind)
    write(
        one, "leads", {"name": HOSTILE * 5, "email": HOSTILE, "phone": HOSTILE, "title": HOSTILE, "body": body}, "lead"
    )
    write(one, "tasks", {"title": HOSTILE * 9, "body": body, "party": dana, "due_at": None, "done": False}, "task")
    told = {"name": HOSTILE, "emails": [{"value": HOSTILE}], "phones": [{"value": "1"}], "company": HOSTILE}
    write(one, "contacts", told, "contact")
    for entity, count in {"Task": 3, "Event": 1, "Lead": 1}.items():
        assert len(org.all(entity)) == count
        for found in org.all(entity):
            text = str(found["Description"])
            assert 26_000 < len(text) < 32_000
            assert "<script>alert(1)</script>" in text
            assert "\u200f" in text
            assert "\u202e" not in text + str(found.get("Subject"))
            assert "\x00" not in text
    assert len(org.all("Contact")) == 2


# --- what goes wrong ------------------------------------------------------------------------------------------------------


def test_every_fault_says_what_to_do_next(simulator: SalesforceSimulator) -> None:
    simulator.org.add("Contact", LastName="Levi")
    expected: dict[str, type[Exception]] = {
        "revoked": AuthError, "scope_missing": ScopeError, "rate_limited": LimitedError, "day_limited": LimitedError,
        "server_error": RetryLaterError, "unavailable": RetryLaterError, "row_locked": RetryLaterError,
        "api_disabled": DisabledError, "html_instead_of_json": RetryLaterError, "truncated_json": RetryLaterError,
        "reset": RetryLaterError, "hang": RetryLaterError, "token_expired=2": AuthError,
    }  # fmt: skip
    for fault, error in expected.items():
        hub = Hub()
        one = remote(simulator, hub, timeout_s="0.5" if fault == "hang" else "5")
        simulator.faults.add(fault)
        with pytest.raises(error) as raised:
            one.stream("contacts").begin()
        assert simulator.client_secret not in f"{raised.value} {raised.value!r}"
        if error is LimitedError:
            assert hub.silences[0][1] == {"rate_limited": 1, "day_limited": 900}[fault]
        assert len(shown(passed(one, "contacts")[0])) == 1, "and then it goes on"
    simulator.faults.add("token_expired")
    simulator.faults.add("slow")
    assert len(shown(passed(remote(simulator), "contacts")[0])) == 1, "a token that died is refreshed once"
    hub = Hub()
    simulator.used = simulator.allowed - 500
    remote(simulator, hub).stream("contacts").begin()
    [(names, _)] = hub.silences
    assert [name.rpartition(":")[2] for name in names] == ["polling"], "what is written is still written"
    with pytest.raises(RejectedError):
        Client(SalesforceSettings.model_validate(simulator.settings()), Hub()).create("Lead", {"LastName": "x"})


def test_the_check_says_what_is_missing(simulator: SalesforceSimulator) -> None:
    def levels(**changes: Any) -> dict[str, Level]:
        told = {**simulator.settings(), **changes}
        account = Account(1, "CRM", SalesforceSettings.model_validate(told), "IL", "Asia/Jerusalem")
        return {one.topic: one.level for one in CONNECTOR.check(account)}

    healthy = levels()
    assert healthy["login"] is Level.GREEN
    assert set(healthy.values()) == {Level.GREEN}
    simulator.org.lacking.add("Event.Hub_Mark__c")
    assert levels()["mark of Event"] is Level.RED
    assert levels(client_secret="wrong")["login"] is Level.RED
    simulator.faults.add("scope_missing=always")
    assert levels()["contacts"] is Level.AMBER
    simulator.faults.clear()
    simulator.used = simulator.allowed - 10
    assert levels()["day"] is Level.AMBER
    with pytest.raises(ValueError, match="https"):
        SalesforceSettings.model_validate(
            {"base_url": "http://a.my.salesforce.com", "client_id": "a", "client_secret": "b"}
        )
