"""Guessing is slowed down, offices are not."""

import pytest
from limits import parse
from limits.errors import StorageError
from limits.storage import MemoryStorage

from hub.security.limits import Limiter, SignInLimit, address_key


def limit() -> SignInLimit:
    return SignInLimit(Limiter(MemoryStorage()), "3 per 5 minutes")


def test_guesses_for_one_email_stop_from_whatever_address() -> None:
    guesses = limit()
    waits = [guesses.take(f"198.51.100.{n}", "dana@example.com") for n in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= 300


def test_failures_from_one_address_stop_for_whatever_email() -> None:
    guesses = limit()
    for n in range(3):
        assert guesses.take("198.51.100.7", f"user{n}@example.com") == 0
        guesses.failed("198.51.100.7")
    assert guesses.take("198.51.100.7", "another@example.com") > 0
    assert guesses.take("198.51.100.8", "another@example.com") == 0


def test_a_whole_office_signs_in_from_one_address() -> None:
    guesses = limit()
    for n in range(50):
        assert guesses.take("198.51.100.7", f"user{n}@example.com") == 0
        guesses.succeeded(f"user{n}@example.com")


def test_the_right_password_forgets_the_tries_before() -> None:
    guesses = limit()
    for _ in range(3):
        guesses.take("198.51.100.7", "dana@example.com")
    guesses.succeeded("dana@example.com")
    assert guesses.take("198.51.100.7", "dana@example.com") == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
        ("2001:db8:1:3::2", "2001:db8:1:3::"),
        ("", ""),
        ("x" * 500, "x" * 100),
    ],
)
def test_one_customers_ipv6_network_counts_as_one_address(address: str, key: str) -> None:
    assert address_key(address) == key


class Away(MemoryStorage):
    """A Redis that cannot be reached."""

    def incr(self, *_: object, **__: object) -> int:
        raise StorageError(ConnectionError("refused"))

    def get(self, *_: object) -> int:
        raise StorageError(ConnectionError("refused"))

    def clear(self, *_: object) -> None:
        raise StorageError(ConnectionError("refused"))

    def get_expiry(self, *_: object) -> float:
        raise StorageError(ConnectionError("refused"))


def test_guesses_are_counted_although_redis_is_away() -> None:
    limiter = Limiter(Away())
    item = parse("2 per minute")
    assert [limiter.hit(item, "a") for _ in range(3)] == [True, True, False]
    assert not limiter.test(item, "a")
    assert limiter.get_window_stats(item, "a").remaining == 0
    limiter.clear(item, "a")
    assert limiter.test(item, "a")
