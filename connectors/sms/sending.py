"""Sending a text through a gateway.

Unless a gateway knows repeats by their `Idempotency-Key`, a message whose request was not answered is not sent again:
`UnknownFateError` says so, and a person decides.
Source: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.sms.client import NOT_KNOWN, Client
from connectors.sms.message import NO_LINE, phone
from connectors.sms.settings import Encoding, Preset, constant_of
from hub.connector.fields import flat
from hub.connector.stream import Written
from hub.errors import RejectedError, ShapeError, UnknownFateError
from hub.records.message import Channel, Content

LONGEST = 1600  # characters, as Twilio takes them
_IDS = ("id", "message_id", "messageId", "sid", "data.id", "data.message_id", "messages.0.id", "messages.0.message_id")


@dataclass(frozen=True, slots=True)
class MessageWriter:
    """Writes messages from one number (`hub.connector.stream.Writer`)."""

    client: Client
    line: str  # our number, as the gateway wrote it

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Send a text.

        Args:
            values: `to_phone`, `text`, `again`: an earlier try may have sent it, and nobody knows. `to_id` and `reply_to` mean
                nothing here.
            key: goes with the message, where the gateway wants it.

        Returns:
            The gateway's id of the message (`key`, where it tells none), and the message as a webhook would bring it.

        Raises:
            UnknownFateError: it may have been sent.
            RejectedError: it was not, and never will be.
            ConnectorError: it was not sent; as of `Client.get`.
        """
        settings = self.client.settings
        if values.get("again") and not settings.knows_repeats:
            raise UnknownFateError(NOT_KNOWN)
        said, number = _checked(values)
        sender = settings.sender or ("" if self.line == NO_LINE else self.line)
        if settings.preset is Preset.TWILIO:
            address, given = self._for_twilio(sender, number, said)
        else:
            address, given = settings.base, self._for_any(sender, number, said, key)
        answer = self.client.send(address, given, key)
        remote_id = self._id(answer) or key
        payload = {
            "id": remote_id, "channel": str(Channel.SMS), "direction": "outbound", "line": self.line or NO_LINE,
            "line_number": phone(self.line), "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "content": str(Content.TEXT), "text": said, "peer_phone": number,
        }  # fmt: skip
        return Written(remote_id, payload={name: one for name, one in payload.items() if one})

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change nothing: what was sent, was sent."""
        del remote_id, values, version, key
        raise RejectedError("What was sent cannot be changed.")

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take nothing back."""
        del remote_id, version, key
        raise RejectedError("What was sent cannot be taken back.")

    def _for_twilio(self, sender: str, number: str, said: str) -> tuple[str, dict[str, Any]]:
        settings = self.client.settings
        if not sender:
            raise RejectedError("Nobody knows from which number: enter a sender in the settings.")
        form = {"To": number, "Body": said, "MessagingServiceSid" if sender.startswith("MG") else "From": sender}
        if callback := settings.hook_url.get_secret_value():
            form["StatusCallback"] = callback
        return f"{settings.base}/2010-04-01/Accounts/{settings.account_sid}/Messages.json", {"data": form}

    def _for_any(self, sender: str, number: str, said: str, key: str) -> dict[str, Any]:
        settings = self.client.settings
        known = {
            "from": sender,
            "to": number,
            "text": said,
            "key": key,
            "callback": settings.hook_url.get_secret_value(),
        }
        fields = {name: known.get(what, constant_of(what) or "") for name, what in settings.template.items()}
        fields = {name: value for name, value in fields.items() if value}
        return {"data": fields} if settings.encoding is Encoding.FORM else {"json": _nested(fields)}

    def _id(self, answer: dict[str, Any]) -> str:
        try:
            fields = flat(answer)
        except ShapeError:
            return ""
        wanted = self.client.settings.answer_id
        found = (fields.get(name, [""])[0] for name in ((wanted,) if wanted else _IDS) if fields.get(name))
        return next((one for one in found if 0 < len(one) <= 300), "")


def _checked(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return text and number.

    Raises:
        RejectedError: there is nothing to send, too much, or nobody to send it to.
    """
    said, number = str(values.get("text") or ""), phone(str(values.get("to_phone") or ""))
    if not said.strip():
        raise RejectedError("There is nothing to send.")
    if len(said) > LONGEST:
        raise RejectedError(f"The text has {len(said)} characters; at most {LONGEST} can be sent.")
    if not number:
        raise RejectedError("The sender is a word and no number: nobody can answer it.")
    return said, number


def _nested(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return fields as objects: `message.body` is `body` in `message`."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        *above, last = name.split(".")
        place = made
        for one in above:
            inner = place.setdefault(one, {})
            place = inner if isinstance(inner, dict) else {}
        place[last] = value
    return made
