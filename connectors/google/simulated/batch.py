"""Many calls in one request, each with a fate of its own.

Source: https://developers.google.com/workspace/gmail/api/guides/batch
"""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from connectors.google.simulated.errors import bad_request
from connectors.google.simulated.gateway import Gateway
from hub.connector.simulated.wire import Answer, Request, json_answer

_MOST = {"calendar": 50}
_USUALLY_MOST = 100
_BOUNDARY = "batch_simulated_answer"


def is_batch(path: str) -> bool:
    return path == "/batch" or path.startswith("/batch/")


def answer(gateway: Gateway, request: Request) -> Answer:
    """Answer each inner call."""
    parts = list(_parts(request))
    api = request.path.removeprefix("/batch").strip("/").partition("/")[0]
    most = _MOST.get(api, _USUALLY_MOST)
    if not parts or len(parts) > most:
        why = f"The batch request could not be processed. It has {len(parts)} calls, at most {most} are allowed."
        error = bad_request(why)
        return json_answer(error.body(), error.code)
    lines, wrote = [], False
    for content_id, inner in parts:
        one = gateway.handle(inner)
        wrote = wrote or one.wrote
        reply = content_id.replace("<", "<response-", 1)
        head = f"--{_BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: {reply}\r\n\r\n"
        lines.append(head.encode() + raw_answer(one) + b"\r\n")
    lines.append(f"--{_BOUNDARY}--\r\n".encode())
    return Answer(200, b"".join(lines), f"multipart/mixed; boundary={_BOUNDARY}", wrote=wrote)


def raw_answer(one: Answer) -> bytes:
    """An answer as it stands inside another."""
    headers = {"Content-Type": one.content_type, **one.headers, "Content-Length": str(len(one.body))}
    head = f"HTTP/1.1 {one.status} {HTTPStatus(one.status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + one.body


def _parts(request: Request) -> Iterator[tuple[str, Request]]:
    kind = request.headers.get("content-type", "")
    whole = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    payload = whole.get_payload()
    if not whole.is_multipart() or not isinstance(payload, list):
        return
    for part in payload:
        if isinstance(part, Message) and part.get_content_type() == "application/http":
            raw = part.get_payload(decode=True)
            if isinstance(raw, bytes):
                yield part.get("Content-ID", ""), _inner(raw, request)


def _inner(raw: bytes, outer: Request) -> Request:
    """Read a call that stands inside another; its credentials are its own or the outer ones."""
    raw = raw.lstrip(b"\r\n")
    line, _, rest = raw.partition(b"\n")
    http, target, *_ = [*line.decode("latin-1").split(), "", ""]
    mail = message_from_bytes(rest)
    body = mail.get_payload(decode=True)
    headers = {name.lower(): str(value) for name, value in mail.items()}
    if "authorization" in outer.headers:
        headers.setdefault("authorization", outer.headers["authorization"])
    url = urlsplit(target)
    query = parse_qsl(url.query, keep_blank_values=True)
    return Request(http, url.path, query, headers, body.strip() if isinstance(body, bytes) else b"")
