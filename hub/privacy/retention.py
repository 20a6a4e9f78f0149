"""How long each kind of thing is kept. Off until somebody says so; what is held for a court stays.

A rule is a row of work: once a day, page by page, each page one transaction under the fence of the lease. A page takes away
what it was found by, so a process that dies repeats a page and loses nothing. What goes leaves a tombstone (`receive.forget`),
so that no later reading brings it back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.exchange import Exchange
from hub.cti.models import CallRow, Recording, RecordingState
from hub.errors import NotFoundError, RetryLaterError
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.leads.models import LeadRow, LeadStage, Stage
from hub.mail.models import MailCopy, MailFile, MailMessage, MailThread
from hub.messages.models import Conversation, MessageMedia, MessageRow
from hub.privacy import clean, ledger
from hub.privacy.holds import held_parties
from hub.privacy.masks import forget_recording, forget_records, mask_calls, mask_leads, remove_recording
from hub.privacy.models import RetentionRule
from hub.privacy.shelves import Shelves, drop_mail_files, drop_media
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import Database
from hub.timeline import index
from hub.timeline.models import Interaction, Participant
from hub.work.lease import Lease
from hub.work.shift import Pace, Shift, shift

PAGE = 200
AGAIN = timedelta(days=1)
SOON = timedelta(minutes=10)  # before a rule that could not go on is tried again
EXPIRED = "expired"  # why a record is a tombstone
_log = log.get(__name__)


class Kind(StrEnum):
    """What rules are about; the words are stored, so they never change."""

    MAILS = "mails"  # what was written in mails, and their files; that there was one stays
    MESSAGES = "messages"  # what was written in messages, and their files; that there was one stays
    CALLS = "calls"  # with whom; that there was one is counted
    RECORDINGS = "recordings"
    LEADS = "leads"  # of people who became no customers; that there was one is counted
    RECORDS = "records"  # payloads that were not understood, left out, or are gone at their source
    ACCOUNTING = ledger.ACCOUNTING  # names on documents and payments of nobody we know


@dataclass(frozen=True, slots=True)
class Keeper:
    """What a page of a rule works with."""

    db: Database
    shelves: Shelves
    exchange_of: Callable[[Account], Exchange]
    lease_s: float


# --- what is too old ----------------------------------------------------------------------------------------------


def _held_entries() -> Select[int]:
    return select(Participant.interaction_id).where(Participant.party_id.in_(held_parties()))


def _mails(before: datetime) -> ColumnElement[bool]:
    threads = select(MailThread.id).where(MailThread.interaction_id.in_(_held_entries()))
    full = or_(MailMessage.text != "", MailMessage.html != "", MailMessage.snippet != "", MailMessage.subject != "")
    return and_(MailMessage.at < before, full, MailMessage.thread_id.not_in(threads))


def _messages(before: datetime) -> ColumnElement[bool]:
    held = select(Conversation.id).where(Conversation.party_id.in_(held_parties()))
    media = select(MessageMedia.id).where(MessageMedia.message_id == MessageRow.id).exists()
    return and_(MessageRow.at < before, (MessageRow.text != "") | media, MessageRow.conversation_id.not_in(held))


def _calls(before: datetime) -> ColumnElement[bool]:
    named = or_(CallRow.number != "", CallRow.caller != "", CallRow.callee != "", CallRow.party_id.is_not(None))
    free = CallRow.party_id.is_(None) | CallRow.party_id.not_in(held_parties())
    kept = select(Recording.call_id).where(Recording.legal_hold)
    return and_(CallRow.started_at < before, ~CallRow.open, named, free, CallRow.id.not_in(kept))


def _recordings(before: datetime) -> ColumnElement[bool]:
    held = select(CallRow.id).where(CallRow.party_id.in_(held_parties()))
    return and_(
        Recording.started_at < before, ~Recording.legal_hold, Recording.state != RecordingState.PENDING,
        Recording.path.not_like(f"{receive.TOMBSTONE}%"), Recording.call_id.not_in(held),
    )  # fmt: skip


def _leads(before: datetime) -> ColumnElement[bool]:
    won = select(LeadStage.lead_id).where(LeadStage.stage == Stage.CUSTOMER)
    free = LeadRow.interaction_id.is_(None) | LeadRow.interaction_id.not_in(_held_entries())
    return and_(
        LeadRow.created_at < before, LeadRow.closed_at.is_not(None), LeadRow.id.not_in(won), free,
        LeadRow.remote_id.not_like(f"{receive.TOMBSTONE}%"),
    )  # fmt: skip


def _records(before: datetime) -> ColumnElement[bool]:
    lost = RawRecord.state.in_((RawState.SET_ASIDE, RawState.FILTERED)) | RawRecord.gone_at.is_not(None)
    entries = select(Interaction.raw_record_id).where(
        Interaction.id.in_(_held_entries()), Interaction.raw_record_id.is_not(None)
    )
    return and_(
        RawRecord.received_at < before, lost, cast(RawRecord.payload, Text) != "{}", RawRecord.id.not_in(entries),
    )  # fmt: skip


_OLD: dict[Kind, tuple[Any, Callable[[datetime], ColumnElement[bool]]]] = {
    Kind.MAILS: (MailMessage, _mails),
    Kind.MESSAGES: (MessageRow, _messages),
    Kind.CALLS: (CallRow, _calls),
    Kind.RECORDINGS: (Recording, _recordings),
    Kind.LEADS: (LeadRow, _leads),
    Kind.RECORDS: (RawRecord, _records),
}


def count(session: Session, kind: Kind, days: int) -> int:
    """Count what is older than so many days and would go."""
    before = now() - timedelta(days=days)
    if kind is Kind.ACCOUNTING:
        return ledger.count(session, before.date())
    table, which = _OLD[kind]
    return session.scalar(select(func.count()).select_from(table).where(which(before))) or 0


# --- a page -------------------------------------------------------------------------------------------------------


def _drop_mails(keeper: Keeper, session: Session, ids: Sequence[int]) -> None:
    raws = session.scalars(select(MailCopy.raw_record_id).where(MailCopy.message_id.in_(ids))).all()
    forget_records(session, raws, EXPIRED)
    drop_mail_files(session, keeper.shelves, MailFile.message_id.in_(ids))
    nothing = {"text": "", "html": "", "snippet": "", "subject": "", "attachments": []}
    session.execute(update(MailMessage).where(MailMessage.id.in_(ids)).values(nothing))
    query = select(MailThread.interaction_id).join(MailMessage, MailMessage.thread_id == MailThread.id)
    entries = [one for one in session.scalars(query.where(MailMessage.id.in_(ids)).distinct()) if one is not None]
    left = select(MailThread.interaction_id).join(MailMessage, MailMessage.thread_id == MailThread.id)
    full = set(session.scalars(left.where(MailThread.interaction_id.in_(entries), MailMessage.text != "")))
    for row in session.scalars(select(Interaction).where(Interaction.id.in_(set(entries) - full))):
        row.summary, row.detail = "", {**row.detail, "snippet": "", "files": 0}
    index.refresh(session, entries)


def _drop_messages(keeper: Keeper, session: Session, ids: Sequence[int]) -> None:
    rows = session.execute(
        select(MessageRow.raw_record_id, MessageRow.interaction_id).where(MessageRow.id.in_(ids))
    ).all()
    forget_records(session, [row.raw_record_id for row in rows], EXPIRED)
    drop_media(session, keeper.shelves, MessageMedia.message_id.in_(ids))
    session.execute(update(MessageRow).where(MessageRow.id.in_(ids)).values(text=""))
    entries = [row.interaction_id for row in rows if row.interaction_id is not None]
    for row in session.scalars(select(Interaction).where(Interaction.id.in_(entries))):
        row.summary, row.detail = "", {**row.detail, "text": ""}
    index.refresh(session, entries)


def _drop_calls(keeper: Keeper, session: Session, ids: Sequence[int]) -> None:
    del keeper
    mask_calls(session, ids, EXPIRED)


def _drop_leads(keeper: Keeper, session: Session, ids: Sequence[int]) -> None:
    del keeper
    rows = session.execute(select(LeadRow.raw_record_id, LeadRow.interaction_id).where(LeadRow.id.in_(ids))).all()
    mask_leads(session, ids)
    forget_records(session, [row.raw_record_id for row in rows], EXPIRED)
    session.execute(delete(Interaction).where(Interaction.id.in_([row.interaction_id for row in rows])))


def _drop_records(keeper: Keeper, session: Session, ids: Sequence[int]) -> None:
    del keeper
    forget_records(session, ids, EXPIRED)


_DROP: dict[Kind, Callable[[Keeper, Session, Sequence[int]], None]] = {
    Kind.MAILS: _drop_mails,
    Kind.MESSAGES: _drop_messages,
    Kind.CALLS: _drop_calls,
    Kind.LEADS: _drop_leads,
    Kind.RECORDS: _drop_records,
}


# --- rules --------------------------------------------------------------------------------------------------------


def rules(session: Session) -> Sequence[RetentionRule]:
    """Return the rules there are, by their kinds."""
    return session.scalars(select(RetentionRule).order_by(RetentionRule.kind)).all()


def set_rule(session: Session, person: Person | None, kind: Kind, days: int) -> None:
    """Keep a kind of thing for so many days; what is older goes within minutes."""
    values = {
        "days": days,
        "changed_by": person.id if person and person.id else None,
        "changed_at": now(),
        "due_at": now(),
    }
    fresh: dict[str, Any] = {"kind": kind, "gone": 0, "error": "", "owner": "", "attempt": 0}
    statement = insert(session, RetentionRule).values({**fresh, **values})
    session.execute(statement.on_conflict_do_update(index_elements=["kind"], set_=values))
    audit.record(session, person, "retention.set", "retention", kind, days=days)


def drop_rule(session: Session, person: Person | None, kind: Kind) -> None:
    """Keep a kind of thing for ever again.

    Raises:
        NotFoundError: there is no such rule.
    """
    if session.scalar(delete(RetentionRule).where(RetentionRule.kind == kind).returning(RetentionRule.id)) is None:
        raise NotFoundError("There is no such rule.")
    audit.record(session, person, "retention.dropped", "retention", kind)


def due() -> ColumnElement[bool]:
    """Return which rules are to be followed now."""
    return RetentionRule.due_at <= now()


def follow(keeper: Keeper, lease: Lease) -> None:
    """Follow a rule, until nothing too old is left or somebody took over."""
    gone, error, again = 0, "", AGAIN
    with shift(keeper.db, RetentionRule, lease, Pace(keeper.lease_s, wait=SOON)) as at:
        try:
            while done := _page(keeper, at):
                gone += done
        except RetryLaterError:
            error, again = "An exchange whose recordings must go is away.", SOON
        if gone:
            clean.texts(keeper.db)
        at.end(due_at=now() + again, ran_at=now(), error=error)
        if gone:
            _log.info("what was too old is gone", rule=lease.id, things=gone)


def _page(keeper: Keeper, at: Shift) -> int:
    """Take away some of what is too old; returns how much."""
    with keeper.db.read() as session:
        rule = session.get(RetentionRule, at.lease.id)
        if rule is None:
            return 0
        kind, before = Kind(rule.kind), now() - timedelta(days=rule.days)
        if kind is Kind.RECORDINGS:
            query = select(Recording.id, Recording.path, Account).join(CallRow, CallRow.id == Recording.call_id)
            query = query.join(Account, Account.id == CallRow.account_id).where(_recordings(before))
            files = session.execute(query.order_by(Recording.id).limit(PAGE)).all()
    if kind is Kind.RECORDINGS:
        for number, path, account in files:
            remove_recording(keeper.exchange_of, account, path)
            with at.page() as session:
                forget_recording(session, number)
                _counted(session, at, kind, 1)
        return len(files)
    with at.page() as session:
        if kind is Kind.ACCOUNTING:
            done = ledger.expire(session, limit=PAGE)
        else:
            table, which = _OLD[kind]
            ids = session.scalars(select(table.id).where(which(before)).order_by(table.id).limit(PAGE)).all()
            _DROP[kind](keeper, session, ids)
            done = len(ids)
        _counted(session, at, kind, done)
    return done


def _counted(session: Session, at: Shift, kind: Kind, done: int) -> None:
    if done:
        more = RetentionRule.gone + done
        session.execute(update(RetentionRule).where(RetentionRule.id == at.lease.id).values(gone=more))
        audit.record(session, None, "retention.followed", "retention", kind, gone=done)
