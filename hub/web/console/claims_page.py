"""What each source says of a customer: the words that count, and which of them somebody pinned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.fields import change, definitions, pins, seen
from hub.fields.definitions import Field
from hub.identity import parties
from hub.identity.claims import PHOTO
from hub.identity.models import Identifier, Party
from hub.identity.pins import Word, counting, may_pin, may_unpin
from hub.security.policy import Right
from hub.web.auth import needs
from hub.web.console import field_values, wording
from hub.web.frame import current_hub, current_person
from hub.web.jinja import bidi, day

blueprint = Blueprint("claims", __name__)
LABELS: Mapping[str, LazyString] = MappingProxyType(
    {
        "kind": lazy_gettext("Kind"),
        "name": lazy_gettext("Name"),
        "given": lazy_gettext("First name"),
        "family": lazy_gettext("Family name"),
        "company": lazy_gettext("Company"),
        "job_title": lazy_gettext("Job title"),
        "phones": lazy_gettext("Phone"),
        "emails": lazy_gettext("E-mail"),
        "tax_id": lazy_gettext("Tax number"),
        "addresses": lazy_gettext("Address"),
        "birthday": lazy_gettext("Birth date"),
        "owner": lazy_gettext("Owner"),
        "urls": lazy_gettext("Website"),
        "groups": lazy_gettext("Groups"),
        "notes": lazy_gettext("Notes"),
    }
)
_ASKED_FOR = ("job_title", "addresses", "birthday", "urls", "groups", "notes")
KINDS: Mapping[str, LazyString] = MappingProxyType(
    {"person": lazy_gettext("Person"), "company": lazy_gettext("Company")}
)


@dataclass(frozen=True, slots=True)
class Line:
    """One word as the page shows it."""

    word: Word
    html: Markup
    source: str
    may_pin: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Everything that is said of one field, what counts first."""

    field: str
    label: str
    lines: Sequence[Line]
    may_unpin: bool


@blueprint.get("/customers/<uuid:public_id>/sources")
@needs(Right.USE)
def page(public_id: UUID) -> ResponseReturnValue:
    """Show what is said of a customer, field by field."""
    return _page(public_id)


@blueprint.post("/customers/<uuid:public_id>/sources/<int:number>/pin")
@needs(Right.EDIT_PARTIES)
def pin(public_id: UUID, number: int) -> ResponseReturnValue:
    """Let one word count from now on."""
    hub = current_hub()
    try:
        with hub.db.write() as session:
            party = parties.get(session, public_id)
            pins.pin(session, current_person(), party, number, region=hub.settings.hub.region)
    except UserError as error:
        return _page(public_id, error)
    return redirect(url_for("claims.page", public_id=public_id), 303)


@blueprint.post("/customers/<uuid:public_id>/sources/unpin")
@needs(Right.EDIT_PARTIES)
def unpin(public_id: UUID) -> ResponseReturnValue:
    """Let the sources decide a field again."""
    try:
        with current_hub().db.write() as session:
            pins.unpin(session, current_person(), parties.get(session, public_id), request.form.get("field", ""))
    except UserError as error:
        return _page(public_id, error)
    return redirect(url_for("claims.page", public_id=public_id), 303)


def source(word: Word) -> str:
    """Return who says it, in words."""
    if word.account is not None:
        return word.account[1]
    return str(gettext("said here by %(name)s", name=word.by[1]) if word.by is not None else gettext("said here"))


def beside(said: Mapping[str, Sequence[Word]], held: Sequence[Identifier]) -> dict[str | int, str]:
    """Return who says what a customer has: by field, and of numbers and addresses by their ids.

    Nothing where no source speaks of the customer: then everything was said here.
    """
    names = {word.link_id: source(word) for several in said.values() for word in several if not word.is_here}
    if not names:
        return {}
    found: dict[str | int, str] = {field: source(word) for field, word in counting(said).items()}
    return found | {one.id: names.get(one.link_id, gettext("said here")) for one in held}


def lines(kept: Mapping[str, Any]) -> list[field_values.Line]:
    """Return what sources say of a customer beside what administrators defined, as far as an agent asks for it."""
    return [
        field_values.Line(name, str(LABELS[name]), _value(name, kept[name], {}))
        for name in _ASKED_FOR
        if kept.get(name)
    ]


# --- what the page shows --------------------------------------------------------------------------------------------


def _page(public_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)  # of one that is no more, this is what is answered
        groups = _groups(session, party)
    said = wording.sentence(error) if error is not None else ""
    if isinstance(error, NotFoundError):
        said = gettext("This was changed by somebody else meanwhile. Below it is as it is now.")
    html = render_template("agent/sources.html", party=party, groups=groups, error=said)
    return html, 422 if error is not None else 200


def _groups(session: Session, party: Party) -> list[Group]:
    known = definitions.load(session)
    shown = seen.fields(known, change.of_party(party), current_person().role)
    said = pins.words(session, current_person(), known, party)
    order = [*LABELS, *shown]
    names = sorted(said.keys() - {PHOTO}, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [_group(name, said[name], shown) for name in names]


def _group(name: str, said: Sequence[Word], shown: Mapping[str, Field]) -> Group:
    label = str(LABELS[name]) if name in LABELS else ""
    if name in shown:
        label = shown[name].label(field_values.language())
    is_choice = may_pin(name)
    lines = [Line(word, _value(name, word.value, shown), source(word), is_choice and not word.is_here) for word in said]
    return Group(name, label or name, lines, is_choice and may_unpin(said))


def _value(name: str, value: Any, shown: Mapping[str, Field]) -> Markup:
    if value is None or value == "":
        return Markup("—")
    if name in shown:
        return field_values.html(shown[name], value)
    if name == "kind":
        return bidi(str(KINDS.get(str(value), value)))
    several = [_text(one) for one in (value if isinstance(value, list) else [value])]
    return Markup("<br>").join(_WRITERS.get(name, field_values.text_html)(one) for one in several)


def _text(one: Any) -> str:
    return str(one.get("value") or "") if isinstance(one, dict) else str(one)


def _day(text: str) -> Markup:
    try:
        return day(date.fromisoformat(text))
    except ValueError:  # of many nobody told the year
        return bidi(text, ltr=True)


_WRITERS: Mapping[str, Callable[[str], Markup]] = MappingProxyType(
    {
        "birthday": _day,
        "urls": field_values.link_html,
        "phones": partial(bidi, ltr=True),
        "emails": partial(bidi, ltr=True),
    }
)
