"""A file of a note as it is handed out, the same for pages and programs: to be saved, and never shown by a browser."""

from typing import BinaryIO
from uuid import UUID

from flask import Response, request

from hub.errors import NotFoundError
from hub.mail.files import safe_name
from hub.security import audit
from hub.timeline import note_files
from hub.timeline.models import NoteFile
from hub.web import headers, ranges
from hub.web.frame import current_hub, current_person
from hub.web.saving import FILE_POLICY, disposition


def handed_out(row: NoteFile, note_id: UUID) -> Response:
    """Answer with a file, for pages and programs; who had it is written down.

    Raises:
        NotFoundError: it is not on the shelf.
    """
    hub = current_hub()
    part = ranges.asked(row.size, row.sha256)

    def opened(start: int) -> BinaryIO:
        content = note_files.shelf(hub.settings).open(row.sha256)
        content.seek(start)
        return content

    try:
        answer = ranges.answer(row.size, part, opened, content_type="", etag=row.sha256)
    except FileNotFoundError:
        raise NotFoundError("The file is not where it was kept. Restore it from a backup.") from None
    if request.method != "HEAD":
        with hub.db.write() as session:
            facts = {"file": str(row.public_id), "size": row.size}
            audit.record(
                session, current_person(), "note.file_read", "note", note_id, address=request.remote_addr or "", **facts
            )
    headers.keep_apart(FILE_POLICY)
    answer.headers["Content-Disposition"] = disposition(safe_name(row.name, 0))
    return answer
