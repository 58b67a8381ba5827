"""What the routes work with, built once per process. The sandbox builds the same with its client interceptor."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from temporalio.client import Client, Interceptor

from adapters import temporal
from adapters.clock import FileClock, WallClock, clock_of
from adapters.links import Links, links_of
from adapters.postgres.pool import Pool, open_pool
from adapters.settings import Settings
from adapters.stripe.connection import connect
from adapters.stripe.directory import StripeDirectory
from adapters.stripe.oauth import StripeOAuth
from adapters.stripe.payments import StripePayments
from adapters.stripe.previews import StripePreviews
from adapters.stripe.prices import StripePrices
from adapters.telemetry.scrape import Scrape
from api.tokens import Tokens

_STRIPE_SECONDS: Final = 15.0
"""A person waits for the answer: less than the 20 s that a step of a workflow gives Stripe."""


@dataclass(frozen=True)
class Services:
    """Everything outside that the API uses."""

    settings: Settings
    tokens: Tokens
    clock: WallClock | FileClock
    """Business time. Tokens, signatures and idempotency keys stay on the system clock."""
    database: Pool
    directory: StripeDirectory
    payments: StripePayments
    oauth: StripeOAuth | None
    """None without a client id."""
    prices: StripePrices
    previews: StripePreviews
    temporal: Client
    links: Links
    scrape: Scrape


@contextlib.asynccontextmanager
async def open_services(settings: Settings, interceptors: Sequence[Interceptor] = ()) -> AsyncIterator[Services]:
    """The services of one process; closed with the block. Temporal and Stripe may be away: they are asked when used."""
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_pool(settings.database_url.get_secret_value(), settings.database_pool_size)
        )
        key = settings.stripe_api_key.get_secret_value()
        connection = connect(key, settings.stripe_api_base, timeout=_STRIPE_SECONDS)
        stack.push_async_callback(connection.close)
        clock = clock_of(settings)
        yield Services(
            settings=settings,
            tokens=Tokens(settings),
            clock=clock,
            database=database,
            directory=StripeDirectory(connection),
            payments=StripePayments(connection),
            oauth=StripeOAuth(connection, settings.stripe_client_id) if settings.stripe_client_id else None,
            prices=StripePrices(connection),
            previews=StripePreviews(connection),
            temporal=await temporal.connect(lazy=True, interceptors=interceptors),
            links=links_of(settings),
            scrape=Scrape(database, clock),
        )


def of_request(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _of_request(request: Request) -> Services:
    """For a route's parameter: what is not a coroutine would be called in a thread."""
    return of_request(request)


Used = Annotated[Services, Depends(_of_request)]
"""A route's parameter: the services of its process."""
