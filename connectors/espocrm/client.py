"""Requests to EspoCRM's REST API: with the key, through our limits, and its refusals as ours.

Sources: https://docs.espocrm.com/development/api/crud/, https://docs.espocrm.com/development/api-search-params/
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connectors.espocrm.errors import error_of
from connectors.espocrm.settings import EspoSettings
from hub.connector.http import Session, blocks
from hub.connector.settling import settling
from hub.connector.stream import Limit, Tools
from hub.errors import GoneError, LimitedError, RejectedError, RetryLaterError

LARGEST = 30 * 2**20  # bytes of one answer
PEOPLE_AT_ONCE = 200  # users on one page
MOST_USERS = 10_000
_WHOSE = "EspoCRM's answer"
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")

Row = dict[str, Any]
Where = Sequence[Mapping[str, Any]]


class Client:
    """One EspoCRM. Owners are remembered as long as it lives."""

    def __init__(self, settings: EspoSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.asked_at: datetime | None = None  # what EspoCRM's clock said with the last answer
        self._session = Session(settings.ca)
        self._owners: Mapping[str, str] | None = None
        self._accounts: dict[str, str] = {}

    @property
    def limits(self) -> Sequence[Limit]:
        """What may be asked of this EspoCRM in a minute."""
        return (Limit(f"espocrm:{self.settings.site}", self.settings.requests_per_minute),)

    # --- records --------------------------------------------------------------------------------------------------

    def rows(
        self, kind: str, where: Where, fields: Sequence[str] = (), *, limit: int, offset: int = 0, order: str = "id"
    ) -> list[Row]:
        """Return records of a kind, in the order of a field.

        Raises:
            ConnectorError: as of `errors.error_of`.
        """
        asked = {"maxSize": str(limit), "offset": str(offset), "orderBy": order, "order": "asc"}
        if fields:
            asked["select"] = ",".join(("id", *fields))
        for number, one in enumerate(where):
            asked |= dict(flat(f"where[{number}]", one))
        told = self._asked("GET", kind, params=asked, headers={"X-No-Total": "true"})
        rows = told.get("list") if isinstance(told, dict) else None
        if not isinstance(rows, list) or not all(isinstance(one, dict) and is_id(one.get("id")) for one in rows):
            raise RetryLaterError(f"{_WHOSE} is no list of records.")
        return rows

    def row(self, kind: str, remote_id: str) -> Row:
        """Return a record as it is now. Raises ConnectorError."""
        return _record(self._asked("GET", f"{kind}/{_checked(remote_id)}"))

    def create(self, kind: str, values: Mapping[str, Any]) -> Row:
        """Make a record; whether it is there already nobody looks.

        Raises:
            ConnectorError: RetryLaterError where it may have been made.
        """
        # Two people may have one name; whether this one is there the hub asked before.
        headers = {"X-Skip-Duplicate-Check": "true"}
        with settling(self.settings.timeout_s):
            return _record(self._asked("POST", kind, body=values, headers=headers))

    def update(self, kind: str, remote_id: str, values: Mapping[str, Any], *, number: Any = None) -> Row:
        """Change fields of a record.

        Args:
            number: of the version that it was decided on, where EspoCRM counts them. Raises ConflictError if it is another.
        """
        headers = {"X-Version-Number": str(number)} if isinstance(number, int) else {}
        with settling(self.settings.timeout_s):
            return _record(self._asked("PUT", f"{kind}/{_checked(remote_id)}", body=values, headers=headers))

    def delete(self, kind: str, remote_id: str) -> None:
        """Take a record away. Raises ConnectorError."""
        with settling(self.settings.timeout_s):
            self._asked("DELETE", f"{kind}/{_checked(remote_id)}")

    def settings_of_user(self) -> Row:
        """Return who we are there, and what this user may do. Raises ConnectorError."""
        return _object(self._asked("GET", "App/user"))

    # --- what is remembered ---------------------------------------------------------------------------------------

    def owner(self, email: str) -> str:
        """Return the id of the user with an address; empty: there is none. The list is asked for once."""
        if not email:
            return ""
        if self._owners is None:
            self._owners = dict(self._users())
        return self._owners.get(email.strip().lower(), "")

    def _users(self) -> Iterator[tuple[str, str]]:
        active = [{"type": "isTrue", "attribute": "isActive"}]
        for offset in range(0, MOST_USERS, PEOPLE_AT_ONCE):
            rows = self.rows("User", active, ("userName", "emailAddress"), limit=PEOPLE_AT_ONCE, offset=offset)
            for one in rows:
                for name in (one.get("userName"), one.get("emailAddress")):
                    if isinstance(name, str) and "@" in name:
                        yield name.lower(), str(one["id"])
            if len(rows) < PEOPLE_AT_ONCE:
                return

    def company(self, name: str) -> str:
        """Return the id of the account with exactly this name; empty: there is none, or several."""
        if name not in self._accounts:
            found = self.rows("Account", [{"type": "equals", "attribute": "name", "value": name}], ("name",), limit=2)
            self._accounts[name] = str(found[0]["id"]) if len(found) == 1 else ""
        return self._accounts[name]

    # --- one request ----------------------------------------------------------------------------------------------

    def _asked(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        self.tools.spend(self.limits, 1)
        answer, content = self._once(method, path, params or {}, body, headers or {})
        small = {name.lower(): value for name, value in answer.headers.items()}
        self.asked_at = _moment(small.get("date", ""))
        if not answer.ok or answer.status_code >= 300:
            refused = error_of(answer.status_code, small)
            if isinstance(refused, LimitedError) and refused.retry_after is not None:
                self.tools.limited(self.limits, refused.retry_after)
            raise refused
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise RetryLaterError(f"{_WHOSE} is no JSON.") from None

    def _once(
        self, method: str, path: str, params: Mapping[str, str], body: Any, headers: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        sent = {"Accept": "application/json", "X-Api-Key": self.settings.api_key.get_secret_value(), **headers}
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            answer = self._session.request(
                method, f"{self.settings.site}/api/v1/{path}", params=params, data=data, headers=sent,
                timeout=self.settings.timeout_s, stream=True, allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of EspoCRM's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"EspoCRM cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(content) > LARGEST:
            raise RejectedError(f"{_WHOSE} is larger than {LARGEST} bytes.")
        return answer, content


def _record(told: Any) -> Row:
    found = _object(told)
    if not is_id(found.get("id")):
        raise RetryLaterError(f"{_WHOSE} is no record.")
    return found


def _object(told: Any) -> Row:
    if not isinstance(told, dict):
        raise RetryLaterError(f"{_WHOSE} is no object.")
    return told


def flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Write a filter as PHP reads it from an address: `where[0][type]=equals`."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from flat(f"{name}[{key}]", one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from flat(f"{name}[{number}]", one)
    else:
        yield name, str(value)


def is_id(value: Any) -> bool:
    """Say whether something is an id of EspoCRM: seventeen hexadecimal digits, a UUID, or a word such as `system`."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def moment_of(text: Any) -> datetime | None:
    """Read a time of EspoCRM, which is in UTC; None: it is none."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def written(moment: datetime) -> str:
    """Write a time as EspoCRM wants it.

    Source: https://docs.espocrm.com/development/api/#date-and-time-values
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def read_iso(text: Any) -> datetime:
    """Read a time of the hub. Raises RejectedError: it is none, or nobody knows of which zone."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise RejectedError(f"{str(text)[:40]!r} is no moment.") from None
    if moment.tzinfo is None:
        raise RejectedError(f"{str(text)[:40]!r} has no zone.")
    return moment.astimezone(UTC)


def _checked(remote_id: str) -> str:
    if not is_id(remote_id):
        raise GoneError("EspoCRM has no such id.")
    return remote_id


def _moment(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (ValueError, TypeError):
        return None
