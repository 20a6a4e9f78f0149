"""Take in what ads cost: one row for each campaign and day, as the source says it last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session

from hub.errors import RecordError
from hub.identity.said import line
from hub.intake.models import Account, RawRecord, RawState
from hub.leads import names
from hub.leads.models import AdSpend as AdSpendRow
from hub.leads.names import Named
from hub.leads.said import LONGEST_KEY
from hub.records.ad_spend import AdSpend
from hub.store.insert import insert
from hub.store.turn import in_turn

MOST = Decimal(10**9)  # of any currency on one day; more is no price but a mistake
_Count = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True, slots=True)
class Given:
    """What an ad cost: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


class SpendFields(BaseModel):
    """What a mapping may make of it; an administrator may have written the mapping, so anything may come."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    campaign_id: str = Field(min_length=1, max_length=LONGEST_KEY)
    campaign_name: str | None = None
    day: date
    amount: Decimal = Field(ge=0, le=MOST, allow_inf_nan=False)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    impressions: _Count | None = None
    clicks: _Count | None = None


def take(session: Session, account: Account, given: Sequence[Given]) -> list[RawState]:
    """Keep what campaigns cost; safe to repeat.

    Raises:
        RecordError: one of them says no price of a day.
    """
    in_turn(session, AdSpendRow.__tablename__)
    told = {
        (spend.campaign_id, spend.day): (spend, one.raw.received_at) for one in given for spend in [said(one.values)]
    }
    for spend, _ in told.values():
        _keep(session, account.id, spend)
    _keep_names(session, account.id, list(told.values()))
    return [RawState.APPLIED] * len(given)


def said(values: Mapping[str, Any]) -> AdSpend:
    """Return what a record says that a campaign cost.

    Raises:
        RecordError: the mapping made something else of it.
    """
    try:
        fields = SpendFields.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()[:5])
        raise RecordError(f"what the mapping makes of it is no spend of a day: {wrong}") from error
    return AdSpend(
        campaign_id=line(fields.campaign_id), day=fields.day, amount=fields.amount, currency=fields.currency,
        campaign_name=line(fields.campaign_name), impressions=fields.impressions or 0, clicks=fields.clicks or 0,
    )  # fmt: skip


def _keep(session: Session, account_id: int, spend: AdSpend) -> None:
    values = {
        "amount": spend.amount, "currency": spend.currency, "impressions": spend.impressions, "clicks": spend.clicks
    }  # fmt: skip
    session.execute(
        insert(session, AdSpendRow)
        .values(account_id=account_id, campaign_id=spend.campaign_id, day=spend.day, **values)
        .on_conflict_do_update(index_elements=["account_id", "campaign_id", "day"], set_=values)
    )


def _keep_names(session: Session, account_id: int, told: Sequence[tuple[AdSpend, datetime]]) -> None:
    """Remember what campaigns are called: whatever was told last, on whichever day it was spent."""
    newest: dict[str, tuple[datetime, date, str]] = {}
    for spend, at in told:
        if spend.campaign_name:
            newest[spend.campaign_id] = max(
                newest.get(spend.campaign_id, (at, spend.day, "")), (at, spend.day, spend.campaign_name)
            )
    named = [Named("campaign", one, name, at) for one, (at, _day, name) in sorted(newest.items()) if name]
    names.keep(session, account_id, named)
