"""Whose rows a route may read and move: the caller's own, or 404; and what the agency's routes share."""

from fastapi import APIRouter

from adapters.postgres import agencies, clients, plans
from adapters.postgres.agencies import Account, Agency
from adapters.postgres.clients import Client
from adapters.postgres.plans import Plan
from api.conflicts import conflict
from api.guard import BEARER, guarded
from api.problems import NotFound
from api.services import Services
from api.tokens import Caller, Role


def agency_router(tag: str, prefix: str = "") -> APIRouter:
    """Routes under /v1/agency for the role agency."""
    return APIRouter(prefix=f"/v1/agency{prefix}", tags=[tag], route_class=guarded(Role.AGENCY), dependencies=[BEARER])


async def own_agency(services: Services, caller: Caller) -> Agency:
    """The caller's agency. Raises NotFound."""
    if caller.rows:
        return caller.rows.agency
    agency = await agencies.agency(services.database, caller.agency)
    if agency is None:
        raise NotFound
    return agency


async def own_client(services: Services, caller: Caller, client_id: str) -> Client:
    """The agency's client. Raises NotFound, also for another tenant's."""
    client = await clients.client(services.database, caller.agency, client_id)
    if client is None:
        raise NotFound
    return client


async def own_plan(services: Services, caller: Caller, plan_id: str) -> Plan:
    """The agency's plan in its newest version. Raises NotFound, also for another tenant's."""
    plan = await plans.plan(services.database, caller.agency, plan_id)
    if plan is None:
        raise NotFound
    return plan


async def connected_account(services: Services, agency: str) -> tuple[Account, str]:
    """The agency's account with its id at Stripe. Raises Conflict `stripe_not_ready` without one."""
    account = await agencies.account(services.database, agency)
    if account is None or account.account_id is None or not account.takes_cards:
        raise conflict("stripe_not_ready")
    return account, account.account_id


async def customer_of(services: Services, client: Client, account: str) -> str:
    """The client's customer in the account, made at Stripe when it is first needed."""
    known = await clients.customer(services.database, client.id, account)
    if known:
        return known
    customer = await services.directory.create_customer(account, client.id, name=client.name, email=client.email)
    await clients.set_customer(services.database, client.agency_id, client.id, account, customer, services.clock.now())
    return customer
