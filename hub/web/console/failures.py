"""What went wrong on a connection, by cause and not by row: read and set aside, not written, not readable, never found.

Each cause has its count, when it began and was seen last, when it is tried again by itself, and what a person may do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from flask_babel import LazyString, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup, escape
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.fields import definitions
from hub.fields.definitions import Fields
from hub.intake import named
from hub.intake.models import NAMED, Account, AccountState, NamedRecord, RawRecord, RawState, StreamState
from hub.intake.trouble import Trouble
from hub.outbound import outbox
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import Audit
from hub.store.base import now
from hub.web.console import field_words, kinds, reasons, streams
from hub.web.frame import current_hub
from hub.web.jinja import bidi

SKIPPED = "skipped"  # why a record was left out by hand; who did it is in the audit
MOST = 5000  # records looked at to group failures
ON_PAGE = 100  # items of one cause
LAST_DEEDS = 5
_KINDS: Mapping[str, LazyString] = MappingProxyType(
    {
        "mail": lazy_gettext("Mail"),
        "meeting": lazy_gettext("Meeting"),
        "contact": lazy_gettext("Contact"),
        "message": lazy_gettext("Message"),
        "stage": lazy_gettext("Stage of a lead"),
        "crm": lazy_gettext("What happened"),
    }
)
# What people did about failures, for those who look after them.
_DEEDS: Mapping[str, LazyString] = MappingProxyType(
    {
        "records.retried": lazy_gettext("tried again"),
        "records.skipped": lazy_gettext("left out"),
        "outbox.retry": lazy_gettext("sent again"),
        "outbox.drop": lazy_gettext("given up"),
        "records.asked_again": lazy_gettext("asked for again"),
    }
)


class What(StrEnum):
    """What a cause stands in the way of."""

    STREAM = "stream"  # nothing of it can be read now
    WRITE = "write"  # something could not be sent
    RECORD = "record"  # something was read and not understood
    ANNOUNCED = "announced"  # the remote told of something, and never showed it


@dataclass(frozen=True, slots=True)
class Cause:
    """Things that failed for the same reason."""

    what: What
    text: str  # as it is kept, without what differs from one to the next
    title: Markup  # the same in the reader's language
    detail: Markup  # of the newest; empty where the title says it
    count: int
    first_at: datetime | None
    last_at: datetime | None
    next_at: datetime | None = None  # None: not before a person does something
    ids: tuple[int, ...] = ()
    stream: str = ""  # its key
    trouble: str = ""
    may_act: bool = True  # False: it waits by itself, or another person decides

    @property
    def key(self) -> str:
        """A short name of it for an address and a form; the same as long as its text is, which browsers would change."""
        return sha256(f"{self.what}:{self.text}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a cause."""

    title: str
    at: datetime
    error: Markup
    raw: UUID | None = None  # public id of the raw record
    number: int = 0  # of what was to be sent
    may_act: bool = True


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did about failures."""

    actor: str
    words: str
    count: int
    at: datetime


@dataclass(slots=True)
class _Group:
    ids: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)


def causes(session: Session, row: Account) -> list[Cause]:
    """Return everything that failed: what stands still first, then what was not written, then what was set aside."""
    return [
        *_of_streams(session, row),
        *_of_writes(session, row),
        *_announced(session, row),
        *_of_records(session, row),
    ]


def find(session: Session, row: Account, key: str) -> Cause:
    """Return one cause by its short name.

    Raises:
        NotFoundError: nothing failed for that reason (any more).
    """
    found = next((one for one in causes(session, row) if one.key == key), None)
    if found is None:
        raise NotFoundError("Nothing fails for this reason any more.")
    return found


def items(session: Session, row: Account, cause: Cause) -> list[Item]:
    """Return the newest things of a cause."""
    ids = cause.ids[:ON_PAGE]
    if cause.what is What.RECORD:
        labels = _labels(definitions.load(session), row, cause.stream)
        raws = session.scalars(select(RawRecord).where(RawRecord.id.in_(ids)).order_by(RawRecord.id.desc()))
        return [
            Item(f"{raw.stream} {raw.remote_id}", raw.received_at, reasons.told(raw.error, labels), raw=raw.public_id)
            for raw in raws
        ]
    rows = session.scalars(select(Outbox).where(Outbox.id.in_(ids)).order_by(Outbox.id.desc()))
    return [
        Item(kind_title(one.kind), one.created_at, bidi(one.last_error), number=one.id, may_act=cause.may_act)
        for one in rows  # in the words that came
    ]


def retry(session: Session, wanted: Iterable[Cause]) -> tuple[int, int]:
    """Try records again, and send again what was refused; returns how many of each."""
    records, writes = _ids(wanted)
    return _changed(session, records, state=RawState.KEPT, error="", attempts=0), _done(session, writes, outbox.retry)


def skip(session: Session, wanted: Iterable[Cause]) -> tuple[int, int]:
    """Leave records out for good, and give up what was refused; returns how many of each."""
    records, writes = _ids(wanted)
    return _changed(session, records, state=RawState.FILTERED, error=SKIPPED), _done(session, writes, outbox.drop)


def ask_again(session: Session, row: Account) -> int:
    """Ask once more for what the remote told of and never showed; returns how many there are."""
    count = named.try_again(session, row.id)
    places = StreamState.stream.startswith(NAMED, autoescape=True)
    session.execute(update(StreamState).where(StreamState.account_id == row.id, places).values(due_at=now()))
    return count


def one_record(session: Session, row: Account, public_id: str) -> Cause:
    """Return a raw record that was set aside, as a cause of its own.

    Raises:
        NotFoundError: this account has no such record.
    """
    try:
        wanted = UUID(public_id)
    except ValueError:
        raise NotFoundError("There is no such record.") from None
    mine = (RawRecord.public_id == wanted, RawRecord.account_id == row.id)
    found = session.scalar(select(RawRecord.id).where(*mine))
    if found is None:
        raise NotFoundError("There is no such record.")
    return Cause(What.RECORD, "", reasons.NONE, reasons.NONE, 1, None, None, ids=(found,))


def one_write(session: Session, row: Account, number: str) -> Cause:
    """Return something that the remote refused, as a cause of its own.

    Raises:
        NotFoundError: there is no such thing, or another person decides about it.
    """
    found = written(session, row, number)
    if found.state != OutboxState.REFUSED or found.user_id is not None:
        raise NotFoundError("There is no such thing, or somebody else decides about it.")
    return Cause(What.WRITE, "", reasons.NONE, reasons.NONE, 1, None, None, ids=(found.id,))


def written(session: Session, row: Account, number: str) -> Outbox:
    """Return what an account was to send, by the number in an address or a form.

    Raises:
        NotFoundError: there is no such thing.
    """
    found = session.get(Outbox, int(number)) if number.isdecimal() and len(number) < 19 else None
    if found is None or found.account_id != row.id:
        raise NotFoundError("There is no such thing.")
    return found


def deeds(session: Session, row: Account) -> list[Deed]:
    """Return what people did last about failures of a connection."""
    mine = (Audit.subject == "account", Audit.subject_id == str(row.public_id), Audit.action.in_(list(_DEEDS)))
    lines = session.scalars(select(Audit).where(*mine).order_by(Audit.id.desc()).limit(LAST_DEEDS))
    return [Deed(one.actor, str(_DEEDS[one.action]), int(one.detail.get("count", 1)), one.at) for one in lines]


def kind_title(kind: str) -> str:
    """Return what a kind of thing to be sent is called."""
    return str(_KINDS.get(kind, kind))


def _of_records(session: Session, row: Account) -> list[Cause]:
    """Group what was set aside by reason, whatever record, number or value each error names; the largest first."""
    aside = (RawRecord.account_id == row.id, RawRecord.state == RawState.SET_ASIDE)
    columns = (RawRecord.id, RawRecord.stream, RawRecord.error, RawRecord.received_at)
    groups: dict[tuple[str, str], _Group] = {}
    for number, stream, error, at in session.execute(
        select(*columns).where(*aside).order_by(RawRecord.id.desc()).limit(MOST)
    ):
        _add(groups.setdefault((stream, reasons.general(error)), _Group()), number, error, at)
    fields = definitions.load(session)
    found = [
        Cause(
            What.RECORD,
            text=f"{stream}: {text}",
            title=_titled(_stream_title(row, stream), text, group, labels),
            detail=_newest(text, group),
            count=len(group.ids),
            first_at=min(group.moments),
            last_at=max(group.moments),
            ids=tuple(group.ids),
            stream=stream,
        )
        for (stream, text), group in groups.items()
        for labels in [_labels(fields, row, stream)]
    ]
    return sorted(found, key=lambda cause: -cause.count)


def _of_writes(session: Session, row: Account) -> list[Cause]:
    """Group what was refused, and what waits because of a trouble."""
    failed = (Outbox.state == OutboxState.REFUSED) | ((Outbox.state == OutboxState.WAITING) & (Outbox.trouble != ""))
    columns = (
        Outbox.id, Outbox.kind, Outbox.last_error, Outbox.created_at, Outbox.state, Outbox.trouble, Outbox.due_at,
        Outbox.user_id,
    )  # fmt: skip
    groups: dict[tuple[str, str, str, str, bool], _Group] = {}
    tries: dict[tuple[str, str, str, str, bool], list[datetime]] = {}
    query = select(*columns).where(Outbox.account_id == row.id, failed).order_by(Outbox.id.desc()).limit(MOST)
    for number, kind, error, at, state, trouble, due_at, user_id in session.execute(query):
        refused = state == OutboxState.REFUSED
        mine = refused and user_id is None
        key = (kind, state, Trouble.REFUSED if refused else trouble, reasons.general(error), mine)
        _add(groups.setdefault(key, _Group()), number, error, at)
        if due_at is not None and not refused:
            tries.setdefault(key, []).append(due_at)
    return [
        Cause(
            What.WRITE,
            text=f"{kind} {state} {trouble} {mine}: {text}",
            title=title,
            detail=reasons.NONE if (words := bidi(group.errors[0])) in title else words,
            count=len(group.ids),
            first_at=min(group.moments),
            last_at=max(group.moments),
            next_at=min(tries.get(key, ()), default=None),
            ids=tuple(group.ids),
            trouble=trouble,
            may_act=mine,
        )
        for key, group in groups.items()
        for kind, state, trouble, text, mine in [key]
        for title in [_titled(bidi(kind_title(kind)), text, group)]
    ]


def _of_streams(session: Session, row: Account) -> list[Cause]:
    """Return the streams that cannot be read now, those for the same reason together."""
    if row.state != AccountState.ACTIVE:
        return []
    groups: dict[tuple[str, str], list[streams.Line]] = {}
    states = {one.key: one for one in streams.lines(session, row) if one.trouble}
    for line in states.values():
        groups.setdefault((line.trouble, line.detail), []).append(line)
    since = dict(
        session.execute(
            select(StreamState.stream, StreamState.failing_since).where(
                StreamState.account_id == row.id, StreamState.stream.in_(list(states))
            )
        ).all()
    )
    return [
        Cause(
            What.STREAM,
            text=f"{trouble}: {detail}",
            title=Markup("{}: {}").format(Markup(", ").join(bidi(line.title) for line in lines), lines[0].sentence),
            detail=bidi(detail) if detail else reasons.NONE,
            count=len(lines),
            first_at=min((at for line in lines if (at := since.get(line.key))), default=None),
            last_at=max((line.last_run_at for line in lines if line.last_run_at), default=None),
            next_at=min((line.due_at for line in lines if line.due_at), default=None),
            stream=lines[0].key,
            trouble=trouble,
        )
        for (trouble, detail), lines in groups.items()
    ]


def _announced(session: Session, row: Account) -> list[Cause]:
    """Return what the remote told of, was asked for until nobody hoped any more, and never showed."""
    lost = (NamedRecord.account_id == row.id, NamedRecord.due_at.is_(None), NamedRecord.done_at.is_(None))
    columns = (func.count(), func.min(NamedRecord.named_at), func.max(NamedRecord.named_at), func.max(NamedRecord.why))
    count, first_at, last_at, why = session.execute(select(*columns).where(*lost)).one()
    if not count:
        return []
    title = escape(_("The other system told of them and never showed them"))
    return [Cause(What.ANNOUNCED, "", title, bidi(why) if why else reasons.NONE, count, first_at, last_at)]


def _stream_title(row: Account, stream: str) -> Markup:
    """Return what the records of a stream are, and the stream's own name behind it."""
    kind = current_hub().flow.kind(row.connector, stream)
    words, name = kinds.words([kind]), bidi(stream, ltr=True)
    if not words:
        return name
    return escape(words[0]) if kind == stream else Markup("{} <small>{}</small>").format(words[0], name)


def _labels(fields: Fields, row: Account, stream: str) -> Mapping[str, str]:
    return field_words.labels(fields, current_hub().flow.kind(row.connector, stream))


def _titled(of: Markup, text: str, group: _Group, labels: Mapping[str, str] = reasons.NO_LABELS) -> Markup:
    only = len(group.ids) == 1
    return Markup("{} · {}").format(of, reasons.told(group.errors[0], labels) if only else reasons.shared(text, labels))


def _newest(text: str, group: _Group) -> Markup:
    """Return what is wrong with the newest of several, where it tells more than what all of them share."""
    newest = Markup(" · ").join(one.text for one in reasons.parts(group.errors[0]))
    shared = Markup(" · ").join(one.sentence for one in reasons.parts(text))
    return reasons.NONE if len(group.ids) == 1 or newest == shared else newest


def _add(group: _Group, number: int, error: str, at: datetime) -> None:
    group.ids.append(number)
    group.errors.append(error)
    group.moments.append(at)


def _ids(wanted: Iterable[Cause]) -> tuple[list[int], list[int]]:
    """Return the numbers of records, and of things to be sent, that a person here may decide about."""
    given = [cause for cause in wanted if cause.may_act]
    records = [number for cause in given if cause.what is What.RECORD for number in cause.ids]
    return records, [number for cause in given if cause.what is What.WRITE for number in cause.ids]


def _changed(session: Session, ids: Sequence[int], **values: object) -> int:
    """Change records of these that still are set aside; returns how many were."""
    count = 0
    for part in _parts(ids):
        aside = update(RawRecord).where(RawRecord.id.in_(part), RawRecord.state == RawState.SET_ASIDE)
        count += session.execute(aside.values(**values)).rowcount  # type: ignore[attr-defined]  # an UPDATE has one
    return count


def _done(session: Session, numbers: Sequence[int], decide: Callable[[Session, int], Outbox]) -> int:
    """Decide about what was refused; what somebody else decided about meanwhile stays so. Returns how many there were."""
    count = 0
    for number in numbers:
        with suppress(NotFoundError):
            decide(session, number)
            count += 1
    return count


def _parts(ids: Sequence[int], size: int = 500) -> Iterable[Sequence[int]]:
    """Cut a list, since databases limit the length of one statement."""
    return (ids[at : at + size] for at in range(0, len(ids), size))
