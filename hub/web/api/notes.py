"""Free text about a party or a call."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from hub.security.policy import Right
from hub.timeline import notes as store
from hub.timeline.models import Note
from hub.web.api import shapes
from hub.web.api.calls import visible_call
from hub.web.api.operation import Body, Operation, Way, serve
from hub.web.frame import current_person


class NoteShape(BaseModel):
    """A note."""

    id: UUID
    text: str
    pinned: bool
    party: shapes.Match | None
    call: UUID | None
    author: shapes.Ref | None
    created_at: datetime


class NewNote(Body):
    """A note to be written: about a party, or about a call."""

    text: str = Field(min_length=1, max_length=store.LONGEST)
    party: UUID | None = None
    call: UUID | None = Field(None, description="A second note of one person about one call replaces the first")
    pinned: bool = Field(default=False, description="Shown first, and as a warning on the card (notes about a party)")

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.party is None) == (self.call is None):
            raise ValueError("name either a party or a call")
        if self.call is not None and self.pinned:
            raise ValueError("only a note about a party can be pinned")
        return self


@serve(
    Operation("POST", "/notes", "Write a note", Right.EDIT_PARTIES, NoteShape, body=NewNote, status=201, way=Way.WRITE)
)
def add_note(session: Session, body: NewNote) -> NoteShape:
    """Write a note about a party or a call."""
    person = current_person()
    if body.call is not None:
        with shapes.within("call"):
            call = visible_call(session, body.call)
        note = store.on_call(
            session, person, call_id=call.id, interaction_id=call.interaction_id, party_id=call.party_id, text=body.text
        )
    else:
        assert body.party is not None
        with shapes.within("party"):
            party_id = shapes.party_ids(session, body.party)[0]
        note = store.add(session, person, party_id=party_id, text=body.text, pinned=body.pinned)
    return _shaped(session, note, body.call)


def _shaped(session: Session, note: Note, call: UUID | None) -> NoteShape:
    return NoteShape(
        id=note.public_id,
        text=note.text,
        pinned=note.pinned,
        party=shapes.parties(session, [note.party_id]).get(note.party_id or 0),
        call=call,
        author=shapes.users(session, [note.author_id]).get(note.author_id or 0),
        created_at=note.created_at,
    )
