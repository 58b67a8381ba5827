"""What stands on an invoice: billing-rules 5, with the late entries of 4 and the plan change of 7."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.invoices import (
    InvoiceStatus,
    Line,
    LineKind,
    application_fee,
    compose,
    late_line,
    may_become,
    overage_line,
    portal_status,
    price_line,
    too_large,
    total,
)
from billing.money import AmountRefused, unit
from billing.usage import late_amount

START, END = datetime(2026, 1, 31, 14, 30, tzinfo=UTC), datetime(2026, 2, 28, 14, 30, tzinfo=UTC)
PRICE, OVERAGE, LATE = LineKind.PRICE, LineKind.OVERAGE, LineKind.LATE_CALLS
CORRECTION, CREDIT = LineKind.CORRECTION, LineKind.CREDIT


RATES = st.integers(0, 10_000_000).map(lambda units: Decimal(units).scaleb(-4))


def line(kind: LineKind, amount: int) -> Line:
    return Line(kind, kind.value, amount)


@pytest.mark.parametrize(
    ("given_lines", "available", "stands", "used", "new"),
    [
        # In advance and in arrears: the first invoice, a boundary's, the last.
        ([(PRICE, 4900)], 0, [(PRICE, 4900)], 0, 0),
        ([(OVERAGE, 1400), (PRICE, 4900)], 0, [(OVERAGE, 1400), (PRICE, 4900)], 0, 0),
        ([(OVERAGE, 1400)], 0, [(OVERAGE, 1400)], 0, 0),
        # Zero lines are left out; with nothing left there is no Stripe invoice.
        ([(OVERAGE, 0), (PRICE, 4900)], 0, [(PRICE, 4900)], 0, 0),
        ([(OVERAGE, 1400), (PRICE, 0)], 0, [(OVERAGE, 1400)], 0, 0),
        ([(OVERAGE, 0), (PRICE, 0), (LATE, 0)], 500, [], 0, 0),
        ([(PRICE, 4900), (PRICE, 0)], 0, [(PRICE, 4900)], 0, 0),
        ([], 500, [], 0, 0),
        # Credit never exceeds the positive lines; the rest stays carried.
        ([(PRICE, 4900)], 1000, [(PRICE, 4900), (CREDIT, -1000)], 1000, 0),
        ([(PRICE, 4900)], 4900, [(PRICE, 4900), (CREDIT, -4900)], 4900, 0),
        ([(PRICE, 4900)], 7000, [(PRICE, 4900), (CREDIT, -4900)], 4900, 0),
        # A late call is charged; below zero a late entry becomes credit and is consumed at once, in one line.
        ([(LATE, 120), (PRICE, 4900)], 0, [(LATE, 120), (PRICE, 4900)], 0, 0),
        ([(CORRECTION, -120), (PRICE, 4900)], 0, [(PRICE, 4900), (CREDIT, -120)], 120, 120),
        ([(CORRECTION, -120), (LATE, -30), (PRICE, 4900)], 50, [(PRICE, 4900), (CREDIT, -200)], 200, 150),
        ([(CORRECTION, -120), (LATE, 100)], 0, [(LATE, 100), (CREDIT, -100)], 100, 120),
        ([(CORRECTION, -120)], 30, [], 0, 120),
        # The plan change of billing-rules 7: both lines, 33.87; with credit; and one that is worth less than was paid.
        ([(PRICE, -3319), (PRICE, 6706)], 0, [(PRICE, -3319), (PRICE, 6706)], 0, 0),
        ([(PRICE, -3319), (PRICE, 6706)], 9000, [(PRICE, -3319), (PRICE, 6706), (CREDIT, -3387)], 3387, 0),
        ([(PRICE, -6706), (PRICE, 3319)], 0, [], 0, 3387),
        ([(PRICE, -4900), (PRICE, 4900)], 0, [], 0, 0),
        ([(PRICE, -4900), (PRICE, 0)], 0, [], 0, 4900),
        # The worked plan change of billing-rules 7 comes to 33.87.
        ([(PRICE, -3319), (PRICE, 6706)], 3387, [(PRICE, -3319), (PRICE, 6706), (CREDIT, -3387)], 3387, 0),
        ([(PRICE, -6706), (PRICE, 3319), (LATE, 100)], 0, [(LATE, 100), (CREDIT, -100)], 100, 3387),
    ],
)
def test_compose(
    given_lines: list[tuple[LineKind, int]], available: int, stands: list[tuple[LineKind, int]], used: int, new: int
) -> None:
    draft = compose([line(*each) for each in given_lines], available, "usd")
    assert [(each.kind, each.amount) for each in draft.lines] == stands
    assert (draft.credit_used, draft.new_credit) == (used, new)


@pytest.mark.parametrize(
    ("bad", "available", "currency"), [(line(CREDIT, -5), 0, "usd"), (line(OVERAGE, -5), 0, "usd"), (None, -1, "usd")]
)
def test_compose_refuses_what_can_not_be(bad: Line | None, available: int, currency: str) -> None:
    with pytest.raises(ValueError, match=r"credit|overage"):
        compose([bad] if bad else [], available, currency)


@pytest.mark.parametrize(("amount", "available"), [(1235, 0), (-1235, 0), (1230, 5)])
def test_compose_refuses_fractions_of_the_chargeable_unit(amount: int, available: int) -> None:
    with pytest.raises(AmountRefused):
        compose([line(LATE, amount)], available, "kwd")


lines = st.lists(
    st.one_of(
        st.builds(line, st.sampled_from([PRICE, LATE, CORRECTION]), st.integers(-10_000, 10_000)),
        st.builds(line, st.just(OVERAGE), st.integers(0, 10_000)),
    ),
    max_size=8,
)


@given(lines, st.integers(0, 30_000))
@settings(deadline=None)
def test_no_invoice_is_below_zero_and_no_credit_is_lost(owed: list[Line], available: int) -> None:
    draft = compose(owed, available, "usd")
    credits = [each for each in draft.lines if each.kind is CREDIT]
    rest = available + draft.new_credit - draft.credit_used
    assert total(draft.lines) >= 0
    assert rest >= 0
    assert rest == 0 or total(draft.lines) == 0
    assert total(draft.lines) - rest == total(owed) - available
    assert [-each.amount for each in credits] == [draft.credit_used] * (draft.credit_used > 0)
    assert all(each.amount > 0 for each in draft.lines if each.kind in (OVERAGE, LATE, CORRECTION))


def test_each_line_is_rounded_once_and_the_total_is_their_sum() -> None:
    # 37.5 and 12.5 cents: 38 and 13. Rounded together they would be 50.
    over = overage_line(503 * 60, 500, Decimal("12.5"), "usd", START, END)
    late = late_line(
        LATE, late_amount(500 * 60, 0, 60, 500 * 60, Decimal("12.5"), "usd"), 60, Decimal("12.5"), START, END
    )
    draft = compose([over, late], 0, "usd")
    assert [each.amount for each in draft.lines] == [38, 13]
    assert total(draft.lines) == 51


@given(st.integers(0, 10**6), st.integers(0, 10**6), RATES, st.sampled_from(["usd", "jpy", "kwd", "isk"]))
@settings(deadline=None)
def test_a_total_is_the_sum_of_chargeable_lines(seconds: int, price: int, rate: Decimal, currency: str) -> None:
    price -= price % unit(currency)
    lines = [overage_line(seconds, 500, rate, currency, START, END), line(PRICE, price)]
    draft = compose(lines, 0, currency)
    exact = Fraction(rate) * max(0, seconds - 500 * 60) / 60 + price
    assert total(draft.lines) % unit(currency) == 0
    assert all(each.amount % unit(currency) == 0 for each in draft.lines)
    assert abs(total(draft.lines) - exact) <= Fraction(unit(currency), 2)


STATUSES = tuple(InvoiceStatus)
FORWARD = {
    *product(["draft"], ["open", "paid", "void", "uncollectible", "statement"]),
    *product(["open"], ["paid", "void", "uncollectible"]),
    *product(["uncollectible"], ["paid", "void"]),
}


@pytest.mark.parametrize(("old", "new"), list(product(STATUSES, STATUSES)))
def test_status_moves_forward_only(old: InvoiceStatus, new: InvoiceStatus) -> None:
    assert may_become(old, new) is ((old.value, new.value) in FORWARD)


@pytest.mark.parametrize(
    ("status", "failed", "debt_failed", "word"),
    [
        ("paid", False, False, "paid"),
        ("paid", True, True, "paid"),
        ("open", False, False, "pending"),
        ("open", True, False, "failed"),
        ("open", False, True, "failed"),
        ("uncollectible", False, False, "failed"),
        ("void", True, True, "void"),
        ("draft", False, False, "pending"),
        ("draft", True, True, "pending"),
        ("statement", False, True, None),
    ],
)
def test_the_portals_word(
    status: str, failed: bool, debt_failed: bool, word: Literal["paid", "pending", "failed", "void"] | None
) -> None:
    assert portal_status(InvoiceStatus(status), failed, debt_failed) == word


@pytest.mark.parametrize(
    ("amounts", "currency", "parked"),
    [
        ([99_999_999], "usd", False),
        ([100_000_000], "usd", True),
        ([99_999_999, 1], "usd", True),
        ([99_999_999, 1, -1], "usd", False),
        ([100_000_000, -50_000_000], "usd", True),
        ([99_999_990], "kwd", False),
        ([100_000_000], "kwd", True),
        ([100_000_000], "jpy", True),
        ([], "usd", False),
    ],
)
def test_over_the_ceiling_an_invoice_is_parked(amounts: list[int], currency: str, parked: bool) -> None:
    assert too_large([line(PRICE if amount > 0 else CREDIT, amount) for amount in amounts], currency) is parked


def test_a_price_line_reads_like_a_sentence() -> None:
    assert price_line("Voice Pro", 4900, START, END, source="3") == Line(
        PRICE, "Voice Pro, 31 Jan 2026 – 28 Feb 2026", 4900, START, END, source="3"
    )


def test_days_are_those_of_the_subscriptions_zone() -> None:
    start, end = datetime(2026, 1, 30, 11, tzinfo=UTC), datetime(2026, 2, 27, 11, tzinfo=UTC)
    in_auckland = price_line("Voice Pro", 4900, start, end, zone="Pacific/Auckland")
    assert in_auckland.description == "Voice Pro, 31 Jan 2026 – 28 Feb 2026"


def test_every_month_has_its_name() -> None:
    firsts = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
    texts = [price_line("P", 1, start, end).description for start, end in pairwise(firsts)]
    assert texts[0] == "P, 1 Jan 2026 – 1 Feb 2026"
    assert " ".join(text.split()[2] for text in texts) == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov"
    assert texts[-1].endswith("1 Dec 2026")


@pytest.mark.parametrize(
    ("seconds", "rate", "currency", "text", "amount"),
    [
        (612 * 60, "12.5", "usd", "112 min over 500 included at 0.125 USD a minute", 1400),
        (612 * 60, "12", "usd", "112 min over 500 included at 0.12 USD a minute", 1344),
        (30_001, "30", "usd", "0 min 1 s over 500 included at 0.30 USD a minute", 1),
        (30_732, "12.5", "jpy", "12 min 12 s over 500 included at 12.5 JPY a minute", 153),
        (503 * 60, "12.5", "kwd", "3 min over 500 included at 0.0125 KWD a minute", 40),
    ],
)
def test_an_overage_line_explains_its_number(seconds: int, rate: str, currency: str, text: str, amount: int) -> None:
    made = overage_line(seconds, 500, Decimal(rate), currency, START, END, source="2")
    over = seconds - 500 * 60
    assert made == Line(OVERAGE, f"{text}, 31 Jan 2026 – 28 Feb 2026", amount, START, END, over, rate, "2")


def test_without_overage_the_line_is_zero_and_left_out() -> None:
    none = overage_line(499 * 60, 500, Decimal("12.5"), "usd", START, END)
    assert (none.amount, none.quantity_seconds) == (0, 0)
    assert compose([none], 0, "usd").lines == ()


def test_late_lines_name_their_period() -> None:
    late = late_line(LineKind.LATE_CALLS, 120, 600, Decimal("12.50"), START, END, source="2")
    assert late == Line(LATE, "Late calls, 31 Jan 2026 – 28 Feb 2026", 120, START, END, 600, "12.5", "2")
    correction = late_line(LineKind.CORRECTION, -120, -600, Decimal("12"), START, END)
    assert correction.description == "Correction, 31 Jan 2026 – 28 Feb 2026"


@pytest.mark.parametrize(
    ("percent", "total", "balance", "currency", "fee"),
    [
        ("2.5", 5831, 0, "usd", 145),  # 145.775: never more than the percentage
        ("2.5", 4900, -1000, "usd", 97),  # what credit pays is charged to nobody
        ("2.5", 4900, -9000, "usd", 0),
        ("2.5", 4900, 30, "usd", 123),  # what was too small to charge alone is charged now
        ("1.55", 12340, 0, "kwd", 190),  # 191.27, in tens
        ("1.55", 4900, 0, "jpy", 75),
        ("100", 4900, 0, "usd", 4900),
        ("0", 4900, 0, "usd", 0),
    ],
)
def test_the_platforms_fee_is_a_part_of_what_is_charged(
    percent: str, total: int, balance: int, currency: str, fee: int
) -> None:
    assert application_fee(Decimal(percent), total, balance, currency) == fee
