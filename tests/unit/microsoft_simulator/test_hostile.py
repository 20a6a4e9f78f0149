"""Whatever somebody sends, Graph answers in its own words, and never breaks."""

import json
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.microsoft.simulated import batch, shapes
from connectors.microsoft.simulated.call import Route
from connectors.microsoft.simulated.errors import ApiError
from connectors.microsoft.simulated.gateway import ROUTES, Gateway
from connectors.microsoft.simulated.mail_send import Upload
from connectors.microsoft.simulated.shapes import Several, Type
from connectors.microsoft.simulated.world import World
from hub.connector.simulated.wire import Request
from hub.connector.simulator import Faults

NOA = "noa@acme.example"
# What the body of a route is, by the last plain part of its path.
TYPES = {
    "mailFolders": shapes.MAIL_FOLDER, "childFolders": shapes.MAIL_FOLDER, "messages": shapes.MESSAGE, "move": shapes.MOVE,
    "copy": shapes.MOVE, "sendMail": shapes.SEND_MAIL, "attachments": shapes.ATTACHMENT, "events": shapes.EVENT,
    "createUploadSession": shapes.UPLOAD, "cancel": shapes.CANCEL, "accept": shapes.RESPOND, "decline": shapes.RESPOND,
    "calendars": shapes.CALENDAR, "getSchedule": shapes.GET_SCHEDULE, "contacts": shapes.CONTACT,
    "contactFolders": shapes.CONTACT_FOLDER, "subscriptions": shapes.NEW_SUBSCRIPTION,
    **dict.fromkeys(("createReply", "createReplyAll", "createForward", "reply", "replyAll", "forward"), shapes.REPLY),
}  # fmt: skip
ODD = (
    "", "2026-12-01T10:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "UTC", "Europe/Berlin", "Europe",
    "x@y.example", "é@ü.example", "a\r\nBcc: x@y.example", "text/html", "multipart/mixed", "message/rfc822", "eA==", "é",
    "daily", "weekly", "monday", "noEnd", "2026-12-01", "0001-01-01", "x-\r\na: b", "http://127.0.0.1:1/[", "me/messages",
    "created", "inbox", "<a@b>", "Integer 0x36",
)  # fmt: skip
OPTIONS = (
    "$filter", "$orderby", "$select", "$expand", "$search", "$top", "$skip", "$skiptoken", "$deltatoken", "changeType",
    "startDateTime", "endDateTime", "authtoken",
)  # fmt: skip
ASKED = (
    "9" * 5000, "(" * 500, "not " * 500, '"' + "(" * 500 + '"', '"received>=9999-12-31"', "start/dateTime ge 'x'",
    "isAllDay gt 'x'", "categories/any(c:c eq 'x')", "singleValueExtendedProperties/any(e:e/value eq 'x')", "W10", "é",
    "9999-12-31T23:59:59-12:00", "receivedDateTime desc", "attachments($select=contentBytes", "2026-12-01", "0001-01-01",
)  # fmt: skip
_text = st.text(max_size=8) | st.sampled_from(ODD)
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
_query = st.lists(st.tuples(st.sampled_from(OPTIONS), _text | st.sampled_from(ASKED)), max_size=3)


@cache
def _right(kind: shapes.Kind) -> st.SearchStrategy[Any]:
    if isinstance(kind, Type):
        known = {name: _nearly(one) for name, one in kind.properties.items()}
        needed = {name: known.pop(name) for name in kind.needs}
        return st.fixed_dictionaries(needed, optional=known)
    if isinstance(kind, Several):
        return st.lists(_nearly(kind.of), max_size=2)
    if isinstance(kind, tuple):
        return st.sampled_from(kind)
    plain = {shapes.TRUTH: st.booleans(), shapes.NUMBER: st.integers(-1, 40), shapes.LONG: st.integers(0, 2**32)}
    return plain.get(kind, _text)


def _nearly(kind: shapes.Kind) -> st.SearchStrategy[Any]:
    """A value of a kind, and now and then another one."""
    return st.integers(0, 40).flatmap(lambda number: _right(kind) if number else _anything)


def _office() -> tuple[World, Gateway]:
    """An organisation with something of everything."""
    world = World(Faults())
    world.base_url = "https://127.0.0.1:1"
    user = world.add_user(NOA, "Noa Levi")
    user.mail.receive(from_="dana@customer.example", subject="x")
    draft = user.mail.draft(b"To: dana@customer.example\r\nSubject: draft\r\n\r\n")
    user.mail.uploads["open"] = Upload(draft.key, {"name": "a", "size": 2}, "key", world.clock.time() + 60)
    user.calendars.insert(subject="Visit", start=world.clock.now(), attendees=["dana@customer.example"])
    user.calendars.invite("dana@customer.example", [NOA], subject="Pitch", start=world.clock.now())
    user.contacts.add("Dana", "Levi", emails=["dana@customer.example"])
    return world, Gateway(world)


def _path(world: World, route: Route, which: int) -> str:
    """A path of a route, with something in its places that is there, or nearly."""
    user = world.users[NOA]
    known: dict[str, list[str]] = {
        "user": [NOA], "folder": ["inbox", "contacts", *user.mail.folders, *user.contacts.folders], "attachment": ["x"],
        "message": list(user.mail.messages), "calendar": [user.calendars.main.id], "session": ["open"],
        "event": [*user.calendars.items, "xFRAAg00000AAEQ", "xFRAAgFFFFFAAEQ"], "id": list(user.contacts.contacts),
    }  # fmt: skip
    path = route.path
    for name, several in known.items():
        path = path.replace(f"{{{name}}}", quote(several[which % len(several)], safe=""))
    return path


@settings(max_examples=200, deadline=None)
@given(data=st.data(), route=st.sampled_from(ROUTES), which=st.integers(0, 20), query=_query)
def test_every_request_is_answered_as_graph_answers(
    data: st.DataObject, route: Route, which: int, query: list[tuple[str, str]]
) -> None:
    world, gateway = _office()
    path = _path(world, route, which)
    last = next(part for part in reversed(route.path.split("/")) if part in TYPES or part == "users" or not part)
    body = data.draw(_nearly(TYPES[last]) if last in TYPES else _anything) if route.verb in ("POST", "PATCH") else None
    kind = data.draw(st.sampled_from(("application/json",) * 5 + ("text/plain", "image/png")))
    headers = {
        "content-type": kind,
        "content-range": "bytes 0-1/2",
        "prefer": 'outlook.timezone="x", odata.maxpagesize=2',
    }
    if not route.anonymous:
        headers["authorization"] = f"Bearer {world.oauth.access(NOA)}"
    if data.draw(st.booleans()):
        asked = {"requests": [{"id": "1", "method": route.verb, "url": path, "body": body, "headers": headers}]}
        request = Request("POST", "/v1.0/$batch", [], headers, json.dumps(asked).encode())
        answer = batch.answer(gateway, request, world.faults)
    else:
        answer = gateway.handle(Request(route.verb, f"/v1.0{path}", query, headers, json.dumps(body).encode()))
    assert answer.status < 500
    for after in ("messages", "events", "contacts", "mailFolders"):
        asked_after = Request("GET", f"/v1.0/users/{NOA}/{after}", [], headers, b"")
        headers["authorization"] = f"Bearer {world.oauth.access(NOA)}"
        headers.pop("prefer", None)
        assert gateway.handle(asked_after).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sendMail", {"message": []}),
        ("sendMail", {"message": {"subject": {}}}),
        ("messages", {"body": "text"}),
        ("messages", {"toRecipients": [None]}),
        ("messages", {"flag": {"flagStatus": 7}}),
        ("messages", {"colour": "red"}),
        ("messages", {"subject": "\ud800"}),
        ("messages", {"attachments": [{"name": "a", "contentBytes": "é"}]}),
        ("events", {"start": {"dateTime": "0001-01-01T00:00:00", "timeZone": "Tokyo Standard Time"}, "end": {}}),
        ("events", {"reminderMinutesBeforeStart": float("nan")}),
        ("contacts", {"emailAddresses": [{"address": {}}]}),
        ("mailFolders", {"displayName": {"x": 1}}),
        ("mailFolders", {"displayName": "  "}),
        ("subscriptions", {"resource": {}}),
    ],
)
def test_a_body_that_is_none_is_a_bad_request_and_leaves_nothing(path: str, body: Any) -> None:
    world, gateway = _office()
    whole = f"/v1.0/me/{path}" if path != "subscriptions" else "/v1.0/subscriptions"
    headers = {"authorization": f"Bearer {world.oauth.access(NOA)}", "content-type": "application/json"}
    user = world.users[NOA]
    before = len(user.mail.messages), len(user.calendars.items), len(user.contacts.contacts), len(user.mail.folders)

    answer = gateway.handle(Request("POST", whole, [], headers, json.dumps(body).encode()))

    assert (answer.status, set(json.loads(answer.body))) == (400, {"error"})
    after = len(user.mail.messages), len(user.calendars.items), len(user.contacts.contacts), len(user.mail.folders)
    assert after == before


def test_a_value_is_read_as_the_reference_writes_it() -> None:
    read = shapes.read(shapes.SEND_MAIL, {"Message": {"importance": "HIGH", "a@odata.b": 1}, "SAVETOSENTITEMS": False})

    assert read == {"message": {"importance": "high"}, "saveToSentItems": "false"}
    for kind, value in (
        (shapes.NUMBER, 2**31),
        (shapes.NUMBER, True),
        (shapes.BODY, "x"),
        (Several(shapes.TEXT), None),
    ):
        with pytest.raises(ApiError, match="Cannot convert"):
            shapes.read(kind, value)
