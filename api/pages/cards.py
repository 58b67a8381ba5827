"""A card as people know it: by its brand's own spelling and its last digits."""

from collections.abc import Mapping
from typing import Any, Final

_BRANDS: Final = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "eftpos_au": "eftpos Australia",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "unknown": "Card",
}
"""By Stripe's words for them; the others are names as they stand: visa, mastercard, discover, link."""


def brand_name(brand: str) -> str:
    return _BRANDS.get(brand) or brand.replace("_", " ").capitalize()


def card_name(card: Mapping[str, Any]) -> str:
    """Visa •••• 4242."""
    return f"{brand_name(card['brand'])} •••• {card['last4']}"


def good_until(card: Mapping[str, Any]) -> str:
    """The month as it is printed on the card: 04/2030."""
    return f"{card['exp_month']:02d}/{card['exp_year']}"
