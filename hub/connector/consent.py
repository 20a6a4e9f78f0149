"""What a connector offers whose remote asks the person itself: the page of consent, and what comes back from it.

The browser goes to the remote's page with a question (`ask`) and comes back to one fixed address of the hub with an
answer (`finish`). The hub keeps the question's secrets meanwhile; the connector remembers nothing.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from hub.connector.stream import Grant
from hub.errors import AuthError

SettingsT_contra = TypeVar("SettingsT_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Question:
    """What one visit to the page of consent is recognised by."""

    redirect: str  # where the browser comes back to; the remote knows it beforehand
    state: str  # comes back unchanged: the answer is to our question
    verifier: str  # secret of this visit (PKCE): a stolen code is worth nothing without it

    @property
    def challenge(self) -> str:
        """The verifier's hash, as https://datatracker.ietf.org/doc/html/rfc7636#section-4.2 wants it (S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Granted:
    """What a person allowed."""

    grant: Grant
    address: str  # whose account it is, in small letters
    missing: tuple[str, ...] = ()  # what is wanted and was not allowed: titles of the settings that want it


class Refusal(StrEnum):
    """Why there is no grant, by what the person does next."""

    DENIED = "denied"  # the person said no: press Connect again, or leave it
    NOTHING_LASTING = "nothing_lasting"  # access for an hour and no more: let the remote forget the hub first
    NO_ADDRESS = "no_address"  # whose account it is was not told: leave that box ticked
    NOT_READY = "not_ready"  # the settings lack what the page needs
    REFUSED = "refused"  # the remote did not accept it; the message says why


class ConsentError(AuthError):
    """Nothing was granted; what was there before is untouched."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


def code_of(answer: Mapping[str, str], whose: str) -> str:
    """Return the code that a page of consent sent back.

    Args:
        whose: such as "Google".

    Raises:
        ConsentError: the person said no, or something went wrong there.
    """
    if said := answer.get("error", ""):
        refusal = Refusal.DENIED if said == "access_denied" else Refusal.REFUSED
        raise ConsentError(refusal, f"{whose}'s page answered: {said[:200]}.")
    if not answer.get("code", ""):
        raise ConsentError(Refusal.REFUSED, f"{whose}'s page answered without a code.")
    return answer["code"]


class Consent(Protocol[SettingsT_contra]):
    """The page of consent of a remote. Its connector has a setting `address`: whose account it is."""

    def page(self, settings: SettingsT_contra) -> str:
        """Return the page's address without any question; empty where these settings need no consent."""

    def ask(self, settings: SettingsT_contra, question: Question) -> str:
        """Return the address to send the browser to.

        Raises:
            ConsentError: something must be set first.
        """

    def finish(self, settings: SettingsT_contra, question: Question, answer: Mapping[str, str]) -> Granted:
        """Make a grant of what came back in the address.

        Raises:
            ConsentError: there is none; says what to do.
            RetryLaterError: the remote cannot be asked just now.
        """

    def missing(self, settings: SettingsT_contra, grant: Grant) -> tuple[str, ...]:
        """Return what is wanted now and was not granted, as in `Granted`."""
