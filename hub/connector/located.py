"""Where a setting stands in TOML text, so that a mistake is told with line and column.

`tomllib` keeps no places, so the text is looked through for the table and the key that a location names.
"""

import re
from collections.abc import Sequence


def locate(text: str, location: Sequence[str]) -> tuple[int, int]:
    """Return line and column, counted from 1, of a setting; if it is not there, of its table or field; (0, 0): of neither.

    Args:
        location: keys from the outside in; a whole number behind the name of an array of tables (`[[stream]]`) is which
            of them, counted from 0.
    """
    lines = text.splitlines()
    start, end, place = 0, len(lines), (0, 0)
    outer: list[str] = []
    parts = list(location)
    while parts:
        part = parts.pop(0)
        outer.append(part)
        if parts and parts[0].isdecimal() and (entry := _entry(lines, start, end, outer, int(parts[0]))):
            start, end = entry[0], entry[1]
            place = (start + 1, entry[2])
            parts.pop(0)
            continue
        table = r"\s*\.\s*".join(rf"\"?{re.escape(one)}\"?" for one in outer)
        setting = re.compile(
            rf"^\s*\[\s*(?={table}\s*\])|(?:^|[{{,])\s*(?=\"?{re.escape(part)}\"?\s*=)|^\s*\[\[\s*(?={table}\s*\]\])"
        )
        found = next(((at, m) for at in range(start, end) for m in setting.finditer(lines[at])), None)
        if found is None:
            if part.isdecimal():  # an entry of a list that is written in one place
                outer.pop()
                continue
            if any(re.match(rf"\s*\[\[?\s*{table}\s*\.", line) for line in lines[start:end]):
                continue  # only tables inside it have a heading
            break
        start = found[0]
        place = (start + 1, found[1].end() + 1)
    return place


def _entry(lines: Sequence[str], start: int, end: int, name: Sequence[str], number: int) -> tuple[int, int, int] | None:
    """Return the first line of one of an array's tables, the line behind its last, and the column of its name."""
    written = r"\s*\.\s*".join(rf"\"?{re.escape(one)}\"?" for one in name)
    heading = re.compile(rf"^\s*\[\[\s*(?={written}\s*\]\])")
    places = [(at, m.end() + 1) for at in range(start, end) if (m := heading.match(lines[at]))]
    if number >= len(places):
        return None
    behind = places[number + 1][0] if number + 1 < len(places) else end
    return places[number][0], behind, places[number][1]
