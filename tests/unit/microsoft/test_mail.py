"""Mail of a mailbox, folder by folder: what is fetched, what only leaves a reason, what left and where it is."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from connectors.microsoft import letters, mail, older_mail
from connectors.microsoft.client import BATCH
from connectors.microsoft.simulated.mailbox import Message
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulator import Faults
from hub.connector.stream import Change, Cursor, Findable, Gone, HasFiles, Left, Phase, Stream, Upsert
from hub.errors import CursorExpired, GoneError, LimitedError, RejectedError, RetryLaterError
from tests.unit.microsoft.mailroom import CUSTOMER, NOA, Room, read, told

STRANGER = "stranger@elsewhere.example"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def room() -> Iterator[Room]:
    simulator: MicrosoftSimulator = create(0, Faults())
    simulator.start()
    yield Room(simulator)
    simulator.stop()


def asked(room: Room, words: str) -> int:
    """How often a method was asked for since `forget`."""
    return sum(count for route, count in room.simulator.spent(NOA).by_route.items() if route.endswith(words))


# --- folders ------------------------------------------------------------------------------------------------------


def test_all_folders_are_read_but_those_that_hold_nothing_for_us(room: Room) -> None:
    offers = room.box.new_folder("Offers", "inbox")
    room.box.new_folder("2026", offers.id)
    room.box.new_folder("Old junk", "deleteditems")
    room.box.new_folder("Settings", hidden=True)
    found = mail.streams(room.client)
    assert [one.title.removeprefix(f"Mail of {NOA}").removeprefix(": ") for one in found] == [
        "Archive", "Inbox", "Inbox/Offers", "Inbox/Offers/2026", "Sent Items",
    ]  # fmt: skip
    assert len({one.key for one in found}) == len(found)
    assert {one.records for one in found} == {f"mail:{NOA}"}
    assert all(isinstance(one, Stream) and isinstance(one, Findable) and isinstance(one, HasFiles) for one in found)
    assert {mail.stream(room.client, one.key.removeprefix(f"mail:{NOA}").lstrip(":")).key for one in found} == {
        one.key for one in found
    }


def test_many_folders_come_in_pages_of_which_one_is_empty(room: Room) -> None:
    for number in range(30):
        room.box.new_folder(f"Customer {number:02}")
    room.simulator.page(7)
    room.simulator.faults.add("empty_page")
    assert len(mail.streams(room.client)) == 30 + 3


def test_a_folder_that_is_no_more_says_so(room: Room) -> None:
    offers = room.box.new_folder("Offers")
    stream = room.folder(offers.id)
    _, cursor = read(stream)
    room.box.delete_folder(offers.id)
    with pytest.raises(GoneError):
        read(stream, cursor)
    with pytest.raises(GoneError):
        mail.stream(room.client, offers.id).begin()


# --- what is kept -------------------------------------------------------------------------------------------------


def test_only_what_concerns_customers_is_fetched(room: Room) -> None:
    room.ask()
    for number in range(30):
        room.box.receive(from_=f"shop{number}@elsewhere.example", subject="Sale", body="Buy")
    room.box.receive(from_="adam@acme.example", subject="Lunch")
    stream = room.folder()
    cursor = stream.begin()
    room.simulator.quota.forget()
    changes, _ = read(stream, cursor)
    assert told(changes) == ["filtered internal", *["filtered no_match"] * 30, "kept Offer?"]
    assert asked(room, "/messages/delta") == 1
    assert asked(room, "/messages/{message}") == 1
    [kept] = [one for one in changes if isinstance(one, Upsert)]
    assert kept.payload["labels"] == ["Inbox"]
    assert "contentBytes" not in str(kept.payload)


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        ({"headers": {"Sensitivity": "Private"}}, "private"), ({"headers": {"List-Unsubscribe": "<mailto:x@y>"}}, "bulk"),
        ({"headers": {"Auto-Submitted": "auto-replied"}}, "bulk"), ({"from_": STRANGER, "cc": CUSTOMER}, ""),
    ],
)  # fmt: skip
def test_a_header_alone_decides_as_for_any_mailbox(room: Room, letter: dict[str, Any], reason: str) -> None:
    room.simulator.quota.forget()
    room.ask(**letter)
    changes, _ = read(room.folder())
    assert told(changes) == [f"filtered {reason}" if reason else "kept Offer?"]
    assert asked(room, "/messages/{message}") == (0 if reason else 1)


def test_a_sensitive_mail_without_a_header_is_private(room: Room) -> None:
    own = room.box.send(to=[CUSTOMER], subject="Between us", body="x")
    room.box.extend(own.key, [{"id": "Integer 0x36", "value": "2"}])
    changes, _ = read(room.folder("sentitems"))
    assert told(changes) == ["filtered private"]


def test_a_category_or_a_folder_can_be_private_also_later(room: Room) -> None:
    stream, letter = room.folder(), room.ask()
    changes, cursor = read(stream)
    assert told(changes) == ["kept Offer?"]
    room.box.categorise(letter.key, "Red", "PRIVATE")
    changes, cursor = read(stream, cursor)
    assert told(changes) == ["filtered private"]
    room.box.categorise(letter.key, "Red")
    assert told(read(stream, cursor)[0]) == ["kept Offer?"]
    inner = room.box.new_folder("Children", room.box.new_folder("Private").id)
    room.box.move(letter.key, inner.id)
    assert told(read(room.folder(inner.id))[0]) == ["filtered private"]
    assert told(stream.find([letter.key])) == ["filtered private"]


def test_a_folder_that_becomes_private_is_noticed_within_the_hour(room: Room) -> None:
    offers = room.box.new_folder("Offers")
    stream = room.folder(offers.id)
    _, cursor = read(stream)
    room.box.rename_folder(offers.id, "Private")
    room.ask(folder=offers.id)
    aged = {**cursor.rest, "named_at": (datetime.now(UTC) - mail.NAMED_FOR).isoformat()}
    changes, after = read(room.folder(offers.id), Cursor(cursor.phase, cursor.token, rest=aged))
    assert told(changes) == ["filtered private"]
    assert after.rest["names"] == ["Private"]


def test_what_people_do_while_they_read_costs_nothing(room: Room) -> None:
    stream, letter = room.folder(), room.ask()
    _, cursor = read(stream)
    room.simulator.quota.forget()
    room.box.read(letter.key)
    room.box.mark(letter.key, flag={"flagStatus": "flagged"})
    changes, _ = read(stream, cursor)
    assert changes == []
    assert room.simulator.spent(NOA).requests == 1


def test_a_change_that_comes_in_part_wipes_nothing(room: Room) -> None:
    stream, letter = room.folder(), room.ask()
    _, cursor = read(stream)
    room.box.categorise(letter.key, "Blue")
    [change] = read(stream, cursor)[0]
    assert isinstance(change, Upsert)
    assert change.payload["message"]["subject"] == "Offer?"
    assert "How much?" in change.payload["message"]["body"]["content"]
    assert change.payload["labels"] == ["Inbox", "Blue"]


def test_a_draft_anywhere_is_none_of_ours(room: Room) -> None:
    room.box.draft(
        b"To: dana@customer.example\r\nFrom: noa@acme.example\r\nSubject: Not yet\r\n\r\nx", folder="archive"
    )
    assert told(read(room.folder("archive"))[0]) == ["filtered draft"]


def test_ids_that_differ_only_in_the_case_of_a_letter_are_two(room: Room) -> None:
    first = room.ask("First")
    second = room.ask("Second", like=first)
    assert first.key.lower() == second.key.lower()
    changes, cursor = read(room.folder())
    assert {one.remote_id: told([one])[0] for one in changes} == {first.key: "kept First", second.key: "kept Second"}
    room.box.delete_forever(first.key)
    assert [one.remote_id for one in read(room.folder(), cursor)[0]] == [first.key]


def test_a_mail_without_sender_is_looked_at(room: Room) -> None:
    room.box.insert(b"To: dana@customer.example\r\nSubject: From nobody\r\n\r\nx")
    room.box.insert(b"Subject: From nobody to nobody\r\n\r\nx")
    assert told(read(room.folder())[0]) == ["filtered no_match", "kept From nobody"]


def test_an_invitation_is_the_calendars_and_an_answer_in_words_is_a_mail(room: Room) -> None:
    calendar = (
        b"From: dana@customer.example\r\nTo: noa@acme.example\r\nMessage-ID: <i@customer.example>\r\nSubject: Meeting\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n"
        b"Agenda: prices\r\n--x\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
        b"DESCRIPTION:Agenda: prices\r\nEND:VCALENDAR\r\n--x--\r\n"
    )
    room.box.receive(calendar)
    room.ask("Re: Meeting", body="I cannot come on Monday")
    assert told(read(room.folder())[0]) == ["filtered calendar_notice", "kept Re: Meeting"]


# --- what left ----------------------------------------------------------------------------------------------------


def moved(room: Room, letter: Message, *folders: str) -> tuple[list[str], list[str]]:
    """What the inbox says when a mail is moved, and what the mailbox says of it then."""
    stream = room.folder()
    _, cursor = read(stream)
    for folder in folders:
        room.box.move(letter.key, folder)
    changes, _ = read(stream, cursor)
    return told(changes), told(stream.find([letter.key]))


@pytest.mark.parametrize(
    ("folder", "then"),
    [("archive", "kept Offer?"), ("deleteditems", "filtered trash"), ("junkemail", "filtered spam"),
     ("conversationhistory", "gone"), ("recoverableitemsdeletions", "gone")],
)  # fmt: skip
def test_a_mail_that_left_is_looked_for(room: Room, folder: str, then: str) -> None:
    assert moved(room, room.ask(), folder) == (["left"], [then])


def test_a_mail_in_a_folder_among_the_deleted_items_is_deleted(room: Room) -> None:
    inner = room.box.new_folder("Old", "deleteditems")
    assert moved(room, room.ask(), inner.id) == (["left"], ["filtered trash"])


@pytest.mark.parametrize("fault", ["", "moved_back_lost"])
def test_a_mail_that_went_away_and_came_back_is_not_lost(room: Room, fault: str) -> None:
    letter = room.ask()
    if fault:
        stream = room.folder()
        _, cursor = read(stream)
        room.box.move(letter.key, "archive")
        room.simulator.faults.add(fault)
        room.box.move(letter.key, "inbox")
        assert told(read(stream, cursor)[0]) == ["left"]
        assert told(stream.find([letter.key])) == ["kept Offer?"]
    else:
        assert moved(room, letter, "archive", "inbox") == (["kept Offer?"], ["kept Offer?"])


def test_a_mail_whose_arrival_elsewhere_nobody_tells_is_found_when_it_leaves(room: Room) -> None:
    stream, letter = room.folder(), room.ask()
    archive = room.folder("archive")
    _, cursor = read(stream)
    _, there = read(archive)
    room.simulator.faults.add("moved_unseen")
    room.box.move(letter.key, "archive")
    assert read(archive, there)[0] == []
    assert read(stream, cursor)[0] == [Left(letter.key)]
    assert told(stream.find([letter.key])) == ["kept Offer?"]


def test_a_mail_that_was_deleted_for_good_is_gone(room: Room) -> None:
    stream, letter = room.folder(), room.ask()
    _, cursor = read(stream)
    room.box.delete_forever(letter.key)
    assert read(stream, cursor)[0] == [Left(letter.key)]
    assert stream.find([letter.key, "AAkNothing="]) == [Gone(letter.key), Gone("AAkNothing=")]


# --- rounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["replay_page", "reorder_page", "empty_page", "same_twice"])
def test_whatever_order_pages_come_in_everything_is_told(room: Room, fault: str) -> None:
    for number in range(9):
        room.ask(f"Mail {number}")
    room.simulator.page(2)
    room.simulator.faults.add(fault)
    changes, cursor = read(room.folder())
    assert set(told(changes)) == {f"kept Mail {number}" for number in range(9)}
    assert cursor.phase is Phase.INCREMENTAL
    assert cursor.token.startswith("https://")


def test_matches_of_many_pages_are_fetched_in_full_batches(room: Room) -> None:
    for number in range(100):
        room.box.receive(from_=STRANGER if number % 4 else CUSTOMER, subject=f"Mail {number}")
    room.simulator.page(25)
    stream = room.folder()
    cursor, before, changes = stream.begin(), room.simulator.asked, list[Change]()
    while cursor.phase is Phase.FULL:
        page = stream.pull(cursor)
        changes += page.changes
        cursor = Cursor.of_json(json.loads(json.dumps(page.next.as_json())))  # as a worker that goes on finds it
    assert set(told(changes)) == {"filtered no_match", *(f"kept Mail {number}" for number in range(0, 100, 4))}
    assert len(changes) == 100
    assert room.simulator.asked - before == 100 / 25 + math.ceil(25 / BATCH)
    assert set(cursor.rest) == {"names", "place", "named_at", older_mail.OLDER}


def test_what_left_while_it_waited_to_be_fetched_is_asked_for_once(room: Room) -> None:
    first, second, _ = [room.ask(f"Mail {number}") for number in range(3)]
    for _ in range(BATCH):
        room.box.receive(from_=STRANGER, subject="x")
    room.simulator.page(BATCH)
    stream = room.folder()
    page = stream.pull(stream.begin())
    assert set(told(page.changes)) == {"filtered no_match"}
    room.box.delete_forever(first.key)
    room.box.trash(second.key)
    changes, _ = read(stream, page.next)
    assert told(changes) == [
        "filtered no_match",
        "filtered no_match",
        "filtered no_match",
        "filtered trash",
        "gone",
        "kept Mail 2",
    ]


def test_where_a_large_page_is_too_much_small_ones_are_read_from_there_on(room: Room) -> None:
    sizes: list[str] = []
    room.simulator.observe(
        lambda one: sizes.append(one.headers["prefer"]) if one.route.path.endswith("/messages/delta") else None
    )
    for number in range(250):
        room.box.receive(from_=STRANGER, subject=f"Mail {number}")
    stream = room.folder()
    cursor = stream.begin()
    room.simulator.faults.add("server_error")
    changes, cursor = read(stream, cursor)
    assert len(changes) == 250
    assert [one.rpartition("=")[2] for one in sizes] == [str(mail.LARGE), *[str(mail.SMALL)] * 3]
    room.simulator.faults.add("server_error")
    with pytest.raises(RetryLaterError):
        read(stream, cursor)
    room.simulator.faults.add("rate_limited")
    with pytest.raises(LimitedError):
        stream.pull(stream.begin())


@pytest.mark.parametrize("fault", ["expire_cursor", "expire_cursor_location"])
def test_a_lost_place_is_said_and_the_pass_from_the_beginning_proves_what_it_does_not_show(
    room: Room, fault: str
) -> None:
    stream = room.folder()
    room.ask()
    _, cursor = read(stream)
    room.simulator.faults.add(fault)
    with pytest.raises(CursorExpired):
        read(stream, cursor)
    first = stream.pull(stream.begin())
    last = stream.pull(first.next)
    assert [told(one.changes) for one in (first, last)] == [["kept Offer?"], []]
    assert (first.more, last.more, last.complete) == (True, False, False)


def test_a_mail_that_goes_between_its_header_and_itself_is_gone(room: Room) -> None:
    letter = room.ask()
    stream = room.folder()
    cursor = stream.begin()
    room.simulator.faults.add("item_gone")
    assert read(stream, cursor)[0] == [Gone(letter.key)]


def test_every_mail_since_a_moment_is_named_for_the_audit(room: Room) -> None:
    moment = room.simulator.clock.now()
    room.ask("Old", at=moment - timedelta(days=30))
    wanted = {room.ask("New").key, room.box.receive(from_=STRANGER, subject="x").key}
    room.box.receive(from_=STRANGER, folder="archive")
    room.simulator.page(1)
    assert room.folder().present(moment - timedelta(days=14)) == wanted


# --- customers who come later -------------------------------------------------------------------------------------


def test_older_mail_of_a_new_customer_comes_from_all_folders(room: Room) -> None:
    for folder in ("inbox", "archive"):
        room.box.receive(from_="jan@newcomer.example", subject=f"In {folder}", folder=folder)
    room.box.send(to=["jan@newcomer.example"], subject="Sent", body="x")
    room.box.receive(from_="jan@newcomer.example", subject="Thrown away", folder="deleteditems")
    stream = room.folder()
    changes, cursor = read(stream)
    assert told(changes) == ["filtered no_match"]
    room.hub.came.append(("jan@newcomer.example", datetime.now(UTC)))
    room.hub.known.add("jan@newcomer.example")
    changes, cursor = read(stream, cursor)
    assert told(changes) == ["filtered trash", "kept In archive", "kept In inbox", "kept Sent"]
    room.simulator.quota.forget()
    assert read(stream, cursor)[0] == []
    assert room.simulator.spent(NOA).requests == 1, "what changed is asked for, and nothing else"


def test_who_came_while_the_folders_were_read_is_asked_for(room: Room) -> None:
    room.hub.came = [("jan@newcomer.example", datetime.now(UTC) - timedelta(minutes=5)), ("old@x.example", LONG_AGO)]
    room.hub.known |= {"jan@newcomer.example", "old@x.example"}
    room.box.receive(from_="jan@newcomer.example", subject="Just read")
    room.box.receive(from_="jan@newcomer.example", subject="Elsewhere", folder="archive")
    room.box.receive(from_="old@x.example", subject="Read with its folder", folder="archive")
    changes, cursor = read(room.folder())
    assert told(changes) == ["kept Elsewhere", "kept Just read"]
    assert read(room.folder(), cursor)[0] == []


def test_more_mail_than_a_question_finds_is_asked_for_in_parts(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older_mail, "FOUND", 5)
    monkeypatch.setattr(older_mail, "FETCHED", 3)
    room.box.search_cap = 5
    begin = room.simulator.clock.now() - timedelta(days=40)
    for number in range(17):
        room.box.receive(from_="jan@newcomer.example", subject=f"Mail {number:02}", at=begin + timedelta(days=number))
    room.hub.came = [(f"c{number:02}@elsewhere.example", datetime.now(UTC)) for number in range(12)]
    room.hub.came.append(("jan@newcomer.example", datetime.now(UTC)))
    room.hub.known.add("jan@newcomer.example")
    changes, _ = read(room.folder())
    assert set(told(changes)) == {f"kept Mail {number:02}" for number in range(17)}


def test_a_dotted_address_is_asked_for_in_both_spellings_and_no_question_is_broken() -> None:
    found = older_mail._question(["dana.levi@gmail.com", 'a" OR from:"x@y.example', "b@y.example"], "")
    assert found == "participants:dana.levi@gmail.com OR participants:danalevi@gmail.com OR participants:b@y.example"
    assert older_mail._question(['"a b"@y.example'], "2026-01-01") == ""


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_comes_as_it_is_and_a_mail_that_is_attached_too(room: Room) -> None:
    large = bytes(range(256)) * 4000
    whole = EmailMessage()
    whole["From"], whole["To"], whole["Subject"] = CUSTOMER, NOA, "Files"
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Hi")
    whole.set_content("See there")
    whole.add_attachment(large, maintype="application", subtype="octet-stream", filename="plan.bin")
    whole.add_attachment(inner)
    letter, stream = room.box.receive(whole.as_bytes()), room.folder()
    [change] = read(stream)[0]
    assert isinstance(change, Upsert)
    numbers = {one["name"]: one["id"] for one in change.payload["message"]["attachments"]}
    assert b"".join(stream.file(letter.key, numbers["plan.bin"])) == large
    assert b"Subject: Inner" in b"".join(mail.stream(room.client, "").file(letter.key, numbers["Inner"]))
    with pytest.raises(GoneError):
        b"".join(stream.file(letter.key, "nothing"))


def test_a_link_is_no_file(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str) -> Iterator[bytes]:
        raise RejectedError("Microsoft: method not allowed")

    monkeypatch.setattr(room.client, "blocks", refused)
    monkeypatch.setattr(room.client, "get", lambda *_: {"@odata.type": "#microsoft.graph.referenceAttachment"})
    with pytest.raises(RejectedError, match="OneDrive"):
        b"".join(room.folder().file("m", "a"))


def test_what_cannot_be_read_is_kept_so_that_somebody_sees_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.ask()

    def broken(*_: object) -> None:
        raise ValueError("no date")

    monkeypatch.setattr(letters, "read", broken)
    assert told(read(room.folder())[0]) == ["kept Offer?"]
