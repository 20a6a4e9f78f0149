"""Take leads to the timeline: each once, with everything that was answered and agreed to, and somebody who looks after it.

A lead says who it is from like any other record (`identity.link`), so the same person in two forms is one customer with two
leads. A lead is never lost: where nobody can be recognised in it, it stands in the inbox without a customer.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, Table, bindparam, delete, select
from sqlalchemy.orm import Session

from hub.fields.incoming import Incoming, merged, of_parties
from hub.fields.models import Of
from hub.identity import link
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
from hub.store import rows
from hub.store.among import among
from hub.store.base import new_public_id, now
from hub.store.insert import insert
from hub.store.turn import in_turn
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind

FRESH = timedelta(days=1)  # an older one is history, which nobody is called to
FIRST, FIRST_LETTERS = 3, 80  # answers on a row of a timeline
ERASED = link.ERASED
_OF_AD = ("campaign_id", "adset_id", "ad_id", "is_organic")
_SAYS = ("raw_record_id", "created_at", "language", "is_test", "name", "phone", "email", "needs_mapping")
_OF_TOUCH = (*_OF_AD, "platform", "form_id", "form_name", "page_url", "referrer")
_LEAD, _ANSWER, _TOUCH = (cast("Table", one.__table__) for one in (LeadRow, LeadAnswer, Touchpoint))
_LEADS = select(
    *(_LEAD.c[name] for name in ("id", "public_id", "remote_id", "interaction_id", "fields", "fields_here")),
    *(_LEAD.c[name] for name in _SAYS),
).where(_LEAD.c.account_id == bindparam("account"), among(_LEAD.c.remote_id, "remote_ids"))
_OF_ANSWER = ("lead_id", "place", "key", "type", "label", "sent", "shown", "options", "field", "by")
_ANSWERS = (
    select(*(_ANSWER.c[name] for name in _OF_ANSWER))
    .where(among(_ANSWER.c.lead_id, "leads", numbers=True))
    .order_by(_ANSWER.c.lead_id, _ANSWER.c.place)
)
_TOUCHPOINTS = select(_TOUCH).where(among(_TOUCH.c.lead_id, "leads", numbers=True))


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
    record: Party  # the same, read
    points: tuple[Point, ...]
    party_id: int | None = None
    before: Row[Any] | None = None  # its row as it was; None: it is new
    number: int = 0  # of its row; 0 until it has one
    public_id: UUID | None = None
    interaction_id: int | None = None


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
    defaults = defined.defaults(Of.LEAD) if defined is not None and defined.has(Of.LEAD) else None
    _find_rows(session, account, works, is_locked=defaults is not None)
    _write(session, works, defaults)
    _show(session, account, works)
    _begin(session, account, [one for one in works if one.before is None], region, defaults)
    _keep_rest(session, account, works)
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
    return _Work(given.raw, given.fields, lead, found, party, record, points(record, region, own))


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
    session.flush()
    for remote_id, party_id in link.whose(session, account.id, real[0].raw.stream, by_remote.keys()).items():
        by_remote[remote_id].party_id = party_id
    for one in real:
        if one.raw.error and one.raw.id not in erased:
            one.raw.error = ""  # of a colleague, or of nobody: the lead is kept all the same
    return erased


# --- the lead -----------------------------------------------------------------------------------------------------


def _find_rows(session: Session, account: Account, works: Sequence[_Work], *, is_locked: bool) -> None:
    """Find the leads that are there already; locked where somebody may be filling a field in at this moment."""
    session.flush()
    by_remote = {one.lead.remote_id: one for one in works}
    query = _LEADS.order_by(_LEAD.c.id).with_for_update() if is_locked else _LEADS
    for row in session.execute(query, {"account": account.id, "remote_ids": list(by_remote)}):
        one = by_remote[row.remote_id]
        one.before, one.number, one.public_id, one.interaction_id = row, row.id, row.public_id, row.interaction_id
    for one in works:
        one.public_id = one.public_id or new_public_id()


def _write(session: Session, works: Sequence[_Work], defaults: Mapping[str, Any] | None) -> None:
    """Bring the rows of leads that were there before up to date; `defaults` as of `_columns`."""
    changes = {one.number: rows.other(one.before, _columns(one, defaults)) for one in works if one.before is not None}
    rows.change(session, LeadRow, changes)


def _columns(work: _Work, defaults: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a lead says of itself, by columns.

    Args:
        defaults: what fields that administrators defined begin with; None: leads have no such fields.
    """
    lead = work.lead
    told: dict[str, Any] = {
        "raw_record_id": work.raw.id,
        "created_at": lead.created_at,
        "language": lead.language,
        "is_test": lead.is_test,
        "name": work.record.name,
        "phone": next((one.value for one in work.points if one.kind == "phone"), ""),
        "email": next((one.value for one in work.points if one.kind == "email"), ""),
        "needs_mapping": not work.points or any(one.by is By.VALUE for one in work.found),
    }
    if defaults is not None:
        fields, here = (work.before.fields, work.before.fields_here) if work.before is not None else ({}, [])
        told["fields"] = merged(fields, here, work.fields, defaults, is_new=work.before is None)
    return told


def _show(session: Session, account: Account, works: Sequence[_Work]) -> None:
    """Put leads on the timelines of whoever they are from."""
    shown = [one for one in works if one.party_id is not None]
    entries = [Entry(_record(one), [Part(one.party_id, "lead", "", "")], one.raw.id) for one in shown]
    for one, placed in zip(shown, add(session, entries, account_id=account.id), strict=True):
        one.interaction_id = placed.id
    moved = [one for one in shown if one.before is not None and one.before.interaction_id != one.interaction_id]
    rows.change(session, LeadRow, {one.number: {"interaction_id": one.interaction_id} for one in moved})


def _begin(
    session: Session, account: Account, works: Sequence[_Work], region: str, defaults: Mapping[str, Any] | None
) -> None:
    """Write the rows of new leads, each with whoever looks after it; `defaults` as of `_columns`."""
    if not works:
        return
    new = []
    for one in works:
        own = {
            "public_id": one.public_id, "account_id": account.id, "remote_id": one.lead.remote_id,
            "received_at": one.raw.received_at, "interaction_id": one.interaction_id,
        }  # fmt: skip
        columns = _columns(one, defaults)
        new.append({**own, **columns, **_assigned(session, account, one, region_of(columns["phone"]) or region)})
    made = session.execute(insert(session, _LEAD).returning(_LEAD.c.public_id, _LEAD.c.id), new)
    numbers = {row.public_id: row.id for row in made}
    for one in works:
        one.number = numbers[one.public_id]
    first = [
        {
            "lead_id": one.number,
            "stage": Stage.RECEIVED,
            "at": one.lead.created_at,
            "interaction_id": one.interaction_id,
        }
        for one in works
    ]
    session.execute(insert(session, LeadStage).on_conflict_do_nothing(), first)


def _assigned(session: Session, account: Account, work: _Work, region: str) -> dict[str, Any]:
    """Return who looks after a new lead from a region; nobody after one that is a test or history."""
    owner: dict[str, Any] = {"owner_id": None, "rule_id": None, "assigned_at": None}
    lead, origin = work.lead, work.lead.origin
    if lead.is_test or now() - lead.created_at >= FRESH:
        return owner
    facts = {
        "account": str(account.public_id), "campaign": origin.campaign_id, "form": origin.form_id, "platform": origin.platform,
        "language": lead.language, "region": region,
    }  # fmt: skip
    given = assign(session, facts, work.party_id)
    if given.owner_id is not None:
        owner = {"owner_id": given.owner_id, "rule_id": given.rule_id, "assigned_at": now()}
    return owner


def _record(work: _Work) -> Record:
    origin = work.lead.origin
    detail = {
        "lead": str(work.public_id),
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


def _keep_rest(session: Session, account: Account, works: Sequence[_Work]) -> None:
    _keep_answers(session, works)
    _keep_agreements(session, account, works)
    _keep_touchpoints(session, account, works)
    names.keep(session, account.id, [named for one in works for named in _named(one.lead)])


def _keep_answers(session: Session, works: Sequence[_Work]) -> None:
    """Write down what was answered; where that is what stands there already, nothing is written."""
    told = {one.number: _answers(one) for one in works}
    before: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    if known := [one.number for one in works if one.before is not None]:
        for row in session.execute(_ANSWERS, {"leads": known}):
            before[row[0]].append(tuple(row))
    others = {number for number, answers in told.items() if answers != before[number]}
    if gone := sorted(number for number in others if before[number]):
        session.execute(delete(_ANSWER).where(_ANSWER.c.lead_id.in_(gone)))
    if answers := [
        dict(zip(_OF_ANSWER, answer, strict=True)) for number in told if number in others for answer in told[number]
    ]:
        session.execute(insert(session, _ANSWER), answers)


def _answers(work: _Work) -> list[tuple[Any, ...]]:
    """Return the rows of what a lead answered, their columns in the order of `_OF_ANSWER`."""
    return [
        (
            work.number, place, answer.key, answer.type, answer.label,
            list(answer.values), list(answer.shown), list(answer.options),
            str(found.field or ""), str(found.by or ""),
        )
        for place, (answer, found) in enumerate(zip(work.lead.answers, work.found, strict=True))
    ]  # fmt: skip


def _keep_agreements(session: Session, account: Account, works: Sequence[_Work]) -> None:
    boxes = [
        {
            "account_id": account.id, "remote_id": work.lead.remote_id, "lead_id": work.number,
            "form_id": work.lead.origin.form_id, "version": one.version, "key": one.key, "text": one.text, "url": one.url,
            "required": one.required, "checked": one.checked, "given_at": work.lead.created_at,
        }
        for work in works
        for one in work.lead.agreements
    ]  # fmt: skip
    if boxes:
        session.execute(insert(session, Consent).on_conflict_do_nothing(), boxes)


def _keep_touchpoints(session: Session, account: Account, works: Sequence[_Work]) -> None:
    found = session.execute(_TOUCHPOINTS, {"leads": [one.number for one in works if one.before is not None]})
    known = {row.lead_id: row for row in found}
    new, changes = [], {}
    for work in works:
        row = known.get(work.number)
        told = _touch(work, row)
        if row is None:
            new.append({"account_id": account.id, "lead_id": work.number, **told})
        else:
            changes[row.id] = rows.other(row, told)
    if new:
        session.execute(insert(session, _TOUCH), new)
    rows.change(session, Touchpoint, changes)


def _touch(work: _Work, before: Row[Any] | None) -> dict[str, Any]:
    """Return what a lead says of the touchpoint that made it; `before` is its row."""
    origin, lead = work.lead.origin, work.lead
    told = {name: getattr(origin, name) for name in _OF_TOUCH}
    if not told["campaign_id"] and before is not None and before.campaign_id:
        told |= {
            name: getattr(before, name) for name in _OF_AD
        }  # it was told, and whoever reads may not see it any more
    how = Bucket.PAID if told["campaign_id"] and not lead.is_test else bucket(lead)
    told |= {"interaction_id": work.interaction_id, "at": lead.created_at, "bucket": how}
    return told | {"utm": dict(origin.utm), "clicks": dict(origin.clicks)}


def _named(lead: Lead) -> list[names.Named]:
    """Return what campaign, ad set and ad of a lead are called; the newest lead knows best."""
    origin = lead.origin
    told = (("campaign", origin.campaign_id, origin.campaign_name), ("adset", origin.adset_id, origin.adset_name),
            ("ad", origin.ad_id, origin.ad_name))  # fmt: skip
    return [names.Named(level, key, name, lead.created_at) for level, key, name in told if key and name]


def masked(answer: LeadAnswer) -> bool:
    """Say whether an answer is shown only to who asks for it: birth, gender, national numbers."""
    return answer.field == Field.PRIVATE


def interaction_of(session: Session, row: LeadRow) -> Interaction | None:
    """Return the lead's row on the timeline; None where it is nobody's."""
    return session.get(Interaction, row.interaction_id) if row.interaction_id else None
