"""Catalogs: their plural forms are the right ones, and they say what the source says."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from hub.settings import LANGUAGES
from hub.web.i18n import FOLDER, NAMES, PLURALS, direction, load

CATALOGS = [code for code in LANGUAGES if code != "en"]
PLACES = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def file_of(code: str) -> Path:
    return FOLDER / code / "LC_MESSAGES" / "messages.po"


def messages(code: str) -> list[Message]:
    with file_of(code).open("rb") as file:
        return [message for message in read_po(file, locale=code) if message.id]


def test_every_language_has_a_name_and_a_catalog() -> None:
    assert set(NAMES) == set(LANGUAGES)
    assert set(PLURALS) == set(CATALOGS)
    assert all(file_of(code).exists() for code in CATALOGS)
    assert [direction(code) for code in LANGUAGES] == ["ltr", "rtl", "rtl", "ltr", "ltr"]


@pytest.mark.parametrize("code", CATALOGS)
def test_the_plural_header_is_the_pinned_one(code: str) -> None:
    with file_of(code).open("rb") as file:
        assert read_po(file, locale=code).plural_forms == PLURALS[code]


# By CLDR; the columns are the numbers that go wrong with other headers.
FORMS = {
    #      0  1  2  5  11 22 47 100 102
    "he": [2, 0, 1, 2, 2, 2, 2, 2, 2],
    "ar": [0, 1, 2, 3, 4, 4, 4, 5, 5],
    "pl": [2, 0, 1, 2, 2, 1, 2, 2, 1],
    "ru": [2, 0, 1, 2, 2, 1, 2, 2, 1],
}


@pytest.mark.parametrize("code", CATALOGS)
def test_numbers_take_the_form_of_their_language(code: str, tmp_path: Path) -> None:
    count = int(PLURALS[code][len("nplurals=")])
    forms = "".join(f'msgstr[{n}] "form {n}"\n' for n in range(count))
    file = tmp_path / code / "LC_MESSAGES" / "messages.po"
    file.parent.mkdir(parents=True)
    head = file_of(code).read_text("utf-8").split("\n\n", 1)[0]
    file.write_text(f'{head}\n\nmsgid "one"\nmsgid_plural "many"\n{forms}', "utf-8")
    catalog = load(file)
    said = [catalog.ngettext("one", "many", n) for n in (0, 1, 2, 5, 11, 22, 47, 100, 102)]
    assert said == [f"form {n}" for n in FORMS[code]]


@pytest.mark.parametrize("code", CATALOGS)
def test_a_translation_names_what_its_source_names(code: str) -> None:
    wrong = []
    for message in messages(code):
        source = message.id if isinstance(message.id, str) else message.id[1]
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        places = {name for found in PLACES.findall(source) for name in found if name}
        for text in texts:
            used = {name for found in PLACES.findall(text) for name in found if name}
            # "one day" may do without its number
            if text and not (used <= places and places - used <= {"num"}):
                wrong.append((source, text))
    assert not wrong


@pytest.mark.parametrize("code", CATALOGS)
def test_no_translation_is_doubtful_or_half_done(code: str) -> None:
    for message in messages(code):
        assert not message.fuzzy, message.id
        if not isinstance(message.string, str):
            assert all(message.string) or not any(message.string), message.id


def test_a_language_without_a_catalog_speaks_english(tmp_path: Path) -> None:
    assert load(tmp_path / "xx" / "LC_MESSAGES" / "messages.po").gettext("Sign in") == "Sign in"


def test_no_compiled_catalog_is_kept() -> None:
    assert not list(FOLDER.rglob("*.mo"))
