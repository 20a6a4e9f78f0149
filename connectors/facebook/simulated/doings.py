"""What people do at Facebook: they make pages, forms and ads, fill in forms, and take rights away."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from connectors.facebook.simulated import letterbox
from connectors.facebook.simulated.letterbox import Answers
from connectors.facebook.simulated.samples import ENGLISH
from connectors.facebook.simulated.stamps import escaped
from connectors.facebook.simulated.things import (
    ADVERTISER,
    SCOPES,
    Ad,
    AdAccount,
    AdSet,
    Campaign,
    Checkbox,
    Form,
    Lead,
    Page,
    Person,
    Question,
)
from connectors.facebook.simulated.webhooks import Subscription
from connectors.facebook.simulated.world import Script, World
from hub.connector.simulated.locking import locked


class Doings:
    """Methods for tests and the demo. Things are named by themselves or by their ids."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = world.lock

    # -- people -------------------------------------------------------------------------------------------------------

    @locked
    def add_person(self, name: str, *, is_system: bool = False, scopes: Iterable[str] = SCOPES) -> Person:
        """Open an account: with all tasks on all pages there are, and in all ad accounts."""
        made = Person(self.world.new_id(), name, is_system, granted=set(scopes))
        made.tasks = dict.fromkeys(self.world.pages, ADVERTISER)
        made.ad_accounts = set(self.world.accounts)
        self.world.people[made.id] = made
        return made

    @locked
    def new_token(self, person: Person | str, *, lasting: bool = True, scopes: Iterable[str] | None = None) -> str:
        """Give out a token by hand; of a system user it never expires."""
        return self.world.tokens.give(self._person(person), lasting=lasting, scopes=scopes).text

    @locked
    def kill_token(self, person: Person | str, code: int = 190, subcode: int = 460) -> None:
        """Let all tokens of somebody be dead, those of his pages too; new ones live.

        458: he removed the app, 459: checkpoint, 460: password, 463: expired, 464: not confirmed, 467: logged out.
        """
        self.world.tokens.kill(self._person(person).id, code, subcode)

    @locked
    def lose_role(self, person: Person | str, page: Page | str) -> None:
        """Take somebody's tasks on a page away: 190/492, with a new token as well."""
        self._person(person).tasks.pop(self._page(page).id, None)

    @locked
    def give_role(self, person: Person | str, page: Page | str) -> None:
        self._person(person).tasks[self._page(page).id] = ADVERTISER

    @locked
    def lose_ad_account(self, person: Person | str, account: AdAccount | str) -> None:
        """Let somebody no longer advertise there: leads are told without their ads."""
        self._person(person).ad_accounts.discard(account if isinstance(account, str) else account.id)

    @locked
    def give_ad_account(self, person: Person | str, account: AdAccount | str) -> None:
        self._person(person).ad_accounts.add(account if isinstance(account, str) else account.id)

    @locked
    def withdraw(self, person: Person | str, *scopes: str) -> None:
        """Take permissions back that were granted, also from tokens that are out."""
        someone = self._person(person)
        someone.granted -= set(scopes)
        self.world.tokens.narrow(someone.id, scopes)

    @locked
    def rotate_secret(self) -> str:
        """Give the app another secret; returns it."""
        return self.world.tokens.rotate()

    # -- pages --------------------------------------------------------------------------------------------------------

    @locked
    def add_page(
        self,
        name: str,
        *,
        people: Sequence[Person | str] | None = None,
        subscribed: bool = False,
        tos_accepted: bool = True,
    ) -> Page:
        """Make a page, on which these people (or all there are) have tasks."""
        made = Page(self.world.new_id(), name, tos_accepted=tos_accepted, subscribed=["leadgen"] if subscribed else [])
        self.world.pages[made.id] = made
        for one in self.world.people if people is None else people:
            self._person(one).tasks[made.id] = ADVERTISER
        return made

    @locked
    def rename_page(self, page: Page | str, name: str) -> None:
        self._page(page).name = name

    @locked
    def revoke_lead_access(self, page: Page | str, code: int = 103, *, person: Person | str | None = None) -> None:
        """Use Leads Access Manager: shut out our app, or (person) one of its people. Calls get this code."""
        found = self._page(page)
        found.is_customized, found.refusal = True, code
        if person is None:
            found.app_has_access = False
        else:
            found.people_without.add(self._person(person).id)

    @locked
    def restore_lead_access(self, page: Page | str) -> None:
        found = self._page(page)
        found.app_has_access = True
        found.people_without.clear()

    @locked
    def unsubscribe(self, page: Page | str) -> None:
        """Remove our app from a page's settings: it is told nothing any more, and no error anywhere."""
        self._page(page).subscribed = []

    @locked
    def lose_subscription(self) -> None:
        """Let another callback be entered for the app, or none."""
        self.world.webhooks.subscriptions.clear()

    @locked
    def tell(self, address: str) -> None:
        """Enter a callback for lead ads in the app's dashboard, as an administrator did long ago."""
        self.world.webhooks.set(Subscription("page", address, ["leadgen"]))

    # -- forms --------------------------------------------------------------------------------------------------------

    @locked
    def add_form(  # noqa: PLR0913 - what belongs to one is named at the call
        self,
        page: Page | str,
        name: str,
        locale: str = "EN_US",
        questions: Sequence[Question] = ENGLISH,
        checkboxes: Sequence[Checkbox] = (),
        *,
        status: str = "ACTIVE",
        disclaimer: str = "",
        tracking: Mapping[str, str] | None = None,
        at: datetime | None = None,
    ) -> Form:
        """Publish a form."""
        world = self.world
        asked = [replace(one, id=one.id or world.new_id()) for one in questions]
        made = Form(
            world.new_id(), self._page(page).id, name, locale, asked, tuple(checkboxes),
            at.timestamp() if at else world.clock.time(), status, disclaimer=disclaimer, tracking=dict(tracking or {}),
            legal_id=world.new_id(),
        )  # fmt: skip
        world.forms[made.id] = made
        return made

    @locked
    def copy_form(self, form: Form | str, name: str = "", questions: Sequence[Question] | None = None) -> Form:
        """Edit a form, which makes another one."""
        old = self._form(form)
        made = replace(
            old, id=self.world.new_id(), name=name or f"{old.name} (copy)", created_at=self.world.clock.time(),
            questions=list(questions or old.questions), status="ACTIVE", drift=0,
        )  # fmt: skip
        self.world.forms[made.id] = made
        return made

    @locked
    def archive_form(self, form: Form | str, status: str = "ARCHIVED") -> None:
        """Archive a form, or DELETE it; its leads stay."""
        self._form(form).status = status

    @locked
    def drift(self, form: Form | str, by: int = 1) -> None:
        """Let a form's count be wrong by so many."""
        self._form(form).drift = by

    # -- leads --------------------------------------------------------------------------------------------------------

    @locked
    def submit(  # noqa: PLR0913 - what belongs to one is named at the call
        self,
        form: Form | str,
        answers: Answers,
        *,
        ad: Ad | str | None = None,
        platform: str = "fb",
        checked: Mapping[str, bool] | Iterable[str] | None = None,
        at: datetime | None = None,
        is_organic: bool | None = None,
        late_s: float | None = None,
    ) -> Lead:
        """Send a form.

        Args:
            form: the form.
            answers: by question; a choice by key or label; None: Graph tells the question without values.
            ad: what brought the person; nothing: organic.
            platform: fb or ig.
            checked: boxes that were ticked, or what was told of each; nothing: those that must be.
            at: when; now if nothing is said.
            is_organic: as Graph tells it; by the ad if nothing is said.
            late_s: how long Graph does not show it; as long as of all others if nothing is said.
        """
        found = self._form(form)
        ad_id = ad.id if isinstance(ad, Ad) else ad or ""
        boxes = _boxes(found, checked)
        made = letterbox.submit(
            self.world, found, answers, boxes, ad_id=ad_id, platform=platform,
            is_organic=not ad_id if is_organic is None else is_organic, at=at,
        )  # fmt: skip
        if late_s is not None:
            made.visible_at = self.world.clock.time() + late_s
        return made

    @locked
    def test_lead(
        self, form: Form | str, answers: Mapping[str, str] | None = None, checked: Mapping[str, bool] | None = None
    ) -> Lead:
        """Make the one test lead of a form with the testing tool, with dummy words if nothing is said.

        Raises:
            ValueError: there is one.
        """
        told = None if answers is None else {name: [value] for name, value in answers.items()}
        return letterbox.test_lead(self.world, self._form(form), told, checked)

    @locked
    def delete_lead(self, lead: Lead | str) -> None:
        """Delete a lead as Facebook does when somebody asks for that."""
        self.world.leads[lead if isinstance(lead, str) else lead.id].is_deleted = True

    # -- ads ----------------------------------------------------------------------------------------------------------

    @locked
    def add_ad_account(self, name: str, currency: str = "ILS", time_zone: str = "Asia/Jerusalem") -> AdAccount:
        """Open an ad account, in which all people there are may advertise."""
        made = AdAccount(f"act_{self.world.new_id()}", name, currency, time_zone)
        self.world.accounts[made.id] = made
        for person in self.world.people.values():
            person.ad_accounts.add(made.id)
        return made

    @locked
    def add_campaign(self, name: str, account: AdAccount | str = "") -> Campaign:
        """Make a campaign; in the first account if none is named."""
        where = account.id if isinstance(account, AdAccount) else account or next(iter(self.world.accounts))
        made = Campaign(self.world.new_id(), name, where)
        self.world.campaigns[made.id] = made
        return made

    @locked
    def add_adset(self, campaign: Campaign | str, name: str) -> AdSet:
        made = AdSet(self.world.new_id(), name, campaign if isinstance(campaign, str) else campaign.id)
        self.world.adsets[made.id] = made
        return made

    @locked
    def add_ad(self, adset: AdSet | str, name: str, form: Form | str = "") -> Ad:
        made = Ad(
            self.world.new_id(), name, adset if isinstance(adset, str) else adset.id,
            form if isinstance(form, str) else form.id,
        )  # fmt: skip
        self.world.ads[made.id] = made
        return made

    @locked
    def advertise(self, form: Form | str, campaign: str, adset: str = "", ad: str = "") -> Ad:
        """Make a campaign with one ad set and one ad for a form."""
        made = self.add_campaign(campaign)
        return self.add_ad(self.add_adset(made, adset or f"{campaign} / ad set"), ad or f"{campaign} / ad", form)

    @locked
    def rename_campaign(self, campaign: Campaign | str, name: str) -> None:
        """Give a campaign another name; its leads are told with it from now on."""
        self.world.campaigns[campaign if isinstance(campaign, str) else campaign.id].name = name

    @locked
    def rename_ad(self, ad: Ad | str, name: str) -> None:
        self.world.ads[ad if isinstance(ad, str) else ad.id].name = name

    def campaign_of(self, ad: Ad | str) -> Campaign:
        """The campaign that an ad belongs to."""
        found = self.world.ads[ad if isinstance(ad, str) else ad.id]
        return self.world.campaigns[self.world.adsets[found.adset_id].campaign_id]

    @locked
    def set_spend(self, campaign: Campaign | str, day: date, amount: Decimal | str | int) -> None:
        """Say what a campaign cost on a day; said again, it was corrected."""
        self.world.campaigns[campaign if isinstance(campaign, str) else campaign.id].spend[day] = Decimal(amount)

    @locked
    def add_dataset(self) -> str:
        """Make a dataset that takes conversions; returns its id."""
        made = self.world.new_id()
        self.world.ledger.datasets.add(made)
        return made

    # -- troubles -----------------------------------------------------------------------------------------------------

    @locked
    def fail(  # noqa: PLR0913 - what belongs to one is named at the call
        self,
        where: str,
        code: int,
        message: str = "",
        *,
        subcode: int = 0,
        is_transient: bool = False,
        status: int = 400,
        regain_min: int = 0,
        times: int = 1,
    ) -> None:
        """Order an error for the next calls of a kind.

        Args:
            where: part of the verb and what is asked for, such as `GET form/leads`, `GET lead/` or `POST page/`.
            code: of the error.
            message: of the error.
            subcode: of the error.
            is_transient: of the error.
            status: of HTTP.
            regain_min: minutes that the usage header tells.
            times: how many calls.
        """
        text = message or f"(#{code}) An error that was ordered"
        one = Script(where, code, text, subcode, is_transient, status, regain_min)
        self.world.scripts += [one] * times

    @locked
    def throttle(self, page: Page | str, minutes: float) -> None:
        """Answer 80005 to every call about a page for so long; who calls all the same makes it longer."""
        self.world.usage.block(self._page(page).id, minutes)

    @locked
    def throttle_ads(self, account: AdAccount, minutes: float) -> None:
        """Answer 80000 to every call about an ad account for so long."""
        self.world.usage.block(account.id, minutes)

    # -- webhooks -----------------------------------------------------------------------------------------------------

    @locked
    def hold(self) -> None:
        """Let changes wait, until `deliver` or `drop_webhooks`."""
        self.world.webhooks.is_held = True

    def deliver(self, order: str = "sent", duplicates: int = 0, size: int = 1, seed: int = 1) -> int:
        """Post what waits (in this order, so many twice, so many in one request); returns the number of requests."""
        return self.world.webhooks.deliver(order, duplicates, size, seed)

    def drop_webhooks(self) -> int:
        """Lose what waits; returns how many changes that were."""
        return self.world.webhooks.drop()

    def webhook(self, leads: Iterable[Lead]) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a signed request that tells of leads, for whoever posts it himself."""
        world = self.world
        changes = [world.webhooks.change(world.pages[one.page_id], world.forms[one.form_id], one) for one in leads]
        body = escaped(world.webhooks.payload(changes))
        return body, world.webhooks.headers(body)

    # -- which one ----------------------------------------------------------------------------------------------------

    def _person(self, which: Person | str) -> Person:
        return self.world.people[which] if isinstance(which, str) else which

    def _page(self, which: Page | str) -> Page:
        return self.world.pages[which] if isinstance(which, str) else which

    def _form(self, which: Form | str) -> Form:
        return self.world.forms[which] if isinstance(which, str) else which


def _boxes(form: Form, checked: Mapping[str, bool] | Iterable[str] | None) -> dict[str, bool]:
    if isinstance(checked, Mapping):
        return dict(checked)
    ticked = {one.key for one in form.checkboxes if one.required} if checked is None else set(checked)
    return {one.key: one.key in ticked for one in form.checkboxes}
