"""Large files on their way to a draft: in pieces, to an address that Graph names for each.

The address lets in whoever has it, so it gets no token of ours, and is named to nobody.
Source: https://learn.microsoft.com/graph/outlook-large-attachments
"""

from collections.abc import Iterator

import requests

from connectors.microsoft.client import LARGEST_REFUSAL, Client
from connectors.microsoft.errors import error_of, told_of
from hub.connector.http import Session, blocks
from hub.errors import GoneError, RetryLaterError, ShapeError

PIECE = 3 * 2**20  # bytes; "each less than 4 MB"


def upload(client: Client, path: str, content: bytes, *, name: str, media_type: str) -> None:
    """Attach a file to a draft.

    Args:
        path: of the draft's attachments.

    Raises:
        ConnectorError: as of `Client.get`; begun anew, nothing of before is left.
        ShapeError: Graph names no address.
    """
    item = {"attachmentType": "file", "name": name, "size": len(content), "contentType": media_type}
    answer = client.send("POST", f"{path}/createUploadSession", {"AttachmentItem": item})
    url = str(answer.get("uploadUrl") or "")
    if not url.startswith("https://"):
        raise ShapeError("Microsoft names no address for a large file")
    session = Session(client.settings.ca)
    for begin, piece in _pieces(content):
        client.tools.spend(client.limits, 1)
        place = f"bytes {begin}-{begin + len(piece) - 1}/{len(content)}"
        _put(session, url, piece, {"Content-Range": place, "Content-Type": "application/octet-stream"}, client)


def _pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    for begin in range(0, len(content), PIECE):
        yield begin, content[begin : begin + PIECE]


def _put(session: requests.Session, url: str, piece: bytes, headers: dict[str, str], client: Client) -> None:
    try:
        answer = session.put(
            url, data=piece, headers=headers, timeout=client.settings.timeout_s, stream=True, allow_redirects=False
        )
    except (requests.RequestException, OSError) as error:
        raise RetryLaterError(f"Microsoft cannot be reached: {type(error).__name__}") from error
    said = b"".join(blocks(answer, LARGEST_REFUSAL, "Microsoft's answer"))
    if answer.ok and not answer.is_redirect:
        return
    refusal = error_of(answer.status_code, answer.headers, told_of(said))
    # An address that is no more has run out: the draft is made anew.
    raise RetryLaterError(str(refusal)) if isinstance(refusal, GoneError) else refusal
