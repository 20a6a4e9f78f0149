"""Files of notes: taken out of forms, and handed out to be saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from hub.errors import UserError
from hub.security.policy import Right
from hub.store.shelf import MIB
from hub.timeline import note_files, notes
from hub.timeline.note_files import Received
from hub.web import uploads
from hub.web.auth import needs
from hub.web.frame import current_hub, current_person
from hub.web.note_file import handed_out

blueprint = Blueprint("note_files", __name__)
TOGETHER = 4  # times the largest file: what one form takes


def largest() -> int:
    """Return how many MB a file has at most."""
    return current_hub().settings.notes.largest_file_mb


@contextmanager
def brought() -> Iterator[Sequence[Received]]:
    """Receive the files of a form; its view is exempt from the usual look at its token.

    Raises:
        UserError: they are too large, too many, or the scanner did not let one pass.
    """
    on = note_files.shelf(current_hub().settings)
    try:
        uploads.take(request, on.folder, largest=TOGETHER * on.largest + MIB)
    except RequestEntityTooLarge:
        raise UserError("The files are too large.", error_id="large_form", field="files") from None
    given = [file for file in request.files.getlist("files") if file.filename]
    with note_files.received(on, [(file.filename or "", uploads.blocks(file.stream)) for file in given]) as found:
        yield found


@blueprint.get("/notes/<uuid:note_id>/files/<uuid:file_id>")
@needs(Right.USE)
def download(note_id: UUID, file_id: UUID) -> ResponseReturnValue:
    """Hand out a file, to be saved and never shown by the browser."""
    with current_hub().db.read() as session:
        row = note_files.get(session, current_person(), notes.get(session, note_id), file_id)
    return handed_out(row, note_id)
