"""Sending through Outlook: a draft first, which is marked when it is whole, then sent.

Graph knows no keys of ours and may give a mail another Message-ID, and most often the draft keeps its id when it is
sent. So a property of ours on the draft says which sending it is; where a try may have reached Graph before, the mailbox
is asked for it first. A draft without the mark was cut off before it was whole: it is thrown away.
Sources: https://learn.microsoft.com/graph/outlook-send-mime-message, https://learn.microsoft.com/graph/api/message-send,
https://learn.microsoft.com/graph/outlook-immutable-id#immutable-id-with-sending-mail,
https://learn.microsoft.com/graph/api/resources/extended-properties-overview
"""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from connectors.microsoft import listing
from connectors.microsoft.client import Client
from connectors.microsoft.sifting import path
from connectors.microsoft.upload import upload
from hub.connector.stream import Written
from hub.errors import GoneError, RejectedError, RetryLaterError, ShapeError

# The namespace of public names. Case matters in it.
MARK = "String {00020329-0000-0000-c000-000000000046} Name HubDelivery"
# A whole request may have 4 MB, and base64 makes four bytes of three.
# Source: https://learn.microsoft.com/graph/api/user-post-messages, https://learn.microsoft.com/graph/outlook-large-attachments
LARGEST_RAW = 2_900_000
LARGEST_FILE = 2_900_000
# "Getting the message in Sent Items may not succeed immediately": so long, what was sent may be nowhere to be found.
ON_ITS_WAY = timedelta(minutes=2)
_KEEP = policy.SMTP.clone(refold_source="none", max_line_length=None)


@dataclass(frozen=True)
class MailWriter:
    """The outgoing mail of one mailbox (`hub.connector.stream.Writer`)."""

    client: Client

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Send a message.

        Args:
            values: `raw` bytes, `again`: it may have been sent before, but not before the moment `since`. The conversation
                follows from the References in the bytes.
            key: becomes a property of the message, which stays in this mailbox.
        """
        message = BytesParser(policy=_KEEP).parsebytes(values["raw"])
        draft_id = ""
        if values["again"]:
            found = self._made_before(key, str(message["Message-ID"]))
            if sent := next((one for one in found if not one.get("isDraft")), None):
                return Written(str(sent["id"]))
            draft_id = next((str(one["id"]) for one in found), "")
            if not draft_id and datetime.now(UTC) - values["since"] < ON_ITS_WAY:
                raise RetryLaterError(
                    "Microsoft may be sending this mail still.", retry_after=ON_ITS_WAY.total_seconds()
                )
        return self._send(draft_id or self._draft(values["raw"], message, key))

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        del remote_id, values, version, key
        raise RejectedError("What was sent cannot be changed.")

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        del remote_id, version, key
        raise RejectedError("The hub deletes no mail.")

    def _send(self, draft_id: str) -> Written:
        try:
            self.client.send("POST", f"{path(draft_id)}/send")
        except GoneError as error:
            raise RetryLaterError("The draft went away while it was sent.") from error
        except RejectedError:
            if self._is_draft(draft_id):
                self._throw_away(draft_id)
                raise
        return Written(draft_id)

    def _draft(self, raw: bytes, message: EmailMessage, key: str) -> str:
        """Put the whole message among the drafts, and mark it."""
        files = _taken_out(message) if len(raw) > LARGEST_RAW else []
        content = message.as_bytes() if files else raw
        answer = self.client.post_raw("/messages", base64.b64encode(content), "text/plain")
        if not answer.get("id"):
            raise ShapeError("Microsoft's answer to a draft has no id")
        draft_id = str(answer["id"])
        try:
            for part in files:
                self._attach(draft_id, part)
            marked = {"singleValueExtendedProperties": [{"id": MARK, "value": key}]}
            self.client.send("PATCH", path(draft_id), marked)
        except RejectedError:
            self._throw_away(draft_id)
            raise
        return draft_id

    def _attach(self, draft_id: str, part: EmailMessage) -> None:
        name, media_type = part.get_filename() or "attachment", part.get_content_type()
        content = _content(part)
        where = f"{path(draft_id)}/attachments"
        if len(content) > LARGEST_FILE:
            upload(self.client, where, content, name=name, media_type=media_type)
            return
        told = {"@odata.type": "#microsoft.graph.fileAttachment", "name": name, "contentType": media_type}
        self.client.send("POST", where, {**told, "contentBytes": base64.b64encode(content).decode()})

    def _made_before(self, key: str, message_id: str) -> Sequence[Mapping[str, Any]]:
        """Return what a try before this one left: the draft, or the mail that became of it."""
        marked = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq '{_literal(key)}')"
        if found := self._listed(marked):
            return found
        named = self._listed(f"internetMessageId eq '{_literal(message_id)}'")
        for one in named:
            if one.get("isDraft"):
                self._throw_away(str(one["id"]))
        return [one for one in named if not one.get("isDraft")]

    def _listed(self, condition: str) -> list[dict[str, Any]]:
        asked = {"$filter": condition, "$select": "id,isDraft"}
        return list(listing.everything(self.client, "/messages", asked, "messages"))

    def _is_draft(self, draft_id: str) -> bool:
        try:
            return bool(self.client.get(path(draft_id), {"$select": "isDraft"}).get("isDraft"))
        except GoneError:
            return False

    def _throw_away(self, draft_id: str) -> None:
        """Delete a draft of ours that will not be sent; nobody shall send it by mistake."""
        with suppress(GoneError):
            self.client.send("DELETE", path(draft_id))


def writer(client: Client, records: str) -> MailWriter:
    """Return what sends from the client's mailbox."""
    del records
    return MailWriter(client)


def _literal(text: str) -> str:
    """Write a text as OData takes it between quotes."""
    return text.replace("'", "''")


def _taken_out(message: EmailMessage) -> list[EmailMessage]:
    """Take the files out of a message that would be too large with them."""
    if message.get_content_type() != "multipart/mixed":
        return []
    parts: list[EmailMessage] = message.get_payload()  # type: ignore[assignment]  # of a multipart
    files = [one for one in parts if one.get_content_disposition() == "attachment"]
    message.set_payload([one for one in parts if one not in files])
    return files


def _content(part: EmailMessage) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else part.as_bytes()
