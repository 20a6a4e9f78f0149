"""Sending through Gmail.

Gmail knows no keys of ours, and may give a message another Message-ID. A header of ours says which sending it is; where
a try may have reached Gmail before, the mails sent since are looked through for it first.
Source: https://developers.google.com/workspace/gmail/api/guides/sending
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from googleapiclient.http import MediaIoBaseUpload

from connectors.google import mail
from connectors.google.client import Client
from hub.connector.stream import Limit, Written
from hub.errors import GoneError, RejectedError, ShapeError
from hub.records.mail import MARKER_HEADER

CLOCKS = timedelta(minutes=10)  # how far ours may differ from Google's
SEND = 100  # units: https://developers.google.com/workspace/gmail/api/reference/quota


@dataclass(frozen=True)
class MailWriter:
    """The outgoing mail of one mailbox (`hub.connector.stream.Writer`)."""

    client: Client

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Send a message.

        Args:
            values: `raw` bytes, `thread_id` of Gmail or empty, `again`: it may have been sent before, but not before
                the moment `since`.
            key: stands in the message's own header.
        """
        if values["again"] and (sent := self._sent_before(key, values["since"])):
            return Written(sent)
        thread_id = str(values["thread_id"])
        try:
            return self._send(values["raw"], thread_id)
        except (GoneError, RejectedError):
            if not thread_id:
                raise
            return self._send(values["raw"], "")  # the conversation was deleted meanwhile: the mail goes all the same

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        del remote_id, values, version, key
        raise RejectedError("What was sent cannot be changed.")

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        del remote_id, version, key
        raise RejectedError("The hub deletes no mail.")

    def _send(self, raw: bytes, thread_id: str) -> Written:
        media = MediaIoBaseUpload(io.BytesIO(raw), "message/rfc822", resumable=False)
        body = {"threadId": thread_id} if thread_id else {}
        request = self.client.gmail.users().messages().send(userId="me", body=body, media_body=media)
        answer = self.client.call(request, self._limits, SEND)
        if not answer.get("id"):
            raise ShapeError("Gmail's answer to a mail has no id")
        return Written(str(answer["id"]))

    def _sent_before(self, key: str, since: datetime) -> str:
        """Return the message that carries our key; empty where none was sent."""
        messages = self.client.gmail.users().messages()
        query = f"in:sent after:{int((since - CLOCKS).timestamp())}"
        page, pages = "", set[str]()
        while page not in pages:
            pages.add(page)
            asked = messages.list(userId="me", q=query, maxResults=mail.LISTED, pageToken=page or None)
            answer = self.client.call(asked, self._limits, mail.COST["list"])
            found = self._marked(key, [str(one["id"]) for one in answer.get("messages", [])])
            following = answer.get("nextPageToken", "")
            if found or not following:
                return found
            page = following
        raise ShapeError("Gmail's list of what was sent comes back to a page that was read")

    def _marked(self, key: str, remote_ids: Sequence[str]) -> str:
        """Return which of these messages carries our key; empty where none does."""
        messages = self.client.gmail.users().messages()
        asked = {
            one: messages.get(userId="me", id=one, format="metadata", metadataHeaders=[MARKER_HEADER])
            for one in remote_ids
        }
        found = self.client.call_all(asked, self._limits, mail.COST["get"]) if asked else {}
        for remote_id, answer in found.items():
            if isinstance(answer, GoneError):
                continue
            if isinstance(answer, Exception):
                raise answer
            headers = answer.get("payload", {}).get("headers", [])
            if any(one.get("name", "").lower() == MARKER_HEADER.lower() and one["value"] == key for one in headers):
                return remote_id
        return ""

    @property
    def _limits(self) -> Sequence[Limit]:
        return mail.stream(self.client).limits


def writer(client: Client, records: str) -> MailWriter:
    """Return what sends from the client's mailbox."""
    del records
    return MailWriter(client)
