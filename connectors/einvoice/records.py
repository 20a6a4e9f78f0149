"""Records out of files. A document is known by who issued it, its number and its day: the same file twice is one record."""

from typing import Any

from hub.connector.contract import Delivered
from hub.connector.einvoice.dispatch import read

RECORDS = "invoices"


def record_of(data: bytes) -> Delivered:
    """Return the document of a file.

    Raises:
        ShapeError: it is none; says why.
    """
    payload = read(data)
    references = [
        {**one, "key": f"{RECORDS}:{one['document']}" if one["document"] else ""} for one in payload["references"]
    ]
    whole: dict[str, Any] = {**payload, "references": references}
    return Delivered(RECORDS, str(payload["id"]), whole, version=str(payload["sha256"]))
