"""What templates write: nothing a caller sends turns or breaks the page around it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import given
from hypothesis import strategies as st

from hub.web import jinja
from hub.web.frame import EXTENSION


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask(__name__)
    app.extensions[EXTENSION] = SimpleNamespace(settings=SimpleNamespace(hub=SimpleNamespace(region="IL")))
    app.extensions["assets"] = SimpleNamespace(url=lambda name: f"/static/{name}")
    Babel(app, locale_selector=lambda: app.config["LANGUAGE"], timezone_selector=lambda: "Asia/Jerusalem")
    app.config["LANGUAGE"] = "en"
    return app


@given(st.text())
def test_a_value_is_isolated_and_cannot_leave_its_isolation(value: str) -> None:
    html = str(jinja.bidi(value))
    assert html.startswith("<bdi>")
    assert html.endswith("</bdi>")
    inside = html.removeprefix("<bdi>").removesuffix("</bdi>")
    assert not set(inside) & set("<>\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\0\x1b")


def test_a_value_of_ten_thousand_characters_is_cut() -> None:
    assert len(jinja.inert("x" * 10_000)) < 2100


def test_nothing_is_written_as_nothing() -> None:
    assert jinja.bidi(None) == "<bdi></bdi>"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+972542345678", '<bdi dir="ltr" class="num">054-234-5678</bdi>'),
        ("+48221234567", '<bdi dir="ltr" class="num">+48 22 123 45 67</bdi>'),
        ("<b>", '<bdi dir="ltr" class="num">&lt;b&gt;</bdi>'),
        (None, '<bdi dir="ltr" class="num"></bdi>'),
    ],
)
def test_a_number_is_written_as_people_read_it(app: Flask, number: str | None, shown: str) -> None:
    with app.test_request_context():
        assert jinja.phone(number) == shown


def test_a_span_names_its_day_once_where_it_is_one_there(app: Flask) -> None:
    start = datetime(2026, 11, 24, 21, 30, tzinfo=UTC)
    with app.test_request_context():
        one = str(jinja.span(start, start + timedelta(minutes=20)))
        assert one.count("11/24/26") == 1
        assert "11:30" in one
        assert "11:50" in one
        two = str(jinja.span(start, start + timedelta(minutes=45)))  # past midnight in Jerusalem
        assert "11/24/26" in two
        assert "11/25/26" in two
        assert jinja.span(start, None) == jinja.when(start)


def test_a_number_is_a_link_that_dials_and_a_word_is_not(app: Flask) -> None:
    with app.test_request_context():
        assert str(jinja.tel("+48221234567", party="7")).startswith(
            '<a class="tel" href="tel:+48221234567" data-party="7">'
        )
        assert "href" not in jinja.tel("anonymous")
        assert '"x' not in jinja.tel('1" onclick="x')


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "₪4,310.50"), ("he", "\u200f4,310.50\u00a0\u200f₪"), ("pl", "4\u00a0310,50\u00a0ILS")],
)
def test_money_keeps_the_marks_of_its_language(app: Flask, language: str, shown: str) -> None:
    app.config["LANGUAGE"] = language
    try:
        with app.test_request_context():
            assert jinja.money(Decimal("4310.5"), "ILS") == f'<bdi class="num">{shown}</bdi>'
    finally:
        app.config["LANGUAGE"] = "en"


def test_times_are_relative_and_exact(app: Flask) -> None:
    at = datetime.now(UTC) - timedelta(hours=5)
    with app.test_request_context():
        html = str(jinja.ago(at))
        assert ">5 hours ago</time>" in html
        assert f'datetime="{at.isoformat(timespec="seconds")}"' in html
        assert "title=" in html
        assert jinja.ago(at.replace(tzinfo=None)) == html.replace("", "")
        assert "12:30" in jinja.when(datetime(2026, 1, 2, 10, 30, tzinfo=UTC), "HH:mm")
        assert jinja.day(datetime(2026, 1, 2, tzinfo=UTC)).endswith(">Jan 2, 2026</time>")
        assert jinja.ago(None) == jinja.when(None) == jinja.day(None) == jinja.money(None, "ILS") == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (None, "0:00"), (59.6, "1:00"), (372, "6:12"), (3723, "1:02:03")]
)
def test_lengths_of_time(seconds: float | None, shown: str) -> None:
    assert jinja.duration(seconds) == shown


def test_an_icon_speaks_only_where_it_stands_alone(app: Flask) -> None:
    with app.test_request_context():
        assert 'aria-hidden="true"' in jinja.icon("phone")
        assert 'aria-label="&lt;Call&gt;"' in jinja.icon("phone", label="<Call>")
        assert 'class="i flip"' in jinja.icon("send", flip=True)
