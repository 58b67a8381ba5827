"""What the dashboard's forms offer to choose from."""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global

from billing.money import is_currency

_ENGLISH: Final = Locale("en")
_NO_REGIONS: Final = frozenset({"Etc", "US"})

INCREMENTS: Final = (
    ("60", "To the next full minute"),
    ("6", "To the next 6 seconds"),
    ("1", "To the second"),
)
"""How a call's length is rounded up: the API's seconds, and what they are called."""


@cache
def currencies() -> tuple[tuple[str, str], ...]:
    """Those that Stripe charges in, each with its name."""
    known = {code.lower(): name for code, name in _ENGLISH.currencies.items() if is_currency(code.lower())}
    return tuple((code, f"{code.upper()}: {known[code]}") for code in sorted(known))


@cache
def zones() -> dict[str, list[str]]:
    """The time zones in which people live, by region; the aliases of one zone only once."""
    usual = available_timezones() & get_global("zone_territories").keys()
    regions: dict[str, list[str]] = {}
    for zone in sorted(usual):
        region = zone.partition("/")[0]
        if region != zone and region not in _NO_REGIONS:
            regions.setdefault(region, []).append(zone)
    return regions
