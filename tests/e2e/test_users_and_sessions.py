"""People, sessions, tokens and password links in both databases."""

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from hub.errors import NotFoundError, UserError
from hub.security import links, sessions, tokens, users
from hub.security.models import ApiToken, PasswordLink, Role, User, UserSession
from hub.security.vault import open_vault
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import Database

PASSWORD = "a sentence is good"


@pytest.fixture
def dana(database: Database) -> User:
    with database.write() as session:
        users.add(session, "boss@example.com", "Boss", Role.ADMIN, PASSWORD)
        return users.add(session, " Dana@Example.COM ", " Dana \n Levi ", Role.AGENT, PASSWORD)


def signed_in(database: Database, token: str, settings: Settings) -> bool:
    with database.read() as session:
        return sessions.find(session, token, settings) is not None


def start(database: Database, user: User, settings: Settings) -> str:
    with database.write() as session:
        return sessions.start(session, user, "198.51.100.7", "Firefox", settings)


def test_a_user_signs_in_whatever_the_case_of_the_email(database: Database, dana: User) -> None:
    assert (dana.email, dana.name) == ("dana@example.com", "Dana Levi")
    with database.read() as session:
        found = users.check_password(session, "DANA@example.com ", PASSWORD)
        assert found is not None
        assert users.person(found).id == dana.id
        assert users.check_password(session, "dana@example.com", PASSWORD + "!") is None
        assert users.check_password(session, "nobody@example.com", PASSWORD) is None


@pytest.mark.alike
@pytest.mark.parametrize("email", ["", "dana", "dana@", "@example.com", "a b@example.com", "a@b@c", "a\n@example.com"])
def test_what_is_no_email_is_refused(database: Database, email: str) -> None:
    with database.write() as session, pytest.raises(UserError) as refused:
        users.add(session, email, "Dana", Role.AGENT)
    assert refused.value.error_id == "bad_email"


def test_one_email_is_one_user(database: Database, dana: User) -> None:
    with database.write() as session, pytest.raises(UserError) as refused:
        users.add(session, "DANA@example.com", "Another", Role.AGENT)
    assert refused.value.error_id == "user_exists"


def test_an_unknown_role_is_refused(database: Database) -> None:
    with database.write() as session, pytest.raises(UserError) as refused:
        users.add(session, "x@example.com", "X", "root")
    assert refused.value.error_id == "unknown_role"


def test_an_older_hash_is_renewed_at_sign_in(database: Database, dana: User) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with database.write() as session:
        session.get_one(User, dana.id).password_hash = weak
    with database.write() as session:
        user = users.check_password(session, dana.email, PASSWORD)
        assert user is not None
        users.rehash(session, user, PASSWORD)
    with database.read() as session:
        assert session.get_one(User, dana.id).password_hash != weak
        assert users.check_password(session, dana.email, PASSWORD) is not None


def test_a_disabled_user_is_out_at_once_everywhere(database: Database, dana: User, settings: Settings) -> None:
    token = start(database, dana, settings)
    with database.write() as session:
        secret = tokens.add(session, "dana's phone", Role.AGENT, session.get_one(User, dana.id))
        address = links.password_link(session, session.get_one(User, dana.id), settings)
    assert signed_in(database, token, settings)
    with database.write() as session:
        users.disable(session, session.get_one(User, dana.id))
    assert not signed_in(database, token, settings)
    with database.read() as session:
        assert users.check_password(session, dana.email, PASSWORD) is None
        assert tokens.find(session, secret) is None
        assert links.find(session, address.rpartition("/")[2]) is None
    with database.write() as session:
        users.enable(session, session.get_one(User, dana.id))
    assert not signed_in(database, token, settings)
    with database.read() as session:
        assert users.check_password(session, dana.email, PASSWORD) is not None


def test_the_last_administrator_cannot_be_lost(database: Database, dana: User) -> None:
    with database.write() as session:
        boss = users.get(session, "boss@example.com")
        with pytest.raises(UserError, match="only administrator"):
            users.disable(session, boss)
        with pytest.raises(UserError, match="only administrator"):
            users.set_role(session, boss, Role.MANAGER)
        users.set_role(session, users.get(session, dana.email), Role.ADMIN)
        users.disable(session, boss)


def test_an_unknown_user_is_named(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFoundError, match=r"nobody@example\.com"):
        users.get(session, "nobody@example.com")


def test_a_session_is_found_by_its_token_alone(database: Database, dana: User, settings: Settings) -> None:
    token = start(database, dana, settings)
    assert signed_in(database, token, settings)
    for wrong in ("", token[:-1], token + "A", "x" * 10_000, "\ud800"):
        assert not signed_in(database, wrong, settings)
    with database.read() as session:
        row = session.scalars(select(UserSession)).one()
        assert token not in row.token_hash
        assert (row.address, row.browser) == ("198.51.100.7", "Firefox")


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        (timedelta(minutes=239), True),
        (timedelta(minutes=240), False),  # idle_min
        (timedelta(hours=12), False),
    ],
)
def test_an_idle_session_ends(database: Database, dana: User, settings: Settings, later: timedelta, kept: bool) -> None:
    token = start(database, dana, settings)
    with database.read() as session:
        assert (sessions.look(session, token, settings, now() + later) is not None) == kept


def test_a_busy_session_ends_after_its_whole_time(database: Database, dana: User, settings: Settings) -> None:
    token = start(database, dana, settings)
    began = now()
    for hour in range(1, 12):
        with database.write() as session:
            found = sessions.look(session, token, settings, began + timedelta(hours=hour))
            assert found is not None
            assert found.touch_due
            sessions.touch(session, found, began + timedelta(hours=hour))
    with database.read() as session:
        assert sessions.look(session, token, settings, began + timedelta(hours=11, minutes=59)) is not None
        assert sessions.look(session, token, settings, began + timedelta(hours=12, seconds=1)) is None


def test_a_shorter_setting_counts_for_sessions_already_open(database: Database, dana: User, settings: Settings) -> None:
    token = start(database, dana, settings)
    shorter = settings.model_copy(update={"security": settings.security.model_copy(update={"session_h": 1.0})})
    with database.read() as session:
        assert sessions.look(session, token, settings, now() + timedelta(hours=2)) is not None
        assert sessions.look(session, token, shorter, now() + timedelta(hours=2)) is None


def test_last_seen_is_not_written_at_every_request(database: Database, dana: User, settings: Settings) -> None:
    token = start(database, dana, settings)
    with database.read() as session:
        found = sessions.look(session, token, settings)
        assert found is not None
        assert not found.touch_due


def test_signing_out_everywhere_may_keep_this_browser(database: Database, dana: User, settings: Settings) -> None:
    here, there = start(database, dana, settings), start(database, dana, settings)
    with database.write() as session:
        sessions.end_all(session, dana.id, but=here)
    assert signed_in(database, here, settings)
    assert not signed_in(database, there, settings)
    with database.write() as session:
        sessions.end(session, here)
    assert not signed_in(database, here, settings)


def test_old_sessions_are_cleared_away(database: Database, dana: User, settings: Settings) -> None:
    ended, live = start(database, dana, settings), start(database, dana, settings)
    with database.write() as session:
        sessions.end(session, ended)
        assert sessions.purge(session, now() - timedelta(days=1)) == 0
        assert sessions.purge(session, now() + timedelta(seconds=1)) == 1
    assert signed_in(database, live, settings)


def test_a_new_password_ends_sessions_and_links(database: Database, dana: User, settings: Settings) -> None:
    token = start(database, dana, settings)
    with database.write() as session:
        user = session.get_one(User, dana.id)
        link = links.password_link(session, user, settings).rpartition("/")[2]
        users.set_password(session, user, "another good sentence")
    assert not signed_in(database, token, settings)
    with database.read() as session:
        assert links.find(session, link) is None


def test_a_password_link_works_once(database: Database, dana: User, settings: Settings) -> None:
    with database.write() as session:
        address = links.password_link(session, session.get_one(User, dana.id), settings)
    base, _, token = address.rpartition("/")
    assert base == f"{settings.public_url}/password"
    with database.write() as session, pytest.raises(UserError):
        links.use(session, token, "short")
    with database.write() as session:
        assert links.use(session, token, "another good sentence") is not None
    with database.write() as session:
        assert links.use(session, token, "a third good sentence") is None
        assert users.check_password(session, dana.email, "another good sentence") is not None


def test_an_old_or_replaced_link_is_worthless(database: Database, dana: User, settings: Settings) -> None:
    with database.write() as session:
        user = session.get_one(User, dana.id)
        first = links.password_link(session, user, settings).rpartition("/")[2]
        second = links.password_link(session, user, settings).rpartition("/")[2]
        assert links.find(session, first) is None
        assert links.find(session, second) is not None
        newest = session.scalars(select(PasswordLink).order_by(PasswordLink.id.desc())).first()
        assert newest is not None
        newest.expires_at = now() - timedelta(seconds=1)
        session.flush()
        assert links.find(session, second) is None


def test_the_first_administrator_needs_the_printed_code(database: Database, settings: Settings) -> None:
    vault = open_vault(settings.key_file)
    code = links.first_admin_code(database, vault)
    assert code is not None
    assert links.first_admin_code(database, vault) == code
    new = {"email": "boss@example.com", "name": "Boss", "password": PASSWORD}
    with database.write() as session, pytest.raises(UserError) as refused:
        links.add_first_admin(session, vault, code="ABCD-EFGH-IJKL-MNOP", **new)
    assert refused.value.error_id == "setup_code"
    with database.write() as session:
        user = links.add_first_admin(session, vault, code=f" {code.lower()} ", **new)
        assert user.role == Role.ADMIN
    assert links.first_admin_code(database, vault) is None
    with database.write() as session, pytest.raises(UserError) as late:
        links.add_first_admin(session, vault, code=code, **{**new, "email": "second@example.com"})
    assert late.value.error_id == "setup_done"


def test_a_token_speaks_for_its_role_until_it_is_revoked(database: Database) -> None:
    with database.write() as session:
        secret = tokens.add(session, "reports", Role.MANAGER)
    with database.read() as session:
        found = tokens.find(session, secret)
        assert found is not None
        token, person = found
        assert (person.id, person.role, person.actor) == (0, Role.MANAGER, "token reports")
        assert secret not in token.token_hash
        assert [row.name for row in tokens.all_tokens(session)] == ["reports"]
        for wrong in ("", "hub_", secret[:-1], "x" * 10_000):
            assert tokens.find(session, wrong) is None
    with database.write() as session:
        tokens.revoke(session, "reports")
        assert tokens.find(session, secret) is None
        with pytest.raises(NotFoundError):
            tokens.revoke(session, "reports")


def test_a_users_token_never_may_more_than_the_user(database: Database, dana: User) -> None:
    with database.write() as session:
        secret = tokens.add(session, "dana's script", Role.ADMIN, session.get_one(User, dana.id))
        found = tokens.find(session, secret)
        assert found is not None
        assert found[1].role == Role.AGENT
        users.set_role(session, session.get_one(User, dana.id), Role.ADMIN)
        promoted = tokens.find(session, secret)
        assert promoted is not None
        assert promoted[1].role == Role.ADMIN


@pytest.mark.alike
@pytest.mark.parametrize(("name", "role"), [("", "agent"), ("  ", "agent"), ("x" * 101, "agent"), ("fine", "root")])
def test_a_nameless_token_or_one_of_no_role_is_refused(database: Database, name: str, role: str) -> None:
    with database.write() as session, pytest.raises(UserError):
        tokens.add(session, name, role)


def test_two_tokens_of_one_name_are_refused(database: Database) -> None:
    with database.write() as session:
        tokens.add(session, "reports", Role.AGENT)
        with pytest.raises(UserError, match="already"):
            tokens.add(session, "reports", Role.AGENT)


def test_use_of_a_token_is_noted_once_a_minute(database: Database) -> None:
    at = now()
    with database.write() as session:
        secret = tokens.add(session, "reports", Role.AGENT)
        found = tokens.find(session, secret)
        assert found is not None
        token = found[0]
        for seconds in (0, 59, 61):
            tokens.touch(session, token, at + timedelta(seconds=seconds))
            session.flush()
    with database.read() as session:
        assert session.scalars(select(ApiToken.used_at)).one() == at + timedelta(seconds=61)
