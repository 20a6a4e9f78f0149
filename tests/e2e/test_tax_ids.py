"""Customers that several ledgers tell of, through the whole way of a record: known by their tax ids."""

from typing import Any

import pytest
from sqlalchemy import select

from hub import flow
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.identity import parties, search
from hub.identity.models import Claim, Identifier, Link, Party, PartyKind
from hub.intake import accounts, receive
from hub.intake.models import Account

STREAM = "document_parties"  # any account may have it
OFFICE = "office@levi.example"


class Ledgers:
    """Two accounts of a wired hub, each with contacts of its own."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        with hub.db.write() as session:
            settings = {"host": "127.0.0.1", "username": "hub", "secret": "x"}
            self.accounts = [
                accounts.create(session, hub.connectors["asterisk"], hub.vault, name, settings, region=region).id
                for name, region in (("Warsaw", "PL"), ("Tel Aviv", "IL"))
            ]

    def tell(self, ledger: int, *several: dict[str, Any]) -> None:
        with self.hub.db.write() as session:
            account = session.get_one(Account, self.accounts[ledger])
            page = [Delivered(STREAM, one["id"], one) for one in several]
            kept = receive.keep_page(session, account.id, STREAM, page)
            flow.process(self.hub.flow, session, account, receive.rows(session, kept))

    def known(self) -> dict[str, set[str]]:
        """Return the records of each party, and what tax ids it is known by."""
        found: dict[str, set[str]] = {}
        with self.hub.db.read() as session:
            for party in session.scalars(select(Party)):
                links = session.scalars(
                    select(Link.remote_id).where(Link.party_id == party.id).order_by(Link.remote_id)
                )
                held = select(Identifier.value).where(Identifier.party_id == party.id, Identifier.kind == "tax_id")
                found[" ".join(links)] = set(session.scalars(held))
        return found


@pytest.fixture
def ledgers(hub: Hub) -> Ledgers:
    return Ledgers(hub)


def test_the_same_tax_id_in_two_ledgers_is_one_customer(hub: Hub, ledgers: Ledgers) -> None:
    ledgers.tell(0, {"id": "a", "name": "LEVI Sp. z o.o.", "tax_id": "526-104-08-28"})
    ledgers.tell(1, {"id": "b", "name": "Levi", "tax_id": "PL 5261040828", "email": OFFICE})
    ledgers.tell(1, {"id": "b", "name": "Levi", "tax_id": "PL 5261040828", "email": OFFICE})
    assert ledgers.known() == {"a b": {"PL5261040828"}}
    with hub.db.read() as session:
        party = session.scalars(select(Party)).one()
        assert party.kind == PartyKind.COMPANY
        said = session.scalars(select(Claim.value).where(Claim.field == "tax_id").order_by(Claim.id)).all()
        assert [one["value"] for one in said] == ["526-104-08-28", "PL 5261040828"]
        assert parties.by_identifier(session, "tax_id", "526 104 08 28", region="IL") == [party]
        assert [hit.name for hit in search.search(session, "5261040828")] == [party.name]


def test_another_tax_id_is_another_customer_whatever_else_agrees(ledgers: Ledgers) -> None:
    ledgers.tell(0, {"id": "a", "name": "Levi", "tax_id": "5261040828", "email": OFFICE})
    ledgers.tell(1, {"id": "b", "name": "Levi", "tax_id": "7010000005", "country": "PL", "email": OFFICE})
    assert ledgers.known() == {"a": {"PL5261040828"}, "b": {"PL7010000005"}}


def test_one_of_another_name_is_not_joined_by_a_number_that_somebody_mistyped(ledgers: Ledgers) -> None:
    ledgers.tell(0, {"id": "a", "name": "Levi", "tax_id": "5261040828"})
    ledgers.tell(1, {"id": "b", "name": "Nordwind GmbH", "tax_id": "PL5261040828"})
    assert set(ledgers.known()) == {"a", "b"}


def test_a_placeholder_joins_nobody_and_is_kept_nowhere_but_in_what_is_said(ledgers: Ledgers) -> None:
    for ledger, remote_id in enumerate(("a", "b")):
        ledgers.tell(ledger, {"id": remote_id, "name": "Levi", "tax_id": "000-000-00-00"})
    assert ledgers.known() == {"a": set(), "b": set()}
