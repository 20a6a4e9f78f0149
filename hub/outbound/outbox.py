"""Keep what is to be sent, in the transaction of the change that made it necessary."""

from collections.abc import Sequence

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub.outbound.models import Outbox
from hub.outbound.plan import Planned
from hub.store.base import now


def store(session: Session, planned: Sequence[Planned]) -> None:
    """Write outbox rows; one that is there already stays as it is."""
    if not planned:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    moment = now()
    rows = [
        {
            "account_id": item.account_id,
            "kind": item.kind,
            "object_key": item.object_key,
            "payload": item.payload,
            "idempotency_key": item.idempotency_key,
            "created_at": moment,
            "due_at": moment,
            "owner": "",
            "attempt": 0,
            "last_error": "",
        }
        for item in planned
    ]
    session.execute(insert(Outbox).values(rows).on_conflict_do_nothing(index_elements=["idempotency_key"]))
