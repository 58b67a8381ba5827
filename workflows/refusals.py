"""Why a command is refused: one set of rules for the workflow and, once that has ended, for the API."""

from datetime import datetime
from typing import assert_never

from billing import changes
from billing.caps import cap_refusal
from billing.ladders import extend_refusal
from billing.pausing import pause_refusal, resume_refusal, undo_pause_refusal
from billing.requests import (
    cancel_refusal,
    credit_refusal,
    refusal,
    retry_refusal,
    send_refusal,
    settle_refusal,
    undo_refusal,
    void_refusal,
)
from billing.review import review_refusal
from billing.state import State
from billing.switching import collection_refusal
from workflows.messages import (
    Cancel,
    ChangePlan,
    Command,
    Credit,
    Extend,
    Mark,
    OrderReissue,
    Pause,
    PayNow,
    Resume,
    Retry,
    Review,
    Send,
    SetCollection,
    SetSpendCap,
    UndoCancel,
    UndoPause,
    UndoPlanChange,
    Void,
)


def refusal_of(state: State, at: datetime, command: Command) -> str | None:  # noqa: C901  one case per command
    """The API's word for why the command can't take effect at `at`; none when it can."""
    match command:
        case Cancel(at=when):
            return cancel_refusal(state, at, now=when == "now")
        case UndoCancel():
            return undo_refusal(state, at)
        case Pause():
            return pause_refusal(state, at)
        case UndoPause():
            return undo_pause_refusal(state, at)
        case Resume():
            return resume_refusal(state, at)
        case Extend():
            return extend_refusal(state, at)
        case ChangePlan(terms=terms, effective=effective):
            now = changes.takes_effect_now(state, terms, effective, at)
            return changes.refusal(state, at, terms, now=now)
        case UndoPlanChange():
            return changes.undo_refusal(state, at)
        case PayNow(invoice=invoice):
            return refusal(state, at, invoice, on_session=True)
        case Retry():
            return retry_refusal(state, at)
        case Void(invoice=invoice):
            return void_refusal(state, at, invoice)
        case Mark(invoice=invoice) | OrderReissue(invoice=invoice):
            return settle_refusal(state, at, invoice)
        case Credit(invoice=invoice, order=order):
            return credit_refusal(state, at, invoice, order.amount)
        case Send(invoice=invoice):
            return send_refusal(state, at, invoice)
        case Review(decision=decision):
            return review_refusal(state, decision)
        case SetSpendCap():
            return cap_refusal(state, at)
        case SetCollection(manual=manual, account=account):
            return collection_refusal(state, at, manual=manual, account=account)
    assert_never(command)
