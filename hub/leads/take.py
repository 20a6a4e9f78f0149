"""Take leads to the timeline: each once, with everything that was answered and agreed to, and somebody who looks after it.

A lead says who it is from like any other record (`identity.link`), so the same person in two forms is one customer with two
leads. A lead is never lost: where nobody can be recognised in it, it stands in the inbox without a customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import phonenumbers
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.identity import link
from hub.identity.models import Link
from hub.identity.points import Point, ours, points
from hub.identity.said import said as said_of_party
from hub.intake.models import Account, RawRecord, RawState
from hub.leads.answers import By, Field, Found, party_of, understood
from hub.leads.assign import assign
from hub.leads.attribution import bucket
from hub.leads.models import AdName, Bucket, Consent, LeadAnswer, LeadRow, LeadStage, QuestionField, Stage, Touchpoint
from hub.leads.said import said
from hub.records.interaction import Interaction as Record
from hub.records.lead import Lead
from hub.store.base import now
from hub.store.insert import insert
from hub.store.turn import in_turn
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind

FRESH = timedelta(days=1)  # an older one is history, which nobody is called to
ERASED = link.ERASED
_OF_AD = ("campaign_id", "adset_id", "ad_id", "is_organic")
_OF_TOUCH = (*_OF_AD, "platform", "form_id", "form_name", "page_url", "referrer")


@dataclass(frozen=True, slots=True)
class Given:
    """A lead: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


@dataclass(slots=True)
class _Work:
    """A lead on its way."""

    raw: RawRecord
    lead: Lead
    found: list[Found]
    party: dict[str, Any]  # what it says of a person, in a mapping's words
    points: tuple[Point, ...] = ()
    name: str = ""
    party_id: int | None = None
    row: LeadRow | None = None
    is_new: bool = False


def take(session: Session, account: Account, given: Sequence[Given], *, region: str) -> list[RawState]:
    """Keep leads with their answers, link them to customers and bring the timeline up to date; safe to repeat.

    Raises:
        RecordError: one of them is no lead.
    """
    in_turn(session, LeadRow.__tablename__)
    told = _told(session, account.id)
    works = [_work(session, one, told, region) for one in given]
    erased = _link(session, account, works, region)
    works = [one for one in works if one.raw.id not in erased]
    _find_rows(session, account, works)
    for one in works:
        _write(session, account, one)
    session.flush()
    _show(session, account, works)
    for one in works:
        _keep_rest(session, account, one, region)
    session.flush()
    return [RawState.FILTERED if one.raw.id in erased else RawState.APPLIED for one in given]


# --- whose --------------------------------------------------------------------------------------------------------


def _told(session: Session, account_id: int) -> dict[tuple[str, str], str]:
    """Return what administrators say of questions, by form and key."""
    rows = session.scalars(select(QuestionField).where(QuestionField.account_id == account_id))
    return {(row.form_id, row.key): row.field for row in rows}


def _work(session: Session, given: Given, told: Mapping[tuple[str, str], str], region: str) -> _Work:
    lead = said(given.values, received_at=given.raw.received_at)
    of_form = {key: word for (form, key), word in told.items() if not form}
    of_form |= {key: word for (form, key), word in told.items() if form and form == lead.origin.form_id}
    found = understood(lead.answers, of_form)
    party = party_of(lead.answers, found, given.raw.remote_id)
    record = said_of_party(party)
    return _Work(given.raw, lead, found, party, points(record, region, ours(session)), record.name)


def _link(session: Session, account: Account, works: Sequence[_Work], region: str) -> set[int]:
    """Link leads to customers; returns the raw records of people who were erased. Test leads are nobody's."""
    real = [one for one in works if not one.lead.is_test]
    if not real:
        return set()
    link.take(session, account, [link.Given(one.raw, one.party) for one in real], region=region, apart=False)
    erased = {one.raw.id for one in real if one.raw.error == ERASED}
    by_remote = {one.raw.remote_id: one for one in real}
    query = select(Link.remote_id, Link.party_id).where(
        Link.account_id == account.id, Link.stream == real[0].raw.stream, Link.remote_id.in_(by_remote)
    )
    for remote_id, party_id in session.execute(query):
        by_remote[remote_id].party_id = party_id
    for one in real:
        if one.raw.id not in erased:
            one.raw.error = ""  # of a colleague, or of nobody: the lead is kept all the same
    return erased


# --- the lead -----------------------------------------------------------------------------------------------------


def _find_rows(session: Session, account: Account, works: Sequence[_Work]) -> None:
    wanted = {one.lead.remote_id: one for one in works}
    query = select(LeadRow).where(LeadRow.account_id == account.id, LeadRow.remote_id.in_(wanted))
    for row in session.scalars(query):
        wanted[row.remote_id].row = row


def _write(session: Session, account: Account, work: _Work) -> None:
    lead = work.lead
    if work.row is None:
        work.row, work.is_new = LeadRow(account_id=account.id, remote_id=lead.remote_id), True
        work.row.received_at = work.raw.received_at
        session.add(work.row)
    row = work.row
    row.raw_record_id, row.created_at, row.language, row.is_test = (
        work.raw.id, lead.created_at, lead.language, lead.is_test
    )  # fmt: skip
    row.name = work.name
    row.phone = next((one.value for one in work.points if one.kind == "phone"), "")
    row.email = next((one.value for one in work.points if one.kind == "email"), "")
    row.needs_mapping = not work.points or any(one.by is By.VALUE for one in work.found)


def _show(session: Session, account: Account, works: Sequence[_Work]) -> None:
    """Put leads on the timelines of whoever they are from."""
    shown = [one for one in works if one.party_id is not None and one.row is not None]
    entries = [Entry(_record(one), [Part(one.party_id, "lead", "", "")], one.raw.id) for one in shown]
    for one, interaction in zip(shown, add(session, entries, account_id=account.id), strict=True):
        assert one.row is not None
        one.row.interaction_id = interaction.id


def _record(work: _Work) -> Record:
    origin = work.lead.origin
    assert work.row is not None
    detail = {
        "lead": str(work.row.public_id),
        "form": origin.form_name,
        "campaign": origin.campaign_name,
        "platform": origin.platform,
        "bucket": str(bucket(work.lead)),
    }
    return Record(
        kind=Kind.LEAD,
        direction="inbound",
        started_at=work.lead.created_at,
        ended_at=None,
        summary=" · ".join(one for one in ("Lead", origin.form_name, origin.campaign_name) if one),
        mentions=(),
        detail=detail,
        source_url=origin.page_url if origin.page_url.startswith("https://") else "",
    )


def _keep_rest(session: Session, account: Account, work: _Work, region: str) -> None:
    row, lead = work.row, work.lead
    assert row is not None
    session.execute(delete(LeadAnswer).where(LeadAnswer.lead_id == row.id))
    for place, (answer, found) in enumerate(zip(lead.answers, work.found, strict=True)):
        session.add(
            LeadAnswer(
                lead_id=row.id,
                place=place,
                key=answer.key,
                type=answer.type,
                label=answer.label,
                sent=list(answer.values),
                shown=list(answer.shown),
                options=list(answer.options),
                field=str(found.field or ""),
                by=str(found.by or ""),
            )
        )
    _keep_agreements(session, account, row, lead)
    _keep_touchpoint(session, account, row, lead)
    _keep_names(session, account, lead)
    if work.is_new:
        session.execute(
            insert(session, LeadStage)
            .values(lead_id=row.id, stage=Stage.RECEIVED, at=lead.created_at, interaction_id=row.interaction_id)
            .on_conflict_do_nothing()
        )
        if not lead.is_test and now() - lead.created_at < FRESH:
            _assign(session, account, work, region)


def _assign(session: Session, account: Account, work: _Work, region: str) -> None:
    row, origin = work.row, work.lead.origin
    assert row is not None
    facts = {
        "account": str(account.public_id), "campaign": origin.campaign_id, "form": origin.form_id, "platform": origin.platform,
        "language": row.language, "region": _region_of(row.phone) or region,
    }  # fmt: skip
    given = assign(session, facts, work.party_id)
    if given.owner_id is not None:
        row.owner_id, row.rule_id, row.assigned_at = given.owner_id, given.rule_id, now()


def _region_of(phone: str) -> str:
    """Return the country of a number in E.164, as ISO 3166; empty where it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _keep_agreements(session: Session, account: Account, row: LeadRow, lead: Lead) -> None:
    for one in lead.agreements:
        session.execute(
            insert(session, Consent)
            .values(
                account_id=account.id, remote_id=lead.remote_id, lead_id=row.id, form_id=lead.origin.form_id,
                version=one.version, key=one.key, text=one.text, url=one.url, required=one.required, checked=one.checked,
                given_at=lead.created_at,
            )
            .on_conflict_do_nothing()
        )  # fmt: skip


def _keep_touchpoint(session: Session, account: Account, row: LeadRow, lead: Lead) -> None:
    origin = lead.origin
    touch = session.scalar(select(Touchpoint).where(Touchpoint.lead_id == row.id))
    if touch is None:
        touch = Touchpoint(account_id=account.id, lead_id=row.id)
        session.add(touch)
    told = {name: getattr(origin, name) for name in _OF_TOUCH}
    if not told["campaign_id"] and touch.campaign_id:  # it was told, and whoever reads may not see it any more
        told |= {name: getattr(touch, name) for name in _OF_AD}
    for name, value in told.items():
        setattr(touch, name, value)
    how = Bucket.PAID if touch.campaign_id and not lead.is_test else bucket(lead)
    touch.interaction_id, touch.at, touch.bucket = row.interaction_id, lead.created_at, how
    touch.utm, touch.clicks = dict(origin.utm), dict(origin.clicks)


def _keep_names(session: Session, account: Account, lead: Lead) -> None:
    """Remember what campaigns, ad sets and ads are called; the newest lead knows best."""
    origin = lead.origin
    named = (("campaign", origin.campaign_id, origin.campaign_name), ("adset", origin.adset_id, origin.adset_name),
             ("ad", origin.ad_id, origin.ad_name))  # fmt: skip
    for level, remote_id, name in named:
        if not (remote_id and name):
            continue
        where = (AdName.account_id == account.id, AdName.level == level, AdName.remote_id == remote_id)
        row = session.scalar(select(AdName).where(*where))
        if row is None:
            session.add(
                AdName(
                    account_id=account.id,
                    level=level,
                    remote_id=remote_id,
                    name=name,
                    earlier=[],
                    since=lead.created_at,
                )
            )
            session.flush()
        elif row.name != name and lead.created_at >= row.since:
            _rename(row, name, lead.created_at)


def _rename(row: AdName, name: str, at: datetime) -> None:
    row.earlier = [*row.earlier, {"name": row.name, "until": at.isoformat()}]
    row.name, row.since = name, at


def masked(answer: LeadAnswer) -> bool:
    """Say whether an answer is shown only to who asks for it: birth, gender, national numbers."""
    return answer.field == Field.PRIVATE


def interaction_of(session: Session, row: LeadRow) -> Interaction | None:
    """Return the lead's row on the timeline; None where it is nobody's."""
    return session.get(Interaction, row.interaction_id) if row.interaction_id else None
