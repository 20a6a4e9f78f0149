"""Bring values to one form, so that what comes back from a remote is known again whatever it did to the spelling.

Missing, empty and blank are one and the same: nothing, as in mappings. Zero and false are values.
"""

import hashlib
import json
import math
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Key = Callable[[Any], str]  # the normal form by which an entry of a list is known, such as E.164 of a phone


def canonical(value: Any) -> Any:
    """Return a value of JSON that is equal for values that mean the same; None for nothing.

    Text: composed letters, ends of lines and blanks at the ends do not count. Numbers: 1 and 1.00 are one. Times: in UTC.
    Lists keep their order; `canonical_set` is for those that are sets.
    """
    match value:
        case None:
            return None
        case str():
            text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n").strip()
            return text or None
        case bool():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return ["time", moment.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case Mapping():
            kept = {str(name): form for name, item in value.items() if (form := canonical(item)) is not None}
            return dict(sorted(kept.items())) or None
        case Sequence() | set() | frozenset():
            entries = [form for item in value if (form := canonical(item)) is not None]
            return (entries if isinstance(value, Sequence) else sorted(entries, key=_text)) or None
        case _:
            raise TypeError(f"a field of the type {type(value).__name__} cannot be compared")


def same(one: Any, other: Any) -> bool:
    """Say whether two values mean the same."""
    return _text(canonical(one)) == _text(canonical(other))


def entry_key(entry: Any, key: Key) -> str:
    """Return by what an entry of a set is known; one without a normal form by all that it says, so that none is lost."""
    return key(entry) or _text(canonical(entry))


def canonical_set(entries: Any, key: Key) -> Any:
    """Return the form of a list that is a set: equal whatever the order. Of two entries with one key the first counts."""
    forms: dict[str, Any] = {}
    for entry in entries:
        if canonical(entry) is not None:
            forms.setdefault(entry_key(entry, key), None if is_plain(entry, key) else canonical(entry))
    return [[known, forms[known]] for known in sorted(forms)] or None


def is_plain(entry: Any, key: Key) -> bool:
    """Say whether the key says all of an entry; an object says more, such as a label."""
    return not isinstance(entry, Mapping) and bool(key(entry))


def canonical_hash(fields: Mapping[str, Any], *, keys: Mapping[str, Key] | None = None) -> str:
    """Return a hash of mapped fields: equal for equal meaning, whatever the order of fields and of entries of sets.

    Args:
        fields: the mapped fields only; what the mapping does not know must not make a change.
        keys: of the fields that are sets, how an entry is known.
    """
    keys = keys or {}
    forms = {}
    for name, value in fields.items():
        form = canonical_set(value, keys[name]) if name in keys and is_list(value) else canonical(value)
        if form is not None:
            forms[name] = form
    return hashlib.sha256(_text(forms).encode()).hexdigest()


def is_echo(
    seen: str,
    *,
    last_pushed: str,
    earlier: Collection[str] = (),
    changed_at: datetime | None = None,
    pushed_at: datetime | None = None,
) -> bool:
    """Say whether an inbound state is only our own write coming back, by the hashes of the mapped fields.

    What equals the last push is an echo whatever its etag and time say. What equals an earlier one is, if it is not
    younger than the last push: a late or repeated answer. If it is younger, somebody set the old value again.

    Args:
        seen: hash of the state that came in.
        changed_at: when it was changed, by the remote's clock.
        pushed_at: when our last write was made, by the remote's clock.
    """
    if not seen:
        return False
    if seen == last_pushed:
        return True
    return seen in earlier and changed_at is not None and pushed_at is not None and changed_at <= pushed_at


def is_list(value: Any) -> bool:
    """Say whether a value holds entries."""
    return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)


def _number(value: float | Decimal) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return ["number", str(value)]
    exact = Decimal(str(value))
    if not exact.is_finite():
        return ["number", str(exact)]
    # By hand: arithmetic of decimals would round what has more than 28 digits.
    sign, digits, exponent = exact.as_tuple()
    written = "".join(map(str, digits)).lstrip("0")
    short = written.rstrip("0")
    return ["number", f"{'-' if sign else ''}{short}e{int(exponent) + len(written) - len(short)}" if short else "0"]


def _text(form: Any) -> str:
    return json.dumps(form, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
