"""Test leads: which leads nobody sent.

Those of Meta's testing page have words of its own in them; those of a form's preview look like anybody's, and only the
list of a form's test leads says what they are. So of leads that are new to this process it is asked for once.
Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/testing-troubleshooting
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from connectors.facebook.client import Answer, Client, place
from connectors.facebook.errors import BadQuestionError
from connectors.facebook.transforms import is_test
from hub.errors import GoneError, RetryLaterError, ScopeError

MOST = 50_000  # leads of which it is known
_Key = tuple[str, str, str, str]


class Samples:
    """What is known of leads. One for a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[_Key, bool] = OrderedDict()

    def among(self, client: Client, form: str, leads: Sequence[Answer], *, surely: bool) -> frozenset[str]:
        """Return the ids of test leads among some leads of a form, as far as Meta says.

        Args:
            surely: nobody waits for these leads, so where Meta cannot say now they are asked for again.

        Raises:
            RetryLaterError: with `surely`.
            AuthError: as of `Client.get`.
        """
        ids = [str(one["id"]) for one in leads if one.get("id") and not is_test({"lead": one})]
        unknown = [one for one in ids if self._remembered(client, one) is None]
        if unknown and form.isdecimal():
            try:
                tests = of_form(client, form, polls=surely)
            except (ScopeError, BadQuestionError, GoneError):
                tests = frozenset()  # nobody tells us, and people must not wait for it
            except RetryLaterError:
                if surely:
                    raise
                unknown = []
            for one in unknown:
                self._remember(client, one, is_sample=one in tests)
        return frozenset(one for one in ids if self._remembered(client, one))

    def forget(self) -> None:
        """Ask anew from now on."""
        with self._lock:
            self._known.clear()

    def _remembered(self, client: Client, lead: str) -> bool | None:
        with self._lock:
            return self._known.get(_key(client, lead))

    def _remember(self, client: Client, lead: str, *, is_sample: bool) -> None:
        with self._lock:
            self._known[_key(client, lead)] = is_sample
            while len(self._known) > MOST:
                self._known.popitem(last=False)


SAMPLES = Samples()


def of_form(client: Client, form: str, *, polls: bool = False) -> frozenset[str]:
    """Return the ids of a form's test leads. Raises ConnectorError: as of `Client.get`."""
    listed = client.all(f"/{place(form)}/test_leads", {"fields": "id"}, polls=polls)
    return frozenset(str(one["id"]) for one in listed if one.get("id"))


def _key(client: Client, lead: str) -> _Key:
    return client.settings.base, client.settings.app_id, client.mailbox, lead
