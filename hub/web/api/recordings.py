"""Recordings of calls, whole or in parts. Each reading is written down."""

from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from hub.security import audit
from hub.security.policy import Right
from hub.web import ranges
from hub.web.api.operation import Operation, serve
from hub.web.frame import current_hub, current_person


@serve(
    Operation(
        "GET",
        "/recordings/<uuid:recording_id>",
        "The sound of a recording, whole or in parts",
        Right.HEAR_OWN_RECORDINGS,
        answer=None,
        content_type="audio/*",
        errors=(404, 416, 502),
        description="Each reading is in the audit.",
    )
)
def recording(session: Session, recording_id: UUID) -> Response:
    """Send a recording that this person may hear."""
    hub = current_hub()
    opened = hub.telephone.recording(session, current_person(), recording_id)
    with hub.db.write() as writing:
        audit.record(
            writing,
            current_person(),
            "recording.heard",
            "recording",
            recording_id,
            address=request.remote_addr or "",
            range=request.headers.get("Range", "")[:100],
        )
    row, facts = opened.row, opened.facts
    part = ranges.asked(facts.size, row.sha256)
    return ranges.answer(facts.size, part, opened.open, content_type=facts.content_type, etag=row.sha256)
