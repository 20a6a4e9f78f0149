"""Webhooks: check who calls, let the connector read it, keep what it says, and only then say thank you.

A 2xx means committed. Whatever cannot be kept now is refused with a word that makes the sender come again: 503 where the
database is away or the account is paused, 429 above the rate. Everything kept is known by its own id, so a sender that
missed our answer and repeats it changes nothing.

A remote that is read in pages sends only hints: its connector finds out from whom one is, and the streams it speaks of
become due. A paused account takes them too, because its address may be that of others who share a queue with it.
"""

import hmac
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from io import BytesIO
from types import MappingProxyType
from typing import Any, ParamSpec, cast
from uuid import UUID

from flask import Blueprint, Request, Response, current_app, json, make_response, render_template, request
from flask_babel import lazy_gettext
from limits import parse
from sqlalchemy import ColumnElement, or_, select
from werkzeug.exceptions import RequestEntityTooLarge

from hub import log
from hub.connector.contract import Account as OpenAccount
from hub.connector.contract import AccountSettings, Delivered, Received
from hub.connector.hook import Hook
from hub.errors import AuthError, ConfigError, HookError, NotFoundError, RecordError, UserError
from hub.intake import accounts, channels, receive
from hub.intake.letterbox import Letterbox
from hub.intake.models import Account, AccountState
from hub.security.limits import address_key
from hub.web import errors
from hub.web.api.access import count
from hub.web.api.operation import JSON, read_body
from hub.web.api.problem import CONTENT_TYPE, FaultError, answer, fault_of
from hub.web.errors import Words
from hub.web.frame import current_hub

PAUSED_RETRY_S = 300
BROKEN_RETRY_S = 600
_ODD = "nobody understands this part of a webhook"
_LATER = lazy_gettext("Go back: what you typed is still there. Send it again in a few minutes.")
_OWNER = lazy_gettext("Please tell whoever owns the page, or get in touch in another way.")
_OTHER = Words(lazy_gettext("Your answers could not be taken"), lazy_gettext("Nothing was kept."), _LATER)
# What somebody reads who sent a form.
_WORDS: Mapping[int, Words] = MappingProxyType(
    {
        401: Words(_OTHER.title, lazy_gettext("This form is not allowed to send them here."), _OWNER),
        404: Words(
            _OTHER.title, lazy_gettext("This form sends them to an address that does not exist any more."), _OWNER
        ),
        413: Words(
            _OTHER.title,
            lazy_gettext("They are too long, or a file is too large."),
            lazy_gettext("Go back, send less, or get in touch in another way."),
        ),
        422: Words(
            _OTHER.title,
            lazy_gettext("Nothing was filled in, or the form is not as we expect it."),
            lazy_gettext("Go back and fill in the form. If it happens again, please tell whoever owns the page."),
        ),
        429: Words(_OTHER.title, lazy_gettext("So many came at once that we had to stop."), _LATER),
        503: Words(_OTHER.title, lazy_gettext("We cannot take answers at this moment."), _LATER),
    }
)
_LETTERBOX = "hub-letterbox"
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

blueprint = Blueprint("hooks", __name__)
_log = log.get(__name__)
Asked = ParamSpec("Asked")


def told(view: Callable[Asked, Response]) -> Callable[Asked, Response]:
    """Answer every exception of a view: a person's browser that sent a form gets a page, programs get problem+json."""

    @wraps(view)
    def safe(*args: Asked.args, **kwargs: Asked.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - `fault_of` logs what nobody foresaw
            fault = fault_of(error)
            if request.method != "POST" or not _wants_page():
                return answer(fault)
            return make_response(errors.page(_WORDS.get(fault.status, _OTHER), fault.status, fault.headers))

    return safe


def _wants_page() -> bool:
    return request.accept_mimetypes.best_match([CONTENT_TYPE, JSON, "text/html"]) == "text/html"


@blueprint.route("/hooks/<connector>/<uuid:account_id>", methods=["GET", "POST"])
@told
def take(connector: str, account_id: UUID) -> Response:
    """Take a hook for the account that the address names; its connector checks the signature.

    An account's id is no secret. Where the account has a token, and for telephone systems, of which many cannot sign,
    the token must come too. With GET some remotes ask whether the address is ours; the connector answers that.
    """
    if (known := current_hub().connectors.get(connector)) is not None and known.receive is None:
        return _take_hint(connector, account_id)
    account = _find((Account.public_id == account_id) & (Account.connector == connector))
    _check_method(account)
    is_telephone = current_hub().connectors[account.connector].exchange is not None
    if (account.hook_token_hash or is_telephone) and not _has_token(account):
        raise HookError("Send the account's token as `Authorization: Bearer ...`, or use /api/cti/v1/<token>")
    opened = _open(account)
    if opened.settings.wants_token and not account.hook_token_hash:
        _log.warning("hook refused: the account has no token", account=account.name)
        raise HookError("This account has no token yet, so nobody can prove that he may; make one on its settings page")
    return _take(account, opened)


@blueprint.post("/api/cti/v1/<token>")
@blueprint.route("/hooks/<token>", methods=["GET", "POST"])
@told
def take_by_token(token: str) -> Response:
    """Take a hook; the token in the address says of which account, and that it may: a telephone system's, a form's."""
    digest = accounts.hash_token(token)
    account = _find(or_(Account.hook_token_hash == digest, Account.old_hook_token_hash == digest))
    _check_method(account)
    return _take(account, _open(account))


def _check_method(account: Account) -> None:
    if request.method != "POST" and not current_hub().connectors[account.connector].asks_by_get:
        raise FaultError(405, "Webhooks of this account are posted", "method_not_allowed", Allow="POST")


def _find(which: ColumnElement[bool]) -> Account:
    """Return the account, detached.

    Raises:
        FaultError: there is none that takes hooks (404), it is paused (503), or it is called too often (429).
    """
    with current_hub().db.read() as session:
        account = session.scalar(select(Account).where(which, Account.state != AccountState.REMOVED))
        session.expunge_all()
    if account is None or _receiver(account) is None:
        raise _nobody()
    _count(account)
    if account.state == AccountState.PAUSED:
        text = "The account is paused; send the same again later"
        raise FaultError(503, text, "paused", Retry_After=str(PAUSED_RETRY_S))
    return account


def _count(account: Account) -> None:
    hub = current_hub()
    count(hub.limiter, parse(hub.settings.security.hook_limit), "hook", str(account.id))


def _count_refused() -> None:
    hub = current_hub()
    rate = parse(hub.settings.security.hook_limit)
    count(hub.limiter, rate, "hook refused", address_key(request.remote_addr or ""))


def _nobody() -> FaultError:
    _count_refused()
    return FaultError(404, "There is no account here that takes webhooks", "not_found")


def _has_token(account: Account) -> bool:
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        return False
    digest = accounts.hash_token(given.token)
    return any(hmac.compare_digest(digest, good) for good in (account.hook_token_hash, account.old_hook_token_hash))


def _take(row: Account, opened: OpenAccount[Any]) -> Response:
    hub = current_hub()
    receiver = _receiver(row)
    assert receiver is not None
    try:
        received = receiver(opened, _hook(row))
    except RecordError as error:
        raise FaultError(422, str(error), "not_understood") from None
    if received.records or received.odd:
        with hub.db.write() as session:
            for stream, records in _by_stream(received.records).items():
                receive.keep_page(session, row.id, stream, records)
            for one in received.odd:
                receive.keep_odd(session, row.id, channels.ODD, dict(one), _ODD)
        hub.trigger.notify("records")
    if received.heard:
        hub.telephone.heard(row, received.heard)
    if received.redirect:
        return Response(status=303, headers={"Location": received.redirect})
    if received.page:
        return Response(render_template("thanks.html"))
    if received.text:
        return Response(received.text, content_type="text/plain; charset=utf-8")
    if received.answer is None:
        return Response(status=204)
    return Response(json.dumps(received.answer), content_type=JSON)


def _by_stream(records: Sequence[Delivered]) -> dict[str, list[Delivered]]:
    found: dict[str, list[Delivered]] = {}
    for record in records:
        found.setdefault(record.stream, []).append(record)
    return found


def _take_hint(connector: str, account_id: UUID) -> Response:
    """Let the streams be read that a notification speaks of; it is thanked for once that is kept."""
    letterbox = _letterbox()
    addressee = letterbox.addressee(connector, account_id)
    if addressee is None or not current_hub().remotes.reads(addressee[0]):
        raise _nobody()
    row = addressee[0]
    _count(row)
    _check_method(row)
    try:
        hinted = letterbox.heard(addressee, _hook(row))
    except AuthError as error:  # ours to mend
        raise _broken(row, error) from None
    except NotFoundError as error:
        raise FaultError(404, str(error), "not_found") from None
    except HookError as error:
        _count_refused()
        _log.info("a notification was refused", account=row.name, reason=str(error))
        if current_hub().connectors[connector].bare_answers:
            return Response(status=401)
        raise
    if not hinted.answer:
        return Response(status=200 if current_hub().connectors[connector].bare_answers else 204)
    return Response(hinted.answer, content_type="text/plain; charset=utf-8")


def _letterbox() -> Letterbox:
    """Return the one letterbox of this app: what comes at the same time goes through it together."""
    hub, there = current_hub(), current_app.extensions
    if _LETTERBOX not in there:
        wake = partial(hub.trigger.notify, "streams")
        opened = channels.Channels(hub.db, hub.vault, hub.remotes.open, channels.reached_at(hub.settings), wake)
        there.setdefault(_LETTERBOX, Letterbox(hub.db, opened))
    return cast("Letterbox", there[_LETTERBOX])


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
    most = current_hub().connectors[row.connector].largest_hook
    body, asked = read_body(most), request
    encoding = (request.content_encoding or "identity").lower()
    if encoding == "gzip":
        body = _inflated(body, most)
        plain = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": "identity"}
        asked = Request({**request.environ, **plain})
        asked.max_content_length = asked.max_form_memory_size = most
    elif encoding != "identity":
        raise FaultError(415, "Send the body as it is, or in gzip", "unsupported_encoding", Accept_Encoding="gzip")
    return Hook(
        body=body,
        headers={name.lower(): value for name, value in request.headers.items()},
        content_type=request.mimetype,
        form=dict(asked.form.lists()) if request.mimetype in _FORMS else {},
        query=dict(request.args.lists()),
        method=request.method,
        url=_called_at(),
    )


def _inflated(packed: bytes, most: int) -> bytes:
    """Return what was packed by gzip; no more than `most` bytes of it are ever made.

    Raises:
        RequestEntityTooLarge: it is more (413).
        FaultError: it is no gzip, or not all of it (400).
    """
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise FaultError(400, "The body is not what gzip makes", "bad_encoding") from None
    if len(body) > most:
        raise RequestEntityTooLarge
    if not unpacker.eof:
        raise FaultError(400, "The body ends before its gzip does", "bad_encoding")
    return body


def _called_at() -> str:
    """Return the address as the remote called it: what is in front of us may have called us by another."""
    query = request.query_string.decode("latin-1")
    root = channels.reached_at(current_hub().settings) or request.url_root.rstrip("/")
    return f"{root}{request.path}" + (f"?{query}" if query else "")
