"""Pretend to be a remote system."""

import signal
import threading
from importlib import import_module
from importlib.util import find_spec

import click

from hub.connector.simulator import Demo, Faults, Simulator
from hub.errors import NotFoundError


def create(connector: str, port: int, faults: Faults) -> Simulator:
    """Return a connector's simulator, not started.

    Raises:
        NotFoundError: there is no such connector, or it has none.
        ValueError: it knows no such fault.
    """
    if not connector.isidentifier():
        raise NotFoundError(f"There is no connector {connector}.")
    try:
        module = import_module(f"connectors.{connector}.simulator")
    except ModuleNotFoundError:
        raise NotFoundError(f"There is no simulator of {connector}.") from None
    if unknown := faults.names - set(module.FAULTS):
        known = ", ".join(sorted(module.FAULTS)) or "none"
        raise ValueError(f"there is no fault {', '.join(sorted(unknown))}; there are {known}")
    simulator: Simulator = module.create(port, faults)
    return simulator


@click.command()
@click.argument("connector")
@click.option("--port", type=int, default=0, help="0: any free one.")
@click.option("--faults", multiple=True, metavar="NAME[=COUNT|always]", help="Misbehave; may be repeated.")
@click.option("--calls/--no-calls", default=True, help="Telephone exchanges: let people call.")
def simulate(connector: str, port: int, faults: tuple[str, ...], *, calls: bool) -> None:
    """Run a connector's simulator until Ctrl-C, and print the settings that reach it."""
    try:
        simulator = create(connector, port, Faults(faults))
    except ValueError as error:
        raise click.UsageError(f"--faults: {error}") from None
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    simulator.start()
    for key, value in simulator.settings().items():
        click.echo(f"{key}={value}")
    click.echo(f"listening on 127.0.0.1:{simulator.port}; stop with Ctrl-C")
    player = None
    if calls and (play := demo_of(connector)) is not None:
        player = threading.Thread(target=play, args=(simulator, (), (), stop), daemon=True)
        player.start()
    stop.wait()
    simulator.stop()


def demo_of(connector: str) -> Demo | None:
    """Return what lets something happen in a connector's simulator, where it has that."""
    if find_spec(f"connectors.{connector}.demo") is None:
        return None
    run: Demo = import_module(f"connectors.{connector}.demo").run
    return run


COMMANDS = (simulate,)
