"""What a subscription learns of a dispute. Apart from the rules of disputes, so that billing.facts can name it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class CardDisputed:
    """A payment of `card` (its identity) is or was disputed: nothing of ours tries it by itself any more.

    `lifted`: the agency has asked for a retry since, of whatever the client is billed for.
    """

    at: datetime
    dispute: str
    card: str
    lifted: bool = False
    kind: Literal["CardDisputed"] = "CardDisputed"
