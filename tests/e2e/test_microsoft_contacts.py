"""Contacts of a simulated Microsoft 365, read and kept in step by a wired hub: customers, each once, wherever they lie."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connectors.google.simulator import GoogleSimulator
from connectors.microsoft.simulated.gateway import Exchange
from connectors.microsoft.simulated.people import AddressBook
from connectors.microsoft.simulator import MicrosoftSimulator
from hub import app as hub_app
from hub.connector.simulated.picture import square
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity import parties, photos, write_back
from hub.identity.models import (
    Conflict,
    ContactPhoto,
    Link,
    Party,
    PartyKind,
    PhotoState,
)
from hub.identity.parties import Given
from hub.intake import accounts, vanishing
from hub.intake.models import Account, FilteredRecord, RawRecord, StreamState
from hub.outbound.models import Outbox, OutboxState
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.work.lease import claim, new_owner
from tests.e2e.address_books import Killed, Writing, die
from tests.fakes.browser import Browser, signed_in

NOA, ADAM = "noa@acme.example", "adam@acme.example"
DANA, MOBILE, MOBILE_E164 = "dana@customer.example", "050-234-5678", "+972502345678"
PHONE, PHONE_E164, MAIL = "052-333-4444", "+972523334444", "dana@private.example"
BOOK = f"contacts:{NOA}"
CONTACTS = f"{BOOK}:contacts"
FACE, OTHER_FACE = square("dana"), square("dana in summer")


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = MicrosoftSimulator(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


class Desk(Writing):
    """A hub with a Microsoft account, read and written on demand."""

    def __init__(self, hub: Hub, microsoft: MicrosoftSimulator, **settings: Any) -> None:
        self.hub, self.microsoft = hub, microsoft
        self.calls: list[Exchange] = []
        microsoft.observe(self.calls.append)
        with hub.db.write() as session:
            users.add(session, NOA, "Noa", Role.AGENT)
        own = {
            "mail": False, "calendar": False, "timeout_s": 5, "contacts_back": True, "requests_per_minute": 60_000,
        }  # fmt: skip
        self.account = self.connect("microsoft", {**microsoft.settings(), **own, **settings})

    def connect(self, connector: str, values: dict[str, Any]) -> int:
        with self.hub.db.write() as session:
            account = accounts.create(session, self.hub.connectors[connector], self.hub.vault, connector, values)
            account.region = "IL"
            return account.id

    # --- the hub ----------------------------------------------------------------------------------------------------

    def make(self, name: str, *given: Given) -> int:
        """Make a customer who is to be in the address book, asked for twice."""
        with self.hub.db.write() as session:
            party = parties.create(session, None, "person", name, given, region="IL")
            for _ in range(2):
                write_back.add(session, party, self.account, BOOK, mailbox=NOA, user_id=None)
            return party.id

    def values(self, party: Party) -> list[str]:
        """The numbers and addresses that a party has now."""
        return sorted(super().values(party))

    def state(self, stream: str = CONTACTS) -> StreamState:
        [state] = [one for one in self.rows(StreamState) if one.stream == stream]
        assert isinstance(state, StreamState)
        return state

    def present(self) -> dict[str, bool]:
        """Which contacts there are, by their ids, as far as the hub knows."""
        return {link.remote_id: link.gone_at is None for link in self.rows(Link)}

    # --- Outlook ----------------------------------------------------------------------------------------------------

    @property
    def book(self) -> AddressBook:
        found = self.microsoft.user(NOA).contacts
        assert isinstance(found, AddressBook)
        return found

    def add_dana(self, **more: Any) -> str:
        fields: dict[str, Any] = {"emails": [DANA], "mobilePhone": MOBILE, "companyName": "Levi Ltd", **more}
        return self.book.add("Dana", "Levi", **fields)

    def in_outlook(self, name: str, **fields: Any) -> None:
        """Change a contact in Outlook, a while later."""
        self.microsoft.clock.advance(minutes=1)
        self.book.update(name, **fields)

    def there(self, name: str) -> dict[str, Any]:
        """What a contact says in Outlook."""
        body = self.book.find(name).body
        numbers = [body.get("mobilePhone"), *body.get("businessPhones", ()), *body.get("homePhones", ())]
        return {
            "name": body.get("displayName"),
            "company": body.get("companyName"),
            "phones": [one for one in numbers if one],
            "emails": [one["address"] for one in body.get("emailAddresses", ())],
        }

    def written(self) -> list[str]:
        """The writes that Graph got."""
        return [one.route.verb for one in self.calls if one.route.writes]


@pytest.fixture
def desk(hub: Hub, microsoft: MicrosoftSimulator) -> Desk:
    return Desk(hub, microsoft)


@pytest.fixture
def dana(desk: Desk) -> str:
    name = desk.add_dana()
    desk.read()
    return name


# --- reading ------------------------------------------------------------------------------------------------------


def test_contacts_become_customers_with_all_that_is_said_of_them(desk: Desk) -> None:
    desk.add_dana(
        phones=["03-612-3456"],
        jobTitle="Buyer",
        birthday="1604-05-17T00:00:00Z",
        businessHomePage="https://levi.example",
        personalNotes="Likes\nshort mails",
        businessAddress={"street": "1 Main St", "city": "Haifa"},
        categories=["Customers"],
    )
    desk.read()
    dana = desk.party()
    assert dana.name == "Dana Levi"
    assert desk.values(dana) == ["+97236123456", MOBILE_E164, DANA]
    assert {name: dana.fields[name] for name in ("job_title", "birthday", "notes", "groups", "given", "family")} == {
        "job_title": "Buyer", "birthday": "--05-17", "notes": "Likes\nshort mails", "groups": ["Customers"],
        "given": "Dana", "family": "Levi",
    }  # fmt: skip
    assert [one["value"] for one in dana.fields["urls"]] == ["https://levi.example"]
    assert dana.fields["addresses"] == [{"value": "1 Main St, Haifa", "label": "work"}]
    [company] = desk.parties(PartyKind.COMPANY)
    assert (company.name, dana.company_id) == ("Levi Ltd", company.id)
    assert desk.state().last_full_at is not None


def test_a_second_look_a_replay_and_a_pass_from_the_beginning_change_nothing(desk: Desk) -> None:
    work = desk.book.add_folder("Work")
    desk.add_dana()
    desk.book.add("Jan", "Nowak", emails=["jan@nowak.example"], companyName="Levi Ltd", folder=work)
    desk.read()
    before = desk.everything()
    desk.read()
    desk.replay()
    desk.forget_cursors()
    desk.read()
    assert (desk.state().epoch, desk.state(f"{BOOK}:{work}").epoch) == (2, 2)
    assert desk.everything() == before
    assert desk.send() == 0


def test_odd_contacts_are_taken_as_they_are(desk: Desk) -> None:
    add = desk.book.add
    add(companyName="Levi Ltd", phones=["03-612-3456"])
    add(phones=["054-111-2233"])
    add(emails=["eve@x.example", "EVE@x.example", "eve@x.example"])
    add()
    one = add("Dana", emails=[DANA])
    other = add("Ann", emails=["ann@x.example"], like=one)
    desk.read()
    [company] = desk.parties(PartyKind.COMPANY)
    assert (company.name, desk.values(company)) == ("Levi Ltd", ["+97236123456"])
    assert [party.name for party in desk.parties()] == ["054-111-2233", "eve@x.example", "Dana", "Ann"]
    assert {link.remote_id for link in desk.rows(Link)} >= {one, other}
    desk.book.delete(other)
    desk.read()
    assert (desk.present()[one], desk.present()[other]) == (True, False)


def test_an_update_follows_and_who_is_deleted_in_outlook_stays_a_customer(desk: Desk, dana: str) -> None:
    desk.in_outlook(dana, surname="Levi-Cohen", emailAddresses=[{"address": "dana@new.example"}])
    desk.read()
    assert (desk.party().name, desk.values(desk.party())) == ("Dana Levi-Cohen", [MOBILE_E164, "dana@new.example"])
    desk.book.throw_away(dana)
    desk.read()
    assert (desk.present(), desk.party().name) == ({dana: False}, "Dana Levi-Cohen")


def test_who_moves_from_folder_to_folder_is_the_same_and_never_gone(desk: Desk, dana: str) -> None:
    book, number = desk.book, desk.party().id
    work = book.add_folder("Work")
    inner = book.add_folder("Suppliers", work)
    for path in ([work], [inner], [book.default, work], [book.default], [work, book.default], [inner, work, inner]):
        for folder in path:
            book.move(dana, folder)
        for _ in range(2):
            desk.read()
            assert (desk.present(), desk.party().id) == ({dana: True}, number), path
        desk.in_outlook(dana, jobTitle=f"At {path}")
        desk.read()
        assert desk.party().fields["job_title"] == f"At {path}"
    desk.edit(name="Dana Cohen")  # what we write into a contact does not say that it is elsewhere
    assert desk.send() == 1
    desk.forget_cursors()
    desk.read_one(desk.account, CONTACTS, hub_app.reader(desk.hub))
    assert desk.present() == {dana: True}
    desk.read()
    assert (desk.present(), len(desk.rows(RawRecord))) == ({dana: True}, 1)
    book.throw_away(dana)
    desk.read()
    assert desk.present() == {dana: False}


@pytest.mark.parametrize("how", ["expire_cursor", "expire_cursor_location", "tokens"])
def test_a_dead_token_begins_anew_and_finds_what_was_missed(desk: Desk, dana: str, how: str) -> None:
    other = desk.book.add("Jan", "Nowak", emails=["jan@nowak.example"])
    desk.read()
    if how == "tokens":
        desk.book.expire_tokens()
    else:
        desk.microsoft.faults.add(how)
    desk.book.delete(other)
    desk.in_outlook(dana, mobilePhone="054-234-5678")
    desk.read()
    assert desk.state().epoch == 2
    assert desk.present() == {dana: True, other: False}
    assert desk.values(desk.parties()[0]) == ["+972542345678", DANA]


def test_only_who_has_a_wanted_category_is_a_customer(hub: Hub, microsoft: MicrosoftSimulator) -> None:
    desk = Desk(hub, microsoft, contact_categories="customers")
    dana = desk.add_dana(categories=["Customers"])
    friend = desk.book.add("Ola", "Friend", emails=["ola@x.example"], companyName="Club")
    desk.read()
    assert [party.name for party in desk.parties()] == ["Dana Levi"]
    assert [row.reason for row in desk.rows(FilteredRecord)] == ["category"]
    assert len(desk.rows(RawRecord)) == 1
    desk.set(contact_categories="")
    desk.read()
    assert [party.name for party in desk.parties()] == ["Dana Levi", "Ola Friend"]
    desk.set(contact_categories="Customers")
    desk.read()
    assert [party.name for party in desk.parties()] == ["Dana Levi"]
    assert [company.name for company in desk.parties(PartyKind.COMPANY)] == ["Levi Ltd"]
    desk.in_outlook(friend, categories=["Customers", "Red"])
    desk.in_outlook(dana, categories=[])
    desk.read()
    assert [party.name for party in desk.parties()] == ["Ola Friend"]
    assert list(desk.present()) == [friend]
    desk.make("Jan Nowak")
    desk.send()
    desk.read()
    assert [party.name for party in desk.parties()] == ["Ola Friend", "Jan Nowak"]


def test_many_deletions_at_once_wait_for_a_person(desk: Desk) -> None:
    work = desk.book.add_folder("Work")
    names = [desk.book.add("P", f"No{number}", emails=[f"p{number}@x.example"], folder=work) for number in range(30)]
    desk.read()
    for name in names[:10]:
        desk.book.throw_away(name)
    desk.read()
    stream = f"{BOOK}:{work}"
    assert desk.state(stream).trouble == "brake"
    assert all(desk.present().values())
    with desk.hub.db.write() as session:
        assert vanishing.let_go(session, session.get_one(Account, desk.account), stream)
    desk.read()
    assert desk.state(stream).trouble == ""
    assert [name for name, is_there in desk.present().items() if not is_there] == names[:10]


# --- writing ------------------------------------------------------------------------------------------------------


def test_a_first_connect_writes_nothing_although_much_differs(hub: Hub, microsoft: MicrosoftSimulator) -> None:
    with hub.db.write() as session:
        given = [Given("email", DANA), Given("phone", PHONE)]
        parties.create(session, None, "person", "Dana Levi-Cohen", given, region="IL")
    desk = Desk(hub, microsoft)
    name = desk.add_dana(folder=desk.book.add_folder("Work"))
    before = desk.book.find(name).body
    desk.read()
    assert (len(desk.rows(Link)), desk.party().name) == (1, "Dana Levi-Cohen")
    assert desk.send() == 0
    assert (desk.book.find(name).body, desk.written()) == (before, [])


@pytest.mark.parametrize("folder", ["", "Work"])
def test_what_a_person_changes_reaches_outlook_once_and_comes_back_as_an_echo(desk: Desk, folder: str) -> None:
    place = desk.book.add_folder(folder) if folder else ""
    foreign = {"spouseName": "Moshe", "nickName": "Dani", "assistantName": "Eve", "imAddresses": ["sip:dana"]}
    dana = desk.add_dana(folder=place, **foreign)
    desk.read()
    desk.edit(name="Dana Levi-Cohen", company="Cohen Ltd", job_title="Head of purchase")
    desk.say(PHONE)
    desk.say(MAIL)
    assert desk.send() > 0
    assert desk.there(dana) == {
        "name": "Dana Levi-Cohen", "company": "Cohen Ltd", "phones": [MOBILE, PHONE_E164], "emails": [DANA, MAIL],
    }  # fmt: skip
    body = desk.book.find(dana).body
    assert {name: body[name] for name in foreign} == foreign
    assert (body["givenName"], body["surname"], body["jobTitle"]) == ("Dana", "Levi-Cohen", "Head of purchase")
    assert desk.written() == ["PATCH"]
    before = desk.everything()
    for _ in range(2):
        desk.microsoft.clock.advance(minutes=10)
        desk.read()
        assert desk.send() == 0
    desk.forget_cursors()
    desk.read()
    assert (desk.send(), desk.written()) == (0, ["PATCH"])
    assert desk.everything() == before
    assert desk.rows(Conflict) == []


def test_both_changed_different_things_and_both_have_both(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    desk.say(PHONE)
    desk.in_outlook(dana, jobTitle="Boss", businessPhones=["03-612-3456"])
    desk.send()
    assert desk.there(dana)["name"] == "Dana Cohen"
    assert desk.there(dana)["phones"] == [MOBILE, "03-612-3456", PHONE_E164]
    party = desk.party()
    assert (party.name, party.fields["job_title"]) == ("Dana Cohen", "Boss")
    assert desk.values(party) == sorted([MOBILE_E164, PHONE_E164, "+97236123456", DANA])
    desk.read()
    assert desk.send() == 0
    assert desk.rows(Conflict) == []


@pytest.mark.parametrize("newer", ["hub", "remote"])
def test_both_changed_the_same_and_the_later_counts_visibly(desk: Desk, dana: str, newer: str) -> None:
    if newer == "hub":
        desk.microsoft.clock.advance(hours=-2)
        desk.book.update(dana, givenName="Theirs", surname=None)
        desk.edit(name="Ours")
    else:
        desk.edit(name="Ours")
        desk.in_outlook(dana, givenName="Theirs", surname=None)
    desk.send()
    won = "Ours" if newer == "hub" else "Theirs"
    assert (desk.party().name, desk.there(dana)["name"]) == (won, won)
    [row] = desk.rows(Conflict)
    assert (row.field, row.winner, row.ours, row.theirs) == ("name", newer, {"value": "Ours"}, {"value": "Theirs"})


def test_a_contact_that_changes_while_we_write_is_read_and_merged_again(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    waits: list[Callable[[], None]] = [lambda: desk.in_outlook(dana, mobilePhone=PHONE)]

    def meanwhile(call: Exchange) -> None:
        if waits and call.route.path.endswith("/contacts/{id}"):
            waits.pop()()

    desk.microsoft.observe(meanwhile)
    desk.send()
    assert (desk.there(dana)["name"], desk.there(dana)["phones"]) == ("Dana Cohen", [PHONE])
    assert desk.values(desk.party()) == [PHONE_E164, DANA]


def test_a_fourth_address_has_no_place_and_somebody_is_told(desk: Desk) -> None:
    name = desk.add_dana(emails=[DANA, "dana@two.example", "dana@three.example"])
    desk.read()
    desk.say(MAIL)
    desk.send()
    [row] = desk.rows(Outbox)
    assert row.state == OutboxState.REFUSED
    assert "at most three e-mail addresses" in row.last_error
    assert desk.written() == []
    desk.in_outlook(name, emailAddresses=[{"address": DANA}])
    desk.read()
    desk.send()
    assert desk.there(name)["emails"] == [DANA, MAIL]


def test_a_lost_answer_is_no_second_write(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    desk.microsoft.faults.add("commit_then_timeout")
    desk.send()
    desk.microsoft.faults.clear()
    assert desk.there(dana)["name"] == "Dana Cohen"
    desk.hurry()
    desk.send()
    desk.read()
    assert desk.send() == 0
    assert [row.state for row in desk.rows(Outbox)] == [OutboxState.SENT]
    assert (desk.written(), desk.party().name) == (["PATCH"], "Dana Cohen")


def test_a_worker_killed_after_its_write_is_followed_by_one_that_finds_it(
    desk: Desk, dana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.edit(name="Dana Cohen")
    with monkeypatch.context() as patch:
        patch.setattr(write_back.ContactKind, "sent", die)
        [lease] = desk.leases()
        with pytest.raises(Killed):
            hub_app.deliverer(desk.hub).deliver(lease)
    desk.read()
    desk.hurry()
    desk.send()
    desk.read()
    assert (desk.send(), desk.written(), desk.party().name) == (0, ["PATCH"], "Dana Cohen")
    assert desk.rows(Conflict) == []


def test_a_customer_becomes_a_contact_once(desk: Desk) -> None:
    desk.book.add_folder("Work")
    desk.read()
    number = desk.make("Jan Nowak", Given("email", "jan@nowak.example"), Given("phone", PHONE))
    assert desk.send() == 1
    [contact] = desk.book.contacts.values()
    name = contact.immutable_id
    assert contact.folder == desk.book.default
    assert desk.there(name) == {
        "name": "Jan Nowak", "company": None, "phones": [PHONE_E164], "emails": ["jan@nowak.example"],
    }  # fmt: skip
    assert (contact.body["surname"], contact.body["mobilePhone"]) == ("Nowak", PHONE_E164)
    desk.read()
    assert (desk.send(), [party.id for party in desk.parties()]) == (0, [number])
    desk.edit(name="Jan Kowalski")
    desk.send()
    assert desk.there(name)["name"] == "Jan Kowalski"
    desk.in_outlook(name, emailAddresses=[])
    desk.read()
    assert desk.values(desk.party()) == [PHONE_E164]
    assert desk.written() == ["POST", "PATCH"]


@pytest.mark.parametrize("seen_first", [True, False])
def test_a_contact_whose_making_was_not_answered_is_found_and_not_made_again(desk: Desk, seen_first: bool) -> None:
    desk.read()
    number = desk.make("Jan Nowak")  # nothing but a name: nobody would know it again
    desk.microsoft.faults.add("commit_then_timeout")
    desk.send()
    desk.microsoft.faults.clear()
    assert len(desk.book.contacts) == 1
    if seen_first:
        desk.read()
        assert [party.id for party in desk.parties()] == [number]
    desk.hurry()
    desk.send()
    desk.read()
    assert len(desk.book.contacts) == 1
    assert ([party.id for party in desk.parties()], len(desk.rows(Link))) == ([number], 1)
    assert [row.state for row in desk.rows(Outbox)] == [OutboxState.SENT]


def test_a_contact_that_was_deleted_there_is_let_go_and_never_deleted_by_us(desk: Desk, dana: str) -> None:
    desk.edit(name="Dana Cohen")
    desk.book.throw_away(dana)
    desk.send()
    assert [row.state for row in desk.rows(Outbox)] == [OutboxState.SENT]
    assert desk.present() == {dana: False}
    assert desk.written() == []


def test_the_folders_of_a_mailbox_are_one_address_book_on_the_page(desk: Desk) -> None:
    desk.book.add_folder("Work")
    desk.read()
    with desk.hub.db.write() as session:
        party = parties.create(session, None, "person", "Jan Nowak", [Given("phone", PHONE)], region="IL")
        account = str(session.get_one(Account, desk.account).public_id)
    browser, page = signed_in(desk.hub, NOA), f"/customers/{party.public_id}"
    assert browser.get(page).text.count("Add to my contacts") == 1
    assert browser.post(f"{page}/contacts", account=account, stream=BOOK).status_code == 303
    desk.send()
    assert len(desk.book.contacts) == 1
    assert "Add to my contacts" not in browser.get(page).text


# --- the same people at Google ------------------------------------------------------------------------------------


def test_who_is_in_both_address_books_is_one_customer_and_both_follow(desk: Desk, google: GoogleSimulator) -> None:
    dana = desk.add_dana()
    person = google.user(NOA).people.add("Dana", "Levi", emails=[DANA], phones=[MOBILE])
    values = {**google.settings(), "mail": False, "calendar": False, "timeout_s": 5, "contacts_back": True}
    desk.connect("google", values)
    desk.read()
    assert (len(desk.rows(Link)), desk.party().name, desk.send()) == (2, "Dana Levi", 0)
    google.clock.advance(minutes=1)
    google.user(NOA).people.update(person, phoneNumbers=[{"value": MOBILE}, {"value": PHONE}])
    google.clock.advance(hours=1)
    desk.read()
    desk.send()
    assert desk.there(dana)["phones"] == [MOBILE, PHONE_E164]
    desk.microsoft.clock.advance(hours=1)
    desk.in_outlook(dana, surname="Cohen")
    desk.read()
    desk.send()
    assert google.user(NOA).people.contact(person).body["names"][0]["displayName"] == "Dana Cohen"
    google.clock.advance(hours=1)
    desk.read()
    assert (desk.send(), desk.party().name, desk.written()) == (0, "Dana Cohen", ["PATCH"])


# --- pictures -----------------------------------------------------------------------------------------------------


class Gallery:
    """A worker that fetches pictures, run by hand."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._hub = desk, desk.hub

    def work(self) -> int:
        """Do what a worker does until nothing is due; returns how many tries that were."""
        for tries in range(50):
            with self._hub.db.write() as session:
                leases = claim(
                    session, ContactPhoto, photos.due(), owner=new_owner(), lease_s=60, limit=1,
                    order_by=photos.first(), counted=True,
                )  # fmt: skip
            if not leases:
                return tries
            hub_app.photo_fetcher(self._hub).fetch(leases[0])
        raise AssertionError("there is always more to do")

    def shown(self) -> bytes | None:
        """What a browser gets to see of the only customer."""
        answer = self.browser().get(f"/customers/{self._desk.party().public_id}/photo")
        assert answer.status_code in {200, 404}
        return answer.data if answer.status_code == 200 else None

    def browser(self) -> Browser:
        return signed_in(self._hub, NOA)


@pytest.fixture
def gallery(desk: Desk) -> Gallery:
    return Gallery(desk)


def test_a_picture_is_fetched_with_our_access_and_follows_its_contact(desk: Desk, gallery: Gallery) -> None:
    dana = desk.add_dana(photo=FACE)
    desk.read()
    assert (gallery.work(), gallery.shown()) == (1, FACE)
    page = gallery.browser().get(f"/customers/{desk.party().public_id}").text
    assert desk.microsoft.world.base_url not in page
    version = desk.party().version
    desk.book.put_up(dana, OTHER_FACE)
    desk.read()
    assert (gallery.shown(), gallery.work(), gallery.shown()) == (FACE, 1, OTHER_FACE)
    desk.book.put_up(dana, b"")
    desk.read()
    assert (gallery.work(), gallery.shown()) == (1, None)
    assert desk.party().version == version  # whoever edits the customer is not in the way


def test_who_has_no_picture_is_asked_for_once_for_each_change(desk: Desk, dana: str, gallery: Gallery) -> None:
    assert (gallery.work(), gallery.shown()) == (1, None)
    [row] = desk.rows(ContactPhoto)
    assert (row.state, row.due_at) == (PhotoState.GONE, None)
    desk.read()
    desk.forget_cursors()
    desk.read()
    desk.replay()
    assert gallery.work() == 0
    desk.in_outlook(dana, jobTitle="Buyer")
    desk.read()
    assert gallery.work() == 1
    asked = [one for one in desk.calls if one.route.path.endswith("/photo/$value")]
    assert len(asked) == 2


def test_what_is_no_picture_is_not_shown(desk: Desk, gallery: Gallery) -> None:
    desk.add_dana(photo=b"<svg onload=alert(1)>")
    desk.read()
    assert (gallery.work(), gallery.shown()) == (1, None)
    [row] = desk.rows(ContactPhoto)
    assert row.state == PhotoState.REFUSED


def test_a_picture_waits_while_microsoft_is_away(desk: Desk, gallery: Gallery) -> None:
    desk.add_dana(photo=FACE)
    desk.read()
    desk.microsoft.faults.add("unavailable")
    assert gallery.work() == 1
    desk.microsoft.faults.clear()
    [row] = desk.rows(ContactPhoto)
    assert row.state == PhotoState.PENDING
    with desk.hub.db.write() as session:
        session.execute(update(ContactPhoto).values(due_at=now()))
        assert session.scalar(select(func.count()).select_from(ContactPhoto)) == 1
    assert (gallery.work(), gallery.shown()) == (1, FACE)


def test_a_contact_in_outlook_without_a_picture_does_not_hide_that_of_google(
    desk: Desk, google: GoogleSimulator, gallery: Gallery
) -> None:
    google.user(NOA).people.add("Dana", "Levi", emails=[DANA], phones=[MOBILE], photo=FACE)
    desk.connect("google", {**google.settings(), "mail": False, "calendar": False, "timeout_s": 5})
    desk.add_dana()
    desk.read()
    assert (gallery.work(), len(desk.rows(Link))) == (2, 2)
    assert gallery.shown() == FACE
