"""Amounts, currencies, rates and the one rounding (billing-rules 1).

An amount is an int, exactly as Stripe's API takes it: minor units of a lower case ISO 4217 currency. A rate is an exact
`Decimal` in minor units per minute. No float enters or leaves this module.

    ValueError
    ├── CurrencyRefused   not a currency that Stripe charges in, or not in lower case
    ├── AmountRefused     not an int, not a multiple of the chargeable unit, negative, or over the ceiling
    └── RateRefused       not a plain, non-negative decimal with at most 12 decimals
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO_DECIMALS: Final = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
_THREE_DECIMALS: Final = _codes("bhd jod kwd omr tnd")
# Two decimals on Stripe's wire, none in real life: the last two digits of an amount are always zero.
_WHOLE_ONLY: Final = _codes("isk ugx")
# The currencies that Stripe documents for card charges. What one account may charge in is narrower, and its
# country_specs say so; this set is the outer fence, and it is explicit so that a typo is not a currency.
_CHARGEABLE: Final = _codes(
    """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny
    cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd
    jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad
    ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl
    thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
    """
)

_EIGHT_DIGITS: Final = 99_999_999
_RATE: Final = re.compile(r"(0|[1-9][0-9]{0,7})(\.[0-9]{1,12})?")


class CurrencyRefused(ValueError):
    """The code is not a lower case ISO code that Stripe charges in."""


class AmountRefused(ValueError):
    """The amount can not stand on an invoice in its currency."""


class RateRefused(ValueError):
    """The text is not a rate in plain decimal notation."""


@dataclass(frozen=True)
class Money:
    """An amount in minor units of a lower case ISO currency, as Stripe's API takes it (billing-rules 1)."""

    amount: int
    currency: str


def is_currency(code: str) -> bool:
    """Whether Stripe documents card charges in this lower case ISO code; "USD" is not one, "usd" is."""
    return code in _CHARGEABLE


def exponent(currency: str) -> int:
    """Decimals between the minor and the major unit on Stripe's wire: 0, 2 or 3 (billing-rules 1).

    Raises CurrencyRefused for a code that Stripe does not charge in.
    """
    if not is_currency(currency):
        raise CurrencyRefused(f"{currency!r} is not a currency that Stripe charges in")
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def unit(currency: str) -> int:
    """The chargeable unit in minor units: every amount on an invoice is a multiple of it (billing-rules 1)."""
    if exponent(currency) == 3:
        return 10
    return 100 if currency in _WHOLE_ONLY else 1


def ceiling(currency: str) -> int:
    """The largest chargeable amount in minor units; above it an invoice is parked (billing-rules 1).

    Stripe takes eight digits of the smallest unit whatever the currency. So "999,999.99 in the currency's scale" is
    999,999.99 usd, 99,999,999 jpy and 99,999.99(0) kwd: the largest multiple of the unit with eight digits.
    """
    return _EIGHT_DIGITS - _EIGHT_DIGITS % unit(currency)


def check_unit(amount: int, currency: str) -> None:
    """Raise AmountRefused unless the amount is an int and a multiple of the chargeable unit (billing-rules 1)."""
    # A bool or a float can pass for an int in arithmetic, and would then be money.
    if type(amount) is not int:
        raise AmountRefused(f"{amount!r} is not a whole number of minor units")
    if amount % unit(currency):
        raise AmountRefused(f"{amount} {currency} is not a multiple of {unit(currency)}")


def check_amount(amount: int, currency: str, *, allow_negative: bool = False) -> None:
    """Refuse a given amount, in minor units, that could not be charged as it stands (billing-rules 1).

    Raises AmountRefused when it is no multiple of the chargeable unit, negative, or over the ceiling either way.
    """
    check_unit(amount, currency)
    if amount < 0 and not allow_negative:
        raise AmountRefused(f"{amount} {currency} is negative")
    if abs(amount) > ceiling(currency):
        raise AmountRefused(f"{amount} {currency} is more than {ceiling(currency)}, the most that Stripe charges")


def round_to_unit(value: Fraction | Decimal, currency: str) -> int:
    """Round exact minor units to the chargeable unit, half away from zero (billing-rules 1). Once per invoice line.

    Raises TypeError for a float: its rounding has already happened, somewhere else.
    """
    if isinstance(value, float):
        raise TypeError("money is never a float")
    step = unit(currency)
    units = Fraction(value) / step
    magnitude = int(abs(units) + Fraction(1, 2))
    return (magnitude if units >= 0 else -magnitude) * step


def parse_rate(text: str) -> Decimal:
    """Read a rate in minor units per minute, "12.5" = 12.5 cents a minute (billing-rules 1).

    Plain notation, non-negative, at most 12 decimals and eight digits before the point (no minute costs more than the
    largest invoice). Raises RateRefused for anything else: signs, exponents, NaN, separators, and whatever is not text.
    """
    if type(text) is not str or not _RATE.fullmatch(text):
        raise RateRefused(f"{text!r} is not a plain decimal rate with at most 12 decimals")
    return Decimal(text)


def format_rate(rate: Decimal) -> str:
    """The canonical text of a rate: no exponent, no trailing zeros, "12.5" (billing-rules 1).

    Equal rates have equal texts. Raises RateRefused for what parse_rate would not have given.
    """
    if not rate.is_finite() or rate < 0:
        raise RateRefused(f"{rate!r} is not a rate")
    # copy_abs, not abs: that would round to the context's precision. It is here for Decimal("-0").
    plain = f"{rate.copy_abs():f}"
    canonical = plain.rstrip("0").rstrip(".") if "." in plain else plain
    parse_rate(canonical)
    return canonical


def show(amount: int, currency: str) -> str:
    """The amount for people, in major units: "49.00 USD", "4900 JPY", "1.230 KWD", "-5.00 USD".

    Krónur and Ugandan shillings have two decimals only on Stripe's wire: 4900 isk minor units are "49 ISK".
    """
    decimals, minor = exponent(currency), amount
    if currency in _WHOLE_ONLY and amount % unit(currency) == 0:
        decimals, minor = 0, amount // unit(currency)
    return f"{_point(str(abs(minor)), decimals, negative=minor < 0)} {currency.upper()}"


def show_rate(rate: Decimal, currency: str) -> str:
    """A rate for people, in major units per minute: 12.5 usd minor units are "0.125 USD", 10 are "0.10 USD"."""
    whole, _, fraction = format_rate(rate).partition(".")
    shifted = _point(whole + fraction, exponent(currency) + len(fraction), negative=False)
    return f"{shifted} {currency.upper()}"


def _point(digits: str, decimals: int, *, negative: bool) -> str:
    sign = "-" if negative else ""
    if decimals == 0:
        return sign + digits
    padded = digits.zfill(decimals + 1)
    return f"{sign}{padded[:-decimals]}.{padded[-decimals:]}"
