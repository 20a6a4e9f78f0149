"""Read what a mapping made of a message or of a status. An administrator may have written the mapping, so anything may come."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hub.errors import RecordError
from hub.identity.said import line
from hub.records.call import Direction
from hub.records.message import Channel, Content, Delivery, Media, Message, Peer, Referral, Status

LONGEST = 20_000  # characters of a message; WhatsApp has 4,096, and 65,536 in some of its kinds
LONGEST_KEY = 300  # of what is looked up by an index; PostgreSQL takes 2,700 bytes
MOST_MEDIA = 20
_HASH = re.compile(r"[0-9a-fA-F]{64}")


def _listed(value: Any) -> Any:
    many = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return [one for one in many if one not in (None, "", {})]


def _key(value: Any) -> Any:
    """Return an id on one line; one that is too long for an index is none."""
    text = line(str(value)) if isinstance(value, str | int) else value
    if isinstance(text, str) and len(text) > LONGEST_KEY:
        raise ValueError(f"has more than {LONGEST_KEY} characters")
    return text


_Id = Annotated[str, BeforeValidator(_key)]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class _Media(_Loose):
    id: _Id = Field(min_length=1)
    media_type: str | None = None
    name: str | None = None
    sha256: str | None = None
    size: int | None = None


class _Referral(_Loose):
    ad_id: _Id | None = None
    url: str | None = None
    headline: str | None = None
    text: str | None = None
    click_id: str | None = None


class MessageFields(_Loose):
    """What a mapping may make of a message; other fields are left."""

    remote_id: _Id = Field(min_length=1)
    channel: Channel
    direction: Direction
    line: _Id = Field(min_length=1)
    line_number: str | None = None
    at: AwareDatetime | None = None
    content: str | None = None
    text: str | None = None
    reply_to: _Id | None = None
    peer_phone: str | None = None
    peer_id: _Id | None = None
    peer_name: str | None = None
    media: Annotated[list[_Media], BeforeValidator(_listed)] = []
    referral: _Referral | None = None


class StatusFields(_Loose):
    """What a mapping may make of a status; other fields are left."""

    message_id: _Id = Field(min_length=1)
    state: Delivery
    at: AwareDatetime | None = None
    reason: str | None = None
    code: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A status; `key` is our own key of the sending, where the remote brings it back: then it proves that it was sent."""

    status: Status
    key: str = ""


def said(values: Mapping[str, Any], *, received_at: datetime) -> Message:
    """Return the message that a record is.

    Args:
        received_at: when it came; it counts where the remote does not say when it was written.

    Raises:
        RecordError: the mapping made something else of it.
    """
    try:
        fields = MessageFields.model_validate(values)
    except ValidationError as error:
        raise RecordError(f"what the mapping makes of it is no message: {_wrong(error)}") from error
    peer = Peer(line(fields.peer_phone)[:LONGEST_KEY], fields.peer_id or "", line(fields.peer_name)[:400])
    if not (peer.phone or peer.remote_id):
        raise RecordError("what the mapping makes of it is no message: peer_phone, peer_id: one of them must be there")
    if fields.direction is Direction.INTERNAL:
        raise RecordError("what the mapping makes of it is no message: direction: inbound or outbound")
    return Message(
        remote_id=fields.remote_id,
        channel=fields.channel,
        direction=fields.direction,
        line=fields.line,
        peer=peer,
        at=fields.at or received_at,
        content=Content(fields.content) if fields.content in set(Content) else _unknown(fields),
        text=text_of(fields.text),
        reply_to=fields.reply_to or "",
        media=tuple(_media(one) for one in fields.media[:MOST_MEDIA]),
        referral=_referral(fields.referral),
        line_number=line(fields.line_number)[:100],
    )


def said_status(values: Mapping[str, Any], *, received_at: datetime) -> Told:
    """Return the status that a record is; `received_at` as of `said`.

    Raises:
        RecordError: the mapping made something else of it.
    """
    try:
        fields = StatusFields.model_validate(values)
    except ValidationError as error:
        raise RecordError(f"what the mapping makes of it is no status: {_wrong(error)}") from error
    at = fields.at or received_at
    status = Status(fields.message_id, fields.state, at, line(fields.reason), line(fields.code)[:100])
    return Told(status, line(fields.key)[:LONGEST_KEY])


def text_of(value: str | None) -> str:
    """Return a text as it was written, without what no database or page can hold; joiners of scripts and emojis stay."""
    kept = (c for c in (value or "")[:LONGEST] if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "".join(kept).strip()


def _unknown(fields: MessageFields) -> Content:
    """Return what a message is that does not say it, or says what nobody knows."""
    return Content.OTHER if fields.content or not fields.text else Content.TEXT


def _media(given: _Media) -> Media:
    said_hash = given.sha256 or ""
    return Media(
        given.id,
        line(given.media_type)[:100],
        line(given.name)[:200],
        said_hash.lower() if _HASH.fullmatch(said_hash) else "",
        given.size if given.size is not None and 0 <= given.size < 2**62 else None,
    )


def _referral(given: _Referral | None) -> Referral | None:
    if given is None:
        return None
    texts = {name: line(getattr(given, name)) for name in ("url", "headline", "text", "click_id")}
    found = Referral(ad_id=given.ad_id or "", **texts)
    return found if found != Referral() else None


def _wrong(error: ValidationError) -> str:
    return "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()[:5])
