"""Rows of every kind to be counted, each written with what matters for one test."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow
from hub.cti.models import CallRow
from hub.fields.models import FieldRow, Of, OptionRow
from hub.identity.models import Identifier, Link, Party
from hub.insights import completeness, kinds
from hub.insights.behind import Page, Wanted, page
from hub.insights.completeness import Line, Report
from hub.insights.kinds import KINDS, Eyes
from hub.insights.measures import State, measures
from hub.insights.splits import By, of_word, split
from hub.intake.models import Account
from hub.leads.models import LeadRow
from hub.security.models import Role, User
from hub.security.policy import Person

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONE = "Asia/Jerusalem"
ADMIN = Person(0, None, "admin@example.com", "Admin", Role.ADMIN)
_numbers = count(1)


class Records:
    """What a test writes, and how it is counted."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, row: Any) -> Any:
        self.session.add(row)
        self.session.flush()
        return row

    def account(self, name: str) -> Account:
        return self.add(Account(name=name, connector="book", state="paused"))

    def user(self, name: str, role: str = Role.AGENT, **values: Any) -> User:
        return self.add(User(email=f"{name.lower()}@example.com", name=name, role=role, **values))

    def person(self, name: str = "Dana Levi", **values: Any) -> Party:
        return self.add(Party(**{"kind": "person", "name": name, "created_at": NOW, **values}))

    def point(self, party: Party, kind: str, value: str, **values: Any) -> Identifier:
        return self.add(Identifier(party_id=party.id, kind=kind, value=value, **values))

    def link(self, party: Party, account: Account, stream: str = "contacts") -> Link:
        remote_id = str(next(_numbers))
        return self.add(
            Link(party_id=party.id, origin_party_id=party.id, account_id=account.id, stream=stream, remote_id=remote_id)
        )

    def lead(self, account: Account, **values: Any) -> LeadRow:
        given = {"remote_id": str(next(_numbers)), "created_at": NOW, **values}
        return self.add(LeadRow(account_id=account.id, **given))

    def call(self, account: Account, **values: Any) -> CallRow:
        given = {
            "key": str(next(_numbers)), "open": False, "direction": "inbound", "outcome": "answered", "started_at": NOW,
            "source": "live", "number": "+972542345678", **values,
        }  # fmt: skip
        return self.add(CallRow(account_id=account.id, **given))

    def document(self, account: Account, business_id: int, **values: Any) -> DocumentRow:
        given = {
            "key": f"invoices:{next(_numbers)}", "kind": "invoice", "side": "sale", "status": "open", "currency": "ILS",
            "gross": Decimal(1), "balance_source": "ledger", "issue_date": date(2026, 11, 2), **values,
        }  # fmt: skip
        return self.add(DocumentRow(account_id=account.id, business_id=business_id, **given))

    def field(
        self, of: Of, name: str, kind: str, options: Mapping[str, list[str]] | None = None, **values: Any
    ) -> FieldRow:
        row = self.add(FieldRow(of=of, name=name, type=kind, labels={"en": name.title()}, **values))
        for value, parents in (options or {}).items():
            self.add(OptionRow(field_id=row.id, value=value, labels={"en": value}, parents=parents))
        return row

    def eyes(self, person: Person = ADMIN) -> Eyes:
        self.session.flush()
        return kinds.eyes(self.session, person, zone=ZONE, at=NOW)

    def report(self, of: Of, by: By | None = None, person: Person = ADMIN) -> Report:
        return completeness.report(self.session, self.eyes(person), of, by)

    def line(self, of: Of, name: str, person: Person = ADMIN) -> tuple[int, int, int]:
        """Return how many records have a valid value, something else and nothing."""
        count = self.lines(of, person)[name].count
        return count.filled, count.invalid, count.empty

    def lines(self, of: Of, person: Person = ADMIN) -> dict[str, Line]:
        return {one.measure.name: one for one in self.report(of, person=person).lines}

    def parts(self, of: Of, by: By, name: str) -> dict[str, tuple[int, int]]:
        """Return for each part, by its word or name, how many have a valid value, of how many."""
        found = self.report(of, by)
        [line] = [one for one in found.lines if one.measure.name == name]
        pairs = zip(found.keys, line.parts, strict=True)
        return {key.name or key.word: (count.filled, count.total) for key, count in pairs}

    def behind(self, of: Of, name: str, *states: State, by: By | None = None, key: str = "", **more: Any) -> Page:
        eye, kind = self.eyes(), KINDS[of]
        if by is not None:
            part = of_word(split(self.session, kind, by, eye), kind, key)
            assert part is not None, key
            more["within"] = part[1]
        return page(self.session, eye, kind, measures(of, eye)[name], Wanted(states, **more))
