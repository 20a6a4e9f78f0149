"""Legal entities of ours: one of them however many accounts speak of it, and what was its stays its, and is seen by the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from hub.accounting.models import BusinessRecord, DocumentRow, PaymentRow
from hub.intake.models import Account
from hub.security import businesses as sight
from hub.security.models import Business, User
from hub.timeline.models import Interaction
from tests.unit.accounting.books import COMPANIES, INVOICES, PAYMENTS, Books, invoice, rows
from tests.unit.accounting.waiting import until_somebody_waits

Open = Callable[..., Books]
NORTH = {"remote_id": "1", "name": "North Ltd", "tax_id": "PL7010002395"}
SOUTH = {"remote_id": "2", "name": "South Ltd", "tax_id": "PL5261040828"}
PAID = {"remote_id": "5", "date": "2026-09-10", "amount": "50.00", "currency": "ILS", "business": "1"}
SENT = {
    "party": None, "party_name": None, "business": None, "seller_tax_id": "7010002395", "seller_country": "PL",
    "buyer_name": "Cedar",
}  # fmt: skip


def limited_to(books: Books, name: str, *entities: int) -> int:
    """Make a person who sees the money of these legal entities only."""
    with books.db.write() as session:
        user = User(email=f"{name}@example.com", name=name, role="agent")
        session.add(user)
        session.flush()
        sight.allow(session, user.id, entities)
        return user.id


def seen_by(books: Books, user: int) -> frozenset[int]:
    with books.db.read() as session:
        return sight.of_user(session, user)


def test_what_stood_under_a_name_of_ours_moves_with_its_place_on_timelines_and_who_sees_it(opened: Open) -> None:
    first, second = opened("First"), opened("Second")
    first.say(COMPANIES, NORTH)
    [north] = rows(first, Business)
    second.say(INVOICES, invoice("1"))
    second.say(PAYMENTS, PAID)
    [placeholder] = rows(first, Business, Business.id != north.id)
    one, both = limited_to(first, "one", placeholder.id), limited_to(first, "both", placeholder.id, north.id)
    second.say(COMPANIES, NORTH)
    assert [row.id for row in rows(first, Business)] == [north.id]
    for table in (DocumentRow, PaymentRow, Interaction):
        assert {row.business_id for row in rows(first, table)} == {north.id}
    assert seen_by(first, one) == seen_by(first, both) == {north.id}, "of none of them, they would see everything"


def test_a_name_of_ours_that_a_person_chose_for_another_connection_stays(opened: Open) -> None:
    first, second, third = opened("First"), opened("Second"), opened("Third")
    first.say(COMPANIES, NORTH)
    second.say(INVOICES, invoice("1"))
    [placeholder] = rows(first, Business, Business.name == "Second 1")
    with first.db.write() as session:
        session.get_one(Account, third.account_id).business_id = placeholder.id
    second.say(COMPANIES, NORTH)
    [account] = rows(first, Account, Account.id == third.account_id)
    assert account.business_id == placeholder.id


def test_two_of_one_name_keep_theirs_however_often_they_are_told(opened: Open) -> None:
    books = opened()
    for currency in ("ILS", "EUR", "PLN"):
        books.say(COMPANIES, {**NORTH, "currency": currency}, {**SOUTH, "name": "North Ltd", "currency": currency})
        assert [row.name for row in rows(books, Business)] == ["North Ltd", "North Ltd (2)"]


def test_an_e_invoice_finds_a_legal_entity_that_became_known_later(opened: Open) -> None:
    books, letters = opened(), opened("Letters", "letters")
    books.say(COMPANIES, NORTH)
    letters.say(INVOICES, invoice("1", **SENT), invoice("2", **SENT))
    letters.say(INVOICES, invoice("3", **SENT))
    books.say(COMPANIES, SOUTH)
    letters.say(INVOICES, invoice("4", **{**SENT, "seller_tax_id": "5261040828"}))
    known = rows(books, BusinessRecord, BusinessRecord.account_id == letters.account_id)
    assert len(known) == len({row.remote_id for row in known}) == 2
    assert [row.business_id for row in rows(letters, DocumentRow)] == [
        known[0].business_id, known[0].business_id, known[0].business_id, known[1].business_id,
    ]  # fmt: skip


@pytest.mark.parametrize("stream", [INVOICES, PAYMENTS])
def test_documents_and_their_legal_entities_come_at_the_same_moment(opened: Open, stream: str) -> None:
    """The reader of documents and that of legal entities wait for each other, and neither for ever."""
    books = opened()
    record = (
        (lambda entity: invoice("1", business=entity))
        if stream == INVOICES
        else lambda entity: {**PAID, "business": entity}
    )
    books.say(stream, record("2"))
    with ThreadPoolExecutor(1) as pool:
        with books.db.write() as session:
            books.say_in(session, COMPANIES, NORTH)
            told = pool.submit(
                books.say, stream, {**record("2"), "number": "changed"}, {**record("3"), "remote_id": "6"}
            )
            until_somebody_waits(books.db, told)
            books.say_in(session, COMPANIES, SOUTH)
        told.result(30)
    with books.db.read() as session:
        names = dict(session.execute(select(BusinessRecord.remote_id, Business.name).join(Business)).all())
    assert names == {"1": "North Ltd", "2": "South Ltd", "3": "Books 3"}
    [first, _] = rows(books, DocumentRow if stream == INVOICES else PaymentRow)
    assert [row.name for row in rows(books, Business, Business.id == first.business_id)] == ["South Ltd"]
