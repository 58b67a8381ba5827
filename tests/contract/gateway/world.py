"""One Stripe to try the gateway at, and what tests do there besides what they try."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import stripe

from activities.ports import Payments
from adapters.stripe.connection import Connection
from adapters.stripe.directory import StripeDirectory
from adapters.stripe.payments import StripePayments
from billing.invoices import Line, LineKind
from billing.payments import InvoiceOrder, InvoiceReading, PayAnswer
from billing.state import Attempt, Card

T = TypeVar("T")
PERIOD = (datetime(2026, 10, 31, 9, 30, tzinfo=UTC), datetime(2026, 11, 30, 9, 30, tzinfo=UTC))
PRICE = Line(LineKind.PRICE, "Voice Pro, 31 Oct 2026 – 30 Nov 2026", 4900, *PERIOD)
OVERAGE = Line(LineKind.OVERAGE, "112 min over 500 included at 0.12 USD a minute", 1344, *PERIOD, 6720, "12")
CREDIT = Line(LineKind.CREDIT, "Credit applied", -244)


@dataclass(frozen=True)
class World:
    """One Stripe with one connected account, and what tests do there besides what they try."""

    connection: Connection
    account: str
    lines: tuple[Line, ...] = (PRICE, OVERAGE, CREDIT)

    @property
    def payments(self) -> Payments:
        return StripePayments(self.connection)

    @property
    def directory(self) -> StripeDirectory:
        return StripeDirectory(self.connection)

    async def ask(self, call: Callable[[stripe.RequestOptions], Awaitable[T]]) -> T:
        return await self.connection.read(call, self.account)

    async def do(self, call: Callable[[stripe.RequestOptions], Awaitable[T]]) -> T:
        """Change something as somebody else would: under a key that is never used again."""
        return await self.connection.write(f"test:{secrets.token_hex(8)}", call, self.account)

    async def customer(self) -> str:
        client = f"cli_{secrets.token_hex(8)}"
        return await self.directory.create_customer(self.account, client, name="Ada", email="ada@example.com")

    async def order(self, *lines: Line, currency: str = "usd", created_at: datetime | None = None) -> InvoiceOrder:
        """An invoice that has never been sent, of a customer of its own."""
        return InvoiceOrder(
            invoice=f"inv_{secrets.token_hex(8)}",
            customer=await self.customer(),
            currency=currency,
            lines=lines or self.lines,
            description="Voice Pro – für Café Ünïcode & Söhne",
            metadata=(("subscription", "sub_1"),),
            created_at=created_at or datetime.now(UTC),
        )

    async def issue(self, order: InvoiceOrder) -> InvoiceReading:
        return await self.payments.issue(self.account, order, datetime.now(UTC))

    async def issued(self, *lines: Line, currency: str = "usd") -> tuple[InvoiceOrder, InvoiceReading]:
        order = await self.order(*lines, currency=currency)
        return order, await self.issue(order)

    async def invoices_of(self, order: InvoiceOrder) -> list[stripe.Invoice]:
        page = await self.ask(lambda o: self.connection.v1.invoices.list_async({"customer": order.customer}, o))
        return page.data

    async def pay(
        self,
        order: InvoiceOrder,
        read: InvoiceReading,
        card: str = "pm_card_visa",
        *,
        number: int = 1,
        on_session: bool = False,
    ) -> PayAnswer:
        """One attempt with a saved card, or one of Stripe's named test cards."""
        tried = Card(card, "", 12, 2030, "visa", "4242")
        attempt = Attempt(order.invoice, number, tried, on_session, datetime.now(UTC))
        return await self.payments.pay(self.account, read.provider_id, attempt)

    async def saved_setup(self, customer: str, card: str = "pm_card_visa") -> stripe.SetupIntent:
        """A succeeded setup intent, as Checkout leaves one behind."""
        return await self.do(
            lambda o: self.connection.v1.setup_intents.create_async(
                {
                    "customer": customer,
                    "payment_method": card,
                    "confirm": True,
                    "allowed_payment_method_types": ["card"],
                },
                o,
            )
        )


@dataclass(frozen=True)
class Emulator:
    """The emulator's control calls: how trouble is made."""

    world: World
    stranger: World
    """The same place, seen with a key that Stripe does not know."""
    impatient: World
    """The same place, seen by somebody who waits a second."""
    control: httpx.AsyncClient
    clock: Path

    async def fault(self, call: str, fault: str, *, times: int | None = 1, seconds: float = 0.0) -> None:
        await self.tell("faults", call=call, fault=fault, times=times, seconds=seconds)

    async def struck(self) -> None:
        """Wait until every planned fault has struck."""
        async with asyncio.timeout(10):
            while (await self.control.get("/_emulator/faults")).json()["faults"]:
                pass

    async def prune_keys(self) -> None:
        await self.tell("faults", fault="prune_keys")

    def forward(self, *, seconds: int) -> None:
        """Move Stripe's business time ahead, for good."""
        self.clock.write_text(str(int(self.clock.read_text()) + seconds))

    async def tell(self, path: str, **body: Any) -> Any:
        answer = await self.control.post(f"/_emulator/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def requests(self) -> list[dict[str, Any]]:
        """Every API request so far, oldest first."""
        answer = await self.control.get("/_emulator/requests", params={"limit": 5000})
        listed: list[dict[str, Any]] = answer.json()["requests"]
        return listed
