"""Companies, currencies, partners and payment terms: what has to be there before anything is sold."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.money import rounded
from connectors.odoo.simulated.session import Session, step

_JOURNALS = (
    ("Sales", "INV", "sale"),
    ("Purchases", "BILL", "purchase"),
    ("Bank", "BNK1", "bank"),
    ("Miscellaneous", "MISC", "general"),
)
_ACCOUNTS = (
    ("121000", "Account Receivable", "asset_receivable"), ("211000", "Account Payable", "liability_payable"),
    ("400000", "Product Sales", "income"), ("600000", "Expenses", "expense"),
    ("101402", "Outstanding Receipts", "asset_current"), ("251000", "Tax Received", "liability_current"),
)  # fmt: skip


class Directory(Session):
    """Methods that make and change what documents are made of."""

    @step
    def add_company(
        self, name: str, currency: str = "ILS", country: str = "IL", *, vat: str | None = None, **values: Any
    ) -> int:
        """Found a legal entity with its journals and accounts; everybody may see it."""
        partner = self.add_partner(name, is_company=True, vat=vat, country=country)
        number = self.tx.create(
            "res.company", name=name, currency_id=self._currency(currency), country_id=self._country(country), vat=vat,
            partner_id=partner, sequence=len(self.world.database.tables["res.company"].ids) * 10, **values,
        )  # fmt: skip
        for title, code, kind in _JOURNALS:
            self.tx.create("account.journal", name=title, code=code, type=kind, company_id=number)
        for code, title, kind in _ACCOUNTS:
            self.tx.create("account.account", code=code, name=title, account_type=kind, company_id=number)
        for one in self.world.people.everybody:
            one.companies.append(number)
        return number

    @step
    def set_rate(
        self, currency: str, rate: str | Decimal, *, since: date | None = None, company: int | None = None
    ) -> int:
        """Say how many units of a currency one of the company's own are worth from a day on."""
        return self.tx.create(
            "res.currency.rate", currency_id=self._currency(currency), rate=Decimal(rate), company_id=company,
            name=since or date(2010, 1, 1),
        )  # fmt: skip

    @step
    def add_partner(
        self,
        name: str,
        *,
        email: str | None = None,
        country: str | None = None,
        parent: int | None = None,
        is_company: bool = False,
        **values: Any,
    ) -> int:
        """Add a customer, a supplier, or a person who belongs to one."""
        made = self.tx.create(
            "res.partner", name=name, email=email, is_company=is_company, parent_id=parent,
            country_id=self._country(country) if country else None, **values,
        )  # fmt: skip
        top = self.row("res.partner", parent)["commercial_partner_id"] if parent and not is_company else made
        self.tx.write("res.partner", made, commercial_partner_id=top)
        return made

    @step
    def change(self, model: str, number: int, **values: Any) -> None:
        """Write fields of a record."""
        self.tx.write(model, number, **values)

    @step
    def archive(self, partner: int) -> None:
        """Hide a partner; nothing is deleted."""
        self.tx.write("res.partner", partner, active=False)

    @step
    def remove(self, model: str, number: int) -> None:
        """Delete a record without a word."""
        self.tx.unlink(model, number)

    @step
    def tell_oddly(self, model: str, number: int, **odd: Any) -> None:
        """Let fields of a record be told as no reference says; without any, rightly again."""
        self.tx.write(model, number, _odd=odd)

    @step
    def add_term(self, name: str, *parts: tuple[str | Decimal, int]) -> int:
        """Agree on payment terms: percents, each with its days after the invoice."""
        made = self.tx.create("account.payment.term", name=name, note=f"<span>Payment terms: {name}</span>")
        for percent, days in parts:
            self.tx.create("account.payment.term.line", payment_id=made, value_amount=Decimal(percent), nb_days=days)
        return made

    # -- looked up --------------------------------------------------------------------------------------------------------

    def _country(self, code: str) -> int:
        return self.world.code_of("res.country", code)

    def _currency(self, code: str) -> int:
        return self.world.code_of("res.currency", code, "name")

    def _digits(self, currency: int) -> int:
        return int(self.row("res.currency", currency)["decimal_places"])

    def _company(self, company: int | None) -> int:
        """A company, or the first there is."""
        return company or self.world.database.tables["res.company"].ids[0]

    def _rate_of(self, currency: int, company: int, day: date) -> Decimal:
        """Units of a currency for one of the company's, on a day."""
        if currency == self.row("res.company", company)["currency_id"]:
            return Decimal(1)
        rates = self.tx.related("res.currency.rate", "currency_id", currency)
        fit = [one for one in rates if one["name"] <= day and one["company_id"] in (None, company)]
        newest = max(fit, key=lambda one: (one["name"], one["id"]), default=None)
        return Decimal(newest["rate"]) if newest is not None else Decimal(1)

    def _in_books(self, amount: Decimal, rate: Decimal, company: int) -> Decimal:
        """An amount in the currency of the company."""
        return rounded(amount / rate, self._digits(self.row("res.company", company)["currency_id"]))

    def _account(self, company: int, kind: str) -> int:
        return self._of_company("account.account", company, "account_type", kind)

    def _journal(self, company: int, kind: str) -> int:
        return self._of_company("account.journal", company, "type", kind)

    def _of_company(self, model: str, company: int, field: str, wanted: str) -> int:
        rows: Sequence[Any] = list(self.world.view.rows(model, self.tx.tables[model].ids))
        rows = [*rows, *(self.tx.created(model))]
        return next(int(one["id"]) for one in rows if one["company_id"] == company and one[field] == wanted)

    def _today(self) -> date:
        return self.tx.began.date()
