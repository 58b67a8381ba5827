"""How an account is compared: what is taken in, who is woken, and what counts as a finding and what as unknown."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import Account
from activities.reconciling import EVENTS_KEPT, Reconciling
from billing.invoices import InvoiceStatus
from billing.payments import AccountReading, EventReading, InvoiceReading, Refused, TryLater
from billing.reconciling import Booked, BookedAccount, Difference, FindingKind, Subject
from billing.reversals import BookedReversal, ReversalReading, Reversing

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


GIVEN_BACK = ReversalReading(Subject.REFUND, "re_1", "pi_1", "cus_1", "succeeded", 900, "usd")
BOOKED_BACK = BookedReversal(Subject.REFUND, "re_1", "inv_1", "cli_1", "succeeded", 900, "usd")
DISPUTED = ReversalReading(Subject.DISPUTE, "du_1", "pi_1", "cus_1", "lost", 4900, "usd")
BOOKED_DISPUTE = BookedReversal(Subject.DISPUTE, "du_1", "inv_1", "cli_1", "open", 4900, "usd")
UNKNOWN = (FindingKind.REFUND_UNKNOWN, "re_1")


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
    reversed: tuple[ReversalReading, ...] = ()
    """Those that Stripe lists; `alone` are those that it only shows when asked for."""
    alone: tuple[ReversalReading, ...] = ()
    back: tuple[BookedReversal, ...] = ()
    back_learned: tuple[BookedReversal, ...] = ()
    unread_objects: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset({"cus_1"})
    asked_of: list[str] = field(default_factory=list)
    reversed_since: datetime | None = None
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

    async def reversals(self, account: str, since: datetime) -> AsyncIterator[Sequence[ReversalReading]]:
        self.reversed_since = since
        yield self.reversed

    async def read_reversal(self, account: str, subject: Reversing, provider_id: str) -> ReversalReading | None:
        return next((one for one in (*self.reversed, *self.alone) if one.provider_id == provider_id), None)

    async def expected_reversals(self, account: str, since: datetime) -> Sequence[BookedReversal]:
        return self.back

    async def booked_reversals(self, account: str, objects: Collection[str]) -> Sequence[BookedReversal]:
        return [one for one in self.back if one.provider_id in objects]

    async def unread(self, account: str, objects: Collection[str]) -> frozenset[str]:
        return self.unread_objects & set(objects)

    async def are_clients(self, account: str, customers: Collection[str]) -> frozenset[str]:
        return self.clients & set(customers)

    async def invoice_of(self, account: str, payment_intent: str) -> str | None:
        self.asked_of.append(payment_intent)
        return "in_1" if payment_intent == "pi_1" else None

    async def wake(self, account: str, objects: Mapping[str, Subject], at: datetime) -> None:
        self.woken += objects
        self.back = self.back_learned or self.back
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
    await Reconciling(parts, parts, parts, parts, parts, pauses_seconds=(0, 0)).reconcile(ACCOUNT, SPAN)
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
    known = Outside(health=gone, theirs=PAID, known=[STATUS, UNKNOWN])
    assert await compared(known) == ([(FindingKind.ACCOUNT_DIFFERS, ACCOUNT)], {ACCOUNT}), "the others stay as they are"


async def test_a_refund_or_dispute_that_is_learned_once_it_is_read_is_no_finding() -> None:
    outside = Outside(
        reversed=(GIVEN_BACK, DISPUTED),
        back=(BOOKED_DISPUTE,),
        back_learned=(BOOKED_BACK, replace(BOOKED_DISPUTE, status="lost")),
    )
    assert await compared(outside) == ([], {"re_1", "du_1"})
    assert outside.woken == ["du_1", "re_1"]


async def test_a_refund_or_dispute_that_differs_at_every_look_is_a_finding() -> None:
    outside = Outside(reversed=(GIVEN_BACK, DISPUTED), back=(BOOKED_DISPUTE,))
    status = (FindingKind.DISPUTE_STATUS_DIFFERS, "du_1")
    assert await compared(outside) == ([status, UNKNOWN], {"re_1", "du_1"})
    assert await compared(Outside(back=(BOOKED_DISPUTE,))) == ([(FindingKind.DISPUTE_MISSING, "du_1")], {"du_1"})


async def test_what_somebody_is_still_to_read_is_neither_found_nor_resolved() -> None:
    unread = frozenset({"re_1"})
    assert await compared(Outside(reversed=(GIVEN_BACK,), unread_objects=unread)) == ([], set())
    assert await compared(Outside(known=[UNKNOWN], unread_objects=unread)) == ([], set())


async def test_a_known_finding_about_a_refund_is_resolved_when_both_agree() -> None:
    assert await compared(Outside(reversed=(GIVEN_BACK,), back=(BOOKED_BACK,), known=[UNKNOWN])) == ([], {"re_1"})


async def test_payments_of_the_agencys_own_are_nobodys_finding() -> None:
    others = tuple(replace(GIVEN_BACK, provider_id=f"re_{number}", customer="cus_own") for number in range(3))
    outside = Outside(
        reversed=(*others, replace(GIVEN_BACK, payment_intent="pi_own"), replace(DISPUTED, customer=None))
    )
    assert await compared(outside) == ([], set())
    assert outside.asked_of == ["pi_own"], "Stripe is asked for clients of ours alone"


async def test_an_older_one_that_goes_on_is_read_by_itself() -> None:
    agrees = Outside(alone=(replace(DISPUTED, status="open"),), back=(BOOKED_DISPUTE,))
    assert await compared(agrees) == ([], set())
    assert agrees.woken == [], "where both agree nobody is woken"


@pytest.mark.parametrize(
    ("until", "since"), [(None, SPAN), (timedelta(hours=1), SPAN), (timedelta(days=90), timedelta(days=90))]
)
async def test_what_was_opened_while_nobody_could_look_is_looked_at(until: timedelta | None, since: timedelta) -> None:
    outside = Outside(until=NOW - until if until else None)
    await compared(outside)
    assert outside.reversed_since == NOW - since


@pytest.mark.parametrize("trouble", [TryLater("slowly"), Refused("no", status=403)])
async def test_what_stripe_refuses_ends_the_look_and_settles_nothing(trouble: Exception) -> None:
    outside: Any = Outside(trouble=trouble)
    activity = Reconciling(outside, outside, outside, outside, outside, pauses_seconds=(0,))
    with pytest.raises(ApplicationError, match=str(trouble)):
        await activity.reconcile_account(Account(ACCOUNT, 35))
    assert (outside.settled, outside.until) == ([], None)
