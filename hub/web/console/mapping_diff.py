"""Two mappings beside each other, field by field: what each says, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from hub.mapping import overlay


@dataclass(frozen=True, slots=True)
class Line:
    """One field that two mappings make another way; empty: one does not make it."""

    name: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """What happened to it: added, removed or changed."""
        return "added" if not self.before else "removed" if not self.after else "changed"


def lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[Line]:
    """Return the fields in which two documents differ, in their order."""
    first, then = _fields(before), _fields(after)
    return [
        Line(name, said(first.get(name)), said(then.get(name)))
        for name in dict.fromkeys((*then, *first))
        if not overlay.same(first.get(name), then.get(name))
    ]


def said(rule: Any) -> str:
    """Return what a rule says, as a file would write it; empty for none."""
    if rule is None:
        return ""
    if not isinstance(rule, dict):
        return str(rule)
    if rule.keys() == {"from"}:
        return str(rule["from"])
    written = []
    for name, value in rule.items():
        try:
            written.append(tomli_w.dumps({name: value}).strip())
        except TypeError:  # a draft may hold what no file can
            written.append(f"{name} = {value!r}")
    return "\n".join(written)


def _fields(document: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = document.get("fields")
    return fields if isinstance(fields, dict) else {}
