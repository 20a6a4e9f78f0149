"""People and companies as a person keeps them, on both databases."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from hub.errors import NotFoundError, UserError
from hub.identity import parties
from hub.identity.models import Claim, Identifier, NumberRule, Party, PartyKind, PartyStatus
from hub.identity.parties import Given
from hub.security import users
from hub.security.models import Audit, Role, User
from hub.security.policy import Person
from hub.store.session import Database

REGION = "IL"
DANA = "+972542345678"


@pytest.fixture
def noa(database: Database) -> Person:
    with database.write() as session:
        return users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))


def make(database: Database, noa: Person, name: str, *given: Given, kind: str = PartyKind.PERSON) -> Party:
    with database.write() as session:
        return parties.create(session, noa, kind, name, given, region=REGION)


def holders(database: Database, number: str) -> list[str]:
    with database.read() as session:
        return [party.name for party in parties.by_number(session, number)]


def test_a_new_customer_has_its_numbers_in_normal_form_and_as_typed(database: Database, noa: Person) -> None:
    dana = make(
        database, noa, "  Dana \n Levi ", Given("phone", "054-234 5678"), Given("email", "Dana@Example.COM"),
        Given("tax_id", "51-234567-8"),
    )  # fmt: skip
    with database.read() as session:
        rows = {row.kind: row for row in parties.identifiers(session, session.get_one(Party, dana.id))}
        assert dana.name == "Dana Levi"
        phone = rows["phone"]
        assert (phone.value, phone.raw, phone.tail, phone.label) == (DANA, "054-234 5678", "542345678", "mobile")
        assert rows["email"].value == "dana@example.com"
        assert rows["tax_id"].value == "512345678"
        claim = session.scalars(select(Claim).where(Claim.party_id == dana.id)).one()
        assert (claim.field, claim.value, claim.locked_by) == ("name", {"value": "Dana Levi"}, noa.id)
        assert session.scalars(select(Audit.action)).all() == ["party.created"]


@pytest.mark.alike
@pytest.mark.parametrize(
    ("given", "field"),
    [
        (Given("phone", "hello"), "phone"),
        (Given("phone", "054-234-5678 / 03-6123456"), "phone"),
        (Given("phone", ""), "phone"),
        (Given("phone", "anonymous"), "phone"),
        (Given("email", "dana"), "email"),
        (Given("tax_id", "none"), "tax_id"),
        (Given("fax", "1"), "kind"),
    ],
)
def test_what_is_no_identifier_is_refused_and_nothing_is_made(
    database: Database, noa: Person, given: Given, field: str
) -> None:
    with pytest.raises(UserError) as refused:
        make(database, noa, "Dana", given)
    assert refused.value.field == field
    with database.read() as session:
        assert session.scalars(select(Party.id)).all() == []


@pytest.mark.alike
@pytest.mark.parametrize("name", ["", "  ", "\u202e", "unknown", "12345"])
def test_a_customer_needs_a_name(database: Database, noa: Person, name: str) -> None:
    with pytest.raises(UserError) as refused:
        make(database, noa, name)
    assert refused.value.field == "name"


def test_a_number_of_our_own_identifies_nobody(database: Database, noa: Person) -> None:
    with database.write() as session:
        session.add(NumberRule(value="+97236123456", rule="own"))
    with pytest.raises(UserError) as refused:
        make(database, noa, "Dana", Given("phone", "03-6123456"))
    assert refused.value.error_id == "own_number"


def test_a_number_is_found_exactly_then_with_any_extension_then_by_its_end(database: Database, noa: Person) -> None:
    make(database, noa, "Desk", Given("phone", "03-6123456 ext 12"))
    make(database, noa, "Mobile", Given("phone", DANA))
    assert holders(database, "+97236123456;ext=12") == ["Desk"]
    assert holders(database, "+97236123456") == ["Desk"]
    assert holders(database, "+97236123456;ext=13") == ["Desk"]
    assert holders(database, "542345678") == ["Mobile"], "written without country by the exchange"
    assert holders(database, "2345678") == []
    assert holders(database, "anonymous") == holders(database, "") == []


def test_several_owners_are_a_list_and_disagreeing_names_make_the_number_shared(
    database: Database, noa: Person
) -> None:
    make(database, noa, "Dana Levi", Given("phone", DANA))
    make(database, noa, "Yossi Cohen", Given("phone", DANA))
    assert holders(database, DANA) == ["Dana Levi", "Yossi Cohen"]
    with database.read() as session:
        assert set(session.scalars(select(Identifier.shared))) == {True}


def test_a_number_taken_away_points_to_the_other_owner_again(database: Database, noa: Person) -> None:
    dana = make(database, noa, "Dana Levi", Given("phone", DANA))
    make(database, noa, "Yossi Cohen", Given("phone", DANA))
    with database.write() as session:
        row = parties.identifiers(session, session.get_one(Party, dana.id))[0]
        parties.remove_identifier(session, noa, session.get_one(Party, dana.id), row.id)
    assert holders(database, DANA) == ["Yossi Cohen"]
    with database.read() as session:
        assert list(session.scalars(select(Identifier.shared))) == [False]


def test_an_identifier_of_another_customer_cannot_be_removed(database: Database, noa: Person) -> None:
    dana = make(database, noa, "Dana", Given("phone", DANA))
    other = make(database, noa, "Other")
    with database.write() as session:
        row = parties.identifiers(session, session.get_one(Party, dana.id))[0]
        with pytest.raises(NotFoundError):
            parties.remove_identifier(session, noa, session.get_one(Party, other.id), row.id)


def test_the_same_number_twice_is_one_row(database: Database, noa: Person) -> None:
    dana = make(database, noa, "Dana", Given("phone", DANA), Given("phone", "054-2345678"))
    with database.read() as session:
        assert len(parties.identifiers(session, dana)) == 1


@pytest.mark.parametrize(("raw", "shared", "possible"), [("1-800-555-555", True, False), ("050-123-4567", False, True)])
def test_weak_and_unassigned_numbers_are_kept_for_dialling(
    database: Database, noa: Person, raw: str, shared: bool, possible: bool
) -> None:
    make(database, noa, "Dana", Given("phone", raw))
    with database.read() as session:
        row = session.scalars(select(Identifier)).one()
        assert (row.shared, row.possible) == (shared, possible)


def test_what_a_person_says_is_one_locked_claim_a_field(database: Database, noa: Person) -> None:
    dana = make(database, noa, "Dana")
    firm = make(database, noa, "Levi Ltd", kind=PartyKind.COMPANY)
    with database.write() as session:
        row = session.get_one(Party, dana.id)
        parties.edit(session, noa, row, name="Dana Cohen", company=session.get_one(Party, firm.id), owner_id=noa.id)
        parties.edit(session, noa, row, name="Dana Katz")
        parties.edit(session, noa, row, name="Dana Katz")
        claims = {c.field: c.value["value"] for c in session.scalars(select(Claim).where(Claim.party_id == dana.id))}
        assert claims == {"name": "Dana Katz", "company": "Levi Ltd", "owner": "noa@example.com"}
        assert (row.name, row.company_id, row.owner_id, row.version) == ("Dana Katz", firm.id, noa.id, 3)
        parties.edit(session, noa, row, company=None, owner_id=None)
        assert (row.company_id, row.owner_id) == (None, None)
        changed = session.scalars(select(Audit.detail).where(Audit.action == "party.changed").order_by(Audit.id)).all()
        assert [one["fields"] for one in changed] == [["name", "company", "owner"], ["name"], ["company", "owner"]]


def test_nobody_works_at_a_person_and_nobody_owns_who_is_not_there(database: Database, noa: Person) -> None:
    dana, other = make(database, noa, "Dana"), make(database, noa, "Other")
    with database.write() as session:
        row = session.get_one(Party, dana.id)
        with pytest.raises(UserError):
            parties.edit(session, noa, row, company=session.get_one(Party, other.id))
        with pytest.raises(UserError):
            parties.edit(session, noa, row, owner_id=99)
        session.rollback()


def test_a_company_of_the_same_name_is_the_same(database: Database, noa: Person) -> None:
    with database.write() as session:
        one = parties.company_named(session, noa, " Levi  Ltd ")
        two = parties.company_named(session, noa, "Levi Ltd")
        assert one is two
        assert parties.company_named(session, noa, "  ") is None


def test_a_merged_party_is_found_under_its_old_id(database: Database, noa: Person) -> None:
    old, new = make(database, noa, "Old"), make(database, noa, "New")
    with database.write() as session:
        row = session.get_one(Party, old.id)
        row.status, row.merged_into = PartyStatus.MERGED, new.id
    with database.read() as session:
        assert parties.get(session, old.public_id).id == new.id
        assert parties.with_merged(session, session.get_one(Party, new.id)) == (new.id, old.id)
        with pytest.raises(NotFoundError):
            parties.get(session, uuid4())


def test_an_erased_party_is_not_there(database: Database, noa: Person) -> None:
    gone = make(database, noa, "Gone")
    with database.write() as session:
        session.get_one(Party, gone.id).status = PartyStatus.ERASED
    with database.read() as session, pytest.raises(NotFoundError):
        parties.get(session, gone.public_id)


def test_a_program_has_no_lock(database: Database) -> None:
    with database.write() as session:
        dana = parties.create(session, None, PartyKind.PERSON, "Dana", region=REGION)
        assert session.scalars(select(Claim.locked_by).where(Claim.party_id == dana.id)).all() == [None]
        assert session.scalars(select(User.id)).all() == []
