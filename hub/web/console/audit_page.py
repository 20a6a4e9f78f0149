"""The audit, the list of call outcomes, and raw records: what an administrator looks up and decides for all."""

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from sqlalchemy import select

from hub.cti import wrap_up
from hub.errors import UserError
from hub.fields import definitions
from hub.fields.definitions import Fields
from hub.intake.models import Account, RawRecord, RawState
from hub.log import SECRET_KEYS
from hub.security import audit
from hub.security.models import Audit, Choice
from hub.security.policy import Right
from hub.store.public import by_public_id
from hub.web import auth
from hub.web.console import field_words, reasons, streams
from hub.web.frame import current_hub, current_person
from hub.web.jinja import TURNING

blueprint = Blueprint("audit_page", __name__, url_prefix="/admin")
PAGE = 50
MOST_OUTCOMES = 40
LONGEST_OUTCOME = 60
LONGEST_PAYLOAD = 200_000  # characters shown


@blueprint.get("/audit")
@auth.needs(Right.SEE_AUDIT)
def show() -> ResponseReturnValue:
    """Show who did or saw what, newest first."""
    action, subject, actor = (request.args.get(name, "").strip() for name in ("action", "subject", "actor"))
    before = request.args.get("before", type=int)
    lines = select(Audit).order_by(Audit.id.desc()).limit(PAGE + 1)
    if action:
        lines = lines.where(Audit.action.startswith(action, autoescape=True))
    if subject:
        lines = lines.where((Audit.subject == subject) | (Audit.subject_id == subject))
    if actor:
        lines = lines.where(Audit.actor == actor.lower())
    if before is not None:
        lines = lines.where(Audit.id < before)
    with current_hub().db.read() as session:
        found = session.scalars(lines).all()
        return render_template(
            "admin/audit.html",
            lines=found[:PAGE],
            older=found[PAGE - 1].id if len(found) > PAGE else None,
            action=action,
            subject=subject,
            actor=actor,
        )


@blueprint.get("/outcomes")
@auth.needs(Right.MANAGE_CONNECTIONS)
def outcomes() -> ResponseReturnValue:
    """Show the outcomes that agents choose from after a call."""
    with current_hub().db.read() as session:
        return _outcomes("\n".join(wrap_up.dispositions(session)), saved="saved" in request.args)


@blueprint.post("/outcomes")
@auth.needs(Right.MANAGE_CONNECTIONS)
def save_outcomes() -> ResponseReturnValue:
    """Keep the list; calls that have an outcome no longer on it keep it."""
    lines = [" ".join(line.split()) for line in request.form.get("outcomes", "").splitlines()]
    items = list(dict.fromkeys(line for line in lines if line))
    if len(items) > MOST_OUTCOMES or any(len(item) > LONGEST_OUTCOME for item in items):
        return _outcomes("\n".join(items), error=True)
    person = current_person()
    with current_hub().db.write() as session:
        row = session.get(Choice, wrap_up.DISPOSITIONS) or Choice(key=wrap_up.DISPOSITIONS)
        row.value, row.changed_by = {"items": items}, person.id
        session.add(row)
        audit.record(session, person, "outcomes.changed", "choice", row.key, address=auth.address(), items=items)
    return redirect(url_for(".outcomes", saved=1), 303)


@blueprint.get("/raw-records")
@auth.needs(Right.SEE_RAW)
def raw_records() -> ResponseReturnValue:
    """List what the remotes sent, newest first; filtered by state and account."""
    state, account = request.args.get("state", ""), request.args.get("account", "")
    before = request.args.get("before", type=int)
    wanted = (
        select(RawRecord, Account)
        .join(Account, RawRecord.account_id == Account.id)
        .order_by(RawRecord.id.desc())
        .limit(PAGE + 1)
    )
    if state in set(RawState):
        wanted = wanted.where(RawRecord.state == state)
    if account:
        wanted = wanted.where(Account.public_id == _uuid(account))
    if before is not None:
        wanted = wanted.where(RawRecord.id < before)
    with current_hub().db.read() as session:
        found = session.execute(wanted).all()
        fields = definitions.load(session)
        return render_template(
            "admin/raw_records.html",
            records=[(raw, row.name, _reason(fields, row, raw)) for raw, row in found[:PAGE]],
            older=found[PAGE - 1][0].id if len(found) > PAGE else None,
            states=[str(one) for one in RawState],
            accounts=session.scalars(select(Account).order_by(Account.name)).all(),
            state=state,
            account=account,
        )


@blueprint.get("/raw-records/<uuid:record_id>")
@auth.needs(Right.SEE_RAW)
def raw_record(record_id: UUID) -> ResponseReturnValue:
    """Show one record as it was sent, secrets masked. It may hold what people said: looking is audited."""
    with current_hub().db.write() as session:
        row = by_public_id(session, RawRecord, record_id, "There is no such record.")
        account = session.get_one(Account, row.account_id)
        audit.record(session, current_person(), "raw_record.seen", "raw_record", row.public_id, address=auth.address())
        reason = _reason(definitions.load(session), account, row)
    is_mapped = bool(current_hub().flow.kind(account.connector, row.stream))
    return render_template(
        "admin/raw_record.html",
        record=row,
        account=account,
        payload=as_text(row.payload),
        is_mapped=is_mapped,
        reason=reason,
        written=row.error if reasons.is_known(row.error) else "",  # else it stands in the reason
    )


def _reason(fields: Fields, account: Account, raw: RawRecord) -> Markup:
    """Return why a record was set aside or left out, in the reader's language."""
    if raw.state == RawState.FILTERED:
        return escape(streams.reason(raw.error))
    kind = current_hub().flow.kind(account.connector, raw.stream)
    return reasons.told(raw.error, field_words.labels(fields, kind)) if raw.error else reasons.NONE


def as_text(payload: Any) -> str:
    """Return a payload as people read it: secrets masked, nothing that turns the text around it, and not endless."""
    text = json.dumps(masked(payload), ensure_ascii=False, indent=2)[:LONGEST_PAYLOAD]
    return TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)  # shown, and without effect


def masked(value: Any) -> Any:
    """Return a payload without the values of keys that sound like a secret."""
    if isinstance(value, dict):
        return {key: "***" if SECRET_KEYS.search(str(key)) else masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def _outcomes(text: str, *, saved: bool = False, error: bool = False) -> ResponseReturnValue:
    html = render_template(
        "admin/outcomes.html", text=text, saved=saved, error=error, most=MOST_OUTCOMES, longest=LONGEST_OUTCOME
    )
    return html, 422 if error else 200


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UserError("This is not the id of a connection.", error_id="bad_id", field="account") from None
