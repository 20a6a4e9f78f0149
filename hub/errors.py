"""Errors, named after what the caller does next.

HubError
├── ConfigError          stop at start-up and say which setting
├── UserError            tell the person what was wrong with the request; nothing was done
│   ├── NotFoundError    there is no such thing, or not for this person
│   └── ForbiddenError   this person may not; say who can give the right
├── ConnectorError       one remote account misbehaved
│   ├── AuthError        pause the account, ask for a reconnect
│   ├── ScopeError       this stream only: a permission is missing, say which
│   ├── DisabledError    an administrator of the remote must switch something on; say what
│   ├── BrakeError       stand still until a person agrees: so much at once may be a fault
│   ├── CursorExpired    start a new epoch, wipe nothing
│   ├── RetryLaterError  same request again after `retry_after`
│   │   └── LimitedError we asked too much; waiting is no failure
│   ├── ConflictError    read again and merge
│   ├── GoneError        the remote object is no more; for a delete that is success
│   └── RejectedError    never retry; the remote refused this record
│       ├── ReadOnlyError  it is somebody else's; mark it read-only
│       └── UnknownFateError  it may have been done or not: a person decides, nobody tries again by itself
├── HookError            refuse the call (401), keep nothing
│   └── HandshakeError   the same (403): somebody asks whether this address is ours and does not know our word
└── RecordError          set this record aside, go on with the next
    ├── ShapeError       the payload is not what the source promised
    ├── MappingError     a field could not be mapped; names file, field and record
    └── IdentityError    it cannot be said whose record this is
"""


class HubError(Exception):
    """Base of everything the hub raises on purpose. The message says what, where, and the next step."""


class ConfigError(HubError):
    """A setting is wrong; the message names it."""


class UserError(HubError):
    """What a person or program asked for cannot be done as asked.

    Args:
        error_id: stable word for programs, such as `bad_number`.
        field: name of the field of the form or body at fault, where there is one.
    """

    def __init__(self, message: str, *, error_id: str = "invalid", field: str = "") -> None:
        super().__init__(message)
        self.error_id = error_id
        self.field = field


class NotFoundError(UserError):
    """There is no such thing, or this person may not know of it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error_id="not_found")


class ForbiddenError(UserError):
    """The person's role does not allow this."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error_id="forbidden")


class ConnectorError(HubError):
    """One remote account misbehaved; the others go on."""


class AuthError(ConnectorError):
    """The remote refuses our credentials."""


class ScopeError(ConnectorError):
    """The remote knows us but a permission is missing; the message names it."""


class DisabledError(ConnectorError):
    """The remote's own administrator must do something first; the message says what and where."""


class BrakeError(ConnectorError):
    """What the remote says would change so much at once that a person must agree first."""


class CursorExpired(ConnectorError):  # noqa: N818 - a state of the remote, not a fault of ours
    """The remote forgot where we were."""


class RetryLaterError(ConnectorError):
    """The remote cannot now; ask the same again after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LimitedError(RetryLaterError):
    """A limit of the remote, or of ours on its behalf, is reached: nothing is wrong, only later."""


class ConflictError(ConnectorError):
    """The remote object changed since we read it."""


class GoneError(ConnectorError):
    """The remote object is no more."""


class RejectedError(ConnectorError):
    """The remote refused this one for good."""


class UnknownFateError(RejectedError):
    """The answer was lost, and the remote knows no key by which the same would be done once."""


class ReadOnlyError(RejectedError):
    """The remote lets only somebody else change this one."""


class HookError(HubError):
    """A webhook call that is not from whom it says."""


class HandshakeError(HookError):
    """Somebody asks whether this address is ours, without the word that was agreed on."""


class RecordError(HubError):
    """One record cannot be applied; it waits, visibly, with this reason."""


class ShapeError(RecordError):
    """The payload is not what the source promised."""


class MappingError(RecordError):
    """A field could not be mapped; the message names file, field and record."""


class IdentityError(RecordError):
    """It cannot be said whose record this is."""


def said(fault: Exception) -> str:
    """Return what an administrator reads of a fault; errors that are none of ours may carry what was to be written."""
    if isinstance(fault, HubError):
        return str(fault)[:1000]
    return f"{type(fault).__name__}: a fault of the hub itself; the log has all of it"
