"""What a connection sends that it did not send before, sends otherwise, or sends no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub import sources
from hub.errors import UserError
from hub.intake.models import Account
from hub.log import SECRET_KEYS
from hub.mapping import drift
from hub.mapping.drift import Item, News, StreamNews
from hub.security import policy
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.console import account_page, audit_page, connections
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("drift", __name__, url_prefix="/connections/<uuid:account_id>/source-fields")
MOST = 100  # places of one stream on the page; whoever has seen them sees the next
LONGEST = 80  # characters of a sample


@dataclass(frozen=True, slots=True)
class Line:
    """One place on the page."""

    what: News
    item: Item
    sample: str  # as it is shown; empty: there is none, or this person may not see it


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """List what nobody has seen yet, with a sample of each for who may see raw records; looking at them is audited."""
    may_see = policy.may(current_person().role, Right.SEE_RAW)
    with current_hub().db.write() as session:
        row = account_page.account_of(session, account_id)
        shown_at, news = now(), drift.news(session, row.id)
        streams = [(one, _lines(session, row, one, may_see=may_see)) for one in news]
        if may_see and any(line.sample for _, lines in streams for line in lines):
            connections.record(session, row, "source_fields.samples_seen", streams=[one.stream for one in news])
        return render_template(
            "admin/drift.html",
            **account_page.frame(row, "status"),
            streams=streams,
            shown_at=shown_at.isoformat(),
            may_see=may_see,
        )


@blueprint.post("/seen")
@auth.needs(Right.MANAGE_CONNECTIONS)
def seen(account_id: UUID) -> ResponseReturnValue:
    """Mark what was on the page as seen; what came since then is still news."""
    moment = _moment(request.form.get("shown_at", ""))
    ids = {int(one) for one in request.form.getlist("field") if one.isascii() and one.isdecimal() and len(one) < 19}
    with current_hub().db.write() as session:
        row = account_page.account_of(session, account_id)
        if count := drift.seen(session, row.id, ids, moment):
            connections.record(session, row, "source_fields.seen", count=count)
        is_more = bool(drift.news(session, row.id))
    return redirect(url_for(".show" if is_more else "account_page.show", account_id=account_id), 303)


def _lines(session: Session, row: Account, news: StreamNews, *, may_see: bool) -> Sequence[Line]:
    items = news.items[:MOST]
    there: Mapping[int, tuple[tuple[str, ...], Any]] = {}
    if may_see:
        there = sources.samples(session, row.id, news.stream, [item for _, item in items])
    return [Line(what, item, _sample(*there[item.id]) if item.id in there else "") for what, item in items]


def _sample(keys: Sequence[str], value: Any) -> str:
    """Return a value as it is shown: masked as on the page of a raw record, and as short as a line."""
    text = audit_page.as_text("***" if any(map(SECRET_KEYS.search, keys)) else value)
    text = " ".join(text.split()).removeprefix('"').removesuffix('"')
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UserError("This form is of no page of ours.", error_id="bad_moment", field="shown_at") from None
