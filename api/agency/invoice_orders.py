"""Orders about an agency's invoice, given to the workflow that collects it."""

from fastapi import Request
from starlette.responses import Response

from adapters.postgres.invoices import Invoice
from adapters.postgres.subscriptions import subscription
from api.agency.invoice_out import InvoiceDetailOut
from api.agency.invoices import detail, own_invoice, refuse_when_gone
from api.commands import Processing, command, processing, settling
from api.conflicts import conflict
from api.guard import Calling
from api.idempotency import update_id
from api.problems import Conflict
from api.services import Services, Used
from api.tenant import agency_router
from api.tokens import Caller
from billing.invoices import InvoiceStatus
from workflows.messages import Command, Retry

router = agency_router("Invoices", "/invoices/{invoice_id}")


@router.post(
    "/retry",
    summary="Try an invoice now",
    response_model=InvoiceDetailOut,
    responses=settling(
        "invoice_paid",
        "nothing_to_collect",
        "no_payment_method",
        "new_card_required",
        "action_required",
        "card_limit",
        "agency_frozen",
    ),
)
async def retry(invoice_id: str, services: Used, caller: Calling, request: Request) -> InvoiceDetailOut | Response:
    """Tries the debt that it belongs to, the oldest first, and lets go of what was parked there: a retry says that a
    person has looked into it. The only way to a custom invoice, which no subscription leads to."""
    settled = await give(services, caller, request, invoice_id, Retry(caller.name))
    return await detail(services, caller, invoice_id) if settled else processing()


async def give(services: Services, caller: Caller, request: Request, invoice_id: str, order: Command) -> bool:
    """Give the order to the workflow that collects the agency's invoice; False: it is not settled yet.

    Raises NotFound, and Conflict as the rules or Stripe refuse it.
    """
    invoice = await own_invoice(services.database, caller, invoice_id)
    target = await subscription(services.database, invoice.subscription_id)
    assert target is not None, "a foreign key holds it"
    if invoice.status is InvoiceStatus.OPEN:
        await refuse_when_gone(services, invoice, caller)
    try:
        reply = await command(services, target, order, update_id(request))
    except Conflict as refused:
        raise await _as_it_stands(services, invoice, caller, refused) from refused
    return not isinstance(reply, Processing)


async def _as_it_stands(services: Services, invoice: Invoice, caller: Caller, refused: Conflict) -> Conflict:
    """The workflow knows its open invoices only: of one that is not open the books know whether it is paid."""
    now = await own_invoice(services.database, caller, invoice.id)
    return conflict("invoice_paid") if now.status is InvoiceStatus.PAID else refused
