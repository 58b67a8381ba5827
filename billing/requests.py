"""What people ask for that needs a step, and what they are answered (billing-rules 6)."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from billing import debt, disputes, freezing, parking, reissues, service
from billing.credit_notes import InvoiceCredited
from billing.facts import InvoiceVoided, PaidElsewhere, Requested, WrittenOff
from billing.state import Answer, AnswerResult, Obstacle, State, Status

ANSWERS_KEPT: Final = 20

GIVING_UP: Final = ("void", "write_off", "mark_paid", "reissue", "credit")
"""What ends an open invoice, or a part of what is owed of it, without a payment of ours: it waits for an attempt in
flight."""
_REFUSALS: Final = {
    Obstacle.NO_CARD: "no_payment_method",
    Obstacle.HARD_DECLINE: "new_card_required",
    Obstacle.CUSTOMER_MUST_ACT: "action_required",
    Obstacle.CARD_LIMIT: "card_limit",
    Obstacle.DISPUTED: "card_disputed",
}


def refusal(s: State, at: datetime, invoice: str | None, *, on_session: bool) -> str | None:
    """The API's word for why a payment that a person asks for can't be tried now; none when it can."""
    invoices = {i.id for i in debt.collectable(s)}
    if invoice is not None and invoice not in invoices:
        return "invoice_parked" if debt.owed(s, invoice) else "invoice_not_open"
    if freezing.is_frozen(s, at):
        return "agency_frozen"
    if not invoices:
        return "nothing_to_collect"
    blocked = debt.obstacle(s, at, on_session=on_session)
    return _REFUSALS[blocked] if blocked else None


def retry_refusal(s: State, at: datetime) -> str | None:
    """Why nothing can be tried on the agency's word; one joins an attempt in flight, lets go of what is parked."""
    if s.attempt:
        return None
    if any(p.review is None for p in s.parked):
        return "agency_frozen" if freezing.is_frozen(s, at) else None
    return refusal(disputes.lifted(s), at, None, on_session=False)


def void_refusal(s: State, at: datetime, invoice: str | None) -> str | None:
    """Why the invoice can't be voided: it is neither open nor parked unissued, or the agency's account can't be reached
    for it."""
    if parking.unissued(s, invoice):
        return "agency_frozen" if freezing.is_frozen(s, at) else None
    return settle_refusal(s, at, invoice)


def settle_refusal(s: State, at: datetime, invoice: str | None) -> str | None:
    """Why what is owed of the invoice can't be given up: it is not open, or the agency's account can't be reached."""
    if debt.owed(s, invoice) is None:
        return "invoice_not_open"
    return "agency_frozen" if freezing.is_frozen(s, at) else None


def credit_refusal(s: State, at: datetime, invoice: str | None, amount: int) -> str | None:
    """Why no credit note of so much can be made: what is not open can't be credited, nor more than is owed."""
    owed = debt.owed(s, invoice)
    return "credit_too_large" if owed and amount > owed.amount else settle_refusal(s, at, invoice)


def cancel_refusal(s: State, at: datetime, *, now: bool) -> str | None:
    """Why the subscription can't be cancelled at `at`; one at period end can become one now until then."""
    agreed = s.ending is not None and s.ending.into is Status.CANCELLED and s.status is not Status.PAUSED
    if s.status is Status.CANCELLED or (agreed and s.ending and s.ending.at <= at):
        return "already_cancelled"
    return "cancel_pending" if agreed and not now else None


def send_refusal(s: State, at: datetime, invoice: str | None) -> str | None:
    """Why the invoice can't be mailed once more: only what was sent can be, and no client of a frozen agency's is
    written to."""
    if not debt.owed(s, invoice):
        return "invoice_not_open"
    if not debt.sent(s):
        return "not_a_sent_invoice"
    return "agency_frozen" if freezing.is_frozen(s, at) else None


def undo_refusal(s: State, at: datetime) -> str | None:
    """Why there is no cancellation to undo: none is agreed, or its instant has passed."""
    return None if service.undoable(s, at) else "no_pending_cancel"


def refuse_impossible(s: State, at: datetime) -> State:
    for asked in s.asked:
        if asked.what == "resume":
            continue
        if asked.what == "send":
            code = send_refusal(s, at, asked.invoice)
        elif asked.credit:
            code = credit_refusal(s, at, asked.invoice, asked.credit.amount)
        elif asked.what == "void":
            code = void_refusal(s, at, asked.invoice)
        elif asked.what in GIVING_UP:
            code = settle_refusal(s, at, asked.invoice)
        else:
            code = refusal(s, at, asked.invoice, on_session=asked.what == "pay_now")
        if code:
            s = answer(s, Answer(asked.id, "refused", code))
    return s


def requested(s: State, fact: Requested) -> State:
    asked = fact.asked
    if answered(s, asked.id) or any(a.id == asked.id for a in s.asked):
        return s
    s = replace(s, asked=(*s.asked, asked))
    s = disputes.lifted(s) if asked.what == "retry" else s
    if s.attempt and s.attempt.processing and asked.what in ("pay_now", "retry"):
        # Nothing else is tried meanwhile, and it can take days: nobody is kept waiting for it.
        awaited = s.attempt.invoice if asked.invoice in (None, s.attempt.invoice) else None
        return answer(s, Answer(asked.id, "processing", invoice=awaited))
    if asked.what != "retry" or not s.parked:
        return s
    # A retry is a person's word that what was impossible has been looked into. What is held for review has its own,
    # and what is being voided is not issued meanwhile.
    kept = tuple(p for p in s.parked if p.review or parking.is_being_voided(s, p.invoice))
    s = replace(s, parked=kept, let_go=s.let_go + 1)
    return s if s.debt else answer(s, Answer(asked.id, "done"))


def answered(s: State, request: str) -> bool:
    return any(a.id == request for a in s.answers)


def answer(s: State, reply: Answer) -> State:
    if all(a.id != reply.id for a in s.asked):
        return s
    asked = tuple(a for a in s.asked if a.id != reply.id)
    return replace(s, asked=asked, answers=(*s.answers, reply)[-ANSWERS_KEPT:])


def remember(s: State, request: str) -> State:
    """Keep the answer of a command that took effect at once: asked again under the same id, it is not done again."""
    if not request or answered(s, request):
        return s
    return replace(s, answers=(*s.answers, Answer(request, "done"))[-ANSWERS_KEPT:])


def answer_attempted(
    s: State, invoice: str, result: AnswerResult, code: str | None = None, detail: str | None = None
) -> State:
    """An attempt's outcome answers all who asked for one: they joined it."""
    awaited = invoice if result == "processing" else None
    s = _settle_processing(s, invoice, result, code, detail)
    for asked in s.asked:
        if asked.what == "retry" or (asked.what == "pay_now" and asked.invoice == invoice):
            s = answer(s, Answer(asked.id, result, code, detail, awaited))
        elif asked.what in GIVING_UP and asked.invoice == invoice and result == "paid":
            s = answer(s, Answer(asked.id, "refused", "invoice_paid"))
    return s


def _settle_processing(
    s: State, invoice: str, result: AnswerResult, code: str | None = None, detail: str | None = None
) -> State:
    """Who was told that the payment is processing learns, when asking again, what came of it."""
    if result == "processing":
        return s
    return replace(
        s,
        answers=tuple(
            replace(a, result=result, code=code, detail=detail, invoice=None)
            if a.result == "processing" and a.invoice == invoice
            else a
            for a in s.answers
        ),
    )


def answer_parked(s: State, invoice: str, *, attempted: bool) -> State:
    """Who waits for something to be done with an invoice that is parked is told so."""
    s = _settle_processing(s, invoice, "refused", "invoice_parked")
    for asked in s.asked:
        if asked.invoice == invoice or (asked.what == "retry" and attempted):
            s = answer(s, Answer(asked.id, "refused", "invoice_parked"))
    return s


def answer_settled(s: State, fact: PaidElsewhere | InvoiceVoided | WrittenOff | InvoiceCredited) -> State:
    """The invoice is settled otherwise than by an attempt of ours: who asked for something about it is answered."""
    paid, voided = isinstance(fact, PaidElsewhere), debt.owed(s, fact.invoice)
    if paid:
        s = _settle_processing(s, fact.invoice, "paid")
    else:
        s = _settle_processing(s, fact.invoice, "refused", "invoice_not_open")
    for asked in s.asked:
        if asked.invoice != fact.invoice:
            continue
        if asked.what in _BROUGHT_ABOUT_BY[type(fact)]:
            s = answer(s, Answer(asked.id, "done"))
            s = reissues.issue_revision(s, asked, voided, fact.at)
        elif asked.what == "pay_now" and paid:
            s = answer(s, Answer(asked.id, "paid"))
        elif asked.what in ("pay_now", "send", *GIVING_UP):
            s = answer(s, Answer(asked.id, "refused", "invoice_paid" if paid else "invoice_not_open"))
    return s


def answer_credited(s: State, fact: InvoiceCredited) -> State:
    """Who asked for one of these credit notes has got it, whoever learned of it first."""
    for asked in s.asked:
        if asked.credit and asked.credit.note in fact.notes:
            s = answer(s, Answer(asked.id, "done"))
    return s


_BROUGHT_ABOUT_BY: Final = {
    PaidElsewhere: ("mark_paid",),
    InvoiceVoided: ("void", "reissue"),
    WrittenOff: ("write_off",),
    InvoiceCredited: (),
}
