"""An agency's clients."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request
from pydantic import Field

from adapters.postgres import clients, trail
from adapters.postgres.clients import Client, ExternalIdTaken, Sort
from adapters.postgres.pool import transaction
from api import fields
from api.card import CardOut, card_out
from api.conflicts import conflict
from api.fields import Answer, Country, Email, Name, ShortText
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import Money, money
from api.openapi import conflicts, example
from api.pagination import Page, PageQuery, page
from api.services import Services, Used
from api.tenant import agency_router, own_agency, own_client

router = agency_router("Clients", "/clients")
_DETAILS: Final[dict[str, Any]] = {
    "name": "Harbor Dental Ltd",
    "email": None,
    "phone": None,
    "tax_id": None,
    "address": {
        "line1": "1 Pier Road",
        "line2": None,
        "city": "Portland",
        "state": "ME",
        "postal_code": "04101",
        "country": "US",
    },
}
_CLIENT: Final[dict[str, Any]] = {
    "name": "Harbor Dental",
    "email": "billing@harbor.example",
    "external_id": "crm-1041",
    "billing_details": _DETAILS,
}


class Address(fields.Request):
    line1: Name | None = None
    line2: Name | None = None
    city: Name | None = None
    state: Name | None = None
    postal_code: ShortText | None = None
    country: Country | None = None


class BillingDetails(fields.Request, json_schema_extra=example(**_DETAILS)):
    """What stands on the client's invoices, where it differs from name and mail."""

    name: Name | None = None
    email: Email | None = None
    phone: ShortText | None = None
    tax_id: ShortText | None = None
    address: Address | None = None


class ClientIn(fields.Request, json_schema_extra=example(**_CLIENT)):
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


class ClientOut(
    Answer,
    json_schema_extra=example(
        id="cli_3f5m7kq2n4b6c8d0e2f4",
        **_CLIENT,
        subscription_status="active",
        plan_name="Voice Pro",
        payment_method={"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
        credits=[{"amount": 1200, "currency": "usd"}],
        created_at="2026-11-23T15:00:00Z",
        archived_at=None,
    ),
):
    """A client. `subscription_status` and `plan_name` are those of its newest subscription.

    `credits` is what its next invoices use up, by currency; without a next one it is owed to the client.
    """

    id: str
    name: str
    email: str
    external_id: str | None
    billing_details: BillingDetails | None
    subscription_status: str | None
    plan_name: str | None
    payment_method: CardOut | None
    credits: list[Money]
    created_at: datetime
    archived_at: datetime | None


class ClientsQuery(PageQuery):
    search: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")] | None = None
    status: (
        Literal["awaiting_card", "trialing", "active", "past_due", "paused", "cancelled", "none", "archived"] | None
    ) = None
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
    return client_out(await own_client(services, caller, client))


@router.get("", summary="Clients")
async def list_clients(query: Annotated[ClientsQuery, Query()], services: Used, caller: Calling) -> Page[ClientOut]:
    """`search` finds parts of name, mail and external_id. Archived clients are listed with status `archived`."""
    scope = f"clients:{caller.agency}:{query.search}:{query.status}:{query.sort}"
    rows = await clients.clients(
        services.database,
        caller.agency,
        search=query.search,
        status=query.status,
        sort=query.sort,
        limit=query.limit + 1,
        after=query.after(scope),
    )
    by_name = query.sort.endswith("name")
    return page(rows, query.limit, scope, lambda c: (c.name.lower() if by_name else c.created_at, c.id), client_out)


@router.get("/{client_id}", summary="A client")
async def read(client_id: str, services: Used, caller: Calling) -> ClientOut:
    return client_out(await own_client(services, caller, client_id))


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
    return client_out(await own_client(services, caller, client_id))


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
    return client_out(await own_client(services, caller, client_id))


def client_out(client: Client) -> ClientOut:
    return ClientOut(
        id=client.id,
        name=client.name,
        email=client.email,
        external_id=client.external_id,
        billing_details=BillingDetails.model_validate(client.billing_details) if client.billing_details else None,
        subscription_status=client.status,
        plan_name=client.plan_name,
        payment_method=card_out(client.card),
        credits=[money(amount, currency) for currency, amount in client.credits.items()],
        created_at=client.created_at,
        archived_at=client.archived_at,
    )
