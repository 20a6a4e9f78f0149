"""The pages of completeness: numbers with their lists, targets of administrators, and who sees what."""

import csv
import io
import re
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from hub.context import Hub
from hub.fields.models import FieldRow, FillTarget, Of
from hub.identity import parties
from hub.identity.models import Link, Party, PartyKind
from hub.intake.models import Account
from hub.security import businesses
from hub.security.models import Audit, Business, Role
from tests.fakes.browser import Browser, signed_in, someone
from tests.unit.insights.records import Records

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what databases count, unit tests ask
PAGE = "/insights/completeness"
LIST = f"{PAGE}/list"
_LINK = re.compile(rf'href="({LIST}[^"]*)"')


@pytest.fixture
def people(hub: Hub) -> dict[str, UUID]:
    """Dana has all there is, of Amir little is known; an account speaks of Dana."""
    with hub.db.write() as session:
        given = [parties.Given("phone", "+972542345678"), parties.Given("email", "dana@example.com")]
        dana = parties.create(session, None, PartyKind.PERSON, "Dana Levi", given, region="IL")
        amir = parties.create(session, None, PartyKind.PERSON, "Amir <b>Katz</b>", region="IL")
        session.add(
            FieldRow(of=Of.PERSON, name="badge", type="text", labels={"en": "Badge"}, mask="pattern", pattern="[A-Z]+")
        )
        dana.fields, amir.fields = {"badge": "AB"}, {"badge": "<i>x</i>"}
        book = Account(name="Address book", connector="none", state="paused")
        session.add(book)
        session.flush()
        session.add(Link(party_id=dana.id, origin_party_id=dana.id, account_id=book.id, stream="c", remote_id="1"))
        return {"dana": dana.public_id, "amir": amir.public_id}


def manager(hub: Hub, app: Flask) -> Browser:
    someone(hub, Role.MANAGER, "manager@example.com")
    return signed_in(hub, "manager@example.com", app)


@only_sqlite
def test_insights_is_in_the_menu_of_managers_and_not_of_agents(hub: Hub, app: Flask, admin: Browser) -> None:
    assert 'href="/insights"' in admin.get("/").text
    assert admin.get("/insights").headers["Location"] == PAGE
    assert 'href="/insights"' in manager(hub, app).get("/").text
    someone(hub, Role.AGENT)
    agent = signed_in(hub, "agent@example.com", app)
    assert 'href="/insights"' not in agent.get("/").text
    for path in (PAGE, f"{PAGE}.csv", f"{LIST}?of=person&field=email&state=empty"):
        assert agent.get(path).status_code == 403, path
    assert agent.post(f"{PAGE}/targets", of="person", field="email", green="90", amber="50").status_code == 403


def test_every_number_leads_to_as_many_records(admin: Browser, people: dict[str, UUID]) -> None:
    for by in ("", "source", "owner", "month"):
        page = admin.get(f"{PAGE}?of=person&by={by}")
        assert page.status_code == 200
        links = {link.replace("&amp;", "&") for link in _LINK.findall(page.text)}
        assert links
        for link in links:
            found = admin.get(link)
            assert found.status_code == 200, link
            told = re.search(
                rf'href="{re.escape(link.replace("&", "&amp;"))}"[^>]*>\D*?(?:(?:<b>[\d,]+%</b>)? ?<small[^>]*>)?([\d,]+)',
                page.text,
            )
            assert told is not None, link
            assert found.text.count("<tr data-row>") == int(told[1]), link


@only_sqlite
def test_a_list_shows_what_stands_there_and_leads_to_the_record(admin: Browser, people: dict[str, UUID]) -> None:
    page = admin.get(f"{LIST}?of=person&field=badge&state=invalid").text
    assert f'href="/customers/{people["amir"]}"' in page
    assert "&lt;i&gt;x&lt;/i&gt;" in page
    assert "Dana Levi" not in page
    page = admin.get(f"{LIST}?of=person&field=phone&state=filled").text
    assert "+972542345678" in page
    assert "Amir" not in page
    assert "There are no such records" in admin.get(f"{LIST}?of=person&field=phone&state=invalid").text


@only_sqlite
def test_a_part_that_is_none_and_a_field_that_is_none_are_not_there(admin: Browser, people: dict[str, UUID]) -> None:
    for query in ("field=nothing", "", "field=phone&by=source&key=x", "field=phone&by=month&key=2020-01",
                  f"field=phone&by=owner&key={people['dana']}"):  # fmt: skip
        assert admin.get(f"{LIST}?of=person&{query}").status_code == 404, query
    for query in ("of=nothing&by=nothing&from=x", "of=person&from=99999999999", "of=person&by=owner&from=-1"):
        assert admin.get(f"{PAGE}?{query}").status_code == 200, query
    assert admin.get(f"{LIST}?of=person&field=phone&state=odd&before=-1").status_code == 200


@only_sqlite
def test_nothing_yet_is_said_with_what_to_do(admin: Browser) -> None:
    for of in Of:
        page = admin.get(f"{PAGE}?of={of}").text
        assert "There are no" in page
        assert "/connections/new" in page
        assert "<table" not in page


def test_an_administrator_sets_a_target_in_place(hub: Hub, admin: Browser, people: dict[str, UUID]) -> None:
    page = f"{PAGE}?of=person"
    answer = admin.post(f"{PAGE}/targets", on=page, of="person", field="email", green="90", amber="50")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{page}#field-email"
    shown = admin.get(page).text
    assert "Close to target" in shown, "one of two has an e-mail address"
    assert "90%, at least 50%" in shown
    for green, amber, expected in (("50", "10", "On target"), ("90", "51", "Below target")):
        found = admin.post(
            f"{PAGE}/targets", on=page, htmx=True, of="person", by="source", field="email", green=green, amber=amber
        )
        assert found.status_code == 200
        assert expected in found.text
        assert "<html" not in found.text
        assert "By source" in found.text
    admin.post(f"{PAGE}/targets", on=page, of="person", field="email", green="", amber="")
    assert "target</span>" not in admin.get(page).text.replace("Against the target", "").replace("no target", "")
    with hub.db.read() as session:
        assert session.scalars(select(FillTarget)).all() == []
        told = session.scalars(select(Audit).where(Audit.action == "fill_target.changed").order_by(Audit.id)).all()
        assert [(row.subject_id, row.actor) for row in told] == [("person.email", "admin@example.com")] * 4
        assert told[-1].detail == {"was": {"green": 90, "amber": 51}, "becomes": None}


@only_sqlite
def test_a_target_that_cannot_be_is_said_where_it_was_typed(hub: Hub, admin: Browser, people: dict[str, UUID]) -> None:
    page = f"{PAGE}?of=person"
    for htmx in (False, True):
        answer = admin.post(f"{PAGE}/targets", on=page, htmx=htmx, of="person", field="email", green="50", amber="90")
        assert answer.status_code == 422
        assert "cannot be the larger number" in answer.text
        assert re.search(r'name="amber"[^>]*value="90" aria-invalid="true"', answer.text)
        assert answer.text.count('aria-invalid="true"') == 1
    answer = admin.post(f"{PAGE}/targets", on=page, of="person", field="email", green="<b>", amber="5")
    assert "Write a whole number from 0 to 100." in answer.text
    assert "<b>&#34;" not in answer.text
    assert "&lt;b&gt;" in answer.text
    assert admin.post(f"{PAGE}/targets", on=page, of="person", field="odd", green="9", amber="5").status_code == 404
    with hub.db.read() as session:
        assert session.scalars(select(FillTarget)).all() == []


@only_sqlite
def test_a_manager_sees_targets_and_cannot_set_them(
    hub: Hub, app: Flask, admin: Browser, people: dict[str, UUID]
) -> None:
    admin.post(f"{PAGE}/targets", on=f"{PAGE}?of=person", of="person", field="email", green="90", amber="60")
    browser = manager(hub, app)
    page = browser.get(PAGE).text
    assert "Below target" in page
    assert 'name="green"' not in page
    assert browser.post(f"{PAGE}/targets", of="person", field="email", green="1", amber="1").status_code == 403


@only_sqlite
def test_what_is_for_other_roles_is_in_no_table_list_or_file(
    hub: Hub, app: Flask, admin: Browser, people: dict[str, UUID]
) -> None:
    with hub.db.write() as session:
        session.scalars(select(FieldRow)).one().roles = ["admin"]
    browser = manager(hub, app)
    assert "Badge" in admin.get(PAGE).text
    assert "Badge" not in browser.get(PAGE).text
    assert "Badge" not in browser.get(f"{PAGE}.csv?of=person").text
    assert browser.get(f"{LIST}?of=person&field=badge&state=filled").status_code == 404


def test_the_table_is_saved_as_csv_with_all_of_its_parts(admin: Browser, people: dict[str, UUID]) -> None:
    answer = admin.get(f"{PAGE}.csv?of=person&by=source")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="completeness-person.csv"'
    head, *rows = csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))
    badge = [row[3:9] for row in rows if row[head.index("Name in mappings")] == "badge"]
    assert badge == [
        ["All", "2", "1", "1", "0", "50"], ["Address book", "1", "1", "0", "0", "100"], ["Typed here", "1", "0", "1", "0", "0"],
    ]  # fmt: skip


def test_documents_are_counted_for_those_who_see_their_money(hub: Hub, app: Flask) -> None:
    with hub.db.write() as session:
        records = Records(session)
        ours, theirs = (records.add(Business(name=name, currency="ILS")) for name in ("Ours", "Theirs"))
        books = records.account("Books")
        records.document(books, ours.id, number="OURS-1")
        records.document(books, theirs.id, number="THEIRS-1")
        user = records.user("Tal", Role.MANAGER)
        businesses.allow(session, user.id, [ours.id])
    some, every = signed_in(hub, "tal@example.com", app), manager(hub, app)
    query = f"{LIST}?of=document&field=number&state=filled"
    assert "OURS-1" in some.get(query).text
    assert "THEIRS-1" not in some.get(query).text
    assert "THEIRS-1" in every.get(query).text
    assert "1 record<" in some.get(f"{PAGE}?of=document").text
    assert "2 records<" in every.get(f"{PAGE}?of=document").text


@only_sqlite
def test_many_parts_stand_on_pages_of_their_own(hub: Hub, admin: Browser) -> None:
    owners = [someone(hub, Role.AGENT, f"owner{number:02}@example.com", password=None) for number in range(11)]
    with hub.db.write() as session:
        session.add_all(Party(kind="person", name="Dana", owner_id=one.id) for one in owners)
    words: set[str] = set()
    for start in ("", "8"):
        page = admin.get(f"{PAGE}?of=person&by=owner&from={start}").text
        words |= set(re.findall(r"key=([0-9a-f-]{36})", page))
        assert re.findall(r"button\" href=\"[^\"]*from=(\d+)\"", page) == ([] if start else ["8"]) + (
            ["0"] if start else []
        )
    assert words == {str(one.public_id) for one in owners}


def test_a_long_list_goes_on_with_a_button(hub: Hub, admin: Browser) -> None:
    with hub.db.write() as session:
        session.add_all(Party(kind="person", name=f"Person {number}") for number in range(60))
    query = f"{LIST}?of=person&field=email&state=empty"
    first = admin.get(query).text
    assert first.count("<tr data-row>") == 50
    older = re.search(r'<a class="button" href="([^"]+)"', first)
    assert older is not None
    path = older[1].replace("&amp;", "&")
    rest = admin.get(path).text
    assert (rest.count("<tr data-row>"), "Older" in rest) == (10, False)
    part = admin.get(path, HX_Request="true").text
    assert "<html" not in part
    assert part.count("<tr data-row>") == 10
