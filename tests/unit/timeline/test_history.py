"""Whose what an old system or a CRM tells of is, by that system's own ids."""

from typing import Any

from sqlalchemy import select

from connectors.pipedrive.simulator import PipedriveSimulator
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.flow import process
from hub.identity.models import Party
from hub.intake import accounts, receive
from hub.intake.models import Account, RawRecord, RawState
from hub.timeline.models import Task

DUE = {"due_date": "2026-11-25", "due_time": "09:00"}


def take(hub: Hub, account_id: int, stream: str, *payloads: dict[str, Any]) -> None:
    with hub.db.write() as session:
        delivered = [Delivered(stream, str(one["id"]), one) for one in payloads]
        kept = receive.keep_page(session, account_id, stream, delivered)
        account = session.get_one(Account, account_id)
        process(hub.flow, session, account, receive.rows(session, [one for one in kept if one.waits]))


def test_tasks_of_a_crm_are_of_its_contacts_and_companies(hub: Hub) -> None:
    settings = PipedriveSimulator().settings()
    with hub.db.write() as session:
        given = {**settings, "base_url": "https://crm.example.com", "ca": ""}
        ids = [
            accounts.create(session, hub.connectors["pipedrive"], hub.vault, name, given).id
            for name in ("One", "Other")
        ]
    of, other = ids
    take(hub, of, "contacts", {"id": 1, "name": "Ruth Levi"}, {"id": 2, "name": "Dan Cohen"})
    take(hub, of, "companies", {"id": 1, "name": "Garden"})
    take(
        hub, of, "tasks",
        {"id": 7, "subject": "person", **DUE, "person_id": 2, "org_id": 1},
        {"id": 8, "subject": "company", **DUE, "person_id": None, "org_id": 1},
        {"id": 9, "subject": "stranger", **DUE, "person_id": 3},
    )  # fmt: skip
    take(hub, other, "tasks", {"id": 7, "subject": "elsewhere", **DUE, "person_id": 2})

    with hub.db.read() as session:
        rows = session.execute(select(Task.title, Party.name).join(Party, Party.id == Task.party_id))
        assert {row[0]: row[1] for row in rows} == {"person": "Dan Cohen", "company": "Garden"}
        aside = session.scalars(select(RawRecord).where(RawRecord.state == RawState.SET_ASIDE)).all()
        assert sorted((one.account_id, one.remote_id) for one in aside) == [(of, "9"), (other, "7")]
