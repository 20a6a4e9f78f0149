"""Take a page of rows in: the one way for a check, which rolls it back, and for the import itself.

The rows become raw records of the import's account and go the way of every other source's (`flow.process`). Who says nothing
new changes nothing. What became of each row is an `ImportRow`; with it the page can be taken back.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub import flow as flows
from hub.connector.contract import Delivered
from hub.flow import Flow
from hub.identity import link, search
from hub.identity.models import Claim, Identifier, Party, PartyKind
from hub.imports.models import Fate, ImportRow, What
from hub.imports.reading import Row
from hub.imports.rows import CALL, HARMLESS, Reason, Shaped, refs
from hub.imports.users import Users
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.store import bulk
from hub.store.turn import in_turn
from hub.timeline import history

LONGEST_SAID = 500
_PARTIES = frozenset({What.PEOPLE, What.COMPANIES})
_PAST = frozenset({What.INTERACTIONS, What.FILES})
_FILTERED = {link.COLLEAGUE: Reason.COLLEAGUE, link.ERASED: Reason.ERASED, link.EMPTY: Reason.NOBODY}


_KNOWN = select(RawRecord.id, RawRecord.remote_id, RawRecord.payload).where(receive.of_source(RawRecord))


@dataclass(slots=True)
class Outcome:
    """What became of one row."""

    shaped: Shaped
    fate: Fate
    reason: str = ""
    said: str = ""
    raw_id: int | None = None
    party_id: int | None = None  # whose it is; of a refused row, beside whom it is shown
    joined: bool = False  # a record that came now for the first time, of somebody who was here
    before: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """What became of a page."""

    outcomes: list[Outcome]
    strangers: Counter[str] = field(default_factory=Counter)  # old users who are nobody of us
    without_company: int = 0  # people whose company was not imported

    def counts(self) -> Counter[str]:
        """Return how many rows had which fate."""
        found = Counter(str(one.fate) for one in self.outcomes)
        found["noted"] = sum(1 for one in self.outcomes if one.shaped.row.trouble in HARMLESS)
        return found

    def reasons(self) -> Counter[str]:
        """Return how many rows were refused why."""
        return Counter(one.reason for one in self.outcomes if one.fate is Fate.BAD)

    def write(self, session: Session, batch_id: int) -> None:
        """Write down what became of each row."""
        self._write(session, batch_id, self.outcomes)

    def write_refused(self, session: Session, batch_id: int) -> None:
        """Write down what became of the rows that were refused, and nothing of who came with the page and was taken back."""
        refused = [one for one in self.outcomes if one.fate is Fate.BAD]
        self._write(session, batch_id, [replace(one, raw_id=None, party_id=None) for one in refused])

    def _write(self, session: Session, batch_id: int, some: Sequence[Outcome]) -> None:
        bad = [one.fate is Fate.BAD for one in some]
        columns: dict[str, Sequence[Any]] = {
            "number": [one.shaped.row.number for one in some],
            "fate": [one.fate for one in some],
            "reason": [one.reason or _noted(one.shaped.row) for one in some],
            "said": [one.said[:LONGEST_SAID] for one in some],
            "raw_record_id": [one.raw_id for one in some],
            "party_id": [one.party_id if is_bad else None for one, is_bad in zip(some, bad, strict=True)],
            "cells": [
                receive.storable(one.shaped.row.values) if is_bad else {} for one, is_bad in zip(some, bad, strict=True)
            ],
            "before": [one.before for one in some],
        }
        bulk.insert(session, ImportRow, columns, batch_id=batch_id)


class Shapes(Protocol):
    """Makes records of rows."""

    def shape(self, row: Row) -> Shaped: ...

    def names(self, row: Row) -> list[tuple[What, str]]: ...


class Pages:
    """Takes the rows of one file in, page by page."""

    def __init__(self, flow: Flow, what: What, shaper: Shapes, *, batch_id: int, users: Users) -> None:
        self._flow, self._what, self._shaper = flow, what, shaper
        self._batch_id, self._users = batch_id, users

    def take(self, session: Session, account: Account, rows: Sequence[Row]) -> Taken:
        """Take rows in, in the caller's transaction."""
        taken = Taken([Outcome(shaped, Fate.NEW) for shaped in map(self._shaper.shape, rows)])
        for one in taken.outcomes:
            if one.shaped.reason:
                _refuse(one, one.shaped.reason, one.shaped.said)
        self._know(session, account, taken)
        known = self._known(session, account, taken)
        self._again(session, taken, known)
        self._keep(session, account, taken, known)
        self._beside(session, account, taken)
        return taken

    def _know(self, session: Session, account: Account, taken: Taken) -> None:
        """Find out who of us is meant, and which records of others; refuse rows whose people never came."""
        fine = [one for one in taken.outcomes if one.fate is not Fate.BAD]
        for one in fine:
            if one.shaped.payload.get("kind") == CALL and self._what in _PARTIES:
                _refuse(one, Reason.NO_CUSTOMER, one.shaped.remote_id)
            if stranger := self._name_user(session, one.shaped.payload):
                taken.strangers[stranger[:100]] += 1
        links = self._linked(session, account, fine)
        for one in fine:
            payload, named_ids = one.shaped.payload, refs(one.shaped.payload)
            if not named_ids:
                continue
            if self._what is What.PEOPLE and named_ids[0] in links:
                payload["company_name"] = payload.pop(
                    "company", ""
                )  # it is the one with this id, however it is written
            elif self._what is What.PEOPLE:
                taken.without_company += 1
            elif self._what in _PAST and not (
                payload.get("phones") or payload.get("emails") or any(ref in links for ref in named_ids)
            ):
                _refuse(one, Reason.STRANGER, ", ".join(ref[1] for ref in named_ids))

    def _name_user(self, session: Session, payload: dict[str, Any]) -> str:
        """Write down who of us an old user is; return what the file calls one who is nobody of us."""
        if self._what is What.USERS:
            written = [one["value"] for one in payload.get("emails", ())] + [payload.get("name", "")]
        else:
            written = [payload.get("owner", "")]
        named = [one for one in written if one]
        found = next((user for one in named if (user := self._users.find(session, one))), None)
        if found is not None:
            payload["user"] = str(found)
            return ""
        return named[0] if named else ""

    def _linked(self, session: Session, account: Account, some: Sequence[Outcome]) -> dict[tuple[What, str], int]:
        named = {ref for one in some for ref in refs(one.shaped.payload)}
        found: dict[tuple[What, str], int] = {}
        for what in {what for what, _ in named}:
            ids = history.linked(session, account.id, what, [one for of, one in named if of is what])
            found |= {(what, old): party for old, party in ids.items()}
        return found

    def _known(self, session: Session, account: Account, taken: Taken) -> dict[str, Any]:
        """Return the records that are here already."""
        ids = [one.shaped.remote_id for one in taken.outcomes if one.fate is not Fate.BAD]
        asked = {"account": account.id, "stream": self._what, "remote_ids": ids}
        return {row.remote_id: row for row in session.execute(_KNOWN, asked)} if ids else {}

    def _again(self, session: Session, taken: Taken, known: Mapping[str, Any]) -> None:
        """Refuse rows whose id another row of the file has that says something else; the first one counts."""
        ours = select(ImportRow.raw_record_id).where(
            ImportRow.batch_id == self._batch_id, ImportRow.raw_record_id.in_([row.id for row in known.values()])
        )
        done = set(session.scalars(ours)) if known else set()
        first = {remote_id: row.payload for remote_id, row in known.items() if row.id in done}
        for one in taken.outcomes:
            if one.fate is Fate.BAD:
                continue
            remote_id, payload = one.shaped.remote_id, one.shaped.payload
            if remote_id not in first:
                first[remote_id] = payload
            elif first[remote_id] == payload:
                one.fate = Fate.SAME
            else:
                _refuse(one, Reason.AGAIN, remote_id)

    def _keep(self, session: Session, account: Account, taken: Taken, known: Mapping[str, Any]) -> None:
        fine = {one.shaped.remote_id: one for one in taken.outcomes if one.fate is Fate.NEW}
        if not fine:
            return
        if self._what in _PARTIES:
            in_turn(session, Party.__tablename__)  # nobody else makes parties meanwhile
        last = session.scalar(select(func.max(Party.id))) or 0
        delivered = [Delivered(self._what, one, outcome.shaped.payload) for one, outcome in fine.items()]
        kept = dict(zip(fine, receive.keep_page(session, account.id, self._what, delivered), strict=True))
        waiting = [one for one in kept.values() if one.waits]
        raws = {raw.id: raw for raw in receive.rows(session, waiting)}
        if self._what is What.USERS:
            receive.settle(session, list(raws.values()), RawState.APPLIED, "")
        else:
            flows.process(self._flow, session, account, list(raws.values()))
        for remote_id, one in fine.items():
            one.raw_id = kept[remote_id].id
            raw = raws.get(one.raw_id)
            if raw is None:
                is_erased = kept[remote_id].state == RawState.FILTERED and not kept[remote_id].payload
                one.fate = Fate.BAD if is_erased else Fate.SAME
                one.reason = Reason.ERASED if is_erased else ""
                continue
            if remote_id in known:
                one.fate, one.before = Fate.UPDATE, {"payload": known[remote_id].payload}
            if raw.state == RawState.FILTERED:
                _refuse(one, _FILTERED.get(raw.error, Reason.REFUSED), raw.error)
            elif raw.state != RawState.APPLIED:
                _refuse(one, Reason.REFUSED, raw.error)
        if self._what in _PARTIES:
            self._whose(session, account, list(fine.values()), last)

    def _whose(self, session: Session, account: Account, some: Sequence[Outcome], last: int) -> None:
        """Say whose the records are; give people the companies and the colleagues that the old system gave them."""
        by_id = {one.shaped.remote_id: one for one in some if one.fate in {Fate.NEW, Fate.UPDATE}}
        for remote_id, party_id in link.whose(session, account.id, self._what, by_id.keys()).items():
            one = by_id[remote_id]
            one.party_id = party_id
            if one.fate is Fate.NEW and party_id <= last:
                one.fate, one.joined = Fate.UPDATE, True
        wanted = [one for one in by_id.values() if one.party_id and {"company_id", "user"} & one.shaped.payload.keys()]
        if wanted:
            self._relate(session, account, wanted)

    def _relate(self, session: Session, account: Account, some: Sequence[Outcome]) -> None:
        links = self._linked(session, account, some)
        ids = sorted({one.party_id for one in some if one.party_id})
        parties = {party.id: party for party in session.scalars(select(Party).where(Party.id.in_(ids)))}
        said_here = set(
            session.scalars(
                select(Claim.party_id).where(Claim.party_id.in_(ids), Claim.field == "company", Claim.link_id.is_(None))
            )
        )
        moved = []
        for one in some:
            assert one.party_id is not None, "only such are wanted"
            party, payload = parties[one.party_id], one.shaped.payload
            company = links.get((What.COMPANIES, payload.get("company_id", "")))
            is_person = party.kind == PartyKind.PERSON and party.id not in said_here
            if company is not None and is_person and company not in {party.company_id, party.id}:
                one.before["company_id"] = [party.company_id, company]
                party.company_id = company
                moved.append(party.id)
            if "user" in payload and party.owner_id is None:
                party.owner_id = self._users.id_of(UUID(payload["user"]))
                one.before["owner_id"] = party.owner_id
        session.flush()
        if moved:
            search.refresh_all(session, moved)

    def _beside(self, session: Session, account: Account, taken: Taken) -> None:
        """Say beside which customer a refused row is shown, where it names one that came."""
        bad = [one for one in taken.outcomes if one.fate is Fate.BAD and one.party_id is None]
        if not bad or self._what is What.USERS:
            return
        named = {id(one): self._shaper.names(one.shaped.row) for one in bad}
        for what in (What.PEOPLE, What.COMPANIES):
            ids = {old for pairs in named.values() for of, old in pairs if of is what}
            found = history.linked(session, account.id, what, ids) if ids else {}
            for one in bad:
                one.party_id = one.party_id or next(
                    (found[old] for of, old in named[id(one)] if of is what and old in found), None
                )


def matching(session: Session, some: Sequence[Outcome]) -> Iterator[tuple[Outcome, str]]:
    """Yield records that joined somebody who was here, each with what both are known by."""
    ids = [one.party_id for one in some if one.party_id]
    held: dict[int, list[Any]] = {}
    query = select(Identifier.party_id, Identifier.kind, Identifier.value, Identifier.raw).where(
        Identifier.party_id.in_(ids)
    )
    for row in session.execute(query) if ids else ():
        held.setdefault(row.party_id, []).append(row)
    for one in some:
        payload = one.shaped.payload
        written = {entry["value"] for name in ("phones", "emails") for entry in payload.get(name, ())}
        written.add(payload.get("tax_id", ""))
        keys = {digits(value) or value.casefold() for value in written if value}
        rows = held.get(one.party_id or 0, ())
        yield one, next((row.value for row in rows if (digits(row.value) or row.value) in keys), "")


def digits(value: str) -> str:
    """Return the last nine digits of a number; empty: it is none."""
    if "@" in value:
        return ""
    found = "".join(c for c in value.partition(";")[0] if c.isdigit())
    return found[-9:] if len(found) >= 6 else ""


def _noted(row: Row) -> str:
    return row.trouble if row.trouble in HARMLESS else ""


def _refuse(one: Outcome, reason: str, said: str) -> None:
    one.fate, one.reason, one.said = Fate.BAD, reason, said


def put_back(session: Session, party_id: int, before: Mapping[str, Any]) -> None:
    """Take back what `Pages` gave a party beside claims, where it still is so."""
    if (owner := before.get("owner_id")) is not None:
        session.execute(update(Party).where(Party.id == party_id, Party.owner_id == owner).values(owner_id=None))
    if (company := before.get("company_id")) is not None:
        former, ours = company
        session.execute(update(Party).where(Party.id == party_id, Party.company_id == ours).values(company_id=former))
