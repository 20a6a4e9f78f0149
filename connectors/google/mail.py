"""Mail of one mailbox: first what concerns known customers, asked for by their addresses; then what changed.

Nothing is listed that nobody asked for: a query per few customers costs less than reading a mailbox, and what does not
concern a customer is never fetched. What comes in later is fetched, looked at, and kept only if it does.
Sources: https://developers.google.com/workspace/gmail/api/guides/sync,
https://support.google.com/mail/answer/7190 (search operators)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from connectors.google import files, letters
from connectors.google.client import Client
from hub.connector import newcomers
from hub.connector.sift import Verdict
from hub.connector.stream import Change, Cursor, Filtered, Gone, Limit, Page, Phase, Upsert
from hub.errors import ConnectorError, CursorExpired, GoneError, RejectedError, ShapeError
from hub.records.mail import Mail

RECORDS = "mail"
LISTED = 500  # the most that one page of ids may have
ASKED = 20  # customers of one query
FETCHED = 50  # messages of one page: one batch
# Units: https://developers.google.com/workspace/gmail/api/reference/quota
COST = {"profile": 1, "history": 2, "list": 5, "get": 20, "file": 20, "labels": 1}
_KINDS = ["messageAdded", "messageDeleted", "labelAdded", "labelRemoved"]
# Labels that come and go while people read; they say nothing that the hub keeps.
_PASSING = {"UNREAD", "STARRED", "IMPORTANT"}


@dataclass(frozen=True)
class MailStream:
    """The mail of one mailbox."""

    client: Client
    key: str
    title: str
    mailbox: str
    records: str
    every: timedelta
    asked: str = "matched 1"
    full_every: timedelta | None = None

    def begin(self) -> Cursor:
        """Return a cursor whose anchor is older than anything that the listing will miss."""
        return Cursor(anchor=self._anchor(), rest=newcomers.everybody(datetime.now(UTC)))

    def pull(self, cursor: Cursor) -> Page:
        """Return a page: older mail of customers where there are any to ask for, else what changed."""
        if cursor.phase is Phase.FULL:
            return self._older(cursor)
        if cursor.rest.get("until"):
            return self._older(cursor)
        if not cursor.page and (rest := self._newcomers(cursor.rest)) is not None:
            return Page((), replace(cursor, rest=rest), more=True)
        return self._changed(cursor)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single messages."""
        return self._looked_at(remote_ids)

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all mail since a moment, whoever it is from: each was looked at, so each must be known."""
        ids: set[str] = set()
        page = ""
        while True:
            asked = {"userId": "me", "maxResults": LISTED, "q": f"after:{int(since.timestamp())} -in:drafts"}
            pages = {"pageToken": page} if page else {}
            request = self.client.gmail.users().messages().list(**asked, **pages)
            answer = self.client.call(request, self.limits, COST["list"])
            ids |= {str(one["id"]) for one in _entries(answer, "messages")}
            if answer.get("nextPageToken", "") in {"", page}:
                return frozenset(ids)
            page = answer["nextPageToken"]

    # --- files ----------------------------------------------------------------------------------------------------

    def file(self, remote_id: str, number: str) -> Iterator[bytes]:
        """Return a file of a message; Gmail names it anew at each reading, so the message is asked for first."""
        api = self.client.gmail.users().messages()
        message = self.client.call(api.get(userId="me", id=remote_id, format="full"), self.limits, COST["get"])
        body = files.body(message.get("payload"), number)
        if isinstance(data := body.get("data"), str):
            yield from files.decoded([data.encode("ascii", "replace")])
        elif name := body.get("attachmentId"):
            wanted = api.attachments().get(userId="me", messageId=remote_id, id=str(name))
            answer = self.client.blocks(wanted, self.limits, COST["file"])
            yield from files.decoded(files.data_of(answer))
        elif body.get("size"):
            raise RejectedError(f"Gmail has no content for part {number} of this mail.")

    # --- older mail of known customers ----------------------------------------------------------------------------

    def _older(self, cursor: Cursor) -> Page:
        """List mail of some customers and fetch it, fifty at a time."""
        rest = dict(cursor.rest)
        waiting = list(rest.get("ids", []))
        if not waiting:
            addresses = rest.get("asking") or self._next_customers(rest)
            if not addresses:
                return self._listed_all(cursor)
            answer = self._list(addresses, cursor.page)
            waiting = [str(one["id"]) for one in _entries(answer, "messages")]
            following = str(answer.get("nextPageToken", ""))
            rest |= {"asking": addresses if following else [], "after": addresses[-1], "following": following}
        some, left = waiting[:FETCHED], waiting[FETCHED:]
        changes = self._looked_at(some) if some else []
        page = cursor.page if left else str(rest.get("following", ""))
        return Page(changes, replace(cursor, page=page, rest={**rest, "ids": left}), more=True)

    def _listed_all(self, cursor: Cursor) -> Page:
        """Go on to what changed. The listing was one of questions: what it did not show is not gone."""
        rest = newcomers.asked(cursor.rest)
        following = Cursor(Phase.INCREMENTAL, cursor.token or cursor.anchor, asked=cursor.asked, rest=rest)
        is_done = cursor.phase is Phase.FULL
        return Page((), following, more=not is_done, complete=False)

    def _next_customers(self, rest: Mapping[str, Any]) -> list[str]:
        since = datetime.fromisoformat(rest["since"]) if rest.get("since") else None
        until = datetime.fromisoformat(rest["until"])
        return list(self.client.tools.customers(since, until, after=str(rest.get("after", "")), limit=ASKED))

    def _newcomers(self, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return whom to ask for: customers who became known since the last look; their older mail comes first."""

        def exists(since: datetime | None, until: datetime) -> bool:
            return bool(self.client.tools.customers(since, until, after="", limit=1))

        return newcomers.to_ask(rest, exists, datetime.now(UTC)) if "known" in rest else None

    def _list(self, addresses: Sequence[str], page: str) -> dict[str, Any]:
        asked = {"userId": "me", "maxResults": LISTED, "q": _query(addresses), **({"pageToken": page} if page else {})}
        return self.client.call(self.client.gmail.users().messages().list(**asked), self.limits, COST["list"])

    # --- what changed ---------------------------------------------------------------------------------------------

    def _changed(self, cursor: Cursor) -> Page:
        asked = {"userId": "me", "startHistoryId": cursor.token, "maxResults": LISTED, "historyTypes": _KINDS}
        page = {"pageToken": cursor.page} if cursor.page else {}
        request = self.client.gmail.users().history().list(**asked, **page)
        try:
            answer = self.client.call(request, self.limits, COST["history"])
        except GoneError as error:
            raise CursorExpired(str(error)) from error
        touched, deleted = _told(_entries(answer, "history"))
        changes = [*self._looked_at([one for one in touched if one not in deleted]), *map(Gone, deleted)]
        following = str(answer.get("nextPageToken", ""))
        if following:
            return Page(changes, replace(cursor, page=following), more=True)
        token = str(answer.get("historyId", ""))
        return Page(changes, replace(cursor, token=token, page=""), more=False)

    # --- messages -------------------------------------------------------------------------------------------------

    def _looked_at(self, ids: Sequence[str]) -> list[Change]:
        """Fetch messages, and keep or filter each."""
        api = self.client.gmail.users().messages()
        asked = {one: api.get(userId="me", id=one, format="full") for one in ids}
        answers = self.client.call_all(asked, self.limits, COST["get"]) if asked else {}
        changes: list[Change] = []
        fetched: list[tuple[str, dict[str, Any]]] = []
        for remote_id in ids:
            answer = answers[remote_id]
            if isinstance(answer, GoneError):
                changes.append(Gone(remote_id))
            elif isinstance(answer, ConnectorError | ShapeError):
                raise answer
            else:
                fetched.append((remote_id, answer))
        return [*changes, *self._sifted(fetched)]

    def _sifted(self, fetched: Sequence[tuple[str, dict[str, Any]]]) -> list[Change]:
        mails = [self._read(message) for _, message in fetched]
        verdicts = iter(self.client.tools.sift(self.mailbox, [mail for mail in mails if mail is not None]))
        return [
            _verdict(remote_id, message, mail, next(verdicts)) if mail is not None else Upsert(remote_id, message)
            for (remote_id, message), mail in zip(fetched, mails, strict=True)
        ]

    def _read(self, message: dict[str, Any]) -> Mail | None:
        """Return the mail; None for what cannot be read: it is kept, set aside by its mapping, and somebody sees it."""
        try:
            return letters.read(message, self._label_names(message.get("labelIds", [])))
        except (ShapeError, ValueError, TypeError):
            return None

    def _label_names(self, labels: Iterable[str]) -> Mapping[str, str]:
        """Return the names of the mailbox's own labels, asked for once and only where a message has one."""
        return self._labels if any(str(label).startswith("Label_") for label in labels) else {}

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        answer = self.client.call(self.client.gmail.users().labels().list(userId="me"), self.limits, COST["labels"])
        return {str(one.get("id")): str(one.get("name")) for one in _entries(answer, "labels")}

    def _anchor(self) -> str:
        answer = self.client.call(self.client.gmail.users().getProfile(userId="me"), self.limits, COST["profile"])
        if not answer.get("historyId"):
            raise ShapeError("Gmail's profile has no historyId")
        return str(answer["historyId"])  # a number too large for any column of ours: it stays text

    @property
    def limits(self) -> Sequence[Limit]:
        settings = self.client.settings
        return (
            Limit(f"google:gmail:{self.mailbox}", settings.mail_units_per_minute),
            Limit(f"google:gmail-project:{settings.project}", settings.mail_project_units_per_minute, is_shared=True),
        )


def stream(client: Client) -> MailStream:
    """Return the mail of the client's mailbox."""
    return MailStream(
        client=client,
        key=f"{RECORDS}:{client.mailbox}",
        title=f"Mail of {client.mailbox}" if client.mailbox else "Mail",
        mailbox=client.mailbox,
        records=f"{RECORDS}:{client.mailbox}",
        every=timedelta(seconds=client.settings.every_s),
    )


def _verdict(remote_id: str, message: dict[str, Any], mail: Mail, verdict: Verdict) -> Change:
    if verdict.keep:
        return Upsert(remote_id, message)
    return Filtered(remote_id, str(verdict.reason), mail.at.date() if mail.at else None)


def _query(addresses: Sequence[str]) -> str:
    """Ask for everything from or to one of some addresses; braces mean "or"."""
    return "{" + " ".join(f"{field}:{one}" for one in addresses for field in ("from", "to", "cc", "bcc")) + "}"


def _told(history: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return which messages came or changed in a way that matters, and which were deleted for good."""
    touched: dict[str, None] = {}
    deleted: dict[str, None] = {}
    for entry in history:
        for kind in ("messagesAdded", "labelsAdded", "labelsRemoved", "messagesDeleted"):
            for one in entry.get(kind, []):
                message_id = str(one["message"]["id"])
                if kind == "messagesDeleted":
                    deleted[message_id] = None
                elif kind == "messagesAdded" or not _PASSING.issuperset(one.get("labelIds", [])):
                    touched[message_id] = None
    return list(touched), list(deleted)


def _entries(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    entries = answer.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ShapeError(f"Gmail's list of {name} is none")
    return entries
