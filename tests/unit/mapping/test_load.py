from pathlib import Path
from typing import Any

import pytest

from hub.connector.dotted import parse_path
from hub.mapping.load import BadMappingError, Mapping, read_document, read_file, read_folder, read_toml
from hub.mapping.transforms import Registry

REGISTRY = Registry()

CONTACTS = """\
stream  = "contacts"
record  = "party"
version = 3

[fields]
remote_id = "id"
email     = { from = "properties.email", transform = ["trim", "lower"] }
full_name = { expr = "properties.first & ' ' & properties.last", required = true }

[fields.phone]
from      = "properties.phone"
transform = { name = "replace", old = "-" }
direction = "both"
conflict  = "newest"
write     = "if_empty"

[fields.status]
from       = "properties.status"
values     = { OPEN = "open", NEW = "new" }
unmapped   = "set_aside"
depends_on = "country"
"""


def read(text: str) -> Mapping:
    return read_toml(text, name="acme/contacts.toml", registry=REGISTRY)


def complaint(text: str) -> str:
    with pytest.raises(BadMappingError) as caught:
        read(text)
    return str(caught.value)


def test_every_setting_of_the_form_is_read() -> None:
    mapping = read(CONTACTS)
    assert (mapping.stream, mapping.record, mapping.version) == ("contacts", "party", 3)
    assert list(mapping.fields) == ["remote_id", "email", "full_name", "phone", "status"]
    phone = mapping.fields["phone"]
    assert (phone.from_, phone.direction, phone.conflict, phone.write) == (
        "properties.phone",
        "both",
        "newest",
        "if_empty",
    )
    assert [call.name for call in mapping.fields["email"].transform] == ["trim", "lower"]
    assert phone.transform[0].arguments == {"old": "-"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[fields]", "[fields", "acme/contacts.toml:5:8: "),
        ('"replace"', '"replaze"', "acme/contacts.toml:12:1: field phone: transform: there is no transform 'replaze'"),
        ("old =", "olt =", "acme/contacts.toml:12:1: field phone: transform: transform replace has no argument 'olt'"),
        ('old = "-"', "old = 1", "acme/contacts.toml:12:1: field phone: transform: transform replace, argument 'old'"),
        (', old = "-"', "", "acme/contacts.toml:12:1: field phone: transform: transform replace needs the argument"),
        ("conflict ", "conflikt ", "acme/contacts.toml:14:1: field phone: conflikt: there is no such setting"),
        ('"newest"', '"first"', "acme/contacts.toml:14:1: field phone: conflict: "),
        ('"both"', '"sideways"', "acme/contacts.toml:13:1: field phone: direction: "),
        ("properties.first &", "((properties.first &", "acme/contacts.toml:8:15: field full_name: expr: "),
        (
            "properties.email",
            "properties..email",
            "acme/contacts.toml:7:1: field email: 'properties..email' is no path",
        ),
        ("version = 3", "version = 0", "acme/contacts.toml:3:1: version: "),
        ('record  = "party"', "", "acme/contacts.toml: record: Field required"),
        ("stream ", "straem ", "acme/contacts.toml:1:1: straem: there is no such setting"),
        ("full_name = {", 'full_name = { from = "name",', "acme/contacts.toml:8:1: field full_name: give `from` or"),
        ('"contacts"', '"../etc"', "acme/contacts.toml:1:1: stream: "),
        ("OPEN =", "OPEN = {}, A =", "acme/contacts.toml:21:1: field status: depends_on: there is no field 'country'"),
        ("remote_id =", "'bad name' =", "field bad name"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, expected: str) -> None:
    assert CONTACTS.count(old) >= 1
    assert expected in complaint(CONTACTS.replace(old, new, 1))


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(BadMappingError) as caught:
        read(CONTACTS.replace('"newest"', '"first"').replace("write ", "wride "))
    assert [(problem.field, problem.line) for problem in caught.value.problems] == [("phone", 14), ("phone", 15)]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({}, "say where it comes from"),
        ({"from": "a", "unmapped": "pass"}, "`unmapped` speaks of `values`"),
        ({"expr": "a", "direction": "out"}, "needs `from`"),
        ({"from": "a", "depends_on": "f", "values": {"x": {"y": 1}}}, "depends on itself"),
        (7, "valid dictionary"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(rule: Any, problem: str) -> None:
    with pytest.raises(BadMappingError, match=problem):
        read_document({"stream": "s", "record": "r", "fields": {"f": rule}}, name="draft", registry=REGISTRY)


def test_fields_that_depend_on_each_other_are_refused() -> None:
    one = {"from": "a", "depends_on": "b", "values": {"x": {"y": 1}}}
    other = {"from": "b", "depends_on": "a", "values": {"x": {"y": 1}}}
    with pytest.raises(BadMappingError, match="depends on itself"):
        read_document({"stream": "s", "record": "r", "fields": {"a": one, "b": other}}, name="x", registry=REGISTRY)


@pytest.mark.parametrize("given", [None, [], "text", 5, {"fields": {}}])
def test_what_is_no_mapping_at_all_is_refused(given: Any) -> None:
    with pytest.raises(BadMappingError):
        read_document(given, name="x", registry=REGISTRY)


def test_stored_and_shipped_form_say_the_same() -> None:
    shipped = read(CONTACTS)
    stored = read_document(shipped.as_json(), name="acme/contacts.toml", registry=REGISTRY)
    assert stored.sha256 == shipped.sha256
    assert stored.fields == shipped.fields


def test_the_hash_follows_what_is_said_not_how() -> None:
    plain = 'stream = "s"\nrecord = "r"\n[fields]\na = "x"\nb = "y"\n'
    same = (
        '# other words\nrecord = "r"\nstream = "s"\n[fields.b]\nfrom = "y"\n[fields.a]\nfrom = "x"\nrequired = false\n'
    )
    other = plain.replace('"y"', '"z"')
    assert read(plain).sha256 == read(same).sha256 != read(other).sha256
    assert len(read(plain).sha256) == 64


def test_a_folder_is_read_by_connector_and_stream(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/contacts.toml").write_text(CONTACTS, encoding="utf-8")
    (tmp_path / "README.md").write_text("no mapping")
    found = read_folder(tmp_path)
    assert list(found) == [("acme", "contacts")]
    assert found["acme", "contacts"].file == "acme/contacts.toml"


def test_a_connector_brings_its_own_transforms(tmp_path: Path) -> None:
    def twice(value: Any) -> str:
        return str(value) * 2

    text = 'stream = "s"\nrecord = "r"\n[fields]\na = { from = "a", transform = "twice" }\n'
    for connector in ("acme", "other"):
        (tmp_path / connector).mkdir()
        (tmp_path / connector / "s.toml").write_text(text)
    with pytest.raises(BadMappingError) as caught:
        read_folder(tmp_path, registries={"acme": Registry({"twice": twice})})
    assert [problem.file for problem in caught.value.problems] == ["other/s.toml"]


def test_a_file_under_another_name_than_its_stream_is_refused(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/people.toml").write_text(CONTACTS, encoding="utf-8")
    with pytest.raises(BadMappingError, match="stream is 'contacts'"):
        read_folder(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a = " + b"[" * 50_000, b"x" * 1_000_001, b""])
def test_a_hostile_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    with pytest.raises(BadMappingError, match=r"s\.toml"):
        read_file(path, registry=REGISTRY)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadMappingError, match=r"gone\.toml"):
        read_file(tmp_path / "gone.toml", registry=REGISTRY)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("id", (("id", None),)),
        ("a.b.c", (("a", None), ("b", None), ("c", None))),
        ("lines.0.sku", (("lines", None), ("0", 0), ("sku", None))),
        ("lines.-1", (("lines", None), ("-1", -1))),
        ('p."a.b"."x[0]"', (("p", None), ("a.b", None), ("x[0]", None))),
        ('"0"', (("0", None),)),
        (r'"say \"hi\""', (('say "hi"', None),)),
        ("שם.first name", (("שם", None), ("first name", None))),
        ("@type.$id", (("@type", None), ("$id", None))),
    ],
)
def test_a_path_is_split_into_keys(path: str, parts: tuple[tuple[str, int | None], ...]) -> None:
    assert parse_path(path) == parts


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[0]", '"a', 'a"b"', '"a"b', "a b .c", "[", '""'])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        parse_path(path)
