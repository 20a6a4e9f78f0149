"""Contacts of a simulated Google, read by a wired hub: customers, each once, whoever wrote them down."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.google.simulator import GoogleSimulator
from hub.context import Hub
from hub.identity import parties, search
from hub.identity.models import Identifier, Link, NumberRule, Party, PartyKind
from hub.intake import accounts, read
from hub.intake.models import FilteredRecord, RawRecord, StreamState
from hub.records.interaction import Interaction as Record
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Participant
from tests.e2e.address_books import Reading
from tests.e2e.calls import until
from tests.fakes.browser import signed_in
from tests.fakes.replay import replay

NOA, ADAM = "noa@acme.example", "adam@acme.example"
DANA, MOBILE, MOBILE_E164 = "dana@customer.example", "050-234-5678", "+972502345678"
CONTACTS, OTHERS = f"contacts:{NOA}:connections", f"contacts:{NOA}:other"


class Office(Reading):
    """A hub with Google accounts, read on demand."""

    def __init__(self, hub: Hub, google: GoogleSimulator, **settings: Any) -> None:
        self.hub, self.google = hub, google
        with hub.db.write() as session:
            for address, name in ((NOA, "Noa"), (ADAM, "Adam")):
                users.add(session, address, name, Role.AGENT)
        self.account = self.connect("Google", **settings)

    def connect(self, name: str, **settings: Any) -> int:
        values = {**self.google.settings(), "mail": False, "calendar": False, "timeout_s": 5, **settings}
        with self.hub.db.write() as session:
            connector = self.hub.connectors["google"]
            account = accounts.create(session, connector, self.hub.vault, name, values)
            account.region = "IL"
            return account.id

    def state(self, stream: str = CONTACTS) -> StreamState:
        with self.hub.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(query).one()

    def links(self) -> list[Link]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(Link).order_by(Link.id)))

    def found(self, query: str) -> list[str]:
        with self.hub.db.read() as session:
            return [hit.name for hit in search.search(session, query)]


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> Office:
    return Office(hub, google)


def add_dana(google: GoogleSimulator, **more: Any) -> str:
    fields: dict[str, Any] = {"emails": [DANA], "phones": [MOBILE], "company": "Levi Ltd", **more}
    return google.user(NOA).people.add("Dana", "Levi", **fields)


def test_contacts_become_customers_with_all_that_is_said_of_them(office: Office, google: GoogleSimulator) -> None:
    add_dana(
        google,
        organizations=[{"name": "Levi Ltd", "title": "Buyer"}],
        birthdays=[{"date": {"month": 5, "day": 17}}],
        urls=[{"value": "https://levi.example"}, {"value": "javascript:alert(1)"}],
        biographies=[{"value": "Likes\nshort mails"}],
        addresses=[{"formattedValue": "1 Main St, Haifa", "type": "work"}],
        photo=b"picture",
    )
    office.read()
    dana = office.party()
    assert dana.name == "Dana Levi"
    assert office.values(dana) == [MOBILE_E164, DANA]
    assert dana.fields["job_title"] == "Buyer"
    assert dana.fields["birthday"] == "--05-17"
    assert [one["value"] for one in dana.fields["urls"]] == ["https://levi.example"]
    assert dana.fields["addresses"] == [{"value": "1 Main St, Haifa", "label": "work"}]
    assert dana.fields["notes"] == "Likes\nshort mails"
    assert dana.fields["photo_url"].startswith("https://")
    [company] = office.parties(PartyKind.COMPANY)
    assert (company.name, dana.company_id) == ("Levi Ltd", company.id)
    assert office.found("2345678") == office.found("customer.example") == office.found("Dana Ltd") == ["Dana Levi"]
    assert office.state().last_full_at is not None


def test_a_second_look_a_replay_and_a_pass_from_the_beginning_change_nothing(
    office: Office, google: GoogleSimulator
) -> None:
    add_dana(google)
    google.user(NOA).people.add("Jan", "Nowak", emails=["jan@nowak.example"], company="Levi Ltd")
    office.read()
    before = office.everything()
    office.read()
    replay(office.hub, office.account)
    with office.hub.db.write() as session:
        read.forget_cursor(session, office.account, CONTACTS)
    office.read()
    assert office.state().epoch == 2
    assert office.everything() == before


def test_an_update_follows_and_an_address_that_is_gone_points_to_nobody(
    office: Office, google: GoogleSimulator
) -> None:
    name = add_dana(google)
    office.read()
    google.user(NOA).people.update(
        name,
        names=[{"givenName": "Dana", "familyName": "Levi-Cohen"}],
        emailAddresses=[{"value": "dana@new.example"}],
        organizations=[{"name": "Other Ltd"}],
    )
    office.read()
    dana = office.party()
    assert dana.name == "Dana Levi-Cohen"
    assert office.values(dana) == [MOBILE_E164, "dana@new.example"]
    assert {company.name for company in office.parties(PartyKind.COMPANY)} == {"Levi Ltd", "Other Ltd"}
    assert office.found("Cohen Other") == ["Dana Levi-Cohen"]
    assert office.found("customer") == []
    google.user(NOA).people.update(name, emailAddresses=[{"value": DANA}])
    office.read()
    assert office.values(office.party()) == [MOBILE_E164, DANA]


def test_what_a_person_says_no_source_changes(office: Office, google: GoogleSimulator) -> None:
    name = add_dana(google)
    office.read()
    with office.hub.db.write() as session:
        dana = session.get_one(Party, office.party().id)
        user = session.scalars(select(User).where(User.email == NOA)).one()
        noa = Person(user.id, user.public_id, user.email, user.name, user.role)
        parties.edit(session, noa, dana, name="Dana L. (buyer)", company=None)
        parties.add_identifier(session, noa, dana, parties.Given(parties.EMAIL, DANA), region="IL")
        mobile = next(row for row in parties.identifiers(session, dana) if row.kind == "phone")
        parties.remove_identifier(session, noa, dana, mobile.id)
    google.user(NOA).people.update(
        name, names=[{"givenName": "D."}], emailAddresses=[], organizations=[{"name": "Other"}]
    )
    office.read()
    dana = office.party()
    assert (dana.name, dana.company_id) == ("Dana L. (buyer)", None)
    assert office.values(dana) == [DANA]  # a person gave it too, and took the number off


def test_who_is_deleted_at_google_stays_a_customer(office: Office, google: GoogleSimulator) -> None:
    name = add_dana(google)
    office.read()
    google.user(NOA).people.delete(name)
    google.clock.advance(hours=1)
    office.read()
    assert office.values(office.party()) == [MOBILE_E164, DANA]
    [link] = office.links()
    assert link.gone_at is not None
    add_dana(google)
    office.read()
    assert [link.gone_at is None for link in office.links()] == [False, True]
    assert len(office.parties()) == 1


def test_a_renamed_contact_is_the_same_customer(office: Office, google: GoogleSimulator) -> None:
    old = add_dana(google)
    office.read()
    before = office.party().id
    new = google.user(NOA).people.rename(old)
    google.clock.advance(hours=1)
    office.read()
    assert office.party().id == before
    [link] = office.links()
    assert (link.remote_id, link.gone_at) == (new, None)
    replay(office.hub, office.account)  # the old record is still kept, and makes nobody when it is taken again
    assert office.party().id == before
    assert len(office.links()) == 1


@pytest.mark.parametrize("how", ["fault", "expire", "age"])
def test_a_dead_token_begins_anew_and_finds_what_was_missed(office: Office, google: GoogleSimulator, how: str) -> None:
    people = google.user(NOA).people
    name, other = add_dana(google), people.add("Jan", "Nowak", emails=["jan@nowak.example"])
    office.read()
    if how == "fault":
        google.faults.add("expire_cursor")
    elif how == "expire":
        people.expire_tokens()
    else:
        google.clock.advance(days=8)
    people.delete(other)
    people.update(name, phoneNumbers=[{"value": "054-234-5678"}])
    google.clock.advance(hours=1)
    office.read()
    assert office.state().epoch == 2
    assert [party.name for party in office.parties()] == ["Dana Levi", "Jan Nowak"]
    assert office.values(office.parties()[0]) == ["+972542345678", DANA]
    assert {link.remote_id: link.gone_at is None for link in office.links()} == {name: True, other: False}


def test_a_token_never_grows_old(office: Office, google: GoogleSimulator) -> None:
    add_dana(google)
    office.read()
    with office.hub.db.write() as session:
        state = session.get_one(StreamState, office.state().id)
        state.last_full_at = now() - timedelta(days=6, hours=1)
    office.read()
    assert office.state().epoch == 2


def test_only_members_of_the_wanted_groups_are_customers(hub: Hub, google: GoogleSimulator) -> None:
    people = google.user(NOA).people
    group = people.add_group("Customers")
    dana = add_dana(google, groups=[group])
    friend = people.add("Ola", "Friend", phones=["054-111-2233"], company="Club")
    office = Office(hub, google, contact_groups="customers")
    office.read()
    assert [party.name for party in office.parties()] == ["Dana Levi"]
    assert office.found("Ola") == []
    with hub.db.read() as session:
        assert [row.reason for row in session.scalars(select(FilteredRecord))] == ["group"]
        assert session.scalar(select(func.count()).select_from(RawRecord)) == 1
    office.set(contact_groups="")
    office.read()
    assert [party.name for party in office.parties()] == ["Dana Levi", "Ola Friend"]
    office.set(contact_groups="Customers")
    office.read()
    assert office.found("Ola") == office.found("Club") == []
    assert [party.name for party in office.parties()] == ["Dana Levi"]
    assert [company.name for company in office.parties(PartyKind.COMPANY)] == ["Levi Ltd"]
    people.update(friend, memberships=[_member(group)])
    people.update(dana, memberships=[_member("contactGroups/myContacts")])
    google.clock.advance(hours=1)
    office.read()
    assert [party.name for party in office.parties()] == ["Ola Friend"]
    assert [link.remote_id for link in office.links()] == [friend]


def test_who_leaves_the_group_keeps_the_history_as_a_name(hub: Hub, google: GoogleSimulator) -> None:
    people = google.user(NOA).people
    group = people.add_group("Customers")
    dana = add_dana(google, groups=[group])
    office = Office(hub, google, contact_groups="Customers")
    office.read()
    party = office.party()
    with hub.db.write() as session:
        meeting = Record(
            kind="meeting", direction="", started_at=now(), ended_at=None, summary="Talk", mentions=(), detail={}
        )
        add(session, [Entry(meeting, [Part(party.id, "attendee", "email", DANA)])], account_id=office.account)
    people.update(dana, memberships=[_member("contactGroups/myContacts")])
    google.clock.advance(hours=1)
    office.read()
    assert office.party().name == "Dana Levi"
    assert office.values(office.party()) == []
    assert office.links() == []


def test_a_group_that_is_not_there_stops_the_stream_and_takes_nobody_away(
    office: Office, google: GoogleSimulator
) -> None:
    add_dana(google)
    office.read()
    office.set(contact_groups="Custmers")
    office.read()
    assert office.state().trouble == "disabled"
    assert "Custmers" in office.state().last_error
    assert office.party().name == "Dana Levi"


def _member(group: str) -> dict[str, Any]:
    return {"contactGroupMembership": {"contactGroupResourceName": group}}


def test_other_contacts_come_where_they_are_wanted_and_what_somebody_wrote_counts_more(
    hub: Hub, google: GoogleSimulator
) -> None:
    people = google.user(NOA).people
    add_dana(google)
    google.clock.advance(hours=1)
    people.add_other("dana levi", DANA)
    gone = people.add_other("Jan Nowak", "jan@nowak.example")
    office = Office(hub, google, other_contacts=True)
    office.read()
    assert [party.name for party in office.parties()] == ["Dana Levi", "Jan Nowak"]
    people.delete_other(gone)
    google.clock.advance(hours=1)
    office.read()
    assert office.state(OTHERS).trouble == ""
    assert {link.remote_id: link.gone_at is None for link in office.links()}[gone] is False


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("server_error", "away"), ("unavailable", "away"), ("html_instead_of_json", "away"), ("truncated_json", "away"),
        ("reset", "away"), ("rate_limited", "limited"), ("rate_limited_403", "limited"), ("quota_user", "limited"),
        ("scope_missing", "scope"), ("api_disabled", "disabled"), ("no_sync_token", "away"), ("endless_page=9", "away"),
        ("token_expired", ""), ("empty_page", ""), ("replay_page", ""), ("reorder_page", ""), ("slow", ""),
    ],
)  # fmt: skip
def test_what_google_does_wrong_is_told_apart_and_healed(
    office: Office, google: GoogleSimulator, fault: str, trouble: str
) -> None:
    for number in range(3):
        google.user(NOA).people.add("Person", "ABC"[number] * 5, emails=[f"p{number}@people.example"])
    office.read_one(office.account, read.LISTING)
    google.faults.add(fault)
    office.read()
    assert office.state().trouble == trouble
    google.faults.clear()
    until(lambda: office.read() or not office.state().trouble, every=0.2)  # as long as Google wanted silence
    assert office.state().trouble == ""
    assert len(office.parties()) == 3


def test_a_card_without_a_person_is_a_company_and_its_people_work_there(
    office: Office, google: GoogleSimulator
) -> None:
    people = google.user(NOA).people
    add_dana(google)
    office.read()
    people.add(company="Levi Ltd", phones=["03-612-3456"], emails=["office@levi.example"])
    people.add("Rut", "Cohen", emails=["rut@levi.example"], company="Levi Ltd")
    office.read()
    [company] = office.parties(PartyKind.COMPANY)
    assert company.name == "Levi Ltd"
    assert office.values(company) == ["+97236123456", "office@levi.example"]
    assert {party.company_id for party in office.parties()} == {company.id}


def test_one_person_in_two_address_books_is_one_customer(hub: Hub, google: GoogleSimulator) -> None:
    office = Office(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    office.connect("Private", service_account=google.service_account_json(), mailboxes="maya@acme.example")
    noas = add_dana(google)
    google.user(ADAM).people.add("Dana", "Levi", phones=[MOBILE], emails=["dana.levi@gmail.com"])
    google.user("maya@acme.example").people.add("Levi, Dana", emails=[DANA])
    office.read()
    dana = office.party()
    assert sorted(office.values(dana)) == [MOBILE_E164, "dana.levi@gmail.com", DANA]
    assert len(office.links()) == 3
    google.user(NOA).people.update(noas, emailAddresses=[], phoneNumbers=[])
    google.clock.advance(hours=1)
    office.read()
    assert sorted(office.values(office.party())) == [
        MOBILE_E164,
        "dana.levi@gmail.com",
        DANA,
    ]  # two others still say so


def test_two_cards_of_one_address_book_are_two_customers_until_a_person_joins_them(
    office: Office, google: GoogleSimulator
) -> None:
    add_dana(google)
    add_dana(google)
    office.read()
    assert [party.name for party in office.parties()] == ["Dana Levi", "Dana Levi"]


def test_a_number_that_several_share_joins_nobody(hub: Hub, google: GoogleSimulator) -> None:
    office = Office(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    family, desk, free = "054-765-4321", "03-612-3456", "1-800-123-456"
    for address, name in ((NOA, "Dana"), (ADAM, "Moshe")):
        google.user(address).people.add(name, "Levi", phones=[family, desk, free], emails=["office@levi.example"])
    office.read()
    assert {party.name for party in office.parties()} == {"Dana Levi", "Moshe Levi"}
    with hub.db.read() as session:
        shared = {row.value: row.shared for row in session.scalars(select(Identifier))}
    assert shared["+972547654321"]
    assert shared["+9721800123456"]


def test_our_own_numbers_and_people_are_no_customers(office: Office, google: GoogleSimulator) -> None:
    people = google.user(NOA).people
    with office.hub.db.write() as session:
        session.add(NumberRule(value="+97236123456", rule="own"))
    people.add("Adam", "Nowak", emails=[ADAM])
    people.add("Dana", "Levi", phones=["03-612-3456"], emails=["dana@acme.example", "noreply@levi.example"])
    people.add(biographies=[{"value": "only a note"}])
    office.read()
    assert office.values(office.party()) == []
    with office.hub.db.read() as session:
        reasons = session.scalars(select(RawRecord.error).where(RawRecord.state == "filtered")).all()
    assert sorted(reasons) == ["colleague", "empty"]


def test_hostile_contacts_are_tamed_and_kept(office: Office, google: GoogleSimulator) -> None:
    people = google.user(NOA).people
    people.add("\u202eDana\u202c\u200b", "Levi\u0000\u0007", emails=[DANA], biographies=[{"value": "x" * 50_000}])
    people.add("N" * 10_000, phones=["054-111-2233"])
    people.add("<script>alert(1)</script>", emails=["script@levi.example"], urls=[{"value": " JavaScript:alert(1)"}])
    people.add("דנה", "לוי", phones=["050-123-4567", "0502345679 / 0502345680", "call me", "*6050", "חסוי"])
    people.add("Unknown", emails=["not an address", "two@levi.example, three@levi.example"], phones=["-"])
    office.read()
    assert office.state().trouble == ""
    names = [party.name for party in office.parties()]
    assert names[:2] == ["Dana Levi\ufffd", "N" * 400]
    assert names[2] == "<script>alert(1)</script>"
    assert names[3] == "דנה לוי"
    assert len(office.parties()[0].fields["notes"]) == 20_000
    assert "urls" not in office.parties()[2].fields
    assert office.values(office.parties()[3]) == ["+972501234567", "+972502345679", "+972502345680"]
    with office.hub.db.read() as session:
        states = session.scalars(select(RawRecord.state)).all()
    assert sorted(states) == ["applied"] * 4 + ["filtered"]


def test_earlier_meetings_find_their_customer_and_the_page_names_the_source(
    office: Office, google: GoogleSimulator
) -> None:
    with office.hub.db.write() as session:
        meeting = Record(
            kind="meeting", direction="", started_at=now(), ended_at=None, summary="Talk", mentions=(), detail={}
        )
        add(session, [Entry(meeting, [Part(None, "attendee", "email", DANA)])], account_id=office.account)
    add_dana(google)
    office.read()
    dana = office.party()
    with office.hub.db.read() as session:
        assert session.scalars(select(Participant.party_id)).all() == [dana.id]
    page = signed_in(office.hub, NOA).get(f"/customers/{dana.public_id}").text
    assert "Google" in page
    assert "Written down here" not in page
