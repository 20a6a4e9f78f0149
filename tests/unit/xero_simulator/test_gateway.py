"""Who may read what, how much, and that nothing can be written."""

import threading
from typing import Any

import pytest

from connectors.xero.simulator import XeroSimulator
from tests.unit.xero_simulator.conftest import Open


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["Invoices", "Contacts/1", "/connections/1"])
def test_what_would_change_something_is_refused_and_noted(
    xero: XeroSimulator, reach: Open, verb: str, path: str
) -> None:
    answer = reach(xero).ask(path, verb=verb)
    assert answer.status_code == 405
    [write] = xero.writes
    assert write.http == verb
    assert write.path.endswith(path)


def test_connections_say_which_organisations_there_are(xero: XeroSimulator, reach: Open) -> None:
    xero.add_organisation("Acme Services", "PLN")
    xero.add_organisation("Not ours", "USD", connected=False)
    found = reach(xero).get("/connections")
    assert {one["tenantName"] for one in found} == {"Acme Trading", "Acme Services"}
    assert xero.books.id in {one["tenantId"] for one in found}


def test_an_organisation_that_is_not_connected_is_not_shown(xero: XeroSimulator, reach: Open) -> None:
    other = xero.add_organisation("Not ours", "USD", connected=False)
    assert reach(xero, tenant=other).ask("Invoices").status_code == 403
    api = reach(xero)
    xero.tokens.disconnect(xero.books.id)
    answer = api.ask("Invoices")
    assert (answer.status_code, answer.json()["Detail"]) == (403, "AuthenticationUnsuccessful")
    xero.tokens.connect(xero.books.id, xero.books.name)
    assert api.get("Invoices")["Invoices"] == []


@pytest.mark.parametrize(
    ("path", "scope", "finer"),
    [
        ("Invoices", "accounting.transactions.read", "accounting.invoices.read"),
        ("Payments", "accounting.transactions.read", "accounting.payments.read"),
        ("Overpayments", "accounting.transactions", "accounting.payments"),
        ("Contacts", "accounting.contacts.read", "accounting.contacts"),
        ("Organisation", "accounting.settings.read", "accounting.settings"),
    ],
)
def test_each_endpoint_wants_its_scope(xero: XeroSimulator, reach: Open, path: str, scope: str, finer: str) -> None:
    assert reach(xero, scope).ask(path).status_code == 200
    assert reach(xero, finer).ask(path).status_code == 200
    answer = reach(xero, "openid").ask(path)
    assert (answer.status_code, answer.json()["Detail"]) == (401, "AuthorizationUnsuccessful")


def test_a_token_that_nobody_gave_or_that_ended_is_refused(xero: XeroSimulator, reach: Open) -> None:
    api = reach(xero)
    xero.tokens.expire_access_tokens()
    assert api.ask("Invoices").json()["Detail"].startswith("TokenExpired")
    api.token = "forged"
    assert api.ask("Invoices").json()["Detail"] == "AuthenticationUnsuccessful"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Invoices/00000000-0000-4000-8000-000000000000", 404),
        ("Invoices/INV-77", 404),
        ("Journals", 404),
        ("Invoices/x/y", 404),
    ],
)
def test_what_is_not_there_is_not_found(xero: XeroSimulator, reach: Open, path: str, status: int) -> None:
    assert reach(xero).ask(path).status_code == status


def test_one_can_be_asked_for_by_its_number_and_as_pdf(xero: XeroSimulator, reach: Open) -> None:
    invoice = xero.books.invoice(xero.books.add_contact("Dana"), "100")
    api = reach(xero)
    [shown] = api.get(f"Invoices/{invoice.number}")["Invoices"]
    assert shown["InvoiceID"] == invoice.id
    headers = {"Authorization": f"Bearer {api.token}", "xero-tenant-id": api.tenant, "Accept": "application/pdf"}
    answer = api.wire.get(f"{api.url}/api.xro/2.0/Invoices/{invoice.id}", headers=headers, timeout=20)
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize(
    ("fault", "status", "problem", "retry_after"),
    [
        ("server_error", 500, None, None), ("unavailable", 503, None, None), ("rate_limited", 429, "minute", "1"),
        ("day_limited", 429, "day", "3600"), ("too_many_at_once", 429, "concurrent", None), ("api_disabled", 403, None, None),
        ("scope_missing", 401, None, None), ("token_expired", 401, None, None), ("revoked=1", 401, None, None),
    ],
)  # fmt: skip
def test_faults_are_answered_as_xero_does(
    xero: XeroSimulator, reach: Open, fault: str, status: int, problem: str | None, retry_after: str | None
) -> None:
    api = reach(xero)
    xero.faults.add(fault)
    answer = api.ask("Invoices")
    told = (answer.headers.get("X-Rate-Limit-Problem"), answer.headers.get("Retry-After"))
    assert (answer.status_code, *told) == (status, problem, retry_after)


def test_limits_are_told_and_kept_where_they_are_switched_on(xero: XeroSimulator, reach: Open) -> None:
    limits, api = xero.limits, reach(xero)
    limits.enforced, limits.per_minute, limits.per_day = True, 3, 5
    left = [api.ask("Organisation").headers["X-MinLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = api.ask("Organisation")
    assert (refused.status_code, refused.headers["X-Rate-Limit-Problem"]) == (429, "minute")
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    xero.clock.advance(minutes=2)
    assert api.ask("Organisation").ok
    refused = api.ask("Organisation")
    assert (refused.status_code, refused.headers["X-Rate-Limit-Problem"]) == (429, "day")
    assert refused.headers["X-DayLimit-Remaining"] == "0"
    assert reach(xero, tenant=xero.add_organisation("Other", "USD")).ask("Organisation").ok
    xero.clock.advance(days=1)
    xero.tokens.access[api.token].expires_at = xero.clock.time() + 60
    assert api.ask("Organisation").ok


def test_the_sixth_request_at_the_same_time_is_refused(xero: XeroSimulator, reach: Open) -> None:
    limits = xero.limits
    limits.enforced = True
    limits.free.clear()
    answers: list[Any] = []
    apis = [reach(xero) for _ in range(6)]
    threads = [threading.Thread(target=lambda api=one: answers.append(api.ask("Organisation"))) for one in apis]
    for one in threads:
        one.start()
    while not answers:
        threading.Event().wait(0.005)  # the refused one alone is answered
    limits.free.set()
    for one in threads:
        one.join(10)
    assert sorted(one.status_code for one in answers) == [200] * 5 + [429]
    assert answers[0].headers["X-Rate-Limit-Problem"] == "concurrent"
    assert limits.peak == 6
