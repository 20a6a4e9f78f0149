"""Mappings that administrators write over the shipped ones: a draft, the version that is live, and those that were.

A draft changes, is published whole or not at all, and from then on never changes again. What is published always fits: it can
be read, and every overlay of an account that fitted before fits on top of it. Each step is one transaction with its line in
the audit, so a process that dies leaves the step before it or the step done. Records are mapped by what is live in the
transaction that maps them (`counting`): a published version counts at once, in every process.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from hub.errors import MappingError, NotFoundError, UserError
from hub.mapping import overlay
from hub.mapping.load import LARGEST_FILE, BadMappingError, Mapping, Problem, sha256_of
from hub.mapping.models import MappingVersion, Status
from hub.mapping.overlay import Written
from hub.mapping.written import document_text, overlay_text
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.turn import in_turn

DRAFT_NUMBER = 0  # so the database itself keeps a second draft of a scope out; it gets its number when it is published
DEEPEST = 30  # a document within a document within ...
LONGEST_NOTE = 1000


@dataclass(frozen=True, slots=True)
class Scope:
    """What a version is for: a stream of every account of a connector, or of one account (an overlay)."""

    connector: str
    stream: str  # kind of records, without a container
    account_id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stream", self.stream.partition(":")[0])

    @property
    def key(self) -> str:
        """What the table calls it among those of the stream."""
        return "" if self.account_id is None else str(self.account_id)

    @property
    def is_overlay(self) -> bool:
        """Whether it is for one account, on top of what counts for all."""
        return self.account_id is not None


class DraftChangedError(UserError):
    """Somebody else saved or published since this person looked; nothing was done.

    Args:
        newer: what there is now, apart from any session; None: the draft is gone and nothing is live.
    """

    def __init__(self, newer: MappingVersion | None) -> None:
        super().__init__(
            "Somebody changed this mapping meanwhile. Look at what it is now and make your changes again.",
            error_id="draft_changed",
        )
        self.newer = newer


class UnfitError(UserError):
    """This cannot become live; `problems` says everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), error_id="bad_mapping")
        self.problems = tuple(problems)


# --- looking ------------------------------------------------------------------------------------------------------


def all_of(session: Session, scope: Scope) -> Sequence[MappingVersion]:
    """Return all versions of a scope, the draft first and then the newest first."""
    query = _of(scope).order_by(MappingVersion.number != DRAFT_NUMBER, MappingVersion.number.desc())
    return session.scalars(query).all()


def live(session: Session, scope: Scope) -> MappingVersion | None:
    """Return the version that records are mapped by; None: the shipped mapping counts, or no overlay."""
    return session.scalar(_of(scope).where(MappingVersion.status == Status.LIVE))


def draft(session: Session, scope: Scope) -> MappingVersion | None:
    """Return what is being written, if anything is."""
    return session.scalar(_of(scope).where(MappingVersion.number == DRAFT_NUMBER))


def numbered(session: Session, scope: Scope, number: int) -> MappingVersion:
    """Return one version that was published.

    Raises:
        NotFoundError: there is none of this number.
    """
    found = session.scalar(_of(scope).where(MappingVersion.number == number)) if number > DRAFT_NUMBER else None
    if found is None:
        raise NotFoundError(f"There is no version {number} of this mapping.")
    return found


def newest(session: Session, scope: Scope) -> MappingVersion | None:
    """Return what somebody who goes on writing begins with: the draft, else what is live."""
    return draft(session, scope) or live(session, scope)


def seen(session: Session, scope: Scope) -> str:
    """Return what `save_draft` wants to hear from who looks now: the hash of `newest`, empty where there is nothing."""
    found = newest(session, scope)
    return "" if found is None else found.sha256


def everything(session: Session) -> Sequence[MappingVersion]:
    """Return all drafts and all versions that are live, of every scope."""
    query = select(MappingVersion).where(MappingVersion.status.in_([Status.DRAFT, Status.LIVE]))
    names = (MappingVersion.connector, MappingVersion.stream, MappingVersion.scope, MappingVersion.number)
    return session.scalars(query.order_by(*names)).all()


# --- drafts -------------------------------------------------------------------------------------------------------


def save_draft(
    session: Session, person: Person | None, scope: Scope, document: Any, *, base: MappingOf[str, Any], note: str = "",
    expected_sha: str = "",
) -> MappingVersion:  # fmt: skip
    """Keep what a person writes; it may be unfinished, and counts for no record.

    Args:
        document: plain JSON: a whole mapping, or an overlay `{"fields": ...}`.
        base: the document that it is written over: the shipped one; of an overlay what counts under it.
        expected_sha: what the person looked at before: `seen` at that time.

    Raises:
        DraftChangedError: somebody else saved or published since then.
        UserError: it is no document that can be kept.
    """
    kept = _fit_to_keep(document, scope)
    sha256 = sha256_of(kept)
    _in_turn(session, scope)
    row, before = draft(session, scope), newest(session, scope)
    if expected_sha != ("" if before is None else before.sha256) and not (row is not None and row.sha256 == sha256):
        raise _changed(session, before)
    if row is None:
        row = MappingVersion(
            connector=scope.connector, stream=scope.stream, account_id=scope.account_id, scope=scope.key,
            number=DRAFT_NUMBER, status=Status.DRAFT, sha256="",
        )  # fmt: skip
        session.add(row)
    is_news = row.sha256 != sha256
    row.document, row.base, row.sha256, row.note = kept, dict(base), sha256, note.strip()[:LONGEST_NOTE]
    if is_news:
        row.made_by = _id(person)
        _tell(session, person, "mapping.drafted", scope, sha256=sha256)
    session.flush()
    return row


def discard_draft(session: Session, person: Person | None, scope: Scope, expected_sha: str | None = None) -> None:
    """Throw the draft away; none is as good.

    Args:
        expected_sha: of the draft that the person saw; None: whatever it is.

    Raises:
        DraftChangedError: it is another one by now.
    """
    _in_turn(session, scope)
    row = draft(session, scope)
    if row is None:
        return
    if expected_sha is not None and row.sha256 != expected_sha:
        raise _changed(session, row)
    session.delete(row)
    _tell(session, person, "mapping.discarded", scope, sha256=row.sha256)
    session.flush()


# --- what counts --------------------------------------------------------------------------------------------------


def publish(
    session: Session, person: Person | None, scope: Scope, expected_sha: str, *, shipped: Mapping
) -> MappingVersion:
    """Make the draft live; the version that was live is retired.

    Args:
        expected_sha: of the draft that the person saw and agreed to.
        shipped: the mapping of the stream as it is shipped (`Flow.mapping`).

    Raises:
        DraftChangedError: it is another draft by now, or was published by somebody else.
        UnfitError: it cannot count as it is.
    """
    _in_turn(session, scope)
    row = draft(session, scope)
    if row is None or row.sha256 != expected_sha:
        raise _changed(session, row or live(session, scope))
    former = live(session, scope)
    if former is not None and former.sha256 == row.sha256:
        raise UserError(f"This is what version {former.number} says already.", error_id="unchanged")
    fitting(session, scope, row.document, shipped=shipped)
    _promote(session, person, scope, row, former)
    _tell(session, person, "mapping.published", scope, number=row.number, sha256=row.sha256, note=row.note)
    session.flush()
    return row


def restore(session: Session, person: Person | None, scope: Scope, number: int, *, shipped: Mapping) -> MappingVersion:
    """Make a new live version that says what an older one said; a draft stays as it is.

    Raises:
        NotFoundError: there is none of this number.
        UnfitError: it no longer fits.
        UserError: it is the one that is live.
    """
    _in_turn(session, scope)
    older, former = numbered(session, scope, number), live(session, scope)
    if former is not None and former.sha256 == older.sha256:
        raise UserError(f"This is what version {former.number} says already.", error_id="unchanged")
    fitting(session, scope, older.document, shipped=shipped)
    row = MappingVersion(
        connector=scope.connector, stream=scope.stream, account_id=scope.account_id, scope=scope.key,
        document=older.document, base=older.base, sha256=older.sha256, note=older.note, made_by=_id(person),
    )  # fmt: skip
    _promote(session, person, scope, row, former)
    session.add(row)
    _tell(session, person, "mapping.restored", scope, number=row.number, sha256=row.sha256, restored=number)
    session.flush()
    return row


def use_shipped(session: Session, person: Person | None, scope: Scope, *, shipped: Mapping) -> None:
    """Let the shipped mapping count again, or an account go without its overlay; what is so already is as good.

    Raises:
        UnfitError: an account's overlay would no longer fit.
    """
    _in_turn(session, scope)
    former = live(session, scope)
    if former is None:
        return
    if not scope.is_overlay:
        _overlays_must_fit(session, scope, shipped, shipped)
    former.status = Status.RETIRED
    _tell(session, person, "mapping.shipped", scope, retired=former.number)
    session.flush()


def let_go(session: Session, account_id: int) -> None:
    """Follow that an account is removed: its overlays count no more, and stand in nobody's way."""
    of_account = (MappingVersion.account_id == account_id, MappingVersion.status != Status.RETIRED)
    session.execute(delete(MappingVersion).where(*of_account, MappingVersion.number == DRAFT_NUMBER))
    session.execute(update(MappingVersion).where(*of_account).values(status=Status.RETIRED))


def fitting(
    session: Session, scope: Scope, document: Any, *, shipped: Mapping, account_id: int | None = None
) -> Mapping:
    """Return the mapping that would count if a document were live; of an overlay with what is under it.

    Args:
        account_id: of a version of the whole connector: for the records of this account, with its overlay on top.

    Raises:
        UnfitError: it does not fit; also if an account's overlay that fits now would not fit on top of it.
    """
    try:
        if scope.is_overlay:
            under = overlay.effective(shipped, whole_of(session, scope))
            found = overlay.read_over(under, document, name=f"{shipped.file} (draft)")
            overlay_text(document, stream=shipped.stream, record=shipped.record)
            return found
        found = overlay.read_whole(shipped, document, name=f"{shipped.file} (draft)")
        document_text(document)
    except BadMappingError as error:
        raise UnfitError(error.problems) from error
    except ValueError as error:  # there is no text of it, so nobody could take it along
        raise UnfitError([Problem(shipped.file, "", str(error))]) from error
    _overlays_must_fit(session, scope, shipped, found)
    own = live(session, Scope(scope.connector, scope.stream, account_id)) if account_id is not None else None
    try:
        return found if own is None else overlay.read_over(found, own.document, name=_named(own))
    except BadMappingError as error:
        raise UnfitError(error.problems) from error


def whole_of(session: Session, scope: Scope) -> Written | None:
    """Return the live version of the whole connector, which an overlay stands on."""
    row = live(session, Scope(scope.connector, scope.stream))
    return None if row is None else Written(row.number, row.document)


def under(session: Session, scope: Scope, *, shipped: Mapping) -> dict[str, Any]:
    """Return the document that a version of this scope is written over: its `base`."""
    whole = whole_of(session, scope) if scope.is_overlay else None
    found = shipped.as_json() if whole is None else dict(whole.document)
    return overlay.in_order(found, shipped.as_json())


def _promote(
    session: Session, person: Person | None, scope: Scope, row: MappingVersion, former: MappingVersion | None
) -> None:
    last = select(func.max(MappingVersion.number)).where(*_where(scope))
    if former is not None:
        former.status = Status.RETIRED
    row.number, row.status = (session.scalar(last) or 0) + 1, Status.LIVE
    row.published_by, row.published_at = _id(person), now()


def _overlays_must_fit(session: Session, scope: Scope, shipped: Mapping, wanted: Mapping) -> None:
    """Refuse what would set records of accounts aside whose overlays are fine as it is."""
    query = select(MappingVersion).where(
        MappingVersion.connector == scope.connector, MappingVersion.stream == scope.stream,
        MappingVersion.status == Status.LIVE,
    )  # fmt: skip
    rows = session.scalars(query).all()
    whole = next((Written(row.number, row.document) for row in rows if not row.scope), None)
    problems: list[Problem] = []
    for row in (row for row in rows if row.scope):
        would = _problems(partial(overlay.read_over, wanted, row.document, name=_named(row)))
        if would and not _problems(partial(overlay.effective, shipped, whole, Written(row.number, row.document))):
            problems += would
    if problems:
        raise UnfitError(problems)


def _problems(read: Callable[[], Mapping]) -> Sequence[Problem]:
    try:
        read()
    except BadMappingError as error:
        return error.problems
    return ()


def _named(row: MappingVersion) -> str:
    return f"{row.connector}/{row.stream}, version {row.number} of account {row.scope}"


# --- for records --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ref:
    """A live version, without what it says."""

    id: int
    number: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts over a shipped mapping; nothing: the shipped one counts as it is."""

    whole: Ref | None = None
    own: Ref | None = None


NOTHING = Counting()
_COUNTING = select(
    MappingVersion.stream, MappingVersion.scope, MappingVersion.id, MappingVersion.number, MappingVersion.sha256
).where(
    MappingVersion.status == Status.LIVE,
    MappingVersion.connector == bindparam("connector"),
    MappingVersion.stream.in_(bindparam("streams", expanding=True)),
    MappingVersion.scope.in_(("", bindparam("account"))),
)


def counting(session: Session, connector: str, streams: Collection[str], account_id: int) -> dict[str, Counting]:
    """Return what counts for one account's records, by stream; only streams that have anything."""
    values = {"connector": connector, "streams": sorted(streams), "account": str(account_id)}
    found: dict[str, dict[bool, Ref]] = {}
    for stream, scope, *ref in session.execute(_COUNTING, values):
        found.setdefault(stream, {})[bool(scope)] = Ref(*ref)  # type: ignore[arg-type]  # columns of these very types
    return {stream: Counting(refs.get(False), refs.get(True)) for stream, refs in found.items()}


def read_counting(session: Session, counts: Counting, shipped: Mapping) -> Mapping:
    """Return the mapping that counts, read from what is kept.

    Raises:
        MappingError: a version no longer fits; the records wait until a person says what counts.
    """
    ids = [ref.id for ref in (counts.whole, counts.own) if ref is not None]
    query = select(MappingVersion.id, MappingVersion.document).where(MappingVersion.id.in_(ids))
    documents: dict[int, dict[str, Any]] = dict(session.execute(query).all())

    def told(ref: Ref | None) -> Written | None:
        return None if ref is None else Written(ref.number, documents[ref.id])

    try:
        return overlay.effective(shipped, told(counts.whole), told(counts.own))
    except BadMappingError as error:
        first = error.problems[0]
        raise MappingError(
            f"{first}; this version of the mapping no longer fits: correct it and publish it again"
        ) from error


# --- when what is shipped changes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Behind:
    """A version that was written over another document than there is under it now."""

    version: MappingVersion
    theirs: dict[str, Any]  # what is under it now

    @property
    def scope(self) -> Scope:
        return scope_of(self.version)


def behind(session: Session, shipped: Callable[[str, str], Mapping]) -> list[Behind]:
    """Return drafts and live versions whose base is no longer what is under them (`merge` says what to do).

    Args:
        shipped: the mapping of a connector's stream as it is shipped (`Flow.mapping`).
    """
    found = []
    for row in everything(session):
        scope = scope_of(row)
        try:
            theirs = under(session, scope, shipped=shipped(row.connector, row.stream))
        except MappingError:
            continue  # nothing is shipped for it any more, so nothing could be merged
        if not _is_same(row, theirs):
            found.append(Behind(row, theirs))
    return found


def scope_of(row: MappingVersion) -> Scope:
    """Return what a version is for."""
    return Scope(row.connector, row.stream, row.account_id)


def _is_same(row: MappingVersion, theirs: MappingOf[str, Any]) -> bool:
    if not row.scope:
        return overlay.same(row.base, theirs)
    before, after = row.base.get("fields", {}), theirs["fields"]
    return all(overlay.same(before.get(name), after.get(name)) for name in row.document.get("fields", {}))


# --- small change -------------------------------------------------------------------------------------------------


def _fit_to_keep(document: Any, scope: Scope) -> dict[str, Any]:
    """Return a document as it is kept: plain JSON that both databases hold.

    Raises:
        UserError: it is none.
    """
    if not isinstance(document, dict):
        raise UserError("A mapping is an object with `fields`.", error_id="bad_mapping")
    kept = overlay.normal(document, is_overlay=scope.is_overlay) or document
    try:
        text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
        size, plain = len(text.encode()), json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError("This mapping holds what cannot be kept.", error_id="bad_mapping") from error
    if size > LARGEST_FILE:
        raise UserError(f"This mapping is larger than {LARGEST_FILE} bytes.", error_id="bad_mapping")
    if not _is_storable(plain):
        raise UserError("This mapping holds what cannot be kept.", error_id="bad_mapping")
    return dict(plain)


def _is_storable(plain: Any) -> bool:
    """Say whether JSON is not too deep and without the letter that PostgreSQL cannot hold; without a call for each level."""
    level = [plain]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if any(isinstance(one, str) and "\x00" in one for one in level):
            return False
    return not level


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list) else ()


def _changed(session: Session, newer: MappingVersion | None) -> DraftChangedError:
    if newer is not None:
        session.expunge(newer)  # the transaction ends with this error, and would forget what it says
    return DraftChangedError(newer)


def _of(scope: Scope) -> Select[MappingVersion]:
    # What is here already may be from before the turn began.
    return select(MappingVersion).where(*_where(scope)).execution_options(populate_existing=True)


def _where(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return (
        MappingVersion.connector == scope.connector,
        MappingVersion.stream == scope.stream,
        MappingVersion.scope == scope.key,
    )


def _in_turn(session: Session, scope: Scope) -> None:
    """Let nobody else write or publish a version of this stream: an overlay and what is under it must fit each other."""
    in_turn(session, f"{MappingVersion.__tablename__}:{scope.connector}:{scope.stream}")


def _id(person: Person | None) -> int | None:
    return person.id if person is not None and person.id else None


def _tell(session: Session, person: Person | None, action: str, scope: Scope, **detail: Any) -> None:
    audit.record(
        session, person, action, "mapping", f"{scope.connector}/{scope.stream}", account=scope.account_id, **detail
    )
