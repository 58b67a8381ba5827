"""Giving money back: entered in the books with the start of what carries it out, answered as soon as it is made."""

import asyncio
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.responses import JSONResponse, Response

from adapters.postgres import refunds
from adapters.postgres.invoices import Invoice
from adapters.postgres.pool import transaction
from adapters.postgres.refunds import RefundExceeds
from api import fields
from api.agency.invoices import own_invoice, refuse_when_gone
from api.agency.refund_out import REFUND, RefundOut, refund_out
from api.conflicts import conflict
from api.fields import LongText
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import MoneyIn
from api.openapi import conflicts, example
from api.problems import InvalidFields, NotFound
from api.services import Services, Used
from api.tenant import agency_router
from api.tokens import Caller
from billing.refunds import RefundReason, RefundRow, RefundStatus, refusal

router = agency_router("Invoices", "/invoices/{invoice_id}")
PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for Stripe's answer. What takes longer goes on without it."""
_LOOK_SECONDS: Final = 0.05


class RefundIn(
    fields.Request,
    json_schema_extra=example(amount=REFUND["amount"], reason="requested_by_customer", note="Two days without service"),
):
    """Without `amount` all that is left of the payment. `reason` is told to Stripe, `note` stands in our trail."""

    amount: MoneyIn | None = None
    reason: RefundReason | None = None
    note: LongText | None = None


WITHOUT_BODY: Final = RefundIn()


@router.post(
    "/refunds",
    summary="Refund an invoice, wholly or in part",
    status_code=HTTPStatus.CREATED,
    response_model=RefundOut,
    responses={
        HTTPStatus.ACCEPTED: {"description": "Accepted, and not known to be made yet", "model": RefundOut},
        **conflicts("not_paid_on_stripe", "already_refunded", "refund_too_large", "agency_frozen"),
    },
)
async def refund(
    invoice_id: str, services: Used, caller: Calling, request: Request, body: RefundIn = WITHOUT_BODY
) -> RefundOut | Response:
    """Never more, in all, than was paid through Stripe; the platform's fee goes back in proportion.

    202 when Stripe has not answered within seconds: it is made all the same, and the same Idempotency-Key asked again
    says what came of it. A refund opens no debt again.
    """
    entered = await _enter(services, caller, invoice_id, body, made_id("rfd", seed(request)))
    known = await _settled(services, entered)
    if not known.made:
        return JSONResponse(refund_out(known).model_dump(mode="json"), HTTPStatus.ACCEPTED)
    return refund_out(known)


async def _enter(services: Services, caller: Caller, invoice_id: str, body: RefundIn, refund_id: str) -> RefundRow:
    """The refund in the books: the one that this request entered before, or a new one."""
    invoice = await own_invoice(services.database, caller, invoice_id)
    known = await refunds.load(services.database, refund_id)
    if known:
        return known
    asked = _asked(invoice, body)
    await refuse_when_gone(services, invoice, caller)
    try:
        async with transaction(services.database) as connection:
            return await refunds.enter(connection, _row(services, caller, invoice, body, refund_id, asked))
    except RefundExceeds:
        raise conflict("refund_too_large") from None


def _asked(invoice: Invoice, body: RefundIn) -> int:
    """The amount to refund. Raises Conflict and InvalidFields."""
    if body.amount and body.amount.currency != invoice.currency:
        raise InvalidFields(("amount.currency", f"the invoice is in {invoice.currency}"))
    if body.amount and body.amount.amount == 0:
        raise InvalidFields(("amount.amount", "must be more than zero"))
    code = refusal(
        invoice.status,
        out_of_band=invoice.paid_out_of_band,
        paid=invoice.amount_paid,
        refunded=invoice.amount_refunded,
        asked=body.amount.amount if body.amount else None,
    )
    if code:
        raise conflict(code)
    return body.amount.amount if body.amount else invoice.amount_paid - invoice.amount_refunded


def _row(
    services: Services, caller: Caller, invoice: Invoice, body: RefundIn, refund_id: str, amount: int
) -> RefundRow:
    return RefundRow(
        id=refund_id,
        agency_id=caller.agency,
        invoice_id=invoice.id,
        account_id=invoice.account_id,
        amount=amount,
        currency=invoice.currency,
        reason=body.reason,
        note=body.note,
        requested_by=caller.name,
        status=RefundStatus.PENDING,
        payment_intent_id=None,
        with_fee=None,
        provider_id=None,
        failure=None,
        created_at=services.clock.now(),
        first_sent_at=None,
        settled_at=None,
    )


async def _settled(services: Services, refund: RefundRow) -> RefundRow:
    """The refund once Stripe has it or has refused it; as it is when that takes longer than a person waits."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while not refund.made and loop.time() < until:
        await asyncio.sleep(_LOOK_SECONDS)
        known = await refunds.load(services.database, refund.id)
        if known is None:
            raise NotFound
        refund = known
    return refund
