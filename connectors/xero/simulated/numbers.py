"""JSON in which a number is written with the very digits that it has: Xero writes 115.50, and Python would write 115.5."""

import json
from decimal import Decimal
from typing import Any

HALF_A_CENT = Decimal("0.005")
_NOISE = Decimal("1e-13")


def dumps(value: Any) -> bytes:
    """Write a value; amounts are `Decimal`."""
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(name))}:{_text(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def noisy(value: Any) -> Any:
    """Return the same with the noise of a double at every amount: 115.50 becomes 115.4999999999999."""
    if isinstance(value, Decimal):
        return value - _NOISE if value else value
    if isinstance(value, dict):
        return {name: noisy(one) for name, one in value.items()}
    return [noisy(one) for one in value] if isinstance(value, list) else value
