"""Connections: all of them with their health, and how a new one is made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from hub import log
from hub.connector.contract import Account as OpenAccount
from hub.connector.contract import Checkable, Connector, Finding, Level
from hub.connector.stream import Lane
from hub.cti import self_test
from hub.cti.models import Extension
from hub.errors import AuthError, ConfigError, NotFoundError, UserError
from hub.flow import IMPORTS
from hub.identity import conflicts
from hub.intake import accounts
from hub.intake.models import Account, AccountState, Health, RawRecord, RawState
from hub.outbound.models import Outbox, OutboxState
from hub.security import audit
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth, headers
from hub.web.console import account_form, consents, kinds, pulses, streams
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("connections", __name__, url_prefix="/connections")
FILTERS: Mapping[str, frozenset[Health]] = {
    "needs": frozenset({Health.NEEDS_YOU}),
    "paused": frozenset({Health.PAUSED}),
}
WAITS = "waits"  # a word of the pages alone, see `standing`
LONGEST_QUERY = 100  # characters of a search in the catalogue
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    """One connection on the overview."""

    account: Account
    title: str  # of its connector
    set_aside: int
    waiting: int
    day: pulses.Day
    brings: Sequence[str]  # what is read, in words
    differences: int  # that a person may settle
    strangers: int = 0  # phones of an exchange that are nobody's
    unsent: int = 0  # waits to be sent, because of a trouble
    refused: int = 0  # was not taken by the remote, and a person here decides
    worst: streams.Line | None = None  # of those that are read in pages
    permission: consents.Permission | None = None

    @property
    def health(self) -> str:
        """How it is; amber as soon as something is in the way, although the account may still be well."""
        if self.account.state == AccountState.PAUSED:
            return Health.PAUSED
        is_amber = self.refused > 0 or (self.worst is not None and self.worst.health == Health.WARNINGS)
        is_calm = self.account.health in {Health.HEALTHY, Health.NEVER_RUN}
        return Health.WARNINGS if is_amber and is_calm else standing(self.account)

    @property
    def usual_gap(self) -> str:
        """How long it is from one good look to the next, as a rule; empty where nobody looks."""
        late = self.worst is not None and self.worst.health == Health.LATE
        return format_timedelta(timedelta(seconds=self.worst.usual_gap_s)) if late and self.worst else ""

    @property
    def is_silent(self) -> bool:
        """Whether it takes what is posted, and less comes than usual; see `hub.intake.health`."""
        return self.worst is None and self.account.health == Health.LATE and self.account.next_try_at is None

    @property
    def button(self) -> str:
        """The one thing that a person may do about it here; empty where nothing is to be done."""
        if self.asks_consent:
            return "connect"
        if self.account.state == AccountState.PAUSED:
            return "resume"
        if self.account.health == Health.NEEDS_YOU:
            theirs = self.worst is not None and self.worst.trouble in {"brake", "disabled", "defect"}
            return "look" if theirs else "settings"
        if self.permission is not None and self.permission.missing:
            return "reconnect"
        return "test" if self.health == Health.LATE else ""

    @property
    def asks_consent(self) -> bool:
        """Whether the one button is the one that leads to the remote's page of consent."""
        needed = self.permission is not None and self.permission.is_needed
        return needed and self.account.state == AccountState.ACTIVE


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show() -> ResponseReturnValue:
    """Show all connections."""
    return _cards("admin/connections.html")


@blueprint.get("/grid")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def grid() -> ResponseReturnValue:
    """Return the cards alone: an open page asks every 30 s."""
    return _cards("admin/_cards.html")


@blueprint.get("/new")
@auth.needs(Right.MANAGE_CONNECTIONS)
def catalogue() -> ResponseReturnValue:
    """Show what can be connected, by groups; those that fit what was typed."""
    hub, query = current_hub(), request.args.get("q", "").strip()[:LONGEST_QUERY]
    groups = []
    for key, title, members in kinds.grouped(hub.flow, hub.connectors.values()):
        fits = [(one, brings) for one, brings in members if _fits(query, one, str(title), brings)]
        if fits:
            groups.append((key, title, fits))
    with hub.db.read() as session:
        present = select(Account.connector, func.count()).where(Account.state != AccountState.REMOVED)
        counts = dict(session.execute(present.group_by(Account.connector)).all())
    template = "admin/_catalogue.html" if auth.is_htmx() else "admin/catalogue.html"
    return render_template(template, groups=groups, query=query, counts=counts, total=len(hub.connectors))


@blueprint.get("/new/<name>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def connect(name: str) -> ResponseReturnValue:
    """Ask for what the connector needs."""
    connector = connector_of(name)
    return _form(connector, {})


@blueprint.post("/new/<name>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def make(name: str) -> ResponseReturnValue:
    """Test what was typed; keep it where it works, or where the administrator says so in spite of all."""
    hub, connector = current_hub(), connector_of(name)
    values = account_form.typed(connector, request.form, kept_secrets())
    missing = account_form.missing(connector, values)
    if missing or not request.form.get("name", "").strip():
        wrong, error = ("", "") if request.form.get("name", "").strip() else ("name", _("Fill this in."))
        return _form(connector, values, missing=missing, wrong=wrong, error=error, status=422)
    try:
        findings = check(connector, trial(connector, values))
        wanted = request.form.get("do", "save")
        if wanted == "test" or (wanted == "save" and is_red(findings)):
            return _form(connector, values, findings=findings, status=200 if wanted == "test" else 422)
        with hub.db.write() as session:
            row = accounts.create(session, connector, hub.vault, request.form.get("name", ""), values, owner_id=None)
            token = accounts.rotate_hook_token(row) if connector.receive else ""
            record(session, row, "account.added")
            permission = consents.permission(session, row)
    except UserError as error:
        return _form(connector, values, wrong=error.field, error=reason(error), status=422)
    if permission is not None:
        headers.let_forms_lead_to(permission.page)
    return render_template(
        "admin/connected.html",
        connector=connector,
        account=row,
        permission=permission,
        **hook_of(connector, row, token),
    )


def connector_of(name: str) -> Connector[Any]:
    """Return a connector by name.

    Raises:
        NotFoundError: this hub has none of this name.
    """
    found = current_hub().connectors.get(name)
    if found is None:
        raise NotFoundError("There is no such connector here.")
    return found


def trial(connector: Connector[Any], values: Mapping[str, Any]) -> OpenAccount[Any]:
    """Return an account that is not stored, to test what was typed.

    Raises:
        UserError: what was typed does not fit.
    """
    general = current_hub().settings.hub
    return OpenAccount(
        id=0,
        name=request.form.get("name", ""),
        settings=accounts.validate(connector, values),
        region=general.region,
        time_zone=general.time_zone,
    )


def check(
    connector: Connector[Any], account: OpenAccount[Any], position: dict[str, Any] | None = None
) -> Sequence[Finding]:
    """Run a connection's self-test. It talks to the remote: never inside a transaction."""
    try:
        return self_test.check(connector, account, position)
    except Exception:  # noqa: BLE001 - see below
        # A connector promises not to raise; if one does, the page still has to say something useful.
        _log.exception("self-test failed", connector=connector.name, account=account.name)
        return [Finding("self-test", Level.RED, "The self-test itself failed.", "Look into the log of the hub.")]


def check_kept(connector: Connector[Any], row: Account) -> Sequence[Finding]:
    """Run the self-test with the access that the hub keeps for a connection; nothing where there is no such test."""
    if connector.remote is None:
        return []
    try:
        remote = current_hub().remotes.open(row, Lane.INTERACTIVE)
        return remote.check() if isinstance(remote, Checkable) else []
    except AuthError:
        return []  # its settings cannot be used: the other test says what is wrong with them
    except Exception:  # noqa: BLE001 - as in `check`
        _log.exception("self-test failed", connector=connector.name, account=row.name)
        return [Finding("self-test", Level.RED, "The self-test itself failed.", "Look into the log of the hub.")]


def is_red(findings: Sequence[Finding]) -> bool:
    return any(finding.level == Level.RED for finding in findings)


def hook_address(connector: Connector[Any], token: str) -> str:
    """Return where the remote sends its webhooks; empty where it sends none."""
    path = accounts.hook_path(connector, token)
    return f"{current_hub().settings.public_url}{path}" if path else ""


def hook_of(connector: Connector[Any], row: Account, token: str) -> dict[str, str]:
    """Return what a page shows, once, of an address for webhooks: the address, and a form that posts to it."""
    hub, address = current_hub(), hook_address(connector, token)
    if connector.snippet is None or not address:
        return {"hook": address}
    opened = accounts.open_account(row, connector, hub.vault, hub.settings)
    return {
        "hook": address,
        "snippet": connector.snippet(opened, address),
        "try_at": accounts.hook_path(connector, token),
    }


def title(row: Account) -> str:
    """Return what a connection's system is called."""
    connector = current_hub().connectors.get(row.connector)
    if connector is not None:
        return connector.title
    return _("Imported files") if row.connector == IMPORTS else row.connector


def standing(row: Account) -> str:
    """Return how a connection is, as its chip says it: one that only takes what is posted never runs, it waits."""
    connector = current_hub().connectors.get(row.connector)
    if row.health != Health.NEVER_RUN or connector is None or connector.receive is None or connector.remote is not None:
        return row.health
    session, came = object_session(row), select(RawRecord.id).where(RawRecord.account_id == row.id).limit(1)
    has_come = row.last_event_at is not None or (session is not None and session.scalar(came) is not None)
    return Health.WORKING if has_come else WAITS  # how it is, is looked at every minute


def record(session: Session, row: Account, action: str, **detail: object) -> None:
    """Write into the audit what was done with an account."""
    audit.record(
        session, current_person(), action, "account", row.public_id, address=auth.address(), name=row.name, **detail
    )


def cards(session: Session) -> list[Card]:
    """Return all connections with what waits of each."""
    hub = current_hub()
    waiting: dict[tuple[int, str], int] = {
        (account_id, state): count
        for account_id, state, count in session.execute(
            select(RawRecord.account_id, RawRecord.state, func.count())
            .where(RawRecord.state.in_((RawState.SET_ASIDE, RawState.KEPT)))
            .group_by(RawRecord.account_id, RawRecord.state)
        )
    }
    listed, moment = accounts.listed(session), now()
    differences = conflicts.count(session)
    days, brings = pulses.days(session, listed, moment), streams.brought(session, listed)
    strangers, writes = _strangers(session), _writes(session)
    worst = streams.worst(session, [row for row in listed if hub.remotes.reads(row)])
    return [
        Card(
            account=row,
            title=title(row),
            set_aside=waiting.get((row.id, RawState.SET_ASIDE), 0),
            waiting=waiting.get((row.id, RawState.KEPT), 0),
            day=days[row.id],
            brings=brings[row.id],
            differences=differences.get(row.id, 0),
            strangers=strangers.get(row.id, 0),
            unsent=writes.get((row.id, OutboxState.WAITING), 0),
            refused=writes.get((row.id, OutboxState.REFUSED), 0),
            worst=worst.get(row.id),
            permission=consents.permission(session, row),
        )
        for row in listed
    ]


def _strangers(session: Session) -> Mapping[int, int]:
    """Count the phones of each exchange that belong to nobody: no card can be shown to whoever they ring."""
    query = select(Extension.account_id, func.count()).where(Extension.user_id.is_(None))
    return dict(session.execute(query.group_by(Extension.account_id)).all())


def _writes(session: Session) -> Mapping[tuple[int, str], int]:
    """Count what each account could not send: it waits because of a trouble, or was refused and nobody else decides."""
    waits = (Outbox.state == OutboxState.WAITING) & (Outbox.trouble != "")
    refused = (Outbox.state == OutboxState.REFUSED) & Outbox.user_id.is_(None)
    query = select(Outbox.account_id, Outbox.state, func.count()).where(waits | refused)
    rows = session.execute(query.group_by(Outbox.account_id, Outbox.state))
    return {(account_id, state): count for account_id, state, count in rows}


def _cards(template: str) -> ResponseReturnValue:
    chosen = request.args.get("show", "")
    with current_hub().db.read() as session:
        every = cards(session)
        headers.let_forms_lead_to(*(card.permission.page for card in every if card.permission is not None))
        shown = [card for card in every if chosen not in FILTERS or card.health in FILTERS[chosen]]
        counts = {name: sum(card.health in healths for card in every) for name, healths in FILTERS.items()}
        return render_template(template, cards=shown, total=len(every), counts=counts, chosen=chosen)


def _form(
    connector: Connector[Any],
    values: Mapping[str, Any],
    *,
    findings: Sequence[Finding] = (),
    wrong: str = "",
    error: str = "",
    missing: Collection[str] = (),
    status: int = 200,
) -> ResponseReturnValue:
    typed = {name for name in accounts.secret_names(connector) if values.get(name)}
    lines = account_form.settings_of(connector, values, set_secrets=typed, wrong=wrong, error=error, missing=missing)
    html = render_template(
        "admin/connect.html",
        connector=connector,
        lines=lines,
        name=request.form.get("name", "") or ("" if request.form else connector.title),
        findings=findings,
        kept=sealed(connector, values),
        error=error,
        wrong=wrong,
        brings=kinds.words(kinds.brings(current_hub().flow, connector)),
    )
    return html, status


def _fits(query: str, connector: Connector[Any], group: str, brings: Sequence[str]) -> bool:
    """Say whether each word of a search is somewhere in what the catalogue says of a connector."""
    told = " ".join((connector.title, connector.name, connector.help, group, *brings)).casefold()
    return all(word in told for word in query.casefold().split())


def reason(error: UserError) -> str:
    """Return the reason alone; the field's name stands beside it."""
    text = sentence(error).removeprefix(f"{error.field}: ").removeprefix("Value error, ")
    if text in {"Field required", "String should have at least 1 character"}:
        return str(_("Fill this in."))
    if text.startswith("Input should be a valid integer"):
        return str(_("Write a whole number."))
    return str(_("Write a number.")) if text.startswith("Input should be a valid number") else text


def kept_secrets() -> dict[str, str]:
    """Return the secrets typed before a test: the page carries them sealed, so nobody types them twice."""
    try:
        return current_hub().vault.open(request.form.get("kept", ""))
    except ConfigError:
        return {}  # not sealed by us: as if nothing had been typed


def sealed(connector: Connector[Any], values: Mapping[str, Any]) -> str:
    """Return the typed secrets for the page to carry."""
    names = accounts.secret_names(connector)
    return current_hub().vault.seal(
        {name: str(values[name]) for name in names if values.get(name) and values[name] != accounts.MASK}
    )
