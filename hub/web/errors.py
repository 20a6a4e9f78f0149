"""Errors as people see them: what happened, what to do, and a code to quote. Programs get problem+json (api/problem.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, lazy_gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from hub.errors import HubError, UserError
from hub.security.passwords import LONGEST, SHORTEST
from hub.web import auth
from hub.web.api import problem

PROGRAMS = ("/api/", "/hooks/", "/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says about an error."""

    title: str | LazyString
    text: str | LazyString
    advice: str | LazyString


_TRY_AGAIN = lazy_gettext("Wait a moment and try again. What you typed is still in the page before.")
_START = lazy_gettext("Go back, or begin at My day.")
_BY_STATUS: Mapping[int, Words] = MappingProxyType(
    {
        400: Words(lazy_gettext("The request was not understood"), lazy_gettext("Nothing was changed."), _START),
        401: Words(
            lazy_gettext("You are not signed in"),
            lazy_gettext("Your session has ended."),
            lazy_gettext("Sign in and come back."),
        ),
        403: Words(
            lazy_gettext("You may not do this"),
            lazy_gettext("Your role does not allow this."),
            lazy_gettext("An administrator can give you another role."),
        ),
        404: Words(
            lazy_gettext("There is nothing here"),
            lazy_gettext("The page was moved or removed, or you may not see it."),
            _START,
        ),
        405: Words(lazy_gettext("This does not work here"), lazy_gettext("Nothing was changed."), _START),
        413: Words(
            lazy_gettext("This is too large"),
            lazy_gettext("Nothing was changed."),
            lazy_gettext("Send less at once."),
        ),
        421: Words(
            lazy_gettext("The hub has another address"),
            lazy_gettext("You asked for it under a name that is not its own."),
            lazy_gettext("Use the address your administrator gave you."),
        ),
        422: Words(
            lazy_gettext("This cannot be done"),
            lazy_gettext("Nothing was changed."),
            lazy_gettext("Correct it and try again."),
        ),
        429: Words(
            lazy_gettext("Too many tries"),
            lazy_gettext("To keep others from guessing, we wait a little."),
            lazy_gettext("Wait some minutes and try again."),
        ),
        502: Words(
            lazy_gettext("The other system did not do it"),
            lazy_gettext("It was reached, but refused."),
            lazy_gettext("An administrator sees the reason under Connections."),
        ),
        503: Words(lazy_gettext("Not possible right now"), lazy_gettext("Nothing was changed."), _TRY_AGAIN),
    }
)
_OTHER = Words(
    lazy_gettext("Something went wrong"),
    lazy_gettext("It is our mistake, and it was written down."),
    lazy_gettext("Try again. If it happens again, give the code below to your administrator."),
)
_OLD_PAGE = Words(
    lazy_gettext("This page is too old"),
    lazy_gettext("Nothing was changed: the page was opened before you signed in, or it is not from this hub."),
    lazy_gettext("Load the page again and repeat what you did."),
)
# Sentences for people in their language, by the stable word of the error.
SENTENCES: Mapping[str, LazyString] = MappingProxyType(
    {
        "being_undone": lazy_gettext("This customer is being taken apart; erase them in a moment."),
        "erased": lazy_gettext("This customer was erased."),
        "hold_reason": lazy_gettext("Say in at most 1000 characters why this customer must be kept."),
        "in_a_call": lazy_gettext("Somebody is talking with this customer; erase them after the call."),
        "legal_hold": lazy_gettext("This customer is under legal hold and must be kept."),
        "not_sure": lazy_gettext("Tick the box first: it cannot be undone."),
        "retention_days": lazy_gettext("Write a number of days from 0 to 36500."),
        "settled": lazy_gettext("Somebody settled this meanwhile."),
        "answered": lazy_gettext("Somebody else answered this pair, or changed one of the two. Here is the next one."),
        "bad_choice": lazy_gettext("Choose one of the two."),
        "no_address_book": lazy_gettext("This address book is not yours, or nobody may write to it."),
        "bad_email": lazy_gettext("This is not an e-mail address."),
        "user_exists": lazy_gettext("There is a user with this e-mail already."),
        "user_name": lazy_gettext("A user needs a name."),
        "unknown_role": lazy_gettext("Choose one of the roles."),
        "last_admin": lazy_gettext("This is the only administrator left. Make somebody else administrator first."),
        "user_disabled": lazy_gettext("This user is disabled. Enable the user first."),
        "password_short": lazy_gettext("The password needs at least %(count)d characters.", count=SHORTEST),
        "password_long": lazy_gettext("The password may have at most %(count)d characters.", count=LONGEST),
        "password_guessable": lazy_gettext("The password must not be the e-mail."),
        "setup_code": lazy_gettext("This is not the code that the hub printed at its start."),
        "setup_done": lazy_gettext("There is an administrator already. Sign in."),
        "bad_number": lazy_gettext("This is not a number that can be dialled."),
        "blocked_number": lazy_gettext("This number may not be dialled."),
        "no_extension": lazy_gettext("You have no phone in the exchange. An administrator can give you one."),
        "rate_limited": lazy_gettext("That was too often in a short time. Wait a little."),
        "exchange_down": lazy_gettext("The telephone exchange cannot be reached."),
        "name_taken": lazy_gettext("There is a connection of this name already."),
        "bad_name": lazy_gettext("A connection needs a name."),
        "consent_unknown": lazy_gettext(
            "This answer belongs to no question of yours, or it was used already. Open the connection and press Connect."
        ),
        "consent_late": lazy_gettext("The answer came too late. Open the connection and press Connect again."),
        "consent_other_mailbox": lazy_gettext(
            "You allowed another mailbox than the one this connection reads. Choose the same one, "
            "or make a connection of its own for the other."
        ),
        "not_found": lazy_gettext("There is no such thing, or you may not see it."),
        "bad_origin": lazy_gettext(
            "Write the beginning of an address, such as https://crm.example; http is possible for localhost alone."
        ),
        "origin_known": lazy_gettext("This one is on the list already."),
        "bad_record_url": lazy_gettext(
            "Write an address that begins with https:// and has {external_id} where the record's id belongs."
        ),
        "forbidden": lazy_gettext("Your role does not allow this. An administrator can give you another role."),
    }
)


def sentence(error: UserError) -> str:
    """Return what is wrong in the person's language, as far as we have words for it."""
    known = SENTENCES.get(error.error_id)
    return str(error) if known is None else str(known)


def install(app: Flask) -> None:
    """Answer every exception with a page, a part of a page, or problem+json."""
    app.register_error_handler(CSRFError, _of_old_page)
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(HubError, answer)
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> ResponseReturnValue:
    """Write one error out."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error.get_response()  # a redirect of the routing is no error
    fault = problem.fault_of(error)
    if request.path.startswith(PROGRAMS):
        return problem.answer(fault)
    words = _BY_STATUS.get(fault.status, _OTHER)
    if isinstance(error, UserError):
        words = Words(words.title, sentence(error), words.advice)
    return page(words, fault.status, fault.headers)


def page(words: Words, status: int, headers: Mapping[str, str] | None = None) -> ResponseReturnValue:
    """Render an error: whole, or the part that htmx puts in place of what it asked for."""
    if "person" not in g:
        # Without a database nobody can be looked up, and the page about it must not fail by the same.
        try:
            auth.signed_in()
        except problem.DATABASE_DOWN:
            g.found = g.person = None
    template = "_error.html" if auth.is_htmx() else "error.html"
    html = render_template(
        template,
        status=status,
        title=words.title,
        text=words.text,
        advice=words.advice,
        reference=g.get("reference", ""),
        sign_in=status == HTTPStatus.UNAUTHORIZED,
    )
    return html, status, dict(headers or {})


def _of_old_page(_: CSRFError) -> ResponseReturnValue:
    return problem.answer(problem.Fault(400, "CSRF token missing", "csrf")) if _program() else page(_OLD_PAGE, 400)


def _program() -> bool:
    return request.path.startswith(PROGRAMS)
