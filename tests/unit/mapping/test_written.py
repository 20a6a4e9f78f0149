from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping import overlay
from hub.mapping.load import BadMappingError, Mapping, read_document, read_toml
from hub.mapping.overlay import read_overlay_toml, read_whole_toml
from hub.mapping.written import document_text, overlay_text
from tests.unit.mapping.documents import NAMES, REGISTRY, documents, rules

SOME = settings(max_examples=40)
ROOT = Path(__file__).parents[3]
BASE = {
    "stream": "contacts",
    "record": "party",
    "fields": {
        "remote_id": {"from": "id", "required": True},
        "country": "country",
        "state": {"from": "state", "depends_on": "country", "values": {"IL": {"1": "open"}}},
    },
}


def read(document: Any) -> Mapping:
    return read_document(document, name="acme/contacts.toml", registry=REGISTRY)


@SOME
@given(documents())
def test_what_is_written_is_read_as_the_same(document: dict[str, Any]) -> None:
    mapping = read(document)
    again = read_toml(document_text(mapping.as_json()), name="acme/contacts.toml", registry=REGISTRY)
    assert again.sha256 == mapping.sha256
    assert again.document == mapping.document


@SOME
@given(documents(), st.dictionaries(NAMES, st.one_of(st.none(), rules()), min_size=1, max_size=3))
def test_an_overlay_that_is_written_is_read_as_the_same(document: dict[str, Any], fields: dict[str, Any]) -> None:
    made = overlay.normal({"fields": fields}, is_overlay=True)
    assert made is not None
    under = read(document)
    try:
        overlay.read_over(under, made, name="draft")
    except BadMappingError:
        return  # it takes the last field away, or one that another depends on
    text = overlay_text(made, stream="contacts", record="party")
    assert read_overlay_toml(under, text, name="overlay.toml") == made


def test_it_looks_like_a_shipped_file() -> None:
    phone = {"from": 'p."a.b"', "transform": ["trim"], "direction": "both"}
    text = document_text(read({**BASE, "fields": {"remote_id": "id", "phone": phone}}).as_json())
    assert text.splitlines() == [
        'stream = "contacts"',
        'record = "party"',
        "",
        "[fields]",
        'remote_id = "id"',
        "",
        "[fields.phone]",
        "from = 'p.\"a.b\"'" if "'p." in text else 'from = "p.\\"a.b\\""',
        'transform = "trim"',
        'direction = "both"',
    ]


def test_nothing_in_a_list_of_values_has_no_text() -> None:
    with pytest.raises(ValueError, match="write an empty text"):
        document_text(read({**BASE, "fields": {"kind": {"from": "k", "values": {"a": None}}}}).as_json())


def test_every_shipped_file_survives_the_way_there_and_back() -> None:
    written_again = 0
    for file in sorted((ROOT / "mappings").glob("*/*.toml")):
        try:
            mapping = read_toml(file.read_text("utf-8"), name=file.name, registry=REGISTRY)
        except BadMappingError:
            continue  # its transforms are its connector's; test_readme.py reads all of them
        assert read_toml(document_text(mapping.as_json()), name=file.name, registry=REGISTRY).sha256 == mapping.sha256
        written_again += 1
    assert written_again > 20


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[fields]\nremote_id = "id"\n\n[fields.name]\nfrom = "n"\ncolour = "red"\n', "a.toml:6:1: field name: colour: there is no"),
        ('color = 1\n[fields]\nremote_id = "id"\n', "a.toml:1:1: color: there is no such setting: color"),
        ('[fields]\nname = { from = "n", transform = "fone" }\n', "a.toml:2:22: field name: transform: there is no transform 'fone'"),
        ('[fields.name]\nfrom = "n"\ncolour = "red"\n', "a.toml:3:1: field name: colour: there is no"),
        ('[fields]\nname = { from = "a..b" }\n', "a.toml:2:1: field name: 'a..b' is no path"),
        ("[fields\n", "a.toml:1:8: Expected"),
        ('record = "call"\n[fields]\nname = "n"\n', "a.toml:1:1: record: it stays 'party'"),
        ('without = ["name"]\n[fields]\nname = "n"\n', "a.toml:1:1: field name: the file says how it is made, and"),
        ('without = ["country"]\n', "field state: depends_on: there is no field 'country'"),
        ("without = [1]\n", "a.toml:1:1: without.0: Input should be a valid string"),
        ("", "fields: Dictionary should have at least 1 item"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_overlay_is_told_with_line_and_column(text: str, problem: str) -> None:
    with pytest.raises(BadMappingError) as caught:
        read_overlay_toml(read(BASE), text, name="a.toml")
    assert problem in str(caught.value)


def test_a_version_stays_of_its_stream_and_kind() -> None:
    text = 'stream = "people"\nrecord = "call"\n\n[fields]\nremote_id = "id"\n'
    with pytest.raises(BadMappingError) as caught:
        read_whole_toml(read(BASE), text, name="a.toml")
    assert [str(one) for one in caught.value.problems] == [
        "a.toml:1:1: stream: it stays 'contacts', whatever a version says",
        "a.toml:2:1: record: it stays 'party', whatever a version says",
    ]


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadMappingError, match="larger than"):
        read_whole_toml(read(BASE), "#" * 1_000_001, name="a.toml")
    with pytest.raises(BadMappingError, match="larger than"):  # bytes, not letters
        read_whole_toml(read(BASE), "#" + "ש" * 500_000, name="a.toml")
