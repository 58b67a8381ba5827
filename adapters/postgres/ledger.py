"""Our books as the activities see them: each transaction one `PostgresLedger`, each method told where it is written."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from adapters.postgres import (
    accounts,
    attempts,
    closing,
    disputed,
    drafting,
    freezes,
    inbox,
    invoicing,
    parkings,
    projection,
)
from adapters.postgres.codec import encode_card
from adapters.postgres.pool import Connection, Pool, transaction
from adapters.postgres.projection import Written
from billing.disputed import CardDisputed
from billing.facts import CardUsed, Fact
from billing.freezing import Standing
from billing.ledger import AttemptRow, InvoiceRow, LateEntries, NewInvoice, News
from billing.payments import AccountReading, InvoiceReading, PayAnswer
from billing.plans import Dunning
from billing.review import Past
from billing.state import Attempt, Card, Origin, State, Trouble


class PostgresLedger:
    """The books inside one transaction: what is called on it is committed together or not at all."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.written: tuple[Written, ...] = ()
        """What is new in this transaction."""

    async def record(self, state: State, facts: Sequence[Fact], *, by: str = "system") -> State:
        recorded, written = await projection.record(self._connection, state, facts, by)
        self.written += written
        return recorded

    async def freeze_usage(self, state: State, number: int, start: datetime, end: datetime, at: datetime) -> int:
        return await closing.freeze_usage(self._connection, state, number, start, end, at)

    async def close_period(self, state: State, number: int, seconds: int, overage: int, at: datetime) -> None:
        await closing.close_period(self._connection, state, number, seconds, overage, at)

    async def late_entries(self, subscription: str) -> tuple[LateEntries, ...]:
        return await closing.late_entries(self._connection, subscription)

    async def draft_invoice(self, state: State, new: NewInvoice) -> InvoiceRow:
        return await drafting.draft_invoice(self._connection, state, new)

    async def invoice(self, invoice: str) -> InvoiceRow | None:
        return await invoicing.load_invoice(self._connection, invoice)

    async def invoice_by_provider(self, account: str, provider_id: str) -> InvoiceRow | None:
        return await invoicing.invoice_by_provider(self._connection, account, provider_id)

    async def mirror_invoice(self, invoice: str, reading: InvoiceReading, at: datetime) -> InvoiceRow:
        return await invoicing.mirror_invoice(self._connection, invoice, reading, at)

    async def withdraw_draft(self, invoice: str, at: datetime) -> InvoiceRow:
        return await invoicing.withdraw_draft(self._connection, invoice, at)

    async def closed_before(self, subscription: str, number: int, limit: int) -> tuple[Past, ...]:
        return await closing.closed_before(self._connection, subscription, number, limit)

    async def review_over(self, agency: str, currency: str) -> int | None:
        return await accounts.review_over(self._connection, agency, currency)

    async def may_park(self, invoice: str, trouble: Trouble, at: datetime) -> Literal["yes", "no", "no_more"]:
        return await parkings.may_park(self._connection, invoice, trouble, at)

    async def keep_statement(self, invoice: str, at: datetime) -> InvoiceRow:
        return await invoicing.keep_statement(self._connection, invoice, at)

    async def settle_empty(self, invoice: str, at: datetime) -> InvoiceRow:
        return await invoicing.settle_empty(self._connection, invoice, at)

    async def begin_attempt(
        self, subscription: str, attempt: Attempt, origin: Origin, at: datetime, *, frozen: bool = False
    ) -> AttemptRow:
        return await attempts.begin_attempt(self._connection, subscription, attempt, origin, at, frozen=frozen)

    async def card_used(self, state: State, card: str, at: datetime) -> CardUsed:
        return await attempts.card_used(self._connection, state.client, state.account, card, at)

    async def disputed_cards(self, state: State) -> tuple[CardDisputed, ...]:
        return await disputed.disputed_cards(self._connection, state.client, state.account)

    async def settle_attempt(self, attempt: Attempt, answer: PayAnswer | None, at: datetime) -> None:
        await attempts.settle_attempt(self._connection, attempt, answer, at)

    async def charges(self, invoice: str) -> frozenset[str]:
        return await attempts.charges(self._connection, invoice)

    async def skip_attempt(self, subscription: str, invoice: str, why: str, at: datetime) -> None:
        await attempts.skip_attempt(self._connection, subscription, invoice, why, at)

    async def dunning(self, agency: str) -> Dunning:
        return await accounts.dunning(self._connection, agency)

    async def grace(self, agency: str) -> timedelta:
        return await accounts.grace(self._connection, agency)

    async def standing(self, state: State) -> Standing:
        return await freezes.standing(self._connection, state)

    async def mirror_account(self, reading: AccountReading, at: datetime) -> None:
        await accounts.mirror_account(self._connection, reading, at)

    async def set_card(self, client: str, card: Card | None, at: datetime) -> None:
        """Mirror the card on file, which Stripe holds."""
        await self._connection.execute(
            "UPDATE clients SET card = $2, card_at = $3 WHERE id = $1", client, encode_card(card) if card else None, at
        )

    async def news(self, subscription: str) -> tuple[News, ...]:
        return await inbox.news(self._connection, subscription)

    async def acknowledge(self, subscription: str, rows: Sequence[int], at: datetime) -> None:
        await inbox.acknowledge(self._connection, subscription, rows, at)


class PostgresStore:
    """Opens the books, one transaction at a time. `committed` hears of each what is new, once it is committed."""

    def __init__(self, pool: Pool, committed: Callable[[Sequence[Written]], None] = lambda written: None) -> None:
        self._pool = pool
        self._committed = committed

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresLedger]:
        async with transaction(self._pool) as connection:
            books = PostgresLedger(connection)
            yield books
        self._committed(books.written)
