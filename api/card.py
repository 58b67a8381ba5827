"""The card on file, as much of it as people may see."""

from api.fields import Answer
from billing.state import Card


class CardOut(Answer):
    brand: str
    last4: str
    exp_month: int
    exp_year: int


def card_out(card: Card | None) -> CardOut | None:
    if card is None:
        return None
    return CardOut(brand=card.brand, last4=card.last4, exp_month=card.exp_month, exp_year=card.exp_year)
