"""The phones of one exchange: whose extension is whose, what is a trunk, and the company's own numbers."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cti import phone_plan
from hub.errors import NotFoundError, UserError
from hub.intake import accounts
from hub.intake.models import Account
from hub.records.telephony import EndpointClass
from hub.security import users
from hub.security.models import User
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, connections
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("exchange_pages", __name__, url_prefix="/connections/<uuid:account_id>/phones")


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show phones, trunks, what nobody classified yet, and our own numbers."""
    return _page(account_id)


@blueprint.post("/extension")
@auth.needs(Right.MANAGE_CONNECTIONS)
def extension(account_id: UUID) -> ResponseReturnValue:
    """Add a phone, say anew whose it is, or remove it."""
    number = request.form.get("number", "")
    try:
        with current_hub().db.write() as session:
            row = _exchange(session, account_id)
            if request.form.get("do") == "remove":
                phone_plan.remove_extension(session, row.id, number)
                connections.record(session, row, "extension.removed", number=number)
            else:
                owner = _owner(session, request.form.get("user", ""))
                phone_plan.set_extension(session, row.id, number, owner, request.form.get("device", ""))
                connections.record(session, row, "extension.set", number=number, user=request.form.get("user", ""))
    except NotFoundError:
        raise
    except UserError as error:
        return _page(account_id, error)
    return redirect(url_for(".show", account_id=account_id), 303)


@blueprint.post("/endpoint")
@auth.needs(Right.MANAGE_CONNECTIONS)
def endpoint(account_id: UUID) -> ResponseReturnValue:
    """Say what stands behind channel names of a pattern, or forget it."""
    pattern, kind = request.form.get("pattern", ""), request.form.get("kind", "")
    try:
        with current_hub().db.write() as session:
            row = _exchange(session, account_id)
            if request.form.get("do") == "remove":
                phone_plan.remove_endpoint(session, row.id, pattern)
                connections.record(session, row, "endpoint.removed", pattern=pattern)
            else:
                phone_plan.set_endpoint(
                    session,
                    row.id,
                    pattern,
                    kind,
                    region=request.form.get("region", ""),
                    dial_prefix=request.form.get("dial_prefix", ""),
                    match_withheld="match_withheld" in request.form,
                )
                connections.record(session, row, "endpoint.set", pattern=pattern, kind=kind)
    except NotFoundError:
        raise
    except UserError as error:
        return _page(account_id, error)
    return redirect(url_for(".show", account_id=account_id), 303)


@blueprint.post("/own-number")
@auth.needs(Right.MANAGE_CONNECTIONS)
def own_number(account_id: UUID) -> ResponseReturnValue:
    """Add or remove a number of the company's own."""
    number = request.form.get("own", "")
    hub = current_hub()
    try:
        with hub.db.write() as session:
            row = _exchange(session, account_id)
            if request.form.get("do") == "remove":
                phone_plan.remove_own_number(session, number)
                connections.record(session, row, "own_number.removed", number=number)
            else:
                region = row.region or hub.settings.hub.region
                value = phone_plan.add_own_number(session, number, region, current_person().id)
                connections.record(session, row, "own_number.added", number=value)
    except NotFoundError:
        raise
    except UserError as error:
        return _page(account_id, error)
    return redirect(url_for(".show", account_id=account_id), 303)


def _page(account_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    hub = current_hub()
    with hub.db.read() as session:
        row = _exchange(session, account_id)
        connector = connections.connector_of(row.connector)
        assert connector.exchange is not None  # _exchange made sure
        exchange = connector.exchange(accounts.open_account(row, connector, hub.vault, hub.settings))
        region = row.region or hub.settings.hub.region
        phones = phone_plan.extensions(session, row.id)
        html = render_template(
            "admin/exchange.html",
            **account_page.frame(row, "phones"),
            phones=phones,
            without_phone=_without_phone(session, {user.id for _, user in phones if user}),
            people=[user for user in users.people(session) if user.disabled_at is None],
            rules=phone_plan.endpoints(session, row.id),
            unclassified=phone_plan.unclassified(session, row.id, region, exchange.guess),
            own=phone_plan.own_numbers(session),
            region=region,
            kinds=[str(kind) for kind in phone_plan.KINDS],
            trunk=EndpointClass.TRUNK,
            form=request.form if error else {},
            error=sentence(error) if error else "",
            field=error.field if error else "",
        )
    return html, 422 if error else 200


def _exchange(session: Session, account_id: UUID) -> Account:
    """Return the account of a telephone exchange.

    Raises:
        NotFoundError: there is none, or it is no exchange.
    """
    row = account_page.account_of(session, account_id)
    if connections.connector_of(row.connector).exchange is None:
        raise NotFoundError("This connection is no telephone exchange.")
    return row


def _owner(session: Session, public_id: str) -> int | None:
    if not public_id:
        return None
    try:
        wanted = UUID(public_id)
    except ValueError:
        raise NotFoundError("There is no such user.") from None
    found = session.scalar(select(User.id).where(User.public_id == wanted))
    if found is None:
        raise NotFoundError("There is no such user.")
    return found


def _without_phone(session: Session, having: set[int]) -> list[User]:
    return [user for user in users.people(session) if user.disabled_at is None and user.id not in having]
