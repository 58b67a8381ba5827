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
from billing.state import State
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
from workflows.refusals import refusal_of
from workflows.subscription import SubscriptionWorkflow

ACCEPT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 20.0

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
    """The workflow has ended: what it answered to this very command, or why nothing can come of it any more."""
    known = _answered(state, update_id)
    if known is None:
        raise conflict(refusal_of(state, state.clock, order) or "already_cancelled")
    return _told(known)
