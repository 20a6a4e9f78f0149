"""Pictures of contacts. Graph hands them out only with our access, and only says by asking whether there is one.

A contact does not name its picture, and a listing cannot be asked for it; so every contact bears the address at which its
picture would be, with the version of the contact: whenever it changes, this is asked once more, in the time of nobody who
waits. Where there is none, the answer is 404.
Sources: https://learn.microsoft.com/graph/api/profilephoto-get,
https://github.com/microsoftgraph/msgraph-sdk-java/issues/996 (a contact does not say whether it has one)
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

from connectors.microsoft.client import VERSION, Client, quoted
from connectors.microsoft.settings import MicrosoftSettings
from hub.errors import RejectedError

ADDRESS = "photo@odata.mediaReadLink"  # what OData calls where the bytes of a stream are
# Read by one strict form, not by a parser of URLs: two parsers do not agree on a hostile one.
_PLACE = re.compile(
    re.escape(VERSION)
    + r"/users/(?P<mailbox>[\w.%+@-]{1,320})/contacts/(?P<id>[\w.%=-]{1,600})/photo/\$value(?:\?v=[\w.%=-]{0,300})?",
    re.ASCII,
)


def address(client: Client, remote_id: str, version: str) -> str:
    """Return where the picture of a contact is, if it has one; another version is another address."""
    base, whose = client.settings.graph_url.rstrip("/"), quoted(client.mailbox)
    return f"{base}{VERSION}/users/{whose}/contacts/{quoted(remote_id)}/photo/$value?v={quoted(version)}"


def photo(settings: MicrosoftSettings, client: Callable[[str], Client], url: str, *, largest: int) -> bytes:
    """Return what lies at a picture's address (`hub.connector.stream.HasPhotos`).

    Args:
        client: returns the client of a mailbox.
    """
    base = settings.graph_url.rstrip("/")
    found = _PLACE.fullmatch(url.removeprefix(base)) if url.startswith(f"{base}/") else None
    mailbox = unquote(found["mailbox"]) if found else ""
    if found is None or mailbox not in settings.wanted_mailboxes:
        raise RejectedError("the picture is not at an address of this account's contacts")
    content = b""
    for block in client(mailbox).blocks(f"/contacts/{quoted(unquote(found['id']))}/photo/$value"):
        content += block
        if len(content) > largest:
            raise RejectedError(f"the picture is larger than {largest} bytes")
    return content
