"""Notifications of Google: what each refusal means, what is asked for, and who is believed."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from unittest.mock import Mock

import httplib2
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from connectors.google import calendar, contacts, mail, sender
from connectors.google.client import Client, Transport
from connectors.google.push import GooglePush
from connectors.google.settings import PUBSUB, GoogleSettings
from hub.connector.hook import Hook
from hub.connector.simulated.keys import Signer
from hub.connector.stream import Channel, Fetched, Stream, Tools
from hub.errors import (
    AuthError,
    DisabledError,
    GoneError,
    HookError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)

NOA = "noa@acme.example"
OURS = "https://hub.example/hooks/google/1"
ROBOT = "push@demo.iam.gserviceaccount.com"
WEEK_MS = 7 * 86_400_000


class Google:
    """What answers: the last requests, and the next answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.status, self.answer = 200, b"{}"

    def says(self, status: int, reason: str = "", **answer: Any) -> None:
        error = {"code": status, "message": reason, "errors": [{"reason": reason}]}
        self.status, self.answer = status, json.dumps(answer if status == 200 else {"error": error}).encode()

    def request(self, uri: str, method: str = "GET", body: Any = None, **_: Any) -> tuple[httplib2.Response, bytes]:
        self.asked.append((method, uri.partition("?")[0].partition(".com")[2], json.loads(body or "{}")))
        return httplib2.Response({"status": str(self.status)}), self.answer


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    made = Google()
    monkeypatch.setattr(Transport, "request", made.request)
    return made


class Desk:
    """One account's notifications, and its streams."""

    def __init__(self, **changes: Any) -> None:
        values = {"address": NOA, "topic": "projects/p/topics/t", "subscription": "projects/p/subscriptions/s"}
        self.settings = GoogleSettings.model_validate({**values, **changes})
        self.client = Client(self.settings, Mock(spec=Tools), NOA)
        self.push = GooglePush(self.settings, Mock(spec=Tools), lambda _mailbox: self.client)
        self.mail: Stream = mail.stream(self.client)
        self.calendar: Stream = calendar.stream(self.client, "primary")

    def ensure(self, stream: Stream, channel: Channel | None = None, address: str = OURS) -> Channel | None:
        return self.push.ensure(stream, channel, address)


def in_ms(**later: float) -> str:
    return str(int((datetime.now(UTC) + timedelta(**later)).timestamp() * 1000))


# --- refusals -----------------------------------------------------------------------------------------------------------

REFUSALS: Sequence[tuple[int, str, type[Exception]]] = (
    (400, "invalidArgument", RejectedError),  # a topic of another project
    (400, "channelIdNotUnique", RejectedError),
    (400, "push.webhookUrlNotHttps", RejectedError),
    (401, "authError", AuthError),
    (403, "insufficientPermissions", ScopeError),
    (403, "forbidden", ScopeError),  # Gmail may not publish to the topic
    (403, "accessNotConfigured", DisabledError),
    (403, "rateLimitExceeded", LimitedError),
    (403, "userRateLimitExceeded", LimitedError),
    (404, "notFound", GoneError),  # no such topic, or calendar
    (429, "rateLimitExceeded", LimitedError),
    (500, "backendError", RetryLaterError),
    (503, "backendError", RetryLaterError),
)


@pytest.mark.parametrize(("status", "reason", "error"), REFUSALS)
@pytest.mark.parametrize("which", ["mail", "calendar"])
def test_a_refusal_says_what_happens_next(
    google: Google, which: str, status: int, reason: str, error: type[Exception]
) -> None:
    google.says(status, reason)
    desk = Desk()
    with pytest.raises(error):
        desk.ensure(getattr(desk, which))


def test_a_calendar_that_supports_no_push_has_none_and_that_is_no_error(google: Google) -> None:
    google.says(400, "pushNotSupportedForRequestedResource")
    desk = Desk()
    assert desk.ensure(desk.calendar) is None
    with pytest.raises(RejectedError):
        desk.ensure(desk.mail)


@pytest.mark.parametrize("expiration", [None, "", "soon", "9" * 40, [], {}])
@pytest.mark.parametrize("which", ["mail", "calendar"])
def test_a_channel_without_an_end_is_none(google: Google, which: str, expiration: Any) -> None:
    google.says(200, expiration=expiration, resourceId="r")
    desk = Desk()
    with pytest.raises(ShapeError):
        desk.ensure(getattr(desk, which))


@pytest.mark.parametrize(("status", "error"), [(204, None), (404, None), (410, None), (503, RetryLaterError)])
@pytest.mark.parametrize("key", [f"mail:{NOA}", f"calendar:{NOA}:primary"])
def test_what_is_closed_already_is_closed(google: Google, key: str, status: int, error: type[Exception] | None) -> None:
    google.says(status)
    channel = Channel(key, "c", None, None, facts={"mailbox": NOA, "resource": "r"})
    if error is None:
        Desk().push.stop(channel)
    else:
        with pytest.raises(error):
            Desk().push.stop(channel)


# --- channels -----------------------------------------------------------------------------------------------------------


def test_a_mailbox_is_watched_and_the_watch_renewed_every_day(google: Google) -> None:
    google.says(200, expiration=in_ms(days=7), historyId="1")
    desk = Desk()
    channel = desk.ensure(desk.mail)
    assert channel is not None
    [(method, path, body)] = google.asked
    assert (method, path) == ("POST", "/gmail/v1/users/me/watch")
    assert body["topicName"] == "projects/p/topics/t"
    assert set(body["labelIds"]) == {"DRAFT", "SPAM"}
    assert body["labelFilterBehavior"] == "exclude"
    assert channel.renew_at is not None
    assert timedelta(hours=23) < channel.renew_at - datetime.now(UTC) < timedelta(hours=25)
    assert desk.ensure(desk.mail, channel) is channel
    assert len(google.asked) == 1


def test_what_lives_for_an_hour_is_renewed_at_half_time(google: Google) -> None:
    google.says(200, expiration=in_ms(hours=1), resourceId="r")
    desk = Desk()
    for stream in (desk.mail, desk.calendar):
        channel = desk.ensure(stream)
        assert channel is not None
        assert channel.renew_at is not None
        assert timedelta(minutes=29) < channel.renew_at - datetime.now(UTC) < timedelta(minutes=31)


def test_a_calendar_gets_another_channel_a_day_before_the_old_one_ends(google: Google) -> None:
    google.says(200, expiration=in_ms(days=7), resourceId="r")
    desk = Desk()
    first = desk.ensure(desk.calendar)
    assert first is not None
    [(_, path, body)] = google.asked
    assert path == "/calendar/v3/calendars/primary/events/watch"
    assert (body["type"], body["address"], body["params"]) == ("web_hook", OURS, {"ttl": "604800"})
    assert len(body["id"]) <= 64
    assert (body["id"], body["token"]) == (first.id, first.secret)
    assert len(first.secret) >= 32
    assert first.facts["resource"] == "r"
    assert first.renew_at is not None
    assert timedelta(days=5) < first.renew_at - datetime.now(UTC) < timedelta(days=6, minutes=1)
    old = Channel(first.key, first.id, first.expires_at, datetime.now(UTC), first.secret, first.facts)
    second = desk.ensure(desk.calendar, old)
    assert second is not None
    assert (second.id != first.id, second.secret != first.secret) == (True, True)
    elsewhere = desk.ensure(desk.calendar, first, "https://other.example/hook")
    assert elsewhere is not None
    assert elsewhere.id != first.id


def test_what_cannot_be_told_is_not_asked_for(google: Google) -> None:
    desk = Desk(topic="")
    assert desk.ensure(desk.mail) is None
    assert desk.push.queue == ""
    for address in ("", "http://hub.example/hooks"):
        assert desk.ensure(desk.calendar, address=address) is None
    assert desk.ensure(contacts.streams(desk.client)[0]) is None
    assert google.asked == []
    deaf = Desk(subscription="")
    with pytest.raises(RejectedError, match="Nobody would hear"):
        deaf.ensure(deaf.mail)


# --- the queue ----------------------------------------------------------------------------------------------------------


def told(address: str) -> dict[str, str]:
    return {"data": base64.b64encode(json.dumps({"emailAddress": address, "historyId": 7}).encode()).decode()}


def test_messages_of_the_queue_name_mailboxes_and_are_all_acknowledged(google: Google) -> None:
    messages = [told(NOA), told("ADAM@acme.example "), told(NOA), {}, {"data": "?"}, None, {"data": 5}]
    google.says(200, receivedMessages=[{"ackId": str(at), "message": one} for at, one in enumerate(messages)])
    fetched = Desk().push.fetch()
    assert fetched == Fetched((f"mail:{NOA}", "mail:adam@acme.example"), [str(at) for at in range(len(messages))])
    [(_, path, body)] = google.asked
    assert path == "/v1/projects/p/subscriptions/s:pull"
    assert "returnImmediately" not in body
    Desk().push.acknowledge(fetched.receipts)
    assert google.asked[1][1:] == ("/v1/projects/p/subscriptions/s:acknowledge", {"ackIds": fetched.receipts})


@pytest.mark.parametrize("received", [[{}], [1], "x", {"ackId": "1"}, [{"message": {}}]])
def test_a_queue_that_gives_no_messages_is_an_error(google: Google, received: Any) -> None:
    google.says(200, receivedMessages=received)
    with pytest.raises(ShapeError):
        Desk().push.fetch()


def test_waiting_for_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def tired(*_: Any, **__: Any) -> NoReturn:
        raise requests.ReadTimeout

    monkeypatch.setattr(requests.Session, "request", tired)
    assert Desk().push.fetch() == Fetched()


def test_only_who_has_nobody_else_to_pull_asks_the_person_for_it() -> None:
    key = json.dumps({"client_email": "x", "private_key": "x", "token_uri": "x", "project_id": "x"})
    assert PUBSUB in Desk().settings.scopes
    for changes in (
        {"pubsub_key": key},
        {"service_account": key, "mailboxes": NOA},
        {"subscription": ""},
        {"topic": ""},
    ):
        assert PUBSUB not in Desk(**changes).settings.scopes
    with pytest.raises(ValueError, match="pubsub_key"):
        Desk(pubsub_key="{}")


# --- who is believed ----------------------------------------------------------------------------------------------------

SIGNER, STRANGER = Signer("google"), Signer("stranger")


@pytest.fixture(autouse=True)
def certificates(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    known = {SIGNER.id: SIGNER.certificate}
    monkeypatch.setattr(sender.Certificates, "_fetched", lambda _: known)
    sender._certificates.cache_clear()
    return known


def token(signer: Signer = SIGNER, **claims: Any) -> str:
    made = int(datetime.now(UTC).timestamp())
    usual = {
        "iss": "https://accounts.google.com", "aud": OURS, "email": ROBOT, "email_verified": True, "iat": made,
        "exp": made + 600,
    }  # fmt: skip
    return signer.sign({**usual, **claims})


def posted(desk: Desk, bearer: str, query: Mapping[str, Sequence[str]] | None = None) -> Sequence[str]:
    body = json.dumps({"message": told(NOA)}).encode()
    headers = {"authorization": f"Bearer {bearer}"}
    return desk.push.hinted(Hook(body, headers, "application/json", query=query or {}), (), OURS).keys


def test_what_google_signed_for_our_sender_and_our_address_is_believed() -> None:
    desk = Desk(push_sender=ROBOT)
    assert posted(desk, token()) == (f"mail:{NOA}",)
    assert posted(desk, token(aud=f"{OURS}?token=x")) == (f"mail:{NOA}",)
    assert posted(desk, token(iss="accounts.google.com")) == (f"mail:{NOA}",)
    assert posted(Desk(push_sender=ROBOT, push_audience="ours"), token(aud="ours")) == (f"mail:{NOA}",)


OTHERS: Mapping[str, Callable[[], str]] = {
    "a stranger's key": lambda: token(STRANGER),
    "another audience": lambda: token(aud="https://evil.example"),
    "no audience": lambda: token(aud=None),
    "many audiences": lambda: token(aud=[OURS]),
    "another sender": lambda: token(email="somebody@evil.iam.gserviceaccount.com"),
    "an unverified sender": lambda: token(email_verified=False),
    "a sender verified in words": lambda: token(email_verified="true"),
    "another issuer": lambda: token(iss="https://evil.example"),
    "over": lambda: token(iat=1, exp=2),
    "not yet": lambda: token(iat=9_999_999_000, exp=9_999_999_999),
    "no times": lambda: token(iat=None, exp=None),
    "times that are none": lambda: token(iat="x", exp=[]),
    "unsigned": lambda: token().rpartition(".")[0] + ".",
    "unsigned on purpose": lambda: (
        base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + "." + token().partition(".")[2]
    ),
    "nothing": lambda: "",
}


@pytest.mark.parametrize("other", OTHERS)
def test_everybody_else_is_refused(other: str) -> None:
    with pytest.raises(HookError):
        posted(Desk(push_sender=ROBOT), OTHERS[other]())


@given(text=st.one_of(st.text(max_size=80), st.binary(max_size=60).map(lambda raw: f"e30.{raw.hex()}.e30")))
def test_whatever_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(HookError):
        posted(Desk(push_sender=ROBOT), text)


def test_a_token_in_the_address_is_asked_for_beside_the_signature() -> None:
    both, alone = Desk(push_sender=ROBOT, push_token="ours"), Desk(push_token="ours")
    assert posted(both, token(), {"token": ["ours"]}) == posted(alone, "", {"token": ["ours"]}) == (f"mail:{NOA}",)
    for desk, bearer, query in (
        (both, token(), {}),
        (both, token(), {"token": ["theirs"]}),
        (both, token(STRANGER), {"token": ["ours"]}),
        (alone, token(), {"token": ["theirs", "ours"]}),
        (Desk(), token(), {"token": [""]}),
    ):
        with pytest.raises(HookError):
            posted(desk, bearer, query)


def test_new_keys_are_looked_for_once_a_minute_whoever_names_them(
    certificates: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    fetched: list[float] = []

    def fetch(_: sender.Certificates) -> dict[str, str]:
        fetched.append(clock[0])
        return dict(certificates)

    monkeypatch.setattr("connectors.google.sender.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(sender.Certificates, "_fetched", fetch)
    desk = Desk(push_sender=ROBOT)
    posted(desk, token())
    for _ in range(5):
        with pytest.raises(HookError):
            posted(desk, token(STRANGER))
    assert len(fetched) == 1
    certificates[STRANGER.id] = STRANGER.certificate  # Google has a new key
    clock[0] += 61
    assert posted(desk, token(STRANGER))
    assert posted(desk, token())
    assert len(fetched) == 2
    clock[0] += 3601
    assert posted(desk, token())
    assert len(fetched) == 3


def test_without_certificates_it_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    sender._certificates.cache_clear()
    monkeypatch.setattr(requests.Session, "get", Mock(side_effect=requests.ConnectionError))
    with pytest.raises(RetryLaterError):
        posted(Desk(push_sender=ROBOT), token())


# --- calendars ----------------------------------------------------------------------------------------------------------

OPEN = Channel(f"calendar:{NOA}:primary", "c1", None, None, "secret", {})


@pytest.mark.parametrize(
    ("headers", "keys"),
    [
        ({"id": "c1", "token": "secret", "state": "exists"}, (OPEN.key,)),
        ({"id": "c1", "token": "secret", "state": "not_exists"}, (OPEN.key,)),
        ({"id": "c1", "token": "secret", "state": "sync"}, ()),
        ({"id": "c2", "state": "sync"}, ()),  # faster than the answer that tells us it is open
        ({"id": "c2", "token": "secret", "state": "exists"}, None),
        ({"id": "c1", "token": "Secret", "state": "exists"}, None),
        ({"id": "c1", "token": "", "state": "exists"}, None),
        ({"id": "c1", "token": "s\xe9cret", "state": "exists"}, None),
        ({"id": "c1", "token": "\udcff", "state": "exists"}, None),
        ({"id": "c1", "state": "sync"}, None),
        ({"id": ""}, None),
        ({"id": "watch", "token": "", "state": "exists"}, None),  # the mailbox's, which has no secret
    ],
)  # fmt: skip
def test_a_calendar_is_believed_by_its_channel_and_its_secret(
    headers: Mapping[str, str], keys: Sequence[str] | None
) -> None:
    names = {"id": "x-goog-channel-id", "token": "x-goog-channel-token", "state": "x-goog-resource-state"}
    hook = Hook(b"", {names[name]: value for name, value in headers.items()}, "")
    watch = Channel(f"mail:{NOA}", "watch", None, None)
    if keys is None:
        with pytest.raises(HookError):
            Desk().push.hinted(hook, [watch, OPEN], OURS)
    else:
        assert Desk().push.hinted(hook, [watch, OPEN], OURS).keys == keys
