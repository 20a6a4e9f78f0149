"""The same document seen in two accounts, such as an e-invoice and the ledger it was booked in: one debt, never two.

Issuer, number and day make it the same. The one whose ledger knows what is open counts; the other is only "also seen in".
"""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow
from hub.records.document import DEBTS, BalanceSource

COMPARED = DocumentRow.kind.in_(sorted(DEBTS))
SOME = 500


def key(issuer: str, number: str, day: date | None) -> str:
    """Return what the same document of another account is known by; empty where it cannot be compared.

    Args:
        issuer: tax id as it is compared (`businesses.tax_key`).
    """
    return f"{issuer}|{number}|{day.isoformat()}" if issuer and number and day else ""


def settle(session: Session, keys: Iterable[str]) -> None:
    """Say of documents with these keys which one counts; safe to repeat."""
    wanted = sorted({one for one in keys if one})
    for begin in range(0, len(wanted), SOME):
        _settle(session, wanted[begin : begin + SOME])


def settle_business(session: Session, business_id: int) -> None:
    """Say it of all documents of a legal entity that another account has too."""
    mine = select(DocumentRow.twin_key).where(DocumentRow.business_id == business_id, DocumentRow.twin_key != "")
    keys = session.scalars(
        select(DocumentRow.twin_key)
        .where(DocumentRow.twin_key.in_(mine), DocumentRow.business_id != business_id)
        .distinct()
    ).all()
    settle(session, keys)


def _settle(session: Session, keys: Sequence[str]) -> None:
    columns = (
        DocumentRow.id, DocumentRow.twin_key, DocumentRow.account_id, DocumentRow.balance_source, DocumentRow.twin_of_id,
        DocumentRow.gone_at, DocumentRow.side,
    )  # fmt: skip
    # Of two legal entities of the group one may have sold to the other: its invoice and the other's bill are two debts.
    found: dict[tuple[str, str], list[tuple[int, int, bool, int | None]]] = {}
    for row in session.execute(select(*columns).where(DocumentRow.twin_key.in_(keys)).order_by(DocumentRow.id)):
        if row.gone_at is None:
            is_ledger = row.balance_source == BalanceSource.LEDGER
            found.setdefault((row.twin_key, row.side), []).append((row.id, row.account_id, is_ledger, row.twin_of_id))
    for several in found.values():
        counts, account, *_ = min(several, key=lambda one: (not one[2], one[0]))
        for number, of_account, _is_ledger, before in several:
            # Two of one account are two documents: a number is no key.
            twin_of = counts if number != counts and of_account != account else None
            if twin_of != before:
                session.execute(
                    update(DocumentRow)
                    .where(DocumentRow.id == number)
                    .values(twin_of_id=twin_of)
                    .execution_options(synchronize_session=False)
                )
