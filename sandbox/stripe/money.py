"""How amounts behave in each currency: scale, smallest and largest charge, rounding."""

from decimal import ROUND_HALF_UP, Decimal

MAX_CHARGE = 99_999_999

_ZERO_DECIMAL_CODES = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMAL_CODES = "bhd jod kwd omr tnd"
_CODES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny
cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd
jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mro mur mvr mwk mxn myr mzn nad
ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb
tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""

_ZERO_DECIMAL = frozenset(_ZERO_DECIMAL_CODES.split())
_THREE_DECIMAL = frozenset(_THREE_DECIMAL_CODES.split())
CURRENCIES = tuple(_CODES.split())

# Stripe's smallest charge, in minor units; the rest follow the dollar.
_MINIMUM_CHARGE = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "mxn": 1000, "myr": 200,
    "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
_DEFAULT_MINIMUM = 50


def minimum_charge(currency: str) -> int:
    """What Stripe charges at least, in minor units; a smaller total goes to the customer's balance."""
    return _MINIMUM_CHARGE.get(currency, _DEFAULT_MINIMUM)


def round_half_away(amount: Decimal) -> int:
    """Whole minor units; a half goes away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def chargeable_unit(currency: str) -> int:
    """What every charged amount is a multiple of: banks take two decimals of three, and whole krónur and shillings."""
    if currency in _THREE_DECIMAL:
        return 10
    return 100 if currency in ("isk", "ugx") else 1


def round_to_chargeable(amount: Decimal, currency: str) -> int:
    """Minor units that can be charged; a half goes away from zero."""
    unit = chargeable_unit(currency)
    return round_half_away(amount / unit) * unit


def exponent(currency: str) -> int:
    """Decimal places between the unit that people read and the one that the API takes."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def format_amount(amount: int, currency: str) -> str:
    """For people: `1,234.50 USD`."""
    places = exponent(currency)
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency.upper()}"
