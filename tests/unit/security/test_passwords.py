"""Passwords: hashed well, checked without telling who has an account."""

import pytest
from argon2 import PasswordHasher

from hub.errors import UserError
from hub.security import passwords


def test_a_password_matches_its_hash_and_no_other() -> None:
    stored = passwords.hashed("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert passwords.matches("correct horse battery", stored)
    assert not passwords.matches("correct horse batterz", stored)


def test_nobody_matches_where_there_is_no_hash() -> None:
    assert not passwords.matches("nobody has this password", None)


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$broken", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_broken_hash_matches_nothing(stored: str) -> None:
    assert not passwords.matches("anything at all", stored)


def test_an_absurdly_long_password_is_not_even_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = passwords._nobody()
    monkeypatch.setattr(passwords, "_HASHER", None)  # would fail if it were used
    assert not passwords.matches("x" * 100_000, nobody)


def test_a_hash_with_weaker_parameters_is_outdated() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("x" * 12)
    assert passwords.is_outdated(weak)
    assert not passwords.is_outdated(passwords._nobody())


@pytest.mark.parametrize(
    ("password", "error_id"),
    [
        ("short", "password_short"),
        ("x" * 257, "password_long"),
        ("Dana.Levi-Cohen", "password_guessable"),
        ("dana.levi-cohen@example.com", "password_guessable"),
    ],
)
def test_a_weak_choice_is_refused_with_its_rule(password: str, error_id: str) -> None:
    with pytest.raises(UserError) as refused:
        passwords.check_choice(password, email="dana.levi-cohen@example.com")
    assert (refused.value.error_id, refused.value.field) == (error_id, "password")


@pytest.mark.parametrize("password", ["a sentence is good", "סיסמה ארוכה מאוד", "\ud800 lone surrogate"])
def test_any_writing_makes_a_good_password(password: str) -> None:
    passwords.check_choice(password, email="noa@example.com")
    assert passwords.matches(password, passwords.hashed(password))


def test_hashing_costs_what_rfc_9106_asks_for_machines_with_little_memory() -> None:
    assert passwords.PARAMETERS.memory_cost >= 65536  # KiB
    assert passwords.PARAMETERS.time_cost >= 3
