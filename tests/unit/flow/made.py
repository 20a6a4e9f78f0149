"""Finished calls, as an exchange's own records tell of them, and an account to which they belong."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from hub import app as hub_app
from hub.context import Hub
from hub.cti import backfill
from hub.cti.directory import load
from hub.flow import Flow
from hub.intake import accounts
from hub.intake.models import Account, RawRecord
from hub.records.call import Call, Direction, Leg, LegResult, Outcome, Source
from hub.records.telephony import Endpoint, EndpointClass

BEGAN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
NUMBER = "+972541234567"


def call(key: str = "1.1", **changes: Any) -> Call:
    """An answered inbound call of a minute."""
    picked_up, ended = BEGAN + timedelta(seconds=5), BEGAN + timedelta(seconds=65)
    leg = Leg(f"{key}-101", "101", "", False, BEGAN, BEGAN, picked_up, ended, LegResult.ANSWERED, False)
    values: dict[str, Any] = {
        "key": key, "aliases": (), "version": 1, "direction": Direction.INBOUND, "caller": "0541234567",
        "caller_name": "", "withheld": False, "did": "5550100", "callee": "", "queue": "", "keyed": "", "click_id": "",
        "started_at": BEGAN, "ringing_at": BEGAN, "answered_at": picked_up, "ended_at": ended, "end_estimated": False,
        "outcome": Outcome.ANSWERED, "reason": "", "hangup_by": None, "wait_s": 0.0, "ring_s": 5.0, "talk_s": 60.0,
        "legs": (leg,), "segments": (), "transfers": (), "recordings": (), "source": Source.BACKFILL, "settled": True,
    }  # fmt: skip
    return Call(**{**values, **changes})


def account(hub: Hub) -> Account:
    with hub.db.write() as session:
        settings = {"host": "127.0.0.1", "username": "hub", "secret": "x"}
        return accounts.create(session, hub.connectors["asterisk"], hub.vault, "PBX", settings, region="IL")


def take(hub: Hub, owner: Account, *calls: Call, flow: Flow | None = None) -> list[str]:
    """Take calls in as a backfill does; says what each of them was."""
    settled = hub_app.settled_of(flow or hub.flow)
    with hub.db.write() as session:
        row = session.get_one(Account, owner.id)
        directory = load(session, row.id, "IL", lambda _: Endpoint(EndpointClass.TRUNK))
        return [backfill.take(session, row, one, directory, settled) for one in calls]


def count(hub: Hub, table: Any) -> int:
    with hub.db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def raw(hub: Hub, key: str = "1.1") -> RawRecord:
    with hub.db.read() as session:
        return session.scalars(select(RawRecord).where(RawRecord.remote_id == key)).one()
