"""Requests to Pipedrive's API: through our limits, with the user's token, and its refusals as ours.

Sources: https://pipedrive.readme.io/docs/core-api-concepts-authentication,
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting, https://pipedrive.readme.io/docs/core-api-concepts-custom-fields
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connectors.pipedrive.errors import error_of, told_of
from connectors.pipedrive.settings import PipedriveSettings
from hub.connector.http import Session, blocks
from hub.connector.settling import settling
from hub.connector.stream import Limit, Tools
from hub.errors import LimitedError, RejectedError, RetryLaterError, ShapeError

LARGEST = 30 * 2**20  # bytes of one answer
KEY_FIELD, TEXT_FIELD = "Hub key", "Hub text"  # custom fields that the hub makes
_PLACE = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_WHOSE = "Pipedrive's answer"

Answer = dict[str, Any]


class Client:
    """One Pipedrive account; its users and custom fields are asked for once in its life."""

    def __init__(self, settings: PipedriveSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.asked_at: datetime | None = None  # when Pipedrive's clock said so, of the last answer
        self._session = Session(settings.ca)
        self._owners: Mapping[str, int] | None = None
        self._fields: dict[str, dict[str, str]] = {}

    @property
    def limits(self) -> Sequence[Limit]:
        """What may be asked of this account."""
        return (Limit(f"pipedrive:{self.settings.base}", self.settings.requests_per_minute),)

    # --- requests -------------------------------------------------------------------------------------------------

    def ask(self, http: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """Ask for something, or do it.

        Raises:
            ConnectorError: one of them, see `errors.error_of`; RetryLaterError where it may have been done, too.
        """
        if not _PLACE.fullmatch(path) or "/.." in path:
            raise ShapeError(f"{path[:60]!r} is no place of Pipedrive's API")
        self.tools.spend(self.limits, 1)
        try:
            with settling(self.settings.timeout_s, writes=http != "GET"):
                return self._once(http, path, params or {}, body)
        except LimitedError as error:
            self.tools.limited(self.limits, error.retry_after or 1.0)
            raise

    def _once(self, http: str, path: str, params: Mapping[str, str], body: Any) -> Answer:
        headers = {"Accept": "application/json", "x-api-token": self.settings.api_token.get_secret_value()}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            # A half of a surrogate pair, which a hostile text may have, cannot be sent as UTF-8.
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        try:
            answer = self._session.request(
                http, f"{self.settings.base}{path}", params=params, data=data, headers=headers,
                timeout=self.settings.timeout_s, stream=True, allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Pipedrive's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"Pipedrive cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(content) > LARGEST:
            raise RejectedError(f"{_WHOSE} is larger than {LARGEST} bytes.")
        self.asked_at = _moment(answer.headers.get("date", ""))
        told = told_of(content)
        is_good = requests.codes.ok <= answer.status_code < requests.codes.multiple_choices
        if is_good and isinstance(told, dict) and told.get("success") is True:
            return told
        raise error_of(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, told)

    # --- users and custom fields ---------------------------------------------------------------------------------

    def owner(self, email: str) -> int:
        """Return the id of the user with an address; 0: nobody."""
        if not email:
            return 0
        if self._owners is None:
            users = rows(self.ask("GET", "/v1/users"))
            self._owners = {
                str(one.get("email") or "").lower(): int(one["id"]) for one in users if one.get("active_flag")
            }
        return self._owners.get(email.strip().lower(), 0)

    def field(self, kind: str, name: str) -> str:
        """Return the code of a custom field of `person` or `deal`; it is made where there is none of that name."""
        if kind not in self._fields:
            listed = rows(self.ask("GET", f"/api/v2/{kind}Fields", params={"limit": "500"}))
            self._fields[kind] = {str(one.get("field_name")): str(one.get("field_code")) for one in reversed(listed)}
        known = self._fields[kind]
        if name not in known:
            del self._fields[kind]  # where the answer is lost, the next one looks whether it was made
            body = {"field_name": name, "field_type": "text" if name == TEXT_FIELD else "varchar"}
            made = row(self.ask("POST", f"/api/v2/{kind}Fields", body=body))
            known = self._fields[kind] = {**known, name: str(made.get("field_code"))}
        return known[name]


def rows(answer: Answer) -> list[Answer]:
    """Return the records of an answer; Pipedrive writes an empty list as null.

    Raises:
        RetryLaterError: it has none.
    """
    listed = answer.get("data") or []
    if not isinstance(listed, list) or any(not isinstance(one, dict) for one in listed):
        raise RetryLaterError(f"{_WHOSE} has no list.")
    return listed


def row(answer: Answer) -> Answer:
    """Return the one record of an answer.

    Raises:
        RetryLaterError: it has none.
    """
    one = answer.get("data")
    if not isinstance(one, dict):
        raise RetryLaterError(f"{_WHOSE} has no record.")
    return one


def next_of(answer: Answer) -> str:
    """Return the cursor of the next page; empty: this was the last."""
    more = answer.get("additional_data")
    return str(more.get("next_cursor") or "") if isinstance(more, dict) else ""


def _moment(text: str) -> datetime | None:
    """Read the header Date."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
