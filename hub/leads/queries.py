"""Leads as people see them: the inbox, what waits for an answer, and one lead whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from hub.errors import NotFoundError
from hub.identity.models import Party
from hub.intake.models import Account
from hub.leads.models import AdName, Consent, LeadAnswer, LeadRow, LeadStage, Touchpoint
from hub.security.models import User
from hub.store.public import by_public_id
from hub.timeline.models import Participant

PAGE = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the inbox."""

    id: UUID
    number: int  # its row
    created_at: datetime
    name: str
    phone: str
    email: str
    account: str
    connector: str
    platform: str
    form: str
    campaign: str
    bucket: str
    stage: str
    is_test: bool
    needs_mapping: bool
    owner: str
    owner_id: int | None
    party: UUID | None
    party_name: str
    contacted_at: datetime | None
    reached_at: datetime | None
    closed_at: datetime | None
    escalated_at: datetime | None

    @property
    def waits(self) -> bool:
        """Whether nobody answered it yet."""
        return self.contacted_at is None and self.closed_at is None and not self.is_test


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the inbox is asked for; empty: whatever there is."""

    state: str = "open"  # open, waiting, closed, all
    owner_id: int | None = None
    account_id: int | None = None
    form_id: str = ""
    campaign_id: str = ""
    tests: bool = False
    more: tuple[ColumnElement[bool], ...] = ()  # what else must hold


@dataclass(frozen=True, slots=True)
class Whole:
    """One lead with everything that is known of it."""

    shown: Shown
    answers: Sequence[LeadAnswer]
    consents: Sequence[Consent]
    stages: Sequence[LeadStage]
    touch: Touchpoint | None
    names: Mapping[str, AdName]  # by level


_PART = aliased(Participant)


def listed(
    session: Session, wanted: Wanted, *, before: tuple[datetime, int] | None = None, limit: int = PAGE
) -> list[Shown]:
    """Return leads, the newest first; `before` is time and number of the last one of the page before."""
    query = _shown().where(*_asked(wanted))
    if before is not None:
        at, number = before
        query = query.where(or_(LeadRow.created_at < at, and_(LeadRow.created_at == at, LeadRow.id < number)))
    return [
        _line(one) for one in session.execute(query.order_by(LeadRow.created_at.desc(), LeadRow.id.desc()).limit(limit))
    ]


def waiting_for(session: Session, user_id: int, *, limit: int = PAGE) -> list[Shown]:
    """Return the leads that one person should answer: own ones, everybody's, and those that others left too long; oldest first."""
    mine = or_(LeadRow.owner_id == user_id, LeadRow.owner_id.is_(None), LeadRow.escalated_at.is_not(None))
    query = _shown().where(*_asked(Wanted(state="waiting")), LeadRow.told_at.is_not(None), mine)
    return [_line(one) for one in session.execute(query.order_by(LeadRow.created_at, LeadRow.id).limit(limit))]


def row(session: Session, public_id: UUID, *, lock: bool = False) -> LeadRow:
    """Return a lead's row.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, LeadRow, public_id, "There is no such lead.", lock=lock)


def whole(session: Session, public_id: UUID) -> Whole:
    """Return one lead with everything that is known of it.

    Raises:
        NotFoundError: there is none.
    """
    found = session.execute(_shown().where(LeadRow.public_id == public_id)).first()
    if found is None:
        raise NotFoundError("There is no such lead.")
    line = _line(found)
    answers = session.scalars(
        select(LeadAnswer).where(LeadAnswer.lead_id == line.number).order_by(LeadAnswer.place)
    ).all()
    consents = session.scalars(select(Consent).where(Consent.lead_id == line.number).order_by(Consent.id)).all()
    stages = session.scalars(select(LeadStage).where(LeadStage.lead_id == line.number).order_by(LeadStage.id)).all()
    touch = session.scalar(select(Touchpoint).where(Touchpoint.lead_id == line.number))
    return Whole(line, answers, consents, stages, touch, _names(session, touch))


def of_item(session: Session, interaction_id: int) -> Whole | None:
    """Return the lead that a row of a timeline is; None where it is gone."""
    found = session.scalar(select(LeadRow.public_id).where(LeadRow.interaction_id == interaction_id))
    return whole(session, found) if found is not None else None


def _names(session: Session, touch: Touchpoint | None) -> dict[str, AdName]:
    if touch is None:
        return {}
    ids = {"campaign": touch.campaign_id, "adset": touch.adset_id, "ad": touch.ad_id}
    query = select(AdName).where(AdName.account_id == touch.account_id, AdName.remote_id.in_(set(ids.values()) - {""}))
    return {one.level: one for one in session.scalars(query) if ids.get(one.level) == one.remote_id}


def _asked(wanted: Wanted) -> list[ColumnElement[bool]]:
    states = {
        "open": [LeadRow.closed_at.is_(None)],
        "waiting": [LeadRow.closed_at.is_(None), LeadRow.contacted_at.is_(None)],
        "closed": [LeadRow.closed_at.is_not(None)],
    }
    found: list[ColumnElement[bool]] = [*states.get(wanted.state, []), LeadRow.is_test.is_(wanted.tests), *wanted.more]
    if wanted.owner_id is not None:
        found.append(LeadRow.owner_id == wanted.owner_id)
    if wanted.account_id is not None:
        found.append(LeadRow.account_id == wanted.account_id)
    if wanted.form_id:
        found.append(Touchpoint.form_id == wanted.form_id)
    if wanted.campaign_id:
        found.append(Touchpoint.campaign_id == wanted.campaign_id)
    return found


def _shown() -> Any:
    campaign = and_(
        AdName.account_id == LeadRow.account_id, AdName.level == "campaign", AdName.remote_id == Touchpoint.campaign_id
    )
    return (
        select(LeadRow, Touchpoint, Account, User.name, AdName.name, Party.public_id, Party.name)
        .outerjoin(Touchpoint, Touchpoint.lead_id == LeadRow.id)
        .join(Account, Account.id == LeadRow.account_id)
        .outerjoin(User, User.id == LeadRow.owner_id)
        .outerjoin(AdName, campaign)
        .outerjoin(_PART, _PART.interaction_id == LeadRow.interaction_id)
        .outerjoin(Party, Party.id == _PART.party_id)
    )


def _line(found: Any) -> Shown:
    lead, touch, account, owner, campaign, party, party_name = found
    return Shown(
        id=lead.public_id,
        number=lead.id,
        created_at=lead.created_at,
        name=lead.name,
        phone=lead.phone,
        email=lead.email,
        account=account.name,
        connector=account.connector,
        platform=touch.platform if touch else "",
        form=touch.form_name if touch else "",
        campaign=campaign or "",
        bucket=touch.bucket if touch else "",
        stage=lead.stage,
        is_test=lead.is_test,
        needs_mapping=lead.needs_mapping,
        owner=owner or "",
        owner_id=lead.owner_id,
        party=party,
        party_name=party_name or "",
        contacted_at=lead.contacted_at,
        reached_at=lead.reached_at,
        closed_at=lead.closed_at,
        escalated_at=lead.escalated_at,
    )
