"""Methods that write, for administrators: records of any model, documents, payments, and the wizards that make them."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from connectors.odoo.simulated.account_models import LINE, MOVE, PAYMENT
from connectors.odoo.simulated.calls import Call, offered
from connectors.odoo.simulated.errors import key_error, type_error, value_error
from connectors.odoo.simulated.money import Item
from connectors.odoo.simulated.schema import Row
from connectors.odoo.simulated.store import Transaction
from connectors.odoo.simulated.trade import Trade
from connectors.odoo.simulated.trade_models import PURCHASE, SALE
from connectors.odoo.simulated.values import read

_REGISTER, _REVERSAL = "account.payment.register", "account.move.reversal"
RULE, ACTION, ACTIONS = "base.automation", "ir.actions.server", "action_server_ids"
_LINES = {MOVE: "invoice_line_ids", SALE: "order_line", PURCHASE: "order_line"}


@offered("create")
def create(call: Call, vals_list: Any) -> Any:
    """Make records; returns their ids."""
    call.person.needs(call.model, "create")
    several = vals_list if isinstance(vals_list, list) else [vals_list]
    with call.world.lock, call.world.transaction(call.person.uid) as tx:
        return [_create(call, tx, one) for one in several]


def _create(call: Call, tx: Transaction, given: Any) -> int:
    if not isinstance(given, dict):
        raise type_error(f"Invalid values: {given!r}")
    if call.model.name == RULE:
        return _rule(call, tx, given)
    lines = given.get(_LINES.get(call.model.name, ""), ())
    plain = {name: value for name, value in given.items() if name != _LINES.get(call.model.name)}
    for name in plain:
        if name not in call.model.fields:
            raise value_error(f"Invalid field '{name}' in '{call.model.name}'")
    values = _values(call, plain)
    office = Trade(call.world, tx)
    if call.model.name == MOVE and values.get("move_type", "entry") != "entry":
        return _move(office, values, _items(lines))
    if call.model.name in (SALE, PURCHASE):
        make = office.quote if call.model.name == SALE else office.purchase
        return make(values.pop("partner_id"), _items(lines), **values)
    if call.model.name == "res.partner":
        return office.add_partner(values.pop("name"), parent=values.pop("parent_id", None), **values)
    if call.model.name in (_REGISTER, _REVERSAL) and not values.get("move_ids"):
        values["move_ids"] = tuple(call.context.get("active_ids", ()))
    return tx.create(call.model.name, **values)


def _rule(call: Call, tx: Transaction, given: dict[str, Any]) -> int:
    """Make an automation rule, with the actions that are written inside it."""
    inside = [one[2] for one in given.get(ACTIONS, ()) if isinstance(one, list) and len(one) == 3 and one[0] == 0]
    made = tx.create(RULE, **_values(call, {name: value for name, value in given.items() if name != ACTIONS}))
    action = call.world.database.tables[ACTION].model
    for one in inside:
        told = {name: read(action.fields[name], value) for name, value in one.items()}
        tx.create(ACTION, base_automation_id=made, **told)
    return made


def _move(office: Trade, values: Row, items: Sequence[Item]) -> int:
    currency = values.pop("currency_id", None)
    code = office.row("res.currency", currency)["name"] if currency else None
    made: int = office.invoice(
        values.pop("partner_id"), items, kind=values.pop("move_type"), currency=code, company=values.pop("company_id", None),
        day=values.pop("invoice_date", None), due=values.pop("invoice_date_due", None),
        term=values.pop("invoice_payment_term_id", None), post=False, **values,
    )  # fmt: skip
    return made


def _items(commands: Any) -> list[Item]:
    """Lines out of commands such as `[0, 0, {"name": ...}]`."""
    found = []
    for one in commands:
        told = one[2]
        quantity = told.get("quantity", told.get("product_uom_qty", told.get("product_qty", 1)))
        is_note = bool(told.get("display_type"))
        price = Decimal(str(told.get("price_unit", 0)))
        found.append(Item(str(told.get("name", "")), price, Decimal(str(quantity)), note=is_note))
    return found


def _values(call: Call, given: dict[str, Any]) -> Row:
    return {name: read(call.model.fields[name], value) for name, value in given.items()}


@offered("write", on_records=True)
def write(call: Call, vals: Any) -> bool:
    """Change records."""
    call.person.needs(call.model, "write")
    for name in vals:
        if name not in call.model.fields:
            raise key_error(name)
    with call.world.lock, call.world.transaction(call.person.uid) as tx:
        for number in call.ids:
            tx.write(call.model.name, number, **_values(call, vals))
    return True


@offered("unlink", on_records=True)
def unlink(call: Call) -> bool:
    """Delete records."""
    call.person.needs(call.model, "unlink")
    with call.world.lock, call.world.transaction(call.person.uid) as tx:
        for number in call.ids:
            if call.model.name == MOVE:
                Trade(call.world, tx).unlink(number)
            elif call.model.name == RULE:  # its actions go with it
                for action in list(tx.lookup(ACTION, "base_automation_id", number)):
                    tx.unlink(ACTION, action)
                tx.unlink(RULE, number)
            else:
                tx.unlink(call.model.name, number)
    return True


def _does(name: str, model: str, answer: Any, do: Callable[[Trade, int], Any]) -> None:
    """Offer a method that does something with each record that it is called on."""

    def handler(call: Call) -> Any:
        call.person.needs(call.model, "write", name)
        with call.world.lock, call.world.transaction(call.person.uid) as tx:
            for number in call.ids:
                do(Trade(call.world, tx), number)
        return answer

    offered(name, model, on_records=True)(handler)


_does("action_post", MOVE, False, Trade.post)  # noqa: FBT003 - that is what Odoo answers
_does("button_draft", MOVE, None, Trade.draft)
_does("button_cancel", MOVE, None, Trade.cancel)
_does("action_draft", PAYMENT, None, Trade.draft_payment)
_does("action_cancel", PAYMENT, None, Trade.cancel_payment)
_does("action_confirm", SALE, True, Trade.confirm)  # noqa: FBT003 - that is what Odoo answers
_does("action_cancel", SALE, True, Trade.cancel_order)  # noqa: FBT003 - that is what Odoo answers
_does("button_confirm", PURCHASE, True, Trade.confirm_purchase)  # noqa: FBT003 - that is what Odoo answers


def _register(office: Trade, number: int) -> None:
    wish = office.row(_REGISTER, number)
    for move in wish["move_ids"]:
        office.pay(move, wish["amount"] or None, day=wish["payment_date"])


def _reverse(office: Trade, number: int) -> None:
    wish = office.row(_REVERSAL, number)
    for move in wish["move_ids"]:
        office.credit(move, day=wish["date"], reason=wish["reason"] or "", post=False)


_WINDOW = {"type": "ir.actions.act_window", "view_mode": "form"}
_does("action_create_payments", _REGISTER, {**_WINDOW, "name": "Payments", "res_model": PAYMENT}, _register)
_does("reverse_moves", _REVERSAL, {**_WINDOW, "name": "Reverse Moves", "res_model": MOVE}, _reverse)


@offered("reconcile", LINE, on_records=True)
def reconcile(call: Call) -> None:
    """Let the open lines of documents settle each other."""
    call.person.needs(call.model, "write")
    with call.world.lock, call.world.transaction(call.person.uid) as tx:
        moves = list(dict.fromkeys(row["move_id"] for row in tx.rows(LINE, call.ids)))
        for one, other in pairwise(moves):
            Trade(call.world, tx).reconcile(one, other)
