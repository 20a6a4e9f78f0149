"""What writes to CRMs, each against its simulator over the socket: once, as it was said, and nobody's change lost.

A CRM is tried here as soon as its simulator has what `CrmSimulator` says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import Any

import pytest

from hub.connector import crm
from hub.connector.checking import Alone
from hub.connector.simulator import CrmSimulator, Faults
from hub.connector.stream import Findable, Remote, Upsert, Written
from hub.errors import ConflictError, GoneError, RejectedError, RetryLaterError
from tests.contract.connectors import NAMES, account, connector, faults, simulated

LOST = "commit_then_timeout"
SHOWN = "<script>alert(1)</script>"
HOSTILE = f"{SHOWN}\u202egnp.exe \u05e9\u05dc\u05d5\u05dd\u200f \x00\x1b \ud800 % _ ' OR ''=' \\ \" & {{x}} [y] [hub:z]"
LINK = "https://hub.example.com/i/7"
MANY, LOST_EVERY, MOST_PER_WRITE = 300, 20, 1.1
SETTLE_S = 30
CRMS = [
    name
    for name in NAMES
    if isinstance(import_module(f"connectors.{name}.simulator").create(0, Faults()), CrmSimulator)
]


@dataclass
class Desk:
    """One account at a CRM."""

    name: str
    simulator: Any
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def remote(self) -> Any:
        """Open it, as a process does that knows nothing of any other."""
        make = connector(self.name).remote
        assert make is not None
        remote: Remote = make(account(self.name, self.simulator), Alone())
        return remote

    def write(self, records: str, values: Mapping[str, Any], key: str) -> Written:
        """Write as the hub does: at once; behind a lost answer another process looks first, and later."""
        is_tried = False
        for _ in range(4):
            writer = self.remote().writer(records)
            try:
                found: Written = (writer.find(key, values) if is_tried else None) or writer.create(values, key=key)
            except RetryLaterError as lost:
                is_tried = settles(lost)
            else:
                return found
        raise AssertionError("it is never written")

    def somebody(self, **changes: Any) -> str:
        number = next(self.numbers)
        values = {
            "name": f"Ruth Levi {number}", "given": "Ruth", "family": f"Levi {number}",
            "emails": [{"value": f"ruth{number}@example.com", "label": "work"}], "phones": [], "company": "",
            "job_title": "", **changes,
        }  # fmt: skip
        return self.write(crm.CONTACTS, values, f"person {number}").remote_id

    def shown(self, records: str, before: list[str]) -> list[str]:
        """Return what is seen now and was not before."""
        return [one for one in self.simulator.kept(records) if one not in before]


def settles(lost: RetryLaterError) -> bool:
    assert (lost.retry_after or 0) >= SETTLE_S, "what is on its way must have arrived before anybody looks"
    return True


def interaction(party: str, **changes: Any) -> dict[str, Any]:
    return {
        "party": party, "company": None, "kind": "call", "direction": "inbound", "title": "Call", "body": "Said hello.",
        "started_at": "2026-11-23T10:00:00+00:00", "ended_at": "2026-11-23T10:05:30+00:00", "outcome": "answered",
        "number": "+972541234567", "url": LINK, "owner_email": "", **changes,
    }  # fmt: skip


def lead(party: str, **changes: Any) -> dict[str, Any]:
    return {
        "party": party, "company": None, "title": "Garden", "name": "Ruth Levi", "email": "r@example.com",
        "phone": "+972541234567", "source": "Form", "campaign": "Autumn", "body": "Please call", "url": LINK,
        "owner_email": "", **changes,
    }  # fmt: skip


def task(party: str, **changes: Any) -> dict[str, Any]:
    return {
        "party": party, "title": "Call back", "body": "Soon", "due_at": "2026-11-25T09:00:00+00:00", "owner_email": "",
        "done": False, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module", params=CRMS)
def served(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with simulated(request.param) as simulator:
        yield Desk(request.param, simulator)


@pytest.fixture
def desk(served: Desk) -> Desk:
    served.simulator.faults.clear()
    return served


def test_some_crm_is_tried() -> None:
    assert CRMS
    assert [name for name in CRMS if LOST not in faults(name)] == []


def test_it_offers_what_a_crm_offers(desk: Desk) -> None:
    remote = desk.remote()
    for offered in (crm.KnowsPeople, crm.HasRecordUrls):
        assert isinstance(remote, offered)
    for records in (crm.INTERACTIONS, crm.LEADS, crm.TASKS, crm.CONTACTS):
        assert isinstance(remote.writer(records), crm.FindsWritten)
    with pytest.raises(RejectedError):
        remote.writer("invoices")
    for records in (crm.CONTACTS, crm.COMPANIES):
        assert remote.record_url(records).format(external_id="7").startswith("https://")
    assert remote.record_url(crm.INTERACTIONS) == ""
    party = desk.somebody(emails=[{"value": "known@example.com", "label": "work"}])
    assert list(remote.people(["Known@example.com"], [])) == [party]
    assert list(remote.people(["nobody@example.com"], [])) == []


def test_it_is_written_once_though_answers_are_lost(desk: Desk) -> None:
    party = desk.somebody()
    cases = [(crm.INTERACTIONS, interaction(party, kind=kind)) for kind in crm.KINDS]
    cases += [(crm.LEADS, lead(party)), (crm.TASKS, task(party))]
    cases += [(crm.CONTACTS, {"name": "New One", "emails": [{"value": "one@example.com", "label": ""}], "phones": []})]
    for number, (records, values) in enumerate(cases):
        before, key = len(desk.simulator.kept(records)), f"once {number}:a/b"
        assert desk.remote().writer(records).find(key, values) is None
        desk.simulator.faults.add(f"{LOST}={1 + number % 2}")
        written = desk.write(records, values, key)
        desk.simulator.faults.clear()
        assert len(desk.simulator.kept(records)) == before + 1
        found = desk.remote().writer(records).find(key, values)
        assert found is not None
        assert found.remote_id == written.remote_id
        assert desk.remote().writer(records).find(f"{key}9", values) is None


def test_hostile_texts_are_shown_as_texts(desk: Desk) -> None:
    party, body = desk.somebody(), HOSTILE + "\u05d0<" * 50_000
    cases = [(crm.INTERACTIONS, interaction(party, kind=kind, title=HOSTILE, body=body)) for kind in crm.KINDS]
    cases += [(crm.LEADS, lead(party, title=HOSTILE, body=body)), (crm.TASKS, task(party, title=HOSTILE, body=body))]
    for number, (records, values) in enumerate(cases):
        before = list(desk.simulator.kept(records))
        desk.write(records, values, f"hostile {number}")
        [text] = desk.shown(records, before)
        assert SHOWN in text
        assert "\u05e9\u05dc\u05d5\u05dd" in text
        assert not set(text) & set("\u202e\x00\x1b\ud800")
        assert (LINK in text) is (records == crm.INTERACTIONS) or records == crm.LEADS
        assert desk.remote().writer(records).find(f"hostile {number}", values), "its key stays, whatever the text says"
        assert desk.remote().writer(records).find("z", values) is None
    assert "javascript" not in _link_of(desk, party, 'javascript:alert("1")')
    asked = desk.simulator.asked
    writer = desk.remote().writer(crm.INTERACTIONS)
    for wrong in ("../contacts/1", "1/2", "User/../1", "nothing at all", ""):
        with pytest.raises((GoneError, RejectedError)):
            writer.update(wrong, interaction(party), version="", key="k")
    with pytest.raises(RejectedError):
        writer.create(interaction(party, started_at="yesterday"), key="k")
    assert desk.simulator.asked == asked


def _link_of(desk: Desk, party: str, url: str) -> str:
    before = list(desk.simulator.kept(crm.INTERACTIONS))
    desk.write(crm.INTERACTIONS, interaction(party, title="Other link", url=url), f"link {url}")
    [text] = desk.shown(crm.INTERACTIONS, before)
    return text


def test_what_somebody_changed_is_not_overwritten(desk: Desk) -> None:
    party = desk.somebody()
    made = desk.write(crm.TASKS, task(party, title="Before"), "conflict")
    for records, remote_id, name in ((crm.TASKS, made.remote_id, "title"), (crm.CONTACTS, party, "name")):
        stream = desk.remote().stream(records)
        assert isinstance(stream, Findable)
        [seen] = stream.find([remote_id])
        assert isinstance(seen, Upsert)
        assert seen.version
        desk.simulator.clock.advance(seconds=5)
        desk.remote().writer(records).update(remote_id, {name: "Somebody Else"}, version=seen.version, key="theirs")
        desk.simulator.clock.advance(seconds=5)
        with pytest.raises(ConflictError):
            desk.remote().writer(records).update(remote_id, {name: "Our Own"}, version=seen.version, key="ours")
        assert [one for one in desk.simulator.kept(records) if "Somebody" in one]
        assert not [one for one in desk.simulator.kept(records) if "Our Own" in one]


def test_a_rewrite_and_a_deletion_can_be_repeated(desk: Desk) -> None:
    party = desk.somebody()
    for kind in ("call", "meeting", "note"):
        before, key = list(desk.simulator.kept(crm.INTERACTIONS)), f"rewritten {kind}"
        made = desk.write(crm.INTERACTIONS, interaction(party, kind=kind, title=key), key)
        # Whose it is was said when it was made, and is not said again.
        values = interaction("", kind=kind, title=key, body="Said other words.")
        del values["party"], values["company"]
        desk.simulator.faults.add(LOST)
        for _ in range(2):
            writer = desk.remote().writer(crm.INTERACTIONS)
            try:
                writer.update(made.remote_id, values, version="", key="u")
            except RetryLaterError as lost:
                settles(lost)
        [text] = desk.shown(crm.INTERACTIONS, before)
        assert "Said other words." in text
        assert LINK in text
        assert writer.find(key, interaction(party, kind=kind)), "it still bears its key"
        desk.simulator.faults.add(LOST)
        with pytest.raises(RetryLaterError):
            writer.delete(made.remote_id, version="", key="d")
        for _ in range(2):
            desk.remote().writer(crm.INTERACTIONS).delete(made.remote_id, version="", key="d")
        assert desk.shown(crm.INTERACTIONS, before) == []
        with pytest.raises(GoneError):
            writer.update(made.remote_id, values, version="", key="u")
    with pytest.raises(RejectedError):
        desk.remote().writer(crm.CONTACTS).delete(party, version="", key="d")


def test_what_many_writes_cost(desk: Desk) -> None:
    party, remote = desk.somebody(), desk.remote()
    writer = remote.writer(crm.INTERACTIONS)
    for kind in crm.KINDS:  # what is asked for, or made, once
        writer.create(interaction(party, kind=kind, owner_email="noa@example.com"), key=f"first {kind}")
    before, asked = len(desk.simulator.kept(crm.INTERACTIONS)), desk.simulator.asked
    for number in range(MANY):
        kind, key = crm.KINDS[number % len(crm.KINDS)], f"many {number}"
        values = interaction(party, kind=kind, title=key, owner_email="noa@example.com")
        if number % LOST_EVERY == 7:
            desk.simulator.faults.add(LOST)
            with pytest.raises(RetryLaterError):
                writer.create(values, key=key)
            assert writer.find(key, values)
        else:
            writer.create(values, key=key)
    assert (desk.simulator.asked - asked) / MANY <= MOST_PER_WRITE
    assert len(desk.simulator.kept(crm.INTERACTIONS)) == before + MANY
