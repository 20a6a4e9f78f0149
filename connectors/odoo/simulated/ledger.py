"""What accountants do: invoices, credit notes, payments, and what settles what.

Recorded from Odoo 19.0: a draft has no number; a payment is `in_process` and moves the invoice's `write_date`, residual and
`payment_state`; a cancelled payment loses its entry and its allocations; a credit note settles the invoice that it
reverses when it is posted; a cancelled invoice shows its whole amount as due.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.account_models import (
    DOCUMENTS,
    INBOUND,
    LINE,
    MOVE,
    PARTIAL,
    PAYMENT,
    REVERSED,
    SALES,
    lines_of,
    other_side,
    partials_of,
    terms_of,
)
from connectors.odoo.simulated.directory import Directory
from connectors.odoo.simulated.errors import user_error
from connectors.odoo.simulated.money import Item, split
from connectors.odoo.simulated.schema import Row
from connectors.odoo.simulated.session import step

ZERO = Decimal(0)
Amount = str | Decimal
_SERIES = {
    "out_invoice": "INV/{0:%Y}/", "out_receipt": "INV/{0:%Y}/", "out_refund": "RINV/{0:%Y}/",
    "in_invoice": "BILL/{0:%Y/%m}/", "in_receipt": "BILL/{0:%Y/%m}/", "in_refund": "RBILL/{0:%Y/%m}/",
    "entry": "MISC/{0:%Y/%m}/", "payment": "PBNK1/{0:%Y}/",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Money:
    """What comes in or goes out."""

    partner: int
    amount: Decimal
    currency: int
    company: int
    day: date
    inbound: bool
    customer: bool


def goods(amount: Amount, name: str = "Service", *, tax: Amount = ZERO) -> list[Item]:
    """One line."""
    return [Item(name, Decimal(amount), tax=Decimal(tax))]


class Ledger(Directory):
    """Methods that make and change documents and payments."""

    # -- documents --------------------------------------------------------------------------------------------------------

    @step
    def invoice(  # noqa: PLR0913 - all that people say of a document
        self,
        partner: int,
        what: Amount | Sequence[Item],
        *,
        kind: str = "out_invoice",
        currency: str | None = None,
        company: int | None = None,
        day: date | None = None,
        due: date | None = None,
        term: int | None = None,
        post: bool = True,
        **values: Any,
    ) -> int:
        """Write a document of any of the six types, and post it.

        Args:
            what: an amount without tax, or lines.
            term: payment terms; without them and without `due` it is to be paid at once.
        """
        entity = self._company(company)
        base = self.row("res.company", entity)["currency_id"]
        money = self._currency(currency) if currency else base
        day = day or self._today()
        payer = self.row("res.partner", partner)["commercial_partner_id"]
        made = self.tx.create(
            MOVE, move_type=kind, partner_id=partner, commercial_partner_id=payer, company_id=entity, currency_id=money,
            journal_id=self._journal(entity, "sale" if kind in SALES else "purchase"), date=day, invoice_date=day,
            invoice_currency_rate=self._rate_of(money, entity, day), invoice_payment_term_id=term,
            invoice_date_due=due or day, **values,
        )  # fmt: skip
        self._fill_lines(
            made, [what] if isinstance(what, Item) else goods(what) if isinstance(what, str | Decimal) else what
        )
        if post:
            self.post(made)
        return made

    def _fill_lines(self, move: int, items: Sequence[Item]) -> None:
        """Write the lines of a draft, and its sums."""
        row = self.row(MOVE, move)
        entity, digits = row["company_id"], self._digits(row["currency_id"])
        sign = 1 if row["move_type"] in INBOUND else -1
        rate = row["invoice_currency_rate"]
        net = sum((one.net(digits) for one in items), ZERO)
        tax = sum((one.taxed(digits) for one in items), ZERO)
        for one in items:
            self._line(row, one.name, "line_note" if one.note else "product", -sign * one.net(digits), rate,
                       quantity=ZERO if one.note else one.quantity, price_unit=one.price, price_subtotal=one.net(digits),
                       price_total=one.net(digits) + one.taxed(digits))  # fmt: skip
        if tax:
            self._line(row, "Tax", "tax", -sign * tax, rate)
        total = net + tax
        books = {name: sign * self._in_books(amount, rate, entity) for name, amount in
                 (("untaxed", net), ("total", total))}  # fmt: skip
        dues = self._instalments(row, total, books["total"])
        for day, amount, in_books, name in dues:
            self._line(row, name, "payment_term", sign * amount, rate, balance=in_books, date_maturity=day)
        self.tx.write(
            MOVE, move, amount_untaxed=net, amount_tax=tax, amount_total=total, amount_residual=total,
            amount_untaxed_signed=books["untaxed"], amount_tax_signed=books["total"] - books["untaxed"],
            amount_total_signed=books["total"], amount_residual_signed=books["total"],
            amount_total_in_currency_signed=sign * total, invoice_date_due=max(one[0] for one in dues),
        )  # fmt: skip

    def _instalments(
        self, move: Row, total: Decimal, books: Decimal
    ) -> list[tuple[date, Decimal, Decimal, str | None]]:
        """What is to be paid when: day, amount, the same in the company's currency with its sign, words."""
        term = move["invoice_payment_term_id"]
        if term is None:
            return [(move["invoice_date_due"], total, books, None)]
        parts = self.tx.related("account.payment.term.line", "payment_id", term)
        percents = [Decimal(one["value_amount"]) for one in parts]
        base = self.row("res.company", move["company_id"])["currency_id"]
        amounts = split(total, percents, self._digits(move["currency_id"]))
        in_books = split(books, percents, self._digits(base))
        days = [move["invoice_date"] + timedelta(days=one["nb_days"]) for one in parts]
        names = [f"installment #{number}" if len(parts) > 1 else None for number in range(1, len(parts) + 1)]
        return list(zip(days, amounts, in_books, names, strict=True))

    def _line(
        self, move: Row, name: str | None, kind: str, amount: Decimal, rate: Decimal, *, balance: Decimal | None = None,
        **values: Any,
    ) -> int:  # fmt: skip
        entity = move["company_id"]
        in_books = self._in_books(amount, rate, entity) if balance is None else balance
        is_sale = move["move_type"] in SALES
        account = {
            "payment_term": "asset_receivable" if is_sale else "liability_payable", "tax": "liability_current",
            "product": "income" if is_sale else "expense",
        }.get(kind)  # fmt: skip
        owed = kind == "payment_term"
        return self.tx.create(
            LINE, move_id=move["id"], name=name, display_type=kind, partner_id=move["commercial_partner_id"],
            account_id=self._account(entity, account) if account else None, account_type=account, company_id=entity,
            currency_id=move["currency_id"], journal_id=move["journal_id"], date=move["date"], parent_state=move["state"],
            amount_currency=amount, balance=in_books, debit=max(in_books, ZERO), credit=max(-in_books, ZERO),
            amount_residual=in_books if owed else ZERO, amount_residual_currency=amount if owed else ZERO,
            sequence=12000 if owed else 100, **values,
        )  # fmt: skip

    @step
    def post(self, move: int) -> None:
        """Give a draft its number; a credit note settles the invoice that it reverses.

        Raises:
            OdooError: it is no draft.
        """
        row = self.row(MOVE, move)
        if row["state"] != "draft":
            raise user_error(f"The entry {row['name'] or ''} (id {move}) must be in draft.")
        prefix, count = self._number(row["move_type"], row["company_id"], row["date"])
        number = row["name"] or f"{prefix}{count:0{5 if row['move_type'] in SALES else 4}}"
        self.tx.write(
            MOVE, move, state="posted", name=number, sequence_prefix=prefix, sequence_number=count,
            payment_reference=row["payment_reference"] or (number if row["move_type"] == "out_invoice" else None),
        )  # fmt: skip
        for line in lines_of(self.tx, move):
            is_due = line["display_type"] == "payment_term"
            named = self._words_of_due(row["ref"], number, line["name"]) if is_due else line["name"]
            self.tx.write(LINE, line["id"], parent_state="posted", name=named)
        if row["reversed_entry_id"] is not None and self.row(MOVE, row["reversed_entry_id"])["state"] == "posted":
            self.reconcile(row["reversed_entry_id"], move)
        self._refresh(move)

    @staticmethod
    def _words_of_due(ref: str | None, number: str, part: str | None) -> str:
        """What an instalment is called; a document that is due at once only has its number there."""
        if part is None:
            return number
        return f"{ref} - {number} {part}" if ref else f"{number} {part}"

    def _number(self, kind: str, company: int, day: date) -> tuple[str, int]:
        prefix = _SERIES[kind].format(day)
        counters = self.world.counters
        counters[company, prefix] = counters.get((company, prefix), 0) + 1
        return prefix, counters[company, prefix]

    @step
    def draft(self, move: int) -> None:
        """Reset a document to draft: what settled it does so no longer. It keeps its number."""
        self._reset(move, "draft")

    @step
    def cancel(self, move: int) -> None:
        """Cancel a document: it stays listed, and shows its whole amount as due."""
        self._reset(move, "cancel")

    def _reset(self, move: int, state: str) -> None:
        self.row(MOVE, move)
        for line in lines_of(self.tx, move):
            for partial in partials_of(self.tx, line["id"]):
                self._unsettle(partial)
        self.tx.write(MOVE, move, state=state)
        for line in lines_of(self.tx, move):
            self.tx.write(LINE, line["id"], parent_state=state)
        self._refresh(move)

    @step
    def unlink(self, move: int) -> None:
        """Delete a document. Raises OdooError: it is posted."""
        if self.row(MOVE, move)["state"] == "posted":
            raise user_error(
                "You can't delete a posted journal item. Don\u2019t play games with your accounting records; reset the "
                "journal entry to draft before deleting it."
            )
        for line in lines_of(self.tx, move):
            self.tx.unlink(LINE, line["id"])
        self.tx.unlink(MOVE, move)

    @step
    def credit(
        self, move: int, what: Amount | None = None, *, day: date | None = None, reason: str = "", post: bool = True
    ) -> int:
        """Reverse a document, whole or in part; the draft refers to it."""
        row = self.row(MOVE, move)
        words = f"Reversal of: {row['name']}" + (f", {reason}" if reason else "")
        items = goods(what) if what is not None else self._items(move)
        code = self.row("res.currency", row["currency_id"])["name"]
        made: int = self.invoice(
            row["partner_id"], items, kind=REVERSED[row["move_type"]], currency=code, company=row["company_id"], day=day,
            post=False, reversed_entry_id=move, ref=words,
        )  # fmt: skip
        if post:
            self.post(made)
        return made

    def _items(self, move: int) -> list[Item]:
        """The lines of a document as they were typed; tax stands in one line of its own."""
        shown = [one for one in lines_of(self.tx, move) if one["display_type"] == "product"]
        items = [Item(one["name"], one["price_unit"], one["quantity"]) for one in shown]
        tax = self.row(MOVE, move)["amount_tax"]
        return [*items, Item("Tax", tax)] if tax else items

    # -- payments ---------------------------------------------------------------------------------------------------------

    @step
    def pay(self, move: int, amount: Amount | None = None, *, day: date | None = None, memo: str | None = None) -> int:
        """Register a payment of a document; without an amount, of all that is due."""
        row = self.row(MOVE, move)
        given = Decimal(amount) if amount is not None else row["amount_residual"]
        money = _Money(
            row["commercial_partner_id"], given, row["currency_id"], row["company_id"], day or self._today(),
            inbound=row["move_type"] in INBOUND, customer=row["move_type"] in SALES,
        )  # fmt: skip
        made = self._payment(money, memo or row["name"], move)
        [counterpart] = self._counterparts(made)
        for term in terms_of(self.tx, move):
            self._settle(term["id"], counterpart)
        self._refresh(move)
        return made

    @step
    def receive(
        self, partner: int, amount: Amount, *, currency: str | None = None, company: int | None = None,
        day: date | None = None, memo: str = "On account", customer: bool = True,
    ) -> int:  # fmt: skip
        """Take money that settles nothing yet."""
        entity = self._company(company)
        money = self._currency(currency) if currency else self.row("res.company", entity)["currency_id"]
        given = _Money(
            partner, Decimal(amount), money, entity, day or self._today(), inbound=customer, customer=customer
        )
        return self._payment(given, memo, None)

    def _payment(self, given: _Money, memo: str | None, move: int | None) -> int:
        if given.amount <= 0:
            raise user_error("The payment amount must be strictly positive.")
        company, day = given.company, given.day
        prefix, count = self._number("payment", company, day)
        number, journal = f"{prefix}{count:05}", self._journal(company, "bank")
        common = {
            "date": day,
            "partner_id": given.partner,
            "company_id": company,
            "currency_id": given.currency,
            "journal_id": journal,
        }
        made = self.tx.create(
            PAYMENT, name=number, state="in_process", payment_type="inbound" if given.inbound else "outbound",
            partner_type="customer" if given.customer else "supplier", amount=given.amount, memo=memo,
            payment_method_id=1, payment_method_line_id=1, invoice_ids=(move,) if move is not None else (), **common,
        )  # fmt: skip
        entry = self.tx.create(
            MOVE, name=number, ref=memo, move_type="entry", state="posted", commercial_partner_id=given.partner,
            origin_payment_id=made, amount_total=given.amount, invoice_currency_rate=Decimal(1), **common,
        )  # fmt: skip
        sign = 1 if given.inbound else -1
        in_books = sign * self._in_books(given.amount, self._rate_of(given.currency, company, day), company)
        for kind, amount, balance in (
            ("asset_current", sign * given.amount, in_books),
            ("asset_receivable" if given.customer else "liability_payable", -sign * given.amount, -in_books),
        ):
            self.tx.create(
                LINE, move_id=entry, name=f"Manual Payment: {memo}", parent_state="posted", date_maturity=day,
                account_id=self._account(company, kind), account_type=kind, amount_currency=amount, balance=balance,
                debit=max(balance, ZERO), credit=max(-balance, ZERO), amount_residual=balance,
                amount_residual_currency=amount, payment_id=made, **common,
            )  # fmt: skip
        self.tx.write(PAYMENT, made, move_id=entry)
        return made

    def _counterparts(self, payment: int) -> list[int]:
        """The line of a payment that stands against what it pays."""
        entry = self.row(PAYMENT, payment)["move_id"]
        return [one["id"] for one in lines_of(self.tx, entry) if one["account_type"] != "asset_current"]

    @step
    def use(self, payment: int, move: int) -> None:
        """Let money that settles nothing yet settle a document."""
        [counterpart] = self._counterparts(payment)
        for term in terms_of(self.tx, move):
            self._settle(term["id"], counterpart)
        known = self.row(PAYMENT, payment)["invoice_ids"]
        self.tx.write(PAYMENT, payment, invoice_ids=tuple(dict.fromkeys((*known, move))))
        self._refresh(move)

    @step
    def match(self, payment: int) -> None:
        """See a payment on a bank statement."""
        self.tx.write(PAYMENT, payment, state="paid", is_matched=True)
        for move in self.row(PAYMENT, payment)["invoice_ids"]:
            self._refresh(move)

    @step
    def cancel_payment(self, payment: int) -> None:
        """Cancel a payment: what it settled is due again, and its entry and allocations are gone."""
        self._leave(payment, "canceled")

    @step
    def draft_payment(self, payment: int) -> None:
        """Reset a payment to draft: what it settled is due again."""
        self._leave(payment, "draft")

    def _leave(self, payment: int, state: str) -> None:
        entry = self.row(PAYMENT, payment)["move_id"]
        for line in lines_of(self.tx, entry) if entry is not None else ():
            for partial in partials_of(self.tx, line["id"]):
                self._unsettle(partial)
            self.tx.unlink(LINE, line["id"])
        if entry is not None:
            self.tx.unlink(MOVE, entry)
        self.tx.write(PAYMENT, payment, state=state, move_id=None, is_matched=False)

    # -- what settles what ------------------------------------------------------------------------------------------------

    @step
    def reconcile(self, debit: int, credit: int) -> None:
        """Settle two documents of one partner with each other, such as an invoice and a credit note."""
        for one in terms_of(self.tx, debit):
            for other in terms_of(self.tx, credit):
                self._settle(one["id"], other["id"])
        self._refresh(debit)
        self._refresh(credit)

    def _settle(self, one: int, other: int) -> None:
        """Let two lines settle each other as far as they go; both in one currency."""
        rows = sorted((self.row(LINE, one), self.row(LINE, other)), key=lambda row: -row["amount_residual_currency"])
        debit, credit = rows
        amount = min(debit["amount_residual_currency"], -credit["amount_residual_currency"])
        if amount <= 0:
            return
        in_books = min(self._share(debit, amount), self._share(credit, amount))
        self.tx.create(
            PARTIAL, debit_move_id=debit["id"], credit_move_id=credit["id"], amount=in_books, company_id=debit["company_id"],
            debit_amount_currency=amount, credit_amount_currency=amount, debit_currency_id=debit["currency_id"],
            credit_currency_id=credit["currency_id"], max_date=max(debit["date"], credit["date"]),
        )  # fmt: skip
        for row, sign in ((debit, 1), (credit, -1)):
            left = row["amount_residual_currency"] - sign * amount
            # What exchange leaves over in the books is booked away by an entry of its own; here it is only gone.
            booked = row["amount_residual"] - sign * self._share(row, amount) if left else ZERO
            self.tx.write(LINE, row["id"], amount_residual_currency=left, amount_residual=booked, reconciled=not left)

    def _share(self, line: Row, amount: Decimal) -> Decimal:
        """What an amount of a line is in the books: all that is left of it, or by the rate of its day."""
        if amount == abs(line["amount_residual_currency"]):
            return Decimal(abs(line["amount_residual"]))
        return self._in_books(
            amount, self._rate_of(line["currency_id"], line["company_id"], line["date"]), line["company_id"]
        )

    def _unsettle(self, partial: Row) -> None:
        """Take an allocation back: both sides are open again."""
        moves = []
        for side, sign in (("debit_move_id", 1), ("credit_move_id", -1)):
            line = self.row(LINE, partial[side])
            open_ = line["amount_residual_currency"] + sign * partial["debit_amount_currency"]
            booked = (
                line["balance"]
                if open_ == line["amount_currency"]
                else line["amount_residual"] + sign * partial["amount"]
            )
            self.tx.write(LINE, line["id"], amount_residual_currency=open_, amount_residual=booked, reconciled=False)
            moves.append(line["move_id"])
        self.tx.unlink(PARTIAL, partial["id"])
        for move in moves:
            self._refresh(move)

    def _refresh(self, move: int) -> None:
        """Count anew what is due on a document, and how it is paid."""
        row = self.row(MOVE, move)
        if row["move_type"] not in DOCUMENTS:
            return
        terms = terms_of(self.tx, move)
        due = abs(sum((one["amount_residual_currency"] for one in terms), ZERO))
        booked = sum((one["amount_residual"] for one in terms), ZERO)
        self.tx.write(
            MOVE, move, amount_residual=due, amount_residual_signed=booked, payment_state=self._paid(row, terms, due)
        )

    def _paid(self, move: Row, terms: Sequence[Row], due: Decimal) -> str:
        if move["state"] != "posted" or due == move["amount_total"] != 0:
            return "not_paid"
        if due:
            return "partial"
        others = [
            self.row(LINE, other_side(partial, one["id"]))
            for one in terms
            for partial in partials_of(self.tx, one["id"])
        ]
        paid_by = [one["payment_id"] for one in others if one["payment_id"] is not None]
        if others and not paid_by:
            kinds = {self.row(MOVE, one["move_id"])["move_type"] for one in others}
            return "reversed" if kinds == {REVERSED.get(move["move_type"])} else "paid"
        if self.world.knows_bank and not all(self.row(PAYMENT, one)["is_matched"] for one in paid_by):
            return "in_payment"
        return "paid"

    @step
    def print(self, move: int, content: bytes, *, name: str = "invoice.pdf", kind: str = "application/pdf") -> int:
        """Keep the PDF that was sent to a customer, or the scan of a bill."""
        row = self.row(MOVE, move)
        made = self.tx.create(
            "ir.attachment", name=name, mimetype=kind, file_size=len(content), res_model=MOVE, res_id=move,
            _datas=base64.b64encode(content).decode(), company_id=row["company_id"],
        )  # fmt: skip
        field = "invoice_pdf_report_id" if row["move_type"] in SALES else "message_main_attachment_id"
        self.tx.write(MOVE, move, **{field: made})
        return made

    @step
    def entry(
        self, amount: Amount, *, company: int | None = None, day: date | None = None, ref: str = "Closing"
    ) -> int:
        """Write a journal entry that is no document."""
        entity = self._company(company)
        made = self.tx.create(
            MOVE, move_type="entry", state="posted", company_id=entity, journal_id=self._journal(entity, "general"),
            currency_id=self.row("res.company", entity)["currency_id"], date=day or self._today(), ref=ref,
            amount_total=Decimal(amount), amount_total_signed=Decimal(amount), invoice_currency_rate=Decimal(1),
        )  # fmt: skip
        prefix, count = self._number("entry", entity, day or self._today())
        self.tx.write(MOVE, made, name=f"{prefix}{count:04}", sequence_prefix=prefix, sequence_number=count)
        return made
