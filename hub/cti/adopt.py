"""A number or an address gets an owner: its earlier calls, meetings and mails follow, whoever named it and wherever.

Hung on the insert of an identifier itself, in the same transaction, because every way to name a number (a page, the
API, a second source, an import) must have this effect and none may forget it.
"""

from typing import Any

from sqlalchemy import Connection, event, func, select, update
from sqlalchemy.orm import Mapper

from hub.cti.models import CallRow, MatchBasis
from hub.identity.callers import PHONE
from hub.identity.models import Identifier
from hub.identity.parties import EMAIL
from hub.timeline.models import Participant, Task


def watch() -> None:
    """Begin to adopt; called once by the wiring."""
    if not event.contains(Identifier, "after_insert", _adopt):
        event.listen(Identifier, "after_insert", _adopt)


def _adopt(_: Mapper[Any], connection: Connection, row: Identifier) -> None:
    if row.kind not in {PHONE, EMAIL} or row.shared or row.blocked or _has_other_owner(connection, row):
        return
    connection.execute(
        update(Participant)
        .where(Participant.party_id.is_(None), Participant.identifier_kind == row.kind, Participant.value == row.value)
        .values(party_id=row.party_id, origin_party_id=row.party_id)
    )
    if row.kind != PHONE:
        return
    connection.execute(
        update(CallRow)
        .where(CallRow.party_id.is_(None), CallRow.number == row.value, CallRow.match_basis == MatchBasis.NONE)
        .values(party_id=row.party_id, match_basis=MatchBasis.NUMBER)
    )
    connection.execute(
        update(Task).where(Task.party_id.is_(None), Task.number == row.value).values(party_id=row.party_id)
    )


def _has_other_owner(connection: Connection, row: Identifier) -> bool:
    """Two owners are a list for a person, never a guess."""
    query = (
        select(func.count())
        .select_from(Identifier)
        .where(
            Identifier.kind == row.kind,
            Identifier.value == row.value,
            Identifier.party_id != row.party_id,
            Identifier.valid_to.is_(None),
        )
    )
    return bool(connection.scalar(query))
