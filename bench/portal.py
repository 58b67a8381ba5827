"""The portal's front page: how long a client waits for it, while others come 50 a second."""

from datetime import UTC, datetime, timedelta
from typing import Final

from api.tokens import MANAGE_BILLING, Caller, Role, issue
from bench.estate import furnish_agencies, subscribe
from bench.figures import Figure, percentile
from bench.house import house
from bench.load import open_loop
from sandbox.caller import http_client

PATH: Final = "/v1/portal/billing"
RATE: Final = 50.0
SECONDS: Final = 30
WARM_UP: Final = 100
AGENCIES: Final = 5
CLIENTS: Final = 40
"""Of each agency."""
TIMEOUT_SECONDS: Final = 60.0
"""Who is slow has a high figure, not none."""


async def measured(seconds: int = SECONDS) -> list[Figure]:
    """From the API process over HTTP, each client with a token of its own."""
    now = datetime.now(UTC)
    async with house() as servers:
        agencies = await furnish_agencies(servers.pool, [f"acct_{n}" for n in range(AGENCIES)], now)
        tokens = []
        for agency in agencies:
            names = [f"{agency.id}-{number}" for number in range(CLIENTS)]
            for state in await subscribe(servers.pool, agency, names, now + timedelta(days=20)):
                who = Caller(Role.CLIENT, "bench", state.agency, state.client, frozenset({MANAGE_BILLING}))
                tokens.append(issue(servers.settings, who, timedelta(hours=1)))
        async with servers.api() as (base, _), http_client(base, TIMEOUT_SECONDS) as http:

            async def read(number: int) -> None:
                token = tokens[number * 7 % len(tokens)]
                reply = await http.get(PATH, headers={"Authorization": f"Bearer {token}"})
                if not reply.raise_for_status().json()["usage"]:
                    raise RuntimeError("a page without usage: what is measured is not the billing page")

            await open_loop(RATE, WARM_UP, read)
            waits = await open_loop(RATE, round(RATE * seconds), read)
    made_of = f"{len(waits):,} requests at {RATE:g}/s: median {1000 * percentile(waits, 50):.1f} ms"
    return [Figure("portal summary, p99", 1000 * percentile(waits, 99), "ms", at_most=30, detail=made_of)]
