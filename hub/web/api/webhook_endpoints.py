"""Webhook endpoints: who is told of events, what was sent to them, and sending it again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.events.models import Event
from hub.security.outside import LONGEST_URL
from hub.security.policy import Right
from hub.web.api import paging
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.frame import current_hub, current_person
from hub.web.webhook_words import in_english
from hub.webhooks import endpoints as store
from hub.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

_RIGHT = Right.MANAGE_CONNECTIONS
_ONE = "/webhook-endpoints/<uuid:endpoint_id>"


class EndpointShape(BaseModel):
    """An address that is told of events."""

    id: UUID
    name: str
    url: str
    types: list[str] = Field(description="Which events; empty: all")
    allow_private: bool = Field(description="It may lie in our own network, where the hub's settings allow that")
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str = Field(description="person, failing (nothing succeeded for five days) or gone (it answered 410)")
    failing_since: datetime | None = Field(description="Nothing succeeded since then")
    succeeded_at: datetime | None
    last_error: str
    old_secret_until: datetime | None = Field(description="So long the secret before the newest signs too")


class NewEndpointShape(EndpointShape):
    """An endpoint with its secret."""

    secret: str = Field(description="Shown this once; keep it where the receiver finds it")


class EndpointPage(paging.Page[EndpointShape]):
    """A page of endpoints."""


class SecretShape(BaseModel):
    """A new secret."""

    secret: str = Field(description="Shown this once")
    old_secret_until: datetime = Field(description="So long every request carries a signature with the old one too")


class AttemptShape(BaseModel):
    """One request."""

    at: datetime
    ok: bool | None = Field(description="null: it runs, or nobody knows what became of it")
    status: int | None = Field(description="Of HTTP; null: there was no answer")
    ms: int | None
    error: str
    answer: str = Field(description="The first 2 KB of what came back")
    headers: dict[str, str] = Field(description="As they were sent")


class DeliveryShape(BaseModel):
    """One event for one endpoint."""

    id: UUID
    event: UUID = Field(description="The `webhook-id` of every request")
    type: str
    state: str = Field(description=", ".join(DeliveryState))
    failures: int
    due_at: datetime | None = Field(
        description="The next try; null: over, or an earlier event of the same customer waits"
    )
    created_at: datetime
    done_at: datetime | None
    is_replay: bool
    attempts: list[AttemptShape]


class DeliveryPage(paging.Page[DeliveryShape]):
    """A page of deliveries."""


class DeliveryQuery(paging.Paging):
    """Which deliveries."""

    state: DeliveryState | None = None


class NewEndpoint(Body):
    """An endpoint to be added."""

    url: str = Field(min_length=1, max_length=LONGEST_URL, description="https://")
    name: str = Field("", max_length=store.LONGEST_NAME, description="Without one, the host's")
    types: list[str] = Field(default=[], max_length=100, description="Which events; empty: all")
    allow_private: bool = False


class EndpointChange(Body):
    """What is to be changed; what is not named stays."""

    url: str | None = Field(None, min_length=1, max_length=LONGEST_URL)
    name: str | None = Field(None, max_length=store.LONGEST_NAME)
    types: list[str] | None = Field(None, max_length=100)
    allow_private: bool | None = None
    enabled: bool | None = None


class Range(Body):
    """What is to be sent again."""

    since: Moment
    until: Moment
    only_failed: bool = Field(default=True, description="What never arrived; false: everything the endpoint wants")


class Counted(BaseModel):
    """How many events wait to be sent again."""

    events: int


@serve(Operation("GET", "/webhook-endpoints", "Who is told of events", _RIGHT, EndpointPage, query=paging.Paging))
def webhook_endpoints(session: Session, query: paging.Paging) -> EndpointPage:
    """List all endpoints."""
    page, following = paging.part(store.listed(session), query, lambda one: [one.id])
    return EndpointPage(items=[EndpointShape(**_facts(one)) for one in page], next=following)


@serve(
    Operation(
        "POST", "/webhook-endpoints", "Add an endpoint", _RIGHT, NewEndpointShape, body=NewEndpoint, status=201,
        way=Way.WRITE, tells_secret=True,
    )
)  # fmt: skip
def add_webhook_endpoint(session: Session, body: NewEndpoint) -> NewEndpointShape:
    """Add one; the answer has its secret."""
    hub = current_hub()
    row, secret = store.add(
        session, hub.vault, hub.settings.webhooks, current_person(),
        url=body.url, name=body.name, types=body.types, allow_private=body.allow_private,
    )  # fmt: skip
    return NewEndpointShape(**_facts(row), secret=secret)


@serve(Operation("GET", _ONE, "One endpoint", _RIGHT, EndpointShape))
def webhook_endpoint(session: Session, endpoint_id: UUID) -> EndpointShape:
    """Show one."""
    return EndpointShape(**_facts(store.get(session, endpoint_id)))


@serve(
    Operation("PATCH", _ONE, "Change an endpoint, turn it off or on", _RIGHT, EndpointShape, body=EndpointChange,
              way=Way.WRITE)
)  # fmt: skip
def change_webhook_endpoint(session: Session, endpoint_id: UUID, body: EndpointChange) -> EndpointShape:
    """Change what is named."""
    row, person = store.get(session, endpoint_id, lock=True), current_person()
    named = body.model_dump(exclude_unset=True, exclude={"enabled"})
    if named:
        store.change(session, current_hub().settings.webhooks, person, row, **named)
    if body.enabled is not None:
        (store.enable if body.enabled else store.disable)(session, person, row)
    session.flush()
    return EndpointShape(**_facts(row))


@serve(Operation("DELETE", _ONE, "Remove an endpoint with its log", _RIGHT, None, way=Way.WRITE))
def remove_webhook_endpoint(session: Session, endpoint_id: UUID) -> None:
    """Remove one."""
    store.remove(session, current_person(), store.get(session, endpoint_id, lock=True))


@serve(
    Operation("POST", f"{_ONE}/rotate-secret", "Give it a new secret", _RIGHT, SecretShape, way=Way.WRITE,
              tells_secret=True)
)  # fmt: skip
def rotate_webhook_secret(session: Session, endpoint_id: UUID) -> SecretShape:
    """Make a new secret; the old one signs beside it for a day."""
    row = store.get(session, endpoint_id, lock=True)
    secret = store.rotate(session, current_hub().vault, current_person(), row)
    assert row.old_until is not None, "it rotates now"
    return SecretShape(secret=secret, old_secret_until=row.old_until)


@serve(Operation("POST", f"{_ONE}/test", "Send a test event", _RIGHT, DeliveryShape, status=201, way=Way.WRITE))
def test_webhook_endpoint(session: Session, endpoint_id: UUID) -> DeliveryShape:
    """Let an event `webhook.test` wait for it."""
    row = store.get(session, endpoint_id, lock=True)
    return _shaped(session, [store.test(session, current_person(), row)])[0]


@serve(
    Operation("GET", f"{_ONE}/deliveries", "What was sent to it, the newest first", _RIGHT, DeliveryPage,
              query=DeliveryQuery)
)  # fmt: skip
def webhook_deliveries(session: Session, endpoint_id: UUID, query: DeliveryQuery) -> DeliveryPage:
    """List deliveries with their requests."""
    row = store.get(session, endpoint_id)
    wanted = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == row.id)
    if query.state is not None:
        wanted = wanted.where(WebhookDelivery.state == query.state)
    if (place := paging.position(query)) is not None:
        wanted = wanted.where(WebhookDelivery.id < int(place[0]))
    rows = session.scalars(wanted.order_by(WebhookDelivery.id.desc()).limit(query.limit + 1)).all()
    page, following = paging.cut(rows, query.limit, lambda one: [one.id])
    return DeliveryPage(items=_shaped(session, page), next=following)


@serve(
    Operation("POST", f"{_ONE}/deliveries/<uuid:delivery_id>/replay", "Send one event again", _RIGHT, DeliveryShape,
              status=201, way=Way.WRITE, errors=(409,))
)  # fmt: skip
def replay_webhook_delivery(session: Session, endpoint_id: UUID, delivery_id: UUID) -> DeliveryShape:
    """Let one event wait again, under the same `webhook-id`."""
    row = store.get(session, endpoint_id, lock=True)
    made = store.send_again(session, current_person(), row, store.delivery(session, delivery_id))
    return _shaped(session, [made])[0]


@serve(
    Operation("POST", f"{_ONE}/replay", "Send again what happened in a time", _RIGHT, Counted, body=Range,
              way=Way.WRITE)
)  # fmt: skip
def replay_webhook_range(session: Session, endpoint_id: UUID, body: Range) -> Counted:
    """Let the events of a time wait again."""
    row = store.get(session, endpoint_id, lock=True)
    return Counted(
        events=store.send_range(session, current_person(), row, body.since, body.until, only_failed=body.only_failed)
    )


def _facts(row: WebhookEndpoint) -> dict[str, object]:
    names = (
        "name", "url", "types", "allow_private", "created_at", "disabled_at", "disabled_why", "failing_since",
        "succeeded_at",
    )  # fmt: skip
    facts = {name: getattr(row, name) for name in names}
    return {
        "id": row.public_id, "old_secret_until": row.old_until, "last_error": in_english(row.last_error), **facts,
    }  # fmt: skip


def _shaped(session: Session, rows: Sequence[WebhookDelivery]) -> list[DeliveryShape]:
    attempts = store.attempts(session, [row.id for row in rows])
    events = {one.id: one for one in session.scalars(select(Event).where(Event.id.in_({row.event_id for row in rows})))}
    return [
        DeliveryShape(
            id=row.public_id, event=events[row.event_id].public_id, type=events[row.event_id].type, state=row.state,
            failures=row.failures, due_at=row.due_at, created_at=row.created_at, done_at=row.done_at,
            is_replay=row.replay_of is not None,
            attempts=[
                AttemptShape(
                    at=one.at, ok=one.ok, status=one.status, ms=one.ms, error=in_english(one.error),
                    answer=one.answer, headers=one.headers,
                )
                for one in attempts.get(row.id, [])
            ],
        )
        for row in rows
    ]  # fmt: skip
