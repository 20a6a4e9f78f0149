"""A hub that remotes reach: it listens on this machine, and its settings say where."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from hub import app as hub_app
from hub.context import Hub
from tests.fakes.servers import free_port


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@contextmanager
def reached(hub: Hub) -> Iterator[Hub]:
    """Return the same hub with an address; nobody answers there afterwards."""
    port = free_port()
    server = hub.settings.server.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    hub = replace(hub, settings=hub.settings.model_copy(update={"server": server}))
    listening = make_server("127.0.0.1", port, hub_app.create_app(hub), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        listening.shutdown()
        thread.join(5)
        listening.server_close()
