"""What a thing of ours is to say in a CRM, as it stands now.

Nothing is decided when a copy is planned: what is written follows from what the thing says when it goes out. So a change
that is planned twice, late or out of order writes what is still missing, and nothing where nothing is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector import crm
from hub.crm import words
from hub.crm.models import CrmTarget
from hub.crm.things import Thing
from hub.cti.models import CallRow
from hub.identity.models import Party, PartyStatus
from hub.leads.models import LeadRow
from hub.mail.models import MailMessage, MailThread
from hub.messages.models import MessageRow
from hub.outbound.canonical import canonical_hash
from hub.records.call import Outcome
from hub.security.models import User
from hub.security.policy import EVERYBODY, finders
from hub.timeline.models import Interaction, Kind, Note, Participant, Visibility

OUTCOMES = {Outcome.ABANDONED: "missed", Outcome.LOST: ""}  # all others are called the same


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to stand there.

    Attributes:
        records: as what it is written (connector.crm).
        parties: inner ids of who took part, the first named first.
        values: as of `connector.crm`, without whose it is.
        is_private: not everybody here knows of it (any more): what stands there is taken back.
    """

    records: str
    parties: Sequence[int]
    values: Mapping[str, Any]
    is_private: bool = False

    @property
    def hash(self) -> str:
        return canonical_hash(self.values)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes wishes, in the hub's language, with links to its pages."""

    catalog: NullTranslations
    public_url: str

    def wish(self, session: Session, target: CrmTarget, thing: Thing) -> Wish | None:
        """Return what is to stand in a CRM of a thing; None: nothing (any more)."""
        interaction, mail = _found(session, thing)
        if interaction is None or thing.kind not in target.kinds or interaction.account_id == target.account_id:
            return None
        if interaction.visibility == Visibility.OWNER and not _is_open(interaction):
            return Wish(crm.INTERACTIONS, (), {}, is_private=True)
        parties = _parties(session, interaction.id)
        if thing.kind == Kind.LEAD:
            values = self._lead(session, interaction)
            return Wish(crm.LEADS, parties, values | self._link(session, parties)) if values else None
        values = {
            "kind": thing.kind, "direction": _direction(interaction.direction),
            "started_at": words.moment(interaction.started_at), "ended_at": words.moment(interaction.ended_at),
            "outcome": "", "number": "", "title": "", "body": "", "owner_email": "",
        }  # fmt: skip
        values |= self._said(session, interaction, mail) if _is_open(interaction) else {
            "title": words.hidden(interaction.kind, self.catalog)
        }  # fmt: skip
        if not target.with_text:
            values["body"] = ""
        return Wish(crm.INTERACTIONS, parties, values | self._link(session, parties))

    def _said(self, session: Session, row: Interaction, mail: MailMessage | None) -> dict[str, Any]:
        match row.kind:
            case Kind.CALL:
                return self._call(session, row)
            case Kind.EMAIL if mail is not None:
                return {
                    "title": words.mail(mail.subject, self.catalog), "body": words.text([mail.text or mail.snippet]),
                    "direction": "outbound" if mail.outbound else "inbound", "started_at": words.moment(mail.at),
                    "ended_at": None, "owner_email": _email(session, row.owner_id) if mail.outbound else "",
                }  # fmt: skip
            case Kind.MEETING:
                title = words.meeting(row.summary, is_cancelled=bool(row.detail.get("cancelled")), catalog=self.catalog)
                body = words.meeting_text(row.detail)
                return {"title": title, "body": body, "owner_email": _email(session, row.owner_id)}
            case Kind.MESSAGE:
                message = session.scalar(select(MessageRow).where(MessageRow.interaction_id == row.id))
                title = words.line(row.summary) or words.hidden(row.kind, self.catalog)
                body = words.text([message.text if message else row.summary])
                whose = message.user_id if message else None
                return {"title": title, "body": body, "owner_email": _email(session, whose), "number": _number(row)}
            case Kind.NOTE:
                body = words.text(_notes(session, row.id))
                title = words.line(row.summary) or words.hidden(row.kind, self.catalog)
                return {"title": title, "body": body, "owner_email": _email(session, row.owner_id)}
            case _:
                return {"title": words.money(row.summary, row.detail)}

    def _call(self, session: Session, row: Interaction) -> dict[str, Any]:
        call = session.scalar(
            select(CallRow).where(CallRow.interaction_id == row.id).order_by(CallRow.id.desc()).limit(1)
        )
        notes = _notes(session, row.id)
        if call is None:  # from an old system: its own words
            return {"title": words.line(row.summary), "body": words.text([str(row.detail.get("text") or ""), *notes])}
        outcome = OUTCOMES.get(Outcome(call.outcome), call.outcome) if call.outcome else ""
        return {
            "title": words.call(row.direction, call.outcome, call.talk_s, self.catalog),
            "body": words.text([call.disposition, *notes]),
            "outcome": outcome,
            "number": call.number if call.number.startswith("+") else "",
            "owner_email": _email(session, call.user_id),
        }

    def _lead(self, session: Session, row: Interaction) -> dict[str, Any]:
        lead = session.scalar(select(LeadRow).where(LeadRow.interaction_id == row.id))
        if lead is None or lead.is_test:
            return {}
        detail = row.detail
        told = [(str(one.get("question") or ""), str(one.get("answer") or "")) for one in detail.get("answers") or ()]
        return {
            "title": words.line(lead.name or row.summary), "name": lead.name, "email": lead.email, "phone": lead.phone,
            "source": words.line(str(detail.get("platform") or detail.get("form") or "")),
            "campaign": words.line(str(detail.get("campaign") or "")),
            "body": words.answers(told), "owner_email": _email(session, lead.owner_id),
        }  # fmt: skip

    def _link(self, session: Session, parties: Sequence[int]) -> dict[str, str]:
        number = session.scalar(select(Party.public_id).where(Party.id == parties[0])) if parties else None
        return {"url": f"{self.public_url}/customers/{number}" if number and self.public_url else ""}


def _found(session: Session, thing: Thing) -> tuple[Interaction | None, MailMessage | None]:
    if thing.kind != Kind.EMAIL:
        return session.scalar(select(Interaction).where(Interaction.public_id == thing.id)), None
    query = (
        select(MailMessage, Interaction)
        .join(MailThread, MailThread.id == MailMessage.thread_id)
        .join(Interaction, Interaction.id == MailThread.interaction_id)
    )
    for mail, interaction in session.execute(query.where(MailMessage.public_id == thing.id)):
        return interaction, mail
    return None, None


def _parties(session: Session, interaction_id: int) -> list[int]:
    """Return who took part and is still known, customers before their companies, in the order in which they are named."""
    query = (
        select(Participant.party_id)
        .join(Party, Party.id == Participant.party_id)
        .where(Participant.interaction_id == interaction_id, Party.status == PartyStatus.ACTIVE)
        .order_by(Participant.id)
    )
    return list(dict.fromkeys(session.scalars(query)))


def _is_open(row: Interaction) -> bool:
    among = row.detail.get("users") or ()
    return EVERYBODY in finders(visibility=row.visibility, owner_id=row.owner_id, among=among)


def _direction(told: str) -> str:
    return told if told in {"inbound", "outbound"} else ""


def _number(row: Interaction) -> str:
    number = str(row.detail.get("number") or "")
    return number if number.startswith("+") else ""


def _notes(session: Session, interaction_id: int) -> Sequence[str]:
    return session.scalars(select(Note.text).where(Note.interaction_id == interaction_id).order_by(Note.id)).all()


def _email(session: Session, user_id: int | None) -> str:
    return (session.scalar(select(User.email).where(User.id == user_id)) or "") if user_id is not None else ""
