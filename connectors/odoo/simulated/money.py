"""Amounts: rounded to their currency, exchanged, and cut into instalments."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217 codes with the ids that Odoo ships them under, their digits and signs.
CURRENCIES = (
    ("USD", 1, 2, "$"), ("ILS", 89, 2, "₪"), ("EUR", 126, 2, "€"), ("GBP", 140, 2, "£"), ("PLN", 17, 2, "zł"),
    ("JPY", 25, 0, "¥"), ("KWD", 94, 3, "KD"), ("AED", 129, 2, "AED"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a document as people type it."""

    name: str
    price: Decimal
    quantity: Decimal = Decimal(1)
    tax: Decimal = Decimal(0)  # percent
    note: bool = False  # a line of text only

    def net(self, digits: int) -> Decimal:
        return Decimal(0) if self.note else rounded(self.price * self.quantity, digits)

    def taxed(self, digits: int) -> Decimal:
        return rounded(self.net(digits) * self.tax / 100, digits)


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Round half up, away from zero, as Odoo does."""
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def split(total: Decimal, percents: Sequence[Decimal], digits: int) -> list[Decimal]:
    """Cut an amount into parts; the last takes what rounding left."""
    parts = [rounded(total * one / 100, digits) for one in percents[:-1]]
    return [*parts, total - sum(parts, Decimal(0))]
