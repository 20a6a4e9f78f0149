"""Where a stream resumes: pure decisions.

Odoo dates a change by the moment its transaction began, and shows it when it ended; so whatever was already looked at may
get a neighbour with an earlier date. Each pass therefore asks for what changed since the pass before it began, less an
overlap; inside that window it goes by id, which never changes. Once a day the window is three days, for transactions that
took longer than the overlap. Whatever changes behind a page's place while the pass goes on has a date in the next window.
Moments are always Odoo's own. Sources: https://github.com/odoo/odoo/blob/19.0/odoo/orm/models.py (`write_date`: `now()`,
which in PostgreSQL is the start of the transaction), https://github.com/odoo/odoo/blob/19.0/odoo/orm/domains.py

Odoo deletes without a word. The ids of the newest records are remembered from one pass to the next; one that is missing
is asked for by itself, and only that says that it is gone. Older ones the nightly sweep finds.
"""

import base64
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

from hub.connector.stream import Cursor, Phase
from hub.errors import CursorExpired

DEEP = timedelta(days=3)
DEEP_EVERY = timedelta(days=1)
LOOK_EVERY = timedelta(minutes=2)  # at what is still there, where nothing changed
NEWEST = 2000  # ids that are remembered
MOST_GONE = (
    50  # at once: more is no person's work but a restored backup or a lost permission, which the sweep looks into
)
_WRITTEN = "%Y-%m-%d %H:%M:%S"


def written(moment: datetime) -> str:
    """Write a moment as Odoo's domains want it: UTC, whole seconds, rounded down."""
    return moment.astimezone(UTC).strftime(_WRITTEN)


def moment_of(text: str) -> datetime:
    """Read a moment that we wrote. Raises CursorExpired: we did not."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CursorExpired(f"{text[:40]!r} is no moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def opened(cursor: Cursor, overlap: timedelta) -> str:
    """Return since when a pass asks, as Odoo writes moments; empty: since ever.

    It is the same for every page of the pass.
    """
    if cursor.phase is Phase.FULL:
        return ""
    began_at = moment_of(cursor.token)
    return written(began_at - (max(DEEP, overlap) if is_deep(cursor) else overlap))


def is_deep(cursor: Cursor) -> bool:
    """Say whether this pass is the daily one."""
    before = cursor.rest.get("deep")
    return not before or moment_of(cursor.token) - moment_of(str(before)) >= DEEP_EVERY


def must_look(cursor: Cursor, now: datetime | None) -> bool:
    """Say whether it is time to see which of the newest records are there.

    Args:
        cursor: behind the last page of a pass.
        now: by Odoo's clock; None: it does not say.
    """
    looked_at = cursor.rest.get("looked_at")
    return bool(cursor.page) or not looked_at or now is None or now - moment_of(str(looked_at)) >= LOOK_EVERY


def followed(cursor: Cursor) -> Cursor:
    """Return the cursor behind a pass; it began at its anchor, by Odoo's clock."""
    began_at = cursor.anchor
    # A pass from the beginning read everything; of the others, the next one counts from when this one's window ended.
    deep = began_at
    if cursor.phase is not Phase.FULL:
        deep = cursor.token if is_deep(cursor) else str(cursor.rest["deep"])
    kept = {name: cursor.rest[name] for name in ("seen", "looked_at") if name in cursor.rest}
    return Cursor(Phase.INCREMENTAL, token=began_at, asked=cursor.asked, rest={**kept, "deep": deep})


def missing(seen: str, newest: Iterable[int]) -> frozenset[int]:
    """Return which remembered ids are no more, of those that would be among the newest now."""
    present = frozenset(newest)
    lowest = min(present, default=0) if len(present) >= NEWEST else 0
    return frozenset(one for one in unpacked(seen) if one >= lowest and one not in present)


def unknown(seen: str, newest: Iterable[int]) -> list[int]:
    """Return which of the newest ids no page showed, of those that are younger than the oldest remembered one."""
    remembered = unpacked(seen)
    oldest = min(remembered, default=0)
    return sorted(one for one in newest if one > oldest and one not in remembered)


def packed(ids: Iterable[int]) -> str:
    """Write the newest of some ids in little room: the first, and how far it is from each to the next."""
    newest = sorted(set(ids))[-NEWEST:]
    steps = [here - before for before, here in pairwise([0, *newest])]
    content = ",".join(map(str, steps)).encode()
    return base64.b64encode(zlib.compress(content)).decode() if newest else ""


def unpacked(text: str) -> frozenset[int]:
    """Read what `packed` wrote. Raises CursorExpired: it is something else."""
    if not text:
        return frozenset()
    try:
        steps = zlib.decompress(base64.b64decode(text)).decode().split(",")
        return frozenset(accumulate(map(int, steps)))
    except (ValueError, zlib.error):
        raise CursorExpired("the remembered ids cannot be read") from None
