"""What tests of rules share: rules that are on, what happens, and who looks at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import select, update

from hub import app as hub_app
from hub.accounting.models import DocumentRow
from hub.context import Hub
from hub.events import tell
from hub.events.models import Event
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.identity.parties import Given
from hub.intake import accounts
from hub.records.interaction import Interaction as Record
from hub.rules import desk, engine
from hub.rules.models import Rule, RuleFiring, RuleLetter, RuleNotice
from hub.security import users
from hub.security.models import Business, Role, User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Task

TASK = {"do": "task", "to": ["owner"], "text": "Call {customer} back", "kind": "call_back", "hours": 4}


@dataclass
class Rules:
    """A hub with rules."""

    hub: Hub
    zone: str = "UTC"
    people: dict[str, Person] = field(default_factory=dict)
    _number: Any = field(default_factory=count)

    # --- who and what is there ---------------------------------------------------------------------------------------

    def colleague(self, name: str = "Noa", role: str = Role.AGENT) -> Person:
        with self.hub.db.write() as session:
            made = users.person(users.add(session, f"{name.lower()}@example.com", name, role))
        self.people[name] = made
        return made

    def customer(self, name: str = "Dana Levi", *, owner: Person | None = None, phone: str = "", kind: str = "") -> int:
        given = [Given("phone", phone)] if phone else []
        with self.hub.db.write() as session:
            row = parties.create(session, None, kind or PartyKind.PERSON, name, given, region="IL")
            if owner is not None:
                parties.edit(session, None, row, owner_id=owner.id)
            return row.id

    def document(self, party: int | None, **values: Any) -> DocumentRow:
        """An invoice of somebody, open unless it is said otherwise."""
        with self.hub.db.write() as session:
            business = session.scalars(select(Business)).first() or Business(name="Ours", region="IL")
            session.add(business)
            account = accounts.create(
                session, self.hub.connectors["webforms"], self.hub.vault, f"Books {next(self._number)}", {}
            )
            session.flush()
            row = DocumentRow(**{
                "account_id": account.id, "key": f"invoices:{next(self._number)}", "business_id": business.id, "party_id": party,
                "kind": "invoice", "side": "sale", "status": "open", "number": "F-17", "currency": "ILS", "gross": 100,
                "balance": 100, "balance_source": "remote", "is_open": True, **values,
            })  # fmt: skip
            session.add(row)
        return row

    # --- rules --------------------------------------------------------------------------------------------------------

    def rule(
        self,
        asks: str,
        *actions: Mapping[str, Any],
        conditions: Sequence[Mapping[str, Any]] = (),
        since: datetime | None = None,
        **more: Any,
    ) -> Rule:
        """Write a rule and turn it on."""
        given = {
            "name": f"When {asks}", "asks": asks, "conditions": list(conditions), "actions": list(actions or (TASK,)), **more
        }  # fmt: skip
        with self.hub.db.write() as session:
            row = desk.add(session, None, given)
            desk.switch(session, None, row.public_id, on=True)
            if since is not None:
                row.on_since = since
            return row

    # --- what happens -------------------------------------------------------------------------------------------------

    def happens(self, kind: str, party: int | None = None, *, row: int | None = None, **facts: Any) -> Interaction:
        told = {"started_at": now(), "ended_at": now(), "summary": "", "direction": "inbound", "mentions": (), **facts}
        entry = Entry(Record(kind, **told), [Part(party, "customer", "", "")], interaction_id=row)
        with self.hub.db.write() as session:
            [placed] = add(session, [entry], account_id=None)
            return session.get_one(Interaction, placed.id)

    def call(self, party: int | None = None, outcome: str = "missed", **more: Any) -> Interaction:
        detail = {"call": "", "outcome": outcome, "number": "+972501234567", "talk_s": 0.0, **more.pop("detail", {})}
        return self.happens("call", party, detail=detail, **more)

    # --- who looks ----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Hand events on and let rules look at them, as long as there is something."""
        while True:
            with self.hub.db.write() as session:
                while tell.waits(session):
                    hub_app.hand_on_events(session)
                if not engine.waits(session):
                    return
                engine.page(session, zone=self.zone, region="IL")

    def clock(self) -> None:
        with self.hub.db.write() as session:
            engine.clock(session, zone=self.zone, region="IL")

    def tick(self, rule: Rule) -> None:
        """Let the clock look at a rule again, however long ago it did last."""
        with self.hub.db.write() as session:
            row = session.get_one(Rule, rule.id)
            if row.looked_at is not None:
                session.execute(update(Rule).where(Rule.id == rule.id).values(looked_at=row.looked_at - engine.EVERY))
        self.clock()

    # --- what came of it ----------------------------------------------------------------------------------------------

    def fired(self, rule: Rule | None = None) -> list[RuleFiring]:
        with self.hub.db.read() as session:
            query = select(RuleFiring).order_by(RuleFiring.id)
            return list(session.scalars(query if rule is None else query.where(RuleFiring.rule_id == rule.id)))

    def tasks(self) -> list[Task]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(Task).order_by(Task.id)))

    def letters(self) -> list[RuleLetter]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(RuleLetter).order_by(RuleLetter.id)))

    def notices(self) -> list[RuleNotice]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(RuleNotice).order_by(RuleNotice.id)))

    def events(self, type_: str) -> list[Event]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(Event).where(Event.type == type_).order_by(Event.id)))

    def leave(self, person: Person) -> None:
        with self.hub.db.write() as session:
            session.execute(update(User).where(User.id == person.id).values(disabled_at=now()))
