"""Leads: what people sent with one form, read in passes that overlap, and asked for by id where webhooks named them.

A webhook carries no answers, may come never, and nothing can be asked about it later; the listing of a form shows every
lead of the last 90 days, some of them late. So each pass reads again what is a little older than the newest lead that
is kept, once in 20 hours two days more, and once a week everything. The place to go on from is the moment of the newest
lead that was seen, never our own clock, and it moves behind the last page only. Nothing that a pass does not show is
gone: Meta itself forgets leads after 90 days.
Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.facebook import samples
from connectors.facebook.client import PAGE, Answer, Client, after_of, entries, place
from connectors.facebook.errors import BadQuestionError
from connectors.facebook.forms import SHORTEST, TEXTS
from connectors.facebook.samples import SAMPLES
from hub.connector.stream import Change, Cursor, Filtered, NotYet, Page, Phase, Tally, Upsert
from hub.errors import GoneError, RetryLaterError, ScopeError

RECORDS = "lead"
PERSON = "id,created_time,form_id,field_data,custom_disclaimer_responses,is_organic,platform"
# Whoever may not see the ads is refused the whole lead because of these.
CAMPAIGN = "ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,partner_name,retailer_item_id"
WHOLE = f"{PERSON},{CAMPAIGN}"
KEPT = timedelta(days=90)  # how long Meta has a lead
OVERLAP, DAILY, WEEKLY = timedelta(hours=2), timedelta(hours=48), timedelta(days=7)
EVERY_DAY = timedelta(hours=20)
HALF = 50  # percent used of Meta's limit: from there every second look is left out
MOST_AGAIN, LEFT_FOR = 3, timedelta(hours=1)  # how often a pass whose place was forgotten begins anew
TRIES = 20  # questions for ids that may all be gone
OFF = "switched_off"  # why a lead is not for the hub: its form is not read
NOT_SHOWN = "Meta does not show this lead (yet): it is very new, of another page, or a sample that never was one."

_REFUSED = (ScopeError, BadQuestionError)


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a form's leads: how far back it goes, and what it saw so far. Moments in seconds since 1970."""

    since: int
    newest: int
    at: int  # when it began
    day_at: int  # when two days were last read again
    week_at: int  # when everything was
    is_plain: bool = False  # without the campaign, which we may not see
    again: int = 0  # how often its place was forgotten and it began anew

    def as_rest(self) -> dict[str, Any]:
        """Return it as a cursor keeps it."""
        return {
            "since": self.since, "newest": self.newest, "at": self.at,
            "day_at": self.day_at, "week_at": self.week_at, "plain": self.is_plain, "again": self.again,
        }  # fmt: skip

    @classmethod
    def of(cls, cursor: Cursor, now: int) -> "Pass":
        """Return the pass that a cursor stands in, or a new one."""
        rest = cursor.rest
        if cursor.page:
            return cls(
                int(rest["since"]), int(rest["newest"]), int(rest["at"]),
                int(rest["day_at"]), int(rest["week_at"]), is_plain=bool(rest.get("plain")),
                again=int(rest.get("again", 0)),
            )  # fmt: skip
        oldest = now - _seconds(KEPT)
        newest = int(cursor.token or 0)
        day_at, week_at = int(rest.get("day_at", 0)), int(rest.get("week_at", 0))
        if cursor.phase is Phase.FULL or now - week_at >= _seconds(WEEKLY):
            return cls(oldest, newest, now, now, now)
        if now - day_at >= _seconds(EVERY_DAY):
            return cls(max(oldest, newest - _seconds(DAILY)), newest, now, now, week_at)
        # Whether the campaign is shown again is tried once a day.
        since = max(oldest, newest - _seconds(OVERLAP))
        return cls(since, newest, now, day_at, week_at, is_plain=bool(rest.get("plain")))

    def anew(self, now: int) -> "Pass":
        """Return it for its first page once more; whoever forgets all the time is left for an hour.

        Raises:
            RetryLaterError: it was begun anew too often.
        """
        is_old = now - self.at >= _seconds(LEFT_FOR)
        if self.again >= MOST_AGAIN and not is_old:
            raise RetryLaterError("Meta forgets again and again where its listing goes on.")
        return replace(self, at=now, again=1 if is_old else self.again + 1)

    def seen(self, leads: Sequence[Answer]) -> "Pass":
        """Return it after some leads; one from the future moves nothing, or all until then would be passed over."""
        moments = [at for one in leads if (at := moment(one.get("created_time"))) <= self.at]
        return replace(self, newest=max([self.newest, *moments]))


@dataclass(frozen=True)
class LeadStream:
    """The leads of one form."""

    client: Client
    form: str

    key: str
    title: str
    mailbox: str
    every: timedelta = SHORTEST
    records: str = RECORDS
    asked: str = "leads 1"  # what is asked for in `pull`; changed with it
    # The weekly pass is one of `pull`'s own: the hub's would ask by id for each lead that Meta forgot.
    full_every: timedelta | None = None

    def begin(self) -> Cursor:
        """Return the beginning: 90 days, as far as Meta has anything."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of leads."""
        if cursor.phase is Phase.INCREMENTAL and not cursor.page and cursor.rest.get("rests"):
            awake = {name: value for name, value in cursor.rest.items() if name != "rests"}
            return Page((), replace(cursor, rest=awake), more=False)
        going = Pass.of(cursor, _now())
        try:
            answer, going = self._page(going, cursor.page)
        except BadQuestionError:
            if not cursor.page:
                raise
            answer, going = self._page(going.anew(_now()), "")  # a place that Meta forgot
        leads = entries(answer)
        going = going.seen(leads)
        changes = upserts(self.client, leads, self.form, surely=True)
        if after := after_of(answer):
            return Page(changes, replace(cursor, page=after, rest=going.as_rest()), more=True)
        rest: dict[str, Any] = {"day_at": going.day_at, "week_at": going.week_at, "plain": going.is_plain}
        if self.client.usage.percent > HALF:
            rest["rests"] = True
        end = Cursor(Phase.INCREMENTAL, str(going.newest), asked=self.asked, rest=rest)
        # What was not shown may be older than Meta remembers: it is never taken for gone.
        return Page(changes, end, more=False, complete=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these leads as far as Meta shows them; the others are left out, and stay as they are."""
        ids = [one for one in remote_ids if one.isdecimal()]
        return upserts(self.client, list(by_id(self.client, ids, tries=TRIES).values()), self.form, surely=True)

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all leads since a moment."""
        asked = {"fields": "id", "filtering": _since(int(since.timestamp()))}
        listed = self.client.all(f"/{place(self.form)}/leads", asked, polls=True)
        return frozenset(str(one["id"]) for one in listed if one.get("id"))

    def tally(self) -> Tally | None:
        """Return how many leads Meta counts of those that it still has; what exactly it counts it does not say.

        Test leads may be among them or not, and more may come while they are listed.
        """
        before = self._counted()
        listed = self.present(datetime.now(UTC) - KEPT)
        tests = samples.of_form(self.client, self.form, polls=True) & listed
        after = self._counted()
        if before is None or after is None:
            return None
        return Tally(min(before, after), max(before, after) + len(tests), listed)

    def _counted(self) -> int | None:
        fields = "id,leads_count,expired_leads_count"
        told = self.client.get(f"/{place(self.form)}", {"fields": fields}, polls=True)
        whole, expired = told.get("leads_count"), told.get("expired_leads_count")
        if not isinstance(whole, int) or isinstance(whole, bool):
            return None
        return whole - (expired if isinstance(expired, int) else 0)

    def _page(self, going: Pass, after: str) -> tuple[Answer, Pass]:
        """Ask for a page, without the campaign where we may not see it."""
        asked = {"filtering": _since(going.since), "limit": str(PAGE), **({"after": after} if after else {})}
        path = f"/{place(self.form)}/leads"
        if not going.is_plain:
            try:
                return self.client.get(path, {**asked, "fields": WHOLE}, polls=True), going
            except BadQuestionError:
                if after:  # more likely the place than the fields
                    raise
            except ScopeError:  # where the lead itself is refused, this is said next
                pass
        return self.client.get(path, {**asked, "fields": PERSON}, polls=True), replace(going, is_plain=True)


@dataclass(frozen=True)
class LostPage:
    """A page whose forms we may not list: shown as a stream that stands still, with the reason, until it is back."""

    client: Client

    key: str
    title: str
    mailbox: str
    every: timedelta = timedelta(hours=1)
    records: str = RECORDS
    asked: str = "page 1"
    full_every: timedelta | None = None

    def begin(self) -> Cursor:
        return Cursor(Phase.INCREMENTAL, "listed")

    def pull(self, cursor: Cursor) -> Page:
        """Ask for one form: what is in the way is raised, and says what to do."""
        access(self.client)
        self.client.get(f"/{place(self.mailbox)}/leadgen_forms", {"fields": "id", "limit": "1"}, polls=True)
        return Page((), replace(cursor, phase=Phase.INCREMENTAL, token="listed", page=""), more=False)  # noqa: S106 - a mark


def stream(client: Client, form: str, title: str = "", every: timedelta = SHORTEST) -> LeadStream:
    """Return the stream of one form of a client's page."""
    return LeadStream(client, form, f"{RECORDS}:{client.mailbox}:{form}", title or form, client.mailbox, every)


def named(
    client: Client, remote_ids: Sequence[str], unwanted: Sequence[str] = ()
) -> Sequence[Upsert | Filtered | NotYet]:
    """Return leads that webhooks named.

    Args:
        unwanted: forms that a person switched off: of their leads only that there was one is kept.

    Raises:
        ScopeError: Meta shows none of them, and says that we may see no lead of this page at all.
        ConnectorError: as of `Client.get`.
    """
    ids = [one for one in remote_ids if one.isdecimal()]
    found = by_id(client, ids)
    if ids and not found:
        access(client)  # one answer for "not there" and "not for you", so something is asked for that is there
    left = {name for name, one in found.items() if str(one.get("form_id")) in unwanted}
    shown = upserts(client, [one for name, one in found.items() if name not in left], "", surely=False)
    return [
        *shown,
        *(Filtered(one, OFF) for one in sorted(left)),
        *(NotYet(one, NOT_SHOWN) for one in remote_ids if one not in found),
    ]


def access(client: Client) -> None:
    """Ask Meta whether we may see a page's leads.

    Source: https://developers.facebook.com/docs/graph-api/reference/page (has_lead_access)

    Raises:
        ScopeError: no; with Meta's own words for why, and for what to do.
        ConnectorError: not even the page is shown.
    """
    try:
        told = client.get(f"/{place(client.mailbox)}", {"fields": "id,has_lead_access"}).get("has_lead_access")
    except GoneError as error:
        raise ScopeError(f"Meta does not show the page {client.mailbox} itself. {error}") from error
    if isinstance(told, dict) and told.get("can_access_lead") is False:
        raise ScopeError(refused(told))


def refused(told: Mapping[str, Any]) -> str:
    """Return Meta's own words for why we may not see leads."""
    words = [told.get("failure_reason"), told.get("failure_resolution")]
    said = " ".join(word.strip() for word in words if isinstance(word, str) and word.strip())
    return f"Meta: {said or 'the app may not read the leads of this page'}"


def by_id(client: Client, ids: Sequence[str], *, tries: int = 200) -> dict[str, Answer]:
    """Return leads by their ids as far as they are shown, without the campaign where we may not see it."""
    if not ids:
        return {}
    try:
        return client.many(ids, WHOLE, tries=tries)
    except _REFUSED:
        return client.many(ids, PERSON, tries=tries)


def upserts(client: Client, leads: Sequence[Answer], form: str, *, surely: bool) -> list[Upsert]:
    """Return leads with the text of their forms.

    Args:
        form: where a lead does not say its own.
        surely: nobody waits for them, so what cannot be known now of a lead is asked for again.
    """
    of_form = [str(one.get("form_id") or form) for one in leads]
    texts = TEXTS.of(client, [one for one in of_form if one]) if leads else {}
    nothing = {"form": {}, "page": {"id": client.mailbox, "name": ""}}
    tests: set[str] = set()
    for form_id in dict.fromkeys(of_form):
        some = [one for one, of in zip(leads, of_form, strict=True) if of == form_id]
        tests |= SAMPLES.among(client, form_id, some, surely=surely)
    return [
        Upsert(str(one.get("id") or _odd(one)), {"lead": one, **texts.get(of, nothing), **_mark(one, tests)})
        for one, of in zip(leads, of_form, strict=True)
    ]


def _mark(lead: Answer, tests: AbstractSet[str]) -> dict[str, bool]:
    return {"test": True} if str(lead.get("id")) in tests else {}


def moment(value: Any) -> int:
    """Read Meta's way to write a moment; what is none is the beginning of time."""
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else int(value or 0)
    except (ValueError, TypeError, OverflowError):
        return 0


def _odd(lead: Answer) -> str:
    """Return a name for what has none: it is set aside, and not lost."""
    return f"odd {hashlib.sha256(json.dumps(lead, sort_keys=True).encode()).hexdigest()[:32]}"


def _since(seconds: int) -> str:
    rule = {"field": "time_created", "operator": "GREATER_THAN_OR_EQUAL", "value": seconds}
    return json.dumps([rule], separators=(",", ":"))


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _now() -> int:
    return int(datetime.now(UTC).timestamp())
