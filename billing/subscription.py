"""The subscription state machine: how each fact moves the state (billing-rules 3 to 9).

`apply` is total and idempotent in any order: a fact that is known already, or is about something unknown, changes
nothing. Nothing here waits or acts: billing.agenda says what is to be done, the workflow does it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from billing import (
    caps,
    changes,
    crediting,
    custom,
    debt,
    disputes,
    expiry,
    facts,
    freezing,
    ladders,
    orders,
    parking,
    pausing,
    requests,
    review,
    service,
    switching,
    trials,
)
from billing.agenda import live_keys
from billing.collection import CollectionSet
from billing.credit_notes import InvoiceCredited
from billing.disputed import CardDisputed
from billing.plans import SpendCap, Terms
from billing.state import (
    Answer,
    AnswerResult,
    Attempt,
    Backoff,
    Card,
    Disputed,
    OpenInvoice,
    Parked,
    State,
    Status,
    Try,
)
from billing.steps import ReadNews
from billing.trialing import TrialEnded, TrialEnding

_Outcome = facts.PaymentSucceeded | facts.PaymentDeclined | facts.PaymentProcessing | facts.AttemptNotMade

PROCESSING_REREAD: Final = timedelta(minutes=30)
_LONGEST_BACKOFF: Final = timedelta(minutes=30)


def opened(
    *,
    id: str,
    agency: str,
    client: str,
    account: str,
    customer: str,
    zone: str,
    terms: Terms,
    rules: int,
    at: datetime,
    starts_at: datetime | None,
    first_free: bool = False,
    card: Card | None = None,
    condemned: tuple[str, ...] = (),
    tries: tuple[Try, ...] = (),
    disputed: tuple[Disputed, ...] = (),
    grace: timedelta = timedelta(hours=1),
    spend_cap: SpendCap | None = None,
    manual: bool = False,
    trial_days: int = 0,
) -> State:
    """A new subscription, asked for at `at`. Without `starts_at` service begins at the instant a card is saved.

    That is the anchor, or with `trial_days` the beginning of the trial, whose end is the anchor.
    `condemned`, `tries` and `disputed` are what the client's earlier subscriptions learned about its cards
    (billing-rules 6 and 7).
    """
    waiting = starts_at is None and card is None
    state = State(
        id=id,
        agency=agency,
        client=client,
        account=account,
        customer=customer,
        zone=zone,
        terms=terms,
        rules=rules,
        status=Status.AWAITING_CARD if waiting else Status.ACTIVE,
        clock=at,
        first_free=first_free,
        card=card,
        condemned=condemned,
        tries=tries,
        disputed=disputed,
        grace=grace,
        spend_cap=spend_cap,
        manual=manual,
        trial_days=trial_days,
    )
    return state if waiting else trials.begin(state, starts_at or at)


def apply(s: State, fact: facts.Fact) -> State:
    """The state once `fact` is known."""
    # What follows is drawn at the time of learning: Stripe's instants may lie before what is known already.
    now = max(s.clock, fact.at)
    moved = _tidy(_moved(s, fact), now)
    return s if moved == s else replace(moved, version=s.version + 1, clock=now)


def _moved(s: State, fact: facts.Fact) -> State:  # noqa: C901  one case per fact, each a line
    if isinstance(fact, orders.Order):
        return _ordered(s, fact)
    match fact:
        case facts.PeriodClosed():
            return service.period_closed(s, fact)
        case facts.InvoiceIssued():
            return _invoice_issued(s, fact)
        case facts.InvoiceParked():
            return _parked(s, fact)
        case facts.ParkingRepeated():
            return review.parking_repeated(s, fact)
        case facts.PaymentSucceeded():
            return _succeeded(s, fact)
        case facts.PaymentDeclined():
            return _declined(s, fact)
        case facts.PaymentProcessing():
            return _processing(s, fact)
        case facts.AttemptNotMade():
            return _not_made(s, fact)
        case facts.InvoiceVoided(invoice=one):
            return debt.settle(parking.voided(requests.answer_settled(s, fact), fact), one)
        case facts.PaidElsewhere(invoice=one) | facts.WrittenOff(invoice=one):
            return debt.settle(requests.answer_settled(s, fact), one)
        case InvoiceCredited():
            return crediting.credited(s, fact)
        case facts.FailedElsewhere(card=card, at=at):
            return s if Try(card, at) in s.tries else debt.count_try(s, card, at)
        case facts.CardUsed():
            return _card_used(s, fact)
        case CardDisputed():
            return disputes.disputed(s, fact)
        case TrialEnding() | TrialEnded():
            return trials.moved(s, fact)
        case facts.CardSaved():
            return _card_saved(s, fact)
        case facts.CardRemoved():
            return replace(s, card=None, fresh_card=False)
        case facts.GraceSet():
            return _grace_set(s, fact)
        case facts.AccountFrozen():
            return freezing.frozen(s, fact)
        case facts.AccountThawed():
            return freezing.thawed(s, fact)
        case facts.DunningApplied():
            return ladders.dunning_applied(s, fact)
        case facts.AccountReplaced():
            return freezing.replaced(s, fact)
        case facts.Reminded():
            return _reminded(s, fact)
        case facts.InvoiceSent(request=request):
            return requests.answer(s, Answer(request, "done"))
        case facts.DueReminded():
            return custom.due_reminded(s, fact)
        case facts.CardExpiryTold():
            return expiry.expiry_told(s, fact)
        case facts.FinalActionTaken():
            return service.final_action_taken(s, fact)
        case facts.NewsArrived():
            return replace(s, news=True)
        case facts.NewsRead(rows=rows):
            return replace(s, acked=rows, backoff=tuple(b for b in s.backoff if b.key != ReadNews().key))
        case facts.Requested():
            return requests.requested(s, fact)
        case facts.RequestRefused(request=request, code=code):
            return requests.answer(s, Answer(request, "refused", code))
        case facts.StepFailed():
            return _step_failed(s, fact)
    assert_never(fact)


def _ordered(s: State, fact: orders.Order) -> State:
    """It takes effect once, however often it is asked for."""
    return s if requests.answered(s, fact.request) else requests.remember(_effect(s, fact), fact.request)


def _effect(s: State, fact: orders.Order) -> State:
    match fact:
        case orders.ReviewDecided():
            return review.decided(s, fact)
        case orders.CancelRequested():
            return service.cancel_requested(s, fact)
        case orders.CancelUndone():
            return service.cancel_undone(s, fact)
        case orders.PauseRequested():
            return pausing.pause_requested(s, fact)
        case orders.PauseUndone():
            return pausing.pause_undone(s, fact)
        case orders.LadderExtended():
            return ladders.ladder_extended(s, fact)
        case orders.PlanChangeRequested():
            return changes.requested(s, fact)
        case orders.PlanChangeUndone():
            return changes.undone(s, fact)
        case caps.SpendCapSet():
            return caps.cap_set(s, fact)
        case CollectionSet():
            return switching.collection_set(s, fact)
    assert_never(fact)


# Invoices


def _invoice_issued(s: State, fact: facts.InvoiceIssued) -> State:
    issue = next((i for i in s.to_issue if i.invoice == fact.invoice), None)
    if issue is None:
        return s
    s = debt.settle(replace(s, to_issue=tuple(i for i in s.to_issue if i is not issue)), fact.invoice)
    s = custom.issued(s, fact)
    if fact.amount_due <= 0:
        return s
    # While a ladder runs or the debt is past due, a new invoice joins it without an attempt of its own.
    own = issue.attempt and s.ladder is None and s.status is not Status.PAST_DUE
    return replace(s, debt=(*s.debt, OpenInvoice(issue.invoice, issue.kind, fact.amount_due, fact.at, due=own)))


def _parked(s: State, fact: facts.InvoiceParked) -> State:
    attempted = s.attempt is not None and s.attempt.invoice == fact.invoice
    s = requests.answer_parked(s, fact.invoice, attempted=attempted)
    concerned = debt.owed(s, fact.invoice) or any(i.invoice == fact.invoice for i in s.to_issue)
    if concerned and all(p.invoice != fact.invoice for p in s.parked):
        s = replace(s, parked=(*s.parked, Parked(fact.invoice, fact.cause, fact.at, fact.review)))
    if s.attempt and attempted:
        s = debt.end_sweep(replace(s, attempt=None), fact.at, began=s.attempt.attempted_at)
    return s


# Collecting


def _in_flight(s: State, fact: _Outcome) -> Attempt | None:
    """The attempt whose outcome this is; none when nobody waits for it any more."""
    awaited = s.attempt is not None and (s.attempt.invoice, s.attempt.number) == (fact.invoice, fact.number)
    return s.attempt if awaited else None


def _succeeded(s: State, fact: facts.PaymentSucceeded) -> State:
    awaited = _in_flight(s, fact)
    if awaited is None and debt.owed(s, fact.invoice) is None:
        return s
    s = requests.answer_attempted(replace(s, attempt=None) if awaited else s, fact.invoice, "paid")
    return debt.settle(s, fact.invoice)


def _declined(s: State, fact: facts.PaymentDeclined) -> State:
    attempt = _in_flight(s, fact)
    if attempt is None:
        return s
    card = attempt.card.identity
    s = replace(
        s,
        attempt=None,
        debt=tuple(replace(i, failed=True, reason=fact.reason) if i.id == fact.invoice else i for i in s.debt),
        condemned=_with(s.condemned, card) if fact.decline == "hard" else s.condemned,
        must_act=_with(s.must_act, card) if fact.decline == "customer_must_act" else s.must_act,
    )
    result: AnswerResult = "action_required" if fact.decline == "customer_must_act" else "failed"
    s = requests.answer_attempted(s, fact.invoice, result, fact.code, fact.reason)
    # A running ladder first: only its dates can have fallen due in this attempt's flight.
    began = attempt.attempted_at + attempt.held
    s = debt.end_sweep(s, fact.at, began=began)
    return debt.start_ladder(s, fact.dunning, began) if debt.owed(s, fact.invoice) else s


def _card_used(s: State, fact: facts.CardUsed) -> State:
    s = debt.learn_tries(s, fact.card, fact.tried)
    s = replace(s, condemned=_with(s.condemned, fact.card)) if fact.condemned else s
    return debt.set_back_refused(s, max(s.clock, fact.at)) if s.rules >= 2 else s


def _processing(s: State, fact: facts.PaymentProcessing) -> State:
    attempt = _in_flight(s, fact)
    if attempt is None:
        return s
    s = replace(s, attempt=replace(attempt, processing=True))
    # Stripe's webhook tells the outcome; the re-reading is for the one that never comes.
    again = Backoff(f"charge:{fact.invoice}:{fact.number}", 0, fact.at + PROCESSING_REREAD, "processing at Stripe")
    return requests.answer_attempted(_back_off(s, again), fact.invoice, "processing")


def _not_made(s: State, fact: facts.AttemptNotMade) -> State:
    attempt = _in_flight(s, fact)
    if attempt is None:
        return s
    tries = tuple(t for t in s.tries if (t.card, t.at) != (attempt.card.identity, attempt.attempted_at))
    return replace(s, attempt=None, tries=tries)


def _reminded(s: State, fact: facts.Reminded) -> State:
    invoice, ladder = debt.owed(s, fact.invoice), s.ladder
    if invoice and invoice.due and fact.step == 0:
        s = replace(s, debt=tuple(replace(i, due=False) if i is invoice else i for i in s.debt))
        return debt.start_ladder(s, fact.dunning, invoice.issued_at)
    # Of an invoice that is settled it is an earlier ladder's: by rules 1 it used up a step of this one.
    ours = invoice is not None or s.rules < 2
    if ours and ladder and ladder.next_at and fact.step == ladder.used + 1:
        return replace(s, ladder=debt.use_up(ladder, max(ladder.next_at, fact.at)))
    return s


# Cards


def _card_saved(s: State, fact: facts.CardSaved) -> State:
    new = s.card is None or s.card.identity != fact.card.identity
    tried = new and bool(s.debt) and not debt.sent(s)
    s = replace(s, card=fact.card, fresh_card=s.fresh_card or tried)
    if s.status is Status.AWAITING_CARD:
        return trials.begin(s, fact.at)
    return s


# Settings and steps


def _grace_set(s: State, fact: facts.GraceSet) -> State:
    if s.period and fact.at >= s.period.end:
        return replace(s, grace_next=fact.grace)
    return replace(s, grace=fact.grace, grace_next=None)


def _step_failed(s: State, fact: facts.StepFailed) -> State:
    known = next((b for b in s.backoff if b.key == fact.key), None)
    if fact.at < max(s.clock, known.until if known else s.clock):
        return s  # nobody tried before the pause was over: a failure that is counted already
    failures = (known.failures if known else 0) + 1
    pause = max(min(timedelta(minutes=2 ** min(failures - 1, 5)), _LONGEST_BACKOFF), fact.retry_after or timedelta())
    s = replace(s, news=True) if fact.key == ReadNews().key else s
    return _back_off(s, Backoff(fact.key, failures, fact.at + pause, fact.why))


def _back_off(s: State, backoff: Backoff) -> State:
    return replace(s, backoff=(*(b for b in s.backoff if b.key != backoff.key), backoff))


def _with(known: tuple[str, ...], one: str) -> tuple[str, ...]:
    return known if one in known else (*known, one)


# What follows of itself


def _tidy(s: State, at: datetime) -> State:
    """Let go of what has lost its object, and draw the conclusions of a debt that is paid."""
    if s.attempt is None:
        s = requests.refuse_impossible(s, at)
        if freezing.is_frozen(s, at):
            s = freezing.set_back(s)
        if s.sweep and not debt.can_go_on(s, s.sweep, at):
            s = debt.end_sweep(s, at)
        if s.fresh_card and (not debt.collectable(s) or debt.obstacle(s, at)):
            s = replace(s, fresh_card=False)
    s = debt.give_owner(s) if s.debt else _debt_paid(s, at)
    s = pausing.answer_resumes(s, at)
    if not s.backoff:
        return s
    live = live_keys(s)
    return replace(s, backoff=tuple(b for b in s.backoff if b.key in live))


def _debt_paid(s: State, at: datetime) -> State:
    s = replace(s, ladder=None, must_act=(), sweep=None if s.attempt is None else s.sweep)
    if s.status is Status.PAST_DUE:
        s = replace(s, status=Status.ACTIVE)
    whole = s.period is None and not s.to_issue and s.attempt is None
    if s.status is Status.PAUSED and s.paused_reason == "unpaid" and whole:
        return service.open_period(s, at)
    return s
