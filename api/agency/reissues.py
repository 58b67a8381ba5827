"""Reissuing an invoice: void, and its corrected lines as the next revision."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import AfterValidator, Field
from starlette.responses import Response

from adapters.postgres import invoices
from adapters.postgres.invoices import Invoice
from api import fields
from api.agency.giving_up import REFUSED
from api.agency.invoice_orders import give
from api.agency.invoice_out import InvoiceDetailOut
from api.agency.invoices import detail, own_invoice
from api.commands import processing, settling
from api.fields import LongText, Whole
from api.guard import Calling
from api.money import MoneyIn
from api.openapi import example
from api.problems import InvalidFields
from api.services import Services, Used
from api.tenant import agency_router
from api.tokens import Caller
from billing.invoices import InvoiceStatus, LineKind, total
from billing.reissues import revised
from billing.revisions import revision_of
from billing.state import Corrected, Reissue
from workflows.messages import OrderReissue

router = agency_router("Invoices", "/invoices/{invoice_id}")
PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for the revision to be issued once the invoice is void."""
_LOOK_SECONDS: Final = 0.05


class LineCorrectionIn(fields.Request):
    """One line as it should have been. `line` is its place on the invoice, from 1; what is left out was right."""

    line: Annotated[Whole, Field(ge=1, le=250)]
    amount: MoneyIn | None = None
    description: Annotated[LongText, Field(max_length=500)] | None = None


def _each_once(corrections: list[LineCorrectionIn]) -> list[LineCorrectionIn]:
    if len({correction.line for correction in corrections}) < len(corrections):
        raise ValueError("names one line twice")
    return corrections


_EXAMPLE: Final[dict[str, Any]] = {
    "line": 1,
    "amount": {"amount": 3900, "currency": "usd"},
    "description": "Voice Pro, 1 Nov 2026 – 1 Dec 2026, as agreed",
}


class ReissueIn(fields.Request, json_schema_extra=example(lines=[_EXAMPLE], reason="The old price was billed")):
    """The lines that were wrong; the others stay as they are. An amount of zero leaves a line out."""

    lines: Annotated[list[LineCorrectionIn], Field(min_length=1, max_length=250), AfterValidator(_each_once)]
    reason: LongText = ""


@router.post(
    "/reissue",
    summary="Reissue an open invoice with corrected lines",
    status_code=HTTPStatus.CREATED,
    response_model=InvoiceDetailOut,
    responses=settling(*REFUSED),
)
async def reissue(
    invoice_id: str, services: Used, caller: Calling, request: Request, body: ReissueIn
) -> InvoiceDetailOut | Response:
    """Voids the invoice and answers with its revision, which has an id and a number of its own and is collected anew.

    Credit that the invoice consumed comes back and is consumed again. What is paid is not reissued but refunded.
    """
    invoice = await own_invoice(services.database, caller, invoice_id)
    corrected = _corrected(invoice, body)
    lines = revised(invoice.lines, corrected)
    order = OrderReissue(invoice.id, Reissue(invoice.source, total(lines), corrected), caller.name, body.reason)
    if not await give(services, caller, request, invoice.id, order):
        return processing()
    revision = revision_of(invoice.id)
    return await detail(services, caller, revision) if await _issued(services, caller, revision) else processing()


def _corrected(invoice: Invoice, body: ReissueIn) -> tuple[Corrected, ...]:
    """Raises InvalidFields for a line that is not there or not to be corrected, and another currency."""
    wrong = [
        (f"lines.{place}.{field}", detail)
        for place, correction in enumerate(body.lines)
        for field, detail in _wrong(invoice, correction)
    ]
    if wrong:
        raise InvalidFields(*wrong)
    return tuple(
        Corrected(correction.line, correction.amount.amount if correction.amount else None, correction.description)
        for correction in body.lines
    )


def _wrong(invoice: Invoice, correction: LineCorrectionIn) -> Sequence[tuple[str, str]]:
    if correction.line > len(invoice.lines):
        return [("line", f"the invoice has {len(invoice.lines)}")]
    if invoice.lines[correction.line - 1].kind is LineKind.CREDIT:
        return [("line", "is the credit, which is applied anew")]
    if correction.amount and correction.amount.currency != invoice.currency:
        return [("amount.currency", f"the invoice is in {invoice.currency}")]
    return []


async def _issued(services: Services, caller: Caller, revision: str) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while loop.time() < until:
        known = await invoices.invoice(services.database, caller.agency, revision)
        if known and known.status is not InvoiceStatus.DRAFT:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False
