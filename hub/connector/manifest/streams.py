"""One listing of a manifest as a stream of the hub (`hub.connector.stream.Stream`)."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from hub.connector.dotted import at, parse_path
from hub.connector.manifest import cursor as cursors
from hub.connector.manifest import moment
from hub.connector.manifest.client import Answer, Client, Question, entries, texts
from hub.connector.manifest.document import (
    Beside,
    FilterCursor,
    KeysetPages,
    LinkHeaderPages,
    NextLinkPages,
    NumberedPages,
    OffsetPages,
    ParamCursor,
    StopWhenOlder,
    TokenPages,
    Window,
)
from hub.connector.manifest.document import Stream as Spec
from hub.connector.manifest.load import fingerprint
from hub.connector.manifest.paging import FIRST, Going, Shown, Step, first_place, follow, key_of
from hub.connector.manifest.template import filled, link_of
from hub.connector.stream import Change as Told
from hub.connector.stream import Cursor, Filtered, Gone, Page, Phase, Upsert
from hub.errors import GoneError, RejectedError, RetryLaterError, ScopeError, ShapeError
from hub.records.document import Line

OURS = "hub"  # under this name a payload has what we add: where its original is
BATCH = 20  # records asked for by one filter
RESTARTS = 3  # of a pass whose place the remote forgot
MOST_PAGES = 20_000  # of one pass or walk: what then still goes on has no end
LONGEST_ID = 300
_FACTOR = 20  # records of a page may be so many times what was asked for


@dataclass(frozen=True)
class ManifestStream:
    """One listing."""

    client: Client
    spec: Spec
    zone: ZoneInfo

    key: str
    title: str
    records: str
    mailbox: str = ""

    @property
    def every(self) -> timedelta:
        return timedelta(minutes=self.spec.every_min)

    @property
    def full_every(self) -> timedelta | None:
        return timedelta(hours=self.spec.full_every_h) if self.spec.full_every_h else None

    @property
    def asked(self) -> str:
        """What is asked for: another address, listing or setting of it is another pass from the beginning."""
        access = self.client.access
        used = access.given({"path": self.spec.path, "query": self.spec.query, "body": self.spec.body})
        return f"{self.spec.name} {fingerprint([self.spec.model_dump(mode='json'), used, access.base])}"

    def begin(self) -> Cursor:
        """Return the beginning."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page.

        A page that the remote sends us to again and again is the next one of itself: the hub then stops, says so, and begins
        this pass anew where the last one ended.
        """
        change = self.spec.cursor
        going = Going.of_rest(cursor.rest) if cursor.page else cursors.begun(change, cursor, self._days, _now())
        place = cursor.page or first_place(self.spec.page)
        try:
            answer = self._listed(place, going, is_full=cursor.phase is Phase.FULL)
        except (GoneError, RejectedError) as error:
            return self._forgotten(cursor, going, place, error)
        going = cursors.timed(going, answer.headers, _now())
        records = self._entries(answer.told, self.spec.at)
        shown = Shown(answer.told, answer.headers, records, [self.id_of(one) for one in records])
        going = cursors.looked(change, going, records, self.zone)
        step = self._step(place, shown, going, can_prove=self._can_find or cursor.phase is not Phase.FULL)
        if step.is_circle or going.pages >= MOST_PAGES:
            return Page((), cursor, more=True)
        if step.is_cut:
            return self._anew(cursor, going)
        changes = self._changes(records, shown.ids)
        is_known = cursors.is_older(change, going, records, self.zone)
        is_known |= place == first_place(self.spec.page) and cursors.finds_nothing(change, cursor, records, self.zone)
        if step.next and not is_known:
            following = replace(cursor, page=step.next, rest=step.going.as_rest())
            return Page(changes, following, more=True, expected=step.expected)
        return self._ended(cursor, step, changes)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Told]:
        """Return these records as they are now; of one that is no more, Gone."""
        if self.spec.one is not None:
            return [self._found(one) for one in remote_ids]
        wanted = dict.fromkeys(remote_ids)
        if self.spec.by_filter:
            found = [one for some in _batches(list(wanted)) for one in self._filtered(some)]
        else:
            found = [one for one in self._walk("") if self.id_of(one) in wanted]
        ids = [self.id_of(one) for one in found]
        changes = {one.remote_id: one for one in self._changes(found, ids) if one.remote_id in wanted}
        return [changes.get(one, Gone(one)) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all records that changed since a moment, as far as the remote can be asked so."""
        asked = "" if isinstance(self.spec.cursor, StopWhenOlder) else since.isoformat()
        walked = self._walk(asked, only_ids=True, stop=since)
        return frozenset(self.id_of(one) for one in walked if not self._reason(one))

    # --- a page -------------------------------------------------------------------------------------------------------

    @property
    def _days(self) -> int:
        days = self.client.access.given(self.spec.cursor.days) if isinstance(self.spec.cursor, Window) else 0
        return max(1, min(3660, int(days or 0)))

    @property
    def _can_find(self) -> bool:
        return self.spec.one is not None or self.spec.by_filter

    def _step(self, place: str, shown: Shown, going: Going, *, can_prove: bool) -> Step:
        step = follow(self.spec.page, place, shown, going, short_is_end=can_prove)
        if step.next and isinstance(self.spec.page, NextLinkPages | LinkHeaderPages) and not step.is_circle:
            return replace(step, next=self.client.next_of(step.next))
        return step

    def _ended(self, cursor: Cursor, step: Step, changes: Sequence[Told]) -> Page:
        """Return the last page of a pass. What it did not show is asked for by id, where that can be done."""
        going = step.going
        token = cursors.token_of(self.spec.cursor, cursor, going)
        most = going.most if going.pages > 1 else int(cursor.rest.get("most", 0)) if not cursor.page else 0
        following = Cursor(Phase.INCREMENTAL, token, asked=self.asked, opened_at=cursor.opened_at, rest={"most": most})
        is_moved = going.pages > 1 and cursor.phase is Phase.INCREMENTAL and token != cursor.token
        if is_moved and isinstance(self.spec.cursor, StopWhenOlder):
            # While several pages were read something may have come to the first one.
            return Page(changes, following, more=True, expected=step.expected)
        is_whole = cursor.phase is Phase.FULL and not self._can_find
        return Page(changes, following, more=False, complete=is_whole, expected=step.expected)

    def _forgotten(self, cursor: Cursor, going: Going, place: str, error: Exception) -> Page:
        """Begin a pass anew whose next page the remote does not know any more.

        Raises:
            ScopeError: it is no page of a pass: the listing itself is refused.
        """
        if place == first_place(self.spec.page):
            if isinstance(error, GoneError):
                raise ScopeError(f"{error} There is no such listing there: {self.title}.") from None
            raise error
        return self._anew(cursor, going)

    def _anew(self, cursor: Cursor, going: Going) -> Page:
        """Begin a pass anew; one that was begun anew too often is a circle."""
        if going.restarts >= RESTARTS:
            return Page((), cursor, more=True)
        again = Going(since=going.since, began=going.began, newest=going.newest, restarts=going.restarts + 1)
        return Page((), replace(cursor, page=first_place(self.spec.page), rest=again.as_rest()), more=True)

    def _listed(self, place: str, going: Going, *, is_full: bool, only_ids: bool = False) -> Answer:
        return self.client.ask(self._question(place, going, is_full=is_full, only_ids=only_ids))

    def _question(self, place: str, going: Going, *, is_full: bool, only_ids: bool = False) -> Question:
        spec, given = self.spec, self.client.access.given
        if place != FIRST and isinstance(spec.page, NextLinkPages | LinkHeaderPages):
            return Question(place, "GET", headers=dict(spec.headers))
        asked = {**self._place(place), **self._since(going, is_full=is_full)}
        conditions = self._conditions(place, going)
        if spec.method == "GET":
            query = {**given(dict(spec.query)), **(given(dict(spec.ids_query)) if only_ids else {}), **asked}
            return Question(given(spec.path), "GET", {**texts(query), **conditions}, dict(spec.headers))
        body = {**given(dict(spec.body)), **asked, **conditions}
        return Question(given(spec.path), "POST", texts(given(dict(spec.query))), dict(spec.headers), body)

    def _place(self, place: str) -> dict[str, Any]:
        """Return which page is asked for; numbers stay numbers, for bodies."""
        page = self.spec.page
        size = {page.size_param: page.size} if page.size_param else {}
        match page:
            case NumberedPages() | OffsetPages():
                return {**size, page.param: int(place)}
            case TokenPages():
                return {**size, **({page.param: place} if place != FIRST else {})}
            case KeysetPages():
                behind = {page.param: key_of(place)} if page.param and place != FIRST else {}
                return {**size, **self.client.access.given(dict(page.order)), **behind}
        return size

    def _since(self, going: Going, *, is_full: bool) -> dict[str, Any]:
        """Return what asks for changes by parameters, and in which order."""
        change = self.spec.cursor
        since = datetime.fromisoformat(going.since) if going.since else None
        given = self.client.access.given
        match change:
            case ParamCursor() if since:
                return {change.param: moment.written(since, change.form, self.zone)}
            case ParamCursor() if change.first:
                return {change.param: change.first}
            case StopWhenOlder():
                return dict(given(dict(change.order)))
            case FilterCursor() if not is_full:
                return dict(given(dict(change.order)))
            case Window():
                asked = dict(given(dict(change.order)))
                if since and change.since_param:
                    asked[change.since_param] = moment.written(since, change.form, self.zone)
                if change.until_param:
                    until = _now() + timedelta(days=change.ahead_days)
                    asked[change.until_param] = moment.written(until, change.form, self.zone)
                return asked
        return {}

    def _conditions(self, place: str, going: Going) -> dict[str, str]:
        """Return what asks by a filter of the dialect."""
        dialect, found = self._dialect, self._own_filter()
        change, page = self.spec.cursor, self.spec.page
        by_filter = isinstance(change, FilterCursor) or (isinstance(change, Window) and not change.since_param)
        if going.since and by_filter and isinstance(change, FilterCursor | Window):
            since = moment.literal(datetime.fromisoformat(going.since), change.literal, self.zone)
            found.append(moment.condition(dialect, change.field, "ge", since))
        if isinstance(page, KeysetPages) and not page.param and place != FIRST:
            found.append(moment.condition(dialect, page.field, "gt", moment.text_literal(key_of(place))))
        return self._filter(found)

    @property
    def _dialect(self) -> str:
        return self.client.access.manifest.dialect

    def _own_filter(self) -> list[str]:
        if not self.spec.filter:
            return []
        return (
            [json.dumps(one) for one in json.loads(self.spec.filter)]
            if self._dialect == "frappe"
            else [self.spec.filter]
        )

    def _filter(self, conditions: Sequence[str]) -> dict[str, str]:
        name = "filters" if self._dialect == "frappe" else "$filter"
        return {name: moment.together(self._dialect, list(conditions))} if conditions else {}

    # --- records ------------------------------------------------------------------------------------------------------

    def id_of(self, record: Mapping[str, Any]) -> str:
        """Return a record's id; several parts stand with colons between. One without an id has a name all the same."""
        if len(self.spec.id) == 1:  # as most are
            value = at(record, parse_path(self.spec.id[0]))
            if type(value) is int or (type(value) is str and 0 < len(value) <= LONGEST_ID):
                return str(value)
        parts = [at(record, parse_path(path)) for path in self.spec.id]
        if any(one in (None, "") or isinstance(one, dict | list | bool) for one in parts):
            return f"odd {fingerprint(record)}"
        made = str(parts[0]) if len(parts) == 1 else ":".join(quote(str(one), safe=" /") for one in parts)
        return made if len(made) <= LONGEST_ID else f"odd {fingerprint(record)}"

    def _entries(self, told: Any, path: str) -> list[dict[str, Any]]:
        found = at(told, parse_path(path)) if path else told
        most = max(1000, self.spec.page.size * _FACTOR)
        return entries(found, most, f"{self.client.access.manifest.title}'s answer for {self.title}")

    def _changes(self, records: Sequence[dict[str, Any]], ids: Sequence[str]) -> list[Told]:
        reasons = [self._reason(one) for one in records] if self.spec.skip else [""] * len(records)
        wanted = [one for one, reason in zip(records, reasons, strict=True) if not reason]
        for beside in self.spec.beside if wanted else ():
            self._put_in(beside, wanted)
        return [
            Filtered(remote_id, reason) if reason else Upsert(remote_id, self._payload(one))
            for one, remote_id, reason in zip(records, ids, reasons, strict=True)
        ]

    def _reason(self, record: Mapping[str, Any]) -> str:
        """Return why a record is none for the hub; empty: it is one."""
        for skip in self.spec.skip:
            value = at(record, parse_path(skip.field))
            if (str(value).lower() if isinstance(value, bool) else str(value)) in skip.values:
                return skip.reason
        return ""

    def _payload(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it was sent, with where its original is."""
        link = link_of(self.spec.link, record, self.client.access.web) if self.spec.link else ""
        ours = {"url": link, "pdf": self.spec.pdf is not None}
        if not self.spec.keep:
            return {**record, OURS: ours}
        names = {*self.spec.keep, *(one.name for one in self.spec.beside)}
        return {**{name: value for name, value in record.items() if name in names}, OURS: ours}

    def _put_in(self, beside: Beside, records: Sequence[dict[str, Any]]) -> None:
        """Put what another listing says of these records into each of them; into those that it does not know, nothing."""
        own, other = parse_path(beside.same_as), parse_path(beside.field)
        values = list(dict.fromkeys(value for one in records if isinstance(value := at(one, own), str | int)))
        told: dict[str, dict[str, Any]] = {}
        for begin in range(0, len(values), beside.at_once):
            some = self._any_of(beside.field, values[begin : begin + beside.at_once])
            conditions = [beside.filter, some] if beside.filter else [some]
            question = Question(self.client.access.given(beside.path), "GET", self._filter(conditions))
            for one in self._entries(self.client.ask(question).told, beside.records):
                told[str(at(one, other))] = one
        for one in records:
            one[beside.name] = told.get(str(at(one, own)))

    def _any_of(self, field: str, values: Sequence[int | str], *, form: str = "text") -> str:
        if self._dialect == "frappe":
            return json.dumps([field, "in", list(values)])
        literals = [
            moment.text_literal(int(one) if form == "number" and str(one).isdecimal() else one) for one in values
        ]
        prefix = "guid" if form == "guid" else ""
        return " or ".join(moment.condition(self._dialect, field, "eq", f"{prefix}{one}") for one in literals)

    # --- single records -----------------------------------------------------------------------------------------------

    def _found(self, remote_id: str) -> Told:
        try:
            record = self._one(remote_id)
        except GoneError:
            return Gone(remote_id)
        if self.id_of(record) != remote_id:
            raise RetryLaterError(
                f"{self.client.access.manifest.title} answers with another record than was asked for."
            )
        return self._changes([record], [remote_id])[0]

    def _one(self, remote_id: str) -> dict[str, Any]:
        """Return a record as the remote shows it alone.

        Raises:
            GoneError: it is no more.
        """
        assert self.spec.one is not None
        value_of = self._parts(remote_id)
        path = filled(self.spec.one, value_of)
        if path is None:
            raise GoneError(f"{remote_id} is no id of {self.title}.")
        if self.spec.one_body:
            body = {name: _part(text, value_of) for name, text in self.spec.one_body.items()}
            answer = self.client.ask(Question(path, "POST", headers=dict(self.spec.headers), body=body))
        else:
            answer = self.client.ask(Question(path, headers=dict(self.spec.headers)))
        found = at(answer.told, parse_path(self.spec.one_at)) if self.spec.one_at else answer.told
        if not isinstance(found, dict):
            raise RetryLaterError(f"{self.client.access.manifest.title} shows no record.")
        return found

    def _parts(self, remote_id: str) -> Callable[[str], Any]:
        """Return the values that the parts of an id have in addresses."""
        parts = [remote_id] if len(self.spec.id) == 1 else [unquote(one) for one in remote_id.split(":")]
        named = dict(zip(self.spec.id, parts, strict=False)) if len(parts) == len(self.spec.id) else {}
        return {**named, "id": remote_id if named else None}.get

    def _filtered(self, remote_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Ask for some records by a filter of their id."""
        conditions = [*self._own_filter(), self._any_of(self.spec.id[0], remote_ids, form=self.spec.id_is)]
        query = {**self.client.access.given(dict(self.spec.query)), **self._place_of_all()}
        question = Question(
            self.client.access.given(self.spec.path),
            "GET",
            {**texts(query), **self._filter(conditions)},
            dict(self.spec.headers),
        )
        return self._entries(self.client.ask(question).told, self.spec.at)

    def _place_of_all(self) -> dict[str, Any]:
        page = self.spec.page
        return {page.size_param: BATCH} if page.size_param else {}

    # --- whole listings -----------------------------------------------------------------------------------------------

    def ids_now(self) -> frozenset[str]:
        """Return the ids of all records that there are (`hub.connector.ledger.Sweeps`)."""
        return frozenset(self.id_of(one) for one in self._walk("", only_ids=True) if not self._reason(one))

    def _walk(self, since: str, *, only_ids: bool = False, stop: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Yield all records of a listing; its end is believed only where the remote shows it.

        Raises:
            ShapeError: it may have been cut short.
        """
        going, place = Going(since=since), first_place(self.spec.page)
        known: set[str] = set()
        for _ in range(MOST_PAGES):
            answer = self._listed(place, going, is_full=True, only_ids=only_ids)
            records = self._entries(answer.told, self.spec.at)
            shown = Shown(answer.told, answer.headers, records, [self.id_of(one) for one in records])
            step = self._step(place, shown, going, can_prove=False)
            if step.is_circle:
                raise ShapeError("the remote sends us round in a circle")
            if step.is_cut:
                raise ShapeError("the listing was cut short: less is shown than was announced")
            yield from records
            known.update(shown.ids)
            until = replace(going, since=stop.isoformat()) if stop else going
            if not step.next or cursors.is_older(self.spec.cursor, until, records, self.zone):
                is_less = step.expected is not None and len(known) < step.expected
                if not step.next and (not step.is_sure or is_less):
                    raise ShapeError("the listing was cut short: less is shown than was announced")
                return
            going, place = step.going, step.next
        raise ShapeError("the listing has no end")


class _Swept(ManifestStream):
    """A listing whose remote deletes without a word (`hub.connector.ledger.Sweeps`)."""

    def ids(self) -> frozenset[str]:
        """Return the ids of all records that there are now."""
        return self.ids_now()


class _Lined(ManifestStream):
    """Documents with lines (`hub.connector.ledger.HasLines`)."""

    def lines(self, remote_id: str) -> Sequence[Line]:
        """Return the lines of a document."""
        spec = self.spec.lines
        assert spec is not None
        listed = at(self._one(remote_id), parse_path(spec.at))
        if listed is None:
            return ()
        whose = f"{self.client.access.manifest.title}'s answer for the lines of {self.title}"

        def value(one: Mapping[str, Any], path: str) -> Any:
            return at(one, parse_path(path)) if path else None

        return [
            Line(
                text=_text(value(one, spec.text)),
                quantity=_decimal(value(one, spec.quantity)),
                unit=_text(value(one, spec.unit)),
                price=_decimal(value(one, spec.price)),
                net=_decimal(value(one, spec.net)),
            )
            for one in entries(listed, 100_000, whose)
        ]


class _Printed(ManifestStream):
    """Documents as their customers get them (`hub.connector.ledger.HasPdf`)."""

    def pdf(self, remote_id: str, *, largest: int) -> bytes:
        """Return the PDF of a document."""
        assert self.spec.pdf is not None
        path = filled(self.spec.pdf, self._parts(remote_id))
        if path is None:
            raise GoneError(f"{remote_id} is no id of {self.title}.")
        return self.client.content(path, largest=largest)


def stream_of(client: Client, spec: Spec, zone: ZoneInfo) -> ManifestStream:
    """Return a listing with what its manifest says that it can do."""
    made = _kind(is_swept=spec.deletes == "sweep", is_lined=spec.lines is not None, is_printed=spec.pdf is not None)
    return made(client, spec, zone, spec.name, spec.title, spec.kind)


@cache
def _kind(*, is_swept: bool, is_lined: bool, is_printed: bool) -> type[ManifestStream]:
    bases = [one for one, has in ((_Swept, is_swept), (_Lined, is_lined), (_Printed, is_printed)) if has]
    return type("ManifestStream", tuple(bases), {}) if bases else ManifestStream


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), BATCH):
        yield ids[begin : begin + BATCH]


def _part(text: str, value_of: Callable[[str], Any]) -> Any:
    found = re.fullmatch(r"\{([^{}]*)\}", text)
    return value_of(found[1]) if found else text


def _text(value: Any) -> str:
    return " ".join(str(value)[:1000].split()) if isinstance(value, str | int) else ""


def _decimal(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def _now() -> datetime:
    return datetime.now(UTC)
