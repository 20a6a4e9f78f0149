"""What a notice says, in its reader's language: which connection, since when, and the one thing to do.

Nothing of what a remote sent or said is in it, and no secret: only the connection's name and a link.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from gettext import NullTranslations
from html import escape
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime

from hub.notice.models import NoticeKind
from hub.notice.plan import Why

LONGEST_NAME = 80
# Line breaks, controls and what turns the text around it; of the latter kind scripts need the two joiners.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")

Catalogs = Callable[[str], NullTranslations]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a notice is about."""

    name: str  # of the connection, as somebody typed it
    hub: str
    why: Why
    began_at: datetime
    link: str
    manages: bool  # the reader may open the connection's page
    language: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Words:
    subject: str
    text: str
    html: str


def words(kind: str, facts: Facts, catalogs: Catalogs) -> Words:
    """Write a notice."""
    catalog = catalogs(facts.language)
    names = {"name": plain(facts.name), "hub": plain(facts.hub)}
    if kind == NoticeKind.WELL_AGAIN:
        subject = catalog.gettext("%(name)s works again")
        lines = [catalog.gettext("The connection %(name)s of %(hub)s works again. There is nothing to do.")]
    else:
        subject = catalog.gettext("%(name)s needs you")
        lines = [
            catalog.gettext(
                "Something in the connection %(name)s of %(hub)s stands still until a person does something."
            ),
            _action(facts, catalog),
            catalog.gettext("That is so since %(time)s. You get one more mail when it works again.")
            % {"time": _time(facts)},
        ]
    first, *others = lines
    marked = {key: f"<bdi>{escape(value)}</bdi>" for key, value in names.items()}
    said = [first % names, *others]
    shown = [escape(first) % marked, *map(escape, others)]
    return Words(subject % names, _text(said, facts), _page(shown, facts))


def _action(facts: Facts, catalog: NullTranslations) -> str:
    if not facts.manages:
        return catalog.gettext(
            "An administrator was told too and can mend it. If it is your own mailbox, be there to sign in."
        )
    match facts.why:
        case Why.AUTH:
            return catalog.gettext(
                "The other system does not let the hub in any more. Open the page and connect again."
            )
        case Why.DISABLED:
            return catalog.gettext("Something must be switched on at the other system. The page says what.")
        case Why.DEFECT:
            return catalog.gettext("This is a fault of the hub itself. Give its log to whoever looks after the hub.")
        case _:
            return catalog.gettext("Open the page. It says what is wrong and what to do.")


def plain(name: str) -> str:
    """Return a name as one line in which nothing acts on what stands around it."""
    kept = (c if c in _JOINERS or unicodedata.category(c) not in _ACTING else " " for c in name)
    text = " ".join("".join(kept).split())
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def _time(facts: Facts) -> str:
    return format_datetime(facts.began_at, "medium", tzinfo=facts.zone, locale=facts.language)


def _text(lines: list[str], facts: Facts) -> str:
    return "\n\n".join([*lines, facts.link]) + "\n"


def _page(lines: list[str], facts: Facts) -> str:
    link = escape(facts.link, quote=True)
    paragraphs = "".join(f"<p>{line}</p>" for line in [*lines, f'<a href="{link}" dir="ltr">{link}</a>'])
    return f'<div dir="{Locale.parse(facts.language).text_direction}" lang="{facts.language}">{paragraphs}</div>'
