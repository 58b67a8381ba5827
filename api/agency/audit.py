"""Who did what, when and why."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query

from adapters.postgres import trail
from adapters.postgres.trail import Entry
from api.fields import Answer, Id
from api.guard import Calling
from api.openapi import example
from api.pagination import Page, PageQuery, page
from api.services import Used
from api.tenant import agency_router, own_agency, own_client

router = agency_router("Audit", "/audit")
_PREFIX: Final = "aud_"


class EntryOut(
    Answer,
    json_schema_extra=example(
        id="aud_1041",
        at="2026-11-23T15:00:00Z",
        who="agency:user-7",
        what="plan_assigned",
        why=None,
        client_id="cli_3f5m7kq2n4b6c8d0e2f4",
        subscription_id="sub_3f5m7kq2n4b6c8d0e2f4",
        detail={"plan": "pln_3f5m7kq2n4b6c8d0e2f4", "version": 1},
    ),
):
    """One line of the trail. `who` is a role and its subject, or `system`; `detail` depends on `what`."""

    id: str
    at: datetime
    who: str
    what: str
    why: str | None
    client_id: str | None
    subscription_id: str | None
    detail: dict[str, Any]


class AuditQuery(PageQuery):
    client_id: Id | None = None


@router.get("", summary="The audit trail, the last written first")
async def list_entries(query: Annotated[AuditQuery, Query()], services: Used, caller: Calling) -> Page[EntryOut]:
    """Nothing in it is ever changed or removed. `client_id` leaves what concerns that client."""
    if query.client_id:
        await own_client(services, caller, query.client_id)
    else:
        await own_agency(services, caller)
    scope = f"audit:{caller.agency}:{query.client_id}"
    rows = await trail.entries(
        services.database, caller.agency, query.client_id, query.limit + 1, query.after_number(scope)
    )
    return page(rows, query.limit, scope, lambda entry: ("", str(entry.id)), _out)


def _out(entry: Entry) -> EntryOut:
    return EntryOut(
        id=f"{_PREFIX}{entry.id}",
        at=entry.at,
        who=entry.who,
        what=entry.what,
        why=entry.why,
        client_id=entry.client_id,
        subscription_id=entry.subscription_id,
        detail=entry.detail,
    )
