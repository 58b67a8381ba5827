"""Golden step traces: what the pure rules do in each kind of life, to the second and the cent.

Replay does not notice another duration or amount; these do. Nothing but the rules is at work here.
"""

import difflib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.scenarios import KNOWN_RULES, SCENARIOS
from support.traces import golden

from billing import agenda, debt, service, subscription
from billing.periods import boundary
from billing.plans import Dunning
from billing.state import Period, State
from billing.steps import ChargeInvoice

RECORDED = Path(__file__).with_name("traces")
LESSON = """
The rules now do something else than they did when this trace was recorded. Subscriptions that are running replay
their histories through these rules, and clients were promised the old ones:
1. if you did not mean to change a rule, you found a bug: the lines below say where it begins;
2. if you did, it is a new `rules` number: read docs/changing-workflows.md, "A new rule", and branch on `state.rules`,
   so that this trace stays as it is;
3. then record the new number's traces beside the old ones: python tests/replay/record.py traces
"""


def recorded(name: str, rules: int) -> str:
    return (RECORDED / f"{name}.rules{rules}.txt").read_text()


def difference(name: str, rules: int) -> str:
    """What has changed since it was recorded; empty when nothing has."""
    before, now = recorded(name, rules), golden(name, rules)
    return "\n".join(difflib.unified_diff(before.splitlines(), now.splitlines(), "recorded", "now", lineterm="", n=2))


@pytest.mark.parametrize("rules", KNOWN_RULES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_rules_do_what_they_did(name: str, rules: int) -> None:
    changed = difference(name, rules)
    assert not changed, f"{LESSON}\n{changed}"


def test_every_recorded_trace_has_its_scenario() -> None:
    lives = {f"{name}.rules{rules}.txt" for name in SCENARIOS for rules in KNOWN_RULES}
    assert {path.name for path in RECORDED.iterdir()} == lives


# That a forbidden change is seen, whatever it is a change of

Patch = Callable[[pytest.MonkeyPatch], None]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def a_gap_is_a_day_longer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Dunning, "gap", lambda self, step: (self.gaps_days[step] + 1) * DAY)


def a_ladder_counts_from_its_start(patch: pytest.MonkeyPatch) -> None:
    """Offsets instead of gaps: T+3, T+5, T+7."""
    start = debt.start_ladder
    patch.setattr(debt, "start_ladder", lambda s, dunning, at: _as_offsets(start(s, dunning, at)))


def _as_offsets(s: State) -> State:
    if s.ladder is None:
        return s
    first, *later = s.ladder.dunning.gaps_days
    offsets = (first, *(days - first for days in later))
    return replace(s, ladder=replace(s.ladder, dunning=replace(s.ladder.dunning, gaps_days=offsets)))


def a_period_closes_a_minute_later(patch: pytest.MonkeyPatch) -> None:
    closing = agenda._closing
    patch.setattr(agenda, "_closing", lambda s: (replace(item, at=item.at + MINUTE) for item in closing(s)))


def the_price_is_a_cent_higher(patch: pytest.MonkeyPatch) -> None:
    opening = service.open_period

    def dearer(s: State, start: datetime, *, free: bool = False) -> State:
        opened = opening(s, start, free=free)
        return replace(opened, to_issue=tuple(replace(i, price=i.price + 1) for i in opened.to_issue))

    patch.setattr(service, "open_period", dearer)


def months_have_thirty_days(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "boundary", lambda anchor, zone, n: anchor + 30 * n * DAY)


def months_are_counted_from_the_previous_boundary(patch: pytest.MonkeyPatch) -> None:
    def drifting(anchor: datetime, zone: str, n: int) -> datetime:
        return anchor if n == 0 else boundary(drifting(anchor, zone, n - 1), zone, 1)

    patch.setattr(service, "boundary", drifting)


def an_outage_is_tried_again_within_the_hour(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(subscription, "_LONGEST_BACKOFF", timedelta(hours=1))


def a_processing_payment_is_read_again_sooner(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(subscription, "PROCESSING_REREAD", 29 * MINUTE)


def one_more_unpaid_period(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "UNPAID_PERIODS", 4)


def one_attempt_less_on_a_card(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(debt, "CARD_CAP", 9)


def a_longer_window_for_a_card(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(debt, "CARD_WINDOW", 31 * DAY)


def the_newest_invoice_first(patch: pytest.MonkeyPatch) -> None:
    collectable = debt.collectable
    patch.setattr(debt, "collectable", lambda s: tuple(reversed(collectable(s))))


def a_step_has_another_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChargeInvoice, "key", property(lambda self: f"charge:{self.attempt.invoice}"))


def a_cancellation_ends_at_once(patch: pytest.MonkeyPatch) -> None:
    def at_once(s: State, period: Period, at: datetime) -> datetime:
        return at

    patch.setattr(service, "end_of_period_at", at_once)


FORBIDDEN: list[tuple[Patch, str]] = [
    (a_gap_is_a_day_longer, "ladder_to_past_due_and_recovery_by_new_card"),
    (a_ladder_counts_from_its_start, "ladder_with_a_retry_that_pays"),
    (a_period_closes_a_minute_later, "overage"),
    (the_price_is_a_cent_higher, "first_card_start"),
    (months_have_thirty_days, "three_missed_boundaries"),
    (months_are_counted_from_the_previous_boundary, "renewal_on_the_31st"),
    (an_outage_is_tried_again_within_the_hour, "stripe_outage"),
    (a_processing_payment_is_read_again_sooner, "processing_payment"),
    (one_more_unpaid_period, "unpaid_pause_and_resume"),
    (one_attempt_less_on_a_card, "card_cap"),
    (a_longer_window_for_a_card, "card_cap"),
    (the_newest_invoice_first, "two_unpaid_invoices"),
    (a_step_has_another_key, "pay_now_declined"),
    (a_cancellation_ends_at_once, "cancel_at_period_end"),
]


@pytest.mark.parametrize(("change", "name"), FORBIDDEN, ids=lambda value: getattr(value, "__name__", value))
def test_a_forbidden_change_is_seen(monkeypatch: pytest.MonkeyPatch, change: Patch, name: str) -> None:
    assert not difference(name, 1)
    change(monkeypatch)
    assert difference(name, 1)
