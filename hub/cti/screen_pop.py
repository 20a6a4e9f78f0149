"""The screen-pop: who sees which card now. Only differences are told, so the same call again tells nobody anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session, aliased

from hub.cti.cards import Card, CardState, cards
from hub.cti.directory import Directory
from hub.cti.keep import outside_number
from hub.cti.models import CallRow, Pop
from hub.errors import NotFoundError
from hub.identity.callers import Found
from hub.identity.models import Party
from hub.identity.phone import display
from hub.live.bus import Bus
from hub.records.call import Call, Direction
from hub.store.base import now

RINGING, ANSWERED, ENDED, DISMISSED = "call.ringing", "call.answered", "call.ended", "call.dismissed"
NOTED = "call.noted"
_RANK = {CardState.ANSWERED: 3, CardState.CONSULT: 2, CardState.RINGING: 1}


@dataclass(frozen=True, slots=True)
class Told:
    """What one user was told of one call."""

    user_id: int
    event: str
    card: dict[str, Any]


@dataclass(slots=True)
class Shown:
    """What the users of one call see now; becomes `pop` rows."""

    cards: dict[int, dict[str, Any]] = field(default_factory=dict)  # user -> card
    ended: dict[int, tuple[dict[str, Any], str]] = field(default_factory=dict)  # user -> last card, why it went


@dataclass(frozen=True, slots=True)
class Caller:
    """How the other side is shown: looked up once a call."""

    number: str
    name: str
    match: str  # sure, maybe, none
    company: str = ""


def caller_of(session: Session, call: Call, found: Found, directory: Directory) -> Caller:
    """Say how to show the other side. A name of the exchange is shown where we know none; withheld stays withheld."""
    if call.direction is Direction.INTERNAL:
        other = directory.user_of(call.caller)
        return Caller(call.caller, directory.names.get(other or 0, call.caller_name), "none")
    trunk = directory.trunk(call.trunk)
    if call.withheld and not trunk.match_withheld:
        return Caller("", "", "none")
    number = "" if call.withheld else shown_number(found.number or outside_number(call), directory.region)
    parties = _names_of(session, found.parties)
    if len(parties) == 1:
        return Caller(number, parties[0].name, "sure", parties[0].company or "")
    if parties:
        return Caller(number, " / ".join(party.name for party in parties[:3]), "maybe")
    return Caller(number, call.caller_name if call.direction is Direction.INBOUND else "", "none")


_company = aliased(Party)
# Asked while a phone rings: made once, since to build it takes longer than to run it.
_NAMES = (
    select(Party.__table__.c.name, _company.name.label("company"))
    .outerjoin(_company, _company.id == Party.__table__.c.company_id)
    .where(Party.__table__.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(Party.__table__.c.id)
)


def _names_of(session: Session, ids: Sequence[int]) -> Sequence[Row[str, str]]:
    """Return name and company of parties; nothing more, since a phone rings meanwhile."""
    return session.execute(_NAMES, {"ids": list(ids)}).all() if ids else ()


def shown_number(number: str, region: str) -> str:
    """Return a number for people: +972 54-234-5678."""
    return display(number, region) if number.startswith("+") else number


def differences(
    call: Call, public_id: UUID, shown: Shown, caller: Caller, directory: Directory, *, at: float
) -> list[Told]:
    """Compare what the call's users should see with what they see; changes `shown` and returns what to tell.

    Args:
        at: unix seconds of the event that made the difference.
    """
    wanted = _by_user(call, directory)
    told = []
    for user_id, card in wanted.items():
        data = _data(call, public_id, card, caller, directory, at)
        before = shown.cards.get(user_id)
        if before is None or _essence(before) != _essence(data):
            shown.cards[user_id] = data
            shown.ended.pop(user_id, None)
            told.append(Told(user_id, ANSWERED if data["state"] == "answered" else RINGING, data))
    left = [user_id for user_id in shown.cards if user_id not in wanted]
    told += [_gone(call, user_id, shown, directory, at) for user_id in left]
    return told + _better_known(call, shown, directory, at, besides=left)


def _by_user(call: Call, directory: Directory) -> dict[int, Card]:
    """Join the cards of a person's phones: two devices are one card."""
    wanted: dict[int, Card] = {}
    for extension, card in cards(call).items():
        user_id = directory.user_of(extension)
        if user_id is None or card.state not in _RANK:
            continue
        known = wanted.get(user_id)
        if known is None or _RANK[card.state] > _RANK[known.state]:
            wanted[user_id] = card
    return wanted


def _data(call: Call, public_id: UUID, card: Card, caller: Caller, directory: Directory, at: float) -> dict[str, Any]:
    by = _name(directory, card.by)
    return {
        "call": str(public_id),
        "direction": str(call.direction),
        "state": "answered" if card.state is CardState.ANSWERED else "ringing",
        "number": caller.number,
        "name": caller.name,
        "match": caller.match,
        "company": caller.company,
        "withheld": call.withheld,
        "did": call.did,
        "queue": call.queue,
        "consult_by": by if card.state is CardState.CONSULT else "",
        "t0": at * 1000,
    }


def _gone(call: Call, user_id: int, shown: Shown, directory: Directory, at: float) -> Told:
    reason, by = _why(call, user_id, directory) or ("ended", "")
    before = shown.cards.pop(user_id)
    shown.ended[user_id] = {**before, "by": by}, reason
    return Told(user_id, ENDED, _ended(before["call"], reason, by, at))


def _better_known(call: Call, shown: Shown, directory: Directory, at: float, *, besides: Sequence[int]) -> list[Told]:
    """Tell why cards went away where that is known only now: a card is hidden before its reason is clear."""
    told = []
    for user_id, (card, reason) in list(shown.ended.items()):
        why = _why(call, user_id, directory) if user_id not in besides else None
        if why is not None and why != (reason, card.get("by", "")):
            shown.ended[user_id] = {**card, "by": why[1]}, why[0]
            told.append(Told(user_id, ENDED, _ended(card["call"], *why, at)))
    return told


def _why(call: Call, user_id: int, directory: Directory) -> tuple[str, str] | None:
    card = next((c for e, c in cards(call).items() if directory.user_of(e) == user_id), None)
    return (str(card.reason), _name(directory, card.by)) if card is not None and card.state is CardState.ENDED else None


def _ended(call: str, reason: str, by: str, at: float) -> dict[str, Any]:
    return {"call": call, "state": "ended", "reason": reason, "by": by, "t0": at * 1000}


def _name(directory: Directory, extension: str) -> str:
    user = directory.user_of(extension) if extension else None
    return directory.names.get(user, extension) if user is not None else extension


def _essence(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card without the time it was told."""
    return {key: value for key, value in card.items() if key != "t0"}


def keep_pops(session: Session, shown: Mapping[int, Shown]) -> None:
    """Write what the users of calls were shown: one row a call and user, whatever happens.

    Args:
        shown: by id of the call's row.
    """
    seen = [call_id for call_id, one in shown.items() if one.cards or one.ended]
    if not seen:
        return
    rows = {(row.call_id, row.user_id): row for row in session.scalars(select(Pop).where(Pop.call_id.in_(seen)))}
    for call_id in seen:
        for user_id, card in shown[call_id].cards.items():
            row = rows.get((call_id, user_id))
            if row is None:
                session.add(Pop(call_id=call_id, user_id=user_id, card=card))
            elif row.card != card or row.retracted_at is not None:
                row.card, row.retracted_at, row.reason = card, None, ""
        for user_id, (card, reason) in shown[call_id].ended.items():
            row = rows.get((call_id, user_id))
            if row is None:  # it came and went before anything was written
                session.add(Pop(call_id=call_id, user_id=user_id, card=card, retracted_at=now(), reason=reason))
            elif row.retracted_at is None:
                row.card, row.retracted_at, row.reason = card, now(), reason
            elif (row.card, row.reason) != (card, reason):
                row.card, row.reason = card, reason


def restore(session: Session, call_id: int) -> Shown:
    """Read back what the users of a call saw before a restart."""
    shown = Shown()
    for row in session.scalars(select(Pop).where(Pop.call_id == call_id)):
        if row.retracted_at is None:
            shown.cards[row.user_id] = row.card
        else:
            shown.ended[row.user_id] = row.card, row.reason
    return shown


def hidden_from(session: Session, account_id: int, key: str) -> set[int]:
    """Return the users who closed this call's card."""
    query = (
        select(Pop.user_id)
        .join(CallRow, CallRow.id == Pop.call_id)
        .where(CallRow.account_id == account_id, CallRow.key == key, Pop.dismissed_at.is_not(None))
    )
    return set(session.scalars(query))


def live_cards(session: Session) -> dict[int, list[dict[str, Any]]]:
    """Return every user's live cards as the database knows them: the truth after a restart."""
    query = (
        select(Pop.user_id, Pop.card, Pop.draft, CallRow.open, Pop.retracted_at)
        .join(CallRow, CallRow.id == Pop.call_id)
        .where(Pop.dismissed_at.is_(None), Pop.saved_at.is_(None))
        .where((CallRow.open & Pop.retracted_at.is_(None)) | (Pop.has_draft))
        .order_by(Pop.id)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in session.execute(query):
        card = dict(row.card)
        if row.draft:
            card["note_open"] = True
        if not row.open or row.retracted_at is not None:
            card["state"] = "ended"
        found.setdefault(row.user_id, []).append(card)
    return found


def card_of(session: Session, call_id: int, user_id: int) -> Pop | None:
    """Return the pop row of a user for a call, if the card was ever shown."""
    return session.scalar(select(Pop).where(Pop.call_id == call_id, Pop.user_id == user_id))


def dismiss(session: Session, bus: Bus, call: CallRow, user_id: int) -> None:
    """Hide a card from its user, in all browsers; the call goes on."""
    row = card_of(session, call.id, user_id)
    if row is not None:
        row.dismissed_at, row.draft, row.has_draft = now(), {}, False
    bus.publish(user_id, DISMISSED, {"call": str(call.public_id)})


def save_draft(session: Session, bus: Bus, call: CallRow, user_id: int, draft: Mapping[str, Any]) -> None:
    """Keep a half-written note, so that a reload, a crash or another browser finds it.

    Raises:
        NotFoundError: this user never had a card of this call.
    """
    row = card_of(session, call.id, user_id)
    if row is None:
        raise NotFoundError("This call was not shown to you.")
    row.draft = dict(draft)
    row.has_draft = any(str(value).strip() for value in draft.values())
    if row.dismissed_at is not None:
        return  # it came after the card was closed, and does not bring it back
    gone = {**row.card, "state": "ended"} if row.retracted_at is not None and row.has_draft else {}
    bus.publish(user_id, NOTED, {**gone, "call": str(call.public_id), "note_open": row.has_draft})
