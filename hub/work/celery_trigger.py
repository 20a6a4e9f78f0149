"""The trigger of many processes, by Celery: "look now" through Redis or RabbitMQ.

A message carries the kind of work and nothing else. Lost, doubled or late it changes nothing, because what is due is a
row and workers look for rows by themselves; so nothing here waits, is tried again or is kept for long.
"""

import logging
import threading
import time
from typing import Any

from celery import Celery
from celery.worker import WorkController, state

from hub import log
from hub.work.worker import Trigger

TASK = "hub.look"
QUEUE = "hub.look"
EXPIRES_S = 60  # later, workers have looked by themselves
ENOUGH = 100  # messages waiting: nobody takes them, and Redis would keep them for ever
TIMEOUT_S = 2
AGAIN_S = 5.0  # after the consumer ended for a reason of its own
WARN_S = 60.0  # between two lines about a broker that is away
_log = log.get(__name__)


class CeleryTrigger:
    """Sends from a thread of its own, so that a broker that is away costs the caller nothing."""

    def __init__(self, broker: str) -> None:
        self._app = _celery(broker)
        self._app.task(self._deliver, name=TASK, shared=False)
        self._workers: Trigger | None = None
        self._wake = threading.Condition()
        self._kinds: dict[str, None] = {}  # not sent yet, oldest first; each once, so an outage needs no room
        self._stop = threading.Event()
        self._sender: threading.Thread | None = None
        self._consumer: threading.Thread | None = None
        self._warned_at = -WARN_S

    def notify(self, kind: str) -> None:
        """Have it sent; never waits, never fails."""
        with self._wake:
            if self._stop.is_set():
                return
            self._kinds[kind] = None
            self._wake.notify()
            if self._sender is None:  # at first use: started before a server forks its workers it would be gone
                self._sender = threading.Thread(target=self._send_for_ever, name="trigger-send", daemon=True)
                self._sender.start()

    def deliver_to(self, workers: Trigger) -> None:
        """Take messages from now on; each goes to one of all processes that do."""
        self._workers = workers
        if self._consumer is None:
            self._consumer = threading.Thread(target=self._consume_for_ever, name="trigger-read", daemon=True)
            self._consumer.start()

    def close(self) -> None:
        """Send what waits, once, and take no more."""
        with self._wake:
            self._stop.set()
            self._wake.notify()
        if self._sender is not None:
            self._sender.join(2 * TIMEOUT_S)
        if self._consumer is not None:
            state.should_stop = 0  # exit code; Celery's worker knows no other way to be stopped by another thread
            self._consumer.join(2 * TIMEOUT_S)
            state.should_stop = None

    # ------------------------------------------------------------------ to the broker
    def _send_for_ever(self) -> None:
        while True:
            with self._wake:
                while not self._kinds and not self._stop.is_set():
                    self._wake.wait()
                if not self._kinds:
                    return
                kinds, self._kinds = list(self._kinds), {}
            try:
                self._send(kinds)
            except Exception as error:  # noqa: BLE001 - each broker has its own errors, and none is worth more than this
                self._warn(error)

    def _send(self, kinds: list[str]) -> None:
        """Send over a fresh connection: one kept for the next click may be dead by then, and that one would be lost."""
        with self._app.connection_for_write() as connection:
            # Checked here, because sending alone would try to connect for minutes.
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=TIMEOUT_S)
            waiting = self._app.amqp.queues[QUEUE](connection.default_channel).queue_declare().message_count
            if waiting >= ENOUGH:
                return
            for kind in kinds:
                self._app.send_task(
                    TASK, args=[kind], ignore_result=True, expires=EXPIRES_S, retry=False, connection=connection
                )

    def _warn(self, error: Exception) -> None:
        moment = time.monotonic()
        if moment - self._warned_at >= WARN_S:
            self._warned_at = moment
            _log.warning("broker away; workers find work by looking", error=type(error).__name__)

    # ------------------------------------------------------------------ from the broker
    def _consume_for_ever(self) -> None:
        """Run a Celery worker in this thread. It reconnects by itself; what ends it otherwise is tried again."""
        for name in ("celery", "kombu"):
            logging.getLogger(name).setLevel("WARNING")  # else two lines for every message
        self._app.set_current()  # of this thread; Celery looks for tasks in the current app
        while not self._stop.is_set():
            try:
                # `solo` runs the task in this very thread, and the task only wakes our own threads. The rest of
                # Celery (events, remote control, talk among workers) has nothing to tell here.
                WorkController(
                    app=self._app,
                    pool_cls="solo",
                    concurrency=1,
                    loglevel="WARNING",
                    without_gossip=True,
                    without_mingle=True,
                    without_heartbeat=True,
                ).start()
            except Exception as error:  # noqa: BLE001 - as above
                self._warn(error)
            self._stop.wait(AGAIN_S)

    def _deliver(self, kind: str) -> None:
        if self._workers is not None:
            self._workers.notify(str(kind))


def _celery(broker: str) -> Any:
    app = Celery("hub", broker=broker, set_as_current=False)
    app.conf.update(
        task_queues={
            QUEUE: {"queue_arguments": {"x-message-ttl": EXPIRES_S * 1000, "x-max-length": ENOUGH}}
        },  # RabbitMQ
        task_default_queue=QUEUE,
        task_default_delivery_mode="transient",
        task_ignore_result=True,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,  # there are none; unset, Celery warns
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # the consumer comes back whenever the broker does
        broker_connection_timeout=TIMEOUT_S,
        broker_transport_options={"socket_connect_timeout": TIMEOUT_S, "socket_timeout": TIMEOUT_S},
    )
    return app
