"""Mail that a person never keeps: addresses and domains, and stored mail of them taken back.

A block counts for the next page that is read. What is stored is taken back in the background, some copies in one
transaction with the place where to go on, so a process that dies repeats nothing and forgets nothing. A page that was
sifted just before the block came may be stored just after: a while later what came in meanwhile is looked at once more.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from hub.connector.sift import Reason, under
from hub.errors import NotFoundError, UserError
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.intake.receive import Shown
from hub.mail.models import MailBlock, MailCopy, MailMessage
from hub.records.address import FREE_DOMAINS, ascii_domain, match_key
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import Database
from hub.work.lease import Lease, holds, release

MOST = 500  # blocks of one person
PAGE = 300  # copies looked at in one transaction
MEANWHILE = timedelta(minutes=15)  # longer than any page is being read
SLACK = timedelta(hours=1)  # clocks of several machines
Withdraw = Callable[[Session, Account, Sequence[RawRecord]], None]


def of_user(session: Session, user_id: int) -> Sequence[MailBlock]:
    """Return a person's blocks, in the order of the alphabet."""
    return session.scalars(select(MailBlock).where(MailBlock.user_id == user_id).order_by(MailBlock.block)).all()


def words(session: Session, user_id: int) -> frozenset[str]:
    """Return what is blocked, as `connector.sift` compares it."""
    return frozenset(session.scalars(select(MailBlock.block).where(MailBlock.user_id == user_id)))


def add(session: Session, person: Person, raw: str) -> None:
    """Block an address or a domain for a person's own mailboxes; stored mail of it is taken back next.

    Raises:
        UserError: it is neither, or it is our own.
    """
    block = parse(raw)
    if _is_ours(session, block):
        raise UserError(
            "This is one of our own addresses; all mail would be left out.", error_id="own_block", field="block"
        )
    mine = words(session, person.id)
    if len(mine) >= MOST and block not in mine:
        raise UserError(f"At most {MOST} can be blocked.", error_id="too_many_blocks", field="block")
    fresh: dict[str, Any] = {"after": 0, "looked": 0, "taken": 0, "again": False, "owner": "", "attempt": 0}
    values = {"user_id": person.id, "block": block, "created_at": now(), "due_at": now(), **fresh}
    made = session.scalar(insert(session, MailBlock).values(values).on_conflict_do_nothing().returning(MailBlock.id))
    if made is not None:
        # What is blocked is the person's own business: that something was, and not what.
        audit.record(session, person, "mail.block_added", "user", person.public_id, domain="@" not in block)


def remove(session: Session, person: Person, block_id: int) -> None:
    """Let mail come in again from now on; what was taken back stays away.

    Raises:
        NotFoundError: the person has no such block.
    """
    query = delete(MailBlock).where(MailBlock.id == block_id, MailBlock.user_id == person.id)
    if session.scalar(query.returning(MailBlock.id)) is None:
        raise NotFoundError("There is no such block.")
    audit.record(session, person, "mail.block_removed", "user", person.public_id)


def parse(raw: str) -> str:
    """Return what a person typed as it is kept: an address's match key, or a domain in the form of the name system.

    Raises:
        UserError: it is neither.
    """
    text = raw.strip()
    if "@" in text.removeprefix("@"):
        found = match_key(text)
    else:
        found = ascii_domain(text.removeprefix("@").removeprefix("*."))
    if not found or len(found) > 254 or any(c.isspace() or c in "/:<>" for c in found):
        raise UserError("This is neither an address nor a domain.", error_id="bad_block", field="block")
    return found


def _is_ours(session: Session, block: str) -> bool:
    ours = {match_key(address) for address in session.scalars(select(User.email))} - {""}
    if "@" in block:
        return block in ours
    domains = {key.rpartition("@")[2] for key in ours} - FREE_DOMAINS
    return any(domain == block or domain.endswith(f".{block}") for domain in domains)


# --- taking back --------------------------------------------------------------------------------------------------


def due() -> ColumnElement[bool]:
    """Return for which blocks stored mail is to be taken back now."""
    return MailBlock.due_at <= now()


def take_back(db: Database, lease: Lease, withdraw: Withdraw) -> None:
    """Go through a person's mailboxes and take back what is blocked, until the end or until somebody took over."""
    goes_on = True
    while goes_on:
        with db.write() as session:
            goes_on = holds(session, MailBlock, lease, lock=True) and _page(session, lease, withdraw)


def _page(session: Session, lease: Lease, withdraw: Withdraw) -> bool:
    """Look at some copies; says whether there may be more."""
    row = session.get_one(MailBlock, lease.id)
    query = (
        select(MailCopy.id, MailCopy.raw_record_id, MailMessage.people)
        .join(MailMessage, MailMessage.id == MailCopy.message_id)
        .where(MailCopy.user_id == row.user_id, MailCopy.id > row.after)
    )
    if row.again:
        query = query.join(RawRecord, RawRecord.id == MailCopy.raw_record_id)
        query = query.where(RawRecord.received_at > row.created_at - SLACK)
    copies = session.execute(query.order_by(MailCopy.id).limit(PAGE)).all()
    found = [copy.raw_record_id for copy in copies if concerns(copy.people, row.block)]
    _withdrawn(session, found, withdraw)
    values: dict[str, Any] = {"taken": row.taken + len(found)}
    if not row.again:
        values["looked"] = row.looked + len(copies)
    if len(copies) == PAGE:
        values["after"] = copies[-1].id
        session.execute(update(MailBlock).where(MailBlock.id == row.id).values(values))
        return True
    if row.again:
        values |= {"due_at": None}
    else:
        values |= {"after": 0, "again": True, "done_at": now(), "due_at": now() + MEANWHILE}
    release(session, MailBlock, lease, **values)
    return False


def concerns(people: Mapping[str, Sequence[Mapping[str, str]]], block: str) -> bool:
    """Say whether somebody in a mail is blocked; the same rule as for mail that comes in (`connector.sift`)."""
    keys = {match_key(one["address"]) for some in people.values() for one in some if one["address"]} - {""}
    blocks = frozenset({block})
    return any(key == block or under(key, blocks) for key in keys)


def _withdrawn(session: Session, raw_ids: Sequence[int], withdraw: Withdraw) -> None:
    """Take records back, and remember as of any filtered record only that they were looked at."""
    raws: dict[int, list[RawRecord]] = defaultdict(list)
    query = (
        select(MailCopy.raw_record_id, MailMessage.at)
        .join(MailMessage, MailMessage.id == MailCopy.message_id)
        .where(MailCopy.raw_record_id.in_(raw_ids))
    )
    days = {row.raw_record_id: row.at.date() for row in session.execute(query)}
    for raw in session.scalars(select(RawRecord).where(RawRecord.id.in_(raw_ids)).order_by(RawRecord.id)):
        raws[raw.account_id].append(raw)
    for account_id, some in raws.items():
        for raw in some:
            told = {"remote_id": raw.remote_id, "reason": str(Reason.USER_BLOCK), "day": days[raw.id]}
            receive.filter_out(session, account_id, raw.stream, [told], Shown(raw.container, raw.epoch))
        withdraw(session, session.get_one(Account, account_id), some)
    session.flush()
