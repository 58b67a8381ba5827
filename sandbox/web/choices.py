"""What the bar lets a visitor choose, with the words for it."""

from typing import Final

BEHAVIOURS: Final = (
    ("pays", "pays"),
    ("insufficient_funds", "has insufficient funds"),
    ("lost_card", "is reported lost"),
    ("expired_card", "has expired"),
    ("needs_authentication", "needs its holder's confirmation"),
    ("do_not_honor", "is declined without a reason"),
    ("processing", "takes days to pay"),
    ("blocked", "is blocked as fraud"),
)
"""How a card on file reacts to a charge, by the control port's word for it."""

CARDS: Final = (
    ("5555555555554444", "Mastercard 4444, which pays"),
    ("4242424242424242", "Visa 4242, which pays"),
    ("4000000000000341", "Visa 0341, declined when charged"),
    ("4000002760003184", "Visa 3184, whose bank always asks"),
    ("4000000000000002", "Visa 0002, which Stripe refuses"),
)
"""Stripe's test cards."""
