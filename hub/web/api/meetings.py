"""Meetings: those of the calendars, those that programs book for people, and when people are busy."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import parties
from hub.meetings import book, busy
from hub.meetings.free_busy import LONGEST_SEARCH
from hub.meetings.plan import LONGEST_TEXT, LONGEST_TITLE, Ask, Draft
from hub.records.meeting import Attendee, WallTime
from hub.security import businesses
from hub.security.models import User
from hub.security.policy import Right, Seen, sees, sees_business
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from hub.web.api import paging, shapes
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.api.paging import Query
from hub.web.api.timeline import ParticipantShape, participants
from hub.web.frame import current_hub, current_person

LOOKS = (500, 500, 1_000)  # rows looked at for a page, where many are not for it: who is in one has no index


class AttendeeShape(BaseModel):
    """Somebody who is asked to come."""

    address: str
    name: str
    response: str = Field(description="accepted, declined, tentative or waiting; empty: not known")


class MeetingShape(BaseModel):
    """One time of a meeting. Where only the metadata may be seen, what it says is left empty."""

    id: UUID
    title: str
    started_at: datetime
    ended_at: datetime | None
    all_day: bool
    day: date | None = Field(description="The first one, where it takes whole days")
    zone: str = Field(description="Of its wall time; empty: whole days, or not known")
    cancelled: bool
    repeats: bool = Field(description="It is one time of a series; of what lies ahead only the next one is here")
    location: str
    join_url: str
    description: str
    organiser: str
    attendees: list[AttendeeShape]
    parties: list[ParticipantShape]
    user: shapes.Ref | None = Field(description="In whose calendar it is; null: in nobody's")
    account: shapes.Ref | None = Field(description="The connection it came by")
    source_url: str
    visibility: str = Field(description="all, metadata or owner")
    hidden: bool = Field(description="Only the metadata may be seen")


class MeetingPage(paging.Page[MeetingShape]):
    """A page of meetings."""


class MeetingQuery(paging.Paging):
    """Which meetings."""

    since: Moment | None = Field(None, description="Begins then or later")
    until: Moment | None = Field(None, description="Begins before then")
    party: UUID | None = None
    user: UUID | None = Field(None, description="A user who is in it")


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
        "GET",
        "/meetings",
        "Meetings, newest first",
        Right.USE,
        MeetingPage,
        query=MeetingQuery,
        errors=(404,),
        description="A page may be short, or empty, and not the last one: follow `next` until it is null.",
    )
)
def meetings(session: Session, query: MeetingQuery) -> MeetingPage:
    """List meetings as timelines have them, as far as the reader may see them."""
    eye = _Eye(session)
    user_id = shapes.user_id(session, query.user) if query.user else None
    wanted = _wanted(session, query)
    found: list[Interaction] = []
    after = query.after
    for many in (query.limit + 1, *LOOKS):
        asked = query.model_copy(update={"after": after, "limit": many - 1})
        ordered = shapes.by_time(wanted, Interaction.started_at, Interaction.id, asked, newest_first=True)
        rows = session.scalars(ordered).all()
        for row in rows:
            if len(found) == query.limit:
                return MeetingPage(items=_shaped(session, eye, found), next=after)
            after = paging.cursor([paging.micros(row.started_at), row.id])
            if eye.sees(row) is not Seen.NOTHING and (user_id is None or user_id in eye.among(row)):
                found.append(row)
        if len(rows) < many:
            return MeetingPage(items=_shaped(session, eye, found), next=None)
    return MeetingPage(items=_shaped(session, eye, found), next=after)


@serve(Operation("GET", "/meetings/<uuid:meeting_id>", "One meeting", Right.USE, MeetingShape))
def meeting(session: Session, meeting_id: UUID) -> MeetingShape:
    """Return one time of a meeting."""
    eye = _Eye(session)
    wanted = select(Interaction).where(Interaction.public_id == meeting_id, Interaction.kind == Kind.MEETING)
    row = session.scalars(wanted).one_or_none()
    if row is None or eye.sees(row) is Seen.NOTHING:
        raise NotFoundError(f"There is no meeting {meeting_id}, or it is not for you")
    return _shaped(session, eye, [row])[0]


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


class _Eye:
    """What the reader sees of meetings."""

    def __init__(self, session: Session) -> None:
        self._person = current_person()
        self._allowed = businesses.allowed(session, self._person)

    def sees(self, row: Interaction) -> Seen:
        if not sees_business(self._allowed, row.business_id):
            return Seen.NOTHING
        users = row.detail.get("users", ())
        return sees(self._person, visibility=row.visibility, owner_id=row.owner_id, among=users)

    def among(self, row: Interaction) -> set[int | None]:
        """Return the users who are in it, as far as the reader may know."""
        users = row.detail.get("users", ()) if self.sees(row) is Seen.FULL else ()
        return {row.owner_id, *users}


def _wanted(session: Session, query: MeetingQuery) -> Select[Any]:
    wanted = select(Interaction).where(Interaction.kind == Kind.MEETING)
    if query.since is not None:
        wanted = wanted.where(Interaction.started_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(Interaction.started_at < query.until)
    if query.party is not None:
        held = select(Participant.interaction_id).where(
            Participant.party_id.in_(shapes.party_ids(session, query.party)), Participant.kind == Kind.MEETING
        )
        wanted = wanted.where(Interaction.id.in_(held))
    return wanted


def _shaped(session: Session, eye: _Eye, rows: Sequence[Interaction]) -> list[MeetingShape]:
    people = participants(session, [row.id for row in rows])
    users = shapes.users(session, (row.owner_id for row in rows))
    accounts = shapes.accounts(session, (row.account_id for row in rows))
    shaped = []
    for row in rows:
        is_full = eye.sees(row) is Seen.FULL
        said = row.detail if is_full else {}
        shaped.append(
            MeetingShape(
                id=row.public_id,
                title=row.summary if is_full else "",
                started_at=row.started_at,
                ended_at=row.ended_at,
                all_day=bool(row.detail.get("all_day")),
                day=row.detail.get("day") or None,
                zone=said.get("zone", ""),
                cancelled=bool(row.detail.get("cancelled")),
                repeats=bool(said.get("repeats")),
                location=said.get("location", ""),
                join_url=said.get("join_url", ""),
                description=said.get("description", ""),
                organiser=said.get("organiser", ""),
                attendees=[
                    AttendeeShape(
                        address=one.get("address", ""), name=one.get("name", ""), response=one.get("response", "")
                    )
                    for one in said.get("attendees", ())
                ],
                parties=people.get(row.id, []),
                user=users.get(row.owner_id or 0),
                account=accounts.get(row.account_id or 0),
                source_url=row.source_url if is_full else "",
                visibility=row.visibility,
                hidden=not is_full,
            )
        )
    return shaped
