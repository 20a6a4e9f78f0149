"""A real Odoo 19: what it says in all its states is what the hub reads, to the cent, and nothing is lost on the way.

One module and one server. Each test makes its own documents; what was made before stays, so every comparison of totals is
over all of them.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select, update

from connectors.odoo import CONNECTOR, hooks
from connectors.odoo.client import Client
from connectors.odoo.errors import NoModelError
from connectors.odoo.remote import OdooRemote
from hub.accounting.models import DocumentRow
from hub.connector.contract import Level, RulesMade
from hub.connector.ledger import HasLines, HasPdf, Sweeps
from hub.connector.stream import Filtered, Findable, Gone
from hub.context import Hub
from hub.errors import AuthError, GoneError, HookError, RejectedError, RetryLaterError, ScopeError
from hub.intake.models import RawRecord
from hub.records.document import Line
from tests.e2e import odoo_peer
from tests.e2e.odoo_desk import HOOK_SECRET, Books, Desk, Office, Tools, listening, money, settings, until
from tests.e2e.odoo_peer import FOLDER, INSTALLED, OdooError, Peer

# A transaction dates its changes by when it began: this one took eight minutes so far.
BEGAN_LONG_AGO = """
UPDATE account_move SET ref = 'late', write_date = now() at time zone 'UTC' - interval '8 minutes' WHERE id = %s
"""

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not INSTALLED, reason=f"no real Odoo in {FOLDER} (tests.prepare builds it: Debian's apt, Python)"
    ),
]


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with odoo_peer.running() as made:
        yield made


@pytest.fixture(scope="module")
def office(peer: Peer) -> Office:
    return Office(peer)


@pytest.fixture(scope="module")
def desk(peer: Peer) -> Desk:
    """One account that is read all through the module, with a key that may only read."""
    return Desk(peer, settings(peer))


def agrees(desk: Desk) -> None:
    """What we have is what the ledger sums."""
    ours, theirs = desk.counted(), desk.theirs()
    assert ours == theirs
    assert theirs


# --- everything ---------------------------------------------------------------------------------------------------------


def test_everything_that_is_there_is_read(peer: Peer, office: Office, desk: Desk) -> None:
    office.invoice(115.5)
    office.invoice(20, kind="out_refund")
    office.invoice(33.3, kind="in_invoice")
    office.invoice(3.3, kind="in_refund")
    office.invoice(12, kind="out_receipt")
    office.invoice(13, kind="in_receipt")
    office.invoice(1, post=False)
    office.invoice(99, company=office.south)
    office.order()
    office.order(confirm=True)
    office.purchase()
    desk.read()
    types = ["out_invoice", "out_refund", "out_receipt", "in_invoice", "in_refund", "in_receipt"]
    for records, model, domain in (
        ("companies", "res.company", []),
        ("contacts", "res.partner", [["active", "in", [True, False]], ["name", "!=", False]]),
        ("orders", "sale.order", []),
        ("purchases", "purchase.order", []),
        ("invoices", "account.move", [["move_type", "in", types]]),
        ("payments", "account.payment", []),
    ):
        assert len(desk.mapped(records)) == peer.call(model, "search_count", domain=domain), records
    agrees(desk)


def test_the_key_that_the_hub_is_given_cannot_write(peer: Peer, office: Office) -> None:
    move = office.invoice()
    for method, parameters in (
        ("write", {"ids": [move], "vals": {"ref": "x"}}), ("create", {"vals_list": [{}]}), ("action_post", {"ids": [move]}),
        ("unlink", {"ids": [move]}), ("button_draft", {"ids": [move]}),
    ):  # fmt: skip
        with pytest.raises(OdooError) as refused:
            peer.call("account.move", method, user="reader", **parameters)
        assert (refused.value.status, refused.value.name) == (403, "odoo.exceptions.AccessError")


def test_what_may_not_be_read_or_is_not_installed_is_said_and_not_empty(peer: Peer, desk: Desk) -> None:
    with pytest.raises(NoModelError, match="its app is not installed"):
        Client(settings(peer), Tools()).count("crm.lead", [])
    with pytest.raises(ScopeError, match="not allowed"):
        Desk(peer, settings(peer, user="salesman")).read("payments")
    with pytest.raises(AuthError, match="Invalid apikey"):
        Desk(peer, settings(peer).model_copy(update={"api_key": SecretStr("0" * 40)})).read()
    with pytest.raises(AuthError, match="no such database"):
        Desk(peer, settings(peer, database="nowhere")).read()
    assert desk.remote.check()


# --- what happens to documents --------------------------------------------------------------------------------------------


def test_an_invoice_is_what_odoo_says_in_every_state(peer: Peer, office: Office, desk: Desk) -> None:
    def now(**wanted: Any) -> dict[str, Any]:
        desk.read()
        agrees(desk)
        found = desk.document(move)
        assert {name: found[name] for name in wanted} == wanted
        [theirs] = office.read(move, "amount_residual", "amount_total", "name")
        assert (found["balance"], found["gross"]) == (money(theirs["amount_residual"]), money(theirs["amount_total"]))
        return found

    move = office.invoice(100, post=False, ref="PO 7 / שלום")
    desk.read()
    draft = desk.document(move)
    assert (draft["status"], draft["number"], draft["balance"]) == ("draft", None, 100)
    office.post(move)
    posted = now(status="open", source_status="not_paid", gross=Decimal("100.0"), balance=Decimal("100.0"))
    assert posted["number"].startswith("INV/2026/")
    assert posted["url"] == f"{peer.url}/odoo/account.move/{move}"
    assert (posted["party_name"], posted["party"]) == ("Łódź לקוח عميل Клиент", str(office.customer))
    assert (posted["business"], posted["party_tax_id"]) == (str(office.north), "PL5252445767")

    part = office.pay(move, 40)
    now(status="partly_paid", balance=Decimal("60.0"))
    [allocation] = desk.allocations(move)
    assert (allocation["source"], allocation["amount"], allocation["is_payment"], str(allocation["date"])) == (
        f"payments:{part}", Decimal("40.0"), True, "2026-09-20",
    )  # fmt: skip
    rest = office.pay(move, 60, day="2026-10-01")
    assert now(balance=Decimal("0.0"))["status"] == "paid"
    assert desk.mapped("payments")[str(rest)]["unapplied"] == 0
    assert {one["source"] for one in desk.allocations(move)} == {f"payments:{part}", f"payments:{rest}"}

    peer.call("account.payment", "action_cancel", ids=[rest])  # what was paid goes back
    now(status="partly_paid", balance=Decimal("60.0"))
    assert [one["source"] for one in desk.allocations(move)] == [f"payments:{part}"]
    assert desk.mapped("payments")[str(rest)]["status"] == "void"

    peer.call("account.move", "button_draft", ids=[move])
    now(status="draft", source_status="draft", balance=Decimal("60.0"))
    peer.call("account.move", "button_cancel", ids=[move])  # lets go of the payment
    now(status="void", source_status="cancel")
    assert desk.allocations(move) == []
    assert desk.mapped("payments")[str(part)]["unapplied"] == 40


def test_a_credit_note_settles_an_invoice_and_is_no_payment(office: Office, desk: Desk) -> None:
    move = office.invoice(250)
    note = office.credit(move)
    desk.read()
    draft = desk.document(note)
    assert (draft["kind"], draft["status"], draft["number"]) == ("credit_note", "draft", None)
    assert draft["references"][0]["key"] == f"invoices:{move}"
    office.post(note)
    desk.read()
    agrees(desk)
    assert desk.document(move)["status"] == "paid"
    assert desk.document(move)["source_status"] == "reversed"
    [allocation] = desk.allocations(move)
    assert (allocation["source"], allocation["amount"], allocation["is_payment"]) == (
        f"invoices:{note}", Decimal("250.0"), False,
    )  # fmt: skip
    assert desk.document(note)["balance"] == 0


def test_what_was_deleted_is_gone_at_the_next_look(peer: Peer, office: Office, desk: Desk) -> None:
    kept, deleted = office.invoice(1, post=False), office.invoice(2, post=False)
    quote = office.order()
    desk.read()
    assert str(deleted) in desk.payloads["invoices"]
    peer.call("account.move", "unlink", ids=[deleted])
    peer.call("sale.order", "unlink", ids=[quote])
    desk.read("invoices", "orders")
    assert str(deleted) not in desk.payloads["invoices"]
    assert str(quote) not in desk.payloads["orders"]
    assert str(kept) in desk.payloads["invoices"]
    invoices = desk.remote.stream("invoices")
    assert isinstance(invoices, Sweeps)
    assert invoices.ids() == desk.payloads["invoices"].keys()
    agrees(desk)


def test_deliveries_and_returns_follow_their_order(peer: Peer, office: Office) -> None:
    desk = Desk(peer, settings(peer, deliveries=True))
    thing = peer.create("product.product", {"name": "Box קופסה", "type": "consu"})
    line = {"name": "Box קופסה", "product_uom_qty": 3, "price_unit": 5, "product_id": thing, "tax_ids": [[6, 0, []]]}
    order = peer.create("sale.order", {"partner_id": office.customer, "order_line": [[0, 0, line]]})
    peer.call("sale.order", "action_confirm", ids=[order])
    [picking] = peer.call("stock.picking", "search", domain=[["sale_id", "=", order]])
    desk.read()
    waiting = desk.document(picking, "deliveries")
    assert (waiting["kind"], waiting["side"], waiting["status"], waiting["gross"]) == (
        "delivery_note",
        "sale",
        "open",
        0,
    )
    assert (waiting["party"], waiting["currency"], waiting["references"][0]["key"]) == (
        str(office.customer), "ILS", f"orders:{order}",
    )  # fmt: skip
    peer.call("stock.picking", "button_validate", ids=[picking])
    context = {"active_model": "stock.picking", "active_id": picking}
    wizard = peer.create("stock.return.picking", {"picking_id": picking}, **context)
    [back] = peer.call("stock.return.picking.line", "search", domain=[["wizard_id", "=", wizard]])
    peer.call("stock.return.picking.line", "write", ids=[back], vals={"quantity": 1})
    peer.call("stock.return.picking", "action_create_returns", ids=[wizard], context=context)
    desk.read()
    assert desk.document(picking, "deliveries")["status"] == "done"
    [returned] = [one for one in desk.mapped("deliveries").values() if one["kind"] == "return_note"]
    assert (returned["side"], returned["status"]) == ("sale", "open")
    deliveries = desk.remote.stream("deliveries")
    assert isinstance(deliveries, HasLines)
    assert [(one.text, one.quantity) for one in deliveries.lines(str(picking))] == [("Box קופסה", 3)]


# --- the cursor -----------------------------------------------------------------------------------------------------------


def test_a_transaction_that_ends_after_a_look_is_found_at_the_next(peer: Peer, office: Office, desk: Desk) -> None:
    late, other = office.invoice(10), office.invoice(11)
    desk.read("invoices")
    with peer.sql() as connection:
        connection.execute(BEGAN_LONG_AGO, [late])
        peer.call("account.move", "write", ids=[other], vals={"ref": "early"})
        desk.read("invoices")
        assert desk.payloads["invoices"][str(other)]["ref"] == "early"
        assert desk.payloads["invoices"][str(late)]["ref"] is False
        connection.commit()
    [[late_row], [other_row]] = (office.read(one, "write_date", "ref") for one in (late, other))
    assert (late_row["write_date"] < other_row["write_date"], late_row["ref"]) == (True, "late")
    desk.read("invoices")
    assert desk.payloads["invoices"][str(late)]["ref"] == "late"


def test_writes_of_one_second_are_all_found(peer: Peer, office: Office, desk: Desk) -> None:
    moves = [office.invoice(price, post=False) for price in (1, 2, 3)]
    for number, move in enumerate(moves * 3):
        peer.call("account.move", "write", ids=[move], vals={"ref": f"{number}"})
        desk.read("invoices")
        assert desk.payloads["invoices"][str(move)]["ref"] == f"{number}"


@pytest.mark.parametrize("phase", ["full", "incremental"])
def test_what_changes_between_pages_is_neither_lost_nor_doubled(peer: Peer, office: Office, phase: str) -> None:
    desk = Desk(peer, settings(peer, page_size=10))
    if phase == "incremental":
        desk.read("contacts")
    partners = peer.call("res.partner", "create", vals_list=[{"name": f"Page {number}"} for number in range(45)])
    changed = partners[:5]

    def meanwhile() -> None:
        if changed:
            peer.call("res.partner", "write", ids=[changed.pop()], vals={"ref": phase})  # behind the page
            peer.call("res.partner", "create", vals_list=[{"name": "Between"}])
            peer.call("res.partner", "unlink", ids=[partners.pop()])  # before it

    desk.read("contacts", between=meanwhile)
    assert desk.pages["contacts"] > 4
    desk.read("contacts")
    named = peer.call("res.partner", "search", domain=[["name", "!=", False], ["active", "in", [True, False]]])
    assert desk.payloads["contacts"].keys() == set(map(str, named))
    refs = {one["id"]: one["ref"] for one in peer.call("res.partner", "read", ids=partners, fields=["ref"])}
    assert {one: desk.payloads["contacts"][str(one)]["ref"] for one in refs} == refs
    peer.call("res.partner", "unlink", ids=partners)


# --- money ----------------------------------------------------------------------------------------------------------------


def test_amounts_are_exact_in_every_currency(peer: Peer, office: Office, desk: Desk) -> None:
    made = {
        code: office.invoice(price, currency_id=office.currency(code))
        for code, price in (("EUR", 1234.56), ("JPY", 98765), ("KWD", 12.345))
    }
    desk.read()
    agrees(desk)
    for code, gross, rate in (("EUR", "1234.56", "4"), ("JPY", "98765", "0.025"), ("KWD", "12.345", "12.269938650307")):
        found = desk.document(made[code])
        assert (found["currency"], found["gross"], found["balance"]) == (code, Decimal(gross), Decimal(gross))
        assert (found["base_currency"], found["fx_rate"]) == ("ILS", rate)
        [theirs] = office.read(made[code], "amount_total_signed", "amount_residual_signed")
        assert found["gross_base"] == money(theirs["amount_total_signed"])
        assert found["balance_base"] == money(theirs["amount_residual_signed"])
    part = office.pay(made["KWD"], 2.345, currency_id=office.currency("KWD"))
    desk.read()
    agrees(desk)
    assert desk.document(made["KWD"])["balance"] == 10
    assert [(one["source"], one["amount"]) for one in desk.allocations(made["KWD"])] == [
        (f"payments:{part}", Decimal("2.345"))
    ]


def test_the_difference_of_two_rates_is_no_allocation(peer: Peer, office: Office, desk: Desk) -> None:
    peer.create("res.currency.rate", {
        "name": "2026-10-01", "currency_id": office.currency("EUR"), "company_id": office.north, "rate": 0.24,
    })  # fmt: skip
    move = office.invoice(100, currency_id=office.currency("EUR"))
    office.pay(move, 100, day="2026-10-05", currency_id=office.currency("EUR"))
    desk.read()
    agrees(desk)
    listed = peer.call("account.partial.reconcile", "search_count", domain=[["debit_move_id.move_id", "=", move]])
    [allocation] = desk.allocations(move)
    assert (allocation["amount"], allocation["is_payment"]) == (100, True)
    assert (
        listed + peer.call("account.partial.reconcile", "search_count", domain=[["exchange_move_id", "!=", False]]) > 1
    )


def test_bills_and_credits_have_the_amounts_that_stand_on_them(office: Office, desk: Desk) -> None:
    bill, credit = office.invoice(80, kind="in_invoice"), office.invoice(30, kind="in_refund")
    paid = office.pay(bill, 80)
    desk.read()
    agrees(desk)
    for move, kind, gross in ((bill, "bill", 80), (credit, "vendor_credit", 30)):
        found = desk.document(move)
        assert (found["kind"], found["side"], found["gross"], found["gross_base"]) == (kind, "purchase", gross, gross)
    payment = desk.mapped("payments")[str(paid)]
    assert (payment["side"], payment["is_refund"], payment["amount"], payment["amount_base"]) == (
        "purchase",
        False,
        80,
        80,
    )
    assert [one["source"] for one in desk.allocations(bill)] == [f"payments:{paid}"]


def test_instalments_are_owed_each_on_its_day(peer: Peer, office: Office, desk: Desk) -> None:
    moves = [
        office.invoice(100, invoice_payment_term_id=peer.made["terms"], kind=kind)
        for kind in ("out_invoice", "in_invoice")
    ]
    office.pay(moves[0], 50)
    desk.read()
    for move, balances in zip(moves, ([0, 50], [30, 70]), strict=True):
        listed = desk.document(move)["instalments"]
        assert [(str(one["due_date"]), one["amount"]) for one in listed] == [("2026-09-01", 30), ("2026-10-31", 70)]
        assert [one["balance"] for one in listed] == balances
        assert desk.document(move)["terms_text"] == "30% now, 70% in 60 days"


def test_terms_of_a_customer_are_what_their_card_says(peer: Peer, office: Office, desk: Desk) -> None:
    def said(partner: int) -> tuple[Any, ...]:
        desk.read("contacts")
        found = desk.mapped("contacts")[str(partner)]
        return tuple(found[name] for name in ("blocked", "credit_limit", "credit_currency", "payment_terms"))

    peer.call("res.company", "write", ids=[office.north], vals={"account_use_credit_limit": True})
    limited = office.partner("Terms Ltd", credit_limit=5000.5, property_payment_term_id=peer.made["terms"])
    assert said(limited) == (None, Decimal("5000.5"), "ILS", "30% now, 70% in 60 days")
    assert said(office.partner("No Terms Ltd")) == (None, None, None, None)
    peer.call("res.partner", "write", ids=[limited], vals={"credit_limit": 0, "property_payment_term_id": False})
    assert said(limited) == (None, None, None, None)


# --- companies ------------------------------------------------------------------------------------------------------------


def test_each_company_has_its_own_sums_and_one_can_be_left_out(peer: Peer, office: Office, desk: Desk) -> None:
    mine = office.invoice(70, company=office.south)
    desk.read()
    agrees(desk)
    assert {one[1] for one in desk.theirs() if one[0] == "invoices"} == {str(office.north), str(office.south)}
    assert desk.document(mine)["currency"] == "PLN"
    companies = desk.mapped("companies")
    assert {(one["name"], one["currency"], one["country"], one["time_zone"]) for one in companies.values()} == {
        ("North Star Ltd", "ILS", "IL", "Asia/Jerusalem"), ("Południe Sp. z o.o.", "PLN", "PL", "Europe/Warsaw"),
    }  # fmt: skip
    only = Desk(peer, settings(peer, companies_off=f"{office.south}"))
    only.read()
    agrees(only)
    assert str(mine) not in only.payloads["invoices"]
    assert {one["business"] for one in only.mapped("invoices").values()} == {str(office.north)}
    found = only.remote.stream("invoices")
    assert isinstance(found, Findable)
    assert found.find([str(mine)]) == [Filtered(str(mine), "company")]


def test_a_company_that_the_user_lost_is_not_gone(peer: Peer, office: Office) -> None:
    mine = office.invoice(71, company=office.south)
    found = Desk(peer, settings(peer, user="north")).remote.stream("invoices")
    assert isinstance(found, Findable)
    with pytest.raises(ScopeError, match="not allowed"):
        found.find([str(mine)])
    assert found.find(["999999", "no id"]) == [Gone("999999"), Gone("no id")]


# --- what is opened -------------------------------------------------------------------------------------------------------


def test_lines_and_pdf_are_read_when_somebody_wants_them(peer: Peer, office: Office, desk: Desk) -> None:
    move, bare = office.invoice(19.99), office.invoice(5, kind="in_invoice")
    invoices = desk.remote.stream("invoices")
    assert isinstance(invoices, HasLines)
    assert isinstance(invoices, HasPdf)
    assert invoices.lines(str(move)) == [Line("Service שירות", Decimal(1), "", Decimal("19.99"), Decimal("19.99"))]
    orders = desk.remote.stream("orders")
    assert isinstance(orders, HasLines)
    assert not isinstance(orders, HasPdf)
    [line] = orders.lines(str(office.order(12.5)))
    assert (line.quantity, line.price, line.net) == (2, Decimal("12.5"), 25)
    content = b"%PDF-1.7 by hand"
    scan = peer.create("ir.attachment", {
        "name": "scan.pdf", "res_model": "account.move", "res_id": bare, "datas": b64encode(content).decode(),
        "mimetype": "application/pdf",
    })  # fmt: skip
    peer.call("account.move", "write", ids=[bare], vals={"message_main_attachment_id": scan})
    assert invoices.pdf(str(bare), largest=1000) == content
    with pytest.raises(RejectedError, match="larger"):
        invoices.pdf(str(bare), largest=5)
    with pytest.raises(RejectedError, match="keeps no PDF"):
        invoices.pdf(str(move), largest=1000)
    with pytest.raises(GoneError):
        invoices.lines("999999")
    desk.read()
    assert (desk.document(bare)["has_pdf"], desk.document(move)["has_pdf"]) == (True, False)


# --- older ways to ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["jsonrpc", "xmlrpc"])
def test_older_protocols_read_the_same_documents(peer: Peer, desk: Desk, protocol: str) -> None:
    older = Desk(peer, settings(peer, protocol=protocol, username="reader"))
    older.read()
    desk.read()
    for records in desk.payloads:
        mine = {key: {**one, "url": ""} for key, one in older.mapped(records).items()}
        assert mine == {key: {**one, "url": ""} for key, one in desk.mapped(records).items()}, records
    agrees(older)
    with pytest.raises(AuthError, match="no such user"):
        Desk(peer, settings(peer, protocol=protocol, username="nobody")).read()
    with pytest.raises(ScopeError, match="not allowed"):
        Desk(peer, settings(peer, user="salesman", protocol=protocol, username="salesman")).read("payments")
    with pytest.raises(NoModelError):
        Client(settings(peer, protocol=protocol, username="reader"), Tools()).count("crm.lead", [])


# --- webhooks and the self-check ----------------------------------------------------------------------------------------------


def test_rules_tell_of_changes_and_a_burst_is_one_look(peer: Peer, office: Office, desk: Desk) -> None:
    with listening() as (address, told):
        mine = settings(peer, hook_secret=HOOK_SECRET)
        kinds = [stream.key for stream in desk.remote.streams()]
        admin = peer.made["keys"]["admin"]
        before = peer.call("base.automation", "search_count", domain=[])
        for removed in (0, 14):  # once more changes nothing
            assert hooks.make(mine, admin, address, kinds) == RulesMade(14, removed)
        assert peer.call("base.automation", "search_count", domain=[]) == before + 14
        push = OdooRemote(Desk(peer, mine).account, Tools()).push()
        assert push is not None
        move = office.invoice(44)
        office.pay(move, 44)
        deleted = office.invoice(45, post=False)
        peer.call("account.move", "unlink", ids=[deleted])
        until(lambda: any(one.body and b'"_id": %d' % deleted in one.body for one in told))
        assert len(told) > 10
        hinted = {key for one in told for key in push.hinted(one, (), address).keys}
        assert hinted >= {"invoices", "payments", "allocations"}
        asked = desk.tools.asked
        desk.read(*hinted)
        assert desk.tools.asked - asked < len(told)
        agrees(desk)
        assert str(deleted) not in desk.payloads["invoices"]
        with pytest.raises(HookError):
            push.hinted(replace(told[0], query={"secret": ["wrong"]}), (), address)
        with pytest.raises(ScopeError):
            hooks.make(mine, peer.made["keys"]["reader"], address, kinds)
        assert hooks.remove(mine, admin, address) == RulesMade(0, 14)
        assert peer.call("base.automation", "search_count", domain=[]) == before


def test_the_check_says_how_it_is(peer: Peer, office: Office, desk: Desk) -> None:
    def levels(**values: Any) -> dict[str, str]:
        return {one.topic: str(one.level) for one in CONNECTOR.check(Desk(peer, settings(peer, **values)).account)}

    good = {one.topic: one for one in desk.remote.check()}
    assert "as reader" in good["login"].text
    assert f"North Star Ltd ({office.north})" in good["legal entities"].text
    assert {topic for topic, one in good.items() if one.level != Level.GREEN} == {"reach"}  # no TLS
    assert levels(user="admin")["rights"] == "amber"
    assert levels(database="nowhere")["login"] == "red"
    assert levels(api_key="wrong")["login"] == "red"
    assert levels(user="salesman")["payments"] == "amber"
    assert levels(protocol="jsonrpc", username="reader")["protocol"] == "amber"
    assert levels(companies_off=f"{office.north} {office.south}")["legal entities"] == "red"
    assert levels(base_url="http://127.0.0.1:9")["reach"] == "red"


# --- the whole hub ----------------------------------------------------------------------------------------------------------


def test_the_hub_agrees_with_the_ledger_after_everything_that_happens(peer: Peer, office: Office, hub: Hub) -> None:
    books = Books(hub, peer)
    move, draft = office.invoice(100), office.invoice(7, post=False)
    late = office.invoice(10)
    office.order(confirm=True)
    office.purchase()

    def now(status: str, balance: str, *paid: tuple[str, str, bool]) -> None:
        books.read("invoices", "payments", "allocations")
        assert books.differences("invoices") == []
        found = books.document(move)
        [theirs] = office.read(move, "amount_residual", "amount_total")
        assert (found.gross, found.balance) == (money(theirs["amount_total"]), money(theirs["amount_residual"]))
        assert (found.status, found.balance) == (status, Decimal(balance))
        assert sorted(books.paid(move)) == sorted(
            (source, Decimal(amount), is_payment) for source, amount, is_payment in paid
        )

    books.read()
    now("open", "100")
    assert books.set_aside() == []
    assert books.document(move).party_id is not None
    part = office.pay(move, 40)
    now("partly_paid", "60", (f"payments:{part}", "40", True))
    rest = office.pay(move, 60)
    now("paid", "0", (f"payments:{part}", "40", True), (f"payments:{rest}", "60", True))
    peer.call("account.payment", "action_cancel", ids=[rest])
    now("partly_paid", "60", (f"payments:{part}", "40", True))
    note = office.credit(move)
    office.post(note)
    now("paid", "0", (f"payments:{part}", "40", True), (f"invoices:{note}", "60", False))
    assert books.document(note).balance == -40
    peer.call("account.move", "button_draft", ids=[note])
    peer.call("account.move", "button_cancel", ids=[note])
    now("partly_paid", "60", (f"payments:{part}", "40", True))
    peer.call("account.move", "button_draft", ids=[move])
    peer.call("account.move", "button_cancel", ids=[move])
    now("void", "100")

    peer.call("account.move", "unlink", ids=[draft])
    with peer.sql() as connection:
        connection.execute(BEGAN_LONG_AGO, [late])
        peer.call("account.move", "write", ids=[office.invoice(11)], vals={"ref": "early"})
        books.read("invoices")
        connection.commit()
    books.read("invoices")
    assert books.document(draft).gone_at is not None
    with hub.db.read() as session:
        raw = session.scalars(
            select(RawRecord).where(RawRecord.stream == "invoices", RawRecord.remote_id == str(late))
        ).one()
        assert raw.payload["ref"] == "late"
    books.read()
    books.agrees()


def test_an_audit_finds_what_was_deleted_and_what_differs(peer: Peer, office: Office, hub: Hub) -> None:
    books = Books(hub, peer)
    draft, kept = office.invoice(3, post=False), office.invoice(4)
    books.read()
    peer.call("account.move", "unlink", ids=[draft])
    found = books.audit("invoices")
    assert (found.error, found.missing) == ("", ())
    assert books.document(draft).gone_at is not None
    assert books.document(kept).gone_at is None
    assert found.differs == ""
    with hub.db.write() as session:
        session.execute(
            update(DocumentRow).where(DocumentRow.key == f"invoices:{kept}").values(balance=Decimal("3.99"))
        )
    [difference] = books.differences("invoices")
    assert str(books.document(kept).public_id) in difference["documents"]


def test_a_webhook_makes_its_streams_due(peer: Peer, hub: Hub, client: FlaskClient) -> None:
    books = Books(hub, peer)
    books.read("invoices", "contacts")
    address = f"/hooks/odoo/{books.row.public_id}"
    told = {"_model": "account.move", "_id": 1, "_action": "Hub: account.move, on_unlink"}
    for wrong in (address, f"{address}?secret=wrong"):
        assert client.post(wrong, json=told).status_code == 401
    before = {one.stream: one.due_at for one in books.states()}
    assert client.post(f"{address}?secret={HOOK_SECRET}", json=told).status_code == 204
    after = {one.stream: one.due_at for one in books.states()}
    assert {one for one in after if after[one] != before[one]} == {"invoices"}  # the others are due already


# --- Odoo goes away, and comes back -----------------------------------------------------------------------------------------


def test_a_server_that_stops_in_the_middle_costs_nothing(peer: Peer, office: Office) -> None:
    desk = Desk(peer, settings(peer, page_size=3))
    move = office.invoice(61)
    with pytest.raises(RetryLaterError):
        desk.read("invoices", between=peer.stop)
    assert desk.cursors["invoices"].page
    peer.start()
    desk.read()
    agrees(desk)
    assert desk.document(move)["gross"] == 61
