"""One message of a telephone system: Zammad's generic CTI contract, unchanged, and a few extras that a sender may leave out.

Source: https://docs.zammad.org/en/latest/api/generic-cti/ (newCall, answer, hangup).
"""

import hashlib
import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hub.errors import ShapeError

MAX_CALL_ID = 250
MAX_USERS = 100
_TEXT = 200  # characters of a name or number
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Event(StrEnum):
    NEW_CALL = "newCall"
    ANSWER = "answer"
    HANGUP = "hangup"
    # Extras: exact pop and retract per phone, transfers before they are answered, recordings.
    RING = "ring"
    STOP = "stop"
    TRANSFER = "transfer"
    RECORDING = "recording"


class Cause(StrEnum):
    """Why a call ended, in the contract's words."""

    NORMAL = "normalClearing"
    BUSY = "busy"
    CANCEL = "cancel"  # the caller gave up
    NO_ANSWER = "noAnswer"  # nobody picked up, or somebody rejected it
    CONGESTION = "congestion"
    NOT_FOUND = "notFound"
    FORWARDED = "forwarded"


_BY_LOWER = {word.lower(): word for word in (*Event, *Cause)}
_DIRECTIONS = {"in": "in", "inbound": "in", "out": "out", "outbound": "out", "": ""}


def _text(value: object) -> object:
    """Take a number for its digits, and a field given several times for its last."""
    if isinstance(value, list | tuple):
        value = value[-1] if value else ""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return value
    # JSON may escape half of a surrogate pair, which nothing can store or send.
    return _CONTROL.sub(" ", value.encode("utf-8", "replace").decode()).strip()


def _short(value: object) -> object:
    value = _text(value)
    return value[:_TEXT] if isinstance(value, str) else value


def _word(value: object) -> object:
    """Accept a word of the contract in any case."""
    value = _text(value)
    return _BY_LOWER.get(value.lower(), value) if isinstance(value, str) else value


def _users(value: object) -> object:
    values = value if isinstance(value, list | tuple) else [value]
    texts = [_short(one) for one in values]
    return tuple(dict.fromkeys(one for one in texts if one != ""))


Text = Annotated[str, BeforeValidator(_short)]
CallId = Annotated[str, BeforeValidator(_text), StringConstraints(min_length=1, max_length=MAX_CALL_ID)]


class HookMessage(BaseModel):
    """What a telephone system says; unknown fields are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    event: Annotated[Event, BeforeValidator(_word)]
    call_id: CallId = Field(alias="callId")
    caller: Text = Field("", alias="from")
    called: Text = Field("", alias="to")
    direction: Annotated[str, BeforeValidator(_text)] = ""
    user: Annotated[tuple[str, ...], BeforeValidator(_users), Field(max_length=MAX_USERS)] = ()
    queue: Text = ""
    answering_number: Text = Field("", alias="answeringNumber")
    cause: Annotated[Cause, BeforeValidator(_word)] | None = None
    # Extras
    extension: Text = ""
    kind: Text = ""  # of a transfer: blind or attended
    recording: Annotated[str, BeforeValidator(_text), StringConstraints(max_length=2000)] = ""
    name: Text = ""  # of the caller
    customer_id: Text = Field("", alias="customerId")
    click_id: Text = Field("", alias="clickId")  # the `id` that we gave with a click-to-dial
    seq: Text = ""
    timestamp: Text = ""
    rejected: bool = False  # ours: we answered that this call shall be turned away

    @model_validator(mode="before")
    @classmethod
    def _older_names(cls, fields: Any) -> Any:
        """`user[]` is how forms write a list, `url` and `path` are how a recording may be named; no cause is no word."""
        if not isinstance(fields, dict):
            return fields
        fields = dict(fields)
        several = [*_as_list(fields.get("user")), *_as_list(fields.pop("user[]", None))]
        fields["user"] = several
        fields["recording"] = fields.get("recording") or fields.get("url") or fields.get("path") or ""
        if fields.get("cause") in ("", [""], []):
            fields["cause"] = None
        return fields

    @model_validator(mode="after")
    def _whole(self) -> "HookMessage":
        if self.direction.lower() not in _DIRECTIONS:
            raise ValueError("direction must be in or out")
        if self.event is Event.NEW_CALL and not (self.direction and (self.caller or self.called)):
            raise ValueError("newCall needs direction, from and to")
        if self.event in (Event.RING, Event.STOP) and not self.users:
            raise ValueError(f"{self.event} needs user or extension")
        if self.event is Event.TRANSFER and not self.called:
            raise ValueError("transfer needs to")
        if self.event is Event.RECORDING and not self.recording:
            raise ValueError("recording needs url or path")
        return self

    @property
    def inbound(self) -> bool:
        return _DIRECTIONS[self.direction.lower()] != "out"

    @property
    def users(self) -> tuple[str, ...]:
        """Whom it is about: names, logins, e-mail addresses or extensions."""
        return self.user or ((self.extension,) if self.extension else ())

    @classmethod
    def read(cls, fields: Any) -> "HookMessage":
        """Check fields from outside.

        Raises:
            ShapeError: says which field is wrong; names no value, since values are data of callers.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ShapeError(_reasons(error)) from None

    @classmethod
    def load(cls, raw: bytes) -> "HookMessage":
        """Read what `raw` wrote; raises ShapeError."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            raise ShapeError(_reasons(error)) from None

    def raw(self) -> bytes:
        """The message in one form, whatever form it came in; equal messages are equal bytes."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a repeated delivery has in common with the first."""
        return self.call_id, self.event, self.seq or hashlib.sha256(self.raw()).hexdigest()


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _reasons(error: ValidationError) -> str:
    reasons = [f"{'.'.join(str(part) for part in one['loc']) or 'message'}: {one['msg']}" for one in error.errors()]
    return f"the message is not understood: {'; '.join(reasons)}"[:1000]
