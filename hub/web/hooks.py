"""Webhooks: check who calls, let the connector read it, keep what it says, and only then say thank you.

A 2xx means committed. Whatever cannot be kept now is refused with a word that makes the sender come again: 503 where the
database is away or the account is paused, 429 above the rate. Everything kept is known by its own id, so a sender that
missed our answer and repeats it changes nothing.

A remote that is read in pages sends only hints: its connector finds out from whom one is, and the streams it speaks of
become due. A paused account takes them too, because its address may be that of others who share a queue with it.
"""

import hmac
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, json, render_template, request
from limits import parse
from sqlalchemy import ColumnElement, or_, select

from hub import log
from hub.connector.contract import Account as OpenAccount
from hub.connector.contract import AccountSettings, Received
from hub.connector.hook import Hook
from hub.errors import AuthError, ConfigError, HookError, NotFoundError, RecordError, UserError
from hub.intake import accounts, channels, receive
from hub.intake.models import Account, AccountState
from hub.security.limits import address_key
from hub.web.api.access import count
from hub.web.api.operation import JSON, as_problem, read_body
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub

PAUSED_RETRY_S = 300
BROKEN_RETRY_S = 600
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

blueprint = Blueprint("hooks", __name__)
_log = log.get(__name__)


@blueprint.route("/hooks/<connector>/<uuid:account_id>", methods=["GET", "POST"])
@as_problem
def take(connector: str, account_id: UUID) -> Response:
    """Take a hook for the account that the address names; its connector checks the signature.

    An account's id is no secret. Where the account has a token, and for telephone systems, of which many cannot sign,
    the token must come too. With GET some remotes ask whether the address is ours; the connector answers that.
    """
    account = _find((Account.public_id == account_id) & (Account.connector == connector), hints=True)
    if request.method != "POST" and not current_hub().connectors[account.connector].asks_by_get:
        raise FaultError(405, "Webhooks of this account are posted", "method_not_allowed", Allow="POST")
    if _receiver(account) is None:
        return _take_hint(account)
    is_telephone = current_hub().connectors[account.connector].exchange is not None
    if (account.hook_token_hash or is_telephone) and not _has_token(account):
        raise HookError("Send the account's token as `Authorization: Bearer ...`, or use /api/cti/v1/<token>")
    return _take(account)


@blueprint.post("/api/cti/v1/<token>")
@blueprint.post("/hooks/<token>")
@as_problem
def take_by_token(token: str) -> Response:
    """Take a hook; the token in the address says of which account, and that it may: a telephone system's, a form's."""
    digest = accounts.hash_token(token)
    return _take(_find(or_(Account.hook_token_hash == digest, Account.old_hook_token_hash == digest)))


def _find(which: ColumnElement[bool], *, hints: bool = False) -> Account:
    """Return the account, detached; with `hints` also one whose remote only hints.

    Raises:
        FaultError: there is none that takes hooks (404), it is paused (503), or it is called too often (429).
    """
    hub = current_hub()
    rate = parse(hub.settings.security.hook_limit)
    with hub.db.read() as session:
        account = session.scalar(select(Account).where(which, Account.state != AccountState.REMOVED))
        session.expunge_all()
    takes_hints = hints and account is not None and _receiver(account) is None and hub.remotes.reads(account)
    if account is None or (_receiver(account) is None and not takes_hints):
        count(hub.limiter, rate, "hook refused", address_key(request.remote_addr or ""))
        raise FaultError(404, "There is no account here that takes webhooks", "not_found")
    count(hub.limiter, rate, "hook", str(account.id))
    if account.state == AccountState.PAUSED and not takes_hints:
        text = "The account is paused; send the same again later"
        raise FaultError(503, text, "paused", Retry_After=str(PAUSED_RETRY_S))
    return account


def _has_token(account: Account) -> bool:
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        return False
    digest = accounts.hash_token(given.token)
    return any(hmac.compare_digest(digest, good) for good in (account.hook_token_hash, account.old_hook_token_hash))


def _take(row: Account) -> Response:
    hub = current_hub()
    receiver = _receiver(row)
    assert receiver is not None
    try:
        received = receiver(_open(row), _hook(row))
    except RecordError as error:
        raise FaultError(422, str(error), "not_understood") from None
    if received.records:
        with hub.db.write() as session:
            for record in received.records:
                receive.keep(session, row.id, record)
        hub.trigger.notify("records")
    if received.heard:
        hub.telephone.heard(row, received.heard)
    if received.redirect:
        return Response(status=303, headers={"Location": received.redirect})
    if received.page:
        return Response(render_template("thanks.html"))
    if received.answer is None:
        return Response(status=204)
    return Response(json.dumps(received.answer), content_type=JSON)


def _take_hint(row: Account) -> Response:
    """Let the streams be read that a notification speaks of; it is thanked for once that is kept."""
    hub = current_hub()
    wake = partial(hub.trigger.notify, "streams")
    opened = channels.Channels(hub.db, hub.vault, hub.remotes.open, channels.reached_at(hub.settings), wake)
    try:
        hinted = opened.heard(row, _hook(row))
    except AuthError as error:  # ours to mend
        raise _broken(row, error) from None
    except NotFoundError as error:
        raise FaultError(404, str(error), "not_found") from None
    except HookError as error:
        rate = parse(hub.settings.security.hook_limit)
        count(hub.limiter, rate, "hook refused", address_key(request.remote_addr or ""))
        _log.info("a notification was refused", account=row.name, reason=str(error))
        raise
    if not hinted.answer:
        return Response(status=204)
    return Response(hinted.answer, content_type="text/plain; charset=utf-8")


def _receiver(row: Account) -> Callable[[OpenAccount[Any], Hook], Received] | None:
    connector = current_hub().connectors.get(row.connector)
    return connector.receive if connector else None


def _open(row: Account) -> OpenAccount[AccountSettings]:
    hub = current_hub()
    try:
        return accounts.open_account(row, hub.connectors[row.connector], hub.vault, hub.settings)
    except (UserError, ConfigError) as error:
        raise _broken(row, error) from None


def _broken(row: Account, error: Exception) -> FaultError:
    """Say that it is ours to mend; the sender keeps it until then."""
    _log.error("hook refused: the account cannot be opened", account=row.name, reason=str(error))
    text = "The account's settings need a person; send the same again later"
    return FaultError(503, text, "account_broken", Retry_After=str(BROKEN_RETRY_S))


def _hook(row: Account) -> Hook:
    body = read_body(current_hub().connectors[row.connector].largest_hook)
    return Hook(
        body=body,
        headers={name.lower(): value for name, value in request.headers.items()},
        content_type=request.mimetype,
        form=dict(request.form.lists()) if request.mimetype in _FORMS else {},
        query=dict(request.args.lists()),
        method=request.method,
    )
