"""Values of defined fields: what somebody typed or a mapping made, as it is kept, and as people read it. Pure.

Everything that comes is hostile: words of any length and script, numbers with noise, lists where a text belongs. What
does not fit is refused with its reason; nothing is cut off and nothing is guessed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hub.fields.definitions import Field
from hub.fields.models import Type
from hub.fields.reading import BETWEEN, NOTHING, READERS, WORDS, Given, Wrong, is_nothing


class FieldValueError(ValueError):
    """A value that its field does not take.

    `field` is the field's name, `text` says what is wrong, `word` the same for programs (a page has its own sentence for
    it), `detail` what the sentence names.
    """

    def __init__(self, field: str, text: str, word: str = "invalid", **detail: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field
        self.text = text
        self.word = word
        self.detail = detail


def read(
    field: Field,
    raw: Any,
    *,
    region: str = "",
    currency: str = "",
    chosen: Mapping[str, Any] = NOTHING,
    before: Any = None,
) -> Any:
    """Return the value that is kept (see `Type`), or None for nothing.

    Args:
        raw: what somebody typed, a program sent or a mapping made.
        region: ISO 3166 country for telephone numbers without one, and for days with slashes.
        currency: of an amount that says none.
        chosen: the record's values of other fields, as they are kept, for lists that depend on one.
        before: what the record has now: an archived option stays where it is chosen.

    Raises:
        FieldValueError: it does not fit.
    """
    try:
        if is_nothing(raw):
            return None
        value = READERS[field.type](field, Given(raw, region, currency, chosen, before))
        return None if is_nothing(value) else value
    except Wrong as wrong:
        raise FieldValueError(field.name, wrong.text, wrong.word, **wrong.detail) from None


def text(field: Field, value: Any, language: str = "en") -> str:
    """Return a kept value as pages and files write it; `read` understands it again. Nothing is an empty text."""
    if value is None:
        return ""
    match field.type, value:
        case Type.BOOLEAN, bool():
            yes, no = WORDS.get(language[:2], WORDS["en"])
            return yes if value else no
        case Type.MONEY, {"amount": amount, "currency": currency}:
            return f"{amount} {currency}"
        case ((Type.CHOICE | Type.CHOICES), list()):
            return BETWEEN.join(_option_text(field, one, language) for one in value)
        case ((Type.CHOICE | Type.CHOICES), _):
            return _option_text(field, value, language)
    return value if isinstance(value, str) else str(value)


def read_all(
    fields: Mapping[str, Field],
    values: Mapping[str, Any],
    region: str = "",
    *,
    currency: str = "",
    before: Mapping[str, Any] = NOTHING,
    is_new: bool = False,
) -> tuple[dict[str, Any], dict[str, FieldValueError]]:
    """Read several values of one record; a field that others depend on comes before them.

    Only what `values` names is read; what it names as nothing comes back as None, to be taken away.

    Args:
        fields: those that can be filled, by name; others in `values` are left.
        before: the record's values as they are kept.
        is_new: what it does not name gets its default, and required fields must be there.

    Returns:
        The values as they are kept, and what was wrong with the others, both by name.
    """
    made: dict[str, Any] = {}
    problems: dict[str, FieldValueError] = {}
    for field in in_order(fields):
        name = field.name
        if field.parent in problems and name in values:
            problems[name] = _of_parent(fields, field)
            continue
        chosen = {**before, **made} if field.parent else NOTHING
        try:
            if name in values:
                made[name] = read(
                    field, values[name], region=region, currency=currency, chosen=chosen, before=before.get(name)
                )
            elif field.parent in made and made[field.parent] != before.get(field.parent) and name in before:
                read(field, before[name], chosen=chosen, before=before[name])  # what stays must go with the new parent
            if is_new and made.get(name) is None:
                if name not in values and field.default is not None:
                    made[name] = read(field, field.default, region=region, currency=currency, chosen=chosen)
                if field.required and made.get(name) is None:
                    raise FieldValueError(name, "it must be filled", "required")
        except FieldValueError as problem:
            made.pop(name, None)
            problems[name] = problem
    return made, problems


def in_order(fields: Mapping[str, Field]) -> Iterator[Field]:
    """Return the fields so that each comes behind the one that it depends on."""
    done: set[str] = set()
    for field in fields.values():
        line: list[Field] = []
        one: Field | None = field
        while one is not None and one.name not in done:
            done.add(one.name)
            line.append(one)
            one = fields.get(one.parent)
        yield from reversed(line)


def _of_parent(fields: Mapping[str, Field], field: Field) -> FieldValueError:
    parent = fields[field.parent].label("en")
    return FieldValueError(field.name, f"what it depends on, {parent}, is wrong", "parent_wrong", parent=field.parent)


def _option_text(field: Field, value: Any, language: str) -> str:
    option = field.option(str(value))
    return option.label(language) if option else str(value)
