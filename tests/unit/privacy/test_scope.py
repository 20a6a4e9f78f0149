"""Who is one, who is held, how a number is written, and what is taken out of what others wrote."""

from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from hub.accounting.models import DocumentRow
from hub.privacy import holds, ledger, retention
from hub.privacy.scope import closure, written
from hub.privacy.traces import redactor
from hub.store.session import Database
from tests.fakes.merging import opened


def test_a_number_is_looked_for_in_the_ways_people_write_it() -> None:
    found = written("+972502345671")
    assert {"+972502345671", "972502345671", "502345671", "050-234-5671", "+972 50-234-5671", "050 234 5671"} <= found
    assert "6050" in written("*6050")


def test_words_are_taken_out_of_whatever_stands_around_them() -> None:
    redact = redactor(["dana levi", "dana@levi.example", "502345671"])
    told = {"to": ["Dana Levi <Dana@Levi.example>"], "text": "Call DANA LEVI at 0502345671.", "count": 3, "who": None}
    assert redact(told) == {
        "to": ["(erased) <erased@erased.invalid>"], "text": "Call (erased) at 0(erased).", "count": 3, "who": None,
    }  # fmt: skip
    assert redactor([])(told) == told


def test_a_hold_covers_whatever_was_merged_in_either_direction(database: Database) -> None:
    with opened(database) as desk:
        one, two, three, other = (desk.take(0, str(n), f"Person {n}", emails=[f"p{n}@x.example"]) for n in range(4))
        two.merged_into, three.merged_into = one.id, two.id
        desk.session.flush()
        assert closure(desk.session, three.id) == [one.id, two.id, three.id]
        holds.place(desk.session, None, two, "A court")
        held = set(desk.session.scalars(holds.held_parties()))
        assert held == {one.id, two.id, three.id}
        assert [row.reason for row in holds.of_party(desk.session, three.id)] == ["A court"]
        assert holds.of_party(desk.session, other.id) == []


def test_names_on_documents_of_nobody_go_when_the_law_wants_them_no_more(database: Database) -> None:
    with opened(database) as desk:
        her = desk.take(0, "1", "Dana Levi", emails=["dana@levi.example"])
        rows = [desk.document(her, 0, str(n)) for n in range(3)]
        days = (date.today() - timedelta(days=3000), date.today() - timedelta(days=3000), date.today())  # noqa: DTZ011 - any day
        for row, day in zip(rows, days, strict=True):
            row.party_name, row.party_tax_id, row.issue_date, row.party_id = "Dana Levi", "512345678", day, None
        rows[0].party_id = her.id  # somebody we know
        desk.session.flush()
        assert ledger.expire(desk.session, limit=10) == 0  # no rule: the hub keeps what the ledger says
        retention.set_rule(desk.session, None, retention.Kind.ACCOUNTING, 2557)
        assert retention.count(desk.session, retention.Kind.ACCOUNTING, 2557) == 1
        assert ledger.expire(desk.session, limit=10) == 1
        assert ledger.expire(desk.session, limit=10) == 0
        desk.session.expire_all()
        names = desk.session.scalars(select(DocumentRow.party_name).order_by(DocumentRow.id)).all()
        assert names == ["Dana Levi", "", "Dana Levi"]
        assert desk.session.scalars(select(DocumentRow.gross)).all() == [Decimal(100)] * 3
