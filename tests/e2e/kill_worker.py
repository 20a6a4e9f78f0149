"""Workers that die: a program that forks one worker after another, and kills each at a place where nobody died before.

A place is a point between two things that last: before an SQL statement, before and after a commit, before a request to
a remote and after its answer, before and after a file gets its name; together with the calls of the hub's own code that
lead there. All of them tell one request from another. Of what happens in the database the last two count, and the last
one where it is only read: a death anywhere in a transaction leaves the same, nothing of it.

A worker dies by SIGKILL at the first place that is new. So a chain of workers, each of which finds what the last one
left, has a death at every place that it passes; one that passes no new place works until nothing is due.

The program has one thread and no connection, so that a fork of it is like a process that was just started, without the
seconds that its imports take. It reads commands from its standard input, a line each, and answers each with a line:

    {"open": {environment}, "remote": address}   wire a hub, and forget all deaths
    {"rehearse": database}                       do what is due in another database, where nobody dies
    {"live": true}                               let a worker live, and say where it died or how it ended
"""

import faulthandler
import gc
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import requests.adapters
from sqlalchemy import Dialect, Engine, Update, event, make_url, text, update
from sqlalchemy.orm import configure_mappers

from connectors.google.client import Client
from connectors.google.settings import GoogleSettings
from hub import app as hub_app
from hub import log
from hub.context import Hub
from hub.settings import load as load_settings
from hub.store.base import Base

ROOT = f"{Path(__file__).parents[2]}/"
OURS = (f"{ROOT}hub/", f"{ROOT}connectors/")
# Everybody's transactions begin and end there.
PASSED_ON = (f"{ROOT}hub/store/session.py", f"{ROOT}hub/work/shift.py")
READS_TOO = True  # whether they die before what is only read, too
LIFE_S = 60.0  # no worker has that much to do
ROUNDS = 300
NAME = "worker"  # of the workers' connections
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_WHAT = re.compile(r"\s*(INSERT INTO|DELETE FROM|UPDATE)\s+(\S+)", re.IGNORECASE)
_STILL_THERE = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()"
)


class Deaths:
    """Where workers died, and where the next one does."""

    def __init__(self) -> None:
        self.places: set[str] = set()
        self.is_near = False
        self.last_words: Callable[[str, str], None] = lambda _place, _name: None

    def passes(self, what: str, depth: int | None = None) -> None:
        """A worker passes a place, which so many calls tell from others; maybe it dies there."""
        if not self.is_near:
            return
        calls = list(islice(_calls(), depth))
        place = "|".join([what, *(f"{code.co_filename}:{line}" for code, line in calls)])
        if calls and place not in self.places:
            names = [f"{code.co_filename.removeprefix(ROOT)}:{code.co_qualname}" for code, _ in calls]
            self.last_words(place, " < ".join([what, *names]))
            os.kill(os.getpid(), signal.SIGKILL)


def _calls() -> Iterator[tuple[CodeType, int]]:
    """Go through the calls of the hub's own code that lead here, the innermost first."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS) and file not in PASSED_ON:
            yield frame.f_code, frame.f_lineno
        frame = frame.f_back


# --- what is watched --------------------------------------------------------------------------------------------------


def watch_engine(engine: Engine, deaths: Deaths) -> None:
    """Watch statements and commits."""

    def before(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("BEGIN"):
            return  # nothing happens between it and the first statement
        found = _WHAT.match(statement)
        if found:
            deaths.passes(f"before {' '.join(found.groups())}", 2)
        elif READS_TOO:
            deaths.passes("before SELECT", 1)

    def committed(connection: Any) -> None:
        deaths.passes("before COMMIT", 2)
        commit(connection)
        deaths.passes("after COMMIT", 2)

    event.listen(engine, "before_cursor_execute", before)
    # SQLAlchemy tells nobody when a commit is done.
    commit, engine.dialect.do_commit = engine.dialect.do_commit, committed  # type: ignore[method-assign,assignment]  # a watched method


def watch_requests(deaths: Deaths) -> None:
    """Watch what is asked of remotes, below everything that asks them."""
    adapter = requests.adapters.HTTPAdapter
    send = adapter.send

    def sent(self: Any, request: Any, *given: Any, **named: Any) -> Any:
        deaths.passes(f"before {request.method}")
        answer = send(self, request, *given, **named)
        deaths.passes(f"after {request.method}")
        return answer

    adapter.send = sent  # type: ignore[method-assign]  # a watched method


def watch_files(deaths: Deaths) -> None:
    """Watch files that get their names."""
    replace = os.replace

    def replaced(*given: Any, **named: Any) -> None:
        deaths.passes("before a file has its name")
        replace(*given, **named)
        deaths.passes("after a file has its name")

    os.replace = replaced


# --- lives ------------------------------------------------------------------------------------------------------------


class Program:
    """What workers are forked from."""

    def __init__(self) -> None:
        self.deaths = Deaths()
        self.hub: Hub | None = None
        watch_requests(self.deaths)
        watch_files(self.deaths)
        configure_mappers()
        log.setup("warning", "text")

    def open(self, environment: Mapping[str, str], remote: str) -> dict[str, Any]:
        """Wire a hub, and read what every worker would have to read."""
        self.deaths.places.clear()
        self.hub = hub_app.create_hub(load_settings(environment), migrate=False)
        watch_engine(self.hub.db.engine, self.deaths)
        google = Client(GoogleSettings(base_url=remote), None, "")  # type: ignore[arg-type]  # it asks nobody
        _ = google.gmail, google.calendar, google.people, google.pubsub
        return {"threads": threading.active_count()}

    def rehearse(self, elsewhere: str) -> dict[str, Any]:
        """Do the same work in another database, where nobody dies; what is compiled for that, nobody compiles again."""
        assert self.hub is not None
        engine = self.hub.db.engine
        url = make_url(elsewhere)

        def connect(dialect: Dialect, *_: Any) -> Any:
            named, keywords = dialect.create_connect_args(url)
            return dialect.connect(*named, **keywords)

        event.listen(engine, "do_connect", connect)
        bury(self.hub)
        work(self.hub)
        engine.dispose()
        event.remove(engine, "do_connect", connect)
        gc.collect()
        gc.freeze()  # what is never looked at by the collector stays shared
        return {"threads": threading.active_count()}

    def live(self) -> dict[str, Any]:
        """Let a worker live, and say where it died or how it ended."""
        assert self.hub is not None
        last_words, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(last_words)
            self.deaths.last_words = lambda *told: _write(into, json.dumps(told))
            _live(self.hub, self.deaths)
        os.close(into)
        with os.fdopen(last_words) as pipe:
            told = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        place, name = json.loads(told) if told else ("", "")
        if place:
            self.deaths.places.add(place)
        return {"code": code, "place": name}


def _write(into: int, words: str) -> None:
    os.write(into, words.encode())


def _live(hub: Hub, deaths: Deaths) -> None:
    """Be a worker, and never return."""
    code = 1
    try:
        gc.disable()  # a life is short
        faulthandler.dump_traceback_later(LIFE_S, exit=True)
        bury(hub)
        deaths.is_near = True
        work(hub)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as if it were the program itself
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def bury(hub: Hub) -> None:
    """Let time pass until the database has noticed who died, and until their leases are over."""
    while not (hub.db.is_sqlite or is_noticed(hub)):
        threading.Event().wait(0.002)
    with hub.db.engine.begin() as connection:
        for statement in burials():
            connection.execute(statement)


@cache
def burials() -> Sequence[Update]:
    """Return what ends all leases."""
    tables = [table for table in Base.metadata.sorted_tables if "lease_until" in table.c]
    return [update(one).where(one.c.lease_until.is_not(None)).values(lease_until=LONG_AGO) for one in tables]


def is_noticed(hub: Hub) -> bool:
    """Say whether PostgreSQL has ended the sessions of the dead; each transaction sees one state of them."""
    with hub.db.read() as session:
        return not session.scalar(_STILL_THERE, {"name": NAME})


def work(hub: Hub) -> None:
    """Do what the threads of a worker's process do, until nothing is due."""
    workers, pullers = hub_app._workers(hub), hub_app._pullers(hub)
    for _ in range(ROUNDS):
        if not workers.run_once() + pullers.run_once():
            return
    raise AssertionError("there is always more to do")


def main() -> None:
    """Follow commands until there are no more."""
    program = Program()
    with suppress(BrokenPipeError):
        for line in sys.stdin:
            match json.loads(line):
                case {"open": environment, "remote": remote}:
                    answer = program.open(environment, remote)
                case {"rehearse": elsewhere}:
                    answer = program.rehearse(elsewhere)
                case {"live": True}:
                    answer = program.live()
                case other:
                    raise ValueError(f"this is no command: {other}")
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
