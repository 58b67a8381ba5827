"""A change of the plan is made as it was shown: the form that confirms it carries what the preview said."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from api.pages.inside import Json
from billing.money import unit

_COUNTED_ON: Final = timedelta(minutes=10)
"""So long the amount may move by its seconds before it is shown again."""


def carried(preview: Json) -> dict[str, str]:
    """The fields that the confirming form has of the preview."""
    return {
        "version": str(preview["plan"]["version"]),
        "at": preview["at"],
        "total": str(_total(preview)),
    }


def still_so(form: Mapping[str, str], preview: Json, subscription: Json) -> bool:
    """Whether the preview of now says what the form was sent for. At the period's end its total counts the usage to
    date: what was agreed then is the plan's version and the day."""
    own = carried(preview)
    if form.get("effective") != preview["effective"] or form.get("version") != own["version"]:
        return False
    if preview["effective"] == "period_end":
        return form.get("at") == own["at"]
    try:
        seen_at, seen_total = datetime.fromisoformat(form.get("at", "")), int(form.get("total", ""))
        passed = datetime.fromisoformat(preview["at"]) - seen_at
    except (ValueError, TypeError):
        return False
    return abs(_total(preview) - seen_total) <= _moved_at_most(preview, subscription, passed)


def _total(preview: Json) -> int:
    total: int = (preview["total_with_tax"] or preview["total"])["amount"]
    return total


def _moved_at_most(preview: Json, subscription: Json, passed: timedelta) -> int:
    """By how much both prorated lines move in this time, with tax of at most as much again."""
    period = subscription["current_period"]
    if not period or subscription["trial_end"] or not timedelta() <= passed <= _COUNTED_ON:
        return 0
    length = datetime.fromisoformat(period["end"]) - datetime.fromisoformat(period["start"])
    prices = subscription["plan"]["price"]["amount"] + preview["plan"]["price"]["amount"]
    moved: int = unit(preview["plan"]["price"]["currency"]) + ceil(prices * (passed / length))
    return 2 * moved
