"""Open questions of a customer in a real browser: shown with their age, answered without leaving the page, in both directions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from hub.identity.models import Party
from hub.intake.models import Account
from hub.records.interaction import Interaction as Record
from hub.store.base import now
from hub.tickets.models import TicketRow
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Kind
from tests.ui.harness import LOOKS, Profile, Site, shot, violations

Make = Callable[..., Profile]


@pytest.fixture
def asked(site: Site) -> Site:
    """Two tickets of the customer, one of them waits."""
    titles = (
        "The invoice of October is wrong, and the one before it was, too: who can look at both of them?",
        "איפה המשלוח?",
    )
    with site.hub.db.write() as session:
        desk = Account(name="Help desk", connector="none", state="paused")
        session.add(desk)
        session.flush()
        party = session.scalars(select(Party).where(Party.public_id == site.party)).one()
        for number, title in enumerate(titles, 1):
            at = now() - timedelta(days=3 * number)
            state = "pending" if number == 1 else "open"
            detail = {"number": f"2200{number}", "state": state, "priority": "2 normal"}
            record = Record(Kind.TICKET, "inbound", at, None, title, (), detail=detail)
            [row] = add(session, [Entry(record, [Part(party.id, "customer", "", "")])], account_id=desk.id)
            session.add(
                TicketRow(
                    account_id=desk.id, key=f"tickets:{number}", interaction_id=row.id, title=title, state=state,
                    number=f"2200{number}", url=f"https://help.example/#ticket/zoom/{number}", opened_at=at, changed_at=at,
                )
            )  # fmt: skip
    return site


def test_open_questions_are_shown_and_answered_where_they_stand(profile: Make, asked: Site) -> None:
    for language, scheme in LOOKS:
        asked.language("noa", language)
        tab = profile("noa", color_scheme=scheme).open(f"/customers/{asked.party}")
        section = tab.locator("section[aria-labelledby=h-questions]")
        assert section.locator("li").count() == 2
        assert section.locator("li a").first.get_attribute("href") == "https://help.example/#ticket/zoom/2", (
            "the oldest"
        )
        tab.fill("#note-text", f"Which size? {language}")
        tab.check("form.note.slim [name=question]")
        tab.click("form.note.slim button.primary")
        section.locator("li").nth(2).wait_for()
        row = tab.locator(".tl li", has_text=f"Which size? {language}")
        assert row.locator(".chip.warn").count() == 1
        assert violations(tab) == []
        shot(tab, f"open-questions-{language}")
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        shot(tab, f"open-questions-narrow-{language}")
        section.locator("button").click()
        section.locator("li").nth(2).wait_for(state="detached")
        assert row.locator(".chip.ok").count() == 1
        assert tab.url.endswith(str(asked.party)), "the page was not left"
        tab.close()
