"""Which prices of an agency's own Stripe account can become a plan (billing-rules 2)."""

from dataclasses import dataclass
from typing import Final, Literal

from billing.money import AmountRefused, CurrencyRefused, check_amount

MONTHLY: Final = ("month", 1)


@dataclass(frozen=True)
class PriceReading:
    """A price as the provider has it. `amount` is minor units, none when it is a fraction of one.

    `interval` is (unit, count), none for a price that is charged once; `plan` is our plan that it was made for.
    """

    id: str
    product: str
    name: str
    nickname: str | None
    active: bool
    product_active: bool
    currency: str
    amount: int | None
    interval: tuple[str, int] | None
    usage: Literal["licensed", "metered"] | None
    per_unit: bool
    plan: str | None


def import_obstacle(price: PriceReading) -> str | None:
    """Why the price can't be a plan, for people; none when it can."""
    obstacles = (
        (not price.active, "is archived at Stripe"),
        (not price.product_active, "belongs to a product that is archived at Stripe"),
        (price.plan is not None, f"was made for the plan {price.plan}"),
        (price.interval is None, "is charged once, not each month"),
        (price.interval not in (None, MONTHLY), "is not charged each month"),
        (price.usage not in (None, "licensed"), "is metered: usage is what Retainer adds to the price"),
        (not price.per_unit, "is not one amount per unit: it has tiers, packages or an amount of the payer's choice"),
        (price.amount is None, "is a fraction of the currency's smallest unit"),
    )
    found = next((reason for applies, reason in obstacles if applies), None)
    if found or price.amount is None:
        return found
    try:
        check_amount(price.amount, price.currency)
    except (AmountRefused, CurrencyRefused) as refused:
        return f"can't be charged: {refused}"
    return None
