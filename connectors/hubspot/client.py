"""Requests to HubSpot's API: through our limits, with the private app's token, and its refusals as ours.

Sources: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines,
https://developers.hubspot.com/docs/api-reference/crm-owners-v3/guide
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connectors.hubspot.errors import error_of, told_of
from connectors.hubspot.settings import HubSpotSettings
from hub.connector.http import Session, blocks
from hub.connector.settling import settling
from hub.connector.stream import Limit, Tools
from hub.errors import LimitedError, RejectedError, RetryLaterError, ShapeError

LARGEST = 30 * 2**20  # bytes of one answer
_PLACE = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_WHOSE = "HubSpot's answer"
_MOST_PAGES = 1000  # of a list that is read at once

Answer = dict[str, Any]


class Client:
    """One HubSpot account; owners are asked for once in its life."""

    def __init__(self, settings: HubSpotSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.asked_at: datetime | None = None  # when HubSpot's clock said so, of the last answer
        self._session = Session(settings.ca)
        self._owners: Mapping[str, str] | None = None

    @property
    def limits(self) -> Sequence[Limit]:
        """What one private app may ask."""
        return (Limit(f"hubspot:{self.settings.portal}", self.settings.requests_per_minute),)

    @property
    def searching(self) -> Sequence[Limit]:
        """What all programs together may search."""
        return (*self.limits, Limit(f"hubspot:{self.settings.portal}:search", self.settings.searches_per_minute))

    # --- requests -------------------------------------------------------------------------------------------------

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read something.

        Raises:
            ConnectorError: one of them, see `errors.error_of`.
        """
        return self._limited("GET", path, params or {}, None, self.limits)

    def ask(self, path: str, body: Any) -> Answer:
        """Ask with more than an address can hold; raises as `get`."""
        return self._limited("POST", path, {}, body, self.limits)

    def post(self, path: str, body: Any) -> Answer:
        """Make something; raises as `get`, and RetryLaterError where it may have been made."""
        return self._written("POST", path, body)

    def search(self, kind: str, body: Mapping[str, Any]) -> Answer:
        """Search objects of a kind; raises as `get`."""
        return self._limited("POST", f"/crm/v3/objects/{kind}/search", {}, body, self.searching)

    def patch(self, path: str, body: Any) -> Answer:
        """Change something; raises as `get`."""
        return self._written("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Take something away; raises as `get`."""
        self._written("DELETE", path, None)

    def _written(self, http: str, path: str, body: Any) -> Answer:
        with settling(self.settings.timeout_s):
            return self._limited(http, path, {}, body, self.limits)

    def _limited(self, http: str, path: str, params: Mapping[str, str], body: Any, limits: Sequence[Limit]) -> Answer:
        if not _PLACE.fullmatch(path) or "/.." in path:
            raise ShapeError(f"{path[:60]!r} is no place of HubSpot's API")
        self.tools.spend(limits, 1)
        try:
            return self._once(http, path, params, body)
        except LimitedError as error:
            self.tools.limited(limits, error.retry_after or 1.0)
            raise

    def _once(self, http: str, path: str, params: Mapping[str, str], body: Any) -> Answer:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self.settings.access_token.get_secret_value()}",
        }
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            # A half of a surrogate pair, which a hostile text may have, cannot be sent as UTF-8.
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        try:
            answer = self._session.request(
                http, f"{self.settings.base_url.rstrip('/')}{path}", params=params, data=data, headers=headers,
                timeout=self.settings.timeout_s, stream=True, allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of HubSpot's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"HubSpot cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(content) > LARGEST:
            raise RejectedError(f"{_WHOSE} is larger than {LARGEST} bytes.")
        self.asked_at = _moment(answer.headers.get("date", ""))
        if answer.status_code == requests.codes.no_content:
            return {}
        told = told_of(content)
        is_good = requests.codes.ok <= answer.status_code < requests.codes.multiple_choices
        if is_good and isinstance(told, dict):
            return told
        raise error_of(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, told)

    # --- people of the account -----------------------------------------------------------------------------------

    def owner(self, email: str) -> str:
        """Return the id of who has an address; empty: nobody."""
        if not email:
            return ""
        if self._owners is None:
            found = {str(one.get("email") or "").lower(): str(one["id"]) for one in self._listed_owners()}
            self._owners = {address: number for address, number in found.items() if address}
        return self._owners.get(email.strip().lower(), "")

    def _listed_owners(self) -> Iterator[Answer]:
        after = ""
        for _ in range(_MOST_PAGES):
            answer = self.get("/crm/v3/owners", {"limit": "500", **({"after": after} if after else {})})
            yield from results(answer)
            following = next_of(answer)
            if not following or following == after:
                return
            after = following


def results(answer: Answer) -> list[Answer]:
    """Return the objects of an answer.

    Raises:
        RetryLaterError: it has none.
    """
    listed = answer.get("results")
    if not isinstance(listed, list) or any(not isinstance(one, dict) or not one.get("id") for one in listed):
        raise RetryLaterError(f"{_WHOSE} has no list of objects.")
    return listed


def next_of(answer: Answer) -> str:
    """Return where the next page begins; empty: this was the last."""
    paging = answer.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    return str(following.get("after") or "") if isinstance(following, dict) else ""


def _moment(text: str) -> datetime | None:
    """Read the header Date."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
