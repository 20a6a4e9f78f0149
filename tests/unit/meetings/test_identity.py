"""One meeting, however many mailboxes see it."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest

from hub.meetings.identity import Copy, authoritative, merge_key, united
from hub.records.meeting import Attendee, Meeting, Privacy, Response, Status, WallTime

USERS = {"dana@hub.test": 1, "omer@hub.test": 2, "lior@hub.test": 3}
START = WallTime(datetime(2025, 3, 4, 10), "Europe/Berlin")  # noqa: DTZ001 - a wall time


def copy(account: int, who: str, **more: Any) -> Copy:
    usual = more.pop("usual", "all")
    meeting = Meeting("s@x", f"remote-{account}", START, **{"organiser": "customer@firm.test", **more})
    return Copy(account, USERS[f"{who}@hub.test"], f"{who}@hub.test", meeting, usual)


def people(**responses: Response) -> tuple[Attendee, ...]:
    return tuple(Attendee(f"{name}@hub.test", response=response) for name, response in responses.items())


@pytest.mark.parametrize(("one", "other"), [
    (None, None),
    (date(2025, 3, 4), date(2025, 3, 4)),
    (datetime(2025, 3, 4, 9, tzinfo=UTC), datetime(2025, 3, 4, 11, tzinfo=timezone(timedelta(hours=2)))),
])  # fmt: skip
def test_copies_of_two_providers_have_one_key(one: Any, other: Any) -> None:
    google = Meeting("s@x", "abc_20250304T090000Z", START, original_start=one, series_id="abc")
    microsoft = Meeting("s@x", "AAMkAG==", START, original_start=other, series_id="AAMkAF==")
    assert merge_key(google) == merge_key(microsoft)


def test_different_times_of_a_series_have_different_keys() -> None:
    keys = {merge_key(Meeting("s@x", "1", START, original_start=date(2025, 3, day))) for day in (4, 5)}
    assert len(keys) == 2


def test_the_organisers_copy_counts_whatever_the_versions_say() -> None:
    own = copy(2, "omer", organiser="Omer@hub.test", sequence=1)
    newer = copy(1, "dana", organiser="Omer@hub.test", sequence=9)
    assert authoritative([newer, own]) is own


def test_an_organiser_who_laid_it_into_another_calendar_has_it_where_it_lives() -> None:
    left = copy(
        1, "omer", organiser="omer@hub.test", status=Status.CANCELLED, updated_at=datetime(2025, 3, 2, tzinfo=UTC)
    )
    living = copy(1, "omer", organiser="omer@hub.test")
    guest = copy(2, "dana", organiser="omer@hub.test", sequence=9)
    for order in permutations([left, living, guest]):
        assert authoritative(order) is living
        assert not united(order, USERS).cancelled
    off = copy(1, "omer", organiser="omer@hub.test", status=Status.CANCELLED, sequence=1)
    assert united([living, off, guest], USERS).cancelled  # a later version is his word


def test_without_the_organiser_the_latest_version_counts() -> None:
    late = datetime(2025, 3, 2, tzinfo=UTC)
    old, new = copy(1, "dana", sequence=1, updated_at=late), copy(2, "omer", sequence=2)
    newest = copy(3, "lior", sequence=2, updated_at=late)
    assert {authoritative(order).account_id for order in permutations([old, new, newest])} == {3}


def test_who_deletes_an_invitation_does_not_call_the_meeting_off() -> None:
    gone = copy(1, "dana", status=Status.CANCELLED, updated_at=datetime(2025, 3, 2, tzinfo=UTC))
    assert not united([gone, copy(2, "omer")], USERS).cancelled


def test_a_later_version_that_is_cancelled_is_the_organisers_word() -> None:
    off = copy(1, "dana", status=Status.CANCELLED, sequence=2)
    assert united([off, copy(2, "omer", sequence=1)], USERS).cancelled


def test_all_our_people_are_in_it_with_a_copy_or_by_name() -> None:
    meeting = united([copy(1, "dana", attendees=people(dana=Response.ACCEPTED, lior=Response.WAITING))], USERS)
    assert meeting.user_ids == (1, 3)


def test_an_answer_is_known_best_by_the_own_mailbox() -> None:
    organiser = copy(
        2, "omer", organiser="omer@hub.test", attendees=people(dana=Response.WAITING, lior=Response.ACCEPTED)
    )
    own = copy(1, "dana", organiser="omer@hub.test", attendees=people(dana=Response.DECLINED, lior=Response.WAITING))
    answers = {person.address: person.response for person in united([organiser, own], USERS).attendees}
    assert answers == {"dana@hub.test": Response.DECLINED, "lior@hub.test": Response.ACCEPTED}


def test_people_left_out_of_the_authoritative_copy_are_still_there() -> None:
    organiser = copy(2, "omer", organiser="omer@hub.test")
    own = copy(1, "dana", organiser="omer@hub.test", attendees=people(lior=Response.WAITING))
    assert united([organiser, own], USERS).user_ids == (1, 2, 3)


def test_private_in_one_mailbox_is_private() -> None:
    meeting = united([copy(1, "dana", privacy=Privacy.PRIVATE), copy(2, "omer")], USERS)
    assert (meeting.visibility, meeting.private_in) == ("metadata", (1,))


def test_the_strictest_account_decides_who_sees_it() -> None:
    meeting = united([copy(1, "dana"), copy(2, "omer", usual="owner")], USERS)
    assert (meeting.visibility, meeting.private_in) == ("owner", ())


def test_the_order_in_which_copies_come_changes_nothing() -> None:
    copies = [
        copy(1, "dana"),
        copy(2, "omer", attendees=people(lior=Response.DECLINED)),
        copy(3, "lior", privacy=Privacy.PRIVATE),
    ]
    assert len({repr(united(order, USERS)) for order in permutations(copies)}) == 1
