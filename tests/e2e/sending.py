"""What the worker of the outbox does, on demand."""

from sqlalchemy import update

from hub import app as hub_app
from hub.context import Hub
from hub.outbound.models import Outbox, OutboxState
from hub.store.base import now
from hub.work.lease import claim, new_owner


def deliver(hub: Hub) -> int:
    """Send until nothing is due; returns how many tries that were."""
    deliverer, count = hub_app.deliverer(hub), 0
    while True:
        with hub.db.write() as session:
            leases = claim(session, Outbox, deliverer.due(), owner=new_owner(), lease_s=60)
        if not leases:
            return count
        deliverer.deliver(leases[0])
        count += 1


def let_time_pass(hub: Hub) -> None:
    """Let what failed, or whose worker died, be due."""
    with hub.db.write() as session:
        waiting = Outbox.state == OutboxState.WAITING
        session.execute(update(Outbox).where(waiting).values(due_at=now(), lease_until=None))
