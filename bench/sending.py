"""Requests over connections that stay open, with as little work as possible: client and server share the cores."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bench.calls import BATCH

CONNECTIONS: Final = 4
_PATH: Final = "/v1/usage/calls"


class Sender:
    """Sends calls to API processes, as bodies that were made ready before."""

    def __init__(self, bases: Sequence[str], token: str) -> None:
        self._bases = [urlsplit(base) for base in bases]
        self._token = token

    async def all(self, bodies: Sequence[bytes]) -> None:
        """Every body once, as many at a time as there are connections. Raises RuntimeError if a call is not taken."""
        waiting = iter(bodies)
        to = itertools.cycle(self._bases)
        await asyncio.gather(*(self._line(next(to), waiting) for _ in range(CONNECTIONS)))

    async def _line(self, to: SplitResult, waiting: Iterator[bytes]) -> None:
        async with self._connected(to) as (reader, writer):
            for sent in waiting:
                writer.write(self._head(to, "application/json", f"Content-Length: {len(sent)}") + sent)
                answer = await read_answer(reader)
                if answer["accepted"] != BATCH:
                    raise RuntimeError(f"not all was accepted, but {answer}")

    async def stream(self, pieces: Iterable[bytes]) -> dict[str, object]:
        """A CSV as it is made; the answer."""
        to = self._bases[0]
        async with self._connected(to) as (reader, writer):
            writer.write(self._head(to, "text/csv", "Transfer-Encoding: chunked"))
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return await read_answer(reader)

    @asynccontextmanager
    async def _connected(self, to: SplitResult) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(to.hostname, to.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    def _head(self, to: SplitResult, media_type: str, size: str) -> bytes:
        lines = (
            f"POST {_PATH} HTTP/1.1",
            f"Host: {to.netloc}",
            f"Authorization: Bearer {self._token}",
            f"Content-Type: {media_type}",
            size,
        )
        return "\r\n".join((*lines, "", "")).encode()


async def read_answer(reader: asyncio.StreamReader) -> dict[str, object]:
    """The next answer's JSON. Raises RuntimeError for one that is no success."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    said: dict[str, object] = json.loads(await reader.readexactly(size))
    if " 200 " not in head.partition("\r\n")[0]:
        raise RuntimeError(f"refused: {said}")
    return said
