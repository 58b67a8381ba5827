"""Stripe's deliveries as they come over the wire, verified and read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from adapters.stripe.webhooks import BadSignature, WebhookEvent, verify
from billing.payments import InvoiceOrder
from sandbox.ports import free_port
from tests.contract.gateway.world import Emulator

SECRET = "whsec_" + "gateway" * 4
DEADLINE_SECONDS = 20


class Inbox:
    """Takes every delivery and keeps what was sent: body and signature."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        self.received.put_nowait((body, headers["stripe-signature"]))

    async def wait_for(self, type: str, order: InvoiceOrder) -> tuple[WebhookEvent, bytes, str]:
        """The first event of this type about the order's customer."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                body, signature = await self.received.get()
                event = verify(body, signature, [SECRET], datetime.now(UTC))
                if (event.type, event.customer) == (type, order.customer):
                    return event, body, signature


@asynccontextmanager
async def listening(emulator: Emulator) -> AsyncIterator[Inbox]:
    inbox, port = Inbox(), free_port()
    connection = emulator.world.connection
    async with await asyncio.start_server(inbox.take, "127.0.0.1", port):
        made = await emulator.tell("webhook_endpoints", url=f"http://127.0.0.1:{port}/", secret=SECRET, connect=True)
        yield inbox
        await connection.write(
            f"test:{made['id']}:delete",
            lambda o: connection.v1.webhook_endpoints.delete_async(made["id"], None, o),
            None,
        )


async def test_a_delivery_is_let_in_and_tells_whom_it_concerns(emulator: Emulator) -> None:
    world = emulator.world
    async with listening(emulator) as inbox:
        order, issued = await world.issued()
        await world.pay(order, issued)
        event, body, signature = await inbox.wait_for("invoice.paid", order)

    assert (event.account, event.livemode) == (world.account, False)
    assert (event.object_id, event.invoice) == (issued.provider_id, issued.provider_id)
    assert event.payload == body.decode()
    with pytest.raises(BadSignature):
        verify(body, signature, ["whsec_" + "another" * 4], datetime.now(UTC))


async def test_a_detached_card_names_its_customer(emulator: Emulator) -> None:
    world = emulator.world
    order = await world.order()
    async with listening(emulator) as inbox:
        card = str((await world.saved_setup(order.customer)).payment_method)
        await emulator.tell(f"cards/{card}/detach")
        event, _, _ = await inbox.wait_for("payment_method.detached", order)
    assert event.object_id == card
