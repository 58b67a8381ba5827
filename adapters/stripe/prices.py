"""The catalogue of a connected account: its own prices, and what becomes of ours when a plan is archived."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import stripe

from adapters.stripe import keys
from adapters.stripe.connection import Connection
from adapters.stripe.readings import expanded, metadata, reference
from billing.imports import PriceReading, import_obstacle
from billing.payments import Refused

PLAN_ID: Final = "plan_id"
"""Metadata of a product and a price that we made: the plan."""
_PRODUCT: Final = "product"
_PAGE: Final = 100
_MOST_PAGES: Final = 5
"""Of Stripe's, for one of ours: an account may have thousands of prices that none of our plans can be."""


@dataclass(frozen=True)
class Importable:
    """A page of prices that could be imported; `last` is the price behind which the next begins, none: no more."""

    prices: tuple[PriceReading, ...]
    last: str | None


@dataclass(frozen=True)
class TaxRate:
    """A tax rate of the account. Inclusive: the tax is a part of the price."""

    id: str
    active: bool
    inclusive: bool


class StripePrices:
    """Every method raises billing.payments.PaymentTrouble."""

    def __init__(self, connection: Connection) -> None:
        self._stripe = connection

    async def read(self, account: str, price: str) -> PriceReading | None:
        """The price; none when the account has no such."""
        try:
            found = await self._stripe.read(
                lambda o: self._stripe.v1.prices.retrieve_async(price, {"expand": [_PRODUCT]}, o), account
            )
        except Refused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return price_reading(found)

    async def tax_rate(self, account: str, rate: str) -> TaxRate | None:
        """The tax rate; none when the account has no such."""
        try:
            found = await self._stripe.read(lambda o: self._stripe.v1.tax_rates.retrieve_async(rate, None, o), account)
        except Refused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return TaxRate(found.id, found.active, found.inclusive)

    async def importable(self, account: str, limit: int, after: str | None) -> Importable:
        """At most `limit` prices that no obstacle keeps from being a plan, newest first, behind the price `after`.

        Fewer, and still more to come, where many others stand between.
        """
        found: list[PriceReading] = []
        for _ in range(_MOST_PAGES):
            page = await self._page(account, after)
            for price in map(price_reading, page.data):
                if len(found) == limit:
                    return Importable(tuple(found), after)
                after = price.id
                if import_obstacle(price) is None:
                    found.append(price)
            if not page.has_more:
                return Importable(tuple(found), None)
        return Importable(tuple(found), after)

    async def _page(self, account: str, after: str | None) -> stripe.ListObject[stripe.Price]:
        query: dict[str, Any] = {"active": True, "type": "recurring", "limit": _PAGE, "expand": [f"data.{_PRODUCT}"]}
        if after:
            query["starting_after"] = after
        return await self._stripe.read(partial(self._stripe.v1.prices.list_async, query), account)  # type: ignore[arg-type]

    async def archive(self, account: str, plan: str, version: int, product: str) -> None:
        """The version's product is offered no more, and so neither is its price."""
        await self._stripe.put(
            keys.plan_archive(plan, version),
            lambda o: self._stripe.v1.products.update_async(product, {"active": False}, o),
            account,
        )


def price_reading(price: stripe.Price) -> PriceReading:
    """Needs the product expanded."""
    product, recurring = expanded(price.product), price.recurring
    if product is not None and getattr(product, "deleted", False):
        product = None
    per_unit = price.billing_scheme == "per_unit" and not price.custom_unit_amount and not price.transform_quantity
    return PriceReading(
        id=price.id,
        product=reference(price.product) or "",
        name=product.name if product else "",
        nickname=price.nickname,
        active=price.active,
        product_active=bool(product and product.active),
        currency=price.currency,
        amount=price.unit_amount,
        interval=(recurring.interval, recurring.interval_count) if recurring else None,
        usage="metered" if recurring and recurring.usage_type == "metered" else "licensed" if recurring else None,
        per_unit=per_unit,
        plan=metadata(price, PLAN_ID),
    )
