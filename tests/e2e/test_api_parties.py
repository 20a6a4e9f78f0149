"""People, companies and their timelines through the API."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from hub.context import Hub
from hub.identity.models import Claim, Party
from hub.security.models import Audit
from hub.timeline.models import Interaction, Kind, Participant, Visibility
from tests.fakes.api import Office, add_call, office
from tests.fakes.exchange import FakeExchange

NOBODY = "018f0000-0000-7000-8000-000000000000"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DANA = {
    "name": "Dana Levi",
    "identifiers": [{"kind": "phone", "value": "054-234-5678"}, {"kind": "email", "value": "Dana@Levi.co.il"}],
}


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def made(desk: Office, **body: object) -> str:
    answer = desk.as_agent.post("/parties", {**DANA, **body})
    assert answer.status_code == 201, answer.data
    return str(answer.get_json()["id"])


def test_a_customer_is_made_and_read(desk: Office) -> None:
    company = desk.as_agent.post(
        "/parties",
        {"kind": "company", "name": "Levi Ltd", "identifiers": [{"kind": "tax_id", "value": "51-423 456 7"}]},
    ).get_json()
    party = made(desk, company=company["id"], owner=str(desk.colleague.public_id))
    shape = desk.as_agent.get(f"/parties/{party}").get_json()
    assert (shape["kind"], shape["name"]) == ("person", "Dana Levi")
    assert shape["company"]["name"] == "Levi Ltd"
    assert shape["owner"] == {"id": str(desk.colleague.public_id), "name": "Omer"}
    assert [(one["kind"], one["value"]) for one in shape["identifiers"]] == [
        ("phone", "+972542345678"),
        ("email", "dana@levi.co.il"),
    ]
    with desk.hub.db.read() as session:
        claim = session.scalars(select(Claim).join(Party).where(Party.name == "Dana Levi", Claim.field == "name")).one()
        assert claim.locked_by == desk.agent.id, "what a person says is a claim of theirs"
        assert "party.created" in set(session.scalars(select(Audit.action)))


def test_a_customer_is_found_by_any_spelling(desk: Office) -> None:
    party = made(desk)
    made(desk, name="Another", identifiers=[])
    for query in (
        "phone=0542345678",
        "phone=%2B972-54-234-5678",
        "phone=972542345678",
        "email=DANA%40levi.co.il",
        "q=dana",
        "q=levi",
        "q=2345678",
    ):
        found = desk.as_agent.get(f"/parties?{query}").get_json()
        assert [one["id"] for one in found["items"]] == [party], query
        assert found["next"] is None
    for query in ("phone=0500000000", "phone=abc", "email=nobody", "tax_id=1", "q=zzz"):
        assert desk.as_agent.get(f"/parties?{query}").get_json()["items"] == [], query


def test_two_questions_at_once_are_refused(desk: Office) -> None:
    answer = desk.as_agent.get("/parties?phone=1&q=2")
    assert answer.status_code == 400
    assert "one of" in answer.get_json()["detail"]


def test_all_customers_come_page_by_page(desk: Office) -> None:
    ids = [made(desk, name=f"Customer {n}", identifiers=[]) for n in range(7)]
    for limit in (1, 3, 7):
        assert [one["id"] for page in desk.as_agent.pages("/parties", limit) for one in page] == ids


def test_wrong_customers_are_refused_by_field(desk: Office) -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 401}, "name"),
        ({"name": "X", "kind": "robot"}, "kind"),
        ({"name": "X", "company": NOBODY}, "company"),
        ({"name": "X", "company": "12"}, "company"),
        ({"name": "X", "owner": NOBODY}, "owner"),
        ({"name": "X", "identifiers": [{"kind": "fax", "value": "1"}]}, "identifiers.0.kind"),
        ({"name": "X", "identifiers": [{"kind": "phone", "value": "call me"}]}, "identifiers"),
        ({"name": "X", "identifiers": [{"kind": "email", "value": "dana"}]}, "identifiers"),
        ({"name": "X", "identifiers": [{"kind": "phone", "value": "054-234-5678", "x": 1}]}, "identifiers.0.x"),
    ]
    for body, field in wrong:
        answer = desk.as_agent.post("/parties", body)
        assert (answer.status_code, answer.get_json()["field"]) == (422, field), body
    assert desk.as_agent.get("/parties").get_json()["items"] == [], "nothing of a refused customer stays"


def test_a_change_touches_what_it_names_and_nothing_else(desk: Office) -> None:
    party = made(desk, owner=str(desk.colleague.public_id))
    before = desk.as_agent.get(f"/parties/{party}").get_json()
    changed = desk.as_agent.patch(f"/parties/{party}", {"name": "Dana Cohen"}).get_json()
    assert changed["name"] == "Dana Cohen"
    assert changed["owner"] == before["owner"]
    assert changed["identifiers"] == before["identifiers"]
    assert changed["version"] > before["version"]
    assert desk.as_agent.patch(f"/parties/{party}", {"owner": None}).get_json()["owner"] is None
    assert desk.as_agent.get("/parties?q=cohen").get_json()["items"][0]["id"] == party


def test_identifiers_are_added_and_taken_off_in_any_spelling(desk: Office) -> None:
    party = made(desk)
    added = desk.as_agent.patch(
        f"/parties/{party}",
        {
            "add_identifiers": [{"kind": "phone", "value": "+48 22 123 45 67"}],
            "remove_identifiers": [{"kind": "phone", "value": "972 54 2345678"}, {"kind": "email", "value": "x@y.zz"}],
        },
    ).get_json()
    assert [one["value"] for one in added["identifiers"]] == ["dana@levi.co.il", "+48221234567"]
    assert desk.as_agent.get("/parties?phone=0542345678").get_json()["items"] == []


def test_a_change_of_an_old_version_is_refused(desk: Office) -> None:
    party = made(desk)
    version = desk.as_agent.get(f"/parties/{party}").get_json()["version"]
    assert desk.as_agent.patch(f"/parties/{party}", {"name": "One", "version": version}).status_code == 200
    late = desk.as_agent.patch(f"/parties/{party}", {"name": "Two", "version": version})
    assert (late.status_code, late.get_json()["error_id"], late.get_json()["field"]) == (409, "conflict", "version")
    assert desk.as_agent.get(f"/parties/{party}").get_json()["name"] == "One"


def test_wrong_changes_are_refused_and_change_nothing(desk: Office) -> None:
    party = made(desk)
    before = desk.as_agent.get(f"/parties/{party}").get_json()
    for body, field in (
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"colour": "blue"}, "colour"),
        ({"name": "New", "add_identifiers": [{"kind": "phone", "value": "x"}]}, "add_identifiers"),
        ({"name": "New", "company": NOBODY}, "company"),
        ({"company": party}, "company"),
    ):
        answer = desk.as_agent.patch(f"/parties/{party}", body)
        assert (answer.status_code, answer.get_json()["field"]) == (422, field), body
    assert desk.as_agent.get(f"/parties/{party}").get_json() == before
    assert desk.as_agent.patch(f"/parties/{NOBODY}", {"name": "X"}).status_code == 404


def test_a_number_that_gets_a_name_brings_its_earlier_calls(desk: Office) -> None:
    with desk.hub.db.write() as session:
        call = add_call(session, desk.account, "before", START, [desk.agent], number="+972542345678")
        entry = Interaction(kind=Kind.CALL, started_at=START, account_id=desk.account.id)
        session.add(entry)
        session.flush()
        session.add(
            Participant(
                interaction_id=entry.id, party_id=None, started_at=START, kind=Kind.CALL, role="caller",
                identifier_kind="phone", value="+972542345678",
            )
        )  # fmt: skip
        call_id = str(call.public_id)
    party = made(desk)
    assert desk.as_agent.get(f"/calls/{call_id}").get_json()["party"] == party
    assert len(desk.as_agent.get(f"/parties/{party}/timeline").get_json()["items"]) == 1
    assert len(desk.as_agent.get(f"/calls?party={party}").get_json()["items"]) == 1
    assert desk.as_agent.get(f"/calls?party={NOBODY}").status_code == 404


# --- the timeline -------------------------------------------------------------------------------------------------


def happened(desk: Office, party: str, amount: int = 9) -> None:
    """Mails and meetings in turn, three in each minute."""
    with desk.hub.db.write() as session:
        party_id = session.scalars(select(Party.id).where(Party.public_id == UUID(party))).one()
        for n in range(amount):
            kind = Kind.EMAIL if n % 2 else Kind.MEETING
            at = START + timedelta(minutes=n // 3)
            entry = Interaction(kind=kind, started_at=at, summary=f"number {n}", account_id=desk.account.id)
            session.add(entry)
            session.flush()
            session.add(
                Participant(interaction_id=entry.id, party_id=party_id, started_at=at, kind=kind, role="customer")
            )


def test_a_timeline_comes_page_by_page_newest_first(desk: Office) -> None:
    party = made(desk)
    happened(desk, party)
    for limit in (1, 2, 4, 9, 50):
        pages = desk.as_agent.pages(f"/parties/{party}/timeline", limit)
        assert [one["summary"] for page in pages for one in page] == [f"number {n}" for n in range(8, -1, -1)], limit
    first = desk.as_agent.get(f"/parties/{party}/timeline?limit=1").get_json()["items"][0]
    assert first["account"]["name"] == "Office"
    assert [(one["id"], one["role"]) for one in first["parties"]] == [(party, "customer")]


def test_a_timeline_is_cut_by_kind_and_time(desk: Office) -> None:
    party = made(desk)
    happened(desk, party)

    def found(query: str) -> list[str]:
        pages = desk.as_agent.pages(f"/parties/{party}/timeline?{query}", 2)
        return [one["summary"].removeprefix("number ") for page in pages for one in page]

    assert found("kind=email") == ["7", "5", "3", "1"]
    assert found("kind=email,meeting") == found("kind=email&kind=meeting") == list("876543210")
    assert found("since=2026-11-20T09:01:00Z&until=2026-11-20T09:02:00Z") == ["5", "4", "3"]
    assert found("kind=call") == []
    assert desk.as_agent.get(f"/parties/{party}/timeline?kind=fax").status_code == 400
    assert desk.as_agent.get(f"/parties/{NOBODY}/timeline").status_code == 404


def test_what_only_its_owner_may_read_stays_hidden(desk: Office) -> None:
    party = made(desk)
    happened(desk, party, 3)
    with desk.hub.db.write() as session:
        hidden, shy = session.scalars(select(Interaction).order_by(Interaction.id).limit(2)).all()
        hidden.visibility, hidden.owner_id = Visibility.OWNER, desk.colleague.id
        shy.visibility, shy.owner_id, shy.detail = Visibility.METADATA, desk.colleague.id, {"body": "private words"}
    answer = desk.as_agent.get(f"/parties/{party}/timeline")
    items = answer.get_json()["items"]
    assert [one["summary"] for one in items] == ["number 2", ""]
    assert items[1]["detail"] == {}
    assert "private words" not in answer.get_data(as_text=True)


def test_a_note_is_on_the_timeline(desk: Office) -> None:
    party = made(desk)
    note = desk.as_agent.post("/notes", {"party": party, "text": "Wants an offer"}).get_json()
    assert note["author"]["name"] == "Noa"
    [entry] = desk.as_agent.get(f"/parties/{party}/timeline?kind=note").get_json()["items"]
    assert entry["notes"][0]["text"] == "Wants an offer"


def test_a_program_writes_notes_that_are_nobodys(desk: Office) -> None:
    party = made(desk)
    assert desk.as_program.post("/notes", {"party": party, "text": "From the shop"}).get_json()["author"] is None
