"""Take mails to the timeline: a message once, however many mailboxes have it; a conversation is one row."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from hub.connector.mail import Part as MailPart
from hub.connector.mail import from_parts, same_mail_key
from hub.errors import RecordError, ShapeError
from hub.identity.parties import EMAIL, holders_of
from hub.intake.models import Account, RawRecord
from hub.mail.body import snippet, text_of
from hub.mail.models import MailCopy, MailMessage, MailThread, MailThreadKey
from hub.mail.quote import without_quote
from hub.mail.threads import Join, Merge, ThreadRef, choose, keys_of
from hub.records.address import FREE_DOMAINS
from hub.records.interaction import Interaction as Record
from hub.records.mail import Address, Envelope, Mail, Place
from hub.security.models import User
from hub.store.base import now
from hub.store.turn import in_turn
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind, Note

STRICTNESS = ("all", "metadata", "owner")  # from open to closed
MOST_PEOPLE = 50  # of one conversation that its row names; more are a list, not people
_NEW = 2**62  # threads of this page are younger than all that were kept
LONGEST = 200_000  # characters of a text or a page that are kept beside the raw record


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
    known = {row.key: row for row in session.scalars(select(MailMessage).where(MailMessage.key.in_(names)))}
    threads = Threads(session, {key for some in keys for key in some}, {row.thread_id for row in known.values()})
    chosen = [threads.of(some, known.get(name)) for some, name in zip(keys, names, strict=True)]
    threads.keep()
    for mail, box, name, thread in zip(mails, boxes, names, chosen, strict=True):
        if name not in known:
            known[name] = _message(name, mail, users, box)
            session.add(known[name])
        known[name].thread_id = threads.now(thread).id
    session.flush()
    copies = _copies(session, [one.raw.id for one in given])
    for one, mail, box, name in zip(given, mails, boxes, names, strict=True):
        copy = copies.get(one.raw.id)
        if copy is None:
            copy = MailCopy(raw_record_id=one.raw.id, account_id=account.id)
            session.add(copy)
        copy.message_id, copy.mailbox, copy.labels = known[name].id, box, list(mail.labels)
        copy.user_id, copy.visibility = users.get(box, account.owner_id), _usual(account, box)
    session.flush()
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
    held = set(session.scalars(select(MailCopy.message_id).where(MailCopy.message_id.in_(messages))))
    session.execute(delete(MailMessage).where(MailMessage.id.in_(messages - held)))
    session.flush()
    show(session, threads, users=_users(session))


def show(session: Session, thread_ids: Collection[int], *, users: Mapping[str, int]) -> None:
    """Make the rows of conversations anew out of their messages."""
    ids = sorted(thread_ids)
    if not ids:
        return
    threads = {row.id: row for row in session.scalars(select(MailThread).where(MailThread.id.in_(ids)))}
    messages: dict[int, list[MailMessage]] = defaultdict(list)
    query = select(MailMessage).where(MailMessage.thread_id.in_(ids)).order_by(MailMessage.at, MailMessage.id)
    for row in session.scalars(query):
        messages[row.thread_id].append(row)
    copies: dict[int, list[MailCopy]] = defaultdict(list)
    of_messages = [row.id for some in messages.values() for row in some]
    for copy in session.scalars(select(MailCopy).where(MailCopy.message_id.in_(of_messages)).order_by(MailCopy.id)):
        copies[copy.message_id].append(copy)
    outside = {address for some in messages.values() for row in some for address, _ in _outside(row, users)}
    parties = holders_of(session, EMAIL, outside)
    entries: dict[int, list[tuple[MailThread, Entry]]] = defaultdict(list)
    for thread_id in ids:
        thread, some = threads.get(thread_id), messages[thread_id]
        if thread is None:
            continue
        if not some:
            _forget(session, thread)
            continue
        held = [copy for row in some for copy in copies[row.id]]
        account_id = held[-1].account_id if held else 0
        entries[account_id].append((thread, _entry(thread, some, held, users, parties)))
    for account_id, those in entries.items():
        made = add(session, [entry for _, entry in those], account_id=account_id or None)
        for (thread, _), interaction in zip(those, made, strict=True):
            thread.interaction_id = interaction.id
    session.flush()


# --- messages -----------------------------------------------------------------------------------------------------


def _read(given: Given) -> Mail:
    try:
        fields = MailFields.model_validate(dict(given.values))
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
        raise RecordError(f"record {given.raw.remote_id}: what the mapping makes of it is no mail: {wrong}") from error
    except ShapeError as error:
        raise RecordError(f"record {given.raw.remote_id}: {error}") from error


def _message(key: str, mail: Mail, users: Mapping[str, int], box: str) -> MailMessage:
    said = text_of(mail)
    people = {"from": mail.from_, "to": mail.to, "cc": mail.cc, "bcc": mail.bcc, "reply_to": mail.reply_to}
    return MailMessage(
        key=key,
        message_id=mail.message_id,
        at=mail.at or now(),
        subject=mail.subject[:1000],
        snippet=snippet(without_quote(said)) or mail.snippet[:300],
        text=said[:LONGEST],
        html=mail.html[:LONGEST],
        people={role: [_named(one) for one in some[:1000]] for role, some in people.items() if some},
        attachments=[
            {"number": one.number, "name": one.name, "type": one.media_type, "size": one.size, "inline": one.inline}
            for one in mail.attachments
        ],
        outbound=any(one.address in users or one.address == box for one in mail.from_),
        defects=sorted(mail.defects),
    )


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


def _copies(session: Session, raw_ids: Sequence[int]) -> dict[int, MailCopy]:
    return {
        row.raw_record_id: row for row in session.scalars(select(MailCopy).where(MailCopy.raw_record_id.in_(raw_ids)))
    }


def _dropped(session: Session, raws: Sequence[RawRecord]) -> tuple[set[int], set[int]]:
    """Delete the copies of raw records; returns their messages and their threads."""
    rows = _copies(session, [raw.id for raw in raws]).values()
    messages = {row.message_id for row in rows}
    threads = set(session.scalars(select(MailMessage.thread_id).where(MailMessage.id.in_(messages))))
    for row in rows:
        session.delete(row)
    session.flush()
    return messages, threads


def _mailbox(raw: RawRecord) -> str:
    """Return whose mailbox a record came from: the second part of its stream."""
    return raw.stream.partition(":")[2].partition(":")[0].lower()


def _users(session: Session) -> dict[str, int]:
    return {email.lower(): user_id for email, user_id in session.execute(select(User.email, User.id))}


# --- threads ------------------------------------------------------------------------------------------------------


class Threads:
    """The threads that a page of mails meets: found by their keys, opened, and brought together."""

    def __init__(self, session: Session, keys: Collection[str], ids: Collection[int]) -> None:
        self._session = session
        query = select(MailThreadKey.key, MailThreadKey.thread_id).where(MailThreadKey.key.in_(sorted(keys)))
        found = {row.key: row.thread_id for row in session.execute(query)}
        wanted = {*found.values(), *ids}
        rows = session.scalars(select(MailThread).where(MailThread.id.in_(wanted)).with_for_update()) if wanted else ()
        self._by_id = {row.id: row for row in rows}
        self._by_key = {key: self._by_id[thread_id] for key, thread_id in found.items()}
        self._number = {row: number for number, row in self._by_id.items()}  # opened later: larger
        self._new_keys: dict[str, MailThread] = {}
        self._became: dict[MailThread, MailThread] = {}

    def of(self, keys: Collection[str], known: MailMessage | None) -> MailThread:
        """Return the thread of a mail: found, opened, or made of several that turn out to be one."""
        met = {self.now(self._by_key[key]) for key in keys if key in self._by_key}
        if known is not None and known.thread_id is not None:
            met.add(self.now(self._by_id[known.thread_id]))
        refs = {self._number[one]: one for one in met}
        match choose([ThreadRef(number, number) for number in refs]):
            case Join(ref):
                thread = refs[ref.id]
            case Merge(into, others):
                thread = self._merged(refs[into.id], [refs[one.id] for one in others])
            case _:
                thread = MailThread()
                self._session.add(thread)
                self._number[thread] = _NEW + len(self._number)
        for key in keys:
            if key not in self._by_key:
                self._by_key[key] = self._new_keys[key] = thread
        return thread

    def now(self, thread: MailThread) -> MailThread:
        """Return what a thread has become."""
        while thread in self._became:
            thread = self._became[thread]
        return thread

    def keep(self) -> None:
        """Write what is new; afterwards every thread has its id."""
        self._session.flush()
        rows = [{"key": key, "thread_id": self.now(one).id} for key, one in self._new_keys.items()]
        if rows:
            self._session.execute(insert(MailThreadKey), rows)

    def _merged(self, into: MailThread, others: Sequence[MailThread]) -> MailThread:
        """Bring threads together; of what people chose for them the strictest counts."""
        self._session.flush()
        ids = [one.id for one in others]
        for table in (MailMessage, MailThreadKey):
            self._session.execute(update(table).where(table.thread_id.in_(ids)).values(thread_id=into.id))
        chosen = [one.visibility for one in (into, *others) if one.visibility]
        into.visibility = max(chosen, key=STRICTNESS.index) if chosen else ""
        for one in others:
            self._became[one] = into
            _forget(self._session, one, into)
        return into


def _forget(session: Session, thread: MailThread, into: MailThread | None = None) -> None:
    """Take a thread away with its row; what people noted on the row goes to the thread that it became."""
    row_id = thread.interaction_id
    if row_id is not None:
        if into is not None and into.interaction_id is not None:
            session.execute(
                update(Note).where(Note.interaction_id == row_id).values(interaction_id=into.interaction_id)
            )
        thread.interaction_id = None
        session.flush()
        session.execute(delete(Interaction).where(Interaction.id == row_id))
    session.delete(thread)
    session.flush()


# --- the row of a thread ------------------------------------------------------------------------------------------


def _entry(
    thread: MailThread,
    messages: Sequence[MailMessage],
    copies: Sequence[MailCopy],
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


def _visibility(thread: MailThread, copies: Sequence[MailCopy]) -> str:
    """Return who sees the content: what a person chose for the thread, else the strictest of its mailboxes."""
    if thread.visibility:
        return thread.visibility
    return max((copy.visibility for copy in copies), key=STRICTNESS.index, default="owner")


def _parts(messages: Sequence[MailMessage], users: Mapping[str, int], parties: Mapping[str, int]) -> list[Part]:
    """Return who from outside takes part: who wrote, else who was written to; each once."""
    roles: dict[str, str] = {}
    for row in messages:
        for address, role in _outside(row, users):
            if role == "sender" or address not in roles:
                roles[address] = role
    named = sorted(roles.items(), key=lambda one: one[0] not in parties)[:MOST_PEOPLE]
    return [Part(parties.get(address), role, EMAIL, address) for address, role in named]


def _outside(row: MailMessage, users: Mapping[str, int]) -> list[tuple[str, str]]:
    return [
        (one["address"], "sender" if role == "from" else "recipient")
        for role, some in row.people.items()
        if role != "reply_to"
        for one in some
        if one["address"] and one["address"] not in users
    ]


def _written(at: datetime) -> str:
    return at.isoformat()
