"""What an account reads, stream by stream, in words: how it is, how far, why it waits, what the last run brought."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from flask_babel import LazyString, format_decimal, lazy_gettext, ngettext
from flask_babel import gettext as _
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.connector.stream import Cursor, Phase
from hub.intake import health
from hub.intake.models import LISTING, Account, AccountState, FilteredRecord, Health, RawRecord, Reading, StreamState
from hub.intake.trouble import Trouble
from hub.store.base import now
from hub.web.console import kinds
from hub.web.frame import current_hub

RECENT = 300  # runs that are looked through for the last one of each stream
RUNS = 50  # of the log
_FILTERED = "filtered: "
WORKING = {Phase.FULL, Phase.SWEEP, Phase.PROVE}

# What happens next, for each trouble (trouble.Trouble).
_WAITS: Mapping[str, LazyString] = MappingProxyType(
    {
        Trouble.LIMITED: lazy_gettext("The other system asked us to be slower. It goes on by itself."),
        Trouble.AWAY: lazy_gettext("The other system cannot be read just now. It is tried again by itself."),
        Trouble.AUTH: lazy_gettext("The other system does not let us in. Somebody must connect again."),
        Trouble.SCOPE: lazy_gettext("A permission is missing. Connect again and allow it."),
        Trouble.DISABLED: lazy_gettext("Something is switched off in the other system. Its administrator must help."),
        Trouble.BRAKE: lazy_gettext("So many were deleted there at once that somebody must agree first."),
        Trouble.DEFECT: lazy_gettext("A mistake of ours stopped it. It keeps its place; the log of the hub has more."),
    }
)
_FATES: Mapping[str, LazyString] = MappingProxyType(
    {
        "new": lazy_gettext("New"),
        "changed": lazy_gettext("Changed"),
        "unchanged": lazy_gettext("Unchanged"),
        "gone": lazy_gettext("Gone there"),
        "set aside": lazy_gettext("Set aside"),
        "began anew": lazy_gettext("Began anew"),
    }
)
# Why a record was left out; the words are stored and counted (connector.sift.Reason, and `skipped` by hand).
_REASONS: Mapping[str, LazyString] = MappingProxyType(
    {
        "user_block": lazy_gettext("blocked by the user"),
        "never_log": lazy_gettext("on the list of what is never kept"),
        "private": lazy_gettext("marked as private"),
        "internal": lazy_gettext("among colleagues"),
        "bulk": lazy_gettext("bulk mail"),
        "spam": lazy_gettext("spam"),
        "trash": lazy_gettext("in the bin"),
        "draft": lazy_gettext("a draft"),
        "calendar_notice": lazy_gettext("notice of a calendar"),
        "no_match": lazy_gettext("concerns no customer"),
        "skipped": lazy_gettext("left out by hand"),
        "switched_off": lazy_gettext("its form is switched off"),
        "colleague": lazy_gettext("a colleague of ours"),
        "empty": lazy_gettext("nobody can be recognised in it"),
        "erased": lazy_gettext("of somebody who was erased"),
        "expired": lazy_gettext("kept long enough"),
    }
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass from the beginning is."""

    done: str  # as people write numbers
    expected: str  # empty: the remote does not say
    value: int
    most: int  # 0: not known
    rate: str  # records a minute


@dataclass(frozen=True, slots=True)
class Line:
    """One stream on the page."""

    key: str
    title: str
    health: Health
    trouble: str  # see trouble.Trouble
    sentence: str  # what it does or why it waits; empty where all is well
    detail: str  # the remote's own words, as they came
    is_busy: bool  # something happens within seconds: the page looks again
    progress: Progress | None
    last_ok_at: datetime | None
    last_run_at: datetime | None
    due_at: datetime | None
    is_due: bool
    counts: Sequence[tuple[str, str]]  # of the last run
    compared_at: datetime | None  # with the remote, by an audit
    usual_gap_s: int  # between good looks, as a rule; 0: not known


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the log of runs."""

    title: str
    began_at: datetime
    duration_s: float
    is_full: bool
    counts: Sequence[tuple[str, str]]
    sentence: str
    detail: str


def lines(session: Session, account: Account) -> list[Line]:
    """Return the streams of an account."""
    states = _states(session, [account.id])
    moment = now()
    passes = [state for state in states if state.phase in WORKING]
    shown = _shown(session, account, passes)
    last = _last_runs(session, account, states)
    return [_line(account, state, moment, shown.get(state.stream, 0), last.get(state.stream)) for state in states]


def worst(session: Session, listed: Sequence[Account]) -> Mapping[int, Line]:
    """Return, for the cards of accounts, the stream that decides how each is; nothing of those without any."""
    moment, found = now(), dict[int, list[Line]]()
    by_id = {account.id: account for account in listed}
    for state in _states(session, by_id):
        found.setdefault(state.account_id, []).append(_line(by_id[state.account_id], state, moment, 0, None))
    return {of: min(lines, key=lambda one: _ORDER.index(one.health)) for of, lines in found.items()}


def brings(session: Session, account: Account) -> list[str]:
    """Return what is read of an account, in words; before that is known, what its connector can bring."""
    return brought(session, [account])[account.id]


def brought(session: Session, listed: Sequence[Account]) -> Mapping[int, list[str]]:
    """Return what is read of each account, as `brings` does."""
    flow, connectors = current_hub().flow, current_hub().connectors
    wanted = (StreamState.account_id.in_([one.id for one in listed]), StreamState.wanted)
    query = select(StreamState.account_id, StreamState.records).distinct()
    of_account: dict[int, set[str]] = {}
    for account_id, records in session.execute(query.where(*wanted, StreamState.records.not_in(("", LISTING)))):
        of_account.setdefault(account_id, set()).add(records)
    found = {}
    for one in listed:
        read = {flow.kind(one.connector, records) for records in of_account.get(one.id, ())}
        connector = connectors.get(one.connector)
        can = kinds.brings(flow, connector) if connector is not None else frozenset()
        # What comes by webhooks alone has no stream; a mailbox that is read has all it wants.
        posted = can if connector is not None and connector.receive is not None else frozenset()
        found[one.id] = kinds.words(read | posted or can)
    return found


def _states(session: Session, accounts: Iterable[int]) -> Sequence[StreamState]:
    """Return what is read; that an account could not be asked what there is, is told like a stream of its own."""
    query = select(StreamState).where(StreamState.account_id.in_(list(accounts)), StreamState.wanted)
    query = query.where(StreamState.records != "", (StreamState.stream != LISTING) | (StreamState.trouble != ""))
    return session.scalars(query.order_by(StreamState.stream)).all()


_ORDER = (
    Health.PAUSED, Health.NEEDS_YOU, Health.WARNINGS, Health.LATE, Health.WORKING, Health.NEVER_RUN, Health.HEALTHY,
)  # fmt: skip


def runs(session: Session, account: Account, *, failed: bool) -> list[Run]:
    """Return the newest runs; `failed`: only those that something was in the way of."""
    query = select(Reading).where(Reading.account_id == account.id)
    if failed:
        query = query.where(Reading.error != "")
    titles = dict(
        session.execute(select(StreamState.stream, StreamState.title).where(StreamState.account_id == account.id)).all()
    )
    return [
        Run(
            title=titles.get(row.stream) or stream_title(row.stream),
            began_at=row.began_at,
            duration_s=((row.ended_at or row.began_at) - row.began_at).total_seconds(),
            is_full=row.phase == Phase.FULL,
            counts=told(row.counts),
            sentence=str(_WAITS.get(row.trouble, "")),
            detail=row.error,
        )
        for row in session.scalars(query.order_by(Reading.began_at.desc(), Reading.id.desc()).limit(RUNS))
    ]


def stream_title(key: str) -> str:
    """Return what a stream without a title is called."""
    return _("What there is to read") if key == LISTING else key


def told(counts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return counts of a run with their words, in a settled order; what is nothing is left out."""
    known = [(str(word), counts.get(name, 0)) for name, word in _FATES.items()]
    filtered = sorted((name, amount) for name, amount in counts.items() if name.startswith(_FILTERED))
    known += [(_("Left out, %(reason)s", reason=reason(name.removeprefix(_FILTERED))), n) for name, n in filtered]
    return [(word, format_decimal(amount)) for word, amount in known if isinstance(amount, int) and amount]


def reason(word: str) -> str:
    """Return why something was left out, as far as we have words for it."""
    return str(_REASONS.get(word, word))


def _line(account: Account, state: StreamState, moment: datetime, shown: int, last: Reading | None) -> Line:
    how, _text = health.of_stream(state, moment)
    is_running = state.lease_until is not None and state.lease_until > moment
    is_due = state.due_at is not None and state.due_at <= moment
    is_active = account.state == AccountState.ACTIVE
    sentence, detail = str(_WAITS.get(state.trouble, "")), state.last_error
    compared = state.audit or {}
    if not sentence and compared.get("missing"):
        count = len(compared["missing"])
        sentence = ngettext(
            "The last comparison found %(num)s record missing and fetched it.",
            "The last comparison found %(num)s records missing and fetched them.",
            count,
        )
    if not sentence:
        sentence = _of_audit(compared)
    if state.trouble == Trouble.AWAY and how is Health.HEALTHY:
        how = Health.WARNINGS  # amber, with the time of the next try: what heals by itself
    if not is_active:
        how = Health.PAUSED
    elif is_running:
        how = how if how in {Health.LATE, Health.HEALTHY} else Health.WORKING
        sentence, detail = _("Is being read."), ""
    elif is_due and state.trouble in _MENDABLE:
        how, sentence, detail = Health.WORKING, _("Waits for its turn; it is read within seconds."), ""
    elif is_due and not sentence:
        sentence = _("Waits for its turn; it is read within seconds.")
    return Line(
        key=state.stream,
        title=state.title or stream_title(state.stream),
        health=how,
        trouble=state.trouble,
        sentence=sentence,
        detail=detail,
        is_busy=is_active and (is_running or is_due or how is Health.WORKING),
        progress=_progress(state, shown, moment) if state.phase in WORKING and is_active else None,
        last_ok_at=state.last_ok_at,
        last_run_at=state.last_run_at,
        due_at=state.due_at if is_active else None,
        is_due=is_due,
        counts=told(last.counts) if last is not None else (),
        compared_at=datetime.fromisoformat(compared["at"]) if compared.get("at") else None,
        usual_gap_s=max(state.usual_gap_s, state.every_s),
    )


def _of_audit(compared: Mapping[str, Any]) -> str:
    """Say what else the last comparison found; nothing where all is well."""
    if drift := compared.get("drift"):
        counted = int(compared["counted"])
        return str(_(
            "The other system counts %(theirs)s records here; the hub has %(ours)s of them.",
            theirs=format_decimal(counted), ours=format_decimal(counted - int(drift)),
        ))  # fmt: skip
    if count := int(compared.get("unnamed") or 0):
        return str(ngettext(
            "%(num)s record came without a notification since the comparison before; reading found it.",
            "%(num)s records came without a notification since the comparison before; reading found them.",
            count,
        ))  # fmt: skip
    return ""


# After somebody did what was asked for, the old trouble says nothing until the stream was looked at again.
_MENDABLE = {Trouble.AUTH, Trouble.BRAKE, Trouble.SCOPE, Trouble.DISABLED, Trouble.DEFECT}


def _progress(state: StreamState, shown: int, moment: datetime) -> Progress:
    opened_at = Cursor.of_json(state.cursor or {}).opened_at
    minutes = max((moment - opened_at).total_seconds() / 60, 1 / 60) if opened_at else 0
    most = max(state.expected or 0, shown) if state.expected else 0
    return Progress(
        done=format_decimal(shown),
        expected=format_decimal(most) if most else "",
        value=shown,
        most=most,
        rate=format_decimal(round(shown / minutes)) if minutes and shown else "",
    )


def _shown(session: Session, account: Account, passes: Sequence[StreamState]) -> Mapping[str, int]:
    """Count what the present pass of each stream has shown: what was kept, and what was left out."""
    counts = {}
    for state in passes:  # few at a time, and one index answers it
        counts[state.stream] = sum(session.scalar(query) or 0 for query in _of_pass(account, state))
    return counts


def _of_pass(account: Account, state: StreamState) -> tuple[Select[int], Select[int]]:
    raw, left = RawRecord, FilteredRecord
    here = (raw.account_id == account.id, raw.container == state.stream, raw.epoch == state.epoch)
    there = (left.account_id == account.id, left.container == state.stream, left.epoch == state.epoch)
    return select(func.count()).select_from(raw).where(*here), select(func.count()).select_from(left).where(*there)


def _last_runs(session: Session, account: Account, states: Sequence[StreamState]) -> Mapping[str, Reading]:
    """Return the last run of each stream; one that brought nothing is not in the log and so not here."""
    ended = {state.stream: state.last_run_at for state in states}
    query = select(Reading).where(Reading.account_id == account.id).order_by(Reading.began_at.desc()).limit(RECENT)
    return {row.stream: row for row in session.scalars(query) if row.ended_at and row.ended_at == ended.get(row.stream)}
