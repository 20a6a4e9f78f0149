"""What ads cost, as every source hands it over: one campaign, one day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class AdSpend:
    """What one campaign cost on one day; a source that corrects it says it again."""

    campaign_id: str
    day: date  # of the ad account's own time zone
    amount: Decimal
    currency: str  # ISO 4217, such as ILS
    campaign_name: str = ""  # as it is called now
    impressions: int = 0
    clicks: int = 0
