"""Booking a meeting: who of us, when everybody is free, what it says; moving one, and calling it off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import parties
from hub.identity.models import Identifier, Party
from hub.meetings import book
from hub.meetings.plan import Ask, Draft, Scope
from hub.records.meeting import Attendee, WallTime
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import booking_times, booking_words
from hub.web.console.booking_times import LENGTHS, Choice
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("booking", __name__)
FARTHEST = timedelta(days=3 * 366)
blueprint.add_app_template_global(booking_words.beside, "booking_beside")
blueprint.add_app_template_global(booking_words.reason, "booking_reason")


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody whose calendar a meeting may go to."""

    id: int
    name: str
    email: str
    has_calendar: bool


# --- a new one ----------------------------------------------------------------------------------------------------


@blueprint.get("/meetings/new")
@needs(Right.BOOK_MEETINGS)
def new() -> ResponseReturnValue:
    """Show the form for a new meeting; of htmx, the free times alone."""
    with current_hub().db.read() as session:
        party = _party(session, request.args.get("party", ""))
        people = _colleagues(session)
        choice = booking_times.choice(request.args, _first_host(people, party))
    # Remotes are asked, which takes a while: whoever looks at the page sees it first, and the times when they are there.
    times = booking_times.find(choice) if auth.is_htmx() or "find" in request.args else None
    if auth.is_htmx():
        return render_template("agent/_free_times.html", times=times, choice=choice, error="", field="")
    return _form(party, people, choice, times, {}, None)


@blueprint.post("/meetings")
@needs(Right.BOOK_MEETINGS)
def create() -> ResponseReturnValue:
    """Book a meeting."""
    form, person, hub = request.form, current_person(), current_hub()
    with hub.db.read() as session:
        party = _party(session, form.get("party", ""))
        people = _colleagues(session)
    choice = booking_times.choice(form, _first_host(people, party))
    try:
        start, is_proposed = _start(form)
        if is_proposed:
            booking_times.check(choice, start)
        with hub.db.write() as session:
            attendees = _guests(session, party, people, choice) if form.get("invite") else ()
            zone = booking_times.zone_of(session, choice.host_id)
            draft = Draft(
                title=_title(form),
                start=WallTime.at(start, zone),
                end=WallTime.at(start + choice.length, zone),
                description=form.get("description", "").replace("\r\n", "\n").strip(),
                location=form.get("location", "").strip(),
                attendees=attendees,
            )
            wanted = book.New(choice.host_id, party, draft)
            made = book.make(session, person, wanted, _ask(form, notify=bool(attendees)), zone=_hub_zone())
    except UserError as error:
        return _form(party, people, choice, booking_times.find(choice), form, error), 422
    hub.trigger.notify("outbox")
    return redirect(url_for(".one", public_id=made.public_id, party=party.public_id if party else None), 303)


# --- one that is there --------------------------------------------------------------------------------------------


@blueprint.route("/meetings/<uuid:interaction>/move", methods=["GET", "POST"])
@needs(Right.BOOK_MEETINGS)
def move(interaction: UUID) -> ResponseReturnValue:
    """Move a meeting to another time."""
    form, hub = request.form, current_hub()
    try:
        with hub.db.read() as session:
            row = book.to_change(session, current_person(), interaction, now())
            shown = booking_times.shown(session, interaction)
    except UserError as error:
        return _refused(error)
    choice = booking_times.choice(
        request.values, row.user_id or 0, minutes=shown.minutes, moving=row.uid, around=shown.start
    )
    if request.method == "GET":
        times = booking_times.find(choice) if auth.is_htmx() or "find" in request.args else None
        if auth.is_htmx():
            return render_template("agent/_free_times.html", times=times, choice=choice, error="", field="")
        return _move_form(interaction, row, shown, choice, times, {}, None)
    try:
        start, _is_proposed = _start(form)
        with hub.db.write() as session:
            zone, scope = booking_times.zone_of(session, row.user_id or 0), _scope(form, row)
            wanted = book.times(row, scope, shown.start, start, choice.length, zone=zone)
            ask = _ask(form, notify=bool(form.get("notify")))
            done = book.change(session, current_person(), interaction, wanted, ask, scope=scope, zone=_hub_zone())
    except UserError as error:
        return _move_form(interaction, row, shown, choice, booking_times.find(choice), form, error), 422
    if done is None:
        return _back()
    hub.trigger.notify("outbox")
    return redirect(url_for(".one", public_id=done.public_id, party=_party_id()), 303)


@blueprint.route("/meetings/<uuid:interaction>/call-off", methods=["GET", "POST"])
@needs(Right.BOOK_MEETINGS)
def call_off(interaction: UUID) -> ResponseReturnValue:
    """Call a meeting off."""
    form, hub = request.form, current_hub()
    try:
        with hub.db.read() as session:
            row = book.to_change(session, current_person(), interaction, now())
            shown = booking_times.shown(session, interaction)
        if request.method == "POST":
            ask = _ask(form, notify=bool(form.get("notify")))
            with hub.db.write() as session:
                done = book.call_off(
                    session, current_person(), interaction, ask, scope=_scope(form, row), zone=_hub_zone()
                )
            hub.trigger.notify("outbox")
            return redirect(url_for(".one", public_id=done.public_id, party=_party_id()), 303)
    except UserError as error:
        return _refused(error)
    facts = {"interaction": interaction, "row": row, "shown": shown, "key": uuid4(), "party_id": _party_id()}
    return render_template("agent/call_off.html", **facts, has_guests=_has_guests(row))


# --- how far it is ------------------------------------------------------------------------------------------------


@blueprint.get("/meetings/bookings/<uuid:public_id>")
@needs(Right.BOOK_MEETINGS)
def one(public_id: UUID) -> ResponseReturnValue:
    """Say how far a booking is."""
    return _one(public_id)


@blueprint.post("/meetings/bookings/<uuid:public_id>/<any(undo, retry, discard):what>")
@needs(Right.BOOK_MEETINGS)
def act(public_id: UUID, what: str) -> ResponseReturnValue:
    """Take a booking back, try it again, or give it up."""
    hub, person = current_hub(), current_person()
    acts = {"undo": book.undo, "retry": book.retry, "discard": book.discard}
    try:
        with hub.db.write() as session:
            acts[what](session, person, public_id, zone=_hub_zone())
    except NotFoundError:
        raise
    except UserError as error:
        return _one(public_id, error)
    hub.trigger.notify("outbox")
    return redirect(url_for(".one", public_id=public_id, party=_party_id()), 303)


# --- what the pages show ------------------------------------------------------------------------------------------


def _one(public_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        stand = book.stand(session, current_person(), public_id)
        booking = stand.booking
        host = session.get(User, booking.user_id) if booking.user_id else None
        party = session.get(Party, booking.party_id) if booking.party_id else None
        party = party or _party(session, request.values.get("party", ""))
    words = booking_words.of_booking(stand, host.name if host else booking.mailbox)
    facts = {"stand": stand, "words": words, "party": party, "error": booking_words.sentence(error) if error else ""}
    template = "agent/_booking.html" if auth.is_htmx() else "agent/booking.html"
    return render_template(template, **facts), 422 if error else 200


def _form(
    party: Party | None,
    people: Sequence[Colleague],
    choice: Choice,
    times: booking_times.Times | None,
    typed: Mapping[str, Any],
    error: UserError | None,
) -> str:
    with current_hub().db.read() as session:
        email = _email(session, party)
    title = typed.get("title") or (_("Meeting with %(name)s", name=party.name) if party else "")
    return render_template(
        "agent/new_meeting.html",
        party=party,
        email=email,
        people=people,
        choice=choice,
        lengths=LENGTHS,
        times=times,
        typed=typed,
        title=title,
        key=typed.get("key") or uuid4(),
        **_fault(error),
    )


def _move_form(
    interaction: UUID,
    row: book.Row,
    shown: booking_times.Shown,
    choice: Choice,
    times: booking_times.Times | None,
    typed: Mapping[str, Any],
    error: UserError | None,
) -> str:
    return render_template(
        "agent/move_meeting.html",
        interaction=interaction,
        row=row,
        shown=shown,
        choice=choice,
        lengths=LENGTHS,
        times=times,
        typed=typed,
        has_guests=_has_guests(row),
        key=typed.get("key") or uuid4(),
        party_id=_party_id(),
        **_fault(error),
    )


def _refused(error: UserError) -> ResponseReturnValue:
    """Show why a meeting cannot be changed here."""
    if isinstance(error, NotFoundError):
        raise error
    text = booking_words.sentence(error)
    return render_template("agent/no_change.html", text=text, party_id=_party_id()), 422


def _back() -> ResponseReturnValue:
    party_id = _party_id()
    return redirect(url_for("customers.page", public_id=party_id) if party_id else url_for("my_day.page"), 303)


# --- out of the form ----------------------------------------------------------------------------------------------


def _title(form: Mapping[str, str]) -> str:
    title = " ".join(form.get("title", "").split())
    if not title:
        raise UserError("Say what the meeting is about.", error_id="no_title", field="title")
    return title


def _start(form: Mapping[str, str]) -> tuple[datetime, bool]:
    """Return when it begins, and whether that was one of the proposals.

    Raises:
        UserError: nothing was chosen, or no time.
    """
    chosen = form.get("slot", "")
    own = form.get("at", "").strip()
    fault = UserError("Choose one of the times, or write one.", error_id="no_time", field="at" if own else "slot")
    try:
        if chosen not in {"", "own"}:
            start, is_proposed = datetime.fromisoformat(chosen), True
        else:
            start, is_proposed = datetime.fromisoformat(own), False
            if start.tzinfo is None:
                start = booking_times.instant(start)
    except (ValueError, OverflowError):
        raise fault from None
    if start.tzinfo is None or abs(start - now()) > FARTHEST:
        raise fault
    return start.astimezone(UTC), is_proposed


def _ask(form: Mapping[str, str], *, notify: bool) -> Ask:
    """Return what was asked, by the key of the form: sent twice it is one."""
    try:
        key = UUID(form.get("key", ""))
    except ValueError:
        raise UserError("This form is damaged. Open the page again.", error_id="bad_form") from None
    return Ask(str(key), now(), notify)


def _scope(form: Mapping[str, str], row: book.Row) -> Scope:
    is_one = row.is_series and row.original_start is not None and form.get("scope", Scope.THIS) != Scope.ALL
    return Scope.THIS if is_one else Scope.ALL


def _guests(session: Session, party: Party | None, people: Sequence[Colleague], choice: Choice) -> tuple[Attendee, ...]:
    """Return who is invited: the customer, and the colleagues who are to be there too."""
    email = _email(session, party)
    guests = [Attendee(email, party.name)] if party is not None and email else []
    guests += [Attendee(one.email, one.name) for one in people if one.id in choice.also]
    if not guests:
        raise UserError("There is nobody to invite: no e-mail address is known.", error_id="no_guest", field="invite")
    return tuple(guests)


def _party(session: Session, text: str) -> Party | None:
    try:
        return parties.get(session, UUID(text)) if text else None
    except ValueError:
        raise NotFoundError("There is no such customer.") from None


def _party_id() -> UUID | None:
    """Return the customer from whose page somebody came."""
    try:
        return UUID(request.values.get("party", ""))
    except ValueError:
        return None


def _email(session: Session, party: Party | None) -> str:
    held: Sequence[Identifier] = parties.identifiers(session, party) if party is not None else ()
    return next((row.value for row in held if row.kind == parties.EMAIL), "")


def _colleagues(session: Session) -> list[Colleague]:
    users = session.scalars(select(User).where(User.disabled_at.is_(None)).order_by(User.name)).all()
    calendars = book.calendars_of(session, [user.id for user in users])
    return [Colleague(user.id, user.name, user.email, user.id in calendars) for user in users]


def _first_host(people: Sequence[Colleague], party: Party | None) -> int:
    """Return who is most likely meant: whose customer it is, else who asks, else the first who has a calendar."""
    able = [one.id for one in people if one.has_calendar]
    wanted = [party.owner_id if party is not None else None, current_person().id]
    return next((one for one in wanted if one in able), able[0] if able else 0) or 0


def _has_guests(row: book.Row) -> bool:
    return any(not one.resource for one in row.current.attendees)


def _fault(error: UserError | None) -> dict[str, str]:
    return {"error": booking_words.sentence(error), "field": error.field} if error else {"error": "", "field": ""}


def _hub_zone() -> str:
    return current_hub().settings.hub.time_zone
