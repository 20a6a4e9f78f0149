"""Whose documents and payments are: of the contact that they name in the same account, by the link that identity made.

Where an account has no contacts of its own, or a document names its customer without one, the document itself says who that
is: it becomes a record of a contact like any other (`OWN`), so that the rules of identity decide, once.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from hub.accounting.businesses import tax_key
from hub.accounting.models import DocumentRow, PaymentRow
from hub.connector.contract import Delivered
from hub.identity.models import Link, Party, PartyStatus
from hub.intake.models import Account
from hub.records.document import Counterparty
from hub.timeline import add as timeline

OWN = "document_parties"  # kind of records: what documents say of their customers
POINTER = "ledger"  # kind of identifier of a participant that nobody is known for yet
LONGEST_CHAIN = 20  # of merges
SOME = 500


class Named(Protocol):
    """What names a customer: a document or a payment."""

    @property
    def party(self) -> Counterparty: ...


@dataclass(frozen=True, slots=True)
class Contacts:
    """How an account's contacts come in."""

    streams: Collection[str]  # kinds of records that are contacts, beside `OWN`
    take: Callable[[Sequence[Delivered]], None]  # takes what documents say of their customers


def found(session: Session, account: Account, named: Sequence[Named], contacts: Contacts) -> dict[str, int]:
    """Return the parties of remote ids; who is told of by a document alone is taken in first.

    Returns:
        Parties by the id that `remote_id_of` gives; who is not among them is not known, or was erased.
    """
    own = {remote_id_of(one.party): one.party for one in named if _tells_itself(one.party, contacts)}
    if own:
        contacts.take([Delivered(OWN, remote_id, _payload(remote_id, party)) for remote_id, party in own.items()])
    wanted = {remote_id_of(one.party) for one in named} | {one.party.contact for one in named}
    return of_links(session, account, wanted - {""}, contacts.streams)


def remote_id_of(party: Counterparty) -> str:
    """Return what the contact of a document is called: by the ledger, else by what it is known by. Pure."""
    if party.remote_id:
        return party.remote_id
    if key := tax_key(party.tax_id, party.country):
        return f"tax:{key}"
    told = next((one for one in (party.email, party.phone, party.name) if one), "")
    return f"said:{hashlib.sha256(told.casefold().encode()).hexdigest()[:32]}" if told else ""


def of_links(
    session: Session, account: Account, remote_ids: Collection[str], streams: Collection[str]
) -> dict[str, int]:
    """Return the parties that contacts of an account are linked to, after all merges."""
    wanted, names = sorted(remote_ids), sorted({*streams, OWN})
    parties: dict[str, int] = {}
    merged: dict[str, int] = {}
    for begin in range(0, len(wanted), SOME):
        rows = session.execute(
            select(Link.remote_id, Party.id, Party.merged_into, Party.status)
            .join(Party, Party.id == Link.party_id)
            .where(Link.account_id == account.id, Link.stream.in_(names))
            .where(Link.remote_id.in_(wanted[begin : begin + SOME]))
        )
        for remote_id, party_id, merged_into, status in rows:
            if merged_into is not None:
                merged[remote_id] = merged_into
            elif status == PartyStatus.ACTIVE:
                parties[remote_id] = party_id
    return parties | {remote_id: last for remote_id, one in merged.items() if (last := _last(session, one))}


def adopt(session: Session, account: Account, remote_ids: Iterable[str], streams: Collection[str]) -> None:
    """Give documents and payments of these contacts to whoever they are now linked to.

    They may have waited for nobody known, or be somebody else's: a contact that was taken back and came again is a new customer.
    """
    asked = sorted(set(remote_ids))
    given: dict[str, set[int | None]] = defaultdict(set)
    for begin in range(0, len(asked), SOME):
        for table in (DocumentRow, PaymentRow):
            some = table.party_remote_id.in_(asked[begin : begin + SOME])
            query = select(table.party_remote_id, table.party_id).where(table.account_id == account.id, some).distinct()
            for remote_id, party_id in session.execute(query):
                given[remote_id].add(party_id)
    for remote_id, party_id in of_links(session, account, given, streams).items():
        if not (formers := given[remote_id] - {party_id}):
            continue
        for table in (DocumentRow, PaymentRow):
            is_other = table.party_id.is_distinct_from(party_id)
            session.execute(
                update(table)
                .where(table.account_id == account.id, table.party_remote_id == remote_id, is_other)
                .values(party_id=party_id)
                .execution_options(synchronize_session=False)
            )
        for former in formers:
            timeline.adopt(session, party_id, POINTER, pointer(account.id, remote_id), former=former)


def pointer(account_id: int, remote_id: str) -> str:
    """Return what a participant that nobody is known for is found by. Pure."""
    return f"{account_id}:{remote_id}"


def _tells_itself(party: Counterparty, contacts: Contacts) -> bool:
    if party.remote_id:
        return not contacts.streams and bool(party.name or party.tax_id or party.email or party.phone)
    return bool(remote_id_of(party))


def _payload(remote_id: str, party: Counterparty) -> dict[str, Any]:
    told: Mapping[str, str] = {
        "id": remote_id, "name": party.name, "tax_id": party.tax_id, "country": party.country, "email": party.email,
        "phone": party.phone,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _last(session: Session, number: int) -> int:
    """Return the party that one is now; 0: it was erased."""
    following = aliased(Party)
    for _ in range(LONGEST_CHAIN):
        row = session.execute(select(following.merged_into, following.status).where(following.id == number)).one()
        if row.merged_into is None:
            return number if row.status == PartyStatus.ACTIVE else 0
        number = row.merged_into
    return 0
