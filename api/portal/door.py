"""The portal's doors: who may see that there is billing, and whose client somebody is."""

from typing import Final

from fastapi import APIRouter

from adapters.postgres import agencies
from adapters.postgres.clients import Client
from adapters.postgres.invoices import client_invoices
from api.guard import BEARER, guarded
from api.problems import Forbidden
from api.services import Services
from api.tenant import own_agency, own_client
from api.tokens import MANAGE_BILLING, Caller, Role

PERMISSION_REQUIRED: Final = "permission_required"
BILLING_NOT_AVAILABLE: Final = "billing_not_available"


def billing_router(prefix: str = "") -> APIRouter:
    """Routes under /v1/portal/billing, for clients who may manage it."""
    route = guarded(Role.CLIENT, may_manage_billing)
    return APIRouter(prefix=f"/v1/portal/billing{prefix}", tags=["Portal"], route_class=route, dependencies=[BEARER])


async def may_manage_billing(services: Services, caller: Caller) -> None:
    """Pass who may see the billing section. Raises Forbidden with the reason, the permission's first."""
    refused = await billing_refused(services, caller)
    if refused == PERMISSION_REQUIRED:
        raise Forbidden(f"This needs the permission {MANAGE_BILLING}.", code=refused)
    if refused:
        raise Forbidden("Billing is not part of the agency's plan.", code=refused)


async def billing_refused(services: Services, caller: Caller) -> str | None:
    """Why the caller has no billing section; none when there is one (http-api.md, "Who is calling").

    A client who has had a subscription, or an invoice, keeps the section when the agency's tier falls: debts, invoices
    and the card stay reachable (billing-rules 8).
    """
    if MANAGE_BILLING not in caller.permissions:
        return PERMISSION_REQUIRED
    agency = await own_agency(services, caller)
    if agency.tier in agencies.SELLING_TIERS:
        return None
    client = await own_self(services, caller)
    billed = client.status or await client_invoices(services.database, caller.agency, client.id, 1, None, sent=True)
    return None if billed else BILLING_NOT_AVAILABLE


async def own_self(services: Services, caller: Caller) -> Client:
    """The client who is calling. Raises NotFound."""
    if caller.rows and caller.rows.client:
        return caller.rows.client
    return await own_client(services, caller, caller.client)
