"""Moments as Google writes them."""

from datetime import UTC, datetime


def rfc3339(moment: datetime | float) -> str:
    """Write a moment as Google does: UTC, milliseconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
