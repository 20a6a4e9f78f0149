"""One connection: how it is, what could not be understood, who did what, and its settings."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import flow, replays
from hub.connector.contract import Connector, Finding
from hub.connector.crm import INTERACTIONS
from hub.connector.stream import Chooses
from hub.cti import self_test
from hub.cti.models import Click, Extension
from hub.cti.self_test import Step
from hub.errors import ConnectorError, NotFoundError, UserError
from hub.intake import accounts, read, record_link, watch
from hub.intake.hook_rules import HookRuler
from hub.intake.models import Account, AccountState, RawRecord, StreamState
from hub.mapping import drift
from hub.outbound.models import Delivery
from hub.records.lead import RECORD as LEAD
from hub.security.models import Audit, User
from hub.security.policy import Right
from hub.store.base import now
from hub.store.public import by_public_id
from hub.web import auth, headers
from hub.web.clock import weekday
from hub.web.console import account_form, audit_page, connections, consents, kinds, pulses, removal
from hub.web.console import failures as failed
from hub.web.console import streams as stream_lines
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("account_page", __name__, url_prefix="/connections/<uuid:account_id>")
LONGEST_CAUSE = 200  # characters of a cause in the audit
MOST_TRIES = 50  # of sending one thing, on its page


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show how the connection is."""
    return _status(account_id)


@blueprint.post("/check")
@auth.needs(Right.MANAGE_CONNECTIONS)
def check(account_id: UUID) -> ResponseReturnValue:
    """Run the self-test and show its findings."""
    hub = current_hub()
    with hub.db.read() as session:
        row = account_of(session, account_id)
        connector = connections.connector_of(row.connector)
        opened = accounts.open_account(row, connector, hub.vault, hub.settings)
        position = self_test.position(session, row.id)
        heard = self_test.heard(session, hub.telephone, row, hub.settings.hub.region, now())
    found = connections.check_kept(connector, row) or connections.check(connector, opened, position)
    return _status(account_id, [*found, *accounts.token_findings(row, opened.settings), *heard])


@blueprint.post("/call-me")
@auth.needs(Right.MANAGE_CONNECTIONS)
def call_me(account_id: UUID) -> ResponseReturnValue:
    """Ring a phone of the person who asks, to see the whole way work: order, exchange, events."""
    hub, extension = current_hub(), request.form.get("extension", "")
    try:
        with hub.db.write() as session:
            row = account_of(session, account_id)
            if connections.connector_of(row.connector).exchange is None:
                raise NotFoundError("This connection is no telephone exchange.")
            click = hub.telephone.ring_own(session, current_person(), row, extension)
    except NotFoundError:
        raise
    except UserError as error:
        return _call_me(account_id, Step.REFUSED, error=sentence(error), detail=str(error)), 422
    if not auth.is_htmx():
        return redirect(url_for(".called", account_id=account_id, click=click.id), 303)
    return _call_me(account_id, Step.ORDERED, click.id)


@blueprint.get("/call-me/<click>")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def called(account_id: UUID, click: str) -> ResponseReturnValue:
    """Say how far the call to one's own phone came; the page asks every second until it is over."""
    with current_hub().db.read() as session:
        row, order = account_of(session, account_id), session.get(Click, click)
        if order is None or order.account_id != row.id or order.user_id != current_person().id:
            raise NotFoundError("There is no such call of yours.")
        step, detail = self_test.step(session, order, now()), order.error
    return _call_me(account_id, step, click, detail=detail)


@blueprint.post("/pause")
@auth.needs(Right.MANAGE_CONNECTIONS)
def pause(account_id: UUID) -> ResponseReturnValue:
    """Stop reading and writing."""
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        accounts.pause(row)
        connections.record(session, row, "account.paused")
    return redirect(url_for(".show", account_id=account_id), 303)


@blueprint.post("/resume")
@auth.needs(Right.MANAGE_CONNECTIONS)
def resume(account_id: UUID) -> ResponseReturnValue:
    """Go on where it stopped."""
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        accounts.resume(session, row, current_hub().connectors.get(row.connector))
        connections.record(session, row, "account.resumed")
    return redirect(url_for(".show", account_id=account_id), 303)


@blueprint.get("/failures")
@auth.needs(Right.MANAGE_CONNECTIONS)
def failures(account_id: UUID) -> ResponseReturnValue:
    """Show what went wrong, grouped by why."""
    hub = current_hub()
    with hub.db.read() as session:
        row = account_of(session, account_id)
        causes = failed.causes(session, row)
        permission = consents.permission(session, row)
        if permission is not None:
            headers.let_forms_lead_to(permission.page)
        return render_template(
            "admin/failures.html",
            **frame(row, "failures"),
            causes=causes,
            mapped={cause.stream for cause in causes if hub.flow.kind(row.connector, cause.stream)},
            deeds=failed.deeds(session, row),
            permission=permission,
            done=(request.args.get("did", ""), request.args.get("count", 0, type=int)),
        )


@blueprint.get("/failures/<key>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def failure(account_id: UUID, key: str) -> ResponseReturnValue:
    """Show the things that failed for one reason, each with what may be done about it."""
    with current_hub().db.read() as session:
        row = account_of(session, account_id)
        try:
            cause = failed.find(session, row, key)
        except NotFoundError:  # somebody dealt with it meanwhile
            return redirect(url_for(".failures", account_id=account_id), 303)
        return render_template(
            "admin/failure.html",
            **frame(row, "failures"),
            cause=cause,
            items=failed.items(session, row, cause),
            is_mapped=bool(current_hub().flow.kind(row.connector, cause.stream)),
        )


@blueprint.post("/failures")
@auth.needs(Right.MANAGE_CONNECTIONS)
def handle_failures(account_id: UUID) -> ResponseReturnValue:
    """Try again, or leave out for good: all, those of one cause, or one."""
    hub, skip, wanted = current_hub(), request.form.get("do") == "skip", request.form.get("cause", "")
    with hub.db.write() as session:
        row = account_of(session, account_id)
        if request.form.get("do") == "ask":
            count = failed.ask_again(session, row)
            connections.record(session, row, "records.asked_again", count=count)
            return redirect(url_for(".failures", account_id=account_id, did="ask", count=count), 303)
        if one := request.form.get("record", ""):
            chosen = [failed.one_record(session, row, one)]
        elif one := request.form.get("write", ""):
            chosen = [failed.one_write(session, row, one)]
        else:
            chosen = [cause for cause in failed.causes(session, row) if wanted in ("", cause.key)]
        records, writes = failed.skip(session, chosen) if skip else failed.retry(session, chosen)
        why = {"cause": chosen[0].text[:LONGEST_CAUSE]} if wanted and chosen else {}
        if records or not writes:
            connections.record(session, row, "records.skipped" if skip else "records.retried", count=records, **why)
        if writes:
            connections.record(session, row, "outbox.drop" if skip else "outbox.retry", count=writes, **why)
    if writes:
        hub.trigger.notify("outbox")
    did = "skip" if skip else "retry"
    return redirect(url_for(".failures", account_id=account_id, did=did, count=records + writes), 303)


@blueprint.get("/failures/sent/<number>")
@auth.needs(Right.SEE_RAW)
def sent(account_id: UUID, number: str) -> ResponseReturnValue:
    """Show what we wanted to write there and what came back, secrets masked. Looking is audited, as at a raw record."""
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        item = failed.written(session, row, number)
        connections.record(session, row, "outbox.seen", item=str(item.id), kind=item.kind)
        return render_template(
            "admin/sent.html",
            **frame(row, "failures"),
            item=item,
            title=failed.kind_title(item.kind),
            tries=session.scalars(
                select(Delivery).where(Delivery.outbox_id == item.id).order_by(Delivery.id.desc()).limit(MOST_TRIES)
            ).all(),
            wanted_by=session.scalar(select(User.name).where(User.id == item.user_id)) if item.user_id else "",
            payload=audit_page.as_text(item.payload),
        )


@blueprint.get("/log")
@auth.needs(Right.SEE_AUDIT)
def log(account_id: UUID) -> ResponseReturnValue:
    """Show who did what with this connection."""
    before = request.args.get("before", type=int)
    with current_hub().db.read() as session:
        row = account_of(session, account_id)
        lines = select(Audit).where(Audit.subject == "account", Audit.subject_id == str(row.public_id))
        if before is not None:
            lines = lines.where(Audit.id < before)
        found = session.scalars(lines.order_by(Audit.id.desc()).limit(51)).all()
        return render_template(
            "admin/account_log.html",
            **frame(row, "log"),
            lines=found[:50],
            older=found[49].id if len(found) > 50 else None,
        )


@blueprint.get("/settings")
@auth.needs(Right.MANAGE_CONNECTIONS)
def settings(account_id: UUID) -> ResponseReturnValue:
    """Show what can be changed."""
    return _settings(account_id, saved="saved" in request.args)


@blueprint.post("/settings")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(account_id: UUID) -> ResponseReturnValue:
    """Test the new settings and keep them where they work. The connection goes on meanwhile."""
    hub = current_hub()
    with hub.db.read() as session:
        row = account_of(session, account_id)
        connector = connections.connector_of(row.connector)
        stored = hub.vault.open(row.secrets)
    kept = {**dict.fromkeys(stored, accounts.MASK), **connections.kept_secrets()}
    values = account_form.typed(connector, request.form, kept)
    if missing := account_form.missing(connector, values):
        return _settings(account_id, values, missing=missing, status=422)
    try:
        opened = {name: stored[name] if value == accounts.MASK else value for name, value in values.items()}
        wanted = request.form.get("do", "save")
        findings = () if wanted == "force" else connections.check(connector, connections.trial(connector, opened))
        if wanted == "test" or (wanted == "save" and connections.is_red(findings)):
            return _settings(account_id, values, findings=findings, status=200 if wanted == "test" else 422)
        with hub.db.write() as session:
            row = account_of(session, account_id)
            accounts.update(row, connector, hub.vault, values, name=_free_name(session, row))
            if hub.remotes.reads(row):
                read.begin(session, row.id)
            connections.record(session, row, "account.changed", settings=sorted(values))
    except UserError as error:
        return _settings(account_id, values, wrong=error.field, error=connections.reason(error), status=422)
    return redirect(url_for(".settings", account_id=account_id, saved=1), 303)


@blueprint.post("/record-url")
@auth.needs(Right.MANAGE_CONNECTIONS)
def keep_record_url(account_id: UUID) -> ResponseReturnValue:
    """Keep where records are looked at in the other system."""
    given = typed(request.form, "record_url", record_link.LONGEST + 1)
    try:
        template = record_link.check(given)
    except UserError as error:
        return _settings(account_id, told={"record_url": given, "record_url_error": sentence(error)}, status=422)
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        row.record_url = template
        connections.record(session, row, "account.record_url", template=template)
    return redirect(url_for(".settings", account_id=account_id, saved=1), 303)


@blueprint.post("/hook-token")
@auth.needs(Right.MANAGE_CONNECTIONS)
def rotate(account_id: UUID) -> ResponseReturnValue:
    """Make a new address for webhooks; the one before works until it is dropped."""
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        token = accounts.rotate_hook_token(row)
        connections.record(session, row, "account.hook_token_made")
    return _settings(account_id, told=connections.hook_of(connections.connector_of(row.connector), row, token))


@blueprint.post("/hook-token/drop-old")
@auth.needs(Right.MANAGE_CONNECTIONS)
def drop_old(account_id: UUID) -> ResponseReturnValue:
    """Refuse the former address from now on."""
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        accounts.drop_old_hook_token(row)
        connections.record(session, row, "account.old_hook_token_dropped")
    return redirect(url_for(".settings", account_id=account_id, saved=1), 303)


@blueprint.post("/hook-rules/<any(make, remove):what>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change_hook_rules(account_id: UUID, what: str) -> ResponseReturnValue:
    """Set up in the other system that it tells us of changes, or take that back."""
    hub, key = current_hub(), request.form.get("key", "")
    with hub.db.read() as session:
        row = account_of(session, account_id)
    ruler = HookRuler(hub.db, hub.vault, hub.settings, hub.connectors)
    try:
        done = ruler.make(row.id, key) if what == "make" else ruler.remove(row.id, key)
    except NotFoundError:
        raise
    except ConnectorError as error:
        return _settings(account_id, told={"rules_error": str(error)}, status=422)
    with hub.db.write() as session:
        connections.record(session, row, f"account.hook_rules_{what}", made=done.made, removed=done.removed)
    return _settings(account_id, told={"rules": done})


@blueprint.get("/remove")
@auth.needs(Right.MANAGE_CONNECTIONS)
def ask_remove(account_id: UUID) -> ResponseReturnValue:
    """Say what happens to the data before a connection is removed: the page of those whose browser opens no dialog."""
    with current_hub().db.read() as session:
        row = account_of(session, account_id)
        return render_template("admin/account_remove.html", **frame(row, "settings"), stays=removal.stays(session, row))


@blueprint.post("/remove")
@auth.needs(Right.MANAGE_CONNECTIONS)
def remove(account_id: UUID) -> ResponseReturnValue:
    """Forget the connection; what it brought stays."""
    with current_hub().db.write() as session:
        row = account_of(session, account_id)
        connections.record(session, row, "account.removed")
        flow.remove(session, row)
    return redirect(url_for("connections.show"), 303)


def account_of(session: Session, account_id: UUID) -> Account:
    """Return a connection by its public id.

    Raises:
        NotFoundError: there is none, or it was removed.
    """
    there = Account.state != AccountState.REMOVED
    return by_public_id(session, Account, account_id, "There is no such connection.", there)


def frame(row: Account, tab: str) -> dict[str, Any]:
    """Return what the head and the tabs of a connection's pages need."""
    connector: Connector[Any] | None = current_hub().connectors.get(row.connector)
    is_exchange = connector is not None and connector.exchange is not None
    return {
        "account": row,
        "tab": tab,
        "connector": connector,
        "connector_title": connections.title(row),
        "standing": connections.standing(row),
        "is_exchange": is_exchange,
        "reads": connector is not None and connector.remote is not None,
        "brings_leads": brings(row, LEAD),
        "is_chosen": chooses(row),
        "takes_files": connector is not None and hasattr(connector.remote, "records_of"),
        "has_mappings": bool(kinds.mapped(current_hub().flow, row.connector, is_exchange=is_exchange)),
        "is_crm": connector is not None
        and connector.remote is not None
        and current_hub().remotes.writes(row, INTERACTIONS),
        "is_ledger": row.connector in current_hub().flow.ledgers(),
    }


def brings(row: Account, kind: str) -> bool:
    """Say whether records of a kind come from a connection."""
    return current_hub().flow.kind(row.connector, kind) == kind


def chooses(row: Account) -> bool:
    """Say whether a person may choose what is read of a connection: forms, folders, calendars."""
    connector = current_hub().connectors.get(row.connector)
    remote = connector.remote if connector else None
    return isinstance(remote, type) and issubclass(remote, Chooses)


def refused(account_id: UUID, error: ConnectorError | UserError) -> str:
    """Show the page of a connection with the reason why nothing was granted."""
    return _status(account_id, refusal=(consents.why(error), str(error)))


def _call_me(account_id: UUID, step: Step, click: str = "", *, error: str = "", detail: str = "") -> str:
    """Show how far a call to one's own phone came: a part of the page, or the page."""
    told = {"step": step, "click": click, "error": error, "detail": "" if detail == error else detail}
    if not auth.is_htmx():
        return _status(account_id, called=told)
    return render_template("admin/_called.html", account_id=account_id, called=told)


def _phones_of(session: Session, row: Account) -> Sequence[str]:
    """Return the phones of the person who asks."""
    mine = select(Extension.number).where(Extension.account_id == row.id, Extension.user_id == current_person().id)
    return session.scalars(mine.order_by(Extension.number)).all()


def _status(
    account_id: UUID,
    findings: Sequence[Finding] | None = None,
    called: Mapping[str, str] | None = None,
    refusal: tuple[str, str] = ("", ""),
) -> str:
    with current_hub().db.read() as session:
        row = account_of(session, account_id)
        waiting = dict(
            session.execute(
                select(RawRecord.state, func.count()).where(RawRecord.account_id == row.id).group_by(RawRecord.state)
            ).all()
        )
        streams = session.scalars(
            select(StreamState)
            .where(StreamState.account_id == row.id, StreamState.records == "")
            .order_by(StreamState.stream)
        ).all()
        permission = consents.permission(session, row)
        if permission is not None:
            headers.let_forms_lead_to(permission.page)
        facts = {name: value for name, value in row.facts.items() if name not in {"counters", record_link.FACT}}
        return render_template(
            "admin/account.html",
            **frame(row, "status"),
            findings=findings,
            called=called,
            account_id=account_id,
            own_phones=_phones_of(session, row),
            facts=_flat(facts),
            counters=_flat(row.facts.get("counters") or {}),
            waiting=waiting,
            streams=streams,
            lines=stream_lines.lines(session, row),
            runs=replays.progress(session, row.id),
            news=drift.news(session, row.id),
            since=weekday,
            day=pulses.days(session, [row], now())[row.id],
            brings=stream_lines.brings(session, row),
            watched=watch.findings(session, row.id),
            permission=permission,
            refusal=refusal,
            connected="connected" in request.args,
        )


def _settings(  # noqa: PLR0913 - what the page shows
    account_id: UUID,
    values: Mapping[str, Any] | None = None,
    *,
    findings: Sequence[Finding] = (),
    wrong: str = "",
    error: str = "",
    missing: Collection[str] = (),
    told: Mapping[str, Any] = MappingProxyType({}),
    saved: bool = False,
    status: int = 200,
) -> ResponseReturnValue:
    hub = current_hub()
    with hub.db.read() as session:
        row = account_of(session, account_id)
        connector = hub.connectors.get(row.connector)
        lines, kept = [], ""  # files that were imported have no settings, and neither has what is no longer installed
        if connector is not None:
            stored = set(hub.vault.open(row.secrets))
            shown = row.settings if values is None else values
            there = stored | {name for name in accounts.secret_names(connector) if (values or {}).get(name)}
            lines = account_form.settings_of(
                connector, shown, set_secrets=there, wrong=wrong, error=error, missing=missing
            )
            kept = connections.sealed(connector, values or {})
        html = render_template(
            "admin/account_settings.html",
            **frame(row, "settings"),
            lines=lines,
            name=request.form.get("name", row.name),
            findings=findings,
            kept=kept,
            error=error,
            wrong=wrong,
            stays=removal.stays(session, row),
            **told,
            saved=saved,
        )
    return html, status


def _free_name(session: Session, row: Account) -> str:
    """Return the typed name.

    Raises:
        UserError: another connection has it.
    """
    name = request.form.get("name", "").strip() or row.name
    if session.scalar(select(Account.id).where(Account.name == name, Account.id != row.id)) is not None:
        raise UserError(f"There is already an account named {name}.", error_id="name_taken", field="name")
    return name


def _flat(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts as lines of text, nested ones with a dot."""
    lines: list[tuple[str, str]] = []
    for name, value in sorted(facts.items()):
        if isinstance(value, Mapping):
            lines.extend((f"{name}.{inner}", text) for inner, text in _flat(value))
        elif value not in (None, "", [], {}):
            lines.append((name, ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)))
    return lines
