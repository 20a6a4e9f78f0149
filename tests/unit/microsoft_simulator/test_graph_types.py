"""The yardstick itself: it knows what is legal, and says what is not."""

from typing import Any

import pytest

from tests.unit.microsoft_simulator.graph_types import problems, type_of


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Message", {"id": "x", "subject": None, "receivedDateTime": "2026-11-22T08:00:00Z", "importance": "normal"}),
        ("Message", {"@odata.type": "#microsoft.graph.eventMessageRequest", "meetingMessageType": "meetingRequest"}),
        ("Message", {"id": "x", "@removed": {"reason": "changed"}}),
        ("Attachment", {"@odata.type": "#microsoft.graph.fileAttachment", "contentBytes": "eA==", "size": 1}),
        ("Event", {"start": {"dateTime": "2026-12-01T10:00:00.0000000", "timeZone": "UTC"}, "type": "singleInstance"}),
        (
            "Event",
            {"attendees": [{"type": "required", "emailAddress": {"name": "Lea", "address": "lea@client.example"}}]},
        ),
        ("Contact[]", [{"emailAddresses": [{"address": "x"}], "homeAddress": {}, "birthday": None}]),
    ],
)
def test_what_is_legal_has_no_problems(name: str, value: Any) -> None:
    assert problems(name, value) == []


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("Message", {"id": None}, "$.id: null"),
        ("Message", {"colour": "red"}, "$.colour: unknown to Message"),
        ("Message", {"isRead": "yes"}, "$.isRead: 'yes' is no boolean"),
        ("Message", {"receivedDateTime": "2026-11-22 08:00"}, "$.receivedDateTime: '2026-11-22 08:00' is no moment"),
        ("Message", {"importance": "urgent"}, "$.importance: 'urgent' is no Importance"),
        ("Message", {"toRecipients": {}}, "$.toRecipients: no list"),
        ("Message", {"toRecipients": [{"address": "x"}]}, "$.toRecipients[0].address: unknown to Recipient"),
        ("Message", {"@removed": {"reason": "changed"}}, "$: removed, and no id"),
        ("Message", {"@removed": {"reason": "moved"}, "id": "x"}, "$.@removed: {'reason': 'moved'}"),
        ("Message", {"@odata.etag": 1}, "$.@odata.etag: 1"),
        ("Message", {"@odata.type": "#microsoft.graph.event"}, "$: event is no Message"),
        ("Attachment", {"size": True}, "$.size: True is no number"),
        ("Contact[]", {}, "$: no list"),
        ("Event", "x", "$: no object"),
    ],
)
def test_what_is_not_is_named(name: str, value: Any, wrong: str) -> None:
    assert problems(name, value) == [wrong]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/users/{user}/messages", ("Message", True)),
        ("/users/{user}/messages/{id}", ("Message", False)),
        ("/users/{user}/mailFolders/{folder}/messages/delta", ("Message", True)),
        ("/users/{user}/messages/{id}/move", ("Message", False)),
        ("/users/{user}/messages/{id}/createReply", ("Message", False)),
        ("/users/{user}/messages/{id}/$value", ("", True)),
        ("/users/{user}/mailFolders/{folder}/childFolders", ("MailFolder", True)),
        ("/users/{user}/calendar", ("Calendar", False)),
        ("/users/{user}/calendars/{calendar}/calendarView/delta", ("Event", True)),
        ("/users/{user}/contacts/{id}/photo", ("ProfilePhoto", False)),
        ("/users/{user}", ("User", False)),
    ],
)
def test_a_path_says_what_it_answers_with(path: str, found: tuple[str, bool]) -> None:
    assert type_of(path) == found
