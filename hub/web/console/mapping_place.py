"""What an address of the mapping pages names: a stream, an account whose records are the samples, and for whom it is written."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from flask import request, url_for
from markupsafe import Markup
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hub import replays
from hub.errors import NotFoundError, UserError
from hub.fields import definitions
from hub.intake import accounts as intake
from hub.intake.models import Account, AccountState, RawRecord, RawState
from hub.mapping import overlay, versions
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.models import MappingVersion
from hub.mapping.versions import Scope
from hub.web.clock import clock
from hub.web.console import field_words, kinds, reasons
from hub.web.frame import current_hub, current_person

LONGEST_LABEL = 40
MOST_SAMPLES = 20  # records to choose from
OWN = "own"  # of an address: it is written for this account alone


@dataclass(frozen=True, slots=True)
class Place:
    """Where an administrator is.

    Attributes:
        account: from which the editor was opened; None: from none.
        accounts: whose records are mapped by it, the one above alone where there is one.
        scope: for whom it is written.
    """

    connector: str
    stream: str
    account: Account | None
    accounts: Sequence[Account]
    scope: Scope
    shipped: RecordMapping

    @property
    def title(self) -> str:
        """What the connector is called."""
        known = current_hub().connectors.get(self.connector)
        return known.title if known else self.connector

    @property
    def becomes(self) -> str:
        """What its records are here."""
        return " · ".join(kinds.words([self.shipped.record])) or self.shipped.record

    def link(self, endpoint: str, **more: Any) -> str:
        """Return an address of these pages that keeps the account and the scope."""
        kept: dict[str, Any] = {"connector": self.connector, "stream": self.stream}
        if self.account is not None:
            kept |= {"account": self.account.public_id, **({OWN: 1} if self.scope.is_overlay else {})}
        return url_for(endpoint, **{**kept, **more})

    def reached(self, session: Session) -> Sequence[Account]:
        """Return the accounts whose records are mapped otherwise when this is published."""
        return (
            [self.account] if self.scope.is_overlay and self.account else intake.of_connector(session, self.connector)
        )


def find(session: Session, connector: str, stream: str) -> Place:
    """Return the place that the request names.

    Raises:
        NotFoundError: there is no such stream or account.
    """
    shipped = known(connector, stream)
    account = _account(session, request.values.get("account", ""), connector)
    own = account is not None and request.values.get(OWN, "") == "1"
    scope = Scope(connector, shipped.stream, account.id if account is not None and own else None)
    accounts = [account] if account is not None else intake.of_connector(session, connector)
    return Place(connector, shipped.stream, account, accounts, scope, shipped)


def known(connector: str, stream: str) -> RecordMapping:
    """Return the mapping of a stream as it is shipped.

    Raises:
        NotFoundError: nothing of this connector goes through such a mapping.
    """
    hub = current_hub()
    made = hub.connectors.get(connector)
    mapped = kinds.mapped(hub.flow, connector, is_exchange=made is not None and made.exchange is not None)
    if made is None or stream not in {kind for kind, _ in mapped}:
        raise NotFoundError("There is no such mapping.")
    return hub.flow.mapping(connector, stream)


def _account(session: Session, public_id: str, connector: str) -> Account | None:
    if not public_id:
        return None
    try:
        wanted = UUID(public_id)
    except ValueError:
        raise NotFoundError("There is no such connection.") from None
    row = session.scalar(
        select(Account).where(
            Account.public_id == wanted, Account.connector == connector, Account.state != AccountState.REMOVED
        )
    )
    if row is None:
        raise NotFoundError("There is no such connection.")
    return row


def naming(session: Session, place: Place) -> Callable[[str], Markup]:
    """Return how pages call a field of this stream's records: by its label, where an administrator gave it one."""
    return partial(reasons.called, labels=labels(session, place))


def labels(session: Session, place: Place) -> Mapping[str, str]:
    """Return what administrators call the fields of this stream's records, by name."""
    return field_words.labels(definitions.load(session), place.shipped.record)


# --- documents ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Present:
    """What somebody begins with.

    Attributes:
        row: the draft, else the live version; None: the shipped one counts.
        seen: what `versions.save_draft` wants to hear back.
        document: the whole mapping; of an overlay with what is under it.
        base: the document that it is written over.
        under: what is under it now.
    """

    row: MappingVersion | None
    seen: str
    document: dict[str, Any]
    base: dict[str, Any]
    under: dict[str, Any]

    @property
    def is_draft(self) -> bool:
        return self.row is not None and self.row.number == versions.DRAFT_NUMBER


def present(session: Session, place: Place) -> Present:
    """Return what there is of a scope now."""
    row = versions.newest(session, place.scope)
    under = versions.under(session, place.scope, shipped=place.shipped)
    if row is None:
        return Present(None, "", under, under, under)
    return Present(row, row.sha256, whole(place, row.document, under), dict(row.base), under)


def whole(place: Place, document: dict[str, Any], under: dict[str, Any]) -> dict[str, Any]:
    """Return a version's document as a whole mapping, its fields in their order."""
    if not place.scope.is_overlay:
        return overlay.in_order(document, under)
    fields = document.get("fields")
    return overlay.over(under, {"fields": fields if isinstance(fields, dict) else {}})


def kept_as(place: Place, wanted: dict[str, Any], now: Present) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a whole mapping as it is kept in its scope, and the document it is written over.

    What it was written over stays, until somebody merges: else a change of the shipped mapping would be lost in silence.
    Of an overlay's new fields it is what is under them now.
    """
    if not place.scope.is_overlay:
        return wanted, now.base
    made = overlay.between(now.under, wanted)
    before = now.row.document.get("fields", {}) if now.row else {}
    base, under = dict(now.base.get("fields", {})), now.under["fields"]
    for name in made["fields"]:
        if name not in before:
            base.pop(name, None)
            if name in under:
                base[name] = under[name]
    # What an overlay says stays in it, also where both say the same by now; what is under it may change again.
    fields = {name: wanted["fields"].get(name) for name in before if name in wanted["fields"]} if before else {}
    return {"fields": {**fields, **made["fields"]}}, {**now.base, "fields": base}


def behind(session: Session, place: Place) -> versions.Behind | None:
    """Return the version that is written over another document than there is now, if it is one that goes on."""
    current = versions.newest(session, place.scope)
    if current is None:
        return None
    return next(
        (one for one in versions.behind(session, current_hub().flow.mapping) if one.version.id == current.id), None
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stream's mapping stands, for one account: numbers of versions, 0: none."""

    live: int = 0
    own: int = 0  # of the account alone
    has_draft: bool = False
    is_behind: bool = False  # what it was written over has changed


def overview(session: Session, account: Account) -> dict[str, Standing]:
    """Return how the mappings of an account's streams stand, by stream; only of those that somebody wrote."""
    mine = [
        row
        for row in versions.everything(session)
        if row.connector == account.connector and row.account_id in (None, account.id)
    ]
    late = {one.version.id for one in versions.behind(session, current_hub().flow.mapping)} if mine else set()
    found: dict[str, Standing] = {}
    for row in mine:
        one = found.get(row.stream, Standing())
        is_draft = row.number == versions.DRAFT_NUMBER
        found[row.stream] = Standing(
            one.live if is_draft or row.account_id is not None else row.number,
            one.own if is_draft or row.account_id is None else row.number,
            one.has_draft or is_draft,
            one.is_behind or row.id in late,
        )
    return found


# --- samples ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored record to choose."""

    id: UUID
    remote_id: str
    received_at: dt.datetime
    is_failing: bool

    @property
    def label(self) -> str:
        """What a list calls it."""
        return f"{self.remote_id[:LONGEST_LABEL]} · {clock().ago(self.received_at)}"


def samples(session: Session, place: Place) -> list[Sample]:
    """Return the newest stored records, and the newest that is set aside in front if it is not among them."""
    columns = (RawRecord.public_id, RawRecord.remote_id, RawRecord.received_at, RawRecord.state)
    query = select(*columns).where(_stored(place)).order_by(RawRecord.received_at.desc(), RawRecord.id.desc())
    rows = list(session.execute(query.limit(MOST_SAMPLES)))
    aside = session.execute(query.where(RawRecord.state == RawState.SET_ASIDE).limit(1)).first()
    if aside is not None and aside.public_id not in {one.public_id for one in rows}:
        rows.insert(0, aside)
    return [Sample(row[0], row[1], row[2], row[3] == RawState.SET_ASIDE) for row in rows]


def sample(session: Session, place: Place, public_id: str) -> RawRecord | None:
    """Return one stored record: the one that is named, else the newest; None: there is none."""
    query = select(RawRecord).where(_stored(place))
    try:
        wanted = UUID(public_id)
    except ValueError:
        return session.scalar(query.order_by(RawRecord.received_at.desc(), RawRecord.id.desc()).limit(1))
    return session.scalar(query.where(RawRecord.public_id == wanted))


def payloads(session: Session, place: Place, most: int) -> list[Any]:
    """Return what the newest records hold."""
    query = select(RawRecord.payload).where(_stored(place))
    return list(session.scalars(query.order_by(RawRecord.received_at.desc(), RawRecord.id.desc()).limit(most)))


def _stored(place: Place) -> ColumnElement[bool]:
    stream = place.stream
    of = or_(RawRecord.stream == stream, RawRecord.stream.startswith(f"{stream}:", autoescape=True))
    return RawRecord.account_id.in_([one.id for one in place.accounts]) & of & RawRecord.gone_at.is_(None)


# --- run again ----------------------------------------------------------------------------------------------------

AGAIN = ("no", "all", "since")


def wanted_again() -> tuple[bool, dt.datetime | None]:
    """Return whether the form asks for a run over history, and since when (None: everything).

    Raises:
        UserError: a run since a day is wanted, and the day is none.
    """
    said = request.form.get("again", "")
    if said not in AGAIN:
        raise UserError("Say whether it is to be run again.", error_id="again", field="again")
    if said != "since":
        return said == "all", None
    try:
        day = dt.date.fromisoformat(request.form.get("since", ""))
    except ValueError:
        raise UserError("Give the day.", error_id="since", field="since") from None
    if not dt.date(2000, 1, 1) <= day <= dt.date(2200, 1, 1):
        raise UserError("Give the day.", error_id="since", field="since")
    return True, dt.datetime.combine(day, dt.time(), clock().zone).astimezone(dt.UTC)


def ask_again(session: Session, place: Place, since: dt.datetime | None) -> None:
    """Ask for a run over what each account sent whose records are mapped otherwise now."""
    for account in place.reached(session):
        replays.ask(session, current_person(), account.id, place.stream, since)
