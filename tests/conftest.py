"""Fixtures for all tests: settings in a private folder, both databases, a wired hub and a web client."""

import gc
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import CodeType, MethodType
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from hub import app as hub_app
from hub.context import Hub
from hub.flow import Flow, open_flow
from hub.mapping.transforms import Function
from hub.security import passwords
from hub.settings import Settings
from hub.settings import load as load_settings
from hub.store import session as store
from hub.store.migrate import upgrade
from hub.store.session import Database, open_engine
from hub.web import assets
from hub.web.folding import Spoken
from tests.fakes.servers import LINES, Postgres, Valkey

DATABASES = ["sqlite", "postgresql"]
Transforms = Mapping[str, Mapping[str, Function]]
# How long an example takes says more of the machine than of what is tested.
hypothesis_settings.register_profile("hub", deadline=None)
hypothesis_settings.load_profile("hub")


def pytest_configure(config: pytest.Config) -> None:
    text = "alike: its cases differ in nothing that a database sees; all on SQLite, the first on PostgreSQL too"
    config.addinivalue_line("markers", text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    met: set[str] = set()  # tests of which one case on PostgreSQL is kept
    for item in items:
        name = item.nodeid.partition("[")[0]
        spec = getattr(item, "callspec", None)  # of a test without parameters there is none
        is_second = spec is not None and spec.params.get("database_url") == DATABASES[1]
        if is_second and name in met and item.get_closest_marker("alike"):
            left_out.append(item)
        else:
            kept.append(item)
        if is_second:
            met.add(name)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(autouse=True)
def level_of_logs_as_it_was() -> Iterator[None]:
    """A command that a test runs sets the level of the whole process, and the next test may look at what is logged."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def garbage_looked_for_seldom() -> None:
    """All tests and what they import stay until the end: looking through them again and again is a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Argon2 with parameters for tests: the real ones cost 64 MB and a good part of a second for each sign-in."""
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=512, parallelism=1)
    passwords._nobody.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Nearly every test has an app of its own, and their templates are the same."""
    compiled: dict[tuple[str, str, str], CodeType] = {}
    compile_anew = Spoken.compile

    def compile_once(self: Spoken, source: Any, name: Any = None, *given: Any, **named: Any) -> CodeType:
        key = (self.language() if self.overlayed else "", str(name), str(source))
        if key not in compiled:
            compiled[key] = compile_anew(self, source, name, *given, **named)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spoken, "compile", compile_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def rules_compiled_once() -> Iterator[None]:
    """So are their rules of addresses; what is made of a rule asks the rule for its converters when it is called."""
    compiled: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    compile_anew = Rule.compile

    def compile_once(self: Rule) -> None:
        key = (
            self.rule,
            self.subdomain,
            self.host,
            self.merge_slashes,
            repr(self.defaults),
            *self.map.converters.items(),
        )
        if key in compiled:
            self._parts, self._trace, self._converters, arguments, build, build_unknown = compiled[key]
            self.arguments |= arguments
            self._build, self._build_unknown = MethodType(build, self), MethodType(build_unknown, self)
            return
        compile_anew(self)
        builders = (self._build.__func__, self._build_unknown.__func__)
        compiled[key] = (self._parts, self._trace, self._converters, frozenset(self.arguments), *builders)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "compile", compile_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """So are their statements, which an engine compiles for its dialect: dialects of one kind and version count as one."""
    compiled: LRUCache[Any, Any] = LRUCache(2000)

    def opened(*given: Any, **named: Any) -> Engine:
        engine = create_engine(*given, **named)
        engine._compiled_cache = compiled
        if engine.dialect.name == "postgresql":
            LINES.watch(engine)
        return engine

    def is_like(self: DefaultDialect, other: object) -> bool:
        return type(self) is type(other) and self.server_version_info == other.server_version_info

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "create_engine", opened)
        patch.setattr(DefaultDialect, "__eq__", is_like)
        patch.setattr(DefaultDialect, "__hash__", lambda self: hash(type(self)))
        yield


@pytest.fixture(scope="session", autouse=True)
def disk_not_waited_for() -> Iterator[Any]:
    """No test cuts the power, so no commit needs to wait for a disk; the programs that tests start do wait for it."""
    opened = store._sqlite

    def open_unsynced(*given: Any) -> Engine:
        engine = opened(*given)
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_sqlite", open_unsynced)
        yield opened


@pytest.fixture
def disk_waited_for(disk_not_waited_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite as it is opened everywhere but in tests."""
    monkeypatch.setattr(store, "_sqlite", disk_not_waited_for)


@pytest.fixture(scope="session", autouse=True)
def mappings_read_once() -> Iterator[None]:
    """And the shipped mappings, which stay what they are: to read them is half of what making a hub takes."""
    read: dict[frozenset[str], Flow] = {}

    def opened(settings: Settings, own: Transforms, connectors: Collection[str]) -> Flow:
        key = frozenset(connectors)
        if key not in read:
            read[key] = open_flow(settings, own=own, connectors=connectors)
        return Flow(settings, dict(read[key].mappings))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_app, "open_flow", opened)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    file = tmp_path_factory.mktemp("template") / "hub.db"
    engine = open_engine(f"sqlite:///{file}")
    upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    """The name of a migrated, empty PostgreSQL database."""
    url = postgres_server.database()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url.rpartition("/")[2]


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database; each test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "hub.db")
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    yield from server.lent(request.getfixturevalue("postgres_template"))


@pytest.fixture(scope="session")
def compressed_assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as a start of the hub makes them, once for all tests."""
    folder = tmp_path_factory.mktemp("home") / "assets"
    assets.collect(folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path, database_url: str) -> dict[str, str]:
    """What the settings are read from."""
    return {"HUB_HOME": str(tmp_path), "HUB_DATABASE__URL": database_url, "HUB_LOG__LEVEL": "warning"}


@pytest.fixture
def settings(environment: dict[str, str], compressed_assets: Path) -> Settings:
    (Path(environment["HUB_HOME"]) / "assets").symlink_to(compressed_assets)
    return load_settings(environment)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The database alone."""
    database = Database(open_engine(settings.database_url))
    yield database
    database.close()


@pytest.fixture
def hub(settings: Settings) -> Iterator[Hub]:
    """A wired hub without any thread running."""
    wired = hub_app.create_hub(settings, migrate=False)  # `database_url` is
    yield wired
    hub_app.close_hub(wired)


@pytest.fixture
def client(hub: Hub) -> FlaskClient:
    return hub_app.create_app(hub).test_client()
