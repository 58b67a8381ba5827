"""How the usage of a current period is shown, to the client and to its agency."""

from typing import Any, Final

from adapters.postgres.figures import Usage
from api.fields import Answer
from api.money import Money, money
from billing.usage import minutes_text

USAGE: Final[dict[str, Any]] = {
    "seconds_used": 36720,
    "minutes_used": "612.0",
    "minutes_included": 500,
    "minutes_remaining": "0.0",
    "overage_minutes": "112.0",
    "overage_so_far": {"amount": 1400, "currency": "usd"},
    "percent": 122.4,
    "projected_minutes": "700.0",
}


class UsageOut(Answer):
    """The current period's usage; `percent` is null when nothing is included; `projected_…`: at this pace."""

    seconds_used: int
    minutes_used: str
    minutes_included: int
    minutes_remaining: str
    overage_minutes: str
    overage_so_far: Money
    percent: float | None
    projected_minutes: str


def usage_out(usage: Usage) -> UsageOut:
    return UsageOut(
        seconds_used=usage.seconds_used,
        minutes_used=minutes_text(usage.seconds_used),
        minutes_included=usage.seconds_included // 60,
        minutes_remaining=minutes_text(usage.seconds_remaining),
        overage_minutes=minutes_text(usage.overage_seconds),
        overage_so_far=money(usage.overage_so_far, usage.currency),
        percent=None if usage.percent is None else float(usage.percent),
        projected_minutes=minutes_text(usage.projected_seconds),
    )
