"""Pretend to be a remote system."""

import threading
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

import click

from hub.cli.signals import until_told
from hub.connector.simulator import Demo, Faults, Option, Performance, Simulator
from hub.errors import NotFoundError


def create(connector: str, port: int, faults: Faults) -> Simulator:
    """Return a connector's simulator, not started.

    Raises:
        NotFoundError: there is no such connector, or it has none.
        ValueError: it knows no such fault.
    """
    module = _module(connector)
    if unknown := faults.names - set(module.FAULTS):
        known = ", ".join(sorted(module.FAULTS)) or "none"
        raise ValueError(f"there is no fault {', '.join(sorted(unknown))}; there are {known}")
    simulator: Simulator = module.create(port, faults)
    return simulator


def _module(connector: str) -> ModuleType:
    if not connector.isidentifier():
        raise NotFoundError(f"There is no connector {connector}.")
    try:
        return import_module(f"connectors.{connector}.simulator")
    except ModuleNotFoundError:
        raise NotFoundError(f"There is no simulator of {connector}.") from None


class Simulators(click.Group):
    """One command for each connector with a simulator; what only one of them can be told, its own module lists."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        names = [one.name for one in iter_modules(import_module("connectors").__path__) if one.ispkg]
        return sorted(name for name in names if find_spec(f"connectors.{name}.simulator"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        del ctx
        own: tuple[Option, ...] = getattr(_module(cmd_name), "OPTIONS", ())
        params: list[click.Parameter] = [
            click.Option(["--port"], type=int, default=0, help="0: any free one."),
            click.Option(["--faults"], multiple=True, metavar="NAME[=COUNT|always]", help="Misbehave; may be repeated."),
            click.Option(["--calls/--no-calls"], default=True, help="Telephone exchanges: let people call."),
            *(
                click.Option([f"--{one.name}"], metavar=one.value, help=one.text, default=one.default,
                             show_default=bool(one.default))
                for one in own
            ),
        ]  # fmt: skip
        text = f"Run the simulator of {cmd_name} until Ctrl-C, and print the settings that reach it."
        short = f"A remote that {cmd_name} can be tried against."
        return click.Command(cmd_name, callback=partial(_run, cmd_name), params=params, help=text, short_help=short)


@click.group(cls=Simulators, subcommand_metavar="CONNECTOR [OPTIONS]")
def simulate() -> None:
    """Run a connector's simulator until Ctrl-C, and print the settings that reach it."""


def _run(connector: str, *, port: int, faults: tuple[str, ...], calls: bool, **own: str) -> None:
    play = _performance(connector, own)
    try:
        simulator = create(connector, port, Faults(faults))
    except ValueError as error:
        raise click.UsageError(f"--faults: {error}") from None
    if play is None and calls and (demo := demo_of(connector)) is not None:
        play = partial(_live, demo)
    stop, wait = threading.Event(), until_told()
    simulator.start()
    for key, value in simulator.settings().items():
        click.echo(f"{key}={value}")
    click.echo(f"listening on 127.0.0.1:{simulator.port}; stop with Ctrl-C")
    if play is not None:
        threading.Thread(target=play, args=(simulator, stop), daemon=True).start()
    wait()
    stop.set()
    simulator.stop()


def _performance(connector: str, own: dict[str, str]) -> Performance | None:
    """Return what the connector's own options ask for."""
    if not own:
        return None
    try:
        found: Performance | None = _module(connector).performance(own)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return found


def _live(demo: Demo, simulator: Simulator, stop: threading.Event) -> None:
    demo(simulator, (), (), stop)


def demo_of(connector: str) -> Demo | None:
    """Return what lets something happen in a connector's simulator, where it has that."""
    if find_spec(f"connectors.{connector}.demo") is None:
        return None
    run: Demo = import_module(f"connectors.{connector}.demo").run
    return run


def prepared(connector: str, simulator: Simulator, address: str, name: str) -> dict[str, str]:
    """Return the settings of a demo account that belongs to somebody."""
    prepare = getattr(import_module(f"connectors.{connector}.demo"), "prepare", None)
    return {**simulator.settings(), **(prepare(simulator, address, name) if prepare else {})}


COMMANDS = (simulate,)
