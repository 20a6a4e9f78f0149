"""Invoices of KSeF as records: what the XML says, KSeF's number, and which side is ours."""

import base64
import re
from typing import Any
from urllib.parse import quote

from connectors.ksef.settings import KsefSettings
from hub.connector.einvoice.dispatch import read
from hub.connector.stream import Upsert
from hub.errors import ShapeError

RECORDS = "invoices"


def upsert(settings: KsefSettings, number: str, data: bytes) -> Upsert:
    """Return the record of an invoice; one that cannot be read is a record too, with the reason."""
    try:
        payload = read(data)
    except ShapeError as error:
        return Upsert(number, {"id": number, "ksef_no": number, "unreadable": str(error)})
    references = [
        {**one, "key": f"{RECORDS}:{one['ksef_no']}" if one["ksef_no"] else ""} for one in payload["references"]
    ]
    ours = _ours(settings, payload)
    other = payload["buyer"] if ours == "seller" else payload["seller"] if ours else {}
    whole: dict[str, Any] = {
        **payload, "id": number, "ksef_no": number, "document": payload["id"], "references": references, "ours": ours,
        "business": settings.nip if ours else "", "other": other, "as": f"{payload['class']} {ours}".strip(),
        "url": _link(settings, payload),
    }  # fmt: skip
    return Upsert(number, whole, str(payload["sha256"]))


def _ours(settings: KsefSettings, payload: dict[str, Any]) -> str:
    """Return who we are on an invoice; empty: a third party, and the hub compares it with its other legal entities."""
    for who in ("seller", "buyer"):
        if re.sub(r"\D", "", payload[who]["tax_id"]) == settings.nip:
            return who
    return ""


def _link(settings: KsefSettings, payload: dict[str, Any]) -> str:
    """Return the page on which KSeF shows an invoice to whoever has it.

    Source: https://github.com/CIRFMF/ksef-api/blob/main/kody-qr.md (KOD I)
    """
    year, month, day = payload["issue_date"].split("-")
    digest = base64.urlsafe_b64encode(bytes.fromhex(payload["sha256"])).decode().rstrip("=")
    seller = quote(re.sub(r"\D", "", payload["seller"]["tax_id"]), safe="")
    return f"{settings.qr_url}/invoice/{seller}/{day}-{month}-{year}/{digest}" if seller else ""
