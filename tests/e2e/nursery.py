"""A program from which hubs are forked: each is like one that was just started, without the seconds that imports take.

It has one thread and has wired nothing. It reads commands from its standard input, a line each, and answers each with one:

    {"command": [words], "environment": {names and values}, "output": file}    let a hub live; answers its process id
    {"is_over": process id}                                                    answers its exit code, null while it lives
"""

import json
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module

from hub.cli import main as hub_main
from hub.settings import load


def live(command: Sequence[str], environment: Mapping[str, str], output: str) -> int:
    """Fork a hub, and return its process id."""
    assert threading.active_count() == 1, "a program that forks must have one thread"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _dress(environment, output)
            sys.argv = ["hub", *command]
            hub_main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as if it were the program itself
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return child


def _dress(environment: Mapping[str, str], output: str) -> None:
    """Take the environment and the files of a process of its own."""
    os.environ.clear()
    os.environ.update(environment)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, written), (2, written)):
        os.dup2(file, number)


def is_over(child: int) -> int | None:
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def main() -> None:
    """Follow commands until there are no more."""
    for name in load({}).hub.connectors:
        import_module(f"connectors.{name}")
    with suppress(BrokenPipeError):
        for line in sys.stdin:
            match json.loads(line):
                case {"command": command, "environment": environment, "output": output}:
                    answer: int | None = live(command, environment, output)
                case {"is_over": child}:
                    answer = is_over(child)
                case other:
                    raise ValueError(f"this is no command: {other}")
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
