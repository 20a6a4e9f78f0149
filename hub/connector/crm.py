"""What a CRM offers beside its streams: writers of what happened with its customers, and who is there already.

`Remote.writer` takes these kinds of records; a remote that has `INTERACTIONS` is a CRM. Writers do `Writer`'s work; values:

`INTERACTIONS`: `party` and `company` (remote ids; None: nobody), `kind` (one of `KINDS`), `direction` (inbound, outbound or
    empty), `title`, `body` (plain text, may be empty), `started_at`, `ended_at` (ISO 8601 in UTC; the end may be None),
    `outcome` (answered, missed, busy, failed, voicemail or empty), `number` (E.164 or empty), `url` (of the hub's page),
    `owner_email` (who of ours; may be empty).
`LEADS`: `party`, `company`, `title`, `name`, `email`, `phone`, `source`, `campaign`, `body`, `url`, `owner_email`.
`TASKS`: `party`, `title`, `body`, `due_at` (ISO 8601 in UTC), `owner_email`, `done`.
`CONTACTS`: `name`, `given`, `family`, `emails` and `phones` (each `{"value", "label"}`), `company` (a name), `job_title`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from hub.connector.stream import Writer, Written

INTERACTIONS, LEADS, TASKS, CONTACTS = "interactions", "leads", "tasks", "contacts"
COMPANIES = "companies"  # read only; where a CRM keeps them with its people, they are contacts
KINDS = ("call", "email", "meeting", "message", "note", "document", "payment")


@runtime_checkable
class KnowsPeople(Protocol):
    """What a CRM's remote offers besides."""

    def people(self, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
        """Return remote ids of people with one of these, the oldest first, with one request.

        Args:
            phones: E.164.

        Raises:
            ConnectorError: not now.
        """


@runtime_checkable
class FindsWritten(Writer, Protocol):
    """A writer of a remote that can find by its key what it wrote: the hub asks it before a second try."""

    def find(self, key: str, values: Mapping[str, Any]) -> Written | None:
        """Return what `create` made with this key; None: nothing was made.

        Args:
            values: with which it was, or is to be, made.

        Raises:
            ConnectorError: nobody knows.
        """


@runtime_checkable
class HasRecordUrls(Protocol):
    """What a remote may offer besides: where a person opens a record there."""

    def record_url(self, records: str) -> str:
        """Return a template with `{external_id}` for a kind of records, such as `CONTACTS`; empty: they have no page."""
