"""Whose word counts for a customer: shown, pinned and left to the sources again, on pages and through the API."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub.context import Hub
from hub.fields.models import Of, Type
from hub.identity.models import Claim, Link, Party
from hub.security.models import Audit, Role
from tests.e2e.field_world import FieldWorld
from tests.fakes.browser import Browser
from tests.fakes.exchange import FakeExchange

MAIL = "dana@levi.example"
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


class World(FieldWorld):
    """Dana, of whom two address books speak; the second one is read last."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        super().__init__(hub, folder, FakeExchange(), ("job_title", "size", "secret"))
        self.define(Of.PERSON, "size", Type.CHOICE, options=("small", "large"))
        self.define(Of.PERSON, "secret", Type.TEXT, roles=[Role.ADMIN])
        self.books = [self.account, self.connection("Another")]
        self.tell(0, name="Dana Levi", job_title="Buyer", size="small", secret="blue", company="Levi Ltd")
        self.tell(1, name="Dana L.", job_title="Head of buying", size="large", secret="red", company="Levi & Sons")
        with self.hub.db.read() as session:
            [self.id] = set(session.scalars(select(Link.party_id)))
            self.dana = str(session.get_one(Party, self.id).public_id)

    def tell(self, book: int, **values: Any) -> None:
        """One of the books says something."""
        self.account = self.books[book]
        self.contact(f"r{book}", emails=[MAIL], **values)

    @property
    def is_now(self) -> dict[str, Any]:
        with self.hub.db.read() as session:
            party = session.get_one(Party, self.id)
            company = session.get(Party, party.company_id) if party.company_id else None
            return {"name": party.name, "company": company and company.name, "version": party.version, **party.fields}

    def claim(self, field: str, book: int) -> int:
        """The number of what one of the books says."""
        with self.hub.db.read() as session:
            query = select(Claim.id).join(Link, Link.id == Claim.link_id).where(Link.account_id == self.books[book])
            return session.scalars(query.where(Claim.field == field, Claim.party_id == self.id)).one()

    def said(self, of: Any) -> list[tuple[str, Any, str, bool]]:
        items = of.get_json()["items"]
        return [(one["field"], one["value"], (one["source"] or {}).get("name", ""), one["counts"]) for one in items]


@pytest.fixture
def world(hub: Hub, tmp_path: Path) -> World:
    return World(hub, tmp_path / "mappings")


FIELDS = {
    "name": ("Dana Levi", "Dana L."), "job_title": ("Buyer", "Head of buying"), "size": ("small", "large"),
    "company": ("Levi Ltd", "Levi & Sons"),
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_pinned_word_stays_whatever_sources_say_and_unpinned_they_decide_again(world: World, field: str) -> None:
    ours, theirs = FIELDS[field]
    assert world.is_now[field] == theirs, "the book that was read last"
    path, version = f"/parties/{world.dana}", world.is_now["version"]
    answer = world.agent.post(f"{path}/claims/{world.claim(field, 0)}/pin", key="once")
    assert answer.status_code == 200, answer.data
    of_field = [one for one in world.said(answer) if one[0] == field]
    assert of_field == [(field, ours, "", True), (field, theirs, "Another", False), (field, ours, "Books", False)]
    assert (world.is_now[field], world.is_now["version"]) == (ours, version + 1)
    later = {name: f"{both[1]} again" for name, both in FIELDS.items()} | {"size": "large"}
    world.tell(1, **later)
    assert world.is_now[field] == ours
    assert all(world.is_now[name] == later[name] for name in FIELDS if name != field), "the others follow their source"

    answer = world.agent.post(f"{path}/fields/{field}/unpin")
    assert answer.status_code == 200, answer.data
    assert world.is_now[field] == later[field]
    assert [one[2] for one in world.said(answer) if one[0] == field] == ["Another", "Books"]
    problem = world.agent.post(f"{path}/fields/{field}/unpin")
    assert (problem.status_code, problem.get_json()["error_id"]) == (404, "not_found")
    with world.hub.db.read() as session:
        query = select(Audit.action, Audit.detail).where(Audit.action.in_(["party.pinned", "party.unpinned"]))
        told = [(row.action, row.detail["fields"]) for row in session.execute(query.order_by(Audit.id))]
        assert told == [("party.pinned", [field]), ("party.unpinned", [field])]


def test_what_counts_already_can_be_pinned_too_and_a_name_is_searched_by_its_pin(world: World) -> None:
    path = f"/parties/{world.dana}"
    assert world.agent.post(f"{path}/claims/{world.claim('name', 1)}/pin").status_code == 200
    world.tell(0, name="Dana Cohen")
    world.tell(1, name="Dana Cohen")
    assert world.is_now["name"] == "Dana L."
    assert world.agent.get("/parties?q=Cohen").get_json()["items"] == []
    assert world.agent.post(f"{path}/fields/name/unpin").status_code == 200
    assert world.is_now["name"] == "Dana Cohen"
    [found] = world.agent.get("/parties?q=Cohen").get_json()["items"]
    assert found["id"] == world.dana


def test_what_cannot_be_chosen_is_refused_with_a_reason(world: World) -> None:
    path = f"/parties/{world.dana}"
    assert world.agent.patch(path, {"owner": str(world.noa.public_id)}).status_code == 200
    for method, status, error_id in (
        (f"claims/{world.claim('emails', 0)}/pin", 422, "no_pin"),
        (f"claims/{world.claim('kind', 0)}/pin", 422, "no_pin"),
        (f"claims/{world.claim('secret', 0)}/pin", 404, "not_found"),
        ("claims/99999999999999999999999/pin", 404, "not_found"),
        ("fields/owner/unpin", 422, "no_source"),
        ("fields/name/unpin", 404, "not_found"),
        ("fields/secret/unpin", 404, "not_found"),
        ("fields/nothing/unpin", 404, "not_found"),
    ):
        problem = world.agent.post(f"{path}/{method}")
        assert (problem.status_code, problem.get_json()["error_id"]) == (status, error_id), (method, problem.data)
    other = world.agent.post("/parties", {"name": "Somebody"}).get_json()["id"]
    assert world.agent.post(f"/parties/{other}/claims/{world.claim('name', 0)}/pin").status_code == 404


def test_what_a_role_does_not_see_is_not_told(world: World) -> None:
    path = f"/parties/{world.dana}/claims"
    assert "secret" not in {one[0] for one in world.said(world.agent.get(path))}
    assert ("secret", "blue", "Books", False) in world.said(world.admin.get(path))
    page = world.browser().get(f"/customers/{world.dana}/sources").text
    assert "blue" not in page


def test_a_value_that_its_field_takes_no_more_is_not_pinned(world: World) -> None:
    with world.hub.db.write() as session:
        claim = session.get_one(Claim, world.claim("size", 0))
        claim.value = {"value": "gigantic"}  # as a source said it before the field was defined
    problem = world.agent.post(f"/parties/{world.dana}/claims/{world.claim('size', 0)}/pin")
    assert (problem.status_code, problem.get_json()["error_id"]) == (422, "field_value")
    assert world.is_now["size"] == "large"


def form(page: str, path: str) -> dict[str, str]:
    """The hidden fields of the form that goes to an address."""
    [one] = re.findall(rf'<form method="post" action="{path}">(.*?)</form>', page, re.DOTALL)
    return {name: value for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', one) if name != "csrf_token"}


def test_the_page_shows_each_source_and_pins_and_unpins(world: World) -> None:
    world.tell(0, name=f"Dana {HOSTILE}", job_title="Buyer", size="small", company="Levi Ltd")
    noa: Browser = world.browser()
    customer = noa.get(f"/customers/{world.dana}").text
    assert re.search(r'Large</bdi> <small class="said-by"><bdi[^>]*>Another', customer)
    here = f"/customers/{world.dana}/sources"
    assert here in customer
    page = noa.get(here).text
    assert "<img src=x" not in page
    assert page.count('class="chip ok"') == page.count('scope="rowgroup"') + 1, "of the lists, both"
    pin = f"{here}/{world.claim('size', 0)}/pin"
    answer = noa.post(pin, on=here, **form(page, pin))
    assert (answer.status_code, answer.headers["Location"]) == (303, here)
    page = noa.get(here).text
    assert "said here by Noa" in page
    assert "Small</bdi></strong>" in page
    assert "said here by Noa" in noa.get(f"/customers/{world.dana}").text
    unpin = f"{here}/unpin"
    answer = noa.post(unpin, on=here, **form(page, unpin))
    assert answer.status_code == 303
    assert world.is_now["size"] == "large"
    again = noa.post(unpin, on=here, field="size")
    assert (again.status_code, "as it is now" in again.text) == (422, True)
    gone = noa.post(f"{here}/999999/pin", on=here)
    assert (gone.status_code, "as it is now" in gone.text) == (422, True)


def test_where_no_source_speaks_nothing_is_marked(world: World) -> None:
    made = world.agent.post("/parties", {"name": "Written Here"}).get_json()["id"]
    assert "said-by" not in world.browser().get(f"/customers/{made}").text
