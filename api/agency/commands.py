"""What an agency orders of a running subscription: to end, pause or resume it, to move or try payments, to decide."""

from typing import Annotated, Final, Literal, Self

from fastapi import Request
from pydantic import Field, model_validator
from starlette.responses import Response

from adapters.postgres import clients
from adapters.postgres.pool import transaction
from api import fields
from api.agency.selling import charging_account, check_currency
from api.agency.subscriptions import own_subscription
from api.commands import Processing, command, processing, settling
from api.fields import LongText, Whole
from api.guard import Calling
from api.idempotency import update_id
from api.live import Live, live_state
from api.openapi import example, refusals
from api.services import Services, Used
from api.spend_caps import CAP, SpendCapIn, cap_of
from api.subscription_out import SubscriptionOut, subscription_out
from api.tenant import agency_router, customer_of, own_agency, own_client
from api.tokens import Caller
from billing.ladders import LONGEST_EXTENSION_DAYS
from billing.state import Decision, Forgive, State, Status
from billing.switching import wanted_manual
from workflows.messages import (
    Cancel,
    Command,
    Extend,
    Pause,
    Resume,
    Retry,
    Review,
    SetCollection,
    SetSpendCap,
    UndoCancel,
    UndoPause,
)

router = agency_router("Subscriptions", "/clients/{client_id}/subscription")


class CancelIn(fields.Request, json_schema_extra=example(at="period_end", forgive="none")):
    """`forgive` lets go of the open invoices, or of those and the usage to date (`all`)."""

    at: Literal["period_end", "now"] = "period_end"
    forgive: Forgive = Forgive.NONE


class AmendIn(fields.Change, json_schema_extra=example(spend_cap=CAP, collection="automatic")):
    """What is left out stays. `spend_cap: null` takes the cap away. `collection` holds from the next boundary on."""

    CLEARABLE = frozenset({"spend_cap"})
    spend_cap: SpendCapIn | None = None
    collection: Literal["automatic", "manual"] | None = None


class ExtendIn(fields.Request, json_schema_extra=example(days=7)):
    days: Annotated[Whole, Field(ge=1, le=LONGEST_EXTENSION_DAYS)]


class ReviewIn(
    fields.Request, json_schema_extra=example(decision="reject", reason="A test run of ours called all night.")
):
    """A rejection needs its reason: it stays with the overage that is not billed."""

    decision: Decision
    reason: LongText | None = None

    @model_validator(mode="after")
    def _with_reason(self) -> Self:
        if self.decision is Decision.REJECT and not self.reason:
            raise ValueError("a rejection needs its reason")
        return self


Ordered = SubscriptionOut | Response
WITHOUT_BODY: Final = CancelIn()


@router.patch(
    "",
    summary="Change the spend cap, or how it is collected",
    response_model=SubscriptionOut,
    responses={
        **settling("already_cancelled", "stripe_not_ready", "agency_frozen"),
        **refusals(403, "billing_not_available"),
        **refusals(422, "currency_not_supported"),
    },
)
async def amend(client_id: str, body: AmendIn, services: Used, caller: Calling, request: Request) -> Ordered:
    """A cap holds at once: raised above the overage so far, or taken away, it blocks nobody any more. `collection`
    shows what is agreed: until the boundary it is collected as before."""
    target = await own_subscription(services, caller, client_id)
    cap = cap_of(body.spend_cap, target.state.terms.currency)
    answer: Ordered | None = None
    if body.collection and (body.collection == "manual") is not wanted_manual(target.state):
        order = await _collection(services, caller, client_id, target.state, body.collection)
        answer = await ordered(services, caller, client_id, order, request, part="collection")
    if "spend_cap" in body.model_fields_set and not isinstance(answer, Response):
        answer = await ordered(services, caller, client_id, SetSpendCap(cap, caller.name), request)
    return answer or subscription_out(await live_state(services, target))


async def _collection(
    services: Services, caller: Caller, client_id: str, state: State, collection: Literal["automatic", "manual"]
) -> SetCollection:
    """The order, with the account in which to charge what began without one."""
    if collection == "manual" or state.status is Status.CANCELLED:
        return SetCollection(collection == "manual", caller.name)
    agency, client = await own_agency(services, caller), await own_client(services, caller, client_id)
    account = await charging_account(services, agency)
    await check_currency(services, agency, state.terms.currency, "collection", services.clock.now())
    if state.account:
        return SetCollection(False, caller.name)
    customer = await customer_of(services, client, account)
    async with transaction(services.database) as connection:
        card = await clients.locked_card(connection, client.id)
    return SetCollection(False, caller.name, account, customer, card)


@router.post(
    "/cancel",
    summary="Cancel",
    response_model=SubscriptionOut,
    responses=settling("already_cancelled", "cancel_pending"),
)
async def cancel(
    client_id: str, services: Used, caller: Calling, request: Request, body: CancelIn = WITHOUT_BODY
) -> Ordered:
    """At the period's end it can be undone until then; `now` bills the overage to date and refunds nothing."""
    return await ordered(services, caller, client_id, Cancel(body.at, body.forgive, caller.name), request)


@router.delete(
    "/cancel",
    summary="Take back a cancellation",
    response_model=SubscriptionOut,
    responses=settling("no_pending_cancel"),
)
async def undo_cancel(client_id: str, services: Used, caller: Calling, request: Request) -> Ordered:
    return await ordered(services, caller, client_id, UndoCancel(caller.name), request)


@router.post(
    "/pause",
    summary="Pause at period end",
    response_model=SubscriptionOut,
    responses=settling("pause_pending", "already_paused", "cancel_pending", "already_cancelled", "not_started"),
)
async def pause(client_id: str, services: Used, caller: Calling, request: Request) -> Ordered:
    """Can be taken back until then. The closed period's overage is billed as always; what is owed is collected on."""
    return await ordered(services, caller, client_id, Pause(caller.name), request)


@router.delete(
    "/pause",
    summary="Take back a pause",
    response_model=SubscriptionOut,
    responses=settling("no_pending_pause"),
)
async def undo_pause(client_id: str, services: Used, caller: Calling, request: Request) -> Ordered:
    return await ordered(services, caller, client_id, UndoPause(caller.name), request)


@router.post(
    "/resume",
    summary="Resume",
    response_model=SubscriptionOut,
    responses=settling("not_paused", "payment_overdue", "already_cancelled"),
)
async def resume(client_id: str, services: Used, caller: Calling, request: Request) -> Ordered:
    """Opens a new period with a new anchor: now. What is paused unpaid resumes by itself when all is paid."""
    return await ordered(services, caller, client_id, Resume(caller.name), request)


@router.post(
    "/extend",
    summary="Move the next retry",
    response_model=SubscriptionOut,
    responses=settling("nothing_to_extend", "already_extended", "payment_in_progress", "agency_frozen"),
)
async def extend(client_id: str, body: ExtendIn, services: Used, caller: Calling, request: Request) -> Ordered:
    """The client promises to pay: the ladder's next date moves, once per ladder, and later gaps run from there."""
    return await ordered(services, caller, client_id, Extend(body.days, caller.name), request)


@router.post(
    "/retry",
    summary="Try the open invoices now",
    response_model=SubscriptionOut,
    responses=settling(
        "nothing_to_collect",
        "no_payment_method",
        "new_card_required",
        "action_required",
        "card_limit",
        "agency_frozen",
    ),
)
async def retry(client_id: str, services: Used, caller: Calling, request: Request) -> Ordered:
    """Also lets go of what was parked: a retry says that a person has looked into it."""
    return await ordered(services, caller, client_id, Retry(caller.name), request)


@router.post(
    "/review",
    summary="Decide on an invoice that is held for review",
    response_model=SubscriptionOut,
    responses=settling("nothing_to_review", "invoice_too_large"),
)
async def review(client_id: str, body: ReviewIn, services: Used, caller: Calling, request: Request) -> Ordered:
    """Approved, it is issued as it is; rejected, without its overage. Of several, the one that was held first."""
    order = Review(body.decision, caller.name, body.reason or "")
    return await ordered(services, caller, client_id, order, request)


async def ordered(
    services: Services, caller: Caller, client_id: str, order: Command, request: Request, *, part: str = ""
) -> Ordered:
    """The subscription as it is once the order is carried out, or that this is not settled yet. `part` names one of
    several orders that a request gives."""
    target = await own_subscription(services, caller, client_id)
    id = f"{update_id(request)}:{part}" if part else update_id(request)
    reply = await command(services, target, order, id)
    if isinstance(reply, Processing):
        return processing()
    return subscription_out(Live(reply.state, max(reply.state.clock, services.clock.now()), "workflow"))
