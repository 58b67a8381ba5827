"""A spend cap on the wire: what a period's overage may come to, and what follows (billing-rules 9)."""

from typing import Any, Final, Literal

from adapters.postgres.figures import Usage
from api.fields import Answer, Request
from api.money import Money, MoneyIn, money
from api.problems import InvalidFields
from billing.plans import CapAction, SpendCap

CAP: Final[dict[str, Any]] = {"amount": {"amount": 10000, "currency": "usd"}, "action": "block"}


class SpendCapIn(Request):
    """`notify` tells client and agency when it is reached; with `block` the client is to be served no calls either."""

    amount: MoneyIn
    action: Literal["notify", "block"]


class SpendCapOut(Answer):
    amount: Money
    action: Literal["notify", "block"]


class CapUseOut(Answer):
    """The cap, and whether the period's overage has come to it."""

    amount: Money
    action: Literal["notify", "block"]
    reached: bool


def cap_of(given: SpendCapIn | None, currency: str) -> SpendCap | None:
    """Raises InvalidFields when it is in another currency than the subscription is billed in."""
    if given is None:
        return None
    if given.amount.currency != currency:
        raise InvalidFields(("spend_cap.amount.currency", f"is not {currency}, which the subscription is billed in"))
    return SpendCap(given.amount.amount, CapAction(given.action))


def cap_out(cap: SpendCap | None, currency: str) -> SpendCapOut | None:
    return SpendCapOut(amount=money(cap.amount, currency), action=cap.action.value) if cap else None


def cap_use_out(usage: Usage) -> CapUseOut | None:
    cap = usage.cap
    if cap is None:
        return None
    return CapUseOut(amount=money(cap.amount, usage.currency), action=cap.action.value, reached=usage.cap_reached)
