"""Webhook endpoints on pages of administrators: their health, their log, and sending again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, lazy_gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.events.models import Event
from hub.events.types import TYPES
from hub.security.outside import LONGEST_URL
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth, clock, webhook_words
from hub.web.console import wording
from hub.web.frame import current_hub, current_person
from hub.webhooks import endpoints, sign
from hub.webhooks.models import DeliveryState, WebhookAttempt, WebhookDelivery, WebhookEndpoint

blueprint = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")
SHOWN = 50  # deliveries on one page
_FAULTS: Mapping[str, LazyString] = {
    "bad_webhook_url": lazy_gettext(
        "Write a whole address that begins with https://, without a user, a password or a part behind #."
    ),
    "private_address": lazy_gettext("This is an address of our own network, which is not allowed."),
    "private_not_allowed": lazy_gettext(
        "Addresses of our own network are allowed by whoever looks after the machine: webhooks.allow_private."
    ),
    "unknown_type": lazy_gettext("Choose events from the list."),
    "webhook_off": lazy_gettext("This endpoint is off. Turn it on first."),
    "bad_range": lazy_gettext("Write a beginning, and an end that lies behind it."),
    "too_many": lazy_gettext("This is too much at once; choose a shorter time, or remove an endpoint first."),
    "conflict": lazy_gettext("It waits to be sent already."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of the log."""

    row: WebhookDelivery
    event: Event
    attempts: Sequence[WebhookAttempt]

    @property
    def last(self) -> WebhookAttempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def body(self) -> str:
        """Return what is sent: the same each time."""
        return sign.body(self.event).decode("utf-8", "replace")


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show() -> ResponseReturnValue:
    """List the endpoints."""
    with current_hub().db.read() as session:
        return render_template("admin/webhooks.html", rows=endpoints.listed(session), counts=endpoints.counts(session))


@blueprint.route("/new", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_CONNECTIONS)
def new() -> ResponseReturnValue:
    """Show the form of a new endpoint, and add it; its secret is shown this once."""
    hub = current_hub()
    if request.method == "GET":
        return _form(None, None)
    try:
        with hub.db.write() as session:
            row, secret = endpoints.add(session, hub.vault, hub.settings.webhooks, current_person(), **_typed())
    except UserError as error:
        return _form(None, error)
    return _one(row.public_id, secret=secret)


@blueprint.get("/<uuid:public_id>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def one(public_id: UUID) -> ResponseReturnValue:
    """Show one endpoint with its log."""
    return _one(public_id)


@blueprint.route("/<uuid:public_id>/change", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(public_id: UUID) -> ResponseReturnValue:
    """Change address, name and filter."""
    hub = current_hub()
    if request.method == "GET":
        return _form(public_id, None)
    try:
        with hub.db.write() as session:
            row = endpoints.get(session, public_id, lock=True)
            endpoints.change(session, hub.settings.webhooks, current_person(), row, **_typed())
    except NotFoundError:
        raise
    except UserError as error:
        return _form(public_id, error)
    return redirect(url_for(".one", public_id=public_id), 303)


@blueprint.post("/<uuid:public_id>/<any(enable, disable, test):what>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def switch(public_id: UUID, what: str) -> ResponseReturnValue:
    """Turn an endpoint on or off, or send it a test."""
    do = {"enable": endpoints.enable, "disable": endpoints.disable, "test": endpoints.test}[what]
    try:
        with current_hub().db.write() as session:
            do(session, current_person(), endpoints.get(session, public_id, lock=True))
    except NotFoundError:
        raise
    except UserError as error:
        return _one(public_id, error=error)
    return redirect(url_for(".one", public_id=public_id), 303)


@blueprint.post("/<uuid:public_id>/rotate")
@auth.needs(Right.MANAGE_CONNECTIONS)
def rotate(public_id: UUID) -> ResponseReturnValue:
    """Give an endpoint a new secret, which is shown this once."""
    hub = current_hub()
    with hub.db.write() as session:
        secret = endpoints.rotate(session, hub.vault, current_person(), endpoints.get(session, public_id, lock=True))
    return _one(public_id, secret=secret)


@blueprint.post("/<uuid:public_id>/replay")
@auth.needs(Right.MANAGE_CONNECTIONS)
def replay(public_id: UUID) -> ResponseReturnValue:
    """Send again what happened in a time, as it is typed in the person's own zone."""
    try:
        with current_hub().db.write() as session:
            row = endpoints.get(session, public_id, lock=True)
            count = endpoints.send_range(
                session, current_person(), row, _moment("since"), _moment("until"),
                only_failed=request.form.get("what") != "all",
            )  # fmt: skip
    except NotFoundError:
        raise
    except UserError as error:
        return _one(public_id, error=error)
    return redirect(url_for(".one", public_id=public_id, again=count), 303)


@blueprint.post("/<uuid:public_id>/missed")
@auth.needs(Right.MANAGE_CONNECTIONS)
def missed(public_id: UUID) -> ResponseReturnValue:
    """Send what an endpoint missed while it failed or was off; or say that it is not wanted."""
    count = 0
    try:
        with current_hub().db.write() as session:
            row = endpoints.get(session, public_id, lock=True)
            if row.missed_since is not None and request.form.get("what") == "send":
                count = endpoints.send_range(session, current_person(), row, row.missed_since, now())
            row.missed_since = None
    except NotFoundError:
        raise
    except UserError as error:
        return _one(public_id, error=error)
    return redirect(url_for(".one", public_id=public_id, again=count), 303)


@blueprint.post("/<uuid:public_id>/deliveries/<uuid:delivery_id>/replay")
@auth.needs(Right.MANAGE_CONNECTIONS)
def send_again(public_id: UUID, delivery_id: UUID) -> ResponseReturnValue:
    """Send one event again."""
    try:
        with current_hub().db.write() as session:
            row = endpoints.get(session, public_id, lock=True)
            endpoints.send_again(session, current_person(), row, endpoints.delivery(session, delivery_id))
    except NotFoundError:
        raise
    except UserError as error:
        return _one(public_id, error=error)
    return redirect(url_for(".one", public_id=public_id, again=1), 303)


@blueprint.route("/<uuid:public_id>/remove", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_CONNECTIONS)
def remove(public_id: UUID) -> ResponseReturnValue:
    """Ask whether an endpoint is to be removed, and remove it."""
    if request.method == "GET":
        with current_hub().db.read() as session:
            return render_template("admin/webhook_remove.html", row=endpoints.get(session, public_id))
    with current_hub().db.write() as session:
        endpoints.remove(session, current_person(), endpoints.get(session, public_id, lock=True))
    return redirect(url_for(".show"), 303)


def _sentence(error: UserError) -> str:
    known = _FAULTS.get(error.error_id)
    return wording.sentence(error) if known is None else str(known)


def _typed() -> dict[str, Any]:
    form = request.form
    return {
        "url": form.get("url", "").strip(),
        "name": form.get("name", "").strip(),
        "types": form.getlist("types") if form.get("which") == "some" else [],
        "allow_private": "allow_private" in form,
    }


def _moment(name: str) -> datetime:
    try:
        at = datetime.fromisoformat(request.form.get(name, ""))
    except ValueError:
        raise UserError("Write a day and a time.", error_id="bad_range", field=name) from None
    if not 2000 <= at.year <= 2200:
        raise UserError("Write a day and a time.", error_id="bad_range", field=name)
    return at.replace(tzinfo=clock.zone())


def _form(public_id: UUID | None, error: UserError | None) -> ResponseReturnValue:
    hub = current_hub()
    with hub.db.read() as session:
        row = endpoints.get(session, public_id) if public_id is not None else None
    kept = {"url": row.url, "name": row.name, "types": row.types, "allow_private": row.allow_private} if row else {}
    html = render_template(
        "admin/webhook_form.html",
        row=row,
        values=_typed() if error else kept,
        some=(request.form.get("which") == "some") if error else bool(kept.get("types")),
        types=TYPES,
        can_be_private=hub.settings.webhooks.allow_private,
        longest_url=LONGEST_URL,
        longest_name=endpoints.LONGEST_NAME,
        error=_sentence(error) if error else "",
        field=error.field if error else "",
    )
    return html, 422 if error else 200


def _one(public_id: UUID, *, secret: str = "", error: UserError | None = None) -> ResponseReturnValue:
    asked = request.args.get("state", "")
    state = asked if asked in set(DeliveryState) else ""
    before = request.args.get("before", "")
    with current_hub().db.read() as session:
        row = endpoints.get(session, public_id)
        rows = _deliveries(session, row, state, int(before) if before.isdecimal() and len(before) < 18 else None)
        page = _lines(session, rows[:SHOWN])
        moment = now().astimezone(clock.zone())
        html = render_template(
            "admin/webhook.html",
            row=row,
            lines=page,
            more=page[-1].row.id if len(rows) > SHOWN else None,
            state=state,
            states=list(DeliveryState),
            counts=endpoints.counts(session).get(row.id, {}),
            said=webhook_words.shown,
            secret=secret,
            again=request.args.get("again", ""),
            since=(moment - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
            until=(moment + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M"),
            error=_sentence(error) if error else "",
        )
    return html, 422 if error else 200


def _deliveries(session: Session, row: WebhookEndpoint, state: str, before: int | None) -> Sequence[WebhookDelivery]:
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == row.id)
    if state:
        query = query.where(WebhookDelivery.state == state)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    return session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(SHOWN + 1)).all()


def _lines(session: Session, rows: Sequence[WebhookDelivery]) -> list[Line]:
    attempts = endpoints.attempts(session, [one.id for one in rows])
    events = {one.id: one for one in session.scalars(select(Event).where(Event.id.in_({row.event_id for row in rows})))}
    return [Line(one, events[one.event_id], attempts.get(one.id, [])) for one in rows]
