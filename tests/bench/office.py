"""One company of the benchmarks: its HUB_HOME, its people's sessions, and `hub up` as a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub import log
from hub.context import Hub
from hub.cti.models import EndpointRule, Extension
from hub.intake import accounts
from hub.security import sessions
from hub.security.models import Role, User
from hub.settings import load
from hub.store.base import now
from hub.web import auth
from tests.bench import data
from tests.fakes.servers import free_port

START_S = 60.0


class Office:
    """A company with a database of its own; `environment` is added to what `hub up` gets."""

    def __init__(self, folder: Path, rows: int, environment: Mapping[str, str] | None = None) -> None:
        self.home = folder
        self.rows = rows
        self.port = free_port()
        self.environment = {
            "HUB_HOME": str(folder), "HUB_SERVER__PORT": str(self.port), "HUB_LOG__LEVEL": "error",
            "HUB_HUB__REGION": "IL", **(environment or {}),
        }  # fmt: skip
        data.copy_to(folder, rows)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """Return the wired hub in this process, for setting up; nothing of it runs."""
        log.setup("error", "text")
        hub = hub_app.create_hub(load(self.environment))
        try:
            yield hub
        finally:
            hub_app.close_hub(hub)

    @contextmanager
    def up(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run `hub up`, as a customer does; it is there when it answers."""
        process = subprocess.Popen(
            [sys.executable, "-c", "from hub.cli import main; main()", "up"], cwd=data.ROOT,
            env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self._wait(process)
            yield process
        finally:
            process.terminate()
            process.wait(20)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.05)
            finally:
                connection.close()
            if process.poll() is not None:
                break
        raise TimeoutError(f"`hub up` did not answer on port {self.port}")


def sign_in(hub: Hub, users: Sequence[User]) -> list[tuple[str, str]]:
    """Start a session for each and return their cookies, (name, value): what signing in by the form would set."""
    app = hub_app.create_app(hub)
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # the signed cookie's
    with hub.db.write() as session:
        found = [sessions.start(session, user, "127.0.0.1", "bench", hub.settings) for user in users]
    return [(auth.cookie_name(hub), serializer.dumps({auth.SESSION_KEY: token, "_permanent": True})) for token in found]


def first_user(session: Session) -> User:
    return session.scalars(select(User).order_by(User.id).limit(1)).one()


def add_agents(session: Session, count: int) -> list[User]:
    """Make agents who sign in by other means than a password."""
    made = [
        User(email=f"phone{number}@example.com", name=f"Phone {number}", role=Role.AGENT, created_at=now())
        for number in range(count)
    ]
    session.add_all(made)
    session.flush()
    return made


def connect(hub: Hub, session: Session, settings: Mapping[str, str], users: Mapping[str, User]) -> None:
    """Add an exchange whose extensions are these users'."""
    row = accounts.create(session, hub.connectors["asterisk"], hub.vault, "Exchange", settings, region="IL")
    session.add(EndpointRule(account_id=row.id, pattern="PJSIP/trunk*", kind="trunk"))
    session.add_all(Extension(account_id=row.id, number=number, user_id=user.id) for number, user in users.items())
