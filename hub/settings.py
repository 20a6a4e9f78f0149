"""Settings: default.toml, then local.toml, then the environment; read once, frozen, unknown names refused."""

import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from hub.errors import ConfigError

CONFIG = Path(__file__).parent.parent / "config"
PREFIX = "HUB_"
LANGUAGES = ("en", "he", "ar", "pl", "ru")
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones; they lie in hundreds of files."""
    return frozenset(available_timezones())


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    """Where and how we listen."""

    host: str
    port: int = Field(ge=0, le=65535)
    public_url: str
    trusted_proxies: int = Field(ge=0, le=10)
    tls_cert: str
    tls_key: str
    threads: int = Field(ge=2, le=1000)

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key go together")
        return self


class Database(Section):
    """Where rows live."""

    url: str
    pool_size: int = Field(ge=1, le=500)


class Live(Section):
    """How browsers are told."""

    bus: str
    ping_s: float = Field(gt=0)
    waiting: int = Field(ge=1)

    @field_validator("bus")
    @classmethod
    def _known(cls, bus: str) -> str:
        if bus != "memory" and not bus.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must be 'memory' or a redis:// address")
        return bus


class Work(Section):
    """Background work and its leases, in seconds."""

    broker: str
    threads: int = Field(ge=0, le=200)
    lease_s: float = Field(gt=0)
    heartbeat_s: float = Field(gt=0)
    reconcile_s: float = Field(gt=0)
    backfill: int = Field(ge=1, le=200)
    listener_lease_s: float = Field(gt=0)
    listener_heartbeat_s: float = Field(gt=0)

    @field_validator("broker")
    @classmethod
    def _known(cls, broker: str) -> str:
        if broker and not broker.startswith(("redis://", "rediss://", "amqp://", "amqps://")):
            raise ValueError("must be empty, or a redis:// or amqp:// address")
        return broker


class Mail(Section):
    """What mail is never kept, whoever it is from or to; and the files that come with it."""

    never_log: tuple[str, ...]
    private_labels: tuple[str, ...]
    files: str
    largest_file_mb: int = Field(ge=1, le=200)
    refused_files: tuple[str, ...]
    scan_command: tuple[str, ...]
    scan_s: float = Field(gt=0, le=3600)
    undo_s: float = Field(ge=0, le=300)


class Notes(Section):
    """Notes and their files."""

    largest_file_mb: int = Field(ge=1, le=2000)


class Webhooks(Section):
    """Outgoing webhooks."""

    threads: int = Field(ge=1, le=200)
    timeout_s: float = Field(gt=0, le=60)
    allow_private: bool
    ca_file: str


class Smtp(Section):
    """The mail server through which the hub tells people what needs them; what must go together, notice.send checks."""

    host: str
    port: int = Field(ge=1, le=65535)
    security: Literal["starttls", "tls", "none"]
    user: str
    password: SecretStr
    from_: str = Field(alias="from")
    ca_file: str
    timeout_s: float = Field(gt=0, le=600)
    tell_after_min: float = Field(ge=0)


class Notices(Section):
    """Where there is no mail server: the connected mailboxes through which people are told."""

    through: tuple[str, ...]

    @field_validator("through")
    @classmethod
    def _addresses(cls, through: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(one.strip().lower() for one in through))
        if not all(_ADDRESS.fullmatch(one) for one in found):
            raise ValueError("must be addresses of connected mailboxes, such as office@example.com")
        return found


class Security(Section):
    """Sessions, keys and limits."""

    key_file: str
    session_h: float = Field(gt=0)
    idle_min: float = Field(gt=0)
    reset_link_min: float = Field(gt=0)
    sign_in_limit: str
    api_limit: str
    hook_limit: str


class Log(Section):
    """What is written where."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["json", "text"]


class General(Section):
    """The company's own defaults."""

    name: str
    region: str = Field(pattern="^[A-Z]{2}$")
    time_zone: str
    language: Literal["en", "he", "ar", "pl", "ru"]
    connectors: tuple[str, ...]

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in zones():
            raise ValueError("is not an IANA time zone such as Europe/Warsaw")
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Calls(Section):
    """Telephony."""

    settle_s: float = Field(ge=0)
    keep_internal: bool
    leave_out_undocumented: bool
    queue: int = Field(ge=100)
    spool_mb: int = Field(ge=0)
    dial_per_minute: int = Field(ge=1)
    blocked_prefixes: tuple[str, ...]
    backfill_overlap_min: float = Field(ge=0)
    recording_days: int = Field(ge=0)
    recording_lost_h: float = Field(gt=0)
    owner_routing_idle_min: float = Field(gt=0)


class Leads(Section):
    """New leads."""

    answer_within_min: float = Field(gt=0)


class Settings(Section):
    """Everything that is set, in one frozen object. `home` comes from HUB_HOME alone."""

    home: Path
    server: Server
    database: Database
    live: Live
    work: Work
    mail: Mail
    notes: Notes
    webhooks: Webhooks
    smtp: Smtp
    notices: Notices
    security: Security
    log: Log
    hub: General
    calls: Calls
    leads: Leads

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.home / 'hub.db'}"

    @property
    def key_file(self) -> Path:
        return Path(self.security.key_file) if self.security.key_file else self.home / "secret.key"

    @property
    def mail_files(self) -> Path:
        """Where files that came with mails are kept."""
        return Path(self.mail.files) if self.mail.files else self.home / "files"

    @property
    def contact_photos(self) -> Path:
        """Where pictures of contacts are kept: beside the files of mails, which all machines reach."""
        return self.mail_files / "photos"

    @property
    def note_files(self) -> Path:
        """Where files of notes are kept: beside the files of mails, which all machines reach."""
        return self.mail_files / "notes"

    @property
    def public_url(self) -> str:
        """How people reach us, without a slash at the end."""
        scheme = "https" if self.server.tls_cert else "http"
        return (self.server.public_url or f"{scheme}://{self.server.host}:{self.server.port}").rstrip("/")


def load(
    environment: Mapping[str, str] | None = None, *, config: Path = CONFIG, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Read the settings of all sources.

    Args:
        environment: in place of the process's own.
        config: folder of default.toml and, maybe, local.toml.
        overrides: `{"server": {"port": 0}}`, what the command line says; strongest.

    Raises:
        ConfigError: names the source and the setting.
    """
    env = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for name in ("default.toml", "local.toml"):
        file = config / name
        if file.exists():
            _merge(values, _toml(file))
            _check(values, env, str(file))
    _merge(values, _from_environment(env, values))
    _check(values, env, "the environment")
    if overrides:
        _merge(values, overrides)
    return _check(values, env, "the command line")


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None


def _from_environment(env: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Any]:
    """HUB_SECTION__NAME=value; lists are written as TOML, `["a", "b"]`, or with commas."""
    values: dict[str, Any] = {}
    for key, text in env.items():
        if not key.startswith(PREFIX) or key == "HUB_HOME":
            continue
        section, _, name = key.removeprefix(PREFIX).lower().partition("__")
        default = known.get(section, {}).get(name)
        value: Any = text
        if isinstance(default, list):
            value = [part.strip().strip("\"'") for part in text.strip("[]").split(",") if part.strip()]
        values.setdefault(section, {})[name] = value
        if not name:
            raise ConfigError(f"{key} in the environment: write HUB_<SECTION>__<NAME>, such as HUB_SERVER__PORT")
    return values


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _check(values: Mapping[str, Any], env: Mapping[str, str], source: str) -> Settings:
    home = Path(env.get("HUB_HOME") or "var").absolute()
    try:
        return Settings(home=home, **values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        what = "is not a setting; see config/default.toml" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{source}: {name}: {what}") from None
    except TypeError:
        raise ConfigError(f"{source}: `home` is set by HUB_HOME alone") from None
