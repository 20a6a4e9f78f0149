"""Catalogs: their plural forms are the right ones, and they say what the source says."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from hub.settings import LANGUAGES
from hub.web.i18n import FOLDER, NAMES, PLURALS, direction, load

ROOT = Path(__file__).parents[3]
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None}  # as `make messages` has it
CATALOGS = [code for code in LANGUAGES if code != "en"]
PLACES = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def file_of(code: str) -> Path:
    return FOLDER / code / "LC_MESSAGES" / "messages.po"


def messages(code: str) -> list[Message]:
    with file_of(code).open("rb") as file:
        return [message for message in read_po(file, locale=code) if message.id]


def forms_of(message: Message) -> list[str]:
    """The translation in each of its forms."""
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


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
        texts = forms_of(message)
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
            assert all(forms_of(message)) or not any(forms_of(message)), message.id


def test_a_language_without_a_catalog_speaks_english(tmp_path: Path) -> None:
    assert load(tmp_path / "xx" / "LC_MESSAGES" / "messages.po").gettext("Sign in") == "Sign in"


def test_no_compiled_catalog_is_kept() -> None:
    assert not list(FOLDER.rglob("*.mo"))


@cache
def visible() -> dict[str, Message]:
    """Every text that `make messages` would collect now, by its msgid."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        rules, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # babel has types for most of it
    catalog = Catalog()
    for place, line, text, comments, context in extract_from_dir(ROOT, rules, options, KEYWORDS, directory_filter=ours):
        catalog.add(text, None, [(place, line)], auto_comments=comments, context=context)
    return {key(message): message for message in catalog if message.id}


def ours(folder: str) -> bool:
    """Leave out environments, state and everything hidden: other people's texts are not ours to translate."""
    return Path(folder).name not in {"var", "tests", "node_modules"} and not Path(folder).name.startswith((".", "_"))


def key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def places(text: str) -> list[str]:
    return sorted(name for found in PLACES.findall(text) for name in found if name)


def test_texts_are_found_in_pages_in_code_and_in_settings() -> None:
    files = {file for message in visible().values() for file, _ in message.locations}

    assert len(visible()) > 300
    assert any(file.endswith(".html") for file in files)
    assert any(file.startswith("hub/web/console/") for file in files)
    assert {file.split("/")[1] for file in files if file.startswith("connectors/")} == {
        file.parent.name for file in ROOT.glob("connectors/*/settings.py")
    }


@pytest.mark.parametrize("code", CATALOGS)
def test_every_text_is_translated_in_all_its_forms(code: str) -> None:
    known = {key(message): message for message in messages(code)}
    count = int(PLURALS[code][len("nplurals=")])
    missing = []
    for text, source in visible().items():
        found = known.get(text)
        if found is None or found.fuzzy or isinstance(found.id, str) != isinstance(source.id, str):
            missing.append(text)
            continue
        forms = forms_of(found)
        wanted = 1 if isinstance(found.id, str) else count
        if len(forms) != wanted or not all(form.strip() for form in forms):
            missing.append(text)

    assert not missing


@pytest.mark.parametrize("code", CATALOGS)
def test_every_form_has_the_places_of_its_source(code: str) -> None:
    wrong = []
    for message in messages(code):
        one, many = (message.id, message.id) if isinstance(message.id, str) else message.id
        for form in forms_of(message):
            # The form for one may say "one day"; a place may stand twice where the grammar wants it.
            lacks = set(places(many)) - set(places(form)) - ({"num"} if one is not many else set())
            if form and (lacks or set(places(form)) - set(places(many))):
                wrong.append((one, form))

    assert not wrong


@pytest.mark.parametrize("code", CATALOGS)
def test_no_text_is_kept_that_nobody_sees(code: str) -> None:
    assert sorted(key(message) for message in messages(code) if key(message) not in visible()) == []
