"""Requests to Salesforce's REST API: with a good token, through our limits, and its refusals as ours.

Sources: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/,
https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connectors.salesforce import auth
from connectors.salesforce.errors import error_of
from connectors.salesforce.settings import SalesforceSettings
from hub.connector.http import Session, blocks
from hub.connector.settling import settling
from hub.connector.stream import Lane, Limit, Tools
from hub.errors import AuthError, GoneError, LimitedError, RejectedError, RetryLaterError, ShapeError

LARGEST = 50 * 2**20  # bytes of one answer
REST_S = 900.0  # of polling, when little is left of the day
MOST_PAGES = 50  # of users
_WHOSE = "Salesforce's answer"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_LOCATOR = re.compile(r"/services/data/v[0-9.]+/(?:query|queryAll)/[A-Za-z0-9_-]{1,200}")
_USAGE = re.compile(r"api-usage=([0-9]+)/([0-9]+)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of a query, and where the rest of them is; empty: these are the last ones."""

    rows: Sequence[Row]
    rest: str
    total: int


class Client:
    """One org. Owners are remembered as long as it lives."""

    def __init__(self, settings: SalesforceSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.asked_at: datetime | None = None  # what Salesforce's clock said with the last answer
        self.usage: tuple[int, int] | None = None  # requests of the day: used, allowed
        self._session = Session(settings.ca)
        self._refused = ""
        self._owners: Mapping[str, str] | None = None
        self._accounts: dict[str, str] = {}

    @property
    def limits(self) -> Sequence[Limit]:
        """What may be asked of this org in a minute."""
        return (Limit(f"salesforce:{self.settings.site}", self.settings.requests_per_minute),)

    @property
    def polling(self) -> Limit:
        """What rests first, when little is left of the day."""
        return Limit(f"salesforce:{self.settings.site}:polling", self.settings.requests_per_minute)

    # --- records --------------------------------------------------------------------------------------------------

    def query(self, text: str, *, polls: bool = False) -> Rows:
        """Ask for records, deleted and archived ones too.

        Args:
            polls: nobody waits for it.

        Raises:
            ConnectorError: as of `errors.error_of`.
        """
        return self._rows(self._asked("GET", f"{self.settings.data}/queryAll", params={"q": text}, polls=polls))

    def more(self, rest: str) -> Rows:
        """Ask for the rest of a query. Raises CursorExpired: Salesforce forgot it."""
        if not _LOCATOR.fullmatch(rest):
            raise ShapeError("this is no rest of a query")
        return self._rows(self._asked("GET", rest, polls=True))

    def row(self, kind: str, remote_id: str) -> Row:
        """Return a record as it is now. Raises ConnectorError."""
        told = self._asked("GET", f"{self.settings.data}/sobjects/{kind}/{checked(remote_id)}")
        if not isinstance(told, dict):
            raise RetryLaterError(f"{_WHOSE} is no record.")
        return told

    def create(self, kind: str, values: Mapping[str, Any]) -> str:
        """Make a record; returns its id. Raises ConnectorError: RetryLaterError where it may have been made."""
        return self._made("POST", f"{self.settings.data}/sobjects/{kind}", values)

    def upsert(self, kind: str, mark: str, values: Mapping[str, Any]) -> str:
        """Make the record with a mark, or change it where it is there; returns its id. Raises as `create`."""
        return self._made("PATCH", f"{self.settings.data}/sobjects/{kind}/{self.settings.mark_field}/{mark}", values)

    def update(self, kind: str, remote_id: str, values: Mapping[str, Any]) -> None:
        """Change fields of a record. Raises as `create`."""
        with settling(self.settings.timeout_s):
            self._asked("PATCH", f"{self.settings.data}/sobjects/{kind}/{checked(remote_id)}", body=values)

    def delete(self, kind: str, remote_id: str) -> None:
        """Take a record away. Raises as `create`."""
        with settling(self.settings.timeout_s):
            self._asked("DELETE", f"{self.settings.data}/sobjects/{kind}/{checked(remote_id)}")

    # --- what is remembered ---------------------------------------------------------------------------------------

    def owner(self, email: str) -> str:
        """Return the id of the user with an address; empty: there is none. The list is asked for once."""
        if not email:
            return ""
        if self._owners is None:
            self._owners = dict(self._users())
        return self._owners.get(email.strip().lower(), "")

    def _users(self) -> Iterator[tuple[str, str]]:
        found = self.query(soql("Id, Email, Username", "User", "WHERE IsActive = true ORDER BY CreatedDate DESC"))
        for _ in range(MOST_PAGES):
            for one in found.rows:
                yield from ((str(one[name]).lower(), str(one["Id"])) for name in ("Username", "Email") if one.get(name))
            if not found.rest:
                return
            found = self.more(found.rest)

    def company(self, name: str) -> str:
        """Return the id of the account with exactly this name; empty: there is none, or several."""
        if name not in self._accounts:
            where = f"WHERE Name = {quoted(name)} AND IsDeleted = false LIMIT 2"
            found = self.query(soql("Id", "Account", where)).rows
            self._accounts[name] = str(found[0]["Id"]) if len(found) == 1 else ""
        return self._accounts[name]

    # --- one request ----------------------------------------------------------------------------------------------

    def _asked(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None, polls: bool = False
    ) -> Any:
        rests = polls and self.tools.lane is not Lane.INTERACTIVE
        self.tools.spend((*self.limits, self.polling) if rests else self.limits, 1)
        try:
            content = self._sent(method, path, params or {}, body)
        except LimitedError as error:
            self.tools.limited((*self.limits, self.polling), error.retry_after or REST_S)
            raise
        if not content:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise RetryLaterError(f"{_WHOSE} is no JSON.") from None

    def _sent(self, method: str, path: str, params: Mapping[str, str], body: Any) -> bytes:
        """Ask; a token that is refused is refreshed once."""
        for last in (False, True):
            token = self.tools.access_token(
                lambda grant: auth.refreshed(self.settings, grant), refused=self._refused, first=auth.FIRST
            )
            answer, content = self._once(method, path, params, body, token)
            small = {name.lower(): value for name, value in answer.headers.items()}
            self.asked_at = _moment(small.get("date", ""))
            self._notice(small)
            if answer.ok and answer.status_code < 300:
                return content
            error = error_of(answer.status_code, small, content)
            if not isinstance(error, AuthError) or last:
                raise error
            self._refused = token
        raise AssertionError  # the loop returns or raises

    def _once(
        self, method: str, path: str, params: Mapping[str, str], body: Any, token: str
    ) -> tuple[requests.Response, bytes]:
        sent = {
            "Accept": "application/json", "Authorization": f"Bearer {token}",
            "Sforce-Query-Options": f"batchSize={self.settings.page_size}",
            # Whether somebody is there the hub asked before; a rule that only warns stops no write.
            "Sforce-Duplicate-Rule-Header": "allowSave=true",
        }  # fmt: skip
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            answer = self._session.request(
                method, f"{self.settings.site}{path}", params=params, data=data, headers=sent,
                timeout=self.settings.timeout_s, stream=True, allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Salesforce's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"Salesforce cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(content) > LARGEST:
            raise RejectedError(f"{_WHOSE} is larger than {LARGEST} bytes.")
        return answer, content

    def _notice(self, headers: Mapping[str, str]) -> None:
        """Heed how much is left of the day; the minute we count ourselves."""
        found = _USAGE.search(headers.get("sforce-limit-info", ""))
        if found is None:
            return
        self.usage = int(found[1]), int(found[2])
        if self.usage[1] - self.usage[0] <= self.settings.day_reserve:
            self.tools.limited((self.polling,), REST_S)

    def _rows(self, told: Any) -> Rows:
        rows = told.get("records") if isinstance(told, dict) else None
        if not isinstance(rows, list) or not all(isinstance(one, dict) and is_id(one.get("Id")) for one in rows):
            raise RetryLaterError(f"{_WHOSE} is no list of records.")
        rest = "" if told.get("done") is True else told.get("nextRecordsUrl")
        if not isinstance(rest, str) or (rest and not _LOCATOR.fullmatch(rest)):
            raise RetryLaterError(f"{_WHOSE} does not say where it goes on.")
        total = told.get("totalSize")
        return Rows(rows, rest, total if isinstance(total, int) else 0)

    def _made(self, method: str, path: str, values: Mapping[str, Any]) -> str:
        with settling(self.settings.timeout_s):
            told = self._asked(method, path, body=values)
            found = told.get("id") if isinstance(told, dict) else None
            if not is_id(found):
                raise RetryLaterError(f"{_WHOSE} does not say what was made.")
            return str(found)


def is_id(value: Any) -> bool:
    """Say whether something is an id of Salesforce, short or long."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def checked(remote_id: str) -> str:
    """Return an id as it is. Raises GoneError: it is none."""
    if not is_id(remote_id):
        raise GoneError("Salesforce has no such id.")
    return remote_id


def quoted(text: str) -> str:
    r"""Write a text for SOQL, in which `\` and `'` mean something; controls are left out.

    Source: https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
    """
    return "'" + _CONTROLS.sub("", text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def soql(fields: str, entity: str, rest: str = "") -> str:
    """Put a query together. Texts in `rest` went through `quoted`; all else is the connector's own, or a checked setting."""
    return f"SELECT {fields} FROM {entity} {rest}".rstrip()  # noqa: S608 - SOQL, and its parts are as said above


def listed(texts: Sequence[str]) -> str:
    """Write texts for `IN`."""
    return f"({', '.join(map(quoted, texts))})"


def written(moment: datetime) -> str:
    """Write a time as Salesforce wants it, in SOQL and in JSON."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_iso(text: Any) -> datetime:
    """Read a time of the hub. Raises RejectedError: it is none, or nobody knows of which zone."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise RejectedError(f"{str(text)[:40]!r} is no moment.") from None
    if moment.tzinfo is None:
        raise RejectedError(f"{str(text)[:40]!r} has no zone.")
    return moment.astimezone(UTC)


def _moment(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (ValueError, TypeError):
        return None
