"""Leads as a form on a web page brings them, without a network: payloads that go the way of every record."""

from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from hub import flow
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.intake import accounts, receive
from hub.intake.models import Account
from hub.leads.models import AdName, LeadRow
from hub.leads.queries import Shown, Wanted, listed
from hub.store.base import now

EVERY = Wanted(state="all")


class Forms:
    """A connection of web forms and what people answer."""

    def __init__(self, hub: Hub, name: str = "Our page", **values: Any) -> None:
        self.hub = hub
        self._numbers = count(1)
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors["webforms"], hub.vault, name, values, region="IL")
            self.token = accounts.rotate_hook_token(row)
            self.account, self.public_id = row.id, row.public_id

    @property
    def path(self) -> str:
        return f"/connections/{self.public_id}"

    def answer(self, name: str = "Dana Levi", phone: str = "052-234-5678", **more: Any) -> Shown:
        """Somebody answers a form; its worker takes it. `answers` replaces the questions, other words are the payload's."""
        number = next(self._numbers)
        answers = more.pop(
            "answers",
            [
                {"key": "full_name", "label": "Full name", "values": [name]},
                {"key": "phone", "label": "Phone", "values": [phone]},
                {"key": "garden", "label": "How large is your garden?", "values": ["80 m²"]},
            ],
        )
        ago = more.pop("ago", timedelta(minutes=1))
        payload = {
            "id": f"{self.account}-{number}", "created_at": (now() - ago).isoformat(), "platform": "web", "form_id": "f1",
            "form_name": "Garden offer", "answers": answers, **more,
        }  # fmt: skip
        with self.hub.db.write() as session:
            receive.keep(session, self.account, Delivered("lead", str(payload["id"]), payload))
        self.work()
        with self.hub.db.read() as session:
            wanted = EVERY if not more.get("is_test") else Wanted(state="all", tests=True)
            public_id = session.scalar(select(LeadRow.public_id).where(LeadRow.remote_id == payload["id"]))
            return next(one for one in listed(session, wanted) if one.id == public_id)

    def work(self) -> None:
        """Take what waits."""
        with self.hub.db.write() as session:
            flow.waiting(self.hub.flow, session)

    def name_campaign(self, campaign_id: str, name: str) -> None:
        """The source says what a campaign is called."""
        with self.hub.db.write() as session:
            session.add(
                AdName(
                    account_id=self.account, level="campaign", remote_id=campaign_id, name=name, earlier=[], since=now()
                )
            )

    def row(self, lead: Shown) -> LeadRow:
        with self.hub.db.read() as session:
            found = session.get_one(LeadRow, lead.number)
            session.expunge(found)
            return found

    def stored(self) -> Account:
        with self.hub.db.read() as session:
            found = session.get_one(Account, self.account)
            session.expunge(found)
            return found
