"""A new card: typed on Stripe's page, never here."""

from datetime import datetime

from fastapi import Request

from adapters.postgres.agencies import Agency
from api import fields
from api.card_pages import open_card_page
from api.fields import Answer, WebAddress, web_origin
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.openapi import conflicts, example
from api.portal.door import billing_router, own_self
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import own_agency

router = billing_router("/payment-method-sessions")


class CardSessionIn(fields.Request, json_schema_extra=example(return_url="https://portal.example.com/billing")):
    """Where Stripe sends the browser afterwards; within the agency's allowed origins."""

    return_url: WebAddress


class CardSessionOut(
    Answer,
    json_schema_extra=example(url="https://checkout.stripe.com/c/pay/cs_test_1", expires_at="2026-11-24T15:00:00Z"),
):
    """Stripe's page, for one use."""

    url: str
    expires_at: datetime


@router.post("", summary="Open Stripe's page for a new card", status_code=201, responses=conflicts("stripe_not_ready"))
async def create(body: CardSessionIn, services: Used, caller: Calling, request: Request) -> CardSessionOut:
    """The card is on file once Stripe has reported it; an open debt is then tried with it at once."""
    agency, client = await own_agency(services, caller), await own_self(services, caller)
    _check_origin(services, agency, body.return_url)
    page = await open_card_page(services, agency, client, made_id("ses", seed(request)), body.return_url)
    return CardSessionOut(url=page.url, expires_at=page.expires_at)


def _check_origin(services: Services, agency: Agency, return_url: str) -> None:
    """Our own pages are always among the allowed ones."""
    own = web_origin(services.settings.public_base_url)
    if web_origin(return_url) not in {*agency.allowed_origins, own}:
        raise InvalidFields(("return_url", "is not within the agency's allowed origins"))
