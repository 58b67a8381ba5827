"""Refunds: what may go back, how one ends, and that what carries it out can be repeated from any point."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import RefundStart
from activities.refunding import Refunding
from billing.invoices import InvoiceStatus
from billing.notices import NoticeKind
from billing.payments import ChargeReading, OutcomeUnknown, Refused
from billing.refunds import RefundOrder, RefundReading, RefundRow, RefundStatus, may_become, refusal, told, waiting

T0 = datetime(2026, 3, 1, tzinfo=UTC)
START = RefundStart("rfd_1", "agc_1", "acct_1")
ROW = RefundRow(
    id="rfd_1",
    agency_id="agc_1",
    invoice_id="inv_1",
    account_id="acct_1",
    amount=1200,
    currency="usd",
    reason="duplicate",
    note=None,
    requested_by="ada",
    status=RefundStatus.PENDING,
    payment_intent_id=None,
    with_fee=None,
    provider_id=None,
    failure=None,
    created_at=T0,
    first_sent_at=None,
    settled_at=None,
)


@pytest.mark.parametrize(
    ("status", "paid", "refunded", "asked", "code"),
    [
        (InvoiceStatus.PAID, 4900, 0, None, None),
        (InvoiceStatus.PAID, 4900, 0, 4900, None),
        (InvoiceStatus.PAID, 4900, 0, 4901, "refund_too_large"),
        (InvoiceStatus.PAID, 4900, 1200, 3700, None),
        (InvoiceStatus.PAID, 4900, 1200, 3701, "refund_too_large"),
        (InvoiceStatus.PAID, 4900, 4900, None, "already_refunded"),
        (InvoiceStatus.PAID, 0, 0, None, "not_paid_on_stripe"),
        (InvoiceStatus.OPEN, 0, 0, 100, "not_paid_on_stripe"),
    ],
)
def test_no_more_goes_back_than_was_paid(
    status: InvoiceStatus, paid: int, refunded: int, asked: int | None, code: str | None
) -> None:
    assert refusal(status, out_of_band=False, paid=paid, refunded=refunded, asked=asked) == code


def test_what_was_paid_elsewhere_cannot_go_back_through_stripe() -> None:
    assert refusal(InvoiceStatus.PAID, out_of_band=True, paid=4900, refunded=0, asked=None) == "not_paid_on_stripe"


def test_a_refund_that_succeeded_can_still_fail_and_one_that_failed_is_over() -> None:
    moves = {(old, new) for old in RefundStatus for new in RefundStatus if may_become(old, new)}
    assert (RefundStatus.SUCCEEDED, RefundStatus.FAILED) in moves
    assert not [new for old, new in moves if old in (RefundStatus.FAILED, RefundStatus.CANCELED)]
    assert not [old for old, new in moves if new is RefundStatus.PENDING]


def test_the_agency_alone_is_told_and_once_of_each() -> None:
    assert told(ROW, T0) == ()
    made = replace(ROW, provider_id="re_1", status=RefundStatus.SUCCEEDED)
    (refunded,) = told(made, T0)
    (failed,) = told(replace(made, status=RefundStatus.FAILED, failure="lost_or_stolen_card"), T0)
    assert (refunded.kind, refunded.audience, refunded.detail) == (
        NoticeKind.REFUNDED,
        "agency",
        "12.00 USD given back",
    )
    assert (failed.kind, failed.audience) == (NoticeKind.REFUND_FAILED, "agency")
    assert "lost_or_stolen_card" in failed.detail
    assert refunded.key != failed.key


@dataclass
class Outside:
    """Books, Stripe and clock in one: `answers` are what asking Stripe to refund brings, in turn."""

    row: RefundRow = ROW
    answers: list[RefundReading | Exception] = field(default_factory=list)
    charges: tuple[ChargeReading, ...] = (ChargeReading("ch_1", "pi_1", "succeeded", 4900, T0, fee=True),)
    there: RefundReading | None = None
    connected: bool = True
    readable: bool = True
    orders: list[RefundOrder] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    time: datetime = T0

    def now(self) -> datetime:
        return self.time

    async def refund(self, *given: Any) -> Any:
        if len(given) == 1:
            return self.row
        assert self.row.first_sent_at, "what is sent is committed before"
        self.orders.append(given[1])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find_refund(self, account: str, order: RefundOrder) -> RefundReading | None:
        return self.there

    async def provider_invoice(self, refund: RefundRow) -> str:
        return "in_1"

    async def read_invoice(self, account: str, provider_invoice: str) -> Any:
        if not self.connected or not self.readable:
            raise Refused("no access", status=403)
        return SimpleNamespace(charges=self.charges)

    async def read_account(self, account: str) -> Any:
        return SimpleNamespace(connected=self.connected, account=account, requirements=())

    async def begin(self, refund: RefundRow, payment_intent: str, with_fee: bool, at: datetime) -> RefundRow:
        self.row = replace(self.row, payment_intent_id=payment_intent, with_fee=with_fee, first_sent_at=at)
        return self.row

    async def made(self, refund: RefundRow, reading: RefundReading, at: datetime) -> None:
        self.row = replace(self.row, provider_id=reading.provider_id, status=reading.status)

    async def refused(self, refund: RefundRow, why: str, at: datetime) -> None:
        self.row = replace(self.row, status=RefundStatus.FAILED, failure=why)

    async def waits(self, refund: RefundRow, at: datetime) -> None:
        self.waited.append(refund.id)

    async def carry_out(self) -> None:
        outside: Any = self
        await Refunding(outside, outside, outside, outside).make_refund(START)


def reading(status: RefundStatus = RefundStatus.SUCCEEDED) -> RefundReading:
    return RefundReading("re_1", "rfd_1", "pi_1", 1200, "usd", status, "duplicate", None, T0)


async def test_what_is_repeated_after_a_lost_answer_is_the_same_order_to_the_byte() -> None:
    outside = Outside(answers=[OutcomeUnknown("no answer"), reading()])
    with pytest.raises(ApplicationError):
        await outside.carry_out()
    outside.time += timedelta(minutes=3)
    outside.charges = ()  # whatever the invoice shows by then
    await outside.carry_out()
    assert outside.orders[0] == outside.orders[1]
    assert outside.orders[0] == RefundOrder("rfd_1", "inv_1", "pi_1", 1200, "duplicate", True, T0)
    assert (outside.row.provider_id, outside.row.status) == ("re_1", RefundStatus.SUCCEEDED)

    await outside.carry_out()
    assert len(outside.orders) == 2, "what is made is not asked for again"


async def test_a_refusal_is_believed_only_when_the_refund_is_not_there() -> None:
    refused = Refused("Charge has already been refunded", status=400)
    outside = Outside(answers=[refused], there=reading())
    await outside.carry_out()
    assert outside.row.provider_id == "re_1"

    outside = Outside(answers=[refused])
    await outside.carry_out()
    assert (outside.row.status, outside.row.failure) == (RefundStatus.FAILED, "Charge has already been refunded")


async def test_a_refund_that_was_not_sent_fails_when_the_account_has_left() -> None:
    outside = Outside(connected=False)
    await outside.carry_out()
    assert (outside.row.status, outside.orders) == (RefundStatus.FAILED, [])
    (notice,) = told(outside.row, T0)
    assert (notice.kind, notice.detail) == (
        NoticeKind.REFUND_FAILED,
        "12.00 USD did not reach the client. The Stripe account is not connected any more.",
    )
    await outside.carry_out()
    assert outside.orders == [], "it is over"


async def test_an_invoice_that_cannot_be_read_fails_no_refund_of_a_connected_account() -> None:
    outside = Outside(readable=False)
    with pytest.raises(ApplicationError):
        await outside.carry_out()
    assert outside.row.status is RefundStatus.PENDING


async def test_a_refund_that_may_be_made_waits_for_its_account_and_is_then_looked_for() -> None:
    sent = replace(ROW, payment_intent_id="pi_1", with_fee=True, first_sent_at=T0)
    outside = Outside(row=sent, answers=[Refused("no access", status=403)] * 2, connected=False)
    with pytest.raises(ApplicationError):
        await outside.carry_out()
    assert outside.row.status is RefundStatus.PENDING

    assert outside.waited == ["rfd_1"]
    assert waiting(outside.row, T0).detail == (
        "12.00 USD may have been given back when the Stripe account was disconnected. "
        "Connect it again: only the account can show it."
    )

    outside.connected, outside.there = True, reading()
    await outside.carry_out()
    assert outside.waited == ["rfd_1"]
    assert (outside.row.provider_id, outside.row.status) == ("re_1", RefundStatus.SUCCEEDED)


async def test_without_a_payment_there_is_nothing_to_refund() -> None:
    outside = Outside(charges=(ChargeReading("ch_1", "pi_1", "failed", 4900, T0),))
    await outside.carry_out()
    assert (outside.row.status, outside.orders) == (RefundStatus.FAILED, [])
