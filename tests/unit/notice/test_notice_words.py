"""What a notice says: in its reader's language, with one thing to do, and harmless whatever the connection is called."""

import re
from datetime import UTC, datetime
from gettext import NullTranslations
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.notice.models import NoticeKind
from hub.notice.plan import Why
from hub.notice.words import Facts, plain, words

LINK = "https://hub.example.com/connections/0190a"


class Shouting(NullTranslations):
    """A language in which everything is shouted, but the names of what is put in."""

    def gettext(self, message: str) -> str:
        return re.sub(r"%\(\w+\)s|.", lambda found: found[0] if found[0][0] == "%" else found[0].upper(), message)


def facts(name: str = "Google", why: Why = Why.AUTH, *, manages: bool = True, language: str = "en") -> Facts:
    began = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Facts(name, "Hub", why, began, LINK, manages, language, ZoneInfo("Europe/Warsaw"))


def english(_: str) -> NullTranslations:
    return NullTranslations()


def test_it_says_what_happened_since_when_what_to_do_and_where() -> None:
    said = words(NoticeKind.NEEDS_YOU, facts(), english)

    assert said.subject == "Google needs you"
    assert said.text.splitlines()[::2] == [
        "Something in the connection Google of Hub stands still until a person does something.",
        "The other system does not let the hub in any more. Open the page and connect again.",
        "That is so since Mar 1, 2026, 1:00:00\u202fPM. You get one more mail when it works again.",
        LINK,
    ]
    assert f'<a href="{LINK}" dir="ltr">' in said.html


@pytest.mark.parametrize("manages", [True, False])
def test_every_trouble_has_one_thing_to_do(manages: bool) -> None:
    actions = {
        words(NoticeKind.NEEDS_YOU, facts(why=why, manages=manages), english).text.splitlines()[2] for why in Why
    }
    assert len(actions) == (4 if manages else 1)


def test_the_second_mail_asks_for_nothing() -> None:
    said = words(NoticeKind.WELL_AGAIN, facts(), english)
    assert (said.subject, said.text.splitlines()[0]) == (
        "Google works again",
        "The connection Google of Hub works again. There is nothing to do.",
    )


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("he", "rtl"), ("ar", "rtl"), ("ru", "ltr")])
def test_it_is_written_in_its_readers_language(language: str, direction: str) -> None:
    said = words(NoticeKind.NEEDS_YOU, facts(language=language), lambda _: Shouting())
    assert said.subject == "Google NEEDS YOU"
    assert said.html.startswith(
        f'<div dir="{direction}" lang="{language}"><p>SOMETHING IN THE CONNECTION <bdi>Google</bdi>'
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_name_breaks_a_line_or_adds_an_element(name: str) -> None:
    said = words(NoticeKind.NEEDS_YOU, facts(name), english)
    tags = Tags()
    tags.feed(said.html)

    assert not re.search("[\x00-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]", said.subject)
    assert len(said.text.splitlines()) == 7
    assert tags.seen == ["div", "p", "bdi", "bdi", "p", "p", "p", "a"]


def test_a_hostile_name_is_one_plain_line() -> None:
    assert plain("Sales\r\nBcc: all@example.com") == "Sales Bcc: all@example.com"
    assert plain("a\u202egpj.exe\u2066") == "a gpj.exe"
    assert plain("100 %(hub)s %s <b>") == "100 %(hub)s %s <b>"
    assert len(plain("x" * 5000)) == 81
    assert plain("क\u094d\u200dष") == "क\u094d\u200dष"  # a joiner is part of how a word is written
