"""Meetings that programs book for people, and when people are busy."""

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID, uuid4

from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import parties
from hub.meetings import book, busy
from hub.meetings.free_busy import LONGEST_SEARCH
from hub.meetings.plan import LONGEST_TEXT, LONGEST_TITLE, Ask, Draft
from hub.records.meeting import Attendee, WallTime
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.web.api import shapes
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.api.paging import Query
from hub.web.frame import current_hub, current_person


class NewMeeting(Body):
    """A meeting to be made in somebody's calendar."""

    user: UUID = Field(description="Whose calendar it goes to")
    party: UUID | None = Field(None, description="The customer whom it is with")
    title: str = Field(min_length=1, max_length=LONGEST_TITLE)
    start: Moment
    end: Moment
    description: str = Field("", max_length=LONGEST_TEXT)
    location: str = Field("", max_length=LONGEST_TITLE)
    invite: bool = Field(default=False, description="Send the customer an invitation; else nobody is told")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if not self.start < self.end <= self.start + timedelta(days=31):
            raise ValueError("end must be after start, at most 31 days")
        return self


class BookingShape(BaseModel):
    """What became of something that was asked of a meeting."""

    id: UUID
    what: str = Field(description="create, change or cancel")
    state: str = Field(description="waiting, written, refused, undone or dropped")
    user: shapes.Ref | None = Field(description="Whose calendar it is")
    party: shapes.Match | None
    why: str = Field(description="Why it was refused, or still waits")
    asked_at: datetime


class BusySpan(BaseModel):
    """A time in which somebody is busy; of what, is nobody's business."""

    start: datetime
    end: datetime
    tentative: bool


class FreeBusy(BaseModel):
    """When somebody is busy, as far as the hub knows."""

    user: shapes.Ref
    as_of: datetime | None = Field(description="How old this is; null: no calendar of this user is known")
    busy: list[BusySpan]


class FreeBusyQuery(Query):
    """Of whom, and when."""

    user: UUID
    since: Moment = Field(alias="from")
    until: Moment = Field(alias="to")

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if not self.since < self.until <= self.since + LONGEST_SEARCH:
            raise ValueError(f"to must be after from, at most {LONGEST_SEARCH.days} days")
        return self


@serve(
    Operation(
        "POST",
        "/meetings",
        "Book a meeting in somebody's calendar",
        Right.BOOK_MEETINGS,
        BookingShape,
        body=NewMeeting,
        status=201,
        way=Way.WRITE,
    )
)
def add_meeting(session: Session, body: NewMeeting) -> BookingShape:
    """Book a meeting; it is written to the calendar a little later."""
    with shapes.within("user"):
        host = session.get_one(User, shapes.user_id(session, body.user))
    with shapes.within("party"):
        party = parties.get(session, body.party) if body.party else None
    email = next((one.value for one in parties.identifiers(session, party) if one.kind == "email"), "") if party else ""
    if body.invite and not email:
        raise UserError("There is nobody to invite: no e-mail address is known.", error_id="no_guest", field="invite")
    zone = host.time_zone or current_hub().settings.hub.time_zone
    draft = Draft(
        body.title,
        WallTime.at(body.start, zone),
        WallTime.at(body.end, zone),
        body.description,
        body.location,
        attendees=(Attendee(email, party.name),) if body.invite and party else (),
    )
    made = book.make(
        session,
        current_person(),
        book.New(host.id, party, draft),
        Ask(str(uuid4()), now(), body.invite),
        zone=current_hub().settings.hub.time_zone,
    )
    return _shape(session, made.public_id)


@serve(
    Operation(
        "GET",
        "/meetings/bookings/<uuid:booking_id>",
        "What became of a booking",
        Right.BOOK_MEETINGS,
        BookingShape,
    )
)
def booking(session: Session, booking_id: UUID) -> BookingShape:
    """Say how far a booking is."""
    return _shape(session, booking_id)


@serve(Operation("GET", "/freebusy", "When somebody is busy", Right.USE, FreeBusy, query=FreeBusyQuery, errors=(404,)))
def free_busy(session: Session, query: FreeBusyQuery) -> FreeBusy:
    """Return when a user is busy, out of the calendars that the hub reads."""
    user = session.get_one(User, shapes.user_id(session, query.user))
    diary = busy.read(session, [user.id], query.since, query.until)[user.id]
    zone = user.time_zone or current_hub().settings.hub.time_zone
    spans = [(*busy.instants(one, zone), one.tentative) for one in diary.busy]
    return FreeBusy(
        user=shapes.Ref(id=user.public_id, name=user.name),
        as_of=diary.as_of,
        busy=[BusySpan(start=start, end=end, tentative=tentative) for start, end, tentative in sorted(spans)],
    )


def _shape(session: Session, public_id: UUID) -> BookingShape:
    stand = book.stand(session, current_person(), public_id)
    row = stand.booking
    return BookingShape(
        id=row.public_id,
        what=stand.wish.verb,
        state=row.state,
        user=shapes.users(session, [row.user_id]).get(row.user_id or 0),
        party=shapes.parties(session, [row.party_id]).get(row.party_id or 0),
        why=row.why or stand.error,
        asked_at=row.asked_at,
    )
