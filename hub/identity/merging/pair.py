"""Two parties at once: nobody changes them meanwhile, what was said of the pair, who is told of what became of them."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import in_step, search
from hub.identity import parties as store
from hub.identity.merging import moves
from hub.identity.models import Merge, MergeState, NotSame, Party, PartyKind, Review


def locked(session: Session, one: Party, other: Party) -> tuple[Party, Party]:
    """Return two parties as they are now, the older first; nobody changes them until the end of the transaction."""
    session.flush()
    query = select(Party).where(Party.id.in_({one.id, other.id})).order_by(Party.id).with_for_update(key_share=True)
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    return rows[0], rows[-1]


def of(session: Session, row: Merge) -> tuple[Party, Party]:
    """Return the winner and the loser of a merge, locked."""
    older, younger = locked(session, session.get_one(Party, row.winner_id), session.get_one(Party, row.loser_id))
    return (older, younger) if older.id == row.winner_id else (younger, older)


def check_still(session: Session, *party_ids: int) -> None:
    """Refuse what would begin while the history of a party is still on its way.

    Raises:
        UserError: it is.
    """
    moving = Merge.state.in_({MergeState.MOVING, MergeState.UNDOING})
    either = or_(Merge.winner_id.in_(party_ids), Merge.loser_id.in_(party_ids))
    if session.scalar(select(Merge.id).where(moving, either).limit(1)) is not None:
        text = "The history of this customer is still being moved; try again in a few seconds."
        raise UserError(text, error_id="still_moving", field="other")


def are_not_same(session: Session, one: Party, other: Party) -> bool:
    """Say whether somebody said that two parties, or any that became one of them, are not the same."""
    return session.scalar(select(NotSame.id).where(between(session, NotSame, one, other)).limit(1)) is not None


def between(session: Session, table: type[NotSame] | type[Review], one: Party, other: Party) -> ColumnElement[bool]:
    """Say in SQL that a row is about two parties, or about any that became one of them."""
    mine, theirs = store.with_merged(session, one), store.with_merged(session, other)
    return or_(and_(table.a_id.in_(mine), table.b_id.in_(theirs)), and_(table.a_id.in_(theirs), table.b_id.in_(mine)))


def told(session: Session, several: Collection[Party]) -> None:
    """Write what a search finds of parties that were merged or parted, and tell address books that have them."""
    session.flush()
    concerned = [party.id for party in several]
    companies = [party.id for party in several if party.kind == PartyKind.COMPANY]
    if companies:
        staff = select(Party.id).where(Party.company_id.in_(companies)).limit(moves.PAGE)
        concerned += session.scalars(staff)
    search.refresh_all(session, concerned)
    in_step.tell(session, concerned)
