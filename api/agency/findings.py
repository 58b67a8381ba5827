"""What differs between Stripe and our books, as reconciliation found it."""

from datetime import datetime
from typing import Annotated

from fastapi import Query

from adapters.postgres import findings
from adapters.postgres.findings import Finding
from api.fields import Answer
from api.guard import Calling
from api.openapi import example
from api.pagination import Page, PageQuery, page
from api.services import Used
from api.tenant import agency_router, own_agency
from billing.reconciling import FindingKind

router = agency_router("Findings", "/findings")


class FindingOut(
    Answer,
    json_schema_extra=example(
        id="fnd_3f5m7kq2n4b6c8d0e2f4",
        kind="payment_unexplained",
        object="in_1Nv0FGQ9RKHgCVdK",
        account_id="acct_1Nv0FGQ9RKHgCVdK",
        invoice_id="inv_3f5m7kq2n4b6c8d0e2f4_p2",
        client_id="cli_3f5m7kq2n4b6c8d0e2f4",
        ours="ch_3Nv0FGQ9RKHgCVdK",
        theirs="ch_3Nv0FGQ9RKHgXYzA of 49.00 USD",
        first_seen_at="2026-11-23T15:00:00Z",
        last_seen_at="2026-11-23T17:00:00Z",
        resolved_at=None,
    ),
):
    """A difference. `object` is Stripe's id of the invoice, refund, dispute or account that `kind` names.

    `ours` and `theirs` are what either side says. No `resolved_at`: it lasted when it was last looked at. `invoice_id`
    and `client_id` are null where our books have none.
    """

    id: str
    kind: FindingKind
    object: str
    account_id: str
    invoice_id: str | None
    client_id: str | None
    ours: str
    theirs: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


class FindingsQuery(PageQuery):
    open: bool = False


@router.get("", summary="What reconciliation found, newest first")
async def list_findings(query: Annotated[FindingsQuery, Query()], services: Used, caller: Calling) -> Page[FindingOut]:
    """With `open=true` only those that last."""
    agency = await own_agency(services, caller)
    scope = f"findings:{agency.id}:{query.open}"
    rows = await findings.findings(
        services.database, agency.id, open_only=query.open, limit=query.limit + 1, after=query.after_time(scope)
    )
    return page(rows, query.limit, scope, lambda one: (one.first_seen_at, one.id), _out)


def _out(one: Finding) -> FindingOut:
    return FindingOut(**vars(one))
