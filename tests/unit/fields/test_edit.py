"""What administrators do to fields, on both databases."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from hub.errors import NotFoundError, UserError
from hub.fields import edit, incoming
from hub.fields.definitions import Field, Fields, load
from hub.fields.edit import Draft, OptionDraft
from hub.fields.models import FieldRow, Of, Type
from hub.security.models import Audit, Role
from hub.security.policy import Person
from hub.store.session import Database

ADMIN = Person(0, None, "admin@example.com", "Admin", Role.ADMIN)


class Desk:
    """An administrator's desk."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, label: str, type_: str = Type.TEXT, of: Of = Of.PERSON, **more: Any) -> UUID:
        draft = Draft(type_, {"en": label}, **more)
        with self.database.write() as session:
            return edit.create(session, ADMIN, of, draft, region="IL").public_id

    def add_list(self, label: str, *values: str, type_: str = Type.CHOICE, parent: str = "") -> UUID:
        return self.add(label, type_, parent=parent, options=[OptionDraft({"en": one}) for one in values])

    def change(self, public_id: UUID, **changes: Any) -> None:
        known = self.field(public_id)
        options = [OptionDraft(one.labels, one.value, tuple(one.parents), one.is_archived) for one in known.options]
        draft = Draft(
            known.type, known.labels, mask=known.mask, pattern=known.pattern, required=known.required,
            default=known.default, roles=tuple(known.roles), parent=known.parent, options=options,
        )  # fmt: skip
        with self.database.write() as session:
            edit.change(session, ADMIN, public_id, replace(draft, **changes), None, region="IL")

    def fields(self) -> Fields:
        with self.database.read() as session:
            return load(session)

    def field(self, public_id: UUID) -> Field:
        return next(one for of in Of for one in self.fields().every(of) if one.public_id == public_id)

    def names(self, of: Of = Of.PERSON) -> list[str]:
        return list(self.fields().of(of))

    def audit(self) -> list[tuple[str, dict[str, Any]]]:
        with self.database.read() as session:
            return [(one.action, one.detail) for one in session.scalars(select(Audit).order_by(Audit.id))]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def refused(act: Any, *given: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(UserError) as error:
        act(*given, **named)
    return error.value.error_id, error.value.field


def test_without_fields_there_are_none(desk: Desk) -> None:
    assert {of: dict(desk.fields().of(of)) for of in Of} == {of: {} for of in Of}
    assert desk.fields().get(Of.CALL, "x") is None


def test_a_field_is_defined_with_all_that_it_has(desk: Desk) -> None:
    made = desk.add(
        "Plate", mask="pattern", pattern=r"[A-Z]{2}\d{4}", required=True, default="AB1234", roles=["manager", "agent"]
    )
    found = desk.fields().of(Of.PERSON)["plate"]
    assert (found.public_id, found.type, found.label("he"), found.required) == (made, Type.TEXT, "Plate", True)
    assert (found.mask, found.pattern, found.default) == ("pattern", r"[A-Z]{2}\d{4}", "AB1234")
    assert found.roles == {"manager", "agent"}
    [(action, detail)] = desk.audit()
    assert (action, detail["name"], detail["of"]) == ("field.added", "plate", "person")


def test_who_sees_a_field(desk: Desk) -> None:
    desk.add("Open")
    desk.add("Closed", roles=["manager"])
    shown = {role: list(desk.fields().visible(Of.PERSON, role)) for role in Role}
    assert shown == {Role.AGENT: ["open"], Role.MANAGER: ["open", "closed"], Role.ADMIN: ["open", "closed"]}


def test_two_kinds_of_records_may_use_one_name_and_one_kind_may_not(desk: Desk) -> None:
    desk.add("Plan", name="plan")
    desk.add("Plan", name="plan", of=Of.LEAD)
    assert refused(desk.add, "Plan", name="plan") == ("field_taken", "name")
    desk.add("Plan")
    assert desk.names() == ["plan", "plan_2"]


@pytest.mark.alike
@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"name": "remote_id"}, ("field_reserved", "name")),
        ({"name": "Plan"}, ("field_name", "name")),
        ({"type_": "blob"}, ("field_type", "type")),
        ({"label": "\u202e "}, ("field_label", "label-en")),
        ({"label": "x" * 101}, ("field_long", "label-en")),
        ({"mask": "pattern", "pattern": "(a"}, ("field_pattern", "pattern")),
        ({"mask": "pattern"}, ("field_pattern", "pattern")),
        ({"mask": "iban", "type_": "date"}, ("field_mask", "mask")),
        ({"mask": "none such"}, ("field_mask", "mask")),
        ({"roles": ["king"]}, ("field_role", "roles")),
        ({"default": "x", "type_": "number"}, ("field_default", "default")),
        ({"default": "GB00", "mask": "iban"}, ("field_default", "default")),
        ({"type_": "choice"}, ("no_options", "option-0-en")),
        ({"type_": "choice", "options": [OptionDraft({"en": " "})]}, ("no_options", "option-0-en")),
        ({"type_": "choice", "options": [OptionDraft({"en": "A"})], "default": "b"}, ("field_default", "default")),
        ({"type_": "choice", "options": [OptionDraft({"en": "A"})], "parent": "nobody"}, ("field_parent", "parent")),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    desk: Desk, more: dict[str, Any], wrong: tuple[str, str]
) -> None:
    given = {"label": "Plan", **more}
    assert refused(desk.add, **given) == wrong
    assert desk.names() == []
    assert desk.audit() == []


def test_what_changes_is_in_the_audit_and_what_does_not_change_is_not(desk: Desk) -> None:
    plan = desk.add("Plan", default="free")
    desk.change(plan)
    desk.change(plan, labels={"en": "Plan", "he": "תכנית"}, required=True)
    [_, (action, detail)] = desk.audit()
    assert action == "field.changed"
    assert detail["changed"] == {"labels": [{"en": "Plan"}, {"en": "Plan", "he": "תכנית"}], "required": [False, True]}
    assert desk.field(plan).default == "free"


def test_type_and_name_never_change(desk: Desk) -> None:
    plan = desk.add("Plan")
    desk.change(plan, type=Type.NUMBER, name="other")
    assert (desk.field(plan).name, desk.field(plan).type) == ("plan", Type.TEXT)


def test_two_administrators_do_not_overwrite_each_other(desk: Desk) -> None:
    plan = desk.add("Plan")
    with desk.database.read() as session:
        seen = edit.row(session, plan).changed_at
    with desk.database.write() as session:
        edit.change(session, ADMIN, plan, Draft(Type.TEXT, {"en": "First"}), seen)

    def late() -> None:
        with desk.database.write() as session:
            edit.change(session, ADMIN, plan, Draft(Type.TEXT, {"en": "Second"}), seen)

    assert refused(late) == ("field_changed", "labels")
    assert desk.field(plan).label("en") == "First"


def test_a_clock_that_stands_still_hides_no_change(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = desk.add("Plan")
    with desk.database.read() as session:
        at = edit.row(session, plan).changed_at
    monkeypatch.setattr(edit, "now", lambda: at - timedelta(seconds=5))
    desk.change(plan, required=True)
    with desk.database.read() as session:
        assert edit.row(session, plan).changed_at > at


def test_a_change_that_is_committed_after_a_later_one_is_noticed_too(desk: Desk) -> None:
    first, _ = desk.add("First"), desk.add("Second", of=Of.LEAD)
    with desk.database.read() as session:
        before = incoming.mark(session)
    with desk.database.write() as session:
        row = edit.row(session, first)
        row.changed_at += timedelta(microseconds=1)  # still before the second
    with desk.database.read() as session:
        assert incoming.mark(session) != before


def test_another_order_disturbs_nobody_who_is_writing(desk: Desk) -> None:
    first, second, third = desk.add("One"), desk.add("Two"), desk.add("Three")
    with desk.database.read() as session:
        seen = {one.public_id: one.changed_at for one in session.scalars(select(FieldRow))}
    with desk.database.write() as session:
        edit.move(session, ADMIN, third, up=True)
        edit.move(session, ADMIN, first, up=True)  # it is the first already
    assert desk.names() == ["one", "three", "two"]
    with desk.database.write() as session:
        edit.change(session, ADMIN, second, Draft(Type.TEXT, {"en": "Zwei"}), seen[second])
    assert desk.field(second).label("en") == "Zwei"


def test_an_archived_field_is_there_and_counts_no_more_until_it_comes_back(desk: Desk) -> None:
    plan = desk.add("Plan")
    for _ in range(2):
        with desk.database.write() as session:
            edit.archive(session, ADMIN, plan)
    assert desk.names() == []
    assert desk.fields().get(Of.PERSON, "plan") is None
    assert desk.field(plan).is_archived
    assert refused(desk.add, "Plan", name="plan") == ("field_taken", "name")
    for _ in range(2):
        with desk.database.write() as session:
            edit.bring_back(session, ADMIN, plan)
    assert desk.names() == ["plan"]
    assert [action for action, _ in desk.audit()] == ["field.added", "field.archived", "field.brought_back"]


@pytest.mark.parametrize("act", [edit.archive, edit.bring_back])
def test_what_is_not_there_is_not_found(desk: Desk, act: Any) -> None:
    with pytest.raises(NotFoundError), desk.database.write() as session:
        act(session, ADMIN, uuid4())


def test_there_is_an_end_to_the_number_of_fields(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "MOST_FIELDS", 2)
    desk.add("One")
    desk.add("Two")
    assert refused(desk.add, "Three") == ("too_many_fields", "name")


# --- lists ------------------------------------------------------------------------------------------------------------


def values(desk: Desk, public_id: UUID) -> list[str]:
    return [one.value for one in desk.field(public_id).options]


def test_entries_are_added_renamed_ordered_and_archived_and_never_lost(desk: Desk) -> None:
    size = desk.add_list("Size", "Small", "Large")
    assert values(desk, size) == ["small", "large"]
    desk.change(
        size,
        options=[
            OptionDraft({"en": "Huge"}),
            OptionDraft({"en": "Very large", "pl": "Duży"}, "large"),
            OptionDraft({"en": ""}),
        ],
    )
    assert values(desk, size) == ["huge", "large", "small"], "what the form did not name stays, behind the others"
    assert desk.field(size).options[1].label("pl") == "Duży"
    desk.change(size, options=[OptionDraft({"en": "Large"}, "large", is_archived=True)])
    assert [one.value for one in desk.field(size).offered()] == ["huge", "small"]
    assert desk.audit()[-1][1]["changed"]["option large"][1]["archived"] is True


@pytest.mark.alike
@pytest.mark.parametrize(
    ("labels", "made"),
    [
        (["Red", "Red wine"], ["red", "red_wine"]),
        (["A & B", "A + B"], ["a_b", "a_b_2"]),
        (["!!!", "???"], ["!!!", "???"]),
        (["x; y"], ["x_y"]),
        (["Ł" * 100], [("Ł" * 95)]),
    ],
)
def test_values_are_made_of_labels(desk: Desk, labels: Sequence[str], made: list[str]) -> None:
    assert values(desk, desk.add_list("Kind", *labels)) == made


@pytest.mark.alike
@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ([OptionDraft({}, "a;b")], ("option_value", "option-0-value")),
        ([OptionDraft({}, "a"), OptionDraft({}, "A")], ("option_twice", "option-1-value")),
        ([OptionDraft({}, "a"), OptionDraft({}, "a")], ("option_twice", "option-1-value")),
        ([OptionDraft({"en": "X"}, "a"), OptionDraft({"pl": " x "}, "b")], ("option_label", "option-1-en")),
        ([OptionDraft({"en": "X"}, "a"), OptionDraft({"en": "A"}, "b")], ("option_label", "option-1-en")),
        ([OptionDraft({"en": "x" * 101}, "a")], ("field_long", "option-0-en")),
        ([OptionDraft({}, "x" * 101)], ("field_long", "option-0-value")),
    ],
)
def test_entries_that_cannot_be_are_refused(desk: Desk, options: Sequence[OptionDraft], wrong: tuple[str, str]) -> None:
    assert refused(desk.add, "Kind", Type.CHOICE, options=options) == wrong


def test_an_archived_entry_may_be_called_as_another(desk: Desk) -> None:
    kind = desk.add_list("Kind", "One")
    desk.change(kind, options=[OptionDraft({"en": "One"}, "one", is_archived=True), OptionDraft({"en": "One"}, "uno")])
    assert [one.value for one in desk.field(kind).offered()] == ["uno"]


def test_a_list_depends_on_another(desk: Desk) -> None:
    desk.add_list("Land", "Israel", "Poland")
    city = desk.add(
        "Place", Type.CHOICES, parent="land",
        options=[OptionDraft({"en": "Haifa"}, parents=["israel"]), OptionDraft({"en": "Centre"}, "c1", ["israel"]),
                 OptionDraft({"en": "Centre"}, "c2", ["poland"]), OptionDraft({"en": "Other"})],
    )  # fmt: skip
    assert [one.value for one in desk.field(city).offered("poland")] == ["c2", "other"]
    assert refused(desk.change, city, default="Other") == ("field_default_parent", "default")
    wrong = [OptionDraft({"en": "Haifa"}, "haifa", ["narnia"])]
    assert refused(desk.change, city, options=wrong) == ("option_parent", "option-0-parents")
    assert refused(desk.change, city, parent="") == ("option_label", "option-2-en"), "now both can be chosen"
    land = desk.fields().of(Of.PERSON)["land"].public_id
    with desk.database.write() as session:
        edit.archive(session, ADMIN, land)
    assert desk.field(city).parent == ""
    assert len(desk.field(city).offered()) == 4
    with desk.database.write() as session:
        edit.bring_back(session, ADMIN, land)
    assert desk.field(city).parent == "land"


def test_only_one_choice_of_the_same_kind_of_record_can_be_depended_on(desk: Desk) -> None:
    desk.add_list("Many", "A", type_=Type.CHOICES)
    desk.add("Text")
    desk.add("Stage of it", Type.CHOICE, Of.LEAD, options=[OptionDraft({"en": "A"})])
    for name in ("many", "text", "stage_of_it"):
        assert refused(desk.add_list, "Child", "B", parent=name) == ("field_parent", "parent")


def test_lists_that_depend_on_each_other_are_refused_and_named(desk: Desk) -> None:
    first = desk.add_list("First", "A")
    desk.add_list("Second", "B", parent="first")
    desk.add_list("Third", "C", parent="second")
    with pytest.raises(UserError, match="each other: first → third → second → first") as error:
        desk.change(first, parent="third")
    assert (error.value.error_id, error.value.field) == ("field_circle", "parent")
    assert refused(desk.change, first, parent="first") == ("field_circle", "parent")
    assert desk.field(first).parent == ""
    desk.change(first, labels={"en": "Erste"})
    desk.add_list("Fourth", "D", parent="third")
    assert desk.fields().of(Of.PERSON)["fourth"].parent == "third"


def test_a_circle_that_stands_in_the_database_stops_nothing(desk: Desk) -> None:
    first, second = desk.add_list("First", "A"), desk.add_list("Second", "B", parent="first")
    with desk.database.write() as session:
        edit.row(session, first).parent_id = edit.row(session, second).id
    third = desk.add_list("Third", "C")
    desk.change(third, parent="second")
    assert desk.field(third).parent == "second"


def test_a_draft_shows_how_a_field_will_look() -> None:
    draft = Draft("choice", {"en": "Size"}, options=[OptionDraft({"en": "Small"}), OptionDraft({"en": ""})])
    shown = edit.drafted(Of.PERSON, draft)
    assert [one.label("en") for one in shown.offered()] == ["Small"]
    assert edit.drafted(Of.PERSON, Draft("nonsense", {}, default="x")).type is Type.TEXT
    assert edit.drafted(Of.PERSON, Draft("number", {}, default="x")).default is None
    assert edit.drafted(Of.PERSON, Draft("boolean", {}, default="no")).default is False
