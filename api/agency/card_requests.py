"""Asking a client for a card: a mail with our link, which leads on to Stripe's page."""

from typing import Final

from fastapi import Request

from adapters.postgres import messages, trail
from adapters.postgres.pool import transaction
from api.conflicts import conflict
from api.fields import Answer
from api.guard import Calling
from api.idempotency import seed
from api.openapi import conflicts, example
from api.services import Used
from api.tenant import agency_router, connected_account, own_agency, own_client
from billing.notices import Notice, NoticeKind

router = agency_router("Clients", "/clients/{client_id}/card-requests")
_LINK: Final = "https://billing.example.com/pay/Y2FyZA"


class CardRequestOut(Answer, json_schema_extra=example(url=_LINK)):
    """The link that was mailed. Whoever has it can enter a card for this client, for 30 days."""

    url: str


@router.post(
    "",
    summary="Mail the client a link to enter a card",
    status_code=201,
    responses=conflicts("client_archived", "stripe_not_ready", "agency_frozen"),
)
async def ask(client_id: str, services: Used, caller: Calling, request: Request) -> CardRequestOut:
    """Where mail is off, hand the link over yourself."""
    await own_agency(services, caller)
    client = await own_client(services, caller, client_id)
    if client.archived_at is not None:
        raise conflict("client_archived")
    account, _ = await connected_account(services, caller.agency)
    if not account.healthy:
        raise conflict("agency_frozen" if account.state == "restricted" else "stripe_not_ready")
    now = services.clock.now()
    asked = Notice(NoticeKind.CARD_REQUESTED, "client", f"card-requested:{seed(request)}", now, "")
    async with transaction(services.database) as connection:
        if await messages.write(connection, caller.agency, asked, client=client.id):
            await trail.write(
                connection, caller.agency, at=now, who=caller.name, what="CardRequested", client=client.id
            )
    return CardRequestOut(url=services.links.to("card", caller.agency, client.id, now))
