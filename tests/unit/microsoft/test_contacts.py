"""Contacts of a simulated mailbox, read and written by the connector alone: what it asks for, and what it makes of it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.microsoft import contacts, contacts_writer, photos
from connectors.microsoft.client import Client
from connectors.microsoft.contacts import ANYWHERE, HOME, ContactStream
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.simulated.gateway import Exchange
from connectors.microsoft.simulated.people import AddressBook
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Faults
from hub.connector.stream import Change, Cursor, Filtered, Gone, Left, Phase, Upsert
from hub.errors import ConflictError, CursorExpired, GoneError, RejectedError, RetryLaterError

NOA = "noa@acme.example"


class Open:
    """Tools of a connector that nobody limits (`hub.connector.stream.Tools`)."""

    def __init__(self, access: Callable[[], str]) -> None:
        self._access = access

    def spend(self, *_: object) -> None: ...

    def limited(self, *_: object) -> None: ...

    def access_token(self, *_: object, **__: object) -> str:
        return self._access()


@pytest.fixture(scope="module")
def running() -> Iterator[MicrosoftSimulator]:
    simulator = MicrosoftSimulator(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def microsoft(running: MicrosoftSimulator) -> Iterator[MicrosoftSimulator]:
    running.user(NOA).contacts = AddressBook(running.user(NOA))
    running.page(0)
    running.throttle.forget()
    yield running
    running.faults.clear()


@pytest.fixture
def book(microsoft: MicrosoftSimulator) -> AddressBook:
    found: AddressBook = microsoft.user(NOA).contacts
    return found


@pytest.fixture
def asked(microsoft: MicrosoftSimulator) -> Iterator[list[Exchange]]:
    """The calls that Graph gets."""
    found: list[Exchange] = []
    microsoft.observe(found.append)
    yield found
    microsoft._gateway.observers.remove(found.append)


def open_client(microsoft: MicrosoftSimulator, **settings: Any) -> Client:
    values = {**microsoft.settings(), "timeout_s": 5, **settings}
    tools: Any = Open(lambda: microsoft.oauth.access(NOA))
    return Client(MicrosoftSettings.model_validate(values), tools, NOA)


def open_stream(microsoft: MicrosoftSimulator, container: str = HOME, **settings: Any) -> ContactStream:
    return contacts.stream(open_client(microsoft, **settings), container)


def whole(stream: ContactStream, cursor: Cursor) -> tuple[list[Change], Cursor]:
    """Read to the end of a round."""
    found: list[Change] = []
    for _ in range(50):
        page = stream.pull(cursor)
        found += page.changes
        cursor = page.next
        if not page.more:
            return found, cursor
    raise AssertionError("the round has no end")


def upserts(changes: Sequence[Change]) -> dict[str, dict[str, Any]]:
    return {one.remote_id: one.payload for one in changes if isinstance(one, Upsert)}


# --- reading ------------------------------------------------------------------------------------------------------


def test_first_all_of_a_folder_then_what_changed(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    microsoft.page(2)
    names = [book.add(f"Eve{number}", emails=[f"eve{number}@x.example"]) for number in range(5)]
    stream = open_stream(microsoft)
    changes, cursor = whole(stream, stream.begin())
    assert list(upserts(changes)) == names
    assert (cursor.phase, bool(cursor.token), cursor.page) == (Phase.INCREMENTAL, True, "")
    assert whole(stream, cursor)[0] == []
    etag = book.update(names[1], jobTitle="Buyer")
    changes, _ = whole(stream, cursor)
    [change] = changes
    assert isinstance(change, Upsert)
    assert (change.remote_id, change.version, change.payload["jobTitle"]) == (names[1], etag, "Buyer")


def test_a_contact_reads_the_same_however_it_is_asked_for(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    name = book.add("Dana", "Levi", emails=["dana@x.example"])
    stream = open_stream(microsoft)
    [listed], _ = whole(stream, stream.begin())
    assert list(stream.find([name])) == [listed]
    writer = contacts_writer.writer(open_client(microsoft, contacts_back=True), f"contacts:{NOA}")
    assert isinstance(listed, Upsert)
    written = writer.update(name, {"name": "Dana Levi"}, version=listed.version, key="k")
    assert (written.payload, written.version) == (listed.payload, listed.version)


def test_only_immutable_ids_are_used(microsoft: MicrosoftSimulator, book: AddressBook, asked: list[Exchange]) -> None:
    name = book.add("Dana")
    stream = open_stream(microsoft)
    assert list(upserts(whole(stream, stream.begin())[0])) == [name]
    stream.find([name])
    assert {one.headers.get("prefer", "").partition(",")[0] for one in asked} == {'IdType="ImmutableId"'}


def test_ids_that_differ_in_case_alone_are_two(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    one = book.add("Dana", emails=["dana@x.example"])
    other = book.add("Eve", emails=["eve@x.example"], like=one)
    assert one != other
    assert one.casefold() == other.casefold()
    stream = open_stream(microsoft)
    found = stream.find([one, other])
    assert [upserts(found)[name]["givenName"] for name in (one, other)] == ["Dana", "Eve"]
    book.delete(other)
    assert [type(change) for change in stream.find([one, other])] == [Upsert, Gone]


@pytest.mark.parametrize("fault", ["empty_page", "replay_page", "same_twice", "reorder_page"])
def test_a_page_that_comes_oddly_says_the_same(microsoft: MicrosoftSimulator, book: AddressBook, fault: str) -> None:
    names = [book.add(f"Eve{number}") for number in range(5)]
    microsoft.page(2)
    microsoft.faults.add(fault)
    stream = open_stream(microsoft)
    changes, _ = whole(stream, stream.begin())
    assert sorted(upserts(changes)) == sorted(names)


def test_a_forgotten_token_begins_anew(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    book.add("Dana")
    stream = open_stream(microsoft)
    _, cursor = whole(stream, stream.begin())
    book.expire_tokens()
    with pytest.raises(CursorExpired):
        stream.pull(cursor)


def test_a_contact_that_is_told_of_in_part_is_asked_for(
    microsoft: MicrosoftSimulator, book: AddressBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, gone = book.add("Dana", "Levi"), book.add("Eve")
    stream = open_stream(microsoft)
    [_, _], cursor = whole(stream, stream.begin())
    book.update(name, jobTitle="Buyer")
    book.delete(gone)
    entries = [{"id": name, "jobTitle": "Buyer"}, {"id": gone, "jobTitle": "Boss"}]
    told = {"value": entries, "@odata.deltaLink": cursor.token}
    real = Client.get
    monkeypatch.setattr(
        Client, "get", lambda self, path, *a, **k: told if "delta" in path else real(self, path, *a, **k)
    )
    changes = stream.pull(cursor).changes
    assert [type(one) for one in changes] == [Gone, Upsert]
    assert (upserts(changes)[name]["displayName"], upserts(changes)[name]["jobTitle"]) == ("Dana Levi", "Buyer")


# --- folders ------------------------------------------------------------------------------------------------------


def test_each_folder_is_a_stream_however_deep(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    work = book.add_folder("Work")
    inner = book.add_folder("Suppliers", work)
    listed = contacts.streams(open_client(microsoft))
    assert [(one.container, one.title) for one in listed] == [
        (HOME, f"Contacts of {NOA}"),
        (work, f"Contacts (Work) of {NOA}"),
        (inner, f"Contacts (Suppliers) of {NOA}"),
    ]
    assert {one.key for one in listed} == {f"contacts:{NOA}:{one.container}" for one in listed}
    assert {one.records for one in listed} == {f"contacts:{NOA}"}
    names = [book.add("Dana", folder=folder) for folder in (book.default, work, inner)]
    assert [list(upserts(whole(one, one.begin())[0])) for one in listed] == [[name] for name in names]
    assert [one.present(datetime.now(UTC)) for one in listed] == [{name} for name in names]


def test_without_contacts_nothing_is_asked(microsoft: MicrosoftSimulator, asked: list[Exchange]) -> None:
    assert contacts.streams(open_client(microsoft, contacts=False)) == []
    assert asked == []


def test_who_is_moved_left_and_who_is_deleted_is_gone(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    work = book.add_folder("Work")
    moved, thrown, deleted, back = (book.add(one) for one in ("Dana", "Eve", "Ann", "Max"))
    stream, other = open_stream(microsoft), open_stream(microsoft, work)
    _, cursor = whole(stream, stream.begin())
    book.move(moved, work)
    book.throw_away(thrown)
    book.delete(deleted)
    book.move(back, work)
    book.move(back, book.default)
    changes, _ = whole(stream, cursor)
    left = [one.remote_id for one in changes if isinstance(one, Left)]
    assert {moved, thrown, deleted} <= set(left) <= {moved, thrown, deleted, back}
    proven = {one.remote_id: one for one in stream.find([moved, thrown, deleted, back])}
    assert [type(proven[one]) for one in (moved, thrown, deleted, back)] == [Upsert, Gone, Gone, Upsert]
    assert [proven[one].container for one in (moved, back)] == [other.key, ""]  # type: ignore[union-attr]  # as above
    assert [type(one) for one in other.find([moved])] == [Upsert]
    anywhere = open_stream(microsoft, ANYWHERE)
    assert [type(one) for one in anywhere.find([moved, thrown, back])] == [Upsert, Gone, Upsert]
    assert anywhere.key == anywhere.records


def test_a_folder_that_is_no_more_is_no_stream(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    work = book.add_folder("Work")
    stream = open_stream(microsoft, work)
    _, cursor = whole(stream, stream.begin())
    book.delete_folder(work)
    for place, error in ((cursor, CursorExpired), (stream.begin(), GoneError)):  # a link may also just have died
        with pytest.raises(error):
            stream.pull(place)


# --- categories ---------------------------------------------------------------------------------------------------


def test_only_who_has_a_wanted_category_comes(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    dana, eve = book.add("Dana", categories=["CUSTOMERS", "x"]), book.add("Eve", categories=["Friends"])
    ann = book.add("Ann")
    stream = open_stream(microsoft, contact_categories="customers\nSuppliers")
    assert stream.asked != open_stream(microsoft).asked
    changes, cursor = whole(stream, stream.begin())
    assert [Filtered(one, "category") in changes for one in (dana, eve, ann)] == [False, True, True]
    assert list(upserts(changes)) == [dana]
    assert stream.present(datetime.now(UTC)) == {dana}
    book.update(dana, categories=[])
    book.update(eve, categories=["Suppliers"])
    changes, _ = whole(stream, cursor)
    assert Filtered(dana, "category") in changes
    assert list(upserts(changes)) == [eve]
    assert [type(one) for one in stream.find([dana, eve])] == [Filtered, Upsert]


# --- writing ------------------------------------------------------------------------------------------------------


def open_writer(microsoft: MicrosoftSimulator, records: str = f"contacts:{NOA}", **settings: Any) -> Any:
    return contacts_writer.writer(open_client(microsoft, contacts_back=True, **settings), records)


DANA = {"name": "Dana Levi", "emails": [{"value": "dana@x.example", "label": ""}], "again": False, "unseen": False}


def test_what_is_made_says_by_which_write(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    written = open_writer(microsoft).create(DANA, key="contact:new:1")
    contact = book.find(written.remote_id)
    assert (contact.etag, contact.folder) == (written.version, book.default)
    stream = open_stream(microsoft, contacts_back=True)
    payload = upserts(whole(stream, stream.begin())[0])[written.remote_id]
    assert [one["value"] for one in payload["singleValueExtendedProperties"]] == ["contact:new:1"]


def test_old_contacts_are_not_asked_who_made_them(
    microsoft: MicrosoftSimulator, book: AddressBook, asked: list[Exchange]
) -> None:
    name = book.add("Dana")
    book.find(name).created = datetime(2020, 1, 1, tzinfo=UTC)
    stream = open_stream(microsoft, contacts_back=True)
    assert list(upserts(whole(stream, stream.begin())[0])) == [name]
    assert len(asked) == 1


def test_an_answer_that_was_lost_makes_nobody_twice(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    writer = open_writer(microsoft)
    microsoft.faults.add("commit_then_timeout")
    with pytest.raises(RetryLaterError):
        writer.create(DANA, key="contact:new:o'hara")
    found = writer.create({**DANA, "again": True, "unseen": True}, key="contact:new:o'hara")
    assert [one.immutable_id for one in book.contacts.values()] == [found.remote_id]


def test_what_may_be_about_to_be_made_is_waited_for(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    writer = open_writer(microsoft)
    with pytest.raises(RetryLaterError):
        writer.create({**DANA, "again": True, "unseen": True}, key="k")
    assert not book.contacts
    writer.create({**DANA, "again": True, "unseen": False}, key="k")
    assert len(book.contacts) == 1


def test_one_that_is_made_is_one_of_those_that_are_wanted(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    work = book.add_folder("Work")
    settings = {"contact_categories": "Customers\nSuppliers"}
    writer = open_writer(microsoft, f"contacts:{NOA}:{work}", **settings)
    name = writer.create(DANA, key="k").remote_id
    stream = open_stream(microsoft, work, **settings)
    assert list(upserts(whole(stream, stream.begin())[0])) == [name]
    assert book.find(name).body["categories"] == ["Customers"]


def test_a_change_touches_nothing_else(microsoft: MicrosoftSimulator, book: AddressBook, asked: list[Exchange]) -> None:
    name = book.add("Dana", "Levi", phones=["1"], emails=["dana@x.example"], spouseName="Max", categories=["Red"])
    before = book.find(name).body
    version = book.find(name).etag
    values = {"phones": [{"value": "1", "label": ""}, {"value": "2", "label": "mobile"}]}
    written = open_writer(microsoft).update(name, values, version=version, key="k")
    assert book.find(name).body == {**before, "mobilePhone": "2"}
    assert (written.version, written.version != version) == (book.find(name).etag, True)
    [patch] = [one for one in asked if one.route.verb == "PATCH"]
    assert (patch.body, patch.headers["if-match"]) == ({"mobilePhone": "2"}, version)


def test_somebody_elses_change_meanwhile_is_not_overwritten(
    microsoft: MicrosoftSimulator, book: AddressBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = book.add("Dana", "Levi")
    version, writer = book.find(name).etag, open_writer(microsoft)
    stale = writer.client.get(contacts.path_of(name))
    book.update(name, jobTitle="Buyer")
    with pytest.raises(ConflictError):
        writer.update(name, {"job_title": "Boss"}, version=version, key="k")
    monkeypatch.setattr(Client, "get", lambda *_: stale)  # it changes between our look and our write
    with pytest.raises(ConflictError):
        writer.update(name, {"job_title": "Boss"}, version=version, key="k")
    assert book.find(name).body["jobTitle"] == "Buyer"


def test_who_is_gone_is_said_to_be(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    name = book.add("Dana")
    version = book.find(name).etag
    book.delete(name)
    with pytest.raises(GoneError):
        open_writer(microsoft).update(name, {"name": "Eve"}, version=version, key="k")


def test_nobody_is_ever_deleted(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    name = book.add("Dana")
    with pytest.raises(RejectedError, match="never deleted"):
        open_writer(microsoft).delete(name, version=book.find(name).etag, key="k")
    assert name in book.contacts


@pytest.mark.parametrize(
    ("settings", "records"),
    [
        ({"contacts_back": False}, f"contacts:{NOA}"),
        ({"contacts_back": True, "contacts": False}, f"contacts:{NOA}"),
        ({"contacts_back": True, "address": "adam@acme.example"}, f"contacts:{NOA}"),
    ],
)
def test_nobody_writes_where_the_settings_do_not_let_him(
    microsoft: MicrosoftSimulator, settings: dict[str, Any], records: str
) -> None:
    with pytest.raises(RejectedError):
        contacts_writer.writer(open_client(microsoft, **settings), records)


# --- pictures -----------------------------------------------------------------------------------------------------


def test_a_picture_is_where_its_contact_says(microsoft: MicrosoftSimulator, book: AddressBook) -> None:
    with_one, without = book.add("Dana", photo=b"\x89PNG face"), book.add("Eve")
    stream = open_stream(microsoft)
    found = upserts(whole(stream, stream.begin())[0])
    settings, client = stream.client.settings, stream.client

    def fetch(name: str) -> bytes:
        return photos.photo(settings, lambda _: client, str(found[name][photos.ADDRESS]), largest=100)

    assert fetch(with_one) == b"\x89PNG face"
    with pytest.raises(GoneError):
        fetch(without)
    before = found[with_one][photos.ADDRESS]
    book.put_up(with_one, b"\x89PNG other")
    assert upserts(stream.find([with_one]))[with_one][photos.ADDRESS] != before
