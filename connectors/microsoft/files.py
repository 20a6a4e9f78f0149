"""A file of a message, as it arrives: a large one is never held whole.

Source: https://learn.microsoft.com/graph/api/attachment-get#get-the-raw-contents-of-a-file-or-item-attachment
"""

from collections.abc import Iterator

from connectors.microsoft.client import Client, quoted
from hub.errors import RejectedError

_LINK = "#microsoft.graph.referenceAttachment"


def content(client: Client, remote_id: str, number: str) -> Iterator[bytes]:
    """Return the content of an attachment; of one that is itself a mail, its bytes as it would travel.

    Raises:
        GoneError: there is no such mail or attachment.
        RejectedError: it is a link to a file elsewhere.
        ConnectorError: as of `Client.blocks`.
    """
    path = f"/messages/{quoted(remote_id)}/attachments/{quoted(number)}"
    try:
        yield from client.blocks(f"{path}/$value")
    except RejectedError:
        # Only of a refusal it is asked what it is; the bytes of a link are refused with 405.
        if client.get(path, {"$select": "id,name"}).get("@odata.type") == _LINK:
            raise RejectedError("This is a link to a file in OneDrive or SharePoint. Open it in Outlook.") from None
        raise
