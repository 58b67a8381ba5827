"""From HTTP to the workflow: commands are updates, accepted within 3 s and answered within 20 s (architecture)."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from starlette.responses import JSONResponse, Response
from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.pool import Pool
from adapters.postgres.subscriptions import Subscription, subscription
from adapters.telemetry.context import bind
from adapters.temporal import TemporalAway, within
from api.conflicts import conflict
from api.fields import Answer
from api.live import handle_of
from api.openapi import conflicts, example
from api.problems import TemporarilyUnavailable
from api.services import Services
from billing import changes
from billing.caps import cap_refusal
from billing.ladders import extend_refusal
from billing.pausing import pause_refusal, resume_refusal, undo_pause_refusal
from billing.requests import cancel_refusal, credit_refusal, refusal, retry_refusal, send_refusal, undo_refusal
from billing.review import review_refusal
from billing.state import State
from billing.switching import collection_refusal
from workflows.messages import (
    Cancel,
    ChangePlan,
    Credit,
    Extend,
    Mark,
    OrderReissue,
    Pause,
    PayNow,
    Reply,
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
from workflows.subscription import SubscriptionWorkflow

ACCEPT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 20.0

Command = (
    Cancel
    | UndoCancel
    | ChangePlan
    | UndoPlanChange
    | Pause
    | UndoPause
    | Resume
    | Extend
    | PayNow
    | Retry
    | Void
    | Mark
    | Credit
    | OrderReissue
    | Send
    | Review
    | SetSpendCap
    | SetCollection
)
_UPDATES: Final[dict[type[Command], Any]] = {
    Cancel: SubscriptionWorkflow.cancel,
    UndoCancel: SubscriptionWorkflow.undo_cancel,
    Pause: SubscriptionWorkflow.pause,
    UndoPause: SubscriptionWorkflow.undo_pause,
    Resume: SubscriptionWorkflow.resume,
    Extend: SubscriptionWorkflow.extend,
    ChangePlan: SubscriptionWorkflow.change_plan,
    UndoPlanChange: SubscriptionWorkflow.undo_plan_change,
    PayNow: SubscriptionWorkflow.pay_now,
    Retry: SubscriptionWorkflow.retry,
    Void: SubscriptionWorkflow.void,
    Send: SubscriptionWorkflow.send,
    Review: SubscriptionWorkflow.review,
    Mark: SubscriptionWorkflow.mark,
    OrderReissue: SubscriptionWorkflow.reissue,
    Credit: SubscriptionWorkflow.credit,
    SetSpendCap: SubscriptionWorkflow.set_spend_cap,
    SetCollection: SubscriptionWorkflow.set_collection,
}


class ProcessingOut(Answer, json_schema_extra=example(status="processing")):
    """Accepted; the outcome is not known yet. The same Idempotency-Key asked again gives it."""

    status: Literal["processing"]


@dataclass(frozen=True)
class Processing:
    """Accepted, and its outcome not known yet: the same key asked again gives it."""


def processing() -> Response:
    """The answer of a command that is not settled yet."""
    return JSONResponse(ProcessingOut(status="processing").model_dump(), HTTPStatus.ACCEPTED)


def settling(*codes: str) -> dict[int | str, dict[str, Any]]:
    """What a command's route says of its answers beside success: not settled yet, or one of these conflicts."""
    return {202: {"description": "Not settled yet", "model": ProcessingOut}, **conflicts(*codes)}


async def command(services: Services, target: Subscription, order: Command, update_id: str) -> Reply | Processing:
    """Give the order to the subscription's workflow; the same `update_id` is the same order.

    Raises Conflict with the rules' code when it is refused, TemporarilyUnavailable when it could not be accepted.
    """
    bind(subscription=target.id)
    if target.finished:
        return _when_over(target.state, order, update_id)
    try:
        handle = await within(ACCEPT_SECONDS, _start(services, target.id, order, update_id))
        reply = await asyncio.wait_for(handle.result(), ANSWER_SECONDS)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):  # the second is what the SDK makes of the first
        return Processing()
    except TemporalAway as error:
        raise TemporarilyUnavailable("The billing engine does not answer just now. Nothing was changed.") from error
    except WorkflowUpdateFailedError as error:
        raise _refusal(error) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return await _when_absent(services.database, target.id, order, update_id)
        if error.status is RPCStatusCode.DEADLINE_EXCEEDED:
            return Processing()
        raise
    if reply.answer.result == "processing":
        # An update keeps its first answer; what came of the payment since then stands in the books.
        known = await subscription(services.database, target.id)
        reply = (_answered(known.state, update_id) if known else None) or reply
    return _told(reply)


def _told(reply: Reply) -> Reply | Processing:
    if reply.answer.result == "processing":
        return Processing()
    if reply.answer.result == "refused":
        raise conflict(reply.answer.code or "refused", reply.answer.detail)
    return reply


def _answered(state: State, update_id: str) -> Reply | None:
    """The answer that the subscription keeps of this very command."""
    return next((Reply(answer, state) for answer in state.answers if answer.id == update_id), None)


async def _start(services: Services, subscription: str, order: Command, update_id: str) -> WorkflowUpdateHandle[Reply]:
    handle: WorkflowUpdateHandle[Reply] = await handle_of(services, subscription).start_update(
        _UPDATES[type(order)], order, id=update_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    return handle


def _refusal(error: WorkflowUpdateFailedError) -> Exception:
    """The validator's word. Anything else failed inside the workflow: it may be asked again."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type:
        possible = cause.type == "card_limit" and cause.message != "card_limit"
        return conflict(cause.type, f"The card can be tried again at {cause.message}." if possible else None)
    return TemporarilyUnavailable("The billing engine could not answer. Ask again with the same Idempotency-Key.")


async def _when_absent(pool: Pool, target: str, order: Command, update_id: str) -> Reply | Processing:
    """There is no running workflow: it is over, or its start is still on its way."""
    known = await subscription(pool, target)
    if known and known.finished:
        return _when_over(known.state, order, update_id)
    raise TemporarilyUnavailable("The subscription is just being started. Nothing was changed.")


def _when_over(state: State, order: Command, update_id: str) -> Reply | Processing:
    """The workflow has ended: what it answered to this very command, or that nothing will ever happen again."""
    known = _answered(state, update_id)
    if known is None:
        raise _refused_when_over(state, order)
    return _told(known)


def _refused_when_over(state: State, order: Command) -> Exception:  # noqa: C901  one case per order
    """What the rules say of the order when nothing will ever happen again."""
    match order:
        case Cancel(at=at):
            code = cancel_refusal(state, state.clock, now=at == "now") or "already_cancelled"
        case UndoCancel():
            code = undo_refusal(state, state.clock) or "no_pending_cancel"
        case Pause():
            code = pause_refusal(state, state.clock) or "already_cancelled"
        case UndoPause():
            code = undo_pause_refusal(state, state.clock) or "no_pending_pause"
        case Resume():
            code = resume_refusal(state, state.clock) or "already_cancelled"
        case Extend():
            code = extend_refusal(state, state.clock) or "nothing_to_extend"
        case ChangePlan(terms=terms, effective=effective):
            now = effective != "period_end"
            code = changes.refusal(state, state.clock, terms, now=now) or "already_cancelled"
        case UndoPlanChange():
            code = changes.undo_refusal(state, state.clock) or "no_pending_change"
        case Retry():
            code = retry_refusal(state, state.clock) or "nothing_to_collect"
        case Send(invoice=invoice):
            code = send_refusal(state, state.clock, invoice) or "invoice_not_open"
        case SetSpendCap():
            code = cap_refusal(state, state.clock) or "already_cancelled"
        case SetCollection(manual=manual, account=account):
            refused = collection_refusal(state, state.clock, manual=manual, account=account)
            code = refused or "already_cancelled"
        case Review(decision=decision):
            code = review_refusal(state, decision) or "nothing_to_review"
        case Credit(invoice=invoice, order=wanted):
            code = credit_refusal(state, state.clock, invoice, wanted.amount) or "invoice_not_open"
        case PayNow(invoice=invoice) | Void(invoice=invoice) | Mark(invoice=invoice) | OrderReissue(invoice=invoice):
            code = refusal(state, state.clock, invoice, on_session=True) or "invoice_not_open"
    return conflict(code)
