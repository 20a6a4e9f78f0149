"""Whose debt a job's documents are, although answers about customers are not whole; from a simulated company."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.quickbooks import streams
from connectors.quickbooks.client import Client
from connectors.quickbooks.settings import QuickBooksSettings
from connectors.quickbooks.simulator import QuickBooksSimulator, create
from connectors.quickbooks.streams import Documents, Records
from hub.connector.checking import Alone
from hub.connector.simulator import Faults
from hub.connector.stream import Upsert
from hub.errors import RetryLaterError


@pytest.fixture
def company() -> Iterator[QuickBooksSimulator]:
    simulator = create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


def invoices(company: QuickBooksSimulator) -> Records:
    told: dict[str, Any] = {**company.settings(), "timeout_s": 5, "requests_per_minute": 100_000}
    found = streams.stream(Client(QuickBooksSettings.model_validate(told), Alone()), "invoices")
    assert isinstance(found, Records)
    return found


def jobs(company: QuickBooksSimulator, count: int) -> dict[str, str]:
    """Write down jobs of one customer; returns whose part each is."""
    house = company.people.customer("House")
    return {company.people.customer(f"Job {number}", parent=house).id: house.id for number in range(count)}


@pytest.mark.parametrize("fault", ["", "empty_page", "cut_page", "reorder_page", "replay_page"])
def test_every_job_is_known_before_the_first_document(company: QuickBooksSimulator, fault: str) -> None:
    known = jobs(company, 9)
    company.page(4)
    if fault:
        company.faults.add(fault)
    assert invoices(company).begin().rest == {"parents": known}


def test_a_list_of_jobs_without_an_end_is_left(company: QuickBooksSimulator) -> None:
    jobs(company, 9)
    company.page(4)
    company.faults.add("endless_page=200")
    with pytest.raises(RetryLaterError, match="circle"):
        invoices(company).begin()


@pytest.mark.parametrize("fault", ["", "empty_page=2", "cut_page=2"])
def test_a_single_document_of_a_job_is_its_customers(company: QuickBooksSimulator, fault: str) -> None:
    [(_, house), (other, _)] = jobs(company, 2).items()
    mine = company.people.customer("Mine", parent=company.people.books.get(other, "Customer"))
    made = [company.people.invoice(one, "10") for one in (mine, company.people.books.get(other, "Customer"))]
    stream = invoices(company)
    if fault:
        company.faults.add(fault)
    found = stream.find([one.id for one in made])
    assert [one.payload["hub"]["party"] for one in found if isinstance(one, Upsert)] == [house, house]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "x", True, [], None])
def test_an_amount_of_a_line_that_is_no_number_is_none(company: QuickBooksSimulator, amount: Any) -> None:
    made = company.people.invoice(company.people.customer("Dana"), "10")
    stream = invoices(company)
    assert isinstance(stream, Documents)
    assert [one.net for one in stream.lines(made.id)] == [10]
    made.fields["Line"][0]["Amount"] = amount
    assert [one.net for one in stream.lines(made.id)] == [None]
