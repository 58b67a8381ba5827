"""A plan's terms as a form has them, and as the API takes them."""

from collections.abc import Mapping
from typing import Any, Final

from api.pages.door import Visit
from api.pages.entries import Entry
from api.pages.form import Form
from api.pages.inside import Json
from api.pages.typed import Typed, major

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name",),
    "tier": ("tier",),
    "currency": ("price.currency", "overage_rate.currency"),
    "price": ("price",),
    "included_minutes": ("included_minutes",),
    "overage_rate": ("overage_rate",),
    "call_increment_seconds": ("call_increment_seconds",),
    "trial_days": ("trial_days",),
}
"""By the form's field, those of the API that it stands for."""


def read_plan(form: Form) -> tuple[Typed, Json]:
    """What was typed as the API's plan; only good when nothing is wrong with the typed."""
    typed, currency = Typed(form), form.get("currency", "")
    typed.need("name", "tier", "price", "included_minutes", "overage_rate")
    body = {
        "name": typed.text("name"),
        "tier": typed.text("tier"),
        "price": typed.money("price", currency),
        "included_minutes": typed.whole("included_minutes"),
        "overage_rate": typed.rate("overage_rate", currency),
        "call_increment_seconds": typed.whole("call_increment_seconds") or 60,
        "trial_days": typed.whole("trial_days") or 0,
    }
    return typed, body


def new_plan(visit: Visit) -> Entry:
    return Entry({"tier": "standard", "currency": visit.agency.default_currency, "trial_days": "0"})


def plan_entry(plan: Mapping[str, Any]) -> Entry:
    """A plan's terms as they would be typed."""
    currency = plan["price"]["currency"]
    return Entry(
        {
            "name": plan["name"],
            "tier": plan["tier"],
            "currency": currency,
            "price": major(plan["price"]["amount"], currency),
            "included_minutes": str(plan["included_minutes"]),
            "overage_rate": major(plan["overage_rate"]["amount_decimal"], currency),
            "call_increment_seconds": str(plan["call_increment_seconds"]),
            "trial_days": str(plan["trial_days"]),
        }
    )
