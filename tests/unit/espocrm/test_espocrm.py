"""EspoCRM against its simulator over the socket: what is read, what is written once, and what goes wrong."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.espocrm import CONNECTOR
from connectors.espocrm.settings import EspoSettings
from connectors.espocrm.simulator import EspoSimulator
from connectors.espocrm.transforms import TRANSFORMS
from hub.connector.contract import Account, Level
from hub.connector.stream import Filtered, Findable, Gone, Phase
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
from hub.identity.transforms import TRANSFORMS as OF_IDENTITY
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from tests.unit.espocrm.desk import passed, remote, shown, simulated, write

FOLDER = Path(__file__).parents[3] / "mappings" / "espocrm"
FIXTURE = Path(__file__).parents[2] / "fixtures" / "espocrm" / "contact.json"
CALL = {
    "kind": "call", "direction": "inbound", "title": "Call from Dana", "body": "Asked for an offer.", "outcome": "answered",
    "started_at": "2026-11-23T10:00:00+02:00", "ended_at": "2026-11-23T10:05:30+02:00", "number": "+972541234567",
    "url": "https://hub.example/i/7", "owner_email": "Noa@example.com", "party": None, "company": None,
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>\u202egnp.exe \u05e9\u05dc\u05d5\u05dd\u200f \x00 % _ ' \" [where]"


@pytest.fixture(scope="module")
def simulator() -> Iterator[EspoSimulator]:
    with simulated() as one:
        one.store.add("User", userName="noa", emailAddress="noa@example.com", isActive=True, type="regular")
        one.store.add("User", userName="old@example.com", isActive=False, type="regular")
        yield one


@pytest.fixture(autouse=True)
def _calm(simulator: EspoSimulator) -> Iterator[None]:
    yield
    simulator.faults.clear()
    simulator.page(200)
    simulator.store.own_fields.clear()
    simulator.store.hidden.clear()
    for entity in simulator.store.kinds.keys() - {"User"}:
        simulator.store.kinds[entity].clear()


def values(records: str, payload: dict[str, Any]) -> dict[str, Any]:
    mapping = read_file(FOLDER / f"{records}.toml", registry=Registry(OF_IDENTITY, TRANSFORMS))
    return apply(mapping, payload, Context("IL", "Asia/Jerusalem"))


# --- reading --------------------------------------------------------------------------------------------------------------


def test_pages_changes_late_commits_and_deletions(simulator: EspoSimulator) -> None:
    store, one = simulator.store, remote(simulator)
    simulator.page(4)
    ids = [store.add("Contact", lastName=f"Person {number}")["id"] for number in range(11)]
    simulator.faults.add("reorder_page=3")
    pages, cursor = passed(one, "contacts")
    assert shown(pages).keys() == set(ids)
    assert len([page for page in pages if page.changes]) == 3
    assert not pages[-1].complete, "what was not shown is asked for by its id"
    assert cursor.phase is Phase.INCREMENTAL

    # In the same second, and by a transaction that began long before it ended.
    late = store.add("Contact", lastName="Late", at=simulator.clock.now() - timedelta(minutes=8))["id"]
    before = simulator.asked
    pages, cursor = passed(one, "contacts", cursor)
    assert late in shown(pages)
    assert simulator.asked - before == len(pages)
    simulator.clock.advance(hours=2)
    pages, cursor = passed(one, "contacts", cursor)
    pages, cursor = passed(one, "contacts", cursor)
    assert shown(pages) == {}
    store.change("Contact", ids[3], lastName="Renamed")
    pages, cursor = passed(one, "contacts", cursor)
    assert [found["name"] for found in shown(pages).values()] == ["Renamed"]

    stream = one.stream("contacts")
    assert isinstance(stream, Findable)
    store.remove("Contact", ids[0])
    store.hidden.add(ids[1])
    found = stream.find([ids[0], ids[1], ids[2], "no id!"])
    assert [type(it) for it in found[:2]] == [Gone, Filtered]
    assert [it.remote_id for it in found] == [ids[0], ids[1], ids[2], "no id!"]
    assert stream.present(datetime.now(UTC) - timedelta(days=1)) == {late, *ids} - {ids[0], ids[1]}
    assert {it.key for it in one.streams()} == {"contacts", "companies", "tasks"}
    with pytest.raises(GoneError):
        one.stream("invoices")


def test_a_record_that_changes_while_all_are_listed_is_not_lost(simulator: EspoSimulator) -> None:
    one = remote(simulator, page_size=2)
    ids = sorted(simulator.store.add("Task", name=f"Task {number}")["id"] for number in range(5))
    stream = one.stream("tasks")
    page = stream.pull(stream.begin())
    simulator.store.change("Task", ids[0], name="Changed behind our back")
    new = simulator.store.add("Task", name="New")["id"]
    pages, cursor = passed(one, "tasks", page.next)
    pages, _ = passed(one, "tasks", cursor)
    assert shown(pages)[ids[0]]["name"] == "Changed behind our back"
    assert new in shown(pages)


def test_what_the_mappings_make_of_it(simulator: EspoSimulator) -> None:
    store, one = simulator.store, remote(simulator)
    firm = store.add("Account", name="Acme", website="https://acme.example", billingAddressCity="Haifa")["id"]
    dana = store.add(
        "Contact", firstName="Dana", lastName="Levi", accountId=firm, title="Buyer",
        emailAddressData=[{"emailAddress": "old@acme.example"}, {"emailAddress": "dana@acme.example", "primary": True}],
        phoneNumberData=[{"phoneNumber": "+972541234567", "type": "Mobile", "primary": True}],
    )["id"]  # fmt: skip
    task = store.add("Task", name="Call back", dateEnd="2026-11-24 08:00:00", parentType="Contact", parentId=dana)["id"]
    done = store.add("Task", name="Done", status="Completed", parentType="Account", parentId=firm)["id"]

    person = said(values("contacts", dict(shown(passed(one, "contacts")[0])[dana])))
    assert (person.name, person.company, person.job_title, person.is_company) == ("Dana Levi", "Acme", "Buyer", False)
    assert [it.value for it in person.emails] == ["dana@acme.example", "old@acme.example"]
    assert [(it.value, it.label) for it in person.phones] == [("+972541234567", "mobile")]
    company = said(values("companies", dict(shown(passed(one, "companies")[0])[firm])))
    assert (company.is_company, company.name, company.addresses[0].value) == (True, "Acme", "Haifa")
    tasks = shown(passed(one, "tasks")[0])
    first, second = values("tasks", dict(tasks[task])), values("tasks", dict(tasks[done]))
    assert (first["title"], first["people"], first.get("done_at")) == ("Call back", [dana], None)
    assert first["due_at"] == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert second["done_at"] is not None
    assert second["companies"] == [firm]
    assert not second["people"]
    assert one.record_url("contacts").endswith("/#Contact/view/{external_id}")
    assert one.record_url("companies").endswith("/#Account/view/{external_id}")


def test_a_contact_as_the_documentation_shows_one() -> None:
    person = said(values("contacts", json.loads(FIXTURE.read_text("utf-8"))))
    assert (person.name, person.company, person.job_title) == ("Dana Levi", "Acme", "Buyer")
    assert [it.value for it in person.emails] == ["dana@acme.example"]
    assert [(it.value, it.label) for it in person.phones] == [("+972541234567", "mobile")]
    assert person.updated_at == datetime(2026, 11, 23, 8, tzinfo=UTC)


# --- writing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark_field", ["", "cHubMark"])
def test_every_writer_writes_once_though_answers_are_lost(simulator: EspoSimulator, mark_field: str) -> None:
    store = simulator.store
    if mark_field:
        store.own_fields.add(mark_field)
    firm = store.add("Account", name="Acme")["id"]
    dana = store.add("Contact", lastName="Levi")["id"]
    who = {"party": dana, "company": firm}
    started = {"started_at": "2026-11-23T10:00:00+00:00", "ended_at": None, "title": "T", "body": "B"}
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("interactions", "Call", {**CALL, **who}),
        ("interactions", "Meeting", {**started, **who, "kind": "meeting"}),
        *(("interactions", "Note", {**started, **who, "kind": kind}) for kind in ("email", "message", "document")),
        ("leads", "Lead", {**who, "title": "Offer", "name": "Dana Levi", "email": "d@example.com", "phone": "+972541234567",
                           "source": "Form", "campaign": "Autumn", "body": "Please call", "url": "", "owner_email": ""}),
        ("tasks", "Task", {"party": dana, "title": "Call back", "body": "", "due_at": "2026-11-24T08:00:00+00:00",
                           "owner_email": "noa@example.com", "done": False}),
        ("contacts", "Contact", {"name": "Avi Cohen", "emails": [{"value": "avi@example.com", "label": "work"}],
                                 "phones": [{"value": "+972501112233", "label": "mobile"}], "company": "Acme"}),
    ]  # fmt: skip
    for number, (records, entity, told) in enumerate(cases):
        one = remote(simulator, mark_field=mark_field)
        before = {it["id"] for it in store.all(entity)}
        simulator.faults.add("commit_then_timeout")
        written = write(one, records, told, f"key {number}")
        assert not simulator.faults.waits("commit_then_timeout")
        [made] = [it for it in store.all(entity) if it["id"] not in before]
        assert written.remote_id.endswith(made["id"])
        # A process that died remembers nothing of its tries.
        other = remote(simulator, mark_field=mark_field).writer(records)
        found = other.find(f"key {number}", told)
        assert found is not None
        assert found.remote_id == written.remote_id
        assert other.find(f"key {number}9", told) is None
        # The same change twice, the first with a lost answer, is one change, and makes nothing.
        changed = {**told, "title": "Other", "name": "Avi Levi"}
        simulator.faults.add("commit_then_timeout")
        with pytest.raises(RetryLaterError) as lost:
            other.update(written.remote_id, changed, version=written.version, key="u")
        assert (lost.value.retry_after or 0) >= 30, "what is on its way must have arrived before anybody looks"
        assert other.update(written.remote_id, changed, version=written.version, key="u").remote_id == written.remote_id
        assert {it["id"] for it in store.all(entity)} == {*before, made["id"]}
        assert other.find(f"key {number}", told), "its mark stays"


def test_a_call_is_what_espocrm_calls_one(simulator: EspoSimulator) -> None:
    store, one = simulator.store, remote(simulator)
    dana, firm = store.add("Contact", lastName="Levi")["id"], store.add("Account", name="Acme")["id"]
    [noa] = [it["id"] for it in store.all("User") if it["userName"] == "noa"]
    before = simulator.asked
    writer = one.writer("interactions")
    writer.create({**CALL, "party": dana, "company": firm}, key="a")
    writer.create({**CALL, "outcome": "missed", "ended_at": None, "direction": "outbound"}, key="b")
    assert simulator.asked - before == 3, "the owners are asked for once"
    call, missed = store.all("Call")
    assert (call["status"], call["direction"]) == ("Held", "Inbound")
    assert (call["dateStart"], call["dateEnd"]) == ("2026-11-23 08:00:00", "2026-11-23 08:05:30")
    assert (call["contactsIds"], call["parentId"], call["assignedUserId"]) == ([dana], firm, noa)
    assert "Asked for an offer." in call["description"]
    assert "https://hub.example/i/7" in call["description"]
    assert (missed["status"], missed["direction"]) == ("Not Held", "Outbound")
    writer.create({**CALL, "kind": "email", "party": dana}, key="c")
    [post] = store.all("Note")
    assert (post["type"], post["parentType"], post["parentId"]) == ("Post", "Contact", dana)
    with pytest.raises(RejectedError):
        writer.create({**CALL, "kind": "email"}, key="d")
    with pytest.raises(RejectedError):
        writer.create({**CALL, "started_at": "2026-11-23T10:00:00"}, key="e")
    deal = remote(simulator, lead_as="Opportunity").writer("leads")
    made = deal.create({"party": dana, "company": firm, "title": "Offer", "name": "Dana", "email": "x"}, key="f")
    [found] = store.all("Opportunity")
    assert made.remote_id == f"Opportunity/{found['id']}"
    assert (found["accountId"], found["contactsIds"], found["stage"]) == (firm, [dana], "Prospecting")
    for records, remote_id in (("interactions", f"Call/{call['id']}"), ("leads", made.remote_id)):
        for _ in range(2):
            (deal if records == "leads" else writer).delete(remote_id, version="", key="g")
    assert [it["id"] for it in store.all("Call")] == [missed["id"]]
    assert store.all("Opportunity") == []
    for wrong in ("User/1", "Call/../User", "Call", "nothing"):
        with pytest.raises(GoneError):
            writer.update(wrong, CALL, version="", key="h")
    with pytest.raises(RejectedError):
        one.writer("invoices")


def test_what_people_changed_is_not_overwritten(simulator: EspoSimulator) -> None:
    store, one = simulator.store, remote(simulator)
    row = store.add(
        "Contact", firstName="Dana", lastName="Levi", description="Likes tea", at=datetime(2026, 1, 1, tzinfo=UTC),
        phoneNumberData=[{"phoneNumber": "+972541234567", "type": "Home", "optOut": True, "primary": True}],
    )  # fmt: skip
    writer = one.writer("contacts")
    told = {"phones": [{"value": "+972541234567", "label": "mobile"}, {"value": "+972501112233", "label": "mobile"}]}
    written = writer.update(row["id"], told, version=row["modifiedAt"], key="a")
    now = store.kinds["Contact"][row["id"]]
    assert [(it["type"], it["optOut"]) for it in now["phoneNumberData"]] == [("Home", True), ("Mobile", False)]
    assert (now["firstName"], now["description"]) == ("Dana", "Likes tea")
    # The same once more is recognised, and somebody else's change is not overwritten.
    assert writer.update(row["id"], told, version=row["modifiedAt"], key="a").version == written.version
    with pytest.raises(ConflictError):
        writer.update(row["id"], {"name": "Other Name"}, version=row["modifiedAt"], key="b")
    with pytest.raises(RejectedError):
        writer.delete(row["id"], version="", key="c")
    lead = one.writer("leads").create({"name": "Avi", "title": "Offer"}, key="l")
    [found] = store.all("Lead")
    store.change("Lead", found["id"], status="In Process", assignedUserId="u2")
    one.writer("leads").update(
        lead.remote_id, {"name": "Avi", "title": "New", "owner_email": "noa@example.com"}, version="", key="m"
    )
    [found] = store.all("Lead")
    assert (found["status"], found["assignedUserId"]) == ("In Process", "u2")
    tasks = one.writer("tasks")
    begun = store.add("Task", name="Begun", status="Started")
    tasks.update(begun["id"], {"title": "Renamed", "done": False}, version=begun["modifiedAt"], key="d")
    assert store.kinds["Task"][begun["id"]]["status"] == "Started"
    tasks.update(begun["id"], {"done": True}, version="", key="e")
    assert store.kinds["Task"][begun["id"]]["status"] == "Completed"


def test_who_is_there_is_asked_once(simulator: EspoSimulator) -> None:
    store, one = simulator.store, remote(simulator)
    by_mail = store.add("Contact", lastName="A", emailAddress="Dana@Example.com")["id"]
    by_phone = store.add("Contact", lastName="B", phoneNumber="+972 54-123-4567")["id"]
    store.add("Contact", lastName="C", emailAddress="other@example.com", phoneNumber="+15551234567")
    at_home = store.add("Contact", lastName="D", phoneNumber="054-123-4567")["id"]
    store.add("Contact", lastName="E", phoneNumber="+48 541 234 567")
    before = simulator.asked
    assert set(one.people(["DANA@example.com"], ["+972541234567"])) == {by_mail, by_phone, at_home}
    assert simulator.asked - before == 1
    assert one.people([], []) == ()
    assert one.people([HOSTILE], [HOSTILE]) == []
    assert simulator.asked - before == 2


def test_hostile_texts_arrive_as_text(simulator: EspoSimulator) -> None:
    store, one = simulator.store, remote(simulator)
    dana = store.add("Contact", lastName="Levi")["id"]
    body = HOSTILE + "\u05d0" * 50_000  # 100 kB
    for kind in ("call", "meeting", "note"):
        write(one, "interactions", {**CALL, "kind": kind, "party": dana, "title": HOSTILE * 9, "body": body}, kind)
    write(
        one, "leads", {"name": HOSTILE * 5, "email": HOSTILE, "phone": HOSTILE, "title": HOSTILE, "body": body}, "lead"
    )
    write(one, "tasks", {"title": HOSTILE * 9, "body": body, "party": dana, "due_at": None, "done": False}, "task")
    write(one, "contacts", {"name": HOSTILE, "emails": [{"value": HOSTILE}], "phones": [{"value": "1"}]}, "contact")
    for entity in ("Call", "Meeting", "Note", "Lead", "Task"):
        [found] = store.all(entity)
        text = str(found.get("post") or found["description"])
        assert 50_000 < len(text.encode()) < 62_000
        assert "<script>alert(1)</script>" in text
        assert "\u200f" in text
        assert "\u202e" not in text + str(found.get("name"))
        assert "\x00" not in text
        assert len(str(found.get("name") or "")) < 256
    assert one.writer("interactions").find("note", {**CALL, "kind": "note"})
    assert "https://hub.example/i/7" in store.all("Note")[0]["post"]


# --- what goes wrong ------------------------------------------------------------------------------------------------------


def test_every_fault_says_what_to_do_next(simulator: EspoSimulator) -> None:
    simulator.store.add("Contact", lastName="Levi")
    expected: dict[str, type[Exception]] = {
        "revoked": AuthError, "scope_missing": ScopeError, "rate_limited": LimitedError, "server_error": RetryLaterError,
        "unavailable": RetryLaterError, "html_instead_of_json": RetryLaterError, "truncated_json": RetryLaterError,
        "reset": RetryLaterError, "hang": RetryLaterError,
    }  # fmt: skip
    for fault, error in expected.items():
        one = remote(simulator, timeout_s="0.5" if fault == "hang" else "5")
        simulator.faults.add(fault)
        with pytest.raises(error) as raised:
            one.stream("contacts").begin()
        assert simulator.api_key not in f"{raised.value} {raised.value!r}"
        if fault == "rate_limited":
            assert isinstance(raised.value, LimitedError)
            assert raised.value.retry_after == 1
        assert len(shown(passed(one, "contacts")[0])) == 1, "and then it goes on"
    simulator.faults.add("slow")
    assert len(shown(passed(remote(simulator), "contacts")[0])) == 1
    simulator.page(1)
    simulator.store.add("Contact", lastName="Cohen")
    stream = remote(simulator).stream("contacts")
    first = stream.pull(stream.begin())
    simulator.faults.add("endless_page")
    with pytest.raises(RetryLaterError, match="circle"):
        stream.pull(first.next)
    with pytest.raises(RejectedError):
        remote(simulator, page_size=200).writer("leads").client.create("Lead", {"status": "No such"})


def test_the_check_says_what_is_missing(simulator: EspoSimulator) -> None:
    def levels(**changes: Any) -> dict[str, Level]:
        told = {**simulator.settings(), **changes}
        account = Account(1, "CRM", EspoSettings.model_validate(told), "IL", "Asia/Jerusalem")
        return {one.topic: one.level for one in CONNECTOR.check(account)}

    healthy = levels()
    assert healthy["login"] is Level.GREEN
    assert healthy["finding again"] is Level.GREEN
    assert Level.RED not in healthy.values()
    assert levels(mark_field="cNotThere")["finding again"] is Level.RED
    assert levels(api_key="wrong") == {"login": Level.RED}
    simulator.faults.add("scope_missing=always")
    assert levels()["contacts"] is Level.AMBER
    with pytest.raises(ValueError, match="https"):
        EspoSettings.model_validate({"base_url": "http://crm.example.com", "api_key": "x"})
