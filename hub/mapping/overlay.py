"""Mappings over mappings: what administrators wrote instead of the shipped one, and what one account has another way. Pure.

From the ground up: the shipped file, or a version of the whole connector instead of it, and on top the overlay of an account,
`{"fields": {name: rule, or null: without this field}}`. What a stream's records become (`record`) never changes.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hub.mapping.load import (
    BadMappingError,
    Document,
    FieldName,
    FieldRule,
    Locate,
    Mapping,
    Problem,
    as_rule,
    content,
    nowhere,
    parse_toml,
    places_in,
    problems_of,
    read_given,
    sha256_of,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A version as it is kept: its number in its scope, and what it says."""

    number: int
    document: MappingOf[str, Any]


class Overlay(BaseModel):
    """What one account has another way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[FieldName, Annotated[FieldRule | None, BeforeValidator(as_rule)]] = Field(min_length=1)


class _OverlayFile(Overlay):
    """The same as a file, which has no word for nothing."""

    stream: str | None = None
    record: str | None = None
    without: list[FieldName] = []
    fields: dict[FieldName, Annotated[FieldRule | None, BeforeValidator(as_rule)]] = {}


# --- reading ------------------------------------------------------------------------------------------------------


def effective(shipped: Mapping, whole: Written | None = None, own: Written | None = None) -> Mapping:
    """Return the mapping that counts for the records of one account.

    Args:
        whole: the version that counts instead of the shipped one, for every account of the connector.
        own: the account's overlay.

    Raises:
        BadMappingError: one of them does not fit, or no longer: an upgrade took away what it needs.
    """
    found = shipped
    if whole is not None:
        found = read_whole(shipped, whole.document, name=f"{shipped.file} version {whole.number}")
    if own is not None:
        found = read_over(found, own.document, name=f"{found.file}, of this account version {own.number}")
    return found


def read_whole(shipped: Mapping, given: Any, *, name: str, locate: Locate = nowhere) -> Mapping:
    """Read a mapping that is to count instead of the shipped one.

    Raises:
        BadMappingError: with everything that is wrong with it.
    """
    ordered = in_order(given, shipped.as_json()) if isinstance(given, dict) else given
    found = read_given(ordered, name=name, registry=shipped.registry, engine=shipped.engine, locate=locate)
    problems = [
        Problem(name, "", f"{word}: it stays {was!r}, whatever a version says", *locate((word,)))
        for word, was, now in (
            ("stream", shipped.stream, found.stream),
            ("record", shipped.record, found.record),
        )
        if was != now
    ]
    if problems:
        raise BadMappingError(problems)
    return found


def read_over(under: Mapping, given: Any, *, name: str, locate: Locate = nowhere) -> Mapping:
    """Read an overlay; returns the whole mapping with it.

    Raises:
        BadMappingError: with everything that is wrong with it, or with what it makes of the mapping under it.
    """
    try:
        overlay = Overlay.model_validate(given)
    except ValidationError as error:
        raise BadMappingError(problems_of(error, name, locate)) from error
    made = over(under.as_json(), overlay_content(overlay))
    return read_given(made, name=name, registry=under.registry, engine=under.engine, locate=locate)


def read_whole_toml(shipped: Mapping, text: str, *, name: str) -> Mapping:
    """Read a whole mapping from TOML text; problems carry line and column.

    Raises:
        BadMappingError: as of `read_whole`.
    """
    return read_whole(shipped, parse_toml(text, name=name), name=name, locate=places_in(text))


def read_overlay_toml(under: Mapping, text: str, *, name: str) -> dict[str, Any]:
    """Read an overlay from TOML text: as a mapping, with only some fields, and `without`, a list of those it leaves out.

    Returns:
        The overlay as it is kept.

    Raises:
        BadMappingError: as of `read_over`; problems carry line and column.
    """
    locate = places_in(text)
    given = parse_toml(text, name=name)
    try:
        file = _OverlayFile.model_validate(given)
    except ValidationError as error:
        raise BadMappingError(problems_of(error, name, locate)) from error
    problems = [
        Problem(name, "", f"{word}: it stays {was!r}, whatever an overlay says", *locate((word,)))
        for word, was, said in (("stream", under.stream, file.stream), ("record", under.record, file.record))
        if said not in (None, was)
    ]
    problems += [
        Problem(name, one, "the file says how it is made, and that it is left out", *locate(("without",)))
        for one in file.without
        if one in file.fields
    ]
    if problems:
        raise BadMappingError(problems)
    rules = {field: None if rule is None else _plain(rule) for field, rule in file.fields.items()}
    made = {"fields": {**rules, **dict.fromkeys(file.without)}}
    read_over(under, made, name=name, locate=locate)
    return made


# --- plain documents ----------------------------------------------------------------------------------------------


def normal(given: Any, *, is_overlay: bool) -> dict[str, Any] | None:
    """Return what a document says, without the choices of spelling it; None: it is none yet, as a draft may be."""
    try:
        return overlay_content(Overlay.model_validate(given)) if is_overlay else content(Document.model_validate(given))
    except ValidationError:
        return None


def overlay_content(overlay: Overlay) -> dict[str, Any]:
    """Return what an overlay says, as plain JSON."""
    return {"fields": {name: None if rule is None else _plain(rule) for name, rule in overlay.fields.items()}}


def over(document: MappingOf[str, Any], overlay: MappingOf[str, Any]) -> dict[str, Any]:
    """Return a document with an overlay on top; both as plain JSON."""
    fields = {**document["fields"], **overlay["fields"]}
    made = {**document, "fields": {name: rule for name, rule in fields.items() if rule is not None}}
    return in_order(made, document)


def between(under: MappingOf[str, Any], wanted: MappingOf[str, Any]) -> dict[str, Any]:
    """Return the overlay that makes of one document the fields of another; without a field where they are the same."""
    before, after = under["fields"], wanted["fields"]
    changed = {name: rule for name, rule in after.items() if not same(before.get(name), rule)}
    return {"fields": {**changed, **{name: None for name in before if name not in after}}}


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that two documents have each in its own way; None: it is not there. Without a `setting`: the field."""

    field: str
    setting: str
    before: Any
    after: Any


def differences(before: MappingOf[str, Any], after: MappingOf[str, Any]) -> list[Difference]:
    """Return what one document has another way than the other, field by field; overlays too."""
    found = []
    was, becomes = before.get("fields", {}), after.get("fields", {})
    for name in dict.fromkeys((*was, *becomes)):
        one, other = was.get(name), becomes.get(name)
        if same(one, other):
            continue
        if one is None or other is None:
            found.append(Difference(name, "", one, other))
            continue
        settings = [key for key in dict.fromkeys((*one, *other)) if not same(one.get(key), other.get(key))]
        found += [Difference(name, key, one.get(key), other.get(key)) for key in settings]
    return found


def same(one: Any, other: Any) -> bool:
    """Say whether two parts of documents say the same. A truth value is no number here."""
    return one == other and sha256_of(one) == sha256_of(other)


def in_order(document: MappingOf[str, Any], like: MappingOf[str, Any]) -> dict[str, Any]:
    """Return a document with its fields in the order of another one, further ones behind: a database keeps none."""
    fields = document.get("fields")
    if not isinstance(fields, dict):
        return dict(document)
    known = [name for name in like.get("fields", {}) if name in fields]
    rest = sorted((name for name in fields if name not in set(known)), key=str)
    first = [name for name in ("stream", "record", "version") if name in document]
    others = [name for name in document if name not in {*first, "fields"}]
    ordered = {name: document[name] for name in (*first, *others)}
    return {**ordered, "fields": {name: fields[name] for name in (*known, *rest)}}


def _plain(rule: FieldRule) -> dict[str, Any]:
    return rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
