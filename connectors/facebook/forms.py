"""Pages and their lead forms: which there are, how often each is looked at, and what a form asks.

What was published of a form never changes; an edited one is a copy with another id. So the text of a form is asked for
once and kept for an hour, and new forms are looked for all the time.
Sources: https://developers.facebook.com/docs/graph-api/reference/page/leadgen_forms,
https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.facebook.client import PAGE, Answer, Client, after_of, entries, place
from connectors.facebook.errors import BadQuestionError
from connectors.facebook.settings import FacebookSettings
from hub.errors import GoneError, ScopeError

LISTED = "id,name,status,created_time,leads_count,organic_leads_count,expired_leads_count"
# Of what is no simple value Graph shows by itself hardly more than the id.
TEXT = "id,name,locale,questions,legal_content{id,privacy_policy,custom_disclaimer},privacy_policy_url,tracking_parameters,page{id,name}"
_KEPT = ("id", "name", "locale", "questions", "legal_content", "privacy_policy_url", "tracking_parameters")
DRAFT, ACTIVE = "DRAFT", "ACTIVE"
# Meta allows 4,800 calls in 24 hours for each lead of a page's last 90 days; a quarter of them is for polling.
# Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving#rate-limits
CALLS_PER_LEAD = 4_800
POLLING = 0.25
SHORTEST = timedelta(seconds=60)
OF_ARCHIVED = timedelta(hours=6)  # nobody sees the form any more, but what was sent may show late
KEPT_S = 3_600.0
MOST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Page:
    """A page, as far as we may know it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form, as the listing of its page shows it."""

    id: str
    name: str
    status: str
    leads: int | None  # all that ever were; None: not said
    expired: int
    organic: int | None = None
    created_at: datetime | None = None

    @property
    def there(self) -> int:
        """How many of its leads Meta still has."""
        return max(0, (self.leads or 0) - self.expired)

    @property
    def is_read(self) -> bool:
        """Say whether there may be leads: of those that nobody sees any more, whether some are still there."""
        return self.status != DRAFT and (self.status == ACTIVE or self.leads is None or self.there > 0)


def pages(settings: FacebookSettings, person: Client) -> list[Page]:
    """Return the pages that are wanted; those that are named and that nobody shows us are among them, without a name.

    Raises:
        ConnectorError: Meta cannot be asked, or lets nobody in.
    """
    return _wanted(settings, person.all("/me/accounts", {"fields": "id,name"}))


def some_pages(settings: FacebookSettings, person: Client) -> tuple[list[Page], bool]:
    """Return the first of them, and whether there are more: one question, for somebody who waits. Raises as `pages`."""
    answer = person.get("/me/accounts", {"fields": "id,name", "limit": str(PAGE)})
    return _wanted(settings, entries(answer)), bool(after_of(answer))


def forms(client: Client) -> list[Form]:
    """Return all forms of a page, archived and deleted ones too. Raises ConnectorError: as of `Client.get`."""
    return [
        _form(one) for one in client.all(f"/{place(client.mailbox)}/leadgen_forms", {"fields": LISTED}) if one.get("id")
    ]


def interval(forms: int, leads: int) -> timedelta:
    """Return how often each form of a page is looked at, so that all together take a quarter of what Meta allows.

    Args:
        forms: that are looked at.
        leads: of the last 90 days.
    """
    return max(SHORTEST, timedelta(seconds=86_400 * forms / (POLLING * CALLS_PER_LEAD * max(1, leads))))


def intervals(found: Sequence[Form]) -> dict[str, timedelta]:
    """Return how often each form of a page is looked at, by its id."""
    every = interval(sum(one.status == ACTIVE for one in found), sum(one.there for one in found))
    return {one.id: every if one.status == ACTIVE else max(every, OF_ARCHIVED) for one in found}


def _wanted(settings: FacebookSettings, shown: Iterable[Answer]) -> list[Page]:
    known = {str(one["id"]): Page(str(one["id"]), _text(one.get("name"))) for one in shown if one.get("id")}
    if not settings.wanted_pages:
        return list(known.values())
    return [known.get(page, Page(page, "")) for page in settings.wanted_pages]


class Texts:
    """What forms ask and which page they are of, as payloads of leads carry it. One for a process, kept for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str], tuple[float, Mapping[str, Any]]] = OrderedDict()

    def of(self, client: Client, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return `{"form": …, "page": …}` by the id of the form; of one that is not shown, no more than the ids.

        A person is more urgent than the text of a form: what is refused here is asked for again with the next lead.

        Raises:
            RetryLaterError, AuthError: as of `Client.get`.
        """
        wanted = list(dict.fromkeys(ids))
        found = {one: text for one in wanted if (text := self._remembered(client, one)) is not None}
        unknown = [one for one in wanted if one not in found]
        try:
            told = client.many(unknown, TEXT) if unknown else {}
        except (ScopeError, BadQuestionError, GoneError):
            told = {}
        for one, answer in told.items():
            found[one] = self._remember(client, one, _payload(client.mailbox, answer))
        return {one: found.get(one) or _payload(client.mailbox, {"id": one}) for one in wanted}

    def forget(self) -> None:
        """Ask anew from now on."""
        with self._lock:
            self._known.clear()

    def _remembered(self, client: Client, form: str) -> Mapping[str, Any] | None:
        with self._lock:
            at, text = self._known.get(_key(client, form), (0.0, None))
        return text if text is not None and time.monotonic() - at < KEPT_S else None

    def _remember(self, client: Client, form: str, text: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            self._known[_key(client, form)] = time.monotonic(), text
            self._known.move_to_end(_key(client, form))
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return text


TEXTS = Texts()


def _key(client: Client, form: str) -> tuple[str, str, str]:
    # Two accounts of one hub may be let in by different people; what one may see the other is not shown from here.
    return f"{client.settings.base} {client.settings.app_id} {client.settings.address}", client.mailbox, form


def _payload(page: str, answer: Answer) -> Mapping[str, Any]:
    shown = answer.get("page")
    name = shown.get("name") if isinstance(shown, dict) and str(shown.get("id", page)) == page else None
    return {
        "form": {key: answer[key] for key in _KEPT if key in answer},
        "page": {"id": page, "name": _text(name)},
    }


def _form(told: Answer) -> Form:
    return Form(
        str(told["id"]),
        _text(told.get("name")),
        _text(told.get("status")).upper() or ACTIVE,
        _count(told.get("leads_count")),
        _count(told.get("expired_leads_count")) or 0,
        _count(told.get("organic_leads_count")),
        _moment(told.get("created_time")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    try:
        told = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return told if told is not None and told.tzinfo else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
