"""The front door: who is let in, what is refused, and how."""

from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
import requests

from connectors.quickbooks.simulator import REALM, QuickBooksSimulator
from tests.unit.quickbooks_simulator.conftest import Api, code, told

COUNT = "select count(*) from Invoice"


def test_the_company_its_settings_and_its_pdf(books: QuickBooksSimulator, api: Api) -> None:
    company = told(api.get(f"companyinfo/{REALM}"))["CompanyInfo"]
    assert (company["CompanyName"], company["Country"]) == ("Green Garden Ltd", "US")
    assert api.query("select * from CompanyInfo")["CompanyInfo"] == [company]
    preferences = told(api.get("preferences"))["Preferences"]
    assert preferences["CurrencyPrefs"] == {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "USD"}}
    invoice = books.people.invoice(books.people.customer("Dana"), "10.00")
    answer = api.get(f"invoice/{invoice.id}/pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert code(api.get("vendor/1/pdf")) == (400, "500")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "invoice"), ("POST", "invoice?operation=void"), ("POST", "batch"), ("PUT", "invoice/1"), ("DELETE", "invoice/1"),
        ("POST", "invoice/1/send"), ("POST", "cdc"), ("PATCH", "query"),
    ],
)  # fmt: skip
def test_whatever_is_no_read_is_refused_and_noted(books: QuickBooksSimulator, api: Api, verb: str, path: str) -> None:
    books.people.invoice(books.people.customer("Dana"), "10.00")
    assert code(api.ask(verb, path, json={"Id": "1", "TotalAmt": 0})) == (400, "500")
    assert [one.split(" ")[0] for one in books.world.refused] == [verb]
    assert books.people.books.get("1", "Invoice").amount("TotalAmt") == 10


def test_reads_are_not_noted(books: QuickBooksSimulator, api: Api) -> None:
    api.query(COUNT)
    api.ask("POST", "query", data=COUNT, headers={"Content-Type": "application/text"})
    assert books.world.refused == []


def test_who_has_no_token_or_another_company_is_refused(books: QuickBooksSimulator, api: Api) -> None:
    other = books.world.found("4620816365000000000", "Other Ltd", currency="EUR")
    api.token = books.world.oauth.access(other.books.realm)
    assert code(api.get("query", query=COUNT)) == (403, "3100")
    for token in ("", "nonsense"):
        api.token = token
        refused = api.get("query", query=COUNT)
        assert code(refused) == (401, "3200")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_access_token_lives_an_hour(books: QuickBooksSimulator, api: Api) -> None:
    books.clock.advance(minutes=59)
    assert api.query(COUNT) == {"totalCount": 0}
    books.clock.advance(minutes=2)
    assert code(api.get("query", query=COUNT)) == (401, "3200")


@pytest.mark.parametrize(
    ("version", "status"), [("1", 200), ("74", 200), ("75", 200), ("76", 400), ("x", 400), ("0", 400)]
)
def test_minor_versions(api: Api, version: str, status: int) -> None:
    assert api.get("query", query=COUNT, minorversion=version).status_code == status


def test_who_does_not_ask_for_json_gets_xml(api: Api) -> None:
    answer = api.ask("GET", "query", params={"query": COUNT}, headers={"Accept": "*/*"})
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert answer.headers["intuit_tid"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("server_error", (500, "10000")),
        ("unavailable", (503, "10000")),
        ("rate_limited", (429, "3001")),
        ("token_expired", (401, "3200")),
        ("disconnected", (401, "3200")),
        ("scope_missing", (403, "5020")),
        ("api_disabled", (403, "6190")),
    ],
)
def test_a_fault_happens_once(books: QuickBooksSimulator, api: Api, fault: str, expected: tuple[int, str]) -> None:
    books.faults.add(fault)
    answer = api.get("query", query=COUNT)
    assert code(answer) == expected
    assert (answer.headers.get("Retry-After") == "1") is (fault == "rate_limited")
    assert api.query(COUNT) == {"totalCount": 0}


def test_five_hundred_a_minute(books: QuickBooksSimulator, api: Api) -> None:
    books.world.limits.per_minute = 3
    books.clock.freeze()
    assert [api.get("query", query=COUNT).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = api.get("query", query=COUNT)
    assert "ThrottleExceeded" in refused.json()["Fault"]["Error"][0]["Message"]
    assert "Retry-After" not in refused.headers
    books.clock.advance(seconds=61)
    assert api.get("query", query=COUNT).status_code == 200


def test_no_more_than_forty_at_once(books: QuickBooksSimulator, api: Api) -> None:
    limits = books.world.limits
    limits.at_once = 2
    limits.free.clear()
    headers = {"Accept": "application/json", "Authorization": f"Bearer {api.token}"}
    url = f"{api.url}/v3/company/{REALM}/query"

    def ask(_number: int) -> int:
        with requests.Session() as wire:
            wire.trust_env = False
            answer = wire.get(url, params={"query": COUNT}, headers=headers, verify=api.wire.verify, timeout=10)
            return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        refused = [one.result() for _, one in zip(range(2), as_completed(asked, timeout=10), strict=False)]
        limits.free.set()
        statuses = sorted(one.result() for one in asked)
    assert refused == [429, 429], "those that wait answer nothing yet"
    assert statuses == [200, 200, 429, 429]
    assert limits.peak >= 3


def test_a_path_that_is_none_is_refused(api: Api) -> None:
    for path in ("spaceship/1", "invoice", "reports/Nonsense", "invoice/1/lines", "query/1"):
        assert code(api.get(path)) == (400, "500")
