"""An agency's clients."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import Field

from adapters.postgres import clients, trail
from adapters.postgres.clients import Client, ExternalIdTaken, Sort
from adapters.postgres.pool import transaction
from adapters.postgres.standings import standings
from api import fields
from api.agency.client_out import CLIENT, BillingDetails, ClientOut, client_out
from api.conflicts import conflict
from api.fields import Email, Name, ShortText
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.openapi import conflicts, example
from api.pagination import Page, PageQuery, page
from api.services import Services, Used
from api.tenant import agency_router, own_agency, own_client
from api.tokens import Caller

router = agency_router("Clients", "/clients")


class ClientIn(fields.Request, json_schema_extra=example(**CLIENT)):
    """A new client. `external_id` is the agency's own id of it, unique within the agency."""

    name: Name
    email: Email
    external_id: ShortText | None = None
    billing_details: BillingDetails | None = None


class ClientChange(fields.Change, json_schema_extra=example(email="accounts@harbor.example")):
    """What is left out stays; null clears external_id and billing_details."""

    CLEARABLE = frozenset({"external_id", "billing_details"})
    name: Name | None = None
    email: Email | None = None
    external_id: ShortText | None = None
    billing_details: BillingDetails | None = None


class ClientsQuery(PageQuery):
    search: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")] | None = None
    status: (
        Literal["awaiting_card", "trialing", "active", "past_due", "paused", "cancelled", "none", "archived"] | None
    ) = None
    over_percent: Annotated[Decimal, Field(gt=0, le=1_000_000, max_digits=10, decimal_places=1)] | None = None
    sort: Sort = "-created_at"


@router.post("", summary="Create a client", status_code=201, responses=conflicts("external_id_taken"))
async def create(body: ClientIn, services: Used, caller: Calling, request: Request) -> ClientOut:
    await own_agency(services, caller)
    client, now = made_id("cli", seed(request)), services.clock.now()
    details = body.billing_details.model_dump() if body.billing_details else None
    try:
        async with transaction(services.database) as connection:
            await clients.insert_client(
                connection,
                caller.agency,
                client,
                name=body.name,
                email=body.email,
                external_id=body.external_id,
                billing_details=details,
                at=now,
            )
            await trail.write(
                connection,
                caller.agency,
                at=now,
                who=caller.name,
                what="client_created",
                client=client,
                dedupe_key=f"{client}:created",
            )
    except ExternalIdTaken:
        raise conflict("external_id_taken") from None
    return await _shown(services, caller, client)


@router.get("", summary="Clients")
async def list_clients(query: Annotated[ClientsQuery, Query()], services: Used, caller: Calling) -> Page[ClientOut]:
    """`search` finds parts of name, mail and external_id. Archived clients are listed with status `archived`.

    `over_percent` leaves those who have used that much or more of what their current period includes; `sort` by `usage`
    goes by that percentage, by `debt` by `amount_due`, of several currencies by the largest number.
    """
    now = services.clock.now()
    scope = f"clients:{caller.agency}:{query.search}:{query.status}:{query.over_percent}:{query.sort}"
    rows = await clients.clients(
        services.database,
        caller.agency,
        search=query.search,
        status=query.status,
        over=query.over_percent,
        now=now,
        sort=query.sort,
        limit=query.limit + 1,
        after=query.after(scope),
    )
    stand = await standings(services.database, caller.agency, [client.id for client, _ in rows], now)
    return page(
        rows,
        query.limit,
        scope,
        lambda row: (row[1], row[0].id),
        lambda row: client_out(row[0], stand[row[0].id]),
    )


@router.get("/{client_id}", summary="A client")
async def read(client_id: str, services: Used, caller: Calling) -> ClientOut:
    return await _shown(services, caller, client_id)


@router.patch("/{client_id}", summary="Change a client", responses=conflicts("external_id_taken"))
async def change(client_id: str, body: ClientChange, services: Used, caller: Calling, request: Request) -> ClientOut:
    """Name and mail are changed at Stripe too, where the client is a customer already."""
    client = await own_client(services, caller, client_id)
    changes = body.given()
    if changes.keys() & {"name", "email"}:
        await _update_customer(services, client, changes, seed(request))
    now = services.clock.now()
    try:
        async with transaction(services.database) as connection:
            await clients.change_client(connection, caller.agency, client_id, changes, now)
            await trail.write(
                connection,
                caller.agency,
                at=now,
                who=caller.name,
                what="client_changed",
                client=client_id,
                detail={"fields": sorted(changes)},
            )
    except ExternalIdTaken:
        raise conflict("external_id_taken") from None
    return await _shown(services, caller, client_id)


async def _update_customer(services: Services, client: Client, changes: dict[str, Any], request: str) -> None:
    """Before our own row: when Stripe is away nothing has changed, and the same request again repairs the rest."""
    account = await clients.current_customer(services.database, client.id)
    if account:
        await services.directory.update_customer(
            account.account_id,
            client.id,
            int(request[:12], 16),
            customer=account.customer_id,
            name=changes.get("name", client.name),
            email=changes.get("email", client.email),
        )


@router.post("/{client_id}/archive", summary="Archive a client", responses=conflicts("subscription_running"))
async def archive(client_id: str, services: Used, caller: Calling) -> ClientOut:
    """Possible once no subscription of the client runs or owes anything. Invoices stay."""
    await own_client(services, caller, client_id)
    now = services.clock.now()
    async with transaction(services.database) as connection:
        if not await clients.archive_client(connection, caller.agency, client_id, now):
            raise conflict("subscription_running")
        await trail.write(
            connection,
            caller.agency,
            at=now,
            who=caller.name,
            what="client_archived",
            client=client_id,
            dedupe_key=f"{client_id}:archived",
        )
    return await _shown(services, caller, client_id)


async def _shown(services: Services, caller: Caller, client_id: str) -> ClientOut:
    client = await own_client(services, caller, client_id)
    stand = await standings(services.database, caller.agency, [client_id], services.clock.now())
    return client_out(client, stand[client_id])
