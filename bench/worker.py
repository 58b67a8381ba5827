"""`python -m bench.worker KIND`: the worker process with a gateway that answers at once, in one of three kinds.

`product` is ours as it is deployed. `defaults` is the same with the SDK's own pollers and concurrency. `bare` runs the
bare workflow with our settings. The Stripe queue's limits are not set: they are Stripe's, and Stripe is not asked.
"""

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from typing import Final

from temporalio.client import Client
from temporalio.worker import Worker

from activities.messages import BILLING_QUEUE, STRIPE_QUEUE
from adapters.logging import configure_logging
from adapters.process import end
from adapters.settings import Settings, load_settings
from adapters.temporal import connect
from bench.bare import BareWorkflow, nothing
from bench.gateway import StubbedPayments
from worker.compose import Activities, Parts, activities_of, real_parts
from worker.delivery import Delivery
from worker.events import Events
from worker.heartbeat import HeartbeatInterceptor
from worker.observing import ObserveWork
from worker.queues import workers, workflow_runner
from worker.starts import Starts
from workflows.subscription import SubscriptionWorkflow

PRODUCT: Final = "product"
DEFAULTS: Final = "defaults"
BARE: Final = "bare"

log = logging.getLogger(__name__)


async def main(kind: str) -> None:
    """Work until SIGTERM, like `worker.process.work`."""
    settings = load_settings()
    configure_logging(settings.log_level)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect()
    async with real_parts(settings) as real:
        parts = replace(real, payments=StubbedPayments(real.clock))
        carriers = (Starts(parts.pool, client, parts.clock), Events(parts, client))
        delivery = Delivery(settings.database_url.get_secret_value(), carriers)
        billing, stripe = _workers(kind, client, settings, parts)
        async with billing, stripe:
            log.info("working")
            await delivery.run(stop)


def _workers(kind: str, client: Client, settings: Settings, parts: Parts) -> tuple[Worker, Worker]:
    if kind == BARE:
        return workers(client, settings, Activities((nothing,), (nothing,)), workflows=(BareWorkflow,))
    if kind == DEFAULTS:
        return _default_workers(client, activities_of(parts))
    return workers(client, settings, activities_of(parts))


def _default_workers(client: Client, activities: Activities) -> tuple[Worker, Worker]:
    """As the SDK makes them: what the product itself needs, and nothing about pace."""
    billing = Worker(
        client,
        task_queue=BILLING_QUEUE,
        workflows=[SubscriptionWorkflow],
        activities=activities.billing,
        workflow_runner=workflow_runner(),
        interceptors=[ObserveWork(), HeartbeatInterceptor()],
    )
    stripe = Worker(
        client,
        task_queue=STRIPE_QUEUE,
        activities=activities.stripe,
        interceptors=[ObserveWork(), HeartbeatInterceptor()],
    )
    return billing, stripe


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
    end(0)
