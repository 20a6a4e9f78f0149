"""Accounts: made, changed, paused and removed; opened for their connector with secrets in hand."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.contract import Account as OpenAccount
from hub.connector.contract import AccountSettings, Connector, Finding, Level
from hub.errors import ConfigError, NotFoundError, UserError
from hub.intake import channels, grants, read
from hub.intake.models import Account, AccountState, Health
from hub.security.vault import Vault
from hub.settings import Settings

BROKEN = (UserError, ConfigError)
"""What `open_account` raises: the account needs a person, and the connector was not even asked."""
_LISTED = select(Account).where(Account.state != AccountState.REMOVED).order_by(Account.name)
MASK = "********"  # what forms show in place of a secret that is set; sent back, it changes nothing


def secret_names(connector: Connector[Any]) -> frozenset[str]:
    """Names of the settings that are secrets."""
    return frozenset(
        name for name, field in connector.settings.model_fields.items() if SecretStr in _types(field.annotation)
    )


def _types(annotation: Any) -> Sequence[Any]:
    return (annotation, *getattr(annotation, "__args__", ()))


def validate(connector: Connector[Any], values: Mapping[str, Any]) -> AccountSettings:
    """Check an account's settings, secrets included.

    Raises:
        UserError: names the first setting at fault.
    """
    try:
        checked: AccountSettings = connector.settings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        text = "is not a setting of this connector" if first["type"] == "extra_forbidden" else first["msg"]
        raise UserError(f"{name}: {text}", error_id="bad_setting", field=name) from None
    return checked


def open_account(
    row: Account, connector: Connector[Any], vault: Vault, settings: Settings
) -> OpenAccount[AccountSettings]:
    """Hand an account to its connector.

    Raises:
        UserError: its stored settings do not fit the connector (any more).
        ConfigError: its secrets cannot be opened.
    """
    values = {**row.settings, **vault.open(row.secrets)}
    return OpenAccount(
        id=row.id,
        name=row.name,
        settings=validate(connector, values),
        region=row.region or settings.hub.region,
        time_zone=row.time_zone or settings.hub.time_zone,
    )


def create(  # noqa: PLR0913 - the facts of an account
    session: Session,
    connector: Connector[Any],
    vault: Vault,
    name: str,
    values: Mapping[str, Any],
    *,
    region: str = "",
    time_zone: str = "",
    owner_id: int | None = None,
) -> Account:
    """Add an account; its secrets are sealed. Its stream starts with the next look of the workers."""
    name = name.strip()
    if not name:
        raise UserError("An account needs a name.", error_id="bad_name", field="name")
    if session.scalar(select(Account.id).where(Account.name == name)) is not None:
        raise UserError(f"There is already an account named {name}.", error_id="name_taken", field="name")
    validate(connector, values)
    row = Account(name=name, connector=connector.name, region=region, time_zone=time_zone, owner_id=owner_id)
    _store(row, connector, vault, values)
    session.add(row)
    session.flush()
    if connector.remote is not None:
        read.begin(session, row.id)
    return row


def update(
    row: Account, connector: Connector[Any], vault: Vault, values: Mapping[str, Any], *, name: str | None = None
) -> None:
    """Change settings; a secret that is left out or given as MASK stays as it was."""
    kept = vault.open(row.secrets)
    given = {key: value for key, value in values.items() if value != MASK}
    merged = {**{key: value for key, value in kept.items() if key not in given}, **given}
    validate(connector, merged)
    _store(row, connector, vault, merged)
    if name is not None and name.strip():
        row.name = name.strip()
    if row.health == Health.NEEDS_YOU:
        row.health, row.health_text = Health.WORKING, ""


def _store(row: Account, connector: Connector[Any], vault: Vault, values: Mapping[str, Any]) -> None:
    secret = secret_names(connector)
    row.settings = {key: value for key, value in values.items() if key not in secret}
    row.secrets = vault.seal({key: str(value) for key, value in values.items() if key in secret and value})


def by_name(session: Session, name: str) -> Account:
    """Find an account.

    Raises:
        NotFoundError: there is none, or it was removed.
    """
    row = session.scalar(select(Account).where(Account.name == name, Account.state != AccountState.REMOVED))
    if row is None:
        raise NotFoundError(f"There is no account named {name}; see: hub account list")
    return row


def listed(session: Session) -> Sequence[Account]:
    """All accounts that were not removed, by name."""
    return session.scalars(_LISTED).all()


def of_connector(session: Session, connector: str) -> Sequence[Account]:
    """All accounts of a connector that were not removed, the first made first."""
    query = select(Account).where(Account.connector == connector, Account.state != AccountState.REMOVED)
    return session.scalars(query.order_by(Account.id)).all()


def hash_token(token: str) -> str:
    """How a hook's token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def rotate_hook_token(row: Account) -> str:
    """Make a new token for webhooks and return it, for the only time; the one before stays good until the next."""
    token = secrets.token_urlsafe(32)
    row.old_hook_token_hash, row.hook_token_hash = row.hook_token_hash, hash_token(token)
    return token


def hook_path(connector: Connector[Any], token: str) -> str:
    """Return the path that a remote posts to, with its secret; empty where it has none."""
    if not token:
        return ""
    return f"/api/cti/v1/{token}" if connector.exchange is not None else f"/hooks/{token}"


def drop_old_hook_token(row: Account) -> None:
    """Refuse the former token from now on."""
    row.old_hook_token_hash = ""


def token_findings(row: Account, settings: AccountSettings) -> list[Finding]:
    """Say of an account whose webhooks prove themselves by its token alone that it has none."""
    if not settings.wants_token or row.hook_token_hash:
        return []
    text = "This account has no token: every call to its address is refused."
    return [
        Finding("token", Level.RED, text, "Make a new address in the settings, and enter it in the program that sends.")
    ]


def by_hook_token(session: Session, token: str) -> Account | None:
    """Find the account that a webhook's token belongs to."""
    digest = hash_token(token)
    return session.scalar(
        select(Account).where(
            (Account.hook_token_hash == digest) | (Account.old_hook_token_hash == digest),
            Account.state != AccountState.REMOVED,
        )
    )


def pause(row: Account) -> None:
    """Stop reading and writing; what arrives by itself is refused so that the remote sends it again."""
    row.state, row.health = AccountState.PAUSED, Health.PAUSED


def resume(session: Session, row: Account, connector: Connector[Any] | None) -> None:
    """Go on where it stopped."""
    row.state, row.health, row.health_text, row.next_try_at = AccountState.ACTIVE, Health.WORKING, "", None
    if connector is not None and connector.remote is not None:
        read.begin(session, row.id)


def remove(session: Session, row: Account) -> None:
    """Forget the connection and its secrets. What it brought stays on the timelines.

    Where the remote was asked to tell us of changes, a worker first asks it to stop, once, and then drops the secrets.
    """
    row.state, row.health = AccountState.REMOVED, Health.PAUSED
    if not channels.leave(session, row.id):
        grants.forget(session, row.id)
        row.secrets = ""
    row.hook_token_hash = row.old_hook_token_hash = ""
    row.name = f"{row.name} (removed {row.id})"
