"""Duplicates as people and programs meet them: found by a worker, answered one by one or together, taken back."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select

from hub import app as hub_app
from hub.context import Hub
from hub.errors import UserError
from hub.identity import parties, reviews
from hub.identity.models import Merge, NotSame, Party, PartyStatus, Review
from hub.identity.partition_pairs import Reason, Why
from hub.identity.reviewing import look
from hub.identity.reviewing.models import DuplicateLook, Stage
from hub.identity.reviews import Proposal
from hub.store.base import now
from hub.timeline.models import Interaction, Participant
from hub.work.lease import claim, new_owner
from tests.fakes.api import Office, office
from tests.fakes.browser import Browser
from tests.fakes.exchange import FakeExchange

MOBILE = (Reason(Why.SAME_MOBILE), Reason(Why.NAMES_NEAR, ("0.75", "D. <b>Levi</b>", "Dana Levi")))
FAMILY = (Reason(Why.SAME_EMAIL), Reason(Why.SEVERAL_OWNERS, ("2",)))


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def asked(hub: Hub, *pairs: tuple[str, str], score: float = 0.75, why: tuple[Reason, ...] = MOBILE) -> list[UUID]:
    """Ask about new customers of these names; returns the questions."""
    with hub.db.write() as session:
        ids = []
        for names in pairs:
            one, other = (parties.create(session, None, "person", name, region="IL") for name in names)
            reviews.propose(session, [Proposal(one.id, other.id, score, why)])
            ids.append(session.scalars(select(Review.public_id).order_by(Review.id.desc())).first())
        return [one for one in ids if one is not None]


def state(hub: Hub, review: UUID) -> str:
    with hub.db.read() as session:
        return reviews.get(session, review).state


def test_a_program_lists_pairs_and_answers_them(desk: Office) -> None:
    ids = asked(desk.hub, ("Dana Levi", "D. Levi"), ("Amir Katz", "A. Katz"), ("Noa Bar", "N. Bar"))
    first = asked(desk.hub, ("Jan", "J. Nowak"), score=0.8)[0]
    pages = desk.as_agent.pages("/duplicates", 1)
    assert [one["id"] for page in pages for one in page] == [str(one) for one in (first, *reversed(ids))]
    shape = pages[-1][0]
    assert (shape["one"]["name"], shape["other"]["name"], shape["score"]) == ("Dana Levi", "D. Levi", 0.75)
    assert shape["reasons"][0] == {"code": "same_mobile", "values": []}

    answer = desk.as_agent.post(f"/duplicates/{ids[0]}", {"answer": "same", "winner": shape["other"]["id"]}, key="once")
    again = desk.as_agent.post(f"/duplicates/{ids[0]}", {"answer": "same", "winner": shape["other"]["id"]}, key="once")
    assert (answer.status_code, again.get_json()) == (200, answer.get_json())
    done = answer.get_json()
    assert done["duplicate"]["state"] == "same"
    assert done["duplicate"]["answered_by"]["name"] == desk.agent.name
    assert desk.as_agent.get(f"/merges/{done['merge']}").get_json()["winner"]["id"] == shape["other"]["id"]
    assert desk.as_agent.post(f"/duplicates/{ids[1]}", {"answer": "not_same"}).get_json()["merge"] is None
    assert desk.as_agent.post(f"/duplicates/{ids[2]}", {"answer": "later"}).status_code == 200
    for query, expected in (("", [first, ids[2]]), ("?state=open", [first]), ("?state=later", [ids[2]]),
                            ("?state=same", [ids[0]]), ("?state=not_same", [ids[1]])):  # fmt: skip
        listed = desk.as_agent.get(f"/duplicates{query}").get_json()["items"]
        assert [one["id"] for one in listed] == [str(one) for one in expected], query
    for path, body, status, error_id in (
        (ids[0], {"answer": "not_same"}, 409, "answered"),
        (first, {"answer": "perhaps"}, 422, "invalid"),
        (first, {"answer": "later", "winner": shape["other"]["id"]}, 422, "unknown_winner"),
        (first, {"answer": "same", "winner": shape["other"]["id"]}, 422, "unknown_winner"),
        (desk.agent.public_id, {"answer": "later"}, 404, "not_found"),
    ):
        problem = desk.as_agent.post(f"/duplicates/{path}", body)
        assert (problem.status_code, problem.get_json()["error_id"]) == (status, error_id), problem.data
    assert desk.as_agent.get("/duplicates?state=odd").status_code == 400
    assert state(desk.hub, first) == "open"


def test_a_person_answers_without_javascript_and_takes_back(admin: Browser, hub: Hub) -> None:
    assert "No pair waits for you" in admin.get("/duplicates").text
    likely = asked(hub, ("Rivka", "R. Stone"), score=0.84)[0]
    worth = asked(hub, ("Dana Levi", "D. <b>Levi</b>"), score=0.7)[0]
    with hub.db.write() as session:
        row = reviews.get(session, worth)
        dana, other = session.get_one(Party, row.a_id), session.get_one(Party, row.b_id)
        parties.add_identifier(session, None, dana, parties.Given("phone", "+972502345678"), region="IL")
        call = Interaction(kind="call", direction="inbound", started_at=now(), summary="Hello", detail={})
        session.add(call)
        session.flush()
        session.add(Participant(
            interaction_id=call.id, party_id=dana.id, origin_party_id=dana.id, role="caller", identifier_kind="phone",
            value="+972502345678", kind="call", started_at=call.started_at,
        ))  # fmt: skip
        older, younger = str(dana.public_id), str(other.public_id)
    page = admin.get("/duplicates").text
    shown = page[page.index("h-pair") :]
    assert f"/duplicates/{worth}" in shown, "less likely, but somebody spoke with them lately"
    assert "Names are near, by 75 %" in page
    assert "The same mobile number" in page
    assert "<b>Levi" not in page, "what a source says is text"
    assert f"/duplicates?pair={likely}" in page
    assert f"/duplicates/{likely}" in admin.get(f"/duplicates?pair={likely}").text
    assert admin.get("/duplicates?pair=odd").status_code == 404
    hint = admin.get(f"/customers/{younger}").text
    assert "May be the same as" in hint
    assert f"/duplicates?pair={worth}" in hint

    assert admin.post(f"/duplicates/{worth}", answer="same", winner="odd").status_code == 422
    assert admin.post(f"/duplicates/{worth}", answer="same", winner=younger).status_code == 303
    with hub.db.read() as session:
        assert session.scalar(select(Party.status).where(Party.public_id == UUID(older))) == PartyStatus.MERGED
    assert "May be the same as" not in admin.get(f"/customers/{younger}").text
    second = admin.post(f"/duplicates/{worth}", answer="not_same")
    assert second.status_code == 409
    assert "Somebody else answered this pair" in second.text
    assert f"/duplicates/{likely}" in second.text, "the next pair is there"
    assert admin.post("/duplicates/undo", pair=str(likely)).status_code == 422
    assert admin.post("/duplicates/undo", pair=str(worth)).status_code == 303
    assert state(hub, worth) == "open"
    with hub.db.read() as session:
        assert session.scalar(select(Party.status).where(Party.public_id == UUID(older))) == PartyStatus.ACTIVE
    assert admin.post(f"/duplicates/{likely}", answer="not_same").status_code == 303
    with hub.db.read() as session:
        assert session.scalar(select(func.count(NotSame.id))) == 1
    assert admin.post("/duplicates/undo", pair="odd").status_code == 404


def test_many_for_one_reason_are_merged_after_a_look_at_the_list(admin: Browser, hub: Hub) -> None:
    ids = asked(hub, *((f"Dana {name}", f"D. {name}") for name in ("Levi", "Stone", "Katz")))
    apart = asked(hub, ("Mum", "Dad"), why=FAMILY)[0]
    page = admin.get("/duplicates").text
    of = re.search(r"/duplicates/alike\?of=([^\"]+)\"", page)
    assert of is not None
    name = "names_near+same_mobile"
    listed = admin.get(f"/duplicates/alike?of={of[1]}").text
    assert "This would merge 3 pairs" in listed
    assert all(str(one) in listed for one in ids)
    assert str(apart) not in listed
    assert admin.get("/duplicates/alike?of=odd").status_code == 404
    chosen = [str(one) for one in ids[:2]]
    assert admin.post("/duplicates/alike", of=name, pair=chosen).status_code == 422, "nobody said that they looked"
    with hub.db.write() as session:
        reviews.decide(session, None, reviews.get(session, ids[1]), "not_same")  # somebody else, meanwhile
    answer = admin.post("/duplicates/alike", of=name, pair=[*chosen, str(apart)], confirm="yes")
    assert answer.status_code == 409
    assert "1 pair was merged." in answer.text
    assert "2 pairs were left as they are" in answer.text
    assert [state(hub, one) for one in (*ids, apart)] == ["same", "not_same", "open", "open"]
    assert admin.post("/duplicates/alike", of=name, pair=[str(ids[2])], confirm="yes").status_code == 303
    assert "1 pair was merged." in admin.get("/duplicates?merged=1").text


def test_two_people_answer_at_once_and_one_is_told(hub: Hub) -> None:
    review = asked(hub, ("Dana Levi", "D. Levi"))[0]
    both = Barrier(2)

    def say(answer: str) -> str:
        both.wait(10)
        try:
            with hub.db.write() as session:
                reviews.decide(session, None, reviews.get(session, review), answer)
        except UserError as error:
            return error.error_id
        return answer

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(say, ("same", "not_same")))
    assert said in (["answered", "same"], ["answered", "not_same"])
    with hub.db.read() as session:
        told = (session.scalar(select(func.count(Merge.id))), session.scalar(select(func.count(NotSame.id))))
    assert told == ((1, 0) if "same" in said else (0, 1)), "one answer, and no trace of the other"


def test_somebody_looks_now_and_a_worker_that_dies_is_taken_over(admin: Browser, hub: Hub) -> None:
    with hub.db.write() as session:
        for name in ("Dana Levi", "D. Levi"):
            parties.create(session, None, "person", name, [parties.Given("phone", "+972502345678")], region="IL")
    assert admin.post("/duplicates/look").status_code == 303
    assert admin.post("/duplicates/look").status_code == 303, "one is enough"
    page = admin.get("/duplicates").text
    assert "Comparing numbers and addresses" in page
    with hub.db.write() as session:
        [dying] = claim(session, DuplicateLook, look.due(), owner=new_owner(), lease_s=0)
        [lease] = claim(session, DuplicateLook, look.due(), owner=new_owner(), lease_s=60)
    hub_app.looker(hub).run(dying)
    with hub.db.read() as session:
        assert session.scalars(select(DuplicateLook)).one().stage == Stage.MERGED, "who is too late changes nothing"
    hub_app.looker(hub).run(lease)
    with hub.db.read() as session:
        row = session.scalars(select(DuplicateLook)).one()
        assert (row.stage, row.found, row.due_at, row.lease_until) == (Stage.DONE, 1, None, None)
    assert "1 new pair" in admin.get("/duplicates").text
    assert admin.get("/duplicates/look").status_code == 303
    with hub.db.write() as session:
        look.plan(session)
        assert len(session.scalars(select(DuplicateLook)).all()) == 2
