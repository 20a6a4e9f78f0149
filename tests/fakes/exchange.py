"""A telephone exchange and its connector that do as the test says: nothing runs, everything asked is written down."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO

from pydantic import SecretStr

from hub.connector.contract import Account, AccountSettings, Connector, Delivered, Finding, Received
from hub.connector.exchange import Classify, DialOrder, FileFacts, Greeting, HistoryPage, Inquiry, Sink
from hub.connector.hook import Hook
from hub.errors import GoneError, HookError
from hub.records.telephony import CallEvent, Endpoint, EndpointClass

NAME = "fakepbx"
SECRET = "a-secret-of-this-test"
SIGNATURE = "x-signature"


class FakeSettings(AccountSettings):
    """One plain setting and one secret."""

    host: str = "pbx.example.com"
    secret: SecretStr = SecretStr(SECRET)


@dataclass
class FakeExchange:
    """Keeps what it was asked; `fails` is raised instead of doing anything."""

    orders: list[DialOrder] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    transfers: list[tuple[str, str]] = field(default_factory=list)
    pauses: list[tuple[str, bool]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    opened_at: list[int] = field(default_factory=list)
    fails: Exception | None = None
    before_dial: Callable[[], None] | None = None
    before_act: Callable[[], None] | None = None  # hang up, transfer, pause
    silent_s: float | None = None
    attends: bool = False

    def _may_fail(self) -> None:
        if self.fails is not None:
            raise self.fails

    def listen(self, sink: Sink, stop: threading.Event) -> None:
        del sink
        stop.wait()

    def translator(self) -> "FakeExchange":
        return self

    def translate(self, at: float, message: bytes) -> list[CallEvent]:
        del at, message
        return []

    def dial(self, order: DialOrder) -> None:
        if self.before_dial is not None:
            self.before_dial()
        self._may_fail()
        self.orders.append(order)

    def _act(self) -> None:
        if self.before_act is not None:
            self.before_act()
        self._may_fail()

    def hang_up(self, channel: str) -> None:
        self._act()
        self.ended.append(channel)

    def transfer(self, channel: str, extension: str) -> None:
        self._act()
        self.transfers.append((channel, extension))

    def pause_recording(self, channel: str, *, paused: bool) -> None:
        self._act()
        self.pauses.append((channel, paused))

    def recording_facts(self, path: str) -> FileFacts:
        self._may_fail()
        if path not in self.files:
            raise GoneError("no such file")
        return FileFacts(len(self.files[path]), None, "audio/wav")

    def open_recording(self, path: str, *, start: int = 0) -> BinaryIO:
        self._may_fail()
        self.opened_at.append(start)
        file = BytesIO(self.files[path])
        file.seek(start)
        return file

    def history(self, position: dict[str, Any] | None, since: datetime, classify: Classify) -> Iterator[HistoryPage]:
        del position, since, classify
        return iter(())

    def attend(self, answer: Callable[[Inquiry], Greeting], stop: threading.Event) -> None:
        del answer, stop

    def guess(self, channel: str) -> Endpoint:
        return Endpoint(EndpointClass.EXTENSION, channel.rpartition("/")[2])


def receive(account: Account[FakeSettings], hook: Hook) -> Received:
    """Read `{"records": [...], "heard": [...], "answer": ...}`, signed with the account's secret."""
    mac = hmac.new(account.settings.secret.get_secret_value().encode(), hook.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(mac, hook.headers.get(SIGNATURE, "")):
        raise HookError("the signature is not the account's")
    if hook.query:
        raise HookError("variables in the address are refused")
    if hook.form:
        form = {name: list(values) for name, values in hook.form.items()}
        return Received((Delivered("forms", form["id"][0], {**form}),))
    said = json.loads(hook.body)
    return Received(
        tuple(Delivered("things", str(one["id"]), one) for one in said.get("records", ())),
        tuple(str(one).encode() for one in said.get("heard", ())),
        said.get("answer"),
    )


def signed(body: bytes) -> dict[str, str]:
    """Return the header that makes a body authentic."""
    return {SIGNATURE: hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def connector(exchange: FakeExchange) -> Connector[FakeSettings]:
    """Return a connector that reaches this exchange."""

    def check(_: Account[FakeSettings]) -> list[Finding]:
        return []

    def reach(_: Account[FakeSettings]) -> FakeExchange:
        return exchange

    return Connector(
        name=NAME,
        title="Fake exchange",
        docs="https://example.com",
        settings=FakeSettings,
        check=check,
        receive=receive,
        exchange=reach,
    )
