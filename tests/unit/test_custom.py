"""Custom invoices: collected as a debt without a service, or sent and reminded of (billing-rules 5)."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.books import Behaviour
from support.ordered_lives import a_custom_invoice
from support.world import DAY, HOUR, T0, World

from billing.agenda import agenda
from billing.custom import REMINDERS, custom_invoice_id, own_lines
from billing.facts import InvoiceParked, StepFailed
from billing.invoices import LineKind, compose, total
from billing.requests import send_refusal
from billing.state import Corrected, Custom, Reissue, Status
from billing.steps import SendInvoice
from billing.view import BannerKind, banner, next_invoice, view

ORDER = "cst_demo"
INVOICE = custom_invoice_id(ORDER)
SHORT = "demo"


def a_custom(*behaviours: Behaviour, days_until_due: int | None = None, with_card: bool = True) -> World:
    """An invoice of 150.00."""
    return a_custom_invoice(*behaviours, custom=Custom(15000, days_until_due), with_card=with_card)


# Charged


def test_it_is_charged_at_once_and_over_when_it_is_paid() -> None:
    world = a_custom().run(days=1)
    assert world.amounts() == {SHORT: 15000}
    assert world.charges() == [(timedelta(), f"{SHORT}#1")]
    assert world.finished


def test_what_it_will_come_to_is_known_before_it_is_issued() -> None:
    assert next_invoice(a_custom().state, 0) == (T0, 15000)


def test_declined_it_has_a_ladder_of_its_own_and_no_final_action_follows() -> None:
    world = a_custom("soft").run(days=40)
    assert [at for at, _ in world.charges()] == [0 * DAY, 3 * DAY, 8 * DAY, 15 * DAY]
    assert world.state.status is Status.CANCELLED
    assert not world.steps("TakeFinalAction")
    assert world.open() == [SHORT]
    assert not world.finished

    world.save_card("amex").run(days=1)
    assert world.charges()[-1] == (40 * DAY, f"{SHORT}#5")
    assert world.finished


def test_without_a_card_it_waits_for_one_and_reminds() -> None:
    world = a_custom(with_card=False).run(days=4)
    assert world.charges() == []
    shown = banner(world.state, world.state.status, world.now)
    assert shown
    assert (shown.kind, shown.amount_due) == (BannerKind.NO_PAYMENT_METHOD, 15000)
    world.save_card().run(days=1)
    assert world.finished


@pytest.mark.parametrize("settled", ["void_elsewhere", "pay_elsewhere", "write_off"])
def test_settled_otherwise_it_is_over(settled: str) -> None:
    world = a_custom("soft").run(days=1)
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    getattr(world, settled)(SHORT)
    assert world.run(days=30).finished
    assert len(world.charges()) == 1


def test_no_service_ever_shows() -> None:
    world = a_custom("soft").run(days=1)
    seen = view(world.state, world.now)
    assert (seen.status, seen.current_period, seen.cancel_at) == (Status.CANCELLED, None, None)
    assert world.state.period is None


# Sent


def test_sent_it_is_never_tried_and_the_client_is_reminded_around_its_day() -> None:
    world = a_custom(days_until_due=14).run(days=60)
    assert world.charges() == []
    assert [at for at, _ in world.steps("RemindDue")] == [11 * DAY, 14 * DAY, 21 * DAY]
    assert world.messages() == ["invoice_due"] * 3, "Stripe mails the invoice itself"
    assert world.messages("agency") == []
    assert world.state.ladder is None
    assert banner(world.state, world.state.status, world.now) is None

    world.save_card("amex").run(days=30)
    assert world.charges() == [], "a new card is not tried either"
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    world.pay_elsewhere(SHORT)
    assert world.run(days=1).finished


def test_reissued_it_is_sent_again_and_not_charged() -> None:
    world = a_custom(days_until_due=14).run(days=1)
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    world.ask("reissue", SHORT, reissue=Reissue(ORDER, 12000, (Corrected(1, 12000),)))
    world.run(days=60)
    assert (world.charges(), world.state.debt[0].amount) == ([], 12000)
    assert world.messages().count("invoice_due") == 3


def test_paid_it_is_not_reminded_of() -> None:
    world = a_custom(days_until_due=14).run(days=12)
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    world.pay_elsewhere(SHORT)
    assert world.run(days=30).finished
    assert len(world.steps("RemindDue")) == 1


@pytest.mark.parametrize(("days", "reminded"), [(1, [1, 8]), (3, [3, 10]), (4, [1, 4, 11])])
def test_a_reminder_that_would_come_with_the_invoice_or_before_it_is_left_out(days: int, reminded: list[int]) -> None:
    world = a_custom(days_until_due=days).run(days=20)
    assert [at for at, _ in world.steps("RemindDue")] == [day * DAY for day in reminded]


def test_reminders_that_were_missed_together_are_one() -> None:
    world = a_custom(days_until_due=14).run(days=1)
    world.now = T0 + 30 * DAY
    world.run(days=1)
    assert len(world.steps("RemindDue")) == 1
    assert world.state.custom
    assert world.state.custom.reminded == len(REMINDERS)


def test_pay_now_on_a_sent_one_that_is_declined_starts_no_ladder() -> None:
    world = a_custom("soft", days_until_due=14).run(days=1)
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    asked = world.ask("pay_now", SHORT)
    world.run(days=30)
    answer = world.answer(asked)
    assert answer
    assert answer.result == "failed"
    assert len(world.charges()) == 1
    assert world.state.ladder is None
    shown = banner(world.state, world.state.status, world.now)
    assert shown
    assert (shown.kind, shown.tries, shown.sent) == (BannerKind.PAYMENT_FAILED, (), True)


def test_only_what_was_sent_is_sent_again_and_only_while_it_is_open() -> None:
    sent, charged = a_custom(days_until_due=14).run(days=1), a_custom("soft").run(days=1)
    assert send_refusal(sent.state, sent.now, INVOICE) is None
    assert send_refusal(charged.state, charged.now, INVOICE) == "not_a_sent_invoice"
    assert send_refusal(sent.state, sent.now, "inv_other") == "invoice_not_open"

    sent.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    asked = sent.ask("send", SHORT)
    sent.run(days=0)
    answer = sent.answer(asked)
    assert answer
    assert answer.result == "done"
    assert len(sent.steps("SendInvoice")) == 1


@pytest.mark.parametrize("what", ["pay_now", "void"])
def test_a_mail_that_fails_holds_nothing_up(what: str) -> None:
    world = a_custom(days_until_due=14).run(days=1)
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    mail = world.ask("send", SHORT)
    (failing,) = [item.step for item in agenda(world.state) if isinstance(item.step, SendInvoice)]
    world.learn(StepFailed(world.now, failing.key, "Stripe does not mail"))
    asked = world.ask(what, SHORT)
    world.run(days=0)
    assert world.books.bills[INVOICE].status == ("paid" if what == "pay_now" else "void")
    refused, done = world.answer(mail), world.answer(asked)
    assert done
    assert refused
    assert (done.result != "refused", refused.result) == (True, "refused")


def test_parked_before_its_issue_it_waits_until_a_person_asks_for_a_retry() -> None:
    world = a_custom()
    world.learn(InvoiceParked(world.now, INVOICE, "impossible")).run(days=2)
    assert world.steps("IssueInvoice") == []
    assert not world.finished
    asked = world.ask("retry")
    assert world.run(days=1).finished
    answer = world.answer(asked)
    assert answer
    assert (answer.result, world.charges()) == ("done", [(2 * DAY, f"{SHORT}#1")])


# Frozen


def test_a_frozen_agencys_invoice_waits_with_its_ladder_and_goes_on_moved_by_the_span() -> None:
    world = a_custom("soft").run(days=1)
    world.freeze().run(days=10)
    world.thaw().run(days=30)
    assert [at for at, _ in world.charges()] == [0 * DAY, 13 * DAY, 18 * DAY, 25 * DAY]
    assert not world.steps("TakeFinalAction")


def test_of_a_sent_one_nobody_is_reminded_while_the_agency_is_frozen_and_once_after_it() -> None:
    world = a_custom(days_until_due=14).run(days=1)
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    asked = world.ask("send", SHORT)
    world.freeze()
    assert send_refusal(world.state, world.now, INVOICE) == "agency_frozen"
    answer = world.answer(asked)
    assert answer
    assert answer.code == "agency_frozen"

    world.run(days=14)
    assert world.steps("RemindDue", "SendInvoice") == []
    world.thaw().run(days=1)
    (reminded,) = world.steps("RemindDue")
    assert 15 * DAY <= reminded[0] < 15 * DAY + HOUR
    assert world.messages() == ["invoice_due"], "Stripe mailed the invoice itself"


def test_what_was_not_issued_before_the_freeze_is_issued_once_in_the_hour_after_it() -> None:
    world = a_custom(days_until_due=14).freeze().run(days=3)
    assert world.steps("IssueInvoice") == []
    world.thaw().run(days=1)
    ((issued, _),) = world.steps("IssueInvoice")
    assert 3 * DAY <= issued < 3 * DAY + HOUR


def test_a_mail_that_a_person_asks_for_is_not_put_off_after_a_thaw() -> None:
    world = a_custom(days_until_due=60).run(days=1).freeze().run(days=2).thaw()
    world.invoice = lambda short: INVOICE  # type: ignore[method-assign]
    world.ask("send", SHORT)
    assert [at for at, _ in world.run().steps("SendInvoice")] == [3 * DAY]


# Any life


@given(
    st.lists(st.sampled_from(["pays", "soft", "hard", "must_act", "not_made", "lost"]), min_size=1, max_size=6),
    st.one_of(st.none(), st.integers(1, 60)),
    st.booleans(),
)
def test_whatever_the_card_does_it_is_paid_at_most_once_and_never_forgotten(
    behaviours: list[Behaviour], days_until_due: int | None, with_card: bool
) -> None:
    world = a_custom(*behaviours, "soft", days_until_due=days_until_due, with_card=with_card)
    world.run(days=120)
    bill = world.books.bills[INVOICE]
    assert world.finished is (bill.status == "paid")
    assert bill.paid == (15000 if bill.status == "paid" else 0)
    instants = [at for at, _ in world.charges()]
    assert all(earlier <= later for earlier, later in pairwise(instants))
    assert days_until_due is None or not instants


# Its lines


def test_a_negative_line_takes_off_the_others_and_a_credit_is_used_up() -> None:
    lines = own_lines([("Set-up", 15000), ("As agreed", -2500)])
    draft = compose(lines, 500, "usd")
    assert [(line.kind, line.amount) for line in draft.lines] == [
        (LineKind.CUSTOM, 15000),
        (LineKind.CUSTOM, -2500),
        (LineKind.CREDIT, -500),
    ]
    assert (total(draft.lines), draft.credit_used, draft.new_credit) == (12000, 500, 0)
