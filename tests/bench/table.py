"""How results are shown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ratio` compares with the baseline of the same run; `ok` None: nothing was promised."""

    what: str
    value: str
    promised: str = ""
    baseline: str = ""
    ratio: str = ""
    ok: bool | None = None


def show(rows: Sequence[Row]) -> None:
    head = Row("what", "measured", "promised", "baseline", "ratio")
    lines = [(r.what, r.value, r.promised, r.baseline, r.ratio, _word(r.ok)) for r in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _word(ok: bool | None) -> str:
    return "" if ok is None else "ok" if ok else "MISSED"


def quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
