"""Amounts: exact to the coin, or refused."""

from decimal import Decimal

import pytest
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st

from hub.records.money import LARGEST, exponent, quantize

CURRENCIES = st.sampled_from(
    ["PLN", "ILS", "EUR", "JPY", "HUF", "KWD", "BHD", "RSD", "IQD", "CLF", "UYI", "DEM", "ITL"]
)


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("115.5", "EUR", "115.50"),
        ("115.50", "eur", "115.50"),
        ("115.50000000000001", "EUR", "115.50"),
        ("115.4999999999999", "EUR", "115.50"),
        ("0.1", "PLN", "0.10"),
        ("-0.0000000001", "PLN", "0.00"),
        ("-0", "PLN", "0.00"),
        ("-12.3", "ILS", "-12.30"),
        ("1500", "JPY", "1500"),
        ("1500.0000001", "JPY", "1500"),
        ("1500", "HUF", "1500.00"),
        ("1.234", "KWD", "1.234"),
        ("1.234", "BHD", "1.234"),
        ("115.55", "RSD", "115.55"),  # Unicode's table knows no paras, invoices do
        ("1.234", "IQD", "1.234"),
        ("1.2345", "CLF", "1.2345"),
        ("19.99", "DEM", "19.99"),
        ("1E+3", "EUR", "1000.00"),
        ("1E-999999", "EUR", "0.00"),
        ("9000000000000", "EUR", "9000000000000.00"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(value: str, currency: str, expected: str) -> None:
    assert str(quantize(Decimal(value), currency)) == expected


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        ("115.505", "EUR"),
        ("115.500001", "EUR"),
        ("0.5", "JPY"),
        ("1.2345", "KWD"),
        ("9000000000000.01", "EUR"),
        ("-9000000000001", "JPY"),
        ("1E+999999", "EUR"),
        ("1", "ZZZ"),
        ("1", ""),
        ("1", "XXX"),
        ("1", "euro"),
        ("1", "E\u00dcR"),
        ("1", "EUR "),
        ("1", "E" * 1_000_000),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(value: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"currency|decimals|larger"):
        quantize(Decimal(value), currency)


@pytest.mark.parametrize("value", [1.5, 1, True, "1", None, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_only_a_finite_decimal_is_an_amount(value: Decimal) -> None:
    with pytest.raises(TypeError, match="finite Decimal"):
        quantize(value, "EUR")


@given(st.decimals(allow_nan=False, allow_infinity=False), CURRENCIES)
def test_an_amount_is_kept_or_refused_and_never_rounded(value: Decimal, currency: str) -> None:
    try:
        kept = quantize(value, currency)
    except ValueError:
        return
    assert abs(kept - value) < Decimal("0.000001")
    assert abs(kept) <= LARGEST
    assert -int(kept.as_tuple().exponent) == exponent(currency)
    assert quantize(kept, currency) == kept


@given(st.integers(-9 * 10**14, 9 * 10**14), CURRENCIES)
def test_every_number_of_coins_stays_as_it_is(coins: int, currency: str) -> None:
    value = Decimal(coins).scaleb(-max(exponent(currency), 2)).quantize(Decimal(1).scaleb(-exponent(currency)))
    assert quantize(value, currency) == value
    assert int(value * 10**6) == value * 10**6  # fits into millionths
    assert abs(int(value * 10**6)) < 2**63


@given(st.integers(-(10**12), 10**12), st.floats(-1e-7, 1e-7))
def test_the_noise_of_floats_goes(coins: int, noise: float) -> None:
    value = Decimal(coins).scaleb(-2)
    assert quantize(value + Decimal(str(noise)), "EUR") == value


@given(st.text(max_size=5))
def test_any_text_is_a_currency_or_refused(currency: str) -> None:
    if currency.upper() in list_currencies() and currency.upper() not in {"XXX", "XTS"}:
        assert exponent(currency) in range(5)
    else:
        with pytest.raises(ValueError, match="no currency"):
            exponent(currency)
