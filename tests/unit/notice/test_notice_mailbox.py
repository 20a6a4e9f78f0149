"""Sending through connected mailboxes: which one goes first, what certainly did not go, and what nobody knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import pytest
from sqlalchemy import select, update

from hub.connector.stream import Lane, Written
from hub.errors import (
    AuthError,
    ConflictError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
    UserError,
)
from hub.intake.models import Account, AccountState, StreamState
from hub.notice.carrier import Message, UnansweredError
from hub.notice.mailbox import Mailboxes, open_mailboxes
from hub.notice.queries import mailbox
from hub.records.mail import Address
from hub.settings import Settings
from hub.store.session import Database

OFFICE, LENA = "office@example.com", "lena@example.com"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Provider:
    """Mailboxes that take mails, or raise what they are told to."""

    faults: dict[str, Exception] = field(default_factory=dict)
    taken: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def open(self, account: Account, lane: Lane) -> Any:
        assert lane is Lane.INTERACTIVE
        if (fault := self.faults.get(account.name)) is not None:
            raise fault
        return self

    def writer(self, records: str, mailbox: str) -> Any:
        assert records == f"mail:{mailbox}"
        return Writer(self, mailbox)


@dataclass
class Writer:
    provider: Provider
    mailbox: str

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        if (fault := self.provider.faults.get(self.mailbox)) is not None:
            raise fault
        self.provider.taken.append((self.mailbox, key, values))
        return Written("1")


@pytest.fixture
def provider() -> Provider:
    return Provider()


Way = Callable[..., Mailboxes]


@pytest.fixture
def way(database: Database, provider: Provider) -> Way:
    """Two mailboxes of two connections."""
    for address, name in ((OFFICE, "Office"), (LENA, "Lena")):
        connect(database, address, name)

    def opened(*addresses: str, **more: Any) -> Mailboxes:
        return Mailboxes(database, provider.open, addresses or (OFFICE, LENA), name="Hub", **more)

    return opened


def connect(database: Database, address: str, name: str, **more: Any) -> None:
    with database.write() as session:
        account = Account(name=name, connector="google", state=more.pop("state", AccountState.ACTIVE))
        session.add(account)
        session.flush()
        session.add(
            StreamState(account_id=account.id, stream=f"mail:{address}", records=f"mail:{address}",
                        mailbox=address, **{"wanted": True, **more})
        )  # fmt: skip


def message(to: str = "noa@example.com", **more: Any) -> Message:
    return Message("0190-key", Address("Noa", to), "Google needs you", "Text\n", "<p>Text</p>", AT, **more)


def change(database: Database, name: str, **values: Any) -> None:
    with database.write() as session:
        account = session.scalars(select(Account).where(Account.name == name)).one()
        for key, value in values.items():
            setattr(account, key, value)


def test_the_first_mailbox_sends_under_the_hubs_name_marked_as_automatic(way: Way, provider: Provider) -> None:
    way().carry(message(again=True))

    [(sender, key, values)] = provider.taken
    assert (sender, key) == (OFFICE, "0190-key")
    assert (values["again"], values["since"], values["thread_id"]) == (True, AT, "")
    mail = message_from_bytes(values["raw"])
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        f"Hub <{OFFICE}>",
        "Noa <noa@example.com>",
        "Google needs you",
    )
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "OOF, AutoReply")
    assert mail["X-Hub-Delivery"] == "0190-key"
    assert mail["Message-ID"].endswith("@example.com>")
    assert {part.get_content_type() for part in mail.walk()} >= {"text/plain", "text/html"}


@pytest.mark.parametrize(
    "fault",
    [AuthError("taken back"), ScopeError("no right"), DisabledError("off"), ConflictError("no"), GoneError("no"),
     LimitedError("too much", retry_after=7)],
    ids=lambda fault: type(fault).__name__,
)  # fmt: skip
def test_a_mailbox_that_certainly_did_not_send_holds_up_nothing(way: Way, provider: Provider, fault: Exception) -> None:
    provider.faults[OFFICE] = fault
    way().carry(message())
    assert [sender for sender, *_ in provider.taken] == [LENA]

    provider.faults[LENA] = AuthError("gone too")
    with pytest.raises(RetryLaterError, match=f"{OFFICE}: .*; {LENA}: gone too") as told:
        way().carry(message())
    assert not isinstance(told.value, UnansweredError)
    assert told.value.retry_after == (7 if isinstance(fault, LimitedError) else None)


@pytest.mark.parametrize(
    "fault", [RetryLaterError("reset"), ShapeError("a page of somebody's")], ids=lambda fault: type(fault).__name__
)
def test_a_mailbox_that_may_have_sent_leaves_it_to_no_other(way: Way, provider: Provider, fault: Exception) -> None:
    provider.faults[OFFICE] = fault
    with pytest.raises(UnansweredError, match="may have sent"):
        way().carry(message())
    assert provider.taken == []


def test_what_is_refused_is_refused_for_good(way: Way, provider: Provider) -> None:
    provider.faults[OFFICE] = RejectedError("Invalid To header")
    with pytest.raises(RejectedError, match="Invalid To"):
        way().carry(message())
    with pytest.raises(UserError):
        way().carry(message("nobody"))
    assert provider.taken == []


def test_a_mailbox_that_is_not_there_is_paused_or_cannot_be_opened_is_passed_over_with_the_reason(
    way: Way, provider: Provider, database: Database
) -> None:
    said: list[tuple[str, str]] = []
    change(database, "Office", state=AccountState.PAUSED)
    with database.write() as session:
        session.execute(update(StreamState).where(StreamState.mailbox == LENA).values(wanted=False))
    connect(database, "noa@example.com", "Noa")
    provider.faults["Noa"] = AuthError("its settings do not fit")
    names = (OFFICE, LENA, "noa@example.com")
    with pytest.raises(RetryLaterError):
        way(*names, said=lambda step, answer: said.append((step, answer))).carry(message())
    assert [step for step, _ in said] == list(names)
    paused, unread, broken = (answer for _, answer in said)
    assert "hub account resume Office" in paused
    assert f"No connection has the mailbox {LENA}" in unread
    assert broken == "its settings do not fit"


def test_of_two_connections_with_one_mailbox_the_better_is_used(way: Way, database: Database) -> None:
    change(database, "Office", state=AccountState.PAUSED)
    connect(database, "Office@Example.com", "Dead", trouble="auth", last_error="taken back")
    connect(database, OFFICE, "Alive")
    with database.read() as session:
        box = mailbox(session, OFFICE)
        assert box.account is not None
        assert (box.account.name, box.problem) == ("Alive", "")
    change(database, "Alive", state=AccountState.REMOVED)
    with database.read() as session:
        box = mailbox(session, OFFICE)
        assert box.account is not None
        assert (box.account.name, box.is_open) == ("Dead", True)  # it may be well by now
        assert "taken back" in box.problem


def test_where_no_mailbox_is_named_there_is_no_such_way(
    settings: Settings, database: Database, provider: Provider
) -> None:
    assert open_mailboxes(settings, database, provider.open) is None
