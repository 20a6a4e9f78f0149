"""Invoices in one role, from the moment where the last look ended.

Each look asks whether anything came behind that moment (one request); if so, a package of all of it is ordered, waited for and
taken. Single invoices would be 64 in an hour, packages are 20 with 10,000 invoices each, so they serve a first pass over years
as well as the few of a quarter of an hour. KSeF guarantees that nothing comes later before its high-water mark, so windows
touch and never overlap; a package that was cut goes on where its last invoice was kept. Invoices never change and never go.
Source: https://github.com/CIRFMF/ksef-api/blob/main/pobieranie-faktur/przyrostowe-pobieranie-faktur.md
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.ksef.answers import text_of
from connectors.ksef.auth import FOR_KEYS, public_key
from connectors.ksef.client import Client
from connectors.ksef.errors import ExpiredError, NothingNewError
from connectors.ksef.package import NUMBER, Packed, Secret, assembled, invoices, new_salt
from connectors.ksef.records import RECORDS, upsert
from connectors.ksef.settings import ROLES
from hub.connector.stream import Change, Cursor, Gone, Page, Phase
from hub.errors import GoneError, LimitedError, RetryLaterError

LONGEST = timedelta(days=88)  # of one question; KSeF allows three months, and the shortest three have 89 days
MOST = 1_000  # invoices of one page
LIST = 250  # of one page of a list
MOST_LISTS = 40  # 10,000 invoices, more KSeF does not list
BUSY_S = 15.0  # until a package is asked for again
AGAIN, LEFT_FOR_S = 3, 600.0  # packages that were lost in a row, and how long KSeF is then left alone
_BUSY, _DONE, _TOO_NEW = 100, 200, 420

Json = dict[str, Any]


@dataclass(frozen=True)
class InvoiceStream:
    """The invoices of a company in one role."""

    client: Client
    role: str

    records: str = RECORDS
    mailbox: str = ""
    full_every: timedelta | None = None

    @property
    def key(self) -> str:
        return f"{RECORDS}:{self.role}"

    @property
    def title(self) -> str:
        return f"Invoices {ROLES[self.role]}"

    @property
    def asked(self) -> str:
        return f"invoices 1 since {self.client.settings.since.isoformat()}"

    @property
    def every(self) -> timedelta:
        return self.client.settings.every

    def begin(self) -> Cursor:
        """Return the beginning: the first moment that the settings want."""
        return Cursor(token=self.client.settings.begins)

    def pull(self, cursor: Cursor) -> Page:
        """Look whether there is anything, or order a package of it, or take some of one."""
        at: Json = json.loads(cursor.page) if cursor.page else {}
        if not at:
            return self._look(cursor)
        return self._take(cursor, at) if "number" in at else self._order(cursor, at)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these invoices, as many as the limits allow; the others are left out, and stay as they are.

        Raises:
            LimitedError: not even one.
        """
        found: list[Change] = []
        for number in remote_ids:
            if not NUMBER.fullmatch(number):
                continue
            try:
                found.append(upsert(self.client.settings, number, self.client.invoice(number)))
            except GoneError:
                found.append(Gone(number))
            except LimitedError:
                if not found:
                    raise
                break
        return found

    def present(self, since: datetime) -> frozenset[str]:
        """Return the numbers of all invoices that KSeF stored since a moment."""
        found: set[str] = set()
        start, now = since, datetime.now(UTC)
        while start < now:
            until = start + LONGEST
            found |= self._numbers(start.isoformat(), until.isoformat() if until < now else "")
            start = until
        return frozenset(found)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _look(self, cursor: Cursor) -> Page:
        start, until = cursor.token, _until(cursor.token)
        try:
            told = self.client.metadata(self._filters(start, until))
        except NothingNewError:
            return Page((), replace(cursor, phase=Phase.INCREMENTAL, page=""), more=False, complete=False)
        if _list(told, "invoices") or told.get("hasMore") is True:
            return self._order(cursor, {"from": start, "to": until})
        return self._end(cursor, start, until, _mark(told))

    def _order(self, cursor: Cursor, at: Json) -> Page:
        again = int(at.get("again", 0))
        waited_s = time.time() - float(at.get("at", 0.0))
        if again >= AGAIN and waited_s < LEFT_FOR_S:
            raise RetryLaterError("KSeF loses our packages again and again.", retry_after=LEFT_FOR_S - waited_s)
        salt = new_salt()
        secret = Secret.of(self.client.settings.token.get_secret_value(), salt)
        asked = {
            "encryption": secret.told(public_key(self.client, FOR_KEYS)),
            "filters": self._filters(at["from"], at["to"]),
        }
        number = self.client.order(asked)
        following = {**at, "number": number, "salt": salt, "again": again, "done": 0}
        return Page((), _at(cursor, following), more=True)

    def _take(self, cursor: Cursor, at: Json) -> Page:
        try:
            told = self.client.package(at["number"])
        except ExpiredError:
            return self._lost(cursor, at)
        status = told.get("status")
        code = status.get("code") if isinstance(status, dict) else None
        if code == _BUSY:
            raise LimitedError("KSeF puts our invoices together.", retry_after=BUSY_S)
        if code == _TOO_NEW:
            return self._end(cursor, at["from"], at["to"], at["from"])
        package = told.get("package")
        if code != _DONE or not isinstance(package, dict):
            return self._lost(cursor, at)
        some, total = self._some(package, at)
        done = int(at["done"]) + len(some)
        # A window begins where the one before ended, so the last invoice of a package may come again.
        new = [one for one in some if one.number not in at.get("seen", ())]
        changes = [upsert(self.client.settings, one.number, one.data) for one in new]
        if done < total:
            return Page(changes, _at(cursor, {**at, "done": done}), more=True, expected=total)
        if package.get("isTruncated") is True:
            last = text_of(package, "lastPermanentStorageDate")
            if _moment(last) <= _moment(at["from"]):
                return Page(changes, cursor, more=True)  # round in a circle: the hub leaves it
            seen = sorted(one.number for one in some if one.stored_at == last)
            return Page(
                changes, _at(replace(cursor, token=last), {"from": last, "to": at["to"], "seen": seen}), more=True
            )
        ended = self._end(cursor, at["from"], at["to"], _mark(package))
        return replace(ended, changes=changes)

    def _some(self, package: Json, at: Json) -> tuple[list[Packed], int]:
        parts = _list(package, "parts")
        if not parts:
            return [], 0
        secret = Secret.of(self.client.settings.token.get_secret_value(), at["salt"])
        with assembled(parts, secret, self.client.part) as whole:
            return invoices(whole, int(at["done"]), MOST)

    def _lost(self, cursor: Cursor, at: Json) -> Page:
        """Order a package again that is no more, or never was."""
        again = int(at.get("again", 0)) + 1
        kept: Json = {name: at[name] for name in ("from", "to", "seen") if name in at}
        return Page((), _at(cursor, {**kept, "again": again, "at": time.time()}), more=True)

    def _end(self, cursor: Cursor, start: str, until: str, mark: str) -> Page:
        """Go on behind what is complete: at KSeF's mark, or at the end of an old window."""
        reached = mark or until or start
        if _moment(reached) < _moment(start):
            reached = start
        if until and _moment(reached) <= _moment(start):
            raise RetryLaterError(f"KSeF says that it is not done yet with what it stored since {start}.")
        phase = cursor.phase if until else Phase.INCREMENTAL
        following = replace(cursor, phase=phase, token=reached, page="")
        return Page((), following, more=bool(until), complete=False)  # invoices never go

    # --- questions --------------------------------------------------------------------------------------------------

    def _filters(self, start: str, until: str) -> Json:
        span = {"dateType": "PermanentStorage", "from": start, "restrictToPermanentStorageHwmDate": True}
        return {"subjectType": self.role, "dateRange": {**span, "to": until} if until else span}

    def _numbers(self, start: str, until: str) -> set[str]:
        found: set[str] = set()
        for offset in range(MOST_LISTS):
            try:
                told = self.client.metadata(self._filters(start, until), offset=offset, size=LIST)
            except NothingNewError:
                return found
            found |= {text_of(one, "ksefNumber") for one in _list(told, "invoices")}
            if told.get("hasMore") is not True:
                return found
        raise RetryLaterError("KSeF lists more invoices than it lets us count.")


def _at(cursor: Cursor, place: Json) -> Cursor:
    return replace(cursor, page=json.dumps(place, sort_keys=True))


def _until(start: str) -> str:
    """Return the end of a window; empty: it reaches until now."""
    until = _moment(start) + LONGEST
    return until.isoformat() if until < datetime.now(UTC) else ""


def _moment(text: str) -> datetime:
    """Read a moment of KSeF. Raises RetryLaterError: it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RetryLaterError(f"KSeF names a moment that is none: {text[:40]}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _mark(told: Json) -> str:
    """Return KSeF's high-water mark; empty: it says none."""
    found = told.get("permanentStorageHwmDate")
    return found if isinstance(found, str) else ""


def _list(told: Json, name: str) -> list[Any]:
    """Return a list of an answer. Raises RetryLaterError: it is none."""
    found = told.get(name)
    if not isinstance(found, list):
        raise RetryLaterError(f"KSeF's answer leaves out {name}.")
    return found
