"""Read a manifest and tell its author what is wrong with it: file, line, column and setting."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.connector.located import locate
from hub.connector.manifest.document import (
    Basic,
    Bearer,
    BodyKeys,
    ClientCredentials,
    FilterCursor,
    HeaderKey,
    Hmac,
    KeysetPages,
    Login,
    Manifest,
    QueryKey,
    Stream,
    Window,
    setting_of,
)
from hub.connector.manifest.template import names_of
from hub.errors import ConfigError

LARGEST_FILE = 200_000
OURS = frozenset({"base_url", "web_url", "ca", "timeout_s", "calls_per_minute", "allow_private", "manifest", "given"})
_CHOSEN = ("auth", "page", "cursor")  # what is of a type: pydantic puts the type between
_EMPTY_STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest. `line` and `column` count from 1; 0: unknown."""

    file: str
    setting: str
    text: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.setting}: {self.text}" if self.setting else f"{where}: {self.text}"


class BadManifestError(ConfigError):
    """A manifest that cannot be used; every problem found is named."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def read_file(path: Path) -> Manifest:
    """Read a manifest from a file.

    Raises:
        BadManifestError: with all that is wrong.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadManifestError([Problem(str(path), "", f"larger than {LARGEST_FILE} bytes")])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadManifestError([Problem(str(path), "", str(error))]) from error
    return read_toml(text, name=str(path))


@lru_cache(maxsize=64)
def read_toml(text: str, *, name: str) -> Manifest:
    """Read a manifest from TOML text; raises as `read_file`."""
    if len(text) > LARGEST_FILE:
        raise BadManifestError([Problem(name, "", f"larger than {LARGEST_FILE} bytes")])
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(at[1]), int(at[2])) if at else (0, 0)
        raise BadManifestError([Problem(name, "", str(error).partition(" (at ")[0], line, column)]) from error
    except RecursionError as error:
        raise BadManifestError([Problem(name, "", "nested too deep")]) from error
    try:
        found = Manifest.model_validate(given)
    except ValidationError as error:
        raise BadManifestError([_problem(text, name, one["loc"], _said(one)) for one in error.errors()]) from error
    if problems := [_problem(text, name, where, why) for where, why in _odd(found)]:
        raise BadManifestError(problems)
    return found


def fingerprint(part: Any) -> str:
    """Return a short mark of what a part of a manifest says: another text, another mark."""
    written = part.model_dump(mode="json") if hasattr(part, "model_dump") else part
    return hashlib.sha256(json.dumps(written, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _said(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"there is no such setting: {error['loc'][-1]}"
    if error["type"] == "missing":
        return f"{error['loc'][-1]} is missing"
    return str(error["msg"]).removeprefix("Value error, ")


def _problem(text: str, name: str, location: tuple[int | str, ...], why: str) -> Problem:
    parts = [str(part) for part in _plain(location)]
    return Problem(name, ".".join(parts), why, *locate(text, parts))


def _plain(location: tuple[int | str, ...]) -> Iterator[int | str]:
    """Leave out what pydantic puts between: the type that was chosen, and how a key or value was looked at."""
    chosen = False  # a type comes next
    for at, part in enumerate(location):
        if part == "[key]" or str(part).startswith("function-"):
            continue
        if chosen and isinstance(part, str):
            chosen = False
            continue
        chosen = part in _CHOSEN or (isinstance(part, int) and at > 0 and location[at - 1] == "auth")
        yield part


# --- what fits together -------------------------------------------------------------------------------------------

_Found = Iterator[tuple[tuple[int | str, ...], str]]


def _odd(found: Manifest) -> _Found:
    """Yield where something does not fit together, and why."""
    yield from _odd_settings(found)
    if not found.base_url and "base_url" in found.settings:
        yield ("settings", "base_url"), "every account has this setting already"
    names: set[str] = set()
    for number, one in enumerate(found.stream):
        if one.name in names:
            yield ("stream", number, "name"), f"there are two streams {one.name}"
        names.add(one.name)
        yield from _odd_stream(found, number, one)


def _odd_settings(found: Manifest) -> _Found:
    for name in found.settings:
        if name in OURS:
            yield ("settings", name), "every account has this setting already"
    for where, value, may_be_secret in _values(found):
        meant = setting_of(value)
        if meant is None:
            continue
        if meant not in found.settings:
            yield where, f"there is no setting {meant!r}"
        elif found.settings[meant].secret and not may_be_secret:
            yield where, f"{meant!r} is a secret: it may stand under auth only"


def _values(found: Manifest) -> Iterator[tuple[tuple[int | str, ...], Any, bool]]:
    """Yield every value with its place, and whether it may be a secret."""
    for number, auth in enumerate(found.auth):
        for key, value in _proofs(auth):
            yield ("auth", number, key), value, True
    if found.check is not None:
        yield from _inner(("check", "query"), found.check.query)
        yield from _inner(("check", "body"), found.check.body)
        yield ("check", "path"), found.check.path, False
    for number, one in enumerate(found.stream):
        here = ("stream", number)
        yield (*here, "path"), one.path, False
        yield from _inner((*here, "query"), one.query)
        yield from _inner((*here, "body"), one.body)
        yield from _inner((*here, "ids_query"), one.ids_query)
        if isinstance(one.cursor, Window):
            yield (*here, "cursor", "days"), one.cursor.days, False
        for at, beside in enumerate(one.beside):
            yield (*here, "beside", at, "path"), beside.path, False


def _inner(where: tuple[int | str, ...], value: Any) -> Iterator[tuple[tuple[int | str, ...], Any, bool]]:
    if setting_of(value) is not None:
        yield where, value, False
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _inner((*where, key), one)
    elif isinstance(value, list):
        for one in value:
            yield from _inner(where, one)


def _proofs(auth: Any) -> Iterator[tuple[str, Any]]:
    match auth:
        case QueryKey() | Bearer():
            yield "value", auth.value
        case HeaderKey():
            yield from (("value", one) for one in auth.value)
        case Basic():
            yield from (("user", auth.user), ("password", auth.password))
        case BodyKeys():
            yield from (("values", one) for one in auth.values.values())
        case ClientCredentials():
            yield from (("client", auth.client), ("secret", auth.secret))
        case Hmac():
            yield from (("secret", auth.secret), ("key", auth.key))
        case Login():
            yield from (("body", value) for _, value, _ in _inner((), auth.body))


def _odd_stream(found: Manifest, number: int, one: Stream) -> _Found:
    here = ("stream", number)
    wants = [("filter", bool(one.filter)), ("by_filter", one.by_filter), ("beside", bool(one.beside))]
    wants.append(
        (
            "cursor",
            isinstance(one.cursor, FilterCursor) or (isinstance(one.cursor, Window) and not one.cursor.since_param),
        )
    )
    wants.append(("page", isinstance(one.page, KeysetPages) and not one.page.param))
    if not found.dialect:
        for key, is_wanted in wants:
            if is_wanted:
                yield (*here, key), "a filter needs to know its language: set `dialect`"
    if found.dialect == "frappe" and one.filter and not _is_conditions(one.filter):
        yield (*here, "filter"), 'of Frappe: a JSON list of conditions, such as [["docstatus", "<", 2]]'
    for key, text in (("one", one.one), ("pdf", one.pdf), *(("one_body", text) for text in one.one_body.values())):
        unknown = [name for name in names_of(text or "") if name != "id" and name not in one.id]
        if unknown:
            yield (*here, key), f"only {{id}} and the paths of `id` may stand in it, not {{{unknown[0]}}}"
    for at, beside in enumerate(one.beside):
        if beside.name in {"hub", _EMPTY_STREAM}:
            yield (*here, "beside", at, "name"), "this name is taken"


def _is_conditions(text: str) -> bool:
    try:
        told = json.loads(text)
    except ValueError:
        return False
    return isinstance(told, list) and all(isinstance(one, list) and 3 <= len(one) <= 4 for one in told)
