"""What the ledger itself counts and sums (`hub.connector.ledger.HasTotals`), of everything that is posted or confirmed.

`amount_total` of a credit note is above zero in Odoo; its sum counts down here, as everywhere in the hub. Source:
https://github.com/odoo/odoo/blob/19.0/odoo/orm/models.py (`formatted_read_group`)
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from connectors.odoo.client import Client, Row, id_of
from connectors.odoo.ledger import CREDITS, INVOICES
from connectors.odoo.listing import Kind
from connectors.odoo.sales import ORDERS, PURCHASES
from hub.connector.ledger import Total
from hub.errors import ScopeError, ShapeError

# As mappings/odoo/*.toml say it.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "out_invoice": "invoice", "out_receipt": "invoice_receipt", "out_refund": "credit_note",
        "in_invoice": "bill", "in_receipt": "bill", "in_refund": "vendor_credit",
        "sent": "quote", "sale": "order",
    }
)  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sums:
    """How one kind of records is summed."""

    kind: Kind
    states: tuple[str, ...]  # that count
    by: str  # what says which kind of document it is
    day: str
    balance: str = ""


_ALL = (
    _Sums(INVOICES, ("posted",), "move_type", "invoice_date", "amount_residual"),
    _Sums(ORDERS, ("sent", "sale"), "state", "date_order"),
    _Sums(PURCHASES, ("sent", "to approve", "purchase", "done"), "state", "date_order"),
)


def totals(client: Client, kinds: Iterable[Kind], time_zone: str) -> list[Total]:
    """Return the sums of those kinds of records that the user may read.

    Args:
        time_zone: in which an order has its day.
    """
    wanted = tuple(kinds)
    found: dict[tuple[str, ...], Total] = {}
    currencies: dict[int, str] = {}
    for sums in _ALL:
        if sums.kind not in wanted:
            continue
        try:
            listed = list(_of(client, sums, time_zone, currencies))
        except ScopeError as error:  # its stream says the same, and stands still
            _log.info("no sums of %s: %s", sums.kind.records, error)
            continue
        for one in listed:  # several words of Odoo may be one kind of ours
            key = (one.records, one.business, one.kind, one.currency, one.month)
            found[key] = _added(found[key], one) if key in found else one
    return list(found.values())


def _of(client: Client, sums: _Sums, time_zone: str, currencies: dict[int, str]) -> Iterator[Total]:
    domain = [*sums.kind.domain(client.settings), ["state", "in", list(sums.states)]]
    month = f"{sums.day}:month"
    by = ("company_id", sums.by, "currency_id", month)
    fields = ("amount_total", sums.balance) if sums.balance else ("amount_total",)
    groups = client.groups(sums.kind.model, domain, by, fields, time_zone=time_zone)
    _learn(client, groups, currencies)
    for group in groups:
        word = str(group.get(sums.by))
        sign = -1 if word in CREDITS else 1
        yield Total(
            records=sums.kind.records,
            business=str(id_of(group.get("company_id")) or ""),
            kind=KINDS.get(word, "purchase_order" if sums.kind is PURCHASES else "unknown"),
            currency=currencies.get(id_of(group.get("currency_id")), ""),
            month=str(group.get(month) or ""),
            count=int(group["__count"]),
            gross=sign * _sum(group.get("amount_total")),
            balance=sign * _sum(group.get(sums.balance)) if sums.balance else None,
        )


def _learn(client: Client, groups: Sequence[Row], currencies: dict[int, str]) -> None:
    """Ask for the codes of currencies that are not known yet."""
    wanted = {one for group in groups if (one := id_of(group.get("currency_id")))} - currencies.keys()
    if wanted:
        found = client.of_ids("res.currency", wanted, ("name",))
        currencies |= {one: str(row.get("name") or "") for one, row in found.items()}


def _added(one: Total, other: Total) -> Total:
    gross = (one.gross or Decimal()) + (other.gross or Decimal())
    balance = None if one.balance is None or other.balance is None else one.balance + other.balance
    return replace(one, count=one.count + other.count, gross=gross, balance=balance)


def _sum(value: Any) -> Decimal:
    try:
        return Decimal("0" if value in (None, False) else str(value))
    except InvalidOperation as error:
        raise ShapeError(f"Odoo's sum {str(value)[:40]!r} is no number") from error
