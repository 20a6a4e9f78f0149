"""What pages say of mappings: names of transforms and choices, and what is wrong with a field, in plain words."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext
from flask_babel import gettext as _

from hub.errors import UserError
from hub.mapping.expression import wrong_at
from hub.mapping.preview import LATE
from hub.mapping.trial import Fate, Kind
from hub.web import errors

TRANSFORMS: Mapping[str, LazyString] = MappingProxyType(
    {
        "text": lazy_gettext("as text"),
        "trim": lazy_gettext("without spaces at the ends"),
        "lower": lazy_gettext("small letters"),
        "upper": lazy_gettext("capital letters"),
        "digits": lazy_gettext("only the digits"),
        "replace": lazy_gettext("replace a text"),
        "prefix": lazy_gettext("put a text in front"),
        "suffix": lazy_gettext("put a text behind"),
        "truncate": lazy_gettext("the first characters"),
        "pad": lazy_gettext("fill up on the left"),
        "integer": lazy_gettext("whole number"),
        "decimal": lazy_gettext("exact number"),
        "minor_units": lazy_gettext("amount from the smallest coins"),
        "boolean": lazy_gettext("yes or no"),
        "unix_seconds": lazy_gettext("time from seconds since 1970"),
        "unix_millis": lazy_gettext("time from milliseconds since 1970"),
        "iso_datetime": lazy_gettext("time"),
        "datetime_as": lazy_gettext("time in a form of its own"),
        "date": lazy_gettext("day"),
        "date_as": lazy_gettext("day in a form of its own"),
        "first": lazy_gettext("the first that is there"),
        "join": lazy_gettext("join to one text"),
        "split": lazy_gettext("split into parts"),
        "lookup": lazy_gettext("look up in a list"),
        "default": lazy_gettext("a value where there is nothing"),
        "phone": lazy_gettext("telephone number"),
        "phones": lazy_gettext("several telephone numbers"),
        "email": lazy_gettext("e-mail address"),
        "name": lazy_gettext("name of a person or company"),
    }
)
TYPES: Mapping[str, LazyString] = MappingProxyType(
    {
        "text": lazy_gettext("text"),
        "integer": lazy_gettext("a whole number"),
        "decimal": lazy_gettext("an exact number"),
        "boolean": lazy_gettext("yes or no"),
        "date": lazy_gettext("a day"),
        "datetime": lazy_gettext("a time"),
        "list": lazy_gettext("a list"),
        "object": lazy_gettext("an object"),
    }
)
FATES: Mapping[Fate, LazyString] = MappingProxyType(
    {
        Fate.CREATE: lazy_gettext("would be taken for the first time"),
        Fate.CHANGE: lazy_gettext("would change"),
        Fate.SKIP: lazy_gettext("stay as they are"),
        Fate.FAIL: lazy_gettext("would be set aside"),
    }
)
CHANGES: Mapping[Kind, LazyString] = MappingProxyType(
    {
        Kind.ADDED: lazy_gettext("filled now, empty before"),
        Kind.CHANGED: lazy_gettext("changed"),
        Kind.BLANKED: lazy_gettext("empty now, filled before"),
    }
)
# What keeps somebody from saving or publishing, by the stable word of the error.
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "draft_changed": lazy_gettext(
            "Somebody changed this mapping meanwhile. Nothing was overwritten. Look at what it is now."
        ),
        "unchanged": lazy_gettext("This is what counts already."),
        "bad_mapping": lazy_gettext("This mapping cannot be kept: it is too large, or holds what no mapping can."),
        "again": lazy_gettext("Say from when on it counts."),
        "since": lazy_gettext("Give the day."),
        "mapping_unfinished": lazy_gettext("This draft is not finished, so no file can be made of it."),
    }
)
# What a field or a value says that does not fit, and how we say it; groups of the pattern go into the sentence.
_SAID: Sequence[tuple[re.Pattern[str], LazyString]] = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (
            r"say where it comes from.*",
            lazy_gettext("Choose a source field, write an expression, or give a default value."),
        ),
        (
            r"(?:transform: )?there is no transform '(?P<what>[^']*)'.*",
            lazy_gettext("There is no transform “%(what)s”."),
        ),
        (
            r"(?:transform: )?transform (?P<of>\w+) needs the argument '(?P<what>[^']*)'",
            lazy_gettext("The transform “%(of)s” needs “%(what)s”."),
        ),
        (
            r"(?:transform: )?transform (?P<of>\w+), argument '(?P<what>[^']*)': .*valid integer.*",
            lazy_gettext("“%(what)s” of the transform “%(of)s” must be a whole number."),
        ),
        (
            r"(?:transform: )?transform (?P<of>\w+), argument '(?P<what>[^']*)': .*",
            lazy_gettext("“%(what)s” of the transform “%(of)s” is not as it must be."),
        ),
        (
            r"(?:values: )?every entry must be a list of its own.*",
            lazy_gettext("Say for each entry of the list when it counts."),
        ),
        (
            r"(?:depends_on: )?depends on itself",
            lazy_gettext("A list of values cannot depend on its own field, also not in a circle."),
        ),
        (
            r"(?:depends_on: )?there is no field '(?P<what>[^']*)'",
            lazy_gettext("It depends on “%(what)s”, which is not mapped."),
        ),
        (
            r"(?:from: )?.* is no path: .*character (?P<what>\d+).*",
            lazy_gettext("This is no path: it cannot be read from character %(what)s on."),
        ),
        (
            r".*direction '\w+' writes back, so it needs `from`.*",
            lazy_gettext("What is written back needs a source field to be written to."),
        ),
        (
            r"it is required, and the payload has nothing.*",
            lazy_gettext("It is required, and this record has nothing there."),
        ),
        (
            r"the value (?P<what>.*) is not in the list of values for (?P<of>\S+) (?P<when>.*)",
            lazy_gettext("%(what)s is not in the list of values for %(of)s = %(when)s."),
        ),
        (
            r"the value (?P<what>.*) is not in the list of values",
            lazy_gettext("%(what)s is not in the list of values."),
        ),
        (r"(?P<what>.*) is no whole number", lazy_gettext("%(what)s is no whole number.")),
        (r"(?P<what>.*) is no number", lazy_gettext("%(what)s is no number.")),
        (r"(?P<what>.*) is neither true nor false", lazy_gettext("%(what)s is neither yes nor no.")),
        (r"(?P<what>.*) is no time of this unit", lazy_gettext("%(what)s is no time of this unit.")),
        (r"an? (?:object|list) is no text", lazy_gettext("Several values stand there, and this takes one.")),
        (r".*is too large; as an identifier.*", lazy_gettext("This number is too large; leave it a text.")),
        (r"Invalid isoformat string: (?P<what>.*)", lazy_gettext("%(what)s is no date or time.")),
        (
            r"time data (?P<what>'.*') does not match format (?P<of>'.*')",
            lazy_gettext("%(what)s is not of the form %(of)s."),
        ),
        (r"the expression was stopped: .*D1012.*", lazy_gettext("The expression takes too long; it was stopped.")),
        (
            r"the expression was stopped: .*D2015.*",
            lazy_gettext("The expression makes too long a list; it was stopped."),
        ),
        (r"the expression was stopped: .*", lazy_gettext("The expression calls itself too often; it was stopped.")),
        (
            r".*the expression is longer than (?P<what>\d+).*",
            lazy_gettext("An expression has %(what)s characters at most."),
        ),
        (
            r"(?:expr: )?(?P<what>\$\w+) is not allowed here.*",
            lazy_gettext("“%(what)s” is not allowed here: the same record must always give the same."),
        ),
        (
            r"fields: Dictionary should have at least 1 item.*",
            lazy_gettext("Nothing is mapped, or nothing is another way than for all."),
        ),
        (re.escape(LATE), lazy_gettext("The fields above took too long, so this one was not tried.")),
        (
            r"it holds nothing where a file needs something.*",
            lazy_gettext("A list of values has an entry that becomes nothing."),
        ),
    )
)


def sentence(error: UserError) -> str:
    """Return what keeps somebody from saving or publishing."""
    known = _FAULTS.get(error.error_id)
    return errors.sentence(error) if known is None else str(known)


def transform(name: str) -> str:
    """Return what a transform is called: its word, and what it makes in the page's language where we know it."""
    known = TRANSFORMS.get(name)
    return f"{name} · {known}" if known is not None else name


def reason(text: str, *, expr: str = "") -> str:
    """Return what is wrong with a field in plain words; without words of ours as the hub says it.

    Args:
        expr: the field's expression; where it cannot be read, the sentence says at which character.
    """
    for pattern, words in _SAID:
        if (found := pattern.fullmatch(text)) is not None:
            return str(words) % found.groupdict() if found.groupdict() else str(words)
    if expr and text.startswith("expr: "):
        at = wrong_at(expr)
        said = text.removeprefix("expr: ").removeprefix("Parse error: ").removeprefix("Invalid syntax: ")
        if at:
            return str(_("The expression cannot be read, at character %(at)d: %(said)s", at=at, said=_plain(said)))
        return str(_("The expression cannot be read: %(said)s", said=_plain(said)))
    return text


_QUOTED = re.compile(r"'[^']*(?:'|$)|\"[^\"]*(?:\"|$)")


def without_values(problem: str) -> str:
    """Return what is wrong with a field made of a secret, without what was sent."""
    return _QUOTED.sub("***", problem)


_OF_FIELD = re.compile(r"record .*?: field (?P<field>[\w.]+): (?P<why>.*)", re.DOTALL)


def failing(field: str, problem: str) -> tuple[str, str]:
    """Return the field that keeps a record from being taken, and why; of a field of one's own both stand in the text."""
    found = _OF_FIELD.fullmatch(problem) if not field else None
    return (found["field"], reason(found["why"])) if found else (field, reason(problem))


def _plain(said: str) -> str:
    """Return what an engine says without its code."""
    return re.sub(r"^[A-Z]\d{4}: ", "", said)
