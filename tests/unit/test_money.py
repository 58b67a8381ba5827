"""Amounts, currencies, rates and the one rounding: billing-rules 1."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.money import (
    AmountRefused,
    CurrencyRefused,
    RateRefused,
    ceiling,
    check_amount,
    exponent,
    format_rate,
    is_currency,
    parse_rate,
    round_to_unit,
    show,
    show_rate,
    unit,
)

NO_DECIMALS = ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
THREE_DECIMALS = ["bhd", "jod", "kwd", "omr", "tnd"]


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        *[(code, 0) for code in NO_DECIMALS],
        *[(code, 3) for code in THREE_DECIMALS],
        *[(code, 2) for code in ("usd", "eur", "gbp", "chf", "huf", "twd", "isk", "ugx")],
    ],
)
def test_exponent_is_what_stripes_wire_has(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    ("currency", "expected"),
    [*[(code, 10) for code in THREE_DECIMALS], ("isk", 100), ("ugx", 100), ("usd", 1), ("jpy", 1), ("huf", 1)],
)
def test_chargeable_unit(currency: str, expected: int) -> None:
    assert unit(currency) == expected


@pytest.mark.parametrize("code", ["usd", "eur", "jpy", "kwd", "isk", "ugx", "xcg"])
def test_a_currency_that_stripe_charges_in(code: str) -> None:
    assert is_currency(code)


@pytest.mark.parametrize("code", ["USD", "us", "usdd", "", "xxx", "btc", "irr", "kpw", " usd"])
def test_what_is_no_currency_is_refused_everywhere(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(CurrencyRefused):
        exponent(code)
    with pytest.raises(CurrencyRefused):
        check_amount(100, code)


@pytest.mark.parametrize(
    ("currency", "most"),
    [("usd", 99_999_999), ("jpy", 99_999_999), ("kwd", 99_999_990), ("isk", 99_999_900), ("ugx", 99_999_900)],
)
def test_ceiling_is_eight_digits_of_the_smallest_unit(currency: str, most: int) -> None:
    assert ceiling(currency) == most
    check_amount(most, currency)
    check_amount(-most, currency, allow_negative=True)
    with pytest.raises(AmountRefused, match="more than"):
        check_amount(most + unit(currency), currency)
    with pytest.raises(AmountRefused, match="more than"):
        check_amount(-most - unit(currency), currency, allow_negative=True)


@pytest.mark.parametrize(("amount", "currency"), [(0, "usd"), (1, "usd"), (1230, "kwd"), (4900, "isk"), (1, "jpy")])
def test_an_amount_that_can_stand(amount: int, currency: str) -> None:
    check_amount(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency"), [(1235, "kwd"), (4950, "isk"), (1, "ugx"), (-1, "usd"), (49.0, "usd"), (True, "usd")]
)
def test_an_amount_that_can_not_stand_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(AmountRefused):
        check_amount(amount, currency)


def test_a_negative_amount_is_still_a_multiple_of_the_unit() -> None:
    check_amount(-1230, "kwd", allow_negative=True)
    with pytest.raises(AmountRefused, match="multiple of 10"):
        check_amount(-1235, "kwd", allow_negative=True)


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("0.5", "usd", 1),
        ("-0.5", "usd", -1),
        ("1.5", "usd", 2),
        ("2.5", "usd", 3),
        ("0.49999999999999999999999999999999999999", "usd", 0),
        ("37.5", "usd", 38),
        ("1234.9", "kwd", 1230),
        ("1235", "kwd", 1240),
        ("-1235", "kwd", -1240),
        ("49", "isk", 0),
        ("50", "isk", 100),
        ("4950", "ugx", 5000),
        ("0.5", "jpy", 1),
    ],
)
def test_rounding_is_half_away_from_zero_to_the_unit(value: str, currency: str, expected: int) -> None:
    assert round_to_unit(Decimal(value), currency) == expected
    assert round_to_unit(Fraction(value), currency) == expected


def test_a_float_is_never_rounded() -> None:
    with pytest.raises(TypeError, match="never a float"):
        round_to_unit(37.5, "usd")  # type: ignore[arg-type]


@given(st.fractions(), st.sampled_from(["usd", "jpy", "kwd", "isk"]))
@settings(deadline=None)
def test_rounding_is_symmetric_and_at_most_half_a_unit_off(value: Fraction, currency: str) -> None:
    rounded = round_to_unit(value, currency)
    assert rounded % unit(currency) == 0
    assert abs(rounded - value) <= Fraction(unit(currency), 2)
    assert round_to_unit(-value, currency) == -rounded


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0.0", "0"),
        ("12", "12"),
        ("12.5", "12.5"),
        ("12.50", "12.5"),
        ("100", "100"),
        ("0.75", "0.75"),
        ("0.000000000001", "0.000000000001"),
        ("99999999.999999999999", "99999999.999999999999"),
    ],
)
def test_a_rate_is_read_exactly_and_written_canonically(text: str, canonical: str) -> None:
    assert parse_rate(text) == Decimal(text)
    assert format_rate(parse_rate(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "0.0000000000001",
        "100000000",
        "",
        "-1",
        "+1",
        "1e2",
        "1E-3",
        "NaN",
        "Infinity",
        ".5",
        "5.",
        "1,5",
        "1_0",
        " 1",
        "1\n",
        "007",
        "٣",
        "0x1",
    ],
)
def test_a_rate_in_any_other_notation_is_refused(text: str) -> None:
    with pytest.raises(RateRefused):
        parse_rate(text)


@pytest.mark.parametrize("value", [12.5, 12, None])
def test_a_rate_is_text(value: object) -> None:
    with pytest.raises(RateRefused):
        parse_rate(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "text"),
    [(Decimal("1E+2"), "100"), (Decimal("1.250E+1"), "12.5"), (Decimal("-0"), "0"), (Decimal("0E-7"), "0")],
)
def test_equal_rates_have_equal_texts(rate: Decimal, text: str) -> None:
    assert format_rate(rate) == text


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity", "1E+9", "1." + "0" * 30 + "1"])
def test_what_is_no_rate_has_no_text(rate: str) -> None:
    with pytest.raises(RateRefused):
        format_rate(Decimal(rate))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (4900, "usd", "49.00 USD"),
        (4900, "jpy", "4900 JPY"),
        (1230, "kwd", "1.230 KWD"),
        (-500, "usd", "-5.00 USD"),
        (5, "usd", "0.05 USD"),
        (-5, "usd", "-0.05 USD"),
        (0, "usd", "0.00 USD"),
        (0, "jpy", "0 JPY"),
        (10, "kwd", "0.010 KWD"),
        (4900, "isk", "49 ISK"),
        (-4900, "ugx", "-49 UGX"),
        (4950, "isk", "49.50 ISK"),
    ],
)
def test_an_amount_for_people(amount: int, currency: str, text: str) -> None:
    assert show(amount, currency) == text


@pytest.mark.parametrize(
    ("rate", "currency", "text"),
    [
        ("12.5", "usd", "0.125 USD"),
        ("12", "usd", "0.12 USD"),
        ("10", "usd", "0.10 USD"),
        ("0", "usd", "0.00 USD"),
        ("250", "usd", "2.50 USD"),
        ("0.75", "usd", "0.0075 USD"),
        ("12.5", "jpy", "12.5 JPY"),
        ("12", "jpy", "12 JPY"),
        ("12.5", "kwd", "0.0125 KWD"),
    ],
)
def test_a_rate_for_people(rate: str, currency: str, text: str) -> None:
    assert show_rate(Decimal(rate), currency) == text
