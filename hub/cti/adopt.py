"""A number or an address gets an owner: its earlier calls, meetings and mails follow, whoever named it and wherever.

All that are named at once are looked at together: an address book brings thousands, and from most of them nobody ever called.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import BindParameter, Connection, Executable, bindparam, func, select, update

from hub.cti.models import CallRow, MatchBasis
from hub.identity import new_owners
from hub.identity.callers import PHONE
from hub.identity.models import Identifier
from hub.identity.parties import EMAIL
from hub.timeline.models import Participant, Task

SOME = 1_000  # values of one question
_KIND: BindParameter[str] = bindparam("of_kind")
_VALUES: BindParameter[Sequence[str]] = bindparam("values", expanding=True)
_OF: BindParameter[str] = bindparam("of")
_PARTY: BindParameter[int] = bindparam("party")
# Two owners are a list for a person, never a guess.
_OWNERS = (
    select(Identifier.value, func.min(Identifier.party_id).label("party_id"))
    .where(Identifier.kind == _KIND, Identifier.value.in_(_VALUES), Identifier.valid_to.is_(None))
    .group_by(Identifier.value)
    .having(func.count(Identifier.party_id.distinct()) == 1)
)
_MENTION = (Participant.party_id.is_(None), Participant.identifier_kind == _KIND)
_CALL = (CallRow.party_id.is_(None), CallRow.match_basis == MatchBasis.NONE)
_TASK = (Task.party_id.is_(None),)
# What waits for an owner, and how it gets one.
_MENTIONS = (
    select(Participant.value).where(*_MENTION, Participant.value.in_(_VALUES)).distinct(),
    update(Participant).where(*_MENTION, Participant.value == _OF).values(party_id=_PARTY, origin_party_id=_PARTY),
)
_CALLS = (
    select(CallRow.number).where(*_CALL, CallRow.number.in_(_VALUES)).distinct(),
    update(CallRow).where(*_CALL, CallRow.number == _OF).values(party_id=_PARTY, match_basis=MatchBasis.NUMBER),
)
_TASKS = (
    select(Task.number).where(*_TASK, Task.number.in_(_VALUES)).distinct(),
    update(Task).where(*_TASK, Task.number == _OF).values(party_id=_PARTY),
)
_WAITING: dict[str, Sequence[tuple[Executable, Executable]]] = {
    EMAIL: (_MENTIONS,),
    PHONE: (_MENTIONS, _CALLS, _TASKS),
}


def watch() -> None:
    """Begin to adopt; called once by the wiring."""
    new_owners.listen(_adopt)


def _adopt(connection: Connection, named: Mapping[str, Sequence[str]]) -> None:
    """Give what waits for identifiers to their owners."""
    for kind, waiting in _WAITING.items():
        values = named.get(kind, ())
        for begin in range(0, len(values), SOME):
            _adopt_some(connection, kind, values[begin : begin + SOME], waiting)


def _adopt_some(
    connection: Connection, kind: str, values: Sequence[str], waiting: Sequence[tuple[Executable, Executable]]
) -> None:
    for asked, give in waiting:
        seen = sorted(set(connection.scalars(asked, {"of_kind": kind, "values": values})))
        owners = connection.execute(_OWNERS, {"of_kind": kind, "values": seen}).all() if seen else ()
        if owners:
            given = [{"of_kind": kind, "of": row.value, "party": row.party_id} for row in owners]
            connection.execute(give, given)
