"""What every template may use: values that keep their direction, numbers, money, times, icons.

`bidi(value)`            a value that somebody typed, isolated; `ltr=True` for mails, codes, ids
`phone(e164)`            a number as people read it
`tel(e164, party=…)`     the same as a link that dials
`money(amount, "ILS")`   an amount
`ago(at)`, `when(at)`    a time: "5 hours ago" with the exact one in its title; "24.11.26, 10:42"
`day(date)`              a date
`duration(seconds)`      6:12
`icon("phone")`          an icon of icons.svg; `flip=True` mirrors a directional one in right-to-left pages
`static_url("app.css")`  the hashed address of a file (assets.py)
"""

import re
from collections.abc import Iterator
from copy import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.numbers import NumberPattern
from flask import Flask, current_app, request
from flask_babel import format_currency, format_date, get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape

from hub.identity.phone import display
from hub.records.money import exponent
from hub.security.policy import Right, may
from hub.web import assets
from hub.web.clock import Form, clock
from hub.web.frame import current_hub, current_person

# Characters that turn the text around them, also out of a <bdi>: a caller's name may hold them, we do not show them.
# Source: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
BELOW = {
    "/": ("/tasks", "/calls", "/messages"), "/customers": ("/search", "/duplicates"), "/documents": ("/payments",),
    "/settings": ("/people", "/admin"),
}  # fmt: skip
BDI, BDI_LTR, BDI_NUMBER = "<bdi>", '<bdi dir="ltr">', '<bdi dir="ltr" class="num">'
NOTHING = Markup("\N{EN DASH}")
LONGEST = 2000  # characters of one value on a page


def install(app: Flask) -> None:
    """Give the helpers to all templates of an app."""
    shown = (bidi, phone, tel, money, ago, when, span, day, duration)
    by_name = {one.__name__: one for one in shown}
    app.jinja_env.globals.update(by_name, icon=icon, navigation=navigation, is_here=is_here)
    app.jinja_env.filters.update(by_name, inert=inert)  # globals as well as filters: see folding.py


def navigation() -> list[tuple[str, str, str, bool]]:
    """Return the entries of the top bar for the person who asks: address, name, icon, and whether they are there."""
    person = current_person()
    entries = [
        ("/", _("My day"), "house", Right.USE),
        ("/leads", _("Leads"), "target", Right.USE),
        ("/customers", _("Customers"), "users", Right.USE),
        ("/documents", _("Documents"), "receipt", Right.SEE_MONEY),
        ("/connections", _("Connections"), "plug", Right.MANAGE_CONNECTIONS),
        ("/insights", _("Insights"), "chart-column", Right.SEE_INSIGHTS),
        ("/settings", _("Settings"), "settings", Right.USE),
    ]
    return [
        (path, name, picture, any(map(is_here, (path, *BELOW.get(path, ())))))
        for path, name, picture, right in entries
        if may(person.role, right) and (path != "/insights" or any(_pages_below(path)))
    ]


def is_here(path: str) -> bool:
    """Say whether the page belongs to an entry of the top bar."""
    return request.path == path or (path != "/" and request.path.startswith(path + "/"))


def _pages_below(path: str) -> Iterator[str]:
    return (rule.rule for rule in current_app.url_map.iter_rules() if rule.rule.startswith(path))


def inert(value: object) -> str:
    """Return a text without characters that act on their surroundings; cut where it is absurdly long."""
    text = "" if value is None else str(value)
    if not text.isprintable():  # nearly every one is, and none of what acts is
        text = CONTROLS.sub("", TURNING.sub("", text))
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def bidi(value: object, *, ltr: bool = False) -> Markup:
    """Keep a value from turning the text around it."""
    return _html(f"{BDI_LTR if ltr else BDI}{escape(inert(value))}</bdi>")


def phone(number: str | None) -> Markup:
    """Write a number as people read it: national form at home, else international; its digits left to right."""
    shown = display(number or "", current_hub().settings.hub.region)
    return _html(f"{BDI_NUMBER}{escape(inert(shown))}</bdi>")


def tel(number: str | None, *, party: object = "") -> Markup:
    """Write a number as a link that dials it; a number that cannot be dialled stays text."""
    if not number or not re.search(r"\d", number):
        return phone(number)
    data = f' data-party="{escape(party)}"' if party else ""
    return _html(f'<a class="tel" href="tel:{escape(number)}"{data}>{phone(number)}</a>')


def money(amount: Decimal | float | None, currency: str) -> Markup:
    """Write an amount; Babel puts right-to-left marks around the shekel sign, so it is isolated, never stripped."""
    if amount is None:
        return NOTHING
    return _html(f'<bdi class="num">{escape(money_text(amount, currency))}</bdi>')


def money_text(amount: Decimal | float, currency: str) -> str:
    """Write an amount with all decimals that its currency has; for texts, which must be isolated by whoever shows them."""
    try:
        decimals = exponent(currency)
    except ValueError:
        return str(format_currency(amount, currency))
    language = str(get_locale())
    pattern, locale = _pattern(language, decimals), Locale.parse(language)
    return str(pattern.apply(amount, locale, currency=currency.upper(), currency_digits=False))


@lru_cache(maxsize=50)
def _pattern(language: str, decimals: int) -> NumberPattern:
    """Return how a language writes amounts; Babel's own table has fewer decimals for some currencies."""
    pattern: NumberPattern = copy(Locale.parse(language).currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return pattern


def ago(at: datetime | None) -> Markup:
    """Write how long ago something was, or how far ahead it is; exact on hover and for programs."""
    if at is None:
        return NOTHING
    at, here = _aware(at), clock()
    return _time(at, here.ago(at), title=here.written(at, "medium"))


def when(at: datetime | None, form: Form = "short") -> Markup:
    """Write an exact time in the person's own zone."""
    if at is None:
        return NOTHING
    at = _aware(at)
    return _time(at, clock().written(at, form))


def span(start: datetime | None, end: datetime | None) -> Markup:
    """Write from when to when something is; the day once where it is one."""
    if start is None or end is None:
        return when(start)
    here = clock()
    is_one_day = _aware(start).astimezone(here.zone).date() == _aware(end).astimezone(here.zone).date()
    return when(start) + " \u2013 " + (_time(_aware(end), here.hour(_aware(end))) if is_one_day else when(end))


def day(at: date | datetime | None, form: str = "medium") -> Markup:
    """Write a date."""
    if at is None:
        return NOTHING
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), format_date(at, form))


def duration(seconds: float | None) -> str:
    """Write a length of time as 6:12 or 1:02:03."""
    minutes, rest = divmod(round(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def icon(name: str, *, flip: bool = False, label: Any = "") -> Markup:
    """Show an icon; without a label it says nothing to a screen reader, so words stand beside it."""
    return _icon(assets.installed(current_app).url("icons.svg"), name, flip, str(label))


@lru_cache(maxsize=1000)  # few icons with few words, and each of them many times on a page
def _icon(sprite: str, name: str, flip: bool, label: str) -> Markup:  # noqa: FBT001 - as the cache keeps it
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="i{}" {}><use href="{}#{}"/></svg>').format(" flip" if flip else "", spoken, sprite, name)


def _time(at: datetime, text: str, *, title: str = "") -> Markup:
    hover = f' title="{escape(title)}"' if title else ""
    return _html(f'<time datetime="{at.isoformat(timespec="seconds")}"{hover}>{escape(text)}</time>')


def _html(text: str) -> Markup:
    """Call a text HTML. What came from outside was escaped on its way in: `Markup.format` takes ten times as long."""
    return Markup(text)  # noqa: S704 - see above; every caller in this module escapes


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
