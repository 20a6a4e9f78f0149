"""What leads cost, from Meta's numbers to the page of managers; what Meta counts; and what is looked at all the time."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.facebook.forms import TEXTS
from connectors.facebook.samples import SAMPLES
from connectors.facebook.simulated.things import Ad, Lead
from connectors.facebook.simulator import FacebookSimulator, create
from hub import app as hub_app
from hub.connector.contract import Level
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.intake import accounts, health, named, read, watch
from hub.intake.models import WATCH, Account, Health, NamedRecord, RawRecord, RawState, StreamState
from hub.leads import queries, stages
from hub.leads.models import AdSpend, Bucket, LeadRow, Stage
from hub.leads.queries import Wanted
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.work.lease import claim, new_owner
from tests.e2e.life import Workers
from tests.e2e.reached import reached
from tests.fakes.browser import signed_in, someone

NOTHING = "\N{EN DASH}"


class Agency:
    """A hub that reads one business at Meta."""

    def __init__(self, hub: Hub, meta: FacebookSimulator, *, shown_by: Hub | None = None, **more: str) -> None:
        self.hub, self.meta = hub, meta
        self.shown_by = shown_by or hub  # whose pages have the address that the browser of a test asks
        values = {**meta.settings(), "timeout_s": "20", "ad_accounts": meta.account.id, **more}
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors["facebook"], hub.vault, "Facebook", values, region="IL")
            read.begin(session, row.id)
            self.account, self.public_id = row.id, row.public_id
        self.workers = Workers(hub, self.account)
        self.ad = meta.advertise(meta.english, "Spring")

    def submit(self, name: str, *, ad: Ad | None = None, number: int = 1, **more: Any) -> Lead:
        answers = {
            "full_name": name,
            "email": f"{name.lower()}@customer.example",
            "phone_number": f"+97250234560{number}",
        }
        return self.meta.submit(self.meta.english, answers, ad=ad, **more)

    def spend(self, ad: Ad, amount: str, days_ago: int = 1) -> None:
        day = (datetime.now(UTC) - timedelta(days=days_ago)).date()
        self.meta.set_spend(self.meta.campaign_of(ad), day, amount)

    def state(self, stream: str) -> StreamState:
        with self.hub.db.read() as session:
            where = (StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(select(StreamState).where(*where)).one()

    def health(self) -> tuple[Health, str]:
        with self.hub.db.write() as session:
            health.refresh(session, self.account)
            row = session.get_one(Account, self.account)
            return Health(row.health), row.health_text

    @property
    def form(self) -> str:
        return f"lead:{self.meta.garden.id}:{self.meta.english.id}"

    def audit(self) -> None:
        hub_app.run_audit(self.hub, self.workers._claimed(self.form))

    def look(self) -> None:
        with self.hub.db.write() as session:
            watch.plan(session, watch.watched(self.hub.connectors))
            session.execute(update(StreamState).where(StreamState.stream == WATCH).values(due_at=now()))
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, watch.due(), owner=new_owner(), lease_s=60)
        watch.look(self.hub.db, self.hub.remotes.open, lease)

    def becomes_customer(self, lead: Lead) -> None:
        person = users.person(someone(self.hub, Role.AGENT))
        with self.hub.db.write() as session:
            row = session.scalars(select(LeadRow).where(LeadRow.remote_id == lead.id)).one()
            stages.set_by(session, person, row, Stage.CUSTOMER)

    def page(self, path: str, role: Role = Role.MANAGER) -> str:
        with self.hub.db.read() as session:
            is_there = users.by_email(session, f"{role}@example.com") is not None
        if not is_there:
            someone(self.hub, role)
        answer = signed_in(self.shown_by, f"{role}@example.com").get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def meta() -> Iterator[FacebookSimulator]:
    simulator = create(0, Faults())
    simulator.start()
    TEXTS.forget()
    SAMPLES.forget()
    yield simulator
    simulator.stop()


@pytest.fixture
def agency(hub: Hub, meta: FacebookSimulator) -> Agency:
    return Agency(hub, meta)


def cells(page: str, name: str) -> list[str]:
    """The texts of the line of a campaign."""
    [line] = [one for one in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if name in one and "<td" in one]
    found = re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL)
    return [re.sub(r"<[^>]+>|[\u200e\u200f]", "", one).strip() for one in found]


def test_managers_see_what_leads_and_customers_of_a_campaign_cost(agency: Agency) -> None:
    summer = agency.meta.advertise(agency.meta.hebrew, "Summer")
    first = agency.submit("Dana", ad=agency.ad, number=1)
    agency.submit("Dana", ad=summer, number=1)  # the same person by another campaign
    agency.submit("Omer", ad=agency.ad, number=2)
    agency.submit("Noa", number=3)
    agency.submit("Jan", ad=agency.ad, number=4, is_organic=False)
    agency.meta.test_lead(agency.meta.english)
    agency.spend(agency.ad, "100.10")
    agency.spend(agency.ad, "50", days_ago=2)
    agency.spend(summer, "30")
    agency.workers.read()
    agency.becomes_customer(first)
    page = agency.page("/leads/campaigns")
    assert cells(page, "Spring") == ["3", "3", "1", "₪150.10", "₪50.03", "₪150.10"]
    assert cells(page, "Summer") == ["1", "1", "0", "₪30.00", "₪30.00", NOTHING]
    assert cells(page, "Without an ad") == ["1", "1", "0", NOTHING, NOTHING, NOTHING]
    assert cells(page, "All campaigns") == ["4", "4", "1", "₪180.10", "₪45.03", "₪180.10"]
    assert cells(page, "All leads")[:3] == ["5", "5", "1"]
    campaign = agency.meta.campaign_of(agency.ad).id
    assert f"campaign={campaign}" in page
    inbox = agency.page(f"/leads?state=all&campaign={campaign}")
    assert (inbox.count("data-row"), f'name="campaign" value="{campaign}"' in inbox) == (3, True)
    with agency.hub.db.read() as session:
        shown = queries.listed(session, Wanted(state="all", campaign_id=campaign))
    assert sorted(one.name for one in shown) == ["Dana", "Jan", "Omer"]


def test_a_renamed_campaign_is_one_line_and_a_corrected_day_one_amount(agency: Agency) -> None:
    agency.submit("Dana", ad=agency.ad)
    agency.spend(agency.ad, "10")
    agency.workers.read()
    agency.meta.rename_campaign(agency.meta.campaign_of(agency.ad), "Autumn")
    agency.spend(agency.ad, "12")
    agency.workers.read()
    page = agency.page("/leads/campaigns?period=7")
    assert cells(page, "Autumn") == ["1", "1", "0", "₪12.00", "₪12.00", NOTHING]
    assert page.count("data-row") == 1
    assert "Spring" in page, "what it was called before"
    with agency.hub.db.read() as session:
        assert [one.amount for one in session.scalars(select(AdSpend))] == [Decimal(12)]


def test_the_page_is_not_for_agents_and_an_odd_period_is_the_usual_one(agency: Agency) -> None:
    someone(agency.hub, Role.AGENT)
    assert signed_in(agency.hub, "agent@example.com").get("/leads/campaigns").status_code == 403
    assert "/leads/campaigns" not in agency.page("/leads", Role.AGENT)
    assert 'value="28" selected' in agency.page("/leads/campaigns?period=%00<script>")
    for period in ("7", "28", "90", "month", "last_month"):
        assert f'value="{period}" selected' in agency.page(f"/leads/campaigns?period={period}")


def test_an_ad_account_that_may_not_be_read_stops_no_lead(agency: Agency) -> None:
    agency.meta.lose_ad_account(agency.meta.system_user, agency.meta.account)
    agency.submit("Dana")
    agency.workers.read()
    assert agency.state(f"ad_spend:{agency.meta.account.id}").trouble == "scope"
    with agency.hub.db.read() as session:
        assert [one.name for one in queries.listed(session, Wanted())] == ["Dana"]


def test_a_wrong_amount_is_set_aside_with_its_reason(agency: Agency) -> None:
    agency.meta.account.currency = "shekel"
    agency.spend(agency.ad, "10")
    agency.workers.read()
    with agency.hub.db.read() as session:
        [raw] = session.scalars(select(RawRecord).where(RawRecord.stream == "ad_spend"))
    assert (raw.state, "currency" in raw.error) == (RawState.SET_ASIDE, True)


# --- what Meta counts -----------------------------------------------------------------------------------------------


def test_a_count_that_is_not_ours_is_a_warning_that_names_the_form(agency: Agency) -> None:
    agency.submit("Dana")
    agency.submit("Omer", number=2)
    agency.workers.read()
    agency.audit()
    assert agency.health() == (Health.HEALTHY, "")
    agency.meta.drift(agency.meta.english)
    agency.audit()
    found, text = agency.health()
    assert found is Health.WARNINGS
    assert "Garden offer" in text
    assert "counts 3 records; the hub has 2" in text
    assert "counts 3 records here; the hub has 2" in agency.page(f"/connections/{agency.public_id}", Role.ADMIN)
    agency.meta.drift(agency.meta.english, 0)
    agency.audit()
    assert agency.health()[0] is Health.HEALTHY


def test_leads_that_no_webhook_named_are_counted_by_the_day(hub: Hub, meta: FacebookSimulator) -> None:
    with reached(hub) as listening:
        agency = Agency(listening, meta, shown_by=hub)
        agency.submit("Before")
        agency.workers.read()
        agency.workers.look_at_channels()
        agency.audit()
        assert (agency.state(agency.form).audit or {})["unnamed"] == 0, "what came before the channel was open"
        meta.hold()
        for number in range(3):
            agency.submit(f"Lost{number}", number=number)
        meta.drop_webhooks()
        agency.submit("Named", number=5)
        meta.deliver()
        meta.notifier.flush()
        agency.workers.read()
        find(agency)
        later(agency, timedelta(hours=2))
        agency.audit()
        audit = agency.state(agency.form).audit or {}
        assert (audit["unnamed"], sum(audit["unnamed_by_day"].values())) == (3, 3)
        assert agency.health()[0] is Health.WARNINGS
        with listening.db.read() as session:
            assert len(session.scalars(select(NamedRecord)).all()) == 1
        later(agency, timedelta(hours=2))
        agency.audit()
        audit = agency.state(agency.form).audit or {}
        assert (audit["unnamed"], sum(audit["unnamed_by_day"].values())) == (0, 3), "each is counted once"
        assert agency.health()[0] is Health.HEALTHY


def later(agency: Agency, span: timedelta) -> None:
    """Let all that happened so far have happened so much before."""
    with agency.hub.db.write() as session:
        for raw in session.scalars(select(RawRecord)):
            raw.received_at -= span
        for state in session.scalars(select(StreamState).where(StreamState.stream == agency.form)):
            state.last_full_at = state.last_full_at - span if state.last_full_at else None
            if state.audit:
                at = datetime.fromisoformat(state.audit["at"]) - span
                state.audit = {**state.audit, "at": at.isoformat()}


# --- what is looked at ----------------------------------------------------------------------------------------------


def test_what_a_look_finds_is_on_the_page_and_decides_how_the_account_is(hub: Hub, meta: FacebookSimulator) -> None:
    with reached(hub) as listening:
        agency = Agency(listening, meta, shown_by=hub)
        agency.workers.read()
        agency.workers.look_at_channels()
        agency.look()
        assert agency.health() == (Health.HEALTHY, "")
        meta.revoke_lead_access(meta.garden)
        forget_the_look(agency)
        agency.look()
        found, text = agency.health()
        assert found is Health.NEEDS_YOU
        assert "assign the CRM to the Page" in text
        assert "assign the CRM to the Page" in agency.page(f"/connections/{agency.public_id}", Role.ADMIN)
        meta.restore_lead_access(meta.garden)
        forget_the_look(agency)
        agency.look()
        assert agency.health() == (Health.HEALTHY, "")


def test_a_test_lead_goes_the_whole_way_and_counts_nowhere(hub: Hub, meta: FacebookSimulator) -> None:
    with reached(hub) as listening:
        agency = Agency(listening, meta, shown_by=hub, canary_form=meta.english.id)
        agency.workers.read()
        agency.workers.look_at_channels()
        agency.look()
        meta.notifier.flush()
        assert [status for _, status in meta.notifier.sent] == [200], "Meta repeats what is answered otherwise"
        find(agency)
        agency.look()
        with listening.db.read() as session:
            [told] = [one for one in watch.findings(session, agency.account) if one.topic == "canary"]
            [lead] = queries.listed(session, Wanted(state="all", tests=True))
            assert queries.listed(session, Wanted(state="all")) == []
        assert (told.level, lead.bucket, lead.party) == (Level.GREEN, Bucket.TEST, None), told
        assert not [one for one in meta.world.leads.values() if meta.world.is_there(one)]
        agency.workers.read()
        agency.audit()
        assert agency.health() == (Health.HEALTHY, "")
        assert "No leads and no spend" in agency.page("/leads/campaigns")


def forget_the_look(agency: Agency) -> None:
    with agency.hub.db.write() as session:
        session.execute(update(StreamState).where(StreamState.stream == WATCH).values(cursor=None))


def find(agency: Agency) -> None:
    with agency.hub.db.write() as session:
        leases = claim(session, StreamState, named.due(), owner=new_owner(), lease_s=60)
    assert leases
    for lease in leases:
        hub_app.finder(agency.hub).find(lease)
