"""Leads: what people answered in forms, where they came from, who looks after them, and how far they came."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from hub.fields import change as field_change
from hub.fields.models import Of
from hub.leads import change, queries, stages
from hub.leads.models import AdName, Bucket, LeadAnswer, LeadRow, LeadStage, Stage, Touchpoint
from hub.leads.take import masked
from hub.security.policy import Right
from hub.timeline.models import Kind, Participant
from hub.web.api import fields, paging, shapes
from hub.web.api.fields import MOST_NAMES, OF_VALUES, TO_CHANGE, Values
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.frame import current_person


class Named(BaseModel):
    """Something of the source: a campaign, a form."""

    id: str
    name: str = Field(description="As the source named it last; empty: it did not say")


class LeadShape(BaseModel):
    """Somebody who left word that they want something."""

    id: UUID
    created_at: datetime = Field(description="When it was answered, as the source says")
    received_at: datetime
    name: str = Field(description="As answered")
    phone: str = Field(description="E.164; empty: none was recognised")
    email: str
    language: str = Field(description="Of the form, such as he")
    test: bool
    account: shapes.Ref | None
    party: shapes.Match | None = Field(description="The customer; null: nobody could be recognised")
    owner: shapes.Ref | None = Field(description="Who looks after it; null: everybody")
    stage: str = Field(description=", ".join(Stage))
    bucket: str = Field(description=f"How it was won: {', '.join(Bucket)}")
    platform: str = Field(description="fb, ig, web, google, whatsapp")
    form: Named | None
    campaign: Named | None
    contacted_at: datetime | None
    reached_at: datetime | None
    closed_at: datetime | None = Field(description="Nothing more is to be done since then")
    needs_mapping: bool = Field(description="Nobody said yet which answer is the name or the number")
    fields: Values = Field(description=OF_VALUES)


class AnswerShape(BaseModel):
    """One question with what was answered."""

    key: str
    label: str
    field: str = Field(description="What it is of the person, such as phone; empty: only an answer")
    private: bool = Field(description="Birth, gender, national numbers: its values are not handed out")
    values: list[str]


class OriginShape(BaseModel):
    """Where a lead came from."""

    ad_set: Named | None
    ad: Named | None
    page_url: str
    referrer: str
    utm: dict[str, str]
    click_ids: dict[str, str]


class ConsentShape(BaseModel):
    """A box that was to be ticked, as it stood there."""

    key: str
    checked: bool | None = Field(description="null: the source does not say, which is no consent")
    text: str
    url: str
    required: bool
    version: str
    given_at: datetime


class StageShape(BaseModel):
    """That a lead came to a stage."""

    stage: str
    at: datetime
    by: shapes.Ref | None = Field(description="Who said so; null: it follows from what happened")
    reason: str


class LeadWhole(LeadShape):
    """One lead with everything that is known of it."""

    answers: list[AnswerShape]
    origin: OriginShape | None
    consents: list[ConsentShape]
    stages: list[StageShape]


class LeadPage(paging.Page[LeadShape]):
    """A page of leads."""


class LeadQuery(paging.FieldPaging):
    """Which leads."""

    since: Moment | None = Field(None, description="Answered then or later")
    until: Moment | None = Field(None, description="Answered before then")
    party: UUID | None = None
    stage: Stage | None = None
    owner: UUID | None = Field(None, description="A user's id")
    campaign: str | None = Field(None, min_length=1, max_length=300, description="The campaign's id at its source")
    bucket: Bucket | None = None
    open: bool | None = Field(None, description="true: something is still to be done; false: nothing more")
    test: bool = Field(default=False, description="true: test leads instead of real ones")


class LeadChange(Body):
    """What is to be changed; what is not named stays."""

    owner: UUID | None = Field(None, description="A user's id; null: everybody")
    stage: Stage | None = Field(None, description=f"One that a person says: {', '.join(sorted(stages.BY_HAND))}")
    reason: str = Field("", max_length=500, description="Of the stage")
    fields: Values = Field(default={}, max_length=MOST_NAMES, description=TO_CHANGE)


@serve(Operation("GET", "/leads", "Leads, the newest first", Right.USE, LeadPage, query=LeadQuery, errors=(404,)))
def leads(session: Session, query: LeadQuery) -> LeadPage:
    """List leads; everybody who works here sees all of them, as in the inbox."""
    wanted = shapes.by_time(_wanted(session, query), LeadRow.created_at, LeadRow.id, query, newest_first=True)
    page, following = paging.cut(
        session.scalars(wanted).all(), query.limit, lambda row: [paging.micros(row.created_at), row.id]
    )
    return LeadPage(items=[LeadShape(**one) for one in _shaped(session, page)], next=following)


@serve(Operation("GET", "/leads/<uuid:lead_id>", "One lead whole", Right.USE, LeadWhole))
def lead(session: Session, lead_id: UUID) -> LeadWhole:
    """Return a lead with its answers, origin, consents and stages."""
    return _whole(session, lead_id)


@serve(
    Operation(
        "PATCH",
        "/leads/<uuid:lead_id>",
        "Say who looks after a lead, how far it came, or what is in its fields",
        Right.EDIT_PARTIES,
        LeadWhole,
        body=LeadChange,
        way=Way.WRITE,
        description="The same stage again changes nothing.",
    )
)
def change_lead(session: Session, lead_id: UUID, body: LeadChange) -> LeadWhole:
    """Change what is named in the body."""
    row = queries.row(session, lead_id, lock=True)
    if "owner" in body.model_fields_set:
        with shapes.within("owner"):
            change.give(session, row, body.owner)
    if body.stage is not None and body.stage != row.stage:
        stages.set_by(session, current_person(), row, body.stage, body.reason)
    known, region = fields.known(session), fields.region()
    field_change.record(session, current_person(), known, Of.LEAD, row, body.fields, region=region)
    session.flush()
    return _whole(session, lead_id)


def _wanted(session: Session, query: LeadQuery) -> Select[Any]:
    wanted = select(LeadRow).where(LeadRow.is_test.is_(query.test), *fields.where(session, LeadRow.fields, Of.LEAD))
    if query.campaign is not None or query.bucket is not None:
        wanted = wanted.join(Touchpoint, Touchpoint.lead_id == LeadRow.id)
    if query.campaign is not None:
        wanted = wanted.where(Touchpoint.campaign_id == query.campaign)
    if query.bucket is not None:
        wanted = wanted.where(Touchpoint.bucket == query.bucket)
    if query.since is not None:
        wanted = wanted.where(LeadRow.created_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(LeadRow.created_at < query.until)
    if query.party is not None:
        held = select(Participant.interaction_id).where(
            Participant.party_id.in_(shapes.party_ids(session, query.party)), Participant.kind == Kind.LEAD
        )
        wanted = wanted.where(LeadRow.interaction_id.in_(held))
    if query.stage is not None:
        wanted = wanted.where(LeadRow.stage == query.stage)
    if query.owner is not None:
        wanted = wanted.where(LeadRow.owner_id == shapes.user_id(session, query.owner))
    if query.open is not None:
        wanted = wanted.where(LeadRow.closed_at.is_(None) if query.open else LeadRow.closed_at.is_not(None))
    return wanted


def _shaped(session: Session, rows: Sequence[LeadRow]) -> list[dict[str, Any]]:
    """Return leads as the API shows them; each thing beside them is looked up once for all."""
    touches = {
        one.lead_id: one
        for one in session.scalars(select(Touchpoint).where(Touchpoint.lead_id.in_([row.id for row in rows])))
    }
    names = _names(session, list(touches.values()))
    on_timelines = [row.interaction_id for row in rows if row.interaction_id is not None]
    held = select(Participant.interaction_id, Participant.party_id).where(Participant.interaction_id.in_(on_timelines))
    party_of: dict[int | None, int | None] = dict(session.execute(held).all())
    parties = shapes.parties(session, party_of.values())
    users = shapes.users(session, (row.owner_id for row in rows))
    accounts = shapes.accounts(session, (row.account_id for row in rows))
    seen = fields.Seen(session)
    found = []
    for row in rows:
        touch = touches.get(row.id)
        found.append(
            {
                "id": row.public_id, "created_at": row.created_at, "received_at": row.received_at, "name": row.name,
                "phone": row.phone, "email": row.email, "language": row.language, "test": row.is_test,
                "account": accounts.get(row.account_id), "party": parties.get(party_of.get(row.interaction_id) or 0),
                "owner": users.get(row.owner_id or 0), "stage": row.stage, "bucket": touch.bucket if touch else "",
                "platform": touch.platform if touch else "",
                "form": Named(id=touch.form_id, name=touch.form_name) if touch and (touch.form_id or touch.form_name) else None,
                "campaign": _named(names, touch, "campaign"), "contacted_at": row.contacted_at, "reached_at": row.reached_at,
                "closed_at": row.closed_at, "needs_mapping": row.needs_mapping, "fields": seen.values(Of.LEAD, row.fields),
            }
        )  # fmt: skip
    return found


def _whole(session: Session, lead_id: UUID) -> LeadWhole:
    whole, row = queries.whole(session, lead_id), queries.row(session, lead_id)
    touch = whole.touch
    names = _names(session, [touch] if touch else [])
    users = shapes.users(session, (one.user_id for one in whole.stages))
    origin = None
    if touch is not None:
        origin = OriginShape(
            ad_set=_named(names, touch, "adset"), ad=_named(names, touch, "ad"), page_url=touch.page_url,
            referrer=touch.referrer, utm=touch.utm, click_ids=touch.clicks,
        )  # fmt: skip
    return LeadWhole(
        **_shaped(session, [row])[0],
        answers=[_answer(one) for one in whole.answers],
        origin=origin,
        consents=[
            ConsentShape(
                key=one.key, checked=one.checked, text=one.text, url=one.url, required=one.required,
                version=one.version, given_at=one.given_at,
            )
            for one in whole.consents
        ],
        stages=[_stage(one, users.get(one.user_id or 0)) for one in whole.stages],
    )  # fmt: skip


def _answer(row: LeadAnswer) -> AnswerShape:
    is_private = masked(row)
    values = [] if is_private else [str(one) for one in row.shown or row.sent]
    return AnswerShape(key=row.key, label=row.label, field=row.field, private=is_private, values=values)


def _stage(row: LeadStage, by: shapes.Ref | None) -> StageShape:
    return StageShape(stage=row.stage, at=row.at, by=by, reason=row.reason)


def _names(session: Session, touches: Sequence[Touchpoint]) -> dict[tuple[int, str, str], str]:
    """Return what campaigns, ad sets and ads are called now."""
    wanted = {(one.account_id, level, _id_of(one, level)) for one in touches for level in ("campaign", "adset", "ad")}
    place = tuple_(AdName.account_id, AdName.level, AdName.remote_id)
    rows = session.scalars(select(AdName).where(place.in_([one for one in wanted if one[2]])))
    return {(row.account_id, row.level, row.remote_id): row.name for row in rows}


def _named(names: dict[tuple[int, str, str], str], touch: Touchpoint | None, level: str) -> Named | None:
    remote_id = _id_of(touch, level) if touch is not None else ""
    if touch is None or not remote_id:
        return None
    return Named(id=remote_id, name=names.get((touch.account_id, level, remote_id), ""))


def _id_of(touch: Touchpoint, level: str) -> str:
    return {"campaign": touch.campaign_id, "adset": touch.adset_id, "ad": touch.ad_id}[level]
