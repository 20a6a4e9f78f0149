"""Ask that parties are looked at again, in the transaction that gave the reason (`second_look`)."""

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from hub.identity.models import Identifier
from hub.identity.points import Key
from hub.identity.resolving.models import SecondLook
from hub.store.base import now
from hub.store.insert import insert

# What a record is recognised by; a change of anything else is no reason to look again.
WATCHED = frozenset({"kind", "name", "company", "birthday", "emails", "phones", "tax_id"})
_MANY = 500  # ids in one statement
_ONE, _OTHER = aliased(Identifier), aliased(Identifier)
_WITH_NEIGHBOURS = (
    select(_ONE.party_id)
    .where(_ONE.party_id.in_(bindparam("ids", expanding=True)), _ONE.valid_to.is_(None))
    .where(
        exists().where(
            _OTHER.kind == _ONE.kind,
            _OTHER.value == _ONE.value,
            _OTHER.party_id != _ONE.party_id,
            _OTHER.valid_to.is_(None),
        )
    )
    .distinct()
)
_HOLDERS = (
    select(Identifier.party_id)
    .where(Identifier.kind == bindparam("kind"), Identifier.value.in_(bindparam("values", expanding=True)))
    .where(Identifier.valid_to.is_(None))
    .distinct()
)


def ask(session: Session, party_ids: Collection[int]) -> None:
    """Ask that parties are looked at again; one that waits already is asked for once."""
    if not party_ids:
        return
    rows = [{"party_id": number, "due_at": now(), "failures": 0, "error": ""} for number in sorted(party_ids)]
    statement = insert(session, SecondLook)
    anew = {"due_at": statement.excluded.due_at, "failures": 0, "error": ""}
    session.execute(statement.on_conflict_do_update(index_elements=["party_id"], set_=anew), rows)


def with_neighbours(session: Session, party_ids: Collection[int]) -> set[int]:
    """Return those of some parties that hold something which another one holds too."""
    numbers, found = sorted(party_ids), set[int]()
    for start in range(0, len(numbers), _MANY):
        found |= set(session.scalars(_WITH_NEIGHBOURS, {"ids": numbers[start : start + _MANY]}))
    return found


def holders(session: Session, keys: Iterable[Key]) -> set[int]:
    """Return who still holds these numbers, addresses or tax ids."""
    wanted: dict[str, set[str]] = {}
    for kind, value in keys:
        wanted.setdefault(kind, set()).add(value)
    found: set[int] = set()
    for kind, values in wanted.items():
        found |= set(session.scalars(_HOLDERS, {"kind": kind, "values": sorted(values)}))
    return found
