"""Reading the inbox: what Stripe reported is a hint, what Stripe shows is the fact (architecture, "Stripe's events").

Rows are acknowledged by the next reading: only then has the workflow surely learned what this one returns.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from temporalio import activity

from activities.messages import READ_NEWS, Outcome, Work
from activities.outcomes import answer_in, attempted, ended, failures_elsewhere, paid_by_charge_of, still_owed
from activities.ports import Clock, Ledger, Payments, Store
from activities.standing import Look, look_at_account, take_over
from activities.troubles import account_not_ready, expect, for_temporal
from billing.facts import CardRemoved, CardSaved, DunningApplied, Fact, GraceSet, NewsRead
from billing.ledger import ABOUT_CARDS, CARD_DISPUTED, CARD_SESSION, OURS, SETTINGS_CHANGED, InvoiceRow, News
from billing.payments import InvoiceReading, KeyMisused, PayAnswer, Refused
from billing.state import Card, State
from billing.steps import ReadNews
from billing.subscription import apply

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _InvoiceNews:
    """An invoice of ours as Stripe shows it now. `rows` reported it, the newest at `at`."""

    invoice: InvoiceRow
    reading: InvoiceReading
    charges: frozenset[str]
    """Those that our settled attempts made."""
    at: datetime


@dataclass(frozen=True)
class _CardNews:
    """The customer's default card as Stripe shows it now; none when there is none any more."""

    card: Card | None
    at: datetime


class NewsReader:
    """Reads the news of a subscription. Delivery uses it too, for a subscription whose workflow has ended."""

    def __init__(self, store: Store, payments: Payments, clock: Clock) -> None:
        self._store = store
        self._payments = payments
        self._clock = clock

    async def read(self, state: State) -> Outcome:
        """Re-read every object that the unread rows name, write the books, and return the facts.

        A row about an invoice that the books do not know yet stays unread. Raises billing.payments.PaymentTrouble.
        """
        async with self._store.transaction() as books:
            await books.acknowledge(state.id, state.acked, self._clock.now())
            account = await look_at_account(books, state, self._clock.now())
            unread = _readable(await books.news(state.id), reduce(apply, account.facts, state))
            invoices = await _known_invoices(books, state.account, unread)
        rows = [news for news in unread if news.invoice is None or news.invoice in invoices]
        of_invoices = [
            news
            for provider_id, invoice in invoices.items()
            # One of the client's earlier subscription is that one's news.
            if invoice.subscription == state.id
            and (news := await self._read_invoice(state, invoice, provider_id, _newest(rows, provider_id)))
        ]
        of_cards = await self._read_card(state, [news for news in rows if news.type.startswith(ABOUT_CARDS)])
        return await self._write(state, rows, of_invoices, of_cards, account)

    async def _read_invoice(
        self, state: State, invoice: InvoiceRow, provider_id: str, at: datetime
    ) -> _InvoiceNews | None:
        try:
            reading = await self._payments.read_invoice(state.account, provider_id)
        except Refused as refusal:
            await self._set_aside(state, provider_id, refusal)
            return None
        # After the reading: a charge of ours that settles in between is known then, and not taken for another's.
        async with self._store.transaction() as books:
            return _InvoiceNews(invoice, reading, await books.charges(invoice.id), at)

    async def _read_card(self, state: State, rows: Sequence[News]) -> _CardNews | None:
        if not rows:
            return None
        newest = max(news.at for news in rows)
        try:
            for news in sorted(rows, key=lambda news: news.at):
                # Only what was entered on a page of ours: others may save cards of this customer for their own ends.
                if news.setup_intent and news.type.startswith(CARD_SESSION):
                    await self._adopt(state, news.setup_intent)
            return _CardNews(await self._payments.read_card(state.account, state.customer), newest)
        except Refused as refusal:
            await self._set_aside(state, state.customer, refusal)
            return None

    async def _adopt(self, state: State, setup_intent: str) -> None:
        try:
            await self._payments.adopt_card(state.account, state.customer, setup_intent)
        except (Refused, KeyMisused) as trouble:
            await self._set_aside(state, setup_intent, trouble)

    async def _set_aside(self, state: State, provider_object: str, trouble: Refused | KeyMisused) -> None:
        """What Stripe will never show must not hold up the rest of the news; what it may show again is waited for."""
        account = await self._payments.read_account(state.account)
        if not account.connected:
            # With its freeze in the books, the next reading leaves alone what can't be read.
            await take_over(self._store, state, account, self._clock.now())
            raise account_not_ready(account) from trouble
        log.error(
            "Stripe does not show what it reported",
            extra={"subscription": state.id, "object": provider_object, "why": str(trouble)},
        )

    async def _write(
        self,
        state: State,
        rows: Sequence[News],
        of_invoices: Sequence[_InvoiceNews],
        of_card: _CardNews | None,
        account: Look,
    ) -> Outcome:
        now = self._clock.now()
        facts: list[Fact] = list(account.facts)
        async with self._store.transaction() as books:
            for news in of_invoices:
                facts += await self._invoice_facts(books, state, news)
            if of_card and of_card.card != state.card:
                await books.set_card(state.client, of_card.card, now)
                facts.append(CardSaved(of_card.at, of_card.card) if of_card.card else CardRemoved(of_card.at))
            changes = [news.at for news in rows if news.type == SETTINGS_CHANGED]
            if changes:
                facts.append(GraceSet(max(changes), await books.grace(state.agency)))
            if any(news.type == CARD_DISPUTED for news in rows):
                known = {one.dispute: one.lifted for one in state.disputed}
                told = await books.disputed_cards(state)
                facts += [one for one in told if known.get(one.dispute) not in (True, one.lifted)]
            if state.ladder:
                facts += [DunningApplied(news.at, news.dunning) for news in rows if news.dunning]
            facts.append(NewsRead(now, tuple(news.row for news in rows)))
            recorded = await books.record(state, facts)
        return Outcome(tuple(facts), recorded.version)

    async def _invoice_facts(self, books: Ledger, state: State, news: _InvoiceNews) -> Sequence[Fact]:
        invoice, reading, now = news.invoice, news.reading, self._clock.now()
        await books.mirror_invoice(invoice.id, reading, now)
        facts: list[Fact] = []
        answer = _held_back(state, news)
        ours = answer is not None and answer.result == "paid"
        if not ours and not paid_by_charge_of(reading, news.charges):
            # First what settled the invoice otherwise: then a decline beside it starts no ladder and tells nobody.
            elsewhere = ended(invoice.id, reading, news.at) or still_owed(state, invoice.id, reading, now)
            facts += [elsewhere] if elsewhere else []
        if answer and state.attempt:
            await books.settle_attempt(state.attempt, answer, now)
            facts.append(attempted(state.attempt, answer, await books.dunning(state.agency), now))
        known = news.charges | {answer.charge} if answer and answer.charge else news.charges
        return [*facts, *failures_elsewhere(invoice.id, reading, known)]


class Reading:
    def __init__(self, reader: NewsReader) -> None:
        self._reader = reader

    @activity.defn(name=READ_NEWS)
    async def read_news(self, work: Work) -> Outcome:
        """Acknowledge what the last reading brought, and turn the rest of the inbox into facts."""
        expect(work.step, ReadNews)
        with for_temporal():
            return await self._reader.read(work.state)


async def _known_invoices(books: Ledger, account: str, unread: Iterable[News]) -> dict[str, InvoiceRow]:
    provider_ids = dict.fromkeys(news.invoice for news in unread if news.invoice)
    rows = {provider_id: await books.invoice_by_provider(account, provider_id) for provider_id in provider_ids}
    return {provider_id: row for provider_id, row in rows.items() if row}


def _readable(unread: Sequence[News], state: State) -> Sequence[News]:
    """Of an account that left, nothing can be read: what it reported waits until it is back."""
    if any(freeze.cause == "disconnected" for freeze in state.freezes):
        return [news for news in unread if news.type.startswith(OURS)]
    return unread


def _newest(rows: Iterable[News], provider_id: str) -> datetime:
    return max(news.at for news in rows if news.invoice == provider_id)


def _held_back(state: State, news: _InvoiceNews) -> PayAnswer | None:
    """The outcome of our attempt in flight, when Stripe shows it before the step has learned it."""
    attempt = state.attempt
    if attempt is None or attempt.invoice != news.invoice.id:
        return None
    answer = answer_in(news.reading, attempt, attempt.attempted_at, news.charges)
    # Without a charge of its own it may be an earlier attempt's: the step itself finds that out.
    return answer if answer and answer.charge and answer.result != "processing" else None
