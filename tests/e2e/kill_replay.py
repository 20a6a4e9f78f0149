"""Workers that die in the middle of a replay (see `kill_worker`): they do nothing else, and their pages are small."""

from hub import app as hub_app
from hub import replays
from hub.context import Hub
from hub.mapping.models import Replay
from hub.work.worker import Job, Workers
from tests.e2e import kill_worker

PAGE = 4  # so that few records are several pages


def work(hub: Hub) -> None:
    """Do what a worker does, until nothing is due."""
    times = hub.settings.work
    job = Job("replays", Replay, replays.due, hub_app.replayer(hub).run)
    workers = Workers(
        hub.db, [job], threads=1, lease_s=times.lease_s, heartbeat_s=times.heartbeat_s, look_s=times.reconcile_s
    )
    while workers.run_once():
        pass


if __name__ == "__main__":
    replays.PAGE = PAGE
    kill_worker.work = work
    kill_worker.main()
