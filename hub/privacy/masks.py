"""What is left of a call, a lead, a consent, a recording and a raw record of somebody who is erased: what is counted, of nobody."""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.exchange import Exchange, RemovesRecordings
from hub.cti.models import CallRow, Click, LegRow, Pop, Recording, RecordingState, TransferRow
from hub.cti.payload import CALLS
from hub.errors import ConnectorError, GoneError, RetryLaterError
from hub.identity import link
from hub.identity.callers import PHONE
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.leads.models import Consent, Feedback, LeadAnswer, LeadRow, LeadStage, Touchpoint
from hub.privacy.columns import emptied
from hub.security import suppression
from hub.store.base import now
from hub.timeline.models import Interaction, Note, Task

NEVER = 10**9  # version of a call that no later word of its exchange is newer than
_log = log.get(__name__)


def forget_records(session: Session, raw_ids: Collection[int | None], why: str = link.ERASED) -> None:
    """Make tombstones of raw records."""
    wanted = sorted(one for one in raw_ids if one is not None)
    if wanted:
        raws = session.scalars(select(RawRecord).where(RawRecord.id.in_(wanted)).order_by(RawRecord.id)).all()
        receive.forget(session, raws, why)


def mask_leads(session: Session, lead_ids: Collection[int]) -> None:
    """Empty leads: that there was one, of which ad, and how far it came is counted; consent stays as a proof of nobody."""
    if not lead_ids:
        return
    for row in session.execute(
        select(LeadRow.id, LeadRow.account_id, LeadRow.remote_id).where(LeadRow.id.in_(lead_ids))
    ):
        if row.remote_id.startswith(receive.TOMBSTONE):
            continue
        mask_consents(session, Consent.lead_id == row.id)
        mark = _mark(session, "lead", str(row.account_id), row.remote_id)
        values = {**emptied(LeadRow), "remote_id": mark, "closed_at": func.coalesce(LeadRow.closed_at, now())}
        session.execute(update(LeadRow).where(LeadRow.id == row.id).values(values))
    session.execute(delete(LeadAnswer).where(LeadAnswer.lead_id.in_(lead_ids)))
    session.execute(update(Touchpoint).where(Touchpoint.lead_id.in_(lead_ids)).values(**emptied(Touchpoint)))
    session.execute(update(LeadStage).where(LeadStage.lead_id.in_(lead_ids)).values(**emptied(LeadStage)))
    waits = LeadStage.feedback.in_((Feedback.NONE, Feedback.WAITING))
    session.execute(
        update(LeadStage).where(LeadStage.lead_id.in_(lead_ids), waits).values(feedback=Feedback.NO_CONSENT)
    )


def mask_consents(session: Session, which: ColumnElement[bool]) -> int:
    """Let consent name nobody: who shows the number or the lead's id again can be found by its mark, and nobody else."""
    rows = session.execute(select(Consent.id, Consent.account_id, Consent.remote_id, Consent.whose).where(which)).all()
    for row in rows:
        values = emptied(Consent) | {"remote_id": _mark(session, "lead", str(row.account_id), row.remote_id)}
        if row.whose:
            values["whose"] = _mark(session, PHONE, row.whose)
        session.execute(update(Consent).where(Consent.id == row.id).values(values))
    return len(rows)


def _mark(session: Session, *thing: str) -> str:
    return receive.TOMBSTONE + suppression.marks(session, [thing])[thing]


def mask_calls(session: Session, ids: Sequence[int], why: str = link.ERASED) -> None:
    """Leave of calls that there was one, and not with whom."""
    if not ids:
        return
    keys = [
        (a, CALLS, key)
        for a, key in session.execute(select(CallRow.account_id, CallRow.key).where(CallRow.id.in_(ids)))
    ]
    entries = session.scalars(select(CallRow.interaction_id).where(CallRow.id.in_(ids))).all()
    clicks = select(CallRow.click_id).where(CallRow.id.in_(ids), CallRow.click_id != "")
    session.execute(delete(Click).where(Click.id.in_(clicks)))
    session.execute(delete(Pop).where(Pop.call_id.in_(ids)))
    session.execute(delete(Note).where(Note.call_id.in_(ids)))
    session.execute(delete(Task).where(Task.call_id.in_(ids)))
    for model in (LegRow, TransferRow):
        session.execute(update(model).where(model.call_id.in_(ids)).values(**emptied(model)))
    values = {**emptied(CallRow), "party_id": None, "match_basis": "", "open": False, "version": NEVER}
    session.execute(update(CallRow).where(CallRow.id.in_(ids)).values(values))
    forget_records(session, raws_of(session, keys), why)
    session.execute(delete(Interaction).where(Interaction.id.in_([one for one in entries if one is not None])))


def raws_of(session: Session, keys: Sequence[tuple[int, str, str]]) -> set[int]:
    found: set[int] = set()
    for account_id, stream, remote_id in keys:
        which = (RawRecord.account_id == account_id, RawRecord.stream == stream, RawRecord.remote_id == remote_id)
        found |= set(session.scalars(select(RawRecord.id).where(*which)))
    return found


def remove_recording(exchange_of: Callable[[Account], Exchange], account: Account, path: str) -> bool:
    """Remove a recording's file; False: it stays at the exchange, and somebody has to remove it there.

    Raises:
        RetryLaterError: the exchange cannot be reached.
    """
    try:
        exchange = exchange_of(account)
        if isinstance(exchange, RemovesRecordings):
            exchange.remove_recording(path)
            return True
    except GoneError:
        return True
    except RetryLaterError:
        raise
    except ConnectorError as error:
        _log.warning("a recording cannot be removed", account=account.name, error=type(error).__name__)
    return False


def forget_recording(session: Session, recording_id: int) -> None:
    """Let a recording's row say that it is gone."""
    values = {**emptied(Recording), "path": f"{receive.TOMBSTONE}{recording_id}", "state": RecordingState.PURGED}
    values |= {"size": None, "due_at": None, "owner": "", "lease_until": None}
    session.execute(update(Recording).where(Recording.id == recording_id).values(values))
