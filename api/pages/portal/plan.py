"""The client's plan in words: its state, and what is agreed about it."""

from collections.abc import Iterator
from typing import Final

from api.pages.formats import Formats
from api.pages.inside import Json

_BADGES: Final = {
    "awaiting_card": ("Waiting for a card", "warn"),
    "trialing": ("Trial", "good"),
    "active": ("Active", "good"),
    "past_due": ("Past due", "bad"),
    "paused": ("Paused", "warn"),
    "cancelled": ("Cancelled", ""),
}


def badge(subscription: Json) -> tuple[str, str]:
    """Its text and its tone."""
    return ("Not started", "") if subscription["starts_at"] else _BADGES[subscription["status"]]


def by_hand(subscription: Json | None) -> bool:
    """Whether the agency bills this client itself: nothing is charged, and no invoice is shown."""
    return subscription is not None and subscription["collection"] == "manual"


def agreed(formats: Formats, agency: str, zone: str, subscription: Json) -> Iterator[str]:
    """What is agreed and still ahead, in the order in which it comes; or that all is over. Days are days of billing."""
    if subscription["status"] == "cancelled":
        yield "The plan has ended. Your invoices stay here."
        return
    if starts := subscription["starts_at"]:
        what = "trial" if subscription["status"] == "trialing" else "plan"
        yield f"Your {what} starts on {formats.day(starts, zone)}. Nothing is billed for the time before."
    if change := subscription["pending_change"]:
        plan = change["plan"]
        yield (
            f"From {formats.day(change['at'], zone)} your plan is {plan['name']}: {formats.money(plan['price'])} a "
            f"month, {formats.number(plan['included_minutes'])} minutes included."
        )
    if pauses := subscription["pause_at"]:
        yield (
            f"{agency} pauses your service on {formats.day(pauses, zone)}, until it is resumed by {agency}. "
            "Until that day all goes on as usual."
        )
    if ends := subscription["cancel_at"]:
        yield f"The plan is cancelled and ends on {formats.day(ends, zone)}. Until then all goes on as usual."
