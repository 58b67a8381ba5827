"""What was found and done: differences from Stripe, and the audit trail. Both are only read."""

from typing import Final

from starlette.responses import Response

from api.pages.agency import trail
from api.pages.agency.door import API, show
from api.pages.agency.lookups import client_names
from api.pages.agency.settings.door import settings_router
from api.pages.door import Visiting

router = settings_router()
_ROWS: Final = 25
FINDINGS: Final = {
    "account_differs": "The account has another status at Stripe",
    "dispute_amount_differs": "A dispute is over another amount",
    "dispute_missing": "A dispute is not at Stripe",
    "dispute_status_differs": "A dispute has another status at Stripe",
    "dispute_unknown": "A dispute at Stripe is not in our books",
    "invoice_amount_differs": "An invoice is over another amount",
    "invoice_missing": "An invoice is not at Stripe",
    "invoice_status_differs": "An invoice has another status at Stripe",
    "invoice_unknown": "An invoice at Stripe is not in our books",
    "payment_missing": "A payment is not at Stripe",
    "payment_unexplained": "Stripe has a payment that nothing explains",
    "refund_amount_differs": "A refund is of another amount",
    "refund_missing": "A refund is not at Stripe",
    "refund_status_differs": "A refund has another status at Stripe",
    "refund_unknown": "A refund at Stripe is not in our books",
}
"""What each kind of difference is called."""


@router.get("/findings")
async def findings(visit: Visiting, show_all: str = "", cursor: str | None = None) -> Response:
    """Those that last; with `show_all=yes` also what is resolved."""
    everything = show_all == "yes"
    found = await visit.inside.get(f"{API}/findings", open=None if everything else "true", limit=_ROWS, cursor=cursor)
    names = await client_names(visit, [one["client_id"] for one in found["data"]])
    return await show(
        visit,
        "settings/findings.html",
        findings=found,
        words=FINDINGS,
        names=names,
        everything=everything,
        cursor=cursor,
    )


@router.get("/audit")
async def audit(visit: Visiting, cursor: str | None = None) -> Response:
    entries = await visit.inside.get(f"{API}/audit", limit=_ROWS, cursor=cursor)
    names = await client_names(visit, [one["client_id"] for one in entries["data"]])
    lines = [trail.line(visit.formats, entry) for entry in entries["data"]]
    return await show(
        visit, "settings/audit.html", lines=lines, names=names, next=entries["next_cursor"], cursor=cursor
    )
