"""What pages say of mappings: names of transforms and choices, and what keeps one from being saved, in plain words."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext

from hub.errors import UserError
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


def sentence(error: UserError) -> str:
    """Return what keeps somebody from saving or publishing."""
    known = _FAULTS.get(error.error_id)
    return errors.sentence(error) if known is None else str(known)


def transform(name: str) -> str:
    """Return what a transform is called: its word, and what it makes in the page's language where we know it."""
    known = TRANSFORMS.get(name)
    return f"{name} · {known}" if known is not None else name
