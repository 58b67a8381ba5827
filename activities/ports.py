"""What the activities need of the outside. Adapters fit it by shape; worker/compose.py is where the fit is checked."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from billing.credit_notes import CreditOrder
from billing.disputed import CardDisputed
from billing.disputes import DisputeReading
from billing.facts import CardUsed, Fact
from billing.freezing import Standing
from billing.ledger import AttemptRow, InvoiceRow, LateEntries, NewInvoice, News
from billing.payments import AccountReading, EventReading, InvoiceOrder, InvoiceReading, PayAnswer
from billing.plans import Dunning
from billing.reconciling import Booked, BookedAccount, Difference, FindingKind, Subject
from billing.refunds import RefundOrder, RefundReading, RefundRow
from billing.reversals import BookedReversal, ReversalReading, Reversing
from billing.review import Past
from billing.state import Attempt, Card, Origin, State, Trouble


class Clock(Protocol):
    """Business time: the wall clock in production, the sandbox's clock in the sandbox."""

    def now(self) -> datetime: ...


class Payments(Protocol):
    """The payment provider. Every write carries its idempotency key; a declined card is an answer, trouble raises
    billing.payments.PaymentTrouble."""

    async def issue(self, account: str, order: InvoiceOrder, now: datetime) -> InvoiceReading:
        """Create, fill, compare and finalize: safe to repeat from any point. LinesDiffer when the draft isn't ours."""
        ...

    async def pay(self, account: str, provider_invoice: str, attempt: Attempt) -> PayAnswer: ...

    async def discard(self, account: str, order: InvoiceOrder) -> None:
        """Leave nothing of an invoice that is not to be issued. Raises Refused for one that was paid."""
        ...

    async def void(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading: ...

    async def send(self, account: str, provider_invoice: str, invoice: str, request: str) -> None:
        """Have the provider mail the open invoice to the client, once for each request."""
        ...

    async def mark_uncollectible(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading: ...

    async def mark_paid(self, account: str, provider_invoice: str, invoice: str) -> InvoiceReading:
        """The agency says that it was paid elsewhere."""
        ...

    async def credit(
        self, account: str, provider_invoice: str, order: CreditOrder, first_sent_at: datetime, now: datetime
    ) -> InvoiceReading:
        """Make the credit note, once, and read the invoice: safe to repeat. One that is not open is only read."""
        ...

    async def read_invoice(self, account: str, provider_invoice: str) -> InvoiceReading: ...

    async def read_card(self, account: str, customer: str) -> Card | None:
        """The customer's default card; none when detached, deleted or never saved."""
        ...

    async def read_account(self, account: str) -> AccountReading: ...

    async def adopt_card(self, account: str, customer: str, setup_intent: str) -> Card | None:
        """Make the card of a succeeded setup intent the customer's default, and read it."""
        ...


class Refunds(Protocol):
    """Money back at the payment provider. Trouble raises billing.payments.PaymentTrouble."""

    async def refund(self, account: str, order: RefundOrder, now: datetime) -> RefundReading:
        """Give the money back, once: safe to repeat."""
        ...

    async def find_refund(self, account: str, order: RefundOrder) -> RefundReading | None: ...

    async def read_refund(self, account: str, provider_id: str) -> RefundReading: ...

    async def invoice_of(self, account: str, payment_intent: str) -> str | None:
        """The provider's id of the invoice that was paid through the intent."""
        ...


class Disputes(Protocol):
    """Disputes at the payment provider. Trouble raises billing.payments.PaymentTrouble."""

    async def read_dispute(self, account: str, provider_id: str) -> DisputeReading: ...


class RefundBooks(Protocol):
    """Refunds in our books; each method is a transaction of its own."""

    async def refund(self, refund: str) -> RefundRow: ...

    async def provider_invoice(self, refund: RefundRow) -> str: ...

    async def begin(self, refund: RefundRow, payment_intent: str, with_fee: bool, at: datetime) -> RefundRow:
        """Commit what will be sent before it is sent. What stands already stays."""
        ...

    async def made(self, refund: RefundRow, reading: RefundReading, at: datetime) -> None: ...

    async def refused(self, refund: RefundRow, why: str, at: datetime) -> None:
        """The provider will never make it."""
        ...

    async def waits(self, refund: RefundRow, at: datetime) -> None:
        """Nobody can know before its account is back whether it was made."""
        ...


class Ledger(Protocol):
    """Our books, inside one transaction: what is called on it is committed together or not at all."""

    async def record(self, state: State, facts: Sequence[Fact], *, by: str = "system") -> State:
        """Apply `facts` by the rules and write what follows: projection (only a newer one), messages, audit trail."""
        ...

    async def freeze_usage(self, state: State, number: int, start: datetime, end: datetime, at: datetime) -> int:
        """Billed seconds of the period at the state's terms, which no call changes from here on. Repeatable: frozen is
        frozen."""
        ...

    async def close_period(self, state: State, number: int, seconds: int, overage: int, at: datetime) -> None: ...

    async def late_entries(self, subscription: str) -> tuple[LateEntries, ...]: ...

    async def draft_invoice(self, state: State, new: NewInvoice) -> InvoiceRow:
        """The live invoice of this source: drafted now, consuming credits and settling late entries, or as it is."""
        ...

    async def invoice(self, invoice: str) -> InvoiceRow | None: ...

    async def invoice_by_provider(self, account: str, provider_id: str) -> InvoiceRow | None: ...

    async def mirror_invoice(self, invoice: str, reading: InvoiceReading, at: datetime) -> InvoiceRow:
        """Take over number, status, amounts and links as Stripe has them. Status moves forward only; voiding gives
        back the credit that the invoice consumed."""
        ...

    async def withdraw_draft(self, invoice: str, at: datetime) -> InvoiceRow:
        """A draft that never reached the provider goes void, and gives back its credit. Repeatable."""
        ...

    async def closed_before(self, subscription: str, number: int, limit: int) -> tuple[Past, ...]:
        """The periods closed before this one, the newest first."""
        ...

    async def review_over(self, agency: str, currency: str) -> int | None:
        """The agency's own limit for the overage of plans without a price, in minor units (billing-rules 9)."""
        ...

    async def may_park(self, invoice: str, trouble: Trouble, at: datetime) -> Literal["yes", "no", "no_more"]:
        """Whether another invoice may be parked for this cause; `no_more` says so once, when parking stops
        (billing-rules 9). One that is parked already may be again."""
        ...

    async def settle_empty(self, invoice: str, at: datetime) -> InvoiceRow:
        """An invoice of zero: issued and paid in our books, never at Stripe."""
        ...

    async def keep_statement(self, invoice: str, at: datetime) -> InvoiceRow:
        """What a period under manual collection came to: final in our books, never at Stripe, and never due there."""
        ...

    async def begin_attempt(
        self, subscription: str, attempt: Attempt, origin: Origin, at: datetime, *, frozen: bool = False
    ) -> AttemptRow:
        """Commit the attempt before Stripe is called. One that is known by its number, or another that is in flight
        for the invoice, is returned as it is. Raises billing.ledger.AttemptRefused, for every new one while frozen."""
        ...

    async def card_used(self, state: State, card: str, at: datetime) -> CardUsed:
        """What all subscriptions of the client did with the card (its identity) in this account, in the 30 days before
        `at`."""
        ...

    async def disputed_cards(self, state: State) -> tuple[CardDisputed, ...]:
        """Every dispute of a card payment of the client's in this account, the oldest first."""
        ...

    async def settle_attempt(self, attempt: Attempt, answer: PayAnswer | None, at: datetime) -> None:
        """Write the outcome, and that the invoice is paid when it is; none: Stripe never made it. Repeatable."""
        ...

    async def charges(self, invoice: str) -> frozenset[str]:
        """The provider's ids of the charges that our attempts on the invoice made, as far as they are settled."""
        ...

    async def skip_attempt(self, subscription: str, invoice: str, why: str, at: datetime) -> None:
        """Record a step that was used up without an attempt."""
        ...

    async def dunning(self, agency: str) -> Dunning: ...

    async def grace(self, agency: str) -> timedelta:
        """The agency's usage grace (billing-rules 4)."""
        ...

    async def standing(self, state: State) -> Standing:
        """How the subscription's account stands: what holds it up now, and what no longer does."""
        ...

    async def mirror_account(self, reading: AccountReading, at: datetime) -> None:
        """Take over the account's health, with the freeze or thaw that follows and the wake-up of all whom it
        concerns."""
        ...

    async def set_card(self, client: str, card: Card | None, at: datetime) -> None: ...

    async def news(self, subscription: str) -> tuple[News, ...]: ...

    async def acknowledge(self, subscription: str, rows: Sequence[int], at: datetime) -> None: ...


class Store(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Ledger]: ...


class Records(Protocol):
    """What the provider has recorded of a connected account, read in lists. Raises billing.payments.PaymentTrouble."""

    def events(self, account: str, since: datetime) -> AsyncIterator[Sequence[EventReading]]:
        """Those of the types that we act on, a page at a time."""
        ...

    def invoices(self, account: str, since: datetime) -> AsyncIterator[Sequence[InvoiceReading]]:
        """Those made since then, with their successful charges, and the older ones that are open; a page at a time."""
        ...

    def reversals(self, account: str, since: datetime) -> AsyncIterator[Sequence[ReversalReading]]:
        """The refunds and disputes that were made since then, a page at a time."""
        ...

    async def read_reversal(self, account: str, subject: Reversing, provider_id: str) -> ReversalReading | None:
        """None: the provider has none."""
        ...


class CallRetention(Protocol):
    """Where calls are kept."""

    async def months_before(self, day: date) -> Sequence[date]:
        """The months (their first days) of which calls are kept and that ended by this day, the oldest first."""
        ...

    async def retire_some(self, month: date, at: datetime) -> int | None:
        """Retire a piece of the month: how many calls, 0 when the month is gone. None: it has to wait."""
        ...


class Comparison(Protocol):
    """Our books' side of reconciliation. Nothing on it moves money."""

    async def accounts(self, after: str, limit: int) -> Sequence[str]:
        """The connected accounts that can be read, in the order of their ids, behind `after`."""
        ...

    async def account(self, account: str) -> BookedAccount | None: ...

    async def events_since(self, account: str) -> datetime | None:
        """Up to when the account's events are surely in the inbox; none: they were never looked at."""
        ...

    async def take_in(self, account: str, events: Sequence[EventReading], at: datetime) -> int:
        """Store the events that the inbox lacks, as if their webhooks had come; how many it lacked."""
        ...

    async def wake(self, account: str, objects: Mapping[str, Subject], at: datetime) -> None:
        """Have these, the account itself among them, read again by whom they concern."""
        ...

    async def expected(self, account: str, since: datetime) -> Sequence[Booked]:
        """The invoices that the provider should have: made since then, or open."""
        ...

    async def booked(self, account: str, objects: Collection[str], invoices: Collection[str]) -> Sequence[Booked]:
        """The account's invoices with these ids of the provider's, or of ours."""
        ...

    async def expected_reversals(self, account: str, since: datetime) -> Sequence[BookedReversal]:
        """The refunds and disputes that the provider should have: made since then, or not over."""
        ...

    async def booked_reversals(self, account: str, objects: Collection[str]) -> Sequence[BookedReversal]: ...

    async def unread(self, account: str, objects: Collection[str]) -> frozenset[str]:
        """Those of the objects about which an event is still to be taken in."""
        ...

    async def are_clients(self, account: str, customers: Collection[str]) -> frozenset[str]:
        """Those of the provider's customers that are clients of ours."""
        ...

    async def open_findings(self, account: str) -> Sequence[tuple[FindingKind, str]]:
        """Kind and object of each."""
        ...

    async def settle(
        self, account: str, differences: Sequence[Difference], looked_at: Collection[str], at: datetime
    ) -> tuple[int, int]:
        """Enter the differences as findings, with a message for each new one, and resolve the others about what was
        looked at; how many of either."""
        ...

    async def reconciled(self, account: str, events_until: datetime | None, at: datetime) -> None: ...

    async def finished(self, started_at: datetime, at: datetime, accounts: int, failed: int) -> None:
        """A whole run, of every account, is over."""
        ...
