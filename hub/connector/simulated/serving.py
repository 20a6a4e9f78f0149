"""A simulator while it runs: its keys, its port, its thread."""

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from hub.connector.simulated.keys import Authority
from hub.connector.simulated.wire import Answer, Request, Server
from hub.connector.simulator import Faults

_TICK_S = 0.02


class Serving:
    """Listens on 127.0.0.1 over TLS, by an authority of its own; after a stop it can go on where it was.

    Args:
        name: of the remote.
        is_api: says of a path whether faults of the connection may happen to its answers.
    """

    def __init__(
        self, name: str, port: int, answer: Callable[[Request], Answer], faults: Faults, is_api: Callable[[str], bool]
    ) -> None:
        self.port = port
        self._name, self._answer, self._faults, self._is_api = name, answer, faults, is_api
        self._folder = Path()
        self._authority: Authority | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        """The file that certificates are checked against."""
        return str(self._folder / "ca.pem")

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._server.asked if self._server else 0

    def start(self, ready: Callable[[], None]) -> None:
        """Return when connections are accepted; `ready` is called before, when the port is known."""
        if self._authority is None:
            self._authority, self._folder = Authority(), Path(tempfile.mkdtemp(prefix=f"simulated-{self._name}-"))
        context = self._authority.write(self._folder)
        self._server = Server(self.port, context, self._answer, self._faults, self._is_api)
        self.port = self._server.server_address[1]
        ready()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_TICK_S,), name=f"{self._name}-simulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End every connection and the thread, and remove the keys."""
        server, self._server = self._server, None
        if server is None:
            return
        server.end()
        if self._thread:
            self._thread.join(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        if self._server:
            self._server.cut()
