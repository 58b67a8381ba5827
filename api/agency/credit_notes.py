"""Crediting an open invoice: what is still owed of it is lowered, its lines and total stand."""

from http import HTTPStatus

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from adapters.postgres import credit_notes
from adapters.postgres.invoices import Invoice
from api import fields
from api.agency.credit_note_out import CREDIT_NOTE, CreditNoteOut, credit_note_out
from api.agency.giving_up import REFUSED
from api.agency.invoice_orders import give
from api.agency.invoices import own_invoice
from api.commands import processing, settling
from api.fields import LongText
from api.guard import Calling
from api.idempotency import seed
from api.ids import made_id
from api.money import MoneyIn
from api.openapi import example
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import agency_router
from api.tokens import Caller
from billing.credit_notes import CreditOrder, CreditReason
from workflows.messages import Credit

router = agency_router("Invoices", "/invoices/{invoice_id}")


class CreditNoteIn(
    fields.Request,
    json_schema_extra=example(amount=CREDIT_NOTE["amount"], reason="order_change", note="Two days without service"),
):
    """Without `amount` all that is still owed. `reason` and `note` stand on the credit note."""

    amount: MoneyIn | None = None
    reason: CreditReason | None = None
    note: LongText | None = Field(default=None, max_length=500)


WITHOUT_BODY = CreditNoteIn()


@router.post(
    "/credit-notes",
    summary="Credit an open invoice, wholly or in part",
    status_code=HTTPStatus.CREATED,
    response_model=CreditNoteOut,
    responses=settling(*REFUSED, "credit_too_large"),
)
async def credit(
    invoice_id: str, services: Used, caller: Calling, request: Request, body: CreditNoteIn = WITHOUT_BODY
) -> CreditNoteOut | Response:
    """The retries go on for what is left; credited in full, it is not collected any more.

    Waits at most 15 s for an attempt in flight: what that pays is refunded, not credited.
    """
    invoice = await own_invoice(services.database, caller, invoice_id)
    note = made_id("cnt", seed(request))
    order = CreditOrder(note, _asked(invoice, body), body.reason, body.note or "")
    settled = await give(services, caller, request, invoice.id, Credit(invoice.id, order, caller.name))
    made = await _made(services, caller, invoice.id, note) if settled else None
    return made or processing()


def _asked(invoice: Invoice, body: CreditNoteIn) -> int:
    """Raises InvalidFields."""
    if body.amount is None:
        return invoice.amount_due
    if body.amount.currency != invoice.currency:
        raise InvalidFields(("amount.currency", f"the invoice is in {invoice.currency}"))
    if body.amount.amount == 0:
        raise InvalidFields(("amount.amount", "must be more than zero"))
    return body.amount.amount


async def _made(services: Services, caller: Caller, invoice: str, note: str) -> CreditNoteOut | None:
    known = await credit_notes.of_invoice(services.database, caller.agency, invoice)
    return next((credit_note_out(row) for row in known if row.order_id == note), None)
