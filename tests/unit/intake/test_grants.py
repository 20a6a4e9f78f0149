"""OAuth grants: sealed, refreshed once however many ask, dead once the remote said so."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from hub.connector.stream import Grant
from hub.context import Hub
from hub.errors import AuthError, RetryLaterError
from hub.intake import grants
from hub.intake.grants import Grants
from hub.intake.models import Account, OauthGrant
from hub.store.base import now


@pytest.fixture
def account(hub: Hub) -> int:
    with hub.db.write() as session:
        row = Account(name="Mail", connector="mail")
        session.add(row)
        session.flush()
        return row.id


class Authority:
    """A remote that takes each refresh token once."""

    def __init__(self) -> None:
        self.good = "refresh-1"
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def refresh(self, grant: Grant) -> Grant:
        self.asked += 1
        self.gate.wait(10)
        if grant.refresh_token != self.good:
            raise AuthError("the refresh token was used already")
        self.good = f"refresh-{self.asked + 1}"
        return Grant(self.good, f"access-{self.asked}", now() + timedelta(hours=1), grant.scopes)


def connect(hub: Hub, account: int) -> None:
    with hub.db.write() as session:
        grants.keep(session, hub.vault, account, "", Grant("refresh-1", scopes=("mail",)))


def test_nobody_connected_yet(hub: Hub, account: int) -> None:
    with pytest.raises(AuthError, match="Connect"):
        Grants(hub.db, hub.vault).access_token(account, Authority().refresh)


def test_a_token_is_kept_sealed_and_used_as_long_as_it_is_good(hub: Hub, account: int) -> None:
    connect(hub, account)
    authority, held = Authority(), Grants(hub.db, hub.vault)
    assert held.access_token(account, authority.refresh) == "access-1"
    assert held.access_token(account, authority.refresh) == "access-1"
    assert authority.asked == 1
    with hub.db.read() as session:
        row = session.scalars(select(OauthGrant)).one()
        assert "access" not in row.sealed
        assert "refresh" not in row.sealed
        kept = grants.granted(session, hub.vault, account)
    assert kept is not None
    assert (kept.refresh_token, kept.scopes) == ("refresh-2", ("mail",))


def test_a_token_that_ends_soon_or_was_refused_is_refreshed(hub: Hub, account: int) -> None:
    connect(hub, account)
    authority, held = Authority(), Grants(hub.db, hub.vault)
    first = held.access_token(account, authority.refresh)
    second = held.access_token(account, authority.refresh, refused=first)
    assert second == "access-2"
    with hub.db.write() as session:
        kept = grants.granted(session, hub.vault, account)
        assert kept is not None
        soon = Grant(kept.refresh_token, second, now() + timedelta(seconds=30), kept.scopes)
        grants.keep(session, hub.vault, account, "", soon)
    assert held.access_token(account, authority.refresh) == "access-3"


def test_many_who_ask_at_once_refresh_once(hub: Hub, account: int) -> None:
    connect(hub, account)
    authority, held = Authority(), Grants(hub.db, hub.vault)
    authority.gate.clear()
    answers: list[str] = []

    def ask() -> None:
        answers.append(held.access_token(account, authority.refresh))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    authority.gate.set()
    for thread in threads:
        thread.join(20)
    assert answers == ["access-1"] * 8
    assert authority.asked == 1


def test_another_process_waits_its_turn(hub: Hub, account: int) -> None:
    connect(hub, account)
    authority, here, there = Authority(), Grants(hub.db, hub.vault), Grants(hub.db, hub.vault)
    authority.gate.clear()
    thread = threading.Thread(target=here.access_token, args=(account, authority.refresh))
    thread.start()
    while authority.asked == 0:
        thread.join(0.01)
    with pytest.raises(RetryLaterError):
        there.access_token(account, authority.refresh)
    authority.gate.set()
    thread.join(20)
    assert there.access_token(account, authority.refresh) == "access-1"
    assert authority.asked == 1


def test_a_new_refresh_token_is_saved_also_when_the_remote_took_longer_than_the_lease(hub: Hub, account: int) -> None:
    connect(hub, account)
    authority, held = Authority(), Grants(hub.db, hub.vault)

    def slowly(grant: Grant) -> Grant:
        with hub.db.write() as session:
            session.execute(update(OauthGrant).values(lease_until=now() - timedelta(seconds=1), owner="another"))
        return authority.refresh(grant)

    held.access_token(account, slowly)
    with hub.db.read() as session:
        kept = grants.granted(session, hub.vault, account)
    assert kept is not None
    assert kept.refresh_token == authority.good


def test_a_grant_that_was_taken_back_is_dead_until_somebody_connects_again(hub: Hub, account: int) -> None:
    connect(hub, account)
    authority, held = Authority(), Grants(hub.db, hub.vault)
    authority.good = "another one"
    for _ in range(2):
        with pytest.raises(AuthError):
            held.access_token(account, authority.refresh)
    assert authority.asked == 1
    authority.good = "refresh-1"
    connect(hub, account)
    assert held.access_token(account, authority.refresh) == "access-2"


def test_a_fault_in_between_changes_nothing(hub: Hub, account: int) -> None:
    connect(hub, account)

    def fails(_: Grant) -> Grant:
        raise RetryLaterError("away")

    held, authority = Grants(hub.db, hub.vault), Authority()
    with pytest.raises(RetryLaterError):
        held.access_token(account, fails)
    assert held.access_token(account, authority.refresh) == "access-1"


def test_a_new_refresh_token_survives_a_database_that_was_away_just_then(
    hub: Hub, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(hub, account)
    authority, held = Authority(), Grants(hub.db, hub.vault)

    def away(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("away"))

    with monkeypatch.context() as patch:
        patch.setattr(held, "_save", away)
        with pytest.raises(OperationalError):
            held.access_token(account, authority.refresh)
    assert held.access_token(account, authority.refresh) == "access-1"
    assert authority.asked == 1
