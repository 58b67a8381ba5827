"""Stripe's page for a new card, for whoever may send a client there: the portal, and the links in messages."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import clients
from adapters.postgres.agencies import Agency
from adapters.postgres.clients import Client
from adapters.postgres.subscriptions import current_subscription
from api.services import Services
from api.tenant import connected_account, customer_of


@dataclass(frozen=True)
class CardPage:
    """For one use, until it expires."""

    url: str
    expires_at: datetime


async def open_card_page(services: Services, agency: Agency, client: Client, session: str, return_url: str) -> CardPage:
    """The page under our id `session`: a repeat gets the same one. Raises Conflict `stripe_not_ready`.

    Our row is written before Stripe is asked, so that a repeat asks for the same page.
    """
    _, account = await connected_account(services, agency.id)
    customer = await customer_of(services, client, account)
    subscription = await current_subscription(services.database, agency.id, client.id)
    currency = subscription.state.terms.currency if subscription else agency.default_currency
    row = await clients.begin_card_session(
        services.database,
        agency.id,
        client.id,
        session,
        account=account,
        return_url=return_url,
        at=services.clock.now(),
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
    return CardPage(page.url, page.expires_at)
