"""Fields that administrators define, from the browser: list, form, lists that depend on each other, archiving."""

import html
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from hub.context import Hub
from hub.fields import edit
from hub.fields.definitions import Field, load
from hub.fields.models import Of
from hub.identity.models import Party
from hub.security.models import Audit, Role, User
from tests.fakes.browser import Browser, someone

FIELDS = "/admin/fields"
Given = dict[str, Any]


def fields(hub: Hub, of: Of = Of.PERSON) -> dict[str, Field]:
    with hub.db.read() as session:
        return dict(load(session).of(of))


def options(*rows: Given) -> Given:
    """Return the entries of a list as a form sends them."""
    named = {f"option-{place}-{name}": value for place, row in enumerate(rows) for name, value in row.items()}
    return {"options": str(len(rows)), **named}


def add(admin: Browser, of: str = "person", **given: Any) -> None:
    answer = admin.post(f"{FIELDS}/{of}", on=f"{FIELDS}/{of}/new", **_form(given))
    assert answer.status_code == 303, words(answer.text)


def _form(given: Given) -> Given:
    return {name.replace("_", "-") if name.startswith("label") else name: value for name, value in given.items()}


def named(label: str) -> Given:
    return {"label-en": label}


def words(page: str) -> str:
    """The words of a page, each run of blanks as one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def main(page: str) -> str:
    return words(page.partition("<main")[2])


def value(page: str, name: str) -> str:
    """What stands in an input of a page."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert found is not None, name
    shown = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(shown[1]) if shown else ""


def test_without_fields_the_page_says_what_they_are_for(admin: Browser) -> None:
    page = main(admin.get(FIELDS).text)
    assert page.count("There are none yet.") == 5
    assert "What the hub does not know by itself" in page
    assert 'href="/admin/fields" aria-current="page"' in admin.get(FIELDS).text


def test_a_field_is_defined_shown_and_changed(admin: Browser, hub: Hub) -> None:
    add(
        admin, label_en="Contract number", label_he="מספר חוזה", type="text", mask="pattern",
        pattern=r"[A-Z]{2}\d{4}", required="on", default="AB0001", roles=["manager"],
    )  # fmt: skip
    [field] = fields(hub).values()
    assert (field.name, field.mask, field.default, field.roles) == ("contract_number", "pattern", "AB0001", {"manager"})
    page = admin.get(FIELDS).text
    shown = main(page)
    assert "Contract number required contract_number Text [A-Z]{2}\\d{4} Manager, Administrator" in shown
    assert shown.count("There are none yet.") == 4
    where = f"{FIELDS}/{field.public_id}"
    form = admin.get(where).text
    assert value(form, "label-he") == "מספר חוזה"
    assert value(form, "default") == "AB0001"
    assert 'name="type"' not in form, "a type never changes"
    changed = {
        "label-en": "Contract",
        "seen": value(form, "seen"),
        "mask": "",
        "default": "",
        "field": str(field.public_id),
    }
    assert admin.post(where, on=where, **changed).status_code == 303
    [field] = fields(hub).values()
    assert (field.name, field.labels, field.mask, field.default) == ("contract_number", {"en": "Contract"}, "", None)
    with hub.db.read() as session:
        told = session.execute(select(Audit.action, Audit.actor).where(Audit.subject == "field")).all()
    assert [tuple(one) for one in told] == [
        ("field.added", "admin@example.com"),
        ("field.changed", "admin@example.com"),
    ]


def test_the_page_speaks_hebrew(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Contract", label_he="חוזה", type="text")
    with hub.db.write() as session:
        session.scalars(select(User)).one().language = "he"
    page = admin.get(FIELDS).text
    assert '<html lang="he" dir="rtl"' in page
    assert "<bdi>חוזה</bdi>" in page
    form = admin.get(f"{FIELDS}/person/new").text
    first = re.findall(r'id="(label-[a-z]{2})"', form)[0]
    assert first == "label-he", "the language of the page comes first"
    answer = admin.post(f"{FIELDS}/person", on=f"{FIELDS}/person/new", **{"label-he": "עיר", "type": "text"})
    assert answer.status_code == 303
    assert "field_1" in fields(hub), "a name is made without an English label, too"


def test_only_administrators_come_here(app: Flask, hub: Hub, admin: Browser) -> None:
    add(admin, label_en="Plan", type="text")
    where = f"{FIELDS}/{fields(hub)['plan'].public_id}"
    someone(hub, Role.MANAGER)
    manager = Browser(app)
    manager.sign_in("manager@example.com")
    for path in (FIELDS, f"{FIELDS}/person/new", where, f"{where}/archive"):
        assert manager.get(path).status_code == 403
    for path in (f"{FIELDS}/person", where, f"{where}/archive", f"{where}/up", f"{FIELDS}/person/form"):
        assert manager.post(path).status_code == 403
    assert list(fields(hub)) == ["plan"]


@pytest.mark.alike
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Write what the field is called"),
        ({"label-en": "Plan", "name": "remote_id"}, "The hub itself uses this name."),
        ({"label-en": "Plan", "name": "Plan A"}, "A name has small English letters"),
        ({"label-en": "Plan", "type": "blob"}, "Choose a type."),
        ({"label-en": "Plan", "mask": "pattern", "pattern": "ab(c"}, "look at character 3: missing )"),
        ({"label-en": "Plan", "mask": "pattern", "pattern": "(?=a)b"}, "look at character 1: invalid perl operator"),
        (
            {"label-en": "Plan", "mask": "iban", "default": "GB00"},
            "The default does not fit: This is not valid: Bank account",
        ),
        ({"label-en": "Plan", "type": "number", "default": "1,234"}, "This may be thousands or decimals."),
        ({"label-en": "Plan", "type": "choice"}, "Write at least one entry of the list."),
        ({"label-en": "Plan", "type": "choice", **options({"en": "A"}, {"pl": "a"})}, "are called the same."),
        (
            {"label-en": "Plan", "type": "choice", **options({"value": "a"}, {"value": "A"})},
            "This entry is there twice.",
        ),
        (
            {"label-en": "Plan", "type": "choice", "parent": "x", **options({"en": "A"})},
            "A list can only depend on a field",
        ),
        ({"label-en": "<b>\0", "roles": ["king"]}, "Choose one of the roles."),
        ({"label-en": "Plan", "type": "choice", "options": "9" * 30}, "Write at least one entry"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_what_was_typed_stays(
    admin: Browser, hub: Hub, given: dict[str, Any], said: str
) -> None:
    answer = admin.post(f"{FIELDS}/person", on=f"{FIELDS}/person/new", **{"type": "text", **given})
    assert answer.status_code == 422
    assert said in main(answer.text)
    assert value(answer.text, "label-en") == given.get("label-en", "").replace("\0", "")
    assert 'role="alert"' in answer.text
    assert fields(hub) == {}


def test_entries_are_written_in_rows_ordered_and_archived(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Size", type="choices", **options({"en": "Small", "pl": "Mały"}, {}, {"en": "Large"}))
    size = fields(hub)["size"]
    assert [one.value for one in size.options] == ["small", "large"]
    where = f"{FIELDS}/{size.public_id}"
    form = admin.get(where).text
    assert value(form, "option-0-pl") == "Mały"
    kept: Given = {"label-en": "Size", "seen": value(form, "seen"), "field": str(size.public_id)}
    rows = options({"kept": "small", "en": "Small"}, {"kept": "large", "en": "Large"})
    drawn = admin.post(f"{FIELDS}/person/form", on=where, act="down-0", **kept, **rows)
    assert drawn.status_code == 200
    assert [value(drawn.text, f"option-{n}-kept") for n in (0, 1)] == ["large", "small"]
    assert re.search(r'id="up-1"[^>]* autofocus', drawn.text), "the entry that moved keeps the focus"
    assert [one.value for one in fields(hub)["size"].options] == ["small", "large"], "nothing is saved yet"
    more = admin.post(f"{FIELDS}/person/form", on=where, act="more", **kept, **rows)
    assert value(more.text, "options") == "5"
    assert re.search(r'id="option-2-en"[^>]* autofocus', more.text)
    rows = options({"kept": "large", "en": "Large"}, {"en": "Huge"}, {"kept": "small", "en": "Tiny", "archived": "on"})
    assert admin.post(where, on=where, **kept, **rows).status_code == 303
    size = fields(hub)["size"]
    assert [(one.value, one.label("en"), one.is_archived) for one in size.options] == [
        ("large", "Large", False), ("huge", "Huge", False), ("small", "Tiny", True),
    ]  # fmt: skip
    assert "2 entries" in main(admin.get(FIELDS).text)


def test_a_list_that_depends_on_another_is_drawn_and_saved(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Land", type="choice", **options({"en": "Israel"}, {"en": "Poland"}))
    new = f"{FIELDS}/person/new"
    typed: Given = {
        "label-en": "Town",
        "type": "choice",
        "parent": "land",
        **options({"en": "Haifa"}, {"en": "Centre"}),
    }
    drawn = admin.post(f"{FIELDS}/person/form", on=new, htmx=True, **typed)
    assert drawn.status_code == 200
    assert "<html" not in drawn.text, "only what follows from the choice is drawn again"
    assert drawn.text.count('name="option-0-parents"') == 2
    assert value(drawn.text, "option-0-en") == "Haifa"
    add(admin, label_en="Town", type="choice", parent="land",
        **options({"en": "Haifa", "parents": ["israel"]}, {"en": "Centre"}))  # fmt: skip
    town = fields(hub)["town"]
    assert [one.value for one in town.offered("poland")] == ["centre"]
    assert "depends on Land" in main(admin.get(FIELDS).text)
    where = f"{FIELDS}/{fields(hub)['land'].public_id}"
    form = admin.get(where).text
    circle: Given = {"label-en": "Land", "seen": value(form, "seen"), "parent": "town"}
    answer = admin.post(where, on=where, **circle, **options({"kept": "israel", "en": "Israel"}))
    assert answer.status_code == 422
    assert "would depend on each other: land → town → land" in main(answer.text)
    page = main(admin.get(f"{where}/archive").text)
    assert "Town : depends on it, and will offer all of its entries." in page


def test_the_preview_shows_the_field_and_tries_a_value(admin: Browser, hub: Hub) -> None:
    typed: Given = {"label-en": "Tax number", "type": "text", "mask": "pl_nip", "required": "on"}
    new = f"{FIELDS}/company/new"
    where = f"{FIELDS}/company/form"
    good = admin.post(where, on=new, htmx=True, part="preview", sample="856-734-62-15", **typed).text
    assert "Tax number required" in words(good)
    assert "856-734-62-15 is kept as 8567346215" in words(good)
    bad = admin.post(where, on=new, htmx=True, part="preview", sample="856-734-62-16", **typed).text
    assert "This is not valid: Polish NIP, such as 856-734-62-15." in words(bad)
    whole = admin.post(where, on=new, sample="856-734-62-16", act="draw", **typed)
    assert "<html" in whole.text, "without scripts the whole page comes"
    assert "This is not valid: Polish NIP" in words(whole.text)
    for kind in ("number", "money", "date", "choice", "choices", "boolean", "phone", "email", "link", "blob"):
        drawn = admin.post(
            where, on=new, htmx=True, part="preview", sample="?", **{"type": kind, **options({"en": "A"})}
        )
        assert drawn.status_code == 200
    assert fields(hub, Of.COMPANY) == {}


def test_two_administrators_at_once(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Plan", type="text")
    where = f"{FIELDS}/{fields(hub)['plan'].public_id}"
    seen = value(admin.get(where).text, "seen")
    assert admin.post(where, on=where, seen=seen, **named("First")).status_code == 303
    late = admin.post(where, on=where, seen=seen, **named("Second"))
    assert late.status_code == 422
    assert "Somebody else has changed this field meanwhile." in main(late.text)
    assert value(late.text, "label-en") == "Second"
    assert admin.post(where, on=where, seen="never", **named("Third")).status_code == 422
    assert fields(hub)["plan"].label("en") == "First"


def test_archiving_says_what_happens_and_can_be_taken_back(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Plan", type="boolean")
    with hub.db.write() as session:
        for name, kept in (("Dana", {"plan": False}), ("Amir", {"plan": True}), ("Noa", {}), ("Rut", {"plan": None})):
            session.add(Party(name=name, fields=kept))
        session.add(Party(name="Firm", kind="company", fields={"plan": True}))
    where = f"{FIELDS}/{fields(hub)['plan'].public_id}"
    asked = main(admin.get(f"{where}/archive").text)
    assert "2 records have a value in it. The values stay where they are" in asked
    assert list(fields(hub)) == ["plan"], "asking changes nothing"
    assert admin.post(f"{where}/archive", on=f"{where}/archive").status_code == 303
    assert fields(hub) == {}
    page = main(admin.get(FIELDS).text)
    assert "1 archived field" in page
    with hub.db.read() as session:
        assert session.scalars(select(Party.fields).where(Party.name == "Amir")).one() == {"plan": True}
    assert admin.post(f"{where}/bring-back", on=FIELDS).status_code == 303
    assert list(fields(hub)) == ["plan"]


@pytest.mark.parametrize("of", list(Of))
def test_fields_of_every_kind_of_record_can_be_archived(admin: Browser, hub: Hub, of: Of) -> None:
    add(admin, of, label_en="Plan", type="text")
    assert "No record has a value in it." in main(
        admin.get(f"{FIELDS}/{fields(hub, of)['plan'].public_id}/archive").text
    )


def test_fields_are_put_in_order(admin: Browser, hub: Hub) -> None:
    for name in ("One", "Two", "Three"):
        add(admin, label_en=name, type="text")
    third = fields(hub)["three"].public_id
    assert admin.post(f"{FIELDS}/{third}/up", on=FIELDS).status_code == 303
    assert list(fields(hub)) == ["one", "three", "two"]
    assert admin.post(f"{FIELDS}/{third}/down", on=FIELDS).status_code == 303
    assert list(fields(hub)) == ["one", "two", "three"]


def test_a_dependency_on_an_archived_list_survives_a_change(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Land", type="choice", **options({"en": "Israel"}))
    add(admin, label_en="Town", type="choice", parent="land", **options({"en": "Haifa", "parents": ["israel"]}))
    land, town = fields(hub)["land"].public_id, fields(hub)["town"].public_id
    admin.post(f"{FIELDS}/{land}/archive", on=f"{FIELDS}/{land}/archive")
    form = admin.get(f"{FIELDS}/{town}").text
    assert re.search(r'<option value="land" selected', form)
    changed: Given = {"label-en": "City", "seen": value(form, "seen"), "parent": "land"}
    rows = options({"kept": "haifa", "en": "Haifa", "parents": ["israel"]})
    assert admin.post(f"{FIELDS}/{town}", on=f"{FIELDS}/{town}", **changed, **rows).status_code == 303
    admin.post(f"{FIELDS}/{land}/bring-back", on=FIELDS)
    assert fields(hub)["town"].parent == "land"
    assert fields(hub)["town"].options[0].parents == {"israel"}


def test_addresses_that_lead_nowhere(admin: Browser) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"
    for path in (f"{FIELDS}/{nowhere}", f"{FIELDS}/planet/new", f"{FIELDS}/{nowhere}/archive"):
        assert admin.get(path).status_code == 404
    for path in (f"{FIELDS}/{nowhere}", f"{FIELDS}/{nowhere}/up", f"{FIELDS}/{nowhere}/bring-back"):
        assert admin.post(path, seen="2026-01-01T00:00:00+00:00", **named("X")).status_code == 404
    assert admin.post(f"{FIELDS}/person/form", field="nonsense").status_code == 404


def test_a_field_in_the_database_that_nobody_could_have_made_is_shown(admin: Browser, hub: Hub) -> None:
    add(admin, label_en="Plan", type="text")
    with hub.db.write() as session:
        row = edit.row(session, fields(hub)["plan"].public_id)
        row.labels, row.mask, row.pattern = {"en": "\u202e<script>"}, "pattern", "("
    page = admin.get(FIELDS)
    assert page.status_code == 200
    assert "<script>" not in page.text.partition("<main")[2]
    assert "\u202e" not in page.text
    assert admin.get(f"{FIELDS}/{fields(hub)['plan'].public_id}").status_code == 200
