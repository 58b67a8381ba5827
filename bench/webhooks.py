"""A webhook: how long Stripe waits for its 2xx, and how long until what it reports is in the books.

Each event is news for a running subscription: its customer has another card by now. Row, signal, reading at Stripe, and
the books: the whole path, with the emulator in Stripe's place.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import httpx

from bench.estate import CARD, Holder, furnish_agencies
from bench.figures import Figure, percentile
from bench.house import House, house
from bench.load import open_loop
from bench.periods import each, subscriptions, until_idle
from bench.provider import furnish_accounts, furnish_holders
from sandbox.caller import http_client

RATE: Final = 10.0
COUNT: Final = 200
AGENCIES: Final = 10
TIMEOUT_SECONDS: Final = 60.0
"""Who is slow has a high figure, not none."""
APPLIED_SECONDS: Final = 60.0
Customer = tuple[str, str]
"""The account, and the id that the customer has there."""
_CHANNEL: Final = "bench_applied"
_REPORT: Final = f"""
    CREATE FUNCTION bench_applied() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('{_CHANNEL}', NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER bench_applied AFTER UPDATE OF card ON clients FOR EACH ROW EXECUTE FUNCTION bench_applied();
"""
"""Tells with the commit itself when a card is in the books: nobody has to look again and again."""


async def measured(count: int = COUNT) -> list[Figure]:
    """Every event concerns another subscription."""
    now = datetime.now(UTC)
    async with house(stripe=True) as servers:
        accounts = await furnish_accounts(servers, AGENCIES)
        agencies = await furnish_agencies(servers.pool, accounts, now - timedelta(days=100))
        customers: list[Customer] = []

        async def furnish(of_accounts: Sequence[str]) -> Sequence[Holder]:
            # The books know an older card than Stripe: the reading of the news brings the one that counts.
            holders = [Holder(known.customer, CARD) for known in await furnish_holders(servers, of_accounts)]
            customers.extend(zip(of_accounts, (holder.customer for holder in holders), strict=True))
            return holders

        async with servers.worker("worker"), servers.api() as (base, _):
            opened = await subscriptions(servers, agencies, count, furnish)("w", now + timedelta(days=20))
            await each(opened, lambda id: until_idle(servers, id))
            answered, applied = await _deliver(servers, base, customers)
    made_of = f"{count} events at {RATE:g}/s: median {{:.1f}} ms"
    return [
        _figure("webhook to 2xx, p99", answered, 15, made_of),
        _figure("webhook to applied, p99", applied, 250, made_of),
    ]


def _figure(name: str, seconds: Sequence[float], at_most: float, made_of: str) -> Figure:
    detail = made_of.format(1000 * percentile(seconds, 50))
    return Figure(name, 1000 * percentile(seconds, 99), "ms", at_most=at_most, detail=detail)


async def _deliver(house: House, base: str, customers: Sequence[Customer]) -> tuple[list[float], list[float]]:
    """Seconds from when each event was due to its 2xx, and to its effect."""
    secret = house.kept.secrets.connect_webhook
    clients = [f"cli_w-{number}" for number in range(len(customers))]
    async with _applied(house, clients) as arrivals, http_client(base, TIMEOUT_SECONDS) as http:

        async def send(number: int) -> None:
            await _post(http, secret, _event(f"evt_{number}", *customers[number]))

        await open_loop(RATE, len(customers), lambda number: _warm_up(http, secret, number))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answered = await open_loop(RATE, len(customers), send)
        await asyncio.wait_for(asyncio.gather(*arrivals), APPLIED_SECONDS)
    return answered, [done.result() - (begun + number / RATE) for number, done in enumerate(arrivals)]


@asynccontextmanager
async def _applied(house: House, clients: Sequence[str]) -> AsyncIterator[list[asyncio.Future[float]]]:
    """For each client, when its card was changed in the books, by the event loop's clock."""
    loop = asyncio.get_running_loop()
    arrivals = {client: loop.create_future() for client in clients}

    def arrived(_connection: object, _pid: int, _channel: str, client: object) -> None:
        if not arrivals[str(client)].done():
            arrivals[str(client)].set_result(loop.time())

    connection = await asyncpg.connect(house.settings.database_url.get_secret_value())
    try:
        await connection.execute(_REPORT)
        await connection.add_listener(_CHANNEL, arrived)
        yield list(arrivals.values())
    finally:
        await connection.close()


async def _warm_up(http: httpx.AsyncClient, secret: str, number: int) -> None:
    """Of an account that nobody knows: stored, answered, and nobody's news."""
    await _post(http, secret, _event(f"evt_warm_{number}", "acct_nobody", "cus_nobody"))


async def _post(http: httpx.AsyncClient, secret: str, event: dict[str, object]) -> None:
    body = json.dumps(event).encode()
    stamp = int(time.time())
    signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={stamp},v1={signed}", "Content-Type": "application/json"}
    (await http.post("/webhooks/stripe/connect", content=body, headers=headers)).raise_for_status()


def _event(id: str, account: str, customer: str) -> dict[str, object]:
    return {
        "id": id,
        "object": "event",
        "type": "customer.updated",
        "account": account,
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"id": customer, "object": "customer"}},
    }
