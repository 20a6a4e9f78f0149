"""What comes before an invoice: quotations, orders, purchases and transfers."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.ledger import ZERO, Amount, Ledger, goods
from connectors.odoo.simulated.money import Item
from connectors.odoo.simulated.session import step
from connectors.odoo.simulated.trade_models import PICKING, PURCHASE, SALE

_CODES = {"outgoing": ("OUT", 2), "incoming": ("IN", 1), "internal": ("INT", 3)}  # words of numbers, and ids of types


class Trade(Ledger):
    """Methods that sell, buy and deliver."""

    @step
    def quote(
        self, partner: int, what: Amount | Sequence[Item], *, currency: str | None = None, company: int | None = None,
        day: date | None = None, valid_days: int = 30, **values: Any,
    ) -> int:  # fmt: skip
        """Write a quotation."""
        at = self._at(day)
        return self._order(
            SALE, "S", partner, what, currency, company, at, partner_invoice_id=partner, partner_shipping_id=partner,
            validity_date=at.date() + timedelta(days=valid_days), **values,
        )  # fmt: skip

    @step
    def send(self, order: int) -> None:
        """Send a quotation."""
        self.tx.write(SALE, order, state="sent")

    @step
    def confirm(self, order: int) -> None:
        """Make an order of a quotation."""
        self.tx.write(SALE, order, state="sale", invoice_status="to invoice")

    @step
    def cancel_order(self, order: int) -> None:
        """Cancel a quotation or an order."""
        self.tx.write(SALE, order, state="cancel", invoice_status="no")

    @step
    def invoice_order(self, order: int, **how: Any) -> int:
        """Invoice an order."""
        row = self.row(SALE, order)
        lines = self.tx.related("sale.order.line", "order_id", order)
        items = [Item(one["name"], one["price_unit"], one["product_uom_qty"]) for one in lines]
        code = self.row("res.currency", row["currency_id"])["name"]
        made: int = self.invoice(
            row["partner_id"], items, currency=code, company=row["company_id"], invoice_origin=row["name"], **how
        )
        self.tx.write(SALE, order, invoice_status="invoiced", invoice_ids=(*row["invoice_ids"], made))
        return made

    @step
    def purchase(
        self, partner: int, what: Amount | Sequence[Item], *, currency: str | None = None, company: int | None = None,
        day: date | None = None, **values: Any,
    ) -> int:  # fmt: skip
        """Ask a supplier for a price."""
        at = self._at(day)
        return self._order(
            PURCHASE, "P", partner, what, currency, company, at, date_planned=at + timedelta(days=7), **values
        )

    @step
    def confirm_purchase(self, order: int) -> None:
        """Order from a supplier."""
        self.tx.write(PURCHASE, order, state="purchase", date_approve=self.tx.began.replace(microsecond=0))

    @step
    def deliver(
        self, partner: int, names: Sequence[str] = ("Goods",), *, code: str = "outgoing", company: int | None = None,
        origin: str | None = None, done: bool = True, **values: Any,
    ) -> int:  # fmt: skip
        """Send goods (`outgoing`) or take them in (`incoming`)."""
        entity, now = self._company(company), self.tx.began.replace(microsecond=0)
        word, kind = _CODES[code]
        number = self._count(entity, f"WH/{word}/")
        made = self.tx.create(
            PICKING, name=f"WH/{word}/{number:05}", partner_id=partner, company_id=entity, picking_type_code=code,
            picking_type_id=kind, origin=origin, scheduled_date=now, state="assigned", **values,
        )  # fmt: skip
        for name in names:
            self.tx.create(
                "stock.move", picking_id=made, description_picking=name, product_uom_qty=Decimal(1), quantity=Decimal(1)
            )
        if done:
            self.finish(made)
        return made

    @step
    def finish(self, picking: int) -> None:
        """Say that a transfer is done."""
        self.tx.write(PICKING, picking, state="done", date_done=self.tx.began.replace(microsecond=0))

    def _order(
        self, model: str, letter: str, partner: int, what: Amount | Sequence[Item], currency: str | None,
        company: int | None, at: datetime, **values: Any,
    ) -> int:  # fmt: skip
        entity = self._company(company)
        money = self._currency(currency) if currency else self.row("res.company", entity)["currency_id"]
        items = goods(what) if isinstance(what, str | Decimal) else what
        digits = self._digits(money)
        net = sum((one.net(digits) for one in items), ZERO)
        tax = sum((one.taxed(digits) for one in items), ZERO)
        made = self.tx.create(
            model, name=f"{letter}{self._count(entity, letter):05}", partner_id=partner, company_id=entity,
            currency_id=money, date_order=at, amount_untaxed=net, amount_tax=tax, amount_total=net + tax,
            currency_rate=self._rate_of(money, entity, at.date()), **values,
        )  # fmt: skip
        quantity = "product_uom_qty" if model == SALE else "product_qty"
        for one in items:
            self.tx.create(
                f"{model}.line", order_id=made, name=one.name, price_unit=one.price, price_subtotal=one.net(digits),
                price_total=one.net(digits) + one.taxed(digits), **{quantity: one.quantity},
            )  # fmt: skip
        return made

    def _count(self, company: int, series: str) -> int:
        counters = self.world.counters
        counters[company, series] = counters.get((company, series), 0) + 1
        return counters[company, series]

    def _at(self, day: date | None) -> datetime:
        return datetime.combine(day, time(9)) if day is not None else self.tx.began.replace(microsecond=0)
