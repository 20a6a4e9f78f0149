"""`make bench`: measures what the hub promises, each beside a raw baseline of the same run.

    python -m tests.bench            all
    python -m tests.bench ami page   some
    python -m tests.bench records=100000   one of another size
    python -m tests.bench replay.leads=10000   one kind of what it measures, where it measures several

Machines are shared and noisy: read the ratios, and absolute figures only as an order of magnitude.
"""

import sys
from importlib import import_module
from pathlib import Path

from tests.bench.table import Row, show

TOPICS = (
    "search",
    "ami",
    "page",
    "ring",
    "agents",
    "records",
    "single",
    "quota",
    "idle",
    "memory",
    "leads",
    "webhooks",
    "outgoing",
    "money",
    "documents",
    "manifest",
    "replay",
    "merges",
    "preview",
    "mapping",
    "febrl",
    "imports",
    "crm_writes",
)


def main() -> int:
    chosen = sys.argv[1:] or TOPICS
    rows: list[Row] = []
    for one in chosen:
        name, _, size = one.partition("=")
        topic, _, kind = name.partition(".")
        if not (Path(__file__).parent / f"{topic}.py").exists():
            print(f"no such topic: {topic}; there are {', '.join(TOPICS)}", file=sys.stderr)
            return 2
        asked = {"kind": kind} if kind else {}
        rows += import_module(f"tests.bench.{topic}").run(*([int(size)] if size else []), **asked)
    show(rows)
    return 0 if all(row.ok is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
