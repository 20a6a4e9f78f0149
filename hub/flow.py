"""The steps of a record, in order: kept -> mapped -> identified -> on the timeline -> outbox. Read this file first.

Every step is safe to repeat, and all of them are one transaction. A record that cannot be taken is set aside with
its reason (its own savepoint rolls back) and the next one goes on; `hub replay`, or a retry, takes it again.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session, defer

from hub.accounting import allocations, businesses, payments, sides, twins, whose
from hub.accounting import said as accounting_said
from hub.accounting import take as documents
from hub.accounting.models import DocumentRow, PaymentRow
from hub.connector.contract import Delivered
from hub.connector.stream import Written
from hub.cti import missed
from hub.cti.models import CallRow, LegRow
from hub.cti.payload import CALLS, to_payload
from hub.errors import MappingError, RecordError
from hub.fields import incoming
from hub.fields.incoming import Incoming
from hub.fields.models import Of
from hub.identity import in_step, link
from hub.identity.callers import PHONE
from hub.identity.models import NumberRule
from hub.identity.said import PartyFields, said
from hub.identity.transforms import TRANSFORMS
from hub.intake import accounts, receive
from hub.intake.models import Account, RawRecord, RawState, StreamState
from hub.intake.receive import NOWHERE, Shown
from hub.leads import said as leads_said
from hub.leads import spend
from hub.leads import take as leads
from hub.mail import take as mails
from hub.mapping import versions
from hub.mapping.apply import apply
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.load import read_folder
from hub.mapping.transforms import Context, Function, Registry
from hub.meetings import take as meetings
from hub.meetings.copies import MeetingFields
from hub.meetings.transforms import TRANSFORMS as MEETING_TRANSFORMS
from hub.messages import said as messages_said
from hub.messages import take as messages
from hub.outbound import outbox
from hub.outbound.plan import Subscriber, plan
from hub.records.call import Call, Direction
from hub.records.document import DOCUMENT, PAYMENT, Side
from hub.records.interaction import Interaction as Record
from hub.settings import Settings
from hub.store.among import among
from hub.store.base import now
from hub.store.turn import alongside, in_turn
from hub.tickets import said as tickets_said
from hub.tickets import take as tickets
from hub.timeline import history, notes
from hub.timeline.add import Entry, Part, Placed, add
from hub.timeline.models import Interaction, Kind, Note, Participant, Task

MAPPINGS = Path(__file__).parent.parent / "mappings"
HUB = "hub"  # folder of mappings for what the hub itself writes
IMPORTS = "imports"  # and for files that people bring
MADE_ID = "~"  # begins the id that a row of a file is given where it has none
PAGE = 500  # records of one transaction in a replay
# Without what nobody asks for on the way of a record.
_AGAIN = (
    select(RawRecord)
    .where(among(RawRecord.id, "ids", numbers=True), RawRecord.gone_at.is_(None))
    .order_by(RawRecord.id)
    .options(defer(RawRecord.public_id), defer(RawRecord.hash))
    .with_for_update()
)
MOST_KNOWN = 500  # mappings of administrators that a process remembers


@dataclass(frozen=True, slots=True)
class Flow:
    """What the steps need to know besides the record."""

    settings: Settings
    mappings: Mapping[tuple[str, str], RecordMapping]
    subscribers: Sequence[Subscriber] = ()
    _ledgers: frozenset[str] = field(init=False, default=frozenset())
    # What administrators' versions make of a shipped mapping, or why they make nothing: read once, for they never change.
    _written: dict[tuple[str, versions.Counting], RecordMapping | str] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        documents = ((of, mapping) for (of, _), mapping in self.mappings.items() if mapping.record == DOCUMENT)
        object.__setattr__(self, "_ledgers", frozenset(of for of, mapping in documents if "balance" in mapping.fields))

    def ledgers(self) -> frozenset[str]:
        """Return the connectors whose documents say what is still open; an e-invoice, for one, never does."""
        return self._ledgers

    def mapping(self, connector: str, stream: str) -> RecordMapping:
        """Return the mapping of a stream as it is shipped; what its records become never changes.

        Raises:
            MappingError: nobody wrote one.
        """
        kind = stream.partition(":")[0]
        found = self.mappings.get((connector, kind)) or self.mappings.get((HUB, kind))
        if found is None:
            raise MappingError(f"There is no mapping mappings/{connector}/{kind}.toml.")
        return found

    def present(self, session: Session, account: Account, stream: str) -> RecordMapping:
        """Return the mapping that counts for an account's records of a stream: see `docs/decisions/0027-mappings.md`.

        Raises:
            MappingError: there is none, or what an administrator wrote no longer fits.
        """
        found = self.present_ones(session, account, [stream])[stream]
        if isinstance(found, str):
            raise MappingError(found)
        return found

    def present_ones(
        self, session: Session, account: Account, streams: Collection[str]
    ) -> dict[str, RecordMapping | str]:
        """Return the mapping that counts for each of some streams, or why there is none; one look at the database."""
        kinds = {stream: stream.partition(":")[0] for stream in streams}
        counting = versions.counting(session, account.connector, set(kinds.values()), account.id) if kinds else {}
        return {
            stream: self._counts(session, account, stream, counting.get(kind, versions.NOTHING))
            for stream, kind in kinds.items()
        }

    def _counts(
        self, session: Session, account: Account, stream: str, counts: versions.Counting
    ) -> RecordMapping | str:
        try:
            shipped = self.mapping(account.connector, stream)
        except MappingError as error:
            return str(error)
        if counts == versions.NOTHING:
            return shipped
        key = (f"{account.connector} {shipped.sha256}", counts)
        found = self._written.get(key)  # looked up once: another thread may forget all of them at any moment
        if found is None:
            if len(self._written) >= MOST_KNOWN:
                self._written.clear()
            found = self._written[key] = _read_counting(session, counts, shipped)
        return found

    def contact_streams(self, connector: str) -> frozenset[str]:
        """Return which streams of a connector are contacts."""
        mine = ((stream, mapping) for (of, stream), mapping in self.mappings.items() if of == connector)
        return frozenset(stream for stream, mapping in mine if mapping.record == "party")

    def kind(self, connector: str, stream: str) -> str:
        """Return what kind of record a stream's mapping makes; empty where it has none."""
        try:
            return self.mapping(connector, stream).record
        except MappingError:
            return ""


def _read_counting(session: Session, counts: versions.Counting, shipped: RecordMapping) -> RecordMapping | str:
    try:
        return versions.read_counting(session, counts, shipped)
    except MappingError as error:
        return str(error)


def open_flow(
    settings: Settings,
    folder: Path = MAPPINGS,
    own: Mapping[str, Mapping[str, Function]] | None = None,
    connectors: Collection[str] | None = None,
) -> Flow:
    """Read all mappings; a wrong one stops the start and is named.

    Args:
        own: transforms that only one connector's mappings may name, by connector.
        connectors: those that are installed; None: whichever have mappings.
    """
    registries = {
        connector: Registry(TRANSFORMS, MEETING_TRANSFORMS, transforms) for connector, transforms in (own or {}).items()
    }
    only = None if connectors is None else {HUB, IMPORTS, *connectors}
    usual = Registry(TRANSFORMS, MEETING_TRANSFORMS)
    return Flow(settings, read_folder(folder, registries={"": usual, **registries}, only=only))


def take_calls(flow: Flow, session: Session, account: Account, finished: Sequence[tuple[Call, CallRow]]) -> None:
    """Take finished calls in: they become raw records like any others, and go the same way."""
    records = [Delivered(CALLS, row.key, to_payload(call)) for call, row in finished]
    kept = receive.keep_page(session, account.id, CALLS, records)
    process(flow, session, account, receive.rows(session, [one for one in kept if one.state != RawState.APPLIED]))


def take_written(flow: Flow, session: Session, account_id: int, records: str, written: Written) -> None:
    """Take a record in that the hub itself wrote, as the remote answered it; the sync will find nothing new in it.

    Without a payload the record is no more.
    """
    account = session.get_one(Account, account_id)
    if written.payload is None:
        where = (RawRecord.account_id == account.id, RawRecord.stream == records, RawRecord.gone_at.is_(None))
        query = select(RawRecord).where(*where, RawRecord.remote_id == written.remote_id).with_for_update()
        raws = session.scalars(query).all()
        for raw in raws:
            raw.gone_at = now()
        Taker(flow).gone(session, account, raws)
        return
    delivered = Delivered(records, written.remote_id, written.payload, written.version)
    shown = _shown(session, account, records, written)
    kept = receive.keep_page(session, account.id, records, [delivered], shown)
    process(flow, session, account, receive.rows(session, [one for one in kept if one.waits]))


def _shown(session: Session, account: Account, records: str, written: Written) -> Shown:
    """Return where the remote has a record, or the sync saw it: else a later pass would not miss it when it goes."""
    seen = select(RawRecord.container).where(
        RawRecord.account_id == account.id, RawRecord.stream == records, RawRecord.remote_id == written.remote_id
    )
    is_other, is_elsewhere = StreamState.stream != written.container, StreamState.stream != seen.scalar_subquery()
    states = session.execute(
        select(StreamState.stream, StreamState.epoch)
        .where(StreamState.account_id == account.id, StreamState.records == records)
        .order_by(is_other, is_elsewhere, StreamState.id)
    )
    state = states.first()
    return Shown(state.stream, state.epoch) if state is not None else NOWHERE


def process(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> int:
    """Take raw records of one account to the timeline and plan what must be written back.

    Returns:
        How many were taken; the others are set aside, the reason is in their rows.
    """
    kinds: dict[str, list[Mapped]] = defaultdict(list)
    alongside(session, _taking(account.id))  # before it is looked which mapping counts, see `wait_for_pages`
    mappings, context = flow.present_ones(session, account, {raw.stream for raw in raws}), context_of(flow, account)
    defined = incoming.load(session)
    for raw in raws:
        try:
            mapping = mappings[raw.stream]
            if isinstance(mapping, str):
                raise MappingError(mapping)
            if mapping.record not in KINDS:
                raise RecordError(f"no kind of record is called {mapping.record!r}")
            made = apply(mapping, raw.payload, context, record_id=raw.remote_id)
            values, fields = split(defined, mapping, made, context, raw.remote_id)
        except RecordError as error:
            _set_aside(raw, str(error))
        else:
            kinds[mapping.record].append(Mapped(raw, values, mapping, fields, defined))
    return sum(_take(flow, session, account, kind, batch) for kind, batch in kinds.items())


def split(
    defined: Incoming | None, mapping: RecordMapping, values: Mapping[str, Any], context: Context, record_id: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Part what a mapping made: the hub's own fields, and those that administrators defined, as they are kept.

    Raises:
        RecordError: one of these does not take its value.
    """
    if defined is None:
        return values, incoming.NOTHING
    return defined.split(mapping.record, values, region=context.region or "", record_id=record_id)


def values_of(
    flow: Flow, session: Session, account: Account, stream: str, payload: Mapping[str, Any], remote_id: str
) -> Mapping[str, Any]:
    """Return what the mapping that counts makes of a payload.

    Raises:
        MappingError: there is no mapping, or it cannot be mapped.
    """
    return apply(flow.present(session, account, stream), payload, context_of(flow, account), record_id=remote_id)


@dataclass(frozen=True, slots=True)
class Taker:
    """What a reader of streams hands its records to."""

    flow: Flow

    def take(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        """Take new and changed records to the timeline."""
        process(self.flow, session, account, raws)

    def gone(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        """Follow that records are no more at the remote."""
        for kind, some in self._by_kind(account, raws).items():
            KINDS[kind].lose(self.flow, session, account, some)

    def is_careful(self, account: Account, records: str) -> bool:
        """Say whether a person must agree before many records of a kind are gone: what somebody owes is."""
        return self.flow.kind(account.connector, records) in {DOCUMENT, PAYMENT}

    def withdraw(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        """Take back records that are not for the hub after all."""
        for kind, some in self._by_kind(account, raws).items():
            KINDS[kind].withdraw(self.flow, session, account, some)
        for raw in raws:
            session.execute(delete(Interaction).where(Interaction.raw_record_id == raw.id))
            session.delete(raw)

    def _by_kind(self, account: Account, raws: Sequence[RawRecord]) -> dict[str, list[RawRecord]]:
        kinds: dict[str, list[RawRecord]] = defaultdict(list)
        for raw in raws:
            kinds[self.flow.kind(account.connector, raw.stream)].append(raw)
        return {kind: some for kind, some in kinds.items() if kind in KINDS}


@dataclass(frozen=True, slots=True)
class Mapped:
    """A raw record, and what a mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]
    mapping: RecordMapping
    fields: Mapping[str, Any] = field(default_factory=dict)  # that administrators defined; None: it has nothing there
    defined: Incoming | None = None  # how they are read; None: there are none


def _take(flow: Flow, session: Session, account: Account, kind: str, batch: Sequence[Mapped]) -> int:
    """Take records of one kind together; where one of them cannot be taken, one by one, so that the others can."""
    for one in batch:
        if one.raw.error:
            one.raw.error = ""  # whoever filters one says here why
    try:
        with session.begin_nested():
            states = KINDS[kind].take(flow, session, account, batch)
    except RecordError as error:
        if len(batch) > 1:
            return sum(_take(flow, session, account, kind, [one]) for one in batch)
        _set_aside(batch[0].raw, str(error))
        return 0
    settled: dict[tuple[RawState, str], list[RawRecord]] = defaultdict(list)
    for one, state in zip(batch, states, strict=True):
        settled[state, one.mapping.sha256].append(one.raw)
    for (state, mapping_hash), some in settled.items():
        receive.settle(session, some, state, mapping_hash)
    return len(batch)


def _set_aside(raw: RawRecord, why: str) -> None:
    raw.attempts += 1
    raw.state, raw.error = RawState.SET_ASIDE, why[:1000]


def _calls(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put calls on the timelines of whoever they were with, and open or close missed calls."""
    query = select(CallRow).where(
        CallRow.account_id == account.id, CallRow.key.in_([one.raw.remote_id for one in batch])
    )
    if defined := _defined(batch, Of.CALL):  # somebody may be filling a field in at this moment
        query = query.order_by(CallRow.id).with_for_update().execution_options(populate_existing=True)
    rows = {row.key: row for row in session.scalars(query)}
    for one in batch:
        if one.raw.remote_id not in rows:
            raise RecordError(f"record {one.raw.remote_id}: its call is no longer there")
        if defined is not None:
            _fill(rows[one.raw.remote_id], one, defined)
    members = _members(session, account.id, list(rows.values()))
    ignored = _ignored(session, {row.number for row in rows.values()})
    missed.settle(session, [call for call in rows.values() if call.number not in ignored], members)
    states, shown = [], []
    for one in batch:
        call = rows[one.raw.remote_id]
        if _is_shown(flow, session, call):
            shown.append((call, one, _interaction(call, one.values, members[call.id])))
            states.append(RawState.APPLIED)
        else:
            states.append(RawState.FILTERED)
    entries = [Entry(record, _parts(call), one.raw.id) for call, one, record in shown]
    for (call, one, record), entry in zip(shown, add(session, entries, account_id=account.id), strict=True):
        call.interaction_id = entry.id
        _tell_others(flow, session, account, one.raw, entry, record)
    notes.place(session, {call.id: call.interaction_id for call, _, _ in shown if call.interaction_id is not None})
    return states


def _defined(batch: Sequence[Mapped], of: Of) -> Incoming | None:
    """Return how the fields of a kind of record come in, where there are any."""
    defined = batch[0].defined
    return defined if defined is not None and defined.has(of) else None


def _fill(call: CallRow, one: Mapped, defined: Incoming) -> None:
    """Give a call what its exchange says of the fields that administrators defined."""
    defaults, is_new = defined.defaults(Of.CALL), call.interaction_id is None
    after = incoming.merged(call.fields, call.fields_here, one.fields, defaults, is_new=is_new)
    if after != call.fields:
        call.fields = after


def _is_shown(flow: Flow, session: Session, call: CallRow) -> bool:
    if call.direction == Direction.INTERNAL and not flow.settings.calls.keep_internal:
        return False
    return not flow.settings.calls.leave_out_undocumented or _is_documented(session, call)


class CallFields(BaseModel):
    """What a mapping makes of a call; an administrator may have written it, so anything may come."""

    model_config = ConfigDict(extra="allow")
    direction: str = Field(min_length=1)
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    outcome: str | None = None
    reason: str | None = None
    did: str | None = None
    queue: str | None = None
    extensions: list[str] | None = None
    talk_s: float | None = None
    # The call's row knows these better.
    remote_id: object = Field(default=None, exclude=True)
    number: object = Field(default=None, exclude=True)
    name: object = Field(default=None, exclude=True)


def _call(values: Mapping[str, Any]) -> CallFields:
    """Read what a mapping made of a call.

    Raises:
        RecordError: it made something else of it.
    """
    try:
        return CallFields.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise RecordError(f"what the mapping makes of it is no call: {wrong}") from error


def _interaction(call: CallRow, values: Mapping[str, Any], members: Sequence[int]) -> Record:
    try:
        fields = _call(values)
    except RecordError as error:
        raise RecordError(f"record {call.key}: {error}") from error
    talk_s = fields.talk_s or 0.0
    # What the shipped mapping does not know an administrator may add: it goes into the detail as it is.
    extra = {key: value for key, value in (fields.model_extra or {}).items() if value is not None}
    detail = {
        "call": str(call.public_id),
        "outcome": fields.outcome or "",
        "reason": fields.reason or "",
        "number": call.number if not call.withheld else "",
        "did": fields.did or "",
        "queue": fields.queue or "",
        "talk_s": talk_s,
        "extensions": fields.extensions or [],
        "users": [call.user_id] if call.user_id else list(members),
        **to_jsonable_python(extra, fallback=str),
    }
    return Record(
        kind=Kind.CALL,
        direction=fields.direction,
        started_at=fields.started_at,
        ended_at=fields.ended_at,
        summary=_summary(fields.direction, fields.outcome or "", talk_s),
        mentions=(),
        detail=detail,
    )


def _summary(direction: str, outcome: str, talk_s: float) -> str:
    """Say it in English for programs; pages say it in their reader's language from the detail."""
    minutes, seconds = divmod(round(talk_s), 60)
    length = f", {minutes}:{seconds:02d}" if talk_s else ""
    return f"{direction.capitalize()} call, {outcome}{length}"


def _parts(call: CallRow) -> list[Part]:
    """Say who took part: one party, several to choose from (nobody yet), or nobody anybody knows."""
    role = "caller" if call.direction == Direction.INBOUND else "callee"
    if call.party_id is not None:
        return [Part(call.party_id, role, PHONE, call.number)]
    # A number that several hold is not kept for adoption: a person chooses.
    value = call.number if not call.candidates and not call.withheld else ""
    return [Part(None, role, PHONE if value else "", value)]


def _members(session: Session, account_id: int, calls: Sequence[CallRow]) -> dict[int, list[int]]:
    """Return the users whose phones rang or were offered each call; if none, those who use this exchange's phones."""
    query = select(LegRow.call_id, LegRow.user_id).where(LegRow.call_id.in_([call.id for call in calls]))
    rang: dict[int, set[int]] = defaultdict(set)
    for call_id, user_id in session.execute(query):
        if user_id is not None:
            rang[call_id].add(user_id)
    everyone = missed.everyone(session, account_id) if len(rang) < len(calls) else []
    return {call.id: sorted(rang[call.id]) or everyone for call in calls}


def _ignored(session: Session, numbers: AbstractSet[str]) -> AbstractSet[str]:
    query = select(NumberRule.value).where(NumberRule.value.in_(numbers - {""}), NumberRule.rule == "ignore")
    return set(session.scalars(query))


def _is_documented(session: Session, call: CallRow) -> bool:
    return bool(call.disposition) or missed.has_note(session, call.id)


def _tell_others(flow: Flow, session: Session, account: Account, raw: RawRecord, entry: Placed, record: Record) -> None:
    if not flow.subscribers:
        return
    payload = {
        "interaction": str(entry.public_id),
        "kind": record.kind,
        "summary": record.summary,
        "detail": dict(record.detail),
    }
    planned = plan(
        record.kind, str(entry.public_id), raw.version, payload, source=account.id, subscribers=flow.subscribers
    )
    outbox.store(session, planned)


# --- Meetings -----------------------------------------------------------------------------------------------------


def _meetings(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put meetings on the timelines of whoever from outside is in them."""
    given = [meetings.Given(one.raw, one.values) for one in batch]
    meetings.take(session, account, given, zone=_zone(flow, account))
    return [RawState.APPLIED] * len(batch)


def _lose_meetings(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    meetings.lose(session, raws, zone=_zone(flow, account))


def context_of(flow: Flow, account: Account) -> Context:
    """Return what transforms may know of an account."""
    return Context(_region(flow, account), _zone(flow, account), flow.settings.mail.private_labels)


def _zone(flow: Flow, account: Account) -> str:
    return account.time_zone or flow.settings.hub.time_zone


# --- Mail ---------------------------------------------------------------------------------------------------------


def _mails(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put conversations on the timelines of whoever from outside is in them."""
    del flow
    mails.take(session, account, [mails.Given(one.raw, one.values) for one in batch])
    return [RawState.APPLIED] * len(batch)


def _lose_mails(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow, account
    mails.lose(session, raws)


def _withdraw_mails(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow, account
    mails.withdraw(session, raws)


# --- Leads --------------------------------------------------------------------------------------------------------


def _leads(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put leads into the inbox, and on the timelines of whoever they are from."""
    given = [leads.Given(one.raw, one.values, one.fields) for one in batch]
    return leads.take(session, account, given, region=_region(flow, account), defined=batch[0].defined)


def _ad_spend(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Keep what campaigns cost."""
    del flow
    return spend.take(session, account, [spend.Given(one.raw, one.values) for one in batch])


# --- Messages -----------------------------------------------------------------------------------------------------


def _messages(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put messages into their conversations, and on the timelines of whoever they are with."""
    given = [messages.Given(one.raw, one.values) for one in batch]
    messages.take(session, account, given, region=_region(flow, account))
    return [RawState.APPLIED] * len(batch)


def _message_statuses(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Follow what became of messages that we sent."""
    given = [messages.Given(one.raw, one.values) for one in batch]
    messages.take_statuses(session, account, given, region=_region(flow, account))
    return [RawState.APPLIED] * len(batch)


def _withdraw_messages(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow, account
    messages.withdraw(session, raws)


# --- History of another system ------------------------------------------------------------------------------------


def _history(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put what an old system says happened on the timelines of whoever it was with."""
    given = [history.Given(one.raw, one.values) for one in batch]
    history.take(session, account, given, region=_region(flow, account))
    return [RawState.APPLIED] * len(batch)


def _files(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put files that an old system kept with customers on their timelines, each as a note."""
    given = [history.Given(one.raw, one.values) for one in batch]
    return history.take_files(session, account, given, region=_region(flow, account))


def _tasks(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Write down what an old system says is to be done."""
    given = [history.Given(one.raw, one.values) for one in batch]
    history.take_tasks(session, account, given, region=_region(flow, account))
    return [RawState.APPLIED] * len(batch)


def _lose_tasks(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow, account
    history.lose_tasks(session, raws)


def _withdraw_tasks(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow, account
    history.withdraw_tasks(session, raws)


# --- Accounting ---------------------------------------------------------------------------------------------------


def _businesses(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Write down what a ledger says of our legal entities."""
    del flow
    return businesses.take(session, account, [businesses.Given(one.raw, one.values) for one in batch])


def _lose_businesses(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    businesses.lose(session, account, raws)


def _documents(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put documents on the timelines of whoever they are for."""
    given = [documents.Given(one.raw, one.values, one.fields) for one in batch]
    contacts, defined = _contacts_of(flow, session, account), _defined(batch, Of.DOCUMENT)
    return documents.take(session, account, given, contacts=contacts, zone=_zone(flow, account), defined=defined)


def _lose_documents(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    documents.lose(session, account, raws)


def _withdraw_documents(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    documents.withdraw(session, account, raws)


def _payments(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put payments on the timelines of whoever paid or was paid."""
    given = [documents.Given(one.raw, one.values) for one in batch]
    contacts = _contacts_of(flow, session, account)
    return payments.take(session, account, given, contacts=contacts, zone=_zone(flow, account))


def _lose_payments(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    payments.lose(session, account, raws)


def _withdraw_payments(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    payments.withdraw(session, account, raws)


def _allocations(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Write down what was settled by what."""
    del flow
    return allocations.take(session, account, [allocations.Given(one.raw, one.values) for one in batch])


def _lose_allocations(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    allocations.lose(session, account, raws)


def _contacts_of(flow: Flow, session: Session, account: Account) -> whose.Contacts:
    """Say how the contacts of an account come in; what a document says of its customer goes the same way."""

    def take(said_by_documents: Sequence[Delivered]) -> None:
        kept = receive.keep_page(session, account.id, whose.OWN, said_by_documents)
        process(flow, session, account, receive.rows(session, [one for one in kept if one.waits]))

    return whose.Contacts(flow.contact_streams(account.connector), take)


# --- Tickets ------------------------------------------------------------------------------------------------------


def _tickets(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Put tickets on the timelines of whoever asked."""
    given = [tickets.Given(one.raw, one.values) for one in batch]
    return tickets.take(session, account, given, contacts=_contacts_of(flow, session, account))


def _lose_tickets(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    tickets.lose(session, account, raws)


# --- People and companies -----------------------------------------------------------------------------------------


def _parties(flow: Flow, session: Session, account: Account, batch: Sequence[Mapped]) -> list[RawState]:
    """Say whose contacts are: of customers who are there already, or of new ones."""
    given = [link.Given(one.raw, one.values, one.fields) for one in batch]
    both_ways = _both_ways(account, batch[0].mapping)
    first = in_step.is_first_pass(session, account, batch[0].raw.container or batch[0].raw.stream)
    states = link.take(
        session, account, given, region=_region(flow, account), both_ways=both_ways, first=first,
        apart=_are_apart(account, batch), more=incoming.of_parties(batch[0].defined),
    )  # fmt: skip
    streams = flow.contact_streams(account.connector)
    remote_ids = [one.raw.remote_id for one in batch]
    whose.adopt(session, account, remote_ids, streams)
    tickets.adopt(session, account, remote_ids, streams)
    return states


def _are_apart(account: Account, batch: Sequence[Mapped]) -> bool:
    """Say whether two records are two people: not so in a file whose rows have no ids of their own."""
    return account.connector != IMPORTS or any(not one.raw.remote_id.startswith(MADE_ID) for one in batch)


def take_shared(flow: Flow, session: Session, account_id: int, records: str, written: Written) -> None:
    """Take in a contact that we wrote or looked at to write it: whatever of it is news there counts here."""
    account = session.get_one(Account, account_id)
    delivered = Delivered(records, written.remote_id, written.payload or {}, written.version)
    shown = _shown(session, account, records, written)
    [raw] = receive.rows(session, receive.keep_page(session, account.id, records, [delivered], shown))
    alongside(session, _taking(account.id))
    mapping, region = flow.present(session, account, records), _region(flow, account)
    context, defined = context_of(flow, account), incoming.load(session)
    made = apply(mapping, raw.payload, context, record_id=raw.remote_id)
    values, fields = split(defined, mapping, made, context, raw.remote_id)
    both_ways, raw.error = _both_ways(account, mapping), ""
    [raw.state] = link.take(
        session, account, [link.Given(raw, values, fields)], region=region, both_ways=both_ways, writing=True,
        more=incoming.of_parties(defined),
    )  # fmt: skip
    raw.mapping_hash, raw.applied_at = mapping.sha256, now()


def keep_in_step(flow: Flow, session: Session, account: Account, stream: str) -> None:
    """Begin to keep the contacts of an address book in step, as they are now; those that are already stay as they are."""
    context, after = context_of(flow, account), 0
    mapping = flow.present_ones(session, account, [stream])[stream]
    if isinstance(mapping, str):
        return  # whoever wrote it is told by the records that wait
    while strangers := in_step.strangers(session, account, stream, after=after):
        ours = in_step.of_parties(session, {party for _, _, party in strangers})
        for one, raw, party in strangers:
            try:
                values = apply(mapping, raw.payload, context)
                in_step.begin(session, one, said(values), ours[party.id])
            except RecordError:
                continue  # it waits, visibly, and is kept in step when it could be read
        session.flush()
        after = strangers[-1][0].id


def _both_ways(account: Account, mapping: RecordMapping) -> AbstractSet[str]:
    """Return the fields of contacts that an account also writes to."""
    if not in_step.writes(account):
        return frozenset()
    return in_step.policies(mapping, "").keys()


def _region(flow: Flow, account: Account) -> str:
    return account.region or flow.settings.hub.region


def _lose_parties(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    del flow
    if in_step.writes(account):
        in_step.brake(session, account, raws)
    link.lose(session, account, raws)


def _withdraw_parties(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Forget who was there only because of these contacts; who has a history with us stays as a name."""
    del flow
    bare = link.withdraw(session, account, raws)
    link.erase(session, set(bare) - _with_history(session, bare))


def _with_history(session: Session, party_ids: Sequence[int]) -> set[int]:
    columns = (
        Participant.party_id, Note.party_id, Task.party_id, CallRow.party_id, DocumentRow.party_id, PaymentRow.party_id,
    )  # fmt: skip
    found = (session.scalars(select(column).where(column.in_(party_ids)).distinct()) for column in columns)
    return {party_id for some in found for party_id in some if party_id is not None}


class Take(Protocol):
    """Takes records of one kind to the timeline; each one's state says what became of it."""

    def __call__(
        self, flow: Flow, session: Session, account: Account, batch: Sequence[Mapped], /
    ) -> Sequence[RawState]: ...


class Lose(Protocol):
    """Follows that records of one kind are no more, or not for the hub."""

    def __call__(self, flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord], /) -> None: ...


def _nothing(flow: Flow, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """What is made of such a record stays."""


Reader = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done with records of one kind: new or changed, gone at the remote, not for the hub after all.

    Attributes:
        read: what the next step begins with, and what it refuses (RecordError) before it looks at anything else; pure.
        model: names the hub's fields of such a record.
    """

    take: Take
    lose: Lose = _nothing
    withdraw: Lose = _nothing
    read: Reader = field(kw_only=True)
    model: type[BaseModel] = field(kw_only=True)


def _document(values: Mapping[str, Any]) -> object:
    """Read a document; whose side of it is ours, where it does not say so, decides only who knows our legal entities."""
    is_undecided = sides.is_undecided(values)
    return accounting_said.document({**values, "side": str(Side.SALE)} if is_undecided else values)


# Where a source says no moment, the one that it came at counts; for reading alone any will do.
_ONCE = datetime(2000, 1, 1, tzinfo=UTC)

KINDS = {
    "ad_spend": Steps(_ad_spend, read=spend.said, model=spend.SpendFields),
    "allocation": Steps(
        _allocations, _lose_allocations, _lose_allocations,
        read=accounting_said.allocation, model=accounting_said.AllocationFields,
    ),
    "business": Steps(
        _businesses, _lose_businesses, read=accounting_said.business, model=accounting_said.BusinessFields
    ),
    "call": Steps(_calls, read=_call, model=CallFields),
    "document": Steps(
        _documents, _lose_documents, _withdraw_documents, read=_document, model=accounting_said.DocumentFields
    ),
    "file": Steps(_files, read=history.said_file, model=history.FileFields),
    "history": Steps(_history, read=history.said, model=history.HistoryFields),
    "lead": Steps(_leads, read=partial(leads_said.said, received_at=_ONCE), model=leads_said.LeadFields),
    "mail": Steps(_mails, _lose_mails, _withdraw_mails, read=mails.said, model=mails.MailFields),
    "meeting": Steps(_meetings, _lose_meetings, _lose_meetings, read=meetings.said, model=MeetingFields),
    "message": Steps(
        _messages, withdraw=_withdraw_messages,
        read=partial(messages_said.said, received_at=_ONCE), model=messages_said.MessageFields,
    ),
    "message_status": Steps(
        _message_statuses,
        read=partial(messages_said.said_status, received_at=_ONCE), model=messages_said.StatusFields,
    ),
    "party": Steps(_parties, _lose_parties, _withdraw_parties, read=said, model=PartyFields),
    "payment": Steps(
        _payments, _lose_payments, _withdraw_payments,
        read=accounting_said.payment, model=accounting_said.PaymentFields,
    ),
    "task": Steps(_tasks, _lose_tasks, _withdraw_tasks, read=history.said_task, model=history.TaskFields),
    "ticket": Steps(_tickets, _lose_tickets, read=tickets_said.said, model=tickets_said.TicketFields),
}  # fmt: skip


# --- Never again --------------------------------------------------------------------------------------------------


def remove(session: Session, account: Account) -> None:
    """Forget a connection and its secrets (`accounts.remove`); of debts that another one knows too, that one's count now."""
    twins.begin(session)
    accounts.remove(session, account)
    versions.let_go(session, account.id)
    session.flush()
    twins.settle_account(session, account.id)


# --- Again --------------------------------------------------------------------------------------------------------


def waiting(flow: Flow, session: Session, *, limit: int = PAGE) -> int:
    """Take records that were kept and not applied yet, such as those a person retries; returns how many."""
    query = (
        select(RawRecord)
        .where(RawRecord.state == RawState.KEPT, RawRecord.gone_at.is_(None), _is_mapped(flow))
        .order_by(RawRecord.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(query).all()
    for (account_id, _), some in groupby(rows, key=attrgetter("account_id", "stream")):  # as they came, page by page
        process(flow, session, session.get_one(Account, account_id), list(some))
    return len(rows)


def has_waiting(flow: Flow, session: Session) -> bool:
    """Say whether any record was kept and not applied yet."""
    query = select(RawRecord.id).where(RawRecord.state == RawState.KEPT, RawRecord.gone_at.is_(None), _is_mapped(flow))
    return session.scalar(query.limit(1)) is not None


def _is_mapped(flow: Flow) -> ColumnElement[bool]:
    """Say of which streams there is a mapping; others, such as what an exchange said, are not for the timeline."""
    return receive.is_of(*sorted({kind for _, kind in flow.mappings}))


def again(flow: Flow, account: Account, stream: str = "", since: datetime | None = None) -> ColumnElement[bool]:
    """Say which stored records a mapping is run over again.

    Args:
        stream: kind of records, all its containers with it, or one container's; empty: all of which there is a mapping.
        since: only what was received from then on.
    """
    which = (RawRecord.account_id == account.id) & RawRecord.gone_at.is_(None)
    which &= receive.is_of(stream) if stream else _is_mapped(flow)
    return which if since is None else which & (RawRecord.received_at >= since)


def wait_for_pages(session: Session, account_id: int) -> None:
    """Wait until whoever is taking records of an account in at this moment has committed.

    What they take in is mapped by what counted when they began, and nobody sees it before they commit.
    """
    in_turn(session, _taking(account_id))


def _taking(account_id: int) -> str:
    return f"taking in {account_id}"


def take_again(flow: Flow, session: Session, account: Account, ids: Sequence[int]) -> tuple[int, int]:
    """Run the present mapping over stored records.

    They are locked first: whoever takes a new payload of one in at this moment is waited for, and counts.

    Returns:
        How many were applied, and how many set aside.
    """
    rows = session.scalars(_AGAIN, {"ids": ids}).all()
    applied = process(flow, session, account, rows)
    return applied, len(rows) - applied


def retry(session: Session, raw: RawRecord) -> None:
    """Let a record that was set aside be taken again by the next worker that looks."""
    session.execute(
        update(RawRecord)
        .where(RawRecord.id == raw.id, RawRecord.state == RawState.SET_ASIDE)
        .values(state=RawState.KEPT, error="")
    )
