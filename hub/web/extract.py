"""For pybabel: the titles and descriptions of connectors' settings, which the connect form shows."""

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any

SHOWN = frozenset({"title", "description"})


def settings(
    file: IO[bytes],
    keywords: Collection[str],  # noqa: ARG001 - pybabel passes all four by name
    comments: Collection[str],  # noqa: ARG001 - as above
    options: Mapping[str, Any],  # noqa: ARG001 - as above
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yield what `Field(title=..., description=...)` says, as (line, function, message, comments)."""
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
            for word in node.keywords:
                if word.arg in SHOWN and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str):
                    yield word.value.lineno, "_", word.value.value, []
