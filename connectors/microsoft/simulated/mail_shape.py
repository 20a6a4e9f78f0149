"""How Graph shows a message.

Source: https://learn.microsoft.com/graph/api/resources/message
"""

import base64
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import getaddresses
from functools import cached_property
from typing import Any

from connectors.microsoft.simulated import attachments, extended
from connectors.microsoft.simulated.call import Call
from connectors.microsoft.simulated.errors import ApiError, Json
from connectors.microsoft.simulated.listing import expanded
from connectors.microsoft.simulated.mailbox import MARKS, Message
from connectors.microsoft.simulated.stamps import stamp
from hub.connector.simulated import mime

_SCRIPT = re.compile(r"(?is)<script\b.*?(</script\s*>|\Z)")
_BLANKS = re.compile(r"\s+")
_ATTACHMENTS = re.compile(r"attachments(?:\((?:\$select=(?P<select>[^;]*))?.*\))?")
_QUOTED = re.compile(r'(?is)<hr\b[^>]*>\s*<div id="divRplyFwdMsg".*')
# They are not among `internetMessageHeaders`: https://github.com/microsoftgraph/microsoft-graph-docs/issues/3066
_LEFT_OUT = frozenset({"from", "to", "cc", "bcc", "sender"})
# Type, kind and class. Source: https://learn.microsoft.com/graph/api/resources/eventmessage
_PLAIN = ("", "", "IPM.Note")
_MEETING = {
    "request": ("#microsoft.graph.eventMessageRequest", "meetingRequest", "IPM.Schedule.Meeting.Request"),
    "cancel": ("#microsoft.graph.eventMessage", "meetingCancelled", "IPM.Schedule.Meeting.Canceled"),
    "reply": ("#microsoft.graph.eventMessageResponse", "meetingAccepted", "IPM.Schedule.Meeting.Resp.Pos"),
}


@dataclass(frozen=True)
class Shown:
    """A message as one caller sees it: each property is worked out only if it is wanted."""

    call: Call
    message: Message

    @cached_property
    def part(self) -> mime.Part:
        return mime.parse(self.message.raw)

    @property
    def id(self) -> str:
        return self.message.key if self.call.immutable else self.message.id

    def header(self, name: str) -> str:
        return mime.header(self.part, name)

    def people(self, name: str) -> list[Json]:
        """Everybody in a header, addresses as they were written."""
        lines = [value for other, value in mime.headers(self.part) if other.lower() == name]
        return [
            {"emailAddress": {"name": called or address, "address": address}}
            for called, address in getaddresses(lines)
            if address
        ]

    def one(self, *names: str) -> Json | None:
        """The first of whom these headers name; nobody in a draft, or where a mail has no sender."""
        return next((person for name in names for person in self.people(name)), None)

    def body(self) -> Json:
        """HTML, unless `Prefer: outlook.body-content-type="text"` wants text."""
        if self.call.prefers.get("outlook.body-content-type", "").lower() == "text":
            return {"contentType": "text", "content": mime.plain_text(self.part)}
        written = html_of(self.part)
        if "outlook.allow-unsafe-html" not in self.call.prefers:
            written = _SCRIPT.sub("", written)
        return {"contentType": "html", "content": written}

    def unique_body(self) -> Json:
        whole = self.body()
        return whole | {"content": _QUOTED.sub("", whole["content"])}

    def headers(self) -> list[Json] | None:
        """Headers of a mail that came from outside; one that was sent has none to tell of, though its bytes have them.

        Sources: https://github.com/microsoftgraph/microsoft-graph-docs/issues/2716 and
        https://github.com/OfficeDev/office-js/issues/5413
        """
        if not self.message.travelled:
            return None
        return [
            {"name": name, "value": value} for name, value in mime.headers(self.part) if name.lower() not in _LEFT_OUT
        ]

    def preview(self) -> str:
        return _BLANKS.sub(" ", mime.plain_text(self.part)).strip()[:255]

    def link(self) -> str:
        return f"https://outlook.office365.com/owa/?ItemID={self.message.id}&exvsurl=1&viewmodel=ReadMessageItem"

    def meeting(self) -> tuple[str, str, str] | None:
        """Type, kind and class of a message that is about a meeting."""
        if b"text/calendar" not in self.message.raw.lower():
            return None
        calendars = (one for _, one in mime.walk(self.part) if one.get_content_type() == "text/calendar")
        methods = (str(one.get_param("method") or "").lower() for one in calendars)
        return next((_MEETING[one] for one in methods if one in _MEETING), None)

    def extended(self, name: str) -> str | None:
        """The value of an extended property; some are what stands in the header."""
        message = self.message
        known: Mapping[str, Callable[[], str]] = {
            "String 0x1a": lambda: (self.meeting() or _PLAIN)[2],
            "String 0x1035": lambda: message.envelope.message_id,
            "String 0x1039": lambda: self.header("References"),
            "String 0x1042": lambda: self.header("In-Reply-To"),
        }
        return message.extended.get(name) or (known[name]() or None if name in known else None)


_PROPERTIES: Mapping[str, Callable[[Shown], Any]] = {
    "createdDateTime": lambda it: stamp(it.message.created),
    "lastModifiedDateTime": lambda it: stamp(it.message.modified),
    "changeKey": lambda it: it.message.change_key,
    "categories": lambda it: list(it.message.categories),
    "receivedDateTime": lambda it: stamp(it.message.received),
    "sentDateTime": lambda it: stamp(it.message.sent),
    "hasAttachments": lambda it: attachments.has_files(it.message),
    "internetMessageId": lambda it: it.message.envelope.message_id or None,
    "subject": lambda it: it.message.envelope.subject,
    "bodyPreview": lambda it: it.preview(),
    "importance": lambda it: it.message.importance,
    "parentFolderId": lambda it: it.message.folder.id,
    "conversationId": lambda it: it.message.conversation_id,
    "conversationIndex": lambda it: base64.b64encode(it.message.conversation_index).decode(),
    "isDeliveryReceiptRequested": lambda _it: None,
    "isReadReceiptRequested": lambda _it: False,
    "isRead": lambda it: it.message.is_read,
    "isDraft": lambda it: it.message.is_draft,
    "webLink": lambda it: it.link(),
    "inferenceClassification": lambda it: it.message.inference,
    "body": lambda it: it.body(),
    "sender": lambda it: it.one("sender", "from"),
    "from": lambda it: it.one("from"),
    "toRecipients": lambda it: it.people("to"),
    "ccRecipients": lambda it: it.people("cc"),
    "bccRecipients": lambda it: it.people("bcc"),
    "replyTo": lambda it: it.people("reply-to"),
    "flag": lambda it: dict(it.message.flag),
}
_ON_DEMAND: Mapping[str, Callable[[Shown], Any]] = {
    "uniqueBody": lambda it: it.unique_body(),
    "internetMessageHeaders": lambda it: it.headers(),
}
_MAY_BE_MISSING = ("from", "sender", "internetMessageHeaders")  # then the property is left out


def shown(call: Call, message: Message, asked: Mapping[str, str] | None = None) -> Json:
    """A message with what `$select` and `$expand` ask for. Raises ApiError (400) for a property that there is not."""
    in_round, asked = asked is not None, call.query if asked is None else asked
    it = Shown(call, message)
    found = _head(it)
    wanted = wanted_of(asked)
    for name in wanted or _PROPERTIES:
        if name != "id":
            found[name] = (_PROPERTIES.get(name) or _ON_DEMAND[name])(it)
    if (meeting := it.meeting()) is not None:
        found["@odata.type"] = meeting[0]
        if not wanted:
            found["meetingMessageType"] = meeting[1]
    for name in _MAY_BE_MISSING:
        if name in found and found[name] is None:
            del found[name]
    for term in expanded(asked.get("$expand", "")):
        found |= _expanded(it, term, in_round=in_round)
    return found | {name: value for name, value in message.odd.items() if name in found}


def changed(call: Call, message: Message, since: int, asked: Mapping[str, str]) -> Json | None:
    """A message whose marks changed, with only these; None where `$select` does not want one of them.

    Sources: https://github.com/microsoftgraph/microsoft-graph-docs/issues/7776, https://github.com/alcionai/corso/issues/1866
    """
    wanted, it = wanted_of(asked), Shown(call, message)
    names = [name for name in MARKS if message.marked.get(name, 0) > since and (not wanted or name in wanted)]
    if not names:
        return None
    found = _head(it) | {name: _PROPERTIES[name](it) for name in names}
    if not wanted or "parentFolderId" in wanted:
        found["parentFolderId"] = message.folder.id
    return found


def wanted_of(asked: Mapping[str, str]) -> list[str]:
    """What `$select` names. Raises ApiError (400)."""
    names = [name.strip() for name in asked.get("$select", "").split(",") if name.strip()]
    for name in names:
        if name not in _PROPERTIES and name not in _ON_DEMAND and name != "id":
            raise ApiError(
                400, "RequestBroker--ParseUri", "Parsing OData Select and Expand failed: Could not find a property "
                f"named '{name}' on type 'microsoft.graph.message'.",
            )  # fmt: skip
    return names


def html_of(part: mime.Part) -> str:
    """The text of a mail as HTML; a plain one is wrapped, as Exchange does."""
    for _, one in mime.walk(part):
        if one.get_content_type() == "text/html" and not mime.filename(one):
            return mime.text(one)
    text = html.escape(mime.plain_text(part), quote=False).replace("\r\n", "\n").replace("\n", "<br>\n")
    return (
        '<html><head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head><body>'
        f'<div class="PlainText">{text}</div></body></html>'
    )


def _head(it: Shown) -> Json:
    return {"@odata.etag": it.message.etag, "id": it.id}


def _expanded(it: Shown, term: str, *, in_round: bool) -> Json:
    """What a term of `$expand` adds. Raises ApiError (400)."""
    wanted = _ATTACHMENTS.fullmatch(term)
    if wanted is None:
        return extended.shown(it.extended, term)
    # In a round of changes it counts for nothing what is selected inside:
    # https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8431
    select = "" if in_round else wanted["select"] or ""
    return {
        "attachments": [attachments.shown(one, it.message, it.id, select) for one in attachments.attached(it.message)]
    }
