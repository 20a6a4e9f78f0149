"""What an account may do at its remote by a person's consent, and the visits to the remote's page of consent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask_babel import LazyString, lazy_gettext
from flask_babel import gettext as _
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from hub.connector.consent import Consent, ConsentError, Granted, Question, Refusal
from hub.connector.stream import Lane
from hub.errors import ConnectorError, NotFoundError, UserError
from hub.intake import accounts, grants, read
from hub.intake.models import Account, AccountState, OauthGrant, StreamState
from hub.intake.trouble import Trouble
from hub.outbound import outbox
from hub.security.models import Choice
from hub.security.policy import Person
from hub.security.tokens import digest, new_secret
from hub.store.base import now
from hub.web.errors import sentence
from hub.web.frame import current_hub

CALLBACK = "/oauth/callback"
PATIENCE = timedelta(minutes=10)  # for one visit; Google's own codes live as long
_REFUSALS: Mapping[str, LazyString] = MappingProxyType(
    {
        Refusal.DENIED: lazy_gettext(
            "Access was not allowed on the other page. Press Connect when you want to try again."
        ),
        Refusal.NOTHING_LASTING: lazy_gettext(
            "The other system gave access for an hour only, because it remembers an earlier consent. "
            "Take the hub's access away there, then press Connect again."
        ),
        Refusal.NO_ADDRESS: lazy_gettext(
            "The other system did not say whose account it is. Press Connect again and leave that box ticked."
        ),
        Refusal.NOT_READY: lazy_gettext("Something is missing in the settings."),
        Refusal.REFUSED: lazy_gettext(
            "The other system refused. Check the client id and the secret, then connect again."
        ),
    }
)
_KEY = "consent of account {}"  # one visit of an account at a time: whoever presses Connect later counts

# Whoever consents makes such a stream due again.
_REFUSED = (
    select(StreamState.id)
    .where(
        StreamState.account_id == bindparam("account"),
        StreamState.trouble == Trouble.AUTH,
        StreamState.due_at.is_(None),
        StreamState.wanted,
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Asking:
    """An account whose remote asks a person."""

    consent: Consent[Any]
    settings: Any
    page: str  # where the remote asks


@dataclass(frozen=True, slots=True)
class Permission:
    """What the hub may do there, for the page."""

    page: str
    redirect: str  # what the remote must know beforehand
    is_connected: bool  # somebody consented, be it that it counts no more
    address: str
    dead: str  # why the remote refuses the grant; empty: it does not
    is_refused: bool  # a stream stands still because the remote does not let us in
    missing: tuple[str, ...]  # in the person's language

    @property
    def is_needed(self) -> bool:
        """Whether a person must press the button."""
        return not self.is_connected or bool(self.dead) or self.is_refused


def redirect_address() -> str:
    """Return the one address that browsers come back to."""
    return current_hub().settings.public_url + CALLBACK


def asking(row: Account) -> Asking | None:
    """Return how an account's remote asks a person; None where it does not, or where the settings need mending first."""
    hub = current_hub()
    connector = hub.connectors.get(row.connector)
    if connector is None or connector.consent is None:
        return None
    try:
        settings = accounts.open_account(row, connector, hub.vault, hub.settings).settings
    except accounts.BROKEN:
        return None
    page = connector.consent.page(settings)
    return Asking(connector.consent, settings, page) if page else None


def permission(session: Session, row: Account) -> Permission | None:
    """Return what a person allowed; None where nobody is asked."""
    found = asking(row)
    if found is None:
        return None
    kept = session.scalar(select(OauthGrant).where(OauthGrant.account_id == row.id, OauthGrant.mailbox == ""))
    grant = grants.granted(session, current_hub().vault, row.id) if kept is not None else None
    return Permission(
        page=found.page,
        redirect=redirect_address(),
        is_connected=grant is not None,
        address=str(row.settings.get("address", "")),
        dead=kept.dead if kept is not None else "",
        is_refused=session.scalar(_REFUSED, {"account": row.id}) is not None,
        missing=tuple(_(title) for title in found.consent.missing(found.settings, grant)) if grant else (),
    )


def begin(session: Session, row: Account, person: Person) -> Question:
    """Begin a visit to the page of consent: what the answer will be recognised by is kept here, not in the browser."""
    question = Question(redirect_address(), f"{row.public_id.hex}.{new_secret()}", new_secret() + new_secret())
    kept = session.get(Choice, _KEY.format(row.id)) or Choice(key=_KEY.format(row.id))
    kept.value = {
        "state": digest(question.state),
        "sealed": current_hub().vault.seal({"verifier": question.verifier, "redirect": question.redirect}),
        "until": (now() + PATIENCE).isoformat(),
    }
    kept.changed_by = person.id
    session.add(kept)
    return question


def take(session: Session, state: str, person: Person) -> tuple[Account, Question]:
    """End a visit: its question is given out once, to the person who began it, and while it is young.

    Raises:
        UserError: there is no such question (any more).
    """
    unknown = UserError("This answer belongs to no question of yours.", error_id="consent_unknown")
    try:
        public_id = UUID(hex=state.partition(".")[0])
    except ValueError:
        raise unknown from None
    row = session.scalar(select(Account).where(Account.public_id == public_id, Account.state != AccountState.REMOVED))
    if row is None:
        raise unknown
    kept = session.scalar(select(Choice).where(Choice.key == _KEY.format(row.id)).with_for_update())
    if kept is None or kept.value.get("state") != digest(state) or kept.changed_by != person.id:
        raise unknown
    value: Mapping[str, str] = kept.value
    # Two answers at once: the second finds no row to delete.
    if not session.execute(delete(Choice).where(Choice.key == kept.key)).rowcount:  # type: ignore[attr-defined]  # a DELETE has one
        raise unknown
    if datetime.fromisoformat(value["until"]) < now():
        raise UserError("The answer came too late.", error_id="consent_late")
    opened = current_hub().vault.open(value["sealed"])
    return row, Question(opened["redirect"], state, opened["verifier"])


def keep(session: Session, row: Account, granted: Granted) -> None:
    """Keep what was granted and read on where reading stopped. Cursors stay: they belong to the mailbox.

    Raises:
        UserError: it is another mailbox than before.
    """
    hub = current_hub()
    session.refresh(row, with_for_update=True)
    if row.state == AccountState.REMOVED:
        raise NotFoundError("There is no such connection.")
    before = str(row.settings.get("address", "")).strip()
    if before and before.lower() != granted.address:
        raise UserError(
            f"{granted.address} is another mailbox than {before}, which this connection reads.",
            error_id="consent_other_mailbox",
        )
    connector = hub.connectors[row.connector]
    accounts.update(row, connector, hub.vault, {**row.settings, "address": before or granted.address})
    grants.keep(session, hub.vault, row.id, "", granted.grant)
    if row.state != AccountState.ACTIVE:
        return
    read.begin(session, row.id)
    outbox.wake(session, row.id)
    read.hint(session, row.id, [state.stream for state in read.wanted(session, row.id)], Lane.INTERACTIVE)


def why(error: ConnectorError | UserError) -> str:
    """Return why nothing was granted, in the person's language."""
    if isinstance(error, ConsentError):
        return str(_REFUSALS[error.refusal])
    if isinstance(error, UserError):
        return sentence(error)
    return str(_("The other system cannot be reached just now. Press Connect again in a moment."))
