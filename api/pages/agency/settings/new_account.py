"""What ends when another Stripe account takes the place of one that is disconnected, in words (billing-rules 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.pages.agency.door import API
from api.pages.door import Visit
from api.pages.formats import Formats
from api.pages.inside import Json

_ROWS: Final = 100


@dataclass(frozen=True)
class Lost:
    """What the agency has on the account that it would leave; `owed` in each currency."""

    subscriptions: int
    cards: int
    owed: tuple[Json, ...]


async def lost(visit: Visit) -> Lost:
    """Counted over all clients: who looks at this decides once."""
    clients: list[Json] = []
    cursor: str | None = None
    while True:
        found = await visit.inside.get(f"{API}/clients", limit=_ROWS, cursor=cursor)
        clients += found["data"]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    summary = await visit.inside.get(f"{API}/summary")
    return Lost(
        sum(one["subscription_status"] not in (None, "cancelled") for one in clients),
        sum(one["payment_method"] is not None for one in clients),
        tuple(one["outstanding"] for one in summary["currencies"] if one["outstanding"]["amount"]),
    )


def told(formats: Formats, lost: Lost) -> Iterator[str]:
    match lost.subscriptions:
        case 0:
            yield "No subscription runs, so none ends."
        case 1:
            yield "1 subscription ends as soon as the new account can charge. To go on, you assign its plan again."
        case many:
            yield f"{many} subscriptions end as soon as the new account can charge. To go on, you assign plans again."
    if lost.owed:
        owed = " and ".join(formats.money(one) for one in lost.owed)
        yield f"{owed} still owed is not collected here any more: the invoices stay open in the account that you leave."
    match lost.cards:
        case 0:
            pass
        case 1:
            yield "1 card on file is forgotten: its client is asked for one again."
        case many:
            yield f"{many} cards on file are forgotten: their clients are asked for one again."
