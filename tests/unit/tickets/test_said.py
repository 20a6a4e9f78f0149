"""What a mapping may make of a ticket, and what is made of that."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.errors import RecordError
from hub.records.ticket import TicketState
from hub.tickets.said import said

AT = datetime(2026, 11, 3, tzinfo=UTC)


def test_a_ticket_is_read_whatever_strangers_wrote() -> None:
    ticket = said({
        "remote_id": 17, "title": "one\u202eowt\nthree\x00", "number": 22017, "party": 6, "opened_at": AT,
        "url": "javascript:alert(1)", "anything": {},
    })  # fmt: skip
    assert (ticket.remote_id, ticket.number, ticket.title) == ("17", "22017", "oneowt three")
    assert (ticket.state, ticket.party.remote_id, ticket.url) == (TicketState.OPEN, "6", "")
    assert said({"remote_id": "1", "url": "https://desk.example/1"}).url == "https://desk.example/1"
    assert said({"remote_id": "1", "url": f"https://desk.example/{'x' * 3000}"}).url == ""
    assert len(said({"remote_id": "1", "title": "x" * 100_000}).title) < 10_000


def test_what_is_no_ticket_is_refused() -> None:
    cases: list[dict[str, Any]] = [
        {}, {"remote_id": ""}, {"remote_id": "x" * 301}, {"remote_id": "1", "state": "burning"},
        {"remote_id": "1", "opened_at": "2026-11-03T10:00:00"}, {"remote_id": "1", "title": ["a"]},
        {"remote_id": "1", "party": "x" * 301},
    ]  # fmt: skip
    for values in cases:
        with pytest.raises(RecordError, match="is no ticket"):
            said(values)
