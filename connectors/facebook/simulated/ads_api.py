"""What ads cost, by campaign and day.

Source: https://developers.facebook.com/docs/marketing-api/insights
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from connectors.facebook.simulated.call import Call, Reply, Route
from connectors.facebook.simulated.errors import Json, invalid
from connectors.facebook.simulated.fields import parse
from connectors.facebook.simulated.paging import page as cut
from connectors.facebook.simulated.things import AdAccount, Campaign
from connectors.facebook.simulated.views import may_see, view

_PRESETS = {"today": 0, "yesterday": 1, "last_7d": 7, "last_14d": 14, "last_30d": 30, "last_90d": 90, "maximum": 1_100}
_FIELDS = frozenset({
    "account_id", "account_name", "account_currency", "campaign_id", "campaign_name", "spend", "impressions", "clicks",
    "date_start", "date_stop", "objective",
})  # fmt: skip
_UNASKED = "account_id,impressions,spend"


def insights(call: Call) -> Reply:
    """What an account's campaigns cost: a row for each and day with costs, or one for all days."""
    account: AdAccount = call.node
    may_see(call, "account", account)
    call.needs("ads_read")
    level = call.text("level", "account")
    if level not in ("account", "campaign"):
        raise invalid("param level must be one of {account, campaign}.")
    wanted = [*parse(call.text("fields", _UNASKED)), "date_start", "date_stop"]
    if unknown := set(wanted) - _FIELDS:
        raise invalid(f"{', '.join(sorted(unknown))} are not valid for fields param.")
    since, until = _range(call)
    rows = _rows(call, account, level, since, until)
    return Reply(cut(call, rows, _place, lambda one: {name: one[name] for name in wanted if name in one}))


def _place(row: Json) -> tuple[str, ...]:
    return str(row["date_start"]), str(row.get("campaign_id", ""))


def _range(call: Call) -> tuple[date, date]:
    """First and last day. Raises ApiError."""
    today = call.world.clock.now().date()
    told = call.value("time_range")
    if told is not None:
        try:
            since, until = date.fromisoformat(told["since"]), date.fromisoformat(told["until"])
        except (KeyError, TypeError, ValueError):
            raise invalid("param time_range must have since and until as YYYY-MM-DD.") from None
        if since > until:
            raise invalid("(#3018) The start date of the time range cannot be later than the end date.")
        return since, until
    days = _PRESETS.get(call.text("date_preset", "last_30d"))
    if days is None:
        raise invalid(f"param date_preset must be one of {{{', '.join(_PRESETS)}}}.")
    return today - timedelta(days=days), today if not days else today - timedelta(days=1)


def _rows(call: Call, account: AdAccount, level: str, since: date, until: date) -> Sequence[Json]:
    spent = [one for one in call.world.spent(account.id) if since <= one[1] <= until]
    daily = call.text("time_increment") == "1"
    sums: dict[tuple[str, date], Decimal] = {}
    for campaign, day, amount in spent:
        key = (campaign.id if level == "campaign" else "", day if daily else since)
        sums[key] = sums.get(key, Decimal()) + amount
    return [_row(account, call.world.campaigns.get(one), day, day if daily else until, amount)
            for (one, day), amount in sums.items()]  # fmt: skip


def _row(account: AdAccount, campaign: Campaign | None, since: date, until: date, amount: Decimal) -> Json:
    told: Json = {
        "account_id": account.id.removeprefix("act_"), "account_name": account.name, "date_start": since.isoformat(),
        "date_stop": until.isoformat(), "account_currency": account.currency, "spend": f"{amount:.2f}",
        "impressions": str(int(amount * 100)), "clicks": str(int(amount)),
    }  # fmt: skip
    if campaign:
        told |= {"campaign_id": campaign.id, "campaign_name": campaign.name, "objective": "OUTCOME_LEADS"}
    return told


def campaigns(call: Call) -> Reply:
    account: AdAccount = call.node
    may_see(call, "account", account)
    mine = [one for one in call.world.campaigns.values() if one.account_id == account.id]
    return _listed(call, "campaign", mine)


def ads(call: Call) -> Reply:
    account: AdAccount = call.node
    may_see(call, "account", account)
    return _listed(call, "ad", [one for one in call.world.ads.values() if _is_of(call, one.id, account)])


def _is_of(call: Call, ad_id: str, account: AdAccount) -> bool:
    return call.world.account_of_ad(ad_id) == account.id


def _listed(call: Call, kind: str, things: Iterable[Any]) -> Reply:
    fields = call.text("fields")
    return Reply(cut(call, list(things), lambda one: (one.id,), lambda one: view(call, kind, one, fields)))


ROUTES: tuple[Route, ...] = (
    Route("GET", "account", "insights", insights),
    Route("GET", "account", "campaigns", campaigns),
    Route("GET", "account", "ads", ads),
)
