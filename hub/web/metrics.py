"""Numbers for Prometheus: requests of this process, counted as they pass; everything else read from rows when asked.

Only for administrators' tokens and for programs on this machine.
"""

import ipaddress
import time
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import cast

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, Info, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.cti.models import CallRow, Pop
from hub.intake.models import Account, AccountState, RawRecord, StreamState
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import Role
from hub.store.base import now
from hub.web.api import access
from hub.web.api.operation import as_problem
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub

EXTENSION = "hub_metrics"
NOTHING_THERE = "(none)"  # one label for all addresses that lead nowhere: they are endless
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

blueprint = Blueprint("metrics", __name__)


class Metrics:
    """The registry of one app."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("hub_http_requests", "Requests answered", labels, registry=self.registry)
        self.seconds = Histogram(
            "hub_http_request_seconds", "Time to the answer's head", ("route",), buckets=BUCKETS, registry=self.registry
        )
        Info("hub_build", "What runs here", registry=self.registry).info({"version": version})
        self.registry.register(Rows())
        self.registry.register(Process())


class Rows(Collector):
    """What the database says, the same in every process."""

    def collect(self) -> Iterator[Metric]:
        with current_hub().db.read() as session:
            for read in (_accounts, _calls, _records, _waiting):
                yield from read(session)


class Process(Collector):
    """What only this process knows."""

    def collect(self) -> Iterator[Metric]:
        hub = current_hub()
        streams = hub.bus.listeners()
        yield _gauge("hub_live_streams", "Open event streams of browsers", sum(streams.values()))
        yield _gauge("hub_live_users", "Users with an open stream", len(streams))
        up = GaugeMetricFamily("hub_listener_up", "1: the threads that hear an exchange run", labels=("account",))
        depth = GaugeMetricFamily("hub_listener_queue", "Messages that wait to be understood", labels=("account",))
        for listener in list(hub.telephone.listeners.values()):
            up.add_metric((listener.name,), float(listener.alive))
            depth.add_metric((listener.name,), float(listener.depth))
        yield from (up, depth)


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    cast("Flask", state.app).extensions[EXTENSION] = Metrics(_version())


@blueprint.before_app_request
def _begin() -> None:
    g.metrics_began = time.perf_counter()


@blueprint.after_app_request
def _count(response: Response) -> Response:
    metrics = _metrics()
    route = request.url_rule.rule if request.url_rule else NOTHING_THERE
    method = request.method if request.method in _METHODS else "OTHER"
    metrics.requests.labels(method, route, str(response.status_code)).inc()
    if "metrics_began" in g:
        metrics.seconds.labels(route).observe(time.perf_counter() - g.metrics_began)
    return response


@blueprint.get("/metrics")
@as_problem
def show() -> Response:
    """Answer in Prometheus' text format."""
    if not _from_this_machine():
        person = access.read_token()
        if person is None or person.role != Role.ADMIN or access.scopes():
            raise FaultError(403, "Metrics need a token with the role admin that is limited to no scope", "forbidden")
    return Response(generate_latest(_metrics().registry), content_type=CONTENT_TYPE_LATEST)


def _from_this_machine() -> bool:
    """Say whether a program on this machine asks itself, not for somebody through a proxy that runs here."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _version() -> str:
    """Return the version of the installed package; a bare checkout has it in its project file."""
    try:
        return metadata.version("hub")
    except metadata.PackageNotFoundError:
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
        return str(project["project"]["version"])


def _metrics() -> Metrics:
    return cast("Metrics", current_app.extensions[EXTENSION])


def _accounts(session: Session) -> Iterator[Metric]:
    health = GaugeMetricFamily("hub_account_healthy", "1: nothing to do for a person", labels=("account", "health"))
    events = CounterMetricFamily("hub_call_events", "Messages of exchanges", labels=("account", "what"))
    for row in session.scalars(select(Account).where(Account.state != AccountState.REMOVED).order_by(Account.id)):
        health.add_metric((row.name, row.health), float(row.health != "needs_you"))
        for what, amount in sorted(row.facts.get("counters", {}).items()):
            events.add_metric((row.name, what), float(amount))
    yield from (health, events)


def _calls(session: Session) -> Iterator[Metric]:
    open_calls = session.scalar(select(func.count()).select_from(CallRow).where(CallRow.open))
    yield _gauge("hub_calls_open", "Calls that have not ended", open_calls)
    pops = CounterMetricFamily("hub_pops", "Cards shown to users")
    pops.add_metric((), float(session.scalar(select(func.max(Pop.id))) or 0))  # counting the rows would read them all
    yield pops


def _records(session: Session) -> Iterator[Metric]:
    records = GaugeMetricFamily("hub_raw_records", "Records by their state", labels=("state",))
    for state, amount in session.execute(select(RawRecord.state, func.count()).group_by(RawRecord.state)):
        records.add_metric((state,), float(amount))
    yield records


def _waiting(session: Session) -> Iterator[Metric]:
    outbox = select(func.count()).select_from(Outbox).where(Outbox.state == OutboxState.WAITING)
    yield _gauge("hub_outbox_waiting", "What waits to be sent", session.scalar(outbox))
    due = select(func.count()).select_from(StreamState).where(StreamState.due_at <= now())
    yield _gauge("hub_streams_due", "Streams to be read now", session.scalar(due))


def _gauge(name: str, text: str, value: float | None) -> Metric:
    gauge = GaugeMetricFamily(name, text)
    gauge.add_metric((), float(value or 0))
    return gauge
