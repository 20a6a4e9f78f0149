"""Send what waits for endpoints: at least once, in the order of each customer, each time with the same `webhook-id`.

Whoever has the lease of an endpoint sends to it, and writes down before and behind what he sends. What several threads
write at the same time goes in one transaction, since a transaction costs more than a request.

What is there when the process dies:
- before the first transaction: only the lease. It runs out, and another one begins;
- behind it: an attempt of each delivery of the batch, without an end. Nobody knows which of them left. Whoever has the lease
  next sends all of them again, under the ids that they had, and notes at the attempts before that their end was not seen;
- behind the transaction that follows: what came of a batch, together with the attempts of the next one or with the endpoint
  given back. So no result is kept twice, and nothing that was kept is sent again.
The next event of a customer may go only by what is kept, so the order stays whoever dies. A receiver that does what the
specification asks notices by the id what came twice.
"""

import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.http import retry_after_of
from hub.events.models import Event
from hub.security.outside import Line, Lines, NoAnswerError, RefusedError
from hub.security.vault import Vault
from hub.settings import Webhooks
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.store.together import Together
from hub.webhooks import fault, plan, sign
from hub.webhooks.models import DeliveryState, Off, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from hub.work.lease import Lease, LeaseLostError

BATCH = 10  # kept together
BATCH_S = 0.5  # and not longer than this
SLICE_S = 5.0  # then other endpoints may go first
_SLOW_DOWN = frozenset({429, 502, 503, 504})
_GONE = 410
_log = log.get(__name__)
_ATTEMPT = cast("Table", WebhookAttempt.__table__)
# The first of each customer that waits, what is due first before the others.
_FIRST = (
    select(WebhookDelivery.id, WebhookDelivery.due_at, Event)
    .join(Event, Event.id == WebhookDelivery.event_id)
    .where(
        WebhookDelivery.endpoint_id == bindparam("endpoint"),
        WebhookDelivery.state == DeliveryState.WAITING,
        WebhookDelivery.due_at.is_not(None),
    )
    .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
    .limit(BATCH)
)
_KEPT = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt_id"))
    .values({name: bindparam(f"new_{name}") for name in ("ok", "status", "ms", "error", "answer")})
)


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Return the present moment."""


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery to be sent now."""

    delivery_id: int
    attempt_id: int
    subject: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """What is sent to an endpoint before anything is kept again."""

    url: str
    allow_private: bool
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one request."""

    item: Item
    ms: int
    status: int | None = None
    error: str = ""
    answer: str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_trouble(self) -> bool:
        """Say whether the whole endpoint should be left alone for a while."""
        return self.status is None or self.status >= 500 or self.status in _SLOW_DOWN


@dataclass(frozen=True, slots=True)
class Step:
    """What whoever has a lease wants written down.

    Args:
        batch: what was to be sent; None: he begins.
        results: of the first of the batch; the others were not sent.
        has_time: he goes on if there is more.
    """

    lease: Lease
    batch: Batch | None = None
    results: Sequence[Result] = ()
    has_time: bool = True


class Sender:
    """Sends to endpoints; for several threads."""

    def __init__(self, db: Database, vault: Vault, settings: Webhooks, clock: Clock = now) -> None:
        self._db = db
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._writing: Together[Step, Batch | Exception | None] = Together(self._write)
        self._lines = Lines()
        weakref.finalize(self, self._lines.close)

    def due(self) -> ColumnElement[bool]:
        """Return which endpoints have something to be sent now."""
        return (WebhookEndpoint.due_at <= self._clock()) & WebhookEndpoint.disabled_at.is_(None)

    def first(self) -> Sequence[Any]:
        """Return which go first: those that wait for longest."""
        return (WebhookEndpoint.due_at,)

    def run(self, lease: Lease) -> None:
        """Send what is due to one endpoint, for a while."""
        ends = time.monotonic() + SLICE_S
        batch = self._written(Step(lease))
        while batch is not None:
            results = self._send(batch)
            batch = self._written(Step(lease, batch, results, has_time=time.monotonic() < ends))

    def _written(self, step: Step) -> Batch | None:
        """Write down what came and what is sent next, with whoever else writes now."""
        came = self._writing.do(step)
        if isinstance(came, LeaseLostError):
            _log.warning("another worker sends to this endpoint now", endpoint=step.lease.id)
            return None
        if isinstance(came, Exception):
            raise came
        return came

    # --- what is written down -------------------------------------------------------------------------------------------

    def _write(self, steps: Sequence[Step]) -> Sequence[Batch | Exception | None]:
        """Write steps of several endpoints down in one transaction; returns what each sends next, or why it may not."""
        try:
            with self._db.write() as session:
                mine = _held(session, steps)
                moment = self._clock()
                _settle(session, mine, moment)
                with session.no_autoflush:  # each of many small looks would write what changed until then by itself
                    items = self._next(session, mine, moment)
        except DATABASE_AWAY as away:
            return [away] * len(steps)  # by itself each would only wait once more
        lost = LeaseLostError()
        held = {step.lease for step, _ in mine}
        return [items.get(step.lease) if step.lease in held else lost for step in steps]

    def _next(
        self, session: Session, mine: Sequence[tuple[Step, WebhookEndpoint]], moment: datetime
    ) -> Mapping[Lease, Batch]:
        """Write down what is sent next, and give back the endpoints to which nothing is."""
        wanted: list[tuple[Step, WebhookEndpoint, list[tuple[int, Event]]]] = []
        empty: list[WebhookEndpoint] = []
        for step, endpoint in mine:
            rows, endpoint.due_at = _first(session, endpoint, moment)
            rests = endpoint.rest_until is not None and endpoint.rest_until > moment
            if rows and step.has_time and not rests and endpoint.disabled_at is None:
                wanted.append((step, endpoint, rows))
                continue
            endpoint.owner, endpoint.lease_until = "", None
            if endpoint.disabled_at is not None:
                endpoint.due_at = None
            elif endpoint.due_at is None:
                empty.append(endpoint)
            elif endpoint.rest_until is not None:
                endpoint.due_at = max(endpoint.due_at, endpoint.rest_until)
        _look_behind(session, empty, moment)
        return self._batches(session, wanted, moment)

    def _batches(
        self,
        session: Session,
        wanted: Sequence[tuple[Step, WebhookEndpoint, list[tuple[int, Event]]]],
        moment: datetime,
    ) -> Mapping[Lease, Batch]:
        headers, bodies = {}, {}
        for _, endpoint, rows in wanted:
            secrets = sign.in_force(self._vault, endpoint, moment)
            for number, event in rows:
                body = bodies[number] = sign.body(event)
                headers[number] = {
                    "Content-Type": "application/json",
                    "User-Agent": "Hub-Webhooks/1",
                    **sign.headers(str(event.public_id), moment, body, secrets),
                }
        attempts = _begun(session, headers, moment)
        return {
            step.lease: Batch(
                endpoint.url,
                endpoint.allow_private and self._settings.allow_private,
                [Item(one, attempts[one], event.subject, bodies[one], headers[one]) for one, event in rows],
            )
            for step, endpoint, rows in wanted
        }

    # --- sending --------------------------------------------------------------------------------------------------------

    def _send(self, batch: Batch) -> list[Result]:
        """Send one after the other, until the endpoint is in trouble or it is time to keep what came of them."""
        results: list[Result] = []
        ends = time.monotonic() + BATCH_S
        terms = self._settings
        try:
            with self._lines.lent(
                batch.url, allow_private=batch.allow_private, timeout_s=terms.timeout_s, ca_file=terms.ca_file
            ) as line:
                for item in batch.items:
                    if results and time.monotonic() >= ends:
                        break
                    results.append(_posted(line, item))
                    if results[-1].is_trouble or results[-1].status == _GONE:
                        break
        except RefusedError as error:  # an address that was kept under other rules
            results.append(Result(batch.items[0], 0, error=fault.of_error(error).stored))
        return results


def _posted(line: Line, item: Item) -> Result:
    began = time.monotonic()

    def result(**came: Any) -> Result:
        return Result(item, round((time.monotonic() - began) * 1000), **came)

    try:
        answer = line.post(item.body, item.headers)
    except (RefusedError, NoAnswerError) as error:
        return result(error=fault.of_error(error).stored)
    wrong = fault.of_answer(answer.status)
    return result(
        status=answer.status,
        error=wrong.stored if wrong else "",
        answer=_as_text(answer.start),
        retry_after=retry_after_of(answer.headers) if answer.status in _SLOW_DOWN else None,
    )


def _as_text(start: bytes) -> str:
    text = start.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


# --- rows of several endpoints, in one transaction ----------------------------------------------------------------------


def _held(session: Session, steps: Sequence[Step]) -> Sequence[tuple[Step, WebhookEndpoint]]:
    """Return the endpoints that are still ours, for nobody else to take until the end of the transaction."""
    # By their numbers, as everybody locks them who locks several.
    query = select(WebhookEndpoint).where(WebhookEndpoint.id.in_({step.lease.id for step in steps}))
    rows = session.scalars(query.order_by(WebhookEndpoint.id).with_for_update())
    held = {Lease(row.id, row.owner, row.attempt): row for row in rows}
    return [(step, held[step.lease]) for step in steps if step.lease in held]


def _first(
    session: Session, endpoint: WebhookEndpoint, moment: datetime
) -> tuple[list[tuple[int, Event]], datetime | None]:
    """Return what is due now, and when the first one is; what the endpoint wants no longer is dropped."""
    while True:
        found = session.execute(_FIRST, {"endpoint": endpoint.id}).all()
        due = [(number, event) for number, at, event in found if at is not None and at <= moment]
        if wanted := [(number, event) for number, event in due if plan.wants(endpoint.types, event.type)]:
            return wanted, moment
        if not due:
            return [], found[0].due_at if found else None
        _end(session, [number for number, _ in due], DeliveryState.DROPPED, moment)
        plan.unblock(session, [endpoint.id], {event.subject for _, event in due}, moment=moment)


def _look_behind(session: Session, endpoints: Sequence[WebhookEndpoint], moment: datetime) -> None:
    """Let those go on for which something waits behind what was erased."""
    if not endpoints:
        return
    ids = [one.id for one in endpoints]
    query = select(WebhookDelivery.endpoint_id).where(
        WebhookDelivery.endpoint_id.in_(ids), WebhookDelivery.state == DeliveryState.WAITING
    )
    stuck = set(session.scalars(query.distinct()))
    if stuck:
        plan.unblock(session, stuck, moment=moment)
    for endpoint in endpoints:
        if endpoint.id in stuck:
            plan.wake(endpoint, moment)


def _begun(session: Session, headers: Mapping[int, Mapping[str, str]], moment: datetime) -> Mapping[int, int]:
    """Put attempts of some deliveries into the log; returns their numbers by those of the deliveries."""
    if not headers:
        return {}
    session.execute(
        update(WebhookAttempt)
        .where(WebhookAttempt.delivery_id.in_(list(headers)))
        .where(WebhookAttempt.ok.is_(None), WebhookAttempt.error == "")
        .values(error=fault.Fault(fault.Code.BROKEN_OFF).stored)
        .execution_options(synchronize_session=False)
    )
    rows = [{"delivery_id": number, "at": moment, "headers": sent} for number, sent in headers.items()]
    made = session.execute(insert(_ATTEMPT).returning(_ATTEMPT.c.delivery_id, _ATTEMPT.c.id), rows)
    return {row.delivery_id: row.id for row in made}


def _settle(session: Session, mine: Sequence[tuple[Step, WebhookEndpoint]], moment: datetime) -> None:
    """Keep what came of requests, and let the events go that waited for them."""
    unsent: list[int] = []
    kept: list[dict[str, Any]] = []
    sent: list[int] = []
    over: dict[int, set[str]] = {}  # subjects of each endpoint
    for step, endpoint in mine:
        if step.batch is None:
            continue
        unsent += [item.attempt_id for item in step.batch.items[len(step.results) :]]
        for result in step.results:
            _judge(endpoint, result, moment)
            kept.append(
                {
                    "attempt_id": result.item.attempt_id, "new_ok": result.ok, "new_status": result.status,
                    "new_ms": result.ms, "new_error": result.error, "new_answer": result.answer,
                }
            )  # fmt: skip
            if result.ok:
                sent.append(result.item.delivery_id)
            if result.ok or _fails(session, result, moment):
                over.setdefault(endpoint.id, set()).add(result.item.subject)
    if unsent:
        session.execute(delete(_ATTEMPT).where(_ATTEMPT.c.id.in_(unsent)))
    if kept:  # where it was erased meanwhile there is no row, and nothing is kept
        session.execute(_KEPT, kept)
    _end(session, sent, DeliveryState.SENT, moment)
    session.flush()
    plan.unblock(session, over, {subject for some in over.values() for subject in some}, moment=moment)


def _end(session: Session, ids: Sequence[int], state: DeliveryState, moment: datetime) -> None:
    if ids:
        session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id.in_(ids), WebhookDelivery.state == DeliveryState.WAITING)
            .values(state=state, done_at=moment, due_at=None)
            .execution_options(synchronize_session=False)
        )


def _fails(session: Session, result: Result, moment: datetime) -> bool:
    """Plan the next try; says whether that was the last one."""
    one = session.get(WebhookDelivery, result.item.delivery_id)
    if one is None or one.state != DeliveryState.WAITING:
        return False
    one.failures += 1
    one.due_at = None if result.status == _GONE else plan.next_try(one.failures, moment, result.retry_after)
    if one.due_at is not None:
        return False
    one.state, one.done_at = DeliveryState.FAILED, moment
    return True


# --- how an endpoint is -------------------------------------------------------------------------------------------------


def _judge(endpoint: WebhookEndpoint, result: Result, moment: datetime) -> None:
    """Keep how an endpoint is by what came of one request."""
    if result.ok:
        endpoint.failing_since, endpoint.succeeded_at = None, moment
        endpoint.troubles, endpoint.rest_until, endpoint.last_error = 0, None, ""
        return
    endpoint.failing_since = endpoint.failing_since or moment
    endpoint.last_error = result.error
    if result.is_trouble:
        endpoint.troubles += 1
        asked = timedelta(seconds=result.retry_after or 0)
        endpoint.rest_until = moment + max(plan.rest(endpoint.troubles), min(asked, plan.LONGEST_SILENCE))
    if result.status == _GONE:
        _turn_off([endpoint], Off.GONE, moment)
    elif moment - endpoint.failing_since >= plan.OFF_AFTER:
        _turn_off([endpoint], Off.FAILING, moment)


def judge_silent(session: Session, moment: datetime | None = None) -> None:
    """Turn off endpoints that failed for days and to which nothing is left to be sent: no request would judge them."""
    moment = moment or now()
    query = select(WebhookEndpoint).where(
        WebhookEndpoint.disabled_at.is_(None),
        WebhookEndpoint.due_at.is_(None),
        WebhookEndpoint.failing_since <= moment - plan.OFF_AFTER,
    )
    _turn_off(session.scalars(query.order_by(WebhookEndpoint.id).with_for_update()), Off.FAILING, moment)


def _turn_off(endpoints: Iterable[WebhookEndpoint], why: Off, moment: datetime) -> None:
    for one in endpoints:
        if one.disabled_at is None:
            one.disabled_at, one.disabled_why, one.told, one.told_at = moment, why, [], None
            _log.warning("a webhook endpoint was turned off", endpoint=str(one.public_id), why=str(why))
