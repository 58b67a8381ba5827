"""A receiver of webhooks: keeps what arrives and can refuse it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import stripe


@dataclass
class Receiver:
    """What has arrived at one address."""

    url: str = ""
    secret: str = "whsec_0123456789abcdef0123456789abcdef"
    refusals: int = 0
    arrived: list[tuple[bytes, str]] = field(default_factory=list)
    refused: int = 0

    def events(self) -> list[stripe.Event]:
        """Everything that arrived and was accepted, its signature verified by Stripe's own library."""
        return [stripe.Webhook.construct_event(payload, header, self.secret) for payload, header in self.arrived]

    def types(self) -> list[str]:
        return [event.type for event in self.events()]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        payload = await reader.readexactly(int(fields["Content-Length"]))
        if self.refused < self.refusals:
            self.refused += 1
            writer.write(b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            self.arrived.append((payload, fields["Stripe-Signature"]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver
