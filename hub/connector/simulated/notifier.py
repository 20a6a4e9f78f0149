"""Carries notifications to the addresses of clients, in the background."""

import contextlib
import queue
import ssl
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError

from hub.connector.simulated.clock import Clock
from hub.connector.simulator import Faults

_PATIENCE_S = 5.0
_MOST = 1 << 20  # bytes of an answer
_TICK_S = 0.02
DELAY_S = 60.0  # by the simulator's clock


@dataclass(frozen=True)
class Notification:
    """One request to a client."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    delivered: Callable[[int], None] = field(default=lambda _status: None)


class Notifier:
    """One thread that posts what is waiting; `sent` keeps each with the status it was answered with (0: nobody)."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults, self._clock = faults, clock
        self._waiting: queue.Queue[Notification | None] = queue.Queue()
        self._held: list[tuple[float, bool, Notification]] = []  # until when, or until the next one was posted
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.sent: list[tuple[Notification, int]] = []

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="simulator-notifier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(_PATIENCE_S * 2)

    def notify(self, notification: Notification) -> None:
        """Post this soon; with its fault, not at all, twice, late, or after the next one."""
        if self._faults.take("dropped_notification"):
            return
        if self._faults.take("delayed_notification"):
            self.later(notification, DELAY_S)
            return
        if self._faults.take("reordered_notification"):
            self.later(notification, DELAY_S, overtaken=True)
            return
        times = 2 if self._faults.take("duplicated_notification") else 1
        for _ in range(times):
            self._waiting.put(notification)
        self._release(lambda _until, overtaken: overtaken)

    def later(self, notification: Notification, seconds: float, *, overtaken: bool = False) -> None:
        """Post this when so much time has passed on the simulator's clock, or (overtaken) behind the next one."""
        with self._lock:
            self._held.append((self._clock.time() + seconds, overtaken, notification))

    def _release(self, which: Callable[[float, bool], bool]) -> None:
        with self._lock:
            ripe = [one for one in self._held if which(one[0], one[1])]
            self._held = [one for one in self._held if one not in ripe]
            for _, _, notification in ripe:
                self._waiting.put(notification)

    def flush(self) -> None:
        """Wait until everything that waits was posted, also what was delayed until now."""
        self._release(lambda until, _overtaken: until <= self._clock.time())
        self._waiting.join()

    def _run(self) -> None:
        opener = _opener()
        while True:
            self._release(lambda until, _overtaken: until <= self._clock.time())
            try:
                notification = self._waiting.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            if notification is None:
                break
            try:
                status, _, _ = _post(opener, notification, _PATIENCE_S)
                self.sent.append((notification, status))
                notification.delivered(status)
            finally:
                self._waiting.task_done()
        self._waiting.task_done()


def ask(url: str, patience_s: float) -> tuple[int, str, bytes]:
    """Post nothing to a client, and wait for what he says: status (0: nobody), content type and body."""
    return _post(_opener(), Notification(url, {}), patience_s)


def _opener() -> urllib.request.OpenerDirector:
    # Clients of a test have certificates that nobody signed.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def _post(
    opener: urllib.request.OpenerDirector, notification: Notification, patience_s: float
) -> tuple[int, str, bytes]:
    if not notification.url.startswith(("http://", "https://")):
        return 0, "", b""
    with contextlib.suppress(OSError, ValueError, HTTPException):
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            notification.url, data=notification.body, headers=dict(notification.headers), method="POST"
        )
        try:
            with opener.open(request, timeout=patience_s) as answer:
                return int(answer.status), answer.headers.get("Content-Type", ""), answer.read(_MOST)
        except HTTPError as refused:
            refused.close()
            return int(refused.code), "", b""
    return 0, "", b""
