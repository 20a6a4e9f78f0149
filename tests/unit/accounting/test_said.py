"""What mappings make of a ledger's records is read exactly, or the record is set aside with a reason."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.accounting import said
from hub.errors import RecordError
from hub.records.document import BalanceSource, DocumentKind, Side, Status


def invoice(**values: Any) -> dict[str, Any]:
    return {"remote_id": "1", "kind": "invoice", "currency": "ILS", "gross": Decimal("117.00"), **values}


def test_an_invoice_counts_up_and_a_credit_note_down() -> None:
    assert said.document(invoice()).gross == Decimal("117.00")
    credit = said.document(invoice(kind="credit_note", net="100", tax="17", balance="50"))
    assert (credit.gross, credit.net, credit.tax, credit.balance) == tuple(
        map(Decimal, ("-117.00", "-100", "-17", "-50"))
    )


def test_a_source_that_signs_its_amounts_is_believed() -> None:
    """A Polish correction may raise: its sign is in its amounts and not in its kind."""
    assert said.document(invoice(kind="credit_note", signed=True)).gross == Decimal("117.00")
    assert said.document(invoice(kind="credit_note", gross="-117.00", signed=True)).gross == Decimal("-117.00")
    assert said.document(invoice(gross="-117.00")).gross == Decimal("-117.00")  # UBL 380 with negative amounts


@pytest.mark.parametrize(
    ("gross", "currency", "kept"),
    [
        ("115.35000000000001", "EUR", "115.35"),  # what Odoo's own rounding leaves of a float
        ("1000.0", "JPY", "1000"),
        ("12.345", "KWD", "12.345"),
        ("0.0", "USD", "0.00"),
        ("-0.00", "USD", "0.00"),
        ("9000000000000", "ILS", "9000000000000.00"),
    ],
)
def test_amounts_are_exact(gross: str, currency: str, kept: str) -> None:
    assert said.document(invoice(gross=Decimal(gross), currency=currency)).gross == Decimal(kept)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"gross": "10.005"}, "decimals"),
        ({"gross": "0.5", "currency": "JPY"}, "decimals"),
        ({"gross": 10.5}, "binary fraction"),
        ({"gross": "NaN"}, "gross"),
        ({"gross": "Infinity"}, "gross"),
        ({"gross": "1e30"}, "larger"),
        ({"gross": None}, "gross"),
        ({"currency": "XXQ"}, "XXQ"),
        ({"currency": "shekel"}, "SHEKEL"),
        ({"currency": None}, "currency"),
        ({"kind": "tax"}, "tax"),
        ({"side": "both"}, "both"),
        ({"issue_date": date(1, 1, 1)}, "0001"),
        ({"issue_date": date(9999, 12, 31)}, "9999"),
        ({"due_date": date(1, 1, 1)}, "0001"),
        ({"remote_id": ""}, "remote_id"),
        ({"instalments": [{"due_date": "2026-01-01", "amount": 1.5}]}, "binary fraction"),
    ],
)
def test_what_cannot_be_kept_exactly_is_set_aside(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        said.document(invoice(**values))


def test_a_day_that_never_comes_is_kept() -> None:
    assert said.document(invoice(due_date=date(9999, 12, 31))).due_date == date(9999, 12, 31)


@pytest.mark.parametrize(
    ("kind", "side"),
    [("invoice", Side.SALE), ("bill", Side.PURCHASE), ("purchase_order", Side.PURCHASE), ("quote", Side.SALE)],
)
def test_the_side_follows_from_the_kind(kind: str, side: Side) -> None:
    assert said.document(invoice(kind=kind)).side is side


@pytest.mark.parametrize(
    ("balance", "status"),
    [("117.00", Status.OPEN), ("17.00", Status.PARTLY_PAID), ("0", Status.PAID), (None, Status.UNKNOWN)],
)
def test_a_status_that_nobody_says_follows_from_the_balance(balance: str | None, status: Status) -> None:
    assert said.document(invoice(balance=balance)).status is status


def test_a_word_that_nobody_knows_is_unknown_and_its_own_word_stays() -> None:
    made = said.document(invoice(status="in_dispute", source_status="IN_DISPUTE"))
    assert (made.status, made.source_status) == (Status.UNKNOWN, "IN_DISPUTE")


def test_without_a_balance_nobody_says_what_is_open() -> None:
    assert said.document(invoice()).balance_source is BalanceSource.NONE
    assert said.document(invoice(balance="1.00")).balance_source is BalanceSource.LEDGER
    paid = said.document(invoice(balance="117.00", balance_source="none", paid_at_issue=True))
    assert (paid.balance, paid.balance_source) == (None, BalanceSource.NONE)


@pytest.mark.parametrize(
    ("values", "doubts"),
    [
        ({"net": "100", "tax": "17"}, ()),
        ({"net": "100", "tax": "16.98"}, ("sum",)),
        ({"net": "100", "tax": "16.98", "lines_count": 2}, ()),  # a coin for each line is rounding
        ({"issue_date": date(2026, 5, 2), "due_date": date(2026, 5, 1)}, ("due_before_issue",)),
        ({"balance": "118.00"}, ("balance",)),
        ({"balance": "-1.00"}, ("balance",)),
        ({"instalments": [{"due_date": "2026-01-01", "amount": "100.00"}]}, ("instalments",)),
    ],
)
def test_what_contradicts_itself_is_kept_with_a_warning(values: dict[str, Any], doubts: tuple[str, ...]) -> None:
    assert said.document(invoice(**values)).warnings == doubts


def test_texts_are_fit_to_be_shown() -> None:
    made = said.document(invoice(number="INV\u202e/1\n2", party_name="\x00Dana\u200f", url="javascript:alert(1)"))
    assert (made.number, made.party.name, made.url) == ("INV/1 2", "Dana", "")


def test_a_payment_below_zero_is_set_aside() -> None:
    with pytest.raises(RecordError, match="is_refund"):
        said.payment({"remote_id": "1", "date": date(2026, 1, 1), "amount": "-5", "currency": "ILS"})


def test_allocations_of_a_payment_are_its_own_or_records_of_their_own() -> None:
    values = {"remote_id": "1", "date": "2026-01-01", "amount": "5", "currency": "ILS"}
    assert said.payment(values).names_allocations is False
    listed = said.payment({**values, "allocations": [{"document": "invoices:1", "amount": "-5.00"}]})
    assert [(one.document, one.amount) for one in listed.allocations] == [("invoices:1", Decimal("5.00"))]


@given(
    st.dictionaries(
        st.sampled_from(
            ["remote_id", "kind", "side", "status", "number", "currency", "gross", "balance", "issue_date", "due_date", "terms_days", "instalments", "references", "allocations", "warnings", "first_lines", "url", "party", "fx_rate", "base_currency", "lines_count", "updated_at", "signed"]
        ),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.decimals(), st.dates(),
            st.lists(st.one_of(st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2)), max_size=3),
        ),
    )
)  # fmt: skip
def test_whatever_a_mapping_makes_it_is_a_document_or_set_aside(values: dict[str, Any]) -> None:
    try:
        made = said.document({**invoice(), **values})
    except RecordError:
        return
    assert made.kind in DocumentKind
