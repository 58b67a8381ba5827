"""Products and prices: what the catalogue shows, and what lines of an invoice refer to."""

from decimal import Decimal

from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Work


def create_product(work: Work, params: Json) -> Record:
    """A product as the catalogue shows it."""
    body: Json = {
        "active": True,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": work.now,
        "url": None,
        **params,
    }
    return work.create("product", body)


def create_price(
    work: Work, product: Record, currency: str, unit: Decimal, *, active: bool = True, more: Json | None = None
) -> Record:
    """A price as the catalogue shows it."""
    body: Json = {
        "active": active,
        "billing_scheme": "per_unit",
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product.id,
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": int(unit) if unit == unit.to_integral_value() else None,
        "unit_amount_decimal": format(unit.normalize(), "f"),
        **(more or {}),
    }
    return work.create("price", body)
