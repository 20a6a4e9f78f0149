"""The same document seen in two accounts, such as an e-invoice and the ledger it was booked in: one debt, never two.

Issuer, number and day make it the same. The one whose ledger knows what is open counts; the other is only "also seen in".
One of a removed account never counts before one of another: where a connection was made anew, its debts stand there. Of two
ledgers the one that made it void comes last: it may have been carried over to the other.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow
from hub.intake.models import Account, AccountState
from hub.records.document import DEBTS, BalanceSource, Status
from hub.store.turn import in_turn

COMPARED = DocumentRow.kind.in_(sorted(DEBTS))
SOME = 500


def key(issuer: str, number: str, day: date | None) -> str:
    """Return what the same document of another account is known by; empty where it cannot be compared.

    Args:
        issuer: tax id as it is compared (`businesses.tax_key`).
    """
    return f"{issuer}|{number}|{day.isoformat()}" if issuer and number and day else ""


def begin(session: Session) -> None:
    """Let nobody else write documents, payments and legal entities until the end of the transaction.

    Two accounts that bring the same document at the same moment would not see each other's, and each would count. It comes
    before any row is locked: whoever waits here must hold nothing that the one who is waited for needs.
    """
    in_turn(session, DocumentRow.__tablename__)


def settle(session: Session, keys: Iterable[str]) -> None:
    """Say of documents with these keys which one counts; safe to repeat. Where a key changed, its former group is one too."""
    wanted = sorted({one for one in keys if one})
    for begin in range(0, len(wanted), SOME):
        _settle(session, wanted[begin : begin + SOME])


def settle_business(session: Session, business_id: int) -> None:
    """Say it of all documents of a legal entity that another account has too."""
    _settle_shared(session, DocumentRow.business_id == business_id)


def settle_account(session: Session, account_id: int) -> None:
    """Say it of all documents of an account that another one has too: after it was removed, theirs count.

    The caller has begun, before it removed the account.
    """
    _settle_shared(session, DocumentRow.account_id == account_id)


def _settle_shared(session: Session, mine: ColumnElement[bool]) -> None:
    keys = select(DocumentRow.twin_key).where(mine, DocumentRow.twin_key != "")
    shared = (
        select(DocumentRow.twin_key)
        .where(DocumentRow.twin_key.in_(keys))
        .group_by(DocumentRow.twin_key)
        .having(func.count(DocumentRow.account_id.distinct()) > 1)
    )
    settle(session, session.scalars(shared).all())


def _settle(session: Session, keys: Sequence[str]) -> None:
    columns = (
        DocumentRow.id, DocumentRow.twin_key, DocumentRow.account_id, DocumentRow.balance_source, DocumentRow.twin_of_id,
        DocumentRow.gone_at, DocumentRow.side, DocumentRow.status, Account.state,
    )  # fmt: skip
    # Of two legal entities of the group one may have sold to the other: its invoice and the other's bill are two debts.
    found: dict[tuple[str, str], list[tuple[int, int, tuple[bool, ...], int | None]]] = {}
    query = select(*columns).join(Account, Account.id == DocumentRow.account_id).where(DocumentRow.twin_key.in_(keys))
    for row in session.execute(query.order_by(DocumentRow.id)):
        if row.gone_at is None:
            is_ledger, is_void = row.balance_source == BalanceSource.LEDGER, row.status == Status.VOID
            comes_later = (row.state == AccountState.REMOVED, not is_ledger, is_void)
            found.setdefault((row.twin_key, row.side), []).append((row.id, row.account_id, comes_later, row.twin_of_id))
    for several in found.values():
        counts, account, *_ = min(several, key=lambda one: (one[2], one[0]))
        for number, of_account, _comes_later, before in several:
            # Two of one account are two documents: a number is no key.
            twin_of = counts if number != counts and of_account != account else None
            if twin_of != before:
                session.execute(
                    update(DocumentRow)
                    .where(DocumentRow.id == number)
                    .values(twin_of_id=twin_of)
                    .execution_options(synchronize_session=False)
                )
