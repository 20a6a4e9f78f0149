"""JSON whose amounts keep their digits: QuickBooks writes them as numbers, and a float would not hold them."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

CENT = Decimal("0.01")


def money(amount: str | Decimal) -> Decimal:
    """An amount in whole cents. Raises decimal.InvalidOperation for what is no number."""
    return Decimal(amount).quantize(CENT)


def written(value: Any) -> str:
    """JSON of what may hold decimal numbers, written as the API does: 362.07, 150.0 and 0."""
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(written(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _number(value: Decimal) -> str:
    if not value:
        return "0"
    text = format(value, "f")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def noisy(value: Decimal) -> Decimal:
    """The same amount as a float of binary arithmetic shows it, such as 115.49999999999999 for 115.5."""
    return value - Decimal("1e-14") if value else value
