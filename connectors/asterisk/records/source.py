"""Where the exchange keeps its own call records, as one line of settings."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Store(StrEnum):
    """What the records are kept in."""

    CSV = "csv"
    MYSQL = "mysql"
    POSTGRESQL = "postgresql"


# Order of the fields in cel-custom/Master.csv with the mapping line that the README of this connector gives: type,
# time, caller, extension, channel, application, uniqueid, linkedid, peer, extra. `columns=` names another order.
CEL_CSV_COLUMNS = (
    "eventtype",
    "eventtime",
    "cid_num",
    "exten",
    "channame",
    "appname",
    "uniqueid",
    "linkedid",
    "peer",
    "extra",
)

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,63}(\.[A-Za-z_][A-Za-z0-9_$]{0,63})?\Z")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,63}\Z")
_SCHEMES = {
    "csv": Store.CSV,
    "mysql": Store.MYSQL,
    "mariadb": Store.MYSQL,
    "postgresql": Store.POSTGRESQL,
    "postgres": Store.POSTGRESQL,
}
_PORTS = {Store.CSV: 0, Store.MYSQL: 3306, Store.POSTGRESQL: 5432}
_OPTIONS = {"cdr", "cel", "zone", "columns", "ca"}


@dataclass(frozen=True, slots=True)
class RecordSource:
    """One place of records. `cdr` and `cel` are file paths or table names; empty: that kind is not kept there."""

    store: Store
    cdr: str
    cel: str
    time_zone: str = "UTC"  # IANA name of the zone in which the exchange writes its times
    cel_columns: tuple[str, ...] = CEL_CSV_COLUMNS
    host: str = ""
    port: int = 0
    database: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""  # file of certificates; set: TLS with a verified name
    page_rows: int = 5000
    settle_s: float = 60.0  # a call this long without a further row is over
    longest_call_s: float = 12 * 3600.0

    @classmethod
    def parse(cls, text: str, cel: str = "", *, password: str = "", time_zone: str = "UTC") -> "RecordSource | None":
        """Read a setting such as `csv:/path/Master.csv?cel=/path/cel/Master.csv&zone=UTC`; None where it is empty.

        A database is `mysql://user@host:3306/asteriskcdrdb?cdr=cdr&cel=cel` or `postgresql://...`; tables that are
        not named are `cdr` and `cel`, and one that does not exist is left out.

        Args:
            text: where the CDRs are, and everything else unless `cel` says otherwise.
            cel: where the CEL rows are: a path beside a CSV file, a table or the same address beside a database.
            password: of the database user, where the address has none.
            time_zone: counts where the text has no `zone`.

        Raises:
            ValueError: says which part is wrong and how to write it.
        """
        text, cel = text.strip(), cel.strip()
        if not text and not cel:
            return None
        parts = _parts(text or cel)
        store = _SCHEMES[parts.scheme]
        options = _options(parts.query)
        cel_place = options.get("cel", "")
        if cel and text:
            cel_place = _cel(cel, parts, store)
        zone = _zone(options.get("zone", time_zone))
        columns = _columns(options.get("columns", ""))
        if store is Store.CSV:
            path = unquote(parts.path)
            source = cls(store, path if text else "", cel_place or ("" if text else path), zone, columns)
            return _checked(source, _check_path)
        source = cls(
            store,
            options.get("cdr", "cdr"),
            cel_place or "cel",
            zone,
            columns,
            host=parts.hostname or "127.0.0.1",
            port=parts.port or _PORTS[store],
            database=unquote(parts.path.strip("/")) or "asteriskcdrdb",
            username=unquote(parts.username or ""),
            password=unquote(parts.password or "") or password,
            ca=options.get("ca", ""),
        )
        return _checked(source, _check_table)

    def __str__(self) -> str:
        where = f"{self.host}:{self.port}/{self.database}" if self.host else (self.cel or self.cdr)
        return f"{self.store} {where}"


def _parts(text: str) -> SplitResult:
    parts = urlsplit(f"csv:{text}" if text.startswith("/") else text)
    if parts.scheme not in _SCHEMES:
        raise ValueError("records source must begin with csv:, mysql:// or postgresql://")
    return parts


def _cel(text: str, cdr: SplitResult, store: Store) -> str:
    """The place of CEL rows that has a setting of its own."""
    if store is not Store.CSV and _TABLE.match(text):
        return text
    parts = _parts(text)
    if _SCHEMES[parts.scheme] is not store or (parts.netloc, parts.path) != (cdr.netloc, cdr.path):
        if store is Store.CSV and _SCHEMES[parts.scheme] is store:
            return unquote(parts.path)
        raise ValueError("records source: CDR and CEL must be two files, or two tables of one database")
    return _options(parts.query).get("cel", "cel")


def _checked(source: RecordSource, check: Callable[[str], None]) -> RecordSource:
    for place in (source.cdr, source.cel):
        if place:
            check(place)
    if not (source.cdr or source.cel):
        raise ValueError("records source: name a file or a table, such as csv:/var/log/asterisk/cdr-csv/Master.csv")
    return source


def _check_path(path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"records source: {path!r} must be a full path")


def _check_table(table: str) -> None:
    # The names go into SQL as they are, so nothing but plain identifiers may pass.
    if not _TABLE.match(table):
        raise ValueError(f"records source: {table!r} is no table name")


def _options(query: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if unknown := set(options) - _OPTIONS:
        raise ValueError(
            f"records source: unknown option {', '.join(sorted(unknown))}; known: {', '.join(sorted(_OPTIONS))}"
        )
    return options


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"records source: {name!r} is no time zone; write one such as UTC or Asia/Jerusalem") from None
    return name


def _columns(text: str) -> tuple[str, ...]:
    if not text:
        return CEL_CSV_COLUMNS
    columns = tuple(text.lower().split(","))
    if not all(_COLUMN.match(column) for column in columns) or len(set(columns)) != len(columns):
        raise ValueError("records source: columns= must be different words, separated by commas")
    if missing := {"eventtype", "eventtime", "channame", "uniqueid", "linkedid"} - set(columns):
        raise ValueError(f"records source: columns= lacks {', '.join(sorted(missing))}")
    return columns
