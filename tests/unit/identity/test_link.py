"""Whose is a record, what sources say of a party and what of it counts: tables, and any order of arrival."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.cti import adopt
from hub.errors import RecordError
from hub.identity import claims, link, parties
from hub.identity.claims import Said
from hub.identity.models import Claim, Identifier, Link, Party, PartyStatus
from hub.identity.parties import TAX_ID, Given
from hub.identity.points import Ours, points
from hub.identity.said import said
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.store.session import Database

NOBODY = Ours(frozenset(), frozenset(), frozenset())
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
STREAM = "contacts:noa@acme.example:connections"
DESK, FAMILY, ROLE = "03-612-3456", "054-765-4321", "office@levi.example"


# --- what a record says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "name", "is_company"),
    [
        ({"name": "Dana Levi", "company": "Levi Ltd"}, "Dana Levi", False),
        ({"given": "Dana", "family": "Levi"}, "Dana Levi", False),
        ({"company": "Levi Ltd"}, "Levi Ltd", True),
        ({"name": "Levi Ltd", "kind": "company"}, "Levi Ltd", True),
        ({"name": "unknown", "emails": "dana@levi.example"}, "", False),
        ({"name": "\u202eDana\u202c  Levi\n"}, "Dana Levi", False),
        ({}, "", False),
    ],
)
def test_the_names_tell_a_person_from_a_company(values: Mapping[str, Any], name: str, is_company: bool) -> None:
    record = said({"remote_id": "people/1", **values})
    assert (record.name, record.is_company) == (name, is_company)


@pytest.mark.parametrize("values", [{}, {"remote_id": ""}, {"remote_id": "1", "emails": [["a"]]}])
def test_what_is_no_record_of_a_person_is_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(RecordError):
        said(values)


@given(
    st.dictionaries(st.sampled_from(["name", "company", "emails", "phones", "notes", "urls", "birthday"]), st.text())
)
def test_any_text_is_read_and_nothing_that_turns_direction_stays(values: Mapping[str, str]) -> None:
    record = said({"remote_id": "1", **values})
    texts = [record.name, record.company, record.notes, *(one.value for one in (*record.emails, *record.phones))]
    assert not any(c in text for text in texts for c in "\u202a\u202b\u202d\u202e\u2066\u2067\x00")
    assert all(url.value.lower().startswith(("http://", "https://")) for url in record.urls)


def test_numbers_and_addresses_of_programs_and_our_own_point_to_nobody() -> None:
    own = Ours(frozenset({"+97236123456"}), frozenset({"noa@acme.example"}), frozenset({"acme.example"}))
    record = said(
        {
            "remote_id": "1",
            "phones": [DESK, "050-234-5678", "1-800-123-456", {"value": "22 123 45 67", "normal": "+48221234567"}],
            "emails": ["noreply@levi.example", "adam@acme.example", ROLE, "Dana <dana@levi.example>"],
        }
    )
    found = {point.value: point.rule.kind if point.rule else None for point in points(record, "IL", own)}
    assert found == {
        "+972502345678": "mobile",
        "+9721800123456": None,
        "+48221234567": "fixed",
        ROLE: "role_mailbox",
        "dana@levi.example": "email",
    }


def _claim(value: Any, link_id: int | None = 1, days: int = 0, field: str = "name", **more: Any) -> Said:
    return Said(field, {"value": value, **more}, link_id, MONDAY + timedelta(days=days))


@pytest.mark.parametrize(
    ("several", "counts"),
    [
        ([_claim("Dana"), _claim("Dana Levi", 2, days=1)], "Dana Levi"),
        ([_claim("Dana Levi", days=1), _claim("D.", None)], "D."),  # said here
        ([_claim("Dana Levi"), _claim("dana", 2, days=9, collected=True)], "Dana Levi"),
        ([_claim("Dana"), _claim("Dana Levi", 2)], "Dana Levi"),  # at the same time: the longer one
        ([], None),
    ],
)
def test_one_of_several_claims_counts_in_whatever_order(several: list[Said], counts: str | None) -> None:
    assert claims.golden(several, "name") == claims.golden(several[::-1], "name") == counts


def test_lists_are_unions_and_a_party_without_a_name_is_called_by_its_address() -> None:
    several = [
        _claim([{"value": "a@b.example", "label": "work"}], 1, field="emails"),
        _claim([{"value": "c@d.example", "label": ""}, {"value": "a@b.example", "label": "home"}], 2, 1, "emails"),
    ]
    assert [one["value"] for one in claims.golden(several, "emails")] == ["c@d.example", "a@b.example"]
    assert claims.display(several) == "c@d.example"
    assert claims.fields({"custom": 1, "notes": "x"}, several, ["notes", "emails"]) == {"custom": 1}


# --- whose it is --------------------------------------------------------------------------------------------------


class Book:
    """Accounts whose records are taken, in one transaction that never ends well."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.accounts = [Account(name=name, connector="google") for name in ("A", "B", "C", "D")]
        session.add_all(self.accounts)
        session.flush()

    def take(self, account: int, *several: Mapping[str, Any]) -> list[str]:
        """Take records of one page as the flow does; returns their states."""
        owner = self.accounts[account]
        delivered = [Delivered(STREAM, str(one["remote_id"]), {**one, "updated_at": None}) for one in several]
        kept = receive.keep_page(self.session, owner.id, STREAM, delivered)
        raws = {raw.remote_id: raw for raw in receive.rows(self.session, kept)}
        latest = {str(one["remote_id"]): one for one in several}
        given_now = [link.Given(raws[remote_id], values) for remote_id, values in latest.items()]
        return [str(state) for state in link.take(self.session, owner, given_now, region="IL")]

    def raw(self, account: int, remote_id: str) -> RawRecord:
        query = select(RawRecord).where(
            RawRecord.account_id == self.accounts[account].id, RawRecord.remote_id == remote_id
        )
        return self.session.scalars(query).one()

    def people(self) -> dict[frozenset[str], tuple[Any, ...]]:
        """Everything that is known, in words that do not depend on the order in which it came."""
        self.session.flush()
        records: dict[int, set[str]] = {}
        for row in self.session.scalars(select(Link)):
            records.setdefault(row.party_id, set()).add(row.remote_id)
        parties = {row.id: row for row in self.session.scalars(select(Party).where(Party.status == PartyStatus.ACTIVE))}
        held: dict[int, set[tuple[str, str, bool]]] = {}
        for one in self.session.scalars(select(Identifier).where(Identifier.valid_to.is_(None))):
            held.setdefault(one.party_id, set()).add((one.kind, one.value, one.shared))
        employers = {party.company_id for party in parties.values()}  # who once was one stays as a name
        return {
            frozenset(records.get(number, {f"company {party.name}"})): (
                party.kind,
                party.name,
                parties[party.company_id].name if party.company_id else "",
                frozenset(held.get(number, ())),
                tuple(sorted((name, str(value)) for name, value in party.fields.items())),
            )
            for number, party in parties.items()
            if number in records or number in employers
        }


@contextmanager
def opened(database: Database) -> Iterator[Book]:
    with Session(database.engine, expire_on_commit=False) as session:
        yield Book(session)
        session.rollback()


@pytest.fixture
def book(database: Database) -> Iterator[Book]:
    adopt.watch()
    with opened(database) as made:
        yield made


def card(remote_id: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"remote_id": remote_id, "name": name, **more}


def firm(remote_id: str, name: str, tax_id: str = "", tax_country: str = "", **more: Any) -> dict[str, Any]:
    return card(remote_id, name, kind="company", tax_id=tax_id, tax_country=tax_country, **more)


@pytest.mark.parametrize(
    ("first", "second", "parties"),
    [
        (card("1", "Dana Levi", emails="dana@levi.example"), card("2", "Levi, Dana", emails="DANA@levi.example"), 1),
        (card("1", "Dana Levi", phones="050-234-5678"), card("2", "D. Levi", phones="+972 50 234 5678"), 1),
        (card("1", "Dana Levi", emails="dana@levi.example"), card("2", "", emails="dana@levi.example"), 1),
        (card("1", "Dana Levi", phones=FAMILY), card("2", "Moshe Levi", phones=FAMILY), 2),
        (card("1", "Dana Levi", phones=DESK), card("2", "Moshe Cohen", phones=DESK), 2),
        (card("1", "Dana Levi", emails=ROLE), card("2", "Dana L.", emails=ROLE), 2),
        (card("1", "Dana Levi"), card("2", "Dana Levi"), 2),
        (card("1", "Dana Levi", phones="1-800-123-456"), card("2", "Dana Levi", phones="1-800-123-456"), 2),
        (card("1", "Dana Levi", phones="050-123-4567"), card("2", "Dana Levi", phones="050-123-4567"), 2),
        (card("1", "Dana Levi", emails="dana@levi.example"), card("2", company="Levi", emails="dana@levi.example"), 2),
        (card("1", company="Levi Ltd", phones=DESK), card("2", company="LEVI", phones=DESK), 1),
        (card("1", company="Levi Ltd", phones=DESK), card("2", company="Garden Ltd", phones=DESK), 2),
        (firm("1", "Levi Ltd", "51-617915-7"), firm("2", "לוי בע״מ", "IL 516179157"), 1),
        (firm("1", "Levi Ltd", "PL 526-104-08-28"), firm("2", "LEVI Sp. z o.o.", "5261040828", "pl"), 1),
        (firm("1", "Levi Ltd", "5261040828"), firm("2", "Levi Ltd", "PL5261040828"), 2),  # nobody says: of Poland
        (firm("1", "Levi Ltd", "526-104-08-29", "PL"), firm("2", "Levi Ltd", "PL5261040829"), 2),  # no number of Poland
        (firm("1", "Levi Ltd", "516179157"), firm("2", "Nordwind GmbH", "516179157"), 2),
        (firm("1", "Levi", "516179157", emails=ROLE), firm("2", "Levi", "510000003", emails=ROLE), 2),
        (firm("1", "Levi", "516179157", emails=ROLE), firm("2", "Levi", emails=ROLE), 1),
        (firm("1", "Levi", "516179157", emails=ROLE), firm("2", "Levi", "37/302/30168", "DE", emails=ROLE), 1),
        (card("1", "Dana Levi", tax_id="000000018"), card("2", "Levi, Dana", tax_id="IL000000018"), 1),
        (card("1", "Dana Levi", tax_id="000000018"), card("2", "Noa Cohen", tax_id="000000018"), 2),
        (card("1", "Dana Levi", tax_id="516179157"), firm("2", "Dana Levi", "516179157"), 2),
    ],
)
def test_an_exact_identifier_joins_only_where_the_names_agree(
    book: Book, first: dict[str, Any], second: dict[str, Any], parties: int
) -> None:
    book.take(0, first)
    book.take(1, second)
    assert len(book.people()) == parties


def tax_ids(book: Book) -> list[tuple[str, str, str, bool, bool, bool]]:
    rows = book.session.scalars(select(Identifier).where(Identifier.kind == TAX_ID).order_by(Identifier.id))
    return [(row.value, row.raw, row.tail, row.possible, row.shared, row.valid_to is None) for row in rows]


def test_a_tax_id_is_a_claim_and_an_identifier_that_ends_when_nobody_says_it(book: Book) -> None:
    book.take(0, firm("1", "Levi Ltd", "NIP: 526-104-08-28", "PL"))
    claim = book.session.scalars(select(Claim).where(Claim.field == TAX_ID)).one()
    assert claim.value == {"value": "NIP: 526-104-08-28", "country": "PL", "keys": ["PL5261040828"]}
    assert claim.link_id is not None
    assert tax_ids(book) == [("PL5261040828", "NIP: 526-104-08-28", "5261040828", False, False, True)]
    assert book.session.scalars(select(Party.fields)).one() == {}
    book.take(0, firm("1", "Levi Ltd", "DE37/302/30168"))
    assert [(row[0], *row[3:]) for row in tax_ids(book)] == [
        ("PL5261040828", False, False, False), ("DE3730230168", True, False, True),
    ]  # fmt: skip


def test_who_works_somewhere_is_not_known_by_the_tax_id_of_his_employer(book: Book) -> None:
    one = {"company": "Levi Ltd", "tax_id": "516179157"}
    book.take(0, card("1", "Dana Levi", **one))
    book.take(1, card("2", "Dana Levi", **one))
    assert len([records for records in book.people() if records & {"1", "2"}]) == 2
    assert tax_ids(book) == []
    assert (
        book.session.scalars(select(Claim.value).where(Claim.field == TAX_ID)).all()
        == [{"value": "516179157", "keys": []}] * 2
    )


def test_a_tax_id_that_was_typed_without_its_country_is_the_one_that_a_record_brings(book: Book) -> None:
    typed = Given("tax_id", "526 104 08 28")
    party = parties.create(book.session, None, "company", "Levi Ltd", [typed], region="IL")
    assert tax_ids(book) == [("5261040828", "526 104 08 28", "5261040828", True, False, True)]
    book.take(0, firm("1", "Levi Sp. z o.o.", "PL5261040828"))
    assert book.session.scalars(select(Link.party_id)).all() == [party.id]
    assert tax_ids(book) == [("PL5261040828", "526 104 08 28", "5261040828", False, False, True)]
    for asked in ("PL5261040828", "526-104-08-28", "pl 526 104 08 28"):
        assert parties.by_identifier(book.session, TAX_ID, asked, region="IL") == [party]
    assert parties.by_identifier(book.session, TAX_ID, "526-104-08-29", region="IL") == []


def test_records_on_one_page_and_in_any_order_find_the_same_company(book: Book) -> None:
    several = [
        (0, firm("1", "Levi Ltd", "PL5261040828", emails=ROLE)), (1, firm("2", "Levi", "526 104 08 28", "PL")),
        (2, firm("3", "LEVI Sp. z o.o.", "PL 5261040828", phones=DESK)), (3, firm("4", "Levi", "PL7010000005", emails=ROLE)),
    ]  # fmt: skip
    for account, record in [*several, *reversed(several)]:
        book.take(account, record)
    assert set(book.people()) == {frozenset("123"), frozenset("4")}


def test_two_records_of_one_account_are_never_joined(book: Book) -> None:
    one = {"name": "Dana Levi", "emails": "dana@levi.example"}
    book.take(0, card("1", **one), card("2", **one))
    assert set(book.people()) == {frozenset({"1"}), frozenset({"2"})}


def test_the_next_record_of_a_page_sees_what_the_one_before_brought(book: Book) -> None:
    book.take(0, card("1", "Dana Levi", emails="dana@levi.example"))
    book.take(1, card("2", "Dana Levi", emails=["dana@levi.example", "d@home.example"]))
    book.take(2, card("3", "Dana Levi", emails="d@home.example"))
    assert set(book.people()) == {frozenset({"1", "2", "3"})}


def test_a_switchboard_of_hundreds_joins_nobody_and_does_not_slow_down(book: Book) -> None:
    people = [card(f"p{n}", f"Person {chr(65 + n % 26)}{n}", phones=DESK) for n in range(200)]
    book.take(0, *people)
    book.take(1, card("q", "Person A0", phones=DESK))
    assert len(book.people()) == 201


def test_a_company_that_was_only_a_name_is_taken_over_by_its_own_record(book: Book) -> None:
    book.take(0, card("1", "Dana Levi", emails="dana@levi.example", company="Levi Ltd"))
    book.take(1, card("2", company="Levi Ltd", phones=DESK))
    people = book.people()
    assert set(people) == {frozenset({"1"}), frozenset({"2"})}
    assert people[frozenset({"1"})][2] == "Levi Ltd"


def test_a_record_that_lost_its_name_at_google_becomes_a_company_only_where_all_agree(book: Book) -> None:
    book.take(0, card("1", "Dana Levi", emails="dana@levi.example", company="Levi Ltd"))
    book.take(1, card("2", "Dana Levi", emails="dana@levi.example"))
    book.take(0, card("1", emails="dana@levi.example", company="Levi Ltd"))
    assert book.people()[frozenset({"1", "2"})][:2] == ("person", "Levi Ltd")
    book.take(1, card("2", emails="dana@levi.example", company="Levi Ltd"))
    assert book.people()[frozenset({"1", "2"})][0] == "company"


def test_two_records_that_became_one_go_on_as_the_older(book: Book) -> None:
    book.take(0, card("1", "Dana Levi", emails="dana@levi.example"), card("2", "Dana Levi", emails="d@home.example"))
    book.take(0, card("3", "Dana Levi", emails=["dana@levi.example", "d@home.example"], previous=["2", "1"]))
    assert set(book.people()) == {frozenset({"3"}), frozenset({"2"})}


def test_a_record_that_is_gone_is_not_taken_again_as_somebody_new(book: Book) -> None:
    book.take(0, card("1", "Dana Levi", emails="dana@levi.example"))
    raw = book.raw(0, "1")
    raw.gone_at = MONDAY
    link.lose(book.session, book.accounts[0], [raw])
    row = book.session.scalars(select(Link)).one()
    assert row.gone_at is not None
    link.take(book.session, book.accounts[0], [link.Given(raw, card("1", "Dana Levi-Cohen"))], region="IL")
    assert row.gone_at is not None
    row.remote_id = "9"  # it got another name at its source
    book.session.flush()
    link.take(book.session, book.accounts[0], [link.Given(raw, card("1", "Dana Levi"))], region="IL")
    assert len(book.people()) == 1


def test_what_is_withdrawn_leaves_nothing_that_only_it_said(book: Book) -> None:
    book.take(0, card("1", "Dana Levi", emails=["dana@levi.example", "d@home.example"], notes="secret"))
    book.take(1, card("2", "Dana Levi", emails="dana@levi.example"))
    assert link.withdraw(book.session, book.accounts[0], [book.raw(0, "1")]) == []
    [(records, (_, name, _, held, fields))] = book.people().items()
    assert (records, name, fields) == (frozenset({"2"}), "Dana Levi", ())
    assert held == {("email", "dana@levi.example", False)}
    bare = link.withdraw(book.session, book.accounts[1], [book.raw(1, "2")])
    link.erase(book.session, bare)
    assert book.session.scalars(select(Party.status)).all() == [PartyStatus.ERASED]
    assert book.session.scalars(select(Claim)).all() == []
    assert book.session.scalars(select(Identifier)).all() == []


def test_two_workers_who_meet_the_same_new_customer_make_one(database: Database) -> None:
    with database.write() as session:
        accounts = [Account(name=name, connector="google") for name in ("A", "B")]
        session.add_all(accounts)
    both = Barrier(2)

    def work(account: Account) -> None:
        both.wait(timeout=10)
        with database.write() as session:
            values = card(f"in {account.name}", "Dana Levi", emails="dana@levi.example", company="Levi Ltd")
            kept = receive.keep_page(session, account.id, STREAM, [Delivered(STREAM, values["remote_id"], values)])
            given_now = [link.Given(raw, values) for raw in receive.rows(session, kept)]
            link.take(session, account, given_now, region="IL")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, accounts))
    with database.read() as session:
        assert sorted(session.scalars(select(Party.name))) == ["Dana Levi", "Levi Ltd"]
        assert len(set(session.scalars(select(Link.party_id)))) == 1


# --- any order ----------------------------------------------------------------------------------------------------

NAMES = ("Dana Levi", "Moshe Levi", "Katarzyna Nowak", "Ivan Petrov")
FIRMS = ("Levi Ltd", "Garden Tools", "Nordwind GmbH")


@st.composite
def records(draw: st.DrawFn) -> list[tuple[int, dict[str, Any]]]:
    """Records of several people and companies in several accounts, with everything that misleads; each with its truth.

    Every record of somebody has one number or address that only he has: who is known by nothing of his own is nobody
    in particular, and two halves of a customer that have nothing in common wait for a person.
    """
    made = []
    for who, name in enumerate(draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))):
        for account in draw(st.lists(st.integers(0, 3), unique=True, min_size=1)):
            first, last = name.split()
            mails = [f"own{who}@people.example", *draw(st.sets(st.sampled_from([f"second{who}@people.example", ROLE])))]
            phones = draw(st.sets(st.sampled_from([DESK, FAMILY, f"050-234-567{who}"])))
            made.append(
                (
                    account,
                    card(
                        f"person {who} in {account}",
                        draw(st.sampled_from([name, f"{last}, {first}", f"Dr. {name}"])),
                        emails=sorted(mails),
                        phones=sorted(phones),
                        company=draw(st.sampled_from(["", *FIRMS])),
                        notes=draw(st.sampled_from(["", "a", "b"])),
                        updated_at=MONDAY + timedelta(hours=draw(st.integers(0, 3))),
                    ),
                )
            )
    for which, firm in enumerate(draw(st.lists(st.sampled_from(FIRMS), unique=True))):
        for account in draw(st.lists(st.integers(0, 3), unique=True, min_size=1)):
            own = f"03-61{which}-0000"
            made.append((account, card(f"firm {firm} in {account}", company=firm, phones=[own, DESK], emails=[ROLE])))
    return made


def _pages(arrivals: Iterable[tuple[int, dict[str, Any]]]) -> list[tuple[int, list[dict[str, Any]]]]:
    return [(account, [one for _, one in some]) for account, some in groupby(arrivals, key=lambda one: one[0])]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records(), st.data())
def test_any_order_of_records_and_any_repeats_give_the_same_parties(
    database: Database, made: Sequence[tuple[int, dict[str, Any]]], data: st.DataObject
) -> None:
    adopt.watch()
    again = data.draw(st.lists(st.sampled_from(made), max_size=4))
    shuffled = data.draw(st.permutations([*made, *again]))
    with opened(database) as book:
        for account, page in _pages(made):
            book.take(account, *page)
        expected = book.people()
    with opened(database) as book:
        for account, page in _pages(shuffled):
            book.take(account, *page)
        assert book.people() == expected
    truth = {records_of[0].rpartition(" in ")[0] for records_of in map(sorted, expected)}
    people = {one for one in truth if one.startswith("person")}
    assert len([records_of for records_of in expected if min(records_of).startswith("person")]) == len(people)
