"""Passwords: how they are hashed, checked, and which ones are refused."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from hub.errors import UserError

SHORTEST = 10  # characters
LONGEST = 256
PARAMETERS = RFC_9106_LOW_MEMORY  # section 4, second choice: 64 MiB, 3 passes, 4 lanes
_HASHER = PasswordHasher.from_parameters(PARAMETERS)
_AT_ONCE = threading.BoundedSemaphore(4)  # each check takes 64 MiB; a flood of sign-ins must not take all memory


def hashed(password: str) -> str:
    """Return the argon2id hash with its parameters and salt."""
    with _AT_ONCE:
        return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


@cache
def _nobody() -> str:
    """Return what a password is compared with where there is nobody: it takes as long."""
    return hashed("nobody has this password")


def matches(password: str, password_hash: str | None) -> bool:
    """Check a password; takes equally long where there is no hash, so that nobody learns who has an account."""
    if len(password) > LONGEST:
        return False
    against = _nobody()  # for everybody, so that the first sign-in of a process tells nothing either
    with _AT_ONCE:
        try:
            right = _HASHER.verify(password_hash or against, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
    return right and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Say whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def check_choice(password: str, *, email: str) -> None:
    """Refuse a password that is too short, too long, or the sign-in name itself.

    Raises:
        UserError: says which rule.
    """
    if len(password) < SHORTEST:
        raise UserError(
            f"The password needs at least {SHORTEST} characters.", error_id="password_short", field="password"
        )
    if len(password) > LONGEST:
        raise UserError(
            f"The password may have at most {LONGEST} characters.", error_id="password_long", field="password"
        )
    if password.casefold() in {email.casefold(), email.partition("@")[0].casefold()}:
        raise UserError("The password must not be the e-mail.", error_id="password_guessable", field="password")
