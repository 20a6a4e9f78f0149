"""Texts filled in when a template is compiled: each language has its own, and what comes from outside stays a value."""

from typing import Any, cast

import pytest
from flask import Flask, render_template
from jinja2 import DictLoader
from markupsafe import Markup

from hub.web.folding import Spoken

WORDS = {"Save": {"he": "שמירה"}, "A & B": {"he": "א & ב"}}
TEMPLATES = {
    "page.html": "{% extends 'frame.html' %}{% block main %}{% include 'part.html' %}{% endblock %}",
    "frame.html": "<p>{{ _('Save') }}</p>{% block main %}{% endblock %}",
    "part.html": "{{ icon('disk', label=_('Save')) }}{{ _(word) }}{{ icon(word) }}{{ _('A & B') }}",
}


class App(Flask):
    jinja_environment = Spoken


@pytest.fixture
def asked() -> list[str]:
    """What was looked up while pages were made, in order."""
    return []


@pytest.fixture
def app(asked: list[str]) -> Flask:
    app = App(__name__)
    app.jinja_options = {"loader": DictLoader(TEMPLATES), "autoescape": True}
    env = cast("Spoken", app.jinja_env)
    env.language = lambda: str(app.config["LANGUAGE"])

    def translated(text: str) -> str:
        asked.append(text)
        return WORDS.get(text, {}).get(app.config["LANGUAGE"], text)

    def icon(name: str, *, label: Any = "") -> Markup:
        return Markup("<svg>{}{}</svg>").format(name, label)

    env.globals.update(_=translated, icon=icon)
    return app


def page(app: Flask, language: str, word: str = "<x>") -> str:
    app.config["LANGUAGE"] = language
    with app.test_request_context():
        return render_template("page.html", word=word)


def test_each_language_has_its_own_texts_also_in_what_a_page_includes_and_extends(app: Flask) -> None:
    pages = [page(app, language) for language in ("en", "he", "en")]
    assert "<p>Save</p><svg>diskSave</svg>" in pages[0]
    saved = WORDS["Save"]["he"]
    assert f"<p>{saved}</p><svg>disk{saved}</svg>" in pages[1]
    assert pages[2] == pages[0]


def test_what_a_template_says_itself_is_looked_up_once(app: Flask, asked: list[str]) -> None:
    page(app, "he", "one")
    asked.clear()
    page(app, "he", "two")
    assert asked == ["two"]


def test_what_is_folded_is_escaped_as_it_was(app: Flask) -> None:
    shown = page(app, "he")
    assert "&lt;x&gt;<svg>&lt;x&gt;</svg>" in shown
    assert "א &amp; ב" in shown
