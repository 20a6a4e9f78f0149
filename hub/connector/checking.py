"""What the self-checks of connectors share: tools before there is a database, a remote's address, and what failed for whom."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import requests

from hub.connector.contract import Finding, Level
from hub.connector.http import Session
from hub.connector.sift import Verdict
from hub.connector.stream import Grant, Lane, Limit
from hub.errors import AuthError, ConnectorError, RetryLaterError, ShapeError
from hub.records.mail import Mail

_NETWORK = "Check the server's way to the internet, its proxy and its clock."


class Alone:
    """The tools of a check before there is a hub's database row: a token in memory, and no limits to share."""

    lane = Lane.INTERACTIVE

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        """Take nothing: a few requests."""

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        """Keep nothing: the finding says it."""

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        grant = self._grants.get(mailbox)
        if grant is None or grant.access_token == refused:
            if first is None:
                raise AuthError("Nobody connected this account yet.")
            grant = self._grants[mailbox] = refresh(grant or first)
        return grant.access_token

    def sift(self, mailbox: str, mails: Sequence[Mail]) -> Sequence[Verdict]:
        """Let nothing through: a check reads no mail."""
        del mailbox, mails
        return ()

    def customers(self, since: datetime | None, until: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Know nobody: a check looks for nobody."""
        del since, until, after, limit
        return ()


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether a remote's token service is there, and the moment that it says it is."""

    finding: Finding
    date: str = ""  # the header of that name; empty: none came


def reached(whose: str, address: str, *, ca: str, timeout_s: float) -> Reached:
    """Ask a token service for nothing: it refuses, and so it is there.

    Args:
        whose: such as "Google".
    """
    try:
        with Session(ca) as session:
            answer = session.post(address, data={}, timeout=timeout_s, allow_redirects=False)
    except requests.exceptions.SSLError:
        text = f"The certificate of {whose}'s address is not trusted."
        return Reached(Finding("reach", Level.RED, text, "Check the CA file."))
    except requests.RequestException as error:
        text = f"{whose}'s token service cannot be reached: {type(error).__name__}."
        return Reached(Finding("reach", Level.RED, text, _NETWORK))
    except OSError:  # what requests raises of a file that is not there
        text = "The CA file cannot be read."
        return Reached(Finding("reach", Level.RED, text, "Correct its path, or leave it empty."))
    if answer.status_code >= requests.codes.internal_server_error:
        text = f"{whose}'s token service answers {answer.status_code}."
        return Reached(Finding("reach", Level.RED, text, "Try again later."))
    return Reached(Finding("reach", Level.GREEN, f"{whose}'s token service answers."), answer.headers.get("date", ""))


def failures(attempts: Mapping[str, Callable[[], object]]) -> dict[str, ConnectorError | ShapeError]:
    """Try for each mailbox, and return what went wrong; after one that is away the others are not tried."""
    failed: dict[str, ConnectorError | ShapeError] = {}
    for mailbox, attempt in attempts.items():
        try:
            attempt()
        except (ConnectorError, ShapeError) as error:
            failed[mailbox] = error
            if isinstance(error, RetryLaterError):
                break
    return failed


def told(errors: Mapping[str, ConnectorError | ShapeError]) -> tuple[str, ConnectorError | ShapeError]:
    """Say what went wrong first, and for whom."""
    mailbox, error = next(iter(errors.items()))
    others = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return f"{mailbox}{others}: {error}" if mailbox else str(error), error
