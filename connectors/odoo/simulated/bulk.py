"""Very many documents, each made when it is looked at: for benchmarks, not for stories."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.account_models import LINES, MOVES
from connectors.odoo.simulated.money import rounded
from connectors.odoo.simulated.schema import Row

_LINES_EACH = 2  # what was sold, and what is to be paid
_SPREAD_DAYS = 720


@dataclass(frozen=True)
class Fill:
    """What many documents have in common. Each is posted and not paid; every twentieth is a credit note."""

    partners: Sequence[int]
    company: int
    currencies: Sequence[tuple[int, Decimal, int]]  # id, rate, digits; in turn
    base_digits: int
    journal: int
    receivable: int
    income: int
    since: datetime  # when the first was written; the others a second later each
    today: date
    moves: range
    lines: range

    @property
    def written_until(self) -> datetime:
        return self.since + timedelta(seconds=len(self.moves))

    # -- one document -----------------------------------------------------------------------------------------------------

    def place(self, number: int) -> int:
        return number - self.moves.start

    def amount(self, at: int) -> Decimal:
        _, _, digits = self.currencies[at % len(self.currencies)]
        return rounded(Decimal(5000 + at * 7919 % 900_000) / 100, digits)

    def sign(self, at: int) -> int:
        return -1 if at % 20 == 19 else 1

    def move(self, number: int) -> Row:
        at = self.place(number)
        currency, rate, _ = self.currencies[at % len(self.currencies)]
        amount, sign = self.amount(at), self.sign(at)
        booked = sign * rounded(amount / rate, self.base_digits)
        day = self.today - timedelta(days=at * 31 % _SPREAD_DAYS)
        written = self.since + timedelta(seconds=at)
        partner = self.partners[at % len(self.partners)]
        name = f"{'INV' if sign > 0 else 'RINV'}/{day:%Y}/B{at + 1:06}"
        return {
            **_BLANK_MOVE, "id": number, "name": name, "state": "posted", "payment_state": "not_paid",
            "move_type": "out_invoice" if sign > 0 else "out_refund", "date": day, "invoice_date": day,
            "invoice_date_due": day + timedelta(days=30), "partner_id": partner, "commercial_partner_id": partner,
            "company_id": self.company, "currency_id": currency, "journal_id": self.journal,
            "invoice_currency_rate": rate, "payment_reference": name, "amount_untaxed": amount, "amount_tax": Decimal(0),
            "amount_total": amount, "amount_residual": amount, "amount_untaxed_signed": booked,
            "amount_total_signed": booked, "amount_residual_signed": booked, "amount_total_in_currency_signed": sign * amount,
            "create_uid": 2, "write_uid": 2, "create_date": written, "write_date": written,
        }  # fmt: skip

    def line(self, number: int) -> Row:
        """The line of what was sold, or behind it that of what is to be paid."""
        at, which = divmod(number - self.lines.start, _LINES_EACH)
        move = self.move(self.moves.start + at)
        owed = which == 1
        sign = 1 if owed else -1
        amount, booked = sign * move["amount_total_in_currency_signed"], sign * move["amount_total_signed"]
        zero = Decimal(0)
        return {
            **_BLANK_LINE, "id": number, "move_id": move["id"], "company_id": self.company,
            "name": move["name"] if owed else "Service", "display_type": "payment_term" if owed else "product",
            "account_id": self.receivable if owed else self.income, "account_type": "asset_receivable" if owed else "income",
            "partner_id": move["partner_id"], "currency_id": move["currency_id"], "journal_id": self.journal,
            "date": move["date"], "date_maturity": move["invoice_date_due"] if owed else None, "parent_state": "posted",
            "amount_currency": amount, "balance": booked, "debit": max(booked, zero), "credit": max(-booked, zero),
            "amount_residual": booked if owed else zero, "amount_residual_currency": amount if owed else zero,
            "quantity": zero if owed else Decimal(1), "price_unit": zero if owed else move["amount_total"],
            "price_subtotal": zero if owed else move["amount_total"], "price_total": zero if owed else move["amount_total"],
            "create_uid": 2, "write_uid": 2, "create_date": move["create_date"], "write_date": move["write_date"],
        }  # fmt: skip

    def of_partner(self, partner: Any) -> range:
        """Places of the documents of a partner."""
        try:
            first = self.partners.index(partner)
        except ValueError:
            return range(0)
        return range(first, len(self.moves), len(self.partners))


class Moves:
    """The documents."""

    def __init__(self, fill: Fill) -> None:
        self.ids, self.written_until, self._fill = fill.moves, fill.written_until, fill

    def row(self, number: int) -> Row:
        return self._fill.move(number)

    def lookup(self, field: str, value: Any) -> Iterable[int]:
        if field != "commercial_partner_id":
            return ()
        return (self.ids[at] for at in self._fill.of_partner(value))


class Lines:
    """Their lines."""

    def __init__(self, fill: Fill) -> None:
        self.ids, self.written_until, self._fill = fill.lines, fill.written_until, fill

    def row(self, number: int) -> Row:
        return self._fill.line(number)

    def lookup(self, field: str, value: Any) -> Iterable[int]:
        if field == "move_id":
            places: Iterable[int] = [self._fill.place(value)] if value in self._fill.moves else ()
        else:
            places = self._fill.of_partner(value)
        return (self.ids[at * _LINES_EACH + which] for at in places for which in range(_LINES_EACH))


_BLANK_MOVE: Row = MOVES.new({})
_BLANK_LINE: Row = LINES.new({})
