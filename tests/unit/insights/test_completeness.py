"""How full records are: each field, each part, and the records behind each number; on both databases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hub.accounting.models import BusinessRecord
from hub.cti.models import LegRow, Recording
from hub.fields.models import FillTarget, Of
from hub.fields.names import RESERVED
from hub.identity.models import Claim
from hub.insights import behind, completeness
from hub.insights.measures import _OWN, State
from hub.insights.splits import By
from hub.leads.models import Consent, Touchpoint
from hub.security import businesses
from hub.security.models import Business, Role
from hub.security.policy import Person
from hub.store.base import now
from hub.store.session import Database
from hub.timeline.models import Note
from tests.unit.insights.records import ADMIN, NOW, Records

MANAGER = Person(0, None, "manager@example.com", "Manager", Role.MANAGER)


def business(records: Records, name: str) -> int:
    made: Business = records.add(Business(name=name, currency="ILS"))
    return made.id


def names(page: behind.Page) -> list[str]:
    return [str(one.shown["name"]) for one in page.records]


def test_nobody_is_counted_where_there_is_nobody(records: Records) -> None:
    found = records.report(Of.PERSON, By.SOURCE)
    assert (found.total, list(found.keys)) == (0, [])
    assert {(one.count.total, one.count.percent) for one in found.lines} == {(0, 0)}


def test_a_person_has_a_number_that_is_valid_only_possible_or_none(records: Records) -> None:
    good, maybe, gone, unread, none = (records.person(name) for name in ("Good", "Maybe", "Gone", "Unread", "None"))
    records.point(good, "phone", "+972542345678")
    records.point(good, "phone", "+9721", possible=True)
    records.point(maybe, "phone", "+97212", possible=True)
    records.point(gone, "phone", "+972542345679", valid_to=now())
    written = {"value": [{"value": "call me", "label": ""}], "keys": []}
    records.add(Claim(party_id=unread.id, field="phones", value=written))
    assert records.line(Of.PERSON, "phone") == (1, 2, 2)
    assert names(records.behind(Of.PERSON, "phone", State.INVALID)) == ["Unread", "Maybe"]
    assert [one.value for one in records.behind(Of.PERSON, "phone", State.INVALID).records] == [["call me"], ["+97212"]]
    assert names(records.behind(Of.PERSON, "phone", State.EMPTY)) == ["None", "Gone"]
    assert names(records.behind(Of.PERSON, "phone", State.FILLED)) == ["Good"]
    assert none.id


def test_a_name_that_is_an_address_or_a_number_is_no_name(records: Records) -> None:
    for name in ("Dana Levi", "דנה לוי", "dana@example.com", "+972542345678", "054-2345678", ""):
        records.person(name)
    assert records.line(Of.PERSON, "name") == (2, 3, 1)
    records.person("3M", kind="company")
    assert records.line(Of.COMPANY, "name") == (1, 0, 0)


def test_what_was_merged_erased_or_is_of_another_kind_is_not_counted(records: Records) -> None:
    one = records.person()
    records.person(status="merged", merged_into=one.id)
    records.person(status="erased")
    records.person(kind="company")
    assert records.report(Of.PERSON).total == 1
    assert records.report(Of.COMPANY).total == 1


def test_the_other_fields_of_people_and_companies(records: Records) -> None:
    here, left = records.user("Noa"), records.user("Amir", disabled_at=now())
    company = records.person("Cedar", kind="company", fields={"urls": [{"value": "https://cedar.example"}]})
    records.point(company, "tax_id", "IL516179157")
    wrong = records.person("Oak", kind="company")
    records.point(wrong, "tax_id", "IL1", possible=True)
    filled = {"job_title": "Head", "addresses": [{"value": "1 Main St"}], "birthday": "1980-05-17"}
    records.person("Full", company_id=company.id, owner_id=here.id, fields=filled)
    records.person("Odd", owner_id=left.id, fields={"birthday": "1980-02-31", "addresses": [], "job_title": ""})
    expected = {
        "company": (1, 0, 1),
        "job_title": (1, 0, 1),
        "address": (1, 0, 1),
        "owner": (1, 1, 0),
        "birthday": (1, 1, 0),
    }
    assert {name: records.line(Of.PERSON, name) for name in expected} == expected
    assert records.line(Of.COMPANY, "tax_id") == (1, 1, 0)
    assert records.line(Of.COMPANY, "urls") == (1, 0, 1)
    assert names(records.behind(Of.PERSON, "birthday", State.INVALID)) == ["Odd"]


def test_leads_with_their_numbers_campaigns_and_consents_but_no_tests(records: Records) -> None:
    form = records.account("Form")
    records.lead(form, is_test=True, name="Test", phone="+972542345678")
    full = records.lead(form, name="Dana", phone="+972542345678", email="dana@example.com")
    asked = records.lead(form, name="Amir", phone="+97212")
    records.lead(form)
    for lead, campaign, checked in ((full, "c1", False), (asked, "", None)):
        touch = {"account_id": form.id, "at": NOW, "bucket": "paid"}
        records.add(Touchpoint(lead_id=lead.id, campaign_id=campaign, **touch))
        records.add(
            Consent(
                account_id=form.id, remote_id=str(lead.id), lead_id=lead.id, key="news", checked=checked, given_at=NOW
            )
        )
    expected = {"name": (2, 0, 1), "phone": (1, 1, 1), "email": (1, 0, 2), "campaign_id": (1, 0, 2), "owner": (0, 0, 3),
                "consents": (1, 1, 1)}  # fmt: skip
    assert {name: records.line(Of.LEAD, name) for name in expected} == expected
    assert names(records.behind(Of.LEAD, "phone", State.INVALID)) == ["Amir"]


def test_calls_that_are_over_with_their_customers_notes_and_recordings(records: Records) -> None:
    exchange, dana = records.account("Exchange"), records.person()
    known = records.call(exchange, party_id=dana.id, disposition="Resolved")
    noted = records.call(exchange, candidates=[dana.id, 7])
    records.add(Note(call_id=noted.id, text="called back"))
    records.call(exchange, outcome="missed")
    records.call(exchange, open=True)
    records.call(exchange, direction="internal")
    for call, state in ((known, "ready"), (noted, "missing")):
        records.add(Recording(call_id=call.id, path=f"{call.id}.wav", state=state, started_at=NOW))
    assert records.line(Of.CALL, "party") == (1, 1, 1)
    assert records.line(Of.CALL, "note") == (2, 0, 0), "nobody spoke in the one that was missed"
    assert records.line(Of.CALL, "recordings") == (1, 1, 0)
    assert len(records.behind(Of.CALL, "recordings", State.EMPTY).records) == 0
    [unknown] = records.behind(Of.CALL, "party", State.EMPTY).records
    assert unknown.shown["outcome"] == "missed"


def test_a_number_that_its_caller_withheld_is_in_no_list(records: Records) -> None:
    records.call(records.account("Exchange"), withheld=True, number="+972542345678")
    [one] = records.behind(Of.CALL, "party", State.EMPTY).records
    assert one.shown["number"] == ""


def test_who_does_not_see_the_calls_of_colleagues_has_their_own_counted(records: Records) -> None:
    exchange, noa = records.account("Exchange"), records.user("Noa")
    own = records.call(exchange)
    records.call(exchange)
    records.add(LegRow(call_id=own.id, uid="1", user_id=noa.id, offered_at=NOW))
    agent = Person(noa.id, noa.public_id, noa.email, noa.name, Role.AGENT)
    assert records.report(Of.CALL, person=agent).total == 1
    assert records.report(Of.CALL, person=MANAGER).total == 2


def test_documents_of_the_legal_entities_that_somebody_sees(records: Records) -> None:
    books, dana = records.account("Books"), records.person(owner_id=records.user("Noa").id)
    ours, theirs = business(records, "Ours"), business(records, "Theirs")
    records.add(BusinessRecord(account_id=books.id, business_id=ours))
    first = records.document(books, ours, party_id=dana.id, due_date=date(2026, 12, 1), number="1")
    records.document(books, ours, number="")
    records.document(books, ours, kind="quote", status="draft")
    records.document(books, ours, status="void")
    records.document(books, ours, gone_at=now())
    records.document(books, ours, twin_of_id=first.id)
    records.document(books, theirs)
    assert records.report(Of.DOCUMENT).total == 4
    user = records.user("Tal", Role.MANAGER)
    businesses.allow(records.session, user.id, [ours])
    some = Person(user.id, user.public_id, user.email, user.name, Role.MANAGER)
    assert records.line(Of.DOCUMENT, "party", some) == (1, 0, 2)
    assert records.line(Of.DOCUMENT, "due_date", some) == (1, 0, 1), "a quote has none"
    assert records.line(Of.DOCUMENT, "number", some) == (1, 0, 1), "a draft has none"
    assert records.parts(Of.DOCUMENT, By.OWNER, "party") == {"nobody": (0, 3), "Noa": (1, 1)}


def test_the_owner_of_a_document_is_that_of_what_its_customer_became(records: Records) -> None:
    books, number = records.account("Books"), business(records, "Ours")
    now_is = records.person(owner_id=records.user("Noa").id)
    before = records.person(status="merged", merged_into=now_is.id)
    records.document(books, number, party_id=before.id)
    assert records.parts(Of.DOCUMENT, By.OWNER, "party") == {"Noa": (1, 1)}


KEPT: dict[str, tuple[str, dict[str, Any], Any, Any]] = {  # by field: type, the rest of it, a valid value, another one
    "remark": ("text", {}, "hello", {"a": 1}),
    "vip": ("boolean", {}, False, "maybe"),
    "size": ("number", {}, "12.5", "many"),
    "worth": ("money", {}, {"amount": "5", "currency": "ILS"}, "5"),
    "since": ("date", {}, "2026-11-23", "soon"),
    "mobile": ("phone", {}, "+972542345678", "0542345678"),
    "private": ("email", {}, "dana@example.com", "dana"),
    "site": ("link", {}, "https://example.com", "ftp://example.com"),
    "code": ("text", {"mask": "pattern", "pattern": "[A-Z]+"}, "AB", "ab"),
    "pesel": ("text", {"mask": "pl_pesel"}, "44051401359", "44051401358"),
    "level": ("choice", {"options": {"gold": []}}, "gold", "silver"),
    "levels": ("choices", {"options": {"gold": [], "old": []}}, ["gold", "old"], ["gold", "none"]),
}


def test_a_field_of_an_administrator_is_filled_not_valid_or_empty(records: Records) -> None:
    for name, (kind, more, _good, _bad) in KEPT.items():
        records.field(Of.PERSON, name, kind, **more)
    good, bad = ({name: one[place] for name, one in KEPT.items()} for place in (2, 3))
    records.person("Good", fields=good)
    records.person("Same", fields=good)
    records.person("Bad", fields=bad)
    for nothing in ({}, dict.fromkeys(KEPT), dict.fromkeys(KEPT, ""), {"other": "x"}):
        records.person("Empty", fields=nothing)
    lines = records.lines(Of.PERSON)
    for name in KEPT:
        count = lines[name].count
        assert (count.filled, count.invalid, count.empty) == (2, 1, 4), name
        assert names(records.behind(Of.PERSON, name, State.FILLED)) == ["Same", "Good"], name
        assert names(records.behind(Of.PERSON, name, State.INVALID)) == ["Bad"], name
        assert names(records.behind(Of.PERSON, name, State.EMPTY)) == ["Empty"] * 4, name
        [shown] = records.behind(Of.PERSON, name, State.FILLED, limit=1).records
        assert shown.value == good[name], name


@pytest.mark.parametrize("of", [Of.LEAD, Of.CALL, Of.DOCUMENT])
def test_so_it_is_with_leads_calls_and_documents(records: Records, of: Of) -> None:
    records.field(of, "code", "text", mask="pattern", pattern="[A-Z]+")
    account, number = records.account("Any"), business(records, "Ours")
    for fields in ({"code": "AB"}, {"code": "ab"}, {}):
        match of:
            case Of.LEAD:
                records.lead(account, fields=fields)
            case Of.CALL:
                records.call(account, fields=fields)
            case _:
                records.document(account, number, fields=fields)
    assert records.line(of, "code") == (1, 1, 1)
    assert [one.value for one in records.behind(of, "code", State.INVALID).records] == ["ab"]


def test_an_entry_that_does_not_go_with_the_other_list_is_not_valid(records: Records) -> None:
    maker = records.field(Of.COMPANY, "maker", "choice", {"fiat": [], "renault": []})
    records.field(Of.COMPANY, "model", "choice", {"clio": ["renault"]}, parent_id=maker.id)
    for name, fields in (("Right", {"maker": "renault", "model": "clio"}), ("Wrong", {"maker": "fiat", "model": "clio"}),
                         ("Alone", {"model": "clio"}), ("None", {"maker": "fiat"})):  # fmt: skip
        records.person(name, kind="company", fields=fields)
    assert records.line(Of.COMPANY, "model") == (1, 2, 1)
    assert names(records.behind(Of.COMPANY, "model", State.INVALID)) == ["Alone", "Wrong"]


def test_an_entry_tells_nothing_of_another_list_that_somebody_does_not_see(records: Records) -> None:
    maker = records.field(Of.COMPANY, "maker", "choice", {"fiat": [], "renault": []}, roles=["admin"])
    records.field(Of.COMPANY, "model", "choice", {"clio": ["renault"]}, parent_id=maker.id)
    for chosen in ("renault", "fiat"):
        records.person(chosen, kind="company", fields={"maker": chosen, "model": "clio"})
    for person, expected in ((ADMIN, (1, 1)), (MANAGER, (2, 0))):
        count = records.lines(Of.COMPANY, person)["model"].count
        assert (count.filled, count.invalid) == expected


def test_fields_that_are_archived_or_for_other_roles_are_not_shown(records: Records) -> None:
    records.field(Of.PERSON, "open", "text")
    records.field(Of.PERSON, "secret", "text", roles=["admin"])
    records.field(Of.PERSON, "old", "text", archived_at=now())
    assert {"open", "secret"} <= records.lines(Of.PERSON).keys()
    seen = records.lines(Of.PERSON, MANAGER).keys()
    assert "open" in seen
    assert not {"secret", "old"} & seen


def test_an_amount_of_a_person_counts_for_whoever_sees_that_legal_entity(records: Records) -> None:
    ours, theirs = business(records, "Ours"), business(records, "Theirs")
    records.field(Of.PERSON, "worth", "money")
    for number in (ours, theirs, None):
        records.person(business_id=number, fields={"worth": {"amount": "5", "currency": "ILS"}})
    user = records.user("Tal", Role.MANAGER)
    businesses.allow(records.session, user.id, [ours])
    some = Person(user.id, user.public_id, user.email, user.name, Role.MANAGER)
    assert records.line(Of.PERSON, "worth") == (3, 0, 0)
    assert records.line(Of.PERSON, "worth", some) == (2, 0, 0)
    assert "worth" not in records.lines(Of.PERSON, Person(0, None, "", "", "nobody"))


def test_a_record_counts_for_each_connection_that_speaks_of_it(records: Records) -> None:
    book, crm = records.account("Book"), records.account("CRM")
    both, one = records.person("Both", fields={"job_title": "Head"}), records.person("One")
    records.person("Typed", fields={"job_title": "Head"})
    for party, account in ((both, book), (both, book), (both, crm), (one, book)):
        records.link(party, account)
    assert records.parts(Of.PERSON, By.SOURCE, "job_title") == {"Book": (1, 2), "CRM": (1, 1), "here": (1, 1)}
    whole = {line.measure.name: line.count for line in records.report(Of.PERSON, By.SOURCE).lines}["job_title"]
    assert (whole.filled, whole.total) == (2, 3), "each once"
    listed = records.behind(Of.PERSON, "job_title", State.FILLED, State.EMPTY, by=By.SOURCE, key=str(book.public_id))
    assert names(listed) == ["One", "Both"]
    assert names(records.behind(Of.PERSON, "job_title", State.FILLED, by=By.SOURCE, key="here")) == ["Typed"]


def test_owners_and_who_has_none(records: Records) -> None:
    noa = records.user("Noa")
    records.person("Hers", owner_id=noa.id, fields={"job_title": "Head"})
    records.person("Nobody's")
    assert records.parts(Of.PERSON, By.OWNER, "job_title") == {"Noa": (1, 1), "nobody": (0, 1)}
    assert names(records.behind(Of.PERSON, "job_title", State.EMPTY, by=By.OWNER, key="nobody")) == ["Nobody's"]
    assert names(records.behind(Of.PERSON, "job_title", State.FILLED, by=By.OWNER, key=str(noa.public_id))) == ["Hers"]


def test_months_begin_where_the_reader_is(records: Records) -> None:
    records.person("Before", created_at=datetime(2026, 10, 31, 21, 59, tzinfo=UTC))  # Jerusalem is two hours ahead then
    records.person("Behind", created_at=datetime(2026, 10, 31, 22, 0, tzinfo=UTC))
    records.person("Long ago", created_at=NOW - timedelta(days=800))
    records.person("Ahead", created_at=NOW + timedelta(days=40))
    found = records.parts(Of.PERSON, By.MONTH, "name")
    assert found == {"later": (1, 1), "2026-11": (1, 1), "2026-10": (1, 1), "earlier": (1, 1)}
    assert list(found) == ["later", "2026-11", "2026-10", "earlier"], "the newest first"
    assert names(records.behind(Of.PERSON, "name", State.FILLED, by=By.MONTH, key="2026-10")) == ["Before"]


def test_documents_have_the_month_they_were_issued_in_or_none(records: Records) -> None:
    books, number = records.account("Books"), business(records, "Ours")
    for day in (date(2026, 11, 1), date(2026, 10, 31), None):
        records.document(books, number, issue_date=day, number="1")
    assert records.parts(Of.DOCUMENT, By.MONTH, "number") == {"2026-11": (1, 1), "2026-10": (1, 1), "undated": (1, 1)}


@pytest.mark.parametrize("by", [*By])
def test_the_parts_of_every_kind_are_counted(records: Records, by: By) -> None:
    account, noa, number = records.account("Any"), records.user("Noa"), business(records, "Ours")
    dana = records.person(owner_id=noa.id)
    for company in (dana, records.person("Cedar", kind="company", owner_id=noa.id)):
        records.link(company, account)
    records.lead(account, owner_id=noa.id)
    records.call(account, user_id=noa.id)
    records.document(account, number, party_id=dana.id)
    for of in Of:
        records.field(of, "code", "text", mask="iban")
        found = records.report(of, by)
        assert [key.name or key.word for key in found.keys] == {
            By.SOURCE: ["Any"],
            By.OWNER: ["Noa"],
            By.MONTH: ["2026-11"],
        }[by]
        assert list(found.sizes) == [1]
        word = found.keys[0].word
        for line in found.lines:
            assert line.parts[0] == line.count, line.measure.name
            for state, expected in (
                (State.EMPTY, line.count.empty),
                (State.INVALID, line.count.invalid),
                (State.FILLED, line.count.filled),
            ):
                assert len(records.behind(of, line.measure.name, state, by=by, key=word).records) == expected, (
                    line.measure.name
                )


@pytest.mark.parametrize("name", ["job_title", "code"])
def test_a_list_goes_on_where_it_ended_and_shows_each_once(records: Records, name: str) -> None:
    records.field(Of.PERSON, "code", "text", mask="pattern", pattern="[A-Z]+")
    for number in range(7):
        records.person(f"P{number}", fields={"job_title": "Head", "code": "AB"} if number % 2 else {"code": "ab"})
    first = records.behind(Of.PERSON, name, State.FILLED, limit=2)
    second = records.behind(Of.PERSON, name, State.FILLED, limit=2, before=first.before)
    assert names(first) + names(second) == ["P5", "P3", "P1"]
    assert second.before is None
    assert first.before is not None


def test_a_list_of_rare_records_says_where_it_stopped_looking(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "_CHUNK", 2)
    monkeypatch.setattr(behind, "MOST_LOOKED", 4)
    records.field(Of.PERSON, "code", "text", mask="pattern", pattern="[A-Z]+")
    records.person("Rare", fields={"code": "AB"})
    for _ in range(6):
        records.person("Other", fields={"code": "ab"})
    pages = []
    before = None
    while not pages or before is not None:
        found = records.behind(Of.PERSON, "code", State.FILLED, before=before)
        pages.append(names(found))
        before = found.before
    assert pages == [[], ["Rare"]]


def test_a_target_stands_beside_its_field(records: Records) -> None:
    records.add(FillTarget(of=Of.PERSON, field="email", green=90, amber=50))
    records.person()
    lines = records.lines(Of.PERSON)
    assert lines["email"].target is not None
    assert lines["phone"].target is None


def test_what_is_written_while_somebody_counts_changes_no_number(database: Database) -> None:
    with database.write() as session:
        Records(session).person("First")
    with database.read() as session:
        completeness.one_moment(session)
        eye = Records(session).eyes()
        with database.write() as other:
            Records(other).person("Second")
        found = completeness.report(session, eye, Of.PERSON, By.MONTH)
    assert found.total == 1
    with database.read() as session:  # perhaps over the same connection
        assert Records(session).report(Of.PERSON).total == 2


def test_the_hubs_own_fields_are_called_as_no_administrator_can_call_one() -> None:
    for of, own in _OWN.items():
        assert {one.name for one in own} <= RESERVED[of], of
