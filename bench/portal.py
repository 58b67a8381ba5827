"""The billing page, as programs and as browsers ask for it: how long clients wait, 50 of them a second."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from api.tokens import MANAGE_BILLING, Caller, Role, issue
from bench.estate import furnish_agencies, subscribe
from bench.figures import Figure, percentile
from bench.house import House, house
from bench.load import open_loop
from sandbox.caller import http_client

SUMMARY: Final = "/v1/portal/billing"
PAGE: Final = "/portal/billing"
RATE: Final = 50.0
SECONDS: Final = 30
WARM_UP: Final = 100
AGENCIES: Final = 5
CLIENTS: Final = 40
"""Of each agency."""
KILOBYTE: Final = 1000
TIMEOUT_SECONDS: Final = 60.0
"""Who is slow has a high figure, not none."""
_ASSET: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')


async def measured(seconds: int = SECONDS) -> list[Figure]:
    """From the API process over HTTP, each client with a token or a session of its own."""
    async with house() as servers:
        callers = await _clients(servers)
        tokens = [issue(servers.settings, who, timedelta(hours=1)) for who in callers]
        async with servers.api() as (base, _), http_client(base, TIMEOUT_SECONDS) as http:
            cookies = [await _signed_in(http, token) for token in tokens]

            async def ask(number: int) -> None:
                token = tokens[number * 7 % len(tokens)]
                reply = await http.get(SUMMARY, headers={"Authorization": f"Bearer {token}"})
                if not reply.raise_for_status().json()["usage"]:
                    raise RuntimeError("a page without usage: what is measured is not the billing page")

            async def look(number: int) -> None:
                reply = await http.get(PAGE, headers={"Cookie": cookies[number * 7 % len(cookies)]})
                if "Minutes a day" not in reply.raise_for_status().text:
                    raise RuntimeError("a page without usage: what is measured is not the billing page")

            waits = []
            for read in (ask, look):
                await open_loop(RATE, WARM_UP, read)
                waits.append(await open_loop(RATE, round(RATE * seconds), read))
            weight = await _weight(http, cookies[0])
    return [
        _waited("portal summary, p99", waits[0], 30),
        _waited("billing page, p99", waits[1], 50),
        Figure("billing page, its weight", weight / KILOBYTE, "kB", at_most=60, detail="HTML, stylesheet and script"),
    ]


async def _clients(servers: House) -> list[Caller]:
    """Of some agencies, each client in its first period."""
    now = datetime.now(UTC)
    callers = []
    for agency in await furnish_agencies(servers.pool, [f"acct_{n}" for n in range(AGENCIES)], now):
        names = [f"{agency.id}-{number}" for number in range(CLIENTS)]
        for state in await subscribe(servers.pool, agency, names, now + timedelta(days=20)):
            callers.append(Caller(Role.CLIENT, "bench", state.agency, state.client, frozenset({MANAGE_BILLING})))
    return callers


async def _signed_in(http: httpx.AsyncClient, token: str) -> str:
    """The cookie of a browser that this token has signed in."""
    reply = await http.get("/login", params={"token": token})
    cookie = reply.headers["set-cookie"].partition(";")[0]
    http.cookies.clear()
    return str(cookie)


async def _weight(http: httpx.AsyncClient, cookie: str) -> int:
    """The bytes of the page and of what it loads, as they are sent."""
    page = (await http.get(PAGE, headers={"Cookie": cookie})).text
    loaded = [await http.get(address) for address in dict.fromkeys(_ASSET.findall(page))]
    return len(page.encode()) + sum(len(asset.raise_for_status().content) for asset in loaded)


def _waited(name: str, waits: Sequence[float], at_most: float) -> Figure:
    made_of = f"{len(waits):,} requests at {RATE:g}/s: median {1000 * percentile(waits, 50):.1f} ms"
    return Figure(name, 1000 * percentile(waits, 99), "ms", at_most=at_most, detail=made_of)
