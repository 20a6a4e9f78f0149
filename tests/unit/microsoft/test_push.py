"""Notifications of Microsoft: what is subscribed to, for how long, and who is believed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft.client import Client
from connectors.microsoft.push import LONGEST_TOKEN, MicrosoftPush
from connectors.microsoft.settings import MicrosoftSettings
from hub.connector.checking import Alone
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Grant, Hinted
from hub.errors import (
    AuthError,
    DisabledError,
    HookError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)

NOA = "noa@acme.example"
OURS = "https://hub.example/hooks/microsoft/1"
GRAPH = "https://graph.microsoft.com/v1.0/subscriptions"
SECRET = "client state"
INBOX, CALENDAR, CONTACTS = f"mail:{NOA}:AAMkInbox=", f"calendar:{NOA}:primary", f"contacts:{NOA}:contacts"


class Tokens(Alone):
    """Always a token."""

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        return "token"


class Desk:
    """One account's notifications."""

    def __init__(self, **changes: Any) -> None:
        self.settings = MicrosoftSettings.model_validate({"address": NOA, "client_id": "app", **changes})
        self.push = MicrosoftPush(self.settings, lambda mailbox: Client(self.settings, Tokens(), mailbox))

    def ensure(self, key: str, channel: Channel | None = None, address: str = OURS) -> Channel | None:
        stream: Any = SimpleNamespace(key=key, mailbox=NOA)
        return self.push.ensure(stream, channel, address)


def later(**time: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(**time)


def opened(key: str = INBOX, *, renew_in: float = 9, resource: str = "/me/mailFolders/AAMkInbox=/messages") -> Channel:
    """A channel of before, to be renewed in some hours."""
    facts = {"mailbox": NOA, "resource": resource, "address": OURS}
    return Channel(key, "sub-1", later(hours=33), later(hours=renew_in), SECRET, facts)


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def asked(graph: responses.RequestsMock) -> list[tuple[str, str, dict[str, Any]]]:
    """What Graph was asked: verb, place below the subscriptions, body."""
    found = []
    for call in graph.calls:
        place = str(call.request.url).removeprefix(GRAPH)
        found.append((str(call.request.method), place, json.loads(call.request.body or "{}")))
    return found


def subscribed(ends_at: datetime, **more: Any) -> dict[str, Any]:
    return {"id": "sub-2", "expirationDateTime": ends_at.isoformat().replace("+00:00", "Z"), **more}


# --- what is subscribed to ------------------------------------------------------------------------------------------------

RESOURCES = [
    (INBOX, "mailFolders/AAMkInbox=/messages"),
    (CALENDAR, "events"),
    (CONTACTS, "contacts"),
    (f"contacts:{NOA}:AAMkFriends=", "contactFolders/AAMkFriends=/contacts"),
]


@pytest.mark.parametrize(("key", "resource"), RESOURCES)
@pytest.mark.parametrize("app_only", [False, True])
def test_each_folder_has_a_subscription_of_its_own(
    graph: responses.RequestsMock, key: str, resource: str, app_only: bool
) -> None:
    graph.post(GRAPH, status=201, json=subscribed(later(days=7)))
    desk = Desk(**({"app_only": True, "mailboxes": NOA, "tenant": "acme.example"} if app_only else {}))
    channel = desk.ensure(key)
    assert channel is not None
    [(_, _, body)] = asked(graph)
    assert body["resource"] == f"/users/{NOA}/{resource}" if app_only else f"/me/{resource}"
    assert body["notificationUrl"] == body["lifecycleNotificationUrl"] == OURS
    assert body["changeType"] == "created,updated,deleted"
    assert 32 <= len(body["clientState"]) <= 128
    assert channel.secret == body["clientState"]
    assert channel.id == "sub-2"
    assert "ImmutableId" in graph.calls[0].request.headers["Prefer"]


def test_no_two_subscriptions_share_a_secret(graph: responses.RequestsMock) -> None:
    graph.post(GRAPH, status=201, json=subscribed(later(days=7)))
    desk = Desk()
    made = {channel.secret for key, _ in RESOURCES if (channel := desk.ensure(key))}
    assert len(made) == len(RESOURCES)


@pytest.mark.parametrize("key", [f"mail:{NOA}", f"contacts:{NOA}", f"calendar:{NOA}:AAMkOther=", f"tasks:{NOA}:x"])
def test_what_has_no_place_of_its_own_has_no_subscription(graph: responses.RequestsMock, key: str) -> None:
    assert Desk().ensure(key) is None
    assert not graph.calls


@pytest.mark.parametrize("address", ["", "http://hub.example/hooks", "http://127.0.0.1:8000/hooks"])
def test_graph_posts_to_nobody_without_tls(graph: responses.RequestsMock, address: str) -> None:
    assert Desk().ensure(INBOX, None, address) is None
    assert not graph.calls


@pytest.mark.parametrize(
    ("minutes", "lives", "spare"), [(10_080, 7 * 24 * 60, 24 * 60), (45, 45, 15), (4_230, 4_230, 1_410)]
)
def test_it_is_renewed_a_day_before_it_ends_or_in_its_last_third(
    graph: responses.RequestsMock, minutes: int, lives: int, spare: int
) -> None:
    ends_at = later(minutes=lives)
    graph.post(GRAPH, status=201, json=subscribed(ends_at))
    channel = Desk(subscription_minutes=minutes).ensure(INBOX)
    assert channel is not None
    assert channel.expires_at == ends_at
    assert channel.renew_at is not None
    assert abs((ends_at - channel.renew_at) - timedelta(minutes=spare)) < timedelta(minutes=1)
    wanted = datetime.fromisoformat(asked(graph)[0][2]["expirationDateTime"])
    assert abs(wanted - ends_at) < timedelta(minutes=1)


def test_one_that_is_good_stays_and_nobody_is_asked(graph: responses.RequestsMock) -> None:
    channel = opened()
    assert Desk().ensure(INBOX, channel) is channel
    assert not graph.calls


def test_one_that_ends_is_renewed_in_place(graph: responses.RequestsMock) -> None:
    graph.patch(f"{GRAPH}/sub-1", json=subscribed(later(days=7), id="sub-1"))
    channel = Desk().ensure(INBOX, opened(renew_in=-1))
    assert channel is not None
    assert (channel.id, channel.secret, channel.facts) == ("sub-1", SECRET, opened().facts)
    assert channel.renew_at is not None
    assert channel.renew_at > later(days=5)
    [(verb, place, body)] = asked(graph)
    assert (verb, place, list(body)) == ("PATCH", "/sub-1", ["expirationDateTime"])


def test_one_that_is_gone_is_made_anew(graph: responses.RequestsMock) -> None:
    graph.patch(f"{GRAPH}/sub-1", status=404, json={"error": {"code": "ResourceNotFound", "message": "no"}})
    graph.post(GRAPH, status=201, json=subscribed(later(days=7)))
    channel = Desk().ensure(INBOX, opened(renew_in=-1))
    assert channel is not None
    assert channel.id == "sub-2"
    assert channel.secret != SECRET


def test_another_address_wants_another_subscription(graph: responses.RequestsMock) -> None:
    """The address of lifecycle notifications cannot be changed."""
    graph.post(GRAPH, status=201, json=subscribed(later(days=7)))
    channel = Desk().ensure(INBOX, opened(), "https://new.example/hooks/microsoft/1")
    assert channel is not None
    assert channel.id == "sub-2"


REFUSALS: Sequence[tuple[int, str, type[Exception]]] = (
    (400, "ValidationError", RejectedError),  # our address did not answer the handshake
    (400, "ExtensionError", RejectedError),
    (401, "InvalidAuthenticationToken", AuthError),
    (403, "ExtensionError", RejectedError),  # more than a mailbox may have
    (403, "ErrorAccessDenied", ScopeError),
    (404, "MailboxNotEnabledForRESTAPI", DisabledError),
    (429, "TooManyRequests", LimitedError),
    (503, "ServiceNotAvailable", RetryLaterError),
)


@pytest.mark.parametrize(("status", "code", "error"), REFUSALS)
def test_a_refusal_says_what_happens_next(
    graph: responses.RequestsMock, status: int, code: str, error: type[Exception]
) -> None:
    graph.post(GRAPH, status=status, json={"error": {"code": code, "message": "no"}})
    with pytest.raises(error) as caught:
        Desk().ensure(INBOX)
    assert type(caught.value) is error
    assert code in str(caught.value)


@pytest.mark.parametrize(
    "odd", [{"id": None}, {"id": 7}, {"id": ""}, {"expirationDateTime": "soon"}, {"expirationDateTime": None}]
)
def test_a_subscription_that_says_nothing_of_itself_is_none(graph: responses.RequestsMock, odd: dict[str, Any]) -> None:
    graph.post(GRAPH, status=201, json={**subscribed(later(days=7)), **odd})
    with pytest.raises(ShapeError):
        Desk().ensure(INBOX)


@pytest.mark.parametrize("status", [204, 404])
def test_closing_what_is_closed_is_fine(graph: responses.RequestsMock, status: int) -> None:
    graph.delete(
        f"{GRAPH}/sub-1", status=status, json={"error": {"code": "ResourceNotFound"}} if status == 404 else None
    )
    Desk().push.stop(opened())
    assert asked(graph) == [("DELETE", "/sub-1", {})]


# --- what is posted to us -----------------------------------------------------------------------------------------------


def hook(body: Any = b"", **query: str) -> Hook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hook(raw, {}, "application/json", query={name: (value,) for name, value in query.items()})


def told(channel: str = "sub-1", state: str | None = SECRET, **more: Any) -> dict[str, Any]:
    return {"subscriptionId": channel, "clientState": state, "changeType": "created", **more}


def hears(*notifications: Mapping[str, Any], channels: Sequence[Channel] = (), **settings: Any) -> Hinted:
    return Desk(**settings).push.hinted(hook({"value": list(notifications)}), channels or [opened()], OURS)


@pytest.mark.parametrize(
    "token",
    [
        "Validation: Testing client application reachability for subscription Request-Id: 1",
        "<script>x</script>",
        "שלום",
    ],
)
def test_a_handshake_is_answered_with_its_token_as_it_is(token: str) -> None:
    assert Desk().push.hinted(hook(validationToken=token), [], OURS) == Hinted(answer=token)


@pytest.mark.parametrize("token", ["", "a\nb", "a\x00b", "x" * (LONGEST_TOKEN + 1)])
def test_what_is_no_token_is_not_given_back(token: str) -> None:
    with pytest.raises(HookError):
        Desk().push.hinted(hook(validationToken=token), [], OURS)


def test_two_tokens_are_none() -> None:
    asking = Hook(b"", {}, "text/plain", query={"validationToken": ("a", "b")})
    with pytest.raises(HookError):
        Desk().push.hinted(asking, [], OURS)


def test_a_token_beside_a_notification_proves_nothing() -> None:
    forged = hook({"value": [told(state="wrong")]}, validationToken="x")
    with pytest.raises(HookError):
        Desk().push.hinted(forged, [opened()], OURS)


def test_a_notification_hints_at_its_folder() -> None:
    assert hears(told(), told()) == Hinted((INBOX,))


def test_events_hint_at_all_calendars_of_the_mailbox() -> None:
    channel = opened(CALENDAR, resource="/me/events")
    found = hears(told(), channels=[channel], calendars="primary\nAAMkOther=")
    assert found.keys == (CALENDAR, f"calendar:{NOA}:AAMkOther=")


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved"])
def test_a_subscription_that_wants_a_sign_of_life_is_renewed(event: str) -> None:
    assert hears(told(lifecycleEvent=event)) == Hinted((INBOX,), renew=(INBOX,))


def test_what_was_missed_is_looked_for() -> None:
    assert hears(told(lifecycleEvent="missed")) == Hinted((INBOX,))


@pytest.mark.parametrize("state", ["", "wrong", None, SECRET + " ", SECRET.upper()])
def test_a_wrong_client_state_is_refused(state: str | None) -> None:
    with pytest.raises(HookError, match="client state"):
        hears(told(), told(state=state))


@pytest.mark.parametrize("state", [["x"], {"a": 1}, 7, True])
def test_a_client_state_of_another_kind_is_refused(state: Any) -> None:
    with pytest.raises(HookError):
        hears(told(state=state))


def test_a_subscription_that_nobody_knows_says_nothing() -> None:
    assert hears(told("sub-9", "whatever")) == Hinted()
    nameless = [Channel(INBOX, "sub-1", None, None)]
    assert hears(told(state=""), channels=nameless) == Hinted()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"{}", b'{"value": 7}', b'{"value": [7]}', b"[" * 100_000, b"\xff"]
)
def test_what_graph_never_sends_is_refused(body: bytes) -> None:
    with pytest.raises(HookError):
        Desk().push.hinted(hook(body), [opened()], OURS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["value", "subscriptionId", "clientState", "lifecycleEvent"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_posted_nobody_without_the_secret_is_believed(body: Any) -> None:
    try:
        hinted = Desk().push.hinted(hook(body), [opened()], OURS)
    except HookError:
        return
    assert (hinted.keys, hinted.renew, hinted.answer) == ((), (), "")


def test_there_is_no_queue() -> None:
    push = Desk().push
    assert push.queue == ""
    assert push.fetch() == Fetched()
    push.acknowledge(())
