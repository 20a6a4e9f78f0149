"""Which side of a document is ours, where it names a seller and a buyer and nobody says who reads it: an e-invoice. Pure.

Our legal entities are known by their tax ids; a document that names none of them is not ours and is set aside.
"""

from collections.abc import Collection, Mapping
from typing import Any

from hub.errors import RecordError
from hub.records.document import DocumentKind, Side

_PURCHASED = {
    DocumentKind.INVOICE: DocumentKind.BILL,
    DocumentKind.ADVANCE_INVOICE: DocumentKind.BILL,
    DocumentKind.INVOICE_RECEIPT: DocumentKind.BILL,
    DocumentKind.CREDIT_NOTE: DocumentKind.VENDOR_CREDIT,
    DocumentKind.ORDER: DocumentKind.PURCHASE_ORDER,
}
_PARTS = ("name", "tax_id", "country", "email", "phone")


def is_undecided(values: Mapping[str, Any]) -> bool:
    """Say whether a document names seller and buyer, and not whose side is ours."""
    if values.get("side") or any(values.get(name) for name in ("party", "party_name", "party_tax_id")):
        return False
    return any(values.get(f"{who}_{part}") for who in ("seller", "buyer") for part in _PARTS)


def decided(values: Mapping[str, Any], ours: Collection[str], keys: tuple[str, str]) -> dict[str, Any]:
    """Return a document's fields with side, legal entity and the other party.

    Args:
        ours: tax keys of our legal entities.
        keys: of seller and buyer.

    Raises:
        RecordError: neither is ours.
    """
    seller, buyer = keys
    if seller and seller in ours:
        return {**values, "side": str(Side.SALE), "business": seller, **_party(values, "buyer")}
    if buyer and buyer in ours:
        kind = _PURCHASED.get(values.get("kind", ""), values.get("kind"))
        party = _party(values, "seller")
        return {**values, "side": str(Side.PURCHASE), "kind": kind, "business": buyer, **party}
    shown = " and ".join(str(values.get(f"{who}_tax_id") or f"a {who} without a tax id") for who in ("seller", "buyer"))
    raise RecordError(f"not ours: {shown} are no legal entities of this group")


def _party(values: Mapping[str, Any], who: str) -> dict[str, Any]:
    return {f"party_{part}": values.get(f"{who}_{part}") for part in _PARTS}
