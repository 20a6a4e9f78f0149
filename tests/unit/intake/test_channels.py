"""Push channels of an invented remote: what becomes due, what each error leads to, and whose queue is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy import select, true

from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Hinted, Lane, Named, Push, Remote, Stream
from hub.errors import (
    AuthError,
    DisabledError,
    GoneError,
    HookError,
    LimitedError,
    NotFoundError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)
from hub.intake import accounts, channels
from hub.intake.channels import PULL, PUSH, Channels
from hub.intake.letterbox import Letterbox
from hub.intake.models import Account, NamedRecord, PushChannel, RawRecord, StreamState
from hub.security.vault import open_vault
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import claim, new_owner

HOUR = timedelta(hours=1)


@dataclass
class Bell:
    """A remote that rings for `a` and `b`, and fails as told."""

    queue: str = ""
    faults: dict[str, Exception] = field(default_factory=dict)
    rings: set[str] = field(default_factory=lambda: {"a", "b"})
    open: dict[str, str] = field(default_factory=dict)  # id -> stream
    life: timedelta = timedelta(days=1)
    waiting: list[Fetched] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        key = cast("str", stream)
        if fault := self.faults.get(key):
            raise fault
        if key not in self.rings:
            return None
        if channel is not None and channel.renew_at is not None and channel.renew_at > now():
            return channel
        name = f"{key}{len(self.steps)}"
        self.steps.append(f"open {name} {address}".strip())
        self.open[name] = key
        return Channel(key, name, now() + self.life, now() + self.life / 2, f"secret of {name}", {"more": [1]})

    def stop(self, channel: Channel) -> None:
        if fault := self.faults.get("stop"):
            raise fault
        self.steps.append(f"stop {channel.id}")
        self.open.pop(channel.id, None)

    def hinted(self, hook: Hook, known: Sequence[Channel], address: str) -> Hinted:
        secrets = {one.secret: one.key for one in known}
        if hook.body.decode() not in secrets:
            raise HookError(f"not for {address}")
        return Hinted([secrets[hook.body.decode()]], "hello")

    def fetch(self) -> Fetched:
        if fault := self.faults.get("fetch"):
            raise fault
        return self.waiting.pop(0) if self.waiting else Fetched()

    def acknowledge(self, receipts: Sequence[str]) -> None:
        self.acknowledged += receipts


class House:
    """Accounts at bells, with two streams each."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.bells: dict[int, Bell | None] = {}
        self.woken = 0
        self.channels = Channels(db, open_vault(folder / "key"), self._opened, "https://hub.example", self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def _opened(self, account: Account, _: Lane) -> Remote:
        bell = self.bells[account.id]

        class Room:
            def stream(self, key: str) -> Any:
                return key

            def push(self) -> Push | None:
                return bell

        return cast("Remote", Room())

    def add(self, bell: Bell | None, connector: str = "bell", keys: Sequence[str] = ("a", "b")) -> int:
        with self.db.write() as session:
            account = Account(name=f"{connector} {len(self.bells)}", connector=connector, secrets="sealed")
            session.add(account)
            session.flush()
            self.bells[account.id] = bell
            for key in keys:
                later = now() + HOUR
                session.add(StreamState(account_id=account.id, stream=key, records="things", due_at=later))
            return account.id

    def set(self, account: int, stream: str, **values: Any) -> None:
        with self.db.write() as session:
            row = session.scalars(
                select(StreamState).where(StreamState.account_id == account, StreamState.stream == stream)
            ).one()
            for name, value in values.items():
                setattr(row, name, value)

    def state(self, account: int, stream: str = PUSH) -> StreamState:
        with self.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == account, StreamState.stream == stream)
            return session.scalars(query).one()

    def look(self) -> int:
        """Look at all accounts that are due, as workers do; returns how many those were."""
        with self.db.write() as session:
            channels.plan(session, "https://hub.example")
        with self.db.write() as session:
            leases = claim(session, StreamState, channels.due(), owner=new_owner(), lease_s=60, limit=50)
        for lease in sorted(leases, key=lambda one: one.id):
            self.channels.keep(lease)
        return len(leases)

    def pull(self) -> list[int]:
        """Ask the queues that are due; returns whose those were."""
        with self.db.write() as session:
            leases = claim(session, StreamState, channels.to_pull(), owner=new_owner(), lease_s=60, limit=50)
            asked = [session.get_one(StreamState, lease.id).account_id for lease in leases]
        for lease in leases:
            self.channels.fetch(lease)
        return asked

    def kept(self, *account: int) -> dict[str, str]:
        where = PushChannel.account_id.in_(account) if account else true()
        with self.db.read() as session:
            return {row.stream: row.facts["id"] for row in session.scalars(select(PushChannel).where(where))}

    def due_in(self, account: int, stream: str = PUSH) -> timedelta | None:
        due_at = self.state(account, stream).due_at
        return due_at - now() if due_at else None


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


# --- channels -----------------------------------------------------------------------------------------------------------


def test_channels_are_opened_once_and_renewed_in_time(house: House) -> None:
    bell = Bell()
    account = house.add(bell)
    assert (house.look(), house.look()) == (1, 0)
    assert set(house.kept().values()) == set(bell.open)
    assert (house.due_in(account) or HOUR * 9) < HOUR * 6.1
    with house.db.write() as session:
        for row in session.scalars(select(PushChannel)):
            assert "secret" not in f"{row.facts} {row.sealed}"
            row.facts = {**row.facts, "renew_at": now().isoformat()}
    house.set(account, PUSH, due_at=now())
    assert house.look() == 1
    assert len(bell.open) == 2
    assert [step.split()[0] for step in bell.steps] == ["open", "open", "open", "stop", "open", "stop"]
    assert set(house.kept().values()) == set(bell.open)


def test_a_short_life_is_looked_at_in_time_and_no_life_not_without_end(house: House) -> None:
    short, none = house.add(Bell(life=HOUR)), house.add(Bell(life=timedelta()), "other")
    house.look()
    assert timedelta(minutes=29) < (house.due_in(short) or HOUR) < timedelta(minutes=31)
    assert timedelta(seconds=50) < (house.due_in(none) or HOUR) <= timedelta(minutes=1)


def test_what_changed_is_looked_at_and_what_did_not_is_left(house: House) -> None:
    bell = Bell()
    account = house.add(bell)
    house.look()
    for change in ({"settings": {"x": 1}}, {"secrets": "other"}):
        with house.db.write() as session:
            for name, value in change.items():
                setattr(session.get_one(Account, account), name, value)
        assert (house.look(), house.look()) == (1, 0)
    house.set(account, "b", wanted=False)
    assert (house.look(), house.look()) == (1, 0)
    assert set(house.kept()) == {"a"} == set(bell.open.values())
    bell.rings.clear()
    house.set(account, PUSH, due_at=now())
    house.look()
    assert house.kept() == bell.open == {}


def test_a_remote_without_push_is_asked_again_later(house: House) -> None:
    account = house.add(None)
    house.look()
    assert (house.state(account).trouble, house.state(account).last_error) == ("", "")
    assert (house.due_in(account) or HOUR) > HOUR
    with pytest.raises(NotFoundError):
        house.channels.heard(_account(house, account), Hook(b"", {}, ""))


ERRORS: Mapping[str, tuple[Exception, bool, float, str]] = {
    # error, whether the next stream is tried, after how many seconds at most it is tried again, trouble
    "limited": (LimitedError("slow", retry_after=7), True, 7, "limited"),
    "later": (RetryLaterError("away"), False, 15, "away"),
    "later, told": (RetryLaterError("away", retry_after=90), False, 90, "away"),
    "no answer that can be read": (ShapeError("html"), True, 15, "away"),
    "shut out": (AuthError("revoked"), True, 3600, "auth"),
    "a right is missing": (ScopeError("no right"), True, 6 * 3600, "scope"),
    "switched off": (DisabledError("off"), True, 6 * 3600, "disabled"),
    "refused": (RejectedError("no such topic"), True, 6 * 3600, "refused"),
    "gone": (GoneError("no such calendar"), True, 6 * 3600, "refused"),
}


@pytest.mark.alike
@pytest.mark.parametrize("case", ERRORS)
def test_each_error_says_what_happens_next(house: House, case: str) -> None:
    fault, goes_on, most_s, trouble = ERRORS[case]
    bell = Bell(faults={"a": fault})
    account = house.add(bell)
    other = house.add(Bell())
    house.look()
    state = house.state(account)
    with house.db.read() as session:
        mine = set(session.scalars(select(PushChannel.stream).where(PushChannel.account_id == account)))
    assert mine == ({"b"} if goes_on else set())
    assert (state.trouble, state.failures) == (trouble, 1)
    assert str(fault) in state.last_error
    assert state.failing_since is not None
    due_in = house.due_in(account)
    assert due_in is not None
    assert most_s / 2 - 1 <= due_in.total_seconds() <= most_s
    assert house.state(other).trouble == ""

    bell.faults.clear()
    house.set(account, PUSH, due_at=now())
    house.look()
    state = house.state(account)
    assert (state.trouble, state.last_error, state.failures, state.failing_since) == ("", "", 0, None)


def test_a_fault_of_ours_is_seen_and_not_repeated_at_once(house: House) -> None:
    account = house.add(Bell(faults={"a": KeyError("x")}))
    house.look()
    assert house.state(account).trouble == "defect"
    assert (house.due_in(account) or HOUR) > HOUR
    assert "KeyError" in house.state(account).last_error


def test_failures_wait_longer_each_time(house: House) -> None:
    account = house.add(Bell(faults={"a": RetryLaterError("away")}))
    house.look()
    for _ in range(8):
        house.set(account, PUSH, due_at=now())
        house.look()
    assert (house.due_in(account) or HOUR) > timedelta(minutes=20)


def test_who_cannot_be_closed_is_tried_again_when_paused_and_not_when_removed(house: House) -> None:
    bell = Bell()
    account = house.add(bell)
    house.look()
    bell.faults["stop"] = RetryLaterError("away")
    with house.db.write() as session:
        accounts.pause(session.get_one(Account, account))
    house.look()
    assert len(house.kept()) == 2
    assert (house.due_in(account) or HOUR) < timedelta(seconds=16)
    with house.db.write() as session:
        accounts.remove(session, session.get_one(Account, account))
    house.look()
    assert house.kept() == {}
    assert _account(house, account).secrets == ""
    while house.look():
        pass
    assert house.due_in(account) is None


def test_what_cannot_be_closed_is_forgotten_once_it_ended_by_itself(house: House) -> None:
    bell = Bell(faults={"stop": ScopeError("somebody else's")})
    account = house.add(bell)
    house.look()
    house.set(account, "b", wanted=False)
    house.look()
    assert set(house.kept()) == {"a", "b"}
    with house.db.write() as session:
        for row in session.scalars(select(PushChannel).where(PushChannel.stream == "b")):
            row.expires_at = now()
    house.set(account, PUSH, due_at=now())
    house.look()
    assert set(house.kept()) == {"a"}
    assert house.state(account).last_error == ""


def test_a_worker_that_lost_its_lease_saves_nothing(house: House) -> None:
    class Thief(Bell):
        def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
            house.set(account, PUSH, owner="another", attempt=99)
            return super().ensure(stream, channel, address)

    account = house.add(Thief())
    house.look()
    assert house.kept() == {}
    assert house.state(account).owner == "another"


# --- hints --------------------------------------------------------------------------------------------------------------


def _account(house: House, account: int) -> Account:
    with house.db.read() as session:
        return session.get_one(Account, account)


@pytest.mark.parametrize(
    ("values", "due_s", "lane"),
    [
        ({}, 0, Lane.INCREMENTAL),
        ({"last_run_at": -60}, 0, Lane.INCREMENTAL),
        ({"last_run_at": -1}, 4, Lane.INCREMENTAL),  # many hints in a row are few looks
        ({"phase": "full", "lane": Lane.BACKFILL}, 0, Lane.BACKFILL),
        ({"trouble": "away"}, 0, Lane.INCREMENTAL),  # it is there again
        ({"due_at": -5}, -5, Lane.BACKFILL),  # due already
        ({"due_at": -5, "lease_until": 60}, 0, Lane.INCREMENTAL),  # being read: what is meant may be behind the reader
        ({"due_at": None}, None, Lane.BACKFILL),  # a person must do something first
        ({"wanted": False}, 3600, Lane.BACKFILL),
        ({"records": ""}, 3600, Lane.BACKFILL),
    ],
)  # fmt: skip
def test_a_hint_makes_due_what_may_be_read(
    house: House, values: dict[str, Any], due_s: float | None, lane: Lane
) -> None:
    begun, moments = now(), {"last_run_at", "due_at", "lease_until"}
    account = house.add(Bell(), keys=("a",))
    given = {
        name: now() + timedelta(seconds=value) if name in moments and value is not None else value
        for name, value in values.items()
    }
    house.set(account, "a", **{"lane": Lane.BACKFILL, **given})
    with house.db.write() as session:
        channels.hint(session, "bell", ["a", "x"])
    state = house.state(account, "a")
    if due_s is None:
        assert state.due_at is None
    else:
        assert state.due_at is not None
        assert begun <= state.due_at - timedelta(seconds=due_s) <= now()
    assert state.lane == lane


def test_a_hint_reaches_all_accounts_of_its_connector_and_no_others(house: House) -> None:
    mine, same, other, paused = house.add(Bell()), house.add(Bell()), house.add(Bell(), "other"), house.add(Bell())
    with house.db.write() as session:
        accounts.pause(session.get_one(Account, paused))
        assert channels.hint(session, "bell", ["a"]) == 2
        assert channels.hint(session, "bell", []) == 0
    soon = [account for account in (mine, same, other, paused) if (house.due_in(account, "a") or HOUR) < HOUR / 2]
    assert soon == [mine, same]


def test_what_is_heard_is_kept_and_answered(house: House) -> None:
    account = house.add(Bell())
    house.look()
    house.set(account, "a", due_at=now() + HOUR)
    woken = house.woken
    name = house.kept()["a"]
    hinted = house.channels.heard(_account(house, account), Hook(f"secret of {name}".encode(), {}, ""))
    assert hinted == Hinted(["a"], "hello")
    assert (house.due_in(account, "a") or HOUR) < timedelta(seconds=1)
    assert house.woken == woken + 1
    house.channels.heard(_account(house, account), Hook(f"secret of {name}".encode(), {}, ""))
    assert house.woken == woken + 1, "it is due already"
    with pytest.raises(HookError, match=str(_account(house, account).public_id)):
        house.channels.heard(_account(house, account), Hook(b"secret", {}, ""))


def test_what_several_say_at_once_is_kept_in_one_go(house: House) -> None:
    mine, other = house.add(Bell()), house.add(Bell())
    said = [
        (_account(house, mine), Hinted(["a"], named=[Named("things", "", "1"), Named("things", "", "2")])),
        (_account(house, mine), Hinted(named=[Named("things", "", "2"), Named("things", "", "3")], lists=True)),
        (_account(house, other), Hinted(["b"], odd=[{"what": "is this"}])),
    ]
    for _ in range(2):
        house.channels.keep_all(said)
    with house.db.read() as session:
        kept = session.execute(select(NamedRecord.account_id, NamedRecord.remote_id)).all()
        assert sorted(map(tuple, kept)) == [(mine, "1"), (mine, "2"), (mine, "3")]
        assert session.scalars(select(RawRecord.account_id).where(RawRecord.stream == channels.ODD)).all() == [other]
    assert (house.due_in(mine, "a") or HOUR) < timedelta(seconds=1)
    assert (house.due_in(other, "b") or HOUR) < timedelta(seconds=1)


def test_notifications_of_many_accounts_find_their_own(house: House) -> None:
    accounts_ = [house.add(Bell()) for _ in range(3)]
    house.look()
    letterbox = Letterbox(house.db, house.channels)
    for number in accounts_:
        account = _account(house, number)
        addressee = letterbox.addressee("bell", account.public_id)
        assert addressee is not None
        secret = f"secret of {house.kept(number)['a']}".encode()
        assert letterbox.heard(addressee, Hook(secret, {}, "")).keys == ["a"]
    assert letterbox.addressee("bell", uuid4()) is None
    assert letterbox.addressee("other", _account(house, accounts_[0]).public_id) is None


# --- queues -------------------------------------------------------------------------------------------------------------


def test_a_queue_is_acknowledged_after_its_hints_are_kept(house: House) -> None:
    class Careful(Bell):
        def acknowledge(self, receipts: Sequence[str]) -> None:
            assert (house.due_in(account, "a") or HOUR) < timedelta(seconds=1)
            super().acknowledge(receipts)

    bell = Careful(queue="q")
    account = house.add(bell)
    house.look()
    house.set(account, "a", due_at=now() + HOUR)
    bell.waiting = [Fetched(["a"], ["1", "2"]), Fetched([], ["3"])]
    assert house.pull() == [account]
    assert house.pull() == [account], "there may be more"
    assert bell.acknowledged == ["1", "2", "3"]
    house.pull()
    assert house.pull() == [], "a queue that was empty is left for a moment"


def test_one_of_those_who_share_a_queue_asks_it(house: House) -> None:
    first, second, third = house.add(Bell("q")), house.add(Bell("q")), house.add(Bell("other q"))
    fourth = house.add(Bell("q"), "other")
    house.look()
    assert sorted(house.pull()) == [first, third, fourth]
    bell = house.bells[first]
    assert bell is not None
    bell.faults["fetch"] = AuthError("revoked")
    house.set(first, PULL, due_at=now())
    assert house.pull() == [first]
    assert house.state(first, PULL).trouble == "auth"
    assert (house.due_in(first, PULL) or HOUR * 2) < HOUR * 1.1
    assert house.pull() == [second]
    bell.faults.clear()
    house.set(second, PULL, failures=2, due_at=now() + HOUR)
    house.set(first, PULL, due_at=now())
    assert house.pull() == [first]
    assert house.state(first, PULL).failures == 0


def test_a_queue_follows_its_account(house: House) -> None:
    bell = Bell("q")
    account = house.add(bell)
    house.look()
    with house.db.write() as session:
        accounts.pause(session.get_one(Account, account))
    assert house.pull() == [account], "nobody looked yet"
    assert not house.state(account, PULL).wanted
    house.look()
    with house.db.write() as session:
        accounts.resume(session, session.get_one(Account, account), None)
    house.look()
    assert house.pull() == [account]
    bell.queue = ""
    house.set(account, PUSH, due_at=now())
    house.look()
    assert house.pull() == []
