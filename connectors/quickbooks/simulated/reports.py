"""The report of what customers owe by age, in the company's own currency.

Source: https://developer.intuit.com/app/developer/qbo/docs/api/accounting/report-entities/araging-summary
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from connectors.quickbooks.simulated.books import ZERO, Books, Record
from connectors.quickbooks.simulated.digits import CENT
from connectors.quickbooks.simulated.errors import Json

_COLUMNS = ("Current", "1 - 30", "31 - 60", "61 - 90", "91 and over", "Total")
_ENDS = (0, 30, 60, 90)  # days past due at which a column ends
Amounts = list[Decimal]


def aged_receivables(books: Books, day: str) -> Json:
    """The report as of a day, such as 2026-11-22; sub-customers stand below their parents."""
    as_of = date.fromisoformat(day)
    tops = [one for one in books.all("Customer") if not one.fields.get("Job")]
    rows, total = [], [ZERO] * len(_COLUMNS)
    for customer in tops:
        row, amounts = _row(books, customer, as_of)
        total = _sum(total, amounts)
        rows += [row] if any(amounts) else []
    rows.append({"Summary": {"ColData": _cells("TOTAL", "", total)}, "type": "Section", "group": "GrandTotal"})
    empty = str(len(rows) == 1).lower()
    return {
        "Header": {
            "Time": books.stamp(books.clock.now()), "ReportName": "AgedReceivables", "DateMacro": "today",
            "StartPeriod": day, "EndPeriod": day, "SummarizeColumnsBy": "Total", "Currency": books.currency,
            "Option": [{"Name": "report_date", "Value": day}, {"Name": "NoReportData", "Value": empty}],
        },
        "Columns": {"Column": [{"ColTitle": "", "ColType": "Customer"}, *({"ColTitle": one, "ColType": "Money"} for one in _COLUMNS)]},
        "Rows": {"Row": rows},
    }  # fmt: skip


def _row(books: Books, customer: Record, as_of: date) -> tuple[Json, Amounts]:
    """One customer, and what he and his sub-customers owe."""
    own = _owed(books, customer, as_of)
    name = str(customer.fields["DisplayName"])
    jobs = [_row(books, one, as_of) for one in books.jobs_of(customer.id)]
    if not jobs:
        return {"ColData": _cells(name, customer.id, own)}, own
    total = own
    for _, amounts in jobs:
        total = _sum(total, amounts)
    section: Json = {
        "Header": {"ColData": _cells(name, customer.id, own)}, "Rows": {"Row": [row for row, some in jobs if any(some)]},
        "Summary": {"ColData": _cells(f"Total {name}", "", total)}, "type": "Section",
    }  # fmt: skip
    return section, total


def _owed(books: Books, customer: Record, as_of: date) -> Amounts:
    amounts = [ZERO] * len(_COLUMNS)
    for days, amount in _debts(books, customer, as_of):
        column = next((number for number, end in enumerate(_ENDS) if days <= end), len(_ENDS))
        amounts[column] += amount
        amounts[-1] += amount
    return amounts


def _debts(books: Books, customer: Record, as_of: date) -> Iterator[tuple[int, Decimal]]:
    """Yield what is open, with its days past due; credits and payments that settled nothing count from their own day."""
    signs = (
        ("Invoice", "Balance", "DueDate", 1),
        ("CreditMemo", "Balance", "TxnDate", -1),
        ("Payment", "UnappliedAmt", "TxnDate", -1),
    )
    for entity, name, since, sign in signs:
        for one in books.all(entity):
            if one.owner == customer.id and one.amount(name):
                rate = Decimal(one.fields.get("ExchangeRate", 1))
                day = date.fromisoformat(str(one.fields[since]))
                yield (as_of - day).days, (one.amount(name) * rate).quantize(CENT) * sign


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return [left + right for left, right in zip(one, other, strict=True)]


def _cells(name: str, remote_id: str, amounts: Amounts) -> list[Json]:
    first: Json = {"value": name, **({"id": remote_id} if remote_id else {})}
    return [first, *({"value": str(one.quantize(CENT)) if one else ""} for one in amounts)]
