"""Partial answers: the query parameter `fields`.

Source: https://developers.google.com/workspace/gmail/api/guides/performance#partial
"""

import re
from typing import Any

from connectors.google.simulated.errors import invalid_parameter

Mask = dict[str, "Mask"]
_TOKEN = re.compile(r"[^,()/\s]+|[,()/]")


def parse(text: str) -> Mask:
    """Read a mask such as `nextPageToken,items(id,start/dateTime)`. An empty inner mask keeps everything below."""
    tokens = _TOKEN.findall(text)
    mask, rest = _fields(tokens)
    if rest:
        raise invalid_parameter("fields", f"Invalid field selection {text[:80]}")
    return mask


def _fields(tokens: list[str]) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while tokens:
        name, tokens = tokens[0], tokens[1:]
        if name in ",()/":
            raise invalid_parameter("fields", "Invalid field selection")
        here = mask.setdefault(name, {})
        while tokens[:1] == ["/"] and len(tokens) > 1:
            here = here.setdefault(tokens[1], {})
            tokens = tokens[2:]
        if tokens[:1] == ["("]:
            inner, tokens = _fields(tokens[1:])
            here.update(inner)
            if tokens[:1] != [")"]:
                raise invalid_parameter("fields", "Invalid field selection")
            tokens = tokens[1:]
        if tokens[:1] != [","]:
            break
        tokens = tokens[1:]
    return mask, tokens


def keep(mask: Mask, value: Any) -> Any:
    """Return only what the mask names."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [keep(mask, one) for one in value]
    if isinstance(value, dict):
        return {name: keep(mask[name], inner) for name, inner in value.items() if name in mask}
    return value
