"""The yardstick itself: it knows what is legal, and says what is not."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.quickbooks_simulator.finance_types import ALWAYS, entities, members, problems

INVOICE: dict[str, Any] = {
    "domain": "QBO", "sparse": False, "Id": "130", "SyncToken": "0", "DocNumber": "1037", "TxnDate": "2026-11-19",
    "MetaData": {"CreateTime": "2026-11-19T13:16:17-08:00", "LastUpdatedTime": "2026-11-19T13:16:17-08:00"},
    "CurrencyRef": {"value": "USD", "name": "United States Dollar"}, "CustomerRef": {"value": "24", "name": "Sonnenschein"},
    "Line": [
        {
            "Id": "1", "LineNum": 1, "Description": "Rock", "Amount": Decimal("275.00"), "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": "5"}, "UnitPrice": 275, "Qty": 1, "TaxCodeRef": {"value": "TAX"}},
        },
        {"Amount": Decimal("335.25"), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ],
    "TxnTaxDetail": {"TotalTax": Decimal("26.82")}, "DueDate": "2026-12-19", "TotalAmt": Decimal("362.07"),
    "PrintStatus": "NeedToPrint", "EmailStatus": "NotSet", "Balance": Decimal("362.07"),
}  # fmt: skip


def test_what_the_reference_shows_has_no_problems() -> None:
    assert problems("Invoice", INVOICE) == []
    assert problems("Invoice", {"domain": "QBO", "status": "Deleted", "Id": "1"}) == []
    assert problems("Invoice", {"Id": "1", "domain": "QBO", "sparse": True}) == []
    assert problems("Customer", {"Id": "1", "sparse": True, "ParentRef": {"value": "2"}, "Job": True}) == []


@pytest.mark.parametrize(
    ("where", "value", "wrong"),
    [
        (("Balance",), "362.07", "$.Balance: '362.07' is no decimal"),
        (("Balance",), True, "$.Balance: True is no decimal"),
        (("TxnDate",), "19/11/2026", "$.TxnDate: '19/11/2026' is no date"),
        (("TxnDate",), "2026-11-31", "$.TxnDate: '2026-11-31' is no date"),
        (("DueDate",), None, "$.DueDate: None is no date"),
        (("EmailStatus",), "Scheduled", "$.EmailStatus: 'Scheduled' is no EmailStatusEnum"),
        (("CustomerRef",), "24", "$.CustomerRef: no object"),
        (("CurrencyRef", "code"), "USD", "$.CurrencyRef.code: unknown to ReferenceType"),
        (("Line",), {}, "$.Line: no list"),
        (("Line", 0, "DetailType"), "Hologram", "$.Line[0].DetailType: 'Hologram' is no LineDetailTypeEnum"),
        (("Line", 0, "SalesItemLineDetail", "Qty"), "1", "$.Line[0].SalesItemLineDetail.Qty: '1' is no decimal"),
        (("MetaData", "LastUpdatedTime"), "2026-11-19 13:16", "$.MetaData.LastUpdatedTime: '2026-11-19 13:16' is no dateTime"),
        (("sparse",), "false", "$.sparse: 'false' is no boolean"),
        (("Amount",), 5, "$.Amount: unknown to Invoice"),
        (("status",), "Gone", "$.status: 'Gone' is no EntityStatusEnum"),
    ],
)  # fmt: skip
def test_another_type_or_word_is_found(where: tuple[Any, ...], value: Any, wrong: str) -> None:
    mutant = copy.deepcopy(INVOICE)
    place: Any = mutant
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    assert problems("Invoice", mutant) == [wrong]


@pytest.mark.parametrize("member", ALWAYS["Invoice"])
def test_a_member_that_is_missing_is_found(member: str) -> None:
    mutant = {name: value for name, value in INVOICE.items() if name != member}
    if member == "sparse":
        assert problems("Invoice", mutant) == ["$.sparse: missing"]
    else:
        assert f"$.{member}: missing" in problems("Invoice", mutant)


def test_a_line_without_its_detail_is_found() -> None:
    mutant = copy.deepcopy(INVOICE)
    del mutant["Line"][0]["SalesItemLineDetail"]
    assert problems("Invoice", mutant) == ["$.Line[0].SalesItemLineDetail: missing, although it is the DetailType"]


def test_what_must_always_be_there_is_known_to_the_schema() -> None:
    assert {(name, one) for name, named in ALWAYS.items() for one in named if one not in members(name)} == set()
    assert len(entities()) == 14
