"""What became of a lead, told to whoever it came from (Meta's Conversions API): planned here, sent by the outbox.

Only where the account wants it, and only of people who ticked the box for it. Every stage is told, also those that were
passed over: a source that learns how leads go on wants them in their order. A stage is told once; the key of what is sent
is made of the lead, the stage and which time it was, so whoever dies in between tells the same again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.stream import Remote, Written
from hub.intake.models import Account
from hub.leads import consents
from hub.leads.models import Feedback, LeadRow, LeadStage, Stage
from hub.outbound import outbox
from hub.outbound.deliver import Item
from hub.outbound.plan import Planned
from hub.store.base import now
from hub.store.session import Database

KIND = "stage"  # of what waits in the outbox
RECORDS = "conversion"  # what an account writes that wants to know
BOX = "consent_box"  # of an account: the box that is to be ticked
OLDEST = timedelta(days=7)  # what is older no source counts
LOOKED_BACK = timedelta(days=30)  # for stages that nobody decided about
SOME = 500
WAY = (Stage.RECEIVED, Stage.CONTACTED, Stage.REACHED, Stage.QUALIFIED, Stage.OPPORTUNITY, Stage.CUSTOMER)

Wants = Callable[[Account], bool]


def plan(session: Session, wants: Wants) -> int:
    """Decide about the stages that leads came to, and plan what is to be told; returns of how many. Safe to repeat.

    Args:
        wants: whether an account tells its remote of stages.
    """
    undecided = (LeadStage.feedback == Feedback.NONE, LeadStage.at > now() - LOOKED_BACK)
    of_accounts = select(LeadRow.account_id).join(LeadStage, LeadStage.lead_id == LeadRow.id).where(*undecided)
    accounts = [one for one in session.scalars(select(Account).where(Account.id.in_(of_accounts))) if wants(one)]
    by_id = {one.id: one for one in accounts}
    query = (
        select(LeadRow)
        .where(LeadRow.account_id.in_(by_id), LeadRow.is_test.is_(False))
        .where(LeadRow.id.in_(select(LeadStage.lead_id).where(*undecided)))
        .order_by(LeadRow.id)
        .limit(SOME)
        .with_for_update(skip_locked=True)
    )
    leads = session.scalars(query).all() if by_id else ()
    steps = _steps(session, leads)
    for lead in leads:
        box = str(by_id[lead.account_id].settings.get(BOX) or "")
        _decide(session, lead, steps[lead.id], may=consents.are_given(session, lead, box))
    session.flush()
    return len(leads)


def _steps(session: Session, leads: Sequence[LeadRow]) -> dict[int, list[LeadStage]]:
    found: dict[int, list[LeadStage]] = defaultdict(list)
    query = select(LeadStage).where(LeadStage.lead_id.in_([one.id for one in leads]))
    for step in session.scalars(query.order_by(LeadStage.at, LeadStage.id)):
        found[step.lead_id].append(step)
    return found


def _decide(session: Session, lead: LeadRow, steps: Sequence[LeadStage], *, may: bool) -> None:
    """Plan the steps of one lead that are undecided; the stages that it passed over go before them."""
    told = _farthest(one for one in steps if one.feedback != Feedback.NONE)
    planned: list[Planned] = []
    for step in steps:
        if step.feedback != Feedback.NONE:
            continue
        place = _place(step.stage)
        if not may:
            step.feedback = Feedback.NO_CONSENT
        elif step.at < now() - OLDEST:
            step.feedback = Feedback.LATE
        elif 0 <= place <= told and step.occurrence == 1:
            step.feedback = Feedback.TOLD  # it was passed over, and told before a later one
        else:
            step.feedback = Feedback.WAITING
            skipped = WAY[told + 1 : place] if place > told else ()
            planned += [_planned(lead, stage, 1, step.at - timedelta(seconds=n))
                        for n, stage in zip(range(len(skipped), 0, -1), skipped, strict=True)]  # fmt: skip
            planned.append(_planned(lead, step.stage, step.occurrence, step.at, step.id))
        told = max(told, place)
    outbox.store(session, planned)


def _planned(lead: LeadRow, stage: str, occurrence: int, at: datetime, step: int | None = None) -> Planned:
    payload: dict[str, Any] = {"lead": lead.id, "stage": str(stage), "at": at.isoformat(), "step": step}
    whose = f"{KIND}:{lead.public_id}"
    return Planned(lead.account_id, KIND, whose, payload, f"{whose}:{stage}:{occurrence}")


def _farthest(steps: Iterable[LeadStage]) -> int:
    return max((_place(one.stage) for one in steps), default=-1)


def _place(stage: str) -> int:
    """Return how far along the way a stage is; -1: beside it."""
    return next((place for place, one in enumerate(WAY) if one == stage), -1)


@dataclass(frozen=True, slots=True)
class StageKind:
    """Stages of leads (`outbound.deliver.Kind`)."""

    db: Database

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Tell of one stage, unless the person took back the consent meanwhile or the lead was erased."""
        with self.db.read() as session:
            lead = session.get(LeadRow, item.payload["lead"])
            account = session.get_one(Account, item.account_id)
            box = str(account.settings.get(BOX) or "")
            if lead is None or not consents.are_given(session, lead, box):
                return None
            values = {
                "lead_id": lead.remote_id, "stage": item.payload["stage"], "at": item.payload["at"],
                "lead_at": lead.created_at,
            }  # fmt: skip
        return remote.writer(RECORDS).create(values, key=item.key)

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Write down that it was told, or that nobody may be told any more."""
        self._settle(session, item, Feedback.TOLD if written else Feedback.NO_CONSENT)

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Write down that it was not taken; why, the outbox shows."""
        del why
        self._settle(session, item, Feedback.REFUSED)

    def _settle(self, session: Session, item: Item, how: Feedback) -> None:
        number = item.payload.get("step")
        if number is not None and (step := session.get(LeadStage, number)) is not None:
            step.feedback = how
