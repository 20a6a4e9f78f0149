"""How a lead was won, from what its source tells. Pure."""

from hub.leads.models import Bucket
from hub.records.lead import Lead

_PAGES = frozenset({"web", "google"})  # platforms that lead to pages and forms of our own


def bucket(lead: Lead) -> Bucket:
    """Return how a lead is counted.

    Meta leaves out campaigns also where whoever reads may not see them, so a lead without one is organic only if it says so.
    Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
    """
    origin = lead.origin
    if lead.is_test:
        return Bucket.TEST
    if origin.campaign_id or origin.ad_id or _is_click(origin.clicks):
        return Bucket.PAID
    if origin.is_organic:
        return Bucket.ORGANIC
    if origin.platform in _PAGES or origin.page_url:
        return Bucket.WEB
    return Bucket.UNATTRIBUTED


def _is_click(clicks: object) -> bool:
    """Say whether an ad was clicked: its id of the click came along."""
    return isinstance(clicks, dict) and any(clicks.get(one) for one in ("gclid", "gbraid", "wbraid", "msclkid"))
