"""A whole hub and a simulated Odoo: what a person sets up there on a page, and what is not believed at once."""

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from connectors.odoo.simulated.people import ADMIN
from connectors.odoo.simulator import OdooSimulator
from hub import app as hub_app
from hub.accounting import alerts, check
from hub.accounting.alerts import Word
from hub.accounting.models import CheckState, DocumentRow
from hub.accounting.panel import Panel, Terms, panel
from hub.context import Hub
from hub.intake import vanishing
from hub.intake.models import Account, Health
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.base import now
from tests.e2e.ledger_desk import LedgerDesk
from tests.e2e.reached import reached
from tests.fakes.browser import Browser, someone

MANY = 60
STREAMS = ("companies", "contacts", "invoices", "orders", "purchases", "payments", "allocations")


@pytest.fixture
def odoo() -> Iterator[OdooSimulator]:
    simulator = OdooSimulator()
    simulator.start()
    yield simulator
    simulator.stop()


def desk_of(hub: Hub, odoo: OdooSimulator) -> LedgerDesk:
    return LedgerDesk(hub, "odoo", STREAMS, {**odoo.settings(), "calls_per_minute": 100_000})


def rules(odoo: OdooSimulator) -> list[str]:
    """Where the automation rules in Odoo post to."""
    actions = odoo.world.database.tables["ir.actions.server"]
    return [str(row["webhook_url"]) for number in actions.ids if (row := actions.get(number))]


def open_keys(desk: LedgerDesk) -> list[str]:
    with desk.hub.db.read() as session:
        return sorted(session.scalars(select(DocumentRow.key).where(DocumentRow.gone_at.is_(None))))


def audited(desk: LedgerDesk, stream: str) -> None:
    hub_app.run_audit(desk.hub, desk.claimed(stream))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # it is Odoo's business, not that of a database
def test_an_administrator_sets_up_that_odoo_tells_us_of_changes(hub: Hub, odoo: OdooSimulator) -> None:
    with reached(hub) as near:
        desk = desk_of(near, odoo)
        desk.read()
        someone(near, Role.ADMIN)
        admin = Browser(hub_app.create_app(near), HTTP_HOST=urlsplit(near.settings.public_url).netloc)
        admin.sign_in("admin@example.com")
        path = f"/connections/{desk.row().public_id}"
        refused = admin.post(f"{path}/hook-rules/make", key="wrong")
        assert (refused.status_code, rules(odoo)) == (422, [])
        key = odoo.new_key(ADMIN)
        answer = admin.post(f"{path}/hook-rules/make", key=key)
        assert answer.status_code == 200, answer.text[answer.text.find("rules-error") :][:400]
        assert key not in answer.text
        made = rules(odoo)
        assert made
        assert all(one.startswith(f"{near.settings.public_url}/hooks/odoo/") for one in made)
        before = now()
        odoo.invoice(odoo.add_partner("Cedar Ltd"), "100.00")
        desk.wait_until_due("invoices", since=before)
        admin.post(f"{path}/hook-rules/make", key=key)
        assert sorted(rules(odoo)) == sorted(made), "made again, they are there once"
        admin.post(f"{path}/hook-rules/remove", key=key)
        assert rules(odoo) == []


def test_a_hub_that_nobody_reaches_says_so(hub: Hub, odoo: OdooSimulator) -> None:
    desk = desk_of(hub, odoo)
    someone(hub, Role.ADMIN)
    admin = Browser(hub_app.create_app(hub))
    admin.sign_in("admin@example.com")
    answer = admin.post(f"/connections/{desk.row().public_id}/hook-rules/make", key="any")
    assert answer.status_code == 422
    assert "public_url" in answer.text


def test_so_much_that_is_gone_at_once_is_asked_for_first(hub: Hub, odoo: OdooSimulator) -> None:
    desk, partner = desk_of(hub, odoo), odoo.add_partner("Cedar Ltd")
    drafts = [odoo.invoice(partner, "10.00", post=False) for _ in range(MANY)]
    odoo.invoice(partner, "100.00")
    desk.read()
    for draft in drafts:
        odoo.unlink(draft)
    desk.read("invoices")
    audited(desk, "invoices")
    assert len(open_keys(desk)) == MANY + 1
    assert (desk.state("invoices").trouble, desk.row().health) == ("brake", Health.NEEDS_YOU)
    with hub.db.write() as session:
        assert vanishing.let_go(session, session.get_one(Account, desk.account), "invoices")
    audited(desk, "invoices")
    assert len(open_keys(desk)) == 1
    desk.read("invoices")
    audited(desk, "invoices")
    assert desk.state("invoices").audit["missing"] == []  # type: ignore[index]  # it was audited just now


def test_a_draft_that_was_deleted_is_struck_through_and_the_sums_agree(hub: Hub, odoo: OdooSimulator) -> None:
    desk, partner = desk_of(hub, odoo), odoo.add_partner("Cedar Ltd")
    kept, deleted = odoo.invoice(partner, "100.00"), odoo.invoice(partner, "10.00", post=False)
    desk.read()
    odoo.unlink(deleted)
    odoo.pay(kept, "40.00")
    audited(desk, "invoices")
    assert open_keys(desk) == [f"invoices:{kept}"]
    with hub.db.read() as session:
        [found] = check.latest(session, desk.account)
    assert (found.records, found.state, found.differences) == ("invoices", CheckState.AGREES, [])


def money_of(desk: LedgerDesk, customer: int) -> Panel:
    noa = Person(0, None, "noa@example.com", "Noa", Role.AGENT)
    with desk.hub.db.read() as session:
        found = panel(session, noa, [desk.party(str(customer))], ledgers=("odoo",), at=now(), zone="Asia/Jerusalem")
    assert found is not None
    return found


def test_terms_of_a_customer_in_odoo_warn_whoever_speaks_with_them(hub: Hub, odoo: OdooSimulator) -> None:
    desk = desk_of(hub, odoo)
    odoo.change("res.company", odoo.company, account_use_credit_limit=True)
    partner = odoo.add_partner(
        "Cedar Ltd",
        is_company=True,
        credit_limit=Decimal("99.5"),
        property_payment_term_id=odoo.add_term("30 Days", ("100", 30)),
    )
    odoo.invoice(partner, "100.00")
    desk.read()
    found = money_of(desk, partner)
    currency = found.owed[0].currency
    assert list(found.terms) == [
        Terms(
            "Books", credit_limit=Decimal("99.5"), credit_currency=currency, payment_terms="30 Days",
            businesses=found.terms[0].businesses,
        )
    ]  # fmt: skip
    told = {one.word: one.amount for one in alerts.alerts(found, {})}
    assert told[Word.OVER_LIMIT] == Decimal(100)
    odoo.change("res.partner", partner, credit_limit=Decimal(100))
    desk.read("contacts")
    assert Word.OVER_LIMIT not in {one.word for one in alerts.alerts(money_of(desk, partner), {})}
    odoo.change("res.partner", partner, credit_limit=Decimal(0), property_payment_term_id=None)
    desk.read("contacts")
    assert money_of(desk, partner).terms == []
