"""What ads cost: one row for each campaign and day, as it was told last, and with the campaign's present name."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from hub.connector.contract import Delivered
from hub.errors import RecordError
from hub.intake import receive
from hub.intake.models import Account, RawState
from hub.leads import spend
from hub.leads.models import AdName, AdSpend
from hub.store.session import Database

Values = dict[str, Any]


def row(campaign: str = "c1", day: str = "2026-11-20", amount: str = "12.50", **more: Any) -> Values:
    return {
        "campaign_id": campaign, "campaign_name": "Spring", "day": day, "amount": amount, "currency": "ILS",
        "impressions": "100", "clicks": "3", **more,
    }  # fmt: skip


class Books:
    def __init__(self, database: Database) -> None:
        self.db = database
        with database.write() as session:
            made = Account(name="Ads", connector="forms")
            session.add(made)
            session.flush()
            self.account = made.id
        self._told = 0

    def take(self, *given: Values) -> list[RawState]:
        self._told += 1
        with self.db.write() as session:
            account = session.get_one(Account, self.account)
            kept = [
                Delivered("ad_spend", f"{one['campaign_id']}:{one['day']}", {"n": self._told, **one}) for one in given
            ]
            raws = receive.rows(session, receive.keep_page(session, account.id, "ad_spend", kept))
            pairs = [spend.Given(raw, one) for raw, one in zip(raws, given, strict=True)]
            return spend.take(session, account, pairs)

    def amounts(self) -> dict[tuple[str, date], Decimal]:
        with self.db.read() as session:
            return {(one.campaign_id, one.day): one.amount for one in session.scalars(select(AdSpend))}

    def names(self) -> list[tuple[str, list[str]]]:
        with self.db.read() as session:
            rows = session.scalars(select(AdName).order_by(AdName.remote_id))
            return [(one.name, [before["name"] for before in one.earlier]) for one in rows]


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)


def test_a_day_that_is_corrected_is_one_row(books: Books) -> None:
    assert books.take(row(), row(day="2026-11-21", amount="7")) == [RawState.APPLIED] * 2
    books.take(row(amount="11.99"))
    books.take(row(amount="11.99"))
    assert books.amounts() == {
        ("c1", date(2026, 11, 20)): Decimal("11.99"),
        ("c1", date(2026, 11, 21)): Decimal(7),
    }


def test_a_campaign_that_is_renamed_keeps_its_earlier_name(books: Books) -> None:
    books.take(row(), row(day="2026-11-21"))
    books.take(row(campaign_name="Summer"), row(day="2026-11-21", campaign_name="Summer"))
    assert books.names() == [("Summer", ["Spring"])]


@pytest.mark.alike
@pytest.mark.parametrize(
    "wrong",
    [{"amount": "-1"}, {"amount": "NaN"}, {"amount": "1e30"}, {"amount": "much"}, {"day": "soon"}, {"currency": "shekel"},
     {"campaign_id": ""}, {"impressions": "-3"}],
)  # fmt: skip
def test_what_is_no_price_of_a_day_is_set_aside(books: Books, wrong: Values) -> None:
    with pytest.raises(RecordError, match="no spend of a day"):
        books.take(row(**wrong))
    assert books.amounts() == {}
