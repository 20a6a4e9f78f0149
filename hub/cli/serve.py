"""The processes: all in one (`up`), or one role each on as many machines as wanted."""

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import click
import uvicorn

from hub import log
from hub.app import AsgiApp, close_hub, create_asgi, create_hub, start
from hub.cli.demo import Demo
from hub.cli.output import read_settings
from hub.cli.signals import until_told
from hub.context import Hub
from hub.errors import ConfigError
from hub.security.links import first_admin_code
from hub.settings import Settings

_log = log.get(__name__)
COLLECT_S = 900.0  # seconds between two looks through everything for garbage; twice that where calls never pause
LOOK_S = 1.0
GIVES_WAY = 10  # added to the niceness of workers that are a process of their own
GRACE_S = 1  # open event streams would keep the server from ever stopping

_where = [
    click.option("--host", default=None, help="Address to listen on."),
    click.option("--port", type=int, default=None),
    click.option(
        "--tls-cert", type=click.Path(exists=True, dir_okay=False), default=None, help="PEM file; with it HTTPS."
    ),
    click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), default=None),
]


def _serving(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_where):
        command = option(command)
    return command


def _overrides(host: str | None, port: int | None, tls_cert: str | None, tls_key: str | None) -> dict[str, Any]:
    given = {"host": host, "port": port, "tls_cert": tls_cert, "tls_key": tls_key}
    return {"server": {key: value for key, value in given.items() if value is not None}}


@click.command()
@_serving
@click.option("--demo", is_flag=True, help="With a simulated exchange, demo people and calls; on this machine only.")
def up(host: str | None, port: int | None, tls_cert: str | None, tls_key: str | None, *, demo: bool) -> None:
    """Run everything in one process: pages, events, workers and listeners."""
    settings = read_settings(_overrides(host, port, tls_cert, tls_key))
    if demo and settings.server.host not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigError("server.host: the demo runs on this machine only; leave --host out.")
    hub = create_hub(settings)
    play = Demo(hub) if demo else None
    if play is not None:
        play.prepare()
    running = start(hub)
    try:
        serve(hub, create_asgi(hub), lambda address: _hello(hub, address, play))
    finally:
        if play is not None:
            play.close()
        running.close()
        close_hub(hub)


@click.command()
@_serving
def web(host: str | None, port: int | None, tls_cert: str | None, tls_key: str | None) -> None:
    """Run pages, the API and the hooks only (any WSGI server on `wsgi:app` does as well)."""
    settings = read_settings(_overrides(host, port, tls_cert, tls_key))
    _must_be_shared(settings)
    hub = create_hub(settings)
    try:
        serve(hub, create_asgi(hub), lambda address: _hello(hub, address, None))
    finally:
        close_hub(hub)


@click.command()
@_serving
def live(host: str | None, port: int | None, tls_cert: str | None, tls_key: str | None) -> None:
    """Run the event streams (`/events`) only; the proxy sends them here under the same host name."""
    settings = read_settings(_overrides(host, port, tls_cert, tls_key))
    _must_be_shared(settings)
    hub = create_hub(settings)
    try:
        serve(hub, create_asgi(hub, web=False), lambda address: click.echo(f"Event streams at {address}/events"))
    finally:
        close_hub(hub)


@click.command()
def work() -> None:
    """Run background workers only; they give way to pages, webhooks and exchanges on the same machine."""
    os.nice(GIVES_WAY)
    _background(work=True)


@click.command()
def listen() -> None:
    """Listen to exchanges only; of several such processes one holds each exchange, another takes over."""
    _background(listen=True)


def _background(*, work: bool = False, listen: bool = False) -> None:
    settings = read_settings()
    if listen:
        _must_be_shared(settings)
    hub = create_hub(settings)
    running = start(hub, work=work, listen=listen)
    wait = until_told()
    click.echo("Running; stop with Ctrl-C.")
    wait()
    running.close()
    close_hub(hub)


def _must_be_shared(settings: Settings) -> None:
    if settings.live.bus == "memory":
        raise ConfigError("live.bus: several processes need a shared bus; set HUB_LIVE__BUS=redis://host:6379/0")


def serve(hub: Hub, app: AsgiApp, ready: Callable[[str], None]) -> None:
    """Serve until a signal; `ready` is called with the address once it is open."""
    server = hub.settings.server
    config = uvicorn.Config(
        app,
        host=server.host,
        port=server.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the web layer knows how many proxies to trust
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=server.tls_cert or None,
        ssl_keyfile=server.tls_key or None,
        lifespan="off",
        backlog=2048,
    )

    # The server stops at a signal and raises it again when it has stopped: ours then must not end the process before
    # listeners and workers have given back what they hold.
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())

    class Server(uvicorn.Server):
        collecting: asyncio.Task[None] | None = None

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            self.should_exit = self.should_exit or told.is_set()
            if self.should_exit:
                return
            port = next((s.getsockname()[1] for one in self.servers for s in one.sockets), server.port)
            scheme = "https" if server.tls_cert else "http"
            ready(server.public_url or f"{scheme}://{server.host}:{port}")
            _collect_rarely()
            self.collecting = asyncio.create_task(_collect_when_quiet(hub))

        async def shutdown(self, sockets: Any = None) -> None:
            if self.collecting is not None:
                self.collecting.cancel()
            hub.bus.close()  # ends the open streams, or uvicorn would wait for them
            await super().shutdown(sockets)

    runner = Server(config)
    asyncio.run(runner.serve())
    if not runner.started:
        raise ConfigError(f"server.port: {server.host}:{server.port} is taken; choose another with --port")


def _collect_rarely() -> None:
    """Keep the search for garbage from stopping everything, also a ringing card, for a tenth of a second and more.

    What is loaded by now stays, so it is not looked through again. What lives long, such as a thousand browsers'
    streams, is looked through by `_collect_when_quiet` only.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 1_000_000)


async def _collect_when_quiet(hub: Hub) -> None:
    """Look through everything for garbage once in a while, in a moment without calls where there is one."""
    due = time.monotonic() + COLLECT_S
    while True:
        await asyncio.sleep(LOOK_S)
        late = time.monotonic() - due
        calls = any(listener.open_calls for listener in list(hub.telephone.listeners.values()))
        if late >= COLLECT_S or (late >= 0 and not calls):
            gc.collect()
            due = time.monotonic() + COLLECT_S


def _hello(hub: Hub, address: str, play: Demo | None) -> None:
    click.echo(f"\n  {hub.settings.hub.name} is open at {address}\n")
    if play is not None:
        for line in play.sign_ins():
            click.echo(f"  {line}")
        play.start()
    elif (code := first_admin_code(hub.db, hub.vault)) is not None:
        click.echo(f"  Nobody can sign in yet. Open {address}/setup and enter the code {code}")
    click.echo("\n  Stop with Ctrl-C.\n")


COMMANDS = (up, web, live, work, listen)
