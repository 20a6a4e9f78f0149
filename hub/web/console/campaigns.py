"""Campaigns: what leads and customers cost, for a time; each number with the leads behind it where the inbox can show them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, lazy_gettext
from sqlalchemy import select

from hub.intake.models import Account
from hub.leads import cost
from hub.security.policy import Right
from hub.store.base import now
from hub.web import i18n
from hub.web.auth import needs
from hub.web.console import lead_words
from hub.web.frame import current_hub

blueprint = Blueprint("campaigns", __name__)
PERIODS: Mapping[str, LazyString] = MappingProxyType(
    {
        "7": lazy_gettext("7 days"),
        "28": lazy_gettext("28 days"),
        "90": lazy_gettext("90 days"),
        "month": lazy_gettext("This month"),
        "last_month": lazy_gettext("Last month"),
    }
)
USUAL = "28"
_DAY = timedelta(days=1)


@blueprint.get("/leads/campaigns")
@needs(Right.SEE_INSIGHTS)
def page() -> ResponseReturnValue:
    """Show what leads and customers cost, by campaign."""
    period = request.args.get("period", USUAL)
    period = period if period in PERIODS else USUAL
    zone = ZoneInfo(i18n.time_zone())
    first, last = days_of(period, now().astimezone(zone).date())
    with current_hub().db.read() as session:
        found = cost.of_time(session, _begin(first, zone), _begin(last + _DAY, zone), (first, last))
        accounts: dict[int, str] = dict(session.execute(select(Account.id, Account.name)).all())
    facts: dict[str, Any] = {"accounts": accounts, "periods": PERIODS, "period": period, "first": first, "last": last}
    return render_template("agent/campaigns.html", report=found, words=lead_words, **facts)


def days_of(period: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a period. Pure."""
    if period == "month":
        return today.replace(day=1), today
    if period == "last_month":
        last = today.replace(day=1) - _DAY
        return last.replace(day=1), last
    return today - timedelta(days=int(period) - 1), today


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
