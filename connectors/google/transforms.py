"""What the mappings of Google cannot say in a path."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors.google import letters

TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"gmail_header": letters.header, "gmail_parts": letters.parts, "gmail_places": letters.places}
)
