"""Take mails to the timeline: a message once, however many mailboxes have it; a conversation is one row."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from hub.connector.mail import Part as MailPart
from hub.connector.mail import from_parts, same_mail_key
from hub.errors import RecordError, ShapeError
from hub.identity.parties import EMAIL, holders_of
from hub.intake.models import Account, RawRecord
from hub.mail.body import snippet, text_of
from hub.mail.models import MailCopy, MailDraft, MailMessage, MailThread, MailThreadKey
from hub.mail.quote import without_quote
from hub.mail.threads import Join, Merge, ThreadRef, choose, keys_of
from hub.records.address import FREE_DOMAINS
from hub.records.interaction import Interaction as Record
from hub.records.mail import Address, Envelope, Mail, Place
from hub.security.models import User
from hub.store.base import now
from hub.store.turn import in_turn
from hub.timeline import index
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind, Note

STRICTNESS = ("all", "metadata", "owner")  # from open to closed
MOST_PEOPLE = 50  # of one conversation that its row names; more are a list, not people
_NEW = 2**62  # threads of this page are younger than all that were kept
MOST_REFERENCES = 50  # ids of earlier mails, of one message
LONGEST = 200_000  # characters of a text or a page that are kept beside the raw record

# A page of mails costs a statement for each table, made ready here once: thousands of pages come in a row.
_THREAD, _THREAD_KEY, _MESSAGE, _COPY, _DRAFT = (
    cast("Table", one.__table__) for one in (MailThread, MailThreadKey, MailMessage, MailCopy, MailDraft)
)
_KNOWN = select(_MESSAGE.c.key, _MESSAGE.c.id, _MESSAGE.c.thread_id).where(
    _MESSAGE.c.key.in_(bindparam("names", expanding=True))
)
_KEYS = select(_THREAD_KEY.c.key, _THREAD_KEY.c.thread_id).where(
    _THREAD_KEY.c.key.in_(bindparam("keys", expanding=True))
)
_THREADS = select(_THREAD).where(_THREAD.c.id.in_(bindparam("ids", expanding=True))).order_by(_THREAD.c.id)
_LOCKED = _THREADS.with_for_update()
_OPEN = insert(_THREAD).returning(_THREAD.c.id)
_PLACE = update(_THREAD).where(_THREAD.c.id == bindparam("thread")).values(interaction_id=bindparam("row"))
_COPIES = select(_COPY.c.raw_record_id, _COPY.c.message_id).where(
    _COPY.c.raw_record_id.in_(bindparam("raw_ids", expanding=True))
)
_OF_COPY = ("account_id", "message_id", "mailbox", "labels", "user_id", "visibility")
_CHANGE = (
    update(_COPY)
    .where(_COPY.c.raw_record_id == bindparam("new_raw_record_id"))
    .values({name: bindparam(f"new_{name}", type_=_COPY.c[name].type) for name in _OF_COPY})
)
# What the row of a thread is made of; the text of its messages is not.
_SAID = (
    select(
        *(
            _MESSAGE.c[name]
            for name in ("id", "thread_id", "at", "subject", "snippet", "people", "attachments", "outbound")
        )
    )
    .where(_MESSAGE.c.thread_id.in_(bindparam("ids", expanding=True)))
    .order_by(_MESSAGE.c.at, _MESSAGE.c.id)
)
_HELD = (
    select(_MESSAGE.c.thread_id, _COPY.c.account_id, _COPY.c.user_id, _COPY.c.visibility)
    .join_from(_COPY, _MESSAGE, _MESSAGE.c.id == _COPY.c.message_id)
    .where(_MESSAGE.c.thread_id.in_(bindparam("ids", expanding=True)))
    .order_by(_MESSAGE.c.at, _MESSAGE.c.id, _COPY.c.id)
)
Values = dict[str, Any]
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Given:
    """A message: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


class MailFields(BaseModel):
    """What a mapping makes of a message; an administrator may have written it, so anything may come."""

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)
    remote_id: str
    header: list[tuple[str, str]]
    parts: list[MailPart]
    thread_id: str | None = None
    labels: list[str] | None = None
    places: frozenset[Place] | None = None
    received_at: AwareDatetime | None = None
    size: int | None = None
    snippet: str | None = None


def take(session: Session, account: Account, given: Sequence[Given]) -> None:
    """Keep messages, their copies and their threads, and bring the timeline up to date.

    Raises:
        RecordError: one of them is no mail.
    """
    mails = [_read(one) for one in given]
    in_turn(session, MailMessage.__tablename__)  # two mailboxes that got the same mail would each make it
    boxes = [_mailbox(one.raw) for one in given]
    users = _users(session)
    keys = [keys_of(mail, f"{account.id}:{box}") for mail, box in zip(mails, boxes, strict=True)]
    names = [same_mail_key(mail) for mail in mails]
    known = {row.key: row for row in session.execute(_KNOWN, {"names": names})}
    threads = Threads(session, {key for some in keys for key in some}, {row.thread_id for row in known.values()})
    chosen = [
        threads.of(some, known[name].thread_id if name in known else None)
        for some, name in zip(keys, names, strict=True)
    ]
    threads.keep()
    new: dict[str, Values] = {}
    for mail, box, name, thread in zip(mails, boxes, names, chosen, strict=True):
        if name not in known and name not in new:
            new[name] = _message(name, mail, users, box) | {"thread_id": threads.now(thread).id}
    message_ids = {row.key: row.id for row in known.values()} | _insert(session, list(new.values()))
    copies = [
        {
            "raw_record_id": one.raw.id,
            "account_id": account.id,
            "message_id": message_ids[name],
            "mailbox": box,
            "labels": list(mail.labels),
            "user_id": users.get(box, account.owner_id),
            "visibility": _usual(account, box),
        }
        for one, mail, box, name in zip(given, mails, boxes, names, strict=True)
    ]
    _keep_copies(session, copies)
    show(session, {threads.now(thread).id for thread in chosen}, users=users)


def lose(session: Session, raws: Sequence[RawRecord]) -> None:
    """A mailbox has a message no more. What was said stays said: the message stays on the timeline."""
    in_turn(session, MailMessage.__tablename__)
    threads = _dropped(session, raws)[1]
    show(session, threads, users=_users(session))


def withdraw(session: Session, raws: Sequence[RawRecord]) -> None:
    """Take back messages that are not for the hub after all; one that another mailbox still shows us stays."""
    in_turn(session, MailMessage.__tablename__)
    messages, threads = _dropped(session, raws)
    held = set(session.scalars(select(_COPY.c.message_id).where(_COPY.c.message_id.in_(messages))))
    session.execute(delete(_MESSAGE).where(_MESSAGE.c.id.in_(messages - held)))
    show(session, threads, users=_users(session))


def show(session: Session, thread_ids: Collection[int], *, users: Mapping[str, int]) -> None:
    """Make the rows of conversations anew out of their messages."""
    ids = sorted(thread_ids)
    if not ids:
        return
    messages: dict[int, list[_Row]] = defaultdict(list)
    for row in session.execute(_SAID, {"ids": ids}):
        messages[row.thread_id].append(row)
    copies: dict[int, list[_Row]] = defaultdict(list)
    for copy in session.execute(_HELD, {"ids": ids}):
        copies[copy.thread_id].append(copy)
    outside = {address for some in messages.values() for row in some for address, _ in _outside(row, users)}
    parties = holders_of(session, EMAIL, outside)
    entries: dict[int, list[tuple[int, Entry]]] = defaultdict(list)
    for thread in session.execute(_THREADS, {"ids": ids}):
        some, held = messages[thread.id], copies[thread.id]
        if not some:
            _forget(session, thread.id, thread.interaction_id)
            continue
        account_id = held[-1].account_id if held else 0
        entries[account_id].append((thread.id, _entry(thread, some, held, users, parties)))
    for account_id, those in entries.items():
        made = add(session, [entry for _, entry in those], account_id=account_id or None)
        placed = [
            {"thread": thread_id, "row": row.id}
            for (thread_id, entry), row in zip(those, made, strict=True)
            if row.id != entry.interaction_id
        ]
        if placed:
            session.execute(_PLACE, placed)


# --- messages -----------------------------------------------------------------------------------------------------


def _read(given: Given) -> Mail:
    try:
        return said(given.values)
    except RecordError as error:
        raise RecordError(f"record {given.raw.remote_id}: {error}") from error


def said(values: Mapping[str, Any]) -> Mail:
    """Return the message that a record is.

    Raises:
        RecordError: the mapping made something else of it.
    """
    try:
        fields = MailFields.model_validate(dict(values))
        told = Envelope(
            remote_id=fields.remote_id,
            thread_id=fields.thread_id or "",
            received_at=fields.received_at,
            labels=tuple(fields.labels or ()),
            places=fields.places or frozenset(),
            size=fields.size or 0,
            snippet=fields.snippet or "",
        )
        return from_parts(fields.header, fields.parts, told)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'][:2]))}: {one['msg']}" for one in error.errors()[:3])
        raise RecordError(f"what the mapping makes of it is no mail: {wrong}") from error
    except ShapeError as error:
        raise RecordError(str(error)) from error


def _message(key: str, mail: Mail, users: Mapping[str, int], box: str) -> Values:
    said = text_of(mail)
    people = {"from": mail.from_, "to": mail.to, "cc": mail.cc, "bcc": mail.bcc, "reply_to": mail.reply_to}
    return {
        "key": key,
        "message_id": mail.message_id,
        "at": mail.at or now(),
        "subject": mail.subject[:1000],
        "refers_to": list(mail.references or mail.in_reply_to)[-MOST_REFERENCES:],
        "snippet": snippet(without_quote(said)) or mail.snippet[:300],
        "text": said[:LONGEST],
        "html": mail.html[:LONGEST],
        "people": {role: [_named(one) for one in some[:1000]] for role, some in people.items() if some},
        "attachments": [
            {"number": one.number, "name": one.name, "type": one.media_type, "size": one.size, "inline": one.inline}
            for one in mail.attachments
        ],
        "outbound": any(one.address in users or one.address == box for one in mail.from_),
        "defects": sorted(mail.defects),
    }


def _named(one: Address) -> dict[str, str]:
    return {"name": one.name, "address": one.address}


def _usual(account: Account, box: str) -> str:
    """Return who sees the content of a mailbox's mail, where nobody chose otherwise for a thread.

    A mailbox at a provider for everybody is somebody's private one: others see only that they wrote.
    """
    chosen = str(account.settings.get("visibility") or "")
    if chosen in STRICTNESS:
        return chosen
    return "metadata" if box.rpartition("@")[2] in FREE_DOMAINS else "all"


def _insert(session: Session, messages: Sequence[Values]) -> dict[str, int]:
    """Insert new messages; returns their ids by their keys."""
    if not messages:
        return {}
    made = session.execute(insert(_MESSAGE).returning(_MESSAGE.c.key, _MESSAGE.c.id), messages)
    return {row.key: row.id for row in made}


def _keep_copies(session: Session, copies: Sequence[Values]) -> None:
    """Insert the copies of raw records, or bring them up to date."""
    raw_ids = [one["raw_record_id"] for one in copies]
    known = {row.raw_record_id for row in session.execute(_COPIES, {"raw_ids": raw_ids})}
    if new := [one for one in copies if one["raw_record_id"] not in known]:
        session.execute(insert(_COPY), new)
    if old := [one for one in copies if one["raw_record_id"] in known]:
        session.execute(_CHANGE, [{f"new_{name}": value for name, value in one.items()} for one in old])


def _dropped(session: Session, raws: Sequence[RawRecord]) -> tuple[set[int], set[int]]:
    """Delete the copies of raw records; returns their messages and their threads."""
    raw_ids = [raw.id for raw in raws]
    messages = {row.message_id for row in session.execute(_COPIES, {"raw_ids": raw_ids})}
    threads = set(session.scalars(select(_MESSAGE.c.thread_id).where(_MESSAGE.c.id.in_(messages))))
    session.execute(delete(_COPY).where(_COPY.c.raw_record_id.in_(raw_ids)))
    return messages, threads


def _mailbox(raw: RawRecord) -> str:
    """Return whose mailbox a record came from: the second part of its stream."""
    return raw.stream.partition(":")[2].partition(":")[0].lower()


def _users(session: Session) -> dict[str, int]:
    return {email.lower(): user_id for email, user_id in session.execute(select(User.email, User.id))}


# --- threads ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Thread:
    """A thread that a page of mails meets; without an id it is not stored yet."""

    number: int  # tells the older: the id, or larger than any where it is opened by this page
    stored_id: int | None = None
    row_id: int | None = None  # its row of the timeline
    visibility: str = ""

    @property
    def id(self) -> int:
        if self.stored_id is None:
            raise LookupError("a thread has its id once it is kept")
        return self.stored_id


class Threads:
    """The threads that a page of mails meets: found by their keys, opened, and brought together."""

    def __init__(self, session: Session, keys: Collection[str], ids: Collection[int]) -> None:
        self._session = session
        found = {row.key: row.thread_id for row in session.execute(_KEYS, {"keys": sorted(keys)})}
        rows = session.execute(_LOCKED, {"ids": sorted({*found.values(), *ids})}) if found or ids else ()
        self._by_id = {row.id: Thread(row.id, row.id, row.interaction_id, row.visibility) for row in rows}
        self._by_key = {key: self._by_id[thread_id] for key, thread_id in found.items()}
        self._opened: list[Thread] = []
        self._new_keys: dict[str, Thread] = {}
        self._became: dict[Thread, Thread] = {}

    def of(self, keys: Collection[str], known: int | None) -> Thread:
        """Return the thread of a mail: found, opened, or made of several that turn out to be one.

        Args:
            keys: what leads to it.
            known: id of the thread that has the mail already.
        """
        met = {self.now(self._by_key[key]) for key in keys if key in self._by_key}
        if known is not None:
            met.add(self.now(self._by_id[known]))
        refs = {one.number: one for one in met}
        match choose([ThreadRef(number, number) for number in refs]):
            case Join(ref):
                thread = refs[ref.id]
            case Merge(into, others):
                thread = self._merged(refs[into.id], [refs[one.id] for one in others])
            case _:
                thread = Thread(_NEW + len(self._opened))
                self._opened.append(thread)
        for key in keys:
            if key not in self._by_key:
                self._by_key[key] = self._new_keys[key] = thread
        return thread

    def now(self, thread: Thread) -> Thread:
        """Return what a thread has become."""
        while thread in self._became:
            thread = self._became[thread]
        return thread

    def keep(self) -> None:
        """Write what is new; afterwards every thread has its id."""
        opened = [one for one in self._opened if one not in self._became]
        if opened:
            made = self._session.scalars(_OPEN, [{"visibility": one.visibility} for one in opened])
            for one, thread_id in zip(opened, sorted(made), strict=True):
                one.stored_id = thread_id
        rows = [{"key": key, "thread_id": self.now(one).id} for key, one in self._new_keys.items()]
        if rows:
            self._session.execute(insert(_THREAD_KEY), rows)

    def _merged(self, into: Thread, others: Sequence[Thread]) -> Thread:
        """Bring threads together; of what people chose for them the strictest counts."""
        chosen = [one.visibility for one in (into, *others) if one.visibility]
        into.visibility = max(chosen, key=STRICTNESS.index) if chosen else ""
        stored = [one for one in others if one.stored_id is not None]
        if stored:  # then the oldest of them is stored too
            self._move(into, [one.id for one in stored])
        for one in others:
            self._became[one] = into
        for one in stored:
            _forget(self._session, one.id, one.row_id, into.row_id)
        return into

    def _move(self, into: Thread, ids: Sequence[int]) -> None:
        for table in (_MESSAGE, _THREAD_KEY, _DRAFT):
            self._session.execute(update(table).where(table.c.thread_id.in_(ids)).values(thread_id=into.id))
        self._session.execute(update(_THREAD).where(_THREAD.c.id == into.id).values(visibility=into.visibility))


def _forget(session: Session, thread_id: int, row_id: int | None, into: int | None = None) -> None:
    """Take a thread away with its row; what people noted on the row goes to the row that it became."""
    session.execute(delete(_THREAD).where(_THREAD.c.id == thread_id))
    if row_id is None:
        return
    if into is not None:
        session.execute(update(Note).where(Note.interaction_id == row_id).values(interaction_id=into))
        index.refresh(session, [into])
    session.execute(delete(Interaction).where(Interaction.id == row_id))


# --- the row of a thread ------------------------------------------------------------------------------------------


def _entry(
    thread: _Row,
    messages: Sequence[_Row],
    copies: Sequence[_Row],
    users: Mapping[str, int],
    parties: Mapping[str, int],
) -> Entry:
    last = messages[-1]
    owners = sorted({copy.user_id for copy in copies if copy.user_id is not None})
    files = sum(not one["inline"] for row in messages for one in row.attachments)
    record = Record(
        kind=Kind.EMAIL,
        direction="outbound" if last.outbound else "inbound",
        started_at=last.at,
        ended_at=None,
        summary=messages[0].subject,
        mentions=(),
        visibility=_visibility(thread, copies),
        detail={
            "messages": len(messages),
            "first_at": _written(messages[0].at),
            "from": last.people.get("from", []),
            "snippet": last.snippet,
            "files": files,
            "users": owners,
        },
    )
    return Entry(
        record,
        _parts(messages, users, parties),
        interaction_id=thread.interaction_id,
        owner_id=owners[0] if owners else None,
    )


def _visibility(thread: _Row, copies: Sequence[_Row]) -> str:
    """Return who sees the content: what a person chose for the thread, else the strictest of its mailboxes."""
    chosen: str = thread.visibility
    return chosen or max((str(copy.visibility) for copy in copies), key=STRICTNESS.index, default="owner")


def _parts(messages: Sequence[_Row], users: Mapping[str, int], parties: Mapping[str, int]) -> list[Part]:
    """Return who from outside takes part: who wrote, else who was written to; each once."""
    roles: dict[str, str] = {}
    for row in messages:
        for address, role in _outside(row, users):
            if role == "sender" or address not in roles:
                roles[address] = role
    named = sorted(roles.items(), key=lambda one: one[0] not in parties)[:MOST_PEOPLE]
    return [Part(parties.get(address), role, EMAIL, address) for address, role in named]


def _outside(row: _Row, users: Mapping[str, int]) -> list[tuple[str, str]]:
    return [
        (one["address"], "sender" if role == "from" else "recipient")
        for role, some in row.people.items()
        if role != "reply_to"
        for one in some
        if one["address"] and one["address"] not in users
    ]


def _written(at: datetime) -> str:
    return at.isoformat()
