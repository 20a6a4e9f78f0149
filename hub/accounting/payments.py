"""Take payments in: each once, with what it settled, on the timeline of whoever paid or was paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, delete, select, update
from sqlalchemy.orm import Session

from hub.accounting import allocations, businesses, said, twins, whose
from hub.accounting.allocations import Listed
from hub.accounting.models import PaymentRow
from hub.accounting.take import Given, key_of, noon
from hub.accounting.whose import Contacts
from hub.intake.models import Account, RawRecord, RawState
from hub.records.document import Payment, Side
from hub.records.interaction import Interaction as Record
from hub.security.models import Business
from hub.store.base import new_public_id, now
from hub.store.insert import insert
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind

_TABLE = cast("Table", PaymentRow.__table__)
_KEPT = {"id", "public_id", "account_id", "key"}
_SAME = (
    "is_refund", "source_status", "number", "day", "currency", "amount", "unapplied", "base_currency", "amount_base",
    "method", "reference", "url",
)  # fmt: skip


@dataclass(slots=True)
class _Work:
    """A payment on its way."""

    raw: RawRecord
    payment: Payment
    public_id: UUID
    business: Business
    party_id: int | None = None
    interaction_id: int | None = None

    @property
    def key(self) -> str:
        return key_of(self.raw)


def take(
    session: Session, account: Account, given: Sequence[Given], *, contacts: Contacts, zone: str
) -> list[RawState]:
    """Keep payments as they are now and bring timelines up to date; safe to repeat.

    Raises:
        RecordError: one of them is no payment.
    """
    told = [(one.raw, said.payment(one.values)) for one in given]
    twins.begin(session)
    owners = businesses.of_documents(session, account, {payment.business for _, payment in told})
    parties = whose.found(session, account, [payment for _, payment in told], contacts)
    known = _known(session, account, [raw for raw, _ in told])
    works = [
        _Work(
            raw, payment, known.get(key_of(raw)) or new_public_id(), owners[payment.business],
            parties.get(whose.remote_id_of(payment.party)),
        )
        for raw, payment in told
    ]  # fmt: skip
    entries = [_entry(account, one, zone) for one in works]
    for one, interaction in zip(works, add(session, entries, account_id=account.id), strict=True):
        one.interaction_id = interaction.id
    _write(session, [_row(account, one) for one in works])
    listed = [one for one in works if one.payment.names_allocations]
    allocations.replace(
        session, account,
        [Listed(one.raw, one.key, one.payment.allocations, not one.payment.is_refund) for one in listed],
    )  # fmt: skip
    return [RawState.APPLIED] * len(given)


def lose(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Strike payments through that the ledger has no more; they settle nothing then."""
    keys = [key_of(raw) for raw in raws]
    mine = (PaymentRow.account_id == account.id, PaymentRow.key.in_(keys))
    session.execute(
        update(PaymentRow).where(*mine).values(gone_at=now()).execution_options(synchronize_session="fetch")
    )
    numbers = [one for one in session.scalars(select(PaymentRow.interaction_id).where(*mine)) if one is not None]
    for interaction in session.scalars(select(Interaction).where(Interaction.id.in_(numbers))):
        interaction.detail = {**interaction.detail, "gone": True}
    allocations.drop(session, account, keys)


def withdraw(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Forget payments that are none for the hub after all."""
    keys = [key_of(raw) for raw in raws]
    allocations.drop(session, account, keys)
    session.execute(delete(PaymentRow).where(PaymentRow.account_id == account.id, PaymentRow.key.in_(keys)))


def _known(session: Session, account: Account, raws: Sequence[RawRecord]) -> Mapping[str, UUID]:
    keys = [key_of(raw) for raw in raws]
    query = select(PaymentRow.key, PaymentRow.public_id).where(
        PaymentRow.account_id == account.id, PaymentRow.key.in_(keys)
    )
    return dict(session.execute(query).all())


def _entry(account: Account, work: _Work, zone: str) -> Entry:
    payment, remote_id = work.payment, whose.remote_id_of(work.payment.party)
    role = "customer" if payment.side is Side.SALE else "supplier"
    parts = [Part(work.party_id, role, whose.POINTER, whose.pointer(account.id, remote_id))] if remote_id else []
    comes_in = (payment.side is Side.SALE) is not payment.is_refund
    detail = {
        "payment": str(work.public_id),
        "side": str(payment.side),
        "refund": payment.is_refund,
        "number": payment.number,
        "status": str(payment.status),
        "currency": payment.currency,
        "amount": str(payment.amount),
        "method": payment.method,
    }
    record = Record(
        kind=Kind.PAYMENT,
        direction="inbound" if comes_in else "outbound",
        started_at=noon(payment.day, work.business.time_zone or zone, work.raw.received_at),
        ended_at=None,
        summary=f"{'Refund' if payment.is_refund else 'Payment'} {payment.number}".strip(),
        mentions=(),
        source_url=payment.url,
        detail=detail,
    )
    return Entry(record, parts, work.raw.id, business_id=work.business.id)


def _row(account: Account, work: _Work) -> dict[str, Any]:
    payment = work.payment
    return {
        "public_id": work.public_id,
        "account_id": account.id,
        "key": work.key,
        "raw_record_id": work.raw.id,
        "interaction_id": work.interaction_id,
        "business_id": work.business.id,
        "business_remote_id": payment.business,
        "party_id": work.party_id,
        "party_remote_id": whose.remote_id_of(payment.party),
        "party_name": payment.party.name,
        "side": str(payment.side),
        "status": str(payment.status),
        **{name: getattr(payment, name) for name in _SAME},
        "ext_updated_at": payment.updated_at,
        "changed_at": now(),
        "gone_at": None,
    }


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    statement = insert(session, _TABLE)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in _KEPT}
    upsert = statement.on_conflict_do_update(index_elements=["account_id", "key"], set_=changed)
    session.execute(upsert, list(rows))
