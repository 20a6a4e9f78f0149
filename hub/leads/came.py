"""What came in, as those who write rules and read questions need it: by name, out of real leads alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from hub.intake.models import Account, AccountState, RawRecord, RawState
from hub.leads.answers import Field
from hub.leads.assign import region_of
from hub.leads.models import AdName, LeadAnswer, LeadRow, QuestionField, Touchpoint

MOST = 20_000  # leads that a preview counts
LOOKED_AT = 50  # leads of each form, for its questions
MOST_CHOICES = 300  # of one condition; the newest


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a rule may ask for."""

    value: str
    name: str  # empty: only its value is known
    beside: str = ""  # what tells it from others of the same name, such as its account


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a form, as it was answered last."""

    key: str
    label: str
    field: str  # what it was taken for; empty: it is only an answer
    by: str  # how that was found
    said: str  # what an administrator says it is; empty: nothing
    in_all_forms: bool  # that is said of all forms
    sample: Sequence[str]  # the newest answer of a lead that was no test; of private ones nothing


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was answered, with its questions."""

    id: str
    name: str
    leads: int  # that are no tests
    last_at: datetime
    questions: Sequence[Asked]


def facts(session: Session, since: datetime, home: str) -> list[Mapping[str, str]]:
    """Return what rules look at, of each lead that is no test, as `assign.assign` was told.

    Args:
        home: region of numbers without a country, where an account has none of its own.
    """
    query = (
        select(
            Account.public_id, Account.region, Touchpoint.campaign_id, Touchpoint.form_id, Touchpoint.platform,
            LeadRow.language, LeadRow.phone,
        )
        .join(Account, Account.id == LeadRow.account_id)
        .outerjoin(Touchpoint, Touchpoint.lead_id == LeadRow.id)
        .where(LeadRow.created_at > since, LeadRow.is_test.is_(False))
        .order_by(LeadRow.created_at.desc())
        .limit(MOST)
    )  # fmt: skip
    return [
        {
            "account": str(account), "campaign": campaign or "", "form": form or "", "platform": platform or "",
            "language": language, "region": region_of(phone) or region or home,
        }
        for account, region, campaign, form, platform, language, phone in session.execute(query)
    ]  # fmt: skip


def choices(session: Session, seen: Sequence[Mapping[str, str]]) -> dict[str, list[Choice]]:
    """Return what a rule may ask for, by `assign.WANTS`; of countries, platforms and languages their codes alone.

    Args:
        seen: what came lately (`facts`).
    """
    codes = {name: sorted({one[name] for one in seen} - {""}) for name in ("platform", "language", "region")}
    return {
        "account": _accounts(session),
        "campaign": _campaigns(session),
        "form": _forms(session),
        **{name: [Choice(value, "") for value in values] for name, values in codes.items()},
    }


def _accounts(session: Session) -> list[Choice]:
    having = select(LeadRow.account_id).distinct()
    query = select(Account.public_id, Account.name).where(Account.id.in_(having), Account.state != AccountState.REMOVED)
    return [Choice(str(public_id), name) for public_id, name in session.execute(query.order_by(Account.name))]


def _campaigns(session: Session) -> list[Choice]:
    query = (
        select(AdName.remote_id, AdName.name, Account.name)
        .join(Account, Account.id == AdName.account_id)
        .where(AdName.level == "campaign", Account.state != AccountState.REMOVED)
        .order_by(AdName.since.desc(), AdName.id)
        .limit(MOST_CHOICES)
    )
    return [Choice(remote_id, name, account) for remote_id, name, account in session.execute(query)]


def _forms(session: Session) -> list[Choice]:
    """Return forms with their newest names, those that were answered last first."""
    last = (
        select(Touchpoint.account_id, Touchpoint.form_id, func.max(Touchpoint.id).label("newest"))
        .where(Touchpoint.lead_id.is_not(None), Touchpoint.form_id != "")
        .group_by(Touchpoint.account_id, Touchpoint.form_id)
        .subquery()
    )
    query = (
        select(Touchpoint.form_id, Touchpoint.form_name, Account.name)
        .join(last, last.c.newest == Touchpoint.id)
        .join(Account, Account.id == Touchpoint.account_id)
        .where(Account.state != AccountState.REMOVED)
        .order_by(Touchpoint.at.desc())
        .limit(MOST_CHOICES)
    )
    return [Choice(form_id, name, account) for form_id, name, account in session.execute(query)]


# --- forms and their questions --------------------------------------------------------------------------------------


def forms(session: Session, account_id: int) -> list[Form]:
    """Return every form of an account that was answered, with its questions; the one answered last first.

    The questions are those of its newest leads: a form has the same ones for its whole life, or nearly.
    """
    newest = _newest(account_id)
    places = session.execute(
        select(newest.c.form_id, newest.c.form_name, newest.c.at)
        .where(newest.c.place == 1)
        .order_by(newest.c.at.desc())
    ).all()
    counts = dict(session.execute(_counted(account_id)).all())
    rows = session.execute(
        select(newest.c.form_id, newest.c.is_test, LeadAnswer)
        .join(LeadAnswer, LeadAnswer.lead_id == newest.c.lead_id)
        .order_by(newest.c.form_id, newest.c.place, LeadAnswer.place)
    )
    said = {
        (row.form_id, row.key): row.field
        for row in session.scalars(select(QuestionField).where(QuestionField.account_id == account_id))
    }
    asked: dict[str, dict[str, tuple[LeadAnswer, Sequence[str]]]] = {}
    for form_id, is_test, answer in rows:
        known = asked.setdefault(form_id, {})
        first, sample = known.get(answer.key, (answer, ()))
        known[answer.key] = first, sample or (() if is_test or answer.field == Field.PRIVATE else _shown(answer))
    return [
        Form(id_, name, counts.get(id_, 0), at, [_asked(id_, *one, said) for one in asked.get(id_, {}).values()])
        for id_, name, at in places
    ]


def waiting(session: Session, account_id: int) -> tuple[int, int]:
    """Return how many leads of an account wait to be taken again, and how many it has."""
    query = select(func.count(), func.count(case((RawRecord.state == RawState.KEPT, 1))))
    query = query.select_from(LeadRow).outerjoin(RawRecord, RawRecord.id == LeadRow.raw_record_id)
    every, left = session.execute(query.where(LeadRow.account_id == account_id)).one()
    return int(left), int(every)


def _newest(account_id: int) -> Any:
    """Number the leads of each form: real ones before tests, the newest first."""
    place = func.row_number().over(
        partition_by=Touchpoint.form_id, order_by=(LeadRow.is_test, Touchpoint.at.desc(), Touchpoint.id.desc())
    )
    inner = (
        select(
            Touchpoint.form_id, Touchpoint.form_name, Touchpoint.at, Touchpoint.lead_id, LeadRow.is_test,
            place.label("place"),
        )
        .join(LeadRow, LeadRow.id == Touchpoint.lead_id)
        .where(Touchpoint.account_id == account_id)
        .subquery()
    )  # fmt: skip
    return select(inner).where(inner.c.place <= LOOKED_AT).subquery()


def _counted(account_id: int) -> Any:
    query = select(Touchpoint.form_id, func.count()).join(LeadRow, LeadRow.id == Touchpoint.lead_id)
    return query.where(Touchpoint.account_id == account_id, LeadRow.is_test.is_(False)).group_by(Touchpoint.form_id)


def _asked(form_id: str, answer: LeadAnswer, sample: Sequence[str], said: Mapping[tuple[str, str], str]) -> Asked:
    own, of_all = said.get((form_id, answer.key), ""), said.get(("", answer.key), "")
    return Asked(answer.key, answer.label, answer.field, answer.by, own or of_all, not own and bool(of_all), sample)


def _shown(answer: LeadAnswer) -> Sequence[str]:
    return [str(one) for one in answer.shown or answer.sent if str(one).strip()]
