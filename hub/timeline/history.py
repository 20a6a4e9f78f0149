"""What an old system says of the past and of what is still to be done: its interactions and tasks, with whom by its own ids.

Whose a record is follows from the links of the people and companies that came from the same account, else from a number
or an address that exactly one customer holds. A number that nobody is known for is kept for the day somebody is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from hub.connector.crm import CONTACTS
from hub.errors import RecordError
from hub.identity import link
from hub.identity.callers import PHONE
from hub.identity.email import read_email
from hub.identity.models import Party, PartyStatus
from hub.identity.parties import EMAIL, holders_of
from hub.identity.phone import PhoneContext, read
from hub.identity.said import LONGEST_TEXT, line
from hub.intake.models import Account, RawRecord, RawState
from hub.records.interaction import Interaction as Record
from hub.security.models import User
from hub.store.base import now
from hub.timeline import index, notes, questions, shared_tasks
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind, Note, NoteFile, Task, TaskKind, TaskSource
from hub.timeline.shared_tasks import ELSEWHERE

# Streams of an account whose ids its history names: people lie in the first of an old system, in the second of a CRM.
PEOPLE, COMPANIES = "people", "companies"
STREAMS_OF_PEOPLE = (PEOPLE, CONTACTS)
LONGEST_SUMMARY = 200
LONGEST_TITLE = 500
CUSTOMER = "customer"
REMOVED = "removed"  # why a file is left out that was here: somebody deleted its note
_SOME = 500
_Model = TypeVar("_Model", bound=BaseModel)


class PastKind(StrEnum):
    """What can have happened."""

    CALL = Kind.CALL
    EMAIL = Kind.EMAIL
    MEETING = Kind.MEETING
    NOTE = Kind.NOTE
    MESSAGE = Kind.MESSAGE
    QUESTION = "question"  # a note that somebody has to answer; with an end it was


class PastDirection(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


_Texts = Annotated[list[str], BeforeValidator(lambda value: value or [])]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)
    remote_id: str = Field(min_length=1)
    people: _Texts = []
    companies: _Texts = []
    phones: _Texts = []
    user: UUID | None = None


class HistoryFields(_Fields):
    """What a mapping may make of something that happened."""

    kind: PastKind
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    direction: PastDirection | None = None
    summary: str | None = None
    body: str | None = None
    emails: _Texts = []
    owner: str | None = None
    source_url: str | None = None


class TaskFields(_Fields):
    """What a mapping may make of something to be done."""

    title: str = Field(min_length=1)
    due_at: AwareDatetime | None = None
    done_at: AwareDatetime | None = None


class FileFields(HistoryFields):
    """What a mapping may make of a file that was kept with somebody."""

    kind: PastKind = PastKind.NOTE
    name: str = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    media_type: str


@dataclass(frozen=True, slots=True)
class Given:
    """A record: as it was kept, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


def said(values: Mapping[str, Any]) -> HistoryFields:
    """Read what a mapping made of something that happened.

    Raises:
        RecordError: it made something else of it.
    """
    return _read(HistoryFields, values, "interaction")


def said_task(values: Mapping[str, Any]) -> TaskFields:
    """Read what a mapping made of something to be done.

    Raises:
        RecordError: it made something else of it.
    """
    return _read(TaskFields, values, "task")


def said_file(values: Mapping[str, Any]) -> FileFields:
    """Read what a mapping made of a file.

    Raises:
        RecordError: it made something else of it.
    """
    return _read(FileFields, values, "file")


def take(session: Session, account: Account, given: Sequence[Given], *, region: str) -> None:
    """Put what happened on the timelines of whoever it was with; safe to repeat.

    Raises:
        RecordError: one of them is nothing that happened, or with somebody whom the account never named.
    """
    several = [(one.raw, said(one.values)) for one in given]
    who = _Who(session, account, [fields for _, fields in several], region)
    users = _users(session, [fields.user for _, fields in several])
    entries = [
        Entry(_record(fields), who.parts(raw, fields), raw.id, owner_id=users.get(fields.user))
        for raw, fields in several
    ]
    placed = add(session, entries, account_id=account.id)
    asked = [
        (row.id, fields, entry)
        for row, (_, fields), entry in zip(placed, several, entries, strict=True)
        if fields.kind is PastKind.QUESTION
    ]
    if asked:
        _ask(session, asked)


def _ask(session: Session, asked: Sequence[tuple[int, HistoryFields, Entry]]) -> None:
    """Write the notes that are questions; with what somebody here went on with nothing is done."""
    known = {note.interaction_id: note for note in _notes_on(session, [number for number, _, _ in asked])}
    for number, fields, entry in asked:
        note = known.get(number) or Note(interaction_id=number, text="")
        if note.id is not None and note.changed_at != note.created_at:
            question = questions.ask(session, note)
            questions.show(session, note, question)  # the row was written anew without it
            continue
        note.party_id = note.party_id or next((part.party_id for part in entry.parts), None)
        body = (fields.body or "").replace("\r\n", "\n").replace("\x00", "").strip()
        note.text = (body or line(fields.summary))[:LONGEST_TEXT]
        note.author_id, note.created_at, note.changed_at = entry.owner_id, fields.started_at, fields.started_at
        flag_modified(note, "changed_at")  # else it would be set to now where it is the same
        session.add(note)
        session.flush()
        question = questions.ask(session, note, closed_at=fields.ended_at)
        question.closed_at = fields.ended_at
        questions.show(session, note, question)
    index.refresh(session, [number for number, _, _ in asked])


def take_files(session: Session, account: Account, given: Sequence[Given], *, region: str) -> list[RawState]:
    """Put files on the timelines of whoever they are about, each as a note of its day; safe to repeat.

    The bytes are on the shelf before the transaction commits: whoever brings them sees to it. What a person changed of a
    note stays, and what a person deleted does not come back; another file under the same id is put beside the first.

    Raises:
        RecordError: one of them is no file, or of somebody whom the account never named.
    """
    several = [(one.raw, said_file(one.values)) for one in given]
    who = _Who(session, account, [fields for _, fields in several], region)
    users = _users(session, [fields.user for _, fields in several])
    query = select(Interaction.raw_record_id, Interaction.detail)
    rows = session.execute(query.where(Interaction.raw_record_id.in_([raw.id for raw, _ in several])))
    before = {row.raw_record_id: row.detail.get("file") for row in rows}
    states = []
    taken: list[tuple[RawRecord, FileFields, Entry]] = []
    for raw, fields in several:
        if raw.applied_at is not None and raw.id not in before:
            raw.error = REMOVED
            states.append(RawState.FILTERED)
            continue
        record, parts = (
            _record(fields.model_copy(update={"summary": fields.summary or fields.name})),
            who.parts(raw, fields),
        )
        record = replace(record, detail={**record.detail, "file": fields.sha256})
        taken.append((raw, fields, Entry(record, parts, raw.id, owner_id=users.get(fields.user))))
        states.append(RawState.APPLIED)
    placed = add(session, [entry for _, _, entry in taken], account_id=account.id)
    known = {note.interaction_id: note for note in _notes_on(session, [row.id for row in placed])}
    for row, (raw, fields, entry) in zip(placed, taken, strict=True):
        note = known.get(row.id) or Note(interaction_id=row.id, text="")
        if note.id is None or note.changed_at == note.created_at:  # nobody here went on with it
            note.party_id = note.party_id or next((part.party_id for part in entry.parts), None)
            note.text = (fields.summary or "").replace("\x00", "").strip()[:LONGEST_TEXT]
            note.author_id, note.created_at, note.changed_at = entry.owner_id, fields.started_at, fields.started_at
            flag_modified(note, "changed_at")  # else it would be set to now where it is the same
            session.add(note)
        session.flush()
        if before.get(raw.id) != fields.sha256:
            _put_with(session, note, fields)
        notes.tell(session, note)
    return states


def _notes_on(session: Session, interaction_ids: Sequence[int]) -> Sequence[Note]:
    return session.scalars(select(Note).where(Note.interaction_id.in_(interaction_ids))).all()


def _put_with(session: Session, note: Note, fields: FileFields) -> None:
    same = select(NoteFile.id).where(NoteFile.note_id == note.id, NoteFile.sha256 == fields.sha256)
    if session.scalar(same.limit(1)) is None:
        session.add(
            NoteFile(
                note_id=note.id, name=fields.name, media_type=fields.media_type, size=fields.size, sha256=fields.sha256,
                created_at=fields.started_at,
            )
        )  # fmt: skip
        session.flush()


def files_of(session: Session, raw_ids: Sequence[int]) -> Sequence[NoteFile]:
    """Return the files of the notes that were made of raw records."""
    query = select(NoteFile).join(Note, Note.id == NoteFile.note_id)
    query = query.join(Interaction, Interaction.id == Note.interaction_id)
    return session.scalars(query.where(Interaction.raw_record_id.in_(raw_ids))).all()


def drop_files(session: Session, which: Mapping[int, str]) -> None:
    """Take files away, by their hashes, from the notes that were made of raw records."""
    for raw_id, sha256 in which.items():
        for file in files_of(session, [raw_id]):
            if file.sha256 == sha256:
                session.delete(file)
    session.flush()


def take_tasks(session: Session, account: Account, given: Sequence[Given], *, region: str) -> None:
    """Write down what is to be done, or bring it up to date; what a person here ticked off stays so.

    Raises:
        RecordError: one of them is nothing to be done, or with somebody whom the account never named.
    """
    several = [(one.raw, said_task(one.values)) for one in given]
    who = _Who(session, account, [fields for _, fields in several], region)
    users = _users(session, [fields.user for _, fields in several])
    known = tasks_of(session, [raw.id for raw, _ in several])
    shared = shared_tasks.of_records(session, account.id, {raw.remote_id: _title(fields) for raw, fields in several})
    made: list[tuple[RawRecord, Task]] = []
    for raw, fields in several:
        if (ours := shared.get(raw.remote_id)) is not None:
            told = shared_tasks.Told(_title(fields), fields.due_at, done=fields.done_at is not None)
            shared_tasks.hear(ours, told, fields.done_at, raw.etag)
            continue
        parts = who.parts(raw, fields)
        task = known.get(raw.id)
        if task is None:
            task = Task(kind=TaskKind.FOLLOW_UP, due_at=fields.due_at or now())
            made.append((raw, task))
        task.title = _title(fields)
        task.due_at = fields.due_at or task.due_at
        task.party_id = next((one.party_id for one in parts if one.party_id is not None), task.party_id)
        task.number = next((one.value for one in parts if one.identifier_kind == PHONE), task.number) or ""
        task.owner_id = users.get(fields.user) or task.owner_id
        if task.done_by is None and task.done_at != fields.done_at:
            task.done_at, task.done_reason = fields.done_at, ELSEWHERE if fields.done_at else ""
    session.add_all(task for _, task in made)
    session.flush()
    session.add_all(TaskSource(raw_record_id=raw.id, task_id=task.id) for raw, task in made)
    session.flush()


def _title(fields: TaskFields) -> str:
    return line(fields.title)[:LONGEST_TITLE]


def lose_tasks(session: Session, raws: Sequence[RawRecord]) -> None:
    """Follow that another system has tasks no more: there they are over, or nobody wants them."""
    shared_tasks.lose(session, raws, tasks_of(session, [raw.id for raw in raws]))


def withdraw_tasks(session: Session, raws: Sequence[RawRecord]) -> None:
    """Take tasks back that were made of raw records."""
    for task in tasks_of(session, [raw.id for raw in raws]).values():
        session.execute(delete(TaskSource).where(TaskSource.task_id == task.id))
        session.delete(task)
    session.flush()


def tasks_of(session: Session, raw_ids: Sequence[int]) -> dict[int, Task]:
    """Return the tasks that were made of raw records."""
    query = select(TaskSource.raw_record_id, Task).join(Task, Task.id == TaskSource.task_id)
    return {row[0]: row[1] for row in session.execute(query.where(TaskSource.raw_record_id.in_(raw_ids)))}


def touched(session: Session, raw_ids: Sequence[int]) -> set[int]:
    """Return the raw records of which somebody here went on with what was made: a note on it, a task ticked off."""
    # A note that came with a record is somebody's work once it was changed.
    is_ours = (Interaction.kind != Kind.NOTE) | (Note.changed_at != Note.created_at)
    noted = select(Interaction.raw_record_id).where(
        Interaction.raw_record_id.in_(raw_ids), exists().where(Note.interaction_id == Interaction.id, is_ours)
    )
    ticked = (
        select(TaskSource.raw_record_id)
        .join(Task, Task.id == TaskSource.task_id)
        .where(TaskSource.raw_record_id.in_(raw_ids), Task.done_by.is_not(None))
    )
    return {one for query in (noted, ticked) for one in session.scalars(query) if one is not None}


def linked(session: Session, account_id: int, stream: str, remote_ids: Iterable[str]) -> dict[str, int]:
    """Return the parties, as they are now after all merges, of records that came from an account."""
    found = link.whose(session, account_id, stream, set(remote_ids))
    present = _present(session, set(found.values()))
    return {remote_id: present[party] for remote_id, party in found.items() if party in present}


def _present(session: Session, party_ids: set[int]) -> dict[int, int]:
    """Return the parties that some are now; those that were erased are left out."""
    now_at = {one: one for one in party_ids}
    asked = set(party_ids)
    gone: set[int] = set()
    while asked:
        query = select(Party.id, Party.merged_into, Party.status).where(Party.id.in_(sorted(asked)))
        rows = {row.id: row for row in session.execute(query)}
        gone |= {one for one in asked if one not in rows or rows[one].status == PartyStatus.ERASED}
        moved = {one: row.merged_into for one, row in rows.items() if row.merged_into is not None}
        now_at = {one: moved.get(at, at) for one, at in now_at.items()}
        asked = set(moved.values())
    return {one: at for one, at in now_at.items() if at not in gone}


class _Who:
    """Whom records of a page name, looked up together."""

    def __init__(self, session: Session, account: Account, several: Sequence[_Fields], region: str) -> None:
        self._context = PhoneContext(region=region or None)
        named: dict[str, set[str]] = defaultdict(set)
        for fields in several:
            for stream in STREAMS_OF_PEOPLE:
                named[stream].update(fields.people)
            named[COMPANIES].update(fields.companies)
        self._linked = {stream: linked(session, account.id, stream, ids) for stream, ids in named.items()}
        phones = {one for fields in several for raw in fields.phones for one in self._phones(raw)}
        emails = {one for fields in several for one in self._emails(fields)}
        self._held = {
            PHONE: holders_of(session, PHONE, phones) if phones else {},
            EMAIL: holders_of(session, EMAIL, emails) if emails else {},
        }

    def parts(self, raw: RawRecord, fields: _Fields) -> list[Part]:
        found: dict[int, Part] = {}
        unknown: list[str] = []
        for streams, ids in ((STREAMS_OF_PEOPLE, fields.people), ((COMPANIES,), fields.companies)):
            for one in ids:
                known = (self._linked[stream].get(one) for stream in streams)
                party = next((party for party in known if party is not None), None)
                if party is None:
                    unknown.append(one)
                else:
                    found.setdefault(party, Part(party, CUSTOMER, "", ""))
        values = [(PHONE, one) for written in fields.phones for one in self._phones(written)]
        values += [(EMAIL, one) for one in self._emails(fields)]
        strangers = []
        for kind, value in values:
            party = self._held[kind].get(value)
            if party is None:
                strangers.append(Part(None, CUSTOMER, kind, value))
            elif party not in found:
                found[party] = Part(party, CUSTOMER, kind, value)
        if not found and unknown:
            raise RecordError(f"record {raw.remote_id}: nobody of the id {unknown[0][:100]!r} came from this account")
        return list(found.values()) or strangers

    def _phones(self, written: str) -> list[str]:
        return [phone.key for phone in read(written, self._context).phones]

    @staticmethod
    def _emails(fields: _Fields) -> list[str]:
        written = fields.emails if isinstance(fields, HistoryFields) else ()
        return [email.address for one in written if (email := read_email(one)) is not None]


def _record(fields: HistoryFields) -> Record:
    body = (fields.body or "").replace("\r\n", "\n").replace("\x00", "")[:LONGEST_TEXT].strip()
    summary = line(fields.summary) or line(body.partition("\n")[0])
    extra = {name: value for name, value in (fields.model_extra or {}).items() if value not in (None, "", [], {})}
    detail: dict[str, Any] = {"by": line(fields.owner), "text": "" if body == summary else body}
    url = line(fields.source_url)
    return Record(
        kind=Kind.NOTE if fields.kind is PastKind.QUESTION else fields.kind.value,
        direction=fields.direction.value if fields.direction else "",
        started_at=fields.started_at,
        ended_at=fields.ended_at,
        summary=summary[:LONGEST_SUMMARY],
        mentions=(),
        source_url=url if url.startswith(("https://", "http://")) else "",
        detail={
            **{name: value for name, value in detail.items() if value},
            **to_jsonable_python(extra, fallback=str),
        },
    )


def _users(session: Session, ids: Iterable[UUID | None]) -> dict[UUID | None, int]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    return {
        row.public_id: row.id
        for row in session.execute(select(User.public_id, User.id).where(User.public_id.in_(wanted)))
    }


def _read(model: type[_Model], values: Mapping[str, Any], what: str) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors()[:5])
        raise RecordError(f"what the mapping makes of it is no {what}: {wrong}") from error
