"""Legal entities of the group: which one of ours an account means. The same tax id in two accounts is the same entity.

A document never waits for its legal entity: one that only documents spoke of so far stands there under the account's name,
and becomes what the ledger says of it as soon as that is read. Whoever looks one up for what it takes in has begun
(`twins.begin`) before, so that none is moved meanwhile and none is made twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, func, literal, select, update
from sqlalchemy.orm import Session

from hub.accounting import index, said, twins
from hub.accounting.models import BusinessRecord, DocumentRow, PaymentRow
from hub.identity.tax_id import read as read_tax_id
from hub.intake.models import Account, RawRecord, RawState
from hub.records.document import Business as Told
from hub.records.document import Side
from hub.security import businesses as sight
from hub.security.models import Business
from hub.store import full_text
from hub.store.base import now
from hub.timeline import index as entries
from hub.timeline.models import Interaction

MOST_FOUND_ANEW = 2_000  # documents whose texts are written anew in the transaction that moves them


@dataclass(frozen=True, slots=True)
class Given:
    """A legal entity: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


def take(session: Session, account: Account, given: Sequence[Given]) -> list[RawState]:
    """Write down what an account says of our legal entities; safe to repeat.

    Raises:
        RecordError: one of them is none.
    """
    twins.begin(session)
    told = [(one.raw, said.business(one.values)) for one in given]
    for raw, business in told:
        _tell(session, account, raw, business)
    return [RawState.APPLIED] * len(given)


def lose(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Write down that an account has legal entities no more; their documents stay."""
    session.execute(
        update(BusinessRecord)
        .where(BusinessRecord.account_id == account.id, BusinessRecord.remote_id.in_([raw.remote_id for raw in raws]))
        .values(gone_at=now())
    )


def of_documents(session: Session, account: Account, remote_ids: Iterable[str]) -> dict[str, Business]:
    """Return the legal entity of each remote id, made where nobody told of it yet; the empty id is the account's own."""
    wanted = set(remote_ids)
    found = _known(session, account.id, wanted)
    if missing := sorted(wanted - found.keys()):
        found |= {remote_id: _placeholder(session, account, remote_id) for remote_id in missing}
    return found


def tax_key(tax_id: str, country: str = "") -> str:
    """Return what a tax id is compared by; empty where it is none."""
    found = read_tax_id(tax_id, country) if tax_id else None
    return found.key if found else ""


def _known(session: Session, account_id: int, remote_ids: Iterable[str]) -> dict[str, Business]:
    rows = session.execute(
        select(BusinessRecord.remote_id, Business)
        .join(Business, Business.id == BusinessRecord.business_id)
        .where(BusinessRecord.account_id == account_id, BusinessRecord.remote_id.in_(list(remote_ids)))
    )
    return dict(rows.all())


def _placeholder(session: Session, account: Account, remote_id: str) -> Business:
    business = _own(session, account) if not remote_id else None
    if business is None:
        business = Business(name=_free_name(session, f"{account.name} {remote_id}".strip()))
        session.add(business)
        session.flush()
    session.add(BusinessRecord(account_id=account.id, remote_id=remote_id, business_id=business.id))
    session.flush()
    return business


def _own(session: Session, account: Account) -> Business | None:
    """Return the legal entity of documents that name none: the one that somebody chose, else the account's only one."""
    if account.business_id is not None:
        return session.get(Business, account.business_id)
    told = session.scalars(
        select(BusinessRecord.business_id).where(BusinessRecord.account_id == account.id, BusinessRecord.is_told)
    ).all()
    return session.get(Business, told[0]) if len(told) == 1 else None


def _tell(session: Session, account: Account, raw: RawRecord, told: Told) -> None:
    record = session.scalar(
        select(BusinessRecord).where(
            BusinessRecord.account_id == account.id, BusinessRecord.remote_id == told.remote_id
        )
    )
    same = _same(session, told)
    if record is None:
        same = same or _new(session, told)
        record = BusinessRecord(account_id=account.id, remote_id=told.remote_id, business_id=same.id)
        session.add(record)
    elif same is not None and same.id != record.business_id and not record.is_told:
        _move(session, account, record, same)
    business = session.get_one(Business, record.business_id)
    record.raw_record_id, record.is_told, record.gone_at = raw.id, True, None
    _fill(session, business, told)
    session.flush()
    _join_unnamed(session, account, business)


def _join_unnamed(session: Session, account: Account, business: Business) -> None:
    """Give documents that name no legal entity to the one that the account turned out to be of."""
    mine = (BusinessRecord.account_id == account.id, BusinessRecord.remote_id == "")
    unnamed = session.scalar(select(BusinessRecord).where(*mine, BusinessRecord.is_told.is_(False)))
    own = _own(session, account) if unnamed is not None else None
    if unnamed is not None and own is business and unnamed.business_id != business.id:
        _move(session, account, unnamed, business)


def _same(session: Session, told: Told) -> Business | None:
    """Return the legal entity that has this tax id already, or where there is none, this name."""
    key = tax_key(told.tax_id, told.country)
    named: Business | None = None
    for business in session.scalars(select(Business)):  # a group has a few
        own = tax_key(business.tax_id, business.region)
        if key and own == key:
            return business
        if business.name == told.name and not (own and key):
            named = business
    return named


def _new(session: Session, told: Told) -> Business:
    business = Business(name=_free_name(session, told.name))
    session.add(business)
    session.flush()
    return business


def _fill(session: Session, business: Business, told: Told) -> None:
    """Bring a legal entity up to date; what a person or another ledger said first stays."""
    is_only = session.scalar(
        select(func.count()).where(BusinessRecord.business_id == business.id, BusinessRecord.is_told)
    ) in (0, 1)
    if is_only and business.name != told.name:
        business.name = _free_name(session, told.name, business.id)
    had = business.tax_id
    business.tax_id = business.tax_id or told.tax_id
    business.currency = business.currency or told.currency
    business.region = business.region or told.country
    business.time_zone = business.time_zone or told.time_zone
    session.flush()
    if business.tax_id != had:
        know_twins(session, business)


def know_twins(session: Session, business: Business) -> None:
    """Let sales documents be compared with other accounts, now that it is known who issued them; the caller has begun."""
    if not (key := tax_key(business.tax_id, business.region)):
        return
    written = literal(f"{key}|") + DocumentRow.number + "|" + cast(DocumentRow.issue_date, Text)
    theirs = (
        DocumentRow.business_id == business.id, DocumentRow.side == Side.SALE, DocumentRow.twin_key != written,
        DocumentRow.number != "", DocumentRow.issue_date.is_not(None), twins.COMPARED,
    )  # fmt: skip
    former = session.scalars(select(DocumentRow.twin_key).where(*theirs, DocumentRow.twin_key != "")).all()
    session.execute(
        update(DocumentRow)
        .where(*theirs)
        .values(twin_key=written, twin_of_id=None)
        .execution_options(synchronize_session=False)
    )
    twins.settle(session, former)
    twins.settle_business(session, business.id)


def _move(session: Session, account: Account, record: BusinessRecord, to: Business) -> None:
    """Give what stood under a name of ours to the legal entity that it is."""
    former = record.business_id
    for table in (DocumentRow, PaymentRow):
        theirs = (
            table.account_id == account.id, table.business_id == former, table.business_remote_id == record.remote_id
        )  # fmt: skip
        moving = session.execute(select(table.id, table.interaction_id).where(*theirs).limit(MOST_FOUND_ANEW + 1)).all()
        shown = Interaction.id.in_(select(table.interaction_id).where(*theirs))  # of none, everybody would see them
        for of, where in ((Interaction, (shown,)), (table, theirs)):
            moved = update(of).where(*where).values(business_id=to.id)
            session.execute(moved.execution_options(synchronize_session=False))
        _find_anew(session, [row.id for row in moving] if table is DocumentRow else [], [row[1] for row in moving])
    record.business_id = to.id
    session.flush()
    used = select(BusinessRecord.id).where(BusinessRecord.business_id == former).limit(1)
    chosen = select(Account.id).where(Account.business_id == former).limit(1)  # by a person, for any account
    if session.scalar(used) is None and session.scalar(chosen) is None:
        sight.become(session, former, to.id)
        session.delete(session.get_one(Business, former))
        session.flush()


def _find_anew(session: Session, documents: Sequence[int], rows: Sequence[int | None]) -> None:
    """Let those find documents and payments who see the money of their new legal entity; of very many, the workers do."""
    if len(rows) > MOST_FOUND_ANEW:
        full_text.again(session, index.TEXTS)
        full_text.again(session, entries.TEXTS)
        return
    index.refresh(session, documents)
    entries.refresh(session, [one for one in rows if one is not None])


def _free_name(session: Session, wanted: str, but: int = 0) -> str:
    """Return a name that no legal entity has but this one."""
    name, number = wanted, 1
    while session.scalar(select(Business.id).where(Business.name == name, Business.id != but)) is not None:
        number += 1
        name = f"{wanted} ({number})"
    return name


def known_by(session: Session, account: Account) -> dict[str, int]:
    """Return our legal entities by their tax keys, each known to the account under that key."""
    found = {key: one.id for one in session.scalars(select(Business)) if (key := tax_key(one.tax_id, one.region))}
    known = set(session.scalars(select(BusinessRecord.remote_id).where(BusinessRecord.account_id == account.id)))
    for key in found.keys() - known:
        session.add(BusinessRecord(account_id=account.id, remote_id=key, business_id=found[key]))
    session.flush()
    return found
