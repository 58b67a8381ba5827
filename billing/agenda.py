"""What a subscription will do: the one generator behind the next step, the schedule and the forecast.

Every item has a time, a rank among what is due together, and the rule that it comes from. Items without a step are
announced only: they depend on how an earlier one ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from billing import custom, debt, expiry, freezing, review, trials
from billing.plans import FinalAction
from billing.prorating import terms_at
from billing.service import awaits_final_action, closing, ends_unopened, too_many_unpaid
from billing.state import Backoff, Forgive, Ladder, Obstacle, OpenInvoice, Origin, State, Status, Sweep
from billing.steps import (
    ChargeInvoice,
    ClosePeriod,
    CreditInvoice,
    Finish,
    IssueInvoice,
    MarkInvoice,
    MarkTrial,
    ReadNews,
    Remind,
    RemindDue,
    RepeatParking,
    SendInvoice,
    Step,
    TakeFinalAction,
    TellExpiry,
    VoidInvoice,
    Wait,
)
from billing.waiting import AWAITED, is_over, waited_for, why_at_once


class Rank(IntEnum):
    """Who goes first among what is due: what is known, what is let go, what is owed, what is to be billed.

    Collecting goes before issuing and issuing before closing, so that missed periods are billed one after the other.
    """

    NEWS = 0
    VOID = 1
    COLLECT = 2
    TRIAL = 3
    ISSUE = 4
    CLOSE = 5
    TELL = 6


@dataclass(frozen=True)
class Item:
    """One thing to come. `amount` is minor units where it is known."""

    at: datetime
    rank: Rank
    step: Step | None
    action: str
    rule: str
    detail: str
    amount: int | None = None


def agenda(s: State) -> Iterator[Item]:
    """Everything this subscription will do by itself, as far as it is decided."""
    if s.news:
        yield Item(s.clock, Rank.NEWS, ReadNews(), "read_news", "architecture", "Stripe reported a change")
    for item in _in_its_order(s):
        yield replace(item, at=freezing.not_before(s, item.step, item.at)) if item.step else item


def _in_its_order(s: State) -> Iterator[Item]:
    yield from _collecting(s)
    yield from _trial(s)
    yield from _issuing(s)
    yield from _changing(s)
    yield from _closing(s)
    yield from _telling(s)


def planned(s: State) -> tuple[Item, ...]:
    """The agenda in the order of time. What failed stands at its next try: an outage shows."""
    pauses = {b.key: b for b in s.backoff}
    items = [_told_frozen(s, _paused(item, pauses)) for item in agenda(s)]
    return tuple(sorted((*_freezes(s, items), *items), key=lambda item: (item.at, item.rank)))


def _paused(item: Item, pauses: Mapping[str, Backoff]) -> Item:
    pause = pauses.get(item.step.key) if item.step else None
    if pause is None or pause.until <= item.at:
        return item
    times = "once" if pause.failures == 1 else f"{pause.failures} times"
    how = f"tried in vain {times}" if pause.failures else "the bank is asked again"
    return replace(item, at=pause.until, detail=f"{item.detail}, {how}")


def _freezes(s: State, items: Sequence[Item]) -> Iterator[Item]:
    """Of what is cancelled only while something waits: nothing does where another account took the place."""
    since = freezing.frozen_since(s)
    if since is None or (s.status is Status.CANCELLED and not s.debt and not any(_waits(s, item) for item in items)):
        return
    detail = f"frozen since {since:%Y-%m-%d %H:%M} UTC: waits for {AWAITED[s.freezes[0].cause]}"
    yield Item(since, Rank.NEWS, None, "frozen", "billing-rules 8", detail)


def _told_frozen(s: State, item: Item) -> Item:
    return replace(item, detail=f"{item.detail}, frozen") if _waits(s, item) else item


def _waits(s: State, item: Item) -> bool:
    """Whether it waits for the account; what is announced only does as its step will."""
    at = max(item.at, s.clock)
    if item.step:
        return freezing.stops(s, item.step, at)
    if item.action == "issue_invoice" and s.manual:
        return False  # a statement, which needs no account
    return item.action in _OF_THE_ACCOUNT and freezing.is_frozen(s, at)


_OF_THE_ACCOUNT = frozenset({"issue_invoice", "retry", "remind", "final_action"})


def next_step(s: State, now: datetime) -> Step | Wait | Finish:
    """The first item that is due at `now`, or how long to wait for one."""
    pauses = {b.key: b.until for b in s.backoff}
    due: list[tuple[Rank, datetime, Step]] = []
    later: list[tuple[datetime, Rank, str]] = []
    for item in agenda(s):
        if item.step is None:
            continue
        at = max(item.at, pauses.get(item.step.key, item.at))
        if freezing.stops(s, item.step, max(at, now)):
            continue
        if at <= now:
            due.append((item.rank, at, item.step))
        else:
            later.append((at, item.rank, item.detail))
    if due:
        return _decided(s, min(due, key=lambda d: d[:2])[2], now)
    if later:
        first = min(later)
        return Wait(first[0], first[2])
    return Finish() if is_over(s) else Wait(None, waited_for(s))


def begin(s: State, step: Step, now: datetime) -> State:
    """The state once `step` has begun: from here on a repeat of the step is the same piece of work."""
    match step:
        case ReadNews():
            begun = replace(s, news=False)
        case IssueInvoice(issue=issue):
            to_issue = tuple(replace(i, begun=True) if i.invoice == issue.invoice else i for i in s.to_issue)
            begun = replace(s, to_issue=to_issue)
        case ChargeInvoice(attempt=attempt, origin=origin) if s.attempt is None:
            begun = debt.begin_attempt(s, attempt, s.sweep or Sweep(origin, now, attempt.invoice))
        case _:
            return s
    return s if begun == s else replace(begun, version=s.version + 1, clock=max(s.clock, now))


def live_keys(s: State) -> frozenset[str]:
    """The keys of all the work that is still to be done: a backoff lives as long as its work.

    Reading the inbox always is: while it is being read, it is not on the agenda.
    """
    return frozenset(item.step.key for item in agenda(s) if item.step) | {ReadNews().key}


def _decided(s: State, step: Step, now: datetime) -> Step:
    """The step with the instant of its decision, from which the rules count (billing-rules 6, "T")."""
    match step:
        case ChargeInvoice(attempt=attempt) if s.attempt is None:
            return replace(step, attempt=replace(attempt, attempted_at=now))
        case Remind() | RemindDue() | TellExpiry() | TakeFinalAction() | RepeatParking() | MarkTrial():
            return replace(step, at=now)
        case _:
            return step


# Closing and issuing


def _closing(s: State) -> Iterator[Item]:
    due = closing(s)
    if due is None or s.period is None:
        return
    end, last = due
    step = ClosePeriod(s.period.number, s.period.start, end, last)
    unpaid = not last and too_many_unpaid(s)
    action = "cancel" if s.ending and s.ending.into is Status.CANCELLED else "pause"
    if last and s.status in (Status.ACTIVE, Status.PAST_DUE):
        yield Item(end, Rank.CLOSE, None, action, "billing-rules 7", _ENDS[action])
    if unpaid:
        yield Item(end, Rank.CLOSE, None, action, "billing-rules 6", "too many unpaid periods: no new one opens")
    # Who asks to resume does not wait for the usage grace: later calls are late ones, at the same terms.
    resumed = any(asked.what == "resume" for asked in s.asked)
    at, detail = end if resumed else end + s.grace, f"overage of period {s.period.number}"
    yield Item(at, Rank.CLOSE, step, "close_period", "billing-rules 4", f"period {s.period.number} closes")
    if not (last or unpaid):
        detail = f"price of period {s.period.number + 1} and {detail}"
        yield Item(at, Rank.CLOSE, None, "issue_invoice", "billing-rules 5", detail, terms_at(s, end).price)
    elif s.ending is None or s.ending.forgive is not Forgive.ALL:
        yield Item(at, Rank.CLOSE, None, "issue_invoice", "billing-rules 5", detail)


_ENDS = {
    "cancel": "the subscription ends with its period",
    "pause": "the subscription pauses with its period",
    "trial": "the subscription ends with its trial",
}


def _changing(s: State) -> Iterator[Item]:
    for change in s.changes:
        # One that is accepted already waits until the boundary before it is billed.
        at = s.period.end + s.grace if change.now and s.period else change.at
        detail = f"the plan becomes {change.terms.name}"
        yield Item(at, Rank.CLOSE, None, "change_plan", "billing-rules 7", detail, change.terms.price)


_TRIAL = {"ending": "the trial ends soon", "ended": "the trial ends, and the first period begins"}


def _trial(s: State) -> Iterator[Item]:
    for step in trials.turns(s):
        over = step.what == "ended" and ends_unopened(s)
        action, detail = ("cancel", _ENDS["trial"]) if over else (f"trial_{step.what}", _TRIAL[step.what])
        yield Item(step.at, Rank.TRIAL, step, action, "billing-rules 7", detail)


def _issuing(s: State) -> Iterator[Item]:
    if ends_unopened(s):
        return
    parked = {p.invoice for p in s.parked}
    for issue in s.to_issue:
        if issue.invoice in parked:
            continue  # the period goes on: what a person has to look at holds nothing up
        detail = f"invoice {issue.kind} {issue.source}"
        # The trial is over in the books, too, before anything is billed.
        step = None if s.status is Status.TRIALING else IssueInvoice(issue)
        yield Item(issue.due_at, Rank.ISSUE, step, "issue_invoice", "billing-rules 5", detail, issue.amount)
        return  # in order: a later invoice never overtakes one that waits for Stripe


# Collecting


def _collecting(s: State) -> Iterator[Item]:
    step = _at_once(s)
    if step:
        rank = Rank.VOID if isinstance(step, VoidInvoice | MarkInvoice | CreditInvoice) else Rank.COLLECT
        yield Item(s.clock, rank, step, step.key.partition(":")[0], "billing-rules 6", why_at_once(step))
    if s.ladder and s.debt:
        yield from _ladder(s, s.ladder, blocked=step is not None)
    yield from _mailing(s)
    for number, at in custom.reminders(s):
        first = s.custom is not None and number == s.custom.reminded + 1
        due = RemindDue(s.debt[0].id, number, at) if first else None
        yield Item(at, Rank.COLLECT, due, "remind", "billing-rules 5", _DUE[number - 1], s.debt[0].amount)


_DUE = ("the invoice is soon due", "the invoice is due", "the invoice is overdue")


def _at_once(s: State) -> ChargeInvoice | VoidInvoice | MarkInvoice | CreditInvoice | Remind | None:
    """What is done about the debt without waiting for a date: one thing at a time."""
    if s.attempt:
        return ChargeInvoice(s.attempt, s.sweep.origin if s.sweep else Origin.ISSUE)
    given_up = _asked_to_give_up(s) or _forgiven(s)
    if given_up:
        return given_up
    if s.sweep:
        invoice = debt.target(s, s.sweep)
        return _charge(s, invoice, s.sweep.origin) if invoice else None
    return _begin_collecting(s)


def _begin_collecting(s: State) -> ChargeInvoice | Remind | None:
    invoices = debt.collectable(s)
    if not invoices:
        return None
    for asked in s.asked:
        if asked.what == "pay_now":
            return _charge(s, debt.owed(s, asked.invoice), Origin.PAY_NOW)
        if asked.what == "retry":
            return _charge(s, invoices[0], Origin.RETRY)
    if s.fresh_card:
        return _charge(s, invoices[0], Origin.NEW_CARD)
    first = next((i for i in invoices if i.due), None)
    if first is None:
        return None
    blocked = debt.obstacle(s, s.clock)
    return Remind(first.id, blocked, Origin.ISSUE, 0, s.clock) if blocked else _charge(s, first, Origin.ISSUE)


def _charge(s: State, invoice: OpenInvoice | None, origin: Origin) -> ChargeInvoice | None:
    if invoice is None or s.card is None:
        return None
    return ChargeInvoice(debt.attempt_on(invoice, s.card, origin, s.clock), origin)


def _asked_to_give_up(s: State) -> VoidInvoice | MarkInvoice | CreditInvoice | None:
    for asked in s.asked:
        match asked.what:
            case "void" | "reissue" if asked.invoice:
                return VoidInvoice(asked.invoice, asked.id)
            case "write_off" if asked.invoice:
                return MarkInvoice(asked.invoice, "uncollectible", asked.id)
            case "mark_paid" if asked.invoice:
                return MarkInvoice(asked.invoice, "paid", asked.id)
            case "credit" if asked.invoice and asked.credit:
                return CreditInvoice(asked.invoice, asked.credit, asked.id, asked.at)
            case _:
                pass
    return None


def _forgiven(s: State) -> VoidInvoice | None:
    ending = s.ending
    if s.status is Status.CANCELLED and ending and ending.forgive is not Forgive.NONE:
        until = max(ending.at, ending.accepted_at)
        forgiven = (i for i in debt.collectable(s) if ending.forgive is Forgive.ALL or i.issued_at <= until)
        return next((VoidInvoice(i.id) for i in forgiven), None)
    return None


def _mailing(s: State) -> Iterator[Item]:
    """Beside the line of what is done about the debt: a mail that fails never holds up a payment."""
    for asked in s.asked:
        if asked.what == "send" and asked.invoice:
            step = SendInvoice(asked.invoice, asked.id)
            yield Item(s.clock, Rank.COLLECT, step, "send", "billing-rules 5", f"send {asked.invoice}")


def _ladder(s: State, ladder: Ladder, *, blocked: bool) -> Iterator[Item]:
    """The dates ahead: the next as a step, unless something is being done about the debt; the rest announced."""
    oldest = next(iter(debt.collectable(s)), None)
    if oldest is None:
        return
    at, gaps = ladder.next_at, ladder.dunning.gaps_days
    for used in range(ladder.used, len(gaps)):
        if at is None:
            break
        step = _ladder_step(s, oldest, at, used) if used == ladder.used and not blocked else None
        action, detail = "retry", f"retry {used + 1} of {len(gaps)}"
        if hindrance := debt.obstacle(s, at):
            action, detail = "remind", f"instead of {detail}: {_HINDERED[hindrance]}"
        yield Item(at, Rank.COLLECT, step, action, "billing-rules 6", detail, oldest.amount)
        at = at + ladder.dunning.gap(used + 1) if used + 1 < len(gaps) else at
    if awaits_final_action(s):
        final = ladder.dunning.final_action
        take = TakeFinalAction(final, oldest.id, s.clock) if ladder.next_at is None and not blocked else None
        yield Item(at or s.clock, Rank.COLLECT, take, "final_action", "billing-rules 6", _FINAL[final])


_HINDERED = {
    Obstacle.NO_CARD: "there is no card on file",
    Obstacle.HARD_DECLINE: "the card was refused for good",
    Obstacle.CUSTOMER_MUST_ACT: "the bank wants the client to confirm",
    Obstacle.CARD_LIMIT: "the card was tried as often as is allowed",
    Obstacle.DISPUTED: "the card rests because of a dispute",
}
"""Why the client is reminded on a date of the ladder, and no card charged."""
_FINAL = {
    FinalAction.PAST_DUE: "all retries failed: past due",
    FinalAction.PAUSE: "all retries failed: paused",
    FinalAction.CANCEL: "all retries failed: cancelled",
}


def _ladder_step(s: State, invoice: OpenInvoice, at: datetime, used: int) -> ChargeInvoice | Remind | None:
    blocked = debt.obstacle(s, at)
    return Remind(invoice.id, blocked, Origin.LADDER, used + 1, at) if blocked else _charge(s, invoice, Origin.LADDER)


# Telling


def _telling(s: State) -> Iterator[Item]:
    for step in review.repeats(s):
        detail = f"{step.invoice} is still held for review"
        yield Item(step.at, Rank.TELL, step, "repeat_parking", "billing-rules 9", detail)
    if expires := expiry.to_tell(s):
        at, card, period = expires
        detail = "the card expires before the next charge"
        yield Item(at, Rank.TELL, TellExpiry(card, period, at), "card_expiring", "billing-rules 9", detail)
