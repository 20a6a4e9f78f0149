"""The steps of an erasure: the history of somebody, page by page. A page takes away what it was found by."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, delete, false, func, or_, select, update
from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow, PaymentRow
from hub.connector.exchange import Exchange
from hub.crm.models import CrmCopy
from hub.cti.models import CallRow, Click, LegRow, Recording, TransferRow
from hub.identity import link
from hub.identity.callers import PHONE
from hub.identity.models import (
    Party,
)
from hub.identity.parties import EMAIL
from hub.imports import batches
from hub.imports.models import ImportBatch, ImportRow
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.leads.models import Consent, LeadRow
from hub.mail.models import MailCopy, MailDraft, MailFile, MailMessage, MailThread
from hub.meetings.models import Booking, MeetingCopy, MeetingRow, MeetingSeries
from hub.messages.models import Conversation, ConversationPeer, MessageMedia, MessageRow, MessageStatus
from hub.privacy import holds, ledger, traces
from hub.privacy.columns import emptied
from hub.privacy.masks import forget_recording, forget_records, mask_calls, mask_consents, mask_leads, remove_recording
from hub.privacy.models import Erasure
from hub.privacy.scope import Known, points_at, with_others
from hub.privacy.shelves import (
    Shelves,
    drop_imported,
    drop_mail_files,
    drop_media,
    drop_note_files,
    drop_unread,
)
from hub.rules.models import RuleFiring
from hub.security.models import Audit
from hub.security.vault import Vault
from hub.store.base import Base
from hub.store.session import Database
from hub.store.turn import in_turn
from hub.timeline import index
from hub.timeline.models import Interaction, Kind, Note, NoteFile, Participant, Task, TaskSource
from hub.work.shift import Shift

PAGE = 200  # rows of one transaction
MONEY = (Kind.DOCUMENT, Kind.PAYMENT)


class NotYetError(Exception):
    """A step cannot go on for now; says why."""


@dataclass(slots=True)
class Work:
    """An erasure under way."""

    at: Shift
    known: Known
    counts: Counter[str] = field(default_factory=Counter)
    left: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Eraser:
    """What the steps of an erasure work with."""

    db: Database
    vault: Vault
    shelves: Shelves
    exchange_of: Callable[[Account], Exchange]
    lease_s: float

    @contextmanager
    def page(self, work: Work) -> Iterator[Session]:
        """One transaction, under the fence of the lease; what was counted is kept with what was done."""
        with work.at.page() as session:
            yield session
            values: dict[str, Any] = {"counts": {name: n for name, n in work.counts.items() if n}}
            if work.left:
                values["left"] = self.vault.seal({"left": json.dumps(work.left)})
            session.execute(update(Erasure).where(Erasure.id == work.at.lease.id).values(values))


Page = Callable[[Eraser, Session, Work], bool]
"""Does a page, in the transaction given; says whether there may be more."""
Step = Callable[[Eraser, Work], None]
"""Does all of one thing, in as many transactions as it takes."""


def _recordings(eraser: Eraser, work: Work) -> None:
    """Remove the recordings of their calls, where the exchange lets us; of the others it is told that they are there."""
    while True:
        with eraser.db.read() as session:
            query = (
                select(Recording, Account)
                .join(CallRow, CallRow.id == Recording.call_id)
                .join(Account, Account.id == CallRow.account_id)
                .where(calls_of(work.known), ~CallRow.open, Recording.path.not_like(f"{receive.TOMBSTONE}%"))
            )
            some = session.execute(query.order_by(Recording.id).limit(PAGE)).all()
        if not some:
            return
        for recording, account in some:
            is_gone = remove_recording(eraser.exchange_of, account, recording.path)
            with eraser.page(work) as session:
                if not is_gone:
                    work.left.append({"account": account.name, "stream": "recordings", "record": recording.path})
                forget_recording(session, recording.id)
                work.counts["recordings"] += 1


def _note_files(eraser: Eraser, session: Session, work: Work) -> bool:
    """Take the files away that stand with notes about them, or with what happened with nobody else."""
    known = work.known
    mine = Participant.party_id.in_(known.parties)
    entries = select(Participant.interaction_id).where(
        mine, ~with_others(known.parties, Participant.interaction_id, Participant)
    )
    calls = select(CallRow.id).where(calls_of(known))
    which = Note.party_id.in_(known.parties) | Note.interaction_id.in_(entries) | Note.call_id.in_(calls)
    rows = session.execute(
        select(NoteFile.id, Note.interaction_id).join(Note, Note.id == NoteFile.note_id).where(which).limit(PAGE)
    ).all()
    if not rows:
        return False
    batch_ids = _brought_by(session, {row.interaction_id for row in rows})
    drop_imported(session, eraser.shelves, batch_ids)
    work.counts["note files"] += drop_note_files(session, eraser.shelves, NoteFile.id.in_([row.id for row in rows]))
    return True


def _brought_by(session: Session, interaction_ids: Collection[int | None]) -> list[int]:
    """Return the imports that brought what is on the timeline: what they came in names whom it is of."""
    raws = select(Interaction.raw_record_id).where(
        Interaction.id.in_([one for one in interaction_ids if one is not None])
    )
    query = select(ImportBatch.id, ImportBatch.state).where(
        ImportBatch.id.in_(select(ImportRow.batch_id).where(ImportRow.raw_record_id.in_(raws)))
    )
    found = session.execute(query).all()
    if any(row.state in batches.WORKING for row in found):
        raise NotYetError("A file with them in it is being imported.")
    return [row.id for row in found]


def _history(eraser: Eraser, session: Session, work: Work) -> bool:
    """Take them out of the timeline: what is theirs alone goes, of all else their part."""
    known = work.known
    mine = Participant.party_id.in_(known.parties) | (
        Participant.party_id.is_(None) & points_at(Participant.identifier_kind, Participant.value, known.points)
    )
    ids = session.scalars(select(Participant.interaction_id).where(mine).distinct().limit(PAGE)).all()
    if not ids:
        return False
    others = with_others(known.parties, Interaction.id, Participant)
    rows = session.scalars(select(Interaction).where(Interaction.id.in_(ids))).all()
    shared = set(session.scalars(select(Interaction.id).where(Interaction.id.in_(ids), others)))
    shared |= _shared_meetings(session, known, set(ids) - shared)
    money = [row.id for row in rows if row.kind in MONEY]
    alone = [row for row in rows if row.kind not in MONEY and row.id not in shared]
    held = select(Participant.interaction_id).where(Participant.party_id.in_(holds.held_parties()))
    as_it_is = set(session.scalars(held.where(Participant.interaction_id.in_(shared))))
    _redact(session, known, [row for row in rows if row.id in shared - as_it_is and row.kind not in MONEY])
    part = Participant.interaction_id.in_([*money, *shared]) & mine
    session.execute(
        update(Participant)
        .where(part, Participant.interaction_id.in_(money))
        .values(party_id=None, origin_party_id=None, identifier_kind="", value="")
    )
    session.execute(delete(Participant).where(part, Participant.interaction_id.not_in(money)))
    _alone(eraser, session, alone)
    work.counts.update(row.kind for row in alone)
    work.counts["shared"] += len(shared)
    return True


def _shared_meetings(session: Session, known: Known, ids: Collection[int]) -> set[int]:
    """Return the times of meetings of which other times are with others too: their copies speak of both."""
    if not ids:
        return set()
    same = select(MeetingRow.uid).where(MeetingRow.interaction_id.in_(ids))
    all_times = select(MeetingRow.uid).where(
        MeetingRow.uid.in_(same), with_others(known.parties, MeetingRow.interaction_id, Participant)
    )
    query = select(MeetingRow.interaction_id).where(MeetingRow.interaction_id.in_(ids), MeetingRow.uid.in_(all_times))
    return set(session.scalars(query))


def _redact(session: Session, known: Known, rows: Sequence[Interaction]) -> None:
    """Take names, numbers and addresses out of what others have a part in; all else that was written stays theirs."""
    ids, redact = [row.id for row in rows], traces.redactor(known.words)
    raws = {row.raw_record_id for row in rows}
    for row in rows:
        row.summary, row.detail = redact(row.summary), redact(row.detail)
    threads = select(MailThread.id).where(MailThread.interaction_id.in_(ids))
    for message in session.scalars(select(MailMessage).where(MailMessage.thread_id.in_(threads))):
        for name in ("subject", "snippet", "text", "html", "people", "attachments"):
            setattr(message, name, redact(getattr(message, name)))
    raws |= set(
        session.scalars(select(MailCopy.raw_record_id).join(MailMessage).where(MailMessage.thread_id.in_(threads)))
    )
    uids = select(MeetingRow.uid).where(MeetingRow.interaction_id.in_(ids))
    for copy in session.scalars(select(MeetingCopy).where(MeetingCopy.uid.in_(uids))):
        copy.fields = redact(copy.fields)
        raws.add(copy.raw_record_id)
    for raw in session.scalars(select(RawRecord).where(RawRecord.id.in_([one for one in raws if one is not None]))):
        raw.payload = redact(raw.payload)
    index.refresh(session, ids)


def _alone(eraser: Eraser, session: Session, rows: Sequence[Interaction]) -> None:
    """Erase interactions of nobody else, with all that was made of them and all that they were made of."""
    ids = [row.id for row in rows]
    if not ids:
        return
    raws: set[int | None] = {row.raw_record_id for row in rows}
    mask_calls(session, session.scalars(select(CallRow.id).where(CallRow.interaction_id.in_(ids))).all())
    raws |= _mails(
        eraser, session, session.scalars(select(MailThread.id).where(MailThread.interaction_id.in_(ids))).all()
    )
    raws |= _messages(eraser, session, MessageRow.interaction_id.in_(ids))
    raws |= _meetings(session, ids)
    mask_leads(session, session.scalars(select(LeadRow.id).where(LeadRow.interaction_id.in_(ids))).all())
    forget_records(session, raws)
    session.execute(delete(Interaction).where(Interaction.id.in_(ids)))
    session.expire_all()


def _mails(eraser: Eraser, session: Session, thread_ids: Sequence[int]) -> set[int | None]:
    if not thread_ids:
        return set()
    in_turn(session, MailMessage.__tablename__)
    messages = session.scalars(select(MailMessage.id).where(MailMessage.thread_id.in_(thread_ids))).all()
    raws = set(session.scalars(select(MailCopy.raw_record_id).where(MailCopy.message_id.in_(messages))))
    drop_mail_files(session, eraser.shelves, MailFile.message_id.in_(messages))
    session.execute(delete(MailDraft).where(MailDraft.thread_id.in_(thread_ids)))
    session.execute(delete(MailMessage).where(MailMessage.id.in_(messages)))
    session.execute(delete(MailThread).where(MailThread.id.in_(thread_ids)))
    return {*raws}


def _messages(eraser: Eraser, session: Session, which: ColumnElement[bool]) -> set[int | None]:
    query = select(MessageRow.id, MessageRow.account_id, MessageRow.remote_id, MessageRow.raw_record_id)
    rows = session.execute(query.where(which).limit(PAGE)).all()
    ids = [row.id for row in rows]
    drop_media(session, eraser.shelves, MessageMedia.message_id.in_(ids))
    for account_id in {row.account_id for row in rows}:
        names = [row.remote_id for row in rows if row.account_id == account_id and row.remote_id]
        session.execute(
            delete(MessageStatus).where(MessageStatus.account_id == account_id, MessageStatus.message_id.in_(names))
        )
        mask_consents(session, (Consent.account_id == account_id) & Consent.remote_id.in_(names))
    session.execute(delete(MessageRow).where(MessageRow.id.in_(ids)))
    return {row.raw_record_id for row in rows}


def _meetings(session: Session, interaction_ids: Sequence[int]) -> set[int | None]:
    uids = session.scalars(select(MeetingRow.uid).where(MeetingRow.interaction_id.in_(interaction_ids))).all()
    if not uids:
        return set()
    in_turn(session, MeetingCopy.__tablename__)
    raws = set(session.scalars(select(MeetingCopy.raw_record_id).where(MeetingCopy.uid.in_(uids))))
    for model in (MeetingCopy, MeetingSeries, Booking):
        session.execute(delete(model).where(model.uid.in_(uids)))
    session.execute(delete(Interaction).where(Interaction.id.in_(
        select(MeetingRow.interaction_id).where(MeetingRow.uid.in_(uids)))))  # fmt: skip
    return {*raws}


def calls_of(known: Known) -> ColumnElement[bool]:
    return CallRow.party_id.in_(known.parties) | CallRow.number.in_(known.values(PHONE))


def _calls(eraser: Eraser, session: Session, work: Work) -> bool:
    """Mask calls, the recordings of which are gone by now."""
    del eraser
    which = calls_of(work.known)
    ids = session.scalars(select(CallRow.id).where(which, ~CallRow.open).limit(PAGE)).all()
    if not ids and session.scalar(select(CallRow.id).where(which).limit(1)) is not None:
        raise NotYetError("Somebody is talking with them.")
    mask_calls(session, ids)
    work.counts["calls"] += len(ids)
    return bool(ids)


def _conversations(eraser: Eraser, session: Session, work: Work) -> bool:
    """Erase what they wrote to us and we to them."""
    known = work.known
    in_turn(session, Party.__tablename__)
    peers = select(ConversationPeer.conversation_id).where(
        ConversationPeer.kind == "phone", ConversationPeer.value.in_(known.values(PHONE))
    )
    mine = Conversation.party_id.in_(known.parties) | (Conversation.party_id.is_(None) & Conversation.id.in_(peers))
    row = session.scalars(select(Conversation).where(mine).limit(1)).first()
    if row is None:
        return False
    some = select(MessageRow.id).where(MessageRow.conversation_id == row.id).limit(PAGE)
    ids = session.scalars(some).all()
    entries = session.scalars(select(MessageRow.interaction_id).where(MessageRow.id.in_(ids))).all()
    forget_records(session, _messages(eraser, session, MessageRow.id.in_(ids)))
    session.execute(delete(Interaction).where(Interaction.id.in_([one for one in entries if one is not None])))
    work.counts["messages"] += len(ids)
    if not ids:
        session.execute(delete(ConversationPeer).where(ConversationPeer.conversation_id == row.id))
        session.execute(delete(Conversation).where(Conversation.id == row.id))
        work.counts["conversations"] += 1
    return True


def _said_here(eraser: Eraser, session: Session, work: Work) -> bool:
    """Erase what people of ours wrote: notes, tasks, drafts, bookings, orders to dial."""
    del eraser
    known = work.known
    numbers = known.values(PHONE)
    written = or_(false(), *(
        column.icontains(address, autoescape=True)
        for column in (MailDraft.to, MailDraft.cc, MailDraft.bcc) for address in known.values(EMAIL)
    ))  # fmt: skip
    wanted: list[tuple[str, type[Base], ColumnElement[bool]]] = [
        ("notes", Note, Note.party_id.in_(known.parties)),
        ("tasks", Task, Task.party_id.in_(known.parties) | Task.number.in_(numbers)),
        ("bookings", Booking, Booking.party_id.in_(known.parties)),
        ("drafts", MailDraft, MailDraft.party_id.in_(known.parties) | written),
        ("copies", CrmCopy, CrmCopy.party_id.in_(known.parties)),
        ("rule firings", RuleFiring, RuleFiring.party_id.in_(known.parties)),  # with what was told by them
        ("orders", Click, Click.party_id.in_(known.parties) | Click.number.in_(numbers)),
    ]
    tasks = select(Task.id).where(wanted[1][2])
    forget_records(
        session, session.scalars(select(TaskSource.raw_record_id).where(TaskSource.task_id.in_(tasks))).all()
    )
    for name, model, which in wanted:
        done = session.execute(delete(model).where(which))
        work.counts[name] += done.rowcount  # type: ignore[attr-defined]  # a DELETE has one
    session.execute(update(ConversationPeer).where(ConversationPeer.party_id.in_(known.parties)).values(party_id=None))
    work.counts["consents"] += mask_consents(session, Consent.whose.in_(numbers))
    for leg in (LegRow, TransferRow):
        columns = [leg.number] if leg is LegRow else [TransferRow.source, TransferRow.target]
        for column in columns:
            session.execute(update(leg).where(column.in_(numbers)).values({column.key: ""}))
    return False


def _imported(eraser: Eraser, work: Work) -> None:
    """Empty what imports keep of their rows, so that they can be undone, and drop the files that they came in."""
    for batch_id, numbers in _import_rows(eraser.db, work.known):
        with eraser.page(work) as session:
            batch = session.get(ImportBatch, batch_id, with_for_update=True)
            if batch is not None and batch.state in batches.WORKING:
                raise NotYetError("A file with them in it is being imported.")
            which = (ImportRow.batch_id == batch_id, ImportRow.number.in_(numbers))
            nobody = {"party_id": None, "raw_record_id": None, **emptied(ImportRow)}
            session.execute(update(ImportRow).where(*which).values(nobody))
            session.execute(update(ImportBatch).where(ImportBatch.id == batch_id).values(**emptied(ImportBatch)))
            drop_imported(session, eraser.shelves, [batch_id])
            work.counts["imported rows"] += len(numbers)
    with eraser.page(work) as session:
        if session.scalar(select(ImportBatch.id).where(ImportBatch.state.in_(batches.WORKING)).limit(1)) is not None:
            raise NotYetError("A file is being imported; nobody knows yet who is in it.")
        drop_unread(session, eraser.shelves)


def _import_rows(db: Database, known: Known) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield the rows of imports that are about them: by what became of them, or by what stands in a row that was refused."""
    mine = ImportRow.party_id.in_(known.parties) | (
        (RawRecord.error == link.ERASED) & RawRecord.remote_id.like(f"{receive.TOMBSTONE}%")
    )
    if known.words:
        mine |= traces.has_word(ImportRow, known.words)
    with db.read() as session:
        lasts = session.execute(
            select(ImportRow.batch_id, func.max(ImportRow.number)).group_by(ImportRow.batch_id)
        ).all()
    for batch_id, last in lasts:
        for begin in range(0, last + 1, traces.RANGE):
            some = (ImportRow.batch_id == batch_id, ImportRow.number >= begin, ImportRow.number < begin + traces.RANGE)
            query = select(ImportRow.number).outerjoin(RawRecord, RawRecord.id == ImportRow.raw_record_id)
            with db.read() as session:
                numbers = session.scalars(query.where(*some, mine)).all()
            for start in range(0, len(numbers), PAGE):
                yield batch_id, numbers[start : start + PAGE]


def _money(eraser: Eraser, session: Session, work: Work) -> bool:
    """Let documents and payments be of nobody; how long their names stay, the rule `accounting` says."""
    del eraser
    for model in (DocumentRow, PaymentRow):
        done = session.execute(update(model).where(model.party_id.in_(work.known.parties)).values(party_id=None))
        work.counts["kept by law"] += done.rowcount  # type: ignore[attr-defined]  # an UPDATE has one
    ledger.expire(session, limit=PAGE)
    return False


def _audited(eraser: Eraser, session: Session, work: Work) -> bool:
    """Leave in the audit who did what when, and take out what it was about."""
    del eraser
    names = [*work.known.public_ids, *map(str, work.known.parties)]
    session.execute(update(Audit).where(Audit.subject == "party", Audit.subject_id.in_(names)).values(detail={}))
    return False


def _traces(eraser: Eraser, work: Work) -> None:
    """Look through what programs wrote down."""
    if not work.known.words:
        return
    for place in traces.PLACES:
        for ids in traces.found(eraser.db.read, place, work.known.words):
            for begin in range(0, len(ids), PAGE):
                with eraser.page(work) as session:
                    place.empty(session, ids[begin : begin + PAGE])
                    work.counts["traces"] += len(ids[begin : begin + PAGE])


def _by_page(page: Page) -> Step:
    def step(eraser: Eraser, work: Work) -> None:
        goes_on = True
        while goes_on:
            with eraser.page(work) as session:
                goes_on = page(eraser, session, work)

    return step


STEPS: tuple[Step, ...] = (
    _recordings,
    _by_page(_note_files),
    _by_page(_history),
    _by_page(_calls),
    _by_page(_conversations),
    _by_page(_said_here),
    _imported,
    _by_page(_money),
    _by_page(_audited),
    _traces,
)
