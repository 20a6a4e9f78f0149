"""Languages: catalogs read from their .po files, and whose language, direction and time zone a page has."""

import threading
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, request
from flask_babel import Babel, Domain, get_locale
from markupsafe import Markup

from hub.settings import LANGUAGES
from hub.web import auth, clock
from hub.web.folding import Spoken
from hub.web.frame import current_hub

FOLDER = Path(__file__).parent / "translations"
COOKIE = "lang"
CATALOG = "catalog"  # of the page that is being made, in Flask's `g`
NAMES: Mapping[str, str] = MappingProxyType(
    {"en": "English", "he": "עברית", "ar": "العربية", "pl": "Polski", "ru": "Русский"}
)
RIGHT_TO_LEFT = frozenset({"he", "ar"})
# `pybabel init` gives Hebrew no dual and swaps the last two Arabic forms against CLDR; these are written in the
# catalogs and compared by a test. Source: https://cldr.unicode.org/index/cldr-spec/plural-rules
PLURALS: Mapping[str, str] = MappingProxyType(
    {
        "he": "nplurals=3; plural=(n==1 ? 0 : n==2 ? 1 : 2);",
        "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
        "pl": "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
        "ru": (
            "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
        ),
    }
)


class Catalogs(Domain):  # type: ignore[misc]  # Flask-Babel ships no types
    """Translations straight from the .po files, so that no compiled copy can be out of date."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(str(folder))
        self._folder = folder
        self._read: dict[str, NullTranslations] = {}
        self._lock = threading.Lock()

    def get_translations(self) -> NullTranslations:
        """Return the catalog of the page's language; it is read at first use."""
        locale = get_locale()
        language = locale.language if locale else "en"
        with self._lock:
            if language not in self._read:
                self._read[language] = load(self._folder / language / "LC_MESSAGES" / "messages.po")
            return self._read[language]


def load(file: Path) -> NullTranslations:
    """Read one catalog; none means English, the language of the source."""
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=file.parts[-3]))
    compiled.seek(0)
    return Translations(compiled)


def language() -> str:
    """Return the page's language: the person's own, else what was chosen at sign-in, else the browser's, else ours."""
    person = auth.signed_in()
    for wanted in (person.language if person else "", request.cookies.get(COOKIE, "")):
        if wanted in LANGUAGES:
            return wanted
    hub = current_hub().settings.hub
    # "he" also answers a browser that asks for "iw", its code before 1989
    asked = [(code.replace("iw", "he"), quality) for code, quality in request.accept_languages]
    best = type(request.accept_languages)(asked).best_match(LANGUAGES) if asked else None
    return str(best or hub.language)


def direction(code: str) -> str:
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"


def time_zone() -> str:
    """Return the person's own time zone, else the hub's."""
    person = auth.signed_in()
    return (person.time_zone if person else "") or current_hub().settings.hub.time_zone


def install(app: Flask) -> None:
    """Set up Flask-Babel with our catalogs, and give templates `lang`, `dir` and `languages`."""
    babel = Babel(app, locale_selector=language, timezone_selector=time_zone)
    catalogs = Catalogs()
    babel.domain_instance = catalogs

    def translated(text: str, /, **values: Any) -> Markup:
        """Do what `_` of Jinja and Flask-Babel does, with the catalog at hand: a page has more than a hundred texts."""
        catalog = g.get(CATALOG) or catalogs.get_translations()
        said = Markup(catalog.ugettext(text))  # noqa: S704 - our own texts; what is put into them is escaped
        return said % values if values or "%" in said else said

    def spoken() -> str:
        setattr(g, CATALOG, catalogs.get_translations())  # anew for each template: a view may change the language
        return cast("str", get_locale().language)

    cast("Spoken", app.jinja_env).language = spoken
    app.jinja_env.globals["_"] = translated

    @app.context_processor
    def facts() -> dict[str, Any]:
        code = cast("str", get_locale().language)
        clock.start()
        return {"lang": code, "dir": direction(code), "languages": NAMES}
