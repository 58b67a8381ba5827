"""What holds up the agency's billing as a whole, in words: its Stripe account, or its tier (billing-rules 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.pages.inside import Json

_SETTINGS: Final = "/agency/settings/stripe"


@dataclass(frozen=True)
class Hold:
    """`act` is what the agency can do about it by itself, as a link and its text; none where it has to ask."""

    title: str
    text: str
    act: tuple[str, str] | None = None


_OF_THE_ACCOUNT: Final = {
    "not_connected": Hold(
        "No Stripe account is connected",
        "No card can be charged until there is one: clients pay you directly, into an account of your own.",
        (_SETTINGS, "Connect a Stripe account"),
    ),
    "onboarding": Hold(
        "Your Stripe account is not ready yet",
        "Stripe does not know enough of you to let it charge. Until it does, no card can be charged.",
        (_SETTINGS, "See what Stripe still needs"),
    ),
    "restricted": Hold(
        "Stripe does not let your account charge",
        "Nothing is issued or retried, and clients are not written to, until it does. Periods go on, and what is due "
        "waits.",
        (_SETTINGS, "See what Stripe still needs"),
    ),
    "disconnected": Hold(
        "Your Stripe account is disconnected",
        "Nothing is issued or retried until it is connected again. Periods go on, and what is due waits.",
        (_SETTINGS, "Connect it again"),
    ),
}
_OF_THE_TIER: Final = Hold(
    "Your tier does not include billing",
    "No plan can be assigned. A subscription that runs stands still from the end of its period on: nothing is issued "
    "or retried. Debts, invoices and cards stay reachable. To bill again, ask for the Growth tier or a higher one.",
)


def holds(setup: Json) -> list[Hold]:
    """All that holds; the account only where the steps of the set-up do not lead to it."""
    return list(_holds(setup))


def _holds(setup: Json) -> Iterator[Hold]:
    if not setup["billing_available"]:
        yield _OF_THE_TIER
    is_led_there = not setup["complete"] and setup["account"] in ("not_connected", "onboarding")
    if setup["account"] in _OF_THE_ACCOUNT and not is_led_there:
        yield _OF_THE_ACCOUNT[setup["account"]]
