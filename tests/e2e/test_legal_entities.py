"""The administrator's pages of money: legal entities, who sees whose, alerts, and whether we agree with the books."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from hub.accounting import check
from hub.accounting.alerts import least
from hub.accounting.models import DocumentRow
from hub.app import create_app
from hub.connector.ledger import Total
from hub.connector.stream import Remote
from hub.context import Hub
from hub.intake.models import Account, StreamState
from hub.records.document import DocumentKind
from hub.security import businesses
from hub.security.models import Audit, Business, Role
from tests.fakes.browser import Browser, signed_in, someone
from tests.fakes.ledger import INVOICES, Ledger
from tests.unit.accounting.books import invoice


@pytest.fixture
def ledger(hub: Hub, tmp_path: Path) -> Ledger:
    made = Ledger(hub, tmp_path / "mappings")
    made.know()
    return made


@pytest.fixture
def app(ledger: Ledger) -> Flask:
    return create_app(ledger.hub)


@pytest.fixture
def admin(app: Flask, ledger: Ledger) -> Browser:
    someone(ledger.hub, Role.ADMIN)
    return signed_in(ledger.hub, "admin@example.com", app)


def entities(ledger: Ledger) -> Sequence[Business]:
    with ledger.db.read() as session:
        return session.scalars(select(Business).order_by(Business.id)).all()


def test_a_legal_entity_is_added_and_changed(admin: Browser, ledger: Ledger) -> None:
    before = len(entities(ledger))
    new = {
        "name": "South Ltd",
        "tax_id": "PL 701-000-23-95",
        "region": "pl",
        "currency": "pln",
        "time_zone": "Europe/Warsaw",
    }
    assert admin.post("/admin/companies", **new).status_code == 303
    made = entities(ledger)[-1]
    assert (made.name, made.currency, made.region) == ("South Ltd", "PLN", "PL")
    assert admin.post(f"/admin/companies/{made.id}", **{**new, "name": "South Group"}).status_code == 303
    assert (entities(ledger)[-1].name, len(entities(ledger))) == ("South Group", before + 1)
    assert "South Group" in admin.get("/admin/companies").text


@pytest.mark.alike
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": ""}, "Write a name"),
        ({"name": "North", "tax_id": "none at all"}, "no tax number"),
        ({"name": "North", "currency": "shekel"}, "currency code"),
        ({"name": "North", "time_zone": "Mars/Olympus"}, "no such time zone"),
        ({"name": "Acme Israel"}, "has it already"),
        ({"name": "a\0b", "currency": "XXQ"}, "currency code"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    admin: Browser, ledger: Ledger, values: dict[str, str], words: str
) -> None:
    before = len(entities(ledger))
    answer = admin.post("/admin/companies", **values)
    assert (answer.status_code, len(entities(ledger))) == (422, before)
    assert words in answer.text
    assert values["name"].replace("\0", "") in answer.text


def test_alerts_begin_at_the_amount_that_the_administrator_chose(admin: Browser, ledger: Ledger) -> None:
    ledger.say(INVOICES, invoice("1"))
    assert 'name="least-ILS"' in admin.get("/admin/companies").text
    assert admin.post("/admin/companies/alerts", **{"least-ILS": "1,500"}).status_code == 303
    with ledger.db.read() as session:
        assert {code: str(amount) for code, amount in least(session).items()} == {"ILS": "1500.00"}
    assert admin.post("/admin/companies/alerts", **{"least-ILS": "plenty"}).status_code == 422


def test_a_person_may_see_the_money_of_one_legal_entity_only(admin: Browser, ledger: Ledger) -> None:
    agent = someone(ledger.hub, Role.AGENT)
    page = f"/people/{agent.public_id}"
    first, second = entities(ledger)[:2]
    assert f'value="{second.id}"' in admin.get(page).text
    form = {"name": agent.name, "role": Role.AGENT, "whose": "some"}
    assert admin.post(page, **form).status_code == 422
    assert admin.post(page, **form, company=str(second.id)).status_code == 303
    with ledger.db.read() as session:
        assert businesses.of_user(session, agent.id) == {second.id}
    assert admin.post(page, **{**form, "whose": "all"}).status_code == 303
    with ledger.db.read() as session:
        assert businesses.of_user(session, agent.id) == frozenset()
    assert first.id != second.id


def test_only_administrators_see_these_pages(app: Flask, ledger: Ledger) -> None:
    someone(ledger.hub, Role.MANAGER)
    manager = signed_in(ledger.hub, "manager@example.com", app)
    for path in ("/admin/companies", f"/connections/{ledger.public_id}/agreement"):
        assert manager.get(path).status_code == 403


# --- agreement ----------------------------------------------------------------------------------------------------


class Sums:
    """A remote that only sums."""

    def __init__(self, *totals: Total) -> None:
        self._totals = totals

    def totals(self) -> Sequence[Total]:
        return self._totals


def compared(ledger: Ledger, *totals: Total) -> None:
    with ledger.db.read() as session:
        account = session.get_one(Account, ledger.account_id)
    remote: Remote = Sums(*totals)  # type: ignore[assignment]  # it is asked for sums only
    check.check(ledger.db, account, remote, INVOICES, len)


def total(gross: str) -> Total:

    kind, amount = DocumentKind.INVOICE, Decimal(gross)
    return Total(INVOICES, "1", kind, "ILS", "2026-09", 1, amount, Decimal("117.00"))


def test_a_difference_is_shown_with_its_documents(admin: Browser, ledger: Ledger) -> None:
    path = f"/connections/{ledger.public_id}/agreement"
    assert "not compared yet" in admin.get(path).text
    ledger.say(INVOICES, invoice("1"))
    compared(ledger, total("118.00"))
    page = admin.get(path).text
    with ledger.db.read() as session:
        [document] = session.scalars(select(DocumentRow).where(DocumentRow.key == "invoices:1"))
    assert f"/documents/{document.public_id}" in page
    assert all(one in page for one in ("118.00", "117.00", "2026-09", "differs"))
    assert f"{path}.csv" in page
    head, line = admin.get(f"{path}.csv").text.lstrip("\ufeff").splitlines()
    assert line.split(",")[2:] == ["ILS", "2026-09", "1", "118.00", "117.00", "1", "117.00", "117.00", "INV/1"]
    assert len(head.split(",")) == len(line.split(","))
    compared(ledger, total("117.00"))
    assert "Agrees with the books" in admin.get(path).text


def test_it_can_be_compared_now(admin: Browser, ledger: Ledger) -> None:
    path = f"/connections/{ledger.public_id}/agreement"
    assert admin.post(path, on=path).status_code == 303
    assert "being compared" in admin.get(path).text
    with ledger.db.read() as session:
        mine = StreamState.account_id == ledger.account_id
        states = {one.stream: one.audit_at for one in session.scalars(select(StreamState).where(mine))}
        assert session.scalar(select(Audit.id).where(Audit.action == "ledger.compared")) is not None
    assert states[INVOICES] is not None
    assert states["contacts"] is None
