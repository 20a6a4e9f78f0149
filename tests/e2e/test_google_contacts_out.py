"""Contacts that are kept in step with a simulated Google: what changes on one side is changed once on the other."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from connectors.google.simulated.world import Exchange
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.context import Hub
from hub.identity import conflicts, in_step, parties, write_back
from hub.identity.models import Conflict, Link, SharedRecord
from hub.identity.parties import Given
from hub.intake import vanishing
from hub.intake.models import Account, StreamState
from hub.outbound.merge import Policy
from hub.outbound.models import Outbox, OutboxState
from hub.security import users
from hub.security.models import User
from hub.store.base import now
from tests.e2e.address_books import Killed, Writing, die
from tests.e2e.test_google_contacts import ADAM, CONTACTS, DANA, MOBILE, MOBILE_E164, NOA, Office, add_dana
from tests.fakes.browser import PASSWORD, Browser

PHONE, MAIL = "052-333-4444", "dana@private.example"
PHONE_E164 = "+972523334444"


class Desk(Writing, Office):
    """The same, with contacts that are written back."""

    def __init__(self, hub: Hub, google: GoogleSimulator, **settings: Any) -> None:
        super().__init__(hub, google, contacts_back=True, contact_requests_per_minute=6000, **settings)
        self.calls: list[Exchange] = []
        google.observe(self.calls.append)

    # --- the hub ----------------------------------------------------------------------------------------------------

    def shared(self) -> Sequence[SharedRecord]:
        with self.hub.db.read() as session:
            return session.scalars(select(SharedRecord).order_by(SharedRecord.id)).all()

    def conflicts(self) -> Sequence[Conflict]:
        with self.hub.db.read() as session:
            return session.scalars(select(Conflict).order_by(Conflict.id)).all()

    # --- Google -----------------------------------------------------------------------------------------------------

    def body(self, name: str, address: str = NOA) -> dict[str, Any]:
        return dict(self.google.user(address).people.contact(name).body)

    def there(self, name: str, address: str = NOA) -> dict[str, Any]:
        """What a contact says at Google."""
        body = self.body(name, address)
        organization = (body.get("organizations") or [{}])[0]
        return {
            "name": (body.get("names") or [{}])[0].get("displayName", ""),
            "company": organization.get("name", ""),
            "job_title": organization.get("title", ""),
            "phones": [one["value"] for one in body.get("phoneNumbers", ())],
            "emails": [one["value"] for one in body.get("emailAddresses", ())],
        }

    def at_google(self, name: str, **fields: Any) -> None:
        """Change a contact in contacts.google.com, a while later."""
        self.google.clock.advance(minutes=1)
        self.google.user(NOA).people.update(name, **fields)

    def written(self) -> list[str]:
        """The writes that Google got, by method."""
        methods = [one.method.id.rpartition(".")[2] for one in self.calls]
        return [
            one for one in methods if one in {"createContact", "updateContact", "deleteContact", "batchDeleteContacts"}
        ]


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator) -> Desk:
    return Desk(hub, google)


@pytest.fixture
def dana(desk: Desk, google: GoogleSimulator) -> str:
    name = add_dana(google)
    desk.read()
    return name


def test_a_first_connect_writes_nothing_although_much_differs(hub: Hub, google: GoogleSimulator) -> None:
    with hub.db.write() as session:
        parties.create(
            session, None, "person", "Dana Levi-Cohen", [Given("email", DANA), Given("phone", PHONE)], region="IL"
        )
    desk = Desk(hub, google)
    name = add_dana(google)
    before = desk.body(name)
    desk.read()
    assert len(desk.links()) == 1
    assert desk.party().name == "Dana Levi-Cohen"
    assert desk.send() == 0
    assert (desk.body(name), desk.written()) == (before, [])


def test_what_a_person_changes_reaches_google_once_and_comes_back_as_an_echo(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Levi-Cohen", company="Cohen Ltd", job_title="Buyer")
    desk.say(PHONE)
    desk.say(MAIL)
    desk.take_off(MOBILE_E164)
    assert desk.send() > 0
    assert desk.there(dana) == {
        "name": "Dana Levi-Cohen", "company": "Cohen Ltd", "job_title": "Buyer", "phones": [PHONE_E164], "emails": [DANA, MAIL],
    }  # fmt: skip
    assert desk.written() == ["updateContact"]
    before = desk.everything()
    for _ in range(2):
        desk.google.clock.advance(minutes=10)
        desk.read()
        assert desk.send() == 0
    assert desk.written() == ["updateContact"]
    assert desk.everything() == before
    assert desk.conflicts() == []


def test_nothing_goes_out_unless_the_account_says_so(hub: Hub, google: GoogleSimulator) -> None:
    office = Desk(hub, google)
    office.set(contacts_back=False)
    name = add_dana(google)
    office.read()
    office.edit(name="Other Name")
    assert office.rows(Outbox) == []
    office.set(contacts_back="true")
    with hub.db.write() as session:
        hub_app.keep_contacts(hub, session)
    assert len(office.shared()) == 1
    assert office.send() == 0  # what was changed before somebody asked for it stays here
    office.say(PHONE)
    assert office.send() == 1
    assert office.there(name) | {"phones": []} == {
        "name": "Dana Levi", "company": "Levi Ltd", "job_title": "", "phones": [], "emails": [DANA],
    }  # fmt: skip
    assert office.there(name)["phones"] == [MOBILE, PHONE_E164]
    office.set(contacts_back=False)
    with hub.db.write() as session:
        hub_app.keep_contacts(hub, session)
    assert office.shared() == []


def test_both_changed_different_things_and_both_have_both(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    desk.say(PHONE)
    desk.at_google(
        dana,
        organizations=[{"name": "Levi Ltd", "title": "Boss"}],
        phoneNumbers=[{"value": MOBILE, "type": "mobile"}, {"value": "03-612-3456", "type": "work"}],
    )
    desk.send()
    assert desk.there(dana) == {
        "name": "Dana Cohen", "company": "Levi Ltd", "job_title": "Boss", "phones": [MOBILE, "03-612-3456", PHONE_E164],
        "emails": [DANA],
    }  # fmt: skip
    party = desk.party()
    assert (party.name, party.fields["job_title"]) == ("Dana Cohen", "Boss")
    assert sorted(desk.values(party)) == sorted([MOBILE_E164, PHONE_E164, "+97236123456", DANA])
    desk.read()
    assert desk.send() == 0
    assert desk.conflicts() == []


def test_what_is_changed_at_google_counts_here_also_where_a_person_had_said_otherwise(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen", company="Cohen Ltd")
    desk.say(PHONE)
    desk.send()
    desk.at_google(
        dana, names=[{"givenName": "Dana", "familyName": "Nowak"}], organizations=[], phoneNumbers=[{"value": MOBILE}]
    )
    desk.read()
    party = desk.party()
    assert (party.name, party.company_id) == ("Dana Nowak", None)
    assert desk.values(party) == [MOBILE_E164, DANA]
    assert desk.send() == 0
    desk.at_google(dana, names=[{"givenName": "Dana", "familyName": "Levi"}])  # as it was at first
    desk.read()
    assert desk.party().name == "Dana Levi"


@pytest.mark.parametrize("newer", ["hub", "remote"])
def test_both_changed_the_same_and_a_person_settles_it(desk: Desk, dana: str, newer: str) -> None:
    if newer == "hub":
        desk.google.clock.advance(hours=-2)
        desk.google.user(NOA).people.update(dana, names=[{"givenName": "Theirs"}])
        desk.edit(name="Ours")
    else:
        desk.edit(name="Ours")
        desk.at_google(dana, names=[{"givenName": "Theirs"}])
    desk.send()
    won = "Ours" if newer == "hub" else "Theirs"
    assert (desk.party().name, desk.there(dana)["name"]) == (won, won)
    [row] = desk.conflicts()
    assert (row.field, row.winner, row.ours, row.theirs, row.base) == (
        "name", newer, {"value": "Ours"}, {"value": "Theirs"}, {"value": "Dana Levi"},
    )  # fmt: skip
    desk.google.clock.advance(hours=3)
    desk.read()
    assert desk.send() == 0
    lost = "remote" if newer == "hub" else "hub"
    with desk.hub.db.write() as session:
        conflicts.settle(session, None, conflicts.get(session, row.public_id), lost)
    desk.send()
    other = "Theirs" if newer == "hub" else "Ours"
    assert (desk.party().name, desk.there(dana)["name"]) == (other, other)
    with desk.hub.db.read() as session:
        assert conflicts.count(session) == {}


@pytest.mark.parametrize("choice", ["hub", "remote"])
def test_what_only_a_person_may_decide_stays_as_it_is_until_then(
    desk: Desk, dana: str, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    real = in_step.policies

    def manual(*given: Any) -> Any:
        found = real(*given)
        return {**found, "name": Policy(conflict="manual")}

    monkeypatch.setattr(in_step, "policies", manual)
    desk.edit(name="Ours")
    desk.at_google(dana, names=[{"givenName": "Theirs"}])
    desk.send()
    desk.read()
    assert (desk.party().name, desk.there(dana)["name"]) == ("Ours", "Theirs")
    [row] = desk.conflicts()
    assert row.winner == ""
    with desk.hub.db.write() as session:
        conflicts.settle(session, None, conflicts.get(session, row.public_id), choice)
    desk.send()
    desk.read()
    won = "Ours" if choice == "hub" else "Theirs"
    assert (desk.party().name, desk.there(dana)["name"]) == (won, won)
    assert len(desk.conflicts()) == 1


def test_a_contact_that_changes_while_we_write_is_read_and_merged_again(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    race(desk, lambda: desk.at_google(dana, phoneNumbers=[{"value": PHONE}]))
    desk.send()
    assert (desk.there(dana)["name"], desk.there(dana)["phones"]) == ("Dana Cohen", [PHONE])
    assert desk.values(desk.party()) == [PHONE_E164, DANA]
    assert desk.written().count("updateContact") <= 2


def race(desk: Desk, change: Callable[[], None]) -> None:
    """Let somebody change something at Google just before our next write."""
    waits = [change]

    def meanwhile(call: Exchange) -> None:
        if waits and call.method.id == "people.people.get":
            waits.pop()()

    desk.google.observe(meanwhile)


def test_a_lost_answer_is_no_second_write(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    desk.google.faults.add("commit_then_timeout")
    desk.send()
    desk.google.faults.clear()
    assert desk.there(dana)["name"] == "Dana Cohen"
    [row] = desk.rows(Outbox)
    assert (row.state, row.trouble) == (OutboxState.WAITING, "away")
    desk.hurry()
    desk.send()
    desk.read()
    assert desk.send() == 0
    assert [row.state for row in desk.rows(Outbox)] == [OutboxState.SENT]
    assert desk.written() == ["updateContact"]
    assert desk.party().name == "Dana Cohen"


def test_a_worker_killed_after_its_write_is_followed_by_one_that_finds_it(
    desk: Desk, dana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.edit(name="Dana Cohen")
    with monkeypatch.context() as patch:
        patch.setattr(write_back.ContactKind, "sent", die)
        [lease] = desk.leases()
        with pytest.raises(Killed):
            hub_app.deliverer(desk.hub).deliver(lease)
    desk.read()  # the echo may be here before the note of what was written
    assert desk.party().name == "Dana Cohen"
    desk.hurry()
    desk.send()
    desk.read()
    assert desk.send() == 0
    assert desk.written() == ["updateContact"]
    assert desk.conflicts() == []


@pytest.mark.parametrize("when", ["before the write", "after it"])
def test_what_was_given_up_is_told_once_although_a_worker_died(
    desk: Desk, dana: str, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    desk.google.clock.advance(hours=-2)
    desk.google.user(NOA).people.update(dana, names=[{"givenName": "Theirs"}])
    desk.edit(name="Ours")
    with monkeypatch.context() as patch:
        if when == "after it":
            patch.setattr(write_back.ContactKind, "sent", die)
        else:
            patch.setattr(write_back.ContactKind, "_values", die)
        [lease] = desk.leases()
        with pytest.raises(Killed):
            hub_app.deliverer(desk.hub).deliver(lease)
    desk.hurry()
    desk.send()
    assert [row.theirs for row in desk.conflicts()] == [{"value": "Theirs"}]
    assert (desk.there(dana)["name"], desk.party().name) == ("Ours", "Ours")
    assert desk.written() == ["updateContact"]


def test_what_the_hub_does_not_know_of_a_contact_is_left_alone(desk: Desk, google: GoogleSimulator) -> None:
    name = add_dana(
        google,
        phoneNumbers=[{"value": MOBILE, "type": "Bat phone"}, {"value": "*6050", "type": "work"}],
        emailAddresses=[{"value": DANA, "type": "home", "displayName": "Dana at home"}],
        organizations=[
            {"name": "Old Ltd", "title": "Clerk", "current": False},
            {"name": "Levi Ltd", "department": "Purchase", "current": True, "startDate": {"year": 2020}},
        ],
        birthdays=[{"date": {"year": 1980, "month": 5, "day": 17}}],
        biographies=[{"value": "Likes short mails"}],
        userDefined=[{"key": "Shoe size", "value": "38"}],
        nicknames=[{"value": "Dani"}],
        relations=[{"person": "Moshe", "type": "spouse"}],
    )
    before = desk.body(name)
    desk.read()
    desk.edit(name="Dana Cohen", job_title="Head of purchase")
    desk.say(PHONE)
    desk.say(MAIL)
    desk.send()
    after = desk.body(name)
    changed = {"names", "organizations", "phoneNumbers", "emailAddresses"}
    assert {field: value for field, value in after.items() if field not in changed} == {
        field: value for field, value in before.items() if field not in changed
    }
    assert after["phoneNumbers"][:2] == before["phoneNumbers"]
    assert after["emailAddresses"][:1] == before["emailAddresses"]
    old, present = before["organizations"]
    assert after["organizations"] == [old, {**present, "title": "Head of purchase"}]
    [put] = [one for one in desk.calls if one.method.id == "people.people.updateContact"]
    assert set(put.query["updatePersonFields"].split(",")) == changed


def test_what_one_address_book_says_goes_to_the_other_and_goes_again_when_it_takes_it_back(
    hub: Hub, google: GoogleSimulator
) -> None:
    desk = Desk(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    noas = add_dana(google)
    adams = google.user(ADAM).people.add("Dana", "Levi", emails=[DANA], phones=[MOBILE])
    desk.read()
    assert desk.send() == 0
    google.clock.advance(minutes=1)
    google.user(ADAM).people.update(adams, phoneNumbers=[{"value": MOBILE}, {"value": PHONE}])
    desk.read()
    desk.send()
    assert desk.there(noas)["phones"] == [MOBILE, PHONE_E164]
    assert desk.there(adams, ADAM)["phones"] == [MOBILE, PHONE]
    assert desk.there(adams, ADAM)["company"] == ""  # it differed before
    google.clock.advance(minutes=10)
    desk.read()
    assert desk.send() == 0
    google.user(ADAM).people.update(adams, phoneNumbers=[{"value": MOBILE}])
    desk.read()
    desk.send()
    assert desk.values(desk.party()) == [MOBILE_E164, DANA]
    assert desk.there(noas)["phones"] == [MOBILE]
    assert desk.written() == ["updateContact", "updateContact"]


def test_a_late_listing_does_not_bring_back_what_was(desk: Desk, dana: str) -> None:
    desk.google.people_delay_s = 600
    desk.edit(name="Dana Cohen")
    desk.send()
    with desk.hub.db.write() as session:
        session.execute(update(StreamState).where(StreamState.stream == CONTACTS).values(cursor=None))
    desk.read()
    assert desk.party().name == "Dana Cohen"
    assert desk.send() == 0
    desk.google.clock.advance(hours=1)
    desk.read()
    assert (desk.party().name, desk.send()) == ("Dana Cohen", 0)


def test_a_number_that_was_taken_off_and_is_put_on_again_there_is_here_again(desk: Desk, dana: str) -> None:
    [number] = desk.there(dana)["phones"]
    desk.take_off("+972502345678")
    desk.send()
    assert desk.there(dana)["phones"] == []
    desk.at_google(dana, phoneNumbers=[{"value": number}])  # before anybody looked at what our write left there
    desk.read()
    assert "+972502345678" in desk.values(desk.party())
    assert (desk.send(), desk.there(dana)["phones"]) == (0, [number])


# --- made at Google from here -------------------------------------------------------------------------------------


def make(desk: Desk, name: str = "Jan Nowak", *given: Given) -> int:
    with desk.hub.db.write() as session:
        party = parties.create(session, None, "person", name, given, region="IL")
        write_back.add(session, party, desk.account, CONTACTS, mailbox=NOA, user_id=None)
        write_back.add(session, party, desk.account, CONTACTS, mailbox=NOA, user_id=None)
        return party.id


def cards(desk: Desk) -> list[str]:
    return [f"people/{card.id}" for card in desk.google.user(NOA).people.contacts.cards.values() if card.body]


def test_a_customer_becomes_a_contact_once(desk: Desk) -> None:
    desk.read()
    number = make(desk, "Jan Nowak", Given("email", "jan@nowak.example"), Given("phone", PHONE))
    assert desk.send() == 1
    [name] = cards(desk)
    assert desk.there(name) == {
        "name": "Jan Nowak", "company": "", "job_title": "", "phones": [PHONE_E164], "emails": ["jan@nowak.example"],
    }  # fmt: skip
    assert desk.body(name)["phoneNumbers"] == [{"value": PHONE_E164, "type": "mobile"}]
    desk.read()
    assert (desk.send(), [party.id for party in desk.parties()]) == (0, [number])
    desk.edit(name="Jan Kowalski")
    desk.send()
    assert desk.there(name)["name"] == "Jan Kowalski"
    desk.at_google(name, emailAddresses=[])
    desk.read()
    assert desk.values(desk.party()) == [PHONE_E164]
    assert desk.written() == ["createContact", "updateContact"]


@pytest.mark.parametrize("seen_first", [True, False])
def test_a_contact_whose_making_was_not_answered_is_found_and_not_made_again(desk: Desk, seen_first: bool) -> None:
    desk.read()
    number = make(desk)  # nothing but a name: nobody would know it again
    desk.google.faults.add("commit_then_timeout")
    desk.send()
    desk.google.faults.clear()
    assert len(cards(desk)) == 1
    if seen_first:
        desk.read()
        assert [party.id for party in desk.parties()] == [number]
    desk.hurry()
    desk.send()
    desk.read()
    assert len(cards(desk)) == 1
    assert ([party.id for party in desk.parties()], len(desk.links())) == ([number], 1)
    assert [row.state for row in desk.rows(Outbox)] == [OutboxState.SENT]


def test_what_google_may_not_show_yet_is_not_made_again_at_once(desk: Desk) -> None:
    desk.read()
    make(desk)
    desk.google.people_delay_s = 300
    desk.google.faults.add("commit_then_timeout")
    desk.send()
    desk.google.faults.clear()
    for _ in range(3):
        desk.hurry()
        desk.send()
    assert (len(cards(desk)), desk.written()) == (1, ["createContact"])
    [row] = desk.rows(Outbox)
    assert row.trouble == "away"
    desk.google.clock.advance(hours=1)
    desk.hurry()
    desk.send()
    assert (len(cards(desk)), [row.state for row in desk.rows(Outbox)]) == (1, [OutboxState.SENT])


def test_each_try_to_make_one_waits_for_the_one_before(desk: Desk) -> None:
    desk.read()
    make(desk)
    desk.google.people_delay_s = 86_400  # far longer than it ever took
    desk.google.faults.add("commit_then_timeout")
    desk.send()
    with desk.hub.db.write() as session:
        row = session.scalars(select(Outbox)).one()
        row.payload = {**row.payload, "tried_at": (now() - timedelta(minutes=11)).isoformat()}
    for _ in range(3):
        desk.hurry()
        desk.send()
    assert desk.written() == ["createContact", "createContact"]


def test_a_new_contact_is_in_the_group_that_is_read(hub: Hub, google: GoogleSimulator) -> None:
    google.user(NOA).people.add_group("Customers")
    desk = Desk(hub, google, contact_groups="Customers")
    desk.read()
    make(desk)
    desk.send()
    google.clock.advance(hours=1)
    desk.read()
    assert [link.gone_at for link in desk.links()] == [None]
    assert len(desk.parties()) == 1


# --- gone, and too much -------------------------------------------------------------------------------------------


def test_a_contact_that_was_deleted_there_is_let_go_and_never_deleted_by_us(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    desk.google.user(NOA).people.delete(dana)
    desk.send()
    assert [row.state for row in desk.rows(Outbox)] == [OutboxState.SENT]
    assert [link.gone_at is None for link in desk.links()] == [False]
    desk.read()
    desk.edit(name="Dana Nowak")
    assert desk.send() == 0
    assert desk.party().name == "Dana Nowak"
    assert desk.written() == []


def test_who_is_merged_or_erased_here_stays_in_the_address_book(desk: Desk, dana: str) -> None:
    before = desk.body(dana)
    desk.edit(name="Other")
    with desk.hub.db.write() as session:
        from hub.identity import link  # noqa: PLC0415 - one test

        link.erase(session, [desk.party().id])
    desk.send()
    assert (desk.body(dana), desk.shared()) == (before, [])
    assert not {one.method.http for one in desk.calls} & {"DELETE"}
    assert "deleteContact" not in desk.written()


def test_two_systems_that_correct_each_other_are_stopped_and_a_person_lets_them_go_on(desk: Desk, dana: str) -> None:
    for number in range(12):
        desk.edit(name=f"Ours {number}")
        desk.send()
        desk.at_google(dana, names=[{"givenName": f"Theirs {number}"}])
        desk.read()
    [shared] = desk.shared()
    assert shared.frozen_at is not None
    assert 6 <= desk.written().count("updateContact") <= 8
    desk.edit(name="Last word")
    assert desk.send() == 0
    with desk.hub.db.write() as session:
        conflicts.go_on(session, None, shared.id)
    desk.send()
    assert desk.shared()[0].frozen_at is None
    assert desk.there(dana)["name"] == desk.party().name


def test_many_deletions_at_once_wait_for_a_person(desk: Desk, google: GoogleSimulator) -> None:
    people = google.user(NOA).people
    names = [people.add("Person", f"No{number}", emails=[f"p{number}@people.example"]) for number in range(30)]
    desk.read()
    for name in names[:10]:
        people.delete(name)
    google.clock.advance(hours=1)
    desk.read()
    state = desk.state()
    assert (state.trouble, state.due_at) == ("brake", None)
    assert "10 of 30" in state.last_error
    assert all(link.gone_at is None for link in desk.links())
    with desk.hub.db.write() as session:
        account = session.get_one(Account, desk.account)
        assert vanishing.let_go(session, account, CONTACTS)
    desk.read()
    assert desk.state().trouble == ""
    with desk.hub.db.read() as session:
        assert session.scalar(select(func.count()).where(Link.gone_at.is_not(None))) == 10
    assert len(desk.parties()) == 30


# --- pages --------------------------------------------------------------------------------------------------------


def test_a_person_settles_differences_on_their_page(desk: Desk, dana: str, admin: Browser) -> None:
    assert "No contact was changed on both sides" in admin.get("/differences").text
    desk.edit(name="<b>Ours</b>")
    desk.at_google(dana, names=[{"givenName": "Theirs"}])
    desk.send()
    page = admin.get("/differences").text
    assert "&lt;b&gt;Ours&lt;/b&gt;" in page
    assert "Theirs" in page
    [row] = desk.conflicts()
    cards_page = admin.get("/connections").text
    assert "1 difference with the contacts" in cards_page
    with desk.hub.db.read() as session:
        account = session.get_one(Account, desk.account).public_id
    assert "Theirs" in admin.get(f"/differences?account={account}").text
    assert admin.post(f"/differences/{row.public_id}", choice="nobody").status_code == 422
    assert admin.post(f"/differences/{row.public_id}", choice="hub").status_code == 303
    assert admin.post(f"/differences/{row.public_id}", choice="remote").status_code == 422
    desk.send()
    assert desk.there(dana)["name"] == "<b>Ours</b>"
    assert "No contact was changed on both sides" in admin.get("/differences").text
    assert admin.get("/differences?account=nonsense").status_code == 404


def test_what_was_chosen_may_stay_so(desk: Desk, dana: str, admin: Browser) -> None:
    desk.edit(name="Ours")
    desk.at_google(dana, names=[{"givenName": "Theirs"}])
    desk.send()
    [row] = desk.conflicts()
    assert admin.post(f"/differences/{row.public_id}", choice="accept").status_code == 303
    [row] = desk.conflicts()
    assert (row.choice, row.settled_at is None) == ("remote", False)
    assert desk.send() == 0


def test_what_stands_still_or_is_refused_has_a_button(desk: Desk, dana: str, admin: Browser) -> None:
    with desk.hub.db.write() as session:
        session.execute(update(SharedRecord).values(frozen_at=now()))
    [shared] = desk.shared()
    assert "Contacts that stand still" in admin.get("/differences").text
    assert admin.post(f"/differences/frozen/{shared.id}").status_code == 303
    assert admin.post(f"/differences/frozen/{shared.id}").status_code == 404
    desk.send()
    desk.edit(name="Dana Cohen")
    with desk.hub.db.write() as session:
        session.execute(update(Outbox).values(state=OutboxState.REFUSED, last_error="Google: no <such> name"))
    page = admin.get("/differences").text
    assert "no &lt;such&gt; name" in page
    [*_, row] = desk.rows(Outbox)
    assert admin.post(f"/differences/refused/{row.id}", do="retry").status_code == 303
    desk.send()
    assert desk.there(dana)["name"] == "Dana Cohen"


def test_a_customer_is_added_to_ones_own_contacts_by_a_button(desk: Desk, app: Flask, admin: Browser) -> None:
    desk.read()
    with desk.hub.db.write() as session:
        party = parties.create(session, None, "person", "Jan Nowak", [Given("phone", PHONE)], region="IL")
        noa = session.scalars(select(User).where(User.email == NOA)).one()
        users.set_password(session, noa, PASSWORD)
    page = f"/customers/{party.public_id}"
    assert "Add to my contacts" not in admin.get(page).text  # of nobody's mailbox but one's own
    with desk.hub.db.read() as session:
        account = str(session.get_one(Account, desk.account).public_id)
    assert admin.post(f"{page}/contacts", account=account, stream=CONTACTS).status_code == 422
    browser = Browser(app)
    browser.sign_in(NOA)
    assert "Add to my contacts" in browser.get(page).text
    for _ in range(2):
        assert browser.post(f"{page}/contacts", account=account, stream=CONTACTS).status_code == 303
    assert "Is being added to the contacts of" in browser.get(page).text
    desk.send()
    assert len(cards(desk)) == 1
    assert "Add to my contacts" not in browser.get(page).text
    assert desk.rows(Outbox)[0].user_id == noa.id


def test_a_person_agrees_to_many_deletions_by_a_button(desk: Desk, google: GoogleSimulator, admin: Browser) -> None:
    people = google.user(NOA).people
    names = [people.add("Person", f"No{number}", emails=[f"p{number}@people.example"]) for number in range(8)]
    desk.read()
    for name in names[:6]:
        people.delete(name)
    google.clock.advance(hours=1)
    desk.read()
    with desk.hub.db.read() as session:
        page = f"/connections/{session.get_one(Account, desk.account).public_id}"
    assert "They may be gone" in admin.get(page).text
    assert admin.post(f"{page}/let-go", stream=CONTACTS).status_code == 303
    desk.read()
    assert desk.state().trouble == ""
    assert "They may be gone" not in admin.get(page).text
    assert admin.post(f"{page}/let-go", stream=CONTACTS).status_code == 404
