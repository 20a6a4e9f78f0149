"""What settles what; documents and payments that are complete by themselves."""

from typing import Any

import pytest

from connectors.odoo.documents import stream
from connectors.odoo.ledger import ALLOCATIONS, INVOICES, PAYMENTS
from connectors.odoo.totals import totals
from connectors.odoo.window import packed
from hub.connector.stream import Cursor, Filtered, Left, Phase, Upsert
from hub.errors import ScopeError
from tests.unit.odoo.fake import Fake, client

DEBIT, CREDIT = [11, "debit"], [12, "credit"]
MOMENT = "2026-11-23T07:00:00+00:00"
Row = dict[str, Any]


def settled(debit: Row, credit: Row, **values: Any) -> Upsert | Filtered:
    """Join two lines: of each, its move's type, and what else it belongs to."""
    rows = {
        "account.partial.reconcile": [{
            "id": 1, "debit_move_id": DEBIT, "credit_move_id": CREDIT, "amount": "90.0", "debit_amount_currency": "40.0",
            "credit_amount_currency": "41.0", "company_id": [1, "North"], **values,
        }],
        "account.move.line": [
            {"id": 11, "move_id": [21, "x"], "payment_id": debit.get("payment_id", False)},
            {"id": 12, "move_id": [22, "x"], "payment_id": credit.get("payment_id", False)},
        ],
        "account.move": [
            {"id": number, "move_type": side["type"], "statement_line_id": side.get("statement_line_id", False)}
            for number, side in ((21, debit), (22, credit))
        ],
    }  # fmt: skip
    [change] = stream(client(Fake(rows)), ALLOCATIONS).find(["1"])
    assert isinstance(change, Upsert | Filtered)
    return change


PAYMENT, ENTRY = {"type": "entry", "payment_id": [5, "P"]}, {"type": "entry"}
STATEMENT = {"type": "entry", "statement_line_id": [9, "S"]}


@pytest.mark.parametrize(
    ("debit", "credit", "document", "source", "amount", "is_payment"),
    [
        ({"type": "out_invoice"}, PAYMENT, "invoices:21", "payments:5", "40.0", True),
        ({"type": "out_invoice"}, {"type": "out_refund"}, "invoices:21", "invoices:22", "40.0", False),
        ({"type": "out_invoice"}, STATEMENT, "invoices:21", "", "40.0", True),
        ({"type": "out_invoice"}, ENTRY, "invoices:21", "", "40.0", False),  # written off
        (PAYMENT, {"type": "in_invoice"}, "invoices:22", "payments:5", "41.0", True),
        ({"type": "in_refund"}, {"type": "in_invoice"}, "invoices:22", "invoices:21", "41.0", False),
        (PAYMENT, {"type": "out_refund"}, "invoices:22", "payments:5", "41.0", True),  # money back
        ({"type": "in_refund"}, PAYMENT, "invoices:21", "payments:5", "40.0", True),
    ],
)
def test_an_allocation_says_which_document_was_settled_by_what(
    debit: Row, credit: Row, document: str, source: str, amount: str, is_payment: bool
) -> None:
    change = settled(debit, credit)
    assert isinstance(change, Upsert)
    assert {name: change.payload[name] for name in ("document", "source", "settled", "is_payment")} == {
        "document": document, "source": source, "settled": amount, "is_payment": is_payment,
    }  # fmt: skip


def test_what_joins_no_document_is_no_allocation() -> None:
    assert settled(PAYMENT, STATEMENT) == Filtered("1", "no document")


@pytest.mark.parametrize("nothing", ["0.0", "-0.0", "0", False])
def test_the_difference_of_rates_is_no_allocation(nothing: Any) -> None:
    assert settled({"type": "out_invoice"}, ENTRY, debit_amount_currency=nothing) == Filtered(
        "1", "exchange difference"
    )


def test_allocations_that_are_let_go_of_show_at_once() -> None:
    of = stream(client(Fake({"account.partial.reconcile": []})), ALLOCATIONS)
    quiet = Cursor(Phase.INCREMENTAL, token=MOMENT, rest={"deep": MOMENT, "looked_at": MOMENT, "seen": packed([4])})
    assert of.pull(quiet).changes == [Left("4")]
    of = stream(client(Fake({"account.move": []})), INVOICES)
    assert of.pull(quiet).changes == ()


def test_an_entry_of_the_books_is_no_document() -> None:
    fake = Fake({"account.move": [{"id": 3, "move_type": "entry", "company_id": [1, "North"]}]})
    assert stream(client(fake), INVOICES).find(["3"]) == [Filtered("3", "entry")]


def test_a_page_of_documents_costs_as_many_questions_as_one() -> None:
    def questions(count: int) -> int:
        lines = [
            {
                "id": 1000 + one,
                "move_id": [one, "x"],
                "name": f"Line {one}",
                "date_maturity": "2026-10-01",
                "amount_currency": "5.0",
            }
            for one in range(1, count + 1)
        ]
        moves = [
            {"id": one, "move_type": "out_invoice", "company_id": [1, "North"], "partner_id": [7, "A"],
             "commercial_partner_id": [8, "B"], "invoice_line_ids": [1000 + one], "reversed_entry_id": False}
            for one in range(1, count + 1)
        ]  # fmt: skip
        fake = Fake({
            "account.move": moves, "account.move.line": lines, "res.partner": [{"id": 7, "name": "A"}, {"id": 8, "name": "B"}],
            "res.company": [{"id": 1, "name": "North"}],
        })  # fmt: skip
        found = stream(client(fake), INVOICES).find([str(one) for one in range(1, count + 1)])
        for number, one in enumerate(found, 1):
            assert isinstance(one, Upsert)
            assert (one.payload["party"]["name"], one.payload["contact"]["name"]) == ("B", "A")
            assert (one.payload["company"]["name"], one.payload["lines"]) == ("North", 1)
            assert one.payload["first_lines"] == [f"Line {number}"]
            assert [line["amount_currency"] for line in one.payload["payment_terms"]] == ["5.0"]
        return len(fake.asked)

    assert questions(200) == questions(1)


def test_money_between_our_own_accounts_is_no_payment() -> None:
    fake = Fake({"account.payment": [
        {"id": 1, "company_id": [1, "North"], "is_internal_transfer": True},
        {"id": 2, "company_id": [1, "North"], "paired_internal_transfer_payment_id": [1, "x"]},
    ]})  # fmt: skip
    assert stream(client(fake), PAYMENTS).find(["1", "2"]) == [Filtered("1", "transfer"), Filtered("2", "transfer")]


# --- sums -----------------------------------------------------------------------------------------------------------------


def test_two_words_of_odoo_that_are_one_of_ours_are_one_sum_and_credits_count_down() -> None:
    def groups(_: Any) -> list[Row]:
        month = ["2026-11-01", "November 2026"]
        base = {"company_id": [1, "North"], "currency_id": [2, "EUR"], "invoice_date:month": month}
        return [
            {
                **base,
                "move_type": "in_invoice",
                "__count": 2,
                "amount_total:sum": "10.10",
                "amount_residual:sum": "1.0",
            },
            {**base, "move_type": "in_receipt", "__count": 1, "amount_total:sum": "5.05", "amount_residual:sum": "0.0"},
            {**base, "move_type": "out_refund", "__count": 1, "amount_total:sum": "3.0", "amount_residual:sum": "3.0"},
        ]

    fake = Fake({"res.currency": [{"id": 2, "name": "EUR"}]}, says={("account.move", "formatted_read_group"): groups})
    found = {one.kind: one for one in totals(client(fake), [INVOICES], "UTC")}
    assert (found["bill"].count, str(found["bill"].gross), str(found["bill"].balance)) == (3, "15.15", "1.0")
    assert (str(found["credit_note"].gross), str(found["credit_note"].balance)) == ("-3.0", "-3.0")
    assert {(one.records, one.business, one.currency, one.month) for one in found.values()} == {
        ("invoices", "1", "EUR", "2026-11")
    }
    assert ["state", "in", ["posted"]] in fake.asked[0][2]["domain"]


def test_what_may_not_be_read_has_no_sums_and_the_others_have() -> None:
    def refused(_: Any) -> Any:
        raise ScopeError("not allowed")

    assert totals(client(Fake(says={("account.move", "formatted_read_group"): refused})), [INVOICES], "UTC") == []
