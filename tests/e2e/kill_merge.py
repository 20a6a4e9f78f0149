"""Workers that die while they move histories and look again at who is who (see `kill_worker`): they do nothing else."""

from hub.context import Hub
from hub.identity.merging import background, merge, split, undo
from hub.identity.merging.background import Mover
from hub.identity.models import Merge
from hub.identity.resolving import second_look
from hub.work.worker import Job, Sweep, Workers
from tests.e2e import kill_worker

PAGE = 4  # so that a short history is several pages


def work(hub: Hub) -> None:
    """Do what a worker does, until nothing is due."""
    times = hub.settings.work
    mover = Mover(hub.db, lease_s=times.lease_s, rest=0, page=PAGE)
    workers = Workers(
        hub.db, [Job("merges", Merge, background.due, mover.run, first=background.first)],
        sweeps=[Sweep("second looks", second_look.waits, second_look.page)],
        threads=1, lease_s=times.lease_s, heartbeat_s=times.heartbeat_s, look_s=times.reconcile_s,
    )  # fmt: skip
    while workers.run_once():
        pass


def little_at_once() -> None:
    """Leave as much of a history as possible to the workers."""
    for module in (merge, split, undo):
        vars(module)["AT_ONCE"] = 1


if __name__ == "__main__":
    little_at_once()
    kill_worker.work = work
    kill_worker.READS_TOO = False  # each page is one transaction: dead before a SELECT is dead before the next write
    kill_worker.main()
