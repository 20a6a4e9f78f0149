"""Compare what a ledger itself sums with what the hub has: by kind of records, legal entity, kind, currency and month.

Where a sum differs, the documents behind it are read again by their ids and compared once more. What still differs stays on
the page, with its documents, until a check agrees. Ids that are missing or gone are the audit's business (`intake.audit`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import Text, cast, delete, func, select
from sqlalchemy.orm import Session

from hub.accounting import sums
from hub.accounting.models import CheckState, DocumentRow, LedgerCheck
from hub.connector.ledger import HasTotals
from hub.connector.stream import Remote
from hub.errors import ConnectorError, ShapeError
from hub.intake.models import Account
from hub.records.document import Status
from hub.store.base import now
from hub.store.session import Database

DAYS = 90  # for which checks are kept
SHOWN = 50  # documents that are named of one difference
READ_AGAIN = 2_000  # documents behind all differences of one check; more is no difference but a fault
POSTED = DocumentRow.status.not_in((Status.DRAFT, Status.VOID))

Group = tuple[str, str, str, str, str]  # business, kind, currency, month, party


@dataclass(frozen=True, slots=True)
class Sums:
    """How many documents, and their sums; None: that side does not say."""

    count: int = 0
    gross: Decimal | None = Decimal(0)
    balance: Decimal | None = Decimal(0)

    def agrees(self, ours: Self) -> bool:
        """Say whether our sums are the same, as far as the ledger has them. Pure."""
        return (
            self.count == ours.count
            and (self.gross is None or self.gross == ours.gross)
            and (self.balance is None or self.balance == ours.balance)
        )

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        gross, balance = (None if kept[one] is None else Decimal(kept[one]) for one in ("gross", "balance"))
        return cls(kept["count"], gross, balance)

    def as_json(self) -> dict[str, Any]:
        """Return them as the database keeps them."""
        return {
            "count": self.count,
            "gross": None if self.gross is None else str(self.gross),
            "balance": None if self.balance is None else str(self.balance),
        }


@dataclass(slots=True)
class Difference:
    """One sum that is not ours."""

    group: Group
    theirs: Sums
    ours: Sums
    keys: list[str] = field(default_factory=list)  # our documents behind it


def check(
    db: Database, account: Account, remote: Remote, records: str, read_again: Callable[[Sequence[str]], int]
) -> LedgerCheck | None:
    """Compare one kind of records of an account with its ledger, and write down what was found.

    Args:
        read_again: reads records by their remote ids.

    Returns:
        None where the ledger has no sums of its own.
    """
    if not isinstance(remote, HasTotals):
        return None
    row = LedgerCheck(account_id=account.id, records=records, state=CheckState.FAILED)
    try:
        theirs = _theirs(remote, records)
        found = _differences(db, account, theirs, records)
        again = [key for one in found for key in one.keys][:READ_AGAIN]
        if again:
            read_again([key.partition(":")[2] for key in again])
            found = _differences(db, account, _theirs(remote, records), records)
    except (ConnectorError, ShapeError) as error:
        row.error = str(error)[:500]
        return _write(db, row)
    row.state = CheckState.DIFFERS if found else CheckState.AGREES
    row.compared, row.repaired = len(theirs), len({*again} - {key for one in found for key in one.keys})
    with db.read() as session:
        row.differences = [_as_json(session, account.id, one) for one in found]
    return _write(db, row)


def said(found: LedgerCheck) -> str:
    """Return what a check found wrong, in words for an administrator; empty: nothing. Pure."""
    if found.state == CheckState.DIFFERS:
        return f"{len(found.differences)} sums differ from the ledger's own; see Agreement."
    return f"The ledger's own sums could not be asked: {found.error}" if found.state == CheckState.FAILED else ""


def latest(session: Session, account_id: int) -> list[LedgerCheck]:
    """Return the last check of each kind of records of an account."""
    mine = LedgerCheck.account_id == account_id
    newest = select(func.max(LedgerCheck.id)).where(mine).group_by(LedgerCheck.records)
    return list(session.scalars(select(LedgerCheck).where(LedgerCheck.id.in_(newest)).order_by(LedgerCheck.records)))


def forget(session: Session, moment: datetime) -> None:
    """Drop old checks."""
    session.execute(delete(LedgerCheck).where(LedgerCheck.at < moment - timedelta(days=DAYS)))


def compare(theirs: Mapping[Group, Sums], ours: Mapping[Group, Sums]) -> list[Difference]:
    """Return the sums that differ, also those that only one side has. Pure."""
    groups = sorted({*theirs, *ours})
    pairs = ((group, theirs.get(group, Sums()), ours.get(group, Sums())) for group in groups)
    return [Difference(group, of_them, of_us) for group, of_them, of_us in pairs if not of_them.agrees(of_us)]


def _differences(db: Database, account: Account, theirs: Mapping[Group, Sums], records: str) -> list[Difference]:
    by_party = any(party for *_, party in theirs)
    with db.read() as session:
        found = compare(theirs, _ours(session, account.id, records, by_party=by_party))
        for one in found:
            one.keys = _keys(session, account.id, records, one.group)
    return found


def _theirs(remote: HasTotals, records: str) -> dict[Group, Sums]:
    found: dict[Group, Sums] = {}
    for one in remote.totals():
        if one.records != records:
            continue
        group = (one.business, one.kind, one.currency, one.month, one.party)
        before = found.get(group, Sums())
        found[group] = Sums(
            before.count + one.count, _plus(before.gross, one.gross), _plus(before.balance, one.balance)
        )
    return found


def _plus(before: Decimal | None, more: Decimal | None) -> Decimal | None:
    return None if before is None or more is None else before + more


def _month() -> Any:
    return func.coalesce(func.substr(cast(DocumentRow.issue_date, Text), 1, 7), "")


def _where(account_id: int, records: str) -> tuple[Any, ...]:
    is_one = DocumentRow.key.startswith(f"{records}:", autoescape=True)
    return (DocumentRow.account_id == account_id, is_one, DocumentRow.gone_at.is_(None), POSTED)


def _ours(session: Session, account_id: int, records: str, *, by_party: bool) -> dict[Group, Sums]:
    month = _month().label("month")
    group = [DocumentRow.business_remote_id, DocumentRow.kind, DocumentRow.currency, month]
    if by_party:
        group.append(DocumentRow.party_remote_id)
    columns = (func.count(), *sums.parts(DocumentRow.gross), *sums.parts(func.coalesce(DocumentRow.balance, 0)))
    query = select(*group, *columns).where(*_where(account_id, records)).group_by(*group)
    found = {}
    for *named, count, gross, gross_rest, balance, balance_rest in session.execute(query):
        business, kind, currency, of_month, *party = named
        found[business, kind, currency, of_month, party[0] if party else ""] = Sums(
            count, sums.joined(gross, gross_rest), sums.joined(balance, balance_rest)
        )
    return found


def _keys(session: Session, account_id: int, records: str, group: Group) -> list[str]:
    business, kind, currency, month, party = group
    query = select(DocumentRow.key).where(
        *_where(account_id, records), DocumentRow.business_remote_id == business, DocumentRow.kind == kind,
        DocumentRow.currency == currency, _month() == month,
    )  # fmt: skip
    if party:
        query = query.where(DocumentRow.party_remote_id == party)
    return list(session.scalars(query.order_by(DocumentRow.id).limit(READ_AGAIN)))


def _as_json(session: Session, account_id: int, one: Difference) -> dict[str, Any]:
    mine = (DocumentRow.account_id == account_id, DocumentRow.key.in_(one.keys[:SHOWN]))
    ids = session.scalars(select(DocumentRow.public_id).where(*mine).order_by(DocumentRow.id))
    business, kind, currency, month, party = one.group
    return {
        "business": business, "kind": kind, "currency": currency, "month": month, "party": party,
        "theirs": one.theirs.as_json(), "ours": one.ours.as_json(), "documents": [str(number) for number in ids],
    }  # fmt: skip


def _write(db: Database, row: LedgerCheck) -> LedgerCheck:
    row.at = now()
    with db.write() as session:
        session.add(row)
    return row
