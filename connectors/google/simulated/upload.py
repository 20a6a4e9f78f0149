"""Mails too large for JSON: media, multipart and resumable uploads.

Source: https://developers.google.com/workspace/gmail/api/guides/uploads
"""

import re
import secrets
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message

from connectors.google.simulated.errors import bad_request
from connectors.google.simulated.gateway import Gateway
from hub.connector.simulated.wire import Answer, Request, json_answer

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class _Begun:
    """A resumable upload that is not finished."""

    request: Request
    content: bytearray = field(default_factory=bytearray)


class Uploads:
    """Takes uploads apart, and hands them to the gateway as ordinary calls."""

    def __init__(self, gateway: Gateway, base_url: str) -> None:
        self._gateway, self._base_url = gateway, base_url
        self._begun: dict[str, _Begun] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request to an address that begins with /upload or /resumable/upload."""
        query = dict(request.query)
        inner = replace(request, path=request.path.removeprefix("/resumable").removeprefix("/upload"))
        match query.get("uploadType"):
            case "media":
                return self._gateway.handle(replace(inner, body=b"", media=request.body))
            case "multipart":
                metadata, media = _related(request)
                return self._gateway.handle(replace(inner, body=metadata, media=media))
            case "resumable" if "upload_id" in query:
                return self._continue(query["upload_id"], request)
            case "resumable":
                upload_id = secrets.token_urlsafe(16)
                self._begun[upload_id] = _Begun(inner)
                location = f"{self._base_url}{request.path}?uploadType=resumable&upload_id={upload_id}"
                return Answer(200, headers={"Location": location})
        error = bad_request("Invalid uploadType")
        return json_answer(error.body(), error.code)

    def _continue(self, upload_id: str, request: Request) -> Answer:
        begun = self._begun.get(upload_id)
        if begun is None:
            error = bad_request("Invalid upload id")
            return json_answer(error.body(), 404)
        given = _RANGE.match(request.headers.get("content-range", ""))
        if given and given[1] is not None:
            del begun.content[int(given[1]) :]
        begun.content += request.body
        if given and (given[3] == "*" or len(begun.content) < int(given[3])):
            return Answer(308, headers={"Range": f"bytes=0-{len(begun.content) - 1}"} if begun.content else {})
        del self._begun[upload_id]
        return self._gateway.handle(replace(begun.request, media=bytes(begun.content)))


def _related(request: Request) -> tuple[bytes, bytes]:
    """The JSON and the mail of a multipart upload."""
    kind = request.headers.get("content-type", "")
    whole = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    parts = [one for one in whole.get_payload() if isinstance(one, Message)]
    found = [one.get_payload(decode=True) for one in parts[:2]]
    first, second = [*found, b"", b""][:2]
    if parts[1:] and parts[1].get_content_type() == "message/rfc822":
        inner = parts[1].get_payload()
        second = inner[0].as_bytes() if isinstance(inner, list) and isinstance(inner[0], Message) else b""
    return (first if isinstance(first, bytes) else b""), (second if isinstance(second, bytes) else b"")
