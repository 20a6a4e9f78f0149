"""Carries notifications to the addresses of clients, in the background."""

import contextlib
import queue
import ssl
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.error import HTTPError

from hub.connector.simulator import Faults

_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Notification:
    """One request to a client."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    delivered: Callable[[int], None] = field(default=lambda _status: None)


class Notifier:
    """One thread that posts what is waiting; `sent` keeps each with the status it was answered with (0: nobody)."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._waiting: queue.Queue[Notification | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self.sent: list[tuple[Notification, int]] = []

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="google-simulator-notifier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(_PATIENCE_S * 2)

    def notify(self, notification: Notification) -> None:
        """Post this soon; with its fault, not at all or twice."""
        if self._faults.take("dropped_notification"):
            return
        times = 2 if self._faults.take("duplicated_notification") else 1
        for _ in range(times):
            self._waiting.put(notification)

    def flush(self) -> None:
        """Wait until everything that waits was posted."""
        self._waiting.join()

    def _run(self) -> None:
        # Clients of a test have certificates that nobody signed.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        while (notification := self._waiting.get()) is not None:
            try:
                status = _post(opener, notification)
                self.sent.append((notification, status))
                notification.delivered(status)
            finally:
                self._waiting.task_done()
        self._waiting.task_done()


def _post(opener: urllib.request.OpenerDirector, notification: Notification) -> int:
    if not notification.url.startswith(("http://", "https://")):
        return 0
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        notification.url, data=notification.body, headers=dict(notification.headers), method="POST"
    )
    with contextlib.suppress(OSError, ValueError):
        try:
            with opener.open(request, timeout=_PATIENCE_S) as answer:
                answer.read()
                return int(answer.status)
        except HTTPError as refused:
            refused.close()
            return int(refused.code)
    return 0
