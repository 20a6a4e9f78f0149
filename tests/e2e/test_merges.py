"""Customers merged and parted: through the API, by several at once, and with a history that a worker moves."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from hub.app import _workers, mover
from hub.context import Hub
from hub.errors import UserError
from hub.identity import parties
from hub.identity.merging import background
from hub.identity.merging.background import Mover
from hub.identity.merging.merge import AT_ONCE, merge
from hub.identity.merging.undo import undo
from hub.identity.models import Identifier, Link, Merge, MergeState, Party, PartyStatus
from hub.store.base import now
from hub.timeline.models import Interaction, Participant
from hub.work.lease import Lease, claim, new_owner
from hub.work.shift import Pace, Shift
from tests.fakes.api import Office, office
from tests.fakes.browser import Browser
from tests.fakes.exchange import FakeExchange
from tests.fakes.merging import Desk, whole

BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def made(desk: Office, name: str, mail: str) -> str:
    body = {"name": name, "identifiers": [{"kind": "email", "value": mail}]}
    return str(desk.as_agent.post("/parties", body).get_json()["id"])


def test_a_program_merges_and_takes_back(desk: Office) -> None:
    first, other = made(desk, "Dana Levi", "dana@levi.example"), made(desk, "D. Levi", "d@home.example")
    answer = desk.as_agent.post(f"/parties/{first}/merge", {"other": other}, key="once")
    assert answer.status_code == 201, answer.data
    shape = answer.get_json()
    assert (shape["winner"]["id"], shape["loser"]["id"], shape["state"]) == (first, other, "done")
    assert shape["by"] == {"id": str(desk.agent.public_id), "name": desk.agent.name}
    again = desk.as_agent.post(f"/parties/{first}/merge", {"other": other}, key="once")
    assert (again.status_code, again.get_json()) == (201, shape), "the same request once more has its effect once"
    seen = desk.as_agent.get(f"/parties/{other}").get_json()
    assert seen["id"] == first, "the old id leads to the customer of today"
    assert {one["value"] for one in seen["identifiers"]} == {"dana@levi.example", "d@home.example"}
    for path, body, status, error_id in (
        (f"/parties/{first}/merge", {"other": other}, 422, "same_party"),
        (f"/parties/{first}/merge", {"other": str(desk.agent.public_id)}, 422, "unknown_other"),
        (f"/parties/{desk.agent.public_id}/merge", {"other": other}, 404, "not_found"),
        (f"/merges/{first}/undo", None, 404, "not_found"),
    ):
        problem = desk.as_agent.post(path, body)
        assert (problem.status_code, problem.get_json()["error_id"]) == (status, error_id), problem.data
    third = made(desk, "Dana L.", "dl@levi.example")
    top = desk.as_agent.post(f"/parties/{third}/merge", {"other": other, "winner": third}).get_json()
    assert top["winner"]["id"] == third
    problem = desk.as_agent.post(f"/merges/{shape['id']}/undo").get_json()
    assert (problem["status"], problem["error_id"]) == (409, "merged_on_top")
    assert top["id"] in problem["detail"]
    listed = desk.as_agent.get(f"/parties/{other}/merges").get_json()["items"]
    assert [one["id"] for one in listed] == [top["id"], shape["id"]]
    assert desk.as_agent.post(f"/merges/{top['id']}/undo").status_code == 200
    note = desk.as_agent.post("/notes", {"party": other, "text": "Calls on Mondays"}).get_json()
    undone = desk.as_agent.post(f"/merges/{shape['id']}/undo").get_json()
    assert (undone["merge"]["state"], undone["stayed"]) == ("undone", [{"kind": "note", "id": note["id"]}])
    assert desk.as_agent.get(f"/merges/{shape['id']}").get_json()["state"] == "undone"
    assert desk.as_agent.get(f"/parties/{other}").get_json()["name"] == "D. Levi"
    assert desk.as_agent.post(f"/merges/{shape['id']}/undo").status_code == 409


def two(session: Session, history: int = 0) -> tuple[Party, Party]:
    both = Party(name="Dana Levi"), Party(name="D. Levi")
    session.add_all(both)
    session.flush()
    session.add(Identifier(party_id=both[1].id, kind="email", value="d@home.example"))
    if history:
        rows = [
            {"kind": "call", "started_at": BEGAN, "direction": "inbound", "summary": f"{n}", "detail": {}}
            for n in range(history)
        ]
        made = session.scalars(insert(Interaction).returning(Interaction.id), rows).all()
        parts = [
            {
                "interaction_id": one,
                "party_id": both[1].id,
                "origin_party_id": both[1].id,
                "started_at": BEGAN,
                "kind": "call",
            }
            for one in made
        ]
        session.execute(insert(Participant), parts)
    return both


def test_two_who_merge_at_once_make_one_merge_and_the_second_is_told(hub: Hub) -> None:
    with hub.db.write() as session:
        ids = [one.id for one in two(session)]
    both = Barrier(2)

    def work(order: tuple[int, int]) -> str:
        with hub.db.read() as session:
            one, other = (session.get_one(Party, number) for number in order)
        both.wait(timeout=10)
        try:
            with hub.db.write() as session:
                merge(session, None, one, other, winner=one)
        except UserError as error:
            return error.error_id
        return "merged"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(work, [(ids[0], ids[1]), (ids[1], ids[0])]))
    assert told == ["conflict", "merged"]
    with hub.db.read() as session:
        row = session.scalars(select(Merge)).one()
        states = dict(session.execute(select(Party.id, Party.status)).all())
        assert states == {row.winner_id: PartyStatus.ACTIVE, row.loser_id: PartyStatus.MERGED}
        whole(session)


def test_a_source_that_is_read_while_its_customer_is_merged_loses_nothing(hub: Hub) -> None:
    with hub.db.write() as session:
        desk = Desk(session)
        first = desk.take(0, "1", "Dana Levi", emails="dana@levi.example").id
        other = desk.take(1, "2", "D. Levi", emails="d@home.example").id
    both = Barrier(2)

    def read() -> None:
        both.wait(timeout=10)
        with hub.db.write() as session:
            desk.session = session
            desk.take(1, "2", "D. Levi", emails=["d@home.example", "new@home.example"], notes="Likes tea")

    def join() -> None:
        both.wait(timeout=10)
        with hub.db.write() as session:
            merge(session, None, session.get_one(Party, first), session.get_one(Party, other))

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(read), pool.submit(join)]:
            one.result(timeout=20)
    with hub.db.write() as session:
        whole(session)
        assert set(session.scalars(select(Link.party_id))) == {first}
        values = set(session.scalars(select(Identifier.value).where(Identifier.party_id == first)))
        assert values == {"dana@levi.example", "d@home.example", "new@home.example"}
        assert session.get_one(Party, first).fields["notes"] == "Likes tea"
        undo(session, None, session.scalars(select(Merge)).one())
    with hub.db.read() as session:
        whole(session)
        assert session.get_one(Party, other).fields["notes"] == "Likes tea"


def leased(hub: Hub) -> list[Lease]:
    with hub.db.write() as session:
        return claim(session, Merge, background.due(), owner=new_owner(), lease_s=60, order_by=background.first())


def test_workers_that_die_leave_a_long_history_to_the_next(hub: Hub) -> None:
    size = AT_ONCE + 350
    with hub.db.write() as session:
        first, other = two(session, size)
        row = merge(session, None, first, other)
        assert (row.state, row.moved) == (MergeState.MOVING, AT_ONCE)
        with pytest.raises(UserError, match="still being moved"):
            undo(session, None, row)

    def count(*party_ids: int) -> int:
        with hub.db.read() as session:
            query = select(func.count()).select_from(Participant).where(Participant.party_id.in_(party_ids))
            return session.scalar(query) or 0

    with hub.db.read() as session:
        ids = parties.with_merged(session, first)
    assert (count(*ids), count(other.id)) == (size, 350), "what is read goes through both"
    [dead] = leased(hub)
    slow = Mover(hub.db, lease_s=60, page=100, rest=0)
    assert slow._step(Shift(hub.db, Merge, dead, Pace(60)))
    with hub.db.write() as session:  # it dies; its lease runs out
        session.execute(update(Merge).values(lease_until=now(), due_at=now()))
    [lease] = leased(hub)
    slow.run(dead)
    assert count(other.id) == 250, "whoever is too late moves nothing"
    mover(hub).run(lease)
    assert (count(first.id), count(other.id)) == (size, 0)
    assert leased(hub) == [], "once more, later, for what was on its way"
    with hub.db.write() as session:
        row = session.scalars(select(Merge)).one()
        assert (row.state, row.moved) == (MergeState.DONE, size)
        undo(session, None, row)
        assert row.state == MergeState.UNDOING
    [lease] = leased(hub)
    mover(hub).run(lease)
    assert (count(first.id), count(other.id)) == (0, size)
    with hub.db.read() as session:
        assert session.scalars(select(Merge.state)).one() == MergeState.UNDONE
        whole(session)


def test_a_person_looks_merges_takes_back_and_takes_apart(hub: Hub, admin: Browser) -> None:
    with hub.db.write() as session:
        desk = Desk(session)
        dana = desk.take(0, "1", "Dana <Levi>", emails="dana@levi.example", job_title="Buyer")
        other = desk.take(1, "2", "D. Levi", phones="054-765-4321", job_title="Owner")
        desk.take(2, "3", "Dana <Levi>", emails="dana@levi.example")
        firm = desk.take(3, "4", "", company="Levi Ltd", kind="company", emails="office@levi.example")
        records = [desk.link(0, "1").id, desk.link(2, "3").id]
    home = f"/customers/{dana.public_id}"
    assert f"{home}/merge" in admin.get(home).text
    found = admin.get(f"{home}/merge?q=Levi").text
    assert f"{home}/merge/{other.public_id}" in found
    assert str(firm.public_id) not in found, "a company is offered to no person"
    shown = admin.get(f"{home}/merge/{other.public_id}").text
    assert "Dana &lt;Levi&gt;" in shown
    assert all(one in shown for one in ("dana@levi.example", "+972547654321", "Buyer", "Owner"))
    with hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Merge)) == 0, "looking writes nothing"
        assert session.get_one(Party, other.id).status == PartyStatus.ACTIVE
    wrong = admin.post(f"{home}/merge", other=str(firm.public_id))
    assert (wrong.status_code, "never one" in wrong.text) == (422, True)
    assert admin.get(f"{home}/merge/{firm.public_id}").status_code == 422
    answer = admin.post(f"{home}/merge", other=str(other.public_id), winner=str(other.public_id))
    kept = f"/customers/{other.public_id}"
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{kept}/merge")
    assert admin.get(home).headers["Location"] == kept
    listed = admin.get(f"{kept}/merge").text
    with hub.db.read() as session:
        row = session.scalars(select(Merge)).one()
    assert f"{kept}/merges/{row.public_id}/undo" in listed
    assert admin.post(f"{kept}/merges/{row.public_id}/undo").status_code == 303
    again = admin.post(f"{kept}/merges/{row.public_id}/undo")
    assert again.status_code == 422
    everything = admin.post(f"{home}/split", record=[str(one) for one in records])
    assert (everything.status_code, "left" in everything.text) == (422, True)
    assert admin.post(f"{home}/split", record="99999999999999999999").status_code == 404
    parted = admin.post(f"{home}/split", record=str(records[1]))
    assert parted.status_code == 303
    assert "dana@levi.example" in admin.get(parted.headers["Location"]).text
    assert "taken out of" in admin.get(f"{home}/merge").text
    with hub.db.read() as session:
        whole(session)


def test_what_the_hub_decides_later_is_told_with_its_reasons_and_can_be_taken_back(hub: Hub, admin: Browser) -> None:
    with hub.db.write() as session:
        desk = Desk(session)
        dana = desk.take(0, "1", "Dana Levi", emails="dana@levi.example")
        desk.take(1, "2", "Levi, Dana", phones="054-765-4321")
        desk.take(2, "3", "Dana Levi", emails="dana@levi.example", phones="054-765-4321")
        desk.take(3, "4", "", phones="050-234-5678", emails="x@home.example")
        desk.take(0, "5", "Omar Saleh", phones="050-234-5678")
    workers = _workers(hub)
    while workers.run_once():
        pass
    with hub.db.write() as session:
        desk.session = session
        assert {desk.link(0, "1").party_id, desk.link(1, "2").party_id, desk.link(2, "3").party_id} == {dana.id}
        omar = session.get_one(Party, desk.link(0, "5").party_id)
        assert desk.link(3, "4").party_id == omar.id
        desk.take(1, "6", "Ruth Carmi", phones="050-234-5678")
    while workers.run_once():
        pass
    told = admin.get(f"/customers/{dana.public_id}/merge").text
    assert "decided by the hub" in told
    assert "The same mobile number" in told
    assert "Undo" in told
    told = admin.get(f"/customers/{omar.public_id}/merge").text
    assert re.search(r"x@home.example</bdi> was taken out of <bdi[^>]*>Omar Saleh", told)
    assert "people have this number or address" in told
    asked = admin.get("/duplicates").text
    assert "Omar Saleh" in asked
    assert "Ruth Carmi" in asked
    with hub.db.read() as session:
        whole(session)
