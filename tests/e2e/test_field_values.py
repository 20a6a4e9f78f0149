"""Values of administrators' fields: in by a mapping, on the page, edited, through the API and in filters, type by type."""

import csv
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from hub.context import Hub
from hub.fields.edit import OptionDraft
from hub.fields.models import Of, Type
from hub.intake.models import RawState
from hub.security.models import Audit, Role
from hub.timeline.models import Interaction
from tests.e2e.field_world import PATHS, SIZES, FieldWorld, form_of, list_of, page_of
from tests.fakes.api import ApiClient
from tests.fakes.browser import Browser
from tests.fakes.exchange import FakeExchange

NAMES = ("note_text", "size_number", "budget", "since_day", "size", "colours", "vip", "second_phone", "second_email", "site",
         "secret", "region", "city", "old")  # fmt: skip
Given = dict[str, Any]
MONEY = {"amount": "1200.50", "currency": "ILS"}
# name, type; what a mapping brings and how it is kept; what the page shows; what somebody types and how that is kept; what
# a program sends; a filter that finds this and one that does not.
TABLE: tuple[tuple[str, Type, Any, Any, str, Given, Any, Any, str, str], ...] = (
    ("note_text", Type.TEXT, " Likes tea ", "Likes tea", "Likes tea", {"": "Likes coffee"}, "Likes coffee", "Ä green one", "ä GREEN", "tea"),
    ("size_number", Type.NUMBER, "12.50", "12.50", "12.50", {"": "13,5"}, "13.5", 14, ".from=14&.to=14", ".from=14.01"),
    ("budget", Type.MONEY, "1,200.50 ILS", MONEY, "₪1,200.50", {"": "7", ".currency": "eur"}, {"amount": "7.00", "currency": "EUR"},
     {"amount": "8.25", "currency": "EUR"}, ".from=8.25&.currency=eur", ".from=8.25&.currency=ILS"),
    ("since_day", Type.DATE, "23/11/2026", "2026-11-23", "Nov 23, 2026", {"": "2026-12-01"}, "2026-12-01", "2027-01-02",
     ".from=2027-01-02", ".to=2027-01-01"),
    ("size", Type.CHOICE, "Large", "large", "Large", {"": "small"}, "small", "large", "large", "small"),
    ("colours", Type.CHOICES, ["large", "Small"], ["small", "large"], "Small, Large", {"": ["large"]}, ["large"], ["small"], "small", "large"),
    ("vip", Type.BOOLEAN, "yes", True, "Yes", {"": "no"}, False, True, "yes", "no"),
    ("second_phone", Type.PHONE, "054-234-5678", "+972542345678", "tel:+972542345678", {"": "052-234-5679"}, "+972522345679",
     "+48 601 234 567", "601234", "5678"),
    ("second_email", Type.EMAIL, "Dana@Example.com", "dana@example.com", "mailto:dana@example.com", {"": "rut@example.com"},
     "rut@example.com", "yael@example.com", "YAEL@", "dana"),
    ("site", Type.LINK, "example.com/a", "https://example.com/a", 'href="https://example.com/a"', {"": "https://example.org"},
     "https://example.org", "https://example.net/x", "example.net", "example.org"),
)  # fmt: skip
# What is the business of pages and words, and not that of a database.
once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EVERY = (Of.PERSON, Of.LEAD, Of.CALL, Of.DOCUMENT)


@pytest.fixture
def world(hub: Hub, tmp_path: Path) -> FieldWorld:
    return FieldWorld(hub, tmp_path / "mappings", FakeExchange(), NAMES)


def options_of(type_: Type) -> Given:
    return {"options": SIZES} if type_ in {Type.CHOICE, Type.CHOICES} else {}


def hidden(page: str) -> Given:
    """What a form sends along unseen."""
    found = re.findall(r'name="(was\.\w+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def send(browser: Browser, form: str, typed: Given, **more: str) -> Any:
    """Open a form, type into it and send it; what is not typed stands as it stood."""
    page = browser.get(form).text
    given = {**standing(page), **hidden(page), **typed, **more}
    return browser.post(form, on=form, **given)


def standing(page: str) -> Given:
    """What stands in the inputs of a form."""
    given: dict[str, Any] = {}
    for tag in re.findall(r'<input[^>]*name="(?:f\.|name|company)[^>]*>', page):
        name, value = re.findall(r'name="([^"]*)"', tag)[0], html.unescape("".join(re.findall(r'value="([^"]*)"', tag)))
        if 'type="checkbox"' not in tag:
            given[name] = value
        elif " checked" in tag:
            given.setdefault(name, []).append(value)
    for name, body in re.findall(r'<select[^>]*name="(f\.[^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL):
        given[name] = "".join(re.findall(r'<option value="([^"]*)" selected', body))
    for name, body in re.findall(r'<textarea[^>]*name="(f\.[^"]*)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
        given[name] = html.unescape(body)
    return given


def query(prefix: str, name: str, wanted: str) -> str:
    """Write a filter of the table as an address has it."""
    if not wanted.startswith("."):
        return urlencode({f"{prefix}{name}": wanted})
    return "&".join(f"{prefix}{name}{part}" for part in wanted.split("&"))


def lists(world: FieldWorld, of: Of, asked: str) -> int:
    """How many records a list of the API has."""
    answer = world.agent.get(f"/{PATHS[of]}?{asked}")
    assert answer.status_code == 200, answer.text
    return len(answer.get_json()["items"])


@pytest.mark.parametrize("of", EVERY)
def test_every_type_comes_in_is_shown_edited_sent_and_found(world: FieldWorld, of: Of) -> None:
    for name, type_, *_ in TABLE:
        world.define(of, name, type_, **options_of(type_))
    state, why = world.give(of, "1", **{name: raw for name, _, raw, *_ in TABLE})
    assert (state, why) == (RawState.APPLIED, "")
    kept, public_id = world.kept(of, "1"), world.id(of, "1")
    assert {name: kept[name] for name, *_ in TABLE} == {name: value for name, _, _, value, *_ in TABLE}

    noa = world.browser()
    page = noa.get(page_of(of, public_id)).text
    bare = page + html.unescape(re.sub(r"<[^>]+>", "", page)).replace("\u200f", "").replace("\xa0", " ")
    for name, _, _, _, shown, *_ in TABLE:
        assert shown in bare, name
        assert name.replace("_", " ").title() in bare

    typed = {f"f.{name}{end}": value for name, _, _, _, _, given, *_ in TABLE for end, value in given.items()}
    answer = send(noa, form_of(of, public_id), typed)
    assert answer.status_code == 303, re.findall(r'<p class="err"[^>]*>([^<]*)', answer.text)
    kept = world.kept(of, "1")
    for name, _, _, _, _, _, value, *_ in TABLE:
        assert kept[name] == value, name

    change = {name: sent for name, _, _, _, _, _, _, sent, *_ in TABLE}
    answer = world.agent.patch(f"/{PATHS[of]}/{public_id}", {"fields": change})
    assert answer.status_code == 200, answer.text
    told = world.agent.get(f"/{PATHS[of]}/{public_id}").get_json()["fields"]
    assert told == {name: value for name, value in world.kept(of, "1").items() if name in change}
    assert told["second_phone"] == "+48601234567"

    world.give(of, "2")
    for name, *_, found, missed in TABLE:
        assert lists(world, of, query("field.", name, found)) == 1, name
        assert lists(world, of, query("field.", name, missed)) == 0, name
        called = {Of.PERSON: "Person 1", Of.LEAD: "Lead 1", Of.DOCUMENT: "Cedar", Of.CALL: "calls/"}[of]
        if of is not Of.DOCUMENT:
            shown = noa.get(f"{list_of(of)}?{query('f.', name, found)}&state=all", HX_Request="true").text
            assert (shown.count("data-row"), called in shown) == (1, True), name
            shown = noa.get(f"{list_of(of)}?{query('f.', name, missed)}&state=all", HX_Request="true").text
            assert shown.count("data-row") == 0, name
        else:
            assert noa.get(f"/documents?{query('f.', name, found)}", HX_Request="true").text.count("data-row") == 1, (
                name
            )

    world.give(
        of,
        "1",
        **{name: raw for name, _, raw, *_ in TABLE},
        outcome="answered",
        name="Other",
        gross="11.00",
    )
    world.again()
    assert {name: world.kept(of, "1")[name] for name in told} == told, "what people said, no source changes"


@once
@pytest.mark.parametrize("of", EVERY)
def test_what_a_field_does_not_take_waits_with_a_reason(world: FieldWorld, of: Of) -> None:
    world.define(of, "size_number", Type.NUMBER)
    state, why = world.give(of, "1", size_number="abc")
    assert state is RawState.SET_ASIDE
    assert why == "record 1: field size_number: this is no number: 'abc'"
    assert world.give(of, "1", size_number="7")[0] is RawState.APPLIED
    assert world.kept(of, "1")["size_number"] == "7"
    assert world.give(of, "1", size_number=None)[0] is RawState.APPLIED
    assert "size_number" not in world.kept(of, "1"), "its only source has nothing there any more"


@once
def test_what_nobody_defined_stays_as_it_was(world: FieldWorld) -> None:
    world.define(Of.PERSON, "size_number", Type.NUMBER)
    world.contact("1", note_text="hello", size_number="1")
    world.lead("1", note_text="hello")
    world.document("1", note_text="hello")
    assert world.kept(Of.LEAD, "1") == {}
    assert world.row(Of.DOCUMENT, "1").detail["more"] == {"note_text": "hello"}
    assert world.agent.get(f"/parties/{world.id(Of.PERSON, '1')}").get_json()["fields"]["note_text"] == "hello"


@once
@pytest.mark.parametrize("of", [Of.PERSON, Of.COMPANY, Of.LEAD, Of.CALL, Of.DOCUMENT])
def test_new_records_begin_with_defaults_and_archived_fields_keep_what_they_have(world: FieldWorld, of: Of) -> None:
    world.define(of, "size", Type.CHOICE, options=SIZES, default="small")
    old = world.define(of, "old", Type.TEXT)
    world.give(of, "1", old="before")
    assert world.kept(of, "1") | {"size": "small", "old": "before"} == world.kept(of, "1")
    world.archive(old)
    world.give(of, "1", old="after", size="large")
    assert world.kept(of, "1") | {"size": "large", "old": "before"} == world.kept(of, "1")
    world.give(of, "1", size="large", outcome="busy", gross="12.00")
    assert world.kept(of, "1")["old"] == "before"
    public_id = world.id(of, "1")
    assert "old" not in world.admin.get(f"/{PATHS[of]}/{public_id}").get_json()["fields"]
    assert "before" not in world.browser("adam@example.com").get(page_of(of, public_id)).text


@once
def test_an_archived_entry_of_a_list_does_not_hold_a_source_up(world: FieldWorld) -> None:
    drafts = [OptionDraft({"en": "Old"}, "old", is_archived=True), OptionDraft({"en": "New"}, "new")]
    world.define(Of.PERSON, "size", Type.CHOICE, drafts=drafts)
    assert world.contact("1", size="old")[0] is RawState.APPLIED
    answer = world.agent.patch(f"/parties/{world.id(Of.PERSON, '1')}", {"fields": {"size": "new"}})
    assert answer.get_json()["fields"]["size"] == "new"
    answer = world.agent.patch(f"/parties/{world.id(Of.PERSON, '1')}", {"fields": {"size": "old"}})
    assert (answer.status_code, answer.get_json()["field"]) == (422, "fields.size")


@once
def test_what_one_source_brought_another_does_not_blank(world: FieldWorld) -> None:
    world.define(Of.PERSON, "note_text", Type.TEXT)
    world.contact("1", name="Dana Levi", emails="dana@people.example", note_text="from one")
    world.account = world.connection("Others")
    world.contact("2", name="Dana Levi", emails="dana@people.example", note_text=None)
    assert world.id(Of.PERSON, "1") == world.id(Of.PERSON, "2")
    assert world.kept(Of.PERSON, "1")["note_text"] == "from one"


@once
class TestForm:
    def test_what_is_wrong_is_told_under_its_field_and_what_was_typed_stays(self, world: FieldWorld) -> None:
        world.define(Of.LEAD, "size_number", Type.NUMBER)
        world.define(Of.LEAD, "secret", Type.TEXT, mask="il_identity", required=True)
        world.lead("1")
        noa, form = world.browser(), form_of(Of.LEAD, world.id(Of.LEAD, "1"))
        answer = send(noa, form, {"f.size_number": "many", "f.secret": "123"})
        assert answer.status_code == 422
        for name, typed in (("size_number", "many"), ("secret", "123")):
            assert re.search(rf'id="field-{name}"[^>]*value="{typed}"[^>]*aria-invalid="true"', answer.text), name
            assert f'id="e-field-{name}"' in answer.text
        assert answer.text.count("autofocus") == 1
        assert send(noa, form, {"f.size_number": "5"}).status_code == 422, "what must be filled is asked for"
        assert world.row(Of.LEAD, "1").fields == {}
        assert send(noa, form, {"f.size_number": "5", "f.secret": "3933742-3"}).status_code == 303
        assert world.row(Of.LEAD, "1").fields == {"size_number": "5", "secret": "039337423"}
        assert world.row(Of.LEAD, "1").fields_here == ["secret", "size_number"]
        with world.hub.db.read() as session:
            told = session.scalars(select(Audit).where(Audit.action == "lead.fields_changed")).one()
            assert (told.user_id, told.detail) == (world.noa.id, {"fields": ["secret", "size_number"]})

    def test_two_people_do_not_write_over_each_other_unseen(self, world: FieldWorld) -> None:
        world.define(Of.PERSON, "note_text", Type.TEXT)
        world.define(Of.PERSON, "site", Type.LINK)
        world.contact("1", note_text="first")
        noa, public_id = world.browser(), world.id(Of.PERSON, "1")
        form = form_of(Of.PERSON, public_id)
        opened = noa.get(form).text
        world.manager.patch(f"/parties/{public_id}", {"fields": {"note_text": "second"}})
        given = {**standing(opened), **hidden(opened)}
        assert noa.post(form, on=form, **{**given, "f.site": "example.com"}).status_code == 303
        kept = world.kept(Of.PERSON, "1")
        assert (kept["note_text"], kept["site"]) == ("second", "https://example.com"), "what was not touched stays"
        answer = noa.post(form, on=form, **{**given, "f.note_text": "third"})
        assert answer.status_code == 422
        assert "third" in answer.text
        again = {**standing(answer.text), **hidden(answer.text)}
        assert noa.post(form, on=form, **again).status_code == 303
        assert world.kept(Of.PERSON, "1")["note_text"] == "third"

    def test_a_list_offers_what_goes_with_the_other_one(self, world: FieldWorld) -> None:
        world.define(Of.CALL, "region", Type.CHOICE, options=("north", "south"))
        cities = [OptionDraft({"en": "Haifa"}, "haifa", ("north",)), OptionDraft({"en": "Eilat"}, "eilat", ("south",))]
        world.define(Of.CALL, "city", Type.CHOICE, drafts=cities, parent="region")
        world.call("1", region="north", city="haifa")
        noa, form = world.browser(), form_of(Of.CALL, world.id(Of.CALL, "1"))
        opened = noa.get(form).text
        assert ("Haifa" in opened, "Eilat" in opened) == (True, False)
        assert 'hx-vals=\'{"look": "1"}\'' in opened
        drawn = send(noa, form, {"f.region": "south"}, look="1")
        assert drawn.status_code == 200
        assert "Eilat" in drawn.text
        assert world.kept(Of.CALL, "1")["region"] == "north", "only looked"
        wrong = send(noa, form, {"f.region": "south"})
        assert wrong.status_code == 422
        assert 'id="e-field-city"' in wrong.text
        assert send(noa, form, {"f.region": "south", "f.city": "eilat"}).status_code == 303
        assert world.kept(Of.CALL, "1") == {"region": "south", "city": "eilat"}

    def test_a_page_speaks_the_language_of_its_reader(self, world: FieldWorld) -> None:
        world.define(Of.DOCUMENT, "size", Type.CHOICE, options=SIZES, labels={"en": "Size", "he": "מידה"})
        world.document("1", size="small")
        noa = world.browser()
        noa.get("/")
        assert noa.post("/settings", name="Noa", language="he", time_zone="").status_code == 303
        page = noa.get(page_of(Of.DOCUMENT, world.id(Of.DOCUMENT, "1"))).text
        assert ("מידה" in page, "small בעברית" in page) == (True, True)

    def test_hostile_values_stay_harmless(self, world: FieldWorld) -> None:
        every = ["javascript:alert(1)", "<b>x</b>", "\u202eevil", "x" * 9000, "[" * 5000]
        for number, hostile in enumerate(every):  # before the fields are defined: of any shape
            world.contact(str(number), note_text=hostile, site=hostile, budget=hostile)
        for name, type_ in (("note_text", Type.TEXT), ("site", Type.LINK), ("budget", Type.MONEY)):
            world.define(Of.PERSON, name, type_)
        noa = world.browser()
        for number, hostile in enumerate(every):
            public_id = world.id(Of.PERSON, str(number))
            page = noa.get(page_of(Of.PERSON, public_id))
            assert page.status_code == 200
            assert 'href="javascript' not in page.text
            assert "<b>x</b>" not in page.text
            form = form_of(Of.PERSON, public_id)
            given = {f"was.{name}": hostile for name in ("note_text", "site", "budget")}
            answer = noa.post(form, on=form, name="Person 1", **given, **{"f.site": "javascript:alert(1)"})
            assert answer.status_code == 422
        assert lists(world, Of.PERSON, "field.budget.from=1") == 0

    def test_an_amount_that_nobody_can_write_out_breaks_no_page(self, world: FieldWorld) -> None:
        world.contact("1", budget={"amount": "1e99999999", "currency": "ILS"})  # before the field is defined
        world.define(Of.PERSON, "budget", Type.MONEY)
        page = world.browser().get(page_of(Of.PERSON, world.id(Of.PERSON, "1")))
        assert page.status_code == 200
        assert "1e99999999" in page.text


class TestRoles:
    """A field that is limited to managers, looked for in every place where an agent looks."""

    SECRET = "only-for-managers-7731"

    @pytest.fixture
    def limited(self, world: FieldWorld) -> FieldWorld:
        for of in (*EVERY, Of.COMPANY):
            # It came before anybody defined the field, as far as a source can say something without one; then after.
            world.give(of, f"early-{of}", secret=self.SECRET)
            world.define(of, "secret", Type.TEXT, roles=(Role.MANAGER,))
            world.give(of, f"late-{of}", secret=self.SECRET)
            world.caller = world.row(Of.PERSON, "late-person").id
        with world.hub.db.read() as session:
            call = session.scalars(
                select(Interaction).where(Interaction.kind == "call").order_by(Interaction.id)
            ).first()
            assert call is not None
            assert call.detail["secret"] == self.SECRET, "an early one is kept with what it brought"
        return world

    def test_it_is_in_no_page_answer_or_file_of_others(self, limited: FieldWorld) -> None:
        for role, email in ((Role.AGENT, "noa"), (Role.MANAGER, "maya"), (Role.ADMIN, "adam")):
            self.look(limited, role, limited.browser(f"{email}@example.com"), getattr(limited, role))

    def look(self, limited: FieldWorld, role: Role, browser: Browser, client: ApiClient) -> None:
        is_seen = role != Role.AGENT
        of_parties = (Of.PERSON, Of.COMPANY)
        customers = [str(limited.id(of, f"{when}-{of}")) for of in of_parties for when in ("early", "late")]
        seen: Callable[[str], bool] = lambda text: self.SECRET in text  # noqa: E731 - one line says it
        for of in (*EVERY, Of.COMPANY):
            for when in ("early", "late"):
                public_id = limited.id(of, f"{when}-{of}")
                pages = [page_of(of, public_id), form_of(of, public_id), list_of(of)]
                answers = [f"/{PATHS[of]}/{public_id}", f"/{PATHS[of]}"]
                if not is_seen:
                    assert not any(seen(browser.get(path).text) for path in pages), (of, when)
                    assert not any(seen(client.get(path).text) for path in answers), (of, when)
                elif when == "late":
                    assert seen(browser.get(pages[0]).text)
                    assert seen(browser.get(pages[1]).text)
                    assert all(seen(client.get(path).text) for path in answers), of
        for customer in customers:
            told = client.get(f"/parties/{customer}/timeline")
            assert not seen(told.text)
            if customer == customers[1]:
                assert [one["kind"] for one in told.get_json()["items"]].count("call") == 2
            assert seen(browser.get(f"/customers/{customer}").text) is is_seen
        file = browser.get("/documents.csv").text
        assert seen(file) is is_seen
        assert ("Secret" in next(csv.reader(io.StringIO(file)))) is is_seen
        assert ("secret" in [one["name"] for one in client.get("/fields").get_json()["items"]]) is is_seen

    def test_it_cannot_be_looked_for_or_changed_by_others(self, limited: FieldWorld) -> None:
        noa = limited.browser()
        for of in (*EVERY, Of.COMPANY):
            public_id = limited.id(of, f"late-{of}")
            every = lists(limited, of, "limit=50")
            assert every >= 2
            for name in ("secret", "no_such_field"):
                refused = limited.agent.get(f"/{PATHS[of]}?field.{name}={self.SECRET[:4]}")
                assert (refused.status_code, refused.get_json()["error_id"]) == (400, "bad_query")
                refused = limited.agent.patch(f"/{PATHS[of]}/{public_id}", {"fields": {name: "mine"}})
                assert (refused.status_code, refused.get_json()["error_id"]) == (422, "unknown_field")
                assert refused.get_json()["field"] == f"fields.{name}"
                # A page leaves it out and says so, whether it is there or not.
                page = noa.get(f"{list_of(of)}?f.{name}=only&state=all", HX_Request="true").text
                assert "were left out" in page
                assert page.count("data-row") == noa.get(f"{list_of(of)}?state=all", HX_Request="true").text.count(
                    "data-row"
                )
            given = {"was.secret": json.dumps(self.SECRET), "f.secret": "mine", "name": "A name"}
            noa.post(form_of(of, public_id), on="/settings", **given)
            assert limited.kept(of, f"late-{of}")["secret"] == self.SECRET
        assert limited.manager.get(f"/parties?field.secret={self.SECRET[:4]}").get_json()["items"]
        assert noa.get(f"/search?q={self.SECRET}").text.count("data-row") == 0
        caller = f"/customers/{limited.id(Of.PERSON, 'late-person')}"
        assert noa.get(f"{caller}?filters=on&find=missed", HX_Request="true").text.count("data-row") > 0
        assert noa.get(f"{caller}?filters=on&find={self.SECRET}", HX_Request="true").text.count("data-row") == 0

    def test_a_list_does_not_tell_what_is_chosen_in_one_that_is_hidden(self, world: FieldWorld) -> None:
        world.define(Of.PERSON, "region", Type.CHOICE, options=("north", "south"), roles=(Role.MANAGER,))
        cities = [OptionDraft({"en": "Haifa"}, "haifa", ("north",)), OptionDraft({"en": "Eilat"}, "eilat", ("south",))]
        world.define(Of.PERSON, "city", Type.CHOICE, drafts=cities, parent="region")
        world.contact("1", region="north", city="haifa")
        form = form_of(Of.PERSON, world.id(Of.PERSON, "1"))
        page = world.browser().get(form).text
        assert ("Haifa" in page, "Eilat" in page, "north" in page) == (True, True, False)
        assert "north" not in world.agent.get("/fields").text
        assert "north" in world.manager.get("/fields").text


class TestApi:
    @once
    def test_the_fields_are_described(self, world: FieldWorld) -> None:
        world.define(Of.LEAD, "size", Type.CHOICE, options=SIZES, required=True, default="small")
        world.define(Of.CALL, "vip", Type.BOOLEAN)
        every = world.agent.get("/fields").get_json()["items"]
        assert [(one["of"], one["name"], one["type"]) for one in every] == [
            ("lead", "size", "choice"),
            ("call", "vip", "boolean"),
        ]
        [one] = world.agent.get("/fields?of=lead").get_json()["items"]
        assert (one["required"], one["default"], [option["value"] for option in one["options"]]) == (
            True,
            "small",
            list(SIZES),
        )
        assert world.agent.get("/fields?of=dog").status_code == 400

    def test_a_new_party_has_them_from_the_beginning(self, world: FieldWorld) -> None:
        world.define(Of.COMPANY, "size", Type.CHOICE, options=SIZES, default="small")
        world.define(Of.COMPANY, "site", Type.LINK)
        made = world.agent.post("/parties", {"kind": "company", "name": "Cedar", "fields": {"site": "cedar.example"}})
        assert (made.status_code, made.get_json()["fields"]) == (
            201,
            {"size": "small", "site": "https://cedar.example"},
        )
        wrong = world.agent.post("/parties", {"kind": "person", "name": "Dana", "fields": {"site": "cedar.example"}})
        assert (wrong.status_code, wrong.get_json()["field"]) == (422, "fields.site")

    def test_what_cannot_be_is_named(self, world: FieldWorld) -> None:
        world.define(Of.PERSON, "size", Type.CHOICE, options=SIZES, required=True)
        world.define(Of.PERSON, "vip", Type.BOOLEAN)
        world.contact("1", size="small")
        path = f"/parties/{world.id(Of.PERSON, '1')}"
        for name, sent in (("size", "huge"), ("size", None), ("vip", "perhaps"), ("vip", {"a": 1}), ("vip", [True])):
            answer = world.agent.patch(path, {"fields": {name: sent}})
            assert (answer.status_code, answer.get_json()["error_id"]) == (422, "field_value"), sent
            assert answer.get_json()["field"] == f"fields.{name}"
        assert world.kept(Of.PERSON, "1")["size"] == "small"

    def test_a_filter_that_means_nothing_is_refused(self, world: FieldWorld) -> None:
        for name, type_, *_ in TABLE:
            world.define(Of.LEAD, name, type_, **options_of(type_))
        for asked in (
            "size_number.from=abc", "since_day.to=tomorrow", "vip=maybe", "vip.from=1", "=x", "budget.currency=XYZ",
            "size_number.between=1",
        ):  # fmt: skip
            assert world.agent.get(f"/leads?field.{asked}").status_code == 400, asked
            assert world.agent.get(f"/payments?field.{asked}").status_code == 400, asked
        for asked in ("field=x", "field=x&field.vip=yes", "field.vip=yes&field=x"):
            assert world.agent.get(f"/leads?{asked}").status_code == 400, asked

    def test_a_list_is_found_by_any_of_several_and_paged(self, world: FieldWorld) -> None:
        world.define(Of.LEAD, "size", Type.CHOICE, options=("small", "large", "huge"))
        for number, size in enumerate(("small", "large", "huge", "small", "huge")):
            world.lead(str(number), size=size)
        assert [len(page) for page in world.agent.pages("/leads?field.size=small&field.size=large", 2)] == [2, 1]
