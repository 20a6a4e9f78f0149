"""Amounts of money, exact to the smallest coin of their currency. Pure."""

from decimal import Context, Decimal
from functools import cache

from babel.numbers import get_currency_precision, list_currencies

LARGEST = Decimal(9_000_000_000_000)  # stored as millionths in 64 bits
NOISE = Decimal("0.000001")  # what a remote's binary floats leave behind, such as 115.50000000000001
# Babel has Unicode's table, which drops coins that daily life forgot; invoices keep the decimals of ISO 4217.
# Source: ISO 4217, list one (and its list three of historic codes), column "minor unit".
_MINOR_UNITS = {
    **dict.fromkeys(
        ("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "MRO", "RSD", "SLL", "SOS", "STD", "SYP", "TMM", "YER", "ZMK"),
        2,
    ),
    "IQD": 3,
}  # fmt: skip
_NO_MONEY = frozenset({"XXX", "XTS"})  # "no currency" and "for tests"
_EXACT = Context(prec=60)


@cache
def _known() -> frozenset[str]:
    return frozenset(list_currencies()) - _NO_MONEY


def exponent(currency: str) -> int:
    """Return how many decimals amounts of a currency have; letter case does not matter, historic codes count.

    Raises:
        ValueError: there is no such currency.
    """
    code = currency.upper()
    if code not in _known():
        raise ValueError(f"{currency[:20]!r} is no currency of ISO 4217")
    return _MINOR_UNITS[code] if code in _MINOR_UNITS else get_currency_precision(code)


def quantize(value: Decimal, currency: str) -> Decimal:
    """Return an amount with exactly the decimals of its currency; nothing is rounded but the noise of floats.

    Raises:
        TypeError: it is no decimal number: a float, not a number, infinite.
        ValueError: the currency is unknown, or the amount has more decimals than it, or is larger than any we keep.
    """
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"an amount is a finite Decimal, not {type(value).__name__} {str(value)[:40]}")
    if value.copy_abs() > LARGEST:
        raise ValueError(f"the amount {str(value)[:40]} is larger than any that is kept")
    short = value.quantize(Decimal(1).scaleb(-exponent(currency)), context=_EXACT)
    if abs(_EXACT.subtract(short, value)) >= NOISE:
        raise ValueError(f"the amount {str(value)[:40]} has more decimals than {currency.upper()}")
    return short or abs(short)  # no minus in front of nothing


def digits(value: Decimal, currency: str = "") -> str:
    """Return an amount as programs read it: plain digits, with the decimals of its currency where it has no more."""
    try:
        return format(quantize(value, currency), "f")
    except ValueError:  # of no currency, or of a sum that is larger than any amount
        return format(value.normalize(context=_EXACT), "f")
