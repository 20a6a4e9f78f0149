"""Administrators' fields on a page: values as people read them, inputs to fill them in, and what was typed."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from babel.numbers import get_territory_currencies
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from hub.fields import change, value
from hub.fields.change import FieldsError
from hub.fields.definitions import Field, Option
from hub.fields.masks import EXAMPLES, Mask
from hub.fields.models import Type
from hub.fields.value import FieldValueError
from hub.security.models import Role
from hub.web.console import field_words
from hub.web.frame import current_hub
from hub.web.jinja import bidi, day, inert, money, tel

PREFIX, WAS, CURRENCY = "f.", "was.", ".currency"
_SEVERAL_LINES = "\n"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """A field with its value, as a page shows it."""

    name: str
    label: str
    html: Markup
    limited: str = ""  # to whom, where not everybody sees it


@dataclass(frozen=True, slots=True)
class Input:
    """A field as a form asks for it.

    Attributes:
        was: what it held when the form was opened, for `typed`.
        text: what stands in it; of an amount, without its currency.
        chosen: entries of a list.
        decides: other lists depend on this one.
    """

    field: Field
    label: str
    was: str
    text: str
    chosen: Sequence[str]
    currency: str
    options: Sequence[Option]
    is_long: bool
    decides: bool
    hint: str
    example: str
    error: str
    has_focus: bool

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.field.name}"

    @property
    def is_day(self) -> bool:
        """Whether an input for days can show it."""
        return _DAY.fullmatch(self.text) is not None

    @property
    def id(self) -> str:
        return f"field-{self.field.name}"


def language() -> str:
    """Return the language of the page."""
    return str(get_locale())[:2]


# --- shown ----------------------------------------------------------------------------------------------------------


def lines(fields: Mapping[str, Field], kept: Mapping[str, Any], *, party: object = "") -> list[Line]:
    """Return the fields that hold something, in their order."""
    spoken = language()
    return [
        Line(name, one.label(spoken), html(one, kept[name], party=party), _limited(one))
        for name, one in fields.items()
        if kept.get(name) is not None
    ]


def html(field: Field, kept: Any, *, party: object = "") -> Markup:
    """Write a value; what is older than its field and of another shape, as it is."""
    try:
        return _written(field, kept, party)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError):  # an amount such as 1e99999999
        return bidi(value.text(field, kept, language()))


def _written(field: Field, kept: Any, party: object) -> Markup:
    if field.type == Type.PHONE:
        return tel(kept, party=party)
    write = _WRITERS.get(field.type)
    return write(field, kept) if write is not None else bidi(value.text(field, kept, language()))


def text_html(kept: str) -> Markup:
    """Write a text; of several lines as such."""
    if _SEVERAL_LINES not in kept:
        return bidi(kept)
    return Markup('<span class="text" dir="auto">{}</span>').format(inert(kept))


def _number(_field: Field, kept: Any) -> Markup:
    return Markup('<bdi class="num">{}</bdi>').format(format_decimal(Decimal(kept), decimal_quantization=False))


def _boolean(field: Field, kept: Any) -> Markup:
    if not isinstance(kept, bool):
        return bidi(value.text(field, kept))
    return Markup("{}").format(_("Yes") if kept else _("No"))


def _choices(field: Field, kept: Any) -> Markup:
    return Markup(", ").join(bidi(_called(field, one)) for one in kept)


def _email(_field: Field, kept: Any) -> Markup:
    return Markup('<a href="mailto:{}">{}</a>').format(kept, bidi(kept, ltr=True))


def link_html(kept: str) -> Markup:
    """Write an address of the web so that it can be opened."""
    # A text may have stood here before the field did: only this makes an address that runs nothing.
    if not kept.startswith(("https://", "http://")):
        return bidi(kept)
    link = Markup('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>')
    return link.format(kept, bidi(kept, ltr=True))


_WRITERS: Mapping[str, Callable[[Field, Any], Markup]] = MappingProxyType(
    {
        Type.TEXT: lambda _field, kept: text_html(kept),
        Type.NUMBER: _number,
        Type.MONEY: lambda _field, kept: money(Decimal(kept["amount"]), kept["currency"]),
        Type.DATE: lambda _field, kept: day(date.fromisoformat(kept)),
        Type.BOOLEAN: _boolean,
        Type.CHOICE: lambda field, kept: bidi(_called(field, kept)),
        Type.CHOICES: _choices,
        Type.EMAIL: _email,
        Type.LINK: lambda _field, kept: link_html(kept),
    }
)


def _called(field: Field, kept: Any) -> str:
    option = field.option(str(kept))
    return option.label(language()) if option else str(kept)


def _limited(field: Field) -> str:
    return field_words.roles(field) if field.roles and not field.roles >= set(Role) else ""


# --- filled in ------------------------------------------------------------------------------------------------------


def inputs(
    fields: Mapping[str, Field],
    kept: Mapping[str, Any],
    form: MultiDict[str, str],
    problems: Mapping[str, FieldValueError],
    *,
    currency: str = "",
) -> list[Input]:
    """Return the inputs for fields, with what was typed where it comes back.

    Args:
        form: what was sent; empty: the form is opened.
        problems: what was wrong with it, by field.
        currency: of amounts that have none yet; empty: that of the country.
    """
    spoken, parents = language(), {one.parent for one in fields.values()}
    first = next((name for name in fields if name in problems), "")
    made = []
    for name, one in fields.items():
        is_typed = f"{WAS}{name}" in form
        raw = _raw(one, form) if is_typed else _rendered(one, kept.get(name))
        chosen = raw if isinstance(raw, list) else [raw] if isinstance(raw, str) and raw else []
        text = raw["amount"] if isinstance(raw, dict) else raw if isinstance(raw, str) else ""
        code = raw["currency"] if isinstance(raw, dict) else ""
        made.append(
            Input(
                field=one,
                label=one.label(spoken),
                was=json.dumps(kept.get(name), ensure_ascii=False, sort_keys=True),
                text=text,
                chosen=chosen,
                currency=code or currency or _own_currency(),
                options=_options(one, chosen, kept, form),
                is_long=_SEVERAL_LINES in text,
                decides=name in parents,
                hint=field_words.mask(one) if one.mask != Mask.PATTERN else "",
                example=EXAMPLES.get(one.mask, one.pattern if one.mask == Mask.PATTERN else ""),
                error=field_words.problem(problems[name]) if name in problems else "",
                has_focus=name == first,
            )
        )
    return made


def typed(
    fields: Mapping[str, Field], kept: Mapping[str, Any], form: MultiDict[str, str]
) -> tuple[dict[str, Any], dict[str, FieldValueError]]:
    """Return what was typed otherwise than it stood in the form, by field, and what cannot be taken.

    What nobody touched is left as it is by now. What somebody else changed meanwhile is not written over unseen: the form
    comes back, and counts when it is sent again.
    """
    given: dict[str, Any] = {}
    problems: dict[str, FieldValueError] = {}
    for name, one in fields.items():
        if f"{WAS}{name}" not in form:
            continue
        was, raw = _read_was(form[f"{WAS}{name}"]), _raw(one, form)
        if raw != _rendered(one, was):
            given[name] = raw
            if was != kept.get(name) and raw != _rendered(one, kept.get(name)):
                problems[name] = FieldValueError(name, "somebody else changed it meanwhile", "changed")
        elif one.required and kept.get(name) is None:
            given[name] = raw
    return given, problems


def read(
    fields: Mapping[str, Field], kept: Mapping[str, Any], form: MultiDict[str, str], *, region: str, currency: str = ""
) -> dict[str, Any]:
    """Return what was typed, for `change`, once all of it can be taken.

    Raises:
        FieldsError: with everything that is wrong, one sentence for each field.
    """
    given, problems = typed(fields, kept, form)
    try:
        change.read(fields, kept, given, region=region, currency=currency)
    except FieldsError as error:
        problems = {**error.problems, **problems}
    if problems:
        raise FieldsError({name: problems[name] for name in fields if name in problems})
    return given


def _raw(field: Field, form: MultiDict[str, str]) -> Any:
    """Return what stands in a field's inputs, in the shape of `_rendered`."""
    name = f"{PREFIX}{field.name}"
    if field.type == Type.CHOICES:
        return sorted({_text(one) for one in form.getlist(name)} - {""})
    if field.type == Type.MONEY:
        amount = _text(form.get(name, "")).strip()
        return {
            "amount": amount,
            "currency": _text(form.get(f"{name}{CURRENCY}", "")).strip().upper() if amount else "",
        }
    return _text(form.get(name, "")).strip()


def _rendered(field: Field, kept: Any) -> Any:
    """Return a kept value as its inputs hold it."""
    match field.type, kept:
        case Type.CHOICES, _:
            return sorted(str(one) for one in kept) if isinstance(kept, list) else []
        case Type.MONEY, {"amount": str() as amount, "currency": str() as code}:
            return {"amount": amount, "currency": code}
        case Type.MONEY, _:
            return {"amount": "", "currency": ""}
        case Type.BOOLEAN, bool():
            return "yes" if kept else "no"
        case Type.CHOICE, str():
            return kept
    return _text(value.text(field, kept))


def _text(text: str) -> str:
    """Return a text as browsers send it back."""
    return text.replace("\0", "").replace("\r\n", "\n").strip()


def _read_was(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # somebody wrote it by hand
        return None


def _options(field: Field, chosen: Sequence[str], kept: Mapping[str, Any], form: MultiDict[str, str]) -> list[Option]:
    """Return what can be chosen beside what stands in the list above, and what is chosen, archived or not."""
    parent = ""
    if field.parent:
        above = f"{PREFIX}{field.parent}"
        parent = form.get(above, "") if f"{WAS}{field.parent}" in form else str(kept.get(field.parent) or "")
    offered = field.offered(parent)
    was = kept.get(field.name)
    stays = set(chosen) & set(was if isinstance(was, list) else [str(was)])
    return [one for one in field.options if one in offered or (one.is_archived and one.value in stays)]


def _own_currency() -> str:
    codes: list[str] = get_territory_currencies(current_hub().settings.hub.region)
    return codes[0] if codes else ""
