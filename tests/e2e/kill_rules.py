"""Workers that die while rules are looked at and fire (see `kill_worker`): they do nothing else."""

from functools import partial

from hub import app as hub_app
from hub.context import Hub
from hub.events import tell
from hub.rules import engine
from hub.work.worker import Sweep, Workers
from tests.e2e import kill_worker


def work(hub: Hub) -> None:
    """Do what a worker does, until nothing is due."""
    times = hub.settings.work
    page = partial(engine.page, zone="UTC", region="IL")
    workers = Workers(
        hub.db, [], sweeps=[Sweep("events", tell.waits, hub_app.hand_on_events), Sweep("rules", engine.waits, page)],
        threads=1, lease_s=times.lease_s, heartbeat_s=times.heartbeat_s, look_s=times.reconcile_s,
    )  # fmt: skip
    while workers.run_once():
        pass
    with hub.db.write() as session:
        engine.clock(session, zone="UTC", region="IL")


if __name__ == "__main__":
    kill_worker.work = work
    kill_worker.READS_TOO = False  # what is only read lasts nowhere
    kill_worker.main()
