"""A new card: typed on Stripe's page, never here."""

from datetime import datetime

from fastapi import Request

from adapters.postgres import clients
from adapters.postgres.agencies import Agency
from adapters.postgres.subscriptions import current_subscription
from api import fields
from api.fields import Answer, WebAddress, web_origin
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.openapi import conflicts, example
from api.portal.door import billing_router, own_self
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import connected_account, customer_of, own_agency

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
    _, account = await connected_account(services, agency.id)
    customer = await customer_of(services, client, account)
    subscription = await current_subscription(services.database, agency.id, client.id)
    currency = subscription.state.terms.currency if subscription else agency.default_currency
    session = made_id("ses", seed(request))
    return await _opened(services, agency.id, client.id, session, account, customer, currency, body.return_url)


def _check_origin(services: Services, agency: Agency, return_url: str) -> None:
    """Our own pages are always among the allowed ones."""
    own = web_origin(services.settings.public_base_url)
    if web_origin(return_url) not in {*agency.allowed_origins, own}:
        raise InvalidFields(("return_url", "is not within the agency's allowed origins"))


async def _opened(
    services: Services,
    agency: str,
    client: str,
    session: str,
    account: str,
    customer: str,
    currency: str,
    return_url: str,
) -> CardSessionOut:
    """The page; our row is written before Stripe is asked, so that a repeat asks for the same page."""
    row = await clients.begin_card_session(
        services.database, agency, client, session, account=account, return_url=return_url, at=services.clock.now()
    )
    page = await services.directory.create_card_session(
        row.account_id,
        session,
        customer=customer,
        currency=currency,
        success_url=row.return_url,
        cancel_url=row.return_url,
    )
    await clients.open_card_session(services.database, session, page.id, page.url, page.expires_at)
    return CardSessionOut(url=page.url, expires_at=page.expires_at)
