"""One after the other: for work where two who begin at the same time would each make what should be one."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def in_turn(session: Session, what: str) -> None:
    """Let nobody else do this until the end of the transaction. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(what))))


def alongside(session: Session, what: str) -> None:
    """Do this beside others who do the same, until the end of the transaction; who does it `in_turn` waits for all of us."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock_shared(func.hashtext(what))))
