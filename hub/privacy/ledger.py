"""Names on documents and payments of nobody we know: kept as long as the law wants the books, and no longer.

The ledger is the master and keeps its own. Without a rule the hub keeps what the ledger says.
"""

from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from hub.accounting import index
from hub.accounting.models import DocumentRow, PaymentRow
from hub.identity.link import ERASED
from hub.intake import receive
from hub.intake.models import RawRecord
from hub.privacy.models import RetentionRule
from hub.store.base import now

ACCOUNTING = "accounting"  # the rule


def expire(session: Session, *, limit: int) -> int:
    """Take the names off documents and payments that are older than the rule says; returns how many, at most twice `limit`."""
    days = session.scalar(select(RetentionRule.days).where(RetentionRule.kind == ACCOUNTING))
    if days is None:
        return 0
    before = (now() - timedelta(days=days)).date()
    documents = session.execute(
        select(DocumentRow.id, DocumentRow.raw_record_id).where(old_documents(before)).limit(limit)
    ).all()
    nothing = {"party_name": "", "party_tax_id": "", "detail": {}, "twin_key": "", "fields": {}}
    session.execute(update(DocumentRow).where(DocumentRow.id.in_([row.id for row in documents])).values(nothing))
    index.refresh(session, [row.id for row in documents])
    payments = session.execute(
        select(PaymentRow.id, PaymentRow.raw_record_id).where(old_payments(before)).limit(limit)
    ).all()
    names = {"party_name": "", "reference": ""}
    session.execute(update(PaymentRow).where(PaymentRow.id.in_([row.id for row in payments])).values(names))
    wanted = [row.raw_record_id for row in (*documents, *payments) if row.raw_record_id is not None]
    receive.forget(session, session.scalars(select(RawRecord).where(RawRecord.id.in_(wanted))).all(), ERASED)
    return len(documents) + len(payments)


def count(session: Session, before: date) -> int:
    """Count what `expire` would take names off."""
    documents = session.scalar(select(func.count()).select_from(DocumentRow).where(old_documents(before))) or 0
    return documents + (session.scalar(select(func.count()).select_from(PaymentRow).where(old_payments(before))) or 0)


def old_documents(before: date) -> ColumnElement[bool]:
    """Say which documents name somebody we do not know and are old enough."""
    named = (DocumentRow.party_name != "") | (DocumentRow.party_tax_id != "")
    return DocumentRow.party_id.is_(None) & (DocumentRow.issue_date < before) & named & ~DocumentRow.is_open


def old_payments(before: date) -> ColumnElement[bool]:
    """Say which payments do."""
    named = (PaymentRow.party_name != "") | (PaymentRow.reference != "")
    return PaymentRow.party_id.is_(None) & (PaymentRow.day < before) & named
