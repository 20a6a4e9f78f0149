"""Mappings as TOML text, in the form of the shipped files. What is written is read back as the same; comments are not kept."""

from collections.abc import Mapping as MappingOf
from typing import Any

import tomli_w


def document_text(document: MappingOf[str, Any]) -> str:
    """Return a whole mapping, plain as `load.content` makes it, as text; `read_toml` makes one of the same `sha256` of it.

    Raises:
        ValueError: it holds what TOML has no word for: a list of values with nothing in it.
    """
    first = {name: value for name, value in document.items() if name != "fields"}
    return _text({**first, "fields": _fields(document["fields"])})


def overlay_text(overlay: MappingOf[str, Any], *, stream: str, record: str) -> str:
    """Return an overlay as text: only its fields, and in `without` those that it leaves out.

    Raises:
        ValueError: as of `document_text`.
    """
    fields = overlay["fields"]
    without = [name for name, rule in fields.items() if rule is None]
    made: dict[str, Any] = {"stream": stream, "record": record}
    if without:
        made["without"] = without
    rules = {name: rule for name, rule in fields.items() if rule is not None}
    return _text({**made, "fields": _fields(rules)})


def _text(document: MappingOf[str, Any]) -> str:
    try:
        return tomli_w.dumps(document)
    except TypeError as error:
        raise ValueError("it holds nothing where a file needs something: write an empty text instead") from error


def _fields(fields: MappingOf[str, Any]) -> dict[str, Any]:
    return {name: _rule(rule) for name, rule in fields.items()}


def _rule(rule: MappingOf[str, Any]) -> Any:
    """Return a field's rule as short as the shipped files have it: a path alone is a text."""
    if rule.keys() == {"from"}:
        return rule["from"]
    if "transform" not in rule:
        return rule
    calls = [_call(one) for one in rule["transform"]]
    return {**rule, "transform": calls[0] if len(calls) == 1 else calls}


def _call(call: MappingOf[str, Any]) -> Any:
    return call["name"] if call.keys() == {"name"} else call
