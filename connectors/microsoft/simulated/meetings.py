"""What connects the calendars of several people: invitations, answers, changes and cancellations.

Exchange always tells guests of what an organiser does; only who leaves guests out keeps them from hearing of it.
Source: https://learn.microsoft.com/graph/api/user-post-events
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

from connectors.microsoft.simulated import event_rules as rules
from connectors.microsoft.simulated import patterns
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request
from connectors.microsoft.simulated.expansion import times
from connectors.microsoft.simulated.items import Calendar, Item
from connectors.microsoft.simulated.stamps import stamp
from connectors.microsoft.simulated.zones import wall

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User

_OWN = rules.PRIVATE | {"transactionId", "responseStatus"}  # of each copy
_SHOWN_AS = {"accepted": "busy", "tentativelyAccepted": "tentative", "declined": "free"}


@dataclass(frozen=True, slots=True)
class Invitation:
    """A mail that Exchange sent because of an event."""

    kind: str  # invited, updated, cancelled, or an answer: accepted, tentativelyAccepted, declined
    by: str
    to: str
    uid: str
    subject: str
    day: date | None = None  # of a series
    comment: str = ""


def insert(calendar: Calendar, given: Json) -> Item:
    """Make an event and invite its guests. Raises ApiError (400)."""
    owner = calendar.owner
    body = _with_call(rules.timed(rules.merged(rules.fresh(), given, owner.address)), owner)
    item = owner.calendars.new_item(calendar)
    item.body, item.posted = body, deepcopy(given)
    owner.calendars.touched(item, "created")
    _spread(item)
    _mail("invited", item, rules.guests(body))
    return item


def change(item: Item, day: date | None, changes: Json) -> None:
    """Change an event or an occurrence; guests learn what an organiser changed. Raises ApiError (400)."""
    changes = {name: value for name, value in changes.items() if name != "transactionId"}
    before = item.on(day)
    rescheduled = _change_day(item, day, changes) if day else _change_all(item, changes)
    item.owner.calendars.touched(item, days=[day] if day else [])
    if not item.organized:
        return
    after = item.on(day)
    left = rules.guests(before) - rules.guests(after)
    _spread(item, rescheduled=rescheduled)
    called_off(item, day, (user for user in _users(item) if user.address in left))
    _mail("cancelled", item, left, day)
    if told := changes.keys() - rules.PRIVATE:
        new = rules.guests(after) - rules.guests(before)
        _mail("invited", item, new, day)
        _mail("updated", item, rules.guests(after) - new if told != {"attendees"} else set(), day)


def cancel(item: Item, day: date | None, comment: str) -> None:
    """Call off a meeting or an occurrence, as only its organiser may. Raises ApiError (400).

    Source: https://learn.microsoft.com/graph/api/event-cancel
    """
    if not item.organized:
        raise bad_request(
            "Your request can't be completed. You need to be an organizer to cancel a meeting.", "ErrorAccessDenied"
        )
    remove(item, day, comment)


def remove(item: Item, day: date | None, comment: str = "") -> None:
    """Delete an event or an occurrence: guests hear of what the organiser deletes, nobody of what a guest does.

    Source: https://learn.microsoft.com/graph/api/event-delete
    """
    if item.organized and (guests := rules.guests(item.on(day))):
        called_off(item, day, (user for user in _users(item) if user is not item.owner))
        _mail("cancelled", item, guests, day, comment)
    if day is not None:
        item.cancelled.add(day)
        item.exceptions.pop(day, None)
        item.owner.calendars.touched(item)
        return
    item.owner.calendars.forget(item)
    if not item.organized:
        item.owner.calendars.dropped.add(item.uid)


def respond(item: Item, day: date | None, response: str, comment: str, *, send: bool = True) -> None:
    """Answer an invitation: a declined meeting leaves the calendar. Raises ApiError (400).

    Source: https://learn.microsoft.com/graph/api/event-decline
    """
    if item.organized:
        raise bad_request(
            "Your request can't be completed. You can't respond to this meeting because you're the meeting organizer."
        )
    when = stamp(item.owner.world.clock.now())
    if send:
        _answer(item, day, response, when, comment)
    if response == "declined" and not item.owner.calendars.keeps_declined:
        remove(item, day)
        return
    said = {"responseStatus": {"response": response, "time": when}, "showAs": _SHOWN_AS[response]}
    if day is None:
        item.body |= said
    else:
        item.exceptions[day] = item.exceptions.get(day, {}) | said
    item.owner.calendars.touched(item, days=[day] if day else [])


def invite(user: "User", organizer: str, body: Json, uid: str) -> Item:
    """Lay an invitation from somebody outside into the calendars of those guests who are users here."""
    name = organizer.partition("@")[0].replace(".", " ").title()
    whole = rules.timed(rules.merged(rules.fresh(), body, organizer.lower()))
    sender = {"name": name, "address": organizer}
    for address in sorted(rules.guests(whole)):
        if (guest := user.world.users.get(address)) and guest.licensed:
            known = guest.calendars.with_uid(uid)
            moved = known is not None and any(known.body[name] != whole[name] for name in rules.RESCHEDULING)
            _lay(guest, Copy(uid, sender, whole, {}, set()), rescheduled=moved)
    found = user.calendars.with_uid(uid)
    if found is None:
        raise ValueError("he cannot be invited by himself")
    return found


def called_off(item: Item, day: date | None, users: Iterable["User"]) -> None:
    """Mark the copies of guests: they stay until somebody takes them away."""
    for user in list(users):
        copy = user.calendars.with_uid(item.uid)
        if copy is None or copy.organized:
            continue
        if day is None:
            copy.body |= _struck(copy.body)
        elif day not in copy.cancelled:
            copy.exceptions[day] = copy.exceptions.get(day, {}) | _struck(copy.on(day))
        user.calendars.touched(copy, days=[day] if day else [])


# -- inside -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Copy:
    """What an organiser sends to his guests."""

    uid: str
    organizer: Json
    body: Json
    exceptions: Mapping[date, Json]
    cancelled: set[date]


def _spread(item: Item, *, rescheduled: bool = False) -> None:
    """Bring the copies of guests up to date."""
    sent = Copy(item.uid, item.organizer, item.body, item.exceptions, item.cancelled)
    for user in _users(item):
        if user.address in rules.guests(item.body) and user is not item.owner:
            _lay(user, sent, rescheduled=rescheduled)


def _lay(guest: "User", sent: Copy, *, rescheduled: bool) -> None:
    calendars = guest.calendars
    known = calendars.with_uid(sent.uid)
    if known is None and sent.uid in calendars.dropped and not rescheduled:
        return
    calendars.dropped.discard(sent.uid)
    copy = known or calendars.new_item(calendars.main, uid=sent.uid, organizer=dict(sent.organizer))
    if rescheduled:
        copy.exceptions, copy.cancelled = {}, set()
    copy.body = _for_guest(sent.body, copy.body, guest.address)
    if known is None or rescheduled:
        copy.body |= {"showAs": "tentative", "responseStatus": {"response": "notResponded", "time": rules.NEVER}}
    for day, said in sent.exceptions.items():
        shared = {name: value for name, value in said.items() if name not in _OWN}
        if "attendees" in shared:
            shared["attendees"] = _without_answers(shared["attendees"], guest.address, hidden=False)
        copy.exceptions[day] = copy.exceptions.get(day, {}) | shared
    for day in sent.cancelled - copy.cancelled:
        if not copy.on(day).get("isCancelled"):
            copy.exceptions[day] = copy.exceptions.get(day, {}) | _struck(copy.on(day))
    calendars.touched(copy, "updated" if known else "created", days=list(sent.exceptions))


def _for_guest(body: Json, old: Json, address: str) -> Json:
    """What a copy says: the organiser's words, and what the guest has for himself. Only the organiser sees the answers."""
    shared = {name: deepcopy(value) for name, value in body.items() if name not in _OWN}
    shared["attendees"] = _without_answers(shared["attendees"], address, hidden=body["hideAttendees"])
    return shared | {name: value for name, value in old.items() if name in _OWN}


def _without_answers(guests: Iterable[Json], address: str, *, hidden: bool) -> list[Json]:
    none = {"response": "none", "time": rules.NEVER}
    return [one | {"status": none} for one in guests if not hidden or rules.address_of(one) == address]


def _struck(body: Json) -> Json:
    subject = str(body["subject"])
    title = subject if subject.startswith("Canceled: ") else f"Canceled: {subject}"
    return {"isCancelled": True, "subject": title, "showAs": "free"}


def _change_all(item: Item, changes: Json) -> bool:
    """Change an event or a whole series; True where guests have to answer anew."""
    old = item.body
    new = rules.merged(old, changes, str(item.organizer["address"]).lower())
    if old["recurrence"] and changes.get("start") and "recurrence" not in changes:
        span = {"startDate": wall(new["start"]).date().isoformat(), "recurrenceTimeZone": new["start"].get("timeZone")}
        new["recurrence"] = old["recurrence"] | {"range": old["recurrence"]["range"] | span}
    new = rules.timed(new)
    new = _with_call(_without_call(old, new), item.owner)
    rescheduled = any(new[name] != old[name] for name in rules.RESCHEDULING)
    if rescheduled:
        # Exchange gives up what differs on single days as soon as the days themselves are others.
        item.exceptions, item.cancelled, item.versions = {}, set(), {}
        none = {"response": "none", "time": rules.NEVER}
        new["attendees"] = [one | {"status": none} for one in new["attendees"]]
    item.body = new
    return rescheduled


def _change_day(item: Item, day: date, changes: Json) -> bool:
    """Make an occurrence an exception; nobody has to answer the series anew because of it."""
    if changes.get("recurrence"):
        raise bad_request("An occurrence of a series has no recurrence of its own.", "ErrorInvalidRequest")
    start, end = times(item, day)
    old = item.on(day) | {"start": start, "end": end, "recurrence": None}
    new = rules.timed(rules.merged(old, changes, str(item.organizer["address"]).lower()))
    if new["start"] != start:
        _stay_between(item, day, wall(new["start"]).date())
    different = {name: value for name, value in new.items() if value != old[name]}
    item.exceptions[day] = item.exceptions.get(day, {}) | different
    return False


def _stay_between(item: Item, day: date, wanted: date) -> None:
    """Raises ApiError (400) where an occurrence would pass by the one before or after.

    Source: https://learn.microsoft.com/graph/api/event-update#response
    """
    on = {one: wall(times(item, one)[0]).date() for one in _until_after(item, day) if one not in item.cancelled}
    order = [wanted if one == day else on[one] for one in on]
    if any(first >= second for first, second in pairwise(order) if wanted in (first, second)):
        raise ApiError(
            400,
            "ErrorOccurrenceCrossingBoundary",
            "Modified occurrence is crossing or overlapping adjacent occurrence.",
        )


def _until_after(item: Item, day: date) -> list[date]:
    found = patterns.days(item.body["recurrence"])
    before = list(takewhile(lambda one: one < day, found))  # also takes `day` itself away
    following = next((one for one in found if one not in item.cancelled), None)
    return [*before, day, *([following] if following else [])]


def _answer(item: Item, day: date | None, response: str, when: str, comment: str) -> None:
    """Let the organiser learn of an answer."""
    who, organizer = item.owner.address, str(item.organizer["address"]).lower()
    item.owner.calendars.invitations.append(
        Invitation(response, who, organizer, item.uid, str(item.on(day)["subject"]), day, comment)
    )
    user = item.owner.world.users.get(organizer)
    theirs = user.calendars.with_uid(item.uid) if user else None
    if user is None or theirs is None:
        return
    guests = rules.answered(theirs.on(day)["attendees"], who, response, when)
    if day is None:
        theirs.body["attendees"] = guests
    else:
        theirs.exceptions[day] = theirs.exceptions.get(day, {}) | {"attendees": guests}
    user.calendars.touched(theirs, days=[day] if day else [])


def _with_call(body: Json, owner: "User") -> Json:
    """Make a Teams meeting of an event that is to be one; its link also stands in the body.

    Source: https://learn.microsoft.com/graph/outlook-calendar-online-meetings
    """
    if not body["isOnlineMeeting"] or body["onlineMeeting"]:
        return body
    code = f"19%3ameeting_{owner.world.tick():012d}%40thread.v2"
    link = f"https://teams.microsoft.com/l/meetup-join/{code}/0?context=%7b%22Oid%22%3a%22{owner.id}%22%7d"
    text = rules.hypertext(body["body"]) or "<html><head></head><body></body></html>"
    invitation = f'<div>Microsoft Teams meeting <a href="{link}">Join the meeting now</a></div>'
    return body | {
        "onlineMeeting": {"joinUrl": link},
        "onlineMeetingProvider": "teamsForBusiness",
        "body": {"contentType": "html", "content": text.replace("</body>", f"{invitation}</body>")},
    }


def _without_call(old: Json, new: Json) -> Json:
    """A meeting online stays one, unless its link is taken out of the body.

    Source: https://learn.microsoft.com/graph/api/event-update#notes-for-updating-specific-properties
    """
    if not old["onlineMeeting"]:
        return new
    if str(old["onlineMeeting"]["joinUrl"]) in str(new["body"]["content"]):
        return new | {"isOnlineMeeting": True, "onlineMeetingProvider": old["onlineMeetingProvider"]}
    return new | {"isOnlineMeeting": False, "onlineMeeting": None, "onlineMeetingProvider": "unknown"}


def _users(item: Item) -> list["User"]:
    return [one for one in item.owner.world.users.values() if one.licensed]


def _mail(kind: str, item: Item, to: Iterable[str], day: date | None = None, comment: str = "") -> None:
    item.owner.calendars.invitations.extend(
        Invitation(kind, item.owner.address, one, item.uid, str(item.on(day)["subject"]), day, comment)
        for one in sorted(to)
    )
