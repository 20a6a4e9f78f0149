"""The mapping editor without a script: every button posts the whole form and gets it back."""

import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import select

from hub import flow
from hub.context import Hub
from hub.identity.in_step import FIELDS
from hub.intake.models import Account, RawRecord
from hub.leads.models import LeadRow
from hub.mapping import versions
from hub.mapping.load import read_document
from hub.mapping.models import MappingVersion, Replay, ReplayStatus
from hub.mapping.versions import Scope
from hub.security.models import Audit, Role
from hub.store.base import now
from hub.web.console import mapping_form
from tests.e2e.mapping_desk import ADMIN, Desk, Page
from tests.fakes.browser import Browser, someone
from tests.fakes.leads import Forms

LEAD = Scope("webforms", "lead")
BUDGET = 'answers[key="budget"].values[0]'


@pytest.fixture
def desk(admin: Browser, hub: Hub) -> Desk:
    return Desk(admin, Forms(hub))


def answers(budget: str = "5000", **more: str) -> list[dict[str, Any]]:
    """What a form asked."""
    given = {"full_name": "Dana Levi", "phone": "052-234-5678", "budget": budget, **more}
    return [{"key": key, "label": key.replace("_", " ").title(), "values": [value]} for key, value in given.items()]


def live(hub: Hub, scope: Scope = LEAD) -> MappingVersion | None:
    with hub.db.read() as session:
        return versions.live(session, scope)


def draft(hub: Hub, scope: Scope = LEAD) -> MappingVersion | None:
    with hub.db.read() as session:
        return versions.draft(session, scope)


def audited(hub: Hub) -> list[str]:
    with hub.db.read() as session:
        return list(session.scalars(select(Audit.action).order_by(Audit.id)))


def changed_by_other(hub: Hub, **fields: Any) -> None:
    """Somebody else saves a draft."""
    shipped = hub.flow.mapping("webforms", "lead")
    document = shipped.as_json()
    document["fields"] = {**document["fields"], **fields}
    with hub.db.write() as session:
        seen = versions.seen(session, LEAD)
        versions.save_draft(session, ADMIN, LEAD, document, base=shipped.as_json(), expected_sha=seen)


def published(desk: Desk, page: Page, changed: dict[str, Any], **choice: Any) -> Page:
    """Publish what a page would say with other values."""
    desk.press(page, "publish", changed)
    ask = Page(desk.admin.get(f"{desk.path}/publish{desk.query}"))
    [seen] = ask.tree.xpath("//form[.//button[@id='publish']]//input[@name='seen']/@value")
    answer = desk.admin.post(f"{desk.path}/publish{desk.query}", **{"seen": seen, "again": "no", **choice})
    return Page(answer)


# --- from end to end ------------------------------------------------------------------------------------------------


def test_a_field_is_added_mapped_tried_published_and_run_again(desk: Desk, hub: Hub) -> None:
    desk.field("budget", "number", "Budget")
    desk.forms.answer(answers=answers("a lot"))
    desk.forms.answer(answers=answers("5000"))
    page = desk.open()
    assert page.rows()[0] == "remote_id", "what is required comes first"
    assert page.result("platform") == ("ok", "web")
    page = desk.press(page, "add", {"add-target": "budget", "add-source": f"={BUDGET}"})
    assert page.rows()[-1] == "budget"
    assert page.focus() == f"expr-{len(page.rows()) - 1}"
    assert page.result("budget") == ("ok", "5000")

    page = desk.press(page, "another")
    assert page.result("budget") == ("bad", "a lot This is no number.")
    assert "1 field does not fit this record: Budget budget" in page.words("//*[@id='said']")

    page = desk.press(page, "test:50")
    counts = page.words("//*[@id='tried']")
    assert "Tried on 2 stored records" in counts
    assert "1 would be set aside" in counts
    assert "1 would change" in counts
    assert "1 of them is taken by the mapping that counts now." in counts
    assert "Budget budget This is no number. ('a lot')" in counts, "the field by its label"
    [raw] = page.tree.xpath("(//*[@id='tried']//tbody)[1]/tr[1]/th/a/@href")
    assert desk.admin.get(raw.partition("localhost")[2] or raw).status_code == 200

    page = desk.press(page, "step-add:budget", {"budget:new-step": "digits"})
    at = len(page.rows()) - 1
    assert page.result("budget")[0] == "empty"
    assert page.focus() == f"s-{at}-0", re.findall(r"<[^>]*autofocus[^>]*>|<[^>]*step-remove[^>]*>", page.text)

    answer = desk.press(page, "publish")
    assert answer.status == 303
    ask = Page(desk.admin.get(f"{desk.path}/publish{desk.query}"))
    assert "1 field is made another way" in ask.words()
    assert "Budget budget added" in ask.words()
    assert "filled now, empty before" in ask.words()
    done = published(desk, page, {}, again="all", note="The budget of the form")
    assert done.status == 303
    assert live(hub) is not None
    told = Page(desk.admin.get(f"{desk.path}/runs{desk.query}")).words()
    assert "It is about to begin." in told
    assert desk.work() == 1
    told = Page(desk.admin.get(f"{desk.path}/runs{desk.query}")).words()
    assert "2 of 2 records" in told
    with hub.db.read() as session:
        assert [row.fields for row in session.scalars(select(LeadRow).order_by(LeadRow.id))] == [{}, {"budget": "5000"}]
    assert [one for one in audited(hub) if one.startswith(("mapping.", "replay."))] == [
        "mapping.drafted", "mapping.published", "replay.asked",
    ]  # fmt: skip
    assert "raw_record.seen" in audited(hub)
    listed = Page(desk.admin.get(f"{desk.path}/versions{desk.query}")).words()
    assert "The budget of the form" in listed
    assert "counts now" in listed
    assert "Version 1" in Page(desk.admin.get(f"{desk.forms.path}/mapping")).words()


def test_the_mapping_tab_leads_to_the_editor(desk: Desk) -> None:
    page = desk.admin.get(f"{desk.forms.path}/mapping")
    assert "As shipped" in page.text
    answer = desk.admin.get(f"{desk.forms.path}/mappings/lead")
    assert answer.status_code == 303
    assert answer.location == f"{desk.path}{desk.query}"
    assert desk.admin.get(f"{desk.forms.path}/mappings/nothing").status_code == 404
    for wrong in (
        "/mappings/webforms/nothing",
        "/mappings/nobody/lead",
        "/mappings/hub/call",
        f"{desk.path}?account=x",
    ):
        assert desk.admin.get(wrong).status_code == 404
    assert desk.admin.get("/mappings/asterisk/calls").status_code == 200, "calls go through the hub's own mapping"


def test_what_can_be_written_back_says_which_way_and_who_wins(desk: Desk) -> None:
    page = Page(desk.admin.get("/mappings/google/contacts"))
    posted = dict(page.values())
    assert (posted["phones:direction"], posted["phones:conflict"]) == ("both", "newest")
    shown = page.tree.xpath("//select[contains(@name, ':direction')]/@name")
    assert set(shown) == {f"{one}:direction" for one in FIELDS}, "and of other fields nothing is asked"


def test_only_administrators_see_mappings(desk: Desk, app: Flask, hub: Hub) -> None:
    for role in (Role.AGENT, Role.MANAGER):
        someone(hub, role)
        other = Browser(app)
        other.sign_in(f"{role}@example.com")
        for page in ("", "/publish", "/runs", "/versions", "/versions/compare", "/merge", "/files", "/export"):
            assert other.get(desk.path + page).status_code == 403, page
        for page in ("", "/preview", "/discard", "/publish", "/runs", "/versions/1/restore", "/merge", "/import"):
            assert other.post(desk.path + page).status_code == 403, page


# --- rows -----------------------------------------------------------------------------------------------------------


def test_a_broken_expression_is_told_at_its_row_with_the_place_and_the_others_go_on(desk: Desk) -> None:
    desk.forms.answer()
    page = desk.press(desk.open(), "look", {"language:how": "expr", "language:expr": "$uppercase(platform"})
    state, why = page.result("language")
    assert state == "bad"
    assert why == "The expression cannot be read, at character 19: Expected RightParen before end of expression"
    assert page.result("platform") == ("ok", "web")
    endless = {"language:how": "expr", "language:expr": "($f := function($n) { $f($n + 1) }; $f(1))"}
    assert desk.press(page, "look", endless).result("language") == (
        "bad", "The expression takes too long; it was stopped.",
    )  # fmt: skip
    refused = desk.press(page, "look", {"language:expr": "$now()"}).result("language")
    assert refused == ("bad", "“$now” is not allowed here: the same record must always give the same.")


def test_the_preview_is_a_part_that_changes_only_what_is_shown(desk: Desk, hub: Hub) -> None:
    desk.forms.answer()
    page = desk.press(desk.open(), "", {"platform:from": "form_name"}, to="/preview", htmx=True)
    assert page.status == 200
    assert "Every field fits this record." in page.words(".")
    outs = page.tree.xpath("//output")
    assert len(outs) == len(desk.open().rows())
    assert {one.get("hx-swap-oob") for one in outs} == {"true"}
    assert "Garden offer" in page.text
    assert draft(hub) is None
    assert desk.press(desk.open(), "", {}, to="/preview").status == 303, "without a script there is nothing to swap"


def test_steps_are_added_moved_and_taken_away(desk: Desk, hub: Hub) -> None:
    desk.forms.answer()
    page = desk.open()
    for step in ("upper", "truncate", "prefix"):
        page = desk.press(page, "step-add:platform", {"platform:new-step": step})
    assert "needs “length”" in page.result("platform")[1]
    page = desk.press(page, "look", {"platform:1:length": "2", "platform:2:text": "= "})
    assert page.result("platform") == ("ok", "web = WE")
    at = page.rows().index("platform")
    page = desk.press(page, "step-up:platform:2")
    assert [value for name, value in page.values() if name == "platform:step"] == ["upper", "prefix", "truncate"]
    assert page.focus() == f"up-{at}-1"
    assert page.result("platform") == ("ok", "web =")
    page = desk.press(page, "step-remove:platform:1")
    desk.press(page, "save")
    row = draft(hub)
    assert row is not None
    assert row.document["fields"]["platform"] == {
        "from": "platform", "transform": [{"name": "upper"}, {"name": "truncate", "length": 2}],
    }  # fmt: skip


def test_the_hubs_transforms_and_the_connectors_own_are_offered(desk: Desk) -> None:
    def offered(path: str) -> set[str]:
        page = Page(desk.admin.get(path))
        return set(page.tree.xpath("(//select[contains(@name, ':new-step')])[1]/option/@value"))

    forms, events, books = (
        offered(f"/mappings/{one}") for one in ("webforms/lead", "google/calendar", "xero/invoices")
    )
    assert {"upper", "phone"} <= forms & events & books
    assert {"attendees", "gmail_header"} <= events
    assert "xero_day" in books
    assert forms.isdisjoint({"attendees", "when", "original_start", "gmail_header", "xero_day"})
    assert books.isdisjoint({"attendees", "gmail_header"})


def test_a_list_of_values_offers_what_really_came(desk: Desk, hub: Hub) -> None:
    for count, budget in ((2, "high"), (1, "low")):
        for _ in range(count):
            desk.forms.answer(answers=answers(budget))
    page = desk.press(desk.open(), "add", {"add-target": "language", "add-source": f"={BUDGET}"})
    assert page.rows().count("language") == 1, "a row that is there stays as it is"
    page = desk.press(page, "values:language", {"language:how": "expr", "language:expr": BUDGET})
    assert page.buttons("value:language:") == ["value:language:high", "value:language:low", "value:language:"]
    page = desk.press(page, "value:language:high")
    at = page.rows().index("language")
    assert page.focus() == f"ours-{at}-0"
    page = desk.press(page, "look", {"language:ours": ["en", "", ""]})
    assert page.result("language") == ("bad", "low 'low' is not in the list of values.")
    page = desk.press(page, "look", {"language:unmapped": "pass"})
    assert page.result("language") == ("ok", "low")
    page = desk.press(
        page,
        "save",
        {
            "language:depends_on": "platform", "language:when": ["web", "web", "facebook"],
            "language:theirs": ["high", "low", "high"], "language:ours": ["en", "=12", "he"],
        },
    )  # fmt: skip
    row = draft(hub)
    assert row is not None
    assert row.document["fields"]["language"] == {
        "expr": BUDGET, "values": {"web": {"high": "en", "low": 12}, "facebook": {"high": "he"}}, "unmapped": "pass",
        "depends_on": "platform",
    }  # fmt: skip
    again = desk.open().values()
    assert sorted(value for name, value in again if name == "language:ours") == ["", "", "=12", "en", "he"]
    page = desk.press(desk.open(), "values-remove:language")
    assert "language:listed" not in dict(page.values())


def test_what_is_shipped_comes_back_as_it_was(hub: Hub) -> None:
    """Every shipped mapping goes through the form without loss."""
    for (connector, stream), shipped in hub.flow.mappings.items():
        document = shipped.as_json()
        made = mapping_form.document_of(mapping_form.rows_of(document), document, shipped.registry)
        again = read_document(made, name="x", registry=shipped.registry)
        assert again.sha256 == shipped.sha256, (connector, stream)


def test_suggestions_are_marked_and_never_touch_a_row_of_a_person(desk: Desk, hub: Hub) -> None:
    desk.field("budget", "number", "Budget")
    desk.field("move_date", "date", "Moving in")
    desk.forms.answer(answers=answers("5000", moving_in="2026-12-01"), ad_name="Spring")
    page = desk.press(desk.open(), "add", {"add-target": "budget", "add-source": "form_id"})
    page = desk.press(page, "suggest:")
    assert {"move_date", "ad_name"} <= set(page.rows())
    assert page.result("move_date") == ("ok", "2026-12-01")
    assert dict(page.values())["budget:from"] == "form_id"
    marked = {one.get("name") for one in page.tree.xpath("//input[contains(@name, ':suggested')]")}
    assert "move_date:suggested" in marked
    assert "budget:suggested" not in marked
    page = desk.press(page, "look", {"move_date:expr": "created_at"})
    assert "move_date:suggested" not in dict(page.values()), "it is the person's now"


def test_what_is_not_used_is_listed_searched_and_added_with_one_press(desk: Desk) -> None:
    desk.field("budget", "number", "Budget")
    desk.forms.answer(answers=answers("5000"), extra={"deep": {"x.y": "found me"}})
    page = desk.open()
    listed = page.words("//details[1]")
    assert BUDGET in listed
    assert 'extra.deep."x.y"' in listed
    page = desk.press(page, "find", {"find": "FOUND"})
    assert 'extra.deep."x.y"' in page.words("//details[1]")
    assert BUDGET not in page.words("//details[1]")
    [add] = page.buttons("take:")
    page = desk.press(page, add, {"take-1": "ad_name", "find": ""})
    assert page.result("ad_name") == ("ok", "found me")
    page = desk.press(page, "suggest:budget")
    assert page.result("budget") == ("ok", "5000")
    page = desk.press(page, "remove:budget")
    assert "budget" not in page.rows()


# --- drafts ---------------------------------------------------------------------------------------------------------


def test_somebody_elses_draft_is_told_and_nothing_is_overwritten(desk: Desk, hub: Hub) -> None:
    page = desk.open()
    changed_by_other(hub, ad_name="theirs")
    answer = desk.press(page, "save", {"language:from": "mine"})
    assert answer.status == 409
    assert "Nothing was overwritten" in answer.words()
    assert dict(answer.values())["language:from"] == "mine"
    row = draft(hub)
    assert row is not None
    assert row.document["fields"]["language"] == {"from": "language"}
    assert desk.press(answer, "save").status == 409, "asking again does not help"
    assert desk.press(answer, "over").status == 303
    row = draft(hub)
    assert row is not None
    assert row.document["fields"]["language"] == {"from": "mine"}
    assert "ad_name" not in row.document["fields"]


def test_a_draft_may_be_unfinished_but_is_not_published_so(desk: Desk, hub: Hub) -> None:
    page = desk.press(desk.open(), "add", {"add-target": "ad_name"})
    assert "Choose a source field" in page.result("ad_name")[1]
    assert desk.press(page, "save").status == 303
    assert "Choose a source field" in desk.open().result("ad_name")[1]
    told = published(desk, desk.open(), {})
    assert told.status == 422
    assert "ad_name: Choose a source field" in told.words()
    assert live(hub) is None
    row = draft(hub)
    assert row is not None
    answer = desk.admin.post(f"{desk.path}/discard{desk.query}", seen=row.sha256)
    assert answer.status_code == 303
    assert draft(hub) is None


def test_nothing_is_saved_that_counts_already(desk: Desk, hub: Hub) -> None:
    assert desk.press(desk.open(), "save").status == 303
    assert draft(hub) is None
    assert "There is no draft" in Page(desk.admin.get(f"{desk.path}/publish{desk.query}")).words()


def test_an_account_has_fields_of_its_own(desk: Desk, hub: Hub) -> None:
    other = Forms(hub, "Another page")
    desk.forms.answer(form_name="One")
    other.answer(form_name="Two")
    desk.query += "&own=1"
    assert published(desk, desk.open(), {"platform:from": "form_name"}).status == 303
    own = replace(LEAD, account_id=desk.forms.account)
    row = live(hub, own)
    assert row is not None
    assert row.document == {"fields": {"platform": {"from": "form_name"}}}
    assert live(hub) is None
    page = desk.open()
    assert "only here" in page.words("//*[@id='row-3']")
    with hub.db.read() as session:
        made = {}
        for forms in (desk.forms, other):
            account = session.get_one(Account, forms.account)
            raw = session.scalars(select(RawRecord).where(RawRecord.account_id == forms.account)).one()
            values = flow.values_of(hub.flow, session, account, "lead", raw.payload, raw.remote_id)
            made[account.name] = values["platform"]
    assert made == {"Our page": "One", "Another page": "web"}
    desk.query = desk.query.removesuffix("&own=1")
    assert "has some fields another way: platform" in desk.open().words()


# --- versions -------------------------------------------------------------------------------------------------------


def test_versions_are_compared_and_restored(desk: Desk, hub: Hub) -> None:
    desk.forms.answer()
    published(desk, desk.open(), {"platform:from": "form_name"}, note="one")
    published(desk, desk.open(), {"platform:from": "form_id"}, note="two")
    between = Page(desk.admin.get(f"{desk.path}/versions/compare{desk.query}&a=1&b=2")).words("//tbody")
    assert between == "platform changed form_name form_id"
    assert desk.admin.get(f"{desk.path}/versions/compare{desk.query}&a=1&b=9").status_code == 404
    ask = Page(desk.admin.get(f"{desk.path}/versions/1/restore{desk.query}"))
    assert "Restore version 1?" in ask.words()
    answer = desk.admin.post(f"{desk.path}/versions/1/restore{desk.query}", again="all")
    assert answer.status_code == 303
    row = live(hub)
    assert row is not None
    assert (row.number, row.document["fields"]["platform"]) == (3, {"from": "form_name"})
    assert desk.work() == 1
    again = desk.admin.post(f"{desk.path}/versions/3/restore{desk.query}", again="no")
    assert again.status_code == 422
    assert desk.admin.post(f"{desk.path}/versions/shipped/restore{desk.query}", again="no").status_code == 303
    assert live(hub) is None
    told = [one for one in audited(hub) if one.startswith("mapping.")]
    assert told[-2:] == ["mapping.restored", "mapping.shipped"]


def test_a_run_begins_at_a_day_and_is_cancelled(desk: Desk, hub: Hub) -> None:
    desk.forms.answer()
    desk.press(desk.open(), "save", {"platform:from": "form_id"})
    refused = published(desk, desk.open(), {}, again="since", since="")
    assert refused.status == 422
    assert "Give the day." in refused.words()
    assert live(hub) is None, "the draft waits with the question"
    day = (now() - timedelta(days=3)).date().isoformat()
    assert published(desk, desk.open(), {}, again="since", since=day).status == 303
    runs = desk.admin.get(f"{desk.path}/runs{desk.query}")
    [cancel] = re.findall(r'action="([^"]+/cancel[^"]*)"', runs.text)
    assert desk.admin.post(cancel.replace("&amp;", "&")).status_code == 303
    with hub.db.read() as session:
        row = session.scalars(select(Replay)).one()
        assert (row.status, row.stream) == (ReplayStatus.CANCELLED, "lead")
        assert row.since is not None
        assert timedelta(days=2) < now() - row.since < timedelta(days=5)
    assert "cancelled" in Page(desk.admin.get(f"{desk.path}/runs{desk.query}")).words()
    assert desk.admin.post(f"{desk.path}/runs{desk.query}", again="since", since="x").status_code == 422
    assert desk.admin.post(f"{desk.path}/runs{desk.query}", again="all").status_code == 303
    assert desk.work() == 1


def test_a_change_of_what_is_shipped_is_merged(desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    published(desk, desk.open(), {"platform:from": "mine", "language:from": "mine"})
    shipped = hub.flow.mapping("webforms", "lead")
    document = shipped.as_json()
    document["fields"] = {**document["fields"], "platform": {"from": "newer"}, "ad_name": {"from": "ad_name"}}
    newer = read_document(document, name=shipped.file, registry=shipped.registry)
    monkeypatch.setitem(cast("dict[tuple[str, str], Any]", hub.flow.mappings), ("webforms", "lead"), newer)
    assert "Merge the changes" in desk.open().words()
    assert "has changed" in Page(desk.admin.get(f"{desk.forms.path}/mapping")).words()
    page = Page(desk.admin.get(f"{desk.path}/merge{desk.query}"))
    assert "platform · from" in page.words("//fieldset")
    assert "ad_name added" in page.words("//tbody")
    [seen, under] = (
        page.tree.xpath(f"//form[.//button[@id='merge']]//input[@name='{name}']/@value")[0]
        for name in ("seen", "under")
    )
    decided: dict[str, Any] = {"seen": seen, "under": under, "conflict-0": "theirs"}
    other = desk.admin.post(f"{desk.path}/merge{desk.query}", **decided | {"under": "another"})  # it changed once more
    assert (other.status_code, "/merge" in other.location, draft(hub)) == (303, True, None)
    answer = desk.admin.post(f"{desk.path}/merge{desk.query}", **decided)
    assert answer.status_code == 303
    row = draft(hub)
    assert row is not None
    fields = row.document["fields"]
    assert (fields["platform"], fields["language"], fields["ad_name"]) == (
        {"from": "newer"}, {"from": "mine"}, {"from": "ad_name"},
    )  # fmt: skip
    assert row.base == newer.as_json()
    assert "Merge the changes" not in desk.open().words()


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_mapping_goes_out_as_a_file_and_comes_in_as_a_draft(desk: Desk, hub: Hub) -> None:
    files = f"{desk.path}/files{desk.query}"
    sent = desk.admin.get(f"{desk.path}/export{desk.query}&version=shipped")
    assert sent.headers["Content-Disposition"] == 'attachment; filename="webforms-lead-shipped.toml"'
    text = sent.text.replace('platform = "platform"', 'platform = "form_name"')

    def import_(given: str, **more: Any) -> Page:
        seen = Page(desk.admin.get(files)).tree.xpath("//input[@name='seen']/@value")[0]
        data = {"csrf_token": desk.admin.token("/settings"), "seen": seen, **more}
        if given:
            data["file"] = (BytesIO(given.encode()), "mine.toml")
        return Page(desk.admin.client.post(f"{desk.path}/import{desk.query}", data=data))

    bad = import_(text.replace('language = "language"', 'language = { fron = "x" }'))
    assert bad.status == 422
    line = text.splitlines().index('language = "language"') + 1
    assert f"Line {line}, column 1" in bad.words()
    assert "there is no such setting: fron" in bad.words()
    assert "language = { fron" in bad.tree.get_element_by_id("text").text_content()
    assert "Line 1, column 10" in import_("", text="stream = \n[fields]").words()
    assert draft(hub) is None
    assert import_(text).status == 303
    row = draft(hub)
    assert row is not None
    assert row.document["fields"]["platform"] == {"from": "form_name"}
    again = desk.admin.get(f"{desk.path}/export{desk.query}&version=draft").text
    assert 'platform = "form_name"' in again


# --- hostile --------------------------------------------------------------------------------------------------------


def test_a_record_of_two_thousand_fields_and_odd_keys_is_bearable(desk: Desk) -> None:
    odd = {f"k{number}.[{number}]\"x'": f"<b>{number}" for number in range(2000)}
    desk.forms.answer(odd=odd)
    page = desk.open()
    assert "Only the first 100 are shown." in page.words()
    assert "<b>1" not in page.text
    page = desk.press(page, "find", {"find": "1999"})
    [add] = page.buttons("take:")
    page = desk.press(page, add, {"take-1": "ad_name"})
    assert page.result("ad_name") == ("ok", "<b>1999")


POSTED: list[dict[str, Any]] = [
    {"row": "a" * 200},
    {"row": "1 bad name"},
    {"platform:step": ["nothing", "trim"], "platform:0:x": "y"},
    {"platform:how": "other", "platform:empty": "?", "platform:type": "?"},
    {"platform:listed": "1", "platform:theirs": ["a"], "platform:ours": [], "platform:depends_on": "platform"},
    {"platform:default": "=[[[", "platform:empty": "default"},
    {"platform:default": "=NaN", "platform:empty": "default"},
    {"platform:from": "a..b"},
    {"platform:how": "expr", "platform:expr": "(" * 3999},
    {"platform:from": "x\0y", "note": "\0"},
    {"sample": "no", "seen": "x" * 1000},
]
PRESSED = [
    "step-up:platform:99",
    "value:nothing:x",
    "take:9:=x",
    "remove:",
    "values:",
    "test:x",
    f"test:{'9' * 5000}",
    "step-up:platform:²",
    f"step-up:platform:{'9' * 5000}",
    "suggest:no such",
    "?",
]


def test_a_form_that_would_be_cut_is_neither_kept_nor_given_back(desk: Desk, hub: Hub) -> None:
    page = desk.open()
    targets = [*page.rows(), *(f"f{at}" for at in range(mapping_form.MOST_ROWS))]
    for do in ("look", "save"):
        answer = desk.press(page, do, {"row": targets})
        assert answer.status == 422
        assert "too large" in answer.words("//body")
        assert answer.rows() == []
    assert draft(hub) is None


def test_secrets_of_a_sample_are_masked_wherever_they_show(desk: Desk) -> None:
    desk.field("code", "text", "Code")
    desk.forms.answer(api_token="hush-hush", setup={"password": "hush-hush", "name": "seen"})
    page = desk.open()
    ways = {"row": [*page.rows(), "code"], "code:how": "from", "code:from": "api_token", "code:listed": "1"}
    expressions = {"platform:how": "expr", "platform:expr": "$uppercase(api_token)"}
    whole = {"language:from": "setup", "language:how": "from"}
    for changed in (ways, {**ways, "code:listed": None}, expressions, whole):
        for do in ("look", "test:50"):
            text = desk.press(page, do, changed).text
            assert "hush-hush" not in text.lower(), (changed, do)
            assert "***" in text


def test_whatever_is_posted_is_answered(desk: Desk) -> None:
    desk.forms.answer()
    page = desk.open()
    for posted in POSTED:
        for do in ("look", "save", "test:50"):
            answer = desk.press(page, do, posted)
            assert answer.status in (200, 303, 409, 422), (posted, do)
    for do in PRESSED:
        assert desk.press(page, do).status == 200, do
