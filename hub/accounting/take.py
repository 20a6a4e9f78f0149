"""Take documents in: each once, as its ledger has it now, whose it is, and where it stands on a timeline.

Safe to repeat at any line: a document is unique by its account and key, its row on the timeline by its raw record. What the
ledger has no more stays, struck through; it may come back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Table, bindparam, case, delete, select, update
from sqlalchemy.orm import Session

from hub.accounting import allocations, businesses, index, said, sides, twins, whose
from hub.accounting.ageing import Open, first_due
from hub.accounting.allocations import Listed
from hub.accounting.models import DocumentRow, InstalmentRow
from hub.accounting.whose import Contacts
from hub.fields.incoming import Incoming, merged
from hub.fields.models import Of
from hub.intake.models import Account, RawRecord, RawState
from hub.records.document import DEBTS, BalanceSource, Document, Side, Status
from hub.records.interaction import Interaction as Record
from hub.security.models import Business
from hub.store.base import new_public_id, now
from hub.store.insert import insert
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind

_TABLE = cast("Table", DocumentRow.__table__)
_ROLES = {Side.SALE: "customer", Side.PURCHASE: "supplier"}
_KEPT = {"id", "public_id", "account_id", "key", "first_seen_at", "twin_of_id"}  # an update leaves them as they are


@dataclass(frozen=True, slots=True)
class Given:
    """A record of a ledger: as it was kept, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]
    fields: Mapping[str, Any] = field(
        default_factory=dict
    )  # that administrators defined, as they are kept; None: nothing


@dataclass(slots=True)
class _Work:
    """A document on its way."""

    raw: RawRecord
    said: Mapping[str, Any]  # of the fields that administrators defined
    document: Document
    public_id: UUID
    business: Business | None = None
    party_id: int | None = None
    contact_id: int | None = None
    interaction_id: int | None = None
    former_twin_key: str = ""
    fields: Mapping[str, Any] | None = None  # as they were; None: it is new
    fields_here: Sequence[str] = ()

    @property
    def key(self) -> str:
        return key_of(self.raw)


def take(
    session: Session,
    account: Account,
    given: Sequence[Given],
    *,
    contacts: Contacts,
    zone: str,
    defined: Incoming | None = None,
) -> list[RawState]:
    """Keep documents as they are now and bring timelines up to date; safe to repeat.

    Args:
        zone: IANA name, for legal entities that have none of their own.
        defined: how fields that administrators defined come in; None: documents have none.

    Raises:
        RecordError: one of them is no document.
    """
    twins.begin(session)
    works = [_Work(one.raw, one.fields, document, new_public_id()) for one, document in _read(session, account, given)]
    _know(session, account, works)
    owners = businesses.of_documents(session, account, {one.document.business for one in works})
    parties = whose.found(session, account, [one.document for one in works], contacts)
    if defined is not None:
        _hold(session, account, works)
    for one in works:
        one.business = owners[one.document.business]
        one.party_id = parties.get(whose.remote_id_of(one.document.party))
        one.contact_id = parties.get(one.document.party.contact)
    entries = [_entry(account, one, zone) for one in works]
    for one, interaction in zip(works, add(session, entries, account_id=account.id), strict=True):
        one.interaction_id = interaction.id
    defaults = defined.defaults(Of.DOCUMENT) if defined is not None else None
    rows = [{**_row(account, one), **_filled(one, defaults)} for one in works]
    ids = _write(session, rows)
    index.refresh(session, ids.values())
    _write_instalments(session, {ids[one.key]: one.document for one in works})
    twins.settle(session, [row["twin_key"] for row in rows] + [one.former_twin_key for one in works])
    allocations.replace(
        session, account, [Listed(one.raw, one.key, one.document.allocations, is_payment=False) for one in works]
    )
    return [RawState.APPLIED] * len(given)


def lose(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Strike documents through that the ledger has no more; they owe nothing then."""
    keys = [key_of(raw) for raw in raws]
    mine = (DocumentRow.account_id == account.id, DocumentRow.key.in_(keys))
    twins.begin(session)
    values: dict[str, Any] = {"gone_at": now(), "is_open": False, "open_due_date": None, "twin_of_id": None}
    session.execute(update(DocumentRow).where(*mine).values(**values).execution_options(synchronize_session="fetch"))
    rows = session.execute(select(DocumentRow.interaction_id, DocumentRow.twin_key).where(*mine)).all()
    numbers = [row.interaction_id for row in rows if row.interaction_id is not None]
    for interaction in session.scalars(select(Interaction).where(Interaction.id.in_(numbers))):
        interaction.detail = {**interaction.detail, "gone": True}
    allocations.drop(session, account, keys)
    twins.settle(session, [row.twin_key for row in rows])


def withdraw(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Forget documents that are none for the hub after all."""
    keys = [key_of(raw) for raw in raws]
    mine = (DocumentRow.account_id == account.id, DocumentRow.key.in_(keys))
    twins.begin(session)
    allocations.drop(session, account, keys)
    twin_keys = session.scalars(select(DocumentRow.twin_key).where(*mine)).all()
    session.execute(delete(DocumentRow).where(*mine))
    twins.settle(session, twin_keys)


def key_of(raw: RawRecord) -> str:
    """Return what a record of a ledger is called in its account: kind of records and remote id."""
    return f"{raw.stream}:{raw.remote_id}"


# --- reading ------------------------------------------------------------------------------------------------------


def _read(session: Session, account: Account, given: Sequence[Given]) -> list[tuple[Given, Document]]:
    if any(sides.is_undecided(one.values) for one in given):
        ours = businesses.known_by(session, account)
        return [(one, said.document(_decided(one.values, ours))) for one in given]
    return [(one, said.document(one.values)) for one in given]


def _decided(values: Mapping[str, Any], ours: Mapping[str, int]) -> Mapping[str, Any]:
    if not sides.is_undecided(values):
        return values
    keys = (_tax_key(values, "seller"), _tax_key(values, "buyer"))
    return sides.decided(values, ours, keys)


def _tax_key(values: Mapping[str, Any], who: str) -> str:
    return businesses.tax_key(str(values.get(f"{who}_tax_id") or ""), str(values.get(f"{who}_country") or ""))


def _know(session: Session, account: Account, works: Sequence[_Work]) -> None:
    """Give documents that are there already the ids that they have, and what their twins knew them by."""
    by_key = {one.key: one for one in works}
    query = select(DocumentRow.key, DocumentRow.public_id, DocumentRow.twin_key).where(
        DocumentRow.account_id == account.id, DocumentRow.key.in_(by_key)
    )
    for key, public_id, twin_key in session.execute(query):
        by_key[key].public_id, by_key[key].former_twin_key = public_id, twin_key


def _hold(session: Session, account: Account, works: Sequence[_Work]) -> None:
    """Lock documents that are there already, and tell their fields: somebody may be filling one in at this moment.

    It comes when customers are known: who takes contacts in gives them their documents, and is waited for before that.
    """
    by_key = {one.key: one for one in works}
    query = select(DocumentRow.key, DocumentRow.fields, DocumentRow.fields_here).where(
        DocumentRow.account_id == account.id, DocumentRow.key.in_(by_key)
    )
    for key, fields, here in session.execute(query.order_by(DocumentRow.id).with_for_update()):
        by_key[key].fields, by_key[key].fields_here = fields, here


# --- the timeline -------------------------------------------------------------------------------------------------


def _entry(account: Account, work: _Work, zone: str) -> Entry:
    document = work.document
    parts = []
    remote_id = whose.remote_id_of(document.party)
    if remote_id:
        value = whose.pointer(account.id, remote_id)
        parts.append(Part(work.party_id, _ROLES[document.side], whose.POINTER, value))
    if work.contact_id is not None and work.contact_id != work.party_id:
        value = whose.pointer(account.id, document.party.contact)
        parts.append(Part(work.contact_id, "contact", whose.POINTER, value))
    return Entry(_record(work, zone), parts, work.raw.id, business_id=_owner(work).id)


def _record(work: _Work, zone: str) -> Record:
    document = work.document
    own_zone = _owner(work).time_zone or zone
    detail = {
        "document": str(work.public_id),
        "type": str(document.kind),
        "side": str(document.side),
        "number": document.number,
        "status": str(document.status),
        "currency": document.currency,
        "gross": str(document.gross),
        "balance": None if document.balance is None else str(document.balance),
        "due": document.due_date.isoformat() if document.due_date else "",
    }
    return Record(
        kind=Kind.DOCUMENT,
        direction="outbound" if document.side is Side.SALE else "inbound",
        started_at=noon(document.issue_date, own_zone, document.updated_at or work.raw.received_at),
        ended_at=None,
        summary=f"{document.kind.replace('_', ' ').capitalize()} {document.number}".strip(),
        mentions=(),
        source_url=document.url,
        detail=detail,
    )


def noon(day: date | None, zone: str, otherwise: datetime) -> datetime:
    """Return where a day stands on a timeline: its noon, so that it is the same day for nearly every reader. Pure."""
    if day is None:
        return otherwise
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC)


# --- rows ---------------------------------------------------------------------------------------------------------


def _row(account: Account, work: _Work) -> dict[str, Any]:
    document, business = work.document, _owner(work)
    is_open = is_debt_open(document)
    return {
        "public_id": work.public_id,
        "account_id": account.id,
        "key": work.key,
        "raw_record_id": work.raw.id,
        "interaction_id": work.interaction_id,
        "business_id": business.id,
        "business_remote_id": document.business,
        "party_id": work.party_id,
        "party_remote_id": whose.remote_id_of(document.party),
        "contact_remote_id": document.party.contact,
        "party_name": document.party.name,
        "party_tax_id": document.party.tax_id,
        **{name: str(getattr(document, name)) for name in ("kind", "side", "status", "balance_source")},
        **{name: getattr(document, name) for name in _SAME},
        "is_open": is_open,
        "open_due_date": due_of(document) if is_open else None,
        "detail": _detail(document),
        "twin_key": _twin_key(document, business) if document.kind in DEBTS else "",
        "twin_of_id": None,
        "ext_updated_at": document.updated_at,
        "first_seen_at": work.raw.received_at,
        "changed_at": now(),
        "gone_at": None,
    }


def _filled(work: _Work, defaults: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the column of administrators' fields; none where there are no such fields: then nothing is asked or written."""
    if defaults is None:
        return {}
    is_new = work.fields is None
    return {"fields": merged(work.fields or {}, work.fields_here, work.said, defaults, is_new=is_new)}


_SAME = (
    "source_status", "number", "issue_date", "due_date", "service_date", "currency", "net", "tax", "gross", "balance",
    "base_currency", "fx_rate", "gross_base", "balance_base", "terms_days", "allocation_no", "ksef_no", "url",
)  # fmt: skip


def is_debt_open(document: Document) -> bool:
    """Say whether something of a debt or credit is left, as far as its ledger says. Pure."""
    counts = document.kind in DEBTS and document.status not in {Status.DRAFT, Status.VOID}
    return counts and document.balance_source is not BalanceSource.NONE and bool(document.balance)


def due_of(document: Document) -> date | None:
    """Return when what is open of a document is due first, as ageing counts it; None: nobody said. Pure."""
    return first_due(
        Open(
            0, document.currency, document.kind, document.balance or Decimal(0), document.due_date, document.issue_date,
            document.terms_days, document.instalments,
        )
    )  # fmt: skip


def _detail(document: Document) -> dict[str, Any]:
    told: dict[str, Any] = {
        "terms": document.terms_text, "series": document.series, "references": list(document.references),
        "language": document.language, "lines": document.lines, "first_lines": list(document.first_lines),
        "warnings": list(document.warnings), "paid_at_issue": document.paid_at_issue, "has_pdf": document.has_pdf,
        "party": {name: value for name in ("country", "email", "phone") if (value := getattr(document.party, name))},
        "more": dict(document.more),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value not in ("", [], {}, None, False)}


def _twin_key(document: Document, business: Business) -> str:
    own = businesses.tax_key(business.tax_id, business.region)
    seller = own or businesses.tax_key(document.seller_tax_id)
    buyer = businesses.tax_key(document.party.tax_id, document.party.country)
    return twins.key(seller if document.side is Side.SALE else buyer, document.number, document.issue_date)


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Insert or update documents; returns their numbers by key."""
    statement = insert(session, _TABLE)
    changed: dict[str, Any] = {name: statement.excluded[name] for name in rows[0] if name not in _KEPT}
    is_same = _TABLE.c.twin_key == statement.excluded.twin_key
    changed["twin_of_id"] = case((is_same, _TABLE.c.twin_of_id), else_=None)
    upsert = statement.on_conflict_do_update(index_elements=["account_id", "key"], set_=changed)
    return {row.key: row.id for row in session.execute(upsert.returning(_TABLE.c.key, _TABLE.c.id), list(rows))}


_INSTALMENTS = cast("Table", InstalmentRow.__table__)
_FORGET = delete(_INSTALMENTS).where(_INSTALMENTS.c.document_id.in_(bindparam("ids", expanding=True)))


def _write_instalments(session: Session, documents: Mapping[int, Document]) -> None:
    """Write the parts of documents anew; most have none."""
    session.execute(_FORGET, {"ids": list(documents)})
    rows = [
        {"document_id": number, "place": place, "due_date": one.due_date, "amount": one.amount, "balance": one.balance}
        for number, document in documents.items()
        for place, one in enumerate(document.instalments)
    ]
    if rows:
        session.execute(insert(session, _INSTALMENTS), rows)


def _owner(work: _Work) -> Business:
    assert work.business is not None, "it was found before"
    return work.business
