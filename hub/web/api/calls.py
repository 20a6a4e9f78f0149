"""Calls: the list, one of them, and what can be done with the telephone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from hub.cti import queries
from hub.cti.models import CallRow, LegRow, Pop
from hub.errors import NotFoundError, UserError
from hub.fields import change
from hub.fields.models import Of
from hub.identity.phone import PhoneContext, read
from hub.records.call import Direction, Outcome
from hub.security.policy import Person, Right, may
from hub.web.api import fields, paging, shapes
from hub.web.api.fields import MOST_NAMES, OF_VALUES, TO_CHANGE, Values
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.frame import current_hub, current_person


class LegShape(BaseModel):
    """One phone's or number's part in a call."""

    extension: str | None
    number: str | None = Field(description="Where it is no phone of ours")
    user: str | None = Field(description="E-mail of who uses the extension")
    origin: bool = Field(description="It made the call")
    offered_at: datetime
    ringing_at: datetime | None = Field(description="When the phone itself rang")
    answered_at: datetime | None
    ended_at: datetime | None
    result: str | None = Field(description="answered, elsewhere, noanswer, busy, declined, cancelled or failed")
    talk_s: float
    consult_by: str | None = Field(description="Extension of the colleague who asked, where it was a question")


class TransferShape(BaseModel):
    """A call that was handed on."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    at: datetime
    kind: str = Field(description="blind, attended, redirect, pickup or forward")
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    result: str | None


class RecordingRef(BaseModel):
    """A recording of a call; read it at /recordings/{id}."""

    id: UUID
    state: str = Field(description="pending, ready, empty, missing, refused or purged")
    voicemail: bool
    size: int | None = Field(description="Bytes")


class CallShape(BaseModel):
    """One conversation, from its first ringing to its end."""

    id: UUID
    pbx: str = Field(description="Name of the exchange's account")
    key: str = Field(description="What the exchange calls it")
    direction: Direction
    outcome: Outcome | None = Field(description="null while it is open")
    reason: str
    open: bool
    caller: str = Field(description="As the exchange knew it; empty where it was withheld")
    caller_name: str
    withheld: bool
    callee: str
    number: str = Field(description="The outside party's: E.164 where it is a valid number")
    did: str = Field(description="Inbound: the number that was dialled")
    queue: str | None
    customer_number: str = Field(description="What the caller keyed in: a claim, not a proof")
    click_id: str | None = Field(description="The order of click-to-dial that it came from")
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    end_estimated: bool
    hangup_by: str | None = Field(description="caller, agent or pbx")
    wait_s: float
    ring_s: float
    talk_s: float = Field(description="With the customer, all legs")
    source: str = Field(description="live, backfill or webhook")
    party: UUID | None
    match_basis: str | None = Field(description="How the party was found: number, keyed, click, manual or ambiguous")
    candidates: list[UUID] = Field(description="Parties, where several fit")
    user: str | None = Field(description="E-mail of who spoke last, or called")
    disposition: str | None = Field(description="What the agent chose")
    legs: list[LegShape]
    transfers: list[TransferShape]
    recordings: list[RecordingRef]
    fields: Values = Field(description=OF_VALUES)


class CallPage(paging.Page[CallShape]):
    """A page of calls."""


class CallQuery(paging.FieldPaging):
    """Which calls."""

    since: Moment | None = Field(None, description="Started then or later")
    until: Moment | None = Field(None, description="Started before then")
    outcome: tuple[Outcome, ...] = Field((), description="Several: outcome=missed,busy")
    direction: Direction | None = None
    number: str | None = Field(None, min_length=1, max_length=100, description="The outside party's, in any spelling")
    party: UUID | None = None
    open: bool | None = Field(None, description="true: in progress; false: ended")


class CallChange(Body):
    """What is to be changed; what is not named stays."""

    fields: Values = Field(default={}, max_length=MOST_NAMES, description=TO_CHANGE)


class Dial(Body):
    """An order to call somebody."""

    extension: str = Field("", max_length=40, description="The phone that rings first; a token of its own must say one")
    number: str = Field(min_length=1, max_length=100)
    party: UUID | None = Field(None, description="Whom it concerns, where the number does not tell")


class Ordered(BaseModel):
    """An order that the exchange took; the call that comes of it carries `click_id`."""

    click_id: str
    extension: str
    number: str = Field(description="As it is dialled")
    state: str = Field(description="ordered: nothing came back yet; taken: the call is there")


class Transfer(Body):
    """Where to hand a call on to."""

    extension: str = Field(min_length=1, max_length=100, description="An extension or a number")


class Pause(Body):
    """Whether the recording is to pause."""

    paused: bool


@serve(Operation("GET", "/calls", "Calls, newest first", Right.USE, CallPage, query=CallQuery, errors=(404,)))
def calls(session: Session, query: CallQuery) -> CallPage:
    """List calls: for agents those that rang at them or that they made."""
    wanted = shapes.by_time(_wanted(session, query), CallRow.started_at, CallRow.id, query, newest_first=True)
    rows = session.scalars(wanted).all()
    page, following = paging.cut(rows, query.limit, lambda row: [paging.micros(row.started_at), row.id])
    return CallPage(items=shaped(session, page), next=following)


@serve(Operation("GET", "/calls/<uuid:call_id>", "One call", Right.USE, CallShape))
def call(session: Session, call_id: UUID) -> CallShape:
    """Return one call."""
    return shaped(session, [visible_call(session, call_id)])[0]


@serve(
    Operation(
        "PATCH",
        "/calls/<uuid:call_id>",
        "Say what is in the fields of a call",
        Right.EDIT_PARTIES,
        CallShape,
        body=CallChange,
        way=Way.WRITE,
    )
)
def change_call(session: Session, call_id: UUID, body: CallChange) -> CallShape:
    """Change what is named in the body."""
    row, known = visible_call(session, call_id), fields.known(session)
    change.record(session, current_person(), known, Of.CALL, row, body.fields, region=fields.region())
    return shaped(session, [row])[0]


@serve(
    Operation(
        "POST",
        "/calls",
        "Click-to-dial: ring a phone, then call a number from it",
        Right.DIAL,
        Ordered,
        body=Dial,
        status=201,
        way=Way.OUTSIDE,
        description=(
            "The answer comes when the exchange took the order. With an Idempotency-Key nobody's phone rings twice; a 503 "
            "is kept under the key as well, since the exchange may have heard us: take a new key to try again."
        ),
    )
)
def dial(body: Dial, effect_id: str) -> Ordered:
    """Give the order once."""
    hub = current_hub()
    with hub.db.write() as session:
        with shapes.within("party"):
            party_id = shapes.party_ids(session, body.party)[0] if body.party else None
        click = hub.telephone.dial(
            session,
            current_person(),
            body.number,
            extension=body.extension,
            party_id=party_id,
            click_id=f"hub-{effect_id}" if effect_id else "",
        )
        if click.state == "refused":
            raise UserError(click.error or "The exchange refused", error_id="refused")
        return Ordered(click_id=click.id, extension=click.extension, number=click.number, state=click.state)


@serve(
    Operation(
        "POST", "/calls/<uuid:call_id>/hangup", "End a call", Right.CONTROL_OWN_CALL, answer=None, way=Way.OUTSIDE
    )
)
def hang_up(call_id: UUID, effect_id: str) -> None:  # noqa: ARG001 - a call ends once
    """End a call that one is in."""
    current_hub().telephone.hang_up(current_person(), _seen(call_id))


@serve(
    Operation(
        "POST",
        "/calls/<uuid:call_id>/transfer",
        "Hand a call on, without asking there first",
        Right.CONTROL_OWN_CALL,
        answer=None,
        body=Transfer,
        way=Way.OUTSIDE,
    )
)
def transfer(call_id: UUID, body: Transfer, effect_id: str) -> None:  # noqa: ARG001 - who handed on is out
    """Hand on a call that one is in."""
    current_hub().telephone.transfer(current_person(), _seen(call_id), body.extension)


@serve(
    Operation(
        "POST",
        "/calls/<uuid:call_id>/recording",
        "Pause the recording while something secret is said, or go on",
        Right.CONTROL_OWN_CALL,
        answer=None,
        body=Pause,
        way=Way.OUTSIDE,
    )
)
def pause_recording(call_id: UUID, body: Pause, effect_id: str) -> None:  # noqa: ARG001 - says a state, not a change
    """Pause or resume the recording of a call that one is in."""
    current_hub().telephone.pause_recording(current_person(), _seen(call_id), paused=body.paused)


def visible_call(session: Session, public_id: UUID) -> CallRow:
    """Return a call.

    Raises:
        NotFoundError: there is none, or not for this person.
    """
    row: CallRow | None = session.scalar(_visible(current_person()).where(CallRow.public_id == public_id))
    if row is None:
        raise NotFoundError(f"There is no call {public_id}, or you took no part in it")
    return row


def _seen(public_id: UUID) -> CallRow:
    """Return a call for an order to the exchange, with no transaction left open."""
    with current_hub().db.read() as session:
        return visible_call(session, public_id)


def shaped(session: Session, rows: Sequence[CallRow]) -> list[CallShape]:
    """Return calls as the API shows them."""
    seen = fields.Seen(session)
    return [
        CallShape.model_validate({**one, "fields": seen.values(Of.CALL, row.fields)})
        for row, one in zip(rows, queries.view(session, rows), strict=True)
    ]


def _visible(person: Person) -> Select[Any]:
    """Calls that rang at the person, that they made or whose card they saw; all for who sees all calls."""
    wanted = select(CallRow)
    if may(person.role, Right.SEE_ALL_CALLS):
        return wanted
    leg = exists().where(LegRow.call_id == CallRow.id, LegRow.user_id == person.id)
    pop = exists().where(Pop.call_id == CallRow.id, Pop.user_id == person.id)
    return wanted.where(or_(leg, pop))


def _wanted(session: Session, query: CallQuery) -> Select[Any]:
    wanted = _visible(current_person()).where(*fields.where(session, CallRow.fields, Of.CALL))
    if query.since is not None:
        wanted = wanted.where(CallRow.started_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(CallRow.started_at < query.until)
    if query.outcome:
        wanted = wanted.where(CallRow.outcome.in_(query.outcome))
    if query.direction is not None:
        wanted = wanted.where(CallRow.direction == query.direction)
    if query.number is not None:
        wanted = wanted.where(CallRow.number.in_(_spellings(query.number)), CallRow.withheld.is_(False))
    if query.party is not None:
        wanted = wanted.where(CallRow.party_id.in_(shapes.party_ids(session, query.party)))
    if query.open is not None:
        wanted = wanted.where(CallRow.open.is_(query.open))
    return wanted


def _spellings(raw: str) -> set[str]:
    """Return how the number may be stored: normal where it is one, else as the exchange wrote it."""
    phones = read(raw, PhoneContext(region=current_hub().settings.hub.region)).phones
    return {raw.strip(), *(phone.key for phone in phones)}
