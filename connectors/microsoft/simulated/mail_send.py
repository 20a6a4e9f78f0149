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

from connectors.microsoft.simulated import attachments, extended
from connectors.microsoft.simulated.call import Call, Reply
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, bad_token, not_found
from connectors.microsoft.simulated.mail_shape import html_of
from connectors.microsoft.simulated.mailbox import Mailbox, Message
from connectors.microsoft.simulated.shapes import UPLOAD
from connectors.microsoft.simulated.stamps import stamp
from hub.connector.simulated import mime

MOST_ATTACHED = 3 * 1024 * 1024  # bytes of a file in one request
MOST_ASKED = 4 * 1024 * 1024  # bytes of a request
MOST_UPLOADED = 4 * 1024 * 1024  # bytes of a part of an upload
_HOUR_S = 3600
_RANGE = re.compile(r"bytes ([0-9]{1,12})-([0-9]{1,12})/([0-9]{1,12})")
_OWN_HEADER = re.compile(r"[xX]-[!-9;-~]+")
_MEDIA_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9.+-]+/[a-z0-9.+-]+", re.IGNORECASE)
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
    return _decoded(call.raw) if is_mime(call) else _composed(box, {}, told)


def is_mime(call: Call) -> bool:
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
    """Write a mail of these words, but for what is told anew. Raises ApiError (400)."""
    extended.kept({}, told.get(extended.NAME, ()))  # what is wrong with it is said before anything is kept
    words = {"from_": formataddr((box.user.name, box.user.address)), **words}
    words |= {name: _addresses(told[key]) for key, name in _PEOPLE.items() if key in told}
    words["headers"] = dict(words.get("headers", {}))
    if "subject" in told:
        words["subject"] = told["subject"] or ""
    if told.get("from"):
        [words["from_"]] = _addresses([told["from"]])
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
    except (ValueError, TypeError, AttributeError, LookupError):
        raise bad_request("The message cannot be written.", "ErrorInvalidArgument") from None


def _addresses(people: Iterable[Json]) -> list[str]:
    try:
        found = [one["emailAddress"] for one in people]
        return [formataddr((one.get("name") or "", one["address"])) for one in found]
    except (KeyError, TypeError, AttributeError, ValueError):
        raise bad_request("At least one recipient isn't valid.", "ErrorInvalidRecipients") from None


def _text(body: Json) -> dict[str, str]:
    content = body.get("content") or ""
    if body.get("contentType") == "html":
        return {"body": mime.untagged(content), "html": content}
    return {"body": content, "html": ""}


def _own_headers(told: Iterable[Json]) -> dict[str, str]:
    """Headers of the caller: only those whose name begins with `x-`, so no In-Reply-To."""
    found = {one["name"]: one.get("value") or "" for one in told}
    for name in found:
        if not _OWN_HEADER.fullmatch(name):
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
    facts = {name: value for name, value in facts.items() if value}
    if facts:
        box.rewrite(message.key, **facts)
    if values := told.get(extended.NAME):
        box.extend(message.key, values)


def rewrite(box: Mailbox, message: Message, told: Json) -> None:
    """Take over what a PATCH says. Raises ApiError (400) for what cannot be changed, or no longer."""
    names = told.keys() - {"@odata.type"}
    changeable = _ALWAYS | (_IN_DRAFTS if message.is_draft else frozenset())
    if wrong := names - changeable:
        raise bad_request(f"The property '{min(wrong)}' cannot be set on this item.", "ErrorInvalidPropertySet")
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


def answer(box: Mailbox, call: Call, message: Message, kind: str, given: Json) -> bytes:
    """An answer to a message, or what passes it on: with its text below, and in its conversation.

    Source: https://learn.microsoft.com/graph/api/message-createreply
    """
    references = f"{' '.join(message.envelope.refers_to)} {message.envelope.message_id}".strip()
    headers = {"In-Reply-To": message.envelope.message_id, "References": references}
    if is_mime(call):
        raw = _decoded(call.raw)
        if not mime.envelope(raw).refers_to:
            for name, value in headers.items():
                raw = mime.with_header(raw, name, value)
        return raw
    told = dict(given.get("message") or {})
    if "comment" in given and "body" in told:
        raise bad_request("Specify either a comment or the body of the message, not both.", "ErrorInvalidArgument")
    if kind == "forward" and "toRecipients" in given:
        told["toRecipients"] = given["toRecipients"]
    return _composed(box, _of_answer(box, message, kind, headers, given.get("comment") or ""), told)


def _of_answer(
    box: Mailbox, message: Message, kind: str, headers: Mapping[str, str], comment: str
) -> Mapping[str, Any]:
    """What an answer says before anybody changes it, in the words of `mime.compose`."""
    prefix, subject = "FW: " if kind == "forward" else "RE: ", message.envelope.subject
    words: dict[str, Any] = {
        "subject": subject if _ANSWERS.match(subject) and kind != "forward" else prefix + subject,
        "headers": headers if message.envelope.message_id else {},
        **_text({"contentType": "html", "content": _quoting(comment, message)}),
    }
    if kind == "forward":
        return words | {"attachments": files_of(message)}
    return words | _answered(box, message, to_all=kind == "replyAll")


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
        content = base64.b64decode(told["contentBytes"], validate=True)
    except ValueError:
        raise bad_request("A file needs a name and contentBytes in base64.", "ErrorInvalidArgument") from None
    if len(content) > MOST_ATTACHED:
        raise ApiError(413, "ErrorMessageSizeExceeded", "The maximum request length was exceeded.")
    return _file(told, content)


def _file(told: Json, content: bytes) -> mime.Attachment:
    """A file with this content; what is not named as a file can be is any bytes."""
    media_type = told.get("contentType") or ""
    if media_type and not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    content_id = told.get("contentId") or "" if told.get("isInline") else ""
    return mime.Attachment(told["name"], content, media_type, content_id)


def attach(box: Mailbox, message: Message, file: mime.Attachment) -> attachments.Attached:
    """Put a file to a draft, behind the others. Raises ApiError (400) for a mail that is none."""
    if not message.is_draft:
        raise bad_request("Attachments are added to drafts only.", "ErrorInvalidRequest")
    box.rewrite(message.key, _rewritten(box, message, {}, [file]))
    return attachments.attached(message)[-1]


def open_upload(box: Mailbox, call: Call, message: Message) -> Reply:
    """Make ready for a large file; whoever knows the address that is answered may write there.

    Source: https://learn.microsoft.com/graph/api/attachment-createuploadsession
    """
    told = call.given(UPLOAD)["AttachmentItem"]
    if told["size"] < box.least_uploaded:
        raise bad_request(
            "Attachment size must be greater than the minimum size.",
            "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
        )
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
    if found is None or not hmac.compare_digest(found.key.encode(), call.query.get("authtoken", "").encode()):
        raise not_found()
    if found.until < call.world.clock.time():
        del box.uploads[call.path["session"]]
        raise not_found()
    part = _RANGE.fullmatch(call.headers.get("content-range", ""))
    size, whole = len(call.raw), found.told["size"]
    if not part or size > MOST_UPLOADED or int(part[2]) - int(part[1]) + 1 != size or int(part[3]) != whole:
        raise bad_request("The Content-Range header does not fit.", "ErrorInvalidRange")
    if int(part[1]) != len(found.content):
        raise ApiError(416, "ErrorInvalidRange", "The range is not the one that is expected next.")
    found.content += call.raw
    if len(found.content) < whole:
        # Here without the dash that it begins with.
        return Reply({"expirationDateTime": stamp(found.until), "nextExpectedRanges": [str(len(found.content))]})
    del box.uploads[call.path["session"]]
    message = box.message(found.message)
    one = attach(box, message, _file(found.told, bytes(found.content)))
    place = f"users('{box.user.id}')/messages('{message.id}')/attachments('{one.id(message.id)}')"
    return Reply(status=201, headers={"Location": f"{call.world.base_url}/v1.0/{place}"})
