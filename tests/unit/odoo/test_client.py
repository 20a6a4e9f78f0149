"""What may be asked, and what an answer must look like."""

from typing import Any

import pytest

from connectors.odoo.client import CONTEXT, MOST_IDS, READS, is_at_least
from hub.errors import RejectedError, ShapeError
from tests.unit.odoo.fake import Fake, client

WRITES = (
    "write",
    "create",
    "unlink",
    "copy",
    "action_post",
    "button_draft",
    "message_post",
    "name_create",
    "web_save",
    "load",
)


@pytest.mark.parametrize("method", WRITES)
def test_nothing_that_writes_is_ever_sent(method: str) -> None:
    fake = Fake()
    with pytest.raises(RejectedError, match="only read"):
        client(fake).ask("account.move", method, ids=[1])
    assert fake.asked == []
    assert method not in READS


def test_archived_records_are_asked_for_too() -> None:
    fake = Fake()
    client(fake).count("res.partner", [])
    assert fake.asked[0][2]["context"] == dict(CONTEXT) == {"active_test": False}


def test_only_fields_that_there_are_are_asked_for_and_only_once() -> None:
    fake = Fake(says={("res.partner", "fields_get"): lambda _: {"name": {}, "vat": {}, "unasked": {}}})
    asked = client(fake)
    assert asked.fields("res.partner", ["name", "mobile", "vat"]) == ("name", "vat")
    asked.rows("res.partner", [], ["name", "mobile"])
    assert fake.methods() == [("res.partner", "fields_get"), ("res.partner", "search_read")]
    assert fake.asked[1][2]["fields"] == ("name",)


@pytest.mark.parametrize("told", [None, {}, [3], [{"name": "x"}], [{"id": "7"}], [{"id": True}], "x"])
def test_an_answer_that_is_no_list_of_records_is_refused(told: Any) -> None:
    fake = Fake(says={("res.partner", "search_read"): lambda _: told})
    with pytest.raises(ShapeError):
        client(fake).rows("res.partner", [], ["name"])


@pytest.mark.parametrize("told", [None, "3", True, 2.5])
def test_a_count_that_is_no_number_is_refused(told: Any) -> None:
    with pytest.raises(ShapeError):
        client(Fake(says={("res.partner", "search_count"): lambda _: told})).count("res.partner", [])


def test_all_ids_are_listed_in_pieces() -> None:
    fake = Fake({"res.partner": [{"id": one} for one in range(1, 2 * MOST_IDS + 2)]})
    assert client(fake).ids("res.partner", []) == list(range(1, 2 * MOST_IDS + 2))
    assert [one[2]["domain"] for one in fake.asked] == [[], [["id", ">", MOST_IDS]], [["id", ">", 2 * MOST_IDS]]]


def test_ids_that_are_listed_twice_are_a_circle() -> None:
    fake = Fake(says={("res.partner", "search"): lambda _: list(range(1, MOST_IDS + 1))})
    with pytest.raises(ShapeError, match="again"):
        client(fake).ids("res.partner", [])


def test_what_many_records_name_is_asked_for_once() -> None:
    fake = Fake({"res.company": [{"id": 1, "name": "North"}, {"id": 2, "name": "South"}]})
    asked = client(fake)
    asked.remembered("res.company", [1], ["name"])
    assert asked.remembered("res.company", [1, 2, 3], ["name"]).keys() == {1, 2}
    assert [one[2]["domain"] for one in fake.asked if one[1] == "search_read"] == [
        [["id", "in", [1]]],
        [["id", "in", [2, 3]]],
    ]


# --- sums -----------------------------------------------------------------------------------------------------------------


def test_sums_are_read_from_new_and_old_versions_alike() -> None:
    new = Fake(says={("sale.order", "formatted_read_group"): lambda _: [
        {"company_id": [1, "North"], "date_order:month": ["2026-10-31 22:00:00", "November 2026"], "__count": 2, "amount_total:sum": "30.5"},
    ]})  # fmt: skip

    def refused(_: Any) -> Any:
        raise RejectedError("The method does not exist")

    old = Fake(says={
        ("sale.order", "formatted_read_group"): refused,
        ("sale.order", "read_group"): lambda _: [
            {"company_id": [1, "North"], "date_order:month": "November 2026", "__count": 2, "amount_total": "30.5",
             "__range": {"date_order:month": {"from": "2026-10-31 22:00:00", "to": "2026-11-30 22:00:00"}}},
        ],
    })  # fmt: skip
    for fake in (new, old):
        [group] = client(fake).groups(
            "sale.order", [], ["company_id", "date_order:month"], ["amount_total"], time_zone="Asia/Jerusalem"
        )
        assert group == {"company_id": 1, "date_order:month": "2026-11", "__count": 2, "amount_total": "30.5"}
        assert fake.asked[-1][2]["context"]["tz"] == "Asia/Jerusalem"


def test_a_group_without_a_date_has_no_month() -> None:
    told = [{"invoice_date:month": False, "__count": 1, "amount_total:sum": "1.0"}]
    fake = Fake(says={("account.move", "formatted_read_group"): lambda _: told})
    [group] = client(fake).groups("account.move", [], ["invoice_date:month"], ["amount_total"])
    assert group["invoice_date:month"] is False


@pytest.mark.parametrize(
    ("version", "is_new"),
    [("19.0", True), ("20.1", True), ("saas~19.2", True), ("18.0", False), ("saas~18.4+e", False), ("x", False)],
)
def test_versions_are_compared_by_their_number(version: str, is_new: bool) -> None:
    assert is_at_least(version, 19) is is_new
