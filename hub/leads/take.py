"""Take leads to the timeline: each once, with everything that was answered and agreed to, and somebody who looks after it.

A lead says who it is from like any other record (`identity.link`), so the same person in two forms is one customer with two
leads. A lead is never lost: where nobody can be recognised in it, it stands in the inbox without a customer.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub.fields.incoming import Incoming, merged, of_parties
from hub.fields.models import Of
from hub.identity import link
from hub.identity.models import Link
from hub.identity.points import Ours, Point, ours, points
from hub.identity.said import said as said_of_party
from hub.intake.models import Account, RawRecord, RawState
from hub.leads import names
from hub.leads.answers import By, Field, Found, party_of, understood
from hub.leads.assign import assign, region_of
from hub.leads.attribution import bucket
from hub.leads.models import Bucket, Consent, LeadAnswer, LeadRow, LeadStage, QuestionField, Stage, Touchpoint
from hub.leads.said import said
from hub.records.interaction import Interaction as Record
from hub.records.lead import Lead
from hub.records.party import Party
from hub.store.base import now
from hub.store.insert import insert
from hub.store.turn import in_turn
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind

FRESH = timedelta(days=1)  # an older one is history, which nobody is called to
FIRST, FIRST_LETTERS = 3, 80  # answers on a row of a timeline
ERASED = link.ERASED
_OF_AD = ("campaign_id", "adset_id", "ad_id", "is_organic")
_ANSWER = (
    LeadAnswer.lead_id, LeadAnswer.place, LeadAnswer.key, LeadAnswer.type, LeadAnswer.label, LeadAnswer.sent,
    LeadAnswer.shown, LeadAnswer.options, LeadAnswer.field, LeadAnswer.by,
)  # fmt: skip
_OF_TOUCH = (*_OF_AD, "platform", "form_id", "form_name", "page_url", "referrer")
_TOUCH = (
    Touchpoint.id, Touchpoint.lead_id, Touchpoint.interaction_id, Touchpoint.at, Touchpoint.bucket, Touchpoint.utm,
    Touchpoint.clicks, *(getattr(Touchpoint, name) for name in _OF_TOUCH),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """A lead: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)  # that administrators defined; None: it has nothing there


@dataclass(slots=True)
class _Work:
    """A lead on its way."""

    raw: RawRecord
    fields: Mapping[str, Any]
    lead: Lead
    found: list[Found]
    party: dict[str, Any]  # what it says of a person, in a mapping's words
    points: tuple[Point, ...] = ()
    name: str = ""
    party_id: int | None = None
    row: LeadRow | None = None
    is_new: bool = False
    record: Party | None = None  # the same as `party`, read


def take(
    session: Session, account: Account, given: Sequence[Given], *, region: str, defined: Incoming | None = None
) -> list[RawState]:
    """Keep leads with their answers, link them to customers and bring the timeline up to date; safe to repeat.

    Args:
        defined: how fields that administrators defined come in; None: there are none.

    Raises:
        RecordError: one of them is no lead.
    """
    in_turn(session, LeadRow.__tablename__)
    told = _told(session, account.id)
    own = ours(session)
    works = [_work(one, told, region, own) for one in given]
    erased = _link(session, account, works, region, defined)
    works = [one for one in works if one.raw.id not in erased]
    defined = defined if defined is not None and defined.has(Of.LEAD) else None
    _find_rows(session, account, works, is_locked=defined is not None)
    for one in works:
        _write(session, account, one)
        if defined is not None:
            _fill(one, defined.defaults(Of.LEAD))
    session.flush()
    _show(session, account, works)
    _keep_rest(session, account, works, region)
    session.flush()
    return [RawState.FILTERED if one.raw.id in erased else RawState.APPLIED for one in given]


# --- whose --------------------------------------------------------------------------------------------------------


def _told(session: Session, account_id: int) -> dict[tuple[str, str], str]:
    """Return what administrators say of questions, by form and key."""
    rows = session.scalars(select(QuestionField).where(QuestionField.account_id == account_id))
    return {(row.form_id, row.key): row.field for row in rows}


def _work(given: Given, told: Mapping[tuple[str, str], str], region: str, own: Ours) -> _Work:
    lead = said(given.values, received_at=given.raw.received_at)
    of_form = {key: word for (form, key), word in told.items() if not form}
    of_form |= {key: word for (form, key), word in told.items() if form and form == lead.origin.form_id}
    found = understood(lead.answers, of_form)
    party = party_of(lead.answers, found, given.raw.remote_id)
    record = said_of_party(party)
    return _Work(given.raw, given.fields, lead, found, party, points(record, region, own), record.name, record=record)


def _link(
    session: Session, account: Account, works: Sequence[_Work], region: str, defined: Incoming | None
) -> set[int]:
    """Link leads to customers; returns the raw records of people who were erased. Test leads are nobody's."""
    real = [one for one in works if not one.lead.is_test]
    if not real:
        return set()
    given = [link.Given(one.raw, one.party, record=one.record, points=one.points) for one in real]
    link.take(session, account, given, region=region, apart=False, more=of_parties(defined))
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


def _find_rows(session: Session, account: Account, works: Sequence[_Work], *, is_locked: bool) -> None:
    """Find the leads that are there already; locked where somebody may be filling a field in at this moment."""
    wanted = {one.lead.remote_id: one for one in works}
    query = select(LeadRow).where(LeadRow.account_id == account.id, LeadRow.remote_id.in_(wanted))
    if is_locked:
        query = query.order_by(LeadRow.id).with_for_update().execution_options(populate_existing=True)
    for row in session.scalars(query):
        wanted[row.remote_id].row = row


def _write(session: Session, account: Account, work: _Work) -> None:
    lead = work.lead
    if work.row is None:
        work.row, work.is_new = LeadRow(account_id=account.id, remote_id=lead.remote_id), True
        work.row.received_at = work.raw.received_at
        session.add(work.row)
    told = {
        "raw_record_id": work.raw.id,
        "created_at": lead.created_at,
        "language": lead.language,
        "is_test": lead.is_test,
        "name": work.name,
        "phone": next((one.value for one in work.points if one.kind == "phone"), ""),
        "email": next((one.value for one in work.points if one.kind == "email"), ""),
        "needs_mapping": not work.points or any(one.by is By.VALUE for one in work.found),
    }
    _set(work.row, told, is_new=work.is_new)


def _set(row: LeadRow, values: Mapping[str, Any], *, is_new: bool) -> None:
    """Set what is another value: what is set is looked at when it is written, changed or not."""
    for name, value in values.items():
        if is_new or getattr(row, name) != value:
            setattr(row, name, value)


def _fill(work: _Work, defaults: Mapping[str, Any]) -> None:
    """Give a lead what its source says of the fields that administrators defined."""
    row = _row(work)
    before, here = (row.fields, row.fields_here) if not work.is_new else ({}, [])
    after = merged(before, here, work.fields, defaults, is_new=work.is_new)
    if after != row.fields:
        row.fields = after


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
        "answers": _first(work),
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


def _first(work: _Work) -> list[dict[str, str]]:
    """Return what a row of a timeline shows of the answers: the first ones that say what is wanted, not who wants it."""
    asked = [one for one, found in zip(work.lead.answers, work.found, strict=True) if found.field is None]
    told = [(one.label or one.key, ", ".join(one.shown or one.values).strip()) for one in asked]
    return [{"question": question[:FIRST_LETTERS], "answer": text[:FIRST_LETTERS]} for question, text in told if text][
        :FIRST
    ]


def _keep_rest(session: Session, account: Account, works: Sequence[_Work], region: str) -> None:
    _keep_answers(session, works)
    _keep_agreements(session, account, works)
    _keep_touchpoints(session, account, works)
    for one in works:
        _keep_names(session, account, one.lead)
    _begin_stages(session, [one for one in works if one.is_new])
    for one in works:
        if one.is_new and not one.lead.is_test and now() - one.lead.created_at < FRESH:
            _assign(session, account, one, region)


def _keep_answers(session: Session, works: Sequence[_Work]) -> None:
    """Write down what was answered; where that is what stands there already, nothing is written."""
    told = {_row(one).id: _answers(one) for one in works}
    before: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    if known := [_row(one).id for one in works if not one.is_new]:
        query = select(*_ANSWER).where(LeadAnswer.lead_id.in_(known)).order_by(LeadAnswer.lead_id, LeadAnswer.place)
        for row in session.execute(query):
            before[row[0]].append(tuple(row))
    others = {number for number, answers in told.items() if answers != before[number]}
    if gone := sorted(number for number in others if before[number]):
        session.execute(delete(LeadAnswer).where(LeadAnswer.lead_id.in_(gone)))
    names = [column.key for column in _ANSWER]
    if answers := [
        dict(zip(names, answer, strict=True)) for number in told if number in others for answer in told[number]
    ]:
        session.execute(insert(session, LeadAnswer), answers)


def _answers(work: _Work) -> list[tuple[Any, ...]]:
    """Return the rows of what a lead answered, their columns in the order of `_ANSWER`."""
    number = _row(work).id
    return [
        (
            number, place, answer.key, answer.type, answer.label,
            list(answer.values), list(answer.shown), list(answer.options),
            str(found.field or ""), str(found.by or ""),
        )
        for place, (answer, found) in enumerate(zip(work.lead.answers, work.found, strict=True))
    ]  # fmt: skip


def _begin_stages(session: Session, works: Sequence[_Work]) -> None:
    first = [
        {"lead_id": row.id, "stage": Stage.RECEIVED, "at": row.created_at, "interaction_id": row.interaction_id}
        for row in map(_row, works)
    ]
    if first:
        session.execute(insert(session, LeadStage).on_conflict_do_nothing(), first)


def _assign(session: Session, account: Account, work: _Work, region: str) -> None:
    row, origin = _row(work), work.lead.origin
    facts = {
        "account": str(account.public_id), "campaign": origin.campaign_id, "form": origin.form_id, "platform": origin.platform,
        "language": row.language, "region": region_of(row.phone) or region,
    }  # fmt: skip
    given = assign(session, facts, work.party_id)
    if given.owner_id is not None:
        row.owner_id, row.rule_id, row.assigned_at = given.owner_id, given.rule_id, now()


def _keep_agreements(session: Session, account: Account, works: Sequence[_Work]) -> None:
    boxes = [
        {
            "account_id": account.id, "remote_id": work.lead.remote_id, "lead_id": _row(work).id,
            "form_id": work.lead.origin.form_id, "version": one.version, "key": one.key, "text": one.text, "url": one.url,
            "required": one.required, "checked": one.checked, "given_at": work.lead.created_at,
        }
        for work in works
        for one in work.lead.agreements
    ]  # fmt: skip
    if boxes:
        session.execute(insert(session, Consent).on_conflict_do_nothing(), boxes)


def _keep_touchpoints(session: Session, account: Account, works: Sequence[_Work]) -> None:
    query = select(*_TOUCH).where(Touchpoint.lead_id.in_([_row(one).id for one in works]))
    known = {row.lead_id: row for row in session.execute(query)}
    new, changed = [], []
    for work in works:
        number = _row(work).id
        row = known.get(number)
        told = _touch(work, row)
        if row is None:
            new.append({"account_id": account.id, "lead_id": number, **told})
        elif any(getattr(row, name) != value for name, value in told.items()):
            changed.append({"id": row.id, **told})
    if new:
        session.execute(insert(session, Touchpoint), new)
    if changed:
        session.execute(update(Touchpoint), changed)


def _touch(work: _Work, before: Any) -> dict[str, Any]:
    """Return what a lead says of the touchpoint that made it; `before` is its row."""
    origin, lead = work.lead.origin, work.lead
    told = {name: getattr(origin, name) for name in _OF_TOUCH}
    if not told["campaign_id"] and before is not None and before.campaign_id:
        told |= {
            name: getattr(before, name) for name in _OF_AD
        }  # it was told, and whoever reads may not see it any more
    how = Bucket.PAID if told["campaign_id"] and not lead.is_test else bucket(lead)
    told |= {"interaction_id": _row(work).interaction_id, "at": lead.created_at, "bucket": how}
    return told | {"utm": dict(origin.utm), "clicks": dict(origin.clicks)}


def _row(work: _Work) -> LeadRow:
    assert work.row is not None, "it was written before"
    return work.row


def _keep_names(session: Session, account: Account, lead: Lead) -> None:
    """Remember what campaigns, ad sets and ads are called; the newest lead knows best."""
    origin = lead.origin
    named = (("campaign", origin.campaign_id, origin.campaign_name), ("adset", origin.adset_id, origin.adset_name),
             ("ad", origin.ad_id, origin.ad_name))  # fmt: skip
    for level, remote_id, name in named:
        if remote_id and name:
            names.keep(session, account.id, level, remote_id, name, lead.created_at)


def masked(answer: LeadAnswer) -> bool:
    """Say whether an answer is shown only to who asks for it: birth, gender, national numbers."""
    return answer.field == Field.PRIVATE


def interaction_of(session: Session, row: LeadRow) -> Interaction | None:
    """Return the lead's row on the timeline; None where it is nobody's."""
    return session.get(Interaction, row.interaction_id) if row.interaction_id else None
