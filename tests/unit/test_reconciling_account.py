"""How an account is compared: what is taken in, who is woken, and what counts as a finding and what as unknown."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import Account
from activities.reconciling import EVENTS_KEPT, Reconciling
from billing.invoices import InvoiceStatus
from billing.payments import AccountReading, EventReading, InvoiceReading, Refused, TryLater
from billing.reconciling import Booked, BookedAccount, Difference, FindingKind

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
ACCOUNT = "acct_1"
SPAN = timedelta(days=35)
OURS = Booked("inv_1", "cli_1", "in_1", InvoiceStatus.OPEN, "usd", 4900, 0, frozenset(), moving=False)
THEIRS = InvoiceReading(
    "in_1", "inv_1", InvoiceStatus.OPEN, "A-1", "usd", 4900, 4900, 4900, 0, 0, 0, False, None, None, "none"
)
PAID = replace(THEIRS, status=InvoiceStatus.PAID, amount_paid=4900)
EVENT = EventReading("evt_1", "invoice.paid", NOW, "in_1", "cus_1", "{}")
STATUS = (FindingKind.INVOICE_STATUS_DIFFERS, "in_1")


HEALTHY = AccountReading(ACCOUNT, True, True, True, "active")


@dataclass
class Outside:
    """Both sides in one: Stripe, and the books whose `learns` is what they have after they were woken."""

    theirs: InvoiceReading | None = THEIRS
    ours: Booked = OURS
    learns: Booked | None = None
    known: list[tuple[FindingKind, str]] = field(default_factory=list)
    health: AccountReading = HEALTHY
    until: datetime | None = None
    trouble: Exception | None = None
    asked_since: datetime | None = None
    woken: list[str] = field(default_factory=list)
    settled: list[tuple[list[tuple[FindingKind, str]], set[str]]] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW

    async def events(self, account: str, since: datetime) -> AsyncIterator[Sequence[EventReading]]:
        self.asked_since = since
        yield [EVENT]

    async def invoices(self, account: str, since: datetime) -> AsyncIterator[Sequence[InvoiceReading]]:
        if self.trouble:
            raise self.trouble
        yield [self.theirs] if self.theirs else []

    async def read_account(self, account: str) -> AccountReading:
        return self.health

    async def read_invoice(self, account: str, provider_invoice: str) -> InvoiceReading:
        if self.theirs is None:
            raise Refused("No such invoice", status=404, code="resource_missing")
        return self.theirs

    async def account(self, account: str) -> BookedAccount:
        return BookedAccount(ACCOUNT, True, True, "active", connected=True)

    async def events_since(self, account: str) -> datetime | None:
        return self.until

    async def take_in(self, account: str, events: Sequence[EventReading], at: datetime) -> int:
        return len(events)

    async def wake(self, account: str, objects: Collection[str], at: datetime) -> None:
        self.woken += objects
        self.ours = self.learns or self.ours

    async def expected(self, account: str, since: datetime) -> Sequence[Booked]:
        return [self.ours]

    async def booked(self, account: str, objects: Collection[str], invoices: Collection[str]) -> Sequence[Booked]:
        return [self.ours]

    async def open_findings(self, account: str) -> Sequence[tuple[FindingKind, str]]:
        return self.known

    async def settle(self, account: str, differences: Sequence[Difference], looked_at: Any, at: datetime) -> Any:
        self.settled.append(([one.key for one in differences], set(looked_at)))
        return len(differences), 0

    async def reconciled(self, account: str, events_until: datetime | None, at: datetime) -> None:
        self.until = events_until


async def compared(outside: Outside) -> tuple[list[tuple[FindingKind, str]], set[str]]:
    parts: Any = outside
    await Reconciling(parts, parts, parts, parts, pauses_seconds=(0, 0)).reconcile(ACCOUNT, SPAN)
    (settled,) = outside.settled
    return settled


async def test_where_all_agrees_nobody_is_woken() -> None:
    outside = Outside()
    assert await compared(outside) == ([], set())
    assert outside.woken == []
    assert (outside.asked_since, outside.until) == (NOW - EVENTS_KEPT, NOW)


async def test_events_are_asked_for_from_a_little_before_the_last_time() -> None:
    outside = Outside(until=NOW - timedelta(hours=2))
    await compared(outside)
    assert outside.asked_since == NOW - timedelta(hours=3)


async def test_what_is_learned_once_it_is_read_is_no_finding() -> None:
    outside = Outside(theirs=PAID, learns=replace(OURS, status=InvoiceStatus.PAID, amount_paid=4900))
    assert await compared(outside) == ([], {"in_1"})
    assert outside.woken == ["in_1"]


async def test_what_differs_at_every_look_is_a_finding() -> None:
    assert await compared(Outside(theirs=PAID)) == ([STATUS], {"in_1"})


async def test_what_moves_is_neither_found_nor_resolved() -> None:
    moves = replace(OURS, moving=True)
    assert await compared(Outside(theirs=PAID, learns=moves)) == ([], set())
    assert await compared(Outside(theirs=PAID, ours=moves, known=[STATUS])) == ([], set())


async def test_a_known_finding_is_looked_at_again_wherever_it_stands() -> None:
    outside = Outside(known=[STATUS])
    assert await compared(outside) == ([], {"in_1"}), "so that it is resolved"
    assert await compared(Outside(theirs=None, known=[(FindingKind.INVOICE_MISSING, "in_1")])) == (
        [(FindingKind.INVOICE_MISSING, "in_1")],
        {"in_1"},
    )


async def test_an_invoice_whose_issuing_is_not_written_yet_is_nobodys_finding() -> None:
    issuing = replace(OURS, provider_id=None, status=InvoiceStatus.DRAFT)
    assert await compared(Outside(ours=issuing)) == ([], set())


async def test_of_an_account_that_left_only_its_health_is_compared() -> None:
    gone = AccountReading(ACCOUNT, False, False, False, "inactive", connected=False)
    outside = Outside(health=gone, theirs=PAID)
    assert await compared(outside) == ([(FindingKind.ACCOUNT_DIFFERS, ACCOUNT)], {ACCOUNT})
    assert (outside.asked_since, outside.until) == (None, None)


@pytest.mark.parametrize("trouble", [TryLater("slowly"), Refused("no", status=403)])
async def test_what_stripe_refuses_ends_the_look_and_settles_nothing(trouble: Exception) -> None:
    outside: Any = Outside(trouble=trouble)
    activity = Reconciling(outside, outside, outside, outside, pauses_seconds=(0,))
    with pytest.raises(ApplicationError, match=str(trouble)):
        await activity.reconcile_account(Account(ACCOUNT, 35))
    assert (outside.settled, outside.until) == ([], None)
