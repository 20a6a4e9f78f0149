"""Outlook mail as the simulator plays it: what Graph's reference says, and what its users found out."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.microsoft.simulated.bulk import fill
from connectors.microsoft.simulated.gateway import Gateway
from connectors.microsoft.simulated.mailbox import Mailbox
from connectors.microsoft.simulated.world import World
from hub.connector.simulated.mime import Attachment
from hub.connector.simulated.wire import Request
from hub.connector.simulator import Faults
from tests.unit.microsoft_simulator.graph_types import wrong_exchange

NOA, ADAM = "noa@acme.example", "adam@acme.example"
CUSTOMER = "Dana Cohen <dana@customer.example>"
IMMUTABLE = 'IdType="ImmutableId"'
HUB = "String {66F5A359-4659-4830-9070-00047EC6AC6E} Name hub"
Json = dict[str, Any]


@dataclass
class Told:
    """One answer."""

    status: int
    content: bytes
    content_type: str

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.content)
        return found

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Office:
    """Graph as Noa's client asks it."""

    def __init__(self, world: World) -> None:
        self.world, self.gateway = world, Gateway(world)
        self.token = world.oauth.access(NOA)

    def ask(
        self, path: str, query: Mapping[str, str] | None = None, *, verb: str = "GET", body: Any = None,
        kind: str = "application/json", prefer: str = IMMUTABLE, headers: Mapping[str, str] | None = None,
    ) -> Told:  # fmt: skip
        url = urlsplit(path)
        sent = {"authorization": f"Bearer {self.token}", "prefer": prefer, **(headers or {})}
        sent = {name: value for name, value in sent.items() if value}
        content = body if isinstance(body, bytes) else (json.dumps(body).encode() if body is not None else b"")
        if content:
            sent["content-type"] = kind
        pairs = [*parse_qsl(url.query, keep_blank_values=True), *(query or {}).items()]
        whole = url.path if url.path.startswith("/v1.0/") else f"/v1.0/me{url.path}"
        answer = self.gateway.handle(Request(verb, whole, pairs, sent, content))
        return Told(answer.status, answer.body, answer.content_type)

    def get(self, path: str, query: Mapping[str, str] | None = None, prefer: str = IMMUTABLE) -> Json:
        told = self.ask(path, query, prefer=prefer)
        assert told.status == 200, told.content
        return told.json

    def post(self, path: str, body: Any = None, kind: str = "application/json") -> Told:
        return self.ask(path, verb="POST", body=body if body is not None else {}, kind=kind)

    def patch(self, path: str, body: Json, if_match: str = "") -> Told:
        return self.ask(path, verb="PATCH", body=body, headers={"if-match": if_match} if if_match else {})

    def listed(self, path: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Every item of a listing, page by page."""
        page = self.get(path, query)
        found: list[Json] = list(page["value"])
        while "@odata.nextLink" in page:
            page = self.get(page["@odata.nextLink"])
            found += page["value"]
        return found

    def round(
        self, link: str, query: Mapping[str, str] | None = None, prefer: str = IMMUTABLE
    ) -> tuple[list[Json], str]:
        """A whole round of changes, and the link to the next."""
        page = self.get(link, query, prefer)
        found: list[Json] = list(page["value"])
        while "@odata.nextLink" in page:
            page = self.get(page["@odata.nextLink"], prefer=prefer)
            found += page["value"]
        return found, str(page["@odata.deltaLink"])


@pytest.fixture
def world() -> World:
    world = World(Faults())
    world.base_url = "https://127.0.0.1:1"
    world.clock.set(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
    world.clock.freeze()
    world.add_user(NOA, "Noa Levi")
    world.add_user(ADAM, "Adam Nowak")
    return world


@pytest.fixture
def office(world: World) -> Iterator[Office]:
    """Every JSON answer is checked against the published types."""
    wrong: list[str] = []
    office = Office(world)
    office.gateway.observers.append(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    yield office
    assert not wrong


@pytest.fixture
def mail(world: World) -> Mailbox:
    box: Mailbox = world.users[NOA].mail
    return box


def _ids(items: list[Json]) -> list[str]:
    return [one["id"] for one in items]


def _removed(items: list[Json]) -> set[str]:
    return {one["id"] for one in items if "@removed" in one}


# -- one message ----------------------------------------------------------------------------------------------------------


def test_a_mail_is_told_as_the_reference_shows_it(office: Office, mail: Mailbox) -> None:
    sent = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    came = mail.receive(
        from_=CUSTOMER, to=[f"Noa <{NOA}>"], cc=["Adam <Adam.Nowak@Acme.example>"], subject="Offer", body="One\nTwo", at=sent,
        headers={"Reply-To": "sales@customer.example"},
    )  # fmt: skip
    told = office.get(f"/messages/{came.key}")
    assert (
        told["from"] == told["sender"] == {"emailAddress": {"name": "Dana Cohen", "address": "dana@customer.example"}}
    )
    assert told["ccRecipients"] == [{"emailAddress": {"name": "Adam", "address": "Adam.Nowak@Acme.example"}}]
    assert told["replyTo"][0]["emailAddress"]["address"] == "sales@customer.example"
    assert (told["receivedDateTime"], told["sentDateTime"]) == ("2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z")
    assert (told["isRead"], told["isDraft"], told["importance"]) == (False, False, "normal")
    assert told["body"]["contentType"] == "html"
    assert "One<br>" in told["body"]["content"]
    assert told["bodyPreview"] == "One Two"
    assert told["parentFolderId"] == mail.folder("inbox").id
    assert told["@odata.etag"] == f'W/"{told["changeKey"]}"'
    assert "internetMessageHeaders" not in told
    assert "uniqueBody" not in told


def test_text_is_answered_where_it_is_preferred_and_scripts_only_then(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x", body="plain", html="<p>rich</p><script>alert(1)</script>")
    text = office.get(f"/messages/{came.key}", prefer='outlook.body-content-type="text"')
    assert text["body"] == {"contentType": "text", "content": "plain\r\n"}
    assert "alert" not in office.get(f"/messages/{came.key}")["body"]["content"]
    unsafe = office.get(f"/messages/{came.key}", prefer="outlook.allow-unsafe-html")
    assert "alert" in unsafe["body"]["content"]


def test_headers_are_told_of_mail_that_came_and_not_of_mail_that_was_sent(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x", headers={"List-Id": "<l.example>", "In-Reply-To": "<a@b.example>"})
    sent = mail.send(to=CUSTOMER, subject="y", headers={"In-Reply-To": "<a@b.example>"})
    select = {"$select": "internetMessageHeaders"}
    names = {one["name"] for one in office.get(f"/messages/{came.key}", select)["internetMessageHeaders"]}
    assert {"List-Id", "In-Reply-To", "Subject"} <= names
    assert not names & {"From", "To", "Cc"}
    assert "internetMessageHeaders" not in office.get(f"/messages/{sent.key}", select)
    assert b"In-Reply-To: <a@b.example>" in office.ask(f"/messages/{sent.key}/$value").content
    expand = {"$select": "subject", "$expand": "singleValueExtendedProperties($filter=id eq 'String 0x1042')"}
    told = office.get(f"/messages/{sent.key}", expand)
    assert told["singleValueExtendedProperties"] == [{"id": "String 0x1042", "value": "<a@b.example>"}]


def test_the_bytes_of_a_mail_are_as_they_came(office: Office, mail: Mailbox) -> None:
    raw = b"From: dana@customer.example\r\nTo: noa@acme.example\r\nSubject: \xe9\xff\r\n\r\nb\x00dy\r\n"
    assert office.ask(f"/messages/{mail.receive(raw).key}/$value").content == raw


def test_a_mail_without_a_sender_is_told_without_one(office: Office, mail: Mailbox) -> None:
    odd = mail.insert(b"Subject: import\r\n\r\nold\r\n")
    told = office.get(f"/messages/{odd.key}")
    assert "from" not in told
    assert "sender" not in told
    assert told["internetMessageId"] is None
    assert told["toRecipients"] == []


def test_only_known_properties_can_be_selected(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    told = office.get(f"/messages/{came.key}", {"$select": "subject,isRead"})
    assert set(told) == {"@odata.context", "@odata.etag", "id", "subject", "isRead"}
    refused = office.ask(f"/messages/{came.key}", {"$select": "sensitivity"})
    assert (refused.status, refused.code) == (400, "RequestBroker--ParseUri")


@pytest.mark.parametrize(
    ("header", "value"), [("", "0"), ("Personal", "1"), ("Private", "2"), ("Company-Confidential", "3")]
)
def test_sensitivity_is_an_extended_property(office: Office, mail: Mailbox, header: str, value: str) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x", headers={"Sensitivity": header} if header else {})
    expand = {"$expand": "singleValueExtendedProperties($filter=id eq 'Integer 0x0036')"}
    told = office.get(f"/messages/{came.key}", expand)
    # It is written in another way than it was asked for.
    assert told["singleValueExtendedProperties"] == [{"id": "Integer 0x36", "value": value}]


def test_an_invitation_says_by_its_type_what_it_is(office: Office, mail: Mailbox) -> None:
    raw = (
        b"From: dana@customer.example\r\nTo: noa@acme.example\r\nSubject: Talk\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    )
    came = mail.receive(raw)
    told = office.get(f"/messages/{came.key}", {"$select": "subject"})
    assert told["@odata.type"] == "#microsoft.graph.eventMessageRequest"
    assert office.get(f"/messages/{came.key}")["meetingMessageType"] == "meetingRequest"


# -- ids ----------------------------------------------------------------------------------------------------------------


def test_a_move_changes_the_id_and_not_the_immutable_one(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    regular = office.get(f"/messages/{came.key}", prefer="")["id"]
    assert regular != came.key
    moved = office.post(f"/messages/{came.key}/move", {"destinationId": "archive"})
    assert (moved.status, moved.json["id"]) == (201, came.key)
    assert office.ask(f"/messages/{regular}").status == 404
    again = office.get(f"/messages/{came.key}", prefer="")
    assert again["id"] != regular
    assert again["parentFolderId"] == mail.folder("archive").id


def test_two_ids_may_differ_in_the_case_of_a_letter_only(office: Office, mail: Mailbox) -> None:
    first = mail.receive(from_=CUSTOMER, subject="first")
    second = mail.receive(from_=CUSTOMER, subject="second", like=first)
    assert first.key != second.key
    assert first.key.lower() == second.key.lower()
    assert first.id.lower() == second.id.lower()
    assert office.get(f"/messages/{first.key}")["subject"] == "first"
    assert office.get(f"/messages/{second.key}")["subject"] == "second"


def test_answers_share_the_conversation(mail: Mailbox) -> None:
    first = mail.receive(from_=CUSTOMER, subject="x", message_id="<1@c.example>")
    answer = mail.send(to=CUSTOMER, subject="Re: x", headers={"In-Reply-To": "<1@c.example>"})
    other = mail.receive(from_=CUSTOMER, subject="x")
    assert answer.conversation_id == first.conversation_id != other.conversation_id
    assert len(first.conversation_index) == 22
    assert len(answer.conversation_index) == 27


# -- folders --------------------------------------------------------------------------------------------------------------


def test_folders_are_listed_without_hidden_ones_and_found_by_well_known_names(office: Office, mail: Mailbox) -> None:
    shown = {one["displayName"] for one in office.listed("/mailFolders")}
    hidden = {one["displayName"] for one in office.listed("/mailFolders", {"includeHiddenFolders": "true"})}
    assert {"Inbox", "Sent Items", "Deleted Items", "Drafts", "Junk Email", "Archive", "Outbox"} <= shown
    assert hidden - shown == {"Conversation Action Settings"}
    assert office.get("/mailFolders/Inbox")["id"] == mail.folder("inbox").id
    assert office.get("/mailFolders('sentitems')")["displayName"] == "Sent Items"
    assert office.ask("/mailFolders/nowhere").code == "ErrorItemNotFound"
    named = office.listed("/mailFolders", {"$filter": "displayName eq 'drafts'"})
    assert _ids(named) == [mail.folder("drafts").id]
    assert office.ask("/mailFolders", {"$filter": "isHidden eq true"}).status == 400


def test_folders_are_made_nested_renamed_and_removed(office: Office, mail: Mailbox) -> None:
    own = office.post("/mailFolders", {"displayName": "Customers"}).json
    inner = office.post(f"/mailFolders/{own['id']}/childFolders", {"displayName": "Acme"}).json
    assert inner["parentFolderId"] == own["id"]
    assert office.get(f"/mailFolders/{own['id']}")["childFolderCount"] == 1
    assert office.post("/mailFolders", {"displayName": "customers"}).code == "ErrorFolderExists"
    came = mail.receive(from_=CUSTOMER, subject="x", folder=inner["id"])
    assert office.ask(f"/mailFolders/{own['id']}", verb="DELETE").status == 204
    assert office.ask(f"/mailFolders/{inner['id']}").status == 404
    assert came.folder is mail.folder("recoverableitemsdeletions")
    assert office.ask("/mailFolders/inbox", verb="DELETE").code == "ErrorDeleteDistinguishedFolder"


def test_a_folder_is_not_moved_into_itself_and_no_two_there_have_one_name(office: Office, mail: Mailbox) -> None:
    outer, other = mail.new_folder("Outer"), mail.new_folder("Other")
    inner = mail.new_folder("Inner", outer.id)
    for target in (outer, inner):
        refused = office.post(f"/mailFolders/{outer.id}/move", {"destinationId": target.id})
        assert (refused.status, refused.code) == (400, "ErrorMoveCopyFailed")
    moved = office.post(f"/mailFolders/{inner.id}/move", {"DestinationId": other.id})
    assert moved.json["parentFolderId"] == other.id
    mail.new_folder("inner")
    assert office.post(f"/mailFolders/{inner.id}/move", {"destinationId": "msgfolderroot"}).code == "ErrorFolderExists"
    assert office.patch(f"/mailFolders/{outer.id}", {"displayName": "OTHER"}).code == "ErrorFolderExists"
    assert office.patch(f"/mailFolders/{outer.id}", {"displayName": "OUTER"}).json["displayName"] == "OUTER"


def test_folder_rounds_are_flat_and_do_not_tell_of_messages(office: Office, mail: Mailbox) -> None:
    own = mail.new_folder("Customers")
    inner = mail.new_folder("Acme", own.id)
    first, link = office.round("/mailFolders/delta", {"$select": "displayName"})
    assert {own.id, inner.id, mail.folder("inbox").id} <= set(_ids(first))
    mail.receive(from_=CUSTOMER, subject="x", folder=inner.id)
    assert office.round(link)[0] == []
    mail.rename_folder(inner.id, "Beta")
    mail.delete_folder(own.id)
    second, _ = office.round(link)
    assert _removed(second) == {own.id, inner.id}


# -- rounds of changes ------------------------------------------------------------------------------------------------------


def _round(office: Office, folder: str = "inbox", **query: str) -> tuple[list[Json], str]:
    return office.round(f"/mailFolders/{folder}/messages/delta", query)


def test_a_first_round_has_everything_page_by_page_and_the_next_what_is_new(office: Office, mail: Mailbox) -> None:
    keys = {mail.receive(from_=CUSTOMER, subject=str(number)).key for number in range(25)}
    page = office.get(
        "/mailFolders/inbox/messages/delta", {"$select": "subject"}, prefer=f"{IMMUTABLE}, odata.maxpagesize=10"
    )
    assert len(page["value"]) == 10
    assert page["value"][0]["@odata.type"] == "#microsoft.graph.message"
    items, link = _round(office, **{"$select": "subject"})
    assert set(_ids(items)) == keys
    new = mail.receive(from_=CUSTOMER, subject="new")
    later, again = office.round(link)
    assert [(one["id"], one["subject"]) for one in later] == [(new.key, "new")]
    assert "body" not in later[0]
    assert office.round(again)[0] == []


def test_a_move_is_told_as_removed_in_one_folder_and_as_there_in_the_other(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    _, inbox = _round(office)
    _, archive = _round(office, "archive")
    mail.move(came.key, "archive")
    assert office.round(inbox)[0] == [{"id": came.key, "@removed": {"reason": "deleted"}}]
    assert [one["subject"] for one in office.round(archive)[0]] == ["x"]
    assert office.get(f"/messages/{came.key}")["parentFolderId"] == mail.folder("archive").id


def test_a_move_is_told_by_the_ids_that_were_asked_for(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    before = came.id
    _, link = office.round("/mailFolders/inbox/messages/delta", prefer="")
    mail.move(came.key, "archive")
    assert _removed(office.round(link, prefer="")[0]) == {before}
    assert _removed(office.round(link)[0]) == {came.key}


def test_moved_and_moved_back_is_told_as_there_or_with_the_fault_as_removed_for_ever(
    office: Office, mail: Mailbox
) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    _, link = _round(office)
    mail.move(came.key, "archive")
    mail.move(came.key, "inbox")
    assert _removed(office.round(link)[0]) == set()
    office.world.faults.add("moved_back_lost")
    mail.move(came.key, "junkemail")
    mail.move(came.key, "inbox")
    told, following = office.round(link)
    assert _removed(told) == {came.key}
    assert office.round(following)[0] == []
    assert came.key in _ids(_round(office)[0])


def test_with_the_fault_whoever_heard_of_the_leaving_hears_of_the_return(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    _, link = _round(office)
    mail.move(came.key, "archive")
    _, between = office.round(link)
    office.world.faults.add("moved_back_lost")
    mail.move(came.key, "inbox")
    assert _ids(office.round(between)[0]) == [came.key]
    assert _removed(office.round(between)[0]) == set()


def test_with_another_fault_a_move_is_told_only_where_it_came_from(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    _, inbox = _round(office)
    _, archive = _round(office, "archive")
    office.world.faults.add("moved_unseen")
    mail.move(came.key, "archive")
    assert _removed(office.round(inbox)[0]) == {came.key}
    assert office.round(archive)[0] == []
    assert _ids(_round(office, "archive")[0]) == [came.key]


def test_a_mark_is_told_alone_and_only_where_it_is_selected(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    _, everything = _round(office)
    _, some = _round(office, **{"$select": "subject,isRead,parentFolderId"})
    _, none = _round(office, **{"$select": "subject"})
    modified = office.get(f"/messages/{came.key}")["lastModifiedDateTime"]
    office.world.clock.advance(minutes=30)
    mail.read(came.key)
    assert set(office.round(everything)[0][0]) == {"@odata.type", "@odata.etag", "id", "isRead", "parentFolderId"}
    assert "subject" not in office.round(some)[0][0]
    assert office.round(none)[0] == []
    assert office.get(f"/messages/{came.key}")["lastModifiedDateTime"] == modified
    mail.categorise(came.key, "Private")
    assert office.round(everything)[0][0]["categories"] == ["Private"]
    mail.partial_updates = False
    assert office.round(everything)[0][0]["subject"] == "x"


def test_a_change_of_words_is_told_whole(office: Office, mail: Mailbox) -> None:
    draft = mail.draft(b"Subject: one\r\n\r\n")
    _, link = _round(office, "drafts")
    office.patch(f"/messages/{draft.key}", {"subject": "two"})
    assert office.round(link)[0][0]["subject"] == "two"
    assert "body" in office.round(link)[0][0]


@pytest.mark.parametrize(("kind", "expected"), [("created", {"new"}), ("updated", {"read"}), ("deleted", {"gone"})])
def test_a_round_can_be_of_one_kind_of_change(office: Office, mail: Mailbox, kind: str, expected: set[str]) -> None:
    keys = {name: mail.receive(from_=CUSTOMER, subject=name).key for name in ("read", "gone")}
    first, link = _round(office, changeType=kind)
    assert bool(first) is (kind != "deleted")
    keys["new"] = mail.receive(from_=CUSTOMER, subject="new").key
    mail.read(keys["read"])
    mail.delete(keys["gone"])
    assert {name for name, key in keys.items() if key in _ids(office.round(link)[0])} == expected


def test_a_round_takes_one_filter_only_and_then_shows_no_more_than_it_may(office: Office, mail: Mailbox) -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    for number in range(10):
        mail.receive(from_=CUSTOMER, subject=str(number), at=day + timedelta(days=number))
    since, _ = _round(office, **{"$filter": "receivedDateTime ge 2026-11-04T00:00:00Z"})
    assert {one["subject"] for one in since} == {"3", "4", "5", "6", "7", "8", "9"}
    mail.filter_cap = 2
    capped, link = _round(office, **{"$filter": "receivedDateTime ge 2026-11-04T00:00:00Z"})
    assert {one["subject"] for one in capped} == {"8", "9"}
    mail.receive(from_=CUSTOMER, subject="later")
    assert [one["subject"] for one in office.round(link)[0]] == ["later"]
    refused = office.ask("/mailFolders/inbox/messages/delta", {"$filter": "isRead eq false"})
    assert (refused.status, refused.code) == (400, "ErrorInvalidUrlQueryFilter")
    assert office.ask("/mailFolders/inbox/messages/delta", {"$search": '"x"'}).status == 400


def test_with_the_fault_a_first_round_tells_of_what_was_removed_before(office: Office, mail: Mailbox) -> None:
    gone, here = mail.receive(from_=CUSTOMER, subject="x"), mail.receive(from_=CUSTOMER, subject="y")
    mail.delete(gone.key)
    assert _removed(_round(office)[0]) == set()
    office.world.faults.add("removed_at_first")
    items, _ = _round(office)
    assert (_removed(items), set(_ids(items))) == ({gone.key}, {gone.key, here.key})


def test_a_token_of_before_is_refused(office: Office, mail: Mailbox) -> None:
    mail.receive(from_=CUSTOMER, subject="x")
    _, link = _round(office)
    mail.expire()
    refused = office.ask(link)
    assert (refused.status, refused.code) == (410, "syncStateNotFound")
    assert len(_round(office)[0]) == 1


@pytest.mark.parametrize("fault", ["empty_page", "replay_page", "reorder_page", "same_twice"])
def test_odd_pages_lose_nothing(office: Office, mail: Mailbox, fault: str) -> None:
    keys = {mail.receive(from_=CUSTOMER, subject=str(number)).key for number in range(15)}
    office.world.page_size = 4
    office.world.faults.add(f"{fault}=3")
    assert set(_ids(_round(office)[0])) == keys
    office.world.faults.add(f"{fault}=3")
    assert set(_ids(office.listed("/messages", {"$filter": "isRead eq false"}))) == keys


def test_an_endless_listing_never_ends(office: Office, mail: Mailbox) -> None:
    mail.receive(from_=CUSTOMER, subject="x")
    office.world.faults.add("endless_page")
    link = office.get("/messages")["@odata.nextLink"]
    assert office.get(link)["@odata.nextLink"] == link


_DOINGS = st.lists(
    st.tuples(st.sampled_from(["receive", "read", "move", "trash", "delete", "round"]), st.integers(0, 9))
)


@settings(max_examples=60, deadline=None)
@given(_DOINGS)
def test_whoever_follows_the_rounds_knows_what_is_in_each_folder(doings: list[tuple[str, int]]) -> None:
    world = World(Faults())
    world.base_url = "https://127.0.0.1:1"
    mail: Mailbox = world.add_user(NOA, "Noa Levi").mail
    office, known, links = Office(world), {"inbox": set[str](), "archive": set[str]()}, dict[str, str]()

    def follow() -> None:
        for name, keys in known.items():
            items, links[name] = office.round(links.get(name, f"/mailFolders/{name}/messages/delta"))
            for one in items:
                keys.discard(one["id"]) if "@removed" in one else keys.add(one["id"])

    for doing, number in [*doings, ("round", 0)]:
        keys = list(mail.messages)
        if doing == "receive":
            mail.receive(from_=CUSTOMER, subject="x")
        elif doing == "round":
            follow()
        elif keys:
            key = keys[number % len(keys)]
            if doing == "move":
                mail.move(key, "archive" if number % 2 else "inbox")
            else:
                getattr(mail, doing)(key)
    for name, found in known.items():
        assert found == {one.key for one in mail.inside(mail.folder(name))}


# -- listings -------------------------------------------------------------------------------------------------------------


def test_listings_are_newest_first_with_links_that_keep_what_was_asked(office: Office, mail: Mailbox) -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    for number in range(12):
        mail.receive(from_=CUSTOMER, subject=str(number), at=day + timedelta(days=number))
    page = office.get("/messages", {"$select": "subject", "$count": "true", "$top": "5"})
    assert [one["subject"] for one in page["value"]] == ["11", "10", "9", "8", "7"]
    assert page["@odata.count"] == 12
    assert set(page["value"][0]) == {"@odata.etag", "id", "subject"}
    assert [one["subject"] for one in office.listed("/messages", {"$select": "subject", "$top": "5"})][-1] == "0"
    assert len(office.get("/messages")["value"]) == 10
    assert office.ask("/messages", {"$top": "0"}).status == 400
    assert office.ask("/messages", {"$skip": "x"}).status == 400


def test_deleted_items_are_listed_and_what_was_deleted_from_there_is_not(office: Office, mail: Mailbox) -> None:
    trashed, deleted = mail.receive(from_=CUSTOMER, subject="a"), mail.receive(from_=CUSTOMER, subject="b")
    mail.trash(trashed.key)
    assert office.ask(f"/messages/{deleted.key}", verb="DELETE").status == 204
    assert _ids(office.listed("/messages")) == [trashed.key]
    # Whoever knows its immutable id still reaches it.
    assert office.get(f"/messages/{deleted.key}")["parentFolderId"] == mail.folder("recoverableitemsdeletions").id
    assert office.post(f"/messages/{deleted.key}/permanentDelete").status == 204
    assert office.ask(f"/messages/{deleted.key}").code == "ErrorItemNotFound"


FILTERS = [
    ("receivedDateTime ge 2026-11-02T00:00:00Z", "bc"),
    ("receivedDateTime gt 2026-11-01T00:00:00Z and receivedDateTime lt 2026-11-03T00:00:00Z", "b"),
    ("internetMessageId eq '<A@C.example>'", "a"),
    ("from/emailAddress/address eq 'DANA@customer.example'", "ab"),
    ("not (from/emailAddress/address eq 'dana@customer.example')", "c"),
    ("isRead eq true or subject eq 'a'", "ac"),
    ("startswith(subject,'b')", "b"),
    ("contains(subject, 'o''c')", ""),
    ("categories/any(c:c eq 'private')", "b"),
    ("categories/any(c:c ne 'private')", ""),
    (f"singleValueExtendedProperties/Any(ep: ep/id eq '{HUB}' and ep/value eq 'X1')", "c"),
    (f"singleValueExtendedProperties/any(ep:ep/id eq '{HUB}' and ep/value eq 'x2')", ""),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS)
def test_messages_are_found_by_filter(office: Office, mail: Mailbox, text: str, expected: str) -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    mail.receive(from_=CUSTOMER, subject="a", at=day, message_id="<a@c.example>")
    second = mail.receive(from_=CUSTOMER, subject="b", at=day + timedelta(days=1))
    third = mail.receive(from_="Other <o@other.example>", subject="c", at=day + timedelta(days=2))
    mail.categorise(second.key, "Private")
    mail.read(third.key)
    mail.extend(third.key, [{"id": HUB, "value": "x1"}])
    assert sorted(one["subject"] for one in office.listed("/messages", {"$filter": text})) == sorted(expected)


@pytest.mark.parametrize(
    "text", ["isRead", "isRead eq", "nothing eq 1", "isRead eq true)", "(isRead eq true", "isRead ge 'x'", "'"]
)
def test_a_filter_that_makes_no_sense_is_refused(office: Office, mail: Mailbox, text: str) -> None:
    mail.receive(from_=CUSTOMER, subject="a")
    assert office.ask("/messages", {"$filter": text}).status == 400


def test_what_sorts_must_stand_first_in_the_filter(office: Office) -> None:
    order = {"$orderby": "receivedDateTime desc"}
    refused = office.ask("/messages", {"$filter": "isRead eq true", **order})
    assert (refused.status, refused.code) == (400, "InefficientFilter")
    office.get("/messages", {"$filter": "receivedDateTime ge 2026-01-01T00:00:00Z and isRead eq true", **order})


SEARCHES = [
    ('"participants:dana@customer.example"', "ab"),
    ('"participants:dana@customer.example OR participants:o@other.example"', "abc"),
    ('"from:dana"', "a"),
    ('"to:dana@customer.example AND NOT subject:a"', "b"),
    ('"(participants:customer.example OR participants:nobody@x.example) subject:b"', "b"),
    ('"received>=2026-11-03"', "c"),
    ('"sent<2026-11-02"', "a"),
    ('"received:11/02/2026"', ""),
    ('"pizza"', "c"),
    ('"\\"pizza\\""', "c"),
]


@pytest.mark.parametrize(("text", "expected"), SEARCHES)
def test_messages_are_found_by_search(office: Office, mail: Mailbox, text: str, expected: str) -> None:
    day = datetime(2026, 11, 1, 12, tzinfo=UTC)
    mail.receive(from_=CUSTOMER, subject="a", at=day)
    mail.send(to=CUSTOMER, subject="b")
    mail.receive(from_="Other <o@other.example>", subject="c", body="Pizza!", at=day + timedelta(days=2))
    found = [one["subject"] for one in office.listed("/messages", {"$search": text})]
    assert sorted(found) == sorted(expected) or (text == '"received>=2026-11-03"' and sorted(found) == ["b", "c"])


def test_a_search_stands_in_quotes_and_alone_and_finds_no_more_than_it_may(office: Office, mail: Mailbox) -> None:
    for number in range(5):
        mail.receive(from_=CUSTOMER, subject=str(number))
    assert office.ask("/messages", {"$search": "participants:dana"}).status == 400
    filtered = office.ask("/messages", {"$search": '"x"', "$filter": "isRead eq true"})
    assert (filtered.status, filtered.code) == (400, "SearchWithFilter")
    assert office.ask("/messages", {"$search": '"x"', "$orderby": "subject"}).code == "SearchWithOrderBy"
    mail.search_cap = 3
    assert len(office.listed("/messages", {"$search": '"from:dana@customer.example"', "$top": "2"})) == 3


# -- changes by the caller --------------------------------------------------------------------------------------------------


def test_marks_are_changed_and_words_of_what_came_are_not(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    told = office.patch(
        f"/messages/{came.key}", {"isRead": True, "categories": ["Red"], "flag": {"flagStatus": "flagged"}, "importance": "high"},
    ).json  # fmt: skip
    assert (told["isRead"], told["categories"], told["importance"]) == (True, ["Red"], "high")
    assert told["flag"] == {"flagStatus": "flagged"}
    refused = office.patch(f"/messages/{came.key}", {"subject": "y"})
    assert (refused.status, refused.code) == (400, "ErrorInvalidPropertySet")
    assert office.patch(f"/messages/{came.key}", {"isRead": "yes"}).code == "RequestBodyRead"


def test_a_change_of_an_older_state_is_refused(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    before = came.etag
    mail.categorise(came.key, "Red")
    body: Json = {"categories": []}
    assert office.patch(f"/messages/{came.key}", body, if_match=before).status == 412
    assert office.patch(f"/messages/{came.key}", body, if_match=came.etag).status == 200


def test_a_copy_is_another_message(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    copied = office.post(f"/messages/{came.key}/copy", {"destinationId": "archive"}).json
    assert copied["id"] != came.key
    assert copied["internetMessageId"] == came.envelope.message_id
    assert len(mail.messages) == 2


# -- attachments ------------------------------------------------------------------------------------------------------------


def test_attachments_are_listed_and_read(office: Office, mail: Mailbox) -> None:
    png, pdf = Attachment("logo.png", b"\x89PNG", "image/png", "<logo@x>"), Attachment("offer.pdf", b"%PDF-1", "")
    came = mail.receive(from_=CUSTOMER, subject="x", body="t", html="<img src='cid:logo@x'>", attachments=[png, pdf])
    assert office.get(f"/messages/{came.key}")["hasAttachments"] is True
    found = office.get(f"/messages/{came.key}/attachments", {"$select": "id,name,size,isInline"})["value"]
    assert [(one["name"], one["isInline"]) for one in found] == [("logo.png", True), ("offer.pdf", False)]
    assert "contentBytes" not in found[0]
    assert found[1]["size"] > len(pdf.content)  # it counts more than the bytes
    whole = office.get(f"/messages/{came.key}/attachments/{found[1]['id']}")
    assert base64.b64decode(whole["contentBytes"]) == pdf.content
    raw = office.ask(f"/messages/{came.key}/attachments/{found[1]['id']}/$value")
    assert (raw.content, raw.content_type) == (b"%PDF-1", "application/pdf")
    typed = {"$select": "name,microsoft.graph.fileAttachment/contentId"}
    assert office.get(f"/messages/{came.key}/attachments", typed)["value"][0]["contentId"] == "logo@x"
    assert office.ask(f"/messages/{came.key}/attachments", {"$select": "contentId"}).code == "RequestBroker--ParseUri"
    assert office.ask(f"/messages/{came.key}/attachments/{found[1]['id'][:-4]}AAA=").status == 404


def test_what_is_only_shown_in_the_text_is_no_attachment_of_the_message(office: Office, mail: Mailbox) -> None:
    png = Attachment("logo.png", b"\x89PNG", "image/png", "<logo@x>")
    came = mail.receive(from_=CUSTOMER, subject="x", html="<img src='cid:logo@x'>", attachments=[png])
    assert office.get(f"/messages/{came.key}")["hasAttachments"] is False
    assert len(office.get(f"/messages/{came.key}/attachments")["value"]) == 1


def test_attachments_come_with_the_message_where_they_are_expanded(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x", attachments=[Attachment("a.txt", b"text", "text/plain")])
    expand = {
        "$expand": "singleValueExtendedProperties($filter=id eq 'Integer 0x36' or id eq 'String 0x1a'),"
        "attachments($select=name,microsoft.graph.fileAttachment/contentId)"
    }
    told = office.get(f"/messages/{came.key}", expand)
    assert [set(one) for one in told["attachments"]] == [{"@odata.type", "id", "name", "contentId"}]
    assert {one["id"]: one["value"] for one in told["singleValueExtendedProperties"]} == {
        "Integer 0x36": "0", "String 0x1a": "IPM.Note",
    }  # fmt: skip
    # A round does not look at what is selected inside.
    assert "contentBytes" in office.round("/mailFolders/inbox/messages/delta", expand)[0][0]["attachments"][0]


def test_a_mail_inside_a_mail_is_an_item(office: Office, mail: Mailbox) -> None:
    raw = (
        b'From: d@c.example\r\nSubject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"From: e@c.example\r\nSubject: inner\r\n\r\ntext\r\n--b--\r\n"
    )
    came = mail.receive(raw)
    one = office.get(f"/messages/{came.key}/attachments")["value"][0]
    assert (one["@odata.type"], one["name"]) == ("#microsoft.graph.itemAttachment", "inner")
    assert b"Subject: inner" in office.ask(f"/messages/{came.key}/attachments/{one['id']}/$value").content


# -- writing ----------------------------------------------------------------------------------------------------------------


def _draft(**facts: Any) -> Json:
    return {
        "subject": "Offer", "body": {"contentType": "html", "content": "<p>100</p>"},
        "toRecipients": [{"emailAddress": {"address": "dana@customer.example", "name": "Dana"}}], **facts,
    }  # fmt: skip


def test_a_draft_is_made_changed_and_sent_and_keeps_its_immutable_id(office: Office, mail: Mailbox) -> None:
    extended = [{"id": HUB, "value": "outbox-7"}]
    made = office.post("/messages", _draft(singleValueExtendedProperties=extended))
    draft = made.json
    assert (made.status, draft["isDraft"], draft["isRead"]) == (201, True, True)
    assert draft["parentFolderId"] == mail.folder("drafts").id
    office.patch(f"/messages/{draft['id']}", {"subject": "Better offer", "ccRecipients": []})
    regular = mail.message(draft["id"]).id
    assert office.post(f"/messages/{draft['id']}/send").status == 202
    sent = office.get(f"/messages/{draft['id']}")
    assert (sent["isDraft"], sent["subject"]) == (False, "Better offer")
    assert sent["parentFolderId"] == mail.folder("sentitems").id
    assert sent["internetMessageId"] == draft["internetMessageId"]
    assert office.ask(f"/messages/{regular}").status == 404
    lookup = f"singleValueExtendedProperties/Any(ep: ep/id eq '{HUB}' and ep/value eq 'outbox-7')"
    assert _ids(office.listed("/messages", {"$filter": lookup})) == [draft["id"]]
    post = office.world.sent[0]
    assert (post.by, post.recipients) == (NOA, ("dana@customer.example",))
    assert message_from_bytes(post.raw)["Subject"] == "Better offer"
    assert office.post(f"/messages/{draft['id']}/send").status == 400


def test_what_is_sent_is_nowhere_for_a_moment(office: Office, mail: Mailbox) -> None:
    mail.send_delay_s = 5
    draft = office.post("/messages", _draft()).json
    office.post(f"/messages/{draft['id']}/send")
    assert office.ask(f"/messages/{draft['id']}").status == 404
    assert len(office.world.sent) == 1
    office.world.clock.advance(seconds=6)
    assert office.get(f"/messages/{draft['id']}")["parentFolderId"] == mail.folder("sentitems").id


def test_with_the_fault_what_was_sent_has_another_id_and_is_found_by_its_message_id(office: Office) -> None:
    office.world.faults.add("sent_new_id")
    draft = office.post("/messages", _draft()).json
    office.post(f"/messages/{draft['id']}/send")
    assert office.ask(f"/messages/{draft['id']}").status == 404
    found = office.listed("/messages", {"$filter": f"internetMessageId eq '{draft['internetMessageId']}'"})
    assert len(found) == 1
    assert found[0]["id"] != draft["id"]


def test_a_draft_of_mime_is_kept_as_it_is(office: Office, mail: Mailbox) -> None:
    raw = (
        b"From: noa@acme.example\r\nTo: dana@customer.example\r\nBcc: adam@acme.example\r\nSubject: x\r\n"
        b"Message-ID: <own@hub.example>\r\nIn-Reply-To: <a@c.example>\r\nX-Hub: 1\r\n\r\nText\r\n"
    )
    made = office.post("/messages", base64.encodebytes(raw), "text/plain")
    assert made.status == 201
    assert office.ask(f"/messages/{made.json['id']}/$value").content == raw
    office.post(f"/messages/{made.json['id']}/send")
    sent = office.get(f"/messages/{made.json['id']}")
    assert sent["internetMessageId"] == "<own@hub.example>"
    assert sent["bccRecipients"][0]["emailAddress"]["address"] == ADAM
    adam: Mailbox = office.world.users[ADAM].mail
    (copy,) = adam.inside(adam.folder("inbox"))
    assert b"Bcc" not in copy.raw
    assert b"X-Hub: 1" in copy.raw
    broken = office.post("/messages", b"not base64!", "text/plain")
    assert (broken.status, broken.code) == (400, "ErrorMimeContentInvalidBase64String")


def test_only_headers_of_ones_own_can_be_set_by_json(office: Office) -> None:
    refused = office.post("/messages", _draft(internetMessageHeaders=[{"name": "In-Reply-To", "value": "<a@b>"}]))
    assert (refused.status, refused.code) == (400, "InvalidInternetMessageHeader")
    made = office.post("/messages", _draft(internetMessageHeaders=[{"name": "X-Hub", "value": "7"}])).json
    assert b"X-Hub: 7" in office.ask(f"/messages/{made['id']}/$value").content


def test_a_draft_that_would_break_out_of_its_header_is_refused(office: Office) -> None:
    assert office.post("/messages", _draft(subject="a\r\nBcc: x@y.example")).status == 400
    assert office.post("/messages", _draft(toRecipients=[{"emailAddress": {}}])).code == "ErrorInvalidRecipients"


def test_mail_is_sent_at_once_and_saved_unless_told(office: Office, mail: Mailbox) -> None:
    assert office.post("/sendMail", {"message": _draft(), "saveToSentItems": "false"}).status == 202
    assert mail.messages == {}
    assert (
        office.post("/sendMail", {"message": _draft(toRecipients=[{"emailAddress": {"address": ADAM}}])}).status == 202
    )
    (sent,) = mail.messages.values()
    assert sent.folder is mail.folder("sentitems")
    adam: Mailbox = office.world.users[ADAM].mail
    (came,) = adam.inside(adam.folder("inbox"))
    assert came.envelope.message_id == sent.envelope.message_id
    raw = base64.b64encode(b"To: dana@customer.example\r\nSubject: y\r\n\r\nx\r\n")
    assert office.post("/sendMail", raw, "text/plain").status == 202
    assert message_from_bytes(office.world.sent[-1].raw)["From"] == "Noa Levi <noa@acme.example>"
    nobody = office.post("/sendMail", {"message": {"subject": "x"}})
    assert (nobody.status, nobody.code) == (400, "ErrorInvalidRecipients")
    odd = office.post("/sendMail", {"message": _draft(singleValueExtendedProperties=[{"id": "x", "value": "1"}])})
    assert (odd.status, odd.code) == (400, "ErrorInvalidProperty")
    assert not mail.inside(mail.folder("outbox"))


def test_an_answer_goes_to_whoever_wants_it_in_the_conversation(office: Office, mail: Mailbox) -> None:
    came = mail.receive(
        from_=CUSTOMER, to=[NOA, "Eve <eve@other.example>"], cc=["Kim <kim@other.example>"], subject="Question",
        body="How much?", message_id="<q@c.example>", headers={"References": "<p@c.example>"},
    )  # fmt: skip
    made = office.post(f"/messages/{came.key}/createReply", {"comment": "100 <EUR>"})
    reply = made.json
    assert (made.status, reply["subject"], reply["isDraft"]) == (201, "RE: Question", True)
    assert [one["emailAddress"]["address"] for one in reply["toRecipients"]] == ["dana@customer.example"]
    assert reply["conversationId"] == office.get(f"/messages/{came.key}")["conversationId"]
    assert "100 &lt;EUR&gt;" in reply["body"]["content"]
    assert "How much?" in reply["body"]["content"]
    unique = office.get(f"/messages/{reply['id']}", {"$select": "uniqueBody"})["uniqueBody"]["content"]
    assert "How much?" not in unique
    raw = message_from_bytes(office.ask(f"/messages/{reply['id']}/$value").content)
    assert (raw["In-Reply-To"], raw["References"]) == ("<q@c.example>", "<p@c.example> <q@c.example>")
    to_all = office.post(f"/messages/{came.key}/createReplyAll").json
    assert [one["emailAddress"]["address"] for one in to_all["toRecipients"]] == [
        "dana@customer.example",
        "eve@other.example",
    ]
    assert [one["emailAddress"]["address"] for one in to_all["ccRecipients"]] == ["kim@other.example"]
    assert office.post(f"/messages/{came.key}/createReply", {"comment": "a", "message": {"body": {}}}).status == 400
    assert office.post(f"/messages/{came.key}/reply", {"comment": "at once"}).status == 202
    assert len(office.world.sent) == 1


def test_an_answer_of_mime_is_put_into_the_conversation(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="Question", message_id="<q@c.example>")
    raw = base64.b64encode(b"To: dana@customer.example\r\nSubject: Re: Question\r\n\r\nText\r\n")
    reply = office.post(f"/messages/{came.key}/createReply", raw, "text/plain").json
    assert reply["conversationId"] == came.conversation_id
    assert b"In-Reply-To: <q@c.example>" in office.ask(f"/messages/{reply['id']}/$value").content


def test_what_is_passed_on_keeps_its_files(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x", attachments=[Attachment("a.pdf", b"%PDF", "application/pdf")])
    to = [{"emailAddress": {"address": ADAM}}]
    made = office.post(f"/messages/{came.key}/createForward", {"toRecipients": to, "comment": "see"}).json
    assert made["subject"] == "FW: x"
    assert [one["name"] for one in office.get(f"/messages/{made['id']}/attachments")["value"]] == ["a.pdf"]


def test_files_are_attached_to_drafts_only(office: Office, mail: Mailbox) -> None:
    file = {
        "@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain",
        "contentBytes": base64.b64encode(b"file").decode(),
    }  # fmt: skip
    draft = office.post("/messages", _draft()).json
    made = office.post(f"/messages/{draft['id']}/attachments", file)
    assert (made.status, made.json["name"]) == (201, "a.txt")
    raw = office.ask(f"/messages/{draft['id']}/attachments/{made.json['id']}/$value")
    assert raw.content == b"file"
    assert office.get(f"/messages/{draft['id']}")["body"]["content"].strip() == "<p>100</p>"
    came = mail.receive(from_=CUSTOMER, subject="x")
    assert office.post(f"/messages/{came.key}/attachments", file).status == 400
    large = base64.b64encode(bytes(3 * 1024 * 1024 + 1)).decode()
    assert office.post(f"/messages/{draft['id']}/attachments", {**file, "contentBytes": large}).status == 413


def test_a_large_file_is_uploaded_in_parts(office: Office, mail: Mailbox) -> None:
    draft, size = office.post("/messages", _draft()).json, mail.least_uploaded + 5
    item = {"attachmentType": "file", "name": "large.bin", "size": size}
    place = f"/messages/{draft['id']}/attachments"
    session = office.post(f"{place}/createUploadSession", {"AttachmentItem": item})
    assert (session.status, session.json["nextExpectedRanges"]) == (201, ["0-"])
    url = session.json["uploadUrl"]

    def put(content: bytes, part: str) -> Told:
        headers = {"content-range": part, "authorization": ""}
        return office.ask(url, verb="PUT", body=content, kind="application/octet-stream", headers=headers)

    first = bytes(mail.least_uploaded)
    assert put(first, f"bytes 0-{size - 6}/{size}").json["nextExpectedRanges"] == [str(size - 5)]
    assert put(first, f"bytes 0-{size - 6}/{size}").status == 416
    assert put(b"56789", f"bytes {size - 5}-{size - 1}/{size}").status == 201
    (one,) = office.get(place)["value"]
    assert base64.b64decode(one["contentBytes"]) == first + b"56789"
    assert put(b"x", "bytes 0-0/1").status == 404
    assert office.ask(url, verb="PUT", body=b"x", kind="a/b").status == 401
    small = office.post(f"{place}/createUploadSession", {"AttachmentItem": item | {"size": mail.least_uploaded - 1}})
    assert (small.status, small.code) == (400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")


# -- who may ----------------------------------------------------------------------------------------------------------------


def test_another_mailbox_is_not_open(office: Office) -> None:
    assert office.ask(f"/v1.0/users/{ADAM}/messages").status == 403


def test_rights_to_read_are_not_rights_to_write(office: Office, mail: Mailbox) -> None:
    came = mail.receive(from_=CUSTOMER, subject="x")
    office.token = office.world.oauth.access(NOA, frozenset({"Mail.Read"}))
    assert office.ask(f"/messages/{came.key}").status == 200
    assert office.patch(f"/messages/{came.key}", {"isRead": True}).status == 403
    assert office.post("/sendMail", {"message": _draft()}).status == 403


# -- years of it ------------------------------------------------------------------------------------------------------------


def test_a_mailbox_with_years_in_it_is_filled_at_once(office: Office, mail: Mailbox) -> None:
    matching = fill(mail, 600, matching=[CUSTOMER], matching_count=30)
    items, _ = _round(office, **{"$select": "from,internetMessageHeaders"})
    sent, _ = _round(office, "sentitems", **{"$select": "toRecipients,internetMessageHeaders"})
    assert len(matching) == 30
    assert len(items) + len(sent) == 600
    assert len(sent) == 10
    assert all("internetMessageHeaders" in one for one in items)
    first, answer = (office.get(f"/messages/{one}") for one in matching[:2])
    assert answer["subject"] == f"Re: {first['subject']}"
    assert answer["conversationId"] == first["conversationId"]
    raw = message_from_bytes(office.ask(f"/messages/{answer['id']}/$value").content)
    assert raw["In-Reply-To"] == first["internetMessageId"]
