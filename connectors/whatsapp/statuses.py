"""What became of a message that we sent, as Meta posts it: in any order, and sometimes before our own request is answered.

`key` is what we gave with the message (`biz_opaque_callback_data`): of a message whose request was not answered it proves
that it was sent after all.
Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
"""

from collections.abc import Mapping
from typing import Any

from connectors.whatsapp.errors import WORDS
from connectors.whatsapp.messages import LONGEST_ID, Line, filled, inner, moment, phone, text, user_id
from hub.connector.contract import Delivered
from hub.records.message import Delivery

RECORDS = "message_status"
_STATES: Mapping[str, Delivery] = {
    "accepted": Delivery.ACCEPTED,
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "failed": Delivery.FAILED,
}
_BESIDE = frozenset({"pricing", "conversation"})  # what Meta bills


def delivered(line: Line, one: Any) -> Delivered | None:
    """Return a status as a record; None: it names no message, or a state that no text message has."""
    told = inner(one)
    message, state = text(told.get("id")), _STATES.get(text(told.get("status")))
    if not message or len(message) > LONGEST_ID or state is None:
        return None
    code, reason = _failure(told.get("errors")) if state is Delivery.FAILED else ("", "")
    recipient = told.get("recipient_id")
    payload = {
        "id": f"{message}:{state}",
        "message_id": message,
        "state": str(state),
        "at": moment(told.get("timestamp")),
        "reason": reason,
        "code": code,
        "key": text(told.get("biz_opaque_callback_data")),
        "line": line.id,
        "peer_phone": phone(recipient),
        "peer_id": user_id(told.get("recipient_user_id")) or user_id(recipient),
        "original": {name: value for name, value in told.items() if name not in _BESIDE},
    }
    return Delivered(RECORDS, f"{message}:{state}", filled(payload))


def _failure(listed: Any) -> tuple[str, str]:
    """Return code and reason; what an agent has to know comes first, and then Meta's words."""
    errors = [inner(one) for one in listed] if isinstance(listed, list) else []
    for one in errors:
        code = text(one.get("code"))
        details = text(inner(one.get("error_data")).get("details"))
        words = [details or text(one.get("message")) or text(one.get("title"))]
        known = WORDS.get(code, "")
        return code, " ".join(word for word in (known, *words) if word)
    return "", ""
