"""The word on how what is billed is collected: by us at Stripe, or by the agency itself (billing-rules 5).

A period closes the same either way. What a manual one comes to is a statement in the books: nothing is made at Stripe,
and nothing is owed that could be tried. A switch holds from the next boundary on, so that no period is under two.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.state import Card


@dataclass(frozen=True)
class CollectionSet:
    """The agency takes collecting over, or gives it to us. What began without a Stripe account gets one with it."""

    at: datetime
    manual: bool
    by: str
    account: str = ""
    customer: str = ""
    card: Card | None = None
    request: str = ""
    kind: Literal["CollectionSet"] = "CollectionSet"
