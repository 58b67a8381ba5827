"""What ends an agency's invoice without a payment of ours: void, written off, paid elsewhere.

An open invoice is its subscription's: the workflow does it, when no attempt is in flight. One that is written off is
nobody's any more, so it is ended here, and Stripe's word on it is taken over: what is lost on the way can be repeated.
"""

from typing import Final, Literal

from fastapi import Request
from starlette.responses import Response

from adapters.postgres import projection, trail
from adapters.postgres.invoices import Invoice
from adapters.postgres.invoicing import mirror_invoice
from adapters.postgres.pool import transaction
from api import fields
from api.agency.invoice_orders import give
from api.agency.invoice_out import InvoiceDetailOut
from api.agency.invoices import detail, own_invoice, refuse_when_gone
from api.commands import processing, settling
from api.conflicts import conflict
from api.fields import LongText
from api.guard import Calling
from api.openapi import example
from api.services import Services, Used
from api.tenant import agency_router
from api.tokens import Caller
from billing.facts import InvoiceVoided, PaidElsewhere
from billing.invoices import InvoiceStatus
from workflows.messages import Mark, Void

router = agency_router("Invoices", "/invoices/{invoice_id}")
REFUSED: Final = ("invoice_paid", "invoice_not_open", "payment_in_progress", "agency_frozen", "stripe_refused")


class VoidIn(fields.Request, json_schema_extra=example(reason="Billed to the wrong client")):
    """Why: it stands in the audit trail."""

    reason: LongText = ""


class MarkPaidIn(fields.Request, json_schema_extra=example(reference="Bank transfer of 3 November, no. 4711")):
    """What shows that it was paid: it stands in the audit trail."""

    reference: LongText


WITHOUT_BODY: Final = VoidIn()
Ended = InvoiceDetailOut | Response


@router.post(
    "/void",
    summary="Void an open invoice, or a parked one",
    response_model=InvoiceDetailOut,
    responses=settling(*REFUSED),
)
async def void(
    invoice_id: str, services: Used, caller: Calling, request: Request, body: VoidIn = WITHOUT_BODY
) -> Ended:
    """Waits at most 15 s for an attempt in flight: what that pays is refunded, not voided. Parked unissued, it never is
    issued."""
    order = Void(invoice_id, caller.name, body.reason)
    return await _ended(services, caller, order, request, "void", body.reason)


@router.post(
    "/mark-uncollectible",
    summary="Write an open invoice off",
    response_model=InvoiceDetailOut,
    responses=settling(*REFUSED),
)
async def mark_uncollectible(
    invoice_id: str, services: Used, caller: Calling, request: Request, body: VoidIn = WITHOUT_BODY
) -> Ended:
    """It is not collected any more and no longer owed here; it can still be marked paid, or voided, later."""
    order = Mark(invoice_id, "uncollectible", caller.name, body.reason)
    return await _ended(services, caller, order, request, None, body.reason)


@router.post(
    "/mark-paid",
    summary="Mark an invoice paid elsewhere",
    response_model=InvoiceDetailOut,
    responses=settling(*REFUSED),
)
async def mark_paid(invoice_id: str, services: Used, caller: Calling, request: Request, body: MarkPaidIn) -> Ended:
    """Believed: it shortens the debt and never triggers a charge. Of what was written off, too."""
    order = Mark(invoice_id, "paid", caller.name, body.reference)
    return await _ended(services, caller, order, request, "paid", body.reference)


async def _ended(
    services: Services,
    caller: Caller,
    order: Void | Mark,
    request: Request,
    written_off: Literal["void", "paid"] | None,
    why: str,
) -> Ended:
    """`written_off`: what becomes of an invoice that was written off; none: nothing can."""
    invoice = await own_invoice(services.database, caller, order.invoice)
    if invoice.status is InvoiceStatus.UNCOLLECTIBLE and written_off:
        await refuse_when_gone(services, invoice, caller)
        await _end_written_off(services, caller, invoice, written_off, why)
    elif not await give(services, caller, request, invoice.id, order):
        return processing()
    return await detail(services, caller, invoice.id)


async def _end_written_off(
    services: Services, caller: Caller, invoice: Invoice, how: Literal["void", "paid"], why: str
) -> None:
    """Raises Conflict when it came to another end meanwhile, and billing.payments.PaymentTrouble."""
    end = services.payments.void if how == "void" else services.payments.mark_paid
    reading = await end(invoice.account_id, invoice.provider_id or "", invoice.id)
    now = services.clock.now()
    fact = InvoiceVoided(now, invoice.id) if reading.status is InvoiceStatus.VOID else PaidElsewhere(now, invoice.id)
    async with transaction(services.database) as connection:
        await mirror_invoice(connection, invoice.id, reading, now)
        state = await projection.load(connection, invoice.subscription_id)
        await projection.record(connection, state, [fact], caller.name)
        await trail.write(
            connection,
            caller.agency,
            at=now,
            who=caller.name,
            what="written_off_ended",
            why=why or None,
            client=invoice.client_id,
            subscription=invoice.subscription_id,
            detail={"invoice": invoice.id, "status": reading.status.value},
            dedupe_key=f"{invoice.id}:written_off_ended",
        )
    if (how == "void") is not (reading.status is InvoiceStatus.VOID):
        raise conflict("invoice_paid" if how == "void" else "invoice_not_open")
