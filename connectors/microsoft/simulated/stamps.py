"""Moments as Graph writes them."""

from datetime import UTC, datetime


def stamp(moment: datetime | float) -> str:
    """Write a moment as `DateTimeOffset`: UTC, whole seconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> datetime:
    """Read a `DateTimeOffset`. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset")
    return moment.astimezone(UTC)
