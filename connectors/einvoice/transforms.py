"""What the mapping of files cannot say in a path."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hub.errors import ShapeError


def set_aside(value: Any) -> Any:
    """Refuse a file that could not be read, with the reason that was found then."""
    raise ShapeError(str(value))


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType({"set_aside": set_aside})
