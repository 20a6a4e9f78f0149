"""Cards as data: what a browser is told of a call, and what is kept for the browser that joins later. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Card = dict[str, Any]

RINGING = "call.ringing"
ANSWERED = "call.answered"
ENDED = "call.ended"
NOTED = "call.noted"  # a note is half written, or no longer: `note_open`
SAVED = "call.saved"  # its note is saved
DISMISSED = "call.dismissed"  # hidden by its user, in whatever browser; the call itself goes on
EVENTS = (RINGING, ANSWERED, ENDED, NOTED, SAVED, DISMISSED)


def change(known: Mapping[str, Any] | None, event: str, card: Mapping[str, Any], *, at: float) -> tuple[Card, bool]:
    """Return the card after an event, and whether it stays among the user's live cards.

    A card of somebody who talked stays after the end, for the note, until it is saved, dismissed, or another call
    rings (`makes_room`). So does one with a half-written note (`note_open`), and that one makes room for nothing.

    Args:
        known: the card as it was, if there was one.
        event: one of `EVENTS`.
        card: what changed; `call` at least.
        at: now, in milliseconds since 1970; used where the card does not say when.
    """
    if event not in EVENTS:
        raise ValueError(f"{event!r} is not an event of a call; known are {', '.join(EVENTS)}")
    new: Card = {**(known or {}), **card, "t0": card.get("t0") or at}
    if event == RINGING:
        new.update(state="ringing", rang_ms=new.get("rang_ms") or new["t0"])
    elif event == ANSWERED:
        new.update(state="answered", answered_ms=new.get("answered_ms") or new["t0"])
    elif event == ENDED:
        new.update(state="ended")
    elif event == SAVED:
        new.update(note_open=False, saved=True)
    return new, _stays(known, event, new)


def _stays(known: Mapping[str, Any] | None, event: str, new: Card) -> bool:
    if event == DISMISSED or "state" not in new:
        return False
    if new["state"] != "ended" or new.get("note_open"):
        return True
    if event == ENDED:
        return known is not None and known.get("state") == "answered" and not new.get("saved")
    return event == NOTED and known is not None


def makes_room(cards: Mapping[str, Card], event: str, call: str) -> list[str]:
    """Return the calls whose cards go away because of a new one: ended, and nobody began their note."""
    if event != RINGING or call in cards:
        return []
    return [old for old, card in cards.items() if card.get("state") == "ended" and not card.get("note_open")]


def by_call(cards: Iterable[Mapping[str, Any]]) -> dict[str, Card]:
    """Return cards by the call's id, in their order."""
    return {str(card["call"]): dict(card) for card in cards}


def message(event: str, data: object) -> str:
    """Write one server-sent event.

    Plain ASCII: half a surrogate pair in a caller's name must not break the stream.
    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def sync(cards: Mapping[str, Card] | None) -> str:
    """Write the event that tells a browser all cards of its user, as state and not as a log."""
    return message("sync", list((cards or {}).values()))
