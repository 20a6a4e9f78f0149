"""One row of a file, as its raw record, or why it is refused."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.imports.columns import Options
from hub.imports.models import What
from hub.imports.reading import Row
from hub.imports.rows import Shaped, Shaper, guarded, unguarded

AT = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = {
    "id": "id",
    "name": "name",
    "mobile": "phones",
    "mail": "emails",
    "born": "birthday",
    "tags": "groups",
    "c": "field.colour",
}
HISTORY = {"type": "kind", "at": "started_at", "way": "direction", "who": "people", "tel": "phones"}
TASKS = {"task": "title", "until": "due_at", "done": "done", "who": "people"}


def shape(
    what: What, columns: dict[str, str], *, options: Options | None = None, trouble: str = "", **cells: str
) -> Shaped:
    return Shaper(what, columns, options or Options(dates="dmy"), at=AT).shape(Row(2, cells, trouble))


def test_a_row_keeps_what_it_has_under_the_hubs_words_and_the_rest_beside() -> None:
    cells = {
        "id": "7",
        "name": "Dana",
        "mobile": "050-2345678",
        "mail": "a@example.com; b@example.com",
        "born": "1/2/1980",
        "tags": "vip, new",
        "c": "red",
        "shoe": "38",
        "none": "",
    }
    assert shape(What.PEOPLE, PEOPLE, **cells).payload == {
        "id": "7", "name": "Dana", "phones": [{"value": "050-2345678", "label": "mobile"}],
        "emails": [{"value": "a@example.com", "label": "mail"}, {"value": "b@example.com", "label": "mail"}],
        "birthday": "1980-02-01", "groups": ["vip", "new"], "fields": {"colour": "red"}, "other": {"shoe": "38"},
    }  # fmt: skip


def test_a_row_is_refused_with_its_reason() -> None:
    wrong: list[tuple[What, dict[str, str], dict[str, Any], str]] = [
        (What.PEOPLE, PEOPLE, {"shoe": "38"}, "nothing"),
        (What.PEOPLE, PEOPLE, {"id": "7"}, "nobody"),
        (What.PEOPLE, PEOPLE, {"name": "...", "id": "7"}, "nobody"),
        (What.PEOPLE, PEOPLE, {"name": "Dana", "born": "soon"}, "bad_date"),
        (What.PEOPLE, PEOPLE, {"name": "Dana", "id": "7" * 201}, "long_id"),
        (What.PEOPLE, PEOPLE, {"name": "Dana", "trouble": "bad_bytes"}, "bad_bytes"),
        (What.INTERACTIONS, HISTORY, {"type": "call", "who": "1"}, "no_time"),
        (What.INTERACTIONS, HISTORY, {"type": "call", "at": "1/2/2024"}, "no_party"),
        (What.TASKS, TASKS, {"until": "1/2/2024"}, "no_title"),
    ]
    for what, columns, cells, reason in wrong:
        assert shape(what, columns, **cells).reason == reason, cells
    assert shape(What.PEOPLE, PEOPLE, name="Dana", trouble="short_row").reason == "", "it is whole, and told of"


def test_what_happened_is_known_by_its_words_in_several_languages() -> None:
    for word, kind in [
        ("Call", "call"),
        ("פגישה", "meeting"),
        ("письмо", "email"),
        ("رسالة", "message"),
        ("notatka", "note"),
        ("Fax", "note"),
    ]:
        made = shape(What.INTERACTIONS, HISTORY, type=word, at="15/03/2024", tel="1", way="נכנסת").payload
        assert (made["kind"], made["direction"], made["started_at"]) == (kind, "inbound", "2024-03-15T00:00:00"), word
    assert shape(What.INTERACTIONS, HISTORY, type="Fax", at="1/2/2024", tel="1").payload["kind_said"] == "Fax"
    for word, done in [("yes", True), ("כן", True), ("Выполнено", True), ("1", True), ("no", False), ("open", False)]:
        made = shape(What.TASKS, TASKS, task="Call", until="1/2/2024", done=word).payload
        assert ("done_at" in made) is done, word


def test_a_row_without_an_id_has_the_same_one_every_time_and_links_only_from_a_real_one() -> None:
    options = Options(dates="dmy", link="https://old.example.com/?id={id}")
    first = shape(What.PEOPLE, PEOPLE, options=options, name="Dana  Levi", mobile="050-2345678", tags="a")
    other = shape(What.PEOPLE, PEOPLE, options=options, name="dana levi", mobile="050-2345678", tags="b")
    assert first.remote_id == other.remote_id != shape(What.PEOPLE, PEOPLE, name="Dana Levi").remote_id
    assert "source_url" not in first.payload
    assert (
        shape(What.PEOPLE, PEOPLE, options=options, id="a/b", name="D").payload["source_url"]
        == "https://old.example.com/?id=a%2Fb"
    )


@settings(max_examples=100)
@given(st.text(max_size=12))
def test_a_guarded_cell_is_no_formula_and_comes_back(cell: str) -> None:
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(guarded(cell)) == cell


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from([*PEOPLE, *HISTORY, "x"]), st.text(max_size=30), max_size=6))
def test_no_row_breaks_anything(cells: dict[str, str]) -> None:
    for what, columns in ((What.PEOPLE, PEOPLE), (What.INTERACTIONS, HISTORY), (What.TASKS, TASKS)):
        made = Shaper(what, columns, Options(dates="dmy"), at=AT).shape(Row(2, cells, ""))
        assert bool(made.reason) != bool(made.remote_id)
