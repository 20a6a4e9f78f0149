"""Sending text from one of our numbers.

Meta knows no keys that keep a message from going out twice, and shows nobody what was sent. So a message whose request
was not answered is not sent again: `UnknownFateError` says so, and a person decides. Our key goes with each message and
comes back with its states (`statuses`): where one comes for a key, that message was sent, and needs no second try.
Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.whatsapp.client import NOT_KNOWN, Client
from connectors.whatsapp.messages import filled, inner, phone, text, user_id
from hub.connector.stream import Written
from hub.errors import RejectedError, UnknownFateError
from hub.records.message import Channel, Content

LONGEST = 4096  # characters of a text
LONGEST_KEY = 512


@dataclass(frozen=True, slots=True)
class MessageWriter:
    """Writes messages from one number (`hub.connector.stream.Writer`)."""

    client: Client
    line: str  # Meta's id of our number

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Send a text.

        Args:
            values: `to_phone` (E.164) or `to_id` (a business-scoped user id), `text`, `reply_to` (remote id of the message
                that is answered, or empty), `again`: an earlier try may have sent it, and nobody knows.
            key: comes back in the message's states; at most 512 characters of it.

        Returns:
            Meta's id of the message, and the message as a webhook would bring it, as one of ours.

        Raises:
            UnknownFateError: it may have been sent.
            RejectedError: it was not, and never will be.
            ConnectorError: it was not sent; as of `Client.get`.
        """
        if values.get("again"):
            raise UnknownFateError(NOT_KNOWN)
        body = _body(values, key)
        answer = self.client.send(self.line, body)
        sent = [inner(one) for one in answer.get("messages") or [] if isinstance(one, dict)]
        remote_id = text(sent[0].get("id")) if sent else ""
        if not remote_id:
            raise UnknownFateError(f"{NOT_KNOWN} (Meta's answer names no message.)")
        return Written(remote_id, payload=self._payload(remote_id, values, answer))

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change nothing: what was sent, was sent."""
        del remote_id, values, version, key
        raise RejectedError("What was sent by WhatsApp cannot be changed.")

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take nothing back."""
        del remote_id, version, key
        raise RejectedError("What was sent by WhatsApp cannot be taken back.")

    def _payload(self, remote_id: str, values: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        listed = answer.get("contacts")
        contact = inner(listed[0]) if isinstance(listed, list) and listed else {}
        return filled({
            "id": remote_id,
            "channel": str(Channel.WHATSAPP),
            "direction": "outbound",
            "line": self.line,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "content": str(Content.TEXT),
            "text": str(values["text"]),
            "reply_to": str(values.get("reply_to") or ""),
            "peer_phone": phone(values.get("to_phone")) or phone(contact.get("wa_id")),
            "peer_id": user_id(contact.get("user_id")) or user_id(values.get("to_id")),
        })  # fmt: skip


def _body(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the message as Meta wants it.

    Raises:
        RejectedError: there is nothing to send, too much, or nobody to send it to.
    """
    said = str(values.get("text") or "")
    if not said.strip():
        raise RejectedError("There is nothing to send.")
    if len(said) > LONGEST:
        raise RejectedError(f"The text has {len(said)} characters; WhatsApp takes {LONGEST}.")
    number, user = phone(values.get("to_phone")), user_id(values.get("to_id"))
    if not number and not user:
        raise RejectedError("There is neither a number nor an id of WhatsApp to write to.")
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **({"to": number} if number else {"recipient": user}),
        "type": "text",
        # A preview lets Meta's servers open what an agent pastes.
        "text": {"body": said, "preview_url": False},
        "biz_opaque_callback_data": key[:LONGEST_KEY],
    }
    if answered := str(values.get("reply_to") or ""):
        body["context"] = {"message_id": answered}
    return body
