"""All state of the simulated Facebook, and what it knows of each thing."""

import itertools
from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from threading import RLock

from connectors.facebook.simulated.dialog import Dialog
from connectors.facebook.simulated.ledger import Ledger
from connectors.facebook.simulated.things import Ad, AdAccount, AdSet, Campaign, Form, Lead, Page, Person
from connectors.facebook.simulated.tokens import Tokens
from connectors.facebook.simulated.usage import Usage
from connectors.facebook.simulated.webhooks import Webhooks
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulator import Faults

CURRENT = 26
OLDEST = 25  # Marketing API: versions before it ended
RETENTION_S = 90 * 86_400.0  # leads are kept so long
_FIRST_ID = 104_857_600_000_000


@dataclass(frozen=True, slots=True)
class Script:
    """An answer that was ordered for calls of one kind."""

    where: str  # part of `GET form/leads`
    code: int
    message: str
    subcode: int = 0
    is_transient: bool = False
    status: int = 400
    regain_min: int = 0


class World:
    """Everything that is remembered, behind one lock. What tests and the demo may turn are the plain attributes."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clock = Clock()
        self.lock = RLock()
        self.base_url = ""
        self.page_size = 0  # no page has more, whatever is asked for; 0: as the reference says
        self.is_shuffled = False  # leads are listed in no order
        self.answer_s = 0.0  # how long Graph thinks about a request
        self.late_s = 0.0  # how long a new lead cannot be read
        self.answers_by = "key"  # or "label": what is told of a choice
        self.lists_test_leads = True
        self.oldest_version, self.current_version = OLDEST, CURRENT
        self.warns_of_version = False  # an old version is served, and warned of
        self.people: dict[str, Person] = {}
        self.pages: dict[str, Page] = {}
        self.forms: dict[str, Form] = {}
        self.leads: dict[str, Lead] = {}
        self.accounts: dict[str, AdAccount] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.adsets: dict[str, AdSet] = {}
        self.ads: dict[str, Ad] = {}
        self.scripts: list[Script] = []
        self._of_forms: dict[str, list[str]] = {}
        self._moments: dict[str, list[float]] = {}  # when leads of a page were sent, in order
        self._ids = itertools.count(1)
        self.notifier = Notifier(faults, self.clock)
        self.tokens = Tokens(self.clock, self.lock, self.people)
        self.dialog = Dialog(self.clock, self.lock, self.tokens, self.people)
        self.usage = Usage(self.clock, self.leads_of_page)
        self.webhooks = Webhooks(faults, self.clock, self.lock, self.notifier, self.tokens)
        self.ledger = Ledger(self.clock, self.leads)

    def new_id(self) -> str:
        """An id unlike all others, of 15 digits."""
        return str(_FIRST_ID + next(self._ids) * 104_729)

    def skip(self, count: int) -> None:
        """Let ids go on as if so many more things had been made, so that no earlier start gave them out."""
        self._ids = itertools.count(next(self._ids) + count)

    # -- leads --------------------------------------------------------------------------------------------------------

    def keep(self, lead: Lead) -> None:
        self.leads[lead.id] = lead
        self._of_forms.setdefault(lead.form_id, []).append(lead.id)
        insort(self._moments.setdefault(lead.page_id, []), lead.created_at)

    def all_of_form(self, form_id: str) -> Iterator[Lead]:
        """Every lead that was ever sent with a form."""
        return (self.leads[one] for one in self._of_forms.get(form_id, ()))

    def is_there(self, lead: Lead) -> bool:
        """Whether Graph shows a lead now."""
        now = self.clock.time()
        return not lead.is_deleted and lead.visible_at <= now and not self.is_expired(lead)

    def is_expired(self, lead: Lead) -> bool:
        return lead.created_at <= self.clock.time() - RETENTION_S

    def listed(self, form: Form) -> list[Lead]:
        """The leads of a form that are there now, the newest first or in no order."""
        found = [one for one in self.all_of_form(form.id) if self.is_there(one)]
        return [one for one in found if self.lists_test_leads or not one.is_test]

    def place(self, lead: Lead) -> tuple[str, str]:
        """Where a lead stands in a listing; it stays there, whatever comes."""
        return lead.place_by_chance if self.is_shuffled else lead.place

    def counts(self, form: Form) -> Mapping[str, int]:
        """What a form tells of its leads: all that were ever sent, without test leads."""
        real = [one for one in self.all_of_form(form.id) if not one.is_test]
        return {
            "leads_count": len(real) + form.drift,
            "organic_leads_count": sum(bool(one.is_organic) for one in real),
            "expired_leads_count": sum(self.is_expired(one) for one in real),
        }

    def leads_of_page(self, page_id: str) -> int:
        """How many leads a page got in the last 90 days."""
        page = self.pages.get(page_id)
        if page is not None and page.quota_leads is not None:
            return page.quota_leads
        moments = self._moments.get(page_id, [])
        return len(moments) - bisect_right(moments, self.clock.time() - RETENTION_S)

    # -- ads ----------------------------------------------------------------------------------------------------------

    def ad_facts(self, ad_id: str) -> Mapping[str, str]:
        """Ids and present names of an ad and of what it belongs to."""
        ad = self.ads.get(ad_id)
        if ad is None:
            return {"ad_id": ad_id} if ad_id else {}
        adset = self.adsets[ad.adset_id]
        campaign = self.campaigns[adset.campaign_id]
        return {
            "ad_id": ad.id, "ad_name": ad.name, "adset_id": adset.id, "adset_name": adset.name,
            "campaign_id": campaign.id, "campaign_name": campaign.name,
        }  # fmt: skip

    def account_of_ad(self, ad_id: str) -> str:
        ad = self.ads.get(ad_id)
        return self.campaigns[self.adsets[ad.adset_id].campaign_id].account_id if ad else ""

    def spent(self, account_id: str) -> Iterator[tuple[Campaign, date, Decimal]]:
        """What each campaign of an account cost on each day."""
        for campaign in self.campaigns.values():
            if campaign.account_id == account_id:
                for day, amount in sorted(campaign.spend.items()):
                    yield campaign, day, amount

    # -- what was ordered ---------------------------------------------------------------------------------------------

    def scripted(self, route: str) -> Script | None:
        """The next answer that was ordered for such a call."""
        for number, one in enumerate(self.scripts):
            if one.where in route:
                return self.scripts.pop(number)
        return None
