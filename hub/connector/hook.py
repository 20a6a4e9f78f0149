"""One webhook call, as the web layer hands it on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook call as it arrived. `headers` has lower-case names."""

    body: bytes
    headers: Mapping[str, str]
    content_type: str
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of form posts, parsed by the web layer
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    method: str = "POST"  # or GET, with which some remotes ask whether the address is ours
    url: str = ""  # as the remote called it, with its query: some sign it; empty: not known
