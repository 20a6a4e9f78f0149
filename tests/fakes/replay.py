"""A mapping run again over everything that an account sent, here and now."""

from hub import replays
from hub.context import Hub
from hub.flow import Flow
from hub.mapping.models import Replay, ReplayStatus
from hub.replays import Replayer
from hub.work.lease import claim, new_owner


def replay(hub: Hub, account_id: int, flow: Flow | None = None) -> tuple[int, int]:
    """Ask for it and work at it to its end; returns how many records were applied, and how many set aside."""
    with hub.db.write() as session:
        number = replays.ask(session, None, account_id).id
        [lease] = claim(session, Replay, Replay.id == number, owner=new_owner(), lease_s=60)
    Replayer(hub.db, flow or hub.flow, lease_s=60, slice_s=60).run(lease)
    with hub.db.read() as session:
        row = session.get_one(Replay, number)
        assert row.status == ReplayStatus.DONE, row.error
        return row.counts.get("applied", 0), row.counts.get("set_aside", 0)
