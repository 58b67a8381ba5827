"""The composition root: which adapter fits which port. The type checker proves the fit here and nowhere else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from activities.charging import Charging
from activities.closing import Closing
from activities.collecting import Reminding, Sending, Voiding
from activities.issuing import Issuing
from activities.news import NewsReader, Reading
from activities.ports import Clock, Payments, Refunds, Store
from activities.recording import Recording
from activities.refunding import Refunding
from adapters.clock import clock_of
from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.refunds import PostgresRefunds
from adapters.settings import Settings
from adapters.stripe.connection import connect
from adapters.stripe.payments import StripePayments
from adapters.stripe.refunding import StripeRefunds
from adapters.telemetry.facts import count_facts

Activity = Callable[..., Any]


@dataclass(frozen=True)
class Parts:
    """What the worker works with. Tests replace single parts, with `dataclasses.replace`."""

    pool: Pool
    store: Store
    payments: Payments
    refunds: Refunds
    clock: Clock


@dataclass(frozen=True)
class Activities:
    """The activities of each task queue."""

    billing: tuple[Activity, ...]
    stripe: tuple[Activity, ...]


@asynccontextmanager
async def real_parts(settings: Settings) -> AsyncIterator[Parts]:
    """The parts that the settings name, closed after the block. Nothing is connected before it is needed."""
    stripe = connect(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    try:
        async with open_pool(settings.database_url.get_secret_value(), settings.database_pool_size) as pool:
            store = PostgresStore(pool, count_facts)
            yield Parts(pool, store, StripePayments(stripe), StripeRefunds(stripe), clock_of(settings))
    finally:
        await stripe.close()


def activities_of(parts: Parts) -> Activities:
    """Every activity over these parts, on the queue where its limits are set."""
    store, payments, clock = parts.store, parts.payments, parts.clock
    reminding = Reminding(store)
    return Activities(
        billing=(
            Closing(store, clock).close_period,
            reminding.remind,
            reminding.remind_due,
            reminding.take_final_action,
            Recording(store).record,
        ),
        stripe=(
            Issuing(store, payments, clock).issue_invoice,
            Charging(store, payments, clock).charge_invoice,
            Voiding(store, payments, clock).void_invoice,
            Sending(store, payments, clock).send_invoice,
            Reading(NewsReader(store, payments, clock)).read_news,
            Refunding(PostgresRefunds(parts.pool), parts.refunds, payments, clock).make_refund,
        ),
    )
