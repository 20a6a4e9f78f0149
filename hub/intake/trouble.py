"""Errors of remotes by what happens next, and when: the same for reading and for writing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.exc import IntegrityError

from hub import log
from hub.errors import (
    AuthError,
    BrakeError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RecordError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
    UserError,
)
from hub.store.base import now
from hub.work.retry import pause_s

FIRST_BACKOFF_S = 15.0
LONGEST_BACKOFF_S = 3600.0
LOOK_AGAIN_H = 6  # whether somebody mended what only the remote's administrator can
_log = log.get(__name__)


class Trouble(StrEnum):
    """Why a stream stands still or something is not sent, by what happens next."""

    NONE = ""
    LIMITED = "limited"  # waits as long as the remote said; no failure
    AWAY = "away"  # tried again, later each time
    AUTH = "auth"  # a person must connect again
    SCOPE = "scope"  # a person must grant a permission; the other streams go on
    DISABLED = "disabled"  # the remote's administrator must switch something on
    REFUSED = "refused"  # this one write, for good; a person decides what becomes of it
    BRAKE = "brake"  # so much is gone at once that a person must agree
    DEFECT = "defect"  # ours: the stream stands still and keeps its cursor


def of_reading(fault: Exception, where: str) -> Trouble:
    """Return the trouble of a stream; a fault that nobody foresaw is ours, and the log has all of it."""
    return _of(fault, _READING, where)


def of_writing(fault: Exception, where: str) -> Trouble:
    """Return the trouble of a write; as above."""
    return _of(fault, _WRITING, where)


def again(trouble: Trouble, fault: Exception, failures: int) -> datetime | None:
    """Return when to try again; None: not before a person did something."""
    if trouble in {Trouble.AUTH, Trouble.BRAKE, Trouble.REFUSED, Trouble.DEFECT}:
        return None
    if trouble in {Trouble.SCOPE, Trouble.DISABLED}:
        return now() + timedelta(hours=LOOK_AGAIN_H)
    told = fault.retry_after if isinstance(fault, RetryLaterError) else None
    if trouble is Trouble.LIMITED and told is not None:
        return now() + timedelta(seconds=told)
    return now() + timedelta(seconds=max(pause_s(failures, FIRST_BACKOFF_S, LONGEST_BACKOFF_S), told or 0.0))


def _of(fault: Exception, known: Sequence[tuple[type[Exception], Trouble]], where: str) -> Trouble:
    for kind, trouble in known:
        if isinstance(fault, kind):
            return trouble
    _log.exception("a fault of the hub itself", where=where, exc_info=fault)
    return Trouble.DEFECT


_READING: Sequence[tuple[type[Exception], Trouble]] = (
    (LimitedError, Trouble.LIMITED),
    (RetryLaterError, Trouble.AWAY),
    (AuthError, Trouble.AUTH),
    (BrakeError, Trouble.BRAKE),
    (ScopeError, Trouble.SCOPE),
    (DisabledError, Trouble.DISABLED),
    (ShapeError, Trouble.AWAY),  # a page that is none, such as HTML: the remote is being mended
    (ConnectorError, Trouble.AWAY),
    (IntegrityError, Trouble.AWAY),  # somebody else wrote the same at the same moment; the page is read again
)
_WRITING: Sequence[tuple[type[Exception], Trouble]] = (
    (RejectedError, Trouble.REFUSED),
    (GoneError, Trouble.REFUSED),  # what was to be changed is no more
    (UserError, Trouble.REFUSED),  # what was to be sent cannot be: too large, no recipient
    *_READING[:-2],
    (RecordError, Trouble.REFUSED),
    *_READING[-2:],
)
