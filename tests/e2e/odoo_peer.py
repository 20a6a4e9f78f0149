"""A real Odoo 19 with its own PostgreSQL: started anew for a run of the tests, and ended with it.

It lives in `var/odoo` (or HUB_TEST_ODOO); `make test` builds it. Each run unpacks a database of its own into a temporary
folder and takes free ports, so several at once do not meet, and what was built is never changed.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.fakes.servers import Postgres, free_port, wait_for

FOLDER = Path(os.environ.get("HUB_TEST_ODOO", str(Path(__file__).parents[2] / "var/odoo")))
PROGRAM = "root/usr/bin/odoo"
LIBRARY = "root/usr/lib/python3/dist-packages"
INSTALLED = all((FOLDER / made).exists() for made in (PROGRAM, "venv/complete", "database.tar", "made.json"))
CONFIG = """[options]
db_host = 127.0.0.1
db_port = {postgres}
db_user = hub
db_name = {database}
list_db = False
http_interface = 127.0.0.1
http_port = {http}
workers = 0
max_cron_threads = 0
data_dir = {data}
"""


@dataclass
class Files:
    """Where the program and one run of it keep what is theirs."""

    folder: Path  # what was built
    home: Path  # of this run
    database: str = ""

    @property
    def python(self) -> Path:
        return self.folder / "venv/bin/python"

    @property
    def program(self) -> Path:
        return self.folder / PROGRAM

    @property
    def filestore(self) -> Path:
        return self.home / "data/filestore" / self.database

    def configure(self, postgres: int, http: int, database: str) -> Path:
        """Write the configuration of a run."""
        self.database = database
        config = self.home / "odoo.conf"
        values = {"postgres": postgres, "http": http, "database": database, "data": self.home / "data"}
        config.write_text(CONFIG.format(**values))
        return config


@dataclass
class OdooError(Exception):
    """Odoo refused what a test asked it for."""

    status: int
    name: str
    text: str


@dataclass
class Peer:
    """One running Odoo, and what was made in it: keys by user, ids by name."""

    files: Files
    postgres: Postgres
    port: int
    made: dict[str, Any]
    process: "subprocess.Popen[bytes] | None" = None
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        return self.files.database

    def start(self) -> None:
        config = self.files.configure(self.postgres.port, self.port, str(self.made["database"]))
        with (self.files.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.files.python, self.files.program, "-c", config], cwd=self.files.home, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        wait_for(self.port, self.process, 60)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)

    def kill(self) -> None:
        """Let it die where it stands."""
        assert self.process is not None, "it runs"
        self.process.kill()
        self.process.wait(15)

    # --- what people and programs do in it ----------------------------------------------------------------------------

    def call(self, model: str, method: str, *, user: str = "admin", **parameters: Any) -> Any:
        """Do something as a user, over JSON-2. Raises OdooError: it was refused."""
        answer = self.session.post(
            f"{self.url}/json/2/{model}/{method}", json=parameters, timeout=60,
            headers={"Authorization": f"bearer {self.made['keys'][user]}", "X-Odoo-Database": self.database},
        )  # fmt: skip
        told = answer.json()
        if answer.status_code != requests.codes.ok:
            raise OdooError(answer.status_code, told["name"], told["message"])
        return told

    def create(self, model: str, values: dict[str, Any], **context: Any) -> int:
        [made] = self.call(model, "create", vals_list=[values], context=context)
        return int(made)

    def sql(self) -> psycopg.Connection[Any]:
        """Open a transaction of its own on Odoo's database."""
        return psycopg.connect(f"postgresql://hub@127.0.0.1:{self.postgres.port}/{self.database}")


@contextmanager
def running() -> Iterator[Peer]:
    """A new Odoo, as it was built."""
    home = Path(tempfile.mkdtemp(prefix="hub-odoo-"))
    made = json.loads((FOLDER / "made.json").read_text())
    postgres = Postgres(FOLDER / "database.tar")
    peer = Peer(Files(FOLDER, home, made["database"]), postgres, free_port(), made)
    try:
        if (FOLDER / "filestore").exists():
            shutil.copytree(FOLDER / "filestore", peer.files.filestore)
        peer.start()
        yield peer
    finally:
        peer.stop()
        peer.session.close()
        postgres.close()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    with running() as shown:
        input(f"{shown.url}, database {shown.database}, keys {shown.made['keys']}; Enter ends it ")
