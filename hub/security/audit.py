"""Who did or saw what, in the transaction that did it."""

from typing import Any

from sqlalchemy.orm import Session

from hub.security.models import Audit
from hub.security.policy import Person


def record(
    session: Session,
    person: Person | None,
    action: str,
    subject: str = "",
    subject_id: object = "",
    *,
    address: str = "",
    **detail: Any,
) -> None:
    """Write one line. `person` None is the command line; no secrets in `detail`."""
    session.add(
        Audit(
            user_id=person.id if person and person.id else None,
            actor=person.actor if person else "command",
            action=action,
            subject=subject,
            subject_id=str(subject_id),
            detail=detail,
            address=address,
        )
    )
