"""Mails that are written here: from JSON or MIME, as new ones or as answers, with what is attached to them.

Sources: https://learn.microsoft.com/graph/outlook-create-send-messages, https://learn.microsoft.com/graph/outlook-send-mime-message,
https://learn.microsoft.com/graph/outlook-large-attachments
"""

import base64
import binascii
import hmac
import html
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formataddr
from typing import Any

from connectors.microsoft.simulated import attachments
from connectors.microsoft.simulated.call import Call, Reply
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, bad_token, not_found
from connectors.microsoft.simulated.mail_shape import html_of
from connectors.microsoft.simulated.mailbox import Mailbox, Message
from connectors.microsoft.simulated.stamps import stamp
from hub.connector.simulated import mime

MOST_ATTACHED = 3 * 1024 * 1024  # bytes of a file in one request
MOST_ASKED = 4 * 1024 * 1024  # bytes of a request
MOST_UPLOADED = 4 * 1024 * 1024  # bytes of a part of an upload
_HOUR_S = 3600
_TAG = re.compile(r"(?s)<(style|script|head)\b.*?</\1>|<[^>]*>")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_ANSWERS = re.compile(r"^\s*(re|fw|fwd)\s*:", re.IGNORECASE)
_PEOPLE = {"toRecipients": "to", "ccRecipients": "cc", "bccRecipients": "bcc"}
# Source: https://learn.microsoft.com/graph/api/message-update#request-body
_ALWAYS = frozenset({
    "isRead", "categories", "flag", "importance", "inferenceClassification", "singleValueExtendedProperties",
    "isReadReceiptRequested", "isDeliveryReceiptRequested",
})  # fmt: skip
_IN_DRAFTS = frozenset({
    "subject", "body", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "from", "sender",
    "internetMessageId",
})  # fmt: skip
_KINDS = {"isRead": bool, "categories": list, "flag": dict, "subject": str, "body": dict, "toRecipients": list}
_COMPOSED = frozenset({
    "from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "content-type",
    "content-transfer-encoding",
})  # fmt: skip


@dataclass(slots=True)
class Upload:
    """A large file on its way to a draft."""

    message: str
    told: Json
    key: str
    until: float
    content: bytearray = field(default_factory=bytearray)


# -- new ones ---------------------------------------------------------------------------------------------------------


def written(box: Mailbox, call: Call, told: Json) -> bytes:
    """The mail that a request brings, as MIME or as JSON. Raises ApiError (400)."""
    return _decoded(call.raw) if _is_mime(call) else _composed(box, {}, told)


def _is_mime(call: Call) -> bool:
    return call.headers.get("content-type", "").lower().startswith("text/plain")


def _decoded(raw: bytes) -> bytes:
    if len(raw) > MOST_ASKED:
        raise ApiError(413, "RequestEntityTooLarge", "Maximum request length exceeded.")
    try:
        found = base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        found = b""
    if not found:
        raise ApiError(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    return found


def _composed(box: Mailbox, words: Mapping[str, Any], told: Json) -> bytes:
    """Write a mail of these words, but for what is told anew."""
    words = {"from_": formataddr((box.user.name, box.user.address)), **words}
    words |= {name: _addresses(told[key] or ()) for key, name in _PEOPLE.items() if key in told}
    words["headers"] = dict(words.get("headers", {}))
    if "subject" in told:
        words["subject"] = told["subject"] or ""
    if sender := _addresses([told["from"]] if told.get("from") else []):
        words["from_"] = sender[0]
    if "replyTo" in told:
        words["headers"] = _without(words["headers"], "reply-to")
        if people := _addresses(told["replyTo"]):
            words["headers"]["Reply-To"] = ", ".join(people)
    if "body" in told:
        words |= _text(told["body"] or {})
    if told.get("internetMessageId"):
        words["message_id"] = told["internetMessageId"]
    words["headers"] |= _own_headers(told.get("internetMessageHeaders", ()))
    if told.get("attachments"):
        words["attachments"] = [*words.get("attachments", ()), *(attachment_of(one) for one in told["attachments"])]
    words.setdefault("message_id", box.new_message_id())
    try:
        return mime.compose(at=box.user.world.clock.now(), **words)
    except (ValueError, TypeError, AttributeError, IndexError):
        raise bad_request("The message cannot be written.", "ErrorInvalidArgument") from None


def _addresses(people: Iterable[Json]) -> list[str]:
    try:
        found = [one["emailAddress"] for one in people]
        return [formataddr((one.get("name") or "", one["address"])) for one in found]
    except (KeyError, TypeError, AttributeError):
        raise bad_request("At least one recipient isn't valid.", "ErrorInvalidRecipients") from None


def _text(body: Json) -> dict[str, str]:
    content = str(body.get("content") or "")
    if str(body.get("contentType", "text")).lower() == "html":
        return {"body": html.unescape(_TAG.sub(" ", content)), "html": content}
    return {"body": content, "html": ""}


def _own_headers(told: Iterable[Json]) -> dict[str, str]:
    """Headers of the caller: only those whose name begins with `x-`, so no In-Reply-To."""
    found = {str(one.get("name", "")): str(one.get("value", "")) for one in told}
    for name in found:
        if not name.lower().startswith("x-"):
            raise bad_request(
                f"The internet message header name '{name}' should start with 'x-' or 'X-'.",
                "InvalidInternetMessageHeader",
            )
    return found


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in headers.items() if other.lower() != name}


def rest(box: Mailbox, message: Message, told: Json) -> None:
    """Take over what JSON says of a message beside its words and people."""
    facts = {"importance": told.get("importance"), "inference": told.get("inferenceClassification")}
    facts = {name: str(value).lower() for name, value in facts.items() if value}
    if facts:
        box.rewrite(message.key, **facts)
    if values := told.get("singleValueExtendedProperties"):
        box.extend(message.key, values)


def rewrite(box: Mailbox, message: Message, told: Json) -> None:
    """Take over what a PATCH says. Raises ApiError (400) for what cannot be changed, or no longer."""
    names = {name for name in told if "@odata." not in name}
    changeable = _ALWAYS | (_IN_DRAFTS if message.is_draft else frozenset())
    if wrong := names - changeable:
        raise bad_request(f"The property '{min(wrong)}' cannot be set on this item.", "ErrorInvalidPropertySet")
    if odd := [name for name, kind in _KINDS.items() if name in told and not isinstance(told[name], kind)]:
        raise bad_request(f"The value of '{odd[0]}' is of another type.", "RequestBodyRead")
    if names & _IN_DRAFTS:
        box.rewrite(message.key, _rewritten(box, message, told))
    rest(box, message, told)


def _rewritten(box: Mailbox, message: Message, told: Json, files: Iterable[mime.Attachment] = ()) -> bytes:
    words = _words(message)
    return _composed(box, words | {"attachments": [*words["attachments"], *files]}, told)


def _words(message: Message) -> dict[str, Any]:
    """A mail in the words of `mime.compose`."""
    part = mime.parse(message.raw)
    written_html = any(one.get_content_type() == "text/html" for _, one in mime.walk(part))
    words: dict[str, Any] = {
        name: [formataddr((one.name, one.address)) for one in message.envelope.people if one.field == name]
        for name in ("to", "cc", "bcc")
    }
    return words | {
        "from_": mime.header(part, "From"), "subject": message.envelope.subject,
        "message_id": message.envelope.message_id, "body": mime.plain_text(part),
        "html": html_of(part) if written_html else "", "attachments": files_of(message),
        "headers": {name: value for name, value in mime.headers(part) if name.lower() not in _COMPOSED},
    }  # fmt: skip


def files_of(message: Message) -> list[mime.Attachment]:
    """What is attached to a message, to be attached again; a mail becomes a file."""
    return [
        mime.Attachment(
            one.name + (".eml" if one.is_item else ""), attachments.content(one),
            "application/octet-stream" if one.is_item else one.part.get_content_type(), one.content_id,
        )
        for one in attachments.attached(message)
    ]  # fmt: skip


# -- answers ----------------------------------------------------------------------------------------------------------


def answer(box: Mailbox, call: Call, message: Message, kind: str) -> bytes:
    """An answer to a message, or what passes it on: with its text below, and in its conversation.

    Source: https://learn.microsoft.com/graph/api/message-createreply
    """
    references = f"{' '.join(message.envelope.refers_to)} {message.envelope.message_id}".strip()
    headers = {"In-Reply-To": message.envelope.message_id, "References": references}
    if _is_mime(call):
        raw = _decoded(call.raw)
        if not mime.envelope(raw).refers_to:
            for name, value in headers.items():
                raw = mime.with_header(raw, name, value)
        return raw
    told = dict(call.body.get("message") or {})
    if "comment" in call.body and "body" in told:
        raise bad_request("Specify either a comment or the body of the message, not both.", "ErrorInvalidArgument")
    if kind == "forward" and "toRecipients" in call.body:
        told["toRecipients"] = call.body["toRecipients"]
    prefix, subject = "FW: " if kind == "forward" else "RE: ", message.envelope.subject
    words: dict[str, Any] = {
        "subject": subject if _ANSWERS.match(subject) and kind != "forward" else prefix + subject,
        "headers": headers if message.envelope.message_id else {},
        **_text({"contentType": "html", "content": _quoting(str(call.body.get("comment", "")), message)}),
    }
    if kind == "forward":
        words["attachments"] = files_of(message)
    else:
        words |= _answered(box, message, to_all=kind == "replyAll")
    return _composed(box, words, told)


def _answered(box: Mailbox, message: Message, *, to_all: bool) -> dict[str, list[str]]:
    """Who gets an answer: Reply-To where there is one, else the sender; of a mail of one's own, whom it went to."""
    part = mime.parse(message.raw)
    people = {name: list(mime.participants(part, name)) for name in ("reply-to", "from", "to", "cc")}
    first = people["reply-to"] or people["from"]
    if [one.address for one in first] == [box.user.address]:
        first = people["to"]
    to, cc = first, []
    if to_all:
        to, cc = [*first, *people["to"]], people["cc"]
    known = {box.user.address} if any(one.address != box.user.address for one in to) else set()
    found: dict[str, list[str]] = {"to": [], "cc": []}
    for name, some in (("to", to), ("cc", cc)):
        for one in some:
            if one.address not in known:
                known.add(one.address)
                found[name].append(formataddr((one.name, one.address)))
    return found


def _quoting(comment: str, message: Message) -> str:
    part = mime.parse(message.raw)
    lines = "<br>\n".join(
        f"<b>{name}:</b> {html.escape(mime.header(part, header))}"
        for name, header in (("From", "From"), ("Sent", "Date"), ("To", "To"), ("Subject", "Subject"))
    )
    return (
        f'<html><body><div>{html.escape(comment)}</div><hr tabindex="-1" style="display:inline-block; width:98%">'
        f'<div id="divRplyFwdMsg" dir="ltr">{lines}</div><div>{html_of(part)}</div></body></html>'
    )


# -- attachments ------------------------------------------------------------------------------------------------------


def attachment_of(told: Json) -> mime.Attachment:
    """A file as JSON brings it. Raises ApiError (400; 413 for one that is too large for one request)."""
    if told.get("@odata.type", "").lstrip("#").lower() != "microsoft.graph.fileattachment":
        raise bad_request("Only files can be attached here.", "ErrorInvalidArgument")
    try:
        content = base64.b64decode(str(told["contentBytes"]), validate=True)
        name = str(told["name"])
    except (KeyError, binascii.Error):
        raise bad_request("A file needs a name and contentBytes in base64.", "ErrorInvalidArgument") from None
    if len(content) > MOST_ATTACHED:
        raise ApiError(413, "ErrorMessageSizeExceeded", "The maximum request length was exceeded.")
    content_id = str(told.get("contentId") or "") if told.get("isInline") else ""
    return mime.Attachment(name, content, str(told.get("contentType") or ""), content_id)


def attach(box: Mailbox, message: Message, files: Iterable[mime.Attachment]) -> None:
    """Put files to a draft. Raises ApiError (400) for a mail that is none."""
    if not message.is_draft:
        raise bad_request("Attachments are added to drafts only.", "ErrorInvalidRequest")
    box.rewrite(message.key, _rewritten(box, message, {}, files))


def open_upload(box: Mailbox, call: Call, message: Message) -> Reply:
    """Make ready for a large file; whoever knows the address that is answered may write there.

    Source: https://learn.microsoft.com/graph/api/attachment-createuploadsession
    """
    told = next((value for name, value in call.body.items() if name.lower() == "attachmentitem"), None)
    if not isinstance(told, dict) or not told.get("name") or not str(told.get("size", "")).isdecimal():
        raise bad_request("AttachmentItem needs attachmentType, name and size.", "ErrorInvalidArgument")
    session, key = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    box.uploads[session] = Upload(message.key, told, key, call.world.clock.time() + _HOUR_S)
    url = f"{call.world.base_url}/v1.0/users/{box.user.id}/attachmentSessions/{session}?authtoken={key}"
    until = stamp(box.uploads[session].until)
    return Reply({"uploadUrl": url, "expirationDateTime": until, "nextExpectedRanges": ["0-"]}, 201)


def upload(call: Call) -> Reply:
    """Take the next part of a large file; with the last one it is attached. An access token is refused.

    Source: https://learn.microsoft.com/graph/outlook-large-attachments
    """
    if "authorization" in call.headers:
        raise bad_token("The address of an upload takes no access token.")
    box: Mailbox = call.user.mail
    found: Upload | None = box.uploads.get(call.path["session"])
    if found is None or not hmac.compare_digest(found.key, call.query.get("authtoken", "")):
        raise not_found()
    if found.until < call.world.clock.time():
        del box.uploads[call.path["session"]]
        raise not_found()
    part = _RANGE.fullmatch(call.headers.get("content-range", ""))
    size, whole = len(call.raw), int(found.told["size"])
    if not part or size > MOST_UPLOADED or int(part[2]) - int(part[1]) + 1 != size or int(part[3]) != whole:
        raise bad_request("The Content-Range header does not fit.", "ErrorInvalidRange")
    if int(part[1]) != len(found.content):
        raise ApiError(416, "ErrorInvalidRange", "The range is not the one that is expected next.")
    found.content += call.raw
    if len(found.content) < whole:
        # Here without the dash that it begins with.
        return Reply({"expirationDateTime": stamp(found.until), "nextExpectedRanges": [str(len(found.content))]})
    del box.uploads[call.path["session"]]
    content_id = str(found.told.get("contentId") or "") if found.told.get("isInline") else ""
    file = mime.Attachment(
        str(found.told["name"]), bytes(found.content), str(found.told.get("contentType") or ""), content_id
    )
    message = box.message(found.message)
    before = len(attachments.attached(message))
    attach(box, message, [file])
    one = attachments.attached(message)[before]
    place = f"users('{box.user.id}')/messages('{message.id}')/attachments('{one.id(message.id)}')"
    return Reply(status=201, headers={"Location": f"{call.world.base_url}/v1.0/{place}"})
