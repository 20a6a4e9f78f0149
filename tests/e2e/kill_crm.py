"""Workers that die while they plan and write what happened into a CRM (see `kill_worker`): they do nothing else."""

from hub import app as hub_app
from hub.context import Hub
from hub.crm import plan
from hub.events import tell
from hub.outbound.models import Outbox
from hub.work.worker import Job, Sweep, Workers
from tests.e2e import kill_worker


def work(hub: Hub) -> None:
    """Do what a worker does, until nothing is due."""
    times, outgoing = hub.settings.work, hub_app.deliverer(hub)
    workers = Workers(
        hub.db, [Job("outbox", Outbox, outgoing.due, outgoing.deliver, first=outgoing.first)],
        sweeps=[Sweep("events", tell.waits, hub_app.hand_on_events), Sweep("history", plan.waits, plan.page)],
        threads=1, lease_s=times.lease_s, heartbeat_s=times.heartbeat_s, look_s=times.reconcile_s,
    )  # fmt: skip
    while workers.run_once():
        pass


if __name__ == "__main__":
    kill_worker.work = work
    kill_worker.READS_TOO = False  # what is only read lasts nowhere
    kill_worker.main()
