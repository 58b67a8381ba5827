"""Numbers, instants and cards as the viewer reads them."""

from zoneinfo import ZoneInfo

import pytest

from api.pages.cards import brand_name, card_name, good_until
from api.pages.formats import Formats, locale_of

NOW = "2026-11-01T06:00:00Z"


def formats(language: str = "en-US", zone: str = "America/New_York") -> Formats:
    return Formats(locale_of(language), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("language", "of", "said"),
    [
        ("en-US", 122.4, "122%"),
        ("de-DE", 122.4, "122\N{NO-BREAK SPACE}%"),
        ("en-US", 99.96, "99%"),
        ("en-US", 1234.5, "1,234%"),
        ("en-US", None, "–"),
    ],
)
def test_a_percentage_is_written_as_its_reader_does_and_never_reached_too_early(
    language: str, of: float | None, said: str
) -> None:
    assert formats(language).percent(of) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-04T06:00:00Z", "in 3 days, on Nov 4, 2026, 1:00\N{NARROW NO-BREAK SPACE}AM EST"),
        ("2026-11-01T09:00:00Z", "in 3 hours, on Nov 1, 2026, 4:00\N{NARROW NO-BREAK SPACE}AM EST"),
        (NOW, "any moment now"),
        ("2026-11-01T04:00:00Z", "any moment now"),
    ],
)
def test_what_comes_is_told_with_its_distance_and_what_is_late_comes_any_moment(at: str, said: str) -> None:
    assert formats().ahead(at, NOW) == said


@pytest.mark.parametrize(
    ("brand", "name"),
    [
        ("visa", "Visa"),
        ("mastercard", "Mastercard"),
        ("amex", "American Express"),
        ("diners", "Diners Club"),
        ("jcb", "JCB"),
        ("unionpay", "UnionPay"),
        ("cartes_bancaires", "Cartes Bancaires"),
        ("new_brand", "New brand"),
        ("unknown", "Card"),
    ],
)
def test_a_card_is_named_as_its_brand_spells_itself(brand: str, name: str) -> None:
    assert brand_name(brand) == name


def test_a_card_is_told_from_another_by_its_last_digits_and_its_month() -> None:
    card = {"brand": "jcb", "last4": "0505", "exp_month": 4, "exp_year": 2030}
    assert (card_name(card), good_until(card)) == ("JCB •••• 0505", "04/2030")
