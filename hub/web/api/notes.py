"""Free text about a party or a call."""

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from flask import Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from hub.errors import NotFoundError
from hub.security.policy import Right
from hub.store.shelf import MIB
from hub.timeline import note_files as files
from hub.timeline import notes as store
from hub.timeline import questions
from hub.timeline.models import Note, NoteFile
from hub.web.api import shapes
from hub.web.api.calls import visible_call
from hub.web.api.operation import Body, Operation, Way, file_of_body, serve
from hub.web.api.paging import Query
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub, current_person
from hub.web.note_file import handed_out


class NoteFileShape(BaseModel):
    """A file that belongs to a note."""

    id: UUID
    name: str
    media_type: str = Field(description="By its first bytes")
    size: int = Field(description="Bytes")


class NoteKind(StrEnum):
    """What a note is."""

    NOTE = "note"
    QUESTION = "question"


class NoteShape(BaseModel):
    """A note."""

    id: UUID
    kind: NoteKind
    text: str
    pinned: bool
    party: shapes.Match | None
    call: UUID | None
    author: shapes.Ref | None
    created_at: datetime
    closed_at: datetime | None = Field(description="Of a question: since when it is answered; null: it is open")
    closed_by: shapes.Ref | None
    files: list[NoteFileShape]


class NewNote(Body):
    """A note to be written: about a party, or about a call."""

    text: str = Field(min_length=1, max_length=store.LONGEST)
    party: UUID | None = None
    call: UUID | None = Field(None, description="A second note of one person about one call replaces the first")
    kind: NoteKind = Field(
        NoteKind.NOTE,
        description="A question about a party is open until somebody closes it (`/notes/{note_id}/close`)",
    )
    pinned: bool = Field(default=False, description="Shown first, and as a warning on the card (notes about a party)")

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.party is None) == (self.call is None):
            raise ValueError("name either a party or a call")
        if self.call is not None and self.pinned:
            raise ValueError("only a note about a party can be pinned")
        if self.call is not None and self.kind is NoteKind.QUESTION:
            raise ValueError("only a note about a party can be a question")
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
        note = store.add(
            session, person, party_id=party_id, text=body.text, pinned=body.pinned,
            is_question=body.kind is NoteKind.QUESTION,
        )  # fmt: skip
    return _shaped(session, note, body.call)


@serve(
    Operation(
        "POST", "/notes/<uuid:note_id>/close", "Say that a question is answered", Right.EDIT_PARTIES, NoteShape,
        way=Way.WRITE, errors=(404, 422), description="Once more changes nothing: who closed it first stays.",
    )
)  # fmt: skip
def close_question(session: Session, note_id: UUID) -> NoteShape:
    """Close a question."""
    note = _readable(session, note_id)
    questions.close(session, current_person(), note)
    return _shaped(session, note, None)


def _shaped(session: Session, note: Note, call: UUID | None) -> NoteShape:
    question = questions.of_notes(session, [note.id]).get(note.id)
    closed_by = question.closed_by if question else None
    return NoteShape(
        id=note.public_id,
        kind=NoteKind.QUESTION if question else NoteKind.NOTE,
        text=note.text,
        pinned=note.pinned,
        party=shapes.parties(session, [note.party_id]).get(note.party_id or 0),
        call=call,
        author=shapes.users(session, [note.author_id]).get(note.author_id or 0),
        created_at=note.created_at,
        closed_at=question.closed_at if question else None,
        closed_by=shapes.users(session, [closed_by]).get(closed_by or 0),
        files=[],
    )


# --- files --------------------------------------------------------------------------------------------------------


class FileQuery(Query):
    """What a file is called."""

    name: str = Field(min_length=1, max_length=500, description="A path before it is left out")


@serve(
    Operation(
        "POST", "/notes/<uuid:note_id>/files", "Put a file with a note", Right.EDIT_PARTIES, NoteFileShape,
        query=FileQuery, status=201, way=Way.OUTSIDE, takes_file=True,
        description="The body is the file. Notes of one's own, and those that nobody here wrote; `notes.largest_file_mb` "
        "says how large it may be, 50 at most go with one note.",
    )
)  # fmt: skip
def add_file(note_id: UUID, query: FileQuery, effect_id: str) -> NoteFileShape:
    """Put a file with a note; it is received before the transaction begins."""
    del effect_id
    hub, person = current_hub(), current_person()
    with hub.db.read() as session:
        _readable(session, note_id)
    on = files.shelf(hub.settings)
    try:
        with files.received(on, [(query.name, file_of_body(on.largest))]) as new, hub.db.write() as session:
            [row] = files.attach(session, on, person, _readable(session, note_id), new)
            return _file(row)
    except RequestEntityTooLarge:
        raise FaultError(413, f"A file has at most {on.largest // MIB} MB", "too_large") from None


@serve(
    Operation(
        "GET", "/notes/<uuid:note_id>/files/<uuid:file_id>", "A file of a note", Right.USE, answer=None,
        content_type="application/octet-stream", errors=(404, 416), description="Each reading is in the audit.",
    )
)  # fmt: skip
def note_file(session: Session, note_id: UUID, file_id: UUID) -> Response:
    """Send a file, as far as the reader may see its note."""
    row = files.get(session, current_person(), store.get(session, note_id), file_id)
    return handed_out(row, note_id)


@serve(
    Operation(
        "DELETE", "/notes/<uuid:note_id>/files/<uuid:file_id>", "Take a file away from one's own note",
        Right.EDIT_PARTIES, answer=None, way=Way.WRITE,
    )
)  # fmt: skip
def remove_file(session: Session, note_id: UUID, file_id: UUID) -> None:
    """Take a file away."""
    person, note = current_person(), store.get(session, note_id)
    files.remove(session, person, note, files.get(session, person, note, file_id))


def _readable(session: Session, note_id: UUID) -> Note:
    note = store.get(session, note_id)
    if not files.may_read(session, current_person(), note):
        raise NotFoundError("This note is no longer there, or it is not for you.")
    return note


def _file(row: NoteFile) -> NoteFileShape:
    return NoteFileShape(id=row.public_id, name=row.name, media_type=row.media_type, size=row.size)
