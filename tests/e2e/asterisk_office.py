"""Offices at the real exchange: hubs that listen to it, and what the tests ask of them."""

import array
import io
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select

from hub import app as hub_app
from hub.cti import backfill
from hub.cti.models import CallRow
from hub.intake import accounts
from hub.intake.models import Account, StreamState
from hub.security import tokens
from hub.security.models import Role
from hub.settings import load
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner
from tests.e2e import calls
from tests.e2e.asterisk_pair import FOLDER, SPOOL, Pair
from tests.e2e.calls import Office

PATIENCE_S = 60.0
# Looking less often leaves the processor to those whose times are measured.
until = partial(calls.until, every=0.15)


@dataclass
class RealOffice(Office):
    """An office at the real exchange."""

    def hears(self, *, again: bool = False) -> None:
        before = self._lists() if again else 0
        until(lambda: self._lists() > before, PATIENCE_S, why=lambda: self.health().health_text)

    def keys(self, *where: ColumnElement[bool]) -> list[str]:
        """Keys of the calls for which all of this is so."""
        with self.hub.db.read() as session:
            return list(session.scalars(select(CallRow.key).where(*where).order_by(CallRow.id)))

    def by_number(self, number: str) -> list[str]:
        return self.keys((CallRow.caller == number) | (CallRow.callee == number))

    def over(self, number: str) -> dict[str, Any]:
        """Wait until the one call of a number is over and taken in."""
        return self._over(lambda: self.by_number(number))

    def over_at(self, did: str, *where: ColumnElement[bool]) -> dict[str, Any]:
        """Wait until the one call to a number of ours is over and taken in."""
        return self._over(lambda: self.keys(CallRow.did == did, *where))

    def _over(self, keys: Callable[[], list[str]]) -> dict[str, Any]:
        key = until(keys, PATIENCE_S, why=self.views)[0]
        until(lambda: (view := self.view(key)) is not None and not view["open"], PATIENCE_S, why=lambda: self.view(key))
        view = self.finished(key)
        assert keys() == [key]
        return view


class Settings:
    """Stands in for a simulator: only its settings are asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def settings(self) -> dict[str, Any]:
        return self._values


def login(pair: Pair, name: str) -> dict[str, Any]:
    """How each hub connects: one by TLS with the rights that are asked for, one in the clear with all."""
    logins: dict[str, dict[str, Any]] = {
        "sqlite": {
            "port": pair.ports["NEAR_AMI_TLS"], "tls": True, "ca": str(FOLDER / "ami-ca.pem"), "tls_name": "localhost",
            "username": "hubro", "secret": "rosecret", "agi_port": pair.ports["AGI"], "agi_names": True,
            "agi_owner": True,
        },
        "postgresql": {"port": pair.ports["NEAR_AMI"], "username": "hub", "secret": "hubsecret"},
    }  # fmt: skip
    return logins[name]


@contextmanager
def listening(pair: Pair, home: Path, database_url: str, name: str) -> Iterator[RealOffice]:
    """A hub that listens to the pair."""
    environment = calls.environment(
        home, database_url, HUB_CALLS__SETTLE_S="1.0", HUB_CALLS__BACKFILL_OVERLAP_MIN="0", HUB_WORK__THREADS="2",
        HUB_CALLS__DIAL_PER_MINUTE="100",
    )  # fmt: skip
    settings = {
        "host": "127.0.0.1",
        "recordings_root": str(pair.spool),
        "prefix_map": f"{SPOOL}={pair.spool}",
        "cdr_source": f"{pair.cdr}?cel={pair.cel}&zone=UTC",
        **login(pair, name),
    }
    with calls.wired(load(environment)) as hub:
        plain = calls.furnish(hub, Settings(settings))  # type: ignore[arg-type]  # only its settings count
        office = RealOffice(plain.hub, plain.pbx, plain.account, plain.people, plain.bus)
        try:
            office.start()
            yield office
        finally:
            office.stop()


def in_call(office: RealOffice, number: str, extension: str, event: str) -> str:
    """Wait until the call of a number rings or is answered at a phone; returns its key."""
    key = until(lambda: office.by_number(number), PATIENCE_S)[0]
    until(
        lambda: event in office.events(extension, key), PATIENCE_S, why=lambda: (office.view(key), office.bus.told[-9:])
    )
    return key


def click(pair: Pair, office: RealOffice, number: str, *, extension: str, takes: str) -> str:
    """Click on a number that does so much when it is called; returns the key of the call."""
    if takes:
        pair.phone(number, takes)
    with office.hub.db.write() as session:
        order = office.hub.telephone.dial(session, office.person(extension), number)
    return f"{order.id}-ch"


def dialled(
    pair: Pair, office: RealOffice, number: str, *, extension: str = "201", takes: str = "answer:0.5:30"
) -> str:
    """Click on a number and wait until it is picked up there."""
    pair.phone(extension, "answer:0.5:60")
    key = click(pair, office, number, extension=extension, takes=takes)
    until(
        lambda: (view := office.view(key)) is not None and view["answered_at"] is not None,
        PATIENCE_S,
        why=lambda: office.view(key),
    )
    return key


def row_of(office: RealOffice, key: str) -> CallRow:
    row = office.row(key)
    assert row is not None
    return row


def heard(office: RealOffice, recording: str) -> tuple[float, int]:
    """Listen to a recording by the API, whole and in part: its seconds, and how loud it is."""
    with office.hub.db.write() as session:
        secret = tokens.add(session, f"listener {recording}", Role.MANAGER)
    client, headers = hub_app.create_app(office.hub).test_client(), {"Authorization": f"Bearer {secret}"}
    whole = client.get(f"/api/v1/recordings/{recording}", buffered=True, headers=headers)
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    for asked, wanted in (("4-43", whole.data[4:44]), ("-1000", whole.data[-1000:]), ("5000-", whole.data[5000:])):
        part = client.get(
            f"/api/v1/recordings/{recording}", buffered=True, headers={**headers, "Range": f"bytes={asked}"}
        )
        assert (part.status_code, part.data) == (206, wanted)
    with wave.open(io.BytesIO(whole.data)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        return file.getnframes() / file.getframerate(), max(map(abs, samples))


def found(office: RealOffice, **values: Any) -> dict[str, str]:
    """What the check of an account with other settings says: the level of each line."""
    hub, connector = office.hub, office.hub.connectors["asterisk"]
    row = Account(
        id=0, public_id=office.account.public_id, name="Check", connector="asterisk", region="IL", time_zone=""
    )
    row.settings, row.secrets = dict(office.account.settings), office.account.secrets
    accounts.update(row, connector, hub.vault, {**row.settings, **values})
    findings = connector.check(accounts.open_account(row, connector, hub.vault, hub.settings))
    return {finding.topic: finding.level.value for finding in findings}


def everything(office: RealOffice) -> list[dict[str, Any]]:
    """All calls, but for what goes on changing by itself: the state of a recording."""
    return [{**view, "recordings": len(view["recordings"])} for view in office.views()]


def read_all(office: RealOffice) -> dict[str, int]:
    """Read all records of the exchange from their beginning, as `hub sync --full` does."""

    def taken() -> Lease | None:
        with office.hub.db.write() as session:
            mine = StreamState.stream == backfill.HISTORY
            leases = claim(session, StreamState, mine, owner=new_owner(), lease_s=60)
        return leases[0] if leases else None  # a worker may be reading just now

    with office.hub.db.write() as session:
        backfill.due(session, office.account.id, now())
    return hub_app.read_history(office.hub, until(taken, PATIENCE_S), full=True)
