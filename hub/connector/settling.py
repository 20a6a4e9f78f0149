"""Writes whose answer was lost: nobody tries again, nor looks for them, before what is on its way has arrived."""

from collections.abc import Iterator
from contextlib import contextmanager

from hub.errors import LimitedError, RetryLaterError

SETTLE_S = 30.0


@contextmanager
def settling(patience_s: float, *, writes: bool = True) -> Iterator[None]:
    """Let what is raised inside wait long enough, where it may have been done.

    Args:
        patience_s: how long an answer was waited for; the remote may work on it for as long again.
        writes: whether anything was to be done at all.

    Raises:
        RetryLaterError: as inside; a limit says that nothing was done, and keeps its own time.
    """
    try:
        yield
    except LimitedError:
        raise
    except RetryLaterError as error:
        if writes:
            error.retry_after = max(SETTLE_S, patience_s, error.retry_after or 0.0)
        raise
