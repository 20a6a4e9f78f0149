"""Tables of what accounting systems say: documents, payments, what settled what, legal entities, and whether we agree."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, Money, PublicId, now


class BusinessRecord(Base):
    """A legal entity of the group as one account calls it; an account that names none has one with an empty id."""

    __tablename__ = "business_record"
    __table_args__ = (UniqueConstraint("account_id", "remote_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    remote_id: Mapped[str] = mapped_column(default="")
    business_id: Mapped[int] = mapped_column(ForeignKey("business.id"), index=True)
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"))
    is_told: Mapped[bool] = mapped_column(default=False)  # False: only documents spoke of it so far
    gone_at: Mapped[datetime | None]


_IS_COPY = text("twin_of_id IS NOT NULL")


class DocumentRow(PublicId, Base):
    """A document as its ledger has it now. What is owed counts up, credits count down; overdue is computed, never kept."""

    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        Index(None, "party_id", "side", "issue_date"),
        Index(None, "account_id", "party_remote_id"),
        Index(None, "business_id", "kind", "issue_date"),
        Index(None, "twin_key"),
        # Most are no copies: SQLite would look for those among all, before it looks for a customer's.
        Index(None, "twin_of_id", sqlite_where=_IS_COPY, postgresql_where=_IS_COPY),
        Index(None, "issue_date", "id"),
        Index(None, "open_due_date", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    key: Mapped[str]  # kind of records and remote id, such as invoices:17
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"), index=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"))
    business_id: Mapped[int] = mapped_column(ForeignKey("business.id"))
    business_remote_id: Mapped[str] = mapped_column(default="")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    party_remote_id: Mapped[str] = mapped_column(default="")
    contact_remote_id: Mapped[str] = mapped_column(default="")
    party_name: Mapped[str] = mapped_column(default="")  # as on the document, and so is the next
    party_tax_id: Mapped[str] = mapped_column(default="")
    kind: Mapped[str]
    side: Mapped[str]
    status: Mapped[str]
    source_status: Mapped[str] = mapped_column(default="")
    number: Mapped[str] = mapped_column(default="")
    issue_date: Mapped[date | None]
    due_date: Mapped[date | None]
    service_date: Mapped[date | None]
    currency: Mapped[str]
    net: Mapped[Decimal | None] = mapped_column(Money)
    tax: Mapped[Decimal | None] = mapped_column(Money)
    gross: Mapped[Decimal] = mapped_column(Money)
    balance: Mapped[Decimal | None] = mapped_column(Money)
    balance_source: Mapped[str]
    base_currency: Mapped[str] = mapped_column(default="")
    fx_rate: Mapped[str] = mapped_column(default="")
    gross_base: Mapped[Decimal | None] = mapped_column(Money)
    balance_base: Mapped[Decimal | None] = mapped_column(Money)
    is_open: Mapped[bool] = mapped_column(default=False)  # a debt or credit that counts and of which something is left
    open_due_date: Mapped[date | None]  # of such a one: when it is due, by its first open instalment or its terms
    terms_days: Mapped[int | None]
    allocation_no: Mapped[str] = mapped_column(default="")
    ksef_no: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what only one document's own page shows
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # that an administrator defined
    fields_here: Mapped[list[Any]] = mapped_column(
        default=list, server_default="[]"
    )  # those of them that people filled
    # What the same document of another account is known by: issuer, number, day. Empty: it cannot be compared.
    twin_key: Mapped[str] = mapped_column(default="")
    twin_of_id: Mapped[int | None] = mapped_column(ForeignKey("document.id", ondelete="SET NULL"))
    ext_updated_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    gone_at: Mapped[datetime | None]  # the ledger has it no more


class InstalmentRow(Base):
    """A part of a document with a day of its own."""

    __tablename__ = "instalment"
    __table_args__ = (UniqueConstraint("document_id", "place"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    place: Mapped[int]
    due_date: Mapped[date]
    amount: Mapped[Decimal] = mapped_column(Money)
    balance: Mapped[Decimal | None] = mapped_column(Money)


class PaymentRow(PublicId, Base):
    """Money that came in or went out."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        Index(None, "party_id", "side", "day"),
        Index(None, "account_id", "party_remote_id"),
        Index(None, "day", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    key: Mapped[str]
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"), index=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"))
    business_id: Mapped[int] = mapped_column(ForeignKey("business.id"), index=True)
    business_remote_id: Mapped[str] = mapped_column(default="")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    party_remote_id: Mapped[str] = mapped_column(default="")
    party_name: Mapped[str] = mapped_column(default="")
    side: Mapped[str]
    is_refund: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str]
    source_status: Mapped[str] = mapped_column(default="")
    number: Mapped[str] = mapped_column(default="")
    day: Mapped[date]
    currency: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Money)
    unapplied: Mapped[Decimal | None] = mapped_column(Money)  # above zero
    base_currency: Mapped[str] = mapped_column(default="")
    amount_base: Mapped[Decimal | None] = mapped_column(Money)
    method: Mapped[str] = mapped_column(default="")
    reference: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    ext_updated_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(default=now)
    gone_at: Mapped[datetime | None]


class AllocationRow(Base):
    """So much of a document was settled by a payment or a credit. It names both by their keys: either may come later."""

    __tablename__ = "allocation"
    __table_args__ = (
        UniqueConstraint("account_id", "remote_id"),
        Index(None, "account_id", "document_key"),
        Index(None, "account_id", "source_key"),
        Index(None, "raw_record_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    remote_id: Mapped[
        str
    ]  # unique in the account: with the key of the record that said it, where it has none of its own
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"))
    said_by: Mapped[str] = mapped_column(
        default=""
    )  # key of the payment or credit that lists it; empty: its own record
    document_key: Mapped[str]
    source_key: Mapped[str] = mapped_column(default="")
    amount: Mapped[Decimal] = mapped_column(Money)
    day: Mapped[date | None]
    is_payment: Mapped[bool] = mapped_column(default=True)


class CheckState(StrEnum):
    """How a check of totals ended."""

    AGREES = "agrees"
    DIFFERS = "differs"
    FAILED = "failed"  # the ledger could not be asked


class LedgerCheck(Base):
    """One comparison of what a ledger itself sums with what the hub has."""

    __tablename__ = "ledger_check"
    __table_args__ = (Index(None, "account_id", "records", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    records: Mapped[str]  # kind of records, such as invoices
    at: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[str]
    compared: Mapped[int] = mapped_column(default=0)  # sums of the ledger
    error: Mapped[str] = mapped_column(default="")
    # Each {"business", "kind", "currency", "month", "theirs": {...}, "ours": {...}, "documents": [public ids]}
    differences: Mapped[list[Any]] = mapped_column(default=list)
    repaired: Mapped[int] = mapped_column(default=0)  # documents that were read again and are right now
