"""Leads as Graph tells them: in pages, by moment, by id; and what is not told."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from connectors.facebook.simulated.things import Checkbox
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.simulator import StreamFault
from tests.unit.facebook_simulator.conftest import Graph, refused

Graphs = Callable[..., Graph]
EVERYTHING = (
    "id,created_time,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,is_organic,platform,partner_name,"
    "field_data,custom_disclaimer_responses,post,retailer_item_id,vehicle,home_listing"
)


def filled(facebook: FacebookSimulator, count: int) -> list[str]:
    """Leads of the English form, a minute apart, the newest now."""
    now = facebook.clock.now()
    return [
        facebook.submit(
            facebook.english, {"full_name": f"Dana {number}"}, at=now - timedelta(minutes=count - number - 1)
        ).id
        for number in range(count)
    ]


def test_a_lead_is_told_with_its_answers_its_boxes_and_its_ad(facebook: FacebookSimulator, graph: Graphs) -> None:
    ad = facebook.advertise(facebook.hebrew, "אביב / Wiosna")
    answers = {"טלפון": "+972541234567", "שם_מלא": "נועה לוי", "מה_מעניין_אותך?": "השקיה/ניקוז"}
    lead = facebook.submit(facebook.hebrew, answers, ad=ad, platform="ig", checked=["terms"])

    found = graph().get(f"/{lead.id}", fields=EVERYTHING)

    assert found["field_data"] == [
        {"name": "שם_מלא", "values": ["נועה לוי"]},
        {"name": "טלפון", "values": ["+972541234567"]},
        {"name": "מה_מעניין_אותך?", "values": ["k2"]},
    ]
    assert found["custom_disclaimer_responses"] == [
        {"checkbox_key": "terms", "is_checked": "1"},
        {"checkbox_key": "דיוור", "is_checked": ""},
    ]
    assert (found["campaign_name"], found["ad_id"], found["platform"]) == ("אביב / Wiosna", ad.id, "ig")
    assert (found["is_organic"], found["form_id"]) == (False, facebook.hebrew.id)
    assert found["created_time"].endswith("+0000")
    assert "vehicle" not in found


def test_without_fields_little_is_told_and_an_unknown_field_is_refused(
    facebook: FacebookSimulator, graph: Graphs
) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    page = graph()

    assert set(page.get(f"/{lead.id}")) == {"created_time", "id", "field_data"}
    assert set(page.get(f"/{lead.id}", fields="form_id")) == {"form_id", "id"}
    assert refused(page.ask("GET", f"/{lead.id}", fields="leadgen_id")) == (400, 100, 0)


def test_an_answer_may_be_empty_or_without_values(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"full_name": [], "email": None, "other": ["a", "b"]}, checked={})

    found = graph().get(f"/{lead.id}", fields="field_data,custom_disclaimer_responses")

    assert found["field_data"] == [
        {"name": "full_name", "values": []},
        {"name": "email"},
        {"name": "other", "values": ["a", "b"]},
    ]
    assert "custom_disclaimer_responses" not in found


def test_choices_are_told_by_key_or_by_label(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"garden_size": "100 to 500 m²"})
    page = graph()

    def chosen() -> str:
        return str(page.get(f"/{lead.id}")["field_data"][0]["values"][0])

    assert chosen() == "k2"
    facebook.faults.add("option_labels")
    assert chosen() == "100 to 500 m²"
    facebook.world.answers_by = "label"
    assert chosen() == "100 to 500 m²"


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_pages_show_everything_once_in_any_order(facebook: FacebookSimulator, graph: Graphs, is_shuffled: bool) -> None:
    ids = filled(facebook, 12)
    facebook.world.is_shuffled = is_shuffled
    page = graph()

    found = [one["id"] for one in page.all(f"/{facebook.english.id}/leads", fields="id", limit="5")]

    assert sorted(found) == sorted(ids)
    assert (found == ids[::-1]) is not is_shuffled
    assert len(page.get(f"/{facebook.english.id}/leads")["data"]) == 12
    facebook.page(3)
    assert len(page.get(f"/{facebook.english.id}/leads", limit="100")["data"]) == 3


def test_a_page_leads_on_back_and_by_a_link_with_the_token_in_it(facebook: FacebookSimulator, graph: Graphs) -> None:
    ids = filled(facebook, 5)[::-1]
    page = graph()
    first = page.get(f"/{facebook.english.id}/leads", fields="id", limit="2")

    second = page.get(first["paging"]["next"])
    back = page.get(
        f"/{facebook.english.id}/leads", fields="id", limit="2", before=second["paging"]["cursors"]["before"]
    )

    assert [one["id"] for one in first["data"]] == ids[:2] == [one["id"] for one in back["data"]]
    assert [one["id"] for one in second["data"]] == ids[2:4]
    assert f"access_token={page.token}" in first["paging"]["next"]
    assert "previous" not in first["paging"]
    assert "previous" in second["paging"]


def test_a_listing_without_leads_has_no_cursors(facebook: FacebookSimulator, graph: Graphs) -> None:
    assert graph().get(f"/{facebook.english.id}/leads") == {"data": []}


def test_a_huge_page_size_breaks(facebook: FacebookSimulator, graph: Graphs) -> None:
    assert refused(graph().ask("GET", f"/{facebook.english.id}/leads", limit="15000")) == (500, 1, 0)


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [("GREATER_THAN", [4]), ("GREATER_THAN_OR_EQUAL", [3, 4]), ("LESS_THAN", [0, 1, 2])],
)
def test_leads_are_filtered_by_when_they_were_sent(
    facebook: FacebookSimulator, graph: Graphs, operator: str, wanted: list[int]
) -> None:
    ids = filled(facebook, 5)
    bound = int(facebook.world.leads[ids[3]].created_at)
    rule = f'[{{"field":"time_created","operator":"{operator}","value":{bound}}}]'

    found = graph().get(f"/{facebook.english.id}/leads", fields="id", filtering=rule)["data"]

    assert [one["id"] for one in found][::-1] == [ids[number] for number in wanted]


@pytest.mark.parametrize(
    "rule",
    ["{}", "[1]", "x", '[{"field":"id","operator":"EQUAL","value":1}]',
     '[{"field":"time_created","operator":"IN","value":1}]', '[{"field":"time_created","operator":"EQUAL","value":"x"}]'],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(facebook: FacebookSimulator, graph: Graphs, rule: str) -> None:
    assert refused(graph().ask("GET", f"/{facebook.english.id}/leads", filtering=rule)) == (400, 100, 0)


def test_a_lead_may_be_shown_late(facebook: FacebookSimulator, graph: Graphs) -> None:
    facebook.world.late_s = 90
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    page = graph()

    assert refused(page.ask("GET", f"/{lead.id}")) == (400, 100, 33)
    assert page.get(f"/{facebook.english.id}/leads")["data"] == []
    facebook.clock.advance(seconds=91)
    assert page.get(f"/{lead.id}")["id"] == lead.id
    facebook.faults.add("late_lead")
    assert refused(page.ask("GET", f"/{lead.id}")) == (400, 100, 33)
    assert page.get(f"/{lead.id}")["id"] == lead.id


def test_after_ninety_days_a_lead_is_only_counted(facebook: FacebookSimulator, graph: Graphs) -> None:
    now = facebook.clock.now()
    old = facebook.submit(facebook.english, {"full_name": "Dana"}, at=now - timedelta(days=89, hours=23))
    facebook.submit(facebook.english, {"full_name": "Dana"}, ad=facebook.advertise(facebook.english, "Spring"))
    page = graph()
    counts = "leads_count,organic_leads_count,expired_leads_count"

    assert len(page.get(f"/{facebook.english.id}/leads")["data"]) == 2
    facebook.clock.advance(hours=2)
    assert len(page.get(f"/{facebook.english.id}/leads")["data"]) == 1
    assert refused(page.ask("GET", f"/{old.id}")) == (400, 100, 33)
    found = page.get(f"/{facebook.english.id}", fields=counts)
    assert [found[name] for name in counts.split(",")] == [2, 1, 1]
    facebook.drift(facebook.english)
    assert page.get(f"/{facebook.english.id}", fields=counts)["leads_count"] == 3


def test_an_archived_form_has_its_leads_and_a_copy_has_none(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    copied = facebook.copy_form(facebook.english)
    facebook.archive_form(facebook.english)
    page = graph()

    forms = {one["id"]: one["status"] for one in page.all(f"/{facebook.garden.id}/leadgen_forms", limit="1")}

    assert forms[facebook.english.id] == "ARCHIVED"
    assert forms[copied.id] == "ACTIVE"
    assert [one["id"] for one in page.get(f"/{facebook.english.id}/leads")["data"]] == [lead.id]
    assert page.get(f"/{copied.id}/leads")["data"] == []


def test_a_form_tells_its_questions_and_its_boxes(facebook: FacebookSimulator, graph: Graphs) -> None:
    boxes = [Checkbox("דיוור", "כן <b>", required=False)]
    form = facebook.add_form(facebook.garden, "x", "AR_AR", checkboxes=boxes, tracking={"source": "spring"})

    found = graph().get(
        f"/{form.id}", fields="questions,legal_content,locale,tracking_parameters,privacy_policy_url,page"
    )

    assert [one["type"] for one in found["questions"]] == ["FULL_NAME", "EMAIL", "PHONE", "CUSTOM"]
    assert found["questions"][3]["options"][0] == {"key": "k1", "value": "Less than 100 m²"}
    [box] = found["legal_content"]["custom_disclaimer"]["checkboxes"]
    assert (box["key"], box["text"], box["is_required"]) == ("דיוור", "כן <b>", False)
    assert found["tracking_parameters"] == {"source": "spring"}
    assert found["page"] == {"id": facebook.garden.id, "name": "Green Garden"}


def test_several_leads_are_read_at_once_or_none(facebook: FacebookSimulator, graph: Graphs) -> None:
    first, second = filled(facebook, 2)
    page = graph()

    found = page.get("/", ids=f"{first},{second}", fields="id,form_id")

    assert {name: one["id"] for name, one in found.items()} == {first: first, second: second}
    answer = page.ask("GET", "/", ids=f"{first},77")
    assert refused(answer) == (400, 803, 0)
    assert "77" in answer.json()["error"]["message"]
    assert refused(page.ask("GET", "/", ids=",".join(str(one) for one in range(51)))) == (400, 100, 0)
    assert facebook.spent(facebook.garden.id)["GET lead/"] == 3


def test_who_may_not_advertise_sees_no_ad(facebook: FacebookSimulator, graph: Graphs) -> None:
    ad = facebook.advertise(facebook.english, "Spring")
    lead = facebook.submit(facebook.english, {"full_name": "Dana"}, ad=ad)
    page = graph()
    whole = page.get(f"/{lead.id}", fields=EVERYTHING)

    facebook.faults.add("ad_fields_withheld")
    withheld = page.get(f"/{lead.id}", fields=EVERYTHING)
    again = page.get(f"/{lead.id}", fields=EVERYTHING)
    facebook.faults.add("ad_fields_refused")
    refusal = page.ask("GET", f"/{lead.id}", fields=EVERYTHING)
    without = page.get(f"/{lead.id}", fields="id,field_data,is_organic")
    facebook.lose_ad_account(facebook.system_user, facebook.account)

    assert whole.keys() - withheld.keys() == {
        "ad_id", "ad_name", "adset_id", "adset_name", "campaign_id", "campaign_name"
    }  # fmt: skip
    assert again == whole
    assert refused(refusal) == (400, 200, 0)
    assert without["is_organic"] is False
    assert page.get(f"/{lead.id}", fields=EVERYTHING) == withheld


def test_a_campaign_is_told_by_its_present_name(facebook: FacebookSimulator, graph: Graphs) -> None:
    ad = facebook.advertise(facebook.english, "Spring")
    lead = facebook.submit(facebook.english, {"full_name": "Dana"}, ad=ad)
    page = graph()
    before = page.get(f"/{lead.id}", fields="campaign_id,campaign_name")
    facebook.rename_campaign(facebook.campaign_of(ad), "Summer")

    after = page.get(f"/{lead.id}", fields="campaign_id,campaign_name")

    assert before["campaign_id"] == after["campaign_id"]
    assert (before["campaign_name"], after["campaign_name"]) == ("Spring", "Summer")
    assert [one["id"] for one in page.get(f"/{ad.id}/leads")["data"]] == [lead.id]


# -- test leads ------------------------------------------------------------------------------------------------------


def test_a_form_has_one_test_lead_with_dummy_words(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, where = graph(), f"/{facebook.english.id}/test_leads"

    made = page.post(where)["id"]
    found = {one["name"]: one["values"] for one in page.get(f"/{made}")["field_data"]}

    assert found["full_name"] == ["<test lead: dummy data for full_name>"]
    assert found["email"] == ["test@meta.com"]
    assert [one["id"] for one in page.get(where)["data"]] == [made]
    assert refused(page.ask("POST", where)) == (400, 1892058, 0)
    assert page.get(f"/{facebook.english.id}", fields="leads_count")["leads_count"] == 0
    assert page.delete(f"/{made}") == {"success": True}
    assert refused(page.ask("GET", f"/{made}")) == (400, 100, 33)
    told = '[{"name":"full_name","values":["דנה"]}]'
    again = page.post(
        where, field_data=told, custom_disclaimer_responses='[{"checkbox_key":"terms","is_checked":true}]'
    )
    assert page.get(f"/{again['id']}")["field_data"] == [{"name": "full_name", "values": ["דנה"]}]
    facebook.world.lists_test_leads = False
    assert page.get(f"/{facebook.english.id}/leads")["data"] == []


def test_what_people_sent_is_not_deleted(facebook: FacebookSimulator, graph: Graphs) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    page = graph()

    assert refused(page.ask("DELETE", f"/{lead.id}")) == (400, 10, 0)
    facebook.delete_lead(lead)
    assert refused(page.ask("GET", f"/{lead.id}")) == (400, 100, 33)


# -- odd pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [StreamFault.EMPTY_PAGE, StreamFault.REPLAY_PAGE, StreamFault.REORDER_PAGE, "same_twice"]
)
def test_pages_are_odd_on_command_and_nothing_is_missing(
    facebook: FacebookSimulator, graph: Graphs, fault: str
) -> None:
    ids = filled(facebook, 5)
    facebook.page(2)
    facebook.faults.add(f"{fault}=2")

    found = [one["id"] for one in graph().all(f"/{facebook.english.id}/leads", fields="id")]

    assert not facebook.faults.take(fault), "it never happened"
    assert set(found) == set(ids)
    assert (len(found) > 5) is (fault in (StreamFault.REPLAY_PAGE, "same_twice"))


def test_a_page_without_end_gives_the_same_cursor_again(facebook: FacebookSimulator, graph: Graphs) -> None:
    filled(facebook, 3)
    facebook.faults.add("endless_page=always")
    page, where = graph(), f"/{facebook.english.id}/leads"

    first = page.get(where)["paging"]
    second = page.get(where, after=first["cursors"]["after"])["paging"]

    assert first["cursors"] == second["cursors"]
    assert "next" in second


def test_a_cursor_is_forgotten_and_a_foreign_one_is_none(facebook: FacebookSimulator, graph: Graphs) -> None:
    filled(facebook, 3)
    page, where = graph(), f"/{facebook.english.id}/leads"
    after = page.get(where, limit="1")["paging"]["cursors"]["after"]
    facebook.faults.add("expire_cursor")

    assert refused(page.ask("GET", where, after=after)) == (400, 100, 0)
    assert refused(page.ask("GET", where, after="nonsense")) == (400, 100, 0)
    assert len(page.get(where, after=after)["data"]) == 2


def test_a_next_page_at_another_host(facebook: FacebookSimulator, graph: Graphs) -> None:
    filled(facebook, 3)
    facebook.faults.add("foreign_next")

    assert (
        graph()
        .get(f"/{facebook.english.id}/leads", limit="1")["paging"]["next"]
        .startswith("https://graph.example/v26.0/")
    )
