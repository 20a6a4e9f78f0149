"""Moments as Graph writes them."""

from datetime import UTC, datetime


def stamp(moment: datetime | float) -> str:
    """Write a moment as `DateTimeOffset`: UTC, whole seconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str, *, alone: bool = False) -> datetime:
    """Read a `DateTimeOffset`, or (alone) one without an offset or a time, which is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None and not alone:
        raise ValueError("a moment without an offset")
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment outside of the calendar") from None
