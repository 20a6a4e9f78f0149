"""What a merge writes down, so that it can be taken back: rows as they were, and what was said when it happened."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from hub.identity.models import Claim, Identifier, Merge, MergeItem, Party
from hub.identity.points import Key
from hub.store.base import Base, UtcDateTime

# What lines of the journal are of, beside the columns whose rows moved (`moves.Move.name`).
LINKS, IDENTIFIERS, MERGED = "link.party_id", "identifier.party_id", "party.merged_into"
OWN_LINKS, OWN_IDENTIFIERS = "link kept", "identifier kept"  # the winner's, before
JOINED = "identifier joined"  # both held it: the two rows as they were, and the one that is left
SHARED = "shared"  # of all who held one of the numbers: whether it pointed to them by itself
SAID = "claims"  # of both: what each claim said, as a fingerprint
WORDS = "words moved"  # of people about the loser
OUTVOTED = "words left out"  # the same where people said something of the winner too
_Row = TypeVar("_Row", Claim, Identifier)
COLUMNS = ("name", "fields", "company_id", "owner_id", "business_id")


def write(
    session: Session, row: Merge, what: str, ids: Sequence[int] = (), before: Mapping[str, Any] | None = None
) -> None:
    """Add a line, unless it is about nothing."""
    if ids or before:
        session.add(MergeItem(merge_id=row.id, what=what, ids=list(ids), before=dict(before or {})))


def lines(session: Session, row: Merge, *what: str) -> list[MergeItem]:
    """Return the lines of a merge about some things, in the order in which they were written."""
    query = select(MergeItem).where(MergeItem.merge_id == row.id, MergeItem.what.in_(what)).order_by(MergeItem.id)
    return list(session.scalars(query))


def ids(session: Session, row: Merge, what: str) -> set[int]:
    """Return the rows that lines are about."""
    return {number for item in lines(session, row, what) for number in item.ids}


def dump(row: Base) -> dict[str, Any]:
    """Return a row as JSON."""
    found = {name: getattr(row, name) for name in inspect(type(row)).column_attrs.keys()}  # noqa: SIM118 - no dictionary
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def is_as(row: Base, said: Mapping[str, Any]) -> bool:
    """Say whether a row is as it was dumped; whether a number is shared is others' doing."""
    return {**dump(row), "shared": None} == {**said, "shared": None}


def flags(session: Session, keys: Iterable[Key]) -> dict[str, dict[str, bool]]:
    """Return by number or address (kind, blank, value) which rows hold it, and whether it is shared for them."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for kind, value in keys:
        by_kind[kind].add(value)
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for kind, values in by_kind.items():
        query = select(Identifier.id, Identifier.value, Identifier.shared)
        for row in session.execute(query.where(Identifier.kind == kind, Identifier.value.in_(values))):
            found[f"{kind} {row.value}"][str(row.id)] = row.shared
    return found


def columns(party: Party) -> dict[str, Any]:
    """Return what a merge may change of the winner."""
    return {name: getattr(party, name) for name in COLUMNS}


def undump(kind: type[Base], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a row that was dumped."""
    dates = {name for name, attribute in inspect(kind).column_attrs.items() if _is_date(attribute)}
    return {name: datetime.fromisoformat(value) if name in dates and value else value for name, value in said.items()}


def _is_date(attribute: Any) -> bool:
    return isinstance(attribute.columns[0].type, UtcDateTime)


def restore(session: Session, kind: type[_Row], said: Mapping[str, Any], **other: Any) -> _Row:
    """Make a row again that was dumped, under its number where nobody else has that now."""
    values = {**undump(kind, said), **other}
    if session.get(kind, values["id"]) is not None:
        del values["id"]
    row = kind(**values)
    session.add(row)
    return row


def fingerprints(claims: Iterable[Claim]) -> dict[str, list[str]]:
    """Return by claim what it says and of which field, so that it is seen whether it says something else since."""
    return {str(claim.id): [fingerprint(claim), claim.field] for claim in claims}


def fingerprint(claim: Claim) -> str:
    text = json.dumps([claim.field, claim.value, claim.observed_at.isoformat()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
