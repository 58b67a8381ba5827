"""Money, numbers and dates as the viewer reads them: in their locale, in their zone, and the zone is named.

The pages' words are English, and so are the words within dates; digits and symbols are the viewer's own.
Instants are shown in the viewer's zone, which their browser tells in a cookie, else in the agency's. Days of billing
(periods, usage a day, in the portal an invoice's too) are days of the zone in which they are counted, whoever looks
(docs/adr/0031).
"""

import copy
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import NumberPattern, format_decimal, format_percent
from starlette.requests import Request

from billing.money import exponent

ZONE_COOKIE: Final = "zone"
_ENGLISH: Final = Locale("en", "US")
_WORLD_ENGLISH: Final = Locale("en", "GB")
_ZONES: Final = frozenset(available_timezones())
_RATE_DECIMALS: Final = 12
_MOST_LANGUAGES: Final = 10


@dataclass(frozen=True)
class Formats:
    """How one viewer reads. What is null shows as a dash."""

    locale: Locale
    zone: ZoneInfo

    @property
    def words(self) -> Locale:
        """English as the viewer's country writes dates in it: Nov 4 in the United States, 4 Nov elsewhere."""
        return self.locale if self.locale.language == "en" else _WORLD_ENGLISH

    def money(self, of: dict[str, Any] | None) -> str:
        """{amount, currency} in minor units, such as $49.00 or ¥4,900: with Stripe's decimals (billing-rules 1)."""
        if of is None:
            return "–"
        decimals = exponent(of["currency"])
        return self._currency(Decimal(of["amount"]).scaleb(-decimals), of["currency"], decimals, decimals)

    def written(self, amount: str, currency: str) -> str:
        """What a message of the API has in major units, such as 61.50 and USD: with the decimals that it has there."""
        decimals = len(amount.partition(".")[2])
        return self._currency(Decimal(amount), currency, decimals, decimals)

    def rate(self, of: dict[str, Any]) -> str:
        """{amount_decimal, currency}: what a minute costs, with every digit that it has."""
        decimals = exponent(of["currency"])
        exact = Decimal(of["amount_decimal"]).scaleb(-decimals)
        return self._currency(exact, of["currency"], decimals, decimals + _RATE_DECIMALS)

    def number(self, of: str | float | Decimal | None, decimals: int = 1) -> str:
        """A quantity, such as "612.0" minutes: without digits that say nothing."""
        if of is None:
            return "–"
        return format_decimal(round(Decimal(str(of)), decimals), "#,##0.###", locale=self.locale)

    def percent(self, of: float | None) -> str:
        """122.4 as 122%: downwards, so that 100% is never said before it is reached."""
        return "–" if of is None else format_percent(Decimal(math.floor(of)) / 100, locale=self.locale)

    def moment(self, at: str | datetime | None) -> str:
        """An instant with the name of its zone: Nov 4, 2026, 1:00 AM EST."""
        if at is None:
            return "–"
        local = _instant(at).astimezone(self.zone)
        return f"{self._day(local.date())}, {format_time(local, 'short', locale=self.words)} {_zone_name(local)}"

    def day(self, at: str | datetime | date | None, zone: str | None = None) -> str:
        """The day of an instant, in the viewer's zone or in that of billing; or a date as it is."""
        return "–" if at is None else self._day(self._date(at, zone))

    def short_day(self, at: str | datetime | date, zone: str | None = None) -> str:
        """Without the year: Nov 4."""
        return format_date(self._date(at, zone), self.words.datetime_skeletons["MMMd"].pattern, locale=self.words)

    def ahead(self, at: str, now: str) -> str:
        """When something comes: in 3 days, on Nov 4, 2026, 1:00 AM EST. What is late by now comes any moment."""
        apart: timedelta = _instant(at) - _instant(now)
        if apart <= timedelta():
            return "any moment now"
        return f"{format_timedelta(apart, add_direction=True, locale=self.words, threshold=1.2)}, on {self.moment(at)}"

    def _date(self, at: str | datetime | date, zone: str | None) -> date:
        if isinstance(at, str) and len(at) == len("2026-11-04"):
            return date.fromisoformat(at)
        if isinstance(at, date) and not isinstance(at, datetime):
            return at
        return _instant(at).astimezone(ZoneInfo(zone) if zone else self.zone).date()

    def _day(self, day: date) -> str:
        return format_date(day, "medium", locale=self.words)

    def _currency(self, value: Decimal, currency: str, fewest: int, most: int) -> str:
        pattern: NumberPattern = copy.copy(self.locale.currency_formats["standard"])
        pattern.frac_prec = (fewest, most)
        written: str = pattern.apply(value, self.locale, currency=currency.upper(), currency_digits=False)
        return written


def formats_of(request: Request, agency_zone: str) -> Formats:
    """As this browser asks."""
    told = request.cookies.get(ZONE_COOKIE, "")
    zone = told if told in _ZONES else agency_zone
    return Formats(locale_of(request.headers.get("accept-language", "")), ZoneInfo(zone))


@lru_cache(maxsize=256)
def locale_of(accept_language: str) -> Locale:
    """The first language that is asked for and known; English of the United States where there is none."""
    wanted: list[tuple[float, int, str]] = []
    for part in accept_language.split(",")[:_MOST_LANGUAGES]:
        tag, _, weight = part.strip().partition(";q=")
        wanted.append((-_weight(weight), len(wanted), tag.strip()))
    for _, _, tag in sorted(wanted):
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return _ENGLISH


def _weight(text: str) -> float:
    try:
        weight = float(text or "1")
    except ValueError:
        return 0.0
    return weight if math.isfinite(weight) else 0.0


def _zone_name(local: datetime) -> str:
    """EST, CET; where a zone has no such name, its distance: GMT+03."""
    name = local.tzname() or ""
    return f"GMT{name}" if name[:1] in ("+", "-") else name


def _instant(at: str | datetime | date) -> datetime:
    assert not isinstance(at, date) or isinstance(at, datetime)
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)
