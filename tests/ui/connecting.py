"""What tests begin with in which somebody connects a remote: the pages of a connection and of a customer."""

from collections.abc import Callable
from uuid import UUID

from playwright.sync_api import Page

from tests.ui.harness import Site

NOA, CUSTOMER = "noa@acme.example", "dana@customer.example"


def is_well(tab: Page, word: str = "Healthy") -> Callable[[], bool]:
    """Whether the only stream says so; the page looks again by itself."""
    return lambda: tab.locator("#streams tbody .chip").all_inner_texts() == [word]


def on_timeline(tab: Page, site: Site, customer: UUID) -> list[str]:
    tab.goto(f"{site.url}/customers/{customer}")
    return tab.locator("#timeline .tl h3").all_inner_texts()
