"""What reading usage costs when there are ten million calls, beside the same with ten thousand: the same clients and
days, two databases on one server, each with an API of its own, asked in turn.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from api.tokens import MANAGE_BILLING, Caller, Role, issue
from bench.books import Api, books
from bench.figures import Figure
from bench.filling import fill
from bench.sending import read_answer

FEW: Final = 10_000
MANY: Final = 10_000_000
CLIENTS: Final = 100
READS: Final = 200
"""Of each address in each of the databases."""
WARM_UP: Final = 20
PATHS: Final = {
    "/v1/agency/usage": Role.AGENCY,
    "/v1/portal/billing": Role.CLIENT,
    "/v1/portal/billing/usage/daily": Role.CLIENT,
    "/v1/usage/clients/{client}": Role.SERVICE,
}
"""Who asks there."""
NAMES: Final = dict(zip(PATHS, ("agency's usage", "billing page", "days of usage", "whether to serve"), strict=True))


class Reader:
    """Asks one API over a connection that stays open, with as little work beside the server's as can be: what both
    cost alike would hide what they do not."""

    def __init__(self, api: Api, agency: str) -> None:
        self._api, self._agency = api, agency
        self._tokens: dict[tuple[Role, str], str] = {}

    async def connect(self) -> None:
        address = urlsplit(self._api.base)
        self._reader, self._writer = await asyncio.open_connection(address.hostname, address.port)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def seconds(self, path: str, client: str) -> float:
        """How long the answer about this client takes. Raises RuntimeError for one without usage."""
        token = self._token(PATHS[path], client)
        asked = f"GET {path.format(client=client)} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
        begun = time.perf_counter()
        self._writer.write(asked.encode())
        said = await read_answer(self._reader)
        took = time.perf_counter() - begun
        if not (said.get("data") or said.get("usage") or said.get("minutes_remaining")):
            raise RuntimeError(f"{path} shows no usage: {json.dumps(said)[:300]}")
        return took

    def _token(self, role: Role, client: str) -> str:
        known = self._tokens.get((role, client))
        if known is None:
            of_client = role is Role.CLIENT
            permissions = frozenset({MANAGE_BILLING}) if of_client else frozenset[str]()
            caller = Caller(role, "bench", self._agency, client if of_client else "", permissions)
            known = self._tokens[role, client] = issue(self._api.settings, caller, timedelta(hours=2))
        return known


async def measured(many: int = MANY) -> list[Figure]:
    """Fill both, and ask."""
    now = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(books())
        readers = []
        for name, calls in (("few", FEW), ("many", many)):
            database = await server.database(name)
            agency = await fill(database, CLIENTS, calls, now, examined=calls == FEW)
            readers.append(Reader(await stack.enter_async_context(server.api(database)), agency.id))
        for reader in readers:
            await reader.connect()
            stack.push_async_callback(reader.close)
        return [await _compared(path, readers, many) for path in PATHS]


async def _compared(path: str, readers: list[Reader], calls: int) -> Figure:
    """Both in turn, each the first one every other time."""
    took: list[list[float]] = [[], []]
    for number in range(WARM_UP + READS):
        for which in (0, 1) if number % 2 else (1, 0):
            took[which].append(await readers[which].seconds(path, f"cli_{number % CLIENTS:04d}"))
    few, many = (1_000 * median(seconds[WARM_UP:]) for seconds in took)
    made_of = f"GET {path}: {many:.2f} ms ÷ {few:.2f} ms, medians of {READS}"
    return Figure(f"{NAMES[path]}, {calls:,} calls ÷ {FEW:,}", many / few, at_most=1.5, detail=made_of)
